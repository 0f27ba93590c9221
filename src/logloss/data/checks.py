"""Every rule about what may be in a table: labels, forecasts, weights, keys and features."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np

from logloss.data.prior_shift import corrected
from logloss.data.rows import Array, Column, Forecaster, LabelTest, Roles, Rows
from logloss.data.values import COMPARE, as_number, compared, is_label, typed
from logloss.errors import DataError
from logloss.text import counted, listed, value_text

BITS_OF_ONE = 0x3FF0000000000000
BITS_OF_ONE_FLOAT32 = 0x3F800000
# P(0) + P(1) may miss 1 by the rounding of a float32 column, not by more.
PAIR_TOLERANCE = 1e-6
# So that the counts of a block of 2^17 rows add up in 64 bits.
MAX_COUNT = 1 << 40
N_LABELS_SHOWN = 5
# P(1), P(0) and logits of one forecast, those that there are.
Forecast = tuple[Array | None, Array | None, Array | None]


def valued(rows: Rows, roles: Roles) -> Rows:
    """The rows; declared categories of numbers and bools are their values, but for features."""
    columns = {
        name: column if column.categories is None or name in roles.features else column.as_values()
        for name, column in rows.columns.items()
    }
    return Rows(columns, rows.first_row, rows.place)


def checked_features(rows: Rows, roles: Roles, may_lack: frozenset[str]) -> tuple[Column, ...]:
    """The features of rows that have no labels: finite, and nothing is missing but where it may be."""
    check = Check(rows, roles)
    for name in roles.features:
        lacking = None if name in may_lack else check.lacking(name)
        if lacking is not None:
            check.fail_missing(name, lacking, "The model has no coefficient for what is missing there; fill it.")
    return check.features()


def judge_coding(coding: frozenset[Any], roles: Roles) -> None:
    """Refuse labels that each block could read but that do not go together over all rows."""
    values = [value for kind, value in coding if kind == "value"]
    spoken = roles.spoken(roles.y_true)
    if roles.pos_label is not None:
        others = [value for value in values if not is_label(value, roles.pos_label)]
        if others and len(others) == len(values):
            raise DataError(
                f"{spoken} must hold the positive class {value_text(roles.pos_label)} in some row; "
                f"found {_labels_text(values)}. Check `pos_label`."
            )
        if len(others) > 1:
            raise DataError(_third_label(spoken, _labels_text(values)))
    elif -1.0 in values and (0.0 in values or ("soft", True) in coding):
        raise DataError(_third_label(spoken, "−1 as well as values from 0 to 1"))


class Check:
    """The rules, applied to one run of rows."""

    def __init__(self, rows: Rows, roles: Roles, numbers: Array | None = None) -> None:
        self.rows, self.roles, self.numbers = rows, roles, numbers
        self.n_dropped = 0
        # Rows that lack nothing but a label, where there are any.
        self.is_late: Array | None = None
        # Forecasts that one look has found complete and in their domain.
        self.sound: set[str] = set()
        # Rows of the matrix of features that hold NaN or infinity.
        self.unsound: dict[str, Array] = {}

    def only(self, kept: Array) -> Check:
        """The same for some of the rows."""
        columns = {
            name: Column(
                column.values[kept],
                column.missing[kept] if column.missing is not None and name in self.may_lack else None,
                column.categories,
                column.names,
                column.is_date,
                column.ranks,
            )
            for name, column in self.rows.columns.items()
        }
        return Check(Rows(columns, self.rows.first_row, self.rows.place), self.roles, np.flatnonzero(kept))

    @property
    def may_lack(self) -> tuple[str, ...]:
        """Columns in which nothing is a value."""
        roles = self.roles
        return (*roles.by, *roles.features) if roles.missing == "indicator" else roles.by

    def fail(self, name: str, expected: str, bad: Array, hint: str = "") -> NoReturn:
        """Raise with the first row where `bad` holds, its value and the number of such rows."""
        index = int(np.argmax(bad))
        column = self.rows.columns[name]
        value = column.values[index] if column.categories is None else column.categories[int(column.values[index])]
        number = index if self.numbers is None else int(self.numbers[index])
        others = int(np.count_nonzero(bad))
        more = f" ({others:,} such rows in this block)" if others > 1 else ""
        where = self.rows.place.where(self.rows.first_row + number)
        raise DataError(
            f"{self.roles.spoken(name)} {expected}; {where} has {value_text(value)}{more}.{' ' if hint else ''}{hint}"
        )

    def numeric(self, name: str) -> Array:
        """A column as numbers; text is refused."""
        column = self.rows.columns[name]
        if column.categories is not None:
            parsed = np.array([_number(value) for value in column.categories])
            is_text = name in self.roles.texts
            wrong = np.array(
                [(is_text and isinstance(value, str)) or _is_no_number(value) for value in column.categories],
                dtype=bool,
            )
            bad = _codes_taken(wrong, column.values)
            if column.missing is not None:
                bad = bad & ~column.missing
            if bad.any():
                hint = "It is text: make numbers of it first." if is_text else ""
                self.fail(name, "must hold numbers", bad, hint)
            return _codes_taken(parsed, column.values)
        values = column.values
        if values.dtype == np.float32 or values.dtype == np.float64:
            return np.ascontiguousarray(values)
        if values.dtype.kind in "fiub":
            return np.ascontiguousarray(values, dtype=np.float64)
        raise DataError(f"{self.roles.spoken(name)} must hold numbers; it holds {values.dtype}.")

    def present(self, name: str) -> Array:
        """A column as float64, NaN where it is missing, whatever stands there."""
        values = np.asarray(self.numeric(name), dtype=np.float64)
        missing = self.rows.columns[name].missing
        return values if missing is None else np.where(missing, np.nan, values)

    def weights(self) -> Array | None:
        """Weights as float64: finite and ≥ 0, or missing."""
        name = self.roles.sample_weight
        if name is None:
            return None
        weight = self.present(name)
        bad = ~((weight >= 0) & (weight < np.inf) | np.isnan(weight))
        if bad.any():
            self.fail(name, "must be finite and at least 0", bad, "A row of weight 0 counts as no row.")
        return weight

    def counts(self) -> Array | None:
        """Counts as int64: whole and ≥ 0, or missing (then −1)."""
        name = self.roles.counts
        if name is None:
            return None
        found = self.present(name)
        bad = ~((found >= 0) & (found <= MAX_COUNT) & (found == np.floor(found)) | np.isnan(found))
        if bad.any():
            hint = "Weights that are not whole numbers are `sample_weight`."
            self.fail(name, "must hold whole numbers from 0 to 2^40", bad, hint)
        return np.where(np.isnan(found), -1, found).astype(np.int64)

    def kept(self, weight: Array | None, counts: Array | None) -> Array | None:
        """Which rows take part: not those of weight or count 0, nor, where asked, those with something missing.

        None if all do. Something missing in a row that takes part is an error unless `missing="drop"`.
        """
        absent = None
        if weight is not None and (weight == 0).any():
            absent = weight == 0
        if counts is not None and (counts == 0).any():
            absent = counts == 0 if absent is None else absent | (counts == 0)
        missing = unlabelled = None
        probabilities = self.roles.probabilities
        for name in self.roles.needed:
            column = self.rows.columns[name]
            if name in probabilities and _is_all_in_unit_interval(column):
                self.sound.add(name)
                continue
            if name in self.roles.features and (
                self.roles.missing == "indicator" or (self.roles.is_checked and self.roles.missing == "error")
            ):
                continue
            lacking = self.lacking(name)
            if lacking is None:
                continue
            if absent is not None:
                lacking = lacking & ~absent
            if not lacking.any():
                continue
            if self.roles.missing != "drop":
                hint = 'Fill it, or pass missing="drop" to leave such rows out and have them counted.'
                self.fail_missing(name, lacking, hint)
            if name == self.roles.y_true:
                unlabelled = lacking
            else:
                missing = lacking if missing is None else missing | lacking
        if unlabelled is not None:
            late = unlabelled if missing is None else unlabelled & ~missing
            self.is_late = late if late.any() else None
            missing = unlabelled if missing is None else missing | unlabelled
        if missing is None:
            return None if absent is None else ~absent
        self.n_dropped = int(np.count_nonzero(missing))
        return ~missing if absent is None else ~(missing | absent)

    def fail_missing(self, name: str, lacking: Array, hint: str) -> NoReturn:
        """Raise for the first row that holds nothing."""
        column = self.rows.columns[name]
        number = self.rows.first_row + int(np.argmax(lacking))
        if column.is_matrix:
            name = column.names[int(np.argmax(np.isnan(column.values[int(np.argmax(lacking))])))]
        others = int(np.count_nonzero(lacking))
        more = f" ({others:,} such rows in this block)" if others > 1 else ""
        where = self.rows.place.where(number)
        raise DataError(f"{self.roles.spoken(name)} must hold a value; {where} has none{more}. {hint}")

    def labels(self) -> tuple[Array, frozenset[Any]]:
        """Labels as uint8, or float64 where they are shares, and how they were written."""
        name = self.roles.y_true
        column = self.rows.columns[name]
        if self.roles.label_test is not None:
            return self.tested_labels(name, column, self.roles.label_test)
        if self.roles.pos_label is not None:
            return self.chosen_labels(column, self.roles.pos_label)
        if column.categories is not None and (name in self.roles.texts or any(map(_is_no_number, column.categories))):
            present = np.unique(column.values)
            found = _labels_text([column.categories[int(code)] for code in present])
            hint = "Say which one is positive: `pos_label=`."
            raise DataError(
                f"{self.roles.spoken(name)} must be 0 or 1, or two classes with `pos_label`; found {found}. {hint}"
            )
        return self.number_labels(name, column.values if column.categories is None else self.numeric(name))

    def tested_labels(self, name: str, column: Column, test: LabelTest) -> tuple[Array, frozenset[Any]]:
        """Labels that a comparison defines."""
        if isinstance(test.operand, str):
            if column.categories is None or column.has_exact_numbers:
                raise DataError(f"{self.roles.spoken(name)} holds numbers and cannot be compared with text ({test}).")
            if test.operator not in ("==", "!="):
                raise DataError(
                    f"text can be compared with == or != only; {self.roles.spoken(name)} holds text ({test})."
                )
            holds = [COMPARE[test.operator](str(value), test.operand) for value in column.categories]
        elif column.categories is None:
            return compared(column.values, test.operator, test.operand).astype(np.uint8), frozenset()
        else:
            # What is no number is refused here.
            self.numeric(name)
            numbers = [as_number(value) for value in column.categories]
            holds = [number is not None and COMPARE[test.operator](number, test.operand) for number in numbers]
        return _codes_taken(np.array(holds, np.uint8), column.values), frozenset()

    def chosen_labels(self, column: Column, pos_label: Any) -> tuple[Array, frozenset[Any]]:
        """Labels of two classes, one of them named as positive; which values occur is judged over all rows."""
        if column.categories is not None:
            is_positive = np.array([is_label(value, pos_label) for value in column.categories], dtype=np.uint8)
            used = np.unique(column.values)
            found = [column.categories[int(code)] for code in used]
            return _codes_taken(is_positive, column.values), frozenset(("value", typed(value)) for value in found[:64])
        wanted = as_number(pos_label)
        if wanted is None:
            y_true = np.zeros(len(column.values), np.uint8)
        else:
            y_true = compared(column.values, "==", wanted).astype(np.uint8)
        others = column.values[y_true == 0]
        found = [] if len(others) == len(y_true) else [wanted]
        if len(others):
            first = others[0]
            found += [first] if (others == first).all() else list(np.unique(others)[:64])
        return y_true, frozenset(("value", typed(value)) for value in found)

    def number_labels(self, name: str, values: Array) -> tuple[Array, frozenset[Any]]:
        """Labels that are bools, 0 and 1, −1 and 1, or shares."""
        if values.dtype == np.bool_:
            values = values.view(np.uint8)
        if values.dtype.kind not in "fiu":
            raise DataError(
                f"{self.roles.spoken(name)} must be 0 or 1, or two classes with `pos_label`; it holds {values.dtype}."
            )
        if len(values) == 0:
            return np.zeros(0, np.uint8), frozenset()
        low, high = values.min(), values.max()
        if low >= 0 and high <= 1:
            coding = frozenset({("value", 0.0)}) if low == 0 else frozenset()
            if values.dtype.kind in "iu":
                return np.ascontiguousarray(values, dtype=np.uint8), coding
            hard = values.astype(np.uint8)
            if (hard == values).all():
                return hard, coding
            return np.ascontiguousarray(values, dtype=np.float64), coding | {("soft", True)}
        if low == -1 and high <= 1 and ((values == -1) | (values == 1)).all():
            return (values == 1).astype(np.uint8), frozenset({("value", -1.0)})
        bad = ~((values >= 0) & (values <= 1) | (values == -1))
        if bad.any():
            distinct = np.unique(values[:: max(1, len(values) // 4096)])
            hint = 'Two classes with other names need `pos_label=`; y_true="stars >= 4" makes a label by comparison.'
            if len(distinct) == 2:
                hint = f"If the classes are {_labels_text(list(distinct))}, say which is positive: `pos_label=`."
            self.fail(name, "must be 0 or 1 (−1 or 1, or shares from 0 to 1)", bad, hint)
        raise DataError(_third_label(self.roles.spoken(name), "−1 as well as values from 0 to 1"))

    def forecast(self, of: Forecaster) -> Forecast:
        """P(1), P(0) and logits of a forecast, those that there are, corrected for negatives that training left out."""
        found = self.stated(of)
        kept = self.roles.negatives_kept
        return found if kept == 1 else corrected(*found, kept)

    def stated(self, of: Forecaster) -> Forecast:
        """The same as they stand in the table."""
        if of.y_logit is not None:
            logit = self.numeric(of.y_logit)
            return None, None, logit
        if of.y_proba is None:
            return None, None, None
        proba = self.probabilities(of.y_proba)
        if of.y_proba_of_zero is None:
            return proba, None, None
        of_zero = self.probabilities(of.y_proba_of_zero)
        if proba.dtype != of_zero.dtype:
            proba, of_zero = proba.astype(np.float64), of_zero.astype(np.float64)
        total = proba.astype(np.float64) + of_zero
        bad = ~(np.abs(total - 1.0) <= PAIR_TOLERANCE)
        if bad.any():
            index = int(np.argmax(bad))
            partner = value_text(of_zero[index])
            expected = f"and {self.roles.spoken(of.y_proba_of_zero)} must add up to 1 within 1e-6"
            hint = f"Beside it stands {partner}: together {total[index]:.9g}. Nothing is renormalised."
            self.fail(of.y_proba, expected, bad, hint)
        return proba, of_zero, None

    def probabilities(self, name: str) -> Array:
        """A column of probabilities, float32 or float64."""
        proba = self.numeric(name)
        if name not in self.sound:
            bad = ~((proba >= 0) & (proba <= 1))
            if bad.any():
                self.fail(name, "must lie in [0, 1]", bad, "If it holds log-odds, pass it as `y_logit`.")
        return proba

    def features(self) -> tuple[Column, ...]:
        """The columns of a fit: numbers as floats, finite (or, with missing="indicator", NaN); others as found."""
        return tuple(self.feature(name) for name in self.roles.features)

    def feature(self, name: str) -> Column:
        """One of them."""
        column = self.rows.columns[name]
        if column.is_matrix:
            if not self.roles.is_checked:
                self.check_matrix(name, column)
            is_ready = column.values.dtype in (np.float32, np.float64)
            return column if is_ready else Column(column.values.astype(np.float64), names=column.names)
        if column.is_date:
            raise DataError(
                f"{self.roles.spoken(name)} holds dates; a feature must hold numbers, bools or text. Make columns of "
                "the parts that matter, such as the year, the month, the day of the week, or the days since a date, "
                "and name those."
            )
        is_code = column.categories is not None or column.values.dtype == np.bool_
        if name in self.roles.categories or (is_code and not column.has_exact_numbers):
            return column
        values = self.present(name) if column.missing is not None else self.numeric(name)
        if not self.roles.is_checked:
            bad = np.isinf(values) if self.roles.missing == "indicator" else ~np.isfinite(values)
            if bad.any():
                self.fail(name, "must be finite", bad)
        return Column(read_only(values))

    def lacking(self, name: str) -> Array | None:
        """Rows of a column that hold nothing; None if no row does."""
        column = self.rows.columns[name]
        return _lacking_in(column.values, self.unsound_of(name)) if column.is_matrix else _lacking(column)

    def unsound_of(self, name: str) -> Array:
        """Rows of a matrix that hold NaN or infinity, looked for once."""
        if name not in self.unsound:
            self.unsound[name] = unsound_rows(self.rows.columns[name].values)
        return self.unsound[name]

    def check_matrix(self, name: str, column: Column) -> None:
        """Refuse a matrix that holds infinity, or NaN where nothing may be missing; the column is named."""
        allows = np.isnan if self.roles.missing == "indicator" else np.zeros_like
        unsound = self.unsound_of(name)
        bad = ~np.isfinite(column.values[unsound]) & ~allows(column.values[unsound]).astype(bool)
        if bad.any():
            own = column.names[int(np.argmax(bad.any(axis=0)))]
            j = column.names.index(own)
            wrong = np.zeros(len(column.values), dtype=bool)
            wrong[unsound] = bad[:, j]
            single = Rows({own: Column(column.values[:, j])}, self.rows.first_row, self.rows.place)
            Check(single, self.roles, self.numbers).fail(own, "must be finite", wrong)

    def offset(self) -> Array | None:
        """What is added to the log-odds of each row: finite, float64."""
        name = self.roles.offset
        if name is None:
            return None
        values = np.asarray(self.numeric(name), dtype=np.float64)
        bad = ~np.isfinite(values)
        if bad.any():
            self.fail(name, "must be finite", bad, "An offset is added to the log-odds.")
        return values


def _is_all_in_unit_interval(column: Column) -> bool:
    """Whether floats are all in [0, 1] and none is NaN, in one look; −0.0 is left to the slower one.

    Seen as unsigned integers, the floats of [0, 1] lie up to the bits of 1; negative ones and NaN lie above.
    """
    if column.missing is not None or column.categories is not None or not column.values.flags.c_contiguous:
        return False
    if column.values.dtype == np.float64:
        return len(column.values) == 0 or bool(column.values.view(np.uint64).max() <= BITS_OF_ONE)
    if column.values.dtype == np.float32:
        return len(column.values) == 0 or bool(column.values.view(np.uint32).max() <= BITS_OF_ONE_FLOAT32)
    return False


def _lacking(column: Column) -> Array | None:
    """Where a column holds nothing (null or NaN, one thing); None if nowhere."""
    lacking = None if column.missing is None or not column.missing.any() else np.asarray(column.missing)
    is_float = column.categories is None and column.values.dtype.kind == "f"
    # The least of floats is NaN if any is: one look.
    if is_float and len(column.values) and np.isnan(column.values.min()):
        empty = np.isnan(column.values)
        lacking = empty if lacking is None else lacking | empty
    if column.categories is not None:
        # The text "nan" is something missing, like the number.
        empty = _codes_taken(np.array([str(v).strip().lower() == "nan" for v in column.categories]), column.values)
        if empty.any():
            lacking = empty if lacking is None else lacking | empty
    return lacking


def _lacking_in(matrix: Array, unsound: Array) -> Array | None:
    """Rows of a matrix that hold NaN, looked for among the unsound ones; None if no row does."""
    if not len(unsound):
        return None
    lacking = np.zeros(len(matrix), dtype=bool)
    lacking[unsound] = np.isnan(matrix[unsound]).any(axis=1)
    return lacking if lacking.any() else None


def unsound_rows(matrix: Array) -> Array:
    """The numbers of the rows that hold NaN or infinity, in one look: either of them times 0 is NaN."""
    if matrix.dtype.kind != "f" or matrix.size == 0:
        return np.zeros(0, dtype=np.int64)
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(np.isnan(matrix @ np.zeros(matrix.shape[1], matrix.dtype)))


def _number(value: Any) -> float:
    """Text as a number (true and false are 1 and 0); NaN if it is none."""
    text = str(value).strip().lower()
    if text in ("true", "false"):
        return float(text == "true")
    # Python reads 1_000 as a number; tables do not.
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan


def in_numbers(column: Column) -> Column:
    """A column of text that reads as numbers as these; any other column as it is."""
    if column.categories is None or any(map(_is_no_number, column.categories)):
        return column
    return Column(
        _codes_taken(np.array([_number(value) for value in column.categories]), column.values), column.missing
    )


def _is_no_number(value: Any) -> bool:
    """Whether text is neither a number nor `nan`, which is something missing."""
    return math.isnan(_number(value)) and str(value).strip().lower() != "nan"


def _labels_text(values: list[Any]) -> str:
    """`3 values: "a", "b", "c"`."""
    shown = sorted({value_text(value) for value in values})
    return f"{counted(len(shown), 'value')}: {listed(shown, N_LABELS_SHOWN)}"


def _third_label(spoken: str, found: str) -> str:
    """What is said of labels that are more than two classes."""
    return (
        f"{spoken} must be 0 or 1, or two classes with `pos_label`; found {found}. "
        'A comparison such as y_true="stars >= 4" makes two classes of many.'
    )


def _codes_taken(of_category: Array, codes: Array) -> Array:
    """The value of each row's category (rows without one: that of some category; they were refused or dropped)."""
    return of_category[codes] if len(of_category) else np.zeros(len(codes), of_category.dtype)


def read_only(values: Array) -> Array:
    """A read-only view, so that each kernel is compiled for one kind of array."""
    if not values.flags.writeable:
        return values
    view = values.view()
    view.flags.writeable = False
    return view
