"""A trained model: its errors, its predictions, what it says of itself."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.special
import scipy.stats
import statsmodels.api as sm
from mpmath import mp

import logloss
from logloss.onepass.summaries import cluster_scores
from logloss.show.drawings.of_model import coefficients
from logloss.show.words.of_model import coefficient_rows, odds_interval, odds_ratio
from logloss.training.model import LogisticModel


def drawn(seed, n_rows=400, width=3):
    """Rows, labels and weights of a model that is right."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_rows, width)) * [1, 10, 0.01][:width] + [0, 5, -3][:width]
    logits = (features - features.mean(axis=0)) / features.std(axis=0) @ np.array([1.0, -0.5, 0.3])[:width]
    labels = (rng.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(int)
    return features, labels, rng.integers(1, 4, n_rows)


def all_errors(model: LogisticModel):
    return np.array([model.errors.intercept, *model.errors.coefficients.values()])


# Of errors that two programs compute in float64 from sums of some hundred rows.
CLOSE = 1e-9


def test_standard_errors_are_those_of_statsmodels():
    features, labels, _ = drawn(0)
    model = logloss.fit(features, labels)
    peer = sm.Logit(labels, sm.add_constant(features)).fit(disp=0, method="newton", tol=1e-10)
    assert model.errors.kind == "information"
    assert all_errors(model) == pytest.approx(peer.bse, rel=CLOSE)
    assert model.log_likelihood == pytest.approx(peer.llf, rel=CLOSE)
    assert model.aic == pytest.approx(peer.aic, rel=CLOSE)
    assert model.bic == pytest.approx(peer.bic, rel=CLOSE)


def test_standard_errors_under_counts_are_those_of_the_repeated_rows():
    features, labels, counts = drawn(1)
    model = logloss.fit(features, labels, counts=counts)
    repeated = logloss.fit(np.repeat(features, counts, axis=0), np.repeat(labels, counts))
    assert all_errors(model) == pytest.approx(all_errors(repeated), rel=CLOSE)
    assert model.bic == pytest.approx(repeated.bic, rel=CLOSE)
    robust = logloss.fit(features, labels, counts=counts, covariance="HC3")
    repeated = logloss.fit(np.repeat(features, counts, axis=0), np.repeat(labels, counts), covariance="HC3")
    assert all_errors(robust) == pytest.approx(all_errors(repeated), rel=CLOSE)


def working_regression(model, features, labels, weights, numbers=None):
    """The linear regression whose answer is that of the fit: its numbers and its target, times roots of its weights."""
    z = model.predict_logit(features)
    p = 1 / (1 + np.exp(-z))
    root = np.sqrt(weights * p * (1 - p))
    numbers = sm.add_constant(features if numbers is None else numbers)
    return numbers * root[:, None], (z + (labels - p) / (p * (1 - p))) * root


def test_the_sandwich_is_that_of_statsmodels_for_the_working_regression():
    """Not its GLM: whose HC3 is HC0 to the last digit, as it does not divide by 1 − leverage (version 0.14)."""
    features, labels, weights = drawn(2)
    ones = np.ones(len(labels))
    for own, model in (
        (ones, logloss.fit(features, labels, covariance="HC3")),
        (weights, logloss.fit(features, labels, sample_weight=weights)),
    ):
        numbers, target = working_regression(model, features, labels, own)
        peer = sm.OLS(target, numbers).fit(cov_type="HC3")
        assert model.errors.kind == "HC3"
        assert all_errors(model) == pytest.approx(peer.bse, rel=1e-7)
        n_effective = own.sum() ** 2 / (own**2).sum()
        assert model.errors.intercept_degrees == pytest.approx(n_effective - 1, rel=1e-12)
        assert set(model.errors.degrees.values()) == {model.errors.intercept_degrees}
        assert model.errors.margin("x0") == pytest.approx(
            scipy.stats.t.ppf(0.975, n_effective - 1) * model.errors.coefficients["x0"], rel=CLOSE
        )
    assert "std. error sandwich (HC3, 339.4 effective rows): valid for weighted rows" in repr(model)


@pytest.mark.parametrize("kind", ["HC2", "HC3"])
def test_what_one_row_alone_determines_has_no_error_and_leaves_others_theirs(kind, tmp_path):
    """Its leverage is 1 and its residual 0, which soft labels make possible: 0 / 0, and without it no coefficient."""
    rng = np.random.default_rng(24)
    table = pd.DataFrame({"x": [*rng.normal(size=199), 0.0], "c": ["a", "b"] * 99 + ["b", "alone"]})
    labels = rng.random(200)
    whole = logloss.fit(table, labels, covariance=kind, reference={"c": "a"})
    without = logloss.fit(table[:199], labels[:199], covariance=kind, reference={"c": "a"})
    assert whole.errors.intercept == pytest.approx(without.errors.intercept, rel=CLOSE)
    for name, error in without.errors.coefficients.items():
        assert whole.errors.coefficients[name] == pytest.approx(error, rel=CLOSE)
    assert math.isnan(whole.errors.coefficients["c: alone"])
    assert "; not available where one row alone determines a coefficient" in repr(whole)
    assert "alone determines" not in repr(without)
    whole.save(tmp_path / "model.json")
    assert repr(logloss.load(tmp_path / "model.json")) == repr(whole)
    # Where it is the reference, it determines the intercept, and with it the levels; its copies are rows of their own.
    reference = logloss.fit(table, labels, covariance=kind, reference={"c": "alone"})
    errors = reference.errors.coefficients
    assert [math.isnan(errors[name]) for name in ("x", "c: a", "c: b")] == [False, True, True]
    assert reference.to_dict()["intercept_error_reason"].endswith("or one row alone determines it")
    twice = logloss.fit(table, labels, covariance=kind, counts=np.append(np.ones(199, dtype=int), 2))
    assert not np.isnan(twice.covariance).any()


def test_a_model_equals_its_file(tmp_path):
    features, labels, weights = drawn(3)
    model, other = logloss.fit(features, labels), logloss.fit(features, labels, sample_weight=weights)
    model.save(tmp_path / "model.json")
    assert logloss.load(tmp_path / "model.json") == model
    assert other != model
    assert logloss.fit(features + 1.0, labels).design != model.design


def test_weighted_rows_have_the_errors_of_the_sandwich():
    """Of weights that do not repeat rows the information knows nothing: twice the weight is not twice the rows."""
    features, labels, weights = drawn(3)
    model = logloss.fit(features, labels, sample_weight=weights)
    twice = logloss.fit(features, labels, sample_weight=2 * weights)
    assert all_errors(twice) == pytest.approx(all_errors(model), rel=CLOSE)
    assert twice.errors.degrees == model.errors.degrees
    scaled = logloss.fit(features, labels, sample_weight=weights * 1e200)
    assert all_errors(scaled) == pytest.approx(all_errors(model), rel=CLOSE)


def test_categories_have_the_errors_of_dummies():
    rng = np.random.default_rng(4)
    city = rng.choice(["Ulm", "Bonn", "Kiel"], 500)
    x = rng.normal(size=500)
    labels = (rng.random(500) < 1 / (1 + np.exp(-x - (city == "Ulm")))).astype(int)
    model = logloss.fit(pd.DataFrame({"x": x, "city": city}), labels)
    dummies = np.column_stack([np.ones(500), x, city == "Kiel", city == "Ulm"]).astype(float)
    peer = sm.Logit(labels, dummies).fit(disp=0, tol=1e-10)
    assert list(model.coefficients) == ["x", "city: Kiel", "city: Ulm"]
    assert [model.intercept, *model.coefficients.values()] == pytest.approx(peer.params, rel=CLOSE)
    assert all_errors(model) == pytest.approx(peer.bse, rel=CLOSE)
    assert "\n  Bonn (reference) " in repr(model)


def test_p_values_are_those_of_statsmodels_with_the_degrees_of_freedom_of_the_intervals():
    features, labels, weights = drawn(0)
    model = logloss.fit(features, labels)
    table = model.coefficient_table
    peer = sm.Logit(labels, sm.add_constant(features)).fit(disp=0, method="newton", tol=1e-10)
    assert table["p_value"] == pytest.approx(peer.pvalues, rel=1e-6)
    assert table["statistic"] == pytest.approx(peer.tvalues, rel=1e-7)
    assert np.column_stack([table["low"], table["high"]]) == pytest.approx(peer.conf_int(), rel=1e-6)
    figures = model.to_dict()
    assert [figures["intercept_p_value"], *figures["coefficient_p_values"].values()] == table["p_value"]
    assert "P>|z|" in repr(model)
    robust = logloss.fit(features, labels, sample_weight=weights)
    numbers, target = working_regression(robust, features, labels, weights)
    of_t = sm.OLS(target, numbers).fit(cov_type="HC3")
    degrees = robust.errors.intercept_degrees
    assert robust.coefficient_table["p_value"] == pytest.approx(
        2 * scipy.stats.t.sf(np.abs(of_t.tvalues), degrees), rel=1e-6
    )
    assert "P>|t|" in repr(robust)


def test_a_p_value_is_below_five_percent_just_where_the_interval_excludes_0():
    """Also of few degrees of freedom, where t and normal differ: of four clusters."""
    features, labels, _ = drawn(20, 200)
    model = logloss.fit(features, labels, cluster=np.arange(200) % 4)
    for name, error in model.errors.coefficients.items():
        edge = model.errors.margin(name)
        assert error > 0
        assert model.errors.p_value(edge, name) == pytest.approx(0.05, rel=1e-6)
        assert model.errors.p_value(-edge, name) == pytest.approx(0.05, rel=1e-6)


def test_a_coefficient_without_a_standard_error_has_no_p_value():
    features, labels, _ = drawn(5)
    penalised = logloss.fit(features, labels, l2=1.0)
    assert np.isnan(penalised.coefficient_table["p_value"]).all()
    assert "coefficient_p_values" not in penalised.to_dict()
    table = pd.DataFrame({"a": features[:, 0], "twice": 2 * features[:, 0]})
    collinear = logloss.fit(table, labels)
    assert np.isnan(collinear.coefficient_table["p_value"][1:]).all()
    assert collinear.to_dict()["coefficient_p_values"] == {"a": None, "twice": None}


def test_the_levels_of_a_category_stand_below_its_name_with_their_reference_and_their_test():
    rng = np.random.default_rng(7)
    city, sex = rng.choice(["Bonn", "Kiel", "Ulm"], 300), rng.choice(["Female", "Male"], 300)
    frame = pd.DataFrame({"city": city, "x": rng.normal(size=300), "sex": sex})
    frame["city"] = frame["city"].mask(rng.random(300) < 0.1)
    model = logloss.fit(frame, rng.integers(0, 2, 300), reference={"city": "Kiel"}, missing="indicator")
    rows, _ = coefficient_rows(model)
    levels = ["city", "  missing", "  Bonn", "  Kiel (reference)", "  Ulm"]
    assert [row[0] for row in rows] == ["", "intercept", *levels, "x", "sex: Male"]
    test = model.wald_test("city")
    figures = [f"χ²(3) {test.statistic:.1f}", f"{test.p_value:.3f}"]
    assert rows[2] == ["city", "", "", *figures, "", "", ""]
    assert rows[5][1:] == ["0", "", "", "", "1", "", ""]
    assert rows[-1][-1] == "vs Female"
    lines = [line.split() for line in repr(model).splitlines()]
    assert ["city", *figures[0].split(), figures[1]] in lines
    assert ["Kiel", "(reference)", "0", "1"] in lines
    for shown in (model.to_html(), model._repr_html_()):
        assert "  Kiel (reference)" in shown
        assert figures[0] in shown
    assert '<th scope="row" class="indented">  Kiel (reference)</th>' in model.to_html()
    assert "padding-left:1.8em" in model._repr_html_()


def test_levels_stand_below_their_name_without_errors_too():
    frame = {"c": list("abc") * 40, "x": np.arange(120.0) % 7}
    labels = np.random.default_rng(3).integers(0, 2, 120)
    model = logloss.fit(frame, labels, l2=1.0)
    rows, _ = coefficient_rows(model)
    assert rows[2:4] == [["c", "", "", ""], ["  a (reference)", "0", "1", ""]]
    assert [row[0] for row in rows[4:]] == ["  b", "  c", "x"]


def test_of_a_category_of_which_few_levels_are_shown_the_reference_is_among_them():
    rng = np.random.default_rng(15)
    shop = np.repeat(np.arange(100), 30)
    labels = (rng.random(3_000) < np.where(shop == 17, 0.9, 0.4)).astype(int)
    model = logloss.fit({"shop": shop}, labels, categories=["shop"], l2=1.0)
    rows, _ = coefficient_rows(model)
    assert [row[0] for row in rows[1:4]] == ["intercept", "shop", "  0 (reference)"]
    assert len(rows) == 1 + 1 + 2 + 40


def test_coefficients_per_standard_deviation_are_those_of_standardised_columns():
    features, labels, weights = drawn(30)
    frame = pd.DataFrame(features, columns=["a", "b", "c"]).assign(d=np.arange(400) % 2 == 0)
    model = logloss.fit(frame, labels)
    scaled = frame.assign(**{name: (frame[name]) / frame[name].std(ddof=0) for name in "abc"})
    peer = logloss.fit(scaled, labels)
    table = model.summary(per="sd").to_pandas()
    for name in ("coefficient", "std_error", "statistic", "p_value", "low", "high"):
        assert table[name].tolist() == pytest.approx(peer.to_pandas()[name].tolist(), rel=1e-7)
    assert model.summary().to_pandas().equals(model.to_pandas())
    assert model.to_pandas().loc["d: True", "reference"] == "False"
    assert model.summary().to_polars().shape == (5, 8)
    text = repr(model.summary(per="sd"))
    assert text.splitlines()[2].split("  ")[-1].strip() == "95% CI"
    assert "coefficient per SD   std. error" in text
    assert "per SD     of a number: one standard deviation in training" in text
    assert "per SD" in model.summary(per="sd")._repr_html_()
    assert repr(model.summary()) == repr(model)
    assert "per SD" not in repr(model)
    with pytest.raises(logloss.DataError, match='`per` must be "unit" or "sd"; got "SD"'):
        model.summary(per="SD")
    weighted = logloss.fit(frame, labels, sample_weight=weights)
    for name in "abc":
        mean = np.average(frame[name], weights=weights)
        own = math.sqrt(np.average((frame[name] - mean) ** 2, weights=weights))
        assert weighted.design.sds[name] == pytest.approx(own, rel=1e-12)


@pytest.mark.parametrize(
    "numbers",
    [
        np.random.default_rng(1).normal(1e6, 1.0, 5_000),
        np.random.default_rng(2).lognormal(0.0, 8.0, 5_000),
        np.random.default_rng(3).normal(0.0, 1e-90, 5_000),
        np.random.default_rng(4).normal(0.0, 1e90, 5_000),
        np.random.default_rng(5).normal(3.0, 1.0, 5_000).astype(np.float32),
        np.append(1e8, np.random.default_rng(6).normal(0.0, 1.0, 4_999)),
    ],
    ids=["far from 0", "skew", "small", "large", "float32", "first an outlier"],
)
def test_standard_deviations_are_those_of_numpy(numbers):
    labels = np.random.default_rng(7).integers(0, 2, len(numbers))
    # 1e-10: the mean of numbers a million standard deviations from 0 is right to so much of one.
    expected = pytest.approx(np.std(numbers.astype(np.float64)), rel=1e-10)
    for data in ({"x": numbers}, np.column_stack([numbers, numbers[::-1]])):
        model = logloss.fit(data, labels, l2=1.0, leave_one_out=False)
        assert next(iter(model.design.sds.values())) == expected


def test_standard_deviations_leave_out_missing_values():
    rng = np.random.default_rng(8)
    x = rng.normal(5.0, 2.0, 3_000)
    x[rng.random(3_000) < 0.3] = np.nan
    labels = rng.integers(0, 2, 3_000)
    model = logloss.fit({"x": x}, labels, missing="indicator")
    assert model.design.sds == {"x": pytest.approx(np.nanstd(x), rel=1e-12)}
    per_sd = model.summary(per="sd").to_pandas()["coefficient"]
    assert per_sd["x is missing"] == model.coefficients["x is missing"]
    assert per_sd["x"] == model.coefficients["x"] * model.design.sds["x"]
    constant = logloss.fit({"x": x, "same": np.full(3_000, 0.1)}, labels, missing="indicator")
    assert constant.design.sds["same"] == 0.0


def test_odds_ratios_have_intervals_and_the_change_they_are_of():
    features, labels, _ = drawn(31)
    frame = pd.DataFrame(features, columns=["a", "b", "c"]).assign(d=np.where(np.arange(400) % 3 == 0, "x", "y"))
    model = logloss.fit(frame, labels)
    own, per_sd = (model.odds_ratios(per=per).to_pandas().set_index("name") for per in ("unit", "sd"))
    reach = model.errors.margin("a")
    assert own.loc["a", ["odds_ratio", "low", "high"]].tolist() == pytest.approx(
        np.exp(model.coefficients["a"] + np.array([0.0, -reach, reach])).tolist(), rel=1e-12
    )
    sd = frame["c"].std(ddof=0)
    assert per_sd.loc["c", "odds_ratio"] == pytest.approx(math.exp(model.coefficients["c"] * sd), rel=1e-9)
    assert per_sd.loc["c", "change"] == pytest.approx(sd, rel=1e-12)
    assert own["change"].tolist() == [1.0] * 4
    assert per_sd.loc["d: y"].tolist() == own.loc["d: y"].tolist()
    assert own.loc["d: y", "reference"] == "x"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "1.000"),
        (1.6e-5, "1.000016"),
        (-1.6e-5, "0.999984"),
        (4.4e-4, "1.00044"),
        (0.003, "1.003"),
        (0.0464, "1.047"),
        (math.log(3e-5), "3e-05"),
        (1e-16, "1.000"),
        (800.0, "inf"),
        (-800.0, "0"),
    ],
)
def test_an_odds_ratio_has_the_digits_that_differ_from_1(value, text):
    assert odds_ratio(value) == text


