"""Random trials that search for silent faults: fits, frames, measures, saved and damaged files.

    fits      random designs against optima at 60 digits: bounds below the true gap, separations that do not exist
    frames    random frames, fitted, split, shuffled, saved and predicted in random ways, which must agree
    measures  random tables with weights, groups, clusters, ties and extremes against sums made by hand
    files     damaged and dishonest saved files of every kind, and damaged Parquet

Each trial is drawn by its own number from the seed, so that a failure can be run again by itself. The program ends with
1 if any trial gives a wrong answer in silence, a bound that does not hold, or an error that is not documented.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import multiprocessing
import sys
import time
from collections import Counter
from typing import Any

from _record import CORES, Lines, record

# Counts of these must be 0.
FAULTS = ("silent_differences", "invalid_bounds", "undocumented_exceptions")
# Trials that one task runs, each task with a seed of its own.
PER_TASK = 250


def task(kind: str, n_trials: int, seed: int) -> dict[str, Any]:
    """Some trials of a kind in this process."""
    counts: dict[str, Any] = importlib.import_module(f"_trials_{kind}").run(n_trials, seed)
    return counts | {"failures": [f"seed {seed}: {text}" for text in counts["failures"]]}


def trials(kind: str, requested: argparse.Namespace) -> Lines:
    """All trials of a kind: counts added up, the first failures as text, seconds."""
    began = time.perf_counter()
    sizes = [min(PER_TASK, requested.trials - start) for start in range(0, requested.trials, PER_TASK)]
    tasks = [(kind, size, requested.seed * 10_000 + number) for number, size in enumerate(sizes)]
    if len(tasks) == 1 or requested.workers == 1:
        answers = list(itertools.starmap(task, tasks))
    else:
        with multiprocessing.get_context("spawn").Pool(requested.workers) as pool:
            answers = pool.starmap(task, tasks, chunksize=1)
    failures = [text for answer in answers for text in answer.pop("failures")]
    peak = {"peak_mib": max(answer.pop("peak_mib") for answer in answers)} if "peak_mib" in answers[0] else {}
    counts: Counter[str] = Counter()
    for answer in answers:
        counts.update({name: value for name, value in answer.items() if isinstance(value, int)})
    yield "trials", {**counts, **peak, "seconds": time.perf_counter() - began, "failures": failures[:20]}


def fits(requested: argparse.Namespace) -> Lines:
    """Bounds and separations."""
    return trials("fits", requested)


def frames(requested: argparse.Namespace) -> Lines:
    """Forms of the same rows."""
    return trials("frames", requested)


def measures(requested: argparse.Namespace) -> Lines:
    """Figures of small tables."""
    return trials("measures", requested)


def files(requested: argparse.Namespace) -> Lines:
    """Damage."""
    return trials("files", requested)


if __name__ == "__main__":
    figures = record(fits, frames, measures, files, trials=(5_000, 12), seed=(1, 2), workers=(CORES, 1))
    sys.exit(int(any(lines["trials"].get(fault) for lines in figures.values() for fault in FAULTS)))
