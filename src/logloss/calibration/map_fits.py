"""Fitting maps to the labels of a summary, and how far a fit to bins can be from one to the rows.

Every fit is made with Platt's targets, as if one row more of each class had been seen: of few rows, of one class and of
scores that separate the labels it is finite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from logloss.answers.estimate import logit
from logloss.calibration.bins import ScoreBins
from logloss.calibration.bounds import Bounds, bounds_of
from logloss.calibration.maps import ISOTONIC, NOTHING, ScoreMap, logs_of_logit
from logloss.data.values import Array
from logloss.inference.logistic_line import (
    AS_GOOD_AS_INFINITE,
    LogOddsMap,
    ScoredLabels,
    costs,
    fitted,
    is_inside,
    labels_inside,
)
from logloss.inference.recalibration import pooled
from logloss.information import entropy

if TYPE_CHECKING:
    from logloss.inference.recalibration import Recalibration
    from logloss.inference.score_table import ScoreTable

# Masses are whole numbers of this part of all mass where shares are compared.
UNIT_OF_MASS = 2.0**-60
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
        return cls._of(bins.labels_of(masses), logs, bins.logit, masses, bins)

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
        at_zero, at_one = _certain_labels(logs, masses)
        zeros, ones = masses[:, inside]
        return cls(labels, logit[inside], zeros, ones, at_zero, at_one, 1.0 / bins.n_effective)

    def smoothed(self, labels: ScoredLabels) -> ScoredLabels:
        """Labels with Platt's targets: a 1 counts as (n₁ + 1) / (n₁ + 2), a 0 as 1 / (n₀ + 2), of effective rows."""
        of_zero, of_one = (1 / (float(each.sum()) / self.row + 2) for each in (labels.zeros, labels.ones))
        # The mass of each row is split between both labels as its target says.
        zeros = labels.zeros * (1 - of_zero) + labels.ones * of_one
        return labels.with_masses(zeros, labels.zeros * of_zero + labels.ones * (1 - of_one))


def _certain_labels(logs: tuple[Array, Array], masses: Array) -> tuple[Pair | None, Pair | None]:
    """The masses of 0 and of 1 where p is 0, and where it is 1; None if it never is."""
    log_one, log_zero = logs
    pairs: list[Pair | None] = []
    for is_certain in (log_one <= -AS_GOOD_AS_INFINITE, log_zero >= AS_GOOD_AS_INFINITE):
        zeros, ones = (float(each[is_certain].sum()) for each in masses)
        pairs.append((zeros, ones) if is_certain.any() else None)
    return pairs[0], pairs[1]


def fitted_map(method: str, data: FitData, start: LogOddsMap | None = None) -> ScoreMap:
    """The map of a method that costs the data least."""
    if method == NOTHING:
        return ScoreMap(NOTHING)
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


def _with_edges(fit: ScoreMap, data: FitData) -> ScoreMap:
    """The map with what p = 0 and p = 1 become: (s + ½) / (n + 1), but never beyond the nearest score."""
    lowest, highest = math.inf, -math.inf
    if len(data.logit):
        ends = data.logit[[0, -1]]
        lowest, highest = fit.log_odds(*logs_of_logit(ends)).tolist()
    at_zero = at_one = None
    if data.at_zero is not None:
        at_zero = min(_half_a_row_more(data.at_zero, data.row), lowest)
    if data.at_one is not None:
        at_one = max(_half_a_row_more(data.at_one, data.row), highest)
        # The map never decreases: what p = 1 becomes is not below what p = 0 becomes.
        at_one = at_one if at_zero is None else max(at_one, at_zero)
    return replace(fit, at_zero=at_zero, at_one=at_one)


def _half_a_row_more(masses: Pair, row: float) -> float:
    """Log-odds of (s + ½) / (n + 1), the share of ones as if half a row of each class had been seen more."""
    return math.log(masses[1] + row / 2) - math.log(masses[0] + row / 2)