def test_both_ends_of_an_interval_near_1_have_the_same_digits():
    assert odds_interval(4.7e-6, 2.0e-5) == "1.0000047–1.0000200"
    assert odds_interval(-4.7e-6, 0.3) == "0.9999953–1.350"
    assert odds_interval(0.0436, 0.0482) == "1.045–1.049"


def test_labels_are_predicted_as_training_had_them():
    features, labels, _ = drawn(32)
    model = logloss.fit(features, labels)
    proba = model.predict_proba(features)
    assert model.classes == (0, 1)
    assert model.predict(features).tolist() == (proba > 0.5).astype(int).tolist()
    assert model.predict(features, threshold=0.9).tolist() == (proba > 0.9).astype(int).tolist()
    signs = logloss.fit(features, 2 * labels - 1)
    assert signs.predict(features).tolist() == (2 * (proba > 0.5) - 1).tolist()
    words = np.where(labels == 1, "no", "yes")
    named = logloss.fit(features, words, pos_label="yes")
    assert named.classes == ("no", "yes")
    assert named.predict(features).tolist() == np.where(named.predict_proba(features) > 0.5, "yes", "no").tolist()
    numbers = logloss.fit(features, labels + 1, pos_label=2)
    assert numbers.predict(features).dtype.kind == "i"
    assert numbers.predict(features).tolist() == (1 + (proba > 0.5)).tolist()
    assert named.to_sklearn().predict(features).tolist() == named.predict(features).tolist()
    for wrong in (0.0, 1.0, math.nan):
        with pytest.raises(logloss.DataError, match="`threshold` must be a probability between 0 and 1; got"):
            model.predict(features, threshold=wrong)


