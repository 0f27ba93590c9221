"""What each row adds to the parts of a loss: their influence functions, from which all their errors are made.

The recalibration is fitted to the rows, too; by the envelope theorem what a row adds is, to first order, what it would
add if the recalibration were fixed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from logloss.data.values import Array
from logloss.inference.recalibration import Recalibration, finite

# What a row of 0, and what a row of 1, adds to a mean at each place of the score.
Influence = tuple[Array, Array]
# The least share that a float holds, and the rounding of one that is nearly all.
LEAST_RATE, ROUNDING = 5e-324, 2.0**-53


class Influences(NamedTuple):
    """Of the three parts: uncertainty − discrimination + miscalibration adds up to what the row costs."""

    uncertainty: Influence
    discrimination: Influence
    miscalibration: Influence


def influences_of(recalibration: Recalibration) -> Influences:
    """What rows add to each part; what is impossible counts as costing nothing."""
    table, (of_zeros, of_ones) = recalibration.table, recalibration.costs
    # A class that weighs next to nothing is there all the same.
    rate = min(max(recalibration.positive / recalibration.total, LEAST_RATE), 1 - ROUNDING)
    if_zero, if_one = -math.log1p(-rate), -math.log(rate)
    return Influences(
        (np.full(len(of_zeros), if_zero), np.full(len(of_ones), if_one)),
        (if_zero - of_zeros, if_one - of_ones),
        (finite(table.if_zero) - of_zeros, finite(table.if_one) - of_ones),
    )
