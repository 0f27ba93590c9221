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

from logloss.documents import document_bytes, known_fields
from logloss.errors import DataError
from logloss.storage import write_atomically


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
        return self.text


def save_answer(path: Any, kind: str, answer: Any) -> None:
    """Write what an answer says to a file, whole or not at all."""
    write_atomically(path, document_bytes(kind, {"figures": answer.to_dict(), "text": repr(answer)}))


def answer_of_fields(fields: Mapping[str, Any], name: str) -> SavedAnswer:
    """The answer that was saved."""
    own = known_fields(fields, ("figures", "text"), name)
    if not isinstance(own.get("text"), str) or not isinstance(own.get("figures"), dict):
        raise DataError(f"{name} must hold the words and the figures of an answer; it lacks one. Make it again.")
    return SavedAnswer(fields["logloss"], own["text"], own["figures"])
