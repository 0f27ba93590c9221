"""Thresholds and curves of a summary: how long they take, and how often their intervals cover the true values.

    speed                      milliseconds from a summary: of few exact scores, of 10^6 distinct ones, of clusters
    rows, weights, clusters    coverage of shares, net benefit and cost of populations of known truth (`honesty.py`)
    chosen                     the true cost of the threshold of the lowest cost, less that on the rows, and `optimism`

Each takes one to two minutes of one core; `--of rows --add --json` adds a part to the record.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from _honesty_claims import Answers, Case, all_answers, effective, judged
from _honesty_measures import CLUSTERED, cluster_of_rows, weighting
from _honesty_populations import POPULATIONS, Grid, Normal, Table, beta_scores
from _record import Lines, record
from _samples import labels_of
from scipy.special import expit, logit

import logloss

# Between the ratings of the populations of ratings: no score is at a threshold.
THRESHOLDS = (0.15, 0.45, 0.75)
COST_FP, COST_FN = 1.0, 4.0
FIGURES = ("predicted_positive", "recall", "fpr", "precision", "npv", "net_benefit", "cost")
GRID = 400_001


def true_figures(grid: Grid) -> dict[str, float]:
    """The figures of a population at each threshold."""
    found = {}
    for t in THRESHOLDS:
        above = grid.forecast >= logit(t)
        tp, fp = grid.mean(above * grid.truth), grid.mean(above * (1 - grid.truth))
        rate = grid.mean(grid.truth)
        fn, tn, odds = rate - tp, 1 - rate - fp, t / (1 - t)
        values = (tp + fp, tp / rate, fp / (1 - rate), tp / (tp + fp) if tp + fp else np.nan, tn / (tn + fn))
        values = (*values, tp - odds * fp, COST_FP * fp + COST_FN * fn)
        found |= {f"{name} at {t}": float(value) for name, value in zip(FIGURES, values, strict=True)}
        found[f"net benefit above treat all at {t}"] = float(odds * tn - fn)
    return found


def claims_of(m: logloss.Measurement) -> Answers:
    """The intervals at each threshold."""
    found: Answers = {}
    curve = m.decision_curve(THRESHOLDS)
    for row, other in zip(m.thresholds(THRESHOLDS, cost_fp=COST_FP, cost_fn=COST_FN), curve, strict=True):
        t = row["threshold"]
        found |= {f"{name} at {t}": (row[f"{name}_low"], row[f"{name}_high"]) for name in FIGURES}
        found[f"net benefit above treat all at {t}"] = other["above_treat_all_low"], other["above_treat_all_high"]
    return found


def grid_of(population: Any) -> Grid:
    """A grid so fine that a threshold between two of its points moves no share by more than 1e-5."""
    return population.grid(GRID) if isinstance(population, Normal) else population.grid()


def case_of(name: str, population: Normal | Table, n_rows: int) -> Case:
    """Independent rows, weighted or not."""

    def draw(random: np.random.Generator) -> Answers:
        labels, logits, weights = population.sample(random, n_rows)
        return claims_of(logloss.measure(labels, y_logit=logits, **weighting(weights))) | effective(labels, weights)

    return Case(f"{name}, {n_rows:,} rows", n_rows, draw, lambda: true_figures(grid_of(population)))


def clustered(name: str, cluster: Any, *, one_score: bool) -> Case:
    """Rows of a cluster share an effect; with one_score all of them have one prediction, too."""

    def draw(random: np.random.Generator) -> Answers:
        z = random.standard_normal(int(cluster.max()) + 1)[cluster] if one_score else None
        if z is None:
            labels, logits, _ = CLUSTERED.sample(random, len(cluster), cluster)
        else:
            effects = CLUSTERED.effect * random.standard_normal(int(cluster.max()) + 1)[cluster]
            labels, logits = labels_of(random, expit(CLUSTERED.truth(z) + effects)), CLUSTERED.forecast(z)
        m = logloss.measure(labels, y_logit=logits, cluster=cluster)
        return claims_of(m) | effective(labels, None, cluster)

    return Case(name, len(cluster), draw, lambda: true_figures(grid_of(CLUSTERED)))


def rows() -> list[Case]:
    """Independent rows."""
    names = ("calibrated", "overconfident", "ratings")
    found = [case_of(name, POPULATIONS[name], n) for name in names for n in (100, 500, 5_000)]
    return [*found, case_of("base rate 0.002", POPULATIONS["base rate 0.002"], 50_000)]


def weights() -> list[Case]:
    """Lognormal weights, independent of all else or growing with the score."""
    plain = [Normal(beta_scores, weight=sigma) for sigma in (0.5, 1.0)]
    found = [case_of(f"weights, σ {each.weight}", each, n) for each in plain for n in (500, 5_000)]
    tilted = Normal(beta_scores, weight=1.0, tilt=0.6)
    return [*found, case_of("weights that grow with the score, σ 1.0", tilted, 5_000)]


def clusters() -> list[Case]:
    """Equal and unequal clusters."""
    kinds = (("equal", 30), ("equal", 100), ("Zipf", 30), ("Zipf", 100))
    found = [clustered(f"{n} {kind} clusters", cluster_of_rows(kind, n), one_score=False) for kind, n in kinds]
    one_score = clustered("100 equal clusters, one score each", cluster_of_rows("equal", 100), one_score=True)
    return [*found, one_score]


def coverage(part: Callable[[], list[Case]], requested: argparse.Namespace) -> Lines:
    """Coverage of every interval of the cases of a part: the lowest and the highest, and how many hold."""
    wanted = [case for case in part() if case.n_rows <= requested.largest]
    for case, answers in zip(wanted, all_answers(part, wanted, requested.repetitions, 1), strict=True):
        found = dict(judged(answers, case.true_values()))
        known = {claim: each["coverage_percent"] for claim, each in found.items() if "coverage_percent" in each}
        worst = sorted(known, key=known.__getitem__)
        figures = {"claims": len(found), "holds": sum(each["verdict"] == "holds" for each in found.values())}
        for name in ("too narrow", "too wide", "withheld"):
            figures[name.replace(" ", "_")] = sum(each["verdict"] == name for each in found.values())
        if known:
            figures |= {"mean_percent": statistics.mean(known.values()), "lowest_percent": known[worst[0]]}
            figures |= {"of": worst[0], "highest_percent": known[worst[-1]]}
        yield case.name, figures | {"is_promised": next(iter(found.values()))["is_promised"]}


def chosen(requested: argparse.Namespace) -> Lines:
    """The true cost of the chosen threshold, above that on the rows, beside `optimism`."""
    for name in ("calibrated", "overconfident", "shifted"):
        population = POPULATIONS[name]
        grid = grid_of(population)
        for n_rows in (200, 2_000):
            if n_rows > requested.largest:
                continue
            rises, promised, gained, p_values = [], [], [], []
            for number in range(requested.repetitions):
                random = np.random.default_rng([n_rows, number])
                labels, logits, _ = population.sample(random, n_rows)
                found = logloss.measure(labels, y_logit=logits).decision_costs(cost_fp=COST_FP, cost_fn=COST_FN)
                rises.append(true_cost(grid, found.lowest_cost_threshold) - found.lowest_cost)
                promised.append(found.optimism)
                p_values.append(found.p_value)
                gained.append(true_cost(grid, found.implied_threshold) - true_cost(grid, found.lowest_cost_threshold))
            figures = {
                "rise_on_new_rows": statistics.mean(rises),
                "error": statistics.stdev(rises) / len(rises) ** 0.5,
                "optimism": statistics.mean(promised),
                "true_gain_of_choosing": statistics.mean(gained),
                "rejected_percent": 100 * statistics.mean(p < 0.05 for p in p_values),
            }
            yield f"chosen: {name}, {n_rows:,} rows", figures


def true_cost(grid: Grid, threshold: float) -> float:
    """The cost per row in the population."""
    above = grid.forecast >= (logit(threshold) if threshold < 1 else np.inf)
    return grid.mean(np.where(above, COST_FP * (1 - grid.truth), COST_FN * grid.truth))


def summaries(n_rows: int) -> Mapping[str, logloss.Measurement]:
    """Measurements of many rows."""
    random = np.random.default_rng(0)
    proba = random.beta(1.0, 2.0, n_rows)
    labels = labels_of(random, proba**1.3)
    cluster = np.arange(n_rows) % 4_000
    return {
        f"{n_rows:,} distinct scores": logloss.measure(labels, proba),
        "1,000 exact scores": logloss.measure(labels, np.round(proba, 3)),
        "4,000 clusters": logloss.measure(labels, proba, cluster=cluster),
    }


def speed(requested: argparse.Namespace) -> Lines:
    """Milliseconds from a summary."""
    for name, m in summaries(requested.rows).items():
        work = {
            "four thresholds": lambda m=m: m.thresholds([0.1, 0.2, 0.5, 0.8]),
            "costs": lambda m=m: m.decision_costs(cost_fp=1, cost_fn=5),
            "decision curve, 99 thresholds": lambda m=m: m.decision_curve(),
            "ROC curve": lambda m=m: m.roc_curve(),
            "precision-recall curve": lambda m=m: m.precision_recall_curve(),
        }
        for what, call in work.items():
            call()
            of_processor, elapsed = [], []
            for _ in range(requested.rounds):
                began = time.process_time(), time.perf_counter()
                call()
                of_processor.append(1e3 * (time.process_time() - began[0]))
                elapsed.append(1e3 * (time.perf_counter() - began[1]))
            yield (
                f"{name}: {what}",
                {"ms": statistics.median(elapsed), "ms_of_processor": statistics.median(of_processor)},
            )


PARTS: dict[str, Callable[[argparse.Namespace], Lines]] = {
    "speed": speed,
    "rows": partial(coverage, rows),
    "weights": partial(coverage, weights),
    "clusters": partial(coverage, clusters),
    "chosen": chosen,
}


def thresholds(requested: argparse.Namespace) -> Lines:
    """The parts that were asked for."""
    for name in requested.of:
        yield from PARTS[name](requested)


if __name__ == "__main__":
    sizes = {"rows": (1_000_000, 5_000), "rounds": (9, 1), "repetitions": (150, 2), "largest": (50_000, 3_100)}
    record(thresholds, choices={"of": tuple(PARTS)}, **sizes)
