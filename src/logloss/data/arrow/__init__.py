"""Arrow, Parquet, CSV, data frames, databases as sources; the only importer of pyarrow.

    arrays.py     an Arrow array becomes a Column
    finding.py    a path, pattern or folder becomes the files it means
    parquet.py    a Parquet file becomes parts, one for each row group
    delimited.py  a CSV file becomes rows
    sources.py    files that are compared and read together; tables in memory; streams
    opening.py    the ways in: paths, tables, streams
    batches.py    batches of an engine's frame as rows
    long_form.py  small tables of our own as Arrow, and a summary as Parquet
    pages.py      what the pages of such a file will take, before one is unpacked
    writing.py    rows as Parquet or CSV

>>> import pyarrow
>>> source = open_table(pyarrow.table({"y": [1, 0], "p": [0.9, 0.2]}))
>>> source.column_names, source.n_rows
(('y', 'p'), 2)
"""

from logloss.data.arrow.arrays import check_names, column_of, kind_of, to_column
from logloss.data.arrow.batches import rows_of_batches, table_of_frame
from logloss.data.arrow.delimited import CsvPlace
from logloss.data.arrow.finding import is_found_by
from logloss.data.arrow.long_form import table_of
from logloss.data.arrow.opening import open_files, open_stream, open_table
from logloss.data.arrow.writing import writer

__all__ = [
    "CsvPlace",
    "check_names",
    "column_of",
    "is_found_by",
    "kind_of",
    "open_files",
    "open_stream",
    "open_table",
    "rows_of_batches",
    "table_of",
    "table_of_frame",
    "to_column",
    "writer",
]
