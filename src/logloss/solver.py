"""The solver: a warm start on random subsamples, then passes over all rows until a bound on what is left is small.

Two passes form the full Hessian; later ones only the gradient, with the Hessian of before corrected by what the steps
since have taught (L-BFGS). Numbers are centred and scaled inside; the penalty stays on the user's scale.

>>> import numpy as np
>>> LeastPairs().direction(lambda right: right / 2, np.array([1.0, 4.0])).tolist()
[-0.5, -2.0]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from logloss.certificate import ROUNDING, Factor, gain, reach_of, ridge_gap, rounding_of_gradient
from logloss.data.block import Block
from logloss.data.design import PIECE_ROWS, Design, Numbers, coded_column
from logloss.data.rows import Array, Column, Roles
from logloss.data.source import Source

# Newton's method doubles the right digits in each pass: below this decrement (nats per row) coefficients have them all.
SETTLED_DECREMENT = 1e-28
# Where passes are dear it is enough that no coefficient is off by more than 1e-5 of its standard error.
SETTLED_DEARLY = 1e-10
# Rows times squared coefficients from which passes are dear and products of Hessians are formed in single precision.
DEAR = 2e9
# So few coefficients that a Hessian costs hardly more than a gradient.
FEW = 32
MAX_HALVINGS = 30
# A warm start pays from so many rows on; its sample is a tenth of the rows within these limits.
LARGE_TABLE = 50_000
SAMPLE_SHARE, MOST_SAMPLED, MOST_SAMPLED_VALUES = 0.1, 400_000, 40_000_000
# Of tables of at most so many rows all are drawn.
KEPT_WHOLE = 1_000
# Parts that a sample is cut into: fixed, so that the cut does not depend on the number of threads.
SAMPLE_PARTS = 8
# Rows per coefficient that a sample should have.
ROWS_PER_COEFFICIENT = 20
# Nested samples: each has so many times the rows of the one before.
GROWTH = 4
# A step on a sample must gain more than this share of p / 2, the size of the sample's own error.
WORTHWHILE = 0.02
# A pass with an old Hessian must leave less than this share of the decrement, or the next one forms a new Hessian.
SLOW = 0.01


class LeastPairs:
    """What steps since the last Hessian have taught of it: L-BFGS pairs (Nocedal & Wright 2006, algorithm 7.4)."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Array, Array]] = []

    def learn(self, step: Array, change: Array) -> None:
        """A step, and how the gradient changed along it."""
        if float(step @ change) > 0:
            self.pairs.append((step, change))

    def direction(self, solve: Callable[[Array], Array], slope: Array) -> Array:
        """The step to take, where `solve` is that of the Hessian."""
        rest = slope
        shares = []
        for step, change in reversed(self.pairs):
            share = (step @ rest) / (step @ change)
            shares.append(share)
            rest = rest - share * change
        found = solve(rest)
        for (step, change), share in zip(self.pairs, reversed(shares), strict=True):
            found = found + (share - (change @ found) / (step @ change)) * step
        return -found


@dataclass(frozen=True, slots=True)
class SamplePart:
    """Rows of a sample that one worker walks."""

    block: Block

    def blocks(self) -> Iterator[Block]:
        """Its only block."""
        yield self.block


