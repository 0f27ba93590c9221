"""The parts of the page that points and groups share: loss curves, entropy, cross-entropy, decomposition, summary."""

from __future__ import annotations

import math
from collections.abc import Sequence

from logloss.information import entropy, surprisal
from logloss.show import page
from logloss.show.explanation import kl_pictures, point_pictures
from logloss.show.explanation.lesson import ConstantForecast, Lesson
from logloss.show.explanation.marks import Slider
from logloss.show.explanation.sentences import number, paragraph, short, term
from logloss.show.words.of_measurement import p_text
from logloss.text import NATS_PER_BIT, adding_digits, confidence, count, fixed, percent

# Probabilities in the tables of their losses.
PROBABILITIES = (0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999)
SHARES = (0.0, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0)

# What the reader needs.
NEEDS = (
    "Reading time: ten minutes. You need to know what a probability is, and that the logarithm of 1 is 0. Logarithms "
    f"are natural, so losses are in nats; {fixed(NATS_PER_BIT, 4)} nats are one bit."
)


def part(anchor: str, title: str, *content: str) -> str:
    """A part of the page that can be linked to."""
    return page.section(title, f'<span id="{anchor}"></span>' + "\n".join(content))


def beside(texts: Sequence[str], shown: str) -> str:
    """Paragraphs, and where there is room a picture to the right of them."""
    return page.figures(f"<div>{''.join(texts)}</div>", shown)


def two_curves_part(lesson: Lesson, dots: list[tuple[float, int, float]], top: float, caption: str) -> str:
    """The loss of one prediction, for either class."""
    names = lesson.names
    pair = zip(
        PROBABILITIES,
        surprisal([1] * len(PROBABILITIES), PROBABILITIES),
        surprisal([0] * len(PROBABILITIES), PROBABILITIES),
        strict=True,
    )
    rows = [
        [f"predicted p of {names.positive}", f"loss if {names.positive} (nats)", f"loss if {names.negative} (nats)"]
    ]
    rows += [[short(p), fixed(one, 4), fixed(zero, 4)] for p, one, zero in pair]
    hundredth, thousandth = (fixed(float(surprisal([1], [p])[0]), 4) for p in (0.01, 0.001))
    text = (
        f"Two curves hold every possible loss. If p is predicted, the loss is −log p where the observed class is "
        f"{names.positive}, and −log(1 − p) where it is {names.negative}. This is the {term('logarithmic score')}, "
        "also called surprisal. A prediction that is certain and right has loss 0. Predicting ½ has loss "
        f"{fixed(NATS_PER_BIT, 4)} for either class: one bit. A prediction that is certain and wrong has no limit: if "
        f"the observed class had probability 0.01, the loss is {hundredth}; if it had 0.001, {thousandth}; if it had "
        "0, infinite. More certainty gains little where it is right and loses much where it is wrong."
    )
    shown = page.figure(str(point_pictures.two_curves(lesson, dots, top)), "Every possible loss", caption, rows)
    return part("curves", "The loss of one prediction", beside([paragraph(text)], shown))


def entropy_text(lesson: Lesson) -> str:
    """The log loss of always predicting the base rate, step by step."""
    names, rate, baseline = lesson.names, lesson.rate, lesson.entropy
    share, rest = short(rate), short(1 - rate)
    if not 0 < rate < 1:
        return f"All are {names.of(rate)}, so the {term('entropy')} of the base rate is 0."
    of_positive, of_negative = (float(loss) for loss in surprisal([1, 0], [rate, rate]))
    first, second = rate * of_positive, (1 - rate) * of_negative
    digits = adding_digits(baseline, [first, second])
    return (
        f"Always predicting the base rate, {share}, is the {term('baseline')}. Each {names.positive} {names.noun} then "
        f"has loss −log {share} = {fixed(of_positive, 4)}, each {names.negative} one −log {rest} = "
        f"{fixed(of_negative, 4)}. The first are {share} of all, the second {rest}, so the mean is {share} × "
        f"{fixed(of_positive, 4)} + {rest} × {fixed(of_negative, 4)}, which is {fixed(first, digits)} + "
        f"{fixed(second, digits)} = {fixed(baseline, digits)}. This is the {term('entropy')} of the base rate. No "
        "other constant prediction has a smaller log loss, as the next part shows."
    )


