r"""Autocorrelation-robust interval of a mean difference over periods: equally weighted cosines.

The deviations of the periods 1 … T, z_t = difference_t − w_t·mean, is projected on the first B cosines of type II,
Λ_j = √(2/T)·Σ z_t cos(πj(t − ½)/T). Each is nearly normal with the variance that the slow part of the series has, and
nearly independent of the others: the mean of their squares estimates that variance with B degrees of freedom.

That mean is too small where the spectrum still rises below the frequencies of the cosines. So a(1 + b/(1 + (j/c)²)),
the spectrum of an autoregression of the first order (or of one under noise) near frequency 0, is fitted to the squares
of the first 4·B cosines by Whittle's likelihood. Where it explains them clearly better than a level, and rises much
towards 0, its value at 0 takes the place of the mean.

References: Lazarus, Lewis, Stock and Watson (2018), doi:10.1080/07350015.2018.1506926, whose rule is B = ⌊0.4·T^(2/3)⌋;
Whittle (1953), doi:10.1007/BF02590998. How often it holds: docs/inference.md.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from logloss.answers.estimate import Estimate, SamplingError, student_quantile, with_interval
from logloss.data.values import Array
from logloss.inference.moments import ROUNDING
from logloss.inference.score_table import dot
from logloss.text import count, counted, significant

# Of fewer there would be a single cosine, and a variance with one degree of freedom.
FEWEST_PERIODS = 12
# Where autocorrelation leaves fewer, the mean is known from hardly more than one stretch of the series. Not 3: series
# that leave few have the widest intervals, which hold; without them 92% of the others do, of 50 periods with 0.5.
FEWEST_EFFECTIVE = 1.5
# Below, a slow component hides in the noise: one that makes a fifth of the variance and lasts for 100 periods shows in
# 28% of series of 100 periods, in 65% of 200, in all of 1,000.
ENOUGH_PERIODS = 100
# The grid of the fitted line: how far it rises, and how fast it falls in units of B. Coarser than by a factor of three
# would miss a rise, finer changes no coverage by a per cent.
RISES = 3.0 ** np.arange(6)
WIDTHS = 2.0 ** np.arange(-3, 3)
# Cosines that the line is fitted to, in units of B: enough to tell a rise from a level, and below any weekly season.
REACH = 4
# Twice the logarithm of the likelihood ratio from which a rise is believed, and the share of the line's value at 0 that
# the cosines must miss: of independent periods 3 to 5% come that far.
LEAST_RATIO, LARGEST_SHARE = 3.0, 0.8
# Where they see less of it, the line is known from next to nothing: an autoregression of 0.98 over 200 periods comes
# that far in 9 series of 10, and is held by 64% of intervals; one of 0.9 in 2 of 10, and by 93%.
LEAST_SHARE = 0.35
# From this many times the standard error of rows on, and beyond the 99% quantile of its null distribution, the
# interval of rows is not to be trusted.
MUCH_WIDER, RARELY = 1.2, 0.01


class LongRun(NamedTuple):
    """How the mean of dependent periods varies.

    sampling: the standard error, and as degrees of freedom the number of cosines. worth: the effective number of
    periods by their weights (Kish). effective_periods: the effective number with autocorrelation, at most `worth`.
    share: how much of the spectrum at frequency 0 the cosines see, 1 where it does not rise clearly. reason: why there
    is no interval.
    """

    sampling: SamplingError
    worth: float
    effective_periods: float
    share: float
    reason: str = ""

    @property
    def is_rising(self) -> bool:
        """Whether the spectrum rises towards frequency 0 faster than the cosines follow."""
        return self.share <= LARGEST_SHARE

    def estimate(self, delta: float) -> Estimate:
        """The difference with its interval."""
        return Estimate(delta, reason=self.reason) if self.reason else with_interval(delta, self.sampling)


def long_run(deltas: Array, weights: Array) -> LongRun:
    """The standard error of Σ deltas / Σ weights. deltas, weights: sums of each period in their order, (n_periods,)."""
    total = weights.sum()
    worth = float(total * total / dot(weights, weights))
    # By what the weights are worth, not by their number: with lognormal weights (σ 1.5) and 50 periods, ⌊0.4·T^(2/3)⌋
    # of the number holds 90%, this 94.
    # 1,000^(2/3) is 99.99… as a float.
    n_cosines = math.floor(0.4 * worth ** (2 / 3) + 1e-9)
    unknown = SamplingError(math.nan, n_cosines)
    if worth < FEWEST_PERIODS * (1 - ROUNDING):
        return LongRun(unknown, worth, worth, 1.0, f"too few periods ({periods_text(len(deltas), worth)})")
    mean = float(deltas.sum() / total)
    deviations = (deltas - weights * mean) / total
    scale = float(np.abs(deviations).max())
    # Of periods that all have the same difference the deviations are what rounding leaves.
    if scale * total <= ROUNDING * abs(mean) * weights.max():
        return LongRun(SamplingError(0.0, n_cosines), worth, worth, 1.0)
    squares = cosine_squares(deviations / scale)
    level = float(squares[:n_cosines].mean())
    at_zero, share = rising_line(squares[: REACH * n_cosines] / level, n_cosines)
    variance = level * max(at_zero, 1.0) if share <= LARGEST_SHARE else level
    effective = min(worth, worth * float(squares.mean()) / variance)
    if effective < FEWEST_EFFECTIVE:
        few = f"{count(len(deltas))} periods, {significant(effective, 2)} effective"
        return LongRun(unknown, worth, effective, share, f"too autocorrelated ({few})")
    return LongRun(SamplingError(scale * math.sqrt(len(deltas) * variance), n_cosines), worth, effective, share)


def periods_text(n_periods: int, worth: float) -> str:
    """`30 periods`, `30 periods, 4.2 effective by their weights`."""
    named = counted(n_periods, "period")
    return named if worth > n_periods - 0.5 else f"{named}, {significant(worth, 2)} effective by their weights"


def cosine_squares(deviations: Array) -> Array:
    """Λ_1², …, Λ_(T − 1)² of deviations of shape (T,) that sum to 0: they add up to the sum of their squares."""
    from scipy.fft import dct

    transforms: Array = dct(deviations, type=2, norm="ortho")[1:]
    return transforms**2


def rising_line(squares: Array, n_cosines: int) -> tuple[float, float]:
    """(Value at frequency 0, share of it that the first n_cosines have on average) of the line that fits best.

    Where no line explains the squares clearly better than a level: of the level, whose share is 1.
    """
    number = np.arange(1, len(squares) + 1)
    rises, widths = (each.ravel() for each in np.meshgrid(RISES, WIDTHS * n_cosines))
    shapes = 1 + rises[:, None] / (1 + (number / widths[:, None]) ** 2)
    levels = (squares / shapes).mean(axis=1)
    # −2·log likelihood of squares that are χ² with one degree of freedom times the line, at the best level.
    unlikely = len(squares) * np.log(levels) + np.log(shapes).sum(axis=1)
    best = int(np.argmin(unlikely))
    flat = float(squares.mean())
    if len(squares) * math.log(flat) - unlikely[best] <= LEAST_RATIO:
        return flat, 1.0
    at_zero = 1 + rises[best]
    return float(levels[best] * at_zero), float(shapes[best, :n_cosines].mean() / at_zero)


def cautions_of_periods(mean: LongRun, n_periods: int, error_of_rows: float) -> tuple[str, ...]:
    """Cautions on the autocorrelation-robust interval, and on the one that takes rows as independent.

    error_of_rows: the standard error of the difference with rows (or clusters) as independent observations.
    """
    if mean.worth < FEWEST_PERIODS * (1 - ROUNDING):
        return ()
    cautions = []
    error, n_cosines = mean.sampling.error, mean.sampling.degrees
    effective = f"{count(n_periods)} periods, {significant(mean.effective_periods, 2)} effective"
    if mean.reason:
        cautions.append(f"the difference is too autocorrelated for any interval to be trusted ({effective})")
    elif mean.is_rising:
        if mean.share < LEAST_SHARE:
            cautions.append(f"the difference changes too slowly for any interval to be trusted ({effective})")
        else:
            cautions.append(
                f"the difference changes slowly ({effective}): its autocorrelation-robust CI may be too narrow"
            )
    elif mean.worth < ENOUGH_PERIODS * (1 - ROUNDING):
        cautions.append(
            f"{periods_text(n_periods, mean.worth)}, below {ENOUGH_PERIODS}: too few to show whether the difference "
            "changes slowly, so that the autocorrelation-robust CI may be too narrow"
        )
    if not mean.reason and error_of_rows > 0 and _is_much_wider(error / error_of_rows, n_cosines):
        cautions.append(
            "rows of a period, or neighbouring periods, are correlated: the standard error of the difference is "
            f"{significant(error, 2)}, not {significant(error_of_rows, 2)}; use the autocorrelation-robust CI"
        )
    return tuple(cautions)


def with_periods(error: float, observations: float, width: float, n_cosines: int) -> tuple[float, float]:
    """(Standard error, independent observations) that new rows are planned with: the autocorrelation-robust ones where
    that standard error is significantly larger.

    width: half that of the autocorrelation-robust interval, nan if there is none; n_cosines: its degrees of freedom.
    """
    if not (width > 0 and error > 0):
        return error, observations
    of_periods = width / student_quantile(n_cosines)
    return (of_periods, n_cosines + 1.0) if _is_much_wider(of_periods / error, n_cosines) else (error, observations)


def _is_much_wider(ratio: float, n_cosines: float) -> bool:
    """Whether a standard error from so many cosines is significantly larger than another."""
    from scipy.special import chdtri

    return ratio > MUCH_WIDER and n_cosines * ratio * ratio > float(chdtri(n_cosines, RARELY))
