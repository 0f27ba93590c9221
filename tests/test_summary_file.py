"""The file of a summary: the same to the bit, merged to the bit, refused where it is not what was written."""

from __future__ import annotations

import datetime
import json
import os
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import logloss
from logloss import DataError, SourceNotFound, load, measure
from logloss.data.arrow.long_form import content_of, parquet_bytes, read_parquet
from logloss.files import storage, summary_writing
from logloss.files.summary_reading import record_of_bytes
from logloss.files.summary_writing import bytes_of_record

SEED = 11


def rows(n_rows: int, seed: int = SEED):
    rng = np.random.default_rng(seed)
    p = rng.random(n_rows)
    return (rng.random(n_rows) < p).astype(np.uint8), p, rng


def kinds() -> dict[str, logloss.Measurement]:
    y, p, rng = rows(1_500)
    w, soft = rng.gamma(1, 1, len(y)), rng.random(len(y))
    by = np.array([None, "", "1", "null"], object)[rng.integers(0, 4, len(y))]
    many, mp, _ = rows(90_000)
    return {
        "hard": measure(y, p),
        "weighted": measure(y, p, sample_weight=w),
        "soft": measure(soft, p),
        "logits": measure(y, y_logit=np.where(p < 0.01, -np.inf, p)),
        "pair": measure(y, np.column_stack([1 - p, p])),
        "counts": measure(y, p, counts=rng.integers(0, 3, len(y))),
        "groups": measure(y, p, by={"a": by, "b": rng.integers(0, 3, len(y))}),
        "numbers": measure(y, p, by=rng.choice([1.0, 2.5, np.nan], len(y)), groups=[1]),
        "exact keys": measure(
            y,
            p,
            by=np.array([Decimal("0.12345678901234567890"), 2**70, 2**53 + 1, np.inf], object)[np.arange(1500) % 4],
        ),
        "a listed decimal": measure(
            y, p, by=y.astype(object) + Decimal("1e-20"), groups=[Decimal("1.00000000000000000001")]
        ),
        "an exact label": measure(y.astype(object) + 2**80, p, pos_label=2**80 + 1),
        "weighted groups": measure(soft, p, by=by, sample_weight=w),
        "clusters": measure(y, p, cluster=rng.integers(0, 99, len(y)), sample_weight=w),
        "clusters of groups": measure(y, p, by=by, cluster=rng.integers(0, 99, len(y)), sample_weight=w),
        "buckets of groups": measure(many, mp, by=np.arange(len(many)) % 7, cluster=np.arange(len(many))),
        "buckets": measure(many, mp, cluster=np.arange(len(many))),
        "bins": measure(many, mp, by=np.arange(len(many)) % 7),
        "too many groups": measure(many, mp, by=np.arange(len(many))),
        "infinite": measure([1, 0, 1], [0.0, 0.5, 1.0]),
        "named": measure(["yes", "no", "yes"], [0.4, 0.5, 1.0], pos_label="yes", name="monday"),
    }


KINDS = kinds()


def written(m: logloss.Measurement) -> bytes:
    return bytes_of_record(m.record)


def taken_apart(kind: str):
    """(The header, the table) of a file."""
    table, metadata = read_parquet(written(KINDS[kind]), "a.logloss")
    return json.loads(metadata[summary_writing.HEADER]), table


def put_together(header, table, **options) -> bytes:
    """A file with the checksum that belongs to what it holds."""
    header = {key: value for key, value in header.items() if key != "sha256"}
    header["sha256"] = summary_writing.checksum(header, content_of(table))
    if not options:
        return parquet_bytes(table, {summary_writing.HEADER: json.dumps(header, sort_keys=True)})
    sink = pa.BufferOutputStream()
    described = table.replace_schema_metadata({summary_writing.HEADER: json.dumps(header, sort_keys=True)})
    pq.write_table(described, sink, **options)
    return sink.getvalue().to_pybytes()


def changed(kind: str, path: str, value) -> bytes:
    """A file in whose header one field is another."""
    header, table = taken_apart(kind)
    *above, last = path.split("/")
    node = header
    for key in above:
        node = node[key]
    node[last] = value
    return put_together(header, table)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_what_was_written(kind, tmp_path):
    """The summary to the bit, and so every figure; the file is the same each time."""
    m = KINDS[kind]
    path = tmp_path / "a.logloss"
    m.save(path)
    assert path.read_bytes() == written(m) == written(m)
    found = load(path)
    assert found.summary == m.summary
    assert (found.question, found.parts, found.source) == (m.question, m.parts, m.source)
    assert repr(found) == repr(m)
    assert found.to_dict() == m.to_dict()
    assert written(found) == written(m)


