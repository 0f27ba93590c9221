"""Two Dask workers and Spark beside two threads on the same Parquet files; and how many bytes travel.

engines: rows of a label, a probability and ten features in files of 10^6, measured and fitted by the threads of this
process, by two workers of Dask with one thread each, and by Spark on local[2,4]; rounds in which all take turns, after
each has compiled and started. Efficiency is the time of the threads over that of the engine; and the same of the
processors' time, which other work on the machine disturbs less. psutil comes with Dask.
frames: the engines' own frames of such files, with one worker and with two, beside Spark's own average of −ln p; and a
pass over nothing, of Spark alone and of ours.
traffic: a part's description, an empty summary, the answer of a run, a pass of a fit.
With --quick engines start once for all parts, with two workers, and each call is made once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np
import psutil
from _record import Lines, in_own_process, ratio, record, turns
from _samples import files_of

import logloss
from logloss.data.binding import bind
from logloss.data.request import RowOptions
from logloss.onepass.engines import placed
from logloss.onepass.engines.travel import fold_files, packed
from logloss.onepass.run import parts_of, walk
from logloss.onepass.summaries import CurvatureSummary, GroupedSummary, LossSummary, Point
from logloss.onepass.summaries.group_keys import CLUSTER

FEATURES = [f"x{j}" for j in range(10)]


def processor_seconds() -> float:
    """Processor time of this process and all below it."""
    me = psutil.Process()
    seconds = 0.0
    for process in (me, *me.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


def metered(call: Callable[[], Any], used: list[float]) -> None:
    """Call and record the processor time."""
    before = processor_seconds()
    call()
    used.append(processor_seconds() - before)


def engines(requested: argparse.Namespace) -> Lines:
    """Seconds and efficiencies."""
    with tempfile.TemporaryDirectory() as name, two_workers(requested) as (client, session):
        path = files_of(pathlib.Path(name) / "rows", requested.rows, max(1, requested.rows // 10**6), len(FEATURES))
        calls = {
            "measure": partial(logloss.measure, path, y_true="y", y_proba="p"),
            "fit": partial(logloss.fit, path, "y", features=FEATURES),
        }
        for verb, rounds in (("measure", requested.rounds), ("fit", max(1, requested.rounds // 3))):
            used: dict[str, list[float]] = {"threads": [], "Dask": [], "Spark": []}
            work = {
                name: partial(metered, partial(calls[verb], engine=engine), used[name])
                for name, engine in (("threads", None), ("Dask", client), ("Spark", session))
            }
            seconds = turns(work, rounds, warm_up=min(1, requested.rounds - 1))
            used = {name: each[-rounds:] for name, each in used.items()}
            for name, times in seconds.items():
                figures = {"seconds": statistics.median(times), "processor_seconds": statistics.median(used[name])}
                figures["efficiency"] = ratio(seconds["threads"], times)
                figures["of_processors"] = ratio(used["threads"], used[name])
                yield f"{verb}, {name}", figures
        yield "fit", {"passes": len(calls["fit"]().passes)}


def frames(requested: argparse.Namespace) -> Lines:
    """Seconds with one worker and with two; at an efficiency of 1 two take half the time."""
    with tempfile.TemporaryDirectory() as name:
        path = files_of(pathlib.Path(name) / "rows", requested.rows, max(1, requested.rows // 10**6), 3)
        if requested.quick:
            with two_workers(requested) as started:
                one = two = seconds_by(started, path, requested.rounds)
        else:
            one, two = (in_own_process(seconds_of_frames, path, n, requested.rounds) for n in (1, 2))
    for case, times in two.items():
        figures = {"one_worker": statistics.median(one[case]), "two_workers": statistics.median(times)}
        figures["efficiency"] = figures["one_worker"] / (2 * figures["two_workers"])
        if case.startswith("measure"):
            figures["of_spark_itself"] = ratio(times, two[AVERAGE])
        yield case, figures


AVERAGE = "Spark's own avg(-ln)"


def seconds_of_frames(path: str, n_workers: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each case, with so many workers of one thread."""
    with clusters(n_workers) as started:
        return seconds_by(started, path, rounds)


