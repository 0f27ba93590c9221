"""Twins of the compiled kernels: the same names, in plain Python floats, integers and fractions, one row at a time.

Row values come from the library logarithm; sums are fractions, so that nothing is lost in them. A twin of a summing
kernel takes the values of its rows, so that its sums can be compared exactly.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import mpmath

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
    return sum((rest_of(x, (-lane, -lane - 48)) for x in values), Fraction(0))


def rest_of(x: float, exponents: Sequence[int]) -> Fraction:
    """What is left of a value that is rounded to a multiple of one power of two, its rest to one of the next, ..."""
    rest = Fraction(float(x))
    for unit in (Fraction(2) ** exponent for exponent in exponents):
        rest -= round(rest / unit) * unit
    return rest


def carry(limbs: Sequence[int]) -> list[int]:
    """The same number with limbs from 0 to 2^32 − 1, the last one excepted."""
    number = sum(int(limb) << (32 * j) for j, limb in enumerate(limbs))
    low = [(number >> (32 * j)) & 0xFFFFFFFF for j in range(len(limbs) - 1)]
    return [*low, number >> (32 * (len(limbs) - 1))]


def carry_lanes(lanes: Sequence[Sequence[Sequence[int]]]) -> list[list[list[int]]]:
    """Of each column and slot, its lanes."""
    return [[carry(own) for own in zip(*column, strict=True)] for column in lanes]


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


def surprisals_of_slice(y: Floats, p: Floats, q: Floats | None, z: Floats | None) -> tuple[list[float], bool]:
    """The same, and whether all are finite: |z| ≤ 22, or probabilities of what was observed that are normal floats."""
    if z is not None:
        is_finite = all(abs(float(x)) <= 22 for x in z)
    else:
        zeros = [1.0 - float(x) for x in p] if q is None else q
        is_finite = all(float(p[i] if y[i] else zeros[i]) >= 2.0**-1022 for i in range(len(y)))
    return surprisals(y, p, q, z), is_finite


def soft_surprisals(y: Floats, p: Floats, q: Floats | None, z: Floats | None) -> list[float]:
    return [mixed(float(y[i]), *costs(float(p[i]), at(q, i), at(z, i))) for i in range(len(y))]


def probabilities(p: Floats, q: Floats | None, z: Floats | None) -> list[float]:
    return [float(x) for x in p] if z is None else [both_of_logit(float(x))[0] for x in z]


def both_of_logit(z: float) -> tuple[float, float]:
    """P(1) and P(0)."""
    tail = math.exp(-abs(z))
    likelier, rarer = 1 / (1 + tail), tail / (1 + tail)
    return (likelier, rarer) if z > 0 else (rarer, likelier)


def forecast_parts(p: Floats, q: Floats | None, z: Floats | None) -> list[Forecast]:
    found = []
    for i in range(len(p)):
        if_one, if_zero = costs(float(p[i]), at(q, i), at(z, i))
        if z is None:
            one = float(p[i])
            zero = 1.0 - one if q is None else float(q[i])
        else:
            one, zero = both_of_logit(float(z[i]))
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
            for truth, message in ((mpmath.mpf(a), mpmath.mpf(b)), (1 - mpmath.mpf(a), 1 - mpmath.mpf(b))):
                if truth > 0:
                    total += truth * mpmath.log(truth / message) if message > 0 else mpmath.inf
            found.append(float(total))
    return found


# Blocks: sums of rows whose values are given.


def set_infinite_to_zero(values: Floats) -> tuple[list[float], int]:
    return [0.0 if x == math.inf else float(x) for x in values], sum(x == math.inf for x in values)


def losses_summed(losses: Floats) -> tuple[Fraction, int]:
    finite, n_infinite = set_infinite_to_zero(losses)
    return deposit(finite), n_infinite


def deposit_powers(x: float, count: int) -> tuple[Fraction, Fraction]:
    return count * Fraction(x) ** 2, count * Fraction(x) ** 3


def tally(y: Floats, losses: Floats, counts: Sequence[int]) -> list[int]:
    """Rows, rows of 1, infinite rows, place of the first of these."""
    infinite = [i for i, loss in enumerate(losses) if loss == math.inf]
    n_positive = sum(n for label, n in zip(y, counts, strict=True) if label == 1)
    return [sum(counts), n_positive, sum(counts[i] for i in infinite), infinite[0] if infinite else -1]


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


GENERAL_SUMS = ("w", "c", "ww", "cw", "cc", "www", "cww", "ccw", "ccc", "a", "aw", "aa", "ca")
GENERAL_SUMS += ("p", "b", "bw", "bb", "h", "v", "w_infinite")


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


def weighted_losses_summed(losses: Floats, w: Floats, n: Sequence[int]) -> tuple[list[Fraction], list[int]]:
    """Σ weight·loss, each product rounded to 53 bits wherever it lies, of finite losses, and Σ weight; rows, infinite ones."""
    sums = [Fraction(0), Fraction(0)]
    for loss, weight, count in zip(losses, w, n, strict=True):
        sums[0] += count * to_53_bits(Fraction(float(weight)) * Fraction(0 if loss == math.inf else float(loss)))
        sums[1] += count * Fraction(float(weight))
    return sums, [sum(n), sum(count for loss, count in zip(losses, n, strict=True) if loss == math.inf)]


def general_sums(
    y: Floats, forecasts: Sequence[Forecast], w: Floats, n: Sequence[int]
) -> tuple[dict[str, Fraction], list[int]]:
    sums = dict.fromkeys(GENERAL_SUMS, Fraction(0))
    for label, forecast, weight, count in zip(y, forecasts, w, n, strict=True):
        for name, value in general_row(float(weight), float(label), forecast).items():
            sums[name] += count * value
    losses = [mixed(float(label), f.if_one, f.if_zero) for label, f in zip(y, forecasts, strict=True)]
    return sums, tally(y, losses, n)


def is_plain(x: float) -> bool:
    return 2.0**-200 < x < 2.0**200


def brier_of(y: float, p: float) -> float:
    return y * ((1 - p) * (1 - p)) + (1 - y) * (p * p)


def special_rows(y: Floats, forecasts: Sequence[Forecast], w: Floats, n: Sequence[int]) -> dict[str, Fraction]:
    """The general sums of those rows only of which a factor is too large or too small for products of floats; infinite rows
    count there with their weight."""
    sums = dict.fromkeys(GENERAL_SUMS, Fraction(0))
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
            sums[name] += count * value
    return sums


# Passes of a fit, pools of a recalibration.


def logistic_rows(
    y: Floats, z: Floats, w: Floats | None, n: Sequence[int] | None
) -> tuple[list[float], list[float], list[float]]:
    """Loss, first and second derivative in the logit of each row, times weight and count."""
    rows = []
    for i in range(len(y)):
        mass = (1.0 if w is None else float(w[i])) * (1 if n is None else int(n[i]))
        one, zero = both_of_logit(float(z[i]))
        label = float(y[i])
        rows.append(
            (mass * mixed(label, *of_logit(z[i])), mass * ((1 - label) * one - label * zero), mass * one * zero)
        )
    losses, residuals, curvatures = zip(*rows, strict=True) if rows else ((), (), ())
    return list(losses), list(residuals), list(curvatures)


def losses_along(y: Floats, mass: Floats | None, ends: Sequence[Floats]) -> list[Fraction]:
    """The summed loss at the log-odds of each end of a step."""
    return [deposit(logistic_rows(y, z, mass, None)[0]) for z in ends]


def gather(columns: Sequence[Floats], centres: Floats, gaps: Sequence[int]) -> list[list[float]]:
    """Columns less their centres; that of what lacks, NaN, is 1 at the place that `gaps` names."""
    found: list[list[float]] = [[0.0] * len(columns[0]) for _ in gaps]
    own = iter(columns)
    for j in (j for j in range(len(gaps)) if j not in gaps):
        for i, value in enumerate(next(own)):
            is_gap = math.isnan(value) and gaps[j] >= 0
            found[j][i] = 0.0 if is_gap else float(value) - centres[j]
            if gaps[j] >= 0:
                found[gaps[j]][i] = float(is_gap)
    return found


class FoldedRows(NamedTuple):
    """What a pass finds of each row, and its sums: times 1 and each number, exactly."""

    residuals: list[float]
    curvatures: list[float]
    terms: list[float]
    logits: list[float]
    loss: Fraction
    sums: list[list[Fraction]]
    hessian: list[list[Fraction]]


def fold_rows(
    rows: Sequence[Floats], at: Floats, y: Floats, mass: Floats | None, before: Sequence[tuple[float, float]]
) -> FoldedRows:
    logits, terms = [], []
    for row, (logit, size) in zip(rows, before, strict=True):
        products = [Fraction(a) * Fraction(x) for a, x in zip(at[1:], row, strict=True)]
        logits.append(float(Fraction(logit) + sum(products)))
        terms.append(float(Fraction(size) + sum(map(abs, products))))
    losses, residuals, curvatures = logistic_rows(y, logits, mass, None)
    signed = [[Fraction(1), *map(Fraction, row)] for row in rows]
    sizes = [list(map(abs, row)) for row in signed]
    factors = [
        (residuals, signed),
        (curvatures, signed),
        (list(map(abs, residuals)), sizes),
        ([c * t for c, t in zip(curvatures, terms, strict=True)], sizes),
    ]
    sums = [
        [sum((Fraction(f) * row[j] for f, row in zip(own, x, strict=True)), Fraction(0)) for j in range(len(at))]
        for own, x in factors
    ]
    hessian = [
        [
            sum((Fraction(c) * x[1 + j] * x[1 + k] for c, x in zip(curvatures, signed, strict=True)), Fraction(0))
            for k in range(len(at) - 1)
        ]
        for j in range(len(at) - 1)
    ]
    loss = sum(map(Fraction, losses), Fraction(0))
    return FoldedRows(residuals, curvatures, terms, logits, loss, sums, hessian)


def fold_ranges(columns: Sequence[Floats], w: Floats) -> list[tuple[float, float, int, Fraction, Fraction, Fraction]]:
    """(Least, greatest, how many lack, weight, sum, Σ w(x − mean)²) of each column."""
    found = []
    for column in columns:
        own = [(Fraction(x), Fraction(weight)) for x, weight in zip(column, w, strict=True) if not math.isnan(x)]
        weight, total = sum((v for _, v in own), Fraction(0)), sum((x * v for x, v in own), Fraction(0))
        squares = sum((v * (x - total / weight) ** 2 for x, v in own), Fraction(0)) if weight else Fraction(0)
        ends = [float(x) for x, _ in own] or [math.inf, -math.inf]
        low, high = (min(ends), max(ends)) if own else (math.inf, -math.inf)
        found.append((low, high, len(column) - len(own), weight, total, squares))
    return found


def pool_adjacent_violators(ones: Sequence[int], rows: Sequence[int]) -> list[tuple[int, int]]:
    """Pools (ones, rows) of strictly increasing share: while two neighbours do not increase, pool the first such two."""
    pools = [(int(a), int(b)) for a, b in zip(ones, rows, strict=True)]
    while True:
        found = [i for i in range(len(pools) - 1) if Fraction(*pools[i]) >= Fraction(*pools[i + 1])]
        if not found:
            return pools
        i = found[0]
        pools[i : i + 2] = [(pools[i][0] + pools[i + 1][0], pools[i][1] + pools[i + 1][1])]


def pooled_entropy(ones: Floats, rows: Floats) -> float:
    """Σ rows·H(ones / rows) over the pools."""
    pools = [(Fraction(a), Fraction(b)) for a, b in zip(ones, rows, strict=True)]
    while True:
        found = [i for i in range(len(pools) - 1) if pools[i][0] / pools[i][1] >= pools[i + 1][0] / pools[i + 1][1]]
        if not found:
            break
        i = found[0]
        pools[i : i + 2] = [(pools[i][0] + pools[i + 1][0], pools[i][1] + pools[i + 1][1])]
    return math.fsum(float(b) * entropies([float(a / b)])[0] for a, b in pools)


def drawn_shares(key: int, proba: Floats, rows: Floats, n_draws: int) -> list[list[float]]:
    """Of each draw and run: the quantile of the binomial distribution, of SciPy, at a number from SplitMix64.

    Rows that are not whole are of a mixture of two distributions; of a variance above 256, fewer deviate for all.
    """
    from scipy import stats

    golden, found = 0x9E3779B97F4A7C15, []
    for draw in range(n_draws):
        state, shares = split_mix(key + draw * golden), []
        for i, (p, size) in enumerate(zip(map(float, proba), map(float, rows), strict=True)):
            uniform = (split_mix(state + (i + 1) * golden) >> 11) / 2**53
            n, scale, above = math.floor(size), 1.0, 0.0
            if size * (p * (1 - p)) > 256:
                n = math.floor(256 / (p * (1 - p)))
                scale = math.sqrt(n / size)
            else:
                above = (n + 1) * (size - n) / size
            if uniform < 1 - above:
                share = float(stats.binom.ppf(uniform / (1 - above), n, p)) / n
            else:
                share = float(stats.binom.ppf((uniform - (1 - above)) / above, n + 1, p)) / (n + 1)
            shares.append(share if scale == 1 else p + (share - p) * scale)
        found.append(shares)
    return found


def miscalibrations(shares: Sequence[Floats], mass: Floats, if_zero: Floats, if_one: Floats) -> list[float]:
    """The loss of each draw, less that of its pools."""
    found = []
    for draw in shares:
        of_rows = zip(mass, draw, if_zero, if_one, strict=True)
        loss = math.fsum(w * (1 - share) * zero + w * share * one for w, share, zero, one in of_rows)
        found.append(loss - pooled_entropy([w * share for w, share in zip(mass, draw, strict=True)], mass))
    return found


def null_distribution_of_all(
    scores: Sequence[int], w: Floats, p: Floats, if_one: Floats, if_zero: Floats, observed: float
) -> tuple[float, float]:
    """Mean miscalibration over all labels, and the probability of as much as was observed."""
    mean = share = 0.0
    for labels in itertools.product((0, 1), repeat=len(p)):
        null_distribution = math.prod(x if label else 1 - x for x, label in zip(p, labels, strict=True))
        if null_distribution == 0:
            continue
        loss = math.fsum(
            weight * (one if label else zero)
            for weight, one, zero, label in zip(w, if_one, if_zero, labels, strict=True)
        )
        masses = [[0.0, 0.0] for _ in range(max(scores) + 1)]
        for score, weight, label in zip(scores, w, labels, strict=True):
            masses[score][0] += weight * label
            masses[score][1] += weight
        excess = loss - pooled_entropy(*zip(*masses, strict=True))
        mean += null_distribution * excess
        share += null_distribution if excess >= observed else 0.0
    return mean, share


# Scores: where they are placed.


def bits_of(x: float) -> int:
    return struct.unpack("<q", struct.pack("<d", x))[0]


def keys_of_proba(p: Floats, q: Floats | None) -> list[int]:
    """The bits of the smaller of P(1) and P(0), counted down from twice those of ½ on the far side."""
    keys = []
    for i in range(len(p)):
        one = float(p[i])
        zero = 1.0 - one if q is None else float(q[i])
        is_near = one <= 0.5 if q is None else one <= zero
        keys.append(max(bits_of(one), 0) if is_near else 2 * bits_of(0.5) - bits_of(zero))
    return keys


def keys_of_logit(z: Floats) -> list[int]:
    return [bits_of(abs(float(x))) * (-1 if math.copysign(1.0, x) < 0 else 1) for x in z]


def bins_of_proba_keys(keys: Sequence[int]) -> tuple[list[int], list[int]]:
    """From the definition: which power of two u lies in, and which 2,048th of it from 2^-32 on."""
    bins, offsets = [], []
    for key in map(int, keys):
        is_far = key > bits_of(0.5)
        u = struct.unpack("<d", struct.pack("<q", 2 * bits_of(0.5) - key if is_far else key))[0]
        if u == 0.0:
            place, within = 0, Fraction(0)
        elif u < 2.0**-1022:
            place, within = 1, Fraction(u) * 2**1022
        else:
            exponent = math.frexp(u)[1] - 1
            rest = Fraction(u) / Fraction(2) ** exponent - 1
            if exponent < -32:
                place, within = exponent + 1024, rest
            else:
                step = math.floor(rest * 2048)
                place, within = 992 + 2048 * (exponent + 32) + step, rest * 2048 - step
        bins.append(2 * 64481 - 1 - place if is_far else place)
        offsets.append(math.floor(within * 65536))
    return bins, offsets


def bins_of_logit_keys(keys: Sequence[int]) -> tuple[list[int], list[int]]:
    """2,048 bins for each unit below 16, one for each power of two beyond, one for each infinity."""
    bins, offsets = [], []
    for key in map(int, keys):
        size = struct.unpack("<d", struct.pack("<q", abs(key)))[0]
        z = -size if key < 0 else size
        if size < 16:
            step = math.floor(Fraction(z) * 2048)
            bins.append(33789 + step)
            offsets.append(math.floor((Fraction(z) * 2048 - step) * 65536))
            continue
        exponent = 1024 if size == math.inf else math.frexp(size)[1] - 1
        beyond = 32768 + exponent - 4
        bins.append(33789 + (-1 - beyond if key < 0 else beyond))
        offsets.append(0 if size == math.inf else math.floor((Fraction(size) / Fraction(2) ** exponent - 1) * 65536))
    return bins, offsets


def tally_bins(y: Sequence[int], bins: Sequence[int], offsets: Sequence[int]) -> dict[int, list[int]]:
    """Rows of 0 and of 1, their offsets, of each bin."""
    found: dict[int, list[int]] = {}
    for label, place, offset in zip(y, bins, offsets, strict=True):
        counts = found.setdefault(int(place), [0, 0, 0, 0])
        counts[label] += 1
        counts[2 + label] += int(offset)
    return found


def unpack(packed: Sequence[int]) -> list[list[int]]:
    """(Rows of 0, rows of 1, their offsets) of each bin: a count above 39 bits of offsets."""
    pairs = zip(packed[::2], packed[1::2], strict=True)
    return [[a >> 39, b >> 39, a & (2**39 - 1), b & (2**39 - 1)] for a, b in ((int(a), int(b)) for a, b in pairs)]


def tally_forecasts(y: Sequence[int], p: Floats, q: Floats | None, z: Floats | None) -> dict[int, list[int]]:
    if z is not None:
        return tally_bins(y, *bins_of_logit_keys(keys_of_logit(z)))
    return tally_bins(y, *bins_of_proba_keys(keys_of_proba(p, q)))


def tally_slots(y: Sequence[int], slots: Sequence[int], n: Sequence[int]) -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    for label, slot, count in zip(y, slots, n, strict=True):
        found[int(slot), int(label)] = found.get((int(slot), int(label)), 0) + int(count)
    return found


def tally_offsets(
    y: Sequence[int], slots: Sequence[int], offsets: Sequence[int], n: Sequence[int]
) -> dict[tuple[int, int], int]:
    return tally_slots(y, slots, [int(a) * int(b) for a, b in zip(offsets, n, strict=True)])


def tally_cells(
    y: Sequence[int], bins: Sequence[int], g: Sequence[int], shift: int, n_coarse: int
) -> dict[tuple[int, int], int]:
    places = [int(group) * n_coarse + int(place) // 2**shift for group, place in zip(g, bins, strict=True)]
    return tally_slots(y, places, [1] * len(y))


def least_distinct(keys: Sequence[int]) -> int:
    """What the count may not exceed."""
    return len(set(map(int, keys)))


def number_keys(keys: Sequence[int]) -> list[int]:
    numbers: dict[int, int] = {}
    return [numbers.setdefault(int(key), len(numbers)) for key in keys]


def find_places(
    keys: Sequence[int], starts: Sequence[int], known: list[int], free: int, n_known: int, most: int
) -> Any:
    """(Place of each key, keys known), in a table that is changed; starts: where each is looked for first."""
    places: list[int] = []
    for key, place in zip(keys, starts, strict=True):
        while known[place] not in (free, key):
            place = (place + 1) % len(known)
        if known[place] == free:
            if n_known == most:
                break
            known[place] = key
            n_known += 1
        places.append(place)
    return places, n_known


# Tables and groups.


def deposit_each(
    values: Floats, shifts: Sequence[int], times: Sequence[int], slots: Sequence[int]
) -> dict[int, Fraction]:
    found: dict[int, Fraction] = {}
    for value, shift, count, slot in zip(values, shifts, times, slots, strict=True):
        found[int(slot)] = found.get(int(slot), Fraction(0)) + int(count) * Fraction(float(value)) * Fraction(2) ** int(
            shift
        )
    return found


def order_by_group(g: Sequence[int]) -> list[int]:
    return sorted(range(len(g)), key=lambda i: int(g[i]))


def grouped_sums(
    losses: Floats, probas: Floats, y: Sequence[int], n: Sequence[int], g: Sequence[int]
) -> dict[int, dict[str, Fraction]]:
    """Of each group: loss, square, cube, probability; rows, rows of 1, infinite rows."""
    found: dict[int, dict[str, Fraction]] = {}
    for loss, proba, label, count, group in zip(losses, probas, y, n, g, strict=True):
        sums = found.setdefault(
            int(group), dict.fromkeys(("c", "cc", "ccc", "p", "rows", "ones", "infinite"), Fraction(0))
        )
        c = Fraction(0 if loss == math.inf or loss < 2.0**-267 else float(loss))
        x = Fraction(0) if c < Fraction(2) ** -49 else c
        row = {"c": c, "cc": x**2, "ccc": x**3, "p": Fraction(0 if proba < 2.0**-267 else float(proba))}
        row |= {"rows": Fraction(1), "ones": Fraction(int(label)), "infinite": Fraction(int(loss == math.inf))}
        for name, value in row.items():
            sums[name] += int(count) * value
    return found


def hash_texts(texts: Sequence[bytes]) -> list[tuple[int, int]]:
    found = []
    for text in texts:
        a = b = 1
        for letter in text:
            a = (a * 1103515245 + letter + 1) % 2147483647
            b = (b * 1664525 + letter + 1) % 2147483629
        found.append((a, b))
    return found


def add_by_cell(codes, coarse, layout, buckets, values) -> dict[tuple[int, int], list[float]]:
    """By (bucket, cell) the sum of each value: each row adds to a cell of each column, and of each pair of columns."""
    n = len(codes[0]) if codes else 0
    found: dict[tuple[int, int], list[list[float]]] = {}
    for row, bucket, own in zip(codes, buckets, values, strict=True):
        cells = [layout[j] + code for j, code in enumerate(row)]
        for pair, (j, k) in enumerate(itertools.combinations(range(n), 2)):
            if len(layout) > 2 * n + 1:
                cells.append(layout[2 * n + pair] + coarse[j][row[j]] * layout[n + k] + coarse[k][row[k]])
        for cell in cells:
            found.setdefault((bucket, cell), []).append(own)
    return {key: [math.fsum(column) for column in zip(*rows, strict=True)] for key, rows in found.items()}


def hash_rows(rows: Sequence[tuple[Sequence[float], int | None, int]]) -> tuple[int, int]:
    """Of (numbers: label, forecast, P(0) and weight where there are any; hash of keys; how many times): two sums."""
    word, odd, factors = (1 << 64) - 1, 0x9E3779B97F4A7C15, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
    first = second = 0
    for (label, forecast, of_zero, weight), keys, times in rows:
        h = split_mix(word_of(forecast) + word_of(label) * odd)
        if of_zero is not None:
            h = split_mix(h * odd + word_of(of_zero))
        if weight is not None:
            h = split_mix(h * factors[0] + word_of(weight))
        if keys is not None:
            h = split_mix(h * factors[1] + keys)
        first += times * h
        second += times * (h >> 32) * (h & 0xFFFFFFFF)
    return first & word, second & word


def mix_hashes(hashes: Sequence[int], missing: Sequence[bool] | None, totals: Sequence[int]) -> list[int]:
    """The hash of each value, that of nothing where it lacks, after those of the columns before."""
    golden = 0x9E3779B97F4A7C15
    own = [golden if missing is not None and missing[i] else int(h) for i, h in enumerate(hashes)]
    return [split_mix(int(total) * golden + h) for total, h in zip(totals, own, strict=True)]


def mix_numbers(x: Floats, missing: Sequence[bool] | None, totals: Sequence[int]) -> list[int]:
    salt = 3 * 0x9E3779B97F4A7C15 % 2**64
    return mix_hashes([split_mix(word_of(float(value)) ^ salt) for value in x], missing, totals)


def word_of(x: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", 0.0 if x == 0 else x))[0]


def split_mix(x: int) -> int:
    word = (1 << 64) - 1
    x &= word
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & word
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & word
    return x ^ (x >> 31)


# The largest losses.


def row_sums(losses: Floats, probas: Floats, y: Sequence[int], n: Sequence[int]) -> tuple[list[Fraction], list[int]]:
    """Loss, probability, Brier score; rows, rows of 1, infinite rows."""
    sums = [Fraction(0)] * 3
    for loss, proba, label, count in zip(losses, probas, y, n, strict=True):
        row = (0.0 if loss == math.inf else loss, proba, (label - proba) * (label - proba))
        sums = [total + int(count) * Fraction(float(value)) for total, value in zip(sums, row, strict=True)]
    return sums, tally(y, losses, n)[:3]


def keep_largest(values: Floats, least: float, size: int) -> list[int]:
    """Rows of at least such a loss: the largest first, of equal ones the first."""
    rows = [i for i, loss in enumerate(values) if loss >= least]
    return sorted(rows, key=lambda i: (-values[i], i))[:size]


def tally_losses(y: Sequence[int], costs: Floats, n: Sequence[int], g: Sequence[int], n_groups: int) -> list[list[int]]:
    """Rows, rows of 1 and rows of infinite loss of each group."""
    found = [[0, 0, 0] for _ in range(n_groups)]
    for label, cost, count, group in zip(y, costs, n, g, strict=True):
        for k, is_one in enumerate((True, label == 1, math.isinf(cost))):
            found[group][k] += count if is_one else 0
    return found


def deposit_pairs(values: Floats, slots: Sequence[int], n_slots: int) -> list[Fraction]:
    """The sum of each slot."""
    totals = [Fraction(0)] * n_slots
    for value, slot in zip(values, slots, strict=True):
        totals[slot] += Fraction(value)
    return totals


def deposit_pair_rests(values: Floats, slots: Sequence[int], top: int, n_slots: int) -> list[Fraction]:
    """What is left of values that were rounded to multiples of 2^(top − 43), and the rest to multiples of 2^(top − 86)."""
    totals = [Fraction(0)] * n_slots
    for value, slot in zip(values, slots, strict=True):
        totals[slot] += rest_of(value, (top - 43, top - 86))
    return totals


def empty_pairs(pairs: Sequence[tuple[int, int]], top: int) -> list[Fraction]:
    """The sum of each slot."""
    return [(first + Fraction(second, 2**43)) * Fraction(2) ** (top - 43) for first, second in pairs]


# Two forecasts of the same rows.


def losses_and_logits(
    y: Floats, p: Floats, q: Floats | None, z: Floats | None
) -> list[tuple[float, float, float, float]]:
    """(Loss, logit, loss of a 1, loss of a 0) of each row."""
    found = []
    for i in range(len(y)):
        if_one, if_zero = costs(float(p[i]), at(q, i), at(z, i))
        logit = float(z[i]) if z is not None else if_zero - if_one
        found.append((mixed(float(y[i]), if_one, if_zero), logit, if_one, if_zero))
    return found


def gaps(a: Floats, b: Floats) -> list[float]:
    return [abs(gap_of(float(first), float(second))) for first, second in zip(a, b, strict=True)]


def keep_furthest(a: Floats, b: Floats, least: float, size: int) -> list[int]:
    """Rows of the largest differences, infinite ones among them; none where no two losses differ."""
    apart = [0.0 if first == second else abs(first - second) for first, second in zip(a, b, strict=True)]
    return keep_largest(apart, least, size) if any(apart) else []


def bounds(rows: Sequence[tuple[float, float, float, float]]) -> list[tuple[float, float, bool]]:
    """(How far below 0, how far above, whether that has no bound) of the losses if 1, and if 0, of two forecasts."""
    found = []
    for one, zero, other_one, other_zero in rows:
        gaps = [0.0 if x == y else x - y for x, y in ((one, other_one), (zero, other_zero))]
        low, high = max(0.0, -min(gaps)), max(0.0, max(gaps))
        found.append((0.0, 0.0, True) if math.isinf(low + high) else (low, high, False))
    return found


def tally_pairs(rows: Sequence[tuple[int, int, int, int]]) -> dict[tuple[int, int], list[int]]:
    """Rows of 0 and of 1 by pair of bins, each as many times as it stands."""
    found: dict[tuple[int, int], list[int]] = {}
    for label, first, second, count in rows:
        found.setdefault((first, second), [0, 0])[label] += count
    return found


def count_contrast(a: Floats, b: Floats, r: Floats, s: Floats, n: Sequence[int]) -> list[int]:
    """Rows whose two losses are finite; infinite of the first only, the second only, both; of infinite range."""
    found = [0] * 5
    for first, second, left, right, count in zip(a, b, r, s, n, strict=True):
        found[(first == math.inf) + 2 * (second == math.inf)] += count
        found[4] += count if left != right and math.isinf(abs(left) + abs(right)) else 0
    return found


def gap_of(first: float, second: float) -> float:
    """The difference of two losses as a float; 0 where one is infinite."""
    return 0.0 if math.inf in (first, second) else first - second


def range_of(left: float, right: float) -> float:
    """How far two logits are apart; 0 where that is infinite."""
    return 0.0 if left == right or math.isinf(left - right) else abs(left - right)


def contrast_sums(a: Floats, b: Floats, r: Floats, s: Floats, n: Sequence[int]) -> list[Fraction]:
    """Σ d, Σ d², Σ d³ and Σ (r − s)², the last of squares that are rounded to 53 bits."""
    totals = [Fraction(0)] * 4
    for first, second, left, right, count in zip(a, b, r, s, n, strict=True):
        d = Fraction(gap_of(first, second))
        row = [d, d**2, d**3, to_53_bits(Fraction(range_of(left, right)) ** 2)]
        totals = [total + count * value for total, value in zip(totals, row, strict=True)]
    return totals


def deposit_range(w: float, spread: float, always: bool, count: int) -> Fraction:
    if spread == math.inf or (not always and (spread == 0 or is_plain(spread))):
        return Fraction(0)
    return count * to_53_bits(to_53_bits(Fraction(w) * Fraction(spread)) ** 2)


def weighted_contrast_sums(a: Floats, b: Floats, r: Floats, s: Floats, w: Floats, n: Sequence[int]) -> list[Fraction]:
    """Σ c, c·w, c², c·w², c²·w, c³ of c = w·d, Σ (w·|r − s|)², and w, w², w³ of the rows that are left out."""
    totals = [Fraction(0)] * 10
    for first, second, left, right, weight, count in zip(a, b, r, s, w, n, strict=True):
        mass = Fraction(weight)
        c = to_53_bits(mass * Fraction(gap_of(first, second)))
        spread = to_53_bits(to_53_bits(mass * Fraction(range_of(left, right))) ** 2)
        row = [c, c * mass, c * c, c * mass**2, c * c * mass, c**3, spread]
        row += deposit_left_out(weight, 1) if math.inf in (first, second) else [Fraction(0)] * 3
        totals = [total + count * value for total, value in zip(totals, row, strict=True)]
    return totals


def deposit_left_out(w: float, count: int) -> list[Fraction]:
    return [count * Fraction(w) ** k for k in (1, 2, 3)]


def exact_signs(x: Sequence[Floats], u: Floats) -> list[int]:
    totals = [sum((Fraction(a) * Fraction(b) for a, b in zip(row, u, strict=True)), Fraction(0)) for row in x]
    return [(total > 0) - (total < 0) for total in totals]


# Categories.


def segment_sums(a: Sequence[int], c: Floats, x: Sequence[Floats], shape: tuple[int, int]) -> list[list[float]]:
    found = [[0.0] * shape[1] for _ in range(shape[0])]
    for code, weight, row in zip(a, c, x, strict=True):
        found[code] = [total + weight * value for total, value in zip(found[code], row, strict=True)]
    return found


def level_sums(a: Sequence[int], r: Floats, c: Floats, t: Floats, n_levels: int) -> list[list[float]]:
    rows = [[one, two, abs(one), two * three] for one, two, three in zip(r, c, t, strict=True)]
    return segment_sums(a, [1.0] * len(rows), rows, (n_levels, 4))


def add_levels(a: Sequence[int], x: Sequence[Floats], out: Sequence[Floats]) -> list[list[float]]:
    return [[own + more for own, more in zip(row, x[code], strict=True)] for code, row in zip(a, out, strict=True)]


def product_sums(a: Sequence[int], c: Floats, x: Sequence[Floats], shape: tuple[int, int]) -> list[list[float]]:
    found = [[0.0] * shape[1] for _ in range(shape[0])]
    for code, weight, row in zip(a, c, x, strict=True):
        products = [weight * first * second for j, first in enumerate(row) for second in row[: j + 1]]
        found[code] = [total + each for total, each in zip(found[code], products, strict=True)]
    return found


def cross_tab(a: Sequence[int], b: Sequence[int], c: Floats, shape: tuple[int, int]) -> list[list[float]]:
    pairs = list(zip(a, b, c, strict=True))
    return [
        [math.fsum(weight for i, j, weight in pairs if (i, j) == (row, column)) for column in range(shape[1])]
        for row in range(shape[0])
    ]


# Fits of small tables.


def lost_share(diagonal: Floats, deviations: Floats, n_additions: int) -> Fraction:
    trace = sum((Fraction(a) * Fraction(b) ** 2 for a, b in zip(diagonal, deviations, strict=True)), Fraction(0))
    return len(diagonal) * (n_additions + 8) * Fraction(1, 2**53) * trace


def bound_of(sums: Any, at_point: Any, scalars: Any, counts: Any, proofs: Any) -> Any:
    """In 50 digits, by the formulas of docs/certificate.md as they stand there."""
    import mpmath

    with mpmath.mp.workdps(50):
        number = mpmath.mpf
        gradient, solved, deviations, of_loss, curvature, residual_sizes, logit_sizes = (
            [number(float(each)) for each in values] for values in sums
        )
        penalty, at = ([number(float(each)) for each in values] for values in at_point)
        reach, drift, lost, objective = map(number, scalars)
        (n_additions, n_terms), (has_hessian, is_penalised, fit_intercept) = counts, proofs
        unit = number(2) ** -53
        error = [
            unit * ((n_additions + 8) * a + 2 * (n_terms + 4) * b)
            for a, b in zip(residual_sizes, logit_sizes, strict=True)
        ]
        bounds = []
        if has_hessian and drift < 1 and lost < 1:
            grown = mpmath.exp(drift / 2) / mpmath.sqrt(1 - lost)
            squared = sum(a * b for a, b in zip(gradient, solved, strict=True))
            nu = grown * (mpmath.sqrt(squared) + sum(a * b for a, b in zip(error, deviations, strict=True)))
            u = nu * grown * reach
            if u < 1:
                bounds.append(((1 - u) * mpmath.log(1 - u) + u) / (grown * reach) ** 2 if u else number(0))
        if is_penalised:
            first, shift, least = (1, -of_loss[0] / curvature[0], number(0)) if fit_intercept else (0, number(0), 0)
            most = (abs(of_loss[0]) + error[0]) / curvature[0] if fit_intercept else 0
            for j in range(first, len(of_loss)):
                rest = abs(of_loss[j] + penalty[j] * at[j] + shift * curvature[j]) + error[j]
                rest += error[0] / curvature[0] * abs(curvature[j]) if fit_intercept else 0
                least += rest**2 / (2 * penalty[j])
            if most <= 1:
                bounds.append(least + (most**2 * curvature[0] if fit_intercept else 0))
        return min([*bounds, objective]) + 2 * unit * objective if bounds else mpmath.inf


def newton_passes(x: Any, y: Any, mass: Any, offsets: Any, penalty: Any, start: Any, n_passes: int) -> list[Any]:
    """The points of so many passes, with a 1 as the first of each row."""
    import numpy as np

    points = [np.asarray(start, dtype=float)]
    for _ in range(n_passes - 1):
        one = 1 / (1 + np.exp(-(x @ points[-1] + offsets)))
        slope = x.T @ (mass * (one - y)) + penalty * points[-1]
        hessian = (x.T * (mass * one * (1 - one))) @ x + np.diag(penalty)
        points.append(points[-1] - np.linalg.solve(hessian, slope))
    return points


def derivatives_at(
    design: Sequence[Floats], offset: Floats, share: Floats, mass: Floats, theta: Floats
) -> tuple[float, list[float], list[float]]:
    """Loss, first and second derivatives in the log-odds of each place."""
    log_odds = [
        float(Fraction(own) + sum(Fraction(t) * Fraction(x) for t, x in zip(theta, column, strict=True)))
        for own, column in zip(offset, zip(*design, strict=True), strict=True)
    ]
    losses, residuals, curvatures = logistic_rows(share, log_odds, mass, None)
    return math.fsum(losses), residuals, curvatures


def newton_steps(
    design: Any, offset: Any, share: Any, mass: Any, theta: Any, n_steps: int
) -> tuple[list[float], float, float]:
    """Point, loss and last decrement after so many steps of least squares, of NumPy, each halved while the loss does not
    decrease by 10^-4 of what its slope predicts."""
    import numpy as np

    point, decrement = np.asarray(theta, dtype=float), math.inf
    loss, residuals, curvatures = derivatives_at(design, offset, share, mass, point)
    for _ in range(n_steps):
        # The step is of least squares in the rows, of which the Hessian is never computed.
        roots = np.sqrt(curvatures)
        step = np.linalg.lstsq((design * roots).T, residuals / roots, rcond=1e-8)[0]
        decrement, size = float(step @ design @ residuals), 1.0
        while True:
            tried, residuals, curvatures = derivatives_at(design, offset, share, mass, point - size * step)
            if tried <= loss - 1e-4 * size * decrement:
                break
            size /= 2
        point, loss = point - size * step, tried
    return point.tolist(), loss, decrement


def left_out_moves(x: Any, y: Any, weights: Any, counts: Any, offsets: Any, penalty: Any, at: Any) -> list[float]:
    """By how much the log-odds of each row move where one of the rows that it stands for is left out."""
    moves = []
    for i in range(len(y)):
        mass = weights * counts
        mass[i] -= weights[i]
        point = newton_passes(x, y, mass, offsets, penalty, at, 30)[-1]
        moves.append(float(x[i] @ (point - at)))
    return moves


# Numbers between knots: a row gives 1 − s to its lower knot and s to the next one.


def find_knots(x: Floats, k: Floats) -> tuple[list[int], list[Fraction]]:
    """(The lower knot of each row, the share of the upper one); what is missing has the number after the last knot."""
    lower, shares = [], []
    for value in x:
        if math.isnan(value):
            lower.append(len(k))
            shares.append(Fraction(0))
            continue
        inside = min(max(Fraction(value), Fraction(k[0])), Fraction(k[-1]))
        low = max(j for j in range(max(len(k) - 1, 1)) if k[j] <= inside)
        lower.append(low)
        width = Fraction(k[-1] if low + 1 == len(k) else k[low + 1]) - Fraction(k[low])
        shares.append((inside - Fraction(k[low])) / width if width else Fraction(0))
    return lower, shares


def halves(low: int, share: float) -> tuple[tuple[int, Fraction], tuple[int, Fraction]]:
    """Both knots of a row, each with its share."""
    return (low, 1 - Fraction(share)), (low + 1, Fraction(share))


def add_between(a: Sequence[int], s: Floats, x: Sequence[Floats]) -> list[list[Fraction]]:
    """Rows of x between the knots of each row."""
    return [
        [sum((part * Fraction(x[knot][j]) for knot, part in halves(*row)), Fraction(0)) for j in range(len(x[0]))]
        for row in zip(a, s, strict=True)
    ]


def by_knot(a: Sequence[int], s: Floats, rows: Sequence[Sequence[Fraction]], n_knots: int) -> list[list[Fraction]]:
    """Sums by knot of each row's share of its values."""
    out = [[Fraction(0)] * len(rows[0]) for _ in range(n_knots)]
    for low, share, values in zip(a, s, rows, strict=True):
        for knot, part in halves(low, share):
            out[knot] = [total + part * value for total, value in zip(out[knot], values, strict=True)]
    return out


