"""The page of points on a line: its texts, in order."""

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
from logloss.text import NATS_PER_BIT, capital, count, fixed, percent, significant

CONTENTS = [
    ("points", "points"),
    ("curve", "predictions"),
    ("observed", "observed class"),
    ("loss", "loss"),
    ("entropy", "entropy"),
    ("kl", "cross-entropy and KL"),
    ("training", "training"),
    ("decomposition", "decomposition"),
    ("summary", "summary"),
]
# The page in a few sentences, and where to go from here.
ENDINGS = [
    "The loss of a prediction is −log of the predicted probability of the observed class; the mean loss is the log "
    "loss, or binary cross-entropy. It is entropy plus KL divergence. Training lowers their sum; recalibration removes "
    "what is left of KL, the miscalibration.",
    "Your own points: logloss demo points.csv -y colour -x x. Your own predictions, of any number of rows: logloss "
    "measure predictions.csv -y observed -p predicted.",
]


def page_of_points(lesson: LessonOfPoints) -> tuple[str, str, list[Slider]]:
    """The page's title, its body, and its sliders."""
    kl_part, forecast = cross_entropy_part(lesson)
    training_part, passes = _training(lesson)
    noun, last_bar = lesson.names.noun, ""
    if not math.isnan(lesson.out_of_sample):
        last_bar = (
            f" The recalibrated bar is judged by the {noun}s that it is recalibrated on, so it is optimistic. The last "
            f"bar, leave-one-out, estimates the log loss on new {noun}s."
        )
    opening = f"A constant forecast has one p. The curve predicts another probability for each {noun}."
    body = [
        *_opening(lesson),
        steps(CONTENTS),
        _points(lesson),
        _curve(lesson),
        _observed(lesson),
        _losses(lesson),
        _two_curves(lesson),
        _entropy(lesson),
        kl_part,
        training_part,
        decomposition_part(lesson, opening),
        summary_part(lesson, ENDINGS, last_bar),
    ]
    return f"Log loss explained with {number(lesson.n)} {noun}s", "\n".join(body), [forecast, passes]


def _counts(lesson: LessonOfPoints) -> str:
    """`seven green and three red`."""
    n_positive = int(lesson.labels.sum())
    return f"{number(n_positive)} {lesson.names.positive} and {number(lesson.n - n_positive)} {lesson.names.negative}"


def _where(lesson: LessonOfPoints, k: int) -> str:
    """`red point at 0.2`."""
    names = lesson.names
    return f"{names.of(lesson.labels[k])} {names.noun} at {rounded(lesson.x[k])}"


def _opening(lesson: LessonOfPoints) -> list[str]:
    """The answer first."""
    names, loss = lesson.names, float(lesson.measured.log_loss)
    text = (
        f"{capital(number(lesson.n))} {names.noun}s on a line, {_counts(lesson)}. A {term('logistic regression')} "
        f"predicts the probability of {names.positive} from {names.feature}. The mean loss of its predictions is "
        f"{nats(loss)} per {names.noun}: the {term('log loss')}, also called binary cross-entropy. This page shows, "
        "one picture at a time, where the number comes from and which part of it could be reduced."
    )
    return [paragraph(text, kind="opening"), paragraph(NEEDS, kind="muted")]


def _point_rows(lesson: LessonOfPoints, columns: dict[str, Array]) -> list[list[str]]:
    """Each point with numbers of it, by the heads of their columns."""
    rows = [[lesson.names.feature, "observed", *columns]]
    for x, y, *values in zip(lesson.x, lesson.labels, *columns.values(), strict=True):
        rows.append([written(x), lesson.names.of(y), *(fixed(value, 4) for value in values)])
    return rows


