"""Sums over rows that count for more or less than one: with weights, soft labels or both.

    y  labels: uint8 (0 or 1) in the kernels of hard labels, float64 (shares in [0, 1]) in the others
    p  P(1), float32 or float64     q  P(0), where it is a column of its own, else None
    z  logits, where the forecasts are logits, else None (numba wants an array for p, too, and gets the same one)
    w  weights, finite and > 0, or None     n  counts ≥ 0 (int64): the row stands n times; or None

What the sums are is listed in `summaries.loss`: c = w·loss, a = w·y and b = w·Brier are rounded once, their products
are kept in two halves.
"""

from __future__ import annotations

import math

import numpy as np

from logloss.onepass.kernels.compiled import compiled, inlined
from logloss.onepass.kernels.exact import carry, deposit_times
from logloss.onepass.kernels.losses import (
    ENTROPY,
    IF_ONE,
    IF_ZERO,
    N_PARTS,
    PROBA,
    VARIANCE,
    forecast_parts,
    soft_cost,
    soft_surprisals,
)
from logloss.onepass.kernels.pointwise import INFINITY
from logloss.onepass.kernels.products import (
    SLICE,
    STRIDE,
    deposit_columns,
    is_plain,
    is_safe,
    part_of,
    product,
    times,
)

# Columns of `contributions`.
N_GENERAL = 31


@inlined
def are_safe(label, proba, brier, entropy, variance):
    """Whether everything that a weight is multiplied with is safe, the loss excepted."""
    return is_safe(label) & is_safe(proba) & is_safe(brier) & is_safe(entropy) & is_safe(variance)


@inlined
def brier_of(y, proba):
    """Squared error of a prediction, averaged over the two classes by their shares."""
    return y * ((1.0 - proba) * (1.0 - proba)) + (1.0 - y) * (proba * proba)


@inlined
def contributions(w, y, loss, proba, brier, entropy, variance, column, scratch):
    """Write what one row contributes to the general sums: c = w·loss, a = w·y, b = w·Brier and their products."""
    # Nine arguments: eight numbers that stay in registers, since the call is inlined, and where they go.
    c = w * loss
    a = w * y
    b = w * brier
    ww, ww_low = product(w, w)
    cw, cw_low = product(c, w)
    cc, cc_low = product(c, c)
    scratch[column] = w
    scratch[column + STRIDE] = c
    scratch[column + 2 * STRIDE] = ww
    scratch[column + 3 * STRIDE] = ww_low
    scratch[column + 4 * STRIDE] = cw
    scratch[column + 5 * STRIDE] = cw_low
    scratch[column + 6 * STRIDE] = cc
    scratch[column + 7 * STRIDE] = cc_low
    scratch[column + 8 * STRIDE], scratch[column + 9 * STRIDE] = times(ww, ww_low, w)
    scratch[column + 10 * STRIDE], scratch[column + 11 * STRIDE] = times(ww, ww_low, c)
    scratch[column + 12 * STRIDE], scratch[column + 13 * STRIDE] = times(cc, cc_low, w)
    scratch[column + 14 * STRIDE], scratch[column + 15 * STRIDE] = times(cc, cc_low, c)
    scratch[column + 16 * STRIDE] = a
    scratch[column + 17 * STRIDE], scratch[column + 18 * STRIDE] = product(a, w)
    scratch[column + 19 * STRIDE], scratch[column + 20 * STRIDE] = product(a, a)
    scratch[column + 21 * STRIDE], scratch[column + 22 * STRIDE] = product(c, a)
    # What enters means only is rounded once. Errors are differences of the products above: these keep all digits.
    scratch[column + 23 * STRIDE] = w * proba
    scratch[column + 24 * STRIDE] = b
    scratch[column + 25 * STRIDE], scratch[column + 26 * STRIDE] = product(b, w)
    scratch[column + 27 * STRIDE], scratch[column + 28 * STRIDE] = product(b, b)
    scratch[column + 29 * STRIDE] = w * entropy
    scratch[column + 30 * STRIDE] = ww * variance


# Powers of weight, loss, label, probability, Brier score, entropy and variance in each general sum: where they had to
# be split into mantissa and exponent, a contribution made of the mantissas is moved by as many exponents.
POWERS = np.array(
    [(1, 0, 0, 0, 0, 0, 0), (1, 1, 0, 0, 0, 0, 0)]
    + 2 * [(2, 0, 0, 0, 0, 0, 0)]
    + 2 * [(2, 1, 0, 0, 0, 0, 0)]
    + 2 * [(2, 2, 0, 0, 0, 0, 0)]
    + 2 * [(3, 0, 0, 0, 0, 0, 0)]
    + 2 * [(3, 1, 0, 0, 0, 0, 0)]
    + 2 * [(3, 2, 0, 0, 0, 0, 0)]
    + 2 * [(3, 3, 0, 0, 0, 0, 0)]
    + [(1, 0, 1, 0, 0, 0, 0)]
    + 2 * [(2, 0, 1, 0, 0, 0, 0)]
    + 2 * [(2, 0, 2, 0, 0, 0, 0)]
    + 2 * [(2, 1, 1, 0, 0, 0, 0)]
    + [(1, 0, 0, 1, 0, 0, 0), (1, 0, 0, 0, 1, 0, 0)]
    + 2 * [(2, 0, 0, 0, 1, 0, 0)]
    + 2 * [(2, 0, 0, 0, 2, 0, 0)]
    + [(1, 0, 0, 0, 0, 1, 0), (2, 0, 0, 0, 0, 0, 1)]
)


