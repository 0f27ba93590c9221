"""Where a forecast is placed: its key in the exact table of scores, its bin, and how rows are counted there.

    u   the smaller of P(1) and P(0): exact, since 1 − p has no rounding for p ≥ ½
    key an integer that grows with the score: the bits of u below ½, mirrored above; the bits of a logit, signed

Bins of a probability: one for u = 0, one for each power of two below 2^-32, and 2^11 for each power of two from there
to ½, on both sides: their width in logits is 2^-11 to 2^-10.4. Bins of a logit: 2^-11 wide below 16, one for each power
of two beyond, one for each infinity. Edges are constants and rows are placed by their bits: nothing is rounded.
"""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import as_bits, as_float, compiled, inlined
from logloss.onepass.kernels.products import SLICE, part_of

BITS_OF_HALF = 0x3FE0000000000000
# The key of P(1) = 1: keys of u on the far side are counted down from here.
KEY_OF_ONE = 2 * BITS_OF_HALF
SIGNLESS = 0x7FFFFFFFFFFFFFFF
NO_KEY = -(1 << 63)
# More keys than a table of 32-bit numbers can hold.
NO_LIMIT = (1 << 31) - 1

# Fine bins begin at 2^-32 (biased exponent 991) and differ in the first 11 bits after the leading one.
FINE_SHIFT = 41
FIRST_FINE = 991 << 11
N_COARSE = 992
# u = ½ is the last one of the near side.
N_SIDE = N_COARSE + (31 << 11) + 1
N_PROBA_BINS = 2 * N_SIDE
# Bins of logits: 2^15 on each side of 0, then biased exponents 1027 (16) to 2046, then infinity.
N_NEAR = 1 << 15
N_FAR = 2046 - 1027 + 2
N_LOGIT_BINS = 2 * (N_NEAR + N_FAR)
# Where in its bin a row lies, in units of 2^-16 of the bin; with the count of rows in one word: 2^23 rows of it fit.
OFFSET_BITS = 16
OFFSET_MASK = (1 << OFFSET_BITS) - 1
SHIFT_OF_WORD, MASK_OF_WORD = np.uint64(OFFSET_BITS), np.uint64(OFFSET_MASK)
COUNT_SHIFT = 39
PACKED_MASK = (1 << COUNT_SHIFT) - 1
MAX_PACKED_ROWS = 1 << 23
# Two odd numbers below 2^31, from the golden ratio and from the square root of 2.
HALF_MASK, MIXER, OTHER_MIXER = (1 << 31) - 1, 1327217885, 1518500249


@inlined
def key_of_proba(one, zero, is_near):
    """The key of P(1), which is near 0 or near 1; P(0) may be a column of its own."""
    # −0.0 is 0; the far side of a pair may reach ½ from a sum a little off 1.
    return max(as_bits(one), 0) if is_near else KEY_OF_ONE - as_bits(zero)


@inlined
def key_of_logit(z):
    """The key of a logit; −0.0 is 0."""
    bits = as_bits(z)
    size = bits & SIGNLESS
    return -size if bits < 0 else size


@compiled
def keys_of_proba(p, q, keys):
    """The key of each probability. Cost: 0.3 ns a row."""
    for i in range(p.shape[0]):
        one = np.float64(p[i])
        zero = 1.0 - one if q is None else np.float64(q[i])
        keys[i] = key_of_proba(one, zero, one <= 0.5 if q is None else one <= zero)


@compiled
def keys_of_logit(z, keys):
    """The key of each logit. Cost: 0.3 ns a row."""
    for i in range(z.shape[0]):
        keys[i] = key_of_logit(np.float64(z[i]))


@inlined
def bin_of_proba_key(key):
    """The bin of a key of a probability, and where in it the row lies."""
    is_far = key > BITS_OF_HALF
    u = KEY_OF_ONE - key if is_far else key
    fine = (u >> FINE_SHIFT) - FIRST_FINE
    coarse = (u >> 52) + 1
    place = N_COARSE + fine if fine >= 0 else (0 if u == 0 else coarse)
    within = (u >> (FINE_SHIFT - OFFSET_BITS)) if fine >= 0 else (u >> (52 - OFFSET_BITS))
    return N_PROBA_BINS - 1 - place if is_far else place, within & OFFSET_MASK


