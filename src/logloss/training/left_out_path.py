"""The L2 penalty chosen by the leave-one-out log loss: fits to all rows, each a Newton step from those without a row.

The grid of a penalty path comes first; then, as the loss is smooth in log l2, the minimum of the parabola through the
best value and its neighbours, until it promises no more than REFINED.

References
----------
Cawley, G. C. & Talbot, N. L. C. (2008). Efficient approximate leave-one-out cross-validation for kernel logistic
regression. Machine Learning 71(2-3), 243-264. doi:10.1007/s10994-008-5055-9
Rad, K. R. & Maleki, A. (2020). A scalable estimate of the out-of-sample prediction error via approximate leave-one-out
cross-validation. Journal of the Royal Statistical Society B 82(4), 965-996. doi:10.1111/rssb.12374
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.errors import DataError
from logloss.text import count, counted, listed, printable
from logloss.training.cluster_errors import ALONE, divided
from logloss.training.fold_fits import (
    MOST_NUMBERS,
    FoldFit,
    FoldProblem,
    fit_of,
    optimum_at,
    predicted,
    warn_of_bounds,
)
from logloss.training.interruptible import patiently
from logloss.training.leave_one_out import out_of_sample_of
from logloss.training.optimum import Optimum
from logloss.training.path_grid import default_grid_of, null_model
from logloss.training.penalty_path import DIGITS, LEAVE_ONE_OUT, PathPoint, PenaltyPath, losses_of
from logloss.training.problem import LimitReached, Problem
from logloss.training.recipe import Learned

if TYPE_CHECKING:
    from logloss.onepass.summaries import HeldOutSummary
    from logloss.onepass.summaries.left_out_losses import ClusterSteps

# Nats per row that another value must promise to be tried, how many are tried at most, and the least ratio to the best.
REFINED, MOST_REFINED, APART = 1e-5, 6, 1.02
# Fewest values of a grid, and fewest groups of clusters, whatever the number of coefficients.
FEWEST_VALUES, FEWEST_GROUPS = 4, 8


class PathFit(NamedTuple):
    """The fit to all rows at one penalty; inverse: of the Hessian, shape (width, width), or steps without clusters."""

    l2: float
    fit: FoldFit
    inverse: Array | None
    steps: ClusterSteps | None


class Clusters(NamedTuple):
    """Hashes of the clusters, or of their groups, ascending; the bits that count; whether clusters are pooled."""

    hashes: Array
    mask: int
    is_pooled: bool


@dataclass(frozen=True, eq=False)
class LeftOutFits:
    """The fits along the path, from the strongest penalty, and the losses of the rows that they leave out."""

    fits: list[PathFit]
    path: PenaltyPath

    @property
    def coefficients(self) -> Array:
        """Of the solver, at the chosen value."""
        return next(each.fit.coefficients for each in self.fits if each.l2 == self.path.l2)


def fit_left_out(
    problem: Problem, learned: Learned, sample: Block | None, selection: str, max_passes: int
) -> LeftOutFits:
    """All rows fitted along a path, and the choice; sample: rows that were drawn to begin with."""
    from logloss.onepass.run import summarised

    n_walks = 0

    def walked(empty: Any) -> Any:
        nonlocal n_walks
        n_walks += 1
        return summarised(problem.source, problem.roles, empty, progress=problem.progress)

    whole = FoldProblem.of_rows(problem, walked)
    path = _Path(whole, _clusters_of(whole, walked) if problem.roles.cluster else None, max_passes)
    path.fit_grid()
    why_not = path.fit_without_penalty(replace(problem, phase=whole.phase), learned, sample)
    held_out = path.refined()
    warn_of_bounds([each.fit for each in path.fits], problem.tolerance, max_passes, "the path", "leave-one-out")
    made = PenaltyPath(
        _points(path.fits, held_out),
        path.fits[0].l2,
        selection,
        0,
        _units_text(problem, path.clusters),
        "cluster" if problem.roles.cluster else "row",
        n_walks,
        validation=LEAVE_ONE_OUT,
        why_not_zero=why_not,
        n_coefficients=len(problem.design.names),
    )
    return LeftOutFits(path.fits, made.with_choice())


class _Path:
    """The fits so far, from the strongest penalty to the weakest."""

    def __init__(self, whole: Problem, clusters: Clusters | None, max_passes: int) -> None:
        self.whole, self.clusters, self.max_passes = whole, clusters, max_passes
        self.fits: list[PathFit] = []
        # Inverses of all values are held at once.
        self.most = max(MOST_NUMBERS // whole.design.width**2, FEWEST_VALUES + 2)

    def fit_grid(self) -> None:
        """The values of the grid, each begun at the Newton step that the one before shows for it."""
        grid = default_grid_of(self.whole)
        n_values = min(len(grid), max(self.most - MOST_REFINED, FEWEST_VALUES))
        l2s = [grid[k] for k in np.linspace(0, len(grid) - 1, n_values).astype(int).tolist()]
        at = null_model(self.whole, self.whole.base_rate)
        for j, l2 in enumerate(l2s):
            optimum = self.add(l2, at)
            if j + 1 < len(l2s):
                at = predicted(replace(self.whole, l2=l2s[j + 1]), optimum.evaluation)

    def add(self, l2: float, at: Array) -> Optimum:
        """One more value, in its place."""
        own = replace(self.whole, l2=l2)
        optimum = optimum_at(own, at, self.max_passes)
        self._keep(l2, fit_of(own, optimum), optimum)
        return optimum

    def fit_without_penalty(self, problem: Problem, learned: Learned, sample: Block | None) -> str:
        """l2 = 0, where an optimum exists for all rows and, as far as is looked for, without any of them; or why not.

        problem: walks over the rows of its source, which refits leave rows out of.
        """
        own = replace(self.whole, l2=0.0)
        if own.n_rows <= len(own.free):
            return "there are no more rows than coefficients"
        optimum = optimum_at(own, self.fits[-1].fit.coefficients, self.max_passes)
        if optimum.directions:
            return "the classes are separated without a penalty"
        if optimum.rank.n_dependent or optimum.information.n_dependent:
            return "columns are linearly dependent"
        if not math.isfinite(optimum.bound):
            return "no bound is certified without a penalty"
        try:
            new = out_of_sample_of(replace(optimum, problem=replace(problem, l2=0.0)), learned, sample)
        except LimitReached:
            new = None
        if new is None or new.n_infinite:
            return "without a penalty the classes are separated, or nearly, if a row is left out"
        # Where the Hessian was formed, not a step on: what one row or cluster alone determines shows in every digit.
        fit = fit_of(own, optimum)._replace(coefficients=optimum.evaluation.coefficients)
        self._keep(0.0, fit, optimum)
        return ""

    def refined(self) -> HeldOutSummary:
        """The losses of left-out rows at all values, once more values do not promise less."""
        held_out = self.held_out(self.fits)
        means = dict(zip((each.l2 for each in self.fits), means_of(held_out), strict=True))
        n_first = len(self.fits)
        while len(self.fits) < min(n_first + MOST_REFINED, self.most):
            l2 = next_value(means)
            if l2 is None:
                break
            self.add(l2, self._between(l2))
            [own] = [each for each in self.fits if each.l2 == l2]
            [means[l2]] = means_of(self.held_out([own]))
        # Differences of values are those of the same rows: of a walk that has all of them.
        return held_out if len(self.fits) == n_first else self.held_out(self.fits)

    def held_out(self, fits: Sequence[PathFit]) -> HeldOutSummary:
        """The losses of left-out rows at some values: one walk."""
        from logloss.onepass.summaries import HeldOutSummary, Point
        from logloss.onepass.summaries.left_out_losses import LeftOutPaths

        whole = self.whole
        unit = math.ldexp(1.0, math.frexp(whole.sum_weight / whole.n_rows)[1])
        points = tuple(Point(each.fit.coefficients, whole.design) for each in fits)
        inverses = tuple(each.inverse for each in fits if each.inverse is not None)
        steps = tuple(each.steps for each in fits if each.steps is not None)
        paths = LeftOutPaths(points, inverses, steps, unit=unit)
        if self.clusters is not None:
            paths = replace(paths, clusters=self.clusters.hashes, mask=self.clusters.mask)
        return whole.summarised(HeldOutSummary.empty(paths))

    def _keep(self, l2: float, fit: FoldFit, optimum: Optimum) -> None:
        inverse = patiently(lambda: optimum.information.inverse, size=len(self.whole.free))
        steps = None
        if self.clusters is None:
            full = np.zeros((self.whole.design.width,) * 2)
            full[np.ix_(self.whole.free, self.whole.free)] = inverse
        else:
            steps = self._steps(fit.coefficients, inverse, self.clusters, may_be_alone=l2 == 0)
        self.fits.append(PathFit(l2, fit, full if steps is None else None, steps))
        self.fits.sort(key=lambda each: -each.l2)

    def _steps(self, at: Array, inverse: Array, clusters: Clusters, *, may_be_alone: bool) -> ClusterSteps:
        """The Newton step from the fit to all rows without each cluster: (H − K)⁻¹·g, of its gradient and its Hessian.

        Cost: one walk; O(n_clusters · width³).
        """
        from logloss.onepass.summaries import ClusterSummary, Point
        from logloss.onepass.summaries.left_out_losses import ClusterSteps

        whole, free = self.whole, self.whole.free
        # In units of the mean weight, so that no square leaves the range of numbers.
        unit = whole.sum_weight / whole.n_rows
        point = Point(at, whole.design, residual_unit=unit)
        none = np.zeros((whole.design.width, 0))
        seen = whole.summarised(ClusterSummary.empty(point, none, (), clusters.mask))
        # In coordinates in which the Hessian is the identity.
        half = np.linalg.cholesky(inverse * unit).T
        row, column = np.maximum(free[:, None], free), np.minimum(free[:, None], free)
        parts = patiently(lambda: half @ seen.hessians[:, row * (row + 1) // 2 + column] @ half.T)
        gradients = seen.sums[:, free] @ half.T
        moves, _ = patiently(lambda: divided(parts, gradients, 1.0))
        steps = np.zeros((len(seen.keys), whole.design.width))
        steps[:, free] = moves @ half
        are_alone = np.zeros(len(steps), dtype=bool)
        if may_be_alone:
            are_alone = np.linalg.eigvalsh(parts)[:, -1] >= 1.0 - ALONE
        return ClusterSteps(steps, are_alone)

    def _between(self, l2: float) -> Array:
        """Coefficients between those of the neighbours of a value, by its logarithm."""
        weaker = next(k for k, each in enumerate(self.fits) if each.l2 < l2)
        above, below = self.fits[weaker - 1], self.fits[weaker]
        share = math.log(l2 / below.l2) / math.log(above.l2 / below.l2)
        between: Array = share * above.fit.coefficients + (1 - share) * below.fit.coefficients
        return between


def means_of(held_out: HeldOutSummary) -> list[float]:
    """The mean loss at each value, in nats per row; infinite where a row's is."""
    means = np.where(held_out.n_infinite[0] > 0, np.inf, held_out.losses[0] / held_out.masses[0])
    return list(map(float, means))


