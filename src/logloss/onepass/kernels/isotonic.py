"""Pools of neighbouring scores: isotonic recalibration, labels drawn at each score, and the null distribution of the
miscalibration."""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import compiled, inlined
from logloss.onepass.kernels.hashing import ODD, mixed
from logloss.onepass.kernels.pointwise import entropy_of

# Halves of 31 bits: their products stay below 2^62, and the sum of the two in the middle below 2^63.
HALF_BITS = 31
HALF_MASK = (1 << HALF_BITS) - 1
LOW_MASK = (1 << (2 * HALF_BITS)) - 1

# Each sweep leaves about half of the places of drawn labels.
N_SWEEPS = 4

# Where the number of ones has a variance above 2^8, fewer rows deviate for all, scaled: the variance is that of all,
# the skewness at most 1/16 instead of less.
MOST_VARIANCE = 256.0
# Numbers of ones that are so much rarer than the most probable one are left out: of 10^6 draws, one is with 10^-5.
LEAST_MASS = 2.0**-40
# How many numbers of ones on either side of the most probable one are more probable than that: for a variance of 2^8
# at most 129, by Bennett's inequality.
REACH = 136
# Cells of [0, 1), powers of two, for two outcomes and for more: the search for that of a uniform number begins at the
# end of its cell, and mostly ends there.
FEW_CELLS, MOST_CELLS = 64, 256
# A uniform number is made of the upper 53 bits of 64.
UNUSED_BITS, UNIT = np.uint64(11), 2.0**-53


@inlined
def long_product(a, b):
    """a·b of integers in [0, 2^62) as (high, low) with a·b = high·2^62 + low."""
    a_high, a_low = a >> HALF_BITS, a & HALF_MASK
    b_high, b_low = b >> HALF_BITS, b & HALF_MASK
    middle = a_high * b_low + a_low * b_high
    low = a_low * b_low + ((middle & HALF_MASK) << HALF_BITS)
    return a_high * b_high + (middle >> HALF_BITS) + (low >> (2 * HALF_BITS)), low & LOW_MASK


@inlined
def is_at_least(a, b, c, d):
    """Whether a / b ≥ c / d, exactly, of integers in [0, 2^62) with b, d > 0."""
    left_high, left_low = long_product(a, d)
    right_high, right_low = long_product(c, b)
    return left_high > right_high or (left_high == right_high and left_low >= right_low)


@compiled
def pool_adjacent_violators(ones, rows):
    """Pool neighbours until the share ones / rows increases: in place; returns how many pools are left at the front.

    Whole numbers below 2^62, every one of `rows` above 0; shares are compared by cross-multiplication, exactly. Equal
    neighbours are pooled. Cost: 5 ns each.
    """
    # The pools so far are a stack of increasing shares, of which only the last can be violated. Each place is put on it
    # once and taken off at most once, hence linear time.
    n_pools = 0
    for i in range(ones.shape[0]):
        pool_ones, pool_rows = ones[i], rows[i]
        while n_pools > 0 and is_at_least(ones[n_pools - 1], rows[n_pools - 1], pool_ones, pool_rows):
            n_pools -= 1
            pool_ones += ones[n_pools]
            pool_rows += rows[n_pools]
        ones[n_pools], rows[n_pools] = pool_ones, pool_rows
        n_pools += 1
    return n_pools


@inlined
def pool_neighbours(ones, rows, n):
    """Pool each of n places with the one before it where the share of ones does not increase between them: in place;
    returns how many are left at the front. Without a branch, so that nothing is predicted wrongly. Cost: 1 ns each."""
    n_pools = 0
    last_ones, last_rows = pool_ones, pool_rows = ones[0], rows[0]
    for i in range(1, n):
        next_ones, next_rows = ones[i], rows[i]
        increases = last_ones * next_rows < next_ones * last_rows
        ones[n_pools], rows[n_pools] = pool_ones, pool_rows
        n_pools += increases
        pool_ones = next_ones if increases else pool_ones + next_ones
        pool_rows = next_rows if increases else pool_rows + next_rows
        last_ones, last_rows = next_ones, next_rows
    ones[n_pools], rows[n_pools] = pool_ones, pool_rows
    return n_pools + 1