@compiled
def weighted_losses_summed(y, p, q, z, w, n, limbs, tally):
    """Σ weight·loss, of finite losses, and Σ weight into limbs[0..1]: what a mean of losses needs.

    tally: rows, rows of infinite loss. Cost: 5 ns a row.
    """
    scratch = np.empty(3 * STRIDE)
    for start in range(0, y.shape[0], SLICE):
        stop = min(start + SLICE, y.shape[0])
        length = stop - start
        losses, weights = scratch[2 * STRIDE : 2 * STRIDE + length], part_of(w, start, stop)
        zeros, logits = part_of(q, start, stop), part_of(z, start, stop)
        soft_surprisals(y[start:stop], p[start:stop], zeros, logits, losses)
        special = 0
        for i in range(length):
            weight = 1.0 if w is None else weights[i]
            is_infinite = losses[i] == INFINITY
            plain = is_plain(weight) & (is_safe(losses[i]) | is_infinite)
            special |= (not plain) | is_infinite
            scratch[i] = weight * (0.0 if is_infinite or not plain else losses[i])
            scratch[STRIDE + i] = weight if plain else 0.0
        if special:
            for i in range(length):
                weight = 1.0 if w is None else weights[i]
                count = 1 if n is None else n[start + i]
                is_infinite = losses[i] == INFINITY
                tally[1] += count if is_infinite else 0
                if not (is_plain(weight) & (is_safe(losses[i]) | is_infinite)):
                    # By mantissa and exponent, so that the product neither overflows nor loses digits.
                    weight, of_weight = math.frexp(weight)
                    loss, of_loss = math.frexp(0.0 if is_infinite else losses[i])
                    deposit_times(weight * loss, of_weight + of_loss, count, limbs[0])
                    deposit_times(weight, of_weight, count, limbs[1])
        for i in range(length):
            tally[0] += 1 if n is None else n[start + i]
        deposit_columns(scratch, 2, length, n, start, limbs)
    carry(limbs)


@compiled
def general_sums(y, p, q, z, w, n, limbs, tally):
    """The sums of rows with soft labels, weights or both: 31 columns, and in limbs[31] the weight of infinite rows.

    tally: as in `hard_sums`, the rows of 1 being those with y = 1. Cost: 20 ns a row.
    """
    parts = np.empty(N_PARTS * STRIDE)
    scratch = np.empty(N_GENERAL * STRIDE)
    spare = np.empty(N_GENERAL * STRIDE)
    for start in range(0, y.shape[0], SLICE):
        stop = min(start + SLICE, y.shape[0])
        length = stop - start
        forecast_parts(p[start:stop], part_of(q, start, stop), part_of(z, start, stop), parts)
        labels = y[start:stop]
        weights = part_of(w, start, stop)
        special = 0
        for i in range(length):
            label = np.float64(labels[i])
            weight = 1.0 if w is None else np.float64(weights[i])
            loss = soft_cost(label, parts[IF_ONE + i], parts[IF_ZERO + i])
            proba = parts[PROBA + i]
            brier = brier_of(label, proba)
            entropy, variance = parts[ENTROPY + i], parts[VARIANCE + i]
            # Of an infinite loss the weight still counts; other rows out of range are left to `special_rows`.
            can_weigh = is_plain(weight) & are_safe(label, proba, brier, entropy, variance)
            plain = can_weigh & is_safe(loss)
            special |= not plain
            contributions(
                weight if can_weigh & (is_safe(loss) | (loss == INFINITY)) else 0.0,
                label,
                loss if plain else 0.0,
                proba,
                brier,
                entropy,
                variance,
                i,
                scratch,
            )
        if special:
            special_rows(labels, weights, part_of(n, start, stop), start, parts, spare, limbs, tally)
        # A soft label counts as a row of 1 only where it is certain.
        for i in range(length):
            count = 1 if n is None else n[start + i]
            tally[0] += count
            tally[1] += count if labels[i] == 1.0 else 0
        deposit_columns(scratch, N_GENERAL, length, n, start, limbs)
    carry(limbs)


@compiled
def special_rows(y, w, n, start, parts, spare, limbs, tally):
    """Rows of a slice whose loss is infinite, or whose weight or loss cannot be cubed as it stands."""
    for i in range(y.shape[0]):
        label = np.float64(y[i])
        weight = 1.0 if w is None else np.float64(w[i])
        loss = soft_cost(label, parts[IF_ONE + i], parts[IF_ZERO + i])
        count = 1 if n is None else n[i]
        is_infinite = loss == INFINITY
        if is_infinite and count > 0:
            tally[2] += count
            if tally[3] < 0:
                tally[3] = start + i
            deposit_times(weight, 0, count, limbs[N_GENERAL])
        # What the loop without branches has taken in, without an infinite loss, is not taken in again.
        proba = parts[PROBA + i]
        brier = brier_of(label, proba)
        entropy, variance = parts[ENTROPY + i], parts[VARIANCE + i]
        if is_plain(weight) & are_safe(label, proba, brier, entropy, variance) & (is_infinite | is_safe(loss)):
            continue
        weight, of_weight = math.frexp(weight)
        loss, of_loss = math.frexp(0.0 if is_infinite else loss)
        share, of_label = math.frexp(label)
        proba, of_proba = math.frexp(proba)
        brier, of_brier = math.frexp(brier)
        entropy, of_entropy = math.frexp(entropy)
        variance, of_variance = math.frexp(variance)
        contributions(weight, share, loss, proba, brier, entropy, variance, i, spare)
        for k in range(N_GENERAL):
            shift = POWERS[k, 0] * of_weight + POWERS[k, 1] * of_loss + POWERS[k, 2] * of_label
            shift += POWERS[k, 3] * of_proba + POWERS[k, 4] * of_brier + POWERS[k, 5] * of_entropy
            deposit_times(spare[k * STRIDE + i], shift + POWERS[k, 6] * of_variance, count, limbs[k])
