"""The fits of a small table without each of its rows, by Newton's method with one Hessian, four fits at a time.

x  rows as columns, one after the other, each of `stride` values, the last of them 0; BLOCK columns or a multiple
shift  from the fit to all rows to that without row i, in the solver's coordinates
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from logloss.onepass.kernels.compiled import compiled, fma, inlined
from logloss.onepass.kernels.vectors import BLOCK, block_of_products

# Steps end where so many times what the last one leaves is small enough.
CAUTION = 100.0
# Below it e^d − 1 is its series, to 2e-17 of itself; beyond the other no probability changes any more.
SMALL, LARGEST_MOVE = 0.25, 700.0

_four_by_four = block_of_products(BLOCK, BLOCK)


class AllRows(NamedTuple):
    """The fit to all rows: their columns; σ(z), σ(−z) and curvature of each; its weight times count, and its weight.

    inverse: of the Hessian. reached: it times each row, shape (n_rows, width). left: 1 − the leverage of each row.
    slope: the gradient of the objective, 0 but for rounding. residuals: σ(z) − label.
    """

    x: Any
    stride: int
    ones: Any
    zeros: Any
    curvatures: Any
    masses: Any
    weights: Any
    residuals: Any
    inverse: Any
    reached: Any
    left: Any
    penalty: Any
    slope: Any


@inlined
def _series(d):
    """e^d − 1 for |d| ≤ SMALL."""
    total = 1.0 / 479001600.0
    total = fma(total, d, 1.0 / 39916800.0)
    total = fma(total, d, 1.0 / 3628800.0)
    total = fma(total, d, 1.0 / 362880.0)
    total = fma(total, d, 1.0 / 40320.0)
    total = fma(total, d, 1.0 / 5040.0)
    total = fma(total, d, 1.0 / 720.0)
    total = fma(total, d, 1.0 / 120.0)
    total = fma(total, d, 1.0 / 24.0)
    total = fma(total, d, 1.0 / 6.0)
    total = fma(total, d, 0.5)
    total = fma(total, d, 1.0)
    return total * d


@inlined
def _moved(grown, one, zero, curvature):
    """σ(z + d) − σ(z), given e^d − 1: without cancellation."""
    return curvature * grown / (zero + one * (1.0 + grown))


@inlined
def _changes(moves, ones, zeros, curvatures, masses, out):
    """What moves of the log-odds add to the residuals, times mass."""
    # Counted: the largest of them would be found one by one.
    n_large = 0
    for k in range(moves.shape[0]):
        n_large += 1 if abs(moves[k]) > SMALL else 0
    if n_large == 0:
        for k in range(moves.shape[0]):
            out[k] = masses[k] * _moved(_series(moves[k]), ones[k], zeros[k], curvatures[k])
        return
    for k in range(moves.shape[0]):
        grown = math.expm1(min(max(moves[k], -LARGEST_MOVE), LARGEST_MOVE))
        out[k] = masses[k] * _moved(grown, ones[k], zeros[k], curvatures[k])


@inlined
def _slopes(rows, first, shifts, moves, changes, out, slopes):
    """The gradients of four fits, each of all rows but one; moves, changes: room for 4 × stride values each."""
    x, stride, width = rows.x, rows.stride, shifts.shape[1]
    n_rows = rows.ones.shape[0]
    moves[:] = 0.0
    a, b, c, d = moves[:stride], moves[stride : 2 * stride], moves[2 * stride : 3 * stride], moves[3 * stride :]
    for j in range(width):
        column = x[j * stride : (j + 1) * stride]
        p, q, r, s = shifts[0, j], shifts[1, j], shifts[2, j], shifts[3, j]
        for k in range(stride):
            a[k] = fma(p, column[k], a[k])
            b[k] = fma(q, column[k], b[k])
            c[k] = fma(r, column[k], c[k])
            d[k] = fma(s, column[k], d[k])
    for m in range(4):
        own = slice(m * stride, m * stride + n_rows)
        _changes(moves[own], rows.ones, rows.zeros, rows.curvatures, rows.masses, changes[own])
    for j in range(0, width, BLOCK):
        _four_by_four(changes, 0, x, j * stride, stride, stride, out)
        for m in range(4):
            for k in range(min(BLOCK, width - j)):
                slopes[m, j + k] = out[m * BLOCK + k]
    for m in range(4):
        i = min(first + m, n_rows - 1)
        own = rows.weights[i] * rows.residuals[i]
        if rows.masses[i] > 0.0:
            own += rows.weights[i] / rows.masses[i] * changes[m * stride + i]
        for j in range(width):
            of_all = rows.slope[j] + rows.penalty[j] * shifts[m, j]
            slopes[m, j] += of_all - own * x[j * stride + i]


@inlined
def _step(rows, i, slope, step):
    """The step of one fit, by the formula of Sherman and Morrison; half the squared Newton decrement."""
    width, own = slope.shape[0], 0.0
    for j in range(width):
        step[j] = 0.0
        for k in range(width):
            step[j] += rows.inverse[j, k] * slope[k]
        own += rows.x[j * rows.stride + i] * step[j]
    own *= rows.weights[i] * rows.curvatures[i] / rows.left[i]
    decrement = 0.0
    for j in range(width):
        step[j] += rows.reached[i, j] * own
        decrement += 0.5 * slope[j] * step[j]
    return decrement


@compiled
def left_out_moves(rows, first, stop, limits, moves, has_converged):
    """By how much the log-odds of rows first to stop move where each is left out, and whether that fit has converged.

    rows: `AllRows`. limits: (half the squared decrement at which steps end; the share of the one before below which
    they go on; the least that a row may leave of the information along itself; the most steps). Cost: 2 ns a row, step
    and fit.
    """
    enough, shrinking, least_left, most_steps = limits
    n_rows, width, stride = rows.ones.shape[0], rows.slope.shape[0], rows.stride
    shifts, slopes, step = np.empty((4, width)), np.empty((4, width)), np.empty(width)
    own_moves, changes, out = np.empty(4 * stride), np.zeros(4 * stride), np.empty(BLOCK * BLOCK)
    before, is_going = np.empty(4), np.empty(4, np.bool_)
    for start in range(first, stop, 4):
        shifts[:] = 0.0
        before[:] = np.inf
        for m in range(4):
            is_going[m] = start + m < stop and rows.left[min(start + m, n_rows - 1)] > least_left
        for k in range(most_steps):
            if not is_going.any():
                break
            if k:
                _slopes(rows, start, shifts, own_moves, changes, out, slopes)
            for m in range(4):
                if not is_going[m]:
                    continue
                i = start + m
                if not k:
                    # Where all still are, only the row itself is missing.
                    for j in range(width):
                        slopes[m, j] = rows.slope[j] - rows.weights[i] * rows.residuals[i] * rows.x[j * stride + i]
                decrement = _step(rows, i, slopes[m], step)
                for j in range(width):
                    shifts[m, j] -= step[j]
                # Such steps converge linearly: this one leaves as large a share as the one before.
                left = decrement * min(decrement / before[m], 1.0) if k else decrement
                has_converged[i] = decrement <= enough or CAUTION * left <= enough
                # Whatever does not shrink any more needs a matrix of its own.
                is_going[m] = not has_converged[i] and decrement < shrinking * before[m]
                before[m] = decrement
        for m in range(min(4, stop - start)):
            i = start + m
            moves[i] = 0.0
            for j in range(width):
                moves[i] += shifts[m, j] * rows.x[j * stride + i]
