"""ROC and precision–recall curves in the terms of scikit-learn: every score is a threshold, of bins every edge."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from logloss.answers.small_table import SmallTable
from logloss.data.values import Array
from logloss.errors import DataError
from logloss.inference.confusion import from_top
from logloss.inference.score_table import ScoreTable, edges_of
from logloss.onepass.summaries.scores import LOGIT


def masses_above(table: ScoreTable) -> tuple[Array, Array]:
    """The mass of 0 and of 1 at each place and above, as integers, in ascending order of the score; 0 at the end."""
    ones, rows = table.integers
    above, above_one = from_top(rows), from_top(ones)
    if not above_one[0] or above_one[0] == above[0]:
        label = 1 if above_one[0] else 0
        raise DataError(f"a curve needs rows of both classes: every label is {label}.")
    return above - above_one, above_one


def thresholds_of(table: ScoreTable) -> Array:
    """The score, P(1) or logit, at or above which the rows of each place and of those above lie; inf at the end."""
    # The upper edge of the last bin of finite log-odds is infinite.
    with np.errstate(over="ignore"):
        edges = edges_of(table.scale, table.keys, is_binned=not table.is_exact)
    lower = edges["lower"]
    # On the far side of ½, and far below a logit of 0, a bin does not hold its lower edge.
    is_open = (lower < -16 if table.scale == LOGIT else lower >= 0.5) & (lower < edges["upper"])
    lower = np.where(is_open, np.nextafter(lower, math.inf), lower)
    return np.append(lower, math.inf)


def roc_curve_table(table: ScoreTable, *, drop_intermediate: bool) -> SmallTable:
    """False and true positive rates, from the highest threshold on."""
    zeros, ones = (each[::-1] for each in masses_above(table))
    kept = np.arange(len(zeros))
    if drop_intermediate:
        # As scikit-learn: points in the middle of two on one line; the point before the highest score stays.
        is_corner = (np.diff(zeros[1:], 2) != 0) | (np.diff(ones[1:], 2) != 0)
        kept = corners(is_corner, len(zeros))
    columns: dict[str, Any] = {
        "fpr": zeros / zeros[-1],
        "tpr": ones / ones[-1],
        "threshold": thresholds_of(table)[::-1],
    }
    return SmallTable({name: each[kept].astype(np.float64).tolist() for name, each in columns.items()})


def precision_recall_table(table: ScoreTable, *, drop_intermediate: bool) -> SmallTable:
    """Precision and recall, from the lowest threshold on; at the end 1 and 0, which no threshold has."""
    zeros, ones = masses_above(table)
    kept = np.arange(len(zeros))
    if drop_intermediate:
        # As scikit-learn: points between two of equal recall are left out.
        changes = np.diff(ones[-2::-1]) != 0
        kept = (len(ones) - 1 - corners(changes[1:] | changes[:-1], len(ones)))[::-1]
    rows = zeros + ones
    rows[-1] = 1
    precision = (ones / rows).astype(np.float64)
    precision[-1] = 1.0
    columns = {"precision": precision, "recall": ones / ones[0], "threshold": thresholds_of(table)}
    return SmallTable({name: each[kept].astype(np.float64).tolist() for name, each in columns.items()})


def corners(is_inner: Array, n_points: int) -> Array:
    """Numbers of the points that are kept, from the highest threshold: the first two, the last, and those marked."""
    return np.unique(np.concatenate([[0, 1], 2 + np.flatnonzero(is_inner), [n_points - 1]]))


def average_precision(table: ScoreTable) -> float:
    """Σ (recall gained) · precision over the places, from the highest: scikit-learn's average_precision_score."""
    zeros, ones = masses_above(table)
    gained = -np.diff(ones)
    precision = (ones[:-1] / (zeros + ones)[:-1]).astype(np.float64)
    return float(np.dot((gained / ones[0]).astype(np.float64), precision))
