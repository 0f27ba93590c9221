"""Two forecasts in one block: each kernel against its twin."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from reference import ulps_apart
from strategies import tables, two_forecast_tables
from test_losses import counts_of, forecast_of, fraction_of

from logloss.onepass.kernels import counted_losses, exact, paired_losses, score_keys
from logloss.onepass.summaries.contrast import HARD_LIMBS, WEIGHTED_LIMBS

SEED = 23
# Types of a label, two bins and a count.
KINDS = (np.uint8, np.int32, np.int32, np.int64)
# Cubes enter as pairs of floats, right to 2^-105 of themselves (`products.times`).
OF_A_CUBE = Fraction(2) ** -104


@given(tables(("hard", "hard logits", "pair", "soft"), min_rows=1))
def test_losses_and_logits_equal_their_twin(table):
    """A loss of a soft label is two products and a sum: 6 ULP apart, as in test_losses; a logit is a difference of two
    losses of 1 ULP each, and of three roundings where it is not given."""
    losses, logits = np.empty(table.n_rows), np.empty(table.n_rows)
    paired_losses.losses_and_logits(table.y_true, *forecast_of(table), losses, logits, None)
    for loss, logit, row in zip(
        losses.tolist(), logits.tolist(), reference.losses_and_logits(table.y_true, *forecast_of(table)), strict=True
    ):
        assert ulps_apart(loss, row[0]) <= 6
        assert logit == row[1] or abs(logit - row[1]) <= 3 * 2.0**-52 * max(abs(row[1]), 1.0)


def sides_of(table, labels=None):
    """What each row would cost if 1 happened, and if 0 did; its losses."""
    losses, logits, sides = np.empty(table.n_rows), np.empty(table.n_rows), np.empty((2, table.n_rows))
    labels = table.y_true if labels is None else labels
    paired_losses.losses_and_logits(labels, *forecast_of(table), losses, logits, sides)
    return sides, losses


@given(tables(("hard", "hard logits", "pair"), min_rows=1))
def test_sides_are_the_losses_of_each_label(table):
    """To the bit: a difference that happened is one of the two that could have."""
    sides, _ = sides_of(table)
    for label, found in ((1, sides[0]), (0, sides[1])):
        _, losses = sides_of(table, np.full(table.n_rows, label, np.uint8))
        assert found.tolist() == losses.tolist()
    # Each of them is right to 1 ULP.
    for *found, twin in zip(
        *sides.tolist(), reference.losses_and_logits(table.y_true, *forecast_of(table)), strict=True
    ):
        assert all(ulps_apart(own, other) <= 2 for own, other in zip(found, twin[2:], strict=True))


COSTS = st.floats(0, 1e300) | st.sampled_from([0.0, 1.0, math.inf])
SIDES = st.lists(st.tuples(COSTS, COSTS, COSTS, COSTS), min_size=1, max_size=9)


@given(SIDES)
def test_bounds_equal_their_twin(rows):
    """Of two infinite losses that are equal nothing is added; without a bound both are 0."""
    first, second = (np.array([[row[k] for row in rows] for k in own]) for own in ((0, 1), (2, 3)))
    below, above, is_out = np.empty(len(rows)), np.empty(len(rows)), np.empty(len(rows), np.bool_)
    paired_losses.bounds(first, second, below, above, is_out)
    assert list(zip(below.tolist(), above.tolist(), is_out.tolist(), strict=True)) == reference.bounds(rows)


@given(st.lists(st.tuples(COSTS, COSTS), min_size=1, max_size=30), st.integers(1, 5), COSTS)
def test_keep_furthest_and_gaps_equal_their_twins(rows, size, least):
    a, b = np.array(rows).T.copy()
    kept = counted_losses.room_for_largest(size, least)
    n_kept = paired_losses.keep_furthest(a, b, least, kept)
    assert kept["place"][:n_kept].tolist() == reference.keep_furthest(a.tolist(), b.tolist(), least, size)
    own = np.empty(len(rows))
    paired_losses.gaps(a, b, own)
    assert own.tolist() == reference.gaps(a, b)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 40), st.integers(0, 40), st.integers(1, 3)), max_size=40))
def test_tally_pairs_equals_its_twin(rows):
    """Up to the first pair for which there is no room."""
    labels, first, second, counts = (np.array([row[k] for row in rows], kind) for k, kind in enumerate(KINDS))
    known, table = np.full(32, score_keys.NO_KEY), np.zeros((32, 2), np.int64)
    n_done, n_known = paired_losses.tally_pairs(labels, first, second, 2, counts, known, table, 0, 16)
    found = {
        (int(known[k]) >> paired_losses.BIN_BITS, int(known[k]) % (1 << paired_losses.BIN_BITS)): table[k].tolist()
        for k in np.flatnonzero(known != score_keys.NO_KEY)
    }
    assert found == reference.tally_pairs([(y, i >> 2, j >> 2, n) for y, i, j, n in rows[:n_done]])
    assert len(found) == n_known <= 16
    if n_done < len(rows):
        assert n_known == 16
        assert (rows[n_done][1] >> 2, rows[n_done][2] >> 2) not in found


def pair_of(table):
    """Losses and logits of the two forecasts of a table of two forecasts, and its counts (at least one each)."""
    found = []
    own = forecast_of(table)
    second = (table.second_forecast, None, table.second_forecast if table.y_logit is not None else None)
    for forecast in (own, second):
        losses, logits = np.empty(table.n_rows), np.empty(table.n_rows)
        paired_losses.losses_and_logits(table.y_true, *forecast, losses, logits, None)
        found.append((losses, logits))
    (a, r), (b, s) = found
    return a, b, r, s


@given(two_forecast_tables(("hard", "hard logits", "pair", "counts")))
def test_contrast_sums_equal_their_twin(table):
    """Exact; a cube is kept to 2^-105, a square of a range rounded once."""
    pair = pair_of(table)
    limbs, tally = exact.new_limbs(paired_losses.N_CONTRAST), np.zeros(paired_losses.N_TALLIES, np.int64)
    paired_losses.contrast_sums(*pair, table.counts, limbs, tally)
    counts = counts_of(table)
    d, square, cube, spread = reference.contrast_sums(*map(np.ndarray.tolist, pair), counts)
    assert fraction_of(limbs[0]) == d
    assert fraction_of(limbs[1]) + fraction_of(limbs[2]) == square
    largest = sum(n * abs(Fraction(reference.gap_of(a, b))) ** 3 for a, b, n in zip(*pair[:2], counts, strict=True))
    assert abs(fraction_of(limbs[3]) + fraction_of(limbs[4]) - cube) <= largest * OF_A_CUBE
    assert fraction_of(limbs[5]) == spread
    assert tally.tolist() == reference.count_contrast(*map(np.ndarray.tolist, pair), counts)


@given(two_forecast_tables(("weighted", "soft", "soft weighted")))
def test_weighted_contrast_sums_equal_their_twin(table):
    pair = pair_of(table)
    n_rows = table.n_rows
    weight = np.ones(n_rows) if table.sample_weight is None else table.sample_weight
    weight = np.where(weight == 0, 1.0, weight)
    counts = np.arange(1, n_rows + 1)
    limbs, tally = exact.new_limbs(paired_losses.N_WEIGHTED_LIMBS), np.zeros(paired_losses.N_TALLIES, np.int64)
    paired_losses.weighted_contrast_sums(*pair, weight, counts, limbs, tally)
    found = [sum((fraction_of(limbs[k]) for k in places), Fraction(0)) for places in WEIGHTED_LIMBS]
    rows = [*map(np.ndarray.tolist, pair), weight.tolist(), counts.tolist()]
    expected = reference.weighted_contrast_sums(*rows)
    # The same sums of sizes: what a cube may be off by.
    sizes = reference.weighted_contrast_sums(
        [abs(reference.gap_of(a, b)) for a, b in zip(*rows[:2], strict=True)], [0.0] * n_rows, *rows[2:]
    )
    for place, (actual, value, size) in enumerate(zip(found, expected, sizes, strict=True)):
        assert abs(actual - value) <= (max(size, abs(value)) * OF_A_CUBE if place in (3, 4, 5, 9) else 0), place
    assert tally.tolist() == reference.count_contrast(*rows[:4], rows[5])


def test_rows_of_weight_one_make_the_same_sums_either_way():
    """Two slices and a rest; some of infinite loss."""
    rng = np.random.default_rng(SEED)
    n_rows = 1_100
    a, b = rng.gamma(1, 1, n_rows), rng.gamma(1, 1, n_rows)
    a[::97], b[::89] = np.inf, np.inf
    r, s = rng.normal(0, 2, n_rows), rng.normal(0, 2, n_rows)
    hard, weighted = exact.new_limbs(paired_losses.N_CONTRAST), exact.new_limbs(paired_losses.N_WEIGHTED_LIMBS)
    tallies = np.zeros((2, paired_losses.N_TALLIES), np.int64)
    paired_losses.contrast_sums(a, b, r, s, None, hard, tallies[0])
    paired_losses.weighted_contrast_sums(a, b, r, s, np.ones(n_rows), None, weighted, tallies[1])
    for one, other in zip(HARD_LIMBS[:7], WEIGHTED_LIMBS[:7], strict=True):
        mine, theirs = (
            sum(exact.as_integer(limbs[k]) for k in places) for limbs, places in ((hard, one), (weighted, other))
        )
        assert mine == theirs
    assert tallies[0].tolist() == tallies[1].tolist()
    assert exact.rounded(exact.as_integer(weighted[paired_losses.N_WEIGHTED_CONTRAST]), 1) == tallies[0, 1:4].sum()


@pytest.mark.parametrize("always", [True, False])
@given(
    w=st.floats(5e-324, 1e308),
    spread=st.floats(0, 1e308) | st.just(math.inf) | st.floats(0, 1e-200),
    count=st.integers(1, 2**40),
)
def test_deposit_range_equals_its_twin(always, w, spread, count):
    limbs = exact.new_limbs(1)
    paired_losses.deposit_range(w, spread, always, count, limbs[0])
    assert fraction_of(limbs[0]) == reference.deposit_range(w, spread, always, count)


@given(st.floats(5e-324, 1.7e308), st.integers(1, 2**40))
def test_deposit_left_out_equals_its_twin(w, count):
    limbs = exact.new_limbs(paired_losses.N_WEIGHTED_LIMBS)
    paired_losses.deposit_left_out(w, count, limbs)
    found = [sum((fraction_of(limbs[k]) for k in places), Fraction(0)) for places in WEIGHTED_LIMBS[7:]]
    expected = reference.deposit_left_out(w, count)
    assert found[:2] == expected[:2]
    assert abs(found[2] - expected[2]) <= expected[2] * OF_A_CUBE
