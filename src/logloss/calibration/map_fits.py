"""Fitting maps to the labels of a summary.

Every fit is finite, also of few rows, of one class and of scores that separate the labels: maps of log-odds have
Platt's targets, as if one row more of each class had been seen; a mixture, and the ends of the others, count half a row
as wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from logloss.answers.estimate import logit
from logloss.calibration.bins import ScoreBins
from logloss.calibration.maps import IDENTITY, ISOTONIC, MIXTURE, ScoreMap, logs_of_logit
from logloss.data.values import Array
from logloss.inference.logistic_line import (
    AS_GOOD_AS_INFINITE,
    LogOddsMap,
    ScoredLabels,
    fitted,
    is_inside,
    labels_inside,
)
from logloss.inference.recalibration import pooled

# Masses are whole numbers of this part of all mass where shares are compared.
UNIT_OF_MASS = 2.0**-60
# Shares of ones that differ by less are one: of a row in 10^5 the unit of mass is 10^-13.
ONE_SHARE = 1e-11
# Labels of p = 0 and p = 1: masses of (0, 1).
Pair = tuple[float, float]


@dataclass(frozen=True)
class FitData:
    """What a map is fitted to.

    labels: places where p is neither 0 nor 1; logit, zeros, ones: their log-odds in ascending order, with masses;
    at_zero, at_one: masses of (0, 1) where p is 0, or 1; None if there are no such rows. row: the mass of one row.
    """

    labels: ScoredLabels
    logit: Array
    zeros: Array
    ones: Array
    at_zero: Pair | None
    at_one: Pair | None
    row: float

    @classmethod
    def of_bins(cls, bins: ScoreBins, masses: Array) -> FitData:
        """Of the bins with some masses: those of all folds but one. That p = 0 occurs is known of all rows."""
        logs = bins.log_one[0], bins.log_zero[0]
        data = cls._of(bins.labels_of(masses), logs, bins.logit, masses, bins)
        logit, zeros, ones = bins.inside_as_known(masses)
        return replace(data, logit=logit, zeros=zeros, ones=ones)

    @classmethod
    def of_table(cls, bins: ScoreBins) -> FitData:
        """Of every place."""
        table = bins.table
        log_one, log_zero = table.points.logs
        return cls._of(labels_inside(table), (log_one, log_zero), log_one + log_zero, np.stack(table.shares), bins)

    @classmethod
    def _of(
        cls, labels: ScoredLabels, logs: tuple[Array, Array], logit: Array, masses: Array, bins: ScoreBins
    ) -> FitData:
        inside = is_inside(*logs)
        at_zero, at_one = certain_labels(logs, masses)
        zeros, ones = masses[:, inside]
        return cls(labels, logit[inside], zeros, ones, at_zero, at_one, 1.0 / bins.n_effective)

    def smoothed(self, labels: ScoredLabels) -> ScoredLabels:
        """Labels with Platt's targets: a 1 counts as (n₁ + 1) / (n₁ + 2), a 0 as 1 / (n₀ + 2), of effective rows."""
        of_zero, of_one = (1 / (float(each.sum()) / self.row + 2) for each in (labels.zeros, labels.ones))
        # The mass of each row is split between both labels as its target says.
        zeros = labels.zeros * (1 - of_zero) + labels.ones * of_one
        return labels.with_masses(zeros, labels.zeros * of_zero + labels.ones * (1 - of_one))


def certain_labels(logs: tuple[Array, Array], masses: Array) -> tuple[Pair | None, Pair | None]:
    """The masses of 0 and of 1 where p is 0, and where it is 1; None if it never is."""
    log_one, log_zero = logs
    pairs: list[Pair | None] = []
    for is_certain in (log_one <= -AS_GOOD_AS_INFINITE, log_zero >= AS_GOOD_AS_INFINITE):
        zeros, ones = (float(each[is_certain].sum()) for each in masses)
        pairs.append((zeros, ones) if is_certain.any() else None)
    return pairs[0], pairs[1]


