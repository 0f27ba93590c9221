"""What new rows may cost: the loss of each row under a fit to the others, against fits that are made one by one."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import logloss
from logloss.onepass.summaries import leftout
from logloss.training import leave_one_out, recipe

SEED = 20261124


def drawn(n_rows, width=3, seed=SEED, strength=1.0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_rows, width)) * [1.0, 100.0, 0.01][:width] + [0.0, 5.0, -3.0][:width]
    z = strength * (features - features.mean(axis=0)) / features.std(axis=0) @ np.array([1.0, -0.7, 0.4])[:width]
    return features, (rng.random(n_rows) < 1 / (1 + np.exp(-z))).astype(int)


def by_hand(features, labels, weights=None, counts=None, **options):
    """Mean loss of each row under a fit of its own to all others."""
    n_rows = len(labels)
    weights = np.ones(n_rows) if weights is None else weights
    counts = np.ones(n_rows, dtype=int) if counts is None else counts
    costs = []
    for i in range(n_rows):
        left = counts - (np.arange(n_rows) == i)
        mine = weights * (left > 0)
        model = logloss.fit(features, labels, sample_weight=mine, counts=left, leave_one_out=False, **options)
        costs.append(logloss.surprisal(labels[i : i + 1], model.predict_proba(features[i : i + 1]))[0])
    return float(np.average(costs, weights=weights * counts))


@pytest.mark.parametrize("l2", [0.0, 2.0])
def test_small_tables_are_refitted_without_each_row(l2):
    features, labels = drawn(40)
    new = logloss.fit(features, labels, l2=l2).out_of_sample
    assert (new.kind, new.n_rows, new.n_infinite) == ("refits", 40, 0)
    # Both sides are certified; a half squared decrement of 1e-20 a row moves a logit by less than 1e-9.
    assert new.log_loss == pytest.approx(by_hand(features, labels, l2=l2), abs=1e-9)
    assert new.log_loss > logloss.fit(features, labels, l2=l2).log_loss


def test_a_row_is_left_out_with_its_weight_and_one_of_its_counts():
    features, labels = drawn(30, width=2)
    rng = np.random.default_rng(SEED)
    weights, counts = rng.gamma(1.0, 1.0, 30), rng.integers(1, 4, 30)
    new = logloss.fit(features, labels, l2=0.5, sample_weight=weights).out_of_sample
    assert new.log_loss == pytest.approx(by_hand(features, labels, weights, l2=0.5), abs=1e-9)
    counted = logloss.fit(features, labels, l2=0.5, counts=counts).out_of_sample
    copies = logloss.fit(np.repeat(features, counts, axis=0), np.repeat(labels, counts), l2=0.5).out_of_sample
    assert counted.log_loss == pytest.approx(copies.log_loss, abs=1e-9)


@pytest.mark.parametrize("options", [{"l2": 5.0}, {"l1": 5.0}, {"shapes": "auto"}])
def test_rows_of_clusters_are_left_out_one_by_one_and_the_answer_says_so(options):
    """With effects of the clusters, new ones cost more than new rows of the same."""
    rng = np.random.default_rng(3)
    cluster = np.arange(600) % 30
    effect, level = rng.normal(0, 1.5, 30), rng.normal(0, 1, 30)
    x, u = rng.normal(size=600), level[cluster]
    y = (rng.random(600) < 1 / (1 + np.exp(-(x + effect[cluster])))).astype(int)
    table = pd.DataFrame({"x": x, "u": u, "y": y, "cluster": cluster})
    model = logloss.fit(table, "y", features=["x", "u"], cluster="cluster", **options)
    assert leave_one_out.OF_SINGLE_ROWS in model.notes
    alone = logloss.fit(table, "y", features=["x", "u"], **options)
    assert leave_one_out.OF_SINGLE_ROWS not in alone.notes
    losses = np.empty(600)
    for k in range(30):
        rest = logloss.fit(table[cluster != k], "y", features=["x", "u"], leave_one_out=False, **options)
        own = table[cluster == k]
        losses[cluster == k] = logloss.surprisal(own["y"], rest.predict_proba(own))
    assert losses.mean() > model.out_of_sample.log_loss


def test_rows_without_which_the_others_are_separated_cost_without_limit():
    """Two points hold the ten together: without either a line divides the rest."""
    x, y = [-2.2, -1.4, -0.8, 0.2, 0.4, 0.8, 1.2, 2.2, 2.9, 4.6], [0, 0, 1, 0, 1, 1, 1, 1, 1, 1]
    model = logloss.fit(x, y)
    assert (model.out_of_sample.log_loss, model.out_of_sample.n_infinite) == (math.inf, 2)
    assert model.out_of_sample.first_infinite == "row 2"
    assert "inf leave-one-out" in repr(model)
    assert "2 rows (first: row 2): without any one of them the remaining rows are separated" in repr(model)
    assert model.to_dict()["log_loss_out_of_sample_nats"] == "inf"


def test_the_only_row_of_a_class_leaves_none_behind():
    model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 0], l2=1.0)
    assert model.out_of_sample.n_infinite == 1
    assert model.out_of_sample.first_infinite == "row 2"


def test_one_step_is_near_to_a_refit_on_a_thousand_rows(monkeypatch):
    """The step's own error is of second order in the leverages, here about 0.004 each."""
    features, labels = drawn(900)
    exact = logloss.fit(features, labels).out_of_sample
    monkeypatch.setattr(recipe, "KEPT_WHOLE", 10)
    monkeypatch.setattr(leave_one_out, "KEPT_WHOLE", 10)
    model = logloss.fit(features, labels)
    assert model.out_of_sample.kind == "steps"
    increase = exact.log_loss - model.log_loss
    assert model.out_of_sample.log_loss - model.log_loss == pytest.approx(increase, rel=0.02)
    # What theory says of it: about one parameter per row, in nats twice the half of it that fitting gains.
    assert increase == pytest.approx(2 * model.estimation_error, rel=0.2)


