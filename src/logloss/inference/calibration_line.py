"""Slope and intercept of the labels' log-odds on those of the forecasts, tested against 1 and 0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.answers.estimate import Estimate, Z
from logloss.inference.logistic_line import (
    CONSTANT,
    NEAR,
    Cells,
    Line,
    costs,
    descended,
    finite_cells,
    is_open,
    size_of,
)
from logloss.inference.moments import dot

if TYPE_CHECKING:
    from logloss.inference.score_table import Spread
    from logloss.inference.variance import ErrorOf

# Of a class with a smaller share of all mass the slope would be rounding.
LEAST_SHARE = 1e-12

# What is said where some forecasts are 0 or 1.
APART = "without rows given 0 or 1"


def straightness(spread: Spread, error_of: ErrorOf, reason: str) -> tuple[Estimate, Estimate]:
    """(Slope, intercept) of the labels' log-odds on those of the forecasts, 1 and 0 if these are calibrated.

    Logistic regression with errors that hold whether or not the line is right. Rows given 0 or 1 take no part: where
    they are right they would change nothing. nan, with the reason, where there is no line.
    """
    cells = finite_cells(spread)
    why = _why_no_line(cells)
    if why:
        return Estimate(math.nan, reason=why), Estimate(math.nan, reason=why)
    (slope, intercept), decrement = descended([cells.logit], cells, has_constant=True)
    if not decrement < NEAR:
        why = "the scores nearly separate the labels"
        return Estimate(math.nan, reason=why), Estimate(math.nan, reason=why)
    if reason:
        return Estimate(slope, reason=reason), Estimate(intercept, reason=reason)
    line = Line(slope, slope, intercept)
    with np.errstate(over="ignore", invalid="ignore"):
        errors = [error_of(*values, 0.0)[0] for values in _influences(spread, cells, line)]
    note = "" if _is_all_open(spread) else APART
    return _estimate(slope, errors[0], note), _estimate(intercept, errors[1], note)


def _is_all_open(spread: Spread) -> bool:
    """Whether no forecast is 0 or 1."""
    return bool(is_open(-spread.points.costs(1), spread.points.costs(0)).all())


def _estimate(value: float, error: float, note: str) -> Estimate:
    """A coefficient with its interval, and which rows took no part."""
    if not math.isfinite(error):
        return Estimate(value, reason="the weights are too unequal")
    return Estimate(value, value - Z * error, value + Z * error, note)


def _why_no_line(cells: Cells) -> str:
    """Why no line can be fitted; "" if one can."""
    logit = cells.logit
    of_zeros, of_ones = logit[cells.zeros > 0], logit[cells.ones > 0]
    if not len(of_zeros) or not len(of_ones):
        return "one class" if len(logit) else "every forecast is 0 or 1"
    rarer = min(float(cells.zeros.sum()), float(cells.ones.sum()))
    if rarer < LEAST_SHARE * float(cells.mass.sum()):
        return "the rarer class weighs next to nothing"
    if size_of(logit - dot(cells.mass, logit) / float(cells.mass.sum()), cells.mass) <= CONSTANT * np.abs(logit).max():
        return "all scores are equal"
    if of_zeros.max() <= of_ones.min() or of_ones.max() <= of_zeros.min():
        return "the scores separate the labels"
    return ""


def _influences(spread: Spread, cells: Cells, line: Line) -> list[tuple[Any, Any]]:
    """What a row of 0, and of 1, at each place adds to the slope, and to the intercept, times all mass."""
    centre = dot(cells.mass, cells.logit) / float(cells.mass.sum())
    moved = cells.logit - centre
    scale = float(np.abs(moved).max())
    moved = moved / scale
    said = np.exp(-costs(line.log_odds(cells.log_one, cells.log_zero), 1))
    curvature = cells.mass * said * (1 - said)
    hessian = np.array(
        [[dot(curvature, moved * moved), dot(curvature, moved)], [dot(curvature, moved), float(curvature.sum())]]
    )
    # Singular where all that weighs has one score, or is certain: then no error is known.
    inverse = np.linalg.inv(hessian) if np.linalg.det(hessian) > 0 else np.full((2, 2), math.nan)
    slopes, intercepts = [], []
    for label, points in enumerate((spread.of_zeros, spread.of_ones)):
        log_one, log_zero = -points.costs(1), points.costs(0)
        inside = is_open(log_one, log_zero)
        logit = np.where(inside, log_one + log_zero, centre)
        odds = line.log_odds(logit, np.zeros(len(logit)))
        missed = np.where(inside, -np.expm1(-costs(odds, label)) * (2 * label - 1), 0.0)
        x = (logit - centre) / scale
        of_slope = (inverse[0, 0] * x + inverse[0, 1]) * missed / scale
        of_height = (inverse[1, 0] * x + inverse[1, 1]) * missed
        slopes.append(of_slope)
        intercepts.append(of_height - of_slope * centre)
    return [(slopes[0], slopes[1]), (intercepts[0], intercepts[1])]