def test_months_merge_to_the_whole_to_the_bit(tmp_path):
    """Four files of a table by month; their summaries, saved, read and merged in any order, are that of the folder."""
    y, p, rng = rows(4_000)
    site = rng.choice(["x", "y"], len(y))
    names = [f"{month}.parquet" for month in ("jan", "feb", "mar", "apr")]
    for k, name in enumerate(names):
        part = slice(1_000 * k, 1_000 * (k + 1))
        pd.DataFrame({"y": y[part], "p": p[part], "site": site[part]}).to_parquet(tmp_path / name)
    requested = {"y_true": "y", "y_proba": "p", "by": "site"}
    whole = measure(tmp_path, **requested)
    months = []
    for name in names:
        measure(tmp_path / name, **requested).save(tmp_path / f"{name}.logloss")
        months.append(load(tmp_path / f"{name}.logloss"))
    merged = months[2].merge(months[0]).merge(months[3].merge(months[1]))
    assert merged.summary == whole.summary
    assert merged.parts == whole.parts
    assert merged.log_loss == whole.log_loss
    assert merged.groups.to_dict() == whole.groups.to_dict()


def test_different_questions_do_not_merge():
    y, p, _ = rows(50)
    table = {"y": y, "p": p, "q": p, "g": y}
    one = measure(table, y_true="y", y_proba="p")
    with pytest.raises(DataError, match="must be of one forecast"):
        one.merge(measure(table, y_true="y", y_proba="q"))
    with pytest.raises(DataError, match="must have the same positive class"):
        one.merge(measure(table, y_true="y", y_proba="p", pos_label=0))
    with pytest.raises(DataError, match="must have the same groups; one has none, the other g"):
        one.merge(measure({k: v[:9] for k, v in table.items()}, y_true="y", y_proba="p", by="g"))
    logits = measure(y, y_logit=p)
    with pytest.raises(DataError, match="one holds probabilities, the other log-odds"):
        KINDS["hard"].summary.scores.merge(logits.summary.scores)


def test_every_cut_and_flipped_bit_is_refused_or_harmless():
    """Of 400 seeded flips and 60 cuts none is read as something else."""
    m = KINDS["groups"]
    data, rng = written(m), np.random.default_rng(SEED)
    silent = 0
    for size in rng.integers(0, len(data), 60):
        with pytest.raises(DataError):
            record_of_bytes(data[:size], "cut.logloss")
    for place in rng.integers(0, 8 * len(data), 400):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << (place % 8)
        try:
            found = record_of_bytes(bytes(flipped), "flipped.logloss")
        except DataError:
            continue
        silent += found != m.record
    assert silent == 0


def test_another_format_is_refused_by_name(monkeypatch):
    for major, advice in ((6, "Install a newer one"), (4, "Measure the rows again")):
        monkeypatch.setattr(summary_writing, "FORMAT_MAJOR", major)
        data = written(KINDS["hard"])
        monkeypatch.undo()
        expected = rf"new\.logloss has format {major}\.0, written by logloss .*reads format 5\. {advice}"
        with pytest.raises(DataError, match=expected):
            record_of_bytes(data, "new.logloss")


def test_what_is_no_summary_is_refused_with_a_way_out(tmp_path):
    pd.DataFrame({"y": [1], "p": [0.5]}).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"rows\.parquet is a table of rows, not a summary. Measure it"):
        load(tmp_path / "rows.parquet")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(DataError, match="must be a file that `save` or `-o` has written"):
        load(tmp_path / "text")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(DataError, match="it is empty, 0 bytes"):
        load(tmp_path / "empty")
    with pytest.raises(SourceNotFound, match="there is no file or folder"):
        load(tmp_path / "nothing")
    with pytest.raises(DataError, match="is a folder"):
        load(tmp_path)


