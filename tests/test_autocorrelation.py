"""The mean of periods that depend on each other: the variance of the mean, the effective number of periods, and cautions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from scipy.signal import lfilter
from scipy.stats import binom

from logloss.comparison.autocorrelation import cautions_of_periods, cosine_squares, long_run, rising_line

SEED = 18
RARELY = 1e-6


def autoregressive(random, n_series, n_periods, phi):
    """Stationary normal autoregressions of the first order with variance 1."""
    noise = random.standard_normal((n_series, n_periods))
    noise[:, 1:] *= math.sqrt(1 - phi * phi)
    return lfilter([1.0], [1.0, -phi], noise, axis=1)


def ones(n_periods):
    return np.full(n_periods, 1 / n_periods)


def test_the_squares_are_those_of_the_transforms_as_they_are_defined():
    z = np.random.default_rng(SEED).normal(size=15)
    t = np.arange(1, 16)
    expected = [(math.sqrt(2 / 15) * math.fsum(z * np.cos(math.pi * j * (t - 0.5) / 15))) ** 2 for j in range(1, 15)]
    # Sums of 15 products, each right to a few units of 2^-53.
    assert cosine_squares(z) == pytest.approx(expected, rel=1e-11, abs=1e-14)


@pytest.mark.parametrize(("n_periods", "expected"), [(12, 2), (50, 5), (200, 13), (1000, 40)])
def test_there_are_as_many_cosines_as_the_rule_of_the_paper_has(n_periods, expected):
    """1,000^(2/3) is 100 exactly, and 99.99… as a float."""
    deltas = np.random.default_rng(SEED).normal(size=n_periods)
    assert long_run(deltas, ones(n_periods)).sampling.degrees == expected


def test_unequal_weights_have_the_cosines_of_as_many_equal_ones():
    weights = np.repeat([9.0, 1.0], [10, 190])
    found = long_run(weights * np.random.default_rng(SEED).normal(size=200), weights)
    worth = weights.sum() ** 2 / (weights**2).sum()
    assert found.worth == pytest.approx(worth, rel=1e-12)
    assert found.sampling.degrees == math.floor(0.4 * worth ** (2 / 3)) < 13


@pytest.mark.parametrize("scale", [1e-200, 1e90])
def test_the_unit_of_the_leads_changes_the_error_alone(scale):
    deltas = np.random.default_rng(SEED).normal(size=60)
    one, other = long_run(deltas, ones(60)), long_run(deltas * scale, ones(60))
    assert other.sampling.error == pytest.approx(one.sampling.error * scale, rel=1e-12)
    assert other.effective_periods == pytest.approx(one.effective_periods, rel=1e-12)


def test_equal_periods_have_no_error():
    found = long_run(np.full(60, 0.1), ones(60))
    assert (found.sampling.error, found.effective_periods) == (0.0, pytest.approx(60))
    assert found.estimate(0.1).low == found.estimate(0.1).high == 0.1


def test_few_periods_have_no_interval():
    found = long_run(np.arange(11.0), ones(11))
    assert found.estimate(0.0).reason == "too few periods (11 periods)"
    assert cautions_of_periods(found, 11, 0.1) == ()


def test_periods_of_which_one_has_nearly_all_weight_have_no_interval():
    weights = np.array([1000.0] + [1.0] * 99)
    found = long_run(weights * np.linspace(-1, 1, 100), weights)
    assert found.reason == "too few periods (100 periods, 1.2 effective by their weights)"


def test_a_walk_that_never_returns_has_no_interval_and_says_so():
    found = long_run(np.cumsum(np.random.default_rng(SEED).normal(size=20)), ones(20))
    assert found.reason.startswith("too autocorrelated (20 periods, ")
    assert not found.estimate(0.0).has_interval
    (caution,) = cautions_of_periods(found, 20, 0.1)
    assert caution.startswith("the difference is too autocorrelated for any interval to be trusted (20 periods, ")


def test_a_level_is_no_rising_line():
    assert rising_line(np.ones(40), 10) == (1.0, 1.0)


def test_the_line_of_an_autoregression_is_found():
    """Squares that are exactly as the line has them, on the grid: value at 0 and share are its own."""
    number = np.arange(1, 53)
    line = 2 * (1 + 27 / (1 + (number / 6.5) ** 2))
    at_zero, share = rising_line(line, 13)
    assert at_zero == pytest.approx(2 * 28, rel=1e-12)
    assert share == pytest.approx(line[:13].mean() / 56, rel=1e-12)


def test_intervals_of_independent_and_of_dependent_periods_hold():
    """1,000 series; a coverage of 93 % (φ = 0.5; 0 for independent ones) and of 90 % (0.9) fails once in 10^6."""
    random = np.random.default_rng(SEED)
    for phi, least in ((0.0, 0.93), (0.5, 0.93), (0.9, 0.90)):
        series = autoregressive(random, 1000, 200, phi)
        found = [long_run(deltas, ones(200)) for deltas in series]
        width = np.array([each.sampling.error * scipy.stats.t.ppf(0.975, each.sampling.degrees) for each in found])
        # Where there is none the interval counts as missing.
        held = np.abs(series.sum(axis=1)) <= np.nan_to_num(width)
        assert held.sum() >= binom.ppf(RARELY, 1000, least), phi


def test_intervals_of_unequal_periods_hold():
    """Weights of 9 and 1 in any order, as a tenth of the days are games days: 93 % fails once in 10^6."""
    random = np.random.default_rng(SEED)
    held = 0
    for _ in range(1000):
        weights = random.permuted(np.repeat([9.0, 1.0], [20, 180]))
        deltas = weights * random.standard_normal(200)
        found = long_run(deltas, weights)
        estimate = found.estimate(float(deltas.sum() / weights.sum()))
        held += estimate.low <= 0 <= estimate.high
    assert held >= binom.ppf(RARELY, 1000, 0.93)


def test_slow_changes_are_found_and_independent_periods_are_not_called_slow():
    random = np.random.default_rng(SEED)

    def n_rising(phi):
        series = autoregressive(random, 500, 200, phi)
        return sum(long_run(deltas, ones(200)).is_rising for deltas in series)

    # At least 95 % and at most 6 %: each fails once in 10^6 seeds.
    assert n_rising(0.9) >= binom.ppf(RARELY, 500, 0.95)
    assert n_rising(0.0) <= binom.isf(RARELY, 500, 0.06)


def test_the_worth_of_an_autoregression_is_that_of_theory():
    """T(1 − φ)/(1 + φ) independent periods: a third of 3,000 for φ = 0.5; the median of 60 series is right to 5 errors."""
    series = autoregressive(np.random.default_rng(SEED), 60, 3000, 0.5)
    worth = np.median([long_run(deltas, ones(3000)).effective_periods for deltas in series])
    # Relative error of one: √(2/83); of a median of 60, 1.25/√60 of that. The spectrum's mean is 0.97 of its peak.
    assert worth == pytest.approx(1000 / 0.97, rel=5 * 1.25 * math.sqrt(2 / 83 / 60))


def test_shocks_that_rows_share_are_a_caution():
    deltas = np.random.default_rng(SEED).normal(size=144) / 144
    found = long_run(deltas, ones(144))
    error = found.sampling.error
    assert cautions_of_periods(found, 144, error) == ()
    (caution,) = cautions_of_periods(found, 144, error / 3)
    assert "are correlated: the standard error of the difference is" in caution
    # 1.2 times is nothing to speak of, however sure it is.
    assert cautions_of_periods(found, 144, error / 1.19) == ()


def test_few_periods_are_a_caution():
    found = long_run(np.random.default_rng(SEED).normal(size=36) / 36, ones(36))
    cautions = cautions_of_periods(found, 36, found.sampling.error)
    assert [each.split(": ")[0] for each in cautions] == ["36 periods, below 100"]


def test_how_slowly_the_difference_changes_decides_the_caution():
    """One slow wave over the whole series, and an autoregression whose memory is a twentieth of it."""
    random, place = np.random.default_rng(SEED), np.arange(200) / 200
    wave = long_run(np.cos(math.pi * place) + 0.3 * random.standard_normal(200), ones(200))
    (caution,) = cautions_of_periods(wave, 200, math.nan)
    assert caution.startswith("the difference changes too slowly for any interval to be trusted (200 periods, ")
    slow = long_run(autoregressive(np.random.default_rng(1), 1, 200, 0.9)[0], ones(200))
    (caution,) = cautions_of_periods(slow, 200, math.nan)
    assert caution.endswith(": its autocorrelation-robust CI may be too narrow")
