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


def direction_of(
    walk: Callable[[Any], Any],
    design: Design,
    signed_sum: Array,
    n_rows: int,
    face: tuple[Array, ...],
    null: Array | None = None,
) -> Direction | None:
    """The direction that separates the rows of a face; None if there is none.

    walk: makes the summary of all rows that an empty one describes. signed_sum: Σ (2y − 1)·x over the face. null: what
    the columns cannot tell apart: then of all directions that say the same it is the one of fewest coefficients.
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
            if n_divided and null is not None:
                plain = np.zeros(design.width)
                plain[free] = plainest(vector[free], null)
                again = walk(MarginSummary.empty(Plane(plain, design, 0, face)))
                if again.n_wrong == 0 and again.n_inside == found.n_inside:
                    vector = plain
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


def plainest(direction: Array, null: Array) -> Array:
    """The direction of fewest coefficients (least sum of sizes) that says the same of every row.

    null: what the columns cannot tell apart, shape (n, n_dependent). Entries are at most 1.
    """
    import scipy.sparse
    from scipy.optimize import linprog

    n, k = null.shape
    eye = scipy.sparse.eye_array(n)
    found = linprog(
        np.append(np.zeros(k), np.ones(n)),
        A_ub=scipy.sparse.block_array([[null, -eye], [-null, -eye]], format="csc"),
        b_ub=np.append(-direction, direction),
        bounds=[(None, None)] * k + [(0, None)] * n,
        method="highs",
    )
    if found.status != 0:
        return direction
    plain = direction + null @ found.x[:k]
    plain = plain / np.abs(plain).max()
    return np.where(np.abs(plain) > TOUCHING, plain, 0.0)


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