def test_rows_left_out_have_no_label():
    frame = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0, 4.0]})
    model = logloss.fit(frame, [0, 1, 0, 1, 1])
    found = model.predict(pd.DataFrame({"x": [0.0, np.nan, 4.0]}), missing="drop")
    assert found.tolist() == [0, None, 1]


def test_probabilities_of_both_classes():
    model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
    rows = [-1e4, 0.0, 1.5, 40.0]
    both = model.predict_proba(rows, both_classes=True)
    assert both.shape == (4, 2)
    assert both[:, 1].tolist() == model.predict_proba(rows).tolist()
    assert both == pytest.approx(np.exp(model.predict_log_proba(rows)), rel=1e-12)
    # Not 1 − P(1), which is 0 where P(1) is 1 but for rounding.
    assert 0 < both[3, 0] < 1e-6


def test_a_wrong_call_of_measure_names_the_right_one():
    features, labels, _ = drawn(33)
    model = logloss.fit(features, labels)
    right = r"Right calls: model\.measure\(X, y\), or model\.measure\(table, \"y\"\)\."
    with pytest.raises(TypeError, match=rf"measure\(\) needs `y_true`, which is left out\. {right}"):
        model.measure(features)
    with pytest.raises(TypeError, match=r"measure\(\) has no argument `weights`\. Did you mean `sample_weight`\?"):
        model.measure(features, labels, weights=np.ones(400))
    with pytest.raises(TypeError, match=r"takes `X` and `y_true` by position and all else by keyword; got 3"):
        model.measure(features, labels, np.ones(400))


