"""Ranking: the area under the ROC curve (AUC), and the loss concentration (Lorenz curve).

References: DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595; Newcombe (2006), doi:10.1002/sim.2324.
"""

from __future__ import annotations

import math

import numpy as np

from logloss.answers.estimate import Estimate, expit, logit, student_quantile
from logloss.data.values import Array
from logloss.inference.moments import NEARLY_ONE_CLASS, Moments
from logloss.inference.score_table import ScoreTable, dot
from logloss.inference.variance import ErrorOf, error_of_rows
from logloss.onepass.kernels.exact import ratio

# Shares of rows are multiples of a thousandth.
THOUSAND = 1000
# Rows tied with all others that are added before the interval of an area is made: with fewer, more intervals lie above
# a true area of 0.9, with more, below one of 0.995 (docs/decisions/0034-area-near-one.md).
TIED = 0.4
# Of a class with a smaller share of all mass the squares in its variance underflow.
LIGHTEST_CLASS = 1e-140


def area_under_curve(table: ScoreTable, moments: Moments, error_of: ErrorOf, reason: str) -> Estimate:
    """Probability that a row of 1 has a higher score than a row of 0, ties counting half, with its interval.

    Exact from a table, rounded once; from bins rows of one bin are ties. The standard error is DeLong's, from
    the placement value of each row.
    """
    zeros, ones = zeros_and_ones(table)
    mass_zero, mass_one = int(zeros.sum()), int(ones.sum())
    if not mass_zero or not mass_one:
        return Estimate(math.nan, reason="one class: no pair to compare")
    # Twice the mass of the other class below, or above, half of equals included: all are whole numbers.
    below, above = 2 * np.cumsum(zeros) - zeros, 2 * (mass_one - np.cumsum(ones)) + ones
    value = ratio(sum_of_products(ones, below), 2 * mass_zero * mass_one)
    if reason:
        return Estimate(value, reason=reason)
    total = mass_zero + mass_one
    share_zero, share_one = ratio(mass_zero, total), ratio(mass_one, total)
    rarer = min(share_zero, share_one)
    if rarer < LIGHTEST_CLASS:
        return Estimate(value, reason=NEARLY_ONE_CLASS)
    below, above = (below / (2 * mass_zero)).astype(np.float64), (above / (2 * mass_one)).astype(np.float64)
    # Over the mass of the rarer class, which may be next to nothing, at the end only.
    added = (above - value) * (rarer / share_zero), (below - value) * (rarer / share_one)
    sampling = error_of(*added, 0.0)
    error = sampling.error / rarer
    if not math.isfinite(error):
        return Estimate(value, reason=NEARLY_ONE_CLASS)
    # Dependent rows count as the number of independent ones of the same variance (Korn and Graubard 1998,
    # Survey Methodology 24, 193-201), and at least one for each cluster. As few clusters may hide how much they differ,
    # the geometric mean of both counts; without clusters they are the same.
    n_rows, _ = moments.effective_of_rarer_class
    n_independent = min(n_rows, sampling.degrees + 1)
    of_rows = error_of_rows(table, moments)(*added, 0.0).error / rarer
    worth = n_rows * min(of_rows / error, 1.0) ** 2 if error > 0 else 0.0
    n_rarer = math.sqrt(n_independent * max(worth, n_independent))
    return _drawn_to_half(value, error, n_rarer, student_quantile(sampling.degrees))


def _drawn_to_half(value: float, error: float, n_rarer: float, quantile: float) -> Estimate:
    """The area with the interval of a sample that has TIED rows more in its rarer class, tied with all of the other.

    Where few rows of 1 lie below many of 0, the area depends on those few; a sample without them has a large area and a
    small error, and a plain interval does not reach the true area. n_rarer: effective rows of the rarer class.
    """
    tied = TIED / n_rarer
    centre = 0.5 + (value - 0.5) / (1 + tied)
    # The mean and the variance of n and of TIED values together.
    error = math.sqrt(error * error + tied / n_rarer * (value - 0.5) ** 2) / (1 + tied)
    # In log-odds, by the delta method, so that both ends stay in (0, 1).
    width, middle = quantile * error / (centre * (1 - centre)), logit(centre)
    return Estimate(value, min(expit(middle - width), value), max(expit(middle + width), value))


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
    """The Lorenz curve of the losses: the share of the total loss in the top rows by loss, for shares of all mass.

    Exact but for the rounding of shares and of their sum; rows of one bin and label have equal loss.
    """

    def __init__(self, table: ScoreTable) -> None:
        costs = np.concatenate([table.if_zero, table.if_one])
        mass = np.concatenate(zeros_and_ones(table))
        held = mass > 0
        costs, mass = costs[held], mass[held]
        # Stable: equal losses keep one order, so that sums have the same bits.
        order = np.argsort(-costs, kind="stable")
        self._costs, mass = costs[order], mass[order]
        # In thousandths, so that the part is a whole number, too.
        self._total = THOUSAND * int(mass.sum())
        self._mass = THOUSAND * (mass if self._total < 1 << 62 else mass.astype(object))
        self._end = np.cumsum(self._mass)
        self._shares = (self._mass / self._total).astype(np.float64)
        self._mean = dot(self._costs, self._shares)

    def share(self, part: float) -> float:
        """Of a share of the rows, in thousandths; nan where the total loss is 0."""
        wanted = self._total // THOUSAND * round(THOUSAND * part)
        n_whole = int(np.searchsorted(self._end, wanted, side="right"))
        # Terms as in the total: the share is exactly 1 where the other losses are 0.
        taken = np.where(np.arange(len(self._shares)) < n_whole, self._shares, 0.0)
        if n_whole < len(taken):
            taken[n_whole] = (wanted - (self._end[n_whole] - self._mass[n_whole])) / self._total
        return min(dot(self._costs, taken) / self._mean, 1.0) if self._mean > 0 else math.nan
