"""log_loss on 10^7 rows in memory against a bare read of the same bytes and against scikit-learn, in one run.

usage: python benchmarks/arrays.py [ROWS]

The bare read adds up the bits of the same arrays with the same threads; the ratios are medians of rounds in which all
contestants take turns.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

import logloss
from logloss.onepass.run import available_cpus

ROUNDS = 15


@numba.njit(nogil=True)
def read(labels, forecasts):
    """Add up the bits of two arrays."""
    total = 0
    for i in range(labels.shape[0]):
        total += labels[i] + forecasts[i]
    return total


def bare_read(labels, forecasts, pool) -> int:
    """Every byte once, on all processors."""
    cuts = np.linspace(0, len(labels), 4 * available_cpus() + 1).astype(int)
    bits = forecasts.view(np.int64)
    jobs = [pool.submit(read, labels[a:b], bits[a:b]) for a, b in itertools.pairwise(cuts)]
    return sum(job.result() for job in jobs)


def main() -> None:
    """Print the ratios."""
    n_rows = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10**7
    random = np.random.default_rng(1)
    proba = random.random(n_rows)
    labels = (random.random(n_rows) < proba).astype(np.uint8)
    logit = np.log(proba / (1 - proba))
    with ThreadPoolExecutor(available_cpus()) as pool:
        contestants = {
            "bare read of the bytes": lambda: bare_read(labels, proba, pool),
            "log_loss, probabilities": lambda: logloss.log_loss(labels, proba),
            "log_loss, logits": lambda: logloss.log_loss(labels, y_logit=logit),
            "measure, probabilities": lambda: logloss.measure(labels, proba),
            "measure, logits": lambda: logloss.measure(labels, y_logit=logit),
        }
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for round_number in range(ROUNDS + 2):
            for name, run in contestants.items():
                began = time.perf_counter()
                run()
                if round_number >= 2:
                    seconds[name].append(time.perf_counter() - began)
    reads = seconds["bare read of the bytes"]
    print(f"{n_rows:,} rows, {available_cpus()} threads, medians of {ROUNDS} rounds")
    for name, times in seconds.items():
        ratio = statistics.median(t / r for t, r in zip(times, reads, strict=True))
        print(f"{name:28} {1e3 * statistics.median(times):9.1f} ms   {ratio:7.2f} × the read")
    from sklearn.metrics import log_loss as peer

    theirs, ours = [], []
    for _ in range(3):
        began = time.perf_counter()
        value = peer(labels, proba)
        theirs.append(time.perf_counter() - began)
        began = time.perf_counter()
        own = logloss.log_loss(labels, proba)
        ours.append(time.perf_counter() - began)
    ratio = statistics.median(a / b for a, b in zip(theirs, ours, strict=True))
    print(f"{'scikit-learn log_loss':28} {1e3 * statistics.median(theirs):9.1f} ms   {ratio:7.0f} × ours")
    print(f"scikit-learn {float(value)!r}, ours {own!r}")


if __name__ == "__main__":
    main()
