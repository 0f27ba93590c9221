"""The pictures of the parts of a log loss: entropy and KL as areas, groups, and the log loss of each forecast."""

from __future__ import annotations

import math

import numpy as np

from logloss.information import cross_entropy, entropy
from logloss.show.explanation.lesson import ConstantForecast, Lesson, LessonOfPoints
from logloss.show.explanation.marks import Axes, Element
from logloss.show.explanation.point_pictures import ABOVE, BELOW, drawn, inside_of, mean_line, share_curve
from logloss.show.explanation.sentences import short
from logloss.text import NATS_PER_BIT, cut, fixed

# Letters of two names beside each other under a block.
LETTERS_BELOW = 20


def hatch(name: str) -> Element:
    """Stripes that fill what is KL; a picture names its own."""
    stripe = Element("path", d="M-2 2L2 -2M-2 10L10 -2M6 10L10 6", class_="stripe")
    ground = Element("rect", width=8, height=8, class_="kl-pale")
    return Element(
        "defs", Element("pattern", ground, stripe, id=name, width=8, height=8, patternUnits="userSpaceOnUse")
    )


def hatched(element: Element, name: str) -> Element:
    """An area with stripes."""
    element.attributes |= {"fill": f"url(#{name})", "class": "kl"}
    return element


def areas(lesson: Lesson, forecast: ConstantForecast) -> Element:
    """Left the losses of the two classes; right the same area as one column: entropy and KL."""
    rate = lesson.rate
    losses = [loss for each in lesson.constant_forecasts for loss in (each.if_positive, each.if_negative)]
    top = 1.03 * max(loss for loss in losses if math.isfinite(loss))
    left = Axes((0.0, 1.0), (0.0, top), width=177.0, height=250.0)
    right = Axes((0.0, 1.0), (0.0, top), left=248.0, width=177.0, height=250.0)
    mean = forecast.cross_entropy
    positive, negative = lesson.names.positive, lesson.names.negative
    bottom = left.top + left.height
    of_positive = f"{positive}: {fixed(rate, 4)} × {fixed(forecast.if_positive, 4)}"
    of_negative = f"{negative}: {fixed(1 - rate, 4)} × {fixed(forecast.if_negative, 4)}"
    blocks = [
        left.bar((0, rate), (0, forecast.if_positive), "pos-bar", of_positive),
        left.bar((rate, 1), (0, forecast.if_negative), "neg-bar", of_negative),
    ]
    # Two names of up to ten letters have room beside each other, and a longer one beside a shorter one.
    first = cut(positive, max(10, LETTERS_BELOW - len(negative)))
    second = cut(negative, LETTERS_BELOW - len(first))
    column = [
        right.bar((0, 1), (0, lesson.entropy), "own", f"entropy {fixed(lesson.entropy, 4)}"),
        hatched(right.bar((0, 1), (lesson.entropy, mean), "kl", f"KL {fixed(forecast.kl, 4)}"), "hatch-areas"),
    ]
    level = Element(
        "line", class_="mean", x1=left.left, x2=right.left + right.width, y1=right.up(mean), y2=right.up(mean)
    )
    words = [
        right.text(0.5, mean, f"mean {fixed(mean, 4)}", dy=-8, kind="strong"),
        right.text(0.5, lesson.entropy / 2, f"entropy {fixed(lesson.entropy, 4)}", dy=5, kind="on-own"),
        *below(left, [(first, "of-pos small", 0.0), (second, "of-neg small", 1.0)]),
        *below(left, [(fixed(rate, 2), "small", 0.0), (fixed(1 - rate, 2), "small", 1.0)], down=32.0),
        *below(right, [(f"KL {fixed(forecast.kl, 4)}", "of-kl", 0.6)]),
        hatched(Element("rect", x=right.across(0.12), y=bottom + 7, width=11, height=11), "hatch-areas"),
        *below(left, [("loss by class", "", 1.0)], down=50.0),
        *below(right, [("the same area", "", 1.0)], down=50.0),
    ]
    frames = [left.frame("", "loss (nats)", x_ticks=[]), right.frame("", "", x_ticks=[], y_ticks=[])]
    return drawn(ABOVE + 250 + BELOW + 14, hatch("hatch-areas"), *frames, *blocks, *column, level, *words)


def below(axes: Axes, words: list[tuple[str, str, float]], down: float = 17.0) -> list[Element]:
    """Words under axes: (words, kind, where across), at the ends inside."""
    anchors = {0.0: "start", 1.0: "end"}
    y = axes.top + axes.height + down
    return [
        Element("text", text, class_=kind or None, x=axes.across(x), y=y, text_anchor=anchors.get(x, "middle"))
        for text, kind, x in words
    ]


