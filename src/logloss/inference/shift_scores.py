"""The score of a shift of the log-odds of a segment: how far its labels are from its forecasts, on a normal scale.

Where forecasts are right and labels independent, the score U = Σw(y − p) of a segment has mean 0, variance V = Σw²v and
third cumulant Σw³v(1 − 2p), v = p(1 − p). A normal distribution is far from it in the tail that a search over
thousands of segments looks at, where rows are few or positives rare. A shifted Poisson distribution has these three
cumulants: U is about s·(X − μ), s = third / V, μ = V / s², X Poisson of mean μ. Its signed root of twice the gain
in log-likelihood, with the correction of Barndorff-Nielsen and Cox, is nearly standard normal.

>>> scores = shift_scores(np.array([12.0]), np.array([9.0]), np.array([0.0]))
>>> float(scores.z[0]), float(scores.gain[0]), round(float(scores.shift[0]), 4)
(4.0, 8.0, 1.3333)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from logloss.data.rows import Array

# A skewness below which the distribution is normal: at z = 5 it changes z by 0.004. Far below it the gain, a difference
# of numbers of the size of the mean, would lose all its digits.
NEARLY_NORMAL = 1e-3
# Nearer to the mean the correction is 0/0, and its limit is taken.
NEAR = 0.02
# Counts below half a one are taken as that: where none is observed, the correction needs more than 0.
LEAST_COUNT = 0.5
# Log-odds: a segment of one class has no finite shift.
LARGEST_SHIFT = 10.0


class ShiftScores(NamedTuple):
    """Of each segment: z, standard normal where forecasts are right; gain in log-likelihood of its shift; the shift.

    The gain counts rows of weight 1; the shift is that of the log-odds.
    """

    z: Array
    gain: Array
    shift: Array


def shift_scores(score: Array, variance: Array, third: Array) -> ShiftScores:
    """From the scores of segments with their variances and third cumulants, each of shape (n_segments,).

    References
    ----------
    Barndorff-Nielsen, O. E. and Cox, D. R. (1989). Asymptotic Techniques for Use in Statistics. Chapman and Hall.
    """
    variance = np.maximum(variance, np.finfo(float).tiny)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        standard = score / np.sqrt(variance)
        is_normal = np.abs(third) <= NEARLY_NORMAL * variance**1.5
        # Of a left-skew score the Poisson distribution is mirrored.
        unit = np.where(is_normal, 1.0, third / variance)
        mean = variance / unit**2
        observed = np.maximum(mean + score / unit, LEAST_COUNT)
        ratio = np.log(observed / mean)
        gain = observed * ratio - observed + mean
        root = np.sign(observed - mean) * np.sqrt(2 * np.maximum(gain, 0.0))
        wald = ratio * np.sqrt(observed)
        is_near = np.abs(root) < NEAR
        corrected = np.where(is_near, root + 1 / (6 * np.sqrt(mean)), root + np.log(wald / root) / root)
        z = np.where(is_normal, standard, np.sign(unit) * corrected)
        gain = np.where(is_normal, 0.5 * standard**2, gain)
        shift = np.where(is_normal, score / variance, ratio / unit)
    return ShiftScores(z, gain, np.clip(shift, -LARGEST_SHIFT, LARGEST_SHIFT))


def normal_of_student(t: Array, degrees: Array) -> Array:
    """The standard normal value with the tail of each t: within 0.01 from 10 degrees on up to a tail of 1e-8.

    Wallace (1959), doi:10.1214/aoms/1177706095.
    """
    is_finite = np.isfinite(degrees)
    n = np.where(is_finite, degrees, 1.0)
    student = np.sign(t) * (8 * n + 1) / (8 * n + 3) * np.sqrt(n * np.log1p(t * t / n))
    return np.where(is_finite, student, t)


def score_interval(
    score: Array, weight: Array, variance: Array, predicted: Array, critical: float
) -> tuple[Array, Array]:
    """Ends of the interval of observed minus predicted rate: the differences that a score test does not reject.

    weight: Σw; variance: of the score where forecasts are right; predicted: mean forecast, in (0, 1). The variance at a
    rate q is taken as proportional to q(1 − q): Wilson's interval where all forecasts are one number.
    """
    unit = critical**2 * variance / (predicted * (1 - predicted))
    a = weight**2 + unit
    b = -2 * score * weight - unit * (1 - 2 * predicted)
    c = score**2 - unit * predicted * (1 - predicted)
    root = np.sqrt(np.maximum(b * b - 4 * a * c, 0.0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)
