"""Answers as figures: the only importer of matplotlib."""

from __future__ import annotations

import os
from typing import Any

from logloss.answers.answer import Answer
from logloss.errors import DataError, MissingPackage
from logloss.show.drawings import drawing

try:
    from matplotlib.axes import Axes

    from logloss.show.plot import of_calibration, of_comparison, of_difference, of_measurement, of_model, of_plan
    from logloss.show.plot.inline_svg import inline_svg as inline_svg
    from logloss.show.plot.style import new_axes, say, settings
except ImportError as error:
    if (error.name or "").split(".")[0] != "matplotlib":
        raise
    raise MissingPackage('drawing needs matplotlib. Install it with: pip install "logloss[plot]"') from error

ROOMS = {
    "measurement": of_measurement,
    "model": of_model,
    "calibration": of_calibration,
    "comparison": of_comparison,
    "difference": of_difference,
    "plan": of_plan,
}
FORMATS = ("pdf", "svg", "png")


def plot(answer: Answer, kind: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw a picture of an answer, on axes of its own or on those that are given; returns the axes."""
    shown = drawing(answer, kind)
    room = ROOMS[answer.kind]
    if ax is None:
        _, ax = new_axes(40.0 if shown.reason else room.height_mm(shown))
    with settings():
        if shown.reason:
            say(ax, shown.sentence)
        else:
            room.DRAWN[shown.kind](ax, shown)
    return ax


def save(answer: Answer, path: str | os.PathLike[str], kind: str | None = None) -> None:
    """Write a picture to a .pdf, .svg or .png file, on white; whole or not at all."""
    form = check_format(path)
    ax = plot(answer, kind)
    from logloss.files.storage import replacing

    # Without a date the same answer makes the same file.
    metadata: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(form, {})
    with replacing(os.fspath(path)) as stream, settings():
        ax.figure.savefig(stream, format=form, dpi=300, facecolor="white", metadata=metadata)


def check_format(path: str | os.PathLike[str]) -> str:
    """The format of a picture's file, by its ending."""
    form = os.path.splitext(os.fspath(path))[1].lower().lstrip(".")
    if form not in FORMATS:
        raise DataError(f"a picture is written to a file that ends in .pdf, .svg or .png; got {os.fspath(path)}.")
    return form
