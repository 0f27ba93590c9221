"""What holds of every summary that rows can make: sections that add up, keys in order, values where they can be.

A file with a right checksum may still hold anything; what is read from one is compared with these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from logloss.data.keys import GroupKey, sorting
from logloss.data.rows import Array, FramePlace
from logloss.inference.groups import GroupSums
from logloss.measurement.record import SummaryRecord
from logloss.onepass.kernels import exact, losses, score_keys
from logloss.onepass.summaries import GroupedSummary, LargestLossesSummary, LossSummary, ScoreSummary
from logloss.onepass.summaries.cells import GROUP_MASK, MOST_CELLS, Cells
from logloss.onepass.summaries.cluster_sums import ClusterSums
from logloss.onepass.summaries.cluster_sums import names_at as clusters_at
from logloss.onepass.summaries.group_keys import GROUP_BITS, MOST_GROUPS, coarser
from logloss.onepass.summaries.grouped import GENERAL_COLUMNS, HARD_COLUMNS, MOST_DETAILED
from logloss.onepass.summaries.largest_losses import N_LARGEST, UNNUMBERED
from logloss.onepass.summaries.loss import HARD_SUMS, SUMS, UnlabelledSums
from logloss.onepass.summaries.scores import LOGIT, MOST_DISTINCT, N_BINS, OFFSET_MASS, PROBA
from logloss.onepass.summaries.tables import CountTable, SumTable

# The bits of infinity: the greatest key of a logit.
KEY_OF_INFINITY = 0x7FF0000000000000
# Squares and products are rounded before they are added up.
NEARLY_DOWN, NEARLY_UP = 10**9, 10**9 + 1
# A loss that is computed again, on another processor too, is right to one unit in the last place.
NEAR_LOSS = 1e-12
# Of a row what is below 2^-267 does not enter the sums of its group.
SHIFT_OF_LEAST = 267
OFFSETS = 1 << score_keys.OFFSET_BITS


def faults_of(record: SummaryRecord) -> Iterator[str]:
    """What does not hold, in words; nothing where all does."""
    summary, question, parts = record.summary, record.question, record.parts
    n_hard, n_hard_ones, n_hard_infinite = summary.n_hard
    if not (summary.n_rows >= 1 and max(summary.n_positive, summary.n_infinite) <= summary.n_rows):
        yield "there are more rows of a kind than rows"
    if not (n_hard <= summary.n_rows and max(n_hard_ones, n_hard_infinite) <= n_hard):
        yield "there are more rows with hard labels than rows"
    if n_hard_ones > summary.n_positive or n_hard_infinite > summary.n_infinite:
        yield "there are more rows with hard labels of a kind than rows of it"
    if not 0 < question.negatives_kept <= 1:
        yield "negatives_kept is no share in (0, 1]"
    if question.positive_value not in ("", question.positive):
        yield "what counts as positive is written in two ways"
    if not question.has_counts and len(summary.largest_losses.rows) != min(N_LARGEST, summary.n_rows):
        yield "its largest losses are not as many as there must be"
    late = summary.unlabelled
    if late is not None and not max(late.proba, late.entropy) <= late.weight:
        yield "the predictions of rows without a label add up to more than their weights"
    if late is not None and (late.n_rows == 0) != (late.weight == 0):
        yield "rows without a label and their weight do not go together"
    if late is not None and parts.n_rows != summary.n_rows + late.n_rows:
        yield "its parts have other rows than it has"
    if late is not None and late.n_rows and late.scores is not None:
        yield from _faults_of_unlabelled(late, late.scores, summary.scores.scale)
    hashes = parts.hashes.tolist()
    if any(a > b for a, b in pairwise(hashes)) or (parts.sizes < 1).any():
        yield "its parts are out of order"
    yield from _faults_of_sums(summary)
    yield from _faults_of_scores(summary.scores, summary)
    yield from _faults_of_largest_losses(summary.largest_losses, summary)
    for grouped in (summary.groups, summary.clusters):
        if grouped is not None:
            yield from _faults_of_groups(grouped, summary)
    if summary.groups is not None and summary.groups.cluster_sums is not None:
        yield from _faults_of_cluster_sums(summary.groups.cluster_sums, summary.groups, summary.clusters)


def _faults_of_sums(summary: LossSummary) -> Iterator[str]:
    """Means lie where they can, and squares are not smaller than they must be."""
    n_hard = exact.of_count(summary.n_hard[0])
    hard = dict(zip(HARD_SUMS, summary.hard, strict=True))
    general = dict(zip(SUMS, summary.general, strict=True))
    if max(hard["p"], hard["b"]) > n_hard or (summary.n_hard[0] == 0 and hard["c"]):
        yield "its sums are larger than its rows"
    n_general = summary.n_rows - summary.n_hard[0]
    if (n_general == 0 and any(summary.general)) or (n_general > 0 and general["w"] == 0):
        yield "its sums are of other rows than it has"
    w = general["w"]
    if max(general[name] for name in ("a", "p", "b", "w_infinite")) * NEARLY_DOWN > w * NEARLY_UP:
        yield "its sums are larger than its weights"
    products = (("aw", "aa", "ww"), ("ca", "cc", "aa"), ("bw", "bb", "ww"), ("cw", "cc", "ww"), ("cww", "ccw", "www"))
    for product, one, other in products:
        # Cauchy and Schwarz.
        if general[product] ** 2 * NEARLY_DOWN > general[one] * general[other] * NEARLY_UP:
            yield f'its sums of products ("{product}") are larger than their squares let them be'


def _faults_of_scores(scores: ScoreSummary, summary: LossSummary) -> Iterator[str]:
    """Keys in order and in their range; labels add up to those of the rows."""
    if scores.scale not in (PROBA, LOGIT) or scores.n_rows != summary.n_rows:
        yield "its scores are of other rows, or of no scale that is known"
        return
    yield from _faults_of_counts(scores.counts, summary.n_hard, "scores")
    yield from _faults_of_masses(scores.masses, summary.general[SUMS.index("w")], "scores")
    yield from _faults_of_places(scores)


def _faults_of_unlabelled(late: UnlabelledSums, scores: ScoreSummary, scale: str) -> Iterator[str]:
    """The scores of rows without a label, which are counted as 0."""
    what = "scores without a label"
    if scores.scale != scale or scores.n_rows != late.n_rows:
        yield f"its {what} are of other rows, or of another scale"
        return
    # Without weights every row is counted.
    n_counted = _total(scores.counts.counts[:, 0])
    if n_counted > late.n_rows or (len(scores.masses.keys) == 0 and n_counted != late.n_rows):
        yield f"its {what} are of other rows than it has"
    yield from _faults_of_counts(scores.counts, (n_counted, 0, 0), what)
    yield from _faults_of_masses(scores.masses, late.weight - exact.of_count(n_counted), what)
    if any(scores.masses.integers(1)):
        yield f"its {what} have labels"
    yield from _faults_of_places(scores)


def _faults_of_places(scores: ScoreSummary) -> Iterator[str]:
    """Keys in order and in their range; rows inside their bins."""
    for keys in (scores.counts.keys, scores.masses.keys):
        if not _are_scores(keys, scores.scale, is_binned=scores.is_binned):
            yield "its scores are out of order or out of range"
    if not scores.is_binned and scores.n_distinct > MOST_DISTINCT:
        yield "it has more distinct scores than are kept"
    if scores.is_binned:
        if (scores.counts.counts[:, 2:].astype(np.float64) > scores.counts.counts[:, :2] * float(OFFSETS)).any():
            yield "rows lie beyond their bins"
        mass, offset = scores.masses.integers(0), scores.masses.integers(OFFSET_MASS)
        if any(b > a * OFFSETS for a, b in zip(mass, offset, strict=True)):
            yield "rows lie beyond their bins"


def _are_scores(keys: Array, scale: str, *, is_binned: bool) -> bool:
    """Whether these are keys of scores, in their order."""
    low, high = (0, N_BINS[scale] - 1) if is_binned else (0, score_keys.KEY_OF_ONE)
    if not is_binned and scale == LOGIT:
        low, high = -KEY_OF_INFINITY, KEY_OF_INFINITY
    return _ascend(keys, low, high)


def _ascend(keys: Array, low: int, high: int) -> bool:
    """Whether keys lie in their range, each above the one before."""
    return len(keys) == 0 or (bool((keys[1:] > keys[:-1]).all()) and low <= int(keys[0]) and int(keys[-1]) <= high)


def _total(column: Array) -> int:
    return sum(column.tolist())


def _faults_of_counts(table: CountTable, n_hard: tuple[int, int, int], what: str) -> Iterator[str]:
    """Rows of 0 and of 1 by key."""
    counts = table.counts
    if (counts < 0).any() or (counts[:, :2] == 0).all(axis=1).any():
        yield f"counts of its {what} are below 0, or of no row"
    n_zeros, n_positive = _total(counts[:, 0]), _total(counts[:, 1])
    if n_zeros + n_positive != n_hard[0] or n_positive != n_hard[1]:
        yield f"labels of its {what} do not add up to those of its rows"


def _faults_of_masses(table: SumTable, weight: int, what: str) -> Iterator[str]:
    """w, w·y, w², w²·y, w²·y² by key."""
    w, wy, ww, wwy, wwyy = (table.integers(column) for column in range(5))
    if not _is_sum(w, table.first, weight):
        yield f"weights of its {what} do not add up to those of its rows"
    # Labels lie from 0 to 1; products are rounded.
    for large, small in ((w, wy), (ww, wwy), (wwy, wwyy)):
        if any(b * NEARLY_DOWN > a * NEARLY_UP for a, b in zip(large, small, strict=True)):
            yield f"labels of its {what} are larger than 1"
    if any((a > 0) != (b > 0) for a, b in zip(w, ww, strict=True)) or 0 in w:
        yield f"weights of its {what} are of no row"


def _is_nearly(total: int, first: int, expected: int, n_rows: int) -> bool:
    """Whether a sum of groups, in units of 2^(32·first), is one of all rows but for what groups leave out."""
    found = _in_units(total, first)
    # Of losses that are smaller groups hold nothing.
    left_out = exact.of_count(n_rows) >> SHIFT_OF_LEAST
    return abs(found - expected) <= abs(expected) // NEARLY_DOWN + left_out


def _in_units(total: int, first: int) -> int:
    """A sum in units of 2^(32·first) in those of 2^-6720."""
    shift = 32 * first + exact.UNIT_EXPONENT
    return total << shift if shift >= 0 else total >> -shift


def _is_sum(values: list[int], first: int, total: int) -> bool:
    """Whether values in units of 2^(32·first) add up to a total in units of 2^-6720."""
    shift = 32 * first + exact.UNIT_EXPONENT
    return sum(values) << shift == total if shift >= 0 else sum(values) == total << -shift


def _faults_of_largest_losses(largest_losses: LargestLossesSummary, summary: LossSummary) -> Iterator[str]:
    """Each loss is that of its row, and the largest comes first."""
    rows = largest_losses.rows
    if largest_losses.n_rows != summary.n_rows or not 1 <= len(rows) <= min(N_LARGEST, summary.n_rows):
        yield "its largest losses are not as many as there must be"
        return
    is_logit = summary.scores.scale == LOGIT
    for row in rows:
        is_forecast = not math.isnan(row.forecast) if is_logit else 0 <= row.forecast <= 1
        is_of_zero = row.of_zero is None or (0 <= row.of_zero <= 1 and not is_logit)
        is_counted = 1 <= row.count <= summary.n_rows and 0 < row.weight < math.inf and 0 <= row.observed <= 1
        if row.is_logit != is_logit or not (is_forecast and is_of_zero and is_counted):
            yield "a row of its largest losses has a forecast, label or weight that cannot be"
            return
        if row.row < 0 and not (row.row == UNNUMBERED and isinstance(row.place, FramePlace)):
            yield "a row of its largest losses has no number that can be"
            return
    for row in rows:
        forecast, of_zero = np.array([row.forecast]), None if row.of_zero is None else np.array([row.of_zero])
        cost = np.empty(1)
        losses.soft_surprisals(np.array([row.observed]), forecast, of_zero, forecast if is_logit else None, cost)
        if not (row.log_loss == cost[0] or abs(row.log_loss - cost[0]) <= NEAR_LOSS * cost[0]):
            yield "one of its largest losses is not that of its row"
    if any(a.rank > b.rank for a, b in pairwise(rows)):
        yield "its largest losses are out of order"
    n_infinite = sum(row.count for row in rows if math.isinf(row.log_loss))
    if n_infinite > summary.n_infinite or (summary.n_infinite > 0) != (n_infinite > 0):
        yield "its largest losses and the number of infinite ones do not go together"


def _faults_of_groups(grouped: GroupedSummary, summary: LossSummary) -> Iterator[str]:
    """Groups, or clusters, that add up to the rows."""
    what = "clusters" if grouped.is_hashed else "groups"
    if grouped.n_rows != summary.n_rows or grouped.scale != summary.scores.scale or not grouped.columns:
        yield f"its {what} are of other rows"
    if grouped.is_hashed and grouped.only is not None:
        yield "its clusters are listed"
    if len(set(grouped.columns)) < len(grouped.columns):
        yield f"its {what} name a column twice"
    if grouped.is_over and not grouped.is_hashed:
        if grouped.names or len(grouped.totals.keys) or grouped.cells is not None:
            yield f"it has more {what} than are kept, and keeps some"
        return
    n_names = len(grouped.names)
    if not 1 <= n_names <= MOST_GROUPS or not _are_names(grouped):
        yield f"names of its {what} are out of order"
        return
    if not np.array_equal(grouped.totals.keys, np.arange(n_names)):
        yield f"totals of its {what} are not one for each"
        return
    counts = grouped.totals.counts
    totals = [_total(counts[:, column]) for column in range(counts.shape[1])]
    # Rows with hard labels and log-odds that leave the short sums are summed with the others.
    n_far, n_far_ones, n_far_infinite = (a - b for a, b in zip(summary.n_hard, totals[3:], strict=True))
    are_far = n_far == n_far_ones == 0 or (grouped.scale == LOGIT and 0 <= n_far_ones <= n_far)
    is_whole = totals[:3] == [summary.n_rows, summary.n_positive, summary.n_infinite] and n_far_infinite == 0
    if (counts < 0).any() or not (are_far and is_whole):
        yield f"totals of its {what} do not add up to those of its rows"
    if (counts[:, :1] < counts[:, 1:3]).any() or (counts[:, :3] < counts[:, 3:]).any() or (counts[:, 0] < 1).any():
        yield f"totals of its {what} have more rows of a kind than rows"
    for table in (grouped.sums, grouped.general):
        if not _ascend(table.keys, 0, n_names - 1):
            yield f"sums of its {what} are out of order"
            return
    general = {name: grouped.general.integers(k) for k, name in enumerate(GENERAL_COLUMNS[grouped.kind])}
    if not _is_sum(general["w"], grouped.general.first, summary.general[SUMS.index("w")] + exact.of_count(n_far)):
        yield f"weights of its {what} do not add up to those of its rows"
    for column, name in enumerate(HARD_COLUMNS[grouped.kind]):
        # Squares and cubes of the rows are not summed: those of a measurement come from its scores.
        if name not in HARD_SUMS:
            continue
        total, expected = sum(grouped.sums.integers(column)), summary.hard[HARD_SUMS.index(name)]
        if n_far:
            expected += summary.general[SUMS.index(name)] - _in_units(sum(general[name]), grouped.general.first)
        if not _is_nearly(total, grouped.sums.first, expected, summary.n_hard[0]):
            yield f"losses and forecasts of its {what} do not add up to those of its rows"
    if grouped.cells is None:
        if grouped.is_hashed or n_names <= MOST_DETAILED:
            yield f"scores of its {what} are missing"
    else:
        yield from _faults_of_cells(grouped.cells, grouped, summary, what)


def _are_names(grouped: GroupedSummary) -> bool:
    """Whether names are in their order, each once, and of as many columns."""
    names: tuple[Any, ...] = grouped.names
    if grouped.is_hashed:
        low, high = (0, MOST_GROUPS - 1) if grouped.is_over else (-(1 << 63), (1 << 63) - 1)
        return all(a < b for a, b in pairwise(names)) and low <= names[0] and names[-1] <= high
    keys: list[GroupKey] = [*names, *(grouped.only or ())]
    if any(len(key) != len(grouped.columns) for key in keys if len(key) != 1):
        return False
    return all(sorting(a) < sorting(b) for a, b in pairwise(names))


def _faults_of_cluster_sums(
    sums: ClusterSums, groups: GroupedSummary, clusters: GroupedSummary | None
) -> Iterator[str]:
    """Sums by group and cluster that add up to those of the groups, and to the rows of the clusters."""
    if clusters is None or groups.is_over:
        yield "it has sums by cluster of groups that cannot have them"
        return
    n_bits = 64 if sums.level is None else 64 - sums.level
    low, high = (-(1 << 63), (1 << 63) - 1) if sums.level is None else (0, (1 << n_bits) - 1)
    own, places = sums.numbers
    n_clusters, n_pairs = len(sums.clusters), len(own)
    is_ordered = _ascend(sums.clusters, low, high) and _ascend(sums.totals.keys, 0, (n_clusters << GROUP_BITS) - 1)
    has_all = np.array_equal(np.unique(places), np.arange(n_clusters))
    if not (is_ordered and has_all and n_pairs and own.max() < len(groups.names)) or sums.is_too_large:
        yield "its groups have sums by cluster that are out of order or out of range"
        return
    if not np.array_equal(sums.sums.keys, sums.totals.keys) or (sums.totals.counts < 1).any():
        yield "its groups have sums of clusters without rows"
        return
    n_groups, rows = len(groups.names), sums.totals.counts[:, 0]
    if _added(own, rows, n_groups) != groups.totals.counts[:, 0].tolist():
        yield "rows by group and cluster do not add up to those of its groups"
    level = coarser(sums.level, clusters.level)
    mine, theirs = sums.coarsened(level), clusters_at(np.array(clusters.names), clusters.level, level)
    names, at = np.unique(theirs, return_inverse=True)
    of_clusters = _added(at, clusters.totals.counts[:, 0], len(names))
    of_mine = _added(mine.numbers[1], mine.totals.counts[:, 0], len(mine.clusters))
    if not np.array_equal(names, mine.clusters) or of_clusters != of_mine:
        yield "rows by group and cluster do not add up to those of its clusters"
    yield from _faults_of_weights(sums, groups)


def _faults_of_weights(sums: ClusterSums, groups: GroupedSummary) -> Iterator[str]:
    """Weights of clusters add up to those of their group, and losses nearly."""
    totals = [[0] * len(groups.names) for _ in range(2)]
    for column, total in enumerate(totals):
        for group, value in zip(sums.numbers[0].tolist(), sums.sums.integers(column), strict=True):
            total[group] += value
    for number in range(len(groups.names)):
        own = GroupSums(groups, number, is_soft=False)
        weight, loss = (total[number] for total in totals)
        if _in_units(weight, sums.sums.first) != own.sum("w"):
            yield "weights by group and cluster do not add up to those of its groups"
            return
        if not _is_nearly(loss, sums.sums.first, own.sum("c"), own.n_rows):
            yield "losses by group and cluster do not add up to those of its groups"
            return


def _added(places: Array, counts: Array, n_places: int) -> list[int]:
    """Counts added up at their places, of whatever size."""
    total = [0] * n_places
    for place, count in zip(places.tolist(), counts.tolist(), strict=True):
        total[place] += count
    return total


def _faults_of_cells(cells: Cells, grouped: GroupedSummary, summary: LossSummary, what: str) -> Iterator[str]:
    n_scores = (N_BINS[grouped.scale] >> grouped.shift) + 1
    if cells.scores is not None:
        n_scores = len(cells.scores)
        if grouped.is_hashed or not _are_scores(cells.scores, grouped.scale, is_binned=False):
            yield f"scores of its {what} are out of order or out of range"
    for keys in (cells.counts.keys, cells.masses.keys):
        is_ordered = _ascend(keys, 0, (n_scores << GROUP_BITS) - 1)
        if not is_ordered or (keys & GROUP_MASK >= len(grouped.names)).any():
            yield f"scores of its {what} are out of order or out of range"
            return
    if cells.scores is not None and max(len(cells.counts.keys), len(cells.masses.keys)) > MOST_CELLS:
        yield f"it has more scores of {what} than are kept"
    yield from _faults_of_counts(cells.counts, summary.n_hard, f"scores of {what}")
    yield from _faults_of_masses(cells.masses, summary.general[SUMS.index("w")], f"scores of {what}")
