"""What summaries and workspaces are, and how they read the forecasts of a block."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from logloss.data.block import Block
from logloss.data.checks.forecasts import Unlabelled
from logloss.data.checks.reading import read_only
from logloss.data.coded import PIECE_ROWS
from logloss.data.rows import Array

Record = TypeVar("Record")


class Workspace(Protocol):
    """What one worker adds blocks to."""

    def add(self, block: Block) -> None:
        """Take in a block."""

    def freeze(self) -> Any:
        """The summary of the blocks that were added."""


class Summary(Protocol):
    """What the loop of `run.py` makes of parts and merges."""

    def workspace(self) -> Workspace:
        """A new workspace with the settings of this summary."""

    def merge(self, other: Self) -> Self:
        """The summary of the rows of both."""


def weight_of(block: Block) -> NDArray[np.float64]:
    """The weight of each row."""
    return np.ones(block.n_rows) if block.sample_weight is None else block.sample_weight


def mass_of(block: Block) -> NDArray[np.float64]:
    """Weight times count of each row."""
    weight = weight_of(block)
    return weight if block.counts is None else weight * block.counts


def added(a: Any, b: Any) -> Any:
    """What two sets of rows hold together: sets united, tuples added place by place, all else added; None stays."""
    if isinstance(a, frozenset):
        return a | b
    if isinstance(a, tuple):
        return tuple(x + y for x, y in zip(a, b, strict=True))
    return None if a is None else a + b


def merged(a: Record, b: Record, n_settings: int = 0, **merged_by: Callable[[Any, Any], Any]) -> Record:
    """A frozen dataclass of the rows of both: first its settings; others are `added`, or merged by `merged_by`."""
    names: tuple[str, ...] = a.__match_args__  # type: ignore[attr-defined]
    values = [getattr(a, name) for name in names[:n_settings]]
    values += [merged_by.get(name, added)(getattr(a, name), getattr(b, name)) for name in names[n_settings:]]
    return type(a)(*values)


def times_of(block: Block) -> int:
    """How many rows a block stands for."""
    return block.n_rows if block.counts is None else int(block.counts.sum())


def forecast_of(block: Block | Unlabelled) -> tuple[Array, Array | None, Array | None]:
    """The forecasts of a block, or of rows without labels, as the kernels take them: P(1), P(0), logits."""
    if block.y_logit is not None:
        return block.y_logit, None, block.y_logit
    # Where there are no logits, there are probabilities.
    return block.y_proba, block.y_proba_of_zero, None  # type: ignore[return-value]


def is_hard(block: Block) -> bool:
    """Whether every label of the block is 0 or 1 and no row has a weight."""
    return block.y_true.dtype == np.uint8 and block.sample_weight is None


def pieces_of(block: Block) -> list[Block]:
    """The rows of a block that `is_hard` and those that are not: which row is which must not depend on the cut."""
    if block.y_true.dtype == np.uint8 or block.sample_weight is not None:
        return [block]
    is_whole = (block.y_true == 0) | (block.y_true == 1)
    if not is_whole.any():
        return [block]
    hard = block.taken(is_whole)
    return [replace(hard, y_true=read_only(hard.y_true.astype(np.uint8))), block.taken(~is_whole)]


class BlockwiseSummary:
    """A frozen dataclass whose first fields are its settings, which `empty` takes; floating: laws hold to rounding."""

    __slots__ = ()
    is_floating: ClassVar[bool] = True
    n_settings: ClassVar[int] = 1
    # How the fields are merged that are not `added`.
    merged_by: ClassVar[Mapping[str, Callable[[Any, Any], Any]]] = {}

    # Of no rows.
    empty: ClassVar[Callable[..., Any]] = classmethod(lambda cls, *settings: cls(*settings))  # type: ignore[assignment]

    @classmethod
    def of(cls, block: Block, *settings: object) -> Self:
        """Of the rows of a block."""
        workspace = cls.empty(*settings).workspace()
        workspace.add(block)
        summary: Self = workspace.freeze()
        return summary

    def of_block(self, block: Block) -> Self:
        """Of the rows of a block, with the settings of this summary; what needs its own workspace has none."""
        raise NotImplementedError

    def merge(self, other: Self) -> Self:
        """Of the rows of both."""
        return merged(self, other, self.n_settings, **self.merged_by)

    def workspace(self) -> Workspace:
        """A new workspace with the settings of this summary."""
        settings = [getattr(self, each.name) for each in fields(self)[: self.n_settings]]  # type: ignore[arg-type]
        return MergingWorkspace(self.empty(*settings))


class MergingWorkspace:
    """What blocks are added to by merging the summary of each."""

    def __init__(self, empty: BlockwiseSummary) -> None:
        self.summary = empty

    def add(self, block: Block) -> None:
        """Take in a block."""
        self.summary = self.summary.merge(self.summary.of_block(block))

    def freeze(self) -> BlockwiseSummary:
        """The summary of the blocks that were added."""
        return self.summary


class Stopped(Exception):
    """Raised in a worker when another one has failed or the user has interrupted."""


class _Stop(threading.local):
    """What tells a thread to stop."""

    event: threading.Event | None = None


_STOP = _Stop()


@contextlib.contextmanager
def stopped_by(event: threading.Event | None) -> Iterator[None]:
    """While it lasts, this thread stops once the event is set."""
    before, _STOP.event = _STOP.event, event
    try:
        yield
    finally:
        _STOP.event = before


def raise_if_stopped() -> None:
    """Raise `Stopped` in a thread that has been told to stop: between blocks, and between the pieces of one."""
    if _STOP.event is not None and _STOP.event.is_set():
        raise Stopped


def pieces(n_rows: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of runs of rows that stay in the cache."""
    for start in range(0, n_rows, PIECE_ROWS):
        raise_if_stopped()
        yield start, min(start + PIECE_ROWS, n_rows)
