"""Small tables as Arrow and as Parquet bytes: what answers hand on, and the form of a summary on disk.

>>> table_of({"season": [2016, None], "name": ["a", 1]}).schema.types
[DataType(int64), DataType(string)]
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logloss.errors import DataError

# Of a file of ours: what it may hold once it is unpacked, so that no small file can fill the memory.
MOST_UNPACKED = 1 << 31
MOST_ROWS = 1 << 26


def table_of(columns: Mapping[str, Sequence[Any]]) -> Any:
    """An Arrow table of lists; a column of mixed kinds becomes text."""
    arrays = {}
    for name, values in columns.items():
        try:
            arrays[name] = pa.array(list(values))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            arrays[name] = pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.table(arrays)


def lists_of(values: Any) -> Any:
    """An array of shape (n, k) as n lists of k; None as lists that are missing is not needed here."""
    if isinstance(values, np.ndarray):
        n_rows, width = values.shape
        offsets = pa.array(np.arange(n_rows + 1, dtype=np.int32) * width)
        return pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(values).reshape(-1)))
    return pa.array(values, pa.list_(pa.string()))


def long_form(sections: Sequence[Mapping[str, Any]]) -> Any:
    """Sections of a summary as one table: section, group, key, lower, upper, counts, digits; what one lacks is null."""
    pieces = []
    for section in sections:
        n_rows = len(section["key"])
        nothing = pa.nulls(n_rows)
        columns = {
            "section": pa.DictionaryArray.from_arrays(
                pa.array(np.zeros(n_rows, np.int32)), pa.array([section["name"]])
            ),
            "group": pa.array(section["group"], pa.string()) if "group" in section else nothing.cast(pa.string()),
            "key": pa.array(section["key"], pa.int64()),
            "lower": pa.array(section["lower"], pa.float64()) if "lower" in section else nothing.cast(pa.float64()),
            "upper": pa.array(section["upper"], pa.float64()) if "upper" in section else nothing.cast(pa.float64()),
            "counts": lists_of(section["counts"]) if "counts" in section else nothing.cast(pa.list_(pa.int64())),
            "digits": lists_of(section["digits"]) if "digits" in section else nothing.cast(pa.list_(pa.string())),
        }
        pieces.append(pa.table(columns))
    return pa.concat_tables(pieces).unify_dictionaries().combine_chunks()


def parquet_bytes(table: Any, metadata: Mapping[str, str]) -> bytes:
    """A table as the bytes of a Parquet file, the same each time."""
    stream = io.BytesIO()
    described = table.replace_schema_metadata({key.encode(): value.encode() for key, value in metadata.items()})
    pq.write_table(described, stream, compression="zstd", write_page_checksum=True)
    return stream.getvalue()


def read_parquet(data: bytes, name: str) -> tuple[Any, dict[str, str]]:
    """(The table, its metadata) of the bytes of a Parquet file."""
    try:
        file = pq.ParquetFile(pa.py_buffer(data), page_checksum_verification=True)
        footer = file.metadata
        size = sum(footer.row_group(index).total_byte_size for index in range(footer.num_row_groups))
        if footer.num_rows > MOST_ROWS or size > MOST_UNPACKED or size < 0:
            raise DataError(f"{name} must hold a summary; it claims {footer.num_rows:,} rows. It is no file of ours.")
        found = file.schema_arrow.metadata or {}
        metadata = {key.decode("utf-8"): value.decode("utf-8") for key, value in found.items()}
        table = file.read() if "logloss" in metadata else None
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"cannot read {name}: {str(error).splitlines()[0].rstrip('.') if str(error) else 'damaged'}. "
            "The file is damaged or no summary; make it again."
        ) from error
    return table, metadata


def sections_of(table: Any) -> dict[str, dict[str, Any]]:
    """The sections of a table in long form: columns of each as arrays; lists of numbers as arrays of shape (n, k)."""
    names = table.column("section").combine_chunks().cast(pa.string())
    found: dict[str, dict[str, Any]] = {}
    # Sections stand one after the other.
    ends = pc.run_end_encode(names)
    start = 0
    for name, end in zip(ends.values.to_pylist(), ends.run_ends.to_pylist(), strict=True):
        piece = table.slice(start, end - start).combine_chunks()
        section: dict[str, Any] = {"key": piece.column("key").to_numpy()}
        section["group"] = piece.column("group").to_pylist() if piece.column("group").null_count < len(piece) else None
        counts, digits = piece.column("counts"), piece.column("digits")
        if counts.null_count == 0:
            flat = counts.combine_chunks().flatten().to_numpy()
            section["counts"] = flat.reshape(len(piece), -1)
        if digits.null_count == 0:
            section["digits"] = digits.to_pylist()
        if name in found:
            raise DataError(f'a summary must have each section once; "{name}" is there twice.')
        found[name] = section
        start = end
    return found


def content_of(table: Any) -> list[bytes]:
    """What a table says, whatever bytes it is stored in: for its checksum."""
    found = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        array = column.combine_chunks()
        found.append(name.encode())
        found.append(array.is_null().to_numpy(zero_copy_only=False).tobytes())
        if pa.types.is_list(array.type):
            found.append(pc.fill_null(pc.list_value_length(array), -1).to_numpy().tobytes())
            array = array.flatten()
        if pa.types.is_floating(array.type) or pa.types.is_integer(array.type):
            found.append(pc.fill_null(array, 0).to_numpy().tobytes())
            continue
        texts = pc.fill_null(array.cast(pa.string()), "")
        found.append(pc.binary_length(texts).to_numpy().tobytes())
        found.append("".join(texts.to_pylist()).encode("utf-8", "surrogatepass"))
    return found
