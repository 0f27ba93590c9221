"""Sums that lose nothing: compared with fractions, to the last bit, in any order and any grouping."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import reference
from hypothesis import example, given
from hypothesis import strategies as st

from logloss.onepass.kernels import exact

SEED = 11
FINITE = st.floats(allow_nan=False, allow_infinity=False)
# Values whose lanes, limbs and exponents differ most: subnormal, least normal, one, huge, and their neighbours.
HARD_VALUES = [
    5e-324,
    -5e-324,
    2.0**-1022,
    -(2.0**-1022),
    1.0,
    -1.0,
    1 + 2.0**-52,
    2.0**900,
    -(2.0**1023),
    1.7e308,
    0.0,
    -0.0,
]


def fraction_of(limbs: np.ndarray) -> Fraction:
    return Fraction(exact.as_integer(limbs), 1 << exact.UNIT_EXPONENT)


def deposited(values) -> np.ndarray:
    limbs = exact.new_limbs(1)
    exact.deposit(np.asarray(values, dtype=np.float64), limbs[0])
    return limbs[0]


@given(st.lists(FINITE | st.sampled_from(HARD_VALUES), max_size=30))
@example([1e16, 1.0, -1e16])
@example([1.7e308, 1.7e308, 5e-324])
def test_deposit_equals_its_twin(values):
    assert fraction_of(deposited(values)) == reference.deposit(values)


@given(st.integers(-(2**63) + 1, 2**63 - 1), st.integers(-exact.UNIT_EXPONENT, 6000))
@example(2**63 - 1, -exact.UNIT_EXPONENT)
@example(-1, 31 - exact.UNIT_EXPONENT)
def test_deposit_integer_equals_its_twin(k, exponent):
    limbs = exact.new_limbs(1)
    exact.deposit_integer(k, exponent, limbs[0])
    assert fraction_of(limbs[0]) == reference.deposit_integer(k, exponent)


@given(FINITE | st.sampled_from(HARD_VALUES), st.integers(-2200, 2200))
def test_deposit_one_equals_its_twin(x, shift):
    limbs = exact.new_limbs(1)
    exact.deposit_one(x, shift, limbs[0])
    assert fraction_of(limbs[0]) == reference.deposit_one(x, shift)


@given(FINITE | st.sampled_from(HARD_VALUES), st.integers(-2200, 2200), st.integers(0, 2**62 - 1))
@example(1.7e308, 0, 2**53)
@example(-1.7e308, 0, 2**62 - 1)
def test_deposit_times_equals_its_twin(x, shift, count):
    limbs = exact.new_limbs(1)
    exact.deposit_times(x, shift, count, limbs[0])
    assert fraction_of(limbs[0]) == reference.deposit_times(x, shift, count)


@given(st.lists(st.floats(-1, 1) | st.sampled_from([5e-324, 1e-40, 2.0**-90]), max_size=20), st.integers(1, 1020))
@example([0.5, 2.0**-1000], 1)
@example([2.0**-1074], -849)
def test_deposit_below_equals_its_twin(values, top):
    """Also where the bound is far above the values: then less of them is left for the first lane."""
    limbs = exact.new_limbs(1)
    exact.deposit_below(np.array(values), top, limbs[0])
    assert fraction_of(limbs[0]) == reference.deposit_below(values, top)


# Of 53 bits each, some of which lie below two lanes.
FULL = st.builds(math.ldexp, st.integers(2**52, 2**53 - 1).map(float), st.integers(-180, -54))


@given(st.lists(FULL | FULL.map(lambda x: -x) | st.sampled_from([1.0, -1.0, 2.0**-60, 5e-324]), max_size=20))
def test_deposit_rests_equals_its_twin(values):
    limbs = exact.new_limbs(1)
    exact.deposit_rests(np.array(values), 46, limbs[0])
    assert fraction_of(limbs[0]) == reference.deposit_rests(values, 46)


@given(st.lists(st.integers(-(2**61), 2**61), min_size=3, max_size=12))
def test_carry_equals_its_twin(numbers):
    """The same number, every limb but the last from 0 to 2^32 − 1. (The highest limbs are free: sums never reach them.)"""
    limbs = np.array([[*numbers, 0, 0, 0]], dtype=np.int64)
    exact.carry(limbs)
    assert limbs[0].tolist() == reference.carry([*numbers, 0, 0, 0])


def test_carrying_changes_no_sum():
    limbs = deposited(np.random.default_rng(SEED).normal(0, 1, 500) * 1e300)
    before = fraction_of(limbs)
    exact.carry(limbs[None])
    assert fraction_of(limbs) == before


@pytest.mark.parametrize("scale", [1.0, 1e-320, 1e-300, 1e-40, 1e40, 1e300])
def test_a_long_column_equals_fsum(scale):
    """16,384 values, as many as a deposit takes, of all signs and of exponents 2^±60 around the scale."""
    rng = np.random.default_rng(SEED)
    values = rng.normal(0, 1, exact.MAX_ROWS_OF_DEPOSIT) * np.exp2(rng.integers(-60, 20, exact.MAX_ROWS_OF_DEPOSIT))
    values = values * scale
    assert exact.rounded(exact.as_integer(deposited(values)), 1) == math.fsum(values)


def test_as_many_values_as_a_lane_holds_do_not_overflow():
    """The largest value that an exponent has, 16,384 times, of both signs."""
    for x in (2.0 - 2.0**-52, -(2.0 - 2.0**-52), 2.0**900 * 1.999):
        values = np.full(exact.MAX_ROWS_OF_DEPOSIT, x)
        assert fraction_of(deposited(values)) == exact.MAX_ROWS_OF_DEPOSIT * Fraction(x)


@pytest.mark.parametrize("seed", range(5))
def test_order_and_grouping_change_no_bit(seed):
    """Exponents from 2^-300 to 2^300: every plain sum of them depends on order."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, 3_000) * np.exp2(rng.integers(-300, 300, 3_000))
    sums = set()
    for _ in range(10):
        shuffled = rng.permutation(values)
        total = 0
        for piece in np.split(shuffled, np.sort(rng.integers(0, 3_001, 7))):
            total += exact.as_integer(deposited(piece))
        sums.add(total)
    assert len(sums) == 1
    assert len({float(np.add.reduce(rng.permutation(values))) for _ in range(10)}) > 1


