"""The file of a summary: the same to the bit, merged to the bit, refused where it is not what was written."""

from __future__ import annotations

import os

import duckdb
import numpy as np
import pandas as pd
import pytest

import logloss
from logloss import DataError, SourceNotFound, filing, load, measure, storage
from logloss.filing import bytes_of_summary, summary_of_bytes

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
        "weighted groups": measure(soft, p, by=by, sample_weight=w),
        "clusters": measure(y, p, cluster=rng.integers(0, 99, len(y)), sample_weight=w),
        "buckets": measure(many, mp, cluster=np.arange(len(many))),
        "bins": measure(many, mp, by=np.arange(len(many)) % 7),
        "too many groups": measure(many, mp, by=np.arange(len(many))),
        "infinite": measure([1, 0, 1], [0.0, 0.5, 1.0]),
        "named": measure(["yes", "no", "yes"], [0.4, 0.5, 1.0], pos_label="yes", name="monday"),
    }


KINDS = kinds()


def written(m: logloss.Measurement) -> bytes:
    return bytes_of_summary(m.summary, m.question, m.parts, m.source, m.notes)


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


def test_months_merge_to_the_whole_to_the_bit(tmp_path):
    """Four files of a table by month; their summaries, saved, read and merged in any order, are that of the folder."""
    y, p, rng = rows(4_000)
    site = rng.choice(["x", "y"], len(y))
    names = [f"{month}.parquet" for month in ("jan", "feb", "mar", "apr")]
    for k, name in enumerate(names):
        part = slice(1_000 * k, 1_000 * (k + 1))
        pd.DataFrame({"y": y[part], "p": p[part], "site": site[part]}).to_parquet(tmp_path / name)
    asked = {"y_true": "y", "y_proba": "p", "by": "site"}
    whole = measure(tmp_path, **asked)
    months = []
    for name in names:
        measure(tmp_path / name, **asked).save(tmp_path / f"{name}.logloss")
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
            summary_of_bytes(data[:size], "cut.logloss")
    for place in rng.integers(0, 8 * len(data), 400):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << (place % 8)
        try:
            found = summary_of_bytes(bytes(flipped), "flipped.logloss")
        except DataError:
            continue
        silent += found[0] != m.summary or found[1] != m.question or found[2] != m.parts
    assert silent == 0


def test_another_format_is_refused_by_name(monkeypatch):
    for major, advice in ((3, "Install a newer one"), (1, "Measure the rows again")):
        monkeypatch.setattr(filing, "FORMAT_MAJOR", major)
        data = written(KINDS["hard"])
        monkeypatch.undo()
        expected = rf"new\.logloss has format {major}\.0, written by logloss .*reads format 2\. {advice}"
        with pytest.raises(DataError, match=expected):
            summary_of_bytes(data, "new.logloss")


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
    assert ones == KINDS["hard"].n_ones
    assert 0 <= low < high <= 1
    assert set(pd.read_parquet(path).section) == {"sums", "parts", "costliest", "scores"}


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


def test_a_summary_keeps_the_line_of_its_costliest_row(tmp_path):
    (tmp_path / "a.csv").write_text("y,p\n1,0.9\n\n0,0.8\n")
    m = measure(tmp_path / "a.csv", y_true="y", y_proba="p")
    m.save(tmp_path / "a.logloss")
    (tmp_path / "a.csv").unlink()
    assert "(line 4)" in repr(load(tmp_path / "a.logloss"))


def test_a_summary_of_many_rows_is_small():
    """150,000 continuous scores: bins that are occupied, 8 bytes each at most once packed."""
    y, p, _ = rows(150_000)
    assert len(written(measure(y, p))) < 1_000_000
