"""Commands that measure, and that merge and show what was measured."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from logloss.cli.decision_options import Asked, decides
from logloss.cli.inputs import check_label, split, typed
from logloss.cli.options import everywhere, fail_if_option, keywords, one_or_two, rows, seen, writes_summary
from logloss.cli.outputs import Outputs, advice_on, calibrating, calibrating_rows, given_outputs


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@rows("y_true_or_svmlight", "y_proba", "y_logit")
@click.option("--model", metavar="MODEL", help="Model written by `logloss fit -o`, instead of -p.")
@rows("sample_weight", "counts", "pos_label", "by")
@click.option(
    "--group", multiple=True, metavar="V", help="Group of --by to report (repeatable); all others are pooled."
)
@rows("cluster", "keep", "negatives_kept", "missing", "unlabelled", "no_header")
@click.option(
    "--name",
    default="",
    metavar="TEXT",
    help="Name of the rows. Samples that are equal row by row can only be merged under different names.",
)
@decides
@fail_if_option
@writes_summary
@seen
@everywhere
@given_outputs
def measure(
    outputs: Outputs,
    files: tuple[str, ...],
    y_true: str | None,
    y_proba: tuple[str, ...],
    y_logit: str | None,
    model: str | None,
    group: tuple[str, ...],
    **words: Any,
) -> None:
    """Measure the log loss of predictions in Parquet or CSV files.

    FILE may be a folder, a glob, or - for standard input.
    """
    if bool(y_proba) + (y_logit is not None) + (model is not None) != 1:
        raise click.UsageError(
            "name the predictions by one of -p COL (probabilities), -z COL (log-odds) and --model FILE."
        )
    if len(y_proba) > 2:
        raise click.UsageError(
            "give -p once, for the probability of class 1, or twice, for those of classes 0 and 1. "
            "Several forecasters: logloss compare."
        )
    if group and len(words["by"]) != 1:
        raise click.UsageError("--group names values of one column: give --by exactly once.")
    asked = Asked.taken_from(words)
    outputs.check(*files, model)

    from logloss import measurement

    requested = keywords(words)
    if group:
        requested["groups"] = [key for value in group for key in typed(value)]
    table = outputs.opened(files, no_header=words["no_header"], summary=outputs.output)
    check_label(table, y_true)
    requested |= {"keep": split(words["keep"], table) or ()}
    with outputs.bar(table) as progress:
        if model is not None:
            from logloss.files.load import load_model

            measured = load_model(model).measure(table, y_true, progress=progress, **requested)
        else:
            requested |= {"y_true": y_true, "y_proba": one_or_two(y_proba), "y_logit": y_logit}
            measured = measurement.measure(table, **requested, progress=progress)
    if outputs.output is not None:
        command = calibrating(outputs.output)
    elif model is not None:
        command = ""
    else:
        command = calibrating_rows(files, {"-y": y_true, "-p": y_proba, "-z": y_logit}, words)
    kept = "distinct predictions, none of them binned" if measured.is_exact else "bins of predictions"
    added = asked.of(measured)
    outputs.deliver(
        measured,
        f"{measured.n_scores:,} {kept}",
        advice=partial(advice_on, measured, command),
        text=added.after(measured),
        added=added.figures,
    )


@click.command()
@click.argument("summaries", nargs=-1, required=True, metavar="SUMMARY...")
@fail_if_option
@writes_summary
@seen
@everywhere
@given_outputs
def merge(outputs: Outputs, summaries: tuple[str, ...]) -> None:
    """Merge summaries: the same result, to the bit, as measuring all their rows at once."""
    outputs.check(*summaries)

    from logloss.files.load import merged

    measured = merged(summaries)
    command = "" if outputs.output is None else calibrating(outputs.output)
    outputs.deliver(measured, advice=partial(advice_on, measured, command))


@click.command()
@click.argument("file", metavar="FILE")
@decides
@fail_if_option
@seen
@everywhere
@given_outputs
def show(outputs: Outputs, file: str, **words: Any) -> None:
    """Show a saved summary, model, calibration, comparison, difference, run of periods, plan or segments."""
    asked = Asked.taken_from(words)
    outputs.check(file)

    from logloss.files.load import load
    from logloss.files.saved_answer import SavedAnswer
    from logloss.measurement import Measurement

    found = load(file)
    if isinstance(found, SavedAnswer) and (outputs.html or outputs.plot):
        raise click.UsageError(
            f"{file} holds text and figures only; `logloss {found.maker}` makes its pictures and report."
        )
    is_measured = isinstance(found, Measurement)
    added = asked.of(found, file)
    outputs.deliver(
        found,
        advice=partial(advice_on, found, calibrating(file)) if is_measured else None,
        text=added.after(found),
        added=added.figures,
    )
