"""Random trials that look for silent faults: fits, frames, measures, saved and damaged files.

usage: python benchmarks/trials.py [fits] [frames] [measures] [files] [--trials N] [--seed N] [--workers N] [--quick]
       [--json FILE]

    fits      random designs against optima at 60 digits: bounds below the true gap, separations that are none
    frames    random frames, fitted, split, shuffled, saved and predicted in random ways, which must agree
    measures  random tables with weights, groups, clusters, ties and extremes against sums made by hand
    files     damaged and dishonest saved files of every kind, and damaged Parquet

Each trial is drawn by its own number from the seed, so that a failure can be run again by itself. The program ends with
1 if any trial gives a wrong answer in silence, a bound that does not hold, or an error that is not documented.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import pathlib
import platform
import subprocess
import sys
import time
from collections import Counter
from typing import Any

KINDS = ("fits", "frames", "measures", "files")
# Counts of these must be 0.
FAULTS = ("silent_differences", "invalid_bounds", "undocumented_exceptions")
QUICK = 12
# Trials that one task runs, each task with a seed of its own.
PER_TASK = 250


def part(task: tuple[str, int, int]) -> dict[str, Any]:
    """Some trials of a kind in this process."""
    kind, n_trials, seed = task
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    found: dict[str, Any] = importlib.import_module(f"_trials_{kind}").run(n_trials, seed)
    found["failures"] = [f"seed {seed}: {text}" for text in found["failures"]]
    return found


def trials(kind: str, n_trials: int, seed: int, n_workers: int) -> dict[str, Any]:
    """All trials of a kind: counts added up, the first failures as text, seconds."""
    began = time.perf_counter()
    sizes = [min(PER_TASK, n_trials - start) for start in range(0, n_trials, PER_TASK)]
    tasks = [(kind, size, seed * 10_000 + number) for number, size in enumerate(sizes)]
    counts: Counter[str] = Counter()
    failures: list[str] = []
    if n_workers == 1:
        parts = map(part, tasks)
    else:
        pool = multiprocessing.get_context("spawn").Pool(n_workers)
        parts = pool.imap(part, tasks)
    for found in parts:
        failures += found.pop("failures")
        counts.update({name: value for name, value in found.items() if isinstance(value, int)})
    return {**counts, "seconds": round(time.perf_counter() - began, 1), "failures": failures[:20]}


def environment() -> dict[str, str]:
    """Where this ran."""
    import numpy

    import logloss

    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "commit": commit,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "logloss": logloss.__version__,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], metavar="kind", default=[])
    parser.add_argument("--trials", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} trials of each kind in this process")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    asked = parser.parse_args()
    n_trials, n_workers = (QUICK, 1) if asked.quick else (asked.trials, asked.workers)
    found = {}
    for kind in asked.kinds or KINDS:
        found[kind] = trials(kind, n_trials, asked.seed, n_workers)
        text = ", ".join(
            f"{name.replace('_', ' ')} {value}" for name, value in found[kind].items() if name != "failures"
        )
        print(f"{kind}: {text}", flush=True)
        for failure in found[kind]["failures"]:
            print(f"    {failure}", flush=True)
    if asked.json:
        answer = {**environment(), "seed": asked.seed, **found}
        asked.json.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    return int(any(each.get(fault) for each in found.values() for fault in FAULTS))


if __name__ == "__main__":
    raise SystemExit(main())
