"""Passes that several fits share, each over its own training rows, and the losses of the rows that these leave out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import numpy as np

from logloss.data.block import Block
from logloss.data.checks.reading import read_only
from logloss.data.design import TOUCHING, Coded, Design
from logloss.data.rows import Array
from logloss.onepass.kernels import losses
from logloss.onepass.kernels.hashing import hashes_of
from logloss.onepass.summaries.contract import BlockwiseSummary, Summary, Workspace, pieces, times_of, weight_of
from logloss.onepass.summaries.curvature import CurvatureSummary
from logloss.onepass.summaries.fold_rows import FoldRule
from logloss.text import count

# The fit to all rows, among those of folds.
ALL_ROWS = -1
# Where more of a block trains, the other rows get weight 0, so that no row is copied.
MOST_COPIED = 0.6
# Clusters whose sums are kept; more are pooled by their hashes into so many groups.
MOST_UNITS = 1 << 14


@dataclass(frozen=True, slots=True, repr=False)
class SharedPassSummary(BlockwiseSummary):
    """One pass of several fits: for each, the fold that it leaves out, and a summary of its training rows.

    Its laws are those of the summaries. n_threads: by which a worker adds a block to the fits, where there are fewer
    parts than processors.
    """

    rule: FoldRule
    folds: tuple[int, ...]
    parts: tuple[Any, ...] = field(compare=False)
    n_threads: int = 1
    n_rows: int = 0
    coding: frozenset[Any] = frozenset()

    def workspace(self) -> Workspace:
        """A new workspace for the same fits."""
        return _SharedWorkspace(self)

    def merge(self, other: SharedPassSummary) -> SharedPassSummary:
        """Of the rows of both."""
        parts = tuple(a.merge(b) for a, b in zip(self.parts, other.parts, strict=True))
        return replace(self, parts=parts, n_rows=self.n_rows + other.n_rows, coding=self.coding | other.coding)

    def __repr__(self) -> str:
        return f"SharedPassSummary: n_rows={count(self.n_rows)}  n_fits={count(len(self.folds))}"


class _SharedWorkspace:
    """A workspace of each fit; the coding of a block is shared by all."""

    def __init__(self, empty: SharedPassSummary) -> None:
        self.empty, self.n_rows, self.coding = empty, 0, frozenset[Any]()
        self.workspaces: list[Any] = [part.workspace() for part in empty.parts]
        # The sums of each fit are its own, so that threads change no bit.
        n_threads = min(empty.n_threads, len(empty.parts))
        self.pool = ThreadPoolExecutor(n_threads, thread_name_prefix="logloss") if n_threads > 1 else None

    def add(self, block: Block) -> None:
        """Take in a block: each fit its training rows."""
        rule = self.empty.rule
        train = rule.train[rule.cells(block)]
        self.n_rows += times_of(block)
        self.coding |= block.coding
        block = replace(block, by=(), cluster=())
        designs = [part.point.design for part in self.empty.parts if isinstance(part, CurvatureSummary)]
        coded = designs[0].coded(block.features) if designs else None

        def add_to(number: int) -> None:
            fold, part = self.empty.folds[number], self.empty.parts[number]
            self._add(number, part, block, coded, None if fold == ALL_ROWS else train[:, fold])

        if self.pool is None:
            for number in range(len(self.workspaces)):
                add_to(number)
        else:
            list(self.pool.map(add_to, range(len(self.workspaces))))

    def _add(self, number: int, part: Summary, block: Block, coded: Coded | None, own: Array | None) -> None:
        """The training rows of one fit; own: which these are, None for all."""
        workspace = self.workspaces[number]
        is_weighted = own is None or own.sum() > MOST_COPIED * len(own)
        if coded is not None and isinstance(part, CurvatureSummary) and not part.point.face and is_weighted:
            rows = block if own is None else _weighted(block, own)
            workspace.add_coded(coded, rows)
            workspace.n_rows += times_of(block)
            workspace.coding |= block.coding
        else:
            workspace.add(block if own is None else block.taken(own))

    def freeze(self) -> SharedPassSummary:
        """The summaries of the blocks that were added."""
        if self.pool is not None:
            self.pool.shutdown()
        parts = tuple(workspace.freeze() for workspace in self.workspaces)
        return replace(self.empty, parts=parts, n_rows=self.n_rows, coding=self.coding)


def _weighted(block: Block, kept: Array) -> Block:
    """The block with weight 0 for the other rows: as `taken`, without a copy of the features."""
    weight = kept.astype(np.float64) if block.sample_weight is None else block.sample_weight * kept
    return replace(block, sample_weight=read_only(weight))


class HeldOutPaths(Protocol):
    """Models at each penalty of which every row is held out by some.

    n_units: clusters whose sums are kept; 0 where rows are independent. unit: a weight, by which others are divided so
    that no square leaves the range of numbers; a power of two, which rounds nothing.
    """

    @property
    def unit(self) -> float:
        """A weight."""

    @property
    def n_folds(self) -> int:
        """How many folds there are."""

    @property
    def n_l2(self) -> int:
        """How many models each fold has."""

    @property
    def n_units(self) -> int:
        """How many clusters' sums are kept."""

    def units(self, block: Block) -> Array:
        """The number of each row's cluster."""

    def held_out(self, block: Block) -> Iterator[tuple[int, Array, Block, Array]]:
        """(Fold, numbers of its rows in a block, these rows, their losses, shape (n_rows, n_l2)) of each fold."""


