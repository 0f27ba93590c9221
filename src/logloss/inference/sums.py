"""Every sum of a summary, wherever it is kept: row by row, or in the table of labels by score."""

from __future__ import annotations

import functools
from operator import or_

import numpy as np

from logloss.data.values import Array
from logloss.inference.score_table import ScoreTable
from logloss.onepass.kernels import counted_losses, exact
from logloss.onepass.summaries import LossSummary
from logloss.onepass.summaries.loss import HARD_LIMBS, SUMS

# A row costs 8 ns, a place whose rows are counted 400.
MOST_REPEATED = 32


class AllSums:
    """Every sum of a summary: those of rows with hard labels and no weights come from the table of labels by score."""

    def __init__(self, summary: LossSummary, table: ScoreTable) -> None:
        self.n_rows, self.n_positive = summary.n_rows, summary.n_positive
        self.n_infinite, self.is_soft = summary.n_infinite, summary.is_soft
        sums = dict(zip(SUMS, summary.general, strict=True))
        if summary.n_hard[0]:
            for name, more in _sums_of_counts(table).items():
                sums[name] += more
        # These are kept row by row, also where scores are in bins (docs/decisions/0009-means-and-errors.md).
        sums |= {name: summary.sum(name) for name in ("w", "a", "c", "p", "b", "w_infinite")}
        self._sums, self.unit_exponent = in_largest_unit(sums)

    def sum(self, name: str) -> int:
        """One of the sums, in units of 2^-unit_exponent."""
        return self._sums[name]


def in_largest_unit(sums: dict[str, int]) -> tuple[dict[str, int], int]:
    """Sums in units of 2^-6720 in the largest unit of which all are multiples, at most 1, and its exponent: products of
    them are then short."""
    bits = functools.reduce(or_, sums.values())
    shift = min((bits & -bits).bit_length() - 1, exact.UNIT_EXPONENT) if bits else 0
    return {name: value >> shift for name, value in sums.items()}, exact.UNIT_EXPONENT - shift


def _sums_of_counts(table: ScoreTable) -> dict[str, int]:
    """The sums of counted rows: the far side of ½ is summed as its mirror image, where its digits are."""
    points = (table.of_zeros, table.of_ones)
    totals = dict.fromkeys(SUMS, 0)
    # Logits have their digits on both sides.
    for side in (None,) if points[0].is_far is None else (False, True):
        held = [
            np.flatnonzero(rows if side is None else rows * (each.is_far == side))
            for rows, each in zip(table.counts.T, points, strict=True)
        ]
        values = np.concatenate([each.values[places] for each, places in zip(points, held, strict=True)])
        labels = np.repeat(np.array([0, 1], np.uint8), [len(places) for places in held])
        if len(values):
            times = np.concatenate([rows[places] for rows, places in zip(table.counts.T, held, strict=True)])
            for name, more in _sums_of_side(values, labels, times, side).items():
                totals[name] += more
    n_zeros, n_ones = (exact.of_count(number) for number in table.counts.sum(axis=0).tolist())
    return totals | {"ww": n_zeros + n_ones, "www": n_zeros + n_ones, "aw": n_ones, "aa": n_ones}


def _sums_of_side(values: Array, labels: Array, times: Array, is_mirrored: bool | None) -> dict[str, int]:
    """The sums of rows that stand so many times; is_mirrored: whether values are P(0), not P(1); None: logits."""
    counts: Array | None = times
    if times.sum() <= MOST_REPEATED * len(times):
        values, labels, counts = np.repeat(values, times), np.repeat(labels, times), None
    limbs, tally = exact.new_limbs(12), np.array([0, 0, 0, -1])
    logits = values if is_mirrored is None else None
    counted_losses.hard_sums(labels ^ bool(is_mirrored), values, None, logits, counts, limbs, tally)
    of_limbs = exact.as_integers(limbs)
    sums = {name: sum(of_limbs[k] for k in limbs_of) for name, limbs_of in HARD_LIMBS.items()}
    if is_mirrored:
        # The labels were turned round.
        sums["ca"] = sums["c"] - sums["ca"]
    return sums
