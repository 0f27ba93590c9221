"""Errors of the confidence sequence and of the e-value of `compare`, and rows until they detect a difference.

    peeking      percentage of series with an error at any of the looks after every period
    detection    rows until the sequence excludes 0, and until the e-value is 20, relative to those that a test of fixed
                 size needs for a power of 80%

In a series with a shock, all rows of a period share a normal shock in their log-odds, which is in no forecast.
"""

from __future__ import annotations

import argparse
import math
from functools import partial
from multiprocessing import Pool
from statistics import NormalDist
from typing import Any

import numpy as np
from _record import CORES, Lines, record
from _samples import expected_loss, labels_of
from scipy.special import expit, logit

import logloss
from logloss.comparison.confidence_sequence import PeriodDeltas, log_e_value_of, sequence_of

KINDS = ("equal", "biased", "extreme", "shifted", "shifted, weighted")
# (Periods, rows of each, standard deviation of the shock that they share).
SERIES = ((200, 3, 0.0), (60, 100, 0.5), (20, 1000, 0.2))
# Nodes for the average over a normal shock.
NODES, MASSES = np.polynomial.hermite_e.hermegauss(30)
BASE_RATES = (0.5, 0.1, 0.02, 0.002)
# With fewer, no difference is detected.
FEWEST_POSITIVES = 100
# Standard deviation of the noise in the log-odds of the worse forecast.
NOISE = 0.5
Z_OF_FIXED = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)


def averaged(truth: Any, shock: float) -> Any:
    """The probability of a 1, averaged over the shock."""
    if not shock:
        return truth
    shifted = expit(logit(truth)[:, None] + shock * NODES)
    return shifted @ MASSES / MASSES.sum()


def drawn(random: np.random.Generator, truth: Any, periods: Any, shock: float) -> Any:
    """Labels; those of a period share a shock."""
    shift = random.normal(0, shock, int(periods[-1]) + 1)[periods] if shock else 0.0
    return labels_of(random, expit(logit(truth) + shift))


def errors_of(seed: int, kind: str, series: tuple[int, int, float]) -> tuple[bool, bool, bool]:
    """Whether the sequence excluded its estimand, excluded 0, and the e-value reached 20 under its null hypothesis."""
    n_periods, n_rows, shock = series
    random = np.random.default_rng(np.random.SeedSequence([seed, KINDS.index(kind), SERIES.index(series)]))
    periods = np.repeat(np.arange(n_periods), n_rows)
    a = random.normal(0, 1, len(periods))
    b = a + random.normal(0, NOISE, len(periods))
    if kind.startswith("shifted"):
        # The differences of all rows of a period have the sign of its shock.
        b = a + NOISE
    if kind == "extreme":
        a, b = np.full(len(a), 18.4), np.full(len(a), -18.4)
    # With these true probabilities both are equally good.
    truth = (np.logaddexp(0, a) - np.logaddexp(0, b)) / (a - b)
    if kind == "biased":
        truth = np.clip(truth + random.uniform(-0.3, 0.3, len(a)), 0.01, 0.99)
    weight = random.lognormal(0, 0.7, len(a)) if kind == "shifted, weighted" else np.ones(len(a))
    likely = averaged(truth, shock)
    delta = np.bincount(periods, weight * (expected_loss(likely, b) - expected_loss(likely, a)))
    expected = np.cumsum(delta) / np.cumsum(np.bincount(periods, weight))
    _, low, high = sequence_of(deltas_of(drawn(random, truth, periods, shock), a, b, weight, periods), 0.05)
    is_excluded = (low > expected) | (high < expected)
    # If a is the true probability, b is better in no period. With a shock that is the average over it, not a itself.
    right = logit(averaged(expit(a), shock)) if shock else a
    deltas = deltas_of(drawn(random, expit(a), periods, shock), right + (b - a), right, weight, periods)
    # Half, as it is shown: the data decide which one is called the better.
    e_value = log_e_value_of(deltas) - math.log(2)
    return bool(is_excluded.any()), bool(((low > 0) | (high < 0)).any()), bool(e_value.max() >= math.log(20))


