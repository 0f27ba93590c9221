"""Coverage of intervals and tests on populations whose true values are known: small pieces of benchmarks/honesty.py.

Each simulation is seeded, and fails if more intervals miss the true value (or tests reject it) than in one of a million
seeds for a valid method: one that misses in 7% of samples (93% is the least that is promised), or whose p-values of
calibrated forecasters are below 0.05 in 6.5%.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binom

import logloss

pytestmark = pytest.mark.slow
MISSES, REJECTIONS, RARELY = 0.07, 0.065, 1e-6


@pytest.fixture
def cases(monkeypatch):
    """The cases of a part of the program by name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import _honesty_calibrations
    import _honesty_folds
    import _honesty_measures
    import _honesty_pairs
    import _honesty_time

    programs = (_honesty_measures, _honesty_pairs, _honesty_time, _honesty_folds, _honesty_calibrations)
    parts = {name: part for program in programs for name, part in vars(program).items()}
    return lambda part: {case.name: case for case in parts[part]()}


def answers(case, n):
    """The answers of so many repetitions."""
    import _honesty_claims

    return _honesty_claims.repeated(case, range(n))


def most(n, share):
    """How many of n may miss: a valid method shows more in one of a million seeds."""
    return int(binom.isf(RARELY, n, share))


def misses(case, n, *claims):
    """How many of n intervals of each claim do not cover the true value; each interval must exist."""
    true, drawn = case.true_values(), answers(case, n)
    for claim in claims:
        assert not any(math.isnan(each[claim][0]) for each in drawn), claim
    return {claim: sum(not each[claim][0] <= true[claim] <= each[claim][1] for each in drawn) for claim in claims}


def test_weights_do_not_make_a_calibrated_forecaster_look_miscalibrated(cases):
    """Beyond as many scores as null draws use: weights were merged with those of neighbouring scores."""
    case = cases("p_values")["20,000 scores of 20,000 rows, weights, σ 1.5"]
    p_values = [each["p-value of miscalibration"] for each in answers(case, 14)]
    assert sum(p < 0.05 for p in p_values) <= most(14, REJECTIONS)


def test_intervals_of_groups_count_clusters(cases):
    missed = misses(cases("groups")["groups, 30 equal clusters"], 200, "log loss of a group", "contribution of a group")
    assert max(missed.values()) <= most(200, MISSES), missed


def test_the_contribution_within_groups_counts_clusters(cases):
    claim = "contribution within groups"
    missed = misses(cases("changes")["groups, 30 equal clusters"], 40, claim)
    assert missed[claim] <= most(40, MISSES)


def test_another_number_of_rows_is_no_change(cases):
    """The isotonic fit overfits more with 500 rows than with 20,000, which is not a change of the forecaster."""
    claims = "change in excess miscalibration", "change in excess discrimination"
    missed = misses(cases("changes")["unchanged, 20,000 and 500 rows"], 14, *claims)
    assert max(missed.values()) <= most(14, MISSES), missed


def test_neighbouring_periods_may_depend_on_each_other(cases):
    """The coverage with the estimate of Newey and West is 70%."""
    claim = "difference of autocorrelated periods"
    missed = misses(cases("periods")["AR(1), 0.9, 200 periods"], 150, claim)
    assert missed[claim] <= most(150, MISSES)


@pytest.mark.parametrize("name", ["a difference, base rate 0.1", "a margin, base rate 0.5"])
def test_planned_rows_have_the_planned_power(cases, name):
    """A power of 95%."""
    claim = "planned comparison is significant"
    missed = misses(cases("plans")[name], 60, claim)
    assert missed[claim] <= most(60, MISSES)


def test_out_of_fold_intervals_cover_the_expected_loss_of_models_trained_alike(cases):
    """The plain interval misses the expected difference of a strongly overfitted model in a fifth of the samples."""
    case = cases("folds")["strongly overfitted, twenty features, 100 rows"]
    missed = misses(case, 200, "out-of-fold log loss", "out-of-fold difference")
    assert max(missed.values()) <= most(200, MISSES), missed


