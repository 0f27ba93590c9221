"""Files, tables and streams as sources: what they hold arrives whole, or an error says where it does not."""

from __future__ import annotations

import bz2
import contextlib
import datetime
import gzip
import io
import math
import os
import pickle
import random
import re
import threading
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

import logloss
from logloss.data.arrow import CsvPlace, column_of, open_files, open_stream, open_table
from logloss.data.arrow.arrays import guarded, to_column
from logloss.data.arrow.delimited import pacsv
from logloss.data.arrow.finding import find, is_found_by
from logloss.data.arrow.lines import lines_of
from logloss.data.rows import BLOCK_ROWS
from logloss.errors import DataError, SourceNotFound

SEED = 20261115


def walked(source, *columns):
    """Every row of a source: a list for each column, None where it holds nothing."""
    columns = columns or source.column_names
    found = {name: [] for name in columns}
    for part in source.parts(columns):
        for rows in part.rows():
            assert rows.n_rows <= BLOCK_ROWS
            for name in columns:
                found[name] += plain(rows.columns[name])
    return found


def plain(column):
    """A column as a list, None where it holds nothing."""
    values = column.values.tolist()
    if column.categories is not None:
        values = [column.categories[code] if column.categories else None for code in values]
    lacking = [False] * len(values) if column.missing is None else column.missing.tolist()
    return [
        None if lacks or (isinstance(value, float) and math.isnan(value)) else value
        for value, lacks in zip(values, lacking, strict=True)
    ]


def write_csv(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def write_parquet(path, columns, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), path, **options)
    return path


# --- paths -----------------------------------------------------------------------------------------------------------


def test_a_path_that_names_nothing_is_said_in_its_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    for path, words in (
        ("no-such-file.csv", 'there is no file or folder "no-such-file.csv".'),
        ("preds/*.parquet", 'no file matches "preds/*.parquet".'),
        ("x", 'the folder "x" holds no Parquet, Arrow, ORC or CSV file.'),
    ):
        with pytest.raises(SourceNotFound) as caught:
            open_files(path)
        assert str(caught.value) == words


def test_a_folder_skips_hidden_names_and_makes_columns_of_its_folders(tmp_path):
    folder = tmp_path / "preds"
    write_parquet(folder / "day=2" / "country=de" / "b.parquet", {"p": [0.2, 0.3]})
    write_parquet(folder / "day=1" / "country=a%20b" / "a.parquet", {"p": [0.1]})
    write_parquet(folder / "day=3" / "country=__HIVE_DEFAULT_PARTITION__" / "c.parquet", {"p": [0.4]})
    write_parquet(folder / "_temporary" / "d.parquet", {"p": [9.0]})
    write_parquet(folder / ".hidden.parquet", {"p": [9.0]})
    write_csv(folder / "_SUCCESS", "")
    write_csv(folder / "readme.md", "words")
    source = open_files(folder)
    assert source.name == f"3 files of {folder.as_posix()}"
    assert source.column_names == ("p", "day", "country")
    assert source.n_rows == 4
    assert walked(source) == {
        "p": [0.1, 0.2, 0.3, 0.4],
        "day": ["1", "2", "2", "3"],
        "country": ["a b", "de", "de", None],
    }
    assert walked(source, "day") == {"day": ["1", "2", "2", "3"]}
    assert source.parts(("p",))[1].place.name == "day=2/country=de/b.parquet"


def test_folders_of_csv_become_columns_too(tmp_path):
    for day in (1, 2):
        (tmp_path / f"day={day}").mkdir()
        write_csv(tmp_path / f"day={day}" / "x.csv", f"p\n0.{day}\n")
    assert walked(open_files(tmp_path)) == {"p": [0.1, 0.2], "day": ["1", "2"]}
    assert walked(open_files(tmp_path), "day") == {"day": ["1", "2"]}


def test_a_pattern_names_files_from_its_first_free_folder(tmp_path):
    for day in (1, 2):
        write_parquet(tmp_path / f"day={day}" / "x.parquet", {"p": [day / 10]})
    write_csv(tmp_path / "day=1" / "_SUCCESS", "")
    pattern = str(tmp_path / "day=*" / "*")
    source = open_files(pattern)
    assert walked(source) == {"p": [0.1, 0.2], "day": ["1", "2"]}
    assert [part.place.name for part in source.parts(("p",))] == ["day=1/x.parquet", "day=2/x.parquet"]
    assert source.name == f"2 files of {pattern}"
    assert walked(open_files(str(tmp_path / "day=*"))) == walked(source)
    assert walked(open_files(str(tmp_path / "**" / "*.parquet"))) == walked(source)


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    assert walked(open_files(write_csv(tmp_path / "a[1].csv", "p\n0.5\n"))) == {"p": [0.5]}


def test_the_same_file_named_twice_is_refused(tmp_path):
    first = write_csv(tmp_path / "a.csv", "p\n0.5\n")
    (tmp_path / "soft.csv").symlink_to(first)
    os.link(first, tmp_path / "hard.csv")
    for second in (first, tmp_path / "soft.csv", tmp_path / "hard.csv"):
        with pytest.raises(DataError, match=r"each file must be named once; .* is the same file as .* Leave one"):
            open_files([first, second])