def _points(lesson: LessonOfPoints) -> str:
    """The points."""
    names = lesson.names
    order = "" if lesson.frames[-1].slope == 0 else "right" if lesson.frames[-1].slope > 0 else "left"
    caption = f"Filled circles are {names.positive} (1), hollow triangles are {names.negative} (0)."
    if order:
        caption += f" Further to the {order}, more of them are {names.positive}."
    text = (
        f"Each {names.noun} has a place on the line, the feature {names.feature}, and a class, {names.positive} or "
        f"{names.negative}. The positive class, {names.positive}, has label 1; {names.negative} has label 0. "
        f"{_cut(lesson)}"
    )
    rows = [[names.feature, "observed", "label"]]
    rows += [[written(x), names.of(y), str(y)] for x, y in zip(lesson.x, lesson.labels.tolist(), strict=True)]
    shown = page.figure(str(point_pictures.points(lesson)), f"The {names.noun}s", caption, rows, align="rlr")
    return part("points", f"{capital(number(lesson.n))} {names.noun}s", beside([paragraph(text)], shown))


def _cut(lesson: LessonOfPoints) -> str:
    """Whether one cut separates the two classes."""
    names, x, labels = lesson.names, lesson.x, lesson.labels
    if not 0 < labels.sum() < lesson.n:
        return "All of them are of one class."
    rises = lesson.frames[-1].slope >= 0
    right, left = (1, 0) if rises else (0, 1)
    last_left, first_right = float(x[labels == left].max()), float(x[labels == right].min())
    if last_left < first_right:
        return f"One cut between {rounded(last_left)} and {rounded(first_right)} separates the two classes perfectly."
    place = "in the same place as" if last_left == first_right else "to the right of"
    return (
        f"Try to cut the line so that all {names.noun}s to the right of the cut are {names.of(right)}, and all to the "
        f"left {names.of(left)}: it cannot be done. The {names.of(left)} {names.noun} at {rounded(last_left)} lies "
        f"{place} the {names.of(right)} one at {rounded(first_right)}. So a prediction is not a class here, but a "
        "probability."
    )


def formula(intercept: float, slope: float, feature: str) -> str:
    """The curve of two coefficients."""
    sign = "+" if slope >= 0 else "−"
    return f"p = 1 / (1 + exp(−({fixed(intercept, 4)} {sign} {fixed(abs(slope), 4)} · {feature})))"


def _curve(lesson: LessonOfPoints) -> str:
    """The fitted curve."""
    names, last, worst = lesson.names, lesson.frames[-1], lesson.worst
    text = (
        f"The logistic curve gives each place on the line a predicted probability of {names.positive}: "
        f"{formula(last.intercept, last.slope, names.feature)}. The inner brackets hold an intercept and a slope times "
        f"{names.feature}; their sum is the log-odds"
    )
    middle = -last.intercept / last.slope if last.slope and math.isfinite(last.slope) else math.nan
    text += f", which are 0 at {names.feature} = {fixed(middle, 4)}, where p is ½." if math.isfinite(middle) else "."
    text += " How the two coefficients are found is shown below, under training."
    caption = (
        f"Each {names.noun} stands at its predicted probability of {names.positive}. The {_where(lesson, worst)} has "
        f"{fixed(last.proba[worst], 4)}"
    )
    is_wrong = lesson.proba_of_observed[worst] < 0.5
    caption += (
        f": predicted {names.of(1 - lesson.labels[worst])}, observed {names.of(lesson.labels[worst])}."
        if is_wrong
        else ", the least certain of all."
    )
    rows = _point_rows(lesson, {f"predicted probability of {names.positive}": last.proba})
    shown = page.figure(str(point_pictures.curve(lesson)), "The curve", caption, rows, align="rlr")
    return part("curve", "The curve predicts a probability", beside([paragraph(text)], shown))


def _observed(lesson: LessonOfPoints) -> str:
    """The bars: the probability of the observed class."""
    names, worst = lesson.names, lesson.worst
    text = (
        f"Now compare predicted with observed. The curve gives a {names.positive} {names.noun} probability p for its "
        f"class, and a {names.negative} one the rest, 1 − p. This bar, the predicted probability of the observed class "
        f"(the {term('likelihood')} of the {names.noun}), is all that counts from here on. Longer is better."
    )
    caption = (
        f"Above, the bars in their places: under the curve for {names.positive}, over it for {names.negative}. Below, "
        f"the same bars side by side. The {_where(lesson, worst)} has the shortest: "
        f"{fixed(lesson.proba_of_observed[worst], 4)}."
    )
    columns = {f"probability of {names.positive}": lesson.proba, "of the observed class": lesson.proba_of_observed}
    rows = _point_rows(lesson, columns)
    shown = page.figure(
        str(point_pictures.observed(lesson)), "Probability of the observed class", caption, rows, align="rlrr"
    )
    return part("observed", "The predicted probability of the observed class", beside([paragraph(text)], shown))


