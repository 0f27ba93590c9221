"""Tests of coefficients, against statsmodels and simulation."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
import statsmodels.formula.api as smf

import logloss

# Of tests that two programs compute in float64 from sums of some hundred rows.
CLOSE = 1e-7


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.normal(45.0, 12.0, 600),
            "hours": rng.normal(40.0, 6.0, 600),
            "city": rng.choice(["Bonn", "Kiel", "Ulm", "Trier"], 600),
            "sex": rng.choice(["Female", "Male"], 600),
            "firm": rng.integers(0, 25, 600),
        }
    )
    logits = (
        (frame.age - 45) / 12 - 0.3 * (frame.hours - 40) / 6 + (frame.city == "Ulm") + rng.normal(size=25)[frame.firm]
    )
    frame["y"] = (rng.random(600) < 1 / (1 + np.exp(-logits))).astype(int)
    return frame


FEATURES = ["age", "hours", "city", "sex"]


@pytest.fixture(scope="module")
def model(table):
    return logloss.fit(table, "y", features=FEATURES)


@pytest.fixture(scope="module")
def peer(table):
    return smf.logit("y ~ age + hours + C(city) + C(sex)", table).fit(disp=0, method="newton", tol=1e-10)


def test_the_test_of_each_column_is_that_of_statsmodels(model, peer):
    expected = peer.wald_test_terms(skip_single=False, scalar=True).table
    found = model.term_table
    assert found["name"] == FEATURES
    assert found["degrees"] == [1, 1, 3, 1]
    for name, row in zip(["age", "hours", "C(city)", "C(sex)"], found, strict=True):
        assert row["statistic"] == pytest.approx(expected.loc[name, "statistic"], rel=CLOSE)
        assert row["p_value"] == pytest.approx(expected.loc[name, "pvalue"], rel=CLOSE)
        assert row["degrees"] == expected.loc[name, "df_constraint"]
    assert found["denominator_degrees"] == [math.inf] * 4
    assert found.to_pandas().shape == (4, 5)


def test_a_column_a_coefficient_and_a_list_are_tested_as_by_statsmodels(model, peer):
    levels = "C(city)[T.Kiel] = 0, C(city)[T.Trier] = 0, C(city)[T.Ulm] = 0"
    for terms, constraint in (
        ("city", levels),
        ("city: Ulm", "C(city)[T.Ulm] = 0"),
        ("intercept", "Intercept = 0"),
        (["city", "age"], f"{levels}, age = 0"),
        (["city: Ulm", "intercept"], "C(city)[T.Ulm] = 0, Intercept = 0"),
        ({"age": 1, "hours": -1}, "age - hours = 0"),
        ({"city: Ulm": 1, "city: Kiel": -2.5}, "C(city)[T.Ulm] - 2.5*C(city)[T.Kiel] = 0"),
        ([{"age": 1, "hours": -1}, "sex"], "age - hours = 0, C(sex)[T.Male] = 0"),
    ):
        test, expected = model.wald_test(terms), peer.wald_test(constraint, scalar=True)
        assert test.statistic == pytest.approx(float(expected.statistic), rel=CLOSE)
        assert test.p_value == pytest.approx(float(expected.pvalue), rel=1e-6)
        assert (test.kind, test.distribution, test.degrees) == ("Wald test", "chi2", expected.df_denom)


def test_the_test_of_one_coefficient_has_the_p_value_of_the_table(table):
    for options in ({}, {"covariance": "HC3"}, {"cluster": "firm"}):
        model = logloss.fit(table, "y", features=FEATURES, **options)
        for row in model.coefficient_table:
            test = model.wald_test(row["name"]) if row["name"] != "city" else None
            assert test.p_value == pytest.approx(row["p_value"], rel=1e-9)
            assert test.statistic == pytest.approx(row["statistic"] ** 2, rel=1e-9)
            assert test.degrees == 1


def test_of_few_degrees_of_freedom_the_test_is_hotellings(table):
    """W(ν − q + 1)/(νq) of F with q and ν − q + 1; ν the harmonic mean over the coefficients involved."""
    model = logloss.fit(table, "y", features=FEATURES, cluster="firm")
    test = model.wald_test("city")
    names = ["city: Kiel", "city: Trier", "city: Ulm"]
    places = [1 + list(model.coefficients).index(name) for name in names]
    values = np.array([model.coefficients[name] for name in names])
    wald = values @ np.linalg.inv(model.covariance[np.ix_(places, places)]) @ values
    degrees = scipy.stats.hmean([model.errors.degrees[name] for name in names])
    assert test.distribution == "F"
    assert test.denominator_degrees == pytest.approx(degrees - 2)
    assert test.statistic == pytest.approx(wald * (degrees - 2) / (3 * degrees), rel=CLOSE)
    assert test.p_value == pytest.approx(scipy.stats.f.sf(test.statistic, 3, degrees - 2), rel=CLOSE)
    assert repr(test).startswith(f"Wald test of city = 0: F(3, {degrees - 2:.1f}) = ")


@pytest.mark.slow
def test_tests_with_few_clusters_reject_true_hypotheses_no_more_often_than_they_should():
    """20 clusters, 3 restrictions on columns half of whose variance is of clusters, whose rows share a fifth."""
    rng = np.random.default_rng(5)
    n_fits, rejected, plain = 300, 0, 0
    cluster = np.repeat(np.arange(20), 40)
    for _ in range(n_fits):
        columns = (rng.normal(size=(20, 3))[cluster] + rng.normal(size=(800, 3))) / math.sqrt(2)
        luck = math.sqrt(0.2) * rng.normal(size=20)[cluster] + math.sqrt(0.8) * rng.normal(size=800)
        model = logloss.fit(columns, (luck < 0).astype(int), cluster=cluster, leave_one_out=False)
        test = model.wald_test(["x0", "x1", "x2"])
        rejected += test.p_value < 0.05
        information = logloss.fit(columns, (luck < 0).astype(int), leave_one_out=False)
        plain += information.wald_test(["x0", "x1", "x2"]).p_value < 0.05
    # A test of level 5% exceeds this with a probability below 1e-6; one that ignores clusters does not.
    most = scipy.stats.binom.ppf(1 - 1e-6, n_fits, 0.05)
    assert rejected <= most < plain, (rejected, plain)


def test_restrictions_that_cannot_be_tested_are_refused(table, model):
    for terms, message in (
        ([], "`terms` must name what is tested: a column, a coefficient, or a contrast; it is empty"),
        ("wage", 'no column and no coefficient "wage". The model has: "age", "hours", "city", "sex", "city: Kiel"'),
        ({"wage": 1}, 'no column and no coefficient "wage"'),
        ({"age": math.inf}, 'a contrast must have finite numbers; "age" has inf'),
        ({"age": 0}, "a contrast must have a number other than 0"),
        ({"age": "1"}, 'a contrast must have finite numbers; "age" has "1"'),
        ({"city": 1}, 'is of coefficients, and "city" is a column that has "city: Kiel", "city: Trier", "city: Ulm"'),
        (None, '`terms` must be names of columns or coefficients, or contrasts such as {"a": 1, "b": -1}; got None'),
        ([3], "`terms` must be names of columns or coefficients, or contrasts"),
        (np.eye(2), "`terms` must be names of columns or coefficients, or contrasts"),
        (["age", "age"], "the 2 restrictions are linearly dependent"),
        (["age", "hours", {"age": 1, "hours": 3}], "the 3 restrictions are linearly dependent"),
    ):
        with pytest.raises(logloss.DataError) as error:
            model.wald_test(terms)
        assert message in str(error.value)
    few = logloss.fit(table, "y", features=FEATURES, cluster=np.arange(600) % 3)
    with pytest.raises(
        logloss.DataError, match=r"3 restrictions, and the standard errors have \d.* degrees of freedom"
    ):
        few.wald_test("city")
    assert math.isnan(few.term_table["p_value"][2])
    assert few.term_table["p_value"][0] > 0


def test_what_a_contrast_is_multiplied_by_does_not_matter(model):
    for factor in (1e-200, 3.0, 1e200):
        test = model.wald_test({"age": factor, "hours": -2 * factor})
        assert test.statistic == pytest.approx(model.wald_test({"age": 1, "hours": -2}).statistic, rel=1e-9)


@pytest.mark.parametrize("options", [{}, {"cluster": "firm"}, {"fit_intercept": False}])
def test_a_column_may_be_called_as_the_intercept_is(table, options):
    named = table.rename(columns={"age": "intercept"})
    model = logloss.fit(named, "y", features=["intercept", "hours"], **options)
    same = logloss.fit(table, "y", features=["age", "hours"], **options)
    for terms, expected in (("intercept", "age"), (["intercept", "hours"], ["age", "hours"])):
        assert model.wald_test(terms).p_value == pytest.approx(same.wald_test(expected).p_value, rel=1e-9)
    assert model.term_table["p_value"] == pytest.approx(same.term_table["p_value"], rel=1e-9)


def test_without_standard_errors_there_is_no_test(table):
    penalised = logloss.fit(table, "y", features=FEATURES, l2=1.0)
    with pytest.raises(logloss.DataError, match="needs standard errors, and this model has none: print"):
        penalised.wald_test("age")
    assert np.isnan(penalised.term_table["statistic"]).all()
    twice = logloss.fit(table.assign(twice=2 * table.age), "y", features=["age", "twice", "hours"])
    with pytest.raises(logloss.DataError, match='no Wald test is defined: "age" has no standard error'):
        twice.wald_test("age")
    assert [math.isnan(each) for each in twice.term_table["p_value"]] == [True, True, False]


def test_separated_columns_have_no_wald_test_and_a_likelihood_ratio(table):
    frame = table.assign(sure=np.where((table.y == 1) & (table.age > 50), 1.0, 0.0))
    with pytest.warns(logloss.SeparationWarning):
        model = logloss.fit(frame, "y", features=["hours", "sure"])
    with pytest.raises(logloss.DataError, match='"sure" is infinite, as the classes are separated'):
        model.wald_test("sure")
    assert math.isnan(model.term_table["p_value"][1])
    small = logloss.fit(frame, "y", features=["hours"])
    test = model.likelihood_ratio_test(small)
    rest = logloss.fit(frame[frame.sure == 0], "y", features=["hours"])
    assert test.statistic == pytest.approx(2 * (rest.log_likelihood - small.log_likelihood), rel=1e-9)
    assert test.p_value < 1e-10


def test_a_likelihood_ratio_is_that_of_statsmodels(table, model, peer):
    small = logloss.fit(table, "y", features=["age", "sex"])
    own = smf.logit("y ~ age + C(sex)", table).fit(disp=0, method="newton", tol=1e-10)
    expected = 2 * (peer.llf - own.llf)
    for test in (model.likelihood_ratio_test(small), small.likelihood_ratio_test(model)):
        assert (test.kind, test.distribution, test.degrees) == ("likelihood-ratio test", "chi2", 4)
        assert test.statistic == pytest.approx(expected, rel=1e-8)
        assert test.p_value == pytest.approx(scipy.stats.chi2.sf(expected, 4), rel=1e-6)
        assert repr(test).startswith("likelihood-ratio test of hours, city = 0: χ²(4) = ")
    assert test.to_dict()["degrees"] == 4


def test_reference_levels_do_not_matter_to_what_is_nested(table, model):
    other = logloss.fit(table, "y", features=["city"], reference={"city": "Ulm"})
    same = logloss.fit(table, "y", features=["city"])
    assert model.likelihood_ratio_test(other).statistic == pytest.approx(
        model.likelihood_ratio_test(same).statistic, rel=1e-9
    )


def test_counts_are_rows_of_a_likelihood_ratio(table):
    counts = np.random.default_rng(3).integers(1, 4, 600)
    repeated = table.loc[table.index.repeat(counts)]
    found, expected = (
        logloss.fit(rows, "y", features=["age", "hours"], **more).likelihood_ratio_test(
            logloss.fit(rows, "y", features=["age"], **more)
        )
        for rows, more in ((table, {"counts": counts}), (repeated, {}))
    )
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9)


def test_models_that_cannot_be_compared_are_refused(table, model):
    def fitted(rows=table, features=("age",), **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return logloss.fit(rows, "y", features=list(features), leave_one_out=False, **options)

    for other, message in (
        (fitted(l2=1.0), r"one has a penalty \(l2 = 1\), so it does not maximise the likelihood; fit with l2=0"),
        (fitted(sample_weight=np.arange(600) % 3 + 1.0), "one has weights or soft labels"),
        (fitted(cluster="firm"), "rows of a cluster are not independent; use model.wald_test"),
        (fitted(max_passes=1), "one is not certified to be at its maximum; raise `max_passes`"),
        (fitted(max_passes=2), "one is not certified to be at its maximum; raise `max_passes`"),
        (fitted(table[:500]), "fitted to the same rows; they differ in rows: 500 and 600"),
        (fitted(table.assign(y=1 - table.y)), "they differ in positive rows: "),
        (fitted(features=["firm"]), "must be nested: .*; only the first has age, city, hours, sex and only the second"),
        (fitted(features=FEATURES), "must be nested: .*; these have the same columns"),
        (fitted(offset=np.ones(600)), "they differ in offset: one and none"),
        (
            fitted(table.assign(city=table.city.replace("Bonn", "Kiel")), ["city"]),
            "columns of both must have the same levels; those of city differ. To test whether levels have equal",
        ),
        (3, "a likelihood-ratio test needs another model of `fit`; got 3"),
    ):
        with pytest.raises(logloss.DataError, match=message):
            model.likelihood_ratio_test(other)


def test_a_larger_model_with_a_smaller_likelihood_is_refused(table):
    """Of other rows with as many positives: what only the likelihoods can show."""
    rng = np.random.default_rng(9)
    noise = table.assign(age=rng.normal(size=600), hours=rng.normal(size=600))
    large = logloss.fit(noise, "y", features=["age", "hours"])
    small = logloss.fit(table, "y", features=["age"])
    with pytest.raises(logloss.DataError, match="the larger model has a smaller likelihood"):
        large.likelihood_ratio_test(small)


def test_of_columns_that_depend_on_each_other_only_what_is_determined_counts(table):
    frame = table.assign(twice=2 * table.age)
    small = logloss.fit(frame, "y", features=["age"])
    large = logloss.fit(frame, "y", features=["age", "twice"])
    with pytest.raises(logloss.DataError, match="are linearly dependent on the others"):
        large.likelihood_ratio_test(small)
    three = logloss.fit(frame, "y", features=["age", "twice", "hours"])
    assert three.likelihood_ratio_test(small).degrees == 1


def test_a_hypothesis_reads_as_a_sentence(model):
    assert model.wald_test({"hours": -1, "age": 2}).hypothesis == "−hours + 2 age = 0"
    assert model.wald_test(["age", {"hours": 1}]).hypothesis == "age = 0, hours = 0"
    line = repr(model.wald_test("age"))
    assert line.startswith("Wald test of age = 0: χ²(1) = ")
    assert line.endswith(", p < 0.001")


def test_a_matrix_has_columns_and_missing_values_belong_to_theirs():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(500, 2))
    X[rng.random(500) < 0.2, 0] = np.nan
    y = rng.integers(0, 2, 500)
    model = logloss.fit(X, y, missing="indicator")
    assert model.term_table["name"] == ["x0", "x1"]
    assert model.term_table["degrees"] == [2, 1]
    filled = np.column_stack([np.where(np.isnan(X[:, 0]), 0.0, X[:, 0]), X[:, 1], np.isnan(X[:, 0])])
    peer = sm.Logit(y, sm.add_constant(filled.astype(float))).fit(disp=0, tol=1e-10)
    expected = peer.wald_test(np.eye(4)[[1, 3]], scalar=True)
    assert model.wald_test("x0").p_value == pytest.approx(float(expected.pvalue), rel=1e-6)
    only = peer.wald_test(np.eye(4)[[1]], scalar=True)
    assert model.wald_test({"x0": 1}).degrees == 1
    assert float(only.statistic) > 0
