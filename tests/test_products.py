"""Products in two halves: squares are exact, cubes right to 2^-105."""

from __future__ import annotations

from fractions import Fraction

import reference
from hypothesis import given
from hypothesis import strategies as st
from test_losses import fraction_of

from logloss.onepass.kernels import exact, products


@given(st.floats(-1.7e308, 1.7e308).filter(bool), st.integers(1, 2**53))
def test_deposit_powers_equal_their_twin(x, count):
    limbs = exact.new_limbs(5)
    products.deposit_powers(x, count, limbs)
    square, cube = reference.deposit_powers(x, count)
    assert fraction_of(limbs[1]) + fraction_of(limbs[2]) == square
    assert abs(fraction_of(limbs[3]) + fraction_of(limbs[4]) - cube) <= abs(cube) * Fraction(2) ** -104


@given(st.floats(2.0**-199, 2.0**199))
def test_powers_are_pairs(x):
    """Each is one float and what rounding took from it."""
    square, square_low, cube, cube_low = map(Fraction, products.powers(x))
    assert square + square_low == Fraction(x) ** 2
    assert abs(cube + cube_low - Fraction(x) ** 3) <= Fraction(x) ** 3 * Fraction(2) ** -105
