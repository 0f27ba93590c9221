"""Numbers between knots: each kernel against its twin, exactly: shares and values are such that no product is rounded."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from logloss.onepass.kernels import hats

# Knots, and one place more, of which no row has a share.
N_KNOTS, N_OTHERS, N_COLUMNS = 4, 3, 2
# Eighths times small whole numbers: sums of their products are floats.
EIGHTHS = st.integers(0, 8).map(lambda k: k / 8)
WHOLE = st.integers(-9, 9).map(float)


class Rows(NamedTuple):
    """Rows in two columns: lower knots and shares of the upper ones; and what the kernels sum."""

    lower: np.ndarray
    shares: np.ndarray
    others: np.ndarray
    other_shares: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    sizes: np.ndarray
    numbers: np.ndarray


@st.composite
def drawn(draw) -> Rows:
    n = draw(st.integers(1, 8))

    def column(values):
        return np.array(draw(st.lists(values, min_size=n, max_size=n)))

    return Rows(
        column(st.integers(0, N_KNOTS - 1)).astype(np.int32),
        column(EIGHTHS),
        column(st.integers(0, N_OTHERS - 1)).astype(np.int32),
        column(EIGHTHS),
        column(WHOLE),
        column(WHOLE),
        column(WHOLE),
        np.column_stack([column(WHOLE) for _ in range(N_COLUMNS)]),
    )


def tables_of(n_rows: int, n_columns: int):
    row = st.lists(WHOLE, min_size=n_columns, max_size=n_columns)
    return st.lists(row, min_size=n_rows, max_size=n_rows).map(np.array)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6, unique=True).map(sorted),
    st.lists(st.floats(-2e6, 2e6) | st.just(math.nan), min_size=1, max_size=8),
)
def test_knots_equal_their_twin(knots, values):
    """A share is a quotient of two differences: three roundings, of which each moves it by half a unit, or less."""
    values = [*values, *knots]
    lower, shares = np.empty(len(values), np.int32), np.empty(len(values))
    hats.find_knots(np.array(values), np.array(knots), lower, shares)
    expected_lower, expected = reference.find_knots(values, knots)
    assert lower.tolist() == expected_lower
    for share, own in zip(shares.tolist(), expected, strict=True):
        assert abs(Fraction(share) - own) <= 2 * Fraction(2) ** -52 * own + Fraction(math.ulp(0.0))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_beyond_the_knots_the_nearest_one_has_all(kind):
    values = np.array([-math.inf, -1.0, 0.0, 2.0, 9.0, math.inf, math.nan], dtype=kind)
    lower, shares = np.empty(7, np.int32), np.empty(7)
    hats.find_knots(values, np.array([0.0, 1.0, 2.0]), lower, shares)
    assert lower.tolist() == [0, 0, 0, 1, 1, 1, 3]
    assert shares.tolist() == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]


@given(drawn(), tables_of(N_KNOTS + 1, N_COLUMNS))
def test_values_between_knots_equal_their_twin(rows, table):
    out = np.ones((len(rows.lower), N_COLUMNS))
    hats.add_between(rows.lower, rows.shares, table, out)
    assert (out - 1).tolist() == reference.add_between(rows.lower.tolist(), rows.shares.tolist(), table.tolist())


@given(drawn())
def test_sums_by_knot_equal_their_twins(rows):
    lower, shares = rows.lower.tolist(), rows.shares.tolist()
    out = np.zeros((N_KNOTS + 1, 4))
    hats.knot_sums(rows.lower, rows.shares, rows.values, rows.weights, rows.sizes, out)
    assert out.tolist() == reference.knot_sums(lower, shares, rows.values, rows.weights, rows.sizes, N_KNOTS + 1)
    out = np.zeros((N_KNOTS + 1, N_COLUMNS))
    hats.knot_segment_sums(rows.lower, rows.shares, rows.weights, rows.numbers, out)
    expected = reference.knot_segment_sums(lower, shares, rows.weights, rows.numbers.tolist(), N_KNOTS + 1)
    assert out.tolist() == expected
    out = np.zeros((N_KNOTS + 1, 2))
    hats.knot_products(rows.lower, rows.shares, rows.weights, out)
    assert out.tolist() == reference.knot_products(lower, shares, rows.weights, N_KNOTS + 1)


@given(drawn(), tables_of(N_KNOTS + 1, N_OTHERS + 1))
def test_sums_by_pairs_of_knots_equal_their_twins(rows, table):
    pair = rows.lower, rows.shares, rows.others, rows.other_shares
    lower = np.stack([rows.lower, rows.others, rows.others], axis=1)
    shares = np.stack([rows.shares, np.zeros(len(rows.shares)), rows.other_shares], axis=1)
    # Codes of a category have shares of 0; columns after the one that others are summed beside are left alone.
    first, shape = np.array([0, N_KNOTS + 1]), (N_KNOTS + N_OTHERS + 2, N_OTHERS + 1)
    for n_before in (2, 1, 0):
        out = np.zeros(shape)
        hats.knot_cross_tabs(lower, shares, first[:n_before], rows.weights, out)
        given = lower.tolist(), shares.tolist(), first[:n_before].tolist(), rows.weights, shape
        assert out.tolist() == reference.knot_cross_tabs(*given)
    own = [each.tolist() for each in pair]
    found = np.ones(len(rows.lower))
    hats.add_products(*pair, table, found)
    assert (found - 1).tolist() == reference.add_products(*own, table.tolist())
