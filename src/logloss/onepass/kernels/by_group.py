"""Rows by group: sorted by the number of their group, and the sums of each.

g  the number of each row's group     order  row numbers, group after group     starts  where each group begins
    a, b  codes of two categories         c  weight of each row                      x  numbers of each row
"""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import as_bits, compiled
from logloss.onepass.kernels.exact import deposit_below
from logloss.onepass.kernels.losses import probability_of
from logloss.onepass.kernels.pointwise import INFINITY
from logloss.onepass.kernels.products import SLICE, STRIDE, deposit_columns, powers

# Losses, their squares and cubes in two halves each, probabilities.
N_GROUPED = 6
# What is smaller counts as 0 in the sums of a group: its square and cube, or the value itself, would leave short sums.
LEAST_POWERED = 2.0**-49
LEAST_GROUPED = 2.0**-267
# No probability costs as much; rows with log-odds beyond it are summed as rows with weights are.
GREATEST_POWERED = 2.0**80


@compiled
def order_by_group(g, starts, order):
    """Sort rows by group, keeping their order in each: starts has one place more than there are groups. 2 ns a row."""
    # A counting sort: it knows how many groups there are, and keeps the order of equal keys.
    starts[:] = 0
    for i in range(g.shape[0]):
        starts[g[i] + 1] += 1
    for k in range(1, starts.shape[0]):
        starts[k] += starts[k - 1]
    for i in range(g.shape[0]):
        order[starts[g[i]]] = i
        starts[g[i]] += 1
    # Each start has moved on to the end of its group, which is where the next one began.
    for k in range(starts.shape[0] - 1, 0, -1):
        starts[k] = starts[k - 1]
    starts[0] = 0


@compiled
def grouped_sums(y, costs, p, z, n, runs, limbs, tallies):
    """The sums of each group's rows with hard labels, into limbs[group]: loss, its square, its cube, probability.

    costs: the loss of each row; runs: (order, starts) of `order_by_group`. Infinite losses enter no sum;
    tallies[group]: rows, rows of 1, rows of infinite loss. Cost: 6 ns a row, 300 a group.
    """
    order, starts = runs
    labels, losses = np.empty(SLICE, np.uint8), np.empty(SLICE)
    ones = np.empty(SLICE)
    counts = np.empty(SLICE, np.int64)
    scratch = np.empty(N_GROUPED * STRIDE)
    for group in range(starts.shape[0] - 1):
        for start in range(starts[group], starts[group + 1], SLICE):
            length = min(SLICE, starts[group + 1] - start)
            rows = order[start : start + length]
            # Gathered first: the loops over a slice then read neighbours, and vectorise.
            for i in range(length):
                row = np.uint64(rows[i])
                labels[i] = y[row]
                losses[i] = costs[row]
                ones[i] = p[row]
            n_positive = n_infinite = 0
            most = 0.0
            for i in range(length):
                is_infinite = losses[i] == INFINITY
                n_positive += labels[i]
                n_infinite += is_infinite
                c = 0.0 if is_infinite | (losses[i] < LEAST_GROUPED) else losses[i]
                most = max(most, c)
                one = probability_of(ones[i]) if z is not None else ones[i]
                square, square_low, cube, cube_low = powers(0.0 if c < LEAST_POWERED else c)
                scratch[i] = c
                scratch[STRIDE + i] = square
                scratch[2 * STRIDE + i] = square_low
                scratch[3 * STRIDE + i] = cube
                scratch[4 * STRIDE + i] = cube_low
                scratch[5 * STRIDE + i] = 0.0 if one < LEAST_GROUPED else one
            if n is None:
                tallies[group, 0] += length
                tallies[group, 1] += n_positive
                tallies[group, 2] += n_infinite
            else:
                for i in range(length):
                    counts[i] = n[rows[i]]
                    tallies[group, 0] += counts[i]
                    tallies[group, 1] += counts[i] * labels[i]
                    tallies[group, 2] += counts[i] if losses[i] == INFINITY else 0
            # A biased exponent of e means: below 2^(e − 1022). Squares and cubes are below two and three times that
            # power, what rounding took from them lies at least 50 bits lower, and probabilities are at most 1.
            top = (as_bits(most) >> 52) - 1022
            tops = (top, 2 * top, 2 * top - 50, 3 * top, 3 * top - 50, 1)
            for k in range(N_GROUPED):
                # The halves of a square go to one sum, and those of a cube.
                column, of_sum = scratch[k * STRIDE :], (k + 1) // 2
                if n is None:
                    if most > 0.0 or k == N_GROUPED - 1:
                        deposit_below(column[:length], tops[k], limbs[group, of_sum])
                else:
                    deposit_columns(column, 1, length, counts, 0, limbs[group, of_sum:])


@compiled
def tally_losses(y, losses, n, g, tallies):
    """Count the rows of each group, those of 1 and those of infinite loss, into tallies[group]. Cost: 1.5 ns a row."""
    for i in range(y.shape[0]):
        count = 1 if n is None else n[i]
        group = np.int64(g[i])
        tallies[group, 0] += count
        tallies[group, 1] += count * y[i]
        tallies[group, 2] += count if losses[i] == INFINITY else 0


@compiled
def segment_sums(a, c, x, out):
    """out[a_i, j] += c_i x_ij. Cost: O(n_rows · n_columns)."""
    # Floating, and in the order of the rows: a block is folded by one worker, parts are merged in their order.
    for i in range(a.shape[0]):
        code = a[i]
        weight = c[i]
        for j in range(x.shape[1]):
            out[code, j] += weight * x[i, j]


@compiled
def level_sums(a, r, c, t, out):
    """out[a_i] += (r_i, c_i, |r_i|, c_i t_i). Cost: O(n_rows)."""
    for i in range(a.shape[0]):
        code = a[i]
        out[code, 0] += r[i]
        out[code, 1] += c[i]
        out[code, 2] += abs(r[i])
        out[code, 3] += c[i] * t[i]


@compiled
def add_levels(a, x, out):
    """out_ij += x[a_i, j]. Cost: O(n_rows · n_columns)."""
    for i in range(a.shape[0]):
        code = a[i]
        for j in range(x.shape[1]):
            out[i, j] += x[code, j]


@compiled
def cross_tab(a, b, c, out):
    """out[a_i, b_i] += c_i. Cost: O(n_rows)."""
    for i in range(a.shape[0]):
        out[a[i], b[i]] += c[i]


@compiled
def product_sums(a, c, x, out):
    """out[a_i, j(j + 1)/2 + k] += c_i x_ij x_ik for k ≤ j. Cost: O(n_rows · n_columns² / 2), less where x is 0."""
    for i in range(a.shape[0]):
        own = out[a[i]]
        start = 0
        for j in range(x.shape[1]):
            scaled = c[i] * x[i, j]
            # Levels of categories are spread out into zeros.
            if scaled != 0.0:
                for k in range(j + 1):
                    own[start + k] += scaled * x[i, k]
            start += j + 1
