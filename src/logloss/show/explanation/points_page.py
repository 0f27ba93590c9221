"""The page of points on a line: what it says, in order."""

from __future__ import annotations

import math

import numpy as np

from logloss.data.rows import Array
from logloss.show import page
from logloss.show.explanation import point_pictures
from logloss.show.explanation.lesson import Frame, LessonOfPoints, rounded, written
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
from logloss.show.explanation.sentences import number, paragraph, percent, short, term
from logloss.text import NATS_PER_BIT, capital, count, fixed, significant

WAY = [
    ("points", "points"),
    ("curve", "probabilities"),
    ("given", "bars"),
    ("costs", "costs"),
    ("entropy", "entropy"),
    ("kl", "cross-entropy and KL"),
    ("training", "training"),
    ("calibration", "calibration"),
]
# The page in three sentences, and where to go from here.
ENDINGS = [
    "A prediction costs −log of the probability that it gave to what happened; the mean is the log loss. It is "
    "entropy, what nobody could know, plus KL, what was said wrongly. Training lowers the sum. Calibration removes "
    "what is left of KL.",
    "Your own points: logloss demo points.csv -y colour -x x. Your own predictions, of any number of rows: logloss "
    "measure predictions.csv -y happened -p said.",
]


def page_of_points(lesson: LessonOfPoints) -> tuple[str, str, list[Slider]]:
    """The page's title, its body, and its sliders."""
    kl_part, say = cross_entropy_part(lesson)
    training_part, passes = _training(lesson)
    last_rung = ""
    if not math.isnan(lesson.new_points):
        last_rung = (
            f" Calibrated on the very {lesson.names.noun}s that it is judged by, it looks too good; the last bar is "
            f"the fairest: what a new {lesson.names.noun} may cost."
        )
    body = [
        *_lead(lesson),
        steps(WAY),
        _points(lesson),
        _curve(lesson),
        _given(lesson),
        _costs(lesson),
        _two_curves(lesson),
        _entropy(lesson),
        kl_part,
        training_part,
        calibration_part(
            lesson,
            f"Saying one thing to all was easy to judge. The curve says something else to each {lesson.names.noun}.",
        ),
        ladder_part(lesson, ENDINGS, last_rung),
    ]
    title = f"What a prediction costs, seen in {number(lesson.n)} {lesson.names.noun}s"
    return title, "\n".join(body), [say, passes]


def _counts(lesson: LessonOfPoints) -> str:
    """`seven green and three red`."""
    n_positive = int(lesson.labels.sum())
    return f"{number(n_positive)} {lesson.names.positive} and {number(lesson.n - n_positive)} {lesson.names.negative}"


def _where(lesson: LessonOfPoints, k: int) -> str:
    """`red point at 0.2`."""
    names = lesson.names
    return f"{names.of(lesson.labels[k])} {names.noun} at {rounded(lesson.x[k])}"


def _lead(lesson: LessonOfPoints) -> list[str]:
    """The answer first."""
    names, loss = lesson.names, float(lesson.measured.log_loss)
    lead = (
        f"{capital(number(lesson.n))} {names.noun}s on a line, {_counts(lesson)}. A curve says of each how likely it "
        f"is to be {names.positive}, and that costs {nats(loss)} a {names.noun}: its {term('log loss')}, also called "
        "binary cross-entropy. This page shows where the number comes from, one picture at a time, and what of it "
        "could be saved."
    )
    return [paragraph(lead, kind="lead"), paragraph(NEEDS, kind="muted")]


def _point_rows(lesson: LessonOfPoints, columns: dict[str, Array]) -> list[list[str]]:
    """Each point with numbers of it, by the heads of their columns."""
    rows = [[lesson.names.feature, "what it is", *columns]]
    for x, y, *values in zip(lesson.x, lesson.labels, *columns.values(), strict=True):
        rows.append([written(x), lesson.names.of(y), *(fixed(value, 4) for value in values)])
    return rows


