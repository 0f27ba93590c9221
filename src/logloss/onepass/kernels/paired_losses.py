"""The kernels of two forecasts of one block: losses of the same rows, and their differences.

    a, b  losses of the two forecasts, in nats, ≥ 0, infinite where the observed class has p = 0     d  a − b
    r, s  their logits: given both, d takes one of two values, |r − s| apart
    w     weights, finite and > 0                n  counts ≥ 0 (int64): the row stands n times; or None

Rows of infinite loss of one of the two enter no sum and are counted; so are rows whose range |r − s| is infinite.
"""

from __future__ import annotations

import math

import numpy as np

from logloss.onepass.kernels.compiled import compiled, inlined
from logloss.onepass.kernels.counted_losses import keep_largest
from logloss.onepass.kernels.exact import carry, deposit_times
from logloss.onepass.kernels.losses import soft_cost
from logloss.onepass.kernels.pointwise import INFINITY, softplus_pair, surprisal_of_one, surprisal_of_zero
from logloss.onepass.kernels.products import (
    SLICE,
    STRIDE,
    deposit_columns,
    deposit_powers,
    is_plain,
    is_safe,
    part_of,
    powers,
    product,
    times,
)
from logloss.onepass.kernels.score_keys import find_places

# Bits of the bin of the second forecast in the key of a pair of bins.
BIN_BITS = 20
# Columns of hard rows: d, d² and d³ in two halves each, (r − s)².
N_CONTRAST = 6
# Columns of weighted rows: c = w·d; c·w, c², c·w², c²·w, c³ in two halves each; (w·(r − s))².
N_WEIGHTED_CONTRAST = 12
# The weight, its square and its cube, in two halves, of the rows that are left out.
N_WEIGHTED_LIMBS = N_WEIGHTED_CONTRAST + 5
# Tallies: rows whose two losses are finite; infinite of the first only, the second only, both; of infinite range.
N_TALLIES = 5


@compiled
def losses_and_logits(y, p, q, z, losses, logits, sides):
    """What each row cost, and the logit of its forecast: −log P(0) + log P(1); sides: room for its cost if the
    outcome is 1, and if it is 0, shape (2, n_rows), or None. Cost: 2 ns a row, 4 from logits."""
    for i in range(y.shape[0]):
        if z is not None:
            logit = np.float64(z[i])
            if_one, if_zero = softplus_pair(logit)
        else:
            one = np.float64(p[i])
            if_one = surprisal_of_one(one)
            if_zero = surprisal_of_zero(one) if q is None else surprisal_of_one(np.float64(q[i]))
            # −log(1−p) + log p from the two costs: right to three roundings also where p or 1 − p is tiny.
            logit = if_zero - if_one
        losses[i] = soft_cost(np.float64(y[i]), if_one, if_zero)
        logits[i] = logit
        if sides is not None:
            sides[0, i], sides[1, i] = if_one, if_zero


@inlined
def difference(a, b):
    """a − b of losses, 0 where one of them is infinite."""
    return 0.0 if (a == INFINITY) | (b == INFINITY) else a - b


@inlined
def range_of(r, s):
    """|r − s|, 0 where the two are the same infinity."""
    return 0.0 if r == s else abs(r - s)


@compiled
def gaps(a, b, out):
    """How far two losses are apart, 0 where one of them is infinite. Cost: 0.3 ns a row."""
    for i in range(a.shape[0]):
        out[i] = abs(difference(a[i], b[i]))


@inlined
def less(x, y):
    """x − y, 0 where the two are the same infinity."""
    return 0.0 if x == y else x - y


@compiled
def bounds(first, second, below, above, is_out):
    """How far below 0, and above 0, the first forecast's loss less the second's can be; is_out: that has no bound, and
    both are 0.

    first, second: what each costs if the outcome is 1, and if it is 0, shape (2, n_rows). 0 lies between the two
    differences, though rounding, and P(0) from a column of its own, may put both on one side of it by a little. Cost:
    1 ns a row.
    """
    for i in range(below.shape[0]):
        if_one, if_zero = less(first[0, i], second[0, i]), less(first[1, i], second[1, i])
        low = max(-min(if_one, if_zero), 0.0)
        high = max(max(if_one, if_zero), 0.0)
        out = low + high == INFINITY
        is_out[i] = out
        below[i] = 0.0 if out else low
        above[i] = 0.0 if out else high


