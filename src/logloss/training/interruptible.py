"""Long work in one call, in another thread, so that Ctrl-C ends it; and the callbacks that report the phase.

A progress function may have two methods: `on_phase(name)`, called before each walk over the rows and before other long
work, and `on_wait()`, called while work without rows goes on.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

Result = TypeVar("Result")
# The phases of a fit, as `progress.on_phase` is called with them.
(
    COLUMNS,
    SAMPLE,
    PASSES,
    SEPARATION,
    PASSES_OF_FACE,
    PROFILES,
    INFORMATION_MATRIX,
    ERRORS,
    LEAVE_ONE_OUT,
) = PHASES = (
    "columns",
    "starting sample",
    "passes",
    "separation",
    "passes over rows not separated",
    "profile likelihood",
    "information matrix",
    "standard errors",
    "leave-one-out",
)
# Seconds between two looks whether somebody has interrupted.
TICK = 0.1
# Work on a matrix of fewer rows is done at once: an eigendecomposition of so many takes a tenth of a second.
LARGE_MATRIX = 256
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


def tell_phase(progress: object, phase: str) -> None:
    """Call `progress.on_phase(phase)`, if there is such a method."""
    on_phase = getattr(progress, "on_phase", None)
    if on_phase is not None:
        on_phase(phase)


def tick() -> None:
    """One step of long work is done."""
    told = WAITING.get()
    if told is not None:
        told()


def patiently(work: Callable[[], Result], *, size: int | None = None) -> Result:
    """What a call returns or raises; the thread that waits for it can be interrupted.

    size: rows of the matrix that it works on; with fewer than LARGE_MATRIX it is done at once. After an interruption
    work that has released the interpreter's lock continues in its thread, and ends with the process.
    """
    is_short = size is not None and size < LARGE_MATRIX
    if is_short or threading.current_thread() is not threading.main_thread():
        return work()
    outcome = _Outcome()

    def run() -> None:
        with outcome:
            outcome.value = work()

    thread = threading.Thread(target=run, name="logloss", daemon=True)
    thread.start()
    thread.join(TICK)
    while thread.is_alive():
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
