"""The solver: a warm start on random subsamples, then passes over all rows until a bound on what is left is small.

Two passes form the full Hessian; later ones only the gradient, with the Hessian of before corrected by what the steps
since have taught (L-BFGS). Numbers are centred and scaled inside; the penalty stays on the user's scale.

>>> import numpy as np
>>> LeastPairs().direction(lambda right: right / 2, np.array([1.0, 4.0])).tolist()
[-0.5, -2.0]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.design import PIECE_ROWS, Design
from logloss.data.rows import Array, Roles
from logloss.data.source import Source
from logloss.training.certificate import ROUNDING, Factor, gain, reach_of, ridge_gap, rounding_of_gradient
from logloss.training.lbfgs import LeastPairs
from logloss.training.warm_start import ROWS_PER_COEFFICIENT, SamplePart, cut

# Newton's method doubles the right digits in each pass: below this decrement (nats per row) coefficients have them all.
SETTLED_DECREMENT = 1e-28
# Where passes are dear it is enough that no coefficient is off by more than 1e-5 of its standard error.
SETTLED_DEARLY = 1e-10
# Rows times squared coefficients from which passes are dear and products of Hessians are formed in single precision.
DEAR = 2e9
# So few coefficients that a Hessian costs hardly more than a gradient.
FEW = 32
# Where a full step fails, one walk tries these shares of it, and Newton's steps with so many times the largest diagonal
# seen so far added to the Hessian (Moré 1978, doi:10.1007/BFb0067700); of a large Hessian every fourth.
SHARES = (4.0, 2.0, 1.0, *(2.0**-k for k in range(1, 9)))
# Beside a row that is far away the loss has walls that no curvature foretells: shares that stop short of one.
SHARES_OF_FAR = (*SHARES, *(1.5 * 2.0**-k for k in range(1, 9)), *(2.0**-k for k in range(9, 64)))
DAMPINGS, MOST_DAMPED = tuple(10.0**k for k in range(-9, 4)), 600
# A sample's Hessian serves the first pass if each of its diagonal entries stands for about a hundred rows.
ENOUGH_CURVATURE = 12.5
# Nested samples: each has so many times the rows of the one before.
GROWTH = 4
# A step on a sample must gain more than this share of p / 2, the size of the sample's own error.
WORTHWHILE = 0.02
# A pass with an old Hessian must leave less than this share of the decrement, or the next one forms a new Hessian.
SLOW = 0.01
# Passes in a row that leave such a share of the decrement, about 1/e, before separation is suspected.
MOST_CREEPING, CREEPING = 3, (0.25, 0.5)
MOST_WARM = 20
# What combinations of columns leave of themselves in a row if they depend on each other but for rounding, each.
SAME_DIGITS = 64 * ROUNDING
# A column with a smaller share of a combination has no part in it.
NO_PART = 1e-10


@dataclass(frozen=True, slots=True)
class Found:
    """What a pass found: loss and derivatives, a step from there, and a bound on what is left to gain (all summed).

    decrement: half the squared Newton decrement, what the step is expected to gain. is_fresh: whether the factor is of
    this pass; is_guess: whether it is of a sample.
    """

    sums: Any
    objective: float
    slope: Array
    factor: Factor
    origin: Array
    is_fresh: bool
    is_guess: bool
    step: Array
    decrement: float
    bound: float
    is_proven: bool

    @property
    def at(self) -> Array:
        """Where it looked."""
        found: Array = self.sums.point.coefficients
        return found

    @property
    def total_loss(self) -> float:
        """The summed loss there."""
        return float(self.sums.total_loss)


@dataclass(frozen=True, slots=True)
class Tried:
    """What a pass that tried several points found: the best of them and the loss there."""

    at: Array
    total_loss: float
    objective: float
    bound: float = math.inf


class Solver:
    """Passes over a source. Coefficients are laid out as the design does, on numbers (x − centre) / scale."""

    def __init__(
        self,
        source: Source,
        roles: Roles,
        design: Design,
        penalty: Array,
        sum_weight: float,
        n_rows: int,
        *,
        progress: Callable[[Block], None] | None = None,
        face: tuple[Array, ...] = (),
        free: Array | None = None,
    ) -> None:
        self.face = face
        self.source, self.roles, self.design, self.penalty = source, roles, design, penalty
        self.sum_weight, self.n_rows, self.progress = sum_weight, n_rows, progress
        # Where coefficients are that may be chosen: of a face, those of which it has rows.
        self.free = design.free if free is None else free
        # Far rows, and offsets that leave no curvature where the passes begin.
        self.has_walls = design.has_outliers or roles.offset is not None
        self.is_penalised = bool((penalty[1:] > 0).any())
        # What bounds rounding and the reach is summed row by row where there are outliers.
        self.is_dear = n_rows * design.width**2 >= DEAR and not design.has_outliers
        # Whether passes sum what bounds their rounding row by row: where they are not dear, or once all else is done.
        self.is_careful = not self.is_dear
        # Squares of numbers as they stand must be numbers of single precision; sums over levels are formed in double.
        is_in_range = bool(((design.scale > 1e-6) & (design.scale < 1e6)).all())
        self.may_be_single = is_in_range and 2 * design.n_dense > design.width
        self.pairs = LeastPairs()
        self.sampled_rows = 0
        # Combinations of coefficients that the columns can tell apart, where they are not all, and those they cannot.
        self.basis: Array | None = None
        self.null: Array | None = None
        self.unit: Array | None = None
        self.is_explored = self.is_slow = self.is_wary = False
        # Whether columns depend on each other in every digit, or only in as many as a Hessian keeps.
        self.is_rank_sure = True
        # The Hessian at the answer, once it was asked for.
        self.known: tuple[Found, Factor] | None = None
        # The Hessian as a sample knows it, for the first pass.
        self.guess: Factor | None = None
        # The largest entry that each place of the Hessian's diagonal had, in units of the summed loss.
        self.most = np.zeros(len(self.free))
        # Passes in a row that were as slow as without an optimum; whether it is known that there is one.
        self.n_creeping, self.is_cleared = 0, False
        # Where the rounding of a bound, and what it says, begins: numbers each; of a category one level.
        position = {int(place): j for j, place in enumerate(self.free)}
        spans = [[position[k] for k in range(s.start, s.stop) if k in position] for s in design.spans]
        dense = [position[k] for k in range(1 + design.n_dense) if k in position]
        self.groups = np.array(dense, dtype=int), [np.array(span, dtype=int) for span in spans]

    # --- looking ------------------------------------------------------------------------------------------------------

    def look(
        self,
        at: Array,
        *,
        wants_hessian: bool,
        is_single: bool = False,
        residual_unit: float = 0.0,
        is_careful: bool = False,
        is_level: bool = False,
        blocks: Sequence[Block] = (),
    ) -> Any:
        """One pass, over all rows or over the blocks of a sample."""
        from logloss.onepass.run import map_and_merge, summarised, walk
        from logloss.onepass.summaries import CurvatureSummary, Point

        empty = CurvatureSummary.empty(
            Point(at, self.design, wants_hessian, is_single, self.face, residual_unit, is_careful, is_level)
        )
        if blocks:
            return map_and_merge(list(map(SamplePart, blocks)), empty)
        if self.face:
            # A face may have no rows.
            return summarised(self.source, self.roles, empty, progress=self.progress)
        return walk(self.source, self.roles, empty, progress=self.progress)

    def summarised(self, empty: Any, sample: Block | None = None) -> Any:
        """One pass of another summary: over all rows, or over those of a sample."""
        from logloss.onepass.run import map_and_merge, walk

        if sample is None:
            return walk(self.source, self.roles, empty, progress=self.progress)
        return map_and_merge(list(map(SamplePart, cut(sample))), empty)

    def gradients_of_clusters(self, at: Array, unit: float) -> Array:
        """The gradient of each cluster in a unit, shape (n_clusters, width)."""
        from logloss.onepass.summaries import GradientSummary, Point

        point = Point(at, self.design, wants_hessian=False, residual_unit=unit)
        found: Array = self.summarised(GradientSummary.empty(point)).sums
        return found

    def factor_of(self, sums: Any, penalty: Array) -> Factor:
        """The Hessian of the penalised objective, factored."""
        matrix = sums.hessian[np.ix_(self.free, self.free)] + np.diag(penalty[self.free])
        self.most = np.maximum(self.most, np.diag(matrix))
        return Factor(matrix, basis=self.basis, is_single=sums.point.is_single)

    def information(self, found: Found) -> Factor:
        """The Hessian at a point in double precision, factored; formed by one more pass where that pass did not."""
        if found.is_fresh and not found.sums.point.is_single:
            return found.factor
        if self.known is None or self.known[0] is not found:
            self.known = found, self.factor_of(self.look(found.at, wants_hessian=True), self.penalty)
        return self.known[1]

    def full_factor(self, sums: Any) -> tuple[Any, Factor]:
        """(The sums, the Hessian of them factored): columns that depend on each other are found by the first one."""
        factor = self.factor_of(sums, self.penalty)
        if factor.n_dependent and sums.point.is_single:
            # What single precision cannot tell apart, double precision may.
            sums = self.look(sums.point.coefficients, wants_hessian=True, is_careful=self.is_careful)
            factor = self.factor_of(sums, self.penalty)
        if factor.n_dependent and not self.is_explored:
            # At 0 all rows weigh the same: what depends there depends for good, and not because rows are far away.
            at_zero = sums
            if sums.point.coefficients.any() or self.design.has_outliers:
                at_zero = self.look(np.zeros(self.design.width), wants_hessian=True, is_level=True)
            first = self.factor_of(at_zero, self.penalty)
            if first.n_dependent:
                self.null, self.unit = first.null, first.size
                self.basis = self.least_penalised(first) if self.is_penalised else first.range
                # Under a penalty the duality gap is a bound for all coefficients, whatever the columns.
                self.is_rank_sure = not self.is_penalised and self.depends_in_every_digit(first)
                factor = self.factor_of(sums, self.penalty)
        self.is_explored = True
        return sums, factor

    def least_penalised(self, factor: Factor) -> Array:
        """Combinations of coefficients among which there is one of least penalty for all that say the same of the rows.

        What says nothing is orthogonal to them in the metric of the penalty.
        """
        held = self.penalty[self.free, None] * factor.null / factor.size[:, None]
        held /= np.maximum(np.abs(held).max(axis=0), np.finfo(float).tiny)
        full, _ = np.linalg.qr(held, mode="complete")
        return full[:, held.shape[1] :] / factor.size[:, None]

    def depends_in_every_digit(self, factor: Factor) -> bool:
        """Whether what a singular Hessian cannot tell apart, the rows themselves cannot either.

        A Hessian squares the sizes: columns that differ in the seventh digit are one to it, and a bound on what is left
        would leave out what a coefficient of 10⁷ on their difference can do. Cost: a walk, or two.
        """
        from logloss.onepass.run import summarised
        from logloss.onepass.summaries import Combinations, DependenceSummary

        short = factor.null
        for _ in range(2):
            vectors = np.zeros((self.design.width, short.shape[1]))
            # What rounding leaves in columns that have no part in it is nothing.
            vectors[self.free] = np.where(np.abs(short) > NO_PART * np.abs(short).max(axis=0), short, 0.0)
            empty = DependenceSummary.empty(Combinations(vectors, self.design, self.face))
            found = summarised(self.source, self.roles, empty, progress=self.progress)
            if (found.left <= SAME_DIGITS * len(self.free)).all():
                return True
            # The rounding of the eigenvectors is taken out: the curvature of a row is 1/4 of its weight.
            short = short - np.column_stack([factor.solve(each) for each in found.slopes[self.free].T / 4])
        return False

    def walked(self, at: Array, last: Found | None = None, *, fresh: bool = True) -> Found:
        """A pass over all rows at some coefficients: fresh, with the Hessian; else with that of the last one."""
        guess = self.guess if last is None else None
        fresh = fresh and guess is None
        is_single = self.is_dear and self.may_be_single and fresh and self.basis is None
        sums = self.look(at, wants_hessian=fresh, is_single=is_single, is_careful=self.is_careful)
        if guess is not None:
            factor, origin, self.guess = guess, at, None
        elif fresh or last is None:
            sums, factor = self.full_factor(sums)
            origin, self.pairs = at, LeastPairs()
        else:
            factor, origin = last.factor, last.origin
        slope = (sums.gradient + self.penalty * at)[self.free]
        objective = float(sums.total_loss + 0.5 * self.penalty @ at**2)
        if last is not None and origin is last.origin:
            self.pairs.learn((at - last.at)[self.free], slope - last.slope)
        short = self.pairs.direction(factor.solve, slope)
        decrement = max(-0.5 * float(slope @ short), 0.0)
        if not decrement > 0 and slope.any():
            short = -factor.solve(slope)
            decrement = max(-0.5 * float(slope @ short), 0.0)
        is_guess = guess is not None or (not fresh and last is not None and last.is_guess)
        moved = None if is_guess else (at - origin)[self.free]
        bound, is_proven = self.bound(sums, objective, slope, factor, moved)
        step = self.spread(short)
        return Found(sums, objective, slope, factor, origin, fresh, is_guess, step, decrement, bound, is_proven)

    def spread(self, short: Array) -> Array:
        """A step of the free coefficients as one of all."""
        step = np.zeros(self.design.width)
        step[self.free] = short
        return step

    def search(
        self, at: Array, step: Array, slope: Array, factor: Factor, penalty: Array, blocks: Sequence[Block] = ()
    ) -> Tried:
        """One pass that tries shares of a step and damped ones: the best of these points."""
        steps = [share * step for share in (SHARES_OF_FAR if self.has_walls else SHARES)]
        for damping in DAMPINGS[:: 1 if len(self.free) <= MOST_DAMPED else 4]:
            short = factor.damped(slope, damping * self.most)
            if short is not None:
                steps.append(self.spread(-short))
        points = at + np.array(steps)
        losses = self.losses(points, blocks)
        objectives = losses + 0.5 * (points**2 @ penalty)
        best = int(np.argmin(np.where(np.isnan(objectives), np.inf, objectives)))
        return Tried(points[best], float(losses[best]), float(objectives[best]))

    def losses(self, points: Array, blocks: Sequence[Block] = ()) -> Array:
        """The summed loss at each of some points, shape (n_points,): one pass."""
        from logloss.onepass.run import map_and_merge, summarised
        from logloss.onepass.summaries import Trials, TrialSummary

        empty = TrialSummary.empty(Trials(points, self.design, self.face))
        if blocks:
            found: Array = map_and_merge(list(map(SamplePart, blocks)), empty).total_losses
        else:
            found = summarised(self.source, self.roles, empty, progress=self.progress).total_losses
        return found

    # --- the certificate ----------------------------------------------------------------------------------------------

    def bound(
        self, sums: Any, objective: float, slope: Array, factor: Factor, moved: Array | None
    ) -> tuple[float, bool]:
        """(Nats by which the objective can be above its least, whether that is finite): docs/certificate.md."""
        at = sums.point.coefficients
        error = rounding_of_gradient(sums.sizes[:, self.free], sums.n_rows // PIECE_ROWS + 1)
        found = math.inf
        largest = sums.largest[self.free]
        drift = math.inf if moved is None else self.drift(factor, largest, moved)
        if drift < 1 and factor.n_dependent == 0 and self.is_rank_sure:
            reach = reach_of(factor.deviations, largest, self.groups)
            grown = math.exp(drift / 2)
            nu = math.sqrt(max(float(slope @ factor.solve(slope)), 0.0)) + float(error @ factor.deviations)
            found = gain(grown * nu, grown * reach)
        if self.is_penalised:
            free = self.free
            gap = ridge_gap(sums.gradient[free], sums.curvature[free], self.penalty[free], at[free], error)
            found = min(found, gap)
        return found + 2 * ROUNDING * objective, math.isfinite(found)

    def drift(self, factor: Factor, largest: Array, moved: Array) -> float:
        """By how much any logit has moved since a Hessian was formed, which has changed by at most e to that."""
        return reach_of(factor.deviations, largest, self.groups) * factor.length(moved) if moved.any() else 0.0

    # --- the warm start -----------------------------------------------------------------------------------------------

    def warm(self, start: Array, sample: Block) -> Array:
        """Newton's method on growing nested subsamples, each held back by a prior that weighs less in the next."""
        at = start
        n_all = sample.n_rows
        sizes = [n_all]
        while sizes[0] // GROWTH >= max(2000, ROWS_PER_COEFFICIENT * len(self.free)):
            sizes.insert(0, sizes[0] // GROWTH)
        prior: Array | None = None
        for n_rows in sizes:
            share = n_rows / self.n_rows
            blocks = cut(sample, n_rows)
            sums = self.look_on(at, blocks)
            self.sampled_rows += n_rows
            if prior is None:
                # One prior observation of the usual size of each feature.
                spread = np.diag(sums.hessian)[1:] / max(float(sums.curvature[0]), 1e-300)
                prior = np.concatenate([[0.0], spread])
            at, sums = self.warmer(at, sums, self.penalty * share + prior, blocks)
        if self.is_dear and len(self.free) > FEW:
            from logloss.onepass.summaries import mass_of

            mass = float(np.sum(mass_of(sample))) / self.sum_weight
            diagonal = np.diag(sums.hessian)[self.free]
            if diagonal.min() >= ENOUGH_CURVATURE * mass * self.sum_weight / n_all:
                sums.hessian[...] /= mass
                factor = self.factor_of(sums, self.penalty)
                self.guess = factor if factor.n_dependent == 0 else None
        return at

    def warmer(self, at: Array, sums: Any, penalty: Array, blocks: Sequence[Block]) -> tuple[Array, Any]:
        """Newton's method on one sample: (where it ends, the sums of the last point but one)."""
        n_rows = sum(rows.n_rows for rows in blocks)
        is_wary = False
        for _ in range(MOST_WARM):
            slope = (sums.gradient + penalty * at)[self.free]
            factor = self.factor_of(sums, penalty)
            step = self.spread(-factor.solve(slope))
            expected = -0.5 * float(slope @ step[self.free])
            if not expected > WORTHWHILE * len(self.free) / 2:
                return at + step, sums
            reached = float(sums.total_loss + 0.5 * penalty @ at**2)
            tried = None if is_wary else self.look_on(at + step, blocks)
            self.sampled_rows += n_rows
            if tried is None or not tried.total_loss + 0.5 * penalty @ (at + step) ** 2 <= reached:
                found = self.search(at, step, slope, factor, penalty, blocks)
                if not found.objective < reached:
                    break
                is_wary = not np.array_equal(found.at, at + step)
                tried = self.look_on(found.at, blocks)
                self.sampled_rows += 2 * n_rows
            at, sums = tried.point.coefficients, tried
        return at, sums

    def look_on(self, at: Array, blocks: Sequence[Block]) -> Any:
        """The sums of a sample, with the Hessian."""
        return self.look(at, wants_hessian=True, is_single=self.is_dear and self.may_be_single, blocks=blocks)

    # --- the passes ---------------------------------------------------------------------------------------------------

    def solve(self, start: Array, tolerance: float, max_passes: int, noted: Callable[[Found | Tried], None]) -> Found:
        """Passes until the bound is as small as asked and the digits of the coefficients have settled."""
        if self.face and start.any():
            start = self.shortest(start)
        found = self.walked(start)
        noted(found)
        n_passes, self.is_slow, self.is_wary = 1, not start.any(), False
        self.n_creeping = 0
        while n_passes < max_passes and not self.is_settled(found, tolerance) and not self.suspects_separation:
            before = found
            fresh = self.needs_hessian(before)
            allowed = 4 * ROUNDING * abs(before.objective)
            tried = None
            if not self.is_wary:
                tried = self.walked(before.at + before.step, before, fresh=fresh)
                n_passes += 1
                noted(tried)
            is_worse = tried is None or not tried.objective <= before.objective + allowed
            if is_worse and n_passes < max_passes:
                best = self.search(before.at, before.step, before.slope, before.factor, self.penalty)
                n_passes += 1
                noted(best)
                self.is_wary = not np.array_equal(best.at, before.at + before.step)
                if not best.objective <= before.objective + allowed or n_passes >= max_passes:
                    return before
                tried = self.walked(best.at, before)
                n_passes += 1
                noted(tried)
            if tried is None or not tried.objective <= before.objective + allowed:
                return before
            found = tried
            self.is_slow = found.decrement > SLOW * before.decrement
            is_creeping = CREEPING[0] < found.decrement / before.decrement < CREEPING[1] if before.decrement else False
            self.n_creeping = self.n_creeping + 1 if is_creeping else 0
            # Where the gain expected is below the rounding of the objective, more passes only stir its last digits.
            is_stirring = before.decrement <= 2 * ROUNDING * before.objective and found.decrement > before.decrement / 4
            if is_stirring and (found.is_fresh or not fresh):
                if self.is_careful or found.bound <= tolerance * self.sum_weight or n_passes >= max_passes:
                    break
                self.is_careful = True
                found = self.walked(found.at)
                n_passes += 1
                noted(found)
        return found

    def shortest(self, at: Array) -> Array:
        """The coefficients that say the same of all rows without what the columns cannot tell apart."""
        self.full_factor(self.look(np.zeros(self.design.width), wants_hessian=True))
        if self.null is None or self.unit is None:
            return at
        short = at[self.free]
        return self.spread(short - self.null @ ((self.null * self.unit[:, None] ** 2).T @ short))

    def needs_hessian(self, found: Found) -> bool:
        """Whether the next pass forms it: where it is cheap, was slow without, or is too old to prove anything."""
        if len(self.free) <= FEW or not self.is_dear or self.is_slow:
            return True
        # Formed at the next point it would be good for all later ones.
        reach = reach_of(found.factor.deviations, found.sums.largest[self.free], self.groups)
        is_near = reach * math.sqrt(2 * SLOW * found.decrement) < 1
        moved = (found.at + found.step - found.origin)[self.free]
        return is_near and (found.is_guess or reach * found.factor.length(moved) >= 1)

    @property
    def suspects_separation(self) -> bool:
        """Whether each pass leaves as much as if a row's loss fell by e with each, as it does without an optimum."""
        return self.n_creeping >= MOST_CREEPING and not (self.is_penalised or self.face or self.is_cleared)

    def is_settled(self, found: Found, tolerance: float) -> bool:
        """Whether the answer is certified and its digits are all there."""
        if not found.bound <= tolerance * self.sum_weight:
            return False
        dear = self.is_dear and len(self.free) > FEW
        return found.decrement <= (SETTLED_DEARLY if dear else SETTLED_DECREMENT * self.sum_weight)
