"""What a measurement adds up of each group or cluster: losses and probabilities, and how often each score was given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logloss.data.block import Block
from logloss.onepass.kernels import by_group, exact, losses
from logloss.onepass.summaries.cells import CellWorkspace
from logloss.onepass.summaries.cluster_sums import ClusterSumsWorkspace
from logloss.onepass.summaries.contract import forecast_of, is_hard, weight_of
from logloss.onepass.summaries.group_keys import CLUSTER
from logloss.onepass.summaries.grouped import (
    GENERAL_COLUMNS,
    N_TOTALS,
    GroupedSummary,
    GroupWorkspace,
)
from logloss.onepass.summaries.scores import ScoreWorkspace
from logloss.onepass.summaries.tables import (
    CountTable,
    Floats,
    Ints,
    Slots,
    SumTable,
    SumWorkspace,
    product_of,
    runs_of,
    scaled,
    with_room,
)

# Rows between two carries of the short sums: a row makes at most 24 deposits, each below 2^32, of 62 bits that fit.
MOST_UNCARRIED = 1 << 25


def losses_workspace(settings: GroupedSummary | None, scores: ScoreWorkspace) -> GroupWorkspace[LossesByGroup] | None:
    """A workspace with these settings; scores: those of the same blocks, which are placed first."""
    return None if settings is None else GroupWorkspace(settings, LossesByGroup(scores))


def finite_of(costs: Floats) -> Floats:
    """Losses, with 0 for infinite ones."""
    return np.where(np.isinf(costs), 0.0, costs) if costs.max(initial=0.0) == np.inf else costs


class LossesByGroup:
    """Losses by number of the group or cluster."""

    def __init__(self, scores: ScoreWorkspace) -> None:
        self._scores = scores

    def resume(self, kept: GroupedSummary) -> None:
        """Begin with what a summary holds."""
        n_groups = kept.n_groups
        self._kind, self._settings = kept.kind, kept
        self._totals = with_room(np.zeros((0, N_TOTALS), np.int64), n_groups)
        self._totals[kept.totals.keys] = kept.totals.counts
        self._hard: PowersByGroup | LossesByCluster
        self._hard = LossesByCluster(kept) if kept.kind == CLUSTER else PowersByGroup(kept)
        self._general = SumWorkspace(kept.general.n_columns)
        self._general.take(kept.general, n_groups)
        self._cells: CellWorkspace | None = None
        if kept.cells is not None:
            self._cells = CellWorkspace(self._scores, kept.shift, is_exact=kept.kind != CLUSTER)
            self._cells.take(kept.cells)
        sums = kept.cluster_sums
        self._cluster_sums = None if sums is None else ClusterSumsWorkspace(sums)

    def add(
        self,
        block: Block,
        costs: Floats,
        groups: Slots,
        n_groups: int,
        slots: Slots,
        are_bins: bool,
        clusters: Ints | None = None,
    ) -> None:
        """Take in rows of one kind; costs: their losses; slots: their bins, or the numbers of their scores; clusters:
        their hashes, where groups have sums by cluster."""
        self._totals = with_room(self._totals, n_groups)
        if self._cluster_sums is not None and clusters is not None:
            self._add_to_clusters(self._cluster_sums, block, costs, groups, clusters)
        is_far = self._hard.is_far(block) if is_hard(block) else None
        if not is_hard(block):
            self._add_general(block, costs, groups, n_groups)
        elif is_far is None or not is_far.any():
            self._add_hard(block, costs, groups, n_groups)
        else:
            self._add_hard(block.taken(~is_far), costs[~is_far], groups[~is_far], n_groups)
            self._add_general(block.taken(is_far), costs[is_far], groups[is_far], n_groups)
        if not self._settings.may_have_cells(n_groups):
            self._cells = None
        if self._cells is not None:
            self._cells.add(block, groups, n_groups, slots, are_bins=are_bins)

    def _add_to_clusters(
        self, sums: ClusterSumsWorkspace, block: Block, costs: Floats, groups: Slots, clusters: Ints
    ) -> None:
        """Take in rows by group and cluster."""
        costs = finite_of(costs)
        weighted = []
        if block.sample_weight is not None:
            weight = scaled(block.sample_weight)
            weighted = [weight, product_of(weight, scaled(costs))]
        sums.add(clusters, groups, [costs], weighted, block.counts)

    def _add_hard(self, block: Block, costs: Floats, groups: Slots, n_groups: int) -> None:
        tallies = np.zeros((n_groups, 3), np.int64)
        self._hard.add(block, costs, groups, n_groups, tallies)
        self._totals[:n_groups, :3] += tallies
        self._totals[:n_groups, 3:] += tallies

    def _add_general(self, block: Block, costs: Floats, groups: Slots, n_groups: int) -> None:
        n_rows, label = block.n_rows, block.y_true.astype(np.float64)
        proba = np.empty(n_rows)
        losses.probabilities(*forecast_of(block), proba)
        is_infinite = np.isinf(costs)
        times = np.ones(n_rows, np.int64) if block.counts is None else block.counts
        for column, chosen in enumerate((times > 0, label == 1, is_infinite)):
            np.add.at(self._totals[:, column], groups[chosen], times[chosen])
        of_weight, of_loss, of_label, of_proba = map(scaled, (weight_of(block), finite_of(costs), label, proba))
        for column, name in enumerate(GENERAL_COLUMNS[self._kind]):
            # c, a and p are themselves weighted: of "cw" the weight enters twice.
            factors = [of_weight] * len(name) + [of_loss] * name.count("c")
            factors += [of_label] * name.count("a") + [of_proba] * name.count("p")
            self._general.add(column, *product_of(*factors), groups, n_groups, block.counts)

    def frozen(self, settings: GroupedSummary, n_keys: int) -> GroupedSummary:
        """The tables of the first so many groups, beside settings."""
        self._totals = with_room(self._totals, n_keys)
        return replace(
            settings,
            scale=self._scores.scale,
            totals=CountTable.of_slots(np.arange(n_keys), self._totals),
            sums=self._hard.frozen(n_keys),
            general=self._general.frozen(np.arange(n_keys)),
            cells=None if self._cells is None else self._cells.freeze(),
            cluster_sums=None if self._cluster_sums is None else self._cluster_sums.freeze(),
        )


class PowersByGroup:
    """Losses, their squares and cubes, and probabilities of hard rows, by number of the group: in short sums."""

    def __init__(self, kept: GroupedSummary) -> None:
        n_sums = kept.sums.n_columns
        self._limbs = with_room(np.zeros((0, n_sums, exact.N_SHORT_LIMBS), np.int64), kept.n_groups)
        at = kept.sums.first + exact.SHORT_EXPONENT // 32
        self._limbs[kept.sums.keys, :, at : at + kept.sums.n_lanes] = kept.sums.lanes.transpose(2, 0, 1)
        self._n_uncarried = 0

    def is_far(self, block: Block) -> NDArray[np.bool_] | None:
        """Rows whose losses, or the cubes of these, leave the short sums; None if no row's can."""
        if block.y_logit is None:
            return None
        size = np.abs(block.y_logit)
        far: NDArray[np.bool_] = (size > by_group.GREATEST_POWERED) & np.isfinite(size)
        return far

    def add(self, block: Block, costs: Floats, groups: Slots, n_groups: int, tallies: Ints) -> None:
        """Take in rows, and count them: rows, rows of 1, rows of infinite loss of each group."""
        self._limbs = with_room(self._limbs, n_groups)
        runs = runs_of(groups, n_groups)
        forecast, _, logit = forecast_of(block)
        by_group.grouped_sums(block.y_true, costs, forecast, logit, block.counts, runs, self._limbs, tallies)
        self._n_uncarried += block.n_rows
        if self._n_uncarried > MOST_UNCARRIED:
            self._carry()

    def _carry(self) -> None:
        exact.carry(self._limbs.reshape(-1, exact.N_SHORT_LIMBS))
        self._n_uncarried = 0

    def frozen(self, n_groups: int) -> SumTable:
        """The sums of the first so many groups."""
        self._limbs = with_room(self._limbs, n_groups)
        self._carry()
        lanes = self._limbs[:n_groups].transpose(1, 2, 0)
        used = np.flatnonzero(lanes.any(axis=(0, 1)))
        return SumTable.carried(used, lanes[:, :, used], -exact.SHORT_EXPONENT // 32)


class LossesByCluster:
    """Losses of hard rows by number of the cluster."""

    def __init__(self, kept: GroupedSummary) -> None:
        self._sums = SumWorkspace(kept.sums.n_columns)
        self._sums.take(kept.sums, kept.n_groups)

    def is_far(self, block: Block) -> None:
        """No loss leaves these sums."""

    def add(self, block: Block, costs: Floats, groups: Slots, n_groups: int, tallies: Ints) -> None:
        """Take in rows, and count them: rows, rows of 1, rows of infinite loss of each cluster."""
        by_group.tally_losses(block.y_true, costs, block.counts, groups, tallies)
        self._sums.add_plain(0, finite_of(costs), groups, n_groups, block.counts)

    def frozen(self, n_groups: int) -> SumTable:
        """The sums of the first so many clusters."""
        return self._sums.frozen(np.arange(n_groups))
