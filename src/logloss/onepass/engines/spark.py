"""Spark: partitions go through `DataFrame.mapInArrow`, and large summaries through a second one that merges them.

Nothing else of Spark is used for rows: no RDD, so that it also runs through Spark Connect and on serverless clusters,
and no cache where the cluster allows none.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from logloss.errors import EngineError, MissingPackage
from logloss.onepass.engines.frame_sources import FramePart, FrameSource, Progress, frame_part_of
from logloss.onepass.engines.travel import (
    Answer,
    carried,
    opened,
    packed,
    packed_runs,
    rows_of,
    runs_of,
    summary_of_answers,
)
from logloss.text import first_line
from logloss.version import __version__

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from logloss.data.source import BlockPart
    from logloss.onepass.summaries import Summary

SCHEMA = "number long, band long, answer binary"
# Settings of a session: how many rows go to Python at a time, and how many bytes at most.
RECORDS = "spark.sql.execution.arrow.maxRecordsPerBatch"
BYTES = "spark.sql.execution.arrow.maxBytesPerBatch"
# Spark adds up the bytes of the batch after each row, which is most of the time of a pass over a frame; it does not
# where this number, read as no limit, is set.
NO_LIMIT = str((1 << 31) - 1)
# Values of a batch: 64 MB of float64, which is what that limit is by default.
VALUES_OF_A_BATCH = 1 << 23
# Answers that go to the driver as they are; more are merged on the workers first.
MOST_ANSWERS = 64
# Partitions of a frame whose answers are merged together, where it is not known how many there are.
BAND_SIZE = 32
SECONDS_BETWEEN_LOOKS = 0.5
# Letters of Spark's messages that are shown.
LONGEST = 500
DATES = ("date", "timestamp", "timestamp_ntz")
NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")


class SparkEngine:
    """A session, and the frame that it walks, if it is one."""

    def __init__(self, session: SparkSession, *, is_own: bool = False) -> None:
        self.session, self.is_own = session, is_own
        self.notes: list[str] = []
        self.frame: Any = None
        self.is_kept = False
        self.kept: Any = None
        self.columns: tuple[str, ...] = ()
        # How many partitions the frame has; not known before the first pass.
        self.n_partitions: int | None = None

    @classmethod
    def opened(cls, session: SparkSession | str | None, frame: DataFrame | None = None) -> SparkEngine:
        """The engine of a session, or of a frame's; of "spark", the one at work or a new one on this machine."""
        try:
            from pyspark.errors import PySparkException
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise MissingPackage(
                'walking with Spark needs pyspark and pandas. Install them with: pip install "logloss[spark]"'
            ) from error
        if frame is not None:
            return cls(frame.sparkSession)
        if session != "spark":
            return cls(session)
        at_work = SparkSession.getActiveSession()
        if at_work is not None:
            return cls(at_work)
        from logloss.onepass.run import available_cpus

        # Else workers run whichever python3 comes first, which may have neither logloss nor pyarrow.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        # The second number is how often a task is tried: 1 by default, and then a dead worker ends the job.
        builder = SparkSession.builder.master(f"local[{available_cpus()},4]").appName("logloss")
        for name, value in {"spark.ui.enabled": "false", "spark.log.level": "ERROR"}.items():
            builder = builder.config(name, value)
        try:
            return cls(builder.getOrCreate(), is_own=True)
        except (PySparkException, RuntimeError) as error:
            raise EngineError(
                f"Spark did not start: {first_line(error)} It needs Java 17 or newer (Debian: apt install "
                "openjdk-17-jre-headless)."
            ) from error

    def frame_source(self, frame: DataFrame, *, is_repeated: bool) -> FrameSource:
        self.frame, self.is_kept = frame, is_repeated
        return FrameSource(frame.columns, {name: (_kind(stored), stored) for name, stored in frame.dtypes}, self)

    def map_and_merge(self, parts: Sequence[BlockPart], empty: Summary, *, progress: Progress | None = None) -> Any:
        frame_part = frame_part_of(parts)
        n_runs: int | None = None
        n_expected: int | None
        if frame_part is None:
            is_floating = getattr(empty, "is_floating", False)
            runs = packed_runs(runs_of(parts, is_floating=is_floating, n_slots=self._n_slots()))
            n_runs = n_expected = len(runs)
            size = _band_size(n_expected)
            if not runs:
                return empty
            table = self.session.range(0, n_runs, 1, n_runs)
            answers = table.mapInArrow(_over_files(runs, packed(empty), size), SCHEMA)
        else:
            n_expected = self.n_partitions
            size = _band_size(n_expected)
            table = self._columns(frame_part.columns)
            answers = table.mapInArrow(_over_frame(packed(list(parts)), packed(empty), size), SCHEMA)
        if n_expected is None or n_expected > MOST_ANSWERS:
            # Into as many partitions as Spark finds good: it puts small ones together unless their number is given.
            answers = answers.repartition("band").mapInArrow(_merging(), SCHEMA)
        n_rows = None if frame_part is not None else rows_of(parts)
        with self._batches(frame_part), self._watched(n_expected, n_rows, progress) as n_reported:
            collected = self._collected(answers)
        summary = summary_of_answers(collected, empty, parts, n_runs)
        if frame_part is not None:
            self.n_partitions = 1 + max((last for each in collected for _, last in each.runs), default=0)
        if progress is not None and summary.n_rows > n_reported[0]:
            progress(Answer((), summary.n_rows - n_reported[0], None))
        return summary

    @contextlib.contextmanager
    def _watched(self, n_tasks: int | None, n_rows: int | None, progress: Progress | None) -> Iterator[list[int]]:
        """Report rows as tasks are done, where the session has a tracker; yields how many rows it has reported."""
        n_reported = [0]
        tracker = self._tracker() if progress is not None and n_tasks and n_rows else None
        if progress is None or tracker is None or not n_tasks or not n_rows:
            yield n_reported
            return
        over = threading.Event()

        def watch() -> None:
            while not over.wait(SECONDS_BETWEEN_LOOKS):
                stages = [tracker.getStageInfo(number) for number in tracker.getActiveStageIds()]
                done = max((s.numCompletedTasks for s in stages if s is not None and s.numTasks == n_tasks), default=0)
                more = n_rows * done // n_tasks - n_reported[0]
                if more > 0:
                    n_reported[0] += more
                    progress(Answer((), more, None))

        watcher = threading.Thread(target=watch, name="logloss-progress", daemon=True)
        watcher.start()
        try:
            yield n_reported
        finally:
            over.set()
            watcher.join()

    def _tracker(self) -> Any:
        """The tracker of tasks that are done; None through Spark Connect, whose clients show a bar of their own."""
        from pyspark.errors import PySparkException

        with contextlib.suppress(PySparkException):
            return self.session.sparkContext.statusTracker()
        return None

    def _n_slots(self) -> int:
        """Tasks that run at once, as far as the session shows."""
        from pyspark.errors import PySparkException

        with contextlib.suppress(PySparkException):
            return int(self.session.sparkContext.defaultParallelism)
        return int(self.session.conf.get("spark.sql.shuffle.partitions", "200"))

    def _batches(self, part: FramePart | None) -> contextlib.AbstractContextManager[None]:
        """The size of the batches in which a frame goes to Python, for as long as a pass takes."""
        from pyspark.errors import PySparkException

        wanted: dict[str, str] = {}
        # Where the cluster does not let settings be read, they stay.
        with contextlib.suppress(PySparkException):
            # A limit that is set is by someone who knows the memory of the workers.
            if part is not None and self.session.conf.get(BYTES, None) is None:
                n_most = max(1, VALUES_OF_A_BATCH // max(len(part.columns), 1))
                are_few = 0 < int(self.session.conf.get(RECORDS)) <= n_most
                wanted = {BYTES: NO_LIMIT} if are_few else {BYTES: NO_LIMIT, RECORDS: str(n_most)}
        return self._set(wanted)

    @contextlib.contextmanager
    def _set(self, wanted: dict[str, str]) -> Iterator[None]:
        """Settings of the session, put back afterwards; none where the cluster does not let them be set."""
        from pyspark.errors import PySparkException

        before: dict[str, str | None] = {}
        try:
            with contextlib.suppress(PySparkException):
                for name, value in wanted.items():
                    found = self.session.conf.get(name, None)
                    # Another pass in another thread has set it, and puts it back.
                    if found != value:
                        self.session.conf.set(name, value)
                        before[name] = found
            yield
        finally:
            # A session that is gone fails here, too: the error of the pass says so.
            with contextlib.suppress(*_failures()):
                for name, found in before.items():
                    if found is None:
                        self.session.conf.unset(name)
                    else:
                        self.session.conf.set(name, found)

    def _columns(self, columns: tuple[str, ...]) -> Any:
        """These columns of the frame; held in memory where walks are repeated and the cluster allows it."""
        quoted = ["`" + name.replace("`", "``") + "`" for name in columns]
        if not self.is_kept:
            return self.frame.select(*quoted)
        if self.kept is None or set(columns) - set(self.columns):
            from pyspark.errors import PySparkException

            self._release()
            self.columns, self.kept = columns, self.frame.select(*quoted)
            try:
                self.kept = self.kept.persist()
            except PySparkException as error:
                self.is_kept = False
                self.notes.append(f"this cluster holds nothing in memory ({first_line(error)}): each pass reads anew")
        return self.kept.select(*quoted)

    def _collected(self, answers: DataFrame) -> list[Answer]:
        try:
            return [opened(bytes(row.answer)) for row in answers.select("answer").collect()]
        except _failures() as error:
            raise EngineError(f"Spark could not finish a pass: {_cause(error)}") from error

    def _release(self) -> None:
        if self.kept is not None and self.is_kept:
            self.kept.unpersist()
        self.kept = None

    def close(self) -> None:
        self._release()
        if self.is_own:
            self.session.stop()


def _failures() -> tuple[type[Exception], ...]:
    """What Spark raises where it gives up; a client without a JVM of its own has no py4j."""
    from pyspark.errors import PySparkException

    try:
        from py4j.protocol import Py4JError
    except ImportError:
        return (PySparkException,)
    return PySparkException, Py4JError


def _band_size(n_answers: int | None) -> int:
    return BAND_SIZE if n_answers is None else max(1, math.isqrt(max(n_answers - 1, 0)) + 1)


def _over_files(runs: Sequence[bytes], empty: bytes, size: int) -> Callable[[Iterator[Any]], Iterator[Any]]:
    call = carried(__version__)

    def fold(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                answer = call("fold_files", number, runs[number], empty)
                yield type(batch).from_pydict({"number": [number], "band": [number // size], "answer": [answer]})
        call("spare_collections")

    return fold


def _over_frame(parts: bytes, empty: bytes, size: int) -> Callable[[Iterator[Any]], Iterator[Any]]:
    call = carried(__version__)

    def fold(batches: Iterator[Any]) -> Iterator[Any]:
        import itertools

        from pyspark import TaskContext

        first = next(batches, None)
        if first is not None:
            number = TaskContext.get().partitionId()
            answer = call("fold_frame", number, itertools.chain([first], batches), parts, empty)
            yield type(first).from_pydict({"number": [number], "band": [number // size], "answer": [answer]})
        call("spare_collections")

    return fold


def _merging() -> Callable[[Iterator[Any]], Iterator[Any]]:
    call = carried(__version__)

    def merge(batches: Iterator[Any]) -> Iterator[Any]:
        bands: dict[int, list[bytes]] = {}
        kind: Any = None
        for batch in batches:
            kind = type(batch)
            for band, answer in zip(batch.column(1).to_pylist(), batch.column(2).to_pylist(), strict=True):
                bands.setdefault(band, []).append(answer)
        for band, answers in bands.items():
            yield kind.from_pydict({"number": [band], "band": [band], "answer": [call("merge_answers", answers)]})

    return merge


def _cause(error: BaseException) -> str:
    """The most helpful line: the last one of a worker's stack, else the first."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    named = [line for line in lines if "Error: " in line or "Exception: " in line]
    telling = (named or lines or [type(error).__name__])[-1 if named else 0][:LONGEST]
    if "No module named" in telling:
        telling += (
            ". Install it on the workers, or name their Python in the environment before Spark starts: PYSPARK_PYTHON"
        )
    return telling


def _kind(stored: str) -> str:
    """The kind of a column by the name of its type in Spark."""
    name = stored.split("(")[0]
    if name in NUMBERS:
        return "number"
    if name in DATES:
        return "date"
    return {"boolean": "bool", "string": "text", "varchar": "text", "char": "text", "void": "nothing"}.get(name, "")
