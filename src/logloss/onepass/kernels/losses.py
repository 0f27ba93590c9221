"""What forecasts cost: arrays in, arrays out, row by row.

    y  labels: uint8 (0 or 1) in the kernels of hard labels, float64 (shares in [0, 1]) in the others
    p  P(1), float32 or float64     q  P(0), where it is a column of its own, else None
    z  logits, where the forecasts are logits, else None (numba wants an array for p, too, and gets the same one)
    w  weights, n  counts, or None: of the rows of a fit, whose labels may be shares

Inputs were checked by `data.block`. p, q and z stay three arguments and not one tuple: numba drops the branches of what
is None for arguments only, and each way of writing a forecast is compiled by itself.
"""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import as_bits, compiled, fma, inlined
from logloss.onepass.kernels.exact import carry, deposit
from logloss.onepass.kernels.pointwise import (
    BITS_OF_22,
    BITS_OF_SMALLEST_NORMAL,
    entropy_of,
    exp_minus,
    exp_minus_near,
    kl_of,
    log_parts_of_normal,
    lost_by_complement,
    softplus_pair,
    softplus_parts,
    softplus_sides,
    sum_of_parts,
    surprisal_of,
    surprisal_of_one,
    surprisal_of_zero,
)
from logloss.onepass.kernels.products import SLICE, STRIDE, part_of

# The columns that every forecast has: cost of a 1, cost of a 0, probability, entropy, variance of the cost.
IF_ONE, IF_ZERO, PROBA, ENTROPY, VARIANCE, N_PARTS = 0, STRIDE, 2 * STRIDE, 3 * STRIDE, 4 * STRIDE, 5


@inlined
def soft_cost(y, if_one, if_zero):
    """y·(cost of a 1) + (1−y)·(cost of a 0), where nothing of an infinite cost is nothing."""
    # Both are computed and chosen from, 0·∞ included: a branch would keep the loops around it from vectorising.
    one = y * if_one
    zero = (1.0 - y) * if_zero
    return (0.0 if y == 0.0 else one) + (0.0 if y == 1.0 else zero)


@compiled
def surprisals_of_slice(y, p, q, z, out, high, low):
    """Loss of each of at most SLICE rows of hard labels; returns whether the losses are known to be finite.

    high, low: room for as many floats; of logits, high holds e^−|z| afterwards. Several short loops, of which the
    processor has several rows under way at a time; what is rare (0, subnormal numbers, |z| > 22) costs nothing where a
    slice has none of it, and is computed for a whole slice that has some. Cost: 1 ns a row, 2.3 from logits.
    """
    n = y.shape[0]
    if z is not None:
        most = 0
        for i in range(n):
            a = abs(np.float64(z[i]))
            most = max(most, as_bits(a))
            high[i], low[i] = exp_minus_near(a)
        if most <= BITS_OF_22:
            for i in range(n):
                head, rest = softplus_parts(high[i], low[i])
                against = -np.float64(z[i]) if y[i] != 0 else np.float64(z[i])
                out[i] = sum_of_parts(max(against, 0.0), head, rest)
            return True
        for i in range(n):
            logit = np.float64(z[i])
            high[i], low[i] = exp_minus(abs(logit))
            right, wrong = softplus_sides(abs(logit), high[i], low[i])
            out[i] = right if (logit > 0.0) == (y[i] != 0) else wrong
        return False
    # The argument of the logarithm is chosen first, so that one logarithm a row is taken, and no branch.
    least = BITS_OF_SMALLEST_NORMAL
    for i in range(n):
        given = np.float64(p[i])
        if q is not None:
            u = np.float64(q[i]) if y[i] == 0 else given
            low[i] = 0.0
        else:
            u = 1.0 - given
            correction = lost_by_complement(given, u)
            u = u if y[i] == 0 else given
            low[i] = correction if y[i] == 0 else 0.0
        least = min(least, as_bits(u))
        high[i] = u
    if least == BITS_OF_SMALLEST_NORMAL:
        for i in range(n):
            head, rest = log_parts_of_normal(high[i], low[i], 1023.0)
            out[i] = abs(head + rest)
        return True
    for i in range(n):
        out[i] = surprisal_of(high[i], low[i])
    return False


@compiled
def surprisals(y, p, q, z, out):
    """Loss of each row of hard labels: −log(probability of the observed class). Cost: 1 ns a row, 2.3 from logits."""
    high, low = np.empty(SLICE), np.empty(SLICE)
    for start in range(0, y.shape[0], SLICE):
        stop = min(start + SLICE, y.shape[0])
        zeros, logits = part_of(q, start, stop), part_of(z, start, stop)
        surprisals_of_slice(y[start:stop], p[start:stop], zeros, logits, out[start:stop], high, low)


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


