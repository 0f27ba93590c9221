"""The parts of the page that points and pools share: cost curves, entropy, cross-entropy, calibration, the ladder."""

from __future__ import annotations

import math
from collections.abc import Sequence

from logloss.information import entropy, surprisal
from logloss.show import page
from logloss.show.explanation import kl_pictures, point_pictures
from logloss.show.explanation.lesson import ConstantForecast, Lesson
from logloss.show.explanation.marks import Slider
from logloss.show.explanation.sentences import number, paragraph, percent, short, term
from logloss.text import NATS_PER_BIT, adding_digits, count, fixed

# Probabilities in the tables of what they cost.
TOLD = (0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999)
SHARES = (0.0, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0)

# What the page asks of its reader.
NEEDS = (
    "Ten minutes. You need to know what a probability is, and that the logarithm of 1 is 0. Logarithms are natural "
    f"ones, so costs are in nats; {fixed(NATS_PER_BIT, 4)} nats are one bit."
)


def part(anchor: str, title: str, *content: str) -> str:
    """A part of the page that can be linked to."""
    return page.section(title, f'<span id="{anchor}"></span>' + "\n".join(content))


def beside(texts: Sequence[str], shown: str) -> str:
    """Paragraphs, and where there is room a picture to the right of them."""
    return page.figures(f"<div>{''.join(texts)}</div>", shown)


def two_curves_part(lesson: Lesson, dots: list[tuple[float, int, float]], top: float, sees: str) -> str:
    """Right costs nothing, wrong without limit."""
    names = lesson.names
    pair = zip(TOLD, surprisal([1] * len(TOLD), TOLD), surprisal([0] * len(TOLD), TOLD), strict=True)
    rows = [[f"p given to {names.positive}", f"cost if {names.positive} (nats)", f"cost if {names.negative} (nats)"]]
    rows += [[short(p), fixed(one, 4), fixed(zero, 4)] for p, one, zero in pair]
    hundredth, thousandth = (fixed(float(surprisal([1], [p])[0]), 4) for p in (0.01, 0.001))
    text = (
        f"Two curves hold every possible cost. Whoever says p pays −log p if it turns out {names.positive}, and "
        f"−log(1 − p) if it turns out {names.negative}. Certain and right is free. A shrug, ½, costs "
        f"{fixed(NATS_PER_BIT, 4)} whatever happens: one bit, the price of a coin flip. Certain and wrong has no "
        f"limit: a probability of 0.01 for what happened costs {hundredth}, 0.001 costs {thousandth}, and 0 is "
        "infinite. Being a little surer gains little; being sure and wrong loses everything."
    )
    shown = page.figure(str(point_pictures.two_curves(lesson, dots, top)), "Every possible cost", sees, rows)
    return part("curves", "Right costs nothing, wrong has no limit", beside([paragraph(text)], shown))


def entropy_text(lesson: Lesson) -> str:
    """What saying the share to all costs, step by step."""
    names, rate, own = lesson.names, lesson.rate, lesson.entropy
    share, rest = short(rate), short(1 - rate)
    if not 0 < rate < 1:
        return f"All are {names.of(rate)}, so there is nothing to guess: the {term('entropy')} is 0."
    of_positive, of_negative = (float(cost) for cost in surprisal([1, 0], [rate, rate]))
    first, second = rate * of_positive, (1 - rate) * of_negative
    digits = adding_digits(own, [first, second])
    return (
        f"Say {share}, the share itself. Then each that is {names.positive} pays −log {share} = "
        f"{fixed(of_positive, 4)}, and each that is {names.negative} pays −log {rest} = {fixed(of_negative, 4)}. The "
        f"first are {share} of all, the second {rest}, so the mean is {share} × {fixed(of_positive, 4)} + {rest} × "
        f"{fixed(of_negative, 4)}, which is {fixed(first, digits)} + {fixed(second, digits)} = {fixed(own, digits)}. "
        f"This is the {term('entropy')} of a share of {share}. No other single answer costs less, as the next part "
        "shows: entropy is what the share alone leaves open."
    )


def entropy_part(lesson: Lesson, opening: str, sees: str, *, with_pools: bool) -> str:
    """Entropy against the share of positives."""
    names, rate = lesson.names, lesson.rate
    shares = sorted({*SHARES, rate})
    rows = [[f"share of {names.positive}", "entropy (nats)", "entropy (bits)"]]
    rows += [[short(q), fixed(h, 4), fixed(h / NATS_PER_BIT, 4)] for q, h in zip(shares, entropy(shares), strict=True)]
    picture = point_pictures.entropy_picture(lesson, lesson.pools if with_pools else ())
    shown = page.figure(str(picture), "Entropy, for every share", sees, rows)
    texts = [paragraph(opening + " " + entropy_text(lesson))]
    return part("entropy", "Entropy: what the share alone leaves open", beside(texts, shown))


