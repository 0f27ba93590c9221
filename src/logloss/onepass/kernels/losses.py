"""The mathematics of one block: arrays in, exact sums or arrays out.

    y  labels: uint8 (0 or 1) in the kernels of hard labels, float64 (shares in [0, 1]) in the others
    p  P(1), float32 or float64     q  P(0), where it is a column of its own, else None
    z  logits, where the forecasts are logits, else None (numba wants an array for p, too, and gets the same one)
    w  weights, finite and > 0, or None     n  counts ≥ 0 (int64): the row stands n times; or None

Inputs were checked by `data.block`. The summing kernels work through slices of SLICE rows: loops without a branch write
what each row contributes to each sum into columns of one scratch array, and `exact.deposit` adds the columns up.
What the sums are is listed in `summaries.py`.

>>> import numpy as np
>>> out = np.empty(2)
>>> surprisals(np.array([1, 0], dtype=np.uint8), np.array([0.5, 0.5]), None, None, out)
>>> out.tolist()
[0.6931471805599453, 0.6931471805599453]
"""

from __future__ import annotations

import math

import numpy as np

from logloss.onepass.kernels.compiled import compiled, fma, inlined
from logloss.onepass.kernels.exact import carry, deposit, deposit_below, deposit_times
from logloss.onepass.kernels.pointwise import (
    INFINITY,
    entropy_of,
    exp_minus,
    kl_of,
    log_parts,
    lost_by_complement,
    softplus_pair,
    surprisal_of_one,
    surprisal_of_zero,
)

# Rows of one slice: its widest scratch, 36 columns of float64, takes 150 KB of the second-level cache.
SLICE = 512
# Where the next column of a scratch begins: not at a multiple of 4,096 bytes, where all columns would fall into the
# same lines of the first-level cache (measured: 1.5 times slower).
STRIDE = SLICE + 8
# The columns that every forecast has: cost of a 1, cost of a 0, probability, entropy, variance of the cost.
IF_ONE, IF_ZERO, PROBA, ENTROPY, VARIANCE, N_PARTS = 0, STRIDE, 2 * STRIDE, 3 * STRIDE, 4 * STRIDE, 5
N_HARD, N_GENERAL = 9, 31

# No probability above 0 costs as much as 2^10 nats: −log 5e-324 is 744.4.
MOST_NATS_EXPONENT = 10
# Between these, products of three factors and their low halves neither overflow nor underflow.
LEAST_PLAIN = 2.0**-200
GREATEST_PLAIN = 2.0**200


@inlined
def is_plain(x):
    """Whether x > 0 may be cubed as it stands."""
    return (x > LEAST_PLAIN) & (x < GREATEST_PLAIN)


@inlined
def is_safe(x):
    """Whether products of x ≥ 0 with a plain weight keep their digits."""
    return (x == 0.0) | is_plain(x)


@inlined
def are_safe(label, proba, brier, entropy, variance):
    """Whether everything that a weight is multiplied with is safe, the loss excepted."""
    return is_safe(label) & is_safe(proba) & is_safe(brier) & is_safe(entropy) & is_safe(variance)


@inlined
def soft_cost(y, if_one, if_zero):
    """y·(cost of a 1) + (1−y)·(cost of a 0), where nothing of an infinite cost is nothing."""
    one = y * if_one
    zero = (1.0 - y) * if_zero
    return (0.0 if y == 0.0 else one) + (0.0 if y == 1.0 else zero)


@compiled
def surprisals(y, p, q, z, out):
    """What each row of hard labels costs: −log(probability given to what happened). Cost: 1 ns a row, 3 from logits."""
    if z is not None:
        for i in range(y.shape[0]):
            if_one, if_zero = softplus_pair(np.float64(z[i]))
            out[i] = if_zero if y[i] == 0 else if_one
    elif q is not None:
        for i in range(y.shape[0]):
            out[i] = surprisal_of_one(np.float64(q[i]) if y[i] == 0 else np.float64(p[i]))
    else:
        for i in range(y.shape[0]):
            given = np.float64(p[i])
            u = 1.0 - given
            correction = lost_by_complement(given, u)
            u = u if y[i] == 0 else given
            head, rest = log_parts(u, correction if y[i] == 0 else 0.0)
            out[i] = INFINITY if u == 0.0 else abs(head + rest)