def _isotonic(data: FitData) -> ScoreMap:
    """The isotonic fit of the data and of one row more at either end, half 0 and half 1: no block is at 0 or 1, so
    that none can cost infinity, and blocks between are as they would be without."""
    score = data.logit
    masses = [data.at_zero or (0.0, 0.0), data.at_one or (0.0, 0.0)]
    zeros, ones = (
        np.concatenate([[masses[0][k]], each, [masses[1][k]]]) for k, each in ((0, data.zeros), (1, data.ones))
    )
    places = np.concatenate([[-math.inf], score, [math.inf]])
    held = zeros + ones > 0
    if not held.any():
        return ScoreMap(ISOTONIC, knots=(0.0,), values=(0.5,), at_zero=0.0, at_one=0.0)
    zeros, ones, places = zeros[held], ones[held], places[held]
    # Half a row of each class at both ends, for whatever class lies there.
    for end in (0, -1):
        zeros[end] += data.row / 2
        ones[end] += data.row / 2
    whole = [np.rint(each / UNIT_OF_MASS).astype(np.int64) for each in (ones, zeros + ones)]
    kept = whole[1] > 0
    pool_ones, pool_rows, last = pooled(whole[0][kept], whole[1][kept])
    places = places[kept]
    values = pool_ones / pool_rows
    first = np.concatenate([[0], last[:-1] + 1])
    knots, values_at_knots = np.stack([places[first], places[last]], axis=1).ravel(), np.repeat(values, 2)
    # A block of one score has one knot; what p = 0 and p = 1 become stands apart.
    single = np.concatenate([[True], knots[1:] > knots[:-1]])
    inside = single & np.isfinite(knots)
    if not inside.any():
        # Only 0 and 1 were seen: what lies between them is between what they become.
        knots, values_at_knots, inside = np.zeros(1), np.array([(values[0] + values[-1]) / 2]), np.ones(1, bool)
    return ScoreMap(
        ISOTONIC,
        knots=tuple(knots[inside].tolist()),
        values=tuple(values_at_knots[inside].tolist()),
        at_zero=logit(float(values[0])),
        at_one=logit(float(values[-1])),
    )


def costs_of(fit: ScoreMap, bins: ScoreBins) -> Array:
    """What a map costs rows of 0 and of 1 at each bin, shape (2, n)."""
    return np.stack([costs(fit.log_odds(bins.log_one[label], bins.log_zero[label]), label) for label in (0, 1)])


def certified_gap(fit: ScoreMap, table: ScoreTable, recalibration: Recalibration) -> float:
    """How much less, at most, any map of the same method could cost the very rows, in nats per row."""
    if fit.method == NOTHING:
        return 0.0
    bounds = bounds_of(table)
    edges = _edge_costs(fit, table)
    least = recalibration.least_log_loss
    if fit.method == ISOTONIC:
        return max(_most_of_isotonic(fit, bounds) + edges[0] - least, 0.0)
    if len(bounds.kindest.mass) == 0:
        return max(edges[0] - edges[1], 0.0)
    # No map can do better than the isotonic one, nor than the best of its kind at the kindest places.
    of_kind = bounds.least(fit.method, fit.line) + edges[1]
    return max(bounds.most(fit.line) + edges[0] - max(least, of_kind), 0.0)


def _edge_costs(fit: ScoreMap, table: ScoreTable) -> tuple[float, float]:
    """What rows with p = 0 or 1 cost, and what they cost at least: the entropy of their labels."""
    certain = _certain_labels(table.points.logs, np.stack(table.shares))
    paid = least = 0.0
    for masses, log_odds in zip(certain, (fit.at_zero, fit.at_one), strict=True):
        if masses is None or log_odds is None:
            continue
        paid += sum(masses[label] * float(costs(np.array([log_odds]), label)[0]) for label in (0, 1))
        mass = masses[0] + masses[1]
        least += mass * entropy(masses[1] / mass) if mass else 0.0
    return paid, least


def _most_of_isotonic(fit: ScoreMap, bounds: Bounds) -> float:
    """What a map that never decreases can cost at most: rows of 0 at the upper ends of bins, of 1 at the lower."""
    zeros = costs(fit.log_odds(bounds.ends.log_one, bounds.ends.log_zero), 0)
    ones = costs(fit.log_odds(bounds.starts.log_one, bounds.starts.log_zero), 1)
    return math.fsum(bounds.ends.zeros * zeros + bounds.starts.ones * ones)
