"""An explanation as an answer: its figures, its text, its page."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, ClassVar

from logloss.answers.answer import Answer
from logloss.answers.figures import put
from logloss.show import page
from logloss.show.explanation.groups_page import page_of_pools
from logloss.show.explanation.kl_pictures import rungs
from logloss.show.explanation.lesson import LessonOfPoints, LessonOfPools
from logloss.show.explanation.points_page import page_of_points
from logloss.show.explanation.sentences import number
from logloss.text import NATS_PER_BIT, capital, columns, fixed


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Answer):
    """What predictions cost and why, as a page of pictures: frozen and complete.

    Attributes
    ----------
    lesson : LessonOfPoints or LessonOfPools
        The numbers that the page shows.
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
    lesson: LessonOfPoints | LessonOfPools
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
        put(figures, "entropy_of_groups_nats", lesson.entropy_of_pools)
        figures["n_groups"] = len(lesson.pools)
        if isinstance(lesson, LessonOfPoints):
            last = lesson.frames[-1]
            put(figures, "intercept", last.intercept)
            put(figures, "coefficient", last.slope)
            put(figures, "certificate_nats_per_row", last.bound)
            put(figures, "log_loss_out_of_sample_nats", lesson.new_points, "not asked for")
            figures |= {"l2": lesson.model.l2, "n_passes": len(lesson.frames)}
        return figures


def text_of(explanation: Explanation) -> str:
    """How many points, and what they cost in the mean."""
    lesson = explanation.lesson
    n = lesson.measured.n_rows
    head = f"{capital(number(n))} {lesson.names.noun}{'' if n == 1 else 's'}"
    head += f" of {explanation.source}" if explanation.source else ""
    share = f"{fixed(lesson.rate, 4)} of them {lesson.names.positive}"
    rows = [["What they cost, in the mean", "nats", "bits"]]
    rows += [[f"  {words}", fixed(value, 4), fixed(value / NATS_PER_BIT, 4)] for words, value, _ in rungs(lesson)]
    return "\n".join([f"{head}, {share}.", "", *columns(rows, "lrr", gap="   ")])


def to_html(explanation: Explanation, path: str | os.PathLike[str] | None = None) -> str:
    """The page: one file that needs nothing else, not even a network; and as a file where a path is given."""
    lesson = explanation.lesson
    if isinstance(lesson, LessonOfPoints):
        title, body, sliders = page_of_points(lesson)
    else:
        title, body, sliders = page_of_pools(lesson)
    room = files("logloss.show.explanation")
    style, script = (room.joinpath(f"explanation.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    moves = page.data_for_script({slider.name: slider.changes for slider in sliders})
    script = f'"use strict";\nconst MOVES = {moves};\n{script}'
    return page.written_page(path, title, body, style=style, script=script)
