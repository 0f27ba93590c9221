"""Cases of `compare` with autocorrelated periods, and of the power of `plan`.

A period is one row with a soft label: the losses of two forecasts half a unit of log-odds above and below 0 differ by
the label less one half, so that the series of differences is the series of labels drawn, and its true mean is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from _honesty_claims import CAUTIONED, RARER, ROWS, Answers, Case, ends
from scipy.signal import lfilter
from scipy.special import expit

import logloss

# Labels are 1/2 plus this times a series with variance 1: 0 and 1 are more than ten standard deviations away.
SMALL = 0.04
# From so many periods on, coverage is promised, unless there is a caution.
ENOUGH_PERIODS = 100

Series = Callable[[np.random.Generator, int], Any]


def autoregressive(phi: float) -> Series:
    """Stationary, normal, of the first order, with variance 1."""

    def draw(random: np.random.Generator, n: int) -> Any:
        noise = random.standard_normal(n)
        noise[1:] *= math.sqrt(1 - phi * phi)
        return lfilter([1.0], [1.0, -phi], noise)

    return draw


def slow_under_noise(random: np.random.Generator, n: int) -> Any:
    """White noise, and a fifth of the variance that changes over a hundred periods."""
    return math.sqrt(0.8) * random.standard_normal(n) + math.sqrt(0.2) * autoregressive(0.99)(random, n)


def moving_average(random: np.random.Generator, n: int) -> Any:
    """The mean of six periods, with variance 1."""
    return np.convolve(random.standard_normal(n + 5), np.ones(6), "valid") / math.sqrt(6)


def weekly(random: np.random.Generator, n: int) -> Any:
    """White noise and a week of which two days are low, begun on any day; a quarter of the variance."""
    week = np.array([1.0, 1, 1, 1, 1, -2.5, -2.5]) / math.sqrt(2.5)
    day = (np.arange(n) + random.integers(7)) % 7
    return math.sqrt(0.75) * random.standard_normal(n) + 0.5 * week[day]


def heavy_tails(random: np.random.Generator, n: int) -> Any:
    """Student's t with three degrees of freedom, cut off so that labels stay in [0, 1]."""
    return np.clip(random.standard_t(3, n) / math.sqrt(3), -12, 12)


def with_gaps(random: np.random.Generator, n: int) -> Any:
    """An autoregression (0.9) of which two periods of three are missing."""
    return autoregressive(0.9)(random, 3 * n)[np.sort(random.permutation(3 * n)[:n])]


SERIES: dict[str, tuple[Series, tuple[int, ...], float]] = {
    "independent": (autoregressive(0.0), (12, 50, 200, 1000), 0.0),
    "AR(1), 0.5": (autoregressive(0.5), (12, 50, 200, 1000), 0.0),
    "AR(1), 0.9": (autoregressive(0.9), (50, 200, 1000), 0.0),
    "AR(1), 0.98": (autoregressive(0.98), (50, 200, 1000), 0.0),
    "slow under noise": (slow_under_noise, (200, 1000), 0.0),
    "moving average": (moving_average, (200,), 0.0),
    "weekly": (weekly, (200,), 0.0),
    "heavy tails": (heavy_tails, (200,), 0.0),
    "gaps": (with_gaps, (200,), 0.0),
    "weights, σ 1.5": (autoregressive(0.0), (200, 1000), 1.5),
}


def periods() -> list[Case]:
    """The difference with its autocorrelation-robust interval."""
    cases = []
    for kind, (series, sizes, sigma) in SERIES.items():
        for n_periods in sizes:

            def draw(
                random: np.random.Generator, series: Series = series, n: int = n_periods, sigma: float = sigma
            ) -> Answers:
                labels = 0.5 + SMALL * series(random, n)
                weights = {"sample_weight": random.lognormal(0, sigma, n)} if sigma else {}
                halves = {"a": np.full(n, -0.5), "b": np.full(n, 0.5)}
                pair = logloss.compare(labels, y_logit=halves, order=np.arange(n), **weights).pair
                low, high = ends(pair.sequential.autocorrelation_robust)
                interval = (low, high) if pair.better == "b" else (-high, -low)
                # A period is a row here: the threshold of rows is scaled to that of periods.
                n_rows = 500 * n / ENOUGH_PERIODS
                is_cautioned = bool(pair.sequential.cautions)
                return {"difference of autocorrelated periods": interval, CAUTIONED: is_cautioned, ROWS: n_rows}

            name = f"{kind}, {n_periods:,} periods"
            cases.append(Case(name, n_periods, draw, lambda: {"difference of autocorrelated periods": 0.0}))
    return cases


def drawn(random: np.random.Generator, n: int, base_rate: float, noises: tuple[float, float]) -> tuple[Any, Any]:
    """(True log-odds, two forecasts that add noise to them)."""
    truth = math.log(base_rate / (1 - base_rate)) + random.normal(0, 0.7, n)
    return truth, {name: expit(truth + random.normal(0, noise, n)) for name, noise in zip("ab", noises, strict=True)}


def compared(random: np.random.Generator, n: int, base_rate: float, noises: tuple[float, float]) -> Any:
    """The comparison of n rows."""
    truth, forecasts = drawn(random, n, base_rate, noises)
    return logloss.compare((random.random(n) < expit(truth)).astype(np.uint8), forecasts)


def result_of(is_significant: bool, n: int, base_rate: float) -> Answers:
    """Whether a planned comparison is significant, as an interval that contains 0 or does not."""
    interval = (-1.0, 1.0) if is_significant else (1.0, 2.0)
    return {"planned comparison is significant": interval, CAUTIONED: False, ROWS: float(n), RARER: n * base_rate}


def plans() -> list[Case]:
    """How often rows planned for a power of 95% show the difference or the non-inferiority."""
    cases = []
    for base_rate, margin in ((0.5, 0.025), (0.1, 0.012), (0.02, 0.006)):

        def better(random: np.random.Generator, base_rate: float = base_rate) -> Answers:
            # From the forecasts alone: b is the true probability, without noise.
            n = logloss.plan(forecasts=drawn(random, 100_000, base_rate, (0.8, 0.0))[1], power=0.95).rows_needed or 0
            pair = compared(random, n, base_rate, (0.8, 0.0)).pair
            return result_of(pair.better == "b" and pair.delta.low > 0, n, base_rate)

        def as_good(random: np.random.Generator, base_rate: float = base_rate, margin: float = margin) -> Answers:
            # From a pilot: both have the same amount of noise.
            pilot = compared(random, 5000, base_rate, (0.4, 0.4))
            n = logloss.plan(pilot, margin=margin, power=0.95).rows_needed or 0
            pair = compared(random, n, base_rate, (0.4, 0.4)).pair
            # b is worse by less than the margin.
            worst = pair.delta.low if pair.better == "b" else -pair.delta.high
            return result_of(worst > -margin, n, base_rate)

        for goal, draw in (("a difference", better), ("a margin", as_good)):
            name = f"{goal}, base rate {base_rate}"
            # About as many as are planned; the pilot is larger.
            cases.append(Case(name, 3000, draw, lambda: {"planned comparison is significant": 0.0}))
    return cases
