"""The log loss of the same predictions at other base rates.

If only the base rate changes, the mean loss of each class stays: log loss = rate·L₁ + (1 − rate)·L₀.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from logloss.answers.estimate import SamplingError, logit, with_interval
from logloss.answers.small_table import SmallTable
from logloss.data.values import Array
from logloss.errors import DataError
from logloss.inference.logistic_line import costs
from logloss.inference.score_table import ScoreTable, dot
from logloss.inference.variance import ErrorOf
from logloss.information import entropy
from logloss.text import value_text

RATES = (0.001, 0.01, 0.02, 0.05, *(round(0.1 * k, 1) for k in range(1, 10)), 0.95, 0.98, 0.99, 0.999)


def at_base_rates(table: ScoreTable, error_of: ErrorOf, reason: str, rates: Sequence[float] | None) -> SmallTable:
    """The loss at some base rates, of the predictions as they are and with their log-odds shifted with the rate."""
    zeros, ones = table.shares
    mass = float(zeros.sum()), float(ones.sum())
    if min(mass) <= 0:
        raise DataError(f"the labels must have both classes: every one is {0 if mass[1] <= 0 else 1}.")
    if rates is None:
        rates = sorted({*RATES, mass[1]})
    for rate in rates:
        if not 0 <= rate <= 1:
            raise DataError(f"a base rate must lie in [0, 1]; got {value_text(rate)}.")
    kept = [_finite(shares, cost) for shares, cost in ((zeros, table.if_zero), (ones, table.if_one))]
    # Of each class over its own mass: that stays when only the base rate changes.
    means = [_mean(shares, cost) / whole for shares, cost, whole in zip((zeros, ones), kept, mass, strict=True)]
    columns: dict[str, list[float]] = {"base_rate": [float(rate) for rate in rates]}
    for name in ("log_loss_nats", "log_loss_nats_low", "log_loss_nats_high", "log_loss_shifted_nats"):
        columns[name] = []
    columns |= {"uncertainty_nats": [], "skill": []}
    for rate in columns["base_rate"]:
        # A class that does not occur has no part, even of infinite loss.
        loss = sum(weight * mean for weight, mean in ((1 - rate, means[0]), (rate, means[1])) if weight > 0)
        sampling = SamplingError(math.nan)
        if not reason and math.isfinite(loss):
            with np.errstate(over="ignore"):
                scaled = ((1 - rate) / mass[0] * (kept[0] - means[0]), rate / mass[1] * (kept[1] - means[1]))
            # Of a class of almost no weight the error may be no number.
            is_finite = all(bool(np.isfinite(each).all()) for each in scaled)
            sampling = error_of(*scaled, 0.0) if is_finite else sampling
        uncertainty = float(entropy(rate))
        columns["log_loss_nats"].append(loss)
        # A loss is never below 0, whatever the interval of its classes' means says.
        estimate = with_interval(loss, sampling, low=0.0)
        columns["log_loss_nats_low"].append(estimate.low)
        columns["log_loss_nats_high"].append(estimate.high)
        columns["log_loss_shifted_nats"].append(_shifted(table, rate, mass))
        columns["uncertainty_nats"].append(uncertainty)
        columns["skill"].append(1 - loss / uncertainty if uncertainty else math.nan)
    return SmallTable(columns)


def _finite(shares: Array, cost: Array) -> Array:
    """Losses, with 0 where there is no row."""
    return np.where(shares > 0, cost, 0.0)


def _mean(shares: Array, cost: Array) -> float:
    return math.inf if np.isinf(cost).any() else dot(shares, cost)


def _shifted(table: ScoreTable, rate: float, mass: tuple[float, float]) -> float:
    """The loss with the log-odds of every prediction shifted by as much as those of the base rate."""
    if rate in (0, 1):
        return 0.0
    # Of both masses, not of one less the other: of a very rare class the digits would be lost.
    shift = logit(rate) - (math.log(mass[1]) - math.log(mass[0]))
    total = 0.0
    for label, points in enumerate((table.of_zeros, table.of_ones)):
        shares = table.shares[label]
        log_one, log_zero = points.logs
        log_odds = log_one + log_zero + shift
        weight = rate if label else 1 - rate
        total += weight * _mean(shares, _finite(shares, costs(log_odds, label))) / mass[label]
    return total
