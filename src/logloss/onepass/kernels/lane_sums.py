"""Exact sums by slot: every float is an integer in lanes of 32 bits, and a slot has one number in each lane.

The same sums as in `exact`, for many slots of one narrow range: lanes begin and end where the values do, and lie one
after another (structure of arrays), so that a table of sums is carried, merged and read lane by lane. Values of one
size are first added up in two lanes of 43 bits, which move there once in many rows.
"""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import as_bits, compiled, inlined
from logloss.onepass.kernels.exact import (
    LIMB_MASK,
    MAGNITUDE_MASK,
    cut,
    power_of_two,
    split_float,
)

# Values below 2^43 units in a lane: so many of them stay below 2^63.
PAIR_BITS = 43
MOST_PAIRED = 1 << 19
# Rows whose parts stay in the first-level cache.
SLICE = 512


@inlined
def deposit_in_lanes(k, position, slot, lanes):
    """Add k·2^position, |k| < 2^63, to one slot of lanes that are 32 bits apart."""
    if k == 0:
        # There need be no lane so high.
        return
    # As in `exact.deposit_integer`, but with the slots side by side: a lane of all of them is one array.
    sign = -1 if k < 0 else 1
    a = -k if k < 0 else k
    j = position >> 5
    s = position & 31
    low = (a & LIMB_MASK) << s
    high = (a >> 32) << s
    lanes[j, slot] += sign * (low & LIMB_MASK)
    lanes[j + 1, slot] += sign * ((low >> 32) + (high & LIMB_MASK))
    lanes[j + 2, slot] += sign * (high >> 32)


@compiled
def deposit_each(values, shifts, times, slots, lowest, lanes):
    """Add each value·2^shift, as many times as `times` says (None: once), to the sum of its slot.

    lanes: shape (n_lanes, n_slots), 32 bits apart, the first in units of 2^lowest, of which every value is a multiple;
    0 ≤ times < 2^62. Cost: 4 ns each, 15 with `times`.
    """
    for i in range(values.shape[0]):
        k, exponent = split_float(values[i])
        position = exponent + shifts[i] - lowest
        slot = np.int64(slots[i])
        if times is None:
            deposit_in_lanes(k, position, slot, lanes)
        else:
            # Of 53 and 62 bits: products of halves stay below 2^58, so that none overflows.
            k_high, k_low = k >> 27, k & 0x7FFFFFF
            n_high, n_low = times[i] >> 31, times[i] & 0x7FFFFFFF
            deposit_in_lanes(k_low * n_low, position, slot, lanes)
            deposit_in_lanes(k_high * n_low, position + 27, slot, lanes)
            deposit_in_lanes(k_low * n_high, position + 31, slot, lanes)
            deposit_in_lanes(k_high * n_high, position + 58, slot, lanes)


@compiled
def deposit_pairs(values, slots, top, pairs):
    """Add each value, below 2^top, to the two lanes of its slot; returns whether some value leaves a rest.

    pairs: shape (n_slots, 2), in units of 2^(top − 43) and 2^(top − 86). Cost: 1 ns each.
    """
    lane = PAIR_BITS - top
    up_1, down_1 = power_of_two(lane), power_of_two(-lane)
    up_2, down_2 = power_of_two(lane + PAIR_BITS), power_of_two(-lane - PAIR_BITS)
    left = 0
    # Slice by slice: the first loop over it vectorises, the second one only adds.
    first, second = np.empty(SLICE, np.int64), np.empty(SLICE, np.int64)
    for start in range(0, values.shape[0], SLICE):
        stop = min(start + SLICE, values.shape[0])
        own, places = values[start:stop], slots[start:stop]
        for i in range(stop - start):
            k_1, x = cut(own[i], up_1, down_1)
            k_2, x = cut(x, up_2, down_2)
            first[i] = k_1
            second[i] = k_2
            left |= as_bits(x) & MAGNITUDE_MASK
        for i in range(stop - start):
            # Without a sign, so that no index is tested for one.
            slot = np.uint64(places[i])
            pairs[slot, 0] += first[i]
            pairs[slot, 1] += second[i]
    return left != 0


@compiled
def deposit_pair_rests(values, slots, top, lowest, lanes):
    """Add what two lanes leave of each value to the sum of its slot, in lanes of 32 bits. Cost: 5 ns each."""
    lane = PAIR_BITS - top
    up_1, down_1 = power_of_two(lane), power_of_two(-lane)
    up_2, down_2 = power_of_two(lane + PAIR_BITS), power_of_two(-lane - PAIR_BITS)
    for i in range(values.shape[0]):
        _, x = cut(values[i], up_1, down_1)
        _, x = cut(x, up_2, down_2)
        if x != 0.0:
            k, exponent = split_float(x)
            deposit_in_lanes(k, exponent - lowest, np.int64(slots[i]), lanes)


@compiled
def empty_pairs(pairs, top, lowest, lanes):
    """Move the two lanes of each slot to its lanes of 32 bits. Cost: 8 ns a slot."""
    for slot in range(pairs.shape[0]):
        deposit_in_lanes(pairs[slot, 0], top - PAIR_BITS - lowest, slot, lanes)
        deposit_in_lanes(pairs[slot, 1], top - 2 * PAIR_BITS - lowest, slot, lanes)
        pairs[slot, 0] = pairs[slot, 1] = 0


@compiled
def carry_lanes(lanes):
    """Bring every lane but the last back below 2^32: lanes of shape (n_columns, n_lanes, n_slots). Cost: 1 ns a lane of
    a slot."""
    for column in range(lanes.shape[0]):
        for j in range(lanes.shape[1] - 1):
            for slot in range(lanes.shape[2]):
                over = lanes[column, j, slot] >> 32
                lanes[column, j, slot] &= LIMB_MASK
                lanes[column, j + 1, slot] += over
