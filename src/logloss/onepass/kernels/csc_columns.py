"""Some columns of a sparse matrix: taken out of it, compressed by columns (CSC), and descended along one at a time.

Column j of a CSC matrix has the values[k] in the rows rows[k], for k from starts[j] to starts[j + 1].

    c  curvature of each row, and C = Σ c     across  Σ c x of each column     slope  of the quadratic in a coordinate

References
----------
Friedman, J., Hastie, T. & Tibshirani, R. (2010). Regularization paths for generalized linear models via coordinate
descent. Journal of Statistical Software 33(1), section 2. doi:10.18637/jss.v033.i01
Ogita, T., Rump, S. M. & Oishi, S. (2005). Accurate sum and dot product. SIAM Journal on Scientific Computing 26(6),
1955-1988. doi:10.1137/030601818
"""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import compiled, inlined
from logloss.onepass.kernels.losses import logistic_row

# What is summed of the rows of a dual point: its squared distance from the predictions in the metric of Fisher, and the
# largest size of what its log-odds are moved by.
DISTANCE, LARGEST_MOVE, N_DUAL = 0, 1, 2


@compiled
def csr_norms(indptr, indices, data, mass, squares):
    """Adds Σ mass·x² of each column to squares; rows of mass 0 are not looked at. Cost: 1 to 10 ns a value."""
    for i in range(indptr.shape[0] - 1):
        m = 1.0 if mass.shape[0] == 0 else mass[i]
        if m > 0.0:
            for k in range(np.uintp(indptr[i]), np.uintp(indptr[i + 1])):
                x = np.float64(data[k])
                squares[np.uintp(indices[k])] += m * x * x


@compiled
def csr_take(indptr, indices, data, mass, places):
    """The matrix of some columns, in CSR: its three arrays, rows of mass 0 without values.

    places: the number of each column in it, from 1, ascending; 0 where it is left out. Cost: 2 to 10 ns a value.
    """
    n_rows = indptr.shape[0] - 1
    starts = np.zeros(n_rows + 1, indptr.dtype)
    for i in range(n_rows):
        n = 0
        if mass.shape[0] == 0 or mass[i] > 0.0:
            for k in range(np.uintp(indptr[i]), np.uintp(indptr[i + 1])):
                n += places[np.uintp(indices[k])] > 0
        starts[i + 1] = starts[i] + n
    columns, values = np.empty(starts[n_rows], indices.dtype), np.empty(starts[n_rows], data.dtype)
    n = 0
    for i in range(n_rows):
        if starts[i + 1] > starts[i]:
            for k in range(np.uintp(indptr[i]), np.uintp(indptr[i + 1])):
                place = places[np.uintp(indices[k])]
                if place > 0:
                    columns[n], values[n] = place - 1, data[k]
                    n += 1
    return starts, columns, values


@compiled
def csc_of(indptr, indices, data, n_columns):
    """The same matrix by columns: starts, rows, values as float64. Cost: 5 ns a value."""
    n_rows = indptr.shape[0] - 1
    starts = np.zeros(n_columns + 1, np.int64)
    for k in range(indptr[0], indptr[n_rows]):
        starts[indices[k] + 1] += 1
    for j in range(n_columns):
        starts[j + 1] += starts[j]
    rows, values = np.empty(starts[n_columns], np.int32), np.empty(starts[n_columns])
    ends = starts[:-1].copy()
    for i in range(n_rows):
        for k in range(np.uintp(indptr[i]), np.uintp(indptr[i + 1])):
            place = ends[np.uintp(indices[k])]
            rows[place], values[place] = i, data[k]
            ends[np.uintp(indices[k])] = place + 1
    return starts, rows, values


@compiled
def weigh_columns(starts, rows, values, c, scaled, across, own):
    """√c·x into scaled; Σ c x and Σ c x² of each column. Cost: 2 ns a value."""
    roots = np.sqrt(c)
    for j in range(starts.shape[0] - 1):
        first, square = 0.0, 0.0
        for k in range(np.uintp(starts[j]), np.uintp(starts[j + 1])):
            root = roots[np.uintp(rows[k])]
            x = root * values[k]
            scaled[k] = x
            first += root * x
            square += x * x
        across[j], own[j] = first, square


@compiled
def column_products(starts, rows, scaled, across, total, chosen, direction, moved, out):
    """The Hessian of the loss times a direction, over some columns, the intercept being where it is least.

    moved: room for √c·(row · direction) of each row, which is left there. total: C, 0 without an intercept.
    chosen: the columns; out: at their places. Cost: 3 ns a value.
    """
    moved[:] = 0.0
    of_intercept = 0.0
    for j in chosen:
        if direction[j] != 0.0:
            of_intercept += direction[j] * across[j]
            for k in range(np.uintp(starts[j]), np.uintp(starts[j + 1])):
                moved[np.uintp(rows[k])] += direction[j] * scaled[k]
    shift = of_intercept / total if total > 0.0 else 0.0
    for j in chosen:
        product = 0.0
        for k in range(np.uintp(starts[j]), np.uintp(starts[j + 1])):
            product += scaled[k] * moved[np.uintp(rows[k])]
        out[j] = product - across[j] * shift


