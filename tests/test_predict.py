"""Predictions of tables in files, measured and written block by block, and the file of a model."""

from __future__ import annotations

import json
import math
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from test_design import people

import logloss
from logloss.answers.figures import json_number, number_of_json
from logloss.data.rows import Column
from logloss.data.source import as_source
from logloss.files import document
from logloss.training.predict import LOGIT, ScoredSource

FEATURES = ["age", "city", "pay", "new"]


@pytest.fixture(scope="module")
def model():
    return logloss.fit(people(), "label", features=FEATURES)


@pytest.fixture
def files(tmp_path):
    """Other people than those of training, as Parquet in three row groups and as CSV."""
    frame = people(300, seed=7)
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "rows.parquet", row_group_size=100)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    return frame, str(tmp_path / "rows.parquet"), str(tmp_path / "rows.csv")


def test_files_are_predicted_as_frames_are(model, files):
    frame, *paths = files
    expected = model.predict_logit(frame)
    for path in paths:
        # Rows of other blocks are multiplied in other sizes of blocks: a rounding each.
        assert model.predict_logit(path) == pytest.approx(expected, abs=1e-13)
        assert model.predict_proba(path) == pytest.approx(model.predict_proba(frame), abs=1e-14)
    assert model.predict_logit(pl.from_pandas(frame)) == pytest.approx(expected, abs=1e-13)


def test_measuring_a_model_on_a_file_is_measuring_its_predictions(model, files):
    frame, *paths = files
    expected = logloss.measure(frame.label, y_logit=model.predict_logit(frame))
    for path in paths:
        measured = model.measure(path, "label", by="city")
        assert measured.log_loss == pytest.approx(expected.log_loss, rel=1e-12)
        assert measured.miscalibration == pytest.approx(expected.miscalibration, rel=1e-9)
        assert len(measured.groups) == 3


def test_rows_that_lack_a_feature_are_refused_by_name_or_left_out_and_counted(model, tmp_path):
    frame = people(50, seed=8)
    frame.loc[[3, 40], "pay"] = np.nan
    frame.loc[7, "city"] = None
    path = tmp_path / "gaps.parquet"
    frame.to_parquet(path)
    with pytest.raises(logloss.DataError, match=r'column "city" must hold a value; row 7 of gaps\.parquet has none'):
        model.measure(str(path), "label")
    with warnings.catch_warnings(action="error"):
        measured = model.measure(str(path), "label", missing="drop")
    assert (measured.n_rows, measured.n_dropped) == (47, 3)
    kept = frame.dropna()
    assert measured.log_loss == pytest.approx(model.measure(kept, "label").log_loss, rel=1e-12)


def test_strange_levels_in_a_file_are_said(model, tmp_path):
    frame = people(20, seed=9)
    frame.loc[[2, 5], "city"] = "Olten"
    frame.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.warns(UserWarning, match='"city" has levels that training did not see, in 2 rows'):
        model.predict_logit(str(tmp_path / "rows.csv"))
    measured = model.measure(str(tmp_path / "rows.csv"), "label")
    assert any("training did not see" in note for note in measured.notes)


def test_an_offset_that_is_a_column_is_read_with_the_table(tmp_path):
    frame = people()
    frame["exposure"] = np.random.default_rng(3).normal(0, 1, len(frame))
    model = logloss.fit(frame, "label", features=FEATURES, offset="exposure")
    assert model.offset == "exposure"
    expected = model.predict_logit(frame, offset=frame.exposure)
    assert model.predict_logit(frame) == pytest.approx(expected, abs=0)
    frame.to_parquet(tmp_path / "rows.parquet")
    assert model.predict_logit(str(tmp_path / "rows.parquet")) == pytest.approx(expected, abs=1e-13)
    with pytest.raises(logloss.DataError, match='or have the column "exposure" in X'):
        model.predict_logit(frame[FEATURES])
    with pytest.raises(logloss.DataError, match="`offset` has 3 rows and `X` has 400"):
        model.predict_logit(frame, offset=[0, 0, 0])


def test_a_model_of_a_nameless_matrix_cannot_read_files(files):
    model = logloss.fit(np.arange(8.0).reshape(4, 2) % 3, [0, 1, 0, 1], l2=1.0)
    with pytest.raises(logloss.DataError, match="trained on a matrix without names of columns"):
        model.predict_logit(files[1])


