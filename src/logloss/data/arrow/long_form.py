"""Small tables as Arrow and as Parquet bytes: what answers hand on, and the form of a summary on disk."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logloss.data.arrow.arrays import damage_named
from logloss.data.arrow.pages import unpacked
from logloss.data.rows import Array
from logloss.errors import DataError
from logloss.text import printable

if TYPE_CHECKING:
    import pyarrow.parquet as pq

# Of a file of ours: what it may hold once it is unpacked, so that no small file can fill the memory. The largest that
# could be made (weights from 1e-300 to 10, 256 groups, 4,096 clusters) have 6 million values.
MOST_VALUES = 1 << 23
MOST_UNPACKED = MOST_TEXT = 1 << 28
# Pages of ours become up to 13 times as large as they are; they have up to 1 value in each byte.
MOST_GROWTH, VALUES_OF_BYTE, LEAST_CAP = 64, 8, 1 << 20
TEXT, WHOLE, REAL = pa.string(), pa.int64(), pa.float64()
# The columns of long form; texts are stored once for each distinct one.
LONG_FORM = {"section": TEXT, "group": TEXT, "key": WHOLE, "lower": REAL, "upper": REAL}
LISTS = {"counts": WHOLE, "digits": TEXT}
CODED = ["group", "digits.list.element"]


def table_of(columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """An Arrow table of lists; a column of mixed kinds becomes text."""
    arrays = {}
    for name, values in columns.items():
        try:
            arrays[name] = pa.array(list(values))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            arrays[name] = pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.table(arrays)


def lists_of(values: Array | Sequence[Sequence[str]]) -> pa.Array:
    """An array of shape (n, k) as n lists of k; None as lists that are missing is not needed here."""
    if isinstance(values, np.ndarray):
        n_rows, width = values.shape
        offsets = pa.array(np.arange(n_rows + 1, dtype=np.int32) * width)
        return pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(values).reshape(-1)))
    return pa.array(values, pa.list_(pa.string()))


def long_form(sections: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Sections of a summary as one table: section, group, key, lower, upper, counts, digits; what one lacks is null."""
    pieces = []
    for section in sections:
        n_rows = len(section["key"])
        name = pa.array([section["name"]])
        columns = {"section": pa.DictionaryArray.from_arrays(pa.array(np.zeros(n_rows, np.int32)), name)}
        for column, kind in {"group": TEXT, "key": WHOLE, "lower": REAL, "upper": REAL}.items():
            columns[column] = pa.array(section[column], kind) if column in section else pa.nulls(n_rows, kind)
        for column, kind in LISTS.items():
            columns[column] = lists_of(section[column]) if column in section else pa.nulls(n_rows, pa.list_(kind))
        pieces.append(pa.table(columns))
    return pa.concat_tables(pieces).unify_dictionaries().combine_chunks()


def parquet_bytes(table: pa.Table, metadata: Mapping[str, str]) -> bytes:
    """A table as the bytes of a Parquet file, the same each time."""
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    described = table.replace_schema_metadata({key.encode(): value.encode() for key, value in metadata.items()})
    pq.write_table(described, stream, compression="zstd", write_page_checksum=True)
    return stream.getvalue()


def read_parquet(data: bytes, name: str) -> tuple[pa.Table | None, dict[str, str]]:
    """(The table, its metadata) of the bytes of a Parquet file; no table where it is not one of ours."""
    import pyarrow.parquet as pq

    advice = "The file is damaged or no summary; make it again."
    with damage_named(name, advice):
        try:
            footer = pq.read_metadata(pa.BufferReader(data))
            stored = footer.metadata or {}
            metadata = {"logloss": stored[b"logloss"].decode("utf-8")} if b"logloss" in stored else {}
            if not metadata:
                return None, metadata
            _check_size(data, footer, name)
            if footer.schema.to_arrow_schema().names != [*LONG_FORM, *LISTS]:
                raise DataError(
                    f"{name} must hold a summary in long form; its columns are others. It is not a logloss file."
                )
            file = pq.ParquetFile(
                pa.py_buffer(data), page_checksum_verification=True, read_dictionary=CODED, metadata=footer
            )
            # Small columns: threads take longer to wake than they need.
            table = file.read(use_threads=False)
        except (ValueError, KeyError, OverflowError, MemoryError) as error:
            if isinstance(error, DataError | pa.ArrowException):
                raise
            raise DataError(f"cannot read {name}: {_first_line(error)}. {advice}") from error
    _check_form(table, name)
    return table, metadata


def _first_line(error: BaseException) -> str:
    return printable(next(iter(str(error).splitlines()), "damaged"), 200).rstrip(".")


