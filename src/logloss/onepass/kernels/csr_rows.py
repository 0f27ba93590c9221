"""Rows of a sparse matrix: log-odds, sums of a fit and products with its Hessian, without what is 0.

The matrix is compressed by rows (CSR): row i has the values data[k] in the columns indices[k], for k from indptr[i] to
indptr[i + 1], each column once at most.

    y  labels, float64 or uint8      mass  weight times count of each row, or none: 1; a row of mass 0 is no row
    offset  of each row, or none     w, b  coefficients of the columns, of the intercept
    c  curvature of each row: mass · σ(z) · σ(−z)
"""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import compiled, inlined
from logloss.onepass.kernels.exact import carry, deposit
from logloss.onepass.kernels.losses import logistic_row
from logloss.onepass.kernels.products import SLICE

# What is wrong with a row.
SOUND, UNSORTED, NOT_FINITE, NO_COLUMN = 0, 1, 2, 3
# What is summed of rows beside the columns' own: residual and curvature; |residual| and |residual|·|x|; curvature·|x|;
# curvature times the terms of its log-odds, of which there are so many, and the same times |x|. |x|: Euclidean norm.
RESIDUAL, CURVATURE, SIZE, SIZE_OF_ROW, CURVATURE_OF_ROW, TERMS, TERMS_OF_ROW, N_SUMS = 0, 1, 2, 3, 4, 5, 6, 7


@compiled
def find_fault(indptr, indices, data, mass, n_columns):
    """(What is wrong, the row, the place in `data`) of the first fault; columns that do not ascend come last.

    Values of rows of mass 0 are not looked at. Cost: 1 ns a value.
    """
    unsorted_row = -1
    for i in range(indptr.shape[0] - 1):
        is_row = mass.shape[0] == 0 or mass[i] > 0.0
        before = -1
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            if j < 0 or j >= n_columns:
                return NO_COLUMN, i, k
            if is_row and not np.isfinite(data[k]):
                return NOT_FINITE, i, k
            if j <= before and unsorted_row < 0:
                unsorted_row = i
            before = j
    if unsorted_row >= 0:
        return UNSORTED, unsorted_row, indptr[unsorted_row]
    return SOUND, 0, 0


@inlined
def _row(indptr, indices, data, i):
    """The columns and the values of a row."""
    # Unsigned, or each place would be checked for counting from the end; so are columns below.
    first, last = np.uintp(indptr[i]), np.uintp(indptr[i + 1])
    return indices[first:last], data[first:last]


@compiled
def csr_logits(indptr, indices, data, b, w, out):
    """b + Σ x w of each row. Cost: 1 to 10 ns a value, by where w lies."""
    for i in range(out.shape[0]):
        columns, values = _row(indptr, indices, data, i)
        z = b
        for k in range(columns.shape[0]):
            z += np.float64(values[k]) * w[np.uintp(columns[k])]
        out[i] = z


@inlined
def sum_slice(y, mass, logits, terms, norms, c, residuals, sums, limbs):
    """Adds what some rows give whose log-odds are known: losses exactly, into limbs, and the sums of `N_SUMS`.

    c, residuals: filled. terms, norms: the sizes of the terms of each row's log-odds times their number, and |x|. At
    most a slice of rows. Cost: 10 ns a row.
    """
    n = logits.shape[0]
    losses = np.empty(n)
    for i in range(n):
        losses[i], residuals[i], c[i] = logistic_row(np.float64(y[i]), mass[i], logits[i])
    for i in range(n):
        # Log-odds beyond the floats: the sum of residuals, which is then no number, tells of it.
        if not np.isfinite(losses[i]):
            losses[i], residuals[i] = 0.0, np.nan
    deposit(losses, limbs)
    for i in range(n):
        sums[RESIDUAL] += residuals[i]
        sums[CURVATURE] += c[i]
        sums[SIZE] += abs(residuals[i])
        sums[SIZE_OF_ROW] += abs(residuals[i]) * norms[i]
        sums[CURVATURE_OF_ROW] += c[i] * norms[i]
        sums[TERMS] += c[i] * terms[i]
        sums[TERMS_OF_ROW] += c[i] * terms[i] * norms[i]


@compiled
def sum_rows(y, mass, logits, terms, norms, c, residuals, sums, limbs):
    """The same of any number of rows. Cost: 10 ns a row."""
    for s in range(0, logits.shape[0], SLICE):
        e = min(s + SLICE, logits.shape[0])
        sum_slice(y[s:e], mass[s:e], logits[s:e], terms[s:e], norms[s:e], c[s:e], residuals[s:e], sums, limbs[0])
    carry(limbs)


@compiled
def csr_sums(indptr, indices, data, mass, out):
    """Adds Σ mass and Σ mass·x of each column over the rows that have a value there, shape (n_columns, 2).

    Cost: 2 to 15 ns a value.
    """
    for i in range(indptr.shape[0] - 1):
        m = 1.0 if mass.shape[0] == 0 else mass[i]
        if m > 0.0:
            columns, values = _row(indptr, indices, data, i)
            for k in range(columns.shape[0]):
                j = np.uintp(columns[k])
                out[j, 0] += m
                out[j, 1] += m * np.float64(values[k])