@compiled
def keep_furthest(a, b, least, kept):
    """Keep the rows of the largest differences of losses, one infinite one among them; returns how many.

    kept: as of `counted_losses.keep_largest`; those of 0 may be among them. Cost: 0.4 ns a row.
    """
    far = np.empty(SLICE)
    n_kept = 0
    for start in range(0, a.shape[0], SLICE):
        stop = min(start + SLICE, a.shape[0])
        first, second = a[start:stop], b[start:stop]
        most = 0.0
        for i in range(stop - start):
            most = max(most, abs(less(first[i], second[i])))
        # Once the list is full, few slices hold a row for it.
        if most > 0.0 and most >= least:
            for i in range(stop - start):
                far[i] = abs(less(first[i], second[i]))
            n_kept, least = keep_largest(far[: stop - start], start, least, n_kept, kept)
    return n_kept


@compiled
def tally_pairs(y, first, second, shift, n, known, rows, n_known, limit):
    """Count rows by label under the pair of their bins, both made coarse by `shift` bits. Returns (rows done, pairs).

    known, rows: an open table of a power of two of places, NO_KEY where one is free, and the counts of each place.
    Stops before a pair for which there is no room (limit pairs, or half of the table). Cost: 2 to 5 ns a row.
    """
    keys, places, missed = np.empty(SLICE, np.int64), np.empty(SLICE, np.int64), np.empty(SLICE + 1, np.int64)
    for start in range(0, y.shape[0], SLICE):
        stop = min(start + SLICE, y.shape[0])
        labels, left, right, counts = y[start:stop], first[start:stop], second[start:stop], part_of(n, start, stop)
        own = keys[: stop - start]
        for i in range(stop - start):
            own[i] = (np.int64(left[i]) >> shift) << BIN_BITS | (np.int64(right[i]) >> shift)
        n_done, n_known = find_places(own, known, None, n_known, limit, places, missed)
        for i in range(n_done):
            rows[np.uint64(places[i]), labels[i]] += 1 if n is None else counts[i]
        if n_done < stop - start:
            return start + n_done, n_known
    return y.shape[0], n_known


@compiled
def count_contrast(a, b, r, s, n, start, tally):
    """Count the rows of a slice by what is infinite of them. Cost: 1 ns a row."""
    # A loop of its own: in that of the sums its branches would keep the arithmetic from vectorising.
    for i in range(a.shape[0]):
        count = 1 if n is None else n[start + i]
        first, second = a[i] == INFINITY, b[i] == INFINITY
        tally[0] += 0 if first | second else count
        tally[1] += count if first & (not second) else 0
        tally[2] += count if second & (not first) else 0
        tally[3] += count if first & second else 0
        tally[4] += count if range_of(r[i], s[i]) == INFINITY else 0


@compiled
def contrast_sums(a, b, r, s, n, limbs, tally):
    """Σ d, Σ d², Σ d³ and Σ (r − s)² of rows with hard labels and no weights, N_CONTRAST columns. Cost: 4 ns a row."""
    scratch = np.empty(N_CONTRAST * STRIDE)
    for start in range(0, a.shape[0], SLICE):
        stop = min(start + SLICE, a.shape[0])
        length = stop - start
        first, second, left, right = a[start:stop], b[start:stop], r[start:stop], s[start:stop]
        special = infinite = 0
        for i in range(length):
            d = difference(first[i], second[i])
            spread = range_of(left[i], right[i])
            d_is_safe = is_safe(abs(d))
            spread_is_safe = is_safe(spread)
            special |= not (d_is_safe & spread_is_safe)
            infinite |= (first[i] == INFINITY) | (second[i] == INFINITY)
            # Cubes are signed and may cancel: their sum is right to 2^-105 of the sum of their sizes. (d before the
            # spread: in the other order the compiled loop takes 1.6 times as long.)
            x = d if d_is_safe else 0.0
            far = spread if spread_is_safe else 0.0
            square, square_low, cube, cube_low = powers(x)
            scratch[i] = d
            scratch[STRIDE + i] = square
            scratch[2 * STRIDE + i] = square_low
            scratch[3 * STRIDE + i] = cube
            scratch[4 * STRIDE + i] = cube_low
            scratch[5 * STRIDE + i] = far * far
        # An infinite range is not safe: without either all rows are of one kind.
        if special or infinite or n is not None:
            count_contrast(first, second, left, right, n, start, tally)
        else:
            tally[0] += length
        if special:
            for i in range(length):
                count = 1 if n is None else n[start + i]
                d = difference(first[i], second[i])
                if not is_safe(abs(d)):
                    deposit_powers(d, count, limbs)
                deposit_range(1.0, range_of(left[i], right[i]), False, count, limbs[5])
        deposit_columns(scratch, N_CONTRAST, length, n, start, limbs)
    carry(limbs)


