"""Which columns of a table a fit uses by itself, and which it refuses."""

from __future__ import annotations

import datetime
import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest
from test_design import people

import logloss
from logloss.data.block import Block
from logloss.data.rows import Column, FramePlace, Roles, Rows
from logloss.onepass.summaries import ColumnSummary


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
    with pytest.raises(logloss.DataError, match="pass `features` or `exclude`, not both"):
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
    assert list(model.coefficients) == ["zone: 2", "zone: 3", "zone: A"]
    assert list(model.coefficients.values()) == pytest.approx(
        list(logloss.fit(frame, "y").coefficients.values()), abs=1e-12
    )
    assert model.predict_logit(str(tmp_path / "rows.csv")) == pytest.approx(model.predict_logit(frame), abs=1e-12)


def test_a_stream_is_refused_with_the_reason():
    table = pa.Table.from_pandas(people())
    with pytest.raises(logloss.DataError, match="can be read once only; a fit reads its rows repeatedly"):
        logloss.fit(pa.RecordBatchReader.from_batches(table.schema, table.to_batches()), "label")


def test_too_many_coefficients_are_refused_and_the_widest_column_named():
    rng = np.random.default_rng(0)
    shop = rng.integers(0, 6_000, 20_000)
    with pytest.raises(logloss.DataError, match=r'at most 5,000 coefficients.*\("shop" alone 5,\d\d\d levels\)'):
        logloss.fit({"shop": shop}, rng.integers(0, 2, 20_000), categories=["shop"], l2=1.0)


# --- the index of a frame ----------------------------------------------------------------------------------------------

INDEXES = {
    "sampled": lambda n: pd.Index(np.random.default_rng(1).permutation(2 * n)[:n]),
    "named": lambda n: pd.Index([f"k{k % 7}" for k in range(n)], name="key"),
    "of two levels": lambda n: pd.MultiIndex.from_arrays([np.arange(n) % 3, np.arange(n)], names=["key", None]),
    "of times": lambda n: pd.date_range("2026-01-01", periods=n, name="key"),
    "a range with steps": lambda n: pd.RangeIndex(3, 3 + 2 * n, 2, name="key"),
}


@pytest.mark.parametrize("kind", INDEXES)
def test_the_index_of_a_frame_is_no_feature_wherever_the_frame_is_kept(kind, tmp_path):
    frame = people()
    expected = logloss.fit(frame, "label").coefficients
    frame.index = INDEXES[kind](len(frame))
    frame.to_parquet(tmp_path / "rows.parquet")
    table = pa.Table.from_pandas(frame)
    for rows in (frame, table, pa.dataset.dataset(table), str(tmp_path / "rows.parquet"), pl.from_arrow(table)):
        if kind not in ("sampled", "a range with steps") and isinstance(rows, pl.DataFrame):
            # Polars keeps no metadata: a named level is a column like others there.
            continue
        assert logloss.fit(rows, "label").coefficients == pytest.approx(expected, abs=1e-12)
    assert logloss.fit(frame[["age", "city", "pay", "new"]], frame.label).coefficients == pytest.approx(expected)


@pytest.mark.parametrize("form", ["frame", "arrow", "parquet"])
def test_a_named_index_is_found_by_its_name(form, tmp_path):
    frame = people().set_index(INDEXES["named"](400))
    frame.to_parquet(tmp_path / "rows.parquet")
    rows = {"frame": frame, "arrow": pa.Table.from_pandas(frame), "parquet": str(tmp_path / "rows.parquet")}[form]
    model = logloss.fit(rows, "label", features=["age", "key"], l2=1.0)
    assert list(model.coefficients) == ["age", *(f"key: k{k}" for k in range(1, 7))]
    groups = model.measure(rows, "label", by="key").groups.to_dict()
    assert sorted(groups["key"]) == [f"k{k}" for k in range(7)]
    assert model.predict_proba(rows) == pytest.approx(model.predict_proba(frame.reset_index()), abs=1e-14)
    assert "not used   key (the index)" in repr(logloss.fit(rows, "label"))
    if form == "frame":
        with_array = logloss.measure(rows, y_true="label", y_proba=np.full(400, 0.5), by="key")
        assert len(with_array.groups) == 7


# --- identifiers -------------------------------------------------------------------------------------------------------


def keys_of(n):
    rng = np.random.default_rng(2)
    numbers = rng.permutation(3 * n)[:n]
    return {
        "row numbers with gaps": numbers,
        "the same as floats with gaps": np.where(rng.random(n) < 0.2, np.nan, numbers),
        "hex": [f"{k:032x}" for k in rng.integers(0, 2**62, n)],
        "uuid": [str(uuid.UUID(int=int(k))) for k in rng.integers(0, 2**62, n)],
        "text with gaps": [None if k % 3 == 0 else f"u{k}" for k in range(n)],
        "a category": pd.Categorical([f"u{k}" for k in range(n)]),
        "a category of numbers": pd.Categorical(numbers),
    }


