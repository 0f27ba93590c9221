"""What a pass of a fit keeps of the rows: loss, gradient and, where asked for, Hessian at one point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.coded import Coded
from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array
from logloss.onepass.kernels import by_group, dense_rows, exact
from logloss.onepass.kernels.vectors import BLOCK
from logloss.onepass.summaries.coded_rows import leverages, spread_out
from logloss.onepass.summaries.contract import BlockwiseSummary, Workspace, mass_of, pieces, times_of
from logloss.onepass.summaries.hessian import Hessian, most_levels
from logloss.onepass.summaries.pair_sums import PairSums
from logloss.onepass.summaries.shape_sums import ShapeSums
from logloss.text import count, significant

# What a row leaves of a direction of the information, below which it alone determines it.
ALONE = 1e-12


@dataclass(frozen=True, slots=True)
class Leverages:
    """Where the leverages of rows are taken: the solver's coefficients there, and the inverse of the Hessian.

    The leverage of a row is p(1 − p)·xᵀH⁻¹x; of one that stands for several, that of one of them.
    """

    coefficients: Array
    inverse: Array


@dataclass(frozen=True, slots=True)
class Point:
    """Where a pass looks: the solver's coefficients, laid out as the design does, on numbers (x − centre) / scale.

    wants_hessian: whether the Hessian is asked for. is_single: whether its products of numbers may be formed in
    single precision, as is good enough for steps.
    residual_unit: if above 0, the matrix is that of squared residuals in this unit instead of curvatures, each residual
    over a power of 1 − the row's leverage: how much the rows' gradients vary. leverage_power: that power. inverse: of
    the Hessian, which leverages need, 0 for coefficients that are not free.
    is_careful: whether the sizes that bound the rounding are those of each row, or of features that are 1 at most.
    is_level: whether each row is divided by its norm, so that outliers weigh no more than others: rows that depend on
    each other then still do.
    face: directions; only rows that lie across all of them take part.
    pseudo: if given, each row has label 1/2 and its weight times its leverage: the rows that Firth's penalty adds.
    """

    coefficients: Array
    design: Design
    wants_hessian: bool = True
    is_single: bool = False
    face: tuple[Array, ...] = ()
    residual_unit: float = 0.0
    is_careful: bool = False
    is_level: bool = False
    leverage_power: float = 1.0
    inverse: Array | None = field(default=None, compare=False)
    pseudo: Leverages | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, repr=False)
class CurvatureSummary(BlockwiseSummary):
    """Loss (an exact sum), gradient and Hessian of the summed loss at one point. Floating: laws hold to rounding.

    curvature: the Hessian's row of the intercept. sizes: for each coefficient, bounds on the summed sizes of residuals
    times feature, and of curvatures times feature times the sizes of all that a logit is the sum of. largest: for each
    coefficient, the largest size of its feature among rows that are not predicted so surely and rightly that residual
    and curvature are 0. alone: where leverages are asked for, the directions that one row alone determines, shape
    (n_directions, width): the information on them is 1, and all other rows lie across. of_pairs: the summed curvatures
    by the places of each pair, each of shape (n_places + 1, n_places + 1). n_blocks: how many were summed, each from 0;
    most_additions: of a sum in one of them.
    """

    point: Point
    n_rows: int = 0
    sum_loss: int = 0
    coding: frozenset[Any] = frozenset()
    gradient: Any = None
    curvature: Any = None
    hessian: Any = None
    sizes: Any = None
    largest: Any = None
    alone: Any = None
    of_pairs: tuple[Any, ...] = ()
    # Of how rows were summed, not of the rows.
    n_blocks: int = field(default=0, compare=False)
    most_additions: int = field(default=0, compare=False)
    merged_by = MappingProxyType(
        {"largest": np.maximum, "alone": lambda a, b: np.vstack((a, b)), "most_additions": max}
    )

    @classmethod
    def empty(cls, point: Point) -> CurvatureSummary:
        """Of no rows."""
        width = point.design.width
        hessian = Hessian.zeros(point.design) if point.wants_hessian else None
        sizes, largest = np.zeros((2, width)), np.ones(width)
        of_pairs = PairSums(point.design).curvatures
        sums = np.zeros(width), np.zeros(width), hessian, sizes, largest, np.zeros((0, width)), of_pairs
        return cls(point, 0, 0, frozenset(), *sums)

    def workspace(self) -> Workspace:
        """A new workspace at the same point."""
        return _CurvatureWorkspace(self.point)

    @property
    def total_loss(self) -> float:
        """The summed loss in nats."""
        return exact.rounded(self.sum_loss, 1)

    @property
    def n_additions(self) -> int:
        """Of how many additions each entry of gradient and Hessian is the result, at most: in a block, and of blocks,
        in whatever order they were merged."""
        return self.most_additions + self.n_blocks

    def __repr__(self) -> str:
        return f"CurvatureSummary: n_rows={count(self.n_rows)}  total_loss={significant(self.total_loss)} nats"


def margins_of(block: Block, design: Design, direction: Array) -> Array:
    """How far each row lies along a direction of the solver's coefficients, in units of its norm, shape (n_rows,)."""
    coded = design.coded(block.features)
    margins = np.empty(block.n_rows)
    for start, stop in pieces(block.n_rows):
        margins[start:stop] = coded.margins(direction / design.scale, start, stop)
    return margins