def knot_sums(a: Sequence[int], s: Floats, r: Floats, c: Floats, t: Floats, n_knots: int) -> list[list[Fraction]]:
    rows = [
        [Fraction(p), Fraction(q), abs(Fraction(p)), Fraction(q) * Fraction(u)] for p, q, u in zip(r, c, t, strict=True)
    ]
    return by_knot(a, s, rows, n_knots)


def knot_segment_sums(
    a: Sequence[int], s: Floats, c: Floats, x: Sequence[Floats], n_knots: int
) -> list[list[Fraction]]:
    rows = [[Fraction(q) * Fraction(value) for value in row] for q, row in zip(c, x, strict=True)]
    return by_knot(a, s, rows, n_knots)


def knot_products(a: Sequence[int], s: Floats, c: Floats, n_knots: int) -> list[list[Fraction]]:
    """Of each knot with itself, and with the one above: of its row of the matrix of all products."""
    twice = [[each, each] for each in a], [[each, each] for each in s]
    whole = knot_cross_tabs(*twice, [0], c, (n_knots, n_knots))
    return [[row[j], row[j + 1] if j + 1 < n_knots else Fraction(0)] for j, row in enumerate(whole)]


def knot_cross_tabs(
    a: Sequence[Sequence[int]], s: Sequence[Floats], first: Sequence[int], c: Floats, shape: tuple[int, int]
) -> list[list[Fraction]]:
    out = [[Fraction(0)] * shape[1] for _ in range(shape[0])]
    for places, shares, weight in zip(a, s, c, strict=True):
        n_before = len(first)
        for start, low, share in zip(first, places[:n_before], shares[:n_before], strict=True):
            for i, p in halves(start + low, share):
                for j, q in halves(places[n_before], shares[n_before]):
                    out[i][j] += Fraction(weight) * p * q
    return out


