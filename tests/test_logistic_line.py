"""Fits of labels on their scores: against SciPy and statsmodels, at their bounds, and what is certain of them in bins."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.optimize import minimize
from scipy.special import expit, logit

from logloss import measure
from logloss.calibration.certified_gap import bounds_of
from logloss.inference.calibration_line import calibration_line
from logloss.inference.logistic_line import (
    BETA,
    PLATT,
    SHIFT,
    TEMPERATURE,
    LogOddsMap,
    ScoredLabels,
    fitted,
    labels_inside,
    loss_at,
)
from logloss.inference.score_table import score_table_of
from logloss.inference.variance import error_of_classes, figures_of
from logloss.onepass.summaries import scores

KINDS = (SHIFT, TEMPERATURE, PLATT, BETA)


def sample(seed, n_rows, truth, spread=1.5):
    """Logits, and labels whose log-odds are a function of them."""
    random = np.random.default_rng(seed)
    z = random.normal(-0.4, spread, n_rows)
    return z, (random.random(n_rows) < expit(truth(z))).astype(np.uint8)


def cells_of(z, y, w=None):
    w = np.ones(len(z)) if w is None else w
    return ScoredLabels(-np.logaddexp(0, -z), np.logaddexp(0, z), w * (1 - y), w * y)


def best_by_scipy(cells, kind):
    """The least loss within a, b ≥ 0, by SLSQP; of several starts, since it may stop early."""

    def line(theta):
        if kind == SHIFT:
            return LogOddsMap(1.0, 1.0, theta[0])
        if kind == TEMPERATURE:
            return LogOddsMap(theta[0], theta[0], 0.0)
        return LogOddsMap(theta[0], theta[-2] if kind == BETA else theta[0], theta[-1])

    n = {SHIFT: 1, TEMPERATURE: 1, PLATT: 2, BETA: 3}[kind]
    bounds = [(None, None) if kind == SHIFT or (j == n - 1 and n > 1) else (0, None) for j in range(n)]
    found = []
    for start in (0.0, 0.5, 1.5):
        options = {"ftol": 1e-15, "maxiter": 1000}
        found.append(
            minimize(
                lambda t: loss_at(cells, line(t)), np.full(n, start), bounds=bounds, method="SLSQP", options=options
            )
        )
    return min(float(each.fun) for each in found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "truth",
    [lambda z: 0.7 * z + 0.3, lambda z: np.where(z < 0, 0.3 * z, 1.6 * z), lambda z: -0.5 * z, lambda z: 2 * np.abs(z)],
)
def test_no_other_map_of_the_kind_costs_less(kind, truth):
    """SciPy's constrained minimum is not below ours by more than its own tolerance; 1e-9 of a sum of order 300."""
    z, y = sample(1, 500, truth)
    w = np.random.default_rng(2).lognormal(0, 1, 500)
    cells = cells_of(z, y, w)
    mine = fitted(cells, kind)
    assert min(mine.a, mine.b) >= 0
    assert loss_at(cells, mine) <= best_by_scipy(cells, kind) + 1e-9 * w.sum()


def test_a_temperature_that_wants_to_be_negative_stops_at_zero():
    z, y = sample(3, 400, lambda z: -z)
    assert fitted(cells_of(z, y), TEMPERATURE) == LogOddsMap(0.0, 0.0, 0.0)


def test_a_beta_map_with_the_wrong_order_says_one_thing_to_all():
    z, y = sample(3, 400, lambda z: -z)
    found = fitted(cells_of(z, y), BETA)
    assert (found.a, found.b) == (0.0, 0.0)
    # The log-odds of the base rate, of a closed form.
    assert found.c == pytest.approx(logit(y.mean()), abs=1e-12)


def test_one_side_alone_may_be_flat():
    """Below ½ the scores say nothing: there b, or a, is 0 and the other is not."""
    random = np.random.default_rng(8)
    z = random.normal(0, 2, 5000)
    y = (random.random(5000) < expit(np.where(z < 0, 0.5 * np.abs(z), 2.0 * z))).astype(np.uint8)
    found = fitted(cells_of(z, y), BETA)
    assert found.a == 0.0
    assert found.b > 0.1


