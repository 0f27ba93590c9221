"""What is fixed while coefficients are sought: rows, recipe, penalty, the tolerance; and passes over those rows.

Coefficients are laid out as the design does, on numbers (x − centre) / scale; the penalty stays on the user's scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from logloss.data.block import Block
from logloss.data.design import Design
from logloss.data.rows import Array, Roles
from logloss.data.source import KeptSource, Source
from logloss.training.certificate import CoefficientGroups, Pass
from logloss.training.factor import Factor, Kernel
from logloss.training.group_lasso import Groups
from logloss.training.interruptible import PASSES, tell_phase
from logloss.training.kept_rows import MOST_VALUES, KeptRows, NewtonPass
from logloss.training.recipe import Learned, SamplePart

if TYPE_CHECKING:
    from logloss.onepass.summaries import CurvatureSummary, Point, Summary
    from logloss.onepass.summaries.hessian import Hessian

SummaryType = TypeVar("SummaryType", bound="Summary")

# Of the certificate, unless another is given, in nats per row.
TOLERANCE = 1e-12
# A fit so near to the minimum, in nats per row, tells from which l1 on every coefficient is 0.
NEAR_MINIMUM = 1e-9
# Rows times squared coefficients from which passes are expensive: products of Hessians are formed in single precision.
EXPENSIVE_PASS = 2e9
# So few coefficients that a Hessian costs hardly more than a gradient.
FEW_COEFFICIENTS = 32
# Squares of numbers as they stand must be numbers of single precision, 1e-38 to 3e38, with room for sums of many rows.
SINGLE_RANGE = 1e-6, 1e6


class LimitReached(Exception):
    """Raised in a phase that has used its walks over the rows; the function that set the limit catches it."""


@dataclass(slots=True)
class Limits:
    """What is left to a phase: walks over the rows, and work of linear programs (`separation.MOST_WORK`).

    Counted, not timed: the same on every machine.
    """

    n_walks: int
    work: float

    def take_walk(self) -> None:
        """One walk fewer is left."""
        if self.n_walks <= 0:
            raise LimitReached
        self.n_walks -= 1


@dataclass(frozen=True, eq=False)
class Problem:
    """The least log loss that is sought, over the rows of a source.

    free: places of the coefficients that may be chosen: of a face, those of which it has rows. face: directions; only
    rows that lie in the planes across all of them take part. sum_weight, n_rows, base_rate: of all rows, face or not.
    is_partial: whether rows were left out, so that what was judged of all, such as that there are two classes, need not
    hold. tolerance: of the certificate, in nats per row. on_pass: called with each pass after it. phase: what its walks
    are for, which `progress` is told. limits: of these, where it has any. needs_digits: whether passes go on beyond the
    tolerance until the coefficients have all their digits. rows: all of them, where the table is small and in memory.
    precisions: of the coefficients of shapes and pooled categories, on the user's scale, 0 elsewhere, shape (width,).
    blocks: rows that take the place of those of the source, where there are any. l1: strength of the L1 penalty.
    factors: what both penalties of each coefficient are multiplied with, shape (width,). other_bound: a bound in nats,
    summed, at some coefficients, which needs no Hessian of all columns. is_grouped: whether the L1 penalty is that of
    the norm of each category, whose levels have no reference.
    """

    source: Source
    roles: Roles
    design: Design
    l2: float
    sum_weight: float
    n_rows: int
    base_rate: float
    free: Array
    face: tuple[Array, ...] = ()
    is_partial: bool = False
    tolerance: float = TOLERANCE
    progress: Callable[[Block], None] | None = None
    on_pass: Callable[[Pass], None] | None = None
    phase: str = PASSES
    limits: Limits | None = None
    needs_digits: bool = True
    rows: KeptRows | None = None
    precisions: Array | None = None
    blocks: tuple[Block, ...] = ()
    l1: float = 0.0
    factors: Array | None = None
    other_bound: Callable[[Array], float] | None = None
    is_grouped: bool = False

    @classmethod
    def of(cls, source: Source, learned: Learned, l2: float) -> Problem:
        """Of all rows of a source whose columns are known."""
        roles, design, columns = learned.roles, learned.design, learned.columns
        own = cls(source, roles, design, l2, columns.sum_weight, columns.n_rows, learned.base_rate, design.free)
        is_plain = not design.categories and not design.shapes and not design.has_outliers
        if isinstance(source, KeptSource) and is_plain and columns.n_rows * design.width <= MOST_VALUES:
            blocks = tuple(source.kept_blocks(roles))
            own = replace(own, rows=KeptRows(blocks, design) if len(blocks) == 1 else None)
        return own

    def on_face(self, face: tuple[Array, ...], free: Array) -> Problem:
        """The same for the rows that lie in some planes, and the coefficients that these determine."""
        return replace(self, face=face, free=free, is_partial=self.is_partial or bool(face), rows=None)

    @property
    def fit_intercept(self) -> bool:
        """Whether there is an intercept, at the first place of the free coefficients."""
        return self.design.fit_intercept

    @cached_property
    def penalty(self) -> Array:
        """What half the squared coefficients are multiplied with, shape (width,): nothing for the intercept."""
        # In the solver's coordinates v = w · scale: l2 / 2 · |w|² is half of this times v².
        of_each = self.l2 if self.factors is None else self.l2 * self.factors
        if self.precisions is not None:
            of_each = np.where(self.precisions > 0, self.precisions, of_each)
        penalty = of_each / self.design.scale**2
        penalty[0] = 0.0
        return penalty

    @cached_property
    def absolute(self) -> Array:
        """What absolute coefficients are multiplied with, l1 on the user's scale, shape (width,): not the intercept."""
        of_each = self.l1 if self.factors is None else self.l1 * self.factors
        absolute: Array = of_each / self.design.scale
        absolute[0] = 0.0
        for span in self.design.spans if self.is_grouped else ():
            # Yuan and Lin (2006): as much for each level.
            absolute[span] *= math.sqrt(span.stop - span.start)
        return absolute

    @cached_property
    def norm_groups(self) -> Groups:
        """The free coefficients whose norms are penalised together: those of each category, others by themselves."""
        return Groups.of(self.absolute[self.free], self.groups[1])

    def absolute_at(self, at: Array) -> float:
        """The L1 penalty at some coefficients, in nats."""
        if self.is_grouped:
            return self.norm_groups.penalty(at[self.free])
        return float(self.absolute @ np.abs(at))

    def penalty_at(self, at: Array) -> float:
        """The penalty at some coefficients, in nats: of their squares, and of their absolute values."""
        of_squares = float(0.5 * self.penalty @ at**2)
        return of_squares + self.absolute_at(at) if self.l1 else of_squares

    @cached_property
    def is_penalised(self) -> bool:
        """Whether there is a coefficient that is held back."""
        return self.l1 > 0 or bool((self.penalty[1:] > 0).any())

    @cached_property
    def is_fully_penalised(self) -> bool:
        """Whether the square of each coefficient but the intercept is held back: only then is there a duality gap."""
        own = self.penalty[self.free[int(self.fit_intercept) :]]
        return bool((self.penalty[1:] > 0).any()) and bool((own > 0).all())

    @cached_property
    def is_expensive(self) -> bool:
        """Whether passes cost so much that steps may be rougher: never where outliers need every digit."""
        return self.n_rows * self.design.width**2 >= EXPENSIVE_PASS and not self.design.has_outliers

    @cached_property
    def avoids_hessians(self) -> bool:
        """Whether a Hessian costs so much more than a gradient that one serves several passes."""
        return self.is_expensive and len(self.free) > FEW_COEFFICIENTS

    @cached_property
    def allows_single(self) -> bool:
        """Whether products may be formed in single precision; sums over levels, which are cheap, never are."""
        low, high = SINGLE_RANGE
        is_in_range = bool(((self.design.scale > low) & (self.design.scale < high)).all())
        return self.is_expensive and is_in_range and 2 * self.design.n_dense > self.design.width

    @cached_property
    def groups(self) -> CoefficientGroups:
        """The free coefficients by their number: those of numbers and shapes, each by itself, and of each category."""
        position = {int(place): j for j, place in enumerate(self.free)}
        spans = [[position[k] for k in range(s.start, s.stop) if k in position] for s in self.design.spans]
        of_shapes = range(1 + self.design.n_dense + self.design.n_levels, self.design.width)
        dense = [position[k] for k in (*range(1 + self.design.n_dense), *of_shapes) if k in position]
        return np.array(dense, dtype=int), [np.array(span, dtype=int) for span in spans]

    def full_vector(self, values: Array) -> Array:
        """Values of the free coefficients in their places among all; 0 elsewhere."""
        full = np.zeros(self.design.width)
        full[self.free] = values
        return full

    # --- passes ---

    def summarised(self, empty: SummaryType, blocks: Sequence[Block] = ()) -> SummaryType:
        """One pass: what an empty summary becomes of all rows, or of the blocks of a sample."""
        from logloss.onepass.run import map_and_merge, summarised

        blocks = blocks or self.blocks
        if blocks:
            of_sample: SummaryType = map_and_merge(list(map(SamplePart, blocks)), empty)
            return of_sample
        self._begin_walk()
        of_all: SummaryType = summarised(self.source, self.roles, empty, progress=self.progress)
        return of_all

    def curvature(
        self,
        at: Array,
        *,
        wants_hessian: bool = True,
        is_single: bool = False,
        residual_unit: float = 0.0,
        is_careful: bool = False,
        is_level: bool = False,
        leverage_power: float = 1.0,
        inverse: Array | None = None,
        blocks: Sequence[Block] = (),
    ) -> CurvatureSummary:
        """Loss, gradient and Hessian at some coefficients; the options are those of `Point`."""
        from logloss.onepass.run import walk
        from logloss.onepass.summaries import CurvatureSummary, Point

        point = Point(
            at,
            self.design,
            wants_hessian,
            is_single,
            self.face,
            residual_unit,
            is_careful,
            is_level,
            leverage_power,
            inverse,
        )
        empty = CurvatureSummary.empty(point)
        if blocks or self.blocks or self.is_partial:
            return self.summarised(empty, blocks)
        self._begin_walk()
        checked: CurvatureSummary = walk(self.source, self.roles, empty, progress=self.progress)
        return checked

    def _begin_walk(self) -> None:
        """Count a walk over all rows, and report its phase."""
        if self.limits is not None:
            self.limits.take_walk()
        tell_phase(self.progress, self.phase)

    def newton_passes(
        self, start: Array, ends: tuple[float, float], max_passes: int
    ) -> tuple[list[NewtonPass], CurvatureSummary] | None:
        """Passes over the rows of a small table, as `KeptRows.newton_passes` makes them; None where it cannot."""
        if self.rows is None or self.rows.design is not self.design:
            return None
        made = self.rows.newton_passes(self.penalty, start, ends, max_passes)
        if made is not None:
            self.tell_passes(len(made[0]))
        return made

    def tell_passes(self, n_passes: int) -> None:
        """Report passes that were made over the rows of a small table."""
        for _ in range(n_passes if self.progress is not None else 0):
            self._begin_walk()
            for block in self.rows.blocks if self.rows is not None else ():
                self.progress(block)  # type: ignore[misc]

    def at_points(self, points: Sequence[Point]) -> tuple[CurvatureSummary, ...]:
        """Loss, gradient and Hessian at each of some points: one pass."""
        from logloss.onepass.summaries import PointsSummary

        return self.summarised(PointsSummary.empty(tuple(points))).of_points

    def losses(
        self, at: Array, steps: Array, lengths: Array, most: float = math.inf, blocks: Sequence[Block] = ()
    ) -> tuple[Array, Array]:
        """(Points, the summed loss at each): at + length · steps[0], and at + each other step; one pass.

        most: above it a loss is inf.
        """
        from logloss.onepass.summaries import Trials, TrialSummary

        trials = Trials(at, steps, lengths, self.design, self.face, most)
        return trials.points, self.summarised(TrialSummary.empty(trials), blocks).total_losses

    def factor(
        self,
        sums: CurvatureSummary,
        kernel: Kernel | None = None,
        *,
        basis: Array | None = None,
        penalty: Array | None = None,
    ) -> Factor:
        """The Hessian of the penalised objective in the free coefficients, factored. kernel, basis: as of `Factor`."""
        penalty = self.penalty if penalty is None else penalty
        matrix = sums.hessian.taken(self.free, penalty[self.free])
        return Factor(matrix, basis=basis, kernel=kernel, is_single=sums.point.is_single)

    def factor_of(self, hessian: Hessian) -> Factor:
        """A Hessian of the loss with the penalty, factored."""
        return Factor(hessian.taken(self.free, self.penalty[self.free]))

    def as_pass(self, at: Array, total_loss: float, bound: float, penalty: float | None = None) -> Pass:
        """The result of a pass, in the user's coordinates and per row. penalty: in nats, that at it if left out."""
        penalty = self.penalty_at(at) if penalty is None else penalty
        values = at / self.design.scale
        intercept = float(values[0] - values[1 : 1 + self.design.n_dense] @ self.design.centre)
        coefficients = tuple(self.design.named_values(values).tolist())
        of_row = (each / self.sum_weight for each in (total_loss, bound, penalty))
        return Pass(intercept, coefficients, *of_row)
