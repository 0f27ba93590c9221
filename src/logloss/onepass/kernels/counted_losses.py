"""Sums over rows that count alike: hard labels without weights, each row once or as many times as it stands.

    y  labels: uint8 (0 or 1) in the kernels of hard labels, float64 (shares in [0, 1]) in the others
    p  P(1), float32 or float64     q  P(0), where it is a column of its own, else None
    z  logits, where the forecasts are logits, else None (numba wants an array for p, too, and gets the same one)
    n  counts ≥ 0 (int64): the row stands n times; or None

A measurement sums losses, probabilities and Brier scores row by row (`row_sums`); their squares and products come from
the table of scores, each score of which is one row here that stands many times (`hard_sums`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.onepass.kernels.compiled import as_bits, as_float, compiled, fma, inlined
from logloss.onepass.kernels.exact import carry, deposit, deposit_below
from logloss.onepass.kernels.losses import (
    IF_ONE,
    IF_ZERO,
    N_PARTS,
    PROBA,
    forecast_parts,
    probability_from,
    surprisals_of_slice,
)
from logloss.onepass.kernels.pointwise import BITS_OF_INFINITY, BITS_OF_ONE, INFINITY, PAIR_TOLERANCE
from logloss.onepass.kernels.products import (
    SLICE,
    STRIDE,
    deposit_columns,
    deposit_powers,
    is_safe,
    part_of,
    powers,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_HARD = 9
# No probability above 0 costs as much as 2^10 nats: −log 5e-324 is 744.4.
MOST_NATS_EXPONENT = 10
# The largest values of a block and where they stand.
LARGEST = np.dtype([("value", np.float64), ("place", np.int64)])


def room_for_largest(size: int, least: float = -1.0) -> NDArray[Any]:
    """Room for `keep_largest`, for values that are at least so large."""
    kept = np.full(size, np.array((-1.0, -1), LARGEST))
    kept["value"][0] = least
    return kept


@compiled
def losses_summed(y, p, q, z, limbs, tally):
    """Σ loss of hard labels into limbs[0], infinite rows left out; returns whether every label is 0 or 1, and every
    probability in [0, 1], two of them adding up to 1, or every logit a number. If not, what was summed and counted is
    to be thrown away.

    y: numbers of any type; p, q, z: with any strides. tally: rows, rows of infinite loss, slices with labels of 0.
    Values are looked at when they are in the first-level cache: a look at all of them before would read the memory
    twice. Cost: 1.4 ns a row, 2.7 from logits.
    """
    scratch = np.empty(5 * STRIDE)
    hard = np.empty(SLICE, np.uint8)
    for start in range(0, y.shape[0], SLICE):
        stop = min(start + SLICE, y.shape[0])
        length = stop - start
        labels, losses, forecast = hard[:length], scratch[:length], scratch[STRIDE : STRIDE + length]
        zeros, high, low = scratch[2 * STRIDE : 2 * STRIDE + length], scratch[3 * STRIDE :], scratch[4 * STRIDE :]
        least, most = labels_written(y[start:stop], labels)
        is_sound = most <= 1 and forecasts_written(p[start:stop], z is None, forecast)
        if q is not None:
            is_sound = is_sound and forecasts_written(q[start:stop], True, zeros) and add_up(forecast, zeros)
        if not is_sound:
            return False
        partner, logits = None if q is None else zeros, None if z is None else forecast
        if surprisals_of_slice(labels, forecast, partner, logits, losses, high, low):
            deposit_below(losses, MOST_NATS_EXPONENT, limbs[0])
        else:
            tally[1] += set_infinite_to_zero(losses)
            deposit(losses, limbs[0])
        tally[0] += length
        tally[2] += least == 0
    carry(limbs)
    return True


@inlined
def labels_written(y, labels):
    """Write labels of any type as 0 and 1, and others as 2; returns the least and the largest of what was written."""
    for i in range(y.shape[0]):
        labels[i] = 1 if y[i] == 1 else (0 if y[i] == 0 else 2)
    least, most = np.uint8(2), np.uint8(0)
    for i in range(labels.shape[0]):
        least, most = min(least, labels[i]), max(most, labels[i])
    return least, most


@inlined
def forecasts_written(values, is_proba, out):
    """Write forecasts as float64; returns whether all are in [0, 1], or, as logits, are numbers."""
    # Seen as unsigned integers, the floats of [0, 1] lie up to the bits of 1; negative ones and NaN lie above. Adding
    # 0.0 makes −0.0 the same as 0.
    most = np.uint64(0)
    for i in range(values.shape[0]):
        value = np.float64(values[i])
        out[i] = value
        most = max(most, np.uint64(as_bits(value + 0.0 if is_proba else abs(value))))
    return most <= (np.uint64(BITS_OF_ONE) if is_proba else np.uint64(BITS_OF_INFINITY))


@inlined
def add_up(ones, zeros):
    """Whether the probabilities of both classes add up to 1 in each row."""
    n_others = 0
    for i in range(ones.shape[0]):
        n_others += not (abs((ones[i] + zeros[i]) - 1.0) <= PAIR_TOLERANCE)
    return n_others == 0


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
def row_sums(y, p, q, z, n, limbs, tally, kept, out):
    """Σ loss, Σ probability and Σ Brier score of hard labels into limbs[0..2]; infinite losses enter none of them.

    tally: rows, rows of 1, rows of infinite loss. kept: the largest losses of the block, in falling order, of equal
    ones the first, with place −1 where there are fewer; its first value is on entry the least loss to keep. out: room
    for the loss of each row, or None.
    Cost: 2 ns a row, 3.5 from logits.
    """
    scratch = np.empty(3 * STRIDE)
    n_kept = 0
    least = kept["value"][0]
    for start in range(0, y.shape[0], SLICE):
        stop = min(start + SLICE, y.shape[0])
        length = stop - start
        labels, ones = y[start:stop], p[start:stop]
        zeros, logits = part_of(q, start, stop), part_of(z, start, stop)
        losses, probas, briers = scratch[:length], scratch[STRIDE : STRIDE + length], scratch[2 * STRIDE :]
        is_finite = surprisals_of_slice(labels, ones, zeros, logits, losses, probas, briers)
        if out is not None:
            out[start:stop] = losses
        # The bits of floats ≥ 0 are ordered as the floats are: a maximum of integers vectorises.
        most = 0
        n_positive = 0
        for i in range(length):
            most = max(most, as_bits(losses[i]))
            n_positive += labels[i]
        # Once the list is full, few slices hold a row for it.
        if as_float(most) >= least:
            n_kept, least = keep_largest(losses, start, least, n_kept, kept)
        if not is_finite:
            for i in range(length):
                tally[2] += (1 if n is None else n[start + i]) if losses[i] == INFINITY else 0
            set_infinite_to_zero(losses)
        for i in range(length):
            one = probability_from(np.float64(logits[i]), probas[i]) if z is not None else np.float64(ones[i])
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
        tally[1] += n_positive
        if is_finite or z is None:
            deposit_below(losses, MOST_NATS_EXPONENT, limbs[0])
        else:
            deposit(losses, limbs[0])
        # Both are at most 1.
        deposit_below(probas, 1, limbs[1])
        deposit_below(briers[:length], 1, limbs[2])
    carry(limbs)
    kept["place"][n_kept:] = -1


@compiled
def keep_largest(values, start, least, n_kept, kept):
    """Put the rows of a slice whose values are at least so large into the list of the largest; returns (kept, least).

    Where the list is full, only what is larger than its last one enters: of equal ones the first stay.
    """
    largest, places = kept["value"], kept["place"]
    size = largest.shape[0]
    for i in range(values.shape[0]):
        value = values[i]
        if value < least or (n_kept == size and value <= largest[size - 1]):
            continue
        # By insertion: once the list is full, few rows of a slice enter it.
        k = min(n_kept, size - 1)
        while k > 0 and largest[k - 1] < value:
            largest[k], places[k] = largest[k - 1], places[k - 1]
            k -= 1
        largest[k], places[k] = value, start + i
        n_kept = min(n_kept + 1, size)
    if n_kept == size:
        least = max(least, largest[size - 1])
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
        n_positive = 0
        for i in range(length):
            is_one = labels[i] != 0
            n_positive += is_one
            if_one, if_zero, proba = parts[IF_ONE + i], parts[IF_ZERO + i], parts[PROBA + i]
            loss = if_one if is_one else if_zero
            # Losses that cannot be cubed count as 0 here and follow below: they are rare, and this loop has no branch.
            plain = is_safe(loss)
            special |= not plain
            c = 0.0 if loss == INFINITY else loss
            square, square_low, cube, cube_low = powers(c if plain else 0.0)
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
                # A row that stands no times takes no part, not even as the first of its kind.
                if loss == INFINITY and count > 0:
                    tally[2] += count
                    if tally[3] < 0:
                        tally[3] = start + i
                elif not is_safe(loss):
                    deposit_powers(loss, count, limbs)
        if n is None:
            tally[0] += length
            tally[1] += n_positive
        else:
            for i in range(length):
                tally[0] += n[start + i]
                tally[1] += n[start + i] if labels[i] != 0 else 0
        deposit_columns(scratch, N_HARD, length, n, start, limbs)
        # Probability, entropy and variance stand behind each other in the parts, and in the sums.
        deposit_columns(parts[PROBA:], 3, length, n, start, limbs[N_HARD:])
    carry(limbs)
