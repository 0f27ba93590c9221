"""The mathematics of one row.

    y  label, 0 or 1, or a share in [0, 1]     p  predicted probability of 1, in [0, 1]
    z  logit of p, any real, ±inf              u  probability given to one outcome
    c  what rounding took from u: the outcome's probability is u + c, with |c| far below u

Compiled scalar functions without a branch, so that the loops which call them vectorise. They are fixed
sequences of IEEE operations: no library logarithm, whose bits differ from machine to machine.
"""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import as_bits, as_float, fma, inlined

INFINITY = np.inf
# P(0) + P(1) may differ from 1 by the rounding of a float32 column, not by more.
PAIR_TOLERANCE = 1e-6

# ln 2 in two parts: the first has 32 trailing zero bits, so that k·LN2_HIGH is exact for |k| < 2^21 (fdlibm).
LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
LOG2_E = 1.44269504088896338700e00

# log(1+f) = 2s + s·R(s²) with s = f/(2+f), √½ ≤ 1+f < √2: minimax coefficients of fdlibm's e_log.c, |error| < 2^-58.45.
LG1 = 6.666666666666735130e-01
LG2 = 3.999999999940941908e-01
LG3 = 2.857142874366239149e-01
LG4 = 2.222219843214978396e-01
LG5 = 1.818357216161805012e-01
LG6 = 1.531383769920937332e-01
LG7 = 1.479819860511658591e-01

SMALLEST_NORMAL = 2.2250738585072014e-308
BITS_OF_SMALLEST_NORMAL = 0x0010000000000000
BITS_OF_ONE = 0x3FF0000000000000
BITS_OF_22 = 0x4036000000000000
BITS_OF_INFINITY = 0x7FF0000000000000
TWO_54 = 18014398509481984.0
MANTISSA_BITS = 0x000FFFFFFFFFFFFF
BITS_OF_SQRT_HALF = 0x3FE6A09E667F3BCD
# Added to the bits of u, it makes the exponent field that of u/√½, plus 1023.
TO_SQRT_HALF = 0x3FF0000000000000 - BITS_OF_SQRT_HALF
# An integer k < 2^52, or'ed into the bits of 2^52, is the float 2^52 + k: the conversion that every vector unit has.
BITS_OF_TWO_52 = 0x4330000000000000
TWO_52 = 4503599627370496.0
TWO_MINUS_100 = 2.0**-100
# Adding and subtracting it rounds to the nearest integer (for |x| < 2^51).
ROUNDER = 6755399441055744.0
BITS_OF_ROUNDER = 0x4338000000000000


@inlined
def log_parts(u, correction):
    """log(u) + correction as head + rest, for u > 0: nothing large is rounded before head + rest is.

    The correction is c / u, where the argument is u + c and u has been rounded.
    """
    is_subnormal = u < SMALLEST_NORMAL
    normal = u * TWO_54 if is_subnormal else u
    return log_parts_of_normal(normal, correction, 1077.0 if is_subnormal else 1023.0)


@inlined
def log_parts_of_normal(u, correction, bias):
    """The same for a u that is not subnormal; `bias` is what its exponent field has more than the exponent."""
    shifted = as_bits(u) + TO_SQRT_HALF
    k = as_float((shifted >> 52) | BITS_OF_TWO_52) - (TWO_52 + bias)
    f = as_float((shifted & MANTISSA_BITS) + BITS_OF_SQRT_HALF) - 1.0
    s = f / (2.0 + f)
    t = s * s
    r = fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, LG7, LG6), LG5), LG4), LG3), LG2), LG1) * t
    half_square = 0.5 * f * f
    large = k * LN2_HIGH
    head = large + f
    lost = f - (head - large)
    return head, fma(k, LN2_LOW, fma(s, half_square + r, -half_square)) + (lost + correction)


@inlined
def exp_parts(a):
    """exp(−a) for 0 ≤ a ≤ 746 as (high + low)·2^k, with high from 0.7 to 1.5, right to about 2^-60; and k."""
    x = -a
    k_bits = fma(x, LOG2_E, ROUNDER)
    k = k_bits - ROUNDER
    # The reduced argument: exact in its head (k·LN2_HIGH has few bits), its tail in `low`.
    head = fma(-k, LN2_HIGH, x)
    tail = -k * LN2_LOW
    r = head + tail
    r_low = tail - (r - head)
    # exp(r) = 1 + r + r²/2 + r³·q(r), |r| < 0.3466: Taylor's coefficients to 1/13!; the first term left out is 2^-57.
    q = fma(r, 1.6059043836821613e-10, 2.08767569878681e-09)
    q = fma(r, q, 2.505210838544172e-08)
    q = fma(r, q, 2.755731922398589e-07)
    q = fma(r, q, 2.7557319223985893e-06)
    q = fma(r, q, 2.48015873015873e-05)
    q = fma(r, q, 1.984126984126984e-04)
    q = fma(r, q, 1.388888888888889e-03)
    q = fma(r, q, 8.333333333333333e-03)
    q = fma(r, q, 4.1666666666666664e-02)
    q = fma(r, q, 1.6666666666666666e-01)
    square = r * r
    square_low = fma(r, r, -square)
    half = 0.5 * square
    # 1 + r + half, in two exact steps; the rest is small.
    one_r = 1.0 + r
    lost_r = r - (one_r - 1.0)
    total = one_r + half
    lost_half = half - (total - one_r)
    rest = fma(square * r, q, fma(0.5, square_low, r_low)) + (lost_r + lost_half)
    rest = fma(r, r_low, rest)
    high = total + rest
    return high, rest - (high - total), as_bits(k_bits) - BITS_OF_ROUNDER


