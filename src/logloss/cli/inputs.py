"""What a command reads: files, folders, patterns or standard input; none of it is what the command writes."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from logloss.data.source import Source
    from logloss.data.values import Value

# What threads of Arrow may still read when the command ends: standard input.
AT_WORK: list[Source] = []


def split(names: str | None, table: Source) -> list[str] | None:
    """Names of columns that stand between commas; a column whose own name has commas is one."""
    if names is None:
        return None
    return [names] if names in table.column_names else [name for each in names.split(",") if (name := each.strip())]


def split_features(names: str | None, table: Source) -> list[str] | None:
    """The same of features, which may be expressions: commas in brackets and in backticks are theirs."""
    if names is None:
        return None
    if names in table.column_names:
        return [names]
    found, depth, is_quoted = [""], 0, False
    for sign in names:
        is_quoted ^= sign == "`"
        depth += 0 if is_quoted else (sign == "(") - (sign == ")")
        if sign == "," and depth <= 0 and not is_quoted:
            found.append("")
        else:
            found[-1] += sign
    return [name for each in found if (name := each.strip())]


def check_label(table: Source, y_true: str | None) -> None:
    """Refuse a table without the name of its label column; files in svmlight format need none."""
    if y_true is None and not hasattr(table, "no_table"):
        raise click.UsageError("Missing option '-y' / '--y-true': the column of observed labels.")


def check_outputs(inputs: Iterable[str | None], **outputs: str | None) -> None:
    """Find out before the walk whether each output can be written, and that it takes the place of no input or other."""
    from logloss.files.storage import check_writable, identity, is_stream

    named = [each for each in inputs if each is not None]
    taken = {redirected_file(sys.stdin) if each == "-" else identity(each): "what is read" for each in named}
    answer = redirected_file(sys.stdout)
    if answer is not None and answer in taken:
        raise click.UsageError("standard output would overwrite what is read. Send it to another file.")
    if answer is not None:
        taken[answer] = "what is written to standard output"
    for option, path in outputs.items():
        if path == "-":
            raise click.UsageError(
                f"--{option} must name a file; got -, which is standard output, where the answer is written. "
                "For figures in a program: --json. A file of that name is ./-."
            )
        if path is not None:
            key = identity(path)
            if key in taken and not is_stream(path):
                raise click.UsageError(f"{path} would overwrite {taken[key]}. Name another file.")
            taken[key] = f"what --{option} writes"
            check_writable(path)


def redirected_file(stream: TextIO) -> tuple[int, int, str] | None:
    """The identity of the file that the shell has opened for a stream (`< FILE`, `> FILE`); None where it is none."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return None
    return (status.st_dev, status.st_ino, "") if stat.S_ISREG(status.st_mode) else None


def check_found(table: Source, words: Sequence[str], outputs: Iterable[str | None], summary: str | None) -> None:
    """The same for the files that folders and patterns mean, now and the next time; summary: the output that is one."""
    from logloss.data.arrow import is_found_by
    from logloss.files.storage import identity, is_stream

    paths = [file.path for file in getattr(table, "files", ()) if getattr(file, "path", "")]
    read = {identity(path): path for path in paths}
    answer = redirected_file(sys.stdout)
    if answer in read:
        raise click.UsageError(f"standard output would overwrite what is read: {read[answer]}. Send it elsewhere.")
    for path in outputs:
        if path is None or is_stream(path):
            continue
        key = identity(path)
        if key in read:
            raise click.UsageError(f"{path} would overwrite what is read: {read[key]}. Name another file.")
        for word in words:
            if is_found_by(path, word, is_summary=path == summary):
                raise click.UsageError(
                    f"{path} would be read as rows the next time that {word} is. Name a file in another folder."
                )


def typed(value: str) -> list[Value]:
    """The values that a typed group may stand for: text, a number; `null` is the missing value."""
    if value == "null":
        return [None]
    from logloss.data.values import number_in

    number = number_in(value)
    return [value] if number is None else [value, number]
