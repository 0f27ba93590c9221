"""Dask: runs of parts, or partitions, are tasks of a client; their summaries merge on the workers, eight at a time.

A task that a dead worker has taken along is done again from its description, and so is what was merged of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from logloss.errors import EngineError, MissingPackage
from logloss.onepass.engines.frame_sources import FrameSource, Progress, frame_part_of
from logloss.onepass.engines.travel import Answer, carried, opened, packed, packed_runs, runs_of, summary_of_answers
from logloss.text import first_line
from logloss.version import __version__

if TYPE_CHECKING:
    from dask.dataframe import DataFrame
    from distributed import Client

    from logloss.data.source import BlockPart
    from logloss.onepass.summaries import Summary

# Summaries that one task merges, and that come here as they are.
MERGED_AT_ONCE = 16
# Bytes that are sent to the scheduler with the tasks of a pass although they are the same in each.
MOST_REPEATED = 1 << 24
# Seconds that a worker has to turn up.
PATIENCE = 60


class DaskEngine:
    """A client, and the frame that it walks, if it is one."""

    def __init__(self, client: Client, *, is_own: bool = False) -> None:
        self.client, self.is_own = client, is_own
        self.notes: list[str] = []
        self.frame: Any = None
        self.is_kept = False
        # The partitions of the columns that were last read.
        self.columns: tuple[str, ...] = ()
        self.partitions: list[Any] = []

    @classmethod
    def opened(cls, client: Client | str | None) -> DaskEngine:
        """The engine of a client; of None, the one that is at work; of "dask", a new one on this machine."""
        try:
            from distributed import Client, default_client
        except ImportError as error:
            raise MissingPackage(
                'walking with Dask needs distributed. Install it with: pip install "logloss[dask]"'
            ) from error
        if client == "dask":
            from logloss.onepass.run import available_cpus

            return cls(Client(n_workers=available_cpus(), threads_per_worker=1, dashboard_address=":0"), is_own=True)
        if client is None:
            try:
                client = default_client()
            except ValueError as error:
                raise EngineError(
                    "a frame of Dask is walked by a client, and none is at work. Start one: "
                    'from distributed import Client; client = Client(). Or pass engine="dask".'
                ) from error
        return cls(client)

    def frame_source(self, frame: DataFrame, *, is_repeated: bool) -> FrameSource:
        self.frame, self.is_kept = frame, is_repeated
        names = [str(name) for name in frame.columns]
        return FrameSource(names, {name: _kind(frame.dtypes[name]) for name in names}, self)

    def map_and_merge(self, parts: Sequence[BlockPart], empty: Summary, *, progress: Progress | None = None) -> Any:
        import dask

        threads = self.client.nthreads()
        if not threads:
            try:
                self.client.wait_for_workers(1, timeout=PATIENCE)
            except TimeoutError as error:
                message = f"no worker of Dask has turned up within {PATIENCE} s. Start one, and run again."
                raise EngineError(message) from error
        call = carried(__version__)
        fold = dask.delayed(call, pure=False)
        frame_part = frame_part_of(parts)
        if frame_part is None:
            is_floating = getattr(empty, "is_floating", False)
            runs = runs_of(parts, is_floating=is_floating, n_slots=sum(threads.values()))
            held = _held(packed(empty), len(runs))
            tasks = [fold("fold_files", k, run, held) for k, run in enumerate(packed_runs(runs))]
        else:
            partitions = self._partitions(frame_part.columns)
            held, described = (_held(packed(each), len(partitions)) for each in (empty, list(parts)))
            tasks = [fold("fold_partition", k, each, described, held) for k, each in enumerate(partitions)]
        return summary_of_answers(self._answers(call, tasks, progress), empty, parts, len(tasks))

    def _partitions(self, columns: tuple[str, ...]) -> list[Any]:
        """The partitions of the frame, of these columns only; held in memory where walks are repeated."""
        if set(columns) - set(self.columns) or not self.columns:
            frame = self.frame[list(columns)]
            self.columns, self.partitions = columns, _kept(frame) if self.is_kept else frame.to_delayed()
        return self.partitions

    def _answers(self, call: Callable[..., bytes], tasks: Sequence[Any], progress: Progress | None) -> list[Answer]:
        """What is left when the workers have merged what they can."""
        futures = self.client.compute(list(tasks), optimize_graph=False)
        everything = list(futures)
        level = self._merging(call, futures, everything)
        # The answers themselves where they all come here; else first the head of each, and then what is left of them.
        heads = level if level is futures else [self._submitted(call, "head_of", each, everything) for each in futures]
        answers = []
        try:
            for answer in self._done(heads):
                if answer.error is not None:
                    return [answer]
                if progress is not None:
                    progress(answer)
                answers.append(answer)
            return answers if heads is level else list(self._done(level))
        finally:
            # After an error or Ctrl-C nobody works on what nobody waits for.
            self.client.cancel(everything)

    def _merging(self, call: Callable[..., bytes], futures: Sequence[Any], everything: list[Any]) -> Sequence[Any]:
        """The few answers that workers make of many."""
        level = futures
        while len(level) > MERGED_AT_ONCE:
            starts = range(0, len(level), MERGED_AT_ONCE)
            level = [
                self._submitted(call, "merge_answers", list(level[k : k + MERGED_AT_ONCE]), everything) for k in starts
            ]
        return level

    def _submitted(self, call: Callable[..., bytes], name: str, argument: object, everything: list[Any]) -> Any:
        future = self.client.submit(call, name, argument, pure=False)
        everything.append(future)
        return future

    def _done(self, futures: Sequence[Any]) -> Iterator[Answer]:
        from distributed import as_completed

        # What a loop lets go of the cluster forgets: it must outlast the loop.
        for future in as_completed(list(futures)):
            error = future.exception()
            if error is not None:
                raise EngineError(
                    f"Dask could not finish a pass: {type(error).__name__}: {first_line(error)}"
                ) from error
            yield opened(future.result())

    def close(self) -> None:
        self.partitions = []
        if self.is_own:
            self.client.shutdown()


def _kept(frame: DataFrame) -> list[Any]:
    """The partitions of a frame, computed and held by the workers.

    Not those that the persisted frame names: of few columns Dask joins files as it reads them, and names more than
    there are.
    """
    from distributed import futures_of

    return sorted(futures_of(frame.persist()), key=lambda future: future.key[-1])


def _held(data: bytes, n_tasks: int) -> Any:
    """What every task is given: by itself, or, where that is much, once on the cluster."""
    import dask

    # Not always once: a task that depends on something goes rather to the worker that has it, and the others idle.
    return data if len(data) * n_tasks <= MOST_REPEATED else dask.delayed(data)


def _kind(stored: object) -> tuple[str, str]:
    """The kind of a column of a pandas type, and the type in words."""
    kind = getattr(stored, "kind", "O")
    named = {"b": "bool", "i": "number", "u": "number", "f": "number", "O": "text", "U": "text", "M": "date"}.get(
        kind, ""
    )
    return named, str(stored)
