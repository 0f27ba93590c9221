"""Tables keyed by integers, whose sums do not depend on order: what scores, groups and clusters are kept in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logloss.onepass.kernels.by_group import order_by_group
from logloss.onepass.kernels.exact import GREATEST_LANE_EXPONENT, LEAST_LANE_EXPONENT
from logloss.onepass.kernels.lane_sums import (
    MOST_PAIRED,
    PAIR_BITS,
    carry_lanes,
    deposit_each,
    deposit_pair_rests,
    deposit_pairs,
    empty_pairs,
)
from logloss.onepass.kernels.score_keys import NO_KEY, number_keys

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
# Numbers of what each row falls under.
Slots = NDArray[np.integer[Any]]
# Order of the rows and where the run of each slot begins.
Runs = tuple[NDArray[np.int32], Ints]
# Values and exponents of 2: products of which the factors would leave the floats.
Scaled = tuple[Floats, Ints]

LEAST_PLACES = 1 << 11
# Deposits that a lane of 32 bits takes before it is carried: one adds at most 2^32 to it.
MAX_DEPOSITS = 1 << 29


def with_room(rows: Ints, n_slots: int) -> Ints:
    """The same rows and empty ones after them, at least so many: twice as many whenever there were too few."""
    if n_slots <= len(rows):
        return rows
    grown = np.zeros((max(n_slots, 2 * len(rows)), *rows.shape[1:]), np.int64)
    grown[: len(rows)] = rows
    return grown


def runs_of(slots: Slots, n_slots: int) -> Runs:
    """The rows of each slot one after another, in their order."""
    order, starts = np.empty(len(slots), np.int32), np.empty(n_slots + 1, np.int64)
    order_by_group(slots, starts, order)
    return order, starts


def scaled(values: Floats) -> Scaled:
    """Values as mantissas and exponents of 2."""
    mantissas, exponents = np.frexp(values)
    return mantissas, exponents.astype(np.int64)


def product_of(*factors: Scaled) -> Scaled:
    """A product, rounded as that of the mantissas is: nothing leaves the floats."""
    value, exponent = factors[0]
    for mantissa, shift in factors[1:]:
        value, exponent = value * mantissa, exponent + shift
    return value, exponent


def lanes_used(lanes: Ints) -> tuple[int, int]:
    """The first and one past the last lane in which something stands; lanes: shape (n_columns, n_lanes, n_slots)."""
    used = np.flatnonzero(lanes.any(axis=(0, 2)))
    return (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)


def starts_of(ordered: Ints) -> Ints:
    """Where the run of each key begins among keys in their order."""
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


@dataclass(frozen=True, slots=True, eq=False)
class CountTable:
    """Whole numbers by key: keys (k,) ascending, counts (k, n_columns), int64."""

    keys: Ints
    counts: Ints

    @property
    def n_columns(self) -> int:
        """How many numbers each key has."""
        return int(self.counts.shape[1])

    @classmethod
    def empty(cls, n_columns: int) -> CountTable:
        """Without a key."""
        return cls(np.zeros(0, np.int64), np.zeros((0, n_columns), np.int64))

    @classmethod
    def of_slots(cls, keys: Ints, counts: Ints) -> CountTable:
        """Of the first slots, under these keys in any order: those in which something was counted."""
        used = np.flatnonzero(counts[: len(keys)].any(axis=1))
        return cls.of(keys[used], counts[used])

    @classmethod
    def of(cls, keys: Ints, counts: Ints) -> CountTable:
        """Of keys in any order, some of them more than once."""
        if len(keys) == 0:
            return cls.empty(counts.shape[1])
        # Sorted first: keys come out in their order, and each one's counts stand together.
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        starts = starts_of(ordered)
        if len(starts) == len(keys):
            return cls(ordered, counts[order])
        return cls(ordered[starts], np.add.reduceat(counts[order], starts, axis=0))

    def merge(self, other: CountTable) -> CountTable:
        """The counts of both."""
        if len(self.keys) == 0 or len(other.keys) == 0:
            return self if len(self.keys) else other
        if len(self.keys) == len(other.keys) and np.array_equal(self.keys, other.keys):
            return CountTable(self.keys, self.counts + other.counts)
        small, large = sorted((self, other), key=lambda table: len(table.keys))
        # The smaller one is looked up in the larger: merging a block into a day costs what the block costs, and a copy.
        places = np.searchsorted(large.keys, small.keys)
        near = large.keys[np.minimum(places, len(large.keys) - 1)]
        is_known = near == small.keys
        counts = large.counts.copy()
        counts[places[is_known]] += small.counts[is_known]
        is_new = ~is_known
        if not is_new.any():
            return CountTable(large.keys, counts)
        at = places[is_new]
        return CountTable(
            np.insert(large.keys, at, small.keys[is_new]), np.insert(counts, at, small.counts[is_new], axis=0)
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, CountTable)
            and np.array_equal(self.keys, other.keys)
            and np.array_equal(self.counts, other.counts)
        )

    def __hash__(self) -> int:
        return hash((self.keys.tobytes(), self.counts.tobytes()))


@dataclass(frozen=True, slots=True, eq=False)
class SumTable:
    """Exact sums by key: keys (k,) ascending; lanes (n_columns, n_lanes, k), 32 bits apart, from 2^(32·first) up.

    Frozen tables are carried: each lane below 2^32, no lane at either end that holds only zeros. Sums are ≥ 0.
    """

    keys: Ints
    lanes: Ints
    first: int = 0

    @property
    def n_columns(self) -> int:
        """How many sums each key has."""
        return int(self.lanes.shape[0])

    @property
    def n_lanes(self) -> int:
        """How many lanes each sum has."""
        return int(self.lanes.shape[1])

    @classmethod
    def empty(cls, n_columns: int) -> SumTable:
        """Without a key."""
        return cls(np.zeros(0, np.int64), np.zeros((n_columns, 0, 0), np.int64))

    @classmethod
    def carried(cls, keys: Ints, lanes: Ints, first: int) -> SumTable:
        """With lanes as they should be: keys in order, lanes below 2^32, the empty ones at the ends left out."""
        if len(keys) == 0:
            return cls.empty(lanes.shape[0])
        lanes = np.concatenate([lanes, np.zeros((lanes.shape[0], 2, lanes.shape[2]), np.int64)], axis=1)
        carry_lanes(lanes)
        # Without the empty ends a sum has one form, whichever blocks it was made of: equality is that of arrays.
        low, high = lanes_used(lanes)
        lanes = lanes[:, low:high, :]
        if (keys[1:] < keys[:-1]).any():
            order = np.argsort(keys, kind="stable")
            keys, lanes = keys[order], np.take(lanes, order, axis=2)
        return cls(keys, np.ascontiguousarray(lanes), first + low if high else 0)

    def merge(self, other: SumTable) -> SumTable:
        """The sums of both."""
        if len(self.keys) == 0 or len(other.keys) == 0:
            return self if len(self.keys) else other
        keys = np.union1d(self.keys, other.keys)
        first = min(self.first, other.first)
        last = max(self.first + self.lanes.shape[1], other.first + other.lanes.shape[1])
        lanes = np.zeros((self.lanes.shape[0], last - first, len(keys)), np.int64)
        for table in (self, other):
            low = table.first - first
            lanes[:, low : low + table.lanes.shape[1], np.searchsorted(keys, table.keys)] += table.lanes
        return SumTable.carried(keys, lanes, first)

    def renamed(self, keys: Ints) -> SumTable:
        """The same sums under other keys, in any order; those of one key are added up."""
        if len(keys) == 0:
            return self
        order = np.argsort(keys, kind="stable")
        ordered, lanes = keys[order], np.take(self.lanes, order, axis=2)
        starts = starts_of(ordered)
        if len(starts) == len(keys):
            return SumTable(ordered, lanes, self.first)
        return SumTable.carried(ordered[starts], np.add.reduceat(lanes, starts, axis=2), self.first)

    def floats(self, column: int) -> tuple[Any, int]:
        """The sums of a column as (floats, exponent of 2): right to some units in the last place of the largest."""
        used = np.flatnonzero(self.lanes[column].any(axis=1))
        top = int(used[-1]) if len(used) else 0
        scales = np.ldexp(1.0, 32 * (np.arange(top + 1) - top))
        # Not BLAS: its sums may depend on the number of its threads.
        sums = np.einsum("j,jk->k", scales, self.lanes[column, : top + 1].astype(np.float64))
        return sums, 32 * (self.first + top)

    def integers(self, column: int) -> list[int]:
        """The sums of a column as integers, in units of 2^(32·first)."""
        totals = [0] * len(self.keys)
        for j in range(self.lanes.shape[1]):
            totals = [t + (k << (32 * j)) for t, k in zip(totals, self.lanes[column, j].tolist(), strict=True)]
        return totals

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SumTable)
            and self.first == other.first
            and np.array_equal(self.keys, other.keys)
            and np.array_equal(self.lanes, other.lanes)
        )

    def __hash__(self) -> int:
        return hash((self.keys.tobytes(), self.lanes.tobytes(), self.first))


class Numbering:
    """Keys as they turn up, numbered from 0, until there are more than `limit`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.n_known = 0
        self._known = np.full(LEAST_PLACES, NO_KEY)
        self._numbers = np.zeros(LEAST_PLACES, np.int32)

    def numbers_of(self, keys: Ints) -> tuple[NDArray[np.int32], int]:
        """(The number of each key, how many keys were numbered): fewer than all once there are too many."""
        found = np.empty(len(keys), np.int32)
        done = 0
        while True:
            more, self.n_known = number_keys(
                keys[done:], self._known, self._numbers, found[done:], self.n_known, self.limit
            )
            done += more
            if done == len(keys) or self.n_known >= self.limit:
                return found, done
            self._grow()

    def keys(self) -> Ints:
        """The keys in the order of their numbers."""
        taken = self._known != NO_KEY
        keys = np.empty(self.n_known, np.int64)
        keys[self._numbers[taken]] = self._known[taken]
        return keys

    def _grow(self) -> None:
        keys = self.keys()
        # Eightfold, since each growth numbers all keys again: 2^16 of them are reached in two.
        self._known = np.full(8 * len(self._known), NO_KEY)
        self._numbers = np.zeros(len(self._known), np.int32)
        number_keys(keys, self._known, self._numbers, np.empty(len(keys), np.int32), 0, self.limit)


