"""Sums whose bits do not depend on order: every float is an integer in units of 2^-6720.

A running sum is a row of int64 limbs, 32 bits apart. Whole columns are deposited by `deposit`, which cuts each value
into 48-bit lanes below the largest exponent of the column and adds the lanes up as integers; what is left of a
value below the third lane goes to the limbs by itself. Nothing is dropped and nothing is rounded: the cut of the rows
cannot matter. Frozen, a sum is one Python integer; it is rounded when it is read.

Reference: R. M. Neal (2015), Fast exact summation using small and large superaccumulators, arXiv:1505.05571.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from logloss.onepass.kernels.compiled import as_bits, as_float, compiled, fma, inlined
from logloss.onepass.kernels.pointwise import BITS_OF_ROUNDER, ROUNDER

# A weighted loss reaches 2^±2148, its cube 2^±6444; the low half of a product lies another 212 bits below.
UNIT_EXPONENT = 6720
N_LIMBS = 408
# Short sums, for many groups: of values that are 0 or at least 2^-267, in units of 2^-320, below 2^320.
SHORT_EXPONENT = 320
N_SHORT_LIMBS = 20
LIMB_MASK = 0xFFFFFFFF
MANTISSA_MASK = 0x000FFFFFFFFFFFFF
HIDDEN_BIT = 0x0010000000000000
MAGNITUDE_MASK = 0x7FFFFFFFFFFFFFFF
# Values below 2^47 units in a lane: 2^14 rows of them stay below 2^63.
LANE_BITS = 48
MAX_ROWS_OF_DEPOSIT = 1 << 14
# Outside, the scale of a lane would not be a normal float: values go to the limbs one by one.
LEAST_LANE_EXPONENT = -850
GREATEST_LANE_EXPONENT = 900


@compiled
def deposit_integer(k, exponent, limbs):
    """Add k·2^exponent, |k| < 2^63. Cost: a few ns."""
    # By sign and size: each of three limbs then moves by less than 2^32, however often it was moved before.
    sign = -1 if k < 0 else 1
    a = -k if k < 0 else k
    position = exponent + (UNIT_EXPONENT if limbs.shape[0] == N_LIMBS else SHORT_EXPONENT)
    j = position >> 5
    s = position & 31
    low = (a & LIMB_MASK) << s
    high = (a >> 32) << s
    limbs[j] += sign * (low & LIMB_MASK)
    limbs[j + 1] += sign * ((low >> 32) + (high & LIMB_MASK))
    limbs[j + 2] += sign * (high >> 32)


@inlined
def power_of_two(exponent):
    """2^exponent as a float, for exponents of normal floats."""
    return as_float((exponent + 1023) << 52)


@inlined
def split_float(x):
    """(k, exponent) with x = k·2^exponent, k an integer below 2^53; x finite."""
    bits = as_bits(x)
    field = (bits >> 52) & 0x7FF
    k = bits & MANTISSA_MASK
    if field > 0:
        k |= HIDDEN_BIT
    else:
        field = 1
    return (-k if bits < 0 else k), field - 1075


@inlined
def cut(x, up, down):
    """(x in units of a lane, rounded; what is left of x, exactly): up and down scale to the lane and back."""
    # Adding ROUNDER rounds to an integer and leaves it in the low bits.
    k = fma(x, up, ROUNDER)
    return as_bits(k) - BITS_OF_ROUNDER, fma(ROUNDER - k, down, x)


@compiled
def deposit_one(x, shift, limbs):
    """Add x·2^shift, x finite. Cost: about 5 ns."""
    if x != 0.0:
        k, exponent = split_float(x)
        deposit_integer(k, exponent + shift, limbs)


@compiled
def deposit_times(x, shift, count, limbs):
    """Add count·x·2^shift, x finite, 0 ≤ count < 2^62. Cost: about 20 ns."""
    k, exponent = split_float(x)
    exponent += shift
    # Of 53 and 62 bits: halves of at most 27 and 31 bits, whose products stay below 2^58.
    k_high = k >> 27
    k_low = k & 0x7FFFFFF
    n_high = count >> 31
    n_low = count & 0x7FFFFFFF
    deposit_integer(k_low * n_low, exponent, limbs)
    deposit_integer(k_high * n_low, exponent + 27, limbs)
    deposit_integer(k_low * n_high, exponent + 31, limbs)
    deposit_integer(k_high * n_high, exponent + 58, limbs)


@compiled
def deposit(values, limbs):
    """Add up to 2^14 finite values. Cost: about 0.4 ns a value; 5 ns for one spread over more than 144 bits."""
    # The bits of floats of one sign are ordered as the floats are: a maximum of integers vectorises.
    largest = 0
    for i in range(values.shape[0]):
        largest = max(largest, as_bits(values[i]) & MAGNITUDE_MASK)
    # A biased exponent of e means: below 2^(e − 1022); of 0 as well.
    if largest != 0:
        deposit_below(values, (largest >> 52) - 1022, limbs)


@compiled
def deposit_below(values, top, limbs):
    """Add up to 2^14 values below 2^top. Cost: about 0.3 ns a value."""
    n = values.shape[0]
    if top < LEAST_LANE_EXPONENT or top > GREATEST_LANE_EXPONENT:
        for i in range(n):
            deposit_one(values[i], 0, limbs)
        return
    lane = 47 - top
    up_1, down_1 = power_of_two(lane), power_of_two(-lane)
    lane_2 = lane + LANE_BITS
    up_2, down_2 = power_of_two(lane_2), power_of_two(-lane_2)
    # Two lanes hold 96 bits below the largest value: all there is of most columns, and the third costs as much again.
    sum_1 = 0
    sum_2 = 0
    left = 0
    for i in range(n):
        k_1, x = cut(values[i], up_1, down_1)
        k_2, x = cut(x, up_2, down_2)
        sum_1 += k_1
        sum_2 += k_2
        left |= as_bits(x) & MAGNITUDE_MASK
    deposit_integer(sum_1, -lane, limbs)
    deposit_integer(sum_2, -lane_2, limbs)
    if left != 0:
        deposit_rests(values, lane, limbs)


@compiled
def deposit_rests(values, lane, limbs):
    """Add what two lanes leave of each value: a third lane, and one by one what is left of that."""
    n = values.shape[0]
    up_1, down_1 = power_of_two(lane), power_of_two(-lane)
    up_2, down_2 = power_of_two(lane + LANE_BITS), power_of_two(-lane - LANE_BITS)
    lane_3 = lane + 2 * LANE_BITS
    up_3, down_3 = power_of_two(lane_3), power_of_two(-lane_3)
    sum_3 = 0
    left = 0
    for i in range(n):
        _, x = cut(values[i], up_1, down_1)
        _, x = cut(x, up_2, down_2)
        k_3, x = cut(x, up_3, down_3)
        sum_3 += k_3
        left |= as_bits(x) & MAGNITUDE_MASK
    deposit_integer(sum_3, -lane_3, limbs)
    if left != 0:
        for i in range(n):
            _, x = cut(values[i], up_1, down_1)
            _, x = cut(x, up_2, down_2)
            _, x = cut(x, up_3, down_3)
            deposit_one(x, 0, limbs)


@compiled
def carry(limbs):
    """Bring every limb of every sum back below 2^32, so that the next 2^29 deposits cannot overflow."""
    for row in range(limbs.shape[0]):
        over = 0
        for j in range(limbs.shape[1]):
            total = limbs[row, j] + over
            over = total >> 32
            limbs[row, j] = total & LIMB_MASK
        # The last limb keeps the sign: sums of differences may be below 0.
        limbs[row, limbs.shape[1] - 1] += over << 32


def new_limbs(n_sums: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Empty sums, shape (n_sums, N_LIMBS)."""
    return np.zeros((n_sums, N_LIMBS), dtype=np.int64)