@pytest.mark.parametrize("missing", ["error", "drop", "indicator"])
@pytest.mark.parametrize("kind", keys_of(10))
@pytest.mark.parametrize("order", ["as it is", "shuffled", "sorted", "filtered"])
def test_an_identifier_is_found_in_any_order_and_whatever_is_missing(kind, order, missing):
    frame = people().assign(id=keys_of(400)[kind])
    orders = {"shuffled": frame.sample(frac=1, random_state=1), "filtered": frame[frame.age > 38]}
    orders |= {"as it is": frame, "sorted": frame.sort_values("pay")}
    rows = orders[order]
    if missing == "error":
        rows = rows[rows["id"].notna()]
    with pytest.raises(logloss.DataError, match=r'column "id" looks like an identifier.*exclude='):
        logloss.fit(rows, "label", missing=missing)


@pytest.mark.parametrize("kind", keys_of(10))
def test_whoever_names_an_identifier_gets_it(kind):
    frame = people(60).assign(id=keys_of(60)[kind])
    for named in ({"features": ["age", "id"]}, {"categories": ["id"]}):
        model = logloss.fit(frame, "label", l2=1.0, missing="drop", leave_one_out=False, **named)
        assert "id" in model.design.columns


def test_a_key_of_more_levels_than_are_kept_is_found(monkeypatch):
    monkeypatch.setattr("logloss.onepass.summaries.features.MOST_LEVELS", 100)
    frame = people().assign(id=[f"u{k // 3}" for k in range(400)])
    with pytest.raises(logloss.DataError, match="looks like an identifier: text with too many values in 400 rows"):
        logloss.fit(frame, "label", missing="indicator")


def test_partitions_of_one_row_number_nothing():
    """Of an engine's frame only runs of rows are known: in each of one row, every column goes up by one."""
    found = ColumnSummary.empty(unnamed=frozenset([0]))
    for value in (7.5, -2.0, 31.25):
        columns = {"y": Column(np.array([1.0])), "x": Column(np.array([value]))}
        workspace = found.workspace()
        workspace.add(Block.of(Rows(columns, 0, FramePlace("", "", columns, 0)), Roles("y", features=("x",))))
        found = found.merge(workspace.freeze())
    assert not found.columns[0].is_numbering


def test_whole_numbers_that_differ_as_measurements_do_are_features():
    rng = np.random.default_rng(4)
    frame = people().assign(
        cents=rng.integers(0, 10**7, 400), seconds=rng.integers(1.7e9, 1.73e9, 400), visits=rng.poisson(30, 400)
    )
    assert logloss.fit(frame, "label").design.columns[-3:] == ("cents", "seconds", "visits")


# --- declared categories -----------------------------------------------------------------------------------------------


def coded_people():
    rng = np.random.default_rng(6)
    frame = people()
    frame["code"] = pd.Categorical(rng.choice([10, 20, 30], 400), categories=[40, 30, 20, 10])
    frame["grade"] = pd.Categorical(rng.choice(["low", "high"], 400), categories=["low", "never", "high"], ordered=True)
    frame["smokes"] = pd.Categorical(rng.random(400) < 0.5, categories=[True, False])
    return frame[["code", "grade", "smokes", "label"]]


def test_declared_categories_are_categories_in_their_order_whatever_their_values(tmp_path):
    frame = coded_people()
    names = ["code: 20", "code: 10", "grade: high", "smokes: False"]
    model = logloss.fit(frame, "label")
    assert list(model.coefficients) == names
    assert model.design.references["code: 10"] == "30"
    series = {name: frame[name] for name in frame}
    for rows in (frame, pa.Table.from_pandas(frame), series, frame.sample(frac=1, random_state=0)):
        assert list(logloss.fit(rows, "label").coefficients) == names
    assert list(logloss.fit(frame[["code", "grade", "smokes"]], frame.label).coefficients) == names
    assert logloss.fit(frame, "label", reference={"code": 10}).design.references["code: 30"] == "10"


def test_text_of_an_enum_stands_in_its_order():
    frame = pl.DataFrame(people()).with_columns(pl.col("city").cast(pl.Enum(["Genf", "Basel", "Chur", "Bern"])))
    assert list(logloss.fit(frame, "label", features=["city"]).coefficients) == ["city: Chur", "city: Bern"]


