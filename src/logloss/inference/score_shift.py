"""Whether two sets of rows have the same distribution of scores: χ² of ten bins, and the population stability index.

>>> import logloss
>>> from logloss.inference.score_table import score_table_of
>>> p = [0.1, 0.2, 0.4, 0.6, 0.8]
>>> old, new = (logloss.measure([0, 0, 1, 0, 1] * n, p * n) for n in (10, 20))
>>> tables = [score_table_of(each.summary.scores) for each in (old, new)]
>>> population_stability_index(*tables, (50, 100)) < 0.05
True
"""

from __future__ import annotations

import math

import numpy as np

from logloss.data.values import Array
from logloss.inference.score_table import ScoreTable, score_table_of
from logloss.onepass.summaries import ScoreSummary

# The convention for the index, whose usual marks of 0.1 and 0.25 are for ten bins.
N_BINS = 10
# Half a row stands in each bin, so that an empty one has a logarithm.
HALF_A_ROW = 0.5
# So many rows of the smaller set are expected in each bin (Cochran 1954, doi:10.2307/3001666).
FEWEST_EXPECTED = 5.0


def comparable(one: ScoreSummary, other: ScoreSummary) -> tuple[ScoreTable, ScoreTable]:
    """The tables of two summaries of one scale, both of bins if one is."""
    if one.is_binned != other.is_binned:
        one, other = one.binned(), other.binned()
    return score_table_of(one), score_table_of(other)


def population_stability_index(old: ScoreTable, new: ScoreTable, n_rows: tuple[int, int]) -> float:
    """Population stability index of the scores, on ten bins with a tenth of the old rows each; tables of one kind."""
    mass = old.shares[0] + old.shares[1]
    below = np.concatenate([[0.0], np.cumsum(mass)])
    expected, actual = np.zeros(N_BINS), np.zeros(N_BINS)
    for table, into, n in ((old, expected, n_rows[0]), (new, actual, n_rows[1])):
        # A score lies where half of the old rows of that very score lie below it.
        first = np.searchsorted(old.keys, table.keys, "left")
        last = np.searchsorted(old.keys, table.keys, "right")
        place = (below[first] + below[last]) / 2
        bins = np.clip((place * N_BINS).astype(np.int64), 0, N_BINS - 1)
        np.add.at(into, bins, (table.shares[0] + table.shares[1]) * n)
        into += HALF_A_ROW
        into /= into.sum()
    return float(((actual - expected) * np.log(actual / expected)).sum())


def pooled_bins(one: ScoreTable, other: ScoreTable) -> tuple[Array, Array]:
    """The bin of each place of two tables of one kind: ten, with about a tenth of the rows of both sets each.

    Bins of all rows: which set a row is of has no part in them, so that the test holds however few rows there are.
    """
    keys = np.union1d(one.keys, other.keys)
    mass = np.zeros(len(keys))
    rows = [1 / float(each.squares_of_rows.sum()) for each in (one, other)]
    places = [np.searchsorted(keys, each.keys) for each in (one, other)]
    for table, at, n in zip((one, other), places, rows, strict=True):
        mass[at] += sum(table.shares) * n
    n_bins = max(1, min(N_BINS, int(min(rows) / FEWEST_EXPECTED)))
    below = np.cumsum(mass)
    middle = (below - mass / 2) / below[-1]
    bins = np.minimum((middle * n_bins).astype(np.int64), n_bins - 1)
    # Of few scores some bins are empty: without gaps.
    bins = np.unique(bins, return_inverse=True)[1]
    return bins[places[0]], bins[places[1]]


def shift_p_value(one: ScoreTable, other: ScoreTable, bins: tuple[Array, Array], design_effect: float = 1.0) -> float:
    """The p-value of equal distributions of scores in bins: Pearson's χ², where weights differ with the variance that
    they make, and divided by the design effect of clusters (Rao and Scott 1981, doi:10.1080/01621459.1981.10477633)."""
    n_bins = 1 + max(int(each.max()) for each in bins)
    placed = [(each, at) for each, at in zip((one, other), bins, strict=True)]
    shares = np.array([np.bincount(at, sum(each.shares), n_bins) for each, at in placed])
    squares = np.array([np.bincount(at, each.squares_of_rows, n_bins) for each, at in placed])
    of_rows = squares.sum(axis=1)
    sizes = 1 / of_rows
    # If the distributions are equal, both sets have the shares, and the squares, of all rows.
    pooled = sizes @ shares / sizes.sum()
    of_squares = sizes @ (squares / of_rows[:, None]) / sizes.sum()
    covariance = covariance_of_shares(pooled, of_squares * float(of_rows.sum()))
    return _p_value(shares[0] - shares[1], covariance, design_effect)


def mixture_p_value(
    labelled: ScoreTable, other: ScoreTable, bins: tuple[Array, Array], rate: float, design_effect: float = 1.0
) -> float:
    """The p-value of the scores of other rows being those of the labelled classes, mixed at a base rate that was
    estimated from them: χ² with a degree of freedom for each free bin, a little conservative (Chernoff and Lehmann
    1954, doi:10.1214/aoms/1177728726)."""
    of_zeros, _, of_ones = labelled.squares
    n_bins = 1 + max(int(each.max()) for each in bins)
    own = np.bincount(bins[1], sum(other.shares), n_bins)
    expected, covariance = np.zeros(n_bins), np.zeros((n_bins, n_bins))
    for part, shares, squares in ((1 - rate, labelled.shares[0], of_zeros), (rate, labelled.shares[1], of_ones)):
        whole = float(shares.sum())
        if not whole > 0:
            # The weight of the class is lost beside that of the other.
            return math.nan
        of_class = np.bincount(bins[0], shares, n_bins) / whole
        expected += part * of_class
        # The square of a very small share is 0.
        covariance += part**2 * covariance_of_shares(of_class, np.bincount(bins[0], squares, n_bins) / whole / whole)
    covariance += covariance_of_shares(expected, expected * float(other.squares_of_rows.sum()))
    return _p_value(own - expected, covariance, design_effect)


def _p_value(difference: Array, covariance: Array, design_effect: float) -> float:
    """The upper tail of the Wald statistic of a difference of shares whose sum is 0: all bins but the last."""
    from scipy.special import chdtrc

    held = np.flatnonzero(np.diag(covariance) > 0)[:-1]
    if not len(held):
        return 1.0
    own = difference[held]
    statistic = float(own @ np.linalg.lstsq(covariance[np.ix_(held, held)], own, rcond=1e-12)[0])
    return float(chdtrc(len(held), max(statistic, 0.0) / design_effect))


def covariance_of_shares(shares: Array, squares: Array) -> Array:
    """Covariance of the shares of bins about these, from Σw² in each over the square of all weight: of equal weights it
    is that of a multinomial distribution."""
    cross = np.outer(shares, squares)
    found = np.diag(squares) - cross - cross.T + np.outer(shares, shares) * float(squares.sum())
    return np.asarray(found)
