"""Separation: whether some direction divides the labels, so that no finite coefficients are best, and which.

A direction d separates where no row lies on the wrong side, (2y − 1)·xᵀd ≥ 0, and some do on the right one. Levels and
single columns that do so are found by counting and comparing. Else a linear program looks for the direction that leaves
rows farthest on their sides; rows that it has not seen are added where a walk finds them on the wrong side (constraint
generation). Whatever proposes a direction, it counts only once a walk in exact arithmetic has found each row on its
side or in the plane: no range of values and no rounding can make a separation of what is none.

References
----------
Albert, A. & Anderson, J. A. (1984). On the existence of maximum likelihood estimates in logistic regression models.
Biometrika 71(1), 1-10. doi:10.1093/biomet/71.1.1. Konis, K. (2007). Linear programming algorithms for detecting
separated data in binary logistic regression models. DPhil thesis, University of Oxford.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array
from logloss.training.interruptible import patiently

# The gain of a direction, summed over the rows that features of at most 1 make, below which there is none.
NOTHING = 1e-7
# Up to so many rows and values are all given to the program at once.
ALL_ROWS, ALL_VALUES = 5_000, 2_000_000
# Rows added to the program after each walk.
ROWS_ADDED = 200
MOST_WALKS = 100
# Asked of the linear program: a row may lie this far on the wrong side.
SLACK = 1e-10
# Seconds that the linear programs of a direction may take; then nothing is said of separation.
MOST_SECONDS = 60.0
# A row is clear of a plane if its margin is above this, in units of its norm, and all rows are where they should be.
CLEAR = 1e-7
# Coefficients of a direction that is to lie in rows exactly: more make fractions too long.
MOST_EXACT = 64
# Walks that look for rows which a direction must lie in.
MOST_MENDED = 24
# Floats that a fraction may be the sum of.
MOST_PARTS = 12
MANTISSA = 53

Walk = Callable[[Any], Any]
# Of the rows in some planes, n of them: combinations of some coefficients that say nothing of them, shape (n_free, n).
Across = Callable[[tuple[Array, ...], int, Array], Array]
# (place of a coefficient in the design, float): coefficients on the numbers as the table has them, as sums of floats.
Terms = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Direction:
    """A direction that separates, in the solver's coordinates; how many rows it divides, how many lie in its plane."""

    vector: Array
    n_divided: int
    n_inside: int

    @property
    def divides_few(self) -> bool:
        """Whether a linear program can be given all the rows that it divides."""
        return self.n_divided <= ALL_ROWS


@dataclass(frozen=True, slots=True)
class Separating:
    """What a search found: directions, each among the rows in the planes of those before; how many rows they divide.

    free: places of the coefficients of which rows in all planes say something. is_open: whether a direction was found
    that could not be proved: then the labels may be separated, or not.
    """

    directions: tuple[Array, ...]
    n_divided: int
    free: Array
    is_open: bool


def separating(walk: Walk, design: Design, across: Across, at: Array) -> Separating:
    """The directions that separate, proved one after the other.

    walk: makes the summary of all rows that an empty one describes. at: where the passes have come to, which of
    separated classes is often far along a direction that separates them. Cost: a walk or two where columns divide the
    labels by themselves, else one for each ROWS_ADDED rows that the program had to learn of.
    """
    from logloss.onepass.summaries import ClassSummary, Face

    found: list[Direction] = []
    free, is_open = design.free, False
    while True:
        planes = tuple(each.vector for each in found)
        seen = walk(ClassSummary.empty(Face(design, planes)))
        free = felt(design, seen.n_each)
        if seen.n_rows == 0:
            break
        direction = _of_classes(walk, design, planes, seen)
        if direction is None:
            direction, is_open = _of_program(walk, design, planes, seen, free, across, at)
        if direction is None:
            break
        found.append(direction)
    n_divided = sum(each.n_divided for each in found)
    return Separating(tuple(each.vector for each in found), n_divided, free, is_open)


