"""An Arrow array becomes a Column."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logloss.data.rows import BLOCK_ROWS, Array, Column, Place, Rows, is_unnamed_index, unknown_column
from logloss.data.values import typed
from logloss.errors import DataError
from logloss.text import printable

# The extension types of pandas that are not what they are stored as.
PERIOD, INTERVAL = "pandas.period", "pandas.interval"

# Decimals of so many digits have different nearest floats.
SAFE_DIGITS = 15

# Columns that the names of the folders above a file hold: column, value; None where a folder stands for null.
Partitions = tuple[tuple[str, str | None], ...]
Item = TypeVar("Item")
# Letters of pyarrow's message on broken bytes that are shown; some of them may be those bytes.
LONGEST_REASON = 300


def column_of(values: Any, name: str = "") -> Column:
    """One column of anything that Arrow can read: its arrays, a series of pandas or polars."""
    return to_column(array_of(values, name), name)


def array_of(values: Any, name: str = "") -> pa.Array | pa.ChunkedArray:
    """The same as an Arrow array."""
    try:
        if isinstance(values, pa.Array | pa.ChunkedArray):
            return values
        is_pandas = type(values).__module__.split(".")[0] == "pandas"
        if hasattr(values, "__arrow_c_stream__") and not is_pandas:
            return pa.chunked_array(values)
        if str(getattr(values, "dtype", "")).startswith("Sparse"):
            values = np.asarray(values)
        elif str(getattr(values, "dtype", "")).startswith("period") and hasattr(values, "dt"):
            values = values.dt.to_timestamp()
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        reason = str(error).rstrip(".")
        raise DataError(f"{spoken(name)} must hold numbers, bools or text, one kind of them: {reason}.") from error


def scalar_of(number: int | float) -> pa.Scalar:
    """A number for Arrow's functions: `pa.scalar` imports pandas where that is installed, which takes 0.2 s."""
    value = np.asarray(number)
    return pa.Array.from_buffers(pa.from_numpy_dtype(value.dtype), 1, [None, pa.py_buffer(value.tobytes())])[0]


def to_column(values: pa.Array | pa.ChunkedArray, name: str = "", *, is_declared: bool = True) -> Column:
    """An Arrow array, whole or in chunks, as a column; nothing is copied where it is whole and lacks nothing.

    is_declared: whether a dictionary is a list of categories that somebody has declared, in their order; otherwise it
    is only a way to store the values.
    """
    kind, stored = kind_of(values.type), values.type
    if isinstance(stored, pa.BaseExtensionType):
        column = to_column(values.cast(stored.storage_type), name)
        # A period is kept as the number of days, months, … since 1970.
        return replace(column, is_date=True) if stored.extension_name == PERIOD else column
    if pa.types.is_run_end_encoded(stored):
        return to_column(pc.run_end_decode(values), name)
    if pa.types.is_dictionary(stored) and kind not in ("", "nothing"):
        return _coded(values, is_declared=is_declared)
    if kind == "nothing":
        return Column(np.full(len(values), np.nan), np.ones(len(values), bool))
    if kind == "date":
        # Each distinct one is written once.
        return replace(_coded(values.dictionary_encode()), is_date=True, zone=getattr(values.type, "tz", None) or "")
    if kind == "text":
        return _coded(values.dictionary_encode())
    if kind == "":
        raise DataError(wrong_kind(name, stored))
    if pa.types.is_decimal(values.type):
        values = _of_decimals(values)
        if isinstance(values, Column):
            return values
    if not values.null_count:
        return Column(_array(values))
    missing = _array(values.is_null())
    # 1, not 0: a weight that is missing must not look like a row that is absent.
    if pa.types.is_floating(values.type):
        array = _array(values)
        return Column(np.where(missing, array.dtype.type(1), array), missing)
    return Column(_array(pc.fill_null(values, pa.scalar(1, pa.int8()).cast(values.type))), missing)


