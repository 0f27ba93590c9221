"""The recipe: categories as codes give what columns of zeros and ones give, missing values and offsets what they mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api as sm

import logloss
from logloss.data.design import Design
from logloss.data.rows import Column
from logloss.data.terms import Category, Numbers

SEED = 20261124
# Newton's method of both sides ends in rounding: coefficients of order one agree to about 1e-13.
ROUNDING = 1e-11


def people(n_rows=400, seed=SEED):
    rng = np.random.default_rng(seed)
    age, pay = rng.normal(40, 10, n_rows), rng.gamma(2.0, 1.0, n_rows)
    city = rng.choice(["Bern", "Chur", "Genf"], n_rows, p=[0.5, 0.3, 0.2])
    is_new = rng.random(n_rows) < 0.4
    z = 0.05 * (age - 40) + 0.3 * pay - 1 + np.where(city == "Chur", 0.8, 0.0) - 0.7 * is_new
    label = (rng.random(n_rows) < 1 / (1 + np.exp(-z))).astype(int)
    return pd.DataFrame({"age": age, "city": city, "pay": pay, "new": is_new, "label": label})


FEATURES = ["age", "city", "pay", "new"]


def dummies(frame, reference="Bern"):
    """The same as columns of zeros and ones."""
    columns = {"age": frame.age}
    columns |= {f"city: {c}": (frame.city == c).astype(float) for c in sorted(set(frame.city)) if c != reference}
    return pd.DataFrame(columns | {"pay": frame.pay, "new: True": frame.new.astype(float)})


def test_codes_give_what_columns_of_zeros_and_ones_give():
    frame = people()
    model = logloss.fit(frame, "label", features=FEATURES)
    theirs = sm.Logit(frame.label, sm.add_constant(dummies(frame))).fit(disp=0, tol=1e-14)
    assert list(model.coefficients) == ["age", "city: Chur", "city: Genf", "pay", "new: True"]
    assert list(model.coefficients.values()) == pytest.approx(theirs.params[1:].tolist(), abs=ROUNDING)
    assert model.intercept == pytest.approx(theirs.params["const"], abs=ROUNDING)


@pytest.mark.parametrize("l2", [0.0, 3.0])
def test_two_categories_without_numbers(l2):
    rng = np.random.default_rng(SEED)
    a, b = rng.integers(0, 4, 300), rng.choice(["x", "y", "z"], 300)
    label = (rng.random(300) < 1 / (1 + np.exp(-(a - 1.5 + (b == "y"))))).astype(int)
    model = logloss.fit({"a": a, "b": b}, label, categories=["a"], l2=l2)
    wide = {f"a: {k}": a == k for k in (1, 2, 3)} | {f"b: {k}": b == k for k in "yz"}
    same = logloss.fit(pd.DataFrame(wide).astype(float), label, l2=l2)
    assert list(model.coefficients) == list(wide)
    assert list(model.coefficients.values()) == pytest.approx(list(same.coefficients.values()), abs=ROUNDING)


def test_the_reference_is_chosen_by_name():
    frame = people()
    model = logloss.fit(frame, "label", features=FEATURES, reference={"city": "Genf"})
    plain = logloss.fit(frame, "label", features=FEATURES)
    assert list(model.coefficients)[1:3] == ["city: Bern", "city: Chur"]
    assert model.log_loss == pytest.approx(plain.log_loss, rel=1e-14)
    assert model.coefficients["city: Bern"] == pytest.approx(-plain.coefficients["city: Genf"], abs=ROUNDING)
    for reference, words in (({"city": "Rom"}, '"Rom" is none'), ({"age": 3}, "holds numbers"), ({"x": 3}, "is none")):
        with pytest.raises(logloss.DataError, match=words):
            logloss.fit(frame, "label", features=FEATURES, reference=reference)


@pytest.mark.parametrize(
    "kind", [pd.DataFrame, pl.DataFrame, lambda frame: frame.assign(city=frame.city.astype("category"))]
)
def test_every_kind_of_frame_is_predicted_from_its_raw_columns(kind):
    frame = people()
    model = logloss.fit(kind(frame), "label", features=FEATURES)
    raw = kind(frame[["city", "new", "label", "pay", "age"]])
    wide = dummies(frame)
    by_hand = model.intercept + sum(value * wide[name] for name, value in model.coefficients.items())
    assert model.predict_logit(raw) == pytest.approx(by_hand.to_numpy(), abs=1e-12)


def test_files_and_frames_give_one_model(tmp_path):
    frame = people()
    frame.to_csv(tmp_path / "people.csv", index=False)
    frame.to_parquet(tmp_path / "people.parquet", row_group_size=37)
    ours = [
        logloss.fit(each, "label", features=FEATURES)
        for each in (frame, tmp_path / "people.csv", tmp_path / "people.parquet")
    ]
    for other in ours[1:]:
        assert other.coefficients == pytest.approx(ours[0].coefficients, abs=ROUNDING)


def test_levels_that_training_did_not_see_are_taken_for_average_ones():
    frame = people()
    model = logloss.fit(frame, "label", features=["city"])
    shares = frame.city.value_counts(normalize=True)
    average = sum(shares[c] * model.coefficients[f"city: {c}"] for c in ("Chur", "Genf"))
    with pytest.warns(UserWarning, match=r'"city" has levels that training did not see, in 1 row;'):
        found = model.predict_logit(pd.DataFrame({"city": ["Bern", "Rom"]}))
    assert found == pytest.approx([model.intercept, model.intercept + average], rel=1e-13)


def test_what_is_missing_gets_a_coefficient_of_its_own():
    frame = people()
    holes = frame.assign(age=frame.age.where(frame.index % 7 > 0), city=frame.city.where(frame.index % 5 > 0))
    with pytest.raises(logloss.DataError, match='column "age" must hold a value; row 0'):
        logloss.fit(holes, "label", features=FEATURES)
    model = logloss.fit(holes, "label", features=FEATURES, missing="indicator")
    assert list(model.coefficients) == [
        "age", "age is missing", "city is missing", "city: Chur", "city: Genf", "pay", "new: True"
    ]  # fmt: skip
    wide = dummies(frame).assign(age=holes.age.fillna(holes.age.mean()))
    for city in ("Chur", "Genf"):
        wide[f"city: {city}"] = (holes.city == city).astype(float)
    wide["age is missing"], wide["city is missing"] = holes.age.isna().astype(float), holes.city.isna().astype(float)
    same = logloss.fit(wide, frame.label)
    assert model.coefficients == pytest.approx(same.coefficients, abs=ROUNDING)
    assert model.log_loss == pytest.approx(same.log_loss, rel=1e-14)
    assert model.predict_logit(holes) == pytest.approx(same.predict_logit(wide), abs=1e-11)
    dropped = logloss.fit(holes, "label", features=FEATURES, missing="drop")
    assert dropped.n_rows == int(holes.notna().all(axis=1).sum())


def test_a_matrix_may_lack_values_too():
    rng = np.random.default_rng(SEED)
    matrix = rng.normal(size=(200, 2))
    label = (rng.random(200) < 0.5).astype(int)
    matrix[::9, 1] = np.nan
    model = logloss.fit(matrix, label, missing="indicator")
    frame = pd.DataFrame(matrix, columns=["x0", "x1"])
    assert model.coefficients == pytest.approx(logloss.fit(frame, label, missing="indicator").coefficients, rel=1e-12)
    assert list(model.coefficients) == ["x0", "x1", "x1 is missing"]
    with pytest.raises(logloss.DataError, match=r'column "x1" must hold a value; row 0 has none'):
        logloss.fit(matrix, label)
    matrix[4, 0] = np.inf
    with pytest.raises(logloss.DataError, match=r'column "x0" must be finite; row 4 has inf'):
        logloss.fit(matrix, label, missing="indicator")


def test_an_offset_is_added_to_the_log_odds():
    frame = people()
    known = 0.3 * frame.age.to_numpy() - 12
    model = logloss.fit(frame.assign(known=known), "label", features=["pay"], offset="known")
    theirs = sm.GLM(frame.label, sm.add_constant(frame[["pay"]]), family=sm.families.Binomial(), offset=known).fit(
        tol=1e-15, maxiter=100
    )
    assert [model.intercept, model.coefficients["pay"]] == pytest.approx(theirs.params.tolist(), abs=ROUNDING)
    with pytest.raises(logloss.DataError, match="must be finite"):
        logloss.fit(frame[["pay"]], frame.label, offset=np.where(frame.index == 3, np.inf, known))


def test_the_parts_of_a_design_lie_where_it_says():
    numbers = Numbers("a", ("a",), np.array([1.0]), np.array([2.0]), (True,))
    design = Design((Category("c", (None, "x", "y"), (1.0, 2.0, 1.0), 1), numbers))
    assert design.width == 6
    assert design.free.tolist() == [0, 1, 2, 3, 5]
    assert design.names == ("c is missing", "c: y", "a", "a is missing")
    assert design.places.tolist() == [3, 5, 1, 2]
    coded = design.coded(
        (
            Column(np.array([0, 1, 0], np.int32), np.array([False, False, True]), ("y", "z")),
            Column(np.array([3.0, np.nan, 1.0])),
        )
    )
    assert coded.piece(0, 3).tolist() == [[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    assert coded.strange == {"c": 1}
    assert coded.logits(np.array([10.0, 1.0, 5.0, 4.0, 0.0, 2.0]), 0, 3).tolist() == [14.0, 16.5, 14.0]
