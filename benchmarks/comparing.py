"""What the intervals, sequences and evidence of `compare` hold, by simulation.

Coverage: the 95 % interval of the lead, of rows, weighted rows and clusters; of miscalibration and discrimination,
which a recalibration fitted on the same rows makes larger, what they are on average at that size. Peeking: how often
the truth leaves the sequence after any period; how often the evidence against the truth reaches 20 to 1; how often two
equally good forecasters are called clearly different.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np
from _record import Figures, Lines, record
from _samples import expected_loss, labels_of
from scipy.special import expit

import logloss

N_PERIODS, ROWS_OF_A_PERIOD = 200, 3
SIZES = (200, 2000, 20_000)


def sample(random: np.random.Generator, kind: str, centre: float, n_rows: int) -> tuple[Any, Any, Any, dict[str, Any]]:
    """(Labels, logits of the right forecast, of one that is stretched and noisy, options of `compare`)."""
    options = {}
    if kind == "clustered":
        n_clusters = n_rows // 10
        logit = centre + np.repeat(random.normal(0, 0.85, n_clusters), 10) + random.normal(0, 0.85, n_clusters * 10)
        luck = np.repeat(random.random(n_clusters), 10)
        noise = np.repeat(random.normal(0, 0.3, n_clusters), 10)
        options["cluster"] = np.repeat(np.arange(n_clusters), 10)
    else:
        logit, luck, noise = random.normal(centre, 1.2, n_rows), random.random(n_rows), random.normal(0, 0.3, n_rows)
        if kind == "weighted":
            options["sample_weight"] = random.lognormal(0, 0.7, n_rows)
    return (luck < expit(logit)).astype(np.uint8), logit, 1.2 * logit + noise, options


def oriented(pair: Any, estimate: Any) -> tuple[float, float, float]:
    """(Value, low, high) of b's figure less a's, whichever is better."""
    if pair.better == "a":
        return float(estimate), estimate.low, estimate.high
    return -float(estimate), -estimate.high, -estimate.low


def covered(random: np.random.Generator, kind: str, centre: float, n_rows: int, lead: float, n_samples: int) -> Figures:
    """Per cent of the intervals that hold what they should."""
    pairs = []
    for _ in range(n_samples):
        labels, a, b, options = sample(random, kind, centre, n_rows)
        pairs.append(logloss.compare(labels, y_logit={"a": a, "b": b}, **options).contest)
    pairs = [pair for pair in pairs if pair.lead.has_interval]
    figures: Figures = {"samples": len(pairs)}
    for name in ("lead", "miscalibration", "discrimination"):
        intervals = [oriented(pair, getattr(pair, name)) for pair in pairs]
        if intervals and not np.isnan(intervals[0][1]):
            right = lead if name == "lead" else np.mean([value for value, _, _ in intervals])
            figures[f"{name}_percent"] = float(100 * np.mean([low <= right <= high for _, low, high in intervals]))
    return figures


def coverage(asked: argparse.Namespace) -> Lines:
    """Per cent of the 95 % intervals."""
    random = np.random.default_rng(3)
    for kind in ("rows", "weighted", "clustered"):
        for centre in (0.0, -2.6):
            _, one, other, options = sample(random, kind, centre, 2_000_000)
            gap = expected_loss(expit(one), other) - expected_loss(expit(one), one)
            lead = float(np.average(gap, weights=options.get("sample_weight")))
            for n_rows in SIZES:
                if n_rows * expit(centre) >= 15 and n_rows <= asked.largest:
                    case = f"{kind}, log-odds about {centre}, {n_rows:,} rows"
                    yield case, covered(random, kind, centre, n_rows, lead, asked.repetitions)


def misled(random: np.random.Generator, kind: str) -> tuple[bool, bool, bool]:
    """Whether the truth left the sequence, one was called clear, and the evidence refuted the truth."""
    n_rows = N_PERIODS * ROWS_OF_A_PERIOD
    a = random.normal(0, 1, n_rows)
    b = a + random.normal(0, 0.5, n_rows)
    if kind == "extreme":
        a, b = np.full(n_rows, 18.4), np.full(n_rows, -18.4)
    # Where this is true, both are equally good.
    truth = (np.logaddexp(0, a) - np.logaddexp(0, b)) / (a - b)
    if kind == "biased":
        truth = np.clip(truth + random.uniform(-0.3, 0.3, n_rows), 0.01, 0.99)
    options: dict[str, Any] = {"order": np.repeat(np.arange(N_PERIODS), ROWS_OF_A_PERIOD)}
    if kind == "fair, weighted":
        options["sample_weight"] = random.lognormal(0, 0.7, n_rows)
    weight = options.get("sample_weight", np.ones(n_rows))
    pair = logloss.compare(labels_of(random, truth), y_logit={"a": a, "b": b}, **options).contest
    table = pair.course.table
    gain = weight * (expected_loss(truth, b) - expected_loss(truth, a)) * (1 if pair.better == "a" else -1)
    expected = (np.cumsum(gain) / np.cumsum(weight))[ROWS_OF_A_PERIOD - 1 :: ROWS_OF_A_PERIOD]
    has_left = (np.array(table["low"]) > expected) | (np.array(table["high"]) < expected)
    # The evidence against a is put to the test where a is the truth.
    second = logloss.compare(labels_of(random, expit(a)), y_logit={"a": a, "b": b}, **options).contest
    evidence = np.array(second.course.table["log_evidence_nats"]) * (-1 if second.better == "a" else 1)
    return bool(has_left.any()), pair.course.clear_since != "", bool((evidence >= math.log(20)).any())


def peeking(asked: argparse.Namespace) -> Lines:
    """Per cent of the runs in which looking after every period misleads."""
    random = np.random.default_rng(2)
    for kind in ("fair", "biased", "extreme", "fair, weighted"):
        runs = [misled(random, kind) for _ in range(asked.runs)]
        left, clear, refuted = (float(100 * np.mean(each)) for each in zip(*runs, strict=True))
        figures = {"truth_left_percent": left, "truth_refuted_percent": refuted}
        # One of the biased ones is better.
        yield kind, figures if kind == "biased" else figures | {"called_clear_percent": clear}


if __name__ == "__main__":
    record(peeking, coverage, runs=(1000, 2), repetitions=(300, 2), largest=(20_000, 2000))
