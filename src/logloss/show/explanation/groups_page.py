"""The page of predictions, however many: the same lesson, told of pools."""

from __future__ import annotations

import math

from logloss.information import surprisal
from logloss.show import page
from logloss.show.explanation import kl_pictures
from logloss.show.explanation.lesson import LessonOfPools
from logloss.show.explanation.marks import Slider
from logloss.show.explanation.sections import (
    NEEDS,
    beside,
    calibration_part,
    cross_entropy_part,
    entropy_part,
    ladder_part,
    nats,
    part,
    so_much,
    steps,
    two_curves_part,
)
from logloss.show.explanation.sentences import number, paragraph, short, term
from logloss.text import NATS_PER_BIT, capital, count, fixed

WAY = [
    ("curves", "costs"),
    ("mean", "mean cost"),
    ("entropy", "entropy"),
    ("kl", "cross-entropy and KL"),
    ("calibration", "calibration"),
]
# The page in three sentences.
ENDINGS = [
    "A prediction costs −log of the probability that it gave to what happened; the mean is the log loss. It is "
    "entropy, what is left open within the groups, plus KL, what was said wrongly of them. Predictions that know "
    "more make purer groups; calibration removes what is left of KL.",
    "The figures with their intervals: logloss measure. The same lesson with ten points: logloss demo.",
]
# Pools that are shown on the two curves of costs.
MOST_ON_CURVES = 12


def page_of_pools(lesson: LessonOfPools) -> tuple[str, str, list[Slider]]:
    """The page's title, its body, and its sliders."""
    kl_part, say = cross_entropy_part(lesson)
    noun = lesson.names.noun
    opening = f"Saying one thing to all was easy to judge. What was really said differs from {noun} to {noun}."
    body = [
        *_lead(lesson),
        steps(WAY),
        _two_curves(lesson),
        _mean(lesson),
        _entropy(lesson),
        kl_part,
        calibration_part(lesson, opening),
        ladder_part(lesson, ENDINGS),
    ]
    return f"What {count(lesson.measured.n_rows)} predictions cost, and why", "\n".join(body), [say]


def _lead(lesson: LessonOfPools) -> list[str]:
    """The answer first."""
    names, measured = lesson.names, lesson.measured
    loss = float(measured.log_loss)
    of_source = f" of {measured.source}" if measured.source else ""
    lead = (
        f"{capital(number(measured.n_rows))} {names.noun}s{of_source}, of which {short(lesson.rate)} are "
        f"{names.positive}. Each was given a probability, and in the mean that costs {nats(loss)}: the "
        f"{term('log loss')}, also called binary cross-entropy. This page shows what that number is made of, and what "
        "of it could be saved."
    )
    return [
        paragraph(lead, kind="lead"),
        paragraph(f"{capital(names.positive)} means {measured.positive}. {NEEDS}", kind="muted"),
    ]


def _two_curves(lesson: LessonOfPools) -> str:
    """What any prediction costs, and where those of the pools are."""
    dots, top = [], 4.0
    if len(lesson.pools) <= MOST_ON_CURVES:
        for pool in lesson.pools:
            one, zero = (float(cost) for cost in surprisal([1, 0], [pool.predicted, pool.predicted]))
            dots += [
                (pool.predicted, label, cost) for label, cost in ((1, one), (0, zero)) if label == 1 or pool.share < 1
            ]
        top = max(top, 1.1 * max(cost for *_, cost in dots if math.isfinite(cost)))
    sees = "The further a prediction is from ½, the less it costs if it is right, and the more if it is wrong."
    if dots:
        sees += " The dots are what was said to the groups of the last part, on either curve."
    return two_curves_part(lesson, dots, top, sees)


def _mean(lesson: LessonOfPools) -> str:
    """What groups of rows pay."""
    names, loss = lesson.names, float(lesson.measured.log_loss)
    text = (
        f"The log loss is the mean of what all {names.noun}s pay. Here they stand in groups of which similar things "
        f"were said: each column is as wide as its share of all {names.noun}s and as high as their mean cost, so that "
        f"its area is what it adds. All areas together are {nats(loss)}."
    )
    rows = [["group", f"share of all {names.noun}s", "said (mean)", "mean cost (nats)", "adds (nats)"]]
    rows += [
        [count(k), fixed(pool.mass, 4), fixed(pool.predicted, 4), fixed(pool.cost, 4), fixed(pool.mass * pool.cost, 4)]
        for k, pool in enumerate(lesson.pools, 1)
    ]
    sees = f"From left to right, what was said rises. The dashed line is the mean, {fixed(loss, 4)}."
    shown = page.figure(str(kl_pictures.pooled(lesson, in_parts=False)), "What groups pay", sees, rows)
    return part("mean", "The mean cost is the log loss", beside([paragraph(text)], shown))


def _entropy(lesson: LessonOfPools) -> str:
    """Entropy."""
    names = lesson.names
    opening = (
        f"Suppose nothing were known but the share of {names.positive}, {short(lesson.rate)}, and one probability had "
        "to be said to all."
    )
    sees = (
        f"All alike: 0, there is nothing to guess. Half and half: {fixed(NATS_PER_BIT, 4)} nats = one bit, the most "
        f"there is. The large dot is all {names.noun}s, {nats(lesson.entropy)}. The hollow dots are the groups: "
        f"in the mean they leave open {nats(lesson.entropy_of_pools)}."
    )
    less = so_much(lesson)
    if less:
        sees += f" What was said costs {fixed(float(lesson.measured.log_loss), 4)}: {less} than the share alone."
    return entropy_part(lesson, opening, sees, with_pools=True)