def add_products(a: Sequence[int], s: Floats, b: Sequence[int], t: Floats, x: Sequence[Floats]) -> list[Fraction]:
    return [
        sum((p * q * Fraction(x[i][j]) for i, p in halves(low, share) for j, q in halves(above, other)), Fraction(0))
        for low, share, above, other in zip(a, s, b, t, strict=True)
    ]


def corners(a: int, s: float, b: int, t: float) -> list[tuple[int, int, Fraction]]:
    """The four places of a row in two columns, each with its share."""
    return [(i, j, u * v) for i, u in halves(a, s) for j, v in halves(b, t)]


def add_from_table(
    a: Sequence[int], s: Floats, b: Sequence[int], t: Floats, x: Sequence[Sequence[Floats]]
) -> list[list[Fraction]]:
    """What a table has at the place of each row in two columns."""
    rows = [corners(*row) for row in zip(a, s, b, t, strict=True)]
    n_points = len(x[0][0])
    return [[sum((u * Fraction(x[i][j][k]) for i, j, u in row), Fraction(0)) for k in range(n_points)] for row in rows]


def table_sums(
    a: Sequence[int], s: Floats, b: Sequence[int], t: Floats, x: Sequence[Floats], sizes: tuple[int, int]
) -> list[list[list[Fraction]]]:
    """Sums of the values of rows by their places in two columns."""
    out = [[[Fraction(0)] * len(x[0]) for _ in range(sizes[1])] for _ in range(sizes[0])]
    for row, values in zip(zip(a, s, b, t, strict=True), x, strict=True):
        for i, j, u in corners(*row):
            out[i][j] = [total + u * Fraction(value) for total, value in zip(out[i][j], values, strict=True)]
    return out


