"""A saved comparison, difference, run of periods, plan or segments: text and figures as they were when it was saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from logloss.answers.answer import Answer
from logloss.errors import DataError
from logloss.files.document import document_bytes, known_fields
from logloss.files.schema import Reader
from logloss.files.storage import StrPath, write_atomically
from logloss.text import printable, printable_lines

# How names of figures end that are numbers of a unit, or bounds of one.
NUMBERS = ("_nats", "_bits", "_nats_low", "_nats_high", "_bits_low", "_bits_high")
# How names of figures begin that are of a kind.
KINDS: dict[type, tuple[str, ...]] = {
    int: ("n_", "rows_"),
    bool: ("is_", "has_"),
    str: ("source", "positive", "best", "runner_up", "order", "within"),
    float: ("base_rate", "sum_weight", "psi", "confidence"),
}
MAKERS = {"comparison": "compare", "difference": "diff", "monitoring": "watch", "plan": "plan", "segments": "segments"}


@dataclass(frozen=True, slots=True, repr=False)
class SavedAnswer(Answer):
    """A saved comparison, difference, run, plan or segments: it prints the text and has the same figures.

    saved: "comparison", "difference", "monitoring", "plan" or "segments". text: what it printed.
    figures: what `to_dict` gave.

    Examples
    --------
    >>> SavedAnswer("comparison", "a is better", {"schema": 1})
    a is better
    """

    kind: ClassVar[str] = "saved"
    saved: str
    text: str
    figures: dict[str, Any]

    @property
    def maker(self) -> str:
        """The command, and the function, that makes such an answer."""
        return MAKERS[self.saved]

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about how the rows were read."""
        return tuple(self.figures.get("notes", ()))

    def to_dict(self) -> dict[str, Any]:
        """The figures as they were.

        Examples
        --------
        >>> SavedAnswer("comparison", "a is better", {"schema": 1}).to_dict()
        {'schema': 1}
        """
        return dict(self.figures)


def text_of(answer: SavedAnswer) -> str:
    """What it printed."""
    return printable_lines(answer.text)


def no_picture(answer: SavedAnswer, *_: object) -> NoReturn:
    """Pictures and pages need more than text and figures."""
    raise DataError(
        f"a saved {answer.saved} holds its text and figures, not the rows or summaries that plots and pages need: run "
        f"`logloss {answer.maker}` again with --html or --plot, or logloss.{answer.maker}(…) in Python."
    )


def save_answer(path: StrPath, answer: Answer) -> None:
    """Write the text and the figures of an answer to a file, whole or not at all."""
    kind, text = (answer.saved, answer.text) if isinstance(answer, SavedAnswer) else (answer.kind, repr(answer))
    write_atomically(path, document_bytes(kind, {"figures": answer.to_dict(), "text": text}))


def answer_of_fields(fields: Mapping[str, Any], name: str) -> SavedAnswer:
    """The answer that was saved."""
    own = known_fields(fields, ("figures", "text"), name)
    figures = own.get("figures")
    if not isinstance(own.get("text"), str) or not isinstance(figures, dict):
        raise DataError(f"{name} must hold the text and the figures of an answer; one is missing. Make it again.")
    reader = Reader(name)
    if reader.value(figures.get("schema"), int, "schema") != 1:
        raise reader.wrong("schema", "1", figures["schema"])
    if "notes" in figures:
        reader.value(figures["notes"], tuple[str, ...], "notes")
    for each, value in figures.items():
        _check_figure(reader, each, value)
    return SavedAnswer(fields["logloss"], own["text"], figures)


def _check_figure(reader: Reader, figure: str, value: object) -> None:
    """Refuse what no figure of this name can be."""
    kind = next((kind for kind, starts in KINDS.items() if figure.startswith(starts)), None)
    kind = float if figure.endswith(NUMBERS) else kind
    if value is None or figure.endswith("reason"):
        if isinstance(value, list | dict):
            raise reader.wrong(figure, "a text", value)
    elif kind is not None:
        reader.value(value, kind, figure)
    elif isinstance(value, list):
        _check_table(reader, figure, value)
    elif isinstance(value, dict):
        raise reader.wrong(figure, "a figure, a text or a table", value)


def _check_table(reader: Reader, figure: str, rows: list[Any]) -> None:
    """Refuse what is neither a list of texts nor a table of figures."""
    if all(isinstance(row, dict) for row in rows):
        for row in rows:
            for name, cell in row.items():
                if isinstance(cell, list | dict):
                    raise reader.wrong(f"{figure}: {printable(name)}", "a figure or a text", cell)
                if name.endswith(NUMBERS):
                    _check_figure(reader, name, cell)
    elif any(isinstance(row, list | dict) for row in rows):
        raise reader.wrong(figure, "texts or rows of figures", rows)
