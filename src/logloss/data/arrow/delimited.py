"""A CSV file becomes rows: every field is read as text, and is a number where all of its block are.

Nothing is inferred from the first rows: a column that turns from 6 to 0.5 after a million rows is read like any other.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from logloss.data.arrow.arrays import Partitions, damage_named, file_at, guarded, rows_of_arrays, scalar_of, spoken
from logloss.data.arrow.finding import is_tabbed
from logloss.data.arrow.formats import (
    N_BYTES_OF_MAGIC,
    codec_of,
    encoding_of,
    not_utf8,
    refuse_other,
    refuse_other_text,
)
from logloss.data.arrow.lines import CHUNK_BYTES, ByteStream, lines_of
from logloss.data.rows import Place, Rows
from logloss.data.values import is_beyond_floats
from logloss.errors import DataError
from logloss.text import counted, printable

ADVICE = "The file is damaged or not CSV; fetch or write it again."
NULL_WORDS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]
# By which ending Arrow knows how a file is packed.
CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4", ".br": "brotli"}
N_BYTES_OF_TAIL = 1 << 12
# Whole numbers beyond it are not all floats; identifiers are often longer.
EXACT_FLOATS = float(1 << 53)
# What holds such numbers exactly, the cheapest first; what none holds are floats.
# Of decimals, those that have room for the digits of a number: pyarrow makes another number of one that is longer.
EXACT_TYPES = {pa.int64(): 2e19, pa.uint64(): 2e19, pa.decimal256(76, 0): 1e76, pa.decimal256(76, 18): 1e58}
MOST_DIGITS = 76
# pyarrow's message on a row with too few or too many fields; its text is cut after 96 bytes.
WRONG_LENGTH = re.compile(
    r".*?Row #(?P<number>\d+): Expected (?P<expected>\d+) columns, got (?P<found>\d+): (?P<text>.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a text file is set: the names of its columns, what stands between fields, the lines that its header takes."""

    names: tuple[str, ...]
    delimiter: str
    n_header_lines: int
    has_rows: bool


class Bytes:
    """A stream of bytes whose first ones, read to recognise it, are put back; it remembers its last bytes."""

    def __init__(self, stream: ByteStream, start: bytes = b"") -> None:
        self.stream, self.start, self.tail, self.closed = stream, start, b"", False
        # Who reads it, for as long as it lives.
        self.reader: pacsv.CSVStreamingReader | None = None

    def read(self, size: int = -1) -> bytes:
        cut = len(self.start) if size < 0 else size
        data, self.start = self.start[:cut], self.start[cut:]
        if size < 0 or len(data) < size:
            data += self.stream.read(-1 if size < 0 else size - len(data))
        self.tail = data[-N_BYTES_OF_TAIL:] if len(data) >= N_BYTES_OF_TAIL else (self.tail + data)[-N_BYTES_OF_TAIL:]
        return data

    def readline(self, size: int = -1) -> bytes:
        """The next line, which may be put back; at most so many bytes after what was put back."""
        end = self.start.find(b"\n") + 1
        if end:
            line, self.start = self.start[:end], self.start[end:]
            return line
        line, self.start = self.start + self.stream.readline(size), b""
        return line

    def close(self) -> None:
        """The stream belongs to whoever opened it."""
        self.closed = True


def unpacked(path: str) -> pa.NativeFile:
    """The bytes of a file, unpacked where its first bytes or the end of its name show it."""
    with file_at(path) as file:
        codec = codec_of(file.read(N_BYTES_OF_MAGIC))
    # The name itself may not be UTF-8, which Arrow demands; these endings are.
    ending = os.path.splitext(path)[1].lower()
    return pa.input_stream(file_at(path), compression=codec or CODECS.get(ending))


def tail_of(path: str) -> bytes:
    """The last bytes of a file, unpacked. Cost: reads all of it where it is packed."""
    with unpacked(path) as stream:
        whole = Bytes(stream)
        while whole.read(CHUNK_BYTES):
            pass
    return whole.tail


@dataclass(frozen=True, slots=True)
class CsvPlace(Place):
    """Where the rows of a text file come from; it can find their lines."""

    path: str = ""
    n_header_lines: int = 0
    delimiter: str = ","

    def lines(self, rows: Sequence[int]) -> dict[int, int]:
        """The lines of rows, from 1; none if the file cannot be read again. Cost: reads it once, up to the last."""
        try:
            with unpacked(self.path) as stream:
                return lines_of(stream, rows, self.n_header_lines, self.delimiter.encode())
        except (OSError, pa.ArrowException):
            return {}


