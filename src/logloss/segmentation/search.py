"""The search: the most miscalibrated segment is named and its log-odds are shifted; then what is left beyond it.

Each round is one pass over the rows at the shifts of the segments that are named. The score of any other segment beyond
them is U − I'J⁻¹U_N, with I what it shares of the information J of the named ones: the score test of one more shift.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from logloss.data.rows import Array
from logloss.inference.shift_scores import LARGEST_SHIFT, shift_scores
from logloss.onepass.summaries.segment_sums import Box, SegmentCells, SegmentSums
from logloss.segmentation.family import LEAST_INFORMATION, Family, sides_of
from logloss.segmentation.largest_of_null import LargestOfNull

Walk = Callable[[SegmentCells], SegmentSums]
# Of the variance of a score, what must be left beyond the named segments.
LEAST_LEFT = 0.02


@dataclass(frozen=True, slots=True)
class Named:
    """A segment as it was named. number: in the family; z, p_value: of its shift beyond those named before it.

    gain: what its shift lowers the sum of weighted losses by, in nats, less what it is expected to where forecasts are
    right.
    """

    number: int
    z: float
    p_value: float
    gain: float


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What a search has found. shifts, errors: of the named segments together, with standard errors (log-odds)."""

    family: Family
    null: LargestOfNull
    critical: float
    alone: Array
    named: tuple[Named, ...]
    shifts: Array
    errors: Array
    n_passes: int
    has_more: bool
    n_rows: int
    n_dropped: int


@dataclass(frozen=True, slots=True, eq=False)
class Beyond:
    """Score, information, variance and third cumulant of each segment beyond the named ones."""

    score: Array
    information: Array
    variance: Array
    third: Array

    @classmethod
    def of(cls, family: Family, sums: SegmentSums) -> Beyond:
        """From a pass at the shifts of the named segments."""
        own, n = family.taken(sums), len(sums.cut.named)
        score, information, variance, third = own[:, :4].T
        if n == 0:
            return cls(score, information, variance, third)
        shared, shared_variance = own[:, 4 : 4 + n], own[:, 4 + n : 4 + 2 * n]
        weights = shared @ _inverse(sums.named_information)
        left = variance - 2 * (weights * shared_variance).sum(axis=1)
        left += np.einsum("gk,kl,gl->g", weights, sums.named_variance, weights)
        share = np.clip(left / np.maximum(variance, np.finfo(float).tiny), 0.0, 1.0)
        return cls(score - weights @ sums.named_scores, information * share, variance * share, third * share)


def _inverse(matrix: Array) -> Array:
    return np.linalg.pinv(matrix, hermitian=True)


def search(first: SegmentSums, walk: Walk, most: int) -> Search:
    """Name segments one by one, at most so many, until none is significant over the whole family."""
    family = Family.of(first)
    null = LargestOfNull.of(family.directions)
    critical = null.critical()
    sums, shifts, named = first, np.zeros(0), list[Named]()
    alone = np.zeros(len(family))
    n_passes, has_more = 1, False
    while True:
        beyond = Beyond.of(family, sums)
        root = np.sqrt(family.inflation)
        scores = shift_scores(beyond.score / root, beyond.variance, beyond.third * root)
        z = np.where(_is_left(family, beyond), scores.z, 0.0)
        z[[each.number for each in named]] = 0.0
        alone = z if not named else alone
        if len(named):
            step = _inverse(sums.named_information) @ sums.named_scores
            shifts = np.clip(shifts + step, -LARGEST_SHIFT, LARGEST_SHIFT)
        best = int(np.argmax(np.abs(z)))
        if not abs(z[best]) > critical:
            break
        if len(named) == most:
            has_more = True
            break
        best = _simplest(best, z, critical, family, beyond)
        # In nats of weighted losses: a row of weight 1 has as much information as variance.
        unit = float(beyond.information[best] / beyond.variance[best])
        gain = (float(scores.gain[best]) - 0.5) * float(family.inflation[best]) / unit
        named.append(Named(best, float(z[best]), null.p_value(float(z[best])), gain))
        first_guess = float(scores.shift[best]) * float(root[best]) / unit
        shifts = np.append(shifts, np.clip(first_guess, -LARGEST_SHIFT, LARGEST_SHIFT))
        boxes = tuple(family.boxes[each.number] for each in named)
        sums = walk(first.cut.shifted(n_buckets=0, named=boxes, shifts=tuple(shifts.tolist())))
        n_passes += 1
    errors = _errors(family, sums, named)
    return Search(family, null, critical, alone, tuple(named), shifts, errors, n_passes, has_more, first.n_rows, first.n_dropped)


def _errors(family: Family, sums: SegmentSums, named: list[Named]) -> Array:
    """Standard errors of the shifts, all fitted together."""
    if not named:
        return np.zeros(0)
    inverse = _inverse(sums.named_information)
    inflation = np.array([family.inflation[each.number] for each in named])
    return np.sqrt(np.diag(inverse @ sums.named_variance @ inverse) * inflation)


def _is_left(family: Family, beyond: Beyond) -> Array:
    """Which segments have enough beyond the named ones."""
    own = family.sum_of("variance")
    squares, weight = family.sum_of("weight_squared"), family.sum_of("weight")
    # As many effective rows as hold the variance.
    rows = weight**2 / np.maximum(squares, np.finfo(float).tiny)
    enough = beyond.variance / np.maximum(squares, np.finfo(float).tiny) * rows >= LEAST_INFORMATION
    is_left: Array = enough & (beyond.variance >= LEAST_LEFT * own)
    is_left[0] = beyond.variance[0] >= LEAST_LEFT * own[0]
    return is_left


def _simplest(best: int, z: Array, critical: float, family: Family, beyond: Beyond) -> int:
    """The largest segment around the best one that is significant, too, and whose rest does not differ from it."""
    while True:
        around = [number for number in _around(best, family) if abs(z[number]) > critical]
        around = [number for number in around if not _differs(best, number, critical, family, beyond)]
        if not around:
            return best
        best = max(around, key=lambda number: abs(z[number]))


def _around(number: int, family: Family) -> list[int]:
    """The sides of a pair; all rows, of a range."""
    box = family.boxes[number]
    if box.column < 0:
        return []
    if box.other < 0:
        return [0]
    return [family.numbers[side] for side in sides_of(box) if side in family.numbers]


def _differs(inner: int, outer: int, critical: float, family: Family, beyond: Beyond) -> bool:
    """Whether the shift of a segment differs from that of the rest of one around it: their contrast, squared."""
    u, v = beyond.score, beyond.variance * family.inflation
    rest = max(v[outer] - v[inner], 0.0)
    if rest <= 0:
        return False
    contrast = u[inner] ** 2 / v[inner] + (u[outer] - u[inner]) ** 2 / rest - u[outer] ** 2 / v[outer]
    return bool(contrast > critical**2)