def felt(design: Design, n_each: Array) -> Array:
    """Places of the free coefficients that rows say something of; of a category without its reference one is fixed."""
    is_felt = n_each.sum(axis=0) > 0
    if not is_felt.any():
        return np.zeros(1, dtype=np.int64)
    is_felt[: 1 + design.n_dense] = True
    fixed = []
    for span, term in zip(design.spans, design.categories, strict=True):
        reference = span.start + term.reference
        own = n_each[:, span].sum(axis=0)
        fixed.append(reference if own[term.reference] or not own.any() else span.start + int(np.argmax(own)))
    is_felt[fixed] = False
    is_felt[[span.start + term.reference for span, term in zip(design.spans, design.categories, strict=True)]] = False
    return np.flatnonzero(is_felt)


# --- proof ------------------------------------------------------------------------------------------------------------


def solver_vector(design: Design, terms: Terms) -> Array:
    """Exact coefficients, on numbers as the table has them, as a direction of the solver: rounded, 1 at most."""
    plain = [Fraction(0)] * design.width
    for place, value in terms:
        plain[place] += Fraction(value)
    for j, centre in enumerate(design.centre.tolist()):
        plain[0] += plain[1 + j] * Fraction(centre)
    scaled = [value * Fraction(scale) for value, scale in zip(plain, design.scale.tolist(), strict=True)]
    largest = max(map(abs, scaled), default=Fraction(0)) or Fraction(1)
    return np.array([float(value / largest) for value in scaled])


def _proved(
    walk: Walk, design: Design, planes: tuple[Array, ...], terms: Terms, wished: Array | None = None
) -> tuple[Direction | None, Any]:
    """(The direction of some terms, if it separates; what the walk in exact arithmetic found).

    Later passes tell by rounded margins which rows lie in the plane: the direction is as long as it must be for that.
    """
    from logloss.onepass.summaries import ExactPlane, SideSummary

    vector = solver_vector(design, terms)
    seen = walk(SideSummary.empty(ExactPlane(terms, vector, design, planes, wished)))
    if seen.n_wrong or not seen.n_divided:
        return None, seen
    if not seen.largest_inside < TOUCHING / 2 or not seen.least_divided > 2 * TOUCHING:
        low, high = seen.largest_inside, seen.least_divided
        if not 16 * low < high:
            return None, seen
        # By a power of two, which rounds no margin anew.
        ratio = TOUCHING / (math.sqrt(low * high) if low > 0 else high / 4)
        vector = vector * 2.0 ** math.floor(math.log2(ratio))
        if not np.isfinite(vector).all():
            return None, seen
    return Direction(vector, seen.n_divided, seen.n_inside), seen


def _terms_of(design: Design, vector: Array) -> Terms:
    """A direction of the solver as terms, with the intercept of numbers that are not centred."""
    values = vector / design.scale
    dense = values[1 : 1 + design.n_dense]
    shifts = [(0, -float(value * centre)) for value, centre in zip(dense, design.centre, strict=True)]
    return tuple((p, v) for p, v in [*enumerate(values.tolist()), *shifts] if v)


# --- by counting and comparing ----------------------------------------------------------------------------------------


def _of_classes(walk: Walk, design: Design, planes: tuple[Array, ...], seen: Any) -> Direction | None:
    """A direction along levels that have one class only, or along columns whose classes do not overlap."""
    for terms in _proposed(design, seen):
        direction, _ = _proved(walk, design, planes, terms)
        if direction is not None:
            return direction
    return None


def _proposed(design: Design, seen: Any) -> Iterator[Terms]:
    """Directions that counts and ranges propose."""
    n_each = seen.n_each
    if 0 in n_each[:, 0]:
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
        yield tuple(term for terms in parts for term in terms)
        if len(parts) > 1:
            yield from parts