def fitted_map(method: str, data: FitData, start: LogOddsMap | None = None) -> ScoreMap:
    """The map of a method with the least loss on the data."""
    if method == IDENTITY:
        return ScoreMap(IDENTITY)
    if method == MIXTURE:
        return _mixture(data)
    if method == ISOTONIC:
        return _isotonic(data)
    seen = data.logit
    if len(seen) == 0:
        # Every score lies beyond those that were seen.
        return _with_edges(ScoreMap(method, lowest=math.inf, highest=-math.inf), data)
    labels = data.smoothed(data.labels)
    # Folds may have taken all of a place.
    labels = labels.taken(labels.mass > 0)
    line = fitted(labels, method, start) if len(labels.mass) else LogOddsMap()
    fit = ScoreMap(method, line.a, line.b, line.c, lowest=float(seen[0]), highest=float(seen[-1]))
    return _with_edges(fit, data)


def _mixture(data: FitData) -> ScoreMap:
    """(1 − ε)·p + ε·base rate. Where no certain forecast was wrong, the rows alone would say ε = 0, and the loss of the
    first wrong one would be infinite: half a row counts as one that was."""
    certain = [data.at_zero or (0.0, 0.0), data.at_one or (0.0, 0.0)]
    zeros, ones = (float(each.sum()) + certain[0][k] + certain[1][k] for k, each in ((0, data.zeros), (1, data.ones)))
    # Half a row of each class: of one class alone the base rate is neither 0 nor 1.
    base_rate = (ones + data.row / 2) / (zeros + ones + data.row)
    return ScoreMap(MIXTURE, epsilon=epsilon_of(data.labels, certain, base_rate, data.row / 2), base_rate=base_rate)


def epsilon_of(labels: ScoredLabels, certain: Sequence[Pair], base_rate: float, wrong: float) -> float:
    """Where Σ mass·log((1 − ε)·g + ε·b) + wrong·log ε is greatest, of g and b the probability that p and the base rate
    give to the observed label; certain: masses of (0, 1) where p is 0, and where it is 1. Concave in ε."""
    from scipy.optimize import brentq

    given = np.exp(np.concatenate([labels.log_one, -labels.log_zero]))
    rate = np.repeat([base_rate, 1 - base_rate], len(labels.mass))
    masses = np.concatenate([labels.ones, labels.zeros])
    (right_zeros, wrong_ones), (wrong_zeros, right_ones) = certain
    given = np.concatenate([given, [1.0, 1.0]])
    rate = np.concatenate([rate, [1 - base_rate, base_rate]])
    masses = np.concatenate([masses, [right_zeros, right_ones]])
    # Where p gave 0 to the observed label, ε times the derivative is the mass.
    has_none = given == 0
    never = wrong + wrong_ones + wrong_zeros + float(masses[has_none].sum())
    given, more, masses = given[~has_none], (rate - given)[~has_none], masses[~has_none]

    def slope(epsilon: float) -> float:
        """ε times the derivative."""
        return never + float((masses * (epsilon * more / (given + epsilon * more))).sum())

    # The derivative falls: if it is not negative at 1, p tells less than the base rate alone.
    return float(brentq(slope, 0.0, 1.0, xtol=1e-300, maxiter=1000)) if slope(1.0) < 0 else 1.0


def _with_edges(fit: ScoreMap, data: FitData) -> ScoreMap:
    """The map with what p = 0 and p = 1 become: (s + ½) / (n + 1), but never beyond the nearest score.

    Where only one of the two was seen, the other becomes what the nearest score does: it may come with new rows.
    """
    if data.at_zero is None and data.at_one is None:
        return fit
    lowest, highest = math.inf, -math.inf
    if len(data.logit):
        ends = data.logit[[0, -1]]
        lowest, highest = fit.log_odds(*logs_of_logit(ends)).tolist()
    at_zero, at_one = (_half_a_row_more(masses or (0.0, 0.0), data.row) for masses in (data.at_zero, data.at_one))
    at_zero = min(at_zero, lowest)
    # The map never decreases: what p = 1 becomes is not below what p = 0 becomes.
    return replace(fit, at_zero=at_zero, at_one=max(at_one, highest, at_zero))


