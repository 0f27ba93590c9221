"""Output of a command: its answer on stdout, all else on stderr, without characters that a terminal would obey."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from logloss.cli.shell_words import in_shell_words
from logloss.files.storage import NO_ROOM
from logloss.text import printable

if TYPE_CHECKING:
    import warnings

# Letters of a message: none is cut, but file and column names in it may hold what a terminal would obey.
LONGEST = 1 << 16


def to_stdout(text: str) -> None:
    """Text on stdout. Whoever reads it may have enough of it (`| head -1`): what is left to do is done all the same."""
    try:
        with stdout_named():
            click.echo(text)
    except BrokenPipeError:
        discard_answer()


@contextmanager
def stdout_named() -> Iterator[None]:
    """Name standard output in errors of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        discard_answer()
        raise OSError(f"cannot write the answer to standard output: {error.strerror}. Send it elsewhere.") from error


def check_stdout() -> None:
    """Raise an OSError if nothing can be written to stdout: it was closed (`>&-`)."""
    if sys.stdout is None:
        raise OSError("cannot write the answer: standard output is closed. Send it to a file.")


def discard_answer() -> None:
    """What is left in the buffer of stdout must not be written when the interpreter ends."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def to_stderr(text: str) -> None:
    """Text on stderr. Where nobody can read it (closed, full), the answer is the same."""
    with suppress(OSError, ValueError):
        click.echo(in_shell_words(text), err=True)


def say_notes(notes: Iterable[str]) -> None:
    """What was noticed on the way, on stderr."""
    for note in notes:
        to_stderr(printable(note, LONGEST))


def say_warnings(caught: Iterable[warnings.WarningMessage]) -> None:
    """Warnings on stderr, each once."""
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        to_stderr(f"warning: {printable(text, LONGEST)}")
