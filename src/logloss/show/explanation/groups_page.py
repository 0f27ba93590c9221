"""The page of predictions, however many: the same lesson, with groups of similar predictions."""

from __future__ import annotations

import math

from logloss.information import surprisal
from logloss.show import page
from logloss.show.explanation import kl_pictures
from logloss.show.explanation.lesson import LessonOfGroups
from logloss.show.explanation.marks import Slider
from logloss.show.explanation.sections import (
    NEEDS,
    beside,
    cross_entropy_part,
    decomposition_part,
    entropy_part,
    nats,
    part,
    skill,
    steps,
    summary_part,
    two_curves_part,
)
from logloss.show.explanation.sentences import number, paragraph, short, term
from logloss.text import NATS_PER_BIT, capital, count, fixed

CONTENTS = [
    ("curves", "loss"),
    ("mean", "log loss"),
    ("entropy", "entropy"),
    ("kl", "cross-entropy and KL"),
    ("decomposition", "decomposition"),
    ("summary", "summary"),
]
# The page in a few sentences.
ENDINGS = [
    "The loss of a prediction is −log of the predicted probability of the observed class; the mean loss is the log "
    "loss. It is the entropy within the groups plus KL divergence, the miscalibration. Predictions that discriminate "
    "better make purer groups; recalibration removes the miscalibration.",
    "The figures with their intervals: logloss measure. The same lesson with ten points: logloss demo.",
]
# Groups that are shown on the two curves of losses.
MOST_ON_CURVES = 12


def page_of_groups(lesson: LessonOfGroups) -> tuple[str, str, list[Slider]]:
    """The page's title, its body, and its sliders."""
    kl_part, forecast = cross_entropy_part(lesson)
    noun = lesson.names.noun
    opening = f"A constant forecast has one p. The predictions differ from {noun} to {noun}."
    body = [
        *_opening(lesson),
        steps(CONTENTS),
        _two_curves(lesson),
        _mean(lesson),
        _entropy(lesson),
        kl_part,
        decomposition_part(lesson, opening),
        summary_part(lesson, ENDINGS),
    ]
    return f"The log loss of {count(lesson.measured.n_rows)} predictions explained", "\n".join(body), [forecast]


def _opening(lesson: LessonOfGroups) -> list[str]:
    """The answer first."""
    names, measured = lesson.names, lesson.measured
    loss = float(measured.log_loss)
    of_source = f" of {measured.source}" if measured.source else ""
    text = (
        f"{capital(number(measured.n_rows))} {names.noun}s{of_source}, base rate {short(lesson.rate)}. The mean loss "
        f"of their predicted probabilities is {nats(loss)} per {names.noun}: the {term('log loss')}, also called "
        "binary cross-entropy. This page shows, one picture at a time, what the number consists of and which part of "
        "it recalibration could remove."
    )
    return [
        paragraph(text, kind="opening"),
        paragraph(f"{capital(names.positive)} means {measured.positive}. {NEEDS}", kind="muted"),
    ]


def _two_curves(lesson: LessonOfGroups) -> str:
    """The loss of any prediction, and where those of the groups are."""
    dots, top = [], 4.0
    if len(lesson.groups) <= MOST_ON_CURVES:
        for group in lesson.groups:
            one, zero = (float(loss) for loss in surprisal([1, 0], [group.predicted, group.predicted]))
            dots += [
                (group.predicted, label, loss) for label, loss in ((1, one), (0, zero)) if label == 1 or group.share < 1
            ]
        top = max(top, 1.1 * max(loss for *_, loss in dots if math.isfinite(loss)))
    caption = "The further a prediction is from ½, the smaller its loss if it is right, and the larger if it is wrong."
    if dots:
        caption += " The dots are the mean predictions of the groups below, on either curve."
    return two_curves_part(lesson, dots, top, caption)


def _mean(lesson: LessonOfGroups) -> str:
    """The mean loss by group."""
    names, loss = lesson.names, float(lesson.measured.log_loss)
    text = (
        f"The log loss is the mean loss of all {names.noun}s. Here {names.noun}s with similar predictions form groups. "
        f"Each column is as wide as its share of all {names.noun}s and as high as its mean loss, so its area is its "
        f"contribution to the log loss. The total area is {nats(loss)}."
    )
    rows = [["group", f"share of all {names.noun}s", "mean predicted", "mean loss (nats)", "contribution (nats)"]]
    rows += [
        [count(k), fixed(each.mass, 4), fixed(each.predicted, 4), fixed(each.loss, 4), fixed(each.mass * each.loss, 4)]
        for k, each in enumerate(lesson.groups, 1)
    ]
    caption = f"Predictions increase from left to right. The dashed line is the mean, {fixed(loss, 4)}."
    shown = page.figure(str(kl_pictures.grouped(lesson, in_parts=False)), "Mean loss by group", caption, rows)
    return part("mean", "The mean loss is the log loss", beside([paragraph(text)], shown))


def _entropy(lesson: LessonOfGroups) -> str:
    """Entropy."""
    names = lesson.names
    opening = (
        f"Suppose that only the {term('base rate')}, the share of {names.positive} {names.noun}s, is known: "
        f"{short(lesson.rate)}. The same probability has to be predicted for all."
    )
    caption = (
        f"All of one class: 0. Half and half: {fixed(NATS_PER_BIT, 4)} nats = one bit, the maximum. The large dot is "
        f"all {names.noun}s, {nats(lesson.entropy)}. The hollow dots are the groups; their mean entropy is "
        f"{nats(lesson.recalibrated)}."
    )
    if below := skill(lesson):
        caption += f" The predictions have {fixed(float(lesson.measured.log_loss), 4)}: {below}."
    return entropy_part(lesson, opening, caption, with_groups=True)