def test_other_programs_can_read_it(tmp_path):
    """Rows by score, between which scores they lie, and how many were 0 and 1."""
    path = tmp_path / "a.logloss"
    KINDS["hard"].save(path)
    query = f"select sum(counts[1]), sum(counts[2]), min(lower), max(upper) from read_parquet('{path}') where section = 'scores'"
    zeros, ones, low, high = duckdb.sql(query).fetchall()[0]
    assert zeros + ones == 1_500
    assert ones == KINDS["hard"].n_positive
    assert 0 <= low < high <= 1
    assert set(pd.read_parquet(path).section) == {"sums", "parts", "largest_losses", "scores"}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.logloss"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        KINDS["hard"].save(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.logloss"]


def test_a_summary_keeps_the_line_of_each_of_the_largest_losses(tmp_path):
    """Of two files, merged and saved again: what was shown before is shown after the files are gone."""
    for name, most in (("a", 90), ("b", 91)):
        rows_of_it = "".join(f"{k % 2},{(k + 1) / most:.4f}\n\n" for k in range(40))
        (tmp_path / f"{name}.csv").write_text(f"y,p\n{rows_of_it}")
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    whole = measure(paths, y_true="y", y_proba="p")
    shown = [row.where("") for row in whole.summary.largest_losses.rows]
    first, second = (measure(path, y_true="y", y_proba="p") for path in paths)
    first.save(tmp_path / "a.logloss")
    whole.save(tmp_path / "whole.logloss")
    for path in paths:
        path.unlink()
    assert len(shown) == 20
    assert all(" (line " in row for row in shown)
    assert [row.where("") for row in load(tmp_path / "whole.logloss").summary.largest_losses.rows] == shown
    load(tmp_path / "a.logloss").merge(second).save(tmp_path / "merged.logloss")
    lines = [row.place.line(row.row) for row in load(tmp_path / "merged.logloss").summary.largest_losses.rows]
    # Of the file that was gone before its summary was saved, none is known.
    assert {line is None for line in lines} == {True, False}
    assert [row.place.line(row.row) for row in load(tmp_path / "a.logloss").summary.largest_losses.rows] == [
        2 * row.row + 2 for row in first.summary.largest_losses.rows
    ]


def test_a_summary_of_many_rows_is_small():
    """150,000 continuous scores: bins that are occupied, 8 bytes each at most once packed."""
    y, p, _ = rows(150_000)
    assert len(written(measure(y, p))) < 1_000_000


HUGE = 10**30
WRONG_FIELDS = [
    ("hard", "summary/n_rows", 1.5),
    ("hard", "summary/n_rows", HUGE),
    ("hard", "summary/n_rows", 1_501),
    ("hard", "summary/n_positive", -3),
    ("hard", "summary/n_positive", True),
    ("hard", "summary/n_dropped", "many"),
    ("hard", "summary/n_hard", [1_500, 2, 0]),
    ("hard", "summary/n_hard", [1_500, 2]),
    ("hard", "summary/coding", [["value", [1]]]),
    ("hard", "summary/coding", 7),
    ("hard", "summary/n_largest_losses", 20),
    ("hard", "summary/unlabelled", [1, "0", "0", "0"]),
    ("hard", "summary/unlabelled", ["1", 0]),
    ("hard", "scores/scale", "logit"),
    ("hard", "scores/n_rows", 3),
    ("hard", "scores/is_binned", 0),
    ("hard", "limits/most_distinct", 65536.0),
    ("hard", "limits/most_groups", HUGE),
    ("hard", "question/negatives_kept", -3),
    ("hard", "question/negatives_kept", 1e999),
    ("hard", "question/positive", 3),
    ("hard", "question/positive_value", "clicked = 1"),
    ("hard", "question/more", 1),
    ("hard", "source", None),
    ("hard", "notes", "none"),
    ("hard", "library", 1),
    ("hard", "more", 1),
    ("hard", "units", []),
    ("weighted", "units/scores: masses", 1.5),
    ("weighted", "units/scores: masses", -32 * 10**6),
    ("groups", "groups/names", [[1]]),
    ("groups", "groups/names", 1),
    ("groups", "groups/columns", ["a", "a"]),
    ("groups", "groups/only", 3),
    ("groups", "groups/n_rows", 7),
    ("groups", "groups/has_cells", False),
    ("groups", "groups/is_over", True),
    ("clusters of groups", "groups/cluster_sums", None),
    ("clusters of groups", "groups/cluster_sums", {"level": 53}),
    ("clusters of groups", "groups/cluster_sums", {"level": 3}),
    ("clusters of groups", "groups/cluster_sums", {}),
    ("clusters of groups", "clusters", None),
    ("clusters of groups", "limits/most_pairs", 3),
    ("clusters of groups", "format", "3.0"),
    ("groups", "groups/cluster_sums", {"level": None}),
    ("clusters", "clusters/names", [1.0]),
    ("clusters", "clusters/only", [[1]]),
    ("clusters", "clusters/is_over", True),
]