def on_face(block: Block, design: Design, face: Sequence[Array]) -> Block:
    """The rows of a block that lie in planes."""
    if not face:
        return block
    # Levels are looked up once, whatever the number of planes: there can be one for each of a chain of pure levels.
    coded, is_inside = design.coded(block.features), np.ones(block.n_rows, dtype=bool)
    for start, stop in pieces(block.n_rows):
        piece, own = coded.piece(start, stop), is_inside[start:stop]
        for direction in face:
            if not own.any():
                break
            own &= np.abs(coded.margins(direction / design.scale, start, stop, piece)) <= TOUCHING
    return block.taken(is_inside)


class _CurvatureWorkspace:
    """Sums on numbers that are centred but not scaled; the scale is applied when it is frozen."""

    def __init__(self, point: Point) -> None:
        self.point, self.design = point, point.design
        width, n_dense = self.design.width, self.design.n_dense
        # The gradient, the Hessian's row of the intercept, and what bounds their rounding.
        self.sums = np.zeros((dense_rows.N_SUMS, width))
        filled = filled_up(n_dense) if point.wants_hessian else 0
        self.dense = np.zeros((filled, filled))
        self.mixed = [np.zeros((span.stop - span.start, n_dense)) for span in self.design.spans]
        self.crossed = {
            (i, j): np.zeros((a.stop - a.start, b.stop - b.start))
            for j, b in enumerate(self.design.spans)
            for i, a in enumerate(self.design.spans[:j])
            if point.wants_hessian
        }
        self.shapes = ShapeSums(self.design, wants_hessian=point.wants_hessian)
        self.pairs = PairSums(self.design)
        self.limbs = exact.new_limbs(1)
        self.n_rows = self.n_blocks = self.most_additions = 0
        # Of numbers before they are scaled.
        self.largest = np.zeros(n_dense if self.design.has_outliers else 0)
        self.coding: frozenset[Any] = frozenset()
        self.alone: list[Array] = []

    def add(self, block: Block) -> None:
        """Take in a block."""
        block = on_face(block, self.design, self.point.face)
        coded = self.design.coded(block.features)
        if self.point.pseudo is not None:
            block = pseudo_rows(block, coded, self.point.pseudo)
        self.add_coded(coded, block)
        self.n_rows += times_of(block)
        self.coding |= block.coding

    def add_coded(self, coded: Coded, block: Block) -> None:
        """The sums of the rows of a block."""
        if block.n_rows == 0:
            return
        point, n_dense = self.point, self.design.n_dense
        has_other_curvatures = point.residual_unit > 0 or point.is_level
        is_by_place = bool(coded.codes or coded.between)
        of_rows = room_for(block.n_rows if has_other_curvatures or is_by_place else 0)
        self.n_blocks += 1
        # Sums by level add row after row.
        in_block = max(dense_rows.additions_of(block.n_rows), block.n_rows if is_by_place else 0)
        self.most_additions = max(self.most_additions, in_block)
        # Of each block from 0, so that these are few.
        sums, products = np.zeros((dense_rows.N_SUMS, 1 + filled_up(n_dense))), np.zeros_like(self.dense)
        if has_other_curvatures:
            fold(coded, block, point, of_rows, self.limbs)
            self.change_curvatures(coded, block, of_rows)
        fold(coded, block, point, of_rows, self.limbs, sums, products, self.largest, is_given=has_other_curvatures)
        self.dense += products
        dense = slice(1, 1 + n_dense)
        self.sums[:, 0] += sums[:, 0]
        self.sums[:2, dense] += sums[:2, dense]
        # Numbers are at most their scale.
        self.sums[2:, dense] += sums[2:, dense] if point.is_careful else sums[2:, :1] * self.design.scale[dense]
        if coded.codes:
            self.add_levels(coded, of_rows)
        if coded.between:
            self.shapes.add(coded, of_rows)
        if coded.beside:
            self.pairs.add(coded, of_rows)

    def change_curvatures(self, coded: Coded, block: Block, of_rows: Array) -> None:
        """Put in place of curvatures what the point asks for."""
        for start, stop in pieces(block.n_rows):
            piece, own = coded.piece(start, stop), of_rows[:2, start:stop]
            if self.point.residual_unit:
                own[1] = self.jackknifed_squares(coded, block, start, piece, own)
            if self.point.is_level:
                norms = coded.norms(start, stop, piece)
                own[1] /= 1.0 if norms is None else norms**2

    def add_levels(self, coded: Coded, of_rows: Array) -> None:
        """The sums of the levels of categories; of_rows: what the kernel has found."""
        residuals, curvatures, terms, _ = of_rows
        for span, codes in zip(self.design.spans, coded.codes, strict=True):
            own = np.zeros((span.stop - span.start, dense_rows.N_SUMS))
            by_group.level_sums(codes, residuals, curvatures, terms, own)
            self.sums[:, span] += own.T
        if not self.point.wants_hessian:
            return
        for (i, j), crossed in self.crossed.items():
            of_both = np.zeros_like(crossed)
            by_group.cross_tab(coded.codes[i], coded.codes[j], curvatures, of_both)
            crossed += of_both
        if not self.design.n_dense:
            return
        of_numbers = [np.zeros_like(mixed) for mixed in self.mixed]
        for start, stop in pieces(len(curvatures)):
            piece = coded.piece(start, stop)
            for codes, own in zip(coded.codes, of_numbers, strict=True):
                by_group.segment_sums(codes[start:stop], curvatures[start:stop], piece, own)
        for mixed, own in zip(self.mixed, of_numbers, strict=True):
            mixed += own

    def jackknifed_squares(self, coded: Coded, block: Block, start: int, piece: Array, own: Array) -> Array:
        """The squared residuals of some rows, each over a power of 1 − leverage: that of HC3 is 1."""
        stop = start + len(piece)
        # A row that stands for several has as many gradients, each of one, and the leverage of one.
        counts = 1.0 if block.counts is None else block.counts[start:stop]
        inverse = self.point.inverse
        own_share = 0.0 if inverse is None else own[1] / counts * leverages(coded, start, stop, piece, inverse)
        left = 1.0 - own_share + np.zeros(stop - start)
        # A row that alone determines a coefficient is fitted exactly, whatever its label: its residual is 0.
        is_alone = left <= ALONE
        if inverse is not None and is_alone.any():
            rows = spread_out(coded, start, stop)[is_alone] @ inverse
            self.alone.append(rows * np.sqrt(own[1] / counts)[is_alone, None])
        residuals = np.where(is_alone, 0.0, own[0]) / self.point.residual_unit
        return (residuals / np.maximum(left, ALONE) ** self.point.leverage_power) ** 2 / counts

    def freeze(self) -> CurvatureSummary:
        """The summary of the blocks that were added."""
        scale = self.design.scale
        for span, sums in zip(self.design.shape_spans, self.shapes.of_coefficients(), strict=True):
            self.sums[:, span] = sums
        for span, sums in zip(self.design.pair_spans, self.pairs.of_coefficients(), strict=True):
            self.sums[:, span] = sums
        gradient, curvature, *sizes = self.sums / scale
        total = exact.as_integer(self.limbs[0])
        hessian = self.hessian(curvature) if self.point.wants_hessian else None
        largest = np.ones(self.design.width)
        own = largest[1 : 1 + self.design.n_dense]
        if self.design.has_outliers:
            np.maximum(own, self.largest / scale[1 : 1 + self.design.n_dense], out=own)
        return CurvatureSummary(
            self.point,
            self.n_rows,
            total,
            self.coding,
            gradient,
            curvature,
            hessian,
            np.array(sizes),
            largest,
            np.vstack((*self.alone, np.zeros((0, self.design.width)))),
            self.pairs.curvatures,
            self.n_blocks,
            self.most_additions,
        )

    def hessian(self, curvature: Array) -> Hessian:
        """The blocks in their places, in the solver's coordinates."""
        design, spans = self.design, self.design.spans
        scale = design.scale[1 : 1 + design.n_dense]
        dense = slice(1, 1 + design.n_dense)
        total = Hessian.zeros(design)
        eliminated = most_levels(design)
        # The other categories move up to where the levels of this one would be.
        n_levels = eliminated.stop - eliminated.start
        moved = [slice(s.start - n_levels, s.stop - n_levels) if s.start > eliminated.start else s for s in spans]
        others, across = total.others, total.across
        # The kernel forms blocks from the diagonal upwards.
        upper = np.triu(self.dense)[: design.n_dense, : design.n_dense]
        others[dense, dense] = (upper + np.triu(upper, 1).T) / scale / scale[:, None]
        total.levels[:] = curvature[eliminated]
        of_others = total.parted(curvature)[1]
        for j, (span, place) in enumerate(zip(spans, moved, strict=True)):
            if span == eliminated:
                np.divide(self.mixed[j], scale, out=across[:, dense])
            else:
                np.fill_diagonal(others[place, place], curvature[span])
                others[place, dense] = self.mixed[j] / scale
                others[dense, place] = others[place, dense].T
            for i in range(j):
                if span == eliminated:
                    across[:, moved[i]] = self.crossed[i, j].T
                elif spans[i] == eliminated:
                    across[:, place] = self.crossed[i, j]
                else:
                    others[moved[i], place] = self.crossed[i, j]
                    others[place, moved[i]] = self.crossed[i, j].T
        self.shapes.put_into(total)
        others[0, :] = others[:, 0] = of_others
        across[:, 0] = total.levels
        return total


