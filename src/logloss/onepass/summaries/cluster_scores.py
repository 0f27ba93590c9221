"""What each cluster adds to gradient and Hessian at the answer of a fit: of it come errors that allow for clusters."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.onepass.kernels import by_group
from logloss.onepass.kernels.hashing import hashes_of
from logloss.onepass.summaries.contract import BlockwiseSummary, mass_of, times_of
from logloss.onepass.summaries.curvature import Point, on_face, reached_by, residuals_of, spread_out, with_intercept
from logloss.onepass.summaries.group_keys import BUCKET_SHIFT, MOST_GROUPS
from logloss.text import count

# Numbers of the Hessians of all clusters together, up to which they are kept: 16 MB.
MOST_NUMBERS = 1 << 21


@dataclass(frozen=True, slots=True, repr=False)
class ClusterSummary(BlockwiseSummary):
    """Gradient and Hessian of the summed loss over the rows of each cluster. Floating: laws hold to rounding.

    point: Hessians are kept where it asks for them; rows are those of its face. reach: combinations of the
    coefficients, shape (width, n_combinations). columns: numbers of the columns that make clusters; () for all. mask:
    the bits of a hash that count: with fewer of them clusters are pooled.
    keys: hashes of the clusters, ascending, while there are few enough (MOST_GROUPS with Hessians, MOST_NUMBERS numbers
    without); beyond that numbers of buckets that are unions of clusters (`has_buckets`). For each of them weights: of
    its rows; sums: the gradient, shape (n_keys, width), in the solver's coordinates; shares: mᵀ·Hessian·m of each m in
    `reach`, shape (n_keys, n_combinations); hessians: rows of the lower triangle, shape (n_keys, width · (width + 1) /
    2), None where there are too many.
    """

    point: Point
    reach: Array = field(compare=False)
    columns: tuple[int, ...] = ()
    mask: int = -1
    n_rows: int = 0
    coding: frozenset[Any] = frozenset()
    has_buckets: bool = False
    keys: Any = None
    weights: Any = None
    sums: Any = None
    shares: Any = None
    hessians: Any = None
    n_settings: ClassVar[int] = 4

    @classmethod
    def empty(cls, point: Point, reach: Array, columns: tuple[int, ...] = (), mask: int = -1) -> ClusterSummary:
        """Of no rows. point: its residual_unit is the unit of weights, residuals and curvatures."""
        of_none = _zeros(point, reach, 0, point.wants_hessian)
        return cls(point, reach, columns, mask, 0, frozenset(), False, np.zeros(0, np.int64), *of_none)

    def merge(self, other: ClusterSummary) -> ClusterSummary:
        """Of the rows of both."""
        if not self.n_rows or not other.n_rows:
            some = other if other.n_rows else self
            return replace(some, coding=self.coding | other.coding)
        mine, theirs = self, other
        if self.has_buckets != other.has_buckets:
            mine, theirs = self.in_buckets(), other.in_buckets()
        keys = np.union1d(mine.keys, theirs.keys)
        first, second = (np.searchsorted(keys, each.keys) for each in (mine, theirs))
        totals = _zeros(self.point, self.reach, len(keys), _keeps_hessians(self.point, len(keys), mine.has_buckets))
        for total, own, other_own in zip(totals, mine.arrays, theirs.arrays, strict=True):
            if total is not None:
                total[first] = own
                total[second] += other_own
        found = ClusterSummary(
            self.point,
            self.reach,
            self.columns,
            self.mask,
            self.n_rows + other.n_rows,
            self.coding | other.coding,
            mine.has_buckets,
            keys,
            *totals,
        )
        # Too many clusters stay too many in every larger set of rows.
        return found.in_buckets() if len(keys) > _most_keys(self.point, self.reach) else found

    @property
    def arrays(self) -> tuple[Any, ...]:
        """Weights, sums, shares and Hessians."""
        return self.weights, self.sums, self.shares, self.hessians

    def in_buckets(self) -> ClusterSummary:
        """The same by the first bits of the hashes."""
        if self.has_buckets:
            return self
        keys, places = np.unique(_buckets_of(self.keys), return_inverse=True)
        totals = _zeros(self.point, self.reach, len(keys), _keeps_hessians(self.point, len(keys), True))
        for total, own in zip(totals, self.arrays, strict=True):
            if total is not None:
                np.add.at(total, places, own)
        settings = self.point, self.reach, self.columns, self.mask
        return ClusterSummary(*settings, self.n_rows, self.coding, True, keys, *totals)

    def of_block(self, block: Block) -> ClusterSummary:
        """Of the rows of a block that lie in the face."""
        point, design = self.point, self.point.design
        block = on_face(block, design, point.face)
        if block.n_rows == 0:
            return ClusterSummary.empty(point, self.reach, self.columns, self.mask)
        hashes = hashes_of([block.cluster[k] for k in self.columns] or block.cluster) & self.mask
        keys, codes = np.unique(hashes, return_inverse=True)
        has_buckets = len(keys) > _most_keys(point, self.reach)
        if has_buckets:
            # Now, not when it is merged: so many Hessians would be too many.
            keys, codes = np.unique(_buckets_of(hashes), return_inverse=True)
        codes = codes.astype(np.int32)
        keeps = _keeps_hessians(point, len(keys), has_buckets)
        weights, sums, shares, hessians = _zeros(point, self.reach, len(keys), keeps)
        unit = point.residual_unit or 1.0
        weights += np.bincount(codes, mass_of(block) / unit, len(keys))
        coded = design.coded(block.features)
        dense = np.zeros((len(keys), 1 + design.n_dense))
        crossed = [np.zeros((len(keys), span.stop - span.start)) for span in design.spans]
        for start, stop, piece, own, _ in residuals_of(block, coded, point):
            residuals, curvatures = own / unit
            mine = codes[start:stop]
            numbers = with_intercept(coded, start, stop, piece)
            by_group.segment_sums(mine, residuals, numbers, dense)
            for levels, out in zip(coded.codes, crossed, strict=True):
                by_group.cross_tab(mine, levels[start:stop], residuals, out)
            reached = reached_by(self.reach, coded, start, stop, numbers)
            by_group.segment_sums(mine, curvatures, reached**2, shares)
            if keeps:
                spread = spread_out(coded, start, stop, numbers[:, 1:])
                by_group.product_sums(mine, curvatures, spread, hessians)
        sums[:, : 1 + design.n_dense] = dense
        for span, out in zip(design.spans, crossed, strict=True):
            sums[:, span] = out
        return ClusterSummary(
            point,
            self.reach,
            self.columns,
            self.mask,
            times_of(block),
            block.coding,
            has_buckets,
            keys,
            weights,
            sums,
            shares,
            hessians,
        )

    def __repr__(self) -> str:
        return f"ClusterSummary: n_rows={count(self.n_rows)}  n_clusters={count(len(self.keys))}"


def _most_keys(point: Point, reach: Array) -> int:
    """How many clusters are kept apart: of gradients without Hessians, as many as MOST_NUMBERS numbers hold."""
    return max(MOST_GROUPS, 0 if point.wants_hessian else MOST_NUMBERS // sum(reach.shape))


def _keeps_hessians(point: Point, n_keys: int, has_buckets: bool) -> bool:
    """Whether their Hessians are few enough: a property of the set of rows that every larger set has lost, too."""
    width = point.design.width
    return point.wants_hessian and (MOST_GROUPS if has_buckets else n_keys) * (width * (width + 1) // 2) <= MOST_NUMBERS


def _zeros(point: Point, reach: Array, n_keys: int, keeps_hessians: bool) -> tuple[Array, Array, Array, Array | None]:
    """Weights, sums, shares and Hessians of no rows."""
    width = point.design.width
    hessians = np.zeros((n_keys, width * (width + 1) // 2)) if keeps_hessians else None
    return np.zeros(n_keys), np.zeros((n_keys, width)), np.zeros((n_keys, reach.shape[1])), hessians


def _buckets_of(hashes: Array) -> Array:
    """The first bits of hashes."""
    return (hashes.view(np.uint64) >> np.uint64(BUCKET_SHIFT)).astype(np.int64)
