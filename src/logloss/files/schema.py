"""The fields of a file as JSON, and back: a field holds what the annotations of its dataclass name.

Whole numbers are counts, at least 0; numbers are written by `json_number`, so that infinity is a text and what is not
defined is null. Members of a union of dataclasses have a field "class", the name of the class in small letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, NamedTuple, NewType, TypeVar, cast, get_args, get_origin, get_type_hints

import numpy as np

from logloss.answers.estimate import Estimate
from logloss.answers.figures import is_json_number, json_number, number_of_json
from logloss.answers.small_table import SmallTable
from logloss.data.values import (
    Array,
    Matrix,
    Packed,
    PackedTexts,
    Value,
    is_written_value,
    read_value,
    typed,
    written_value,
)
from logloss.errors import DataError
from logloss.files.packed import packed_numbers, packed_texts, unpacked_numbers, unpacked_texts
from logloss.text import printable, value_text

T = TypeVar("T")
# A whole number that may lie below 0.
Whole = NewType("Whole", int)
# Rows are counted up to here.
MOST_COUNTED = 1 << 62
ESTIMATE = {"value": float, "low": float, "high": float, "reason": str}
# What a file holds outermost: its fields are named alone.
WHOLE_FILE, HEADER = "the file", "the header"
# What older files of the same format do not have, as it is there.
LATER: dict[str, Any] = {"constraint": "", "sides": [], "pairs": [], "pair_terms": [], "derived": []}
LATER |= {"feature_names": packed_texts(()), "first_index": None, "standard_deviations": [], "penalty_factors": {}}
LATER |= {"path": None, "l1": 0.0}
LATER_OF: dict[str, dict[str, Any]] = {"WideModel": {"penalty_factors": []}, "Header": {"unlabelled_scores": None}}
LATER_OF["Calibration"] = {"venn_abers_pair": None}


# Looked up once for each class: a model has a thousand terms of one class.
FIELDS: dict[type, dict[str, Any]] = {}


class Rule(NamedTuple):
    """What holds of every object of a class: the field, whether it holds, and what is expected."""

    field: str
    holds: Callable[[Any], bool]
    expected: str


def fields_of(kind: type) -> dict[str, Any]:
    """The fields of a dataclass, and what each holds."""
    if kind not in FIELDS:
        hints = get_type_hints(kind, include_extras=True)
        FIELDS[kind] = {each.name: hints[each.name] for each in fields(kind)}
    return FIELDS[kind]


def kind_of_column(name: str) -> type:
    """What a column of a small table holds, by its name: numbers that have a unit, shares, or texts."""
    return float if name.endswith("_nats") or name == "share" else str


def as_json(value: object, kind: object) -> Any:
    """A value of a kind as JSON writes it."""
    inner = get_args(kind)
    if kind == Packed:
        return packed_numbers(cast("Array", value))
    if kind == PackedTexts:
        return packed_texts(cast("tuple[str, ...]", value))
    if kind == Value:
        # Labels are kept as they came: 0.0 and 0 are one value.
        return written_value(typed(value))
    if NoneType in inner:
        return None if value is None else as_json(value, inner[0])
    if isinstance(value, Estimate):
        return {name: as_json(getattr(value, name, float(value)), own) for name, own in ESTIMATE.items()}
    if kind is float:
        return json_number(cast("float", value))
    if isinstance(value, SmallTable):
        return {name: [as_json(each, kind_of_column(name)) for each in value[name]] for name in value.column_names}
    if isinstance(value, np.ndarray):
        if value.ndim == 2:
            return [[json_number(each) for each in row] for row in value.tolist()]
        return [json_number(each) for each in value.tolist()]
    if isinstance(value, dict):
        return {name: as_json(each, inner[1]) for name, each in value.items()}
    if isinstance(value, tuple):
        kinds = inner[:1] * len(value) if Ellipsis in inner else inner
        return [as_json(each, own) for each, own in zip(value, kinds, strict=True)]
    if get_origin(kind) is UnionType:
        return {"class": type(value).__name__.lower()} | as_json(value, type(value))
    if isinstance(kind, type) and is_dataclass(kind):
        return {name: as_json(getattr(value, name), own) for name, own in fields_of(kind).items()}
    return value


class Reader:
    """Reads values of JSON; an error names the file, the place and the value. rules: what must hold of each class."""

    def __init__(self, name: str, rules: Mapping[type, Sequence[Rule]] | None = None) -> None:
        self.name, self.rules = name, rules or {}

    def wrong(self, where: str, expected: str, got: object) -> DataError:
        """The error of a value that cannot be."""
        return DataError(f"{self.name} must have {expected} in {where}; got {value_text(got)}. Make it again.")

    def of(self, found: object, kind: type[T], where: str = WHOLE_FILE) -> T:
        """An object of a dataclass: it has these fields and no other, each of its kind, and its rules hold."""
        own = fields_of(kind)
        prefix = "" if where in (WHOLE_FILE, HEADER) else f"{where}: "
        if isinstance(found, dict):
            later = LATER | LATER_OF.get(kind.__name__, {})
            found = {name: later[name] for name in own if name in later} | found
        values = self._object(found, where, own)
        made = kind(**{name: self.value(values[name], each, f"{prefix}{name}") for name, each in own.items()})
        for rule in self.rules.get(kind, ()):
            if not rule.holds(made):
                raise self.wrong(f"{prefix}{rule.field}", rule.expected, values[rule.field])
        return made

    def value(self, found: object, kind: object, where: str) -> Any:
        origin, inner = get_origin(kind), get_args(kind)
        if kind in SCALARS:
            return self._scalar(found, kind, where)
        if kind is Estimate:
            return self._estimate(found, where)
        if kind is SmallTable:
            return self._table(found, where)
        if kind == Matrix:
            return self._matrix(found, where)
        if kind == Packed:
            return self._packed(found, where)
        if kind == PackedTexts:
            return self._packed_texts(found, where)
        if origin is np.ndarray:
            return np.array(self.value(found, tuple[float, ...], where), dtype=np.float64)
        if origin is dict:
            if not isinstance(found, dict):
                raise self.wrong(where, "an object", found)
            return {name: self.value(each, inner[1], f"{where}: {printable(name)}") for name, each in found.items()}
        if origin is tuple:
            return self._list(found, inner, where)
        if origin is UnionType and NoneType in inner:
            return None if found is None else self.value(found, inner[0], where)
        if origin is UnionType:
            return self._one_of(found, inner, where)
        return self.of(found, cast("type", kind), where)

    def _scalar(self, found: object, kind: object, where: str) -> Any:
        expected, _, is_right = SCALARS[kind]
        if not is_right(found):
            raise self.wrong(where, expected, found)
        if kind is float:
            return number_of_json(cast("float | str | None", found))
        return read_value(found) if kind == Value else found

    def _list(self, found: object, inner: tuple[Any, ...], where: str) -> tuple[Any, ...]:
        is_long = Ellipsis in inner
        plural = SCALARS[inner[0]][1] if inner[0] in SCALARS else "objects"
        if not isinstance(found, list) or not (is_long or len(found) == len(inner)):
            raise self.wrong(where, f"a list of {plural}" if is_long else f"a list of {len(inner)}", found)
        if is_long and inner[0] in SCALARS:
            # A matrix has millions of numbers: no word is put together for those that are right.
            if not all(map(SCALARS[inner[0]][2], found)):
                raise self.wrong(where, f"a list of {plural}", found)
            return tuple(self._scalar(each, inner[0], where) for each in found)
        kinds = inner[:1] * len(found) if is_long else inner
        numbered = enumerate(zip(found, kinds, strict=True), 1)
        return tuple(self.value(each, kind, f"{where}: {number}") for number, (each, kind) in numbered)

    def _matrix(self, found: object, where: str) -> Any:
        """Rows of numbers, one at least, all of one length."""
        if not isinstance(found, list) or not found:
            raise self.wrong(where, "a list of rows of numbers", found)
        rows = [self.value(row, tuple[float, ...], f"{where}: {number}") for number, row in enumerate(found, 1)]
        if len({len(row) for row in rows}) > 1:
            raise DataError(f"{self.name} is damaged: the rows of its {where} differ in length. Make it again.")
        return np.array(rows, dtype=np.float64).reshape(len(rows), -1)

    def _packed(self, found: object, where: str) -> Any:
        """Numbers in one text; a list of them in files of before."""
        if not isinstance(found, str):
            return np.array(self.value(found, tuple[float, ...], where), dtype=np.float64)
        try:
            return unpacked_numbers(found)
        except ValueError:
            raise self.wrong(where, "compressed numbers", found) from None

    def _packed_texts(self, found: object, where: str) -> Any:
        """Texts in one text."""
        try:
            return unpacked_texts(cast("str", self._scalar(found, str, where)))
        except ValueError:
            raise self.wrong(where, "compressed texts", found) from None

    def _one_of(self, found: object, kinds: Sequence[type], where: str) -> Any:
        known = {kind.__name__.lower(): kind for kind in kinds}
        if not isinstance(found, dict):
            raise self.wrong(where, "an object", found)
        own = dict(found)
        name = own.pop("class", None)
        if not isinstance(name, str) or name not in known:
            raise self.wrong(f"{where}: class", " or ".join(known), name)
        return self.of(own, known[name], where)

    def _object(self, found: object, where: str, names: Mapping[str, object]) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise self.wrong(where, "an object", found)
        for each in found:
            if each not in names:
                raise DataError(
                    f'{self.name} holds "{printable(str(each))}" in {where}, unknown to this version. '
                    "Install a newer one."
                )
        for each in names:
            if each not in found:
                raise DataError(f'{self.name} is damaged: {where} has no "{each}". Make it again.')
        return found

    def _estimate(self, found: object, where: str) -> Estimate:
        own = self._object(found, where, ESTIMATE)
        value, low, high, reason = (self.value(own[name], kind, f"{where}: {name}") for name, kind in ESTIMATE.items())
        if low > value or value > high:
            raise self.wrong(where, "an interval around its value", low if low > value else high)
        return Estimate(value, low, high, reason)

    def _table(self, found: object, where: str) -> SmallTable:
        if not isinstance(found, dict):
            raise self.wrong(where, "an object", found)
        columns = {
            name: self._list(column, (kind_of_column(name), Ellipsis), f"{where}: {printable(name)}")
            for name, column in found.items()
        }
        if len({len(column) for column in columns.values()}) > 1:
            raise DataError(f"{self.name} is damaged: the columns of its {where} differ in length. Make it again.")
        return SmallTable(columns)


def _is_count(found: object) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= MOST_COUNTED


def _is_value(found: object) -> bool:
    """Whether it is a value of a table as `written_value` writes it, and not another way to write the same."""
    if not is_written_value(found):
        return False
    again = written_value(read_value(found))
    return bool(again == found) and type(again) is type(found)


# What one value is called and what several are, and whether one is of its kind.
SCALARS: dict[Any, tuple[str, str, Callable[[object], bool]]] = {
    int: ("a whole number of at least 0", "whole numbers", _is_count),
    Whole: ("a whole number", "whole numbers", lambda found: type(found) is int),
    float: ("a number", "numbers", is_json_number),
    str: ("a text", "texts", lambda found: isinstance(found, str)),
    bool: ("true or false", "true or false", lambda found: isinstance(found, bool)),
    Value: ("a value of a table", "numbers, texts, bools or nothing, as they are written", _is_value),
}
