"""What a table becomes: sources and parts, names and arrays, and what is said when they do not fit."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

import logloss
from logloss import DataError, log_loss, measure
from logloss.data.binding import MATRIX, bind
from logloss.data.columns import as_column
from logloss.data.request import RowOptions
from logloss.data.rows import BLOCK_ROWS, PART_ROWS, Column, Roles
from logloss.data.source import BlockPart, MemoryPart, array_source, as_source


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
        "`y_proba` must be one name, or two: of the columns of P(0) and P(1); got a list of 3 names. "
        "`compare` takes several."
    )


def test_a_wrong_name_is_answered_with_the_right_ones(table):
    message = refused(lambda: measure(table, y_true="clickd", y_proba="score"))
    assert message == 'no column "clickd". The table has: clicked, score, weight. Did you mean "clicked"?'
    message = refused(lambda: measure(table, y_true="clicked", y_proba="zzz"))
    assert message == 'no column "zzz". The table has: clicked, score, weight.'


def test_names_of_columns_cannot_command_a_terminal():
    message = refused(lambda: measure({"a\x1b[31m": [1], "p": [0.5]}, y_true="b\x1b]0;x", y_proba="p"))
    assert "\x1b" not in message


def test_lengths_that_differ_are_both_named(table):
    message = refused(lambda: log_loss(np.ones(1000), np.full(999, 0.5)))
    assert message == "`y_true` has 1,000 rows and `y_proba` has 999. They must describe the same rows."
    message = refused(lambda: measure(table, y_true="clicked", y_proba=[0.5, 0.5]))
    assert message == 'column "clicked" has 3 rows and `y_proba` has 2. They must describe the same rows.'
    assert "has 2 rows" in refused(lambda: log_loss([1, 0], [0.5, 0.5], sample_weight=[1]))


def test_no_rows_are_an_error_that_says_so():
    assert refused(lambda: log_loss([], [])) == "expected at least one row; found none."
    assert refused(lambda: measure([], [])) == "expected at least one row; found none."
    assert "found none" in refused(lambda: measure({"y": [], "p": []}, y_true="y", y_proba="p"))


def test_names_need_a_table():
    message = refused(lambda: log_loss([1, 0], "score"))
    assert message == (
        '`y_proba` is the name "score", but the first argument is labels, not a table. Pass a table first and name its '
        'label column, y_true="…"; or pass an array as `y_proba`.'
    )
    message = refused(lambda: measure("preds.csv"))
    assert (
        message == '`y_true` must name the label column of "preds.csv"; it is left out. Pass y_true="…", y_proba="…".'
    )


def test_things_that_are_no_table_are_refused_with_what_is():
    message = refused(lambda: measure(object(), y_true="y", y_proba="p"))
    assert message == (
        "a table must have columns with names; got object. Pass a data frame, a dict of arrays, an Arrow table or dataset, "
        "or the path of Parquet or CSV files; or arrays alone, without names of columns."
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
    assert bind([1, 0], RowOptions(), features=frame)[1].features == ("age", "pay")
    for matrix, names in (([1.0, 2.0], ("x",)), ([[1, 2, 3], [4, 5, 6]], ("x0", "x1", "x2"))):
        source, roles = bind([1, 0], RowOptions(), features=matrix)
        assert roles.features == (MATRIX,)
        assert source.columns[MATRIX].names == names


def test_a_matrix_is_walked_without_a_copy():
    matrix = np.zeros((3, 2), np.float32)
    source, roles = bind([1, 0, 1], RowOptions(), features=matrix)
    (part,) = source.parts(roles.columns)
    (block,) = BlockPart(part, roles).blocks()
    assert block.n_rows == 3
    assert np.shares_memory(block.features[0].values, matrix)


def test_features_must_be_numbers():
    assert '`X` must hold numbers; column 0 holds "a" in row 0' in refused(
        lambda: bind([1, 0], RowOptions(), features=[["a"], ["b"]])
    )


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


# --- two indexes of pandas ----------------------------------------------------------------------------------------------


def given():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"y": rng.integers(0, 2, 40), "x": rng.normal(size=40), "g": rng.integers(0, 3, 40)})
    frame["p"] = rng.random(40)
    return frame, frame.sample(frac=1, random_state=1)


VERBS = {
    "log_loss": (lambda a, b: log_loss(a.y, b.p), "`y_true` and `y_proba`"),
    "surprisal": (lambda a, b: logloss.surprisal(a.y, b.p), "`y_true` and `y_proba`"),
    "weights": (lambda a, b: log_loss(a.y, a.p, sample_weight=b.p), "`y_true` and `sample_weight`"),
    "cross_entropy": (lambda a, b: logloss.cross_entropy(a.p, b.p), "`q` and `p`"),
    "measure": (lambda a, b: measure(a.y, a.p, by=b.g), "`y_true` and `by`"),
    "groups": (lambda a, b: measure(a.y, a.p, by={"g": b.g}), '`y_true` and `by` "g"'),
    "beside a frame": (lambda a, b: measure(a, y_true="y", y_proba=b.p), "the table and `y_proba`"),
    "a dict": (lambda a, b: measure({"y": a.y, "p": b.p}, y_true="y", y_proba="p"), 'column "y" and column "p"'),
    "fit": (lambda a, b: logloss.fit(a[["x"]], b.y, l2=1.0), "`y_true` and `X`"),
    "model": (lambda a, b: logloss.fit(a, "y", features=["x"], l2=1.0).measure(a, b.y), "`X` and `y_true`"),
    "offset": (
        lambda a, b: logloss.fit(a, "y", features=["x"], l2=1.0).predict_logit(a, offset=b.p),
        "`X` and `offset`",
    ),
    "compare": (lambda a, b: logloss.compare(a.y, {"old": a.p, "new": b.p}), '`y_true` and "new"'),
    "order": (lambda a, b: logloss.compare(a.y, {"old": a.p, "new": a.p}, order=b.g), "`y_true` and `order`"),
    "calibrate": (lambda a, b: logloss.calibrate(a.y, b.p), "`y_true` and `y_proba`"),
    "LogisticRegression": (lambda a, b: logloss.LogisticRegression().fit(a[["x"]], b.y), "`X` and `y`"),
    "Calibrator": (lambda a, b: logloss.Calibrator(cv=2).fit(a[["x"]], b.y), "`X` and `y`"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_the_same_labels_in_another_order_are_a_warning_that_names_both(verb):
    """Rows go by position; whoever shuffled one of two arguments meant its labels."""
    call, names = VERBS[verb]
    frame, shuffled = given()
    with pytest.warns(UserWarning, match="the same index in another order; rows are taken by position") as caught:
        call(frame, shuffled)
    [message] = {str(each.message) for each in caught if "same index" in str(each.message)}
    assert message.startswith(names)
    # Equal, of other labels, or without any: nothing is to be said.
    with warnings.catch_warnings(action="error"):
        for other in (frame, frame.copy(), shuffled.reset_index(drop=True), frame.set_index(frame.index + 100)):
            call(frame, other)
        call(shuffled, shuffled.copy())


def test_labels_of_several_kinds_and_repeated_ones_are_compared_too():
    y, p = [1, 0, 1], [0.5, 0.25, 0.75]
    for labels in ([1, "a", None], [2, 2, 1]):
        with pytest.warns(UserWarning, match="same index in another order"):
            log_loss(pd.Series(y, index=labels), pd.Series(p, index=labels[::-1]))
    with warnings.catch_warnings(action="error"):
        log_loss(pd.Series(y, index=[2, 2, 1]), pd.Series(p, index=[1, 1, 2]))


# --- tables with columns that nobody asks for --------------------------------------------------------------------------


def test_bools_with_gaps_are_bools_in_lists_and_object_arrays():
    """As Arrow reads them in a frame: a category of true, false and nothing, not a number."""
    for values in ([True, None, False], np.array([True, np.nan, False], object)):
        column = as_column(values, "flag")
        assert column.values.dtype == np.bool_
        assert column.missing.tolist() == [False, True, False]
        assert (column.values[0], column.values[2]) == (True, False)


def test_a_dict_may_hold_what_is_no_column_as_long_as_nobody_asks_for_it():
    table = {"y": [1, 0], "p": [0.5, 0.5], "parts": [[1, 2], [3, 4]], "raw": np.array([b"x", b"y"], object)}
    assert measure(table, y_true="y", y_proba="p").n_rows == 2
    assert "`parts` must be one column" in refused(lambda: measure(table, y_true="y", y_proba="parts"))
    assert "it holds bytes" in refused(lambda: measure(table, y_true="y", y_proba="p", by="raw"))


def test_a_frame_may_hold_what_arrow_cannot_read_as_long_as_nobody_asks_for_it():
    frame = pd.DataFrame({"y": [1, 0], "p": [0.5, 0.5], "mixed": [1, "a"], "wave": [1j, 2j]})
    assert measure(frame, y_true="y", y_proba="p").n_rows == 2
    for name in ("mixed", "wave"):
        assert f'column "{name}" must hold' in refused(
            lambda name=name: measure(frame, y_true="y", y_proba="p", by=name)
        )


def test_columns_of_a_frame_that_share_a_name_are_refused_where_they_are_asked_for():
    frame = pd.DataFrame([[1, 0.5, 0.25], [0, 0.5, 0.75]], columns=["y", "p", "p"])
    assert 'column "p" stands 2 times' in refused(lambda: measure(frame, y_true="y", y_proba="p"))
    assert measure(frame.set_axis(["y", "p", "q"], axis=1), y_true="y", y_proba="p").n_rows == 2


def forms(tmp_path):
    """One table in each form; the ones in files by their paths."""
    frame = pd.DataFrame({"y": [1, 0], "p": [0.75, 0.25]})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet")
    path = str(tmp_path / "rows.csv")
    dataset = pyarrow.dataset.dataset(tmp_path / "rows.parquet")
    tables = {"frame": frame, "dict": dict(frame), "arrow": pa.Table.from_pandas(frame), "dataset": dataset}
    return tables | {"path": path, "list": [path], "pathlib": tmp_path / "rows.csv"}


@pytest.mark.parametrize("form", ["frame", "dict", "arrow", "dataset", "path", "list", "pathlib"])
@pytest.mark.parametrize("verb", [measure, logloss.calibrate, log_loss])
def test_a_table_without_y_true_is_answered_with_it(form, verb, tmp_path):
    message = refused(lambda: verb(forms(tmp_path)[form], "p"))
    assert message.startswith("`y_true` must name the label column of ")
    assert '; it is left out. Pass y_true="…", y_proba="p".' in message
    assert message.endswith("The table has: y, p.") == (form in ("frame", "dict", "arrow", "dataset"))


def test_a_table_without_any_name_is_answered_with_both(tmp_path):
    frame = forms(tmp_path)["frame"]
    for call in (lambda: measure(frame), lambda: measure(frame, frame.p), lambda: logloss.calibrate(frame)):
        assert 'Pass y_true="…", y_proba="…". The table has: y, p.' in refused(call)
    message = refused(lambda: logloss.compare(frame, ["p", "y"]))
    assert 'Pass y_true="…" beside the forecasts. The table has: y, p.' in message


def test_a_frame_of_one_column_is_labels():
    y, p = pd.DataFrame({"y": [1, 0]}), pd.DataFrame({"p": [0.75, 0.25]})
    assert log_loss(y, p) == log_loss([1, 0], [0.75, 0.25])


def test_a_text_that_is_no_file_is_taken_for_a_name():
    assert refused(lambda: measure("y", "p")) == (
        'the first argument must be labels or a table; got the text "y", which is no file. '
        'Pass the table first and its label column by name: y_true="y", y_proba="p".'
    )


def test_one_column_is_no_table():
    for column in (pd.Series([1, 0]), pl.Series([1, 0]), pa.array([1, 0])):
        message = refused(lambda column=column: measure(column, y_true="y", y_proba="p"))
        assert message.startswith("a table must have columns with names; got one column (")
    message = refused(lambda: measure(np.array([1, 0]), [0.5, 0.5], y_true=np.array([1, 0])))
    assert message.startswith("a table must have columns with names; got ndarray of shape (2,).")


def test_lists_of_one_name_are_answered_with_the_name(tmp_path):
    frame = forms(tmp_path)["frame"]
    message = refused(lambda: measure(frame, y_true=["y"], y_proba="p"))
    assert message == '`y_true` must be a name, not a list: y_true="y".'
    message = refused(lambda: measure(frame, y_true="y", y_proba=["p"]))
    assert message.endswith('got a list of 1 name. For one column pass y_proba="p".')


def test_swapped_features_and_labels_are_answered_with_their_order(tmp_path):
    frame = forms(tmp_path)["frame"]
    message = refused(lambda: logloss.fit(frame.y, frame))
    assert message.startswith("`y_true` must be one column of labels; got a table (DataFrame). Features come first")
    assert "labels in memory do not go with features in a file" in refused(lambda: logloss.fit("rows.csv", [1, 0]))
    message = refused(lambda: logloss.fit(frame, "y", features=np.array([1.0, 2.0])))
    assert message.startswith("`features` must be a list of names of columns; got ndarray.")
    named = logloss.fit(pd.concat([frame] * 5), "y", features=frame.columns[1:], l2=1.0)
    assert list(named.coefficients) == ["p"]


@pytest.mark.parametrize("role", ["by", "cluster"])
def test_a_key_names_each_column_once(role, tmp_path):
    for table in forms(tmp_path).values():
        message = refused(lambda table=table: measure(table, y_true="y", y_proba="p", **{role: ["y", "y"]}))
        assert message == f'`{role}` must name each column once; it names "y" twice.'


def test_the_columns_of_a_table_are_its_own(tmp_path):
    """Not those that a model adds to it while it is walked."""
    tables = forms(tmp_path)
    model = logloss.fit({"p": [0.0, 1.0, 0.5, 0.25], "y": [0, 1, 1, 0]}, "y", l2=1.0)
    for table in (tables["path"], tables["dataset"]):
        message = refused(lambda table=table: logloss.compare(table, {"m": model, "q": "q"}, y_true="y"))
        assert message == 'no column "q". The table has: y, p.'


def test_a_name_in_other_letters_is_the_right_one(table):
    message = refused(lambda: measure(table, y_true="CLICKED", y_proba="score"))
    assert message.endswith('Did you mean "clicked"?')


def test_a_file_without_a_header_is_answered_with_the_option(tmp_path):
    (tmp_path / "rows.csv").write_text("1,0.9\n0,0.2\n")
    message = refused(lambda: measure(str(tmp_path / "rows.csv"), y_true="0", y_proba="y"))
    assert message == 'no column "0". The table has: 1, 0.9. If that is the first row of data, pass `header=False`.'


def test_a_model_in_place_of_a_forecast_is_answered_with_its_own_measure(tmp_path):
    frame = forms(tmp_path)["frame"]
    message = refused(lambda: measure(frame, logloss.fit(frame, "y", l2=1.0), y_true="y"))
    assert message == "`y_proba` is a model that `fit` returned. Measure it on rows: model.measure(table, y_true)."
