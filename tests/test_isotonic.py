"""Pools: exact comparison of shares, and chance over all outcomes, against fractions."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

from logloss.onepass.kernels import isotonic

SEED = 4


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), max_size=12))
def test_pool_adjacent_violators_equals_its_twin(pairs):
    ones = np.array([min(a, b) for a, b in pairs], dtype=np.int64)
    rows = np.array([b for _, b in pairs], dtype=np.int64)
    expected = reference.pool_adjacent_violators(ones, rows)
    n_pools = isotonic.pool_adjacent_violators(ones, rows)
    assert list(zip(ones[:n_pools].tolist(), rows[:n_pools].tolist(), strict=True)) == expected


@given(st.lists(st.tuples(st.integers(0, 2**58), st.integers(1, 2**58)), min_size=2, max_size=6))
def test_shares_are_compared_exactly_however_many_rows_there_are(pairs):
    """Shares that agree to 17 digits; no float could tell them apart."""
    ones = np.array([min(a, b) for a, b in pairs], dtype=np.int64)
    rows = np.array([b for _, b in pairs], dtype=np.int64)
    ones = np.concatenate([ones, [2**58 - 1, 2**58 - 2]])
    rows = np.concatenate([rows, [2**59 - 1, 2**59 - 3]])
    expected = reference.pool_adjacent_violators(ones, rows)
    n_pools = isotonic.pool_adjacent_violators(ones, rows)
    assert list(zip(ones[:n_pools].tolist(), rows[:n_pools].tolist(), strict=True)) == expected


def test_pools_of_tied_points_are_right():
    """x = 0, 1, 1, 2, 3 and y = 0, 0, 1, 0, 1, ties pooled first: shares 0, ⅓, 1 (scikit-learn#9432)."""
    ones, rows = np.array([0, 1, 0, 1]), np.array([1, 2, 1, 1])
    n_pools = isotonic.pool_adjacent_violators(ones, rows)
    assert (ones[:n_pools] / rows[:n_pools]).tolist() == [0.0, 1 / 3, 1.0]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), max_size=12))
def test_pooled_entropy_equals_its_twin(pairs):
    """At most 12 entropies of 3 ULP each, summed: 2^-48 of the sum."""
    ones, rows = [float(min(a, b)) for a, b in pairs], [float(b) for _, b in pairs]
    expected = reference.pooled_entropy(ones, rows)
    assert isotonic.pooled_entropy(np.array(ones), np.array(rows)) == pytest.approx(expected, rel=2.0**-48, abs=1e-300)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9, 1.0]), st.integers(1, 3)), min_size=1, max_size=6))
def test_chance_of_all_equals_its_twin(rows):
    rows = sorted(rows)
    p = np.array([x for x, _ in rows])
    w = np.array([k for _, k in rows], float)
    scores = np.unique(p, return_inverse=True)[1]
    with np.errstate(divide="ignore"):
        if_one, if_zero = -np.log(p), -np.log1p(-p)
    w = w / w.sum()
    # No outcome lies at the bound: it is between two of them but by accident.
    found = isotonic.null_distribution_of_all(scores, w, p, if_one, if_zero, 0.12345)
    expected = reference.null_distribution_of_all(scores, w, p, if_one, if_zero, 0.12345)
    # 64 outcomes, each a product of six factors: 2^-45.
    assert found == pytest.approx(expected, rel=2.0**-45, abs=2.0**-48)
