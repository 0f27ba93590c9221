"""Cases of `measure`: estimates, p-values, AUC; rows that are independent, weighted, in clusters and in groups."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from _honesty_claims import CAUTIONED, Answers, Case, effective, ends
from _honesty_populations import POPULATIONS, Grid, Normal, Table, beta_scores, figures_of
from _samples import expected_loss, labels_of
from scipy.special import expit, logit, ndtr

import logloss

SIGMAS = (0.5, 1.0, 1.5)
# The standard deviation, in log-odds, of the effect that rows of a cluster share.
EFFECT = 1.0
CLUSTERED = Normal(lambda z: -1 + 1.2 * z, lambda logit: 1.2 * logit, effect=EFFECT)
ROWS_OF_A_CLUSTER = 100
GROUP_SHIFTS, GROUP_SHARES = (-0.7, 0.0, 0.7), (0.3, 0.4, 0.3)


def claims_of(m: logloss.Measurement) -> Answers:
    """The intervals of every estimate of a measurement."""
    return {
        "log loss": ends(m.log_loss),
        "skill": ends(m.skill),
        "base rate": ends(m.base_rate),
        "uncertainty": ends(m.uncertainty),
        "Brier score": ends(m.brier),
        "AUC": ends(m.auc),
        "slope": ends(m.slope),
        "intercept": ends(m.intercept),
        "excess miscalibration": ends(m.miscalibration.excess),
        "excess discrimination": ends(m.discrimination.excess),
        CAUTIONED: bool(m.cautions),
    }


def weighting(weights: Any) -> dict[str, Any]:
    """The option of weights, where there are some."""
    return {} if weights is None else {"sample_weight": weights}


def case_of(name: str, population: Normal | Table, n_rows: int) -> Case:
    """All estimates of independent rows, weighted or not."""

    def draw(random: np.random.Generator) -> Answers:
        labels, logits, weights = population.sample(random, n_rows)
        m = logloss.measure(labels, y_logit=logits, **weighting(weights))
        return claims_of(m) | effective(labels, weights)

    return Case(f"{name}, {n_rows:,} rows", n_rows, draw, lambda: figures_of(population.grid()))


def rows() -> list[Case]:
    """Independent rows without weights."""
    cases = []
    for name, population in POPULATIONS.items():
        sizes = (20_000, 50_000) if name == "base rate 0.002" else (500, 5000)
        cases += [case_of(name, population, n) for n in sizes]
    return cases


def weights() -> list[Case]:
    """Lognormal weights, independent of all else or growing with the score."""
    cases = []
    for tilt, name in ((0.0, "weights"), (0.6, "weights that grow with the score")):
        for sigma in SIGMAS:
            population = Normal(beta_scores, lambda logit: 1.3 * logit, weight=sigma, tilt=tilt)
            cases += [case_of(f"{name}, σ {sigma}", population, n) for n in ((100, 500, 5000) if not tilt else (5000,))]
    return cases


def cluster_sizes(kind: str, n_clusters: int) -> Any:
    """Rows of each cluster: 100 each, or sizes that follow Zipf's law."""
    if kind == "equal":
        return np.full(n_clusters, ROWS_OF_A_CLUSTER)
    shares = 1 / np.arange(1, n_clusters + 1)
    n_rows = {10: 2000, 30: 3000, 100: 5000, 1000: 8000}[n_clusters]
    return np.maximum(np.round(n_rows * shares / shares.sum()), 1).astype(int)


CLUSTERINGS = (("equal", 30), ("equal", 100), ("Zipf", 10), ("Zipf", 30), ("Zipf", 100), ("Zipf", 1000))


def cluster_of_rows(kind: str, n_clusters: int) -> Any:
    """The number of the cluster of each row."""
    sizes = cluster_sizes(kind, n_clusters)
    return np.repeat(np.arange(n_clusters), sizes)


def clusters() -> list[Case]:
    """Rows of a cluster share half of the variance of their scores, and an effect on the event rate."""
    cases = []
    for kind, n_clusters in CLUSTERINGS:
        cluster = cluster_of_rows(kind, n_clusters)

        def draw(random: np.random.Generator, cluster: Any = cluster) -> Answers:
            labels, logits, _ = CLUSTERED.sample(random, len(cluster), cluster)
            m = logloss.measure(labels, y_logit=logits, cluster=cluster)
            return claims_of(m) | effective(labels, None, cluster)

        name = f"{n_clusters:,} {kind} clusters"
        cases.append(Case(name, len(cluster), draw, lambda: figures_of(CLUSTERED.grid())))
    return cases


def group_population(number: int, effect: float = EFFECT) -> Normal:
    """A calibrated forecaster that uses the group."""
    shift = GROUP_SHIFTS[number]
    return Normal(lambda z: shift - 0.5 + 1.2 * z, effect=effect)


def grouped_rows(
    random: np.random.Generator, cluster: Any, shares: tuple[float, ...], effect: float, shift: float = 0.0
) -> tuple[Any, Any, Any]:
    """(Labels, log-odds, group) of rows whose groups are drawn; shift: of the true log-odds, not in any forecast."""
    group = np.searchsorted(np.cumsum(shares)[:-1], random.random(len(cluster)), side="right")
    n_clusters = int(cluster.max()) + 1
    z = math.sqrt(0.5) * (random.standard_normal(n_clusters)[cluster] + random.standard_normal(len(cluster)))
    effects = effect * random.standard_normal(n_clusters)[cluster]
    labels, logits = np.zeros(len(cluster), np.uint8), np.zeros(len(cluster))
    for number in range(len(GROUP_SHIFTS)):
        of, population = group == number, group_population(number, effect)
        labels[of] = labels_of(random, expit(population.truth(z[of]) + effects[of] + shift))
        logits[of] = population.forecast(z[of])
    return labels, logits, group


