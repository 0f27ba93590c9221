"""Excess losses of maps over the true probabilities: populations of scores, and maps beside those of `calibrate`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from _record import Figures, Lines
from _samples import expected_loss, labels_of
from scipy.special import expit, logit
from sklearn.ensemble import RandomForestClassifier
from sklearn.isotonic import IsotonicRegression

import logloss


class Scores(NamedTuple):
    """Log-odds of a forecaster: their distribution, and the true log-odds given them."""

    draw: Callable[[np.random.Generator, int], Any]
    truth: Callable[[Any], Any]


def normal(centre: float, spread: float) -> Callable[[np.random.Generator, int], Any]:
    """Normal scores."""
    return lambda random, n: random.normal(centre, spread, n)


SCORES = {
    "calibrated": Scores(normal(-0.5, 1.5), lambda z: z),
    "overconfident": Scores(normal(-0.4, 1.5), lambda z: 0.7 * z - 0.2),
    "two slopes": Scores(normal(-0.5, 1.5), lambda z: np.where(z < 0, 0.6 * z, 1.3 * z)),
    "ten ratings": Scores(lambda random, n: np.round(2 * random.normal(0, 1.3, n)) / 2, lambda z: 0.8 * z),
    "base rate 0.02": Scores(normal(-5, 1.5), lambda z: 0.8 * z - 0.5),
    "strongly overconfident": Scores(normal(0, 4), lambda z: 0.5 * z),
    "non-monotone": Scores(normal(-0.3, 1.6), lambda z: 0.9 * z + 0.7 * np.sin(2 * z)),
    # Steps, which lines between pools do not fit.
    "three steps": Scores(normal(-0.5, 1.5), lambda z: np.where(z < -1, -2.0, np.where(z < 0.7, -0.5, 1.5))),
}
SIZES = {200: 60, 1000: 30, 5000: 12, 50_000: 4}


def half_a_row_at_both_ends(logits: Any, labels: Any) -> IsotonicRegression:
    """Isotonic regression with flat pools, and the same added rows as ours, so that no pool is at 0 or 1."""
    ends = [logits.min()] * 2 + [logits.max()] * 2
    rows = np.concatenate([logits, ends]), np.concatenate([labels, [0, 1, 0, 1]])
    return IsotonicRegression(out_of_bounds="clip").fit(
        *rows, sample_weight=np.concatenate([np.ones(len(labels)), [0.5] * 4])
    )


class Pool(NamedTuple):
    """Ones and rows of a pool, and the pool before it."""

    ones: float
    rows: float
    before: Pool | None


def venn_abers(logits: Any, labels: Any) -> tuple[Any, Any, Any]:
    """(Distinct scores, the isotonic fit there with one row of 0 more, with one of 1 more).

    Vovk, Petej and Fedorova (2015), Large-scale probabilistic predictors with and without guarantees, NIPS 28.
    """
    scores, place = np.unique(logits, return_inverse=True)
    rows, ones = np.bincount(place).tolist(), np.bincount(place, labels).tolist()
    n = len(scores)

    def pools(order: Iterator[int], sign: int) -> dict[int, Pool | None]:
        """The pools of all places before each in an order, the last one first."""
        found, last = {}, None
        for i in order:
            found[i] = last
            one, row = ones[i], rows[i]
            while last is not None and sign * (last.ones * row - one * last.rows) >= 0:
                one, row, last = one + last.ones, row + last.rows, last.before
            last = Pool(one, row, last)
        return found

    below, above = pools(iter(range(n)), 1), pools(iter(range(n - 1, -1, -1)), -1)
    fits = np.empty((2, n))
    for label in (0, 1):
        for i in range(n):
            one, row, left, right = ones[i] + label, rows[i] + 1, below[i], above[i]
            while True:
                if left is not None and left.ones * row >= one * left.rows:
                    one, row, left = one + left.ones, row + left.rows, left.before
                elif right is not None and right.ones * row <= one * right.rows:
                    one, row, right = one + right.ones, row + right.rows, right.before
                else:
                    break
            fits[label, i] = one / row
    return scores, fits[0], fits[1]


def maps_of(logits: Any, labels: Any) -> dict[str, Callable[[Any], Any]]:
    """Functions from log-odds to recalibrated probabilities, by map."""
    flat = half_a_row_at_both_ends(logits, labels)
    found: dict[str, Callable[[Any], Any]] = {
        name: logloss.calibrate(labels, y_logit=logits, method=name, n_folds=2).apply_logit
        for name in ("platt", "beta", "isotonic")
    }
    found = {name: lambda z, becomes=becomes: expit(becomes(z)) for name, becomes in found.items()}
    found["flat pools"] = flat.predict
    scores, with_zero, with_one = venn_abers(logits, labels)
    # A row of 0 between two scores is pooled with what lies below, a row of 1 with what lies above.
    with_zero, with_one = np.concatenate([[0.0], with_zero]), np.concatenate([with_one, [1.0]])

    def both(z: Any) -> tuple[Any, Any]:
        return with_zero[np.searchsorted(scores, z, "right")], with_one[np.searchsorted(scores, z)]

    def minimax(z: Any) -> Any:
        low, high = both(z)
        return high / (1 - low + high)

    return found | {"Venn-Abers, mean": lambda z: sum(both(z)) / 2, "Venn-Abers, minimax": minimax}


def forest(random: np.random.Generator, n_trees: int) -> tuple[Any, Any]:
    """Out-of-sample predictions of a small forest, and the true probabilities."""

    def drawn(n: int) -> tuple[Any, Any]:
        features = random.normal(size=(n, 8))
        score = 1.6 * features[:, 0] - 1.2 * features[:, 1] * features[:, 2] + 0.8 * features[:, 3] - 1
        return features, expit(1.3 * score)

    features, truth = drawn(500)
    grown = RandomForestClassifier(n_trees, random_state=int(random.integers(1 << 30)))
    grown.fit(features, labels_of(random, truth))
    features, truth = drawn(8000)
    return grown.predict_proba(features)[:, 1], truth


def rounded(random: np.random.Generator, step: float, slope: float) -> tuple[Any, Any]:
    """A forecaster that rounds; with slope 1 calibrated apart from that."""
    z = random.normal(-1, 2.5, 8000)
    return np.round(expit(z) / step) * step, expit(slope * z)


def certain_share(random: np.random.Generator, share: float, wrong: float) -> tuple[Any, Any]:
    """A calibrated forecaster that is certain about a share of the rows, some of them wrongly."""
    p = expit(random.normal(-0.5, 1.2, 8000))
    u = random.random(8000)
    is_zero, is_one = u < share / 2, u > 1 - share / 2
    return np.where(is_zero, 0, np.where(is_one, 1, p)), np.where(is_zero, wrong, np.where(is_one, 1 - wrong, p))


CERTAIN: dict[str, Callable[[np.random.Generator], tuple[Any, Any]]] = {
    "a forest of 10 trees": lambda random: forest(random, 10),
    "a forest of 30 trees": lambda random: forest(random, 30),
    "rounded to 0.01": lambda random: rounded(random, 0.01, 1.0),
    "overconfident, rounded to 0.01": lambda random: rounded(random, 0.01, 0.6),
    "rounded to 0.1": lambda random: rounded(random, 0.1, 1.0),
    "certain about 25%, never wrong": lambda random: certain_share(random, 0.25, 0.0),
    "certain about 6%, one in ten wrong": lambda random: certain_share(random, 0.06, 0.1),
}


def mean_loss(proba: Any, truth: Any) -> float:
    """The expected log loss of predicted probabilities, given the true ones; 0 · log 0 is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        of_one, of_zero = np.where(truth > 0, -truth * np.log(proba), 0), -np.log1p(-proba)
    return float((of_one + np.where(truth < 1, (1 - truth) * of_zero, 0)).mean())


