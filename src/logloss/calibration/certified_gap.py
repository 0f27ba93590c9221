"""By how much, at most, another map of the same method could have a lower loss on these rows; certified, also of bins.

A map is fitted to bins where a table has too many scores; docs/calibration.md has the argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from logloss.calibration.map_fits import certain_labels, epsilon_of
from logloss.calibration.maps import IDENTITY, ISOTONIC, MIXTURE, ScoreMap
from logloss.data.values import Array
from logloss.inference.logistic_line import (
    CONVERGED,
    LogOddsMap,
    ScoredLabels,
    costs,
    fitted,
    is_inside,
    labels_inside,
    loss_at,
)
from logloss.inference.score_table import Points, ScoreTable, of_bins
from logloss.information import entropy
from logloss.onepass.kernels.newton_steps import ROUNDING
from logloss.onepass.kernels.score_keys import OFFSET_BITS

if TYPE_CHECKING:
    from logloss.inference.recalibration import Recalibration

# (log p, −log(1 − p)).
Logs = tuple[Array, Array]


@dataclass(frozen=True)
class Bounds:
    """What is certain of the rows of a table: the labels if all rows were at their kindest places, those of the ends of
    the bins, and the least that log p and −log(1 − p) of rows of 1 can be on average, and the most of rows of 0."""

    kindest: ScoredLabels
    harshest: ScoredLabels
    starts: ScoredLabels
    ends: ScoredLabels

    def most(self, line: LogOddsMap) -> float:
        """The largest loss that a map that never decreases can have."""
        low, high = (line.log_odds(each.log_one, each.log_zero) for each in (self.starts, self.ends))
        mean = np.clip(line.log_odds(self.harshest.log_one, self.harshest.log_zero), low, high)
        width = high - low
        of_high = np.divide(mean - low, width, out=np.zeros(len(width)), where=width > 0)
        total = 0.0
        for label, masses in ((0, self.harshest.zeros), (1, self.harshest.ones)):
            # A loss is convex in the log-odds: between two ends it lies below their chord.
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
    # The loss of a row of 0 is least where p is least, a row of 1 where it is greatest.
    every = together(0, 1), together(1, 0), at_end(np.minimum), at_end(np.maximum)
    return Bounds(*(labels.taken(kept) for labels in every))


def _logs(points: Points) -> Logs:
    """(log p, −log(1 − p)) of points; an edge at p = 0 or 1 of a bin that holds neither is the nearest float."""
    if points.is_far is not None and len(points.values):
        # Such an edge stands for no row: its infinite loss would make every bound infinite.
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
    """By how much, at most, any map of the same method could have a lower loss on these rows, in nats; of mixtures with
    the same base rate."""
    if fit.method == IDENTITY:
        return 0.0
    bounds = bounds_of(table)
    edges = _edge_costs(fit, table)
    least = recalibration.least_log_loss
    if fit.method in (MIXTURE, ISOTONIC):
        # The loss of a map that never decreases is largest with rows of 0 at the upper ends of bins, of 1 at the lower.
        most = _cost(fit, bounds.ends, bounds.starts) + edges[0]
        if fit.method == MIXTURE:
            least = max(least, _least_of_mixtures(fit, bounds, table))
        return max(most - least, 0.0)
    if len(bounds.kindest.mass) == 0:
        return max(edges[0] - edges[1], 0.0)
    # No map can do better than the isotonic one, nor than the best of its kind at the kindest places.
    of_kind = bounds.least(fit.method, fit.line) + edges[1]
    return max(bounds.most(fit.line) + edges[0] - max(least, of_kind), 0.0)


def _cost(fit: ScoreMap, of_zeros: ScoredLabels, of_ones: ScoredLabels) -> float:
    """The loss of a map with rows of 0 at some places and rows of 1 at others."""
    zeros = costs(fit.log_odds(of_zeros.log_one, of_zeros.log_zero), 0)
    ones = costs(fit.log_odds(of_ones.log_one, of_ones.log_zero), 1)
    return math.fsum(of_zeros.zeros * zeros + of_ones.ones * ones)


def _least_of_mixtures(fit: ScoreMap, bounds: Bounds, table: ScoreTable) -> float:
    """What no mixture with this base rate can go below: rows of 0 at the lower ends of bins, rows of 1 at the upper."""
    log_one, log_zero = (
        np.concatenate([getattr(each, name) for each in (bounds.starts, bounds.ends)])
        for name in ("log_one", "log_zero")
    )
    none = np.zeros(len(bounds.starts.mass))
    labels = ScoredLabels(
        log_one, log_zero, np.concatenate([bounds.starts.zeros, none]), np.concatenate([none, bounds.ends.ones])
    )
    certain = [masses or (0.0, 0.0) for masses in certain_labels(table.points.logs, np.stack(table.shares))]
    # At the best ε with so much mass more that was wrong, the loss falls toward 0 by wrong / ε: by `wrong` at most.
    wrong = 2.0**-40
    best = replace(fit, epsilon=epsilon_of(labels, certain, fit.base_rate, wrong))
    return _cost(best, labels, labels) * (1 - ROUNDING) + _edge_costs(best, table)[0] - wrong


def _edge_costs(fit: ScoreMap, table: ScoreTable) -> tuple[float, float]:
    """The loss of rows with p = 0 or 1, and the least it can be: the entropy of their labels."""
    certain = certain_labels(table.points.logs, np.stack(table.shares))
    total = least = 0.0
    becomes = fit.log_odds(np.array([-math.inf, 0.0]), np.array([0.0, math.inf]))
    for masses, log_odds in zip(certain, becomes[:, None], strict=True):
        if masses is None:
            continue
        total += sum(masses[label] * float(costs(log_odds, label)[0]) for label in (0, 1) if masses[label])
        mass = masses[0] + masses[1]
        least += mass * entropy(masses[1] / mass) if mass else 0.0
    return total, least