@compiled
def soft_surprisals(y, p, q, z, out):
    """What each row of soft labels costs on average. Cost: 3 ns a row, 4 from logits."""
    for i in range(y.shape[0]):
        if z is not None:
            if_one, if_zero = softplus_pair(np.float64(z[i]))
        else:
            if_one = surprisal_of_one(np.float64(p[i]))
            if_zero = surprisal_of_zero(np.float64(p[i])) if q is None else surprisal_of_one(np.float64(q[i]))
        out[i] = soft_cost(np.float64(y[i]), if_one, if_zero)


@compiled
def forecast_parts(p, q, z, parts):
    """What a slice of forecasts gives before its labels are known: the first five columns of the parts."""
    for i in range(p.shape[0]):
        if z is not None:
            logit = np.float64(z[i])
            if_one, if_zero = softplus_pair(logit)
            one = probability_of(logit)
            zero = probability_of(-logit)
        else:
            one = np.float64(p[i])
            if_one = surprisal_of_one(one)
            if q is not None:
                zero = np.float64(q[i])
                if_zero = surprisal_of_one(zero)
            else:
                zero = 1.0 - one
                if_zero = surprisal_of_zero(one)
        spread = if_zero - if_one
        entropy_one = one * if_one
        entropy_zero = zero * if_zero
        variance = one * zero * spread * spread
        parts[IF_ONE + i] = if_one
        parts[IF_ZERO + i] = if_zero
        parts[PROBA + i] = one
        parts[ENTROPY + i] = (0.0 if one == 0.0 else entropy_one) + (0.0 if zero == 0.0 else entropy_zero)
        parts[VARIANCE + i] = 0.0 if one * zero == 0.0 else variance


@inlined
def part_of(x, start, stop):
    """Rows start to stop of an array, or of none. (Slices, since an index `start + i` costs a test of its sign.)"""
    return None if x is None else x[start:stop]


@inlined
def deposit_columns(columns, n_columns, length, counts, start, limbs):
    """Add the columns of a slice to the sums."""
    for k in range(n_columns):
        at = k * STRIDE
        if counts is None:
            deposit(columns[at : at + length], limbs[k])
        else:
            for i in range(length):
                deposit_times(columns[at + i], 0, counts[start + i], limbs[k])


@compiled
def losses_summed(y, p, q, z, limbs):
    """Σ loss of hard labels into limbs[0], infinite rows left out; returns their number.

    Cost: 1.5 ns a row, 4 from logits.
    """
    scratch = np.empty(SLICE)
    n_infinite = 0
    for start in range(0, y.shape[0], SLICE):
        stop = min(start + SLICE, y.shape[0])
        length = stop - start
        surprisals(y[start:stop], p[start:stop], part_of(q, start, stop), part_of(z, start, stop), scratch[:length])
        n_infinite += set_infinite_to_zero(scratch[:length])
        if z is None:
            deposit_below(scratch[:length], MOST_NATS_EXPONENT, limbs[0])
        else:
            deposit(scratch[:length], limbs[0])
    carry(limbs)
    return n_infinite


@compiled
def set_infinite_to_zero(values):
    """Take the infinite values out of a column of values ≥ 0; returns how many there were."""
    n_infinite = 0
    for i in range(values.shape[0]):
        is_infinite = values[i] == INFINITY
        n_infinite += is_infinite
        values[i] = 0.0 if is_infinite else values[i]
    return n_infinite


@compiled
def row_sums(y, p, q, z, n, limbs, tally, costs, places):
    """Σ loss, Σ probability and Σ Brier score of hard labels into limbs[0..2]; infinite losses enter none of them.

    tally: rows, rows of 1, rows of infinite loss. costs, places: the costliest rows of the block, the costliest first,
    of equal ones the first; costs[0] says on entry what a row must cost to be kept, and places[k] = −1 where there are
    fewer. Cost: 2.5 ns a row, 6 from logits.
    """
    scratch = np.empty(3 * STRIDE)
    n_kept = 0
    least = costs[0]
    for start in range(0, y.shape[0], SLICE):
        stop = min(start + SLICE, y.shape[0])
        length = stop - start
        labels, ones = y[start:stop], p[start:stop]
        zeros, logits = part_of(q, start, stop), part_of(z, start, stop)
        losses, probas, briers = scratch[:length], scratch[STRIDE : STRIDE + length], scratch[2 * STRIDE :]
        surprisals(labels, ones, zeros, logits, losses)
        most = 0.0
        n_ones = 0
        for i in range(length):
            most = max(most, losses[i])
            n_ones += labels[i]
        if most >= least:
            n_kept, least = keep_costliest(losses, start, least, n_kept, costs, places)
        if most == INFINITY:
            for i in range(length):
                tally[2] += (1 if n is None else n[start + i]) if losses[i] == INFINITY else 0
            set_infinite_to_zero(losses)
        for i in range(length):
            one = probability_of(np.float64(logits[i])) if z is not None else np.float64(ones[i])
            miss = (1.0 if labels[i] != 0 else 0.0) - one
            probas[i] = one
            briers[i] = miss * miss
        if n is not None:
            for i in range(length):
                tally[0] += n[start + i]
                tally[1] += n[start + i] if labels[i] != 0 else 0
            deposit_columns(scratch, 3, length, n, start, limbs)
            continue
        tally[0] += length
        tally[1] += n_ones
        if z is None:
            deposit_below(losses, MOST_NATS_EXPONENT, limbs[0])
        else:
            deposit(losses, limbs[0])
        # Both are at most 1.
        deposit_below(probas, 1, limbs[1])
        deposit_below(briers[:length], 1, limbs[2])
    carry(limbs)
    for k in range(n_kept, places.shape[0]):
        places[k] = -1


