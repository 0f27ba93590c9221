"""How large pages and pictures are, and how long they take to make: for answers from one row to two million.

usage: python benchmarks/pages.py

Time is the median of rounds in one process, after a first page that pays for importing matplotlib; it is shown, too.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import logloss
from logloss.show.drawings import kinds
from logloss.show.plot import svg_of

ROUNDS = 3


def forecasts(n_rows: int, *, rate: float = 0.0) -> tuple[Any, Any]:
    """Labels and predictions of log-odds about `rate`."""
    random = np.random.default_rng(n_rows)
    logits = random.normal(rate, 1.5, n_rows)
    proba = 1 / (1 + np.exp(-logits))
    return (random.random(n_rows) < 1 / (1 + np.exp(-0.8 * logits))).astype(int), proba


def answers() -> Iterator[tuple[str, Any]]:
    """Answers of many sizes, each with its name."""
    yield "measurement, 1 row", logloss.measure([1], [0.7])
    yield "measurement, 10,000 rows", logloss.measure(*forecasts(10_000))
    yield "measurement, 2,000,000 rows in bins", logloss.measure(*forecasts(2_000_000))
    labels, proba = forecasts(200_000, rate=-5)
    names = np.array([f"group number {number:,} with a long name" for number in range(4_000)])
    yield "measurement, rare events, 4,000 groups", logloss.measure(labels, proba, by=names[np.arange(200_000) % 4_000])
    random = np.random.default_rng(0)
    features = random.normal(size=(20_000, 40))
    chosen = (random.random(20_000) < 1 / (1 + np.exp(-features[:, 0]))).astype(int)
    yield "model, 40 columns", logloss.fit(features, chosen)
    labels, proba = forecasts(20_000)
    forecasters = {f"forecast {power}": proba**power for power in (1.0, 0.9, 1.2, 1.5, 2.0)}
    yield "comparison, 5 forecasts, 20,000 periods", logloss.compare(labels, forecasters, order=np.arange(20_000))
    old, new = logloss.measure(*forecasts(5_000)), logloss.measure(*forecasts(6_000, rate=0.3))
    yield "difference", logloss.diff(old, new)


def seconds(work: Any) -> float:
    """Median time of some calls."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Print the figures."""
    began = time.perf_counter()
    logloss.measure([1, 0], [0.6, 0.5]).to_html()
    print(f"the first page of a process: {time.perf_counter() - began:.2f} s\n")
    print(f"{'':42}{'page':>9}{'time':>9}   pictures")
    for name, answer in answers():
        size = len(answer.to_html().encode())
        drawn = ", ".join(f"{kind} {len(svg_of(answer, kind)) / 1000:.0f} KB" for kind in kinds(answer))
        print(f"{name:42}{size / 1000:6.0f} KB{seconds(answer.to_html):7.2f} s   {drawn}")


if __name__ == "__main__":
    main()
