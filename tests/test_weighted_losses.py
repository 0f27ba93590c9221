"""Sums of rows with soft labels, weights or both: each kernel against its twin."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import reference
from hypothesis import given
from strategies import Table, random_table, tables
from test_losses import CUBES, counts_of, forecast_of, fraction_of, new_tally, parts_of

from logloss.onepass.kernels import exact, losses, products, weighted_losses
from logloss.onepass.summaries import loss as of_loss

SEED = 5


def ones(table: Table) -> np.ndarray:
    return np.ones(table.n_rows)


def taking_part(table: Table) -> Table:
    """With a weight and a count above 0 in each row, as blocks have them."""
    weight = None if table.sample_weight is None else np.where(table.sample_weight == 0, 1.0, table.sample_weight)
    counts = None if table.counts is None else np.maximum(table.counts, 1)
    label = table.y_true.astype(np.float64)
    return Table(label, table.y_proba, table.y_proba_of_zero, table.y_logit, weight, counts)


def assert_sums(actual: dict[str, Fraction], expected: dict[str, Fraction]) -> None:
    """Equal as fractions; cubes to 2^-104."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        slack = value * Fraction(2) ** -104 if name in CUBES else 0
        assert abs(actual[name] - value) <= slack, name


def general_found(limbs) -> dict[str, Fraction]:
    found = {}
    for name, places in zip(of_loss.SUMS, of_loss.GENERAL_LIMBS, strict=True):
        found[name] = sum((fraction_of(limbs[k]) for k in places), Fraction(0))
    return found


GENERAL_KINDS = ("weighted", "soft", "soft weighted", "soft counts")


@given(tables((*GENERAL_KINDS, "hard", "pair", "everything")))
def test_weighted_losses_summed_equal_their_twin(table):
    table = taking_part(table)
    limbs, tally = exact.new_limbs(2), np.zeros(2, np.int64)
    weight = ones(table) if table.sample_weight is None else table.sample_weight
    weighted_losses.weighted_losses_summed(
        table.y_true, *forecast_of(table), table.sample_weight, table.counts, limbs, tally
    )
    costs = np.empty(table.n_rows)
    losses.soft_surprisals(table.y_true, *forecast_of(table), costs)
    expected, expected_tally = reference.weighted_losses_summed(costs, weight.tolist(), counts_of(table))
    assert [fraction_of(limb) for limb in limbs] == expected
    assert tally.tolist() == expected_tally


@given(tables(GENERAL_KINDS))
def test_general_sums_equal_their_twin(table):
    table = taking_part(table)
    limbs, tally = exact.new_limbs(of_loss.N_GENERAL_LIMBS), new_tally()
    weight = ones(table) if table.sample_weight is None else table.sample_weight
    weighted_losses.general_sums(table.y_true, *forecast_of(table), table.sample_weight, table.counts, limbs, tally)
    rows = (table.y_true.tolist(), parts_of(table), weight.tolist(), counts_of(table))
    expected, expected_tally = reference.general_sums(*rows)
    assert tally.tolist() == expected_tally
    assert_sums(general_found(limbs), expected)


@given(tables(("weighted", "soft weighted"), min_rows=1))
def test_special_rows_equal_their_twin(table):
    """Only rows that floats cannot cube: the others are left to the loop without branches."""
    table = taking_part(table)
    n_rows = table.n_rows
    parts = np.empty(losses.N_PARTS * products.STRIDE)
    losses.forecast_parts(*forecast_of(table), parts)
    limbs, tally = exact.new_limbs(of_loss.N_GENERAL_LIMBS), new_tally()
    spare = np.empty(weighted_losses.N_GENERAL * products.STRIDE)
    weighted_losses.special_rows(table.y_true, table.sample_weight, None, 0, parts, spare, limbs, tally)
    expected = reference.special_rows(table.y_true, parts_of(table), table.sample_weight, [1] * n_rows)
    assert_sums(general_found(limbs), expected)


@pytest.mark.parametrize("kind", ["hard", "hard logits", "soft", "weighted", "soft weighted"])
def test_rows_that_fill_slices_equal_the_twins(kind):
    """1,100 rows: two full slices and a rest."""
    table = random_table(SEED, 2 * products.SLICE + 76, kind)
    limbs, tally = exact.new_limbs(of_loss.N_GENERAL_LIMBS), new_tally()
    weight = ones(table) if table.sample_weight is None else table.sample_weight
    y = table.y_true.astype(np.float64)
    weighted_losses.general_sums(y, *forecast_of(table), table.sample_weight, None, limbs, tally)
    rows = (y.tolist(), parts_of(table), weight.tolist(), counts_of(table))
    expected, expected_tally = reference.general_sums(*rows)
    assert tally.tolist() == expected_tally
    assert_sums(general_found(limbs), expected)