def entropy_part(lesson: Lesson, opening: str, caption: str, *, with_groups: bool) -> str:
    """Entropy against the event rate."""
    names, rate = lesson.names, lesson.rate
    shares = sorted({*SHARES, rate})
    rows = [[f"share of {names.positive}", "entropy (nats)", "entropy (bits)"]]
    rows += [[short(q), fixed(h, 4), fixed(h / NATS_PER_BIT, 4)] for q, h in zip(shares, entropy(shares), strict=True)]
    picture = point_pictures.entropy_picture(lesson, lesson.groups if with_groups else ())
    shown = page.figure(str(picture), "Entropy of every event rate", caption, rows)
    texts = [paragraph(opening + " " + entropy_text(lesson))]
    return part("entropy", "Entropy: the log loss of the baseline", beside(texts, shown))


def identity(lesson: Lesson, forecast: ConstantForecast) -> str:
    """Cross-entropy = entropy + KL, in figures that add up as printed."""
    digits = adding_digits(forecast.cross_entropy, [lesson.entropy, forecast.kl])
    return (
        f"Always predicting {short(forecast.proba)} (base rate {short(lesson.rate)}): cross-entropy "
        f"{fixed(forecast.cross_entropy, digits)} = {fixed(lesson.entropy, digits)} entropy + "
        f"{fixed(forecast.kl, digits)} KL divergence."
    )


def cross_entropy_part(lesson: Lesson) -> tuple[str, Slider]:
    """Cross-entropy as entropy plus KL, in three pictures and with one slider."""
    names, rate = lesson.names, lesson.rate
    share = short(rate)
    # It begins well away from the base rate.
    far = round(rate - 0.4 if rate > 0.5 else rate + 0.4, 2)
    shown = next(k for k, forecast in enumerate(lesson.constant_forecasts) if forecast.proba == far)
    values = [f"p = {short(forecast.proba)}" for forecast in lesson.constant_forecasts]
    slider = Slider("forecast", f"Always predict the same probability p of {names.positive}", values, shown=shown)
    slider.captions([identity(lesson, forecast) for forecast in lesson.constant_forecasts])
    half = lesson.constant_forecast(0.5)
    text = (
        f"The log loss of always predicting p where the event rate is q is the {term('cross-entropy')} of q and p. It "
        f"is the entropy of q, plus the {term('KL divergence')} (Kullback–Leibler divergence, relative entropy) "
        f"between q and p: how much the log loss rises when p is predicted instead of q. {identity(lesson, half)}"
    )
    end = (
        f"Move p to {share}: KL is 0, there and nowhere else. In expectation, the true probability has the smallest "
        f"log loss of all predictions. A score with this property is a {term('strictly proper scoring rule')}: it is "
        "why models are trained with the log loss, and why forecasts are compared by it."
    )
    rows = _constant_rows(lesson)
    figures = [
        page.figure(
            slider.picture(lambda forecast: kl_pictures.areas(lesson, forecast), lesson.constant_forecasts, "areas"),
            "Loss by class, and as one column",
            f"Left, the block of {names.positive} is {short(rate, 2)} wide and −log p high, that of {names.negative} "
            f"is {short(1 - rate, 2)} wide and −log(1 − p) high; their total area is the mean loss. Right, the same "
            "area as one column. The plain part is entropy, the same for every p. The striped part is KL.",
            rows,
            note="All in nats.",
        ),
        page.figure(
            slider.picture(lambda forecast: kl_pictures.valley(lesson, forecast), lesson.constant_forecasts, "valley"),
            "Cross-entropy of every p",
            "Plain is entropy, striped is KL; their sum is the cross-entropy. Its minimum is at p = "
            f"{share}, where KL is 0.",
            [[row[0], row[3], row[5]] for row in rows],
            note="All in nats.",
        ),
        page.figure(
            slider.picture(
                lambda forecast: kl_pictures.tangent(lesson, forecast), lesson.constant_forecasts, "tangent"
            ),
            "Why KL is never below 0",
            "Here p is fixed, and the event rate varies from left to right. The mean loss is then a straight line, "
            f"from −log(1 − p), if all are {names.negative}, to −log p, if all are {names.positive}. It touches the "
            "curve of entropy where the event rate is p (hollow dot) and lies above it everywhere else, because "
            f"entropy is concave. The gap at {share} is KL.",
            _line_rows(lesson, half),
            note="All in nats.",
        ),
    ]
    content = (paragraph(text), slider.html(), page.figures(*figures), paragraph(end))
    return part("kl", "Cross-entropy = entropy + KL divergence", *content), slider


