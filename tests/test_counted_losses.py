"""Sums of rows with hard labels and no weights: each kernel against its twin."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import reference
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import Table, random_table, tables
from test_losses import CUBES, PLAIN_KINDS, counts_of, forecast_of, fraction_of, new_tally, parts_of

from logloss.inference.score_table import score_table_of
from logloss.inference.sums import AllSums
from logloss.onepass import summaries
from logloss.onepass.kernels import counted_losses, exact, losses, products
from logloss.onepass.summaries import loss as of_loss

SEED = 5


@given(tables(("hard", "hard logits", "pair", "counts")))
def test_hard_sums_equal_their_twin(table):
    if table.counts is not None:
        # As blocks have them: a row that stands no times takes no part.
        table = replace(table, counts=np.maximum(table.counts, 1))
    limbs, tally = exact.new_limbs(12), new_tally()
    counted_losses.hard_sums(table.y_true, *forecast_of(table), table.counts, limbs, tally)
    expected, expected_tally = reference.hard_sums(table.y_true.tolist(), parts_of(table), counts_of(table))
    found = {
        name: sum((fraction_of(limbs[k]) for k in of_loss.HARD_LIMBS[name]), Fraction(0))
        for name in ("c", "cc", "ccc", "ca", "b", "bb", "p", "h", "v")
    }
    assert tally.tolist() == expected_tally
    assert found.keys() == expected.keys()
    # Squares of a Brier score below 2^-500 fall out of the floats; nothing that is reported can see them.
    for name, value in found.items():
        slack = expected[name] * Fraction(2) ** -104 if name in CUBES else 0
        slack = sum(counts_of(table)) * Fraction(2) ** -1000 if name == "bb" else slack
        assert abs(value - expected[name]) <= slack, name


@given(tables(PLAIN_KINDS))
def test_losses_summed_equal_their_twin(table):
    costs = np.empty(table.n_rows)
    losses.surprisals(table.y_true, *forecast_of(table), costs)
    limbs = exact.new_limbs(1)
    for dtype in (np.uint8, np.int64, np.float64):
        limbs, tally = exact.new_limbs(1), np.zeros(3, np.int64)
        assert counted_losses.losses_summed(table.y_true.astype(dtype), *forecast_of(table), limbs, tally)
        assert (fraction_of(limbs[0]), tally[1]) == reference.losses_summed(costs.tolist())
        assert (tally[0], tally[2] > 0) == (table.n_rows, (table.y_true == 0).any())


BAD_LABELS = [2, -1, 0.5, np.nan, 1 + 2.0**-52, 5e-324, 256, np.inf]
BAD_PROBAS = [-5e-324, 1 + 2.0**-52, np.nan, -np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("place", [0, 511, 512, 999])
@pytest.mark.parametrize(
    ("role", "value"),
    [("y", x) for x in BAD_LABELS] + [("p", x) for x in BAD_PROBAS] + [("z", np.nan), ("z", -np.nan)],
)
def test_losses_summed_notice_each_wrong_value(role, value, place):
    """Wherever in a slice it stands."""
    arrays = {name: np.full(1000, 0.5) for name in ("p", "z")} | {"y": np.ones(1000)}
    arrays[role][place] = value
    for z in (None, arrays["z"]):
        limbs, tally = exact.new_limbs(1), np.zeros(3, np.int64)
        is_read = role in ("y", "p" if z is None else "z")
        p = arrays["p"] if z is None else z
        assert counted_losses.losses_summed(arrays["y"], p, None, z, limbs, tally) != is_read
    limbs, tally = exact.new_limbs(1), np.zeros(3, np.int64)
    ones, zeros = np.full(1000, 0.5), arrays["p"]
    assert counted_losses.losses_summed(arrays["y"], ones, zeros, None, limbs, tally) == (role == "z")


def test_losses_summed_notice_pairs_that_do_not_add_up():
    ones, zeros = np.full(1000, 0.25), np.full(1000, 0.75)
    for place, more in ((0, 1.1e-6), (511, -1.1e-6), (512, 0.25), (999, -0.75)):
        off = zeros.copy()
        off[place] += more
        limbs, tally = exact.new_limbs(1), np.zeros(3, np.int64)
        assert not counted_losses.losses_summed(np.ones(1000), ones, off, None, limbs, tally)
        off[place] = 0.75 + 0.9e-6
        assert counted_losses.losses_summed(np.ones(1000), ones, off, None, limbs, tally)


@given(st.lists(st.floats(0, allow_nan=False) | st.just(np.inf), max_size=20))
def test_set_infinite_to_zero_equals_its_twin(values):
    column = np.array(values)
    n_infinite = counted_losses.set_infinite_to_zero(column)
    assert (column.tolist(), n_infinite) == reference.set_infinite_to_zero(values)


@given(tables(("hard", "hard logits", "pair", "counts")))
def test_row_sums_equal_their_twin(table):
    """And the largest losses in falling order, of equal ones the first."""
    limbs, tally = exact.new_limbs(3), new_tally()
    largest = counted_losses.room_for_largest(4)
    own = np.empty(table.n_rows)
    counted_losses.row_sums(table.y_true, *forecast_of(table), table.counts, limbs, tally, largest, own)
    costs = np.empty(table.n_rows)
    losses.surprisals(table.y_true, *forecast_of(table), costs)
    probas = [parts.proba for parts in parts_of(table)]
    expected, expected_tally = reference.row_sums(costs, probas, table.y_true.tolist(), counts_of(table))
    assert [fraction_of(limb) for limb in limbs] == expected
    assert tally[:3].tolist() == expected_tally
    assert own.tolist() == costs.tolist()
    kept = reference.keep_largest(costs, -1.0, 4)
    assert largest["place"][largest["place"] >= 0].tolist() == kept
    assert largest["value"][: len(kept)].tolist() == costs[kept].tolist()


def test_row_sums_over_several_slices_equal_their_twin():
    table = random_table(SEED, 2 * products.SLICE + 76)
    limbs, tally, largest = exact.new_limbs(3), new_tally(), counted_losses.room_for_largest(20)
    counted_losses.row_sums(table.y_true, *forecast_of(table), None, limbs, tally, largest, None)
    costs = np.empty(table.n_rows)
    losses.surprisals(table.y_true, *forecast_of(table), costs)
    expected, expected_tally = reference.row_sums(costs, table.y_proba, table.y_true.tolist(), counts_of(table))
    assert [fraction_of(limb) for limb in limbs] == expected
    assert tally[:3].tolist() == expected_tally
    assert largest["place"].tolist() == reference.keep_largest(costs, -1.0, 20)


@given(st.lists(st.floats(0, 9) | st.sampled_from([0.0, 1.0, 2.0, np.inf]), max_size=30), st.floats(0, 2))
def test_keep_largest_equals_its_twin(values, least):
    largest = counted_losses.room_for_largest(5)
    n_kept, _ = counted_losses.keep_largest(np.array(values), 0, least, 0, largest)
    assert largest["place"][:n_kept].tolist() == reference.keep_largest(values, least, 5)


def in_units(sums):
    """All sums in units of 2^-6720: each summary has its own, the largest that its sums share."""
    return {name: sums.sum(name) << (exact.UNIT_EXPONENT - sums.unit_exponent) for name in of_loss.SUMS}


@example(Table(np.array([0], np.uint8), np.array([1.60252686e-89]), None, None, None, None))
@given(tables(("hard", "hard logits", "counts")))
def test_counted_rows_and_weights_of_one_make_the_same_sums(table):
    """What the table of scores says of hard labels is what the general kernel sums of the same rows at weight 1."""
    weighted = Table(table.y_true, table.y_proba, None, table.y_logit, np.ones(table.n_rows), table.counts)
    fast, general = summaries.LossSummary.of(table.block()), summaries.LossSummary.of(weighted.block())
    if fast.n_rows == 0:
        return
    counted, weighed = (in_units(AllSums(each, score_table_of(each.scores))) for each in (fast, general))
    for name in of_loss.SUMS:
        difference = abs(counted[name] - weighed[name])
        slack = weighed[name] >> 104 if name in CUBES else 0
        # A variance is a product of four factors, in an order that depends on the side of ½; p beyond ½ is 1 − u rounded.
        if name in ("v", "h", "bb", "bw"):
            slack = (weighed[name] >> 48) + (fast.n_rows << (exact.UNIT_EXPONENT - 1000))
        assert difference <= slack, name
