"""The CORP decomposition, log loss = uncertainty − discrimination + miscalibration, with the null distribution of the
miscalibration and the overfitting of the isotonic fit.

It assumes that the true event rate rises with the predicted probability. Where it falls, an isotonic fit is flat, and
miscalibration that another map could remove is counted as lack of discrimination.

One isotonic fit (pool-adjacent-violators) serves every proper score. From a table it is exact. From bins it is bounded:
a map that is constant in each bin is monotone, so that the loss after pooling whole bins is at least that of the best
map; and moving a 0 before a 1 never increases the loss, so that with all zeros of a bin before its ones it is at most
that.

References: Dimitriadis, Gneiting and Jordan (2021), doi:10.1073/pnas.2016191118; Brümmer and du Preez (2013),
arXiv:1304.2331; DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595.
"""

from __future__ import annotations

import math
from typing import Any

from logloss.answers.estimate import INFINITE, Estimate, student_quantile
from logloss.inference.null_distribution import NullDistribution
from logloss.inference.overfitting import Overfitting
from logloss.inference.recalibration import Recalibration
from logloss.inference.variance import ErrorOf

# Of the test of calibration, in step with 95% intervals.
SIGNIFICANCE_LEVEL = 0.05
# Why a raw part has no interval: it includes the overfitting of the isotonic fit, which depends on the sample size.
OF_EXCESS = "the interval is that of `excess`"


class LossPart(Estimate):
    """Discrimination or miscalibration, in nats; too large on average by the overfitting of the isotonic fit.

    overfitting: by how much, at this sample size; nan where not known. excess: value − overfitting, the estimate of the
    figure of the population, with its interval.
    """

    excess: Estimate
    overfitting: float

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with all its figures."""
        return _part, (type(self), float(self), dict(self.__dict__))


class Discrimination(LossPart):
    """The discrimination (resolution), in nats: uncertainty less the log loss after isotonic recalibration.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([1, 0, 1, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
    >>> round(m.discrimination, 4), round(m.discrimination.excess + m.discrimination.overfitting, 4)
    (0.5623, 0.5623)
    """


class Miscalibration(LossPart):
    """The miscalibration, in nats: log loss less that after isotonic recalibration, with its null distribution.

    expected_if_calibrated, quantile_95_if_calibrated: mean and 95th percentile of its null distribution, that of
    perfectly calibrated predictions with the same values. p_value: the probability of one as large or larger
    under that distribution, from `n_draws` of it. All are nan, with `expected_if_calibrated_reason`, where it is not
    available; the percentile also for 12 rows or fewer, where all outcomes are enumerated. excess: the
    miscalibration less `overfitting`, with its interval. lowest, highest: bounds on the value; equal to it where the
    predictions were kept exactly. A true event rate that falls in the prediction is counted as lack of discrimination.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
    >>> part = m.miscalibration
    >>> round(part, 4), round(part.expected_if_calibrated, 4), round(part.p_value, 2)
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
        """Whether p_value is at most 0.05."""
        return self.p_value <= SIGNIFICANCE_LEVEL

    @property
    def is_worth_recalibrating(self) -> bool:
        """Whether it is significant, and the interval of its excess lies above 0."""
        return self.is_significant and self.excess.low > 0


def _part(kind: type[LossPart], value: float, figures: dict[str, Any]) -> LossPart:
    """A part with all its figures."""
    self = kind(value)
    self.__dict__.update(figures)
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
    miscalibration = Miscalibration(max(log_loss - recalibrated, 0.0), reason=OF_EXCESS if is_finite else INFINITE)
    # From bins the loss after pooling whole bins is at least that of the best map: the value is the lower bound.
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
    reason = reason if is_finite else INFINITE
    miscalibration.excess = _excess(miscalibration, overfitting, "miscalibration", error_of, reason)
    return discrimination, miscalibration


def _excess(part: float, overfitting: Overfitting, name: str, error_of: ErrorOf, reason: str) -> Estimate:
    """A part less its overfitting, with an interval."""
    value = part - overfitting.nats
    if reason or overfitting.influences is None:
        return Estimate(value, reason=overfitting.reason or reason)
    zeros, ones = getattr(overfitting.influences, name)
    sampling = error_of(zeros, ones, overfitting.mean_of(name))
    # The influences on the part of the smooth recalibration and the overfitting are uncorrelated: the one is odd in the
    # deviations of the labels from their expectation, the other even.
    reach = student_quantile(sampling.degrees) * math.hypot(sampling.error, overfitting.error)
    if not math.isfinite(reach):
        return Estimate(value, reason="the losses are too large")
    # The parts are squares of how far q is from p, and from the base rate: their errors grow with their roots, so that
    # the interval is symmetric in the root, which raises both ends, near 0 by at most a quarter of the reach.
    shift = reach * reach / (4 * max(value, reach)) if reach > 0 else 0.0
    return Estimate(value, value - reach + shift, value + reach + shift)
