"""Groups and clusters of a measurement: what each group costs and adds, and errors that clusters make.

>>> import logloss
>>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9], by=["a", "a", "b", "b"])
>>> m.groups["rows"], [round(adds, 4) for adds in m.groups["adds_nats"]]
([2, 2], [0.0147, -0.0147])
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.data.keys import REST, sorting
from logloss.decomposition import ErrorOf, Recalibration, chance_of, error_of_rows
from logloss.estimates import ClusteredMoments, Moments, Z, dot, moments_of
from logloss.smalltable import SmallTable
from logloss.spread import Spread, spread_of_cell

if TYPE_CHECKING:
    from logloss.onepass.summaries import GroupedSummary

# Which hard sums make each sum of a group; "n" and "ones" stand for numbers of rows.
OF_HARD = {"c": 0, "cw": 0, "cww": 0, "cc": 1, "ccw": 1, "ccc": 2, "p": 3}
OF_COUNTS = {"w": 3, "ww": 3, "www": 3, "a": 4, "aw": 4, "aa": 4, "w_infinite": 5}
# Places of all groups together over which chance is drawn, so that its cost does not grow with their number.
PLACES_DRAWN = 1 << 15
LEAST_PLACES_DRAWN = 1 << 8


class GroupSums:
    """The sums of one group, in units of 2^-6720, under the names of `onepass.summaries.loss`."""

    def __init__(self, grouped: GroupedSummary, number: int, *, is_soft: bool) -> None:
        from logloss.onepass.summaries.grouped import GENERAL_SUMS

        totals = grouped.totals.counts[np.searchsorted(grouped.totals.keys, number)].tolist()
        self.n_rows, self.n_ones, self.n_infinite = totals[:3]
        self.is_soft = is_soft
        self._totals = totals
        self._hard = sums_of_key(grouped.sums, number)
        self._general = dict(zip(GENERAL_SUMS, sums_of_key(grouped.general, number), strict=True))

    def sum(self, name: str) -> int:
        """One of the sums."""
        from logloss.onepass.exact import of_count

        total = self._general.get(name, 0)
        if name in OF_HARD:
            total += self._hard[OF_HARD[name]]
        return total + (of_count(self._totals[OF_COUNTS[name]]) if name in OF_COUNTS else 0)


def sums_of_key(table: Any, number: int) -> list[int]:
    """The sums of one key as integers in units of 2^-6720."""
    from logloss.onepass.exact import UNIT_EXPONENT

    at = int(np.searchsorted(table.keys, number))
    if at == len(table.keys) or table.keys[at] != number:
        return [0] * table.lanes.shape[0]
    shift = 32 * table.first + UNIT_EXPONENT
    lanes = table.lanes[:, :, at].tolist()
    return [sum(lane << (32 * j) for j, lane in enumerate(column)) << shift for column in lanes]


def groups_table(grouped: GroupedSummary, total: Moments, *, is_soft: bool) -> SmallTable:
    """What each group costs: its log loss with interval, what it adds, its rates, its miscalibration with chance."""
    cells = [None] * grouped.n_groups if grouped.cells is None else grouped.cells.by_group(grouped.n_groups)
    rows: list[dict[str, Any]] = []
    squares: list[float] = []
    for number, (name, cell) in enumerate(zip(grouped.names, cells, strict=True)):
        moments = Moments(GroupSums(grouped, number, is_soft=is_soft))
        row = dict(zip(grouped.columns, name if name != REST else REST * len(grouped.columns), strict=True))
        rows.append(row | _figures(moments, total) | ({} if cell is None else _parts(grouped, cell, moments)))
        squares.append(_squares_about(total, moments))
    _add_intervals(rows, squares, total)
    if not rows:
        return SmallTable({name: [] for name in (*grouped.columns, "rows", "log_loss_nats")})
    return SmallTable({name: [row[name] for row in rows] for name in rows[0]})


def _figures(moments: Moments, total: Moments) -> dict[str, Any]:
    """What a group costs and adds."""
    from logloss.onepass.exact import ratio

    loss, rate, mean = moments.log_loss(), moments.base_rate(), moments.quotient("p")
    return {
        "rows": moments.n_rows,
        "log_loss_nats": float(loss),
        "log_loss_nats_low": loss.low,
        "log_loss_nats_high": loss.high,
        "reason": loss.reason,
        "adds_nats": _added(moments, total, loss),
        "adds_nats_low": math.nan,
        "adds_nats_high": math.nan,
        "share": ratio(moments.weight, total.weight),
        "infinite": moments.summary.n_infinite,
        "base_rate": float(rate),
        "mean_proba": mean,
        "ratio": mean / rate if rate else math.nan,
    }


def _added(moments: Moments, total: Moments, loss: float) -> float:
    """W_g·(S_g − S) / W; the groups' add up to 0."""
    from logloss.onepass.exact import ratio

    if math.isinf(loss):
        return math.inf
    if total.summary.n_infinite:
        return -math.inf
    ours, all_of_them = moments.summary, total.summary
    difference = ours.sum("c") * total.weight - all_of_them.sum("c") * moments.weight
    return ratio(difference, total.weight * total.weight)


