"""The summary of a measurement: exact sums, the scores, the largest losses, groups and clusters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from operator import or_
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from logloss.data.block import Block, Unchecked
from logloss.data.checks.forecasts import Unlabelled
from logloss.data.checks.reading import read_only
from logloss.errors import DataError
from logloss.onepass.kernels import counted_losses, exact, losses, weighted_losses
from logloss.onepass.kernels.hashing import GOLDEN, WORD, hash_rows, hashes_of
from logloss.onepass.summaries.contract import (
    BlockwiseSummary,
    added,
    forecast_of,
    is_hard,
    merged,
    pieces_of,
)
from logloss.onepass.summaries.group_losses import losses_workspace
from logloss.onepass.summaries.grouped import GroupedSummary
from logloss.onepass.summaries.largest_losses import LargestLossesSummary, LargestLossesWorkspace
from logloss.onepass.summaries.scores import ScoreSummary, ScoreWorkspace
from logloss.onepass.summaries.tables import Ints, Slots
from logloss.text import count, listed, significant

# The sums of a LossSummary. c is weight·loss (0 where the loss is infinite), a weight·label, b weight·Brier score, w
# the weight; two and three letters stand for products. p, h: weight·prediction and weight·its entropy; v: weight²·the
# variance of the loss if the prediction is right; w_infinite: the weight of rows of infinite loss.
SUMS = (
    *("w", "c", "ww", "cw", "cc", "www", "cww", "ccw", "ccc"),
    *("a", "aw", "aa", "ca", "p", "b", "bw", "bb", "h", "v", "w_infinite"),
)
# Which rows of limbs make each in `weighted_losses.general_sums`: two of products, which are kept in two halves.
N_HALVES = [2 if len(name) in (2, 3) else 1 for name in SUMS]
GENERAL_LIMBS = tuple(
    tuple(range(stop - n_halves, stop)) for n_halves, stop in zip(N_HALVES, accumulate(N_HALVES), strict=True)
)
N_GENERAL_LIMBS = weighted_losses.N_GENERAL + 1
# Which rows of limbs make the sums of `counted_losses.hard_sums`, where every weight is 1.
HARD_LIMBS: dict[str, tuple[int, ...]] = {
    "c": (0,),
    "cw": (0,),
    "cww": (0,),
    "cc": (1, 2),
    "ccw": (1, 2),
    "ccc": (3, 4),
    "ca": (5,),
    "b": (6,),
    "bw": (6,),
    "bb": (7, 8),
    "p": (9,),
    "h": (10,),
    "v": (11,),
}
HARD_SUMS = ("c", "p", "b")
# The part that rows are of, by its number and name, and what tells them from others: how many there are, how many more
# have no label yet, and the two sums of their hashes.
RowsOfPart = tuple[tuple[int, str], tuple[int, int, int, int]]
NO_SCORES, NO_LARGEST_LOSSES = ScoreSummary.empty(), LargestLossesSummary.empty()
NO_SLOTS = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True, repr=False)
class LossSum(BlockwiseSummary):
    """Number of rows, exact sums of their losses and of their weights: all that a mean log loss needs."""

    n_rows: int = 0
    n_infinite: int = 0
    sum_loss: int = 0
    sum_weight: int = 0
    n_dropped: int = 0
    coding: frozenset[Any] = frozenset()
    is_floating: ClassVar[bool] = False
    n_settings: ClassVar[int] = 0

    def workspace(self) -> LossSumWorkspace:
        """A new workspace."""
        return LossSumWorkspace()

    @property
    def log_loss(self) -> float:
        """Mean log loss in nats per unit of weight."""
        return np.inf if self.n_infinite else exact.ratio(self.sum_loss, self.sum_weight)

    def __repr__(self) -> str:
        loss = significant(self.log_loss) if self.n_rows else "nan"
        return f"LossSum: n_rows={count(self.n_rows)}  log_loss={loss} nats"


class LossSumWorkspace:
    """Losses of blocks, and of rows that are checked as they are added up."""

    def __init__(self) -> None:
        # Losses and weights of rows with hard labels and no weights, and of others.
        self.hard, self.general = exact.new_limbs(1), exact.new_limbs(2)
        # Rows, rows of infinite loss; of hard labels also slices with a 0.
        self.n_hard, self.n_general = np.zeros(3, np.int64), np.zeros(2, np.int64)
        self.n_dropped = 0
        self.coding: frozenset[Any] = frozenset()

    def add(self, block: Block | Unchecked) -> None:
        """Take in a block, or rows that were not checked."""
        if isinstance(block, Unchecked):
            arrays = block.arrays()
            n_slices_before = int(self.n_hard[2])
            if arrays is not None and self._is_added(*arrays):
                # As a block remembers it: beside a 0, −1 is no label.
                self.coding |= {("value", 0.0)} if self.n_hard[2] > n_slices_before else frozenset()
                return
            block = block.checked()
        self.coding |= block.coding
        self.n_dropped += block.n_dropped
        labels, forecast = block.y_true, forecast_of(block)
        if not is_hard(block) or block.counts is not None:
            weighted_losses.weighted_losses_summed(
                labels, *forecast, block.sample_weight, block.counts, self.general, self.n_general
            )
        elif not self._is_added(labels, *forecast):
            raise AssertionError("a block holds what its checks refuse")

    def _is_added(self, y: NDArray[Any], p: NDArray[Any], q: NDArray[Any] | None, z: NDArray[Any] | None) -> bool:
        """Take in arrays, if every label is 0 or 1 and every forecast in its domain."""
        limbs, tally = self.hard.copy(), self.n_hard.copy()
        is_sound: bool = counted_losses.losses_summed(y, p, q, z, limbs, tally)
        if is_sound:
            self.hard, self.n_hard = limbs, tally
        return is_sound

    def freeze(self) -> LossSum:
        """The summary of what was added."""
        (n_hard, n_infinite, _), (n_general, n_more) = self.n_hard.tolist(), self.n_general.tolist()
        loss, weight = (exact.as_integer(limbs) for limbs in self.general)
        return LossSum(
            n_hard + n_general,
            n_infinite + n_more,
            loss + exact.as_integer(self.hard[0]),
            weight + exact.of_count(n_hard),
            self.n_dropped,
            self.coding,
        )


@dataclass(frozen=True, slots=True, repr=False)
class UnlabelledSums:
    """Rows that have a forecast but no label yet: their number, and the exact sums of weight, weight·prediction and
    weight·its entropy, in units of 2^-6720; their scores, as if every label were 0, None where they are not known."""

    n_rows: int = 0
    weight: int = 0
    proba: int = 0
    entropy: int = 0
    scores: ScoreSummary | None = NO_SCORES

    def merge(self, other: UnlabelledSums) -> UnlabelledSums:
        """Of the rows of both."""
        return merged(self, other, scores=lambda a, b: None if a is None or b is None else a.merge(b))

    @property
    def mean_proba(self) -> float:
        """Mean prediction; nan of no rows."""
        return exact.ratio(self.proba, self.weight) if self.weight else np.nan

    @property
    def expected_log_loss(self) -> float:
        """Mean entropy of the predictions, in nats; nan of no rows."""
        return exact.ratio(self.entropy, self.weight) if self.weight else np.nan


NO_UNLABELLED = UnlabelledSums()


class UnlabelledWorkspace:
    """What rows without a label are added to."""

    def __init__(self) -> None:
        self.limbs, self.n_rows = exact.new_limbs(N_GENERAL_LIMBS), 0
        self.scores = ScoreWorkspace()

    def add(self, rows: Unlabelled, block: Block) -> int:
        """Take in rows of a block; returns how many they stand for."""
        tally, forecast = np.array([0, 0, 0, -1]), forecast_of(rows)
        # Whatever the label, prediction and entropy are what they are.
        labels = np.zeros(len(forecast[0]), np.uint8)
        weighted_losses.general_sums(
            read_only(labels.astype(np.float64)), *forecast, rows.sample_weight, rows.counts, self.limbs, tally
        )
        own = {name: getattr(rows, name) for name in rows.__match_args__}
        self.scores.add(replace(block, y_true=read_only(labels), features=(), by=(), cluster=(), keep=(), **own))
        self.n_rows += int(tally[0])
        return int(tally[0])

    def freeze(self) -> UnlabelledSums:
        """The sums of what was added."""
        weight, proba, entropy = (
            exact.as_integer(self.limbs[GENERAL_LIMBS[SUMS.index(name)][0]]) for name in ("w", "p", "h")
        )
        return UnlabelledSums(self.n_rows, weight, proba, entropy, self.scores.freeze())


@dataclass(frozen=True, slots=True, repr=False)
class LossSummary:
    """Everything that a measurement reports.

    hard: the sums of loss, probability and Brier score of rows with hard labels and no weights (HARD_SUMS); n_hard:
    their rows, rows of 1 and rows of infinite loss; their squares and products come from `scores`. general: all SUMS of
    the other rows. pieces: what each part holds. unlabelled: rows that were dropped as their label is missing; None
    where that is not known.
    """

    n_rows: int = 0
    n_positive: int = 0
    n_infinite: int = 0
    n_dropped: int = 0
    is_soft: bool = False
    coding: frozenset[Any] = frozenset()
    n_hard: tuple[int, int, int] = (0, 0, 0)
    hard: tuple[int, ...] = (0,) * len(HARD_SUMS)
    general: tuple[int, ...] = (0,) * len(SUMS)
    scores: ScoreSummary = NO_SCORES
    largest_losses: LargestLossesSummary = NO_LARGEST_LOSSES
    groups: GroupedSummary | None = None
    clusters: GroupedSummary | None = None
    pieces: tuple[RowsOfPart, ...] = ()
    unlabelled: UnlabelledSums | None = NO_UNLABELLED
    unit_exponent: ClassVar[int] = exact.UNIT_EXPONENT

    @classmethod
    def empty(cls, groups: GroupedSummary | None = None, clusters: GroupedSummary | None = None) -> LossSummary:
        """Of no rows, with its settings; where there are both, groups have sums by cluster."""
        if groups is not None and clusters is not None:
            groups = groups.with_clusters(1)
        return cls(groups=groups, clusters=clusters)

    @classmethod
    def of(
        cls, block: Block, groups: GroupedSummary | None = None, clusters: GroupedSummary | None = None
    ) -> LossSummary:
        """Of the rows of a block."""
        workspace = cls.empty(groups, clusters).workspace()
        workspace.add(block)
        return workspace.freeze()

    def workspace(self) -> _LossWorkspace:
        """A new workspace with the same settings."""
        return _LossWorkspace(
            None if self.groups is None else self.groups.cleared(),
            None if self.clusters is None else self.clusters.cleared(),
        )

    def merge(self, other: LossSummary) -> LossSummary:
        """Of the rows of both."""
        return merged(
            self,
            other,
            is_soft=or_,
            scores=ScoreSummary.merge,
            largest_losses=LargestLossesSummary.merge,
            groups=lambda *_: merged_groups(self, other, "groups"),
            clusters=lambda *_: merged_groups(self, other, "clusters"),
            pieces=merged_pieces,
            # Not known of both if not known of one.
            unlabelled=lambda a, b: None if a is None or b is None else a.merge(b),
        )

    def sum(self, name: str) -> int:
        """One of SUMS, in units of 2^-6720: exact in w, c, a, p, b and w_infinite, of all rows."""
        total = self.general[SUMS.index(name)]
        if name in HARD_SUMS:
            return total + self.hard[HARD_SUMS.index(name)]
        number = {"w": self.n_hard[0], "a": self.n_hard[1], "w_infinite": self.n_hard[2]}.get(name)
        if number is None:
            raise KeyError(name)
        return total + exact.of_count(number)

    @property
    def log_loss(self) -> float:
        """Mean log loss in nats per unit of weight."""
        return np.inf if self.n_infinite else exact.ratio(self.sum("c"), self.sum("w"))

    def __repr__(self) -> str:
        loss = significant(self.log_loss) if self.n_rows else "nan"
        return f"LossSummary: n_rows={count(self.n_rows)}  log_loss={loss} nats"


def merged_groups(a: LossSummary, b: LossSummary, kind: str) -> GroupedSummary | None:
    """The groups, or clusters, of both; a summary without rows has none to lose."""
    mine, theirs = getattr(a, kind), getattr(b, kind)
    if a.n_rows == 0 or b.n_rows == 0:
        return (mine if a.n_rows else theirs) or mine or theirs
    if mine is None and theirs is None:
        return None
    if mine is None or theirs is None or (mine.columns, mine.only) != (theirs.columns, theirs.only):
        ours, others = ("none" if each is None else listed(each.columns) for each in (mine, theirs))
        raise DataError(f"summaries must have the same {kind}; one has {ours}, the other {others}.")
    return mine.merge(theirs)


def merged_pieces(a: tuple[RowsOfPart, ...], b: tuple[RowsOfPart, ...]) -> tuple[RowsOfPart, ...]:
    """What each part holds, of both."""
    if not a or not b:
        return a or b
    pieces = dict(a)
    for part, numbers in b:
        pieces[part] = added_hashes(pieces[part], numbers) if part in pieces else numbers
    return tuple(sorted(pieces.items()))


def added_hashes(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """What tells the rows of both from others."""
    return a[0] + b[0], a[1] + b[1], (a[2] + b[2]) % WORD, (a[3] + b[3]) % WORD


def keys_of_rows(by: Ints | None, clusters: Ints | None) -> Ints | None:
    """One hash of what groups and clusters a row belongs to; None where there are neither."""
    if by is None or clusters is None:
        return clusters if by is None else by
    return by * np.uint64(GOLDEN).astype(np.int64) + clusters


class _LossWorkspace:
    def __init__(self, groups: GroupedSummary | None, clusters: GroupedSummary | None) -> None:
        self.hard = exact.new_limbs(len(HARD_SUMS))
        self.general = exact.new_limbs(N_GENERAL_LIMBS)
        # Rows, rows of 1, rows of infinite loss: of all blocks, and of those that `row_sums` took.
        self.tallies, self.n_hard = (0, 0, 0), (0, 0, 0)
        self.n_dropped = 0
        self.is_soft = False
        self.coding: frozenset[Any] = frozenset()
        self.unlabelled: UnlabelledWorkspace | None = None
        self.scores = ScoreWorkspace()
        self.largest_losses = LargestLossesWorkspace()
        self.groups = losses_workspace(groups, self.scores)
        self.clusters = losses_workspace(clusters, self.scores)
        self.pieces: dict[tuple[int, str], tuple[int, int, int, int]] = {}

    def add(self, block: Block, clusters: Ints | None = None) -> None:
        """Take in a block; clusters: the hashes of theirs, where they are known."""
        self._add(block, clusters, needs_bins=False)

    def binned(self, block: Block, clusters: Ints | None = None) -> list[Slots]:
        """Take in a block; returns the bins of the forecasts in each of its pieces that has rows."""
        return self._add(block, clusters, needs_bins=True)

    def _add(self, block: Block, clusters: Ints | None, *, needs_bins: bool) -> list[Slots]:
        self.is_soft |= block.y_true.dtype != np.uint8
        self.n_dropped += block.n_dropped
        self.coding |= block.coding
        if block.unlabelled is not None:
            self.unlabelled = self.unlabelled or UnlabelledWorkspace()
            n_rows = self.unlabelled.add(block.unlabelled, block)
            labels = read_only(np.full(len(forecast_of(block.unlabelled)[0]), np.nan))
            self._hash(block, block.unlabelled, labels, 0, n_rows)
        pieces = pieces_of(block)
        found = []
        for piece in pieces:
            if piece.n_rows:
                slots, are_bins = self._add_piece(piece, clusters if len(pieces) == 1 else None, needs_bins)
                if needs_bins:
                    found.append(self.scores.bins_at(slots, are_bins))
        return found

    def _add_piece(self, block: Block, clusters: Ints | None, needs_places: bool) -> tuple[Slots, bool]:
        """Take in rows of one kind: with hard labels and no weights, or others; returns what `ScoreWorkspace.place`
        does, where it is needed."""
        tally = np.array([0, 0, 0, -1])
        forecast = forecast_of(block)
        has_keys = self.groups is not None or self.clusters is not None
        costs = np.empty(block.n_rows) if has_keys else None
        if is_hard(block):
            kept = self.largest_losses.room()
            counted_losses.row_sums(block.y_true, *forecast, block.counts, self.hard, tally, kept, costs)
            self.largest_losses.take(block, kept)
            self.n_hard = added(self.n_hard, numbers_of(tally))
        else:
            weighted_losses.general_sums(
                block.y_true, *forecast, block.sample_weight, block.counts, self.general, tally
            )
            self.largest_losses.add(block)
            if costs is not None:
                losses.soft_surprisals(read_only(block.y_true.astype(np.float64)), *forecast, costs)
        self.tallies = added(self.tallies, numbers_of(tally))
        by = None if self.groups is None else hashes_of(block.by)
        if clusters is None and self.clusters is not None:
            clusters = hashes_of(block.cluster)
        self._hash(block, block, block.y_true, int(tally[0]), 0, keys_of_rows(by, clusters))
        if costs is None and not needs_places:
            self.scores.add(block)
            return NO_SLOTS, False
        slots, are_bins = self.scores.place(block)
        for keyed in (self.groups, self.clusters):
            numbers = None if keyed is None else keyed.numbers_of(block, clusters)
            if keyed is not None and numbers is not None and costs is not None:
                keyed.sums.add(block, costs, numbers, keyed.n_keys, slots, are_bins, clusters)
        return slots, are_bins

    def _hash(
        self,
        block: Block,
        rows: Block | Unlabelled,
        labels: NDArray[Any],
        n_rows: int,
        n_unlabelled: int,
        keys: Ints | None = None,
    ) -> None:
        """Remember what tells rows from others with those of their part."""
        totals = np.zeros(2, np.uint64)
        one, zero, _ = forecast_of(rows)
        # Numbers wrap around where no compiler is at work, too.
        with np.errstate(over="ignore"):
            hash_rows(labels, one, zero, rows.sample_weight, keys, rows.counts, totals)
        part = block.part, block.place.name
        before = self.pieces.get(part, (0, 0, 0, 0))
        self.pieces[part] = added_hashes(before, (n_rows, n_unlabelled, int(totals[0]), int(totals[1])))

    def freeze(self) -> LossSummary:
        """The summary of the blocks that were added."""
        general = exact.as_integers(self.general)
        return LossSummary(
            *self.tallies,
            self.n_dropped,
            self.is_soft,
            self.coding,
            self.n_hard,
            tuple(exact.as_integers(self.hard)),
            tuple(sum(general[k] for k in places) for places in GENERAL_LIMBS),
            self.scores.freeze(),
            self.largest_losses.freeze(),
            None if self.groups is None else self.groups.freeze(),
            None if self.clusters is None else self.clusters.freeze(),
            tuple(sorted(self.pieces.items())),
            NO_UNLABELLED if self.unlabelled is None else self.unlabelled.freeze(),
        )


def numbers_of(tally: Ints) -> tuple[int, int, int]:
    """Rows, rows of 1 and rows of infinite loss that a kernel has counted."""
    return int(tally[0]), int(tally[1]), int(tally[2])
