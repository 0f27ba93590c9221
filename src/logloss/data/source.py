"""Anything that can be walked in blocks: what a source is, and which one a table becomes.

>>> source = array_source({"y_true": [1, 0, 1], "y_proba": [0.9, 0.2, 0.7]})
>>> source.n_rows, len(source.parts(("y_true", "y_proba")))
(3, 1)
"""

from __future__ import annotations

import datetime
import math
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array, Column, Place, Roles, Rows
from logloss.data.values import EXACT_FLOATS, is_number, typed
from logloss.errors import DataError
from logloss.text import count, printable

# Rows handed out together: 1 MB of float64, which the caches hold while checks and kernels look at it in turn.
BLOCK_ROWS = 1 << 17
# Values of a matrix handed out together: 4 MB of float64.
MATRIX_VALUES = 1 << 19
# Rows of one part of a table in memory: fixed, so that the cut does not depend on the number of threads.
PART_ROWS = 1 << 19
# The largest float, as a whole number.
LARGEST = int(sys.float_info.max)


@runtime_checkable
class Part(Protocol):
    """Rows that one worker walks in order; where they lie in files, its pickle is their description."""

    @property
    def n_rows(self) -> int | None:
        """How many rows it has, where that is known without reading them."""

    def rows(self) -> Iterator[Rows]:
        """Its rows, as they were found."""


@runtime_checkable
class Source(Protocol):
    """A table that hands out parts."""

    @property
    def name(self) -> str:
        """What people call it; "" for arrays."""

    @property
    def is_rewalkable(self) -> bool:
        """Whether it can be walked again."""

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its columns, in order."""

    @property
    def n_rows(self) -> int | None:
        """How many rows it has, where that is known without reading them."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about how it was read."""

    def why_unused(self, column: str) -> str:
        """Why a column is no feature unless somebody names it: `dates`, `the index`; "" where it is one."""

    def kind_of(self, column: str) -> str:
        """`text` where the type of a column says so; of text files, "": they have no types."""

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> Sequence[Part]:
        """Its parts, reading these columns only. Files are compared here, before the first row is read.

        texts: columns that stay text where text could be read as numbers, so that a value is the same in each block.
        """