def _pure_levels(design: Design, n_each: Array) -> Terms:
    """Levels and indicators that have rows of one class only: 1 for the class, or −1, and 0 for all other rows."""
    signs = np.where(n_each[0] == 0, 1.0, -1.0) * ((n_each == 0).any(axis=0) & (n_each > 0).any(axis=0))
    found: list[tuple[int, float]] = []
    at = 1
    for term in design.numbers:
        places = range(at + len(term.names), at + len(term.coefficient_names))
        found += [(place, float(signs[place])) for place in places if signs[place]]
        at += len(term.coefficient_names)
    for span, category in zip(design.spans, design.categories, strict=True):
        own = signs[span].copy()
        # The reference has no coefficient: the intercept has it, and all other levels are without it.
        shift = float(own[category.reference])
        if shift:
            found.append((0, shift))
            own -= shift
            own[category.reference] = 0.0
        found += [(span.start + k, float(own[k])) for k in np.flatnonzero(own).tolist()]
    return tuple(found)


def _thresholds(design: Design, seen: Any) -> tuple[list[Terms], list[Terms]]:
    """(Columns that divide all rows, the widest gap first; columns that divide all but those of one value)."""
    whole: list[tuple[float, Terms]] = []
    parts: list[tuple[float, Terms]] = []
    at = 0
    for term in design.numbers:
        for j in range(len(term.names)):
            place = 1 + at + j
            (low0, low1), (high0, high1) = seen.lows[:, place - 1], seen.highs[:, place - 1]
            # Rows that lack the number must lie in the plane: their indicator takes back what the centre adds.
            indicator = 1 + at + len(term.names) + sum(term.lacks[:j]) if term.lacks and term.lacks[j] else 0
            for sign, low, high in ((1.0, high0, low1), (-1.0, high1, low0)):
                is_constant = min(low0, low1) == max(high0, high1)
                if is_constant or not (low <= high and math.isfinite(low) and math.isfinite(high)):
                    continue
                unit = sign * 2.0 ** -math.frexp(float(design.scale[place]))[1]
                middle = low + (high - low) / 2
                at_value = middle if low < middle < high else low
                terms = [(place, unit), (0, -unit * at_value)]
                if indicator:
                    terms += [(indicator, unit * at_value), (indicator, -unit * float(design.centre[place - 1]))]
                is_whole = low < high and not indicator
                size = (high - low) / float(design.scale[place])
                (whole if is_whole else parts).append((size, tuple(terms)))
        at += len(term.coefficient_names)
    whole.sort(key=lambda each: -each[0])
    return [terms for _, terms in whole], [terms for _, terms in parts]


# --- by a linear program ----------------------------------------------------------------------------------------------


def _of_program(
    walk: Walk,
    design: Design,
    planes: tuple[Array, ...],
    seen: Any,
    free: Array,
    across: Across,
    at: Array,
) -> tuple[Direction | None, bool]:
    """(A direction of several columns, proved; whether one was found that could not be proved)."""
    if seen.n_rows * len(free) > ALL_VALUES and at.any():
        direction = _seen(walk, design, planes, at / np.abs(at).max())
        if direction is not None and not direction.n_inside:
            direction, _ = _proved(walk, design, planes, _terms_of(design, direction.vector))
            if direction is not None:
                return direction, False
    if seen.n_rows <= len(free) and seen.n_rows <= ALL_ROWS:
        direction = _of_many_columns(walk, design, planes, seen.n_rows, free)
        if direction is not None:
            return direction, False
    proposed, is_open = _proposed_by_program(walk, design, planes, seen, free)
    if proposed is None:
        return None, is_open
    vector, rows, is_share = proposed
    options = [vector]
    strict = _strict(rows, is_share)
    if strict is not None:
        options.insert(0, spread(strict, design.width, free))
    for option in options:
        direction = _seen(walk, design, planes, option)
        if direction is None:
            continue
        null = across((*planes, direction.vector), direction.n_inside, free)
        if not direction.divides_few:
            null = across((), seen.n_rows, free)
        plain = plainest(walk, design, direction, planes, null, free)
        for each in (plain.vector, option):
            mended = _mended(walk, design, planes, each)
            if mended is not None:
                return mended, False
    return None, True