@dataclass(frozen=True, slots=True, eq=False)
class FoldPaths:
    """The models of all folds: coefficients of the solver, shape (n_folds, n_l2, width).

    directions: along which those of (fold, number of l2) are infinite, where classes are separated. clusters: hashes
    of them, ascending, where rows of one depend on each other; mask: the bits of a hash that count. unit: a weight, by
    which others are divided so that no square leaves the range of numbers; a power of two, which rounds nothing.
    """

    rule: FoldRule
    coefficients: Array
    design: Design
    directions: dict[tuple[int, int], tuple[Array, ...]] = field(default_factory=dict)
    clusters: Array | None = None
    mask: int = -1
    unit: float = 1.0

    @property
    def n_folds(self) -> int:
        """How many folds there are."""
        return self.rule.n_folds

    @property
    def n_l2(self) -> int:
        """How many models each fold has."""
        return int(self.coefficients.shape[1])

    @property
    def n_units(self) -> int:
        """How many clusters' sums are kept; 0 where rows are independent."""
        return 0 if self.clusters is None else min(len(self.clusters), MOST_UNITS)

    def units(self, block: Block) -> Array:
        """The number of each row's cluster; of more than MOST_UNITS, of the group that it is pooled into."""
        hashes = hashes_of(block.cluster) & self.mask
        if self.clusters is None or len(self.clusters) > MOST_UNITS:
            return hashes & (MOST_UNITS - 1)
        return np.searchsorted(self.clusters, hashes)

    def held_out(self, block: Block) -> Iterator[tuple[int, Array, Block, Array]]:
        """(Fold, numbers of its test rows, these rows, their losses) of each fold."""
        tests = self.rule.test[self.rule.cells(block)]
        plain = replace(block, by=(), cluster=())
        for fold in np.flatnonzero(tests.any(axis=0)).tolist():
            rows = np.flatnonzero(tests[:, fold])
            own = plain.taken(rows)
            yield fold, rows, own, _losses(own, self, fold)


