"""How often the 95 % intervals of `measure` hold the truth, by simulation from populations whose figures are known.

usage: python benchmarks/intervals.py [REPETITIONS]

Logits are normal, the forecaster multiplies them by 1.3 (over-confident). What an interval should hold: of loss, base
rate, uncertainty, skill, AUC and of the miscalibration beyond chance the figure of the population; of discrimination
and miscalibration, which a recalibration fitted on the same rows makes larger, their expectation at that size (the mean
over the samples). Samples with fewer than 20 rows of the rarer class have no interval and do not count. Then: weights
that vary, clusters whose rows share a random shift, and the p-values of forecasters that are calibrated.
"""

from __future__ import annotations

import math
import sys

import numpy as np

import logloss
from logloss.inference import chance

SPREAD, OVERCONFIDENCE = 1.2, 1.3
CENTRES = (0.0, -2.6, -5.3)
SIZES = (200, 2000, 20_000)
OF_POPULATION = ("log_loss", "base_rate", "uncertainty", "skill", "auc", "beyond_chance")
OF_SIZE = ("discrimination", "miscalibration")
# Enough for the mean that is taken from the miscalibration; p-values are made with all 200.
DRAWS = 40


def truth(centre: float) -> dict[str, float]:
    """The figures of the population, by summing over a fine grid of logits."""
    logits = np.linspace(centre - 9 * SPREAD, centre + 9 * SPREAD, 20_001)
    density = np.exp(-0.5 * ((logits - centre) / SPREAD) ** 2)
    density /= density.sum()
    share, said = 1 / (1 + np.exp(-logits)), OVERCONFIDENCE * logits
    loss = float(density @ (share * np.logaddexp(0, -said) + (1 - share) * np.logaddexp(0, said)))
    best = float(density @ (share * np.logaddexp(0, -logits) + (1 - share) * np.logaddexp(0, logits)))
    rate = float(density @ share)
    uncertainty = -rate * math.log(rate) - (1 - rate) * math.log(1 - rate)
    ones, zeros = density * share / rate, density * (1 - share) / (1 - rate)
    auc = float(ones @ (np.cumsum(zeros) - zeros / 2))
    found = {"log_loss": loss, "base_rate": rate, "uncertainty": uncertainty, "skill": 1 - loss / uncertainty}
    return found | {"auc": auc, "beyond_chance": loss - best}


def estimate_of(measured: logloss.Measurement, name: str) -> logloss.Estimate:
    """A figure by its name."""
    return measured.miscalibration.beyond_chance if name == "beyond_chance" else getattr(measured, name)


def coverage(samples: list[logloss.Measurement], right: dict[str, float]) -> str:
    """Per cent of the intervals that hold what they should."""
    right = dict(right)
    for name in OF_SIZE:
        right[name] = float(np.mean([estimate_of(m, name) for m in samples]))
    shown = []
    for name, value in right.items():
        held = [estimate_of(m, name).low <= value <= estimate_of(m, name).high for m in samples]
        shown.append(f"{name} {100 * np.mean(held):.1f}")
    return "  ".join(shown)


def plain(random: np.random.Generator, centre: float, n_rows: int) -> logloss.Measurement:
    """Independent rows."""
    logits = random.normal(centre, SPREAD, n_rows)
    labels = (random.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(np.uint8)
    return logloss.measure(labels, y_logit=OVERCONFIDENCE * logits)


def weighted(random: np.random.Generator, centre: float, n_rows: int) -> logloss.Measurement:
    """Independent rows with weights that have nothing to do with them."""
    logits = random.normal(centre, SPREAD, n_rows)
    labels = (random.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(np.uint8)
    weights = random.lognormal(0, 0.7, n_rows)
    return logloss.measure(labels, y_logit=OVERCONFIDENCE * logits, sample_weight=weights)


def clustered(random: np.random.Generator, centre: float, n_rows: int) -> logloss.Measurement:
    """Ten rows in each cluster, half of whose spread they share, with labels drawn by one number each."""
    n_clusters = n_rows // 10
    shared = np.repeat(random.normal(0, SPREAD * math.sqrt(0.5), n_clusters), 10)
    logits = centre + shared + random.normal(0, SPREAD * math.sqrt(0.5), n_clusters * 10)
    luck = np.repeat(random.random(n_clusters), 10)
    labels = (luck < 1 / (1 + np.exp(-logits))).astype(np.uint8)
    cluster = np.repeat(np.arange(n_clusters), 10)
    return logloss.measure(labels, y_logit=OVERCONFIDENCE * logits, cluster=cluster)


def main() -> None:
    """Print the coverage of each interval."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    random = np.random.default_rng(5)
    all_draws, chance.N_DRAWS = chance.N_DRAWS, DRAWS
    for kind, sample in {"rows": plain, "weighted": weighted, "clustered": clustered}.items():
        for centre in CENTRES:
            right = truth(centre)
            if kind == "clustered":
                # Without a chance level there is nothing beyond it.
                del right["beyond_chance"]
            for n_rows in SIZES:
                if n_rows * right["base_rate"] < 10:
                    continue
                samples = [sample(random, centre, n_rows) for _ in range(repetitions)]
                samples = [m for m in samples if m.log_loss.has_interval]
                if len(samples) >= repetitions / 2:
                    head = f"{kind}, base rate {right['base_rate']:.3f}, {n_rows:6,} rows, {len(samples)} samples"
                    print(f"{head}: {coverage(samples, right)}", flush=True)
    chance.N_DRAWS = all_draws
    for n_rows in (100, 1000):
        found = []
        for _ in range(repetitions):
            proba = random.beta(2, 3, n_rows)
            labels = (random.random(n_rows) < proba).astype(np.uint8)
            found.append(float(logloss.measure(labels, proba).miscalibration.p_value))
        shares = "  ".join(f"{level}: {np.mean(np.array(found) <= level):.3f}" for level in (0.05, 0.1, 0.5))
        print(f"share of p-values of {repetitions} calibrated forecasters of {n_rows} rows up to {shares}", flush=True)


if __name__ == "__main__":
    main()
