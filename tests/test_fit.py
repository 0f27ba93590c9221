"""Training: the optimum to its last digits, a bound that is never below the truth, and words where there is no optimum."""

from __future__ import annotations

import json
import math
import warnings

import mpmath
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import statsmodels.api as sm
from mpmath import mp
from sklearn.linear_model import LogisticRegression

import logloss
from logloss.data.binding import MATRIX, bind
from logloss.data.design import Design
from logloss.data.request import RowOptions
from logloss.data.terms import Numbers
from logloss.onepass.run import walk
from logloss.onepass.summaries import CurvatureSummary, Point
from logloss.training import optimum, problem, recipe, separation, separation_program

X = np.array([-2.2, -1.4, -0.8, 0.2, 0.4, 0.8, 1.2, 2.2, 2.9, 4.6])
Y = np.array([0, 0, 1, 0, 1, 1, 1, 1, 1, 1])
SEED = 20251124
# A coefficient is the sum of a few roundings of numbers of its own size: of the last step, of the solver's coordinates
# times the scale, of the centre (intercept). The loss is an exact sum of rows right to 1 ULP, at such a point.
FEW_ULPS = 4


def assert_within_ulps(actual, expected, n_ulps=FEW_ULPS):
    assert abs(actual - expected) <= n_ulps * math.ulp(expected), (actual, expected)


def slope(model):
    (value,) = model.coefficients.values()
    return value


def with_ones(features):
    features = np.asarray(features, dtype=float)
    features = features[:, None] if features.ndim == 1 else features
    return np.column_stack([np.ones(len(features)), features])


# --- the truth, at 50 digits -------------------------------------------------------------------------------------------


def objective(point, design, labels, mass, l2):
    """Summed loss and penalty, at the precision of the moment."""
    total = mp.mpf(l2) * sum(mp.mpf(b) ** 2 for b in point[1:]) / 2
    for row, y, w in zip(design, labels, mass, strict=True):
        z = sum(mp.mpf(float(x)) * b for x, b in zip(row, point, strict=True))
        total += mp.mpf(float(w)) * (mp.log1p(mp.exp(-abs(z))) + max(z, 0) - mp.mpf(float(y)) * z)
    return total


def derivatives(point, design, labels, mass, l2):
    """Gradient and Hessian of the objective."""
    width = len(point)
    gradient, hessian = mp.matrix(width, 1), mp.matrix(width, width)
    for j in range(1, width):
        gradient[j], hessian[j, j] = mp.mpf(l2) * point[j], mp.mpf(l2)
    for row, y, w in zip(design, labels, mass, strict=True):
        row = [mp.mpf(float(x)) for x in row]
        p = 1 / (1 + mp.exp(-sum(x * b for x, b in zip(row, point, strict=True))))
        for j in range(width):
            gradient[j] += mp.mpf(float(w)) * (p - mp.mpf(float(y))) * row[j]
            for k in range(width):
                hessian[j, k] += mp.mpf(float(w)) * p * (1 - p) * row[j] * row[k]
    return gradient, hessian


def best_of(start, design, labels, mass, l2):
    """The optimum by Newton's method, from close by; its gradient is checked."""
    point = [mp.mpf(float(b)) for b in start]
    for _ in range(6):
        gradient, hessian = derivatives(point, design, labels, mass, l2)
        if mp.norm(gradient, mp.inf) < mp.mpf(10) ** -40:
            break
        step = mp.lu_solve(hessian, gradient)
        point = [b - d for b, d in zip(point, step, strict=True)]
    assert mp.norm(gradient, mp.inf) < mp.mpf(10) ** -30
    return point


def small_problem(seed):
    """Features, labels, weights, counts, l2: a different kind for each seed."""
    rng = np.random.default_rng([SEED, seed])
    n_rows, width = int(rng.integers(6, 25)), int(rng.integers(1, 4))
    features = rng.normal(size=(n_rows, width)) * 10.0 ** rng.integers(-2, 3, width) + rng.integers(-3, 4, width)
    if seed % 2:
        labels = rng.random(n_rows)
    else:
        labels = (rng.random(n_rows) < 0.5).astype(int)
        labels[:2] = 0, 1
    weights = rng.gamma(0.5, 2.0, n_rows) + 1e-6 if seed % 3 == 0 else None
    counts = rng.integers(1, 6, n_rows) if seed % 4 == 0 else None
    l2 = float(10.0 ** rng.uniform(-4, 4))
    return features, labels, weights, counts, l2


def mass_of(weights, counts, n_rows):
    return (np.ones(n_rows) if weights is None else weights) * (1 if counts is None else counts)


def assert_bounds_hold(model, problem, l2):
    """The bound of every pass against the gap at 50 digits; gaps in nats per row, as floats."""
    features, labels, weights, counts = problem
    design, mass = with_ones(features), mass_of(weights, counts, len(labels))
    gaps = []
    with mp.workdps(50):
        best = best_of([model.intercept, *model.coefficients.values()], design, labels, mass, l2)
        least = objective(best, design, labels, mass, l2)
        total = mp.mpf(float(mass.sum()))
        for each in model.passes:
            gap = (objective((each.intercept, *each.coefficients), design, labels, mass, l2) - least) / total
            assert 0 <= gap <= each.bound
            gaps.append(float(gap))
    return gaps


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_the_certificate_is_never_below_the_true_gap(seed):
    """At every pass, not at the last alone: whoever stops early reads it, too."""
    *problem, l2 = small_problem(seed)
    features, labels, weights, counts = problem
    model = logloss.fit(features, labels, l2=l2, sample_weight=weights, counts=counts)
    gaps = assert_bounds_hold(model, problem, l2)
    assert model.certificate.is_proven
    assert model.certificate.nats_per_row == model.passes[-1].bound
    # Tight at the end: nothing is left but the rounding of the objective itself, about 1e-16 of it.
    assert gaps[-1] < 1e-25
    assert model.certificate.nats_per_row < 1e-15


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_the_certificate_without_a_penalty_is_never_below_the_true_gap(seed):
    features, labels, weights, counts, _ = small_problem(seed)
    features = np.asarray(features, dtype=float).reshape(len(labels), -1)[:, :2]
    # Each row with both labels: no direction divides them.
    features, weights = np.vstack([features, features]), None if weights is None else np.append(weights, weights / 3)
    labels, counts = (
        np.append(labels, 1 - np.asarray(labels)),
        None if counts is None else np.append(counts, counts + 1),
    )
    model = logloss.fit(features, labels, sample_weight=weights, counts=counts)
    gaps = assert_bounds_hold(model, (features, labels, weights, counts), 0)
    assert model.certificate.is_proven
    assert gaps[-1] < 1e-25
    assert model.certificate.nats_per_row < 1e-15
    # Of the Newton bound: once it holds it is within twice the truth, but for rounding.
    assert all(each.bound <= 2.5 * gap + 1e-15 for each, gap in zip(model.passes, gaps, strict=True) if each.bound < 1)


@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_a_warm_start_and_an_old_hessian_end_at_the_same_answer(l2, monkeypatch):
    """What large tables get, on a table small enough for 50 digits."""
    features, labels = random_rows(400, [1.0, -0.5, 0.25], -1.0)
    plain = logloss.fit(features, labels, l2=l2)
    for room, name, value in [
        (problem, "MOST_VALUES", 0),
        (recipe, "LARGE_TABLE", 100),
        (recipe, "SAMPLE_SHARE", 0.3),
        (problem, "EXPENSIVE_PASS", 0),
        (problem, "FEW_COEFFICIENTS", 0),
    ]:
        monkeypatch.setattr(room, name, value)
    model = logloss.fit(features, labels, l2=l2)
    gaps = assert_bounds_hold(model, (features, labels, None, None), l2)
    assert gaps[0] < 0.05 < plain.passes[0].log_loss - plain.log_loss
    assert gaps[-1] < 1e-12
    assert list(model.coefficients.values()) == pytest.approx(list(plain.coefficients.values()), abs=1e-5)
    tight = logloss.fit(features, labels, l2=l2, tolerance=1e-15)
    assert tight.certificate.nats_per_row <= 1e-15