def test_a_link_back_to_a_folder_above_is_not_followed(tmp_path):
    write_csv(tmp_path / "a.csv", "p\n0.5\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert walked(open_files(tmp_path)) == {"p": [0.5]}


def test_parquet_and_csv_together_are_refused(tmp_path):
    write_parquet(tmp_path / "a.parquet", {"p": [0.5]})
    write_csv(tmp_path / "b.csv", "p\n0.5\n")
    with pytest.raises(DataError, match=r"found 1 Parquet file \(a.parquet\) and 1 CSV file \(b.csv\)\. Name those"):
        open_files(tmp_path)


def test_delta_and_iceberg_are_refused_with_the_way_to_read_them(tmp_path):
    write_parquet(tmp_path / "delta" / "a.parquet", {"p": [0.5]})
    (tmp_path / "delta" / "_delta_log").mkdir()
    write_parquet(tmp_path / "ice" / "data" / "a.parquet", {"p": [0.5]})
    write_csv(tmp_path / "ice" / "metadata.txt", "p\n")
    (tmp_path / "ice" / "metadata").mkdir()
    write_csv(tmp_path / "ice" / "metadata" / "v1.metadata.json", "{}")
    for path in ("delta", "delta/*.parquet", "del*/*.parquet"):
        with pytest.raises(
            DataError, match=r"is a table of Delta.*deltalake\.DeltaTable\(.*\)\.to_pyarrow_dataset\(\)"
        ):
            open_files(str(tmp_path / path))
    for path in ("ice", "ice/*/*.parquet", "i*/data/*.parquet"):
        with pytest.raises(DataError, match=r"is a table of Iceberg.*scan\(\)\.to_arrow\(\)"):
            open_files(str(tmp_path / path))


LAKES = {
    "Delta": ("_delta_log", "", "a.parquet"),
    "Iceberg": ("metadata", "v1.metadata.json", "data/day=1/a.parquet"),
    "Hudi": (".hoodie", "", "day=1/a.parquet"),
    "Paimon": ("snapshot", "snapshot-1", "day=1/bucket-0/a.parquet"),
}


@pytest.mark.parametrize("kind", LAKES)
def test_what_lies_within_a_table_with_a_log_is_refused_too(tmp_path, kind):
    """The log stands above the files: in it alone it says which of them, and of their rows, are valid."""
    log, entry, file = LAKES[kind]
    top = tmp_path / "lake"
    (top / log).mkdir(parents=True)
    if entry:
        (top / log / entry).write_text("{}")
    files = [top / file, (top / file).with_name("b.parquet")]
    for each in files:
        write_parquet(each, {"p": [0.5]})
    for paths in (top, files[0].parent, f"{files[0].parent}/*.parquet", f"{tmp_path}/**/*.parquet", files):
        with pytest.raises(DataError, match=f"is a table of {kind}, whose files may hold rows that were deleted"):
            open_files(paths if isinstance(paths, list) else str(paths))
    # One file that is named is what its name says.
    assert walked(open_files(files[0])) == {"p": [0.5]}


def test_a_table_beside_the_files_is_none_of_theirs(tmp_path):
    (tmp_path / "lake" / "_delta_log").mkdir(parents=True)
    write_parquet(tmp_path / "preds" / "a.parquet", {"p": [0.5]})
    assert walked(open_files(tmp_path / "preds")) == {"p": [0.5]}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_among_files_is_not_looked_into(tmp_path):
    """Its first bytes would be gone; in a folder the look would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    write_parquet(tmp_path / "a.parquet", {"p": [0.5]})
    assert walked(open_files(tmp_path)) == {"p": [0.5]}
    for path in ("p*", ["pipe", "a.parquet"]):
        paths = str(tmp_path / path) if isinstance(path, str) else [tmp_path / each for each in path]
        with pytest.raises(DataError, match=r'pipe" must be a file where several are read; .*Name it alone, or write'):
            open_files(paths)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet"])
def test_a_pipe_that_is_named_alone_is_read_once(tmp_path, form):
    """What `mkfifo` makes, and a shell for `<(...)`; known by its bytes, as standard input is."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(bytes_of(form),))
    writer.start()
    source = open_files(pipe)
    assert (source.is_rewalkable, source.name, walked(source)) == (False, str(pipe), FRAME)
    writer.join()
    with pytest.raises(DataError, match="pipe can be read once, and has been"):
        walked(source)


def test_a_link_in_a_folder_that_leads_nowhere_is_an_error(tmp_path):
    """Its rows would be missed."""
    write_parquet(tmp_path / "a.parquet", {"p": [0.5]})
    (tmp_path / "b.parquet").symlink_to(tmp_path / "gone.parquet")
    with pytest.raises(FileNotFoundError):
        open_files(tmp_path)


def test_names_of_files_need_not_be_utf8(tmp_path):
    name = os.fsdecode(b"a\xff\xc3\xa9")
    try:
        write_csv(tmp_path / f"{name}.csv", "p\n0.5\n")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    (tmp_path / f"{name}.csv.gz").write_bytes(gzip.compress(b"p\n0.25\n"))
    # pyarrow itself writes to no such name.
    write_parquet(tmp_path / "a", {"p": [0.75]}).rename(tmp_path / f"{name}.parquet")
    for ending, value in (("csv", 0.5), ("csv.gz", 0.25), ("parquet", 0.75)):
        source = open_files(tmp_path / f"{name}.{ending}")
        assert walked(source) == {"p": [value]}
        assert source.name == f"a\N{REPLACEMENT CHARACTER}é.{ending}"


FOUND_BY = [
    ("d/new.csv", "d", True),
    ("d/deep/er/new.csv", "d", True),
    ("d/new.json", "d", False),
    ("d/_new.parquet", "d", False),
    ("d/.hidden/new.parquet", "d", False),
    ("new.parquet", "d", False),
    ("d/new.json", "d/*", True),
    ("d/new.json", "d/*.parquet", False),
    ("d/deep/new.csv", "d/*", True),
    ("d/deep/new.json", "d/*", False),
    ("d/deep/er/new.json", "d/**/*.json", True),
    ("d/deep/er/new.json", "d/**/*.csv", False),
    ("d/a.parquet", "d/b.parquet", False),
]


@pytest.mark.parametrize(("path", "word", "expected"), FOUND_BY)
def test_a_file_is_found_by_what_means_it(tmp_path, monkeypatch, path, word, expected):
    """The rule is compared with what reading finds once the file is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    write_csv(tmp_path / "d" / "old.csv", "p\n0.5\n")
    assert is_found_by(path, word) is expected
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    write_csv(tmp_path / path, "p\n0.5\n")
    try:
        found = [os.path.realpath(file.path) for file in find(word)[1]]
    except SourceNotFound:
        found = []
    assert (os.path.realpath(path) in found) is expected


def test_a_summary_in_a_folder_is_found_whatever_its_name(tmp_path):
    """It is Parquet by its first bytes."""
    logloss.measure([1, 0], [0.5, 0.5]).save(tmp_path / "monday.logloss")
    assert [file.name for file in find(tmp_path)[1]] == ["monday.logloss"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_summary_among_rows_is_left_out_with_a_note(tmp_path, form):
    """It was saved into the folder that it was made of: the next walk reads the same rows as the last."""
    (tmp_path / f"a.{form}").write_bytes(bytes_of(form))
    logloss.measure([1, 0], [0.5, 0.5]).save(tmp_path / "monday.logloss")
    note = "monday.logloss left out: no rows, but a summary that logloss has written"
    for paths in (tmp_path, f"{tmp_path}/*", [tmp_path / f"a.{form}", tmp_path / "monday.logloss"]):
        source = open_files(paths if isinstance(paths, list) else str(paths))
        assert walked(source) == FRAME
        assert source.notes[0].endswith(note)
        assert source.name.split(" of ")[0] == "1 file"
    with pytest.raises(DataError, match=r"monday\.logloss must hold rows; it holds what was measured .*logloss show"):
        open_files(tmp_path / "monday.logloss")


def test_rows_that_have_the_name_of_a_summary_elsewhere_are_read(tmp_path):
    write_parquet(tmp_path / "rows" / "monday.logloss", FRAME)
    (tmp_path / "summaries").mkdir()
    logloss.measure([1, 0], [0.5, 0.5]).save(tmp_path / "summaries" / "monday.logloss")
    assert walked(open_files([tmp_path / "summaries", tmp_path / "rows"])) == FRAME


def test_a_file_without_a_known_name_is_known_by_its_bytes(tmp_path):
    assert walked(open_files(write_parquet(tmp_path / "part-0000", {"p": [0.5]}))) == {"p": [0.5]}
    assert walked(open_files(write_csv(tmp_path / "scores.dat", "p\n0.25\n"))) == {"p": [0.25]}
    with pytest.raises(
        DataError, match=r"must be Parquet, Arrow, ORC or CSV; it is none of these, and no text\. Convert"
    ):
        open_files(write_csv(tmp_path / "scores.bin", b"\x00\x01\xff\xfe"))


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz"])
def test_an_empty_file_is_refused_by_name(tmp_path, name):
    path = write_csv(tmp_path / name, gzip.compress(b"") if name.endswith("gz") else b"")
    with pytest.raises(DataError, match=f"cannot read {name}: the file is empty"):
        open_files(path)


def test_one_file_is_called_by_its_name(tmp_path):
    path = write_csv(tmp_path / "scores.csv", "p\n0.5\n")
    source = open_files(path)
    assert (source.name, source.is_rewalkable, source.n_rows, source.notes) == ("scores.csv", True, None, ())
    second = write_csv(tmp_path / "more.csv", "p\n0.5\n")
    assert open_files([path, second]).name == "2 files"


def test_what_the_system_refuses_stays_the_systems_error(tmp_path, monkeypatch):
    path = write_parquet(tmp_path / "a.parquet", {"p": [0.5]})
    part = open_files(path).parts(("p",))[0]
    path.unlink()
    with pytest.raises(FileNotFoundError) as caught:
        list(part.rows())
    assert not isinstance(caught.value, DataError | SourceNotFound)


# --- comparing files -------------------------------------------------------------------------------------------------


def test_an_unknown_column_is_met_with_the_nearest_name(tmp_path):
    source = open_files(write_csv(tmp_path / "a.csv", "clicked,score,weight\n1,0.5,1\n"))
    with pytest.raises(DataError) as caught:
        source.parts(("clickd",))
    words = 'no column "clickd". The table has: clicked, score, weight. Did you mean "clicked"?'
    assert str(caught.value) == words


def drifting(tmp_path, first, second, column="p"):
    write_parquet(tmp_path / "a.parquet", {"p": pa.array([1]).cast(first) if first else pa.array(["1"])})
    write_parquet(tmp_path / "b.parquet", {"p": pa.array([1]).cast(second) if second else pa.array(["1"])})
    return open_files(tmp_path)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.int64(), pa.int8()),
        (pa.float32(), pa.float64()),
        (pa.int32(), pa.float64()),
        (pa.uint8(), pa.decimal128(25, 2)),
        (pa.float16(), pa.float32()),
    ],
)
def test_the_same_kind_in_another_width_is_accepted_and_said(tmp_path, first, second):
    source = drifting(tmp_path, first, second)
    assert walked(source) == {"p": [1, 1]}
    assert len(source.notes) == 1
    assert source.notes[0].startswith('column "p" is ')
    assert source.notes[0].endswith(" in the others: accepted")


def test_the_note_counts_the_files(tmp_path):
    for index in range(5):
        width = np.float32 if index < 2 else np.float64
        write_parquet(tmp_path / f"{index}.parquet", {"p": np.array([0.5], width), "q": [1]})
    source = open_files(tmp_path)
    source.parts(("p", "q"))
    assert source.notes == ('column "p" is float32 in 2 of 5 files and float64 in the others: accepted',)
    source.parts(("q",))
    assert source.notes == ()


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (pa.int64(), None, "numbers in a.parquet and text in b.parquet"),
        (None, pa.float32(), "text in a.parquet and numbers in b.parquet"),
        (pa.bool_(), pa.int8(), "bools in a.parquet and numbers in b.parquet"),
        (pa.bool_(), None, "bools in a.parquet and text in b.parquet"),
    ],
)
def test_another_kind_is_refused(tmp_path, first, second, words):
    source = drifting(tmp_path, first, second)
    with pytest.raises(DataError) as caught:
        source.parts(("p",))
    assert str(caught.value) == (
        f'column "p" must be of one kind in all files; it holds {words}. Convert some of them, or read them apart.'
    )


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_missing_column_is_refused_with_the_files_that_lack_it(tmp_path, ending):
    for name, column in (("a", "p"), ("b", "q"), ("c", "p")):
        if ending == "csv":
            write_csv(tmp_path / f"{name}.csv", f"y,{column}\n1,0.5\n")
        else:
            write_parquet(tmp_path / f"{name}.parquet", {"y": [1], column: [0.5]})
    source = open_files(tmp_path)
    with pytest.raises(DataError, match=rf'column "p" must be in every file; 1 of 3 lacks it: b\.{ending}\. Leave'):
        source.parts(("y", "p"))
    assert walked(source, "y") == {"y": [1, 1, 1]}


def test_a_column_of_nulls_goes_with_every_kind(tmp_path):
    write_parquet(tmp_path / "a.parquet", {"p": pa.nulls(2)})
    write_parquet(tmp_path / "b.parquet", {"p": ["x"]})
    assert walked(open_files(tmp_path)) == {"p": [None, None, "x"]}


def test_the_order_of_columns_does_not_matter(tmp_path):
    write_parquet(tmp_path / "a.parquet", {"y": [1], "p": [0.5]})
    write_parquet(tmp_path / "b.parquet", {"p": [0.25], "y": [0]})
    assert walked(open_files(tmp_path)) == {"y": [1, 0], "p": [0.5, 0.25]}


def test_a_column_in_files_and_folders_is_read_from_the_files_and_said(tmp_path):
    write_parquet(tmp_path / "day=1" / "a.parquet", {"day": [7]})
    source = open_files(tmp_path)
    assert walked(source) == {"day": [7]}
    assert source.notes == ('column "day" is in the files and in the names of their folders: the files were read',)


# --- Parquet ---------------------------------------------------------------------------------------------------------


def test_parts_are_row_groups_that_know_their_rows(tmp_path):
    values = np.arange(10) / 10
    source = open_files(write_parquet(tmp_path / "a.parquet", {"p": values}, row_group_size=4))
    parts = source.parts(("p",))
    assert [(part.first_row, part.n_rows) for part in parts] == [(0, 4), (4, 4), (8, 2)]
    assert source.n_rows == 10
    assert [rows.first_row for part in parts for rows in part.rows()] == [0, 4, 8]
    assert parts[2].place.where(9) == "row 9 of a.parquet"
    assert walked(source) == {"p": values.tolist()}


def test_many_files_hold_what_one_holds(tmp_path):
    rng = np.random.default_rng(SEED)
    table = pa.table({"y": rng.integers(0, 2, 300_000), "p": rng.random(300_000)})
    one = write_parquet(tmp_path / "one.parquet", table)
    for index in range(20):
        write_parquet(tmp_path / "many" / f"{index:02}.parquet", table.slice(index * 15_000, 15_000))
    many = open_files(tmp_path / "many")
    assert many.n_rows == 300_000
    assert walked(open_files(one)) == walked(many) == table.to_pydict()


def test_a_part_is_pickled_by_description(tmp_path):
    parquet = write_parquet(tmp_path / "day=1" / "a.parquet", {"p": np.zeros(100_000)})
    text = write_csv(tmp_path / "a.csv", "p\n" + "0.5\n" * 1000)
    for path in (parquet.parent.parent / "day=*", text):
        parts = open_files(str(path)).parts(("p",))
        assert len(parts) > 0
        for part in parts:
            pickled = pickle.dumps(part)
            assert len(pickled) < 2000
            twin = pickle.loads(pickled)
            assert twin == part
            assert [plain(r.columns["p"]) for r in twin.rows()] == [plain(r.columns["p"]) for r in part.rows()]


def test_names_with_dots_are_exact_and_nested_columns_are_refused(tmp_path):
    flat = open_files(write_parquet(tmp_path / "flat.parquet", {"a.b": [0.5], "a": [0.25]}))
    assert walked(flat) == {"a.b": [0.5], "a": [0.25]}
    nested = open_files(write_parquet(tmp_path / "nested.parquet", {"a": [{"b": 1.0}], "a.b": [0.5], "c": [1.0]}))
    assert walked(nested, "c") == {"c": [1.0]}
    with pytest.raises(
        DataError, match=r'column "a" must hold numbers, bools, text or dates; it holds struct<b: double>'
    ):
        nested.parts(("a",))
    with pytest.raises(DataError, match=r"a, a.b of nested.parquet have the same name"):
        walked(nested, "a.b")
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["x", "x"])
    twice = open_files(write_parquet(tmp_path / "twice.parquet", table))
    with pytest.raises(DataError, match=r"stands twice in twice\.parquet"):
        twice.parts(("x",))


def test_times_of_day_are_refused_by_their_type(tmp_path):
    source = open_files(write_parquet(tmp_path / "a.parquet", {"d": pa.array([1], pa.time32("ms"))}))
    with pytest.raises(DataError) as caught:
        source.parts(("d",))
    assert str(caught.value) == (
        'column "d" must hold numbers, bools, text or dates; it holds time32[ms]. Make it a number, such as the hour.'
    )


def test_a_truncated_file_is_never_read_as_whole(tmp_path):
    rng = np.random.default_rng(SEED)
    path = write_parquet(
        tmp_path / "a.parquet", {"y": rng.integers(0, 2, 200), "p": rng.random(200)}, row_group_size=50
    )
    whole = path.read_bytes()
    cut = tmp_path / "cut.parquet"
    for size in range(0, len(whole), 7):
        cut.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"cut\.parquet"):
            walked(open_files(cut))


@pytest.mark.parametrize("compression", ["snappy", "none"])
def test_a_flipped_bit_never_changes_a_number_in_silence(tmp_path, compression):
    """Footers carry no checksum and are not covered; pages do, once they are written and verified."""
    rng = np.random.default_rng(SEED)
    table = pa.table({"y": rng.integers(0, 2, 2000), "p": rng.random(2000), "c": rng.choice(["a", "b"], 2000)})
    path = write_parquet(
        tmp_path / "a.parquet", table, row_group_size=700, compression=compression, write_page_checksum=True
    )
    whole, expected = path.read_bytes(), table.to_pydict()
    assert walked(open_files(path)) == expected
    flipped, n_refused = tmp_path / "flipped.parquet", 0
    for position in damaged_positions(path, 150):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        flipped.write_bytes(damaged)
        found = outcome(flipped)
        n_refused += "cannot read flipped.parquet" in found
        # Some bits of a page's header are statistics that nothing reads.
        assert found == expected or "flipped.parquet" in found
    assert n_refused > 140


@pytest.mark.parametrize("kind", ["text", "number", "date"])
def test_a_code_that_stands_for_no_word_is_damage(kind):
    """Readers hand on the codes of a dictionary as they find them."""
    words = {"text": pa.array(["a", "b"]), "number": pa.array([1.0, 2.0]), "date": pa.array([1, 2], pa.date32())}[kind]
    for codes in ([0, 5, 1], [0, -1, 1]):
        column = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), words, safe=False)
        with pytest.raises(DataError, match=r"cannot read a\.parquet: .*(stands for no word|out of bounds)"):
            list(guarded(map(to_column, [column]), "a.parquet", "Fetch it again."))


def test_what_is_said_of_broken_bytes_holds_none_of_them(tmp_path):
    """Some of what pyarrow says is a byte that it did not know."""
    path = write_parquet(tmp_path / "a.parquet", {"p": [0.5]})
    data = bytearray(path.read_bytes())
    place = pq.read_metadata(path).row_group(0).column(0).dictionary_page_offset
    data[place] |= 15
    path.write_bytes(data)
    found = outcome(path)
    assert found.startswith("cannot read a.parquet: ")
    assert found.isprintable()


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_texts_that_are_written_as_differences_are_read(tmp_path, encoding):
    """They cannot be handed out as codes by the reader, as others are."""
    table = pa.table({"g": ["a", "b", None, "a"], "y": [1, 0, 1, 0], "p": [0.5, 0.4, 0.3, 0.2]})
    pq.write_table(table, tmp_path / "a.parquet", use_dictionary=False, column_encoding={"g": encoding})
    measured = logloss.measure(tmp_path / "a.parquet", y_true="y", y_proba="p", by="g")
    assert measured.groups["g"] == [None, "a", "b"]


def outcome(path):
    """What a file holds, or the words with which it is refused."""
    try:
        return walked(open_files(path))
    except DataError as error:
        return str(error)


def test_a_footer_whose_counts_disagree_is_refused(tmp_path):
    """Footers carry no checksum; this is the most frequent damage that would pass unseen."""
    path = write_parquet(tmp_path / "a.parquet", {"p": np.arange(12_345.0)}, row_group_size=5000)
    data = path.read_bytes()
    # 12,345 as Thrift's compact protocol writes it, then 12,344.
    n_rows, other = b"\xf2\xc0\x01", b"\xf0\xc0\x01"
    footer = data.rindex(n_rows)
    path.write_bytes(data[:footer] + other + data[footer + 3 :])
    with pytest.raises(
        DataError, match=r"a\.parquet must hold 12,344 rows; its row groups hold 12,345\. The file is damaged"
    ):
        open_files(path)


def damaged_positions(path, n_positions):
    """Seeded places inside the pages of a file."""
    footer = pq.read_metadata(path)
    places = []
    for group in range(footer.num_row_groups):
        for index in range(footer.num_columns):
            chunk = footer.row_group(group).column(index)
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            places += range(start, start + chunk.total_compressed_size)
    return random.Random(SEED).sample(places, n_positions)


# --- CSV -------------------------------------------------------------------------------------------------------------


def csv_rows(tmp_path, text, *columns, name="a.csv", header=True):
    return walked(open_files(write_csv(tmp_path / name, text), header=header), *columns)


def test_a_column_may_turn_from_whole_numbers_to_shares(tmp_path):
    """Types inferred from the first rows fail here, in pyarrow as in others, after a million rows."""
    text = "y,p\n" + "1,6\n" * 1_200_000 + "0,0.5\n"
    found = csv_rows(tmp_path, text)
    assert found["p"] == [6.0] * 1_200_000 + [0.5]


def test_a_column_may_turn_from_numbers_to_text(tmp_path):
    text = "y\n" + "1\n" * 2_500_000 + "yes\n"
    found = csv_rows(tmp_path, text)["y"]
    assert (len(found), found[-1], float(found[0]), float(found[-2])) == (2_500_001, "yes", 1.0, 1.0)


@pytest.mark.parametrize("word", ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"])
def test_words_for_nothing_are_nothing(tmp_path, word):
    found = csv_rows(tmp_path, f"p,c\n0.5,x\n{word},{word}\n0.25,y\n")
    assert found == {"p": [0.5, None, 0.25], "c": ["x", None, "y"]}


def test_blanks_around_a_number_are_no_part_of_it(tmp_path):
    assert csv_rows(tmp_path, "y,p\n1, 0.5\n0,0.25 \n1, \n1, NA\n")["p"] == [0.5, 0.25, None, None]


def test_numbers_are_read_to_their_last_digit(tmp_path):
    rng = np.random.default_rng(SEED)
    values = np.concatenate([rng.random(500), [5e-324, 1.7976931348623157e308, 1 - 2**-53, 0.1]])
    text = "p\n" + "".join(f"{value!r}\n" for value in values.tolist())
    assert csv_rows(tmp_path, text)["p"] == values.tolist()


def test_long_identifiers_stay_apart(tmp_path):
    """Two neighbours beyond 2^53 are one float."""
    assert csv_rows(tmp_path, "user\n12345678901234567\n12345678901234568\n")["user"] == [
        12345678901234567,
        12345678901234568,
    ]
    assert csv_rows(tmp_path, "z\n1e300\n-inf\n")["z"] == [1e300, -np.inf]


def test_quoted_fields_may_hold_what_separates(tmp_path):
    found = csv_rows(tmp_path, 'c,p\n"a,b",0.5\n"say ""no""",0.25\n"two\nlines",0.125\n')
    assert found == {"c": ["a,b", 'say "no"', "two\nlines"], "p": [0.5, 0.25, 0.125]}


def test_quoted_newlines_may_lie_anywhere(tmp_path):
    text = "n,c\n" + "".join(f'{i},"a{"x" * 50}{i}\nb"\n' for i in range(150_000))
    assert csv_rows(tmp_path, text, "n")["n"] == list(range(150_000))


def test_empty_lines_are_skipped_and_lines_are_counted_as_they_stand(tmp_path):
    path = write_csv(tmp_path / "a.csv", '\n\ny,p\n1,0.5\n\n\n0,"0.25"\n1,"a\nb"\n1,1\n')
    source = open_files(path)
    assert walked(source)["y"] == [1, 0, 1, 1]
    place = source.parts(("y",))[0].place
    assert [place.line(row) for row in range(5)] == [4, 7, 8, 10, None]
    assert place.where(1) == "row 1 (line 7) of a.csv"
    path.unlink()
    assert place.where(1) == "row 1 of a.csv"


def test_lines_agree_with_the_parser_on_random_text(tmp_path):
    """Every row that the parser finds starts on its line: read from there, it is the first."""
    rng = random.Random(SEED)
    n_checked = 0
    for _ in range(6000):
        letters = rng.choices(['"', '"', "a", ",", "\n", "7", "\r\n"], k=rng.randint(1, 18))
        data = "".join(letters).encode()
        found = parsed(data)
        if found is None:
            continue
        lines = [lines_of(Pipe(data), [row], 0, b",").get(row) for row in range(len(found) + 1)]
        assert lines[-1] is None
        assert lines_of(Pipe(data), range(len(found) + 1), 0, b",") == dict(enumerate(lines[:-1]))
        for row, line in zip(found, lines, strict=False):
            assert parsed(b"\n".join(data.split(b"\n")[line - 1 :]))[0] == row
            n_checked += 1
    assert n_checked > 500


def test_lines_that_end_in_cr_alone_are_not_counted():
    """A program shows them as one line or as several: rather no number than a wrong one."""
    assert lines_of(io.BytesIO(b"p\n1\r2\n3\n"), [0], 1, b",") == {}
    assert lines_of(io.BytesIO(b"p\r\n1\r\n"), [0], 1, b",") == {0: 2}


def test_a_file_whose_lines_end_in_cr_alone_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"cannot read the first line of a\.csv"):
        csv_rows(tmp_path, "y,p\r1,0.5\r0,0.25\r")