def test_a_number_in_one_file_is_the_same_level_as_its_text_in_another(tmp_path):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"zone": rng.integers(1, 4, 300), "y": rng.integers(0, 2, 300)})
    model = logloss.fit(frame, "y", features=["zone"], categories=["zone"])
    frame.to_csv(tmp_path / "rows.csv", index=False)
    with warnings.catch_warnings(action="error"):
        assert model.predict_logit(str(tmp_path / "rows.csv")) == pytest.approx(model.predict_logit(frame), abs=1e-14)
        from_csv = logloss.fit(str(tmp_path / "rows.csv"), "y", features=["zone"], categories=["zone"])
        assert from_csv.predict_logit(frame) == pytest.approx(model.predict_logit(frame), abs=1e-12)


def test_a_scored_source_is_a_source_with_one_more_column(model, files):
    frame, path, _ = files
    scored = ScoredSource(as_source(path), model.predictor)
    assert scored.column_names == (*frame.columns, LOGIT)
    assert scored.n_rows == 300
    parts = scored.parts(("label", LOGIT))
    assert [part.n_rows for part in parts] == [100, 100, 100]
    rows = next(iter(parts[1].rows()))
    assert list(rows.columns) == ["label", LOGIT]
    assert isinstance(rows.columns[LOGIT], Column)
    assert rows.first_row == 100


# --- names decide ------------------------------------------------------------------------------------------------------


