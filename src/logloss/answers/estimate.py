"""An estimate: a number that knows its interval, or why it has none; how intervals are made of standard errors."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, NamedTuple, overload

import numpy as np

from logloss.data.values import Array

CONFIDENCE = 0.95
# From so many on the quantile of t is near that of the normal.
MANY_DEGREES = 60.0


def normal_quantile(level: float = CONFIDENCE) -> float:
    """The quantile of the standard normal for an interval of this level."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def student_quantile(degrees: float, level: float = CONFIDENCE) -> float:
    """The quantile of Student's t for an interval of this level; of fewer degrees of freedom than 1 that of 1.

    Right to 1e-7 of itself at the usual levels.
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


def welch_degrees(*parts: tuple[float, float]) -> float:
    """Degrees of freedom of a sum of independent parts, each with its variance and its degrees; 1 at least.

    Welch (1947), doi:10.1093/biomet/34.1-2.28.
    """
    variance = math.fsum(own for own, _ in parts)
    shares = [own / variance if variance > 0 else 1.0 for own, _ in parts]
    return 1 / math.fsum(share * share / max(n, 1.0) for share, (_, n) in zip(shares, parts, strict=True))


# What the standard error of a 95 % interval is multiplied by.
Z = normal_quantile()


class Estimate(float):
    """A float that knows its 95 % interval.

    `low` and `high` are its ends, nan where there is no interval; `reason` then says why.

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
        """An estimate of a value with its interval, or with the reason why it has none."""
        self = super().__new__(cls, value)
        self.low, self.high, self.reason = low, high, reason
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with its interval."""
        return Estimate, (float(self), self.low, self.high, self.reason)

    @property
    def has_interval(self) -> bool:
        """Whether an interval is known."""
        return not math.isnan(self.low)


def negated(estimate: Estimate) -> Estimate:
    """The estimate with the other sign, its interval turned round."""
    return Estimate(-estimate, -estimate.high, -estimate.low, estimate.reason)


class SamplingError(NamedTuple):
    """How an estimate varies: its standard error, and what its interval takes into account.

    degrees: of freedom of Student's t, inf for the normal; skewness: of the sum that the estimate is, for Hall's
    transformation, 0 where it is not used.
    """

    error: float
    degrees: float = math.inf
    skewness: float = 0.0

    def interval(self, value: float, level: float = CONFIDENCE) -> tuple[float, float]:
        """The ends of the interval about a value."""
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
    """An estimate with its interval, never beyond bounds; without one where its error is not finite."""
    if not math.isfinite(sampling.error):
        return Estimate(value, reason=reason or "the losses are too large")
    ends = sampling.interval(value, level)
    return Estimate(value, max(ends[0], low), min(ends[1], high))


@overload
def logit(p: float) -> float: ...
@overload
def logit(p: Array) -> Array: ...
def logit(p: float | Array) -> float | Array:
    """log(p / (1 − p)), p in (0, 1)."""
    if isinstance(p, np.ndarray):
        return np.log(p) - np.log1p(-p)
    return math.log(p) - math.log1p(-p)


@overload
def expit(z: float) -> float: ...
@overload
def expit(z: Array) -> Array: ...
def expit(z: float | Array) -> float | Array:
    """1 / (1 + e^−z), z any real, ±inf or nan: within 2 ULP."""
    # Not e^−log(1 + e^−z), whose exponent is rounded before it is raised: off by |z| / 2 ULP in the lower tail. Nor
    # SciPy's, which costs 0.1 s to import and is 0 from e^−709 on, where floats reach e^−745.
    is_far = np.less(z, -700.0)
    found = 1.0 / (1.0 + np.exp(-np.maximum(z, -700.0)))
    if is_far.any():
        found = np.where(is_far, np.exp(np.minimum(z, 0.0)), found)
    return found if isinstance(z, np.ndarray) else float(found)


def log_expit(z: Array) -> Array:
    """log(1 / (1 + e^−z)): −1000, not −inf, at z = −1000."""
    found: Array = -np.logaddexp(0.0, -z)
    return found


def untransformed(x: float, skewness: float) -> float:
    """The T with T + λ(T² / 3 + 1 / 6) + λ²T³ / 27 = x: Hall (1992), section 2, third transformation, inverted."""
    inner = skewness * (x - skewness / 6)
    if abs(inner) < 1e-9:
        # cbrt(1 + inner) − 1 to first order, where the division below would lose digits.
        return x - skewness / 6
    root = math.expm1(math.log1p(inner) / 3) if inner > -1 else -math.pow(-1 - inner, 1 / 3) - 1
    return 3 / skewness * root
