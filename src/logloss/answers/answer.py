"""What every answer can do: print, plot, write a page, be saved. Answers are frozen and complete.

What renders an answer is known by name: strings "module:function" that `logloss` registers, imported when first used.
This is the only place from which a lower room reaches a higher one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from logloss.errors import DataError

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes

# Kind of answer -> what is made of it -> "module:function" that makes it.
RENDERERS: dict[str, dict[str, str]] = {}


def register(kind: str, **renderers: str) -> None:
    """Name the functions that render a kind of answer: text, notebook, plot, page, save, and its own."""
    RENDERERS[kind] = renderers


def render(kind: str, what: str) -> Callable[..., Any]:
    """The function that makes one thing of a kind of answer."""
    if what not in RENDERERS[kind]:
        raise DataError(f"no {what} is available for this answer ({kind}); available: {', '.join(RENDERERS[kind])}.")
    module, _, name = RENDERERS[kind][what].partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


class Answer:
    """What a verb returns. A subclass is a frozen dataclass that names its `kind` and has `to_dict`."""

    __slots__ = ()
    kind: ClassVar[str]

    if TYPE_CHECKING:

        @property
        def notes(self) -> tuple[str, ...]:
            """Sentences about how the rows were read."""

    def plot(self, kind: str | tuple[str, str] | None = None, ax: Axes | None = None) -> Axes:
        """Axes of matplotlib with a picture of the answer; its numbers are `logloss.drawing(answer, kind)`.

        Parameters
        ----------
        kind : str or tuple of two str, optional
            Which of its pictures, as `logloss.drawing` lists them; the first one if left out.
        ax : matplotlib.axes.Axes, optional
            Where to draw; if left out, a new figure of pyplot, as wide as a column of a journal.

        Returns
        -------
        matplotlib.axes.Axes
            Of the current figure: notebooks show it, `plt.title` and `plt.savefig` act on it.

        Raises
        ------
        DataError
            If answers of this type have no such picture, or this one cannot be drawn.

        Examples
        --------
        >>> import logloss
        >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
        >>> m.plot("reliability").get_xlabel()
        'predicted probability'
        """
        axes: Axes = render(self.kind, "plot")(self, kind, ax)
        return axes

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as one self-contained HTML page: first the answer, then figures, then tables.

        Parameters
        ----------
        path : str or path, optional
            File to write it to; an existing file is replaced.

        Returns
        -------
        str
            The HTML of the page.

        Examples
        --------
        >>> import logloss
        >>> logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9]).to_html().startswith("<!DOCTYPE html>")
        True
        """
        page: str = render(self.kind, "page")(self, path)
        return page

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the answer to a file, with a checksum, whole or not at all; `logloss.load` reads it.

        Parameters
        ----------
        path : str or path
            File to write; an existing file is replaced.

        Examples
        --------
        >>> import logloss, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "monday.logloss")
        >>> logloss.measure([1, 0], [0.8, 0.4]).save(path)
        >>> logloss.load(path).n_rows
        2
        """
        render(self.kind, "save")(path, self)

    def to_dict(self) -> dict[str, Any]:
        """The figures as flat JSON-ready values, units in the names; None, with a reason, where one is not defined."""
        raise NotImplementedError

    def __repr__(self) -> str:
        text: str = render(self.kind, "text")(self)
        return text

    def _repr_html_(self) -> str:
        """The short form for notebooks: sentences and a table, no script."""
        html: str = render(self.kind, "notebook")(self)
        return html