def test_a_parquet_file_keeps_declared_categories(tmp_path):
    """Text in its order; of numbers and bools Parquet keeps no order, which is said."""
    frame = coded_people()
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=64)
    model = logloss.fit(str(tmp_path / "rows.parquet"), "label")
    assert list(model.coefficients) == ["code: 20", "code: 30", "grade: high", "smokes: True"]
    assert model.notes == (
        "levels in ascending order, as Parquet keeps no declared order of numbers and bools: code, smokes",
    )
    assert model.predict_logit(frame) == pytest.approx(logloss.fit(frame, "label").predict_logit(frame), abs=1e-9)


def test_blocks_that_declare_different_orders_have_none():
    from logloss.onepass.summaries import Levels

    first, second = Levels({"a": 1.0}, 1, {"a": 0}), Levels({"b": 1.0}, 1, {"b": 1})
    assert first.merge(second).ranks == {"a": 0, "b": 1}
    assert first.merge(Levels({"b": 1.0}, 1, {"b": 0})).ranks is None
    assert first.merge(Levels({"a": 1.0}, 1, {"a": 2})).ranks is None
    assert first.merge(Levels({"a": 1.0}, 1)).ranks is None
    assert first.merge(Levels({None: 1.0}, 0, {})).ranks == {"a": 0}


def test_intervals_and_dates_that_are_categories_are_known_by_their_text():
    frame = people()
    frame["bin"] = pd.cut(frame.age, [0, 30, 50, 100])
    frame["week"] = pd.Categorical(pd.to_datetime(np.where(frame.new, "2026-01-05", "2026-01-12")))
    names = list(logloss.fit(frame, "label", features=["bin", "week"]).coefficients)
    assert names[:2] == ["bin: (30, 50]", "bin: (50, 100]"]
    assert names[2].startswith("week: 2026-01-12 00:00:00")


def test_categories_in_other_roles_are_their_values():
    frame = coded_people().assign(age=people().age)
    frame["y"] = pd.Categorical(frame.label, categories=[1, 0])
    assert (
        logloss.fit(frame, "y", features=["age"]).coefficients
        == logloss.fit(frame, "label", features=["age"]).coefficients
    )
    model = logloss.fit(frame, "label", features=["age"], cluster="code")
    assert model.errors.n_clusters == 3
    assert sorted(model.measure(frame, "y", by="code").groups.to_dict()["code"]) == [10, 20, 30]
    periods = logloss.compare(frame, y_true="y", y_logit=["age", "label"], order="code")
    plain = logloss.compare(
        frame.assign(code=frame.code.astype(int)), y_true="label", y_logit=["age", "label"], order="code"
    )
    assert periods.to_dict() == {**plain.to_dict(), "positive": "y = 1"}


# --- what is no feature ------------------------------------------------------------------------------------------------

OTHERS = {
    "day": [datetime.date(2026, 1, 1)] * 400,
    "at": pd.Series(pd.date_range("2026-01-01", periods=400)),
    "month": pd.Series(pd.period_range("2000-01", periods=400, freq="M")),
    "wait": pd.Series(pd.to_timedelta(np.arange(400), unit="h")),
    "hour": [datetime.time(1, 2)] * 400,
    "parts": [[1, 2]] * 400,
    "map": [{"a": 1}] * 400,
    "raw": [b"x"] * 400,
    "mixed": [1, "a"] * 200,
    "wave": [1j] * 400,
    "nothing": [None] * 400,
}


@pytest.mark.parametrize("form", ["frame", "arrow", "dict", "parquet"])
def test_what_is_no_feature_is_listed_by_name_in_every_printed_model(form, tmp_path):
    frame = people().assign(**OTHERS)
    names = list(OTHERS)
    if form != "frame":
        names = [name for name in names if name not in ("mixed", "wave", "month")]
        frame = frame[[*people().columns, *names]]
    if form == "parquet":
        frame.to_parquet(tmp_path / "rows.parquet")
    forms = {"frame": lambda: frame, "arrow": lambda: pa.Table.from_pandas(frame)}
    forms |= {"dict": lambda: {n: frame[n].to_numpy() for n in frame if n != "nothing"}}
    forms |= {"parquet": lambda: str(tmp_path / "rows.parquet")}
    model = logloss.fit(forms[form](), "label")
    assert model.design.columns == ("age", "city", "pay", "new")
    for message in (repr(model), model._repr_html_(), model.to_html(), str(model.to_dict()["notes"])):
        for name in names if form != "dict" else [n for n in names if n != "nothing"]:
            assert f"{name} (" in message
    assert "city (excluded)" in repr(logloss.fit(people(), "label", exclude=["city"]))


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_feature_is_refused_by_name_where_it_is_asked_for(name):
    frame = people().assign(**OTHERS)
    with pytest.raises(logloss.DataError, match=f'column "{name}"') as caught:
        logloss.fit(frame, "label", features=["age", name])
    if name in ("day", "at", "month"):
        assert f'Name the part that matters: "year({name})", "month({name})"' in str(caught.value)


