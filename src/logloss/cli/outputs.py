"""What every command does beside its own work: look at its outputs before, write, say and judge after."""

from __future__ import annotations

import functools
import json
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from logloss.cli.fail_if import FailIf, judge, parsed_test
from logloss.cli.inputs import check_outputs, opened
from logloss.cli.progress import Bar, bar
from logloss.cli.streams import LONGEST, say_notes, say_warnings, to_stderr, to_stdout
from logloss.errors import DataError
from logloss.text import printable

if TYPE_CHECKING:
    import warnings

    from logloss.answers.answer import Answer
    from logloss.data.source import Source
    from logloss.measurement import Measurement


@dataclass(slots=True)
class Outputs:
    """Where a command was told to write what it finds, and how to end. fail_if: the tests of its figures."""

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
        """Find out before the walk whether each output can be made, and takes the place of no input or other."""
        self.tests = [parsed_test(test) for test in self.fail_if]
        if self.picture is not None and self.plot is None:
            raise click.UsageError("--picture says what --plot FIGURE writes; name that file, too.")
        if self.html is not None or self.plot is not None:
            from logloss.show.plot import check_format

            if self.plot is not None:
                with as_usage():
                    check_format(self.plot)
        check_outputs(inputs, output=self.output, html=self.html, plot=self.plot)

    def opened(self, files: tuple[str, ...], *, no_header: bool, summary: str | None = None) -> Source:
        """The table of the files, of which no output is one; from here on, time is taken."""
        self.began = time.perf_counter()
        return opened(files, header=not no_header, outputs=(self.output, self.html, self.plot), summary=summary)

    def bar(self, table: Source) -> AbstractContextManager[Bar | None]:
        """The progress bar of a walk."""
        return bar(table, quiet=self.quiet)

    def deliver(
        self,
        answer: Answer,
        remark: str | None = None,
        *,
        advice: Callable[[], str] | None = None,
        caught: Iterable[warnings.WarningMessage] = (),
        has_notes: bool = True,
    ) -> None:
        """Write an answer to where it was asked for, say it, and leave with 1 if a --fail-if holds.

        remark: what is said of the walk beside its time; None where there was none. advice: what is said after the
        answer. has_notes: whether the notes of the answer are not in its text.
        """
        if self.output is not None:
            answer.save(self.output)
        self._show(answer)
        to_stdout(json.dumps(answer.to_dict(), allow_nan=False, indent=1) if self.as_json else repr(answer))
        if advice is not None and not self.as_json:
            to_stdout("\n" + advice())
        if not self.quiet:
            say_warnings(caught)
            if remark is not None:
                self.say_time(remark)
            if has_notes:
                say_notes(answer.notes)
        judge(answer, self.tests)

    def say_time(self, remark: str) -> None:
        """What is said of a walk, and how long it took."""
        to_stderr(" · ".join([*filter(None, [remark]), f"{time.perf_counter() - self.began:.2f} s"]))

    def _show(self, answer: Answer) -> None:
        """Write the report and the picture."""
        if self.html is not None:
            answer.to_html(self.html)
        if self.plot is not None:
            from logloss.show.plot import save

            with as_usage():
                save(answer, self.plot, self.picture)


def given_outputs(command: Callable[..., None]) -> Callable[..., None]:
    """A command that is given its outputs as one object, before what is its own."""

    @functools.wraps(command)
    def with_outputs(debug: bool, **words: Any) -> None:
        # --debug is heard where errors are: the command itself needs no traceback.
        own = {name: words.pop(name) for name in OUTPUTS if name in words}
        command(Outputs(**own), **words)

    return with_outputs


OUTPUTS = ("as_json", "quiet", "output", "html", "plot", "picture", "fail_if")


@contextmanager
def as_usage() -> Iterator[None]:
    """What is wrong with the words of a command is a matter of its usage, not of the data."""
    try:
        yield
    except DataError as error:
        raise click.UsageError(str(error)) from error


def advice_on(measured: Measurement, command: str) -> str:
    """What recalibrating is expected to save, and the command that does it; "": none is known."""
    from logloss.calibration import calibrate
    from logloss.show.words.of_calibration import advice

    return advice(calibrate(measured), command)


def calibrating(summary: str) -> str:
    """The command that calibrates a summary."""
    return printable(f"logloss calibrate {shlex.join([summary])} -o calibration.json", LONGEST)


def calibrating_rows(files: tuple[str, ...], forecast: Mapping[str, Any], words: Mapping[str, Any]) -> str:
    """The command that calibrates rows by reading them again; "" where they were standard input, which is gone."""
    if "-" in files:
        return ""
    said = {**forecast, "-w": words["sample_weight"]}
    said |= {f"--{name.replace('_', '-')}": words[name] for name in ("counts", "pos_label", "cluster")}
    if words["negatives_kept"] not in (None, 1):
        said["--negatives-kept"] = f"{words['negatives_kept']:g}"
    if words["missing"] != "error":
        said["--missing"] = words["missing"]
    named = list(files)
    for option, value in said.items():
        values = value if isinstance(value, tuple) else (value,)
        named += [word for each in values if each for word in (option, each)]
    named += ["--no-header"] if words["no_header"] else []
    return printable(f"logloss calibrate {shlex.join(named)} -o calibration.json", LONGEST)
