"""`Estimate`, a number with its 95% interval, or the reason why it has none; intervals from standard errors."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, NamedTuple, TypeVar

import numpy as np

from logloss.data.values import Array

# A number or an array of them.
Number = TypeVar("Number", float, Array)
CONFIDENCE = 0.95
# From so many on the quantile of t is near that of the normal.
MANY_DEGREES = 60.0


def normal_quantile(level: float = CONFIDENCE) -> float:
    """Quantile of the standard normal for a two-sided interval of this level: 1.96 at 0.95."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def student_quantile(degrees: float, level: float = CONFIDENCE) -> float:
    """Quantile of Student's t for a two-sided interval of this level; of fewer degrees of freedom than 1 that of 1.

    Relative error below 1e-7 at the usual levels.
    """
    if degrees < MANY_DEGREES:
        from scipy.special import stdtrit

        return float(stdtrit(max(degrees, 1.0), 0.5 + level / 2))
    # The normal quantile and its first corrections (Abramowitz and Stegun 1964, 26.7.5): SciPy takes 0.1 s to import.
    x = normal_quantile(level)
    corrections = [(x**3 + x) / 4, (5 * x**5 + 16 * x**3 + 3 * x) / 96]
    corrections.append((3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384)
    corrections.append((79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160)
    return x + sum(correction / degrees**power for power, correction in enumerate(corrections, 1))


def wald_p_value(statistic: float, degrees: float) -> float:
    """Two-sided p-value of a Wald statistic, an estimate over its standard error: of t, or normal if degrees is inf.

    Of fewer degrees of freedom than 1 that of 1, as the interval; nan of nan.
    """
    if math.isinf(degrees) or math.isnan(statistic):
        return math.erfc(abs(statistic) / math.sqrt(2))
    from scipy.special import stdtr

    return 2 * float(stdtr(max(degrees, 1.0), -abs(statistic)))


def welch_degrees(*parts: tuple[float, float]) -> float:
    """Degrees of freedom of a sum of independent parts, each with its variance and its degrees; 1 at least.

    Welch (1947), doi:10.1093/biomet/34.1-2.28.
    """
    variance = math.fsum(own for own, _ in parts)
    shares = [own / variance if variance > 0 else 1.0 for own, _ in parts]
    of_parts = math.fsum(share * share / max(n, 1.0) for share, (_, n) in zip(shares, parts, strict=True))
    # Of a part that is known, beside which the others are nothing, infinite.
    return 1 / of_parts if of_parts > 0 else math.inf


# Why an infinite loss has no interval.
INFINITE = "the log loss is infinite"
# Standard errors between an estimate and either end of its 95% interval.
Z = normal_quantile()


class Estimate(float):
    """A float with its 95% confidence interval.

    `low` and `high` are the ends, nan where no interval is available. `reason`: why there is none, or a remark on it;
    "" otherwise. It prints as a plain float, and arithmetic returns plain floats, without an interval.

    Examples
    --------
    >>> import logloss
    >>> loss = logloss.measure([0, 1] * 50, [0.4, 0.7] * 50).log_loss
    >>> loss.low < loss < loss.high
    True
    """

    low: float
    high: float
    reason: str

    def __new__(cls, value: float, low: float = math.nan, high: float = math.nan, reason: str = "") -> Estimate:
        """A value with its interval, or with the reason why it has none."""
        self = super().__new__(cls, value)
        self.low, self.high, self.reason = low, high, reason
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with its interval."""
        return Estimate, (float(self), self.low, self.high, self.reason)

    @property
    def has_interval(self) -> bool:
        """Whether an interval is available."""
        return not math.isnan(self.low)


def negated(estimate: Estimate) -> Estimate:
    """The estimate with the other sign, and so its interval."""
    return Estimate(-estimate, -estimate.high, -estimate.low, estimate.reason)


class SamplingError(NamedTuple):
    """Sampling error of an estimate: its standard error, degrees of freedom and skewness.

    degrees: of freedom of Student's t, inf for the normal; skewness: of the estimate, for Hall's transformation, 0
    where it is not used.
    """

    error: float
    degrees: float = math.inf
    skewness: float = 0.0

    def interval(self, value: float, level: float = CONFIDENCE) -> tuple[float, float]:
        """The ends of the confidence interval of a value."""
        quantile = student_quantile(self.degrees, level)
        if self.skewness == 0:
            return value - self.error * quantile, value + self.error * quantile
        ends = (self.error * untransformed(each, self.skewness) for each in (quantile, -quantile))
        low, high = (value - end for end in ends)
        # Of very skew rows the transformation may leave the value outside: the interval is then as wide as reaches it.
        return min(low, value), max(high, value)


def with_interval(
    value: float,
    sampling: SamplingError,
    *,
    level: float = CONFIDENCE,
    low: float = -math.inf,
    high: float = math.inf,
    reason: str = "",
) -> Estimate:
    """An estimate with its interval, cut at the bounds low and high; without one where its error is not finite."""
    if not math.isfinite(sampling.error):
        return Estimate(value, reason=reason or "the losses are too large")
    ends = sampling.interval(value, level)
    return Estimate(value, max(ends[0], low), min(ends[1], high))


def logit(p: Number) -> Number:
    """Log-odds of a probability: log(p / (1 − p)), p in (0, 1)."""
    if isinstance(p, np.ndarray):
        return np.log(p) - np.log1p(-p)
    return math.log(p) - math.log1p(-p)


def expit(z: Number) -> Number:
    """Probability of log-odds: 1 / (1 + e^−z), z any real, ±inf or nan; within 2 ULP."""
    # Not e^−log(1 + e^−z), whose exponent is rounded before it is raised: off by |z| / 2 ULP in the lower tail. Nor
    # SciPy's, which costs 0.1 s to import and is 0 from e^−709 on, where floats reach e^−745.
    is_far = np.less(z, -700.0)
    proba = 1.0 / (1.0 + np.exp(-np.maximum(z, -700.0)))
    if is_far.any():
        proba = np.where(is_far, np.exp(np.minimum(z, 0.0)), proba)
    return proba if isinstance(z, np.ndarray) else float(proba)


def log_expit(z: Array) -> Array:
    """Logarithm of the probability of log-odds, log(1 / (1 + e^−z)): −1000, not −inf, at z = −1000."""
    log_proba: Array = -np.logaddexp(0.0, -z)
    return log_proba


def untransformed(x: float, skewness: float) -> float:
    """The T with T + λ(T² / 3 + 1 / 6) + λ²T³ / 27 = x: Hall (1992), section 2, third transformation, inverted."""
    inner = skewness * (x - skewness / 6)
    if abs(inner) < 1e-9:
        # cbrt(1 + inner) − 1 to first order, where the division below would lose digits.
        return x - skewness / 6
    root = math.expm1(math.log1p(inner) / 3) if inner > -1 else -math.pow(-1 - inner, 1 / 3) - 1
    return 3 / skewness * root
