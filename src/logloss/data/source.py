"""Anything that can be walked in blocks: what a source is, and which one a table becomes.

>>> source = array_source({"y_true": [1, 0, 1], "y_proba": [0.9, 0.2, 0.7]})
>>> source.n_rows, len(source.parts(("y_true", "y_proba")))
(3, 1)
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array, Column, Place, Roles, Rows
from logloss.errors import DataError
from logloss.text import count

# Rows handed out together: 1 MB of float64, which the caches hold while checks and kernels look at it in turn.
BLOCK_ROWS = 1 << 17
# Values of a matrix handed out together: 4 MB of float64.
MATRIX_VALUES = 1 << 19
# Rows of one part of a table in memory: fixed, so that the cut does not depend on the number of threads.
PART_ROWS = 1 << 19


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

    def is_usable(self, column: str) -> bool:
        """Whether a column may hold numbers, bools or text, as far as that is known without reading it."""

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
    """Columns in memory, all of one length."""

    columns: Mapping[str, Column]
    name: str = ""
    is_rewalkable: bool = True
    notes: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its columns, in order."""
        return tuple(self.columns)

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return len(next(iter(self.columns.values())).values) if self.columns else 0

    def is_usable(self, column: str) -> bool:
        """Dates are none of them; columns of other kinds have been refused."""
        return not self.columns[column].is_date

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[Part]:
        """Slices of PART_ROWS rows."""
        used = {name: self.columns[name] for name in columns}
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
        return Column(column.values, np.ma.getmaskarray(values).reshape(-1), column.categories)
    array = values if isinstance(values, np.ndarray) else _array_of(values, name)
    if isinstance(array, Column):
        return array
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"`{name}` must be one column of shape (n_rows,); it has shape {array.shape}.")
    if array.dtype.kind in "biuf":
        return Column(array)
    if array.dtype.kind in "OUS":
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
    if array.dtype.kind == "O" and is_arrow(values):
        from logloss.data.arrow import column_of

        return column_of(values)
    return array


def _coded(array: Array, name: str) -> Column:
    """A column of objects or text: numbers where all are, else codes into the distinct values."""
    values = array.tolist()
    missing = np.array([is_nothing(value) for value in values], dtype=bool)
    present = [value for value, lacks in zip(values, missing, strict=True) if not lacks]
    gaps = missing if missing.any() else None
    if all(isinstance(value, bool | int | float | np.number | np.bool_) for value in present):
        numbers = np.full(len(values), np.nan)
        numbers[~missing] = [float(value) for value in present]
        return Column(numbers, gaps)
    codes: dict[Any, int] = {}
    try:
        coded = [
            0 if lacks else codes.setdefault(value, len(codes)) for value, lacks in zip(values, missing, strict=True)
        ]
    except TypeError as error:
        raise DataError(f"`{name}` must hold numbers, bools or text: {error}.") from error
    return Column(np.array(coded, dtype=np.int32), gaps, tuple(codes))


def is_nothing(value: Any) -> bool:
    """Whether a cell of an object array is empty: None, NaN, or pandas' NA, which no comparison can find."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def is_arrow(table: Any) -> bool:
    """Whether pyarrow can read it: its own tables and datasets, and whatever speaks the Arrow PyCapsule interface."""
    speaks = hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__")
    return speaks or type(table).__module__.split(".")[0] == "pyarrow"


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

        return open_table(table)
    if isinstance(table, Mapping):
        return array_source(table)
    if hasattr(table, "collect") and hasattr(table, "lazy"):
        raise DataError("a lazy frame holds no rows yet. Pass frame.collect(), or the path of its files.")
    raise DataError(
        f"cannot read a table from {type(table).__name__}. "
        "Pass arrays, a data frame, an Arrow table or dataset, or the path of Parquet or CSV files."
    )
