"""How far a fit is above its minimum, at most: the bounds of docs/certificate.md, from the sums of one pass."""

from __future__ import annotations

import math
from dataclasses import dataclass

from logloss.data.rows import Array

# Numbers of coefficients: those of numbers, and the levels of each category.
CoefficientGroups = tuple[Array, list[Array]]


def bound_after_move(bound: float, curvature: float) -> float:
    """Most by which the objective is above its minimum after a move, given the bound before it.

    curvature: at most that of the objective along the move, K. A convex function of one variable that is at most B
    above its infimum has a slope of at most √(2KB), so that the move adds √(2KB) + K/2: √bound grows by √(K/2).
    """
    return (math.sqrt(bound) + math.sqrt(curvature / 2)) ** 2


def reach_of(deviations: Array, largest: Array, groups: CoefficientGroups) -> float:
    """R = max |x|_{H⁻¹} ≤ Σ deviations · the largest size of each feature; of a category only one level is not 0."""
    single, spans = groups
    sizes = deviations * largest
    return float(sizes[single].sum() + sum(sizes[span].max(initial=0.0) for span in spans))


@dataclass(frozen=True, slots=True, repr=False)
class Certificate:
    """Upper bound on how far the mean loss (penalty included) is above its minimum, in nats per row.

    nats_per_row: the bound, in [0, inf], the rounding of float64 sums included; inf where none is proved, as after too
    few passes, or where columns differ only in their last digits. is_proven: whether it is finite. Where classes are
    separated it bounds the distance from the infimum, the limit that is shown. docs/certificate.md has the proof, and
    where it ends: factors of the Hessian are taken as computed. Other solvers state a duality gap under a penalty; this
    bound also holds without one.

    Examples
    --------
    >>> import logloss
    >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).certificate.is_proven
    True
    """

    nats_per_row: float
    is_proven: bool

    def __repr__(self) -> str:
        if not self.is_proven:
            return "Certificate: none, the distance from the minimum is not proved"
        return f"Certificate: at most {self.nats_per_row:.0e} nats per row above the minimum"


@dataclass(frozen=True, slots=True, repr=False)
class Pass:
    """One pass over the rows: its coefficients, the mean log loss there, and the bound on what is left to gain.

    intercept, coefficients: in the order of the model's coefficients. log_loss: nats per row. bound: nats per row by
    which the loss (penalty included) is above its minimum at most; inf where none is proved,
    provisional where products were formed in single precision. penalty: nats per row that a penalty adds to the log
    loss; of Firth's it may be negative.

    Examples
    --------
    >>> import logloss
    >>> first = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).passes[0]
    >>> first.intercept, round(first.log_loss, 4)
    (0.0, 0.6931)
    """

    intercept: float
    coefficients: tuple[float, ...]
    log_loss: float
    bound: float
    penalty: float = 0.0

    def __repr__(self) -> str:
        return f"Pass(log_loss={self.log_loss:.6f}, bound={self.bound:.0e})"