def test_a_sample_that_misleads_is_dropped(monkeypatch):
    """A warm start that is worse than nothing: the fit begins again at 0."""
    features, labels = random_rows(400, [1.0, -0.5], -1.0)
    plain = logloss.fit(features, labels)
    monkeypatch.setattr(problem, "MOST_VALUES", 0)
    monkeypatch.setattr(recipe, "LARGE_TABLE", 100)
    monkeypatch.setattr(recipe, "SAMPLE_SHARE", 0.3)
    misled = np.array([0.0, 30.0, 30.0])
    monkeypatch.setattr(optimum, "warm_start", lambda problem, history, start, sample: (misled, history))
    model = logloss.fit(features, labels)
    assert model.passes[0].log_loss > 1
    assert model.coefficients == pytest.approx(plain.coefficients, rel=1e-12)


def test_a_start_that_is_worse_than_the_base_rate_but_converges_is_not_left():
    """On noise every eighth row fits nothing of the others: the passes from there converge, and none begins at 0."""
    features, labels = random_rows(20_000, [0.0, 0.0, 0.0], 0.0)
    model = logloss.fit(features, labels, leave_one_out=False)
    assert model.passes[0].log_loss > logloss.entropy(model.base_rate)
    assert all(any(each.coefficients) for each in model.passes)
    assert model.certificate.is_proven


def test_the_bound_holds_for_the_mean_objective_with_its_penalty():
    """The first pass looks at 0, where the penalty is 0 and the loss ln 2: the gap is then known without any solver."""
    model = logloss.fit(X, Y, l2=1.0)
    first, last = model.passes[0], model.passes[-1]
    gap = math.log(2) - (last.log_loss + 0.5 * slope(model) ** 2 / len(X))
    assert first.log_loss == pytest.approx(math.log(2), rel=1e-15)
    assert gap <= first.bound
    # In units of the summed loss it would be ten times as much.
    assert first.bound < 10 * gap


# --- ten points --------------------------------------------------------------------------------------------------------


def test_ten_points_with_a_penalty_to_every_digit():
    """The reference losses are printed to 15 digits: half a unit of the last is 5e-16."""
    model = logloss.fit(X, Y, l2=1.0)
    assert_within_ulps(model.intercept, 0.6555359451636958)
    assert_within_ulps(slope(model), 0.9719344751851489)
    assert abs(model.log_loss - 0.332911409950390) <= 5e-16
    assert model.certificate.nats_per_row < 1e-15


def test_ten_points_without_a_penalty_to_every_digit():
    model = logloss.fit(X, Y)
    # Two coefficients of condition 6: ten roundings of the gradient move the slope by a dozen of its ULP, and the
    # intercept, which is that of the centre 0.79 less 0.79 slopes, by 12 · 0.79 of these, each two of its own.
    assert_within_ulps(slope(model), 1.642425864456963, 12)
    assert_within_ulps(model.intercept, 0.8028358479125263, 20)
    assert abs(model.log_loss - 0.305159289570062) <= 5e-16


def test_without_a_penalty_the_loss_equals_the_mean_entropy_of_the_predictions():
    """The slopes of the loss in the coefficients are 0 there, and so is Σ (p − y) z, the difference of the two."""
    model = logloss.fit(X, Y)
    measured = logloss.measure(Y, model.predict_proba(X))
    # Rounding of ten probabilities, each times a log-odds of a few units.
    assert measured.log_loss == pytest.approx(measured.expected_log_loss, abs=1e-15)
    assert measured.mean_proba == pytest.approx(0.7, abs=1e-15)
    penalised = logloss.fit(X, Y, l2=1.0)
    assert logloss.measure(Y, penalised.predict_proba(X)).expected_log_loss > penalised.log_loss + 0.09


def test_the_loss_of_the_model_is_that_of_its_predictions():
    for l2 in (0.0, 1.0, 100.0):
        model = logloss.fit(X, Y, l2=l2)
        assert logloss.log_loss(Y, model.predict_proba(X)) == pytest.approx(model.log_loss, rel=1e-14)
        assert logloss.log_loss(Y, y_logit=model.predict_logit(X)) == pytest.approx(model.log_loss, rel=1e-14)


# --- witnesses ---------------------------------------------------------------------------------------------------------


def test_the_usual_solver_stops_at_four_digits_where_ours_goes_on():
    theirs = LogisticRegression(C=1.0).fit(X[:, None], Y)
    cost = logloss.log_loss(Y, theirs.predict_proba(X[:, None]))
    assert cost == pytest.approx(0.332940, abs=5e-7)
    ours = logloss.fit(X, Y, l2=1.0)
    penalised = cost + 0.5 * theirs.coef_[0, 0] ** 2 / len(X)
    assert ours.log_loss + 0.5 * slope(ours) ** 2 / len(X) < penalised


def test_liblinear_penalises_the_intercept_and_ours_does_not():
    theirs = LogisticRegression(C=1.0, solver="liblinear", tol=1e-10, max_iter=10_000).fit(X[:, None], Y)
    assert logloss.log_loss(Y, theirs.predict_proba(X[:, None])) == pytest.approx(0.33896, abs=5e-6)
    # As l2 grows without end the intercept becomes the log-odds of the base rate.
    strong = logloss.fit(X, Y, l2=1e12)
    assert strong.intercept == pytest.approx(math.log(0.7 / 0.3), rel=1e-11)
    pulled = LogisticRegression(C=1e-12, solver="liblinear", tol=1e-10).fit(X[:, None], Y)
    assert abs(pulled.intercept_[0]) < 1e-6


@pytest.mark.parametrize("l2", [0.01, 1.0, 30.0])
def test_newton_cholesky_with_a_tight_tolerance_agrees(l2):
    rng = np.random.default_rng(SEED)
    features = rng.normal(size=(400, 5))
    labels = (rng.random(400) < 1 / (1 + np.exp(-features @ [1, -1, 0.5, 0, 2]))).astype(int)
    weights = rng.gamma(1.0, 1.0, 400)
    theirs = LogisticRegression(C=1 / l2, solver="newton-cholesky", tol=1e-12, max_iter=100)
    theirs.fit(features, labels, sample_weight=weights)
    ours = logloss.fit(features, labels, l2=l2, sample_weight=weights)
    # Newton's last step squares a gradient of 1e-12: what is left is the rounding of both.
    assert ours.intercept == pytest.approx(theirs.intercept_[0], abs=1e-10)
    assert list(ours.coefficients.values()) == pytest.approx(theirs.coef_[0], abs=1e-10)


def test_maximum_likelihood_agrees_with_statsmodels():
    rng = np.random.default_rng(SEED)
    features = rng.normal(size=(300, 3))
    labels = (rng.random(300) < 1 / (1 + np.exp(-features @ [1, -1, 0.5] + 0.3))).astype(int)
    theirs = sm.Logit(labels, with_ones(features)).fit(method="newton", tol=1e-12, disp=0)
    ours = logloss.fit(features, labels)
    assert [ours.intercept, *ours.coefficients.values()] == pytest.approx(theirs.params, abs=1e-10)
    assert ours.log_loss == pytest.approx(-theirs.llf / 300, rel=1e-12)


# --- derivatives -------------------------------------------------------------------------------------------------------


