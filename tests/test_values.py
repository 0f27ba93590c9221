"""One canonical value for each number, text and bool, from every source that a table may come from."""

from __future__ import annotations

import json
import math
import operator
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import logloss
from logloss import DataError, measure
from logloss.data.rows import LabelTest
from logloss.data.values import (
    COMPARE,
    compared,
    is_beyond_floats,
    is_label,
    number_in,
    read_value,
    rounded_as_floats,
    typed,
    written_value,
)

EXACT = 2**53
FLOATS = st.floats(allow_nan=False)
NUMBERS = st.integers(-(2**300), 2**300) | FLOATS | st.decimals(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    "same",
    [
        [7, np.int32(7), np.uint64(7), 7.0, np.float32(7), Decimal(7), Decimal("7.00"), Decimal("70e-1")],
        [EXACT + 1, np.int64(EXACT + 1), Decimal(EXACT + 1)],
        [2**63 + 1, np.uint64(2**63 + 1), Decimal(2**63 + 1)],
        [2**70, float(2**70), Decimal(2**70)],
        [10**300 + 1, Decimal(10**300 + 1)],
        [0, -0.0, 0.0, Decimal("-0.0"), False + 0],
        [0.1, Decimal("0.1"), Decimal("0.100")],
        [math.inf, np.float32(np.inf), Decimal("Infinity")],
        [None, math.nan, np.float32(np.nan), Decimal("nan")],
        ["7", np.str_("7")],
        [True, np.bool_(True)],
        [Decimal("0.12345678901234567890"), Decimal("0.1234567890123456789")],
    ],
)
def test_values_that_are_one(same):
    found = [typed(value) for value in same]
    assert [(type(value), value) for value in found] == [(type(found[0]), found[0])] * len(same)


def test_values_that_are_not_one():
    """Of bools, whole numbers, fractions and text; 0.1 as float32 is another number than 0.1."""
    apart = [None, "", "7", 7, True, 1, "1", "True", EXACT, EXACT + 1, 2**64, 2**64 + 1, 0.1, np.float32(0.1), math.inf]
    found = [typed(value) for value in apart]
    assert len({(type(value), value) for value in found}) == len(apart)
    assert typed(np.float32(0.1)) == 0.10000000149011612


@given(NUMBERS, NUMBERS)
def test_two_numbers_are_one_value_only_if_they_are_equal_or_print_alike(a, b):
    first, second = typed(a), typed(b)
    is_one = (type(first), first) == (type(second), second)
    prints = [Decimal(repr(x)) if isinstance(x, float) and math.isfinite(x) else x for x in (a, b)]
    is_whole = [math.isfinite(x) and x == int(x) for x in (a, b) if abs(x) < 10**400]
    assert is_one == (a == b if all(is_whole) and len(is_whole) == 2 else prints[0] == prints[1])


@given(NUMBERS)
def test_a_value_is_its_own_value_and_survives_json(value):
    found = typed(value)
    assert (type(typed(found)), typed(found)) == (type(found), found)
    again = read_value(json.loads(json.dumps(written_value(found), allow_nan=False)))
    assert (type(again), again) == (type(found), found)


@given(NUMBERS)
def test_the_number_in_a_text_is_exact(value):
    found = number_in(f"{value:f}" if isinstance(value, Decimal) else str(value))
    assert (type(found), found) == (type(typed(value)), typed(value))


@pytest.mark.parametrize("text", ["", "seven", "1_000", "nan", "0x10", "1,5"])
def test_texts_that_are_no_number(text):
    assert number_in(text) is None


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(EXACT - 2, EXACT + 2), min_size=1),
    NUMBERS,
    st.sampled_from(sorted(COMPARE)),
)
def test_whole_numbers_are_compared_exactly(values, operand, name):
    """Against Python's own comparison, which rounds neither side."""
    operand = typed(operand)
    assert compared(np.array(values), name, operand).tolist() == [COMPARE[name](value, operand) for value in values]


