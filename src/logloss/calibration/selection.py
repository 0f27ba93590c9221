"""Choosing a map by what it costs on rows that it was not fitted to.

What a choice is expected to save is judged with the choice made anew for each fold, without its rows: of several maps
the one that did best did so by luck, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from logloss.answers.estimate import SamplingError
from logloss.calibration.bins import ScoreBins
from logloss.calibration.map_fits import FitData, costs_of, fitted_map
from logloss.calibration.maps import ISOTONIC, METHODS, MIXTURE, NOTHING
from logloss.data.values import Array
from logloss.inference.moments import dot
from logloss.inference.variance import ErrorOf

AUTO = "auto"
# How many numbers each map is made of; an isotonic one: its blocks.
N_PARAMETERS = {NOTHING: 0, MIXTURE: 1, "shift": 1, "temperature": 1, "platt": 2, "beta": 3}


@dataclass(frozen=True)
class CrossFit:
    """What maps of each method cost on rows that they were not fitted to.

    costs: by method, of 0 and of 1 at each bin, on average over the folds; AUTO: of the choice. n_parameters: what
    each map is made of. masses: of 0 and 1 that judge. row: the mass of an independent observation.
    """

    bins: ScoreBins
    costs: dict[str, Array]
    n_parameters: dict[str, int]
    masses: Array
    row: float

    def log_loss(self, method: str) -> float:
        """On average, in nats; infinite where the impossible happened, 0 of no rows."""
        held = self.masses > 0
        if not held.any():
            return 0.0
        return dot(self.masses[held], self.costs[method][held]) / float(self.masses.sum())

    def gaps(self, method: str, other: str) -> tuple[Array, float]:
        """(What a method costs more than another at each bin, that on average)."""
        held = self.masses > 0
        mine, theirs = (np.where(held, self.costs[name], 0.0) for name in (method, other))
        gaps = mine - theirs
        return gaps, float((self.masses * gaps).sum() / self.masses.sum())

    def by_chance(self, method: str, other: str) -> float:
        """The variance of the difference of two maps that comes from fitting them.

        Of k numbers more, fitted to n rows, what seems to be saved, less what is, is k / n − χ² / n with k degrees of
        freedom: its variance is 2k / n².
        """
        more = abs(self.n_parameters.get(method, 0) - self.n_parameters.get(other, 0))
        # One over the number of independent observations that judge.
        share = self.row / float(self.masses.sum())
        return 2 * more * (share * share)

    def error_from_bins(self, method: str, other: str) -> tuple[float, float]:
        """(Mean cost of a method less that of another, its standard error), from bins."""
        gaps, mean = self.gaps(method, other)
        with np.errstate(over="ignore", invalid="ignore"):
            squares = self.bins.squares * np.divide(
                self.masses, self.bins.masses, out=np.zeros(self.masses.shape), where=self.bins.masses > 0
            )
            # One after the other: the square of a share next to nothing is 0.
            total = float(self.masses.sum())
            variance = float((squares * (gaps - mean) ** 2).sum()) / total / total
        variance *= self.row * self.bins.n_effective
        return mean, math.sqrt(variance + self.by_chance(method, other))

    def difference(self, method: str, other: str, error_of: ErrorOf) -> tuple[float, SamplingError]:
        """(Mean cost of a method less that of another, how it varies)."""
        gaps, mean = self.gaps(method, other)
        sampling = error_of(self.bins.at_places(gaps[0]), self.bins.at_places(gaps[1]), mean)
        both = math.hypot(sampling.error, math.sqrt(self.by_chance(method, other)))
        return mean, sampling._replace(error=both)


def cross_fitted(bins: ScoreBins, folds: Array, methods: tuple[str, ...], *, design_effect: float = 1.0) -> CrossFit:
    """Cross-fitted costs: each fold is judged by maps fitted to the others; of several methods also their choice.

    design_effect: how many rows make one independent observation, at least 1.
    """
    everything = FitData.of_bins(bins, bins.masses)
    whole = {method: fitted_map(method, everything) for method in methods}
    # Newton's steps begin at the fit to all rows, of which the other folds say nearly the same.
    starts = {m: None if m in (NOTHING, ISOTONIC) else f.line for m, f in whole.items()}
    n_parameters = {m: N_PARAMETERS.get(m, len(set(f.values))) for m, f in whole.items()}
    row = design_effect / bins.n_effective
    # Doing nothing is fitted to nothing: one cost for all folds.
    same = {NOTHING: costs_of(whole[NOTHING], bins)} if NOTHING in whole else {}

    def without(*left_out: int) -> dict[str, Array]:
        """What maps cost that are fitted to the other folds."""
        masses = np.maximum(bins.masses - folds[list(left_out)].sum(axis=0), 0.0)
        # What is left of a subtraction is not a row.
        masses[masses < 1e-9 * bins.masses] = 0.0
        data = FitData.of_bins(bins, masses)
        fits = {m: fitted_map(m, data, starts[m]) for m in methods if m not in same}
        return {m: same[m] if m in same else costs_of(fits[m], bins) for m in methods}

    each = [without(fold) for fold in range(len(folds))]
    costs = {m: _averaged_over_folds(folds, [one[m] for one in each]) for m in methods}
    cross_fit = CrossFit(bins, costs, n_parameters, bins.masses, row)
    safe = methods if bins.inside.all() else tuple(m for m in methods if m != NOTHING)
    alternatives = tuple(m for m in safe if math.isfinite(cross_fit.log_loss(m)))
    if len(alternatives) < 2:
        return cross_fit
    # For the choice of a fold: each other fold judged by maps that saw neither of the two.
    pairs = {pair: without(*pair) for pair in combinations(range(len(folds)), 2)}
    picked = []
    for fold, one in enumerate(each):
        others = [other for other in range(len(folds)) if other != fold]
        inner = {
            m: _averaged_over_folds(folds[others], [pairs[min(fold, o), max(fold, o)][m] for o in others])
            for m in alternatives
        }
        picked.append(one[selected_method(CrossFit(bins, inner, n_parameters, folds[others].sum(axis=0), row))])
    costs[AUTO] = _averaged_over_folds(folds, picked)
    return cross_fit


def _averaged_over_folds(folds: Array, costs: list[Array]) -> Array:
    """Costs of each fold as those of all of them: at each bin the mean over its rows."""
    masses = folds.sum(axis=0)
    with np.errstate(invalid="ignore"):
        total = sum(np.where(fold > 0, fold * cost, 0.0) for fold, cost in zip(folds, costs, strict=True))
    return np.divide(total, masses, out=np.zeros(masses.shape), where=masses > 0)


def selected_method(candidates: CrossFit) -> str:
    """The simplest method that costs at most one standard error more than the one that costs least."""
    # Where a forecast was exactly 0 or 1, doing nothing may cost new rows infinity, whatever it cost these.
    safe = METHODS if candidates.bins.inside.all() else tuple(method for method in METHODS if method != NOTHING)
    losses = {method: candidates.log_loss(method) for method in safe if method in candidates.costs}
    best = min(losses, key=lambda method: losses[method])
    # The one-standard-error rule (Breiman, Friedman, Olshen and Stone 1984), on paired differences.
    for method, loss in losses.items():
        if method == best:
            break
        if math.isfinite(loss):
            more, error = candidates.error_from_bins(method, best)
            if more <= error:
                return method
    return best
