"""The progress bar of a command."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

    from logloss.data.block import Block
    from logloss.data.rows import Rows
    from logloss.data.source import Source
    from logloss.training.certificate import Pass

# A walk that lasts longer than this many seconds shows how far it is.
PATIENCE = 1.0


class Bar:
    """A progress bar: called with each block that was walked, and told of each pass of a fit."""

    def __init__(self, shown: tqdm[None]) -> None:
        self.shown, self.lock, self.n_passes = shown, threading.Lock(), 0

    def __call__(self, block: Block | Rows) -> None:
        with self.lock:
            self.shown.update(block.n_rows)

    def on_wait(self) -> None:
        """Work that walks over no rows is going on: the clock of the bar shows it."""
        with self.lock:
            self.shown.refresh()

    def on_pass(self, found: Pass) -> None:
        """The next pass walks over all rows again."""
        with self.lock:
            self.n_passes += 1
            left = f"within {found.bound:.0e}" if math.isfinite(found.bound) else "no bound yet"
            # Not `reset`, with which a pass of less than PATIENCE would never be seen.
            self.shown.n = self.shown.last_print_n = 0
            text = f"pass {self.n_passes}, log loss {found.log_loss:.4f}, {left} nats"
            self.shown.set_postfix_str(text, refresh=False)


@contextmanager
def bar(source: Source, *, quiet: bool) -> Iterator[Bar | None]:
    """A progress bar on a terminal, once a walk takes longer than PATIENCE."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(
        total=source.n_rows, unit=" rows", unit_scale=True, delay=PATIENCE, leave=False, file=sys.stderr
    ) as shown:
        yield Bar(shown)