def _constant_rows(lesson: Lesson) -> list[list[str]]:
    """The loss of always predicting p, for some p."""
    names = lesson.names
    rows = [["p", f"loss if {names.positive}", f"loss if {names.negative}", "cross-entropy", "entropy", "KL"]]
    for one in lesson.constant_forecasts:
        if one.proba == lesson.rate or round(one.proba * 20, 9).is_integer():
            values = (one.if_positive, one.if_negative, one.cross_entropy, lesson.entropy, one.kl)
            rows.append([short(one.proba), *(fixed(value, 6) for value in values)])
    return rows


def _line_rows(lesson: Lesson, forecast: ConstantForecast) -> list[list[str]]:
    """The straight line of always predicting ½, and the curve below it."""
    line = f"log loss of always predicting {short(forecast.proba)}"
    rows = [[f"share of {lesson.names.positive}", line, "entropy", "gap: KL"]]
    for share in sorted({*SHARES[::2], lesson.rate}):
        mean = share * forecast.if_positive + (1 - share) * forecast.if_negative
        least = float(entropy(share))
        rows.append([short(share), fixed(mean, 6), fixed(least, 6), fixed(max(mean - least, 0.0), 6)])
    return rows


def group_rows(lesson: Lesson) -> list[list[str]]:
    """The groups as a table."""
    head = ["group", f"share of all {lesson.names.noun}s", "mean predicted", "observed frequency"]
    rows = [[*head, "entropy", "miscalibration", "mean loss"]]
    for k, group in enumerate(lesson.groups, 1):
        values = (group.mass, group.predicted, group.share, group.entropy, group.excess, group.loss)
        rows.append([count(k), *(fixed(value, 4) for value in values)])
    return rows


def null_distribution_text(lesson: Lesson) -> str:
    """Whether the miscalibration is significant, and what recalibration is expected to change."""
    miscalibration, n = lesson.measured.miscalibration, lesson.measured.n_rows
    if math.isnan(miscalibration.expected_if_calibrated):
        reason = miscalibration.expected_if_calibrated_reason
        return f"What a perfectly calibrated model would show of it is not available here ({reason})."
    verdict = "significant" if miscalibration.is_significant else "not significant"
    text = (
        f"Miscalibration is above 0 for perfectly calibrated predictions, too, because the groups are made from the "
        f"same {lesson.names.noun}s. Its {term('null distribution')} shows how much: on {number(n)} "
        f"{lesson.names.noun}s a perfectly calibrated model has {fixed(miscalibration.expected_if_calibrated, 4)} on "
        f"average. The value here is {verdict} ({p_text(miscalibration.p_value)})."
    )
    if miscalibration.is_worth_recalibrating:
        excess = miscalibration.excess
        text += (
            f" Recalibration is expected to reduce the log loss by {fixed(excess, 4)} "
            f"({confidence(excess.low, excess.high, 4)})."
        )
    return text


