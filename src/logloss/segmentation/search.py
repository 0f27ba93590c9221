"""The search: the most miscalibrated segment is named and its log-odds are shifted; then what is left beyond it.

Each round is one pass over the rows at the shifts of the segments that are named. The score of any other segment beyond
them is U − I'J⁻¹U_N, with I what it shares of the information J of the named ones: the score test of one more shift.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from logloss.data.rows import Array
from logloss.inference.shift_scores import LARGEST_SHIFT, normal_of_student, shift_scores
from logloss.onepass.summaries.segment_sums import SegmentCells, SegmentSums
from logloss.segmentation.family import LEAST_INFORMATION, Family, sides_of
from logloss.segmentation.largest_of_null import LargestOfNull

Walk = Callable[[SegmentCells], SegmentSums]
# Of the variance of a score, what must be left beyond the named segments.
LEAST_LEFT = 0.02
# Twice the gain in log-likelihood that is left when shifts are fitted, and the most steps that takes.
FITTED, MOST_STEPS = 1e-3, 12
# Relative difference of two squared scores that is rounding, or what is left of a fit.
SAME_SCORE = 1e-3


@dataclass(frozen=True, slots=True)
class Named:
    """A segment as it was named. number: in the family; z, p_value: of its shift beyond those named before it.

    gain: what its shift lowers the sum of weighted losses by, in nats, less what it is expected to where forecasts are
    right. difference: observed less predicted rate once those before it are shifted; shift: of its log-odds,
    fitted together with theirs, with its standard error.
    """

    number: int
    z: float
    p_value: float
    gain: float
    difference: float
    shift: float
    error: float


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What a search has found. critical: of the largest |z|; has_more: whether it ended at `most` segments."""

    family: Family
    null: LargestOfNull
    critical: float
    named: tuple[Named, ...]
    n_passes: int
    has_more: bool
    n_rows: int
    n_dropped: int


@dataclass(frozen=True, slots=True, eq=False)
class Beyond:
    """Score, information, variance and third cumulant of each segment beyond the named ones.

    weights: (n_segments, n_named), by how much a shift of each segment lowers those of the named ones.
    """

    score: Array
    information: Array
    variance: Array
    third: Array
    weights: Array

    @classmethod
    def of(cls, family: Family, sums: SegmentSums) -> Beyond:
        """From a pass at the shifts of the named segments."""
        own, n = family.taken(sums), len(sums.cut.named)
        score, information, variance, third = own[:, :4].T
        if n == 0:
            return cls(score, information, variance, third, np.zeros((len(own), 0)))
        shared, shared_variance = own[:, 4 : 4 + n], own[:, 4 + n : 4 + 2 * n]
        weights = shared @ _inverse(sums.named_information)
        left = variance - 2 * (weights * shared_variance).sum(axis=1)
        left += np.einsum("gk,kl,gl->g", weights, sums.named_variance, weights)
        share = np.clip(left / np.maximum(variance, np.finfo(float).tiny), 0.0, 1.0)
        return cls(score - weights @ sums.named_scores, information * share, variance * share, third * share, weights)


def _inverse(matrix: Array) -> Array:
    return np.linalg.pinv(matrix, hermitian=True)


def search(first: SegmentSums, walk: Walk, most: int) -> Search:
    """Name segments one by one, at most so many, until none is significant over the whole family."""
    family = Family.of(first)
    null = LargestOfNull.of(family.directions)
    critical, root = null.critical(), np.sqrt(family.inflation)
    at, named, n_passes, has_more = _Point(first, np.zeros(0)), list[Named](), 1, False
    while True:
        beyond = Beyond.of(family, at.sums)
        scores = shift_scores(beyond.score / root, beyond.variance, beyond.third * root)
        z = np.where(_is_left(family, beyond), normal_of_student(scores.z, family.degrees), 0.0)
        z[[each.number for each in named]] = 0.0
        best = _largest(z, family, beyond)
        if not abs(z[best]) > critical:
            break
        if len(named) == most:
            has_more = True
            break
        best = _simplest(best, z, critical, family, beyond)
        # A row of weight 1 has as much information as variance.
        unit = float(beyond.information[best] / beyond.variance[best])
        shift = float(scores.shift[best]) * float(root[best]) / unit
        left = float(beyond.score[best]) / float(family.sum_of("weight")[best])
        boxes = (*(family.boxes[each.number] for each in named), family.boxes[best])
        start = np.append(at.shifts - beyond.weights[best] * shift, shift)
        before, z_of = at.sums.sum_loss, float(z[best])
        at, n_more = _fitted(partial(first.cut.shifted, n_buckets=0, named=boxes), walk, start)
        n_passes += n_more
        expected = 0.5 * float(family.inflation[best]) / unit
        gain = before - at.sums.sum_loss - expected
        fitted = float(at.shifts[-1]), float(root[best]) * _error_of_last(at.sums)
        named.append(Named(best, z_of, null.p_value(z_of), gain, left, *fitted))
    return Search(family, null, critical, tuple(named), n_passes, has_more, first.n_rows, first.n_dropped)


def _largest(z: Array, family: Family, beyond: Beyond) -> int:
    """The segment of the largest |z|; of two with the same score, but for its sign, the smaller one.

    Beyond a shift of all rows a segment and the rest have such scores.
    """
    best = int(np.argmax(np.abs(z)))
    tiny = np.finfo(float).tiny
    standard = np.where(z == 0, 0.0, beyond.score**2 / np.maximum(beyond.variance * family.inflation, tiny))
    ties = np.flatnonzero(np.abs(standard - standard[best]) <= SAME_SCORE * standard[best])
    return int(ties[np.argmin(family.sum_of("weight")[ties])]) if len(ties) else best


class _Point(NamedTuple):
    """The sums of a pass, and the shifts at which it was made."""

    sums: SegmentSums
    shifts: Array


def _fitted(cut: Callable[..., SegmentCells], walk: Walk, start: Array) -> tuple[_Point, int]:
    """(The pass at the shifts that fit the named segments together, the passes that took): Newton's method.

    A pass that sums no cells is cheap: steps are made by such passes.
    """
    shifts = np.clip(start, -LARGEST_SHIFT, LARGEST_SHIFT)
    n_passes = 1
    while n_passes <= MOST_STEPS:
        n_passes += 1
        sums = walk(cut(shifts=tuple(shifts.tolist()), is_summed=False))
        step = _inverse(sums.named_information) @ sums.named_scores
        if float(sums.named_scores @ step) < FITTED:
            break
        shifts = np.clip(shifts + step / max(1.0, float(np.max(np.abs(step)))), -LARGEST_SHIFT, LARGEST_SHIFT)
    return _Point(walk(cut(shifts=tuple(shifts.tolist()))), shifts), n_passes


def _error_of_last(sums: SegmentSums) -> float:
    """The standard error of the last shift, fitted together with the others, rows being independent."""
    inverse = _inverse(sums.named_information)
    return float(np.sqrt((inverse @ sums.named_variance @ inverse)[-1, -1]))


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
