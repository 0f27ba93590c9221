"""What the sequences and the evidence of `compare` hold, by simulation; its intervals are in honesty.py.

How often the truth leaves the sequence after any period; how often the evidence against the truth reaches 20 to 1; how
often two equally good forecasters are called clearly different.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np
from _record import Lines, record
from _samples import expected_loss, labels_of
from scipy.special import expit

import logloss

N_PERIODS, ROWS_OF_A_PERIOD = 200, 3


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
    record(peeking, runs=(1000, 2))
