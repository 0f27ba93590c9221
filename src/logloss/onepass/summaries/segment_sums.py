"""Sums of a pass by cell of columns and of pairs of columns: losses, scores of shifts, scores by bucket of rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from logloss.data.binned import BinnedColumn
from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.onepass.kernels.cell_sums import add_by_cell
from logloss.onepass.kernels.hashing import hashes_of
from logloss.onepass.kernels.losses import probabilities, soft_surprisals
from logloss.onepass.summaries.contract import BlockwiseSummary, Workspace, forecast_of, times_of, weight_of
from logloss.onepass.summaries.sample import priorities_of
from logloss.text import count

# Rows, or clusters, of one bucket have one sign in the bootstrap.
N_BUCKETS = 256
# What is summed of each row, with w its weight, y its label, p its forecast, v = p(1 − p), l its loss: the score
# w(y − p) of a shift of the log-odds, its information wv, its variance w²v and third cumulant w³v(1 − 2p) if p is
# right.
SCORES = ("score", "information", "variance", "third")
# One, w, w², wy, wl, w²l², w²l of finite losses, the loss wH(p) that p expects, how many losses are infinite.
FIGURES = (
    "rows",
    "weight",
    "weight_squared",
    "observed",
    "loss",
    "loss_squared",
    "loss_by_weight",
    "expected",
    "infinite",
)


class Box(NamedTuple):
    """The rows whose code of a column lies in a range, and that of a second one; a column of −1 is none."""

    column: int = -1
    first: int = 0
    last: int = 0
    other: int = -1
    other_first: int = 0
    other_last: int = 0

    def holds(self, codes: Array) -> Array:
        """Which rows it holds, shape (n_rows,)."""
        is_in = np.ones(len(codes), bool)
        if self.column >= 0:
            is_in &= (codes[:, self.column] >= self.first) & (codes[:, self.column] < self.last)
        if self.other >= 0:
            is_in &= (codes[:, self.other] >= self.other_first) & (codes[:, self.other] < self.other_last)
        return is_in


# eq=False: comparing two arrays gives an array, not a bool.
@dataclass(frozen=True, slots=True, eq=False)
class SegmentCells:
    """What a pass sums by cell: the columns, whether pairs of them have cells, shifts of the log-odds of some segments.

    n_buckets: how many buckets of rows, or of clusters, are summed besides; 0 for none. is_summed: whether cells are
    summed, or only the segments that are shifted. known: the codes of blocks that earlier passes have looked up, by
    part and first row; None where they are not kept.
    """

    columns: tuple[BinnedColumn, ...]
    has_pairs: bool = True
    n_buckets: int = 0
    named: tuple[Box, ...] = ()
    shifts: tuple[float, ...] = ()
    is_summed: bool = True
    known: dict[tuple[int, int], Array] | None = None

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The pairs of columns, in the order of their cells."""
        return list(combinations(range(len(self.columns)), 2)) if self.has_pairs else []

    @property
    def layout(self) -> Array:
        """As the kernel reads it; its last number is how many cells there are."""
        widths = [column.n_coarse for column in self.columns]
        sizes = [column.n_codes for column in self.columns] + [widths[a] * widths[b] for a, b in self.pairs]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        n = len(widths)
        return np.concatenate([starts[:n], np.array(widths, np.int64), starts[n:]])

    @property
    def n_cells(self) -> int:
        """How many cells all columns and pairs have."""
        return int(self.layout[-1])

    @property
    def fields(self) -> tuple[str, ...]:
        """What is summed in each cell; beyond a shift, of each segment shifted what of it lies in the cell."""
        beyond = (f"{name} {k}" for name in ("information", "variance") for k in range(len(self.named)))
        return (*SCORES, *(beyond if self.named else FIGURES))

    @property
    def coarse(self) -> Array:
        """The coarse codes of each column, side by side."""
        table = np.zeros((len(self.columns), 256), np.uint8)
        for j, column in enumerate(self.columns):
            table[j, : column.n_codes] = column.coarse
        return table

    def codes(self, block: Block) -> Array:
        """The code of each row in each column, shape (n_rows, n_columns)."""
        place = block.part, block.first_row
        if self.known is not None and place in self.known:
            return self.known[place]
        codes = np.empty((block.n_rows, len(self.columns)), np.uint8)
        for j, column in enumerate(self.columns):
            codes[:, j] = column.codes(block.features)
        if self.known is not None:
            self.known[place] = codes
        return codes

    def shifted(self, **changes: Any) -> SegmentCells:
        """The same with other segments named, or without buckets."""
        return replace(self, **changes)


def _none() -> Array:
    return np.zeros(0)


@dataclass(frozen=True, slots=True, repr=False)
class SegmentSums(BlockwiseSummary):
    """Sums by cell at given shifts. Floating: laws hold to rounding.

    cells: (n_cells, n_fields). total: (n_fields,), of all rows. buckets: (n_buckets, n_cells, 1 or 2), the scores of
    each bucket, and with clusters their weights; all_buckets: the same of all rows. named_scores, named_information,
    named_variance: of the segments that are shifted, the last two (n_named, n_named). sum_loss: of all finite weighted
    losses at the shifts.
    """

    cut: SegmentCells
    n_rows: int = 0
    n_dropped: int = 0
    coding: frozenset[Any] = frozenset()
    sum_loss: float = 0.0
    cells: Array = field(default_factory=_none)
    total: Array = field(default_factory=_none)
    buckets: Array = field(default_factory=_none)
    all_buckets: Array = field(default_factory=_none)
    named_scores: Array = field(default_factory=_none)
    named_information: Array = field(default_factory=_none)
    named_variance: Array = field(default_factory=_none)
    merged_by = MappingProxyType(
        dict.fromkeys(
            (
                "cells",
                "total",
                "buckets",
                "all_buckets",
                "named_scores",
                "named_information",
                "named_variance",
            ),
            lambda a, b: a if b.size == 0 else b if a.size == 0 else a + b,
        )
    )

    def workspace(self) -> Workspace:
        """A new workspace with the same cells."""
        return _SegmentWorkspace(self.cut)

    def __repr__(self) -> str:
        return f"SegmentSums: n_rows={count(self.n_rows)}  n_cells={count(self.cut.n_cells)}"


