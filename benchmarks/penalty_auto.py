"""The penalty chosen by leave-one-out, `fit(penalty="auto")`: what the choice loses on new rows, and its interval.

`regrets` draws tables of five populations, and compares the loss of the chosen model on 40,000 new rows (its mean under
their true probabilities) with that of the best of 25 values of l2, chosen with those rows: the regret, in nats per row.
auto: of penalty="auto"; one_standard_error: of its rule; folds: of l2_path=True, five folds; none: without a penalty,
of the tables whose classes are not separated, if there are any. worst: the largest of auto. A regret can be below 0, as
the 25 values do not contain the chosen one.

`intervals` counts how often the interval of the leave-one-out loss of the chosen value contains the loss of the model
on 20,000 new rows.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from _record import Figures, Lines, record
from _samples import expected_loss, labels_of
from penalty import table
from scipy.special import expit

import logloss

SEED, N_NEW, N_FINE = 20261130, 40_000, 25
CHOICES = ("auto", "one_standard_error", "folds", "none")


def dense(random: np.random.Generator, n_rows: int) -> tuple[Any, Any]:
    """Twenty columns that all tell something: features and log-odds."""
    features = random.standard_normal((n_rows, 20))
    return features, features @ (random.standard_normal(20) * 0.3) - 0.5


def correlated(random: np.random.Generator, n_rows: int) -> tuple[Any, Any]:
    """Thirty columns, each with a correlation of 0.95 with the one before."""
    features = random.standard_normal((n_rows, 30))
    for j in range(1, 30):
        features[:, j] = 0.95 * features[:, j - 1] + math.sqrt(1 - 0.95**2) * features[:, j]
    return features, features @ (random.standard_normal(30) * 0.2)


def noise(random: np.random.Generator, n_rows: int) -> tuple[Any, Any]:
    """A hundred columns, of which five tell something."""
    features = random.standard_normal((n_rows, 100))
    return features, features[:, :5] @ (random.standard_normal(5) * 0.5)


def categories(random: np.random.Generator, n_rows: int) -> tuple[Any, Any]:
    """Categories of 60 and of 12 levels, and a number."""
    codes, x = random.integers(0, [60, 12], (n_rows, 2)), random.standard_normal(n_rows)
    effects = random.standard_normal((2, 60)) * 0.5
    columns = {"g": codes[:, 0].astype(str), "h": codes[:, 1].astype(str), "x": x}
    return columns, effects[0, codes[:, 0]] + effects[1, codes[:, 1]] + 0.5 * x


def rare(random: np.random.Generator, n_rows: int) -> tuple[Any, Any]:
    """Twenty columns that all tell something, and a base rate of about 0.05."""
    features = random.standard_normal((n_rows, 20))
    return features, features @ (random.standard_normal(20) * 0.25) - 3.3


POPULATIONS: tuple[Callable[[np.random.Generator, int], tuple[Any, Any]], ...] = (
    dense,
    correlated,
    noise,
    categories,
    rare,
)


def part(features: Any, rows: slice) -> Any:
    """Some rows."""
    return {name: own[rows] for name, own in features.items()} if isinstance(features, dict) else features[rows]


def regrets(requested: argparse.Namespace) -> Lines:
    """What each choice loses, by population and number of rows."""
    for n_rows in (requested.rows // 4, requested.rows, requested.rows * 4):
        for population in POPULATIONS:
            with warnings.catch_warnings(action="ignore"):
                lost = [regrets_of(population, n_rows, seed) for seed in range(requested.repetitions)]
            named = {name: [own[name] for own in lost if name in own] for name in CHOICES}
            figures = {name: float(np.mean(values)) for name, values in named.items() if values}
            yield f"{population.__name__}, {n_rows:,} rows", figures | {"worst": max(named["auto"])}


def regrets_of(population: Callable[..., tuple[Any, Any]], n_rows: int, seed: int) -> dict[str, float]:
    """Of one table."""
    random = np.random.default_rng((SEED, seed))
    features, logits = population(random, n_rows + N_NEW)
    labels, proba = labels_of(random, expit(logits[:n_rows])), expit(logits[n_rows:])
    train, new = part(features, slice(n_rows)), part(features, slice(n_rows, None))

    def loss(model: logloss.LogisticModel) -> float:
        return float(np.mean(expected_loss(proba, model.predict_logit(new))))

    def fitted(**options: Any) -> logloss.LogisticModel:
        return logloss.fit(train, labels, leave_one_out=False, **options)

    auto, none = fitted(penalty="auto"), fitted()
    path = auto.path
    positive = [point.l2 for point in path.points if point.l2 > 0]
    best = min(loss(fitted(l2=float(l2))) for l2 in np.geomspace(positive[0], positive[-1], N_FINE))
    lost = {
        "auto": loss(auto) - best,
        "one_standard_error": loss(fitted(l2=path.within_one_standard_error.l2)) - best,
        "folds": loss(fitted(l2_path=True)) - best,
    }
    return lost if none.separation is not None else lost | {"none": loss(none) - best}


def intervals(requested: argparse.Namespace) -> Lines:
    """How often the interval of the chosen value's loss contains the loss of the model on new rows."""
    for n_rows in (200, 1000):
        yield f"{n_rows} rows", coverage(n_rows, 10 * requested.repetitions)


def coverage(n_rows: int, repetitions: int) -> Figures:
    """The share of intervals that contain what they estimate, and by how much the loss is off on average."""
    random = np.random.default_rng(SEED)
    covered, excess = 0, []
    for _ in range(repetitions):
        features, labels = table(random, n_rows)
        with warnings.catch_warnings(action="ignore"):
            model = logloss.fit(features[:n_rows], labels[:n_rows], penalty="auto", leave_one_out=False)
        loss = logloss.log_loss(labels[n_rows:], y_logit=model.predict_logit(features[n_rows:]))
        estimate = model.path.chosen.log_loss
        covered += estimate.low <= loss <= estimate.high
        excess.append(float(estimate) - loss)
    return {"covered": covered / repetitions, "mean_error": float(np.mean(excess))}


if __name__ == "__main__":
    record(regrets, intervals, rows=(2000, 400), repetitions=(10, 1))