def _losses(lesson: LessonOfPoints) -> str:
    """Bars become losses, and their mean is the log loss."""
    names, worst, losses = lesson.names, lesson.worst, lesson.losses
    total, loss = float(losses.sum()), float(lesson.measured.log_loss)
    product = float(np.exp(-losses.sum()))
    text = (
        f"The loss of a {names.noun} is minus the logarithm of its bar. A bar of 1 has loss 0, a bar of ½ has loss "
        f"{fixed(NATS_PER_BIT, 4)}, and each further halving adds {fixed(NATS_PER_BIT, 4)}."
    )
    why = (
        f"Why the logarithm? The likelihood of all {number(lesson.n)} {names.noun}s together is the product of their "
        f"bars, here {significant(product)}. Minus its logarithm, {fixed(total, 4)}, is the sum of the losses: "
        f"probabilities multiply, losses add. Divided by {number(lesson.n)}, that is {fixed(loss, 4)} nats per "
        f"{names.noun}. This mean is the {term('log loss')}. The curve of smallest log loss is the curve of largest "
        f"likelihood."
    )
    share = losses[worst] / total if total > 0 and math.isfinite(total) else math.nan
    caption = f"The shortest bar has the largest loss: the {_where(lesson, worst)}, {nats(float(losses[worst]))}"
    caption += "" if math.isnan(share) else f", {percent(share, 1)} of the total"
    caption += f". The dashed line is the mean, {fixed(loss, 4)}."
    columns = {"loss (nats)": losses, "loss (bits)": losses / NATS_PER_BIT}
    rows = _point_rows(lesson, {"probability of the observed class": lesson.proba_of_observed} | columns)
    rows.append(["mean", "", "", fixed(loss, 4), fixed(loss / NATS_PER_BIT, 4)])
    shown = page.figure(
        str(point_pictures.losses(lesson)), "The loss of each point, and the mean", caption, rows, align="rlrrr"
    )
    return part("loss", "From bars to the log loss", beside([paragraph(text), paragraph(why)], shown))


def _two_curves(lesson: LessonOfPoints) -> str:
    """The points on the two curves of losses."""
    dots = list(zip(lesson.proba.tolist(), lesson.labels.tolist(), lesson.losses.tolist(), strict=True))
    top = max(4.0, 1.1 * max((loss for *_, loss in dots if math.isfinite(loss)), default=0.0))
    caption = (
        f"Each {lesson.names.noun} lies above its predicted probability, on the curve of its observed class. The lower "
        "it lies, the better it was predicted. The curves cross at ½."
    )
    return two_curves_part(lesson, dots, top, caption)


def _entropy(lesson: LessonOfPoints) -> str:
    """Entropy."""
    names = lesson.names
    n_positive = int(lesson.labels.sum())
    opening = (
        f"Now cover the line. All that is known is the {term('base rate')}: {number(n_positive)} in {number(lesson.n)} "
        "are "
        f"{names.positive}. The same probability has to be predicted for all."
    )
    caption = (
        f"All of one class: 0. Half and half: {fixed(NATS_PER_BIT, 4)} nats = one bit, the maximum. The large dot is "
        f"{number(n_positive)} in {number(lesson.n)}, {nats(lesson.entropy)}."
    )
    if below := skill(lesson):
        caption += f" The curve, which uses {names.feature}, has {fixed(float(lesson.measured.log_loss), 4)}: {below}."
    return entropy_part(lesson, opening, caption, with_groups=False)


