"""A NumPy array, a column of a frame or a list becomes a Column."""

from __future__ import annotations

import datetime
import math
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from logloss.data.rows import Array, Column
from logloss.data.values import EXACT_FLOATS, is_number, typed
from logloss.errors import DataError
from logloss.text import count, counted, first_line, value_text

# Floats of machine learning that NumPy has no type for; each value of them is a float32, too.
NARROW_FLOATS = ("bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
# The largest float, as a whole number.
LARGEST = int(sys.float_info.max)


def sliced(columns: Mapping[str, Column], start: int, stop: int) -> dict[str, Column]:
    """The same columns, rows start to stop."""
    if start == 0 and all(len(column.values) <= stop for column in columns.values()):
        return dict(columns)
    return {name: column.taken(slice(start, stop)) for name, column in columns.items()}


def check_lengths(lengths: Mapping[str, int]) -> None:
    """Refuse columns of different lengths."""
    (first, n_rows), *others = lengths.items()
    for name, length in others:
        if length != n_rows:
            raise DataError(
                f"{first} has {counted(n_rows, 'row')} and {name} has {count(length)}. "
                "They must describe the same rows."
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
    array = values if isinstance(values, np.ndarray) and values.dtype.kind != "V" else _array_of(values, name)
    if isinstance(array, Column):
        return array
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 0:
        got = type(values).__name__ if array.dtype.kind == "O" else value_text(values)
        raise DataError(
            f"`{name}` must be one column of shape (n_rows,), one value a row; got {got}. "
            "An array of a constant: numpy.full(n_rows, value)."
        )
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


def as_array(values: Any, name: str) -> Array:
    """Anything that NumPy reads as an array; a tensor without its gradient, on this machine, in a type of NumPy."""
    if hasattr(values, "toarray"):
        raise DataError(f"`{name}` must be a dense array; got a sparse one ({type(values).__name__}). Pass .toarray().")
    if isinstance(values, Iterator | Set) or hasattr(values, "mapping"):
        raise DataError(f"`{name}` must be an array or a list; got {type(values).__name__}. Pass list(…) of it.")
    try:
        if isinstance(values, list | tuple) and values and hasattr(values[0], "detach"):
            values = [_plain_tensor(value) for value in values]
        values = _plain_tensor(values)
        is_bare = hasattr(values, "__dlpack__") and not hasattr(values, "__array__")
        array = np.from_dlpack(values) if is_bare else np.asarray(values)
    # Arrays on an accelerator raise errors of various kinds, which say what to do.
    except (ValueError, TypeError, RuntimeError, BufferError) as error:
        clause = first_line(error).rstrip(".!")
        raise DataError(f"`{name}` must be an array of numbers, bools or text; NumPy reports: {clause}.") from error
    # bfloat16 of ml_dtypes, which JAX uses: NumPy knows it as a type of no kind.
    return array.astype(np.float32) if array.dtype.name in NARROW_FLOATS else array


def _plain_tensor(tensor: Any) -> Any:
    """A tensor without its gradient, in main memory, narrow floats as float32; anything else as it is."""
    if not (hasattr(tensor, "detach") and hasattr(tensor, "cpu")):
        return tensor
    tensor = tensor.detach().cpu()
    return tensor.float() if str(getattr(tensor, "dtype", "")).rpartition(".")[2] in NARROW_FLOATS else tensor


def _array_of(values: Any, name: str) -> Array | Column:
    """An array of a list, a series, a tensor; through Arrow where NumPy would make objects of it."""
    array = as_array(values, name)
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


def is_declared(values: object) -> bool:
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
            # 1 where a value is missing: a missing weight must not look like a weight of 0, an absent row.
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
        # True == 1 in Python: the type is part of the key, and numbers are keyed by canonical value.
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
    canonical = [typed(number) for number in numbers]
    for value in canonical:
        if isinstance(value, int | Decimal) and not -LARGEST <= value <= LARGEST:
            raise DataError(f"`{name}` must hold numbers of at most 1.8e308; it holds one of {len(str(value))} digits.")
    whole = [value for value in canonical if isinstance(value, int) and not isinstance(value, bool)]
    if len(whole) == len(canonical):
        for dtype in (np.int64, np.uint64):
            if np.iinfo(dtype).min <= min(whole) and max(whole) <= np.iinfo(dtype).max:
                return np.array(canonical, dtype)
    is_exact = all(
        isinstance(value, float) or (type(value) is int and (abs(value) < EXACT_FLOATS or float(value) == value))
        for value in canonical
    )
    return np.array(canonical, np.float64) if is_exact else None


def is_nothing(value: object) -> bool:
    """Whether a cell of an object array is missing: None, NaN, or pandas' NA, which equals nothing."""
    if value is None or type(value).__name__ == "NAType":
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, float | np.floating) and math.isnan(value)


def is_arrow(table: object) -> bool:
    """Whether pyarrow can read it: its own tables and datasets, and objects with the Arrow PyCapsule interface."""
    speaks = hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__")
    return speaks or type(table).__module__.split(".")[0] == "pyarrow"
