"""What is known of columns that depend on each other: which combinations of coefficients the rows can tell apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logloss.data.rows import Array
from logloss.training.certificate import ROUNDING, Factor
from logloss.training.problem import Problem

# What combinations of columns leave of themselves in a row if they depend on each other but for rounding, each.
SAME_DIGITS = 64 * ROUNDING
# A column with a smaller share of a combination has no part in it.
NO_PART = 1e-10


@dataclass(frozen=True, slots=True)
class Rank:
    """Which combinations of the free coefficients the rows determine; all, where there is no basis.

    basis: those that they do, shape (n_free, n_free − n_dependent); null: those that they do not. unit: the root of the
    Hessian's diagonal, shape (n_free,), in whose metric the two are orthogonal. is_sure: whether columns depend on each
    other in every digit, or only in as many as a Hessian keeps.
    """

    basis: Array | None = None
    null: Array | None = None
    unit: Array | None = None
    is_sure: bool = True

    @property
    def n_dependent(self) -> int:
        """By how many coefficients there are too many."""
        return 0 if self.null is None else self.null.shape[1]

    @classmethod
    def of(cls, problem: Problem, factor: Factor) -> Rank:
        """Of a singular Hessian at 0, where all rows weigh the same."""
        basis = _least_penalised(problem, factor) if problem.is_penalised else factor.range
        # Under a penalty the duality gap is a bound for all coefficients, whatever the columns.
        is_sure = not problem.is_penalised and _depends_in_every_digit(problem, factor)
        return cls(basis, factor.null, factor.size, is_sure)

    def shortest(self, values: Array) -> Array:
        """Free coefficients that say the same of all rows, without what the columns cannot tell apart."""
        if self.null is None or self.unit is None:
            return values
        return values - self.null @ ((self.null * self.unit[:, None] ** 2).T @ values)


def _least_penalised(problem: Problem, factor: Factor) -> Array:
    """Combinations of coefficients among which there is one of least penalty for all that say the same of the rows.

    What says nothing is orthogonal to them in the metric of the penalty.
    """
    held = problem.penalty[problem.free, None] * factor.null / factor.size[:, None]
    held /= np.maximum(np.abs(held).max(axis=0), np.finfo(float).tiny)
    full, _ = np.linalg.qr(held, mode="complete")
    return full[:, held.shape[1] :] / factor.size[:, None]


def _depends_in_every_digit(problem: Problem, factor: Factor) -> bool:
    """Whether what a singular Hessian cannot tell apart, the rows themselves cannot either.

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