@dataclass(frozen=True, slots=True)
class BlockPart:
    """A part with the roles of its columns, and its number in the source: what a summary is made of."""

    part: Part
    roles: Roles
    number: int = 0

    def blocks(self) -> Iterator[Block]:
        """Its rows, checked."""
        for rows in self.part.rows():
            yield Block.of(rows, self.roles, self.number)


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """A slice of columns in memory."""

    columns: Mapping[str, Column]
    first_row: int
    place: Place

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return len(next(iter(self.columns.values())).values)

    def rows(self) -> Iterator[Rows]:
        """Its rows, BLOCK_ROWS at a time; fewer of a wide matrix, so that a block stays in the caches."""
        widest = max(column.values.shape[1] if column.is_matrix else 1 for column in self.columns.values())
        step = max(MATRIX_VALUES // max(widest, 1), 1024) if widest > MATRIX_VALUES // BLOCK_ROWS else BLOCK_ROWS
        for start in range(0, self.n_rows, step):
            yield Rows(sliced(self.columns, start, start + step), self.first_row + start, self.place)


@dataclass(frozen=True, slots=True)
class MemorySource:
    """Columns in memory, all of one length. unfit: what is wrong with those that can be no column."""

    columns: Mapping[str, Column]
    name: str = ""
    is_rewalkable: bool = True
    notes: tuple[str, ...] = ()
    unfit: Mapping[str, DataError] = field(default_factory=dict)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its columns, in order."""
        return (*self.columns, *self.unfit)

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return len(next(iter(self.columns.values())).values) if self.columns else 0

    def why_unused(self, column: str) -> str:
        """Why it is no feature by itself; "" where it is one."""
        if column in self.unfit:
            return "neither numbers, bools nor text"
        return "dates" if self.columns[column].is_date else ""

    def kind_of(self, column: str) -> str:
        """`text`, or "" for all else."""
        if column in self.unfit:
            return ""
        found = self.columns[column]
        is_text = found.categories is not None and any(isinstance(each, str) for each in found.categories)
        return "text" if is_text and not found.is_date else ""

    def column(self, name: str) -> Column:
        """All rows of a column."""
        if name in self.unfit:
            raise self.unfit[name]
        return self.columns[name]

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[Part]:
        """Slices of PART_ROWS rows."""
        used = {name: self.column(name) for name in columns}
        return [
            MemoryPart(sliced(used, start, start + PART_ROWS), start, Place(self.name))
            for start in range(0, self.n_rows, PART_ROWS)
        ]


def sliced(columns: Mapping[str, Column], start: int, stop: int) -> dict[str, Column]:
    """The same columns, rows start to stop."""
    return {
        name: Column(
            column.values[start:stop],
            None if column.missing is None else column.missing[start:stop],
            column.categories,
            column.names,
            column.is_date,
            column.ranks,
        )
        for name, column in columns.items()
    }


def array_source(arrays: Mapping[str, Any]) -> MemorySource:
    """A source of arrays, one for each column; all must have the same number of rows."""
    columns: dict[str, Column] = {}
    for name, values in arrays.items():
        columns[name] = as_column(values, name)
    check_lengths({f"`{name}`": len(column.values) for name, column in columns.items()})
    return MemorySource(columns)


def mapping_source(table: Mapping[Any, Any]) -> MemorySource:
    """A source of a dict of arrays; what can be no column is refused when it is used."""
    columns: dict[str, Column] = {}
    unfit: dict[str, DataError] = {}
    for name, values in table.items():
        try:
            columns[str(name)] = as_column(values, str(name))
        except DataError as error:
            unfit[str(name)] = error
    if columns:
        check_lengths({f"`{name}`": len(column.values) for name, column in columns.items()})
    warn_of_order({f'column "{printable(str(name))}"': values for name, values in table.items()})
    return MemorySource(columns, unfit=unfit)


def warn_of_order(given: Mapping[str, Any]) -> None:
    """Warn where two arguments are of pandas and their indexes hold the same labels in another order.

    given: what stands beside each other, by the words that name it. Rows go by position, as everywhere in this field.
    """
    seen: list[tuple[str, Any]] = []
    for name, values in given.items():
        index = getattr(values, "index", None) if type(values).__module__.split(".")[0] == "pandas" else None
        if index is None or not hasattr(index, "equals"):
            continue
        for other, before in seen:
            if is_reordered(before, index):
                warnings.warn(
                    f"{other} and {name} have the same index in another order; rows are taken by position, not by "
                    "label. Bring them into one order (.loc[…]), or pass .to_numpy() if the positions are right.",
                    UserWarning,
                    stacklevel=5,
                )
                return
        seen.append((name, index))


def is_reordered(first: Any, second: Any) -> bool:
    """Whether two indexes of pandas hold the same labels, each as often, in another order."""
    if first is second or len(first) != len(second) or first.equals(second):
        return False
    try:
        return bool(first.sort_values().equals(second.sort_values()))
    except TypeError:
        # Labels of several kinds have no order.
        return Counter(first) == Counter(second)


def check_lengths(lengths: Mapping[str, int]) -> None:
    """Refuse columns of different lengths."""
    (first, n_rows), *others = lengths.items()
    for name, length in others:
        if length != n_rows:
            raise DataError(
                f"{first} has {count(n_rows)} rows and {name} has {count(length)}. They must describe the same rows."
            )


def as_column(values: Any, name: str) -> Column:
    """Anything like a one-dimensional array as a column; (n, 1) is one column, too."""
    if isinstance(values, Column):
        return values
    if isinstance(values, np.ma.MaskedArray):
        column = as_column(values.data, name)
        return replace(column, missing=np.ma.getmaskarray(values).reshape(-1))
    if is_declared(values):
        from logloss.data.arrow import column_of

        return column_of(values, name)
    array = values if isinstance(values, np.ndarray) else _array_of(values, name)
    if isinstance(array, Column):
        return array
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"`{name}` must be one column of shape (n_rows,); it has shape {array.shape}.")
    if array.dtype.kind in "biuf":
        return Column(array)
    if array.dtype.kind in "OU":
        return _coded(array, name)
    if array.dtype.kind == "M":
        dates = np.datetime_as_string(array).astype(object)
        dates[np.isnat(array)] = None
        return replace(_coded(dates, name), is_date=True)
    raise DataError(f"`{name}` must hold numbers, bools, text or dates; it holds {array.dtype}.")


def _array_of(values: Any, name: str) -> Array | Column:
    """An array of a list, a series, a tensor; through Arrow where NumPy would make objects of it."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise DataError(f"`{name}` must be one column of numbers, bools or text: {error}.") from error
    if array.dtype.kind == "U" and isinstance(values, list | tuple):
        # NumPy would write what is missing, or a number, as text.
        array = np.array(values, dtype=object)
    if array.dtype.kind == "O" and is_arrow(values):
        from logloss.data.arrow import column_of

        try:
            return column_of(values, name)
        except DataError:
            # Objects of several kinds, or longer than 64 bits: numbers are taken one by one.
            if not all(is_number(value) or is_nothing(value) for value in array.flat):
                raise
    if array.dtype == np.float64 and isinstance(values, list | tuple) and (np.abs(array) >= EXACT_FLOATS).any():
        # Whole numbers that NumPy has rounded.
        return np.asarray(values, dtype=object)
    return array


def is_declared(values: Any) -> bool:
    """Whether an array is one of declared categories: of pandas, polars or Arrow."""
    kind = type(getattr(values, "dtype", None)).__name__
    return kind in ("CategoricalDtype", "Categorical", "Enum") or hasattr(getattr(values, "type", None), "value_type")


def _coded(array: Array, name: str) -> Column:
    """A column of objects or text: numbers where all are, else codes into the distinct values."""
    values = array.tolist()
    missing = np.array([is_nothing(value) for value in values], dtype=bool)
    present = [value for value, lacks in zip(values, missing, strict=True) if not lacks]
    gaps = missing if missing.any() else None
    if all(map(is_number, present)):
        numbers = _plain(present, name)
        if numbers is not None:
            # 1 where nothing stands: a weight that is missing must not look like a row that is absent.
            filled = np.ones(len(values), numbers.dtype)
            filled[~missing] = numbers
            return Column(filled, gaps)
    if present and all(isinstance(value, datetime.date) for value in present):
        texts = np.array([None if lacks else str(value) for value, lacks in zip(values, missing, strict=True)], object)
        return replace(_coded(texts, name), is_date=True)
    strange = [value for value in present if not isinstance(value, str) and not is_number(value)]
    if strange:
        raise DataError(
            f"`{name}` must hold numbers, bools or text, one kind of them; it holds {type(strange[0]).__name__}."
        )
    codes: dict[Any, int] = {}
    categories: list[Any] = []
    coded = []
    for value, lacks in zip(values, missing, strict=True):
        # Python takes True for 1; of numbers the canonical values are told apart.
        same = typed(value) if is_number(value) else value
        code = 0 if lacks else codes.setdefault((type(same), same), len(codes))
        if code == len(categories) and not lacks:
            categories.append(same)
        coded.append(code)
    return Column(np.array(coded, dtype=np.int32), gaps, tuple(categories))


def _plain(numbers: Sequence[Any], name: str) -> Array | None:
    """Numbers as bools, 64-bit integers or floats, where one of these holds each of them exactly; None if none does."""
    if not numbers or all(isinstance(number, bool | np.bool_) for number in numbers):
        return np.array(numbers, np.bool_) if numbers else np.zeros(0)
    found = [typed(number) for number in numbers]
    for value in found:
        if isinstance(value, int | Decimal) and not -LARGEST <= value <= LARGEST:
            raise DataError(f"`{name}` must hold numbers of at most 1.8e308; it holds one of {len(str(value))} digits.")
    whole = [value for value in found if isinstance(value, int) and not isinstance(value, bool)]
    if len(whole) == len(found):
        for dtype in (np.int64, np.uint64):
            if np.iinfo(dtype).min <= min(whole) and max(whole) <= np.iinfo(dtype).max:
                return np.array(found, dtype)
    is_exact = all(
        isinstance(value, float) or (type(value) is int and (abs(value) < EXACT_FLOATS or float(value) == value))
        for value in found
    )
    return np.array(found, np.float64) if is_exact else None


def is_nothing(value: Any) -> bool:
    """Whether a cell of an object array is empty: None, NaN, or pandas' NA, which no comparison can find."""
    if value is None or type(value).__name__ == "NAType":
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, float | np.floating) and math.isnan(value)


