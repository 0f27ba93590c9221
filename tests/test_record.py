"""What a summary is made of: the same rows are found whatever their file is called, and other rows are others."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import logloss
from logloss import DataError, measure
from logloss.data.binding import bind
from logloss.data.request import RowOptions
from logloss.onepass.run import walk
from logloss.onepass.summaries import LossSummary

SEED = 23
ASKED = {"y_true": "y", "y_proba": "p"}
# What else a measurement may read of a row.
EXTRAS = {
    "plain": {},
    "weights": {"sample_weight": "w"},
    "counts": {"counts": "n"},
    "groups": {"by": "g"},
    "clusters": {"cluster": ["h", "g"]},
    "both": {"by": ["g", "h"], "cluster": "h"},
}


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rng = np.random.default_rng(SEED)
    p = rng.random(6_000)
    return pa.table(
        {
            "y": (rng.random(len(p)) < p).astype(np.int64),
            "p": p,
            "w": rng.gamma(1, 1, len(p)),
            "n": rng.integers(1, 4, len(p)),
            "g": rng.choice(["a", "b", "c"], len(p)),
            "h": rng.choice(["x", "y"], len(p)),
        }
    )


@pytest.fixture(scope="module")
def root(table, tmp_path_factory):
    """day=1/a.parquet of six row groups."""
    folder = tmp_path_factory.mktemp("root")
    (folder / "day=1").mkdir()
    pq.write_table(table, folder / "day=1" / "a.parquet", row_group_size=1_000)
    return folder


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_path_may_be_spelled_in_any_way(extra, root, tmp_path, monkeypatch):
    """Absolute, relative, a copy, a list, a pattern, a folder, the root of partitions, a dataset, rewritten."""
    path = root / "day=1" / "a.parquet"
    copy = tmp_path / "copy.parquet"
    shutil.copy(path, copy)
    pq.write_table(pq.read_table(path), tmp_path / "rewritten.parquet", row_group_size=1_000, compression="none")
    monkeypatch.chdir(root / "day=1")
    requested = ASKED | EXTRAS[extra]
    first = measure(path, **requested)
    assert len(first.parts) == 6
    for spelled in (
        "a.parquet",
        copy,
        [str(copy)],
        str(root / "*" / "*.parquet"),
        root,
        path.parent,
        ds.dataset(str(path)),
        tmp_path / "rewritten.parquet",
    ):
        other = measure(spelled, **requested)
        assert other.parts.hashes.tolist() == first.parts.hashes.tolist()
        with pytest.raises(DataError, match=r"both hold .*a\.parquet.*\(6 parts, 6,000 rows|\(6 parts, 12,"):
            first.merge(other)


@pytest.mark.parametrize("extra", EXTRAS)
def test_rows_are_the_same_in_a_text_file_in_memory_and_in_any_order(extra, table, tmp_path):
    """Single precision, too: a float32 is the number that it is."""
    requested = ASKED | EXTRAS[extra]
    frame = table.to_pandas()
    frame.to_csv(tmp_path / "a.csv", index=False)
    kinds = [table, frame, tmp_path / "a.csv", frame.sample(frac=1, random_state=SEED), dict(frame.items())]
    hashes = [measure(kind, **requested).parts.hashes.tolist() for kind in kinds]
    assert hashes[1:] == hashes[:-1]
    short = frame.assign(p=frame["p"].astype(np.float32), y=frame["y"] == 1)
    wide = short.assign(p=short["p"].astype(np.float64), y=frame["y"].astype(float))
    assert measure(short, **requested).parts == measure(wide, **requested).parts


def test_a_row_group_is_found_within_a_larger_list_of_files(table, root, tmp_path):
    pq.write_table(table.slice(3_000, 1_000), tmp_path / "fourth.parquet")
    with pytest.raises(DataError, match=r"a\.parquet = fourth\.parquet \(1 part, 1,000 rows\)\. Merge them once"):
        measure(root, **ASKED).merge(measure(tmp_path / "fourth.parquet", **ASKED))


def test_what_is_no_part_of_the_question_tells_nothing_and_what_is_does(table):
    """Other columns do not matter; each that has a role does."""
    first = measure(table, **ASKED, by="g")
    more = table.append_column("day", pa.array(["monday"] * table.num_rows))
    assert measure(more, **ASKED, by="g").parts == first.parts
    moved = pa.array(["d", *table["g"].to_pylist()[1:]])
    others = table.set_column(table.schema.names.index("g"), "g", moved)
    assert measure(others, **ASKED, by="g").merge(first).n_rows == 2 * table.num_rows
    assert measure(others, **ASKED).parts == measure(table, **ASKED).parts


@pytest.mark.parametrize("name", ["y", "p", "w", "n", "g"])
def test_each_role_tells_rows_from_others(name, table):
    """One value of 6,000 is another one."""
    requested = ASKED | {"sample_weight": "w", "counts": "n", "cluster": "g"}
    values = table[name].to_pylist()
    values[17] = {"y": 1 - table["y"][17].as_py(), "g": "d", "n": 7}.get(name, 0.25)
    other = table.set_column(table.schema.names.index(name), name, pa.array(values))
    assert measure(table, **requested).merge(measure(other, **requested)).summary.n_hard == (0, 0, 0)


def test_arrays_in_memory_are_not_counted_twice_unless_they_are_named():
    """Two equal rows may be two samples: only the user knows."""
    y, p = np.array([1, 0, 1]), np.array([0.9, 0.3, 0.6])
    with pytest.raises(DataError, match=r"both hold rows without a name \(1 part, 3 rows\)\..*with another `name="):
        measure(y, p).merge(measure(y, p))
    with pytest.raises(DataError, match=r"both hold monday"):
        measure(y, p, name="monday").merge(measure(y, p, name="monday"))
    assert measure(y[:1], p[:1]).merge(measure(y[1:], p[1:])).n_rows == 3
    assert measure(y, p, name="a").merge(measure(y, p, name="b")).merge(measure(y, p)).n_rows == 9


def test_a_file_may_have_a_name_of_its_own(root):
    requested = ASKED | {"by": "g"}
    both = measure(root, **requested, name="a").merge(measure(root, **requested))
    assert both.n_rows == 12_000
    with pytest.raises(DataError, match="must not share rows"):
        both.merge(measure(root, **requested, name="a"))


def test_rows_without_a_label_are_not_counted_twice():
    y, p = np.array([np.nan, np.nan, 1.0]), np.array([0.9, 0.3, 0.6])
    first = measure(y, p, missing="drop")
    assert first.parts.n_rows == 3
    with pytest.raises(DataError, match="must not share rows"):
        first.merge(measure(y, p, missing="drop"))
    assert first.merge(measure(y, p[[1, 2, 0]], missing="drop")).n_unlabelled == 4


def test_equal_parts_of_one_walk_are_rows_like_others(tmp_path):
    """Who names a folder means its files: two of them may hold the same."""
    for name in ("jan", "feb"):
        pd.DataFrame({"y": [1, 0], "p": [0.5, 0.5]}).to_parquet(tmp_path / f"{name}.parquet")
    both = measure(tmp_path, **ASKED)
    assert both.n_rows == 4
    both.save(tmp_path / "both.logloss")
    assert logloss.load(tmp_path / "both.logloss").parts == both.parts
    with pytest.raises(DataError, match=r"\(1 part, 2 rows\)"):
        both.merge(measure(tmp_path / "jan.parquet", **ASKED))


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_neither_blocks_nor_threads_change_what_a_part_is(n_threads, root, table):
    source, roles = bind(root, RowOptions(**ASKED, by="g"))
    empty = measure(root, **ASKED, by="g").summary
    empty = LossSummary.empty(empty.groups.cleared())
    pieces = walk(source, roles, empty, n_threads=n_threads).pieces
    assert pieces == walk(source, roles, empty, n_threads=1).pieces
    assert [numbers[0] for _, numbers in pieces] == [1_000] * 6


@pytest.mark.slow
def test_no_two_of_many_small_parts_are_alike():
    """20,000 parts of few rows on a coarse grid: all that differ as rows differ as parts, and no other."""
    rng = np.random.default_rng(SEED)
    rows: dict[bytes, tuple] = {}
    for _ in range(20_000):
        size = rng.integers(1, 5)
        p, y = rng.integers(0, 5, size) / 4, rng.integers(0, 2, size)
        roles_rows = tuple(sorted(zip(p.tolist(), y.tolist(), strict=True)))
        [(_, numbers)] = _pieces(y, p)
        assert rows.setdefault(numbers, roles_rows) == roles_rows
    assert len(set(rows.values())) == len(rows)


def _pieces(y, p):
    source, roles = bind({"y": y, "p": p}, RowOptions(**ASKED))
    return walk(source, roles, LossSummary.empty()).pieces