def _of_decimals(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray | Column:
    """Decimals as integers or floats where these hold each of them exactly (as floats print), else coded."""
    for stored in (pa.int64(), pa.uint64()):
        try:
            return values.cast(stored)
        except pa.ArrowInvalid:
            pass
    scale = values.type.scale
    if 0 <= scale <= SAFE_DIGITS:
        try:
            digits = values.cast(pa.decimal128(SAFE_DIGITS, scale))
        except pa.ArrowInvalid:
            pass
        else:
            # The float nearest to a quotient of two whole floats; of 15 digits, it prints as the decimal does.
            whole = pc.multiply(digits, pa.scalar(Decimal(10**scale))).cast(pa.int64())
            return pc.divide(whole.cast(pa.float64()), 10.0**scale)
    codes, missing, dictionary = _codes_of(values.dictionary_encode())
    categories = tuple(typed(value) for value in dictionary.to_pylist())
    return Column(np.asarray(codes, np.int32), missing, categories).as_values()


def kind_of(stored: pa.DataType) -> str:
    """`number`, `bool`, `text`, `date`, `nothing` (only nulls), or "" for a type that cannot be used."""
    types = pa.types
    if isinstance(stored, pa.BaseExtensionType):
        return "date" if stored.extension_name == PERIOD else kind_of(stored.storage_type)
    if types.is_dictionary(stored):
        # Dates and intervals that are categories are known by their text.
        is_interval = getattr(stored.value_type, "extension_name", "") == INTERVAL
        own = "text" if is_interval else kind_of(stored.value_type)
        return "text" if own == "date" else own
    if types.is_run_end_encoded(stored):
        return kind_of(stored.value_type)
    if types.is_integer(stored) or types.is_floating(stored) or types.is_decimal(stored):
        return "number"
    if types.is_string(stored) or types.is_large_string(stored) or types.is_string_view(stored):
        return "text"
    if types.is_boolean(stored):
        return "bool"
    if types.is_date(stored) or types.is_timestamp(stored):
        return "date"
    return "nothing" if types.is_null(stored) else ""


def why_unused(stored: pa.DataType) -> str:
    """Why a column of a type is no feature unless somebody names it: `dates`; "" where it is one."""
    kind = kind_of(stored)
    return {"date": "dates", "nothing": "nothing in any row", "": str(stored)}.get(kind, "")


def wrong_kind(name: str, stored: pa.DataType | str) -> str:
    """The message on a column whose type, or its name, cannot be used; with the way out where there is a common one."""
    message = f"{spoken(name)} must hold numbers, bools, text or dates; it holds {stored}."
    if str(stored).startswith("duration"):
        message += " Make it a number, such as seconds: .dt.total_seconds()."
    elif str(stored).startswith("time"):
        message += " Make it a number, such as the hour."
    return message


def index_names(schema: pa.Schema) -> frozenset[str]:
    """The columns of a schema that are the index of a pandas frame, by its metadata or by the names pyarrow gives."""
    own = {name for name in schema.names if is_unnamed_index(name)}
    try:
        described = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        own.update(each for each in described.get("index_columns", ()) if isinstance(each, str))
    except (ValueError, AttributeError, TypeError):
        # Metadata that are not pandas': there is no index.
        return frozenset(own)
    return frozenset(own & set(schema.names))


def type_in(schema: pa.Schema, column: str) -> pa.DataType:
    """The type of a column of a schema."""
    return schema.field(schema.names.index(column)).type


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """A file whose schema names its columns and their types."""

    name: str
    partitions: Partitions
    schema: pa.Schema

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(self.schema.names)

    @property
    def index_names(self) -> frozenset[str]:
        return index_names(self.schema)

    def type_of(self, column: str) -> pa.DataType:
        return type_in(self.schema, column)


def _words(dictionary: pa.Array) -> pa.Array:
    """The values of a dictionary as categories: numbers, bools and text as they are, others as text."""
    stored = dictionary.type
    if getattr(stored, "extension_name", "") == INTERVAL:
        left = "[" if stored.closed in ("left", "both") else "("
        right = "]" if stored.closed in ("right", "both") else ")"
        ends = dictionary.storage
        pairs = zip(ends.field(0).to_pylist(), ends.field(1).to_pylist(), strict=True)
        return pa.array([f"{left}{low}, {high}{right}" for low, high in pairs], pa.string())
    if isinstance(stored, pa.BaseExtensionType):
        return _words(dictionary.storage)
    return _dates(dictionary) if kind_of(stored) == "date" else dictionary


def _dates(values: pa.Array) -> pa.Array:
    """Dates and times as ISO text that sorts as they do: one text for each moment, whatever its unit and time zone.

    Engines know moments in zones of their own, to the microsecond.
    """
    if not pa.types.is_timestamp(values.type):
        return values.cast(pa.string())
    # A moment in a zone is cast to its time in UTC.
    moments = values.cast(pa.timestamp(values.type.unit))
    of_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[values.type.unit]
    # Nearly always there is no fraction of a second, and none is to be cut off: that takes the most time.
    is_whole = not (_array(moments.cast(pa.int64())) % of_second).any()
    text = (moments.cast(pa.timestamp("s")) if is_whole else moments).cast(pa.string())
    if not is_whole:
        text = pc.replace_substring_regex(text, r"\.0+$|(\.\d*[1-9])0*$", r"\1")
    # Not "Z", which sorts after the point of a fraction.
    return text if values.type.tz is None else pc.binary_join_element_wise(text, "+00:00", "")


def _codes_of(values: pa.Array | pa.ChunkedArray) -> tuple[Array, Array | None, pa.Array]:
    """(Codes, which rows have none, the values that they stand for); dictionaries of chunks become one."""
    if isinstance(values, pa.ChunkedArray):
        values = values.unify_dictionaries().combine_chunks()
    codes = values.indices
    if not codes.null_count:
        return _array(codes), None, values.dictionary
    return _array(codes.fill_null(0)), _array(codes.is_null()), values.dictionary


def _coded(values: pa.Array | pa.ChunkedArray, *, is_declared: bool = False) -> Column:
    """A dictionary as codes into the values that occur."""
    codes, missing, dictionary = _codes_of(values)
    words = _words(dictionary)
    # A reader hands on whatever codes it finds.
    present = codes if missing is None else codes[~missing]
    if len(present) and present.view(f"u{present.dtype.itemsize}").max() >= len(words):
        raise pa.ArrowIndexError(f"a code stands for no word: there are {len(words)} words")
    # A null among the words: newer versions of pyarrow count it as a null of the values, 17 does not.
    if words.null_count and len(codes):
        lacks = _array(words.is_null())[codes]
        missing = lacks if missing is None else missing | lacks
        present = codes[~missing]
    # Only what occurs: a slice of a long dictionary must not carry all of it, nor be judged by it.
    occurs = np.zeros(len(words), bool)
    occurs[present] = True
    if len(codes) and not occurs.any():
        return Column(np.full(len(codes), np.nan), np.ones(len(codes), bool))
    if not occurs.all():
        codes = np.maximum(np.cumsum(occurs, dtype=np.int32) - 1, 0)[codes]
    if missing is not None:
        codes = np.where(missing, 0, codes)
    categories = tuple(_array(words)[occurs].tolist())
    if pa.types.is_decimal(words.type):
        categories = tuple(map(typed, categories))
    ranks = tuple(np.flatnonzero(occurs).tolist()) if is_declared else None
    return Column(np.asarray(codes, np.int32), missing, categories, ranks=ranks)


def _array(values: pa.Array | pa.ChunkedArray) -> Array:
    """An Arrow array without nulls as a NumPy array."""
    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    # `to_numpy` imports pandas where that is installed, which takes 0.2 s.
    if pa.types.is_boolean(values.type):
        return _array(values.cast(pa.uint8())).view(bool)
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        kind = np.dtype(values.type.to_pandas_dtype())
        array: Array = np.ndarray(len(values), kind, values.buffers()[1], values.offset * kind.itemsize)
        array.flags.writeable = False
        return array
    return values.to_numpy(zero_copy_only=False)


def rows_of(
    table: pa.Table | pa.RecordBatch,
    columns: Sequence[str],
    partitions: Partitions,
    first_row: int,
    place: Place,
    stored: Mapping[str, bool] = MappingProxyType({}),
) -> Iterator[Rows]:
    """A table or batch as runs of at most BLOCK_ROWS rows.

    stored: columns whose type leaves open whether they are declared categories, and whether they are.
    """
    arrays = dict(zip(table.schema.names, table.columns, strict=True))
    return rows_of_arrays(arrays, table.num_rows, columns, partitions, first_row, place, stored)


def rows_of_arrays(
    arrays: Mapping[str, pa.Array | pa.ChunkedArray],
    n_rows: int,
    columns: Sequence[str],
    partitions: Partitions,
    first_row: int,
    place: Place,
    stored: Mapping[str, bool] = MappingProxyType({}),
) -> Iterator[Rows]:
    """Arrow arrays, and the columns of the folders, as runs of at most BLOCK_ROWS rows."""
    constant = dict(partitions)

    def column(name: str, start: int, size: int) -> Column:
        if name in constant:
            return constant_column(constant[name], size)
        values, is_declared = arrays[name].slice(start, size), stored.get(name)
        if is_declared and not pa.types.is_dictionary(values.type):
            # Categories of numbers and bools: a file holds their values, and their order nowhere.
            return _coded(values.dictionary_encode())
        return to_column(values, name, is_declared=is_declared is None or is_declared)

    for start in range(0, n_rows, BLOCK_ROWS):
        size = min(BLOCK_ROWS, n_rows - start)
        yield Rows({name: column(name, start, size) for name in columns}, first_row + start, place)


def constant_column(value: str | None, n_rows: int) -> Column:
    """A column that is the same in each row."""
    if value is None:
        return Column(np.full(n_rows, np.nan), np.ones(n_rows, bool))
    return Column(np.zeros(n_rows, np.int32), None, (value,))


def local_seconds(seconds: Array, zone: str) -> Array:
    """Seconds since 1970 in UTC as the clocks of a time zone showed them."""
    moments = pa.array(seconds.astype("datetime64[s]")).cast(pa.timestamp("s", zone))
    return _array(pc.local_timestamp(moments).cast(pa.int64()))


def seconds_of_texts(texts: Sequence[Any]) -> Array | None:
    """Seconds since 1970 of dates and times in ISO text without a zone, or in UTC; None where some text is no such."""
    try:
        moments = pa.array([text.removesuffix("+00:00") for text in texts], pa.string()).cast(pa.timestamp("us"))
    except (pa.ArrowInvalid, AttributeError):
        return None
    return _array(moments.cast(pa.int64())) // 10**6


def check_names(wanted: Sequence[str], names: Sequence[str]) -> None:
    """Refuse a column that the table does not have, or has twice."""
    for name in wanted:
        if name not in names:
            raise unknown_column(name, names)
        if names.count(name) > 1:
            raise DataError(f"{spoken(name)} stands {names.count(name)} times in the table. Give each its own name.")


def spoken(name: str) -> str:
    """A column as messages name it."""
    return f'column "{printable(name)}"' if name else "the column"


def file_at(path: str) -> pa.NativeFile:
    """A file of this machine, open, whatever its name: it may not be UTF-8, or look like an address elsewhere."""
    return pa.OSFile(os.fsencode(path))


@contextmanager
def damage_named(name: str, advice: str) -> Iterator[None]:
    """Turn pyarrow's errors on broken bytes into a DataError that names the file; let a refused permission pass."""
    try:
        yield
    except (pa.ArrowCancelled, pa.ArrowMemoryError):
        raise
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, OverflowError) as error:
        # Errors of the system have a number; those that pyarrow finds in the bytes have none.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = printable(" ".join(str(error).split()), LONGEST_REASON).rstrip(".")
        raise DataError(f"cannot read {name}: {reason}. {advice}") from error


def guarded(items: Iterator[Item], name: str, advice: str) -> Iterator[Item]:
    """The same items; damage that shows on the way is named."""
    while True:
        with damage_named(name, advice):
            item = next(items, None)
        if item is None:
            return
        yield item
