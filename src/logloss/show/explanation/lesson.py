"""What is explained, as numbers: points with a curve, or the groups of a measurement; nothing here draws."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from logloss.answers.estimate import expit
from logloss.data.rows import Array
from logloss.errors import DataError, SeparationWarning
from logloss.inference.recalibration import Recalibration
from logloss.inference.score_table import score_table_of
from logloss.information import cross_entropy, entropy, kl_divergence, surprisal
from logloss.measurement import Measurement, measure
from logloss.training.fit import fit
from logloss.training.model import LogisticModel

# The predictions through which the slider moves, if the base rate does not lie beyond them.
FIRST_PREDICTED, LAST_PREDICTED = 0.1, 0.9


@dataclass(frozen=True, slots=True)
class Names:
    """What the classes, the feature and what is explained are called."""

    positive: str
    negative: str
    feature: str = "x"
    noun: str = "point"

    def of(self, label: float) -> str:
        """The name of a class."""
        return self.positive if label else self.negative


@dataclass(frozen=True, slots=True)
class Frame:
    """One pass of the training: its curve, and the prediction and the loss of each point, in order of x."""

    intercept: float
    slope: float
    log_loss: float
    bound: float
    proba: Array
    losses: Array


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbours by prediction that isotonic regression pools.

    mass: their share of all rows; lowest, predicted, highest: of their predictions the least, the mean and the
    greatest; share: their observed frequency of positives; loss: their mean loss in nats.
    """

    mass: float
    lowest: float
    predicted: float
    highest: float
    share: float
    loss: float

    @property
    def entropy(self) -> float:
        """Their mean loss if their observed frequency were predicted, in nats."""
        return float(entropy(self.share))

    @property
    def excess(self) -> float:
        """Their miscalibration: their mean loss above their entropy, in nats, ≥ 0."""
        return max(self.loss - self.entropy, 0.0) if math.isfinite(self.loss) else math.inf


@dataclass(frozen=True, slots=True)
class ConstantForecast:
    """Always predicting p: its loss for either class, its cross-entropy with the base rate, and the KL part of that."""

    proba: float
    if_positive: float
    if_negative: float
    cross_entropy: float
    kl: float


