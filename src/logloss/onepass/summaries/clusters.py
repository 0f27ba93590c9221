"""How much clusters pull at a fit: the gradient of each at one point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.onepass.kernels import by_group
from logloss.onepass.kernels.hashing import hashes_of
from logloss.onepass.summaries.contract import BlockwiseSummary, times_of
from logloss.onepass.summaries.curvature import Point, residuals_of
from logloss.onepass.summaries.group_keys import BUCKET_SHIFT, MOST_GROUPS
from logloss.text import count


@dataclass(frozen=True, slots=True, repr=False)
class GradientSummary(BlockwiseSummary):
    """The gradient of the summed loss over the rows of each cluster. Floating: laws hold to rounding.

    keys: hashes of the clusters, ascending, while there are at most MOST_GROUPS; beyond that numbers of buckets that
    are unions of clusters (`has_buckets`). sums: shape (n_keys, width), in the solver's coordinates.
    """

    point: Point
    n_rows: int = 0
    coding: frozenset[Any] = frozenset()
    has_buckets: bool = False
    keys: Any = None
    sums: Any = None

    @classmethod
    def empty(cls, point: Point) -> GradientSummary:
        """Of no rows. point: its residual_unit is the unit of the residuals."""
        return cls(point, keys=np.zeros(0, np.int64), sums=np.zeros((0, point.design.width)))

    def merge(self, other: GradientSummary) -> GradientSummary:
        """Of the rows of both."""
        mine, theirs = self, other
        if self.has_buckets != other.has_buckets:
            mine, theirs = self.in_buckets(), other.in_buckets()
        keys = np.concatenate([mine.keys, theirs.keys])
        sums = np.concatenate([mine.sums, theirs.sums])
        found = GradientSummary(
            self.point,
            self.n_rows + other.n_rows,
            self.coding | other.coding,
            mine.has_buckets,
            *_together(keys, sums),
        )
        # Too many clusters stay too many in every larger set of rows.
        return found.in_buckets() if len(found.keys) > MOST_GROUPS else found

    def in_buckets(self) -> GradientSummary:
        """The same by the first bits of the hashes."""
        if self.has_buckets:
            return self
        keys = (self.keys.view(np.uint64) >> np.uint64(BUCKET_SHIFT)).astype(np.int64)
        return GradientSummary(self.point, self.n_rows, self.coding, True, *_together(keys, self.sums))

    def of_block(self, block: Block) -> GradientSummary:
        """Of the rows of a block."""
        point, design = self.point, self.point.design
        distinct, codes = np.unique(hashes_of(block.cluster), return_inverse=True)
        codes = codes.astype(np.int32)
        sums = np.zeros((len(distinct), design.width))
        dense = np.zeros((len(distinct), design.n_dense))
        crossed = [np.zeros((len(distinct), span.stop - span.start)) for span in design.spans]
        coded = design.coded(block.features)
        for start, stop, piece, (residuals, _), _ in residuals_of(block, coded, point):
            own = residuals / point.residual_unit if point.residual_unit else residuals
            mine = codes[start:stop]
            sums[:, 0] += np.bincount(mine, weights=own, minlength=len(distinct))
            if design.n_dense:
                by_group.segment_sums(mine, own, piece, dense)
            for levels, out in zip(coded.codes, crossed, strict=True):
                by_group.cross_tab(mine, levels[start:stop], own, out)
        sums[:, 1 : 1 + design.n_dense] = dense / design.scale[1 : 1 + design.n_dense]
        for span, out in zip(design.spans, crossed, strict=True):
            sums[:, span] = out
        n_rows = times_of(block)
        return GradientSummary(point, n_rows, block.coding, False, distinct, sums)

    def __repr__(self) -> str:
        return f"GradientSummary: n_rows={count(self.n_rows)}  n_clusters={count(len(self.keys))}"


def _together(keys: Array, sums: Array) -> tuple[Array, Array]:
    """(The distinct keys, ascending, the sums of each)."""
    distinct, places = np.unique(keys, return_inverse=True)
    total = np.zeros((len(distinct), sums.shape[1]))
    np.add.at(total, places, sums)
    return distinct, total
