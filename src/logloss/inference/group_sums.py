"""The sums of a group or cluster, read by name."""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.exact import UNIT_EXPONENT, of_count
from logloss.onepass.summaries import GroupedSummary
from logloss.onepass.summaries.grouped import GENERAL_SUMS
from logloss.onepass.summaries.tables import SumTable

# Which hard sums make each sum of a group; "n" and "ones" stand for numbers of rows.
OF_HARD = {"c": 0, "cw": 0, "cww": 0, "cc": 1, "ccw": 1, "ccc": 2, "p": 3}
OF_COUNTS = {"w": 3, "ww": 3, "www": 3, "a": 4, "aw": 4, "aa": 4, "w_infinite": 5}


class GroupSums:
    """The sums of one group, in units of 2^-6720, under the names of `onepass.summaries.loss`."""

    def __init__(self, grouped: GroupedSummary, number: int, *, is_soft: bool) -> None:

        totals = grouped.totals.counts[np.searchsorted(grouped.totals.keys, number)].tolist()
        self.n_rows, self.n_ones, self.n_infinite = totals[:3]
        self.is_soft = is_soft
        self._totals = totals
        self._hard = sums_of_key(grouped.sums, number)
        self._general = dict(zip(GENERAL_SUMS, sums_of_key(grouped.general, number), strict=True))

    def sum(self, name: str) -> int:
        """One of the sums."""
        total = self._general.get(name, 0)
        if name in OF_HARD:
            total += self._hard[OF_HARD[name]]
        return total + (of_count(self._totals[OF_COUNTS[name]]) if name in OF_COUNTS else 0)


def sums_of_key(table: SumTable, number: int) -> list[int]:
    """The sums of one key as integers in units of 2^-6720."""
    at = int(np.searchsorted(table.keys, number))
    if at == len(table.keys) or table.keys[at] != number:
        return [0] * table.lanes.shape[0]
    # Lanes are 32 bits apart, from 2^(32·first) up (onepass/summaries/tables.py).
    shift = 32 * table.first + UNIT_EXPONENT
    lanes = table.lanes[:, :, at].tolist()
    return [sum(lane << (32 * j) for j, lane in enumerate(column)) << shift for column in lanes]