@inlined
def probability_of(z):
    """1 / (1 + e^−z), right to 2 units in the last place on both sides."""
    high, _ = exp_minus(abs(z))
    likelier = 1.0 / (1.0 + high)
    return likelier if z > 0.0 else high * likelier


@compiled
def keep_costliest(losses, start, least, n_kept, costs, places):
    """Put the rows of a slice that cost at least so much into the list of the costliest; returns (kept, least).

    Where the list is full, only a row that costs more than its last one enters.
    """
    size = costs.shape[0]
    for i in range(losses.shape[0]):
        cost = losses[i]
        if cost < least or (n_kept == size and cost <= costs[size - 1]):
            continue
        k = min(n_kept, size - 1)
        while k > 0 and costs[k - 1] < cost:
            costs[k], places[k] = costs[k - 1], places[k - 1]
            k -= 1
        costs[k], places[k] = cost, start + i
        n_kept = min(n_kept + 1, size)
    if n_kept == size:
        least = max(least, costs[size - 1])
    return n_kept, least


@compiled
def hard_sums(y, p, q, z, n, limbs, tally):
    """The sums of rows with hard labels and without weights, twelve columns; infinite losses enter none of them.

    tally: rows, rows of 1, rows of infinite loss, place of the first of these (−1: none). Cost: 8 ns a row.
    """
    parts = np.empty(N_PARTS * STRIDE)
    scratch = np.empty(N_HARD * STRIDE)
    for start in range(0, y.shape[0], SLICE):
        stop = min(start + SLICE, y.shape[0])
        length = stop - start
        forecast_parts(p[start:stop], part_of(q, start, stop), part_of(z, start, stop), parts)
        labels = y[start:stop]
        special = 0
        n_ones = 0
        for i in range(length):
            is_one = labels[i] != 0
            n_ones += is_one
            if_one, if_zero, proba = parts[IF_ONE + i], parts[IF_ZERO + i], parts[PROBA + i]
            loss = if_one if is_one else if_zero
            plain = is_plain(loss) | (loss == 0.0)
            special |= not plain
            c = 0.0 if loss == INFINITY else loss
            x = c if plain else 0.0
            square = x * x
            square_low = fma(x, x, -square)
            cube = square * x
            cube_low = fma(square_low, x, fma(square, x, -cube))
            miss = (1.0 if is_one else 0.0) - proba
            brier = miss * miss
            brier_square = brier * brier
            scratch[i] = c
            scratch[STRIDE + i] = square
            scratch[2 * STRIDE + i] = square_low
            scratch[3 * STRIDE + i] = cube
            scratch[4 * STRIDE + i] = cube_low
            scratch[5 * STRIDE + i] = c if is_one else 0.0
            scratch[6 * STRIDE + i] = brier
            scratch[7 * STRIDE + i] = brier_square
            scratch[8 * STRIDE + i] = fma(brier, brier, -brier_square)
        if special:
            for i in range(length):
                loss = parts[IF_ONE + i] if labels[i] != 0 else parts[IF_ZERO + i]
                count = 1 if n is None else n[start + i]
                if loss == INFINITY and count > 0:
                    tally[2] += count
                    if tally[3] < 0:
                        tally[3] = start + i
                elif loss != 0.0 and not is_plain(loss):
                    deposit_powers(loss, count, limbs)
        if n is None:
            tally[0] += length
            tally[1] += n_ones
        else:
            for i in range(length):
                tally[0] += n[start + i]
                tally[1] += n[start + i] if labels[i] != 0 else 0
        deposit_columns(scratch, N_HARD, length, n, start, limbs)
        deposit_columns(parts[PROBA:], 3, length, n, start, limbs[N_HARD:])
    carry(limbs)


