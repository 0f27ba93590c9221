"""Settings of all tests: hypothesis draws the same examples each time, and does not mind the first compilation.

Small matrices have one thread: teams of BLAS, one for each test process, would wait for each other most of the time.
Where no browser is, the end of the tests says what was not looked at.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from functools import cache

import pytest
from hypothesis import HealthCheck, settings

# Read when NumPy is first imported, here and in the processes that tests start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
settings.register_profile(
    "logloss", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("logloss")


OLDEST_JAVA = 17


@cache
def java_is_missing() -> bool:
    """Whether there is no Java that runs Spark. Where `.ci/run` asks for engines, missing is an error."""
    java = shutil.which("java")
    message = subprocess.run([java, "-version"], capture_output=True, text=True).stderr if java else ""
    found = re.search(r'version "(\d+)', message)
    is_missing = found is None or int(found[1]) < OLDEST_JAVA
    assert not (is_missing and os.environ.get("LOGLOSS_TEST_ENGINES")), "Spark must be tested here, and needs Java"
    return is_missing


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Where tests are run side by side, those of a file stay together: workers that meet the same kernels at the same time
    each compile them, and each makes what the file's tests share. What takes longest begins first."""
    if not hasattr(config, "workerinput"):
        return
    first: dict[str, int] = {}
    for item in items:
        group = item.get_closest_marker("xdist_group")
        is_program = item.path.stem == "test_benchmarks" and item.get_closest_marker("slow") is not None
        if group is None and not is_program:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
        first[item.nodeid] = 0 if group is not None else 1 if is_program else 2
    items.sort(key=lambda item: first[item.nodeid])


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
