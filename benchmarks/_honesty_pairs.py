"""Cases of `compare` and `diff`: two forecasts of the same rows, one forecaster on other rows."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from _honesty_claims import CAUTIONED, RARER, ROWS, Answers, Case, effective, ends
from _honesty_measures import (
    CLUSTERINGS,
    EFFECT,
    GROUP_SHARES,
    SIGMAS,
    cluster_of_rows,
    group_losses,
    grouped_rows,
    weighting,
)
from _honesty_populations import NODE_MASSES, NODES, Grid, Normal, beta_scores, entropy, figures_of
from scipy.special import expit

import logloss

# The true log-odds are normal with this mean and standard deviation; each forecast adds noise.
CENTRE, SPREAD = -1.0, 1.2
EQUAL, UNEQUAL = (0.6, 0.6), (0.3, 0.7)
TRUTH = Normal(lambda z: CENTRE + SPREAD * z)


def noisy(noise: float) -> dict[str, float]:
    """Loss, miscalibration and discrimination of a forecast that equals the true log-odds plus normal noise.

    Given the forecast, the true log-odds are normal about a line, so that both integrals are one-dimensional.
    """
    spread = math.hypot(SPREAD, noise)
    z = np.linspace(-9, 9, 4001)
    mass = np.exp(-0.5 * z * z)
    mass /= mass.sum()
    forecast = CENTRE + spread * z
    middle, rest = CENTRE + SPREAD**2 / spread * z, SPREAD * noise / spread
    given = sum(m * expit(middle + rest * node) for m, node in zip(NODE_MASSES, NODES, strict=True))
    grid = Grid(mass, forecast, given)
    loss = grid.mean(np.logaddexp(0, forecast) - given * forecast)
    recalibrated = grid.mean(entropy(given))
    uncertainty = float(entropy(grid.mean(given)))
    return {"log loss": loss, "miscalibration": loss - recalibrated, "discrimination": uncertainty - recalibrated}


def oriented(pair: Any, estimate: Any) -> tuple[float, float]:
    """The interval of the value of b less that of a, whichever is better."""
    low, high = ends(estimate)
    return (low, high) if pair.better == "a" else (-high, -low)


def pairs() -> list[Case]:
    """Differences of two forecasts in log loss and in its terms; equally good forecasts, and one better."""
    designs: list[tuple[str, int, float, tuple[str, int] | None]] = [("rows", n, 0.0, None) for n in (300, 2000)]
    designs += [(f"weights, σ {SIGMAS[2]}", n, SIGMAS[2], None) for n in (300, 1000, 5000)]
    designs += [(f"{n:,} {kind} clusters", 0, 0.0, (kind, n)) for kind, n in CLUSTERINGS if (kind, n) != ("equal", 100)]
    cases = []
    for noises, kind_of_pair in ((EQUAL, "equal"), (UNEQUAL, "one better")):
        for name, n, sigma, clustering in designs:
            cluster = None if clustering is None else cluster_of_rows(*clustering)
            n_rows = n or len(cluster)

            def draw(
                random: np.random.Generator,
                noises: Any = noises,
                cluster: Any = cluster,
                n_rows: int = n_rows,
                sigma: float = sigma,
            ) -> Answers:
                labels, forecasts, options = paired_rows(random, n_rows, noises, cluster)
                w = random.lognormal(0, sigma, n_rows) if sigma else None
                c = logloss.compare(labels, y_logit=forecasts, **options, **weighting(w))
                pair = c.pair
                answers: Answers = {
                    "difference in log loss": oriented(pair, pair.delta),
                    "difference in excess miscalibration": oriented(pair, pair.miscalibration),
                    "difference in excess discrimination": oriented(pair, pair.discrimination),
                    CAUTIONED: bool(c.cautions),
                }
                if noises == EQUAL:
                    # A decision counts as a p-value of 0 or 1, if there is an interval.
                    p_value = 0.0 if pair.is_significant else 1.0
                    answers["equal forecasters called different"] = p_value if pair.delta.has_interval else math.nan
                return answers | effective(labels, w, cluster)

            def true_values(noises: Any = noises) -> dict[str, float]:
                a, b = (noisy(noise) for noise in noises)
                return {
                    "difference in log loss": b["log loss"] - a["log loss"],
                    "difference in excess miscalibration": b["miscalibration"] - a["miscalibration"],
                    "difference in excess discrimination": b["discrimination"] - a["discrimination"],
                }

            size = "" if clustering else f", {n_rows:,} rows"
            cases.append(Case(f"{kind_of_pair}, {name}{size}", n_rows, draw, true_values))
    return cases


def paired_rows(
    random: np.random.Generator, n_rows: int, noises: tuple[float, float], cluster: Any
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """(Labels, two forecasts, options); rows of a cluster share half of the variance of all that is drawn."""

    def drawn() -> Any:
        own = random.standard_normal(n_rows)
        if cluster is None:
            return own
        return math.sqrt(0.5) * (own + random.standard_normal(int(cluster.max()) + 1)[cluster])

    truth = TRUTH.truth(drawn())
    labels = (random.random(n_rows) < expit(truth)).astype(np.uint8)
    forecasts = {name: truth + noise * drawn() for name, noise in zip("ab", noises, strict=True)}
    return labels, forecasts, {} if cluster is None else {"cluster": cluster}


CHANGES = {
    "change in log loss": "log_loss",
    "change in uncertainty": "uncertainty",
    "change in excess discrimination": "discrimination",
    "change in excess miscalibration": "miscalibration",
}


def changes() -> list[Case]:
    """Changes between two sets of rows of one population, or of two with different event rates."""
    old = Normal(beta_scores, lambda logit: 1.2 * logit)
    shifted = Normal(lambda z: 0.8 * beta_scores(z) + 0.4, scores=old.forecast)
    cases = []
    for name, new, sizes, sigma in (
        ("unchanged", old, (20_000, 500), 0.0),
        ("unchanged", old, (5000, 5000), 0.0),
        ("unchanged, weights σ 1.0", old, (5000, 2000), 1.0),
        ("changed", shifted, (5000, 2000), 0.0),
    ):

        def draw(
            random: np.random.Generator, new: Normal = new, sizes: tuple[int, int] = sizes, sigma: float = sigma
        ) -> Answers:
            measured, numbers = [], []
            for population, n_rows in zip((old, new), sizes, strict=True):
                labels, logits, w = replace(population, weight=sigma).sample(random, n_rows)
                measured.append(logloss.measure(labels, y_logit=logits, **weighting(w)))
                numbers.append(effective(labels, w))
            d = logloss.diff(*measured)
            answers: Answers = {name: ends(getattr(d, place)) for name, place in CHANGES.items()}
            answers |= {key: min(each[key] for each in numbers) for key in (ROWS, RARER)}
            return answers | {CAUTIONED: bool(d.cautions)}

        def true_values(new: Normal = new) -> dict[str, float]:
            before, after = figures_of(old.grid()), figures_of(new.grid())
            return {name: after[own] - before[own] for name in CHANGES for own in [name.removeprefix("change in ")]}

        cases.append(Case(f"{name}, {sizes[0]:,} and {sizes[1]:,} rows", sum(sizes), draw, true_values))
    return cases + changes_of_groups()


def changes_of_groups() -> list[Case]:
    """Shares of groups change, and true log-odds by 0.3; other clusters each time."""
    before, after = GROUP_SHARES, (0.2, 0.4, 0.4)
    cases = []
    for kind, n_clusters in (("no", 0), ("equal", 30), ("equal", 100), ("Zipf", 100)):
        cluster = cluster_of_rows(kind, n_clusters) if n_clusters else np.arange(3000)

        def draw(random: np.random.Generator, cluster: Any = cluster, is_clustered: bool = n_clusters > 0) -> Answers:
            effect, measured = EFFECT if is_clustered else 0.0, []
            numbers: list[Answers] = []
            for number, shares in enumerate((before, after)):
                labels, logits, group = grouped_rows(random, cluster, shares, effect, 0.3 * number)
                options = {"cluster": {"user": cluster + number * len(cluster)}} if is_clustered else {}
                measured.append(logloss.measure(labels, y_logit=logits, by={"group": group}, **options))
                numbers.append(effective(labels, None, cluster if is_clustered else None))
            d = logloss.diff(*measured)
            answers: Answers = {
                "change in log loss": ends(d.log_loss),
                "contribution of the mix": ends(d.composition_effect),
                "contribution within groups": ends(d.within_group_effect),
            }
            answers |= {key: min(each[key] for each in numbers) for key in numbers[0]}
            return answers | {CAUTIONED: bool(d.cautions)}

        def true_values(effect: float = EFFECT if n_clusters else 0.0) -> dict[str, float]:
            old, new = (group_losses(effect, shift) for shift in (0.0, 0.3))
            mix = float((np.array(after) - before) @ ((old + new) / 2))
            within = float((np.array(after) + before) / 2 @ (new - old))
            return {
                "change in log loss": mix + within,
                "contribution of the mix": mix,
                "contribution within groups": within,
            }

        rows = f"{n_clusters:,} {kind} clusters" if n_clusters else "independent rows"
        cases.append(Case(f"groups, {rows}", 2 * len(cluster), draw, true_values))
    return cases
