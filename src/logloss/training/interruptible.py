"""Long work in one call, in another thread: Ctrl-C is obeyed while it lasts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

Result = TypeVar("Result")
# Seconds between two looks whether somebody has interrupted.
TICK = 0.1
# Who is told that there is still work going on.
WAITING: ContextVar[Callable[[], None] | None] = ContextVar("WAITING", default=None)


@contextlib.contextmanager
def told_of_waiting(progress: object) -> Iterator[None]:
    """While it lasts, `progress.on_wait()` is called at each tick of long work, if there is such a method."""
    token = WAITING.set(getattr(progress, "on_wait", None))
    try:
        yield
    finally:
        WAITING.reset(token)


def patiently(work: Callable[[], Result]) -> Result:
    """What a call returns or raises; the thread that waits for it can be interrupted.

    A library that holds no interpreter lock goes on by itself then, and ends with the process.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    outcome = _Outcome()

    def run() -> None:
        with outcome:
            outcome.value = work()

    thread = threading.Thread(target=run, name="logloss", daemon=True)
    thread.start()
    tick = WAITING.get()
    thread.join(TICK)
    while thread.is_alive():
        if tick is not None:
            tick()
        thread.join(TICK)
    if outcome.error is not None:
        raise outcome.error
    result: Result = outcome.value
    return result


class _Outcome:
    """What work in another thread has come to: its value, or the error that the waiting thread raises."""

    def __init__(self) -> None:
        self.value: Any = None
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self.error = error
        return True
