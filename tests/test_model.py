"""A trained model: its errors, its predictions, what it says of itself."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from mpmath import mp

import logloss
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
    robust = logloss.fit(features, labels, counts=counts, robust=True)
    repeated = logloss.fit(np.repeat(features, counts, axis=0), np.repeat(labels, counts), robust=True)
    assert all_errors(robust) == pytest.approx(all_errors(repeated), rel=CLOSE)


def test_the_sandwich_is_that_of_statsmodels():
    features, labels, _ = drawn(2)
    model = logloss.fit(features, labels, robust=True)
    peer = sm.GLM(labels, sm.add_constant(features), family=sm.families.Binomial()).fit(cov_type="HC0", tol=1e-14)
    assert model.errors.kind == "sandwich"
    assert all_errors(model) == pytest.approx(peer.bse, rel=CLOSE)


def test_weighted_rows_have_the_errors_of_the_sandwich():
    """Of weights that do not repeat rows the information knows nothing: twice the weight is not twice the rows."""
    features, labels, weights = drawn(3)
    model = logloss.fit(features, labels, sample_weight=weights)
    z = model.predict_logit(features)
    p = 1 / (1 + np.exp(-z))
    design = sm.add_constant(features)
    bread = np.linalg.inv((design * (weights * p * (1 - p))[:, None]).T @ design)
    scores = design * (weights * (labels - p))[:, None]
    expected = np.sqrt(np.diag(bread @ (scores.T @ scores) @ bread))
    assert model.errors.kind == "sandwich"
    assert all_errors(model) == pytest.approx(expected, rel=1e-7)
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
    assert list(model.coefficients) == ["x", "city = Kiel", "city = Ulm"]
    assert [model.intercept, *model.coefficients.values()] == pytest.approx(peer.params, rel=CLOSE)
    assert all_errors(model) == pytest.approx(peer.bse, rel=CLOSE)
    assert "against Bonn" in repr(model)


def test_a_penalised_model_has_no_errors_and_says_why():
    features, labels, _ = drawn(5)
    model = logloss.fit(features, labels, l2=1.0)
    assert model.errors is None
    assert "a penalty makes them wrong" in repr(model)
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
    assert "collinear  a, twice, constant" in repr(model)
    assert "not known" in repr(model)


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
    """A large matrix is read in place and not centred; the answer must not show it."""
    rng = np.random.default_rng(8)
    features = rng.normal(0.1, 1, (60_000, 20))
    labels = (rng.random(60_000) < 1 / (1 + np.exp(-features[:, 0]))).astype(int)
    model = logloss.fit(features, labels, l2=1.0)
    assert model.design.in_place
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


def test_clustered_errors_are_those_of_statsmodels():
    features, labels, cluster = clustered_rows()
    model = logloss.fit(features, labels, cluster=cluster)
    family = sm.families.Binomial()
    options = {"groups": cluster, "use_correction": False}
    peer = sm.GLM(labels, sm.add_constant(features), family=family).fit(cov_type="cluster", cov_kwds=options, tol=1e-14)
    assert (model.errors.kind, model.errors.n_clusters, model.errors.cluster) == ("clustered", 40, ("cluster",))
    # Ours have the factor G / (G − 1) of the measurement's intervals.
    assert all_errors(model) == pytest.approx(peer.bse * math.sqrt(40 / 39), rel=CLOSE)
    assert model.errors.quantile == pytest.approx(2.0226909, abs=1e-6)
    assert "errors     clustered: 40 clusters of cluster independent, not rows" in repr(model)


def test_every_row_its_own_cluster_is_the_sandwich():
    features, labels, _ = drawn(13)
    robust = logloss.fit(features, labels, robust=True)
    model = logloss.fit(features, labels, cluster=np.arange(400))
    assert all_errors(model) == pytest.approx(all_errors(robust) * math.sqrt(400 / 399), rel=CLOSE)


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


def test_the_page_of_a_model_has_a_table_and_nothing_runs_on_it():
    frame = pd.DataFrame({"<script>alert(1)</script>": [0.0, 1.0, 2.0, 3.0]})
    page = logloss.fit(frame, [0, 1, 0, 1])._repr_html_()
    assert page.startswith("<p>LogisticModel P(y_true = 1) from 1 column")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<tr>") == 3


def test_of_many_coefficients_the_text_shows_those_farthest_from_nothing():
    rng = np.random.default_rng(15)
    shop = np.repeat(np.arange(100), 30)
    labels = (rng.random(3_000) < np.where(shop == 17, 0.9, 0.4)).astype(int)
    text = repr(logloss.fit({"shop": shop}, labels, categories=["shop"], l2=1.0))
    assert "shop = 17" in text
    assert "… and 59 more coefficients nearer to 0: model.coefficients" in text
    assert len(text.splitlines()) < 60


def test_what_estimating_costs_stands_beside_the_certificate():
    """p / (2n): simulated, the loss of the truth is as much below that of the fit on new rows as above it on its own."""
    features, labels, _ = drawn(16)
    model = logloss.fit(features, labels)
    assert model.estimation_error == pytest.approx(4 / 800)
    assert "(estimation error about 5e-03)" in repr(model)


def test_a_fit_that_stopped_far_from_its_optimum_has_no_errors():
    """They would be those of another point: from the first pass every z would be 0."""
    features, labels, _ = drawn(17)
    with pytest.warns(logloss.ConvergenceWarning, match="stopped after 1 pass: "):
        model = logloss.fit(features, labels, max_passes=1)
    assert (model.errors, model.new_rows) == (None, None)
    assert "errors     not shown: the fit stopped too far from its optimum" in repr(model)
