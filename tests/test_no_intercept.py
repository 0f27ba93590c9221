"""Fits without an intercept: the same optimum as other programs, a bound that holds, separation through the origin."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api as sm
from click.testing import CliRunner
from mpmath import mp
from scipy.optimize import linprog
from sklearn.linear_model import LogisticRegression
from test_predict import rewritten

import logloss
from logloss.cli import cli
from logloss.training import leave_one_out, optimum, problem, recipe, separation_program

SEED = 20261129


def drawn(n_rows, slopes, seed=SEED, shift=0.0):
    """Features and labels whose log-odds are x @ slopes."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_rows, len(slopes))) + shift
    return features, (rng.random(n_rows) < 1 / (1 + np.exp(-features @ slopes))).astype(int)


def values_of(model):
    return np.array(list(model.coefficients.values()))


def errors_of(model):
    return np.array(list(model.errors.coefficients.values()))


def through_origin(features, labels, **options):
    return logloss.fit(features, labels, fit_intercept=False, **options)


# --- the same answer as others -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_coefficients_and_errors_are_those_of_statsmodels(shift):
    """Newton's method there ends at 1e-14 of the loss; an inverse of a Hessian of condition 100 keeps twelve digits."""
    features, labels = drawn(400, [0.8, -0.5, 0.1], shift=shift)
    model, other = through_origin(features, labels), sm.Logit(labels, features).fit(disp=0, tol=1e-14)
    assert model.intercept == 0.0
    assert values_of(model) == pytest.approx(other.params, rel=1e-10)
    assert errors_of(model) == pytest.approx(other.bse, rel=1e-10)
    assert model.log_likelihood == pytest.approx(other.llf, rel=1e-14)
    assert (model.aic, model.bic) == pytest.approx((other.aic, other.bic), rel=1e-13)
    assert model.n_parameters == 3
    assert model.estimation_error == 3 / 800
    rows = model.coefficient_table
    assert rows["name"] == ["x0", "x1", "x2"]
    assert [row["p_value"] for row in rows] == pytest.approx(other.pvalues, rel=1e-8)
    assert model.predict_proba(features) == pytest.approx(other.predict(features), abs=1e-12)


def test_robust_errors_are_those_of_the_leverages_of_statsmodels():
    """HC3: the sandwich with each residual over 1 − its leverage in the weighted hat matrix (MacKinnon & White 1985)."""
    features, labels = drawn(150, [0.8, -0.5], shift=0.5)
    model = through_origin(features, labels, covariance="HC3")
    other = sm.GLM(labels, features, sm.families.Binomial()).fit(tol=1e-14)
    leverages = other.get_influence().hat_matrix_diag
    scores = features * ((labels - other.fittedvalues) / (1 - leverages))[:, None]
    covariance = other.cov_params() @ scores.T @ scores @ other.cov_params()
    assert errors_of(model) == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-8)
    assert math.isnan(model.errors.intercept)
    assert model.errors.degrees == {"x0": 149.0, "x1": 149.0}


def test_clusters_are_left_out_one_at_a_time():
    """CV3 is the jackknife with one Newton step each: here by solving for each cluster (MacKinnon et al. 2023)."""
    frame, labels = table(), table()["label"].to_numpy()
    frame["where"] = np.arange(300) % 20
    model = through_origin(frame, "label", missing="indicator", cluster="where")
    numbers = spread_out(frame).to_numpy()
    p = model.predict_proba(frame)
    information, moves = (numbers.T * (p * (1 - p))) @ numbers, []
    for k in range(20):
        own = np.flatnonzero(frame["where"] == k)
        left = information - (numbers[own].T * (p * (1 - p))[own]) @ numbers[own]
        moves.append(np.linalg.solve(left, numbers[own].T @ (p - labels)[own]))
    expected = np.sqrt((np.array(moves) ** 2).sum(axis=0) * 19 / 20)
    found = [model.errors.coefficients[name] for name in spread_out(frame)]
    assert found == pytest.approx(expected.tolist(), rel=1e-9)
    assert "20 clusters; degrees of freedom" in repr(model)