def valley(lesson: Lesson, forecast: ConstantForecast) -> Element:
    """The cross-entropy of every p: entropy below, KL above, and none of it where p is the base rate."""
    top = max(1.8, 1.3 * lesson.entropy)
    axes = Axes((0.0, 1.0), (0.0, top), height=200.0)
    rate, least = lesson.rate, lesson.entropy
    grid = np.unique(
        np.concatenate([np.linspace(0.002, 0.998, 167), np.geomspace(1e-5, 0.01, 20), 1 - np.geomspace(1e-5, 0.01, 20)])
    )
    heights = cross_entropy(rate, grid)
    line = [(p, c) for p, c in zip(grid.tolist(), heights.tolist(), strict=True) if c <= top]
    p, mean = forecast.proba, forecast.cross_entropy
    anchor = "end" if p > 0.5 else "start"
    over = [*line, (line[-1][0], top), (1.0, top)] if line[-1][0] > rate else line
    words = f"entropy {fixed(least, 4)}"
    marks = [
        axes.area([(0.0, least), (0.0, top), (line[0][0], top), *over, (1.0, least)], "kl"),
        axes.bar((0, 1), (0, least), "own"),
        axes.line(line, "kl-line"),
        axes.span((rate, rate), (0, least), "stem"),
        axes.ring(rate, least, "own-dot", 5.0),
        axes.span((p, p), (0, least), "cut"),
        axes.span((p, p), (least, mean), "kl-thick"),
        axes.ring(p, mean, "now", 7.0),
        axes.text(p, mean, fixed(mean, 4), anchor=anchor, dx=-12 if p > 0.5 else 12, dy=-8, kind="strong"),
        axes.text(0.98 if p < 0.5 else 0.02, 0, words, anchor="end" if p < 0.5 else "start", dy=-8, kind="on-own"),
    ]
    marks[0] = hatched(marks[0], "hatch-valley")
    frame = axes.frame("predicted probability p, the same for all", "mean loss (nats)", x_ticks=[0, 0.25, 0.5, 0.75, 1])
    return drawn(ABOVE + 200 + BELOW, hatch("hatch-valley"), *marks[:2], frame, *marks[2:])


def tangent(lesson: Lesson, forecast: ConstantForecast) -> Element:
    """A constant forecast is a straight line over the curve of entropy and touches it at its own p."""
    top = 1.6
    axes = Axes((0.0, 1.0), (0.0, top), height=200.0)
    rate, least, mean = lesson.rate, lesson.entropy, forecast.cross_entropy
    side, anchor = inside_of(rate)
    marks = [
        axes.frame(
            f"share of {cut(lesson.names.positive, 30)} {lesson.names.noun}s",
            "mean loss (nats)",
            x_ticks=[0, 0.25, 0.5, 0.75, 1],
        ),
        axes.area(share_curve(), "own-pale"),
        axes.line(share_curve(), "own-line"),
        axes.span(*_within(forecast.if_negative, forecast.if_positive, top), "kl-line"),
        axes.span((rate, rate), (0, least), "own-thick"),
        axes.span((rate, rate), (least, mean), "kl-thick"),
        axes.ring(forecast.proba, float(entropy(forecast.proba)), "hole", 4.5),
        axes.ring(rate, least, "own-dot", 5.0),
        axes.ring(rate, mean, "now", 7.0),
        axes.text(rate, 0, f"base rate {fixed(rate, 2)}", anchor=anchor, dx=10 * side, dy=-8, kind="inside"),
    ]
    return drawn(ABOVE + 200 + BELOW, *marks)