def _points(lesson: LessonOfPoints) -> str:
    """The points."""
    names = lesson.names
    order = "" if lesson.frames[-1].slope == 0 else "right" if lesson.frames[-1].slope > 0 else "left"
    sees = f"Filled circles are {names.positive} (1), hollow triangles are {names.negative} (0)."
    if order:
        sees += f" Further to the {order}, more of them are {names.positive}."
    text = (
        f"Each {names.noun} has a place on the line, {names.feature}, and is {names.positive} or {names.negative}. "
        f"{capital(names.positive)} counts as 1, {names.negative} as 0. {_cut(lesson)}"
    )
    rows = [[names.feature, "what it is", "counts as"]]
    rows += [[written(x), names.of(y), str(y)] for x, y in zip(lesson.x, lesson.labels.tolist(), strict=True)]
    shown = page.figure(str(point_pictures.points(lesson)), f"The {names.noun}s", sees, rows, align="rlr")
    return part("points", f"{capital(number(lesson.n))} {names.noun}s", beside([paragraph(text)], shown))


def _cut(lesson: LessonOfPoints) -> str:
    """Whether one cut tells the two apart."""
    names, x, labels = lesson.names, lesson.x, lesson.labels
    if not 0 < labels.sum() < lesson.n:
        return "All of them are of one kind."
    rises = lesson.frames[-1].slope >= 0
    right, left = (1, 0) if rises else (0, 1)
    last_left, first_right = float(x[labels == left].max()), float(x[labels == right].min())
    if last_left < first_right:
        return f"One cut between {rounded(last_left)} and {rounded(first_right)} tells the two apart without fault."
    place = "in the same place as" if last_left == first_right else "to the right of"
    return (
        f"Try to cut the line so that all to the right of the cut are {names.of(right)}, and all to the left "
        f"{names.of(left)}: it cannot be done. The {names.of(left)} {names.noun} at {rounded(last_left)} lies {place} "
        f"the {names.of(right)} one at {rounded(first_right)}. Whoever predicts these must live with doubt."
    )


def formula(intercept: float, slope: float, feature: str) -> str:
    """The curve of two numbers."""
    sign = "+" if slope >= 0 else "−"
    return f"p = 1 / (1 + exp(−({fixed(intercept, 4)} {sign} {fixed(abs(slope), 4)} · {feature})))"


def _curve(lesson: LessonOfPoints) -> str:
    """The fitted curve."""
    names, last, worst = lesson.names, lesson.frames[-1], lesson.largest_losses
    text = (
        f"Doubt can be said in numbers. The curve gives each place on the line a probability of {names.positive}: "
        f"{formula(last.intercept, last.slope, names.feature)}. Near 1 it is almost sure of {names.positive}, near 0 "
        f"almost sure of {names.negative}"
    )
    middle = -last.intercept / last.slope if last.slope and math.isfinite(last.slope) else math.nan
    text += f", and it says ½ at {names.feature} = {fixed(middle, 4)}." if math.isfinite(middle) else "."
    text += " Where its two numbers come from is told further down, under training."
    sees = (
        f"Each {names.noun} stands at the height of the probability that it is {names.positive}. The "
        f"{_where(lesson, worst)} stands at {fixed(last.proba[worst], 4)}"
    )
    is_wrong = lesson.given[worst] < 0.5
    sees += f": it was thought {names.of(1 - lesson.labels[worst])}." if is_wrong else ", the least sure of all."
    rows = _point_rows(lesson, {f"probability of {names.positive}": last.proba})
    shown = page.figure(str(point_pictures.curve(lesson)), "The curve", sees, rows, align="rlr")
    return part("curve", f"A curve gives each {names.noun} a probability", beside([paragraph(text)], shown))


def _given(lesson: LessonOfPoints) -> str:
    """The bars."""
    names, worst = lesson.names, lesson.largest_losses
    text = (
        f"Judge the curve by what happened. A {names.positive} {names.noun} was given p. A {names.negative} one was "
        "given the rest, 1 − p. This bar, the probability that was given to what the "
        f"{names.noun} turned out to be, is all that counts from here on. Long bars are good."
    )
    sees = (
        f"Above, the bars stand in their places: under the curve for {names.positive}, over it for {names.negative}. "
        f"Below, the same bars side by side. The {_where(lesson, worst)} has the shortest: "
        f"{fixed(lesson.given[worst], 4)}."
    )
    given = {f"probability of {names.positive}": lesson.proba, "probability of what it is": lesson.given}
    rows = _point_rows(lesson, given)
    shown = page.figure(str(point_pictures.given(lesson)), "The probability of what happened", sees, rows, align="rlrr")
    return part("given", "What probability did it give to what happened?", beside([paragraph(text)], shown))