@compiled
def descend_columns(
    starts, rows, scaled, across, own, total, slopes, weights, squares, at, begin, moved, least_gain, most_sweeps
):
    """Sweeps over the columns until a sweep over all gains no more than `least_gain`: how many.

    slopes: at `begin`, with the intercept where the quadratic is least, which it stays at; own: Σ c x². weights of
    |coordinate|, squares of half its square. at: where it is, and comes to; moved: √c·(row · (at − begin)) of each row.
    In between only columns are swept that are not 0 or moved in the last sweep over all. Cost: 2 ns a value.
    """
    of_intercept = 0.0
    for j in range(at.shape[0]):
        of_intercept += across[j] * (at[j] - begin[j])
    is_active = np.ones(at.shape[0], np.bool_)
    is_whole = True
    for sweep in range(most_sweeps):
        gained = 0.0
        for j in range(at.shape[0]):
            if not (is_whole or is_active[j]):
                continue
            shift = across[j] / total if total > 0.0 else 0.0
            curvature = own[j] - shift * across[j] + squares[j]
            # What the intercept does as well.
            if not curvature > 1e-12 * own[j]:
                is_active[j] = False
                continue
            slope = slopes[j] + squares[j] * (at[j] - begin[j]) - shift * of_intercept
            for k in range(np.uintp(starts[j]), np.uintp(starts[j + 1])):
                slope += scaled[k] * moved[np.uintp(rows[k])]
            before = at[j]
            pull = curvature * before - slope
            after = 0.0
            if pull > weights[j]:
                after = (pull - weights[j]) / curvature
            elif pull < -weights[j]:
                after = (pull + weights[j]) / curvature
            move = after - before
            is_active[j] = after != 0.0 or move != 0.0
            if move != 0.0:
                at[j] = after
                of_intercept += move * across[j]
                gained += 0.5 * move * move * curvature
                for k in range(np.uintp(starts[j]), np.uintp(starts[j + 1])):
                    moved[np.uintp(rows[k])] += move * scaled[k]
        if not gained > least_gain:
            if is_whole:
                return sweep + 1
            is_whole = True
        else:
            is_whole = False
    return most_sweeps


@compiled
def dual_rows(indptr, indices, data, y, mass, offset, b, w, move_b, move, theta, inexact, curvatures, sums):
    """A dual point: θ = residual + curvature·(move_b + xᵀmove) of each row, so that y + θ / mass lies in [0, 1].

    inexact: in units of what θ is rounded, the mass of shares, 0 of classes. curvatures: 0 where the probability is
    rounded to 0 or 1. sums: `N_DUAL` of them, rounding included.
    Cost: 20 ns a row and 2 ns a value.
    """
    unit = 2.0**-53
    for i in range(y.shape[0]):
        m = 1.0 if mass.shape[0] == 0 else mass[i]
        theta[i] = inexact[i] = curvatures[i] = 0.0
        if not m > 0.0:
            continue
        z = b if offset.shape[0] == 0 else b + offset[i]
        size = abs(b) if offset.shape[0] == 0 else abs(b) + abs(offset[i])
        t = move_b
        for k in range(np.uintp(indptr[i]), np.uintp(indptr[i + 1])):
            x, j = np.float64(data[k]), np.uintp(indices[k])
            term = x * w[j]
            z += term
            size += abs(term)
            t += x * move[j]
        label = np.float64(y[i])
        _, r, c = logistic_row(label, m, z)
        least, most = -label * m, (1.0 - label) * m
        point = min(max(r + c * t, least), most)
        # Of classes the point is what θ says; of shares θ is rounded, as is where it is cut.
        inexact[i] = 0.0 if label == 0.0 or label == 1.0 else m
        theta[i], curvatures[i] = point, c
        # Of log-odds: each term has the rounding of its product, and of each sum that it goes through.
        off = unit * (indptr[i + 1] - indptr[i] + 4) * size
        far = c * (abs(t) + 2.0 * off) + 8.0 * unit * (inexact[i] + abs(r) + c * abs(t))
        if far > 0.0:
            distance = far / c * far * np.exp(off) if c > 0.0 else np.inf
            if point in (least, most):
                # The probability is 0 or 1, and is not moved from there.
                distance = min(distance, m * np.exp(off - z if point == most else off + z))
                curvatures[i] = 0.0
            sums[DISTANCE] += distance
        sums[LARGEST_MOVE] = max(sums[LARGEST_MOVE], abs(t))


@inlined
def _halves(x):
    """Two floats of 26 bits whose sum is x (Veltkamp); none of x beyond 1e300."""
    scaled = 134217729.0 * x
    high = scaled - (scaled - x)
    return high, x - high


@compiled
def accurate_sums(starts, rows, values, theta, inexact, sums, of_sizes, of_inexact):
    """Σ θ x of each column as if in twice the precision, Σ |θ x|, and Σ inexact·|x|. Cost: 5 ns a value.

    The rounding of each product and of each sum is kept: Ogita, Rump & Oishi (2005), algorithm 5.3.
    """
    for j in range(starts.shape[0] - 1):
        high, low, size, off = 0.0, 0.0, 0.0, 0.0
        for k in range(np.uintp(starts[j]), np.uintp(starts[j + 1])):
            i, x = np.uintp(rows[k]), values[k]
            point = theta[i]
            term = point * x
            x_high, x_low = _halves(x)
            point_high, point_low = _halves(point)
            rest = x_low * point_low - (((term - x_high * point_high) - x_low * point_high) - x_high * point_low)
            total = high + term
            part = total - high
            low += ((high - (total - part)) + (term - part)) + rest
            high = total
            size += abs(term)
            off += inexact[i] * abs(x)
        sums[j], of_sizes[j], of_inexact[j] = high + low, size, off