def test_a_penalised_model_has_no_errors_and_says_why():
    features, labels, _ = drawn(5)
    model = logloss.fit(features, labels, l2=1.0)
    assert model.errors is None
    assert "std. error not available: the penalty biases the coefficients" in repr(model)
    assert math.isnan(model.aic)


def test_columns_that_depend_on_each_other_are_named():
    features, labels, _ = drawn(6)
    table = pd.DataFrame(features, columns=["a", "b", "c"])
    table["twice"] = 2 * table["a"]
    table["constant"] = 7.0
    model = logloss.fit(table, labels)
    assert model.collinear == ("a", "twice", "constant")
    assert model.n_dependent == 2
    plain = logloss.fit(table[["a", "b", "c"]], labels)
    assert model.predict_logit(table) == pytest.approx(plain.predict_logit(table[["a", "b", "c"]]), rel=1e-7)
    assert model.errors.coefficients["b"] == pytest.approx(plain.errors.coefficients["b"], rel=CLOSE)
    assert math.isnan(model.errors.coefficients["a"])
    assert model.aic == pytest.approx(plain.aic)
    assert "collinear  a, twice, constant are linearly dependent; the coefficients of least norm" in repr(model)
    alone = logloss.fit(table[["b", "constant"]], labels)
    assert "collinear  constant is constant; the coefficients of least norm are shown" in repr(alone)
    assert "constant is constant; of the coefficients that fit equally well" in alone.to_html()
    assert "not available" in repr(model)


