"""P(1) as a smooth function of the predicted log-odds: logistic regression on a restricted cubic spline.

The spline is linear beyond its outer knots and has the log-odds themselves among its columns. So the expected loss of
the rows that it is fitted to is their observed loss, exactly: log loss is linear in the label, with the log-odds as its
slope, and at the maximum of the likelihood the residuals are orthogonal to every column.

>>> import numpy as np
>>> import logloss
>>> from logloss.inference.score_table import score_table_of
>>> y, p = [1, 0, 1, 0, 1, 0, 1] * 40, [0.8, 0.4, 0.6, 0.3, 0.4, 0.8, 0.3] * 40
>>> spline = CalibrationSpline.of(score_table_of(logloss.measure(y, p).summary.scores), n_rarer=120)
>>> expit(spline.log_odds(np.array([-0.4, 1.4]))).round(2).tolist()
[0.56, 0.61]

Reference: Harrell (2015), Regression Modeling Strategies, section 2.4.5; Austin and Steyerberg (2014),
doi:10.1002/sim.5941.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logloss.answers.estimate import expit
from logloss.data.values import Array
from logloss.inference.logistic_line import (
    CONVERGED,
    MOST_NEWTON_STEPS,
    NEGLIGIBLE_VARIATION,
    is_inside,
    labels_inside,
)
from logloss.inference.recalibration import Influence
from logloss.inference.score_table import ScoreTable, dot
from logloss.onepass.kernels.newton_steps import newton_steps

# Knots at these shares of the information, as many as the rows of the rarer class allow.
KNOTS = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
# Rows of the rarer class for each column beyond the line.
ROWS_PER_COLUMN = 20
# A row with a leverage nearer to 1 has the residual of one at this.
LARGEST_LEVERAGE = 0.9
# Columns that depend on each other by more are those of fewer knots.
LARGEST_CONDITION = 1e8


@dataclass(frozen=True)
class CalibrationSpline:
    """coefficients: of the columns of `design`; inverse: of their information per unit of mass; knots: in units of
    scale from the centre, empty for a line; to_columns: makes columns that are orthonormal over the labelled rows."""

    coefficients: Array
    inverse: Array
    knots: Array
    to_columns: Array
    centre: float
    scale: float

    @classmethod
    def of(cls, table: ScoreTable, n_rarer: float) -> CalibrationSpline | None:
        """The spline of a table; None where the predictions separate the labels. n_rarer: rows of the rarer class."""
        labels = labels_inside(table)
        if not (labels.zeros > 0).any() or not (labels.ones > 0).any():
            return None
        z, mass = labels.logit, labels.mass / float(labels.mass.sum())
        of_zeros, of_ones = z[labels.zeros > 0], z[labels.ones > 0]
        is_separated = of_zeros.max() <= of_ones.min() or of_ones.max() <= of_zeros.min()
        if is_separated and z.min() < z.max():
            return None
        centre = dot(mass, z)
        scale = math.sqrt(dot(mass, (z - centre) ** 2))
        if scale <= NEGLIGIBLE_VARIATION * float(np.abs(z).max()):
            scale = 0.0
        moved = (z - centre) / (scale or 1.0)
        proba = expit(z)
        # Half as many as there are scores, at most: between two knots there is one at least.
        most = min(n_rarer / ROWS_PER_COLUMN + 1, len(np.unique(z)) / 2)
        numbers = [k for k in sorted(KNOTS, reverse=True) if k <= most]
        tried = [knots_at(moved, mass * proba * (1 - proba), KNOTS[k]) for k in numbers]
        for knots in [*filter(_are_apart, tried), np.zeros(0)]:
            columns = basis(moved, knots) if scale else np.ones((len(z), 1))
            _, triangle = np.linalg.qr(columns * np.sqrt(mass)[:, None])
            if np.linalg.cond(triangle) > LARGEST_CONDITION:
                continue
            to_columns = np.linalg.inv(triangle)
            design = np.ascontiguousarray((columns @ to_columns).T)
            coefficients = np.zeros(len(design))
            share = labels.ones / labels.mass
            _, decrement = newton_steps(design, np.zeros(len(z)), share, mass, coefficients, MOST_NEWTON_STEPS)
            fitted = expit(coefficients @ design)
            information = (design * (mass * fitted * (1 - fitted))) @ design.T
            # Where the columns nearly separate the labels, fewer of them may not.
            if decrement < CONVERGED and np.linalg.cond(information) < LARGEST_CONDITION:
                return cls(coefficients, np.linalg.inv(information), knots, to_columns, centre, scale)
        return None

    def design(self, z: Array) -> Array:
        """The columns at log-odds, shape (n, n_columns)."""
        if not self.scale:
            return np.ones((len(z), 1)) * self.to_columns
        return np.asarray(basis((z - self.centre) / self.scale, self.knots) @ self.to_columns)

    def log_odds(self, z: Array) -> Array:
        """The log-odds of P(1) at predicted log-odds."""
        return np.asarray(self.design(z) @ self.coefficients)

    def contributions(self, table: ScoreTable) -> tuple[Array, Array]:
        """What a labelled row of 0, and of 1, at each score contributes to the coefficients, times all mass, shape
        (n_places, n_columns): inverse · column · residual / (1 − leverage), as HC3 (MacKinnon and White 1985)."""
        mass = table.places_alone.mass
        # The share of a row; where weights differ, of a typical one.
        of_row = np.divide(table.squares_of_rows, mass, out=np.zeros(len(mass)), where=mass > 0)
        found = []
        for label, points in enumerate((table.of_zeros, table.of_ones)):
            logs = points.logs
            inside = is_inside(*logs)
            design = self.design(np.where(inside, sum(logs), self.centre))
            fitted = expit(design @ self.coefficients)
            directions = design @ self.inverse
            leverage = of_row * fitted * (1 - fitted) * np.einsum("ij,ij->i", directions, design)
            left = 1 - np.minimum(leverage, LARGEST_LEVERAGE)
            found.append(directions * np.where(inside, (label - fitted) / left, 0.0)[:, None])
        return found[0], found[1]

    def noise(self, table: ScoreTable) -> Influence:
        """What the label of a row of 0, and of 1, at each score adds to its loss beyond what the curve expects."""
        found = []
        for label, points in enumerate((table.of_zeros, table.of_ones)):
            logs = points.logs
            z = np.where(is_inside(*logs), sum(logs), 0.0)
            found.append((expit(self.log_odds(z)) - label) * z)
        return found[0], found[1]


def basis(z: Array, knots: Array) -> Array:
    """1, z and the bent columns of a restricted cubic spline, shape (n, n_knots); just 1 and z without knots."""
    columns = [np.ones(len(z)), z]
    if len(knots):
        last, before = knots[-1], knots[-2]

        def cubed(knot: float) -> Array:
            beyond = np.maximum(z - knot, 0.0)
            return np.asarray(beyond * beyond * beyond)

        for knot in knots[:-2]:
            bent = cubed(knot) - (cubed(before) * (last - knot) - cubed(last) * (before - knot)) / (last - before)
            columns.append(bent / (last - knots[0]) ** 2)
    return np.stack(columns, axis=1)


def knots_at(z: Array, information: Array, shares: tuple[float, ...]) -> Array:
    """Places below which these shares of the information lie."""
    order = np.argsort(z, kind="stable")
    below = np.cumsum(information[order])
    at = np.searchsorted(below, np.array(shares) * below[-1])
    return np.asarray(z[order][np.minimum(at, len(z) - 1)])


def _are_apart(knots: Array) -> bool:
    """Whether no two knots are nearly one."""
    return bool((np.diff(knots) > 1e-3 * (knots[-1] - knots[0])).all())
