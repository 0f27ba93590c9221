"""Which columns of a table a fit uses by itself, and which it refuses."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from test_design import people

import logloss


def test_every_column_without_another_role_is_a_feature():
    frame = people()
    frame["weight"] = 1.0
    frame["where"] = np.arange(len(frame)) % 20
    model = logloss.fit(frame, "label", sample_weight="weight", cluster="where")
    assert model.design.columns == ("age", "city", "pay", "new")
    named = logloss.fit(frame, "label", sample_weight="weight", features=["age", "city", "pay", "new"])
    assert model.coefficients == named.coefficients


def test_columns_are_excluded_by_name():
    frame = people()
    assert logloss.fit(frame, "label", exclude=["city", "new"]).design.columns == ("age", "pay")
    assert logloss.fit(frame, "label", exclude="city").design.columns == ("age", "pay", "new")
    with pytest.raises(logloss.DataError, match='no column "town"'):
        logloss.fit(frame, "label", exclude=["town"])
    with pytest.raises(logloss.DataError, match="name them or exclude"):
        logloss.fit(frame, "label", features=["age"], exclude=["city"])


def test_the_column_of_a_comparison_is_no_feature():
    frame = people()
    frame["stars"] = np.arange(len(frame)) % 5
    assert logloss.fit(frame, "stars >= 3").design.columns == ("age", "city", "pay", "new", "label")


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (np.arange(400), '"id" looks like an identifier: it numbers the rows'),
        (np.arange(1, 401), '"id" looks like an identifier: it numbers the rows'),
        ([f"u{k}" for k in range(400)], "looks like an identifier: text with 400 values in 400 rows"),
        ([f"u{k // 1.9:.0f}" for k in range(400)], "looks like an identifier: text with 21. values in 400 rows"),
    ],
)
def test_what_only_tells_rows_apart_is_refused_unless_it_is_named(column, words):
    frame = people()
    frame["id"] = column
    with pytest.raises(logloss.DataError, match=words):
        logloss.fit(frame, "label")
    with pytest.raises(logloss.DataError, match=r'exclude=\["id"\]'):
        logloss.fit(frame, "label")
    assert "id" in logloss.fit(frame, "label", features=["age", "id"], l2=1.0).design.columns


def test_columns_of_other_kinds_are_left_out_and_said():
    frame = people()
    frame["day"] = datetime.datetime(2026, 1, 1)
    model = logloss.fit(pa.Table.from_pandas(frame), "label")
    assert "day" not in model.design.columns
    assert model.notes == ("not used: day (dates)",)
    assert repr(model).splitlines()[-1] == "not used   day (dates)"
    assert "day (dates)" in model._repr_html_()
    assert "day (dates)" in model.to_html()


def test_a_column_that_turns_from_numbers_to_text_is_text_in_every_block(tmp_path, monkeypatch):
    """Blocks of a text file are read one by one; which block a row is in must not matter."""
    monkeypatch.setattr("logloss.data.arrow.delimited.CHUNK_BYTES", 1 << 12)
    rng = np.random.default_rng(0)
    zone = rng.integers(1, 4, 2_000).astype(str)
    zone[1_500:] = rng.choice(["1", "2", "A"], 500)
    frame = pd.DataFrame({"zone": zone, "y": rng.integers(0, 2, 2_000)})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    model = logloss.fit(str(tmp_path / "rows.csv"), "y")
    assert list(model.coefficients) == ["zone = 2", "zone = 3", "zone = A"]
    assert list(model.coefficients.values()) == pytest.approx(
        list(logloss.fit(frame, "y").coefficients.values()), abs=1e-12
    )
    assert model.predict_logit(str(tmp_path / "rows.csv")) == pytest.approx(model.predict_logit(frame), abs=1e-12)


def test_a_stream_is_refused_with_the_reason():
    table = pa.Table.from_pandas(people())
    with pytest.raises(logloss.DataError, match="can be read once only; a fit walks over its rows repeatedly"):
        logloss.fit(pa.RecordBatchReader.from_batches(table.schema, table.to_batches()), "label")


def test_too_many_coefficients_are_refused_and_the_widest_column_named():
    rng = np.random.default_rng(0)
    shop = rng.integers(0, 6_000, 20_000)
    with pytest.raises(logloss.DataError, match=r'at most 5,000 coefficients.*\("shop" alone 5,\d\d\d levels\)'):
        logloss.fit({"shop": shop}, rng.integers(0, 2, 20_000), categories=["shop"], l2=1.0)