class Capsule:
    """Speaks the Arrow PyCapsule interface and nothing else."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def forms_of(frame, folder):
    frame.to_parquet(folder / "form.parquet")
    frame.to_csv(folder / "form.csv", index=False)
    table = pa.Table.from_pandas(frame)
    declared = {name: own.categories.dtype for name, own in frame.dtypes.items() if hasattr(own, "categories")}
    return {
        "pandas": frame,
        # Older releases of polars have no categories of numbers.
        "polars": pl.from_pandas(frame.astype(declared)),
        "arrow": table,
        "batch": table.to_batches()[0],
        "reader": pa.RecordBatchReader.from_batches(table.schema, table.to_batches()),
        "dataset": pa.dataset.dataset(table),
        "capsule": Capsule(table),
        "dict": {name: frame[name].to_numpy() for name in frame},
        "lists": {name: frame[name].tolist() for name in frame},
        "parquet": str(folder / "form.parquet"),
        "csv": str(folder / "form.csv"),
    }


FORMS = ("pandas", "polars", "arrow", "batch", "reader", "dataset", "capsule", "dict", "lists", "parquet", "csv")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("is_saved", [False, True])
def test_columns_are_found_by_name_in_any_order_among_others(model, form, is_saved, tmp_path):
    frame = people(60, seed=5)
    expected = [sum(row.values()) for row in model.contributions(frame)]
    turned = frame.assign(more="text", p=0.5)[["p", "label", "new", "pay", "more", "city", "age"]]
    turned.index = np.random.default_rng(0).permutation(60)
    if is_saved:
        model.save(tmp_path / "model.json")
        model = logloss.load(tmp_path / "model.json")
    rows = forms_of(turned, tmp_path)
    assert model.predict_logit(rows[form]) == pytest.approx(expected, abs=1e-12)
    loss = logloss.log_loss(frame.label, y_logit=np.array(expected))
    assert model.measure(forms_of(turned, tmp_path)[form], "label").log_loss == pytest.approx(loss, abs=1e-12)
    assert model.predict_log_proba(forms_of(turned, tmp_path)[form]).shape == (60, 2)
    if form != "reader":
        sums = [sum(row.values()) for row in model.contributions(rows[form])]
        assert sums == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_a_column_that_is_not_there_is_named_with_what_is(model, form, tmp_path):
    frame = people(20, seed=5).rename(columns={"age": "Age", "pay": "wage"})
    for verb in (model.predict_proba, model.predict_logit, lambda rows: model.measure(rows, "label")):
        with pytest.raises(logloss.DataError) as caught:
            verb(forms_of(frame, tmp_path)[form])
        assert str(caught.value) == (
            'the model reads the columns "age", "pay", which the table lacks. '
            "The table has: Age, city, wage, new, label."
        )


def test_a_model_of_numbers_is_no_exception(tmp_path):
    """The columns of a frame of numbers can be read by position, and must not be."""
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    frame["y"] = (rng.random(200) < 1 / (1 + np.exp(-2 * frame.a + frame.b))).astype(int)
    for model in (logloss.fit(frame, "y"), logloss.fit(frame[["a", "b"]], frame.y)):
        expected = model.intercept + frame[["a", "b"]].to_numpy() @ list(model.coefficients.values())
        for columns in (["a", "b"], ["b", "a"], ["y", "b", "a"], ["y", "a", "b"]):
            for form, rows in forms_of(frame[columns], tmp_path).items():
                assert model.predict_logit(rows) == pytest.approx(expected, abs=1e-12), form
        assert model.predict_logit(frame[["a", "b"]].to_numpy()) == pytest.approx(expected, abs=1e-12)
        assert model.predict_logit(frame[["a", "b"]].to_numpy().tolist()) == pytest.approx(expected, abs=1e-12)
        with pytest.raises(
            logloss.DataError, match=r'reads the column "b", which the table lacks. The table has: a, y'
        ):
            model.predict_proba(frame[["a", "y"]])
        with pytest.raises(logloss.DataError, match="must have 2 columns, as in training; it has 3"):
            model.predict_proba(frame.to_numpy())
        compared = logloss.compare(frame[["y", "b", "a"]], {"m": model, "half": np.full(200, 0.5)}, y_true="y")
        assert compared.log_losses["m"] == pytest.approx(model.measure(frame, "y").log_loss, abs=1e-12)
    one = logloss.fit(frame, "y", features=["a"])
    with pytest.raises(logloss.DataError, match=r'reads the column "a", which the table lacks. The table has: y'):
        one.predict_proba(frame[["y"]])
    with pytest.raises(logloss.DataError, match=r'reads the column "a"; `X` is one column, called "b"'):
        one.predict_proba(frame["b"])
    assert one.predict_logit(frame["a"]) == pytest.approx(one.predict_logit(frame), abs=0)
    assert one.predict_logit(frame["a"].to_numpy()) == pytest.approx(one.predict_logit(frame), abs=0)


def test_a_model_of_an_array_takes_a_table_of_as_many_columns():
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    y = rng.integers(0, 2, 200)
    model = logloss.fit(frame.to_numpy(), y)
    for rows in (frame, pl.from_pandas(frame), frame.set_index(pd.Index(rng.permutation(200), name="k"))):
        assert model.predict_logit(rows) == pytest.approx(model.predict_logit(frame.to_numpy()), abs=0)
    # Names that are those of the model's own are names.
    named = frame.set_axis(["x0", "x1"], axis=1)[["x1", "x0"]].assign(y=y)
    assert model.predict_logit(named) == pytest.approx(model.predict_logit(frame.to_numpy()), abs=0)
    assert model.measure(named, "y").log_loss == pytest.approx(model.measure(frame, y).log_loss, abs=1e-12)
    with pytest.raises(
        logloss.DataError, match=r"an array of 2 columns without names; the table has 3 columns: a, b, y"
    ):
        model.predict_proba(frame.assign(y=y))


def test_one_column_that_has_the_name_of_the_only_feature_is_found_by_it():
    frame = people(100)
    model = logloss.fit(frame, "label", features=["city"])
    assert model.predict_logit(frame["city"]) == pytest.approx(model.predict_logit(frame), abs=0)
    assert model.predict_logit(pl.Series("city", frame["city"])) == pytest.approx(model.predict_logit(frame), abs=0)


def test_a_model_of_no_columns_says_the_base_rate_to_each_row(tmp_path):
    frame = people(100)
    model = logloss.fit(frame, "label", features=[])
    for rows in forms_of(frame, tmp_path).values():
        assert model.predict_proba(rows) == pytest.approx(np.full(100, frame.label.mean()), abs=1e-12)
    assert model.contributions(frame) == [{"intercept": model.intercept}] * 100


def test_a_lazy_frame_is_asked_to_be_collected(model):
    with pytest.raises(logloss.DataError, match="a lazy frame holds no rows yet"):
        model.predict_proba(pl.DataFrame(people(10)).lazy())


def test_a_model_of_scikit_learn_in_a_comparison_goes_by_names_too():
    linear_model = pytest.importorskip("sklearn.linear_model")
    frame = people(100, seed=2)
    model = linear_model.LogisticRegression().fit(frame[["age", "pay"]], frame.label)
    forecasts = {"m": model, "half": np.full(100, 0.5)}
    found = logloss.compare(frame[["label", "pay", "city", "age"]], forecasts, y_true="label")
    expected = logloss.log_loss(frame.label, model.predict_proba(frame[["age", "pay"]]))
    assert found.log_losses["m"] == pytest.approx(expected, abs=1e-12)
    with pytest.raises(
        logloss.DataError, match=r'"m" is a model that reads pay, which the table lacks\. The table has: age'
    ):
        logloss.compare(frame[["age", "label"]], forecasts, y_true="label")
    with pytest.raises(logloss.DataError, match="it needs the table as a frame of pandas or polars, not as dict"):
        logloss.compare({name: frame[name].to_numpy() for name in frame}, forecasts, y_true="label")


NULLABLE = {
    "age": lambda values: pd.array(values, dtype="Float64"),
    "pay": lambda values: pd.array(np.round(values), dtype="Int64"),
    "city": lambda values: pd.array(values, dtype="string"),
    "new": lambda values: pd.array(values, dtype="boolean"),
}


@pytest.mark.parametrize("is_arrow_backed", [False, True])
def test_nullable_columns_are_predicted_as_they_are_measured(is_arrow_backed):
    frame = people(200)
    for name, make in NULLABLE.items():
        frame[name] = pd.Series(make(frame[name])).mask(np.random.default_rng(len(name)).random(200) < 0.1)
    if is_arrow_backed:
        frame = frame.convert_dtypes(dtype_backend="pyarrow")
    model = logloss.fit(frame, "label", missing="indicator", l2=1.0)
    assert sum("is missing" in name for name in model.coefficients) == 4
    for rows in (frame, frame[frame.columns[::-1]], {name: frame[name] for name in frame}):
        logits = model.predict_logit(rows)
        assert np.isfinite(logits).all()
        loss = logloss.log_loss(frame.label.to_numpy(dtype=float), y_logit=logits)
        assert model.measure(rows, "label").log_loss == pytest.approx(loss, abs=1e-12)
    assert model.predict_logit(frame[:50]) == pytest.approx(model.predict_logit(frame)[:50], abs=1e-12)


def test_what_the_recipe_has_no_answer_for_is_dropped_on_request_with_labels_beside_it(model):
    frame = people(50, seed=8)
    frame.loc[[3, 40], "pay"] = np.nan
    with pytest.raises(logloss.DataError, match='column "pay" must hold a value; row 3 has none'):
        model.measure(frame, frame.label.to_numpy())
    found = model.measure(frame, frame.label.to_numpy(), missing="drop")
    assert (found.n_rows, found.n_dropped) == (48, 2)
    assert found.log_loss == pytest.approx(model.measure(frame.dropna(), "label").log_loss, abs=1e-12)
    matrix = logloss.fit(people()[["age", "pay"]].to_numpy(), people().label)
    dropped = matrix.measure(frame[["age", "pay"]].to_numpy(), frame.label.to_numpy(), missing="drop")
    assert dropped.n_dropped == 2


def test_a_level_is_the_same_in_whatever_it_is_written(tmp_path):
    """Codes and bools of a category, as numbers, as text, declared or not."""
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({"code": rng.choice([10, 20, 30], 300), "flag": rng.random(300) < 0.5})
    frame["y"] = rng.integers(0, 2, 300)
    declared = frame.assign(
        code=pd.Categorical(frame.code, [30, 10, 20]), flag=pd.Categorical(frame.flag, [True, False])
    )
    model = logloss.fit(declared, "y")
    expected = model.predict_logit(declared)
    assert len(set(expected)) == 6
    others = [
        declared,
        frame,
        frame.astype({"code": float}),
        frame.astype({"code": str}),
        frame.astype({"code": "category"}),
    ]
    others += [frame.astype({"flag": int}), frame.astype({"flag": float}), frame.astype({"flag": "boolean"})]
    with warnings.catch_warnings(action="error"):
        for rows in others:
            for form, table in forms_of(rows, tmp_path).items():
                assert model.predict_logit(table) == pytest.approx(expected, abs=1e-13), form
        numbers = logloss.fit(frame, "y", features=["code"])
        assert numbers.predict_logit(declared) == pytest.approx(numbers.predict_logit(frame), abs=0)


@pytest.mark.slow
def test_random_frames_agree_with_sums_by_hand():
    """benchmarks/_trials_frames.py draws thousands; here some, so that it cannot rot."""
    import importlib.util
    from pathlib import Path

    path = Path(__file__).resolve().parents[1] / "benchmarks" / "_trials_frames.py"
    spec = importlib.util.spec_from_file_location("_trials_frames", path)
    trials = importlib.util.module_from_spec(spec)
    sys.modules["_trials_frames"] = trials
    spec.loader.exec_module(trials)
    found = trials.run(40, 7)
    assert found["failures"] == []
    assert found["checks"] > 100


# --- the file of a model -----------------------------------------------------------------------------------------------


def kinds_of_models():
    frame = people()
    frame["weight"] = np.random.default_rng(1).gamma(1.0, 1.0, len(frame))
    yield logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1])
    yield logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=0.1)
    yield logloss.fit(frame, "label", features=FEATURES, sample_weight="weight", cluster="city")
    yield logloss.fit(frame, "label", features=FEATURES, offset="weight", l2=3)
    gaps = frame.copy()
    gaps.loc[gaps.index % 7 == 0, "pay"] = np.nan
    gaps.loc[gaps.index % 11 == 0, "city"] = None
    yield logloss.fit(gaps, "label", features=FEATURES, missing="indicator")
    with warnings.catch_warnings(action="ignore"):
        yield logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1])
        yield logloss.fit(np.array([0.0] * 6 + [1.0] * 4), [0, 1, 0, 1, 0, 0, 1, 1, 1, 1])
    yield logloss.fit({"a": [0.0, 1.0, 2.0, 3.0], "b": [0.0, 2.0, 4.0, 6.0]}, [0, 1, 0, 1])


@pytest.mark.parametrize("number", range(8))
def test_a_saved_model_is_read_as_it_was_written(number, tmp_path):
    model = list(kinds_of_models())[number]
    model.save(tmp_path / "model.json")
    read = logloss.load(tmp_path / "model.json")
    assert repr(read) == repr(model)
    assert read.to_dict() == model.to_dict()
    assert read.passes == model.passes
    # To the bit: JSON writes the shortest text that is read as the same float.
    assert read.values.tolist() == model.values.tolist()
    read.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "model.json").read_bytes()


def test_a_read_model_predicts_to_the_bit(model, tmp_path):
    frame = people(50, seed=8)
    model.save(tmp_path / "model.json")
    assert logloss.load(tmp_path / "model.json").predict_logit(frame).tolist() == model.predict_logit(frame).tolist()


def test_no_damage_to_the_file_of_a_model_goes_unseen(model, tmp_path):
    """Every flip of a bit, every cut: refused, or read as what it was."""
    path = tmp_path / "model.json"
    model.save(path)
    whole, expected = path.read_bytes(), model.to_dict()
    rng = np.random.default_rng(0)
    n_refused = 0
    for _ in range(300):
        data = bytearray(whole)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(data) if rng.random() < 0.8 else whole[: rng.integers(1, len(whole) - 1)])
        try:
            assert logloss.load(path).to_dict() == expected
        except logloss.DataError as error:
            assert "model.json" in str(error)
            n_refused += 1
    # White space between fields carries nothing; about one byte in five is such.
    assert n_refused > 200


def rewritten(path, **changes):
    """The file with other fields, and a checksum that fits."""
    fields = json.loads(path.read_text())
    kind = fields.pop("logloss")
    content = {name: value for name, value in fields.items() if name not in document.HEAD}
    data = document.document_bytes(kind, {**content, **changes})
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"surprise": 1}, "holds fields that are not known: surprise"),
        ({"values": [0.0]}, "one of each, all finite in values"),
        ({"values": ["inf"] * 6}, "one of each, all finite in values"),
        ({"coefficients": {"age": 1.0}}, "one for each name of its design in coefficients"),
        ({"passes": [[1.0]]}, "an object in passes: 1"),
        ({"certificate": [None]}, "an object in certificate"),
        (
            {"design": {"fit_intercept": True, "is_nameless": False, "terms": [{"class": "magic"}]}},
            "numbers or category or shape in design: terms: 1: class",
        ),
        ({"intercept": "many"}, """a number in intercept; got "many\""""),
        ({"intercept": 0.25}, "the one that it predicts with in intercept"),
        ({"n_rows": 1.5}, "a whole number of at least 0 in n_rows"),
        ({"n_rows": 2**63}, "a whole number of at least 0 in n_rows"),
        ({"n_rows": 0, "n_positive": None}, "at least 1 row in n_rows"),
        ({"n_positive": 10**6}, "at most all rows in n_positive"),
        ({"n_positive": 1}, "the share of its positive rows in base_rate"),
        ({"base_rate": -0.5}, "a share from 0 to 1 in base_rate"),
        ({"l2": "inf"}, "a finite number of at least 0 in l2"),
        ({"l2": True}, "a number in l2"),
        ({"sum_weight": -3}, "a finite number above 0 in sum_weight"),
        ({"n_dependent": 99}, "at most all coefficients in n_dependent"),
        ({"positive": ["y"]}, "a text in positive"),
        ({"notes": "none"}, "a list of texts in notes"),
        ({"has_offset": 1}, "true or false in has_offset"),
        ({"offset": "x"}, "no column where there is no offset in offset"),
        ({"log_loss": -1}, "a number of at least 0 in log_loss"),
        ({"certificate": {"nats_per_row": 0.0, "is_proven": 1}}, "true or false in certificate: is_proven"),
        ({"certificate": {"nats_per_row": -1, "is_proven": True}}, "at least 0 in certificate: nats_per_row"),
        ({"passes": []}, "at least one pass in passes"),
        ({"errors": {"kind": "guess"}}, 'errors has no "intercept"'),
        ({"separation": {"columns": []}}, 'separation has no "is_complete"'),
        ({"out_of_sample": 3}, "an object in out_of_sample"),
        ({"version": None}, "must name the version that wrote it"),
    ],
)
def test_a_model_that_does_not_fit_together_is_refused(model, tmp_path, changes, words):
    path = tmp_path / "model.json"
    model.save(path)
    rewritten(path, **changes)
    with pytest.raises(logloss.DataError, match=words):
        logloss.load(path)


