"""What every command does beside its own work: check its outputs first; write, print and test the result afterwards."""

from __future__ import annotations

import functools
import json
import math
import re
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from logloss.cli.inputs import AT_WORK, check_found, check_outputs
from logloss.cli.shell_words import in_shell_words
from logloss.cli.streams import LONGEST, say_notes, say_warnings, to_stderr, to_stdout
from logloss.errors import DataError
from logloss.files.storage import is_stream
from logloss.text import printable
from logloss.training.interruptible import PASSES

if TYPE_CHECKING:
    import warnings

    from tqdm import tqdm

    from logloss.answers.answer import Answer
    from logloss.data.block import Block
    from logloss.data.rows import Rows
    from logloss.data.source import Source
    from logloss.measurement import Measurement
    from logloss.training.certificate import Pass

# A walk that lasts longer than this many seconds shows how far it is.
PATIENCE = 1.0


class Bar:
    """A progress bar: called with each block that was read, with each pass of a fit, and with the phase that begins."""

    def __init__(self, shown: tqdm[None]) -> None:
        self.shown, self.lock, self.n_passes = shown, threading.Lock(), 0
        self.began = time.monotonic()

    def __call__(self, block: Block | Rows) -> None:
        with self.lock:
            self.shown.update(block.n_rows)

    def on_wait(self) -> None:
        """Work without rows is going on: the clock of the bar shows it."""
        # `refresh` shows a bar at once, whatever its delay.
        if time.monotonic() - self.began > PATIENCE:
            with self.lock:
                self.shown.refresh()

    def on_phase(self, name: str) -> None:
        """A walk over all rows begins, or other long work: the bar starts anew and shows what it is for."""
        with self.lock:
            self.shown.n = self.shown.last_print_n = 0
            text = f"pass {self.n_passes + 1}" if name == PASSES else name
            self.shown.set_description(text, refresh=False)

    def on_pass(self, found: Pass) -> None:
        """The next pass walks over all rows again."""
        with self.lock:
            self.n_passes += 1
            left = f"within {found.bound:.0e}" if math.isfinite(found.bound) else "no bound yet"
            # Not `reset`, with which a pass of less than PATIENCE would never be seen.
            self.shown.n = self.shown.last_print_n = 0
            text = f"pass {self.n_passes}, log loss {found.log_loss:.4f}, {left} nats"
            self.shown.set_postfix_str(text, refresh=False)


FAILED = 1
FAILURE = re.compile(r"\s*(?P<name>\w+)\s*(?P<operator>>=|<=|==|!=|>|<)\s*(?P<bound>\S+)\s*")
# The truth values of JSON, as numbers.
TRUTH = {"true": 1.0, "false": 0.0}
HOLDS: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


class FailIf(NamedTuple):
    """A test as it was typed, and its parts."""

    text: str
    figure: str
    operator: str
    bound: float


def judge(answer: Answer, tests: list[FailIf], added: Mapping[str, Any]) -> None:
    """Exit with 1 if a --fail-if is true; added: figures beside those of the answer."""
    figures = answer.to_dict() | dict(added) if tests else {}
    failed = [test for test in tests if fails(figures, test)]
    for test in failed:
        name, why = test.figure, ""
        if figures[name] is None:
            reason = figures.get(f"{name}_reason")
            why = f" ({name} is not defined{f': {printable(str(reason), LONGEST)}' if reason else ''})"
        to_stderr(f"--fail-if is true: {printable(test.text, LONGEST)}{why}")
    if failed:
        raise click.exceptions.Exit(FAILED)


def parsed_test(text: str) -> FailIf:
    """A --fail-if test from its text."""
    match = FAILURE.fullmatch(text)
    try:
        word = match["bound"] if match else "nan"
        bound = TRUTH[word.lower()] if word.lower() in TRUTH else float(word)
    except ValueError:
        match = None
    if match is None:
        raise click.UsageError(f'--fail-if must be a comparison such as "log_loss_nats > 0.36"; got "{text}".')
    return FailIf(text, match["name"], match["operator"], bound)


