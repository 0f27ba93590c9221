"""How many rows show a difference, and what so many rows show: one formula for what `compare` says and `plan` plans.

An interval shows a difference δ where its end lies beyond 0, and a non-inferiority at the margin m where it lies above
−m. The mean of n differences with the standard deviation σ does so with probability π from

    n = ((q + z)·σ/δ)² + q²/2

observations on: q is the normal quantile of the interval, z that of π, and q²/2 is what Student's t needs more than the
normal (Guenther 1981, Am. Stat. 35(4), 243-244). Within a row of the exact power of the t test from ten rows on.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from logloss.answers.estimate import CONFIDENCE, normal_quantile

# With how much certainty a difference is to be shown.
POWER = 0.8


class Spread(NamedTuple):
    """How differences vary: the standard deviation of an independent observation, and how many rows make one."""

    std: float
    observation_rows: float = 1.0

    @classmethod
    def of_error(cls, error: float, n_rows: float, observations: float) -> Spread:
        """That of n_rows, worth so many independent observations, whose mean has a standard error."""
        observations = max(observations, 1.0)
        return cls(error * math.sqrt(observations), n_rows / observations)

    @property
    def of_rows(self) -> float:
        """The standard deviation of rows that, if they were independent, would make the same error."""
        return self.std * math.sqrt(self.observation_rows)


class Shown(NamedTuple):
    """What is to be shown, and how surely: the level of each interval, the probability with which it shows it."""

    level: float = CONFIDENCE
    power: float = POWER

    @property
    def of_student(self) -> float:
        """How many more observations Student's t needs than the normal."""
        return normal_quantile(self.level) ** 2 / 2

    @property
    def reach(self) -> float:
        """How many standard errors a difference must measure."""
        return normal_quantile(self.level) + NormalDist().inv_cdf(self.power)

    def rows(self, difference: float, spread: Spread) -> float:
        """How many rows show a difference; inf where none do, or more than a float counts."""
        if difference <= 0:
            return math.inf
        ratio = max(self.reach, 0.0) * (spread.std / difference)
        # Not a power: that of a float raises an error at infinity.
        return (ratio * ratio + self.of_student) * spread.observation_rows

    def detectable_difference(self, spread: Spread, n_rows: float) -> float:
        """The difference that so many rows show; inf where they are too few for any."""
        left = n_rows / spread.observation_rows - self.of_student
        return max(self.reach, 0.0) * spread.std / math.sqrt(left) if left > 0 else math.inf

    def power_of(self, difference: float, spread: Spread, n_rows: float) -> float:
        """The probability with which so many rows show a difference."""
        left = n_rows / spread.observation_rows - self.of_student
        if left <= 0:
            return 0.0
        return NormalDist().cdf(math.sqrt(left) * (difference / spread.std) - normal_quantile(self.level))


def whole_rows(rows: float) -> int | None:
    """Rows as a whole number, upwards; None where there are infinitely many."""
    return math.ceil(rows) if math.isfinite(rows) else None


def simultaneous_level(n_pairs: int, level: float = CONFIDENCE) -> float:
    """The level of each of so many intervals with which all hold at a level, whatever they have in common.

    Šidák (1967), doi:10.1080/01621459.1967.10482935: of normal estimates with any correlation.
    """
    return math.exp(math.log(level) / n_pairs)