def parsed(data):
    """Two columns of text as pyarrow reads them; None if it refuses."""
    from pyarrow import csv

    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            read_options=csv.ReadOptions(use_threads=False, column_names=["0", "1"]),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(column_types={"0": pa.string(), "1": pa.string()}),
        )
    except pa.ArrowInvalid:
        return None
    return table.to_pylist()


@pytest.mark.slow
def test_lines_are_right_beyond_the_first_chunk(tmp_path):
    path = write_csv(tmp_path / "a.csv.gz", gzip.compress(b"p\n" + b"0.5\n\n" * 5 + b"0.5\n" * 2_000_000 + b'"0.5"\n'))
    place = CsvPlace("a", str(path), 1, ",")
    assert [place.line(row) for row in (0, 4, 5, 1_999_999, 2_000_005, 2_000_006)] == [
        2,
        10,
        12,
        2_000_006,
        2_000_012,
        None,
    ]


@pytest.mark.parametrize(
    ("ending", "packed"),
    [("gz", gzip.compress), ("bz2", bz2.compress), ("zst", lambda b: pa.compress(b, "zstd", asbytes=True))],
)
def test_packed_files_are_unpacked_and_a_cut_one_is_refused(tmp_path, ending, packed):
    whole = packed(b"p\n" + b"".join(b"%r\n" % (i / 7) for i in range(3000)))
    path = write_csv(tmp_path / f"a.csv.{ending}", whole)
    assert walked(open_files(path))["p"] == [i / 7 for i in range(3000)]
    for size in [*range(1, len(whole), len(whole) // 40), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"cannot read a\.csv"):
            walked(open_files(path))


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    assert csv_rows(tmp_path, "\ufeffy,p\n1,0.5\n") == {"y": [1], "p": [0.5]}
    assert csv_rows(tmp_path, "\ufeff1,0.5\n", header=False) == {"0": [1], "1": [0.5]}


def test_without_a_header_columns_are_numbered_from_0(tmp_path):
    assert csv_rows(tmp_path, "1,0.5\n0,0.25\n", header=False) == {"0": [1, 0], "1": [0.5, 0.25]}
    place = open_files(tmp_path / "a.csv", header=False).parts(("0",))[0].place
    assert place.line(1) == 2


@pytest.mark.parametrize(
    ("name", "mark"), [("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t"), ("a.tab", "\t"), ("a.txt", ",")]
)
def test_the_delimiter_is_what_the_header_shows(tmp_path, name, mark):
    assert csv_rows(tmp_path, f"y{mark}p\n1{mark}0.5\n", name=name) == {"y": [1], "p": [0.5]}


def test_a_tab_separated_file_may_hold_commas(tmp_path):
    assert csv_rows(tmp_path, "y, or n\tp\n1\t0.5\n", name="a.tsv") == {"y, or n": [1], "p": [0.5]}


def test_a_row_of_another_length_is_named_with_its_line(tmp_path):
    with pytest.raises(DataError) as caught:
        csv_rows(tmp_path, "y,p\n\n1,0.5\n0,0.25,7\n")
    assert str(caught.value) == (
        'every row must have 2 fields; row 1 (line 4) of a.csv has 3: "0,0.25,7". '
        "A field that holds the delimiter must stand in quotes."
    )
    with pytest.raises(DataError, match=r"row 900,000 \(line 900,002\) of a.csv has 1"):
        csv_rows(tmp_path, "y,p\n" + "1,0.5\n" * 900_000 + "1\n")


def test_no_thread_of_arrow_enters_python_while_a_file_is_read(tmp_path, monkeypatch):
    """One that does so while the interpreter ends takes the process down: "terminate called", exit code 134.

    Threads read ahead, and call the handler of invalid rows; so the file is Arrow's own, and there is no handler.
    """
    given = []

    def spied(stream, *, parse_options, **options):
        given.append((stream, parse_options.invalid_row_handler))
        return opened(stream, parse_options=parse_options, **options)

    opened = pacsv.open_csv
    monkeypatch.setattr(pacsv, "open_csv", spied)
    with pytest.raises(DataError, match="every row must have 2 fields"):
        csv_rows(tmp_path, "y,p\n1\n")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"y,p\n1,0.5\n"))
    assert walked(open_files(tmp_path / "b.csv.gz")) == {"y": [1], "p": [0.5]}
    assert [handler for _, handler in given] == [None, None]
    assert all(isinstance(stream, pa.NativeFile) and not isinstance(stream, pa.PythonFile) for stream, _ in given)


