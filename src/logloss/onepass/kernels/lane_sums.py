"""Exact sums by slot: every float is an integer in lanes of 32 bits, and a slot has one number in each lane.

The same sums as in `exact`, for many slots of one narrow range: lanes begin and end where the values do, and lie one
after another (structure of arrays), so that a table of sums is carried, merged and read lane by lane.
"""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import as_bits, compiled, inlined
from logloss.onepass.kernels.exact import (
    LANE_BITS,
    LIMB_MASK,
    MAGNITUDE_MASK,
    MAX_ROWS_OF_DEPOSIT,
    cut,
    power_of_two,
    split_float,
)


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
def deposit_runs(values, runs, top, lowest, lanes):
    """Add each value, below 2^top, to the sum of its slot: runs, the (order, starts) of `by_group.order_by_group`.

    Two lanes of 48 bits are added up in registers, as `exact.deposit_below` does; lowest ≤ top − 95. Cost: 1.5 ns each,
    20 a slot.
    """
    order, starts = runs
    # Slot after slot, so that its two sums stay in registers: 48-bit lanes are cut to 32 bits only at its end.
    lane = 47 - top
    up_1, down_1 = power_of_two(lane), power_of_two(-lane)
    up_2, down_2 = power_of_two(lane + LANE_BITS), power_of_two(-lane - LANE_BITS)
    for slot in range(starts.shape[0] - 1):
        for start in range(starts[slot], starts[slot + 1], MAX_ROWS_OF_DEPOSIT):
            rows = order[start : min(start + MAX_ROWS_OF_DEPOSIT, starts[slot + 1])]
            sum_1 = sum_2 = left = 0
            for i in range(rows.shape[0]):
                k_1, x = cut(values[rows[i]], up_1, down_1)
                k_2, x = cut(x, up_2, down_2)
                sum_1 += k_1
                sum_2 += k_2
                left |= as_bits(x) & MAGNITUDE_MASK
            deposit_in_lanes(sum_1, -lane - lowest, slot, lanes)
            deposit_in_lanes(sum_2, -lane - LANE_BITS - lowest, slot, lanes)
            if left == 0:
                continue
            # Computed again and not kept: rests are rare, since two lanes hold 96 bits below the largest value.
            for i in range(rows.shape[0]):
                _, x = cut(values[rows[i]], up_1, down_1)
                _, x = cut(x, up_2, down_2)
                if x != 0.0:
                    k, exponent = split_float(x)
                    deposit_in_lanes(k, exponent - lowest, slot, lanes)
