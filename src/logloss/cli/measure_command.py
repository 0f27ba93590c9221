"""Commands that measure, and that merge and show what was measured."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from logloss.cli.inputs import split, typed
from logloss.cli.options import everywhere, fails_if, keywords, one_or_two, rows, saves_summary, seen
from logloss.cli.outputs import Outputs, advice_on, calibrating, calibrating_rows, given_outputs


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@rows("y_true", "y_proba", "y_logit")
@click.option("--model", metavar="MODEL", help="A model that `fit -o` has written, instead of -p.")
@rows("sample_weight", "counts", "pos_label", "by")
@click.option("--group", multiple=True, metavar="V", help="A group of --by to keep apart (repeatable); others are one.")
@rows("cluster", "keep", "negatives_kept", "missing", "no_header")
@click.option(
    "--name", default="", metavar="TEXT", help="What the rows are called; equal samples merge only under names."
)
@fails_if
@saves_summary
@seen
@everywhere
@given_outputs
def measure(
    outputs: Outputs,
    files: tuple[str, ...],
    y_true: str,
    y_proba: tuple[str, ...],
    y_logit: str | None,
    model: str | None,
    group: tuple[str, ...],
    **words: Any,
) -> None:
    """Measure the predictions in Parquet or CSV files (or a folder, a glob, - for stdin)."""
    if bool(y_proba) + (y_logit is not None) + (model is not None) != 1:
        raise click.UsageError(
            "name the forecast: -p COL for probabilities, -z COL for log-odds, or --model FILE (one of them)."
        )
    if len(y_proba) > 2:
        raise click.UsageError(
            "-p is given once, for P(1), or twice, for P(0) and P(1). Several forecasters: logloss compare."
        )
    if group and len(words["by"]) != 1:
        raise click.UsageError("--group names values of one column: give --by once.")
    outputs.check(*files, model)

    from logloss import measurement

    requested = keywords(words)
    if group:
        requested["groups"] = [key for value in group for key in typed(value)]
    table = outputs.opened(files, no_header=words["no_header"], summary=outputs.output)
    requested |= {"keep": split(words["keep"], table) or ()}
    with outputs.bar(table) as progress:
        if model is not None:
            from logloss.files.load import load_as
            from logloss.training.model import LogisticModel

            measured = load_as(LogisticModel, model).measure(table, y_true, progress=progress, **requested)
        else:
            requested |= {"y_true": y_true, "y_proba": one_or_two(y_proba), "y_logit": y_logit}
            measured = measurement.measure(table, **requested, progress=progress)
    if outputs.output is not None:
        command = calibrating(outputs.output)
    elif model is not None:
        command = ""
    else:
        command = calibrating_rows(files, {"-y": y_true, "-p": y_proba, "-z": y_logit}, words)
    kept = "distinct predictions kept: exact, no bins" if measured.is_exact else "bins of predictions: certified"
    outputs.deliver(measured, f"{measured.n_scores:,} {kept}", advice=partial(advice_on, measured, command))


@click.command()
@click.argument("summaries", nargs=-1, required=True, metavar="SUMMARY...")
@fails_if
@saves_summary
@seen
@everywhere
@given_outputs
def merge(outputs: Outputs, summaries: tuple[str, ...]) -> None:
    """Merge summaries that -o has written: to the bit what measuring all their rows gives."""
    outputs.check(*summaries)

    from logloss.files.load import merged

    measured = merged(summaries)
    command = "" if outputs.output is None else calibrating(outputs.output)
    outputs.deliver(measured, advice=partial(advice_on, measured, command))


@click.command()
@click.argument("file", metavar="FILE")
@fails_if
@seen
@everywhere
@given_outputs
def show(outputs: Outputs, file: str) -> None:
    """Show what a summary, a model, a calibration, a comparison, a difference or a plan says."""
    outputs.check(file)

    from logloss.files.load import load
    from logloss.files.saved_answer import SavedAnswer
    from logloss.measurement import Measurement

    found = load(file)
    if isinstance(found, SavedAnswer) and (outputs.html or outputs.plot):
        raise click.UsageError(f"{file} holds words and figures; its pictures are made by `logloss {found.maker}`.")
    is_measured = isinstance(found, Measurement)
    outputs.deliver(found, advice=partial(advice_on, found, calibrating(file)) if is_measured else None)
