"""The pictures of what a cost is made of: entropy and KL as areas, pools, and the ladder of all prices."""

from __future__ import annotations

import math

import numpy as np

from logloss.information import cross_entropy, entropy
from logloss.show.explanation.lesson import ConstantForecast, Lesson, LessonOfPoints
from logloss.show.explanation.marks import Axes, Element
from logloss.show.explanation.point_pictures import ABOVE, BELOW, drawn, inside_of, mean_line, share_curve
from logloss.show.explanation.sentences import short
from logloss.text import NATS_PER_BIT, cut, fixed


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


def areas(lesson: Lesson, predicted: ConstantForecast) -> Element:
    """Left what the positive and the negative ones pay; right the same area levelled out: entropy and KL."""
    rate = lesson.rate
    costs = [cost for each in lesson.constant_forecasts for cost in (each.if_positive, each.if_negative)]
    top = 1.03 * max(cost for cost in costs if math.isfinite(cost))
    left = Axes((0.0, 1.0), (0.0, top), width=177.0, height=250.0)
    right = Axes((0.0, 1.0), (0.0, top), left=248.0, width=177.0, height=250.0)
    all_of = predicted.cross_entropy
    positive, negative = cut(lesson.names.positive, 7), cut(lesson.names.negative, 7)
    bottom = left.top + left.height
    of_positive = f"{positive}: {fixed(rate, 4)} × {fixed(predicted.if_positive, 4)}"
    of_negative = f"{negative}: {fixed(1 - rate, 4)} × {fixed(predicted.if_negative, 4)}"
    blocks = [
        left.bar((0, rate), (0, predicted.if_positive), "pos-bar", of_positive),
        left.bar((rate, 1), (0, predicted.if_negative), "neg-bar", of_negative),
    ]
    sides = [(f"{positive} {fixed(rate, 2)}", "of-pos small", 0.0)]
    sides.append((f"{negative} {fixed(1 - rate, 2)}", "of-neg small", 1.0))
    tank = [
        right.bar((0, 1), (0, lesson.entropy), "own", f"entropy {fixed(lesson.entropy, 4)}"),
        hatched(right.bar((0, 1), (lesson.entropy, all_of), "kl", f"KL {fixed(predicted.kl, 4)}"), "hatch-areas"),
    ]
    level = Element(
        "line", class_="mean", x1=left.left, x2=right.left + right.width, y1=right.up(all_of), y2=right.up(all_of)
    )
    words = [
        right.text(0.5, all_of, f"{fixed(all_of, 4)} in all", dy=-8, kind="strong"),
        right.text(0.5, lesson.entropy / 2, f"entropy {fixed(lesson.entropy, 4)}", dy=5, kind="on-own"),
        *below(left, sides),
        *below(right, [(f"KL {fixed(predicted.kl, 4)}", "of-kl", 0.6)]),
        hatched(Element("rect", x=right.across(0.12), y=bottom + 7, width=11, height=11), "hatch-areas"),
        Element("text", "what each class pays", x=left.left + left.width, y=bottom + 36, text_anchor="end"),
        Element("text", "the same area, levelled", x=right.left + right.width, y=bottom + 36, text_anchor="end"),
    ]
    frames = [left.frame("", "cost (nats)", x_ticks=[]), right.frame("", "", x_ticks=[], y_ticks=[])]
    return drawn(ABOVE + 250 + BELOW, hatch("hatch-areas"), *frames, *blocks, *tank, level, *words)


def below(axes: Axes, words: list[tuple[str, str, float]]) -> list[Element]:
    """Words under axes: (words, kind, where across), at the ends inside."""
    anchors = {0.0: "start", 1.0: "end"}
    y = axes.top + axes.height + 17
    return [
        Element("text", predicted, class_=kind, x=axes.across(x), y=y, text_anchor=anchors.get(x, "middle"))
        for predicted, kind, x in words
    ]


