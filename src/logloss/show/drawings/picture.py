"""A drawing: what a picture of an answer shows, as numbers and as a sentence; no ink yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from logloss.answers.figures import jsonable
from logloss.answers.small_table import SmallTable
from logloss.text import counted


@dataclass(frozen=True)
class Drawing:
    """What one picture shows: made by `drawing`, drawn by `answer.plot`.

    Attributes
    ----------
    kind, title, sentence : str
        Which picture it is, what it is called, and what to see in it.
    tables : dict of name to SmallTable
        What is drawn, as numbers.
    figures : dict of name to number or text
        Single numbers that are drawn, and what words stand beside the axes.
    numbers : list of list of str
        The numbers as people read them, the first row the head.
    note : str
        What must be known of these numbers.
    reason : str
        Why there is nothing to draw; "" if there is something.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
    >>> logloss.drawing(m, "reliability").table("pools")["rate"]
    [0.0, 1.0]
    """

    kind: str
    title: str
    sentence: str
    tables: Mapping[str, SmallTable] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    numbers: Sequence[Sequence[str]] = ()
    note: str = ""
    reason: str = ""

    def __repr__(self) -> str:
        tables = ", ".join(f"{name} ({counted(len(table), 'row')})" for name, table in self.tables.items())
        return f"Drawing {self.kind}: {self.title}. {self.sentence}" + (f" Tables: {tables}." if tables else "")

    def table(self, name: str) -> SmallTable:
        """One of the tables.

        Examples
        --------
        >>> import logloss
        >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
        >>> logloss.drawing(m, "parts").table("parts")["part"][0]
        'uncertainty'
        """
        return self.tables[name]

    def to_dict(self) -> dict[str, Any]:
        """What is drawn, JSON-ready: the tables as lists of rows beside the single figures.

        Examples
        --------
        >>> import logloss
        >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
        >>> logloss.drawing(m, "parts").to_dict()["kind"]
        'parts'
        """
        found: dict[str, Any] = {"schema": 1, "kind": self.kind, "title": self.title, "sentence": self.sentence}
        if self.reason:
            found["reason"] = self.reason
        tables = {name: [jsonable(row) for row in table] for name, table in self.tables.items()}
        return found | jsonable(dict(self.figures)) | tables


def not_drawn(kind: str, title: str, reason: str, rows: Sequence[Sequence[str]] = ()) -> Drawing:
    """What is said in the place of a picture, and its numbers where there are some."""
    return Drawing(kind, title, f"Nothing is drawn: {reason}.", numbers=rows, reason=reason)
