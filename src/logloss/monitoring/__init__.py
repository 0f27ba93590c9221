"""Watching a forecaster over time: summaries of periods, and an alarm where something has changed.

>>> import logloss
>>> days = {name: logloss.measure([1, 0] * 50, [0.8, 0.4] * 50, name=name) for name in ("monday", "tuesday")}
>>> logloss.watch(days).alarm
False
"""

from __future__ import annotations

from logloss.monitoring.answer import Monitoring
from logloss.monitoring.watch import watch, watch_records

__all__ = ["Monitoring", "watch", "watch_records"]
