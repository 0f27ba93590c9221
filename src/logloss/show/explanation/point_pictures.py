"""The pictures of points and curves: each a function of the lesson, and of a frame where it moves."""

from __future__ import annotations

import math

import numpy as np

from logloss.answers.estimate import expit
from logloss.data.rows import Array
from logloss.information import entropy, surprisal
from logloss.show.explanation.lesson import Frame, Group, Lesson, LessonOfPoints, logits_of, rounded, written
from logloss.show.explanation.marks import RADIUS, WIDTH, Axes, Element, ticks
from logloss.show.explanation.sentences import short
from logloss.text import NATS_PER_BIT, cut, fixed

# Up to so many points each has its own number.
MOST_LABELLED = 12
# Letters of a class beside the points, and the width of one.
MOST_LETTERS, LETTER = 16, 9.0
# More points are drawn small.
MOST_LARGE = 40
# Which part of the place of a point its bar takes.
BAR = (0.12, 0.88)
# Room for the lines over and under a picture.
ABOVE, BELOW = 28.0, 42.0


def drawn(height: float, *marks: Element) -> Element:
    """A whole picture of so many units."""
    return Element("svg", *marks, viewBox=f"0 0 {WIDTH} {height:g}")


def lanes(lesson: LessonOfPoints, height: float = 180.0) -> tuple[Axes, Element]:
    """Axes whose height is a probability of positive."""
    axes = Axes(lesson.reach, (0.0, 1.0), top=ABOVE, height=height)
    title = f"predicted probability of {cut(lesson.names.positive, 30)}"
    return axes, axes.frame(lesson.names.feature, title, y_ticks=[0, 0.25, 0.5, 0.75, 1])


def points(lesson: LessonOfPoints) -> Element:
    """The points: where they lie, and their observed classes."""
    words_of = {label: f"{cut(lesson.names.of(label), MOST_LETTERS)} ({label})" for label in (1, 0)}
    left = 18.0 + LETTER * max(map(len, words_of.values()))
    axes = Axes(lesson.reach, (-0.35, 1.35), left=left, width=425.0 - left, height=84.0)
    frame = axes.frame(lesson.names.feature, "observed class (label)", y_ticks=[])
    named = []
    for label, kind in ((1, "of-pos"), (0, "of-neg")):
        named += [
            axes.span(axes.x, (label, label), "grid"),
            Element("text", words_of[label], class_=kind, x=axes.left - 6, y=axes.up(label) + 4.5, text_anchor="end"),
        ]
    dots = [
        axes.dot(
            x,
            label,
            is_positive=bool(label),
            tooltip=f"{lesson.names.feature} = {written(x)}: {lesson.names.of(label)}",
        )
        for x, label in zip(lesson.x, lesson.labels, strict=True)
    ]
    return drawn(ABOVE + 84 + BELOW, frame, *named, *dots)


def curve_line(lesson: LessonOfPoints, axes: Axes, frame: Frame, kind: str) -> Element:
    """The curve of a pass."""
    proba = expit(logits_of(frame.intercept, frame.slope, lesson.grid))
    return axes.line(list(zip(lesson.grid.tolist(), proba.tolist(), strict=True)), kind)


def tooltip_of(lesson: LessonOfPoints, x: float, label: float, words: str) -> str:
    """What is shown when a mark is pointed at; none among many points, where nobody would find it."""
    if lesson.n > MOST_LABELLED:
        return ""
    return f"{lesson.names.feature} = {written(x)}, {lesson.names.of(label)}: {words}"


def dots_on(lesson: LessonOfPoints, axes: Axes, frame: Frame) -> list[Element]:
    """The points where the curve of a pass puts them."""
    radius = RADIUS if lesson.n <= MOST_LARGE else 0.6 * RADIUS
    dots = []
    for x, label, p in zip(lesson.x, lesson.labels, frame.proba, strict=True):
        tooltip = tooltip_of(lesson, x, label, f"predicted {fixed(p, 4)}")
        dots.append(axes.dot(x, p, is_positive=bool(label), tooltip=tooltip, radius=radius))
    return dots