def test_scores_of_a_hundred_thousand_are_as_good_as_others():
    z, y = sample(4, 1000, lambda z: 0.8 * z - 0.2)
    plain, large = fitted(cells_of(z, y), PLATT), fitted(cells_of(1e5 * z, y), PLATT)
    # The same optimum but for the rounding of Newton's last step, some 1e-12 of a coefficient.
    assert large.a * 1e5 == pytest.approx(plain.a, rel=1e-9)
    assert large.c == pytest.approx(plain.c, rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_scale_of_the_masses_does_not_matter(kind):
    z, y = sample(5, 600, lambda z: 0.8 * z - 0.2)
    one, other = (fitted(cells_of(z, y, np.full(600, w)), kind) for w in (1.0, 1e-3))
    assert (one.a, one.b, one.c) == pytest.approx((other.a, other.b, other.c), rel=1e-9, abs=1e-9)


def measured_line(y, **given):
    m = measure(y, **given)
    return m.slope, m.intercept


def test_slope_and_intercept_are_those_of_statsmodels_with_robust_errors():
    """GLM with HC0 errors; ours have n / (n − 1) besides."""
    z, y = sample(6, 3000, lambda z: 0.8 * z - 0.2)
    slope, intercept = measured_line(y, y_logit=z)
    fit = sm.GLM(y, sm.add_constant(z), family=sm.families.Binomial()).fit(tol=1e-12, cov_type="HC0")
    assert [intercept, slope] == pytest.approx(fit.params, abs=1e-9)
    half = [(each.high - each.low) / 2 for each in (intercept, slope)]
    wider = math.sqrt(3000 / 2999)
    # The rarer class decides on the degrees of freedom.
    degrees = min(y.sum(), 3000 - y.sum()) - 1
    assert half == pytest.approx(stats.t.ppf(0.975, degrees) * wider * fit.bse, rel=1e-6)


def test_weights_enter_as_in_statsmodels():
    z, y = sample(7, 2000, lambda z: 0.8 * z - 0.2)
    w = np.random.default_rng(1).lognormal(0, 0.5, 2000)
    slope, intercept = measured_line(y, y_logit=z, sample_weight=w)
    fit = sm.GLM(y, sm.add_constant(z), family=sm.families.Binomial(), freq_weights=w).fit(tol=1e-12)
    assert [intercept, slope] == pytest.approx(fit.params, abs=1e-8)
    x = sm.add_constant(z)
    p = expit(x @ fit.params)
    bread = np.linalg.inv((x.T * (w * p * (1 - p))) @ x)
    meat = (x.T * (w * (y - p)) ** 2) @ x
    # As of a weighted mean: the jackknife's 1 − w/W on average over the squares of the weights.
    leverage = (w**3).sum() / (w.sum() * (w**2).sum())
    errors = np.sqrt(np.diag(bread @ meat @ bread) * 1999 / 2000) / (1 - leverage)
    half = [(each.high - each.low) / 2 for each in (intercept, slope)]
    degrees = min(w[y == k].sum() ** 2 / (w[y == k] ** 2).sum() for k in (0, 1)) - 1
    assert half == pytest.approx(stats.t.ppf(0.975, degrees) * errors, rel=1e-6)


def test_clusters_make_the_interval_of_the_slope_wider():
    """Each row ten times over, as a cluster: the interval is that of the rows alone, but for t and G / (G − 1)."""
    z, y = sample(9, 400, lambda z: 0.8 * z)
    alone, _ = measured_line(y, y_logit=z)
    tenfold, _ = measured_line(np.repeat(y, 10), y_logit=np.repeat(z, 10), cluster=np.repeat(np.arange(400), 10))
    naive, _ = measured_line(np.repeat(y, 10), y_logit=np.repeat(z, 10))
    # Clusters are known by coarse bins of scores, within which a label's rows count as their mean: 10 % is ample.
    assert (tenfold.high - tenfold.low) == pytest.approx(alone.high - alone.low, rel=0.1)
    assert (tenfold.high - tenfold.low) > 2.5 * (naive.high - naive.low)


@pytest.mark.parametrize(
    ("y", "p", "reason"),
    [
        ([1] * 40, [0.4, 0.6] * 20, "one class"),
        ([0, 1] * 30, [0.5] * 60, "all predictions are equal"),
        ([0, 1] * 30, [0.2, 0.8] * 30, "the predictions separate the labels"),
        ([0, 1] * 30, [0.8, 0.2] * 30, "the predictions separate the labels"),
        ([0, 1] * 30, [0.0, 1.0] * 30, "every prediction is 0 or 1"),
    ],
)
def test_where_there_is_no_line_the_reason_is_shown(y, p, reason):
    m = measure(y, p)
    assert math.isnan(m.slope)
    assert m.slope.reason == m.intercept.reason == reason
    assert f"slope not defined {reason}" in " ".join(repr(m).split())


def test_rows_given_0_or_1_do_not_move_the_line():
    z, y = sample(10, 500, lambda z: z)
    p = expit(z)
    alone = measure(y, p)
    more = measure(np.append(y, [0, 1, 1]), np.append(p, [0.0, 1.0, 0.0]))
    assert math.isinf(more.log_loss)
    assert float(more.slope) == pytest.approx(float(alone.slope), abs=1e-12)
    assert "0 if calibrated; rows with prediction 0 or 1 are excluded" in repr(more)
    assert "excluded" not in repr(alone)


# What is certain of rows that are known by their bins only.


@pytest.mark.parametrize("scale", ["proba", "logit"])
@pytest.mark.parametrize("spread", [1.5, 8.0])
def test_what_a_map_costs_the_rows_lies_between_its_bounds(monkeypatch, scale, spread):
    """Bins from the 17th score on, wide ones among them; the rows are here, so that brute force can look."""
    monkeypatch.setattr(scores, "MOST_DISTINCT", 16)
    z, y = sample(11, 4000, lambda z: 0.7 * z + 0.2, spread)
    m = measure(y, expit(z)) if scale == "proba" else measure(y, y_logit=z)
    if scale == "proba":
        p = expit(z)
        log_one, log_zero = np.log(p), -np.log1p(-p)
    else:
        log_one, log_zero = -np.logaddexp(0, -z), np.logaddexp(0, z)
    assert not m.is_exact
    rows = ScoredLabels(log_one, log_zero, (1 - y) / len(y), y / len(y))
    bounds = bounds_of(score_table_of(m.summary.scores))
    for kind in KINDS:
        best = fitted(rows, kind)
        found = fitted(labels_inside(score_table_of(m.summary.scores)), kind)
        for line in (best, found, LogOddsMap(0.3, 1.9, -1.0), LogOddsMap(3.0, 0.0, 0.5)):
            assert loss_at(bounds.kindest, line) <= loss_at(rows, line) <= bounds.most(line)
        assert bounds.least(kind, found) <= loss_at(rows, best)


def test_the_calibration_line_needs_no_rows(monkeypatch):
    """From bins 2^-11 wide the slope is that of the rows to a millionth."""
    z, y = sample(12, 3000, lambda z: 0.7 * z + 0.2)
    exact = measure(y, y_logit=z).slope
    monkeypatch.setattr(scores, "MOST_DISTINCT", 16)
    m = measure(y, y_logit=z)
    spread = score_table_of(m.summary.scores)
    moments, error_of = figures_of(m.summary, spread)
    slope, _ = calibration_line(spread, error_of_classes(error_of, moments), "")
    assert float(slope) == pytest.approx(float(exact), abs=1e-6)
    assert slope.low == pytest.approx(exact.low, abs=1e-5)


@pytest.mark.parametrize("far", [-1e3, -1e6, -1e9, -1e12, -1e15, -1e99])
@pytest.mark.parametrize("kind", ["platt", "temperature"])
def test_one_score_that_is_far_away_does_not_hide_the_others(far, kind):
    """It is right for sure whatever the slope; scaled by it, all others were one place, and the slope 0.00000001."""
    rng = np.random.default_rng(3)
    scores = rng.normal(0, 2, 2_000)
    labels = (rng.random(2_000) < 1 / (1 + np.exp(-0.7 * scores))).astype(float)
    scores[0], labels[0] = far, 0
    # A place for each row, half the log-odds on either side.
    lines = [
        fitted(ScoredLabels(z / 2, z / 2, 1 - y, y), kind) for z, y in ((scores, labels), (scores[1:], labels[1:]))
    ]
    assert lines[0].a == pytest.approx(lines[1].a, rel=1e-9)
    assert lines[0].c == pytest.approx(lines[1].c, rel=1e-9)


def test_a_cluster_may_know_more_of_the_slope_than_it_has_rows():
    """The errors are those of fits without each cluster in turn, by statsmodels: one of twenty has all large log-odds."""
    rng = np.random.default_rng(11)
    cluster = np.arange(2_000) % 20
    z = np.where(cluster == 0, 3.0, 0.15) * rng.normal(0, 1, 2_000)
    y = (rng.random(2_000) < expit(0.8 * z + np.where(cluster == 0, 0.5, 0.0))).astype(np.uint8)
    slope, intercept = measured_line(y, y_logit=z, cluster=cluster)
    design = sm.add_constant(z)
    family = sm.families.Binomial()
    fits = [sm.GLM(y[kept], design[kept], family=family).fit().params for kept in (cluster != k for k in range(20))]
    whole = sm.GLM(y, design, family=family).fit().params
    errors = np.sqrt(((np.array(fits) - whole) ** 2).sum(axis=0))
    half = [(each.high - each.low) / 2 for each in (intercept, slope)]
    # One Newton step, and scores that count as the mean of their coarse bin: some per cent. The sandwich has half of the
    # error of the slope.
    assert half == pytest.approx(stats.t.ppf(0.975, 19) * errors, rel=0.1)