def test_a_name_that_stands_twice_is_refused_when_used(tmp_path):
    source = open_files(write_csv(tmp_path / "a.csv", "y,p,p\n1,0.5,0.6\n"))
    assert walked(source, "y") == {"y": [1]}
    with pytest.raises(DataError, match=r'column "p" stands twice in a\.csv\. Give each column its own name'):
        source.parts(("p",))


@pytest.mark.parametrize("text", ["caf\xe9,p\n1,2\n", "c,p\nx,1\ncaf\xe9,2\n"])
def test_latin_1_is_refused_with_the_way_out(tmp_path, text):
    path = write_csv(tmp_path / "a.csv", text.encode("latin1"))
    with pytest.raises(DataError, match=r"a\.csv must be text in UTF-8; .*\. Convert it: iconv -f latin1 -t UTF-8"):
        walked(open_files(path))


def test_latin_1_is_shown_by_column_row_and_line(tmp_path):
    path = write_csv(tmp_path / "a.csv", "n,p,c\n\n0,1,x\n0,2,caf\xe9\n".encode("latin1"))
    with pytest.raises(DataError, match=r'UTF-8; column "c" is not in row 1 \(line 4\) of a\.csv\. Convert'):
        walked(open_files(path), "c", "p")


def test_latin_1_in_a_column_that_nobody_uses_is_no_matter(tmp_path):
    path = write_csv(tmp_path / "a.csv", "p,c\n0.5,caf\xe9\n0.25,x\n".encode("latin1"))
    assert walked(open_files(path), "p") == {"p": [0.5, 0.25]}


