"""An Arrow array becomes a Column.

>>> to_column(pa.array(["no", "yes", None])).categories
('no', 'yes')
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logloss.data.rows import Column, Place, Rows
from logloss.errors import DataError
from logloss.text import listed, printable

# Rows of one block: 1 MB of float64; 2e7 rows in blocks of this size read as fast as whole row groups.
BLOCK_ROWS = 1 << 17

# What the folders above a file say about its rows: column, value; None where a folder stands for null.
Partitions = tuple[tuple[str, str | None], ...]
Item = TypeVar("Item")


def column_of(values: Any, name: str = "") -> Column:
    """One column of anything that Arrow can read: its arrays, a series of pandas or polars."""
    try:
        if isinstance(values, pa.Array | pa.ChunkedArray):
            return to_column(values, name)
        if hasattr(values, "__arrow_c_stream__"):
            return to_column(pa.chunked_array(values), name)
        return to_column(pa.array(values, from_pandas=True), name)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{spoken(name)} must hold numbers, bools or text, one kind of them: {error}.") from error


def to_column(values: Any, name: str = "") -> Column:
    """An Arrow array, whole or in chunks, as a column; nothing is copied where it is whole and lacks nothing."""
    kind, stored = kind_of(values.type), values.type
    if isinstance(stored, pa.BaseExtensionType):
        return to_column(values.cast(stored.storage_type), name)
    if pa.types.is_run_end_encoded(stored):
        return to_column(pc.run_end_decode(values), name)
    if kind == "nothing":
        return Column(np.full(len(values), np.nan), np.ones(len(values), bool))
    if kind == "date":
        # Each distinct one is written once.
        coded = values if pa.types.is_dictionary(stored) else values.dictionary_encode()
        return replace(_coded(coded.cast(pa.dictionary(pa.int32(), pa.string()))), is_date=True)
    if kind == "text":
        return _coded(values)
    if kind == "":
        raise DataError(f"{spoken(name)} must hold numbers, bools, text or dates; it holds {stored}.")
    if pa.types.is_dictionary(stored):
        values = values.cast(stored.value_type)
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64())
    if not values.null_count:
        return Column(_array(values))
    missing = _array(values.is_null())
    # 1, not 0: a weight that is missing must not look like a row that is absent.
    if pa.types.is_floating(values.type):
        array = _array(values)
        return Column(np.where(missing, array.dtype.type(1), array), missing)
    return Column(_array(pc.fill_null(values, pa.scalar(1, pa.int8()).cast(values.type))), missing)


def kind_of(stored: Any) -> str:
    """`number`, `bool`, `text`, `date`, `nothing` (only nulls), or "" for a type that cannot be used."""
    types = pa.types
    if isinstance(stored, pa.BaseExtensionType):
        return kind_of(stored.storage_type)
    if types.is_dictionary(stored) or types.is_run_end_encoded(stored):
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


def _coded(values: Any) -> Column:
    """Text as codes into the values that occur; dictionaries of chunks become one."""
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    if isinstance(values, pa.ChunkedArray):
        values = values.unify_dictionaries().combine_chunks()
    words, codes = values.dictionary, values.indices
    missing = None
    # A null among the words: newer versions of pyarrow count it as a null of the values, 17 does not.
    if values.null_count or words.null_count:
        missing = _array(values.is_null())
        codes = codes.fill_null(0)
        if words.null_count and len(codes):
            missing = missing | _array(words.is_null())[_array(codes)]
        missing = missing if missing.any() else None
    found = _array(codes)
    # Only what occurs: a slice of a long dictionary must not carry all of it, nor be judged by it.
    occurs = np.zeros(len(words), bool)
    occurs[found if missing is None else found[~missing]] = True
    if len(found) and not occurs.any():
        return Column(np.full(len(found), np.nan), np.ones(len(found), bool))
    if not occurs.all():
        found = np.maximum(np.cumsum(occurs, dtype=np.int32) - 1, 0)[found]
    if missing is not None:
        found = np.where(missing, 0, found)
    categories = tuple(_array(words)[occurs].tolist())
    return Column(np.asarray(found, np.int32), missing, categories)


def _array(values: Any) -> np.ndarray[Any, Any]:
    """An Arrow array without nulls as a NumPy array."""
    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    return values.to_numpy(zero_copy_only=False)


def rows_of(table: Any, columns: Sequence[str], partitions: Partitions, first_row: int, place: Place) -> Iterator[Rows]:
    """A table or batch as runs of at most BLOCK_ROWS rows."""
    arrays = dict(zip(table.schema.names, table.columns, strict=True))
    return rows_of_arrays(arrays, table.num_rows, columns, partitions, first_row, place)


def rows_of_arrays(
    arrays: Mapping[str, Any],
    n_rows: int,
    columns: Sequence[str],
    partitions: Partitions,
    first_row: int,
    place: Place,
) -> Iterator[Rows]:
    """Arrow arrays, and what the folders say, as runs of at most BLOCK_ROWS rows."""
    constant = dict(partitions)
    for start in range(0, n_rows, BLOCK_ROWS):
        size = min(BLOCK_ROWS, n_rows - start)
        yield Rows(
            {
                name: constant_column(constant[name], size)
                if name in constant
                else to_column(arrays[name].slice(start, size), name)
                for name in columns
            },
            first_row + start,
            place,
        )


def constant_column(value: str | None, n_rows: int) -> Column:
    """A column that is the same in each row."""
    if value is None:
        return Column(np.full(n_rows, np.nan), np.ones(n_rows, bool))
    return Column(np.zeros(n_rows, np.int32), None, (value,))


def check_names(wanted: Sequence[str], names: Sequence[str]) -> None:
    """Refuse a column that the table does not have, or has twice."""
    for name in wanted:
        if name not in names:
            close = get_close_matches(name, names, n=1)
            hint = f' Did you mean "{printable(close[0])}"?' if close else ""
            table = listed([printable(each) for each in names], 20)
            raise DataError(f'no column "{printable(name)}". The table has: {table}.{hint}')
        if names.count(name) > 1:
            raise DataError(f"{spoken(name)} stands {names.count(name)} times in the table. Give each its own name.")


def spoken(name: str) -> str:
    """A column as messages name it."""
    return f'column "{printable(name)}"' if name else "the column"


def file_at(path: str) -> Any:
    """A file of this machine, open, whatever its name: it may not be UTF-8, or look like an address elsewhere."""
    return pa.OSFile(os.fsencode(path))


@contextmanager
def damage_named(name: str, advice: str) -> Iterator[None]:
    """Turn what pyarrow says of broken bytes into a DataError that names the file; let a refused permission pass."""
    try:
        yield
    except (pa.ArrowCancelled, pa.ArrowMemoryError):
        raise
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        # Errors of the system have a number; those that pyarrow finds in the bytes have none.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"cannot read {name}: {str(error).rstrip('.')}. {advice}") from error


def guarded(items: Iterator[Item], name: str, advice: str) -> Iterator[Item]:
    """The same items; damage that shows on the way is named."""
    while True:
        with damage_named(name, advice):
            item = next(items, None)
        if item is None:
            return
        yield item