def _half_a_row_more(masses: Pair, row: float) -> float:
    """Log-odds of (s + ½) / (n + 1), the share of ones as if half a row of each class had been seen more."""
    return math.log(masses[1] + row / 2) - math.log(masses[0] + row / 2)


def _isotonic(data: FitData) -> ScoreMap:
    """Centred isotonic regression (Oron and Flournoy 2017, doi:10.1080/19466315.2017.1286256): the pools of an isotonic
    fit, each at the middle of its scores, with lines between them.

    One row more at either end, half 0 and half 1, keeps every pool away from 0 and 1, so that no loss is infinite;
    pools between are as they would be without.
    """
    masses = [data.at_zero or (0.0, 0.0), data.at_one or (0.0, 0.0)]
    zeros, ones = (
        np.concatenate([[masses[0][k]], each, [masses[1][k]]]) for k, each in ((0, data.zeros), (1, data.ones))
    )
    places = np.concatenate([[-math.inf], data.logit, [math.inf]])
    held = zeros + ones > 0
    if not held.any():
        return ScoreMap(ISOTONIC, knots=(0.0,), values=(0.5,), at_zero=0.0, at_one=0.0)
    zeros, ones, places = zeros[held], ones[held], places[held]
    of_rows = np.where(np.isfinite(places), zeros + ones, 0.0)
    # Half a row of each class at both ends, for whatever class lies there.
    for end in (0, -1):
        zeros[end] += data.row / 2
        ones[end] += data.row / 2
    whole = [np.rint(each / UNIT_OF_MASS).astype(np.int64) for each in (ones, zeros + ones, of_rows)]
    kept = whole[1] > 0
    pool_ones, pool_rows, last = pooled(whole[0][kept], whole[1][kept])
    # Pools with one share of ones are one pool, whatever rounding made of the masses: its middle is another place.
    is_last = np.append(np.diff(pool_ones / pool_rows) > ONE_SHARE, True)
    starts = np.concatenate([[0], np.flatnonzero(is_last)[:-1] + 1])
    pool_ones, pool_rows = (np.add.reduceat(each, starts) for each in (pool_ones, pool_rows))
    last = last[is_last]
    values = pool_ones / pool_rows
    knots, has_rows = _centres(places[kept], whole[2][kept], np.concatenate([[0], last[:-1] + 1]), last)
    at_knots = values[has_rows]
    if not len(knots):
        # Only 0 and 1 were seen: what lies between them is between what they become.
        knots, at_knots = np.zeros(1), np.array([(values[0] + values[-1]) / 2])
    return ScoreMap(
        ISOTONIC,
        knots=tuple(knots.tolist()),
        values=tuple(at_knots.tolist()),
        at_zero=logit(float(values[0])),
        at_one=logit(float(values[-1])),
    )


def _centres(places: Array, rows: Array, first: Array, last: Array) -> tuple[Array, Array]:
    """(Where the rows of each pool lie, of those that have any; whether it has): the mean of their middle half.

    The paper has the mean, which one score of −1e5 would carry off; a median falls on one of few distinct scores. rows:
    whole numbers; first, last: places of each pool.
    """
    running = np.concatenate([[0], np.cumsum(rows)])
    start, end = running[first], running[last + 1]
    n_places = last + 1 - first
    # Quarters of rows, so that all numbers stay whole.
    low, high = (np.repeat(each, n_places) for each in (3 * start + end, start + 3 * end))
    middle = np.clip(4 * running[1:], low, high) - np.clip(4 * running[:-1], low, high)
    has_rows = end > start
    sums = np.add.reduceat(middle * np.where(middle > 0, places, 0.0), first)[has_rows]
    # A mean of equal numbers is that number, whatever is rounded.
    inside = np.where(rows > 0, places, math.nan)
    least, most = (extreme.reduceat(inside, first)[has_rows] for extreme in (np.fmin, np.fmax))
    return np.clip(sums / np.add.reduceat(middle, first)[has_rows], least, most), has_rows


def log_odds_of(fit: ScoreMap, bins: ScoreBins) -> Array:
    """The log-odds that a map gives rows of 0 and of 1 at each bin, shape (2, n)."""
    return np.stack([fit.log_odds(bins.log_one[label], bins.log_zero[label]) for label in (0, 1)])
