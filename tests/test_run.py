"""The one loop: any number of threads, processes and parts gives one answer; a fault stops all."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from strategies import Table, random_cuts, random_table

from logloss import DataError, measure
from logloss.data.coded import PIECE_ROWS
from logloss.data.rows import PART_ROWS, Column
from logloss.data.source import MemorySource
from logloss.onepass import run
from logloss.onepass.kernels.hashing import hashes_of
from logloss.onepass.summaries import GroupedSummary, LossSum, LossSummary, cluster_sums
from logloss.onepass.summaries.cluster_sums import LEVELS
from logloss.onepass.summaries.contract import Stopped, pieces, stopped_by
from logloss.onepass.summaries.group_keys import CLUSTER

SEED = 23


def source_of(table: Table) -> MemorySource:
    return MemorySource(table.columns)


@pytest.mark.parametrize("kind", ["hard", "soft weighted", "counts"])
def test_threads_and_parts_change_no_bit(kind):
    rng = np.random.default_rng(SEED)
    table = random_table(SEED, 20_000, kind)
    results = set()
    for n_cuts in (0, 1, 7, 60):
        parts = table.parts(random_cuts(rng, table.n_rows, n_cuts))
        for n_threads in (1, 2, 4, 8):
            results.add(run.map_and_merge(parts, LossSummary.empty(), n_threads=n_threads))
    assert len(results) == 1


@pytest.mark.parametrize("kind", ["hard", "soft weighted", "counts"])
def test_threads_and_parts_change_no_bit_of_sums_by_group_and_cluster(kind, monkeypatch):
    """Hashes, then buckets of them: always at the finest level that has few enough pairs."""
    rng = np.random.default_rng(SEED)
    table = random_table(SEED, 6_000, kind)
    table = replace(table, by=rng.integers(0, 20, 6_000), cluster=rng.integers(0, 400, 6_000))
    empty = LossSummary.empty(GroupedSummary.empty(("by",)), GroupedSummary.empty(("cluster",), CLUSTER))
    block = table.block()
    hashes, groups = hashes_of(block.cluster).view(np.uint64), block.by[0].values
    n_pairs = [
        len(set(zip((hashes >> np.uint64(level or 0)).tolist(), groups.tolist(), strict=True))) for level in LEVELS
    ]
    for limit in (1 << 16, 2_000, 1_000, 500):
        monkeypatch.setattr(cluster_sums, "MOST_PAIRS", limit)
        results = []
        for n_cuts in (0, 1, 30):
            parts = table.parts(random_cuts(rng, table.n_rows, n_cuts))
            results += [run.map_and_merge(parts, empty, n_threads=n_threads) for n_threads in (1, 2)]
        assert all(result == results[0] for result in results)
        few_enough = [level for level, number in zip(LEVELS, n_pairs, strict=True) if number <= limit]
        assert results[0].groups.cluster_sums.level == few_enough[0]


def test_rows_that_are_as_long_as_the_answer_come_in_their_order_and_are_told_of_once_they_are_used():
    n_rows = 2 * PART_ROWS + 5
    source = MemorySource({"y": Column(np.arange(n_rows))})
    used, told = [], []

    def use(rows):
        assert len(told) == len(used)
        used.append(rows.columns["y"].values)

    run.rows_in_order(source.parts(("y",)), use, told.append)
    assert np.concatenate(used).tolist() == list(range(n_rows))
    assert [rows.n_rows for rows in told] == [len(values) for values in used]
    assert len(used) > 2


@pytest.mark.parametrize("n_threads", [1, 2, 4, 8])
def test_a_walk_over_several_parts_of_a_table_in_memory_is_one_answer(n_threads):
    """1,100,000 rows: nine parts, eight of 2^17 rows and a rest."""
    table = random_table(SEED, 1_100_000)
    found = run.walk(source_of(table), table.roles, LossSum.empty(), n_threads=n_threads)
    assert found == LossSum.of(table.block())


def test_processes_change_no_bit():
    """Each part goes to a fresh process, its summary comes back: as engines use it."""
    table = random_table(SEED, 5_000, "soft weighted")
    parts = table.parts(random_cuts(np.random.default_rng(SEED), table.n_rows, 5))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        summaries = list(pool.map(partial(run.summary_of, empty=LossSummary.empty()), [[part] for part in parts]))
    total = LossSummary.empty()
    for summary in reversed(summaries):
        total = summary.merge(total)
    assert total == LossSummary.of(table.block())


def test_impossible_rows_are_named_by_their_place_in_the_whole():
    """The first by its number, not by which part was done first."""
    y = np.zeros(1_200_000, np.uint8)
    p = np.full(len(y), 0.25)
    p[[700_001, 1_100_000]] = 1.0
    for n_threads in (1, 4):
        table = Table(y, p)
        summary = run.walk(source_of(table), table.roles, LossSummary.empty(), n_threads=n_threads)
        assert (summary.n_infinite, summary.largest_losses.rows[0].row) == (2, 700_001)
    assert measure(y, p).first_infinite == "row 700,001"


@pytest.mark.parametrize("n_threads", [1, 4])
def test_a_fault_in_one_part_is_raised_as_it_is(n_threads):
    table = random_table(SEED, 4_000)
    p = table.y_proba.copy()
    p[3_999] = 1.5
    parts = Table(table.y_true, p).parts([1_000, 2_000, 3_000])
    with pytest.raises(DataError, match=r"row 3,999 has 1\.5"):
        run.map_and_merge(parts, LossSummary.empty(), n_threads=n_threads)


def test_a_part_that_is_told_to_stop_stops_at_its_next_block():
    stop = threading.Event()
    stop.set()
    [part] = random_table(SEED, 10).parts()
    with pytest.raises(Stopped):
        run.summary_of([part], LossSummary.empty(), stop=stop)
    # Also within a block: a wide one takes long.
    stop.clear()
    with stopped_by(stop):
        runs = pieces(3 * PIECE_ROWS)
        assert next(runs) == (0, PIECE_ROWS)
        stop.set()
        with pytest.raises(Stopped):
            next(runs)
    assert list(pieces(10)) == [(0, 10)]


def test_progress_is_told_of_every_block_once():
    seen = []
    table = random_table(SEED, 10_000)
    run.map_and_merge(
        table.parts([100, 100, 5_000]),
        LossSummary.empty(),
        progress=lambda block: seen.append(block.n_rows),
        n_threads=2,
    )
    assert sum(seen) == 10_000
    assert sorted(seen) == [100, 4_900, 5_000]


def test_nothing_left_says_why():
    empty, dropped = LossSummary.empty(), LossSummary(n_dropped=3)
    rows = MemorySource({"y_true": Column(np.zeros(3))}, name="a.csv")
    none = MemorySource({})
    assert (
        run.nothing_left(rows, dropped) == "expected at least one row with every value; all 3 rows in a.csv lack one."
    )
    assert run.nothing_left(rows, empty) == (
        "expected at least one row with a weight above 0; all 3 rows in a.csv have weight 0."
    )
    assert run.nothing_left(none, empty) == "expected at least one row; found none."


def test_there_is_at_least_one_processor():
    assert run.available_cpus() >= 1
