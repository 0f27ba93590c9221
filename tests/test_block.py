"""Every rule about what may be in a table, and the words in which it is refused: expected, got, where, what next."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from logloss import DataError, compare, entropy, fit, log_loss, measure, surprisal
from logloss.data.block import Block
from logloss.data.rows import Column, LabelTest, Place, Roles, Rows

LN2 = math.log(2)
FIRST_ROW = 1_000_000


def refused(*arguments, verb=log_loss, **keywords) -> str:
    """What is said."""
    with pytest.raises(DataError) as error:
        verb(*arguments, **keywords)
    return str(error.value)


def block_of(first_row=0, place=None, **columns) -> Block:
    """A block of columns that have the names of their roles."""
    roles = {name: value for name, value in columns.items() if name in ("pos_label", "missing", "label_test")}
    found = {name: value for name, value in columns.items() if name not in roles}
    rows = Rows({name: Column(np.asarray(value)) for name, value in found.items()}, first_row, place or Place())
    return Block.of(rows, Roles(**{name: name for name in found}, **roles))


# Probabilities.


def test_a_probability_above_one_is_named_with_its_row_and_a_way_out():
    message = refused([0, 1, 1], [0.5, 1.2, 1.3])
    assert message == (
        "`y_proba` must lie in [0, 1]; row 1 has 1.2 (at least 2 such rows). "
        "If it holds log-odds, pass it as `y_logit`."
    )


def test_one_rounding_above_one_is_too_much_and_can_be_seen():
    """scikit-learn refuses it, too; others clip in silence (keras#4744)."""
    assert "row 1 has 1.0000000000000002." in refused([0, 1], [0.5, 1.0000000000000002])
    assert "row 0 has 1.0000001." in refused([1], np.float32([1.0000001]))
    assert "row 0 has 1.001." in refused([1], np.float16([1.001]))


def test_negative_probabilities_are_refused_and_minus_zero_is_zero():
    assert "row 0 has -0.1." in refused([1], [-0.1])
    assert "row 0 has -5e-324." in refused([1], [-5e-324])
    assert log_loss([0], [-0.0]) == 0.0
    assert log_loss([1], [-0.0]) == math.inf
    assert log_loss([1], np.float32([-0.0])) == math.inf


def test_infinite_probabilities_are_refused():
    assert "row 1 has inf." in refused([1, 1], [0.5, np.inf])
    assert "row 1 has -inf." in refused([1, 1], np.float32([0.5, -np.inf]))


def test_a_row_is_named_by_its_number_in_its_source():
    with pytest.raises(DataError, match="row 1,000,002 of scores has 7"):
        block_of(FIRST_ROW, Place("scores"), y_true=[1, 0, 1], y_proba=[0.5, 0.5, 7.0])


def test_rows_far_down_are_named_rightly():
    """Beyond the first block and the first part."""
    p = np.full(600_000, 0.5)
    p[599_999] = 2.0
    assert "row 599,999 has 2." in refused(np.ones(600_000, np.uint8), p)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
def test_every_width_of_float_is_taken(dtype):
    assert log_loss([1, 0], np.array([0.5, 0.5], dtype)) == LN2


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "uint8"])
def test_whole_numbers_are_probabilities_too(dtype):
    assert log_loss([1, 0], np.array([1, 0], dtype)) == 0.0


def test_strided_and_read_only_arrays_are_taken():
    p = np.arange(0.1, 0.9, 0.1)
    p.flags.writeable = False
    y = np.array([1, 0, 1, 0, 1, 0, 1, 0])
    assert log_loss(y[::2], p[::2]) == log_loss(y[::2].copy(), p[::2].copy())
    assert log_loss(y[::-1], p[::-1]) == log_loss(y, p)
    assert log_loss(np.asfortranarray(y), p.astype(">f8")) == log_loss(y, p)


def test_inputs_are_never_changed():
    y, p, w = np.array([1.0, 0.0]), np.array([0.5, 0.25]), np.array([1.0, 0.0])
    copies = [x.copy() for x in (y, p, w)]
    measure(y, p, sample_weight=w)
    assert all(np.array_equal(a, b) for a, b in zip((y, p, w), copies, strict=True))
    assert all(x.flags.writeable for x in (y, p, w))


