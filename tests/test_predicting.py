"""Predictions of tables in files, measured and written block by block, and the file of a model."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_design import people

import logloss
from logloss import documents
from logloss.data.rows import Column
from logloss.data.source import as_source
from logloss.predicting import LOGIT, ScoredSource

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
    content = {name: value for name, value in fields.items() if name not in documents.HEAD}
    data = documents.document_bytes(kind, {**content, **changes})
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"surprise": 1}, "holds fields that are not known: surprise"),
        ({"values": [0.0]}, "coefficients and columns do not go together"),
        ({"values": ["inf"] * 6}, "coefficients and columns do not go together"),
        ({"coefficients": {"age": 1.0}}, "coefficients and columns do not go together"),
        ({"passes": [[1.0]]}, "a field does not fit"),
        ({"certificate": [None]}, "a field does not fit"),
        ({"design": {"in_place": False, "terms": [{"kind": "magic"}]}}, "a field does not fit"),
        ({"intercept": "many"}, "a number was expected; got 'many'"),
        ({"intercept": 0.25}, "its intercept is not the one that it predicts with"),
        ({"n_rows": 1.5}, "a whole number of at least 0 in n_rows"),
        ({"n_rows": 2**63}, "a whole number of at least 0 in n_rows"),
        ({"n_rows": 0, "n_positive": None}, "at least 1 row in n_rows"),
        ({"n_positive": 10**6}, "a whole number of 0 to .* in n_positive"),
        ({"n_positive": 1}, "the share of its positive rows in base_rate"),
        ({"base_rate": -0.5}, "a share from 0 to 1 in base_rate"),
        ({"l2": "inf"}, "a finite number of at least 0 in l2"),
        ({"l2": True}, "a number in l2"),
        ({"sum_weight": -3}, "a finite number above 0 in sum_weight"),
        ({"n_dependent": 99}, "a whole number of 0 to .* in n_dependent"),
        ({"positive": ["y"]}, "a text in positive"),
        ({"notes": "none"}, "a list of texts in notes"),
        ({"has_offset": 1}, "true or false in has_offset"),
        ({"offset": "x"}, "no column where there is no offset in offset"),
        ({"log_loss": -1}, "no loss and no bound is below 0"),
        ({"certificate": [0.0, 1]}, "true or false in certificate"),
        ({"passes": []}, "a fit has a pass"),
        ({"errors": {"kind": "guess"}}, 'errors has no "intercept"'),
        ({"separation": {"columns": []}}, 'separation has no "is_complete"'),
        ({"new_rows": 3}, "an object in new_rows"),
        ({"version": None}, "must say the version that wrote it"),
    ],
)
def test_a_model_that_does_not_fit_together_is_refused(model, tmp_path, changes, words):
    path = tmp_path / "model.json"
    model.save(path)
    rewritten(path, **changes)
    with pytest.raises(logloss.DataError, match=words):
        logloss.load(path)


@pytest.mark.parametrize("field", ["coefficients", "values", "centre", "scale", "levels", "reference", "errors"])
def test_a_model_whose_fields_contradict_each_other_is_refused(model, tmp_path, field):
    """What is printed must be what rows are predicted with: one number of each field is another one."""
    path = tmp_path / "model.json"
    model.save(path)
    fields = json.loads(path.read_text())
    terms = fields["design"]["terms"]
    numbers = next(term for term in terms if term["kind"] == "numbers")
    category = next(term for term in terms if term["kind"] == "category")
    if field == "coefficients":
        name = list(fields["coefficients"])[-1]
        fields["coefficients"][name] *= 2
    elif field == "values":
        fields["values"][-1] += 0.5
    elif field in ("centre", "scale"):
        numbers[field][0] = -3.5
    elif field == "levels":
        category["levels"][0] = category["levels"][1]
    elif field == "reference":
        category["reference"] += 1 if category["reference"] == 0 else -1
    else:
        name = next(iter(fields["coefficients"]))
        fields["errors"] = {"kind": "sandwich", "intercept": 1.0, "coefficients": {name: 1.0}, "cluster": []}
        fields["errors"]["n_clusters"] = 0
    content = {name: value for name, value in fields.items() if name not in documents.HEAD}
    path.write_bytes(documents.document_bytes("model", content))
    with pytest.raises(logloss.DataError, match=r"model\.json must hold a model"):
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
    path.write_text('{"logloss": "model", "format": "1.0", "n_rows": ' + number + "}")
    with pytest.raises(logloss.DataError, match=r"cannot read model\.json: .* is no number of ours"):
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
    path.write_text(text.replace('"format": "1.0"', '"format": "2.0"'))
    with pytest.raises(logloss.DataError, match=r"model\.json has format 2\.0, and this is logloss"):
        logloss.load(path)
    path.write_bytes(documents.document_bytes("recipe", {}))
    with pytest.raises(logloss.DataError, match='holds a "recipe", which this version does not know'):
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
    assert [documents.number(documents.written(value)) for value in values] == values
    assert math.isnan(documents.number(documents.written(math.nan)))
