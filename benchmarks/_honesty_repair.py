"""Cases of `calibrate`: what it says a repair saves, against what that very map saves in the population.

Six forecasters of normal log-odds: calibrated, over- and under-confident, shifted, with another slope on either side,
and with a truth that rises and falls; at base rates of 0.5 and 0.05. The truth of a claim is another one for each
sample, that of its map, so intervals are moved by it and should hold 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from _honesty_claims import CAUTIONED, N_ERRORS, PROMISED, Answers, Case, effective, ends
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
    "over-confident": lambda z: 0.6 * z,
    "under-confident": lambda z: 1.5 * z,
    "shifted": lambda z: z - 0.5,
    "bent": lambda z: 1.5 * np.logaddexp(0, z) - 0.5 * np.logaddexp(0, -z) - 0.7,
    "rising and falling": lambda z: z + 0.8 * np.sin(2.5 * z),
}
# What a bias may be, in nats: nobody would see it.
UNSEEN = 3e-4
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


def repair() -> list[Case]:
    """What `calibrate` promises of rows, and of clusters."""
    cases = []
    for shape in SHAPES:
        for base_rate, n_rows in SIZES:
            cases.append(case_of(Forecaster(shape, base_rate), f"{n_rows:,} rows", n_rows, None))
        for kind, n_clusters in CLUSTERINGS if shape in ("calibrated", "over-confident") else ():
            cluster = cluster_of_rows(kind, n_clusters)
            name = f"{n_clusters:,} {kind} clusters"
            cases.append(case_of(Forecaster(shape, 0.5, EFFECT), name, len(cluster), cluster))
    return cases


def case_of(forecaster: Forecaster, name: str, n_rows: int, cluster: Any) -> Case:
    """What one sample promises, and what is found."""
    grid = forecaster.grid()
    best = np.log(grid.truth) - np.log1p(-grid.truth)
    before, least = (grid.mean(expected_loss(grid.truth, odds)) for odds in (grid.forecast, best))

    def ask(random: np.random.Generator) -> Answers:
        labels, scores = forecaster.sample(random, n_rows, cluster, grid)
        c = logloss.calibrate(labels, y_logit=scores, cluster=cluster)
        found = before - grid.mean(expected_loss(grid.truth, c.apply_logit(grid.forecast)))
        low, high = ends(c.expected_reduction)
        # What the best map of all would have saved of these rows beyond what it does: 0 on average, known, and most of
        # why a promise varies.
        own = forecaster.given(scores)
        luck = expected_loss(labels, scores) - expected_loss(labels, np.log(own) - np.log1p(-own))
        more = float(c.expected_reduction) - found
        return {
            "expected_reduction": (low - found, high - found),
            PROMISED: (
                float(c.expected_reduction),
                found,
                more - float(luck.mean() - (before - least)),
                c.is_worthwhile,
            ),
            CAUTIONED: not c.expected_reduction.has_interval,
        } | effective(labels, None, cluster)

    return Case(
        f"{forecaster.shape}, base rate {forecaster.base_rate}, {name}",
        n_rows,
        ask,
        lambda: {"expected_reduction": 0.0},
    )


def bias_of(answers: list[Answers]) -> Figures:
    """Whether what was promised was found, on average over all samples: each prints its figure, whatever it is."""
    promised, found, more, is_shown = np.array([each[PROMISED] for each in answers], float).T
    bias, error = float(more.mean()), float(more.std(ddof=1) / math.sqrt(len(more)))
    verdict = "unbiased" if abs(bias) <= max(N_ERRORS * error, UNSEEN) else "biased"
    figures: Figures = {"promised": float(promised.mean()), "found": float(found.mean()), "bias": bias, "error": error}
    figures |= {"verdict": verdict, "shown_percent": float(100 * is_shown.mean())}
    # Of samples picked because their interval excludes 0 what is promised is too much, by any method.
    picked = (promised - found)[is_shown > 0]
    return figures | ({"bias_where_shown": float(picked.mean())} if len(picked) else {})
