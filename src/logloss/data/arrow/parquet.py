"""A Parquet file becomes parts, one for each row group."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, islice
from typing import TYPE_CHECKING

import pyarrow as pa

from logloss.data.arrow.arrays import (
    Partitions,
    SchemaFile,
    damage_named,
    file_at,
    guarded,
    kind_of,
    rows_of,
)
from logloss.data.rows import BLOCK_ROWS, Place, Rows
from logloss.errors import DataError
from logloss.text import count, counted

if TYPE_CHECKING:
    import pyarrow.parquet as pq

BUFFER_BYTES = 1 << 18
# The metadata by which a summary of ours is known (`files/summary_writing.py`).
SUMMARY = b"logloss"
ADVICE = "The file is damaged or not Parquet; fetch or write it again."


@dataclass(frozen=True, slots=True)
class ParquetPart:
    """One row group of one file, described."""

    path: str
    row_group: int
    first_row: int
    n_rows: int
    columns: tuple[str, ...]
    partitions: Partitions
    place: Place
    texts: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    # Whether the file has other row groups, which need the same footer.
    is_shared: bool = True

    def rows(self) -> Iterator[Rows]:
        """Its rows, BLOCK_ROWS at a time; as many as its footer counts, or an error."""
        yield from guarded(self._read(), self.place.name, ADVICE)

    def _read(self) -> Iterator[Rows]:
        stored = [name for name in self.columns if name not in dict(self.partitions)]
        row = self.first_row
        kept = dict.fromkeys(self.texts, False) | dict.fromkeys(self.declared, True)
        for batch in self._batches(stored):
            if len(batch.schema.names) != len(stored):
                # "a.b" names both a column and a field of the column a.
                raise DataError(f"{', '.join(batch.schema.names)} of {self.place.name} have the same name. Rename one.")
            yield from rows_of(batch, self.columns, self.partitions, row, self.place, kept)
            row += batch.num_rows
        if row != self.first_row + self.n_rows:
            raise DataError(
                f"row group {self.row_group} of {self.place.name} must hold {counted(self.n_rows, 'row')}; "
                f"{count(row - self.first_row)} could be read. {ADVICE}"
            )

    def _batches(self, stored: list[str]) -> Iterator[pa.RecordBatch]:
        """Its batches, with texts as codes; as texts from where each is written as what differs from the one before."""
        n_done = 0
        try:
            for batch in self._read_batches(stored, self.texts):
                yield batch
                n_done += 1
        except (pa.ArrowNotImplementedError, OSError) as error:
            if not self.texts or "Not yet implemented" not in str(error):
                raise
            yield from islice(self._read_batches(stored, ()), n_done, None)

    def _read_batches(self, stored: list[str], texts: Sequence[str]) -> Iterator[pa.RecordBatch]:
        with _opened(self.path, texts, is_shared=self.is_shared) as file:
            yield from file.iter_batches(BLOCK_ROWS, row_groups=[self.row_group], columns=stored, use_threads=False)


@dataclass(frozen=True, slots=True)
class ParquetFile(SchemaFile):
    """One file, known by its footer: its columns, and (row group, first row, rows) for each that is read."""

    path: str
    row_groups: tuple[tuple[int, int, int], ...]

    @property
    def is_summary(self) -> bool:
        """Whether it is what was measured of rows, as `save` writes it, and holds none."""
        return SUMMARY in (self.schema.metadata or {})

    @property
    def n_rows(self) -> int:
        return sum(n_rows for _, _, n_rows in self.row_groups)

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[ParquetPart]:
        own = tuple(pair for pair in self.partitions if pair[0] not in self.schema.names)
        types = {name: self.type_of(name) for name in columns if name in self.schema.names}
        declared = tuple(name for name, stored in types.items() if pa.types.is_dictionary(stored))
        texts = tuple(name for name in texts if kind_of(types.get(name, pa.null())) == "text" and name not in declared)
        return [
            ParquetPart(
                self.path, *group, tuple(columns), own, Place(self.name), texts, declared, len(self.row_groups) > 1
            )
            for group in self.row_groups
        ]


def parquet_file(path: str, name: str, partitions: Partitions, only: Sequence[int] | None = None) -> ParquetFile:
    """A file, after a look at its footer; `only` names row groups."""
    import pyarrow.parquet as pq

    if os.path.getsize(path) == 0:
        raise DataError(f"cannot read {name}: the file is empty, 0 bytes. {ADVICE}")
    with damage_named(name, ADVICE), file_at(path) as file:
        footer = pq.read_metadata(file)
        schema = declared_schema(footer.schema.to_arrow_schema(), footer.metadata or {})
        sizes = [footer.row_group(index).num_rows for index in range(footer.num_row_groups)]
    # A footer carries no checksum: this sum finds most of the damage that changes the number of rows.
    if min(sizes, default=0) < 0 or sum(sizes) != footer.num_rows:
        raise DataError(
            f"{name} must hold {counted(footer.num_rows, 'row')}; its row groups hold {count(sum(sizes))}. {ADVICE}"
        )
    starts = [0, *accumulate(sizes)]
    chosen = range(len(sizes)) if only is None else only
    return ParquetFile(name, partitions, schema, path, tuple((i, starts[i], sizes[i]) for i in chosen))


def declared_schema(schema: pa.Schema, metadata: Mapping[bytes, bytes]) -> pa.Schema:
    """The schema of a file with the categories of numbers and bools that its writer has declared.

    Arrow reads them as their values; that they are categories is in the schema that the writer left beside its own.
    """
    try:
        written = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(metadata.get(b"ARROW:schema", b""))))
    except (pa.ArrowException, OSError, ValueError, EOFError):
        return schema
    for index, field in enumerate(schema):
        own = written.field(index).type if written.names == schema.names else field.type
        if pa.types.is_dictionary(own) and own.value_type == field.type:
            schema = schema.set(index, field.with_type(own))
    return schema


@contextmanager
def _opened(path: str, texts: Sequence[str], *, is_shared: bool) -> Iterator[pq.ParquetFile]:
    """The file, open; the path is never taken for the address of another machine.

    texts: columns that are read as codes into their words (measured: 3 ns a row for 18). is_shared: whether its footer
    is kept for the next part.
    """
    import pyarrow.parquet as pq

    stat = os.stat(path) if is_shared else None
    with file_at(path) as file:
        yield pq.ParquetFile(
            file,
            metadata=None if stat is None else _footer(path, stat.st_size, stat.st_mtime_ns),
            pre_buffer=False,
            # Measured: 65 ms for 78 without, of 2e7 rows; and no more than this of a column is held.
            buffer_size=BUFFER_BYTES,
            read_dictionary=list(texts),
            page_checksum_verification=True,
        )


# Each part opens its file anew; the footer of 1,000 columns and 50 row groups takes 45 ms to read.
@lru_cache(maxsize=4)
def _footer(path: str, size: int, changed: int) -> pq.FileMetaData:
    """The footer of a file, as long as it has this size and was last changed then."""
    import pyarrow.parquet as pq

    with file_at(path) as file:
        return pq.read_metadata(file)