def descend_coordinates(
    gram: Any, slope: Any, weights: Any, at: Any, least_gain: float, most_sweeps: int
) -> tuple[int, Any, Any]:
    """(Sweeps, slope, coordinates) of coordinate descent on a quadratic plus weighted absolute values."""
    slope, at = slope.copy(), at.copy()
    for sweep in range(most_sweeps):
        gains = [0.0]
        for j in range(len(at)):
            if not gram[j, j] > 0:
                continue
            pull = gram[j, j] * at[j] - slope[j]
            after = (
                math.copysign(max(abs(pull) - weights[j], 0.0), pull) / gram[j, j] if abs(pull) > weights[j] else 0.0
            )
            move, at[j] = after - at[j], after
            slope = slope + move * gram[j]
            gains.append(move * move * gram[j, j])
        if not max(gains) > 2 * least_gain:
            return sweep + 1, slope, at
    return most_sweeps, slope, at


def group_norm(diagonal: Floats, pull: Floats, weight: float) -> float:
    """The norm of the least of a quadratic with a diagonal Hessian plus a weighted norm, by bisection in 60 digits."""
    with mpmath.workdps(60):
        d, t, weight = [mpmath.mpf(x) for x in diagonal], [mpmath.mpf(x) for x in pull], mpmath.mpf(weight)
        size = mpmath.sqrt(sum(x * x for x in t))
        if not size > weight or not min(d) > 0:
            return 0.0
        low, high = (size - weight) / max(d), (size - weight) / min(d)
        for _ in range(150):
            middle = (low + high) / 2
            is_below = sum((x / (c * middle + weight)) ** 2 for x, c in zip(t, d, strict=True)) > 1
            low, high = (middle, high) if is_below else (low, middle)
        return float(low)


