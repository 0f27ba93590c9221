"""What goes to a worker and what comes back: descriptions of parts one way, answers the other, each as bytes.

An answer is a summary with the numbers of the runs of parts that it is made of, so that a run that is missing, or
counted twice, is an error and not another number. What goes wrong on a worker travels as an answer, too: an engine
would retry it, and show its own stack.
"""

from __future__ import annotations

import contextlib
import gc
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from logloss.errors import DataError, EngineError, LogLossError
from logloss.onepass.engines.frame_sources import AT_HAND, frame_part_of
from logloss.onepass.run import blas_on_one_thread, summary_of

if TYPE_CHECKING:
    import pandas as pd

    from logloss.data.source import BlockPart
    from logloss.onepass.summaries import Summary

# Tasks of one pass: more parts than these go together, so that a pass over a million row groups can be scheduled.
MOST_RUNS = 4096
# Values of a run of a floating summary: a task costs an engine up to 0.1 s, which these take to read and to sum.
VALUES_OF_A_RUN = 1 << 22
# Runs of counted summaries for each slot of a worker: so few that their summaries cost little, enough to share.
RUNS_OF_A_SLOT = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of some runs from a worker: their summary, or the error of the first that failed.

    runs: (first, one past the last) of each stretch of runs, ascending. strange: rows of levels that a model has not
    seen, by column.
    """

    runs: tuple[tuple[int, int], ...]
    n_rows: int
    summary: Summary | None
    strange: dict[str, int] = field(default_factory=dict)
    error: Exception | None = None


def runs_of(parts: Sequence[BlockPart], *, is_floating: bool, n_slots: int) -> list[list[BlockPart]]:
    """Parts that go to a worker together, in order. Those of floating summaries do not depend on the workers."""
    if is_floating:
        worth = [_values_of(part) for part in parts]
        least = max(VALUES_OF_A_RUN, sum(worth) / MOST_RUNS)
    else:
        n_runs = max(1, min(len(parts), MOST_RUNS, RUNS_OF_A_SLOT * max(n_slots, 1)))
        worth, least = [1.0] * len(parts), len(parts) / n_runs
    # A run ends where the parts so far are worth a whole number of runs: none is much larger than another.
    runs: dict[int, list[BlockPart]] = {}
    done = 0.0
    for part, own in zip(parts, worth, strict=True):
        runs.setdefault(int(done / least), []).append(part)
        done += own
    return list(runs.values())


def _values_of(part: BlockPart) -> float:
    """How many values a part holds; of one whose rows are not counted, enough for a run of its own."""
    n_rows = part.part.n_rows
    return float(VALUES_OF_A_RUN if n_rows is None else n_rows * len(part.roles.columns))


def rows_of(parts: Sequence[BlockPart]) -> int | None:
    """How many rows the parts have, where all of them are counted."""
    sizes = [part.part.n_rows for part in parts]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def packed(thing: object) -> bytes:
    """What travels, as bytes."""
    return pickle.dumps(thing, protocol=pickle.HIGHEST_PROTOCOL)


def packed_runs(runs: Sequence[Sequence[BlockPart]]) -> list[bytes]:
    """Runs of parts as they travel."""
    try:
        return [packed(run) for run in runs]
    except (TypeError, ValueError, pickle.PicklingError) as error:
        raise DataError(
            f"these rows cannot be described to another machine ({error}). An engine walks over files, whole datasets "
            "of files and frames of its own; write what you mean to files, or leave `engine=` out."
        ) from error


def carried(version: str) -> Callable[..., Any]:
    """A function that travels whole: it imports logloss when called, and returns a notice where it is missing.

    Called with the name of a function of this module and its arguments.
    """

    def call(name: str, *arguments: object) -> Any:
        import pickle

        try:
            from logloss.onepass.engines import travel
            from logloss.version import __version__ as found
        except ImportError as error:
            import platform
            import sys

            return pickle.dumps((f"{platform.node()} ({sys.executable})", "", str(error)))
        if found != version:
            import platform
            import sys

            return pickle.dumps((f"{platform.node()} ({sys.executable})", found, ""))
        return getattr(travel, name)(*arguments)

    return call


def fold_files(number: int, run: bytes, empty: bytes) -> bytes:
    """On a worker: the answer of a run of parts."""
    return packed(answered(number, pickle.loads(run), pickle.loads(empty)))


def fold_frame(number: int, batches: Iterable[Any], parts: bytes, empty: bytes) -> bytes:
    """On a worker: the answer of a partition that arrives in batches."""
    token = AT_HAND.set((number, batches))
    try:
        return packed(answered(number, pickle.loads(parts), pickle.loads(empty)))
    finally:
        AT_HAND.reset(token)


def fold_partition(number: int, frame: pd.DataFrame, parts: bytes, empty: bytes) -> bytes:
    """On a worker: the answer of a partition that is a frame in memory."""
    from logloss.data.arrow import table_of_frame

    part = frame_part_of(pickle.loads(parts))
    return fold_frame(number, [table_of_frame(frame, part.columns if part is not None else ())], parts, empty)


def spare_collections() -> None:
    """On a worker of Spark: keep the modules that are loaded out of what the collector looks through.

    Spark collects garbage after each task, and looking through all that Python, numba and logloss have loaded takes
    30 ms of it.
    """
    if not gc.get_freeze_count():
        gc.collect()
        gc.freeze()


def merge_answers(answers: Sequence[bytes]) -> bytes:
    """On a worker: one answer of several."""
    return packed(merged([opened(each) for each in answers]))


def head_of(answer: bytes) -> bytes:
    """On a worker: the answer without its summary, for the one who waits."""
    whole = opened(answer)
    return packed(Answer(whole.runs, whole.n_rows, None, {}, whole.error))


def answered(number: int, parts: Sequence[BlockPart], empty: Summary) -> Answer:
    """The answer of some parts; an error of ours, or of the files, is one, too."""
    runs = ((number, number + 1),)
    try:
        with blas_on_one_thread() if getattr(empty, "is_floating", False) else contextlib.nullcontext():
            summary = summary_of(parts, empty)
    except LogLossError as error:
        return Answer(runs, 0, None, {}, error)
    except OSError as error:
        return Answer(runs, 0, None, {}, EngineError(_unreadable(error)))
    strange: Counter[str] = Counter()
    for counts in {id(each): each for each in map(strange_of, parts) if each}.values():
        strange.update(counts)
    return Answer(runs, summary.n_rows, summary, strange)


def strange_of(part: object) -> dict[str, int] | None:
    """Where a part, or what is around it, counts rows of levels that a model has not seen; None if it does not."""
    while part is not None:
        if hasattr(part, "strange"):
            return part.strange
        part = getattr(part, "part", None)
    return None


def _unreadable(error: OSError) -> str:
    return (
        f"a worker cannot read what it was given: {error}. Files must lie where every worker finds them under the same "
        "path, such as a mounted volume; else pass a frame that the engine itself reads."
    )


def opened(answer: bytes) -> Answer:
    """An answer as it was sent; the notice of `carried` where logloss is missing becomes an error."""
    sent = pickle.loads(answer)
    if isinstance(sent, Answer):
        return sent
    where, version, reason = sent
    from logloss.version import __version__

    has = f"has logloss {version}" if version else f"cannot import logloss: {reason}"
    return Answer(
        (),
        0,
        None,
        {},
        EngineError(
            f"a worker on {where} {has}. Install there what is here: pip install logloss=={__version__} (with Dask "
            f'also: client.register_plugin(distributed.PipInstall(["logloss=={__version__}"])); with Spark: as a '
            "library of the cluster)."
        ),
    )


def merged(answers: Sequence[Answer], empty: Summary | None = None) -> Answer:
    """One answer of several, in the order of their runs; the first error where there is one."""
    failed = [each for each in answers if each.error is not None]
    if failed:
        return min(failed, key=lambda each: each.runs)
    ordered = sorted(answers, key=lambda each: each.runs)
    runs: list[tuple[int, int]] = []
    summary, n_rows = empty, 0
    strange: Counter[str] = Counter()
    for each in ordered:
        for first, last in each.runs:
            if runs and first < runs[-1][1]:
                return Answer(each.runs, 0, None, {}, EngineError(f"run {first} of a pass was counted twice. {REPORT}"))
            if runs and first == runs[-1][1]:
                runs[-1] = runs[-1][0], last
            else:
                runs.append((first, last))
        if each.summary is not None:
            summary = each.summary if summary is None else summary.merge(each.summary)
        n_rows += each.n_rows
        strange.update(each.strange)
    return Answer(tuple(runs), n_rows, summary, strange)


REPORT = "The engine has lost track of its tasks; run again, and report it if it comes back."


def summary_of_answers(
    answers: Sequence[Answer], empty: Summary, parts: Sequence[BlockPart], n_runs: int | None
) -> Any:
    """The summary of a whole pass: each run once, or an error. n_runs: how many there are, where that is known."""
    total = merged(answers, empty)
    if total.error is not None:
        # Its words name the place; the stack of a worker helps nobody here.
        raise total.error.with_traceback(None) from None
    if n_runs is not None and total.runs != (((0, n_runs),) if n_runs else ()):
        raise EngineError(f"a pass has {n_runs} runs of parts; answers came of {total.runs}. {REPORT}")
    kept = strange_of(parts[0]) if parts else None
    if kept is not None:
        for name, n_strange in total.strange.items():
            kept[name] = kept.get(name, 0) + n_strange
    return total.summary
