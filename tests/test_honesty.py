"""Intervals and tests hold what they promise on populations whose truth is known: small pieces of benchmarks/honesty.py.

Each simulation is seeded, and fails where more intervals miss the truth (or tests reject it) than a right method would
show in one of a million seeds: one that misses 7 % of the time (93 % is the least that is promised), or whose p-values
of calibrated forecasters are below 0.05 in 6.5 %.
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
    import _honesty_folds
    import _honesty_measures
    import _honesty_pairs
    import _honesty_repair
    import _honesty_time

    programs = (_honesty_measures, _honesty_pairs, _honesty_time, _honesty_folds, _honesty_repair)
    parts = {name: part for program in programs for name, part in vars(program).items()}
    return lambda part: {case.name: case for case in parts[part]()}


def answers(case, n):
    """What is answered in so many repetitions."""
    import _honesty_claims

    return _honesty_claims.repeated(case, range(n))


def most(n, share):
    """How many of n may go wrong: a right method shows more in one of a million."""
    return int(binom.isf(RARELY, n, share))


def misses(case, n, *claims):
    """How many of n intervals of each claim do not hold the truth; each interval must be there."""
    truth, found = case.truth(), answers(case, n)
    for claim in claims:
        assert not any(math.isnan(each[claim][0]) for each in found), claim
    return {claim: sum(not each[claim][0] <= truth[claim] <= each[claim][1] for each in found) for claim in claims}


def test_weights_do_not_make_a_calibrated_forecaster_look_miscalibrated(cases):
    """Beyond as many scores as null draws are made over: weights were put together with their neighbours'."""
    case = cases("p_values")["20,000 scores of 20,000 rows, weights, σ 1.5"]
    p_values = [each["p-value of miscalibration"] for each in answers(case, 14)]
    assert sum(p < 0.05 for p in p_values) <= most(14, REJECTIONS)


def test_intervals_of_groups_count_clusters(cases):
    found = misses(cases("groups")["groups, 30 equal clusters"], 200, "group's log loss", "what a group adds")
    assert max(found.values()) <= most(200, MISSES), found


def test_what_moved_within_groups_counts_clusters(cases):
    found = misses(cases("moves")["groups, 30 equal clusters"], 40, "within")
    assert found["within"] <= most(40, MISSES)


def test_another_number_of_rows_is_no_change(cases):
    """What chance shows of miscalibration and discrimination at 500 rows is not news beside 20,000."""
    claims = "move of miscalibration", "move of discrimination"
    found = misses(cases("moves")["unchanged, 20,000 and 500 rows"], 14, *claims)
    assert max(found.values()) <= most(14, MISSES), found


def test_neighbouring_periods_may_depend_on_each_other(cases):
    """Newey and West's estimate holds 70 %."""
    found = misses(cases("periods")["AR(1), 0.9, 200 periods"], 150, "lead of dependent periods")
    assert found["lead of dependent periods"] <= most(150, MISSES)


@pytest.mark.parametrize("name", ["a difference, base rate 0.1", "a margin, base rate 0.5"])
def test_rows_that_were_planned_show_what_they_were_planned_for(cases, name):
    """With a power of 95 %."""
    found = misses(cases("plans")[name], 60, "what was planned is shown")
    assert found["what was planned is shown"] <= most(60, MISSES)


def test_estimators_in_folds_are_judged_as_others_trained_like_them(cases):
    """The interval of given forecasts misses the expected lead of a model that overfits by far in a fifth of the samples."""
    case = cases("folds")["overfitted by far, twenty features, 100 rows"]
    found = misses(case, 200, "loss in folds", "difference in folds")
    assert max(found.values()) <= most(200, MISSES), found


def test_models_in_the_order_of_time_are_judged_for_themselves(cases):
    case = cases("folds")["in time, five features and two, 600 rows"]
    found = misses(case, 40, "loss of models in time", "difference of models in time")
    assert max(found.values()) <= most(40, MISSES), found


@pytest.mark.parametrize(
    "name", ["over-confident, base rate 0.5, 500 rows", "over-confident, base rate 0.5, 30 equal clusters"]
)
def test_what_a_calibration_saves_is_found_in_the_population(cases, name):
    """Five errors are left once in a million means; of clusters, folds that shared rows promised six errors too much."""
    import _honesty_repair

    found = answers(cases("repair")[name], 60)
    assert not any(math.isnan(each["expected_reduction"][0]) for each in found)
    assert sum(not each["expected_reduction"][0] <= 0 <= each["expected_reduction"][1] for each in found) <= most(
        60, MISSES
    )
    bias = _honesty_repair.bias_of(found)
    assert abs(bias["bias"]) <= max(5 * bias["error"], _honesty_repair.UNSEEN)


def test_one_heavy_row_does_not_decide_which_forecast_is_better():
    """Weights that fall like Zipf's: a correction for skewness takes the heaviest row's luck for a shape."""
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


def test_the_truth_of_a_population_is_that_of_very_many_rows(cases):
    """The figures that intervals are held against, from 400,000 rows and plain NumPy: within 5 standard errors."""
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


def test_the_truth_of_a_calibrated_beta_forecaster_is_known_in_closed_form(cases):
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
