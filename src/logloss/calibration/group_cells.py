"""Labels by group and score, and folds of them: what effects of groups are fitted to and judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from logloss.calibration.bins import ScoreBins, bins_of_places, folds_of_rows, shared_out
from logloss.calibration.random_effects import GroupRows, centre_of
from logloss.data.keys import GroupKey
from logloss.data.values import Array
from logloss.inference.score_table import score_table_of_cells
from logloss.onepass.summaries import GroupedSummary, LossSummary
from logloss.onepass.summaries.cells import Cells
from logloss.onepass.summaries.scores import bins_of

# Effects are fitted to runs of scores of about equal mass, of each group and label: to so many at most, to so many runs
# and to no fewer. Of 256 runs a shift is off by less than a hundredth of its standard error.
MOST_ROWS, MOST_RUNS, FEWEST_RUNS = 1 << 16, 1 << 8, 1 << 5


@dataclass(frozen=True, eq=False)
class GroupCells:
    """Cells of one group and one score, or coarse bin, each.

    names, n_rows: of the groups. bins: one for each cell, with masses as shares of all. groups: the group of each.
    whole: the bins of all rows. places: the bin of `whole` of each cell; of coarse cells their coarse bin. shift: bits
    by which fine bins are made coarse; None where scores are known one by one.
    """

    columns: tuple[str, ...]
    names: tuple[GroupKey, ...]
    n_rows: tuple[int, ...]
    bins: ScoreBins
    groups: Array
    whole: ScoreBins
    places: Array
    shift: int | None

    @classmethod
    def of(cls, grouped: GroupedSummary, cells: Cells, whole: ScoreBins) -> GroupCells:
        """Those of a summary; whole: the bins of the same rows."""
        table, numbers, groups = score_table_of_cells(cells, grouped.scale, grouped.shift)
        places = numbers
        if cells.scores is not None:
            keys = cells.scores if whole.table.is_exact else bins_of(grouped.scale, cells.scores)[0]
            places = whole.bin_of[np.searchsorted(whole.table.keys, keys)][numbers]
        n_rows = tuple(grouped.totals.counts[:, 0].tolist())
        shift = grouped.shift if cells.scores is None else None
        return cls(grouped.columns, grouped.names, n_rows, bins_of_places(table), groups, whole, places, shift)

    @property
    def masses(self) -> Array:
        """The masses of 0 and of 1 of each cell, shape (2, n_cells)."""
        return self.bins.masses

    @property
    def n_groups(self) -> int:
        """How many groups there are."""
        return len(self.names)

    def at(self, values: Array) -> Array:
        """Values of the bins of all rows, of each label, at the cells, shape (2, n_cells): means in coarse bins."""
        if self.shift is None:
            return values[:, self.places]
        table, n_bins = self.whole.table, int(self.places.max()) + 1
        means = []
        for label, of_label in enumerate(values):
            # Infinite log-odds of no row are of no concern.
            at_places = np.where(table.shares[label] > 0, self.whole.at_places(of_label), 0.0)
            means.append(table.coarse_means(self.shift, label, at_places, n_bins)[self.places])
        return np.stack(means)

    def sums(self, values: Array) -> Array:
        """The sum over cells and labels of each group, of values of shape (2, n_cells)."""
        return np.bincount(self.groups, values.sum(axis=0), self.n_groups)

    @cached_property
    def runs(self) -> tuple[Array, int]:
        """(The run of neighbouring scores of each cell, how many runs there are): of about equal mass, and fewer where
        there are many groups."""
        most = min(max(MOST_ROWS // self.n_groups, FEWEST_RUNS), MOST_RUNS)
        mass = np.bincount(self.places, self.masses.sum(axis=0))
        if np.count_nonzero(mass) <= most:
            return self.places, len(mass)
        run = np.minimum((np.cumsum(mass) - mass / 2) / mass.sum() * most, most - 1).astype(np.int64)
        return run[self.places], most

    def rows(self, log_odds: Array, masses: Array, row: float) -> GroupRows:
        """The cells as rows of a fit; log_odds, masses: of each label, shape (2, n_cells); row: the mass of one row.

        Cells of one group, label and run of scores are one row, with their mean log-odds.
        """
        run, n_runs = self.runs
        places, size = self.groups * n_runs + run, self.n_groups * n_runs
        found = []
        for label in (0, 1):
            mass = np.bincount(places, masses[label], size)
            held = np.flatnonzero(mass > 0)
            product = np.where(masses[label] > 0, masses[label] * log_odds[label], 0.0)
            odds = np.bincount(places, product, size)[held] / mass[held]
            found.append((held // n_runs, odds, mass[held], np.full(len(held), label, np.uint8)))
        groups, odds, mass, labels = (np.concatenate(each) for each in zip(*found, strict=True))
        return GroupRows(odds, mass / row, labels, groups, self.n_groups, centre_of(odds, mass))

    def drawn_folds(self, n_folds: int, random: np.random.Generator) -> Array:
        """The masses of each cell in folds of single rows, shape (n_folds, 2, n_cells)."""
        return folds_of_rows(self.bins, n_folds, random)

    def folds_of_parts(self, grouped: GroupedSummary, whole: Cells, parts: Sequence[LossSummary]) -> Array:
        """The same of the summaries of each fold, whose rows together are those of the cells; whole: the cells that
        they make together."""
        keys = np.union1d(whole.counts.keys, whole.masses.keys)
        table, found = self.whole.table, np.zeros((len(parts), 2, len(keys)))
        for fold, part in enumerate(parts):
            own = part.groups
            if own is None or own.cells is None or not own.n_rows:
                continue
            cells: Cells = own.renumbered(grouped.names).cells  # type: ignore[assignment]
            if whole.scores is None:
                cells = cells.coarse(grouped.scale, grouped.shift)
            elif cells.scores is not None:
                cells = cells.rescored(np.searchsorted(whole.scores, cells.scores), whole.scores)
            counts = (cells.counts.counts * table.share_of_a_row).T if len(cells.counts.keys) else np.zeros((2, 0))
            for own_keys, masses in ((cells.counts.keys, counts), (cells.masses.keys, table.shares_of(cells.masses))):
                for label in (0, 1):
                    found[fold, label, np.searchsorted(keys, own_keys)] += masses[label]
        return found

    def folds_of_whole(self, folds: Array) -> Array:
        """Folds of the cells as those of the bins of all rows, shape (n_folds, 2, n_bins)."""
        coarse = None if self.shift is None else self.whole.table.coarse(self.shift)
        n_places = self.whole.n_bins if coarse is None else int(max(coarse.max(), self.places.max())) + 1
        summed = np.stack([[np.bincount(self.places, masses, n_places) for masses in each] for each in folds])
        if coarse is None:
            return summed
        held = np.unique(coarse)
        return shared_out(self.whole, summed[:, :, held], held, coarse)
