"""Standard errors and covariances of coefficients: from the information matrix, the sandwich of rows, or clusters.

References
----------
White, H. (1980). A heteroskedasticity-consistent covariance matrix estimator and a direct test for heteroskedasticity.
Econometrica 48(4), 817-838. doi:10.2307/1912934
MacKinnon, J. G. & White, H. (1985). Some heteroskedasticity-consistent covariance matrix estimators with improved
finite sample properties. Journal of Econometrics 29(3), 305-325. doi:10.1016/0304-4076(85)90158-7
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from logloss.answers.estimate import student_quantile, wald_p_value
from logloss.data.rows import Array
from logloss.training.cluster_errors import CLUSTER_KINDS, CR1, CR2, CV3, TWO_WAY, clustered
from logloss.training.information_matrix import SHARE, Information
from logloss.training.interruptible import ERRORS, patiently
from logloss.training.optimum import Optimum

INFORMATION, HC0, HC1, HC2, HC3 = "information", "HC0", "HC1", "HC2", "HC3"
# The power of 1 − leverage that each residual is divided by.
POWERS = {HC0: 0.0, HC1: 0.0, HC2: 0.5, HC3: 1.0}
OF_ROWS, OF_CLUSTERS = tuple(POWERS), (CR1, CR2, CV3)
# What `covariance=` takes, and all kinds of errors.
COVARIANCES = (INFORMATION, *OF_ROWS, *OF_CLUSTERS)
KINDS = (INFORMATION, *OF_ROWS, *CLUSTER_KINDS)
# Covariances of more coefficients are not kept: half a million numbers, 10 MB of a model's file.
MOST_COVARIANCES = 1_000


@dataclass(frozen=True, slots=True)
class Errors:
    """Standard errors of the coefficients, without a penalty or under Firth's, and what they were made of.

    Attributes
    ----------
    kind : str
        "information", the inverse of the Hessian, which assumes a correct model; the sandwich of independent rows,
        "HC0", "HC1" (times n / (n − k)), "HC2" and "HC3" (residuals over the root of 1 − leverage, and over 1 −
        leverage; "HC3" is the default of weighted rows); or the sandwich of clusters, "CR1" (times G / (G − 1)), "CR2"
        (Bell and McCaffrey), "CV3" (the jackknife that leaves out one cluster at a time; the default of clusters) and
        "CR1 two-way". "CR2 of shares" and "CV3 of shares" approximate these by each cluster's share of the information
        on a coefficient, where clusters × coefficients² are above 2^21; intervals are then somewhat too narrow if
        clusters are very unequal.
    intercept : float
        Of the intercept, ≥ 0.
    coefficients : dict of name to float
        Of each coefficient, ≥ 0, in the order of the model's. nan where columns are linearly dependent, where one row
        ("HC2", "HC3") or one cluster ("CR2", "CV3") alone determines a coefficient, where separated classes make it
        infinite, and, with 0 degrees of freedom, for an intercept that was not fitted.
    intercept_degrees, degrees : float, dict of name to float
        Degrees of freedom of Student's t; infinite for "information".
    cluster : tuple of str
        The columns that make clusters.
    n_clusters : int
        How many clusters there are, or the number of buckets they share; with two ways, the smaller number.
    effective_clusters : float
        Kish's effective number of clusters, by the weights of their rows; with two ways, the smaller number.
    n_of_each : tuple of int
        With two ways, how many clusters each column makes.
    was_indefinite : bool
        Whether the covariance matrix of two ways had negative eigenvalues, which are set to 0.
    lower : array of shape (n · (n + 1) / 2,), or None
        The lower triangle of the covariance matrix, row by row, the intercept first, n = 1 + n_coefficients. None for
        more than 1,000 coefficients.

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
    n_of_each: tuple[int, ...] = ()
    was_indefinite: bool = False
    lower: Array | None = field(default=None, compare=False, repr=False)

    @property
    def statistic(self) -> str:
        """The distribution of the Wald statistics, coefficient over standard error: "z" (normal) or "t" (Student's)."""
        return "z" if self.kind == INFORMATION else "t"

    @property
    def unit_left_out(self) -> str:
        """What can determine a coefficient alone, which then has no error: "cluster", "row" (HC2, HC3), or ""."""
        return "cluster" if self.cluster else "row" if POWERS.get(self.kind) else ""

    @property
    def covariance(self) -> Array | None:
        """The covariance matrix of intercept and coefficients, shape (1 + n_coefficients, 1 + n_coefficients).

        nan in rows and columns of coefficients without a standard error; None for more than 1,000 coefficients.
        """
        if self.lower is None:
            return None
        n = 1 + len(self.coefficients)
        full = np.zeros((n, n))
        full[np.tril_indices(n)] = self.lower
        full += np.tril(full, -1).T
        full.flags.writeable = False
        return full

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