def descend_groups(
    gram: Any, slope: Any, weights: Floats, starts: Sequence[int], at: Any, least_gain: float, most_sweeps: int
) -> tuple[int, Any, Any]:
    """(Sweeps, slope, coordinates) of descent along one group at a time."""
    slope, at = slope.copy(), at.copy()
    for sweep in range(most_sweeps):
        gains = [0.0]
        for weight, (first, last) in zip(weights, itertools.pairwise(starts), strict=True):
            diagonal = gram.diagonal()[first:last]
            if not diagonal.min() > 0:
                continue
            pull = diagonal * at[first:last] - slope[first:last]
            theta = group_norm(diagonal.tolist(), pull.tolist(), float(weight))
            after = pull * theta / (diagonal * theta + weight) if theta else 0 * pull
            move = after - at[first:last]
            at[first:last] = after
            slope = slope + move @ gram[first:last]
            gains.append(float(move**2 @ diagonal))
        if not max(gains) > 2 * least_gain:
            return sweep + 1, slope, at
    return most_sweeps, slope, at


# Rows of a sparse matrix: of row i the entries (column, value).


def entries(indptr: Sequence[int], indices: Sequence[int], data: Floats) -> list[list[tuple[int, float]]]:
    spans = itertools.pairwise(indptr)
    return [[(int(indices[k]), float(data[k])) for k in range(first, last)] for first, last in spans]


