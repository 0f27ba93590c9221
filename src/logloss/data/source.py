"""Sources: tables that are read in blocks, and how a table becomes one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, runtime_checkable

from logloss.data.block import Block, Unchecked
from logloss.data.columns import as_column, check_lengths, is_arrow, sliced
from logloss.data.rows import BLOCK_ROWS, PART_ROWS, Column, Place, Roles, Rows
from logloss.errors import DataError, warn
from logloss.text import printable

if TYPE_CHECKING:
    import pandas as pd

# Values of a matrix handed out together: 16 MB of float64.
MATRIX_VALUES = 1 << 21
# Values of features whose checked form is kept between walks: 256 MB, where columns are not floats and so are copied.
MOST_KEPT_VALUES = 1 << 25


@runtime_checkable
class Part(Protocol):
    """Rows that one worker reads in order; of rows in files, its pickle describes where they are."""

    @property
    def n_rows(self) -> int | None:
        """How many rows it has, where that is known without reading them."""

    def rows(self) -> Iterator[Rows]:
        """Its rows, unchecked."""


@runtime_checkable
class Source(Protocol):
    """A table that hands out parts."""

    @property
    def name(self) -> str:
        """Its name in messages; "" for arrays."""

    @property
    def is_rewalkable(self) -> bool:
        """Whether it can be read again."""

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its columns, in order."""

    @property
    def n_rows(self) -> int | None:
        """How many rows it has, where that is known without reading them."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about how it was read."""

    def why_unused(self, column: str) -> str:
        """Why a column is not a feature by default: `dates`, `the index`; "" where it is one."""

    def kind_of(self, column: str) -> str:
        """`text` for a column whose type is text; "" for columns of text files, which have no types."""

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> Sequence[Part]:
        """Its parts, reading these columns only. Files are compared here, before the first row is read.

        texts: columns that stay text where text could be read as numbers, so that a value is the same in each block.
        """


@runtime_checkable
class ColumnSource(Source, Protocol):
    """A table in memory: all rows of a column can be had at once, and arrays may stand beside them."""

    def column(self, name: str) -> Column:
        """All rows of a column."""