def valley(lesson: Lesson, predicted: ConstantForecast) -> Element:
    """What saying p costs, for every p: entropy below, KL above, and none of it where p is the truth."""
    top = max(1.8, 1.3 * lesson.entropy)
    axes = Axes((0.0, 1.0), (0.0, top), height=200.0)
    rate, own = lesson.rate, lesson.entropy
    own_words = f"entropy {fixed(own, 4)}"
    grid = np.unique(
        np.concatenate([np.linspace(0.002, 0.998, 167), np.geomspace(1e-5, 0.01, 20), 1 - np.geomspace(1e-5, 0.01, 20)])
    )
    costs = cross_entropy(rate, grid)
    line = [(p, c) for p, c in zip(grid.tolist(), costs.tolist(), strict=True) if c <= top]
    p, all_of = predicted.proba, predicted.cross_entropy
    anchor = "end" if p > 0.5 else "start"
    over = [*line, (line[-1][0], top), (1.0, top)] if line[-1][0] > rate else line
    marks = [
        axes.area([(0.0, own), (0.0, top), (line[0][0], top), *over, (1.0, own)], "kl"),
        axes.bar((0, 1), (0, own), "own"),
        axes.line(line, "kl-line"),
        axes.span((rate, rate), (0, own), "stem"),
        axes.ring(rate, own, "own-dot", 5.0),
        axes.span((p, p), (0, own), "cut"),
        axes.span((p, p), (own, all_of), "kl-thick"),
        axes.ring(p, all_of, "now", 7.0),
        axes.text(p, all_of, fixed(all_of, 4), anchor=anchor, dx=-12 if p > 0.5 else 12, dy=-8, kind="strong"),
        axes.text(0.98 if p < 0.5 else 0.02, 0, own_words, anchor="end" if p < 0.5 else "start", dy=-8, kind="on-own"),
    ]
    marks[0] = hatched(marks[0], "hatch-valley")
    frame = axes.frame("probability p said to all", "mean cost (nats)", x_ticks=[0, 0.25, 0.5, 0.75, 1])
    return drawn(ABOVE + 200 + BELOW, hatch("hatch-valley"), *marks[:2], frame, *marks[2:])