def test_gradient_and_hessian_are_the_differences_of_the_loss():
    """Central differences at 50 digits with a step of 1e-12 are right to 1e-24; the rest is our rounding."""
    rng = np.random.default_rng(SEED)
    features, labels, weights = rng.normal(size=(30, 2)), rng.random(30), rng.gamma(1.0, 1.0, 30)
    source, roles = bind(labels, RowOptions(sample_weight=weights), features=features)
    at = np.array([0.3, -0.7, 1.1])
    design_of_matrix = Design((Numbers(MATRIX, ("x0", "x1"), np.zeros(2), np.ones(2)),))
    found = walk(source, roles, CurvatureSummary.empty(Point(at, design_of_matrix)))
    design = with_ones(features)
    with mp.workdps(50):
        step = mp.mpf(10) ** -12
        unit = np.eye(3)

        def value(*moves):
            point = [mp.mpf(float(a)) + step * mp.mpf(float(m)) for a, m in zip(at, sum(moves), strict=True)]
            return objective(point, design, labels, weights, 0)

        assert found.total_loss == pytest.approx(float(value(np.zeros(3))), rel=1e-15)
        for j in range(3):
            by_hand = float((value(unit[j]) - value(-unit[j])) / (2 * step))
            assert found.gradient[j] == pytest.approx(by_hand, abs=1e-13)
            for k in range(3):
                mixed = value(unit[j], unit[k]) - value(unit[j], -unit[k])
                mixed -= value(-unit[j], unit[k]) - value(-unit[j], -unit[k])
                assert found.hessian.full[j, k] == pytest.approx(float(mixed / (4 * step**2)), abs=1e-12)


# --- what must not matter ----------------------------------------------------------------------------------------------


def random_rows(n_rows, slopes, intercept=0.0, seed=SEED):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_rows, len(slopes)))
    labels = (rng.random(n_rows) < 1 / (1 + np.exp(-features @ slopes - intercept))).astype(int)
    return features, labels


def test_the_unit_of_a_feature_does_not_matter():
    """Gradient solvers with a fixed tolerance stop early on a feature measured in small units, and say nothing."""
    features, labels = random_rows(2_000, [2.0, 1.0])
    plain = logloss.fit(features, labels)
    for unit in (1e-4, 1e6, 1e24):
        scaled = logloss.fit(features * [unit, 1.0], labels)
        assert scaled.coefficients["x0"] * unit == pytest.approx(plain.coefficients["x0"], rel=1e-12)
        assert scaled.coefficients["x1"] == pytest.approx(plain.coefficients["x1"], rel=1e-12)
        assert scaled.log_loss == pytest.approx(plain.log_loss, rel=1e-14)


@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_the_origin_of_a_feature_does_not_matter(l2):
    features, labels = random_rows(2_000, [1.0])
    plain = logloss.fit(features, labels, l2=l2)
    shifted = logloss.fit(features + 1e4, labels, l2=l2)
    # 1e4 leaves the features twelve digits after the point.
    assert slope(shifted) == pytest.approx(slope(plain), abs=1e-10)
    assert shifted.intercept + 1e4 * slope(shifted) == pytest.approx(plain.intercept, abs=1e-10)
    assert shifted.log_loss == pytest.approx(plain.log_loss, abs=1e-12)


def test_a_shifted_feature_of_half_precision_is_fitted_as_it_stands():
    features, labels = random_rows(2_000, [1.0])
    narrow = (features + 1e4).astype(np.float32)
    model = logloss.fit(narrow, labels)
    assert model.log_loss == logloss.fit(narrow.astype(np.float64), labels).log_loss
    assert model.log_loss < 0.62


def test_a_feature_of_a_few_events_is_fitted_like_any_other():
    """Twenty rows in 200,000, 18 of them ones: a tolerance on the mean gradient passes at a coefficient of 0."""
    rng = np.random.default_rng(0)
    features = np.column_stack([rng.normal(size=200_000), rng.normal(size=200_000), np.zeros(200_000)])
    features[:20, 2] = 1
    labels = (rng.random(200_000) < 1 / (1 + np.exp(1 - features[:, 0]))).astype(int)
    labels[:20] = [1] * 18 + [0] * 2
    model = logloss.fit(features, labels)
    rare = model.coefficients["x2"]
    assert rare == pytest.approx(3.667, abs=0.05)
    # The equation of that column: of its 20 rows, 18 are expected to be ones.
    assert model.predict_proba(features[:20]).sum() == pytest.approx(18, abs=1e-9)


def test_a_sample_on_which_others_diverge_is_fitted_to_every_digit():
    """x from −1 to 100 with one row at 100: a full Newton step overshoots, and half of it is taken."""
    counts = [50, 1, 50, 1, 5, 10]
    labels, values = np.repeat([0, 1, 0, 0, 0, 1], counts), np.repeat([0, 0, 0.001, 100, -1, -1], counts)
    model = logloss.fit(values, labels)
    # The 50-digit answer; the spread of 100 and sums of 117 rows cost some ULP more.
    assert_within_ulps(model.intercept, -4.603050221180851, 16)
    assert_within_ulps(slope(model), -5.296345453903059, 16)
    assert_within_ulps(model.log_loss, 0.129532032514805, 16)
    losses = [each.log_loss for each in model.passes]
    assert losses[-1] == pytest.approx(min(losses), rel=1e-15)


@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_weight_two_is_the_row_twice(l2):
    rng = np.random.default_rng(SEED)
    features, labels = random_rows(200, [1.0, -0.5])
    times = rng.integers(0, 5, 200)
    copies = logloss.fit(np.repeat(features, times, axis=0), np.repeat(labels, times), l2=l2)
    for role in ("sample_weight", "counts"):
        model = logloss.fit(features, labels, l2=l2, **{role: times})
        assert model.intercept == pytest.approx(copies.intercept, abs=1e-10)
        assert list(model.coefficients.values()) == pytest.approx(list(copies.coefficients.values()), abs=1e-10)
        assert model.log_loss == pytest.approx(copies.log_loss, rel=1e-13)
        assert model.n_rows == (copies.n_rows if role == "counts" else np.count_nonzero(times))


def test_weights_are_counts_against_the_penalty():
    """Halving every weight doubles what l2 means; without a penalty the scale of the weights changes nothing."""
    half = logloss.fit(X, Y, l2=1.0, sample_weight=np.full(10, 0.5))
    assert slope(half) == pytest.approx(slope(logloss.fit(X, Y, l2=2.0)), rel=1e-13)
    for size in (1e-300, 1e-3, 1e300):
        model = logloss.fit(X, Y, sample_weight=np.full(10, size))
        assert slope(model) == pytest.approx(1.642425864456963, rel=1e-13)


def test_steps_that_leave_the_numbers_are_no_warnings_of_numpy():
    """Weights of 1e-99 to 1e99: a trial point of 1e200 has no square; it is not taken, and the fit tells how it ends."""
    rng = np.random.default_rng(313)
    n_rows, width = int(rng.integers(8, 20)), int(rng.integers(2, 5))
    features = rng.integers(-9, 10, (n_rows, width)).astype(float)
    labels = (rng.random(n_rows) < 0.5).astype(int)
    weight = 10.0 ** rng.integers(-99, 99, n_rows)
    with pytest.warns(logloss.ConvergenceWarning) as warned:
        model = logloss.fit(features, labels, sample_weight=weight, leave_one_out=False, max_passes=60)
    assert [own.category for own in warned] == [logloss.ConvergenceWarning]
    assert np.isfinite(model.values).all()