def _seen(walk: Walk, design: Design, planes: tuple[Array, ...], vector: Array) -> Direction | None:
    """A direction as rounded margins see it; None where rows lie on the wrong side."""
    from logloss.onepass.summaries import MarginSummary, Plane

    found = walk(MarginSummary.empty(Plane(vector, design, 0, planes)))
    n_divided = found.n_rows - found.n_inside
    return Direction(vector, n_divided, found.n_inside) if n_divided and not found.n_wrong else None


def _of_many_columns(
    walk: Walk, design: Design, planes: tuple[Array, ...], n_rows: int, free: Array
) -> Direction | None:
    """Where there are no more rows than coefficients: the least direction in which each row has a margin of 1."""
    from logloss.onepass.summaries import MarginSummary, Plane

    found = walk(MarginSummary.empty(Plane(np.zeros(design.width), design, n_rows, planes)))
    if found.is_share.any():
        return None
    rows = found.vectors[:, free]
    short = patiently(lambda: _of_margin_one(rows))
    if not (rows @ short > CLEAR).all():
        return None
    return _proved(walk, design, planes, _terms_of(design, spread(short, design.width, free)))[0]


def _of_margin_one(rows: Array) -> Array:
    """The least direction in which each of a few rows has a margin of 1, or nearly."""
    import scipy.linalg

    try:
        found: Array = rows.T @ scipy.linalg.cho_solve(scipy.linalg.cho_factor(rows @ rows.T), np.ones(len(rows)))
    except scipy.linalg.LinAlgError:
        found = np.linalg.lstsq(rows, np.ones(len(rows)), rcond=None)[0]
    return found


def _proposed_by_program(
    walk: Walk, design: Design, planes: tuple[Array, ...], seen: Any, free: Array
) -> tuple[tuple[Array, Array, Array] | None, bool]:
    """((A direction that no row contradicts, rows that the program knows, which are shares), whether it is open)."""
    from logloss.onepass.summaries import MarginSummary, Plane

    gain = seen.signed[free]
    until = time.monotonic() + MOST_SECONDS
    known, is_share = np.zeros((0, len(free))), np.zeros(0, dtype=bool)
    wants_all = seen.n_rows <= ALL_ROWS and seen.n_rows * len(free) <= ALL_VALUES
    n_added = seen.n_rows if wants_all else max(ROWS_ADDED, 2 * len(free))
    vector = spread(np.sign(gain), design.width, free)
    for _ in range(MOST_WALKS):
        found = walk(MarginSummary.empty(Plane(vector, design, n_added, planes)))
        if len(known) and found.n_wrong == 0:
            return ((vector, known, is_share), False) if found.n_rows > found.n_inside else (None, False)
        known = np.concatenate([known, found.vectors[:, free]])
        is_share = np.concatenate([is_share, found.is_share])
        short, is_done = _best(gain, known, is_share, until)
        if short is None or float(gain @ short) <= NOTHING * len(free):
            return None, not is_done
        vector = spread(short, design.width, free)
    return None, True


def spread(short: Array, width: int, free: Array) -> Array:
    """Free coefficients in their places among all."""
    found = np.zeros(width)
    found[free] = short
    return found


def _program(objective: Array, *, until: float | None = None, **limits: Any) -> Any:
    """The answer of a linear program, waited for with patience and not for ever."""
    from scipy.optimize import linprog

    seconds = MOST_SECONDS if until is None else max(until - time.monotonic(), 0.0)
    options = {"primal_feasibility_tolerance": SLACK, "dual_feasibility_tolerance": SLACK, "time_limit": seconds}
    return patiently(lambda: linprog(objective, method="highs", options=options, **limits))