@pytest.mark.parametrize("z", [-1000.0, -40.0, 0.0, 40.0, 1000.0])
def test_logarithms_of_probabilities_have_right_tails(z):
    model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
    row = (z - model.intercept) / model.coefficients["x"]
    logit = model.predict_logit([row])[0]
    with mp.workdps(50):
        expected = [float(-mp.log1p(mp.exp(mp.mpf(logit)))), float(-mp.log1p(mp.exp(-mp.mpf(logit))))]
    assert model.predict_log_proba([row])[0] == pytest.approx(expected, rel=1e-14)
    assert model.predict_proba([row])[0] == pytest.approx(math.exp(expected[1]), rel=1e-14)


def test_contributions_add_up_to_the_logit():
    rng = np.random.default_rng(7)
    table = pd.DataFrame(
        {"x": rng.normal(5, 2, 300), "city": rng.choice(["Ulm", "Bonn", "Kiel"], 300), "new": rng.random(300) < 0.4}
    )
    table.loc[rng.random(300) < 0.2, "x"] = np.nan
    labels = rng.integers(0, 2, 300)
    model = logloss.fit(table, labels, l2=0.5, missing="indicator")
    found = model.contributions(table)
    assert list(found[0]) == ["intercept", "x", "city", "new"]
    assert [sum(row.values()) for row in found] == pytest.approx(model.predict_logit(table), abs=1e-13)
    kept = [row["x"] for row, lacks in zip(found, table["x"].isna(), strict=True) if not lacks]
    assert np.mean(kept) == pytest.approx(0, abs=1e-13)
    for name in ("city", "new"):
        assert np.mean([row[name] for row in found]) == pytest.approx(0, abs=1e-13)


def test_contributions_of_a_large_matrix_are_those_of_a_small_one():
    """Large matrices begin with a sample; the answer must not show it."""
    rng = np.random.default_rng(8)
    features = rng.normal(0.1, 1, (60_000, 20))
    labels = (rng.random(60_000) < 1 / (1 + np.exp(-features[:, 0]))).astype(int)
    model = logloss.fit(features, labels, l2=1.0)
    row = model.contributions(features[:1])[0]
    expected = model.coefficients["x0"] * (features[0, 0] - features[:, 0].mean())
    assert row["x0"] == pytest.approx(expected, rel=1e-10)
    assert sum(row.values()) == pytest.approx(model.predict_logit(features[:1])[0], rel=1e-12)


def test_measuring_a_model_is_measuring_its_predictions():
    features, labels, _ = drawn(9)
    model = logloss.fit(features[:200], labels[:200])
    found = model.measure(features[200:], labels[200:])
    assert found.to_dict() == logloss.measure(labels[200:], y_logit=model.predict_logit(features[200:])).to_dict()


def test_an_offset_must_be_given_again():
    x, labels, offset = np.arange(6.0), [0, 1, 0, 1, 0, 1], np.linspace(-1, 1, 6)
    model = logloss.fit(x, labels, offset=offset)
    with pytest.raises(logloss.DataError, match="pass `offset=`"):
        model.predict_proba(x)
    moved = model.predict_logit(x, offset=offset) - model.predict_logit(x, offset=np.zeros(6))
    assert moved == pytest.approx(offset)


