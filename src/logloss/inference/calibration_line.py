"""Calibration slope and intercept: logistic regression of the labels on the log-odds of the predictions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from logloss.answers.estimate import Estimate, SamplingError, with_interval
from logloss.data.values import Array
from logloss.inference.logistic_line import (
    CONVERGED,
    NEGLIGIBLE_VARIATION,
    LogOddsMap,
    ScoredLabels,
    costs,
    is_inside,
    labels_inside,
    newton_fit,
    root_mean_square,
)
from logloss.inference.moments import NEARLY_ONE_CLASS
from logloss.inference.recalibration import Influence
from logloss.inference.score_table import ScoreTable, dot
from logloss.inference.variance import ErrorOf

# Of a class with a smaller share of all mass the slope would be rounding.
LEAST_SHARE = 1e-12

# Of the determinant of the information: below, the rest without a cluster is rounding.
LEAST_LEFT = 1e-9

# The note where some predictions are 0 or 1.
WITHOUT_CERTAIN_ROWS = "rows with prediction 0 or 1 are excluded"


# Influences of rows of 0, and of 1, at each score -> their sum in each cluster.
SumsOfClusters = Callable[[Array, Array], Array]


def calibration_line(
    table: ScoreTable, error_of: ErrorOf, reason: str, sums_of: SumsOfClusters | None = None
) -> tuple[Estimate, Estimate]:
    """Calibration (slope, intercept) with intervals; 1 and 0 if the predictions are calibrated.

    Logistic regression with standard errors that hold whether or not the line is the true curve (sandwich). Rows with
    prediction 0 or 1 are excluded: where they are correct they would change nothing. nan, with the reason, where there
    is no line. sums_of: where rows come in clusters.
    """
    labels = labels_inside(table)
    why = _why_no_line(labels)
    if why:
        return Estimate(math.nan, reason=why), Estimate(math.nan, reason=why)
    (slope, intercept), decrement = newton_fit([labels.logit], labels, has_constant=True)
    # Newton's method does not converge where a steeper line is always a little better.
    if not decrement < CONVERGED:
        why = "the predictions nearly separate the labels"
        return Estimate(math.nan, reason=why), Estimate(math.nan, reason=why)
    if reason:
        return Estimate(slope, reason=reason), Estimate(intercept, reason=reason)
    line = LogOddsMap(slope, slope, intercept)
    scores = _LineScores.of(table, labels, line)
    with np.errstate(over="ignore", invalid="ignore"):
        errors = [error_of(*values, 0.0) for values in scores.influences()]
        if sums_of is not None and all(math.isfinite(each.error) for each in errors):
            changes = scores.changes_by_cluster(sums_of)
            errors = [each._replace(error=math.sqrt(dot(own, own))) for each, own in zip(errors, changes, strict=True)]
    note = "" if _is_all_open(table) else WITHOUT_CERTAIN_ROWS
    return _estimate(slope, errors[0], note), _estimate(intercept, errors[1], note)


def _is_all_open(table: ScoreTable) -> bool:
    """Whether no prediction is 0 or 1."""
    return bool(is_inside(*table.points.logs).all())


def _estimate(value: float, sampling: SamplingError, note: str) -> Estimate:
    """A coefficient with its interval, and which rows are excluded."""
    estimate = with_interval(value, sampling, reason="the weights are too unequal")
    estimate.reason = estimate.reason or note
    return estimate


def _why_no_line(labels: ScoredLabels) -> str:
    """Why no line can be fitted; "" if one can."""
    logit = labels.logit
    of_zeros, of_ones = logit[labels.zeros > 0], logit[labels.ones > 0]
    if not len(of_zeros) or not len(of_ones):
        return "one class" if len(logit) else "every prediction is 0 or 1"
    rarer = min(float(labels.zeros.sum()), float(labels.ones.sum()))
    if rarer < LEAST_SHARE * float(labels.mass.sum()):
        return NEARLY_ONE_CLASS
    if (
        root_mean_square(logit - dot(labels.mass, logit) / float(labels.mass.sum()), labels.mass)
        <= NEGLIGIBLE_VARIATION * np.abs(logit).max()
    ):
        return "all predictions are equal"
    if of_zeros.max() <= of_ones.min() or of_ones.max() <= of_zeros.min():
        return "the predictions separate the labels"
    return ""


@dataclass(frozen=True)
class _LineScores:
    """Score and information of a line: parts of rows of each label at each score, per unit of mass; x: log-odds less
    their centre, in units of their scale, in which the information is."""

    x: tuple[Array, Array]
    missed: tuple[Array, Array]
    curvature: tuple[Array, Array]
    information: Array
    centre: float
    scale: float

    @classmethod
    def of(cls, table: ScoreTable, labels: ScoredLabels, line: LogOddsMap) -> _LineScores:
        """At a line."""
        centre = dot(labels.mass, labels.logit) / float(labels.mass.sum())
        # Centred and scaled as in the fit: of scores near 1e5 the determinant would be rounding.
        moved = labels.logit - centre
        scale = float(np.abs(moved).max())
        moved = moved / scale
        predicted = np.exp(-costs(line.log_odds(labels.log_one, labels.log_zero), 1))
        bent = labels.mass * predicted * (1 - predicted)
        information = np.array([[dot(bent, moved * moved), dot(bent, moved)], [dot(bent, moved), float(bent.sum())]])
        columns: list[tuple[Array, Array, Array]] = []
        for label, points in enumerate((table.of_zeros, table.of_ones)):
            log_one, log_zero = points.logs
            # Rows with prediction 0 or 1 have no part, but keep their place in the arrays.
            inside = is_inside(log_one, log_zero)
            logit = np.where(inside, log_one + log_zero, centre)
            odds = line.log_odds(logit, np.zeros(len(logit)))
            other = -np.expm1(-costs(odds, label))
            missed = np.where(inside, other * (2 * label - 1), 0.0)
            columns.append(((logit - centre) / scale, missed, np.where(inside, other * (1 - other), 0.0)))
        zeros, ones = columns
        return cls((zeros[0], ones[0]), (zeros[1], ones[1]), (zeros[2], ones[2]), information, centre, scale)

    def unscaled(self, of_slope: Array, of_height: Array) -> tuple[Array, Array]:
        """Values of slope and intercept for log-odds without centring and scaling."""
        of_slope = of_slope / self.scale
        return of_slope, of_height - of_slope * self.centre

    def influences(self) -> tuple[Influence, Influence]:
        """Influence of a row of 0, and of 1, at each score on the slope, and on the intercept, times all mass.

        The sandwich: the inverse information times the score of a row; its squares are summed over rows (Huber 1967;
        White 1982, doi:10.2307/1912526).
        """
        # Singular where all mass has one score: then there is no standard error.
        is_regular = np.linalg.det(self.information) > 0
        inverse = np.linalg.inv(self.information) if is_regular else np.full((2, 2), math.nan)
        (of_slope, of_intercept), (other_slope, other_intercept) = (
            self.unscaled((inverse[0, 0] * x + inverse[0, 1]) * missed, (inverse[1, 0] * x + inverse[1, 1]) * missed)
            for x, missed in zip(self.x, self.missed, strict=True)
        )
        return (of_slope, other_slope), (of_intercept, other_intercept)

    def changes_by_cluster(self, sums_of: SumsOfClusters) -> tuple[Array, Array]:
        """Changes of slope and intercept without each cluster in turn, in one Newton step: a cluster may have a larger
        share of the information on the slope than of the rows."""
        score = [sums_of(*(m * x**power for x, m in zip(self.x, self.missed, strict=True))) for power in (1, 0)]
        own = [sums_of(*(c * x**power for x, c in zip(self.x, self.curvature, strict=True))) for power in (2, 1, 0)]
        left = self.information - np.stack([np.stack(own[:2], -1), np.stack(own[1:], -1)], -1)
        # Without a cluster that holds all information on the slope there is none: it counts as in the sandwich.
        is_regular = np.linalg.det(left) > LEAST_LEFT * np.linalg.det(self.information)
        left[~is_regular] = self.information
        of_slope, of_height = np.linalg.solve(left, np.stack(score, -1)[:, :, None])[:, :, 0].T
        return self.unscaled(of_slope, of_height)
