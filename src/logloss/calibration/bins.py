"""Runs of neighbouring places, with the labels of some folds: what calibrators are judged on.

A summary has no rows, but rows of one label at one place are equal: to draw folds of rows is to split their numbers.
Where clusters are kept, whole clusters are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logloss.data.values import Array
from logloss.inference.logistic_line import ScoredLabels, is_inside
from logloss.inference.score_table import ScoreTable, effective_rows, score_table_of, starts_of_runs, whole_rows
from logloss.onepass.summaries import GroupedSummary, LossSummary
from logloss.onepass.summaries.cells import GROUP_MASK
from logloss.onepass.summaries.group_keys import GROUP_BITS

# Places of more are put together: the loss of a smooth map changes by less than a millionth.
MOST_BINS = 1 << 11


@dataclass(frozen=True)
class ScoreBins:
    """Runs of places in ascending order of the score.

    masses: of 0 and of 1 in each, shape (2, n), as shares of all mass; soft: of them those of places where rows have a
    part in both labels. log_one, log_zero: log p and −log(1 − p) on average, of the rows of each label, shape (2, n);
    where p is 0 or 1 they are infinite. rows: how many rows with the same weight would have such a mass and variance:
    of 0, of 1, and of soft ones, shape (3, n). squares: sums of the squares of the masses of rows, shape (2, n).
    bin_of: the bin of each place of the table. coarse: where folds are known by coarse bins only, as those of clusters
    are, the coarse bin of each.
    """

    table: ScoreTable
    bin_of: Array
    masses: Array
    soft: Array
    log_one: Array
    log_zero: Array
    rows: Array
    squares: Array
    n_effective: float
    coarse: Array | None = None

    @property
    def n_bins(self) -> int:
        """How many there are."""
        return int(self.masses.shape[1])

    @property
    def inside(self) -> Array:
        """Whether p is neither 0 nor 1."""
        return is_inside(self.log_one[0], self.log_zero[0])

    @property
    def logit(self) -> Array:
        """The log-odds of p on average, of the rows of both labels."""
        logit = self.log_one + self.log_zero
        total = self.masses.sum(axis=0)
        mean = (self.masses * np.where(self.inside, logit, 0.0)).sum(axis=0)
        # A mean of equal numbers is that number, whatever is rounded; of masses that leave the floats there is none.
        is_mean = self.inside & (logit[0] != logit[1]) & (total > 0)
        return np.divide(mean, total, out=logit[0].copy(), where=is_mean)

    def labels_of(self, masses: Array) -> ScoredLabels:
        """The bins where p is neither 0 nor 1, with these masses."""
        inside = self.inside
        if np.array_equal(self.log_one[0], self.log_one[1]):
            return ScoredLabels(self.log_one[0, inside], self.log_zero[0, inside], masses[0, inside], masses[1, inside])
        # Where the means of the two labels differ, each has a place of its own.
        kept = masses[:, inside]
        none = np.zeros(kept.shape[1])
        log_one, log_zero = (np.concatenate(list(each[:, inside])) for each in (self.log_one, self.log_zero))
        return ScoredLabels(log_one, log_zero, np.concatenate([kept[0], none]), np.concatenate([none, kept[1]]))

    def inside_as_known(self, masses: Array) -> tuple[Array, Array, Array]:
        """(Log-odds, masses of 0, masses of 1) of the bins inside, as fine as it is known which rows are in which fold.

        Within a coarse bin the rows of a fold are taken to lie as all do: a map that followed single places would have
        seen the rows that judge it.
        """
        inside, logit = self.inside, self.logit
        logit, (zeros, ones) = logit[inside], masses[:, inside]
        if self.coarse is None or not len(logit):
            return logit, zeros, ones
        edge = np.flatnonzero(np.diff(self.coarse[inside], prepend=-1))
        mass = self.masses[:, inside].sum(axis=0)
        total = np.add.reduceat(mass, edge)
        # The share of very light rows is 0: their bin is at its first place.
        centre = np.divide(np.add.reduceat(mass * logit, edge), total, out=logit[edge], where=total > 0)
        return centre, np.add.reduceat(zeros, edge), np.add.reduceat(ones, edge)

    def at_places(self, values: Array) -> Array:
        """A value of each bin at each place of the table."""
        return values[self.bin_of]


def score_bins_of(summary: LossSummary, shift: int | None = None) -> ScoreBins:
    """The bins of a summary: runs of places of about equal mass. shift: of the coarse bins in which folds are known, of
    clusters their own."""
    table = score_table_of(summary.scores)
    zeros, ones = table.shares
    mass = zeros + ones
    inside = is_inside(table.of_zeros.logs[0], table.of_zeros.logs[1])
    is_first = np.ones(len(mass), bool)
    if len(mass) > MOST_BINS:
        is_first[:] = False
        is_first[starts_of_runs(mass, MOST_BINS)] = True
        # p = 0 and p = 1 are bins of their own.
        is_first |= np.diff(inside, prepend=inside[:1])
    if summary.clusters is not None:
        shift = max(summary.clusters.shift, shift or 0)
    return _bins_at(table, np.flatnonzero(is_first), None if shift is None else table.coarse(shift))


def bins_of_places(table: ScoreTable) -> ScoreBins:
    """Each place of a table as a bin."""
    return _bins_at(table, np.arange(len(table.keys)), None)


def _bins_at(table: ScoreTable, edge: Array, coarse: Array | None) -> ScoreBins:
    """Bins that begin at some places of a table; coarse: the coarse bin of each place, where folds are known by
    these only."""
    zeros, ones = table.shares
    mass = zeros + ones
    log_one, log_zero = np.stack([table.of_zeros.logs, table.of_ones.logs], axis=1)
    bin_of = np.repeat(np.arange(len(edge)), np.diff(edge, append=len(mass)))
    of_zeros, of_both, of_ones = table.squares
    is_hard = of_both == 0
    masses, soft = (
        np.stack([np.add.reduceat(np.where(which, each, 0.0), edge) for each in (zeros, ones)])
        for which in (True, ~is_hard)
    )
    squares = [
        np.where(is_hard, of_zeros, 0.0),
        np.where(is_hard, of_ones, 0.0),
        np.where(is_hard, 0.0, table.squares_of_rows),
    ]
    sums = [*(masses - soft), soft.sum(axis=0)]
    return ScoreBins(
        table,
        bin_of,
        masses,
        soft,
        _means(log_one, (zeros, ones), edge),
        _means(log_zero, (zeros, ones), edge),
        np.stack([_rows(mass, np.add.reduceat(each, edge)) for mass, each in zip(sums, squares, strict=True)]),
        np.stack([np.add.reduceat(each, edge) for each in (of_zeros + of_both, of_both + of_ones)]),
        1.0 / float(table.squares_of_rows.sum()),
        None if coarse is None else coarse[edge],
    )


def _rows(mass: Array, square: Array) -> Array:
    """How many rows of one weight have this mass together, and this sum of squares."""
    return np.maximum(effective_rows(mass, square), mass > 0)


def _means(values: Array, masses: tuple[Array, Array], edge: Array) -> Array:
    """Means of the places of each bin, of each label; of all places where a label has no mass there."""
    if len(edge) == values.shape[1]:
        return values
    means = []
    plain = np.add.reduceat(values[0], edge) / np.diff(edge, append=values.shape[1])
    for value, mass in zip(values, masses, strict=True):
        with np.errstate(invalid="ignore"):
            total, weight = np.add.reduceat(np.where(mass > 0, mass * value, 0.0), edge), np.add.reduceat(mass, edge)
        means.append(np.where(weight > 0, np.divide(total, weight, out=plain.copy(), where=weight > 0), plain))
    return np.stack(means)


def folds_of(bins: ScoreBins, summary: LossSummary, n_folds: int, random: np.random.Generator) -> Array:
    """The masses of 0 and of 1 of each bin in each fold, shape (n_folds, 2, n_bins): drawn row by row, or cluster by
    cluster; both parts of a row with a soft label go to one fold."""
    if summary.clusters is not None:
        return _folds_of_clusters(bins, summary.clusters, n_folds, random)
    return folds_of_rows(bins, n_folds, random)


def folds_of_rows(bins: ScoreBins, n_folds: int, random: np.random.Generator) -> Array:
    """Folds of single rows."""
    # Rows of one label and place are equal: to draw folds of them is to split their number.
    rows = whole_rows(bins.rows, random)
    drawn = np.moveaxis(random.multinomial(rows, np.full(n_folds, 1.0 / n_folds)), -1, 0)
    shares = drawn / np.maximum(rows, 1)
    return shares[:, :2] * (bins.masses - bins.soft) + shares[:, 2:] * bins.soft


def _folds_of_clusters(bins: ScoreBins, clusters: GroupedSummary, n_folds: int, random: np.random.Generator) -> Array:
    """Folds of whole clusters: the masses of each coarse bin are shared out as its rows are."""
    # As many clusters in each fold, to one.
    fold_of = random.permutation(clusters.n_groups) % n_folds
    cells, table = clusters.cells, bins.table
    coarse = table.coarse(clusters.shift)
    held = np.unique(coarse)
    in_folds = np.zeros((n_folds, 2, len(held)))
    for keys, masses in (
        (cells.counts.keys, (cells.counts.counts * table.share_of_a_row).T),  # type: ignore[union-attr]
        (cells.masses.keys, table.shares_of(cells.masses)),  # type: ignore[union-attr]
    ):
        place = np.searchsorted(held, keys >> GROUP_BITS)
        for label in (0, 1):
            np.add.at(in_folds, (fold_of[keys & GROUP_MASK], label, place), masses[label])  # type: ignore[arg-type]
    return shared_out(bins, in_folds, held, coarse)


def shared_out(bins: ScoreBins, in_folds: Array, held: Array, coarse: Array) -> Array:
    """The masses of each bin in each fold, of those of coarse bins, shape (n_folds, 2, n_held); held: these bins,
    ascending; coarse: that of each place of the table."""
    # Within a coarse bin every place has the same share in each fold: only that much is known of clusters.
    total = in_folds.sum(axis=0)
    shares = np.divide(in_folds, total, out=np.zeros(in_folds.shape), where=total > 0)
    place_of = np.searchsorted(held, coarse)[np.searchsorted(bins.bin_of, np.arange(bins.n_bins))]
    return shares[:, :, place_of] * bins.masses