def test_a_share_is_as_good_as_its_rows():
    """Label 0.25 with weight 4 is one row of ones and three of zeros."""
    shares = logloss.fit([0.0, 1.0, 2.0], [0.25, 0.5, 0.75], sample_weight=[4, 4, 4], l2=0.1)
    rows = logloss.fit(np.repeat([0.0, 1.0, 2.0], 4), [1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0], l2=0.1)
    assert slope(shares) == pytest.approx(slope(rows), rel=1e-13)
    assert shares.log_loss == pytest.approx(rows.log_loss, rel=1e-13)


def test_the_answer_has_the_same_bits_each_time_and_for_any_number_of_threads(monkeypatch):
    """More rows than one part holds, so that there is something to merge in an order."""
    features, labels = random_rows(600_000, [1.0])
    found = set()
    for n_threads in (1, 2, 5, 2):
        monkeypatch.setattr("logloss.onepass.run.available_cpus", lambda n=n_threads: n)
        model = logloss.fit(features, labels, l2=1.0)
        found.add((model.intercept, slope(model), model.log_loss))
    assert len(found) == 1


# --- columns that say nothing new ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_a_constant_column_gets_nothing_and_changes_nothing(l2):
    plain = logloss.fit(X, Y, l2=l2)
    for constant in (0.0, 0.9, 1.0, -1e6):
        model = logloss.fit(np.column_stack([X, np.full(10, constant)]), Y, l2=l2)
        assert abs(model.coefficients["x1"] * constant) < 1e-12
        assert model.intercept == pytest.approx(plain.intercept, abs=1e-12)
        assert model.log_loss == pytest.approx(plain.log_loss, rel=1e-14)


def test_a_mean_far_from_zero_does_not_move_the_answer():
    """A column of 0.9 and 1, the usual victim of solvers that do not centre."""
    random = np.random.default_rng(8)
    x, flag = random.normal(size=200), random.integers(0, 2, 200).astype(float)
    y = (random.random(200) < 1 / (1 + np.exp(-x - flag))).astype(int)
    near = logloss.fit(np.column_stack([x, 0.9 + 0.1 * flag]), y)
    plain = logloss.fit(np.column_stack([x, flag]), y)
    assert near.log_loss == pytest.approx(plain.log_loss, rel=1e-14)
    assert near.coefficients["x1"] * 0.1 == pytest.approx(plain.coefficients["x1"], rel=1e-10)
    assert near.intercept + 0.9 * near.coefficients["x1"] == pytest.approx(plain.intercept, rel=1e-10)


def test_the_same_column_twice_shares_its_coefficient():
    plain = logloss.fit(X, Y)
    twice = logloss.fit(np.column_stack([X, X]), Y)
    assert sum(twice.coefficients.values()) == pytest.approx(slope(plain), rel=1e-10)
    assert twice.log_loss == pytest.approx(plain.log_loss, rel=1e-14)
    assert all(abs(value) < 2 for value in twice.coefficients.values())
    # With a penalty two halves are cheaper than one whole: exactly equal, and half the precision for the sum.
    penalised = logloss.fit(np.column_stack([X, X]), Y, l2=1.0)
    first, second = penalised.coefficients.values()
    assert first == pytest.approx(second, rel=1e-12)
    assert first + second == pytest.approx(slope(logloss.fit(X, Y, l2=0.5)), rel=1e-12)


def test_collinear_columns_give_a_small_answer_with_the_right_loss():
    model = logloss.fit(np.column_stack([X, 2 * X, X - 1]), Y)
    assert model.log_loss == pytest.approx(0.305159289570062, rel=1e-14)
    assert all(abs(value) < 2 for value in model.coefficients.values())
    effect = model.coefficients["x0"] + 2 * model.coefficients["x1"] + model.coefficients["x2"]
    assert effect == pytest.approx(1.642425864456963, rel=1e-10)


def test_more_columns_than_rows_is_fitted_under_a_penalty():
    rng = np.random.default_rng(SEED)
    model = logloss.fit(rng.normal(size=(10, 40)), Y, l2=1.0)
    assert model.certificate.nats_per_row < 1e-12
    assert all(math.isfinite(value) for value in model.coefficients.values())


def test_no_column_at_all_gives_the_base_rate():
    model = logloss.fit(np.zeros((10, 0)), Y)
    assert model.intercept == pytest.approx(math.log(7 / 3), rel=1e-14)
    assert model.log_loss == pytest.approx(logloss.entropy(0.7), rel=1e-14)


# --- where there is no optimum -------------------------------------------------------------------------------------------


def separated(*arguments, **options):
    """A fit that warns of separation, once."""
    with pytest.warns(logloss.SeparationWarning) as caught:
        model = logloss.fit(*arguments, **options)
    (warning,) = caught
    assert warning.filename == __file__
    return model, str(warning.message)


def test_separated_labels_are_said_to_be():
    for labels, values in ((X > 0, X), (X <= 0, X), ([0, 1], [1.0, 2.0])):
        model, message = separated(values, labels)
        assert message.startswith('the classes are separated: "x" can predict all rows without error')
        assert 'pass penalty="firth" or l2=' in message
        assert model.separation.is_complete
        assert model.separation.columns == ("x",)
        assert (model.log_loss, abs(slope(model))) == (0.0, math.inf)
        assert model.predict_proba(values).tolist() == [float(y) for y in labels]
        assert logloss.fit(values, labels, l2=1.0).certificate.nats_per_row < 1e-12


def test_the_loss_of_partly_separated_labels_is_its_greatest_lower_bound():
    """Six rows at 0, two of them ones, cost .6·h(1/3) at least; the four at 1 can be had for nothing.

    statsmodels (#39, #2282) and scikit-learn answer with a slope of about 10 to 20 and do not say why.
    """
    model, message = separated([0.0] * 6 + [1.0] * 4, [0, 1, 0, 1, 0, 0, 1, 1, 1, 1])
    assert model.intercept == pytest.approx(-math.log(2), rel=1e-15)
    assert slope(model) == math.inf
    assert model.log_loss == pytest.approx(0.381908500976888, rel=1e-14)
    assert "can predict 4 rows" in message
    assert "The infimum of the log loss is 0.3819" in message
    assert not model.separation.is_complete
    assert model.predict_proba([0.0, 1.0, -1.0]) == pytest.approx([1 / 3, 1.0, 0.0])


def test_columns_that_separate_nothing_keep_their_coefficients():
    """The finite part is the fit of the rows that the others leave, with the columns that are not infinite."""
    features, labels = random_rows(300, [1.0, -0.5])
    gives_away = np.where((labels == 1) & (np.arange(300) % 3 == 0), 1.0, 0.0)
    model, _ = separated(np.column_stack([features, gives_away]), labels)
    rest = logloss.fit(features[gives_away == 0], labels[gives_away == 0])
    assert model.separation.columns == ("x2",)
    assert model.separation.n_divided == np.count_nonzero(gives_away)
    assert [model.coefficients["x0"], model.coefficients["x1"]] == pytest.approx(
        list(rest.coefficients.values()), rel=1e-9
    )
    assert model.log_loss == pytest.approx(rest.log_loss * rest.n_rows / 300, rel=1e-13)


def test_a_level_without_a_positive_row_separates():
    """As in `y ~ city` where no row of one city is positive: that level goes to minus infinity, the others stay."""
    city = ["Bern"] * 6 + ["Chur"] * 4 + ["Genf"] * 5
    labels = [0, 1, 1, 0, 1, 0] + [0] * 4 + [1, 0, 0, 1, 1]
    model, message = separated({"city": city}, labels)
    assert '"city: Chur" can predict 4 rows' in message
    assert model.coefficients == {"city: Chur": -math.inf, "city: Genf": pytest.approx(math.log(1.5))}
    assert model.intercept == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("seed", range(30))
