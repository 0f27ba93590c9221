"""The inverse information matrix at an optimum, and the map from the solver's coefficients to the user's.

Where columns are nearly dependent, the inverse of a matrix of float64 sums loses about as many digits as its condition
number has. Then one more pass sums it in coordinates in which it is nearly the identity, as the second step of
CholeskyQR2 does.

References
----------
Yamamoto, Y., Nakatsukasa, Y., Yanagisawa, Y. & Fukaya, T. (2015). Roundoff error analysis of the CholeskyQR2 algorithm.
Electronic Transactions on Numerical Analysis 44, 306-326.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.training.factor import Factor, thinned
from logloss.training.interruptible import INFORMATION_MATRIX
from logloss.training.optimum import Optimum
from logloss.training.recipe import Learned

if TYPE_CHECKING:
    from logloss.onepass.summaries import InformationSummary

# A coefficient belongs to a dependence if its share of it is larger than this.
SHARE = 1e-6
# A variance may be so many times what it would be if its column were orthogonal to the others (a variance inflation
# factor), above which its last three digits of sixteen are corrected.
INFLATED = 1e2
# It takes at most so many products, rows times squared coefficients: half a second.
MOST_PRODUCTS = 5e8


@dataclass(frozen=True, slots=True)
class Information:
    """The inverse of the information matrix of the rows that took part, and how many these are.

    factor: of the matrix. corrected: a root of the inverse, as `half`, where the factor has lost digits. own: the
    user's intercept and coefficients as combinations of these, shape (1 + n_coefficients, n_free), but for the unit
    that each is divided by: units. is_unknown: those that have no standard error, as they are infinite or of dependent
    columns. effective_rows, effective_of_classes: Kish's effective numbers of rows, and of those that are 0, and 1.
    """

    factor: Factor
    corrected: Array | None
    own: Array
    units: Array
    is_unknown: Array
    effective_rows: float
    effective_of_classes: tuple[float, float]

    @property
    def half(self) -> Array:
        """halfᵀ·half is the inverse, in the free coefficients of the solver, shape (n_determined, n_free)."""
        return self.factor.half if self.corrected is None else self.corrected

    @property
    def variances(self) -> Array:
        """The diagonal of the inverse in the user's coefficients; cheaper than any root of it where levels are many."""
        if self.corrected is not None:
            return np.einsum("ij,ij->j", self.reach, self.reach)
        # All but the intercept are one coefficient of the solver, or none.
        found: Array = thinned(self.own) @ self.factor.deviations**2
        found[0] = self.own[0] @ self.factor.solve(self.own[0])
        return found

    @property
    def inverse(self) -> Array:
        """The (pseudo-)inverse, in the free coefficients of the solver."""
        inverse: Array = self.half.T @ self.half
        return inverse

    @property
    def reach(self) -> Array:
        """The user's coefficients where the information is the identity, shape (n_determined, 1 + n_coefficients)."""
        # Most of the user's coefficients are one of the solver's each.
        reach: Array = (thinned(self.own) @ self.half.T).T
        return reach


def information_at(optimum: Optimum, learned: Learned, is_infinite: Array) -> Information | None:
    """The information at an optimum; None where no coefficient is finite or the matrix is singular. Cost: two passes.

    is_infinite: whether the user's intercept and each coefficient is, in the order of their names.
    """
    problem = optimum.problem
    if not optimum.evaluation.sums.n_rows or is_infinite.all() or optimum.information.n_dependent:
        return None
    factor, own = optimum.information, own_coefficients(problem.design, problem.free)
    of_rows = learned.effective_rows, learned.effective_rows_of_classes
    inflation = factor.hessian.diagonal * factor.deviations**2
    is_few = optimum.evaluation.sums.n_rows * len(factor.hessian) ** 2 <= MOST_PRODUCTS
    is_corrected = bool(is_few and inflation.max(initial=0.0) > INFLATED)
    corrected: Array | None = None
    if problem.face or is_corrected:
        half = factor.half if is_corrected else np.zeros((0, len(problem.free)))
        seen = _summed(optimum, half)
        of_rows = seen.effective_rows, seen.effective_rows_of_classes
        corrected = np.linalg.solve(np.linalg.cholesky(seen.matrix), half) if is_corrected else None
    is_unknown = is_infinite | ~own.any(axis=1) | _are_dependent_on(own, optimum.own_rank.null)
    units = np.append(1.0, problem.design.scale[problem.design.places])
    return Information(factor, corrected, own, units, is_unknown, *of_rows)


def _summed(optimum: Optimum, half: Array) -> InformationSummary:
    """The information in the coordinates of a root of its inverse, and how many rows took part."""
    from logloss.onepass.summaries import InformationSummary, Point

    problem, at = replace(optimum.problem, phase=INFORMATION_MATRIX), optimum.evaluation.coefficients
    unit = problem.sum_weight / problem.n_rows
    full = np.zeros((problem.design.width, len(half)))
    full[problem.free] = half.T * np.sqrt(unit)
    point = Point(at, problem.design, wants_hessian=False, face=problem.face, residual_unit=unit)
    seen: InformationSummary = problem.summarised(InformationSummary.empty(point, full))
    return seen


def own_coefficients(design: Design, free: Array) -> Array:
    """The user's intercept and coefficients, times their units, as combinations of some of the solver's coefficients.

    The intercept is that of numbers as they are, not less their centre.
    """
    of_intercept = np.zeros(design.width)
    of_intercept[0] = 1.0
    of_intercept[1 : 1 + design.n_dense] = -design.centre / design.scale[1 : 1 + design.n_dense]
    own = np.zeros((1 + len(design.places), len(free)))
    own[0] = of_intercept[free]
    position = np.full(design.width, -1)
    position[free] = np.arange(len(free))
    is_free = position[design.places] >= 0
    own[1 + np.flatnonzero(is_free), position[design.places[is_free]]] = 1.0
    return own


def _are_dependent_on(own: Array, null: Array | None) -> Array:
    """Which of the user's coefficients take part in a dependence of the solver's."""
    if null is None:
        return np.zeros(len(own), dtype=bool)
    parts: Array = (np.abs(own @ null) > SHARE * np.abs(null).max(axis=0)).any(axis=1)
    # The intercept is a sum: what rounding leaves of it is no part.
    parts[0] = (np.abs(own[0] @ null) > SHARE * (np.abs(own[0]) @ np.abs(null))).any()
    return parts


def collinear(optimum: Optimum) -> tuple[str, ...]:
    """The coefficients of columns that are linearly dependent."""
    null = optimum.rank.null
    if null is None:
        return ()
    design = optimum.problem.design
    is_part = _are_dependent_on(own_coefficients(design, design.free), null)
    return tuple(name for name, has_part in zip(design.names, is_part[1:], strict=True) if has_part)