def curve(lesson: LessonOfPoints) -> Element:
    """The fitted curve, and each point at the height of its probability."""
    axes, frame = lanes(lesson)
    last = lesson.frames[-1]
    stemmed = zip(lesson.x, last.proba, strict=True) if lesson.n <= MOST_LARGE else ()
    stems = [axes.span((x, x), (0, p), "stem") for x, p in stemmed]
    worst = lesson.worst
    x, p = lesson.x[worst], last.proba[worst]
    # Over a curve that rises there is room on the left.
    side = -1 if last.slope > 0 else 1
    label = axes.text(x, p, fixed(p, 4), anchor="end" if side < 0 else "start", dx=10 * side, dy=-5)
    marks = [frame, *stems, curve_line(lesson, axes, last, "curve"), *dots_on(lesson, axes, last), label]
    return drawn(ABOVE + 180 + BELOW, *marks)


def bar_of(lesson: LessonOfPoints, label: float) -> str:
    """The kind of a bar; among many it has no rim."""
    return ("pos-bar" if label else "neg-bar") + (" many" if lesson.n > MOST_LARGE else "")


def bars_of_observed(lesson: LessonOfPoints, axes: Axes, frame: Frame) -> list[Element]:
    """In place: for a positive point the bar up to the curve, for a negative one the bar from the curve up to 1."""
    low, high = lesson.reach
    half = (high - low) * min(0.011, 0.4 / lesson.n)
    bars = []
    for x, label, p in zip(lesson.x, lesson.labels, frame.proba, strict=True):
        kind, ends = bar_of(lesson, label), (0.0, p) if label else (p, 1.0)
        bars.append(axes.bar((x - half, x + half), ends, kind))
    return bars


def observed(lesson: LessonOfPoints) -> Element:
    """The probability of the observed class: above in its place on the curve, below standing in a row."""
    axes, frame = lanes(lesson, height=150.0)
    last = lesson.frames[-1]
    bars = bars_of_observed(lesson, axes, last)
    above = [frame, *bars, curve_line(lesson, axes, last, "curve"), *dots_on(lesson, axes, last)]
    row, marks = in_a_row(
        lesson, lesson.proba_of_observed, (0.0, 1.0), "probability of the observed class", top=268.0, height=130.0
    )
    rest = [row.bar((k + BAR[0], k + BAR[1]), (value, 1.0), "rest") for k, value in enumerate(lesson.proba_of_observed)]
    return drawn(268 + 130 + BELOW, *above, Element("g", *rest), *marks)


def in_a_row(
    lesson: LessonOfPoints, values: Array, y: tuple[float, float], title: str, *, top: float, height: float
) -> tuple[Axes, list[Element]]:
    """One bar for each point, in order of x, on axes of their own."""
    axes = Axes((0.0, float(lesson.n)), y, top=top, height=height, width=340.0)
    is_labelled = lesson.n <= MOST_LABELLED
    frame = axes.frame(
        "" if is_labelled else f"the {lesson.names.noun}s in order of {lesson.names.feature}", title, x_ticks=[]
    )
    marks = [frame]
    bottom = top + height
    names = [rounded(x, 3) for x in lesson.x]
    for k, (value, label) in enumerate(zip(values, lesson.labels, strict=True)):
        tooltip = tooltip_of(lesson, lesson.x[k], label, fixed(value, 4))
        shown = min(value, y[1])
        marks.append(axes.bar((k + BAR[0], k + BAR[1]), (0.0, shown), bar_of(lesson, label), tooltip))
        if is_labelled:
            marks.append(axes.text(k + 0.5, shown, fixed(value, 2), dy=-4, kind="small"))
            marks.append(
                Element("text", names[k], x=axes.across(k + 0.5), y=bottom + 16, text_anchor="middle", class_="small")
            )
    if is_labelled:
        words = f"{lesson.names.feature} of the {lesson.names.noun}"
        marks.append(Element("text", words, x=axes.left + axes.width, y=bottom + 33, text_anchor="end"))
    return axes, marks


def losses(lesson: LessonOfPoints, frame: Frame | None = None, height: float = 170.0) -> Element:
    """The loss of each point, in a row, and their mean."""
    frame = lesson.frames[-1] if frame is None else frame
    every = np.concatenate([each.losses for each in lesson.frames])
    top = max(1.15 * float(every[np.isfinite(every)].max(initial=0.0)), 1.0)
    axes, marks = in_a_row(lesson, frame.losses, (0.0, top), "loss (nats)", top=ABOVE, height=height)
    bars = [mark for mark in marks if mark.tag != "text"]
    labels = [mark for mark in marks if mark.tag == "text"]
    return drawn(ABOVE + height + BELOW, *bars, *mean_line(axes, frame.log_loss), *labels)


