"""Pools of neighbouring scores: isotonic recalibration, and the null distribution of the miscalibration."""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import compiled, inlined
from logloss.onepass.kernels.pointwise import entropy_of

# Halves of 31 bits: their products stay below 2^62, and the sum of the two in the middle below 2^63.
HALF_BITS = 31
HALF_MASK = (1 << HALF_BITS) - 1
LOW_MASK = (1 << (2 * HALF_BITS)) - 1


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


@compiled
def pooled_entropy(ones, rows):
    """Σ rows·H(ones / rows) over the pools of increasing share, of floats: in place. Cost: 5 ns each, 10 ns a pool."""
    # Compared as floats: where rounding decides, two shares differ by rounding, and the sum by the square of that.
    n_pools = 0
    for i in range(ones.shape[0]):
        pool_ones, pool_rows = ones[i], rows[i]
        while n_pools > 0 and ones[n_pools - 1] * pool_rows >= pool_ones * rows[n_pools - 1]:
            n_pools -= 1
            pool_ones += ones[n_pools]
            pool_rows += rows[n_pools]
        ones[n_pools], rows[n_pools] = pool_ones, pool_rows
        n_pools += 1
    total = 0.0
    for k in range(n_pools):
        # A share of weights that were added in two orders may pass 1 by rounding.
        total += rows[k] * entropy_of(min(ones[k] / rows[k], 1.0))
    return total


@compiled
def null_distribution_of_all(scores, w, p, if_one, if_zero, observed):
    """Miscalibration over all 2^n labels of n rows, each row a 1 with probability p: (mean, share ≥ observed).

    scores: the number of each row's score, ascending, equal for equal scores; w: weights, which add up
    to 1. Cost: 2^n · n · 10 ns.
    """
    n = p.shape[0]
    n_scores = scores[n - 1] + 1
    ones, rows = np.empty(n_scores), np.empty(n_scores)
    mean = share = 0.0
    for number in range(1 << n):
        probability = 1.0
        loss = 0.0
        for j in range(n_scores):
            ones[j] = rows[j] = 0.0
        for i in range(n):
            is_one = (number >> i) & 1
            probability *= p[i] if is_one else 1.0 - p[i]
            # An outcome of probability 0 has no share in the mean, even where its loss is infinite.
            if probability == 0.0:
                break
            loss += w[i] * (if_one[i] if is_one else if_zero[i])
            rows[scores[i]] += w[i]
            ones[scores[i]] += w[i] * is_one
        if probability > 0.0:
            excess = loss - pooled_entropy(ones, rows)
            mean += probability * excess
            share += probability if excess >= observed else 0.0
    return mean, share
