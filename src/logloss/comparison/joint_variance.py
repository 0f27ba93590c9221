"""Errors of differences of miscalibration and discrimination, which are functions of the scores of both forecasts."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from logloss.inference.moments import dot
from logloss.inference.recalibration import Influence
from logloss.inference.score_table import ScoreTable
from logloss.onepass.summaries.contrast import BIN_BITS, JointScores

# (What rows of 0 and 1 add to the better one's mean at each place of its scores, the same of the worse one, the
# difference of the means) -> (its standard error, skewness).
ErrorOfPair = Callable[[Influence, Influence, float], tuple[float, float]]


def joint_error(joint: JointScores, tables: list[ScoreTable], better: int, worse: int, n_rows: int) -> ErrorOfPair:
    """Errors of differences of means of functions of the two scores, from how often each pair of scores was given.

    Within a coarse bin the rows of a label count as their mean. The functions: what rows of 0 and of 1 add at each
    place of the better one's scores, and of the worse one's.
    """
    keys, counts = joint.counts.keys, joint.counts.counts
    bins = keys >> BIN_BITS, keys & ((1 << BIN_BITS) - 1)
    of_better, of_worse = bins if better < worse else bins[::-1]

    def error(mine: Influence, other: Influence, mean: float) -> tuple[float, float]:
        squares = cubes = 0.0
        for label in (0, 1):
            d = tables[worse].coarse_means(joint.level, label, other[label])[of_worse]
            d = d - tables[better].coarse_means(joint.level, label, mine[label])[of_better] - mean
            rows = counts[:, label].astype(np.float64)
            squares += dot(rows, d**2)
            cubes += dot(rows, d**3)
        if squares <= 0:
            return 0.0, 0.0
        # Counts of rows: joint scores are kept of hard labels without weights only.
        standard_error = math.sqrt(squares / n_rows / max(n_rows - 1, 1))
        return standard_error, cubes / squares**1.5

    return error
