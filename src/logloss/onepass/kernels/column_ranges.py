"""What a fit learns of columns of numbers: least, greatest, sum, deviations from the mean, how many are NaN.

numbers  where the columns are, as they stand: `dense_rows.NumberTable`     w  weight times count of each row
"""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import compiled, inlined
from logloss.onepass.kernels.dense_rows import COLUMN, FILLED, TILE_ROWS, gather
from logloss.onepass.kernels.vectors import BLOCK, LANES, block_of_products

_four_pairs = block_of_products(BLOCK, BLOCK, is_paired=True)


@inlined
def _ends_of(column, lows, highs):
    """The least and the greatest of a column of a tile, NaN left out; lows, highs: room for LANES of each."""
    n = column.shape[0]
    whole = n // LANES * LANES
    lows[:], highs[:] = np.inf, -np.inf
    for i in range(0, whole, LANES):
        for lane in range(LANES):
            x = column[i + lane]
            lows[lane] = x if x < lows[lane] else lows[lane]
            highs[lane] = x if x > highs[lane] else highs[lane]
    low, high = lows[0], highs[0]
    for lane in range(1, LANES):
        low, high = min(low, lows[lane]), max(high, highs[lane])
    for i in range(whole, n):
        low = column[i] if column[i] < low else low
        high = column[i] if column[i] > high else high
    return low, high


@inlined
def _without_gaps(column, w, own):
    """Put 0 in place of NaN in a column and in the weights of its rows, `own`; how many there were."""
    n_gaps = 0
    for i in range(column.shape[0]):
        is_gap = column[i] != column[i]
        n_gaps += is_gap
        own[i] = 0.0 if is_gap else w[i]
        column[i] = 0.0 if is_gap else column[i]
    return n_gaps


@compiled
def fold_ranges(numbers, w, units, lows, highs, n_lacking, weights, sums, squares):
    """Add what some rows hold: to squares Σ w((x − mean) / unit)², from which squares of numbers do not overflow.

    The mean is that of each tile; what means differ by is added as in Chan, Golub & LeVeque (1983, eq. 2.1b). All but
    `numbers` and `w` have an entry for each column, filled up to a multiple of BLOCK. Cost: 1.5 ns a number.
    """
    width = lows.shape[0]
    tile, room_low, room_high = np.zeros(width * COLUMN), np.empty(LANES), np.empty(LANES)
    # Weights of rows, column by column, filled up with zeros.
    own = np.zeros(BLOCK * COLUMN)
    masses, totals, found = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for start in range(0, w.shape[0], TILE_ROWS):
        n = min(TILE_ROWS, w.shape[0] - start)
        n_filled = (n + FILLED - 1) // FILLED * FILLED
        if n < n_filled:
            tile[:], own[:] = 0.0, 0.0
        gather(numbers, start, n, tile, np.int64(COLUMN))
        mass = w[start : start + n].sum()
        for j in range(0, width, BLOCK):
            for k in range(BLOCK):
                column = tile[(j + k) * COLUMN : (j + k) * COLUMN + n]
                low, high = _ends_of(column, room_low, room_high)
                lows[j + k], highs[j + k] = min(lows[j + k], low), max(highs[j + k], high)
                of_rows = own[k * COLUMN : k * COLUMN + n]
                n_gaps = _without_gaps(column, w[start : start + n], of_rows)
                n_lacking[j + k] += n_gaps
                masses[k] = of_rows.sum() if n_gaps else mass
            _four_pairs(own, 0, tile, j * COLUMN, COLUMN, n_filled, totals)
            for k in range(BLOCK):
                column = tile[(j + k) * COLUMN : (j + k) * COLUMN + n]
                of_rows, in_units = own[k * COLUMN : k * COLUMN + n], 1.0 / units[j + k]
                mean = totals[k] / masses[k] if masses[k] > 0.0 else 0.0
                for i in range(n):
                    column[i] = (column[i] - mean) * in_units
                    of_rows[i] *= column[i]
            _four_pairs(own, 0, tile, j * COLUMN, COLUMN, n_filled, found)
            for k in range(j, j + BLOCK):
                total, mass = totals[k - j], masses[k - j]
                if mass > 0.0:
                    if weights[k] > 0.0:
                        apart = (total / mass - sums[k] / weights[k]) / units[k]
                        squares[k] += apart * apart * weights[k] * (mass / (weights[k] + mass))
                    squares[k] += found[k - j]
                    weights[k] += mass
                    sums[k] += total
