"""Runs of neighbouring places, with the labels of some folds: what calibrators are judged on.

A summary has no rows, but rows of one label at one place are equal: to draw folds of rows is to split their numbers.
Where clusters are kept, whole clusters are drawn.

>>> import numpy as np, logloss
>>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
>>> units = units_of(m.summary)
>>> units.n_units, folds_of(units, m.summary, 2, np.random.default_rng(1)).shape
(4, (2, 2, 4))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.inference.chance import runs
from logloss.inference.logistic_line import Cells, is_open
from logloss.inference.score_table import Spread, spread_of

if TYPE_CHECKING:
    from logloss.onepass.summaries import LossSummary

# Places of more are put together: the loss of a smooth map changes by less than a millionth.
MOST_UNITS = 1 << 11


@dataclass(frozen=True)
class Units:
    """Runs of places in ascending order of the score.

    masses: of 0 and of 1 in each, shape (2, n), as shares of all mass; soft: of them those of places where rows have a
    part in both labels. log_one, log_zero: log p and −log(1 − p) on average, of the rows of each label, shape (2, n);
    where p is 0 or 1 they are infinite. rows: how many rows with the same weight would have such a mass and variance:
    of 0, of 1, and of soft ones, shape (3, n). squares: sums of the squares of the masses of rows, shape (2, n).
    unit_of: the unit of each place of the spread.
    """

    spread: Spread
    unit_of: Any
    masses: Any
    soft: Any
    log_one: Any
    log_zero: Any
    rows: Any
    squares: Any
    n_effective: float

    @property
    def n_units(self) -> int:
        """How many there are."""
        return int(self.masses.shape[1])

    @property
    def inside(self) -> Any:
        """Whether p is neither 0 nor 1."""
        return is_open(self.log_one[0], self.log_zero[0])

    @property
    def logit(self) -> Any:
        """The log-odds of p on average, of the rows of both labels."""
        logit = self.log_one + self.log_zero
        total = self.masses.sum(axis=0)
        mean = (self.masses * np.where(self.inside, logit, 0.0)).sum(axis=0)
        # A mean of equal numbers is that number, whatever is rounded; of masses that leave the floats there is none.
        is_mean = self.inside & (logit[0] != logit[1]) & (total > 0)
        return np.divide(mean, total, out=logit[0].copy(), where=is_mean)

    def cells(self, masses: Any) -> Cells:
        """The units where p is neither 0 nor 1, with these masses, as cells of a fit."""
        inside = self.inside
        if np.array_equal(self.log_one[0], self.log_one[1]):
            return Cells(self.log_one[0, inside], self.log_zero[0, inside], masses[0, inside], masses[1, inside])
        kept = masses[:, inside]
        none = np.zeros(kept.shape[1])
        log_one, log_zero = (np.concatenate(list(each[:, inside])) for each in (self.log_one, self.log_zero))
        return Cells(log_one, log_zero, np.concatenate([kept[0], none]), np.concatenate([none, kept[1]]))

    def at_places(self, values: Any) -> Any:
        """A value of each unit at each place of the spread."""
        return values[self.unit_of]


def units_of(summary: LossSummary) -> Units:
    """The units of a summary: runs of places of about equal mass."""
    spread = spread_of(summary.scores)
    zeros, ones = spread.shares
    mass = zeros + ones
    log_one = np.stack([-side.costs(1) for side in (spread.of_zeros, spread.of_ones)])
    log_zero = np.stack([side.costs(0) for side in (spread.of_zeros, spread.of_ones)])
    inside = is_open(log_one[0], log_zero[0])
    is_first = np.ones(len(mass), bool)
    if len(mass) > MOST_UNITS:
        is_first[:] = False
        is_first[runs(mass, MOST_UNITS)] = True
        # p = 0 and p = 1 are units of their own.
        is_first |= np.diff(inside, prepend=inside[:1])
    edge = np.flatnonzero(is_first)
    unit_of = np.repeat(np.arange(len(edge)), np.diff(edge, append=len(mass)))
    of_zeros, of_both, of_ones = spread.squares
    is_hard = of_both == 0
    every = of_zeros + 2 * of_both + of_ones
    masses, soft = (
        np.stack([np.add.reduceat(np.where(which, each, 0.0), edge) for each in (zeros, ones)])
        for which in (True, ~is_hard)
    )
    squares = [np.where(is_hard, of_zeros, 0.0), np.where(is_hard, of_ones, 0.0), np.where(is_hard, 0.0, every)]
    sums = [*(masses - soft), soft.sum(axis=0)]
    return Units(
        spread,
        unit_of,
        masses,
        soft,
        _means(log_one, (zeros, ones), edge),
        _means(log_zero, (zeros, ones), edge),
        np.stack([_rows(mass, np.add.reduceat(each, edge)) for mass, each in zip(sums, squares, strict=True)]),
        np.stack([np.add.reduceat(each, edge) for each in (of_zeros + of_both, of_both + of_ones)]),
        1.0 / float(every.sum()),
    )


def _rows(mass: Any, square: Any) -> Any:
    """How many rows of one weight have this mass together, and this sum of squares."""
    found = np.divide(mass**2, square, out=np.zeros(len(mass)), where=square > 0)
    return np.maximum(np.rint(found), mass > 0).astype(np.int64)


def _means(values: Any, masses: tuple[Any, Any], edge: Any) -> Any:
    """Means of the places of each unit, of each label; of all places where a label has no mass there."""
    if len(edge) == values.shape[1]:
        return values
    found = []
    plain = np.add.reduceat(values[0], edge) / np.diff(edge, append=values.shape[1])
    for value, mass in zip(values, masses, strict=True):
        with np.errstate(invalid="ignore"):
            total, weight = np.add.reduceat(np.where(mass > 0, mass * value, 0.0), edge), np.add.reduceat(mass, edge)
        found.append(np.where(weight > 0, np.divide(total, weight, out=plain.copy(), where=weight > 0), plain))
    return np.stack(found)


def folds_of(units: Units, summary: LossSummary, n_folds: int, random: Any) -> Any:
    """The masses of 0 and of 1 of each unit in each fold, shape (n_folds, 2, n_units): drawn row by row, or cluster by
    cluster; both parts of a row with a soft label go to one fold."""
    if summary.clusters is not None:
        return _folds_of_clusters(units, summary, n_folds, random)
    drawn = np.moveaxis(random.multinomial(units.rows, np.full(n_folds, 1.0 / n_folds)), -1, 0)
    shares = drawn / np.maximum(units.rows, 1)
    return shares[:, :2] * (units.masses - units.soft) + shares[:, 2:] * units.soft


def _folds_of_clusters(units: Units, summary: LossSummary, n_folds: int, random: Any) -> Any:
    """Folds of whole clusters: the masses of each coarse bin are shared out as its rows are."""
    from logloss.onepass.summaries.cells import GROUP_MASK
    from logloss.onepass.summaries.group_keys import GROUP_BITS

    clusters = summary.clusters
    fold_of = random.permutation(clusters.n_groups) % n_folds  # type: ignore[union-attr]
    cells, spread = clusters.cells, units.spread  # type: ignore[union-attr]
    coarse = spread.coarse(clusters.shift)  # type: ignore[union-attr]
    bins = np.unique(coarse)
    found = np.zeros((n_folds, 2, len(bins)))
    for keys, pairs in (
        (cells.counts.keys, (cells.counts.counts * spread.share_of_a_row).T),  # type: ignore[union-attr]
        (cells.masses.keys, _pair(spread, cells.masses)),  # type: ignore[union-attr]
    ):
        if len(keys) == 0:
            continue
        place = np.searchsorted(bins, keys >> GROUP_BITS)
        for label in (0, 1):
            np.add.at(found, (fold_of[keys & GROUP_MASK], label, place), pairs[label])  # type: ignore[arg-type]
    total = found.sum(axis=0)
    shares = np.divide(found, total, out=np.zeros(found.shape), where=total > 0)
    bin_of = np.searchsorted(bins, coarse)[np.searchsorted(units.unit_of, np.arange(units.n_units))]
    return shares[:, :, bin_of] * units.masses


def _pair(spread: Spread, masses: Any) -> tuple[Any, Any]:
    """(Masses of 0, of 1) of cells, as shares of all mass."""
    if len(masses.keys) == 0:
        return np.zeros(0), np.zeros(0)
    weights, labels = spread.relative_masses(masses)
    return weights - labels, labels
