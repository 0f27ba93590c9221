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
from logloss.onepass.summaries.contract import is_hard, pieces_of
from logloss.onepass.summaries.contrast import Contrast, ContrastWorkspace, JointScores, JointWorkspace
from logloss.onepass.summaries.grouped import GroupedSummary
from logloss.onepass.summaries.keyed import GROUP, PERIOD, KeyedSummary, KeyedWorkspace
from logloss.onepass.summaries.loss import LossSummary
from logloss.onepass.summaries.scores import bins_of, keys_of
from logloss.text import count, listed, significant

# Pairs of scores of all pairs of forecasts together, so that the size does not grow with their number.
MOST_JOINT, LEAST_JOINT = 1 << 15, 1 << 10
# Squares of floats between them are what squares of their mantissas are.
LEAST_SQUARE, GREATEST_SQUARE = 2.0**-1000, 2.0**1000


@dataclass(frozen=True, slots=True, repr=False)
class ComparisonSummary:
    """Everything that a comparison reports, of the same rows for every forecast.

    losses: one for each forecast, with its clusters; contrasts, joint: one for each pair, in the order of `pairs_of`.
    groups, periods: sums of the losses by name. greatest_weight: of any row (1 where there are none).
    """

    losses: tuple[LossSummary, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    joint: tuple[JointScores, ...] = ()
    groups: KeyedSummary | None = None
    periods: KeyedSummary | None = None
    greatest_weight: float = 0.0

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
        # Rows, and those that are impossible under each forecast; of periods also those of infinite range of each pair.
        n_counts = 1 + n_forecasts
        clusters = GroupedSummary.empty(cluster, is_hashed=True) if cluster else None
        return cls(
            (LossSummary.empty(clusters=clusters),) * n_forecasts,
            (Contrast(),) * n_pairs,
            (JointScores(limit),) * n_pairs,
            KeyedSummary.empty(GROUP, by, n_counts, 2 + 2 * n_forecasts + n_pairs, only) if by else None,
            KeyedSummary.empty(PERIOD, (order,), n_counts + n_pairs, 1 + n_forecasts + n_pairs) if order else None,
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
        )

    @property
    def keyed(self) -> tuple[KeyedSummary | None, ...]:
        """The sums by name."""
        return self.groups, self.periods

    @property
    def clusters(self) -> GroupedSummary | None:
        """Sums and scores by cluster, of the first forecast."""
        return self.losses[0].clusters

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
        losses = tuple(range(1 + n_forecasts))
        pairs = tuple(range(1 + n_forecasts, 1 + n_forecasts + n_pairs))
        spreads = (*losses, *losses, *pairs), (*losses, *pairs)
        self.groups, self.periods = (
            None if each is None else KeyedWorkspace(each, spread)
            for each, spread in zip(settings.keyed, spreads, strict=True)
        )
        self.greatest_weight = 0.0

    def add(self, block: Block) -> None:
        """Take in a block."""
        for number, losses in enumerate(self.losses):
            losses.add(block.of_forecaster(number))
        for piece in pieces_of(block):
            if piece.n_rows:
                self._add_piece(piece)

    def _add_piece(self, block: Block) -> None:
        """Take in rows of one kind: with hard labels and no weights, or others."""
        greatest = 1.0 if block.sample_weight is None else float(block.sample_weight.max())
        self.greatest_weight = max(self.greatest_weight, greatest)
        seen = []
        for proba, of_zero, logit in block.forecasts:
            losses, logits = np.empty(block.n_rows), np.empty(block.n_rows)
            paired_losses.losses_and_logits(
                block.y_true, logit if proba is None else proba, of_zero, logit, losses, logits
            )
            seen.append((losses, logits))
        for (i, j), contrast in zip(self.pairs, self.contrasts, strict=True):
            contrast.add(block, seen[i], seen[j], (i, j))
        if is_hard(block):
            bins = [bins_of(*keys_of(block.of_forecaster(number)))[0] for number in range(len(self.losses))]
            for (i, j), joint in zip(self.pairs, self.joint, strict=True):
                joint.add(block, bins[i], bins[j])
        if self.groups or self.periods:
            self._add_keyed(block, seen)

    def _add_keyed(self, block: Block, seen: list[tuple[Any, Any]]) -> None:
        """Take in rows under the names of their group and period."""
        infinite = [np.isinf(losses) for losses, _ in seen]
        impossible = [None, *infinite]
        costs = [np.where(is_out, 0.0, found) for is_out, (found, _) in zip(infinite, seen, strict=True)]
        weigh = _Weighing(block, costs)
        if self.groups is not None:
            numbers = self.groups.numbers_of(block)
            if numbers is not None:
                gaps = [np.where(infinite[i] | infinite[j], 0.0, np.abs(costs[i] - costs[j])) for i, j in self.pairs]
                self.groups.add(block, numbers, impossible, *weigh.losses_and_squares(gaps))
        if self.periods is not None:
            numbers = self.periods.numbers_of(block)
            spreads = []
            for i, j in self.pairs:
                r, s = seen[i][1], seen[j][1]
                with np.errstate(invalid="ignore", over="ignore"):
                    spreads.append(np.where(r == s, 0.0, np.abs(r - s)))
            unbounded = [np.isinf(spread) for spread in spreads]
            spreads = [np.where(is_out, 0.0, spread) for is_out, spread in zip(unbounded, spreads, strict=True)]
            self.periods.add(block, numbers, [*impossible, *unbounded], *weigh.losses_and_ranges(spreads))

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
        )


