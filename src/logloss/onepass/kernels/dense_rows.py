"""A pass of a fit over the numbers of some rows: centred, multiplied and summed, TILE_ROWS rows at a time.

A tile stays in the cache from the moment its rows are read until all that is summed of them has been: log-odds, losses,
gradient, the sizes that bound rounding, Hessian. In it a column is a run of float64, whatever the table is made of.

    numbers  where the columns are: `NumberTable`     at  coefficients of the intercept and of each number less centre
    y  labels, as float64 or uint8    mass  weight times count of each row
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from logloss.onepass.kernels.compiled import compiled, fma, inlined
from logloss.onepass.kernels.exact import carry, deposit
from logloss.onepass.kernels.losses import logistic_row
from logloss.onepass.kernels.vectors import (
    BLOCK,
    LANES,
    block_of_products,
    doubles_at,
    singles_at,
    transposed_doubles,
    transposed_singles,
)

# 20 columns of a tile take 42 KB, 100 take 211 KB.
TILE_ROWS = 256
# Where the next column of a tile begins: not at a power of two, where all would fall into the same lines of the cache.
COLUMN = TILE_ROWS + 8
# Rows are filled up with zeros to a multiple of this: the lanes of single precision.
FILLED = 16

# What is known of each row: residual, curvature, the sizes of the terms of its log-odds, log-odds.
RESIDUAL, CURVATURE, TERMS, LOGIT, N_OF_ROW = 0, 1, 2, 3, 4
# What is summed times 1 and times each number: residual, curvature, and their sizes times those of numbers.
N_SUMS = 4


def additions_of(n_rows: int) -> int:
    """Of how many additions each sum over so many rows is the result, at most: in a lane, of the lanes, of tiles."""
    return TILE_ROWS // LANES + LANES + -(-n_rows // TILE_ROWS)


_two_by_four, _sizes_two_by_four = block_of_products(2, BLOCK), block_of_products(2, BLOCK, of_sizes=True)
_four_by_one, _four_by_four = block_of_products(N_SUMS, 1), block_of_products(BLOCK, BLOCK)


class NumberTable(NamedTuple):
    """Where the numbers of some rows are, one entry for each array; and what is done with each coefficient's own.

    addresses: of the first value, in bytes. row_steps, column_steps: to the next row and column, in values. widths: of
    each array. is_single: whether it holds float32. centres: what is subtracted. gaps: the place of the coefficient
    that is 1 where a number is NaN (which then counts as its centre), −1 where it has none.
    """

    addresses: Any
    row_steps: Any
    column_steps: Any
    widths: Any
    is_single: Any
    centres: Any
    gaps: Any


@inlined
def _copied(values, step, own):
    """A column of a table as float64."""
    if step == 1:
        for i in range(own.shape[0]):
            own[i] = np.float64(values[i])
    else:
        for i in range(own.shape[0]):
            own[i] = np.float64(values[i * step])


@inlined
def _rows_copied(address, row_step, width, is_single, n, tile, place, column):
    """The rows of a matrix, which lie in memory one after the other, as columns of a tile."""
    size = 4 if is_single else 8
    for i in range(0, n, BLOCK):
        # The last block of rows, and of columns, begins early enough to be whole.
        i = min(i, n - BLOCK)
        for j in range(0, width, BLOCK):
            j = min(j, width - BLOCK)
            start = address + (i * row_step + j) * size
            to = place + j * column + i
            if is_single:
                transposed_singles(start, row_step * size, tile, to, column)
            else:
                transposed_doubles(start, row_step * size, tile, to, column)


@compiled
def gather(numbers, start, n, tile, column):
    """The numbers of rows start to start + n, less their centres: number j of row i goes to tile[j·column + i]."""
    addresses, row_steps, column_steps, widths, is_single, centres, gaps = numbers
    at = 0
    for k in range(addresses.shape[0]):
        row_step, column_step, width = row_steps[k], column_steps[k], widths[k]
        size = 4 if is_single[k] else 8
        address = addresses[k] + start * row_step * size
        if column_step == 1 and width >= BLOCK and n >= BLOCK:
            _rows_copied(address, row_step, width, is_single[k], n, tile, at * column, column)
        else:
            length = (n - 1) * row_step + 1
            for j in range(width):
                own = tile[(at + j) * column : (at + j) * column + n]
                if is_single[k]:
                    _copied(singles_at(address + j * column_step * size, length), row_step, own)
                else:
                    _copied(doubles_at(address + j * column_step * size, length), row_step, own)
        first = at
        at += width
        for j in range(first, first + width):
            own = tile[j * column : j * column + n]
            if gaps[j] >= 0:
                gap = tile[gaps[j] * column : gaps[j] * column + n]
                for i in range(n):
                    gap[i] = 1.0 if own[i] != own[i] else 0.0
                    own[i] = centres[j] if own[i] != own[i] else own[i]
                at += 1
            centre = centres[j]
            for i in range(n):
                own[i] -= centre


@inlined
def _rows_of_tile(tile, n_dense, n, at, of_terms, is_careful, own):
    """Log-odds of a tile, added to what is in own[LOGIT]; and, if careful, the sizes of their terms to own[TERMS]."""
    logits, terms = own[LOGIT], own[TERMS]
    for j in range(n_dense):
        coefficient = at[1 + j]
        column = tile[j * COLUMN : j * COLUMN + n]
        for i in range(n):
            logits[i] = fma(coefficient, column[i], logits[i])
        if is_careful:
            for i in range(n):
                terms[i] = fma(abs(coefficient), abs(column[i]), terms[i])
    for i in range(n):
        terms[i] += of_terms


@inlined
def _sums_of_tile(tile, n_filled, own, is_careful, factors, out, sums):
    """Add to sums[k, 1 + j] what factor k is times number j, and to sums[k, 0] the factor itself."""
    for i in range(n_filled):
        factors[i] = own[RESIDUAL, i]
        factors[COLUMN + i] = own[CURVATURE, i]
        factors[2 * COLUMN + i] = abs(own[RESIDUAL, i])
        factors[3 * COLUMN + i] = own[CURVATURE, i] * own[TERMS, i]
        # Beyond the factors: a column of ones.
        factors[N_SUMS * COLUMN + i] = 1.0
    _four_by_one(factors, 0, factors, N_SUMS * COLUMN, COLUMN, n_filled, out)
    for k in range(N_SUMS):
        sums[k, 0] += out[k]
    for j in range(0, sums.shape[1] - 1, BLOCK):
        _two_by_four(factors, 0, tile, j * COLUMN, COLUMN, n_filled, out)
        for k in range(BLOCK):
            sums[0, 1 + j + k] += out[k]
            sums[1, 1 + j + k] += out[BLOCK + k]
        if is_careful:
            _sizes_two_by_four(factors, 2 * COLUMN, tile, j * COLUMN, COLUMN, n_filled, out)
            for k in range(BLOCK):
                sums[2, 1 + j + k] += out[k]
                sums[3, 1 + j + k] += out[BLOCK + k]


@inlined
def _hessian_of_tile(tile, n_filled, curvatures, scaled, out, hessian):
    """Add Σ c x_j x_k to hessian[j, k] for k ≥ j, in blocks; scaled: room for one block of columns."""
    n_dense = hessian.shape[0]
    for j in range(0, n_dense, BLOCK):
        for k in range(BLOCK):
            column, own = tile[(j + k) * COLUMN :], scaled[k * COLUMN :]
            for i in range(n_filled):
                own[i] = column[i] * curvatures[i]
        for k in range(j, n_dense, BLOCK):
            _four_by_four(scaled, 0, tile, k * COLUMN, COLUMN, n_filled, out)
            for a in range(BLOCK):
                for b in range(BLOCK):
                    hessian[j + a, k + b] += out[a * BLOCK + b]


@inlined
def _largest_of_tile(tile, n, own, largest):
    """The largest size of each number among rows whose residual and curvature are not both 0."""
    for j in range(largest.shape[0]):
        for i in range(n):
            size = abs(tile[j * COLUMN + i])
            if size > largest[j] and (own[RESIDUAL, i] != 0.0 or own[CURVATURE, i] != 0.0):
                largest[j] = size


@inlined
def _costs_of_tile(labels, mass, own, losses, limbs):
    """The losses of a tile, summed exactly; residuals and curvatures go to `own`."""
    logits, residuals, curvatures = own[LOGIT], own[RESIDUAL], own[CURVATURE]
    for i in range(labels.shape[0]):
        losses[i], residuals[i], curvatures[i] = logistic_row(labels[i], mass[i], logits[i])
    deposit(losses[: labels.shape[0]], limbs[0])


@compiled
def fold_rows(numbers, at, y, mass, base, options, of_rows, limbs, sums, hessian, largest):
    """Loss, gradient, bounds of its rounding and Hessian of some rows, each added to what is there.

    What is not there, or not wanted, is an array of no values: then the kernel is compiled for two kinds of labels, and
    not for each combination. base: what log-odds and the sizes of their terms are before the numbers, shape
    (2, n_rows); of no rows: at[0], and 0. options: whether the sizes of each row are summed; whether products are
    formed in single precision; the size of a term that all rows have; whether `of_rows` is given and not found.
    of_rows: N_OF_ROW values of each row. limbs: the summed loss. sums: (N_SUMS, 1 + filled). hessian: (filled, filled),
    its upper blocks. largest: (n_dense,). filled: n_dense up to a multiple of BLOCK. Cost: 40 ns a row of 20 numbers,
    300 of 100; without Hessian 25 and 80.
    """
    is_careful, is_single, of_terms, is_given = options
    n_dense = at.shape[0] - 1
    filled = (n_dense + BLOCK - 1) // BLOCK * BLOCK
    tile, own = np.zeros(filled * COLUMN), np.zeros((N_OF_ROW, TILE_ROWS))
    factors, scaled, out = np.zeros((N_SUMS + 1) * COLUMN), np.zeros(BLOCK * COLUMN), np.empty(BLOCK * BLOCK)
    short, short_scaled = np.zeros(0, np.float32), np.zeros(0, np.float32)
    short_curvatures = np.zeros(TILE_ROWS, np.float32)
    if is_single:
        short, short_scaled = np.zeros(filled * COLUMN, np.float32), np.zeros(BLOCK * COLUMN, np.float32)
    labels, masses, losses = np.empty(TILE_ROWS), np.ones(TILE_ROWS), np.empty(TILE_ROWS)
    for start in range(0, y.shape[0], TILE_ROWS):
        n = min(TILE_ROWS, y.shape[0] - start)
        n_filled = (n + FILLED - 1) // FILLED * FILLED
        if n < TILE_ROWS and start:
            # What is left of the tile before would be summed.
            tile[:], own[:] = 0.0, 0.0
        gather(numbers, start, n, tile, np.int64(COLUMN))
        if is_given:
            # Not one assignment of two dimensions: compiling its error messages takes seconds.
            for k in range(N_OF_ROW):
                for i in range(n):
                    own[k, i] = of_rows[k, start + i]
        else:
            for i in range(n):
                labels[i] = np.float64(y[start + i])
                if mass.shape[0]:
                    masses[i] = mass[start + i]
                own[LOGIT, i] = base[0, start + i] if base.shape[1] else at[0]
                own[TERMS, i] = base[1, start + i] if base.shape[1] else 0.0
            _rows_of_tile(tile, n_dense, n, at, of_terms, is_careful, own)
            _costs_of_tile(labels[:n], masses, own, losses, limbs)
            if of_rows.shape[1]:
                for k in range(N_OF_ROW):
                    for i in range(n):
                        of_rows[k, start + i] = own[k, i]
        if sums.shape[0]:
            _sums_of_tile(tile, n_filled, own, is_careful, factors, out, sums)
        if largest.shape[0]:
            _largest_of_tile(tile, n, own, largest)
        if hessian.shape[0] == 0:
            continue
        if is_single:
            for i in range(tile.shape[0]):
                short[i] = np.float32(tile[i])
            for i in range(n_filled):
                short_curvatures[i] = np.float32(own[CURVATURE, i])
            _hessian_of_tile(short, n_filled, short_curvatures, short_scaled, out, hessian)
        else:
            _hessian_of_tile(tile, n_filled, own[CURVATURE], scaled, out, hessian)
    carry(limbs)
