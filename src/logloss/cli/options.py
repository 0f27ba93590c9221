"""The group of commands, and what they share: options, outputs, notes."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import click

from logloss.errors import DataError
from logloss.files.storage import NO_ROOM
from logloss.text import printable
from logloss.version import __version__

# Letters of a message: none is cut, but file and column names in it may hold what a terminal would obey.
LONGEST = 1 << 16
# What threads of Arrow may still read when the command ends: standard input.
AT_WORK: list[Any] = []


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="logloss")
def cli() -> None:
    """Measure and explain the probabilities of binary classifiers by their log loss."""


def everywhere(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command has."""
    command = click.option("--debug", is_flag=True, help="Show the traceback of an error.")(command)
    command = click.option("-q", "--quiet", is_flag=True, help="Nothing on stderr but errors.")(command)
    return click.option("--json", "as_json", is_flag=True, help="One flat JSON object instead of text.")(command)


# What several commands ask of their rows.
labelled = click.option(
    "-y", "--y-true", required=True, metavar="COL", help='Column of labels, or a comparison: "stars >= 4".'
)
weighted = click.option("-w", "--sample-weight", metavar="COL", help="Column of weights.")
repeated = click.option("--counts", metavar="COL", help="Column that says how many times each row stands.")
positive = click.option("--pos-label", metavar="V", help="The class that counts as 1, where labels are not 0 and 1.")
clustered = click.option(
    "--cluster", multiple=True, metavar="COL", help="Column whose equal values depend on each other."
)
headless = click.option("--no-header", is_flag=True, help="CSV files begin with data; columns are numbered from 0.")
droppable = click.option(
    "--missing", type=click.Choice(["error", "drop"]), default="error", help="Rows in which something is missing."
)
fails_if = click.option(
    "--fail-if",
    multiple=True,
    metavar="TEST",
    help='Exit 1 if it holds: "log_loss_nats > 0.36" (repeatable; nan fails).',
)
saves = click.option("-o", "--output", metavar="SUMMARY", help="Write the summary: it merges, and needs no rows.")


