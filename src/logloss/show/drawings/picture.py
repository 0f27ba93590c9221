"""A drawing: what a picture of an answer shows, as numbers and a sentence; `logloss.show.plot` draws it."""

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
        Which picture it is, its title, and what it shows.
    tables : dict of name to SmallTable
        What is drawn, as numbers.
    figures : dict of name to number or text
        Single numbers that are drawn, and words beside the axes.
    numbers : list of list of str
        The numbers as a table of text, the first row its head.
    note : str
        A remark on these numbers.
    reason : str
        Why it cannot be drawn; "" if it can.

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
        >>> logloss.drawing(m, "decomposition").table("levels")["part"][0]
        'uncertainty'
        """
        return self.tables[name]

    def to_dict(self) -> dict[str, Any]:
        """What is drawn, JSON-ready: the tables as lists of rows beside the single figures.

        Examples
        --------
        >>> import logloss
        >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
        >>> logloss.drawing(m, "decomposition").to_dict()["kind"]
        'decomposition'
        """
        values: dict[str, Any] = {"schema": 1, "kind": self.kind, "title": self.title, "sentence": self.sentence}
        if self.reason:
            values["reason"] = self.reason
        tables = {name: [jsonable(row) for row in table] for name, table in self.tables.items()}
        return values | jsonable(dict(self.figures)) | tables


def not_drawn(kind: str, title: str, reason: str, rows: Sequence[Sequence[str]] = ()) -> Drawing:
    """Why a picture cannot be drawn, and its numbers where there are some."""
    return Drawing(kind, title, f"Not available: {reason}.", numbers=rows, reason=reason)