@pytest.mark.parametrize("constant", [0.0, 0.1, 0.3, 19.99, 3.0, 1e6])
@pytest.mark.parametrize("n_rows", [10, 100, 999])
def test_a_constant_column_has_no_coefficient(constant, n_rows):
    """The mean of many times 0.1 is another float: what it left of the column once had a coefficient of 1e15."""
    rng = np.random.default_rng(1)
    labels = np.arange(n_rows) % 2
    model = logloss.fit(
        {"x": rng.normal(size=n_rows), "k": np.full(n_rows, constant), "g": rng.choice(list("ab"), n_rows)}, labels
    )
    # The shortest of many answers, to the rounding of an eigenvector.
    assert abs(model.coefficients["k"]) < 1e-12
    assert model.certificate.is_proven


def test_a_copy_of_a_level_costs_no_certificate():
    rng = np.random.default_rng(1)
    g = rng.choice(list("abc"), 300)
    model = logloss.fit({"g": g, "is_b": g == "b"}, rng.integers(0, 2, 300))
    assert model.certificate.is_proven
    assert model.n_dependent == 1


@pytest.mark.parametrize("offset", [-30.0, 11.0, 30.0])
def test_an_offset_without_curvature_at_the_start_is_fitted(offset):
    """The intercept takes it back, whatever it is: passes once stayed at 0."""
    values, labels = np.arange(12.0) % 5, np.arange(12) % 2
    plain = logloss.fit(values, labels)
    model = logloss.fit(values, labels, offset=np.full(12, offset))
    assert model.certificate.is_proven
    assert model.log_loss == pytest.approx(plain.log_loss, rel=1e-12)
    assert model.intercept == pytest.approx(plain.intercept - offset, rel=1e-9)


def test_coefficients_that_would_have_one_name_are_refused():
    table = {"g": ["a", "b", "a", "b"], "g: b": [1.0, 2.0, 3.0, 5.0]}
    with pytest.raises(logloss.DataError, match='two coefficients would be called "g: b"'):
        logloss.fit(table, [0, 1, 1, 0])
    model = logloss.fit({"intercept": [1.0, 2.0, 3.0, 5.0]}, [0, 1, 1, 0])
    with pytest.raises(logloss.DataError, match='a column is called "intercept"'):
        model.contributions({"intercept": [1.0]})


def test_the_mask_of_a_matrix_is_missing_values():
    masked = np.ma.masked_array([[1.0], [2.0], [3.0], [999.0]], mask=[[0], [0], [0], [1]])
    with pytest.raises(logloss.DataError, match="row 3 has none"):
        logloss.fit(masked, [0, 1, 0, 1])
    model = logloss.fit(masked, [0, 1, 0, 1], missing="drop")
    assert model.n_rows == 3


def test_weights_whose_sum_is_no_number_are_refused_in_words():
    with pytest.raises(logloss.DataError, match="weights must add up to a number"):
        logloss.fit([0.0, 1.0, 2.0], [0, 1, 0], sample_weight=[1e308, 1e308, 1e308])


def test_a_number_of_a_text_file_stays_a_number_where_it_makes_clusters_or_groups_too(tmp_path):
    """Keys of text files are read as text: a feature among them once became a category, without a word."""
    rng = np.random.default_rng(1)
    d = pd.DataFrame({"x": rng.normal(size=200), "k": rng.integers(0, 5, 200)})
    d["y"] = (rng.random(200) < 1 / (1 + np.exp(-d.x))).astype(int)
    d.to_csv(tmp_path / "d.csv", index=False)
    models = [logloss.fit(t, "y", features=["x", "k"], cluster="k") for t in (str(tmp_path / "d.csv"), d)]
    assert models[0].coefficients == models[1].coefficients
    assert models[0].errors.n_clusters == 5
    measured = [models[1].measure(t, "y", by="k") for t in (str(tmp_path / "d.csv"), d)]
    assert measured[0].log_loss == measured[1].log_loss


@pytest.mark.parametrize("options", [{"categories": ["b"]}, {"reference": {"b": 1}}])
def test_options_that_name_no_feature_are_answered_with_the_features(options):
    rows = [[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 1.0]]
    with pytest.raises(logloss.DataError, match=r'must name features; "b" is none. The features are: a.'):
        logloss.fit({"a": [0.0, 1.0, 2.0, 3.0]}, [0, 1, 0, 1], **options)
    with pytest.raises(logloss.DataError, match=r'"b" is none. Columns of an array have no names: pass a frame.'):
        logloss.fit(rows, [0, 1, 0, 1], **options)