@inlined
def bin_of_logit_key(key):
    """The bin of a key of a logit, and where in it the row lies."""
    size = abs(key)
    z = as_float(size)
    z = -z if key < 0 else z
    far = (size >> 52) - 1027
    is_far = far >= 0
    steps = np.floor((0.0 if is_far else z) * 2048.0)
    place = np.int64(steps)
    # A little below an edge, the difference rounds to 1.
    inside = min(np.int64(((0.0 if is_far else z) * 2048.0 - steps) * (OFFSET_MASK + 1.0)), OFFSET_MASK)
    beyond = N_NEAR + far
    beyond = -1 - beyond if key < 0 else beyond
    within = (size >> (52 - OFFSET_BITS)) & OFFSET_MASK if is_far else inside
    return N_NEAR + N_FAR + (beyond if is_far else place), within


@compiled
def bins_of_proba_keys(keys, bins, offsets):
    """The bin of each key of a probability, and where in it the row lies. Cost: 0.5 ns a row."""
    for i in range(keys.shape[0]):
        bins[i], offsets[i] = bin_of_proba_key(keys[i])


@compiled
def bins_of_logit_keys(keys, bins, offsets):
    """The bin of each key of a logit, and where in it the row lies. Cost: 0.7 ns a row."""
    for i in range(keys.shape[0]):
        bins[i], offsets[i] = bin_of_logit_key(keys[i])


@compiled
def tally_bins(y, bins, offsets, packed):
    """Count rows by bin and label: a count and the sum of offsets in one word. Cost: 1 ns a row."""
    for i in range(y.shape[0]):
        # As an unsigned number: an index that may be negative costs a test.
        packed[np.uint64(2 * np.int64(bins[i]) + y[i])] += (1 << COUNT_SHIFT) + np.int64(offsets[i])


@compiled
def unpack(packed, counts):
    """Move packed counts to (rows of 0, rows of 1, their offsets) of each bin. Cost: 1 ns a bin."""
    for k in range(counts.shape[0]):
        zeros, ones = packed[2 * k], packed[2 * k + 1]
        if zeros | ones:
            counts[k, 0] += zeros >> COUNT_SHIFT
            counts[k, 1] += ones >> COUNT_SHIFT
            counts[k, 2] += zeros & PACKED_MASK
            counts[k, 3] += ones & PACKED_MASK
            packed[2 * k] = packed[2 * k + 1] = 0


@compiled
def tally_forecasts(y, p, q, z, packed, all_bins):
    """The same from the forecasts themselves, slice by slice; all_bins: room for the bin of each row, or None. Cost:
    1.3 ns a row."""
    # 2·bin + label, then the offset, in one word: what the second loop reads is computed eight rows at a time.
    words = np.empty(SLICE, np.uint64)
    for start in range(0, y.shape[0], SLICE):
        stop = min(start + SLICE, y.shape[0])
        labels, ones = y[start:stop], p[start:stop]
        zeros, logits, own_bins = part_of(q, start, stop), part_of(z, start, stop), part_of(all_bins, start, stop)
        for i in range(stop - start):
            if z is not None:
                found, within = bin_of_logit_key(key_of_logit(np.float64(logits[i])))
            else:
                one = np.float64(ones[i])
                zero = 1.0 - one if q is None else np.float64(zeros[i])
                key = key_of_proba(one, zero, one <= 0.5 if q is None else one <= zero)
                found, within = bin_of_proba_key(key)
            if all_bins is not None:
                own_bins[i] = found
            words[i] = ((2 * found + np.int64(labels[i])) << OFFSET_BITS) | within
        for i in range(stop - start):
            word = words[i]
            packed[word >> SHIFT_OF_WORD] += (1 << COUNT_SHIFT) + np.int64(word & MASK_OF_WORD)


