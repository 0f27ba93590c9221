"""Thresholds for given costs of false predictions: the one that the costs imply, the one of lowest cost on these rows,
and what miscalibration costs at the first.

If predictions are calibrated, the expected cost is lowest at t = cost_fp / (cost_fp + cost_fn). Recalibrated by
isotonic regression and cut at t, the same predictions have the lowest cost that any threshold has on these rows: the
pools of a rate above t are those above that threshold (Fawcett and Niculescu-Mizil 2007,
doi:10.1007/s10994-007-5011-0). So the cost at t less the lowest cost is what miscalibration costs. It is never below 0,
and above 0 of calibrated predictions, too: draws of labels from the predictions say how far, as for miscalibration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.answers.estimate import Estimate, expit, logit
from logloss.answers.figures import put, put_estimate
from logloss.data.values import Array
from logloss.inference.confusion import FN, FP, ConfusionMatrices, from_top
from logloss.inference.curves import thresholds_of
from logloss.inference.score_table import MOST_DRAWN, ScoreTable
from logloss.inference.thresholds import implied_threshold, sum_of, with_bounds
from logloss.onepass.summaries.scores import LOGIT
from logloss.text import adding_digits, columns, confidence, fixed, p_clause

N_DRAWS = 200
# What draws equal up to the rounding of sums, in units of both costs.
TIE = 1e-12


@dataclass(frozen=True, slots=True, repr=False)
class DecisionCosts:
    """The expected costs per row of predicting each row positive above a threshold; made by `m.decision_costs`.

    Costs are in the unit of `cost_fp` and `cost_fn`, per row (per unit of weight); right predictions cost nothing.

    Attributes
    ----------
    cost_fp, cost_fn : float
        The cost of a false positive and of a false negative, above 0.
    implied_threshold : float
        cost_fp / (cost_fp + cost_fn), in (0, 1): that of lowest expected cost if the predictions are calibrated.
    implied_cost : Estimate
        The cost at this threshold, with its interval.
    lowest_cost_threshold : float
        The threshold of the lowest cost on these rows: the lowest score that is predicted positive, or
        implied_threshold where no other has a lower cost; inf where no row is to be predicted positive.
    lowest_cost : float
        The cost there. It was chosen on the rows on which it is measured, so that it has no interval, and new rows cost
        more: `optimism`.
    lowest_cost_at_least : float
        Below `lowest_cost` where scores are in bins, of which only the edges are tried: no threshold has a lower cost.
    treat_all_cost, treat_none_cost : float
        The costs of predicting every row positive, and none.
    miscalibration_cost : float
        implied_cost − lowest_cost, ≥ 0: the cost at the implied threshold less that of the same predictions after
        isotonic recalibration, which is the lowest cost. `expected_if_calibrated` is its mean for perfectly calibrated
        predictions, `p_value` the share of these with at least as large a one.
    optimism : float
        By how much the cost at `lowest_cost_threshold` on new rows is expected to be above `lowest_cost`, if the
        predictions are calibrated, ≥ 0.
    reason : str
        Why the last three are not available (nan); "" if they are.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([0, 0, 1, 0, 1, 1] * 20, [0.1, 0.2, 0.2, 0.6, 0.7, 0.9] * 20)
    >>> costs = m.decision_costs(cost_fp=1, cost_fn=5)
    >>> round(costs.implied_threshold, 4), round(float(costs.implied_cost), 4)
    (0.1667, 0.3333)
    """

    cost_fp: float
    cost_fn: float
    implied_threshold: float
    implied_cost: Estimate
    lowest_cost_threshold: float
    lowest_cost: float
    lowest_cost_at_least: float
    treat_all_cost: float
    treat_none_cost: float
    miscalibration_cost: float
    expected_if_calibrated: float
    p_value: float
    optimism: float
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """The figures as flat JSON-ready values."""
        figures: dict[str, Any] = {"cost_fp": self.cost_fp, "cost_fn": self.cost_fn}
        put(figures, "implied_threshold", self.implied_threshold)
        put_estimate(figures, "implied_cost", self.implied_cost)
        for name in ("lowest_cost_threshold", "lowest_cost", "lowest_cost_at_least", "treat_all_cost"):
            put(figures, name, getattr(self, name))
        put(figures, "treat_none_cost", self.treat_none_cost)
        put(figures, "miscalibration_cost", self.miscalibration_cost)
        put(figures, "miscalibration_cost_expected_if_calibrated", self.expected_if_calibrated, self.reason)
        put(figures, "miscalibration_cost_p_value", self.p_value, self.reason)
        put(figures, "lowest_cost_optimism", self.optimism, self.reason)
        return figures

    def __repr__(self) -> str:
        return "\n".join(lines_of(self))


def lines_of(costs: DecisionCosts) -> list[str]:
    """The costs as lines of text."""
    least_digits = max(4, 4 - math.floor(math.log10(costs.cost_fp + costs.cost_fn)))
    digits = adding_digits(costs.implied_cost, [costs.lowest_cost, costs.miscalibration_cost], least_digits)
    implied, threshold = costs.implied_cost, costs.lowest_cost_threshold
    lowest, least = costs.lowest_cost, costs.lowest_cost_at_least
    ends = confidence(implied.low, implied.high, digits) if implied.has_interval else f"no CI: {implied.reason}"
    of_lowest = "lowest on these rows"
    if least < lowest:
        of_lowest += f" but for the order within bins: at least {fixed(least, digits)}"
    expected = f"null distribution not available: {costs.reason}"
    if not costs.reason:
        of_lowest += f"; chosen on them: about {fixed(costs.optimism, digits)} more on new rows"
        expected = f"{p_clause(costs.p_value)}; {fixed(costs.expected_if_calibrated, digits)} expected if calibrated"
    rows: list[tuple[str, float, str, str]] = [
        (f"threshold {costs.implied_threshold:.4g}", implied, ends, "implied by the costs: lowest if calibrated"),
        (f"threshold {threshold:.4g}" if math.isfinite(threshold) else "none positive", lowest, "", of_lowest),
        ("every row positive", costs.treat_all_cost, "", ""),
        ("no row positive", costs.treat_none_cost, "", ""),
        ("miscalibration", costs.miscalibration_cost, "", f"the first less the second; {expected}"),
    ]
    cells = [[f"  {name}", fixed(value, digits), of, clause] for name, value, of, clause in rows]
    head = f"cost per row: {costs.cost_fp:g} for a false positive, {costs.cost_fn:g} for a false negative"
    return [head, *columns(cells, "lrll", gap="   ")]


def decision_costs_of(matrices: ConfusionMatrices, costs: tuple[float, float]) -> DecisionCosts:
    """The costs of thresholds; matrices: at the implied one."""
    table, implied = matrices.table, implied_threshold(costs)
    # The larger cost is the unit of what is computed: of 1e300 sums stay within the floats.
    unit = max(costs)
    of_fp, of_fn = costs[0] / unit, costs[1] / unit

    def figures(own: ConfusionMatrices) -> Any:
        return {"cost": sum_of(own, (FP, np.array([of_fp])), (FN, np.array([of_fn])))}

    value, low, high = (float(each[0]) * unit for each in with_bounds(matrices, figures)["cost"])
    zeros, ones = table.shares
    by_place = of_fp * from_top(zeros) + of_fn * (ones.sum() - from_top(ones))
    first, last = int(matrices.cuts.possible[0]), int(matrices.cuts.sure[0])
    lowest = float(by_place.min())
    place = int(by_place.argmin())
    threshold = as_probability(table, float(thresholds_of(table)[place]))
    if first == last and by_place[first] <= lowest + TIE:
        lowest, threshold = float(by_place[first]), implied
    # Of each bin no order of its rows costs less than all its zeros below all its ones.
    inside = of_fp * from_top(zeros)[1:] + of_fn * (ones.sum() - from_top(ones)[:-1])
    at_least = lowest if table.is_exact else min(lowest, float(inside.min()))
    found = value / unit - lowest
    null = null_of(matrices, implied, (of_fp, of_fn)) if not (reason := why_no_null(matrices)) else (math.nan,) * 3
    return DecisionCosts(
        *costs,
        implied,
        Estimate(value, low, high, matrices.why_no_interval),
        threshold,
        lowest * unit,
        at_least * unit,
        float(by_place[0]) * unit,
        float(by_place[-1]) * unit,
        max(found, 0.0) * unit,
        null[0] * unit,
        null[1],
        null[2] * unit,
        reason,
    )


def as_probability(table: ScoreTable, score: float) -> float:
    """A threshold of scores as a probability at which the same rows are predicted positive; inf for none."""
    if table.scale != LOGIT or score == math.inf:
        return score
    proba = min(max(expit(score), math.ulp(0.0)), 1 - math.ulp(0.5))
    # Where it is rounded up, its log-odds may lie above the score.
    while proba > math.ulp(0.0) and logit(proba) > score:
        proba = math.nextafter(proba, 0.0)
    return proba


def why_no_null(matrices: ConfusionMatrices) -> str:
    """Why labels cannot be drawn from the predictions; "" if they can."""
    if matrices.clusters is not None:
        return "rows of a cluster depend on each other"
    return "soft labels" if matrices.moments.summary.is_soft else ""


def null_of(matrices: ConfusionMatrices, implied: float, costs: tuple[float, float]) -> tuple[float, float, float]:
    """(Mean cost of miscalibration if calibrated, p-value of that of these predictions, optimism of the lowest)."""
    table, place = matrices.table, int(matrices.cuts.sure[0])
    runs = table.merged(MOST_DRAWN, about=place)
    cut = place if runs.starts is None else int(np.searchsorted(runs.starts, place))
    gains = Gains(runs.mass, implied, cut, sum(costs))
    proba = np.clip(runs.proba, 0.0, 1.0)
    drawn, chosen = gains.best(runs.drawn(proba, table.seed, N_DRAWS))
    observed, _ = gains.best((runs.ones / runs.mass)[None, :])
    as_much = int(np.count_nonzero(drawn >= observed[0] - TIE))
    optimism = drawn - gains.of(proba[None, :])[0, chosen]
    return float(drawn.mean()), (1 + as_much) / (1 + N_DRAWS), max(float(optimism.mean()), 0.0)


@dataclass(frozen=True)
class Gains:
    """What other cuts cost less than one cut, of runs of such masses with some shares of ones.

    mass: (n_runs,); threshold: the implied one; cut: the first run at or above it; unit: the sum of both costs.
    """

    mass: Array
    threshold: float
    cut: int
    unit: float

    def of(self, shares: Array) -> Array:
        """(n_draws, n_runs + 1): by how much the cost is lower if the runs from each on are predicted positive."""
        # Moving the cut below a run adds (1 − s)·cost_fp of false positives and takes away s·cost_fn.
        above = from_top((self.mass * (shares - self.threshold)).T).T
        gains: Array = self.unit * (above - above[:, self.cut, None])
        return gains

    def best(self, shares: Array) -> tuple[Array, Array]:
        """The largest gain of each draw, ≥ 0, and its cut."""
        gains = self.of(shares)
        chosen = gains.argmax(axis=1)
        return gains[np.arange(len(gains)), chosen], chosen
