"""What a lead is made of: errors of differences of miscalibration and discrimination, functions of both scores.

By the envelope theorem a row adds to these what it would if the recalibrations were fixed (inference/decomposition.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.inference.moments import dot
from logloss.inference.recalibration import Recalibration, finite
from logloss.inference.score_table import ScoreTable

if TYPE_CHECKING:
    from logloss.onepass.summaries.contrast import JointScores

# (What rows of 0 and 1 add to the better one's mean at each place of its scores, the same of the worse one, the
# difference of the means) -> (its standard error, skewness).
ErrorOfPair = Callable[[Any, Any, float], tuple[float, float]]


def lost_of(recalibration: Recalibration) -> tuple[Any, Any]:
    """What a row of 0, and of 1, adds to the miscalibration at each place."""
    of_zeros, of_ones = recalibration.costs
    table = recalibration.table
    return finite(table.if_zero) - of_zeros, finite(table.if_one) - of_ones


def saved_of(recalibration: Recalibration) -> tuple[Any, Any]:
    """What a row of 0, and of 1, adds to the discrimination at each place."""
    of_zeros, of_ones = recalibration.costs
    rate = recalibration.positive / recalibration.total
    return -math.log1p(-rate) - of_zeros, -math.log(rate) - of_ones


def joint_error(joint: JointScores, tables: list[ScoreTable], better: int, worse: int, n_rows: int) -> ErrorOfPair:
    """Errors of differences of means of functions of the two scores, from how often each pair of scores was given.

    Within a coarse bin the rows of a label count as their mean. The functions: what rows of 0 and of 1 add at each
    place of the better one's scores, and of the worse one's.
    """
    from logloss.onepass.summaries.contrast import BIN_BITS

    keys, counts = joint.counts.keys, joint.counts.counts
    bins = keys >> BIN_BITS, keys & ((1 << BIN_BITS) - 1)
    of_better, of_worse = bins if better < worse else bins[::-1]

    def error(mine: Any, other: Any, mean: float) -> tuple[float, float]:
        squares = cubes = 0.0
        for label in (0, 1):
            d = _coarse(tables[worse], joint.level, label, other[label])[of_worse]
            d = d - _coarse(tables[better], joint.level, label, mine[label])[of_better] - mean
            rows = counts[:, label].astype(np.float64)
            squares += dot(rows, d**2)
            cubes += dot(rows, d**3)
        if squares <= 0:
            return 0.0, 0.0
        found = math.sqrt(squares / n_rows / max(n_rows - 1, 1))
        return found, cubes / squares**1.5

    return error


def _coarse(table: ScoreTable, level: int, label: int, values: Any) -> Any:
    """The mean of a function of the score in each coarse bin, over the rows of a label."""
    coarse, mass = table.coarse(level), table.shares[label]
    weight = np.bincount(coarse, mass)
    return np.divide(np.bincount(coarse, mass * values), weight, out=np.zeros(len(weight)), where=weight > 0)
