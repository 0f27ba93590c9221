"""The change in log loss between two measurements of a forecaster, and its decomposition.

>>> import logloss
>>> old = logloss.measure([1, 0, 1, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
>>> new = logloss.measure([1, 0, 0, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
>>> change = logloss.diff(old, new)
>>> round(change.log_loss, 4), round(change.uncertainty - change.discrimination + change.miscalibration, 4)
(0.1014, 0.1014)
"""

from __future__ import annotations

from logloss.difference.answer import Difference
from logloss.difference.diff import diff

__all__ = ["Difference", "diff"]
