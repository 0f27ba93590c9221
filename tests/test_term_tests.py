"""The test of each term of an additive model: the law of a quadratic form, Wald's test, what changes no p-value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mpmath import mp
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import binom, chi2

import logloss
from logloss.inference.quadratic_forms import upper_tail
from logloss.training.precision_uncertainty import PRIOR_VARIANCE, covariance_of_choice
from logloss.training.term_tests import LooseFit, term_p_value

MISSES = 1e-6


@pytest.mark.parametrize("degrees", [1, 2, 3, 10, 100, 2000])
@pytest.mark.parametrize("p", [1 - 1e-9, 0.999, 0.7, 0.5, 0.3, 0.05, 1e-8, 1e-100])
def test_equal_weights_are_a_chi_square(degrees, p):
    """SciPy's quantiles of p near 1 have as many digits as 1 − p."""
    assert upper_tail(3.0 * chi2.isf(p, degrees), np.full(degrees, 3.0)) == pytest.approx(p, rel=1e-10)


def test_pairs_of_weights_are_a_mixture_of_exponentials():
    """Σ wₖ χ²₂ with distinct weights: P(T > t) = Σₖ cₖ exp(−t / 2wₖ), cₖ = Π wₖ / (wₖ − wⱼ), in fifty digits."""
    weights = [1.0, 0.55, 0.3, 0.1, 0.01]
    with mp.workdps(50):
        for value in (0.05, 1.0, 4.0, 20.0, 200.0):
            terms = [
                mp.exp(-value / (2 * mp.mpf(w))) * mp.fprod(w / (mp.mpf(w) - v) for v in weights if v != w)
                for w in weights
            ]
            assert upper_tail(value, np.repeat(weights, 2)) == pytest.approx(float(mp.fsum(terms)), rel=1e-10)


def test_a_sum_without_weights_is_nothing():
    assert upper_tail(1.0, []) == 0.0
    assert upper_tail(0.0, [0.0, 0.0]) == 1.0
    assert upper_tail(0.0, [1.0]) == 1.0


def table_of(n, seed, base=0.3):
    """A curve, a correlated column and levels without effects, a column of which a fifth is missing."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    gaps = np.where(rng.random(n) < 0.2, np.nan, rng.standard_t(3, n))
    table = {"a": a, "b": 0.8 * a + 0.6 * rng.normal(size=n), "gaps": gaps, "g": rng.integers(0, 30, n)}
    labels = rng.random(n) < expit(math.log(base / (1 - base)) + np.sin(2 * a))
    return table | {"y": labels.astype(int)}


def test_terms_without_a_penalty_have_walds_test():
    """Beside pooled levels that are out of the model, the p-values of numbers and categories are a logistic model's."""
    table = table_of(600, 3)
    table["k"] = [("x", "y", "z")[i % 3] for i in range(600)]
    model = logloss.fit(table, "y", pooled=["g"], missing="indicator", leave_one_out=False)
    assert model.shapes["g"].effective_degrees_of_freedom < 0.02
    del table["g"]
    plain = logloss.fit(table, "y", missing="indicator", covariance="information", leave_one_out=False)
    tests = dict(zip(plain.term_table["name"], plain.term_table["p_value"], strict=True))
    for name in ("a", "b", "gaps", "k"):
        # What the levels still have in the model.
        assert model.shapes[name].p_value == pytest.approx(tests[name], rel=0.01)


