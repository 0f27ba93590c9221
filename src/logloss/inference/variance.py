"""Standard errors of what is not a mean: from influences of rows, and from sums of clusters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.answers.estimate import Z
from logloss.inference.group_sums import GroupSums
from logloss.inference.moments import ClusteredMoments, Moments, dot, moments_of
from logloss.inference.score_table import Spread

if TYPE_CHECKING:
    from logloss.inference.score_table import Spread
    from logloss.onepass.summaries import GroupedSummary


# Places of all groups together over which chance is drawn, so that its cost does not grow with their number.
PLACES_DRAWN = 1 << 15
LEAST_PLACES_DRAWN = 1 << 8


def clustered(moments: Moments, clusters: GroupedSummary) -> ClusteredMoments:
    """The figures with clusters as observations."""
    sums = [GroupSums(clusters, number, is_soft=moments.summary.is_soft) for number in range(clusters.n_groups)]
    totals = {name: [each.sum(name) for each in sums] for name in ("w", "c", "a")}
    return ClusteredMoments(moments, totals)


def error_of_clusters(clusters: GroupedSummary, spread: Spread, moments: ClusteredMoments) -> ErrorOf:
    """Errors of means with clusters as the independent observations."""

    def error(zeros: Any, ones: Any, mean: float) -> tuple[float, float]:
        with np.errstate(over="ignore", invalid="ignore"):
            d = cluster_deviations(clusters, zeros - mean, ones - mean, spread)
        n_clusters, size = moments.n_clusters, float(np.abs(d).max(initial=0.0))
        if n_clusters < 2 or size == 0:
            return 0.0, 0.0
        if not math.isfinite(size):
            return math.nan, 0.0
        d = d / size
        squares = dot(d, d)
        found = size * math.sqrt(squares * n_clusters / (n_clusters - 1)) * moments.quantile / Z
        return found, dot(d, d**2) / squares**1.5

    return error


def figures_of(summary: Any, spread: Spread) -> tuple[Moments, ErrorOf]:
    """The figures of a summary, and the errors of means: of rows or, where there are clusters, of these."""
    moments = moments_of(summary, spread)
    if summary.clusters is None:
        return moments, error_of_rows(spread, summary.n_rows)
    by_cluster = clustered(moments, summary.clusters)
    return by_cluster, error_of_clusters(summary.clusters, spread, by_cluster)


def cluster_deviations(clusters: GroupedSummary, zeros: Any, ones: Any, spread: Spread) -> Any:
    """What each cluster adds to a mean to which rows of 0 and 1 contribute so much at each place of the spread.

    Places are put together into coarse bins, within which a label's rows count as their mean.
    """
    from logloss.onepass.summaries.group_keys import GROUP_BITS

    cells = clusters.cells
    if cells is None:
        return np.zeros(0)
    mask = (1 << GROUP_BITS) - 1
    coarse = spread.coarse(clusters.shift)
    found = np.zeros(clusters.n_groups)
    shares = spread.shares
    keys = [cells.counts.keys, cells.masses.keys]
    for label, values in enumerate((zeros, ones)):
        size = int(max((int(each.max()) >> GROUP_BITS for each in keys if len(each)), default=0)) + 1
        size = max(size, int(coarse.max()) + 1)
        weight = np.bincount(coarse, shares[label], minlength=size)
        mean = np.divide(
            np.bincount(coarse, shares[label] * values, minlength=size), weight, out=np.zeros(size), where=weight > 0
        )
        if len(cells.counts.keys):
            places = cells.counts.keys >> GROUP_BITS
            mass = cells.counts.counts[:, label] * spread.share_of_a_row
            np.add.at(found, cells.counts.keys & mask, mass * mean[places])
        if len(cells.masses.keys):
            weights, labels = spread.relative_masses(cells.masses)
            mass = labels if label else weights - labels
            np.add.at(found, cells.masses.keys & mask, mass * mean[cells.masses.keys >> GROUP_BITS])
    return found


# (What a row of 0, and of 1, adds to a mean at each place; the mean) -> (its standard error, skewness of the sum).
ErrorOf = Callable[[Any, Any, float], tuple[float, float]]


def error_of_rows(spread: Spread, n_rows: int) -> ErrorOf:
    """Errors of means with rows as the independent observations.

    The skewness is 0 where it is not known: with weights or soft labels.
    """

    of_zeros, of_both, of_ones = spread.squares
    root_zeros, root_ones = np.sqrt(of_zeros), np.sqrt(of_ones)

    def error(zeros: Any, ones: Any, mean: float) -> tuple[float, float]:
        # Roots of the masses first: the square of what a row of a very light class adds would leave the floats.
        with np.errstate(over="ignore", invalid="ignore"):
            return _error(zeros - mean, ones - mean)

    def _error(zeros: Any, ones: Any) -> tuple[float, float]:
        d_zeros, d_ones = root_zeros * zeros, root_ones * ones
        variance = dot(d_zeros, d_zeros) + dot(d_ones, d_ones)
        if not spread.is_counted:
            variance += 2 * dot(of_both, zeros * ones)
        if not math.isfinite(variance):
            return math.nan, 0.0
        found = math.sqrt(max(variance, 0.0) * n_rows / max(n_rows - 1, 1))
        if not spread.is_counted or variance <= 0:
            return found, 0.0
        cubes = dot(d_zeros * d_zeros, zeros) + dot(d_ones * d_ones, ones)
        return found, cubes / (n_rows * variance**1.5)

    return error
