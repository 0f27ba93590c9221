"""How a command ends: its exit code, and the message of an error."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import click

from logloss.cli.inputs import AT_WORK
from logloss.cli.options import cli
from logloss.cli.streams import LONGEST, check_stdout, discard_answer, stdout_named, to_stderr
from logloss.errors import DataError, LogLossError, SourceNotFound
from logloss.text import printable

DONE, USAGE, WRONG_DATA, COULD_NOT, OUR_FAULT, INTERRUPTED = 0, 2, 3, 4, 70, 130
# Signals that end a command, and not for a fault of it; Windows has fewer.
ENDINGS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
# Seconds that a command has to clean up after a signal; it may be waiting for a pipe from which nothing comes.
GRACE = 1.0


class Ended(BaseException):
    """A signal asks the command to end; its number is the argument."""


def main() -> None:
    """Run the command and leave with its exit code."""
    # Looking for circular garbage among what is imported takes a tenth of a short command, again and again, and as much
    # at its end.
    gc.set_threshold(100_000)
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with ended_by_signals():
            code = run()
    except Ended as ended:
        code = ended_by(ended.args[0])
    if AT_WORK and sys.stdin is sys.__stdin__:
        # A thread of Arrow that is still reading must not meet an interpreter that is being taken down.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    gc.freeze()
    sys.exit(code)


def run() -> int:
    """Run the command: its exit code."""
    wants_traceback = "--debug" in sys.argv
    if len(sys.argv) < 2:
        # Done here, as versions of click differ in the stream and the exit code.
        to_stderr(cli.get_help(click.Context(cli, info_name="logloss", **cli.context_settings)))
        return USAGE
    try:
        code = cli.main(standalone_mode=False)
        # A command whose answer cannot be written has failed.
        check_stdout()
        with stdout_named():
            sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        clause = "\n".join(printable(line, LONGEST) for line in error.format_message().split("\n"))
        context = error.ctx if isinstance(error, click.UsageError) else None
        if context is not None:
            to_stderr(context.get_usage())
        to_stderr(f"Error: {clause}")
        return USAGE
    except (BrokenPipeError, SystemExit):
        # Whoever read the rows or the help has enough; click makes of a broken pipe the latter.
        discard_answer()
        return DONE
    except click.Abort as aborted:
        # click treats any EOFError as Ctrl-D.
        if isinstance(aborted.__cause__, EOFError):
            return failed(aborted.__cause__, wants_traceback)
        return ended_by(signal.SIGINT)
    except KeyboardInterrupt:
        return ended_by(signal.SIGINT)
    except Exception as error:
        return failed(error, wants_traceback)


def failed(error: Exception, wants_traceback: bool) -> int:
    """Say what went wrong: the exit code."""
    if wants_traceback:
        import traceback

        to_stderr("".join(traceback.format_exception(error)))
    code, clause = OUR_FAULT, str(error) or type(error).__name__
    if isinstance(error, SourceNotFound):
        code = USAGE
    elif isinstance(error, DataError):
        code = WRONG_DATA
    elif isinstance(error, LogLossError | OSError | MemoryError):
        code = COULD_NOT
    else:
        clause = f"internal error, our fault: {type(error).__name__}: {error}. "
        clause += "Run again with --debug and report what it shows."
    to_stderr(f"logloss: {printable(clause, LONGEST)}")
    return code


def open_closed_streams() -> None:
    """Open what the shell has closed (`2>&-`), or the next file that is opened would take its number and its text."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Unwind when a signal comes, so that nothing half written is left; and leave without, where that takes long."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A signal that is ignored stays so: `nohup`.
    handled = [each for each in ENDINGS if signal.getsignal(each) not in (signal.SIG_IGN, None)]
    before = {each: signal.getsignal(each) for each in handled}

    def end(number: int, frame: FrameType | None) -> None:
        # Once: what cleans up is not interrupted.
        for each in handled:
            signal.signal(each, signal.SIG_IGN)
        raise Ended(number)

    with watched():
        try:
            for each in handled:
                signal.signal(each, end)
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """A thread that hears of signals at once, also while the main thread waits in compiled code."""
    hears, tells = os.pipe()
    if sys.platform != "win32":
        os.set_blocking(tells, False)
    is_over = threading.Event()

    def watch() -> None:
        while heard := os.read(hears, 1):
            if heard[0] in map(int, ENDINGS) and not is_over.wait(GRACE):
                from logloss.files.storage import remove_unfinished

                remove_unfinished()
                os._exit(ended_by(heard[0]))

    before = signal.set_wakeup_fd(tells, warn_on_full_buffer=False)
    watcher = threading.Thread(target=watch, name="logloss-signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        signal.set_wakeup_fd(before)
        os.close(tells)
        watcher.join()
        os.close(hears)


def ended_by(number: int) -> int:
    """Say that a signal has ended the command: its exit code, that of a shell."""
    to_stderr("logloss: interrupted" if number == signal.SIGINT else f"logloss: ended by {signal.Signals(number).name}")
    return 128 + number
