"""The ways in: paths, tables, streams, batches of an engine's frame."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import LocalFileSystem

from logloss.data.arrow.arrays import Partitions, damage_named, guarded, rows_of
from logloss.data.arrow.delimited import Bytes, ByteStream, csv_file, read_layout, read_rows
from logloss.data.arrow.finding import find
from logloss.data.arrow.parquet import parquet_file
from logloss.data.arrow.sources import FileSource, FragmentFile, PandasSource, StreamSource, TableSource
from logloss.data.rows import BLOCK_ROWS, Place, Rows
from logloss.errors import DataError
from logloss.text import counted, printable

if TYPE_CHECKING:
    import pandas as pd

    from logloss.data.arrow.sources import File

STREAM_ADVICE = "The stream is damaged or cut off; write it again."


def open_files(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], *, header: bool = True) -> FileSource:
    """The source of a path, pattern or folder of Parquet or CSV files, or of a list of them.

    Cost: a look at each file's footer or header. `header`: whether the first line of a CSV file names its columns; if
    not, they are numbered from "0".
    """
    name, wanted = find(paths)
    files: list[File] = [
        parquet_file(file.path, file.name, file.partitions)
        if file.is_parquet
        else csv_file(file.path, file.name, file.partitions, header=header)
        for file in wanted
    ]
    return FileSource(name, files)


def is_pandas(table: object) -> bool:
    """Whether it is a frame of pandas."""
    return type(table).__module__.split(".")[0] == "pandas" and hasattr(table, "iloc") and hasattr(table, "columns")


def open_table(table: Any) -> FileSource | TableSource | PandasSource | StreamSource:
    """The source of an Arrow table, batch, dataset or reader, of a data frame, or of what else speaks Arrow."""
    if isinstance(table, ds.Dataset):
        return _open_dataset(table)
    if isinstance(table, pa.Table):
        return TableSource(table)
    if isinstance(table, pa.RecordBatch):
        return TableSource(pa.Table.from_batches([table]))
    if isinstance(table, pa.Array | pa.ChunkedArray):
        raise DataError("a table must have columns with names; this is one Arrow array. Pass it as an array instead.")
    if is_pandas(table):
        return PandasSource(table)
    with damage_named("the table", "Give each column one kind of value."):
        if isinstance(table, pa.RecordBatchReader):
            return _open_reader(table, "")
        if isinstance(table, ds.Scanner):
            return _open_reader(table.to_reader(), "")
        if not hasattr(table, "__arrow_c_stream__"):
            return TableSource(pa.Table.from_batches([pa.record_batch(table)]))
        reader = pa.RecordBatchReader.from_stream(table)
        # A frame or a relation knows its shape and can be asked again; a bare stream does neither. The type is asked,
        # as a relation would run its query to answer.
        if any(hasattr(type(table), name) for name in ("shape", "__len__", "num_rows")):
            return TableSource(reader.read_all())
        return _open_reader(reader, "")


def open_stream(stream: ByteStream, *, header: bool = True) -> StreamSource:
    """The source of a binary file that can be read once: an Arrow stream if its first bytes say so, else CSV."""
    name = "standard input"
    start = b""
    while len(start) < 6 and (more := stream.read(6 - len(start))):
        start += more
    if start == b"ARROW1":
        # The table of contents of such a file is at its end.
        with damage_named(name, STREAM_ADVICE):
            table = pa.ipc.open_file(pa.py_buffer(start + stream.read())).read_all()
        return _open_reader(table.to_reader(), name)
    if start.startswith(b"\xff\xff\xff\xff"):
        with damage_named(name, STREAM_ADVICE):
            return _open_reader(pa.ipc.open_stream(Bytes(stream, start)), name)
    return _open_text(Bytes(stream, start), name, header=header)


def _open_text(stream: Bytes, name: str, *, header: bool) -> StreamSource:
    layout, seen = read_layout(stream, name, header=header)
    stream.start = seen + stream.start

    def walk(columns: tuple[str, ...], texts: tuple[str, ...]) -> Iterator[Rows]:
        return read_rows(
            stream, layout, layout.n_header_lines, columns, (), Place(name), texts=texts, tail=lambda: stream.tail
        )

    return StreamSource(name, layout.names, walk)


def _open_reader(reader: pa.RecordBatchReader, name: str) -> StreamSource:
    names = tuple(reader.schema.names)

    def walk(columns: tuple[str, ...], texts: tuple[str, ...]) -> Iterator[Rows]:
        row = 0
        for batch in guarded(iter(reader), name or "the stream", STREAM_ADVICE):
            yield from rows_of(batch, columns, (), row, Place(name))
            row += batch.num_rows

    return StreamSource(name, names, walk, reader.schema)


def _open_dataset(dataset: ds.Dataset) -> FileSource:
    """A dataset: its local Parquet files as such, other fragments through Arrow."""
    try:
        fragments = list(dataset.get_fragments())
    except ValueError:
        # Filtered: a fragment would not know which of its rows are left.
        return FileSource("", [FragmentFile("", (), dataset.schema, dataset)])
    paths = [path for path in (getattr(each, "path", None) for each in fragments) if path]
    root = os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else None
    files = [_fragment(fragment, dataset, root) for fragment in fragments]
    return FileSource(f"dataset of {counted(len(files), 'file')}" if root is not None else "", files)


def _fragment(fragment: ds.Fragment, dataset: ds.Dataset, root: str | None) -> File:
    keys = ds.get_partition_keys(fragment.partition_expression)
    partitions: Partitions = tuple((key, None if value is None else str(value)) for key, value in keys.items())
    path = getattr(fragment, "path", None)
    # A Delta log also says what the least and greatest values are; where they are equal, it looks like a folder.
    partitions = tuple(pair for pair in partitions if pair[0] not in fragment.physical_schema.names)
    if path is None or root is None:
        return FragmentFile("", partitions, dataset.schema, fragment)
    name = printable(os.path.relpath(path, root), 120)
    if isinstance(fragment, ds.ParquetFileFragment) and isinstance(fragment.filesystem, LocalFileSystem):
        only = None if fragment.row_groups is None else [group.id for group in fragment.row_groups]
        return parquet_file(path, name, partitions, only)
    return FragmentFile(name, partitions, fragment.physical_schema, fragment)


def rows_of_batches(
    batches: Iterable[pa.Table | pa.RecordBatch], columns: Sequence[str], first_row: int
) -> Iterator[Rows]:
    """Tables or batches as runs of about BLOCK_ROWS rows: engines hand out 10,000 at a time, too few to be quick."""
    for table in _gathered(batches):
        yield from rows_of(table, columns, (), first_row, Place())
        first_row += table.num_rows


def _gathered(batches: Iterable[pa.Table | pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables of at least BLOCK_ROWS; the last one may be smaller."""
    waiting: list[pa.RecordBatch] = []
    n_waiting = 0
    for batch in batches:
        waiting += batch.to_batches() if isinstance(batch, pa.Table) else [batch]
        n_waiting += batch.num_rows
        if n_waiting >= BLOCK_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting, n_waiting = [], 0
    if n_waiting:
        yield pa.Table.from_batches(waiting)


def table_of_frame(frame: pd.DataFrame, columns: Sequence[str]) -> pa.Table:
    """A partition, a frame in memory, as a table of some of its columns."""
    return pa.RecordBatchReader.from_stream(frame[list(columns)]).read_all().select(list(columns))
