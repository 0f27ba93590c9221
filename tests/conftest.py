"""Settings of all tests: hypothesis draws the same examples each time, and does not mind the first compilation.

Where no browser is, the end of the tests says what was not looked at.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from functools import cache

from hypothesis import HealthCheck, settings

settings.register_profile(
    "logloss", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("logloss")


OLDEST_JAVA = 17


@cache
def java_is_missing() -> bool:
    """Whether there is no Java that runs Spark. Where `.ci/run` asks for engines, missing is an error."""
    java = shutil.which("java")
    said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr if java else ""
    found = re.search(r'version "(\d+)', said)
    is_missing = found is None or int(found[1]) < OLDEST_JAVA
    assert not (is_missing and os.environ.get("LOGLOSS_TEST_ENGINES")), "Spark must be tested here, and needs Java"
    return is_missing


def pytest_terminal_summary(terminalreporter):
    """What was not tested is said where everybody sees it."""
    if java_is_missing():
        terminalreporter.write_line(
            "SPARK WAS NOT TESTED: it needs Java 17 or newer (Debian: apt install openjdk-17-jre-headless)", red=True
        )
    if shutil.which("chromium") is None or importlib.util.find_spec("playwright") is None:
        terminalreporter.section("NOT CHECKED: pages in a browser", yellow=True)
        terminalreporter.line(
            "tests/test_browser.py needs Debian's chromium (apt-get install chromium) and playwright."
        )
