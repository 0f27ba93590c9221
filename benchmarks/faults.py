"""Workers killed in the middle of passes: is the answer right to the bit, or the error loud?

usage: python benchmarks/faults.py [dask|spark] [INJECTIONS]

Two workers walk over 3·10^6 rows in sixty Parquet files, and at a seeded moment of the pass one of them is killed with
signal 9: a process of Dask, which its nanny starts again, or an executor of Spark (`local-cluster[2,1,1024]`), or the
Python process below one. The pass of measure, by groups and clusters, must give the summary of one machine, bit for
bit, which counts each block once; each fourth time a fit must reach its certificate and coefficients. What is neither
right nor a loud error is a wrong number; the program then ends with 1.
"""

from __future__ import annotations

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
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

import logloss
from logloss.data.binding import bind
from logloss.data.request import RowOptions
from logloss.onepass.engines import placed
from logloss.onepass.run import walk
from logloss.onepass.summaries import GroupedSummary, LossSummary

SEED = 20
FILES, ROWS_OF_A_FILE = 60, 50_000
ASKED: dict[str, Any] = {"y_true": "y", "y_proba": "p", "by": "g", "cluster": "c"}
# Both fits are at the optimum but for rounding.
NEAR = 1e-10


def make(folder: pathlib.Path) -> str:
    """Write the files."""
    rng = np.random.default_rng(SEED)
    names = pa.array([f"country {k}" for k in range(50)])
    for k in range(FILES):
        x = rng.normal(size=(ROWS_OF_A_FILE, 2))
        proba = 1 / (1 + np.exp(-(x @ [1.0, -0.5] + 0.3)))
        labels = (rng.random(ROWS_OF_A_FILE) < proba).astype(np.uint8)
        groups = names.take(pa.array(rng.integers(0, 50, ROWS_OF_A_FILE)))
        clusters = rng.integers(0, 2000, ROWS_OF_A_FILE)
        table = {"y": labels, "p": proba, "x0": x[:, 0], "x1": x[:, 1], "g": groups, "c": clusters}
        pq.write_table(pa.table(table), folder / f"{k:02}.parquet")
    return str(folder)


class Faults:
    """Passes of which one is disturbed at a moment, and what became of them."""

    def __init__(self, path: str, engine: Any, victims: Callable[[], list[int]], ready: Callable[[], None]) -> None:
        self.path, self.engine, self.victims, self.ready = path, engine, victims, ready
        self.summary = self.walked(None)
        self.fitted = logloss.fit(path, "y", features=["x0", "x1"])
        self.random = random.Random(SEED)
        self.tally: Counter[str] = Counter()

    def walked(self, engine: Any) -> LossSummary:
        """The pass of `measure`, without what this process makes of it."""
        asked = RowOptions(**ASKED, engine=engine)
        with placed(self.path, asked) as table:
            source, roles = bind(table, asked)
            groups = GroupedSummary.empty(roles.by)
            clusters = GroupedSummary.empty(roles.cluster, is_hashed=True)
            return walk(source, roles, LossSummary.empty(groups, clusters))

    def right(self, *, is_fit: bool) -> bool:
        """One walk on the engine: whether it gives what one machine gives."""
        if not is_fit:
            return self.walked(self.engine) == self.summary
        model = logloss.fit(self.path, "y", features=["x0", "x1"], engine=self.engine)
        off = max(abs(model.coefficients[name] - value) for name, value in self.fitted.coefficients.items())
        return model.certificate.is_proven and model.certificate.nats_per_row < 1e-12 and off < NEAR

    def undisturbed(self, *, is_fit: bool) -> float:
        """Seconds of a walk without a fault."""
        began = time.perf_counter()
        if not self.right(is_fit=is_fit):
            raise SystemExit("without a fault the engine does not give what one machine gives")
        return time.perf_counter() - began

    def inject(self, moment: float, *, is_fit: bool) -> str:
        """Kill a worker so many seconds after a walk has begun: what became of the walk."""
        victims = self.victims()
        while not victims:
            time.sleep(0.5)
            victims = self.victims()
        victim = self.random.choice(sorted(victims))
        walks = threading.Event()
        killed = threading.Event()

        def kill() -> None:
            if not walks.wait(moment):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    killed.set()

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            outcome = "right" if self.right(is_fit=is_fit) else "WRONG"
        except logloss.LogLossError as error:
            outcome = f"a loud error ({str(error)[:80]})"
        walks.set()
        killer.join()
        return outcome if killed.is_set() else "the walk was done before"

    def run(self, wanted: int) -> bool:
        """So many faults in the middle of walks; whether no answer was wrong."""
        usual = {is_fit: min(self.undisturbed(is_fit=is_fit) for _ in range(3)) for is_fit in (False, True)}
        print(f"undisturbed: measure {usual[False]:.2f} s, fit {usual[True]:.2f} s", flush=True)
        n_injected, tried = 0, 0
        while n_injected < wanted and tried < 3 * wanted:
            self.ready()
            is_fit = tried % 4 == 3
            tried += 1
            moment = self.random.uniform(0.02, 0.95) * usual[is_fit]
            outcome = self.inject(moment, is_fit=is_fit)
            self.tally[outcome] += 1
            if outcome != "the walk was done before":
                n_injected += 1
                print(f"{n_injected:3}  {'fit' if is_fit else 'measure'} at {moment:.2f} s: {outcome}", flush=True)
        print(f"injected {n_injected}, survived with the right answer {self.tally['right']}", end="")
        print(f", loud errors {n_injected - self.tally['right'] - self.tally['WRONG']}, wrong {self.tally['WRONG']}")
        return self.tally["WRONG"] == 0


def on_dask(path: str, wanted: int) -> bool:
    """Workers of Dask, with a nanny."""
    from distributed import Client

    with Client(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as client:

        def ready() -> None:
            try:
                client.wait_for_workers(2, timeout=30)
            except TimeoutError:
                # Now and then a nanny gives up; the walk went on with the other worker.
                client.cluster.scale(len(client.cluster.worker_spec) + 1)
                client.wait_for_workers(2, timeout=60)

        def victims() -> list[int]:
            # A worker that was just started may not answer yet.
            found = client.run(os.getpid, on_error="return").values()
            return [each for each in found if isinstance(each, int)]

        return Faults(path, client, victims, ready).run(wanted)


def on_spark(path: str, wanted: int) -> bool:
    """Executors of Spark, and the Python processes below them."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master("local-cluster[2,1,1024]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false").config("spark.log.level", "OFF")
    # Otherwise a cluster of this kind gives up an application after ten executors that died one after the other.
    # Its executors are started without our environment.
    builder = builder.config("spark.executorEnv.PYTHONPATH", str(pathlib.Path(logloss.__file__).parents[1]))
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

    def victims() -> list[int]:
        executors, pythons = below()
        return executors + pythons

    right = Faults(path, session, victims, ready).run(wanted)
    session.stop()
    return right


def main() -> None:
    """Run what is asked for, or both."""
    warnings.simplefilter("ignore")
    engines = {"dask": (on_dask, 60), "spark": (on_spark, 20)}
    words = sys.argv[1:]
    counts = [int(word) for word in words if word.isdigit()]
    with tempfile.TemporaryDirectory() as name:
        path = make(pathlib.Path(name))
        results = []
        for engine in [word for word in words if word in engines] or engines:
            run, usual = engines[engine]
            print(f"{engine.title()}:")
            results.append(run(path, counts[0] if counts else usual))
    if not all(results):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