def filled_up(n_dense: int) -> int:
    """The columns that the kernel sums: up to a whole block of them."""
    return -(-n_dense // BLOCK) * BLOCK


def room_for(n_rows: int) -> Array:
    """Room for what the kernel finds of each row."""
    return np.empty((dense_rows.N_OF_ROW, n_rows))


NO_SUMS, NO_PRODUCTS, NOTHING = np.zeros((0, 1)), np.zeros((0, 0)), np.zeros(0)


def fold(
    coded: Coded,
    block: Block,
    point: Point,
    of_rows: Array,
    limbs: Array,
    sums: Array = NO_SUMS,
    hessian: Array = NO_PRODUCTS,
    largest: Array = NOTHING,
    *,
    is_given: bool = False,
) -> None:
    """The rows of a block through the kernel, as `dense_rows.fold_rows` has it; of_rows: of all of them, or of none."""
    design, n_rows = coded.design, block.n_rows
    at, sizes = point.coefficients / design.scale, np.abs(point.coefficients) / design.scale
    base = np.empty((2, 0))
    is_by_place = bool(coded.codes or coded.between)
    if is_by_place or block.offset is not None:
        base = np.zeros((2, n_rows))
        base[0] = coded.before_numbers(at, 0, n_rows)
        if is_by_place and point.is_careful:
            base[1] = coded.before_numbers(sizes, 0, n_rows, is_size=True) - sizes[0]
        if block.offset is not None:
            base[0] += block.offset
            base[1] += np.abs(block.offset)
    # Terms of levels are among `base` where they are summed row by row; otherwise features are at most 1.
    of_terms = float(sizes[0] if point.is_careful else np.abs(point.coefficients).sum())
    has_mass = block.sample_weight is not None or block.counts is not None
    dense_rows.fold_rows(
        coded.table,
        at[: 1 + design.n_dense],
        block.y_true,
        mass_of(block) if has_mass else NOTHING,
        base,
        (point.is_careful, point.is_single, of_terms, is_given),
        of_rows,
        limbs,
        sums,
        hessian,
        largest,
    )


def residuals_of(
    block: Block, coded: Coded, point: Point, limbs: Array | None = None
) -> Iterator[tuple[int, int, Array, Array, Array]]:
    """(start, stop, numbers less their centre, [residuals, curvatures], logits) of each piece; losses go to `limbs`.

    Residuals and curvatures are those of `losses.logistic_row`, times weight and count.
    """
    of_rows = room_for(block.n_rows)
    fold(coded, block, point, of_rows, exact.new_limbs(1) if limbs is None else limbs)
    for start, stop in pieces(block.n_rows):
        yield start, stop, coded.piece(start, stop), of_rows[:2, start:stop], of_rows[dense_rows.LOGIT, start:stop]


def pseudo_rows(block: Block, coded: Coded, at: Leverages) -> Block:
    """The same rows with label 1/2, each weighing its leverage times what it weighed: those that Firth's penalty adds.

    Their score Σ s·h·(1/2 − p)·x is the gradient of half the log-determinant of the information (Firth 1993).
    """
    point = Point(at.coefficients, coded.design)
    weights = np.empty(block.n_rows)
    plain = replace(block, sample_weight=None, counts=None)
    for start, stop, piece, own, _ in residuals_of(plain, coded, point):
        weights[start:stop] = own[1] * leverages(coded, start, stop, piece, at.inverse)
    if block.sample_weight is not None:
        weights *= block.sample_weight
    return replace(block, y_true=np.full(block.n_rows, 0.5), sample_weight=weights)