# Two columns.


def test_two_columns_that_do_not_add_up_to_one_are_refused_and_never_renormalised():
    """scikit-learn only warns (scikit-learn#24515, PR#25299)."""
    message = refused([1], [[0.2, 0.3]])
    assert "must add up to 1 within 1e-6; row 0 has 0.3." in message
    assert "The other is 0.2, the sum 0.5. Probabilities are not renormalised." in message


def test_two_columns_may_miss_one_by_the_rounding_of_float32():
    pair = np.array([[0.3, 0.7], [0.6, 0.4]], np.float32)
    assert log_loss([1, 0], pair) == log_loss([1, 0], pair.astype(np.float64))
    assert "the sum 1.000002" in refused([1], [[0.3, 0.700002]])


def test_each_of_two_columns_must_hold_probabilities():
    assert "must lie in [0, 1]" in refused([1], [[-0.5, 1.5]])


def test_two_columns_of_named_classes_stand_in_sorted_order():
    """As `predict_proba` gives them. scikit-learn#30910: a perfect forecast scored 36.04 because of the order of labels."""
    perfect_cat_dog = [[0.0, 1.0], [1.0, 0.0]]
    assert log_loss(["dog", "cat"], perfect_cat_dog, pos_label="dog") == 0.0


def test_two_columns_are_not_swapped_in_silence_where_the_first_class_is_positive():
    """cat sorts before dog: the first column is P(cat). Either it is read so, or refused; never read the other way."""
    perfect_cat_dog = [[0.0, 1.0], [1.0, 0.0]]
    try:
        found = log_loss(["dog", "cat"], perfect_cat_dog, pos_label="cat")
    except DataError as error:
        assert "pos_label" in str(error)
    else:
        assert found == 0.0


def test_an_array_of_two_columns_beside_a_table_is_not_swapped_either():
    table = {"pet": ["dog", "cat"]}
    try:
        found = measure(table, y_true="pet", y_proba=np.array([[0.0, 1.0], [1.0, 0.0]]), pos_label="cat").log_loss
    except DataError as error:
        assert "pos_label" in str(error)
    else:
        assert found == 0.0


def test_three_columns_are_refused_with_their_shape():
    assert refused([1], [[0.2, 0.3, 0.5]]) == "`y_proba` must have shape (n_rows,) or (n_rows, 2); it has shape (1, 3)."


def test_a_frame_of_two_columns_is_a_pair():
    frame = pd.DataFrame({"no": [0.25, 0.5], "yes": [0.75, 0.5]})
    assert log_loss([0, 1], frame) == 1.5 * LN2
    assert log_loss([0, 1], [[0.25, 0.75], [0.5, 0.5]]) == 1.5 * LN2


# Logits.


def test_any_real_logit_is_taken_and_only_nan_is_refused():
    assert "`y_logit` must hold a value; row 1 has none." in refused([1, 0], y_logit=[0.0, np.nan])
    assert log_loss([1, 0], y_logit=[1e300, -np.inf]) == 0.0


def test_one_forecast_is_not_given_twice():
    message = refused([1], [0.5], y_logit=[0.0])
    assert message == "pass `y_proba` or `y_logit`, not both: both state the same forecast."


@pytest.mark.parametrize("verb", [log_loss, measure, surprisal])
def test_a_missing_forecast_is_asked_for(verb):
    message = refused([1, 0], verb=verb)
    assert "`y_proba`" in message
    assert "`y_logit`" in message


# Missing values.


def test_nan_and_none_are_one_thing_and_an_error_with_a_way_out():
    message = refused([1, np.nan, 0, np.nan], [0.5] * 4)
    assert message == (
        "`y_true` must hold a value; row 1 has none (at least 2 such rows). "
        'Correct the table, or pass missing="drop" to leave such rows out; the result says how many.'
    )
    assert "`y_proba` must hold a value; row 0 has none." in refused([1], [np.nan])
    assert "`y_true` must hold a value; row 1 has none." in refused([1, None], [0.5, 0.5])
    assert "`sample_weight` must hold a value; row 0 has none." in refused([1], [0.5], sample_weight=[np.nan])
    assert "`counts` must hold a value; row 0 has none." in refused([1], [0.5], counts=[np.nan])


