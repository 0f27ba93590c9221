"""Standard errors of coefficients: from the information matrix, from the sandwich, from how clusters vary.

References
----------
White, H. (1982). Maximum likelihood estimation of misspecified models. Econometrica 50(1), 1-25. doi:10.2307/1912526
Liang, K.-Y. & Zeger, S. L. (1986). Longitudinal data analysis using generalized linear models. Biometrika 73(1), 13-22.
doi:10.1093/biomet/73.1.13
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from logloss.answers.estimate import Z, student_quantile
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.training.optimum import Optimum
from logloss.training.problem import Problem

# A coefficient belongs to a dependence if its share of it is larger than this.
SHARE = 1e-6


@dataclass(frozen=True, slots=True)
class Errors:
    """Standard errors of the coefficients of an unpenalised fit: of each one, in the order of the model's coefficients.

    kind: "information" (the inverse of the Hessian: the model is right), "sandwich" (it need not be; also where rows
    have weights), or "clustered" (rows of a cluster may depend on each other, too). nan where columns depend on each
    other. cluster, n_clusters: the columns that make clusters, and how many (or how many buckets they share).

    Examples
    --------
    >>> import logloss
    >>> logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1], robust=True).errors.kind
    'sandwich'
    """

    kind: str
    intercept: float
    coefficients: dict[str, float]
    cluster: tuple[str, ...] = ()
    n_clusters: int = 0

    @property
    def quantile(self) -> float:
        """How many standard errors a 95 % interval reaches to either side: of t with n_clusters − 1, or normal."""
        return student_quantile(self.n_clusters - 1) if self.cluster else Z


def errors_at(optimum: Optimum, *, is_robust: bool) -> Errors | None:
    """Standard errors at the answer; None where it has no information matrix. Cost: one walk, or two."""
    problem, at = optimum.problem, optimum.evaluation.coefficients
    factor = optimum.information
    if factor.n_dependent:
        return None
    cluster = problem.roles.cluster
    if not (is_robust or cluster):
        return _errors(optimum, "information", factor.inverse)
    # In units of the mean weight, so that no square leaves the range of numbers.
    unit = problem.sum_weight / problem.n_rows
    inverse, free = factor.inverse * unit, problem.free
    if not cluster:
        meat = problem.curvature(at, residual_unit=unit).hessian
        return _errors(optimum, "sandwich", inverse @ meat[np.ix_(free, free)] @ inverse)
    gradients = _gradients_of_clusters(problem, at, unit)
    n_clusters = len(gradients)
    if n_clusters < 2:
        return None
    # Gradients of clusters add up to 0 at the optimum, which takes one of them away: M / (M − 1), as Stata has it.
    own = gradients[:, free] @ inverse
    covariance = own.T @ own * (n_clusters / (n_clusters - 1))
    return replace(_errors(optimum, "clustered", covariance), cluster=cluster, n_clusters=n_clusters)


def _gradients_of_clusters(problem: Problem, at: Array, unit: float) -> Array:
    """The gradient of each cluster in a unit, shape (n_clusters, width)."""
    from logloss.onepass.summaries import GradientSummary, Point

    point = Point(at, problem.design, wants_hessian=False, residual_unit=unit)
    return problem.summarised(GradientSummary.empty(point)).sums


def _errors(optimum: Optimum, kind: str, covariance: Array) -> Errors:
    """Standard errors from the covariance of the solver's coefficients."""
    design, free, null = optimum.problem.design, optimum.problem.free, optimum.rank.null
    size = design.scale[free]
    covariance = covariance / size / size[:, None]
    # The intercept is that of numbers less their centre.
    back = np.zeros(len(free))
    back[0] = 1.0
    back[1 : 1 + design.n_dense] = -design.centre
    own = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    intercept = math.sqrt(max(float(back @ covariance @ back), 0.0))
    if null is not None:
        is_dependent = (np.abs(null * size[:, None]) > SHARE).any(axis=1)
        own = np.where(is_dependent, np.nan, own)
        if np.abs(back @ null).max() > SHARE:
            intercept = math.nan
    return Errors(kind, intercept, by_name(design, own))


def by_name(design: Design, values: Array) -> dict[str, float]:
    """Values of the free coefficients by the name of each, in the order of the model's."""
    position = {int(place): j for j, place in enumerate(design.free)}
    return {name: float(values[position[int(p)]]) for name, p in zip(design.names, design.places, strict=True)}


def collinear(optimum: Optimum) -> tuple[str, ...]:
    """The coefficients that the columns cannot tell apart."""
    null = optimum.rank.null
    if null is None:
        return ()
    shares = (np.abs(null) > SHARE * np.abs(null).max(axis=0)).any(axis=1)
    return tuple(name for name, shares_in in by_name(optimum.problem.design, shares).items() if shares_in)