@compiled
def pooled_entropy(ones, rows):
    """Σ rows·H(ones / rows) over the pools of increasing share, of floats: in place. Cost: 2 ns each, 5 ns a pool."""
    # Compared as floats: where rounding decides, two shares differ by rounding, and the sum by the square of that.
    n = ones.shape[0]
    # Neighbours that do not increase are in one pool, whatever follows.
    for _ in range(N_SWEEPS if n > 0 else 0):
        n = pool_neighbours(ones, rows, n)
    n_pools = 0
    for i in range(n):
        pool_ones, pool_rows = ones[i], rows[i]
        while n_pools > 0 and ones[n_pools - 1] * pool_rows >= pool_ones * rows[n_pools - 1]:
            n_pools -= 1
            pool_ones += ones[n_pools]
            pool_rows += rows[n_pools]
        ones[n_pools], rows[n_pools] = pool_ones, pool_rows
        n_pools += 1
    # The entropies first, in a loop that vectorises.
    for k in range(n_pools):
        # A share of weights that were added in two orders may pass 1 by rounding.
        ones[k] = rows[k] * entropy_of(min(ones[k] / rows[k], 1.0))
    total = 0.0
    for k in range(n_pools):
        total += ones[k]
    return total


@compiled
def null_distribution_of_all(scores, w, p, if_one, if_zero, observed):
    """Miscalibration over all 2^n labels of n rows, each row a 1 with probability p: (mean, share ≥ observed).

    scores: the number of each row's score, ascending, equal for equal scores; w: weights, which add up
    to 1. A walk over the tree of labels, row by row: what the first rows give is computed once for all labels of the
    others. Cost: 2^n · 30 ns.
    """
    n = p.shape[0]
    # After so many rows: the next label of the row to try, probability and loss of the labels so far, ones and rows of
    # the last score so far, and the uppermost pool.
    label, top = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    probability, loss, ones, rows = np.ones(n + 1), np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1)
    # A pool has the number of its last row, from 1, and the entropy of all pools up to it. Pool 0 has no rows.
    below, pool_ones, pool_rows, entropy = np.zeros(n + 1, np.int64), np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1)
    mean = share = 0.0
    depth = 0
    while depth >= 0:
        if depth == n:
            excess = loss[n] - entropy[top[n]]
            mean += probability[n] * excess
            share += probability[n] if excess >= observed else 0.0
            depth -= 1
            continue
        if label[depth] == 2:
            label[depth] = 0
            depth -= 1
            continue
        is_one, i = label[depth], depth
        label[i] += 1
        reached = probability[i] * (p[i] if is_one else 1.0 - p[i])
        # An outcome of probability 0 has no share in the mean, even where its loss is infinite.
        if reached == 0.0:
            continue
        depth += 1
        probability[depth] = reached
        loss[depth] = loss[i] + w[i] * (if_one[i] if is_one else if_zero[i])
        is_first, is_last = i == 0 or scores[i - 1] != scores[i], depth == n or scores[depth] != scores[i]
        ones[depth] = w[i] * is_one + (0.0 if is_first else ones[i])
        rows[depth] = w[i] + (0.0 if is_first else rows[i])
        under = top[i]
        top[depth] = under
        if is_last:
            of_ones, of_rows = ones[depth], rows[depth]
            while under > 0 and pool_ones[under] * of_rows >= of_ones * pool_rows[under]:
                of_ones += pool_ones[under]
                of_rows += pool_rows[under]
                under = below[under]
            pool_ones[depth], pool_rows[depth], below[depth], top[depth] = of_ones, of_rows, under, depth
            entropy[depth] = entropy[under] + of_rows * entropy_of(min(of_ones / of_rows, 1.0))
    return mean, share


