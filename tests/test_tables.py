"""Tables keyed by integers: nothing is lost, and no order or grouping of merges changes a bit."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import reference
from hypothesis import given
from hypothesis import strategies as st

from logloss.onepass.kernels.lane_sums import (
    carry_lanes,
    deposit_each,
    deposit_pair_rests,
    deposit_pairs,
    empty_pairs,
)
from logloss.onepass.summaries import tables
from logloss.onepass.summaries.tables import CountTable, SumTable, SumWorkspace

SEED = 8
FLOATS = st.floats(0, 1.7e308, allow_nan=False) | st.sampled_from([0.0, 5e-324, 1e-300, 0.1, 1.0])
ENTRIES = st.tuples(FLOATS, st.integers(-2000, 2000), st.integers(0, 2**40), st.integers(0, 4))


def fractions_of(table: SumTable, column: int = 0) -> dict[int, Fraction]:
    unit = Fraction(2) ** (32 * table.first)
    return {int(k): v * unit for k, v in zip(table.keys, table.integers(column), strict=True)}


def without_nothing(sums: dict[int, Fraction]) -> dict[int, Fraction]:
    return {key: value for key, value in sums.items() if value}


def columns_of(entries) -> tuple[np.ndarray, ...]:
    values, shifts, times, slots = zip(*entries, strict=True) if entries else ((), (), (), ())
    return np.array(values, float), np.array(shifts, np.int64), np.array(times, np.int64), np.array(slots, np.int32)


@given(st.lists(ENTRIES, max_size=12))
def test_deposit_each_equals_its_twin(entries):
    values, shifts, times, slots = columns_of(entries)
    expected = reference.deposit_each(values, shifts, times, slots)
    workspace = SumWorkspace(1)
    workspace.add(0, values, shifts, slots, 5, times)
    assert without_nothing(fractions_of(workspace.frozen(np.arange(5)))) == without_nothing(expected)
    lanes = np.zeros((64, 5), np.int64)
    once = np.ldexp(values[:0], 0) if len(values) == 0 else np.frexp(values)[0]
    deposit_each(once, np.zeros(len(values), np.int64), None, slots, -1200, lanes)
    found = {slot: sum(int(lanes[j, slot]) << (32 * j) for j in range(64)) * Fraction(2) ** -1200 for slot in range(5)}
    ones = [1] * len(values)
    assert without_nothing(found) == without_nothing(reference.deposit_each(once, [0] * len(values), ones, slots))


SLOTTED = st.lists(st.tuples(FLOATS | st.floats(0, 9), st.integers(0, 4)), max_size=20)


@given(st.lists(SLOTTED, max_size=4), st.booleans())
def test_deposit_pairs_equal_their_twin(blocks, is_tame):
    """Of values far apart, too: what two lanes leave is added one by one; and after a larger value, and a smaller."""
    workspace, expected = SumWorkspace(1), [Fraction(0)] * 5
    for entries in blocks:
        values = np.array([value for value, _ in entries], np.float64)
        values = np.minimum(values, 9.0) if is_tame else values
        slots = np.array([slot for _, slot in entries], np.int32)
        own = reference.deposit_pairs(values.tolist(), slots.tolist(), 5)
        expected = [a + b for a, b in zip(expected, own, strict=True)]
        workspace.add_plain(0, values, slots, 5)
        if is_tame:
            pairs, lanes = np.zeros((5, 2), np.int64), np.zeros((44, 5), np.int64)
            if deposit_pairs(values, slots, 4, pairs):
                deposit_pair_rests(values, slots, 4, -1216, lanes)
            empty_pairs(pairs, 4, -1216, lanes)
            unit = Fraction(2) ** -1216
            assert [sum(int(lanes[j, slot]) << (32 * j) for j in range(44)) * unit for slot in range(5)] == own
            assert not pairs.any()
    found = fractions_of(workspace.frozen(np.arange(5)))
    assert without_nothing(found) == without_nothing(dict(enumerate(expected)))


def sums_of_lanes(lanes: np.ndarray, lowest: int) -> list[Fraction]:
    return [sum(int(lane) << (32 * j) for j, lane in enumerate(own)) * Fraction(2) ** lowest for own in lanes.T]


# Of 53 bits each, some of which lie below the two lanes.
FULL = st.builds(math.ldexp, st.integers(2**52, 2**53 - 1).map(float), st.integers(-180, -50))


@given(st.lists(st.tuples(FULL | st.sampled_from([0.0, 5e-324, 1e-300]), st.integers(0, 4)), max_size=20))
def test_deposit_pair_rests_equals_its_twin(entries):
    values, slots = np.array([x for x, _ in entries], float), np.array([slot for _, slot in entries], np.int32)
    lanes = np.zeros((44, 5), np.int64)
    deposit_pair_rests(values, slots, 4, -1216, lanes)
    assert sums_of_lanes(lanes, -1216) == reference.deposit_pair_rests(values, slots, 4, 5)


SIGNED = st.integers(-(2**63) + 1, 2**63 - 1)


@given(st.lists(st.tuples(SIGNED, SIGNED), min_size=1, max_size=9), st.integers(-100, 100))
def test_empty_pairs_equals_its_twin(rows, top):
    """Into lanes that hold a 1 each."""
    pairs, lanes = np.array(rows, np.int64), np.ones((16, len(rows)), np.int64)
    before = sums_of_lanes(lanes, -224)
    empty_pairs(pairs, top, -224, lanes)
    moved = [now - then for now, then in zip(sums_of_lanes(lanes, -224), before, strict=True)]
    assert moved == reference.empty_pairs(rows, top)
    assert not pairs.any()


@given(st.lists(st.lists(st.integers(-(2**62), 2**62), min_size=12, max_size=12), min_size=1, max_size=4))
def test_carry_lanes_equals_its_twin(columns):
    """Three lanes of four slots in each column."""
    lanes = np.array(columns, np.int64).reshape(-1, 3, 4)
    expected = reference.carry_lanes(lanes.tolist())
    carry_lanes(lanes)
    assert lanes.transpose(0, 2, 1).tolist() == expected


def test_more_rows_of_one_slot_than_two_lanes_hold(monkeypatch):
    """All of the largest size: the lanes are moved before they overflow, within a block and between blocks."""
    values = np.full(1 << 12, np.nextafter(8.0, 0.0))
    slots = np.zeros(len(values), np.int32)
    monkeypatch.setattr(tables, "MOST_PAIRED", 1000)
    workspace = SumWorkspace(1)
    for _ in range(3):
        workspace.add_plain(0, values, slots, 1)
        assert workspace._n_paired[0] <= 1000
    assert fractions_of(workspace.frozen(np.arange(1))) == {0: 3 * len(values) * Fraction(float(values[0]))}


@given(st.lists(ENTRIES, max_size=12), st.lists(ENTRIES, max_size=12), st.lists(ENTRIES, max_size=12))
def test_sums_merge_to_the_bit(a, b, c):
    def table(entries) -> SumTable:
        workspace = SumWorkspace(1)
        values, shifts, times, slots = columns_of(entries)
        workspace.add(0, values, shifts, slots, 5, times)
        return workspace.frozen(np.arange(5))

    one, two, three = table(a), table(b), table(c)
    assert one.merge(two).merge(three) == three.merge(one.merge(two)) == one.merge(three).merge(two)
    assert without_nothing(fractions_of(one.merge(two).merge(three))) == without_nothing(fractions_of(table(a + b + c)))
    assert one.merge(SumTable.empty(1)) == one == SumTable.empty(1).merge(one)


@given(st.lists(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), max_size=8), min_size=3, max_size=3))
def test_counts_merge_to_the_bit(entries):
    def table(pairs) -> CountTable:
        keys, counts = np.array([k for k, _ in pairs], np.int64), np.array([[n] for _, n in pairs], np.int64)
        return CountTable.of(keys, counts.reshape(-1, 1))

    a, b, c = map(table, entries)
    assert a.merge(b).merge(c) == c.merge(b.merge(a)) == table([pair for pairs in entries for pair in pairs])
    assert (np.diff(a.merge(b).keys) > 0).all()


def test_sums_of_keys_that_are_renamed_alike_are_added_up():
    workspace = SumWorkspace(2)
    for column in (0, 1):
        workspace.add(column, np.array([1.0, 2.0, 4.0]), np.zeros(3, np.int64), np.array([0, 1, 2], np.int32), 3)
    renamed = workspace.frozen(np.array([10, 20, 30])).renamed(np.array([7, 7, 5]))
    assert renamed.keys.tolist() == [5, 7]
    assert fractions_of(renamed, 1) == {5: 4, 7: 3}


def test_floats_of_a_table_are_its_sums():
    """Far beyond the floats, too: the exponent stands apart."""
    workspace = SumWorkspace(1)
    workspace.add(0, np.array([0.75, 1.0]), np.array([3000, 2990]), np.array([0, 1], np.int32), 2)
    values, exponent = workspace.frozen(np.arange(2)).floats(0)
    assert np.ldexp(values, exponent - 3000).tolist() == [0.75, 2.0**-10]
