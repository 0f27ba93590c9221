"""The group of commands, and the words that several of them know: each option is declared once, here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from logloss.version import __version__

Function = Callable[..., Any]
FAILS_IF = 'Exit 1 if it holds: "log_loss_nats > 0.36" (repeatable; nan fails).'
PICTURE = "Which picture --plot writes; the first one if left out (logloss show FILE --plot x.png --picture parts)."


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="logloss")
def cli() -> None:
    """Measure and explain the probabilities of binary classifiers by their log loss."""


def _column(*names: str, say: str, several: bool = False) -> Function:
    """An option that names a column, or several."""
    return click.option(*names, multiple=several, metavar="COL", help=say)


# What a command asks of its rows: the names are those of the arguments of the verbs.
OPTIONS: dict[str, Function] = {
    "y_true": click.option(
        "-y", "--y-true", required=True, metavar="COL", help='Column of labels, or a comparison: "stars >= 4".'
    ),
    "y_true_or_summary": _column("-y", "--y-true", say='Column of labels, or a comparison: "stars >= 4".'),
    "y_proba": _column("-p", "--y-proba", say="Column of P(1); given twice: of P(0), then P(1).", several=True),
    "y_probas": _column("-p", "--y-proba", say="Column of P(1) of a forecaster (repeatable).", several=True),
    "y_logit": _column("-z", "--y-logit", say="Column of log-odds, instead of -p."),
    "y_logits": _column("-z", "--y-logit", say="Column of log-odds of a forecaster (repeatable).", several=True),
    "sample_weight": _column("-w", "--sample-weight", say="Column of weights."),
    "counts": _column("--counts", say="Column that says how many times each row stands."),
    "pos_label": click.option(
        "--pos-label", metavar="V", help="The class that counts as 1, where labels are not 0 and 1."
    ),
    "by": _column("--by", say="Column of groups (repeatable): what each costs and adds.", several=True),
    "by_delta": _column("--by", say="Column of groups (repeatable): where the lead comes from.", several=True),
    "cluster": _column("--cluster", say="Column whose equal values depend on each other.", several=True),
    "order": _column("--order", say="Column of dates or numbers: since when it was clear who is better."),
    "within": click.option(
        "--within",
        type=click.Choice(["dependent", "independent", "changing"]),
        help="What is known of the rows of a period of --order, whose forecasts and weights all precede its outcomes. "
        "dependent (if left out): they may depend on each other in any way; independent: they do not, given the "
        "forecasts: a narrower sequence; changing: forecasts change within a period: no sequence is valid.",
    ),
    "keep": click.option(
        "--keep", metavar="A,B", help="Columns that stand beside the number of a row where rows are listed."
    ),
    "negatives_kept": click.option(
        "--negatives-kept", type=float, metavar="R", help="Share of negatives that training kept, in (0, 1]."
    ),
    "missing": click.option(
        "--missing", type=click.Choice(["error", "drop"]), default="error", help="Rows in which something is missing."
    ),
    "no_header": click.option(
        "--no-header", is_flag=True, help="CSV files begin with data; columns are numbered from 0."
    ),
}


def rows(*names: str) -> Callable[[Function], Function]:
    """The options of these names, in the order of the help."""

    def with_options(command: Function) -> Function:
        for name in reversed(names):
            command = OPTIONS[name](command)
        return command

    return with_options


def keywords(words: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of rows as the verbs take it: several columns are a list, and what was not said is left out."""
    found = {name: list(value) if isinstance(value, tuple) else value for name, value in words.items()}
    header = not found.pop("no_header")
    return {name: value for name, value in found.items() if value is not None and value != []} | {"header": header}


def one_or_two(names: tuple[str, ...]) -> str | list[str] | None:
    """A column of P(1), or those of P(0) and P(1)."""
    return names[0] if len(names) == 1 else list(names) or None


def output(metavar: str, say: str, *, required: bool = False) -> Function:
    """The option of the file that a command writes its answer to."""
    return click.option("-o", "--output", required=required, metavar=metavar, help=say)


saves_summary = output("SUMMARY", "Write the summary: it merges, and needs no rows.")
saves_words = output("FILE", "Write what it says to a file, for `logloss show`.")
fails_if = click.option("--fail-if", multiple=True, metavar="TEST", help=FAILS_IF)


def everywhere(command: Function) -> Function:
    """The options that every command has."""
    command = click.option("--debug", is_flag=True, help="Show the traceback of an error.")(command)
    command = click.option("-q", "--quiet", is_flag=True, help="Nothing on stderr but errors.")(command)
    return click.option("--json", "as_json", is_flag=True, help="One flat JSON object instead of text.")(command)


def seen(command: Function) -> Function:
    """The options that write a report or a picture of the answer."""
    command = click.option("--picture", metavar="KIND", help=PICTURE)(command)
    command = click.option("--plot", metavar="FIGURE", help="Write a picture: a .pdf, .svg or .png file.")(command)
    return click.option("--html", metavar="FILE", help="Write the report: one HTML file, no script.")(command)
