"""Separation: whether a direction divides the labels, so that no finite maximum-likelihood estimate exists, and which.

A direction d separates where no row lies on the wrong side, (2y − 1)·xᵀd ≥ 0, and some do on the right one. Levels and
single columns that do so are found by counting and comparing; else equations or a linear program propose a direction
(`separation_program`), and a pass in exact arithmetic proves it (`separation_proof`).

References
----------
Albert, A. & Anderson, J. A. (1984). On the existence of maximum likelihood estimates in logistic regression models.
Biometrika 71(1), 1-10. doi:10.1093/biomet/71.1.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array
from logloss.text import counted, listed, printable
from logloss.training.interruptible import PASSES, SEPARATION
from logloss.training.problem import LimitReached, Limits, Problem
from logloss.training.separation_program import MOST_WORK, of_several_columns
from logloss.training.separation_proof import Direction, ExactCoefficients, proved

if TYPE_CHECKING:
    from logloss.onepass.summaries import ClassSummary


# Walks of one search, all its directions together.
MOST_WALKS = 1_000


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


def at_infinity(logits: Array, margins: Sequence[Array]) -> Array:
    """Log-odds once the coefficients have gone to infinity along directions, given each row's margin along each."""
    # The first direction is infinitely farther than the others: it is applied last.
    for margin in reversed(margins):
        is_off = np.abs(margin) > TOUCHING
        logits = np.where(is_off, np.copysign(np.inf, margin), logits)
    return logits
