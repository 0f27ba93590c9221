"""The confusion matrix at any thresholds, from the table of scores, and its sampling covariance.

A row is predicted positive where its predicted probability is at or above the threshold, as in scikit-learn. From exact
scores every count is exact. From bins, the rows of the bin that holds a threshold may lie on either side of it: both
ends are known, and the figures between them are those of rows spread evenly over the bin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np

from logloss.answers.estimate import logit
from logloss.data.values import Array
from logloss.errors import DataError
from logloss.inference.moments import Moments
from logloss.inference.score_table import ScoreTable, edges_of
from logloss.inference.variance import cluster_sums
from logloss.onepass.kernels import score_keys
from logloss.onepass.kernels.score_keys import OFFSET_BITS
from logloss.onepass.summaries import GroupedSummary
from logloss.onepass.summaries.scores import LOGIT, bins_of
from logloss.text import value_text

# The four cells, in the order of all arrays here.
TP, FP, FN, TN = range(4)


def checked_thresholds(at: Any) -> list[float]:
    """Thresholds as floats in (0, 1): of one number, or of several."""
    at = at.item() if isinstance(at, np.ndarray) and at.ndim == 0 else at
    given = list(at) if np.ndim(at) == 1 and not isinstance(at, str | dict) else [at]
    if not given:
        raise DataError("`at` must be a threshold or a list of thresholds; got an empty list.")
    for each in given:
        if isinstance(each, bool | np.bool_) or not isinstance(each, Real) or not 0 < float(each) < 1:
            raise DataError(
                f"a threshold must be a probability in (0, 1); got {value_text(each)}. It is one also where the "
                "predictions are log-odds."
            )
    return [float(each) for each in given]


@dataclass(frozen=True)
class Cuts:
    """Where thresholds divide the places of a table.

    sure: the first place all of whose rows are predicted positive; possible: the first one with such a row; share: of
    the place between them, how much of it lies at or above the threshold.
    """

    sure: Array
    possible: Array
    share: Array


def cuts_of(table: ScoreTable, thresholds: Array) -> Cuts:
    """The cuts of some thresholds: both places are the same where scores are exact, or the threshold is an edge."""
    keys = np.empty(len(thresholds), np.int64)
    if table.scale == LOGIT:
        score_keys.keys_of_logit(logit(thresholds), keys)
    else:
        score_keys.keys_of_proba(thresholds, None, keys)
    if table.is_exact:
        places = np.searchsorted(table.keys, keys)
        return Cuts(places, places, np.zeros(len(places)))
    bins, offsets = bins_of(table.scale, keys)
    possible = np.searchsorted(table.keys, bins)
    scores = logit(thresholds) if table.scale == LOGIT else thresholds
    is_edge = scores <= edges_of(table.scale, bins, is_binned=True)["lower"]
    sure = np.where(is_edge, possible, np.searchsorted(table.keys, bins, side="right"))
    # On the far side of ½, and below 0, the place in a bin is counted from its upper end.
    is_mirrored = keys > score_keys.BITS_OF_HALF if table.scale != LOGIT else logit(thresholds) <= -16
    below = (offsets + 0.5) / (1 << OFFSET_BITS)
    return Cuts(sure, possible, np.where(is_mirrored, below, 1 - below))


class ConfusionMatrices:
    """The confusion matrices at some cuts. shares: (n, 4), of all mass, in the order TP, FP, FN, TN.

    squares: (n, 4, 4), Σ over rows of products of what a row adds to two cells; covariance: (n, 4, 4), of the shares.
    """

    def __init__(self, table: ScoreTable, moments: Moments, clusters: ClusterMasses | None, cuts: Cuts) -> None:
        self.table, self.moments, self.clusters, self.cuts = table, moments, clusters, cuts
        sure, possible = (self._cells(places) for places in (cuts.sure, cuts.possible))
        self.shares = sure + cuts.share[:, None] * (possible - sure)

    @property
    def why_no_interval(self) -> str:
        """Why figures have no interval; "" if they have: Wilson's holds for few rows, where these are counted."""
        if self.is_plain:
            return "one row" if self.moments.n_rows < 2 else ""
        return self.moments.why_no_interval()

    @property
    def is_plain(self) -> bool:
        """Whether rows are independent, with hard labels and no weights."""
        return self.table.is_counted and self.clusters is None

    @property
    def is_certain(self) -> Array:
        """Whether the side of every row is known."""
        return np.asarray(self.cuts.sure == self.cuts.possible)

    def at(self, places: Array) -> ConfusionMatrices:
        """The matrices if the rows at these places and above are predicted positive."""
        cuts = Cuts(places, places, np.zeros(len(places)))
        return ConfusionMatrices(self.table, self.moments, self.clusters, cuts)

    def counts(self) -> list[list[float]]:
        """TP, FP, FN and TN as sums of weights: whole numbers where rows are counted and the side of each is known."""
        if self.table.is_counted:
            columns = int(self.table.counts.sum()) * self.shares.T
            return (np.rint(columns).astype(np.int64) if self.is_certain.all() else columns).tolist()
        return [(self.moments.sum_weight() * column).tolist() for column in self.shares.T]

    def mass_in_bin(self) -> list[float]:
        """The rows, or the sum of weights, in the bin of each threshold, of which the side is not known."""
        _, rows = self.table.integers
        above = from_top(rows)
        held = above[self.cuts.possible] - above[self.cuts.sure]
        if self.table.is_counted:
            return [int(each) for each in held]
        return [float(each / above[0]) * self.moments.sum_weight() for each in held]

    def _cells(self, places: Array) -> Array:
        """The four shares if the rows at these places and above are predicted positive; each rounded once."""
        ones, rows = self.table.integers
        above_one, above = from_top(ones), from_top(rows)
        total, positive = above[0], above_one[0]
        tp, predicted = above_one[places], above[places]
        cells = (tp, predicted - tp, positive - tp, total - positive - predicted + tp)
        return np.stack([(cell / total).astype(np.float64) for cell in cells], axis=1)

    @cached_property
    def squares(self) -> Array:
        """Of rows."""
        of_zeros, of_both, of_ones = (from_top(each) for each in self.table.squares)
        found = np.zeros((len(self.shares), 4, 4))
        for cells, sign in (((TP, FP), 1), ((FN, TN), -1)):
            for column, products in ((0, of_ones), (1, of_zeros), (2, of_both)):
                ends = products[self.cuts.sure], products[self.cuts.possible]
                above = ends[0] + self.cuts.share * (ends[1] - ends[0])
                one, other = (cells[0], cells[1]) if column == 2 else (cells[column], cells[column])
                # What is left of a sum may be rounding.
                found[:, one, other] = above if sign > 0 else np.maximum(products[0] - above, 0.0)
                found[:, other, one] = found[:, one, other]
        return found

    @cached_property
    def covariance(self) -> Array:
        """Of the shares."""
        if self.clusters is not None:
            return self._of_clusters[0]
        x, squares = self.shares, self.squares
        of_cell = squares.sum(axis=2)
        cross = x[:, :, None] * of_cell[:, None, :]
        total = of_cell.sum(axis=1)[:, None, None]
        centred = squares - cross - cross.transpose(0, 2, 1) + total * x[:, :, None] * x[:, None, :]
        return np.asarray(centred * self.moments.inflation)

    @cached_property
    def _of_clusters(self) -> tuple[Array, Array]:
        """(Covariance of the shares with clusters as observations, Σ over clusters of products of their cells)."""
        moments: Any = self.moments
        covariance, squares = np.empty((2, len(self.shares), 4, 4))
        for number, (cells, alone) in enumerate(self._cluster_cells()):
            centred = moments.clusters.jackknifed((cells - self.shares[number] * moments.clusters.shares[:, None]).T)
            covariance[number], squares[number] = centred @ centred.T, cells.T @ cells
            for variance, above, below in zip(alone, (FP, TP), (TN, FN), strict=True):
                covariance[number][np.ix_([above, below], [above, below])] += variance * np.array([[1, -1], [-1, 1]])
        return covariance, squares

    def _cluster_cells(self) -> Iterator[tuple[Array, Array]]:
        """What each cluster adds to the four shares, (n_clusters, 4), and variances, of 0 and of 1, within the bin.

        Of clusters, labels are kept by coarse bin, a quarter of log-odds wide: in the one that holds the threshold
        each cluster counts with the same share above it. How clusters differ in that is not known: the variance that it
        adds is at most that of clusters each of which has all its rows of the bin on one side.
        """
        clusters: Any = self.clusters
        masses, from_above, of_all = clusters.masses, clusters.from_above, clusters.of_all
        for shares, place in zip(self.shares, self.cuts.possible, strict=True):
            number = clusters.coarse[min(place, len(clusters.coarse) - 1)]
            in_bin = of_all[:, number] - of_all[:, number + 1]
            held = shares[[FP, TP]] - of_all[:, number + 1]
            part = np.clip(np.divide(held, in_bin, out=np.zeros(2), where=in_bin > 0), 0.0, 1.0)
            own = masses[:, :, number]
            zeros, ones = from_above[:, :, number + 1] + part[:, None] * own
            cells = np.stack([ones, zeros, from_above[1, :, 0] - ones, from_above[0, :, 0] - zeros], axis=1)
            yield cells, part * (1 - part) * (own * own).sum(axis=1)

    def units(self, part: Array) -> Array:
        """Effective number of independent observations, rows or clusters, of the cells with 1 in `part`.

        Kish (1965), Survey Sampling, section 11.7.
        """
        squares = self.squares if self.clusters is None else self._of_clusters[1]
        whole, sums = self.shares @ part, np.einsum("i,nij,j->n", part, squares, part)
        return np.divide(whole**2, sums, out=np.zeros(len(whole)), where=sums > 0)


class ClusterMasses:
    """Shares of all mass by label, cluster and coarse bin.

    coarse: the bin of each place of the table; masses: (2, n_clusters, n_bins); from_above: the same in each bin and
    those above; of_all: of all clusters.
    """

    def __init__(self, table: ScoreTable, clusters: GroupedSummary) -> None:
        nothing, every = np.zeros(len(table.keys)), np.ones(len(table.keys))
        self.masses = np.stack([cluster_sums(clusters, *each, table) for each in ((every, nothing), (nothing, every))])
        self.from_above = np.stack([from_top(each.T).T for each in self.masses])
        self.of_all, self.coarse = self.from_above.sum(axis=1), table.coarse(clusters.shift)


def from_top(values: Array) -> Array:
    """Sums over the places from each one up; 0 at the end."""
    return np.concatenate([np.cumsum(values[::-1], axis=0)[::-1], np.zeros_like(values[:1])])
