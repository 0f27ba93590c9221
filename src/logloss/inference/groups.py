"""Groups and clusters of a measurement: what each group costs and adds, and errors that clusters make."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from logloss.answers.estimate import Z
from logloss.answers.small_table import SmallTable
from logloss.data.keys import REST
from logloss.inference.chance import chance_of
from logloss.inference.moments import Moments, squares_about
from logloss.inference.recalibration import Recalibration
from logloss.inference.score_table import score_table_of_group
from logloss.onepass.kernels.exact import UNIT_EXPONENT, of_count, ratio
from logloss.onepass.summaries import GroupedSummary
from logloss.onepass.summaries.grouped import GENERAL_SUMS
from logloss.onepass.summaries.tables import CountTable, SumTable

# Places of all groups together over which chance is drawn, so that its cost does not grow with their number.
PLACES_DRAWN = 1 << 15
LEAST_PLACES_DRAWN = 1 << 8


# Which hard sums make each sum of a group; "n" and "ones" stand for numbers of rows.
OF_HARD = {"c": 0, "cw": 0, "cww": 0, "cc": 1, "ccw": 1, "ccc": 2, "p": 3}
OF_COUNTS = {"w": 3, "ww": 3, "www": 3, "a": 4, "aw": 4, "aa": 4, "w_infinite": 5}


class GroupSums:
    """The sums of one group, in units of 2^-6720, under the names of `onepass.summaries.loss`."""

    def __init__(self, grouped: GroupedSummary, number: int, *, is_soft: bool) -> None:

        totals = grouped.totals.counts[np.searchsorted(grouped.totals.keys, number)].tolist()
        self.n_rows, self.n_ones, self.n_infinite = totals[:3]
        self.is_soft = is_soft
        self._totals = totals
        self._hard = sums_of_key(grouped.sums, number)
        self._general = dict(zip(GENERAL_SUMS, sums_of_key(grouped.general, number), strict=True))

    def sum(self, name: str) -> int:
        """One of the sums."""
        total = self._general.get(name, 0)
        if name in OF_HARD:
            total += self._hard[OF_HARD[name]]
        return total + (of_count(self._totals[OF_COUNTS[name]]) if name in OF_COUNTS else 0)


def sums_of_key(table: SumTable, number: int) -> list[int]:
    """The sums of one key as integers in units of 2^-6720."""
    at = int(np.searchsorted(table.keys, number))
    if at == len(table.keys) or table.keys[at] != number:
        return [0] * table.lanes.shape[0]
    # Lanes are 32 bits apart, from 2^(32·first) up (onepass/summaries/tables.py).
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
    # Rows are taken as independent here, those of clusters, too (docs/decisions/0010-groups-and-clusters.md).
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
    # A group with a finite loss lies infinitely far below a mean that is infinite.
    if math.isinf(loss):
        return math.inf
    if total.summary.n_infinite:
        return -math.inf
    ours, all_of_them = moments.summary, total.summary
    # As one integer: the difference of two means would lose the digits that they have in common.
    difference = ours.sum("c") * total.weight - all_of_them.sum("c") * moments.weight
    return ratio(difference, total.weight * total.weight)


def _squares_about(total: Moments, moments: Moments) -> float:
    """Σ w²(c − S)² / W² over the rows of a group, S and W of all rows; nan if a loss is infinite."""
    if total.summary.n_infinite:
        return math.nan
    w = total.weight
    return ratio(squares_about(moments.summary, total.summary.sum("c"), w) << UNIT_EXPONENT, w**4)


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


def _parts(grouped: GroupedSummary, cell: tuple[CountTable, SumTable], moments: Moments) -> dict[str, Any]:
    """The miscalibration of a group, and what chance alone would show of it."""
    scores = None if grouped.cells is None else grouped.cells.scores
    counts, masses = cell
    table = score_table_of_group(counts, masses, scores, grouped.scale, grouped.shift)
    recalibration = Recalibration(table)
    loss = math.inf if moments.summary.n_infinite else moments.quotient("c")
    # Of scores in coarse bins it is the least that it can be: the map is constant in each bin.
    excess = max(loss - recalibration.log_loss, 0.0)
    most = max(PLACES_DRAWN // max(grouped.n_groups, 1), LEAST_PLACES_DRAWN)
    chance = chance_of(table, None, excess, moments.n_rows, is_soft=moments.summary.is_soft, most=most)
    return {"miscalibration_nats": excess, "by_chance_nats": chance.mean, "p_value": chance.p_value}


def margin(grouped: GroupedSummary, columns: tuple[str, ...]) -> GroupedSummary:
    """The groups by some of the columns: those that differ in the others only are merged."""
    chosen = [grouped.columns.index(name) for name in columns]
    names = [name if name == REST else tuple(name[j] for j in chosen) for name in grouped.names]
    return replace(grouped.renamed(names), columns=columns)
