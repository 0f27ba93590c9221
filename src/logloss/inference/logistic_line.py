"""Maps of a score whose log-odds are a·log p − b·log(1 − p) + c, fitted to the labels at each score.

With a = b they are lines in the log-odds of p: a shift (a = b = 1), a temperature (c = 0), Platt's. A fit needs no
rows, only the masses of 0 and of 1 at each place.

>>> import numpy as np
>>> labels = ScoredLabels(np.log([0.2, 0.8]), -np.log([0.8, 0.2]), np.array([0.3, 0.2]), np.array([0.2, 0.3]))
>>> round(fitted(labels, "platt").a, 4)
0.2925

Where scores are in bins, the known mean of the rows in each gives bounds: the loss is convex in log p and log(1 − p),
and monotone in both, so that it is least if all rows of a bin lie at the most favourable place of their mean, and
greatest if they lie at the ends of the bin.

References: Platt (1999), Probabilistic outputs for support vector machines; Kull, Silva Filho and Flach (2017), Beta
calibration, PMLR 54; Cox (1958), doi:10.1093/biomet/45.3-4.562.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from logloss.data.values import Array
from logloss.inference.score_table import ScoreTable, dot
from logloss.onepass.kernels import losses
from logloss.onepass.kernels.newton_steps import newton_steps

# 4 to 20 are the rule; more only where labels are nearly separated, and then CONVERGED says so.
MOST_NEWTON_STEPS = 60
# Where a fit ends before that, the least of the loss is farther off than its decrement says.
CONVERGED = 1e-6
# A column that varies by less than this of its size is constant.
NEGLIGIBLE_VARIATION = 1e-13
# Of a column with outliers the largest deviation is so many times a typical one (as of features: data/design.py); where
# it is cut off, in units of that, to find where to begin.
OUTLIER_RATIO, CLIPPED_AT = 2.0**13, 64.0
# Log-odds whose loss is 0 in the floats.
LOG_ODDS_WITHOUT_COST = 800.0
# Log-odds beyond are as good as infinite: their squares must not be.
AS_GOOD_AS_INFINITE = 1e100
SHIFT, TEMPERATURE, PLATT, BETA = "shift", "temperature", "platt", "beta"


@dataclass(frozen=True)
class ScoredLabels:
    """Masses of 0 and of 1 at places: log_one is log p, log_zero −log(1 − p), both finite, shape (n,)."""

    log_one: Array
    log_zero: Array
    zeros: Array
    ones: Array

    @property
    def mass(self) -> Array:
        """Both masses together."""
        return self.zeros + self.ones

    @property
    def logit(self) -> Array:
        """The log-odds of p."""
        return self.log_one + self.log_zero

    def taken(self, kept: Array) -> ScoredLabels:
        """Some of the places."""
        return ScoredLabels(self.log_one[kept], self.log_zero[kept], self.zeros[kept], self.ones[kept])

    def with_masses(self, zeros: Array, ones: Array) -> ScoredLabels:
        """Other masses at the same places."""
        return replace(self, zeros=zeros, ones=ones)


@dataclass(frozen=True)
class LogOddsMap:
    """A map: its log-odds are a·log p − b·log(1 − p) + c. decrement: what the last step would have gained, twice."""

    a: float = 1.0
    b: float = 1.0
    c: float = 0.0
    decrement: float = 0.0

    def log_odds(self, log_one: Array, log_zero: Array) -> Array:
        """Log-odds at places; a coefficient of 0 takes nothing, also of infinity."""
        total = np.full(np.shape(log_one), self.c)
        for coefficient, column in ((self.a, log_one), (self.b, log_zero)):
            if coefficient != 0:
                total = total + coefficient * column
        return total


def is_inside(log_one: Array, log_zero: Array) -> Array:
    """Whether p is neither 0 nor 1, nor as near as makes no difference."""
    return (log_one > -AS_GOOD_AS_INFINITE) & (log_zero < AS_GOOD_AS_INFINITE)


def labels_inside(table: ScoreTable) -> ScoredLabels:
    """The places of a table where p is neither 0 nor 1; in bins, zeros and ones have each their own place."""
    zeros, ones = table.shares
    if table.is_exact:
        labels = ScoredLabels(-table.if_one, table.if_zero, zeros, ones)
    else:
        none = np.zeros(len(zeros))
        log_one, log_zero = np.concatenate([table.of_zeros.logs, table.of_ones.logs], axis=1)
        labels = ScoredLabels(log_one, log_zero, np.concatenate([zeros, none]), np.concatenate([none, ones]))
    return labels.taken(is_inside(labels.log_one, labels.log_zero) & (labels.mass > 0))


def costs(log_odds: Array, label: int) -> Array:
    """Losses of rows of a label at log-odds, in nats."""
    log_odds = np.ascontiguousarray(log_odds, dtype=np.float64)
    out = np.empty(len(log_odds))
    losses.surprisals(np.full(len(log_odds), label, np.uint8), log_odds, None, log_odds, out)
    return out


def loss_at(labels: ScoredLabels, line: LogOddsMap) -> float:
    """Σ mass·cost of a map, rounded once."""
    log_odds = line.log_odds(labels.log_one, labels.log_zero)
    # Rounded once: sums that are compared with a bound must not drift.
    return math.fsum(labels.zeros * costs(log_odds, 0) + labels.ones * costs(log_odds, 1))


def fitted(labels: ScoredLabels, kind: str, start: LogOddsMap | None = None) -> LogOddsMap:
    """The map of a kind of least loss with a, b ≥ 0, which never decreases.

    kind: SHIFT (c), TEMPERATURE (a = b), PLATT (a = b, and c) or BETA (a, b and c). The best of each face of the bounds
    is computed by Newton's method; as the loss is convex, the best of those inside its bounds is the solution.
    """
    one, zero, both = labels.log_one, labels.log_zero, labels.logit
    if kind == SHIFT:
        (c,), decrement = newton_fit([], labels, offset=both, has_constant=True, start=_of(start, "c"))
        return LogOddsMap(1.0, 1.0, c, decrement)
    if kind == TEMPERATURE:
        # The derivative of the loss at 1 / T = 0: if it does not fall there, it falls nowhere.
        if dot(labels.ones - labels.zeros, both) <= 0:
            return LogOddsMap(0.0, 0.0, 0.0)
        (a,), decrement = newton_fit([both], labels, has_constant=False, start=_of(start, "a"))
        return LogOddsMap(a, a, 0.0, decrement)
    if kind == PLATT:
        (a, c), decrement = newton_fit([both], labels, has_constant=True, start=_of(start, "ac"))
        return LogOddsMap(a, a, c, decrement) if a >= 0 else _constant(labels)
    (a, b, c), decrement = newton_fit([one, zero], labels, has_constant=True, start=_of(start, "abc"))
    if min(a, b) >= 0:
        return LogOddsMap(a, b, c, decrement)
    # Three faces are left. Where one coefficient is negative on its face, the corner belongs to the face.
    faces = [_constant(labels)]
    for column, place in ((one, 0), (zero, 1)):
        (slope, c), decrement = newton_fit([column], labels, has_constant=True)
        if slope >= 0:
            faces.append(LogOddsMap(slope, 0.0, c, decrement) if place == 0 else LogOddsMap(0.0, slope, c, decrement))
    return min(faces, key=lambda line: loss_at(labels, line))


def _of(line: LogOddsMap | None, names: str) -> list[float] | None:
    """Coefficients of a map to start from."""
    return None if line is None else [getattr(line, name) for name in names]


def _constant(labels: ScoredLabels) -> LogOddsMap:
    """The constant map; of one class as good as 0 or 1."""
    zeros, ones = float(labels.zeros.sum()), float(labels.ones.sum())
    if zeros == 0 or ones == 0:
        return LogOddsMap(0.0, 0.0, LOG_ODDS_WITHOUT_COST if zeros == 0 else -LOG_ODDS_WITHOUT_COST)
    return LogOddsMap(0.0, 0.0, math.log(ones) - math.log(zeros))


def newton_fit(
    columns: list[Array],
    labels: ScoredLabels,
    *,
    has_constant: bool,
    offset: Array | None = None,
    start: list[float] | None = None,
) -> tuple[list[float], float]:
    """(Coefficients of the columns, and of the constant last, of least loss; the last decrement), by Newton's method.

    Columns are centred and scaled, so that scores of 1e5 are as good as others. A constant column has coefficient 0.
    Where few scores are far from all others, the others set centre and scale, and the search begins where it would end
    if the few were nearer.
    """
    mass = labels.mass
    scaling = [_centre_and_scale(column, mass, has_constant=has_constant) for column in columns]
    centres, scales = (np.array([each[k] for each in scaling]) for k in (0, 1))
    kept = [j for j, scale in enumerate(scales) if scale > 0]
    design = np.ones((len(kept) + has_constant, len(mass)))
    for row, j in enumerate(kept):
        design[row] = (columns[j] - centres[j]) / scales[j]
    shift, share = np.zeros(len(mass)) if offset is None else offset, labels.ones / mass
    theta = np.zeros(len(design))
    if start is not None:
        theta[: len(kept)] = [start[j] * scales[j] for j in kept]
        if has_constant:
            theta[-1] = start[-1] + sum(start[j] * centres[j] for j in kept)
    if any(is_outlying for _, _, is_outlying in scaling):
        # Only where to begin: the fit itself is to the scores as they are.
        near = theta.copy()
        newton_steps(np.clip(design, -CLIPPED_AT, CLIPPED_AT), shift, share, mass, near, MOST_NEWTON_STEPS)
        theta = min(theta, near, key=lambda each: newton_steps(design, shift, share, mass, each, 0)[0])
    _, decrement = newton_steps(design, shift, share, mass, theta, MOST_NEWTON_STEPS)
    slopes = np.zeros(len(columns))
    slopes[kept] = theta[: len(kept)] / scales[kept]
    coefficients = slopes.tolist()
    if has_constant:
        coefficients.append(float(theta[-1] - slopes @ centres))
    return coefficients, decrement


def _centre_and_scale(column: Array, mass: Array, *, has_constant: bool) -> tuple[float, float, bool]:
    """(Centre, scale, whether a few values lie far from all others) of a column; of a constant one the scale is 0."""
    # Without a constant a shift of the column would be another model.
    centre, middle = 0.0, 0.0
    if has_constant:
        centre, middle = dot(mass, column) / float(mass.sum()), _quantile(column, mass, 0.5)
    deviations = np.abs(column - middle)
    # A lower quartile of what differs: ties at the middle and outliers must not decide what is typical.
    usual = _quantile(deviations[deviations > 0], mass[deviations > 0], 0.25)
    # Squares in its unit must be numbers.
    if OUTLIER_RATIO * usual < deviations.max(initial=0.0) < AS_GOOD_AS_INFINITE * usual:
        return middle, usual, True
    size = root_mean_square(column - centre, mass)
    return centre, size if size > NEGLIGIBLE_VARIATION * float(np.abs(column).max(initial=0.0)) else 0.0, False


def _quantile(values: Array, mass: Array, share: float) -> float:
    """The value below which a share of the mass lies; 0 of none."""
    if not len(values):
        return 0.0
    order = np.argsort(values, kind="stable")
    below = np.cumsum(mass[order])
    return float(values[order][min(int(np.searchsorted(below, share * below[-1])), len(values) - 1)])


def root_mean_square(column: Array, mass: Array) -> float:
    """The root of the mean square of a column."""
    return math.sqrt(dot(mass, column * column) / float(mass.sum()))
