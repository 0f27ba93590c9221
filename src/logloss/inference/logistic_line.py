"""Maps of a score whose log-odds are a·log p − b·log(1 − p) + c, fitted to labels that are spread over places.

With a = b they are lines in the log-odds of p: a shift (a = b = 1), a temperature (c = 0), Platt's. A fit needs no
rows, only the masses of 0 and of 1 at each place.

>>> import numpy as np
>>> cells = Cells(np.log([0.2, 0.8]), -np.log([0.8, 0.2]), np.array([0.3, 0.2]), np.array([0.2, 0.3]))
>>> round(fitted(cells, "line").a, 4)
0.2925

Where places are bins, what is certain of the mean of their rows gives bounds: the cost is convex in log p and
log(1 − p), and falls, or rises, in both, so that it is least if all rows of a bin lie at the kindest place that their
mean can have, and greatest if they lie at the ends of the bin.

References: Platt (1999), Probabilistic outputs for support vector machines; Kull, Silva Filho and Flach (2017), Beta
calibration, PMLR 54; Cox (1958), doi:10.1093/biomet/45.3-4.562.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.inference.moments import dot

if TYPE_CHECKING:
    from logloss.inference.score_table import Spread


MOST_STEPS = 60
# Newton's step is expected to gain half of it: below, nothing is left but rounding.
LEAST_DECREMENT = 1e-24
# Where a fit ends before that, the least of the loss is farther off than its decrement says.
NEAR = 1e-6
# A column that varies by less than this of its size is constant.
CONSTANT = 1e-13
# Of a column with outliers the largest deviation is so many times a typical one (as of features: data/design.py); where
# it is cut off, in units of that, to find where to begin.
OUTLYING, NEARBY = 2.0**13, 64.0
# Log-odds at which nothing is left of a cost in the floats.
SURE = 800.0
# Log-odds beyond are as good as infinite: their squares must not be.
CERTAIN = 1e100
# What the rounding of a sum of some 100,000 costs can be, over the sum.
ROUNDING = 1e-14
SHIFT, TEMPERATURE, LINE, BETA = "shift", "temperature", "line", "beta"


@dataclass(frozen=True)
class Cells:
    """Masses of 0 and of 1 at places: log_one is log p, log_zero −log(1 − p), both finite, shape (n,)."""

    log_one: Any
    log_zero: Any
    zeros: Any
    ones: Any

    @property
    def mass(self) -> Any:
        """Both masses together."""
        return self.zeros + self.ones

    @property
    def logit(self) -> Any:
        """The log-odds of p."""
        return self.log_one + self.log_zero

    def taken(self, kept: Any) -> Cells:
        """Some of the places."""
        return Cells(self.log_one[kept], self.log_zero[kept], self.zeros[kept], self.ones[kept])

    def with_masses(self, zeros: Any, ones: Any) -> Cells:
        """Other masses at the same places."""
        return replace(self, zeros=zeros, ones=ones)


@dataclass(frozen=True)
class Line:
    """A map: its log-odds are a·log p − b·log(1 − p) + c. decrement: what the last step would have gained, twice."""

    a: float = 1.0
    b: float = 1.0
    c: float = 0.0
    decrement: float = 0.0

    def log_odds(self, log_one: Any, log_zero: Any) -> Any:
        """Log-odds at places; a coefficient of 0 takes nothing, also of infinity."""
        found = np.full(np.shape(log_one), self.c)
        for coefficient, column in ((self.a, log_one), (self.b, log_zero)):
            if coefficient != 0:
                found = found + coefficient * column
        return found


def is_open(log_one: Any, log_zero: Any) -> Any:
    """Whether p is neither 0 nor 1, nor so near that no map could tell."""
    return (log_one > -CERTAIN) & (log_zero < CERTAIN)


def finite_cells(spread: Spread) -> Cells:
    """The places of a spread where p is neither 0 nor 1; in bins, zeros and ones have each their own place."""
    zeros, ones = spread.shares
    if spread.is_exact:
        cells = Cells(-spread.if_one, spread.if_zero, zeros, ones)
    else:
        none = np.zeros(len(zeros))
        sides = spread.of_zeros, spread.of_ones
        log_one = np.concatenate([-side.costs(1) for side in sides])
        log_zero = np.concatenate([side.costs(0) for side in sides])
        cells = Cells(log_one, log_zero, np.concatenate([zeros, none]), np.concatenate([none, ones]))
    return cells.taken(is_open(cells.log_one, cells.log_zero) & (cells.mass > 0))


def costs(log_odds: Any, label: int) -> Any:
    """What rows of a label cost at log-odds, in nats."""
    from logloss.onepass.kernels import losses

    log_odds = np.ascontiguousarray(log_odds, dtype=np.float64)
    out = np.empty(len(log_odds))
    losses.surprisals(np.full(len(log_odds), label, np.uint8), log_odds, None, log_odds, out)
    return out


def loss_at(cells: Cells, line: Line) -> float:
    """Σ mass·cost of a map, rounded once."""
    log_odds = line.log_odds(cells.log_one, cells.log_zero)
    return summed(cells.zeros * costs(log_odds, 0) + cells.ones * costs(log_odds, 1))


def summed(values: Any) -> float:
    """The sum of values, rounded once: sums that are compared with a bound must not drift."""
    return math.fsum(values.tolist())


def fitted(cells: Cells, kind: str, start: Line | None = None) -> Line:
    """The map of a kind that costs least with a, b ≥ 0, which never decreases.

    kind: SHIFT (c), TEMPERATURE (a = b), LINE (a = b, and c) or BETA (a, b and c). The best of each face of the bounds
    is found by Newton's method; as the loss is convex, the first one inside its bounds that no other beats is it.
    """
    one, zero, both = cells.log_one, cells.log_zero, cells.logit
    if kind == SHIFT:
        (c,), decrement = descended([], cells, offset=both, has_constant=True, start=_of(start, "c"))
        return Line(1.0, 1.0, c, decrement)
    if kind == TEMPERATURE:
        # The derivative of the loss at 1 / T = 0: if it does not fall there, it falls nowhere.
        if dot(cells.ones - cells.zeros, both) <= 0:
            return Line(0.0, 0.0, 0.0)
        (a,), decrement = descended([both], cells, has_constant=False, start=_of(start, "a"))
        return Line(a, a, 0.0, decrement)
    if kind == LINE:
        (a, c), decrement = descended([both], cells, has_constant=True, start=_of(start, "ac"))
        return Line(a, a, c, decrement) if a >= 0 else _constant(cells)
    (a, b, c), decrement = descended([one, zero], cells, has_constant=True, start=_of(start, "abc"))
    if min(a, b) >= 0:
        return Line(a, b, c, decrement)
    # Three faces are left. Where one coefficient is negative on its face, the corner belongs to the face.
    faces = [_constant(cells)]
    for column, place in ((one, 0), (zero, 1)):
        (slope, c), decrement = descended([column], cells, has_constant=True)
        if slope >= 0:
            faces.append(Line(slope, 0.0, c, decrement) if place == 0 else Line(0.0, slope, c, decrement))
    return min(faces, key=lambda line: loss_at(cells, line))


def _of(line: Line | None, names: str) -> list[float] | None:
    """Coefficients of a map to start from."""
    return None if line is None else [getattr(line, name) for name in names]


def _constant(cells: Cells) -> Line:
    """The map that says one thing to all; of one class as good as 0 or 1."""
    zeros, ones = float(cells.zeros.sum()), float(cells.ones.sum())
    if zeros == 0 or ones == 0:
        return Line(0.0, 0.0, SURE if zeros == 0 else -SURE)
    return Line(0.0, 0.0, math.log(ones) - math.log(zeros))


def descended(
    columns: list[Any],
    cells: Cells,
    *,
    has_constant: bool,
    offset: Any = None,
    start: list[float] | None = None,
) -> tuple[list[float], float]:
    """(Coefficients of the columns, and of the constant last, that cost least; the last decrement), by Newton's method.

    Columns are centred and scaled, so that scores of 1e5 are as good as others. A constant column has coefficient 0.
    Where few scores are far from all others, the others set centre and scale, and the search begins where it would end
    if the few were nearer.
    """
    mass, n_columns = cells.mass, len(columns)
    total = float(mass.sum())
    centres, scales, kept = np.zeros(n_columns), np.ones(n_columns), []
    design = []
    is_wide = False
    for j, column in enumerate(columns):
        centres[j] = dot(mass, column) / total if has_constant else 0.0
        moved = column - centres[j]
        size = size_of(moved, mass)
        middle = _quantile(column, mass, 0.5) if has_constant else 0.0
        deviations = np.abs(column - middle)
        usual = _quantile(deviations[deviations > 0], mass[deviations > 0], 0.25)
        # Squares in its unit must be numbers.
        is_outlying = bool(OUTLYING * usual < deviations.max(initial=0.0) < CERTAIN * usual)
        if is_outlying:
            centres[j], moved, size, is_wide = middle, column - middle, usual, True
        if is_outlying or size > CONSTANT * float(np.abs(column).max(initial=0.0)):
            scales[j] = size
            kept.append(j)
            design.append(moved / size)
    if has_constant:
        design.append(np.ones(len(mass)))
    shift = np.zeros(len(mass)) if offset is None else offset
    first = np.zeros(len(design))
    if start is not None:
        first[: len(kept)] = [start[j] * scales[j] for j in kept]
        if has_constant:
            first[-1] = start[-1] + sum(start[j] * centres[j] for j in kept)
    if is_wide:
        near, _ = _newton([np.clip(each, -NEARBY, NEARBY) for each in design], shift, cells.ones / mass, mass, first)
        if (
            _pass(design, shift, cells.ones / mass, mass, near)[0]
            < _pass(design, shift, cells.ones / mass, mass, first)[0]
        ):
            first = near
    theta, decrement = _newton(design, shift, cells.ones / mass, mass, first)
    found = np.zeros(n_columns)
    found[kept] = theta[: len(kept)] / scales[kept]
    coefficients = found.tolist()
    if has_constant:
        coefficients.append(float(theta[-1] - found @ centres))
    return coefficients, decrement


def _quantile(values: Any, mass: Any, share: float) -> float:
    """The value below which a share of the mass lies; 0 of none."""
    if not len(values):
        return 0.0
    order = np.argsort(values, kind="stable")
    below = np.cumsum(mass[order])
    return float(values[order][min(int(np.searchsorted(below, share * below[-1])), len(values) - 1)])


def size_of(column: Any, mass: Any) -> float:
    """The root of the mean square of a column."""
    return math.sqrt(dot(mass, column * column) / float(mass.sum()))


def _newton(design: list[Any], offset: Any, share: Any, mass: Any, theta: Any) -> tuple[Any, float]:
    """(Where Σ mass·cost(share, offset + design·theta) is least, the last decrement), with steps halved that go up."""
    loss, residuals, curvatures = _pass(design, offset, share, mass, theta)
    decrement = math.inf
    for _ in range(MOST_STEPS):
        gradient = np.array([dot(residuals, column) for column in design])
        bent = [curvatures * column for column in design]
        hessian = np.array([[dot(one, other) for other in design] for one in bent])
        step = np.linalg.lstsq(hessian, gradient, rcond=None)[0] if design else gradient
        decrement = float(gradient @ step)
        if not decrement > max(LEAST_DECREMENT, ROUNDING * ROUNDING * loss):
            break
        size = 1.0
        while size > 1e-9:
            at = theta - size * step
            tried = _pass(design, offset, share, mass, at)
            # Beside a loss whose last digits are rounding, a step so small is judged by its direction only.
            if tried[0] <= loss - 1e-4 * size * decrement + ROUNDING * loss:
                break
            size /= 2
        else:
            break
        is_done = tried[0] >= loss and decrement < ROUNDING * loss
        theta, (loss, residuals, curvatures) = at, tried
        if is_done:
            break
    return theta, max(decrement, 0.0)


def _pass(design: list[Any], offset: Any, share: Any, mass: Any, theta: Any) -> tuple[float, Any, Any]:
    """(Loss, its derivatives by the log-odds of each place, its second ones)."""
    from logloss.onepass.kernels import exact, logistic_loss

    log_odds = offset
    for column, coefficient in zip(design, theta, strict=True):
        log_odds = log_odds + coefficient * column
    residuals, curvatures = np.empty(len(mass)), np.empty(len(mass))
    limbs = exact.new_limbs(1)
    logistic_loss.logistic_rows(share, log_odds, mass, None, residuals, curvatures, limbs)
    return exact.rounded(exact.as_integer(limbs[0]), 1), residuals, curvatures