@inlined
def probability_from(z, high):
    """1 / (1 + e^−z), where e^−|z| is known: right to 2 units in the last place on both sides."""
    # Never e^z for z > 0: it overflows, and 1 less a share near 1 has lost its digits.
    likelier = 1.0 / (1.0 + high)
    return likelier if z > 0.0 else high * likelier


@inlined
def probability_of(z):
    """The same, of a logit alone."""
    high, _ = exp_minus(abs(z))
    return probability_from(z, high)


@compiled
def probabilities(p, q, z, out):
    """P(1) of each row, as float64. Cost: 0.2 ns a row, 2 from logits."""
    for i in range(p.shape[0]):
        out[i] = np.float64(p[i]) if z is None else probability_of(np.float64(z[i]))


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
        # The variance of two values by their distance; a mean of squares less a squared mean would cancel.
        spread = if_zero - if_one
        entropy_one = one * if_one
        entropy_zero = zero * if_zero
        variance = one * zero * spread * spread
        parts[IF_ONE + i] = if_one
        parts[IF_ZERO + i] = if_zero
        parts[PROBA + i] = one
        parts[ENTROPY + i] = (0.0 if one == 0.0 else entropy_one) + (0.0 if zero == 0.0 else entropy_zero)
        parts[VARIANCE + i] = 0.0 if one * zero == 0.0 else variance


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


@inlined
def logistic_row(label, mass, logit):
    """Loss of a row and its two derivatives in the logit, each times its mass.

    First derivative: σ(z) − y, without cancellation: (1−y)·σ(z) − y·σ(−z). Second: σ(z)·σ(−z).
    """
    # Both σ(z) and σ(−z) from e^−|z|: the smaller one is never 1 less the larger one, which would cancel.
    if_one, if_zero = softplus_pair(logit)
    high, _ = exp_minus(abs(logit))
    likelier = 1.0 / (1.0 + high)
    rarer = high * likelier
    one = likelier if logit > 0.0 else rarer
    zero = rarer if logit > 0.0 else likelier
    loss = mass * soft_cost(label, if_one, if_zero)
    # Not one·(1 − one): the digits of the rarer side are kept.
    return loss, mass * ((1.0 - label) * one - label * zero), mass * (likelier * rarer)


@compiled
def logistic_rows(y, z, w, n, residuals, curvatures, limbs):
    """Loss and its two derivatives in the logit, each times weight and count: the losses are summed exactly.

    Cost: 5 ns a row.
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
            mass = 1.0 if w is None else weights[i]
            if n is not None:
                mass *= counts[i]
            losses[i], first[i], second[i] = logistic_row(np.float64(labels[i]), mass, logits[i])
        deposit(losses[: stop - start], limbs[0])
    carry(limbs)


@compiled
def losses_along(y, mass, at, steps, lengths, most, limbs):
    """Summed loss where log-odds are at + length·steps[0], for each length, and at + each other step; whether it is.

    mass: weight times count of each row, or none of it: 1. limbs: a sum for each of these points. A point whose loss is
    above `most`, which is finite, is given up as soon as that is seen. Cost: 4 ns a row and point.
    """
    n_lengths = lengths.shape[0]
    is_left = np.full(n_lengths + steps.shape[0] - 1, True)
    so_far = np.zeros(is_left.shape[0])
    logits, costs, halves = np.empty(SLICE), np.zeros(SLICE), np.empty(SLICE // 2)
    for start in range(0, y.shape[0], SLICE):
        n = min(SLICE, y.shape[0] - start)
        labels, first = y[start : start + n], at[start : start + n]
        for k in range(is_left.shape[0]):
            if not is_left[k]:
                continue
            length = lengths[k] if k < n_lengths else 1.0
            step = steps[max(k - n_lengths + 1, 0), start : start + n]
            for i in range(n):
                logits[i] = fma(length, step[i], first[i])
            soft_surprisals(labels, logits[:n], None, logits[:n], costs[:n])
            if mass.shape[0]:
                for i in range(n):
                    costs[i] *= mass[start + i]
            # In floating point, but never more than the sum but for rounding; NaN is given up, too.
            so_far[k] += _summed(costs, n, halves)
            is_left[k] = so_far[k] <= most
            if is_left[k]:
                deposit(costs[:n], limbs[k])
    carry(limbs)
    return is_left


@inlined
def _summed(values, n, halves):
    """The floating sum of n values of a slice, by halves, which vectorises; what lies after them becomes 0."""
    for i in range(n, SLICE):
        values[i] = 0.0
    width = SLICE // 2
    for i in range(width):
        halves[i] = values[i] + values[width + i]
    while width > 1:
        width //= 2
        for i in range(width):
            halves[i] += halves[width + i]
    return halves[0]