@pytest.mark.parametrize(("kind", "path", "value"), WRONG_FIELDS)
def test_a_header_that_cannot_be_is_refused_by_name(kind, path, value):
    """Its checksum is right: types, ranges, and what other sections say are looked at one by one."""
    with pytest.raises(DataError, match=r"^hostile\.logloss "):
        record_of_bytes(changed(kind, path, value), "hostile.logloss")


WRONG_CELLS = [
    ("hard", "sums", "digits", ["-1"]),
    ("hard", "sums", "digits", ["f" * 5_000]),
    ("hard", "sums", "digits", ["zz"]),
    ("hard", "sums", "digits", []),
    ("hard", "sums", "key", 9),
    ("hard", "parts", "digits", ["00"]),
    ("hard", "parts", "counts", [-1]),
    ("hard", "scores", "counts", [-3, 4]),
    ("hard", "scores", "counts", [2**62, 2**62]),
    ("hard", "scores", "counts", [1]),
    ("hard", "scores", "key", -(2**63)),
    ("hard", "scores", "lower", 2.0),
    ("hard", "scores", "section", "more"),
    ("hard", "scores", "group", "more"),
    ("hard", "largest_losses", "upper", float("nan")),
    ("hard", "largest_losses", "digits", ["0x1p+9", "0x1p-1", "0x1p+0", "0x1p+0", "", "1", "0", ""]),
    ("hard", "largest_losses", "digits", ["0x1p+99999", "0x1p-1", "0x1p+0", "0x1p+0", "", "1", "0", ""]),
    ("hard", "largest_losses", "key", -7),
    ("weighted", "scores: masses", "digits", ["1"] * 6),
    ("weighted", "scores: masses", "digits", ["f" * 3_000] * 6),
    ("groups", "groups: totals", "counts", [10, 2, 0, 10, 2, 0]),
    ("groups", "groups: totals", "key", 4_000),
    ("groups", "groups: sums", "digits", ["1"] * 4),
    ("groups", "groups: cells", "key", 4_095),
    ("groups", "groups: scores", "key", 2**62),
    ("clusters", "clusters: cell masses", "key", -1),
    ("clusters", "clusters: general", "digits", ["1"] * 13),
    ("clusters of groups", "groups: clusters", "key", 7),
    ("clusters of groups", "groups: cluster totals", "counts", [1_000]),
    ("clusters of groups", "groups: cluster totals", "counts", [1, 2]),
    ("clusters of groups", "groups: cluster totals", "key", -1),
    ("clusters of groups", "groups: cluster totals", "key", 99 << 12),
    ("clusters of groups", "groups: cluster sums", "digits", ["1", "1"]),
    ("clusters of groups", "groups: cluster sums", "digits", ["1"]),
    ("clusters of groups", "groups: cluster sums", "key", 4_095),
    ("buckets of groups", "groups: clusters", "key", -1),
    ("buckets of groups", "groups: cluster totals", "counts", [90_000]),
]


@pytest.mark.parametrize(("kind", "section", "column", "value"), WRONG_CELLS)
def test_a_table_that_cannot_be_is_refused_by_name(kind, section, column, value):
    header, table = taken_apart(kind)
    place = table["section"].to_pylist().index(section)
    values = table[column].to_pylist()
    values[place] = value
    own = pa.array(values, table.schema.field(column).type.value_type if column in ("section", "group") else None)
    if column in ("counts", "digits"):
        own = pa.array(values, pa.list_(pa.int64() if column == "counts" else pa.string()))
    table = table.set_column(table.schema.names.index(column), column, own)
    with pytest.raises(DataError, match=r"^hostile\.logloss "):
        record_of_bytes(put_together(header, table), "hostile.logloss")