@compiled
def deposit_range(w, spread, always, count, limbs):
    """(w·|r − s|)² of a row whose factors cannot be squared as they stand (or `always`), unless it is infinite."""
    if spread < INFINITY and (always or not is_safe(spread)):
        weight, of_weight = math.frexp(w)
        x, exponent = math.frexp(spread)
        x *= weight
        deposit_times(x * x, 2 * (exponent + of_weight), count, limbs)


@inlined
def weigh(w, d, spread, column, scratch):
    """Write what one row contributes: c = w·d and its products with the weight and itself, (w·|r − s|)²."""
    c = w * d
    ww, ww_low = product(w, w)
    cc, cc_low = product(c, c)
    scratch[column] = c
    scratch[column + STRIDE], scratch[column + 2 * STRIDE] = product(c, w)
    scratch[column + 3 * STRIDE] = cc
    scratch[column + 4 * STRIDE] = cc_low
    scratch[column + 5 * STRIDE], scratch[column + 6 * STRIDE] = times(ww, ww_low, c)
    scratch[column + 7 * STRIDE], scratch[column + 8 * STRIDE] = times(cc, cc_low, w)
    scratch[column + 9 * STRIDE], scratch[column + 10 * STRIDE] = times(cc, cc_low, c)
    # The range enters a bound only: one float of it is enough.
    far = w * spread
    scratch[column + 11 * STRIDE] = far * far


# Powers of weight and difference in each column of `weigh` but the last.
WEIGHTED_POWERS = np.array([(1, 1), (2, 1), (2, 1), (2, 2), (2, 2), (3, 1), (3, 1), (3, 2), (3, 2), (3, 3), (3, 3)])


@compiled
def weighted_contrast_sums(a, b, r, s, w, n, limbs, tally):
    """The same sums of rows with weights (or soft labels): N_WEIGHTED_CONTRAST columns, and of the rows of infinite
    loss w, w² and w³ in the limbs after them. Cost: 10 ns a row, 300 where a value is extreme."""
    scratch = np.empty(N_WEIGHTED_CONTRAST * STRIDE)
    spare = np.empty(N_WEIGHTED_CONTRAST * STRIDE)
    for start in range(0, a.shape[0], SLICE):
        stop = min(start + SLICE, a.shape[0])
        length = stop - start
        first, second, left, right = a[start:stop], b[start:stop], r[start:stop], s[start:stop]
        weights = w[start:stop]
        count_contrast(first, second, left, right, n, start, tally)
        special = 0
        for i in range(length):
            d = difference(first[i], second[i])
            spread = range_of(left[i], right[i])
            plain = is_plain(weights[i]) & is_safe(abs(d)) & is_safe(spread)
            special |= (not plain) | (first[i] == INFINITY) | (second[i] == INFINITY)
            weigh(weights[i] if plain else 0.0, d if plain else 0.0, spread if plain else 0.0, i, scratch)
        if special:
            for i in range(length):
                count = 1 if n is None else n[start + i]
                d = difference(first[i], second[i])
                spread = range_of(left[i], right[i])
                if (first[i] == INFINITY) | (second[i] == INFINITY):
                    deposit_left_out(weights[i], count, limbs)
                if is_plain(weights[i]) & is_safe(abs(d)) & is_safe(spread):
                    continue
                # Between ½ and 1 everything can be multiplied; what was split off is added to the exponent at the end.
                weight, of_weight = math.frexp(weights[i])
                x, of_d = math.frexp(d)
                weigh(weight, x, 0.0, i, spare)
                for k in range(N_WEIGHTED_CONTRAST - 1):
                    shift = WEIGHTED_POWERS[k, 0] * of_weight + WEIGHTED_POWERS[k, 1] * of_d
                    deposit_times(spare[k * STRIDE + i], shift, count, limbs[k])
                deposit_range(weights[i], spread, True, count, limbs[N_WEIGHTED_CONTRAST - 1])
        deposit_columns(scratch, N_WEIGHTED_CONTRAST, length, n, start, limbs)
    carry(limbs)


@compiled
def deposit_left_out(w, count, limbs):
    """w, w² and w³ of a row that enters no other sum."""
    weight, exponent = math.frexp(w)
    ww, ww_low = product(weight, weight)
    www, www_low = times(ww, ww_low, weight)
    # Subtracted from the sums of all rows when figures are made, so that those of the rest are exact.
    at = N_WEIGHTED_CONTRAST
    deposit_times(weight, exponent, count, limbs[at])
    deposit_times(ww, 2 * exponent, count, limbs[at + 1])
    deposit_times(ww_low, 2 * exponent, count, limbs[at + 2])
    deposit_times(www, 3 * exponent, count, limbs[at + 3])
    deposit_times(www_low, 3 * exponent, count, limbs[at + 4])