def tangent(lesson: Lesson, predicted: ConstantForecast) -> Element:
    """A prediction is a straight line over the curve of entropy and touches it at its own share."""
    top = 1.6
    axes = Axes((0.0, 1.0), (0.0, top), height=200.0)
    rate, own, all_of = lesson.rate, lesson.entropy, predicted.cross_entropy
    side, anchor = inside_of(rate)
    marks = [
        axes.frame(f"share of {cut(lesson.names.positive, 30)}", "mean cost (nats)", x_ticks=[0, 0.25, 0.5, 0.75, 1]),
        axes.area(share_curve(), "own-pale"),
        axes.line(share_curve(), "own-line"),
        axes.span(*_within(predicted.if_negative, predicted.if_positive, top), "kl-line"),
        axes.span((rate, rate), (0, own), "own-thick"),
        axes.span((rate, rate), (own, all_of), "kl-thick"),
        axes.ring(predicted.proba, float(entropy(predicted.proba)), "hole", 4.5),
        axes.ring(rate, own, "own-dot", 5.0),
        axes.ring(rate, all_of, "now", 7.0),
        axes.text(rate, 0, f"the truth: {fixed(rate, 2)}", anchor=anchor, dx=10 * side, dy=-8, kind="inside"),
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


def stairs(lesson: Lesson) -> Element:
    """What was said to each pool, and what happened in it."""
    axes = Axes((0.0, 1.0), (0.0, 1.0), height=230.0)
    quarters = [0, 0.25, 0.5, 0.75, 1]
    steps = []
    for pool in lesson.pools:
        says = f"said {fixed(pool.predicted, 4)}, happened {fixed(pool.share, 4)}"
        ring = axes.ring(pool.predicted, pool.share, "own-dot", 3 + 9 * math.sqrt(pool.mass))
        ring.children.append(Element("title", says))
        steps += [
            axes.span((pool.predicted, pool.predicted), (pool.predicted, pool.share), "kl-thick"),
            axes.span((pool.lowest, pool.highest), (pool.share, pool.share), "own-thick"),
            ring,
        ]
    predicted = f"probability of {cut(lesson.names.positive, 20)} that was said"
    frame = axes.frame(
        predicted, f"share that was {cut(lesson.names.positive, 20)}", x_ticks=quarters, y_ticks=quarters
    )
    return drawn(ABOVE + 230 + BELOW, frame, axes.span((0, 1), (0, 1), "diagonal"), Element("g", *steps))


def pooled(lesson: Lesson, *, in_parts: bool = True) -> Element:
    """Each pool as a block as wide as it has rows: its own entropy below, what it pays on top above; or both as one."""
    tallest = max(pool.cost if math.isfinite(pool.cost) else pool.entropy for pool in lesson.pools)
    top = 1.2 * max(tallest, 0.5 * NATS_PER_BIT)
    axes = Axes((0.0, 1.0), (0.0, top), width=340.0, height=190.0)
    is_named = len(lesson.pools) <= 6 and min(pool.mass for pool in lesson.pools) > 0.08
    blocks, start = [], 0.0
    for pool in lesson.pools:
        end = start + pool.mass
        cost = min(pool.cost, top)
        says = f"{fixed(pool.share, 4)} positive: entropy {fixed(pool.entropy, 4)}, on top {fixed(pool.excess, 4)}"
        if in_parts:
            blocks.append(axes.bar((start, end), (0, pool.entropy), "own", says))
            blocks.append(hatched(axes.bar((start, end), (pool.entropy, cost), "kl", says), "hatch-pools"))
        else:
            says = f"said {fixed(pool.predicted, 4)}, pays {fixed(pool.cost, 4)}"
            blocks.append(axes.bar((start, end), (0, cost), "whole", says))
        if is_named:
            words = fixed(pool.share if in_parts else pool.predicted, 2)
            blocks.append(axes.text((start + end) / 2, 0.0, words, dy=16, kind="small"))
        start = end
    loss = float(lesson.measured.log_loss)
    if is_named:
        share = f"their share of {cut(lesson.names.positive, 20)}" if in_parts else "what was said"
        frame = axes.frame(f"groups, with {share}", "mean cost (nats)", x_ticks=[])
    else:
        frame = axes.frame(f"share of all {lesson.names.noun}s", "mean cost (nats)", x_ticks=[0, 0.25, 0.5, 0.75, 1])
    return drawn(ABOVE + 190 + BELOW, hatch("hatch-pools"), frame, *blocks, *mean_line(axes, loss))


def rungs(lesson: Lesson) -> list[tuple[str, float, float]]:
    """(Who predicts, what it costs, how much of that is left open) from a coin flip to calibrated predictions."""
    left, loss = lesson.entropy_of_pools, float(lesson.measured.log_loss)
    found = [
        ("saying ½ to each: a coin flip", NATS_PER_BIT, lesson.entropy),
        (f"saying {short(lesson.rate)} to each: the entropy", lesson.entropy, lesson.entropy),
        ("the fitted curve" if isinstance(lesson, LessonOfPoints) else "what was said of each", loss, left),
        ("the same, calibrated on what happened", left, left),
    ]
    if isinstance(lesson, LessonOfPoints) and not math.isnan(lesson.new_points):
        new = lesson.new_points
        found.append((f"each {lesson.names.noun} by a curve that never saw it", new, new))
    return found


def ladder(steps: list[tuple[str, float, float]]) -> Element:
    """All prices below each other."""
    finite = [value for _, value, _ in steps if math.isfinite(value)]
    axes = Axes((0.0, 1.22 * max(finite)), (0.0, 1.0), left=14.0, width=411.0, top=10.0, height=46.0 * len(steps))
    marks = []
    for k, (words, value, inner) in enumerate(steps):
        top, edge, middle = axes.top + 46 * k, axes.across(value), axes.across(inner)
        marks += [
            Element("text", words, x=axes.left, y=top + 12),
            Element("rect", class_="own", x=axes.left, y=top + 18, width=middle - axes.left, height=18),
            hatched(Element("rect", x=middle, y=top + 18, width=max(edge - middle, 0.0), height=18), "hatch-ladder"),
            Element("text", fixed(value, 4), class_="strong", x=min(edge + 6, 390.0), y=top + 32),
        ]
    frame = axes.frame("mean cost (nats)", "", y_ticks=[])
    return drawn(axes.top + axes.height + 40, hatch("hatch-ladder"), *marks, frame)
