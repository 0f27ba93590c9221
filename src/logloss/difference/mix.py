"""Composition and within-group effects of a change in log loss (Kitagawa), and the population stability index.

With shares s and mean losses S of the groups, Σ Δ(s·S) = Σ Δs·S̄ + Σ s̄·ΔS, bars being means of old and new: exact.

Reference: Kitagawa (1955), doi:10.1080/01621459.1955.10501299.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.answers.estimate import Estimate, student_quantile, welch_degrees
from logloss.answers.small_table import SmallTable
from logloss.data.keys import REST, sorting
from logloss.data.values import Array
from logloss.inference.clustered_groups import NOT_KEPT, ClustersOfGroups, why_too_few
from logloss.inference.clusters import effective_number
from logloss.inference.groups import GroupSums, powers_about
from logloss.inference.score_shift import comparable, population_stability_index
from logloss.inference.score_table import dot
from logloss.measurement import Measurement
from logloss.onepass.kernels.exact import ratio
from logloss.onepass.summaries import GroupedSummary
from logloss.onepass.summaries.cluster_sums import ClusterSums
from logloss.onepass.summaries.group_keys import coarser

TOO_LARGE = "the losses are too large"


@dataclass(frozen=True, slots=True)
class Groups:
    """The change decomposed by groups, and a table of them."""

    composition_effect: Estimate
    within_group_effect: Estimate
    table: SmallTable


class _Side:
    """The groups of one measurement in the order of all names: shares, mean losses, and their second moments."""

    def __init__(self, measured: Measurement, names: list[Any]) -> None:
        # Both sides have groups: `groups_of`.
        grouped: GroupedSummary = measured.summary.groups  # type: ignore[assignment]
        places = {sorting(name): place for place, name in enumerate(names)}
        self.places = np.array([places[sorting(name)] for name in grouped.names], np.int64)
        self.n_places = len(names)
        total = measured.summary.sum("w")
        self.share, self.loss, self.rows = np.zeros(len(names)), np.full(len(names), np.nan), [0] * len(names)
        # Of rows: of each group about its own mean, by `powers_about`.
        self.powers = np.zeros((3, len(names)))
        for number, place in enumerate(self.places.tolist()):
            sums = GroupSums(grouped, number, is_soft=measured.is_soft)
            w, c = sums.sum("w"), sums.sum("c")
            self.share[place], self.loss[place], self.rows[place] = ratio(w, total), ratio(c, w), sums.n_rows
            self.powers[:, place] = powers_about(sums, c, w, total)
        self.has_clusters = bool(measured.cluster)
        self.sums = grouped.cluster_sums
        self.effective = measured.effective_rows
        loss = measured.log_loss
        # Of infinite losses the finite rest is compared.
        self.reason = "" if loss.has_interval or measured.n_infinite else loss.reason
        if self.has_clusters and self.sums is None:
            self.reason = self.reason or NOT_KEPT

    def clusters_at(self, level: int | None) -> ClustersOfGroups:
        """The clusters, or their buckets at a level, of the groups of all names."""
        # Called only where they are kept: `reason`.
        sums: ClusterSums = self.sums  # type: ignore[assignment]
        return ClustersOfGroups(sums.coarsened(level).renumbered(self.places), self.n_places)

    def scatter(self, of_loss: Array, of_share: Array) -> tuple[float, float]:
        """(Variance of a function of shares and losses, given its derivatives in them; effective observations)."""
        if self.has_clusters and self.sums is not None:
            clusters = self.clusters_at(self.sums.level)
            changed = clusters.moved(clusters.costs(), of_loss, of_share)
            return dot(changed, changed), clusters.effective_of_all
        held = self.share > 0
        with np.errstate(over="ignore", invalid="ignore"):
            alpha = np.divide(of_loss, self.share, out=np.zeros(len(held)), where=held)
            # Shares add up to 1: a derivative counts less its mean.
            beta = of_share - dot(self.share, of_share)
            terms = alpha**2 * self.powers[0] + 2 * alpha * beta * self.powers[1] + beta**2 * self.powers[2]
        return float(terms[held].sum()), self.effective


# Derivatives by the losses and by the shares of a side.
Slopes = tuple[Array, Array]


def _independent(value: float, sides: tuple[_Side, _Side], slopes: tuple[Slopes, Slopes]) -> Estimate:
    """A change with its interval, the two sides being independent samples."""
    scatters = [side.scatter(*own) for side, own in zip(sides, slopes, strict=True)]
    variances = [max(variance, 0.0) for variance, _ in scatters]
    degrees = welch_degrees(*((own, n - 1) for own, (_, n) in zip(variances, scatters, strict=True)))
    numbers = [n for side, (_, n) in zip(sides, scatters, strict=True) if side.has_clusters]
    return _around(value, sum(variances), degrees, numbers)


def _paired(value: float, sides: tuple[_Side, _Side], slopes: tuple[Slopes, Slopes]) -> Estimate:
    """A change with its interval, clusters of both sides, matched by their hashes, being the observations."""
    level = coarser(*(None if side.sums is None else side.sums.level for side in sides))
    clusters = [side.clusters_at(level) for side in sides]
    names = np.union1d(*(each.names for each in clusters))
    changed, weights, variances = np.zeros(len(names)), np.zeros(len(names)), []
    for each, slope in zip(clusters, slopes, strict=True):
        at, own = np.searchsorted(names, each.names), each.moved(each.costs(), *slope)
        changed[at] += own
        weights[at] += each.of_cluster
        variances.append(dot(own, own))
    numbers = [each.effective_of_all for each in clusters]
    # As if they were independent, where that is fewer: few clusters of one side may make nearly all of the variance.
    degrees = min(
        effective_number(weights) - 1, welch_degrees(*((v, n - 1) for v, n in zip(variances, numbers, strict=True)))
    )
    return _around(value, dot(changed, changed), degrees, numbers)


def _around(value: float, variance: float, degrees: float, numbers: Sequence[float]) -> Estimate:
    """A value with the interval of Student's t; numbers: of effective clusters of the sides that have some."""
    reason = next(filter(None, map(why_too_few, numbers)), "")
    if reason or not math.isfinite(variance):
        return Estimate(value, reason=reason or TOO_LARGE)
    width = student_quantile(degrees) * math.sqrt(variance)
    return Estimate(value, value - width, value + width)


