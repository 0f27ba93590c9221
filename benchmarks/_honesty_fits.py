"""Cases of `fit`: coefficients of rows that are independent, weighted, or share clusters; kinds of covariances.

Features are normal. With an effect that rows of a cluster share, the true log-odds given the features are not linear,
but the linear predictor of least expected log loss has the same direction (the features are normal about it): one
equation for its length and one for its intercept.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from _honesty_claims import CAUTIONED, Answers, Case, effective
from _honesty_measures import CLUSTERINGS, EFFECT, cluster_of_rows, weighting
from _honesty_populations import Normal, line_of
from scipy.special import expit

import logloss

COEFFICIENTS = (1.0, -0.5)
LENGTH = math.hypot(*COEFFICIENTS)
NAMES = ("intercept of a fit", "coefficient of rows", "coefficient of clusters")


def coefficients() -> list[Case]:
    """An intercept, the coefficient of a feature of rows, and one of a feature that rows of a cluster share."""
    ways: list[tuple[str, int, float, float, tuple[str, int] | None]] = []
    ways += [(f"rows, intercept {b}", n, b, 0.0, None) for b, n in ((0.0, 500), (-3.0, 2000), (-5.0, 20_000))]
    ways += [(f"weights, σ {s}", n, -1.0, s, None) for s in (1.0, 1.5) for n in (500, 5000)]
    ways += [(f"{n:,} {kind} clusters", 0, -1.0, 0.0, (kind, n)) for kind, n in CLUSTERINGS]
    cases = []
    for name, n, intercept, sigma, clustering in ways:
        cluster = None if clustering is None else cluster_of_rows(*clustering)
        n_rows = n or len(cluster)

        def draw(
            random: np.random.Generator,
            n_rows: int = n_rows,
            intercept: float = intercept,
            sigma: float = sigma,
            cluster: Any = cluster,
        ) -> Answers:
            x = random.standard_normal((n_rows, 2))
            effect, options = 0.0, {}
            if cluster is not None:
                n_clusters = int(cluster.max()) + 1
                x[:, 1] = random.standard_normal(n_clusters)[cluster]
                effect, options = EFFECT * random.standard_normal(n_clusters)[cluster], {"cluster": cluster}
            labels = (random.random(n_rows) < expit(intercept + x @ COEFFICIENTS + effect)).astype(np.uint8)
            w = random.lognormal(0, sigma, n_rows) if sigma else None
            model = logloss.fit(x, labels, **options, **weighting(w), leave_one_out=False)
            answers: Answers = dict.fromkeys(NAMES, (math.nan, math.nan))
            if model.errors is not None:
                places = ((model.intercept, None), *((value, name) for name, value in model.coefficients.items()))
                margins = [(value, model.errors.margin(place)) for value, place in places]
                answers = {name: (value - m, value + m) for name, (value, m) in zip(NAMES, margins, strict=True)}
            return answers | {CAUTIONED: bool(model.cautions)} | effective(labels, w, cluster)

        def true_values(
            intercept: float = intercept, effect: float = EFFECT if clustering else 0.0
        ) -> dict[str, float]:
            # The forecast is the linear predictor without its intercept: the slope is the factor of the length.
            index = Normal(lambda z: intercept + LENGTH * z, scores=lambda z: LENGTH * z, effect=effect)
            factor, at = line_of(index.grid())
            return dict(zip(NAMES, (at, *(factor * each for each in COEFFICIENTS)), strict=True))

        size = "" if clustering else f", {n_rows:,} rows"
        cases.append(Case(f"{name}{size}", n_rows, draw, true_values))
    return cases


def covariances() -> list[Case]:
    """The same coefficients with each kind of covariance that allows for clusters, and with two ways."""
    ways = [(f"{n} equal clusters of {size} rows", n, 1, size) for n, size in ((10, 100), (50, 40))]
    ways += [(f"{n} firms by {n} years, {n * n * size:,} rows", n, n, size) for n, size in ((10, 10), (20, 2), (50, 1))]
    return [_covariance_case(*way) for way in ways]


def _covariance_case(name: str, n_clusters: int, n_years: int, size: int) -> Case:
    """A case of rows that share clusters, or two ways of these; the second feature is one of clusters."""
    cluster = np.repeat(np.arange(n_clusters), n_years * size)
    year = np.tile(np.repeat(np.arange(n_years), size), n_clusters)
    asked: dict[str, dict[str, Any]] = {
        kind: {"covariance": kind, "cluster": cluster} for kind in ("CR1", "CR2", "CV3")
    }
    if n_years > 1:
        asked = {"two-way": {"two_way": True, "cluster": {"firm": cluster, "year": year}}, "CV3": asked["CV3"]}
    # Of two ways, which share the variance.
    share = EFFECT / math.sqrt(1 if n_years == 1 else 2)

    def draw(random: np.random.Generator) -> Answers:
        x = random.standard_normal((len(cluster), 2))
        x[:, 1] = random.standard_normal(n_clusters)[cluster]
        effect = share * random.standard_normal(n_clusters)[cluster]
        if n_years > 1:
            effect += share * random.standard_normal(n_years)[year]
        labels = (random.random(len(cluster)) < expit(-1.0 + x @ COEFFICIENTS + effect)).astype(np.uint8)
        answers: Answers = {}
        for kind, options in asked.items():
            model = logloss.fit(x, labels, **options, leave_one_out=False)
            table = model.coefficient_table
            for place, own in zip(NAMES, table, strict=True):
                answers[f"{kind}: {place}"] = (own["low"], own["high"])
        return answers | {CAUTIONED: bool(model.cautions)} | effective(labels, None, cluster)

    def true_values() -> dict[str, float]:
        index = Normal(lambda z: -1.0 + LENGTH * z, scores=lambda z: LENGTH * z, effect=EFFECT)
        factor, at = line_of(index.grid())
        values = (at, *(factor * each for each in COEFFICIENTS))
        return {f"{kind}: {place}": value for kind in asked for place, value in zip(NAMES, values, strict=True)}

    return Case(name, len(cluster), draw, true_values)
