"""Products of floats in two halves, columns of what rows contribute, and how they enter exact sums.

A product of two floats is the sum of two: the rounded one and what rounding lost (fma). Squares are therefore exact,
and cubes right to 2^-105 of themselves. The summing kernels work through slices of SLICE rows: loops without a branch
write what each row contributes to each sum into columns of one scratch array, and `exact.deposit` adds the columns up.
Rows of which a factor is too large or too small for such products go one by one, by mantissa and exponent.

    x  a loss, a difference of losses, a weight     w  weight     n  how many times the row stands, or None
"""

from __future__ import annotations

import math

from logloss.onepass.kernels.compiled import compiled, fma, inlined
from logloss.onepass.kernels.exact import deposit, deposit_times

# Rows of one slice: the widest scratch, 31 columns of float64 and 5 of forecasts, takes 150 KB of the second-level
# cache.
SLICE = 512
# Where the next column of a scratch begins: not at a multiple of 4,096 bytes, where all columns would fall into the
# same lines of the first-level cache (measured: 1.5 times slower).
STRIDE = SLICE + 8
# Between these, products of three factors and their low halves neither overflow nor underflow.
LEAST_PLAIN = 2.0**-200
GREATEST_PLAIN = 2.0**200


@inlined
def is_plain(x):
    """Whether x > 0 may be cubed as it stands."""
    return (x > LEAST_PLAIN) & (x < GREATEST_PLAIN)


@inlined
def is_safe(x):
    """Whether products of x ≥ 0 with a plain weight keep their digits."""
    return (x == 0.0) | is_plain(x)


@inlined
def product(a, b):
    """a·b as the pair (rounded, what rounding lost)."""
    high = a * b
    return high, fma(a, b, -high)


@inlined
def times(high, low, b):
    """(high + low)·b as a pair, right to 2^-105."""
    result = high * b
    return result, fma(low, b, fma(high, b, -result))


@inlined
def powers(x):
    """x² and x³, each as a pair: the square exactly, the cube to 2^-105 of itself."""
    square = x * x
    square_low = fma(x, x, -square)
    cube = square * x
    return square, square_low, cube, fma(square_low, x, fma(square, x, -cube))


@compiled
def deposit_powers(x, count, limbs):
    """Square and cube of a number too large or too small to be cubed as it stands: by its mantissa."""
    mantissa, exponent = math.frexp(x)
    square, square_low, cube, cube_low = powers(mantissa)
    deposit_times(square, 2 * exponent, count, limbs[1])
    deposit_times(square_low, 2 * exponent, count, limbs[2])
    deposit_times(cube, 3 * exponent, count, limbs[3])
    deposit_times(cube_low, 3 * exponent, count, limbs[4])


@inlined
def part_of(x, start, stop):
    """Rows start to stop of an array, or of none. (Slices, since an index `start + i` costs a test of its sign.)"""
    return None if x is None else x[start:stop]


@inlined
def deposit_columns(columns, n_columns, length, counts, start, limbs):
    """Add the columns of a slice to the sums."""
    for k in range(n_columns):
        at = k * STRIDE
        if counts is None:
            deposit(columns[at : at + length], limbs[k])
        else:
            for i in range(length):
                deposit_times(columns[at + i], 0, counts[start + i], limbs[k])
