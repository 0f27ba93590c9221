"""The group of commands, and the options that several of them share: each is declared once, here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from logloss.version import __version__

Function = Callable[..., Any]
FAILS_IF = (
    'Exit with 1 if this is true: "log_loss_nats > 0.36", "non_inferior == false" (repeatable). Names are the keys of '
    "--json; nan is a failure."
)
PICTURE = (
    "Which picture --plot writes, for example reliability, concentration, or age,hours for a pair; by default the "
    "first one of the answer."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="logloss")
def cli() -> None:
    """Train, measure, explain, recalibrate and compare binary classifiers by their log loss."""


def _column(*names: str, say: str, several: bool = False) -> Function:
    """An option that names a column, or several."""
    return click.option(*names, multiple=several, metavar="COL", help=say)


# Options about rows; their names are the keyword arguments of the Python functions.
OPTIONS: dict[str, Function] = {
    "y_true": click.option(
        "-y", "--y-true", required=True, metavar="COL", help='Column of observed labels, or a comparison: "stars >= 4".'
    ),
    "y_true_or_svmlight": _column(
        "-y",
        "--y-true",
        say='Column of observed labels, or a comparison: "stars >= 4"; leave out for files in svmlight format.',
    ),
    "y_true_or_summary": _column(
        "-y",
        "--y-true",
        say='Column of observed labels, or a comparison: "stars >= 4"; leave out for a summary.',
    ),
    "y_proba": _column(
        "-p",
        "--y-proba",
        say="Column of predicted probabilities of class 1; given twice: of class 0, then of class 1.",
        several=True,
    ),
    "y_probas": _column(
        "-p", "--y-proba", say="Column of predicted probabilities of a forecaster (repeatable).", several=True
    ),
    "y_logit": _column("-z", "--y-logit", say="Column of predicted log-odds, instead of -p."),
    "y_logits": _column(
        "-z", "--y-logit", say="Column of predicted log-odds of a forecaster (repeatable).", several=True
    ),
    "sample_weight": _column(
        "-w", "--sample-weight", say="Column of weights. Intervals count a weighted row as one observation."
    ),
    "counts": _column("--counts", say="Column of whole numbers: how often each row was observed."),
    "pos_label": click.option(
        "--pos-label", metavar="V", help="Label of the positive class, where labels are not 0 and 1."
    ),
    "by": _column(
        "--by",
        say="Column of groups (repeatable): the log loss of each, and its contribution to the total.",
        several=True,
    ),
    "by_delta": _column(
        "--by",
        say="Column of groups (repeatable): the difference within each, and its contribution to the total.",
        several=True,
    ),
    "cluster": _column(
        "--cluster",
        say="Column that identifies clusters of dependent rows, such as users (repeatable). Intervals count clusters.",
        several=True,
    ),
    "order": _column(
        "--order",
        say="Column of dates or numbers that orders the rows in time: adds a confidence sequence, valid at every look.",
    ),
    "within": click.option(
        "--within",
        type=click.Choice(["dependent", "independent", "changing"]),
        help="Dependence of rows within a period of --order. dependent (default): any; independent: outcomes are "
        "independent given the forecasts, which narrows the confidence sequence; changing: forecasts react to outcomes "
        "of the same period, so that there is no confidence sequence. The first two assume that all forecasts and "
        "weights of a period precede its outcomes.",
    ),
    "keep": click.option(
        "--keep", metavar="A,B", help="Columns that stand beside the number of a row where rows are listed."
    ),
    "negatives_kept": click.option(
        "--negatives-kept",
        type=float,
        metavar="R",
        help="Share of negatives kept in training, in (0, 1]; predictions are corrected for it.",
    ),
    "missing": click.option(
        "--missing",
        type=click.Choice(["error", "drop"]),
        default="error",
        help="What to do with rows in which a value is missing.",
        show_default=True,
    ),
    "unlabelled": click.option(
        "--unlabelled",
        type=click.Choice(["error", "keep"]),
        default="error",
        help="Rows that lack only a label: an error, or kept apart, with their expected log loss.",
        show_default=True,
    ),
    "no_header": click.option(
        "--no-header", is_flag=True, help="CSV files have no header line; columns are numbered from 0."
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
    """The options about rows as keyword arguments: several columns are a list, and those not given are left out."""
    found = {name: list(value) if isinstance(value, tuple) else value for name, value in words.items()}
    header = not found.pop("no_header")
    return {name: value for name, value in found.items() if value is not None and value != []} | {"header": header}


def one_or_two(names: tuple[str, ...]) -> str | list[str] | None:
    """A column of P(1), or those of P(0) and P(1)."""
    return names[0] if len(names) == 1 else list(names) or None


def output(metavar: str, say: str, *, required: bool = False) -> Function:
    """The option that names the file of the result."""
    return click.option("-o", "--output", required=required, metavar=metavar, help=say)


writes_summary = output("SUMMARY", "Write the summary, which can be merged, shown and calibrated without the rows.")
writes_result = output("FILE", "Write the result to a file for `logloss show`.")
fail_if_option = click.option("--fail-if", multiple=True, metavar="TEST", help=FAILS_IF)


def everywhere(command: Function) -> Function:
    """The options that every command has."""
    command = click.option("--debug", is_flag=True, help="Show the traceback of an error.")(command)
    command = click.option("-q", "--quiet", is_flag=True, help="Write nothing but errors to stderr.")(command)
    return click.option("--json", "as_json", is_flag=True, help="Print one flat JSON object instead of text.")(command)


def seen(command: Function) -> Function:
    """The options that write a report or a picture of the answer."""
    command = click.option("--picture", metavar="KIND", help=PICTURE)(command)
    command = click.option("--plot", metavar="FIGURE", help="Write a picture to a .pdf, .svg or .png file.")(command)
    return click.option("--html", metavar="FILE", help="Write the report, one self-contained HTML file.")(command)
