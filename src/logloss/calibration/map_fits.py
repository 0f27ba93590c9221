"""Fitting maps to the labels of a summary, and how far a fit to bins can be from one to the rows.

Every fit is made with Platt's targets, as if one row more of each class had been seen: of few rows, of one class and of
scores that separate the labels it is finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from logloss.answers.estimate import logit
from logloss.calibration.bins import ScoreBins
from logloss.calibration.maps import ISOTONIC, NOTHING, ScoreMap, logs_of_logit
from logloss.data.values import Array
from logloss.inference.logistic_line import (
    AS_GOOD_AS_INFINITE,
    CONVERGED,
    ROUNDING,
    LogOddsMap,
    ScoredLabels,
    costs,
    fitted,
    is_inside,
    labels_inside,
    loss_at,
)
from logloss.inference.recalibration import pooled
from logloss.inference.score_table import Points, ScoreTable, of_bins
from logloss.information import entropy
from logloss.onepass.kernels.score_keys import OFFSET_BITS

if TYPE_CHECKING:
    from logloss.inference.recalibration import Recalibration

# Masses are whole numbers of this part of all mass where shares are compared.
UNIT_OF_MASS = 2.0**-60
# Labels of p = 0 and p = 1: masses of (0, 1).
Pair = tuple[float, float]
# (log p, −log(1 − p)).
Logs = tuple[Array, Array]


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


def log_odds_of(fit: ScoreMap, bins: ScoreBins) -> Array:
    """The log-odds that a map gives rows of 0 and of 1 at each bin, shape (2, n)."""
    return np.stack([fit.log_odds(bins.log_one[label], bins.log_zero[label]) for label in (0, 1)])


@dataclass(frozen=True)
class Bounds:
    """What is certain of the rows of a table: the labels if all rows were at their kindest places, those of the ends of
    the bins, and the least that log p and −log(1 − p) of rows of 1 can be on average, and the most of rows of 0."""

    kindest: ScoredLabels
    harshest: ScoredLabels
    starts: ScoredLabels
    ends: ScoredLabels

    def most(self, line: LogOddsMap) -> float:
        """What a map that never decreases can cost at most."""
        low, high = (line.log_odds(each.log_one, each.log_zero) for each in (self.starts, self.ends))
        mean = np.clip(line.log_odds(self.harshest.log_one, self.harshest.log_zero), low, high)
        width = high - low
        of_high = np.divide(mean - low, width, out=np.zeros(len(width)), where=width > 0)
        total = 0.0
        for label, masses in ((0, self.harshest.zeros), (1, self.harshest.ones)):
            # A cost is convex in the log-odds: between two ends it lies below their chord.
            chord = (1 - of_high) * costs(low, label) + of_high * costs(high, label)
            total += math.fsum(masses * chord)
        return total * (1 + ROUNDING)

    def least(self, kind: str, start: LogOddsMap) -> float:
        """What no map of a kind can go below; 0 where the search for it does not end."""
        best = fitted(self.kindest, kind, start)
        if not best.decrement < CONVERGED:
            return 0.0
        # Newton's model expects half the decrement more; four times that is left to what the model does not see.
        return loss_at(self.kindest, best) * (1 - ROUNDING) - 2 * best.decrement


def bounds_of(table: ScoreTable) -> Bounds:
    """The bounds of a table; without bins all of them are the labels themselves."""
    if table.is_exact:
        labels = labels_inside(table)
        return Bounds(labels, labels, labels, labels)
    # Offsets have been rounded down: where the mean of the rows lies is known to one unit.
    unit = 1.0 / (1 << OFFSET_BITS)
    shares = table.shares
    edges = [_logs(of_bins(table.scale, table.keys, np.full(len(table.keys), within))) for within in (0.0, 1.0)]
    means = [_means(table, label, unit, edges) for label in (0, 1)]
    none = np.zeros(len(table.keys))
    zeros, ones = np.concatenate([shares[0], none]), np.concatenate([none, shares[1]])

    def together(of_zeros: int, of_ones: int) -> ScoredLabels:
        """Rows of 0 at one end of what is certain of their mean (0: least, 1: most), rows of 1 at another."""
        log_one, log_zero = (
            np.concatenate([means[0][of_zeros][column], means[1][of_ones][column]]) for column in (0, 1)
        )
        return ScoredLabels(log_one, log_zero, zeros, ones)

    def at_end(extreme: Callable[[Array, Array], Array]) -> ScoredLabels:
        """Every row at the end of its bin where both logarithms are least, or most."""
        log_one, log_zero = (np.concatenate([extreme(edges[0][column], edges[1][column])] * 2) for column in (0, 1))
        return ScoredLabels(log_one, log_zero, zeros, ones)

    middle = of_bins(table.scale, table.keys, np.full(len(table.keys), 0.5))
    inside = is_inside(*middle.logs)
    kept = (zeros + ones > 0) & np.concatenate([inside, inside])
    # A row of 0 costs least where p is least, a row of 1 where it is greatest.
    every = together(0, 1), together(1, 0), at_end(np.minimum), at_end(np.maximum)
    return Bounds(*(labels.taken(kept) for labels in every))


def _logs(points: Points) -> Logs:
    """(log p, −log(1 − p)) of points; an edge at p = 0 or 1 of a bin that holds neither is the nearest float."""
    if points.is_far is not None and len(points.values):
        # Such an edge stands for no row: its infinite cost would make every bound infinite.
        points = replace(points, values=np.maximum(points.values, 5e-324))
    elif points.is_far is None:
        largest = np.finfo(np.float64).max
        points = replace(points, values=np.clip(points.values, -largest, largest))
    return points.logs


def _means(table: ScoreTable, label: int, unit: float, edges: list[Logs]) -> tuple[Logs, Logs]:
    """((Least mean of log p, of −log(1 − p)), (most of each)) of the rows of a label in each bin.

    Along a bin log p is concave and −log(1 − p) convex in the place: a mean lies between chord and curve.
    """
    within = table.within[label]  # type: ignore[index]
    ends = np.clip(within - unit, 0.0, 1.0), np.clip(within + unit, 0.0, 1.0)
    curve = [_logs(of_bins(table.scale, table.keys, end)) for end in ends]
    lowest, highest = [], []
    for column in (0, 1):
        first, last = edges[0][column], edges[1][column]
        chords = [(1 - end) * first + end * last for end in ends]
        on_curve = [each[column] for each in curve]
        under, over = (chords, on_curve) if column == 0 else (on_curve, chords)
        # One unit in the last place of each of them, and of what made them.
        low, high = np.minimum(*under), np.maximum(*over)
        lowest.append(low - 4e-16 * np.abs(low))
        highest.append(high + 4e-16 * np.abs(high))
    return (lowest[0], lowest[1]), (highest[0], highest[1])


def certified_gap(fit: ScoreMap, table: ScoreTable, recalibration: Recalibration) -> float:
    """How much less, at most, any map of the same method could cost the very rows, in nats per row."""
    if fit.method == NOTHING:
        return 0.0
    bounds = bounds_of(table)
    edges = _edge_costs(fit, table)
    least = recalibration.least_log_loss
    if fit.method == ISOTONIC:
        # A map that never decreases costs most with rows of 0 at the upper ends of bins, of 1 at the lower.
        zeros = costs(fit.log_odds(bounds.ends.log_one, bounds.ends.log_zero), 0)
        ones = costs(fit.log_odds(bounds.starts.log_one, bounds.starts.log_zero), 1)
        most = math.fsum(bounds.ends.zeros * zeros + bounds.starts.ones * ones)
        return max(most + edges[0] - least, 0.0)
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
