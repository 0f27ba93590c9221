"""Twins of the compiled kernels: the same names, in plain Python floats, integers and fractions, one row at a time.

Row values come from the library logarithm; sums are fractions, so that nothing is lost in them. A twin of a summing
kernel takes the values of its rows, so that its sums can be compared exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

Floats = Sequence[float]


class Forecast(NamedTuple):
    """What a forecast gives before its label is known."""

    if_one: float
    if_zero: float
    proba: float
    entropy: float
    variance: float


def ulps_apart(actual: float, expected: Any) -> float:
    """|actual − expected| in units of the last place of `expected`; 0 where both are the same infinity."""
    if actual == expected:
        return 0.0
    if not math.isfinite(actual) or not math.isfinite(expected):
        return math.inf
    return float(abs(Fraction(actual) - Fraction(expected)) / Fraction(math.ulp(float(expected))))


def to_53_bits(x: Fraction) -> Fraction:
    """The nearest number of 53 bits, ties to even, as if exponents had no end."""
    if x == 0:
        return Fraction(0)
    exponent = abs(x.numerator).bit_length() - x.denominator.bit_length()
    if abs(x) < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** (exponent - 52)
    return round(x / unit) * unit


# Sums.


def deposit_integer(k: int, exponent: int) -> Fraction:
    return k * Fraction(2) ** exponent


def deposit_one(x: float, shift: int) -> Fraction:
    return Fraction(x) * Fraction(2) ** shift


def deposit_times(x: float, shift: int, count: int) -> Fraction:
    return count * Fraction(x) * Fraction(2) ** shift


def deposit(values: Floats) -> Fraction:
    return sum(map(Fraction, values), Fraction(0))


def deposit_below(values: Floats, top: int) -> Fraction:
    assert all(abs(x) < Fraction(2) ** top for x in values)
    return deposit(values)


def deposit_rests(values: Floats, lane: int) -> Fraction:
    """What is left of values that were rounded to multiples of 2^-lane, and the rest to multiples of 2^-(lane + 48)."""
    left = Fraction(0)
    for x in map(Fraction, values):
        for unit in (Fraction(2) ** -lane, Fraction(2) ** (-lane - 48)):
            x -= round(x / unit) * unit
        left += x
    return left


def carry(limbs: Sequence[int]) -> list[int]:
    """The same number with limbs from 0 to 2^32 − 1, the last one excepted."""
    number = sum(int(limb) << (32 * j) for j, limb in enumerate(limbs))
    low = [(number >> (32 * j)) & 0xFFFFFFFF for j in range(len(limbs) - 1)]
    return [*low, number >> (32 * (len(limbs) - 1))]


# Rows.


def of_one(p: float) -> float:
    return -math.log(p) + 0.0 if p > 0 else math.inf


def of_zero(p: float) -> float:
    return -math.log1p(-p) + 0.0 if p < 1 else math.inf


def of_logit(z: float) -> tuple[float, float]:
    """Cost of a 1 and of a 0."""
    tail = math.log1p(math.exp(-abs(z)))
    return (tail, z + tail) if z > 0 else (-z + tail, tail)


def costs(p: float, q: float | None, z: float | None) -> tuple[float, float]:
    """Cost of a 1 and of a 0, however the forecast is written."""
    if z is not None:
        return of_logit(z)
    return of_one(p), of_zero(p) if q is None else of_one(q)


def mixed(y: float, if_one: float, if_zero: float) -> float:
    """y·(cost of a 1) + (1−y)·(cost of a 0); nothing of an infinite cost is nothing."""
    return (y * if_one if y > 0 else 0.0) + ((1 - y) * if_zero if y < 1 else 0.0)


def at(column: Floats | None, i: int) -> float | None:
    return None if column is None else float(column[i])


def surprisals(y: Floats, p: Floats, q: Floats | None, z: Floats | None) -> list[float]:
    return [costs(float(p[i]), at(q, i), at(z, i))[0 if y[i] else 1] for i in range(len(y))]


def soft_surprisals(y: Floats, p: Floats, q: Floats | None, z: Floats | None) -> list[float]:
    return [mixed(float(y[i]), *costs(float(p[i]), at(q, i), at(z, i))) for i in range(len(y))]


def forecast_parts(p: Floats, q: Floats | None, z: Floats | None) -> list[Forecast]:
    found = []
    for i in range(len(p)):
        if_one, if_zero = costs(float(p[i]), at(q, i), at(z, i))
        if z is None:
            one = float(p[i])
            zero = 1.0 - one if q is None else float(q[i])
        else:
            tail = math.exp(-abs(z[i]))
            one, zero = (1 / (1 + tail), tail / (1 + tail)) if z[i] > 0 else (tail / (1 + tail), 1 / (1 + tail))
        entropy = (one * if_one if one else 0.0) + (zero * if_zero if zero else 0.0)
        variance = one * zero * (if_zero - if_one) ** 2 if one * zero else 0.0
        found.append(Forecast(if_one, if_zero, one, entropy, variance))
    return found


def entropies(q: Floats) -> list[float]:
    return [mixed(float(x), of_one(float(x)), of_zero(float(x))) for x in q]


def divergences(q: Floats, p: Floats) -> list[float]:
    """By the definition, in 60 digits (the only place where floats are not enough: the two terms cancel)."""
    import mpmath

    found = []
    # 1,200 bits hold 1 − 5e-324 exactly.
    with mpmath.workprec(1200):
        for a, b in zip(q, p, strict=True):
            total = mpmath.mpf(0)
            for truth, said in ((mpmath.mpf(a), mpmath.mpf(b)), (1 - mpmath.mpf(a), 1 - mpmath.mpf(b))):
                if truth > 0:
                    total += truth * mpmath.log(truth / said) if said > 0 else mpmath.inf
            found.append(float(total))
    return found


# Blocks: sums of rows whose values are given.


def set_infinite_to_zero(values: Floats) -> tuple[list[float], int]:
    return [0.0 if x == math.inf else float(x) for x in values], sum(x == math.inf for x in values)


def losses_summed(losses: Floats) -> tuple[Fraction, int]:
    finite, n_infinite = set_infinite_to_zero(losses)
    return deposit(finite), n_infinite


def deposit_powers(loss: float, count: int) -> tuple[Fraction, Fraction]:
    return count * Fraction(loss) ** 2, count * Fraction(loss) ** 3


def tally(y: Floats, losses: Floats, counts: Sequence[int]) -> list[int]:
    """Rows, rows of 1, infinite rows, place of the first of these."""
    infinite = [i for i, loss in enumerate(losses) if loss == math.inf]
    n_ones = sum(n for label, n in zip(y, counts, strict=True) if label == 1)
    return [sum(counts), n_ones, sum(counts[i] for i in infinite), infinite[0] if infinite else -1]


def hard_sums(
    y: Sequence[int], forecasts: Sequence[Forecast], n: Sequence[int]
) -> tuple[dict[str, Fraction], list[int]]:
    losses = [f.if_one if label else f.if_zero for label, f in zip(y, forecasts, strict=True)]
    sums = dict.fromkeys(("c", "cc", "ccc", "ca", "b", "bb", "p", "h", "v"), Fraction(0))
    for label, loss, forecast, count in zip(y, losses, forecasts, n, strict=True):
        c = Fraction(0 if loss == math.inf else loss)
        b = Fraction((label - forecast.proba) * (label - forecast.proba))
        row = {"c": c, "cc": c**2, "ccc": c**3, "ca": c * label, "b": b, "bb": b**2}
        row |= {"p": Fraction(forecast.proba), "h": Fraction(forecast.entropy), "v": Fraction(forecast.variance)}
        for name, value in row.items():
            sums[name] += count * value
    return sums, tally(y, losses, n)


def general_row(w: float, y: float, forecast: Forecast) -> dict[str, Fraction]:
    """What one row contributes to each of the general sums; a product of weight and value is rounded once."""
    loss = mixed(y, forecast.if_one, forecast.if_zero)
    p = forecast.proba
    weight = Fraction(w)
    c = to_53_bits(weight * Fraction(0 if loss == math.inf else loss))
    a = to_53_bits(weight * Fraction(y))
    b = to_53_bits(weight * Fraction(brier_of(y, p)))
    return {
        "w": weight,
        "c": c,
        "ww": weight**2,
        "cw": c * weight,
        "cc": c * c,
        "www": weight**3,
        "cww": c * weight**2,
        "ccw": c * c * weight,
        "ccc": c**3,
        "a": a,
        "aw": a * weight,
        "aa": a * a,
        "ca": c * a,
        "p": to_53_bits(weight * Fraction(p)),
        "b": b,
        "bw": b * weight,
        "bb": b * b,
        "h": to_53_bits(weight * Fraction(forecast.entropy)),
        "v": to_53_bits(to_53_bits(weight**2) * Fraction(forecast.variance)),
        "w_infinite": weight if loss == math.inf else Fraction(0),
    }


def general_sums(
    y: Floats, forecasts: Sequence[Forecast], w: Floats, n: Sequence[int]
) -> tuple[dict[str, Fraction], list[int]]:
    sums: dict[str, Fraction] = {}
    for label, forecast, weight, count in zip(y, forecasts, w, n, strict=True):
        for name, value in general_row(float(weight), float(label), forecast).items():
            sums[name] = sums.get(name, Fraction(0)) + count * value
    losses = [mixed(float(label), f.if_one, f.if_zero) for label, f in zip(y, forecasts, strict=True)]
    return sums, tally(y, losses, n)


def is_plain(x: float) -> bool:
    return 2.0**-200 < x < 2.0**200


def brier_of(y: float, p: float) -> float:
    return y * ((1 - p) * (1 - p)) + (1 - y) * (p * p)


def special_rows(y: Floats, forecasts: Sequence[Forecast], w: Floats, n: Sequence[int]) -> dict[str, Fraction]:
    """The general sums of those rows only of which a factor is too large or too small for products of floats; infinite rows
    count there with their weight."""
    sums: dict[str, Fraction] = {}
    for label, forecast, weight, count in zip(y, forecasts, w, n, strict=True):
        loss = mixed(float(label), forecast.if_one, forecast.if_zero)
        row = general_row(float(weight), float(label), forecast)
        factors = (
            float(label),
            forecast.proba,
            brier_of(float(label), forecast.proba),
            forecast.entropy,
            forecast.variance,
        )
        is_safe = all(x == 0 or is_plain(x) for x in factors)
        if is_plain(weight) and is_safe and (loss in (0.0, math.inf) or is_plain(loss)):
            row = {name: value for name, value in row.items() if name == "w_infinite"}
        for name, value in row.items():
            sums[name] = sums.get(name, Fraction(0)) + count * value
    return sums


# Passes of a fit, pools of a recalibration.


def logistic_rows(
    y: Floats, z: Floats, w: Floats | None, n: Sequence[int] | None
) -> tuple[list[float], list[float], list[float]]:
    """Loss, first and second derivative in the logit of each row, times weight and count."""
    rows = []
    for i in range(len(y)):
        mass = (1.0 if w is None else float(w[i])) * (1 if n is None else int(n[i]))
        tail = math.exp(-abs(z[i]))
        one, zero = (1 / (1 + tail), tail / (1 + tail)) if z[i] > 0 else (tail / (1 + tail), 1 / (1 + tail))
        label = float(y[i])
        rows.append(
            (mass * mixed(label, *of_logit(z[i])), mass * ((1 - label) * one - label * zero), mass * one * zero)
        )
    losses, residuals, curvatures = zip(*rows, strict=True) if rows else ((), (), ())
    return list(losses), list(residuals), list(curvatures)


def pool_adjacent_violators(ones: Sequence[int], rows: Sequence[int]) -> list[tuple[int, int]]:
    """Pools (ones, rows) of strictly increasing share: while two neighbours do not increase, pool the first such two."""
    pools = [(int(a), int(b)) for a, b in zip(ones, rows, strict=True)]
    while True:
        found = [i for i in range(len(pools) - 1) if Fraction(*pools[i]) >= Fraction(*pools[i + 1])]
        if not found:
            return pools
        i = found[0]
        pools[i : i + 2] = [(pools[i][0] + pools[i + 1][0], pools[i][1] + pools[i + 1][1])]
