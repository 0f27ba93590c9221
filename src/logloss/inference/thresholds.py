"""What a threshold does: shares of the confusion matrix, expected cost and net benefit, with their intervals.

Shares have Wilson's interval: of the number of rows where these are counted, else of the number of independent rows
with the same variance (Korn and Graubard 1998), with the t quantile of the rarer part. Net benefit and expected cost
are sums of two shares, each with a factor; their interval is put together from those of the shares (MOVER), so that it
is not of length 0 where no row is predicted positive. Intervals are those of one threshold, chosen without these rows.

References: Vickers and Elkin (2006), doi:10.1177/0272989X06295361; Wilson (1927), doi:10.1080/01621459.1927.10502953;
Korn and Graubard (1998), Survey Methodology 24, 193-201; Zou and Donner (2008), doi:10.1002/sim.3095.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from logloss.answers.estimate import normal_quantile, student_quantile
from logloss.answers.small_table import SmallTable
from logloss.data.values import Array
from logloss.errors import DataError
from logloss.inference.confusion import FN, FP, TN, TP, ConfusionMatrices
from logloss.text import value_text

# Thresholds of a decision curve.
OF_CURVE = tuple(round(k / 100, 2) for k in range(1, 100))
ALL = np.ones(4)
# Degrees of freedom of a share with few rows, or clusters, on one side (docs/thresholds.md).
FEWEST_DEGREES = 4.0


def cells(*names: int) -> Array:
    """1 for some cells of the confusion matrix, 0 for the others."""
    return np.isin(np.arange(4), names).astype(np.float64)


# (Cells above, cells below) of each share.
SHARES = {
    "predicted_positive": (cells(TP, FP), ALL),
    "recall": (cells(TP), cells(TP, FN)),
    "fpr": (cells(FP), cells(FP, TN)),
    "precision": (cells(TP), cells(TP, FP)),
    "npv": (cells(TN), cells(TN, FN)),
}


class Estimates(NamedTuple):
    """Estimates at some thresholds, with the ends of their intervals; nan where there is none."""

    value: Array
    low: Array
    high: Array

    def columns(self, name: str) -> dict[str, list[float]]:
        """As columns of a table."""
        return {name: self.value.tolist(), f"{name}_low": self.low.tolist(), f"{name}_high": self.high.tolist()}

    def holding(self, *others: Estimates) -> Estimates:
        """The same values with intervals that hold those of others, too."""
        low, high = (np.stack([getattr(each, end) for each in (self, *others)]) for end in ("low", "high"))
        return Estimates(self.value, low.min(axis=0), high.max(axis=0))

    def withheld(self) -> Estimates:
        """The same values without intervals."""
        nothing = np.full(len(self.value), math.nan)
        return Estimates(self.value, nothing, nothing)


def share_of(matrices: ConfusionMatrices, part: Array, whole: Array) -> Estimates:
    """A share of the confusion matrix with Wilson's interval; nan where no row is in the whole."""
    mass = matrices.shares @ whole
    value = np.divide(matrices.shares @ part, mass, out=np.full(len(mass), math.nan), where=mass > 0)
    units = matrices.units(whole)
    if matrices.is_plain:
        return wilson(value, units, np.full(len(value), normal_quantile()))
    gradient = (part - value[:, None] * whole) / np.where(mass > 0, mass, math.nan)[:, None]
    variance = np.einsum("ni,nij,nj->n", gradient, matrices.covariance, gradient)
    binomial = value * (1 - value)
    has_variance = (variance > 0) & (binomial > 0)
    n_rows = np.divide(binomial, variance, out=units.copy(), where=has_variance)
    # The rarer of both parts decides how well the variance is known, down to FEWEST_DEGREES: of very few rows Wilson's
    # interval is wide by itself.
    rarer = np.stack([matrices.units(each) for each in (part, whole - part)]).min(axis=0)
    degrees = np.minimum(units, np.maximum(rarer, FEWEST_DEGREES + 1)) - 1
    return wilson(value, n_rows, np.array([student_quantile(each) if each > 0 else math.nan for each in degrees]))


def wilson(share: Array, n_rows: Array, quantile: Array) -> Estimates:
    """Shares with Wilson's intervals, of so many rows."""
    n_rows = np.where(n_rows > 0, n_rows, math.nan)
    square = quantile**2 / n_rows
    centre = (share + square / 2) / (1 + square)
    reach = np.sqrt(share * (1 - share) * square + square**2 / 4) / (1 + square)
    # Shares of 0 and of 1 are ends of their own interval, but for rounding.
    low = np.where(share == 0, 0.0, np.minimum(centre - reach, share))
    high = np.where(share == 1, 1.0, np.maximum(centre + reach, share))
    return Estimates(share, np.where(np.isnan(reach), math.nan, low), np.where(np.isnan(reach), math.nan, high))


