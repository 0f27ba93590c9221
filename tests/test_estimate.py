"""Log-odds and back against 40 digits and SciPy; quantiles of intervals; estimates that travel."""

from __future__ import annotations

import copy
import math
import pickle

import mpmath
import numpy as np
import pytest
import scipy.special
import scipy.stats

from logloss.answers.estimate import (
    Estimate,
    Z,
    expit,
    log_expit,
    logit,
    normal_quantile,
    student_quantile,
    welch_degrees,
)

LOG_ODDS = np.concatenate([np.linspace(-745, 40, 1571), [-1e5, -1e-300, 0.0, 1e-300, 700.0, 1e5]])


def exact(z):
    with mpmath.workdps(40):
        return float(1 / (1 + mpmath.exp(-mpmath.mpf(z))))


def test_expit_is_within_2_ulp_down_to_the_least_float():
    for z, p in zip(LOG_ODDS.tolist(), expit(LOG_ODDS).tolist(), strict=True):
        assert abs(p - exact(z)) <= 2 * math.ulp(exact(z)), z


def test_expit_of_a_float_is_that_of_an_array():
    assert [expit(z) for z in LOG_ODDS.tolist()] == expit(LOG_ODDS).tolist()
    assert type(expit(0.3)) is float


def test_expit_knows_infinity_and_nan():
    assert expit(np.array([-np.inf, np.inf])).tolist() == [0.0, 1.0]
    assert math.isnan(expit(math.nan))


@pytest.mark.parametrize("p", [5e-324, 1e-300, 1e-9, 0.2, 0.5, 0.7, 1 - 2.0**-53])
def test_logit_is_that_of_scipy_to_rounding(p):
    # Both logarithms are rounded, and at most ln 2 where they cancel.
    assert logit(p) == pytest.approx(scipy.special.logit(p), rel=1e-15, abs=3e-16)
    assert logit(np.array([p])).tolist() == pytest.approx([logit(p)], rel=1e-15, abs=3e-16)


def test_log_expit_has_a_lower_tail():
    assert log_expit(np.array([-1000.0, 0.0])).tolist() == [-1000.0, -math.log(2)]


def test_quantiles_are_those_of_scipy():
    assert pytest.approx(scipy.stats.norm.ppf(0.975), rel=1e-14) == Z
    assert normal_quantile(0.8) == pytest.approx(scipy.stats.norm.ppf(0.9), rel=1e-14)
    assert student_quantile(7) == pytest.approx(scipy.stats.t.ppf(0.975, 7), rel=1e-12)
    assert student_quantile(7, 0.8) == pytest.approx(scipy.stats.t.ppf(0.9, 7), rel=1e-12)
    # From 60 degrees on a series; at the level of 300 pairs at once it has fewer digits.
    for degrees in (60.0, 61.7, 200.0, 1e6):
        assert student_quantile(degrees) == pytest.approx(scipy.stats.t.ppf(0.975, degrees), rel=1e-9)
        level = 0.95 ** (1 / 300)
        assert student_quantile(degrees, level) == pytest.approx(scipy.stats.t.ppf((1 + level) / 2, degrees), rel=1e-6)
    assert student_quantile(math.inf) == Z
    assert student_quantile(0.3) == student_quantile(1)


def test_an_estimate_travels_with_its_interval():
    for twin in (pickle.loads(pickle.dumps(Estimate(0.5, 0.4, 0.6, "why"))), copy.copy(Estimate(0.5, 0.4, 0.6, "why"))):
        assert (twin, twin.low, twin.high, twin.reason) == (0.5, 0.4, 0.6, "why")


def test_degrees_of_freedom_beside_a_part_that_is_known():
    """A variance beside which the square of the other's share is 0."""
    assert welch_degrees((1e-200, 3.0), (1.0, math.inf)) == math.inf
    assert welch_degrees((1.0, 3.0), (1.0, 3.0)) == pytest.approx(6.0)
