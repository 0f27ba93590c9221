"""Figures of one period of a run: its loss and the parts of it, and three statistics whose change is looked for.

The reference periods give a map from predictions to probabilities (beta calibration). Given the predictions of a
period, and while nothing changes, labels y then have the expectation q(p), whatever the mix of predictions is:

- shift: Σ w(y − q) / Σ w·q(1 − q), by how much the log-odds are higher than in the reference, in one Newton step;
- slope: Σ w(y − q)·g / Σ w·q(1 − q)·g², g = logit p less its mean in the reference: by how much their slope is steeper;
- loss: the mean loss, which also changes with the mix of predictions.

The loss less its expectation given the predictions is a sum of the first two: Σ w(y − q)·(−logit p).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from logloss.answers.estimate import Estimate, expit
from logloss.data.values import Array
from logloss.inference.logistic_line import BETA, LogOddsMap, fitted, labels_inside
from logloss.inference.moments import Moments, effective_count, moments_of
from logloss.inference.recalibration import Recalibration
from logloss.inference.score_table import dot, score_table_of
from logloss.inference.variance import figures_of
from logloss.measurement import SummaryRecord

STATISTICS = ("shift", "slope", "loss")
# Expected rows of the rarer class from which a mean of labels is nearly normal: as for intervals (docs/inference.md).
FEWEST_OF_RARER_CLASS = 20


class Statistic(NamedTuple):
    """A figure of a period, and its precision: the inverse of its variance if rows are independent."""

    value: float
    precision: float


@dataclass(frozen=True, slots=True)
class Reference:
    """What the reference periods tell: the map to probabilities, the middle of the log-odds, the variance of a loss."""

    line: LogOddsMap
    middle: float
    variance: float
    why_not: str

    @classmethod
    def of(cls, record: SummaryRecord) -> Reference:
        """Of all reference periods as one."""
        table = score_table_of(record.summary.scores)
        moments, labels = moments_of(record.summary, table), labels_inside(table)
        number, name = moments.effective_of_rarer_class
        variance = moments.sampling_error("c").error ** 2 * moments.effective_rows
        if number < FEWEST_OF_RARER_CLASS:
            why = f"the reference periods have {effective_count(number)} {name}"
            return cls(LogOddsMap(), 0.0, variance, f"{why}; {FEWEST_OF_RARER_CLASS} are needed")
        if not len(labels.mass):
            return cls(LogOddsMap(), 0.0, variance, "every prediction of the reference periods is 0 or 1")
        line = fitted(labels, BETA)
        q = expit(line.log_odds(labels.log_one, labels.log_zero))
        curvature = labels.mass * q * (1 - q)
        total = float(curvature.sum())
        if not total > 0:
            return cls(line, 0.0, variance, "the predictions of the reference periods separate the labels")
        return cls(line, dot(curvature, labels.logit) / total, variance, "")


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """One period. expected_*: given its predictions and the map of the reference; rarer: expected effective rows of the
    rarer class; share_unlabelled: of all its rows, nan where not known."""

    n_rows: int
    n_infinite: int
    share_unlabelled: float
    log_loss: Estimate
    uncertainty: float
    discrimination: float
    miscalibration: float
    base_rate: float
    mean_proba: float
    expected_base_rate: float
    expected_log_loss: float
    rarer: float
    statistics: dict[str, Statistic]

    @classmethod
    def of(cls, record: SummaryRecord, reference: Reference) -> PeriodFigures:
        """Of the summary of a period."""
        summary = record.summary
        table = score_table_of(summary.scores)
        # With clusters the interval of the loss counts them.
        (moments, _), isotonic = figures_of(summary, table), Recalibration(table)
        loss, labels = moments.log_loss(), labels_inside(table)
        q = expit(reference.line.log_odds(labels.log_one, labels.log_zero))
        # Rows that are certain have the same label, or an infinite loss: they are counted.
        mass, residual = labels.mass, labels.ones - labels.mass * q
        curvature, centred = mass * q * (1 - q), labels.logit - reference.middle
        n_rows = moments.effective_rows
        statistics = {
            "shift": _score(residual, curvature, np.ones(len(q)), n_rows),
            "slope": _score(residual, curvature, centred, n_rows),
            "loss": _mean_loss(moments, reference.variance),
        }
        expected = dot(mass, q * -labels.log_one + (1 - q) * labels.log_zero)
        n_unlabelled = None if summary.unlabelled is None else summary.unlabelled.n_rows
        return cls(
            n_rows=summary.n_rows,
            n_infinite=summary.n_infinite,
            share_unlabelled=math.nan if n_unlabelled is None else n_unlabelled / (n_unlabelled + summary.n_rows),
            log_loss=loss,
            uncertainty=isotonic.uncertainty,
            discrimination=isotonic.uncertainty - isotonic.log_loss,
            miscalibration=loss - isotonic.log_loss,
            base_rate=moments.quotient("a"),
            mean_proba=moments.quotient("p"),
            expected_base_rate=dot(mass, q) / float(mass.sum()) if len(q) else math.nan,
            expected_log_loss=expected / float(mass.sum()) if len(q) else math.nan,
            rarer=n_rows * min(dot(mass, q), dot(mass, 1 - q)),
            statistics=statistics,
        )


def _score(residual: Array, curvature: Array, column: Array, n_rows: float) -> Statistic:
    """One Newton step along a column, and its precision."""
    information = dot(curvature, column * column)
    return Statistic(dot(residual, column) / information if information > 0 else 0.0, n_rows * information)


def _mean_loss(moments: Moments, variance: float) -> Statistic:
    """The mean loss of rows whose loss is finite; its precision with the variance of a row of the reference."""
    loss = moments.loss_where_finite()
    is_known = math.isfinite(loss) and variance > 0
    return Statistic(loss if is_known else 0.0, moments.effective_rows / variance if is_known else 0.0)