def certain(requested: argparse.Namespace) -> Lines:
    """Forecasts of exactly 0 and 1: samples in which none is wrong, those with an infinite loss on new rows among them,
    and the loss in nats per row above that of the mixture with the best ε and the base rate of the population."""
    for n_rows, repetitions in ((200, 60), (1000, 25), (5000, 10)):
        for name, make in CERTAIN.items():
            if n_rows > requested.largest:
                continue
            random = np.random.default_rng(n_rows)
            figures = {"none_wrong": 0, "auto_infinite": 0}
            excess: dict[str, list[float]] = {"mixture": [], "auto": []}
            for _ in range(min(repetitions, requested.repetitions)):
                p, truth = make(random)
                rows = random.integers(0, len(p), n_rows)
                predicted, labels = p[rows], labels_of(random, truth[rows])
                if not ((predicted == 0) | (predicted == 1)).any():
                    continue
                best = min(mean_loss((1 - e) * p + e * truth.mean(), truth) for e in np.geomspace(1e-6, 0.5, 60))
                for method, values in excess.items():
                    made = logloss.calibrate(labels, predicted, method=method)
                    values.append(mean_loss(made.apply(p), truth) - best)
                if not (np.where(labels == 1, predicted, 1 - predicted) == 0).any():
                    figures["none_wrong"] += 1
                    figures["auto_infinite"] += math.isinf(excess["auto"][-1])
            means = {f"{method}_nats": float(np.mean(values)) for method, values in excess.items() if values}
            yield f"{n_rows} rows, {name}", {**figures, **means}


def maps(requested: argparse.Namespace) -> Lines:
    """Excess loss over the true probabilities on new rows, in nats per row, by population, size and map."""
    for n_rows, repetitions in SIZES.items():
        for name, scores in SCORES.items():
            if n_rows > requested.largest:
                continue
            random = np.random.default_rng(n_rows)
            new = scores.draw(random, 20_000)
            truth = scores.truth(new)
            least = expected_loss(expit(truth), truth).mean()
            excess: dict[str, list[float]] = {}
            for _ in range(min(repetitions, requested.repetitions)):
                logits = scores.draw(random, n_rows)
                labels = labels_of(random, expit(scores.truth(logits)))
                for kind, becomes in maps_of(logits, labels).items():
                    with np.errstate(divide="ignore"):
                        loss = expected_loss(expit(truth), logit(becomes(new))).mean()
                    excess.setdefault(kind, []).append(float(loss - least))
            mean: Figures = {f"{kind}_nats": float(np.mean(values)) for kind, values in excess.items()}
            better = np.array(excess["isotonic"]) < np.array(excess["flat pools"])
            yield f"{n_rows} rows, {name}", mean | {"beats_flat_percent": float(100 * better.mean())}
