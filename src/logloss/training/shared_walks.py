"""Several fits at once, each in a thread of its own, of which one walk over the rows makes the passes of all.

>>> together([lambda submit: submit(2) + 1, lambda submit: submit(3)], lambda asked: asked)
[3, 3]
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any


class Abandoned(Exception):
    """Raised in a fit that waits for a walk which is not made, as another fit has failed."""


Submit = Callable[[Any], Any]


def together(tasks: Sequence[Callable[[Submit], Any]], walk: Callable[[dict[int, Any]], dict[int, Any]]) -> list[Any]:
    """What each task returns; all run at once, and one call of `walk` makes the passes that they wait for."""
    asked: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    replies: list[queue.SimpleQueue[Any]] = [queue.SimpleQueue() for _ in tasks]

    def run(number: int) -> Any:
        def submit(request: Any) -> Any:
            asked.put((number, request))
            reply = replies[number].get()
            if isinstance(reply, Abandoned):
                raise reply
            return reply

        return tasks[number](submit)

    with ThreadPoolExecutor(len(tasks), thread_name_prefix="logloss-fold") as pool:
        n_running, waiting = len(tasks), dict[int, Any]()
        # Within `try`: tasks that have begun before an interruption would wait for ever.
        try:
            futures = [pool.submit(run, number) for number in range(len(tasks))]
            for number, future in enumerate(futures):
                future.add_done_callback(partial(lambda number, future: asked.put((number, future)), number))
            while n_running:
                number, request = asked.get()
                if request is futures[number]:
                    request.result()
                    n_running -= 1
                else:
                    waiting[number] = request
                if waiting and len(waiting) == n_running:
                    for number, answer in walk(waiting).items():
                        replies[number].put(answer)
                    waiting = {}
        finally:
            # After an error or Ctrl-C the others end where they wait next.
            for reply in replies:
                reply.put(Abandoned())
    return [future.result() for future in futures]
