"""Scaling out: two Dask workers and Spark against two threads on the same Parquet files; cost and memory by rows.

usage: python benchmarks/scale.py [engines|traffic|memory] [ROWS]

engines: 2·10^7 rows of a label, a probability and ten features in twenty files, measured and fitted by two threads of
this process, by two workers of Dask with one thread each, and by Spark on local[2,4]; rounds in which all take turns,
after each has compiled and started. Stated are medians and efficiencies: the time of the threads over that of the
engine, and the same of the processors' time, which other work on the machine disturbs less; and Spark's time for a pass
that reads nothing. psutil comes with Dask.
traffic: how many bytes travel: a part's description, an empty summary, the answer of a run.
memory: seconds and peak memory of measure and fit for 10^6, 10^7 and 10^8 rows, each in a process of its own; the files
are removed afterwards.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

import logloss
from logloss.data.rows import Roles
from logloss.data.source import as_source
from logloss.onepass.engines.travel import fold_files, packed
from logloss.onepass.run import parts_of
from logloss.onepass.summaries import LossSummary

ROUNDS, ROUNDS_OF_FITS = 9, 3
ROWS_OF_A_FILE = 10**6
N_FEATURES = 10
FEATURES = [f"x{j}" for j in range(N_FEATURES)]


def make(folder: pathlib.Path, n_rows: int, n_features: int = N_FEATURES) -> str:
    """Write the files."""
    folder.mkdir()
    random = np.random.default_rng(1)
    weights = random.normal(size=n_features).astype(np.float32) / np.sqrt(max(n_features, 1))
    for k in range(max(1, n_rows // ROWS_OF_A_FILE)):
        n = min(n_rows, ROWS_OF_A_FILE)
        features = random.standard_normal((n_features, n), dtype=np.float32)
        proba = 1 / (1 + np.exp(-(weights @ features).astype(np.float64) + 1))
        labels = (random.random(n) < proba).astype(np.uint8)
        columns = {"y": labels, "p": proba} | {f"x{j}": features[j] for j in range(n_features)}
        pq.write_table(pa.table(columns), folder / f"{k:04}.parquet", compression="none", use_dictionary=False)
    return str(folder)


def processor_seconds() -> float:
    """What this process and all below it have used of the processors."""
    me = psutil.Process()
    found = 0.0
    for process in (me, *me.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            found += times.user + times.system
    return found


def timed(work: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """(Seconds, seconds of the processors) of each, all taking turns, after a round that does not count."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, run in work.items():
            began, used = time.perf_counter(), processor_seconds()
            run()
            if number:
                seconds[name].append((time.perf_counter() - began, processor_seconds() - used))
    return seconds


def median_of(pairs: list[tuple[float, float]], which: int) -> float:
    """The median of seconds (0) or of seconds of the processors (1)."""
    return statistics.median(pair[which] for pair in pairs)


def engines(n_rows: int) -> None:
    """Print the efficiencies."""
    from distributed import Client
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with tempfile.TemporaryDirectory() as name:
        path = make(pathlib.Path(name) / "rows", n_rows)
        client = Client(n_workers=2, threads_per_worker=1, dashboard_address=":0")
        builder = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false")
        session = builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
        session.sparkContext.setLogLevel("ERROR")

        def measured(engine: Any) -> Callable[[], Any]:
            return lambda: logloss.measure(path, y_true="y", y_proba="p", engine=engine)

        def fitted(engine: Any) -> Callable[[], Any]:
            return lambda: logloss.fit(path, "y", features=FEATURES, engine=engine)

        for verb, make_work, rounds in (("measure", measured, ROUNDS), ("fit", fitted, ROUNDS_OF_FITS)):
            work = {"threads": make_work(None), "Dask": make_work(client), "Spark": make_work(session)}
            seconds = timed(work, rounds)
            base = seconds["threads"]
            for engine, times in seconds.items():
                wall, cpu = (
                    statistics.median(a[which] / b[which] for a, b in zip(base, times, strict=True)) for which in (0, 1)
                )
                print(
                    f"{verb:8s} {engine:8s} {median_of(times, 0):6.2f} s, of processors {median_of(times, 1):6.2f} s   "
                    f"efficiency {wall:.2f}, of processors {cpu:.2f}",
                    flush=True,
                )
        n_passes = len(fitted(None)().passes)
        print(f"a fit takes {n_passes} passes after a walk to learn the columns")

        def nothing() -> Any:
            return session.range(0, 8, 1, 8).mapInArrow(lambda batches: batches, "id long").collect()

        [of_nothing] = timed({"nothing": nothing}, ROUNDS).values()
        print(f"a pass of Spark over nothing in 8 tasks: {median_of(of_nothing, 0):.2f} s")
        session.stop()
        client.shutdown()


