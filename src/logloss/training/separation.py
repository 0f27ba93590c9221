"""Separation: whether some direction divides the labels, so that no finite coefficients are best, and which.

A direction d separates where no row lies on the wrong side, (2y − 1)·xᵀd ≥ 0, and some do on the right one. Levels and
single columns that do so are found by counting and comparing; else equations or a linear program propose a direction
(`separation_proposals`), and a walk in exact arithmetic proves it (`separation_proof`).

References
----------
Albert, A. & Anderson, J. A. (1984). On the existence of maximum likelihood estimates in logistic regression models.
Biometrika 71(1), 1-10. doi:10.1093/biomet/71.1.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array
from logloss.training.problem import Problem
from logloss.training.separation_proof import Direction
from logloss.training.separation_proposals import of_several_columns, of_single_columns


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


@dataclass(frozen=True, slots=True)
class SeparatingDirections:
    """What a search found: directions, each among the rows in the planes of those before; how many rows they divide.

    free: places of the coefficients of which rows in all planes say something. is_open: whether a direction was found
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
    program had to learn of.
    """
    from logloss.onepass.summaries import ClassSummary, Face

    proven: list[Direction] = []
    is_open = False
    while True:
        planes = tuple(each.vector for each in proven)
        seen = problem.summarised(ClassSummary.empty(Face(problem.design, planes)))
        free = estimable(problem.design, seen.n_each)
        if seen.n_rows == 0:
            break
        face = problem.on_face(planes, free)
        # Counts are known by then; a linear program of many rows can take a minute.
        direction = of_single_columns(face, seen)
        if direction is None:
            direction, is_open = of_several_columns(face, seen, at)
        if direction is None:
            break
        proven.append(direction)
    n_divided = sum(each.n_divided for each in proven)
    return SeparatingDirections(tuple(each.vector for each in proven), n_divided, free, is_open)


def estimable(design: Design, n_each: Array) -> Array:
    """Places of the free coefficients that rows say something of; of a category without its reference one is fixed.

    n_each: rows of each class that each coefficient is of, shape (2, width).
    """
    has_rows = n_each.sum(axis=0) > 0
    if not has_rows.any():
        return np.zeros(1, dtype=np.int64)
    has_rows[: 1 + design.n_dense] = True
    for span, term in zip(design.spans, design.categories, strict=True):
        own = n_each[:, span].sum(axis=0)
        if not own[term.reference] and own.any():
            has_rows[span.start + int(np.argmax(own))] = False
        has_rows[span.start + term.reference] = False
    return np.flatnonzero(has_rows)


def at_infinity(logits: Array, margins: Sequence[Array]) -> Array:
    """Log-odds once the coefficients have gone to infinity along directions, given each row's margin along each."""
    # The first direction is infinitely farther than the others: it is applied last.
    for margin in reversed(margins):
        is_off = np.abs(margin) > TOUCHING
        logits = np.where(is_off, np.copysign(np.inf, margin), logits)
    return logits