def test_separation_is_found_where_it_is_and_nowhere_else(seed):
    """Random directions divide the labels, wholly or but for rows in the plane; each row with both labels ends it."""
    rng = np.random.default_rng(seed)
    n_rows, width = int(rng.integers(8, 60)), int(rng.integers(1, 5))
    margin = labels = np.zeros(n_rows)
    while not margin.any() or not 0 < labels.sum() < n_rows:
        features = rng.integers(-3, 4, (n_rows, width)).astype(float)
        margin = features @ rng.integers(-2, 3, width) + rng.integers(-2, 3)
        labels = np.where(margin == 0, rng.integers(0, 2, n_rows), margin > 0)
    model, _ = separated(features, labels)
    assert model.separation.n_divided >= np.count_nonzero(margin)
    assert model.log_loss <= np.mean(margin == 0) * math.log(2) + 1e-15
    both = logloss.fit(np.vstack([features, features]), np.append(labels, 1 - labels))
    assert both.separation is None
    assert both.certificate.is_proven


def test_classes_that_hardly_touch_are_not_separated():
    """One row of each class on the wrong side by a millionth of the spread: the answer is large and finite."""
    values = np.array([-1.0, -0.5, 1e-6, 0.0, 0.5, 1.0])
    model = logloss.fit(values, [0, 0, 0, 1, 1, 1])
    assert model.separation is None
    assert model.certificate.is_proven
    assert slope(model) > 5


def test_shares_must_lie_in_the_plane_of_a_separation():
    """A label of a half holds its row back; a direction on which it lies in the plane separates the others."""
    model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0.0, 0.5, 0.5, 1.0])
    assert model.separation is None
    model, _ = separated([0.0, 1.0, 1.0, 3.0], [0.0, 0.5, 0.25, 1.0])
    assert model.separation.n_divided == 2
    assert model.predict_proba([1.0]) == pytest.approx([0.375])


def test_a_program_that_learns_of_rows_bit_by_bit_finds_the_same(monkeypatch):
    features, labels = random_rows(2000, [2.0, -1.0, 0.5])
    clean = (features @ [2.0, -1.0, 0.5] > 0.1).astype(int)
    monkeypatch.setattr(separation_program, "ALL_ROWS", 0)
    monkeypatch.setattr(separation_program, "ROWS_ADDED", 5)
    model, _ = separated(features, clean)
    assert model.separation.is_complete
    assert logloss.fit(features, labels).separation is None


# --- values that rounding could confuse --------------------------------------------------------------------------------


def with_a_code(code, n_rows=2_000):
    """One column, a slope of 2, and one row whose value is a code for something else."""
    rng = np.random.default_rng(SEED)
    values = rng.normal(size=n_rows)
    labels = (rng.random(n_rows) < 1 / (1 + np.exp(-2 * values))).astype(int)
    values[0], labels[0] = code, 0
    return values, labels


@pytest.mark.parametrize("code", [-1e6, -1e9, -1e10, -1e11, -1e12, float(np.iinfo(np.int64).min), -1e18])
def test_one_value_that_is_far_away_does_not_hide_the_others(code):
    """The row is right for sure, whatever stands there: the answer is that of the others, and it is proved.

    A mean of all rows and the largest deviation would leave the others less than rounding: they seemed to lie in a
    plane that "separates" the one, with a bound of 1e-16 and a loss 0.24 too high.
    """
    values, labels = with_a_code(code)
    model = logloss.fit(values, labels, leave_one_out=False)
    others = logloss.fit(values[1:], labels[1:], leave_one_out=False)
    assert model.separation is None
    assert model.certificate.is_proven
    assert model.intercept == pytest.approx(others.intercept, rel=1e-9)
    assert slope(model) == pytest.approx(slope(others), rel=1e-9)
    assert model.log_loss == pytest.approx(others.log_loss * 1999 / 2000, rel=1e-12)


def test_a_value_that_is_far_away_and_wrong_is_paid_for():
    """With the other label the slope must be next to 0: a row at −1e12 costs 1e12 slopes. The answer at 50 digits."""
    values, labels = with_a_code(-1e12, 60)
    labels[0] = 1
    model = logloss.fit(values, labels)
    assert model.separation is None
    gaps = assert_bounds_hold(model, (values, labels, None, None), 0)
    assert model.certificate.is_proven
    assert gaps[-1] < 1e-15


def test_the_reported_codes_of_missing_values_are_fitted_exactly():
    """Every tenth row holds −999999999: both classes are among them, and they have a say in the slope."""
    features, labels = random_rows(400, [2.0, -1.0])
    coded = features.copy()
    coded[::10, 0] = -999999999.0
    model = logloss.fit(coded, labels, leave_one_out=False)
    assert model.separation is None
    assert model.certificate.is_proven
    assert assert_bounds_hold(model, (coded, labels, None, None), 0)[-1] < 1e-12


def test_codes_that_two_columns_share_leave_no_bound_and_are_named():
    """Where both hold −999999999, their sum is known to 1e-9 and their difference to nothing that float64 could hold."""
    features, labels = random_rows(400, [2.0, -1.0])
    features[::10] = -999999999.0
    with pytest.warns(logloss.ConvergenceWarning, match="no bound on its distance from the minimum is certified"):
        model = logloss.fit(features, labels, leave_one_out=False)
    assert not model.certificate.is_proven
    assert model.separation is None
    assert '"x0", "x1": few values are many thousand times as large as is usual' in "".join(model.notes)


def test_a_column_that_separates_is_seen_beside_a_value_that_is_far_away():
    for values in (
        [0, 1, 2, 3, 4, 5, 6, -9e9],
        [0, 1, 2, 3, 4, 5, 6, -1e18],
        [0, 1e-12, 2e-12, 3e-12, 1, 1e6, 1e12, -9e9],
    ):
        model, message = separated(np.array(values, dtype=float), [0, 0, 0, 0, 1, 1, 1, 0])
        assert '"x" can predict all rows' in message
        assert model.separation.is_complete
        assert model.log_loss == 0.0
        assert model.predict_proba(values).tolist() == [0, 0, 0, 0, 1, 1, 1, 0]


def test_neighbouring_floats_are_two_values_to_a_separation():
    """0.3 and 0.1 + 0.2 are not equal: between them lies a threshold, and no rounded margin sees it."""
    below, above = 0.3, 0.1 + 0.2
    assert below < above
    model, _ = separated([0.0, 0.1, below, above, 0.5, 1.0], [0, 0, 0, 1, 1, 1])
    assert model.separation.is_complete
    with pytest.warns(logloss.ConvergenceWarning, match="no bound is proved"):
        model = logloss.fit([0.0, 0.1, above, below, 0.5, 1.0], [0, 0, 0, 1, 1, 1], leave_one_out=False)
    assert model.separation is None


@pytest.mark.parametrize("size", [1e-300, 1e-8, 1.0, 1e300])
def test_the_size_of_weights_does_not_hide_a_separation(size):
    """The gain of a direction is counted in rows: weights of 1e-8 each once made it look like none."""
    features, _ = random_rows(50, [1.0, 1.0])
    labels = (features @ [1.0, 1.0] > 0).astype(int)
    model, _ = separated(features, labels, sample_weight=np.full(50, size))
    assert model.separation.is_complete
    model, _ = separated([1.0, 2.0, 2.0, 3.0], [0, 0, 1, 1], sample_weight=np.full(4, size))
    assert model.separation.n_divided == 2