@compiled
def deposit_powers(loss, count, limbs):
    """Square and cube of a loss too large or too small to be cubed as it stands: by its mantissa."""
    x, exponent = math.frexp(loss)
    square = x * x
    square_low = fma(x, x, -square)
    cube = square * x
    cube_low = fma(square_low, x, fma(square, x, -cube))
    deposit_times(square, 2 * exponent, count, limbs[1])
    deposit_times(square_low, 2 * exponent, count, limbs[2])
    deposit_times(cube, 3 * exponent, count, limbs[3])
    deposit_times(cube_low, 3 * exponent, count, limbs[4])


@inlined
def product(a, b):
    """a·b as the pair (rounded, what rounding lost)."""
    high = a * b
    return high, fma(a, b, -high)


@inlined
def times(high, low, b):
    """(high + low)·b as a pair, right to 2^-105."""
    result = high * b
    return result, fma(low, b, fma(high, b, -result))


@inlined
def brier_of(y, proba):
    """Squared error of a prediction, averaged over the two classes by their shares."""
    return y * ((1.0 - proba) * (1.0 - proba)) + (1.0 - y) * (proba * proba)


@inlined
def contributions(w, y, loss, proba, brier, entropy, variance, column, scratch):
    """Write what one row contributes to the general sums: c = w·loss, a = w·y, b = w·Brier and their products."""
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
            special_rows(y, w, n, start, length, parts, spare, limbs, tally)
        for i in range(length):
            count = 1 if n is None else n[start + i]
            tally[0] += count
            tally[1] += count if labels[i] == 1.0 else 0
        deposit_columns(scratch, N_GENERAL, length, n, start, limbs)
    carry(limbs)


@compiled
def special_rows(y, w, n, start, length, parts, spare, limbs, tally):
    """Rows of a slice whose loss is infinite, or whose weight or loss cannot be cubed as it stands."""
    for i in range(length):
        label = np.float64(y[start + i])
        weight = 1.0 if w is None else np.float64(w[start + i])
        loss = soft_cost(label, parts[IF_ONE + i], parts[IF_ZERO + i])
        count = 1 if n is None else n[start + i]
        is_infinite = loss == INFINITY
        if is_infinite and count > 0:
            tally[2] += count
            if tally[3] < 0:
                tally[3] = start + i
            deposit_times(weight, 0, count, limbs[N_GENERAL])
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


@compiled
def entropies(q, out):
    """H(q) of each value. Cost: 3 ns each."""
    for i in range(q.shape[0]):
        out[i] = entropy_of(q[i])


@compiled
def divergences(q, p, out):
    """KL(q ‖ p) of each pair. Cost: 10 ns each."""
    for i in range(q.shape[0]):
        out[i] = kl_of(q[i], p[i])


@compiled
def logistic_rows(y, z, w, n, residuals, curvatures, limbs):
    """Loss and its two derivatives in the logit, each times weight and count: the losses are summed exactly.

    residuals: σ(z) − y, without cancellation: (1−y)·σ(z) − y·σ(−z). curvatures: σ(z)·σ(−z). Cost: 5 ns a row.
    """
    losses = np.empty(SLICE)
    for start in range(0, y.shape[0], SLICE):
        stop = min(start + SLICE, y.shape[0])
        labels = y[start:stop]
        logits = z[start:stop]
        weights = part_of(w, start, stop)
        counts = part_of(n, start, stop)
        first = residuals[start:stop]
        second = curvatures[start:stop]
        for i in range(stop - start):
            label = np.float64(labels[i])
            weight = 1.0 if w is None else weights[i]
            if n is not None:
                weight *= counts[i]
            if_one, if_zero = softplus_pair(logits[i])
            high, _ = exp_minus(abs(logits[i]))
            likelier = 1.0 / (1.0 + high)
            rarer = high * likelier
            one = likelier if logits[i] > 0.0 else rarer
            zero = rarer if logits[i] > 0.0 else likelier
            losses[i] = weight * soft_cost(label, if_one, if_zero)
            first[i] = weight * ((1.0 - label) * one - label * zero)
            second[i] = weight * (likelier * rarer)
        deposit(losses[: stop - start], limbs[0])
    carry(limbs)
