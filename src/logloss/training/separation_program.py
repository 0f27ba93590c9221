"""Directions of several columns that separate: proposed by equations or a linear program, then proved.

Rows of levels are mostly zeros: programs are sparse, and only columns and rows of the face take part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.data.design import TOUCHING
from logloss.data.rows import Array
from logloss.training.interruptible import patiently
from logloss.training.problem import Limits, Problem
from logloss.training.separation_proof import Direction, exact_coefficients, proved, proved_nearby

if TYPE_CHECKING:
    from logloss.onepass.summaries import ClassSummary, MarginSummary

# The gain of a direction, summed over the rows that features of at most 1 make, below which there is none.
LEAST_GAIN = 1e-7
# Up to so many rows and values are all given to the program at once.
ALL_ROWS, ALL_VALUES = 5_000, 2_000_000
# Rows added to the program after each pass.
ROWS_ADDED = 200
# Asked of the linear program: a row may lie this far on the wrong side.
SLACK = 1e-10
# What the linear programs of one search may cost together, in iterations times √(values · values other than 0), which
# take 2 to 6 ns each, of dense rows and of levels alike. Beyond it, a minute or two, separation is not decided.
MOST_WORK = 2e10
# The largest limit of iterations that HiGHS takes, and the status of SciPy where a limit was reached.
MOST_ITERATIONS, OUT_OF_ITERATIONS = 2**31 - 1, 1
# A row is clear of a plane if its margin is above this, in units of its norm, and all rows are where they should be.
CLEAR = 1e-7


@dataclass(frozen=True, slots=True)
class KnownRows:
    """Signed rows of a program, sparse, shape (n_rows, n_free); is_share: which are to lie in the plane."""

    vectors: Any
    is_share: Array

    def with_worst(self, seen: MarginSummary, free: Array) -> KnownRows:
        """With the rows that a pass found to lie worst."""
        import scipy.sparse

        vectors = scipy.sparse.vstack([self.vectors, seen.vectors(free)], format="csr")
        return KnownRows(vectors, np.concatenate([self.is_share, seen.is_share]))


def of_several_columns(problem: Problem, seen: ClassSummary, at: Array) -> tuple[Direction | None, bool]:
    """(A direction of several columns, proved; whether one was found that could not be proved).

    at: where the passes have come to, which may be far along a direction that separates.
    """
    design, free = problem.design, problem.free
    if seen.n_rows * _values_of_row(problem) > ALL_VALUES and at.any():
        direction = _by_rounded_margins(problem, at / np.abs(at).max())
        if direction is not None and not direction.n_inside:
            direction, _ = proved(problem, exact_coefficients(design, direction.vector))
            if direction is not None:
                return direction, False
    if seen.n_rows <= len(free) and seen.n_rows <= ALL_ROWS:
        direction = _of_many_columns(problem, seen.n_rows)
        if direction is not None:
            return direction, False
    vector, known, is_open = _by_program(problem, seen)
    if vector is None:
        return None, is_open
    clear = _clearest(problem, known)
    for proposed in (vector,) if clear is None else (problem.full_vector(clear), vector):
        direction = _by_rounded_margins(problem, proposed)
        if direction is None:
            continue
        for each in (_sparsest(problem, direction).vector, proposed):
            exact = proved_nearby(problem, each)
            if exact is not None:
                return exact, False
    return None, True


def _values_of_row(problem: Problem) -> int:
    """How many values of a row are not 0 at most."""
    return 1 + problem.design.n_dense + len(problem.design.categories)


def _margins(problem: Problem, vector: Array, n_kept: int) -> MarginSummary:
    """How the rows of the face lie along a direction, by rounded margins; the worst of them are kept."""
    from logloss.onepass.summaries import MarginSummary, Plane

    return problem.summarised(MarginSummary.empty(Plane(vector, problem.design, n_kept, problem.face)))


def _by_rounded_margins(problem: Problem, vector: Array) -> Direction | None:
    """A direction as rounded margins see it; None where rows lie on the wrong side."""
    seen = _margins(problem, vector, 0)
    n_divided = seen.n_rows - seen.n_inside
    return Direction(vector, n_divided, seen.n_inside) if n_divided and not seen.n_wrong else None


def _of_many_columns(problem: Problem, n_rows: int) -> Direction | None:
    """Where there are no more rows than coefficients: the least direction in which each row has a margin of 1."""
    seen = _margins(problem, np.zeros(problem.design.width), n_rows)
    if seen.is_share.any():
        return None
    rows = seen.vectors(problem.free)
    solution = patiently(lambda: _of_margin_one(rows))
    if not (rows @ solution > CLEAR).all():
        return None
    return proved(problem, exact_coefficients(problem.design, problem.full_vector(solution)))[0]


def _of_margin_one(rows: Any) -> Array:
    """The least direction in which each of a few rows has a margin of 1, or nearly."""
    from scipy.linalg import lapack

    ones = np.ones(rows.shape[0])
    try:
        # Not least squares at once: the normal equations are fast, and a pass will prove or refuse their solution.
        root = np.asfortranarray(np.linalg.cholesky((rows @ rows.T).toarray()))
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(rows.toarray(), ones, rcond=None)[0]
    solution: Array = rows.T @ lapack.dpotrs(root, ones, lower=1)[0]
    return solution


def _by_program(problem: Problem, seen: ClassSummary) -> tuple[Array | None, KnownRows, bool]:
    """(A direction that no row contradicts, if there is one; rows of the program; whether it is open)."""
    import scipy.sparse

    free = problem.free
    gain = seen.signed[free]
    known = KnownRows(scipy.sparse.csr_array((0, len(free))), np.zeros(0, dtype=bool))
    wants_all = seen.n_rows <= ALL_ROWS and seen.n_rows * _values_of_row(problem) <= ALL_VALUES
    n_added = seen.n_rows if wants_all else max(ROWS_ADDED, 2 * len(free))
    vector = problem.full_vector(np.sign(gain))
    while True:
        margins = _margins(problem, vector, n_added)
        if len(known.is_share) and margins.n_wrong == 0:
            return (vector if margins.n_rows > margins.n_inside else None), known, False
        known = known.with_worst(margins, free)
        solution = _most_gaining(problem, gain, known)
        if solution is None or float(gain @ solution) <= LEAST_GAIN * len(free):
            return None, known, solution is None
        vector = problem.full_vector(solution)


def _linear_program(limits: Limits | None, objective: Array, rows: Any, **bounds: Any) -> Array | None:
    """The solution of a linear program, waited for with patience; None where there is none within the limits.

    rows: those of the inequalities, which are most of what an iteration costs.
    """
    import scipy.sparse
    from scipy.optimize import linprog

    limits = Limits(0, MOST_WORK) if limits is None else limits
    sparse = scipy.sparse.csc_array(rows)
    size = max(math.sqrt(float(sparse.nnz) * sparse.shape[0] * sparse.shape[1]), 1.0)
    options = {
        "primal_feasibility_tolerance": SLACK,
        "dual_feasibility_tolerance": SLACK,
        "maxiter": min(int(limits.work / size), MOST_ITERATIONS),
    }
    outcome = patiently(lambda: linprog(objective, A_ub=sparse, method="highs", options=options, **bounds))
    limits.work = 0.0 if outcome.status == OUT_OF_ITERATIONS else limits.work - outcome.nit * size
    solution: Array | None = outcome.x if outcome.status == 0 else None
    return solution


def _most_gaining(problem: Problem, gain: Array, known: KnownRows) -> Array | None:
    """The direction within the unit cube that gains most and leaves no known row on the wrong side, if it is found."""
    hard, soft = known.vectors[~known.is_share], known.vectors[known.is_share]
    solution = _linear_program(
        problem.limits,
        -gain / max(np.abs(gain).max(initial=0.0), 1e-300),
        -hard,
        b_ub=np.zeros(hard.shape[0]),
        A_eq=soft if soft.shape[0] else None,
        b_eq=np.zeros(soft.shape[0]) if soft.shape[0] else None,
        bounds=(-1, 1),
    )
    if solution is None:
        return None
    # What no row known of has, and gains nothing, has no part in it: constant columns, for which any value is as good.
    is_idle = (gain == 0) & (abs(known.vectors).max(axis=0).toarray() <= TOUCHING).ravel()
    return np.where(is_idle, 0.0, solution)


def _clearest(problem: Problem, known: KnownRows) -> Array | None:
    """The direction in the unit cube that leaves known rows as far on their sides as can be; None if one touches."""
    if known.is_share.any():
        return None
    import scipy.sparse

    n_rows, n_free = known.vectors.shape
    solution = _linear_program(
        problem.limits,
        np.append(np.zeros(n_free), -1.0),
        scipy.sparse.hstack([-known.vectors, np.ones((n_rows, 1))]),
        b_ub=np.zeros(n_rows),
        bounds=[(-1, 1)] * n_free + [(0, 1)],
    )
    return None if solution is None or not solution[-1] > CLEAR else solution[:-1]


def _sparsest(problem: Problem, direction: Direction) -> Direction:
    """A direction that divides the same rows and names as few columns as there need be: the one of least |d|₁.

    Of up to ALL_ROWS rows that are divided it is any combination across which all rows in the plane lie; of more, the
    direction and dependent columns. Cost: three walks and a linear program.
    """
    free, n_divided = problem.free, direction.n_divided
    if n_divided <= ALL_ROWS:
        null = _null_space(problem.on_face((*problem.face, direction.vector), free), direction.n_inside)
        # Seen from the other side the rows that it divides are the worst.
        rows = _margins(problem, -direction.vector, n_divided).vectors(free)
        base = np.zeros(len(free))
    else:
        null = _null_space(problem.on_face((), free), problem.n_rows)
        rows, base = np.zeros((0, len(free))), direction.vector[free]
    if null.shape[1] == 0 or rows.shape[0] * null.shape[1] > ALL_VALUES:
        return direction
    solution = _least_absolute(problem, base, rows, null)
    if solution is None:
        return direction
    largest = np.abs(solution).max()
    vector = problem.full_vector(np.where(np.abs(solution) > TOUCHING * largest, solution / largest, 0.0))
    seen = _margins(problem, vector, 0)
    is_same = seen.n_wrong == 0 and seen.n_inside == direction.n_inside
    return Direction(vector, n_divided, direction.n_inside) if is_same else direction


def _null_space(problem: Problem, n_rows: int) -> Array:
    """Combinations of free coefficients that change no prediction of the rows of a face, shape (n_free, n)."""
    if n_rows == 0:
        return np.eye(len(problem.free))
    sums = problem.curvature(np.zeros(problem.design.width), is_level=True)
    factor = patiently(lambda: problem.factor(sums))
    return factor.null if factor.n_dependent else np.zeros((len(problem.free), 0))


def _least_absolute(problem: Problem, base: Array, rows: Any, null: Array) -> Array | None:
    """Of base + null @ shares the one of least |d|₁ that leaves each row at least 1 on its side."""
    import scipy.sparse

    n_free, n_null = null.shape
    eye = scipy.sparse.eye_array(n_free)
    # Of each coefficient its size, beside the shares of the combinations: size ≥ ±(base + null @ shares).
    sides = [[null, -eye], [-null, -eye]]
    limits = [-base, base]
    if rows.shape[0]:
        sides.append([-rows @ null, None])
        limits.append(rows @ base - 1.0)
    solution = _linear_program(
        problem.limits,
        np.concatenate([np.zeros(n_null), np.ones(n_free)]),
        scipy.sparse.block_array(sides, format="csc"),
        b_ub=np.concatenate(limits),
        bounds=[(None, None)] * n_null + [(0, None)] * n_free,
    )
    return None if solution is None else base + null @ solution[:n_null]
