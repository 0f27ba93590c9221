"""Arrow, Parquet, CSV, data frames, databases as sources; the only importer of pyarrow.

    columns.py    an Arrow array becomes a Column
    finding.py    a path, pattern or folder becomes the files it means
    parquet.py    a Parquet file becomes parts, one for each row group
    delimited.py  a CSV file becomes rows
    sources.py    files that are compared and read together; tables in memory; streams
    opening.py    the four ways in
    tables.py     small tables of our own as Arrow, and a summary as Parquet
    writing.py    rows as Parquet or CSV

>>> import pyarrow
>>> source = open_table(pyarrow.table({"y": [1, 0], "p": [0.9, 0.2]}))
>>> source.column_names, source.n_rows
(('y', 'p'), 2)
"""

from logloss.data.arrow.columns import column_of, to_column
from logloss.data.arrow.delimited import CsvPlace
from logloss.data.arrow.opening import open_files, open_stream, open_table
from logloss.data.arrow.tables import table_of
from logloss.data.arrow.writing import writer

__all__ = ["CsvPlace", "column_of", "open_files", "open_stream", "open_table", "table_of", "to_column", "writer"]
