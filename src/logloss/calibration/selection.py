"""Averaging maps by their log loss on rows that they were not fitted to.

The stack is the mean of the maps in log-odds, the identity among them, with shares that fall with the cross-fitted log
loss: ∝ exp(−½·n·loss), n the number of independent observations. Where the data cannot tell, all have a part in it,
and what it changes is little; where they can, only the best is left. No test decides.

The expected reduction by the stack is estimated with the shares found anew for each fold, without its rows: of several
maps the one that did best did so by luck, too.

References: Yao, Vehtari, Simpson and Gelman (2018), doi:10.1214/17-BA1091, section 3.4 (pseudo-BMA); Grünwald and van
Ommen (2017), doi:10.1214/17-BA1085 (why a power below 1); Burman (1989), doi:10.1093/biomet/76.3.503.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from logloss.answers.estimate import SamplingError
from logloss.calibration.bins import ScoreBins
from logloss.calibration.map_fits import FitData, fitted_map, log_odds_of
from logloss.calibration.maps import IDENTITY, ISOTONIC, MIXTURE, ScoreMap, StackedMap
from logloss.data.values import Array
from logloss.inference.logistic_line import costs
from logloss.inference.score_table import dot
from logloss.inference.variance import ErrorOf

AUTO = "auto"
# How many numbers each map is made of; an isotonic one: its blocks.
N_PARAMETERS = {IDENTITY: 0, MIXTURE: 1, "shift": 1, "temperature": 1, "platt": 2, "beta": 3}
# The power of the likelihood of rows left out. Of 200 to 1,000 rows ¼, ⅓, ½ and 0.7 are within 3 of 10,000 nats of each
# other, 1 costs 1 to 4 more (docs/decisions/0039).
POWER = 0.5
# A map with less is left out: nobody could see its part.
LEAST_SHARE = 0.01


@dataclass(frozen=True)
class CrossFit:
    """Losses of the maps of each method on rows that they were not fitted to.

    costs: by method, of 0 and of 1 at each bin, on average over the folds; AUTO: of the stack. excess: by how much maps
    fitted without a fold have a larger loss on all rows than the one fitted to all, which is what cross-fitted losses
    are too high by (Burman). shares: of each method in the stack. n_parameters: of each map. log_odds: by method,
    what the map that was fitted to all rows gives rows of 0 and of 1 at each bin; of_folds: the same of those fitted
    without each fold. masses: of 0 and 1 of the rows that are predicted. row: the mass of an independent observation.
    has_equal_rows: whether rows are independent, with one weight and a label of 0 or 1.
    """

    bins: ScoreBins
    costs: dict[str, Array]
    excess: dict[str, float]
    shares: dict[str, float]
    n_parameters: dict[str, int]
    log_odds: dict[str, Array]
    of_folds: dict[str, list[Array]]
    masses: Array
    row: float
    has_equal_rows: bool

    def log_loss(self, method: str) -> float:
        """Expected log loss of new rows, in nats; infinite where an observed class has probability 0, 0 of no rows."""
        # Of a handful of rows what folds lack can be more than all that is lost.
        return max(mean_cost(self.masses, self.costs[method]) - self.excess[method], 0.0)

    def shares_of(self, method: str) -> dict[str, float]:
        """The methods that one is made of."""
        return self.shares if method == AUTO else {method: 1.0}

    def expected_if_calibrated(self, method: str) -> float:
        """The variance of the expected reduction that comes from fitting the method.

        Of k numbers fitted to n rows, what seems to be saved, less what is, is (χ² − k) / n with k degrees of freedom:
        its variance is 2k / n². Of a stack k is the mean of its maps': at most as much as their mean varies.
        """
        n_numbers = sum(share * self.n_parameters[one] for one, share in self.shares_of(method).items())
        # One over the number of independent observations that judge.
        share = self.row / float(self.masses.sum())
        return 2 * n_numbers * (share * share)

    def saving(self, method: str, error_of: ErrorOf) -> tuple[float, SamplingError]:
        """(The expected reduction by a method, how that varies)."""
        held = self.masses > 0
        before, after = (np.where(held, self.costs[name], 0.0) for name in (IDENTITY, method))
        gaps = before - after
        mean = float((self.masses * gaps).sum() / self.masses.sum())
        sampling = error_of(self.bins.at_places(gaps[0]), self.bins.at_places(gaps[1]), mean)
        both = math.hypot(sampling.error, math.sqrt(self.expected_if_calibrated(method)))
        # No more than there is to lose.
        expected_reduction = min(mean + self.excess[method], self.log_loss(IDENTITY))
        if not self.has_equal_rows:
            return expected_reduction, sampling._replace(error=both)
        # Of rows of equal weight the third moment is known, too; what comes from fitting adds nothing to it.
        deviations = gaps - mean
        with np.errstate(over="ignore", invalid="ignore"):
            squares, cubes = (float((self.masses * deviations**power).sum()) for power in (2, 3))
        skewness = 0.0
        if squares > 0 and math.isfinite(cubes) and both > 0:
            skewness = cubes / squares**1.5 * math.sqrt(self.row) * (sampling.error / both) ** 3
        return expected_reduction, SamplingError(both, skewness=skewness)


def mean_cost(masses: Array, cost: Array) -> float:
    """The mean of the losses at the bins; infinite where an observed class has probability 0, 0 of no rows."""
    held = masses > 0
    return dot(masses[held], cost[held]) / float(masses.sum()) if held.any() else 0.0


def stacking_shares(losses: Mapping[str, float], n_observations: float) -> dict[str, float]:
    """The share of each method in the stack, from its loss on rows that it was not fitted to."""
    least = min(losses.values())
    if not math.isfinite(least):
        # No rows were held out, or none of the maps could have been: nothing is known of any.
        return {method: 1 / len(losses) for method in losses}
    weights = {method: math.exp(-POWER * n_observations * (loss - least)) for method, loss in losses.items()}
    most = max(weights.values())
    kept = {method: weight for method, weight in weights.items() if weight >= LEAST_SHARE * most}
    return {method: weight / sum(kept.values()) for method, weight in kept.items()}


def stacked(shares: Mapping[str, float], log_odds: Mapping[str, Array]) -> Array:
    """The mean of the log-odds that maps give, by their shares."""
    return np.asarray(sum(share * log_odds[method] for method, share in shares.items()))


def fitted_stack(shares: Mapping[str, float], data: FitData) -> ScoreMap | StackedMap:
    """The maps of the stack, fitted to data."""
    maps = tuple(fitted_map(method, data) for method in shares)
    return maps[0] if len(maps) == 1 else StackedMap(tuple(shares.values()), maps)


def cross_fitted(
    bins: ScoreBins, folds: Array, methods: tuple[str, ...], *, design_effect: float | None = None
) -> CrossFit:
    """Cross-validated losses: each fold is predicted by maps fitted to the others; of several methods also their stack.

    design_effect: how many rows of clusters make one independent observation, at least 1; None if rows are independent.
    """
    everything = FitData.of_bins(bins, bins.masses)
    whole = {method: fitted_map(method, everything) for method in methods}
    # Newton's steps begin at the fit to all rows, of which the other folds say nearly the same.
    starts = {m: None if m in (IDENTITY, ISOTONIC) else f.line for m, f in whole.items()}
    n_parameters = {m: N_PARAMETERS.get(m, len(set(f.values))) for m, f in whole.items()}
    row = (design_effect or 1.0) / bins.n_effective
    of_all = {method: log_odds_of(fit, bins) for method, fit in whole.items()}
    # The identity has no parameters: one map for all folds.
    same = {IDENTITY: of_all[IDENTITY]}

    def without(*left_out: int) -> dict[str, Array]:
        """The log-odds of maps that are fitted to the other folds."""
        masses = np.maximum(bins.masses - folds[list(left_out)].sum(axis=0), 0.0)
        # What is left of a subtraction is not a row.
        masses[masses < 1e-9 * bins.masses] = 0.0
        data = FitData.of_bins(bins, masses)
        return same | {m: log_odds_of(fitted_map(m, data, starts[m]), bins) for m in methods if m not in same}

    each = [without(fold) for fold in range(len(folds))]
    judged = {m: _judged(folds, bins.masses, [one[m] for one in each], of_all[m]) for m in methods if m not in same}
    judged[IDENTITY] = costs_at(same[IDENTITY]), 0.0
    of_folds = {m: [one[m] for one in each] for m in methods}
    # One wrong forecast of exactly 0 or 1 makes the loss of new rows infinite, even if none was wrong so far.
    alternatives = tuple(m for m in methods if m != IDENTITY or bins.inside.all())
    shares: dict[str, float] = {}
    if len(methods) > 2:
        shares = _shares_from(folds, {m: judged[m][0] for m in alternatives}, row)
        # For the shares of a fold: each other fold judged by maps that saw neither of the two.
        of_pairs = {
            pair: {m: costs_at(odds) for m, odds in without(*pair).items()}
            for pair in combinations(range(len(folds)), 2)
        }
        stacks = []
        for fold, one in enumerate(each):
            others = [other for other in range(len(folds)) if other != fold]
            pairs = [of_pairs[min(fold, other), max(fold, other)] for other in others]
            inner = {m: averaged_over_folds(folds[others], [pair[m] for pair in pairs]) for m in alternatives}
            stacks.append(stacked(_shares_from(folds[others], inner, row), one))
        of_all, of_folds = of_all | {AUTO: stacked(shares, of_all)}, of_folds | {AUTO: stacks}
        judged[AUTO] = _judged(folds, bins.masses, stacks, of_all[AUTO])
    found, excess = {m: each[0] for m, each in judged.items()}, {m: each[1] for m, each in judged.items()}
    has_equal_rows = design_effect is None and bins.table.is_counted
    return CrossFit(bins, found, excess, shares, n_parameters, of_all, of_folds, bins.masses, row, has_equal_rows)


def costs_at(log_odds: Array) -> Array:
    """The losses of rows of 0 and of 1 at log-odds, shape (2, n)."""
    return np.stack([costs(log_odds[label], label) for label in (0, 1)])


def _shares_from(folds: Array, costs_of_methods: dict[str, Array], row: float) -> dict[str, float]:
    """Shares from what some folds paid."""
    masses = folds.sum(axis=0)
    losses = {method: mean_cost(masses, cost) for method, cost in costs_of_methods.items()}
    return stacking_shares(losses, float(masses.sum()) / row)


def _judged(folds: Array, masses: Array, of_folds: Sequence[Array], of_all: Array) -> tuple[Array, float]:
    """(The mean loss of each bin with the maps that did not see it, how much larger theirs is on all rows than that of
    the map that saw all)."""
    of_each = [costs_at(log_odds) for log_odds in of_folds]
    weights = folds.sum(axis=(1, 2)) / folds.sum()
    more = sum(weight * mean_cost(masses, cost) for weight, cost in zip(weights.tolist(), of_each, strict=True))
    excess = more - mean_cost(masses, costs_at(of_all))
    return averaged_over_folds(folds, of_each), excess if math.isfinite(excess) else 0.0


def averaged_over_folds(folds: Array, costs_of_folds: Sequence[Array]) -> Array:
    """Costs of each fold as those of all of them: at each bin the mean over its rows."""
    masses = folds.sum(axis=0)
    with np.errstate(invalid="ignore"):
        total = sum(np.where(fold > 0, fold * cost, 0.0) for fold, cost in zip(folds, costs_of_folds, strict=True))
    return np.divide(total, masses, out=np.zeros(masses.shape), where=masses > 0)
