"""The parts of a log loss: uncertainty − discrimination + miscalibration; what chance alone would show of the last, and
how much of the last two is overfitting.

One isotonic fit (pool-adjacent-violators) serves every proper score. From a table it is exact. From bins it is bounded:
a map that is constant in each bin is a monotone map, so that pooling whole bins costs at least as much as the best one;
and moving a 0 before a 1 never costs more, so that pooling bins with all zeros before all ones costs at most as much.

References: Dimitriadis, Gneiting and Jordan (2021), doi:10.1073/pnas.2016191118; Brümmer and du Preez (2013),
arXiv:1304.2331; DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595.
"""

from __future__ import annotations

import math
from typing import Any

from logloss.answers.estimate import Estimate, student_quantile
from logloss.inference.null_distribution import NullDistribution
from logloss.inference.overfitting import Overfitting
from logloss.inference.recalibration import Recalibration
from logloss.inference.variance import ErrorOf

# Of the test of calibration, in step with intervals of 95 %.
SIGNIFICANCE_LEVEL = 0.05
# Why a part has no interval of its own: it grows by the overfitting of the isotonic fit, which depends on the size.
OF_EXCESS = "the interval is that of `excess`"


class LossPart(Estimate):
    """A part of the loss that comes from the isotonic fit, in nats: too large on average by what this overfits.

    overfitting: by how much, at this size; nan where it is not known. excess: value − overfitting, the estimate of the
    part of the population, with its interval.
    """

    excess: Estimate
    overfitting: float

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with everything it knows."""
        return _part, (type(self), float(self), dict(self.__dict__))


class Discrimination(LossPart):
    """The discrimination, in nats: what the predictions know of the labels.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([1, 0, 1, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
    >>> round(m.discrimination, 4), round(m.discrimination.excess + m.discrimination.overfitting, 4)
    (0.5623, 0.5623)
    """


class Miscalibration(LossPart):
    """The miscalibration, in nats, and what chance alone would show of it.

    expected_if_calibrated, quantile_95_if_calibrated: mean and 95th percentile of its null distribution, that of
    perfectly calibrated predictions with the same values. p_value: the probability of one as large or larger
    under that distribution. All are nan, with `expected_if_calibrated_reason`, where it is not available. excess: the
    miscalibration less `overfitting`, with its interval. lowest, highest: bounds on the value; equal to it where the
    scores were kept exactly.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
    >>> found = m.miscalibration
    >>> round(found, 4), round(found.expected_if_calibrated, 4), round(found.p_value, 2)
    (0.3375, 0.3975, 0.84)
    """

    expected_if_calibrated: float
    quantile_95_if_calibrated: float
    p_value: float
    expected_if_calibrated_reason: str
    n_draws: int
    lowest: float
    highest: float

    @property
    def is_significant(self) -> bool:
        """Whether it is significant at 5 %: fewer than 1 in 20 calibrated forecasters would show as much."""
        return self.p_value <= SIGNIFICANCE_LEVEL

    @property
    def is_worth_recalibrating(self) -> bool:
        """Whether it is significant, and the interval of its excess lies above 0."""
        return self.is_significant and self.excess.low > 0


def _part(kind: type[LossPart], value: float, known: dict[str, Any]) -> LossPart:
    """A part with everything it knows."""
    self = kind(value)
    self.__dict__.update(known)
    return self


def decomposed(
    recalibration: Recalibration,
    log_loss: float,
    null_distribution: NullDistribution,
    overfitting: Overfitting,
    error_of: ErrorOf,
    reason: str,
) -> tuple[Discrimination, Miscalibration]:
    """(Discrimination, miscalibration) of a log loss; their excess has an interval unless there is a reason why not."""
    recalibrated, uncertainty = recalibration.log_loss, recalibration.uncertainty
    # Entropy is concave: below 0 is the rounding of two sums.
    discrimination = Discrimination(max(uncertainty - recalibrated, 0.0), reason=OF_EXCESS)
    is_finite = math.isfinite(log_loss)
    miscalibration = Miscalibration(max(log_loss - recalibrated, 0.0), reason=OF_EXCESS if is_finite else "infinite")
    # From bins pooling whole bins costs at least as much as the best map: the value itself is the lower end.
    miscalibration.lowest = float(miscalibration)
    miscalibration.highest = max(log_loss - recalibration.least_log_loss, 0.0)
    miscalibration.expected_if_calibrated, miscalibration.quantile_95_if_calibrated = (
        null_distribution.mean,
        null_distribution.high,
    )
    miscalibration.p_value, miscalibration.n_draws = null_distribution.p_value, null_distribution.n_draws
    miscalibration.expected_if_calibrated_reason = null_distribution.reason
    discrimination.overfitting = miscalibration.overfitting = overfitting.nats
    discrimination.excess = _excess(discrimination, overfitting, "discrimination", error_of, reason)
    reason = reason if is_finite else "infinite"
    miscalibration.excess = _excess(miscalibration, overfitting, "miscalibration", error_of, reason)
    return discrimination, miscalibration


def _excess(part: float, overfitting: Overfitting, name: str, error_of: ErrorOf, reason: str) -> Estimate:
    """A part without what is overfitting, with the interval of what is left."""
    value = part - overfitting.nats
    if reason or overfitting.influences is None:
        return Estimate(value, reason=overfitting.reason or reason)
    zeros, ones = getattr(overfitting.influences, name)
    sampling = error_of(zeros, ones, overfitting.mean_of(name))
    # What rows add to the part of the smooth recalibration, and what is overfitted, vary by themselves: the one is odd
    # in what happens beyond expectation, the other even.
    reach = student_quantile(sampling.degrees) * math.hypot(sampling.error, overfitting.error)
    if not math.isfinite(reach):
        return Estimate(value, reason="the losses are too large")
    # The parts are squares of how far q is from p, and from the base rate: their errors grow with their roots, so that
    # the interval is symmetric in the root, which moves both of its ends up. Next to 0 by no more than a quarter of it.
    shift = reach * reach / (4 * max(value, reach)) if reach > 0 else 0.0
    return Estimate(value, value - reach + shift, value + reach + shift)
