"""Files that are compared and read together, tables in memory, fragments of datasets, and streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from logloss.data.arrow.columns import (
    BLOCK_ROWS,
    Partitions,
    check_names,
    guarded,
    kind_of,
    rows_of,
    spoken,
)
from logloss.data.rows import Place, Rows
from logloss.errors import DataError
from logloss.text import listed

# Rows of one part of a table in memory: fixed, so that the cut does not depend on the number of threads.
PART_ROWS = 1 << 19
# Arrow's names of the floats, and everybody else's.
FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
PLURALS = {"number": "numbers", "bool": "bools", "text": "text"}


class File(Protocol):
    """What is known of a file before its first row is read."""

    @property
    def name(self) -> str: ...
    @property
    def partitions(self) -> Partitions: ...
    @property
    def column_names(self) -> tuple[str, ...]: ...
    @property
    def n_rows(self) -> int | None: ...
    def type_of(self, column: str) -> Any: ...
    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> Sequence[Any]: ...


class FileSource:
    """Files that are read together."""

    is_rewalkable = True

    def __init__(self, name: str, files: Sequence[File]) -> None:
        self.name, self.files = name, tuple(files)
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
        """How many rows there are, where every file knows it."""
        sizes = [file.n_rows for file in self.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What differed between the files in the columns that `parts` was last asked for."""
        return self._notes

    def is_usable(self, column: str) -> bool:
        """Whether every file holds numbers, bools or text there, or nothing, and some file something."""
        kinds = {_kind(file, column)[0] for file in self.files}
        return not kinds & {"", "date"} and kinds != {"nothing"}

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[Any]:
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
            raise DataError(
                f"{spoken(column)} must be in every file; {_of(lacking, self.files)} it: {listed(lacking)}. "
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
            raise DataError(f"{spoken(column)} must hold numbers, bools, text or dates; it holds {stored}{files}.")
        if len(kinds) > 1:
            found = " and ".join(f"{PLURALS[kind]} in {listed(names)}" for kind, names in kinds.items())
            raise DataError(
                f"{spoken(column)} must be of one kind in all files; it holds {found}. "
                "Convert some of them, or read them apart."
            )
        if len(where) > 1:
            yield _widths_note(column, {width: len(names) for width, names in where.items()}, len(self.files))
        if any(column in file.column_names and column in dict(file.partitions) for file in self.files):
            yield f"{spoken(column)} is in the files and in the names of their folders: the files were read"


def _of(lacking: Sequence[str], files: Sequence[File]) -> str:
    return f"{len(lacking)} of {len(files)} {'lacks' if len(lacking) == 1 else 'lack'}"


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

    table: Any
    first_row: int
    columns: tuple[str, ...]

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return self.table.num_rows

    def rows(self) -> Iterator[Rows]:
        """Its rows, BLOCK_ROWS at a time."""
        return rows_of(self.table, self.columns, (), self.first_row, Place())


@dataclass(frozen=True, slots=True)
class TableSource:
    """An Arrow table in memory."""

    table: Any
    name: str = ""
    is_rewalkable: bool = True
    notes: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its columns, in order."""
        return tuple(self.table.schema.names)

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return self.table.num_rows

    def is_usable(self, column: str) -> bool:
        """Whether it holds numbers, bools or text."""
        return is_usable(self.table.schema, column)

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[TablePart]:
        """Slices of PART_ROWS rows."""
        check_types(columns, self.table.schema)
        used = self.table.select([self.column_names.index(name) for name in columns])
        return [
            TablePart(used.slice(start, PART_ROWS), start, tuple(columns)) for start in range(0, self.n_rows, PART_ROWS)
        ]


def is_usable(schema: Any, column: str) -> bool:
    """Whether a column of a schema holds numbers, bools or text."""
    return kind_of(schema.field(schema.names.index(column)).type) not in ("", "date", "nothing")


def check_types(columns: Sequence[str], schema: Any) -> None:
    """Refuse columns that the table lacks, or that hold what is neither number, bool nor text."""
    check_names(columns, tuple(schema.names))
    for name in columns:
        stored = schema.field(schema.names.index(name)).type
        if kind_of(stored) == "":
            raise DataError(f"{spoken(name)} must hold numbers, bools, text or dates; it holds {stored}.")


@dataclass(frozen=True, slots=True)
class FragmentPart:
    """A piece of a dataset that Arrow itself must read: it lies elsewhere, is no Parquet, or is filtered."""

    piece: Any
    columns: tuple[str, ...]
    partitions: Partitions
    place: Place

    @property
    def n_rows(self) -> None:
        """Not known without reading them."""
        return None

    def rows(self) -> Iterator[Rows]:
        """Its rows, with little read ahead."""
        yield from guarded(self._read(), self.place.name or "the dataset", "Look at what the dataset is made of.")

    def _read(self) -> Iterator[Rows]:
        stored = [name for name in self.columns if name not in dict(self.partitions)]
        row = 0
        for batch in self.piece.to_batches(columns=stored, batch_size=BLOCK_ROWS, batch_readahead=1, use_threads=False):
            yield from rows_of(batch, self.columns, self.partitions, row, self.place)
            row += batch.num_rows


@dataclass(frozen=True, slots=True)
class FragmentFile:
    """A fragment of a dataset, or all of one that is filtered."""

    piece: Any
    name: str
    partitions: Partitions
    schema: Any
    n_rows: int | None = None

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its own columns, in order."""
        return tuple(self.schema.names)

    def type_of(self, column: str) -> Any:
        """The Arrow type of a column."""
        return self.schema.field(self.schema.names.index(column)).type

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[FragmentPart]:
        """The one."""
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
        """Its rows, as they come."""
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
        schema: Any = None,
    ) -> None:
        self.name, self.column_names, self.schema = name, tuple(column_names), schema
        self._walk, self._is_read = walk, False

    def is_usable(self, column: str) -> bool:
        """Whether it holds numbers, bools or text; text has no types."""
        return self.schema is None or is_usable(self.schema, column)

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[StreamPart]:
        """The one."""
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
