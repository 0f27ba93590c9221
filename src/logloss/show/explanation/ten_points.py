"""The lesson: ten points on a line, trained, measured and explained.

The points are those of D. Godoy, Understanding binary cross-entropy / log loss: a visual explanation (2018).
"""

from __future__ import annotations

import math

import numpy as np

from logloss.data.rows import Array
from logloss.information import cross_entropy, entropy, kl_divergence, log_loss, surprisal
from logloss.measurement import Measurement, measure
from logloss.show.explanation.answer import Explanation
from logloss.show.explanation.lesson import Names, lesson_of_points
from logloss.show.words.of_measurement import verdict_text
from logloss.text import NATS_PER_BIT, adding_digits, columns, fixed
from logloss.training.fit import fit
from logloss.training.model import LogisticModel

X = (-2.2, -1.4, -0.8, 0.2, 0.4, 0.8, 1.2, 2.2, 2.9, 4.6)
IS_GREEN = (0, 0, 1, 0, 1, 1, 1, 1, 1, 1)
PENALTY = 1.0
# Letters of a bar for one nat.
BAR_LETTERS = 20


def ten_points_explained() -> Explanation:
    """The explanation of the ten points."""
    return Explanation(lesson_of_points(X, IS_GREEN, Names("green", "red"), l2=PENALTY), "ten points")


def ten_points_text(pictures: str = "") -> str:
    """The whole lesson as people read it; pictures: the file that they are in."""
    model = fit(X, IS_GREEN, l2=PENALTY)
    proba = model.predict_proba(X)
    measured = measure(IS_GREEN, proba)
    own = "Your own points: logloss demo --help"
    paragraphs = [
        "Ten points on a line: seven green, three red. Green counts as 1.",
        _points(proba, measured),
        _what_cost_means(proba),
        _prices(model, measured),
        _identity(measured),
        _training(model),
        _parts(measured),
        f"The pictures: {pictures}     {own}" if pictures else own,
    ]
    return "\n\n".join(paragraphs)


def _points(proba: Array, measured: Measurement) -> str:
    """The table of the points: what was said of each and what it costs."""
    costs = surprisal(IS_GREEN, proba)
    rows = [["x", "colour", "p(green)", "p(what it is)", "cost", ""]]
    for x, green, p, cost in zip(X, IS_GREEN, proba, costs, strict=True):
        colour, given = ("green", p) if green else ("red", 1 - p)
        bar = "█" * round(BAR_LETTERS * cost)
        rows.append([fixed(x, 1), colour, fixed(p, 4), fixed(given, 4), fixed(cost, 4), bar])
    rows.append(["", "", "", "mean cost", fixed(measured.log_loss, 4), "= the log loss"])
    return "\n".join("   " + line for line in columns(rows, "rlrrrl", gap="   "))


def _what_cost_means(proba: Array) -> str:
    """The rule of the game, and who pays most."""
    costs = surprisal(IS_GREEN, proba)
    worst = int(np.argmax(costs))
    colour, other = ("green", "red") if IS_GREEN[worst] else ("red", "green")
    shrug = fixed(surprisal([1], [0.5])[0], 2)
    return (
        f"A point costs −log of the probability given to what it is: nothing if certain and right, {shrug} for a\n"
        "shrug (½), without limit if certain and wrong. "
        f"The {colour} point at {X[worst]}, thought {other}, pays most."
    )


def _prices(model: LogisticModel, measured: Measurement) -> str:
    """What the same points cost under four ways to predict them."""
    rate = float(measured.base_rate)
    ways = [
        ("saying ½ to each", log_loss(IS_GREEN, [0.5] * len(X)), "a coin flip"),
        (
            f"saying {rate:.1g} to each, without looking at x",
            log_loss(IS_GREEN, [rate] * len(X)),
            f"the entropy of {sum(IS_GREEN)} in {len(X)}",
        ),
        ("the fitted curve", float(measured.log_loss), f"{fixed(100 * measured.skill, 1)} % of the entropy saved"),
        (
            "each point predicted by a curve fitted to the other nine",
            _of_new_points(model),
            "what a new point may cost",
        ),
    ]
    rows = [["What the same ten points cost", "nats", "bits", ""]]
    rows += [[f"  {name}", fixed(loss, 4), fixed(loss / NATS_PER_BIT, 4), remark] for name, loss, remark in ways]
    return "\n".join(columns(rows, "lrrl", gap="   "))


def _of_new_points(model: LogisticModel) -> float:
    """Mean cost of each point under the curve that is fitted to the other nine."""
    return math.nan if model.out_of_sample is None else model.out_of_sample.log_loss


def _identity(measured: Measurement) -> str:
    """Cross-entropy = entropy + KL, in figures."""
    rate = float(measured.base_rate)
    both, own, apart = cross_entropy(rate, 0.5), entropy(rate), kl_divergence(rate, 0.5)
    digits = adding_digits(both, [own, apart])
    return (
        f"Saying ½ when {rate:.1g} is true costs "
        f"{fixed(both, digits)} = {fixed(own, digits)} + {fixed(apart, digits)}: "
        "cross-entropy = entropy + KL."
    )


def _training(model: LogisticModel) -> str:
    """How the loss fell, and what the certificate says."""
    shown = list(dict.fromkeys(fixed(each.log_loss, 4) for each in model.passes))
    free = fit(X, IS_GREEN, leave_one_out=False)
    bound = f"{model.certificate.nats_per_row:.0e}"
    return (
        f"Training, pass by pass: {' → '.join(shown)};\nno curve can be better by more than {bound} nats a point.\n"
        f"  (with a mild pull towards 0, l2 = {model.l2:g}, as scikit-learn's C = 1; "
        f"without it {fixed(free.log_loss, 4)})"
    )


def _parts(measured: Measurement) -> str:
    """The three parts of the loss, and what chance alone would show."""
    uncertainty, loss = float(measured.uncertainty), float(measured.log_loss)
    discrimination, found = float(measured.discrimination), measured.miscalibration
    digits = adding_digits(loss, [uncertainty, -discrimination, found], least=5)
    return (
        f"For later: {fixed(uncertainty, digits)} uncertainty − {fixed(discrimination, digits)} discrimination + "
        f"{fixed(found, digits)} miscalibration = {fixed(loss, digits)}.\n"
        f"With ten points a perfectly calibrated model would show {fixed(found.expected_if_calibrated, 4)} of "
        f"miscalibration by chance:\n{verdict_text(found)}."
    )


def ten_points_figures() -> dict[str, object]:
    """The lesson's figures as flat JSON-ready values."""
    model = fit(X, IS_GREEN, l2=PENALTY)
    proba = model.predict_proba(X)
    measured = measure(IS_GREEN, proba)
    return {
        **measured.to_dict(),
        "source": "ten points",
        "positive": "green",
        "intercept": model.intercept,
        "coefficient": model.coefficients["x"],
        "certificate_nats_per_row": model.certificate.nats_per_row,
        "leave_one_out_log_loss_nats": _of_new_points(model),
        "unpenalised_log_loss_nats": fit(X, IS_GREEN, leave_one_out=False).log_loss,
    }
