"""Expected and true reductions by `calibrate`, certified gaps of maps fitted to bins, excess losses of maps.

Logits are normal; the true log-odds are a function of them (calibrated, overconfident, shifted, two slopes, reversed).
The true reduction of a map is computed on a large sample of scores with known probabilities, without label noise. The
expected reduction is unbiased if the mean of (expected − true) is 0 within a few of its standard errors. The certified
gap of a map that was fitted to bins is compared with the true gap: its loss on the rows less that of the best map of
its kind. `choices` gives the loss of the map of each method on other rows less that of the best method for that sample,
also on tables of real forecasts if the folder named by LOGLOSS_DATA has them. `maps` and `certain` give excess
losses of maps on new rows: _calibrating_maps.py.
"""

from __future__ import annotations

import argparse
import os
import pathlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow.csv
from _calibrating_maps import certain, maps
from _record import Figures, Lines, record
from _samples import expected_loss, labels_of
from scipy.optimize import minimize
from scipy.special import expit, logit

import logloss

Truth = Callable[[Any], Any]
TRUTHS: dict[str, Truth] = {
    "calibrated": lambda z: z,
    "slightly overconfident": lambda z: 0.93 * z,
    "overconfident": lambda z: 0.75 * z,
    "shifted": lambda z: z - 0.3,
    "two slopes": lambda z: np.where(z < 0, 0.6 * z, 1.3 * z),
    "reversed": lambda z: -0.3 * z,
}
SIZES = (200, 1000, 10_000)
KINDS = ("shift", "temperature", "platt", "beta")
METHODS = ("identity", *KINDS, "isotonic", "auto")
# Games of FiveThirtyEight (CC BY 4.0): their forecast and the outcome.
TABLES, FORECAST, OUTCOME = ("nba_games", "mlb_games", "march_madness_in_game"), "prob1", "prob1_outcome"


def sample(truth: Truth, random: np.random.Generator, n_rows: int) -> tuple[Any, Any]:
    """Logits, and labels."""
    logits = random.normal(-0.5, 1.5, n_rows)
    return logits, labels_of(random, expit(truth(logits)))


def reduction(truth: Truth, n_rows: int, method: str, repetitions: int, n_new: int) -> Figures:
    """Expected and true reduction over so many samples."""
    random = np.random.default_rng(1)
    new = random.normal(-0.5, 1.5, n_new)
    proba = expit(truth(new))
    before = expected_loss(proba, new).mean()
    expected, true, covered, shares = [], [], [], Counter()
    for _ in range(repetitions):
        logits, labels = sample(truth, random, n_rows)
        c = logloss.calibrate(labels, y_logit=logits, method=method, random=random)
        expected.append(float(c.expected_reduction))
        true.append(before - expected_loss(proba, c.apply_logit(new)).mean())
        shares.update({name: share / repetitions for name, share in c.shares.items()})
        if c.expected_reduction.has_interval:
            covered.append(c.expected_reduction.low <= true[-1] <= c.expected_reduction.high)
    excess = np.array(expected) - np.array(true)
    figures: Figures = {"expected": float(np.mean(expected)), "true": float(np.mean(true))}
    figures |= {"bias": float(excess.mean()), "error": float(excess.std(ddof=1) / np.sqrt(repetitions))}
    figures |= {"std": float(excess.std(ddof=1)), "intervals": len(covered)}
    if covered:
        figures["coverage_percent"] = float(100 * np.mean(covered))
    return figures | {f"share_{name}": share for name, share in shares.items() if method == "auto"}


def reductions(requested: argparse.Namespace) -> Lines:
    """Reductions in nats per row, by size, population and method."""
    for n_rows in [size for size in SIZES if size <= requested.largest]:
        for name, truth in TRUTHS.items():
            for method in ("auto", "platt", "isotonic"):
                figures = reduction(truth, n_rows, method, requested.repetitions, requested.rows // 3)
                yield f"{n_rows} rows, {name}, {method}", figures


def tables(n_rows: int) -> Iterator[tuple[str, Any, Any]]:
    """Log-odds and labels: of simulated forecasts, and of games without those that ended in a draw."""
    for name, truth in TRUTHS.items():
        yield name, *sample(truth, np.random.default_rng(2), n_rows)
    for name in TABLES:
        path = pathlib.Path(os.environ.get("LOGLOSS_DATA", "")) / f"forecasts_{name}.csv"
        if path.exists():
            table = pyarrow.csv.read_csv(path)
            proba, observed = (table[column].to_numpy().astype(float) for column in (FORECAST, OUTCOME))
            is_hard = (observed == 0) | (observed == 1)
            yield name, logit(proba[is_hard]), observed[is_hard].astype(np.uint8)


def choices(requested: argparse.Namespace) -> Lines:
    """Loss above that of the best map of each sample: nats per row, on average over samples."""
    for n_rows in [size for size in SIZES[:2] if size <= requested.largest]:
        for name, logits, labels in tables(requested.rows // 3):
            random, delta_to_best = np.random.default_rng(3), []
            for _ in range(requested.repetitions):
                order = random.permutation(len(labels))
                own, other = order[:n_rows], order[n_rows : n_rows + 20_000]
                maps = [logloss.calibrate(labels[own], y_logit=logits[own], method=method) for method in METHODS]
                losses = [logloss.log_loss(labels[other], y_logit=c.apply_logit(logits[other])) for c in maps]
                delta_to_best.append(np.array(losses) - min(losses[:-1]))
            yield f"{n_rows} rows, {name}", dict(zip(METHODS, np.mean(delta_to_best, axis=0).tolist(), strict=True))


def true_gap(kind: str, logits: Any, labels: Any, c: logloss.Calibration) -> float:
    """The loss on the rows less that of the best map of its kind, by SciPy, from the rows themselves."""
    log_one, log_zero, one = -np.logaddexp(0, -logits), np.logaddexp(0, logits), np.ones(len(logits))
    columns = {"shift": [one], "temperature": [logits], "platt": [logits, one], "beta": [log_one, log_zero, one]}[kind]
    names = {"shift": "c", "temperature": "a", "platt": "ac", "beta": "abc"}[kind]
    matrix, offset = np.stack(columns, axis=1), logits if kind == "shift" else 0.0
    sign = 2.0 * labels - 1

    def loss(theta: Any) -> tuple[float, Any]:
        margin = sign * (offset + matrix @ theta)
        return float(np.logaddexp(0, -margin).mean()), -(sign * expit(-margin)) @ matrix / len(margin)

    first = np.array([getattr(c.map, name) for name in names])
    # A map that never decreases: slopes of at least 0.
    bounds = [(None, None) if name == "c" else (0, None) for name in names]
    options = {"ftol": 1e-16, "gtol": 1e-12, "maxiter": 500}
    return loss(first)[0] - float(minimize(loss, first, jac=True, bounds=bounds, options=options).fun)


def gaps(requested: argparse.Namespace) -> Lines:
    """Certified and true gaps, in nats per row."""
    random = np.random.default_rng(3)
    for name, truth in TRUTHS.items():
        logits, labels = sample(truth, random, requested.rows)
        measured = logloss.measure(labels, y_logit=logits)
        for kind in KINDS:
            c = logloss.calibrate(measured, method=kind)
            yield f"{name}, {kind}", {"certified": float(c.gap), "true": true_gap(kind, logits, labels, c)}


if __name__ == "__main__":
    record(gaps, choices, reductions, maps, certain, repetitions=(60, 2), largest=(10_000, 200), rows=(300_000, 80_000))
