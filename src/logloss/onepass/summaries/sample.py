"""A random sample of the rows, drawn over all of them by a hash of where each row stands: the same for any cut."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.onepass.kernels.hashing import GOLDEN, splitmix
from logloss.onepass.summaries.contract import BlockwiseSummary, Workspace
from logloss.text import count

ALL = (1 << 64) - 1
# More rows than asked for are kept until they are so many times too many.
SLACK = 1.25


@dataclass(frozen=True, slots=True, repr=False)
class SampleSummary(BlockwiseSummary):
    """The rows of least priority: at most `n_wanted`, none of a priority above `limit`.

    priorities: sorted. pieces: (priorities, rows of one block), not in order, some more than asked for.
    """

    n_wanted: int = 0
    limit: int = ALL
    n_rows: int = 0
    coding: frozenset[Any] = frozenset()
    priorities: Array = field(default_factory=lambda: np.zeros(0, np.uint64))
    pieces: tuple[tuple[Array, Block], ...] = field(default=(), compare=False)

    def workspace(self) -> Workspace:
        """A new workspace with the same settings."""
        return _SampleWorkspace(self.n_wanted, self.limit)

    def merge(self, other: SampleSummary) -> SampleSummary:
        """Of the rows of both."""
        pieces = trimmed((*self.pieces, *other.pieces), self.n_wanted)
        return SampleSummary(
            self.n_wanted,
            self.limit,
            self.n_rows + other.n_rows,
            self.coding | other.coding,
            np.sort(np.concatenate([self.priorities, other.priorities]))[: self.n_wanted],
            pieces,
        )

    def chosen(self, n_most: int | None = None) -> list[tuple[Array, Block]]:
        """(priorities, rows) of exactly the rows that were drawn, or of so many of them, drawn again."""
        last = self.priorities[:n_most][-1] if len(self.priorities) else 0
        kept = [(own, rows, own <= last) for own, rows in self.pieces]
        return [(own, rows) if is_low.all() else (own[is_low], rows.taken(is_low)) for own, rows, is_low in kept]

    def __repr__(self) -> str:
        return f"SampleSummary: n_rows={count(self.n_rows)}  n_drawn={count(len(self.priorities))}"


class _SampleWorkspace:
    def __init__(self, n_wanted: int, limit: int) -> None:
        self.n_wanted, self.limit = n_wanted, limit
        self.pieces: tuple[tuple[Array, Block], ...] = ()
        self.n_rows = 0
        self.coding: frozenset[Any] = frozenset()

    def add(self, block: Block) -> None:
        """Take in a block."""
        self.n_rows += block.n_rows
        self.coding |= block.coding
        if self.n_wanted == 0 or block.n_rows == 0:
            return
        found = priorities_of(block)
        is_low = found <= np.uint64(self.limit)
        if is_low.any():
            drawn = (found, block) if is_low.all() else (found[is_low], block.taken(is_low))
            self.pieces = trimmed((*self.pieces, drawn), self.n_wanted)

    def freeze(self) -> SampleSummary:
        """The summary of the blocks that were added."""
        all_of_them = [np.zeros(0, np.uint64), *(own for own, _ in self.pieces)]
        priorities = np.sort(np.concatenate(all_of_them))[: self.n_wanted]
        return SampleSummary(self.n_wanted, self.limit, self.n_rows, self.coding, priorities, self.pieces)


def trimmed(pieces: tuple[tuple[Array, Block], ...], n_wanted: int) -> tuple[tuple[Any, Block], ...]:
    """The pieces, without the rows of greatest priority once there are far too many."""
    if sum(len(own) for own, _ in pieces) <= SLACK * n_wanted:
        return pieces
    last = np.partition(np.concatenate([own for own, _ in pieces]), n_wanted - 1)[n_wanted - 1]
    kept = [(own, rows, own <= last) for own, rows in pieces]
    return tuple((own[is_low], rows.taken(is_low)) for own, rows, is_low in kept if is_low.any())


def priorities_of(block: Block) -> Array:
    """A hash of each row's place and number, shape (n_rows,), uint64. Cost: 5 ns a row."""
    numbers = np.arange(block.n_rows, dtype=np.uint64) if block.rows is None else block.rows.astype(np.uint64)
    seed = (block.first_row + (zlib.crc32(block.place.name.encode("utf-8", "replace")) << 32)) & ALL
    with np.errstate(over="ignore"):
        return splitmix((numbers + np.uint64(seed)) * np.uint64(GOLDEN))
