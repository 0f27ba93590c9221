"""An answer as it was when it was saved: its words and its figures, for answers that are not made anew from a summary.

>>> import logloss, os, tempfile
>>> path = os.path.join(tempfile.mkdtemp(), "comparison.json")
>>> compared = logloss.compare([1, 0], {"a": [0.5, 0.5], "b": [0.6, 0.4]})
>>> compared.save(path)
>>> repr(logloss.load(path)) == repr(compared)
True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from logloss.answers.answer import Answer
from logloss.errors import DataError
from logloss.files.document import Reading, document_bytes, known_fields
from logloss.files.storage import write_atomically
from logloss.text import printable, printable_lines

# How names of figures end that are numbers of a unit, or bounds of one.
NUMBERS = ("_nats", "_bits", "_nats_low", "_nats_high", "_bits_low", "_bits_high")


@dataclass(frozen=True, slots=True, repr=False)
class SavedAnswer:
    """What a comparison or a difference said: it prints as it did, and has the same figures.

    kind: "comparison" or "difference". text: what it printed. figures: what `to_dict` gave.

    Examples
    --------
    >>> SavedAnswer("comparison", "a is better", {"schema": 1})
    a is better
    """

    kind: str
    text: str
    figures: dict[str, Any]

    @property
    def maker(self) -> str:
        """The command that makes such an answer."""
        return {"comparison": "compare", "difference": "diff"}[self.kind]

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about how the rows were read."""
        return tuple(self.figures.get("notes", ()))

    def to_dict(self) -> dict[str, Any]:
        """The figures as flat JSON-ready values, units in the names.

        Examples
        --------
        >>> SavedAnswer("comparison", "a is better", {"schema": 1}).to_dict()
        {'schema': 1}
        """
        return dict(self.figures)

    def __repr__(self) -> str:
        return printable_lines(self.text)


def save_answer(path: Any, answer: Answer) -> None:
    """Write what an answer says to a file, whole or not at all."""
    write_atomically(path, document_bytes(answer.kind, {"figures": answer.to_dict(), "text": repr(answer)}))


def answer_of_fields(fields: Mapping[str, Any], name: str) -> SavedAnswer:
    """The answer that was saved."""
    own = known_fields(fields, ("figures", "text"), name)
    figures = own.get("figures")
    if not isinstance(own.get("text"), str) or not isinstance(figures, dict):
        raise DataError(f"{name} must hold the words and the figures of an answer; it lacks one. Make it again.")
    read = Reading(name)
    if read.count({"schema": figures.get("schema")}, "schema") != 1:
        raise read.wrong("schema", "1", figures["schema"])
    if "notes" in figures:
        read.texts(figures, "notes")
    for each, value in figures.items():
        _check_figure(read, each, value)
    return SavedAnswer(fields["logloss"], own["text"], figures)


def _check_figure(read: Reading, figure: str, value: Any) -> None:
    """Refuse what no figure of this name can be; its name says what it is."""
    own = {figure: value}
    if value is None or figure.endswith("reason"):
        if isinstance(value, list | dict):
            raise read.wrong(figure, "a text", value)
    elif figure.startswith(("n_", "rows_")):
        read.count(own, figure)
    elif figure.startswith(("is_", "has_")):
        read.flag(own, figure)
    elif figure.startswith(("source", "positive", "best", "runner_up", "order")):
        read.text(own, figure)
    elif figure.endswith(NUMBERS) or figure.startswith(("base_rate", "sum_weight", "psi", "confidence")):
        read.number(own, figure)
    elif isinstance(value, list):
        _check_table(read, figure, value)
    elif isinstance(value, dict):
        raise read.wrong(figure, "a figure, a text or a table", value)


def _check_table(read: Reading, figure: str, rows: list[Any]) -> None:
    """Refuse what is neither a list of texts nor a table of figures."""
    if all(isinstance(row, dict) for row in rows):
        for row in rows:
            for name, cell in row.items():
                if isinstance(cell, list | dict):
                    raise read.wrong(f"{figure}: {printable(name)}", "a figure or a text", cell)
                if name.endswith(NUMBERS):
                    _check_figure(read, name, cell)
    elif any(isinstance(row, list | dict) for row in rows):
        raise read.wrong(figure, "texts or rows of figures", rows)