def fails(figures: dict[str, Any], test: FailIf) -> bool:
    """Whether a figure fails its test; one that is not defined does, and so does any against a bound of nan."""
    numbers = [
        key for key, value in figures.items() if isinstance(value, int | float) or value in (None, "inf", "-inf")
    ]
    name = test.figure
    if name not in numbers:
        import difflib

        close = difflib.get_close_matches(name, numbers, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise click.UsageError(f'--fail-if: no figure "{name}".{hint} The figures are: {", ".join(numbers)}.')
    from logloss.answers.figures import number_of_json

    value = number_of_json(figures[name])
    return math.isnan(value) or math.isnan(test.bound) or HOLDS[test.operator](value, test.bound)


@dataclass(slots=True)
class Outputs:
    """The files that a command writes, and the tests that decide its exit code (fail_if)."""

    as_json: bool
    quiet: bool
    output: str | None = None
    html: str | None = None
    plot: str | None = None
    picture: str | None = None
    fail_if: tuple[str, ...] = ()
    tests: list[FailIf] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def check(self, *inputs: str | None) -> None:
        """Check before reading that each output can be written, and that none replaces an input or another output."""
        self.tests = [parsed_test(test) for test in self.fail_if]
        if self.picture is not None and self.plot is None:
            raise click.UsageError("--picture needs --plot FIGURE, the file to write the picture to.")
        if self.html is not None or self.plot is not None:
            from logloss.show.plot import check_format

            if self.plot is not None:
                with as_usage():
                    check_format(self.plot)
        check_outputs(inputs, output=self.output, html=self.html, plot=self.plot)

    def opened(self, files: tuple[str, ...], *, no_header: bool, summary: str | None = None) -> Source:
        """The table of the files, of which no output is one; `-` is standard input. From here on, time is taken."""
        self.began = time.perf_counter()
        from logloss.data.source import as_source

        if "-" in files:
            if len(files) > 1:
                raise click.UsageError("- (standard input) cannot be combined with other files.")
            from logloss.data.arrow import open_stream

            if sys.stdin is None:
                raise click.UsageError("- names standard input, which is closed.")
            # Kept, with its reader, to the end: to take that down is to wait for what the pipe says next.
            AT_WORK.append(open_stream(sys.stdin.buffer, header=not no_header))
            return AT_WORK[-1]
        table = as_source(files[0] if len(files) == 1 else list(files), header=not no_header)
        check_found(table, files, (self.output, self.html, self.plot), summary)
        if not table.is_rewalkable:
            AT_WORK.append(table)
        return table

    @contextmanager
    def bar(self, table: Source) -> Iterator[Bar | None]:
        """A progress bar on a terminal, once a walk takes longer than PATIENCE."""
        if self.quiet or sys.stderr is None or not sys.stderr.isatty():
            yield None
            return
        from tqdm import tqdm

        with tqdm(
            total=table.n_rows, unit=" rows", unit_scale=True, delay=PATIENCE, leave=False, file=sys.stderr
        ) as shown:
            yield Bar(shown)

    def deliver(
        self,
        answer: Answer,
        remark: str | None = None,
        *,
        advice: Callable[[], str] | None = None,
        caught: Iterable[warnings.WarningMessage] = (),
        has_notes: bool = True,
        text: str | None = None,
        added: Mapping[str, Any] | None = None,
    ) -> None:
        """Write an answer to the files that were named, print it, and exit with 1 if a --fail-if is true.

        remark: printed beside the time; None where no rows were read. advice: printed after the
        answer. has_notes: whether the notes of the answer are not in its text. text: what is printed in place of
        the answer. added: figures beside those of the answer.
        """
        if self.output is not None:
            answer.save(self.output)
        if self.html is not None:
            answer.to_html(self.html)
        if self.plot is not None:
            from logloss.show.drawings import kinds
            from logloss.show.plot import save

            kind: Any = self.picture
            if kind is not None and kind.count(",") == 1 and kind not in kinds(answer):
                # The two columns of a pair, as `--pairs` takes them.
                kind = tuple(name.strip() for name in kind.split(","))
            with as_usage():
                save(answer, self.plot, kind)
        to_stdout(
            json.dumps(answer.to_dict() | dict(added or {}), allow_nan=False, indent=1)
            if self.as_json
            else in_shell_words(repr(answer) if text is None else text)
        )
        if advice is not None and not self.as_json:
            to_stdout("\n" + advice())
        if not self.quiet:
            say_warnings(caught)
            if remark is not None:
                self.say_time(remark)
            if has_notes:
                say_notes(answer.notes)
        judge(answer, self.tests, added or {})

    def say_time(self, remark: str) -> None:
        """A remark on the rows read, and how long it took."""
        to_stderr(" · ".join([*filter(None, [remark]), f"{time.perf_counter() - self.began:.2f} s"]))


def given_outputs(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes its outputs as one object, before its own arguments."""

    @functools.wraps(command)
    def with_outputs(debug: bool, **words: Any) -> None:
        # --debug is read where errors are printed.
        own = {name: words.pop(name) for name in OUTPUTS if name in words}
        command(Outputs(**own), **words)

    return with_outputs


OUTPUTS = ("as_json", "quiet", "output", "html", "plot", "picture", "fail_if")


@contextmanager
def as_usage() -> Iterator[None]:
    """An error in the arguments of a command is one of usage, not of the data."""
    try:
        yield
    except DataError as error:
        raise click.UsageError(str(error)) from error


def advice_on(measured: Measurement, command: str) -> str:
    """The reduction expected of recalibration, and the command that does it ("" if there is none)."""
    from logloss.calibration import calibrate
    from logloss.show.words.of_calibration import advice

    return advice(calibrate(measured), command)


def calibrating(summary: str) -> str:
    """The command that calibrates a summary."""
    return printable(f"logloss calibrate {shlex.join([summary])} -o calibration.json", LONGEST)


def calibrating_rows(files: tuple[str, ...], forecast: Mapping[str, Any], words: Mapping[str, Any]) -> str:
    """The command that calibrates rows by reading them again; "" where they came through a pipe, and are gone."""
    if "-" in files or any(is_stream(file) for file in files):
        return ""
    clause = {**forecast, "-w": words["sample_weight"]}
    clause |= {f"--{name.replace('_', '-')}": words[name] for name in ("counts", "pos_label", "cluster")}
    if words["negatives_kept"] not in (None, 1):
        clause["--negatives-kept"] = f"{words['negatives_kept']:g}"
    # Labels that came later are missing ones for a calibration.
    if words["missing"] != "error" or words["unlabelled"] == "keep":
        clause["--missing"] = "drop"
    named = list(files)
    for option, value in clause.items():
        values = value if isinstance(value, tuple) else (value,)
        named += [word for each in values if each for word in (option, each)]
    named += ["--no-header"] if words["no_header"] else []
    return printable(f"logloss calibrate {shlex.join(named)} -o calibration.json", LONGEST)