# Of what a field that contradicts others is found to be wrong.
CONTRADICTED = {"centre": "intercept", "reference": "", "errors": "errors", "values": "coefficients"}


@pytest.mark.parametrize(
    "field", ["coefficients", "values", "centre", "scale", "sds", "levels", "reference", "classes", "errors"]
)
def test_a_model_whose_fields_contradict_each_other_is_refused(model, tmp_path, field):
    """What is printed must be what rows are predicted with: one number of each field is another one."""
    path = tmp_path / "model.json"
    model.save(path)
    fields = json.loads(path.read_text())
    terms = fields["design"]["terms"]
    numbers = next(term for term in terms if term["class"] == "numbers")
    category = next(term for term in terms if term["class"] == "category")
    if field == "coefficients":
        name = list(fields["coefficients"])[-1]
        fields["coefficients"][name] *= 2
    elif field == "values":
        fields["values"][-1] += 0.5
    elif field in ("centre", "scale"):
        numbers[field][0] = -3.5
    elif field == "sds":
        # No numbers deviate by more than half their range.
        numbers["sds"][0] = 1.01 * (numbers["highs"][0] - numbers["lows"][0]) / 2
    elif field == "classes":
        fields["classes"] = [1, 1]
    elif field == "levels":
        category["levels"][0] = category["levels"][1]
    elif field == "reference":
        category["reference"] += 1 if category["reference"] == 0 else -1
    else:
        name = next(iter(fields["coefficients"]))
        fields["errors"] = {"kind": "HC3", "intercept": 1.0, "coefficients": {name: 1.0}, "intercept_degrees": 9.0}
        fields["errors"] |= {"degrees": {name: 9.0}, "cluster": [], "n_clusters": 0, "effective_clusters": 0.0}
        fields["errors"] |= {"n_of_each": [], "was_indefinite": False, "lower": None}
    content = {name: value for name, value in fields.items() if name not in document.HEAD}
    path.write_bytes(document.document_bytes("model", content))
    with pytest.raises(logloss.DataError, match=rf"model\.json must have .* in .*{CONTRADICTED.get(field, field)}"):
        logloss.load(path)


