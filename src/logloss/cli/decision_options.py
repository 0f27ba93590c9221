"""Options for thresholds and costs: what they add to the text and the JSON of a measurement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from logloss.cli.outputs import as_usage

if TYPE_CHECKING:
    from logloss.answers.answer import Answer

Function = Callable[..., Any]
OPTIONS = ("threshold", "cost_fp", "cost_fn")


def decides(command: Function) -> Function:
    """The options of a command that can report thresholds."""
    for name, what in (("--cost-fn", "negative"), ("--cost-fp", "positive")):
        say = f"Cost of a false {what}: adds the threshold that both costs imply, and what miscalibration costs there."
        command = click.option(name, type=float, metavar="COST", help=say)(command)
    return click.option(
        "--threshold",
        multiple=True,
        type=float,
        metavar="T",
        help="Probability in (0, 1) from which rows are predicted positive (repeatable): adds recall, precision, false "
        "positive rate and net benefit there.",
    )(command)


@dataclass(frozen=True)
class Asked:
    """The thresholds and costs that were asked for."""

    threshold: tuple[float, ...] = ()
    cost_fp: float | None = None
    cost_fn: float | None = None

    @classmethod
    def taken_from(cls, words: dict[str, Any]) -> Asked:
        """Those of the options of a command, which are taken out, after a check."""
        asked = cls(**{name: words.pop(name) for name in OPTIONS})
        if asked:
            from logloss.inference.confusion import checked_thresholds
            from logloss.inference.thresholds import checked_costs, implied_threshold

            with as_usage():
                costs = checked_costs(asked.cost_fp, asked.cost_fn)
                if costs is not None:
                    implied_threshold(costs)
                if asked.threshold:
                    checked_thresholds(asked.threshold)
        return asked

    def __bool__(self) -> bool:
        return bool(self.threshold) or self.cost_fp is not None or self.cost_fn is not None

    def of(self, answer: Answer, file: str = "") -> Added:
        """What is added to an answer."""
        if not self:
            return Added()
        from logloss.answers.figures import jsonable
        from logloss.measurement import Measurement
        from logloss.show.words.of_thresholds import paragraphs_of

        if not isinstance(answer, Measurement):
            raise click.UsageError(
                f"--threshold, --cost-fp and --cost-fn are about measurements; {file} holds a {type(answer).__name__}."
            )
        figures: dict[str, Any] = {}
        paragraphs = []
        costs: dict[str, Any] = {} if self.cost_fp is None else {"cost_fp": self.cost_fp, "cost_fn": self.cost_fn}
        if self.threshold:
            table = answer.thresholds(self.threshold, **costs)
            rows = [jsonable(row) for row in table]
            # Of one threshold the figures are flat, so that --fail-if can name them.
            figures |= flat(table[0]) if len(rows) == 1 else {}
            figures["thresholds"] = rows
            paragraphs += paragraphs_of(table)
        if costs:
            found = answer.decision_costs(**costs)
            figures |= found.to_dict()
            paragraphs.append(repr(found))
        return Added(figures, "\n\n".join(paragraphs))


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """The figures at one threshold, with the reason beside each that is not defined."""
    from logloss.answers.figures import put

    figures: dict[str, Any] = {}
    for name, value in row.items():
        if name not in ("choice", "reason"):
            put(figures, name, value, row["reason"] or "no such rows")
    return figures


@dataclass(frozen=True)
class Added:
    """Figures for the JSON of an answer, and paragraphs for its text."""

    figures: dict[str, Any] = field(default_factory=dict)
    text: str = ""

    def after(self, answer: Answer) -> str | None:
        """The text of the answer with these paragraphs at its end; None where there are none."""
        return f"{answer!r}\n\n{self.text}" if self.text else None
