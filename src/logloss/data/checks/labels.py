"""Labels: 0 and 1, −1 and 1, bools, shares, two classes of which one is named, or what a comparison makes.

A block sees only its own labels. Which values occur in it is its coding; those of all blocks are judged at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from logloss.data.checks.reading import Check, is_no_number, values_at
from logloss.data.rows import Array, Column, LabelTest, Roles
from logloss.data.values import COMPARE, Value, as_number, compared, is_label, typed
from logloss.errors import DataError
from logloss.text import counted, listed, value_text

N_LABELS_SHOWN = 5
# Values of which a block remembers that they occur: of two classes a third one is enough to be refused.
MOST_REMEMBERED = 64
# How labels were written: ("value", −1.0) where that value occurs, ("soft", True) where some are shares.
Coding = frozenset[tuple[str, Value]]


def labels_of(check: Check) -> tuple[Array, Coding]:
    """Labels as uint8, or float64 where they are shares, and how they were written."""
    name = check.roles.y_true
    column = check.rows.columns[name]
    if check.roles.label_test is not None:
        return _tested_labels(check, name, column, check.roles.label_test)
    if check.roles.pos_label is not None:
        return _chosen_labels(column, check.roles.pos_label)
    if column.categories is not None and (name in check.roles.texts or any(map(is_no_number, column.categories))):
        raise DataError(
            f"{check.roles.spoken(name)} must be 0 or 1, or two classes with `pos_label`; "
            f"found {_labels_text(_occurring(column))}. Say which one is positive: `pos_label=`."
        )
    return _number_labels(check, name, column.values if column.categories is None else check.numeric(name))


def _tested_labels(check: Check, name: str, column: Column, test: LabelTest) -> tuple[Array, Coding]:
    if isinstance(test.operand, str):
        if column.categories is None or column.has_exact_numbers:
            raise DataError(f"{check.roles.spoken(name)} holds numbers and cannot be compared with text ({test}).")
        if test.operator not in ("==", "!="):
            raise DataError(f"text can be compared with == or != only; {check.roles.spoken(name)} holds text ({test}).")
        holds = [COMPARE[test.operator](str(value), test.operand) for value in column.categories]
    elif column.categories is None:
        return compared(column.values, test.operator, test.operand).astype(np.uint8), frozenset()
    else:
        # What is no number is refused here.
        check.numeric(name)
        numbers = [as_number(value) for value in column.categories]
        holds = [number is not None and COMPARE[test.operator](number, test.operand) for number in numbers]
    return values_at(np.array(holds, np.uint8), column.values), frozenset()


def _chosen_labels(column: Column, pos_label: Value) -> tuple[Array, Coding]:
    """Labels of two classes, one of them named as positive; which values occur is judged over all rows."""
    if column.categories is not None:
        is_positive = np.array([is_label(value, pos_label) for value in column.categories], dtype=np.uint8)
        return values_at(is_positive, column.values), _coding(_occurring(column)[:MOST_REMEMBERED])
    wanted = as_number(pos_label)
    if wanted is None:
        y_true = np.zeros(len(column.values), np.uint8)
    else:
        y_true = compared(column.values, "==", wanted).astype(np.uint8)
    others = column.values[y_true == 0]
    occurring = [] if len(others) == len(y_true) else [wanted]
    if len(others):
        # Sorting is for the rare block that has several other values.
        is_one = bool((others == others[0]).all())
        occurring += [others[0]] if is_one else np.unique(others)[:MOST_REMEMBERED].tolist()
    return y_true, _coding(occurring)


def _occurring(column: Column) -> list[Value]:
    categories = column.categories or ()
    return [categories[code] for code in np.unique(column.values).tolist()]


def _coding(occurring: Sequence[Value]) -> Coding:
    """What is remembered of values that occur."""
    return frozenset(("value", typed(value)) for value in occurring)


def _number_labels(check: Check, name: str, values: Array) -> tuple[Array, Coding]:
    if values.dtype == np.bool_:
        values = values.view(np.uint8)
    if values.dtype.kind not in "fiu":
        raise DataError(
            f"{check.roles.spoken(name)} must be 0 or 1, or two classes with `pos_label`; it holds {values.dtype}."
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
        check.fail(name, "must be 0 or 1 (−1 or 1, or shares from 0 to 1)", bad, hint)
    raise DataError(_third_label(check.roles.spoken(name), "−1 as well as values from 0 to 1"))


def judge_coding(coding: Coding, roles: Roles) -> None:
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


def _labels_text(values: Iterable[Value]) -> str:
    """`3 values: "a", "b", "c"`."""
    shown = sorted({value_text(value) for value in values})
    return f"{counted(len(shown), 'value')}: {listed(shown, N_LABELS_SHOWN)}"


def _third_label(spoken: str, occurring: str) -> str:
    """The message for labels of more than two classes."""
    return (
        f"{spoken} must be 0 or 1, or two classes with `pos_label`; found {occurring}. "
        'A comparison such as y_true="stars >= 4" makes two classes of many.'
    )