@pytest.mark.parametrize("columns", [("p",), ("p", "c"), ("c",)])
def test_a_file_that_ends_inside_quotes_is_refused(tmp_path, columns):
    """The open field swallows the rows after it, and nothing else would say so."""
    for end in ('"open\n0.5,b\n', '"open\n0.5,b', '"open\n0.5,""b""\n', '"open\n0.5,""'):
        path = write_csv(tmp_path / "a.csv", "p,c\n0.5,a\n0.25," + end)
        with pytest.raises(
            DataError, match=r"a quote that is opened must be closed; one in row 1 \(line 3\) of a\.csv"
        ):
            walked(open_files(path), *columns)
        with pytest.raises(DataError, match=r"one in row 1 of standard input"):
            walked(open_stream(io.BytesIO(path.read_bytes())), *columns)
    for end in ('"closed\nb"\n', '"closed\n""b"""\r\n\n', '"closed\n"', '""\n', "plain\n"):
        assert csv_rows(tmp_path, "p,c\n0.5,a\n0.25," + end, "p") == {"p": [0.5, 0.25]}


def test_a_quote_left_open_for_megabytes_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no row may be longer than 4 MB; one of a\.csv is\. Look for a quote"):
        csv_rows(tmp_path, 'p,c\n0.5,"a\n' + "0.5,b\n" * 2_000_000)


