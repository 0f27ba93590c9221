"""The shell: words in, text and exit codes out; no arithmetic.

    0  done                        3  the data is wrong
    1  a --fail-if holds           4  could not do it (disk, package)
    2  usage, or no such file     70  our fault            130  Ctrl-C

>>> FAILURE.fullmatch("log_loss_nats > 0.36")["name"]
'log_loss_nats'
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from logloss.errors import DataError, LogLossError, SourceNotFound
from logloss.text import printable
from logloss.version import __version__

DONE, FAILED, USAGE, WRONG_DATA, COULD_NOT, OUR_FAULT, INTERRUPTED = 0, 1, 2, 3, 4, 70, 130
FAILURE = re.compile(r"\s*(?P<name>\w+)\s*(?P<operator>>=|<=|==|!=|>|<)\s*(?P<bound>\S+)\s*")
HOLDS: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}
# A walk that lasts longer than this many seconds shows how far it is.
PATIENCE = 1.0
# Letters of a message: none is cut, but file and column names in it may hold what a terminal would obey.
LONGEST = 1 << 16


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="logloss")
def cli() -> None:
    """Measure and explain the probabilities of binary classifiers by their log loss."""


def everywhere(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command has."""
    command = click.option("--debug", is_flag=True, help="Show the traceback of an error.")(command)
    command = click.option("-q", "--quiet", is_flag=True, help="Nothing on stderr but errors.")(command)
    return click.option("--json", "as_json", is_flag=True, help="One flat JSON object instead of text.")(command)


fails_if = click.option(
    "--fail-if",
    multiple=True,
    metavar="TEST",
    help='Exit 1 if it holds: "log_loss_nats > 0.36" (repeatable; nan fails).',
)
saves = click.option("-o", "--output", metavar="SUMMARY", help="Write the summary: it merges, and needs no rows.")