def test_a_plane_through_rows_of_both_classes_is_put_into_them_exactly():
    """Means and ranges that are no short fractions: no rounded plane goes through all the rows that it should."""
    rng = np.random.default_rng(SEED)
    features = rng.integers(-6, 7, (80, 3)) * np.array([7.0, 3.0, 11.0]) + 3
    margin = features @ [33.0, 154.0, -21.0] - 33 * 3 - 154 * 3 + 21 * 3 - 231
    in_plane = margin == 0
    labels = np.where(in_plane, np.arange(80) % 2, margin > 0).astype(int)
    assert np.count_nonzero(in_plane) >= 3
    model, _ = separated(features, labels, leave_one_out=False)
    assert model.separation.n_divided == np.count_nonzero(~in_plane)


@pytest.mark.parametrize("digits", [4, 9, 12])
def test_columns_that_differ_in_their_last_digits_have_no_bound_or_a_right_one(digits):
    """A Hessian squares what columns differ by: from the eighth digit on it sees one column, and must not prove for two."""
    rng = np.random.default_rng(SEED)
    first, difference = rng.normal(size=(2, 60))
    second = first + 10.0**-digits * difference
    labels = (rng.random(60) < 1 / (1 + np.exp(-first - difference))).astype(int)
    if digits < 8:
        model = logloss.fit(np.column_stack([first, second]), labels, leave_one_out=False)
        assert model.certificate.is_proven
        assert assert_bounds_hold(model, (np.column_stack([first, second]), labels, None, None), 0)[-1] < 1e-9
        return
    with pytest.warns(logloss.ConvergenceWarning, match="no bound is proved"):
        model = logloss.fit(np.column_stack([first, second]), labels, leave_one_out=False)
    assert not model.certificate.is_proven
    assert model.certificate.nats_per_row == math.inf
    assert '"x0", "x1" are linearly dependent except in their last digits' in "".join(model.notes)
    assert "within" not in repr(model)
    # A column that separates some rows does not hide it.
    sure = np.append(labels[:8], np.zeros(52))
    with (
        pytest.warns(logloss.SeparationWarning, match="infimum of the log loss is not known"),
        pytest.warns(logloss.ConvergenceWarning, match="no bound is proved"),
    ):
        apart = logloss.fit(np.column_stack([first, second, sure]), labels, leave_one_out=False)
    assert not apart.certificate.is_proven


def test_a_penalty_chooses_among_columns_that_depend_on_each_other():
    """x and 2x in large units: of all answers with the same predictions the penalty is least where w₂ = 2 w₁."""
    values, labels = random_rows(60, [1.0])
    for unit in (1.0, 1e6):
        both = np.column_stack([values, 2 * values]) * unit
        with warnings.catch_warnings():
            # In large units a penalty holds so little that its bound is loose: 3e-13 of what rounding leaves.
            warnings.simplefilter("ignore", logloss.ConvergenceWarning)
            model = logloss.fit(both, labels, l2=1.0, leave_one_out=False)
        one = logloss.fit(values * unit * math.sqrt(5), labels, l2=1.0, leave_one_out=False)
        assert model.log_loss == pytest.approx(one.log_loss, rel=1e-12)
        assert model.coefficients["x1"] == pytest.approx(2 * model.coefficients["x0"], rel=1e-6)
        objective = model.log_loss + 0.5 * sum(w**2 for w in model.coefficients.values()) / 60
        best = one.log_loss + 0.5 * slope(one) ** 2 / 60
        assert objective - best <= model.certificate.nats_per_row + 1e-15


# --- many levels, many columns -----------------------------------------------------------------------------------------


def test_levels_of_one_class_are_counted_before_any_program(monkeypatch):
    """2,000 rows with about 1,600 levels: most stand once. No linear program could be asked in bearable time."""
    rng = np.random.default_rng(SEED)
    levels = np.array([f"v{i}" for i in rng.integers(0, 5_000, 2_000)])
    values = rng.normal(size=2_000)
    labels = (rng.random(2_000) < 1 / (1 + np.exp(-values))).astype(int)
    monkeypatch.setattr(separation_program, "_linear_program", None)
    monkeypatch.setattr(separation_program, "_by_program", lambda *others: (None, None, False))
    model, _ = separated({"k": levels, "x": values}, labels)
    _, codes = np.unique(levels, return_inverse=True)
    n_each, n_positive = np.bincount(codes), np.bincount(codes, labels)
    is_pure = (n_positive == 0) | (n_positive == n_each)
    assert model.separation.n_divided == n_each[is_pure].sum()
    assert model.certificate.is_proven
    mixed = ~is_pure[codes]
    rest = logloss.fit({"k": levels[mixed], "x": values[mixed]}, labels[mixed], leave_one_out=False)
    assert model.log_loss == pytest.approx(rest.log_loss * mixed.mean(), rel=1e-9)
    assert model.coefficients["x"] == pytest.approx(rest.coefficients["x"], rel=1e-6)


def test_the_reference_may_have_one_class_itself():
    model, _ = separated({"k": ["a"] * 3 + ["b"] * 4 + ["c"] * 4}, [1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0])
    assert model.separation.n_divided == 3
    assert model.predict_proba({"k": ["a", "b", "c"]}) == pytest.approx([1.0, 0.5, 0.25])


def test_as_many_columns_as_rows_separate_whatever_the_labels(monkeypatch):
    """Equations tell, in no pass at all; a linear program of 200 × 200 would be the long way."""
    rng = np.random.default_rng(SEED)
    features, labels = rng.normal(size=(200, 200)), rng.integers(0, 2, 200)
    monkeypatch.setattr(separation_program, "_by_program", None)
    model, _ = separated(features, labels)
    assert model.separation.is_complete
    assert model.predict_proba(features).tolist() == labels.tolist()


def test_a_linear_program_that_takes_too_long_proves_nothing(monkeypatch):
    """Then it is said that nothing is known, and no bound is stated."""
    monkeypatch.setattr(separation, "MOST_WORK", 0.0)
    rng = np.random.default_rng(SEED)
    features = rng.normal(size=(60, 3))
    labels = (features @ [1.0, 1.0, 1.0] > 0).astype(int)
    with pytest.warns(logloss.ConvergenceWarning, match="no bound on its distance from the minimum is certified"):
        model = logloss.fit(features, labels)
    assert model.separation is None
    assert not model.certificate.is_proven
    assert "whether the classes are separated could not be decided" in "".join(model.notes)


def test_ctrl_c_does_not_wait_for_a_linear_program():
    """What takes long in one call is waited for, so that the one who waits can be interrupted."""
    import _thread
    import threading

    from logloss.training.interruptible import patiently

    begun, is_over = threading.Event(), threading.Event()

    def work():
        begun.set()
        is_over.wait(60)

    threading.Thread(target=lambda: (begun.wait(), _thread.interrupt_main())).start()
    with pytest.raises(KeyboardInterrupt):
        patiently(work)
    is_over.set()


def test_a_fit_that_is_stopped_early_says_how_far_it_is():
    with pytest.warns(logloss.ConvergenceWarning) as caught:
        model = logloss.fit(X, Y, max_passes=2)
    message = str(caught[0].message)
    assert message.startswith(
        "the fit stopped at the limit of 2 passes: no bound on its distance from the minimum is certified, and the next "
        "step is expected to lower it by 0.06 (`tolerance` is 1e-12)."
    )
    assert "Raise `max_passes`" in message
    assert len(model.passes) == 2
    with pytest.warns(logloss.ConvergenceWarning, match="stopped at the limit of 3 passes"):
        logloss.fit(X, Y, l2=1.0, max_passes=3)


