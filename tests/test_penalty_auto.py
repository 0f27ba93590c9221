"""The L2 penalty chosen by the leave-one-out log loss: against refits, on fresh rows, and its corners."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from test_cli import run  # noqa: F401
from test_engines import dask_client, frame_of  # noqa: F401
from test_penalty_path import L2S, simulated

import logloss
from logloss.training import left_out_path
from logloss.training.left_out_path import REFINED, next_value
from logloss.training.penalty_path import PenaltyPath

SEED = 20261130


def refitted(X, y, l2, weight=None, units=None):
    """Mean loss of each row under a fit to all others, or to those of all other clusters."""
    weight = np.ones(len(y)) if weight is None else weight
    units = np.arange(len(y)) if units is None else units
    costs = np.empty(len(y))
    for unit in np.unique(units):
        own = units == unit
        model = logloss.fit(X[~own], y[~own], l2=l2, sample_weight=weight[~own], leave_one_out=False)
        z = model.predict_logit(X[own])
        costs[own] = np.logaddexp(0, z) - y[own] * z
    return float(np.average(costs, weights=weight))


def some_of(path):
    """The strongest, the chosen and the weakest penalty."""
    return path.points[0], path.chosen, path.points[-1]


def assert_near(point, exact, in_sample, n_units):
    """A Newton step leaves out the change of curvature along it: of the increase of the loss over that in the sample,
    a share of the order of the leverages, whose mean is the degrees of freedom per row or cluster."""
    share = point.effective_degrees_of_freedom / n_units
    assert abs(float(point.log_loss) - exact) <= share * (exact - in_sample)


@pytest.mark.parametrize(("n", "p"), [(300, 4), (100, 4), (60, 80)])
def test_the_loss_at_each_value_is_near_to_that_of_refits(n, p):
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(n, p))
    y = (rng.random(n) < expit(X[:, :4] @ [0.8, -0.5, 0.3, 0.0])).astype(int)
    path = logloss.fit(X, y, penalty="auto").path
    for point in some_of(path)[:2] if p > n else some_of(path):
        in_sample = logloss.fit(X, y, l2=point.l2, leave_one_out=False).log_loss
        assert_near(point, refitted(X, y, point.l2), in_sample, n)


def test_weights_and_clusters_are_left_out_whole():
    rng = np.random.default_rng(SEED)
    X, y = simulated(240)
    weight, site = rng.gamma(2.0, size=240), rng.integers(0, 30, 240)
    weighted = logloss.fit(X, y, penalty="auto", sample_weight=weight).path
    clustered = logloss.fit(X, y, penalty="auto", cluster=site).path
    for point, own in ((weighted.chosen, {"weight": weight}), (clustered.chosen, {"units": site})):
        options = {"sample_weight": weight} if "weight" in own else {}
        in_sample = logloss.fit(X, y, l2=point.l2, leave_one_out=False, **options).log_loss
        assert_near(point, refitted(X, y, point.l2, **own), in_sample, 30 if "units" in own else 100)
    assert (clustered.sampling_unit, clustered.folds) == ("cluster", "each cluster (cluster)")
    # One row in each cluster is a row, and the block formula is that of rows.
    single = logloss.fit(X, y, penalty="auto", cluster=np.arange(240)).path
    rows = logloss.fit(X, y, penalty="auto").path
    assert single.table["l2"] == rows.table["l2"]
    for name in ("log_loss", "std_error", "difference", "difference_low"):
        np.testing.assert_allclose(single.table[name], rows.table[name], rtol=1e-9, atol=1e-11)


def test_standard_errors_are_those_of_rows_and_of_paired_differences():
    X, y = simulated(900)
    path = logloss.fit(X, y, penalty="auto").path
    costs = np.empty((900, len(path.points)))
    rows = np.column_stack([np.ones(900), X])
    for j, point in enumerate(path.points):
        model = logloss.fit(X, y, l2=point.l2, leave_one_out=False)
        z, q = model.predict_logit(X), model.predict_proba(X)
        inverse = np.linalg.inv((rows * (q * (1 - q))[:, None]).T @ rows + np.diag([0.0] + [point.l2] * 4))
        leverage = np.einsum("ij,jk,ik->i", rows, inverse, rows)
        z = z + (q - y) * leverage / (1 - q * (1 - q) * leverage)
        costs[:, j] = np.logaddexp(0, z) - y * z
    # A certificate of 1e-12 nats leaves log-odds off by about 1e-6, and losses that rise with them by a share of it.
    np.testing.assert_allclose(path.table["log_loss"], costs.mean(axis=0), atol=1e-7)
    np.testing.assert_allclose(path.table["std_error"], costs.std(axis=0, ddof=1) / 30, rtol=1e-6)
    best = int(np.argmin(costs.mean(axis=0)))
    apart = costs - costs[:, [best]]
    from scipy.stats import t

    low = apart.mean(axis=0) - t.ppf(0.975, 899) * apart.std(axis=0, ddof=1) / 30
    np.testing.assert_allclose(path.table["difference_low"], low, atol=1e-7)


def test_one_standard_error_is_the_strongest_penalty_within():
    X, y = simulated()
    usual = logloss.fit(X, y, penalty="auto").path
    strong = logloss.fit(X, y, penalty="auto", selection="one_standard_error")
    most = usual.best.log_loss + usual.best.std_error
    assert strong.l2 == max(point.l2 for point in usual.points if point.log_loss <= most) > usual.l2
    assert strong.path.points == usual.points


# --- the choice ---


def dense(rng, n):
    X = rng.standard_normal((n, 20))
    return X, X @ (rng.standard_normal(20) * 0.3) - 0.5


def correlated(rng, n):
    X = rng.standard_normal((n, 30))
    for j in range(1, 30):
        X[:, j] = 0.95 * X[:, j - 1] + math.sqrt(1 - 0.95**2) * X[:, j]
    return X, X @ (rng.standard_normal(30) * 0.2)


def noise(rng, n):
    X = rng.standard_normal((n, 100))
    return X, X[:, :5] @ (rng.standard_normal(5) * 0.5)


def categories(rng, n):
    levels, x = rng.integers(0, [40, 12], (n, 2)), rng.standard_normal(n)
    effects = rng.standard_normal((2, 40)) * 0.5
    frame = pd.DataFrame({"g": np.char.add("g", levels[:, 0].astype(str)), "h": levels[:, 1].astype(str), "x": x})
    return frame, effects[0, levels[:, 0]] + effects[1, levels[:, 1]] + 0.5 * x


def rare(rng, n):
    X = rng.standard_normal((n, 20))
    return X, X @ (rng.standard_normal(20) * 0.25) - 3.3


@pytest.mark.parametrize("population", [dense, correlated, noise, categories, rare])
def test_the_choice_loses_little_on_new_rows(population):
    """Of the loss averaged over two tables, against the best of a fine grid for each, chosen with the new rows."""
    n, n_new, regrets = 3000, 20_000, []
    for seed in (0, 1):
        rng = np.random.default_rng((SEED, seed))
        data, z = population(rng, n + n_new)
        labels, q = (rng.random(n) < expit(z[:n])).astype(int), expit(z[n:])
        train, new = (data.iloc[:n], data.iloc[n:]) if isinstance(data, pd.DataFrame) else (data[:n], data[n:])

        def loss(train=train, labels=labels, new=new, q=q, **options):
            logits = logloss.fit(train, labels, leave_one_out=False, **options).predict_logit(new)
            return float(np.mean(np.logaddexp(0, logits) - q * logits))

        path = logloss.fit(train, labels, penalty="auto", leave_one_out=False).path
        fine = np.geomspace(path.points[0].l2, path.points[-1].l2 or path.points[-2].l2, 25)
        regrets.append(loss(l2=path.l2) - min(loss(l2=float(l2)) for l2 in fine))
    assert np.mean(regrets) <= 1e-3


def test_values_are_added_where_the_loss_is_least():
    losses = {10.0**k: 0.5 + 0.01 * (k - 0.3) ** 2 for k in range(-3, 4)}
    # The minimum of a parabola in log10 l2, at 0.3.
    assert next_value(losses) == pytest.approx(10**0.3, rel=3e-3)
    assert next_value({l2: 0.5 + REFINED * (loss - 0.5) for l2, loss in losses.items()}) is None
    assert next_value({l2: l2 for l2 in losses}) is None
    assert next_value({0.0: 0.1} | losses) == next_value(losses)
    X, y = simulated(300)
    path = logloss.fit(X, y, penalty="auto").path
    means = dict(zip(path.table["l2"], path.table["log_loss"], strict=True))
    assert next_value(means) is None
    assert set(logloss.fit(X, y, l2_path=True).path.table["l2"]) < set(path.table["l2"])


def test_weights_scale_the_penalty_and_change_no_choice():
    X, y = simulated(400)
    weight = np.random.default_rng(SEED).gamma(2.0, size=400)
    usual = logloss.fit(X, y, penalty="auto", sample_weight=weight)
    # Values keep three digits, which other numbers than powers of ten round elsewhere.
    for unit, digits in ((100.0, 1e-12), (7.0, 0.01), (2.0**-900, 0.01), (2.0**900, 0.01)):
        scaled = logloss.fit(X, y, penalty="auto", sample_weight=weight * unit)
        assert scaled.l2 / unit == pytest.approx(usual.l2, rel=digits)
        assert scaled.path.best.log_loss == pytest.approx(float(usual.path.best.log_loss), abs=1e-6)


def test_counts_are_copies_and_the_choice_is_the_same_again():
    X, y = simulated(120)
    counts = np.random.default_rng(2).integers(1, 4, len(y))
    counted = logloss.fit(X, y, penalty="auto", counts=counts).path
    copied = logloss.fit(X.repeat(counts, axis=0), y.repeat(counts), penalty="auto").path
    for name in ("l2", "log_loss", "std_error", "difference_high"):
        np.testing.assert_allclose(counted.table[name], copied.table[name], rtol=1e-8, atol=1e-11)
    again = logloss.fit(X, y, penalty="auto", counts=counts)
    assert again.path == counted


def test_the_model_is_the_fit_at_the_chosen_value():
    X, y = simulated()
    rng = np.random.default_rng(SEED)
    beside = {"offset": rng.normal(size=240), "fit_intercept": False}
    soft = np.where(rng.random(240) < 0.3, rng.random(240), y)
    model = logloss.fit(X, soft, penalty="auto", **beside)
    assert model.coefficients == pytest.approx(logloss.fit(X, soft, l2=model.l2, **beside).coefficients, abs=1e-9)
    assert model.certificate.nats_per_row <= 1e-12
    assert max(point.bound for point in model.path.points) <= 1e-12
    assert model.penalty == ""
    assert model.out_of_sample.log_loss == pytest.approx(float(model.path.chosen.log_loss), abs=1e-4)


# --- corners ---


def test_without_a_maximum_likelihood_estimate_0_is_not_compared():
    x, y = np.arange(40.0), (np.arange(40) >= 20).astype(int)
    path = logloss.fit(x, y, penalty="auto").path
    assert path.why_not_zero == "the classes are separated without a penalty"
    assert min(path.table["l2"]) > 0
    X, y = simulated()
    assert logloss.fit(X, y, penalty="auto").path.table["l2"][-1] == 0
    twice = logloss.fit(np.column_stack([X, X[:, 0]]), y, penalty="auto")
    assert twice.path.why_not_zero == "columns are linearly dependent"
    # Without either of two rows the others are separated.
    x, y = [-2.2, -1.4, -0.8, 0.2, 0.4, 0.8, 1.2, 2.2, 2.9, 4.6], [0, 0, 1, 0, 1, 1, 1, 1, 1, 1]
    near = logloss.fit(x, y, penalty="auto").path
    assert near.why_not_zero == "without a penalty the classes are separated, or nearly, if a row is left out"


@pytest.mark.parametrize(("n", "p"), [(30, 2), (30, 60)])
def test_few_rows_have_a_choice(n, p):
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(n, p))
    y = (rng.random(n) < expit(2 * X[:, 0])).astype(int)
    model = logloss.fit(X, y, penalty="auto")
    assert model.l2 > 0
    assert all(map(math.isfinite, model.path.table["log_loss"]))
    assert model.path.best.log_loss < model.path.points[0].log_loss
    assert ("no more rows than coefficients" in model.path.why_not_zero) == (p > n)


def test_columns_that_say_nothing_have_the_strongest_penalty():
    rng = np.random.default_rng(SEED)
    y = rng.integers(0, 2, 500)
    model = logloss.fit(rng.normal(size=(500, 30)), y, penalty="auto")
    assert model.path.chosen.effective_degrees_of_freedom < 3
    constant = logloss.fit(np.ones(500), y, penalty="auto")
    assert constant.coefficients == {"x": 0.0}
    assert constant.predict_proba([1.0])[0] == pytest.approx(y.mean(), abs=1e-12)


def test_clusters_that_are_too_many_go_by_groups(monkeypatch):
    X, y = simulated(400)
    site = np.arange(400) // 2
    monkeypatch.setattr("logloss.onepass.summaries.cluster_scores.MOST_NUMBERS", 64 * 15)
    path = logloss.fit(X, y, penalty="auto", cluster=site).path
    n_groups = int(re.search(r"each of (\d+) groups of whole clusters", path.folds).group(1))
    assert 32 < n_groups <= 64
    monkeypatch.undo()
    assert float(path.best.log_loss) == pytest.approx(
        float(logloss.fit(X, y, penalty="auto", cluster=site).path.best.log_loss), abs=0.005
    )
    monkeypatch.setattr("logloss.onepass.summaries.cluster_scores.MOST_NUMBERS", 64)
    with pytest.raises(logloss.DataError, match="5 coefficients are too many for that: pass l2_path=True"):
        logloss.fit(X, y, penalty="auto", cluster=site)
    monkeypatch.undo()
    with pytest.raises(logloss.DataError, match="there is only one: leave `cluster` out, or pass l2="):
        logloss.fit(X, y, penalty="auto", cluster=np.zeros(400))


def test_a_coefficient_of_one_cluster_is_infinite_without_a_penalty():
    X, y = simulated(240)
    site = np.arange(240) // 12
    own = np.column_stack([X[:, 0], site == 3])
    path = logloss.fit(own, y, penalty="auto", cluster=site).path
    assert path.l2 > 0
    assert path.points[-1].l2 == 0
    assert (float(path.points[-1].log_loss), path.points[-1].n_infinite) == (math.inf, 12)


def test_many_coefficients_have_fewer_values(monkeypatch):
    X, y = simulated()
    monkeypatch.setattr(left_out_path, "MOST_NUMBERS", 8 * 25)
    model = logloss.fit(X, y, penalty="auto")
    assert len(model.path.points) <= 8
    assert float(model.path.best.log_loss) == pytest.approx(model.out_of_sample.log_loss, abs=1e-4)


REFUSED = [
    ({"l2": 1.0}, 'pass `l2` or penalty="auto", not both: either chooses the L2 penalty.'),
    ({"l2_path": True}, 'pass `l2_path` or penalty="auto", not both: either chooses the L2 penalty.'),
    ({"cv": 5}, "`cv` is used with `l2_path` or `l1_path` only"),
    ({"covariance": "HC3"}, 'Leave it out, or fit without penalty="auto".'),
    ({"interval": "profile"}, 'pass interval="profile" without penalty="auto", or with penalty="firth".'),
    ({"shapes": "auto"}, "`penalty` is not used with `shapes` and `pooled`"),
    ({"penalty": "ridge"}, "`penalty` must be one of firth, flic, flac, auto, or None; got 'ridge'."),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_what_cannot_be_asked_for(options, message):
    X, y = simulated()
    with pytest.raises(logloss.DataError, match=re.escape(message)):
        logloss.fit(X, y, **{"penalty": "auto"} | options)


# --- shown and saved ---


def test_text_picture_page_json_and_file_have_the_path(tmp_path):
    X, y = simulated()
    model = logloss.fit(X, y, penalty="auto")
    path, text = model.path, repr(model)
    n_values = len(path.points)
    assert f"l2 = {model.l2:g}, chosen from {n_values} values by the leave-one-out log loss (each row left out)" in text
    assert f"the least leave-one-out log loss is {path.best.log_loss:.4f} (95% CI" in text
    assert "held-out" not in text
    assert "fold" not in text
    assert repr(path) == f"PenaltyPath: {n_values} values, leave-one-out, chosen l2={model.l2:g}"
    drawn = logloss.drawing(model, "path")
    assert drawn.title == "Leave-one-out log loss by penalty"
    assert drawn.table("path")["l2"] == [l2 for l2 in path.table["l2"] if l2 > 0]
    figure = model.plot("path")
    [ax] = figure.axes if isinstance(getattr(figure, "axes", None), list) else [figure]
    assert "leave-one-out log loss" in [line.get_label() for line in ax.lines]
    page = model.to_html()
    assert "Leave-one-out log loss by penalty" in page
    assert "The penalty is l2 = " in page
    figures = model.to_dict()["path"]
    assert (figures["validation"], figures["n_folds"], figures["why_not_zero"]) == ("leave_one_out", 0, "")
    json.dumps(figures, allow_nan=False)
    model.save(tmp_path / "model.json")
    again = logloss.load(tmp_path / "model.json")
    assert isinstance(again.path, PenaltyPath)
    assert again.path == path
    assert repr(again) == text
    assert "l2 = 0 was not compared: the classes are separated" in repr(
        logloss.fit(np.arange(40.0), np.arange(40) >= 20, penalty="auto")
    )


def test_the_command_line_chooses_by_leave_one_out(run, tmp_path):  # noqa: F811
    X, y = simulated()
    frame = pd.DataFrame(X, columns=list("abcd")).assign(y=y)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    code, out, err = run("fit", tmp_path / "rows.csv", "-y", "y", "--penalty", "auto", "--json")
    assert code == 0, err
    in_python = logloss.fit(tmp_path / "rows.csv", "y", penalty="auto")
    assert json.loads(out)["path"] == json.loads(json.dumps(in_python.to_dict()["path"]))
    strong = ("--penalty", "auto", "--selection", "one_standard_error")
    code, out, err = run("fit", tmp_path / "rows.csv", "-y", "y", *strong)
    assert code == 0, err
    assert "as the largest within one standard error of the least leave-one-out log loss" in out
    code, _, err = run("fit", tmp_path / "rows.csv", "-y", "y", "--penalty", "auto", "--l2", "1")
    assert code == 3
    assert "pass --l2 or --penalty auto, not both" in err


def test_a_file_and_an_engine_give_what_the_rows_in_memory_give(dask_client, tmp_path):  # noqa: F811
    X, y = simulated(3000)
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(
        g=rng.choice(list("pqrs"), 3000), site=rng.integers(0, 90, 3000)
    )
    frame["y"] = y
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=700)
    features = [*"abcd", "g"]
    for options in ({}, {"cluster": "site"}):
        of_memory, of_file, of_engine = (
            logloss.fit(table, "y", features=features, penalty="auto", leave_one_out=False, **options, **engine)
            for table, engine in (
                (frame, {}),
                (tmp_path / "rows.parquet", {}),
                (str(tmp_path / "rows.parquet"), {"engine": dask_client}),
            )
        )
        for other in (of_file, of_engine):
            assert other.l2 == of_memory.l2
            for name in ("l2", "log_loss", "std_error", "difference_low"):
                np.testing.assert_allclose(other.path.table[name], of_memory.path.table[name], atol=1e-9)


def test_fits_that_end_early_are_warned_of():
    X, y = simulated()
    with pytest.warns(logloss.ConvergenceWarning, match=r"of the path are certified only .* leave-one-out log losses"):
        logloss.fit(X * 30, y, penalty="auto", max_passes=2, tolerance=1e-15)


def test_other_values_are_those_of_folds():
    X, y = simulated()
    assert logloss.fit(X, y, l2_path=L2S).path.validation == "cross_validation"
