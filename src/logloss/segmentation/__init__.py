"""Segments of the rows in which predictions are miscalibrated, or lose most: ranges of columns, and pairs of them.

>>> import logloss
>>> site = ["a", "b"] * 500
>>> y = [int(row % 4 < 2) if name == "a" else int(row % 10 < 2) for row, name in enumerate(site)]
>>> found = logloss.segments({"y": y, "p": [0.5] * 1000, "site": site}, y_true="y", y_proba="p", features=["site"])
>>> found.miscalibrated["segment"]
['site = b']
"""

from __future__ import annotations

from logloss.segmentation.answer import Segments
from logloss.segmentation.segments import segments

__all__ = ["Segments", "segments"]