def seen(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that write a report or a picture of the answer."""
    kind = "Which picture --plot writes; the first one if left out (logloss show FILE --plot x.png --picture parts)."
    command = click.option("--picture", metavar="KIND", help=kind)(command)
    command = click.option("--plot", metavar="FIGURE", help="Write a picture: a .pdf, .svg or .png file.")(command)
    return click.option("--html", metavar="FILE", help="Write the report: one HTML file, no script.")(command)


def check_seen(html: str | None, plot: str | None, picture: str | None) -> None:
    """Find out before the walk whether report and picture can be made."""
    if picture is not None and plot is None:
        raise click.UsageError("--picture says what --plot FIGURE writes; name that file, too.")
    if html is not None or plot is not None:
        from logloss.show.plot import check_format

        if plot is not None:
            with as_usage():
                check_format(plot)


@contextmanager
def as_usage() -> Iterator[None]:
    """What is wrong with the words of a command is a matter of its usage, not of the data."""
    try:
        yield
    except DataError as error:
        raise click.UsageError(str(error)) from error


def write_seen(answer: Any, html: str | None, plot: str | None, picture: str | None) -> None:
    """The report and the picture of an answer."""
    if html is not None:
        answer.to_html(html)
    if plot is not None:
        from logloss.show.plot import save

        with as_usage():
            save(answer, plot, picture)


def say(answer: Any, *, as_json: bool) -> None:
    """An answer on stdout."""
    to_stdout(json.dumps(answer.to_dict(), allow_nan=False, indent=1) if as_json else repr(answer))


def to_stdout(text: str) -> None:
    """Text on stdout. Whoever reads it may have enough of it (`| head -1`): what is left to do is done all the same."""
    try:
        with stdout_named():
            click.echo(text)
    except BrokenPipeError:
        discard_answer()


@contextmanager
def stdout_named() -> Iterator[None]:
    """Say of what it is that there is no room."""
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
        click.echo(text, err=True)


def say_notes(answer: Any) -> None:
    """What was noticed on the way, on stderr."""
    for note in answer.notes:
        to_stderr(printable(note, LONGEST))


def say_warnings(caught: Any) -> None:
    """Warnings on stderr, each once."""
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        to_stderr(f"warning: {printable(text, LONGEST)}")


def split(names: str | None, table: Any) -> list[str] | None:
    """Names of columns that stand between commas; a column whose own name has commas is one."""
    if names is None:
        return None
    return [names] if names in table.column_names else [name for each in names.split(",") if (name := each.strip())]


def check_outputs(inputs: Iterable[str | None], **outputs: str | None) -> None:
    """Find out before the walk whether each output can be written, and that it takes the place of no input or other."""
    from logloss.files.storage import check_writable, identity, is_stream

    named = [each for each in inputs if each is not None]
    taken = {file_behind(sys.stdin) if each == "-" else identity(each): "what is read" for each in named}
    answer = file_behind(sys.stdout)
    if answer is not None and answer in taken:
        raise click.UsageError("standard output would overwrite what is read. Send it to another file.")
    if answer is not None:
        taken[answer] = "what is written to standard output"
    for option, path in outputs.items():
        if path is not None:
            key = identity(path)
            if key in taken and not is_stream(path):
                raise click.UsageError(f"{path} would overwrite {taken[key]}. Name another file.")
            taken[key] = f"what --{option} writes"
            check_writable(path)


def file_behind(stream: Any) -> Any:
    """The identity of the file that the shell has opened for a stream (`< FILE`, `> FILE`); None where it is none."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return None
    return (found.st_dev, found.st_ino, "") if stat.S_ISREG(found.st_mode) else None


def check_found(table: Any, words: Sequence[str], outputs: Iterable[str | None], summary: str | None) -> None:
    """The same for the files that folders and patterns mean: those of now, and those of the next time.

    summary: an output that is Parquet, whatever its name.
    """
    from logloss.data.arrow import is_found_by
    from logloss.files.storage import identity, is_stream

    paths = [file.path for file in getattr(table, "files", ()) if getattr(file, "path", "")]
    read = {identity(path): path for path in paths}
    answer = file_behind(sys.stdout)
    if answer in read:
        raise click.UsageError(f"standard output would overwrite what is read: {read[answer]}. Send it elsewhere.")
    for path in outputs:
        if path is None or is_stream(path):
            continue
        key = identity(path)
        if key in read:
            raise click.UsageError(f"{path} would overwrite what is read: {read[key]}. Name another file.")
        for word in words:
            if is_found_by(path, word, is_parquet=path == summary):
                raise click.UsageError(
                    f"{path} would be read as rows the next time that {word} is. Name a file in another folder."
                )


def typed(value: str) -> list[Any]:
    """What a group that was typed may be: text, a number; `null` is nothing."""
    if value == "null":
        return [None]
    from logloss.data.values import number_in

    number = number_in(value)
    return [value] if number is None else [value, number]


def opened(
    files: tuple[str, ...], *, header: bool, outputs: Iterable[str | None] = (), summary: str | None = None
) -> Any:
    """The source of the files named on the command line, none of which is an output; `-` is standard input."""
    from logloss.data.source import as_source

    if "-" in files:
        if len(files) > 1:
            raise click.UsageError("- (standard input) stands alone.")
        from logloss.data.arrow import open_stream

        if sys.stdin is None:
            raise click.UsageError("- is standard input, and that is closed.")
        # Kept, with its reader, to the end: to take that down is to wait for what the pipe says next.
        AT_WORK.append(open_stream(sys.stdin.buffer, header=header))
        return AT_WORK[-1]
    table = as_source(files[0] if len(files) == 1 else list(files), header=header)
    check_found(table, files, outputs, summary)
    return table
