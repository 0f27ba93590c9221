"""Which whole numbers a column holds, and whether they repeat, as measurements do, or never, as identifiers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logloss.data.rows import Array
from logloss.onepass.kernels.hashing import GOLDEN, splitmix

# Distinct values that are kept: all of them up to so many, then those whose hash is below ever lower limits.
MOST_KEPT = 4096
BITS = 64
# Values that are looked at first: most columns are neither whole numbers nor numbers of rows, and these tell.
FEW = 256
# Values of a block that are few enough to be sorted, and the level at which more of them are begun with.
SMALL, FIRST_LEVEL = 1 << 16, 5
# Independent draws would repeat as rarely as these values do with no greater probability.
RARE = 1e-4
# The share of the values that may repeat in a key.
MOST_REPEATED = 0.02


@dataclass(frozen=True, slots=True)
class DistinctValues:
    """Whole numbers and how often each occurs, of those whose hash has `level` leading zeros.

    is_whole: whether every value is a whole number; otherwise none is kept. The level is the least at which there are
    at most MOST_KEPT of them: a property of the set of values, whatever the order in which they came.
    """

    is_whole: bool
    level: int
    values: Array
    counts: Array

    @classmethod
    def of(cls, values: Array) -> DistinctValues:
        """Of some numbers, none of them NaN. Cost: one look where they are not whole, else a sort of what is kept."""
        nothing = np.zeros(0), np.zeros(0, np.int64)
        if not all(bool((part == np.floor(part)).all()) for part in (values[:FEW], values[FEW:])):
            return cls(False, 0, *nothing)
        values = values.astype(np.float64)
        if len(values) <= SMALL:
            return cls(True, 0, *np.unique(values + 0.0, return_counts=True)).lowered()
        low = float(values.min())
        if float(values.max()) - low < SMALL:
            each = np.bincount((values - low).astype(np.int64))
            found = np.flatnonzero(each)
            return cls(True, 0, found + low, each[found]).lowered()
        # Sorting all of them is expensive: begin with few, and take in more as long as there are not too many.
        hashes, level = hashes_of(values), FIRST_LEVEL
        kept = cls(True, level, *np.unique(values[is_low(hashes, level)] + 0.0, return_counts=True))
        while level and len(kept.values) <= MOST_KEPT:
            more = cls(True, level - 1, *np.unique(values[is_low(hashes, level - 1)] + 0.0, return_counts=True))
            if len(more.values) > MOST_KEPT:
                break
            kept, level = more, level - 1
        return kept.lowered()

    def lowered(self) -> DistinctValues:
        """With the least level at which there are few enough."""
        if len(self.values) <= MOST_KEPT:
            return self
        hashes = hashes_of(self.values)
        level = self.level
        while True:
            level += 1
            is_kept = is_low(hashes, level)
            if np.count_nonzero(is_kept) <= MOST_KEPT:
                return DistinctValues(True, level, self.values[is_kept], self.counts[is_kept])

    def at(self, level: int) -> DistinctValues:
        """With a level that is not below its own."""
        if level == self.level:
            return self
        is_kept = is_low(hashes_of(self.values), level)
        return DistinctValues(True, level, self.values[is_kept], self.counts[is_kept])

    def merge(self, other: DistinctValues | None) -> DistinctValues:
        """Of the values of both."""
        if other is None or not self.is_whole:
            return self
        if not other.is_whole:
            return other
        level = max(self.level, other.level)
        first, second = self.at(level), other.at(level)
        values, places = np.unique(np.concatenate([first.values, second.values]), return_inverse=True)
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, places, np.concatenate([first.counts, second.counts]))
        return DistinctValues(True, level, values, counts).lowered()

    def is_key(self, low: float, high: float) -> bool:
        """Whether these values, from low to high, are a key: they repeat too rarely for measurements.

        n independent draws from R whole numbers repeat least often where all R are equally likely (Wong & Yue 1973);
        then all differ with probability (1 − 1/R)(1 − 2/R)…, about exp(−n² / 2R). Amounts and times spread so far that
        they need not repeat are no key by this rule; row numbers, shuffled or sampled down to n² of about 20 R, are.

        References
        ----------
        Wong, C. K. & Yue, P. C. (1973). A majorization theorem for the number of distinct outcomes in N independent
        trials. Discrete Mathematics 6(4), 391-398. doi:10.1016/0012-365X(73)90070-6
        """
        n, n_repeated = int(self.counts.sum()), int(self.counts.sum()) - len(self.values)
        if not self.is_whole or n < 2 or n_repeated > MOST_REPEATED * n:
            return False
        # The kept values are a random one of every 2^level that there could be.
        n_possible = max((high - low + 1) / 2.0**self.level, float(len(self.values)))
        if not n_repeated:
            return float(np.log1p(-np.arange(n) / max(n_possible, n)).sum()) < math.log(RARE)
        expected = n - n_possible * -math.expm1(n * math.log1p(-1 / n_possible))
        # Chernoff's bound of the chance that so few repeat.
        return n_repeated < expected and n_repeated - expected + n_repeated * math.log(
            expected / n_repeated
        ) < math.log(RARE)


def is_low(hashes: Array, level: int) -> Array:
    """Which hashes have so many leading zeros."""
    return hashes >> np.uint64(BITS - level) == 0 if level else np.ones(len(hashes), dtype=bool)


def hashes_of(values: Array) -> Array:
    """A hash of each number: the last steps of SplitMix64 on its bits."""
    return splitmix((values + 0.0).view(np.uint64) + np.uint64(GOLDEN))