@cli.command()
@everywhere
def demo(as_json: bool, quiet: bool, debug: bool) -> None:
    """Ten points on a line: trained, measured and explained."""
    from logloss import demo as lesson

    click.echo(json.dumps(lesson.figures(), allow_nan=False, indent=1) if as_json else lesson.text())


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-y", "--y-true", required=True, metavar="COL", help='Column of labels, or a comparison: "stars >= 4".')
@click.option("-p", "--y-proba", multiple=True, metavar="COL", help="Column of P(1); given twice: of P(0), then P(1).")
@click.option("-z", "--y-logit", metavar="COL", help="Column of log-odds, instead of -p.")
@click.option("-w", "--sample-weight", metavar="COL", help="Column of weights.")
@click.option("--counts", metavar="COL", help="Column that says how many times each row stands.")
@click.option("--pos-label", metavar="V", help="The class that counts as 1, where labels are not 0 and 1.")
@click.option("--by", multiple=True, metavar="COL", help="Column of groups (repeatable): what each costs and adds.")
@click.option("--group", multiple=True, metavar="V", help="A group of --by to keep apart (repeatable); others are one.")
@click.option("--cluster", multiple=True, metavar="COL", help="Column whose equal values depend on each other.")
@click.option(
    "--missing", type=click.Choice(["error", "drop"]), default="error", help="Rows in which something is missing."
)
@click.option("--no-header", is_flag=True, help="CSV files begin with data; columns are numbered from 0.")
@fails_if
@saves
@everywhere
def measure(
    files: tuple[str, ...],
    y_true: str,
    y_proba: tuple[str, ...],
    y_logit: str | None,
    sample_weight: str | None,
    counts: str | None,
    pos_label: str | None,
    by: tuple[str, ...],
    group: tuple[str, ...],
    cluster: tuple[str, ...],
    missing: str,
    no_header: bool,
    fail_if: tuple[str, ...],
    output: str | None,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Measure the predictions in Parquet or CSV files (or a folder, a glob, - for stdin)."""
    if bool(y_proba) == (y_logit is not None):
        raise click.UsageError("name the forecast: -p COL for probabilities, or -z COL for log-odds (one of the two).")
    if len(y_proba) > 2:
        raise click.UsageError(
            "-p is given once, for P(1), or twice, for P(0) and P(1). Comparing forecasters comes later."
        )
    if group and len(by) != 1:
        raise click.UsageError("--group names values of one column: give --by once.")
    tests = [parsed_test(test) for test in fail_if]
    check_output(output, files)

    from logloss import measurement

    began = time.perf_counter()
    table = opened(files, header=not no_header)
    with bar(table, quiet=quiet) as progress:
        measured = measurement.measure(
            table,
            y_true=y_true,
            y_proba=(y_proba[0] if len(y_proba) == 1 else list(y_proba)) if y_proba else None,
            y_logit=y_logit,
            sample_weight=sample_weight,
            counts=counts,
            pos_label=pos_label,
            by=list(by) or None,
            groups=[key for value in group for key in typed(value)] or None,
            cluster=list(cluster) or None,
            missing=missing,
            header=not no_header,
            progress=progress,
        )
    if output is not None:
        measured.save(output)
    say(measured, as_json=as_json)
    if not quiet:
        kept = "distinct predictions kept: exact, no bins" if measured.is_exact else "bins of predictions: certified"
        click.echo(f"{measured.n_scores:,} {kept} · {time.perf_counter() - began:.2f} s", err=True)
        say_notes(measured)
    judge(measured, tests)


@cli.command()
@click.argument("summaries", nargs=-1, required=True, metavar="SUMMARY...")
@fails_if
@saves
@everywhere
def merge(
    summaries: tuple[str, ...],
    fail_if: tuple[str, ...],
    output: str | None,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Merge summaries that -o has written: to the bit what measuring all their rows gives."""
    tests = [parsed_test(test) for test in fail_if]
    check_output(output)

    from logloss.opening import merged

    measured = merged(summaries)
    if output is not None:
        measured.save(output)
    say(measured, as_json=as_json)
    if not quiet:
        say_notes(measured)
    judge(measured, tests)


@cli.command()
@click.argument("summary", metavar="SUMMARY")
@fails_if
@everywhere
def show(summary: str, fail_if: tuple[str, ...], as_json: bool, quiet: bool, debug: bool) -> None:
    """Show what a summary says."""
    tests = [parsed_test(test) for test in fail_if]

    from logloss.opening import load

    measured = load(summary)
    say(measured, as_json=as_json)
    if not quiet:
        say_notes(measured)
    judge(measured, tests)


def say(answer: Any, *, as_json: bool) -> None:
    """An answer on stdout."""
    click.echo(json.dumps(answer.to_dict(), allow_nan=False, indent=1) if as_json else repr(answer))


def say_notes(answer: Any) -> None:
    """What was noticed on the way, on stderr."""
    for note in answer.notes:
        click.echo(printable(note, LONGEST), err=True)


def judge(answer: Any, tests: list[tuple[str, str, str, float]]) -> None:
    """Leave with 1 if a --fail-if holds."""
    figures = answer.to_dict() if tests else {}
    failed = [text for text, name, operator, bound in tests if fails(figures, name, operator, bound)]
    for text in failed:
        click.echo(f"--fail-if holds: {text}", err=True)
    if failed:
        raise click.exceptions.Exit(FAILED)


def check_output(path: str | None, inputs: tuple[str, ...] = ()) -> None:
    """Find out before the walk whether its result can be written, and that it does not take the place of the data."""
    if path is not None:
        if any(os.path.exists(each) and os.path.exists(path) and os.path.samefile(each, path) for each in inputs):
            raise click.UsageError(f"-o {path} would overwrite what is read. Name another file.")
        from logloss.storage import check_writable

        check_writable(path)


def typed(value: str) -> list[Any]:
    """What a group that was typed may be: text, a number; `null` is nothing."""
    if value == "null":
        return [None]
    try:
        return [value, int(value)]
    except ValueError:
        pass
    try:
        return [value, float(value)]
    except ValueError:
        return [value]


def opened(files: tuple[str, ...], *, header: bool) -> Any:
    """The source of the files named on the command line; `-` is standard input."""
    from logloss.data.source import as_source

    if "-" in files:
        if len(files) > 1:
            raise click.UsageError("- (standard input) stands alone.")
        from logloss.data.arrow import open_stream

        return open_stream(sys.stdin.buffer, header=header)
    return as_source(files[0] if len(files) == 1 else list(files), header=header)


@contextmanager
def bar(source: Any, *, quiet: bool) -> Iterator[Callable[[Any], None] | None]:
    """A progress bar on a terminal, once a walk takes longer than PATIENCE."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    lock = threading.Lock()
    with tqdm(
        total=source.n_rows, unit=" rows", unit_scale=True, delay=PATIENCE, leave=False, file=sys.stderr
    ) as shown:

        def progress(block: Any) -> None:
            with lock:
                shown.update(block.n_rows)

        yield progress


def parsed_test(text: str) -> tuple[str, str, str, float]:
    """A --fail-if test as (its text, figure, operator, bound)."""
    match = FAILURE.fullmatch(text)
    try:
        bound = float(match["bound"]) if match else math.nan
    except ValueError:
        match = None
    if match is None:
        raise click.UsageError(f'--fail-if must read like "log_loss_nats > 0.36"; got "{text}".')
    return text, match["name"], match["operator"], bound


def fails(figures: dict[str, Any], name: str, operator: str, bound: float) -> bool:
    """Whether a figure fails its test; one that is not defined does."""
    numbers = [
        key for key, value in figures.items() if isinstance(value, int | float) or value in (None, "inf", "-inf")
    ]
    if name not in numbers:
        import difflib

        close = difflib.get_close_matches(name, numbers, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise click.UsageError(f'--fail-if knows no figure "{name}".{hint} The figures are: {", ".join(numbers)}.')
    value = math.nan if figures[name] is None else float(figures[name])
    return math.isnan(value) or HOLDS[operator](value, bound)


def main() -> None:
    """Run the command and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    wants_traceback = "--debug" in sys.argv
    try:
        code = cli.main(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Exit as leaving:
        code = leaving.exit_code
    except click.ClickException as error:
        said = "\n".join(printable(line, LONGEST) for line in error.format_message().split("\n"))
        context = error.ctx if isinstance(error, click.UsageError) else None
        if context is not None:
            click.echo(context.get_usage(), err=True)
        click.echo(f"Error: {said}", err=True)
        code = USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("logloss: interrupted", err=True)
        code = INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # Whoever read our output has enough (click turns that into SystemExit); what is left in the buffer must not be
        # written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = DONE
    except Exception as error:
        if wants_traceback:
            import traceback

            traceback.print_exc()
        code = code_of(error)
        click.echo(f"logloss: {printable(spoken(error, code), LONGEST)}", err=True)
    sys.exit(code if isinstance(code, int) else DONE)


def code_of(error: Exception) -> int:
    """The exit code of an error."""
    if isinstance(error, SourceNotFound):
        return USAGE
    if isinstance(error, DataError):
        return WRONG_DATA
    return COULD_NOT if isinstance(error, LogLossError | OSError | MemoryError) else OUR_FAULT


def spoken(error: Exception, code: int) -> str:
    """An error in one line."""
    if code == OUR_FAULT:
        said = f"{type(error).__name__}: {error}"
        return f"internal error, our fault: {said}. Run again with --debug and report what it shows."
    return str(error) or type(error).__name__
