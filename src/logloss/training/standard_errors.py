"""Standard errors of coefficients: from the information matrix, from the sandwich, from how clusters vary.

>>> import logloss
>>> errors = logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1]).errors
>>> errors.kind, round(errors.coefficients["x"], 4)
('information', 0.9749)

References
----------
White, H. (1982). Maximum likelihood estimation of misspecified models. Econometrica 50(1), 1-25. doi:10.2307/1912526
Liang, K.-Y. & Zeger, S. L. (1986). Longitudinal data analysis using generalized linear models. Biometrika 73(1), 13-22.
doi:10.1093/biomet/73.1.13
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.answers.estimate import Z, student_quantile
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.training.solver import Found, Solver

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


def errors_at(solver: Solver, found: Found, *, cluster: tuple[str, ...], is_robust: bool) -> Errors | None:
    """Standard errors at the answer; None where it has no information matrix. Cost: one walk, or two."""
    factor = solver.information(found)
    if factor.n_dependent:
        return None
    if not (is_robust or cluster):
        return _errors(solver, "information", factor.inverse)
    # In units of the mean weight, so that no square leaves the range of numbers.
    unit = solver.sum_weight / solver.n_rows
    inverse, free = factor.inverse * unit, solver.free
    if not cluster:
        meat = solver.look(found.at, wants_hessian=True, residual_unit=unit).hessian
        return _errors(solver, "sandwich", inverse @ meat[np.ix_(free, free)] @ inverse)
    gradients = solver.gradients_of_clusters(found.at, unit)
    n_clusters = len(gradients)
    if n_clusters < 2:
        return None
    own = gradients[:, free] @ inverse
    covariance = own.T @ own * (n_clusters / (n_clusters - 1))
    return _errors(solver, "clustered", covariance, cluster, n_clusters)


def _errors(solver: Solver, kind: str, covariance: Array, *clusters: Any) -> Errors:
    """Standard errors from the covariance of the solver's coefficients."""
    design, free = solver.design, solver.free
    size = design.scale[free]
    covariance = covariance / size / size[:, None]
    # The intercept is that of numbers less their centre.
    back = np.zeros(len(free))
    back[0] = 1.0
    back[1 : 1 + design.n_dense] = -design.centre
    own = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    intercept = math.sqrt(max(float(back @ covariance @ back), 0.0))
    if solver.null is not None:
        is_dependent = (np.abs(solver.null * size[:, None]) > SHARE).any(axis=1)
        own = np.where(is_dependent, np.nan, own)
        if np.abs(back @ solver.null).max() > SHARE:
            intercept = math.nan
    return Errors(kind, intercept, by_name(design, own), *clusters)


def by_name(design: Design, values: Array) -> dict[str, float]:
    """Values of the free coefficients by the name of each, in the order of the model's."""
    position = {int(place): j for j, place in enumerate(design.free)}
    return {name: float(values[position[int(p)]]) for name, p in zip(design.names, design.places, strict=True)}


def collinear(solver: Solver) -> tuple[str, ...]:
    """The coefficients that the columns cannot tell apart."""
    if solver.null is None:
        return ()
    shares = (np.abs(solver.null) > SHARE * np.abs(solver.null).max(axis=0)).any(axis=1)
    return tuple(name for name, shares_in in by_name(solver.design, shares).items() if shares_in)