@given(
    st.lists(FLOATS | st.sampled_from([float(EXACT), EXACT + 2.0, 0.1]), min_size=1),
    NUMBERS | st.integers(EXACT - 2, EXACT + 3),
    st.sampled_from(sorted(COMPARE)),
)
def test_floats_are_compared_exactly(values, operand, name):
    operand = typed(operand)
    assert compared(np.array(values), name, operand).tolist() == [COMPARE[name](value, operand) for value in values]


@pytest.mark.parametrize("name", COMPARE)
def test_bools_are_compared_as_0_and_1(name):
    compare = {
        ">=": operator.ge,
        "<=": operator.le,
        "==": operator.eq,
        "!=": operator.ne,
        ">": operator.gt,
        "<": operator.lt,
    }
    assert compared(np.array([True, False]), name, 1).tolist() == [compare[name](1, 1), compare[name](0, 1)]


def test_a_class_is_known_by_its_exact_number():
    assert is_label(np.int64(EXACT + 1), str(EXACT + 1))
    assert is_label("7.0", 7)
    assert is_label(Decimal("7.00"), "7")
    assert is_label("0.1", Decimal("0.10"))
    assert not is_label(float(EXACT), EXACT + 1)
    assert not is_label(np.float64(EXACT), EXACT + 1)
    assert not is_label(str(EXACT), EXACT + 1)
    assert not is_label("yes", 1)


def test_a_comparison_says_its_operand_to_the_last_digit():
    assert str(LabelTest.parse(f"y >= {EXACT + 1}")) == f"y >= {EXACT + 1}"
    assert str(LabelTest.parse("stars >= 4.0")) == "stars >= 4"
    assert str(LabelTest.parse("p < 0.1234567")) == "p < 0.1234567"
    assert LabelTest.parse("p < 0.12345678901234567890").operand == Decimal("0.1234567890123456789")


