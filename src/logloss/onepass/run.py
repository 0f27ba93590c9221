"""The one loop: parts become summaries on a pool of threads, summaries merge in the order of the parts.

Kernels and file readers release the interpreter lock, so that threads are enough on one machine. What is cut into parts
does not depend on the number of threads, nor does the order in which floating summaries merge: one machine gives one
answer.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from logloss.data.block import Block
from logloss.data.checks.labels import judge_coding
from logloss.data.rows import Roles, Rows
from logloss.data.source import KeptSource, Part, Source, block_parts
from logloss.errors import DataError
from logloss.onepass.summaries.contract import raise_if_stopped, stopped_by

if TYPE_CHECKING:
    from logloss.onepass.engines.frame_sources import Engine
    from logloss.onepass.summaries import Summary, Workspace


class BlockRun(Protocol):
    """What hands out blocks, or rows that are checked later: a part of a source, or blocks that are kept."""

    def blocks(self) -> Iterator[Any]: ...


Seen = Callable[[Block], None]
# What the loop hands out: blocks, or rows that have no labels.
Handed = TypeVar("Handed", Block, Rows)


def walk(
    source: Source, roles: Roles, empty: Summary, *, progress: Seen | None = None, n_threads: int | None = None
) -> Any:
    """One pass over a source: the merged summary of all its parts. `empty` carries the settings of the summary."""
    return judged(summarised(source, roles, empty, progress=progress, n_threads=n_threads), source, roles)


def judged(summary: Any, source: Source, roles: Roles) -> Any:
    """The summary of a pass, whose labels go together and that has rows."""
    judge_coding(summary.coding, roles)
    if summary.n_rows == 0:
        raise DataError(nothing_left(source, summary))
    return summary


def summarised(
    source: Source, roles: Roles, empty: Summary, *, progress: Seen | None = None, n_threads: int | None = None
) -> Any:
    """What all parts of a source make: on the engine that the source has, or here."""
    engine = engine_of(source)
    if engine is not None:
        return engine.map_and_merge(block_parts(source, roles), empty, progress=progress)
    return map_and_merge(parts_of(source, roles), empty, progress=progress, n_threads=n_threads)


def engine_of(source: object) -> Engine | None:
    """Who walks over a source, whatever was put around it; None where it is this machine."""
    while source is not None:
        if hasattr(source, "engine"):
            return source.engine
        source = getattr(source, "source", None)
    return None


def parts_of(source: Source, roles: Roles) -> Sequence[BlockRun]:
    """The parts of a source that hand out blocks."""
    if isinstance(source, KeptSource):
        return source.kept_parts(roles)
    return block_parts(source, roles)


def nothing_left(source: Source, summary: Summary) -> str:
    """The message where no row is left."""
    where = f" in {source.name}" if source.name else ""
    n_dropped = getattr(summary, "n_dropped", 0)
    n_unlabelled = getattr(getattr(summary, "unlabelled", None), "n_rows", 0)
    if n_unlabelled > n_dropped:
        return (
            f"expected at least one row with a label; none of the {n_unlabelled:,} rows{where} has one. What rows "
            "without a label cost is estimated from labelled rows of the same forecast: measure both together, for "
            "example two files at once."
        )
    if n_dropped:
        return f"expected at least one row with every value; all {n_dropped:,} rows{where} lack one."
    if source.n_rows:
        return f"expected at least one row with a weight above 0; all {source.n_rows:,} rows{where} have weight 0."
    return f"expected at least one row; found none{where}."


def map_and_merge(
    parts: Sequence[BlockRun], empty: Summary, *, progress: Seen | None = None, n_threads: int | None = None
) -> Any:
    """The summary of the parts: floating ones are merged in the order of the parts, so that threads change no bit."""
    is_floating = getattr(empty, "is_floating", False)
    with blas_on_one_thread() if is_floating else contextlib.nullcontext():
        if len(parts) == 1:
            return summary_of(parts, empty, progress)
        stop = threading.Event()
        fold = partial(summary_of, empty=empty, progress=progress, stop=stop)
        n_threads = max(1, min(n_threads or available_cpus(), len(parts)))
        # The bits of a counted summary do not depend on the cut: each thread may put all its parts into one workspace.
        runs = [[part] for part in parts] if is_floating else shared_out(parts, n_threads)
        summary = empty
        if n_threads == 1:
            for run in runs:
                summary = summary.merge(fold(run))
            return summary
        with ThreadPoolExecutor(n_threads, thread_name_prefix="logloss") as pool:
            # Inside: an interruption while a thread starts would leave one that the pool does not know of.
            try:
                futures = [pool.submit(fold, run) for run in runs]
                for future in futures:
                    summary = summary.merge(future.result())
            finally:
                # After an error or Ctrl-C the others stop at their next block, or piece of one.
                stop.set()
                pool.shutdown(cancel_futures=True)
    return summary


def shared_out(parts: Sequence[BlockRun], n_threads: int) -> list[Iterator[BlockRun]]:
    """As many runs of parts as there are threads; who is free takes the next part."""
    left = iter(parts)
    lock = threading.Lock()

    def run() -> Iterator[BlockRun]:
        while True:
            with lock:
                part = next(left, None)
            if part is None:
                return
            yield part

    return [run() for _ in range(n_threads)]


def summary_of(
    parts: Iterable[BlockRun], empty: Summary, progress: Seen | None = None, stop: threading.Event | None = None
) -> Any:
    """The summary of some parts. Engines send this function, with parts, to their workers."""
    workspace: Workspace = empty.workspace()
    with stopped_by(stop):
        hand_out((part.blocks() for part in parts), workspace.add, progress=progress)
    return workspace.freeze()


def blocks_in_order(source: Source, roles: Roles, use: Callable[[Block], None]) -> None:
    """Hand out the blocks of a source as they stand, in one thread: for answers that are as long as the table."""
    hand_out((part.blocks() for part in parts_of(source, roles)), use)


def rows_in_order(
    parts: Iterable[Part], use: Callable[[Rows], None], progress: Callable[[Rows], None] | None = None
) -> None:
    """The same of rows that have no labels, and so are no blocks."""
    hand_out((part.rows() for part in parts), use, progress=progress)


def hand_out(
    runs: Iterable[Iterable[Handed]],
    use: Callable[[Handed], None],
    *,
    progress: Callable[[Handed], None] | None = None,
) -> None:
    """The one loop over blocks: each goes to `use`, then to `progress`, until this thread is stopped."""
    for run in runs:
        for block in run:
            raise_if_stopped()
            use(block)
            if progress is not None:
                progress(block)


def available_cpus() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _BlasLimit:
    """One BLAS thread for each of ours; how many walks and fits ask for that now, and what ends the limit."""

    def __init__(self) -> None:
        self.lock, self.n_inside = threading.Lock(), 0
        self.limiter: Any = None

    def __enter__(self) -> None:
        with self.lock:
            if not self.n_inside:
                self.limiter = _blas().limit(limits=1, user_api="blas")
            self.n_inside += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.n_inside -= 1
            if not self.n_inside:
                self.limiter.restore_original_limits()


_BLAS_LIMIT = _BlasLimit()


def blas_on_one_thread() -> contextlib.AbstractContextManager[None]:
    """One BLAS thread for each of ours while walking (measured: 0.23 s for 0.77 s), and what it was afterwards."""
    return _BLAS_LIMIT


@cache
def _blas() -> Any:
    """The BLAS that numpy and scipy have loaded: looking for it takes 2 ms, which is more than a fit of ten rows."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
