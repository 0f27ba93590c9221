"""A shift and a slope of the log-odds for each group, as random effects.

A row of group g whose log-odds are η gets η + u_g + v_g·(η − c), with u_g ~ N(0, 1 / λ₁), v_g ~ N(0, 1 / λ₂): λ is a
precision, and 1 + v_g the slope. The λ are those of the greatest marginal likelihood, by Laplace's approximation: with
ℓ_g the log likelihood of the rows of a group and H_g its negative Hessian, both at the mode b_g = (u_g, v_g),

    Σ_g  ℓ_g(b_g) − ½ b_gᵀΛb_g + ½ log|Λ| − ½ log|H_g + Λ|.

Its gradient in log λ contains that of H_g, by way of the mode. Groups have two coefficients each and share nothing but
λ, so that a step of Newton's method solves as many systems of two equations.

References
----------
Tierney, L. & Kadane, J. B. (1986). Accurate approximations for posterior moments and marginal densities. Journal of the
American Statistical Association 81(393), 82-86. doi:10.1080/01621459.1986.10478240
Breslow, N. E. & Clayton, D. G. (1993). Approximate inference in generalized linear mixed models. Journal of the
American Statistical Association 88(421), 9-25. doi:10.1080/01621459.1993.10594284

>>> labels, groups = np.array([0, 1, 0, 1], np.uint8), np.array([0, 0, 1, 1])
>>> rows = GroupRows(np.zeros(4), np.array([1.0, 9.0, 9.0, 1.0]), labels, groups, 2)
>>> fitted_effects(rows).shift.round(2).tolist()
[1.84, -1.84]
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from logloss.answers.estimate import expit
from logloss.data.values import Array
from logloss.onepass.kernels import losses

# Between LEAST and MOST lie precisions; at MOST no group differs from the others. FIRST: where the search begins.
LEAST, FIRST, MOST = 1e-4, 4.0, 1e6
# Steps of Newton's method at most; they end where the next one would gain less than this of a nat in every group.
MOST_STEPS, LITTLE_GAIN, LITTLE_GAIN_OF_SEARCH = 60, 1e-10, 1e-7
# Halvings of a step that gains nothing, before it is given up.
MOST_HALVINGS = 30
# The search for the precisions ends where a step gains less than this, in nats of the marginal likelihood.
LITTLE_EVIDENCE = 1e-4
# A slope is never below 0: no map of a group turns its scores around.
LEAST_SLOPE = 0.0


@dataclass(frozen=True, eq=False)
class GroupRows:
    """Rows that are alike: log-odds, how many there are, their label (0 or 1, uint8), the number of their group; one
    of each, shape (n,). centre: c, where the effect of the slope is 0."""

    log_odds: Array
    masses: Array
    labels: Array
    groups: Array
    n_groups: int
    centre: float = 0.0

    @cached_property
    def distance(self) -> Array:
        """η − c of each."""
        return self.log_odds - self.centre

    def sums(self, values: Array) -> Array:
        """The sum of the values of each group, shape (n_groups,)."""
        return np.bincount(self.groups, values, self.n_groups)


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects at some precisions, one of each group: shift u, slope 1 + v, their covariance (n_groups, 2, 2), and the
    effective degrees of freedom of both together; precisions: λ, inf where no group has the effect; evidence: the log
    marginal likelihood above that without effects, in nats."""

    shift: Array
    slope: Array
    covariance: Array
    degrees: Array
    precisions: tuple[float, float]
    evidence: float
    centre: float

    @property
    def is_any(self) -> bool:
        """Whether groups differ at all."""
        return not all(map(math.isinf, self.precisions))

    def log_odds(self, log_odds: Array, groups: Array) -> Array:
        """The log-odds of rows of these groups; of a number below 0 as they are."""
        return moved(log_odds, self.shift, self.slope, self.centre, groups)


def moved(log_odds: Array, shift: Array, slope: Array, centre: float, groups: Array) -> Array:
    """η + u + v·(η − c), with u and v of each row's group; η where the number of the group is −1, or η infinite."""
    of_each = np.maximum(groups, 0)
    has_effect = (groups >= 0) & np.isfinite(log_odds)
    finite = np.where(has_effect, log_odds, 0.0)
    return np.where(has_effect, finite + shift[of_each] + (slope[of_each] - 1) * (finite - centre), log_odds)