@compiled
def tally_slots(y, slots, n, rows):
    """Count rows by slot and label; n: how many times each row stands, or None. Cost: 1 ns a row."""
    for i in range(y.shape[0]):
        rows[np.uint64(slots[i]), y[i]] += 1 if n is None else n[i]


@compiled
def tally_offsets(y, slots, offsets, n, sums):
    """Add up the offsets of rows that stand n times. Cost: 2 ns a row."""
    for i in range(y.shape[0]):
        sums[np.int64(slots[i]), y[i]] += n[i] * offsets[i]


@compiled
def tally_cells(y, bins, g, shift, n_coarse, rows):
    """Count rows by group, coarse bin and label: rows, in one dimension, has n_coarse places of two labels for each
    group. Cost: 1 ns a row, 3 where they are too many for the caches."""
    for i in range(y.shape[0]):
        place = np.int64(g[i]) * n_coarse + (np.int64(bins[i]) >> shift)
        # Without a sign, so that no index is tested for one.
        rows[np.uint64(2 * place + y[i])] += np.int32(1)


@inlined
def place_of(key):
    """Where an open table looks for a key first: two products of 31 bits by 31 bits, of which nothing overflows."""
    mixed = ((key & HALF_MASK) * MIXER) ^ (((key >> 31) & HALF_MASK) * OTHER_MIXER)
    return (mixed >> 27) ^ mixed


@compiled
def least_distinct(keys, seen):
    """How many distinct keys there are at least: the places of an empty table of bits, 64 in a word, that they take.

    Cost: 1 ns a key, where numbering keys that are all new costs 50.
    """
    n_taken = 0
    mask = 64 * seen.shape[0] - 1
    for i in range(keys.shape[0]):
        place = place_of(keys[i]) & mask
        word = seen[place >> 6]
        bit = np.int64(1) << (place & 63)
        n_taken += (word & bit) == 0
        seen[place >> 6] = word | bit
    return n_taken


@compiled
def find_places(keys, known, numbers, n_known, limit, places, missed):
    """Where each of at most SLICE keys stands in an open table; new ones enter it, with the next number. Returns (keys
    done, keys known).

    Stops before a key for which there is no room (limit keys, or half of the table). numbers: of each place, or None;
    places: of each key; missed: room for one more than SLICE.
    """
    mask = known.shape[0] - 1
    most = min(limit, known.shape[0] // 2)
    # Most keys stand where they are looked for first: those are found without a branch, and the others one by one.
    for i in range(keys.shape[0]):
        places[i] = place_of(keys[i]) & mask
    n_missed = 0
    for i in range(keys.shape[0]):
        missed[n_missed] = i
        n_missed += known[np.uint64(places[i])] != keys[i]
    for j in range(n_missed):
        key, place = keys[missed[j]], places[missed[j]]
        while known[place] != key:
            if known[place] == NO_KEY:
                if n_known == most:
                    return missed[j], n_known
                known[place] = key
                if numbers is not None:
                    numbers[place] = n_known
                n_known += 1
            else:
                place = (place + 1) & mask
        places[missed[j]] = place
    return keys.shape[0], n_known


@compiled
def number_keys(keys, known, numbers, found, n_known, limit):
    """Number each key: as an equal one before it, or the next number. Returns (keys done, numbers given).

    known, numbers: an open table of a power of two of places, NO_KEY where one is free; found: the number of each key.
    Stops before a key for which there is no room (limit numbers, or half of the table). Cost: 1 to 3 ns a key, 50 of
    one that is new.
    """
    places, missed = np.empty(SLICE, np.int64), np.empty(SLICE + 1, np.int64)
    for start in range(0, keys.shape[0], SLICE):
        own, out = keys[start : start + SLICE], found[start : start + SLICE]
        n_done, n_known = find_places(own, known, numbers, n_known, limit, places, missed)
        for i in range(n_done):
            out[i] = numbers[np.uint64(places[i])]
        if n_done < own.shape[0]:
            return start + n_done, n_known
    return keys.shape[0], n_known
