"""The null distribution of the miscalibration: that of perfectly calibrated predictions with the same values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logloss.answers.estimate import CONFIDENCE
from logloss.data.values import Array
from logloss.inference.recalibration import finite
from logloss.inference.score_table import Runs, ScoreTable
from logloss.onepass.kernels import losses, score_keys
from logloss.onepass.kernels.isotonic import miscalibrations, null_distribution_of_all
from logloss.onepass.summaries import LargestLossesSummary

# The standard error of the mean is a fourteenth of the standard deviation of the draws; p-values are at least 1/201.
N_DRAWS = 200
# Up to so many rows, the distribution is computed over all outcomes.
MOST_ENUMERATED = 12
# Two outcomes of equal miscalibration differ by the rounding of sums of at most 2^17 terms that add up to order one.
TIE = 1e-12


@dataclass(frozen=True, slots=True)
class NullDistribution:
    """Mean and 95th percentile of the miscalibration of perfectly calibrated predictions, and the p-value."""

    mean: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    n_draws: int = 0
    reason: str = ""


def null_distribution_of(
    table: ScoreTable,
    largest_losses: LargestLossesSummary | None,
    miscalibration: float,
    n_rows: int,
    runs: Runs,
    *,
    is_soft: bool,
) -> NullDistribution:
    """The null distribution: over all outcomes of few rows, else by draws that depend on the table only.

    runs: of scores of the table, over which labels are drawn. largest_losses: the rows themselves, where there are few;
    without them few rows with weights are drawn, too.
    """
    if is_soft:
        return NullDistribution(reason="soft labels")
    if n_rows <= MOST_ENUMERATED and (largest_losses is not None or table.is_counted):
        return _enumerated(table, largest_losses, miscalibration)
    return _drawn(table, miscalibration, runs)


def _enumerated(
    table: ScoreTable, largest_losses: LargestLossesSummary | None, miscalibration: float
) -> NullDistribution:
    """All outcomes of few rows."""
    if largest_losses is None or table.is_counted:
        numbers = np.repeat(np.arange(len(table.counts)), table.counts.sum(axis=1))
        columns = table.points.proba, table.points.costs(1), table.points.costs(0)
        proba, if_one, if_zero = (column[numbers] for column in columns)
        shares = np.full(len(numbers), 1 / len(numbers))
    else:
        numbers, shares, proba, if_one, if_zero = _rows_of(largest_losses)
    mean, p_value = null_distribution_of_all(numbers, shares, proba, if_one, if_zero, miscalibration - TIE)
    return NullDistribution(mean, p_value=min(p_value, 1.0), n_draws=1 << len(numbers))


def _rows_of(largest_losses: LargestLossesSummary) -> tuple[Array, Array, Array, Array, Array]:
    """(Number of the score, share of all mass, P(1), loss of a 1, loss of a 0) of each row, in ascending order."""
    rows = [row for row in largest_losses.rows for _ in range(row.count)]
    forecast = np.array([row.forecast for row in rows])
    is_logit = rows[0].is_logit
    of_zero = None if rows[0].of_zero is None else np.array([row.of_zero for row in rows])
    keys, if_zero, if_one = np.empty(len(rows), np.int64), np.empty(len(rows)), np.empty(len(rows))
    if is_logit:
        score_keys.keys_of_logit(forecast, keys)
    else:
        score_keys.keys_of_proba(forecast, of_zero, keys)
    for label, out in enumerate((if_zero, if_one)):
        labels = np.full(len(rows), label, np.uint8)
        losses.surprisals(labels, forecast, of_zero, forecast if is_logit else None, out)
    weights = np.array([row.weight for row in rows])
    weights = weights / weights.max()
    # Rows in an order of their values, not of their places, so that sums over outcomes have the same bits for any.
    order = np.lexsort((if_one, if_zero, weights, keys))
    numbers = np.unique(keys[order], return_inverse=True)[1]
    weights = weights[order]
    return numbers, weights / weights.sum(), np.exp(-if_one)[order], if_one[order], if_zero[order]


def _drawn(table: ScoreTable, miscalibration: float, runs: Runs) -> NullDistribution:
    """Draws over runs of scores."""
    costs = finite(table.points.costs(0)), finite(table.points.costs(1))
    of_runs = means_of(runs, costs)
    if math.isfinite(miscalibration):
        # The observed miscalibration is compared at the coarseness of the draws, and rounded as they are.
        miscalibration = runs.miscalibration(of_runs)
    shown = draws_of(table, runs, runs.proba, of_runs, N_DRAWS)
    # Of few scores or rows many draws equal the observed one, up to the rounding of sums: those count as equal.
    as_much = int(np.count_nonzero(shown >= miscalibration - TIE * max(1.0, miscalibration)))
    more = miscalibration_within(table, runs, costs, of_runs)
    return NullDistribution(
        float(shown.mean()) + more,
        float(np.quantile(shown, CONFIDENCE)) + more,
        # The observed one counts as a draw: never 0, which 200 draws cannot show (Phipson and Smyth 2010).
        (1 + as_much) / (1 + N_DRAWS),
        N_DRAWS,
    )


def draws_of(table: ScoreTable, runs: Runs, proba: Array, costs: tuple[Array, Array], n_draws: int) -> Array:
    """The miscalibration of draws of labels from probabilities, of predictions with these losses of 0 and of 1."""
    shares, found = runs.drawn(proba, table.seed, n_draws), np.empty(n_draws)
    miscalibrations(shares, runs.mass, *costs, found)
    return found


def means_of(runs: Runs, costs: tuple[Array, Array]) -> tuple[Array, Array]:
    """The mean losses of 0 and of 1 in each run."""
    return runs.mean(costs[0]), runs.mean(costs[1])


def miscalibration_within(
    table: ScoreTable, runs: Runs, costs: tuple[Array, Array], of_runs: tuple[Array, Array]
) -> float:
    """The miscalibration of the observed labels, by score less by run: what draws over runs lack of it on average.

    costs, of_runs: losses of 0 and of 1 at each score, and in each run.
    """
    return table.places_alone.miscalibration(costs) - runs.miscalibration(of_runs) if runs.is_merged else 0.0
