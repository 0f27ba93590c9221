"""The claims of a simulated case, their coverage or rejection rate, and the verdict on each.

A case draws rows of one population again and again and computes their intervals and p-values with the library; each of
these is a claim. Seeds are derived from the name of the case and the number of the repetition, so that a figure depends
neither on the number of processes nor on the other cases.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _record import Figures

# Coverage is promised from so many effective rows, rows of the rarer class and clusters on.
FEWEST_ROWS, FEWEST_OF_RARER_CLASS, FEWEST_CLUSTERS = 500, 50, 10
# Percentages: coverage of 95% intervals, p-values below 0.05.
COVERAGE, REJECTIONS, SIGNIFICANCE = (93.0, 97.0), (3.0, 6.5), 0.05
# Standard errors of the simulation by which a figure may lie outside.
N_ERRORS = 2.0
SEED = 1
PER_TASK = 20
# Whether the answer itself has cautions.
CAUTIONED = "cautioned"
ROWS, RARER, CLUSTERS = "effective rows", "effective rows of the rarer class", "effective clusters"
# Expected and true reductions: no claim about one sample (_honesty_calibrations.py).
REDUCTIONS = "expected and true reduction"

# (low, high) of each interval, the p-value of each test, and the values of CAUTIONED, ROWS, RARER and CLUSTERS.
Answers = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A simulation: one draw and its answers, and the true values that intervals should cover (computed when read)."""

    name: str
    n_rows: int
    draw: Callable[[np.random.Generator], Answers]
    true_values: Callable[[], Mapping[str, float]] = field(default=dict)


def ends(estimate: Any) -> tuple[float, float]:
    """The interval of an estimate; nan where it has none."""
    return float(estimate.low), float(estimate.high)


def effective_number(weights: Any) -> float:
    """Kish's effective number: (Σw)² / Σw²."""
    return float(weights.sum() ** 2 / (weights * weights).sum()) if len(weights) else 0.0


def effective(labels: Any, weights: Any = None, cluster: Any = None) -> Answers:
    """The effective numbers of one draw."""
    w = np.ones(len(labels)) if weights is None else weights
    numbers: Answers = {ROWS: effective_number(w), RARER: min(effective_number(w[labels == k]) for k in (0, 1))}
    if cluster is not None:
        numbers[CLUSTERS] = effective_number(np.bincount(cluster, w))
    return numbers


def repeated(case: Case, numbers: Iterable[int]) -> list[Answers]:
    """The answers of some repetitions."""
    of_case = zlib.crc32(case.name.encode())
    return [case.draw(np.random.default_rng(np.random.SeedSequence([SEED, of_case, number]))) for number in numbers]


def _task(module: str, part: str, name: str, numbers: range) -> list[Answers]:
    """Some repetitions of a case in this process."""
    import importlib

    return repeated(
        next(case for case in getattr(importlib.import_module(module), part)() if case.name == name), numbers
    )


def all_answers(part: Callable[[], list[Case]], cases: list[Case], n: int, workers: int) -> Iterator[list[Answers]]:
    """The answers of each case, in order."""
    if workers == 1:
        yield from (repeated(case, range(n)) for case in cases)
        return
    # One thread each, since the work is distributed over processes.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pending = [
            [
                pool.apply_async(_task, (part.__module__, part.__name__, case.name, range(k, min(k + PER_TASK, n))))
                for k in range(0, n, PER_TASK)
            ]
            for case in cases
        ]
        for results in pending:
            yield [answers for result in results for answers in result.get()]


def judged(answers: list[Answers], true_values: Mapping[str, float]) -> Iterator[tuple[str, Figures]]:
    """Each claim of a case with its figures and the verdict."""
    # Medians over the draws: thresholds apply to each draw.
    numbers = {
        key: float(np.median([each[key] for each in answers])) for key in (ROWS, RARER, CLUSTERS) if key in answers[0]
    }
    is_enough = all(
        numbers.get(key, least) >= least
        for key, least in ((ROWS, FEWEST_ROWS), (RARER, FEWEST_OF_RARER_CLASS), (CLUSTERS, FEWEST_CLUSTERS))
    )
    is_cautioned = float(np.mean([bool(each.get(CAUTIONED)) for each in answers])) >= 0.5
    for claim in dict.fromkeys(name for each in answers for name in each):
        if claim in (CAUTIONED, ROWS, RARER, CLUSTERS, REDUCTIONS):
            continue
        given = [each.get(claim, math.nan) for each in answers]
        is_test = not any(isinstance(each, tuple) for each in given)
        known = [each for each in given if not math.isnan(each[0] if isinstance(each, tuple) else each)]
        withheld = 100 * (1 - len(known) / len(answers))
        figures: Figures = {"repetitions": len(answers), "is_promised": is_enough, "withheld_percent": withheld}
        if len(known) < len(answers) / 2:
            yield claim, figures | {"verdict": "withheld"} | named(numbers)
            continue
        if is_test:
            hits = np.array([p < SIGNIFICANCE for p in known])
            verdicts, bounds = ("too rarely", "too often"), REJECTIONS
        else:
            hits = np.array([low <= true_values[claim] <= high for low, high in known])
            verdicts, bounds = ("too narrow", "too wide"), COVERAGE
        share = float(hits.mean())
        percent, error = 100 * share, 100 * math.sqrt(share * (1 - share) / len(hits))
        # With none or all of them: the error with one more.
        error = max(error, 100 / (len(hits) + 1))
        verdict = "holds"
        if percent + N_ERRORS * error < bounds[0]:
            verdict = verdicts[0]
        elif percent - N_ERRORS * error > bounds[1]:
            verdict = verdicts[1]
        if verdict in ("too narrow", "too often") and is_cautioned:
            verdict = "flagged"
        name = "rejected_percent" if is_test else "coverage_percent"
        figures |= {name: percent, "error": error, "verdict": verdict}
        yield claim, figures | ({} if is_test else {"true_value": true_values[claim]}) | named(numbers)


def named(numbers: Mapping[str, float]) -> Figures:
    """The same with the names of a record."""
    return {name.replace(" ", "_"): value for name, value in numbers.items()}
