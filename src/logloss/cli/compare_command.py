"""Commands that compare: forecasters on the same rows, and one forecaster then and now."""

from __future__ import annotations

import time

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
    labelled,
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
from logloss.text import counted


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@labelled
@click.option("-p", "--y-proba", multiple=True, metavar="COL", help="Column of P(1) of a forecaster (repeatable).")
@click.option("-z", "--y-logit", multiple=True, metavar="COL", help="Column of log-odds of a forecaster (repeatable).")
@weighted
@repeated
@positive
@click.option("--by", multiple=True, metavar="COL", help="Column of groups (repeatable): where the lead comes from.")
@clustered
@click.option("--order", metavar="COL", help="Column of dates or numbers: since when it was clear who is better.")
@droppable
@headless
@click.option("-o", "--output", metavar="FILE", help="Write what it says to a file, for `logloss show`.")
@fails_if
@seen
@everywhere
def compare(
    files: tuple[str, ...],
    y_true: str,
    y_proba: tuple[str, ...],
    y_logit: tuple[str, ...],
    sample_weight: str | None,
    counts: str | None,
    pos_label: str | None,
    by: tuple[str, ...],
    cluster: tuple[str, ...],
    order: str | None,
    missing: str,
    no_header: bool,
    output: str | None,
    fail_if: tuple[str, ...],
    html: str | None,
    plot: str | None,
    picture: str | None,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Compare forecasters on the same rows: who is better, how sure that is, and since when."""
    if len(y_proba) + len(y_logit) < 2:
        raise click.UsageError("name two forecasters or more: -p COL -p COL (or -z COL for log-odds).")
    tests = [parsed_test(test) for test in fail_if]
    check_seen(html, plot, picture)
    check_outputs(files, output=output, html=html, plot=plot)

    from logloss import comparison

    began = time.perf_counter()
    table = opened(files, header=not no_header, outputs=(output, html, plot))
    with bar(table, quiet=quiet) as progress:
        compared = comparison.compare(
            table,
            y_true=y_true,
            y_proba=list(y_proba) or None,
            y_logit=list(y_logit) or None,
            sample_weight=sample_weight,
            counts=counts,
            pos_label=pos_label,
            by=list(by) or None,
            cluster=list(cluster) or None,
            order=order,
            missing=missing,
            header=not no_header,
            progress=progress,
        )
    if output is not None:
        compared.save(output)
    write_seen(compared, html, plot, picture)
    say(compared, as_json=as_json)
    if not quiet:
        pairs = counted(len(compared.contests), "pair")
        to_stderr(f"{pairs} compared in one walk · {time.perf_counter() - began:.2f} s")
        say_notes(compared)
    judge(compared, tests)


@click.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("-o", "--output", metavar="FILE", help="Write what it says to a file, for `logloss show`.")
@fails_if
@seen
@everywhere
def diff(
    old: str,
    new: str,
    output: str | None,
    fail_if: tuple[str, ...],
    html: str | None,
    plot: str | None,
    picture: str | None,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Say why the loss moved between two summaries that -o has written."""
    tests = [parsed_test(test) for test in fail_if]
    check_seen(html, plot, picture)
    check_outputs((old, new), output=output, html=html, plot=plot)

    from logloss import difference
    from logloss.files.load import load_measurement

    moved = difference.diff(load_measurement(old), load_measurement(new))
    if output is not None:
        moved.save(output)
    write_seen(moved, html, plot, picture)
    say(moved, as_json=as_json)
    if not quiet:
        say_notes(moved)
    judge(moved, tests)