@inlined
def exp_minus(a):
    """exp(−a) for a ≥ 0, as a pair (high, low) whose sum is right to about 2^-60; (0, 0) beyond 745.2."""
    high, low, k = exp_parts(min(a, 746.0))
    # 2^k in two factors, since k reaches −1077, below the exponents of one float; the second factor is 2^-100.
    scale = as_float((k + 1123) << 52)
    return high * scale * TWO_MINUS_100, low * scale * TWO_MINUS_100


@inlined
def exp_minus_near(a):
    """The same bits for a ≤ 600, where 2^k is one factor."""
    high, low, k = exp_parts(a)
    scale = as_float((k + 1023) << 52)
    return high * scale, low * scale


@inlined
def surprisal_of(u, correction):
    """−log(u + c), where the correction is c / u: inf at u = 0, within 1 ULP elsewhere."""
    head, rest = log_parts(u, correction)
    # abs and not a minus: what costs nothing costs 0.0, not −0.0.
    return INFINITY if u == 0.0 else abs(head + rest)


@inlined
def surprisal_of_one(p):
    """−log p: what a row costs that was 1; inf at p = 0, within 1 ULP elsewhere."""
    return surprisal_of(p, 0.0)


@inlined
def surprisal_of_zero(p):
    """−log(1 − p): what a row costs that was 0; within 1 ULP also where 1 − p rounds to 1; inf at p = 1."""
    u = 1.0 - p
    return surprisal_of(u, lost_by_complement(p, u))


@inlined
def lost_by_complement(p, u):
    """c / u, where u is 1 − p rounded and 1 − p = u + c exactly.

    c is 0 unless p < ½; there 1 / u = (1 + d)(1 + d²) with d = 1 − u, to d⁴ ≤ 1/16 of a correction of at most one ULP.
    """
    d = 1.0 - u
    return (d - p) * ((1.0 + d) * fma(d, d, 1.0))


@inlined
def softplus_parts(high, low):
    """log(1 + e^−a) as head + rest, where high + low is e^−a and a is in [0, 22]."""
    u = 1.0 + high
    # c / u with 1 / (1 + d) = 1 − d + 0.83 d² − 0.33 d³ to 0.5% of a correction of at most one ULP.
    d = u - 1.0
    correction = ((high - d) + low) * fma(d, fma(d, fma(d, -0.33, 0.83), -1.0), 1.0)
    return log_parts_of_normal(u, correction, 1023.0)


@inlined
def sum_of_parts(a, head, rest):
    """a + head + rest for finite a ≥ 0: Knuth's two-sum of a + head, so that nothing is lost before `rest` is added."""
    both = a + head
    part = both - a
    return both + (((a - (both - part)) + (head - part)) + rest)


@inlined
def softplus_sides(a, high, low):
    """(log(1 + e^−a), log(1 + e^a)) for a ≥ 0: what a row costs whose outcome is the likelier one, and the other."""
    head, rest = softplus_parts(high, low)
    # Beyond 22 the cubic term of log(1 + high) is below 2^-64 of it, and 1 + high would round three times.
    right = high + fma(-0.5 * high, high, low) if a > 22.0 else head + rest
    # Beyond 100 nothing is added to a, which may be infinite.
    return right, (a if a > 100.0 else sum_of_parts(a, head, rest))


@inlined
def softplus_pair(z):
    """(log(1 + e^−z), log(1 + e^z)): what a row costs that was 1, and 0; each within 1 ULP, ±inf included."""
    a = abs(z)
    high, low = exp_minus(a)
    right, wrong = softplus_sides(a, high, low)
    is_right = z > 0.0
    return (right if is_right else wrong), (wrong if is_right else right)


@inlined
def entropy_of(q):
    """−q·log q − (1−q)·log(1−q), within 3 ULP; 0 at 0 and 1."""
    one = q * surprisal_of_one(q)
    zero = (1.0 - q) * surprisal_of_zero(q)
    return (0.0 if q == 0.0 else one) + (0.0 if q == 1.0 else zero)


@inlined
def excess(q, p, delta):
    """q·(u − log(1 + u)) with u = δ/q and δ = p − q, for q > 0: without cancellation where u is small; ≥ 0."""
    u = delta / q
    s = u / (2.0 + u)
    t = s * s
    r = fma(t, fma(t, fma(t, fma(t, fma(t, fma(t, LG7, LG6), LG5), LG4), LG3), LG2), LG1) * t
    # log(1+u) = 2s + s·R(s²) and u − 2s = u·s.
    near = q * (s * (u - r))
    # Elsewhere log(p/q), with what the divisions lost. Where p/q leaves the floats, q·log(p/q) is nothing beside δ.
    ratio = min(p / q, 1e300)
    head, rest = log_parts(ratio, fma(-ratio, q, p) / p)
    # A subnormal quotient has lost digits; two logarithms so far apart do not cancel.
    is_tiny = ratio < 1e-290
    head = surprisal_of_one(q) - surprisal_of_one(p) if is_tiny else head
    rest = 0.0 if is_tiny else rest
    far = q * (((u - head) - rest) + fma(-u, q, delta) / q)
    very_far = delta - q * (head + rest)
    is_near = (u > -0.29) & (u < 0.41)
    found = near if is_near else (very_far if u > 1e10 else far)
    return INFINITY if p == 0.0 else found


@inlined
def kl_of(q, p):
    """KL(q ‖ p) of two Bernoulli distributions, ≥ 0, right near 0 too: the excess of each outcome."""
    delta = p - q
    inside = excess(q, p, delta) + excess(1.0 - q, 1.0 - p, -delta)
    at_zero = surprisal_of_zero(p)
    at_one = surprisal_of_one(p)
    return at_zero if q == 0.0 else (at_one if q == 1.0 else inside)