@pytest.mark.parametrize("text", ["y,p\n", "y,p", "y,p\n\n\n"])
def test_a_header_alone_is_a_table_without_rows(tmp_path, text):
    assert csv_rows(tmp_path, text) == {"y": [], "p": []}


# --- tables, frames, readers -----------------------------------------------------------------------------------------

FRAME = {"y": [0, 1, 1], "p": [0.1, 0.5, None], "c": ["a", "b", "a"]}


@pytest.mark.parametrize(
    "table",
    [
        pa.table(FRAME),
        pa.record_batch(FRAME),
        pl.DataFrame(FRAME),
        pd.DataFrame(FRAME),
        pd.DataFrame(FRAME).astype({"c": "category"}),
        pd.DataFrame(FRAME).iloc[[0, 1, 2]],
    ],
    ids=["table", "batch", "polars", "pandas", "categorical", "indexed"],
)
def test_frames_are_tables(table):
    source = open_table(table)
    assert source.column_names == ("y", "p", "c")
    assert (source.n_rows, source.is_rewalkable, source.name) == (3, True, "")
    assert walked(source) == walked(source) == FRAME
    with pytest.raises(DataError, match=r'no column "x"\. The table has: y, p, c\.'):
        source.parts(("x",))


def test_a_duckdb_relation_is_a_table():
    duckdb = pytest.importorskip("duckdb")
    source = open_table(duckdb.sql("select i % 2 as y, 0.5 as p from range(3) t(i)"))
    assert source.is_rewalkable
    assert walked(source) == {"y": [0, 1, 0], "p": [0.5, 0.5, 0.5]}


def test_columns_named_by_numbers_are_named_by_text():
    assert open_table(pd.DataFrame({0: [1], 1: [0.5]})).column_names == ("0", "1")


def test_a_long_table_is_cut_into_parts_and_blocks():
    source = open_table(pa.table({"p": np.arange(1_200_000.0)}))
    parts = source.parts(("p",))
    assert [part.n_rows for part in parts] == [1 << 17] * 9 + [1_200_000 - 9 * (1 << 17)]
    runs = [rows for part in parts for rows in part.rows()]
    assert max(rows.n_rows for rows in runs) == BLOCK_ROWS
    assert all(rows.columns["p"].values[0] == rows.first_row for rows in runs)


def test_blocks_of_a_table_are_views_of_it():
    values = np.arange(300_000.0)
    parts = open_table(pa.table({"p": values})).parts(("p",))
    blocks = [rows.columns["p"].values for part in parts for rows in part.rows()]
    assert sum(map(len, blocks)) == 300_000
    assert all(np.shares_memory(block, values) for block in blocks)


def reader_of(columns, n_batches=2):
    table = pa.table(columns)
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches() * n_batches)


class BareStream:
    """Something that hands out its rows once, and knows nothing else."""

    def __init__(self, reader):
        self.reader = reader

    def __arrow_c_stream__(self, requested_schema=None):
        return self.reader.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("wrap", [lambda reader: reader, BareStream])
def test_a_reader_is_read_once(wrap):
    source = open_table(wrap(reader_of(FRAME)))
    assert (source.is_rewalkable, source.n_rows) == (False, None)
    (part,) = source.parts(("y",))
    assert [rows.first_row for rows in part.rows()] == [0, 3]
    with pytest.raises(DataError, match="this stream can be read once, and has been"):
        walked(source, "y")


def test_one_array_is_no_table():
    with pytest.raises(DataError, match="a table must have columns with names"):
        open_table(pa.array([1, 2]))


def test_a_table_refuses_times_of_day_and_names_that_stand_twice():
    with pytest.raises(DataError, match=r'column "d" must hold numbers, bools, text or dates; it holds time32\[ms\]\.'):
        open_table(pa.table({"d": pa.array([1], pa.time32("ms"))})).parts(("d",))
    with pytest.raises(DataError, match=r'column "x" stands 2 times in the table'):
        open_table(pa.Table.from_arrays([pa.array([1])] * 2, ["x", "x"])).parts(("x",))


def test_a_dataset_keeps_its_folders_and_is_read_by_row_group(tmp_path):
    for day in (1, 2):
        write_parquet(tmp_path / f"day={day}" / "a.parquet", {"p": [day / 10] * 3}, row_group_size=2)
    source = open_table(ds.dataset(tmp_path, partitioning="hive"))
    assert [(part.row_group, part.first_row) for part in source.parts(("p",))] == [(0, 0), (1, 2)] * 2
    assert walked(source) == {"p": [0.1] * 3 + [0.2] * 3, "day": ["1"] * 3 + ["2"] * 3}
    assert source.n_rows == 6


def test_a_dataset_may_mean_some_row_groups(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"p": [0.1, 0.2, 0.3]}, row_group_size=1)
    (fragment,) = ds.dataset(path).get_fragments()
    some = ds.FileSystemDataset(
        [fragment.subset(row_group_ids=[0, 2])], fragment.physical_schema, fragment.format, fragment.filesystem
    )
    source = open_table(some)
    assert (source.n_rows, [part.first_row for part in source.parts(("p",))]) == (2, [0, 2])
    assert walked(source) == {"p": [0.1, 0.3]}


def test_what_a_log_says_of_the_values_is_not_taken_for_a_folder(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"p": [0.5, 0.5]})
    known = (ds.field("p") == 0.5) & (ds.field("day") == 1)
    (fragment,) = ds.dataset(path).get_fragments()
    fragment = fragment.format.make_fragment(fragment.path, fragment.filesystem, known)
    schema = pa.schema([("p", pa.float64()), ("day", pa.int64())])
    source = open_table(ds.FileSystemDataset([fragment], schema, fragment.format, fragment.filesystem))
    assert walked(source) == {"p": [0.5, 0.5], "day": ["1", "1"]}
    assert source.notes == ()


def test_a_filtered_dataset_stays_filtered(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"p": [0.1, 0.2, 0.3]})
    assert walked(open_table(ds.dataset(path).filter(ds.field("p") > 0.15))) == {"p": [0.2, 0.3]}


def test_a_dataset_of_other_files_is_read_through_arrow(tmp_path):
    for day in (1, 2):
        folder = tmp_path / f"day={day}"
        folder.mkdir()
        with pa.ipc.new_file(folder / "a.arrow", pa.schema([("p", pa.float64())])) as file:
            file.write_table(pa.table({"p": [day / 10] * 3}))
    source = open_table(ds.dataset(tmp_path, partitioning="hive", format="ipc"))
    assert walked(source) == {"p": [0.1] * 3 + [0.2] * 3, "day": ["1"] * 3 + ["2"] * 3}
    assert walked(source, "day") == {"day": ["1"] * 3 + ["2"] * 3}
    assert walked(open_table(ds.dataset(pa.table(FRAME)))) == FRAME


def test_a_dataset_whose_files_differ_is_not_narrowed(tmp_path):
    """pyarrow gives every file the types of the first, and None where a column is missing."""
    write_parquet(tmp_path / "a.parquet", {"p": np.array([0.1], np.float32)})
    write_parquet(tmp_path / "b.parquet", {"p": np.array([0.1], np.float64)})
    assert walked(open_table(ds.dataset(tmp_path)))["p"][1] == 0.1
    write_parquet(tmp_path / "c.parquet", {"q": [0.1]})
    with pytest.raises(DataError, match=r'column "p" must be in every file; 1 of 3 lacks it: c\.parquet'):
        open_table(ds.dataset(tmp_path)).parts(("p",))


# --- standard input --------------------------------------------------------------------------------------------------


