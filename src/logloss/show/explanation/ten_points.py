"""The lesson: ten points on a line, with their predictions, losses, training and decomposition.

The points are those of D. Godoy, Understanding binary cross-entropy / log loss: a visual explanation (2018).
"""

from __future__ import annotations

from typing import Any

from logloss.information import cross_entropy, entropy, kl_divergence
from logloss.show.explanation.answer import Explanation
from logloss.show.explanation.lesson import LessonOfPoints, Names, lesson_of_points, written
from logloss.show.words.of_measurement import p_text
from logloss.text import NATS_PER_BIT, adding_digits, columns, fixed, percent
from logloss.training.fit import fit

X = (-2.2, -1.4, -0.8, 0.2, 0.4, 0.8, 1.2, 2.2, 2.9, 4.6)
IS_GREEN = (0, 0, 1, 0, 1, 1, 1, 1, 1, 1)
PENALTY = 1.0
# Letters of a bar for one nat.
BAR_LETTERS = 20


def ten_points_explained() -> Explanation:
    """The explanation of the ten points."""
    return Explanation(_lesson(), "logloss demo")


def _lesson() -> LessonOfPoints:
    """The lesson of the ten points."""
    return lesson_of_points(X, IS_GREEN, Names("green", "red"), l2=PENALTY)


def ten_points_text(pictures: str = "") -> str:
    """The whole lesson as text; pictures: the file that they are in."""
    lesson = _lesson()
    help_on_own = "Your own points: logloss demo --help"
    paragraphs = [
        "Ten points on a line: seven green (the positive class, label 1), three red (label 0).",
        _points(lesson),
        _loss_of_a_point(lesson),
        _forecasts(lesson),
        _identity(lesson),
        _training(lesson),
        _decomposition(lesson),
        f"Pictures: {pictures}     {help_on_own}" if pictures else help_on_own,
    ]
    return "\n\n".join(paragraphs)


def _points(lesson: LessonOfPoints) -> str:
    """The table of the points: predicted, observed, loss."""
    rows = [["x", "observed", "p(green)", "p(observed)", "loss", ""]]
    for x, label, p, of_observed, loss in zip(
        lesson.x, lesson.labels, lesson.proba, lesson.proba_of_observed, lesson.losses, strict=True
    ):
        bar = "█" * round(BAR_LETTERS * loss)
        rows.append([fixed(x, 1), lesson.names.of(label), fixed(p, 4), fixed(of_observed, 4), fixed(loss, 4), bar])
    mean = fixed(float(lesson.measured.log_loss), 4)
    rows.append(["", "", "", "mean", mean, "= log loss (binary cross-entropy), in nats"])
    return "\n".join("   " + line for line in columns(rows, "rlrrrl", gap="   "))


def _loss_of_a_point(lesson: LessonOfPoints) -> str:
    """The loss of one prediction, and the largest one."""
    k = lesson.worst
    observed, other = lesson.names.of(lesson.labels[k]), lesson.names.of(1 - lesson.labels[k])
    return (
        "The loss of a point is −log of the predicted probability of its observed class: 0 if certain and right,\n"
        f"{fixed(NATS_PER_BIT, 2)} at ½, infinite if certain and wrong. "
        f"The {observed} point at {written(lesson.x[k])}, predicted {other}, has the largest."
    )


def _forecasts(lesson: LessonOfPoints) -> str:
    """The log loss of the same points under four forecasts."""
    measured, rate = lesson.measured, lesson.rate
    n_positive = int(lesson.labels.sum())
    forecasts = [
        ("always predicting ½", NATS_PER_BIT, ""),
        (
            f"always predicting {rate:.1g} (the base rate): the entropy of {n_positive} in {lesson.n}",
            lesson.entropy,
            "baseline",
        ),
        ("fitted curve", float(measured.log_loss), f"skill score {percent(float(measured.skill), 1)}"),
        ("leave-one-out: each point by a curve fitted to the others", lesson.out_of_sample, "estimate for new points"),
    ]
    rows = [["log loss", "nats", "bits", ""]]
    rows += [[f"  {name}", fixed(loss, 4), fixed(loss / NATS_PER_BIT, 4), remark] for name, loss, remark in forecasts]
    return "\n".join(columns(rows, "lrrl", gap="   "))


def _identity(lesson: LessonOfPoints) -> str:
    """Cross-entropy = entropy + KL, in figures."""
    rate = lesson.rate
    members = entropy(rate), kl_divergence(rate, 0.5)
    both = cross_entropy(rate, 0.5)
    digits = adding_digits(both, members)
    return (
        f"Cross-entropy = entropy + KL divergence. Always predicting ½ where the base rate is {rate:.1g}:\n  "
        f"{fixed(both, digits)} = {fixed(members[0], digits)} + {fixed(members[1], digits)}."
    )


def _training(lesson: LessonOfPoints) -> str:
    """The log loss of each pass, and the certificate."""
    model = lesson.model
    shown = list(dict.fromkeys(fixed(frame.log_loss, 4) for frame in lesson.frames))
    return (
        f"Training: {' → '.join(shown)}; certified within {model.certificate.nats_per_row:.0e} of the minimum\n"
        f"  (of log loss plus L2 penalty, l2 = {model.l2:g}, scikit-learn's C = 1; log loss without the penalty: "
        f"{fixed(_unpenalised(), 4)})"
    )


def _unpenalised() -> float:
    """The log loss of the curve that is fitted without a penalty, in nats."""
    return fit(X, IS_GREEN, leave_one_out=False).log_loss


def _decomposition(lesson: LessonOfPoints) -> str:
    """The decomposition of the loss, and the null distribution of miscalibration."""
    measured = lesson.measured
    uncertainty, loss = float(measured.uncertainty), float(measured.log_loss)
    discrimination, miscalibration = float(measured.discrimination), measured.miscalibration
    digits = adding_digits(loss, [uncertainty, -discrimination, miscalibration], least=5)
    verdict = "significant" if miscalibration.is_significant else "not significant"
    return (
        f"Decomposition: {fixed(uncertainty, digits)} uncertainty − {fixed(discrimination, digits)} discrimination + "
        f"{fixed(miscalibration, digits)} miscalibration = {fixed(loss, digits)} log loss\n"
        f"  (null distribution: {fixed(miscalibration.expected_if_calibrated, 4)} miscalibration expected if perfectly "
        f"calibrated; {p_text(miscalibration.p_value)}: {verdict})"
    )


def ten_points_figures() -> dict[str, Any]:
    """The lesson's figures as flat JSON-ready values."""
    return ten_points_explained().to_dict() | {"log_loss_unpenalised_nats": _unpenalised()}