def _costs(lesson: LessonOfPoints) -> str:
    """Bars become costs, and their mean is the loss."""
    names, worst, costs = lesson.names, lesson.largest_losses, lesson.costs
    total, loss = float(costs.sum()), float(lesson.measured.log_loss)
    product = float(np.exp(-costs.sum()))
    text = (
        f"A {names.noun} costs minus the logarithm of its bar. A bar of 1 costs nothing, a bar of ½ costs "
        f"{fixed(NATS_PER_BIT, 4)}, and each further halving costs {fixed(NATS_PER_BIT, 4)} more."
    )
    why = (
        f"Why the logarithm? The probability that the curve gives to all {number(lesson.n)} {names.noun}s together is "
        f"the product of their bars, here {significant(product)}. Minus its logarithm, {fixed(total, 4)}, is the sum "
        f"of the costs: what multiplies as probability adds up as cost. Divided by {number(lesson.n)}, that is "
        f"{fixed(loss, 4)} nats a {names.noun}. This mean cost is the {term('log loss')}. The curve of least log loss "
        "is the one that gives the most probability to what happened."
    )
    share = costs[worst] / total if total > 0 and math.isfinite(total) else math.nan
    sees = (
        f"The shortest bar has become the tallest column: the {_where(lesson, worst)} pays {nats(float(costs[worst]))}"
    )
    sees += "" if math.isnan(share) else f", {percent(share)} of it all"
    sees += f". The dashed line is the mean, {fixed(loss, 4)}."
    paid = {"cost (nats)": costs, "cost (bits)": costs / NATS_PER_BIT}
    rows = _point_rows(lesson, {"probability of what it is": lesson.given} | paid)
    rows.append(["mean", "", "", fixed(loss, 4), fixed(loss / NATS_PER_BIT, 4)])
    shown = page.figure(str(point_pictures.costs(lesson)), "What each costs, and the mean", sees, rows, align="rlrrr")
    return part(
        "costs", "Bars become costs, and their mean is the log loss", beside([paragraph(text), paragraph(why)], shown)
    )


def _two_curves(lesson: LessonOfPoints) -> str:
    """The points on the two cost curves."""
    dots = list(zip(lesson.proba.tolist(), lesson.labels.tolist(), lesson.costs.tolist(), strict=True))
    top = max(4.0, 1.1 * max((cost for *_, cost in dots if math.isfinite(cost)), default=0.0))
    sees = (
        f"Each {lesson.names.noun} sits over the probability that it was given, on the curve of what it turned out to "
        "be. Those low down were predicted well. The curves cross at ½."
    )
    return two_curves_part(lesson, dots, top, sees)


def _entropy(lesson: LessonOfPoints) -> str:
    """Entropy."""
    names = lesson.names
    n_positive = int(lesson.labels.sum())
    opening = (
        f"Now cover the line. All you know is that {number(n_positive)} in {number(lesson.n)} are {names.positive}, "
        "and you must say one probability to all."
    )
    sees = (
        f"All alike: 0, there is nothing to guess. Half and half: {fixed(NATS_PER_BIT, 4)} nats = one bit, the most "
        f"there is. The large dot is {number(n_positive)} in {number(lesson.n)}, {nats(lesson.entropy)}."
    )
    less = so_much(lesson)
    if less:
        sees += f" The curve, which sees {names.feature}, pays {fixed(float(lesson.measured.log_loss), 4)}: {less}."
    return entropy_part(lesson, opening, sees, with_pools=False)