def identity(lesson: Lesson, one: ConstantForecast) -> str:
    """Cross-entropy = entropy + KL, in figures that add up as printed."""
    digits = adding_digits(one.cross_entropy, [lesson.entropy, one.kl])
    return (
        f"Saying {short(one.proba)} where {short(lesson.rate)} is true costs {fixed(one.cross_entropy, digits)} = "
        f"{fixed(lesson.entropy, digits)} entropy + {fixed(one.kl, digits)} KL."
    )


def cross_entropy_part(lesson: Lesson) -> tuple[str, Slider]:
    """Cross-entropy as entropy plus KL, in three pictures and with one slider."""
    names, rate = lesson.names, lesson.rate
    share = short(rate)
    # It begins well away from the truth.
    far = round(rate - 0.4 if rate > 0.5 else rate + 0.4, 2)
    shown = next(k for k, one in enumerate(lesson.constant_forecasts) if one.proba == far)
    values = [f"p = {short(one.proba)}" for one in lesson.constant_forecasts]
    slider = Slider("say", f"Say to all the same probability p of {names.positive}", values, shown=shown)
    slider.captions([identity(lesson, one) for one in lesson.constant_forecasts])
    shrug = lesson.constant_forecast(0.5)
    text = (
        f"What if you say something else, while {share} is the truth? The mean cost of saying p where q is true is "
        f"called the {term('cross-entropy')} of q and p. {identity(lesson, shrug)} What comes on top of the entropy is "
        f"the {term('KL divergence')}: the price of saying p instead of q."
    )
    end = (
        f"Move p to {share}: the striped part vanishes, there and nowhere else. Whoever is judged by log loss does "
        "best by saying what they believe. That is why it is used to train forecasters, and to judge them."
    )
    rows = _predicted_rows(lesson)
    figures = [
        page.figure(
            slider.picture(lambda one: kl_pictures.areas(lesson, one), lesson.constant_forecasts, "areas"),
            "Two blocks, levelled into one column",
            f"Left, the block of {names.positive} is {short(rate, 2)} wide and −log p high, that of {names.negative} "
            f"is {short(1 - rate, 2)} wide and −log(1 − p) high; together their area is the mean cost. Right, the same "
            "area poured into one column. The plain part, entropy, stays whatever you say. The striped part is KL.",
            rows,
            note="All in nats.",
        ),
        page.figure(
            slider.picture(lambda one: kl_pictures.valley(lesson, one), lesson.constant_forecasts, "valley"),
            "The same for every p at once",
            "Plain is entropy, striped is KL; together they reach up to the cross-entropy. The floor of the valley "
            f"lies at p = {share}, where the stripes are gone.",
            [[row[0], row[3], row[5]] for row in rows],
            note="All in nats.",
        ),
        page.figure(
            slider.picture(lambda one: kl_pictures.tangent(lesson, one), lesson.constant_forecasts, "tangent"),
            "Why KL is never below 0",
            "Now what you say is fixed, and the truth varies from left to right. The mean cost is then a straight "
            f"line, from −log(1 − p), if all are {names.negative}, up or down to −log p, if all are {names.positive}. "
            "It touches the curve of entropy where the truth is p (the hollow dot) and lies above it everywhere else: "
            f"the curve is arched. The gap at {share} is KL.",
            _line_rows(lesson, shrug),
            note="All in nats.",
        ),
    ]
    content = (paragraph(text), slider.html(), page.figures(*figures), paragraph(end))
    return part("kl", "Cross-entropy = entropy + KL", *content), slider


def _predicted_rows(lesson: Lesson) -> list[list[str]]:
    """What saying p to all costs, for some p."""
    names = lesson.names
    rows = [
        ["p said to all", f"cost if {names.positive}", f"cost if {names.negative}", "cross-entropy", "entropy", "KL"]
    ]
    for one in lesson.constant_forecasts:
        if one.proba == lesson.rate or round(one.proba * 20, 9).is_integer():
            values = (one.if_positive, one.if_negative, one.cross_entropy, lesson.entropy, one.kl)
            rows.append([short(one.proba), *(fixed(value, 6) for value in values)])
    return rows


def _line_rows(lesson: Lesson, one: ConstantForecast) -> list[list[str]]:
    """The straight line of saying ½, and the curve below it."""
    rows = [[f"share of {lesson.names.positive}", f"cost of saying {short(one.proba)}", "entropy", "gap: KL"]]
    for share in sorted({*SHARES[::2], lesson.rate}):
        line = share * one.if_positive + (1 - share) * one.if_negative
        own = float(entropy(share))
        rows.append([short(share), fixed(line, 6), fixed(own, 6), fixed(max(line - own, 0.0), 6)])
    return rows


def pool_rows(lesson: Lesson) -> list[list[str]]:
    """The pools as a table."""
    observed = f"share that was {lesson.names.positive}"
    rows = [["group", f"share of all {lesson.names.noun}s", "said (mean)", observed, "entropy", "on top", "mean cost"]]
    for k, pool in enumerate(lesson.pools, 1):
        values = (pool.mass, pool.predicted, pool.share, pool.entropy, pool.excess, pool.cost)
        rows.append([count(k), *(fixed(value, 4) for value in values)])
    return rows


