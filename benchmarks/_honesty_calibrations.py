"""Cases of `calibrate`: the expected reduction, and the true reduction by that very map in the population.

Six forecasters of normal log-odds: calibrated, overconfident, underconfident, shifted, with another slope on either
side, and with a true event rate that is not monotone; at base rates of 0.5 and 0.05. The true value differs from sample
to sample, with the map, so it is subtracted from the interval, which should then cover 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from _honesty_claims import CAUTIONED, N_ERRORS, REDUCTIONS, Answers, Case, effective, ends
from _honesty_measures import cluster_of_rows
from _honesty_populations import NODE_MASSES, NODES, Grid
from _record import Figures
from _samples import expected_loss, labels_of
from scipy.optimize import brentq
from scipy.special import expit

import logloss

SPREAD = 1.3
# The effect of a cluster on log-odds, and what its rows share of the variance of the scores.
EFFECT, SHARED = 0.5, 0.5
SHAPES: dict[str, Callable[[Any], Any]] = {
    "calibrated": lambda z: z,
    "overconfident": lambda z: 0.6 * z,
    "underconfident": lambda z: 1.5 * z,
    "shifted": lambda z: z - 0.5,
    "two slopes": lambda z: 1.5 * np.logaddexp(0, z) - 0.5 * np.logaddexp(0, -z) - 0.7,
    "non-monotone": lambda z: z + 0.8 * np.sin(2.5 * z),
}
# A bias, in nats, too small to matter.
NEGLIGIBLE = 3e-4
# The sums over the population are right to 1e-6.
N_POINTS = 2001
# (Base rate, rows).
SIZES = ((0.5, 100), (0.5, 500), (0.05, 200), (0.05, 2000))
CLUSTERINGS = (("equal", 30), ("Zipf", 100), ("Zipf", 1000))


@dataclass(frozen=True)
class Forecaster:
    """Scores whose true log-odds are a function of theirs, plus an effect that rows of a cluster share."""

    shape: str
    base_rate: float
    effect: float = 0.0

    def given(self, scores: Any) -> Any:
        """P(label 1 | score), averaged over the effects of clusters."""
        truth = SHAPES[self.shape](scores)
        if not self.effect:
            return expit(truth)
        return sum(m * expit(truth + self.effect * node) for m, node in zip(NODE_MASSES, NODES, strict=True))

    def grid(self) -> Grid:
        """The population, with its centre where the base rate is met."""
        z = np.linspace(-8, 8, N_POINTS)
        mass = np.exp(-0.5 * z * z)
        mass /= mass.sum()
        centre = brentq(lambda middle: mass @ self.given(middle + SPREAD * z) - self.base_rate, -15, 15)
        return Grid(mass, centre + SPREAD * z, self.given(centre + SPREAD * z))

    def sample(self, random: np.random.Generator, n_rows: int, cluster: Any, grid: Grid) -> tuple[Any, Any]:
        """(Labels, scores)."""
        z, effect = random.standard_normal(n_rows), 0.0
        if cluster is not None:
            shared = random.standard_normal((2, int(cluster.max()) + 1))[:, cluster]
            z, effect = math.sqrt(1 - SHARED) * z + math.sqrt(SHARED) * shared[0], self.effect * shared[1]
        scores = grid.forecast[N_POINTS // 2] + SPREAD * z
        return labels_of(random, expit(SHAPES[self.shape](scores) + effect)), scores


def calibrations() -> list[Case]:
    """Expected reductions with independent rows, and with clusters."""
    cases = []
    for shape in SHAPES:
        for base_rate, n_rows in SIZES:
            cases.append(case_of(Forecaster(shape, base_rate), f"{n_rows:,} rows", n_rows, None))
        for kind, n_clusters in CLUSTERINGS if shape in ("calibrated", "overconfident") else ():
            cluster = cluster_of_rows(kind, n_clusters)
            name = f"{n_clusters:,} {kind} clusters"
            cases.append(case_of(Forecaster(shape, 0.5, EFFECT), name, len(cluster), cluster))
    return cases


def case_of(forecaster: Forecaster, name: str, n_rows: int, cluster: Any) -> Case:
    """The expected and the true reduction of one sample."""
    grid = forecaster.grid()
    best = np.log(grid.truth) - np.log1p(-grid.truth)
    before, least = (grid.mean(expected_loss(grid.truth, odds)) for odds in (grid.forecast, best))

    def ask(random: np.random.Generator) -> Answers:
        labels, scores = forecaster.sample(random, n_rows, cluster, grid)
        c = logloss.calibrate(labels, y_logit=scores, cluster=cluster)
        true = before - grid.mean(expected_loss(grid.truth, c.apply_logit(grid.forecast)))
        low, high = ends(c.expected_reduction)
        # A control variate: the reduction by the best possible map on these rows less that in the population. Its mean
        # is 0, and it makes most of the variance of the estimate.
        own = forecaster.given(scores)
        control = expected_loss(labels, scores) - expected_loss(labels, np.log(own) - np.log1p(-own))
        excess = float(c.expected_reduction) - true
        return {
            "expected reduction": (low - true, high - true),
            REDUCTIONS: (
                float(c.expected_reduction),
                true,
                excess - float(control.mean() - (before - least)),
                c.is_worthwhile,
            ),
            CAUTIONED: not c.expected_reduction.has_interval,
        } | effective(labels, None, cluster)

    return Case(
        f"{forecaster.shape}, base rate {forecaster.base_rate}, {name}",
        n_rows,
        ask,
        lambda: {"expected reduction": 0.0},
    )


def bias_of(answers: list[Answers]) -> Figures:
    """The bias of the expected reduction, on average over all samples, whether or not a reduction is significant."""
    expected, true, excess, is_significant = np.array([each[REDUCTIONS] for each in answers], float).T
    bias, error = float(excess.mean()), float(excess.std(ddof=1) / math.sqrt(len(excess)))
    verdict = "unbiased" if abs(bias) <= max(N_ERRORS * error, NEGLIGIBLE) else "biased"
    figures: Figures = {"expected": float(expected.mean()), "true": float(true.mean()), "bias": bias, "error": error}
    figures |= {"verdict": verdict, "significant_percent": float(100 * is_significant.mean())}
    # Where samples are selected because their interval excludes 0 the estimate is too large, by any method.
    selected = (expected - true)[is_significant > 0]
    return figures | ({"bias_where_significant": float(selected.mean())} if len(selected) else {})
