"""The distribution of a quadratic form in normal variables: a weighted sum of independent χ² with one degree each.

>>> round(upper_tail(3.841458820694124, [1.0]), 12)
0.05

References
----------
Imhof, J. P. (1961). Computing the distribution of quadratic forms in normal variables. Biometrika 48(3/4), 419-426.
doi:10.1093/biomet/48.3-4.419
Rice, S. O. (1980). Distribution of quadratic forms in normal random variables - evaluation by numerical integration.
SIAM Journal on Scientific and Statistical Computing 1(4), 438-448. doi:10.1137/0901032
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from logloss.data.values import Array

# Weights below this share of the largest count as 0.
NEGLIGIBLE = 1e-13
# Points of the trapezoidal rule, and how far they reach: sinh(6) = 202 widths of the peak. Fewer or more change the
# result by less than 1e-12 of itself.
N_POINTS, REACH = 100, 6.0
# Least bend of the path, in widths of the peak: with a few weights the integrand falls along a straight one as a power.
LEAST_BEND = 0.05
# Halvings of the interval in which the saddlepoint lies.
N_HALVINGS = 100


def upper_tail(value: float, weights: Array | Sequence[float]) -> float:
    """P(Σ wᵢ Zᵢ² > value) of independent standard normal Zᵢ and wᵢ ≥ 0, right to about 1e-11 of itself above the mean.

    The moment generating function is inverted along a path through its saddlepoint, where the integrand has one peak
    and falls exponentially on both sides (Rice 1980); below the mean it is one less the lower tail. Without a weight
    above 0 the sum is 0. Cost: O(n_weights) · 200.
    """
    own = np.asarray(weights, dtype=float)
    own = own[own > NEGLIGIBLE * own.max(initial=0.0)]
    if not len(own) or not value > 0:
        return 1.0 if value < 0 or len(own) else float(value <= 0)
    own, value = own / own.max(), value / float(own.max())
    is_above = value >= own.sum()
    # Where exp(K(s) − s·value) / |s| is least, on the side of 0 that has the smaller tail; K has poles from 1/2 on.
    low, high = (0.0, 0.5) if is_above else (-(len(own) / 2 + 1) / value, 0.0)
    for _ in range(N_HALVINGS):
        s = (low + high) / 2
        low, high = (low, s) if float((own / (1 - 2 * s * own)).sum()) - value - 1 / s > 0 else (s, high)
    ratios = own / (1 - 2 * s * own)
    second, third = 2 * float((ratios**2).sum()) + 1 / s**2, 8 * float((ratios**3).sum()) - 2 / s**3
    width = 1 / math.sqrt(second)
    # The path of steepest descent bends so much; farther out it is a straight line.
    bend = max(third / (6 * second), LEAST_BEND / width)
    step = REACH / N_POINTS
    places = np.arange(N_POINTS + 1) * step
    y, by_place = width * np.sinh(places), width * np.cosh(places)
    straightened = 1 + (2 * bend * y) ** 2
    z = s + bend * y**2 / np.sqrt(straightened) + 1j * y
    slope = bend * y * (1 + straightened) / straightened**1.5 + 1j
    exponent = -0.5 * np.log(1 - 2 * np.multiply.outer(z, own)).sum(axis=1) - z * value
    heights = (np.exp(exponent) / z * slope).imag * by_place
    tail = step * (float(heights.sum()) - 0.5 * float(heights[0])) / math.pi
    return min(max(tail if is_above else 1.0 + tail, 0.0), 1.0)
