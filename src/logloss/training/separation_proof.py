"""The proof that a direction separates the labels: in exact arithmetic each row lies on its side or in the plane.

Whatever proposes a direction, it counts only once that is shown: no range of values and no rounding can make a
separation of what is none. Where rounding leaves rows beside the plane that are to lie in it, exact equations put them
there.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array
from logloss.training.problem import Problem

if TYPE_CHECKING:
    from logloss.onepass.summaries import SideSummary

# Coefficients of a direction that is to lie in rows exactly: more make fractions too long.
MOST_EXACT = 64
# Walks that look for rows which a direction must lie in.
MOST_WALKS_OF_EQUATIONS = 24
# Floats that a fraction may be the sum of, each of so many bits.
MOST_PARTS, MANTISSA = 12, 53
# How finely free coefficients of a solution are rounded: short fractions, near enough to what was wished.
RESOLUTION = 1 << 20

# (Place of a coefficient in the design, float): coefficients on the numbers as the table has them, as sums of floats.
ExactCoefficients = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Direction:
    """A direction that separates, in the solver's coordinates; how many rows it divides, how many lie in its plane."""

    vector: Array
    n_divided: int
    n_inside: int


def exact_coefficients(design: Design, vector: Array) -> ExactCoefficients:
    """A direction of the solver on the numbers as the table has them, with the intercept of numbers not centred."""
    values = vector / design.scale
    dense = values[1 : 1 + design.n_dense]
    shifts = [(0, -float(value * centre)) for value, centre in zip(dense, design.centre, strict=True)]
    return tuple((p, v) for p, v in [*enumerate(values.tolist()), *shifts] if v)


def solver_vector(design: Design, coefficients: ExactCoefficients) -> Array:
    """Exact coefficients as a direction of the solver: rounded once, 1 at most."""
    plain = _summed(coefficients)
    centres = [
        plain[place] * Fraction(float(design.centre[place - 1])) for place in plain if 1 <= place <= design.n_dense
    ]
    plain[0] += sum(centres, Fraction(0))
    scaled = {place: value * Fraction(float(design.scale[place])) for place, value in plain.items()}
    largest = max(map(abs, scaled.values()), default=Fraction(0)) or Fraction(1)
    vector = np.zeros(design.width)
    vector[list(scaled)] = [float(value / largest) for value in scaled.values()]
    return vector


def _summed(coefficients: ExactCoefficients) -> defaultdict[int, Fraction]:
    """One fraction for each place of the design; 0 where there is none."""
    plain: defaultdict[int, Fraction] = defaultdict(Fraction)
    for place, value in coefficients:
        plain[place] += Fraction(value)
    return plain


def proved(
    problem: Problem, coefficients: ExactCoefficients, wished: Array | None = None
) -> tuple[Direction | None, SideSummary]:
    """(The direction of some coefficients, if it separates the rows of the face; what the pass found).

    Later passes tell by rounded margins which rows lie in the plane: the direction is as long as it must be for that.
    wished: the direction whose plane rows near it are to lie in, too.
    """
    from logloss.onepass.summaries import ExactPlane, SideSummary

    vector = solver_vector(problem.design, coefficients)
    plane = ExactPlane(coefficients, vector, problem.design, problem.face, wished)
    seen = problem.summarised(SideSummary.empty(plane))
    if seen.n_wrong or not seen.n_divided:
        return None, seen
    low, high = seen.largest_inside, seen.least_divided
    if not low < TOUCHING / 2 or not high > 2 * TOUCHING:
        if not 16 * low < high:
            return None, seen
        # By a power of two, which rounds no margin anew.
        ratio = TOUCHING / (math.sqrt(low * high) if low > 0 else high / 4)
        vector = vector * 2.0 ** math.floor(math.log2(ratio))
        if not np.isfinite(vector).all():
            return None, seen
    return Direction(vector, seen.n_divided, seen.n_inside), seen


def proved_nearby(problem: Problem, vector: Array) -> Direction | None:
    """The direction, proved: near rows that rounding leaves beside its plane are put into it, exactly.

    Those rows are equations between fractions; each pass shows which others there are.
    Cost: at most MOST_WALKS_OF_EQUATIONS walks.
    """
    design = problem.design
    largest = np.abs(vector).max(initial=0.0)
    is_part = np.abs(vector) > TOUCHING * largest
    coefficients = exact_coefficients(design, np.where(is_part, vector, 0.0))
    plain = _summed(coefficients)
    support = sorted({*design.free[:1].tolist(), *np.flatnonzero(is_part).tolist()})
    equations = Equations(len(support))
    for _ in range(MOST_WALKS_OF_EQUATIONS):
        direction, seen = proved(problem, coefficients, vector / largest)
        if direction is not None or len(support) > MOST_EXACT:
            return direction
        n_before = equations.rank
        for row in seen.beside:
            equations.add([Fraction(float(row[place])) for place in support])
        if equations.rank in (n_before, len(support)):
            return None
        solution = _as_floats(support, equations.nearest([plain[place] for place in support]))
        if solution is None:
            return None
        coefficients = solution
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
            row = _eliminated(row, pivot, known)
        left = [j for j in range(self.width) if row[j]]
        if not left:
            return
        # Not the intercept, while there is another: its unit is no row's.
        pivot = left[-1]
        row = [a / row[pivot] for a in row]
        self.rows = {other: _eliminated(known, pivot, row) for other, known in self.rows.items()}
        self.rows[pivot] = row

    def nearest(self, wanted: Sequence[Fraction]) -> list[Fraction]:
        """A solution that has the values wanted, to a millionth of the largest, where the equations leave a choice."""
        free = [j for j in range(self.width) if j not in self.rows]
        unit = max((abs(wanted[j]) for j in free), default=Fraction(0)) or Fraction(1)
        solution = [Fraction(0)] * self.width
        for j in free:
            solution[j] = Fraction(round(wanted[j] / unit * RESOLUTION), RESOLUTION)
        if len(free) == 1:
            solution[free[0]] = Fraction(1 if wanted[free[0]] >= 0 else -1)
        for pivot, row in self.rows.items():
            solution[pivot] = -sum((row[j] * solution[j] for j in free), Fraction(0))
        return solution


def _eliminated(row: list[Fraction], pivot: int, by: list[Fraction]) -> list[Fraction]:
    """A row less so much of another, which is 1 at the pivot, that it is 0 there."""
    factor = row[pivot]
    return [a - factor * b for a, b in zip(row, by, strict=True)] if factor else row


def _as_floats(places: Sequence[int], values: Sequence[Fraction]) -> ExactCoefficients | None:
    """Fractions times a common factor, each as a sum of floats; None where they are too long for that."""
    common = math.lcm(*(value.denominator for value in values))
    coefficients: list[tuple[int, float]] = []
    whole = [int(value * common) for value in values]
    # So that the largest is about 1: powers of two are exact.
    shift = max(map(abs, whole), default=0).bit_length()
    for place, value in zip(places, whole, strict=True):
        rest, sign = abs(value), 1 if value > 0 else -1
        n_parts = 0
        while rest:
            excess = max(rest.bit_length() - MANTISSA, 0)
            part = rest >> excess
            coefficients.append((place, math.ldexp(float(sign * part), excess - shift)))
            rest -= part << excess
            n_parts += 1
            if n_parts > MOST_PARTS:
                return None
    return tuple(coefficients)
