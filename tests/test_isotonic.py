"""Pools: exact comparison of shares, and chance over all outcomes, against fractions."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

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


def outcomes(rows, p) -> tuple[np.ndarray, np.ndarray]:
    """Shares of ones of a run, and their probabilities."""
    shares, below = np.full(4 * isotonic.REACH + 2, np.nan), np.full(4 * isotonic.REACH + 2, np.nan)
    end = isotonic.outcomes_of_run(float(rows), p, shares, below)
    assert end <= len(shares)
    return shares[:end], np.diff(below[:end], prepend=0.0)


@pytest.mark.parametrize("n", [1, 2, 7, 300, 1_000])
@pytest.mark.parametrize("p", [0.0, 1e-300, 1e-9, 0.02, 0.5, 0.7, 1 - 1e-9, 1.0])
def test_the_ones_of_a_run_are_binomial(n, p):
    shares, masses = outcomes(n, p)
    ones = np.rint(shares * n)
    assert (np.diff(ones) == 1).all()
    assert (shares == ones / n).all()
    # Up to 250 terms are added up, and what is left out is 2^-40 of the most probable.
    assert masses == pytest.approx(stats.binom.pmf(ones, n, p), rel=1e-9, abs=1e-14)
    assert masses.sum() == pytest.approx(1.0, abs=1e-12)
    left_out = stats.binom.cdf(ones[0] - 1, n, p) + stats.binom.sf(ones[-1], n, p)
    assert left_out < 1e-10


@pytest.mark.parametrize("p", [1e-6, 0.3, 0.999])
@pytest.mark.parametrize("rows", [1.3, 2.5, 7.9, 311.75, 1e5, 4.4e9, 1e15])
def test_effective_rows_vary_as_so_many_rows(rows, p):
    """Of any number that need not be whole, and where there are so many that fewer deviate for them."""
    shares, masses = outcomes(rows, p)
    # Shares of rows of variance 2^8 are not below 0 where they are scaled: p − p·scale rounds to no less.
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert masses @ shares == pytest.approx(p, rel=1e-9)
    assert masses @ (shares - p) ** 2 == pytest.approx(p * (1 - p) / rows, rel=1e-8)


def test_no_more_outcomes_are_probable_than_there_is_room_for():
    """At the largest variance, where the tail is longest: of a Poisson distribution."""
    for p in (1e-12, 1e-4, 0.5, 0.9999):
        n = np.floor(isotonic.MOST_VARIANCE / (p * (1 - p)))
        ones = np.rint(outcomes(n, p)[0] * n)
        mode = np.floor((n + 1) * p)
        assert max(mode - ones[0], ones[-1] - mode) < isotonic.REACH


def test_split_mix_is_that_of_its_authors():
    """The first numbers from seed 1234567 that are published with the generator (Steele, Lea and Flood 2014)."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [reference.split_mix(1234567 + k * 0x9E3779B97F4A7C15) for k in range(1, 5)] == published


def test_drawn_shares_equal_their_twin():
    """Of runs of few rows, of rows that are not whole, and of so many that fewer deviate for them."""
    rng = np.random.default_rng(SEED)
    proba = rng.random(60)
    rows = np.concatenate([rng.integers(1, 5, 20), 1 + 9 * rng.random(20), 10 ** (5 + 4 * rng.random(20))])
    found = np.empty((5, 60))
    isotonic.drawn_shares(np.uint64(99), proba, rows, found)
    expected = np.array(reference.drawn_shares(99, proba, rows, 5))
    assert (found[:, :40] == expected[:, :40]).all()
    # A scaled share is a product and a sum, rounded.
    assert found[:, 40:] == pytest.approx(expected[:, 40:], rel=2.0**-50)


def test_the_miscalibration_of_draws_equals_its_twin():
    rng = np.random.default_rng(SEED)
    mass, proba = rng.random(40), np.sort(rng.random(40))
    if_zero, if_one = -np.log1p(-proba), -np.log(proba)
    shares = rng.integers(0, 4, (5, 40)) / 3
    found = np.full(5, np.nan)
    isotonic.miscalibrations(shares, mass, if_zero, if_one, found)
    # Differences of sums of 40 terms of order one.
    assert found == pytest.approx(reference.miscalibrations(shares, mass, if_zero, if_one), abs=1e-13)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=60, max_size=200))
@settings(max_examples=40)
def test_long_runs_of_places_are_pooled_as_their_twin_pools_them(pairs):
    """More places than sweeps leave: the sweeps, and the pools after them."""
    ones, rows = [float(min(a, b)) for a, b in pairs], [float(b) for _, b in pairs]
    expected = reference.pooled_entropy(ones, rows)
    assert isotonic.pooled_entropy(np.array(ones), np.array(rows)) == pytest.approx(expected, rel=2.0**-44)
