"""Effects of groups beside the map of all rows, and by how much both together are expected to reduce the log loss.

The expected reduction is cross-validated: each fold is predicted by the map and by effects of groups that are fitted to
the other folds, the precisions of the effects included. What effects of nine tenths of the rows lack is added, for each
group by itself: the mean divergence of the fits without a fold from that to all rows. Of a fit without a penalty it is
Burman's term (1989, doi:10.1093/biomet/76.3.503) to second order. His own, the difference of the losses on all rows, is
of first order in what a penalty holds back, which fewer rows hold back more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logloss.answers.estimate import INFINITE, Estimate, SamplingError, expit, with_interval
from logloss.calibration.group_cells import GroupCells
from logloss.calibration.group_effects import GroupEffects
from logloss.calibration.maps import IDENTITY
from logloss.calibration.random_effects import Effects, fitted_effects
from logloss.calibration.selection import CrossFit, averaged_over_folds, costs_at
from logloss.data.values import Array
from logloss.inference.logistic_line import costs
from logloss.inference.moments import FEWEST_OF_RARER_CLASS, Moments, effective_count
from logloss.inference.score_table import effective_rows
from logloss.inference.variance import error_of_rows

# Fewer folds with rows of a group, of whole clusters, have no interval.
FEWEST_FOLDS = 5


@dataclass(frozen=True, eq=False)
class GroupFit:
    """Effects of groups, and losses of rows that neither they nor the map were fitted to.

    before, alike, after: losses of rows of 0 and of 1 at each cell, on average over the folds, shape (2, n_cells):
    uncalibrated, by the map of all rows, and by group. folds: the masses of each. excess_alike, excess: of each group,
    the mean divergence of fits without a fold from those to all rows, times its share. row: the mass of
    an independent observation. has_clusters: whether folds are of whole clusters, and the observations, too.
    fold_reductions: Σ mass·(before − after) of each fold and group, and Σ mass·(alike − after).
    """

    cells: GroupCells
    effects: Effects
    folds: Array
    before: Array
    alike: Array
    after: Array
    excess_alike: Array
    excess: Array
    row: float
    has_clusters: bool
    fold_reductions: Array

    def total(self, candidates: CrossFit, method: str, moments: Moments, reason: str) -> tuple[Estimate, Estimate]:
        """(The expected reduction by the map of a method and groups, the part of it that is due to groups); reason: why
        there is no interval, if there is none."""
        degrees = float(self.effects.degrees.sum())
        more = self._mean(self.alike - self.after) + float((self.excess - self.excess_alike).sum())
        of_groups = Estimate(more, reason=reason)
        if not reason or reason == INFINITE:
            of_groups = with_interval(more, self._error(self.alike - self.after, degrees, moments, 1))
        loss = candidates.log_loss(IDENTITY)
        if math.isinf(loss):
            return Estimate(math.inf, reason=INFINITE), of_groups
        value = min(loss - candidates.log_loss(method) + more, loss)
        if reason:
            return Estimate(value, reason=reason), of_groups
        shares = candidates.shares_of(method)
        n_numbers = degrees + sum(share * candidates.n_parameters[one] for one, share in shares.items())
        return with_interval(value, self._error(self.before - self.after, n_numbers, moments, 0)), of_groups

    def _mean(self, gaps: Array) -> float:
        """The mean over all rows of differences of losses."""
        masses = self.cells.masses
        return float((masses * np.where(masses > 0, gaps, 0.0)).sum())

    def _error(self, gaps: Array, degrees: float, moments: Moments, which: int) -> SamplingError:
        """The sampling error of a mean difference of losses, with that of so many fitted numbers; which: the difference
        in `fold_reductions`."""
        of_fit = 2 * degrees * self.row**2
        if self.has_clusters:
            error, n_folds = _error_of_folds(self.fold_reductions[which].sum(axis=1), self.folds.sum(axis=(1, 2)))
            return SamplingError(math.hypot(error, math.sqrt(of_fit)), max(n_folds - 1.0, 1.0))
        gaps = np.where(self.cells.masses > 0, gaps, 0.0)
        sampling = error_of_rows(self.cells.bins.table, moments)(gaps[0], gaps[1], self._mean(gaps))
        both = math.hypot(sampling.error, math.sqrt(of_fit))
        return sampling._replace(error=both)

    def of_each(self) -> list[Estimate]:
        """The expected reduction of the log loss of each group, in nats per row of it."""
        cells, table = self.cells, self.cells.bins.table
        masses, n = cells.masses, cells.n_groups
        share = cells.sums(masses)
        with np.errstate(invalid="ignore", over="ignore"):
            gaps = np.where(masses > 0, self.before - self.after, 0.0)
            means = (cells.sums(masses * gaps) + self.excess) / share
            deviations = np.where(masses > 0, gaps - means[cells.groups], 0.0)
            of_zeros, of_both, of_ones = table.squares
            squared = of_zeros * deviations[0] ** 2 + of_ones * deviations[1] ** 2
            squared = squared + 2 * of_both * deviations[0] * deviations[1]
            variances = np.bincount(cells.groups, squared, n) / share**2
        rows = effective_rows(share, np.bincount(cells.groups, table.squares_of_rows, n))
        rarer, names = self._rarer()
        of_folds = np.stack([cells.sums(each) for each in self.folds])
        found = []
        for g, (mean, variance) in enumerate(zip(means.tolist(), variances.tolist(), strict=True)):
            reason = "" if rarer[g] >= FEWEST_OF_RARER_CLASS else f"too few {names[g]} ({effective_count(rarer[g])})"
            if not math.isfinite(mean):
                found.append(Estimate(math.inf, reason=INFINITE))
                continue
            degrees = float(rows[g]) - 1
            error = math.sqrt(max(variance, 0.0) * rows[g] / max(degrees, 1.0))
            if self.has_clusters:
                error, n_folds = _error_of_folds(self.fold_reductions[0][:, g], of_folds[:, g])
                degrees = n_folds - 1.0
                if n_folds < FEWEST_FOLDS:
                    reason = reason or "too few clusters"
            error = math.hypot(error, math.sqrt(2 * float(self.effects.degrees[g])) * self.row / float(share[g]))
            if reason:
                found.append(Estimate(mean, reason=reason))
            else:
                found.append(with_interval(mean, SamplingError(error, degrees)))
        return found

    def _rarer(self) -> tuple[list[float], list[str]]:
        """(Effective rows of the rarer class of each group, what they are called)."""
        cells, (of_zeros, of_both, of_ones) = self.cells, self.cells.bins.table.squares
        zeros, ones = (np.bincount(cells.groups, masses, cells.n_groups) for masses in cells.masses)
        of_zeros, of_ones = (
            effective_rows(mass, np.bincount(cells.groups, squares + of_both, cells.n_groups))
            for mass, squares in ((zeros, of_zeros), (ones, of_ones))
        )
        rarer = np.minimum(of_zeros, of_ones)
        return rarer.tolist(), np.where(of_ones <= of_zeros, "positives", "negatives").tolist()

    def answer(self, expected_reduction: Estimate) -> GroupEffects:
        """What the answer keeps of it; expected_reduction: the part of it that is due to groups."""
        cells, effects = self.cells, self.effects
        share = cells.sums(cells.masses)
        proba = expit(cells.at(cells.whole.log_one + cells.whole.log_zero))
        errors = np.sqrt(np.maximum(np.diagonal(effects.covariance, axis1=1, axis2=2), 0.0))
        with np.errstate(invalid="ignore"):
            losses = cells.sums(np.where(cells.masses > 0, cells.masses * self.before, 0.0)) / share
        return GroupEffects(
            columns=cells.columns,
            names=cells.names,
            centre=effects.centre,
            shifts=_floats(effects.shift),
            slopes=_floats(effects.slope),
            shift_errors=_floats(errors[:, 0]),
            slope_errors=_floats(errors[:, 1]),
            shift_sd=_deviation(effects.precisions[0]),
            slope_sd=_deviation(effects.precisions[1]),
            n_rows=cells.n_rows,
            shares=_floats(share),
            base_rates=_floats(np.bincount(cells.groups, cells.masses[1], cells.n_groups) / share),
            mean_probas=_floats(cells.sums(cells.masses * proba) / share),
            log_losses=_floats(losses),
            expected_reductions=tuple(self.of_each()),
            expected_reduction=expected_reduction,
        )


def fitted_groups(
    cells: GroupCells, folds: Array, candidates: CrossFit, method: str, row: float, *, has_clusters: bool
) -> GroupFit:
    """Effects of groups beside the map of a method, and cross-fitted losses.

    folds: masses of the cells, shape (n_folds, 2, n_cells), and the same as those of `candidates`; row: the mass of an
    independent observation.
    """
    masses = cells.masses
    held = masses > 0

    def losses_at(log_odds: Array) -> Array:
        return np.where(held, costs_at(log_odds), 0.0)

    of_all = cells.at(candidates.log_odds[method])
    effects = fitted_effects(cells.rows(of_all, masses, row))
    of_map = [cells.at(each) for each in candidates.of_folds[method]]
    # Where no group differs, what is handed out is the map of all rows, whatever folds would find.
    of_groups = list(of_map)
    for number, (fold, log_odds) in enumerate(zip(folds, of_map, strict=True)):
        if effects.is_any:
            rest = np.maximum(masses - fold, 0.0)
            # What is left of a subtraction is not a row.
            rest[rest < 1e-9 * masses] = 0.0
            own = fitted_effects(cells.rows(log_odds, rest, row), start=effects)
            of_groups[number] = own.log_odds(log_odds, cells.groups)
    before = losses_at(cells.at(candidates.log_odds[IDENTITY]))
    alike, after = ([losses_at(each) for each in fits] for fits in (of_map, of_groups))
    weights = folds.sum(axis=(1, 2)) / folds.sum()
    fitted = of_all, effects.log_odds(of_all, cells.groups)
    excess_alike, excess = (
        cells.sums(sum(share * masses * divergence(whole, one) for share, one in zip(weights, each, strict=True)))
        for each, whole in zip((of_map, of_groups), fitted, strict=True)
    )
    pairs = list(zip(folds, alike, after, strict=True))
    with np.errstate(invalid="ignore"):
        of_folds = np.stack(
            [
                [cells.sums(np.where(fold > 0, fold * (before - two), 0.0)) for fold, _, two in pairs],
                [cells.sums(np.where(fold > 0, fold * (one - two), 0.0)) for fold, one, two in pairs],
            ]
        )
    return GroupFit(
        cells,
        effects,
        folds,
        before,
        averaged_over_folds(folds, alike),
        averaged_over_folds(folds, after),
        excess_alike,
        excess,
        row,
        has_clusters,
        of_folds,
    )


def divergence(of: Array, by: Array) -> Array:
    """KL(p ‖ q) of log-odds of p and of q, in nats; 0 where the two are equal."""
    # log(1 + e^z), the loss of a row of 0.
    without, with_own = (costs(each.reshape(-1), 0).reshape(each.shape) for each in (by, of))
    with np.errstate(invalid="ignore"):
        return np.where(of == by, 0.0, expit(of) * (of - by) + without - with_own)


def _error_of_folds(sums: Array, masses: Array) -> tuple[float, int]:
    """(The standard error of Σ sums / Σ masses with folds of whole clusters as observations, how many have rows)."""
    held = masses > 0
    n = int(held.sum())
    if n < 2:
        return math.nan, n
    total = float(masses.sum())
    residuals = sums[held] - masses[held] * float(sums.sum()) / total
    return math.sqrt(float(residuals @ residuals) * n / (n - 1)) / total, n


def _deviation(precision: float) -> float:
    """The standard deviation of a precision; 0 where no group differs."""
    return 0.0 if math.isinf(precision) else precision**-0.5


def _floats(values: Array) -> tuple[float, ...]:
    """An array as a tuple."""
    return tuple(values.tolist())