def test_text_of_a_model_is_not_obeyed(model, tmp_path):
    path = tmp_path / "model.json"
    model.save(path)
    rewritten(path, positive="\x1b[31m\x07", notes=["\x1b"], source="\x9b\n")
    found = logloss.load(path)
    assert all(line.isprintable() for line in repr(found).split("\n"))
    assert all(line.isprintable() for line in found._repr_html_().split("\n"))


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" * 400, "18446744073709551616", "9" * 5_000])
def test_numbers_beyond_ours_are_refused(number, model, tmp_path):
    path = tmp_path / "model.json"
    path.write_text('{"logloss": "model", "format": "6.1", "n_rows": ' + number + "}")
    with pytest.raises(logloss.DataError, match=r"cannot read model\.json: .* is no number of a logloss file"):
        logloss.load(path)


def test_a_document_holds_no_more_values_than_ours(model, tmp_path):
    path = tmp_path / "model.json"
    path.write_text('{"logloss": "model", "values": [' + "0," * (1 << 22) + "0]}")
    with pytest.raises(logloss.DataError, match=r"model\.json: it holds more than 4,194,304 values"):
        logloss.load(path)


def test_documents_of_other_kinds_and_formats_are_refused_by_name(model, tmp_path):
    path = tmp_path / "model.json"
    model.save(path)
    text = path.read_text()
    path.write_text(text.replace('"format": "6.1"', '"format": "1.0"'))
    with pytest.raises(logloss.DataError, match=r"model\.json has format 1\.0, and this is logloss"):
        logloss.load(path)
    path.write_bytes(document.document_bytes("recipe", {}))
    with pytest.raises(logloss.DataError, match='holds a "recipe", unknown to this version'):
        logloss.load(path)
    path.write_text("{}")
    with pytest.raises(logloss.DataError, match='it has no field "logloss"'):
        logloss.load(path)
    path.write_text('{"logloss": "model", "logloss": "model"}')
    with pytest.raises(logloss.DataError, match="a field stands twice"):
        logloss.load(path)
    path.write_text('{"logloss": NaN}')
    with pytest.raises(logloss.DataError, match="NaN is no number"):
        logloss.load(path)
    path.write_text("[" * 100_000)
    with pytest.raises(logloss.DataError, match="it begins otherwise"):
        logloss.load(path)


