"""An estimate: a number that knows its interval, its standard error and why it has none."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, overload

import numpy as np

from logloss.data.values import Array

CONFIDENCE = 0.95


def normal_quantile(level: float = CONFIDENCE) -> float:
    """The quantile of the standard normal for an interval of this level."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def student_quantile(n_degrees: float, level: float = CONFIDENCE) -> float:
    """The quantile of Student's t for an interval of this level."""
    from scipy.special import stdtrit

    return float(stdtrit(max(n_degrees, 1), 0.5 + level / 2))


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


def with_interval(value: float, error: float, skewness: float, *, low: float = -math.inf) -> Estimate:
    """A mean with the interval of Hall's transformation of the studentised mean, never below a bound."""
    ends = value - error * untransformed(Z, skewness), value - error * untransformed(-Z, skewness)
    # Of very skew rows the transformation may leave the mean outside: the interval is then as wide as reaches it.
    return Estimate(value, min(max(ends[0], low), value), max(ends[1], value))


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