N_ROWS = 60
Y = np.arange(N_ROWS) % 2
P = np.linspace(0.1, 0.9, N_ROWS)
COLUMNS = {
    "whole": [EXACT + k // 3 for k in range(N_ROWS)],
    "unsigned": [2**63 + k // 3 for k in range(N_ROWS)],
    "long": [2**70 + k // 3 for k in range(N_ROWS)],
    "fractions": [Decimal("0.123456789012345678") + k // 3 for k in range(N_ROWS)],
    "short": [7, 8] * (N_ROWS // 2),
}


def sources(values, path) -> dict[str, object]:
    """The same values, in every container that can hold them: each takes the place of `by=` or of the labels."""
    decimals = [Decimal(value) for value in values]
    found = {"objects": np.array(values, object), "list": list(values), "Decimals": np.array(decimals, object)}
    found["series of objects"] = pd.Series(values, dtype=object)
    found["arrow decimals"] = pa.array(decimals)
    found["polars decimals"] = pl.Series(pa.array(decimals))
    if all(isinstance(value, int) and value < 2**64 for value in values):
        found |= {"arrow": pa.array(values, pa.uint64()), "polars": pl.Series(values, dtype=pl.UInt64)}
        found |= {"numpy": np.array(values, np.uint64), "Series": pd.Series(values, dtype="UInt64")}
    pq.write_table(pa.table({"v": pa.array(decimals)}), path / "v.parquet")
    found["parquet"] = pq.read_table(path / "v.parquet")["v"]
    return found


def figures(m) -> dict:
    found = m.to_dict()
    del found["source"], found["positive"]
    return found


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_key_is_one_value_from_every_source(kind, tmp_path):
    """Groups, their order, and hashes of clusters; as many as there are values."""
    values = COLUMNS[kind]
    expected = None
    for name, column in sources(values, tmp_path).items():
        m = measure(Y, P, by={"v": column}, cluster={"v": column})
        keys = m.groups["v"]
        assert keys == sorted(set(values)), name
        found = [(type(key), key) for key in keys], m.summary.clusters.names, figures(m)
        expected = found if expected is None else expected
        assert found == expected, name


@pytest.mark.parametrize("kind", COLUMNS)
def test_classes_and_comparisons_are_exact_from_every_source(kind, tmp_path):
    values = [COLUMNS[kind][0], COLUMNS[kind][-1]] * (N_ROWS // 2)
    high = max(values)
    if kind == "whole":
        values, high = [EXACT, EXACT + 1] * (N_ROWS // 2), EXACT + 1
    for name, column in sources(values, tmp_path).items():
        for pos_label in (high, str(high), Decimal(high)):
            assert measure(column, P, pos_label=pos_label).n_positive == N_ROWS // 2, name
        table = (
            pa.table({"v": column, "p": P}) if isinstance(column, pa.Array | pa.ChunkedArray) else {"v": column, "p": P}
        )
        for test, n_positive in ((f"v >= {high}", 30), (f"v == {high}", 30), (f"v < {high}", 30), (f"v > {high}", 0)):
            assert measure(table, y_true=test, y_proba="p").n_positive == n_positive, (name, test)


@pytest.mark.parametrize("low", [EXACT, 2**64, Decimal("9007199254740993.25")])
def test_classes_of_a_text_file_are_exact(low, tmp_path):
    high = low + 1
    pacsv.write_csv(pa.table({"y": [str(low), str(high)] * 3, "p": [0.2, 0.7] * 3}), tmp_path / "t.csv")
    assert measure(tmp_path / "t.csv", y_true="y", y_proba="p", pos_label=high).n_positive == 3
    assert measure(tmp_path / "t.csv", y_true=f"y >= {high}", y_proba="p").n_positive == 3


def test_keys_of_a_text_file_are_text(tmp_path):
    """A file without types cannot say whether 007 is a number."""
    (tmp_path / "t.csv").write_text("y,p,g\n1,0.5,007\n0,0.5,7\n1,0.5,7.0\n")
    assert measure(tmp_path / "t.csv", y_true="y", y_proba="p", by="g").groups["g"] == ["007", "7", "7.0"]


def test_bools_among_objects_are_bools_and_gaps_are_nothing():
    """As a nullable column of bools is."""
    for column in (np.array([True, None, False, True], object), pd.array([True, None, False, True], dtype="boolean")):
        found = measure([1, 0, 1, 0], [0.5] * 4, by={"g": column}).groups["g"]
        assert found == [None, False, True]
        assert [type(value) for value in found[1:]] == [bool, bool]
    mixed = measure([1, 0, 1, 0], [0.5] * 4, by={"g": np.array([True, 1, "1", 1.0], object)})
    assert (mixed.groups["g"], mixed.groups["rows"]) == ([True, 1, "1"], [1, 2, 1])
    assert mixed.margin("g")["rows"] == [1, 2, 1]


def test_float32_keys_are_their_own_numbers():
    keys = measure([1, 0], [0.5, 0.5], by={"g": np.array([0.1, 0.5], np.float32)}).groups["g"]
    assert keys == [0.10000000149011612, 0.5]


def test_listed_groups_are_exact():
    by = {"g": np.array([EXACT, EXACT + 1] * 3)}
    m = measure([1, 0, 0] * 2, [0.5] * 6, by=by, groups=[Decimal(EXACT + 1)])
    assert m.groups["rows"] == [3, 3]
    assert m.groups["g"][0] == EXACT + 1


def test_keys_that_no_float_holds_are_shown_to_the_last_digit():
    values = np.array([Decimal("0.12345678901234567890"), 2**70 + 1] * 2, object)
    m = measure([1, 0, 0, 1], [0.5] * 4, by={"g": values})
    assert [row["g"] for row in json.loads(json.dumps(m.to_dict(), allow_nan=False))["groups"]] == [
        "0.1234567890123456789",
        2**70 + 1,
    ]
    assert "0.1234567890123456789 " in repr(m)
    assert f"{2**70 + 1} " in repr(m)
    assert m.groups.to_pandas()["g"].tolist() == [Decimal("0.1234567890123456789"), 2**70 + 1]
    assert pa.table(m.groups)["g"].to_pylist() == ["0.1234567890123456789", str(2**70 + 1)]


def test_decimals_are_numbers_as_features_and_probabilities():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=50), rng.integers(0, 2, 50)
    exact = [Decimal(float(value)) for value in x]
    frame = pd.DataFrame({"x": exact, "y": y})
    model = logloss.fit(
        pa.table({"x": pa.array(exact, pa.decimal256(70, 60)), "y": y}), y_true="y", features=["x"], l2=1.0
    )
    of_floats = logloss.fit(pd.DataFrame({"x": x, "y": y}), y_true="y", features=["x"], l2=1.0)
    # A decimal of 60 places is the float to 1e-60.
    assert model.coefficients == pytest.approx(of_floats.coefficients, rel=1e-12)
    assert logloss.fit(frame, y_true="y", features=["x"], l2=1.0).coefficients == pytest.approx(
        of_floats.coefficients, rel=1e-12
    )
    proba = [Decimal("0.12345678901234567890"), Decimal("0.7")]
    assert measure([0, 1], pa.array(proba)).log_loss == measure([0, 1], [0.12345678901234568, 0.7]).log_loss


def test_levels_of_a_category_are_exact():
    values = [EXACT, EXACT + 1, EXACT + 2] * 20
    y = (np.arange(60) % 7 < 3).astype(int)
    model = logloss.fit({"g": np.array(values), "y": y}, y_true="y", features=["g"], categories=["g"], l2=1.0)
    assert list(model.coefficients) == [f"g: {EXACT + 1}", f"g: {EXACT + 2}"]


def test_levels_that_no_float_holds_survive_the_file(tmp_path):
    values = [Decimal("0.12345678901234567890"), Decimal("0.12345678901234567891")] * 20
    y = (np.arange(40) % 7 < 3).astype(int)
    table = pa.table({"g": pa.array(values), "y": y})
    model = logloss.fit(table, y_true="y", features=["g"], categories=["g"], l2=1.0)
    model.save(tmp_path / "m.json")
    found = logloss.load(tmp_path / "m.json")
    assert found.design.categories[0].levels == model.design.categories[0].levels == tuple(map(typed, values[:2]))
    assert found.predict_proba(table).tolist() == model.predict_proba(table).tolist()


def test_whole_numbers_beyond_the_floats_are_refused():
    with pytest.raises(DataError, match=r"`g` must hold numbers of at most 1\.8e308; it holds one of 310 digits"):
        measure([1, 0], [0.5, 0.5], by={"g": [10**309, 1]})


def test_the_sum_of_distinct_keys_is_their_number():
    """100 distinct decimals are 100 groups and 100 clusters; through float64 they were 51."""
    ids = pa.array([Decimal(EXACT + k) for k in range(100)], pa.decimal128(38, 0))
    m = measure([1, 0] * 50, [0.4] * 100, by={"id": ids}, cluster={"id": ids})
    assert (len(m.groups), m.n_clusters) == (100, 100)
    assert Fraction(m.groups["id"][-1]) == EXACT + 99


def test_whole_numbers_that_floats_round_are_found():
    exact = np.array([0, -(2**53), 2**53, 2**53 + 2, 2**62], np.int64)
    assert rounded_as_floats(exact) is None
    assert rounded_as_floats(np.array([2**53, 2**53 + 1, -(2**53) - 1, 2**62 + 1])).tolist() == [
        False,
        True,
        True,
        True,
    ]
    assert rounded_as_floats(np.array([2**64 - 1, 2**63], np.uint64)).tolist() == [True, False]
    assert rounded_as_floats(np.zeros(0, np.int64)) is rounded_as_floats(np.array([0.5])) is None


@pytest.mark.parametrize(
    "number", ["1e309", "-1e309", "9" * 309, "1e-324", 10**309, Decimal("1e400"), Decimal("1e-400")]
)
def test_numbers_that_no_float_comes_near_are_found(number):
    assert is_beyond_floats(number)


@pytest.mark.parametrize(
    "number", ["1e308", "0", "0e-400", "0.000000000", "inf", "nan", "text", "5e-324", 10**308, 0.0, False, True, None]
)
def test_numbers_that_a_float_comes_near_are_none(number):
    assert not is_beyond_floats(number)
