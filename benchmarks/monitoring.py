"""Errors of the verdicts of `compare(margin=)`, false alarms and delays of `watch`, and the time of a year of days.

gate           percentage of verdicts of non-inferiority where the candidate is worse by exactly the margin, each of
               which is an error (at the end, from the confidence sequence at the end, and at any of the looks after
               every period), and where both are equally good, which is power
false_alarms   percentage of runs without a change that have an alarm; nominal 5% at most, with "independent" only where
               rows of a period are independent: not with shocks
delay          percentage of runs with an alarm after a change, median periods until then, percentage of false alarms
               before it
year           seconds of processor time for 365 days of 2,000 rows: summaries in memory; reading them from files
"""

from __future__ import annotations

import argparse
import math
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from _record import Lines, record
from scipy.special import expit

import logloss
from logloss.data.request import RowOptions
from logloss.files.period_files import records_of
from logloss.measurement import SummaryRecord, measurement_of, summarise
from logloss.monitoring import watch_records

Rows = tuple[Any, Any]
Period = Callable[[np.random.Generator, float], Rows]
# The margin of a gate is the mean gap of two forecasts that differ by so much in log-odds, up or down.
NOISE = 0.3


def logistic(
    n_rows: int, *, middle: float = 0.0, spread: float = 1.0, slope: float = 1.0, shift: float = 0.0
) -> Period:
    """Periods of rows with log-odds z, true ones slope·z + shift (+ the change)."""

    def period(random: np.random.Generator, change: float) -> Rows:
        z = random.normal(middle, spread, n_rows)
        return random.random(n_rows) < expit(slope * z + shift + change), expit(z)

    return period


def shocked(rows_of: Callable[[np.random.Generator], int], shock: float) -> Period:
    """The same, where all rows of a period share a normal shock of their log-odds."""

    def period(random: np.random.Generator, change: float) -> Rows:
        n_rows = rows_of(random)
        z = random.normal(0, 1, n_rows)
        return random.random(n_rows) < expit(z + random.normal(0, shock) + change), expit(z)

    return period


def bent(n_rows: int) -> Period:
    """A curve that no map of the detector has, and a mix of predictions that differs from period to period."""

    def period(random: np.random.Generator, change: float) -> Rows:
        z = random.normal(random.normal(0, 0.3), 1, n_rows)
        return random.random(n_rows) < expit(0.8 * z + 0.6 * np.sin(2 * z) + change), expit(z)

    return period


# Periods of 300 rows, unless another number is given.
POPULATIONS: dict[str, Period] = {
    "calibrated": logistic(300),
    "overconfident": logistic(300, slope=0.6, shift=-0.4),
    "rare": logistic(1_000, middle=-4.5),
    "extreme": logistic(300, spread=3.0, slope=0.7),
    "bent": bent(300),
    "few": logistic(30, middle=-1.0),
    "shocks": shocked(lambda random: 300, 0.3),
    "sizes": shocked(lambda random: int(random.integers(100, 700)), 0.3),
}
# Periods of the reference.
REFERENCE = 8
# All cases take minutes: some can be run and added to the record.
CASES = (*POPULATIONS, "delay", "gate", "year")


def run_of(random: np.random.Generator, period: Period, n_periods: int, change: Any = None, start: int = 0) -> list:
    """The summaries of a run; change: from the period `start` on, a shift, or another population."""
    records = []
    for number in range(n_periods):
        is_changed = change is not None and number >= start
        source = change if is_changed and callable(change) else period
        y, p = source(random, change if is_changed and not callable(change) else 0.0)
        records.append(summarise(y.astype(int), RowOptions(y_proba=p)))
    return records


def watched(records: list[SummaryRecord], within: str, reference: int = REFERENCE) -> Any:
    """The run, watched."""
    return watch_records([str(k) for k in range(len(records))], records, within=within, reference=reference)


def false_alarms(requested: argparse.Namespace) -> Lines:
    for name, period in POPULATIONS.items():
        if name not in requested.cases:
            continue
        random = np.random.default_rng([1, list(POPULATIONS).index(name)])
        counts = dict.fromkeys(("dependent", "independent"), 0)
        for _ in range(requested.runs):
            records = run_of(random, period, requested.periods)
            for within in counts:
                counts[within] += watched(records, within).alarm
        yield name, {f"{within}_percent": 100 * each / requested.runs for within, each in counts.items()}


def scrambled(share: float) -> Period:
    """Of 300 calibrated rows a share has the prediction of another row."""

    def period(random: np.random.Generator, change: float) -> Rows:
        z = random.normal(0, 1, 300)
        y = random.random(300) < expit(z)
        n_wrong = int(share * 300)
        z[:n_wrong] = random.permutation(z[:n_wrong])
        return y, expit(z)

    return period