@dataclass(frozen=True, slots=True, repr=False)
class HeldOutSummary(BlockwiseSummary):
    """The losses of held-out rows under models that did not know them. Floating: laws hold to rounding.

    masses: weight of each fold's held-out rows, shape (n_folds,); losses, n_infinite: their finite losses, summed, and
    how many are infinite, shape (n_folds, n_l2). Each unit, a row or a cluster, has the vector v of its weight over
    `paths.unit`, and times that the mean of its losses over the path, and each loss less that mean: moments is Σ v vᵀ
    over rows, shape (n_l2 + 2, n_l2 + 2); sums holds v of each cluster, shape (n_units, n_l2 + 2). Differences of
    losses lose no digits so.
    """

    paths: HeldOutPaths
    n_rows: int = 0
    coding: frozenset[Any] = frozenset()
    masses: Any = None
    losses: Any = None
    n_infinite: Any = None
    moments: Any = None
    sums: Any = None
    n_settings: ClassVar[int] = 1

    @classmethod
    def empty(cls, paths: HeldOutPaths) -> HeldOutSummary:
        """Of no rows."""
        n_folds, n_l2 = paths.n_folds, paths.n_l2
        zeros = np.zeros(n_folds), np.zeros((n_folds, n_l2)), np.zeros((n_folds, n_l2), np.int64)
        moments = np.zeros((n_l2 + 2, n_l2 + 2))
        return cls(paths, 0, frozenset(), *zeros, moments, np.zeros((paths.n_units, n_l2 + 2)))

    def of_block(self, block: Block) -> HeldOutSummary:
        """Of the rows of a block."""
        paths, summary = self.paths, HeldOutSummary.empty(self.paths)
        vectors = np.zeros((block.n_rows, paths.n_l2 + 2))
        for fold, rows, own, costs in paths.held_out(block):
            counts = np.ones(len(rows)) if own.counts is None else own.counts
            weight = weight_of(own)
            is_infinite = np.isinf(costs)
            costs[is_infinite] = 0.0
            summary.n_infinite[fold] += (counts @ is_infinite).astype(np.int64)
            summary.masses[fold] += float(weight @ counts)
            summary.losses[fold] += (weight * counts) @ costs
            means = costs.mean(axis=1)
            own_units = weight / paths.unit
            vectors[rows, 0] += own_units
            vectors[rows, 1] += own_units * means
            vectors[rows, 2:] += own_units[:, None] * (costs - means[:, None])
        counted = vectors if block.counts is None else vectors * block.counts[:, None]
        if paths.n_units:
            np.add.at(summary.sums, paths.units(block), counted)
        else:
            summary.moments[:] = counted.T @ vectors
        return replace(summary, n_rows=times_of(block), coding=block.coding)

    def __repr__(self) -> str:
        return f"HeldOutSummary: n_rows={count(self.n_rows)}  n_folds={count(len(self.masses))}"


def _losses(block: Block, paths: FoldPaths, fold: int) -> Array:
    """The loss of each row under each model of a fold, shape (n_rows, n_l2)."""
    design = paths.design
    coded = design.coded(block.features)
    coefficients = (paths.coefficients[fold] / design.scale).T
    costs = np.empty((paths.n_l2, block.n_rows))
    of_rows = losses.surprisals if block.y_true.dtype == np.uint8 else losses.soft_surprisals
    for start, stop in pieces(block.n_rows):
        logits = np.ascontiguousarray(coded.logits(coefficients, start, stop).T)
        if block.offset is not None:
            logits += block.offset[start:stop]
        for j, own in enumerate(logits):
            own = _at_infinity(coded, own, paths.directions.get((fold, j), ()), start, stop)
            of_rows(block.y_true[start:stop], own, None, own, costs[j, start:stop])
    return costs.T.copy()


def _at_infinity(coded: Coded, logits: Array, directions: Sequence[Array], start: int, stop: int) -> Array:
    """Log-odds in the limit along directions: the first one overrides the next, so it is taken last."""
    for direction in reversed(directions):
        margins = coded.margins(direction / coded.design.scale, start, stop)
        logits = np.where(np.abs(margins) > TOUCHING, np.copysign(np.inf, margins), logits)
    return logits


def requests_of(parts: Sequence[tuple[int, Summary]], rule: FoldRule, n_threads: int = 1) -> SharedPassSummary:
    """The pass of several fits at once; parts: the fold that each leaves out, and the summary that it needs."""
    return SharedPassSummary(rule, tuple(fold for fold, _ in parts), tuple(part for _, part in parts), n_threads)
