"""Tests of figures: `--fail-if "log_loss_nats > 0.36"`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from logloss.answers.figures import number_of_json
from logloss.cli.streams import LONGEST, to_stderr
from logloss.text import printable

if TYPE_CHECKING:
    from logloss.answers.answer import Answer

FAILED = 1
FAILURE = re.compile(r"\s*(?P<name>\w+)\s*(?P<operator>>=|<=|==|!=|>|<)\s*(?P<bound>\S+)\s*")
HOLDS: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


class FailIf(NamedTuple):
    """A test as it was typed, and its parts."""

    text: str
    figure: str
    operator: str
    bound: float


def judge(answer: Answer, tests: list[FailIf]) -> None:
    """Leave with 1 if a --fail-if holds."""
    figures = answer.to_dict() if tests else {}
    failed = [test for test in tests if fails(figures, test)]
    for test in failed:
        name = test.figure
        why = "" if figures[name] is not None else f" ({name} is not defined{_reason(figures, name)})"
        to_stderr(f"--fail-if holds: {printable(test.text, LONGEST)}{why}")
    if failed:
        raise click.exceptions.Exit(FAILED)


def _reason(figures: dict[str, Any], name: str) -> str:
    """Why a figure is not defined."""
    reason = figures.get(f"{name}_reason")
    return f": {printable(str(reason), LONGEST)}" if reason else ""


def parsed_test(text: str) -> FailIf:
    """A --fail-if test from its text."""
    match = FAILURE.fullmatch(text)
    try:
        bound = float(match["bound"]) if match else math.nan
    except ValueError:
        match = None
    if match is None:
        raise click.UsageError(f'--fail-if must read like "log_loss_nats > 0.36"; got "{text}".')
    return FailIf(text, match["name"], match["operator"], bound)


def fails(figures: dict[str, Any], test: FailIf) -> bool:
    """Whether a figure fails its test; one that is not defined does, and so does any against a bound of nan."""
    numbers = [
        key for key, value in figures.items() if isinstance(value, int | float) or value in (None, "inf", "-inf")
    ]
    name = test.figure
    if name not in numbers:
        import difflib

        close = difflib.get_close_matches(name, numbers, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise click.UsageError(f'--fail-if knows no figure "{name}".{hint} The figures are: {", ".join(numbers)}.')
    value = number_of_json(figures[name])
    return math.isnan(value) or math.isnan(test.bound) or HOLDS[test.operator](value, test.bound)
