"""Messages of the library in the words of the shell: `missing="drop"` is --missing drop there.

The library names its arguments between backticks, or with a value: `pos_label=`, y_true="stars >= 4", exclude=["id"],
l2=1. Each that is an option of a command becomes that option; advice that only Python can follow is left out.
"""

from __future__ import annotations

import re
import shlex
from functools import cache

import click

from logloss.cli.options import cli

# Arguments of the library that are called otherwise in the shell.
OTHER_NAMES = {"groups": "--group", "n_folds": "--folds", "header": "--no-header", "forecasts": "-p"}
# What only Python can do, and what takes its place.
PYTHON_ONLY = (
    (re.compile(r"`save` or `-o`"), "-o"),
    (re.compile(r"`header=False`"), "--no-header"),
    (re.compile(r"`two_way=True`"), "--two-way"),
    (re.compile(r"`group_levels=True`"), "--group-levels"),
    (re.compile(r"`(l[12])_path` must be True, "), r"--\1-path must have no value, "),
    (re.compile(r"`?fit_intercept=False`?"), "--no-intercept"),
    (re.compile(r", or look at `model\.\w+`( and `model\.\w+`)?"), ""),
    (re.compile(r"; or pass an array as `\w+`"), ""),
    (re.compile(r" \(in the shell (-\w)\)"), ""),
    (re.compile(r"`?\blogloss\.(\w+)`?(?:\(\))?"), r"`logloss \1`"),
    (re.compile(r"\b(diff|plan|measure|merge|watch)\(\) takes"), r"`logloss \1` takes"),
)


@cache
def options() -> dict[str, str]:
    """The option of each argument, by its name in the library: the longest spelling of it."""
    found: dict[str, str] = {}
    for command in cli.commands.values():
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.name:
                found[parameter.name] = max(parameter.opts, key=len)
            elif parameter.name:
                found.setdefault(parameter.name, parameter.name.upper())
    return found | OTHER_NAMES


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """(An argument with a value, one without, what else stands between backticks)."""
    names = "|".join(sorted(options(), key=len, reverse=True))
    text, number = r'"(?P<text>[^"]*)"', r"(?P<number>-?\d[\w.]*|…)"
    with_value = rf"`?(?<![\w.\"-])(?P<name>{names})=(?:{text}|\[(?P<items>[^\]]*)\]|{number})`?"
    return (
        re.compile(with_value),
        re.compile(rf"`(?P<name>{names})=?`|(?<![\w.\"-])(?P<bare>{names})=(?=[\s,.)]|$)"),
        re.compile(r"`(?P<name>\w+)`"),
    )


def in_shell_words(text: str) -> str:
    """A message of the library as the shell words it.

    >>> in_shell_words('Say which is positive: `pos_label=`. Or pass missing="drop".')
    'Say which is positive: --pos-label. Or pass --missing drop.'
    """
    for pattern, words in PYTHON_ONLY:
        text = pattern.sub(words, text)
    with_value, alone, quoted = _patterns()
    text = with_value.sub(_with_value, text)
    text = alone.sub(lambda found: options()[found["name"] or found["bare"]], text)
    return quoted.sub(
        lambda found: f"`logloss {found['name']}`" if found["name"] in cli.commands else found["name"], text
    )


def _with_value(found: re.Match[str]) -> str:
    """An option and its value, as a shell takes them."""
    if found["items"] is not None:
        value = ",".join(item.strip().strip("\"'") for item in found["items"].split(","))
    else:
        value = found["text"] if found["text"] is not None else found["number"]
    return f"{options()[found['name']]} {value if '…' in value else shlex.quote(value)}"
