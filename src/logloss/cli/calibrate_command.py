"""The command that recalibrates probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from logloss.cli.options import everywhere, fail_if_option, keywords, one_or_two, output, rows, seen
from logloss.cli.outputs import Outputs, given_outputs

if TYPE_CHECKING:
    from logloss.measurement import Measurement

METHODS = ["auto", "identity", "mixture", "shift", "temperature", "platt", "beta", "isotonic"]


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...|SUMMARY")
@rows("y_true_or_summary", "y_proba", "y_logit", "sample_weight", "counts", "pos_label")
@rows("by_map", "cluster", "negatives_kept", "missing", "no_header")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="auto",
    help="auto: average of all methods in log-odds, weighted by cross-validated log loss.",
)
@click.option("--folds", type=click.IntRange(2), default=10, help="Folds of the cross-validation.")
@output("CALIBRATION", "Write the calibration, as JSON.")
@fail_if_option
@seen
@everywhere
@given_outputs
def calibrate(
    outputs: Outputs,
    files: tuple[str, ...],
    y_true: str | None,
    y_proba: tuple[str, ...],
    y_logit: str | None,
    method: str,
    folds: int,
    **words: Any,
) -> None:
    """Fit a calibration map to the predictions in files, or in a summary written by `logloss measure -o`.

    Apply it with `logloss predict --calibration`.
    """
    outputs.check(*files)

    from logloss import calibration

    requested = keywords(words)
    if y_true is None:
        named = {*requested, *(["y_proba"] if y_proba else []), *([] if y_logit is None else ["y_logit"])}
        measured = measurement_in(files, has_columns=bool(named - {"missing", "header", "by"}))
        made = calibration.calibrate(measured, by=requested.get("by"), method=method, n_folds=folds)
    else:
        if bool(y_proba) == (y_logit is not None) or len(y_proba) > 2:
            raise click.UsageError(
                "name the forecast: -p COL for probabilities (twice for P(0), P(1)), or -z COL for log-odds."
            )
        requested |= {"y_true": y_true, "y_proba": one_or_two(y_proba), "y_logit": y_logit}
        table = outputs.opened(files, no_header=words["no_header"])
        with outputs.bar(table) as progress:
            made = calibration.calibrate(table, **requested, method=method, n_folds=folds, progress=progress)
    outputs.deliver(made, "")


def measurement_in(files: tuple[str, ...], *, has_columns: bool) -> Measurement:
    """The measurement of a summary's file, for which no column can be named."""
    from logloss.files.load import load
    from logloss.measurement import Measurement

    if len(files) > 1 or has_columns:
        raise click.UsageError(
            "name the labels of the rows: -y COL (or pass a single summary, without column options)."
        )
    found = load(files[0])
    if not isinstance(found, Measurement):
        raise click.UsageError(f"{files[0]} must be a summary that measure -o has written, or rows with -y COL.")
    return found
