"""Numbers between knots: the two knots beside each, and sums of what rows give to these.

A number between knot j and knot j + 1 gives 1 − t to the one and t to the other; t is how far it is on the way.

x  numbers of some rows    k  knots, ascending    a, b  the lower knot of each row, of two columns    s, t  the shares
of the upper knots         c  weight of each row
"""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import compiled


@compiled
def find_knots(x, k, a, s):
    """The lower knot of each row, and the share of the upper one; beyond the knots the nearest knot has all.

    What is missing, NaN, has the number after the last knot. Cost: 10 ns a row.
    """
    n_knots = k.shape[0]
    for i in range(x.shape[0]):
        value = x[i]
        if np.isnan(value):
            a[i] = n_knots
            s[i] = 0.0
            continue
        low, high = 0, n_knots - 1
        while high - low > 1:
            middle = (low + high) // 2
            if k[middle] <= value:
                low = middle
            else:
                high = middle
        a[i] = low
        # One knot, of a column that is constant, has all.
        width = k[high] - k[low]
        share = (value - k[low]) / width if width > 0.0 else 0.0
        s[i] = min(max(share, 0.0), 1.0)


@compiled
def add_between(a, s, x, out):
    """out_ij += (1 − s_i) x[a_i, j] + s_i x[a_i + 1, j]. Cost: O(n_rows · n_columns)."""
    for i in range(a.shape[0]):
        low, share = a[i], s[i]
        for j in range(x.shape[1]):
            out[i, j] += (1.0 - share) * x[low, j] + share * x[low + 1, j]


@compiled
def knot_sums(a, s, r, c, t, out):
    """Sums by knot of each row's share of (r_i, c_i, |r_i|, c_i t_i). Cost: O(n_rows)."""
    for i in range(a.shape[0]):
        low, share = a[i], s[i]
        rest = 1.0 - share
        out[low, 0] += rest * r[i]
        out[low, 1] += rest * c[i]
        out[low, 2] += rest * abs(r[i])
        out[low, 3] += rest * (c[i] * t[i])
        out[low + 1, 0] += share * r[i]
        out[low + 1, 1] += share * c[i]
        out[low + 1, 2] += share * abs(r[i])
        out[low + 1, 3] += share * (c[i] * t[i])


@compiled
def knot_segment_sums(a, s, c, x, out):
    """Sums by knot of each row's share of c_i x_ij. Cost: O(n_rows · n_columns)."""
    for i in range(a.shape[0]):
        low, share, weight = a[i], s[i], c[i]
        for j in range(x.shape[1]):
            product = weight * x[i, j]
            out[low, j] += (1.0 - share) * product
            out[low + 1, j] += share * product


@compiled
def knot_products(a, s, c, out):
    """Sums of c_i times the products of the two shares of a row: out[a_i] with itself, and with the knot above.

    Cost: O(n_rows).
    """
    for i in range(a.shape[0]):
        low, share, weight = a[i], s[i], c[i]
        rest = 1.0 - share
        out[low, 0] += weight * rest * rest
        out[low, 1] += weight * rest * share
        out[low + 1, 0] += weight * share * share


@compiled
def knot_cross_tabs(a, s, first, c, out):
    """Sums of c_i times the products of a row's shares in a column and in each one before it.

    a, s: of all columns, shape (n_rows, n_columns); codes of a category have shares of 0. first: where the places of
    each column before begin in out, shape (n_before,). One loop over the rows: sums of different columns do not wait
    for each other. Cost: O(n_rows · n_before).
    """
    n_before = first.shape[0]
    for i in range(a.shape[0]):
        # Unsigned, or each would be checked for counting from the end.
        above = np.uintp(a[i, n_before])
        next_above = above + np.uintp(1)
        share = c[i] * s[i, n_before]
        rest = c[i] - share
        for j in range(n_before):
            low = np.uintp(first[j] + a[i, j])
            high = low + np.uintp(1)
            upper = s[i, j]
            lower = 1.0 - upper
            # All four are read before one is written: they do not wait for each other either.
            low_above, low_next = out[low, above] + lower * rest, out[low, next_above] + lower * share
            high_above, high_next = out[high, above] + upper * rest, out[high, next_above] + upper * share
            out[low, above], out[low, next_above] = low_above, low_next
            out[high, above], out[high, next_above] = high_above, high_next


@compiled
def add_products(a, s, b, t, x, out):
    """out_i += the sum of x over the two places of each of two columns, by the products of their shares.

    Cost: O(n_rows).
    """
    for i in range(a.shape[0]):
        low, above, share = a[i], b[i], t[i]
        of_lower = (1.0 - share) * x[low, above] + share * x[low, above + 1]
        of_upper = (1.0 - share) * x[low + 1, above] + share * x[low + 1, above + 1]
        out[i] += (1.0 - s[i]) * of_lower + s[i] * of_upper


@compiled
def add_from_table(a, s, b, t, x, out):
    """out_ij += the sum of x[·, ·, j] over the two places of each of two columns, by the products of their shares.

    Cost: O(n_rows · n_points), n_points the last axis of x.
    """
    for i in range(a.shape[0]):
        low, above = a[i], b[i]
        upper, right = s[i], t[i]
        lower, left = 1.0 - upper, 1.0 - right
        first, second, third, fourth = lower * left, lower * right, upper * left, upper * right
        for j in range(x.shape[2]):
            of_lower = first * x[low, above, j] + second * x[low, above + 1, j]
            out[i, j] += of_lower + (third * x[low + 1, above, j] + fourth * x[low + 1, above + 1, j])


@compiled
def table_sums(a, s, b, t, x, out):
    """Sums of x_ij by the places of two columns, times the products of a row's shares there: the reverse of
    `add_from_table`. Cost: O(n_rows · n_columns)."""
    for i in range(a.shape[0]):
        low, above = a[i], b[i]
        upper, right = s[i], t[i]
        lower, left = 1.0 - upper, 1.0 - right
        first, second, third, fourth = lower * left, lower * right, upper * left, upper * right
        for j in range(x.shape[1]):
            value = x[i, j]
            out[low, above, j] += first * value
            out[low, above + 1, j] += second * value
            out[low + 1, above, j] += third * value
            out[low + 1, above + 1, j] += fourth * value
