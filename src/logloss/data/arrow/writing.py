"""Rows written as they are made: Parquet or CSV, into a file or a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from logloss.data.rows import Column

Write = Callable[[Mapping[str, Column]], None]


@contextmanager
def writer(stream: BinaryIO, kind: str) -> Iterator[Write]:
    """What writes runs of rows, all of the same columns, to a binary stream. kind: "parquet" or "csv".

    The types are those of the first run; a run that does not fit is written as text if the first one held text.
    """
    opened: list[Any] = []

    def write(columns: Mapping[str, Column]) -> None:
        arrays = {name: array_of(column) for name, column in columns.items()}
        table = pa.table(arrays)
        if not opened:
            if kind == "parquet":
                from pyarrow.parquet import ParquetWriter as make
            else:
                from pyarrow.csv import CSVWriter as make
            opened.extend([make(stream, table.schema), table.schema])
        opened[0].write_table(table.cast(opened[1]))

    try:
        yield write
    finally:
        if opened:
            opened[0].close()


def array_of(column: Column) -> pa.Array:
    """A column as an Arrow array: codes become their text, or numbers if they stand for such; what is missing null."""
    column = column.as_values()
    missing = column.missing
    if column.categories is not None:
        words = pa.array([None if word is None else str(word) for word in column.categories], pa.string())
        codes = pa.array(np.asarray(column.values, np.int32), mask=missing)
        return pa.DictionaryArray.from_arrays(codes, words).cast(pa.string())
    return pa.array(column.values, mask=missing)