def traffic(n_rows: int) -> None:
    """Print the bytes."""
    with tempfile.TemporaryDirectory() as name:
        path = make(pathlib.Path(name) / "rows", n_rows)
        source, roles = as_source(path), Roles("y", "p")
        parts = parts_of(source, roles)
        run = packed(parts[:1])
        empty = packed(LossSummary.empty())
        answer = fold_files(0, run, empty)
        n_rows, n_ten = parts[0].part.n_rows, len(packed(parts[:10]))
        print(f"a part of {n_rows:,} rows: described in {len(run):,} bytes; ten of them in {n_ten:,}")
        print(f"measure: {len(empty):,} bytes go, {len(answer):,} come back of each run of parts")
        from logloss.data.design import Design
        from logloss.data.terms import numbers_of
        from logloss.onepass.summaries import CurvatureSummary, Point

        for width in (10, 20, 100, 1000):
            ones = np.ones(1)
            terms = [numbers_of(f"x{j}", (f"x{j}",), ones, -ones, ones, ones < 0, in_place=False) for j in range(width)]
            design = Design(tuple(terms))
            for wants in (False, True):
                summary = CurvatureSummary.empty(Point(np.zeros(design.width), design, wants))
                kind = "with the Hessian" if wants else "gradient only"
                print(f"fit of {width} columns, {kind}: {len(packed(summary)):,} bytes")


WALK = {
    "measure": "logloss.measure({path!r}, y_true='y', y_proba='p')",
    "fit": "logloss.fit({path!r}, 'y', features=['x0', 'x1', 'x2', 'x3'])",
}
CODE = """
import resource, time, warnings, logloss, numpy, scipy.linalg, scipy.optimize, logloss.onepass.kernels.losses
warnings.simplefilter("ignore")
began = time.perf_counter(); {warm}; between = time.perf_counter(); {walk}
print(time.perf_counter() - between, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def memory(n_rows: int) -> None:
    """Print seconds and peaks."""
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        small = make(root / "small", 10**5, 4)
        for rows in (n_rows // 100, n_rows // 10, n_rows):
            path = make(root / str(rows), rows, 4)
            for verb, walk in WALK.items():
                code = CODE.format(warm=walk.format(path=small), walk=walk.format(path=path))
                done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
                seconds, peak = map(float, done.stdout.split())
                cost = f"{seconds:7.2f} s  {1e9 * seconds / rows:6.1f} ns a row"
                print(f"{verb:8s} {rows:>12,} rows  {cost}  {peak:5.0f} MB", flush=True)
            # A file of 10^8 rows is large enough to be missed by others.
            shutil.rmtree(path)


def main() -> None:
    """Run what is asked for, or all."""
    warnings.simplefilter("ignore", FutureWarning)
    programs = {"engines": (engines, 2 * 10**7), "traffic": (traffic, 2 * 10**6), "memory": (memory, 10**8)}
    words = sys.argv[1:]
    asked = [word for word in words if word in programs] or list(programs)
    rows = [int(float(word)) for word in words if word not in programs]
    for name in asked:
        program, usual = programs[name]
        program(rows[0] if rows else usual)


if __name__ == "__main__":
    main()
