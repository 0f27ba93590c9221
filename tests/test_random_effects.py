"""Shifts and slopes of groups: their modes, their limits and their precisions, against what others compute."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.integrate import dblquad
from scipy.optimize import approx_fprime, minimize
from scipy.special import expit, log_expit, logit

import logloss
from logloss.calibration import random_effects
from logloss.calibration.group_saving import divergence
from logloss.calibration.random_effects import GroupRows, centre_of, fitted_effects, moved


def rows_of(seed, n_rows, n_groups, shift, slope):
    """Rows one by one, and the true effects."""
    random = np.random.default_rng(seed)
    groups = np.sort(random.integers(0, n_groups, n_rows))
    odds = random.normal(-0.5, 1.5, n_rows)
    u, v = random.normal(0, shift, n_groups), random.normal(0, slope, n_groups)
    labels = (random.random(n_rows) < expit(odds + u[groups] + v[groups] * (odds + 0.4))).astype(np.uint8)
    return GroupRows(odds, np.ones(n_rows), labels, groups, n_groups, centre_of(odds, np.ones(n_rows))), u, v


ROWS, _, _ = rows_of(1, 1200, 6, 0.5, 0.3)


def log_density(rows, group, precisions, at):
    """log p(labels of a group, effects), up to the constant of the normal density."""
    own = rows.groups == group
    z = rows.log_odds[own] + at[0] + at[1] * rows.distance[own]
    likelihood = (rows.masses[own] * log_expit(np.where(rows.labels[own] == 1, z, -z))).sum()
    return likelihood - 0.5 * (precisions[0] * at[0] ** 2 + precisions[1] * at[1] ** 2)


def test_modes_are_those_of_a_general_optimiser():
    """2e-6: BFGS ends at a gradient of 1e-6 or so, and a group has a curvature of ten at least."""
    precisions = (3.0, 20.0)
    mine = fitted_effects(ROWS, precisions)
    for group in range(ROWS.n_groups):
        found = minimize(lambda at: -log_density(ROWS, group, precisions, at), [0.0, 0.0], method="BFGS", tol=1e-8)  # noqa: B023
        assert (mine.shift[group], mine.slope[group] - 1) == pytest.approx(tuple(found.x), abs=2e-6)


def test_without_a_penalty_each_group_has_its_own_maximum_likelihood():
    """statsmodels' Logit of each group, with the log-odds as offset. 1e-4: the least precision that is left."""
    mine = fitted_effects(ROWS, (1e-8, 1e-8))
    for group in range(ROWS.n_groups):
        own = ROWS.groups == group
        design = np.column_stack([np.ones(own.sum()), ROWS.distance[own]])
        theirs = sm.Logit(ROWS.labels[own].astype(float), design, offset=ROWS.log_odds[own]).fit(disp=0)
        assert (mine.shift[group], mine.slope[group] - 1) == pytest.approx(tuple(theirs.params), abs=1e-7)
        assert mine.covariance[group] == pytest.approx(theirs.cov_params(), rel=1e-6)


def test_with_an_infinite_penalty_no_group_differs():
    mine = fitted_effects(ROWS, (random_effects.MOST, random_effects.MOST))
    assert mine.precisions == (math.inf, math.inf)
    assert not mine.is_any
    assert mine.shift.tolist() == [0.0] * 6
    assert mine.slope.tolist() == [1.0] * 6
    assert mine.log_odds(ROWS.log_odds, ROWS.groups).tolist() == ROWS.log_odds.tolist()
    assert mine.degrees == pytest.approx(np.zeros(6))


def test_the_slopes_of_the_marginal_likelihood_are_its_differences():
    def evidence(logs):
        return float(random_effects._mode(ROWS, np.exp(logs), np.zeros((2, 6))).evidence.sum())

    at = np.log([4.0, 15.0])
    slopes = random_effects._mode(ROWS, np.exp(at), np.zeros((2, 6))).slopes
    # Differences of 1e-5 of a sum of some hundred nats.
    assert slopes == pytest.approx(approx_fprime(at, evidence, 1e-5), abs=1e-3)