class _SegmentWorkspace:
    def __init__(self, cut: SegmentCells) -> None:
        self.cut, self.layout, self.coarse = cut, cut.layout, cut.coarse
        self.summary = SegmentSums(cut)
        n_named = len(cut.named)
        self.cells = np.zeros((1, cut.n_cells, len(cut.fields)))
        self.total = np.zeros(len(cut.fields))
        self.scores, self.information = np.zeros(n_named), np.zeros((n_named, n_named))
        self.variance = np.zeros((n_named, n_named))
        self.buckets = self.all_buckets = _none()
        self.sum_loss = 0.0

    def add(self, block: Block) -> None:
        """Take in a block."""
        cut = self.cut
        own = SegmentSums(cut, times_of(block), block.n_dropped, block.coding)
        self.summary = self.summary.merge(own)
        if block.n_rows == 0:
            return
        codes, weight = cut.codes(block), weight_of(block)
        is_in = np.array([box.holds(codes) for box in cut.named], float).reshape(len(cut.named), block.n_rows)
        values, losses = _values(block, weight, is_in, np.array(cut.shifts), has_figures=not cut.named)
        self.sum_loss += float(losses[np.isfinite(losses)].sum())
        if cut.is_summed:
            everything = np.arange(block.n_rows), np.zeros(block.n_rows, np.uint8)
            add_by_cell(codes, self.coarse, self.layout, *everything, values, self.cells)
        self.total += values.sum(axis=0)
        if len(cut.named):
            self.scores += is_in @ values[:, 0]
            self.information += (is_in * values[:, 1]) @ is_in.T
            self.variance += (is_in * values[:, 2]) @ is_in.T
        if cut.n_buckets:
            self._add_buckets(block, codes, values, weight)

    def _add_buckets(self, block: Block, codes: Array, values: Array, weight: Array) -> None:
        """Scores by bucket; with clusters also weights, which tell how many clusters a segment has."""
        cut = self.cut
        hashed = hashes_of(block.cluster).view(np.uint64) if block.cluster else priorities_of(block)
        buckets = (hashed % np.uint64(cut.n_buckets)).astype(np.uint8)
        if block.cluster:
            values = np.stack([values[:, 0], weight], axis=1)
        else:
            # What a score is where forecasts are right: of its variance, with a sign that no label has a part in.
            signs = np.where(hashed >> np.uint64(63), 1.0, -1.0)
            values = (signs * np.sqrt(values[:, 2]))[:, None]
        if self.buckets.size == 0:
            self.buckets = np.zeros((cut.n_buckets, cut.n_cells, values.shape[1]))
            self.all_buckets = np.zeros((cut.n_buckets, values.shape[1]))
        order = np.argsort(buckets, kind="stable")
        add_by_cell(codes, self.coarse, self.layout, order, buckets, values, self.buckets)
        for f in range(values.shape[1]):
            self.all_buckets[:, f] += np.bincount(buckets, values[:, f], minlength=cut.n_buckets)

    def _of_named(self) -> dict[str, Any]:
        """The sums of the segments that are shifted, if there are any."""
        if not self.cut.named:
            return {}
        return {
            "named_scores": self.scores,
            "named_information": self.information,
            "named_variance": self.variance,
        }

    def freeze(self) -> SegmentSums:
        """The summary of the blocks that were added."""
        if self.summary.n_rows == 0:
            return self.summary
        return replace(
            self.summary,
            sum_loss=self.sum_loss,
            cells=self.cells[0],
            total=self.total,
            buckets=self.buckets,
            all_buckets=self.all_buckets,
            **self._of_named(),
        )


def _values(block: Block, w: Array, is_in: Array, shifts: Array, *, has_figures: bool) -> tuple[Array, Array]:
    """(What is summed of each row, (n_rows, n_fields), in the order of `SegmentCells.fields`, the weighted losses)."""
    p, q, z = forecast_of(block)
    if len(shifts):
        z = _logits(p, q, z) + shifts @ is_in
        p, q = z, None
    proba, y = np.empty(block.n_rows), block.y_true.astype(np.float64)
    probabilities(p, q, z, proba)
    v = proba * (1.0 - proba)
    score = w * (y - proba)
    values = [score, w * v, w * w * v, w**3 * v * (1.0 - 2.0 * proba)]
    loss = np.empty(block.n_rows)
    soft_surprisals(y, p, q, z, loss)
    if has_figures:
        expected = np.empty(block.n_rows)
        soft_surprisals(proba, p, q, z, expected)
        is_finite = np.isfinite(loss)
        own = np.where(is_finite, loss, 0.0)
        values += [np.ones(block.n_rows), w, w * w, w * y, w * own, (w * own) ** 2, w * w * own, w * expected]
        values += [1.0 - is_finite]
    else:
        values += [*(is_in * values[1]), *(is_in * values[2])]
    return np.ascontiguousarray(np.stack(values, axis=1)), w * loss


def _logits(p: Array, q: Array | None, z: Array | None) -> Array:
    """The log-odds of each row; ±inf where the forecast is certain."""
    if z is not None:
        return z.astype(np.float64)
    with np.errstate(divide="ignore"):
        one = p.astype(np.float64)
        return np.log(one) - (np.log1p(-one) if q is None else np.log(q.astype(np.float64)))
