r"""A change detector that may be looked at after every period: a weighted sum of martingales, one for each change.

**The model.** x₁, x₂, … are figures of periods with precisions w₁, w₂, …: normal, independent, with the variance
σ²/wₜ, and, as long as nothing changes, a common mean, which is not known. Nothing is assumed of this mean: a forecaster
that is miscalibrated from the beginning is no change.

**The statistic.** If the mean changes by δ at period s, with δ ~ N(0, σ²τ²), the ratio of the likelihoods of what does
not depend on the mean (nor on σ) is, with d the mean since s less that before, h = W_A·W_B / (W_A + W_B) from the
precisions before and since, and R = Σ w(x − x̄)² over all n periods,

    (1 + τ²h)^(−1/2) · (1 − (d²h / R) · τ²h / (1 + τ²h))^(−(n − 1)/2)                    σ not known
    (1 + τ²h)^(−1/2) · exp(½ · d²h · τ²h / (1 + τ²h))                                     σ = 1

For each s and τ it is a martingale from 1 on while nothing changes: the Bayes factor with the right Haar prior of the
mean, and of σ (Pérez-Ortiz, Lardy, de Heide and Grünwald 2024, doi:10.1214/24-AOS2394). So is their sum with weights
that add up to 1, those of changes that are still to come included. **With probability 1 − alpha it stays below
1 / alpha at all times** (Ville's inequality), however long the run: an e-detector whose weights are spent over the run
(Shin, Ramdas and Rinaldo 2024, doi:10.51387/23-NEJSDS51), so that it bounds the probability of any false alarm and not
only the average run length.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from logloss.data.values import Array

# The sizes of a change that are mixed, in standard errors of a period: from a quarter to four of them.
SIZES = 2.0 ** np.arange(-2, 3)
# The weight of a change at the j-th period after the reference is SPAN / ((j + SPAN − 1)(j + SPAN)): nearly equal for
# so many periods, and they add up to 1.
SPAN = 50


class Detected(NamedTuple):
    """After each period after the reference: logarithm of the e-value, likeliest first period of a change, mean since
    it less that before."""

    log_e_values: Array
    changes: Array
    sizes: Array


def detected(values: Array, precisions: Array, n_reference: int, *, has_known_scale: bool) -> Detected:
    """The detector on figures of periods, of which the first ones are the reference.

    Cost: O(n²) in the number of periods.
    """
    n_periods = len(values)
    # About the mean of the reference, so that squares have their digits.
    centre = float(np.average(values[:n_reference], weights=precisions[:n_reference]))
    x = values - centre
    weights, sums, squares = (np.cumsum(precisions * x**power) for power in (0, 1, 2))
    # Fixed by the reference, before any other period.
    spread = SIZES**2 / float(precisions[:n_reference].mean())
    number = np.arange(1, n_periods - n_reference + 1)
    log_weights = math.log(SPAN) - np.log(number + SPAN - 1) - np.log(number + SPAN)
    log_e_values, sizes = np.zeros((2, len(number)))
    changes = np.zeros(len(number), np.int64)
    for last in range(n_reference, n_periods):
        # Before each possible change, and since.
        before, sum_before = weights[n_reference - 1 : last], sums[n_reference - 1 : last]
        since, sum_since = weights[last] - before, sums[last] - sum_before
        h = before * since / weights[last]
        size = sum_since / since - sum_before / before
        squared = size**2 * h
        of_change = spread[:, None] * h
        gain = squared * of_change / (1 + of_change)
        if has_known_scale:
            log_ratio = gain / 2
        else:
            rest = squares[last] - sums[last] ** 2 / weights[last]
            # Equal figures leave nothing, whatever the size of a change.
            share = np.minimum(gain / rest, 1 - np.finfo(float).eps) if rest > 0 else np.zeros_like(gain)
            log_ratio = -last / 2 * np.log1p(-share)
        log_ratio = log_ratio - np.log1p(of_change) / 2 - math.log(len(SIZES))
        place = last - n_reference
        of_changes = log_sum(log_ratio) + log_weights[: place + 1]
        # Changes after this period: 1 each, so far.
        to_come = math.log(SPAN) - math.log(place + 1 + SPAN)
        log_e_values[place] = float(log_sum(np.append(of_changes, to_come)[:, None])[0])
        likeliest = int(np.argmax(of_changes))
        changes[place], sizes[place] = n_reference + likeliest, size[likeliest]
    return Detected(log_e_values, changes, sizes)


def log_sum(logs: Array) -> Array:
    """log Σ exp of each column."""
    most = logs.max(axis=0)
    total: Array = most + np.log(np.exp(logs - most).sum(axis=0))
    return total
