"""What groups, clusters and periods are known by, how many are kept, and what becomes of them when there are more.

    GROUP    typed values of the columns: up to MOST_GROUPS; beyond, none
    CLUSTER  the hash of such values: up to MOST_GROUPS; beyond, as many buckets of whole clusters
    PERIOD   a value of `order`, number or text: up to MOST_PERIOD_SUMS sums; beyond, periods of length 2^k with the
             least whole k that is enough, or texts cut to as many first letters as can be kept apart

A level says how coarse keys are, the greater the coarser; None: each value is one. Every step to a coarser level is
lawful: what has triggered it stays true of every larger set of rows, and coarse keys are unions of fine ones.

>>> names_at(PERIOD, [1.0, 3.5, 4.0], 1), names_at(PERIOD, ["2024-01-31", "2024-02-01"], -7)
([0.0, 2.0, 4.0], ['2024-01', '2024-02'])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.keys import GroupKey, Keys, sorting
from logloss.data.rows import Column
from logloss.errors import DataError
from logloss.onepass.kernels.hashing import hashes_of
from logloss.onepass.kernels.score_keys import NO_KEY
from logloss.onepass.summaries.tables import Floats, Ints, Numbering, Slots
from logloss.text import listed

GROUP, CLUSTER, PERIOD = "group", "cluster", "period"
# The number of the group takes the low bits of a cell's key.
GROUP_BITS = 12
MOST_GROUPS = 1 << GROUP_BITS
# Sums of all periods together, so that the size does not grow with the number of forecasts.
MOST_PERIOD_SUMS = 1 << 18
# The bits of a hash that its bucket does not depend on.
BUCKET_SHIFT = 52
# The one level at which groups, and clusters, are too many: nothing is kept, or buckets.
OVER = {GROUP: 0, CLUSTER: BUCKET_SHIFT}
# No period is shorter than the least float, none longer than the greatest: every float is its own, or all are one.
EVERY_FLOAT, ALL_FLOATS = -1075, 1024
# From here on a float is a multiple of the unit.
WHOLE = 2.0**53


def orders_of(kind: str, names: Sequence[Any]) -> Sequence[Any]:
    """What tells names apart and orders them: Python takes True for 1, a group does not."""
    return [sorting(name) for name in names] if kind == GROUP else names


def ordered(kind: str, names: Sequence[Any]) -> tuple[Any, ...]:
    """The distinct names, in their order."""
    distinct = dict(zip(orders_of(kind, names), names, strict=True))
    return tuple(distinct[key] for key in sorted(distinct))


def limit_of(kind: str, n_sums: int) -> int:
    """How many keys are kept, each with so many sums."""
    return MOST_PERIOD_SUMS // n_sums if kind == PERIOD else MOST_GROUPS


def coarser(a: int | None, b: int | None) -> int | None:
    """The coarser of two levels."""
    if a is None or b is None:
        return b if a is None else a
    return max(a, b)


def finest(fails: int, fits: int, is_enough: Callable[[int], bool]) -> int:
    """The last level, from `fits` towards `fails`, that is still enough: bisection, since coarser ones are, too."""
    while abs(fits - fails) > 1:
        middle = (fits + fails) // 2
        fits, fails = (middle, fails) if is_enough(middle) else (fits, middle)
    return fits


def names_at(kind: str, names: Sequence[Any], level: int | None) -> Sequence[Any]:
    """The name at a level of what has each name; of clusters and periods."""
    if level is None or len(names) == 0:
        return names
    if kind == CLUSTER:
        return [(name >> level) & (MOST_GROUPS - 1) for name in names]
    if is_text(names):
        return [name[:-level] for name in names]
    begins: list[float] = period_begins(np.asarray(names, np.float64), level).tolist()
    return begins


def is_text(names: Sequence[Any]) -> bool:
    """Whether periods are known by text: they are of one kind."""
    return len(names) > 0 and isinstance(names[0], str)


def period_begins(values: Floats, level: int | None) -> Floats:
    """Where the period of length 2^level begins that holds each value; 0.0 for −0.0."""
    if level is None:
        return values + 0.0
    scaled = np.ldexp(values, -level)
    is_fine = np.abs(scaled) < WHOLE
    return np.where(is_fine, np.ldexp(np.floor(np.where(is_fine, scaled, 0.0)), level), values) + 0.0


def level_for(kind: str, names: Sequence[Any], level: int | None, limit: int) -> int | None:
    """The finest level, not finer than the present one, at which at most so many are left of these."""
    if kind in OVER:
        return OVER[kind]
    if len(set(names_at(kind, names, level))) <= limit:
        return level
    if is_text(names):
        most = max(map(len, names)) if level is None else -level
        return finest(-most, 0, lambda level: len({name[:-level] for name in names}) <= limit)
    values = np.unique(np.asarray(names, np.float64))
    fails = EVERY_FLOAT if level is None else level
    return finest(fails, ALL_FLOATS, lambda level: len(np.unique(period_begins(values, level))) <= limit)


def mixed_order(column: str) -> str:
    """The message about periods that are partly numbers."""
    return f'`order` must hold numbers, or text such as dates, in every row; "{column}" holds both.'


class GroupNumbers:
    """Groups by their values; of one column of numbers, values that were seen before by their bits."""

    def __init__(self, columns: Sequence[str], only: Sequence[GroupKey] | None) -> None:
        self._keys = Keys(len(columns), MOST_GROUPS, only)
        self.names = self._keys.names
        # The numbers seen, of one kind of type, and the group of each.
        self._seen, self._kind = Numbering(MOST_GROUPS), ""
        self._groups, self._are_places = np.zeros(0, np.int32), True

    @property
    def n_known(self) -> int:
        """How many have turned up."""
        return self._keys.n_known

    def numbers_of(self, block: Block, hashes: Ints | None = None) -> Slots | None:
        """The number of each row's group; None if there are too many."""
        words = words_of(block.by[0]) if len(block.by) == 1 else None
        kind = block.by[0].values.dtype.kind
        if words is None or self._kind not in ("", kind):
            return self._keys.numbers_of(block.by)
        places, n_done = self._seen.numbers_of(words)
        n_seen = len(self._groups)
        if self._seen.n_known > n_seen:
            self._kind = kind
            # Of the values that are new, one row each.
            first = np.empty(self._seen.n_known, np.int64)
            first[places[:n_done][::-1]] = np.arange(n_done)[::-1]
            groups = self._keys.numbers_of([block.by[0].taken(first[n_seen:])])
            if groups is None:
                return None
            self._groups = np.concatenate([self._groups, groups])
            self._are_places = np.array_equal(self._groups, np.arange(len(self._groups)))
        if n_done < len(words):
            return self._keys.numbers_of(block.by)
        return places if self._are_places else self._groups[places]