def centre_of(log_odds: Array, masses: Array) -> float:
    """The mean of the log-odds by the curvature of the loss, p·(1 − p): there shift and slope are about independent."""
    p = expit(log_odds)
    weight = masses * p * (1 - p)
    total = float(weight.sum())
    return float((weight * log_odds).sum()) / total if total > 0 else 0.0


def fitted_effects(
    rows: GroupRows, precisions: tuple[float, float] | None = None, start: Effects | None = None
) -> Effects:
    """The effects of each group, at these precisions or those of the greatest marginal likelihood."""
    at = np.zeros((2, rows.n_groups)) if start is None else np.stack([start.shift, start.slope - 1])
    if precisions is None:
        precisions, at = _chosen_precisions(rows, at, start)
    mode = _mode(rows, np.array(precisions), at)
    is_turned = 1 + mode.at[1] < LEAST_SLOPE
    at = mode.at
    if is_turned.any():
        at = _mode(rows, np.array(precisions), np.where(is_turned, [[0.0], [LEAST_SLOPE - 1]], at), ~is_turned).at
    covariance = mode.covariance
    information = np.stack([np.stack([mode.hessian[0], mode.hessian[1]]), np.stack([mode.hessian[1], mode.hessian[2]])])
    degrees = np.einsum("gij,jig->g", covariance, information)
    evidence = float((mode.evidence - _objective(rows, np.zeros(2), np.zeros((2, rows.n_groups)))).sum())
    found = tuple(value if value < MOST else math.inf for value in precisions)
    at = np.where(np.isinf(found)[:, None], 0.0, at)
    return Effects(at[0], 1 + at[1], covariance, degrees, (found[0], found[1]), evidence, rows.centre)


@dataclass(frozen=True, eq=False)
class _Mode:
    """The mode of each group at finite precisions: (u, v), shape (2, n_groups); H there as (H₁₁, H₁₂, H₂₂)."""

    rows: GroupRows
    precisions: Array
    at: Array
    hessian: Array

    @cached_property
    def covariance(self) -> Array:
        """(H + Λ)⁻¹ of each group, shape (n_groups, 2, 2); of an effect that no group has 0."""
        a, b, c = self._penalised
        inverse = np.array([[c, -b], [-b, a]]) / (a * c - b * b)
        inverse[self.precisions >= MOST] = 0.0
        inverse[:, self.precisions >= MOST] = 0.0
        return np.moveaxis(inverse, -1, 0)

    @property
    def _penalised(self) -> tuple[Array, Array, Array]:
        return self.hessian[0] + self.precisions[0], self.hessian[1], self.hessian[2] + self.precisions[1]

    @cached_property
    def evidence(self) -> Array:
        """Laplace's approximation of the log marginal likelihood of each group, in nats."""
        a, b, c = self._penalised
        volume = np.log(self.precisions).sum() - np.log(a * c - b * b)
        return _objective(self.rows, self.precisions, self.at) + 0.5 * volume

    @cached_property
    def slopes(self) -> Array:
        """The gradient of the log marginal likelihood of all groups in the log precisions, shape (2,)."""
        rows, (a, b, c) = self.rows, self._penalised
        determinant = a * c - b * b
        inverse = np.array([[c, -b], [-b, a]]) / determinant
        p = expit(self._log_odds)
        bend = rows.masses * p * (1 - p) * (1 - 2 * p)
        thirds = []
        for _ in range(4):
            thirds.append(rows.sums(bend))
            bend = bend * rows.distance
        # tr((H + Λ)⁻¹ ∂H / ∂b_k), k = 1, 2.
        traces = [
            inverse[0, 0] * thirds[k] + 2 * inverse[0, 1] * thirds[k + 1] + inverse[1, 1] * thirds[k + 2]
            for k in (0, 1)
        ]
        found = []
        for k, precision in enumerate(self.precisions.tolist()):
            # The mode moves by −(H + Λ)⁻¹ λ_k b_k e_k.
            moves = -inverse[:, k] * precision * self.at[k]
            of_mode = traces[0] * moves[0] + traces[1] * moves[1]
            each = 0.5 - 0.5 * precision * (self.at[k] ** 2 + inverse[k, k]) - 0.5 * of_mode
            found.append(float(each.sum()))
        return np.array(found)

    @property
    def _log_odds(self) -> Array:
        return _moved(self.rows, self.at)


