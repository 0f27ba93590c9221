"""The overfitting of the isotonic fit: its loss is too low, as it is evaluated on the rows it is fitted to. That makes
discrimination and miscalibration too large by the same amount.

Labels are drawn from a smooth recalibration of the predictions, and the isotonic fit of each draw is compared with the
best isotonic map of that recalibration. Not from the isotonic fit itself: its flat pools hide the slope on which
overfitting depends (Sen, Banerjee and Woodroofe 2010, doi:10.1214/09-AOS777: the bootstrap from a monotone fit is
inconsistent, that from a smooth one is not). The smooth one is a beta map, whose odds are multiplied by the
observed over the expected odds, each averaged with a Gaussian kernel over ranks.

>>> import logloss
>>> from logloss.inference.score_table import score_table_of
>>> m = logloss.measure([0, 1, 0, 1, 1] * 20, [0.2, 0.4, 0.5, 0.7, 0.8] * 20)
>>> round(overfitting_of(score_table_of(m.summary.scores)).nats, 3)
0.018
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logloss.answers.estimate import expit
from logloss.data.values import Array
from logloss.inference.logistic_line import AS_GOOD_AS_INFINITE, BETA, ScoredLabels, fitted, is_inside
from logloss.inference.moments import NEARLY_ONE_CLASS
from logloss.inference.null_distribution import draws_of, miscalibration_within
from logloss.inference.recalibration import Influences, influences_at, isotonic_shares
from logloss.inference.score_table import Runs, ScoreTable, dot, starts_of_runs
from logloss.inference.variance import cluster_sums
from logloss.onepass.summaries import GroupedSummary

# The standard error of the mean is a sixth of the standard deviation of the draws, at most the error of the parts.
N_DRAWS = 40
# Cells of equal mass over which odds are averaged.
N_CELLS = 1 << 9
# The standard deviation of the kernel, in ranks, is so many times (4·Σ g(1 − g))^(−1/5) of all rows, the optimal
# rate of kernels, and at most half of them. Three times as wide, the overfitting of 1,000 rows is right to 2% where
# the true curve bends slowly, but 8% too large where it bends fast; a third narrower, it is 7% too small
# (docs/decisions/0033-excess-of-the-parts.md).
WIDTH, LARGEST_WIDTH = 0.15, 0.5
# Runs of coarse bins, 1 / 32 of all information each, over which clusters are drawn.
MOST_COARSE = 64
# Log-odds beyond make no difference: e^-30 of a row.
FARTHEST_LOGIT = 30.0
# The approximate sum of all masses as integers, so that even one of 10^-18 has a share; pooled() takes sums below 2^62.
WHOLE = 1 << 61


@dataclass(frozen=True, slots=True)
class Overfitting:
    """nats: by how much discrimination and miscalibration come out too large on average; error: its standard
    deviation from sample to sample; influences: those of rows on the three parts of the smooth recalibration.
    means: of the influences, in their order. nan and None with the reason where they are not available."""

    nats: float = math.nan
    error: float = math.nan
    influences: Influences | None = None
    means: tuple[float, ...] = ()
    reason: str = ""

    def mean_of(self, name: str) -> float:
        """The mean influence on a part of the smooth recalibration."""
        return self.means[Influences._fields.index(name)]


def overfitting_of(table: ScoreTable, clusters: GroupedSummary | None = None, *, is_soft: bool = False) -> Overfitting:
    """The overfitting of the isotonic fit of a table, by draws that depend on the table only."""
    if is_soft:
        return Overfitting(reason="soft labels")
    positive, total = (int(each.sum()) for each in table.integers)
    if not 0 < positive / total < 1:
        return Overfitting(reason="one class" if positive in (0, total) else NEARLY_ONE_CLASS)
    zeros, ones = table.shares
    smooth = smooth_recalibration(table, clusters)
    best = isotonic_of(smooth, zeros + ones)
    costs = -np.log1p(-best), -np.log(best)
    influences = influences_at(table, positive / total, costs)
    means = tuple(dot(zeros, if_zero) + dot(ones, if_one) for if_zero, if_one in influences)
    runs = table.runs
    proba = runs.mean(smooth)
    best = isotonic_of(proba, runs.mass)
    of_runs = -np.log1p(-best), -np.log(best)
    draws = draws_of(table, runs, proba, of_runs, N_DRAWS)
    # Of the draws, and of their mean.
    nats, error = (
        float(draws.mean()) + miscalibration_within(table, runs, costs, of_runs),
        float(draws.std(ddof=1)) * math.sqrt(1 + 1 / N_DRAWS),
    )
    if clusters is not None:
        more, of_more = _more_of_clusters(clusters, table, smooth, nats)
        nats, error = nats + more, math.hypot(error, of_more)
    return Overfitting(nats, error, influences, means)


@dataclass(frozen=True, slots=True)
class CoarseBins:
    """Runs of coarse bins, for which sums by cluster are kept: deviations of the labels of each cluster from their
    expectation, shape (n_clusters, n_bins); mass, expected share of ones; variance if rows are independent."""

    beyond: Array
    mass: Array
    share: Array
    variance: Array

    @property
    def design_effect(self) -> float:
        """The variance of the deviations over that of independent rows; at least 1."""
        size = self.mass * self.share * (1 - self.share)
        return max(float(((self.beyond**2).sum(axis=0) / size).sum() / (self.variance / size).sum()), 1.0)


def _coarse_bins(clusters: GroupedSummary, table: ScoreTable, proba: Array) -> CoarseBins:
    """Deviations of clusters where these probabilities are expected at each score."""
    beyond = cluster_sums(clusters, -proba, 1 - proba, table)
    mass, squares = sum(table.shares), table.squares_of_rows
    places = table.coarse(clusters.shift)
    columns = np.stack(
        [
            np.bincount(places, each, minlength=beyond.shape[1])
            for each in (mass, mass * proba, squares * proba * (1 - proba), mass * proba * (1 - proba))
        ]
    )
    is_held = columns[3] > 0
    beyond, columns = beyond[:, is_held], columns[:, is_held]
    # Of about equal information, so that one deviation of few rows does not stand for all clusters.
    starts = starts_of_runs(columns[3], MOST_COARSE)
    mass, expected, variance, _ = np.add.reduceat(columns, starts, axis=1)
    return CoarseBins(np.add.reduceat(beyond, starts, axis=1), mass, expected / mass, variance)


def _more_of_clusters(clusters: GroupedSummary, table: ScoreTable, proba: Array, of_rows: float) -> tuple[float, float]:
    """(Overfitting beyond that of independent rows, the error of that).

    The deviations of all labels of a cluster keep or change their sign together (wild cluster bootstrap:
    Cameron, Gelbach and Miller 2008, doi:10.1162/rest.90.3.414), against bins that vary as with
    independent rows. A common deviation of a cluster over many scores is overfitted equally in wide bins and in narrow
    pools: the difference counts. One at a single score is overfitted more in narrow pools, but less than in proportion
    to rows: halfway between difference and ratio, it is within a fifth of the true value in simulations.
    """
    bins = _coarse_bins(clusters, table, proba)
    ones = np.ones(len(proba))
    weights = cluster_sums(clusters, ones, ones, table)
    in_all, squares = weights.sum(axis=1), float((weights.sum(axis=1) ** 2).sum())
    n_clusters = float(in_all.sum()) ** 2 / squares
    # The share of all pairs of rows of one cluster that are in one bin.
    concentration = float((weights**2).sum()) / squares
    random = np.random.Generator(np.random.SFC64(table.seed))
    signs = random.choice([-1.0, 1.0], (N_DRAWS, len(in_all)))
    together = signs @ bins.beyond * math.sqrt(n_clusters / (n_clusters - 1) if n_clusters > 1 else 1.0)
    apart = random.standard_normal((N_DRAWS, len(bins.mass))) * np.sqrt(bins.variance)
    best = isotonic_of(bins.share, bins.mass)
    together, alone = (np.array([_excess_fit(bins, each, best) for each in kind]) for kind in (together, apart))
    mean = float(alone.mean())
    unit = 1 + concentration / 2 * (of_rows / mean - 1) if mean > 0 else 1.0
    error = float(together.std(ddof=1)) * math.sqrt(1 + 1 / N_DRAWS)
    return unit * max(float(together.mean()) - mean, 0.0), unit * error


def _excess_fit(bins: CoarseBins, beyond: Array, best: Array) -> float:
    """Half of the χ² of the best map to drawn shares less that of an isotonic fit: about the difference in log loss."""
    shares = bins.share + beyond / bins.mass
    low, high = float(shares.min()), float(shares.max())
    # Drawn shares may lie beyond 0 and 1: an isotonic fit moves and stretches with what it is fitted to.
    fit = low + (high - low) * isotonic_of((shares - low) / (high - low), bins.mass) if high > low else shares
    return dot(bins.mass / (2 * bins.share * (1 - bins.share)), (shares - best) ** 2 - (shares - fit) ** 2)


def smooth_recalibration(table: ScoreTable, clusters: GroupedSummary | None = None) -> Array:
    """A smooth estimate of P(1) at each place, in (0, 1); it need not rise everywhere."""
    runs = table.runs
    log_one, log_zero = (_within_reach(each, table) for each in table.points.logs)
    # The share of a very light place may be 0.
    labels = ScoredLabels(runs.mean(log_one), runs.mean(log_zero), runs.zeros, runs.ones).taken(runs.mass > 0)
    line = fitted(labels, BETA)
    log_odds = np.clip(line.log_odds(log_one, log_zero), -FARTHEST_LOGIT, FARTHEST_LOGIT)
    cumulative = np.cumsum(sum(table.shares))
    ranks = (cumulative - sum(table.shares) / 2) / cumulative[-1]
    expected, n_rows = expit(log_odds), 1 / float(table.squares_of_rows.sum())
    if clusters is not None:
        # A kernel as narrow as for independent rows would follow what clusters have in common.
        n_rows /= _coarse_bins(clusters, table, expected).design_effect
    correction = _correction(runs, runs.mean(expected), n_rows)
    log_odds += np.interp(ranks, (np.arange(N_CELLS) + 0.5) / N_CELLS, correction)
    return expit(np.clip(log_odds, -FARTHEST_LOGIT, FARTHEST_LOGIT))


def _within_reach(logs: Array, table: ScoreTable) -> Array:
    """Logarithms, of forecasts of 0 and 1 those of the outermost others."""
    inside = is_inside(*table.points.logs)
    if not inside.any():
        finite = np.clip(logs, -AS_GOOD_AS_INFINITE, AS_GOOD_AS_INFINITE)
        return np.where(np.isfinite(logs), finite, np.copysign(1.0, logs))
    return np.clip(logs, logs[inside].min(), logs[inside].max())


def _correction(runs: Runs, proba: Array, n_rows: float) -> Array:
    """In each cell, the observed log-odds of nearby labels less the expected ones."""
    edges = np.concatenate([[0.0], np.cumsum(runs.mass)])
    at = np.linspace(0.0, edges[-1], N_CELLS + 1)
    information = 4 * n_rows * dot(runs.mass, proba * (1 - proba))
    width = min(WIDTH * information ** (-1 / 5), LARGEST_WIDTH)
    ones, zeros, expected_ones, expected_zeros = (
        _averaged(np.diff(np.interp(at, edges, np.concatenate([[0.0], np.cumsum(masses)]))), width)
        for masses in (runs.ones, runs.zeros, runs.mass * proba, runs.mass * (1 - proba))
    )
    # As if one more row of the rarer class were nearby, and as many of the other as are expected with it: where there
    # is none of a class, the expected odds are corrected, but not to 0. A kernel reaches over 2·√π·h rows.
    one_row = 1 / (n_rows * 2 * math.sqrt(math.pi) * width * N_CELLS)
    more = one_row / np.minimum(expected_ones, expected_zeros)
    of_ones, of_zeros = (
        np.log((found + more * expected) / (expected + more * expected))
        for found, expected in ((ones, expected_ones), (zeros, expected_zeros))
    )
    return np.asarray(of_ones - of_zeros)


def _averaged(cells: Array, width: float) -> Array:
    """Means of cells with a Gaussian kernel, reflected at both ends."""
    reach = min(math.ceil(4 * width * N_CELLS), N_CELLS)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (width * N_CELLS)) ** 2)
    around = np.concatenate([cells[:reach][::-1], cells, cells[-reach:][::-1]])
    return np.convolve(around, kernel / kernel.sum(), "valid")


def isotonic_of(proba: Array, mass: Array) -> Array:
    """The isotonic map nearest to probabilities of places with such masses, in (0, 1)."""
    rows = np.maximum(np.rint(mass / mass.sum() * WHOLE), 2).astype(np.int64)
    ones = np.clip(np.rint(proba * rows), 1, rows - 1).astype(np.int64)
    return np.asarray(isotonic_shares(ones, rows))