def words_of(column: Column) -> Ints | None:
    """Numbers as words of 64 bits that tell them apart; None of others, and where some are missing."""
    values = column.values
    if column.categories is not None or column.missing is not None or values.dtype.kind not in "iuf":
        return None
    if values.dtype.kind == "f":
        # Adding 0.0 makes −0.0 the same as 0.
        words = (values.astype(np.float64) + 0.0).view(np.int64)
        return None if np.isnan(values).any() else words
    words = values.astype(np.int64, copy=False)
    # NO_KEY is the least word there is.
    return None if values.dtype.itemsize == 8 and words.min(initial=0) == NO_KEY else words


class ClusterNumbers:
    """Clusters by their hashes, or buckets."""

    def __init__(self, level: int | None, names: Sequence[Any]) -> None:
        self._level = level
        self._numbering = Numbering(MOST_GROUPS)
        self._numbering.numbers_of(np.array(names, np.int64))

    @property
    def n_known(self) -> int:
        """How many have turned up."""
        return self._numbering.n_known

    def names(self) -> list[int]:
        """Hashes, or numbers of buckets."""
        found: list[int] = self._numbering.keys().tolist()
        return found

    def numbers_of(self, block: Block, hashes: Ints | None = None) -> Slots | None:
        """The number of each row's cluster; None if there are too many. hashes: of the clusters, where known."""
        keys = hashes_of(block.cluster) if hashes is None else hashes
        if self._level is not None:
            keys = (keys >> self._level) & (MOST_GROUPS - 1)
        numbers, n_done = self._numbering.numbers_of(keys)
        return numbers if n_done == len(keys) else None


class PeriodNumbers:
    """Periods by where they begin, or by their first letters."""

    def __init__(self, columns: Sequence[str], limit: int, level: int | None, names: Sequence[Any]) -> None:
        self._columns, self._limit, self._level = columns, limit, level
        # Numbers are compared by their bits. Of the two tables one stays empty.
        self._begins, self._texts = Numbering(limit), dict[str, int]()
        if is_text(names):
            self._texts = {name: number for number, name in enumerate(names)}
        else:
            self._begins.numbers_of(np.array(names, np.float64).view(np.int64))

    @property
    def n_known(self) -> int:
        """How many have turned up."""
        return len(self._texts) or self._begins.n_known

    def names(self) -> list[Any]:
        """Numbers, or texts."""
        return list(self._texts) or self._begins.keys().view(np.float64).tolist()

    def numbers_of(self, block: Block, hashes: Ints | None = None) -> Slots | None:
        """The number of each row's period; None if there are too many."""
        column = self._checked(block)
        if column.categories is None:
            begins = period_begins(column.values.astype(np.float64), self._level)
            numbers, n_done = self._begins.numbers_of(begins.view(np.int64))
            return numbers if n_done == len(begins) else None
        used, names = self._texts_in(column)
        if len(self._texts) + len(set(names) - self._texts.keys()) > self._limit:
            return None
        numbers = np.zeros(len(column.categories), np.int64)
        numbers[used] = [self._texts.setdefault(name, len(self._texts)) for name in names]
        return numbers[column.values]

    def level_with(self, block: Block) -> int | None:
        """The finest at which there are few enough, with those of a block that are too many at this one."""
        column = self._checked(block)
        more = np.unique(column.values.astype(np.float64)) if column.categories is None else self._texts_in(column)[1]
        return level_for(PERIOD, [*self.names(), *more], self._level, self._limit)

    def _texts_in(self, column: Column) -> tuple[Ints, Sequence[str]]:
        """(Which categories stand in a column of text, their names at this level)."""
        used = np.flatnonzero(np.bincount(column.values, minlength=len(column.categories or ())))
        return used, names_at(PERIOD, [str((column.categories or ())[k]) for k in used], self._level)

    def _checked(self, block: Block) -> Column:
        """The column of the periods, of the kind of those before."""
        column = block.order
        if column is None:
            raise DataError("`order` is needed to tell periods.")
        if self._begins.n_known if column.categories is not None else self._texts:
            raise DataError(mixed_order(listed(self._columns)))
        return column


KeyNumbers = GroupNumbers | ClusterNumbers | PeriodNumbers