def _moved(rows: GroupRows, at: Array) -> Array:
    """The log-odds of each row with effects (u, v)."""
    return rows.log_odds + at[0][rows.groups] + at[1][rows.groups] * rows.distance


def _objective(rows: GroupRows, precisions: Array, at: Array) -> Array:
    """ℓ − ½ bᵀΛb of each group, in nats."""
    z, costs = _moved(rows, at), np.empty(len(rows.masses))
    losses.surprisals(rows.labels, z, None, z, costs)
    return -rows.sums(rows.masses * costs) - 0.5 * (precisions[:, None] * at**2).sum(axis=0)


def _mode(
    rows: GroupRows, precisions: Array, at: Array, has_slope: Array | None = None, little: float = LITTLE_GAIN
) -> _Mode:
    """The greatest ℓ − ½ bᵀΛb of each group, by Newton's method. has_slope: where v is free, everywhere if left out."""
    free = np.ones(rows.n_groups, bool) if has_slope is None else has_slope
    value = _objective(rows, precisions, at)
    for _ in range(MOST_STEPS):
        z = _moved(rows, at)
        p = expit(z)
        residual, weight = rows.masses * (rows.labels - p), rows.masses * p * (1 - p)
        weighted = weight * rows.distance
        hessian = np.stack([rows.sums(weight), rows.sums(weighted), rows.sums(weighted * rows.distance)])
        slope = np.stack([rows.sums(residual), rows.sums(residual * rows.distance)]) - precisions[:, None] * at
        slope[1] *= free
        a, b, c = hessian[0] + precisions[0], hessian[1] * free, hessian[2] + precisions[1]
        step = np.stack([c * slope[0] - b * slope[1], a * slope[1] - b * slope[0]]) / (a * c - b * b)
        gain = 0.5 * (step * slope).sum(axis=0)
        if gain.max(initial=0.0) <= little:
            break
        length = np.ones(rows.n_groups)
        for _ in range(MOST_HALVINGS):
            after = _objective(rows, precisions, at + length * step)
            # Rounding of a sum of many rows is no loss.
            is_worse = after < value - 1e-12 * (1 + np.abs(value))
            if not is_worse.any():
                break
            length = np.where(is_worse, 0.5 * length, length)
        at, value = at + length * step, after
    return _Mode(rows, precisions, at, hessian)


def _chosen_precisions(rows: GroupRows, at: Array, start: Effects | None) -> tuple[tuple[float, float], Array]:
    """(The precisions of the greatest marginal likelihood, the mode there)."""
    from scipy.optimize import minimize

    modes = [at]
    without = _objective(rows, np.zeros(2), np.zeros((2, rows.n_groups)))

    def negative(variances: Array) -> tuple[float, Array]:
        mode = _mode(rows, 1 / variances, modes[-1], little=LITTLE_GAIN_OF_SEARCH)
        modes.append(mode.at)
        # d log λ = −λ dσ².
        return -float((mode.evidence - without).sum()), mode.slopes / variances

    begin = (FIRST, FIRST) if start is None else tuple(min(value, MOST) for value in start.precisions)
    # In the variances, not their logarithms: as these fall, the marginal likelihood becomes flat.
    ends = (1 / MOST, 1 / LEAST)
    options = {"ftol": 1e-12, "gtol": 1e-3, "maxiter": 40, "maxfun": 60}
    found = minimize(negative, 1 / np.array(begin), jac=True, method="L-BFGS-B", bounds=[ends, ends], options=options)
    variances = np.where(found.x <= 2 * ends[0], ends[0], found.x)
    first, second = (1 / variances).tolist()
    return (first, second), modes[-1]
