"""The inductive Venn–Abers predictor: a pair of probabilities for each score, from two isotonic fits.

p0 and p1 are what isotonic regression makes of a new score if its label is 0, and if it is 1. If the new row and the
rows of the table are exchangeable, the one of the two that belongs to its label is perfectly calibrated, whatever the
scores are (Vovk, Petej and Fedorova 2015, arXiv:1511.00213, theorem 1). As functions of the score both are steps: here
they are computed once, at each score and between each two.

>>> import logloss
>>> from logloss.inference.score_table import score_table_of
>>> m = logloss.measure([0, 1, 0, 1] * 5, [0.2, 0.4, 0.6, 0.8] * 5)
>>> pair = VennAbers.of(score_table_of(m.summary.scores))
>>> [each.round(3).tolist() for each in pair.at(np.array([0.0, 5.0]))]
[[0.455, 0.833], [0.545, 1.0]]
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from logloss.answers.estimate import logit
from logloss.data.values import Array
from logloss.inference.score_table import ScoreTable, edges_of, starts_of_runs
from logloss.onepass.summaries.scores import LOGIT

# Log-odds that are nearer to each other than this part of them are one score: they may be of two ways of computing.
SAME_SCORE = 1e-12
# Runs of neighbouring scores take the place of more, about as many: 0.1 s.
MOST_SCORES = 1 << 13


@dataclass(frozen=True, slots=True)
class VennAbers:
    """p0 and p1 by log-odds: the first of each below the first edge, each next one from its edge on; shapes (n + 1,),
    (n + 1,) and (n,)."""

    edges: tuple[float, ...]
    p0: tuple[float, ...]
    p1: tuple[float, ...]

    @classmethod
    def of(cls, table: ScoreTable) -> VennAbers:
        """Of the labels of a table. Cost: some ms; beyond 8,192 scores neighbouring ones count as one."""
        zeros, ones = table.shares
        low, high = _ends(table)
        starts = np.arange(len(low))
        if len(low) > MOST_SCORES:
            starts = starts_of_runs(zeros + ones, MOST_SCORES)
        low, high = low[starts], high[np.append(starts[1:], len(high)) - 1]
        rows, ones = np.add.reduceat(zeros + ones, starts), np.add.reduceat(ones, starts)
        # A new row is one of as many as there are effective ones.
        unit = float(table.squares_of_rows.sum())
        p0, p1 = (with_new_label(ones, rows, unit, label) for label in (0, 1))
        edges = np.stack([_moved(low, -1.0), _moved(high, 1.0)], axis=1).reshape(-1)
        # Of two scores that are nearly one the second begins where the first ends.
        edges = np.maximum.accumulate(edges)
        # Above a score of 1, whose log-odds are infinite, there is none.
        is_new = ((np.diff(p0) != 0) | (np.diff(p1) != 0)) & (edges < np.inf)
        first = np.concatenate([[True], is_new])
        return cls(tuple(edges[is_new].tolist()), tuple(p0[first].tolist()), tuple(p1[first].tolist()))

    def at(self, log_odds: Array) -> tuple[Array, Array]:
        """(p0, p1) at log-odds, each in [0, 1], p0 < p1; NaN at NaN."""
        place = np.searchsorted(np.array(self.edges), log_odds, "right")
        is_nan = np.isnan(log_odds)
        p0, p1 = (np.where(is_nan, np.nan, np.array(each)[place]) for each in (self.p0, self.p1))
        return p0, p1


def merged(p0: Array, p1: Array) -> Array:
    """The one probability of a pair whose log loss is least in the worse case: p1 / (1 − p0 + p1) (section 4)."""
    return np.asarray(p1 / (1 - p0 + p1))


def _ends(table: ScoreTable) -> tuple[Array, Array]:
    """The least and the greatest log-odds of the rows of each place."""
    if table.is_exact:
        log_one, log_zero = table.points.logs
        return log_one + log_zero, log_one + log_zero
    found = edges_of(table.scale, table.keys, is_binned=True)
    with np.errstate(divide="ignore"):
        low, high = (found[end] if table.scale == LOGIT else logit(found[end]) for end in ("lower", "upper"))
    return low, high


def _moved(edges: Array, sign: float) -> Array:
    """Edges moved down, or up, by less than any two scores differ."""
    finite = np.where(np.isfinite(edges), edges, 0.0)
    moved = edges + sign * SAME_SCORE * np.maximum(np.abs(finite), 1.0)
    return np.where(np.isfinite(edges), moved, np.nextafter(edges, sign * np.inf))


@dataclass(frozen=True)
class _Pools:
    """The last pool of the isotonic fit to the first scores, for each number of them: where it begins, ones, rows."""

    first: Array
    ones: Array
    rows: Array

    @classmethod
    def of(cls, ones: Array, rows: Array) -> _Pools:
        """By pooling adjacent violators, one score more at a time."""
        stack: list[tuple[int, float, float]] = []
        found = []
        for place, (one, row) in enumerate(zip(ones.tolist(), rows.tolist(), strict=True)):
            first = place
            while stack and stack[-1][1] * row >= one * stack[-1][2]:
                first, more, of_more = stack.pop()
                one, row = one + more, row + of_more
            stack.append((first, one, row))
            found.append(stack[-1])
        columns = (np.array(column) for column in zip(*found, strict=True))
        return cls(*columns)

    @classmethod
    def of_last(cls, ones: Array, rows: Array) -> _Pools:
        """The first pool of the fit to the scores from each on: where it ends. Zeros, from above, are as ones."""
        pools = cls.of((rows - ones)[::-1], rows[::-1])
        last, zeros, mass = (column[::-1] for column in (pools.first, pools.ones, pools.rows))
        return replace(pools, first=len(rows) - 1 - last, ones=mass - zeros, rows=mass)


def with_new_label(ones: Array, rows: Array, unit: float, label: int) -> Array:
    """The isotonic fit, at a new score, to the labels of k scores and to one more with this label there.

    Shape (2k + 1,): below the first score, at it, between it and the second, …. The pools to the left and to the right
    of the new score are those of fits without it; they join its own pool until the fit ascends.
    """
    k = len(ones)
    below, above = _Pools.of(ones, rows), _Pools.of_last(ones, rows)
    place = np.arange(2 * k + 1)
    is_at, score = place % 2 == 1, place // 2
    own, mass = np.full(len(place), unit * label), np.full(len(place), unit)
    own[is_at] += ones
    mass[is_at] += rows
    left, right = score - 1, score + is_at
    # Those whose pool may still grow.
    open_at = place
    while len(open_at):
        one, row = own[open_at], mass[open_at]
        before, after = np.maximum(left[open_at], 0), np.minimum(right[open_at], k - 1)
        joins = (left[open_at] >= 0) & (below.ones[before] * row >= one * below.rows[before])
        joins_after = ~joins & (right[open_at] < k) & (one * above.rows[after] >= above.ones[after] * row)
        own[open_at] = one + np.where(joins, below.ones[before], 0) + np.where(joins_after, above.ones[after], 0)
        mass[open_at] = row + np.where(joins, below.rows[before], 0) + np.where(joins_after, above.rows[after], 0)
        left[open_at] = np.where(joins, below.first[before] - 1, left[open_at])
        right[open_at] = np.where(joins_after, above.first[after] + 1, right[open_at])
        open_at = open_at[joins | joins_after]
    return np.asarray(own / mass)