@dataclass(frozen=True, slots=True)
class BlockPart:
    """A part with the roles of its columns, and its number in the source: what a summary is made of."""

    part: Part
    roles: Roles
    number: int = 0

    def blocks(self) -> Iterator[Block]:
        for rows in self.part.rows():
            yield Block.of(rows, self.roles, self.number)


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """A slice of columns in memory."""

    columns: Mapping[str, Column]
    first_row: int
    place: Place

    @property
    def n_rows(self) -> int:
        return len(next(iter(self.columns.values())).values)

    def rows(self) -> Iterator[Rows]:
        """Its rows, BLOCK_ROWS at a time; fewer of a wide matrix, so that a block stays in the caches."""
        widest = max(column.values.shape[1] if column.is_matrix else 1 for column in self.columns.values())
        step = max(MATRIX_VALUES // max(widest, 1), 1024) if widest > MATRIX_VALUES // BLOCK_ROWS else BLOCK_ROWS
        for start in range(0, self.n_rows, step):
            yield Rows(sliced(self.columns, start, start + step), self.first_row + start, self.place)


@dataclass(frozen=True, slots=True)
class UncheckedPart:
    """A part whose rows are checked by what is computed of them: a slice of columns in memory as a whole, since it is
    read once."""

    part: Part
    roles: Roles

    def blocks(self) -> Iterator[Unchecked]:
        part = self.part
        runs = [Rows(part.columns, part.first_row, part.place)] if isinstance(part, MemoryPart) else part.rows()
        for rows in runs:
            yield Unchecked(rows, self.roles)


@dataclass(frozen=True, slots=True)
class MemorySource:
    """Columns in memory, all of one length. unfit: the errors of those that cannot be columns."""

    columns: Mapping[str, Column]
    name: str = ""
    is_rewalkable: bool = True
    notes: tuple[str, ...] = ()
    unfit: Mapping[str, DataError] = field(default_factory=dict)

    @property
    def column_names(self) -> tuple[str, ...]:
        return (*self.columns, *self.unfit)

    @property
    def n_rows(self) -> int:
        return len(next(iter(self.columns.values())).values) if self.columns else 0

    def why_unused(self, column: str) -> str:
        if column in self.unfit:
            return "neither numbers, bools nor text"
        return "dates" if self.columns[column].is_date else ""

    def kind_of(self, column: str) -> str:
        if column in self.unfit:
            return ""
        own = self.columns[column]
        is_text = own.categories is not None and any(isinstance(each, str) for each in own.categories)
        return "text" if is_text and not own.is_date else ""

    def column(self, name: str) -> Column:
        if name in self.unfit:
            raise self.unfit[name]
        return self.columns[name]

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[Part]:
        used = {name: self.column(name) for name in columns}
        return [
            MemoryPart(sliced(used, start, start + PART_ROWS), start, Place(self.name))
            for start in range(0, self.n_rows, PART_ROWS)
        ]


class SourceAround:
    """A source that wraps another one and changes some of it. added: columns that the wrapped table does not have."""

    added: tuple[str, ...] = ()

    def __init__(self, source: Source) -> None:
        self.source = source

    name = property(attrgetter("source.name"))
    is_rewalkable = property(attrgetter("source.is_rewalkable"))
    column_names = property(attrgetter("source.column_names"))
    n_rows = property(attrgetter("source.n_rows"))
    notes = property(attrgetter("source.notes"))

    def why_unused(self, column: str) -> str:
        return self.source.why_unused(column)

    def kind_of(self, column: str) -> str:
        return self.source.kind_of(column)

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> Sequence[Part]:
        return self.source.parts(columns, texts)


class KeptPart:
    """A part of rows in memory, whose blocks are kept once they were checked."""

    def __init__(self, part: BlockPart) -> None:
        self.part = part
        self._checked: tuple[Block, ...] | None = None

    def blocks(self) -> Iterator[Block]:
        if self._checked is None:
            self._checked = tuple(self.part.blocks())
        return iter(self._checked)


class KeptSource(SourceAround):
    """A table in memory that a fit reads repeatedly: its rows are checked in the first walk only."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._changing: tuple[tuple[str, ...], ...] | None = None
        self._parts: list[KeptPart] = []

    def kept_parts(self, roles: Roles) -> list[KeptPart]:
        """Its parts; of the roles only these change during a fit."""
        changing = (roles.by, roles.categories)
        if self._changing != changing:
            self._changing, self._parts = changing, [KeptPart(part) for part in block_parts(self.source, roles)]
        return self._parts

    def kept_blocks(self, roles: Roles) -> list[Block]:
        """All its blocks."""
        return list(chain.from_iterable(map(KeptPart.blocks, self.kept_parts(roles))))


def kept_if_small(source: Source, n_features: int) -> Source:
    """A source whose blocks are kept, where its rows are in memory and what checks may copy of them is small."""
    n_rows = source.n_rows if hasattr(source, "column") else None
    return source if n_rows is None or n_rows * n_features > MOST_KEPT_VALUES else KeptSource(source)


def block_parts(source: Source, roles: Roles) -> list[BlockPart]:
    """The parts of a source that check rows as they are read."""
    return [BlockPart(part, roles, number) for number, part in enumerate(source.parts(roles.columns, roles.keys))]


def array_source(arrays: Mapping[str, Any]) -> MemorySource:
    """A source of arrays, one for each column; all must have the same number of rows."""
    columns: dict[str, Column] = {}
    for name, values in arrays.items():
        columns[name] = as_column(values, name)
    check_lengths({f"`{name}`": len(column.values) for name, column in columns.items()})
    return MemorySource(columns)


def mapping_source(table: Mapping[Any, Any]) -> MemorySource:
    """A source of a dict of arrays; an array that cannot be a column is refused when it is used."""
    columns: dict[str, Column] = {}
    unfit: dict[str, DataError] = {}
    for name, values in table.items():
        try:
            columns[str(name)] = as_column(values, str(name))
        except DataError as error:
            unfit[str(name)] = error
    if columns:
        check_lengths({f"`{name}`": len(column.values) for name, column in columns.items()})
    warn_of_order({f'column "{printable(str(name))}"': values for name, values in table.items()})
    return MemorySource(columns, unfit=unfit)


def warn_of_order(given: Mapping[str, Any]) -> None:
    """Warn where two arguments are of pandas and their indexes hold the same labels in another order.

    given: the arguments, by their names in messages. Rows are matched by position, as NumPy and scikit-learn do.
    """
    seen: list[tuple[str, Any]] = []
    for name, values in given.items():
        index = getattr(values, "index", None) if type(values).__module__.split(".")[0] == "pandas" else None
        if index is None or not hasattr(index, "equals"):
            continue
        for other, before in seen:
            if is_reordered(before, index):
                warn(
                    f"{other} and {name} have the same index in another order; rows are taken by position, not by "
                    "label. Bring them into one order (.loc[…]), or pass .to_numpy() if the positions are right."
                )
                return
        seen.append((name, index))


def is_reordered(first: pd.Index, second: pd.Index) -> bool:
    """Whether two indexes of pandas hold the same labels, each as often, in another order."""
    if first is second or len(first) != len(second) or first.equals(second):
        return False
    try:
        return bool(first.sort_values().equals(second.sort_values()))
    except TypeError:
        # Labels of several kinds have no order.
        return Counter(first) == Counter(second)


def own_names(source: Source) -> list[str]:
    """The columns of a table as its owner knows them: without those that were added to it."""
    added: set[str] = set()
    around: object = source
    while isinstance(around, SourceAround):
        added.update(around.added)
        around = around.source
    return [name for name in source.column_names if name not in added]


def is_single_column(values: object) -> bool:
    """Whether it is one column: a Series, an Arrow array; an array of NumPy has no names at all and is none."""
    return not hasattr(values, "columns") and is_arrow(values) and (hasattr(values, "dtype") or hasattr(values, "type"))


def is_lazy(table: object) -> bool:
    """Whether it is a frame of polars that holds no rows yet."""
    return hasattr(table, "collect") and hasattr(table, "lazy")


def refuse_lazy(table: object) -> None:
    """Refuse a frame that holds no rows yet."""
    if is_lazy(table):
        raise DataError("a lazy frame holds no rows yet. Pass frame.collect(), or the path of its files.")


def is_paths(table: Any) -> TypeGuard[str | os.PathLike[str] | Sequence[str | os.PathLike[str]]]:
    """Whether it is the path of files, or a list of such."""
    paths = table if isinstance(table, list | tuple) else [table]
    return bool(paths) and all(isinstance(item, str | os.PathLike) for item in paths)


def as_source(table: Any, *, header: bool = True) -> Source:
    """The source that a table becomes: a path, list, glob or folder, a data frame, an Arrow table, a dict of arrays."""
    # First what most tables are: a look at every attribute of the protocol takes longer than a small walk.
    if type(table) is MemorySource or isinstance(table, SourceAround | Source):
        return table
    if is_paths(table):
        from logloss.data.arrow import open_files

        return open_files(table, header=header)
    refuse_lazy(table)
    if is_single_column(table):
        raise DataError(
            f"a table must have columns with names; got one column ({type(table).__name__}). Pass the frame that it is "
            "of, or arrays alone, without names of columns."
        )
    if is_arrow(table):
        from logloss.data.arrow import open_table

        try:
            return open_table(table)
        except DataError:
            if not hasattr(table, "iloc"):
                raise
            # A frame of pandas with objects that Arrow has no type for.
            return MemorySource({str(name): as_column(table[name], str(name)) for name in table.columns})
    if isinstance(table, Mapping):
        return mapping_source(table)
    shape = getattr(table, "shape", None)
    got = f"{type(table).__name__}{f' of shape {tuple(shape)}' if isinstance(shape, tuple) else ''}"
    raise DataError(
        f"a table must have columns with names; got {got}. Pass a data frame, a dict of arrays, an Arrow table or "
        "dataset, or the path of Parquet or CSV files; or arrays alone, without names of columns."
    )