def _within(at_zero: float, at_one: float, top: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The part of the line from (0, at_zero) to (1, at_one) that lies below the top."""
    ends = [(0.0, at_zero), (1.0, at_one)]
    for k, (x, y) in enumerate(ends):
        other = ends[1 - k]
        if not y <= top:
            # A line that goes to infinity at one end is upright there.
            share = (y - top) / (y - other[1]) if math.isfinite(y) else 0.0
            ends[k] = (x + share * (other[0] - x), top)
    return (ends[0][0], ends[1][0]), (ends[0][1], ends[1][1])


def reliability(lesson: Lesson) -> Element:
    """The reliability diagram: the mean prediction of each group, and its observed frequency."""
    axes = Axes((0.0, 1.0), (0.0, 1.0), height=230.0)
    quarters = [0, 0.25, 0.5, 0.75, 1]
    marks = []
    for group in lesson.groups:
        ring = axes.ring(group.predicted, group.share, "own-dot", 3 + 9 * math.sqrt(group.mass))
        ring.children.append(
            Element("title", f"predicted {fixed(group.predicted, 4)}, observed {fixed(group.share, 4)}")
        )
        marks += [
            axes.span((group.predicted, group.predicted), (group.predicted, group.share), "kl-thick"),
            axes.span((group.lowest, group.highest), (group.share, group.share), "own-thick"),
            ring,
        ]
    name = cut(lesson.names.positive, 20)
    frame = axes.frame(
        f"predicted probability of {name}", f"observed frequency of {name}", x_ticks=quarters, y_ticks=quarters
    )
    return drawn(ABOVE + 230 + BELOW, frame, axes.span((0, 1), (0, 1), "diagonal"), Element("g", *marks))


def grouped(lesson: Lesson, *, in_parts: bool = True) -> Element:
    """Each group as a block as wide as it has rows: its entropy below, its miscalibration above; or both as one."""
    tallest = max(group.loss if math.isfinite(group.loss) else group.entropy for group in lesson.groups)
    top = 1.2 * max(tallest, 0.5 * NATS_PER_BIT)
    axes = Axes((0.0, 1.0), (0.0, top), width=340.0, height=190.0)
    is_named = len(lesson.groups) <= 6 and min(group.mass for group in lesson.groups) > 0.08
    blocks, start = [], 0.0
    for group in lesson.groups:
        end = start + group.mass
        height = min(group.loss, top)
        if in_parts:
            tooltip = f"observed {fixed(group.share, 4)}: entropy {fixed(group.entropy, 4)}"
            tooltip += f", miscalibration {fixed(group.excess, 4)}"
            blocks.append(axes.bar((start, end), (0, group.entropy), "own", tooltip))
            blocks.append(hatched(axes.bar((start, end), (group.entropy, height), "kl", tooltip), "hatch-groups"))
        else:
            tooltip = f"predicted {fixed(group.predicted, 4)}: mean loss {fixed(group.loss, 4)}"
            blocks.append(axes.bar((start, end), (0, height), "whole", tooltip))
        if is_named:
            words = fixed(group.share if in_parts else group.predicted, 2)
            blocks.append(axes.text((start + end) / 2, 0.0, words, dy=16, kind="small"))
        start = end
    loss = float(lesson.measured.log_loss)
    if is_named:
        label = f"observed frequency of {cut(lesson.names.positive, 20)}" if in_parts else "mean prediction"
        frame = axes.frame(f"groups, with their {label}", "mean loss (nats)", x_ticks=[])
    else:
        frame = axes.frame(f"share of all {lesson.names.noun}s", "mean loss (nats)", x_ticks=[0, 0.25, 0.5, 0.75, 1])
    return drawn(ABOVE + 190 + BELOW, hatch("hatch-groups"), frame, *blocks, *mean_line(axes, loss))


def forecasts(lesson: Lesson) -> list[tuple[str, float, float]]:
    """(Forecast, its log loss, how much of that is entropy; nan where it is not split), from ½ to leave-one-out."""
    left, loss = lesson.recalibrated, float(lesson.measured.log_loss)
    name = "fitted curve" if isinstance(lesson, LessonOfPoints) else "predictions"
    rows = [
        ("always predicting ½", NATS_PER_BIT, lesson.entropy),
        (f"always predicting {short(lesson.rate)} (the base rate)", lesson.entropy, lesson.entropy),
        (name, loss, left),
        (f"{name}, recalibrated (isotonic, in sample)", left, left),
    ]
    if isinstance(lesson, LessonOfPoints) and not math.isnan(lesson.out_of_sample):
        rows.append(("fitted curve, leave-one-out", lesson.out_of_sample, math.nan))
    return rows


def ladder(rows: list[tuple[str, float, float]]) -> Element:
    """The log loss of each forecast below each other, split into entropy and KL where it can be."""
    finite = [value for _, value, _ in rows if math.isfinite(value)]
    axes = Axes((0.0, 1.22 * max(finite)), (0.0, 1.0), left=14.0, width=411.0, top=10.0, height=46.0 * len(rows))
    marks = []
    for k, (words, value, inner) in enumerate(rows):
        top, edge = axes.top + 46 * k, axes.across(value)
        middle = axes.left if math.isnan(inner) else axes.across(inner)
        rest = Element("rect", class_="whole", x=middle, y=top + 18, width=max(edge - middle, 0.0), height=18)
        marks += [
            Element("text", words, x=axes.left, y=top + 12),
            Element("rect", class_="own", x=axes.left, y=top + 18, width=middle - axes.left, height=18),
            rest if math.isnan(inner) else hatched(rest, "hatch-ladder"),
            Element("text", fixed(value, 4), class_="strong", x=min(edge + 6, 390.0), y=top + 32),
        ]
    frame = axes.frame("log loss (nats)", "", y_ticks=[])
    return drawn(axes.top + axes.height + 40, hatch("hatch-ladder"), *marks, frame)
