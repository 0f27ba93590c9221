"""One pass at some coefficients: loss, derivatives, the step from there, and the bound on what is left to gain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.rows import Array
from logloss.onepass.kernels.newton_rules import ROUNDING
from logloss.training.certificate import Pass, reach_of
from logloss.training.factor import Factor, Kernel
from logloss.training.interruptible import patiently
from logloss.training.problem import Problem

if TYPE_CHECKING:
    from logloss.onepass.summaries import CurvatureSummary


# What combinations of columns leave of themselves in a row if they depend on each other but for rounding, each.
SAME_DIGITS = 64 * ROUNDING
# A column with a smaller share of a combination has no part in it.
NO_PART = 1e-10


# (A step, how the gradient changed along it), oldest first.
Pairs = tuple[tuple[Array, Array], ...]


@dataclass(frozen=True, slots=True)
class Rank:
    """Which combinations of the free coefficients the rows determine; all, where there is no null.

    null: those that they do not, shape (n_free, n_dependent). unit: the root of the Hessian's diagonal, (n_free,).
    metric: in which solutions are the shortest, shape (n_free,): unit, or the root of the penalty. is_sure: whether
    columns depend on each other in every digit, or only in as many as a Hessian keeps.
    """

    null: Array | None = None
    unit: Array | None = None
    metric: Array | None = None
    is_sure: bool = True

    @property
    def n_dependent(self) -> int:
        """By how many coefficients there are too many."""
        return 0 if self.null is None else self.null.shape[1]

    @property
    def kernel(self) -> Kernel | None:
        """What is not determined, as `Factor` takes it."""
        return None if self.null is None or self.metric is None else Kernel(self.null, self.metric)

    @property
    def basis(self) -> Array | None:
        """Combinations that the rows determine, orthogonal to the others, shape (n_free, n_free − n_dependent)."""
        if self.null is None or self.unit is None or self.metric is None:
            return None
        held = self.metric[:, None] ** 2 * self.null / self.unit[:, None]
        held /= np.maximum(np.abs(held).max(axis=0), np.finfo(float).tiny)
        full, _ = patiently(lambda: np.linalg.qr(held, mode="complete"), size=len(held))
        return full[:, held.shape[1] :] / self.unit[:, None]

    @classmethod
    def of(cls, problem: Problem, factor: Factor) -> Rank:
        """Of a singular Hessian at 0, where all rows weigh the same."""
        # Of all coefficients that predict the same, those of least penalty.
        is_held = problem.is_fully_penalised
        metric = np.sqrt(problem.penalty[problem.free]) if is_held else factor.size
        # Under a penalty the duality gap is a bound for all coefficients, whatever the columns.
        is_sure = not is_held and _depends_in_every_digit(problem, factor)
        return cls(factor.null, factor.size, metric, is_sure)

    def shortest(self, values: Array) -> Array:
        """Free coefficients that predict the same for all rows, of least norm where columns are linearly dependent."""
        if self.null is None or self.unit is None:
            return values
        return values - self.null @ ((self.null * self.unit[:, None] ** 2).T @ values)


def _depends_in_every_digit(problem: Problem, factor: Factor) -> bool:
    """Whether columns that a singular Hessian does not distinguish are dependent in the rows themselves.

    A Hessian squares the sizes: columns that differ in the seventh digit are one to it, and a bound on what is left
    would leave out what a coefficient of 10⁷ on their difference can do. Cost: a walk, or two.
    """
    from logloss.onepass.summaries import Combinations, DependenceSummary

    null = factor.null
    for _ in range(2):
        # What rounding leaves in columns that have no part in it is nothing.
        own = np.where(np.abs(null) > NO_PART * np.abs(null).max(axis=0), null, 0.0)
        vectors = np.zeros((problem.design.width, null.shape[1]))
        vectors[problem.free] = own
        seen = problem.summarised(DependenceSummary.empty(Combinations(vectors, problem.design, problem.face)))
        if (seen.left <= SAME_DIGITS * len(problem.free)).all():
            return True
        # The rounding of the eigenvectors is taken out: the curvature of a row is 1/4 of its weight.
        null = null - np.column_stack([factor.solve(slope) for slope in seen.slopes[problem.free].T / 4])
    return False


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a pass found, summed: loss, derivatives, a step from there, and a bound on the distance from the minimum.

    objective: with the penalty; gradient: of it, in the free coefficients. factor: the Hessian at `hessian_at`, which
    `pairs` correct. is_fresh: whether it is of this pass; is_of_sample: whether it is that of a sample.
    decrement: half the squared Newton decrement, what the step is expected to gain. steps: of monotone shapes from knot
    to knot, as `training.monotone` has them; those that a constraint holds at 0 are exactly that.
    """

    sums: CurvatureSummary
    objective: float
    gradient: Array
    factor: Factor
    hessian_at: Array
    pairs: Pairs
    is_fresh: bool
    is_of_sample: bool
    step: Array
    decrement: float
    bound: float
    steps: Array | None = None

    @property
    def is_proven(self) -> bool:
        """Whether there is a bound."""
        return math.isfinite(self.bound)

    @property
    def coefficients(self) -> Array:
        """Where it looked."""
        return self.sums.point.coefficients

    @property
    def total_loss(self) -> float:
        """The summed loss there."""
        return self.sums.total_loss


