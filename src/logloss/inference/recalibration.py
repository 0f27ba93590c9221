"""Isotonic recalibration: the mean of the labels in pools of neighbouring scores."""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np

from logloss.data.values import Array
from logloss.inference.score_table import ScoreTable, entropies_of
from logloss.onepass.kernels.isotonic import pool_adjacent_violators
from logloss.onepass.kernels.newton_rules import ROUNDING

# Influence of a row of 0, and of a row of 1, on a mean at each score.
Influence = tuple[Array, Array]
# The least share that a float holds.
LEAST_RATE = 5e-324


class Recalibration:
    """The isotonic fit of a table: the pool of each score, its share of ones, and the loss after recalibration."""

    def __init__(self, table: ScoreTable) -> None:
        self.table = table
        ones, rows = table.integers
        self.ones, self.rows, self.last = pooled(ones, rows)
        self.total, self.positive = int(rows.sum()), int(ones.sum())

    @cached_property
    def log_loss(self) -> float:
        """Mean log loss after recalibration, in nats: never infinite."""
        # One pool has the base rate: the very same float, so that discrimination is 0 and not rounding.
        return self.uncertainty if len(self.rows) == 1 else entropy_of_pools(self.ones, self.rows, self.total)

    @cached_property
    def uncertainty(self) -> float:
        """Entropy of the base rate, from the rarer class."""
        rarer = min(self.positive, self.total - self.positive)
        return float(entropies_of(np.array([rarer / self.total]))[0])

    @cached_property
    def least_log_loss(self) -> float:
        """A lower bound of the loss of isotonic maps of the rows, wherever they lie in their bins."""
        if self.table.is_exact:
            return self.log_loss
        ones, rows = self.table.integers
        # Each bin as two places, all its zeros before all its ones: no order of its rows has a lower loss.
        halves = np.stack([0 * ones, ones], axis=1).reshape(-1), np.stack([rows - ones, ones], axis=1).reshape(-1)
        is_held = halves[1] > 0
        pool_ones, pool_rows, _ = pooled(halves[0][is_held], halves[1][is_held])
        return entropy_of_pools(pool_ones, pool_rows, self.total)

    @cached_property
    def pool_of(self) -> Array:
        """The number of the pool of each place."""
        return np.repeat(np.arange(len(self.last)), np.diff(self.last, prepend=-1))

    @cached_property
    def costs(self) -> tuple[Array, Array]:
        """Loss of a row of 0, and of 1, at each score after recalibration; 0 where there is no such row."""
        # Quotients of integers, not one less the other: next to 0 a share keeps its digits.
        of_zero, of_one = (self.rows - self.ones) / self.rows, self.ones / self.rows
        with np.errstate(divide="ignore"):
            of_pools = [-np.log(share.astype(np.float64)) for share in (of_zero, of_one)]
        zeros, ones = (np.where(np.isfinite(costs), costs, 0.0)[self.pool_of] for costs in of_pools)
        return zeros, ones


def entropy_of_pools(ones: Array, rows: Array, total: int) -> float:
    """Σ rows·H(ones / rows) / total."""
    # From the rarer class, whose share has all its digits.
    rarer = np.minimum(ones, rows - ones)
    return math.fsum((rows / total).astype(np.float64) * entropies_of((rarer / rows).astype(np.float64)))


def pooled(ones: Array, rows: Array) -> tuple[Array, Array, Array]:
    """(Ones, rows, last place) of each pool: neighbours are pooled until the share of ones increases, exactly."""
    if ones.dtype == np.int64:
        pool_ones, pool_rows = ones.copy(), rows.copy()
        n_pools = pool_adjacent_violators(pool_ones, pool_rows)
        # A pool ends where the running masses agree, which is one place only if every place has mass.
        last = np.searchsorted(np.cumsum(rows), np.cumsum(pool_rows[:n_pools]))
        return pool_ones[:n_pools], pool_rows[:n_pools], last
    # Sums of weights with many bits: the same pooling of Python's integers.
    kept: list[tuple[int, int, int]] = []
    for place, (one, row) in enumerate(zip(ones.tolist(), rows.tolist(), strict=True)):
        while kept and kept[-1][0] * row >= one * kept[-1][1]:
            before = kept.pop()
            one, row = one + before[0], row + before[1]
        kept.append((one, row, place))
    columns = zip(*kept, strict=True)
    pool_ones, pool_rows = (np.array(next(columns), object) for _ in range(2))
    return pool_ones, pool_rows, np.array(next(columns))


def isotonic_shares(ones: Array, rows: Array) -> Array:
    """The share of ones of the pool that each place is in."""
    pool_ones, pool_rows, _ = pooled(ones, rows)
    # By running masses, not by last places: here places may be without mass.
    return (pool_ones / pool_rows)[np.searchsorted(np.cumsum(pool_rows), np.cumsum(rows))]


def finite(costs: Array) -> Array:
    """Losses, with 0 for infinite ones, which no row has."""
    return np.where(np.isfinite(costs), costs, 0.0)


class Influences(NamedTuple):
    """On the three parts: uncertainty − discrimination + miscalibration is the loss of the row."""

    uncertainty: Influence
    discrimination: Influence
    miscalibration: Influence


def influences_of(recalibration: Recalibration) -> Influences:
    """Influences of rows on each part; infinite losses count as 0."""
    return influences_at(recalibration.table, recalibration.positive / recalibration.total, recalibration.costs)


def influences_at(table: ScoreTable, rate: float, costs: tuple[Array, Array]) -> Influences:
    """The same for a base rate, and losses of rows of 0 and of 1 at each score after some recalibration."""
    of_zeros, of_ones = costs
    # A class of almost no weight still has a rate.
    rate = min(max(rate, LEAST_RATE), 1 - ROUNDING)
    if_zero, if_one = -math.log1p(-rate), -math.log(rate)
    return Influences(
        (np.full(len(of_zeros), if_zero), np.full(len(of_ones), if_one)),
        (if_zero - of_zeros, if_one - of_ones),
        (finite(table.if_zero) - of_zeros, finite(table.if_one) - of_ones),
    )
