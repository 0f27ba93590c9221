"""Commands that measure, and that merge and show what was measured."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import click

from logloss.cli.fail_if import judge, parsed_test
from logloss.cli.options import (
    LONGEST,
    check_outputs,
    check_seen,
    clustered,
    droppable,
    everywhere,
    fails_if,
    headless,
    labelled,
    opened,
    positive,
    repeated,
    saves,
    say,
    say_notes,
    seen,
    to_stderr,
    to_stdout,
    typed,
    weighted,
    write_seen,
)
from logloss.cli.progress import bar
from logloss.text import printable


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@labelled
@click.option("-p", "--y-proba", multiple=True, metavar="COL", help="Column of P(1); given twice: of P(0), then P(1).")
@click.option("-z", "--y-logit", metavar="COL", help="Column of log-odds, instead of -p.")
@click.option("--model", metavar="MODEL", help="A model that `fit -o` has written, instead of -p.")
@weighted
@repeated
@positive
@click.option("--by", multiple=True, metavar="COL", help="Column of groups (repeatable): what each costs and adds.")
@click.option("--group", multiple=True, metavar="V", help="A group of --by to keep apart (repeatable); others are one.")
@clustered
@click.option(
    "--negatives-kept", type=float, default=1.0, metavar="R", help="Share of negatives that training kept, in (0, 1]."
)
@droppable
@headless
@click.option(
    "--name", default="", metavar="TEXT", help="What the rows are called; equal samples merge only under names."
)
@fails_if
@saves
@seen
@everywhere
def measure(
    files: tuple[str, ...],
    y_true: str,
    y_proba: tuple[str, ...],
    y_logit: str | None,
    model: str | None,
    sample_weight: str | None,
    counts: str | None,
    pos_label: str | None,
    by: tuple[str, ...],
    group: tuple[str, ...],
    cluster: tuple[str, ...],
    negatives_kept: float,
    missing: str,
    no_header: bool,
    name: str,
    fail_if: tuple[str, ...],
    output: str | None,
    html: str | None,
    plot: str | None,
    picture: str | None,
    as_json: bool,
    quiet: bool,
    debug: bool,
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
    if group and len(by) != 1:
        raise click.UsageError("--group names values of one column: give --by once.")
    tests = [parsed_test(test) for test in fail_if]
    check_seen(html, plot, picture)
    check_outputs((*files, model), output=output, html=html, plot=plot)

    from logloss import measurement

    asked: dict[str, Any] = {
        "sample_weight": sample_weight,
        "counts": counts,
        "pos_label": pos_label,
        "by": list(by) or None,
        "groups": [key for value in group for key in typed(value)] or None,
        "cluster": list(cluster) or None,
        "negatives_kept": negatives_kept,
        "missing": missing,
        "header": not no_header,
        "name": name,
    }
    began = time.perf_counter()
    table = opened(files, header=not no_header, outputs=(output, html, plot), summary=output)
    with bar(table, quiet=quiet) as progress:
        if model is not None:
            from logloss.files.load import load_model

            measured = load_model(model).measure(table, y_true, progress=progress, **asked)
        else:
            proba = y_proba[0] if len(y_proba) == 1 else list(y_proba) or None
            measured = measurement.measure(
                table, y_true=y_true, y_proba=proba, y_logit=y_logit, progress=progress, **asked
            )
    if output is not None:
        measured.save(output)
    write_seen(measured, html, plot, picture)
    say(measured, as_json=as_json)
    if not as_json:
        columns = {
            "-y": (y_true,),
            "-p": y_proba,
            "-z": (y_logit,),
            "-w": (sample_weight,),
            "--counts": (counts,),
            "--pos-label": (pos_label,),
            "--cluster": cluster,
            "--negatives-kept": (None if negatives_kept == 1 else f"{negatives_kept:g}",),
            "--missing": (None if missing == "error" else missing,),
        }
        advise(
            measured,
            files if model is None else (),
            columns if model is None else {},
            no_header=no_header,
            output=output,
        )
    if not quiet:
        kept = "distinct predictions kept: exact, no bins" if measured.is_exact else "bins of predictions: certified"
        to_stderr(f"{measured.n_scores:,} {kept} · {time.perf_counter() - began:.2f} s")
        say_notes(measured)
    judge(measured, tests)


@click.command()
@click.argument("summaries", nargs=-1, required=True, metavar="SUMMARY...")
@fails_if
@saves
@seen
@everywhere
def merge(
    summaries: tuple[str, ...],
    fail_if: tuple[str, ...],
    output: str | None,
    html: str | None,
    plot: str | None,
    picture: str | None,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Merge summaries that -o has written: to the bit what measuring all their rows gives."""
    tests = [parsed_test(test) for test in fail_if]
    check_seen(html, plot, picture)
    check_outputs(summaries, output=output, html=html, plot=plot)

    from logloss.files.load import merged

    measured = merged(summaries)
    if output is not None:
        measured.save(output)
    write_seen(measured, html, plot, picture)
    say(measured, as_json=as_json)
    if not as_json:
        advise(measured, (), output=output)
    if not quiet:
        say_notes(measured)
    judge(measured, tests)


@click.command()
@click.argument("file", metavar="FILE")
@fails_if
@seen
@everywhere
def show(
    file: str,
    fail_if: tuple[str, ...],
    html: str | None,
    plot: str | None,
    picture: str | None,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Show what a summary, a model, a calibration, a comparison or a difference says."""
    tests = [parsed_test(test) for test in fail_if]
    check_seen(html, plot, picture)
    check_outputs((file,), html=html, plot=plot)

    from logloss.files.load import load
    from logloss.files.saved_answer import SavedAnswer
    from logloss.measurement import Measurement

    found = load(file)
    if isinstance(found, SavedAnswer) and (html or plot):
        raise click.UsageError(f"{file} holds words and figures; its pictures are made by `logloss {found.maker}`.")
    write_seen(found, html, plot, picture)
    say(found, as_json=as_json)
    if isinstance(found, Measurement) and not as_json:
        advise(found, (), output=file)
    if not quiet:
        say_notes(found)
    judge(found, tests)


def advise(
    measured: Any,
    files: tuple[str, ...],
    columns: Mapping[str, tuple[str | None, ...]] = MappingProxyType({}),
    *,
    no_header: bool = False,
    output: str | None = None,
) -> None:
    """What recalibrating is expected to save, and the command that does it: from the summary if there is one."""
    from logloss.calibration import calibrate
    from logloss.show.words.of_calibration import advice

    words = list(files)
    if output is not None:
        words = [output]
    else:
        words += [word for option, values in columns.items() for value in values if value for word in (option, value)]
        words += ["--no-header"] if no_header else []
    # Standard input is gone once it is read.
    can_read_again = bool(words) and "-" not in files
    command = f"logloss calibrate {shlex.join(words)} -o calibration.json"
    shown = printable(command, LONGEST) if can_read_again or output is not None else ""
    to_stdout("\n" + advice(calibrate(measured), shown))