def test_numbers_that_json_does_not_know_are_written_as_words():
    values = [0.1, math.inf, -math.inf, 5e-324, -0.0]
    assert [number_of_json(json_number(value)) for value in values] == values
    assert json_number(math.nan) is None
    assert math.isnan(number_of_json(None))


# --- missing values at prediction ----------------------------------------------------------------------------------------


GAPS = {
    "pandas": lambda: pd.DataFrame(
        {"age": [30.0, np.nan, 50.0], "city": pd.Categorical(["Bern", "Chur", None]), "pay": [1.0, 2.0, 3.0]}
    ),
    "pandas objects": lambda: pd.DataFrame(
        {"age": [30.0, None, 50.0], "city": ["Bern", "Chur", None], "pay": [1, 2, 3]}
    ),
    "pandas nullable": lambda: pd.DataFrame(
        {
            "age": pd.array([30.0, None, 50.0], dtype="Float64"),
            "city": pd.array(["Bern", "Chur", pd.NA], dtype="string"),
            "pay": pd.array([1, 2, 3], dtype="Int64"),
        }
    ),
    "polars": lambda: pl.DataFrame({"age": [30.0, None, 50.0], "city": ["Bern", "Chur", None], "pay": [1.0, 2.0, 3.0]}),
    "arrow": lambda: pa.table({"age": [30.0, None, 50.0], "city": ["Bern", "Chur", None], "pay": [1.0, 2.0, 3.0]}),
    "dict": lambda: {"age": [30.0, None, 50.0], "city": ["Bern", "Chur", None], "pay": [1.0, 2.0, 3.0]},
}


