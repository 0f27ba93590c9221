"""Separation: whether some direction divides the labels, so that no finite coefficients are best, and which.

A direction d separates where no row lies on the wrong side, (2y − 1)·xᵀd ≥ 0, and some do on the right one. A linear
program looks for the one that leaves rows farthest on their sides; rows that it has not seen are added where a walk
finds them on the wrong side (constraint generation). A direction that no row contradicts is a proof; so is a program
that finds none although it knows only some of the rows.

References
----------
Albert, A. & Anderson, J. A. (1984). On the existence of maximum likelihood estimates in logistic regression models.
Biometrika 71(1), 1-10. doi:10.1093/biomet/71.1.1. Konis, K. (2007). Linear programming algorithms for detecting
separated data in binary logistic regression models. DPhil thesis, University of Oxford.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array

# The gain of a direction, summed over the rows that features of at most 1 make, below which there is none.
NOTHING = 1e-7
# Up to so many rows and values are all given to the program at once.
ALL_ROWS, ALL_VALUES = 5_000, 2_000_000
# Rows added to the program after each walk.
ROWS_ADDED = 200
MOST_WALKS = 100
# Asked of the linear program: a row may lie this far on the wrong side.
SLACK = 1e-10


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


def direction_of(
    walk: Callable[[Any], Any], design: Design, signed_sum: Array, n_rows: int, face: tuple[Array, ...]
) -> Direction | None:
    """The direction that separates the rows of a face; None if there is none.

    walk: makes the summary of all rows that an empty one describes. signed_sum: Σ (2y − 1)·x over the face.
    Cost: one walk for each ROWS_ADDED rows that the program had to learn of.
    """
    from logloss.onepass.summaries import MarginSummary, Plane

    free = design.free
    gain = signed_sum[free]
    known, is_share = np.zeros((0, len(free))), np.zeros(0, dtype=bool)
    wants_all = n_rows <= ALL_ROWS and n_rows * len(free) <= ALL_VALUES
    n_added = n_rows if wants_all else max(ROWS_ADDED, 2 * len(free))
    vector = np.zeros(design.width)
    vector[free] = np.sign(gain)
    for _ in range(MOST_WALKS):
        found = walk(MarginSummary.empty(Plane(vector, design, n_added, face)))
        if len(known) and found.n_wrong == 0:
            n_divided = found.n_rows - found.n_inside
            return Direction(vector, n_divided, found.n_inside) if n_divided else None
        known = np.concatenate([known, found.vectors[:, free]])
        is_share = np.concatenate([is_share, found.is_share])
        short = _best(gain, known, is_share)
        if short is None or float(gain @ short) <= NOTHING * len(free):
            return None
        vector = np.zeros(design.width)
        vector[free] = short
    return None


def _best(gain: Array, rows: Array, is_share: Array) -> Array | None:
    """The direction within the unit cube that gains most and leaves no known row on the wrong side."""
    from scipy.optimize import linprog

    hard, soft = rows[~is_share], rows[is_share]
    found = linprog(
        -gain / max(np.abs(gain).max(initial=0.0), 1e-300),
        A_ub=-hard if len(hard) else None,
        b_ub=np.zeros(len(hard)) if len(hard) else None,
        A_eq=soft if len(soft) else None,
        b_eq=np.zeros(len(soft)) if len(soft) else None,
        bounds=(-1, 1),
        method="highs",
        options={"primal_feasibility_tolerance": SLACK, "dual_feasibility_tolerance": SLACK},
    )
    if found.status != 0:
        return None
    # What no row known of has, and gains nothing, has no part in it: constant columns, for which any value is as good.
    is_idle = (gain == 0) & (np.abs(rows) <= TOUCHING).all(axis=0)
    return np.where(is_idle, 0.0, found.x)


def plainest(
    walk: Callable[[Any], Any], design: Design, found: Direction, face: tuple[Array, ...], null: Array
) -> Direction:
    """A direction that divides the same rows and names as few columns as there need be: the one of least |d|₁.

    null: combinations of the free coefficients, shape (n_free, n_null): of up to ALL_ROWS rows that are divided, those
    across which all rows in the plane lie, of which the direction is one; of more, what the columns cannot tell apart,
    which may be added to it. Cost: two walks and a linear program.
    """
    from logloss.onepass.summaries import MarginSummary, Plane

    free = design.free
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
    from scipy.optimize import linprog

    n_free, n_null = null.shape
    eye = scipy.sparse.eye_array(n_free)
    # Of each coefficient its size, beside the shares of the combinations: size ≥ ±(base + null @ shares).
    sides = [[null, -eye], [-null, -eye]]
    limits = [-base, base]
    if len(rows):
        sides.append([-rows @ null, None])
        limits.append(rows @ base - 1.0)
    found = linprog(
        np.concatenate([np.zeros(n_null), np.ones(n_free)]),
        A_ub=scipy.sparse.block_array(sides, format="csc"),
        b_ub=np.concatenate(limits),
        bounds=[(None, None)] * n_null + [(0, None)] * n_free,
        method="highs",
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
