"""Standard errors of what is not a mean: from influences of rows, and from sums of clusters."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from logloss.data.values import Array
from logloss.inference.groups import GroupSums
from logloss.inference.moments import ClusteredMoments, Moments, dot, error_of_deviations, moments_of
from logloss.inference.score_table import ScoreTable
from logloss.onepass.summaries import GroupedSummary, LossSummary
from logloss.onepass.summaries.cells import GROUP_MASK
from logloss.onepass.summaries.group_keys import GROUP_BITS


def clustered(moments: Moments, clusters: GroupedSummary) -> ClusteredMoments:
    """The figures with clusters as observations."""
    sums = [GroupSums(clusters, number, is_soft=moments.summary.is_soft) for number in range(clusters.n_groups)]
    # Of other columns (Brier score, entropy) no sums by cluster are kept.
    totals = {name: [each.sum(name) for each in sums] for name in ("w", "c", "a")}
    return ClusteredMoments(moments, totals)


def error_of_clusters(clusters: GroupedSummary, table: ScoreTable, moments: ClusteredMoments) -> ErrorOf:
    """Errors of means with clusters as the independent observations."""

    def error(zeros: Array, ones: Array, mean: float) -> tuple[float, float]:
        with np.errstate(over="ignore", invalid="ignore"):
            d = cluster_deviations(clusters, zeros - mean, ones - mean, table)
        return error_of_deviations(d, moments.quantile)

    return error


def figures_of(summary: LossSummary, table: ScoreTable) -> tuple[Moments, ErrorOf]:
    """The figures of a summary, and the errors of means: of rows or, where there are clusters, of these."""
    moments = moments_of(summary, table)
    if summary.clusters is None:
        return moments, error_of_rows(table, summary.n_rows)
    by_cluster = clustered(moments, summary.clusters)
    return by_cluster, error_of_clusters(summary.clusters, table, by_cluster)


def cluster_deviations(clusters: GroupedSummary, zeros: Array, ones: Array, table: ScoreTable) -> Array:
    """What each cluster adds to a mean to which rows of 0 and 1 contribute so much at each place of the table."""
    return np.asarray(cluster_sums(clusters, zeros, ones, table).sum(axis=1))


def cluster_sums(clusters: GroupedSummary, zeros: Array, ones: Array, table: ScoreTable) -> Array:
    """The same in each coarse bin, shape (n_clusters, n_bins); none where no cells are kept.

    Places are put together into coarse bins, within which a label's rows count as their mean.
    """
    cells = clusters.cells
    if cells is None:
        return np.zeros((0, 0))
    counts, masses = cells.counts.keys, cells.masses.keys
    # Clusters may have bins that no place of the table is in.
    n_bins = 1 + max((int(keys.max()) >> GROUP_BITS for keys in (counts, masses) if len(keys)), default=0)
    sums = np.zeros((clusters.n_groups, n_bins))
    shares = table.shares_of(cells.masses)
    for label, values in enumerate((zeros, ones)):
        means = table.coarse_means(clusters.shift, label, values, n_bins)
        hard = cells.counts.counts[:, label] * table.share_of_a_row
        for keys, mass in ((counts, hard), (masses, shares[label])):
            np.add.at(sums, (keys & GROUP_MASK, keys >> GROUP_BITS), mass * means[keys >> GROUP_BITS])
    return sums


# (What a row of 0, and of 1, adds to a mean at each place; the mean) -> (its standard error, skewness of the sum).
ErrorOf = Callable[[Array, Array, float], tuple[float, float]]


def error_of_rows(table: ScoreTable, n_rows: int) -> ErrorOf:
    """Errors of means with rows as the independent observations.

    The skewness is 0 where it is not known: with weights or soft labels.
    """
    of_zeros, of_both, of_ones = table.squares
    root_zeros, root_ones = np.sqrt(of_zeros), np.sqrt(of_ones)

    def error(zeros: Array, ones: Array, mean: float) -> tuple[float, float]:
        # Roots of the masses first: the square of what a row of a very light class adds would leave the floats.
        with np.errstate(over="ignore", invalid="ignore"):
            return _error(zeros - mean, ones - mean)

    def _error(zeros: Array, ones: Array) -> tuple[float, float]:
        d_zeros, d_ones = root_zeros * zeros, root_ones * ones
        variance = dot(d_zeros, d_zeros) + dot(d_ones, d_ones)
        # A row with a soft label pays a part of both costs; hard labels have no such product.
        if not table.is_counted:
            variance += 2 * dot(of_both, zeros * ones)
        if not math.isfinite(variance):
            return math.nan, 0.0
        # As in `Moments.covariance`; sums of products of soft labels may round below 0.
        standard_error = math.sqrt(max(variance, 0.0) * n_rows / max(n_rows - 1, 1))
        if not table.is_counted or variance <= 0:
            return standard_error, 0.0
        # Σ d³ over (Σ d²)^1.5, d in units of 1 / n: one n is left.
        cubes = dot(d_zeros * d_zeros, zeros) + dot(d_ones * d_ones, ones)
        return standard_error, cubes / (n_rows * variance**1.5)

    return error
