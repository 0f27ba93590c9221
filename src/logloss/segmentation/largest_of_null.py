"""The null distribution of the largest |z| of a family of segments, by a multiplier bootstrap of buckets of rows.

Each bucket of rows (of clusters) has a standard normal multiplier. Given the rows, the weighted sum over buckets of a
segment, divided by its norm, is standard normal, and sums of segments that share rows are correlated as their scores
are (Chernozhukov, Chetverikov and Kato 2013, doi:10.1214/13-AOS1161). Without clusters what is summed is the standard
deviation of each row's score with a random sign, so that no label has a part in it; with clusters their scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logloss.data.rows import Array

N_DRAWS, SEED = 2_000, 20_240_131
# Sums over few rows are not quite as dependent as normal variables with their correlations: where predictions are near
# 0 and 1, 5.8% of searches named a segment at the level of 5% (benchmarks/segment_search.py).
MARGIN = 1.25
# Segments whose draws are computed together.
AT_ONCE = 4_096


@dataclass(frozen=True, eq=False)
class LargestOfNull:
    """The largest |z| of all segments in each draw, ascending."""

    n_segments: int
    draws: Array

    @classmethod
    def of(cls, directions: Array, n_draws: int = N_DRAWS) -> LargestOfNull:
        """Of scores by bucket, divided by their norms, (n_segments, n_buckets)."""
        random = np.random.default_rng(SEED)
        multipliers = random.standard_normal((directions.shape[1], n_draws), np.float32)
        largest = np.zeros(n_draws, np.float32)
        for start in range(0, len(directions), AT_ONCE):
            own = directions[start : start + AT_ONCE] @ multipliers
            np.maximum(largest, own.max(axis=0), out=largest)
            np.maximum(largest, -own.min(axis=0), out=largest)
        return cls(len(directions), np.sort(largest.astype(np.float64)))

    def critical(self, level: float = 0.95) -> float:
        """What the largest |z| exceeds with probability 1 − level at most where all forecasts are right."""
        level = 1 - (1 - level) / MARGIN
        return float(self.draws[min(math.ceil(level * (len(self.draws) + 1)) - 1, len(self.draws) - 1)])

    def p_value(self, z: float) -> float:
        """The probability that the largest |z| is at least so large: of the draws, and by Bonferroni's bound beyond."""
        n_larger = len(self.draws) - int(np.searchsorted(self.draws, abs(z)))
        bound = self.n_segments * math.erfc(abs(z) / math.sqrt(2))
        return min(MARGIN * (n_larger + 1) / (len(self.draws) + 1), bound, 1.0)