def trained_on_gaps(missing):
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        {"age": rng.normal(40, 10, 200), "city": rng.choice(["Bern", "Chur"], 200), "pay": rng.normal(size=200)}
    )
    if missing != "error":
        frame.loc[::7, "age"] = np.nan
        frame.loc[::11, "city"] = None
    return logloss.fit(frame, rng.integers(0, 2, 200), missing=missing)


@pytest.mark.parametrize("kind", GAPS)
def test_a_missing_value_at_prediction_is_what_it_was_in_training(kind):
    table = GAPS[kind]()
    indicator = trained_on_gaps("indicator").predict_proba(table)
    assert np.isfinite(indicator).all()
    drop = trained_on_gaps("drop")
    with pytest.warns(UserWarning, match=r'no prediction \(NaN\) for 1 row in which "(age|city)" is missing'):
        proba = drop.predict_proba(table)
    assert np.isnan(proba).tolist() == [False, True, True]
    whole = {"age": [30.0], "city": ["Bern"], "pay": [1.0]}
    assert proba[0] == drop.predict_proba(whole)[0]
    error = trained_on_gaps("error")
    with pytest.raises(logloss.DataError) as caught:
        error.predict_proba(table)
    message = str(caught.value)
    assert message.startswith('column "age" must hold a value; row 1 has none.')
    for way_out in ("fill it", 'missing="drop"', 'missing="indicator"'):
        assert way_out in message
    assert np.isnan(error.predict_proba(table, missing="drop")).tolist() == [False, True, True]