@pytest.mark.parametrize("change", ["gone", "twice", "turned"])
@pytest.mark.parametrize("kind", ["hard", "groups", "clusters", "weighted groups", "bins", "clusters of groups"])
def test_no_row_of_the_table_is_missing_doubled_or_out_of_place(kind, change):
    """One row of each section; the sections add up to each other."""
    header, table = taken_apart(kind)
    names = table["section"].to_pylist()
    for section in dict.fromkeys(names):
        first, n_rows = names.index(section), names.count(section)
        place = first + (n_rows - 1) // 2
        order = list(range(len(names)))
        if change == "gone":
            del order[place]
        elif change == "twice":
            order.insert(place, place)
        elif n_rows > 1:
            place = first + (n_rows - 2) // 2
            order[place], order[place + 1] = order[place + 1], order[place]
        else:
            continue
        with pytest.raises(DataError, match=r"^hostile\.logloss |must have each section once"):
            record_of_bytes(put_together(header, table.take(order)), "hostile.logloss")


def test_a_few_bytes_do_not_fill_the_memory():
    """Runs of one value, a long text in each row, and columns that are none of ours: known before a page is unpacked, or
    before texts are written out."""
    header, table = taken_apart("hard")
    zeros = pa.ListArray.from_arrays(
        [0, 2_000_000, *range(2_000_001, 2_000_000 + len(table))], np.zeros(3_000_000, int)
    )
    bomb = put_together(header, table.set_column(5, "counts", zeros))
    assert len(bomb) < 100_000
    with pytest.raises(DataError, match=r"unpacked it would have .* which no summary of .* has"):
        record_of_bytes(bomb, "bomb.logloss")
    long = pa.DictionaryArray.from_arrays(np.zeros(len(table), np.int32), pa.array(["x" * 500_000]))
    bomb = parquet_bytes(table.set_column(1, "group", long), {summary_writing.HEADER: json.dumps(header)})
    assert len(bomb) < 100_000
    with pytest.raises(DataError, match=r"its texts have .* bytes"):
        record_of_bytes(bomb, "bomb.logloss")
    with pytest.raises(DataError, match="its columns are others"):
        record_of_bytes(put_together(header, table.append_column("more", table["key"])), "bomb.logloss")
    deltas = {"use_dictionary": False, "column_encoding": {"group": "DELTA_BYTE_ARRAY"}}
    with pytest.raises(DataError, match="an encoding that is not known here"):
        record_of_bytes(put_together(header, table, **deltas), "bomb.logloss")


def test_a_header_does_not_fill_the_memory_or_the_stack():
    _, table = taken_apart("hard")
    for text in ("[" * 100_000 + "]" * 100_000, "[" + "0," * (1 << 22) + "0]", '{"format": "3.0", "format": "3.0"}'):
        data = parquet_bytes(table, {summary_writing.HEADER: text})
        with pytest.raises(DataError, match=r"hostile\.logloss is damaged"):
            record_of_bytes(data, "hostile.logloss")


def test_text_of_a_file_is_not_obeyed(tmp_path):
    """Escapes, bells and marks that turn lines around are replaced wherever they are shown."""
    obeyed = "\x1b[2J\x07\u202e\n\x9b"
    data = changed("groups", "source", obeyed)
    header, table = taken_apart("groups")
    header["notes"] = [obeyed]
    header["question"]["positive"] = obeyed
    both = put_together(header, table)
    for each in (data, both):
        (tmp_path / "a.logloss").write_bytes(each)
        found = load(tmp_path / "a.logloss")
        shown = [*repr(found).split("\n"), *found._repr_html_().split("\n")]
        assert [line for line in shown if not line.isprintable()] == []
        assert len(repr(found).split("\n")) == len(repr(KINDS["groups"]).split("\n"))