def test_dropped_rows_are_counted_and_change_nothing_else():
    y, p = [1, np.nan, 0, 1, 1], [0.5, 0.5, np.nan, 0.25, 0.5]
    w = [1, 1, 1, 1, np.nan]
    m = measure(y, p, sample_weight=w, missing="drop")
    assert (m.n_dropped, m.n_rows, float(m.log_loss)) == (3, 2, 1.5 * LN2)
    assert "3 rows dropped (missing values)" in repr(m)
    assert log_loss(y, p, sample_weight=w, missing="drop") == 1.5 * LN2


def test_a_bad_value_after_dropped_rows_is_named_by_its_own_number():
    assert "row 2 has 3." in refused([1, 0, 1], [0.5, np.nan, 3.0], missing="drop")


def test_all_rows_missing_is_an_error_that_says_so():
    message = refused([np.nan, np.nan], [0.5, 0.5], missing="drop")
    assert message == "expected at least one row with every value; all 2 rows lack one."


def test_missing_is_error_or_drop():
    assert refused([1], [0.5], missing="ignore") == '`missing` must be "error" or "drop"; got "ignore".'


@pytest.mark.parametrize(
    "labels",
    [
        np.ma.array([1, 0], mask=[False, True]),
        np.array([1, None], dtype=object),
        np.array([1, pd.NA], dtype=object),
        pd.Series([1, None]),
        pd.Series([1, pd.NA], dtype="Int64"),
        pd.Series([True, pd.NA], dtype="boolean"),
        pd.Series([1, pd.NA], dtype=object),
        pd.array([1, None], dtype="Int8"),
        pl.Series([1, None]),
        pl.Series([True, None]),
        [1, float("nan")],
    ],
    ids=lambda labels: f"{type(labels).__module__.split('.')[0]} {getattr(labels, 'dtype', '')}",
)
def test_every_way_to_write_nothing_is_understood(labels):
    assert "`y_true` must hold a value; row 1 has none." in refused(labels, [0.5, 0.5])
    assert log_loss(labels, [0.5, 0.5], missing="drop") == LN2
    assert measure(labels, [0.5, 0.5], missing="drop").n_dropped == 1


@pytest.mark.parametrize("role", ["sample_weight", "counts", "y_proba"])
@pytest.mark.parametrize("beneath", [0.0, -1.0, 1.0])
def test_what_lies_beneath_a_mask_is_never_looked_at(role, beneath):
    """A masked weight of 0 would make the row vanish in silence, a masked −1 be refused for what nobody wrote."""
    column = np.ma.array([1.0, beneath], mask=[False, True])
    arguments = {"y_proba": [0.5, 0.25], role: column}
    assert f"`{role}` must hold a value; row 1 has none." in refused([1, 1], **arguments)
    assert measure([1, 1], **arguments, missing="drop").n_dropped == 1


# Weights and counts.


@pytest.mark.parametrize("weight", [-0.5, -5e-324, np.inf, -np.inf])
def test_negative_and_infinite_weights_are_refused(weight):
    message = refused([1, 0], [0.5, 0.5], sample_weight=[1, weight])
    assert message.startswith("`sample_weight` must be finite and at least 0; row 1 has ")
    assert message.endswith("A row of weight 0 counts as no row.")


def test_weight_zero_hides_whatever_else_the_row_holds():
    found = measure([1, 5, np.nan, 0], [0.5, 9.0, np.nan, np.nan], sample_weight=[1, 0, 0, -0.0])
    assert (found.n_rows, found.n_dropped, float(found.log_loss)) == (1, 0, LN2)


def test_all_weights_zero_is_an_error_that_says_so():
    message = refused([1, 0], [0.5, 0.5], sample_weight=[0, 0])
    assert message == "expected at least one row with a weight above 0; all 2 rows have weight 0."