def mean_line(axes: Axes, mean: float) -> list[Element]:
    """The line of the mean, and its value beside it."""
    right = axes.left + axes.width
    return [
        axes.span(axes.x, (mean, mean), "mean"),
        Element("text", "mean", x=right + 4, y=axes.up(mean) - 2, class_="strong small"),
        Element("text", fixed(mean, 4), x=right + 4, y=axes.up(mean) + 12, class_="strong small"),
    ]


def loss_curve(positive: bool, top: float) -> list[tuple[float, float]]:
    """−log p, or −log(1 − p), up to a height."""
    proba = np.concatenate([[math.exp(-top)], np.linspace(math.exp(-top), 1, 80)[1:]])
    heights = surprisal(np.ones(len(proba), np.uint8), proba)
    return list(zip((proba if positive else 1 - proba).tolist(), heights.tolist(), strict=True))


def two_curves(lesson: Lesson, dots: list[tuple[float, int, float]], top: float) -> Element:
    """The loss of p for either class, with points (p, label, loss) on the curves."""
    axes = Axes((0.0, 1.0), (0.0, top), height=230.0)
    positive, negative = cut(lesson.names.positive, 12), cut(lesson.names.negative, 12)
    title = f"predicted probability p of {cut(lesson.names.positive, 30)}"
    half = float(surprisal([1], [0.5])[0])
    marks = [
        axes.frame(title, "loss (nats)", x_ticks=[0, 0.25, 0.5, 0.75, 1]),
        axes.span((0.5, 0.5), (0, half), "stem"),
        axes.line(loss_curve(True, top), "pos-line"),
        axes.line(loss_curve(False, top), "neg-line"),
        axes.text(0.09, 0.84 * top, f"if {positive}: −log p", anchor="start", kind="of-pos"),
        axes.text(0.91, 0.71 * top, f"if {negative}: −log(1 − p)", anchor="end", kind="of-neg"),
        axes.text(0.5, half, f"½: {fixed(half, 4)}", dy=-28),
        axes.ring(0.5, half, "hole", 3.0),
    ]
    for p, label, loss in dots:
        tooltip = f"{lesson.names.of(label)}, p = {fixed(p, 4)}: loss {fixed(loss, 4)}"
        marks.append(axes.dot(p, loss, is_positive=bool(label), tooltip=tooltip))
    return drawn(ABOVE + 230 + BELOW, *marks)


def share_curve() -> list[tuple[float, float]]:
    """Entropy against the event rate."""
    shares = (1 - np.cos(np.linspace(0, math.pi, 101))) / 2
    return list(zip(shares.tolist(), entropy(shares).tolist(), strict=True))


def inside_of(share: float) -> tuple[int, str]:
    """(Side, anchor) of words at a share that are to stand under the arch of entropy."""
    return (-1, "end") if share > 0.5 else (1, "start")


def entropy_picture(lesson: Lesson, groups: tuple[Group, ...]) -> Element:
    """Entropy: 0 where all are of one class, most at half; the base rate and groups on it."""
    axes = Axes((0.0, 1.0), (0.0, 0.8), height=190.0)
    title = f"share of {cut(lesson.names.positive, 30)} {lesson.names.noun}s"
    rate, baseline = lesson.rate, lesson.entropy
    side, anchor = inside_of(rate)
    # Below the dot, or above it where there is no room for words below; lower where groups are shown.
    down = -10.0 if baseline < 0.3 else 62.0 if groups else 36.0
    words = f"{short(rate)}: {fixed(baseline, 4)}"
    half = f"half and half: {fixed(NATS_PER_BIT, 4)} = one bit"
    marks = [
        axes.frame(title, "entropy (nats)", x_ticks=[0, 0.25, 0.5, 0.75, 1], y_ticks=[0, 0.2, 0.4, 0.6, 0.8]),
        axes.area([*share_curve()], "own-pale"),
        axes.span((rate, rate), (0, baseline), "stem"),
        axes.line(share_curve(), "own-line"),
        axes.text(0.5, NATS_PER_BIT, half, dy=-9, kind="label"),
        *(axes.ring(share, 0.0, "own-dot", 4.0) for share in (0.0, 1.0)),
        axes.ring(0.5, NATS_PER_BIT, "own-dot", 4.0),
        *(axes.ring(each.share, each.entropy, "hole", 2 + 8 * math.sqrt(each.mass)) for each in groups),
        axes.ring(rate, baseline, "own-dot", 6.0),
        axes.text(rate, baseline, words, anchor=anchor, dx=10 * side, dy=down, kind="inside"),
        axes.text(0.03, 0.0, f"all {cut(lesson.names.negative, 10)}: 0", anchor="start", dy=-9, kind="inside"),
        axes.text(0.97, 0.0, f"all {cut(lesson.names.positive, 10)}: 0", anchor="end", dy=-9, kind="inside"),
    ]
    return drawn(ABOVE + 190 + BELOW, *marks)


