"""The groups of a measurement: log loss, contribution and miscalibration of each, with independent rows or clusters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from logloss.answers.estimate import Estimate, student_quantile, welch_degrees
from logloss.answers.small_table import SmallTable
from logloss.data.keys import REST
from logloss.inference.cautions import caution_of
from logloss.inference.clustered_groups import DEPENDENT, NOT_KEPT, ClustersOfGroups, why_too_few
from logloss.inference.moments import Moments, Sums, squares_about
from logloss.inference.null_distribution import N_DRAWS, NullDistribution, null_distribution_of
from logloss.inference.recalibration import Recalibration
from logloss.inference.score_table import score_table_of_group
from logloss.onepass.kernels.exact import UNIT_EXPONENT, ratio
from logloss.onepass.run import available_cpus
from logloss.onepass.summaries import GroupedSummary
from logloss.onepass.summaries.grouped import GENERAL_COLUMNS, HARD_COLUMNS
from logloss.onepass.summaries.tables import CountTable, SumTable

# Scores of all groups together over which null distributions are drawn, so that their cost has a limit, and of one
# group at least: of these the standard error of the expected miscalibration is 3 to 6% (docs/inference.md).
PLACES_DRAWN = 1 << 14
LEAST_PLACES_DRAWN = 1 << 8
# Steps of a kernel of about 10 ns each that take longer than the start of threads.
FEWEST_SHARED = 1 << 17


# Which sum of hard rows is part of each sum of a group, and which column of the counts.
OF_HARD = {"c": "c", "cw": "c", "cww": "c", "cc": "cc", "ccw": "cc", "ccc": "ccc", "p": "p"}
OF_COUNTS = {"w": 3, "ww": 3, "www": 3, "a": 4, "aw": 4, "aa": 4, "w_infinite": 5}


class GroupSums:
    """The sums of one group, in units of 2^-unit_exponent, under the names of `onepass.summaries.loss`."""

    def __init__(
        self, grouped: GroupedSummary, number: int, *, is_soft: bool, unit_exponent: int = UNIT_EXPONENT
    ) -> None:
        self.unit_exponent = unit_exponent
        totals = grouped.totals.counts[np.searchsorted(grouped.totals.keys, number)].tolist()
        self.n_rows, self.n_positive, self.n_infinite = totals[:3]
        self.is_soft = is_soft
        self._totals = totals
        hard, general = (sums_of_key(each, number, unit_exponent) for each in (grouped.sums, grouped.general))
        self._hard = dict(zip(HARD_COLUMNS[grouped.kind], hard, strict=True))
        self._general = dict(zip(GENERAL_COLUMNS[grouped.kind], general, strict=True))

    def sum(self, name: str) -> int:
        """One of the sums."""
        total = self._general.get(name, 0)
        if name in OF_HARD:
            total += self._hard[OF_HARD[name]]
        return total + (self._totals[OF_COUNTS[name]] << self.unit_exponent if name in OF_COUNTS else 0)


def unit_exponent_of(*grouped: GroupedSummary) -> int:
    """The exponent of a unit, at most 1, of which all sums of every key are multiples."""
    tables = (table for each in grouped for table in (each.sums, each.general))
    return max((-32 * table.first for table in tables if len(table.keys) and table.first < 0), default=0)


def sums_of_keys(grouped: GroupedSummary, name: str, unit_exponent: int = UNIT_EXPONENT) -> list[int]:
    """One of the sums of every group or cluster, in units of 2^-unit_exponent: as those of `GroupSums`, without one for
    each."""
    columns = [(grouped.general, GENERAL_COLUMNS[grouped.kind].index(name))]
    if name in OF_HARD:
        columns.append((grouped.sums, HARD_COLUMNS[grouped.kind].index(OF_HARD[name])))
    totals = [0] * grouped.n_groups
    for table, column in columns:
        for key, value in zip(table.keys.tolist(), table.integers(column), strict=True):
            totals[key] += value << 32 * table.first + unit_exponent
    if name in OF_COUNTS:
        counts = grouped.totals.counts[:, OF_COUNTS[name]].tolist()
        for key, number in zip(grouped.totals.keys.tolist(), counts, strict=True):
            totals[key] += number << unit_exponent
    return totals


def sums_of_key(table: SumTable, number: int, unit_exponent: int = UNIT_EXPONENT) -> list[int]:
    """The sums of one key as integers in units of 2^-unit_exponent, of which they are multiples."""
    at = int(np.searchsorted(table.keys, number))
    if at == len(table.keys) or table.keys[at] != number:
        return [0] * table.lanes.shape[0]
    # Lanes are 32 bits apart, from 2^(32·first) up (onepass/summaries/tables.py).
    shift = 32 * table.first + unit_exponent
    lanes = table.lanes[:, :, at].tolist()
    return [sum(lane << (32 * j) for j, lane in enumerate(column)) << shift for column in lanes]


class PowersAbout(NamedTuple):
    """Σ w²(ℓ − m)², Σ w²(ℓ − m) and Σ w² of rows, each row times 1 + 2w / W, over W²: to first order the squared change
    of a mean of weight W when each is left out."""

    squares: float
    products: float
    weights: float

    def of_squares(self, slope: float, constant: float) -> float:
        """Σ w²(slope·(ℓ − m) + constant)², each row times the same."""
        # Not a power: that of a float raises an error where the product is infinite.
        found = slope * slope * self.squares + 2 * slope * constant * self.products
        # Products are rounded: of equal losses the sum may be below 0.
        return max(found + constant * constant * self.weights, 0.0)


def powers_about(sums: Sums, c: int, w: int, total: int) -> PowersAbout:
    """Of some sums about the mean c / w, total the weight W of all rows."""
    of = sums.sum
    second = (squares_about(sums, c, w), of("cw") * w - c * of("ww"), of("ww"))
    third = (of("ccw") * w * w - 2 * c * w * of("cww") + c * c * of("www"), of("cww") * w - c * of("www"), of("www"))
    found = []
    for power, (two, three) in enumerate(zip(second, third, strict=True)):
        # A unit for each factor: below stands one more than above, and another one below weight³.
        below = w ** (2 - power) * total * total
        unit = sums.unit_exponent
        found.append(ratio(two << unit, below) + 2 * ratio(three << 2 * unit, below * total))
    return PowersAbout(*found)


class Whole(NamedTuple):
    """All rows together: Σ weight·loss and Σ weight in the unit of the groups, rows of infinite loss and degrees of
    freedom."""

    loss: int
    weight: int
    n_infinite: int
    degrees: float
    unit_exponent: int

    @classmethod
    def of(cls, total: Moments, grouped: GroupedSummary) -> Whole:
        """In the largest unit of which these sums and those of every group are multiples: the fewest digits."""
        loss, weight = total.summary.sum("c"), total.weight
        both = loss | weight
        n_zeros = (both & -both).bit_length() - 1
        unit = max(total.unit_exponent - n_zeros, unit_exponent_of(grouped))
        loss, weight = (each << unit >> total.unit_exponent for each in (loss, weight))
        return cls(loss, weight, total.summary.n_infinite, total.degrees, unit)


def groups_table(grouped: GroupedSummary, total: Moments, *, is_soft: bool, has_clusters: bool) -> SmallTable:
    """Log loss, contribution, event rate, mean prediction and miscalibration of each group, with intervals."""
    if grouped.n_groups == 0:
        return SmallTable({name: [] for name in (*grouped.columns, "rows", "log_loss_nats")})
    rows: list[dict[str, Any]] = []
    whole = Whole.of(total, grouped)
    groups = [
        Moments(GroupSums(grouped, number, is_soft=is_soft, unit_exponent=whole.unit_exponent))
        for number in range(grouped.n_groups)
    ]
    losses = [moments.log_loss() for moments in groups]
    effective: list[dict[str, Any]] = [{}] * len(groups)
    if has_clusters:
        losses, reaches, effective = _of_clusters(grouped, losses, is_finite=not whole.n_infinite)
    else:
        reaches = _reaches_of_rows(groups, losses, whole)
    parts = _parts(grouped, groups, has_clusters=has_clusters)
    for number, (name, moments) in enumerate(zip(grouped.names, groups, strict=True)):
        row = dict(zip(grouped.columns, name if name != REST else REST * len(grouped.columns), strict=True))
        row |= _figures(moments, whole, losses[number], reaches[number], effective[number]) | parts[number]
        rows.append(row)
    return SmallTable({name: [row[name] for row in rows] for name in rows[0]})


def _figures(moments: Moments, whole: Whole, loss: Estimate, reach: float, effective: dict[str, Any]) -> dict[str, Any]:
    """The figures of a group; reach: half the width of the interval of its contribution."""
    rate, mean, contribution = moments.base_rate(), moments.quotient("p"), _contribution(moments, whole, loss)
    ends = (math.nan, math.nan) if math.isnan(reach) else (contribution - reach, contribution + reach)
    return {
        "rows": moments.n_rows,
        **effective,
        "log_loss_nats": float(loss),
        "log_loss_nats_low": loss.low,
        "log_loss_nats_high": loss.high,
        "reason": loss.reason,
        "caution": caution_of(moments.effective_rows, *moments.effective_of_rarer_class, None)
        if loss.has_interval
        else "",
        "contribution_nats": contribution,
        "contribution_nats_low": ends[0],
        "contribution_nats_high": ends[1],
        "share": ratio(moments.weight, whole.weight),
        "n_infinite": moments.summary.n_infinite,
        "base_rate": float(rate),
        "mean_proba": mean,
        "ratio": mean / rate if rate else math.nan,
    }


def _contribution(moments: Moments, whole: Whole, loss: float) -> float:
    """W_g·(S_g − S) / W; those of all groups add up to 0."""
    # A group with a finite loss lies infinitely far below a mean that is infinite.
    if math.isinf(loss):
        return math.inf
    if whole.n_infinite:
        return -math.inf
    # As one integer: the difference of two means would lose the digits that they have in common.
    difference = moments.summary.sum("c") * whole.weight - whole.loss * moments.weight
    return ratio(difference, whole.weight * whole.weight)


def _reaches_of_rows(groups: Sequence[Moments], losses: Sequence[Estimate], whole: Whole) -> list[float]:
    """Half the width of the interval of each contribution, for independent rows."""
    if whole.n_infinite:
        return [math.nan] * len(groups)
    c, w = whole.loss, whole.weight
    powers = [powers_about(moments.summary, c, w, w) for moments in groups]
    sums = [sum(column) for column in zip(*powers, strict=True)]
    reaches = []
    for moments, loss, own in zip(groups, losses, powers, strict=True):
        # Influence of a row: w·((is of the group − share)·(loss − mean) − contribution) / W.
        share, contribution = ratio(moments.weight, w), _contribution(moments, whole, loss)
        inside = own.of_squares(1 - share, -contribution)
        outside = PowersAbout(*(of_all - of_own for of_all, of_own in zip(sums, own, strict=True))).of_squares(
            -share, -contribution
        )
        reach = math.nan
        if loss.has_interval and math.isfinite(inside + outside):
            degrees = welch_degrees((inside, moments.degrees), (outside, whole.degrees))
            reach = student_quantile(degrees) * math.sqrt(inside + outside)
        reaches.append(reach)
    return reaches


def _of_clusters(
    grouped: GroupedSummary, losses: Sequence[Estimate], *, is_finite: bool
) -> tuple[list[Estimate], list[float], list[dict[str, Any]]]:
    """(Loss of each group, half the width of the interval of its contribution, its effective clusters), for independent
    clusters; losses: with intervals where there are enough rows."""
    if grouped.cluster_sums is None:
        unknown = [Estimate(loss, reason=loss.reason if not loss.has_interval else NOT_KEPT) for loss in losses]
        return unknown, [math.nan] * len(losses), [{"effective_clusters": math.nan}] * len(losses)
    clusters = ClustersOfGroups(grouped.cluster_sums, grouped.n_groups)
    costs, n_all = clusters.costs(), clusters.effective_of_all
    columns = (clusters.effective, clusters.errors_of_means(costs), *clusters.variances_of_contributions(costs))
    why_no_contribution = why_too_few(n_all)
    found, reaches = [], []
    for loss, effective, error, inside, outside in zip(losses, *(column.tolist() for column in columns), strict=True):
        mean, reach = clustered_mean(loss, effective, error, lowest=0.0), math.nan
        if mean.has_interval and why_no_contribution:
            reason = "; ".join(filter(None, (mean.reason, f"no CI of the contribution: {why_no_contribution}")))
            mean = Estimate(mean, mean.low, mean.high, reason)
        elif mean.has_interval and is_finite and math.isfinite(inside + outside):
            degrees = welch_degrees((inside, effective - 1), (outside, n_all - 1))
            reach = student_quantile(degrees) * math.sqrt(inside + outside)
        found.append(mean)
        reaches.append(reach)
    return found, reaches, [{"effective_clusters": effective} for effective in clusters.effective.tolist()]


def clustered_mean(mean: Estimate, effective: float, error: float, *, lowest: float = -math.inf) -> Estimate:
    """A mean with the interval of so many effective clusters, where it has one of rows; else with the reason."""
    if not mean.has_interval:
        return mean
    reason = why_too_few(effective)
    if reason or not math.isfinite(error):
        return Estimate(mean, reason=reason or "the losses are too large")
    reach = student_quantile(effective - 1) * error
    return Estimate(mean, min(max(mean - reach, lowest), mean), mean + reach, mean.reason)


def _parts(grouped: GroupedSummary, groups: Sequence[Moments], *, has_clusters: bool) -> list[dict[str, Any]]:
    """What follows from the labels by score of each group, on as many threads as there are processors."""
    parts: list[dict[str, Any]] = [{}] * len(groups)
    if grouped.cells is None:
        return parts
    cells = grouped.cells.by_group(len(groups))

    def find(first: int, last: int) -> None:
        for number in range(first, last):
            parts[number] = _parts_of(grouped, cells[number], groups[number], has_clusters=has_clusters)

    in_slices(find, len(groups), 0 if has_clusters else N_DRAWS * min(len(grouped.cells.counts.keys), PLACES_DRAWN))
    return parts


def in_slices(work: Callable[[int, int], None], n: int, n_steps: int) -> None:
    """Call a kernel for slices [first, last) of n items, on as many threads as there are processors."""
    n_threads = min(available_cpus(), n) if n_steps >= FEWEST_SHARED else 1
    if n_threads == 1:
        work(0, n)
        return
    ends = [k * n // n_threads for k in range(n_threads + 1)]
    with ThreadPoolExecutor(n_threads, thread_name_prefix="logloss") as pool:
        list(pool.map(work, ends[:-1], ends[1:]))


def _parts_of(
    grouped: GroupedSummary, cell: tuple[CountTable, SumTable], moments: Moments, *, has_clusters: bool
) -> dict[str, Any]:
    """The miscalibration of a group, with its null mean and p-value."""
    scores = None if grouped.cells is None else grouped.cells.scores
    counts, masses = cell
    table = score_table_of_group(counts, masses, scores, grouped.scale, grouped.shift)
    recalibration = Recalibration(table)
    loss = math.inf if moments.summary.n_infinite else moments.quotient("c")
    # Of scores in coarse bins it is the least that it can be: the map is constant in each bin.
    excess = max(loss - recalibration.log_loss, 0.0)
    null_distribution = NullDistribution(reason=DEPENDENT)
    if not has_clusters:
        most = max(PLACES_DRAWN // max(grouped.n_groups, 1), LEAST_PLACES_DRAWN)
        null_distribution = null_distribution_of(
            table, None, excess, moments.n_rows, table.merged(most), is_soft=moments.summary.is_soft
        )
    return {
        "miscalibration_nats": excess,
        "expected_if_calibrated_nats": null_distribution.mean,
        "p_value": null_distribution.p_value,
        "expected_if_calibrated_reason": null_distribution.reason,
    }


def margin(grouped: GroupedSummary, columns: tuple[str, ...]) -> GroupedSummary:
    """The groups by some of the columns: those that differ in the others only are merged."""
    chosen = [grouped.columns.index(name) for name in columns]
    names = [name if name == REST else tuple(name[j] for j in chosen) for name in grouped.names]
    return replace(grouped.renamed(names), columns=columns)