def _training(lesson: LessonOfPoints) -> tuple[str, Slider]:
    """Training replayed."""
    names, frames = lesson.names, lesson.frames
    n = len(frames)
    values = [f"pass {k} of {n}" for k in range(1, n + 1)]
    slider = Slider("pass", "Replay the training", values, shown=n - 1, can_play=True)
    slider.captions([_pass_text(lesson, k, frame) for k, frame in enumerate(frames, 1)])
    rows = [["pass", "intercept", "slope", "log loss (nats)", "above the minimum by at most (nats)"]]
    rows += [
        [count(k), fixed(f.intercept, 4), fixed(f.slope, 4), fixed(f.log_loss, 6), _bound(f.bound)]
        for k, f in enumerate(frames, 1)
    ]
    by_pass = _point_rows(lesson, {f"pass {k}": frame.losses for k, frame in enumerate(frames, 1)})
    figures = [
        page.figure(
            slider.picture(lambda frame: point_pictures.trained(lesson, frame), frames, "curve"),
            "The curve of each pass",
            "Thin lines are the curves of all passes, the thick one is that of the pass shown. The bars are the "
            "probability of the observed class: training makes their product, the likelihood, larger.",
            rows,
        ),
        page.figure(
            slider.picture(lambda frame: point_pictures.losses(lesson, frame), frames, "losses"),
            f"The loss of each {names.noun} at this pass",
            f"Training lowers the mean, the dashed line, not the loss of every {names.noun}.",
            [*by_pass, ["mean", "", *(fixed(frame.log_loss, 4) for frame in frames)]],
            note="In nats.",
        ),
        page.figure(
            slider.picture(lambda frame: point_pictures.falling(lesson, frame), frames, "loss"),
            "Log loss and certificate by pass",
            f"Above, the log loss of each pass; the horizontal line is the baseline, {fixed(lesson.entropy, 4)}. "
            "Below, the certificate: by how much each pass can be above the minimum at most, on a logarithmic scale.",
            rows,
        ),
    ]
    texts = [paragraph(_training_text(lesson)), slider.html(), page.figures(*figures)]
    if not math.isnan(lesson.out_of_sample):
        texts.append(
            paragraph(
                f"The log loss above is in sample: the curve is judged by the {names.noun}s it was fitted to, and so "
                f"looks better than it is. {term('Leave-one-out')} predicts each {names.noun} by a curve fitted to the "
                f"others; its log loss is {nats(lesson.out_of_sample)}, an estimate for new {names.noun}s."
            )
        )
    return part("training", "Training minimises the log loss", *texts), slider


def _training_text(lesson: LessonOfPoints) -> str:
    """What training did, and how far above the minimum it can have ended."""
    names, model, n = lesson.names, lesson.model, len(lesson.frames)
    shown = list(dict.fromkeys(fixed(frame.log_loss, 4) for frame in lesson.frames))
    text = (
        f"Training finds the intercept and the slope. It changes both in each pass over the {names.noun}s (Newton's "
        f"method), and the log loss goes {' → '.join(shown)}. "
    )
    minimised = "log loss"
    if model.l2:
        text += (
            "What is minimised is the log loss plus an L2 penalty on the slope (ridge regression, l2 = "
            f"{short(model.l2)}), which keeps a curve through few {names.noun}s from being overconfident. "
        )
        minimised = "log loss with its penalty"
    passes = f"After {number(n)} pass{'' if n == 1 else 'es'}"
    if model.certificate.is_proven:
        return (
            f"{text}{passes}, the {term('certificate')} proves that the {minimised} is within "
            f"{_bound(model.certificate.nats_per_row)} nats per {names.noun} of the minimum."
        )
    return f"{text}{passes}, no {term('certificate')} proves how far the {minimised} is from the minimum."


def _bound(bound: float) -> str:
    """A bound: only its size matters."""
    return "not available" if not math.isfinite(bound) else f"{bound:.0e}" if bound < 1e-3 else fixed(bound, 4)


def _pass_text(lesson: LessonOfPoints, k: int, frame: Frame) -> str:
    """The curve of a pass, its log loss and its certificate."""
    bound = f"at most {_bound(frame.bound)} above the minimum" if math.isfinite(frame.bound) else "not certified"
    return (
        f"Pass {k} of {len(lesson.frames)}: log loss {nats(frame.log_loss)}, {bound}; "
        f"{formula(frame.intercept, frame.slope, lesson.names.feature)}."
    )