def trained(lesson: LessonOfPoints, frame: Frame) -> Element:
    """The curve of one pass before those of all others, and the probabilities of the observed classes."""
    axes, around = lanes(lesson)
    ghosts = [curve_line(lesson, axes, each, "ghost") for each in lesson.frames]
    bars = bars_of_observed(lesson, axes, frame)
    now = curve_line(lesson, axes, frame, "curve")
    return drawn(ABOVE + 180 + BELOW, around, *bars, *ghosts, now, *dots_on(lesson, axes, frame))


def falling(lesson: LessonOfPoints, frame: Frame) -> Element:
    """The log loss of each pass above, its certificate below."""
    losses = [each.log_loss for each in lesson.frames]
    n = len(losses)
    top = 1.12 * max(*losses, NATS_PER_BIT)
    numbers = [float(k) for k in ticks(1, n, 8) if float(k).is_integer()]
    above = Axes((0.5, n + 0.5), (0.0, top), height=120.0)
    here = next(k for k, each in enumerate(lesson.frames, 1) if each is frame)
    baseline = lesson.entropy
    x, y = min(max(above.across(here), 70.0), 400.0), above.up(frame.log_loss) + 22
    marks = [
        above.frame("", "log loss (nats)", x_ticks=numbers),
        above.span(above.x, (baseline, baseline), "own-line"),
        above.text(n + 0.5, baseline, f"baseline {fixed(baseline, 4)}", anchor="end", dy=-6, kind="of-own"),
        above.line([(k + 1, loss) for k, loss in enumerate(losses)], "curve"),
        *(above.ring(k + 1, loss, "curve-dot", 3.5) for k, loss in enumerate(losses)),
        above.ring(here, frame.log_loss, "now", 7.0),
        Element("text", fixed(frame.log_loss, 4), class_="strong", x=x, y=y, text_anchor="middle"),
    ]
    return drawn(ABOVE + 120 + 48 + 90 + BELOW, *marks, *_bounds(lesson, here, numbers))


def _bounds(lesson: LessonOfPoints, here: int, numbers: list[float]) -> list[Element]:
    """By how much each pass can be above the minimum, in powers of ten."""
    bounds = [each.bound for each in lesson.frames]
    # 0 is shown as the least that floats can tell.
    powers = [math.log10(max(bound, 1e-17)) if math.isfinite(bound) else math.nan for bound in bounds]
    known = [power for power in powers if not math.isnan(power)]
    low, high = math.floor(min([*known, -4.0])), math.ceil(max([*known, 0.0]))
    up = [value for value in ticks(low, high, 4) if value.is_integer()]
    axes = Axes((0.5, len(powers) + 0.5), (low - 0.5, high + 0.5), top=ABOVE + 120 + 54, height=84.0)
    frame = axes.frame("pass", "above the minimum by at most (nats)", x_ticks=numbers, y_ticks=[])
    for value in up:
        frame.children.append(axes.span(axes.x, (value, value), "grid"))
        words = Element("tspan", f"{value:g}".replace("-", "−"), dy="-5", font_size="9")
        frame.children.append(Element("text", "10", words, x=axes.left - 6, y=axes.up(value) + 5, text_anchor="end"))
    held = [(k + 1.0, power) for k, power in enumerate(powers) if not math.isnan(power)]
    dots = [axes.ring(k, power, "curve-dot", 3.5) for k, power in held]
    now = powers[here - 1]
    ring = axes.ring(here, low if math.isnan(now) else now, "now", 7.0)
    ring.attributes["visibility"] = "hidden" if math.isnan(now) else "visible"
    return [frame, *([axes.line(held, "curve")] if len(held) > 1 else []), *dots, ring]
