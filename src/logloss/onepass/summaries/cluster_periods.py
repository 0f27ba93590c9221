"""Whether each cluster lies in one period, which a sequence over periods relies on.

Of each cluster, known by the hash of its key, the least and the greatest key of its periods are kept: they are equal
where it lies in one. Periods are those of `order` itself, also where sums are kept of longer ones: that a cluster lies
in a longer period says nothing of the shorter ones. Beyond MOST_CLUSTERS clusters nothing is kept and nothing known,
whatever was seen before: else the answer would depend on which rows came first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from logloss.data.rows import Column
from logloss.onepass.kernels.hashing import hashes_of
from logloss.onepass.summaries.tables import Ints, Numbering

# 24 bytes each: 3 MB.
MOST_CLUSTERS = 1 << 17
# No key is beyond them: what the least and the greatest of none begin with.
LOWEST, HIGHEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def no_keys() -> Ints:
    """None."""
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class ClusterPeriods:
    """The least and the greatest key of the periods of each cluster: hashes in ascending order, arrays (k,).

    is_over: whether there were too many clusters, of which nothing is kept.
    """

    clusters: Ints = field(default_factory=no_keys)
    least: Ints = field(default_factory=no_keys)
    greatest: Ints = field(default_factory=no_keys)
    is_over: bool = False

    @classmethod
    def of(cls, clusters: Ints, least: Ints, greatest: Ints) -> ClusterPeriods:
        """Of clusters in any order, some of them more than once."""
        distinct, places = np.unique(clusters, return_inverse=True)
        if len(distinct) > MOST_CLUSTERS:
            return cls(is_over=True)
        lows, highs = np.full(len(distinct), HIGHEST), np.full(len(distinct), LOWEST)
        np.minimum.at(lows, places, least)
        np.maximum.at(highs, places, greatest)
        return cls(distinct, lows, highs)

    @property
    def are_single(self) -> bool | None:
        """Whether each cluster lies in one period; None where it is not known."""
        return None if self.is_over else bool(np.array_equal(self.least, self.greatest))

    def merge(self, other: ClusterPeriods) -> ClusterPeriods:
        """Of the rows of both."""
        if self.is_over or other.is_over:
            return ClusterPeriods(is_over=True)
        columns = zip(self._columns, other._columns, strict=True)
        return ClusterPeriods.of(*(np.concatenate(pair) for pair in columns))

    @property
    def _columns(self) -> tuple[Ints, Ints, Ints]:
        return self.clusters, self.least, self.greatest

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ClusterPeriods)
            and self.is_over == other.is_over
            and all(np.array_equal(*pair) for pair in zip(self._columns, other._columns, strict=True))
        )

    def __hash__(self) -> int:
        return hash((self.is_over, *(column.tobytes() for column in self._columns)))


class ClusterPeriodsWorkspace:
    """Clusters numbered as they turn up, until there are too many."""

    def __init__(self) -> None:
        self._numbering: Numbering | None = Numbering(MOST_CLUSTERS)
        self._least, self._greatest = no_keys(), no_keys()

    def add(self, clusters: Ints, order: Column) -> None:
        """Take in rows: the hashes of their clusters, and their place in the order."""
        if self._numbering is None:
            return
        numbers, n_done = self._numbering.numbers_of(clusters)
        if n_done < len(clusters):
            self._numbering = None
            return
        keys = period_keys(order)
        n_more = max(0, self._numbering.n_known - len(self._least))
        self._least = np.concatenate([self._least, np.full(n_more, HIGHEST)])
        self._greatest = np.concatenate([self._greatest, np.full(n_more, LOWEST)])
        np.minimum.at(self._least, numbers, keys)
        np.maximum.at(self._greatest, numbers, keys)

    def freeze(self) -> ClusterPeriods:
        """Of the rows that were added."""
        if self._numbering is None:
            return ClusterPeriods(is_over=True)
        return ClusterPeriods.of(self._numbering.keys(), self._least, self._greatest)


def period_keys(order: Column) -> Ints:
    """What tells periods apart: the bits of a number (0 for −0), the hash of a text."""
    if order.categories is not None:
        return hashes_of((order,))
    return (order.values.astype(np.float64) + 0.0).view(np.int64)
