"""Shapes of tables of few rows: held-out losses beside a logistic regression with l2 = 1 on standardised numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_wine

import logloss


def loss_of(model, X, y) -> float:
    logits = model.predict_logit(X)
    return float(np.mean(np.logaddexp(0.0, logits) - y * logits))


def excess(X, y, n_rows: int, seed: int) -> float:
    """By how much the loss of shapes is above that of the line, trained on so many rows that are drawn."""
    order = np.random.default_rng(seed).permutation(len(y))
    old, new = order[:n_rows], order[n_rows:]
    X = X / X[old].std(axis=0)
    shapes = logloss.fit(X[old], y[old], shapes="auto", leave_one_out=False)
    line = logloss.fit(X[old], y[old], l2=1.0, leave_one_out=False)
    return loss_of(shapes, X[new], y[new]) - loss_of(line, X[new], y[new])


def normal_columns(seed: int):
    """Thirteen columns, each with a mean of its own in each class: what a linear model is made for. Nearly separated."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 2100)
    return rng.normal(size=(2100, 13)) + 0.8 * y[:, None], y


def noise(seed: int):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2100, 30)), rng.integers(0, 2, 2100)


def separated(seed: int):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2100, 30))
    return X, (X[:, 0] + X[:, 1] - X[:, 2] > 0).astype(int)


# What curves may cost where there are none: at most twice what they do. Lines over the knots' numbers, which are not
# straight in the values, cost 0.014 of 400 rows; without a prior of lines they cost 0.129 of 100 rows.
@pytest.mark.parametrize(
    ("draw", "n_rows", "most"),
    [(normal_columns, 100, 0.03), (normal_columns, 400, 0.008), (noise, 100, -0.05), (separated, 100, -0.05)],
)
def test_of_few_rows_shapes_are_hardly_worse_than_a_line(draw, n_rows, most):
    excesses = [excess(*draw(seed), n_rows, seed) for seed in range(6)]
    assert np.mean(excesses) <= most


def test_of_the_wines_shapes_are_as_good_as_a_line():
    X, target = load_wine(return_X_y=True)
    excesses = np.array([excess(X, (target == 0).astype(int), 124, seed) for seed in range(1, 9)])
    # The splits' training rows overlap: Nadeau and Bengio's standard error.
    assert excesses.mean() <= 2 * np.sqrt(excesses.var(ddof=1) * (1 / 8 + 3 / 7))
    assert excesses.max() < 0.07


@pytest.mark.parametrize("kind", ["smooth", "linear"])
def test_neither_units_nor_the_scale_of_weights_matter(kind):
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(300, 4)), rng.uniform(0.5, 2.0, 300)
    y = (rng.random(300) < 1 / (1 + np.exp(X[:, 1] - X[:, 0]))).astype(int)
    options = {"shapes": {f"x{k}": kind for k in range(4)}, "leave_one_out": False}

    def logits(unit, scale):
        table = {f"x{k}": unit * X[:, k] for k in range(4)} | {"y": y, "w": scale * weight}
        return logloss.fit(table, "y", sample_weight="w", **options).predict_logit(table)

    plain = logits(1.0, 1.0)
    assert logits(1.0, 1e3) == pytest.approx(plain, abs=1e-6)
    assert logits(8.0, 1.0) == pytest.approx(plain, abs=1e-6)


def test_columns_without_an_effect_leave_a_table_of_many_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 11))
    y = rng.random(20_000) < 1 / (1 + np.exp(-X[:, 0] - 0.5 * X[:, 1]))
    model = logloss.fit(X, y.astype(int), shapes="auto", leave_one_out=False)
    freedom = [model.shapes[f"x{k}"].effective_degrees_of_freedom for k in range(11)]
    # Straight effects of normal columns: the part that bends is out.
    assert freedom[:2] == pytest.approx([1.0, 1.0], abs=0.01)
    # The largest of chance effects look like weak ones.
    assert np.median(freedom[2:]) < 0.5
