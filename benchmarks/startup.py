"""Start of a new process: import, --help, the first compiled call with nothing compiled yet and in later processes.

Each figure is the median wall time of whole processes, from start to end.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

from _record import Lines, record

FIRST_CALL = "import logloss; logloss.log_loss([0, 1], [0.4, 0.6])"


def seconds(*arguments: str, rounds: int, environment: dict[str, str] | None = None) -> dict[str, float]:
    """Median wall time of a process of this interpreter."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment)
        times.append(time.perf_counter() - began)
    return {"seconds": statistics.median(times)}


def startup(requested: argparse.Namespace) -> Lines:
    """Whole processes."""
    yield "bare interpreter", seconds("-c", "pass", rounds=requested.rounds)
    yield "import logloss", seconds("-c", "import logloss", rounds=requested.rounds)
    yield "logloss --help", seconds("-m", "logloss", "--help", rounds=requested.rounds)
    fresh, later = [], []
    for _ in range(max(1, requested.rounds // 3)):
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "LOGLOSS_CACHE_DIR": cache}
            fresh.append(seconds("-c", FIRST_CALL, rounds=1, environment=environment)["seconds"])
            later.append(seconds("-c", FIRST_CALL, rounds=requested.rounds, environment=environment)["seconds"])
    yield "first compiled call", {"seconds": statistics.median(fresh)}
    yield "the same, compiled before", {"seconds": statistics.median(later)}


if __name__ == "__main__":
    record(startup, rounds=(7, 1))