def test_steps_see_categories_as_columns_of_zeros_and_ones(monkeypatch):
    rng = np.random.default_rng(SEED)
    n_rows = 1_500
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n_rows),
            "city": rng.choice(list("abc"), n_rows),
            "sex": rng.choice(["f", "m"], n_rows),
        }
    )
    labels = (rng.random(n_rows) < 1 / (1 + np.exp(-0.05 * (frame.age - 40) - (frame.city == "b")))).astype(int)
    wide = pd.get_dummies(frame, drop_first=True).astype(float)
    narrow_model, wide_model = logloss.fit(frame, labels), logloss.fit(wide, labels)
    assert narrow_model.out_of_sample.kind == wide_model.out_of_sample.kind == "steps"
    assert narrow_model.out_of_sample.log_loss == pytest.approx(wide_model.out_of_sample.log_loss, abs=1e-12)


def test_a_sample_of_a_large_table_says_what_all_of_it_does(monkeypatch):
    features, labels = drawn(60_000)
    whole = logloss.fit(features, labels)
    assert whole.out_of_sample.kind == "steps"
    monkeypatch.setattr(leave_one_out, "SAMPLED_FROM", 50_000)
    model = logloss.fit(features, labels)
    assert (model.out_of_sample.kind, model.out_of_sample.n_rows) == ("sampled steps", 5_000)
    for shown in (repr(model), model.to_html()):
        assert f"{model.out_of_sample.log_loss:.4f} leave-one-out (a random sample of 5,000 rows); " in shown
    assert f"{whole.out_of_sample.log_loss:.4f} leave-one-out; " in repr(whole)
    increase = whole.out_of_sample.log_loss - whole.log_loss
    # Of 5,000 rows the mean of something whose spread is twice its size: four standard errors are 0.113.
    assert model.out_of_sample.log_loss - model.log_loss == pytest.approx(increase, rel=0.12)


def test_a_level_with_a_single_positive_row_is_seen_among_many_rows():
    """Its leverage is small, 1 in 13, but without it the level has no positive row: the rest is separated."""
    rng = np.random.default_rng(SEED)
    city = np.where(np.arange(2_000) < 13, "rare", rng.choice(["a", "b"], 2_000))
    labels = (rng.random(2_000) < 0.4).astype(int)
    labels[:13] = np.arange(13) == 7
    model = logloss.fit({"city": city}, labels)
    assert model.out_of_sample.kind == "steps"
    assert (model.out_of_sample.log_loss, model.out_of_sample.n_infinite) == (math.inf, 1)
    assert model.out_of_sample.first_infinite == "row 7"
    assert math.isfinite(model.out_of_sample.log_loss_where_finite)


def test_the_only_positive_row_of_many_may_be_left_out():
    """The others hold no row of the positive class, which in a table of their own would be refused."""
    values = np.random.default_rng(SEED).normal(size=2_000)
    labels = np.where(np.arange(2_000) == 7, "yes", "no")
    new = logloss.fit(values, labels, pos_label="yes").out_of_sample
    assert (new.log_loss, new.n_infinite, new.first_infinite) == (math.inf, 1, "row 7")


def test_nothing_is_suspected_where_nothing_is_wrong(monkeypatch):
    """A refit for each suspect is dear: ordinary tables must have none."""
    features, labels = drawn(5_000)

    def refuse(*arguments):
        raise AssertionError

    monkeypatch.setattr(leave_one_out, "refit_without", refuse)
    assert math.isfinite(logloss.fit(features, labels).out_of_sample.log_loss)
    assert leftout.SUSPICIOUS < 1


def test_new_rows_are_not_asked_of_a_separated_table():
    with pytest.warns(logloss.SeparationWarning):
        assert logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1]).out_of_sample is None
    assert logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], leave_one_out=False).out_of_sample is None