def find_fault(
    indptr: Sequence[int], indices: Sequence[int], data: Floats, mass: Floats, n_columns: int
) -> tuple[str, int]:
    rows = entries(indptr, indices, data)
    for i, row in enumerate(rows):
        for column, value in row:
            if not 0 <= column < n_columns:
                return "no column", i
            if (not len(mass) or mass[i] > 0) and not math.isfinite(value):
                return "not finite", i
    for i, row in enumerate(rows):
        if any(a >= b for (a, _), (b, _) in itertools.pairwise(row)):
            return "unsorted", i
    return "sound", 0


def csr_logits(indptr: Sequence[int], indices: Sequence[int], data: Floats, b: float, w: Floats) -> list[float]:
    return [float(math.fsum([b, *(x * w[j] for j, x in row)])) for row in entries(indptr, indices, data)]


def csr_fold(rows: Sequence[Sequence[tuple[int, float]]], y: Floats, mass: Floats, logits: Floats) -> dict[str, Any]:
    losses, residuals, curvatures = [], [], []
    for label, weight, z in zip(y, mass, logits, strict=True):
        one = 1 / (1 + math.exp(-z))
        losses.append(weight * (math.log1p(math.exp(-abs(z))) + max(z, 0.0) - label * z))
        residuals.append(weight * (one - label))
        curvatures.append(weight * one * (1 - one))
    norms = [math.sqrt(math.fsum(x * x for _, x in row)) for row in rows]
    columns: dict[int, list[float]] = {}
    for row, r, c in zip(rows, residuals, curvatures, strict=True):
        for j, x in row:
            own = columns.setdefault(j, [0.0, 0.0])
            own[0] += r * x
            own[1] += c * x * x
    return {
        "loss": math.fsum(losses),
        "curvatures": curvatures,
        "columns": columns,
        "sums": [
            math.fsum(residuals),
            math.fsum(curvatures),
            math.fsum(map(abs, residuals)),
            math.fsum(abs(r) * norm for r, norm in zip(residuals, norms, strict=True)),
            math.fsum(c * norm for c, norm in zip(curvatures, norms, strict=True)),
        ],
    }


