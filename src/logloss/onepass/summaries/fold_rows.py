"""Which rows train and test the model of each fold, from the row's number, its cluster or a column.

Folds of rows: of every run of n_folds rows in the table's order, one goes to each fold, in an order drawn from the hash
of the run's number. So folds differ in size by at most one row, do not depend on threads or on how a file is cut, and
are the same whenever the same rows are read.

>>> numbered(np.arange(6), 3).tolist()
[1, 2, 0, 1, 2, 0]
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from logloss.data.block import Block
from logloss.data.keys import values_of
from logloss.data.rows import Array
from logloss.data.values import Value
from logloss.onepass.kernels.hashing import GOLDEN, hashes_of, splitmix
from logloss.onepass.summaries.contract import BlockwiseSummary, mass_of, times_of
from logloss.text import count

# What a fold is made of.
OF_ROWS, OF_CLUSTERS, OF_COLUMN = "rows", "clusters", "column"
# Distinct keys that are kept; of more clusters, those whose hashes end in the same bits count as one.
MOST_KEYS = 1 << 20
# Most folds that a column may name.
MOST_FOLDS = 1_000


def numbered(rows: Array, n_folds: int) -> Array:
    """The fold of each row by its number, shape (n_rows,)."""
    runs, places = np.divmod(rows.astype(np.int64), n_folds)
    distinct, own = np.unique(runs, return_inverse=True)
    drawn = distinct[:, None].astype(np.uint64) * np.uint64(GOLDEN) + np.arange(1, n_folds + 1, dtype=np.uint64)
    # The fold of a place is the rank of its hash among those of its run.
    folds: Array = np.argsort(np.argsort(splitmix(drawn), axis=1), axis=1)[own, places]
    return folds


@dataclass(frozen=True, slots=True, eq=False)
class FoldRule:
    """The cell of each row, and the folds whose models each cell trains and tests.

    kind: what a cell is made of. train, test: shape (n_cells, n_folds), bool. keys: hashes of clusters or of values of
    a column, ascending, and the cell of each; None where cells are numbered by rows. mask: the bits of a hash that
    count.
    """

    kind: str
    train: Array
    test: Array
    keys: Array | None = None
    cell_of_key: Array | None = None
    mask: int = -1

    @property
    def n_folds(self) -> int:
        """How many folds there are."""
        return int(self.train.shape[1])

    def cells(self, block: Block) -> Array:
        """The cell of each row of a block."""
        if self.keys is None or self.cell_of_key is None:
            return numbered(row_numbers(block), self.n_folds)
        places = np.searchsorted(self.keys, keys_of(block, self.kind) & self.mask)
        cells: Array = self.cell_of_key[places]
        return cells


def row_numbers(block: Block) -> Array:
    """The number of each row in its place."""
    return block.first_row + (np.arange(block.n_rows) if block.rows is None else block.rows)


def keys_of(block: Block, kind: str) -> Array:
    """The hash of each row's cluster, or of its value in the column of folds."""
    return hashes_of(block.cluster if kind == OF_CLUSTERS else block.by)


@dataclass(frozen=True, slots=True, repr=False)
class FoldKeySummary(BlockwiseSummary):
    """Rows, weight and positive weight of each key by which rows go to folds, and the clusters that occur.

    kind, n_folds: as `FoldRule` has them; n_folds is used for folds of rows only. keys: ascending, shape (n_keys,);
    sums: [rows, weight, positive weight], shape (n_keys, 3). values: the value of each key of a column. clusters: their
    hashes, ascending. mask: the bits that count of both.
    """

    kind: str
    n_folds: int
    n_rows: int = 0
    coding: frozenset[Any] = frozenset()
    keys: Any = field(default_factory=lambda: np.zeros(0, np.int64))
    sums: Any = field(default_factory=lambda: np.zeros((0, 3)))
    values: tuple[tuple[int, Value], ...] = ()
    clusters: Any = field(default_factory=lambda: np.zeros(0, np.int64))
    mask: int = -1
    n_settings: ClassVar[int] = 2

    def of_block(self, block: Block) -> FoldKeySummary:
        """Of the rows of a block."""
        is_of_rows = self.kind == OF_ROWS
        keys = numbered(row_numbers(block), self.n_folds) if is_of_rows else keys_of(block, self.kind)
        mass = mass_of(block)
        times = np.ones(block.n_rows) if block.counts is None else block.counts
        distinct, first, places = np.unique(keys, return_index=True, return_inverse=True)
        parts = [np.bincount(places, part, len(distinct)) for part in (times, mass, mass * block.y_true)]
        values: tuple[tuple[int, Value], ...] = ()
        if self.kind == OF_COLUMN and len(distinct) <= MOST_FOLDS:
            codes, known = values_of(block.by[0])
            values = tuple((int(key), known[codes[i]]) for key, i in zip(distinct, first, strict=True))
        clusters = np.unique(hashes_of(block.cluster)) if block.cluster else np.zeros(0, np.int64)
        sums = np.column_stack(parts)
        summary = FoldKeySummary(
            self.kind, self.n_folds, times_of(block), block.coding, distinct, sums, values, clusters
        )
        return summary.within(self.mask)

    def merge(self, other: FoldKeySummary) -> FoldKeySummary:
        """Of the rows of both."""
        mask = self.mask & other.mask
        keys, sums = _added(np.concatenate([self.keys, other.keys]) & mask, np.concatenate([self.sums, other.sums]))
        summary = FoldKeySummary(
            self.kind,
            self.n_folds,
            self.n_rows + other.n_rows,
            self.coding | other.coding,
            keys,
            sums,
            tuple(sorted({**dict(self.values), **dict(other.values)}.items()))[: MOST_FOLDS + 1],
            np.unique(np.concatenate([self.clusters, other.clusters]) & mask),
            mask,
        )
        is_too_long = max(len(summary.keys), len(summary.clusters)) > MOST_KEYS
        return summary.within(MOST_KEYS - 1) if is_too_long else summary

    def within(self, mask: int) -> FoldKeySummary:
        """The same with fewer bits of each hash."""
        if mask == self.mask or (self.kind == OF_ROWS and not len(self.clusters)):
            return replace(self, mask=mask)
        keys, sums = _added(self.keys & mask, self.sums)
        return replace(self, keys=keys, sums=sums, clusters=np.unique(self.clusters & mask), mask=mask)

    def __repr__(self) -> str:
        return f"FoldKeySummary: n_rows={count(self.n_rows)}  n_keys={count(len(self.keys))}"


def _added(keys: Array, sums: Array) -> tuple[Array, Array]:
    """Distinct keys, ascending, and the sums of each."""
    distinct, places = np.unique(keys, return_inverse=True)
    total = np.zeros((len(distinct), sums.shape[1]))
    np.add.at(total, places, sums)
    return distinct, total