def _check_size(data: bytes, footer: pq.FileMetaData, name: str) -> None:
    """Refuse a file that would fill the memory, before a page of it is unpacked."""
    n_bytes, n_values = unpacked(data)
    most_bytes = min(MOST_UNPACKED, MOST_GROWTH * len(data) + LEAST_CAP)
    most_values = min(MOST_VALUES, VALUES_OF_BYTE * len(data) + LEAST_CAP)
    if n_bytes > most_bytes or n_values > most_values or not 0 <= footer.num_rows <= most_values:
        raise DataError(
            f"{name} must hold a summary; unpacked it would have {footer.num_rows:,} rows of {n_values:,} values in "
            f"{n_bytes:,} bytes, which no summary of {len(data):,} bytes has. It is not a logloss file."
        )


def _check_form(table: pa.Table, name: str) -> None:
    """Refuse a table that is not in long form, and one whose texts would fill the memory once they are written out."""
    expected = [*LONG_FORM.values(), *(pa.list_(kind) for kind in LISTS.values())]
    types = [_plain(kind) for kind in table.schema.types]
    if table.schema.names != [*LONG_FORM, *LISTS] or types != expected:
        raise DataError(f"{name} must hold a summary in long form; its columns are others. It is not a logloss file.")
    size = 0
    for column in table.columns:
        for chunk in column.chunks:
            size += _letters(chunk.flatten() if pa.types.is_list(chunk.type) else chunk)
    if size > MOST_TEXT:
        raise DataError(f"{name} must hold a summary; its texts have {size:,} bytes. It is not a logloss file.")


def _plain(kind: pa.DataType) -> pa.DataType:
    """A type without the way in which texts are stored."""
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _letters(array: pa.Array) -> int:
    """How many bytes the texts of an array have once each is written out."""
    if not pa.types.is_dictionary(array.type):
        return 0
    sizes = pc.fill_null(pc.binary_length(array.dictionary), 0).to_numpy(zero_copy_only=False)
    return int(sizes[pc.drop_null(array.indices).to_numpy(zero_copy_only=False)].sum(dtype=np.int64))


def sections_of(table: pa.Table) -> dict[str, dict[str, Any]]:
    """The sections of a table in long form: columns of each as arrays; lists of numbers as arrays of shape (n, k)."""
    names = table.column("section").combine_chunks().cast(TEXT)
    sections: dict[str, dict[str, Any]] = {}
    # Sections stand one after the other.
    ends = pc.run_end_encode(names)
    start = 0
    for name, end in zip(ends.values.to_pylist(), ends.run_ends.to_pylist(), strict=True):
        piece = table.slice(start, end - start).combine_chunks()
        section: dict[str, Any] = {"key": piece.column("key").to_numpy()}
        group, counts, digits = (piece.column(column) for column in ("group", "counts", "digits"))
        section["group"] = _texts(group.combine_chunks()) if group.null_count < len(piece) else None
        if counts.null_count == 0:
            flat = counts.combine_chunks().flatten().to_numpy()
            section["counts"] = flat.reshape(len(piece), -1)
        if digits.null_count == 0:
            lists = digits.combine_chunks()
            texts = iter(_texts(lists.flatten()))
            section["digits"] = [list(islice(texts, size)) for size in pc.list_value_length(lists).to_pylist()]
        if name in sections:
            raise DataError(f'a summary must have each section once; "{printable(str(name))}" is there twice.')
        sections[name] = section
        start = end
    return sections


def _texts(array: pa.Array) -> list[Any]:
    """An array of texts as a list, in which equal ones are one object."""
    if not pa.types.is_dictionary(array.type):
        return array.to_pylist()
    words = array.dictionary.to_pylist()
    return [None if code is None else words[code] for code in array.indices.to_pylist()]


def content_of(table: pa.Table) -> list[bytes]:
    """The content of a table, whatever bytes it is stored in: for its checksum."""
    pieces = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        array = column.combine_chunks()
        pieces.append(name.encode())
        pieces.append(array.is_null().to_numpy(zero_copy_only=False).tobytes())
        if pa.types.is_list(array.type):
            pieces.append(pc.fill_null(pc.list_value_length(array), -1).to_numpy().tobytes())
            array = array.flatten()
        if pa.types.is_floating(array.type) or pa.types.is_integer(array.type):
            pieces.append(pc.fill_null(array, 0).to_numpy().tobytes())
            continue
        texts = pc.fill_null(array.cast(TEXT), "")
        pieces.append(pc.binary_length(texts).to_numpy().tobytes())
        pieces.append(_bytes_of(texts))
    return pieces


def _bytes_of(texts: pa.Array) -> bytes:
    """The bytes of all texts of an array, one after the other."""
    _, ends, letters = texts.buffers()
    if len(texts) == 0 or letters is None:
        return b""
    places = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return letters.slice(int(places[0]), int(places[-1] - places[0])).to_pybytes()