def test_more_than_the_digits_can_give_is_not_waited_for():
    """Below the rounding of the objective a pass more changes nothing: it stops and says what it has."""
    with pytest.warns(
        logloss.ConvergenceWarning,
        match=r"no step lowers the loss any more in float64 arithmetic: it is certified to be at most \de-1[67] nats",
    ) as caught:
        model = logloss.fit(X, Y, l2=1.0, tolerance=1e-30)
    assert len(model.passes) < 15
    assert "Raise `max_passes`" not in str(caught[0].message)
    assert "raise `tolerance`" in str(caught[0].message)
    assert len(logloss.fit(X, Y, l2=1e-300).passes) < 15


def test_a_fit_that_is_certified_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for l2 in (0.0, 1e-6, 1.0, 1e6):
            assert logloss.fit(X, Y, l2=l2).certificate.nats_per_row < 1e-12


# --- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"y_true": np.ones(10)},
            r"both classes must occur to fit; all 10 rows are 1, and no finite intercept is best",
        ),
        ({"y_true": np.zeros(10)}, r"both classes must occur to fit; all 10 rows are 0"),
        ({"l2": -1}, r"`l2` must be finite and at least 0; got -1"),
        ({"l2": math.inf}, r"`l2` must be finite and at least 0; got inf"),
        ({"l2": math.nan}, r"`l2` must be finite and at least 0; got nan"),
        ({"l2": "1"}, r"`l2` must be finite and at least 0; got '1'"),
        ({"max_passes": 0}, r"`max_passes` must be at least 1 and `tolerance` above 0; got 0"),
        ({"tolerance": 0.0}, r"`tolerance` above 0; got 100 and 0\.0"),
        ({"missing": "ignore"}, r'`missing` must be "error" or "drop" or "indicator"; got "ignore"'),
        ({"y_true": Y[:9]}, r"`y_true` has 9 rows and `X` has 10\. They must describe the same rows\."),
        ({"data": np.where(X > 4, np.nan, X)}, r'column "x" must hold a value; row 9 has none\..*missing="drop"'),
        ({"data": np.where(X > 4, np.inf, X)}, r'column "x" must be finite; row 9 has inf'),
        (
            {"data": np.zeros((2, 2, 2))},
            r"`X` must be numbers of shape \(n_rows, n_features\); it holds float64 of shape",
        ),
        ({"data": np.array(list("abcdefghij"))}, r"`X` must hold numbers"),
        ({"data": np.zeros((0, 1)), "y_true": []}, r"expected at least one row; found none"),
        (
            {"data": X * 1e200},
            r'the values of "x" must deviate from their mean by 1e-100 to .*; the largest deviation is 3\.81e\+200',
        ),
        (
            {"data": X * 1e-200},
            r'the values of "x" must deviate from their mean by 1e-100 to .*; the largest deviation is 3\.81e-200',
        ),
        # The sum of weights times values is no number.
        (
            {"data": X * 1e12, "sample_weight": np.full(10, 1e300)},
            r'the values of "x" must deviate from their mean by 1e-100 to .*; the largest deviation is inf',
        ),
        ({"y_true": np.where(Y, "g", "r")}, r'found 2 values: "g", "r"\. Say which one is positive: `pos_label=`'),
        ({"y_true": np.arange(10) % 3}, r"`y_true` must be 0 or 1"),
        ({"sample_weight": -np.ones(10)}, r"`sample_weight` must be finite and at least 0; row 0 has -1"),
        ({"sample_weight": np.zeros(10)}, r"expected at least one row with a weight above 0"),
        ({"y_true": "won"}, r"a table must have columns with names; got ndarray"),
        ({"exclude": ["x"]}, r"`exclude` needs a table: pass `y_true` as a column name"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_words(arguments, words):
    with pytest.raises(logloss.DataError, match=words):
        logloss.fit(**{"data": X, "y_true": Y, **arguments})


def test_two_features_of_one_name_are_refused():
    """One of the two coefficients would be lost."""
    with pytest.raises(logloss.DataError, match="feature names must be unique; got a, a"):
        logloss.fit(pd.DataFrame(np.column_stack([X, X**2]), columns=["a", "a"]), Y)


def test_numbers_of_numpy_are_numbers():
    for l2 in (np.float32(1), np.int64(1), np.float64(1)):
        assert slope(logloss.fit(X, Y, l2=l2)) == slope(logloss.fit(X, Y, l2=1.0))


def test_rows_with_something_missing_are_left_out_on_request():
    model = logloss.fit(np.where(X > 4, np.nan, X), Y, l2=1.0, missing="drop")
    assert model.n_rows == 9
    assert slope(model) == pytest.approx(slope(logloss.fit(X[:9], Y[:9], l2=1.0)), rel=1e-13)


# --- labels and tables -------------------------------------------------------------------------------------------------


def test_every_way_to_write_two_classes_gives_the_same_model():
    plain = logloss.fit(X, Y, l2=1.0)
    for labels, positive in (
        (Y.astype(bool), None),
        (2 * Y - 1, None),
        (Y.astype(float), None),
        (Y.tolist(), None),
        (np.where(Y, "green", "red"), "green"),
        (np.where(Y, 2, 1), 2),
    ):
        model = logloss.fit(X, labels, l2=1.0, pos_label=positive)
        assert (model.intercept, slope(model)) == (plain.intercept, slope(plain))
    mirrored = logloss.fit(X, np.where(Y, "green", "red"), l2=1.0, pos_label="red")
    assert slope(mirrored) == pytest.approx(-slope(plain), rel=1e-13)
    assert mirrored.positive == 'y_true = "red"'


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_frame_gives_its_names_to_the_coefficients(frame):
    columns = {"height": X, "square of it": X**2}
    model = logloss.fit(frame(columns), Y, l2=1.0)
    assert list(model.coefficients) == ["height", "square of it"]
    plain = logloss.fit(np.column_stack([X, X**2]), Y, l2=1.0)
    assert list(plain.coefficients) == ["x0", "x1"]
    # The rows of a matrix and the columns of a frame lie differently in memory: their products are added in another order.
    assert list(model.coefficients.values()) == pytest.approx(list(plain.coefficients.values()), rel=1e-14)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_frame_is_predicted_by_its_names(frame):
    """The same columns in another order are the same rows; read by their place they would give wrong numbers."""
    model = logloss.fit(frame({"a": X, "b": X**2}), Y, l2=1.0)
    expected = model.predict_proba(np.column_stack([X, X**2])).tolist()
    assert model.predict_proba(frame({"b": X**2, "a": X})).tolist() == expected
    assert model.predict_proba(frame({"id": X, "b": X**2, "a": X})).tolist() == expected


def test_columns_of_a_table_are_named():
    table = {"won": Y.tolist(), "a": X, "ab": X**2}
    two = logloss.fit(table, "won", features=["a", "ab"], l2=1.0)
    assert list(two.coefficients) == ["a", "ab"]
    assert two.positive == "won = 1"
    # One name is one column, not its letters.
    assert list(logloss.fit(table, "won", features="ab", l2=1.0).coefficients) == ["ab"]
    with pytest.raises(logloss.DataError, match=r'no column "aa"\. The table has: won, a, ab\. Did you mean "a'):
        logloss.fit(table, "won", features=["aa"])


def test_a_file_gives_the_same_model_as_its_arrays(tmp_path):
    path = tmp_path / "points.csv"
    pd.DataFrame({"y": Y, "x": X}).to_csv(path, index=False)
    model = logloss.fit(path, "y", features=["x"], l2=1.0)
    assert slope(model) == slope(logloss.fit(X, Y, l2=1.0))


def test_progress_is_told_of_every_row_of_every_pass():
    seen = []
    model = logloss.fit(X, Y, l2=1.0, progress=lambda block: seen.append(block.n_rows))
    # One walk more than passes: the first centres and scales.
    assert seen == [10] * (len(model.passes) + 1)


# --- prediction and the printed model ------------------------------------------------------------------------------------


def test_predictions_are_right_in_both_tails():
    model = logloss.fit(X, Y, l2=1.0)
    values = np.array([-700.0, -40.0, -1.0, 0.0, 1.0, 40.0, 1e5])
    logits = model.predict_logit(values)
    assert logits == pytest.approx(values * slope(model) + model.intercept, rel=1e-15)
    with mp.workdps(30):
        expected = [float(1 / (1 + mpmath.exp(-mp.mpf(float(z))))) for z in logits]
    # z of −680 times half an ULP of exp's argument: relative error of |z|·2⁻⁵³.
    assert model.predict_proba(values) == pytest.approx(expected, rel=1e-12, abs=0)
    assert 0 < model.predict_proba([-700.0])[0] < 1e-290


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (np.zeros((2, 3)), "`X` must have 1 column, as in training; it has 3"),
        ([0.0, math.nan], r'column "x" must hold a value; row 1 has none'),
        ([math.inf], r'column "x" must be finite; row 0 has inf'),
        (["a"], "`X` must hold numbers"),
    ],
)
def test_what_cannot_be_predicted_is_refused_in_words(features, words):
    with pytest.raises(logloss.DataError, match=words):
        logloss.fit(X, Y, l2=1.0).predict_proba(features)