@compiled
def csr_squares(indptr, indices, data, mass, mean, out):
    """Adds Σ mass·(x − mean)² of each column over the rows that have a value there. Cost: 2 to 15 ns a value."""
    for i in range(indptr.shape[0] - 1):
        m = 1.0 if mass.shape[0] == 0 else mass[i]
        if m > 0.0:
            columns, values = _row(indptr, indices, data, i)
            for k in range(columns.shape[0]):
                j = np.uintp(columns[k])
                x = np.float64(values[k]) - mean[j]
                out[j] += m * x * x


@compiled
def csr_fold(start, stop, indptr, indices, data, y, mass, offset, b, w, curvatures, sums, of_columns, limbs):
    """The sums of a fit over some rows: losses exactly, into limbs; those of `N_SUMS`; c of each row into curvatures.

    of_columns: Σ residual·x and Σ c·x² of each column, shape (n_columns, 2): side by side, as they are found together.
    Short loops over the rows of a slice, one of which vectorises. Cost: 3 to 30 ns a value.
    """
    masses, logits, terms, norms = np.empty(SLICE), np.empty(SLICE), np.empty(SLICE), np.empty(SLICE)
    residuals = np.empty(SLICE)
    for s in range(start, stop, SLICE):
        n = min(SLICE, stop - s)
        own = curvatures[s : s + n]
        for i in range(n):
            m = 1.0 if mass.shape[0] == 0 else mass[s + i]
            z = b if offset.shape[0] == 0 else b + offset[s + i]
            size = abs(b) if offset.shape[0] == 0 else abs(b) + abs(offset[s + i])
            square = 0.0
            if m > 0.0:
                columns, values = _row(indptr, indices, data, s + i)
                for k in range(columns.shape[0]):
                    x = np.float64(values[k])
                    term = x * w[np.uintp(columns[k])]
                    z += term
                    size += abs(term)
                    square += x * x
                # Each term has the rounding of its product, and of each sum that it goes through.
                size *= columns.shape[0] + 2
            masses[i], logits[i], terms[i], norms[i] = m, z, size, np.sqrt(square)
        sum_slice(y[s : s + n], masses[:n], logits[:n], terms[:n], norms[:n], own, residuals[:n], sums, limbs[0])
        for i in range(n):
            r, c = residuals[i], own[i]
            if masses[i] > 0.0:
                columns, values = _row(indptr, indices, data, s + i)
                for k in range(columns.shape[0]):
                    x, j = np.float64(values[k]), np.uintp(columns[k])
                    of_columns[j, 0] += r * x
                    of_columns[j, 1] += c * x * x
    carry(limbs)


@compiled
def csr_products(start, stop, indptr, indices, data, c, b, w, out):
    """Adds Σ c (b + xᵀw) x to out, and returns Σ c (b + xᵀw): the Hessian of the loss times (b, w).

    Cost: 3 to 25 ns a value, by where w lies.
    """
    total = 0.0
    for i in range(start, stop):
        if c[i] == 0.0:
            continue
        columns, values = _row(indptr, indices, data, i)
        z = b
        for k in range(columns.shape[0]):
            z += np.float64(values[k]) * w[np.uintp(columns[k])]
        z *= c[i]
        total += z
        for k in range(columns.shape[0]):
            out[np.uintp(columns[k])] += z * np.float64(values[k])
    return total


@inlined
def _gathered(columns, x, places, own, values):
    """The entries of a row in columns that have a place, after a 1 in place 0; how many there are."""
    own[0], values[0], n = 0, 1.0, 1
    for k in range(columns.shape[0]):
        place = places[np.uintp(columns[k])]
        if place > 0:
            own[n], values[n] = place, np.float64(x[k])
            n += 1
    return n


@compiled
def csr_block(start, stop, indptr, indices, data, c, places, out):
    """Adds Σ c x xᵀ over the columns that have a place in `out`, after the intercept; either half may be filled.

    places: of each column, 0 where it has none. Cost: 1 ns for each pair of such entries of a row.
    """
    n_places = out.shape[0]
    own, values = np.empty(n_places, np.uintp), np.empty(n_places)
    for i in range(start, stop):
        if c[i] == 0.0:
            continue
        columns, x = _row(indptr, indices, data, i)
        n = _gathered(columns, x, places, own, values)
        for a in range(n):
            scaled = c[i] * values[a]
            row = out[own[a]]
            for other in range(a + 1):
                row[own[other]] += scaled * values[other]


@compiled
def csr_pairs(indptr, indices, places, limits, out):
    """Σ over rows of the pairs that `csr_block` takes, for the columns whose place is at most each of some limits.

    limits: ascending; out: as many. Cost: 2 ns a value.
    """
    n_limits = limits.shape[0]
    own = np.empty(n_limits)
    for i in range(indptr.shape[0] - 1):
        own[:] = 1.0
        for k in range(np.uintp(indptr[i]), np.uintp(indptr[i + 1])):
            place = places[np.uintp(indices[k])]
            if place > 0:
                for t in range(n_limits):
                    if place <= limits[t]:
                        own[t] += 1.0
        for t in range(n_limits):
            out[t] += 0.5 * own[t] * own[t]
