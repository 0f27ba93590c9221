"""Long work in one call, in another thread: Ctrl-C is obeyed while it lasts.

>>> patiently(lambda: sum(range(10)))
45
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")
# Seconds between two looks whether somebody has interrupted.
TICK = 0.1


def patiently(work: Callable[[], Result]) -> Result:
    """What a call returns or raises; the thread that waits for it can be interrupted.

    A library that holds no interpreter lock goes on by itself then, and ends with the process.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    found: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="logloss", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(TICK)
    if failed:
        raise failed[0]
    result: Result = found[0]
    return result
