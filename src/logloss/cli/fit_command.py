"""Commands that train a model and predict with it."""

from __future__ import annotations

import os
import sys
import time
import warnings
from contextlib import ExitStack
from typing import Any

import click

from logloss.cli.fail_if import judge, parsed_test
from logloss.cli.options import (
    check_outputs,
    check_seen,
    check_stdout,
    clustered,
    everywhere,
    fails_if,
    headless,
    labelled,
    opened,
    positive,
    repeated,
    say,
    say_notes,
    say_warnings,
    seen,
    split,
    stdout_named,
    to_stderr,
    to_stdout,
    weighted,
    write_seen,
)
from logloss.cli.progress import bar
from logloss.text import counted


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@labelled
@click.option("--features", metavar="A,B", help="Columns to use; all others that can be used if left out.")
@click.option("--exclude", metavar="A,B", help="Columns not to use.")
@click.option("--categories", metavar="A,B", help="Columns of numbers that are codes.")
@click.option("--reference", multiple=True, metavar="COL=LEVEL", help="The level of a category without a coefficient.")
@click.option("--l2", type=float, default=0.0, metavar="X", help="Prior precision on the summed loss (1 / C). 0: none.")
@click.option("--offset", metavar="COL", help="Column added to the log-odds.")
@weighted
@repeated
@clustered
@positive
@click.option(
    "--missing",
    type=click.Choice(["error", "drop", "indicator"]),
    default="error",
    help="Rows in which a feature is missing; indicator: they get a coefficient of their own.",
)
@click.option("--robust", is_flag=True, help="Standard errors of the sandwich.")
@click.option("--tolerance", type=float, metavar="X", help="Asked of the certificate, in nats per row.")
@click.option("--max-passes", type=int, metavar="N", help="Walks over the rows before giving up.")
@headless
@fails_if
@click.option("-o", "--output", metavar="MODEL", help="Write the model, as JSON.")
@seen
@everywhere
def fit(
    files: tuple[str, ...],
    y_true: str,
    features: str | None,
    exclude: str | None,
    categories: str | None,
    reference: tuple[str, ...],
    no_header: bool,
    fail_if: tuple[str, ...],
    output: str | None,
    html: str | None,
    plot: str | None,
    picture: str | None,
    as_json: bool,
    quiet: bool,
    debug: bool,
    **options: Any,
) -> None:
    """Train the logistic classifier of least log loss on Parquet or CSV files."""
    if features and exclude:
        raise click.UsageError("--features names what is used, --exclude what is not: give one of the two.")
    levels = [each.partition("=") for each in reference]
    if not all(name and sign for name, sign, _ in levels):
        raise click.UsageError("--reference must read like sex=Male.")
    tests = [parsed_test(test) for test in fail_if]
    check_seen(html, plot, picture)
    check_outputs(files, output=output, html=html, plot=plot)

    from logloss.training import fit

    began = time.perf_counter()
    options = {name: value for name, value in options.items() if value is not None}
    options["cluster"] = list(options["cluster"]) or None
    options["robust"] = options["robust"] or None
    table = opened(files, header=not no_header, outputs=(output, html, plot))
    with warnings.catch_warnings(record=True) as caught, bar(table, quiet=quiet) as progress:
        warnings.simplefilter("always")
        model = fit.fit(
            table,
            y_true,
            features=split(features, table),
            exclude=split(exclude, table) or (),
            categories=split(categories, table),
            reference={name: level for name, _, level in levels},
            header=not no_header,
            progress=progress,
            on_pass=None if progress is None else progress.on_pass,
            **options,
        )
    if output is not None:
        model.save(output)
    write_seen(model, html, plot, picture)
    say(model, as_json=as_json)
    if not quiet:
        say_warnings(caught)
        to_stderr(f"{counted(len(model.passes), 'pass', 'passes')} · {time.perf_counter() - began:.2f} s")
        if as_json:
            say_notes(model)
    judge(model, tests)


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--calibration", metavar="C", help="A calibration that `calibrate -o` has written, applied to them.")
@click.option("--negatives-kept", type=float, default=1.0, metavar="R", help="Share of negatives that training kept.")
@click.option("--keep", metavar="A,B", help="Columns to write beside the predictions.")
@click.option(
    "--missing", type=click.Choice(["error", "drop"]), default="error", help="drop: such rows get no prediction."
)
@headless
@click.option("-o", "--output", required=True, metavar="OUT", help="A .parquet or .csv file, or - for CSV on stdout.")
@everywhere
def predict(
    model: str,
    files: tuple[str, ...],
    calibration: str | None,
    negatives_kept: float,
    keep: str | None,
    missing: str,
    no_header: bool,
    output: str,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Predict the rows of files with a model: a column y_proba of P(1)."""
    kind = os.path.splitext(output)[1].lower().lstrip(".")
    if output != "-" and kind not in ("parquet", "csv"):
        raise click.UsageError("-o must end in .parquet or .csv, or be - for CSV on stdout.")
    if output == "-":
        check_stdout()
    check_outputs((model, calibration, *files), output=None if output == "-" else output)

    from logloss.files.load import load_calibration, load_model
    from logloss.files.storage import replacing
    from logloss.training.predict import ScoredSource, mapping_of, write_predictions

    began = time.perf_counter()
    predictor = load_model(model).predictor
    mapped = mapping_of(None if calibration is None else load_calibration(calibration), negatives_kept)
    table = opened(files, header=not no_header, outputs=() if output == "-" else (output,))
    scored = ScoredSource(table, predictor, missing)
    with ExitStack() as stack:
        progress = stack.enter_context(bar(table, quiet=quiet))
        if output == "-":
            stack.enter_context(stdout_named())
        stream = sys.stdout.buffer if output == "-" else stack.enter_context(replacing(output))
        n_rows = write_predictions(
            scored, stream, kind or "csv", keep=split(keep, table) or (), mapped=mapped, progress=progress
        )
    if as_json and output != "-":
        to_stdout(f'{{"schema": 1, "n_rows": {n_rows}}}')
    if not quiet:
        if negatives_kept != 1:
            to_stderr(f"corrected: training kept {negatives_kept:g} of the negatives")
        to_stderr(f"{n_rows:,} rows predicted · {time.perf_counter() - began:.2f} s")
        say_notes(scored)