def _best(gain: Array, rows: Array, is_share: Array, until: float) -> tuple[Array | None, bool]:
    """(The direction within the unit cube that gains most and leaves no known row on the wrong side, is it found)."""
    hard, soft = rows[~is_share], rows[is_share]
    found = _program(
        -gain / max(np.abs(gain).max(initial=0.0), 1e-300),
        A_ub=-hard if len(hard) else None,
        b_ub=np.zeros(len(hard)) if len(hard) else None,
        A_eq=soft if len(soft) else None,
        b_eq=np.zeros(len(soft)) if len(soft) else None,
        bounds=(-1, 1),
        until=until,
    )
    if found.status != 0:
        return None, False
    # What no row known of has, and gains nothing, has no part in it: constant columns, for which any value is as good.
    is_idle = (gain == 0) & (np.abs(rows) <= TOUCHING).all(axis=0)
    return np.where(is_idle, 0.0, found.x), True


def _strict(rows: Array, is_share: Array) -> Array | None:
    """The direction in the unit cube that leaves known rows as far on their sides as can be; None if one touches."""
    if is_share.any():
        return None
    n_free = rows.shape[1]
    found = _program(
        np.append(np.zeros(n_free), -1.0),
        A_ub=np.column_stack([-rows, np.ones(len(rows))]),
        b_ub=np.zeros(len(rows)),
        bounds=[(-1, 1)] * n_free + [(0, 1)],
    )
    return found.x[:-1] if found.status == 0 and found.x[-1] > CLEAR else None


def _mended(walk: Walk, design: Design, planes: tuple[Array, ...], vector: Array) -> Direction | None:
    """The direction, proved: near rows that rounding leaves beside its plane are put into it, exactly.

    Those rows are equations between fractions; each walk shows which others there are. Cost: at most MOST_MENDED walks.
    """
    largest = np.abs(vector).max(initial=0.0)
    places = np.flatnonzero(np.abs(vector) > TOUCHING * largest)
    terms = _terms_of(design, np.where(np.abs(vector) > TOUCHING * largest, vector, 0.0))
    plain = [Fraction(0)] * design.width
    for place, value in terms:
        plain[place] += Fraction(value)
    support = sorted({0, *places.tolist()})
    equations = Equations(len(support))
    for _ in range(MOST_MENDED):
        direction, seen = _proved(walk, design, planes, terms, vector / largest)
        if direction is not None or len(support) > MOST_EXACT:
            return direction
        n_before = equations.rank
        for row in seen.beside:
            equations.add([Fraction(float(row[place])) for place in support])
        if equations.rank in (n_before, len(support)):
            return None
        solution = equations.nearest([plain[place] for place in support])
        exact = _as_floats(support, solution)
        if exact is None:
            return None
        terms = exact
    return None