class Pipe(io.RawIOBase):
    """Bytes that come a few at a time and cannot be read again."""

    def __init__(self, data):
        self.data = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        data = self.data.read(min(len(buffer), 3))
        buffer[: len(data)] = data
        return len(data)


def ipc_bytes(new):
    sink = pa.BufferOutputStream()
    table = pa.table(FRAME)
    with new(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


CSV_BYTES = b"y,p,c\n0,0.1,a\n1,0.5,b\n1,,a\n"


def bytes_of(form):
    """The rows of FRAME in a format."""
    sink = pa.BufferOutputStream()
    if form.startswith("csv"):
        codec = {"csv.gz": "gzip", "csv.bz2": "bz2", "csv.zst": "zstd"}.get(form)
        with pa.CompressedOutputStream(sink, codec) if codec else contextlib.nullcontext(sink) as packed:
            packed.write(CSV_BYTES)
    elif form == "arrow":
        return ipc_bytes(pa.ipc.new_file)
    else:
        {"parquet": pq.write_table, "orc": pyarrow.orc.write_table}[form](pa.table(FRAME), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("form", ["arrow", "orc"])
def test_arrow_and_orc_files_are_read_whatever_their_name(tmp_path, form):
    for name in ("a", "a.feather"):
        (tmp_path / name).write_bytes(bytes_of(form))
        source = open_files(tmp_path / name)
        assert (walked(source), source.name, source.is_rewalkable) == (FRAME, name, True)
        assert walked(source) == FRAME
    (tmp_path / "a").unlink()
    assert walked(open_files(tmp_path)) == FRAME
    (tmp_path / "a.feather").write_bytes(bytes_of(form)[:60])
    with pytest.raises(
        DataError, match=r"cannot read a\.feather: .*damaged or not (Arrow|ORC); fetch or write it again"
    ):
        walked(open_files(tmp_path / "a.feather"))


OTHERS = {
    "t.feather": (b"FEA1" + b"\0" * 99, r"a Feather file of version 1\. With pandas: pandas\.read_feather"),
    "t.arrows": (ipc_bytes(pa.ipc.new_stream), r"a stream of Arrow\. Send it to standard input: logloss measure - "),
    "t.xlsx": (b"PK\x03\x04" + b"x" * 99, r"an Excel workbook\. With pandas: pandas\.read_excel"),
    "t.xls": (b"\xd0\xcf\x11\xe0" + b"x" * 99, r"an Excel workbook"),
    "t.zip": (b"PK\x03\x04" + b"x" * 99, r"a zip archive, as Excel workbooks are\. Unpack it first"),
    "t.npz": (b"PK\x03\x04" + b"x" * 99, r"arrays of NumPy\. Load .*and pass arrays"),
    "t.npy": (b"\x93NUMPY\x01" + b"x" * 99, r"an array of NumPy\. Load .*and pass arrays"),
    "t.db": (b"SQLite format 3\0" + b"\0" * 99, r"an SQLite database\. Export a table: sqlite3 -header -csv"),
    "t.duckdb": (b"x" * 8 + b"DUCK" + b"\0" * 99, r"a DuckDB database\. Export a table: duckdb OLD -c"),
    "t.pkl": (pickle.dumps({"y": [1]}), r"a pickle of Python\. Load it in Python"),
    "t.h5": (b"\x89HDF\r\n\x1a\n" + b"x" * 99, "an HDF5 file"),
    "t.avro": (b"Obj\x01" + b"x" * 99, r"an Avro file\. With polars"),
    "t.html": (b"<!DOCTYPE html>\n<p>", "a web page or XML"),
    "t.png": (b"\x89PNG\r\n" + b"x" * 99, "a picture"),
    "t.jsonl": (b'{"y": 1, "p": 0.5}\n', r'JSON\. With pandas: pandas\.read_json\("OLD", lines=True\)'),
    "t.json": (b'[\n {"y": 1, "p": 0.5}]\n', r'JSON\. With pandas: pandas\.read_json\("OLD"\)'),
    "t.parquet.gz": (gzip.compress(bytes_of("parquet")), r"Parquet, packed or under the name of a text file\. Unpack"),
    "t.csv.gz.gz": (gzip.compress(gzip.compress(CSV_BYTES)), r"gzip, packed or under the name of a text file\. Unpack"),
    "t.bin": (bytes(range(256)), r"none of these, and no text\. Convert it first"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_are_known_by_their_bytes_and_told_the_way_out(tmp_path, name):
    """Also under the name of a text file."""
    data, words = OTHERS[name]
    for own in (name, f"{name}.csv") if name.count(".") == 1 and name[2] not in "xzn" else (name,):
        (tmp_path / own).write_bytes(data)
        with pytest.raises(DataError, match=rf"{re.escape(own)} must be Parquet, Arrow, ORC or CSV; it is {words}"):
            open_files(tmp_path / own)


@pytest.mark.parametrize(
    ("encoding", "mark", "named"),
    [
        ("utf-16", b"", "UTF-16"),
        ("utf-16-be", b"\xfe\xff", "UTF-16"),
        ("utf-16-le", b"", "UTF-16LE"),
        ("utf-16-be", b"", "UTF-16BE"),
        ("utf-32", b"", "UTF-32"),
    ],
)
def test_utf_16_is_refused_with_the_right_name(tmp_path, encoding, mark, named):
    path = write_csv(tmp_path / "a.csv", mark + CSV_BYTES.decode().encode(encoding))
    words = rf"a\.csv must be text in UTF-8; it begins in another encoding\. Convert it: iconv -f {named} -t UTF-8 OLD"
    with pytest.raises(DataError, match=words):
        open_files(path)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://example.org/a.csv", r"Download it first: curl -LO ADDRESS.*logloss measure -"),
        ("s3://bucket/a.parquet", r"Copy it first, or pass a dataset in Python: .*pyarrow\.dataset\.dataset"),
        ("hdfs://host/*.parquet", r"Copy it first, or pass a dataset"),
        ("file:///a.csv", r"Name its path on this machine"),
    ],
)
def test_addresses_are_told_the_way_out(address, words):
    with pytest.raises(SourceNotFound, match=f"files must be on this machine; .* is an address. {words}"):
        open_files(address)


def test_the_first_fault_of_many_files_is_that_of_the_first_file(tmp_path):
    """They are opened side by side; which is ready first does not matter."""
    for number in range(40):
        (tmp_path / f"{number:02}.parquet").write_bytes(b"PAR1")
    for _ in range(3):
        with pytest.raises(DataError, match=r"cannot read 00\.parquet"):
            open_files(tmp_path)


@pytest.mark.parametrize("as_pipe", [True, False])
@pytest.mark.parametrize(
    "data", [ipc_bytes(pa.ipc.new_stream), ipc_bytes(pa.ipc.new_file), CSV_BYTES], ids=["stream", "file", "csv"]
)
def test_standard_input_is_known_by_its_first_bytes(data, as_pipe):
    source = open_stream(io.BufferedReader(Pipe(data)) if as_pipe else io.BytesIO(data))
    assert (source.name, source.is_rewalkable, source.n_rows) == ("standard input", False, None)
    assert source.column_names == ("y", "p", "c")
    assert walked(source) == FRAME
    with pytest.raises(DataError, match="standard input can be read once, and has been"):
        walked(source)


@pytest.mark.parametrize("form", ["csv.gz", "csv.bz2", "csv.zst", "parquet", "orc"])
def test_standard_input_may_be_packed_or_have_its_contents_at_the_end(form):
    source = open_stream(io.BufferedReader(Pipe(bytes_of(form))))
    assert walked(source) == FRAME
    with pytest.raises(DataError, match=r"cannot read standard input: .*damaged or cut off; write it again"):
        walked(open_stream(io.BytesIO(bytes_of(form)[:-20])))


def test_standard_input_may_lack_a_header():
    assert walked(open_stream(io.BytesIO(b"1,0.5\n0,0.25\n"), header=False)) == {"0": [1, 0], "1": [0.5, 0.25]}
    assert walked(open_stream(io.BytesIO(b"7"), header=False)) == {"0": [7]}


def test_standard_input_that_is_cut_or_empty_is_refused():
    with pytest.raises(DataError, match="cannot read standard input: the file is empty"):
        open_stream(io.BytesIO(b""))
    whole = ipc_bytes(pa.ipc.new_stream)
    for size in (8, 100, len(whole) - 60):
        with pytest.raises(DataError, match="cannot read standard input"):
            walked(open_stream(io.BytesIO(whole[:size])))
    with pytest.raises(DataError, match=r"every row must have 2 fields; row 1 of standard input has 1"):
        walked(open_stream(io.BytesIO(b"y,p\n1,0.5\n1\n")))


# --- arrays ----------------------------------------------------------------------------------------------------------


class Flag(pa.ExtensionType):
    """A type of somebody else, stored as whole numbers."""

    def __init__(self):
        super().__init__(pa.int8(), "flag")

    def __arrow_ext_serialize__(self):
        return b""


CODED = pa.array(["x", "y"]).dictionary_encode()


@pytest.mark.parametrize(
    ("values", "expected", "dtype"),
    [
        (pa.array([1, None, 3], pa.int8()), [1, None, 3], np.int8),
        (pa.array([1, 2**63], pa.uint64()), [1, 2**63], np.uint64),
        (pa.array([0.5, None, np.nan]), [0.5, None, None], np.float64),
        (pa.array([0.5, None], pa.float32()), [0.5, None], np.float32),
        (pa.array([np.float16(0.5), None], pa.float16()), [0.5, None], np.float16),
        (pa.array([True, None, False]), [True, None, False], np.bool_),
        (pa.array([1, None]).cast(pa.decimal128(25, 3)), [1, None], np.int64),
        (pa.array([Decimal("1.5"), None]).cast(pa.decimal128(25, 3)), [1.5, None], np.float64),
        (pa.array([Decimal(2**63), None]).cast(pa.decimal128(38, 0)), [2**63, None], np.uint64),
        (pa.array([Decimal(2**64), Decimal(7), None]).cast(pa.decimal256(40, 0)), [2**64, 7, None], np.int32),
        (pa.nulls(2), [None, None], np.float64),
        (pa.array(["b", None, "a", "b"]), ["b", None, "a", "b"], np.int32),
        (pa.array(["b", None], pa.large_string()), ["b", None], np.int32),
        (pa.array(["b", None], pa.string_view()), ["b", None], np.int32),
        (pa.array(["b", "a", None, "b"]).dictionary_encode(), ["b", "a", None, "b"], np.int32),
        (pa.array([1.5, None, 1.5]).dictionary_encode(), [1.5, None, 1.5], np.int32),
        (pa.array([None, None], pa.string()), [None, None], np.float64),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["a", None])), ["a", None, None], np.int32),
        (pa.chunked_array([["a"], ["b", "a"]]), ["a", "b", "a"], np.int32),
        (pa.chunked_array([CODED.slice(0, 1), pa.array(["b", "a"]).dictionary_encode()]), ["x", "b", "a"], np.int32),
        (pa.chunked_array([[1], [2, None]]), [1, 2, None], np.int64),
        (pa.chunked_array([], pa.float64()), [], np.float64),
        (pa.chunked_array([], pa.string()), [], np.int32),
        (pa.RunEndEncodedArray.from_arrays([2, 3], [0.5, 0.25]), [0.5, 0.5, 0.25], np.float64),
        (pa.ExtensionArray.from_storage(Flag(), pa.array([1, 0], pa.int8())), [1, 0], np.int8),
    ],
)  # fmt: skip
def test_an_arrow_array_is_a_column(values, expected, dtype):
    column = to_column(values)
    assert plain(column) == expected
    assert column.values.dtype == dtype
    assert column.missing is None or column.missing.dtype == np.bool_
    if column.values.dtype.kind == "f" and column.missing is not None and not column.missing.all():
        assert np.isfinite(column.values[column.missing]).all()


