"""Counts and sums in parts of one integer: as many rows as fit, each as large as can be, and one row more."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logloss.data.block import Block
from logloss.data.rows import Column, Place, Roles, Rows
from logloss.onepass.kernels import exact, lane_sums, score_keys
from logloss.onepass.summaries import cells
from logloss.onepass.summaries.scores import ScoreWorkspace
from logloss.onepass.summaries.tables import MAX_DEPOSITS, SumWorkspace

ROLES = Roles("y_true", y_proba="y_proba")
# Just below a power of two; half a unit of the first lane above and below a whole one, where the second is largest.
LARGEST = [np.nextafter(1.0, 0.0), 1.0 - 2.0**-44 - 2.0**-53, 1.0 - 3 * 2.0**-44, 1.0 - 2.0**-44 + 2.0**-53]


def rows_of(labels, p):
    columns = {"y_true": Column(np.array(labels, np.uint8)), "y_proba": Column(np.full(len(labels), p))}
    return Block.of(Rows(columns, 0, Place()), ROLES)


@pytest.mark.parametrize("value", LARGEST)
def test_two_lanes_hold_as_many_of_the_largest_rows_as_are_added_to_them(value):
    workspace, n_rows = SumWorkspace(1), lane_sums.MOST_PAIRED
    values, slots = np.full(n_rows, value), np.zeros(n_rows, np.int32)
    workspace.add_plain(0, values, slots, 1)
    assert workspace._n_paired == [n_rows]
    # One row more moves them first.
    workspace.add_plain(0, values[:1], slots[:1], 1)
    assert workspace._n_paired == [1]
    table = workspace.frozen(np.arange(1))
    assert table.integers(0)[0] * Fraction(2) ** (32 * table.first) == (n_rows + 1) * Fraction(float(value))


@pytest.mark.parametrize("shift", range(32))
def test_a_lane_of_32_bits_holds_the_deposits_before_a_carry(shift):
    """One adds less than 2^32 to each of its lanes, wherever in them it begins."""
    lanes = np.zeros((6, 1), np.int64)
    k = (1 << 63) - 1
    lane_sums.empty_pairs(np.array([[0, k]]), 2 * lane_sums.PAIR_BITS + shift, 0, lanes)
    assert sum(int(each) << (32 * j) for j, each in enumerate(lanes[:, 0])) == k << shift
    assert int(lanes.max()) < 2**32
    assert int(lanes.max()) * MAX_DEPOSITS < 2**63


@pytest.mark.parametrize("value", LARGEST)
def test_a_column_is_deposited_at_its_most_rows(value):
    limbs, n_rows = exact.new_limbs(1), exact.MAX_ROWS_OF_DEPOSIT
    exact.deposit(np.full(n_rows, value), limbs[0])
    assert Fraction(exact.as_integer(limbs[0]), 2**exact.UNIT_EXPONENT) == n_rows * Fraction(float(value))


@pytest.mark.parametrize("label", [0, 1])
def test_a_word_holds_as_many_rows_of_a_bin_as_are_packed_in_it(label):
    n_rows = score_keys.MAX_PACKED_ROWS
    y, bins = np.full(n_rows, label, np.uint8), np.zeros(n_rows, np.int32)
    packed, counts = np.zeros(4, np.int64), np.zeros((2, 4), np.int64)
    score_keys.tally_bins(y, bins, np.full(n_rows, score_keys.OFFSET_MASK, np.int32), packed)
    assert packed[label] > 0
    score_keys.unpack(packed, counts)
    expected = np.zeros((2, 4), np.int64)
    expected[0, label], expected[0, 2 + label] = n_rows, n_rows * score_keys.OFFSET_MASK
    assert counts.tolist() == expected.tolist()


def test_words_are_unpacked_before_a_row_too_many():
    workspace, block = ScoreWorkspace(), rows_of([1, 1], 0.3)
    workspace.add(block)
    workspace._to_bins()
    before = workspace.freeze()
    (place,), most = before.counts.keys, score_keys.MAX_PACKED_ROWS - 1
    workspace._packed[2 * place + 1] = (most << score_keys.COUNT_SHIFT) + most * score_keys.OFFSET_MASK
    workspace._n_packed = most
    workspace.add(block)
    assert workspace._n_packed == 2
    (zeros, ones, of_zeros, of_ones), offset = workspace.freeze().counts.counts[0], before.counts.counts[0, 3] // 2
    assert (zeros, ones, of_zeros) == (0, most + 4, 0)
    assert of_ones == most * score_keys.OFFSET_MASK + 4 * offset


@pytest.mark.parametrize("label", [0, 1])
def test_counts_of_32_bits_move_before_a_row_too_many(label):
    """Both labels of a place share one word of 64 bits when it is looked for: the other must stay what it was."""
    scores, block = ScoreWorkspace(), rows_of([label, label], 0.3)
    workspace, groups = cells.CellWorkspace(scores, 4, is_exact=False), np.zeros(2, np.int32)

    def add():
        slots, are_bins = scores.place(block)
        workspace.add(block, groups, 1, slots, are_bins=are_bins)

    add()
    (place,) = np.flatnonzero(workspace._dense)
    assert place % 2 == label
    workspace._dense[place], workspace._dense[place ^ 1] = cells.MOST_DENSE - 1, 1
    workspace._n_dense = cells.MOST_DENSE
    add()
    assert workspace._n_dense == 2
    (counts,) = workspace.freeze().counts.counts
    assert (counts[label], counts[1 - label]) == (cells.MOST_DENSE + 1, 1)
    # As many as fit are still counted.
    scores = ScoreWorkspace()
    workspace = cells.CellWorkspace(scores, 4, is_exact=False)
    add()
    workspace._dense[place] = workspace._n_dense = cells.MOST_DENSE - 2
    add()
    assert workspace._dense[place] == workspace._n_dense == cells.MOST_DENSE
    assert workspace.freeze().counts.counts[0, label] == cells.MOST_DENSE


@given(st.integers(2**61, 2**62 - 1), st.floats(2.0**-60, 2.0**60))
def test_a_row_that_stands_very_often_overflows_nothing(times, value):
    lanes = np.zeros((12, 1), np.int64)
    shifts = np.zeros(1, np.int64)
    lane_sums.deposit_each(np.array([value]), shifts, np.array([times]), np.zeros(1, np.int32), -128, lanes)
    found = sum(int(each) << (32 * j) for j, each in enumerate(lanes[:, 0]))
    assert Fraction(found, 2**128) == times * Fraction(value)
    limbs = exact.new_limbs(1)
    exact.deposit_times(value, 0, times, limbs[0])
    assert Fraction(exact.as_integer(limbs[0]), 2**exact.UNIT_EXPONENT) == times * Fraction(value)
