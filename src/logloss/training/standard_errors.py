"""Standard errors of coefficients: from the information matrix, from rows or clusters left out one at a time.

References
----------
MacKinnon, J. G. & White, H. (1985). Some heteroskedasticity-consistent covariance matrix estimators with improved
finite sample properties. Journal of Econometrics 29(3), 305-325. doi:10.1016/0304-4076(85)90158-7
MacKinnon, J. G., Nielsen, M. Ø. & Webb, M. D. (2023). Cluster-robust inference: A guide to empirical practice. Journal
of Econometrics 232(2), 272-299. doi:10.1016/j.jeconom.2022.04.001
Carter, A. V., Schnepel, K. T. & Steigerwald, D. G. (2017). Asymptotic behavior of a t-test robust to cluster
heterogeneity. Review of Economics and Statistics 99(4), 698-709. doi:10.1162/REST_a_00639
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from logloss.answers.estimate import student_quantile, wald_p_value
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.training.certificate import Factor
from logloss.training.optimum import Optimum
from logloss.training.problem import Problem

if TYPE_CHECKING:
    from logloss.onepass.summaries import ClusterSummary

# A coefficient belongs to a dependence if its share of it is larger than this.
SHARE = 1e-6
# What the other clusters leave of a direction of the information, below which one cluster alone determines it; and the
# trace of a cluster's part of the information below which no direction comes near that.
ALONE, SMALL = 1e-8, 0.5

INFORMATION, HC3, CV3, CV3_OF_SHARES = "information", "HC3", "CV3", "CV3 of shares"
KINDS = (INFORMATION, HC3, CV3, CV3_OF_SHARES)


@dataclass(frozen=True, slots=True)
class Errors:
    """Standard errors of the coefficients of an unpenalised fit: of each one, in the order of the model's coefficients.

    kind: "information" (the inverse of the Hessian: the model is right), "HC3" (it need not be; also where rows have
    weights), or, where rows of a cluster may depend on each other, "CV3" (the jackknife that leaves clusters out), or
    "CV3 of shares" (the same by each cluster's share of the information on a coefficient: of more clusters and
    coefficients than 2^21 numbers hold, where intervals are somewhat too narrow if clusters are very unequal). nan
    where columns depend on each other, and where one cluster alone determines a coefficient.
    intercept_degrees, degrees: of freedom of Student's t, infinite for "information".
    cluster, n_clusters, effective_clusters: the columns that make clusters; how many there are (or how many buckets
    they share); and Kish's effective number of them, by the weights of their rows.

    Examples
    --------
    >>> import logloss
    >>> logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1], covariance="HC3").errors.kind
    'HC3'
    """

    kind: str
    intercept: float
    coefficients: dict[str, float]
    intercept_degrees: float = math.inf
    degrees: dict[str, float] = field(default_factory=dict)
    cluster: tuple[str, ...] = ()
    n_clusters: int = 0
    effective_clusters: float = 0.0

    @property
    def statistic(self) -> str:
        """The distribution of the Wald statistics, coefficient over standard error: "z" (normal) or "t" (Student's)."""
        return "z" if self.kind == INFORMATION else "t"

    def margin(self, name: str | None = None) -> float:
        """Half the width of the 95% interval of a coefficient; of the intercept where none is named."""
        error, degrees = self._of(name)
        return error * student_quantile(degrees)

    def p_value(self, value: float, name: str | None = None) -> float:
        """Two-sided p-value of the Wald test that a coefficient is 0, in [0, 1]; of the intercept where none is named.

        value: the coefficient. It is below 0.05 where the 95% interval excludes 0; nan without a standard error.
        """
        error, degrees = self._of(name)
        return wald_p_value(value / error, degrees) if error > 0 else math.nan

    def _of(self, name: str | None) -> tuple[float, float]:
        """(Standard error, degrees of freedom) of a coefficient."""
        return (
            (self.intercept, self.intercept_degrees) if name is None else (self.coefficients[name], self.degrees[name])
        )


def errors_at(optimum: Optimum, covariance: str | None, *, effective_rows: float) -> Errors | None:
    """Standard errors at the answer; None where it has no information matrix. Cost: one walk, or two.

    covariance: as of `fit`. effective_rows: Kish's effective number of rows, by their weights.
    """
    problem, at = optimum.problem, optimum.evaluation.coefficients
    factor = optimum.information
    if factor.n_dependent:
        return None
    if covariance is None:
        covariance = INFORMATION if problem.roles.sample_weight is None else HC3
    if covariance == INFORMATION and not problem.roles.cluster:
        return _errors(optimum, INFORMATION, _variances(optimum, factor.inverse), math.inf)
    # In units of the mean weight, so that no square leaves the range of numbers.
    unit, free = problem.sum_weight / problem.n_rows, problem.free
    if problem.roles.cluster:
        return _clustered(optimum, unit)
    full = np.zeros((problem.design.width, problem.design.width))
    full[np.ix_(free, free)] = factor.inverse
    inverse = factor.inverse * unit
    meat = problem.curvature(at, residual_unit=unit, inverse=full).hessian
    variances = _variances(optimum, inverse @ meat[np.ix_(free, free)] @ inverse)
    # Student's t holds where few rows bear most of the weight (docs/decisions/0032).
    return _errors(optimum, HC3, variances, effective_rows - 1.0)


def _clustered(optimum: Optimum, unit: float) -> Errors | None:
    """By how much coefficients move if clusters are left out one at a time."""
    from logloss.onepass.summaries import ClusterSummary, Point

    problem, factor = optimum.problem, optimum.information
    inverse, centre = factor.inverse * unit, _intercept(problem)
    # The intercept of the model stands in the place of the solver's.
    reach = inverse.copy()
    reach[:, 0] = inverse @ centre
    full = np.zeros((problem.design.width, len(centre)))
    full[problem.free] = reach
    point = Point(optimum.evaluation.coefficients, problem.design, wants_hessian=False, residual_unit=unit)
    summary = problem.summarised(ClusterSummary.empty(point, full))
    n_clusters, total = len(summary.keys), summary.shares.sum(axis=0)
    if n_clusters < 2:
        return None
    shares = summary.shares / np.where(total > 0, total, 1.0)
    is_alone = (shares > 1.0 - ALONE).any(axis=0)
    if summary.hessians is None:
        kind, moves = CV3_OF_SHARES, summary.sums[:, problem.free] @ reach / np.maximum(1.0 - shares, ALONE)
    else:
        kind = CV3
        moves, alone = _moves(problem, factor, summary, unit)
        moves[:, 0], alone[:, 0] = moves @ centre, alone @ centre
        deviations = np.sqrt(np.append(centre @ inverse @ centre, np.diag(inverse)[1:]))
        is_alone |= (np.abs(alone) > SHARE * deviations).any(axis=0)
    variances = (moves**2).sum(axis=0) * (n_clusters - 1) / n_clusters
    variances[is_alone] = math.nan
    # (Σw)² / Σw², of the clusters' weights and of the information that each has on a coefficient.
    effective = float(summary.weights.sum() ** 2 / (summary.weights**2).sum())
    squares = (shares**2).sum(axis=0)
    degrees = np.minimum(effective, 1.0 / np.where(squares > 0, squares, 1.0)) - 1.0
    return replace(
        _errors(optimum, kind, variances, degrees),
        cluster=problem.roles.cluster,
        n_clusters=n_clusters,
        effective_clusters=effective,
    )


def _moves(problem: Problem, factor: Factor, summary: ClusterSummary, unit: float) -> tuple[Array, Array]:
    """(The step of the free coefficients without each cluster, directions in which one cluster alone determines them).

    In coordinates in which the Hessian is 1 and a cluster's part of it K, the step is (1 − K)⁻¹ times its gradient; the
    pseudo-inverse where it alone determines a direction, as with fixed effects of clusters.
    """
    free, half = problem.free, factor.half * math.sqrt(unit)
    row, column = np.maximum(free[:, None], free), np.minimum(free[:, None], free)
    whole = summary.hessians[:, row * (row + 1) // 2 + column]
    parts = half @ whole @ half.T
    steps = summary.sums[:, free] @ half.T
    is_small = np.trace(parts, axis1=1, axis2=2) < SMALL
    unity = np.eye(len(half))
    steps[is_small] = np.linalg.solve(unity - parts[is_small], steps[is_small, :, None])[:, :, 0]
    # At most twice as many as there are coefficients.
    values, vectors = np.linalg.eigh(parts[~is_small])
    left = 1.0 - values
    is_alone = left <= ALONE
    # Along what a cluster alone determines its gradient is 0, as that of all rows is.
    turned = np.einsum("gij,gi->gj", vectors, steps[~is_small]) / np.where(is_alone, 1.0, left)
    steps[~is_small] = np.einsum("gij,gj->gi", vectors, turned)
    return steps @ half, vectors.transpose(0, 2, 1)[is_alone] @ half


def _intercept(problem: Problem) -> Array:
    """The combination of the free coefficients that is the intercept of numbers as they are, not less their centre."""
    design = problem.design
    back = np.zeros(len(problem.free))
    back[0] = 1.0
    back[1 : 1 + design.n_dense] = -design.centre
    return back / design.scale[problem.free]


def _variances(optimum: Optimum, covariance: Array) -> Array:
    """Of the user's intercept and the solver's other free coefficients, from the covariance of the solver's."""
    back = _intercept(optimum.problem)
    return np.append(back @ covariance @ back, np.diag(covariance)[1:])


def _errors(optimum: Optimum, kind: str, variances: Array, degrees: Array | float) -> Errors:
    """Standard errors in the user's units. variances, degrees: of his intercept and of the other coefficients."""
    design, free, null = optimum.problem.design, optimum.problem.free, optimum.rank.null
    own = np.sqrt(np.maximum(variances, 0.0))
    own[1:] /= design.scale[free][1:]
    if null is not None:
        back = _intercept(optimum.problem)
        is_dependent = _are_dependent(null)
        is_dependent[0] = (np.abs(back @ null) > SHARE * (np.abs(back) @ np.abs(null))).any()
        own[is_dependent] = math.nan
    # Where one cluster determines everything they are 0 but for rounding.
    each = np.broadcast_to(np.maximum(degrees, 0.0), own.shape)
    return Errors(kind, float(own[0]), by_name(design, own), float(each[0]), by_name(design, each))


def by_name(design: Design, values: Array) -> dict[str, float]:
    """Values of the free coefficients by the name of each, in the order of the model's."""
    position = {int(place): j for j, place in enumerate(design.free)}
    return {name: float(values[position[int(p)]]) for name, p in zip(design.names, design.places, strict=True)}


def collinear(optimum: Optimum) -> tuple[str, ...]:
    """The coefficients of columns that are linearly dependent."""
    null = optimum.rank.null
    if null is None:
        return ()
    shares = _are_dependent(null)
    return tuple(name for name, shares_in in by_name(optimum.problem.design, shares).items() if shares_in)


def _are_dependent(null: Array) -> Array:
    """Which of the solver's free coefficients take part in a dependence."""
    sizes: Array = np.abs(null)
    return (sizes > SHARE * sizes.max(axis=0)).any(axis=1)
