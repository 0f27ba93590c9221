"""Separation: whether a direction divides the labels, so that no finite maximum-likelihood estimate exists, and which.

A direction d separates where no row lies on the wrong side, (2y − 1)·xᵀd ≥ 0, and some do on the right one. Levels and
single columns that do so are found by counting and comparing; else equations or a linear program propose a direction,
and a pass in exact arithmetic proves it (`separation_proof`).

References
----------
Albert, A. & Anderson, J. A. (1984). On the existence of maximum likelihood estimates in logistic regression models.
Biometrika 71(1), 1-10. doi:10.1093/biomet/71.1.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array
from logloss.text import counted, listed, printable
from logloss.training.interruptible import PASSES, SEPARATION, patiently
from logloss.training.problem import LimitReached, Limits, Problem
from logloss.training.separation_proof import Direction, ExactCoefficients, exact_coefficients, proved, proved_nearby

if TYPE_CHECKING:
    from logloss.onepass.summaries import ClassSummary, MarginSummary


# The gain of a direction, summed over the rows that features of at most 1 make, below which there is none.
LEAST_GAIN = 1e-7
# Up to so many rows and values are all given to the program at once.
ALL_ROWS, ALL_VALUES = 5_000, 2_000_000
# Rows added to the program after each pass.
ROWS_ADDED = 200
# Walks of one search, all its directions together.
MOST_WALKS = 1_000
# Asked of the linear program: a row may lie this far on the wrong side.
SLACK = 1e-10
# What the linear programs of one search may cost together, in iterations times √(values · values other than 0), which
# take 2 to 6 ns each, of dense rows and of levels alike. Beyond it, a minute or two, separation is not decided.
MOST_WORK = 2e10
# The largest limit of iterations that HiGHS takes, and the status of SciPy where a limit was reached.
MOST_ITERATIONS, OUT_OF_ITERATIONS = 2**31 - 1, 1
# A row is clear of a plane if its margin is above this, in units of its norm, and all rows are where they should be.
CLEAR = 1e-7


# --- by counting and comparing ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Separation:
    """Why no finite maximum-likelihood estimate exists.

    columns: names of the coefficients that are infinite. is_complete: whether every row is divided. n_divided: how many
    are. directions: along these, each infinitely farther than the next, the loss falls to its infimum; as the design
    lays coefficients out.

    Examples
    --------
    >>> import logloss, warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1])
    >>> model.separation.columns, model.separation.is_complete, model.log_loss
    (('x',), True, 0.0)
    """

    columns: tuple[str, ...]
    is_complete: bool
    n_divided: int
    directions: tuple[Array, ...]

    def __repr__(self) -> str:
        kind = "complete" if self.is_complete else "quasi-complete"
        names = listed([printable(name) for name in self.columns]) or "the intercept"
        return f"Separation: {kind}, {counted(self.n_divided, 'row')} separated by {names}"


@dataclass(frozen=True, slots=True)
class SeparatingDirections:
    """What a search found: directions, each among the rows in the planes of those before; how many rows they divide.

    free: places of the coefficients that rows in all planes determine. is_open: whether a direction was found
    that could not be proved: then the labels may be separated, or not.
    """

    directions: tuple[Array, ...]
    n_divided: int
    free: Array
    is_open: bool


def find_directions(problem: Problem, at: Array) -> SeparatingDirections:
    """The directions that separate, proved one after the other.

    at: where the passes have come to, which of separated classes is often far along a direction that separates them.
    Cost: a walk or two where columns divide the labels by themselves, else one for each ROWS_ADDED rows that the
    program had to learn of; at most MOST_WALKS and MOST_WORK, or the limits of the problem.
    """
    from logloss.onepass.summaries import ClassSummary, Face

    limits = problem.limits or Limits(MOST_WALKS, MOST_WORK)
    problem = replace(problem, phase=SEPARATION if problem.phase == PASSES else problem.phase, limits=None)
    proven: list[Direction] = []
    is_open = False
    while True:
        planes = tuple(each.vector for each in proven)
        # Counted, but never refused: what is left of the rows must be known.
        limits.n_walks -= 1
        seen = problem.summarised(ClassSummary.empty(Face(problem.design, planes)))
        free = estimable(problem.design, seen.n_each)
        if seen.n_rows == 0 or not len(free):
            break
        face = replace(problem.on_face(planes, free), limits=limits)
        try:
            # Counts are known by then; a linear program of many rows can take a minute.
            direction = of_single_columns(face, seen)
            if direction is None:
                direction, is_open = of_several_columns(face, seen, at)
        except LimitReached:
            direction, is_open = None, True
        if direction is None:
            break
        proven.append(direction)
    n_divided = sum(each.n_divided for each in proven)
    return SeparatingDirections(tuple(each.vector for each in proven), n_divided, free, is_open)


def estimable(design: Design, n_each: Array) -> Array:
    """Places of the free coefficients that rows determine; of a category without its reference one is fixed.

    n_each: rows of each class that each coefficient is of, shape (2, width).
    """
    has_rows = n_each.sum(axis=0) > 0
    if not has_rows.any():
        return design.free[:1]
    has_rows[: 1 + design.n_dense] = True
    has_rows[0] = design.fit_intercept
    for span, term in zip(design.spans, design.categories, strict=True):
        own = n_each[:, span].sum(axis=0)
        # With an intercept, which is worth as much as all levels together.
        if design.fit_intercept and not own[term.reference] and own.any():
            has_rows[span.start + int(np.argmax(own))] = False
        has_rows[span.start + term.reference] = False
    return np.flatnonzero(has_rows)


def of_single_columns(problem: Problem, seen: ClassSummary) -> Direction | None:
    """A direction along levels that have one class only, or along columns whose classes do not overlap, proved."""
    for coefficients in _of_counts(problem.design, seen):
        direction, _ = proved(problem, coefficients)
        if direction is not None:
            return direction
    return None


def _of_counts(design: Design, seen: ClassSummary) -> Iterator[ExactCoefficients]:
    """Directions that counts and ranges propose."""
    n_each = seen.n_each
    if 0 in n_each[:, 0] and design.fit_intercept:
        yield ((0, 1.0 if n_each[0, 0] == 0 else -1.0),)
        return
    levels = _pure_levels(design, n_each)
    if levels:
        yield levels
        return
    whole, parts = _thresholds(design, seen)
    yield from whole
    if parts:
        # All at once, and, where rounded margins cannot tell their rows apart, each by itself.
        yield tuple(coefficient for part in parts for coefficient in part)
        if len(parts) > 1:
            yield from parts


def _pure_levels(design: Design, n_each: Array) -> ExactCoefficients:
    """Levels and indicators that have rows of one class only: 1 for the class, or −1, and 0 for all other rows."""
    signs = np.where(n_each[0] == 0, 1.0, -1.0) * ((n_each == 0).any(axis=0) & (n_each > 0).any(axis=0))
    pure: list[tuple[int, float]] = []
    at = 1
    for term in design.numbers:
        places = range(at + len(term.names), at + len(term.coefficient_names))
        pure += [(place, float(signs[place])) for place in places if signs[place]]
        at += len(term.coefficient_names)
    for span, category in zip(design.spans, design.categories, strict=True):
        own = signs[span].copy()
        # The reference has no coefficient: the intercept has it, and all other levels are without it. Without an
        # intercept its rows lie in the plane.
        shift = float(own[category.reference]) if design.fit_intercept else 0.0
        if shift:
            pure.append((0, shift))
            own -= shift
        own[category.reference] = 0.0
        pure += [(span.start + k, float(own[k])) for k in np.flatnonzero(own).tolist()]
    return tuple(pure)


def _thresholds(design: Design, seen: ClassSummary) -> tuple[list[ExactCoefficients], list[ExactCoefficients]]:
    """(Columns that divide all rows, the widest gap first; columns that divide all but those of one value)."""
    whole: list[tuple[float, ExactCoefficients]] = []
    parts: list[ExactCoefficients] = []
    at = 0
    for term in design.numbers:
        for j in range(len(term.names)):
            place = 1 + at + j
            (low0, low1), (high0, high1) = seen.lows[:, place - 1], seen.highs[:, place - 1]
            # Rows that lack the number must lie in the plane: their indicator takes back what the centre adds.
            indicator = 1 + at + len(term.names) + sum(term.lacks[:j]) if term.lacks and term.lacks[j] else 0
            for sign, low, high in ((1.0, high0, low1), (-1.0, high1, low0)):
                ends = min(low0, low1), max(high0, high1)
                at_value = _between(low, high, ends) if design.fit_intercept else _at_origin(low, high, ends)
                if at_value is None:
                    continue
                # Powers of two, so that no product is rounded.
                unit = sign * 2.0 ** -math.frexp(float(design.scale[place]))[1]
                coefficients = [(place, unit), (0, -unit * at_value)]
                if indicator:
                    back = (indicator, -unit * float(design.centre[place - 1]))
                    coefficients += [(indicator, unit * at_value), back]
                is_whole = low < high if design.fit_intercept else low < 0.0 < high
                if is_whole and not indicator:
                    whole.append(((high - low) / float(design.scale[place]), tuple(coefficients)))
                else:
                    parts.append(tuple(coefficients))
        at += len(term.coefficient_names)
    whole.sort(key=lambda each: -each[0])
    return [coefficients for _, coefficients in whole], parts


def _between(low: float, high: float, ends: tuple[float, float]) -> float | None:
    """A value between the greatest of one class and the least of the other, if that is not below; ends: of all rows."""
    if ends[0] == ends[1] or not (low <= high and math.isfinite(low) and math.isfinite(high)):
        return None
    middle = low + (high - low) / 2
    return middle if low < middle < high else low


def _at_origin(low: float, high: float, ends: tuple[float, float]) -> float | None:
    """0, if no value of one class is above it and none of the other below it, and some value is not 0."""
    return 0.0 if low <= 0.0 <= high and (ends[0] < 0.0 or ends[1] > 0.0) else None


# --- by a linear program ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KnownRows:
    """Signed rows of a program, shape (n_rows, n_free); is_share: which are to lie in the plane."""

    vectors: Array
    is_share: Array

    def with_worst(self, seen: MarginSummary, free: Array) -> KnownRows:
        """With the rows that a pass found to lie worst."""
        return KnownRows(
            np.concatenate([self.vectors, seen.vectors[:, free]]), np.concatenate([self.is_share, seen.is_share])
        )


def of_several_columns(problem: Problem, seen: ClassSummary, at: Array) -> tuple[Direction | None, bool]:
    """(A direction of several columns, proved; whether one was found that could not be proved).

    at: where the passes have come to, which may be far along a direction that separates.
    """
    design, free = problem.design, problem.free
    if seen.n_rows * len(free) > ALL_VALUES and at.any():
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
    rows = seen.vectors[:, problem.free]
    solution = patiently(lambda: _of_margin_one(rows))
    if not (rows @ solution > CLEAR).all():
        return None
    return proved(problem, exact_coefficients(problem.design, problem.full_vector(solution)))[0]


def _of_margin_one(rows: Array) -> Array:
    """The least direction in which each of a few rows has a margin of 1, or nearly."""
    from scipy.linalg import lapack

    ones = np.ones(len(rows))
    try:
        # Not least squares at once: the normal equations are fast, and a pass will prove or refuse their solution.
        root = np.asfortranarray(np.linalg.cholesky(rows @ rows.T))
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(rows, ones, rcond=None)[0]
    shares: Array = lapack.dpotrs(root, ones, lower=1)[0]
    return rows.T @ shares


def _by_program(problem: Problem, seen: ClassSummary) -> tuple[Array | None, KnownRows, bool]:
    """(A direction that no row contradicts, if there is one; rows of the program; whether it is open)."""
    free = problem.free
    gain = seen.signed[free]
    known = KnownRows(np.zeros((0, len(free))), np.zeros(0, dtype=bool))
    wants_all = seen.n_rows <= ALL_ROWS and seen.n_rows * len(free) <= ALL_VALUES
    n_added = seen.n_rows if wants_all else max(ROWS_ADDED, 2 * len(free))
    vector = problem.full_vector(np.sign(gain))
    while True:
        margins = _margins(problem, vector, n_added)
        if len(known.vectors) and margins.n_wrong == 0:
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
        b_ub=np.zeros(len(hard)),
        A_eq=soft if len(soft) else None,
        b_eq=np.zeros(len(soft)) if len(soft) else None,
        bounds=(-1, 1),
    )
    if solution is None:
        return None
    # What no row known of has, and gains nothing, has no part in it: constant columns, for which any value is as good.
    is_idle = (gain == 0) & (np.abs(known.vectors) <= TOUCHING).all(axis=0)
    return np.where(is_idle, 0.0, solution)


def _clearest(problem: Problem, known: KnownRows) -> Array | None:
    """The direction in the unit cube that leaves known rows as far on their sides as can be; None if one touches."""
    if known.is_share.any():
        return None
    n_rows, n_free = known.vectors.shape
    solution = _linear_program(
        problem.limits,
        np.append(np.zeros(n_free), -1.0),
        np.column_stack([-known.vectors, np.ones(n_rows)]),
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
        rows = _margins(problem, -direction.vector, n_divided).vectors[:, free]
        base = np.zeros(len(free))
    else:
        null = _null_space(problem.on_face((), free), problem.n_rows)
        rows, base = np.zeros((0, len(free))), direction.vector[free]
    if null.shape[1] == 0 or len(rows) * null.shape[1] > ALL_VALUES:
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


def _least_absolute(problem: Problem, base: Array, rows: Array, null: Array) -> Array | None:
    """Of base + null @ shares the one of least |d|₁ that leaves each row at least 1 on its side."""
    import scipy.sparse

    n_free, n_null = null.shape
    eye = scipy.sparse.eye_array(n_free)
    # Of each coefficient its size, beside the shares of the combinations: size ≥ ±(base + null @ shares).
    sides = [[null, -eye], [-null, -eye]]
    limits = [-base, base]
    if len(rows):
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


def at_infinity(logits: Array, margins: Sequence[Array]) -> Array:
    """Log-odds once the coefficients have gone to infinity along directions, given each row's margin along each."""
    # The first direction is infinitely farther than the others: it is applied last.
    for margin in reversed(margins):
        is_off = np.abs(margin) > TOUCHING
        logits = np.where(is_off, np.copysign(np.inf, margin), logits)
    return logits