def errors_at(
    optimum: Optimum, information: Information, covariance: str | None, *, two_way: bool = False
) -> Errors | None:
    """Standard errors at the optimum; None with fewer than two clusters.

    covariance, two_way: as of `fit`. Cost: one walk; none for "information", three for two_way.
    """
    optimum = replace(optimum, problem=replace(optimum.problem, phase=ERRORS))
    roles = optimum.problem.roles
    if covariance is None:
        covariance = INFORMATION if roles.sample_weight is None else HC3
        covariance = (CR1 if two_way else CV3) if roles.cluster else covariance
    if covariance == INFORMATION:
        matrix = information.reach.T @ information.reach if _keeps_covariances(optimum) else None
        return _errors(optimum, information, INFORMATION, information.variances, matrix, math.inf)
    if covariance in POWERS:
        # Student's t holds where few rows bear most of the weight (docs/decisions/0032).
        degrees = information.effective_rows - 1.0
        matrix = _sandwich(optimum, information, covariance)
        return _errors(optimum, information, covariance, np.diag(matrix), matrix, degrees)
    found = clustered(optimum, information, TWO_WAY if two_way else covariance)
    if found is None:
        return None
    return replace(
        _errors(optimum, information, found.kind, np.diag(found.matrix), found.matrix, found.degrees),
        cluster=roles.cluster,
        n_clusters=found.n_clusters,
        effective_clusters=found.effective_clusters,
        n_of_each=found.n_of_each,
        was_indefinite=found.was_indefinite,
    )


def _sandwich(optimum: Optimum, information: Information, kind: str) -> Array:
    """The covariance of the user's coefficients, in their units, from the residuals of rows."""
    problem, at = optimum.problem, optimum.evaluation.coefficients
    # In units of the mean weight, so that no square leaves the range of numbers.
    unit, free = problem.sum_weight / problem.n_rows, problem.free
    full = np.zeros((problem.design.width, problem.design.width))
    full[np.ix_(free, free)] = information.inverse
    power = POWERS[kind]
    sums = problem.curvature(at, residual_unit=unit, leverage_power=power, inverse=full if power else None)
    bread = information.own @ information.inverse * unit
    meat = sums.hessian.taken(free).full
    matrix: Array = patiently(lambda: bread @ meat @ bread.T, size=len(free))
    if kind == HC1:
        matrix *= sums.n_rows / max(sums.n_rows - len(information.half), 1)
    deviations = np.sqrt((information.reach**2).sum(axis=0))
    is_alone = (np.abs(sums.alone[:, free] @ information.own.T) > SHARE * deviations).any(axis=0)
    matrix[is_alone] = matrix[:, is_alone] = math.nan
    return matrix


def _keeps_covariances(optimum: Optimum) -> bool:
    """Whether the model has so few coefficients that their covariances are kept."""
    return len(optimum.problem.design.names) <= MOST_COVARIANCES


def _errors(
    optimum: Optimum,
    information: Information,
    kind: str,
    variances: Array,
    matrix: Array | None,
    degrees: Array | float,
) -> Errors:
    """Standard errors in the user's units. variances, matrix: the covariance in the units of `information`."""
    names = optimum.problem.design.names
    own = np.sqrt(np.maximum(variances, 0.0)) / information.units
    own[information.is_unknown | np.isnan(variances)] = math.nan
    lower = None
    if matrix is not None and _keeps_covariances(optimum):
        # Of units of 1e-200 a covariance is infinite, and the standard errors are not.
        with np.errstate(over="ignore"):
            full = matrix / information.units / information.units[:, None]
        full[np.isnan(own)] = math.nan
        full[:, np.isnan(own)] = math.nan
        lower = full[np.tril_indices(len(full))]
    # Degrees are 0, but for rounding, where one cluster determines everything.
    each = np.broadcast_to(np.maximum(degrees, 0.0), own.shape).tolist()
    if not optimum.problem.fit_intercept:
        each[0] = 0.0
    errors, others = own.tolist(), dict(zip(names, each[1:], strict=True))
    return Errors(kind, errors[0], dict(zip(names, errors[1:], strict=True)), each[0], others, lower=lower)
