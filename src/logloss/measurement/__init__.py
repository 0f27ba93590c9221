"""Measuring predictions: their log loss, its decomposition, calibration and ranking.

>>> import logloss
>>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
>>> round(m.log_loss, 4), round(m.base_rate, 2)
(0.3375, 0.75)
"""

from __future__ import annotations

from logloss.measurement.answer import Measurement, measurement_of
from logloss.measurement.measure import measure
from logloss.measurement.record import SummaryRecord, summarise, summarise_groups

__all__ = ["Measurement", "measure", "measurement_of", "SummaryRecord", "summarise", "summarise_groups"]