@dataclass(frozen=True, slots=True)
class PassHistory:
    """What passes so far have shown, which stays known where others begin at another point.

    rank: None before the first Hessian of all rows. largest_diagonal: the largest entry that each place of a Hessian's
    diagonal had. sample_factor: the Hessian of a sample, for the first pass. is_careful: whether passes sum
    what bounds their rounding row by row: where they are not expensive, or once all else is done.
    is_separation_checked: whether it was looked for.
    """

    largest_diagonal: Array
    is_careful: bool
    passes: tuple[Pass, ...] = ()
    rank: Rank | None = None
    sample_factor: Factor | None = None
    is_separation_checked: bool = False

    @classmethod
    def empty(cls, problem: Problem) -> PassHistory:
        """Of no passes."""
        return cls(np.zeros(len(problem.free)), not problem.is_expensive)

    @property
    def known_rank(self) -> Rank:
        """As far as it is known: full before anything else was seen."""
        return Rank() if self.rank is None else self.rank

    def with_diagonal(self, factor: Factor) -> PassHistory:
        """Once a Hessian was seen."""
        return replace(self, largest_diagonal=np.maximum(self.largest_diagonal, factor.hessian.diagonal))

    def with_pass(
        self, problem: Problem, at: Array, total_loss: float, bound: float = math.inf, penalty: float | None = None
    ) -> PassHistory:
        """Once a pass was made; `on_pass` is called with it. penalty: as of `Problem.as_pass`."""
        return self.with_passes(problem, [problem.as_pass(at, total_loss, bound, penalty)])

    def with_passes(self, problem: Problem, made: Sequence[Pass]) -> PassHistory:
        """The same of several."""
        if problem.on_pass is not None:
            for each in made:
                problem.on_pass(each)
        return replace(self, passes=(*self.passes, *made))


def with_pair(pairs: Pairs, step: Array, change: Array) -> Pairs:
    """One pair more, if the objective curves upwards along it: otherwise the inverse would not stay positive."""
    return (*pairs, (step, change)) if float(step @ change) > 0 else pairs


def lbfgs_step(pairs: Pairs, solve: Callable[[Array], Array], gradient: Array) -> Array:
    """The quasi-Newton step, where `solve` is that of the Hessian which the pairs correct.

    Not the multiple of the identity of the textbook in its place: an exact Hessian of a nearby point is far better.
    """
    rest = gradient
    shares = []
    for step, change in reversed(pairs):
        share = (step @ rest) / (step @ change)
        shares.append(share)
        rest = rest - share * change
    ascent = solve(rest)
    for (step, change), share in zip(pairs, reversed(shares), strict=True):
        ascent = ascent + (share - (change @ ascent) / (step @ change)) * step
    return -ascent


def evaluate(
    problem: Problem,
    history: PassHistory,
    at: Array,
    last: Evaluation | None = None,
    *,
    wants_hessian: bool = True,
) -> tuple[Evaluation, PassHistory]:
    """A pass over all rows: with the Hessian, or with that of the last pass and one pair more."""
    # A sample's Hessian is as good for the first step and avoids forming one of all rows; nothing is proved with it.
    of_sample = history.sample_factor if last is None else None
    is_fresh = (wants_hessian or last is None) and of_sample is None
    # Where columns depend on each other, single precision cannot tell which of them still do.
    is_single = problem.allows_single and is_fresh and history.known_rank.null is None
    sums = problem.curvature(at, wants_hessian=is_fresh, is_single=is_single, is_careful=history.is_careful)
    return evaluation_of(problem, history, sums, last, of_sample)


def evaluation_of(
    problem: Problem,
    history: PassHistory,
    sums: CurvatureSummary,
    last: Evaluation | None = None,
    of_sample: Factor | None = None,
    bound: float | None = None,
) -> tuple[Evaluation, PassHistory]:
    """What the sums of a pass over all rows show.

    of_sample: the Hessian of a sample, in place of its own. bound: on the distance from the minimum, where it is known.
    """
    at = sums.point.coefficients
    is_fresh = sums.point.wants_hessian
    hessian_at: Array = at
    pairs: Pairs = ()
    if of_sample is not None:
        factor, history = of_sample, replace(history, sample_factor=None)
    elif is_fresh or last is None:
        sums, factor, history = factored(problem, history, sums)
    else:
        factor, hessian_at, pairs = last.factor, last.hessian_at, last.pairs
    gradient = (sums.gradient + problem.penalty * at)[problem.free]
    objective = float(sums.total_loss + 0.5 * problem.penalty @ at**2)
    if last is not None and not is_fresh:
        pairs = with_pair(pairs, (at - last.coefficients)[problem.free], gradient - last.gradient)
    step = lbfgs_step(pairs, factor.solve, gradient)
    decrement = max(-0.5 * float(gradient @ step), 0.0)
    if not decrement > 0 and gradient.any():
        # Pairs of rounded gradients can make a step that goes nowhere; Newton's own does not.
        step = -factor.solve(gradient)
        decrement = max(-0.5 * float(gradient @ step), 0.0)
    is_of_sample = of_sample is not None or (not is_fresh and last is not None and last.is_of_sample)
    if bound is None:
        moved = None if is_of_sample else (at - hessian_at)[problem.free]
        bound = bound_at(problem, history.known_rank, sums, objective, gradient, factor, moved)
    evaluation = Evaluation(
        sums,
        objective,
        gradient,
        factor,
        hessian_at,
        pairs,
        is_fresh,
        is_of_sample,
        problem.full_vector(step),
        decrement,
        bound,
    )
    return evaluation, history.with_pass(problem, at, evaluation.total_loss, bound)


