"""How well scores rank the labels: the area under the ROC curve, and who pays the loss."""

from __future__ import annotations

import math

import numpy as np

from logloss.answers.estimate import Estimate, expit, logit, student_quantile
from logloss.data.values import Array
from logloss.inference.moments import NEXT_TO_NOTHING, dot
from logloss.inference.score_table import ScoreTable
from logloss.inference.variance import ErrorOf
from logloss.onepass.kernels.exact import ratio

# Parts are said in thousandths at the finest.
THOUSAND = 1000


def area_under_curve(table: ScoreTable, error_of: ErrorOf, reason: str) -> Estimate:
    """Probability that a row of 1 has a higher score than a row of 0, ties counting half; interval in its log-odds.

    DeLong's variance, from what each row contributes. Exact from a table, rounded once; from bins rows of one bin are
    ties.
    """
    zeros, ones = zeros_and_ones(table)
    mass_zero, mass_one = int(zeros.sum()), int(ones.sum())
    if not mass_zero or not mass_one:
        return Estimate(math.nan, reason="one class: there is no pair to compare")
    # Twice the mass of the other class below, or above, half of equals included: all are whole numbers.
    below, above = 2 * np.cumsum(zeros) - zeros, 2 * (mass_one - np.cumsum(ones)) + ones
    pairs, all_pairs = sum_of_products(ones, below), 2 * mass_zero * mass_one
    value = ratio(pairs, all_pairs)
    if reason:
        return Estimate(value, reason=reason)
    if pairs in (0, all_pairs):
        return Estimate(value, reason="every 1 lies above every 0" if pairs else "every 1 lies below every 0")
    total = mass_zero + mass_one
    share_zero, share_one = ratio(mass_zero, total), ratio(mass_one, total)
    rarer = min(share_zero, share_one)
    if not 0 < value < 1 or rarer == 0:
        return Estimate(value, reason=NEXT_TO_NOTHING)
    below, above = (below / (2 * mass_zero)).astype(np.float64), (above / (2 * mass_one)).astype(np.float64)
    # Over the mass of the rarer class, which may be next to nothing, at the end only.
    error, degrees, _ = error_of((above - value) * (rarer / share_zero), (below - value) * (rarer / share_one), 0.0)
    error /= rarer
    if not math.isfinite(error):
        return Estimate(value, reason=NEXT_TO_NOTHING)
    # In log-odds, by the delta method, so that both ends stay in (0, 1).
    width = student_quantile(degrees) * error / (value * (1 - value))
    centre = logit(value)
    return Estimate(value, min(expit(centre - width), value), max(expit(centre + width), value))


def zeros_and_ones(table: ScoreTable) -> tuple[Array, Array]:
    """The masses of 0 and of 1 at each place, as integers in one unit."""
    ones, rows = table.integers
    return rows - ones, ones


def sum_of_products(a: Array, b: Array) -> int:
    """Σ a·b of integers ≥ 0, exactly."""
    # Exact either way: Python's integers are needed only where weights have many bits.
    if a.dtype == np.int64 and int(a.sum()) * int(b.max(initial=0)) < 1 << 63:
        return int(np.einsum("i,i", a, b))
    return sum(one * other for one, other in zip(a.tolist(), b.tolist(), strict=True))


class LossConcentration:
    """The Lorenz curve of the losses: the share of them that the costliest rows bear which make up a part of all mass.

    Exact but for the rounding of shares and of their sum; rows of one bin and label cost the same.
    """

    def __init__(self, table: ScoreTable) -> None:
        costs = np.concatenate([table.if_zero, table.if_one])
        mass = np.concatenate(zeros_and_ones(table))
        paying = mass > 0
        costs, mass = costs[paying], mass[paying]
        # Stable: equal costs keep one order, so that sums have the same bits.
        order = np.argsort(-costs, kind="stable")
        self._costs, mass = costs[order], mass[order]
        # In thousandths, so that the part is a whole number, too.
        self._total = THOUSAND * int(mass.sum())
        self._mass = THOUSAND * (mass if self._total < 1 << 62 else mass.astype(object))
        self._end = np.cumsum(self._mass)
        self._shares = (self._mass / self._total).astype(np.float64)
        self._paid = dot(self._costs, self._shares)

    def share(self, part: float) -> float:
        """Of a part in thousandths; nan where nothing is paid."""
        wanted = self._total // THOUSAND * round(THOUSAND * part)
        n_whole = int(np.searchsorted(self._end, wanted, side="right"))
        # What lies whole within the part counts as it does in all: the share is 1 where the others cost nothing.
        taken = np.where(np.arange(len(self._shares)) < n_whole, self._shares, 0.0)
        if n_whole < len(taken):
            taken[n_whole] = (wanted - (self._end[n_whole] - self._mass[n_whole])) / self._total
        return min(dot(self._costs, taken) / self._paid, 1.0) if self._paid > 0 else math.nan
