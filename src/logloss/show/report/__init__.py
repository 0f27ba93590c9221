"""Answers as one HTML file: first the answer in sentences, then pictures, then tables; no script, no outside link."""

from __future__ import annotations

import math
import os

from logloss.answers.answer import Answer
from logloss.answers.estimate import Estimate
from logloss.calibration import calibrate
from logloss.show import page
from logloss.show.drawings import drawing, kinds
from logloss.show.report import (
    of_additive,
    of_calibration,
    of_comparison,
    of_difference,
    of_measurement,
    of_model,
    of_monitoring,
    of_plan,
    of_segments,
    of_wide,
)
from logloss.text import confidence, fixed

ROOMS = {
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


# The one large number of a page, where a room has no `headline` of its own: (attribute, name, digits, unit).
NUMBERS = {
    "measurement": ("log_loss", "log loss", 4, "nats per row"),
    "model": ("log_loss", "log loss in sample", 4, "nats per row"),
    "wide": ("log_loss", "log loss in sample", 4, "nats per row"),
    "calibration": ("expected_reduction", "expected reduction of the log loss", 4, "nats per row"),
    "comparison": ("delta", "difference in log loss of the best two", 4, "nats per row"),
    "difference": ("log_loss", "change in log loss", 4, "nats per row"),
    "plan": ("rows_needed", "number of rows needed", 0, "rows"),
}


def to_html(answer: Answer, path: str | os.PathLike[str] | None = None) -> str:
    """The report of an answer as a page, and as a file where a path is given; whole or not at all."""
    room = ROOMS[answer.kind]
    body = [page.paragraph(room.head(answer), kind="muted"), page.headline(*headline(answer))]
    # Of a measurement two parts of its page show the calibration, which takes as long as two pictures.
    fitted = {"recalibration": calibrate(answer)} if answer.kind == "measurement" else {}
    first, *others = room.sentences(answer, **fitted)
    body += [page.paragraph(first, kind="opening"), *map(page.paragraph, (*others, *cautions(answer)))]
    shown = getattr(room, "pictures", kinds)(answer)
    body.append(page.section("Pictures", page.figures(*(_figure(answer, kind) for kind in shown))))
    body += [page.section(title, inside) for title, inside in room.sections(answer, **fitted)]
    notes = [room.remarks(answer), *map(page.paragraph, answer.notes)]
    body.append(page.section("Methods", "\n".join(notes)))
    return page.written_page(path, room.title(answer), "\n".join(body))


def headline(answer: Answer) -> tuple[str, str]:
    """The one large number of an answer; its unit, name and interval."""
    own = getattr(ROOMS[answer.kind], "headline", None)
    if own is not None:
        number, words = own(answer)
        return number, words
    attribute, name, digits, unit = NUMBERS[answer.kind]
    value = getattr(answer, attribute)
    if value is None or math.isnan(value):
        return "not available", name
    known = value if isinstance(value, Estimate) else Estimate(value)
    ends = f", {confidence(known.low, known.high, digits)}" if known.has_interval else ""
    return f"{value:,.0f}" if digits == 0 else fixed(value, digits), f"{unit}, {name}{ends}"


def short_html(answer: Answer) -> str:
    """The short form for notebooks: the number, the sentences and one table; needs no matplotlib."""
    room = ROOMS[answer.kind]
    rows, align = room.main_table(answer)
    paragraphs = [room.head(answer), " ".join(headline(answer)), *room.sentences(answer), *cautions(answer)]
    return page.short_paragraphs(paragraphs) + page.short_table(rows, align)


def cautions(answer: Answer) -> list[str]:
    """Why intervals of an answer may be too narrow."""
    return [f"Caution: {each}." for each in getattr(answer, "cautions", ())]


def _figure(answer: Answer, kind: str) -> str:
    """One picture with its sentence and its numbers."""
    from logloss.show.plot import figure_of, inline_svg

    shown = drawing(answer, kind)
    if shown.reason:
        inside = page.numbers(shown.numbers, title=shown.title, note=shown.note) if shown.numbers else ""
        return page.words(shown.title, shown.sentence, inside)
    return page.figure(inline_svg(figure_of(answer, kind)), shown.title, shown.sentence, shown.numbers, note=shown.note)