def decomposition_part(lesson: Lesson, opening: str) -> str:
    """Uncertainty − discrimination + miscalibration, and what recalibration removes."""
    measured, names, n_groups = lesson.measured, lesson.names, len(lesson.groups)
    uncertainty, loss = float(measured.uncertainty), float(measured.log_loss)
    discrimination, miscalibration = float(measured.discrimination), float(measured.miscalibration)
    left = lesson.recalibrated
    digits = adding_digits(loss, [uncertainty, -discrimination, miscalibration], least=5)
    inner = adding_digits(loss, [left, miscalibration])
    made = f"{number(n_groups)} group" + ("" if n_groups == 1 else "s")
    text = (
        f"{opening} Put {names.noun}s with similar predictions into one group, until the observed frequency of "
        f"{names.positive} rises from group to group. This is {term('isotonic regression')}, and it makes {made}. With "
        "the observed frequency of a group as q, the loss splits as before: "
        f"{fixed(loss, inner)} = {fixed(left, inner)} entropy within the groups + {fixed(miscalibration, inner)} "
        f"{term('miscalibration')}. Where all predictions of a group are equal, miscalibration is exactly the mean KL "
        f"divergence. {term('Recalibration')} predicts the observed frequency of the group instead, and so removes "
        "this term."
    )
    sums = (
        f"The entropy of the base rate, {fixed(uncertainty, digits)}, is called {term('uncertainty')}. The predictions "
        f"separate groups of different frequency, which lowers it by {fixed(discrimination, digits)}: "
        f"{term('discrimination')}, also called resolution. Miscalibration adds {fixed(miscalibration, digits)}. This "
        f"is the {term('decomposition')} of the log loss (CORP): {fixed(uncertainty, digits)} uncertainty − "
        f"{fixed(discrimination, digits)} discrimination + {fixed(miscalibration, digits)} miscalibration = "
        f"{fixed(loss, digits)}."
    )
    rows = group_rows(lesson)
    note = "Entropy, miscalibration and mean loss in nats."
    figures = [
        page.figure(
            str(kl_pictures.reliability(lesson)),
            "Reliability diagram",
            f"Each dot is a group, larger with more {names.noun}s; flat lines span its predictions. On the thin "
            "diagonal predicted and observed are equal. The striped lines are the distances from it.",
            rows,
            note=note,
        ),
        page.figure(
            str(kl_pictures.grouped(lesson)),
            "The decomposition as areas",
            f"Each block is a group, as wide as its share of all {names.noun}s. Plain is its entropy, striped its "
            f"miscalibration. The total area is the log loss: {fixed(left, inner)} plain + "
            f"{fixed(miscalibration, inner)} striped = {fixed(loss, inner)}.",
            rows,
            note=note,
        ),
    ]
    texts = [paragraph(text), page.figures(*figures), paragraph(sums), paragraph(null_distribution_text(lesson))]
    return part("decomposition", "Decomposition: recalibration removes miscalibration", *texts)


def summary_part(lesson: Lesson, endings: Sequence[str], more: str = "") -> str:
    """The log loss of every forecast in one picture, and the page in a few sentences."""
    forecasts = kl_pictures.forecasts(lesson)
    rows = [["forecast", "log loss (nats)", "log loss (bits)"]]
    rows += [[words, fixed(value, 4), fixed(value / NATS_PER_BIT, 4)] for words, value, _ in forecasts]
    caption = "Plain is entropy, striped is KL divergence, or miscalibration." + more
    shown = page.figure(str(kl_pictures.ladder(forecasts)), "The log loss of each forecast", caption, rows)
    return part("summary", "Summary", beside([paragraph(text) for text in endings], shown))


def steps(links: Sequence[tuple[str, str]]) -> str:
    """The contents of the page, in order."""
    items = "".join(f'<li><a href="#{anchor}">{page.text(word)}</a></li>' for anchor, word in links)
    return f'<nav aria-label="Contents"><ol class="steps">{items}</ol></nav>'


def skill(lesson: Lesson) -> str:
    """By how much the log loss is below the baseline; "" where that is not defined."""
    value = float(lesson.measured.skill)
    if math.isnan(value):
        return ""
    if value < 0:
        return f"{percent(-value, 1)} above the baseline"
    return f"{percent(value, 1)} below the baseline (skill score)"


def nats(value: float) -> str:
    """A loss with its unit."""
    return f"{fixed(value, 4)} nats"
