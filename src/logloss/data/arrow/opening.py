"""The ways in: paths, tables, streams, batches of an engine's frame."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from logloss.data.arrow.arrays import Partitions, array_of, damage_named, guarded, rows_of
from logloss.data.arrow.delimited import Bytes, csv_file, read_layout, read_rows
from logloss.data.arrow.finding import LONGEST_PATH, FoundFile, find, is_pipe, refuse_mixture
from logloss.data.arrow.formats import ARROW_STREAM, N_BYTES_OF_MAGIC, NAMES, codec_of, form_of, is_svmlight
from logloss.data.arrow.lines import ByteStream
from logloss.data.arrow.parquet import ParquetFile, parquet_file
from logloss.data.arrow.sources import FileSource, FragmentFile, PandasSource, StreamSource, TableSource
from logloss.data.arrow.svmlight import SvmlightSource
from logloss.data.rows import BLOCK_ROWS, Place, Rows
from logloss.errors import DataError
from logloss.text import counted, listed, printable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.dataset as ds

    from logloss.data.arrow.sources import File

STREAM_ADVICE = "The stream is damaged or cut off; write it again."
DAMAGED = "The file is damaged or not {}; fetch or write it again."
# What the formats that are read as datasets are called there.
DATASET_FORMS = {"arrow": "ipc", "orc": "orc"}
# Files that are opened at a time: most of the time goes in waiting, for disks and for other machines.
N_AT_ONCE = 16


def open_files(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], *, header: bool = True
) -> FileSource | StreamSource | SvmlightSource:
    """The source of a path, pattern or folder of files, or of a list of them; of a pipe, one that is read once.

    Cost: a look at each file's footer or header. `header`: whether the first line of a CSV file names its columns; if
    not, they are numbered from "0".
    """
    alone = [paths] if isinstance(paths, str | os.PathLike) else paths
    if len(alone) == 1 and is_pipe(alone[0]):
        name = printable(os.fspath(alone[0]), LONGEST_PATH)
        return open_stream(_read_from(os.open(alone[0], os.O_RDONLY)), header=header, name=name)
    name, wanted = find(paths)
    if any(file.form == "svmlight" for file in wanted):
        refuse_mixture(wanted)
        return SvmlightSource(name, wanted)
    # Threads wait for the file system together; results, and the first error, come in the order of the files.
    with ThreadPoolExecutor(N_AT_ONCE) as pool:
        opened = list(pool.map(partial(_opened, header=header), wanted))
    are_rows = [not (isinstance(file, ParquetFile) and file.is_summary) for file in opened]
    summaries = [file.name for file, has_rows in zip(wanted, are_rows, strict=True) if not has_rows]
    rows = list(compress(opened, are_rows))
    if not rows:
        raise DataError(f"{name} must hold rows; it holds what was measured of rows. See it with: logloss show SUMMARY")
    refuse_mixture(compress(wanted, are_rows))
    if not summaries:
        return FileSource(name, rows)
    note = f"{listed(summaries, 3)} left out: no rows, but a summary that logloss has written"
    return FileSource(name.replace(counted(len(wanted), "file"), counted(len(rows), "file"), 1), rows, [note])


def _read_from(number: int) -> io.BufferedReader:
    """What the system has opened under this number, and closes when nobody reads it any more."""
    stream = io.FileIO(number, closefd=False)
    weakref.finalize(stream, os.close, number)
    return io.BufferedReader(stream)


def _opened(file: FoundFile, *, header: bool) -> File:
    """A file that was found, after a look at its footer or header."""
    if file.form == "parquet":
        return parquet_file(file.path, file.name, file.partitions)
    if file.form == "csv":
        return csv_file(file.path, file.name, file.partitions, header=header)
    import pyarrow.dataset as ds
    from pyarrow.fs import LocalFileSystem

    with damage_named(file.name, DAMAGED.format(NAMES[file.form])):
        dataset = ds.dataset(os.path.abspath(file.path), format=DATASET_FORMS[file.form], filesystem=LocalFileSystem())
        return FragmentFile(file.name, file.partitions, dataset.schema, dataset)


def is_pandas(table: object) -> bool:
    """Whether it is a frame of pandas."""
    return type(table).__module__.split(".")[0] == "pandas" and hasattr(table, "iloc") and hasattr(table, "columns")


def open_table(table: Any) -> FileSource | TableSource | PandasSource | StreamSource:
    """The source of an Arrow table, batch, dataset or reader, of a data frame, or of what else speaks Arrow."""
    # Known by the name of its module: to import that takes 0.2 s where pandas is installed, which it imports.
    kinds = {each.__name__ for each in type(table).__mro__ if each.__module__ == "pyarrow._dataset"}
    if "Dataset" in kinds:
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
        if "Scanner" in kinds:
            return _open_reader(table.to_reader(), "")
        if not hasattr(table, "__arrow_c_stream__"):
            return TableSource(pa.Table.from_batches([pa.record_batch(table)]))
        reader = pa.RecordBatchReader.from_stream(table)
        # A frame or a relation has a shape and can be read again; a bare stream neither. The type is looked at,
        # as a relation would run its query to answer.
        if any(hasattr(type(table), name) for name in ("shape", "__len__", "num_rows")):
            return TableSource(reader.read_all())
        return _open_reader(reader, "")


def open_stream(
    stream: ByteStream, *, header: bool = True, name: str = "standard input"
) -> StreamSource | SvmlightSource:
    """The source of a binary file that can be read once, in the format that its first bytes show; else it is CSV.

    Cost: CSV and streams of Arrow are read as they come; formats whose table of contents is at their end are written to
    a temporary file first.
    """
    start = b""
    while len(start) < N_BYTES_OF_MAGIC and (more := stream.read(N_BYTES_OF_MAGIC - len(start))):
        start += more
    whole, codec = Bytes(stream, start), codec_of(start)
    with damage_named(name, STREAM_ADVICE):
        if codec is not None:
            unpacked = io.BufferedReader(pa.CompressedInputStream(whole, codec))
            return _open_text(Bytes(unpacked), name, header=header)
        if start.startswith(ARROW_STREAM):
            return _open_reader(pa.ipc.open_stream(whole), name)
        if form_of(start):
            return _open_reader(_reader_of(_spooled(whole), form_of(start)), name)
    if is_svmlight(start):
        return SvmlightSource(name, stream=whole)
    return _open_text(whole, name, header=header)


def _spooled(stream: Bytes) -> pa.PythonFile:
    """All bytes of a stream, in a temporary file that can be read from any place."""
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(stream, file)
        file.seek(0)
        return pa.PythonFile(_read_from(os.dup(file.fileno())), mode="r")


def _reader_of(file: pa.PythonFile, form: str) -> pa.RecordBatchReader:
    """The batches of a Parquet, Arrow or ORC file."""
    if form == "parquet":
        import pyarrow.parquet as pq

        parquet = pq.ParquetFile(file, page_checksum_verification=True)
        batches = parquet.iter_batches(BLOCK_ROWS, use_threads=False)
        return pa.RecordBatchReader.from_batches(parquet.schema_arrow, batches)
    if form == "orc":
        from pyarrow import orc

        stripes = orc.ORCFile(file)
        each = (stripes.read_stripe(number) for number in range(stripes.nstripes))
        return pa.RecordBatchReader.from_batches(stripes.schema, each)
    arrow = pa.ipc.open_file(file)
    each = (arrow.get_batch(number) for number in range(arrow.num_record_batches))
    return pa.RecordBatchReader.from_batches(arrow.schema, each)


def _open_text(stream: Bytes, name: str, *, header: bool) -> StreamSource:
    with damage_named(name, STREAM_ADVICE):
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
        # Filtered: a fragment does not hold which of its rows are left.
        return FileSource("", [FragmentFile("", (), dataset.schema, dataset)])
    paths = [path for path in (getattr(each, "path", None) for each in fragments) if path]
    root = os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else None
    files = [_fragment(fragment, dataset, root) for fragment in fragments]
    return FileSource(f"dataset of {counted(len(files), 'file')}" if root is not None else "", files)


def _fragment(fragment: ds.Fragment, dataset: ds.Dataset, root: str | None) -> File:
    import pyarrow.dataset as ds
    from pyarrow.fs import LocalFileSystem

    keys = ds.get_partition_keys(fragment.partition_expression)
    partitions: Partitions = tuple((key, None if value is None else str(value)) for key, value in keys.items())
    path = getattr(fragment, "path", None)
    # A Delta log also holds the least and greatest values; where they are equal, it looks like a folder.
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
    """The same rows in tables of whole blocks; the last one may be smaller."""
    waiting: list[pa.RecordBatch] = []
    n_waiting = 0
    for batch in batches:
        waiting += batch.to_batches() if isinstance(batch, pa.Table) else [batch]
        n_waiting += batch.num_rows
        if n_waiting >= BLOCK_ROWS:
            table = pa.Table.from_batches(waiting)
            n_whole = n_waiting - n_waiting % BLOCK_ROWS
            yield table.slice(0, n_whole)
            waiting = table.slice(n_whole).to_batches()
            n_waiting -= n_whole
    if n_waiting:
        yield pa.Table.from_batches(waiting)


def table_of_frame(frame: pd.DataFrame, columns: Sequence[str]) -> pa.Table:
    """A partition, a frame in memory, as a table of some of its columns, each read as a column of any frame is."""
    return pa.table({name: array_of(frame[name], name) for name in columns})