@pytest.mark.parametrize("l2", [0.01, 1.0, 1e7])
def test_newton_cholesky_with_a_tight_tolerance_agrees(l2):
    features, labels = drawn(300, [1.0, -2.0, 0.5], shift=1.0)
    model = through_origin(features, labels, l2=l2)
    other = LogisticRegression(C=1 / l2, fit_intercept=False, solver="newton-cholesky", tol=1e-12).fit(features, labels)
    assert values_of(model) == pytest.approx(other.coef_[0], rel=1e-9)
    assert model.certificate.nats_per_row < 1e-15
    plain = model.to_sklearn()
    assert plain.fit_intercept is False
    assert plain.intercept_.tolist() == [0.0]
    assert plain.predict_proba(features)[:, 1] == pytest.approx(model.predict_proba(features), abs=1e-14)


OPTIONS = {
    "plain": {},
    "weights": {"sample_weight": np.random.default_rng(1).gamma(1.0, 1.0, 120)},
    "counts": {"counts": np.random.default_rng(2).integers(1, 5, 120)},
    "offset": {"offset": np.random.default_rng(3).normal(size=120)},
    "clusters": {"cluster": np.arange(120) % 12},
    "HC3": {"covariance": "HC3"},
}


@pytest.mark.parametrize("labels", ["hard", "soft"])
@pytest.mark.parametrize("name", OPTIONS)
def test_a_constant_column_is_an_intercept(name, labels):
    """Of 3, with a coefficient of a third: everything else is as with an intercept, whatever rows have besides."""
    features, hard = drawn(120, [1.0, -0.5])
    labels = hard if labels == "hard" else np.random.default_rng(4).random(120)
    mine = through_origin(np.column_stack([np.full(120, 3.0), features]), labels, **OPTIONS[name])
    theirs = logloss.fit(features, labels, **OPTIONS[name])
    # Coefficients of two parametrisations of one fit differ by the rounding of their Hessians.
    expected = [theirs.intercept / 3, *theirs.coefficients.values()]
    assert values_of(mine) == pytest.approx(expected, rel=1e-11, abs=1e-12)
    expected = [theirs.errors.intercept / 3, *theirs.errors.coefficients.values()]
    assert errors_of(mine) == pytest.approx(expected, rel=1e-11)
    expected = [theirs.errors.intercept_degrees, *theirs.errors.degrees.values()]
    assert list(mine.errors.degrees.values()) == pytest.approx(expected, rel=1e-9)
    assert mine.n_parameters == theirs.n_parameters
    assert mine.out_of_sample.log_loss == pytest.approx(theirs.out_of_sample.log_loss, abs=1e-10)
    assert mine.certificate.nats_per_row < 1e-15


