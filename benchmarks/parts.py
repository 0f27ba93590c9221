"""How often the 95 % intervals of the parts, of the area and of the loss hold the truth, and how p-values of calibrated
forecasters are spread: by simulation from a population whose figures are known.

usage: python benchmarks/parts.py [REPETITIONS] [LARGEST NUMBER OF ROWS]

What is true has normal log-odds; the forecaster says them divided by SLOPE (over-confident), so that the miscalibration
of the population is known: the mean of KL(true share ‖ prediction). `discrimination` and `miscalibration` should hold
their own expectation at that number of rows (the mean over all samples), `beyond chance` the miscalibration of the
population, `auc` and `loss` their values in the population. `no fault` is `beyond chance` of a forecaster who says the
truth: it should hold 0. Weights are lognormal and larger where what is true is likelier; clusters share what happens.
Only samples with at least 20 rows of the rarer class have intervals; a line is printed if half of them have.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import logloss
from logloss import decomposition
from logloss.decomposition import Recalibration, area_under_curve, chance_of, decomposed, error_of_rows
from logloss.estimates import FEWEST_OF_RARER_CLASS, with_interval
from logloss.onepass.summaries import ScoreSummary
from logloss.onepass.tables import CountTable
from logloss.spread import spread_of

SIZES = (200, 2_000, 20_000)
RATES = (0.5, 0.1, 0.01)
# Of the log-odds of what is true: their standard deviation, and their slope on what is said.
SPREAD, SLOPE = 1.2, 0.8
# Of the logarithm of a weight: its standard deviation, and its slope on what is true, standardised.
NOISE, TILT = 0.8, 0.4
# Of the log-odds of rows of a cluster: the standard deviation that all rows share.
SHARED, ROWS_OF_CLUSTER = 1.0, 10
SEED = 20261124


def softplus(z: Any) -> Any:
    """log(1 + e^z)."""
    return np.logaddexp(0, z)


@dataclass(frozen=True)
class Population:
    """Normal log-odds around a centre, and what the forecaster makes of them."""

    rate: float
    slope: float = SLOPE

    def grid(self, centre: float, tilt: float = 0.0) -> tuple[Any, Any, Any]:
        """(Log-odds of what is true, their weights, share of ones) on a fine grid."""
        steps = np.linspace(-9, 9, 20_001)
        density = np.exp(-0.5 * (steps - tilt) ** 2)
        truth = centre + SPREAD * steps
        return truth, density / density.sum(), 1 / (1 + np.exp(-truth))

    @cached_property
    def centre(self) -> float:
        """Where the log-odds must lie for the base rate."""
        low, high = -12.0, 12.0
        for _ in range(60):
            centre = (low + high) / 2
            _, density, share = self.grid(centre)
            low, high = (centre, high) if float(density @ share) < self.rate else (low, centre)
        return centre

    def figures(self, tilt: float = 0.0) -> dict[str, float]:
        """What is true of the population."""
        truth, density, share = self.grid(self.centre, tilt)
        said = truth / self.slope
        loss = float(density @ (share * softplus(-said) + (1 - share) * softplus(said)))
        best = float(density @ (share * softplus(-truth) + (1 - share) * softplus(truth)))
        ones, zeros = density * share, density * (1 - share)
        below = np.cumsum(zeros) - zeros / 2
        area = float(ones @ below) / float(ones.sum() * zeros.sum())
        return {"loss": loss, "miscalibration": loss - best, "auc": area}

    def sample(self, random: np.random.Generator, n_rows: int) -> tuple[Any, Any, Any]:
        """(Labels, what was said in log-odds, what is true in steps from the centre)."""
        steps = random.normal(size=n_rows)
        truth = self.centre + SPREAD * steps
        labels = (random.random(n_rows) < 1 / (1 + np.exp(-truth))).astype(np.uint8)
        return labels, truth / self.slope, steps


def parts_of(labels: Any, said: Any) -> dict[str, Any]:
    """What `measure` finds of the loss, its parts and the area, by the same functions and nothing beside them."""
    order = np.argsort(said)
    labels, said = labels[order].astype(np.int64), said[order]
    keys = np.abs(said).view(np.int64) * np.where(said < 0, -1, 1)
    n_rows = len(labels)
    spread = spread_of(ScoreSummary("logit", False, n_rows, CountTable(keys, np.stack([1 - labels, labels], 1))))
    losses = softplus(np.where(labels == 1, -said, said))
    d = losses - losses.mean()
    squares = float(d @ d)
    loss = with_interval(
        float(losses.mean()), math.sqrt(squares / n_rows / (n_rows - 1)), float((d**3).sum()) / squares**1.5, low=0.0
    )
    recalibration, error_of = Recalibration(spread), error_of_rows(spread, n_rows)
    chance = chance_of(spread, None, max(loss - recalibration.log_loss, 0.0), n_rows, is_soft=False)
    discrimination, miscalibration = decomposed(recalibration, loss, chance, error_of, "")
    return {
        "loss": loss,
        "discrimination": discrimination,
        "miscalibration": miscalibration,
        "beyond chance": miscalibration.beyond_chance,
        "auc": area_under_curve(spread, error_of, ""),
        "p": miscalibration.p_value,
    }


def has_intervals(labels: Any) -> bool:
    """Whether the rarer class has enough rows."""
    return min(int(labels.sum()), len(labels) - int(labels.sum())) >= FEWEST_OF_RARER_CLASS


def held(estimates: list[Any], truth: float) -> str:
    """How many of 100 intervals hold the truth, and of the others how many lie above it and below it."""
    above = 100 * float(np.mean([estimate.low > truth for estimate in estimates]))
    below = 100 * float(np.mean([estimate.high < truth for estimate in estimates]))
    return f"{100 - above - below:.1f} ({above:.1f}, {below:.1f})"


def samples_of(population: Population, n_rows: int, repetitions: int, random: np.random.Generator) -> list[Any]:
    """What is found in each sample that has intervals."""
    samples = (population.sample(random, n_rows) for _ in range(repetitions))
    return [parts_of(labels, said) for labels, said, _ in samples if has_intervals(labels)]


def of_parts(rate: float, n_rows: int, repetitions: int, random: np.random.Generator) -> dict[str, str]:
    """Coverage of the parts, the area and the loss."""
    population = Population(rate)
    truth = population.figures()
    found = samples_of(population, n_rows, repetitions, random)
    if len(found) < repetitions / 2:
        return {}
    columns = {name: [each[name] for each in found] for name in found[0]}
    targets = {
        "loss": truth["loss"],
        "discrimination": float(np.mean(columns["discrimination"])),
        "miscalibration": float(np.mean(columns["miscalibration"])),
        "beyond chance": truth["miscalibration"],
        "auc": truth["auc"],
    }
    shown = {"samples": str(len(found))} | {name: held(columns[name], target) for name, target in targets.items()}
    faultless = samples_of(Population(rate, 1.0), n_rows, repetitions, random)
    shown["no fault"] = held([each["beyond chance"] for each in faultless], 0.0)
    p_values = np.array([each["p"] for each in faultless])
    shown["p below .05, .1, .5"] = " ".join(f"{100 * float(np.mean(p_values <= x)):.1f}" for x in (0.05, 0.1, 0.5))
    return shown


def of_weights(rate: float, n_rows: int, repetitions: int, random: np.random.Generator) -> dict[str, str]:
    """Coverage of the weighted loss, parts and area."""
    population = Population(rate)
    truth = population.figures(TILT)
    found = []
    for _ in range(repetitions):
        labels, said, steps = population.sample(random, n_rows)
        if has_intervals(labels):
            weights = np.exp(TILT * steps + NOISE * random.normal(size=n_rows))
            found.append(logloss.measure(labels, y_logit=said, sample_weight=weights))
    return of_measurements(found, repetitions, truth)


def of_clusters(rate: float, n_rows: int, repetitions: int, random: np.random.Generator) -> dict[str, str]:
    """Coverage where rows of a cluster share a part of what is true of them."""
    population = Population(rate)
    truth = population.figures()
    centre, n_clusters = population.centre, n_rows // ROWS_OF_CLUSTER
    found = []
    for _ in range(repetitions):
        clusters = random.integers(0, n_clusters, n_rows)
        own = math.sqrt(SPREAD**2 - SHARED**2)
        logits = centre + SHARED * random.normal(size=n_clusters)[clusters] + own * random.normal(size=n_rows)
        labels = (random.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(np.uint8)
        if has_intervals(labels):
            found.append(logloss.measure(labels, y_logit=logits / SLOPE, cluster=clusters))
    return of_measurements(found, repetitions, truth)


def of_measurements(found: list[Any], repetitions: int, truth: dict[str, float]) -> dict[str, str]:
    """Coverage of what `measure` found."""
    if len(found) < repetitions / 2:
        return {}
    shown = {"samples": str(len(found)), "loss": held([m.log_loss for m in found], truth["loss"])}
    for name in ("discrimination", "miscalibration"):
        estimates = [getattr(m, name) for m in found]
        shown[name] = held(estimates, float(np.mean(estimates)))
    beyond = [m.miscalibration.beyond_chance for m in found]
    if all(estimate.has_interval for estimate in beyond):
        shown["beyond chance"] = held(beyond, truth["miscalibration"])
    shown["auc"] = held([m.auc for m in found], truth["auc"])
    return shown


def main() -> None:
    """Print, for each number of rows and base rate, how many of 100 intervals hold the truth (lie above it, below it)."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    largest = int(sys.argv[2]) if len(sys.argv) > 2 else SIZES[-1]
    # What the mean over fewer draws adds to the variance of `beyond chance` is less than 1 %.
    print(f"{repetitions} samples, {decomposition.N_DRAWS} draws of chance; standard error of 95: ", end="")
    print(f"{100 * math.sqrt(0.05 * 0.95 / repetitions):.1f}")
    for kind in (of_parts, of_weights, of_clusters):
        for n_rows in SIZES:
            for rate in RATES:
                random = np.random.default_rng([SEED, n_rows, int(1000 * rate)])
                shown = kind(rate, n_rows, repetitions, random) if n_rows <= largest else {}
                if shown:
                    text = ", ".join(f"{name} {value}" for name, value in shown.items())
                    print(f"{kind.__name__}: {n_rows:,} rows, base rate {rate}: {text}", flush=True)


if __name__ == "__main__":
    main()