def null_distribution_text(lesson: Lesson) -> str:
    """Whether the miscalibration that is found is more than luck."""
    found, n = lesson.measured.miscalibration, lesson.measured.n_rows
    what = f"{number(n)} {lesson.names.noun}s"
    if math.isnan(found.expected_if_calibrated):
        return f"How much of it would be luck is not known here ({found.expected_if_calibrated_reason})."
    cases = "fewer than 1" if found.p_value < 0.01 else number(round(100 * found.p_value))
    verdict = "it may all be luck"
    if found.is_significant:
        worth = "and worth repairing" if found.is_worth_recalibrating else "if perhaps little"
        verdict = f"this is more than luck, {worth}"
    return (
        f"Is it worth it? With {what}, forecasts that are perfectly calibrated would show "
        f"{fixed(found.expected_if_calibrated, 4)} of it by luck alone, and as much as was found here in "
        f"{cases} of 100 cases: {verdict}."
    )


def calibration_part(lesson: Lesson, opening: str) -> str:
    """What is left of KL once predictions differ: miscalibration, and its removal."""
    measured, names, n_pools = lesson.measured, lesson.names, len(lesson.pools)
    uncertainty, loss = float(measured.uncertainty), float(measured.log_loss)
    discrimination, found = float(measured.discrimination), float(measured.miscalibration)
    left = lesson.entropy_of_pools
    digits = adding_digits(loss, [uncertainty, -discrimination, found], least=5)
    inner = adding_digits(loss, [left, found])
    groups = f"{number(n_pools)} group" + ("" if n_pools == 1 else "s")
    text = (
        f"{opening} Put {names.noun}s together of which similar things were said, until the share of {names.positive} "
        f"rises from group to group: that makes {groups}. Take the share within a group for the truth, and the cost "
        f"splits as before: {fixed(loss, inner)} = {fixed(left, inner)} entropy within the groups + "
        f"{fixed(found, inner)} on top. What is on top is called {term('miscalibration')}. It is KL once more, and "
        f"nothing else where one thing was said of a whole group. {term('Calibration')} says the share of the group "
        "instead of what was said, and so removes exactly this last term."
    )
    sums = (
        f"The entropy of all was {fixed(uncertainty, digits)}. What was said tells groups apart and takes "
        f"{fixed(discrimination, digits)} of it away: {term('discrimination')}. What it gets wrong about them adds "
        f"{fixed(found, digits)}. So {fixed(uncertainty, digits)} uncertainty − {fixed(discrimination, digits)} "
        f"discrimination + {fixed(found, digits)} miscalibration = {fixed(loss, digits)}, the log loss."
    )
    rows = pool_rows(lesson)
    figures = [
        page.figure(
            str(kl_pictures.stairs(lesson)),
            "Said, and happened",
            f"Each dot is a group, larger with more {names.noun}s; flat lines reach over what was said in it. On the "
            "thin diagonal, what was said is what happened. The striped lines are how far off it was.",
            rows,
            note="Entropy, what comes on top, and mean cost in nats.",
        ),
        page.figure(
            str(kl_pictures.pooled(lesson)),
            "The loss as areas",
            f"Each block is a group, as wide as its share of all {names.noun}s. Plain is its entropy, striped what it "
            f"pays on top. All areas together are the log loss: {fixed(left, inner)} plain + {fixed(found, inner)} "
            f"striped = {fixed(loss, inner)}.",
            rows,
            note="Entropy, what comes on top, and mean cost in nats.",
        ),
    ]
    texts = [paragraph(text), page.figures(*figures), paragraph(sums), paragraph(null_distribution_text(lesson))]
    return part("calibration", "Calibration removes the last term", *texts)


def ladder_part(lesson: Lesson, endings: Sequence[str], more: str = "") -> str:
    """All prices in one picture, and the page in a few sentences."""
    rungs = kl_pictures.rungs(lesson)
    rows = [["who predicts", "nats", "bits"]]
    rows += [[words, fixed(value, 4), fixed(value / NATS_PER_BIT, 4)] for words, value, _ in rungs]
    sees = "Plain is entropy: what is left open. Striped is KL: what is said wrongly." + more
    shown = page.figure(str(kl_pictures.ladder(rungs)), "From a coin flip to calibration", sees, rows)
    return part("all", "All of it in one picture", beside([paragraph(text) for text in endings], shown))


def steps(links: Sequence[tuple[str, str]]) -> str:
    """The way through the page."""
    items = "".join(f'<li><a href="#{anchor}">{page.text(word)}</a></li>' for anchor, word in links)
    return f'<nav aria-label="The way through the page"><ol class="steps">{items}</ol></nav>'


def so_much(lesson: Lesson) -> str:
    """By how much the predictions are cheaper than the share alone."""
    skill = float(lesson.measured.skill)
    if math.isnan(skill):
        return ""
    return f"{percent(abs(skill))} {'less' if skill >= 0 else 'more'}"


def nats(value: float) -> str:
    """A cost with its unit."""
    return f"{fixed(value, 4)} nats"
