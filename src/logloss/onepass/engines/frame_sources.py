"""Sources whose walks an engine does: files beside it, and frames of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from logloss.data.rows import FramePlace, Rows
from logloss.data.source import Part, Source, SourceAround
from logloss.errors import DataError

if TYPE_CHECKING:
    from logloss.onepass.engines.dask import DaskEngine
    from logloss.onepass.engines.spark import SparkEngine

    # Who walks over rows elsewhere.
    Engine: TypeAlias = DaskEngine | SparkEngine

# On a worker: the number of the partition at hand, and its rows as Arrow tables or batches.
AT_HAND: ContextVar[tuple[int, Iterable[Any]]] = ContextVar("AT_HAND")
# Rows of a partition are numbered from its own number times this.
PARTITION_BITS = 32


def kind_of_frame(table: object) -> str:
    """`dask` or `spark` if it is a frame of theirs, else ""."""
    root = type(table).__module__.split(".")[0]
    if root in ("dask", "dask_expr") and hasattr(table, "to_delayed") and hasattr(table, "columns"):
        return "dask"
    return "spark" if root == "pyspark" and hasattr(table, "mapInArrow") else ""


# Called with blocks here, and with parts that are done elsewhere: both have `n_rows`.
Progress = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class FramePart:
    """The rows of whichever partition a worker has at hand: one description serves them all."""

    columns: tuple[str, ...]
    # Not known.
    n_rows: ClassVar[None] = None

    def rows(self) -> Iterator[Rows]:
        """Its rows, in blocks however small the batches are in which the engine hands them out."""
        from logloss.data.arrow import rows_of_batches

        try:
            number, batches = AT_HAND.get()
        except LookupError as error:
            raise DataError(
                "the rows of an engine's frame are read by its workers only. Write it to files, or collect it."
            ) from error
        for rows in rows_of_batches(batches, self.columns, number << PARTITION_BITS):
            yield Rows(rows.columns, rows.first_row, FramePlace("", "", rows.columns, rows.first_row))


def frame_part_of(parts: Sequence[Any]) -> FramePart | None:
    """The description of a frame's partitions, whatever was put around it; None where parts are of files."""
    part = parts[0] if len(parts) == 1 else None
    while part is not None and not isinstance(part, FramePart):
        part = getattr(part, "part", None)
    return part


class FrameSource:
    """A frame of an engine. types: of each column its kind (as `data.arrow` names kinds) and its type in words."""

    is_rewalkable = True
    n_rows = None
    name = ""

    def __init__(self, names: Sequence[str], types: Mapping[str, tuple[str, str]], engine: Engine) -> None:
        self.column_names, self.types, self.engine = tuple(names), types, engine

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self.engine.notes)

    def why_unused(self, column: str) -> str:
        kind, stored = self.types[column]
        return {"date": "dates", "nothing": "nothing in any row", "": stored}.get(kind, "")

    def kind_of(self, column: str) -> str:
        kind, stored = self.types[column]
        return "" if stored == "object" else kind

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[Part]:
        """One that stands for each partition."""
        from logloss.data.arrow import check_names

        check_names(columns, self.column_names)
        for name in columns:
            kind, stored = self.types[name]
            if not kind:
                raise DataError(f'column "{name}" must hold numbers, bools, text or dates; it holds {stored}.')
        return [FramePart(tuple(columns))]


class EngineSource(SourceAround):
    """Files whose parts an engine walks: described, they travel as a few hundred bytes each."""

    def __init__(self, source: Source, engine: Engine) -> None:
        super().__init__(source)
        self.engine = engine

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about how it was read, and what the engine could not do."""
        return (*self.source.notes, *self.engine.notes)
