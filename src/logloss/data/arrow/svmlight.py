"""Files in svmlight (libsvm) format: read once, piece by piece, into the arrays of a sparse matrix and its labels.

Each line is a row: `label index:value index:value …`, indices ascending, `#` before a comment. Indices count from 1,
unless some file has an index of 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np

from logloss.data.arrow.arrays import damage_named
from logloss.data.arrow.delimited import unpacked
from logloss.data.arrow.finding import FoundFile
from logloss.data.arrow.formats import not_utf8
from logloss.data.arrow.lines import CHUNK_BYTES, ByteStream
from logloss.data.rows import Array
from logloss.errors import DataError
from logloss.onepass.kernels import svmlight_text as text_of
from logloss.text import count, counted, printable

ADVICE = "The file is damaged; fetch or write it again."
# No column has a larger index.
MOST_INDEX = 100_000_000
NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
NOT_FINITE = re.compile(rb"[+-]?(nan|inf|infinity)", re.IGNORECASE)
LONGEST_WORD = 40


@dataclass(frozen=True, slots=True)
class SvmlightRows:
    """Labels, and the arrays of a matrix compressed by rows; column 0 is that of the index `first_index`.

    n_columns: up to the largest index. notes: sentences about how it was read.
    """

    labels: Array
    indptr: Array
    indices: Array
    data: Array
    first_index: int
    n_columns: int
    notes: tuple[str, ...] = ()

    @property
    def n_bytes(self) -> int:
        """Memory of the arrays."""
        return sum(each.nbytes for each in (self.labels, self.indptr, self.indices, self.data))


@dataclass(frozen=True, slots=True)
class _Piece:
    """The rows of a run of lines; ends: of each row among the values, from 0 at the beginning of the piece."""

    labels: Array
    ends: Array
    indices: Array
    data: Array

    @property
    def n_rows(self) -> int:
        return len(self.labels)


class SvmlightSource:
    """Files in svmlight format: labels beside a matrix, with no columns that have names.

    A stream is read instead where one is given; it can be read once.
    """

    column_names: ClassVar[tuple[str, ...]] = ()
    n_rows: ClassVar[None] = None
    notes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str, files: Sequence[FoundFile] = (), stream: ByteStream | None = None) -> None:
        self.name, self.files, self.stream = name, tuple(files), stream
        self.is_rewalkable = stream is None

    def why_unused(self, column: str) -> str:
        """It has no columns."""
        return ""

    def kind_of(self, column: str) -> str:
        """It has no columns."""
        return ""

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> NoReturn:
        """None: rows of a matrix are no table."""
        raise self.no_table()

    def no_table(self) -> DataError:
        """The error where a table is needed."""
        return DataError(
            f"{self.name} is in svmlight format: labels and a sparse matrix, without names of columns. It is read by "
            "`fit`, which takes the labels from it, and by the predictions and the measurement of a model."
        )

    def matrix(self, first_index: int | None = None, progress: Callable[[Any], None] | None = None) -> SvmlightRows:
        """All rows. first_index: that of the first column, where a model knows it.

        Cost: one walk over the bytes; memory 12 bytes a value, and 8 more while pieces are put together.
        """
        files = [(file.name, file.path) for file in self.files]
        readings: list[_Reading] = []
        pieces: list[_Piece] = []
        for name, file in files if self.stream is None else [(self.name, self.stream)]:
            readings.append(_Reading(name, progress))
            pieces.extend(readings[-1].of(file))
        return _joined(self.name, readings, pieces, first_index)


class _Reading:
    """One file as it is read: what was counted so far, and the name for messages."""

    def __init__(self, name: str, progress: Callable[[Any], None] | None) -> None:
        self.name, self.progress = name, progress
        self.counts = np.zeros(text_of.N_COUNTS, np.int64)

    def of(self, file: Any) -> Iterator[_Piece]:
        """Its rows, piece by piece. file: a path, or a stream."""
        with damage_named(self.name, ADVICE):
            if isinstance(file, str):
                with unpacked(file) as stream:
                    yield from self._pieces(stream)
            else:
                yield from self._pieces(file)

    def _pieces(self, stream: Any) -> Iterator[_Piece]:
        rest, is_first = b"", True
        while data := stream.read(CHUNK_BYTES):
            data = rest + bytes(data)
            if is_first:
                if b"\0" in data:
                    raise not_utf8(data, self.name, "it holds bytes of 0")
                data, is_first = data.removeprefix(b"\xef\xbb\xbf"), False
            end = data.rfind(b"\n") + 1
            rest = data[end:]
            if end:
                yield self._piece(data[:end])
        if rest:
            yield self._piece(rest)

    def _piece(self, text: bytes) -> _Piece:
        """The rows of whole lines."""
        n_rows, n_values = text.count(b"\n") + 1, text.count(b":")
        labels, ends = np.empty(n_rows), np.empty(n_rows, np.int64)
        indices, data = np.empty(n_values, np.int32), np.empty(n_values)
        others = np.empty((n_rows + n_values, text_of.N_OF_OTHER), np.int64)
        counts = self.counts
        fault, at = text_of.svmlight_lines(np.frombuffer(text, np.uint8), labels, ends, indices, data, others, counts)
        if fault != text_of.SOUND:
            self._fail(fault, text, at)
        for what, start, stop, line in others[: counts[text_of.N_OTHERS]].tolist():
            value = self._number(text[start:stop], line, is_label=what < 0)
            if what < 0:
                labels[-1 - what] = value
            else:
                data[what] = value
        if counts[text_of.LARGEST] > MOST_INDEX:
            raise DataError(
                f"indices must be at most {MOST_INDEX:,}; line {count(int(counts[text_of.LINE_OF_LARGEST]))} of "
                f"{self.name} has {int(counts[text_of.LARGEST]):,}. Hash them into fewer columns, such as 2^24."
            )
        n_rows, n_values = counts[text_of.N_ROWS], counts[text_of.N_VALUES]
        piece = _Piece(labels[:n_rows], ends[:n_rows], indices[:n_values], data[:n_values])
        if self.progress is not None:
            self.progress(piece)
        return piece

    def _number(self, word: bytes, line: int, *, is_label: bool) -> float:
        """A number that takes more than the kernel has."""
        value = float(word) if NUMBER.fullmatch(word) else np.nan
        if np.isfinite(value):
            return value
        shown = f'line {count(line)} of {self.name} has "{printable(word.decode("latin1"), LONGEST_WORD)}"'
        if value == np.inf or value == -np.inf or NOT_FINITE.fullmatch(word):
            what = "labels" if is_label else "values"
            hint = "" if is_label else " A value that is not known is no 0: leave out its row, or fill it in."
            raise DataError(f"{what} must be finite; {shown}.{hint}")
        if is_label and b"," in word:
            raise DataError(f"a line must have one label; {shown}. Fit a model of each label apart.")
        raise _no_row(shown)

    def _fail(self, fault: int, text: bytes, at: int) -> NoReturn:
        """Raise with the line and the word of a fault."""
        word = re.match(rb"[^\s#]*", text[at:])[0].decode("latin1")  # type: ignore[index]
        shown = f'line {count(int(self.counts[text_of.N_LINES]))} of {self.name} has "{printable(word, LONGEST_WORD)}"'
        if fault == text_of.NOT_ASCENDING:
            raise DataError(f"indices must ascend within a line; {shown} after the same index or a larger one.")
        raise _no_row(shown)


def _no_row(shown: str) -> DataError:
    return DataError(f'each line must be a label and pairs, such as "1 3:0.5 7:2"; {shown}.')


def _joined(name: str, readings: Sequence[_Reading], pieces: list[_Piece], first_index: int | None) -> SvmlightRows:
    """The pieces of all files as one matrix, once it is known from which number indices count."""
    n_queries = 0
    for reading in readings:
        line_of_zero = int(reading.counts[text_of.LINE_OF_ZERO])
        if first_index == 1 and line_of_zero:
            raise DataError(
                f"indices must count from 1, as in training; line {count(line_of_zero)} of {reading.name} has index 0."
            )
        n_queries += int(reading.counts[text_of.N_QUERIES])
    if not any(piece.n_rows for piece in pieces):
        raise DataError(f"{name} must hold rows; it has none.")
    if first_index is None:
        first_index = int(not any(reading.counts[text_of.LINE_OF_ZERO] for reading in readings))
    sizes = np.array([len(piece.data) for piece in pieces])
    starts = np.cumsum(sizes) - sizes
    n_values = int(sizes.sum())
    # As scikit-learn and SciPy have them: 32 bits where that is enough.
    indptr = np.zeros(1 + sum(piece.n_rows for piece in pieces), np.int32 if n_values < 1 << 31 else np.int64)
    indptr[1:] = np.concatenate([piece.ends + start for piece, start in zip(pieces, starts, strict=True)])
    labels = np.concatenate([piece.labels for piece in pieces])
    parts = [(piece.indices, piece.data) for piece in pieces]
    # One array at a time: the pieces of the first are gone before the second is made.
    pieces.clear()
    data = np.concatenate([part[1] for part in parts])
    kept = [part[0] for part in parts]
    parts.clear()
    indices = np.concatenate(kept)
    indices -= first_index
    n_columns = max(int(reading.counts[text_of.LARGEST]) for reading in readings) + 1 - first_index
    notes = (f"{counted(n_queries, 'word')} `qid:` not used: rows of a query are rows like others",)
    return SvmlightRows(labels, indptr, indices, data, first_index, max(n_columns, 0), notes if n_queries else ())
