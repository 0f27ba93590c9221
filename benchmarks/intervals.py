"""Coverage of the 95 % intervals of `measure`, by simulation; and what the p-values of calibrated forecasters are.

Logits are normal, the forecaster multiplies them by 1.3 (over-confident). Intervals should hold the figures of the
population. Samples with fewer than 20 rows of the rarer class have no interval and do not count. Rows are independent,
or have weights that vary, or are clusters of ten that share a random shift.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from _record import Figures, Lines, record
from _samples import expected_loss, labels_of
from scipy.special import expit

import logloss

SPREAD, OVERCONFIDENCE = 1.2, 1.3
CENTRES = (0.0, -2.6, -5.3)
SIZES = (200, 2000, 20_000)
OF_PARTS = ("excess_discrimination", "excess_miscalibration")


def truth(centre: float) -> dict[str, float]:
    """The figures of the population, by summing over a fine grid of logits."""
    logits = np.linspace(centre - 9 * SPREAD, centre + 9 * SPREAD, 20_001)
    density = np.exp(-0.5 * ((logits - centre) / SPREAD) ** 2)
    density /= density.sum()
    proba = expit(logits)
    loss, best = (float(density @ expected_loss(proba, factor * logits)) for factor in (OVERCONFIDENCE, 1))
    rate = float(density @ proba)
    uncertainty = logloss.entropy(rate)
    ones, zeros = density * proba / rate, density * (1 - proba) / (1 - rate)
    auc = float(ones @ (np.cumsum(zeros) - zeros / 2))
    figures = {"log_loss": loss, "base_rate": rate, "uncertainty": uncertainty, "skill": 1 - loss / uncertainty}
    return figures | {"auc": auc, OF_PARTS[0]: uncertainty - best, OF_PARTS[1]: loss - best}


def estimate_of(measured: logloss.Measurement, name: str) -> logloss.Estimate:
    """A figure by its name."""
    return getattr(measured, name.removeprefix("excess_")).excess if name in OF_PARTS else getattr(measured, name)


def sample(random: np.random.Generator, kind: str, centre: float, n_rows: int) -> logloss.Measurement:
    """A measurement of rows of a kind."""
    logits = random.normal(centre, SPREAD, n_rows)
    options = {}
    if kind == "weighted":
        options["sample_weight"] = random.lognormal(0, 0.7, n_rows)
    labels = labels_of(random, expit(logits))
    if kind == "clustered":
        # Half of the spread is shared, and the luck is.
        shared, own = (random.normal(0, SPREAD * math.sqrt(0.5), n) for n in (n_rows // 10, n_rows))
        logits = centre + np.repeat(shared, 10) + own
        labels = (np.repeat(random.random(n_rows // 10), 10) < expit(logits)).astype(np.uint8)
        options["cluster"] = np.repeat(np.arange(n_rows // 10), 10)
    return logloss.measure(labels, y_logit=OVERCONFIDENCE * logits, **options)


def covered(samples: list[logloss.Measurement], right: dict[str, float]) -> Figures:
    """Per cent of the intervals that hold what they should."""
    figures: Figures = {"samples": len(samples)}
    for name, value in right.items():
        held = [estimate_of(m, name).low <= value <= estimate_of(m, name).high for m in samples]
        figures[f"{name}_percent"] = float(100 * np.mean(held))
    return figures


def coverage(asked: argparse.Namespace) -> Lines:
    """Per cent, by kind of rows, base rate and size."""
    random = np.random.default_rng(5)
    for kind in ("rows", "weighted", "clustered"):
        for centre in CENTRES:
            right = truth(centre)
            for n_rows in SIZES:
                if n_rows * right["base_rate"] < 10 or n_rows > asked.largest:
                    continue
                samples = [sample(random, kind, centre, n_rows) for _ in range(asked.repetitions)]
                samples = [m for m in samples if m.log_loss.has_interval]
                if len(samples) >= asked.repetitions / 2:
                    yield f"{kind}, base rate {right['base_rate']:.3f}, {n_rows:,} rows", covered(samples, right)


def p_values(asked: argparse.Namespace) -> Lines:
    """Per cent of calibrated forecasters whose p-value is at most so much."""
    random = np.random.default_rng(6)
    for n_rows in (100, 1000):
        samples = [random.beta(2, 3, n_rows) for _ in range(asked.repetitions)]
        p_values = [float(logloss.measure(labels_of(random, p), p).miscalibration.p_value) for p in samples]
        shares = {level: float(np.mean(np.array(p_values) <= level)) for level in (0.05, 0.1, 0.5)}
        yield f"{n_rows:,} rows", {f"up_to_{level}_percent": 100 * share for level, share in shares.items()}


if __name__ == "__main__":
    record(coverage, p_values, repetitions=(100, 2), largest=(20_000, 2000))
