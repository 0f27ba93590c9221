"""The certificate of coefficients that are rounded to single precision.

>>> import numpy as np
>>> round(curvature_of_move(np.array([[1.0], [-1.0]], np.float32), None, np.array([0.5, 0.0]), 2.0), 5)
0.625
"""

from __future__ import annotations

from typing import Any

import numpy as np

from logloss.data.rows import Array
from logloss.onepass.kernels.newton_rules import ROUNDING
from logloss.training.certificate import Certificate, bound_after_move
from logloss.training.model import LogisticModel
from logloss.training.wide_model import WideModel

# Rows that are widened at a time, and values of many columns.
PIECE_ROWS, PIECE_VALUES = 1 << 12, 1 << 22


def rows_of_piece(n_columns: int) -> int:
    """How many rows of so many columns are widened at a time."""
    return max(min(PIECE_ROWS, PIECE_VALUES // max(n_columns, 1)), 1)


def coefficients_of(model: LogisticModel | WideModel) -> Array:
    """The coefficients in the order of the columns, shape (n_features,)."""
    return model.coef if isinstance(model, WideModel) else np.array(list(model.coefficients.values()))


def rounded_certificate(
    model: LogisticModel | WideModel, coefficients: Array, intercept: float, X: Any, weight: Array | None
) -> Certificate:
    """The certificate of a model's coefficients after they were rounded, for the rows that it was fitted to.

    coefficients, intercept: the rounded ones. Where some of the model's are infinite, the bound stays that of the
    model, whose predictions are those of its limit.
    """
    exact = np.append(coefficients_of(model), model.intercept)
    if not np.isfinite(exact).all():
        return model.certificate
    move = np.array([*coefficients, intercept], dtype=np.float64) - exact
    if not (model.certificate.is_proven and np.isfinite(move).all()):
        return Certificate(np.inf, False)
    curvature = curvature_of_move(X, weight, move, model.l2)
    bound = bound_after_move(model.certificate.nats_per_row, curvature / model.sum_weight)
    # No absolute value turns its sign within 2²³ moves either way, before which the objective has no kink.
    if model.l1:
        bound += model.certificate.nats_per_row * 2.0**-22
    return Certificate(bound, bool(np.isfinite(bound)))


def curvature_of_move(X: Any, weight: Array | None, move: Array, l2: float) -> float:
    """At most the curvature of the objective along a move, coefficients first and then the intercept.

    The second derivative of a row's loss in its log-odds is at most 1/4: Σ s (xᵀδ + δ₀)² / 4 + l2 · |δ|². The rounding
    of each product of a row is added to its size.
    """
    coefficients, intercept = move[:-1], float(move[-1])
    total = 0.0
    n_rows = rows_of_piece(X.shape[1])
    for start in range(0, X.shape[0], n_rows):
        rows = X[start : start + n_rows].astype(np.float64)
        sizes = abs(rows) @ np.abs(coefficients) + abs(intercept)
        most = np.abs(rows @ coefficients + intercept) + (len(move) + 2) * ROUNDING * sizes
        total += float(np.sum(most**2) if weight is None else weight[start : start + n_rows] @ most**2)
    # Rounding of the sums: positive terms, a few units each.
    return (total / 4 + l2 * float(coefficients @ coefficients)) * (1 + 2.0**-20)