def test_a_gap_without_a_coefficient_names_its_column_and_its_row_also_of_a_matrix():
    """Not the row within its block, and not of the matrix: of the column that training never missed."""
    rng = np.random.default_rng(9)
    rows = rng.normal(size=(300, 2))
    rows[::5, 0] = np.nan
    model = logloss.fit(rows, rng.integers(0, 2, 300), missing="indicator")
    new = np.array([[1.0, 2.0], [np.nan, 2.0], [1.0, np.nan]])
    with pytest.raises(logloss.DataError, match='column "x1" must hold a value; row 2 has none'):
        model.predict_proba(new)
    assert np.isnan(model.predict_proba(new, missing="drop")).tolist() == [False, False, True]
    many = np.zeros((140_000, 2))
    many[135_000, 1] = np.nan
    with pytest.raises(logloss.DataError, match="row 135,000 has none"):
        model.predict_proba(many)


def test_none_in_lists_of_numbers_is_a_missing_value_and_text_is_named():
    rng = np.random.default_rng(10)
    model = logloss.fit(rng.normal(size=(100, 2)), rng.integers(0, 2, 100))
    with pytest.raises(logloss.DataError, match='column "x1" must hold a value; row 0 has none'):
        model.predict_proba([[1.0, None], [2.0, 3.0]])
    assert np.isnan(model.predict_proba([[1.0, None], [2.0, 3.0]], missing="drop")).tolist() == [True, False]
    with pytest.raises(logloss.DataError, match=r'column 1 holds "Bern" in row 1\. Categories need columns'):
        model.predict_proba([[1.0, 2.0], [2.0, "Bern"]])
    with pytest.raises(logloss.DataError, match='the model reads the columns "age", "city", "pay" by name'):
        trained_on_gaps("error").predict_proba([[30.0, "Bern", 1.0]])
    with pytest.raises(logloss.DataError, match='`missing` must be "error" or "drop" at prediction; got "indicator"'):
        model.predict_proba([[1.0, 2.0]], missing="indicator")


def test_a_model_measures_rows_with_gaps_as_it_was_fitted(tmp_path):
    model, table = trained_on_gaps("drop"), GAPS["pandas"]()
    assert model.measure(table, [0, 1, 1]).n_rows == 1
    assert model.measure(table, [0, 1, 1]).n_dropped == 2
    assert model.measure(table.assign(y=[0, 1, 1]), "y").n_dropped == 2
    with pytest.raises(logloss.DataError, match='column "age" must hold a value'):
        model.measure(table, [0, 1, 1], missing="error")
    model.save(tmp_path / "model.json")
    again = logloss.load(tmp_path / "model.json")
    assert again.missing == "drop"
    with pytest.warns(UserWarning, match="no prediction"):
        assert np.isnan(again.predict_proba(table)).tolist() == [False, True, True]
