"""Sums of rows by cell: of each column, and of each pair of columns.

codes   the code of each row in each column, (n_rows, n_columns), uint8
coarse  the coarse code of each code of a column, (n_columns, n_codes), uint8: what pairs see of it
layout  int64: where the cells of each column begin, how many coarse codes it has, then where those of each pair
        begin, (0, 1), (0, 2), …, (1, 2), …, if they are looked at, and last how many cells there are
"""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import compiled


@compiled
def add_by_cell(codes, coarse, layout, order, buckets, values, sums):
    """Add the values of rows, (n_rows, n_values), to the sums of their bucket: (n_buckets, n_cells, n_values).

    order: the rows by bucket, so that the sums of one stay in the cache. Cost: 1 ns for each value of a cell of a row.
    """
    n_columns, n_values = codes.shape[1], values.shape[1]
    has_pairs = layout.shape[0] > 2 * n_columns + 1
    own = np.empty(n_columns, np.int64)
    for place in range(order.shape[0]):
        i = order[place]
        bucket = buckets[i]
        for j in range(n_columns):
            cell = layout[j] + codes[i, j]
            own[j] = coarse[j, codes[i, j]]
            for f in range(n_values):
                sums[bucket, cell, f] += values[i, f]
        if has_pairs:
            pair = 2 * n_columns
            for j in range(n_columns):
                for k in range(j + 1, n_columns):
                    cell = layout[pair] + own[j] * layout[n_columns + k] + own[k]
                    pair += 1
                    for f in range(n_values):
                        sums[bucket, cell, f] += values[i, f]