@dataclass(frozen=True)
class Lesson:
    """What both kinds of lesson have: a measurement, its groups, and constant forecasts."""

    names: Names
    measured: Measurement

    @property
    def rate(self) -> float:
        """The base rate."""
        return float(self.measured.base_rate)

    @property
    def entropy(self) -> float:
        """The log loss of always predicting the base rate, in nats: the least of all constant forecasts."""
        return float(entropy(self.rate))

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Neighbours pooled until the observed frequency rises with the prediction: isotonic regression."""
        recalibration = Recalibration(score_table_of(self.measured.summary.scores))
        table = recalibration.table
        zeros, ones = table.shares
        with np.errstate(invalid="ignore"):
            losses = np.where(zeros > 0, zeros * table.if_zero, 0.0) + np.where(ones > 0, ones * table.if_one, 0.0)
        predicted = np.asarray(table.points.proba, np.float64)
        groups, start = [], 0
        for end, n_positive, n_rows in zip(recalibration.last, recalibration.ones, recalibration.rows, strict=True):
            here = slice(start, int(end) + 1)
            masses = zeros[here] + ones[here]
            mass = int(n_rows) / recalibration.total
            groups.append(
                Group(
                    mass=mass,
                    lowest=float(predicted[start]),
                    predicted=math.fsum(masses * predicted[here]) / math.fsum(masses),
                    highest=float(predicted[int(end)]),
                    share=int(n_positive) / int(n_rows),
                    loss=math.fsum(losses[here]) / mass if np.isfinite(losses[here]).all() else math.inf,
                )
            )
            start = int(end) + 1
        return tuple(groups)

    @property
    def recalibrated(self) -> float:
        """The log loss after isotonic recalibration, in nats: uncertainty − discrimination, mean entropy of groups."""
        return float(self.measured.uncertainty) - float(self.measured.discrimination)

    @cached_property
    def constant_forecasts(self) -> tuple[ConstantForecast, ...]:
        """The forecasts of the slider; the base rate is one of them."""
        # Hundredths, the base rate, and beyond the hundredths where it lies there.
        steps = [round(k / 100, 2) for k in range(round(100 * FIRST_PREDICTED), round(100 * LAST_PREDICTED) + 1)]
        rarer = min(self.rate, 1 - self.rate)
        if 0 < rarer < FIRST_PREDICTED:
            beyond = [float(p) for p in np.geomspace(rarer / 4, FIRST_PREDICTED, 24)[:-1]]
            steps += beyond if self.rate < 0.5 else [1 - p for p in beyond]
        return tuple(self.constant_forecast(p) for p in sorted({*steps, self.rate}))

    def constant_forecast(self, p: float) -> ConstantForecast:
        """Always predicting p."""
        if_positive, if_negative = (float(loss) for loss in surprisal([1, 0], [p, p]))
        return ConstantForecast(
            p, if_positive, if_negative, float(cross_entropy(self.rate, p)), float(kl_divergence(self.rate, p))
        )


@dataclass(frozen=True)
class LessonOfPoints(Lesson):
    """Points on a line, the curve that was fitted to them, and its passes; all in order of x."""

    x: Array
    labels: Array
    model: LogisticModel
    frames: tuple[Frame, ...]

    @property
    def n(self) -> int:
        """How many points."""
        return len(self.x)

    @property
    def proba(self) -> Array:
        """The predicted probability of each point."""
        return self.frames[-1].proba

    @property
    def losses(self) -> Array:
        """The loss of each point, in nats."""
        return self.frames[-1].losses

    @property
    def proba_of_observed(self) -> Array:
        """The predicted probability of the observed class of each point."""
        return np.where(self.labels, self.proba, 1 - self.proba)

    @property
    def worst(self) -> int:
        """Which point has the largest loss."""
        return int(np.argmax(self.losses))

    @cached_property
    def reach(self) -> tuple[float, float]:
        """The part of the line that is shown."""
        low, high = float(self.x.min()), float(self.x.max())
        margin = 0.06 * (high - low) or 1.0
        return low - margin, high + margin

    @cached_property
    def grid(self) -> Array:
        """Places at which curves are drawn."""
        return np.linspace(*self.reach, 97)

    @property
    def out_of_sample(self) -> float:
        """The leave-one-out log loss, in nats; nan if the model has none."""
        return math.nan if self.model.out_of_sample is None else self.model.out_of_sample.log_loss


@dataclass(frozen=True)
class LessonOfGroups(Lesson):
    """The groups of a measurement, however many rows it has."""


def lesson_of_points(
    x: Any, labels: Any, names: Names, *, l2: float, model: LogisticModel | None = None
) -> LessonOfPoints:
    """The lesson of a column of numbers and of labels 0 and 1, by a model of that column or by one that is fitted."""
    x, labels = np.asarray(x, np.float64), np.asarray(labels, np.uint8)
    order = np.argsort(x, kind="stable")
    x, labels = x[order], labels[order]
    if model is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SeparationWarning)
            model = fit(x, labels, l2=l2)
        if model.separation is not None:
            raise DataError(
                f'one cut of "{names.feature}" separates the classes perfectly, so without a penalty no finite curve '
                "is best, and none can be drawn. Pass l2= above 0; 1 is a common choice."
            )
    (slope,) = model.coefficients.values()
    last = frame_of(model.intercept, slope, model.certificate.nats_per_row, x, labels)
    passes = [frame_of(each.intercept, each.coefficients[0], each.bound, x, labels) for each in model.passes[:-1]]
    measured = measure(labels, y_logit=logits_of(model.intercept, slope, x))
    return LessonOfPoints(names, measured, x, labels, model, (*passes, last))


def frame_of(intercept: float, slope: float, bound: float, x: Array, labels: Array) -> Frame:
    """One pass, with the prediction and the loss of each point."""
    logits = logits_of(intercept, slope, x)
    losses = surprisal(labels, y_logit=logits)
    return Frame(intercept, slope, float(np.mean(losses)), bound, expit(logits), losses)


def logits_of(intercept: float, slope: float, x: Array) -> Array:
    """Log-odds of a curve; where both are infinite the slope decides."""
    with np.errstate(invalid="ignore"):
        logits = intercept + slope * x
    return np.where(np.isnan(logits), slope * np.sign(x), logits)


def rounded(value: float, digits: int = 4) -> str:
    """A number in a sentence, to so many significant digits."""
    return written(float(f"{value:.{digits}g}"))


def written(value: float) -> str:
    """A number in its shortest exact form, with a real minus."""
    text = repr(float(value))
    return text.removesuffix(".0").replace("-", "−")