@pytest.mark.parametrize("count", [-1, 0.5, 2.0**60, np.inf])
def test_counts_are_whole_and_not_negative(count):
    message = refused([1, 0], [0.5, 0.5], counts=[1, count])
    assert message.startswith("`counts` must hold whole numbers from 0 to 2^")
    assert "; row 1 has " in message
    assert message.endswith("Weights that are not whole numbers are `sample_weight`.")


def test_counts_never_overflow():
    """Two thousand rows of the largest count are more rows than 64 bits can number: exact, or refused."""
    n_rows = 2_000
    try:
        found = measure([1, 0] * (n_rows // 2), [0.5] * n_rows, counts=[2**53] * n_rows)
    except DataError as error:
        assert "`counts` must hold whole numbers" in str(error)
    else:
        assert found.n_rows == n_rows * 2**53
        assert found.base_rate == 0.5


@pytest.mark.parametrize("role", ["sample_weight", "counts"])
def test_text_that_reads_as_nan_is_no_number(role):
    """A weight of nan would make the row vanish, or the mean nan."""
    message = refused([1, 0], [0.5, 0.25], **{role: np.array([1, "nan"], object)})
    assert f"`{role}` must hold " in message
    assert "row 1" in message


# Labels.


@pytest.mark.parametrize(
    "labels",
    [
        [True, False, True],
        np.array([1, 0, 1], np.uint8),
        np.array([1, 0, 1], np.int64),
        np.array([1, 0, 1], np.float32),
        [1, -1, 1],
        np.array([1, -1, 1], np.int8),
        [1.0, -1.0, 1.0],
        np.array([1, 0, 1], dtype=object),
        pd.Categorical([1, 0, 1]),
        pd.Series([True, False, True], dtype="category"),
        pd.Series([1, 0, 1], index=[7, 7, 9]),
        pl.Series([1, 0, 1]),
        (1, 0, 1),
    ],
    ids=repr,
)
def test_hard_labels_may_be_written_in_many_ways(labels):
    assert log_loss(labels, [0.5, 0.75, 0.25]) == log_loss([1, 0, 1], [0.5, 0.75, 0.25])


def test_labels_of_a_block_are_bytes_where_all_are_hard():
    assert block_of(y_true=[1.0, 0.0], y_proba=[0.5, 0.5]).y_true.dtype == np.uint8
    assert block_of(y_true=[1.0, 0.25], y_proba=[0.5, 0.5]).y_true.dtype == np.float64


@pytest.mark.parametrize("labels", [[0, 2], [1, 2], [-1, 0], [-1, 0.5], [0, 1, -1], [0.5, 1.5], [-2, 1], [0, np.inf]])
def test_other_numbers_are_not_labels(labels):
    message = refused(labels, [0.5] * len(labels))
    assert message.startswith("`y_true` must be 0 or 1")


def test_a_wrong_label_is_named_with_its_row():
    message = refused([0, 1, 3, 4], [0.5] * 4)
    assert message.startswith(
        "`y_true` must be 0 or 1 (−1 or 1, or shares from 0 to 1); row 2 has 3 (at least 2 such rows"
    )
    assert 'Two classes with other names need `pos_label=`; y_true="stars >= 4" makes a label by comparison.' in message


def test_two_other_classes_are_asked_for_the_positive_one():
    assert "If the classes are 2 values: 1, 2, say which is positive: `pos_label=`." in refused([1, 2], [0.5, 0.5])


def test_text_labels_need_the_positive_one():
    message = refused(["spam", "ham", "spam"], [0.5] * 3)
    assert message == (
        '`y_true` must be 0 or 1, or two classes with `pos_label`; found 2 values: "ham", "spam". '
        "Say which one is positive: `pos_label=`."
    )
    # 2·0.5 bits, from spam.
    assert log_loss(["spam", "ham"], [0.5, 0.5], pos_label="spam") == LN2


def test_a_third_class_is_refused_with_what_was_found():
    message = refused(["a", "b", "c", "a"], [0.5] * 4, pos_label="a")
    assert message == (
        '`y_true` must be 0 or 1, or two classes with `pos_label`; found 3 values: "a", "b", "c". '
        'A comparison such as y_true="stars >= 4" makes two classes of many.'
    )


def test_a_class_that_does_not_occur_cannot_be_positive_beside_two_others():
    assert "found 2 values: 1, 2" in refused([1, 2], [0.5, 0.5], pos_label=3)


@pytest.mark.parametrize(
    ("labels", "pos_label"), [([1, 2], 2), (["1", "2"], 2), ([1.0, 2.0], "2"), ([False, True], True), ([0, 1], 1)]
)
def test_the_positive_class_may_be_a_number_or_its_text(labels, pos_label):
    assert surprisal(labels, [0.25, 0.5], pos_label=pos_label).tolist() == surprisal([0, 1], [0.25, 0.5]).tolist()


def test_the_positive_class_may_be_zero():
    assert surprisal([0, 1], [0.25, 0.5], pos_label=0).tolist() == surprisal([1, 0], [0.25, 0.5]).tolist()


LATE = 600_000


def test_a_third_class_in_the_last_rows_is_still_caught():
    """Labels are judged over all rows, not for each block."""
    labels = np.zeros(LATE, np.int64) + 1
    labels[: LATE // 2] = 2
    labels[-1] = 3
    assert "found 3 values: 1, 2, 3" in refused(labels, np.full(LATE, 0.5), pos_label=1)


@pytest.mark.parametrize("verb", [log_loss, measure, surprisal])
def test_minus_one_and_zero_in_different_blocks_are_still_caught(verb):
    labels = np.ones(LATE, np.int64)
    labels[0], labels[-1] = -1, 0
    assert "found −1 as well as values from 0 to 1" in refused(labels, np.full(LATE, 0.5), verb=verb)


def test_minus_one_and_shares_in_different_blocks_are_still_caught():
    labels = np.ones(LATE)
    labels[0], labels[-1] = -1, 0.5
    assert "found −1 as well as values from 0 to 1" in refused(labels, np.full(LATE, 0.5))


def test_blocks_of_one_class_each_go_together():
    labels = np.ones(LATE, np.int64)
    labels[: LATE // 2] = -1
    assert log_loss(labels, np.full(LATE, 0.5)) == LN2
    assert log_loss(np.abs(labels), np.full(LATE, 0.5)) == LN2


# Comparisons.


@pytest.fixture
def reviews():
    return {"stars": [5, 3, 4, 1], "label": ["normal.", "smurf.", "normal.", "neptune."], "p": [0.5, 0.25, 0.75, 0.5]}


@pytest.mark.parametrize(
    ("test", "labels"),
    [
        ("stars >= 4", [1, 0, 1, 0]),
        ("stars>4", [1, 0, 0, 0]),
        ("stars <= 3", [0, 1, 0, 1]),
        ("stars < 3", [0, 0, 0, 1]),
        ("stars == 4", [0, 0, 1, 0]),
        ("stars != 4.0", [1, 1, 0, 1]),
        ("label != 'normal.'", [0, 1, 0, 1]),
        ('label == "normal."', [1, 0, 1, 0]),
        ("label == smurf.", [0, 1, 0, 0]),
    ],
)
def test_a_comparison_makes_a_label(reviews, test, labels):
    m = measure(reviews, y_true=test, y_proba="p")
    assert m.log_loss == log_loss(labels, reviews["p"])
    assert m.n_positive == sum(labels)


def test_the_comparison_is_echoed(reviews):
    assert measure(reviews, y_true="stars>=4", y_proba="p").positive == "stars >= 4"
    assert measure(reviews, y_true='label != "normal."', y_proba="p").positive == "label != 'normal.'"


def test_a_column_of_exactly_that_name_wins(reviews):
    table = {**reviews, "stars >= 4": [0, 0, 0, 1]}
    assert measure(table, y_true="stars >= 4", y_proba="p").n_positive == 1


def test_text_is_compared_as_text_and_numbers_as_numbers(reviews):
    message = refused(reviews, verb=measure, y_true="stars == 'many'", y_proba="p")
    assert message == "column \"stars\" holds numbers and cannot be compared with text (stars == 'many')."
    message = refused(reviews, verb=measure, y_true="label > 'a'", y_proba="p")
    assert message == "text can be compared with == or != only; column \"label\" holds text (label > 'a')."
    assert 'column "label" must hold numbers; row 0 has "normal."' in refused(
        reviews, verb=measure, y_true="label > 3", y_proba="p"
    )


def test_numbers_written_as_text_can_be_compared():
    assert measure({"stars": ["5", "3"], "p": [0.5, 0.5]}, y_true="stars >= 4", y_proba="p").n_positive == 1


def test_nothing_is_not_unequal_to_something():
    """A missing label must not pass a `!=`."""
    message = refused({"label": ["a", None], "p": [0.5, 0.5]}, verb=measure, y_true="label != 'b'", y_proba="p")
    assert 'column "label" must hold a value; row 1 has none.' in message
    message = refused({"stars": [5.0, np.nan], "p": [0.5, 0.5]}, verb=measure, y_true="stars != 4", y_proba="p")
    assert 'column "stars" must hold a value; row 1 has none.' in message


def test_comparisons_are_read_from_text():
    assert LabelTest.parse("a b >= -1.5e3") == LabelTest("a b", ">=", -1500.0)
    assert LabelTest.parse("x=='3'") == LabelTest("x", "==", "3")
    assert LabelTest.parse("clicked") is None
    assert str(LabelTest.parse("x<0.25")) == "x < 0.25"


# Other kinds.


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array([1], "m8[D]"), "`y_true` must hold numbers, bools, text or dates; it holds timedelta64[D]."),
        (np.array([1 + 2j]), "`y_true` must hold numbers, bools, text or dates; it holds complex128."),
        (np.ones((1, 2)), "`y_true` must be one column of shape (n_rows,); it has shape (1, 2)."),
        (
            1,
            "`y_true` must be one column of shape (n_rows,), one value a row; got 1. An array of a constant: numpy.full(",
        ),
        (None, "`y_true` must be one column of shape (n_rows,), one value a row; got NoneType."),
        ([[1], [0, 1]], "`y_true` must be an array of numbers, bools or text"),
        ([{"a": 1}], "`y_true` must hold numbers, bools or text"),
    ],
)
def test_things_that_are_no_column_are_refused(labels, words):
    assert words in refused(labels, [0.5])


def test_text_probabilities_are_named_by_the_row_that_is_no_number(tmp_path):
    (tmp_path / "rows.csv").write_text("y,p\n1,0.5\n0,0.25\n1,half\n")
    message = refused(str(tmp_path / "rows.csv"), verb=measure, y_true="y", y_proba="p")
    assert message == 'column "p" must hold numbers; row 2 (line 4) of rows.csv has "half".'


@pytest.mark.parametrize(
    "text", [["0.9", "0.2"], np.array(["0.9", "0.2"]), np.array(["0.9", "0.2"], object), pd.Series(["0.9", "0.2"]), np.array([0.9, "0.2"], object)]
)  # fmt: skip
@pytest.mark.parametrize("role", ["y_proba", "y_logit", "sample_weight", "counts"])
def test_text_in_memory_is_no_number(text, role):
    """A list of two texts names no columns either, as there is no table; only text files write numbers as text."""
    given = {role: text} if role in ("y_proba", "y_logit") else {"y_proba": [0.5, 0.5], role: text}
    row, value = (1, "0.2") if not isinstance(text[0], str) else (0, "0.9")
    for verb in (log_loss, measure):
        message = refused([1, 0], verb=verb, **given)
        assert message.startswith(f'`{role}` must hold numbers; row {row} has "{value}"')
        assert message.endswith("It is text: make numbers of it first.")
    frame = pd.DataFrame({"y": [1, 0], "p": [0.5, 0.5], "text": text})
    named = {"y_proba": "p", role: "text"} if role != "y_logit" else {role: "text"}
    if all(isinstance(each, str) for each in text):
        assert "It is text" in refused(frame, verb=measure, y_true="y", **named)


def test_text_labels_need_their_positive_class():
    message = refused(["1", "0"], [0.5, 0.5])
    assert message.endswith('found 2 values: "0", "1". Say which one is positive: `pos_label=`.')
    assert log_loss(["1", "0"], [0.5, 0.5], pos_label="1") == LN2


def test_text_without_a_table_is_values_for_groups():
    found = measure([1, 0], [0.5, 0.25], by=["a", "b"]).groups.to_dict()
    assert sorted(found["by"]) == ["a", "b"]


def test_names_without_a_table_are_explained():
    message = refused([1, 0], "score")
    assert message.startswith('`y_proba` is the name "score", but the first argument is labels, not a table.')
    assert refused([1, 0], ["a", "b"]).startswith('`y_proba` is the name "a", but the first argument is labels')
    message = refused([1, 0, 1], [0.5, 0.5, 0.5], verb=measure, by=["country", "city"])
    assert message.startswith('`by` is the name "country", but the first argument is no table. Pass a table first')


def test_decimals_are_numbers():
    assert log_loss([1, 0], [Decimal("0.5"), Decimal("0.5")]) == LN2


def test_a_block_of_no_rows_is_a_block():
    empty = np.zeros(0)
    block = block_of(y_true=empty, y_proba=empty, sample_weight=empty, counts=empty)
    assert (block.n_rows, block.n_dropped, block.coding) == (0, 0, frozenset())


def test_arrays_of_a_block_are_contiguous_and_read_only():
    block = block_of(y_true=[1, 0, 1][::-1], y_proba=np.linspace(0, 1, 6)[::2], sample_weight=[1, 2, 3])
    for array in (block.y_true, block.y_proba, block.sample_weight):
        assert array.flags.c_contiguous
        assert not array.flags.writeable


def test_rows_keep_their_numbers_where_others_are_left_out():
    block = block_of(
        10, y_true=[1, 0, 1, 0], y_proba=[0.5, np.nan, 0.5, 0.5], sample_weight=[1, 1, 0, 1], missing="drop"
    )
    assert [block.row(k) for k in range(block.n_rows)] == [10, 13]
    assert block.n_dropped == 1


def test_a_positive_class_that_never_occurs_is_said_to():
    with pytest.raises(DataError, match=r'must hold the positive class "c" in some row; found 2 values: "a", "b"'):
        measure(["a", "b", "a"], [0.5, 0.5, 0.5], pos_label="c")


class Tensor:
    """What a tensor of torch does: it refuses NumPy while it has a gradient, or floats that NumPy lacks."""

    def __init__(self, values, dtype="torch.float64", *, requires_grad=True):
        self.values, self.dtype, self.requires_grad = np.asarray(values), dtype, requires_grad
        self.shape = self.values.shape

    def detach(self):
        return Tensor(self.values, self.dtype, requires_grad=False)

    def cpu(self):
        return self

    def float(self):
        return Tensor(self.values.astype(np.float32), "torch.float32", requires_grad=self.requires_grad)

    def __len__(self):
        return len(self.values)

    def __float__(self):
        return float(self.__array__())

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.values


@pytest.mark.parametrize("dtype", ["torch.float64", "torch.bfloat16"])
def test_tensors_with_gradients_and_narrow_floats_are_arrays(dtype):
    y, p = [1, 0, 1], [0.5, 0.25, 0.75]
    assert log_loss(Tensor(y, dtype), Tensor(p, dtype)) == log_loss(y, p)
    pair = np.column_stack([1 - np.array(p), p])
    assert log_loss(y, Tensor(pair, dtype)) == log_loss(y, p)
    assert measure({"y": Tensor(y, dtype), "p": Tensor(p, dtype)}, y_true="y", y_proba="p").log_loss == log_loss(y, p)
    assert log_loss(y, [Tensor(each, dtype) for each in p]) == log_loss(y, p)
    assert surprisal(Tensor(y, dtype), Tensor(p, dtype)).tolist() == surprisal(y, p).tolist()
    assert entropy(Tensor(p, dtype)).tolist() == entropy(p).tolist()
    assert fit(Tensor(p, dtype), y, l2=1.0).coefficients == fit(p, y, l2=1.0).coefficients


class OnAnAccelerator:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`.")


class OnlyDLPack:
    def __init__(self, values):
        self.values = np.asarray(values)

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


def test_arrays_of_other_libraries_are_read_or_refused_with_their_own_reason():
    assert log_loss([1, 0], OnlyDLPack([0.5, 0.25])) == log_loss([1, 0], [0.5, 0.25])
    message = refused([1, 0], OnAnAccelerator())
    assert message.endswith("NumPy reports: Implicit conversion to a NumPy array is not allowed. Please use `.get()`.")
    meta = Tensor([0.5, 0.25])
    meta.detach = lambda: (_ for _ in ()).throw(NotImplementedError("Cannot copy out of meta tensor; no data!"))
    assert refused([1, 0], meta).endswith("NumPy reports: Cannot copy out of meta tensor; no data.")


def test_what_is_no_sequence_is_refused_by_its_kind():
    p = [0.5, 0.25]
    for values in (iter(p), map(float, p), set(p), dict(enumerate(p)).values()):
        message = refused([1, 0], values)
        assert message == f"`y_proba` must be an array or a list; got {type(values).__name__}. Pass list(…) of it."
    message = refused(csr_matrix([[1], [0]]), p)
    assert message == "`y_true` must be a dense array; got a sparse one (csr_matrix). Pass .toarray()."


BEYOND = "must hold whole numbers that a float holds exactly (each up to 2^53); row 1"
LARGE = {
    "int64": np.array([2**53, 2**53 + 1, 5, 9]),
    "uint64": np.array([2**63, 2**63 + 1, 5, 9], np.uint64),
    "int": [10**20, 10**20 + 1, 5, 9],
}


@pytest.mark.parametrize("kind", LARGE)
@pytest.mark.parametrize("form", ["dict", "csv"])
def test_whole_numbers_that_a_float_rounds_are_no_order_and_no_feature(kind, form, tmp_path):
    frame = pd.DataFrame({"y": [1, 0, 1, 0], "p": [0.5, 0.25, 0.75, 0.5], "q": 0.5, "k": LARGE[kind]})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    table = dict(frame) if form == "dict" else str(tmp_path / "rows.csv")
    assert f'column "k" {BEYOND}' in refused(table, ["p", "q"], verb=compare, y_true="y", order="k")
    assert f'column "k" {BEYOND}' in refused(table, "y", verb=fit, features=["k"], l2=1.0)
    # As a weight, or as a code, it may be rounded, or is none.
    assert measure(table, y_true="y", y_proba="p", sample_weight="k").n_rows == 4
    assert len(fit(table, "y", features=["k"], categories=["k"], l2=1.0).coefficients) == 3


def test_a_matrix_of_whole_numbers_that_a_float_rounds_is_refused():
    message = refused(np.array([[1, 2**53 + 1], [2, 3]]), [1, 0], verb=fit)
    assert message.startswith("`X` must hold whole numbers that a float holds exactly (each up to 2^53); column 1 has")
    assert fit(np.array([[2**60], [0]]), [1, 0], l2=1.0).n_rows == 2


@pytest.mark.parametrize("number", ["1e309", "-1e309", "9" * 309, "1" + "0" * 309, "1e-400", "0." + "0" * 400 + "1"])
@pytest.mark.parametrize("role", ["y_proba", "y_logit", "sample_weight"])
def test_a_number_in_text_that_no_float_comes_near_is_refused(number, role, tmp_path):
    (tmp_path / "rows.csv").write_text(f"y,p,k\n1,0.5,1\n0,0.5,{number}\n")
    columns = {role: "k"} if role != "sample_weight" else {role: "k", "y_proba": "p"}
    message = refused(str(tmp_path / "rows.csv"), verb=measure, y_true="y", **columns)
    words = (
        'column "k" must hold numbers of at most 1.8e308, and none but 0 below 4.9e-324; row 1 (line 3) of rows.csv has'
    )
    assert message.startswith(words)


@pytest.mark.parametrize("number", ["1" + "0" * 308, "17976931348623157" + "0" * 292, "1" * 60 + "." + "1" * 30])
def test_long_numbers_in_text_are_read_as_they_are_written(number, tmp_path):
    """pyarrow makes 0 of 10^308 as a decimal."""
    (tmp_path / "rows.csv").write_text(f"y,p,k\n1,0.5,1\n0,0.25,{number}\n")
    m = measure(str(tmp_path / "rows.csv"), y_true="y", y_proba="p", sample_weight="k")
    assert m.log_loss == pytest.approx(-math.log(0.75), rel=1e-15)