def test_a_model_is_json():
    import json

    features, labels, _ = drawn(10)
    for model in (logloss.fit(features, labels), logloss.fit(features, labels, l2=1.0)):
        assert json.loads(json.dumps(model.to_dict(), allow_nan=False)) == model.to_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", logloss.SeparationWarning)
        parted = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1])
    assert parted.to_dict()["coefficients"] == {"x": "inf"}


def clustered_rows():
    features, labels, _ = drawn(11, n_rows=600)
    return features, labels, np.random.default_rng(12).integers(0, 40, 600)


def without_each(numbers, target, cluster):
    """The coefficients of a linear regression without each cluster: fitted anew, by the shortest where it must choose."""
    clusters = np.unique(cluster)
    return np.array([np.linalg.lstsq(numbers[cluster != g], target[cluster != g])[0] for g in clusters])


def jackknifed(refits, whole):
    n_clusters = len(refits)
    return np.sqrt((n_clusters - 1) / n_clusters * ((refits - whole) ** 2).sum(axis=0))


def test_clustered_errors_are_those_of_refits_of_the_working_regression():
    """In which a step without a cluster is exact; of the classifier itself it is one step of Newton's method."""
    features, labels, cluster = clustered_rows()
    model = logloss.fit(features, labels, cluster=cluster)
    whole = np.array([model.intercept, *model.coefficients.values()])
    numbers, target = working_regression(model, features, labels, np.ones(600))
    expected = jackknifed(without_each(numbers, target, cluster), whole)
    assert (model.errors.kind, model.errors.n_clusters, model.errors.cluster) == ("CV3", 40, ("cluster",))
    assert all_errors(model) == pytest.approx(expected, rel=1e-7)
    fits = [logloss.fit(features[cluster != g], labels[cluster != g], leave_one_out=False) for g in range(40)]
    refits = np.array([[each.intercept, *each.coefficients.values()] for each in fits])
    # Clusters of 15 rows of 600: the second step moves errors by the square of their share of the information.
    assert all_errors(model) == pytest.approx(jackknifed(refits, whole), rel=0.02)


