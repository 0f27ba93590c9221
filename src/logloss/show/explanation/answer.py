"""An explanation as an answer: its figures, its text, its page."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, ClassVar, NoReturn

from logloss.answers.answer import Answer
from logloss.answers.figures import put
from logloss.errors import DataError
from logloss.show import page
from logloss.show.explanation.groups_page import page_of_groups
from logloss.show.explanation.kl_pictures import forecasts
from logloss.show.explanation.lesson import LessonOfGroups, LessonOfPoints
from logloss.show.explanation.points_page import page_of_points
from logloss.show.explanation.sentences import number
from logloss.text import NATS_PER_BIT, capital, columns, fixed


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Answer):
    """The log loss of predictions, explained as a page of pictures: frozen and complete.

    Attributes
    ----------
    lesson : LessonOfPoints or LessonOfGroups
        The numbers on the page.
    source : str
        Where the points are from; "" for arrays.

    Examples
    --------
    >>> import logloss
    >>> explanation = logloss.explain([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1])
    >>> round(explanation.to_dict()["log_loss_nats"], 4)
    0.6114
    """

    kind: ClassVar[str] = "explanation"
    lesson: LessonOfPoints | LessonOfGroups
    source: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about how the rows were read."""
        return self.lesson.measured.notes

    def to_dict(self) -> dict[str, Any]:
        """The figures as flat JSON-ready values, units in the names.

        Examples
        --------
        >>> import logloss
        >>> logloss.explain([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).to_dict()["n_rows"]
        4
        """
        lesson = self.lesson
        figures = lesson.measured.to_dict() | {"source": self.source or lesson.measured.source}
        figures["positive"] = lesson.names.positive
        put(figures, "log_loss_recalibrated_nats", lesson.recalibrated)
        figures["n_isotonic_groups"] = len(lesson.groups)
        if isinstance(lesson, LessonOfPoints):
            last = lesson.frames[-1]
            # "intercept" and "slope" are those of the calibration line of the measurement.
            put(figures, "curve_intercept", last.intercept)
            put(figures, "curve_slope", last.slope)
            put(figures, "certificate_nats_per_row", last.bound)
            put(figures, "log_loss_out_of_sample_nats", lesson.out_of_sample, "not requested")
            figures |= {"l2": lesson.model.l2, "n_passes": len(lesson.frames)}
        return figures


def _head(explanation: Explanation) -> str:
    """`Ten points, base rate 0.7000 (green).`"""
    lesson = explanation.lesson
    n = lesson.measured.n_rows
    rows = f"{capital(number(n))} {lesson.names.noun}{'' if n == 1 else 's'}"
    rows += f" of {explanation.source}" if explanation.source else ""
    return f"{rows}, base rate {fixed(lesson.rate, 4)} ({lesson.names.positive})."


def _rows(explanation: Explanation) -> list[list[str]]:
    """The log loss of each forecast of the lesson, as a table."""
    rows = [["log loss", "nats", "bits"]]
    for words, value, _ in forecasts(explanation.lesson):
        rows.append([words, fixed(value, 4), fixed(value / NATS_PER_BIT, 4)])
    return rows


def text_of(explanation: Explanation) -> str:
    """How many points, and the log loss of each forecast of the lesson."""
    return "\n".join([_head(explanation), "", *columns(_rows(explanation), "lrr", gap="   ")])


def short_html(explanation: Explanation) -> str:
    """The same for notebooks, and how to write the page."""
    where = 'The page with its pictures: explanation.to_html("page.html")'
    return page.paragraph(_head(explanation)) + page.short_table(_rows(explanation), "lrr") + page.paragraph(where)


def no_picture(*_: object) -> NoReturn:
    """The pictures of an explanation are on its page only."""
    raise DataError(
        'an explanation has no single figure: explanation.to_html("page.html") writes all its pictures. Figures of the '
        "predictions: logloss.measure(…).plot()."
    )


def no_file(*_: object) -> NoReturn:
    """An explanation is its page, and made anew from what it explains."""
    raise DataError(
        'an explanation is kept as its page: explanation.to_html("page.html"). Its measurement can be saved: '
        'explanation.lesson.measured.save("measurement.logloss").'
    )


def to_html(explanation: Explanation, path: str | os.PathLike[str] | None = None) -> str:
    """The page: one file that needs nothing else, not even a network; and as a file where a path is given."""
    lesson = explanation.lesson
    if isinstance(lesson, LessonOfPoints):
        title, body, sliders = page_of_points(lesson)
    else:
        title, body, sliders = page_of_groups(lesson)
    room = files("logloss.show.explanation")
    style, script = (room.joinpath(f"explanation.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    moves = page.data_for_script({slider.name: slider.changes for slider in sliders})
    script = f'"use strict";\nconst MOVES = {moves};\n{script}'
    return page.written_page(path, title, body, style=style, script=script)
