"""Answers as figures: the only importer of matplotlib, which is imported only when something is drawn.

`plot` is for people: its figure is pyplot's, so that notebooks show it and `plt.title` acts on it. `figure_of` is for
pages and files: pyplot is not imported, so that no figure stays open in a server.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from logloss.answers.answer import Answer
from logloss.errors import DataError
from logloss.show.drawings import drawable, drawing, kinds
from logloss.show.drawings.of_additive import one_term
from logloss.show.drawings.of_pair import one_pair
from logloss.show.drawings.picture import Drawing
from logloss.show.plot import (
    of_additive,
    of_calibration,
    of_comparison,
    of_difference,
    of_measurement,
    of_model,
    of_monitoring,
    of_plan,
    of_segments,
    of_several,
    of_wide,
)
from logloss.show.plot.inline_svg import inline_svg as inline_svg
from logloss.show.plot.style import FIGURE, WIDTH_MM, plain_text, settings, size
from logloss.training.pair_effects import PairEffect
from logloss.training.term_effects import TermEffect

ROOMS: dict[str, ModuleType] = {
    "measurement": of_measurement,
    "model": of_model,
    "additive": of_additive,
    "wide": of_wide,
    "calibration": of_calibration,
    "comparison": of_comparison,
    "difference": of_difference,
    "monitoring": of_monitoring,
    "plan": of_plan,
    "segments": of_segments,
}
FORMATS = ("pdf", "svg", "png")


def plot(
    answer: Answer | Mapping[str, Answer], kind: str | tuple[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a picture of an answer, or of several measurements together, and return its axes.

    A figure of its own looks as `style.SETTINGS` say; axes that are given keep the settings of the session. Several
    measurements differ in colour and in the kind of line, so that they stay apart in grey, too.

    Parameters
    ----------
    answer : Answer, or dict of str to Measurement
        What is drawn; of a dict up to 6 measurements in one picture, its keys in the legend.
    kind : str or tuple of two str, optional
        Which picture, as `logloss.drawing` lists them; of several "reliability", "roc", "precision_recall" or
        "decision". The first one if left out.
    ax : matplotlib.axes.Axes, optional
        Where to draw; if left out, a new figure of pyplot, as wide as a column of a journal.

    Returns
    -------
    matplotlib.axes.Axes
        Those given, or those of the new figure.

    Raises
    ------
    DataError
        If there is no such picture, or this one cannot be drawn.

    Examples
    --------
    >>> import logloss
    >>> y = [0, 0, 1, 0, 1, 1]
    >>> old = logloss.measure(y, [0.3, 0.4, 0.5, 0.6, 0.5, 0.7])
    >>> new = logloss.measure(y, [0.1, 0.2, 0.3, 0.6, 0.7, 0.9])
    >>> logloss.plot({"old": old, "new": new}, "roc").get_xlabel()
    'false positive rate'
    """
    shown = _shown(answer, kind)
    return _plotted(_drawn_by(answer), shown, ax)


def _drawn_by(answer: Answer | Mapping[str, Answer]) -> ModuleType:
    """The module that draws pictures of such an answer."""
    return of_several if isinstance(answer, Mapping) else ROOMS[answer.kind]


def plot_term(term: TermEffect, ax: Axes | None = None) -> Axes:
    """The same for the effect of one term, on a scale of its own."""
    return _plotted(of_additive, one_term(term), ax)


def plot_pair(pair: PairEffect, ax: Axes | None = None) -> Axes:
    """The same for the effect of one pair."""
    return _plotted(of_additive, _drawable(one_pair(pair)), ax)


def _plotted(room: ModuleType, shown: Drawing, ax: Axes | None) -> Axes:
    """A picture on given axes, or on a new figure of pyplot."""
    if ax is not None:
        with plain_text():
            room.DRAWN[shown.kind](ax, shown)
        return ax
    # Not at the top: it is for sessions, and chooses a backend.
    from matplotlib import pyplot

    # Not within `settings`: the first figure may start a backend that changes the session's own.
    return _drawn(room, shown, pyplot.figure(figsize=_size(room, shown), **FIGURE))


def figure_of(answer: Answer | Mapping[str, Answer], kind: str | tuple[str, str] | None = None) -> Figure:
    """A picture as a figure that pyplot does not know."""
    shown = _shown(answer, kind)
    room = _drawn_by(answer)
    figure = Figure(figsize=_size(room, shown), **FIGURE)
    _drawn(room, shown, figure)
    return figure


def _shown(answer: Answer | Mapping[str, Answer], kind: str | tuple[str, str] | None) -> Drawing:
    """What is drawn; an error where there is nothing to draw."""
    shown = drawing(answer, kind)
    others = drawable(answer, [name for name in kinds(answer) if name != shown.kind]) if shown.reason else []
    return _drawable(shown, f" Available: {', '.join(others)}." if others else "")


def _drawable(shown: Drawing, hint: str = "") -> Drawing:
    """The same; an error where there is nothing to draw."""
    if shown.reason:
        raise DataError(f'the picture "{shown.kind}" cannot be drawn: {shown.reason}.{hint}')
    return shown


def _size(room: ModuleType, shown: Drawing) -> tuple[float, float]:
    """One column of a journal wide, unless the room has wider pictures."""
    width_mm = room.width_mm(shown) if hasattr(room, "width_mm") else WIDTH_MM
    return size(room.height_mm(shown), width_mm)


def _drawn(room: ModuleType, shown: Drawing, figure: Figure) -> Axes:
    """Draw on the first axes of a new figure."""
    with settings():
        ax: Axes = figure.add_subplot()
        room.DRAWN[shown.kind](ax, shown)
    return ax


def save(
    answer: Answer | Mapping[str, Answer],
    path: str | os.PathLike[str],
    kind: str | tuple[str, str] | None = None,
) -> None:
    """Write a picture to a .pdf, .svg or .png file, on white; whole or not at all."""
    form = check_format(path)
    figure = figure_of(answer, kind)
    from logloss.files.storage import replacing

    # Without a date the same answer makes the same file.
    metadata: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(form, {})
    with replacing(os.fspath(path)) as stream, settings():
        figure.savefig(stream, format=form, dpi=300, metadata=metadata)


def check_format(path: str | os.PathLike[str]) -> str:
    """The format of a picture's file, by its ending."""
    form = os.path.splitext(os.fspath(path))[1].lower().lstrip(".")
    if form not in FORMATS:
        raise DataError(f"a picture is written to a file that ends in .pdf, .svg or .png; got {os.fspath(path)}.")
    return form
