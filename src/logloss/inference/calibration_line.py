"""Slope and intercept of the labels' log-odds on those of the forecasts, tested against 1 and 0."""

from __future__ import annotations

import math

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
from logloss.inference.moments import dot
from logloss.inference.score_table import ScoreTable
from logloss.inference.variance import ErrorOf

# Of a class with a smaller share of all mass the slope would be rounding.
LEAST_SHARE = 1e-12

# What is said where some forecasts are 0 or 1.
WITHOUT_CERTAIN_ROWS = "without rows given 0 or 1"


def calibration_line(table: ScoreTable, error_of: ErrorOf, reason: str) -> tuple[Estimate, Estimate]:
    """(Slope, intercept) of the labels' log-odds on those of the forecasts, 1 and 0 if these are calibrated.

    Logistic regression with errors that hold whether or not the line is right. Rows given 0 or 1 take no part: where
    they are right they would change nothing. nan, with the reason, where there is no line.
    """
    labels = labels_inside(table)
    why = _why_no_line(labels)
    if why:
        return Estimate(math.nan, reason=why), Estimate(math.nan, reason=why)
    (slope, intercept), decrement = newton_fit([labels.logit], labels, has_constant=True)
    # Newton's steps go on for ever where a steeper line is always a little better.
    if not decrement < CONVERGED:
        why = "the scores nearly separate the labels"
        return Estimate(math.nan, reason=why), Estimate(math.nan, reason=why)
    if reason:
        return Estimate(slope, reason=reason), Estimate(intercept, reason=reason)
    line = LogOddsMap(slope, slope, intercept)
    with np.errstate(over="ignore", invalid="ignore"):
        errors = [error_of(*values, 0.0) for values in _influences(table, labels, line)]
    note = "" if _is_all_open(table) else WITHOUT_CERTAIN_ROWS
    return _estimate(slope, errors[0], note), _estimate(intercept, errors[1], note)


def _is_all_open(table: ScoreTable) -> bool:
    """Whether no forecast is 0 or 1."""
    return bool(is_inside(*table.points.logs).all())


def _estimate(value: float, sampling: SamplingError, note: str) -> Estimate:
    """A coefficient with its interval, and which rows took no part."""
    found = with_interval(value, sampling, reason="the weights are too unequal")
    found.reason = found.reason or note
    return found


def _why_no_line(labels: ScoredLabels) -> str:
    """Why no line can be fitted; "" if one can."""
    logit = labels.logit
    of_zeros, of_ones = logit[labels.zeros > 0], logit[labels.ones > 0]
    if not len(of_zeros) or not len(of_ones):
        return "one class" if len(logit) else "every forecast is 0 or 1"
    rarer = min(float(labels.zeros.sum()), float(labels.ones.sum()))
    if rarer < LEAST_SHARE * float(labels.mass.sum()):
        return "the rarer class weighs next to nothing"
    if (
        root_mean_square(logit - dot(labels.mass, logit) / float(labels.mass.sum()), labels.mass)
        <= NEGLIGIBLE_VARIATION * np.abs(logit).max()
    ):
        return "all scores are equal"
    if of_zeros.max() <= of_ones.min() or of_ones.max() <= of_zeros.min():
        return "the scores separate the labels"
    return ""


def _influences(table: ScoreTable, labels: ScoredLabels, line: LogOddsMap) -> list[tuple[Array, Array]]:
    """What a row of 0, and of 1, at each place adds to the slope, and to the intercept, times all mass."""
    centre = dot(labels.mass, labels.logit) / float(labels.mass.sum())
    # Centred and scaled as in the fit: of scores near 1e5 the determinant would be rounding.
    moved = labels.logit - centre
    scale = float(np.abs(moved).max())
    moved = moved / scale
    said = np.exp(-costs(line.log_odds(labels.log_one, labels.log_zero), 1))
    curvature = labels.mass * said * (1 - said)
    hessian = np.array(
        [[dot(curvature, moved * moved), dot(curvature, moved)], [dot(curvature, moved), float(curvature.sum())]]
    )
    # Singular where all that weighs has one score, or is certain: then no error is known.
    inverse = np.linalg.inv(hessian) if np.linalg.det(hessian) > 0 else np.full((2, 2), math.nan)
    slopes, intercepts = [], []
    for label, points in enumerate((table.of_zeros, table.of_ones)):
        log_one, log_zero = points.logs
        # Rows given 0 or 1 add nothing, but keep their place in the arrays.
        inside = is_inside(log_one, log_zero)
        logit = np.where(inside, log_one + log_zero, centre)
        odds = line.log_odds(logit, np.zeros(len(logit)))
        missed = np.where(inside, -np.expm1(-costs(odds, label)) * (2 * label - 1), 0.0)
        x = (logit - centre) / scale
        # The sandwich: the inverse Hessian times the score of a row; its squares are added up by rows or clusters
        # (Huber 1967; White 1982, doi:10.2307/1912526).
        of_slope = (inverse[0, 0] * x + inverse[0, 1]) * missed / scale
        of_height = (inverse[1, 0] * x + inverse[1, 1]) * missed
        slopes.append(of_slope)
        intercepts.append(of_height - of_slope * centre)
    return [(slopes[0], slopes[1]), (intercepts[0], intercepts[1])]