@dataclass(frozen=True, slots=True)
class CsvPart:
    """One text file, described."""

    # Not known without reading them.
    n_rows: ClassVar[None] = None
    path: str
    layout: Layout
    columns: tuple[str, ...]
    texts: tuple[str, ...]
    partitions: Partitions
    place: Place

    def rows(self) -> Iterator[Rows]:
        if self.layout.has_rows:
            # Not closed here: threads of Arrow may still read ahead, and the last of them closes it. Not a Python
            # object either: a thread that enters Python while the interpreter ends takes the process down.
            yield from read_rows(
                unpacked(self.path),
                self.layout,
                self.layout.n_header_lines,
                self.columns,
                self.partitions,
                self.place,
                texts=self.texts,
                tail=lambda: tail_of(self.path),
            )


@dataclass(frozen=True, slots=True)
class CsvFile:
    """One text file, known by its header."""

    # Text holds neither the number of its rows nor which column was an index.
    n_rows: ClassVar[None] = None
    index_names: ClassVar[frozenset[str]] = frozenset()
    path: str
    name: str
    partitions: Partitions
    layout: Layout

    @property
    def column_names(self) -> tuple[str, ...]:
        return self.layout.names

    def type_of(self, column: str) -> None:
        """Text has no types."""
        return None

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[CsvPart]:
        place = CsvPlace(self.name, self.path, self.layout.n_header_lines, self.layout.delimiter)
        own = tuple(pair for pair in self.partitions if pair[0] not in self.layout.names)
        return [CsvPart(self.path, self.layout, tuple(columns), tuple(texts), own, place)]


def csv_file(path: str, name: str, partitions: Partitions, *, header: bool) -> CsvFile:
    """A file, after a look at its first lines."""
    with damage_named(name, ADVICE), unpacked(path) as stream:
        # Buffered, as an Arrow stream reads lines one byte at a time.
        layout, _ = read_layout(io.BufferedReader(stream), name, header=header, is_tabbed=is_tabbed(path))
    return CsvFile(path, name, partitions, layout)


def read_layout(stream: ByteStream, name: str, *, header: bool, is_tabbed: bool = False) -> tuple[Layout, bytes]:
    """The layout that the first lines show, and the bytes that were read to see it."""
    lines: list[bytes] = []

    def texts() -> Iterator[str]:
        while line := stream.readline(CHUNK_BYTES):
            lines.append(line)
            if len(lines) == 1:
                _check_start(line, name)
            yield _decoded(line, name, is_first=len(lines) == 1)

    source = texts()
    first = next((text for text in source if text.strip("\r\n")), None)
    if first is None:
        raise DataError(f"cannot read {name}: the file is empty, it has no header and no rows. {ADVICE}")
    refuse_other_text(first, name)
    n_blank = len(lines) - 1
    delimiter = _delimiter(first, is_tabbed=is_tabbed)
    try:
        reader = csv.reader(chain([first], source), delimiter=delimiter)
        fields = next(reader)
    except csv.Error as error:
        raise DataError(f"cannot read the first line of {name}: {error}. {ADVICE}") from error
    if not header:
        names = tuple(str(number) for number in range(len(fields)))
        return Layout(names, delimiter, 0, has_rows=True), b"".join(lines)
    n_header_lines = n_blank + reader.line_num
    while (line := stream.readline(CHUNK_BYTES)) and not line.strip(b"\r\n"):
        lines.append(line)
    lines.append(line)
    return Layout(tuple(fields), delimiter, n_header_lines, bool(line)), b"".join(lines)


def _check_start(line: bytes, name: str) -> None:
    """Refuse bytes that are another format, or text in another encoding that UTF-8 would take for its own."""
    refuse_other(line, name)
    if b"\0" in line or encoding_of(line) != "latin1":
        raise not_utf8(line, name, "it begins in another encoding")


def _decoded(line: bytes, name: str, *, is_first: bool) -> str:
    """A line as text, without the mark that some programs put before the first."""
    try:
        return line.decode("utf-8-sig" if is_first else "utf-8")
    except UnicodeDecodeError as error:
        raise not_utf8(line, name, str(error)) from error


def _delimiter(first_line: str, *, is_tabbed: bool) -> str:
    """A tab where the name ends so, else a comma, unless the first line has none but semicolons or tabs."""
    if is_tabbed:
        return "\t"
    if "," in first_line or not ("\t" in first_line or ";" in first_line):
        return ","
    return max("\t;", key=first_line.count)


def read_rows(
    stream: Bytes | pa.NativeFile,
    layout: Layout,
    n_skipped: int,
    columns: Sequence[str],
    partitions: Partitions,
    place: Place,
    *,
    texts: Sequence[str] = (),
    tail: Callable[[], bytes],
) -> Iterator[Rows]:
    """The rows of a stream after so many lines of header. Each must have as many fields as the header.

    tail: returns the last bytes of the stream; called once it was read.
    """
    stored = [name for name in columns if name not in dict(partitions)]
    row, last = 0, None
    try:
        for batch in guarded(_batches(stream, layout, n_skipped, stored), place.name, ADVICE):
            last = batch.column(batch.num_columns - 1)[batch.num_rows - 1] if batch.num_rows else last
            arrays = {
                name: batch.column(index) if name in texts else _parsed(batch.column(index))
                for index, name in enumerate(stored)
            }
            yield from rows_of_arrays(arrays, batch.num_rows, columns, partitions, row, place)
            row += batch.num_rows
    except DataError as error:
        raise _better(error, layout.names, n_skipped, place) from error.__cause__
    _refuse_open_quote(last, tail, place, row)