def table(n_rows=300):
    rng = np.random.default_rng(SEED)
    frame = pd.DataFrame(
        {
            "city": rng.choice(["Bern", "Chur", "Genf"], n_rows),
            "new": rng.random(n_rows) < 0.4,
            "age": np.where(rng.random(n_rows) < 0.1, np.nan, rng.normal(size=n_rows) + 2.0),
            "pay": rng.normal(size=n_rows),
        }
    )
    logits = frame["age"].fillna(0.5) * 0.4 - frame["pay"] + 0.5 * (frame["city"] == "Genf")
    return frame.assign(label=(rng.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(int))


def spread_out(frame):
    """The same columns as zeros, ones and numbers: references and missing numbers are 0."""
    columns = {"city: Chur": frame["city"] == "Chur", "city: Genf": frame["city"] == "Genf", "new: True": frame["new"]}
    columns |= {"age": frame["age"].fillna(0.0), "age is missing": frame["age"].isna(), "pay": frame["pay"]}
    return pd.DataFrame(columns).astype(float)


def test_categories_keep_their_reference_and_missing_numbers_count_as_0():
    frame = table()
    model, spread = through_origin(frame, "label", missing="indicator"), spread_out(frame)
    other = sm.Logit(frame["label"], spread).fit(disp=0, tol=1e-14)
    assert model.coefficients == pytest.approx(dict(other.params), rel=1e-10)
    assert model.errors.coefficients == pytest.approx(dict(other.bse), rel=1e-10)
    assert model.predict_proba(frame) == pytest.approx(np.asarray(other.predict(spread)), abs=1e-12)
    at_zero = pd.DataFrame({"city": ["Bern"], "new": [False], "age": [0.0], "pay": [0.0]})
    assert model.predict_proba(at_zero).tolist() == [0.5]


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_contributions_add_up_to_the_log_odds(fit_intercept):
    """Rows that hold nothing included, where the mean is not what stands for it: no centre, or that of outliers."""
    frame = table()
    frame.loc[frame.index[frame["age"].notna()][:3], "age"] = 1e7
    model = logloss.fit(frame, "label", missing="indicator", l2=1.0, fit_intercept=fit_intercept)
    sums = [sum(each.values()) for each in model.contributions(frame)]
    logits = model.predict_logit(frame)
    # A sum of products of a value of 1e7, each rounded.
    assert sums == pytest.approx(logits.tolist(), rel=1e-9, abs=1e-9)


def test_the_file_text_and_command_line_have_no_intercept(tmp_path):
    frame = table()
    frame.drop(columns="age").to_csv(tmp_path / "rows.csv", index=False)
    run = CliRunner().invoke(cli, ["fit", str(tmp_path / "rows.csv"), "-y", "label", "--no-intercept", "--json"])
    model = through_origin(frame.drop(columns="age"), "label")
    figures = json.loads(run.stdout)
    assert figures["coefficients"] == pytest.approx(model.coefficients, rel=1e-12)
    assert (figures["intercept"], figures["fit_intercept"], figures["intercept_error"]) == (0.0, False, None)
    assert figures["intercept_error_reason"] == "no intercept was fitted"
    text = repr(model)
    assert ", no intercept, no penalty\n" in text
    assert not [line for line in text.splitlines() if line.startswith("intercept")]
    assert "no intercept" in model.to_html()
    for name in ("coefficients", "passes"):
        assert model.plot(name) is not None
    model.save(tmp_path / "model.json")
    read = logloss.load(tmp_path / "model.json")
    assert read.fit_intercept is False
    assert read.predict_logit(frame).tolist() == model.predict_logit(frame).tolist()
    rewritten(tmp_path / "model.json", intercept=1e-300)
    with pytest.raises(logloss.DataError, match="the one that it predicts with in intercept"):
        logloss.load(tmp_path / "model.json")


def test_a_file_that_centres_numbers_without_an_intercept_is_refused(tmp_path):
    features, labels = drawn(50, [1.0], shift=2.0)
    logloss.fit(features, labels).save(tmp_path / "model.json")
    fields = json.loads((tmp_path / "model.json").read_text())
    rewritten(tmp_path / "model.json", design=fields["design"] | {"fit_intercept": False})
    with pytest.raises(logloss.DataError, match="true where numbers are centred in design: fit_intercept"):
        logloss.load(tmp_path / "model.json")


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (([[1.0], [2.0]], [0, 1]), {"fit_intercept": "no"}, "`fit_intercept` must be True or False; got 'no'"),
        (([[1.0], [2.0]], [0, 1]), {"fit_intercept": 0}, "`fit_intercept` must be True or False; got 0"),
        (([[1.0], [2.0]], [1, 1]), {"fit_intercept": False}, "both classes must occur to fit; all 2 rows are 1. Check"),
        (
            ({"a": ["u", "u"], "y": [0, 1]}, "y"),
            {"fit_intercept": False, "features": ["a"]},
            "without an intercept a fit needs a feature: a column of numbers, or a category with two levels or more",
        ),
        (
            ({"a": [1.0, 2.0], "y": [0, 1]}, "y"),
            {"fit_intercept": False, "features": []},
            "Name `features`, or pass fit_intercept=True",
        ),
        (([[1e-200], [2.0e-200]], [0, 1]), {"fit_intercept": False}, "must deviate from 0 by 1e-100 to 1e100"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_words(data, options, words):
    with pytest.raises(logloss.DataError, match=words):
        logloss.fit(*data, **options)


# --- the bound ---------------------------------------------------------------------------------------------------------


def loss_at(point, features, labels, mass, l2):
    """Summed loss and penalty at the precision of the moment."""
    total = mp.mpf(l2) * sum(mp.mpf(b) ** 2 for b in point) / 2
    for row, y, w in zip(features, labels, mass, strict=True):
        z = sum(mp.mpf(float(x)) * b for x, b in zip(row, point, strict=True))
        total += mp.mpf(float(w)) * (mp.log1p(mp.exp(-abs(z))) + max(z, 0) - mp.mpf(float(y)) * z)
    return total


def best_near(start, features, labels, mass, l2):
    """The optimum by Newton's method from close by; its gradient is checked."""
    point, width = mp.matrix([mp.mpf(float(b)) for b in start]), len(start)
    for _ in range(8):
        gradient, hessian = l2 * point, l2 * mp.eye(width)
        for row, y, w in zip(features, labels, mass, strict=True):
            x = mp.matrix([mp.mpf(float(value)) for value in row])
            p = 1 / (1 + mp.exp(-(x.T * point)[0]))
            gradient += mp.mpf(float(w)) * (p - mp.mpf(float(y))) * x
            hessian += mp.mpf(float(w)) * p * (1 - p) * (x * x.T)
        if mp.norm(gradient, mp.inf) < mp.mpf(10) ** -35:
            break
        point -= mp.lu_solve(hessian, gradient)
    assert mp.norm(gradient, mp.inf) < mp.mpf(10) ** -30
    return list(point)


def gaps_of(model, features, labels, mass, l2):
    """Of each pass the gap at 50 digits, in nats per row; no bound is below it."""
    with mp.workdps(50):
        least = loss_at(best_near(values_of(model), features, labels, mass, l2), features, labels, mass, l2)
        total, gaps = mp.mpf(float(mass.sum())), []
        for each in model.passes:
            assert each.intercept == 0.0
            point = [mp.mpf(b) for b in each.coefficients]
            gap = (loss_at(point, features, labels, mass, l2) - least) / total
            assert 0 <= gap <= each.bound
            gaps.append(float(gap))
    return gaps


@pytest.mark.slow
@pytest.mark.parametrize("is_penalised", [True, False])
@pytest.mark.parametrize("seed", range(30))
def test_the_certificate_is_never_below_the_true_gap(seed, is_penalised):
    """At every pass. Each row has both labels where there is no penalty: no direction divides them."""
    rng = np.random.default_rng([SEED, seed])
    n_rows, width = int(rng.integers(6, 25)), int(rng.integers(1, 4))
    features = rng.normal(size=(n_rows, width)) * 10.0 ** rng.integers(-2, 3, width) + rng.integers(-3, 4, width)
    labels = rng.random(n_rows) if seed % 2 else (np.arange(n_rows) % 2).astype(float)
    mass = rng.gamma(0.5, 2.0, n_rows) + 1e-6 if seed % 3 == 0 else np.ones(n_rows)
    l2 = float(10.0 ** rng.uniform(-4, 4)) if is_penalised else 0.0
    if not is_penalised:
        features, labels, mass = (
            np.vstack([features, features]),
            np.append(labels, 1 - labels),
            np.append(mass, mass / 3),
        )
    model = through_origin(features, labels, l2=l2, sample_weight=mass)
    gaps = gaps_of(model, features, labels, mass, l2)
    assert gaps[-1] < 1e-25
    assert model.certificate.nats_per_row < 1e-15
    if is_penalised:
        # The gap needs no step of the intercept that might be too long: it is finite from the first pass on.
        assert all(math.isfinite(each.bound) for each in model.passes)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [1e2, 1e4, 1e6])
@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_far_columns_that_are_not_centred_have_a_right_bound_or_none(shift, l2):
    """Two columns in the same direction, but for their spread: their Hessian has a condition of shift², up to 1e12."""
    features, labels = drawn(40, [1.0, -1.0], shift=shift)
    if shift == 1e6:
        with pytest.warns(logloss.ConvergenceWarning, match="Without an intercept columns are not centred"):
            model = through_origin(features, labels, l2=l2)
        assert model.certificate.is_proven == (l2 > 0)
        gaps_of(model, features, labels, np.ones(40), l2)
        return
    model = through_origin(features, labels, l2=l2)
    assert model.certificate.nats_per_row < 1e-12
    assert gaps_of(model, features, labels, np.ones(40), l2)[-1] < 1e-20


def test_one_far_column_is_fitted_to_every_digit():
    """As its own intercept, all but: with one column nothing can cancel. In single precision, too."""
    features, labels = drawn(200, [0.0], shift=1e4)
    for own in (features, features.astype(np.float32)):
        model = through_origin(own, labels)
        with mp.workdps(40):
            (best,) = best_near(values_of(model), np.asarray(own, dtype=float), labels, np.ones(200), 0)
        # A few roundings of the coefficient itself.
        assert values_of(model)[0] == pytest.approx(float(best), rel=1e-14)
        assert model.certificate.nats_per_row < 1e-15


def test_passes_end_where_rounding_is_larger_than_what_is_left():
    """Log-odds whose terms cancel round the objective by more than its sum does: no search along noise follows."""
    features = [[99, 97, 100], [103, 98, 99], [98, 102, 99], [98, 99, 98], [100, 103, 99], [99, 99, 102]]
    features, labels = np.array(features, dtype=float), np.array([0, 1, 0, 0, 0, 1])
    model = through_origin(features, labels)
    with mp.workdps(40):
        best = best_near(values_of(model), features, labels, np.ones(6), 0)
    # Roundings of products of 100, of which 1/100 is left; 1e-8 were left by a search.
    assert values_of(model) == pytest.approx([float(each) for each in best], rel=1e-11)


@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_a_warm_start_and_an_old_hessian_end_at_the_same_answer(l2, monkeypatch):
    """What large tables get, on a small one; single precision forms the Hessians of the steps."""
    features, labels = drawn(400, [1.0, -0.5, 0.25], shift=0.5)
    plain = through_origin(features, labels, l2=l2)
    for room, name, value in [
        (problem, "MOST_VALUES", 0),
        (recipe, "LARGE_TABLE", 100),
        (recipe, "SAMPLE_SHARE", 0.3),
        (problem, "EXPENSIVE_PASS", 0),
        (problem, "FEW_COEFFICIENTS", 0),
    ]:
        monkeypatch.setattr(room, name, value)
    model = through_origin(features, labels, l2=l2)
    assert model.passes[0].log_loss < plain.passes[0].log_loss - 0.05
    assert gaps_of(model, features, labels, np.ones(400), l2)[-1] < 1e-12
    assert values_of(model) == pytest.approx(values_of(plain), abs=1e-5)


@pytest.mark.parametrize("is_misled", [True, False])
def test_a_sample_that_misleads_is_dropped_and_one_that_is_worse_than_the_base_rate_is_not(is_misled, monkeypatch):
    """Without an intercept nothing is ln 2 a row: a base rate of 2% costs 0.1, and no coefficients come near that."""
    features, labels = np.random.default_rng(SEED).normal(size=(400, 2)), (np.arange(400) % 50 == 0).astype(int)
    monkeypatch.setattr(problem, "MOST_VALUES", 0)
    monkeypatch.setattr(recipe, "LARGE_TABLE", 100)
    monkeypatch.setattr(recipe, "SAMPLE_SHARE", 0.3)
    downhill = np.sign(features.T @ (labels - 0.5))
    # From so far no step of Newton's method comes back within the passes that are made before another start.
    start = np.array([0.0, *((1e6, 1e6) if is_misled else 1e-3 * downhill)])
    monkeypatch.setattr(optimum, "warm_start", lambda problem, history, at, sample: (start, history))
    model = through_origin(features, labels)
    n_at_zero = sum(each.coefficients == (0.0, 0.0) for each in model.passes)
    assert n_at_zero == is_misled
    assert model.log_loss > logloss.entropy(0.02)
    assert gaps_of(model, features, labels, np.ones(400), 0)[-1] < 1e-25


def test_a_start_must_be_of_the_same_kind():
    features, labels = drawn(100, [1.0, 0.5])
    mine, other = through_origin(features, labels), logloss.fit(features, labels)
    assert len(through_origin(features, labels, start=mine).passes) < len(mine.passes)
    again = through_origin(features, labels, start=other)
    assert again.passes[0].coefficients == (0.0, 0.0)
    assert again.coefficients == mine.coefficients


def test_weight_two_is_the_row_twice_and_units_do_not_matter():
    features, labels = drawn(60, [1.0, -0.5])
    twice = through_origin(np.vstack([features, features]), np.append(labels, labels), l2=2.0)
    weighted = through_origin(features, labels, sample_weight=np.full(60, 2.0), l2=2.0)
    assert values_of(weighted) == pytest.approx(values_of(twice), rel=1e-13)
    # Powers of two round nothing.
    units = np.array([2.0**-20, 2.0**10])
    assert (values_of(through_origin(features * units, labels)) * units).tolist() == values_of(
        through_origin(features, labels)
    ).tolist()


def test_a_sample_on_which_others_diverge_is_fitted_beside_a_column_of_ones():
    """The answer is that of Newton's method at 50 digits, from statsmodels' issue 1604."""
    repeats = [50, 1, 50, 1, 5, 10]
    x, y = np.repeat([0, 0, 0.001, 100, -1, -1], repeats), np.repeat([0, 1, 0, 0, 0, 1], repeats)
    model = through_origin(np.column_stack([np.ones(len(x)), x]), y)
    assert values_of(model) == pytest.approx([-4.603050221180851, -5.296345453903059], rel=1e-14)
    assert model.certificate.nats_per_row < 1e-15


def test_a_feature_of_a_few_events_is_fitted_like_any_other():
    """Twenty rows in 20,000: Newton's method of statsmodels, whose last step is below 1e-14 of the loss, agrees."""
    features, labels = drawn(20_000, [1.0, 0.0, 0.0])
    features[:, 2] = np.arange(20_000) < 20
    labels[:20] = np.arange(20) < 18
    other = sm.Logit(labels, features).fit(disp=0, tol=1e-14)
    assert values_of(through_origin(features, labels)) == pytest.approx(other.params, rel=1e-9)
    in_single = features.astype(np.float32)
    other = sm.Logit(labels, in_single.astype(float)).fit(disp=0, tol=1e-14)
    assert values_of(through_origin(in_single, labels)) == pytest.approx(other.params, rel=1e-9)


def test_an_outlier_is_measured_from_0():
    """One value of 1e9 among values of about 1: the others are not squashed, and its row is right for sure."""
    features, labels = drawn(300, [2.0])
    features[0], labels[0] = 1e9, 1
    model = through_origin(features, labels)
    alone = through_origin(features[1:], labels[1:])
    assert model.design.has_outliers
    assert values_of(model) == pytest.approx(values_of(alone), rel=1e-12)
    assert model.certificate.nats_per_row < 1e-15


def test_columns_that_depend_on_each_other_share_a_coefficient():
    features, labels = drawn(100, [1.0, -0.5])
    model = through_origin(np.column_stack([features[:, 0], features]), labels)
    alone = through_origin(features, labels)
    assert (model.collinear, model.n_dependent, model.n_parameters) == (("x0", "x1"), 1, 2)
    expected = [values_of(alone)[0] / 2, values_of(alone)[0] / 2, values_of(alone)[1]]
    assert values_of(model) == pytest.approx(expected, rel=1e-12)
    assert np.isnan(errors_of(model)).tolist() == [True, True, False]
    assert errors_of(model)[2] == pytest.approx(errors_of(alone)[1], rel=1e-10)


def test_all_levels_of_two_categories_depend_on_nothing():
    """With an intercept, levels without rows of their reference need one fixed; without one they do not."""
    rng = np.random.default_rng(SEED)
    frame = pd.DataFrame({"a": rng.choice(list("uvw"), 200), "b": rng.choice(list("xy"), 200)})
    labels = rng.integers(0, 2, 200)
    model = through_origin(frame.assign(label=labels), "label")
    spread = pd.get_dummies(frame).drop(columns=["a_u", "b_x"]).astype(float)
    other = sm.Logit(labels, spread).fit(disp=0, tol=1e-14)
    assert values_of(model) == pytest.approx(np.asarray(other.params), rel=1e-10)
    assert model.n_dependent == 0


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_files_and_frames_give_the_same_model(frame, tmp_path):
    features, labels = drawn(300, [1.0, -0.5])
    made = frame({"a": features[:, 0], "b": features[:, 1], "label": labels})
    plain = through_origin(features, labels)
    made.to_parquet(tmp_path / "t.parquet") if frame is pd.DataFrame else made.write_parquet(tmp_path / "t.parquet")
    for data in (made, str(tmp_path / "t.parquet")):
        assert values_of(through_origin(data, "label")) == pytest.approx(values_of(plain), rel=1e-13)


# --- separation through the origin -------------------------------------------------------------------------------------


def separated(features, labels, **options):
    with pytest.warns(logloss.SeparationWarning):
        return through_origin(features, labels, **options)


def is_divided(features, labels):
    """By a linear program in the table's numbers: the most that a direction in the cube gains, no row being wrong."""
    is_share = (labels > 0) & (labels < 1)
    rows = (2 * labels[~is_share] - 1)[:, None] * features[~is_share]
    equal = features[is_share] if is_share.any() else None
    found = linprog(
        -rows.sum(axis=0),
        A_ub=-rows,
        b_ub=np.zeros(len(rows)),
        A_eq=equal,
        b_eq=None if equal is None else np.zeros(len(equal)),
        bounds=(-1, 1),
    )
    return -found.fun > 1e-7


@pytest.mark.parametrize("seed", range(60))
def test_separation_is_found_where_it_is_and_nowhere_else(seed, monkeypatch):
    """Few rows of small whole numbers: about half of the tables are separated, most of them not wholly."""
    rng = np.random.default_rng([SEED, seed])
    n_rows, width = int(rng.integers(4, 16)), int(rng.integers(1, 5))
    features = rng.integers(-2, 3, (n_rows, width)).astype(float) + (3.0 if seed % 4 == 3 else 0.0)
    labels = rng.integers(0, 2, n_rows).astype(float)
    if seed % 3 == 1:
        labels[rng.random(n_rows) < 0.2] = 0.5
    labels[:2] = 0, 1
    if seed % 2:
        monkeypatch.setattr(separation_program, "ALL_ROWS", 0)
    if is_divided(features, labels):
        model = separated(features, labels)
        assert np.isinf(values_of(model)).any()
        assert model.intercept == 0.0
        # The limit of the model's predictions has the loss that is stated, and no direction is left in what is finite.
        reached = logloss.surprisal(labels, model.predict_proba(features)).mean()
        assert reached == pytest.approx(model.log_loss, abs=1e-12)
        tiny = through_origin(features, labels, l2=1e-7)
        assert model.log_loss <= tiny.log_loss + 1e-15
        assert tiny.log_loss == pytest.approx(model.log_loss, abs=1e-4)
    else:
        model = through_origin(features, labels)
        assert model.separation is None
        # The equations of the optimum, xᵀ(p − y) = 0, of at most 75 rounded products of 25.
        assert features.T @ (model.predict_proba(features) - labels) == pytest.approx(np.zeros(width), abs=1e-8)
    assert model.certificate.nats_per_row < 1e-12


def test_a_threshold_away_from_the_origin_divides_nothing():
    """With an intercept 1.5 divides them; lines through the origin do not."""
    x, y = [1.0, 1.2, 2.0, 3.0], [0, 0, 1, 1]
    with pytest.warns(logloss.SeparationWarning):
        assert logloss.fit(x, y).separation.is_complete
    model = through_origin(x, y)
    assert model.separation is None
    assert model.certificate.is_proven
    assert separated([-1.0, -2.0, 0.0, 3.0], [0, 0, 1, 1]).separation.n_divided == 3
    assert separated([-1.0, -2.0, 2.0, 3.0], [0, 0, 1, 1]).separation.is_complete


def test_the_infimum_of_partly_separated_labels():
    """Six rows at 0 cost ln 2 each whatever the coefficient; the four at 1 can be had for nothing."""
    model = separated(np.repeat([0.0, 1.0], [6, 4]), [0, 1, 0, 1, 0, 0, 1, 1, 1, 1])
    assert values_of(model).tolist() == [math.inf]
    assert model.log_loss == pytest.approx(0.6 * math.log(2), rel=1e-15)
    assert model.separation.columns == ("x",)


def test_levels_of_one_class_separate_but_not_the_reference():
    """Rows of the reference, all of one class, cost ln 2 each: no coefficient moves them."""
    cities = ["Bern"] * 3 + ["Chur"] * 3 + ["Genf"] * 4
    model = separated({"city": cities}, [1, 1, 1, 0, 0, 0, 1, 0, 1, 1])
    assert model.coefficients == {"city: Chur": -math.inf, "city: Genf": pytest.approx(math.log(3))}
    assert model.log_loss == pytest.approx((3 * math.log(2) + 4 * logloss.entropy(0.75)) / 10, rel=1e-14)
    alone = through_origin({"city": ["Bern"] * 3 + ["Genf"] * 4}, [1, 1, 1, 1, 0, 1, 1])
    assert alone.separation is None
    # Where only rows of the reference are left there is nothing to choose.
    model = separated({"city": cities[:6]}, [1, 0, 1, 0, 0, 0])
    assert (model.coefficients, model.log_loss) == ({"city: Chur": -math.inf}, pytest.approx(math.log(2) / 2))


def test_indicators_of_missing_numbers_separate():
    frame = pd.DataFrame({"a": [1.0, 2.0, 1.5, np.nan, np.nan, -1.0], "label": [1, 0, 1, 1, 1, 0]})
    model = separated(frame, "label", missing="indicator")
    assert model.separation.columns == ("a is missing",)
    assert model.coefficients["a"] == pytest.approx(
        through_origin(frame.dropna(), "label").coefficients["a"], rel=1e-12
    )


# --- leave-one-out -----------------------------------------------------------------------------------------------------


def by_hand(features, labels, l2):
    """Mean loss of each row under scikit-learn's fit to the others."""
    costs = []
    for i in range(len(labels)):
        kept = np.arange(len(labels)) != i
        other = LogisticRegression(C=1 / l2, fit_intercept=False, solver="newton-cholesky", tol=1e-13)
        other.fit(features[kept], labels[kept])
        costs.append(logloss.surprisal(labels[i : i + 1], other.predict_proba(features[i : i + 1])[:, 1])[0])
    return float(np.mean(costs))


def test_small_tables_are_refitted_without_each_row():
    features, labels = drawn(40, [1.0, -0.5], shift=1.0)
    new = through_origin(features, labels, l2=0.5).out_of_sample
    assert (new.kind, new.n_rows, new.n_infinite) == ("refits", 40, 0)
    # A half squared decrement of 1e-20 a row moves a logit by less than 1e-9; scikit-learn ends at 1e-13 of a slope.
    assert new.log_loss == pytest.approx(by_hand(features, labels, 0.5), abs=1e-9)


def test_without_the_only_row_of_a_class_the_rest_may_have_an_estimate():
    """x of both signs among rows of class 0: their optimum is finite. x of one sign: they run away."""
    model = through_origin([-1.0, -2.0, 0.5, 2.0, 3.0], [0, 0, 0, 1, 0])
    assert model.out_of_sample.n_infinite == 0
    costs = []
    for i in range(5):
        x, y = np.delete([-1.0, -2.0, 0.5, 2.0, 3.0], i)[:, None], np.delete([0.0, 0.0, 0.0, 1.0, 0.0], i)
        with mp.workdps(40):
            (slope,) = best_near([model.coefficients["x"]], x, y, np.ones(4), 0)
        label, at = [0, 0, 0, 1, 0][i], [-1.0, -2.0, 0.5, 2.0, 3.0][i]
        costs.append(math.log1p(math.exp(float(slope) * at * (1 if label == 0 else -1))))
    assert model.out_of_sample.log_loss == pytest.approx(np.mean(costs), abs=1e-9)
    positive = through_origin([1.0, 2.0, 0.5, 2.0], [0, 0, 0, 1])
    assert positive.out_of_sample.n_infinite == 1
    assert positive.out_of_sample.first_infinite == "row 3"


def test_one_step_is_near_to_a_refit(monkeypatch):
    """Its error is of second order in leverages of 3/900."""
    features, labels = drawn(900, [1.0, -0.5, 0.2], shift=0.5)
    exact = through_origin(features, labels).out_of_sample
    monkeypatch.setattr(leave_one_out, "KEPT_WHOLE", 0)
    stepped = through_origin(features, labels).out_of_sample
    assert (exact.kind, stepped.kind) == ("refits", "steps")
    assert stepped.log_loss == pytest.approx(exact.log_loss, abs=1e-5)
