"""Batches of an engine's frame as rows, and partitions as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from logloss.data.arrow.arrays import rows_of
from logloss.data.rows import BLOCK_ROWS, Place, Rows

if TYPE_CHECKING:
    import pandas as pd


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
