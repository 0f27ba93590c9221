"""What a comparison adds up of each group or period: the losses of every forecast, and what is of each two of them.

d      loss of the first of a pair less that of the second, in a row: of one of two values that both forecasts fix
       beforehand, one for each label, with 0 between them
below  how far below 0 the lesser of the two lies        above  how far above 0 the greater one does
range  below + above: |r − s|, with r and s the logits
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logloss.data.block import Block
from logloss.onepass.summaries.cluster_sums import ClusterSumsWorkspace
from logloss.onepass.summaries.group_keys import GROUP, PERIOD
from logloss.onepass.summaries.grouped import GroupedSummary
from logloss.onepass.summaries.tables import (
    CountTable,
    Floats,
    Ints,
    Scaled,
    Slots,
    SumTable,
    SumWorkspace,
    product_of,
    scaled,
    with_room,
)

# Squares of floats between them are what squares of their mantissas are.
LEAST_SQUARE, GREATEST_SQUARE = 2.0**-1000, 2.0**1000
# What is summed of each pair, with w the weight: of groups Σ (w·d)²; of periods Σ w·below, Σ w·above, Σ (w·d)² and
# Σ (w·range)², rows without a bound of the range left out.
SUMS_OF_PAIR = {GROUP: ("squares",), PERIOD: ("below", "above", "squares", "squares_of_range")}


def column_of_pair(name: str, place: int, n_forecasts: int, n_pairs: int) -> int:
    """Where a sum of a pair stands among those of a period: after the weight and the losses."""
    return 1 + n_forecasts + SUMS_OF_PAIR[PERIOD].index(name) * n_pairs + place


@dataclass(frozen=True, slots=True)
class LossesOfBlock:
    """Losses of each forecast, 0 where they are infinite; where they are; both scaled if there are weights. Groups and
    periods share them."""

    costs: Sequence[Floats]
    infinite: Sequence[NDArray[np.bool_]]
    weight: Scaled | None
    scaled_costs: Sequence[Scaled]

    @classmethod
    def of(cls, block: Block, losses: Sequence[Floats]) -> LossesOfBlock:
        """Of the losses of each forecast, which may be infinite."""
        infinite = [np.isinf(each) for each in losses]
        costs = [
            np.where(is_out, 0.0, each) if is_out.any() else each for is_out, each in zip(infinite, losses, strict=True)
        ]
        if block.sample_weight is None:
            return cls(costs, infinite, None, [])
        return cls(costs, infinite, scaled(block.sample_weight), [scaled(cost) for cost in costs])


@dataclass(frozen=True, slots=True)
class PairsOfBlock:
    """Of each pair what is summed as it stands, what is summed squared, and which rows are only counted."""

    summed: Sequence[Floats]
    squared: Sequence[Floats]
    counted: Sequence[NDArray[np.bool_]]


class GapsByGroup:
    """Losses, and sums of each pair, by number of the group or period.

    kind: of groups weights are also summed squared, as their errors need them. Of rows without weights the distinct
    sums are fewer: `plain` says which of those each sum is.
    """

    def __init__(self, n_forecasts: int, n_pairs: int, kind: str) -> None:
        self._has_squares = kind == GROUP
        n_plain = 1 + n_forecasts
        weighted = tuple(range(n_plain))
        pairs = tuple(range(n_plain, n_plain + len(SUMS_OF_PAIR[kind]) * n_pairs))
        self._plain_of = (*weighted, *weighted, *pairs) if self._has_squares else (*weighted, *pairs)

    def resume(self, kept: GroupedSummary) -> None:
        """Begin with what a summary holds."""
        self._totals = with_room(np.zeros((0, kept.totals.n_columns), np.int64), kept.n_groups)
        self._totals[kept.totals.keys] = kept.totals.counts
        self._sums = SumWorkspace(kept.sums.n_columns)
        self._sums.take(kept.sums, kept.n_groups)
        # Of rows without weights: how many, and what else is summed of them.
        self._n_plain = with_room(np.zeros((0, 1), np.int64), kept.n_groups)
        self._plain = SumWorkspace(len(set(self._plain_of)))
        sums = kept.cluster_sums
        self._cluster_sums = None if sums is None else ClusterSumsWorkspace(sums)

    def add(
        self,
        block: Block,
        numbers: Slots,
        n_keys: int,
        losses: LossesOfBlock,
        pairs: PairsOfBlock,
        clusters: Ints | None = None,
    ) -> None:
        """Take in rows; clusters: their hashes, where groups have sums by cluster."""
        self._totals, self._n_plain = with_room(self._totals, n_keys), with_room(self._n_plain, n_keys)
        rows = counted(numbers, n_keys, block.counts)
        self._totals[:n_keys, 0] += rows
        for column, chosen in enumerate((*losses.infinite, *pairs.counted), 1):
            if chosen.any():
                times = None if block.counts is None else block.counts[chosen]
                self._totals[:n_keys, column] += counted(numbers[chosen], n_keys, times)
        weight, costs = losses.weight, losses.scaled_costs
        columns = [] if weight is None else [weight, *(product_of(weight, cost) for cost in costs)]
        if self._cluster_sums is not None and clusters is not None:
            self._cluster_sums.add(clusters, numbers, losses.costs, columns, block.counts)
        if weight is not None:
            if self._has_squares:
                columns += [product_of(weight, weight), *(product_of(weight, weight, cost) for cost in costs)]
            columns += [product_of(weight, scaled(each)) for each in pairs.summed]
            columns += [product_of(weight, weight, square(each)) for each in pairs.squared]
            for column, values in enumerate(columns):
                self._sums.add(column, *values, numbers, n_keys, block.counts)
            return
        self._n_plain[:n_keys, 0] += rows
        squares = map(plain_square, pairs.squared)
        for column, plain in enumerate((*losses.costs, *pairs.summed, *squares), 1):
            if isinstance(plain, tuple):
                self._plain.add(column, *plain, numbers, n_keys, block.counts)
            else:
                self._plain.add_plain(column, plain, numbers, n_keys, block.counts)

    def frozen(self, settings: GroupedSummary, n_keys: int) -> GroupedSummary:
        """The tables of the first so many keys, beside settings."""
        keys = np.arange(n_keys)
        self._weigh()
        plain = self._plain.frozen(keys)
        if len(plain.keys):
            plain = SumTable(plain.keys, np.ascontiguousarray(plain.lanes[list(self._plain_of)]), plain.first)
        else:
            plain = SumTable.empty(settings.sums.n_columns)
        return replace(
            settings,
            totals=CountTable.of_slots(keys, self._totals),
            sums=self._sums.frozen(keys).merge(plain),
            cluster_sums=None if self._cluster_sums is None else self._cluster_sums.freeze(),
        )

    def _weigh(self) -> None:
        """Put the weights of rows that weigh 1 among the sums, as whole numbers."""
        used = np.flatnonzero(self._n_plain[:, 0])
        lanes = np.zeros((len(set(self._plain_of)), 1, len(used)), np.int64)
        lanes[0, 0] = self._n_plain[used, 0]
        self._plain.take(SumTable.carried(used, lanes, 0), len(self._n_plain))
        self._n_plain[:] = 0


def counted(numbers: Slots, n_keys: int, times: Ints | None) -> Ints:
    """How many rows each key has, each row as many times as it stands."""
    if times is None:
        return np.bincount(numbers, minlength=n_keys)
    counts = np.zeros(n_keys, np.int64)
    np.add.at(counts, numbers, times)
    return counts


def plain_square(values: Floats) -> Floats | Scaled:
    """Squares as they stand where each is a normal float or 0, else scaled: the same numbers."""
    with np.errstate(over="ignore"):
        squares = values * values
    is_normal = (squares > LEAST_SQUARE) & (squares < GREATEST_SQUARE) | (values == 0)
    return squares if is_normal.all() else square(values)


def square(values: Floats) -> Scaled:
    """Squares, scaled."""
    mantissa, exponent = scaled(values)
    return mantissa * mantissa, 2 * exponent
