"""What a file is, by its first bytes; and what to do with one that is no table of rows.

>>> form_of(b"PAR1..."), form_of(b"y,p"), codec_of(bytes([0x1F, 0x8B, 8]))
('parquet', '', 'gzip')
"""

from __future__ import annotations

import os
import re

from logloss.errors import DataError

# Bytes that are enough to recognise what is not text.
N_BYTES_OF_MAGIC = 16
# What is read from files whose bytes are no text.
TABLES = {b"PAR1": "parquet", b"ARROW1": "arrow", b"ORC": "orc"}
PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4"}
BZ2 = re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")
# The first bytes of a row in svmlight format: a label, and a pair or a query.
SVMLIGHT = re.compile(rb"[+-]?\d+(\.\d*)?[ \t]+(qid:\d|\d+:[-+]?[\d.][^\s:,;]*(\s|$))")
ARROW_STREAM = b"\xff\xff\xff\xff"
NAMES = {"parquet": "Parquet", "arrow": "Arrow", "orc": "ORC", "csv": "CSV", "svmlight": "svmlight"}
READ = "Parquet, Arrow, ORC or CSV"

PANDAS = 'With pandas: pandas.{}.to_parquet("NEW.parquet")'
ARRAYS = "Load it with numpy, and pass arrays: logloss.measure(y_true=…, y_proba=…)"
UNPACK = "Unpack it first."
# First bytes, what such a file is called, and the way to rows. The first that fits counts.
OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"PARE", "Parquet with an encrypted footer", "Decrypt it first, and pass an Arrow table."),
    (ARROW_STREAM, "a stream of Arrow", "Send it to standard input: logloss measure - … < OLD"),
    (b"FEA1", "a Feather file of version 1", PANDAS.format('read_feather("OLD")')),
    (
        b"SQLite format 3\0",
        "an SQLite database",
        'Export a table: sqlite3 -header -csv OLD "SELECT * FROM …" > NEW.csv',
    ),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)", PANDAS.format('read_excel("OLD")')),
    (b"\x89HDF", "an HDF5 file", PANDAS.format('read_hdf("OLD")')),
    (b"Obj\x01", "an Avro file", 'With polars: polars.read_avro("OLD").write_parquet("NEW.parquet")'),
    (b"<stata_dta>", "a Stata file", PANDAS.format('read_stata("OLD")')),
    (b"\x93NUMPY", "an array of NumPy", ARRAYS),
    (b"\xfd7zXZ", "packed with xz", "Unpack it: xz -d OLD"),
    (b"7z\xbc\xaf\x27\x1c", "an archive (7z)", UNPACK),
    (b"%PDF", "a PDF document", "Ask for the table that it shows."),
    (b"\x89PNG", "a picture", 'Name the files of rows, by a pattern such as "preds/*.parquet".'),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file", "Fetch the file: git lfs pull"),
)
DUCKDB = "Export a table: duckdb OLD -c \"COPY (FROM …) TO 'NEW.parquet'\""
PICKLE = re.compile(rb"\x80[\x02-\x05]")
ZIPPED = {
    ".xlsx": ("an Excel workbook", PANDAS.format('read_excel("OLD")')),
    ".xlsm": ("an Excel workbook", PANDAS.format('read_excel("OLD")')),
    ".ods": ("a spreadsheet", PANDAS.format('read_excel("OLD")')),
    ".npz": ("arrays of NumPy", ARRAYS),
}
# How the first line of text begins that is not CSV.
JSON_LINES = re.compile(r'\s*\{\s*("|$)')
JSON = re.compile(r"\s*\[\s*([\[{]|$)")
MARKUP = re.compile(r"\s*<(!doctype|html|\?xml)", re.IGNORECASE)


def form_of(start: bytes) -> str:
    """`parquet`, `arrow` or `orc`, of a file that begins so; "" of all others."""
    return next((form for magic, form in TABLES.items() if start.startswith(magic)), "")


def is_svmlight(start: bytes) -> bool:
    """Whether text begins like a row in svmlight format."""
    return SVMLIGHT.match(start) is not None


def codec_of(start: bytes) -> str | None:
    """How a file that begins so is packed, as Arrow names it; None where it is not, or in a way without a mark."""
    if BZ2.match(start):
        return "bz2"
    return next((codec for magic, codec in PACKED.items() if start.startswith(magic)), None)


def refuse_other(start: bytes, name: str) -> None:
    """Refuse what begins like a format that is not read, with what makes rows of it."""
    found = next(((what, way) for magic, what, way in OTHERS if start.startswith(magic)), None)
    form, codec = form_of(start), codec_of(start)
    if start[8:12] == b"DUCK":
        found = "a DuckDB database", DUCKDB
    elif PICKLE.match(start):
        found = "a pickle of Python", "Load it in Python, and pass the arrays or the frame that it holds."
    elif start.startswith(b"PK\x03\x04"):
        found = ZIPPED.get(os.path.splitext(name)[1].lower(), ("a zip archive, as Excel workbooks are", UNPACK))
    elif form or codec:
        # Files and streams of them are recognised before their text is read: this one is packed, or has a wrong name.
        found = f"{NAMES[form] if form else codec}, packed or under the name of a text file", "Unpack it, or rename it."
    if found is not None:
        raise _refused(name, *found)


def refuse_other_text(line: str, name: str) -> None:
    """Refuse text whose first line is that of JSON or of a page."""
    if JSON_LINES.match(line):
        raise _refused(name, "JSON", PANDAS.format('read_json("OLD", lines=True)'))
    if JSON.match(line):
        raise _refused(name, "JSON", PANDAS.format('read_json("OLD")'))
    if MARKUP.match(line):
        raise _refused(name, "a web page or XML", "Fetch the file itself; a page often stands for a login or an error.")


def encoding_of(start: bytes) -> str:
    """The encoding, as iconv names it, of text that is not UTF-8; "" where its bytes are no text."""
    if start[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "UTF-32"
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16"
    if b"\0" not in start:
        return "latin1"
    # Every second byte of Western text is 0, and none of the others.
    if not any(start[1::2]) and all(start[::2]):
        return "UTF-16LE"
    return "UTF-16BE" if not any(start[::2]) and all(start[1::2]) else ""


def not_utf8(line: bytes, name: str, reason: str) -> DataError:
    """The error of a line of bytes that is not text in UTF-8."""
    encoding = encoding_of(line[: 2 * (len(line) // 2)])
    if not encoding:
        return _refused(name, "none of these, and no text", "Convert it first.")
    return DataError(f"{name} must be text in UTF-8; {reason}. Convert it: iconv -f {encoding} -t UTF-8 OLD > NEW")


def _refused(name: str, what: str, way: str) -> DataError:
    return DataError(f"{name} must be {READ}; it is {what}. {way}")
