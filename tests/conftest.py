"""Settings of all tests: hypothesis draws the same examples each time, and does not mind the first compilation."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "logloss", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("logloss")