def csr_products(
    rows: Sequence[Sequence[tuple[int, float]]], c: Floats, b: float, w: Floats
) -> tuple[float, dict[int, float]]:
    scaled = [own * math.fsum([b, *(x * w[j] for j, x in row)]) for row, own in zip(rows, c, strict=True)]
    columns: dict[int, float] = {}
    for row, z in zip(rows, scaled, strict=True):
        for j, x in row:
            columns[j] = columns.get(j, 0.0) + z * x
    return math.fsum(scaled), columns


def csr_block(
    rows: Sequence[Sequence[tuple[int, float]]], c: Floats, places: Sequence[int], n_places: int
) -> list[list[float]]:
    out = [[0.0] * (n_places + 1) for _ in range(n_places + 1)]
    for row, own in zip(rows, c, strict=True):
        inside = [(0, 1.0), *((places[j], x) for j, x in row if places[j])]
        for a, x in inside:
            for other, z in inside:
                out[a][other] += own * x * z
    return out


def sum_rows(y: Floats, mass: Floats, logits: Floats, norms: Floats) -> dict[str, Any]:
    """Of rows of one number, beside offsets that are their log-odds."""
    return csr_fold([[(0, norm)] for norm in norms], y, mass, logits)


def csr_pairs(rows: Sequence[Sequence[tuple[int, float]]], places: Sequence[int], limits: Sequence[int]) -> list[float]:
    return [sum((1 + sum(0 < places[j] <= most for j, _ in row)) ** 2 / 2 for row in rows) for most in limits]