def seconds_by(started: tuple[Any, Any], path: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of each case by engines that are running."""
    import dask.dataframe
    from pyspark.sql import functions

    client, session = started
    of_spark, of_dask = session.read.parquet(path), dask.dataframe.read_parquet(path)
    log_loss = -functions.when(of_spark.y == 1, functions.log(of_spark.p)).otherwise(functions.log1p(-of_spark.p))
    average = of_spark.select(functions.avg(log_loss))
    measure = partial(logloss.measure, y_true="y", y_proba="p")
    cases = {
        "threads": partial(measure, path),
        AVERAGE: average.collect,
        "measure, a frame of Spark": partial(measure, of_spark),
        "measure, files on Spark": partial(measure, path, engine=session),
        "measure, a frame of Dask": partial(measure, of_dask),
        "measure, files on Dask": partial(measure, path, engine=client),
    }
    warm_up = min(1, rounds - 1)
    seconds = turns(cases, rounds, warm_up=2 * warm_up)
    fits = {
        f"fit, a frame of {name}": partial(logloss.fit, each, "y", features=["x0", "x1", "x2"], leave_one_out=False)
        for name, each in (("Spark", of_spark), ("Dask", of_dask))
    }
    seconds |= turns(fits, max(1, rounds // 3), warm_up=warm_up)
    tasks = session.range(0, 8, 1, 8)
    rows = tasks.selectExpr("id % 2 as y", "0.5D as p")
    with placed(rows, RowOptions(y_true="y", y_proba="p"), is_repeated=True) as table:
        source, roles = bind(table, RowOptions(y_true="y", y_proba="p"))
        passes = {
            "nothing in 8 tasks, SQL of Spark": tasks.selectExpr("id + 1").collect,
            "nothing in 8 tasks, mapInArrow": tasks.mapInArrow(lambda batches: batches, "id long").collect,
            "nothing in 8 tasks, a pass of ours": partial(walk, source, roles, LossSummary.empty()),
        }
        return seconds | turns(passes, 3 * rounds, warm_up=2 * warm_up)


@contextlib.contextmanager
def clusters(n_workers: int) -> Iterator[tuple[Any, Any]]:
    """A client of Dask and a session of Spark with so many workers of one thread each."""
    from distributed import Client
    from pyspark.sql import SparkSession

    warnings.simplefilter("ignore", FutureWarning)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(f"local[{n_workers},4]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false").config("spark.log.level", "ERROR")
    with Client(n_workers=n_workers, threads_per_worker=1, dashboard_address=":0") as client:
        session = builder.getOrCreate()
        try:
            yield client, session
        finally:
            session.stop()


# The engines that the parts of a quick run share.
SHARED = contextlib.ExitStack()


@cache
def shared_clusters() -> tuple[Any, Any]:
    """Engines that run until the program ends."""
    return SHARED.enter_context(clusters(2))


@contextlib.contextmanager
def two_workers(requested: argparse.Namespace) -> Iterator[tuple[Any, Any]]:
    """Engines with two workers each: of their own, but that the parts of a quick run share them."""
    if requested.quick:
        yield shared_clusters()
    else:
        with clusters(2) as started:
            yield started


def traffic(requested: argparse.Namespace) -> Lines:
    """Bytes that are pickled."""
    with tempfile.TemporaryDirectory() as name:
        path = files_of(pathlib.Path(name) / "rows", requested.rows, 10, has_keys=True)
        for case, keys in (("measure", {}), ("by groups and clusters", {"by": "country", "cluster": "cluster"})):
            source, roles = bind(path, RowOptions(y_true="y", y_proba="p", **keys))
            parts = parts_of(source, roles)
            summaries = GroupedSummary.empty(roles.by), GroupedSummary.empty(roles.cluster, CLUSTER)
            empty = packed(LossSummary.empty(*(summaries if keys else ())))
            figures = {"part": len(packed(parts[:1])), "ten_parts": len(packed(parts[:10]))}
            yield case, figures | {"there": len(empty), "back": len(fold_files(0, packed(parts[:1]), empty))}
    for width in (10, 20, 100, 1000):
        random = np.random.default_rng(1)
        design = logloss.fit(random.normal(size=(20, width)), np.arange(20) % 2, l2=1.0, leave_one_out=False).design
        plain, with_hessian = (
            len(packed(CurvatureSummary.empty(Point(np.zeros(design.width), design, wants)))) for wants in (False, True)
        )
        yield f"fit of {width:,} columns", {"there": plain, "there_with_hessian": with_hessian}


if __name__ == "__main__":
    with SHARED:
        record(engines, frames, traffic, rows=(10**7, 10_000), rounds=(6, 1))