def test_a_missing_number_does_not_look_like_0():
    """A weight of 0 leaves its row out; one that is missing must not."""
    column = to_column(pa.array([2.0, None]))
    assert column.values.tolist() == [2.0, 1.0]
    assert column.missing.tolist() == [False, True]


def test_only_the_categories_that_occur_are_kept():
    words = pa.DictionaryArray.from_arrays(pa.array([2, 0, None], pa.int32()), pa.array(["a", "b", "c"]))
    column = to_column(words)
    assert column.categories == ("a", "c")
    assert column.values.tolist() == [1, 0, 0]
    assert column.missing.tolist() == [False, False, True]


def test_a_null_among_the_categories_is_missing():
    column = to_column(pa.DictionaryArray.from_arrays(pa.array([1, 0]), pa.array(["a", None])))
    assert column.missing.tolist() == [True, False]
    assert column.categories == ("a",)


def test_a_whole_array_is_not_copied():
    values = np.arange(5.0)
    assert np.shares_memory(to_column(pa.array(values)).values, values)


@pytest.mark.parametrize(
    "values", [pl.Series([1, None]), pd.Series([1, None], dtype="Int64"), pa.array([1, None]), [1, None]]
)
def test_a_series_is_a_column(values):
    assert plain(column_of(values)) == [1, None]


def test_what_is_no_number_bool_or_text_is_refused():
    with pytest.raises(DataError) as caught:
        column_of(pa.array([1], pa.time32("ms")))
    assert str(caught.value) == (
        "the column must hold numbers, bools, text or dates; it holds time32[ms]. Make it a number, such as the hour."
    )
    with pytest.raises(DataError, match=r'column "x" must hold numbers, bools, text or dates; it holds list'):
        column_of(pa.array([[1]]), "x")
    with pytest.raises(DataError, match="the column must hold numbers, bools or text, one kind of them"):
        column_of([1, "a"])


def test_dates_are_iso_text_that_sorts_as_they_do():
    """As they come from Arrow, whole or in chunks, with a time or without."""
    days = [datetime.date(2024, 2, 1), None, datetime.date(1999, 12, 31)]
    column = column_of(pa.chunked_array([pa.array(days[:2], pa.date32()), pa.array(days[2:], pa.date32())]))
    assert column.is_date
    assert plain(column) == ["2024-02-01", None, "1999-12-31"]
    times = column_of(pa.array([datetime.datetime(2024, 2, 1, 6, 30)], pa.timestamp("s")))
    assert plain(times) == ["2024-02-01 06:30:00"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_moment_is_one_text_whatever_its_unit_and_time_zone(unit):
    """Engines and writers of files know it in others; fractions sort after the second that they begin in."""
    moment = datetime.datetime(2024, 2, 1, 6, 30)
    plain_time = pa.array([moment], pa.timestamp("us")).cast(pa.timestamp(unit))
    assert plain(column_of(plain_time)) == ["2024-02-01 06:30:00"]
    for zone in ("UTC", "Europe/Berlin"):
        assert plain(column_of(plain_time.cast(pa.timestamp(unit, zone)))) == ["2024-02-01 06:30:00+00:00"]
    parts = [moment.replace(microsecond=number) for number in (0, 1000, 500_000, 510_000)]
    for zone, end in ((None, ""), ("America/New_York", "+00:00")):
        texts = plain(column_of(pa.array(parts, pa.timestamp("us", zone))))
        assert texts == sorted(texts) == [f"2024-02-01 06:30:00{each}{end}" for each in ("", ".001", ".5", ".51")]


def test_dates_are_no_features():
    """A feature of 365 categories would be no trend: it must be made of the date on purpose."""
    table = pa.table({"y": [0, 1], "day": pa.array([1, 2], pa.date32())})
    with pytest.raises(DataError, match='column "day" holds dates; a feature must hold numbers, bools or text'):
        logloss.fit(table, y_true="y", features=["day"], l2=1.0)