def next_value(means: dict[float, float]) -> float | None:
    """Where the parabola in log l2 through the least loss and its neighbours has its minimum; None where it gains less
    than REFINED. means: the loss at each value."""
    l2s = sorted((l2 for l2 in means if l2 > 0), reverse=True)
    best = min(range(len(l2s)), key=lambda k: means[l2s[k]])
    if not 0 < best < len(l2s) - 1:
        return None
    x = [math.log(l2s[k] / l2s[best]) for k in (best - 1, best + 1)]
    rise = [means[l2s[k]] - means[l2s[best]] for k in (best - 1, best + 1)]
    if not all(map(math.isfinite, rise)):
        return None
    # rise = slope · x + bend · x² of both.
    bend = (rise[0] / x[0] - rise[1] / x[1]) / (x[0] - x[1])
    slope = rise[0] / x[0] - bend * x[0]
    if not (bend > 0 and slope**2 / (4 * bend) > REFINED):
        return None
    move = -slope / (2 * bend)
    l2 = float(f"{l2s[best] * math.exp(move):.{DIGITS}g}")
    is_new = l2s[best + 1] * APART < l2 < l2s[best - 1] / APART and abs(move) > math.log(APART)
    return l2 if is_new else None


def _clusters_of(whole: Problem, walked: Callable[[Any], Any]) -> Clusters:
    """The clusters, or so many groups of them that the Hessian of each can be kept. Cost: one walk."""
    from logloss.onepass.summaries.cluster_scores import MOST_NUMBERS as MOST_OF_HESSIANS
    from logloss.onepass.summaries.fold_rows import OF_CLUSTERS, FoldKeySummary
    from logloss.onepass.summaries.group_keys import MOST_GROUPS

    seen = walked(FoldKeySummary(OF_CLUSTERS, 0))
    width = whole.design.width
    most = min(MOST_GROUPS, MOST_OF_HESSIANS // (width * (width + 1) // 2))
    if len(seen.clusters) < 2:
        raise DataError(
            'penalty="auto" leaves out one cluster at a time, and there is only one: leave `cluster` out, or pass l2=.'
        )
    if len(seen.clusters) <= most:
        return Clusters(seen.clusters, seen.mask, seen.mask != -1)
    if most < FEWEST_GROUPS:
        raise DataError(
            f'penalty="auto" with `cluster` keeps the Hessian of each, and {count(width)} coefficients are too many '
            "for that: pass l2_path=True, which leaves clusters out by folds."
        )
    mask = 2 ** int(math.log2(most)) - 1
    return Clusters(np.unique(seen.clusters & mask), mask, True)


def _units_text(problem: Problem, clusters: Clusters | None) -> str:
    """What is left out in turn."""
    if clusters is None:
        return "each row"
    named = listed(list(map(printable, problem.roles.cluster)))
    if clusters.is_pooled:
        return f"each of {counted(len(clusters.hashes), 'group')} of whole clusters ({named})"
    return f"each cluster ({named})"


def _points(fits: Sequence[PathFit], held_out: HeldOutSummary) -> tuple[PathPoint, ...]:
    """The values of the path with what the left-out rows show."""
    losses, differences, errors = losses_of(held_out)
    return tuple(
        PathPoint(
            each.l2,
            losses[j],
            differences[j],
            errors[j],
            (),
            int(held_out.n_infinite[0, j]),
            each.fit.effective_degrees,
            each.fit.n_passes,
            each.fit.bound,
            n_nonzero=each.fit.n_nonzero,
        )
        for j, each in enumerate(fits)
    )
