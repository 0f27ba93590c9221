"""Coverage of the intervals of a coefficient where events are rare: Firth's penalty and maximum likelihood.

Of each population samples of 50, 100 and 200 rows are drawn, those without any event again; 5 to 10% of rows are
events. The coefficient is that of the column which is named. `separated_percent` is how many samples have no finite
maximum-likelihood estimate. `firth_profile`, `firth_wald`, `profile` and `wald` are the percentages of 95% intervals
that cover the true coefficient; those of Wald of maximum likelihood among the `wald_given` percent of samples that have
one. `firth_bias` and `predicted_over_observed` are the mean error of Firth's coefficient and the mean prediction under
it over the base rate. With 240 repetitions a coverage of 95% has a standard error of 1.4%.
"""

from __future__ import annotations

import argparse
import functools
import math
import multiprocessing
import warnings
import zlib
from collections.abc import Callable

import numpy as np
from _record import CORES, Figures, Lines, record
from scipy.special import expit

import logloss

SEED = 1
SIZES = (50, 100, 200)
Draw = Callable[[np.random.Generator, int], np.ndarray]


def rare_exposure(random: np.random.Generator, n: int) -> np.ndarray:
    """A rare exposure (15% of rows) beside a normal covariate that depends on it."""
    exposed = random.random(n) < 0.15
    return np.column_stack([exposed, random.normal(0.5 * exposed, 1.0)]).astype(float)


def skewed_dose(random: np.random.Generator, n: int) -> np.ndarray:
    """A lognormal dose beside a group of a third of the rows."""
    return np.column_stack([np.minimum(random.lognormal(0, 1, n), 10.0), random.random(n) < 1 / 3]).astype(float)


def correlated_marks(random: np.random.Generator, n: int) -> np.ndarray:
    """Two marks of one normal cause, each present in a quarter of rows, and a third one by itself."""
    cause = random.normal(size=(n, 1))
    return np.column_stack([cause + random.normal(size=(n, 2)) > 0.95, random.random(n) < 0.5]).astype(float)


# Columns, the true intercept, the true coefficients; the first of these is the one that is covered.
POPULATIONS: dict[str, tuple[Draw, float, tuple[float, ...]]] = {
    "rare exposure": (rare_exposure, -3.0, (1.5, 0.4)),
    "skewed dose": (skewed_dose, -3.2, (0.3, -0.5)),
    "correlated marks": (correlated_marks, -2.6, (0.0, 1.0, -0.7)),
}


def one(name: str, n_rows: int, number: int) -> Figures:
    """One sample: what its intervals cover."""
    draw, intercept, true = POPULATIONS[name]
    of_case = zlib.crc32(f"{name} {n_rows}".encode())
    random = np.random.default_rng(np.random.SeedSequence([SEED, of_case, number]))
    while True:
        x = draw(random, n_rows)
        y = random.random(n_rows) < expit(intercept + x @ true)
        if 0 < y.sum() < n_rows and (np.ptp(x, axis=0) > 0).all():
            break

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        firth = logloss.fit(x, y, penalty="firth")
        likelihood = logloss.fit(x, y, interval="profile", leave_one_out=False)
    return {
        "separated": float(likelihood.separation is not None),
        "firth_profile": covers(firth.profile.interval("x0"), true[0]),
        "firth_wald": covers(wald_of(firth), true[0]),
        "profile": covers(likelihood.profile.interval("x0"), true[0]),
        "wald": covers(wald_of(likelihood), true[0]),
        "bias": firth.coefficients["x0"] - true[0],
        "predicted": firth.mean_predicted / y.mean(),
    }


def covers(interval: tuple[float, float], true: float) -> float:
    """1 or 0; nan where there is no interval."""
    low, high = interval
    return math.nan if math.isnan(low) or math.isnan(high) else float(low <= true <= high)


def wald_of(model: logloss.LogisticModel) -> tuple[float, float]:
    """The interval of the standard error."""
    if model.errors is None:
        return math.nan, math.nan
    value, margin = model.coefficients["x0"], model.errors.margin("x0")
    return value - margin, value + margin


def coverage(requested: argparse.Namespace) -> Lines:
    """Each population at each size."""
    with multiprocessing.get_context("spawn").Pool(requested.workers) as pool:
        for name in POPULATIONS:
            for n_rows in SIZES:
                drawn = pool.map(functools.partial(one, name, n_rows), range(requested.repetitions), chunksize=5)
                columns = {key: np.array([each[key] for each in drawn]) for key in drawn[0]}
                covered = ("firth_profile", "firth_wald", "profile", "wald")
                given = {key: columns[key][~np.isnan(columns[key])] for key in covered}
                yield (
                    f"{name}, {n_rows} rows",
                    {
                        "separated_percent": 100 * columns["separated"].mean(),
                        **{key: 100 * float(own.mean()) if len(own) else 0.0 for key, own in given.items()},
                        "profiles_given": 100 * len(given["firth_profile"]) / len(drawn),
                        "wald_given": 100 * len(given["wald"]) / len(drawn),
                        "firth_bias": float(columns["bias"].mean()),
                        "predicted_over_observed": float(columns["predicted"].mean()),
                    },
                )


if __name__ == "__main__":
    record(coverage, repetitions=(240, 2), workers=(CORES, 1))