def group_losses(effect: float, shift: float = 0.0) -> Any:
    """The expected loss of each group, where the true log-odds are shifted and the forecasts are not."""
    losses = []
    for number in range(len(GROUP_SHIFTS)):
        population = group_population(number, effect)
        moved = replace(population, truth=lambda z, own=population.truth: own(z) + shift)
        grid = population.grid()
        truth = moved.given(np.linspace(-9, 9, len(grid.mass)))
        losses.append(Grid(grid.mass, grid.forecast, truth).mean(expected_loss(truth, grid.forecast)))
    return np.array(losses)


def groups() -> list[Case]:
    """Log loss and contribution of the first of three groups, which has rows in all clusters."""
    cases = []
    for kind, n_clusters in (("no", 0), ("equal", 30), ("equal", 100), ("Zipf", 100), ("Zipf", 1000)):
        cluster = cluster_of_rows(kind, n_clusters) if n_clusters else np.arange(5000)
        options = {"cluster": cluster} if n_clusters else {}

        def draw(random: np.random.Generator, cluster: Any = cluster, options: dict[str, Any] = options) -> Answers:
            labels, logits, group = grouped_rows(random, cluster, GROUP_SHARES, EFFECT if options else 0.0)
            m = logloss.measure(labels, y_logit=logits, by={"group": group}, **options)
            first = m.groups.to_dict()
            answers: Answers = {
                "log loss of a group": (first["log_loss_nats_low"][0], first["log_loss_nats_high"][0]),
                "contribution of a group": (first["contribution_nats_low"][0], first["contribution_nats_high"][0]),
                "p-value of miscalibration of a group": first["p_value"][0],
                CAUTIONED: bool(m.cautions),
            }
            own = group == 0
            return answers | effective(labels[own], None, cluster[own] if options else None)

        def true_values(effect: float = EFFECT if options else 0.0) -> dict[str, float]:
            losses = group_losses(effect)
            contribution = GROUP_SHARES[0] * (losses[0] - float(np.dot(GROUP_SHARES, losses)))
            return {"log loss of a group": float(losses[0]), "contribution of a group": float(contribution)}

        rows = f"{n_clusters:,} {kind} clusters" if n_clusters else "independent rows"
        cases.append(Case(f"groups, {rows}", len(cluster), draw, true_values))
    return cases


def p_values() -> list[Case]:
    """Calibrated forecasters of so many distinct scores, with and without weights."""
    cases = []
    for n_scores, n_rows in ((10, 1000), (100, 1000), (1000, 5000), (5000, 5000), (20_000, 20_000)):
        for sigma in (0.0, *SIGMAS):

            def draw(
                random: np.random.Generator, n_scores: int = n_scores, n_rows: int = n_rows, sigma: float = sigma
            ) -> Answers:
                scores = random.beta(2, 3, n_scores)
                scores = scores if n_scores == n_rows else scores[random.integers(0, n_scores, n_rows)]
                labels = labels_of(random, scores)
                w = random.lognormal(0, sigma, n_rows) if sigma else None
                m = logloss.measure(labels, scores, **weighting(w))
                return {"p-value of miscalibration": float(m.miscalibration.p_value)} | effective(labels, w)

            weighting_name = f"weights, σ {sigma}" if sigma else "no weights"
            cases.append(Case(f"{n_scores:,} scores of {n_rows:,} rows, {weighting_name}", n_rows, draw))
    return cases


def ranking() -> list[Case]:
    """Areas under binormal curves, Φ(μ / √2), with few positives; their number is given, or drawn."""
    cases = []
    for area, n_positive, n_rows, is_drawn in (
        (0.976, 20, 2020, False),
        (0.948, 20, 2020, False),
        (0.976, 50, 5050, False),
        (0.948, 50, 5050, False),
        (0.85, 23, 1150, True),
        (0.85, 36, 1800, True),
        (0.85, 91, 4550, True),
        (0.85, 365, 18_250, True),
    ):

        def draw(
            random: np.random.Generator,
            area: float = area,
            n_positive: int = n_positive,
            n_rows: int = n_rows,
            is_drawn: bool = is_drawn,
        ) -> Answers:
            labels = np.zeros(n_rows, np.uint8)
            labels[:n_positive] = 1
            if is_drawn:
                labels = (random.random(n_rows) < n_positive / n_rows).astype(np.uint8)
            logits = random.standard_normal(n_rows) + labels * distance(area) + logit(n_positive / n_rows)
            m = logloss.measure(labels, y_logit=logits)
            return {"AUC": ends(m.auc), CAUTIONED: bool(m.cautions)} | effective(labels)

        # The distance is computed from the area as it is shown.
        positives = f"about {n_positive} positives drawn" if is_drawn else f"{n_positive} positives"
        cases.append(
            Case(
                f"AUC {area}, {positives}, {n_rows:,} rows",
                n_rows,
                draw,
                lambda a=area: {"AUC": float(ndtr(distance(a) / math.sqrt(2)))},
            )
        )
    return cases


def distance(area: float) -> float:
    """Between the means of two normal scores of variance 1 with this area under their curve."""
    from scipy.special import ndtri

    return float(math.sqrt(2) * ndtri(area))