def test_a_curve_with_one_precision_is_a_random_effect():
    """Independent coefficients of equal information: Σuₖ² / A is χ², whatever the precision that was chosen."""
    for precision in (1e-4, 1.0, 1e7):
        information, best = 40.0, np.array([0.3, -0.2, 0.1, 0.25])
        values, variance = information * best / (information + precision), 1 / (information + precision)
        loose = LooseFit(values, np.eye(4) * math.sqrt(variance), np.full(4, precision), 1.0)
        # At 1e7 the information is what is left of two numbers of that size.
        expected = chi2.sf(information * best @ best, 4)
        assert term_p_value(loose, np.arange(4), (4,)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n_rows", "n_levels", "rate"), [(400, 60, 0.1), (600, 20, 0.5), (300, 150, 0.4)])
def test_levels_of_few_rows_are_tested_as_by_permutation(n_rows, n_levels, rate):
    """Beside an intercept alone, the labels in any other order are as likely where levels have no effect."""
    rng = np.random.default_rng([10, n_levels])
    codes = np.r_[np.arange(n_levels), rng.integers(0, n_levels, n_rows - n_levels)]
    labels = (rng.random(n_rows) < rate).astype(int)
    found = logloss.fit({"g": codes, "y": labels}, "y", pooled=["g"], leave_one_out=False).shapes["g"].p_value
    counts, base = np.bincount(codes), labels.mean()
    information = counts * base * (1 - base)
    held = brentq(lambda held: (information / (information + held)).sum() - n_levels / 2, 1e-9, 1e9)

    def statistic(labels):
        return (np.bincount(codes, labels - base) ** 2 / (information + held)).sum()

    own = statistic(labels)
    permuted = np.mean([statistic(rng.permutation(labels)) >= own * (1 - 1e-12) for _ in range(4000)])
    # Four standard errors of so many permutations, and half of a step of a statistic that takes few values.
    assert found == pytest.approx(permuted, abs=4 * math.sqrt(0.25 / 4000) + 0.01)


def test_only_ratios_of_weights_count():
    table = table_of(800, 4)
    weights = np.random.default_rng(5).lognormal(0, 0.5, 800)
    options = {"shapes": "auto", "pooled": ["g"], "missing": "indicator", "leave_one_out": False}
    own, other = (logloss.fit(table, "y", sample_weight=weights * w, **options) for w in (1.0, 1e3))
    for term, same in zip(own.terms, other.terms, strict=True):
        assert 0 <= term.p_value <= 1
        assert term.p_value == pytest.approx(same.p_value, rel=1e-4)


def test_an_effect_is_seen_and_p_values_are_shown(tmp_path):
    model = logloss.fit(table_of(1500, 6), "y", shapes="auto", pooled=["g"], missing="indicator", leave_one_out=False)
    assert model.shapes["a"].p_value < 1e-8
    assert all(model.shapes[name].p_value > 0.001 for name in ("b", "gaps", "g"))
    assert "   p " in str(model).split("\n")[2]
    assert [term["p_value"] for term in model.to_dict()["terms"]] == [term.p_value for term in model.terms]
    path = tmp_path / "m.json"
    model.save(path)
    assert [term.p_value for term in logloss.load(path).terms] == [term.p_value for term in model.terms]


def test_a_column_of_one_value_has_no_test():
    table = table_of(300, 7) | {"same": np.ones(300)}
    model = logloss.fit(table, "y", shapes="auto", pooled=["g"], missing="indicator", leave_one_out=False)
    assert math.isnan(model.shapes["same"].p_value)


def test_numbers_that_depend_on_each_other_have_no_test():
    table = table_of(300, 7)
    table |= {"twice": 2 * table["a"]}
    del table["gaps"]
    model = logloss.fit(table, "y", pooled=["g"], leave_one_out=False)
    assert [name for name, term in model.shapes.items() if math.isnan(term.p_value)] == ["a", "twice"]


def test_with_clusters_there_is_no_test():
    options = {"shapes": "auto", "pooled": ["g"], "missing": "indicator", "leave_one_out": False}
    model = logloss.fit(table_of(300, 7), "y", cluster=np.arange(300) % 60, **options)
    assert all(math.isnan(term.p_value) for term in model.terms)
    assert "   p " not in str(model)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "base"), [(500, 0.5), (2000, 0.1)])
def test_p_values_of_terms_without_an_effect_are_uniform(n, base):
    """Rejections at 5%, as many as a test that rejects 6.5% has in all but one of a million seeds."""
    n_tables, counts = 100, dict.fromkeys(("b", "gaps", "g"), 0)
    for seed in range(n_tables):
        table = table_of(n, [8, seed], base)
        model = logloss.fit(table, "y", shapes="auto", pooled=["g"], missing="indicator", leave_one_out=False)
        for name in counts:
            counts[name] += model.shapes[name].p_value < 0.05
    assert max(counts.values()) <= binom.isf(MISSES, n_tables, 0.065)


# --- bands ------------------------------------------------------------------------------------------------------------


def test_the_uncertainty_of_precisions_is_that_of_the_marginal_likelihood():
    """J and Vρ by differences of the quadratic approximation: its optimum and its marginal likelihood at other ρ."""
    rng = np.random.default_rng(9)
    rows, labels = rng.normal(size=(60, 7)), rng.normal(size=60)
    rows[:, 4] += rows[:, 1]
    information, right = rows.T @ rows, rows.T @ (labels + rows @ [0.0, 0.9, 0.5, -0.4, 0.1, 0.3, -0.6])
    parts = [np.array([1, 2, 3]), np.array([4, 5, 6])]
    logs = np.log([3.0, 8.0])

    def optimum(logs):
        precisions = np.zeros(7)
        for part, each in zip(parts, logs, strict=True):
            precisions[part] = np.exp(each)
        penalised = information + np.diag(precisions)
        values = np.linalg.solve(penalised, right)
        likelihood = 0.5 * right @ values + 0.5 * 3 * logs.sum() - 0.5 * np.linalg.slogdet(penalised)[1]
        return values, likelihood, np.linalg.inv(penalised), precisions

    step = 1e-3
    unity = np.eye(2) * step
    slopes = np.column_stack([(optimum(logs + e)[0] - optimum(logs - e)[0]) / (2 * step) for e in unity])
    bends = [
        [sum(s * t * optimum(logs + s * e + t * f)[1] for s in (1, -1) for t in (1, -1)) / (4 * step**2) for f in unity]
        for e in unity
    ]
    expected = slopes @ np.linalg.inv(np.eye(2) / PRIOR_VARIANCE - np.array(bends)) @ slopes.T
    values, _, covariance, precisions = optimum(logs)
    found = covariance_of_choice(values, covariance, precisions, parts)
    # Differences of a step of 1e-3 have an error of its square.
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-6 * np.abs(expected).max())


def test_without_precisions_nothing_is_chosen():
    assert not covariance_of_choice(np.ones(2), np.eye(2), np.zeros(2), []).any()
