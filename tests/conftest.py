"""Settings of all tests: hypothesis draws the same examples each time, and does not mind the first compilation.

Where no browser is, the end of the tests says what was not looked at.
"""

from __future__ import annotations

import importlib.util
import shutil

from hypothesis import HealthCheck, settings

settings.register_profile(
    "logloss", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("logloss")


def pytest_terminal_summary(terminalreporter):
    """Say aloud that pages were not opened in a browser."""
    if shutil.which("chromium") is None or importlib.util.find_spec("playwright") is None:
        terminalreporter.section("NOT CHECKED: pages in a browser", yellow=True)
        terminalreporter.line(
            "tests/test_browser.py needs Debian's chromium (apt-get install chromium) and playwright."
        )
