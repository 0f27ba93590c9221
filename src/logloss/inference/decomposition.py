"""The parts of a log loss: uncertainty − discrimination + miscalibration, and what chance alone would show of the last.

One isotonic fit (pool-adjacent-violators) serves every proper score. From a table it is exact. From bins it is bounded:
a map that is constant in each bin is a monotone map, so that pooling whole bins costs at least as much as the best one;
and moving a 0 before a 1 never costs more, so that pooling bins with all zeros before all ones costs at most as much.

References: Dimitriadis, Gneiting and Jordan (2021), doi:10.1073/pnas.2016191118; Brümmer and du Preez (2013),
arXiv:1304.2331; DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595.
"""

from __future__ import annotations

import math
from typing import Any

from logloss.answers.estimate import Estimate, with_interval
from logloss.inference.chance import Chance
from logloss.inference.moments import NEXT_TO_NOTHING
from logloss.inference.recalibration import Recalibration, influences_of
from logloss.inference.variance import ErrorOf

# Of the test of calibration, in step with intervals of 95 %.
SIGNIFICANCE_LEVEL = 0.05


class Miscalibration(Estimate):
    """The miscalibration, in nats, and what chance alone would show of it.

    by_chance: the mean of a calibrated forecaster with the same predictions; by_chance_95: what 95 in 100 of them stay
    below; p_value: the share of them that show as much as was found. All nan with `chance_reason` where they are not
    available. beyond_chance: value − by_chance with its interval. lowest, highest: what is certain of the value; equal
    to it where the scores were kept exactly.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
    >>> round(m.miscalibration, 4), round(m.miscalibration.by_chance, 4), round(m.miscalibration.p_value, 2)
    (0.3375, 0.3975, 0.84)
    """

    by_chance: float
    by_chance_95: float
    p_value: float
    chance_reason: str
    n_draws: int
    beyond_chance: Estimate
    lowest: float
    highest: float

    @property
    def is_beyond_chance(self) -> bool:
        """Whether it is significant at 5 %: fewer than 1 in 20 calibrated forecasters would show as much."""
        return self.p_value <= SIGNIFICANCE_LEVEL

    @property
    def is_worth_repairing(self) -> bool:
        """Whether it is significant, and what lies beyond chance has an interval above 0."""
        return self.is_beyond_chance and self.beyond_chance.low > 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with everything it knows."""
        return _miscalibration, (float(self), dict(self.__dict__))


def _miscalibration(value: float, known: dict[str, Any]) -> Miscalibration:
    """A miscalibration with everything it knows."""
    self = Miscalibration(value)
    self.__dict__.update(known)
    return self


def decomposed(
    recalibration: Recalibration, log_loss: float, chance: Chance, error_of: ErrorOf, reason: str
) -> tuple[Estimate, Miscalibration]:
    """(Discrimination, miscalibration) of a log loss, with intervals unless there is a reason why not."""
    recalibrated, uncertainty = recalibration.log_loss, recalibration.uncertainty
    # Entropy is concave: below 0 is the rounding of two sums.
    discrimination = Estimate(max(uncertainty - recalibrated, 0.0), reason=reason)
    miscalibration = Miscalibration(max(log_loss - recalibrated, 0.0), reason=reason or "infinite")
    # From bins pooling whole bins costs at least as much as the best map: the value itself is the lower end.
    miscalibration.lowest = float(miscalibration)
    miscalibration.highest = max(log_loss - recalibration.least_log_loss, 0.0)
    miscalibration.by_chance, miscalibration.by_chance_95 = chance.mean, chance.high
    miscalibration.p_value, miscalibration.n_draws = chance.p_value, chance.n_draws
    miscalibration.chance_reason = chance.reason
    miscalibration.beyond_chance = Estimate(miscalibration - chance.mean, reason=reason or chance.reason or "infinite")
    if reason:
        return discrimination, miscalibration
    rate = recalibration.positive / recalibration.total
    # Of integers: a class that is there may still have a share that rounds to 0 or 1.
    if not 0 < rate < 1:
        is_one_class = recalibration.positive in (0, recalibration.total)
        return Estimate(discrimination, reason="one class" if is_one_class else NEXT_TO_NOTHING), miscalibration
    influences = influences_of(recalibration)
    discrimination = with_interval(discrimination, error_of(*influences.discrimination, float(discrimination)), low=0.0)
    if math.isfinite(log_loss):
        sampling = error_of(*influences.miscalibration, float(miscalibration))
        if math.isnan(sampling.error):
            miscalibration.reason = "the losses are too large"
            return discrimination, miscalibration
        shown = with_interval(float(miscalibration), sampling, low=0.0)
        miscalibration.low, miscalibration.high, miscalibration.reason = shown.low, shown.high, ""
        if not math.isnan(chance.mean):
            # The mean of chance is taken as known: its own error is a fourteenth of the spread of the draws.
            miscalibration.beyond_chance = with_interval(miscalibration - chance.mean, sampling)
    return discrimination, miscalibration
