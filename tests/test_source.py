"""What a table becomes: sources and parts, names and arrays, and what is said when they do not fit."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from logloss import DataError, log_loss, measure
from logloss.data.binding import MATRIX, bind
from logloss.data.rows import Column, Roles
from logloss.data.source import BLOCK_ROWS, PART_ROWS, BlockPart, MemoryPart, array_source, as_source


def refused(call) -> str:
    with pytest.raises(DataError) as error:
        call()
    return str(error.value)


@pytest.fixture
def table():
    return {"clicked": [1, 0, 1], "score": [0.5, 0.25, 0.75], "weight": [1.0, 2.0, 3.0]}


def test_arguments_are_arrays_or_a_table_and_names(table):
    by_name = measure(table, y_true="clicked", y_proba="score", sample_weight="weight")
    by_array = measure(table["clicked"], table["score"], sample_weight=table["weight"])
    assert by_name.log_loss == by_array.log_loss


def test_an_array_may_stand_for_a_column_of_a_table_in_memory(table):
    mixed = measure(table, y_true="clicked", y_proba=np.array([0.5, 0.25, 0.75]), sample_weight="weight")
    assert mixed.log_loss == measure(table, y_true="clicked", y_proba="score", sample_weight="weight").log_loss
    assert measure(table, y_true=[1, 0, 1], y_proba="score").log_loss == log_loss([1, 0, 1], table["score"])
    assert measure(pd.DataFrame(table), y_true=[1, 0, 1], y_proba="score").n_rows == 3


def test_two_names_are_a_pair():
    table = {"y": [1, 0], "no": [0.25, 0.5], "yes": [0.75, 0.5]}
    assert measure(table, y_true="y", y_proba=["no", "yes"]).log_loss == log_loss([1, 0], [0.75, 0.5])
    assert refused(lambda: measure(table, y_true="y", y_proba=["no", "yes", "y"])) == (
        "`y_proba` must be one column, or two: of 0 and of 1; got 3 names."
    )


def test_a_wrong_name_is_answered_with_the_right_ones(table):
    said = refused(lambda: measure(table, y_true="clickd", y_proba="score"))
    assert said == 'no column "clickd". The table has: clicked, score, weight. Did you mean "clicked"?'
    said = refused(lambda: measure(table, y_true="clicked", y_proba="zzz"))
    assert said == 'no column "zzz". The table has: clicked, score, weight.'


def test_names_of_columns_cannot_command_a_terminal():
    said = refused(lambda: measure({"a\x1b[31m": [1], "p": [0.5]}, y_true="b\x1b]0;x", y_proba="p"))
    assert "\x1b" not in said


def test_lengths_that_differ_are_both_named(table):
    said = refused(lambda: log_loss(np.ones(1000), np.full(999, 0.5)))
    assert said == "`y_true` has 1,000 rows and `y_proba` has 999. They must describe the same rows."
    said = refused(lambda: measure(table, y_true="clicked", y_proba=[0.5, 0.5]))
    assert said == 'column "clicked" has 3 rows and `y_proba` has 2. They must describe the same rows.'
    assert "has 2 rows" in refused(lambda: log_loss([1, 0], [0.5, 0.5], sample_weight=[1]))


def test_no_rows_are_an_error_that_says_so():
    assert refused(lambda: log_loss([], [])) == "expected at least one row; found none."
    assert refused(lambda: measure([], [])) == "expected at least one row; found none."
    assert "found none" in refused(lambda: measure({"y": [], "p": []}, y_true="y", y_proba="p"))


def test_names_need_a_table():
    said = refused(lambda: log_loss([1, 0], "score"))
    assert said == '`y_proba` is the name "score", but no table is given. Pass the table first and `y_true=` as a name.'
    assert refused(lambda: measure("preds.csv")) == 'name the label column of "preds.csv": y_true="…".'


def test_things_that_are_no_table_are_refused_with_what_is():
    said = refused(lambda: measure(object(), y_true="y", y_proba="p"))
    assert said == (
        "cannot read a table from object. Pass arrays, a data frame, an Arrow table or dataset, or the path of Parquet or "
        "CSV files."
    )


def test_a_source_is_its_own_source():
    source = array_source({"y_true": [1], "y_proba": [0.5]})
    assert as_source(source) is source


def test_parts_cover_all_rows_once_and_do_not_depend_on_anything_else():
    n_rows = 2 * PART_ROWS + 5
    source = array_source({"x": np.arange(n_rows)})
    parts = source.parts(("x",))
    assert [part.n_rows for part in parts] == [PART_ROWS, PART_ROWS, 5]
    rows = [rows for part in parts for rows in part.rows()]
    assert np.array_equal(np.concatenate([r.columns["x"].values for r in rows]), np.arange(n_rows))
    assert [r.first_row for r in rows] == [int(r.columns["x"].values[0]) for r in rows]
    assert max(r.n_rows for r in rows) == BLOCK_ROWS


def test_only_the_columns_that_are_used_travel():
    [part] = array_source({"y": [1, 0], "p": [0.5, 0.5], "text": ["a", "b"]}).parts(("y", "p"))
    assert sorted(part.columns) == ["p", "y"]


def test_a_part_travels():
    roles = Roles("y_true", "y_proba")
    [part] = array_source({"y_true": [1, 0], "y_proba": [0.5, 0.25]}).parts(roles.columns)
    [block] = pickle.loads(pickle.dumps(BlockPart(part, roles))).blocks()
    assert (block.y_true.tolist(), block.y_proba.tolist()) == ([1, 0], [0.5, 0.25])


def test_a_part_of_no_rows_has_no_blocks():
    part = MemoryPart({"y_true": Column(np.zeros(0))}, 7, None)
    assert list(BlockPart(part, Roles("y_true")).blocks()) == []


def test_roles_name_each_column_once():
    roles = Roles("y", "p", y_proba_of_zero="q", sample_weight="w", counts="w")
    assert roles.columns == ("y", "q", "p", "w")


def test_features_are_named_by_themselves_or_by_number():
    frame = pd.DataFrame({"age": [1.0, 2.0], "pay": [3.0, 4.0]})
    assert bind([1, 0], features=frame)[1].features == ("age", "pay")
    for matrix, names in (([1.0, 2.0], ("x",)), ([[1, 2, 3], [4, 5, 6]], ("x0", "x1", "x2"))):
        source, roles = bind([1, 0], features=matrix)
        assert roles.features == (MATRIX,)
        assert source.columns[MATRIX].names == names


def test_a_matrix_is_walked_without_a_copy():
    matrix = np.zeros((3, 2), np.float32)
    source, roles = bind([1, 0, 1], features=matrix)
    for part in source.parts(roles.columns):
        for block in BlockPart(part, roles).blocks():
            assert np.shares_memory(block.features[0].values, matrix)


def test_features_must_be_numbers():
    assert "`X` must be numbers of shape (n_rows, n_features)" in refused(lambda: bind([1, 0], features=[["a"], ["b"]]))


def test_a_column_may_play_two_roles():
    """A share that is its own prediction; and a column of the name of another role."""
    table = {"q": [0.25, 0.5], "y_proba": [1, 0]}
    assert measure(table, y_true="q", y_proba="q").log_loss == log_loss([0.25, 0.5], [0.25, 0.5])
    assert measure(table, y_true="y_proba", y_proba="q").log_loss == log_loss([1, 0], [0.25, 0.5])


def test_an_array_beside_a_column_of_the_same_name_does_not_replace_it():
    """A table may have a column that is called like a role; the array for that role is another thing."""
    table = {"y_proba": [1, 0], "other": [0.5, 0.5]}
    found = measure(table, y_true="y_proba", y_proba=np.array([0.25, 0.75]))
    assert found.log_loss == log_loss([1, 0], [0.25, 0.75])
