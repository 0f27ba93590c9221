"""A source with derived columns beside those that it has: they are computed of each run of rows as it is read.

>>> from logloss.data.derived import LearnedFactor
>>> from logloss.data.source import mapping_source
>>> table = mapping_source({"price": [1.0, 10.0]})
>>> source = with_derived(table, [DerivedColumn("log1p(price)", (LearnedFactor("price", "log1p"),))])
>>> [rows.columns["log1p(price)"].values.round(3).tolist() for rows in source.parts(["log1p(price)"])[0].rows()]
[[0.693, 2.398]]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logloss.data.derived import DerivedColumn
from logloss.data.rows import Column, Place, Rows
from logloss.data.source import MATRIX_VALUES, Part, Source, SourceAround

if TYPE_CHECKING:
    from logloss.data.source import ColumnSource


@dataclass(frozen=True, slots=True)
class DerivedPart:
    """A part with derived columns beside its own."""

    part: Part
    derived: tuple[DerivedColumn, ...]
    columns: tuple[str, ...]

    @property
    def n_rows(self) -> int | None:
        """How many rows it has."""
        return self.part.n_rows

    def rows(self) -> Iterator[Rows]:
        """Its rows; fewer at a time where derived columns are wide, so that a block stays in the caches."""
        widest = max(each.width for each in self.derived)
        for rows in self.part.rows():
            step = max(MATRIX_VALUES // widest, 1024)
            for start in range(0, max(rows.n_rows, 1), step):
                yield self._with_derived(rows if rows.n_rows <= step else _slice(rows, start, start + step))

    def _with_derived(self, rows: Rows) -> Rows:
        derived = {each.name: each.of(rows) for each in self.derived}
        own = {name: derived[name] if name in derived else rows.columns[name] for name in self.columns}
        return Rows(own, rows.first_row, rows.place)


def _slice(rows: Rows, start: int, stop: int) -> Rows:
    columns = {name: column.taken(slice(start, stop)) for name, column in rows.columns.items()}
    return Rows(columns, rows.first_row + start, rows.place)


class DerivedSource(SourceAround):
    """A source with derived columns, which go before its own of the same name."""

    def __init__(self, source: Source, derived: Sequence[DerivedColumn]) -> None:
        super().__init__(source)
        self.derived: Mapping[str, DerivedColumn] = {each.name: each for each in derived}
        self.added = tuple(self.derived)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its columns, and the derived ones."""
        return tuple(dict.fromkeys((*self.source.column_names, *self.derived)))

    @property
    def widths(self) -> dict[str, int]:
        """How many values a row has of each derived column."""
        return {name: each.width for name, each in self.derived.items()}

    def why_unused(self, column: str) -> str:
        """As before; derived columns are features."""
        return "" if column in self.derived else self.source.why_unused(column)

    def kind_of(self, column: str) -> str:
        """As before; derived columns are categories or numbers."""
        if column in self.derived:
            return "text" if self.derived[column].is_category else "number"
        return self.source.kind_of(column)

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> Sequence[Part]:
        """Its parts, reading these columns and those that derived ones are computed of."""
        chosen = tuple(self.derived[name] for name in columns if name in self.derived)
        own = [name for name in columns if name not in self.derived]
        inputs = [name for each in chosen for name in each.inputs]
        as_written = [name for name in texts if name not in self.derived]
        as_written += [name for each in chosen for name in each.texts]
        parts = self.source.parts(tuple(dict.fromkeys((*own, *inputs))), tuple(dict.fromkeys(as_written)))
        return [DerivedPart(part, chosen, tuple(columns)) for part in parts] if chosen else parts


class DerivedMemory(DerivedSource):
    """The same of a table in memory."""

    source: ColumnSource

    def column(self, name: str) -> Column:
        """All rows of a column."""
        if name not in self.derived:
            return self.source.column(name)
        inputs = {own: self.source.column(own) for own in self.derived[name].inputs}
        return self.derived[name].of(Rows(inputs, 0, Place(self.source.name)))


def with_derived(source: Source, derived: Sequence[DerivedColumn]) -> Source:
    """A source with derived columns beside its own; the source itself where there are none."""
    if not derived:
        return source
    return DerivedMemory(source, derived) if hasattr(source, "column") else DerivedSource(source, derived)