def csr_sums(rows: Sequence[Sequence[tuple[int, float]]], mass: Floats, n_columns: int) -> list[list[float]]:
    out: list[list[list[float]]] = [[[], []] for _ in range(n_columns)]
    for row, m in zip(rows, mass, strict=True):
        for j, x in row if m else ():
            out[j][0].append(m)
            out[j][1].append(m * x)
    return [[math.fsum(masses), math.fsum(values)] for masses, values in out]


def csr_squares(rows: Sequence[Sequence[tuple[int, float]]], mass: Floats, mean: Floats) -> list[float]:
    out: list[list[float]] = [[] for _ in mean]
    for row, m in zip(rows, mass, strict=True):
        for j, x in row:
            out[j].append(m * (x - mean[j]) ** 2)
    return [math.fsum(each) for each in out]


def svmlight_lines(text: str) -> list[tuple[float, list[tuple[int, float]]]]:
    """(Label, pairs) of each row of sound lines, numbers read by Python."""
    rows = []
    for line in text.split("\n"):
        words = line.partition("#")[0].split()
        if words:
            pairs = [word.split(":") for word in words[1:] if not word.startswith("qid:")]
            rows.append((float(words[0]), [(int(index), float(value)) for index, value in pairs]))
    return rows


# Some columns of a sparse matrix.


def csr_norms(rows: Sequence[Sequence[tuple[int, float]]], mass: Floats, n_columns: int) -> list[float]:
    return [
        math.fsum(m * x * x for row, m in zip(rows, mass, strict=True) if m > 0 for column, x in row if column == j)
        for j in range(n_columns)
    ]


def csr_take(
    rows: Sequence[Sequence[tuple[int, float]]], mass: Floats, places: Sequence[int]
) -> list[list[tuple[int, float]]]:
    return [
        [(places[j] - 1, x) for j, x in row if places[j]] if m > 0 else [] for row, m in zip(rows, mass, strict=True)
    ]


def csc_of(rows: Sequence[Sequence[tuple[int, float]]], n_columns: int) -> list[list[tuple[int, float]]]:
    return [[(i, x) for i, row in enumerate(rows) for column, x in row if column == j] for j in range(n_columns)]


def weigh_columns(
    columns: Sequence[Sequence[tuple[int, float]]], c: Floats
) -> tuple[list[list[float]], list[float], list[float]]:
    scaled = [[math.sqrt(c[i]) * x for i, x in column] for column in columns]
    across = [math.fsum(c[i] * x for i, x in column) for column in columns]
    return scaled, across, [math.fsum(c[i] * x * x for i, x in column) for column in columns]


def column_products(matrix: Any, c: Any, has_intercept: bool, chosen: Any, direction: Any) -> Any:
    """matrix: dense. The Hessian, less what the intercept takes of it, times a direction at some columns."""
    rest = matrix.T @ (c[:, None] * matrix)
    if has_intercept:
        across = matrix.T @ c
        rest = rest - across[:, None] * across / c.sum()
    return (rest[:, chosen] @ direction[chosen])[chosen]


def descend_columns(
    matrix: Any, c: Any, has_intercept: bool, slopes: Any, weights: Any, squares: Any, at: Any, begin: Any, sweeps: int
) -> Any:
    """Where sweeps over all columns lead."""
    rest = matrix.T @ (c[:, None] * matrix)
    if has_intercept:
        across = matrix.T @ c
        rest = rest - across[:, None] * across / c.sum()
    at = at.copy()
    for _ in range(sweeps):
        for j in range(len(at)):
            curvature = rest[j, j] + squares[j]
            if not curvature > 1e-12:
                continue
            pull = curvature * at[j] - slopes[j] - squares[j] * (at[j] - begin[j]) - rest[j] @ (at - begin)
            at[j] = math.copysign(max(abs(pull) - weights[j], 0.0), pull) / curvature
    return at


def dual_rows(y: Floats, mass: Floats, logits: Floats, moves: Floats) -> tuple[list[float], list[float], list[float]]:
    """(θ, curvatures, the distance of each row from its prediction): without rounding, but of what comes to 0 or 1."""
    theta, curvatures, distances = [], [], []
    for label, m, z, move in zip(y, mass, logits, moves, strict=True):
        one = 1 / (1 + math.exp(-z))
        curvatures.append(m * one * (1 - one))
        theta.append(m * (one - label) + curvatures[-1] * move)
        distances.append(curvatures[-1] * move * move)
        if m and label + theta[-1] / m in (0.0, 1.0):
            # (q − p)² / (p (1 − p)), q being 0 or 1.
            curvatures[-1], distances[-1] = 0.0, m * math.exp(-abs(z))
    return theta, curvatures, distances


def accurate_sums(
    columns: Sequence[Sequence[tuple[int, float]]], theta: Floats, inexact: Floats
) -> tuple[list[Fraction], list[float], list[float]]:
    sums = [sum((Fraction(theta[i]) * Fraction(x) for i, x in column), Fraction(0)) for column in columns]
    sizes = [math.fsum(abs(theta[i] * x) for i, x in column) for column in columns]
    return sums, sizes, [math.fsum(inexact[i] * abs(x) for i, x in column) for column in columns]