class Equations:
    """Linear equations Σ aⱼuⱼ = 0 between fractions, in reduced row echelon form."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: dict[int, list[Fraction]] = {}

    @property
    def rank(self) -> int:
        """How many of them are independent."""
        return len(self.rows)

    def add(self, row: list[Fraction]) -> None:
        """One more; nothing happens if it follows from those before."""
        for pivot, known in self.rows.items():
            if row[pivot]:
                factor = row[pivot]
                row = [a - factor * b for a, b in zip(row, known, strict=True)]
        left = [j for j in range(self.width) if row[j]]
        if not left:
            return
        # Not the intercept, while there is another: its unit is no row's.
        pivot = left[-1]
        row = [a / row[pivot] for a in row]
        for other, known in self.rows.items():
            if known[pivot]:
                factor = known[pivot]
                self.rows[other] = [a - factor * b for a, b in zip(known, row, strict=True)]
        self.rows[pivot] = row

    def nearest(self, wanted: Sequence[Fraction]) -> list[Fraction]:
        """A solution that has the values wanted, to a millionth of the largest, where the equations leave a choice."""
        free = [j for j in range(self.width) if j not in self.rows]
        unit = max((abs(wanted[j]) for j in free), default=Fraction(0)) or Fraction(1)
        found = [Fraction(0)] * self.width
        for j in free:
            found[j] = Fraction(round(wanted[j] / unit * (1 << 20)), 1 << 20)
        if len(free) == 1:
            found[free[0]] = Fraction(1 if wanted[free[0]] >= 0 else -1)
        for pivot, row in self.rows.items():
            found[pivot] = -sum((row[j] * found[j] for j in free), Fraction(0))
        return found


def _as_floats(places: Sequence[int], values: Sequence[Fraction]) -> Terms | None:
    """Fractions times a common factor, each as a sum of floats; None where they are too long for that."""
    common = math.lcm(*(value.denominator for value in values))
    terms: list[tuple[int, float]] = []
    whole = [int(value * common) for value in values]
    largest = max(map(abs, whole), default=0)
    # So that the largest is about 1: powers of two are exact.
    shift = largest.bit_length()
    for place, value in zip(places, whole, strict=True):
        rest, n_parts = value, 0
        while rest:
            excess = max(abs(rest).bit_length() - MANTISSA, 0)
            part = (abs(rest) >> excess) << excess
            part = part if rest > 0 else -part
            terms.append((place, math.ldexp(float(part >> excess if part > 0 else -(-part >> excess)), excess - shift)))
            rest -= part
            n_parts += 1
            if n_parts > MOST_PARTS:
                return None
    return tuple(terms)


def plainest(
    walk: Walk, design: Design, found: Direction, face: tuple[Array, ...], null: Array, free: Array
) -> Direction:
    """A direction that divides the same rows and names as few columns as there need be: the one of least |d|₁.

    null: combinations of the free coefficients, shape (n_free, n_null): of up to ALL_ROWS rows that are divided, those
    across which all rows in the plane lie, of which the direction is one; of more, what the columns cannot tell apart,
    which may be added to it. Cost: two walks and a linear program.
    """
    from logloss.onepass.summaries import MarginSummary, Plane

    base, rows = found.vector[free], np.zeros((0, len(free)))
    if found.divides_few:
        # Seen from the other side the rows that it divides are the worst.
        rows = walk(MarginSummary.empty(Plane(-found.vector, design, found.n_divided, face))).vectors[:, free]
        base = np.zeros(len(free))
    if null.shape[1] == 0 or len(rows) * null.shape[1] > ALL_VALUES:
        return found
    short = _least(base, rows, null)
    if short is None:
        return found
    vector = np.zeros(design.width)
    vector[free] = np.where(np.abs(short) > TOUCHING * np.abs(short).max(), short / np.abs(short).max(), 0.0)
    seen = walk(MarginSummary.empty(Plane(vector, design, 0, face)))
    is_same = seen.n_wrong == 0 and seen.n_inside == found.n_inside
    return Direction(vector, found.n_divided, found.n_inside) if is_same else found


def _least(base: Array, rows: Array, null: Array) -> Array | None:
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
    found = _program(
        np.concatenate([np.zeros(n_null), np.ones(n_free)]),
        A_ub=scipy.sparse.block_array(sides, format="csc"),
        b_ub=np.concatenate(limits),
        bounds=[(None, None)] * n_null + [(0, None)] * n_free,
    )
    return base + null @ found.x[:n_null] if found.status == 0 else None


@dataclass(frozen=True, slots=True)
class Separation:
    """Why no finite coefficients are best.

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


def at_infinity(logits: Array, margins: Sequence[Array]) -> Array:
    """Log-odds once the coefficients have gone to infinity along directions, given each row's margin along each."""
    found = logits
    for margin in reversed(margins):
        is_off = np.abs(margin) > TOUCHING
        found = np.where(is_off, np.copysign(np.inf, margin), found)
    return found