def are_few(keys: Ints, limit: int) -> bool:
    """Whether there are at most so many distinct keys; soon known where there are many more."""
    return Numbering(limit).numbers_of(keys)[1] == len(keys)


class SumWorkspace:
    """Exact sums that grow in slots and in both directions of their lanes."""

    def __init__(self, n_columns: int) -> None:
        self.lanes = np.zeros((n_columns, 0, 0), np.int64)
        self.first = 0
        self.n_deposits = 0
        # What was added since the lanes of 43 bits moved: in their units, below 2^top, of so many rows.
        self._pairs = [np.zeros((0, 2), np.int64)] * n_columns
        self._tops, self._n_paired = [0] * n_columns, [0] * n_columns

    def add(
        self, column: int, values: Floats, shifts: Ints, slots: Slots, n_slots: int, times: Ints | None = None
    ) -> None:
        """Add value·2^shift, as many times as `times` says, to the sum of its slot in a column; values finite, ≥ 0."""
        present = values > 0
        if not present.any():
            self._reach(self.first, self.first + self.lanes.shape[1], n_slots)
            return
        tops = np.frexp(values)[1] + shifts
        low, high = int(tops[present].min()), int(tops[present].max())
        self._deposit(column, (values, shifts), slots, n_slots, times, (low, high))

    def add_plain(self, column: int, values: Floats, slots: Slots, n_slots: int, times: Ints | None = None) -> None:
        """Add each value as it stands, as many times as `times` says; finite, ≥ 0."""
        if len(values) > MOST_PAIRED:
            for start in range(0, len(values), MOST_PAIRED):
                part = slice(start, start + MOST_PAIRED)
                self.add_plain(column, values[part], slots[part], n_slots, None if times is None else times[part])
            return
        top = math.frexp(float(values.max(initial=0.0)))[1]
        if times is not None or not LEAST_LANE_EXPONENT < top < GREATEST_LANE_EXPONENT:
            self.add(column, values, np.zeros(len(values), np.int64), slots, n_slots, times)
            return
        self._reach(self.first, self.first + self.lanes.shape[1], n_slots)
        if top > self._tops[column] or self._n_paired[column] + len(values) > MOST_PAIRED:
            self._empty_pairs(column)
        if self._n_paired[column] == 0:
            self._tops[column] = top
        self._pairs[column] = with_room(self._pairs[column], n_slots)
        top = self._tops[column]
        self._n_paired[column] += len(values)
        if deposit_pairs(values, slots, top, self._pairs[column]):
            # The least above 0: seen as an unsigned integer less one, 0 is the largest.
            least = ((values.view(np.uint64) - np.uint64(1)).min() + np.uint64(1)).view(np.float64)
            self._make_room(math.frexp(float(least))[1] - 54, top - 2 * PAIR_BITS, len(values), n_slots)
            deposit_pair_rests(values, slots, top, 32 * self.first, self.lanes[column])

    def _empty_pairs(self, column: int) -> None:
        """Move what was added in lanes of 43 bits to those of 32."""
        if self._n_paired[column]:
            top, pairs = self._tops[column], self._pairs[column]
            self._make_room(top - 2 * PAIR_BITS, top, 2, len(pairs))
            empty_pairs(pairs, top, 32 * self.first, self.lanes[column])
            self._n_paired[column] = 0

    def _deposit(
        self, column: int, values: Scaled, slots: Slots, n_slots: int, times: Ints | None, exponents: tuple[int, int]
    ) -> None:
        """Add values whose exponents lie between two."""
        (mantissas, shifts), (low, high) = values, exponents
        high += 0 if times is None else int(times.max()).bit_length()
        # A value has 53 bits.
        self._make_room(low - 54, high, len(mantissas), n_slots)
        deposit_each(mantissas, shifts, times, slots, 32 * self.first, self.lanes[column])

    def _make_room(self, low: int, high: int, n_values: int, n_slots: int) -> None:
        """Make room for bits from low to high, two lanes above for carries, and for the deposits of so many values."""
        self._reach(low // 32, high // 32 + 4, n_slots)
        self.n_deposits += 4 * n_values
        if self.n_deposits > MAX_DEPOSITS:
            carry_lanes(self.lanes)
            self.n_deposits = 4 * n_values

    def _reach(self, first: int, last: int, n_slots: int) -> None:
        """Make room for lanes from first to last − 1 and for so many slots."""
        n_columns, n_lanes, size = self.lanes.shape
        if n_lanes:
            first, last = min(first, self.first), max(last, self.first + n_lanes)
        if n_lanes == last - first and n_slots <= size:
            return
        grown = np.zeros((n_columns, last - first, max(n_slots, 2 * size if n_slots > size else size)), np.int64)
        if n_lanes:
            at = self.first - first
            grown[:, at : at + n_lanes, :size] = self.lanes
        self.lanes, self.first = grown, first

    def take(self, table: SumTable, n_slots: int) -> None:
        """Take in the sums of a table whose keys are slots."""
        if len(table.keys):
            self._reach(table.first, table.first + table.lanes.shape[1], n_slots)
            at = table.first - self.first
            self.lanes[:, at : at + table.lanes.shape[1], table.keys] += table.lanes

    def frozen(self, keys: Ints) -> SumTable:
        """The sums of the first slots under these keys, those of slots that hold something in the first column."""
        for column in range(len(self._pairs)):
            self._empty_pairs(column)
        carry_lanes(self.lanes)
        lanes = self.lanes[:, :, : len(keys)]
        used = np.flatnonzero(lanes[0].any(axis=0))
        if len(used) == 0:
            return SumTable.empty(lanes.shape[0])
        # Most lanes are room: what is copied and put in order are the others.
        low, high = lanes_used(lanes)
        return SumTable.carried(keys[used], np.take(lanes[:, low:high], used, axis=2), self.first + low)
