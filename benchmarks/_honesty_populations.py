"""Populations whose true values are known without the library: by sums over a grid, or in closed form.

A population is a distribution of (forecast, probability that the label is 1). Normal ones are functions of a standard
normal z, summed by the trapezoid rule on 20,001 points within 9 standard deviations: of smooth functions with Gaussian
weights it converges faster than any power of the step, and the figures here are right to 1e-6 (areas, and event
rates that are not monotone in the forecast) or 1e-9 (the rest). Others are tables, and exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from _samples import expected_loss
from scipy.optimize import isotonic_regression
from scipy.special import betaincinv, expit, logit, ndtr, xlogy

REACH, N_POINTS = 9.0, 20_001
# For the average over a normal effect: right to 1e-12 for effects of a spread up to 1.
NODES, NODE_MASSES = np.polynomial.hermite_e.hermegauss(80)
NODE_MASSES = NODE_MASSES / NODE_MASSES.sum()


@dataclass(frozen=True)
class Grid:
    """Masses (they add up to 1), log-odds of the forecast in ascending order, probabilities of label 1."""

    mass: Any
    forecast: Any
    truth: Any

    def mean(self, values: Any) -> float:
        """The expectation of a function on the grid."""
        return float(self.mass @ values)


def entropy(q: Any) -> Any:
    """−q·log q − (1 − q)·log(1 − q), in nats."""
    return -xlogy(q, q) - xlogy(1 - q, 1 - q)


def figures_of(grid: Grid) -> dict[str, float]:
    """The population values of all estimates of `measure`."""
    rate = grid.mean(grid.truth)
    loss, uncertainty = grid.mean(expected_loss(grid.truth, grid.forecast)), float(entropy(rate))
    # The best monotone map of the forecast; the event rate itself where that does not decrease.
    best = isotonic_regression(grid.truth, weights=grid.mass).x
    recalibrated = grid.mean(entropy(best))
    ones, zeros = grid.mass * grid.truth / rate, grid.mass * (1 - grid.truth) / (1 - rate)
    slope, intercept = line_of(grid)
    return {
        "log loss": loss,
        "skill": 1 - loss / uncertainty,
        "base rate": rate,
        "uncertainty": uncertainty,
        "Brier score": grid.mean(
            grid.truth * (1 - expit(grid.forecast)) ** 2 + (1 - grid.truth) * expit(grid.forecast) ** 2
        ),
        "AUC": float(ones @ (np.cumsum(zeros) - zeros / 2)),
        "slope": slope,
        "intercept": intercept,
        "excess miscalibration": loss - recalibrated,
        "excess discrimination": uncertainty - recalibrated,
    }


def line_of(grid: Grid) -> tuple[float, float]:
    """Slope and intercept of the logistic regression of the labels on the forecast, by Newton's method."""
    design = np.column_stack([np.ones(len(grid.mass)), grid.forecast])
    at = np.array([0.0, 1.0])
    for _ in range(50):
        fitted = expit(design @ at)
        gradient = design.T @ (grid.mass * (grid.truth - fitted))
        step = np.linalg.solve((design * (grid.mass * fitted * (1 - fitted))[:, None]).T @ design, gradient)
        at = at + step
        if np.abs(step).max() < 1e-12:
            break
    return float(at[1]), float(at[0])


@dataclass(frozen=True)
class Normal:
    """Forecast and true log-odds as functions of a standard normal z; effects of clusters, weights.

    distortion: the forecast as a function of the true log-odds. scores: the forecast as a function of z, instead.
    effect: standard deviation of a normal effect on the true log-odds that the rows of a cluster share.
    weight: standard deviation of the logarithm of lognormal weights; `tilt`: its correlation with z.
    """

    truth: Callable[[Any], Any]
    distortion: Callable[[Any], Any] = lambda logit: logit
    scores: Callable[[Any], Any] | None = None
    effect: float = 0.0
    weight: float = 0.0
    tilt: float = 0.0

    def given(self, z: Any) -> Any:
        """P(label 1 | z), averaged over the effects of clusters."""
        if not self.effect:
            return expit(self.truth(z))
        return sum(m * expit(self.truth(z) + self.effect * node) for m, node in zip(NODE_MASSES, NODES, strict=True))

    def forecast(self, z: Any) -> Any:
        """The log-odds that are forecast."""
        if self.scores is not None:
            return self.scores(z)
        return self.distortion(logit(self.given(z)) if self.effect else self.truth(z))

    def grid(self, n_points: int = N_POINTS) -> Grid:
        """The weighted population: with a weight of e^(σ(ρz + …)) z is normal about σρ."""
        z = np.linspace(-REACH, REACH, n_points) + self.weight * self.tilt
        mass = np.exp(-0.5 * np.linspace(-REACH, REACH, n_points) ** 2)
        forecast = self.forecast(z)
        # Where probabilities of 1 are reached, log-odds are infinite: the mass there is negligible.
        is_finite = np.isfinite(forecast)
        mass = mass[is_finite] / mass[is_finite].sum()
        return Grid(mass, forecast[is_finite], self.given(z)[is_finite])

    def sample(
        self, random: np.random.Generator, n_rows: int, cluster: Any = None, z: Any = None
    ) -> tuple[Any, Any, Any]:
        """(Labels, log-odds, weights or None) of some rows; half of the variance of z is the cluster's, too."""
        if z is None:
            z = random.standard_normal(n_rows)
        shift = 0.0
        if cluster is not None:
            n_clusters = int(cluster.max()) + 1
            shared = random.standard_normal(n_clusters)[cluster]
            z, shift = math.sqrt(0.5) * (shared + z), self.effect * random.standard_normal(n_clusters)[cluster]
        labels = (random.random(n_rows) < expit(self.truth(z) + shift)).astype(np.uint8)
        weights = None
        if self.weight:
            own = random.standard_normal(n_rows)
            weights = np.exp(self.weight * (self.tilt * z + math.sqrt(1 - self.tilt**2) * own))
        return labels, self.forecast(z), weights