class _Weighing:
    """The columns of sums by name, as (columns of values and exponents, plain columns): one of the two is empty.

    Of rows without weights the columns are fewer, and what is a loss stands as it is.
    """

    def __init__(self, block: Block, costs: list[Any]) -> None:
        self.costs = costs
        self.is_plain = block.sample_weight is None
        self.n_rows = block.n_rows
        if block.sample_weight is not None:
            self.weight = np.frexp(block.sample_weight)
            self.losses_of = [np.frexp(cost) for cost in costs]

    def losses(self) -> tuple[list[Any], list[Any]]:
        """Weight; weighted losses."""
        if self.is_plain:
            return [], [np.ones(self.n_rows), *self.costs]
        return [_times(self.weight), *(_times(self.weight, loss) for loss in self.losses_of)], []

    def losses_and_squares(self, gaps: list[Any]) -> tuple[list[Any], list[Any]]:
        """Beside these: weight², weight² times losses, squares of the weighted differences."""
        weighted, plain = self.losses()
        if self.is_plain:
            return [], [*plain, *map(_plain_square, gaps)]
        twice = self.weight, self.weight
        more = [_times(*twice), *(_times(*twice, loss) for loss in self.losses_of)]
        return [*weighted, *more, *(_times(*twice, _square(gap)) for gap in gaps)], []

    def losses_and_ranges(self, spreads: list[Any]) -> tuple[list[Any], list[Any]]:
        """Beside the weighted losses: squares of the weighted ranges."""
        weighted, plain = self.losses()
        if self.is_plain:
            return [], [*plain, *map(_plain_square, spreads)]
        return [*weighted, *(_times(self.weight, self.weight, _square(spread)) for spread in spreads)], []


def _plain_square(values: Any) -> Any:
    """Squares as they stand where each is a normal float or 0, else as (value, exponent of 2): the same numbers."""
    with np.errstate(over="ignore"):
        squares = values * values
    is_normal = (squares > LEAST_SQUARE) & (squares < GREATEST_SQUARE) | (values == 0)
    return squares if is_normal.all() else _square(values)


def _square(values: Any) -> tuple[Any, Any]:
    """Squares as (value, exponent of 2)."""
    mantissa, exponent = np.frexp(values)
    return mantissa * mantissa, 2 * exponent.astype(np.int64)


def _times(*factors: tuple[Any, Any]) -> tuple[Any, Any]:
    """A product as (value, exponent of 2), of factors in the same form: nothing leaves the floats."""
    value, shift = factors[0][0], factors[0][1].astype(np.int64)
    for mantissa, exponent in factors[1:]:
        value = value * mantissa
        shift = shift + exponent
    return value, shift