def test_intervals_in_the_order_of_time_cover_the_loss_of_these_models(cases):
    case = cases("folds")["in time, five features and two, 600 rows"]
    missed = misses(case, 40, "log loss of models in time", "difference of models in time")
    assert max(missed.values()) <= most(40, MISSES), missed


@pytest.mark.parametrize(
    "name", ["overconfident, base rate 0.5, 500 rows", "overconfident, base rate 0.5, 30 equal clusters"]
)
def test_the_expected_reduction_of_a_calibration_is_unbiased(cases, name):
    """Within five standard errors, which one mean in a million exceeds; with folds that share clusters the bias was six."""
    import _honesty_calibrations

    drawn = answers(cases("calibrations")[name], 60)
    assert not any(math.isnan(each["expected reduction"][0]) for each in drawn)
    assert sum(not each["expected reduction"][0] <= 0 <= each["expected reduction"][1] for each in drawn) <= most(
        60, MISSES
    )
    bias = _honesty_calibrations.bias_of(drawn)
    assert abs(bias["bias"]) <= max(5 * bias["error"], _honesty_calibrations.NEGLIGIBLE)


def test_one_heavy_row_does_not_decide_which_forecast_is_better():
    """Weights that fall like Zipf's: a correction for skewness would depend on the outcome of the heaviest row."""
    random, n_rows, n_wrong, n = np.random.default_rng(1), 2000, 0, 450
    weights = np.arange(1, n_rows + 1) ** -0.9
    for _ in range(n):
        truth = random.normal(0, 1, n_rows)
        labels = (random.random(n_rows) < expit(truth)).astype(int)
        noisy = {name: truth + random.normal(0, 0.6, n_rows) for name in "ab"}
        delta = logloss.compare(labels, y_logit=noisy, sample_weight=weights).pair.delta
        assert delta.has_interval
        n_wrong += not delta.low <= 0 <= delta.high
    assert n_wrong <= most(n, MISSES)


def test_true_values_of_a_population_are_those_of_very_many_rows(cases):
    """The values that intervals should cover, from 400,000 rows and plain NumPy: within 5 standard errors."""
    import _honesty_measures as measures

    random, n = np.random.default_rng(2), 400_000
    for population in (*measures.POPULATIONS.values(), measures.Normal(measures.beta_scores, weight=0.5, tilt=0.6)):
        truth = measures.figures_of(population.grid())
        labels, logits, weights = population.sample(random, n)
        w = np.ones(n) if weights is None else weights
        losses = np.logaddexp(0, logits) - labels * logits
        for name, values in {
            "log loss": losses,
            "base rate": labels,
            "Brier score": (labels - expit(logits)) ** 2,
        }.items():
            mean = np.average(values, weights=w)
            error = math.sqrt(((w * (values - mean)) ** 2).sum()) / w.sum()
            assert abs(mean - truth[name]) < 5 * error, name


def test_true_values_of_a_calibrated_beta_forecaster_are_known_in_closed_form(cases):
    """Beta(2, 3): E p = 2/5, E p² = 1/5, and E[p·log p] = (2/5)(ψ(3) − ψ(6)), E[(1 − p)·log(1 − p)] = (3/5)(ψ(4) − ψ(6))."""
    import _honesty_measures as measures

    psi = {n: sum(1 / k for k in range(1, n)) for n in (3, 4, 6)}
    truth = measures.figures_of(measures.POPULATIONS["calibrated"].grid())
    assert truth["base rate"] == pytest.approx(0.4, abs=1e-9)
    assert truth["Brier score"] == pytest.approx(0.4 - 0.2, abs=1e-9)
    loss = -0.4 * (psi[3] - psi[6]) - 0.6 * (psi[4] - psi[6])
    assert truth["log loss"] == pytest.approx(loss, abs=1e-9)
    assert truth["excess miscalibration"] == pytest.approx(0, abs=1e-9)
    assert (truth["slope"], truth["intercept"]) == (pytest.approx(1, abs=1e-9), pytest.approx(0, abs=1e-9))
    assert float(logit(truth["base rate"])) == pytest.approx(math.log(2 / 3), abs=1e-8)