def _squares_about(total: Moments, moments: Moments) -> float:
    """Σ w²(c − S)² / W² over the rows of a group, S and W of all rows; nan if a loss is infinite."""
    from logloss.onepass.exact import UNIT_EXPONENT, ratio

    if total.summary.n_infinite:
        return math.nan
    of, c, w = moments.summary.sum, total.summary.sum("c"), total.weight
    return ratio((of("cc") * w * w - 2 * c * w * of("cw") + c * c * of("ww")) << UNIT_EXPONENT, w**4)


def _add_intervals(rows: list[dict[str, Any]], squares: list[float], total: Moments) -> None:
    """The intervals of what groups add: a row contributes w·((is of the group − share)·(c − S) − added) / W."""
    all_squares = math.fsum(squares)
    for row, own in zip(rows, squares, strict=True):
        if row["reason"] or math.isnan(all_squares):
            continue
        share, added = row["share"], row["adds_nats"]
        # Not a power: that of a float raises an error where the product is infinite.
        variance = (1 - share) ** 2 * own + share**2 * (all_squares - own) - added * added / total.n_rows
        if not math.isfinite(variance):
            continue
        reach = Z * math.sqrt(max(variance, 0.0))
        row["adds_nats_low"], row["adds_nats_high"] = added - reach, added + reach


def _parts(grouped: GroupedSummary, cell: Any, moments: Moments) -> dict[str, Any]:
    """The miscalibration of a group, and what chance alone would show of it."""
    scores = None if grouped.cells is None else grouped.cells.scores
    counts, masses = cell
    spread = spread_of_cell(counts, masses, scores, grouped.scale, grouped.shift)
    recalibration = Recalibration(spread)
    loss = math.inf if moments.summary.n_infinite else moments.quotient("c")
    excess = max(loss - recalibration.log_loss, 0.0)
    most = max(PLACES_DRAWN // max(grouped.n_groups, 1), LEAST_PLACES_DRAWN)
    chance = chance_of(spread, None, excess, moments.n_rows, is_soft=moments.summary.is_soft, most=most)
    return {"miscalibration_nats": excess, "by_chance_nats": chance.mean, "p_value": chance.p_value}


def margin(grouped: GroupedSummary, columns: tuple[str, ...]) -> GroupedSummary:
    """The groups by some of the columns: those that differ in the others only are merged."""
    chosen = [grouped.columns.index(name) for name in columns]
    names = [name if name == REST else tuple(name[j] for j in chosen) for name in grouped.names]
    by_key = {sorting(name): name for name in names}
    distinct = tuple(by_key[key] for key in sorted(by_key))
    return replace(replace(grouped, names=tuple(names)).renumbered(distinct), columns=columns, names=distinct)


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
    from logloss.onepass.summaries.cells import GROUP_BITS

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
