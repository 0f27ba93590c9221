"""The best explanation of binary cross-entropy that we could make: one page, for points or for predictions.

>>> from logloss.show.explanation import page_of
>>> from logloss.show.explanation.lesson import Names, lesson_of_points
>>> page_of(lesson_of_points([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], Names("green", "red"), l2=1.0)).count("<svg")
13
"""

from __future__ import annotations

from importlib.resources import files

from logloss.show import page
from logloss.show.explanation.lesson import Lesson, LessonOfPoints
from logloss.show.explanation.of_points import body_of_points, title_of


def page_of(lesson: Lesson) -> str:
    """The whole page of a lesson, as HTML."""
    body, sliders = body_of_points(lesson)
    room = files("logloss.show.explanation")
    style = room.joinpath("explanation.css").read_text(encoding="utf-8")
    script = room.joinpath("explanation.js").read_text(encoding="utf-8")
    moves = page.data_for_script({slider.name: slider.moves for slider in sliders})
    return page.page(title_of(lesson), body, style=style, script=f'"use strict";\nconst MOVES = {moves};\n{script}')
