"""The mathematics of categories in one block: segment sums and cross-tabs, compiled loops over the codes of rows.

Letters: a, b codes of two categories; c weight of each row; x numbers of each row.
"""

from __future__ import annotations

from logloss.onepass.kernels.compiled import compiled


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
def cross_tab(a, b, c, out):
    """out[a_i, b_i] += c_i. Cost: O(n_rows)."""
    for i in range(a.shape[0]):
        out[a[i], b[i]] += c[i]
