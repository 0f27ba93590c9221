"""Standard errors from influences of rows, and from their sums by cluster."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from logloss.answers.estimate import SamplingError
from logloss.data.values import Array
from logloss.inference.clusters import ClusteredMoments
from logloss.inference.groups import sums_of_keys, unit_exponent_of
from logloss.inference.moments import Moments, moments_of
from logloss.inference.score_table import ScoreTable, dot
from logloss.onepass.summaries import GroupedSummary, LossSummary
from logloss.onepass.summaries.cells import GROUP_MASK, Cells
from logloss.onepass.summaries.group_keys import GROUP_BITS


def clustered(moments: Moments, clusters: GroupedSummary) -> ClusteredMoments:
    """The figures with clusters as observations."""
    # Of other columns (Brier score, entropy) no sums by cluster are kept.
    unit = unit_exponent_of(clusters)
    return ClusteredMoments(moments, {name: sums_of_keys(clusters, name, unit) for name in ("w", "c", "a")})


# (Influence of a row of 0, and of 1, at each score; their mean) -> sampling error of the mean.
ErrorOf = Callable[[Array, Array, float], SamplingError]


def error_of_clusters(clusters: GroupedSummary, table: ScoreTable, moments: ClusteredMoments) -> ErrorOf:
    """Errors of means with clusters as the independent observations."""

    def error(zeros: Array, ones: Array, mean: float) -> SamplingError:
        with np.errstate(over="ignore", invalid="ignore"):
            deviations = cluster_deviations(clusters, zeros - mean, ones - mean, table)
        return moments.clusters.sampling_error(deviations)

    return error


def figures_of(summary: LossSummary, table: ScoreTable) -> tuple[Moments, ErrorOf]:
    """The figures of a summary, and the errors of means: of rows or, where there are clusters, of these."""
    moments = moments_of(summary, table)
    if summary.clusters is None:
        return moments, error_of_rows(table, moments)
    by_cluster = clustered(moments, summary.clusters)
    return by_cluster, error_of_clusters(summary.clusters, table, by_cluster)


def cluster_deviations(clusters: GroupedSummary, zeros: Array, ones: Array, table: ScoreTable) -> Array:
    """The sum by cluster of influences of rows of 0 and 1 at each score of the table; none where no cells are kept."""
    sums = np.zeros(0 if clusters.cells is None else clusters.n_groups)
    for keys, influences in _influences_of_cells(clusters, zeros, ones, table):
        sums += np.bincount(keys & GROUP_MASK, influences, len(sums))
    return sums


def cluster_sums(clusters: GroupedSummary, zeros: Array, ones: Array, table: ScoreTable) -> Array:
    """The same in each coarse bin, shape (n_clusters, n_bins)."""
    if clusters.cells is None:
        return np.zeros((0, 0))
    sums = np.zeros((clusters.n_groups, n_coarse_bins(clusters.cells)))
    for keys, influences in _influences_of_cells(clusters, zeros, ones, table):
        places = (keys & GROUP_MASK) * sums.shape[1] + (keys >> GROUP_BITS)
        sums += np.bincount(places, influences, sums.size).reshape(sums.shape)
    return sums


def n_coarse_bins(cells: Cells) -> int:
    """How many coarse bins there are: clusters may have some that no place of the table is in."""
    tables = (cells.counts, cells.masses)
    return 1 + max((int(table.keys.max()) >> GROUP_BITS for table in tables if len(table.keys)), default=0)


def _influences_of_cells(
    clusters: GroupedSummary, zeros: Array, ones: Array, table: ScoreTable
) -> Iterator[tuple[Array, Array]]:
    """Keys of cells, and the influence of the rows in each: places of a coarse bin count as their mean."""
    cells = clusters.cells
    if cells is None:
        return
    n_bins = n_coarse_bins(cells)
    means = [table.coarse_means(clusters.shift, label, values, n_bins) for label, values in enumerate((zeros, ones))]
    hard = (cells.counts.counts * table.share_of_a_row).T
    for keys, shares in ((cells.counts.keys, hard), (cells.masses.keys, table.shares_of(cells.masses))):
        if len(keys):
            bins = keys >> GROUP_BITS
            yield keys, shares[0] * means[0][bins] + shares[1] * means[1][bins]


def error_of_rows(table: ScoreTable, moments: Moments) -> ErrorOf:
    """Errors of means with rows as the independent observations."""
    of_zeros, of_both, of_ones = table.squares
    root_zeros, root_ones = np.sqrt(of_zeros), np.sqrt(of_ones)

    def error(zeros: Array, ones: Array, mean: float) -> SamplingError:
        # Roots of the masses first: the squared influence of a row of a class of little weight overflows.
        with np.errstate(over="ignore", invalid="ignore"):
            variance = _variance(zeros - mean, ones - mean)
        # Sums of products of soft labels may round below 0.
        error = math.sqrt(max(variance, 0.0) * moments.inflation) if math.isfinite(variance) else math.nan
        return SamplingError(error, moments.degrees)

    def _variance(zeros: Array, ones: Array) -> float:
        d_zeros, d_ones = root_zeros * zeros, root_ones * ones
        variance = dot(d_zeros, d_zeros) + dot(d_ones, d_ones)
        # A row with a soft label has a part of both losses; hard labels have no such product.
        return variance if table.is_counted else variance + 2 * dot(of_both, zeros * ones)

    return error


def error_of_classes(error_of: ErrorOf, moments: Moments) -> ErrorOf:
    """The same errors, of figures with a part of each class: the rarer one decides the degrees of freedom."""

    def error(zeros: Array, ones: Array, mean: float) -> SamplingError:
        return error_of(zeros, ones, mean)._replace(degrees=moments.degrees_of_rarer_class)

    return error