@dataclass(frozen=True, slots=True)
class Found:
    """What a pass found: loss and derivatives, a step from there, and a bound on what is left to gain (all summed).

    decrement: half the squared Newton decrement, what the step is expected to gain. A factor of an earlier pass is told
    by `is_fresh`.
    """

    sums: Any
    objective: float
    slope: Array
    factor: Factor
    origin: Array
    is_fresh: bool
    step: Array
    decrement: float
    bound: float
    is_proven: bool

    @property
    def at(self) -> Array:
        """Where it looked."""
        found: Array = self.sums.point.coefficients
        return found


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
    ) -> None:
        self.face = face
        self.source, self.roles, self.design, self.penalty = source, roles, design, penalty
        self.sum_weight, self.n_rows, self.progress = sum_weight, n_rows, progress
        self.free = design.free
        self.is_penalised = bool((penalty[1:] > 0).any())
        self.is_dear = n_rows * design.width**2 >= DEAR
        # Squares of numbers as they stand must be numbers of single precision.
        self.may_be_single = bool(((design.scale > 1e-6) & (design.scale < 1e6)).all())
        self.pairs = LeastPairs()
        self.sampled_rows = 0
        # Combinations of coefficients that the columns can tell apart, where they are not all, and those they cannot.
        self.basis: Array | None = None
        self.null: Array | None = None
        self.is_explored = self.is_slow = False
        # Numbers are at most 1 each; of a category one level is 1.
        position = {int(place): j for j, place in enumerate(self.free)}
        spans = [[position[k] for k in range(s.start, s.stop) if k in position] for s in design.spans]
        self.groups = np.arange(1 + design.n_dense), [np.array(span, dtype=int) for span in spans]

    # --- looking ------------------------------------------------------------------------------------------------------

    def look(
        self,
        at: Array,
        *,
        wants_hessian: bool,
        is_single: bool = False,
        residual_unit: float = 0.0,
        blocks: Sequence[Block] = (),
    ) -> Any:
        """One pass, over all rows or over the blocks of a sample."""
        from logloss.onepass.run import map_and_merge, parts_of, walk
        from logloss.onepass.summaries import CurvatureSummary, Point

        empty = CurvatureSummary.empty(Point(at, self.design, wants_hessian, is_single, self.face, residual_unit))
        if blocks:
            return map_and_merge(list(map(SamplePart, blocks)), empty)
        if self.face:
            # A face may have no rows.
            return map_and_merge(parts_of(self.source, self.roles), empty, progress=self.progress)
        return walk(self.source, self.roles, empty, progress=self.progress)

    def summarised(self, empty: Any, sample: Block | None = None) -> Any:
        """One pass of another summary: over all rows, or over those of a sample."""
        from logloss.onepass.run import map_and_merge, walk

        if sample is None:
            return walk(self.source, self.roles, empty, progress=self.progress)
        cuts = range(0, sample.n_rows, sample.n_rows // SAMPLE_PARTS + 1)
        blocks = [sample.taken(np.arange(k, min(k + sample.n_rows // SAMPLE_PARTS + 1, sample.n_rows))) for k in cuts]
        return map_and_merge(list(map(SamplePart, blocks)), empty)

    def gradients_of_clusters(self, at: Array, unit: float) -> Array:
        """The gradient of each cluster in a unit, shape (n_clusters, width)."""
        from logloss.onepass.summaries import GradientSummary, Point

        point = Point(at, self.design, wants_hessian=False, residual_unit=unit)
        found: Array = self.summarised(GradientSummary.empty(point)).sums
        return found

    def factor_of(self, sums: Any, penalty: Array) -> Factor:
        """The Hessian of the penalised objective, factored."""
        matrix = sums.hessian[np.ix_(self.free, self.free)] + np.diag(penalty[self.free])
        return Factor(matrix, basis=self.basis, is_single=sums.point.is_single)

    def full_factor(self, sums: Any) -> tuple[Any, Factor]:
        """(The sums, the Hessian of them factored): columns that depend on each other are found by the first one."""
        factor = self.factor_of(sums, self.penalty)
        if factor.n_dependent and sums.point.is_single:
            # What single precision cannot tell apart, double precision may.
            sums = self.look(sums.point.coefficients, wants_hessian=True)
            factor = self.factor_of(sums, self.penalty)
        if factor.n_dependent and not self.is_explored:
            # At 0 all rows weigh the same: what depends there depends for good, and not because rows are far away.
            at_zero = sums
            if sums.point.coefficients.any():
                at_zero = self.look(np.zeros(self.design.width), wants_hessian=True)
            first = self.factor_of(at_zero, self.penalty)
            if first.n_dependent:
                self.basis, self.null = first.range, first.null
                factor = self.factor_of(sums, self.penalty)
        self.is_explored = True
        return sums, factor

    def walked(self, at: Array, last: Found | None = None, *, fresh: bool = True) -> Found:
        """A pass over all rows at some coefficients: fresh, with the Hessian; else with that of the last one."""
        is_single = self.is_dear and self.may_be_single and fresh and self.basis is None
        sums = self.look(at, wants_hessian=fresh, is_single=is_single)
        if fresh or last is None:
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
        step = np.zeros(self.design.width)
        step[self.free] = short
        bound, is_proven = self.bound(sums, objective, slope, factor, (at - origin)[self.free])
        return Found(sums, objective, slope, factor, origin, origin is at, step, decrement, bound, is_proven)

    # --- the certificate ----------------------------------------------------------------------------------------------

    def bound(self, sums: Any, objective: float, slope: Array, factor: Factor, moved: Array) -> tuple[float, bool]:
        """(Nats by which the objective can be above its least, whether that is finite): docs/certificate.md."""
        at = sums.point.coefficients
        n_pieces = sums.n_rows // PIECE_ROWS + 1
        size = float(np.abs(at).sum())
        error = rounding_of_gradient(sums.sum_absolute, float(sums.curvature[0]), size, n_pieces, len(slope))
        reach = reach_of(factor.deviations, self.groups)
        # By how much any logit has moved since the Hessian was formed: it changed by at most a factor of e to that.
        drift = reach * factor.length(moved)
        found = math.inf
        if drift < 1 and factor.n_dependent == 0:
            grown = math.exp(drift / 2)
            nu = math.sqrt(max(float(slope @ factor.solve(slope)), 0.0)) + error * float(factor.deviations.sum())
            found = gain(grown * nu, grown * reach)
        if self.is_penalised:
            free = self.free
            gap = ridge_gap(sums.gradient[free], sums.curvature[free], self.penalty[free], at[free])
            if gap < found:
                found = gap + float(np.sum(error**2 / (2 * self.penalty[free[1:]]))) + error**2
        return found + 2 * ROUNDING * objective, math.isfinite(found)

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
            blocks = [
                sample.taken(np.arange(k, min(k + n_all // 8 + 1, n_rows))) for k in range(0, n_rows, n_all // 8 + 1)
            ]
            is_single = self.is_dear and self.may_be_single
            sums = self.look(at, wants_hessian=True, is_single=is_single, blocks=blocks)
            self.sampled_rows += n_rows
            if prior is None:
                # One prior observation of the usual size of each feature.
                spread = np.diag(sums.hessian)[1:] / max(float(sums.curvature[0]), 1e-300)
                prior = np.concatenate([[0.0], spread])
            penalty = self.penalty * share + prior
            for _ in range(8):
                slope = (sums.gradient + penalty * at)[self.free]
                step = np.zeros(self.design.width)
                step[self.free] = -self.factor_of(sums, penalty).solve(slope)
                expected = -0.5 * float(slope @ step[self.free])
                if not expected > WORTHWHILE * len(self.free) / 2:
                    at = at + step
                    break
                reached = sums.total_loss + 0.5 * penalty @ at**2
                for _ in range(8):
                    tried = self.look(at + step, wants_hessian=True, is_single=is_single, blocks=blocks)
                    self.sampled_rows += n_rows
                    if tried.total_loss + 0.5 * penalty @ (at + step) ** 2 <= reached:
                        break
                    step = step / 2
                else:
                    break
                at, sums = at + step, tried
        return at

    # --- the passes ---------------------------------------------------------------------------------------------------

    def solve(self, start: Array, tolerance: float, max_passes: int, noted: Callable[[Found], None]) -> Found:
        """Passes until the bound is as small as asked and the digits of the coefficients have settled."""
        found = self.walked(start)
        noted(found)
        n_passes, self.is_slow = 1, not start.any()
        while n_passes < max_passes and not self.is_settled(found, tolerance):
            before = found
            is_few = len(self.free) <= FEW or not self.is_dear
            fresh = is_few or self.is_slow
            step, reached, tried = before.step, before.objective, None
            allowed = 4 * ROUNDING * abs(reached)
            for _ in range(MAX_HALVINGS):
                tried = self.walked(before.at + step, before, fresh=fresh)
                n_passes += 1
                noted(tried)
                if tried.objective <= reached + allowed or n_passes >= max_passes:
                    break
                step, fresh = step / 2, True
            if tried is None or not tried.objective <= reached + allowed:
                return before
            found = tried
            self.is_slow = found.decrement > SLOW * before.decrement
            # Where the gain expected is below the rounding of the objective, more passes only stir its last digits.
            is_stirring = before.decrement <= 2 * ROUNDING * before.objective and found.decrement > before.decrement / 4
            if is_stirring and (found.is_fresh or not fresh):
                break
        return found

    def is_settled(self, found: Found, tolerance: float) -> bool:
        """Whether the answer is certified and its digits are all there."""
        if not found.bound <= tolerance * self.sum_weight:
            return False
        dear = self.is_dear and len(self.free) > FEW
        return found.decrement <= (SETTLED_DEARLY if dear else SETTLED_DECREMENT * self.sum_weight)


def sample_size(n_rows: int | None, n_values: int) -> int:
    """How many rows to draw: for the warm start of a large table, or to leave each out in turn of a small one."""
    most = min(MOST_SAMPLED, max(MOST_SAMPLED_VALUES // max(n_values, 1), LARGE_TABLE // 10))
    if n_rows is None or n_rows <= KEPT_WHOLE:
        return most
    return 0 if n_rows < LARGE_TABLE else min(int(n_rows * SAMPLE_SHARE), most)


def sampled_block(design: Design, pieces: Sequence[tuple[Array, Block]]) -> Block:
    """The rows of a sample in random order, with levels as the design numbers them."""
    order = np.argsort(np.concatenate([own for own, _ in pieces]), kind="stable")
    blocks = [rows for _, rows in pieces]

    def together(arrays: Sequence[Any]) -> Any:
        if arrays[0] is None:
            return None
        joined = np.concatenate(arrays)[order]
        joined.flags.writeable = False
        return joined

    features = []
    for j, term in enumerate(design.terms):
        own = [rows.features[j] for rows in blocks]
        if isinstance(term, Numbers):
            features.append(Column(together([column.values for column in own]), names=own[0].names))
        else:
            features.append(coded_column(term, own, together))
    is_soft = any(rows.y_true.dtype != np.uint8 for rows in blocks)
    labels = [rows.y_true.astype(np.float64) if is_soft else rows.y_true for rows in blocks]
    return replace(
        blocks[0],
        y_true=together(labels),
        sample_weight=together([rows.sample_weight for rows in blocks]),
        counts=together([rows.counts for rows in blocks]),
        offset=together([rows.offset for rows in blocks]),
        features=tuple(features),
        by=(),
        cluster=(),
        rows=np.arange(len(order)),
        n_dropped=0,
    )
