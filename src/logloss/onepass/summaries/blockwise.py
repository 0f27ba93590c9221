"""What summaries have in common that are made block by block, and how rows of a block are cut into pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, ClassVar, Self

from logloss.data.block import Block
from logloss.data.design import PIECE_ROWS
from logloss.onepass.summaries.contract import Workspace


class BlockwiseSummary:
    """A frozen dataclass whose first fields are its settings, which `empty` takes; floating: laws hold to rounding."""

    __slots__ = ()
    is_floating: ClassVar[bool] = True
    n_settings: ClassVar[int] = 1
    empty: ClassVar[Callable[..., Any]]

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
        raise NotImplementedError

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


def pieces(n_rows: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of runs of rows that stay in the cache."""
    for start in range(0, n_rows, PIECE_ROWS):
        yield start, min(start + PIECE_ROWS, n_rows)