def factored(
    problem: Problem, history: PassHistory, sums: CurvatureSummary
) -> tuple[CurvatureSummary, Factor, PassHistory]:
    """(The sums, the Hessian of them factored, …): columns that depend on each other are found by the first one."""
    rank = history.known_rank
    factor = problem.factor(sums, rank.kernel)
    history = history.with_diagonal(factor)
    if factor.n_dependent and sums.point.is_single:
        # Columns that single precision does not distinguish, double precision may.
        sums = problem.curvature(sums.point.coefficients, is_careful=history.is_careful)
        factor = problem.factor(sums, rank.kernel)
        history = history.with_diagonal(factor)
    if factor.n_dependent and history.rank is None:
        # At 0 all rows weigh the same: what depends there depends for good, and not because rows are far away.
        at_zero = sums
        if sums.point.coefficients.any() or problem.design.has_outliers:
            at_zero = problem.curvature(np.zeros(problem.design.width), is_level=True)
        first = problem.factor(at_zero)
        history = history.with_diagonal(first)
        if first.n_dependent:
            rank = Rank.of(problem, first)
            factor = problem.factor(sums, rank.kernel)
            history = history.with_diagonal(factor)
    return sums, factor, replace(history, rank=rank)


def proved_bound(problem: Problem, rank: Rank, now: Evaluation, information: Callable[[], Factor]) -> float:
    """The bound at a point with nothing in it that single precision has rounded, as `bound_at`.

    information: forms and factors the Hessian there in double precision; called where the bound needs it.
    """
    if not now.factor.is_single:
        return now.bound
    least = duality_gap(problem, now)
    if least <= problem.tolerance * problem.sum_weight:
        return least
    still = np.zeros(len(problem.free))
    return min(least, bound_at(problem, rank, now.sums, now.objective, now.gradient, information(), still))


def duality_gap(problem: Problem, now: Evaluation) -> float:
    """The bound that needs no Hessian; inf where there is no penalty."""
    return bound_at(problem, Rank(), now.sums, now.objective, now.gradient, now.factor, None)


def bound_at(
    problem: Problem,
    rank: Rank,
    sums: CurvatureSummary,
    objective: float,
    gradient: Array,
    factor: Factor,
    moved: Array | None,
    pull: tuple[Array, Array] | None = None,
) -> float:
    """Nats by which the objective can be above its least, inf where none are proved: docs/certificate.md.

    moved: from where the Hessian was formed; None where it is of a sample, which proves nothing. pull: the gradient of
    a linear function of the coefficients that is subtracted from the objective, and the sizes of what its entries are
    sums of, times their number: the bound is then that of the difference, and no more than the objective. With a
    Hessian of single precision the bound is provisional: good enough to end the passes, and proved again once they have
    ended.
    """
    from logloss.onepass.kernels.certified import bound_of

    free = problem.free
    of_loss, sizes = sums.gradient[free], sums.sizes[0, free]
    if pull is not None:
        gradient, of_loss, sizes = gradient - pull[0], of_loss - pull[0], sizes + pull[1]
    has_hessian = moved is not None and factor.n_dependent == 0 and rank.is_sure
    reach = drift = lost = 0.0
    if moved is not None and has_hessian:
        reach = reach_of(factor.deviations, sums.largest[free], problem.groups)
        drift = reach * factor.length(moved) if moved.any() else 0.0
        lost = 0.0 if factor.is_single else factor.lost_share(sums.n_additions)
    bound: float = bound_of(
        (
            gradient,
            factor.solve(gradient) if has_hessian else gradient,
            factor.deviations if has_hessian else gradient,
            of_loss,
            sums.curvature[free],
            sizes,
            sums.sizes[1, free],
        ),
        (problem.penalty[free], sums.point.coefficients[free]),
        (reach, drift, lost, objective),
        (sums.n_additions, problem.design.width),
        (has_hessian, problem.is_fully_penalised, problem.fit_intercept),
    )
    return bound
