"""Which penalties a path compares: the strengths along it, for each ratio of the L1 penalty, from the strongest.

References
----------
Friedman, J., Hastie, T. & Tibshirani, R. (2010). Regularization paths for generalized linear models via coordinate
descent. Journal of Statistical Software 33(1), section 2.5. doi:10.18637/jss.v033.i01
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from logloss.data.rows import Array
from logloss.training.best_intercept import first_intercept
from logloss.training.evaluation import PassHistory
from logloss.training.lasso import least_l1_of_zeros
from logloss.training.penalty_path import DIGITS, MOST_DECADES, default_grid
from logloss.training.problem import Problem
from logloss.training.solver import solve

if TYPE_CHECKING:
    from logloss.onepass.summaries import CurvatureSummary

# Values of l1, unless a number is given, and where they end: as shares of the least l1 at which all coefficients are 0,
# where there are more rows than coefficients, and where there are not; but for columns of unequal scales.
N_VALUES, LEAST_SHARE, LEAST_SHARE_OF_WIDE = 100, 1e-4, 1e-2
# Passes for the intercept of the null model beside an offset, and for columns without a penalty.
MOST_PASSES = 60


class Strength(NamedTuple):
    """The strengths of both penalties at one value of a path; l1_ratio: l1 / (l1 + l2)."""

    l1: float
    l2: float
    l1_ratio: float


Run = tuple[Strength, ...]


@dataclass(frozen=True, slots=True)
class PathGrid:
    """What a path compares.

    values: of l1, or of l2 where the ratio is 0; True for those that suit the data, or how many of these. l1_ratios: of
    l1 to l1 + l2. runs: the strengths themselves, where they are known.
    """

    values: bool | int | tuple[float, ...] = True
    l1_ratios: tuple[float, ...] = (0.0,)
    runs: tuple[Run, ...] = ()

    def strengths(self, problem: Problem) -> tuple[tuple[Run, ...], int]:
        """(The strengths for each ratio, from the strongest; walks that this took)."""
        if self.runs:
            return self.runs, 0
        if isinstance(self.values, tuple):
            return tuple(run_of(self.values, ratio) for ratio in self.l1_ratios), 0
        n_values = None if isinstance(self.values, bool) else self.values
        runs: list[Run] = []
        of_l1: tuple[float, ...] = ()
        n_walks = 0
        if any(self.l1_ratios):
            sums, n_walks = null_sums(problem)
            of_l1 = grid_of_l1(problem, sums, n_values or N_VALUES)
        for ratio in self.l1_ratios:
            n_walks += ratio == 0
            runs.append(run_of(of_l1 if ratio else default_grid_of(problem, n_values), ratio))
        return tuple(runs), n_walks


def run_of(values: tuple[float, ...], l1_ratio: float) -> Run:
    """Strengths with this ratio; values: of l1, or of l2 where the ratio is 0."""
    if l1_ratio == 0:
        return tuple(Strength(0.0, value, 0.0) for value in values)
    beside = (1 - l1_ratio) / l1_ratio
    return tuple(Strength(value, float(f"{value * beside:.{DIGITS + 3}g}"), l1_ratio) for value in values)


def grid_of_l1(problem: Problem, sums: CurvatureSummary, n_values: int) -> tuple[float, ...]:
    """Values of l1, evenly spaced in logarithms, from the least one at which every coefficient is 0, rounded up.

    sums: of the best model without penalised slopes. Of columns with standard deviation 1 they end at a share of it;
    otherwise where a penalty of that share, per standard deviation, is the strongest that any of them has, which is l1
    over that.
    """
    most = least_l1_of_zeros(problem, sums)
    if not most > 0:
        # Every column is constant, or says nothing: any value leaves every coefficient at 0.
        return (1.0,)
    design = problem.design
    sds = np.array([design.sds.get(name, 1.0) for name in design.names])
    if problem.factors is not None:
        # A factor is to the penalty of a column what its inverse is to the scale; 0: it has none.
        factors = problem.factors[design.places]
        sds = np.where(factors > 0, sds / np.where(factors > 0, factors, 1.0), 0.0)
    gradient = np.abs(sums.gradient * design.scale)[design.places]
    return spaced(most, gradient, sds, n_values, is_wide=problem.n_rows <= len(problem.free))


def spaced(most: float, gradient: Array, scales: Array, n_values: int, *, is_wide: bool) -> tuple[float, ...]:
    """Values of l1 from the least one at which every coefficient is 0, rounded up.

    gradient: sizes of the derivatives there. scales: of the values of each column, over its factor; 0 where it has no
    penalty, or no values. is_wide: whether there are no more rows than coefficients.
    """
    share = LEAST_SHARE_OF_WIDE if is_wide else LEAST_SHARE
    varies = scales > 0
    least = share * float((gradient[varies] / scales[varies]).max() * scales[varies].min())
    low = min(max(least, most * 10.0**-MOST_DECADES), most * share)
    unit = 10.0 ** (math.floor(math.log10(most)) - DIGITS + 1)
    # What is above by rounding is not rounded up.
    high = math.ceil(most / unit * (1 - 1e-12)) * unit
    return tuple(dict.fromkeys(float(f"{value:.{DIGITS}g}") for value in np.geomspace(high, low, n_values)))


def default_grid_of(problem: Problem, n_values: int | None = None) -> tuple[float, ...]:
    """The values of l2 that are compared where none are given. Cost: one walk."""
    free = problem.free
    hessian = problem.curvature(null_model(problem, problem.base_rate)).hessian.taken(free).full
    return default_grid(hessian, problem.design.scale[free], n_values, has_intercept=problem.fit_intercept)


def null_model(problem: Problem, rate: float) -> Array:
    """Where a path begins: every slope 0."""
    at = np.zeros(problem.design.width)
    at[0] = first_intercept(problem, base_rate=rate)
    return at


def null_sums(problem: Problem) -> tuple[CurvatureSummary, int]:
    """(Loss and gradient of the best model without penalised slopes; passes over the rows).

    Beside an offset its intercept is fitted, and so are columns without a penalty.
    """
    own = replace(problem, on_pass=None, needs_digits=False)
    at = null_model(own, own.base_rate)
    is_kept = np.zeros(own.design.width, dtype=bool) if own.factors is None else own.factors == 0
    is_kept[0] = own.fit_intercept
    free = own.free[is_kept[own.free]]
    has_optimum_known = own.roles.offset is None or not own.fit_intercept
    if len(free) == int(own.fit_intercept) and has_optimum_known:
        return own.curvature(at, wants_hessian=False), 1
    # Other coefficients stay at 0; KeptRows would choose them all.
    own = replace(own, free=free, l1=0.0, l2=0.0, rows=None)
    state = solve(own, at, PassHistory.empty(own), MOST_PASSES)
    return state.evaluation.sums, state.n_passes
