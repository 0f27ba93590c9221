"""Average marginal effects, against statsmodels and numerical differentiation."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy.special import expit

import logloss

CLOSE = 1e-8


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.normal(45.0, 12.0, 500),
            "sex": rng.choice(["Female", "Male"], 500),
            "city": rng.choice(["Bonn", "Kiel", "Ulm"], 500),
            "member": rng.random(500) < 0.4,
            "w": rng.gamma(2.0, 1.0, 500),
            "o": rng.normal(0.0, 0.3, 500),
            "firm": rng.integers(0, 30, 500),
        }
    )
    logits = (frame.age - 45) / 12 + (frame.city == "Ulm") - 0.5 * frame.member + frame.o
    frame["y"] = (rng.random(500) < expit(logits)).astype(int)
    return frame


FEATURES = ["age", "sex", "city", "member"]


@pytest.fixture(scope="module")
def model(table):
    return logloss.fit(table, "y", features=FEATURES)


def dummies(table):
    """The columns of the regression, as statsmodels takes them."""
    columns = {
        "const": 1.0,
        "age": table.age,
        "sex: Male": table.sex == "Male",
        "city: Kiel": table.city == "Kiel",
        "city: Ulm": table.city == "Ulm",
        "member: True": table.member,
    }
    return pd.DataFrame(columns, index=table.index).astype(float)


def test_effects_and_their_errors_are_those_of_statsmodels(table, model):
    """Where the levels are one dummy each: of columns of two levels."""
    own = logloss.fit(table, "y", features=["age", "sex", "member"])
    columns = dummies(table)[["const", "age", "sex: Male", "member: True"]]
    peer = sm.Logit(table.y, columns).fit(disp=0, method="newton", tol=1e-11)
    expected = peer.get_margeff(at="overall", method="dydx", dummy=True).summary_frame()
    found = own.marginal_effects(table).to_pandas().set_index("name")
    assert found.index.tolist() == expected.index.tolist()
    for name, column in {
        "effect": "dy/dx",
        "std_error": "Std. Err.",
        "statistic": "z",
        "low": "Conf. Int. Low",
        "high": "Cont. Int. Hi.",
    }.items():
        assert found[name].tolist() == pytest.approx(expected[column].tolist(), rel=CLOSE)
    assert found["p_value"].tolist() == pytest.approx(expected["Pr(>|z|)"].tolist(), rel=1e-6)
    assert found["reference"].tolist() == ["", "Female", "False"]


def numerical(model, table, weights, offset, change):
    """(Effects, standard errors) by prediction at changed columns, and differences over changed coefficients."""
    columns = dummies(table)
    names = ["intercept", *model.coefficients]
    at = np.array([model.intercept, *model.coefficients.values()])
    w = weights / weights.sum()

    def effect(values, name):
        def mean(frame):
            return w @ expit(frame.to_numpy() @ values + offset)

        if name == "age":
            step = 1e-4
            up, down = (mean(columns.assign(age=columns.age + sign * step)) for sign in (1, -1))
            return (up - down) / (2 * step)
        group = [other for other in columns if other.split(":")[0] == name.split(":")[0] and ":" in other]
        cleared = columns.assign(**dict.fromkeys(group, 0.0))
        return mean(cleared.assign(**{name: 1.0})) - mean(cleared)

    found = []
    for name in names[1:]:
        gradient = []
        for j in range(len(at)):
            step = change * max(abs(at[j]), 0.1)
            up, down = (effect(at + sign * step * np.eye(len(at))[j], name) for sign in (1, -1))
            gradient.append((up - down) / (2 * step))
        found.append((effect(at, name), math.sqrt(gradient @ model.covariance @ np.array(gradient))))
    return np.array(found)


@pytest.mark.parametrize("kind", ["plain", "weights and offset", "HC3", "clusters"])
def test_effects_and_errors_are_those_of_numerical_differentiation(table, kind):
    options = {
        "plain": {},
        "weights and offset": {"sample_weight": "w", "offset": "o"},
        "HC3": {"covariance": "HC3"},
        "clusters": {"cluster": "firm"},
    }[kind]
    model = logloss.fit(table, "y", features=FEATURES, **options)
    is_weighted = "sample_weight" in options
    weights = table.w.to_numpy() if is_weighted else np.ones(500)
    offset = table.o.to_numpy() if is_weighted else np.zeros(500)
    expected = numerical(model, table, weights, offset, 1e-4)
    found = model.marginal_effects(table, sample_weight="w" if is_weighted else None)
    assert found["name"] == list(model.coefficients)
    # Differences of steps of 1e-4 are right to about the square of these.
    assert found["effect"] == pytest.approx(expected[:, 0].tolist(), rel=1e-6)
    assert found["std_error"] == pytest.approx(expected[:, 1].tolist(), rel=1e-5)
    degrees = [model.errors.degrees[name] for name in found["name"]]
    for row, own in zip(found, degrees, strict=True):
        half = (row["high"] - row["low"]) / 2
        assert half == pytest.approx(row["std_error"] * (1.959964 if math.isinf(own) else quantile(own)), rel=1e-5)
        assert (row["p_value"] < 0.05) == (row["low"] > 0 or row["high"] < 0)


def quantile(degrees):
    from scipy.stats import t

    return t.ppf(0.975, degrees)


def test_arrays_of_weights_and_offsets_are_columns_beside_the_table(table):
    model = logloss.fit(table, "y", features=FEATURES, offset="o")
    by_name = model.marginal_effects(table, sample_weight="w")
    features = table[FEATURES]
    by_array = model.marginal_effects(features, sample_weight=table.w.to_numpy(), offset=table.o.to_numpy())
    assert by_array == by_name
    twice = model.marginal_effects(table.loc[table.index.repeat(2)], sample_weight="w")
    assert twice["effect"] == pytest.approx(by_name["effect"], rel=1e-12)
    with pytest.raises(logloss.DataError, match=r'column "age" has 500 rows and `sample_weight` has 3'):
        model.marginal_effects(features, sample_weight=[1.0, 2.0, 3.0], offset=table.o.to_numpy())


def test_rows_of_weight_0_are_no_rows(table, model):
    weights = (np.arange(500) % 2).astype(float)
    found = model.marginal_effects(table, sample_weight=weights)
    assert found["effect"] == pytest.approx(model.marginal_effects(table[weights > 0])["effect"], rel=1e-12)
    with pytest.raises(logloss.DataError, match=r"there is no row of a weight above 0"):
        model.marginal_effects(table, sample_weight=np.zeros(500))
    with pytest.raises(logloss.DataError, match="must be finite and at least 0; row 0 has -1"):
        model.marginal_effects(table, sample_weight=np.full(500, -1.0))


def test_files_frames_and_any_cut_have_the_same_effects(table, model, tmp_path):
    whole = model.marginal_effects(table)
    table.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "parts").mkdir()
    table[:200].to_parquet(tmp_path / "parts" / "a.parquet")
    table[200:].to_parquet(tmp_path / "parts" / "b.parquet")
    for source in (
        str(tmp_path / "rows.csv"),
        str(tmp_path / "parts"),
        {name: table[name].to_numpy() for name in FEATURES},
    ):
        found = model.marginal_effects(source)
        assert found["name"] == whole["name"]
        for name in ("effect", "std_error"):
            assert found[name] == pytest.approx(whole[name], rel=1e-9)


def test_effects_of_matrices_are_those_of_frames(table):
    X = np.column_stack([table.age, table.w])
    of_matrix = logloss.fit(X, table.y).marginal_effects(X, sample_weight=table.w.to_numpy())
    frame = pd.DataFrame(X, columns=["a", "b"])
    of_frame = logloss.fit(frame, table.y).marginal_effects(frame.assign(w=table.w), sample_weight="w")
    assert of_matrix["name"] == ["x0", "x1"]
    assert of_matrix["effect"] == pytest.approx(of_frame["effect"], rel=1e-9)
    assert of_matrix["std_error"] == pytest.approx(of_frame["std_error"], rel=1e-9)


def test_some_columns_can_be_chosen(table, model):
    whole = model.marginal_effects(table)
    assert model.marginal_effects(table, variables="city")["name"] == ["city: Kiel", "city: Ulm"]
    some = model.marginal_effects(table, variables=["member", "age"])
    assert some["name"] == ["age", "member: True"]
    assert some["effect"] == [whole["effect"][0], whole["effect"][4]]
    with pytest.raises(logloss.DataError, match='`variables` must name columns of the model; "wage" is none'):
        model.marginal_effects(table, variables=["wage"])
    with pytest.raises(logloss.DataError, match='`variables` must name columns of the model; "3" is none'):
        model.marginal_effects(table, variables=3)
    with pytest.raises(logloss.DataError, match="`variables` must name columns of the model; it is empty"):
        model.marginal_effects(table, variables=[])


def test_levels_that_training_did_not_see_are_average_ones(table, model):
    new = table.assign(city=np.where(np.arange(500) < 100, "Mainz", table.city))
    with pytest.warns(UserWarning, match='"city" has levels that training did not see, in 100 rows'):
        found = model.marginal_effects(new)
    columns = dummies(new)
    category = next(term for term in model.design.terms if term.column == "city")
    shares = np.array(category.weights) / sum(category.weights)
    columns.loc[:99, ["city: Kiel", "city: Ulm"]] = shares[1:]
    values = np.array([model.intercept, *model.coefficients.values()])
    p = expit(columns.to_numpy() @ values)
    gradient = values[1] * ((p * (1 - p) * (1 - 2 * p))[:, None] * columns.to_numpy()).mean(axis=0)
    gradient[1] += (p * (1 - p)).mean()
    assert found["effect"][0] == pytest.approx(values[1] * (p * (1 - p)).mean(), rel=CLOSE)
    assert found["std_error"][0] == pytest.approx(math.sqrt(gradient @ model.covariance @ gradient), rel=CLOSE)


def test_missing_values_with_an_indicator_are_the_mean_and_others_are_left_out(table):
    rng = np.random.default_rng(2)
    gaps = table.assign(age=table.age.mask(rng.random(500) < 0.2))
    model = logloss.fit(gaps, "y", features=["age", "sex"], missing="indicator")
    columns = pd.DataFrame(
        {"const": 1.0, "age": gaps.age.fillna(gaps.age.mean()), "gap": gaps.age.isna(), "sex": table.sex == "Male"}
    ).astype(float)
    peer = sm.Logit(table.y, columns).fit(disp=0, method="newton", tol=1e-11)
    expected = peer.get_margeff(dummy=True).summary_frame()
    found = model.marginal_effects(gaps)
    assert found["name"] == ["age", "sex: Male"]
    assert found["effect"] == pytest.approx(expected.loc[["age", "sex"], "dy/dx"].tolist(), rel=CLOSE)
    assert found["std_error"] == pytest.approx(expected.loc[["age", "sex"], "Std. Err."].tolist(), rel=1e-7)
    dropped = logloss.fit(gaps, "y", features=["age", "sex"], missing="drop")
    with pytest.warns(UserWarning, match=r"no prediction \(NaN\) for \d+ rows in which \"age\" is missing"):
        own = dropped.marginal_effects(gaps)
    assert own["effect"] == pytest.approx(dropped.marginal_effects(gaps.dropna(), missing="error")["effect"], rel=1e-12)
    with pytest.raises(logloss.DataError, match="missing"):
        dropped.marginal_effects(gaps, missing="error")


def test_without_standard_errors_there_are_effects_alone(table):
    model = logloss.fit(table, "y", features=FEATURES, l2=1.0)
    found = model.marginal_effects(table)
    assert np.isfinite(found["effect"]).all()
    assert np.isnan([found[name] for name in ("std_error", "statistic", "p_value", "low", "high")]).all()


def test_effects_of_infinite_coefficients_are_refused(table):
    frame = table.assign(sure=table.y)
    with pytest.warns(logloss.SeparationWarning):
        model = logloss.fit(frame, "y", features=["age", "sure"])
    with pytest.raises(logloss.DataError, match="marginal effects of infinite coefficients are not defined"):
        model.marginal_effects(frame)


def test_too_many_levels_are_refused_with_the_way_out(table, model, monkeypatch):
    from logloss.training import marginal_effects

    monkeypatch.setattr(marginal_effects, "MOST_NUMBERS", 20)
    with pytest.raises(logloss.DataError, match=r"need 63 derivatives, .* Name fewer columns: `variables=`"):
        model.marginal_effects(table)
    assert model.marginal_effects(table, variables="age")["name"] == ["age"]


def test_effects_over_other_rows_are_those_of_predictions(table, model):
    """The mean over any rows: no label is needed."""
    rows = pd.DataFrame(
        {"age": [20.0, 60.0], "sex": ["Male", "Female"], "city": ["Ulm", "Bonn"], "member": [True, False]}
    )
    p = model.predict_proba(rows)
    found = model.marginal_effects(rows)
    assert found["effect"][0] == pytest.approx(model.coefficients["age"] * (p * (1 - p)).mean(), rel=1e-12)
    male, female = (model.predict_proba(rows.assign(sex=sex)).mean() for sex in ("Male", "Female"))
    assert found["effect"][1] == pytest.approx(male - female, rel=1e-10)


def test_effects_of_several_levels_are_differences_of_predictions_of_statsmodels(table, model):
    """Not its `dummy=True`, which leaves the dummies of the other levels of a row as they are."""
    rows = table[table.city != "Kiel"]
    peer = smf.logit("y ~ age + C(sex) + C(city) + member", table).fit(disp=0, method="newton", tol=1e-11)
    found = model.marginal_effects(rows, variables="city").to_pandas().set_index("name")
    base = rows.assign(city="Bonn")
    shifted = rows.assign(city="Ulm")
    expected = peer.predict(shifted).mean() - peer.predict(base).mean()
    assert found.loc["city: Ulm", "effect"] == pytest.approx(expected, rel=CLOSE)


def test_rows_of_an_array_take_an_offset(table):
    X, y = table[["age", "w"]].to_numpy(), table.y.to_numpy()
    model = logloss.fit(X, y, offset=table.o.to_numpy())
    found = model.marginal_effects(X, offset=table.o.to_numpy())
    p = model.predict_proba(X, offset=table.o.to_numpy())
    assert found["effect"] == pytest.approx([c * (p * (1 - p)).mean() for c in model.coefficients.values()], rel=1e-9)