def test_degrees_of_freedom_are_the_effective_clusters_less_one():
    """Of the rows' weights, and of the information on each coefficient: the fewest count."""
    rng = np.random.default_rng(18)
    cluster = np.repeat(np.arange(30), 900 // np.arange(1, 31))
    n_rows = len(cluster)
    treated = np.isin(cluster, [3, 9, 27]).astype(float)
    features = np.column_stack([rng.normal(5.0, 1.0, n_rows), treated])
    labels, weights = rng.integers(0, 2, n_rows), rng.gamma(2.0, 1.0, n_rows)
    model = logloss.fit(features, labels, sample_weight=weights, cluster=cluster)
    of_clusters = np.bincount(cluster, weights)
    effective = of_clusters.sum() ** 2 / (of_clusters**2).sum()
    assert model.errors.effective_clusters == pytest.approx(effective, rel=1e-12)
    numbers, _ = working_regression(model, features, labels, weights)
    influence = (numbers @ np.linalg.inv(numbers.T @ numbers)) ** 2
    shares = np.array([np.bincount(cluster, each) for each in influence.T])
    own = shares.sum(axis=1) ** 2 / (shares**2).sum(axis=1)
    found = np.array([model.errors.intercept_degrees, *model.errors.degrees.values()])
    assert found == pytest.approx(np.minimum(own, effective) - 1, rel=1e-7)
    # Three clusters are treated, and nearly all that is known of the effect comes from them.
    assert own[2] < 3.2
    assert effective > 9
    assert model.errors.margin("x1") == pytest.approx(
        scipy.stats.t.ppf(0.975, own[2] - 1) * model.errors.coefficients["x1"], rel=1e-6
    )
    assert "std. error jackknife over clusters (CV3 by cluster): 30 clusters, 9.9 effective; degrees of" in repr(model)
    assert model.cautions == ("9.9 effective clusters (below 10): no interval can be trusted",)


def test_of_too_many_hessians_errors_are_those_of_shares(monkeypatch):
    monkeypatch.setattr(cluster_scores, "MOST_NUMBERS", 1)
    features, labels, cluster = clustered_rows()
    model = logloss.fit(features, labels, cluster=cluster)
    numbers, target = working_regression(model, features, labels, np.ones(600))
    inverse = np.linalg.inv(numbers.T @ numbers)
    whole = np.array([model.intercept, *model.coefficients.values()])
    moves = numbers @ inverse * (target - numbers @ whole)[:, None]
    total = np.array([np.bincount(cluster, each) for each in moves.T])
    shares = np.array([np.bincount(cluster, each) for each in ((numbers @ inverse) ** 2).T])
    shares /= shares.sum(axis=1, keepdims=True)
    expected = np.sqrt(((total / (1 - shares)) ** 2).sum(axis=1) * 39 / 40)
    assert model.errors.kind == "CV3 of shares"
    assert "over clusters, approximate (CV3 of shares by cluster): 40 clusters, " in repr(model)
    assert all_errors(model) == pytest.approx(expected, rel=1e-7)
    exact = logloss.fit(features, labels, cluster=np.arange(600) % 6)
    monkeypatch.setattr(cluster_scores, "MOST_NUMBERS", 1 << 21)
    assert exact.errors.degrees == logloss.fit(features, labels, cluster=np.arange(600) % 6).errors.degrees


def test_what_one_cluster_alone_determines_has_no_error():
    """Fixed effects: each is known from its own rows only. What all clusters tell keeps its error."""
    rng = np.random.default_rng(19)
    shop, x = np.repeat(np.arange(12), 60), rng.normal(size=720)
    labels = (rng.random(720) < 1 / (1 + np.exp(-x - rng.normal(size=12)[shop]))).astype(int)
    model = logloss.fit({"x": x, "shop": shop}, labels, categories=["shop"], cluster=shop)
    assert np.isnan([model.errors.intercept, *list(model.errors.coefficients.values())[1:]]).all()
    dummies = np.column_stack([x, shop[:, None] == np.arange(1, 12)]).astype(float)
    numbers, target = working_regression(model, {"x": x, "shop": shop}, labels, np.ones(720), dummies)
    refits = without_each(numbers, target, shop)
    expected = jackknifed(refits[:, 1], model.coefficients["x"])
    assert model.errors.coefficients["x"] == pytest.approx(expected, rel=1e-6)
    assert model.to_dict()["intercept_error_reason"].endswith("one cluster alone determines it")
    assert "; not available where one cluster alone determines a coefficient" in repr(model)


def test_errors_of_clusters_do_not_depend_on_collinear_columns():
    features, labels, cluster = clustered_rows()
    model = logloss.fit(np.column_stack([features, 2 * features[:, 0]]), labels, cluster=cluster)
    plain = logloss.fit(features, labels, cluster=cluster)
    assert np.isnan([model.errors.coefficients[name] for name in ("x0", "x3")]).all()
    for name in ("x1", "x2"):
        assert model.errors.coefficients[name] == pytest.approx(plain.errors.coefficients[name], rel=1e-6)


def test_every_row_its_own_cluster_is_the_sandwich():
    features, labels, _ = drawn(13)
    robust = logloss.fit(features, labels, covariance="HC3")
    model = logloss.fit(features, labels, cluster=np.arange(400))
    assert all_errors(model) == pytest.approx(all_errors(robust) * math.sqrt(399 / 400), rel=CLOSE)


def test_buckets_of_many_clusters_are_their_clusters():
    """Of more than 4,096 clusters buckets are left out, each of a few of them."""
    features, labels, _ = drawn(20, n_rows=9_000)
    model = logloss.fit(features, labels, cluster=np.arange(9_000), leave_one_out=False)
    robust = logloss.fit(features, labels, covariance="HC3", leave_one_out=False)
    assert model.errors.kind == "CV3"
    assert 3_000 < model.errors.n_clusters <= 4_096
    # Independent rows: a variance of about 3,700 buckets has a relative error of √(2 / 3,700) = 0.023, a root half.
    assert all_errors(model) == pytest.approx(all_errors(robust), rel=5 * 0.012)


@pytest.mark.slow
def test_intervals_cover_under_unequal_clusters():
    """100 clusters whose sizes fall as 1 / rank, with effects of their own on both coefficients that are told of.

    A method that covers 93 % or more fails with a probability below 1e-6 each; CR1 with t of 99 covers 86 %.
    """
    rng = np.random.default_rng(21)
    cluster = np.repeat(np.arange(100), 300 // np.arange(1, 101) + 1)
    n_rows, n_fits, truth = len(cluster), 600, np.array([-0.5, 0.7])
    hits = np.zeros(2)
    for _ in range(n_fits):
        x = rng.normal(size=100)[cluster]
        # Of two normal parts, one shared by the cluster: its marginal probability is that of the model.
        luck = math.sqrt(0.2) * rng.normal(size=100)[cluster] + math.sqrt(0.8) * rng.normal(size=n_rows)
        labels = (luck < scipy.stats.norm.ppf(scipy.special.expit(truth[0] + truth[1] * x))).astype(int)
        model = logloss.fit(x, labels, cluster=cluster, leave_one_out=False)
        found = np.array([model.intercept, model.coefficients["x"]])
        hits += np.abs(found - truth) <= [model.errors.margin(), model.errors.margin("x")]
    least = scipy.stats.binom.ppf(1e-6, n_fits, 0.93)
    assert (hits >= least).all(), hits / n_fits


def test_what_there_is_too_little_of_is_said():
    features, labels, weights = drawn(22)
    model = logloss.fit(features, labels)
    assert model.cautions == ("intervals may be too narrow: 400 rows (below 500)",)
    assert "caution    intervals may be too narrow: 400 rows (below 500)" in repr(model)
    assert model.to_dict()["cautions"] == list(model.cautions)
    assert logloss.fit(features, labels, l2=1.0).cautions == ()
    weighted = logloss.fit(features, labels, sample_weight=weights * 1e300, covariance="information")
    n_effective = math.floor(10 * weights.sum() ** 2 / (weights**2).sum()) / 10
    assert weighted.cautions == (f"intervals may be too narrow: {n_effective} effective rows (below 500)",)
    features, labels, _ = drawn(23, n_rows=1_000)
    rare = labels * (np.cumsum(labels) <= 34)
    assert logloss.fit(features, rare).cautions == ("intervals may be too narrow: 34 positives (below 50)",)
    assert logloss.fit(features, 1 - rare).cautions == ("intervals may be too narrow: 34 negatives (below 50)",)
    soft = logloss.fit(features, np.where(rare == 1, 0.9, 0.01))
    assert soft.cautions == ("intervals may be too narrow: 40.2 effective positives (below 50)",)
    few = logloss.fit(features, labels, cluster=np.arange(1_000) % 4)
    assert few.cautions == ("4 clusters (below 10): no interval can be trusted",)
    assert "std. error jackknife over clusters (CV3 by cluster): 4 clusters; degrees of freedom " in repr(few)


def test_clustered_errors_with_categories_weights_and_counts():
    rng = np.random.default_rng(14)
    frame = pd.DataFrame(
        {"x": rng.normal(size=300), "c": rng.choice(list("abc"), 300), "who": rng.integers(0, 30, 300)}
    )
    labels, weights = rng.integers(0, 2, 300), rng.gamma(2.0, 1.0, 300)
    wide = pd.get_dummies(frame[["x", "c"]], drop_first=True).astype(float)
    narrow = logloss.fit(frame[["x", "c"]], labels, sample_weight=weights, cluster=frame.who.to_numpy())
    same = logloss.fit(wide, labels, sample_weight=weights, cluster=frame.who.to_numpy())
    assert all_errors(narrow) == pytest.approx(all_errors(same), rel=CLOSE)
    counts = rng.integers(1, 4, 300)
    counted = logloss.fit(wide, labels, counts=counts, cluster=frame.who.to_numpy())
    copies = logloss.fit(
        np.repeat(wide.to_numpy(), counts, axis=0), np.repeat(labels, counts), cluster=np.repeat(frame.who, counts)
    )
    assert all_errors(counted) == pytest.approx(all_errors(copies), rel=CLOSE)


def test_the_page_of_a_model_has_each_caution_once_beside_its_methods():
    features, labels, _ = drawn(7)
    model = logloss.fit(features, labels, cluster=np.arange(400) % 5)
    (caution,) = model.cautions
    assert model.to_html().lower().count(caution.lower()) == 2


def test_the_page_of_a_model_has_each_note_once():
    features, labels, _ = drawn(7)
    model = logloss.fit({"a": features[:, 0], "y": labels, "id": np.arange(400)}, "y", exclude=["id"])
    assert model.notes == ("not used: id (excluded)",)
    assert model.to_html().count("id (excluded)") == 1
    assert logloss.fit(features, labels).to_html().count("certified: at most") == 1


def test_the_page_of_a_model_has_a_table_and_nothing_runs_on_it():
    frame = pd.DataFrame({"<script>alert(1)</script>": [0.0, 1.0, 2.0, 3.0]})
    page = logloss.fit(frame, [0, 1, 0, 1])._repr_html_()
    assert page.startswith("<p>LogisticModel: P(y_true = 1), 1 feature, 4 rows")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<tr>") == 3


def test_of_many_coefficients_the_text_shows_those_farthest_from_nothing():
    rng = np.random.default_rng(15)
    shop = np.repeat(np.arange(100), 30)
    labels = (rng.random(3_000) < np.where(shop == 17, 0.9, 0.4)).astype(int)
    text = repr(logloss.fit({"shop": shop}, labels, categories=["shop"], l2=1.0))
    assert "\n  17 " in text
    assert "… and 59 more, nearer to 0: model.coefficient_table" in text
    assert len(text.splitlines()) < 60


def test_the_estimation_error_is_half_a_parameter_per_row():
    """p / (2n): simulated, the loss of the truth is as much below that of the fit on new rows as above it on its own."""
    features, labels, _ = drawn(16)
    model = logloss.fit(features, labels)
    assert model.estimation_error == pytest.approx(4 / 800)


def test_a_fit_that_stopped_far_from_its_optimum_has_no_errors():
    """They would be those of another point: from the first pass every z would be 0."""
    features, labels, _ = drawn(17)
    with pytest.warns(logloss.ConvergenceWarning, match="stopped at the limit of 1 pass: "):
        model = logloss.fit(features, labels, max_passes=1)
    assert (model.errors, model.out_of_sample) == (None, None)
    assert "std. error not available: the fit did not converge, or the information matrix is singular" in repr(model)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"l2": 1.0}, "the penalty biases the coefficients; l2=0 has standard errors"),
        ({"cluster": np.zeros(400)}, "there are fewer than two clusters"),
    ],
)
def test_text_page_and_picture_name_the_same_reason_for_no_standard_errors(options, why):
    features, labels, _ = drawn(16)
    model = logloss.fit(features, labels, leave_one_out=False, **options)
    assert model.errors is None
    assert f"std. error not available: {why}" in repr(model)
    assert f"Standard errors are not available: {why}." in model.to_html()
    assert f"Intervals are not available: {why}." in coefficients(model).sentence


def test_a_column_that_is_constant_has_no_boundary():
    features, labels, _ = drawn(8)
    model = logloss.fit({"a": features[:, 0], "one": np.ones(400)}, labels)
    assert logloss.drawing(model, "boundary").to_dict()["reason"] == '"one" is constant'
    assert "boundary" not in model.to_html()
    # No odds ratio but 1 is drawn: warnings of matplotlib are errors here.
    alone = logloss.fit({"one": np.ones(400)}, labels)
    assert alone.coefficients == {"one": 0.0}
    assert "one is constant" in alone.to_html()
