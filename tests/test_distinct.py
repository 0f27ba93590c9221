"""Which whole numbers are keys of rows, and which are measurements."""

from __future__ import annotations

import laws
import numpy as np
import pytest

from logloss.onepass.summaries.distinct_values import MOST_KEPT, SMALL, DistinctValues


def is_key(values) -> bool:
    values = np.asarray(values, dtype=float)
    return DistinctValues.of(values).is_key(values.min(), values.max())


@pytest.mark.parametrize("n_rows", [50, 400, 5_000, 200_000])
@pytest.mark.parametrize("seed", range(3))
def test_row_numbers_are_keys_in_any_order_and_with_gaps(n_rows, seed):
    rng = np.random.default_rng(seed)
    ids = rng.permutation(n_rows) + 7
    assert is_key(ids)
    assert is_key(np.sort(rng.choice(3 * n_rows, n_rows, replace=False)))
    repeated = ids.copy()
    repeated[: n_rows // 100] = ids[-(n_rows // 100) :] if n_rows >= 100 else ids[: n_rows // 100]
    assert is_key(repeated)


@pytest.mark.parametrize("seed", range(5))
def test_measurements_are_no_keys(seed):
    """Whole numbers that differ in most rows, as they may: amounts in cents, seconds of a year, counts, years, grades."""
    rng = np.random.default_rng(seed)
    for n_rows in (30, 400, 5_000, 100_000):
        assert not is_key(np.round(rng.lognormal(8, 2, n_rows)))
        assert not is_key(rng.integers(1.7e9, 1.7e9 + 3.15e7, n_rows))
        assert not is_key(rng.integers(0, 2**40, n_rows))
        assert not is_key(rng.integers(0, n_rows, n_rows))
        assert not is_key(rng.poisson(40, n_rows))
        assert not is_key(rng.normal(size=n_rows))
        assert not is_key(np.arange(n_rows) // 2)


def test_independent_draws_are_taken_for_a_key_as_rarely_as_is_said():
    """At the range where it is hardest to tell, at most one draw in 10,000 is: of 3,000, four would be one in 10^5."""
    rng = np.random.default_rng(11)
    n_rows = 60
    found = sum(is_key([0, 195, *rng.integers(0, 196, n_rows - 2)]) for _ in range(3_000))
    assert found < 4


def test_distinct_values_obey_the_laws_past_their_limit():
    rng = np.random.default_rng(3)
    for high in (100, 3 * MOST_KEPT, 10**7):
        a, b, c = (DistinctValues.of(rng.integers(0, high, n).astype(float)) for n in (10, 5_000, 9_000))
        laws.check_merging(DistinctValues.of(np.zeros(0)), a, b, c)
    fractions = DistinctValues.of(np.array([0.5, 1.0]))
    laws.assert_same(fractions.merge(a), a.merge(fractions))
    assert not fractions.merge(a).is_whole


@pytest.mark.parametrize("high", [9, 70_000, 10**6, 10**9])
def test_a_large_block_keeps_what_its_pieces_keep(high):
    """Large blocks are begun with few values, or counted by their places; what is kept must not show it."""
    values = np.random.default_rng(5).integers(0, high, 2 * SMALL).astype(float)
    whole = DistinctValues.of(values)
    pieces = [DistinctValues.of(piece) for piece in np.split(values, 8)]
    merged = pieces[0]
    for piece in pieces[1:]:
        merged = merged.merge(piece)
    laws.assert_same(whole, merged)
    assert len(whole.values) <= MOST_KEPT
