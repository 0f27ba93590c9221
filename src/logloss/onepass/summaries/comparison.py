"""What a comparison keeps of the rows: the loss of each forecast, and for every two of them what they differ by."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.keys import GroupKey
from logloss.errors import DataError
from logloss.onepass.kernels import paired_losses
from logloss.onepass.kernels.hashing import hashes_of
from logloss.onepass.summaries.cluster_periods import ClusterPeriods, ClusterPeriodsWorkspace
from logloss.onepass.summaries.contract import is_hard, pieces_of
from logloss.onepass.summaries.contrast import Contrast, ContrastWorkspace, JointScores, JointWorkspace
from logloss.onepass.summaries.group_gaps import SUMS_OF_PAIR, GapsByGroup, LossesOfBlock, PairsOfBlock
from logloss.onepass.summaries.group_keys import CLUSTER, GROUP, PERIOD
from logloss.onepass.summaries.grouped import GroupedSummary, GroupWorkspace
from logloss.onepass.summaries.loss import LossSummary
from logloss.onepass.summaries.tables import Floats, Slots
from logloss.text import count, listed, significant

# Pairs of scores of all pairs of forecasts together, so that the size does not grow with their number.
MOST_JOINT, LEAST_JOINT = 1 << 15, 1 << 10


@dataclass(frozen=True, slots=True, repr=False)
class ComparisonSummary:
    """Everything that a comparison reports, of the same rows for every forecast.

    losses: one for each forecast, with its clusters; contrasts, joint: one for each pair, in the order of `pairs_of`.
    groups, periods: sums of the losses by name. greatest_weight: of any row (1 where there are none). cluster_periods:
    which periods clusters lie in; None without clusters or periods.
    """

    losses: tuple[LossSummary, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    joint: tuple[JointScores, ...] = ()
    groups: GroupedSummary | None = None
    periods: GroupedSummary | None = None
    greatest_weight: float = 0.0
    cluster_periods: ClusterPeriods | None = None

    @classmethod
    def empty(
        cls,
        n_forecasts: int = 2,
        *,
        by: tuple[str, ...] = (),
        cluster: tuple[str, ...] = (),
        order: str | None = None,
        only: tuple[GroupKey, ...] | None = None,
    ) -> ComparisonSummary:
        """Of no rows, with its settings."""
        n_pairs = n_forecasts * (n_forecasts - 1) // 2
        limit = max(MOST_JOINT // max(n_pairs, 1), LEAST_JOINT)
        # Rows, and those of infinite loss of each forecast; of periods also those of infinite range of each pair.
        n_counts = 1 + n_forecasts
        clusters = GroupedSummary.empty(cluster, CLUSTER) if cluster else None
        groups = GroupedSummary.empty_of(by, GROUP, n_counts, 2 + 2 * n_forecasts + n_pairs, only) if by else None
        if groups is not None and cluster:
            groups = groups.with_clusters(n_forecasts)
        n_sums = 1 + n_forecasts + len(SUMS_OF_PAIR[PERIOD]) * n_pairs
        return cls(
            (LossSummary.empty(clusters=clusters),) * n_forecasts,
            (Contrast(),) * n_pairs,
            (JointScores(limit),) * n_pairs,
            groups,
            GroupedSummary.empty_of((order,), PERIOD, n_counts + n_pairs, n_sums) if order else None,
            cluster_periods=ClusterPeriods() if cluster and order else None,
        )

    @classmethod
    def of(cls, block: Block, **settings: Any) -> ComparisonSummary:
        """Of the rows of a block."""
        workspace = cls.empty(len(block.forecasts), **settings).workspace()
        workspace.add(block)
        return workspace.freeze()

    def workspace(self) -> ComparisonWorkspace:
        """A new workspace with the same settings."""
        return ComparisonWorkspace(self)

    def merge(self, other: ComparisonSummary) -> ComparisonSummary:
        """Of the rows of both."""
        if self.settings != other.settings:
            raise DataError("summaries must compare equally many forecasts, by the same columns.")
        groups, periods = (
            None if mine is None or theirs is None else mine.merge(theirs)
            for mine, theirs in zip(self.keyed, other.keyed, strict=True)
        )
        return ComparisonSummary(
            tuple(a.merge(b) for a, b in zip(self.losses, other.losses, strict=True)),
            tuple(a.merge(b) for a, b in zip(self.contrasts, other.contrasts, strict=True)),
            tuple(a.merge(b) for a, b in zip(self.joint, other.joint, strict=True)),
            groups,
            periods,
            max(self.greatest_weight, other.greatest_weight),
            None
            if self.cluster_periods is None or other.cluster_periods is None
            else self.cluster_periods.merge(other.cluster_periods),
        )

    @property
    def keyed(self) -> tuple[GroupedSummary | None, ...]:
        """The sums by name."""
        return self.groups, self.periods

    @property
    def clusters(self) -> GroupedSummary | None:
        """Sums and scores by cluster, of the first forecast."""
        return self.losses[0].clusters

    @property
    def clusters_in_one_period(self) -> bool | None:
        """Whether each cluster lies in one period; None where there are too many to know, and without one of both."""
        return None if self.cluster_periods is None else self.cluster_periods.are_single

    @property
    def settings(self) -> tuple[Any, ...]:
        """What two summaries must have alike."""
        clusters = self.losses[0].clusters if self.losses else None
        keyed = (None if each is None else (each.columns, each.only) for each in self.keyed)
        return len(self.losses), None if clusters is None else clusters.columns, *keyed

    @property
    def n_rows(self) -> int:
        """How many rows took part."""
        return self.losses[0].n_rows if self.losses else 0

    @property
    def n_dropped(self) -> int:
        """How many rows were left out, since something was missing."""
        return self.losses[0].n_dropped

    @property
    def coding(self) -> frozenset[Any]:
        """The ways in which labels were written."""
        return self.losses[0].coding

    def __repr__(self) -> str:
        shown = [significant(each.log_loss) if each.n_rows else "nan" for each in self.losses]
        return f"ComparisonSummary: n_rows={count(self.n_rows)}  log_loss={listed(shown)} nats"


def pairs_of(n_forecasts: int) -> list[tuple[int, int]]:
    """Every two forecasts, in order."""
    return list(combinations(range(n_forecasts), 2))


class ComparisonWorkspace:
    """What one worker adds blocks to."""

    def __init__(self, settings: ComparisonSummary) -> None:
        self.pairs = pairs_of(len(settings.losses))
        self.losses = [each.workspace() for each in settings.losses]
        self.contrasts = [ContrastWorkspace() for _ in self.pairs]
        self.joint = [JointWorkspace(each) for each in settings.joint]
        n_forecasts, n_pairs = len(settings.losses), len(self.pairs)
        self.groups, self.periods = (
            None if each is None else GroupWorkspace(each, GapsByGroup(n_forecasts, n_pairs, each.kind))
            for each in settings.keyed
        )
        self.cluster_periods = None if settings.cluster_periods is None else ClusterPeriodsWorkspace()
        self.greatest_weight = 0.0

    def add(self, block: Block) -> None:
        """Take in a block."""
        # Hashed once for all forecasts.
        clusters = hashes_of(block.cluster) if block.cluster else None
        bins = [losses.binned(block.of_forecaster(number), clusters) for number, losses in enumerate(self.losses)]
        pieces = [piece for piece in pieces_of(block) if piece.n_rows]
        for piece, *bins_of_piece in zip(pieces, *bins, strict=True):
            self._add_piece(piece, bins_of_piece)

    def _add_piece(self, block: Block, bins: list[Slots]) -> None:
        """Take in rows of one kind: with hard labels and no weights, or others; bins: of each forecast."""
        greatest = 1.0 if block.sample_weight is None else float(block.sample_weight.max())
        self.greatest_weight = max(self.greatest_weight, greatest)
        seen, sides = [], []
        for proba, of_zero, logit in block.forecasts:
            losses, logits = np.empty(block.n_rows), np.empty(block.n_rows)
            of_either = None if self.periods is None else np.empty((2, block.n_rows))
            paired_losses.losses_and_logits(
                block.y_true, logit if proba is None else proba, of_zero, logit, losses, logits, of_either
            )
            seen.append((losses, logits))
            sides.append(of_either)
        for (i, j), contrast in zip(self.pairs, self.contrasts, strict=True):
            contrast.add(block, seen[i], seen[j], (i, j))
        # Pairs of scores are counted, not weighed: they serve errors of unweighted parts only.
        if is_hard(block):
            for (i, j), joint in zip(self.pairs, self.joint, strict=True):
                joint.add(block, bins[i], bins[j])
        if self.groups is not None or self.periods is not None:
            losses_only = [losses for losses, _ in seen]
            self._add_by_key(block, LossesOfBlock.of(block, losses_only), self._differences(losses_only), sides)

    def _add_by_key(
        self, block: Block, losses: LossesOfBlock, differences: list[Floats], sides: list[Floats | None]
    ) -> None:
        """Take in rows under their group and period."""
        clusters = hashes_of(block.cluster) if block.cluster else None
        if self.groups is not None:
            numbers = self.groups.numbers_of(block)
            if numbers is not None:
                pairs = PairsOfBlock([], differences, [])
                self.groups.sums.add(block, numbers, self.groups.n_keys, losses, pairs, clusters)
        if self.periods is not None:
            numbers = self.periods.numbers_of(block)
            if numbers is not None:
                self.periods.sums.add(block, numbers, self.periods.n_keys, losses, self._bounded(differences, sides))
            if self.cluster_periods is not None and clusters is not None and block.order is not None:
                self.cluster_periods.add(clusters, block.order)

    def _differences(self, losses: list[Floats]) -> list[Floats]:
        """How far each two losses are apart, 0 where one of them is infinite."""
        found = [np.empty(len(losses[0])) for _ in self.pairs]
        for (i, j), own in zip(self.pairs, found, strict=True):
            paired_losses.gaps(losses[i], losses[j], own)
        return found

    def _bounded(self, differences: list[Floats], sides: list[Floats | None]) -> PairsOfBlock:
        """How far below and above 0 each difference may be, for either label; where that has no bound."""
        below, above = ([np.empty(len(each)) for each in differences] for _ in range(2))
        unbounded = [np.empty(len(each), np.bool_) for each in differences]
        for place, (i, j) in enumerate(self.pairs):
            paired_losses.bounds(sides[i], sides[j], below[place], above[place], unbounded[place])
        ranges = [low + high for low, high in zip(below, above, strict=True)]
        bounded = [
            np.where(is_out, 0.0, each) if is_out.any() else each
            for each, is_out in zip(differences, unbounded, strict=True)
        ]
        return PairsOfBlock([*below, *above], [*bounded, *ranges], unbounded)

    def freeze(self) -> ComparisonSummary:
        """The summary of the blocks that were added."""
        groups, periods = (None if each is None else each.freeze() for each in (self.groups, self.periods))
        return ComparisonSummary(
            tuple(each.freeze() for each in self.losses),
            tuple(each.freeze() for each in self.contrasts),
            tuple(each.freeze() for each in self.joint),
            groups,
            periods,
            self.greatest_weight,
            None if self.cluster_periods is None else self.cluster_periods.freeze(),
        )
