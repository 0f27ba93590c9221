"""Files that are compared and read together, tables in memory, fragments of datasets, and streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import pyarrow as pa

from logloss.data.arrow.arrays import (
    Partitions,
    SchemaFile,
    array_of,
    check_names,
    guarded,
    index_names,
    kind_of,
    rows_of,
    spoken,
    to_column,
    type_in,
    why_unused,
    wrong_kind,
)
from logloss.data.rows import BLOCK_ROWS, INDEX, PART_ROWS, Column, Place, Rows
from logloss.errors import DataError
from logloss.text import listed

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.dataset as ds

    from logloss.data.arrow.delimited import CsvFile
    from logloss.data.arrow.parquet import ParquetFile
    from logloss.data.source import Part

    # What is known of a file before its first row is read.
    File: TypeAlias = "CsvFile | ParquetFile | FragmentFile"

# Arrow's names of the floats, and everybody else's.
FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
PLURALS = {"number": "numbers", "bool": "bools", "text": "text"}


class FileSource:
    """Files that are read together."""

    is_rewalkable = True

    def __init__(self, name: str, files: Sequence[File], left_out: Sequence[str] = ()) -> None:
        self.name, self.files, self.left_out = name, tuple(files), tuple(left_out)
        self._notes: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns of all files, in the order in which they turn up; then those that folders hold."""
        own: dict[str, None] = {}
        for names in dict.fromkeys(file.column_names for file in self.files):
            own.update(dict.fromkeys(names))
        for file in self.files:
            own.update(dict.fromkeys(key for key, _ in file.partitions))
        return tuple(own)

    @property
    def n_rows(self) -> int | None:
        sizes = [file.n_rows for file in self.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    @property
    def notes(self) -> tuple[str, ...]:
        """Files that were left out, and what differed between the others in the columns that were last read."""
        return self.left_out + self._notes

    def why_unused(self, column: str) -> str:
        """Why it is no feature by itself: some file holds neither numbers, bools nor text there, or it is an index."""
        if any(column in file.index_names for file in self.files):
            return INDEX
        kinds = {_kind(file, column) for file in self.files}
        wrong = sorted(width for kind, width in kinds if not kind)
        if wrong or any(kind == "date" for kind, _ in kinds):
            return wrong[0] if wrong else "dates"
        return "nothing in any row" if all(kind == "nothing" for kind, _ in kinds) else ""

    def kind_of(self, column: str) -> str:
        """`text` where it is text by its type in every file; "" where some file has no types."""
        types = [file.type_of(column) if column in file.column_names else None for file in self.files]
        return "text" if all(each is not None and kind_of(each) == "text" for each in types) else ""

    def has_lost_order(self, column: str) -> bool:
        """Whether it is a declared category whose order the files do not keep: Parquet keeps that of text only."""
        types = [file.type_of(column) for file in self.files if column in file.column_names]
        return any(pa.types.is_dictionary(own) and kind_of(own) != "text" for own in types if own is not None)

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[Part]:
        """The parts of every file, in order; the columns are compared first."""
        check_names(columns, self.column_names)
        for file in self.files:
            twice = [name for name in columns if file.column_names.count(name) > 1]
            if twice:
                raise DataError(f"{spoken(twice[0])} stands twice in {file.name}. Give each column its own name.")
        self._notes = tuple(note for name in columns for note in self._compared(name))
        return [part for file in self.files for part in file.parts(columns, texts)]

    def _compared(self, column: str) -> Iterator[str]:
        """Notes on a column; an error where its files do not go together."""
        lacking = [f.name for f in self.files if column not in f.column_names and column not in dict(f.partitions)]
        if lacking:
            lack = f"{len(lacking)} of {len(self.files)} {'lacks' if len(lacking) == 1 else 'lack'}"
            raise DataError(
                f"{spoken(column)} must be in every file; {lack} it: {listed(lacking)}. "
                "Leave those files out, or write the column."
            )
        where: dict[str, list[str]] = {}
        kinds: dict[str, list[str]] = {}
        for file in self.files:
            kind, width = _kind(file, column)
            where.setdefault(width, []).append(file.name)
            kinds.setdefault(kind, []).append(file.name)
        kinds.pop("nothing", None)
        if "" in kinds:
            stored = next(width for width, names in where.items() if kinds[""][0] in names)
            files = f" in {listed(kinds[''])}" if len(self.files) > 1 else ""
            raise DataError(wrong_kind(column, f"{stored}{files}"))
        if len(kinds) > 1:
            held = " and ".join(f"{PLURALS[kind]} in {listed(names)}" for kind, names in kinds.items())
            raise DataError(
                f"{spoken(column)} must be of one kind in all files; it holds {held}. "
                "Convert some of them, or read them apart."
            )
        if len(where) > 1:
            yield _widths_note(column, {width: len(names) for width, names in where.items()}, len(self.files))
        if any(column in file.column_names and column in dict(file.partitions) for file in self.files):
            yield f"{spoken(column)} is in the files and in the names of their folders: the files were read"


def _kind(file: File, column: str) -> tuple[str, str]:
    """The kind of a column in one file, and its type as it is written in a note (text is text)."""
    if column not in file.column_names:
        return "text", "text"
    stored = file.type_of(column)
    if stored is None:
        return "text", "text"
    kind = kind_of(stored)
    return kind, "text" if kind == "text" else FLOATS.get(str(stored), str(stored))


def _widths_note(column: str, counts: dict[str, int], n_files: int) -> str:
    """`column "p" is float32 in 3 of 12 files and float64 in the others: accepted`."""
    *fewer, (commonest, _) = sorted(counts.items(), key=lambda pair: pair[1])
    (first, n_first), *others = fewer
    named = [f"{first} in {n_first} of {n_files} files", *(f"{width} in {n}" for width, n in others)]
    return f"{spoken(column)} is {', '.join(named)} and {commonest} in the others: accepted"


@dataclass(frozen=True, slots=True)
class TablePart:
    """A slice of a table in memory."""

    table: pa.Table
    first_row: int
    columns: tuple[str, ...]

    @property
    def n_rows(self) -> int:
        return self.table.num_rows

    def rows(self) -> Iterator[Rows]:
        return rows_of(self.table, self.columns, (), self.first_row, Place())


@dataclass(frozen=True, slots=True)
class TableSource:
    """An Arrow table in memory."""

    table: pa.Table
    name: str = ""
    is_rewalkable: bool = True
    notes: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(self.table.schema.names)

    @property
    def n_rows(self) -> int:
        return self.table.num_rows

    def why_unused(self, column: str) -> str:
        return unused_in(self.table.schema, column)

    def kind_of(self, column: str) -> str:
        return kind_of(type_in(self.table.schema, column))

    def column(self, name: str) -> Column:
        check_types([name], self.table.schema)
        return to_column(self.table.column(self.column_names.index(name)), name)

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[TablePart]:
        check_types(columns, self.table.schema)
        # Chunks may each have a dictionary of their own: one for all of them keeps the order of categories.
        used = self.table.select([self.column_names.index(name) for name in columns]).unify_dictionaries()
        return [
            TablePart(used.slice(start, PART_ROWS), start, tuple(columns)) for start in range(0, self.n_rows, PART_ROWS)
        ]


class PandasSource:
    """A pandas frame; its columns, and levels of its index that have names, become Arrow arrays when they are used."""

    name = ""
    is_rewalkable = True
    notes: tuple[str, ...] = ()

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.n_rows = len(frame)
        self.own_names = tuple(map(str, frame.columns))
        levels = {str(name): k for k, name in enumerate(frame.index.names) if name is not None}
        self._levels = {name: k for name, k in levels.items() if name not in self.own_names}
        self._arrays: dict[str, pa.Array | pa.ChunkedArray] = {}

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its columns, in order, and the levels of its index that have names."""
        return (*self.own_names, *self._levels)

    def why_unused(self, column: str) -> str:
        if column in self._levels:
            return INDEX
        try:
            return why_unused(self._array(column).type)
        except DataError:
            return "values of several kinds"

    def kind_of(self, column: str) -> str:
        try:
            return kind_of(self._array(column).type)
        except DataError:
            return ""

    def column(self, name: str) -> Column:
        check_names([name], self.column_names)
        return to_column(self._array(name), name)

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[TablePart]:
        check_names(columns, self.column_names)
        table = pa.table({name: self._array(name) for name in columns})
        return TableSource(table).parts(columns, texts)

    def _array(self, name: str) -> pa.Array | pa.ChunkedArray:
        if name not in self._arrays:
            if name in self._levels:
                values = self.frame.index.get_level_values(self._levels[name]).to_series()
            else:
                values = self.frame.iloc[:, self.own_names.index(name)]
            self._arrays[name] = array_of(values, name)
        return self._arrays[name]


def unused_in(schema: pa.Schema, column: str) -> str:
    """Why a column of a schema is no feature by itself; "" where it is one."""
    return INDEX if column in index_names(schema) else why_unused(type_in(schema, column))


def check_types(columns: Sequence[str], schema: pa.Schema) -> None:
    """Refuse columns that the table lacks, or that hold what is neither number, bool nor text."""
    check_names(columns, tuple(schema.names))
    for name in columns:
        stored = type_in(schema, name)
        if kind_of(stored) == "":
            raise DataError(wrong_kind(name, stored))


@dataclass(frozen=True, slots=True)
class FragmentPart:
    """A piece of a dataset that Arrow itself must read: it lies elsewhere, is no Parquet, or is filtered."""

    # Not known without reading them.
    n_rows: ClassVar[None] = None
    piece: ds.Fragment | ds.Dataset
    columns: tuple[str, ...]
    partitions: Partitions
    place: Place

    def rows(self) -> Iterator[Rows]:
        yield from guarded(self._read(), self.place.name or "the dataset", "Look at what the dataset is made of.")

    def _read(self) -> Iterator[Rows]:
        stored = [name for name in self.columns if name not in dict(self.partitions)]
        row = 0
        for batch in self.piece.to_batches(columns=stored, batch_size=BLOCK_ROWS, batch_readahead=1, use_threads=False):
            yield from rows_of(batch, self.columns, self.partitions, row, self.place)
            row += batch.num_rows


@dataclass(frozen=True, slots=True)
class FragmentFile(SchemaFile):
    """A fragment of a dataset, or all of one that is filtered."""

    piece: ds.Fragment | ds.Dataset
    n_rows: ClassVar[None] = None

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[FragmentPart]:
        own = tuple(pair for pair in self.partitions if pair[0] not in self.schema.names)
        return [FragmentPart(self.piece, tuple(columns), own, Place(self.name))]


@dataclass(frozen=True, slots=True)
class StreamPart:
    """All rows of a stream, once."""

    walk: Callable[[tuple[str, ...], tuple[str, ...]], Iterator[Rows]]
    columns: tuple[str, ...]
    texts: tuple[str, ...] = ()
    n_rows: None = None

    def rows(self) -> Iterator[Rows]:
        return self.walk(self.columns, self.texts)


class StreamSource:
    """A table that can be read once, from its beginning to its end."""

    is_rewalkable = False
    n_rows = None
    notes: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        column_names: Sequence[str],
        walk: Callable[[tuple[str, ...], tuple[str, ...]], Iterator[Rows]],
        schema: pa.Schema | None = None,
    ) -> None:
        self.name, self.column_names, self.schema = name, tuple(column_names), schema
        self._walk, self._is_read = walk, False

    def why_unused(self, column: str) -> str:
        """Why it is no feature by itself; "" where it is one. Text has no types."""
        return "" if self.schema is None else unused_in(self.schema, column)

    def kind_of(self, column: str) -> str:
        return "" if self.schema is None else kind_of(type_in(self.schema, column))

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[StreamPart]:
        check_names(columns, self.column_names)
        if self.schema is not None:
            check_types(columns, self.schema)
        return [StreamPart(self._once, tuple(columns), tuple(texts))]

    def _once(self, columns: tuple[str, ...], texts: tuple[str, ...] = ()) -> Iterator[Rows]:
        """The rows; a second walk is refused, as it would find none."""
        if self._is_read:
            raise DataError(
                f"{self.name or 'this stream'} can be read once, and has been. Read it into a table or a file first."
            )
        self._is_read = True
        yield from self._walk(columns, texts)