def test_the_model_is_strict_json():
    for l2 in (0.0, 1.0):
        model = logloss.fit(X, Y, l2=l2)
        figures = json.loads(json.dumps(model.to_dict(), allow_nan=False))
        assert figures == model.to_dict()
        assert figures["schema"] == 1
        assert figures["coefficients"] == {"x": slope(model)}
        assert figures["log_loss_nats"] == model.log_loss
        assert figures["certificate_is_proven"] is True
        assert figures["n_passes"] == len(model.passes)


def test_the_printed_model_says_what_it_is_what_it_found_and_how_sure_it_is():
    lines = repr(logloss.fit(X, np.where(Y, "green", "red"), l2=1.0, pos_label="green")).splitlines()
    assert lines[0] == 'LogisticModel: P(y_true = "green"), 1 feature, 10 rows (7 positive), l2 = 1'
    assert lines[2].split() == ["coefficient", "odds", "ratio"]
    assert lines[3].split() == ["intercept", "0.6555"]
    assert lines[4].split() == ["x", "0.9719", "2.643"]
    assert lines[6] == "log loss   0.3329 in sample, 0.4777 leave-one-out; baseline 0.6109; skill 45.5%"
    assert lines[7] == "std. error not available: the penalty biases the coefficients; l2=0 has standard errors"
    assert lines[8].startswith("optimum    certified: at most ")
    assert lines[8].endswith("e-17 nats per row above the minimum; 7 passes")


def test_the_printed_model_says_that_it_is_not_certified():
    with pytest.warns(logloss.ConvergenceWarning):
        text = repr(logloss.fit(X, Y, max_passes=2))
    assert "no penalty" in text
    assert "optimum    not certified; 2 passes" in text


def test_names_of_columns_cannot_give_orders_to_a_terminal():
    text = repr(logloss.fit(pd.DataFrame({"\x1b[31mred\u202e": X}), Y, l2=1.0))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_separation_names_no_more_columns_than_it_must():
    """One level without a positive row, beside a number that the other levels determine: infinitely many directions."""
    rng = np.random.default_rng(SEED)
    level = rng.integers(0, 6, 900)
    labels = (rng.random(900) < 0.2 + 0.1 * level).astype(int)
    labels[level == 3] = 0
    frame = {"level": [f"l{k}" for k in level], "number": 1.5 * level + 2, "other": rng.normal(size=900)}
    with pytest.warns(logloss.SeparationWarning, match=r'"level: l3" can predict \d+ rows'):
        model = logloss.fit(frame, labels)
    assert model.separation.columns == ("level: l3",)
    assert model.separation.n_divided == np.count_nonzero(level == 3)
    assert model.coefficients["level: l3"] == -math.inf
    assert model.predict_proba(frame)[level == 3].max() == 0
    others = logloss.fit({name: np.asarray(column)[level != 3] for name, column in frame.items()}, labels[level != 3])
    assert model.predict_proba(frame)[level != 3] == pytest.approx(
        others.predict_proba({name: np.asarray(column)[level != 3] for name, column in frame.items()}), abs=1e-9
    )


@pytest.mark.parametrize("l2", [1e-3, 1e-6])
def test_a_bound_is_at_most_the_objective(l2):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    y = (X[:, 0] * 4 + rng.normal(size=300) > 0).astype(int)
    with pytest.warns(logloss.ConvergenceWarning):
        model = logloss.fit(X, y, l2=l2, max_passes=2)
    squares = np.square(list(model.coefficients.values())).sum()
    objective = model.log_loss + 0.5 * l2 * squares / 300
    # Neither a loss nor the penalty is below 0. The bound contains the rounding of the objective.
    assert model.certificate.is_proven
    assert model.certificate.nats_per_row <= objective * (1 + 1e-9)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"two_way": "yes"}, "`two_way` must be True or False; got 'yes'"),
        ({"leave_one_out": "no"}, "`leave_one_out` must be True or False; got 'no'"),
        ({"max_passes": "3"}, "got '3' and 1e-12. Both are numbers"),
        ({"max_passes": 2.5}, "got 2.5 and 1e-12. Both are numbers, and `max_passes` is a whole one"),
        ({"tolerance": "1e-9"}, "got 100 and '1e-9'"),
    ],
)
def test_options_of_another_type_are_refused(option, message):
    with pytest.raises(logloss.DataError, match=message):
        logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], **option)


@pytest.mark.parametrize("n_rows", [30, 300, 40_000])
@pytest.mark.parametrize(
    "options",
    [{}, {"l2": 1.0}, {"l1": 1.0}, {"l2_path": 4, "cv": 3}, {"l1_path": 4, "cv": 3}, {"shapes": "auto"}],
    ids=str,
)
def test_an_offset_far_from_0_moves_the_intercept_alone(n_rows, options):
    """From an intercept of 0 no row beside an offset of 80 has curvature."""
    random = np.random.default_rng(7)
    X = random.standard_normal((n_rows, 2))
    labels = (random.random(n_rows) < 1 / (1 + np.exp(1 - X[:, 0]))).astype(np.uint8)
    table = {"a": X[:, 0], "b": X[:, 1], "y": labels, "near": np.zeros(n_rows), "far": np.full(n_rows, 80.0)}
    own, far = (logloss.fit(table, "y", features=["a", "b"], offset=name, **options) for name in ("near", "far"))
    assert far.certificate.nats_per_row < 1e-12
    # The rounding of log-odds of 80, of which each fit has an error of its own.
    assert far.intercept + 80 == pytest.approx(own.intercept, abs=1e-6)
    assert far.predict_logit(table) == pytest.approx(own.predict_logit(table), abs=1e-6)


@pytest.mark.parametrize("features", [["x", "y"], ["x:y"], ["log1p(y)"], ["x", "hash(y)"]])
@pytest.mark.parametrize("y_true", ["y", "y >= 1"])
def test_the_labels_are_no_feature(features, y_true):
    table = {"x": np.arange(40.0) % 7, "y": np.arange(40) % 2}
    with pytest.raises(logloss.DataError, match='column "y" has the labels, and is no feature'):
        logloss.fit(table, y_true, features=features, l2=1.0)
    # A model that has such a column may be measured by other labels.
    other = logloss.fit({**table, "z": np.arange(40) // 20}, "z", features=["x", "y"], l2=1.0)
    assert other.measure({**table, "z": np.arange(40) // 20}, "y >= 1").n_rows == 40