def deltas_of(labels: Any, a: Any, b: Any, weight: Any, periods: Any) -> PeriodDeltas:
    """Sums by period of the difference in log loss, b less a, as `compare` computes them (tests/test_comparison.py)."""
    if_zero = weight * (np.logaddexp(0, b) - np.logaddexp(0, a))
    if_one = if_zero - weight * (b - a)
    parts = weight, np.where(labels == 1, if_one, if_zero), weight * np.abs(a - b), np.minimum(if_zero, if_one)
    n_rows = int((periods == periods[0]).sum())
    return PeriodDeltas(*(np.bincount(periods, each) for each in parts), float(weight[:n_rows].sum()) / n_rows)


def peeking(requested: argparse.Namespace) -> Lines:
    """Percentage of series with an error at any look."""
    with Pool(requested.workers) as pool:
        for series in SERIES[: requested.series]:
            for kind in KINDS:
                runs = pool.map(partial(errors_of, kind=kind, series=series), range(requested.runs), chunksize=10)
                estimand, zero, e_value = (float(100 * np.mean(each)) for each in zip(*runs, strict=True))
                figures = {"estimand_excluded_percent": estimand, "e_value_reached_20_percent": e_value}
                name = f"{kind}, {series[0]} periods of {series[1]:,} rows, shock {series[2]:g}"
                # Of the biased forecasters one is better.
                yield name, figures if kind == "biased" else figures | {"excluded_0_percent": zero}


def detected(seed: int, base_rate: float, n_rows: int) -> tuple[float, float, float]:
    """Rows until the sequence excludes 0, rows until the e-value is 20, the difference over its standard deviation."""
    random = np.random.default_rng(np.random.SeedSequence([seed, int(1 / base_rate)]))
    a = logit(base_rate) + random.normal(0, 1, n_rows)
    b = a + random.normal(0, NOISE, n_rows)
    pair = logloss.compare(labels_of(random, expit(a)), y_logit={"a": a, "b": b}, order=np.arange(n_rows)).pair
    rows = np.cumsum(pair.sequential.table["rows"])
    low, e_value = (np.array(pair.sequential.table[name]) for name in ("low", "log_e_value"))
    places = [np.flatnonzero(each) for each in (low > 0, e_value >= math.log(20))]
    n_rows_needed = [float(rows[place[0]]) if len(place) and pair.better == "a" else math.inf for place in places]
    return n_rows_needed[0], n_rows_needed[1], float(pair.delta) / (pair.standard_error * math.sqrt(n_rows))


def detection(requested: argparse.Namespace) -> Lines:
    """Rows until a difference is detected."""
    with Pool(requested.workers) as pool:
        for base_rate in BASE_RATES:
            # About ten times as many as a test of fixed size needs.
            n_rows = int(min(5_000 / base_rate**0.75, requested.largest))
            if n_rows * base_rate < FEWEST_POSITIVES:
                continue
            runs = pool.map(
                partial(detected, base_rate=base_rate, n_rows=n_rows), range(requested.detections), chunksize=1
            )
            sequence, e_value, effect = (np.array(each) for each in zip(*runs, strict=True))
            fixed = (Z_OF_FIXED / float(effect.mean())) ** 2
            yield (
                f"base rate {base_rate:g}",
                {
                    "rows_of_a_fixed_test": fixed,
                    "rows_of_the_sequence": float(np.median(sequence)),
                    "rows_of_the_e_value": float(np.median(e_value)),
                    "sequence_over_fixed": float(np.median(sequence)) / fixed,
                    "e_value_over_fixed": float(np.median(e_value)) / fixed,
                },
            )


if __name__ == "__main__":
    options = {"runs": (2000, 2), "series": (3, 1), "detections": (60, 2), "largest": (600_000, 3000)}
    record(peeking, detection, **options, workers=(CORES, 1))