def _batches(
    stream: Bytes | pa.NativeFile, layout: Layout, n_skipped: int, stored: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """What pyarrow parses: the wanted columns as text, and after them the last column of the file."""
    numbers = [str(layout.names.index(name)) for name in stored]
    every = [str(number) for number in range(len(layout.names))]
    kinds = dict.fromkeys(numbers, pa.string())
    # As bytes if nobody uses it: it is only looked at to see whether the file ends inside quotes.
    kinds.setdefault(every[-1], pa.binary())
    # One thread: rows are numbered only then, and parts are read beside each other anyway.
    reader = pacsv.open_csv(
        stream,
        read_options=pacsv.ReadOptions(
            use_threads=False, block_size=CHUNK_BYTES, column_names=every, skip_rows=n_skipped
        ),
        parse_options=pacsv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types=kinds,
            include_columns=[*numbers, every[-1]],
            strings_can_be_null=True,
            null_values=NULL_WORDS,
        ),
    )
    if isinstance(stream, Bytes):
        # To take it down is to wait for the thread that reads ahead, and a pipe may send nothing more.
        stream.reader = reader
    yield from reader


def _better(error: DataError, names: Sequence[str], n_skipped: int, place: Place) -> DataError:
    """The error with the row, or with what to do, where pyarrow's words lack them."""
    reason = str(error.__cause__)
    # Read from its words: a handler of invalid rows would run in a thread of Arrow, which must not enter Python.
    wrong = WRONG_LENGTH.match(reason)
    if wrong:
        where = place.where(int(wrong["number"]) - 1 - n_skipped)
        return DataError(
            f"every row must have {counted(int(wrong['expected']), 'field')}; {where} has {wrong['found']}: "
            f'"{printable(wrong["text"])}". A field that holds the delimiter must stand in quotes.'
        )
    wrong_text = re.search(r"column #(\d+): Row #(\d+): .*UTF8", reason)
    if wrong_text:
        where = place.where(int(wrong_text[2]) - 1 - n_skipped)
        return not_utf8(b"", place.name, f"{spoken(names[int(wrong_text[1])])} is not in {where}")
    if "straddling" in reason:
        return DataError(
            f"no row may be longer than 4 MB; one of {place.name} is. Look for a quote that is opened and not closed."
        )
    return error


def _parsed(texts: pa.Array) -> pa.Array:
    """Fields as numbers if all are, else as they are."""
    try:
        numbers = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        bare = pc.utf8_trim_whitespace(texts)
        bare = pc.if_else(pc.is_in(bare, pa.array(NULL_WORDS)), pa.scalar(None, pa.string()), bare)
        try:
            numbers = pc.cast(bare, pa.float64())
        except pa.ArrowInvalid:
            return texts
        texts = bare
    least, most = pc.min_max(pc.abs(numbers)).as_py().values()
    if most is not None and most >= EXACT_FLOATS:
        for stored, bound in EXACT_TYPES.items():
            try:
                if most < bound and pc.max(pc.binary_length(texts)).as_py() <= MOST_DIGITS:
                    return pc.cast(texts, stored)
            except pa.ArrowInvalid:
                continue
    if least is None or (least > 0 and math.isfinite(most)):
        return numbers
    # What is infinite or 0 as a float, and not so as written, stays text: the checks name its row.
    shortest = pc.and_(
        pc.equal(numbers, scalar_of(0.0)), pc.greater(pc.binary_length(texts), scalar_of(len("1e-324") - 1))
    )
    suspects = texts.filter(pc.or_(shortest, pc.is_inf(numbers)))
    return texts if any(map(is_beyond_floats, suspects.unique().to_pylist())) else numbers


def _refuse_open_quote(last: pa.Scalar | None, tail: Callable[[], bytes], place: Place, n_rows: int) -> None:
    """Refuse a file that ends inside quotes: its last field has swallowed the rows after the opening one."""
    value = None if last is None else last.as_py()
    if value is None or "\n" not in (value.decode("latin1") if isinstance(value, bytes) else value):
        return
    end = tail().rstrip(b"\r\n")
    # Quotes inside quotes are doubled, so an odd number of them at the end holds the one that closes.
    if (len(end) - len(end.rstrip(b'"'))) % 2 == 0:
        raise DataError(
            f"a quote that is opened must be closed; one in {place.where(n_rows - 1)} is not. "
            "Close it, or double it if it is part of the text."
        )