def as_integers(limbs: np.ndarray[Any, np.dtype[np.int64]]) -> list[int]:
    """The sums of several rows of limbs as integers, in units of 2^-UNIT_EXPONENT."""
    low = (limbs & LIMB_MASK).astype("<u4")
    sums = [int.from_bytes(row.tobytes(), "little") for row in low]
    # What a limb has beyond 32 bits, or below 0, which only the last has after carrying.
    over = limbs >> 32
    if np.count_nonzero(over):
        for row, j in np.argwhere(over).tolist():
            sums[row] += int(over[row, j]) << (32 * j + 32)
    return sums


def as_integer(limbs: np.ndarray[Any, np.dtype[np.int64]]) -> int:
    """The same of one row."""
    return as_integers(limbs[None])[0]


def of_count(number: int) -> int:
    """A whole number in the units of a sum."""
    return number << UNIT_EXPONENT


def rounded(numerator: int, denominator: int) -> float:
    """numerator·2^-6720 / denominator, rounded once; ±inf beyond the floats."""
    return ratio(numerator, denominator << UNIT_EXPONENT)


def ratio(numerator: int, denominator: int) -> float:
    """The quotient of two sums, rounded once; ±inf beyond the floats."""
    # Python rounds a quotient of integers once, however long they are.
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf if (numerator > 0) == (denominator > 0) else -math.inf


@compiled
def exact_signs(x, u, out):
    """out[i] = the sign of Σ_j x_ij u_j, exactly: −1, 0 or 1; 2 where a product cannot be split into two floats.

    For most rows a rounded sum suffices; for others each product becomes two floats (fma), and these an expansion whose
    parts do not overlap (Shewchuk 1997, Adaptive precision floating-point arithmetic, doi:10.1007/PL00009321).
    Cost: O(n_columns) a row, about ten times as much where the sum is near 0.
    """
    # Parts that do not overlap have 53 bits each of the 2,098 that floats reach: 40 at most.
    partials = np.empty(64)
    n_columns = x.shape[1]
    # Twice the bound of a rounded dot product, n·2^-53 of the sum of sizes (Higham 2002, § 3.1): `size` is rounded too.
    slack = (2 * n_columns + 4) * 2.0**-53
    for i in range(x.shape[0]):
        total = 0.0
        size = 0.0
        for j in range(n_columns):
            term = x[i, j] * u[j]
            total += term
            size += abs(term)
        if 1e-280 < size < 1e300 and abs(total) > slack * size:
            out[i] = 1 if total > 0 else -1
            continue
        n_partials = 0
        is_split = True
        for j in range(n_columns):
            high = x[i, j] * u[j]
            # Else the low half would be rounded: below 2^-1074, or beside an infinity.
            if not abs(high) < 1e300 or (abs(high) < 1e-280 and x[i, j] != 0.0 and u[j] != 0.0):
                is_split = False
            low = fma(x[i, j], u[j], -high)
            for part in range(2):
                value = low if part == 0 else high
                kept = 0
                for k in range(n_partials):
                    other = partials[k]
                    both = value + other
                    back = both - value
                    rest = (value - (both - back)) + (other - back)
                    if rest != 0.0:
                        partials[kept] = rest
                        kept += 1
                    value = both
                if value != 0.0:
                    partials[kept] = value
                    kept += 1
                n_partials = kept
        if not is_split:
            out[i] = 2
        elif n_partials == 0:
            out[i] = 0
        else:
            out[i] = 1 if partials[n_partials - 1] > 0 else -1
