"""What groups and scores say of a move: mix of groups and losses within them (Kitagawa), and how scores have moved.

With shares s and mean losses S of the groups, Σ Δ(s·S) = Σ Δs·S̄ + Σ s̄·ΔS, bars being means of old and new: exact.

Reference: Kitagawa (1955), doi:10.1080/01621459.1955.10501299.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.answers.estimate import Estimate, Z
from logloss.answers.small_table import SmallTable
from logloss.data.keys import REST, sorting
from logloss.data.values import Array
from logloss.inference.groups import GroupSums
from logloss.inference.moments import dot, squares_about
from logloss.inference.score_table import score_table_of
from logloss.measurement import Measurement
from logloss.onepass.kernels.exact import UNIT_EXPONENT, ratio

# The convention for the index, whose usual marks of 0.1 and 0.25 are for ten bins.
N_BINS = 10
# Half a row stands in each bin, so that an empty one has a logarithm.
HALF_A_ROW = 0.5


@dataclass(frozen=True, slots=True)
class Groups:
    """The move by groups: of the mix and within groups, and a table of them. within includes what is infinite."""

    mix: Estimate
    within: Estimate
    table: SmallTable


class _Side:
    """The groups of one measurement in the order of all names: shares, mean losses, and their squares and products."""

    def __init__(self, measured: Measurement, names: list[Any]) -> None:
        grouped = measured.summary.groups
        known: dict[Any, int] = {}
        if grouped is not None:
            known = {sorting(name): number for number, name in enumerate(grouped.names)}
        total = measured.summary.sum("w")
        self.n_rows = measured.n_rows
        self.share, self.loss, self.rows = np.zeros(len(names)), np.full(len(names), np.nan), [0] * len(names)
        # Σ w²(ℓ − S)², Σ w²(ℓ − S) and Σ w² of each group over the square of all weight.
        self.squares = np.zeros((3, len(names)))
        for place, name in enumerate(names):
            number = known.get(sorting(name))
            if number is None:
                continue
            sums = GroupSums(grouped, number, is_soft=measured.is_soft)  # type: ignore[arg-type]
            w, c, ww, cw = (sums.sum(key) for key in ("w", "c", "ww", "cw"))
            self.share[place], self.loss[place], self.rows[place] = ratio(w, total), ratio(c, w), sums.n_rows
            square = total * total
            self.squares[0, place] = ratio(squares_about(sums, c, w) << UNIT_EXPONENT, square * w * w)
            self.squares[1, place] = ratio((cw * w - c * ww) << UNIT_EXPONENT, square * w)
            self.squares[2, place] = ratio(ww << UNIT_EXPONENT, square)

    def variance(self, of_loss: Array, of_share: Array) -> float:
        """Of a function of shares and losses, given its derivatives in them."""
        held = self.share > 0
        with np.errstate(over="ignore", invalid="ignore"):
            alpha = np.divide(of_loss, self.share, out=np.zeros(len(held)), where=held)
            # Shares add up to 1: a derivative counts less its mean.
            beta = of_share - dot(self.share, of_share)
            terms = alpha**2 * self.squares[0] + 2 * alpha * beta * self.squares[1] + beta**2 * self.squares[2]
        return float(terms[held].sum()) * self.n_rows / max(self.n_rows - 1, 1)


def groups_of(old: Measurement, new: Measurement) -> Groups | None:
    """Mix and within, where both have the same groups."""
    mine, theirs = old.summary.groups, new.summary.groups
    if mine is None or theirs is None or (mine.columns, mine.only) != (theirs.columns, theirs.only):
        return None
    if mine.is_over or theirs.is_over:
        return None
    by_key = {sorting(name): name for name in (*mine.names, *theirs.names)}
    names = [by_key[key] for key in sorted(by_key)]
    before, after = _Side(old, names), _Side(new, names)
    # A group of one side only has moved in share, not in loss.
    was = np.where(np.isnan(before.loss), after.loss, before.loss)
    now = np.where(np.isnan(after.loss), before.loss, after.loss)
    moved, share = now - was, (before.share + after.share) / 2
    grown, loss = after.share - before.share, (was + now) / 2
    # Shares add up to 1: taking a constant from the losses changes no total, and each group's part then says something.
    middle = dot(share, loss)
    by_mix, by_loss = grown * (loss - middle), share * moved
    # Derivatives of Σ Δs·S̄ and Σ s̄·ΔS by the losses and shares of each side; the two sides are independent.
    of_mix = before.variance(grown / 2, -loss) + after.variance(grown / 2, loss)
    of_within = before.variance(-share, moved / 2) + after.variance(share, moved / 2)
    table: dict[str, list[Any]] = {}
    for j, column in enumerate(mine.columns):
        table[column] = [REST[0] if name == REST else name[j] for name in names]
    table |= {
        "rows_old": before.rows,
        "rows_new": after.rows,
        "share_old": before.share.tolist(),
        "share_new": after.share.tolist(),
        "log_loss_old_nats": before.loss.tolist(),
        "log_loss_new_nats": after.loss.tolist(),
        "mix_nats": by_mix.tolist(),
        "within_nats": by_loss.tolist(),
    }
    return Groups(_around(float(by_mix.sum()), of_mix), _around(float(by_loss.sum()), of_within), SmallTable(table))


def _around(value: float, variance: float) -> Estimate:
    if not math.isfinite(variance):
        return Estimate(value, reason="the losses are too large")
    width = Z * math.sqrt(max(variance, 0.0))
    return Estimate(value, value - width, value + width)


def psi_of(old: Measurement, new: Measurement) -> tuple[float, str]:
    """Population stability index of the scores, on ten bins with a tenth of the old rows each; why there is none."""
    mine, theirs = old.summary.scores, new.summary.scores
    if mine.scale != theirs.scale:
        return math.nan, "one holds probabilities, the other log-odds"
    if mine.is_binned or theirs.is_binned:
        mine, theirs = mine.binned(), theirs.binned()
    before, after = score_table_of(mine), score_table_of(theirs)
    mass = before.shares[0] + before.shares[1]
    below = np.concatenate([[0.0], np.cumsum(mass)])
    expected, actual = np.zeros(N_BINS), np.zeros(N_BINS)
    for table, into, n_rows in ((before, expected, old.n_rows), (after, actual, new.n_rows)):
        # A score lies where half of the old rows of that very score lie below it.
        first = np.searchsorted(before.keys, table.keys, "left")
        last = np.searchsorted(before.keys, table.keys, "right")
        place = (below[first] + below[last]) / 2
        bins = np.clip((place * N_BINS).astype(np.int64), 0, N_BINS - 1)
        np.add.at(into, bins, (table.shares[0] + table.shares[1]) * n_rows)
        into += HALF_A_ROW
        into /= into.sum()
    return float(((actual - expected) * np.log(actual / expected)).sum()), ""