@dataclass(frozen=True)
class Table:
    """Rows of a few kinds: (share, log-odds that are forecast, probability of label 1); the rest is normal, if any."""

    kinds: tuple[tuple[float, float, float], ...]
    rest: Normal | None = None

    def grid(self) -> Grid:
        """Every kind a point."""
        mass, forecast, truth = (np.array(column) for column in zip(*self.kinds, strict=True))
        if self.rest is not None:
            rest = self.rest.grid()
            mass = np.concatenate([mass, (1 - mass.sum()) * rest.mass])
            forecast, truth = np.concatenate([forecast, rest.forecast]), np.concatenate([truth, rest.truth])
        order = np.argsort(forecast, kind="stable")
        return Grid(mass[order], forecast[order], truth[order])

    def sample(self, random: np.random.Generator, n_rows: int) -> tuple[Any, Any, Any]:
        """(Labels, log-odds, None)."""
        mass, forecast, truth = (np.array(column) for column in zip(*self.kinds, strict=True))
        kind = np.searchsorted(np.cumsum(mass), random.random(n_rows), side="right")
        is_rest = kind >= len(mass) if self.rest is not None else np.zeros(n_rows, bool)
        kind = np.minimum(kind, len(mass) - 1)
        labels, logits = (random.random(n_rows) < truth[kind]).astype(np.uint8), forecast[kind]
        if self.rest is not None:
            of_rest = self.rest.sample(random, n_rows)
            labels, logits = np.where(is_rest, of_rest[0], labels), np.where(is_rest, of_rest[1], logits)
        return labels, logits, None


def beta_scores(z: Any) -> Any:
    """Log-odds of probabilities with a Beta(2, 3) distribution."""
    return logit(betaincinv(2.0, 3.0, ndtr(z)))


RATINGS = (0.03, 0.07, 0.12, 0.2, 0.3, 0.4, 0.5, 0.62, 0.75, 0.9)
RATING_SHARES = (0.04, 0.08, 0.12, 0.16, 0.16, 0.14, 0.12, 0.09, 0.06, 0.03)


def _ratings(factor: float) -> Table:
    """Ten ratings whose log-odds are the true ones times a factor."""
    logits = logit(np.array(RATINGS))
    kinds = zip(RATING_SHARES, (factor * logits).tolist(), RATINGS, strict=True)
    return Table(tuple((share, forecast, truth) for share, forecast, truth in kinds))


POPULATIONS: dict[str, Normal | Table] = {
    "calibrated": Normal(beta_scores),
    "overconfident": Normal(beta_scores, lambda logit: 1.5 * logit),
    "underconfident": Normal(beta_scores, lambda logit: 0.6 * logit),
    "shifted": Normal(beta_scores, lambda logit: logit + 0.4),
    "ratings": _ratings(1.0),
    "overconfident ratings": _ratings(1.4),
    # 3 in 1,000 rows are given one in a million, and half of these are positive: most of the variance of the loss.
    "rare extreme losses": Table(((0.003, float(logit(1e-6)), 0.5),), Normal(beta_scores)),
    # Forecasts increase with z, the event rate does not.
    "non-monotone truth": Normal(lambda z: -0.5 + z + 1.5 * np.sin(2 * z), scores=lambda z: -0.5 + z),
    "base rate 0.002": Normal(lambda z: -6.9 + 1.2 * z, lambda logit: 1.2 * logit + 1.4),
}
