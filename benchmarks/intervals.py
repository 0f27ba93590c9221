"""How often the 95 % intervals of `measure` hold the truth, by simulation from a population whose figures are known.

usage: python benchmarks/intervals.py [REPETITIONS]

Logits are normal, the forecaster multiplies them by 1.3 (over-confident). Only samples with at least 20 rows of the
rarer class have an interval. `plain` is mean ± 1.96 standard errors.
"""

from __future__ import annotations

import math
import sys

import numpy as np

import logloss

SPREAD, OVERCONFIDENCE = 1.2, 1.3


def truth(centre: float) -> dict[str, float]:
    """Loss, base rate, uncertainty and skill of the population, by summing over a fine grid of logits."""
    logits = np.linspace(centre - 9 * SPREAD, centre + 9 * SPREAD, 20_001)
    density = np.exp(-0.5 * ((logits - centre) / SPREAD) ** 2)
    density /= density.sum()
    share, said = 1 / (1 + np.exp(-logits)), OVERCONFIDENCE * logits
    loss = float(density @ (share * np.logaddexp(0, -said) + (1 - share) * np.logaddexp(0, said)))
    rate = float(density @ share)
    uncertainty = -rate * math.log(rate) - (1 - rate) * math.log(1 - rate)
    return {"log_loss": loss, "base_rate": rate, "uncertainty": uncertainty, "skill": 1 - loss / uncertainty}


def main() -> None:
    """Print the coverage of each interval."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    random = np.random.default_rng(5)
    for centre in (0.0, -2.6, -5.3):
        right = truth(centre)
        for n_rows in (200, 2000, 20_000):
            held = dict.fromkeys([*right, "plain"], 0)
            n_samples = 0
            for _ in range(repetitions):
                logits = random.normal(centre, SPREAD, n_rows)
                labels = (random.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(np.uint8)
                said = OVERCONFIDENCE * logits
                measured = logloss.measure(labels, y_logit=said)
                if not measured.log_loss.has_interval:
                    continue
                n_samples += 1
                for name, value in right.items():
                    estimate = getattr(measured, name)
                    held[name] += estimate.low <= value <= estimate.high
                losses = logloss.surprisal(labels, y_logit=said)
                error = losses.std(ddof=1) / math.sqrt(n_rows)
                held["plain"] += abs(losses.mean() - right["log_loss"]) < 1.96 * error
            if n_samples >= repetitions / 2:
                shares = "  ".join(f"{name} {100 * count / n_samples:.1f}" for name, count in held.items())
                print(
                    f"base rate {right['base_rate']:.3f}, {n_rows:6,} rows, {n_samples} samples: {shares}", flush=True
                )


if __name__ == "__main__":
    main()
