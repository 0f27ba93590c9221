"""How large pages are, and how long they take to make: for answers from one row to two million.

Time is the median of rounds in one process; the first page, which imports matplotlib, is timed separately.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from _record import Lines, record
from _samples import labels_of
from scipy.special import expit

import logloss


def forecasts(n_rows: int, *, centre: float = 0.0) -> tuple[Any, Any]:
    """Labels and probabilities of log-odds about a centre; the forecaster is overconfident."""
    random = np.random.default_rng(n_rows)
    logits = random.normal(centre, 1.5, n_rows)
    return labels_of(random, expit(0.8 * logits)), expit(logits)


def answers(n_rows: int) -> Iterator[tuple[str, Any]]:
    """Answers of many sizes, each with its name."""
    yield "measurement, 1 row", logloss.measure([1], [0.7])
    yield f"measurement, {n_rows // 200:,} rows", logloss.measure(*forecasts(n_rows // 200))
    yield f"measurement, {n_rows:,} rows", logloss.measure(*forecasts(n_rows))
    labels, proba = forecasts(n_rows // 10, centre=-5)
    names = np.array([f"group number {number:,} with a long name" for number in range(n_rows // 500)])
    groups = names[np.arange(len(labels)) % len(names)]
    yield f"measurement, {len(names):,} groups", logloss.measure(labels, proba, by=groups)
    random = np.random.default_rng(0)
    features = random.normal(size=(20_000, 40))
    yield "model, 40 columns", logloss.fit(features, labels_of(random, expit(features[:, 0])))
    labels, proba = forecasts(n_rows // 100)
    forecasters = {f"forecast {power}": proba**power for power in (1.0, 0.9, 1.2, 1.5, 2.0)}
    compared = logloss.compare(labels, forecasters, order=np.arange(len(labels)))
    yield f"comparison, 5 forecasts, {len(labels):,} periods", compared
    yield "difference", logloss.diff(*(logloss.measure(*forecasts(5_000, centre=centre)) for centre in (0, 0.3)))
    yield "explanation of 10 points", logloss.explain([*range(10)], [0, 0, 0, 1, 0, 1, 0, 1, 1, 1])


def pages(requested: argparse.Namespace) -> Lines:
    """Sizes and times."""
    began = time.perf_counter()
    logloss.measure([1, 0], [0.6, 0.5]).to_html()
    yield "the first page of a process", {"seconds": time.perf_counter() - began}
    for name, answer in answers(requested.rows):
        times = []
        for _ in range(requested.rounds):
            began = time.perf_counter()
            page = answer.to_html()
            times.append(time.perf_counter() - began)
        yield name, {"kb": len(page.encode()) / 1000, "seconds": statistics.median(times)}


if __name__ == "__main__":
    record(pages, rows=(2_000_000, 20_000), rounds=(3, 1))
