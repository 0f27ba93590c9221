"""Workers killed in the middle of passes: the answer must be right to the bit, or an error must be raised.

Two workers walk over 3·10^6 rows in sixty Parquet files, and at a seeded moment of the pass one of them is killed with
signal 9: a process of Dask, which its nanny starts again, or an executor of Spark (`local-cluster[2,1,1024]`), or the
Python process below one. The pass of measure, by groups and clusters, must give the summary of one machine, bit for
bit, which counts each block once; each fourth time a fit must reach its certificate and coefficients. Anything
else is a wrong number; the program then ends with 1.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import random
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from _record import Figures, Lines, record
from _samples import files_of

import logloss
from logloss.data.binding import bind
from logloss.data.request import RowOptions
from logloss.onepass.engines import placed
from logloss.onepass.run import walk
from logloss.onepass.summaries import GroupedSummary, LossSummary
from logloss.onepass.summaries.group_keys import CLUSTER

SEED = 20
FEATURES = ["x0", "x1"]
# Both fits are at the optimum but for rounding.
NEAR = 1e-10


class Disturbed:
    """Walks over the files, each disturbed at some moment, compared with the answer of one machine."""

    def __init__(self, path: str, engine: Any, workers: Callable[[], list[int]]) -> None:
        self.path, self.engine, self.workers = path, engine, workers
        self.summary = self.walked(None)
        self.fitted = logloss.fit(path, "y", features=FEATURES)
        self.random = random.Random(SEED)

    def walked(self, engine: Any) -> LossSummary:
        """The pass of `measure`, without the work of this process."""
        requested = RowOptions(y_true="y", y_proba="p", by="country", cluster="cluster", engine=engine)
        with placed(self.path, requested) as table:
            source, roles = bind(table, requested)
            groups = GroupedSummary.empty(roles.by)
            clusters = GroupedSummary.empty(roles.cluster, CLUSTER)
            return walk(source, roles, LossSummary.empty(groups, clusters))

    def is_right(self, *, is_fit: bool) -> bool:
        """Whether one walk on the engine gives the answer of one machine."""
        if not is_fit:
            return self.walked(self.engine) == self.summary
        model = logloss.fit(self.path, "y", features=FEATURES, engine=self.engine)
        off = max(abs(model.coefficients[name] - value) for name, value in self.fitted.coefficients.items())
        return model.certificate.is_proven and model.certificate.nats_per_row < 1e-12 and off < NEAR

    def undisturbed(self, *, is_fit: bool) -> float:
        """Seconds of a walk without a fault."""
        began = time.perf_counter()
        if not self.is_right(is_fit=is_fit):
            raise SystemExit("without a fault the engine does not give the answer of one machine")
        return time.perf_counter() - began

    def killed(self, moment: float, *, is_fit: bool) -> str:
        """Kill a worker so many seconds after a walk has begun; the outcome of the walk."""
        while not (workers := self.workers()):
            time.sleep(0.5)
        victim = self.random.choice(sorted(workers))
        is_done, is_killed = threading.Event(), threading.Event()

        def kill() -> None:
            if not is_done.wait(moment):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    is_killed.set()

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            outcome = "right" if self.is_right(is_fit=is_fit) else "wrong"
        except logloss.LogLossError as error:
            outcome = "loud_errors"
            print(f"  {str(error)[:160]}", flush=True)
        is_done.set()
        killer.join()
        return outcome if is_killed.is_set() else "done_before"

    def outcomes(self, n_faults: int, ready: Callable[[], None]) -> Lines:
        """The outcomes of so many walks that were disturbed in the middle."""
        tries = range(min(3, n_faults))
        usual = {is_fit: min(self.undisturbed(is_fit=is_fit) for _ in tries) for is_fit in (False, True)}
        yield "undisturbed", {"measure_seconds": usual[False], "fit_seconds": usual[True]}
        tally: Counter[str] = Counter()
        for number in range(3 * n_faults):
            if tally.total() - tally["done_before"] == n_faults:
                break
            ready()
            is_fit = number % 4 == 3
            tally[self.killed(self.random.uniform(0.02, 0.95) * usual[is_fit], is_fit=is_fit)] += 1
        figures: Figures = {"killed": tally.total() - tally["done_before"]}
        yield "disturbed", figures | {name: tally[name] for name in ("right", "loud_errors", "wrong")}


@contextmanager
def rows(requested: argparse.Namespace) -> Iterator[str]:
    """The files."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        yield files_of(pathlib.Path(name) / "rows", requested.rows, 60, len(FEATURES), has_keys=True)


def dask(requested: argparse.Namespace) -> Lines:
    """Workers of Dask, with a nanny."""
    from distributed import Client

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50}
    with rows(requested) as path, Client(**options) as client:

        def ready() -> None:
            try:
                client.wait_for_workers(2, timeout=30)
            except TimeoutError:
                # Occasionally a nanny gives up; the walk continues with the other worker.
                client.cluster.scale(len(client.cluster.worker_spec) + 1)
                client.wait_for_workers(2, timeout=60)

        def workers() -> list[int]:
            # A worker that was just started may not answer yet.
            answers = client.run(os.getpid, on_error="return").values()
            return [each for each in answers if isinstance(each, int)]

        yield from Disturbed(path, client, workers).outcomes(requested.faults, ready)


def spark(requested: argparse.Namespace) -> Lines:
    """Executors of Spark, and the Python processes below them."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master("local-cluster[2,1,1024]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false").config("spark.log.level", "OFF")
    # Its executors are started without our environment.
    builder = builder.config("spark.executorEnv.PYTHONPATH", str(pathlib.Path(logloss.__file__).parents[1]))
    # Otherwise a cluster of this kind gives up an application after ten executors that died one after the other.
    session = builder.config("spark.deploy.maxExecutorRetries", "-1").getOrCreate()

    def below() -> tuple[list[int], list[int]]:
        executors, pythons = [], []
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                words = " ".join(process.cmdline())
                if "CoarseGrainedExecutorBackend" in words and "java" in process.name():
                    executors.append(process.pid)
                elif "pyspark.daemon" in words:
                    pythons.append(process.pid)
        return executors, pythons

    def ready() -> None:
        until = time.monotonic() + 60
        while len(below()[0]) < 2 and time.monotonic() < until:
            time.sleep(0.2)
        # Until both have registered, no task goes to the new one.
        session.range(0, 8, 1, 8).mapInArrow(lambda batches: batches, "id long").collect()

    with rows(requested) as path:
        yield from Disturbed(path, session, lambda: [pid for pids in below() for pid in pids]).outcomes(
            requested.faults, ready
        )
    session.stop()


if __name__ == "__main__":
    figures = record(dask, spark, faults=(20, 1), rows=(3_000_000, 60_000))
    sys.exit(int(any(lines["disturbed"]["wrong"] for lines in figures.values())))
