"""Why the loss of one forecaster has moved: last month against this month.

>>> import logloss
>>> old = logloss.measure([1, 0, 1, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
>>> new = logloss.measure([1, 0, 0, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
>>> moved = logloss.diff(old, new)
>>> round(moved.log_loss, 4), round(moved.uncertainty - moved.discrimination + moved.miscalibration, 4)
(0.1014, 0.1014)
"""

from __future__ import annotations

from logloss.difference.answer import Difference
from logloss.difference.diff import diff

__all__ = ["Difference", "diff"]