def test_the_marginal_likelihood_is_near_that_of_quadrature():
    """Laplace's approximation of 200 rows a group is off by O(1 / n): less than 0.01 nats each."""
    precisions = np.array([4.0, 15.0])
    mine = random_effects._mode(ROWS, precisions, np.zeros((2, 6)))
    for group in range(3):
        top = log_density(ROWS, group, precisions, mine.at[:, group])
        u, v = mine.at[:, group]
        volume, _ = dblquad(
            lambda b, a: math.exp(log_density(ROWS, group, precisions, (a, b)) - top),  # noqa: B023
            u - 1.5,
            u + 1.5,
            v - 1.2,
            v + 1.2,
            epsabs=1e-7,
        )
        exact = top + math.log(volume) + 0.5 * np.log(precisions).sum() - math.log(2 * math.pi)
        assert mine.evidence[group] == pytest.approx(exact, abs=0.01)


def test_the_precisions_are_those_of_the_greatest_marginal_likelihood():
    """Beside a grid in both standard deviations: none is better."""
    mine = fitted_effects(ROWS)
    least = random_effects._objective(ROWS, np.zeros(2), np.zeros((2, 6))).sum()
    for shift in (0.05, 0.2, 0.4, 0.6, 1.0):
        for slope in (0.02, 0.1, 0.25, 0.4, 0.8):
            other = random_effects._mode(ROWS, np.array([shift**-2, slope**-2]), np.zeros((2, 6)))
            assert float(other.evidence.sum() - least) <= mine.evidence + 1e-4


@pytest.mark.parametrize(("shift", "slope"), [(0.5, 0.3), (0.5, 0.0), (0.0, 0.3), (0.0, 0.0)])
def test_standard_deviations_between_groups_are_found(shift, slope):
    """200 groups of 150 rows: the standard error of a standard deviation is 5 to 10% of it."""
    rows, u, v = rows_of(7, 30_000, 200, shift, slope)
    mine = fitted_effects(rows)
    found = [0.0 if math.isinf(each) else each**-0.5 for each in mine.precisions]
    assert found[0] == pytest.approx(shift, abs=0.08)
    assert found[1] == pytest.approx(slope, abs=0.08)
    if shift and slope:
        assert np.corrcoef(mine.shift, u)[0, 1] > 0.85
        assert np.corrcoef(mine.slope, v)[0, 1] > 0.7


def test_modes_of_given_variances_are_near_those_of_statsmodels():
    """Its BinomialBayesMixedGLM has fixed effects and chooses variances with a prior of its own: at its variances the
    shifts agree to 0.02, where the logit of the forecast is an exact offset for both."""
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

    random = np.random.default_rng(3)
    groups = np.repeat(np.arange(12), 80)
    labels = (random.random(960) < expit(random.normal(0, 0.7, 12)[groups])).astype(np.uint8)
    indicators = (groups[:, None] == np.arange(12)).astype(float)
    theirs = BinomialBayesMixedGLM(labels, np.ones((960, 1)), indicators, np.zeros(12, int), vcp_p=1.0).fit_map()
    variance = math.exp(2 * theirs.vcp_mean[0])
    odds = np.full(960, theirs.fe_mean[0])
    rows = GroupRows(odds, np.ones(960), labels, groups, 12, theirs.fe_mean[0])
    mine = fitted_effects(rows, (1 / variance, random_effects.MOST))
    assert mine.shift == pytest.approx(theirs.vc_mean, abs=2e-3)


def test_no_slope_is_negative():
    """A group whose labels fall with the score has the slope 0, and the shift that is best then."""
    odds = np.linspace(-3, 3, 400)
    labels = (np.arange(400) < 200).astype(np.uint8)
    rows = GroupRows(odds, np.ones(400), labels, np.zeros(400, np.int64), 1)
    mine = fitted_effects(rows, (1e-6, 1e-6))
    assert mine.slope.tolist() == [0.0]
    assert mine.shift[0] == pytest.approx(logit(0.5), abs=1e-6)


def test_rows_of_no_group_and_infinite_log_odds_stay():
    odds = np.array([1.0, -np.inf, 2.0, np.inf])
    found = moved(odds, np.array([0.5]), np.array([2.0]), 1.0, np.array([-1, 0, 0, 0]))
    assert found.tolist() == [1.0, -np.inf, 3.5, np.inf]


def test_the_divergence_of_two_fits_is_kl():
    """1e-12: 1 − p of log-odds of 9 has lost four digits. Equal log-odds, infinite ones too, have none."""
    random = np.random.default_rng(4)
    of, by = random.normal(0, 3, (2, 2, 50))
    assert divergence(of, by) == pytest.approx(logloss.kl_divergence(expit(of), expit(by)), abs=1e-12)
    ends = np.array([[np.inf, -np.inf], [0.0, 1e3]])
    assert divergence(ends, ends).tolist() == [[0.0, 0.0], [0.0, 0.0]]
