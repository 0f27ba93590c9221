"""Arrow, Parquet, CSV, data frames, databases as sources; the only importer of pyarrow.

>>> import pyarrow
>>> source = open_table(pyarrow.table({"y": [1, 0], "p": [0.9, 0.2]}))
>>> source.column_names, source.n_rows
(('y', 'p'), 2)
"""

from logloss.data.arrow.arrays import check_names as check_names
from logloss.data.arrow.arrays import column_of as column_of
from logloss.data.arrow.arrays import local_seconds as local_seconds
from logloss.data.arrow.arrays import seconds_of_texts as seconds_of_texts
from logloss.data.arrow.delimited import CsvPlace as CsvPlace
from logloss.data.arrow.finding import is_found_by as is_found_by
from logloss.data.arrow.long_form import table_of as table_of
from logloss.data.arrow.opening import open_files as open_files
from logloss.data.arrow.opening import open_stream as open_stream
from logloss.data.arrow.opening import open_table as open_table
from logloss.data.arrow.opening import rows_of_batches as rows_of_batches
from logloss.data.arrow.opening import table_of_frame as table_of_frame
from logloss.data.arrow.writing import writer as writer