def _training(lesson: LessonOfPoints) -> tuple[str, Slider]:
    """Training replayed."""
    names, frames = lesson.names, lesson.frames
    n = len(frames)
    values = [f"pass {k} of {n}" for k in range(1, n + 1)]
    slider = Slider("pass", "Replay the training", values, shown=n - 1, can_play=True)
    slider.captions([_pass_text(lesson, k, frame) for k, frame in enumerate(frames, 1)])
    rows = [["pass", "intercept", "slope", "log loss (nats)", "how far from the best, at most (nats)"]]
    rows += [
        [count(k), fixed(f.intercept, 4), fixed(f.slope, 4), fixed(f.log_loss, 6), _bound(f.bound)]
        for k, f in enumerate(frames, 1)
    ]
    by_pass = _point_rows(lesson, {f"pass {k}": frame.costs for k, frame in enumerate(frames, 1)})
    figures = [
        page.figure(
            slider.picture(lambda frame: point_pictures.trained(lesson, frame), frames, "curve"),
            "The curve of each pass",
            "Thin lines are the curves of all passes, the thick one is that of the pass shown. The bars are the "
            "probability of what happened: training makes their product larger.",
            rows,
        ),
        page.figure(
            slider.picture(lambda frame: point_pictures.costs(lesson, frame), frames, "costs"),
            "What each costs at this pass",
            "As the curve bends, those it gets right pay less, and those it gets wrong pay more. The mean falls.",
            [*by_pass, ["mean", "", *(fixed(frame.log_loss, 4) for frame in frames)]],
            note="In nats.",
        ),
        page.figure(
            slider.picture(lambda frame: point_pictures.falling(lesson, frame), frames, "loss"),
            "The loss falls, and the end is certain",
            f"Above, the log loss of each pass, and the entropy of the share alone, {fixed(lesson.entropy, 4)}, for "
            "comparison. Below, how far each pass can be from the best there is, in powers of ten.",
            rows,
        ),
    ]
    texts = [paragraph(_training_text(lesson)), slider.html(), page.figures(*figures)]
    if not math.isnan(lesson.new_points):
        texts.append(
            paragraph(
                "Points that a curve was trained on are no fair judges of it. When each is predicted by a curve "
                f"fitted to the others, the mean cost is {nats(lesson.new_points)}: what a new {names.noun} may cost."
            )
        )
    return part("training", "Training lowers the cost", *texts), slider


def _training_text(lesson: LessonOfPoints) -> str:
    """What training did, and how far from the best it can have ended."""
    names, model, n = lesson.names, lesson.model, len(lesson.frames)
    shown = list(dict.fromkeys(fixed(frame.log_loss, 4) for frame in lesson.frames))
    fell = "fell" if shown == sorted(shown, reverse=True) else "went"
    text = (
        f"The curve has two numbers, and training finds them. It began with a curve that costs {shown[0]} and changed "
        f"its numbers, pass by pass over the {names.noun}s, and the log loss {fell}: {' → '.join(shown)}. "
    )
    best = "no curve can be better"
    if model.l2:
        text += (
            f"What was minimised is the log loss and a mild pull of the slope towards 0 (l2 = {short(model.l2)}), "
            f"which keeps a curve that is drawn through few {names.noun}s from being too sure. "
        )
        best = "no curve can be better at that"
    bound = _bound(model.certificate.nats_per_row)
    if model.certificate.is_proven:
        return f"{text}After {number(n)} passes, {best} by more than {bound} nats a {names.noun}: proved, not hoped."
    return f"{text}After {number(n)} passes, how far it is from the best is not proved."


def _bound(bound: float) -> str:
    """A bound: only its size matters."""
    return "not known" if not math.isfinite(bound) else significant(bound, 1) if bound < 1e-3 else fixed(bound, 4)


def _pass_text(lesson: LessonOfPoints, k: int, frame: Frame) -> str:
    """What a pass found."""
    bound = _bound(frame.bound)
    left = "how far from the best is not known" if bound == "not known" else f"at most {bound} from the best"
    return (
        f"Pass {k} of {len(lesson.frames)}: {formula(frame.intercept, frame.slope, lesson.names.feature)} costs "
        f"{nats(frame.log_loss)}, {left}."
    )
