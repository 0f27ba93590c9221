"""How a command ends: its exit code, and what is said of an error."""

from __future__ import annotations

import os
import sys

import click

from logloss.cli.options import LONGEST, cli
from logloss.errors import DataError, LogLossError, SourceNotFound
from logloss.text import printable

DONE, USAGE, WRONG_DATA, COULD_NOT, OUR_FAULT, INTERRUPTED = 0, 2, 3, 4, 70, 130


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
