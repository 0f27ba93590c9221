"""Recalibration: maps from a score to a calibrated probability, and by how much they reduce the log loss.

>>> import logloss
>>> c = logloss.calibrate([1, 0, 1, 0] * 50, [0.9, 0.1, 0.9, 0.9] * 50)
>>> c.method, c.apply([0.9]).round(2).tolist()
('stack', [0.66])
"""

from __future__ import annotations

from logloss.calibration.answer import Calibration
from logloss.calibration.calibrate import calibrate

__all__ = ["Calibration", "calibrate"]
