"""Commands that repair probabilities."""

from __future__ import annotations

import time
from typing import Any

import click

from logloss.cli.fail_if import judge, parsed_test
from logloss.cli.options import (
    check_outputs,
    check_seen,
    clustered,
    droppable,
    everywhere,
    fails_if,
    headless,
    opened,
    positive,
    repeated,
    say,
    say_notes,
    seen,
    to_stderr,
    weighted,
    write_seen,
)
from logloss.cli.progress import bar

METHODS = ["auto", "nothing", "shift", "temperature", "platt", "beta", "isotonic"]


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...|SUMMARY")
@click.option("-y", "--y-true", metavar="COL", help='Column of labels, or a comparison: "stars >= 4".')
@click.option("-p", "--y-proba", multiple=True, metavar="COL", help="Column of P(1); given twice: of P(0), then P(1).")
@click.option("-z", "--y-logit", metavar="COL", help="Column of log-odds, instead of -p.")
@weighted
@repeated
@positive
@clustered
@click.option("--negatives-kept", type=float, metavar="R", help="Share of negatives that training kept, in (0, 1].")
@droppable
@headless
@click.option("--method", type=click.Choice(METHODS), default="auto", help="auto: the simplest that is good enough.")
@click.option("--folds", type=click.IntRange(2), default=10, help="Folds of the cross-fitting.")
@click.option("-o", "--output", metavar="CALIBRATION", help="Write the calibration, as JSON.")
@fails_if
@seen
@everywhere
def calibrate(
    files: tuple[str, ...],
    y_true: str | None,
    y_proba: tuple[str, ...],
    y_logit: str | None,
    sample_weight: str | None,
    counts: str | None,
    pos_label: str | None,
    cluster: tuple[str, ...],
    negatives_kept: float | None,
    missing: str,
    no_header: bool,
    method: str,
    folds: int,
    output: str | None,
    fail_if: tuple[str, ...],
    html: str | None,
    plot: str | None,
    picture: str | None,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Make better probabilities of predictions in files, or in a summary that measure -o has written."""
    tests = [parsed_test(test) for test in fail_if]
    check_seen(html, plot, picture)
    check_outputs(files, output=output, html=html, plot=plot)
    columns: dict[str, Any] = {
        "y_true": y_true,
        "y_proba": (y_proba[0] if len(y_proba) == 1 else list(y_proba)) if y_proba else None,
        "y_logit": y_logit,
        "sample_weight": sample_weight,
        "counts": counts,
        "pos_label": pos_label,
        "cluster": list(cluster) or None,
        "negatives_kept": negatives_kept,
    }
    columns = {name: value for name, value in columns.items() if value is not None}

    from logloss import calibration

    began = time.perf_counter()
    if y_true is None:
        data = measured(files, columns)
        made = calibration.calibrate(data, method=method, n_folds=folds)
    else:
        if bool(y_proba) == (y_logit is not None) or len(y_proba) > 2:
            raise click.UsageError(
                "name the forecast: -p COL for probabilities (twice for P(0), P(1)), or -z COL for log-odds."
            )
        table = opened(files, header=not no_header, outputs=(output, html, plot))
        with bar(table, quiet=quiet) as progress:
            made = calibration.calibrate(
                table,
                **columns,
                missing=missing,
                header=not no_header,
                method=method,
                n_folds=folds,
                progress=progress,
            )
    if output is not None:
        made.save(output)
    write_seen(made, html, plot, picture)
    say(made, as_json=as_json)
    if not quiet:
        to_stderr(f"{time.perf_counter() - began:.2f} s")
        say_notes(made)
    judge(made, tests)


def measured(files: tuple[str, ...], columns: dict[str, Any]) -> Any:
    """The measurement of a summary's file, for which no column can be named."""
    from logloss.files.load import load
    from logloss.measurement import Measurement

    if len(files) > 1 or columns:
        raise click.UsageError("name the labels of the rows: -y COL. (A summary stands alone, without columns.)")
    found = load(files[0])
    if not isinstance(found, Measurement):
        raise click.UsageError(f"{files[0]} must be a summary that measure -o has written, or rows with -y COL.")
    return found