def sum_of(matrices: ConfusionMatrices, *terms: tuple[int, Array]) -> Estimates:
    """The sum of two cells, as shares of all rows, each with a factor for each threshold."""
    (one, of_one), (other, of_other) = terms
    covariance = matrices.covariance
    product = np.sqrt(np.maximum(covariance[:, one, one] * covariance[:, other, other], 0.0))
    correlation = np.divide(covariance[:, one, other], product, out=np.zeros(len(product)), where=product > 0)
    # Towards 0 of few rows, as Wilson's centre is towards ½: where every row is an error, their share is not certain.
    units = matrices.units(ALL)
    correlation = np.clip(correlation, -1, 1) * np.sign(of_one * of_other) * units / (units + normal_quantile() ** 2)
    down, up, value = [], [], np.zeros(len(product))
    for cell, factor in terms:
        share = share_of(matrices, cells(cell), ALL)
        below, above = np.abs(factor) * (share.value - share.low), np.abs(factor) * (share.high - share.value)
        down.append(np.where(factor > 0, below, above))
        up.append(np.where(factor > 0, above, below))
        value = value + factor * share.value
    reach = [np.sqrt(np.maximum(a * a + b * b + 2 * correlation * a * b, 0.0)) for a, b in (down, up)]
    return Estimates(value, value - reach[0], value + reach[1])


def odds_of(thresholds: Array) -> Array:
    """What a false positive weighs beside a true positive, t / (1 − t)."""
    return thresholds / (1 - thresholds)


def figures_at(
    matrices: ConfusionMatrices, thresholds: Array, costs: tuple[float, float] | None
) -> dict[str, Estimates]:
    """Every figure at each threshold."""
    found = {name: share_of(matrices, *parts) for name, parts in SHARES.items()}
    one = np.ones(len(thresholds))
    if costs is not None:
        found["cost"] = sum_of(matrices, (FP, costs[0] * one), (FN, costs[1] * one))
    found["net_benefit"] = sum_of(matrices, (TP, one), (FP, -odds_of(thresholds)))
    return found


def above_treat_all(matrices: ConfusionMatrices, thresholds: Array) -> dict[str, Estimates]:
    """Net benefit less that of predicting every row positive."""
    one = np.ones(len(thresholds))
    return {"net_benefit_above_treat_all": sum_of(matrices, (TN, odds_of(thresholds)), (FN, -one))}


def with_bounds(matrices: ConfusionMatrices, figures: Any, *arguments: Any) -> dict[str, Estimates]:
    """Figures of matrices; where rows may lie on either side of a threshold, intervals hold those of both cases."""
    found: dict[str, Estimates] = figures(matrices, *arguments)
    if not matrices.is_certain.all():
        ends = [figures(matrices.at(places), *arguments) for places in (matrices.cuts.sure, matrices.cuts.possible)]
        found = {name: each.holding(*(end[name] for end in ends)) for name, each in found.items()}
    if matrices.why_no_interval:
        found = {name: each.withheld() for name, each in found.items()}
    return found


def thresholds_table(
    matrices: ConfusionMatrices, thresholds: list[float], costs: tuple[float, float] | None, choices: list[str]
) -> SmallTable:
    """The confusion matrix and its figures at each threshold."""
    columns: dict[str, list[Any]] = {"threshold": list(thresholds), "choice": choices}
    columns |= dict(zip(("tp", "fp", "fn", "tn"), matrices.counts(), strict=True))
    for name, each in with_bounds(matrices, figures_at, np.array(thresholds), costs).items():
        columns |= each.columns(name)
    if not matrices.table.is_exact:
        columns["in_bin_of_threshold"] = matrices.mass_in_bin()
    columns["reason"] = [matrices.why_no_interval] * len(thresholds)
    return SmallTable(columns)


def decision_curve_table(matrices: ConfusionMatrices, thresholds: list[float]) -> SmallTable:
    """Net benefit at each threshold, beside that of the two defaults."""
    at = np.array(thresholds)
    one = np.ones(len(at))

    def figures(own: ConfusionMatrices) -> dict[str, Estimates]:
        return {"net_benefit": sum_of(own, (TP, one), (FP, -odds_of(at)))} | above_treat_all(own, at)

    found = with_bounds(matrices, figures)
    rate = float(matrices.shares[0] @ cells(TP, FN))
    columns: dict[str, list[Any]] = {"threshold": list(thresholds)} | found["net_benefit"].columns("net_benefit")
    columns |= {"treat_all": (rate - (1 - rate) * odds_of(at)).tolist(), "treat_none": [0.0] * len(at)}
    columns |= found["net_benefit_above_treat_all"].columns("above_treat_all")
    return SmallTable(columns)


def checked_costs(cost_fp: Any, cost_fn: Any) -> tuple[float, float] | None:
    """Both costs as floats; None if neither is given."""
    if cost_fp is None and cost_fn is None:
        return None
    for name, other, cost in (("cost_fp", "cost_fn", cost_fp), ("cost_fn", "cost_fp", cost_fn)):
        if cost is None:
            raise DataError(f"`{name}` is needed beside `{other}`: only their ratio decides. A cost of 1 is a unit.")
        if isinstance(cost, bool) or not isinstance(cost, Real) or not 0 < float(cost) < math.inf:
            raise DataError(
                f"`{name}` must be a positive number, the cost of one false prediction; got {value_text(cost)}."
            )
    return float(cost_fp), float(cost_fn)


def implied_threshold(costs: tuple[float, float]) -> float:
    """The threshold of least expected cost if predictions are calibrated: cost_fp / (cost_fp + cost_fn)."""
    threshold = 1 / (1 + costs[1] / costs[0])
    if not 0 < threshold < 1:
        raise DataError(
            f"`cost_fp` and `cost_fn` are too far apart: {value_text(costs[0])} and {value_text(costs[1])} imply a "
            f"threshold of {value_text(threshold)}."
        )
    return threshold