def is_arrow(table: Any) -> bool:
    """Whether pyarrow can read it: its own tables and datasets, and whatever speaks the Arrow PyCapsule interface."""
    speaks = hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__")
    return speaks or type(table).__module__.split(".")[0] == "pyarrow"


def is_lazy(table: Any) -> bool:
    """Whether it is a frame of polars that holds no rows yet."""
    return hasattr(table, "collect") and hasattr(table, "lazy")


def as_source(table: Any, *, header: bool = True) -> Source:
    """The source that a table becomes: a path, list, glob or folder, a data frame, an Arrow table, a dict of arrays."""
    if isinstance(table, Source):
        return table
    is_list_of_paths = (
        isinstance(table, list | tuple) and bool(table) and all(isinstance(item, str | os.PathLike) for item in table)
    )
    if isinstance(table, str | os.PathLike) or is_list_of_paths:
        from logloss.data.arrow import open_files

        return open_files(table, header=header)
    if is_arrow(table):
        from logloss.data.arrow import open_table

        try:
            return open_table(table)
        except DataError:
            if not hasattr(table, "iloc"):
                raise
            # A frame of pandas with objects that Arrow has no type for.
            return MemorySource({str(name): as_column(table[name], str(name)) for name in table.columns})
    if isinstance(table, Mapping):
        return mapping_source(table)
    if is_lazy(table):
        raise DataError("a lazy frame holds no rows yet. Pass frame.collect(), or the path of its files.")
    raise DataError(
        f"cannot read a table from {type(table).__name__}. "
        "Pass arrays, a data frame, an Arrow table or dataset, or the path of Parquet or CSV files."
    )
