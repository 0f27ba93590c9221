"""The summary of a measurement for each fold of whole clusters: what is fitted to some can be judged on others.

Which fold a cluster is in follows from its hash alone, so that every block, worker and run agrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.onepass.kernels.hashing import hashes_of
from logloss.onepass.summaries.grouped import GroupedSummary
from logloss.onepass.summaries.loss import LossSummary
from logloss.onepass.summaries.tables import Ints
from logloss.text import count

# The bits of a hash that its fold depends on: not those of buckets, which are the first.
FOLD_BITS = (1 << 31) - 1


@dataclass(frozen=True, slots=True, repr=False)
class FoldedLossSummary:
    """One `LossSummary` for each fold; all have the same settings."""

    folds: tuple[LossSummary, ...]

    @classmethod
    def empty(cls, n_folds: int, groups: GroupedSummary, clusters: GroupedSummary) -> FoldedLossSummary:
        """Of no rows, with its settings."""
        return cls((LossSummary.empty(groups, clusters),) * n_folds)

    @classmethod
    def of(cls, block: Block, n_folds: int, groups: GroupedSummary, clusters: GroupedSummary) -> FoldedLossSummary:
        """Of the rows of a block."""
        workspace = cls.empty(n_folds, groups, clusters).workspace()
        workspace.add(block)
        return workspace.freeze()

    def workspace(self) -> _FoldedWorkspace:
        """A new workspace with the same settings."""
        return _FoldedWorkspace(self.folds)

    def merge(self, other: FoldedLossSummary) -> FoldedLossSummary:
        """Of the rows of both, fold by fold."""
        return FoldedLossSummary(tuple(a.merge(b) for a, b in zip(self.folds, other.folds, strict=True)))

    @property
    def whole(self) -> LossSummary:
        """The summary of the rows of all folds."""
        return reduce(LossSummary.merge, self.folds)

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return sum(each.n_rows for each in self.folds)

    @property
    def n_dropped(self) -> int:
        """How many rows lacked a value."""
        return sum(each.n_dropped for each in self.folds)

    @property
    def coding(self) -> frozenset[Any]:
        """What the labels were."""
        return frozenset().union(*(each.coding for each in self.folds))

    def __repr__(self) -> str:
        return f"FoldedLossSummary: n_rows={count(self.n_rows)}  folds={len(self.folds)}"


class _FoldedWorkspace:
    def __init__(self, folds: Sequence[LossSummary]) -> None:
        self._folds = [each.workspace() for each in folds]

    def add(self, block: Block) -> None:
        """Take in a block, each row in the fold of its cluster."""
        hashes = hashes_of(block.cluster) if block.n_rows else np.zeros(0, np.int64)
        own = folds_of(hashes, len(self._folds))
        for fold, workspace in enumerate(self._folds):
            chosen = np.flatnonzero(own == fold)
            rows = block.taken(chosen)
            if fold == 0:
                # Rows that were left out have no fold: they are counted once.
                rows = replace(rows, n_dropped=block.n_dropped, unlabelled=block.unlabelled)
            workspace.add(rows, hashes[chosen])

    def freeze(self) -> FoldedLossSummary:
        """The summary of the blocks that were added."""
        return FoldedLossSummary(tuple(each.freeze() for each in self._folds))


def folds_of(hashes: Ints, n_folds: int) -> Ints:
    """The fold of each cluster by its hash."""
    return (hashes & FOLD_BITS) % n_folds
