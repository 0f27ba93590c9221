"""Sample size, power and minimum detectable difference: one formula for `compare` and `plan`.

A difference is significant where its interval excludes 0; non-inferiority with the margin m is shown where the interval
lies above −m. With a true difference δ and the standard deviation σ this has probability π from

    n = ((q + z)·σ/δ)² + q²/2

independent observations on: q is the normal quantile of the interval, z that of π, and q²/2 corrects for Student's t
(Guenther 1981, Am. Stat. 35(4), 243-244). Within a row of the exact power of the t test from ten rows on. The rows
needed are n times the design effect.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from logloss.answers.estimate import CONFIDENCE, normal_quantile

# Default power.
POWER = 0.8


class Spread(NamedTuple):
    """Standard deviation of an independent observation, and the design effect: rows per independent observation."""

    std: float
    design_effect: float = 1.0

    @classmethod
    def of_error(cls, error: float, n_rows: float, observations: float) -> Spread:
        """From the standard error of the mean of n_rows, equivalent to so many independent observations."""
        observations = max(observations, 1.0)
        return cls(error * math.sqrt(observations), n_rows / observations)

    @property
    def of_rows(self) -> float:
        """The standard deviation of independent rows with the same standard error."""
        return self.std * math.sqrt(self.design_effect)


class Design(NamedTuple):
    """Confidence level of each interval, and the power."""

    level: float = CONFIDENCE
    power: float = POWER

    @property
    def student_correction(self) -> float:
        """Observations that Student's t needs in addition to the normal."""
        return normal_quantile(self.level) ** 2 / 2

    @property
    def n_standard_errors(self) -> float:
        """The minimum detectable difference in standard errors: q + z."""
        return normal_quantile(self.level) + NormalDist().inv_cdf(self.power)

    def rows(self, difference: float, spread: Spread) -> float:
        """Rows needed for a true difference; inf if no number is enough, or more than a float counts."""
        if difference <= 0:
            return math.inf
        ratio = max(self.n_standard_errors, 0.0) * (spread.std / difference)
        # Not a power: that of a float raises an error at infinity.
        return (ratio * ratio + self.student_correction) * spread.design_effect

    def detectable_difference(self, spread: Spread, n_rows: float) -> float:
        """The minimum detectable difference of n_rows; inf if they are too few for any."""
        left = n_rows / spread.design_effect - self.student_correction
        return max(self.n_standard_errors, 0.0) * spread.std / math.sqrt(left) if left > 0 else math.inf

    def power_of(self, difference: float, spread: Spread, n_rows: float) -> float:
        """The power of n_rows for a true difference."""
        left = n_rows / spread.design_effect - self.student_correction
        if left <= 0:
            return 0.0
        return NormalDist().cdf(math.sqrt(left) * (difference / spread.std) - normal_quantile(self.level))


def whole_rows(rows: float) -> int | None:
    """Rows as a whole number, upwards; None where there are infinitely many."""
    return math.ceil(rows) if math.isfinite(rows) else None


def simultaneous_level(n_pairs: int, level: float = CONFIDENCE) -> float:
    """The level of each of n_pairs intervals that makes their simultaneous level `level`, whatever their correlation.

    Šidák (1967), doi:10.1080/01621459.1967.10482935: of normal estimates with any correlation.
    """
    return math.exp(math.log(level) / n_pairs)