CHANGES: dict[str, Any] = {
    "base rate: log-odds + 0.5": 0.5,
    "base rate: log-odds + 0.25": 0.25,
    "slope 1 to 0.5": logistic(300, slope=0.5),
    "a bug: 30% of predictions scrambled": scrambled(0.3),
    "the mix: predictions more extreme": logistic(300, spread=1.5),
}


def delay(requested: argparse.Namespace) -> Lines:
    start = requested.periods // 2
    for name, change in CHANGES.items() if "delay" in requested.cases else ():
        for within in ("dependent", "independent"):
            random = np.random.default_rng([2, list(CHANGES).index(name)])
            delays, early, distances = [], 0, []
            for _ in range(max(requested.runs // 4, 2)):
                found = watched(run_of(random, logistic(300), requested.periods, change, start), within)
                if found.alarm and int(found.alarm_period) >= start:
                    delays.append(int(found.alarm_period) - start + 1)
                    distances.append(abs(int(found.change_period) - start))
                early += found.alarm and int(found.alarm_period) < start
            times = max(requested.runs // 4, 2)
            yield (
                f"{name}, {within}",
                {
                    "detected_percent": 100 * len(delays) / times,
                    # Of all runs: later than the run is where nothing was detected.
                    "median_periods": finite(statistics.median(delays + [math.inf] * (times - len(delays)))),
                    "false_percent": 100 * early / times,
                    "median_error_of_change": statistics.median(distances) if distances else None,
                },
            )


def finite(value: float) -> float | None:
    """A figure for JSON."""
    return value if math.isfinite(value) else None


def gate(requested: argparse.Namespace) -> Lines:
    for n_rows in (2_000, 20_000) if "gate" in requested.cases else ():
        for name, is_equal in (("worse by the margin", False), ("equally good", True)):
            counts = dict.fromkeys(("fixed", "sequence", "any_look"), 0)
            for seed in range(requested.samples):
                random = np.random.default_rng([3, n_rows, seed])
                z = random.normal(0, 1, n_rows)
                right, other = expit(z), expit(z + random.choice([-NOISE, NOISE], n_rows))
                truth, old = (right, right) if not is_equal else (right, np.where(z > z.mean(), right, other))
                new = other if not is_equal else np.where(z > z.mean(), other, right)
                margin = float(np.mean(kl(right, other)))
                if is_equal:
                    # Each has noise in its own half of the rows; the difference left between the halves is added.
                    margin += float(np.mean(kl(truth, new) - kl(truth, old)))
                y = (random.random(n_rows) < truth).astype(int)
                day = np.repeat(np.arange(n_rows // 50), 50)
                (verdict,) = logloss.compare(y, {"old": old, "new": new}, order=day, margin=margin).verdicts
                counts["fixed"] += verdict.non_inferior
                counts["sequence"] += verdict.verdict_anytime in ("better", "equivalent", "non-inferior")
                counts["any_look"] += ever_wrong(verdict, y, old, new, truth, day, margin) if not is_equal else 0
            line = {f"{each}_percent": 100 * count / requested.samples for each, count in counts.items()}
            if is_equal:
                del line["any_look_percent"]
            yield f"{name}, {n_rows:,} rows", line


def kl(truth: Any, p: Any) -> Any:
    """KL divergence of rows."""
    return truth * np.log(truth / p) + (1 - truth) * np.log((1 - truth) / (1 - p))


def ever_wrong(verdict: Any, y: Any, old: Any, new: Any, truth: Any, day: Any, margin: float) -> bool:
    """Whether the sequence ever excluded the mean expected difference so far from below: a claim that is not true."""
    found = logloss.compare(y, {"old": old, "new": new}, order=day)
    table, pair = found.pair.sequential.table, found.pair
    ends = np.array(table["high"]) if pair.better == "old" else -np.array(table["low"])
    gaps = kl(truth, new) - kl(truth, old)
    mean = np.cumsum(np.bincount(day, gaps)) / np.cumsum(np.bincount(day))
    return bool((ends < mean).any())


def year(requested: argparse.Namespace) -> Lines:
    if "year" not in requested.cases:
        return
    random = np.random.default_rng(4)
    records = run_of(random, logistic(2_000, middle=-1.0), requested.days)
    seconds = []
    for _ in range(3):
        began = time.process_time()
        watched(records, "dependent")
        seconds.append(time.process_time() - began)
    with tempfile.TemporaryDirectory() as folder:
        for number, each in enumerate(records):
            measurement_of(each).save(pathlib.Path(folder) / f"day{number + 1:03}.logloss")
        began = time.process_time()
        records_of([folder])
        read = time.process_time() - began
    yield f"{requested.days} days", {"seconds": statistics.median(seconds), "read_seconds": read}


if __name__ == "__main__":
    sizes = {"runs": (100, 2), "periods": (40, 12), "samples": (200, 2), "days": (365, 10)}
    record(false_alarms, delay, gate, year, choices={"cases": CASES}, **sizes)