def test_ten_billion_rows_are_counted_exactly():
    """A count beyond 2^53 keeps its last digit, where a float would not."""
    limbs = exact.new_limbs(1)
    exact.deposit_times(0.1, 0, 2**60 + 1, limbs[0])
    assert fraction_of(limbs[0]) == (2**60 + 1) * Fraction(0.1)
    assert exact.of_count(10**10) == 10**10 << exact.UNIT_EXPONENT


@given(st.integers(-(10**40), 10**40), st.integers(1, 10**40))
def test_quotients_are_rounded_once(numerator, denominator):
    expected = float(Fraction(numerator, denominator))
    assert exact.ratio(numerator, denominator) == expected
    assert exact.rounded(numerator << exact.UNIT_EXPONENT, denominator) == expected


def test_quotients_beyond_the_floats_are_infinite():
    assert exact.ratio(10**400, 1) == math.inf
    assert exact.ratio(-(10**400), 1) == -math.inf
    assert exact.rounded(10**400 << exact.UNIT_EXPONENT, 1) == math.inf
    assert exact.rounded(-(10**400) << exact.UNIT_EXPONENT, 1) == -math.inf


def test_plain_sums_do_lose_digits():
    """The reason for all this: numpy's sum of these is wrong in its first digit."""
    values = [1e16, 1.0, 1.0, 1.0, -1e16]
    assert float(np.sum(values)) != 3.0
    assert exact.rounded(exact.as_integer(deposited(values)), 1) == 3.0


def signs_of(x, u):
    out = np.empty(len(x), dtype=np.int64)
    exact.exact_signs(np.array(x, dtype=float), np.array(u, dtype=float), out)
    return out.tolist()


MODERATE = st.floats(-1e100, 1e100).filter(lambda value: value == 0 or abs(value) > 1e-100)


@given(
    st.lists(st.tuples(MODERATE, MODERATE, MODERATE), min_size=1, max_size=5), st.tuples(MODERATE, MODERATE, MODERATE)
)
def test_signs_of_sums_of_products_equal_their_twin(x, u):
    """Each row once more with a last entry that takes the sum to 0, or next to it, if floats can do that."""
    near = [
        (a, b, -(a * u[0] + b * u[1]) / u[2]) for a, b, _ in x if u[2] and abs(a * u[0] + b * u[1]) < 1e90 * abs(u[2])
    ]
    rows = [*x, *(row for row in near if row[2] == 0 or 1e-100 < abs(row[2]) < 1e100)]
    assert signs_of(rows, u) == reference.exact_signs(rows, u)


def test_a_sum_of_products_that_is_nothing_but_its_last_digit_has_a_sign():
    below, above = 0.3, 0.1 + 0.2
    rows = [[1.0, below], [1.0, above], [3.0, 1.0], [1e16, 1.0]]
    assert signs_of(rows[:2], [-0.3, 1.0]) == [0, 1]
    assert signs_of(rows[2:3], [1 / 3, -1.0]) == reference.exact_signs(rows[2:3], [1 / 3, -1.0]) == [-1]
    assert signs_of([[1e16, 1.0, -1e16]], [1.0, 1.0, 1.0]) == [1]


def test_products_that_cannot_be_split_have_no_sign():
    """Their low halves are below the least float, or their sums above the largest: nothing is said."""
    assert signs_of([[1e-200, 2e-200]], [1e-200, -1e-200]) == [2]
    assert signs_of([[1e200, -1e200]], [1e200, 1e200]) == [2]