def test_a_file_without_sums_by_cluster_says_that_it_has_none(tmp_path):
    """Never intervals that take rows as independent. Merged with one that has them, none is known."""
    header, table = taken_apart("clusters of groups")
    header["groups"]["cluster_sums"] = None
    del header["units"]["groups: cluster sums"]
    is_older = [not name.startswith("groups: cluster") for name in table["section"].to_pylist()]
    (tmp_path / "old.logloss").write_bytes(put_together(header, table.filter(pa.array(is_older))))
    older, newer = load(tmp_path / "old.logloss"), KINDS["clusters of groups"]
    assert older.log_loss == newer.log_loss
    assert older.groups["log_loss_nats"] == newer.groups["log_loss_nats"]
    assert all(map(np.isfinite, newer.groups["log_loss_nats_low"]))
    for m in (older, older.merge(measure(*rows(900, 5)[:2], by=["a"] * 900, cluster=np.arange(900), name="new"))):
        assert set(m.groups["reason"]) == {"the file has no sums by cluster: measure again"}
        for name in ("log_loss_nats_low", "contribution_nats_low", "p_value", "effective_clusters"):
            assert not any(map(np.isfinite, m.groups[name]))
    m.save(tmp_path / "merged.logloss")
    assert load(tmp_path / "merged.logloss").summary == m.summary
    moved = logloss.diff(older, measure(*rows(900, 6)[:2], by=["a"] * 900, cluster=np.arange(900), name="new"))
    assert moved.within_group_effect.reason == "the file has no sums by cluster: measure again"


def test_kept_columns_stand_beside_the_largest_losses(tmp_path):
    """Numbers, text that looks like numbers, dates, nothing: in the text and the table, of a file, merged and loaded."""
    days = [datetime.date(2024, 1, 1 + k) if k else None for k in range(4)]
    table = {"y": [1, 0, 1, 0], "p": [0.8, 0.4, 0.6, 0.1], "id": ["07", "08", "x,y", None], "n": [1.5, None, 3.0, 4.0]}
    frame = pd.DataFrame(table | {"day": days})
    m = measure(frame, y_true="y", y_proba="p", keep=["id", "n", "day", "p"])
    first = m.summary.largest_losses.rows[0]
    assert first.where("") == "row 1, id = 08, n = nothing, day = 2024-01-02, p = 0.4"
    kept = {"kept_id": ["08", "x,y", "07", None], "kept_n": [None, 3.0, 1.5, 4.0]}
    kept["kept_day"] = ["2024-01-02", "2024-01-03", None, "2024-01-04"]
    assert {name: m.largest_losses.to_dict()[name] for name in kept} == kept
    bare = measure(frame, y_true="y", y_proba="p")
    assert (m.n_rows, m.summary) == (4, bare.summary)
    assert bare.record.parts.hashes.tolist() == m.record.parts.hashes.tolist()
    m.save(tmp_path / "a.logloss")
    other = measure(frame.assign(p=[0.7, 0.3, 0.5, 0.2]), y_true="y", y_proba="p", keep="id")
    both = load(tmp_path / "a.logloss").merge(other)
    both.save(tmp_path / "b.logloss")
    for merged in (both, load(tmp_path / "b.logloss")):
        assert merged.largest_losses.to_dict()["kept_id"] == ["x,y", "08", "x,y", "07", "08", None, "07", None]
        assert merged.largest_losses.to_dict()["kept_n"][:4] == [None, None, 3.0, None]
    pair = logloss.compare(frame.assign(q=0.5), y_true="y", y_proba=["p", "q"], keep="id").pair
    assert pair.largest_differences.to_dict()["kept_id"] == [None, "07", "08", "x,y"]


def test_what_cannot_be_kept_is_refused():
    with pytest.raises(DataError, match=r"`keep` names columns of a table; these are arrays\. Pass a table"):
        measure([1, 0], [0.5, 0.5], keep="id")
    with pytest.raises(DataError, match=r'no column "idd"\. The table has: y, p, id\. Did you mean "id"'):
        measure({"y": [1], "p": [0.5], "id": [7]}, y_true="y", y_proba="p", keep="idd")


def test_infinity_is_a_group_like_others(tmp_path):
    m = measure([1, 0, 1], [0.5, 0.4, 0.6], by=[np.inf, -np.inf, 1.0])
    m.save(tmp_path / "a.logloss")
    assert load(tmp_path / "a.logloss").groups.to_dict() == m.groups.to_dict()


@pytest.mark.slow
def test_seeded_damage_and_hostile_fields_are_refused_or_harmless():
    """A part of `benchmarks/_trials_files.py`, which says what it tries: no difference in silence, no other error."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
    try:
        from _trials_files import run
    finally:
        sys.path.pop(0)
    found = run(280, SEED)
    assert found["failures"] == []
    assert found["refused"] > 140