@inlined
def binomial_outcomes(n, p, weight, first, shares, below):
    """The shares of ones among n rows that are 1 with probability p, ascending, and the sum of `weight` times their
    probabilities so far, from place `first` on; returns the place after the last.

    Each probability follows from its neighbour by a quotient of integers. Cost: 4 ns an outcome.
    """
    odds = p / (1.0 - p)
    mode = min(np.floor((n + 1.0) * p), n)
    place, total = first + REACH, 1.0
    mass, k = 1.0, mode
    while k > 0.0 and place > first:
        mass *= k / ((n + 1.0 - k) * odds)
        if not mass > LEAST_MASS:
            break
        k -= 1.0
        place -= 1
        below[place] = mass
        total += mass
    n_below = first + REACH - place
    for j in range(n_below):
        below[first + j] = below[place + j]
    middle = first + n_below
    below[middle] = mass = 1.0
    end, k = middle + 1, mode
    while k < n and end <= middle + REACH:
        mass *= (n - k) * odds / (k + 1.0)
        if not mass > LEAST_MASS:
            break
        k += 1.0
        below[end] = mass
        total += mass
        end += 1
    weight /= total
    so_far = 0.0 if first == 0 else below[first - 1]
    for j in range(first, end):
        so_far += weight * below[j]
        below[j] = so_far
        shares[j] = (mode + (j - middle)) / n
    return end


@inlined
def outcomes_of_run(rows, p, shares, below):
    """The same for a number of rows that need not be whole: rows of unequal weight vary as so many equal ones."""
    variance = p * (1.0 - p)
    n = np.floor(rows)
    if rows * variance > MOST_VARIANCE:
        n = np.floor(MOST_VARIANCE / variance)
        end = binomial_outcomes(n, p, 1.0, 0, shares, below)
        scale = np.sqrt(n / rows)
        for j in range(end):
            shares[j] = p + (shares[j] - p) * scale
        return end
    # Of n or n + 1 rows, so that the mean of 1 / n is 1 / rows.
    above = (n + 1.0) * (rows - n) / rows
    end = binomial_outcomes(n, p, 1.0 - above, 0, shares, below)
    return binomial_outcomes(n + 1.0, p, above, end, shares, below) if above > 0.0 else end


@compiled
def drawn_shares(key, proba, rows, out):
    """Put shares of ones of draws of labels into `out`, shape (n_draws, n_runs): each of the rows of a run is a 1 with
    its probability.

    By inversion of the distribution function, with a uniform number from SplitMix64 for each draw and run. key: uint64.
    Cost: 2 to 3 ns each, and 4 ns for each possible share of a run.
    """
    n_draws = out.shape[0]
    states, uniforms = np.empty(n_draws, np.uint64), np.empty(n_draws)
    for d in range(n_draws):
        states[d] = mixed(key + np.uint64(d) * ODD)
    shares, below = np.empty(4 * REACH + 2), np.empty(4 * REACH + 2)
    cells = np.empty(MOST_CELLS, np.int64)
    for i in range(out.shape[1]):
        end = outcomes_of_run(rows[i], proba[i], shares, below)
        below[end - 1] = np.inf
        j, n_cells = 0, FEW_CELLS if end == 2 else MOST_CELLS
        width = 1.0 / n_cells
        for cell in range(n_cells):
            while below[j] <= cell * width:
                j += 1
            cells[cell] = j
        for d in range(n_draws):
            states[d] += ODD
            uniforms[d] = np.int64(mixed(states[d]) >> UNUSED_BITS) * UNIT
        # A loop of its own: the one above vectorises.
        for d in range(n_draws):
            uniform = uniforms[d]
            j = cells[np.uint64(uniform * n_cells)]
            while below[j] <= uniform:
                j += 1
            out[d, i] = shares[j]


@compiled
def miscalibrations(shares, mass, if_zero, if_one, out):
    """Put the loss of shares of ones, shape (n_draws, n_runs), less that after isotonic recalibration into `out`.

    mass: of each run; if_zero, if_one: loss of a row of 0 and of 1 there. Cost: 3 to 13 ns each.
    """
    ones, rows = np.empty(mass.shape[0]), np.empty(mass.shape[0])
    for d in range(shares.shape[0]):
        loss = 0.0
        for i in range(mass.shape[0]):
            ones[i] = shares[d, i] * mass[i]
            rows[i] = mass[i]
            loss += (rows[i] - ones[i]) * if_zero[i] + ones[i] * if_one[i]
        # Recalibration never increases the loss: below 0 is rounding.
        out[d] = max(loss - pooled_entropy(ones, rows), 0.0)