def groups_of(old: Measurement, new: Measurement, *, is_paired: bool) -> Groups | None:
    """The decomposition by groups, if both have the same; is_paired: whether clusters may occur in both."""
    mine, theirs = old.summary.groups, new.summary.groups
    if mine is None or theirs is None or (mine.columns, mine.only) != (theirs.columns, theirs.only):
        return None
    if mine.is_over or theirs.is_over:
        return None
    by_key = {sorting(name): name for name in (*mine.names, *theirs.names)}
    names = [by_key[key] for key in sorted(by_key)]
    before, after = _Side(old, names), _Side(new, names)
    # A group of one side only has changed in share, not in loss.
    was = np.where(np.isnan(before.loss), after.loss, before.loss)
    now = np.where(np.isnan(after.loss), before.loss, after.loss)
    changed, share = now - was, (before.share + after.share) / 2
    grown, loss = after.share - before.share, (was + now) / 2
    # Shares add up to 1: losses less their mean leave the total as it is, and make each group's part interpretable.
    middle = dot(share, loss)
    by_mix, by_loss = grown * (loss - middle), share * changed
    # Derivatives of Σ Δs·S̄ and Σ s̄·ΔS by the losses and shares of each side.
    of_mix = (grown / 2, -loss), (grown / 2, loss)
    of_within = (-share, changed / 2), (share, changed / 2)
    mix, within = (
        _change(float(parts.sum()), (before, after), slopes, is_paired=is_paired)
        for parts, slopes in ((by_mix, of_mix), (by_loss, of_within))
    )
    table: dict[str, list[Any]] = {}
    for j, column in enumerate(mine.columns):
        table[column] = [REST[0] if name == REST else name[j] for name in names]
    table |= {
        "rows_old": before.rows,
        "rows_new": after.rows,
        "share_old": before.share.tolist(),
        "share_new": after.share.tolist(),
        "log_loss_old_nats": before.loss.tolist(),
        "log_loss_new_nats": after.loss.tolist(),
        "composition_nats": by_mix.tolist(),
        "within_group_nats": by_loss.tolist(),
    }
    return Groups(mix, within, SmallTable(table))


def _change(value: float, sides: tuple[_Side, _Side], slopes: tuple[Slopes, Slopes], *, is_paired: bool) -> Estimate:
    """A change with its interval, or why it has none."""
    reason = sides[1].reason or sides[0].reason
    if reason:
        return Estimate(value, reason=reason)
    return (_paired if is_paired else _independent)(value, sides, slopes)


def psi_of(old: Measurement, new: Measurement) -> tuple[float, str]:
    """(Population stability index of the predictions, on ten bins with a tenth of the old rows each; why it is nan)."""
    mine, theirs = old.summary.scores, new.summary.scores
    if mine.scale != theirs.scale:
        return math.nan, "one holds probabilities, the other log-odds"
    return population_stability_index(*comparable(mine, theirs), (old.n_rows, new.n_rows)), ""
