"""The L2 penalty chosen by cross-validation: against separate fits, against scikit-learn, and its corners."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.model_selection import StratifiedKFold, TimeSeriesSplit
from test_cli import run  # noqa: F401

import logloss
from logloss.onepass.summaries.fold_rows import numbered
from logloss.training.penalty_path import PenaltyPath

L2S = [100.0, 10.0, 1.0, 0.1]


def simulated(n=240, p=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.array([1.0, 3.0, 0.2, 1.0])[:p]
    y = (rng.random(n) < 1 / (1 + np.exp(-X @ np.array([1.0, -0.3, 0.0, 0.5])[:p] + 0.5))).astype(int)
    return X, y


def fold_losses(path):
    """Shape (n_folds, n_l2)."""
    return np.array([point.fold_log_losses for point in path.points]).T


def separate_losses(X, y, splits, l2s, weight=None, **options):
    """Mean loss of the test rows of each fold under one `logloss.fit` per fold and value."""
    found = np.empty((len(splits), len(l2s)))
    weight = np.ones(len(y)) if weight is None else weight
    for k, (train, test) in enumerate(splits):
        for j, l2 in enumerate(l2s):
            own = {name: values[train] for name, values in options.items()}
            model = logloss.fit(X[train], y[train], l2=l2, sample_weight=weight[train], leave_one_out=False, **own)
            beside = {name: values[test] for name, values in options.items() if name == "offset"}
            costs = np.logaddexp(0, (z := model.predict_logit(X[test], **beside))) - y[test] * z
            found[k, j] = np.average(costs, weights=weight[test])
    return found


def test_each_fold_is_the_fit_of_its_training_rows():
    X, y = simulated()
    folds = np.arange(len(y)) % 4
    model = logloss.fit(X, y, l2_path=L2S, cv=folds)
    splits = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(4)]
    expected = separate_losses(X, y, splits, L2S)
    # One Newton step beyond a certificate of 1e-12 nats: about its square is left.
    np.testing.assert_allclose(fold_losses(model.path), expected, atol=1e-9)
    assert max(point.bound for point in model.path.points) <= 1e-12
    pooled = expected.mean(axis=0)
    np.testing.assert_allclose(model.path.table["log_loss"], pooled, atol=1e-9)
    assert model.l2 == model.path.l2 == L2S[int(np.argmin(pooled))]
    assert model.coefficients == pytest.approx(logloss.fit(X, y, l2=model.l2).coefficients, abs=1e-12)
    assert model.errors is None


def test_weights_offsets_and_soft_labels_take_part():
    X, y = simulated()
    rng = np.random.default_rng(1)
    soft = np.where(rng.random(len(y)) < 0.3, rng.random(len(y)), y)
    weight, offset = rng.gamma(2.0, size=len(y)), rng.normal(size=len(y))
    folds = np.arange(len(y)) % 3
    splits = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(3)]
    path = logloss.fit(X, soft, l2_path=L2S, cv=folds, sample_weight=weight, offset=offset).path
    expected = separate_losses(X, soft, splits, L2S, weight, offset=offset)
    np.testing.assert_allclose(fold_losses(path), expected, atol=1e-9)
    shares = np.bincount(folds, weight) / weight.sum()
    np.testing.assert_allclose(path.table["log_loss"], shares @ expected, atol=1e-9)


def test_counts_are_copies():
    X, y = simulated(80)
    counts = np.random.default_rng(2).integers(1, 4, len(y))
    folds = np.arange(len(y)) % 4
    counted = logloss.fit(X, y, l2_path=L2S, cv=folds, counts=counts)
    copied = logloss.fit(X.repeat(counts, axis=0), y.repeat(counts), l2_path=L2S, cv=folds.repeat(counts))
    for name in counted.path.table.column_names:
        if name != "n_passes":
            np.testing.assert_allclose(counted.path.table[name], copied.path.table[name], rtol=1e-9, atol=1e-9)


def test_scores_and_choice_are_those_of_scikit_learn():
    X, y = simulated(400)
    splits = list(StratifiedKFold(5).split(X, y))
    Cs = np.logspace(-4, 4, 10)
    theirs = LogisticRegressionCV(
        Cs=Cs, cv=splits, scoring="neg_log_loss", solver="newton-cholesky", tol=1e-12, max_iter=1000,
        l1_ratios=(0,), use_legacy_attributes=False,
    ).fit(X, y)  # fmt: skip
    model = logloss.fit(X, y, l2_path=1 / Cs, cv=splits)
    np.testing.assert_allclose(fold_losses(model.path), -theirs.scores_[:, 0, :], atol=1e-9)
    assert pytest.approx(theirs.C_) == 1 / model.l2
    np.testing.assert_allclose(list(model.coefficients.values()), theirs.coef_[0], atol=1e-8)


def test_folds_that_overlap_or_leave_rows_out():
    X, y = simulated()
    splits = list(TimeSeriesSplit(4).split(X))
    path = logloss.fit(X, y, l2_path=L2S, cv=splits).path
    np.testing.assert_allclose(fold_losses(path), separate_losses(X, y, splits, L2S), atol=1e-9)
    masks = [(np.isin(np.arange(len(y)), a), np.isin(np.arange(len(y)), b)) for a, b in splits]
    assert logloss.fit(X, y, l2_path=L2S, cv=masks).path == path


def test_rows_of_fold_minus_one_only_train():
    X, y = simulated()
    folds = np.arange(len(y)) % 4 - 1
    path = logloss.fit(X, y, l2_path=L2S, cv=folds).path
    splits = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(3)]
    assert path.n_folds == 3
    np.testing.assert_allclose(fold_losses(path), separate_losses(X, y, splits, L2S), atol=1e-9)


def test_a_file_gives_what_the_rows_in_memory_give(tmp_path):
    X, y = simulated(3000)
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(site=rng.choice(list("pqrs"), len(y)), y=y)
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=700)
    options = {"l2_path": True, "cv": 4, "leave_one_out": False}
    of_file = logloss.fit(tmp_path / "rows.parquet", "y", **options)
    of_memory = logloss.fit(frame, "y", **options)
    assert of_file.path.table["l2"] == pytest.approx(of_memory.path.table["l2"])
    np.testing.assert_allclose(of_file.path.table["log_loss"], of_memory.path.table["log_loss"], atol=1e-9)
    # Two fits that wait for each other read the rows no oftener than the slower one alone.
    assert of_file.path.n_walks < sum(of_file.path.table["n_passes"]) / 3


def test_a_column_of_fold_numbers_in_a_file_is_no_feature(tmp_path):
    X, y = simulated()
    frame = pd.DataFrame(X, columns=list("abcd")).assign(fold=np.arange(len(y)) % 3, y=y)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    model = logloss.fit(tmp_path / "rows.csv", "y", l2_path=L2S, cv="fold")
    assert list(model.coefficients) == list("abcd")
    in_memory = logloss.fit(X, y, l2_path=L2S, cv=np.arange(len(y)) % 3)
    np.testing.assert_allclose(fold_losses(model.path), fold_losses(in_memory.path), atol=1e-9)


def test_folds_of_rows_are_balanced_and_random_in_order():
    folds = numbered(np.arange(1003), 5)
    assert sorted(np.bincount(folds).tolist()) in ([200, 200, 201, 201, 201], [200] * 2 + [201] * 3)
    # Every run of five has each fold once, and the runs differ.
    runs = folds[:1000].reshape(-1, 5)
    assert (np.sort(runs, axis=1) == np.arange(5)).all()
    assert len({tuple(own) for own in runs.tolist()}) > 50
    # However the rows are cut, a row keeps its fold.
    assert numbered(np.arange(497, 1003), 5).tolist() == folds[497:].tolist()


def test_clusters_stay_together_and_are_the_units_of_the_errors():
    X, y = simulated(400)
    site = np.arange(400) // 8
    path = logloss.fit(X, y, l2_path=L2S, cv=5, cluster=site).path
    assert path.sampling_unit == "cluster"
    # The same folds, by number: the losses of clusters are what varies.
    by_rows = logloss.fit(X, y, l2_path=L2S, cv=5).path
    assert by_rows.sampling_unit == "row"
    same = logloss.fit(X, y, l2_path=L2S, cv=site % 5, cluster=site).path
    splits = [(np.flatnonzero(site % 5 != k), np.flatnonzero(site % 5 == k)) for k in range(5)]
    costs = np.empty((400, len(L2S)))
    for train, test in splits:
        for j, l2 in enumerate(L2S):
            z = logloss.fit(X[train], y[train], l2=l2).predict_logit(X[test])
            costs[test, j] = np.logaddexp(0, z) - y[test] * z
    centred = costs - costs.mean(axis=0)
    sums = np.array([np.bincount(site, column) for column in centred.T]).T
    expected = np.sqrt((sums**2).sum(axis=0) * 50 / 49) / 400
    np.testing.assert_allclose(same.table["std_error"], expected, rtol=1e-6)
    best = int(np.argmin(costs.mean(axis=0)))
    apart = costs - costs[:, [best]]
    own = np.array([np.bincount(site, column) for column in (apart - apart.mean(axis=0)).T]).T
    from scipy.stats import t

    reach = t.ppf(0.975, 49) * np.sqrt((own**2).sum(axis=0) * 50 / 49) / 400
    np.testing.assert_allclose(same.table["difference_low"], apart.mean(axis=0) - reach, atol=1e-9)


def test_one_standard_error_is_the_strongest_penalty_within():
    X, y = simulated(150)
    path = logloss.fit(X, y, l2_path=True).path
    strong = logloss.fit(X, y, l2_path=True, selection="one_standard_error")
    best = int(np.argmin(path.table["log_loss"]))
    most = path.table["log_loss"][best] + path.table["std_error"][best]
    expected = max(l2 for l2, loss in zip(path.table["l2"], path.table["log_loss"], strict=True) if loss <= most)
    assert strong.l2 == strong.path.l2 == expected > path.l2
    assert strong.path.selection == "one_standard_error"


def test_the_grid_goes_from_no_degrees_of_freedom_to_nearly_all():
    X, y = simulated(500)
    path = logloss.fit(X, y, l2_path=True).path
    degrees = path.table["effective_degrees_of_freedom"]
    assert 10 <= len(path.points) <= 30
    assert degrees[0] - 1 == pytest.approx(0.1, rel=0.05)
    assert 4.9 < degrees[-1] < 5
    assert len(logloss.fit(X, y, l2_path=7).path.points) == 7
    # Of a column in other units, the grid is in its units, too.
    scaled = logloss.fit(1000 * X, y, l2_path=7).path
    ratio = np.array(scaled.table["l2"]) / logloss.fit(X, y, l2_path=7).path.table["l2"]
    np.testing.assert_allclose(ratio, 1e6, rtol=0.02)


def test_effective_degrees_of_freedom_are_the_trace():
    X, y = simulated()
    model = logloss.fit(X, y, l2_path=[1.0, 10.0])
    for point in model.path.points:
        fitted = logloss.fit(X, y, l2=point.l2)
        q = fitted.predict_proba(X)
        rows = np.column_stack([np.ones(len(y)), X])
        hessian = (rows * (q * (1 - q))[:, None]).T @ rows
        held = np.diag([0.0] + [point.l2] * 4)
        trace = np.trace(hessian @ np.linalg.inv(hessian + held))
        assert point.effective_degrees_of_freedom == pytest.approx(trace, rel=1e-8)


def test_a_fold_that_lacks_a_class_is_legal():
    X, y = simulated(60)
    order = np.argsort(y, kind="stable")
    X, y = X[order], y[order]
    # Fold 0 has every row of class 1: the others train on class 0 alone.
    folds = np.where(y == 1, 0, 1 + np.arange(60) % 2)
    path = logloss.fit(X, y, l2_path=L2S, cv=folds).path
    assert path.n_one_class == 1
    n_zero = int((y == 0).sum())
    rate = 0.5 / (n_zero + 1)
    np.testing.assert_allclose(fold_losses(path)[0], -math.log(rate), rtol=1e-12)
    assert all(math.isfinite(loss) for loss in path.table["log_loss"])


@pytest.mark.parametrize("options", [{}, {"cluster": np.arange(240) % 40}])
@pytest.mark.parametrize("size", [2.0**-1000, 2.0**900])
def test_the_size_of_weights_changes_no_interval(size, options):
    """Squares of such weights are no floats; with penalties in proportion the fits are the same."""
    X, y = simulated()
    weight = np.random.default_rng(2).integers(1, 5, len(y)).astype(float)
    usual, own = (
        logloss.fit(X, y, l2_path=[l2 * unit for l2 in L2S], cv=4, sample_weight=weight * unit, **options).path
        for unit in (1.0, size)
    )
    for name in ("log_loss", "low", "high", "difference", "difference_low", "difference_high"):
        # Differences of losses near 0.6 have so many digits.
        np.testing.assert_allclose(own.table[name], usual.table[name], rtol=1e-12, atol=1e-15, err_msg=name)


def test_heavy_rows_of_one_class_have_a_base_rate():
    """(s + ½) / (n + 1) of a weight of 1e20 rounds to 1, whose log-odds are infinite; the true ones are not."""
    path = logloss.fit(
        np.arange(6.0), [1, 1, 1, 1, 0, 0], l2_path=[1.0], cv=np.repeat([0, 1], [4, 2]), sample_weight=np.full(6, 1e20)
    ).path
    # Of the other fold each: 2·10²⁰ zeros, 4·10²⁰ ones.
    expected = [-math.log(0.5 / 2e20), -math.log(0.5 / 4e20)]
    assert fold_losses(path)[:, 0] == pytest.approx(expected, rel=1e-14)


def test_without_a_penalty_held_out_rows_may_lose_infinitely():
    x = np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0, -0.5])
    y = np.array([0, 0, 0, 1, 1, 1, 1])
    # Without the last row the classes are separated between −1 and 1, and −0.5 lies on neither side.
    folds = np.array([0, 1, 2, 0, 1, 2, 3])
    path = logloss.fit(x, y, l2_path=[1.0, 0.0], cv=folds).path
    assert path.table["n_infinite"][0] == 0
    assert path.l2 == 1.0
    row = path.table[1]
    assert (row["log_loss"] == math.inf) == (row["n_infinite"] > 0)


def test_levels_absent_in_a_fold_have_coefficient_0():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"x": rng.normal(size=120), "g": ["a"] * 100 + ["b"] * 20})
    y = (rng.random(120) < 0.5).astype(int)
    frame["y"] = y
    folds = np.where(frame["g"] == "b", 0, 1 + np.arange(120) % 3)
    path = logloss.fit(frame, "y", l2_path=[10.0, 1.0], cv=folds).path
    train, test = frame[frame.g == "a"], frame[frame.g == "b"]
    for j, l2 in enumerate((10.0, 1.0)):
        # The level has no training row, so that its rows are predicted by the rest of the model.
        q = logloss.fit(train[["x"]].to_numpy(), train["y"], l2=l2).predict_proba(test[["x"]].to_numpy())
        assert fold_losses(path)[0, j] == pytest.approx(sklearn_log_loss(test["y"], q, labels=[0, 1]), abs=1e-9)


def test_more_clusters_than_are_kept_are_pooled(monkeypatch):
    from logloss.onepass.summaries import held_out

    X, y = simulated(400)
    site = np.arange(400) // 2
    exact = logloss.fit(X, y, l2_path=L2S, cv=5, cluster=site).path
    monkeypatch.setattr(held_out, "MOST_UNITS", 64)
    pooled = logloss.fit(X, y, l2_path=L2S, cv=5, cluster=site).path
    assert pooled.table["log_loss"] == exact.table["log_loss"]
    np.testing.assert_allclose(pooled.table["std_error"], exact.table["std_error"], rtol=0.4)


def test_it_is_saved_with_the_model(tmp_path):
    X, y = simulated()
    model = logloss.fit(X, y, l2_path=L2S)
    model.save(tmp_path / "model.json")
    again = logloss.load(tmp_path / "model.json")
    assert isinstance(again.path, PenaltyPath)
    assert again.path == model.path
    assert again.path.table == model.path.table
    document = json.loads((tmp_path / "model.json").read_text())
    assert document["path"]["l2"] == model.l2


def test_it_is_in_the_json():
    X, y = simulated()
    figures = logloss.fit(X, y, l2_path=L2S).to_dict()
    assert figures["path"]["values"][0]["l2"] == 100.0
    assert figures["path"]["n_folds"] == 5
    json.dumps(figures, allow_nan=False)
    assert "path" not in logloss.fit(X, y, l2=1.0).to_dict()


REFUSED = [
    ({"l2_path": True, "l2": 1.0}, "pass `l2` or `l2_path`, not both: the path chooses `l2`."),
    ({"l2_path": 1}, "`l2_path` must be True, a number of values of at least 2, or a list of values of l2"),
    ({"l2_path": []}, "the list is empty"),
    ({"l2_path": [1.0, -1.0]}, "each at least 0; got -1."),
    ({"l2_path": "all"}, 'each at least 0; got "all"'),
    ({"l2_path": True, "cv": 1}, "`cv` must be at least 2 folds; got 1."),
    ({"l2_path": True, "cv": 500}, "`cv` must be at most the number of rows, 240; got 500."),
    ({"l2_path": True, "cv": StratifiedKFold(5)}, "got the splitter StratifiedKFold. Pass cv=list(splitter.split(X, y))"),
    ({"l2_path": True, "cv": [([0, 1], [1, 2])]}, "has rows in both the training and the test set: row 1."),
    ({"l2_path": True, "cv": [([0, 1], [240])]}, "must be numbers of rows from 0 to 239"),
    ({"l2_path": True, "cv": np.zeros(240, int)}, "`cv` must have at least 2 folds; it has 1."),
    ({"cv": 5}, "`cv` is used with `l2_path` or `l1_path` only: pass one of them, too, or leave `cv` out."),
    ({"selection": "one_standard_error"}, '`selection` is used with `l2_path`, `l1_path` or penalty="auto" only: pass one of them, too'),
    ({"l2_path": True, "interval": "profile"}, "under an L2 penalty coefficients have no intervals"),
    ({"l2_path": True, "selection": "least"}, "`selection` must be one of best, one_standard_error; got 'least'."),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_what_cannot_be_asked_for(options, message):
    X, y = simulated()
    with pytest.raises(logloss.DataError, match=re.escape(message)):
        logloss.fit(X, y, **options)


def test_an_error_in_a_walk_ends_every_fold(monkeypatch):
    from logloss.training.shared_walks import together

    def walk(asked):
        raise RuntimeError("the file is gone")

    with pytest.raises(RuntimeError, match="the file is gone"):
        together([lambda submit: submit(1), lambda submit: submit(2)], walk)
    with pytest.raises(ZeroDivisionError):
        together([lambda submit: 1 / 0, lambda submit: submit(2)], lambda asked: asked)


def test_the_text_names_the_choice_and_marks_the_row():
    X, y = simulated()
    model = logloss.fit(X, y, l2_path=L2S, cv=4)
    text = repr(model)
    folds = f"penalty    l2 = {model.l2:g}, chosen from 4 values by the log loss of held-out rows (4 folds of rows)"
    assert folds in text
    assert f"the least held-out log loss is {model.path.best.log_loss:.4f} (95% CI" in text
    [marked] = [line for line in text.splitlines() if "chosen, least" in line]
    assert marked.split()[:2] == [f"{model.l2:g}", f"{model.path.best.log_loss:.4f}"]
    strong = logloss.fit(X, y, l2_path=L2S, cv=4, selection="one_standard_error")
    assert "as the largest within one standard error of the least log loss of held-out rows" in repr(strong)
    assert f"the largest l2 within one standard error is {strong.l2:g}" in repr(strong)
    assert "the penalty biases the coefficients" in repr(model)


def test_the_text_tells_of_an_end_and_of_folds_of_one_class():
    X, y = simulated(60)
    order = np.argsort(y, kind="stable")
    folds = np.where(y[order] == 1, 0, 1 + np.arange(60) % 2)
    text = repr(logloss.fit(X[order], y[order], l2_path=[1e6, 1e5], cv=folds))
    assert "the least loss is at the end of the path:" in text
    assert "1 fold had training rows of one class only, and predicts their base rate" in text


def test_a_long_path_is_shortened_in_text_and_keeps_its_choice():
    from logloss.show.words.of_path import MOST_IN_TEXT, shown_points

    X, y = simulated()
    path = logloss.fit(X, y, l2_path=30).path
    shown = shown_points(path, MOST_IN_TEXT)
    assert len(shown) <= MOST_IN_TEXT
    assert {path.chosen, path.best, path.points[0], path.points[-1]} <= set(shown)
    assert len(shown_points(path)) == 30


def test_the_picture_shows_the_losses_and_the_choice():
    X, y = simulated()
    model = logloss.fit(X, y, l2_path=[*L2S, 0.0])
    drawn = logloss.drawing(model, "path")
    # 0 has no place on a logarithmic axis.
    assert drawn.table("path")["l2"] == L2S
    assert drawn.figures["chosen_l2"] == model.l2
    figure = model.plot("path")
    [ax] = figure.axes if hasattr(figure, "axes") and isinstance(figure.axes, list) else [figure]
    assert ax.get_xscale() == "log"
    [line] = [line for line in ax.lines if line.get_label() == "log loss of held-out rows"]
    np.testing.assert_allclose(line.get_ydata(), model.path.table["log_loss"][:-1])
    without = logloss.drawing(logloss.fit(X, y, l2=1.0), "path")
    assert (
        without.reason == 'the penalty was not chosen from the data; pass l2_path=True, l1_path=True or penalty="auto"'
    )


def test_the_page_has_the_path():
    X, y = simulated()
    page = logloss.fit(X, y, l2_path=L2S).to_html()
    assert "The penalty is l2 = " in page
    assert "Log loss of held-out rows by penalty" in page
    assert "held-out log loss" in page


def test_the_command_line_chooses_by_a_path(run, tmp_path):  # noqa: F811
    X, y = simulated()
    frame = pd.DataFrame(X, columns=list("abcd")).assign(fold=np.arange(len(y)) % 3, y=y)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    rows = tmp_path / "rows.csv"
    code, out, err = run(
        "fit", rows, "-y", "y", "--exclude", "fold", "--l2-path", "--cv", "4", "-o", tmp_path / "m.json"
    )
    assert code == 0, err
    assert " walks for the path · " in err
    in_python = logloss.fit(rows, "y", exclude=["fold"], l2_path=True, cv=4)
    assert repr(in_python).splitlines()[-1] == out.splitlines()[-1]
    assert logloss.load(tmp_path / "m.json").path == in_python.path
    by_column = ("fit", rows, "-y", "y", "--l2-path", "10,1,0.1", "--cv", "fold", "--selection", "one_standard_error")
    code, out, err = run(*by_column, "--json")
    assert code == 0, err
    figures = json.loads(out)
    assert [each["l2"] for each in figures["path"]["values"]] == [10.0, 1.0, 0.1]
    assert figures["path"]["selection"] == "one_standard_error"
    assert figures["path"]["folds"] == "of column fold"
    # Numbers of things are whole numbers.
    assert all(isinstance(each[name], int) for each in figures["path"]["values"] for name in ("n_passes", "n_infinite"))
    assert list(figures["coefficients"]) == list("abcd")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["--l2-path", "10,one"],
            2,
            "--l2-path takes no value, a number of values, or values such as 10,1,0.1",
        ),
        (["--cv", "4"], 3, "--cv is used with --l2-path or --l1-path only: pass one of them, too, or leave --cv out."),
        (["--l2-path", "--l2", "1"], 3, "pass --l2 or --l2-path, not both: the path chooses --l2."),
        (["--l2-path", "--cv", "folds"], 3, 'no column "folds"'),
    ],
)
def test_what_the_command_line_refuses(run, tmp_path, words, code, message):  # noqa: F811
    X, y = simulated()
    pd.DataFrame(X, columns=list("abcd")).assign(y=y).to_csv(tmp_path / "rows.csv", index=False)
    done, _, err = run("fit", tmp_path / "rows.csv", "-y", "y", *words)
    assert done == code
    assert message in err


def test_a_file_taken_for_the_values_of_a_path_is_told(run):  # noqa: F811
    done, _, err = run("fit", "-y", "y", "--l2-path", "rows.csv")
    assert done == 2
    assert "got 'rows.csv'. Without a value it must not come directly before a file." in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.update(l2=3.0), "one of the values of the path in path: l2"),
        (lambda path: path.update(selection="worst"), "one of best, one_standard_error, score in path: selection"),
        (lambda path: path.update(points=[]), "one value or more, from the strongest penalty, in path: points"),
        (lambda path: path["points"][0].update(n_infinite=-1), "path: points"),
        (lambda path: path.update(sampling_unit="page"), "row or cluster in path: sampling_unit"),
    ],
)
def test_a_file_whose_path_cannot_be_is_refused(tmp_path, change, message):
    from logloss.files.document import HEAD, document_bytes

    X, y = simulated()
    logloss.fit(X, y, l2_path=L2S).save(tmp_path / "model.json")
    document = json.loads((tmp_path / "model.json").read_text())
    fields = {name: value for name, value in document.items() if name not in HEAD}
    change(fields["path"])
    (tmp_path / "model.json").write_bytes(document_bytes("model", fields))
    with pytest.raises(logloss.DataError, match=re.escape(message)):
        logloss.load(tmp_path / "model.json")


def test_fits_that_are_too_many_for_one_walk_are_made_in_turn(monkeypatch):
    from logloss.training import fold_fits

    X, y = simulated()
    # The rows of a small table in memory are not walked over.
    monkeypatch.setattr("logloss.training.problem.MOST_VALUES", 0)
    at_once = logloss.fit(X, y, l2_path=L2S).path
    monkeypatch.setattr(fold_fits, "MOST_NUMBERS", 2 * 5**2)
    in_turn = logloss.fit(X, y, l2_path=L2S).path
    assert in_turn.table == at_once.table
    # Two fits at a time of six.
    assert in_turn.n_walks > 2 * at_once.n_walks


def test_fits_of_folds_that_end_early_are_warned_of():
    X, y = simulated()
    # Not the model itself: it begins where the fit to all rows ended, and has as many passes again.
    with pytest.warns(logloss.ConvergenceWarning, match=r"certified only .* Raise `max_passes`\.") as caught:
        model = logloss.fit(X * 30, y, l2_path=L2S, max_passes=4)
    assert len(caught) == 1
    assert model.certificate.nats_per_row <= 1e-12
    bound = max(point.bound for point in model.path.points)
    assert bound > 1e-12
    assert f"at most {bound:.1g} nats per row" in str(caught[0].message)


def test_a_long_path_tells_how_many_values_are_not_shown():
    X, y = simulated()
    model = logloss.fit(X, y, l2_path=20)
    *_, table = str(model).split("\n\n")
    n_shown = len(table.splitlines()) - 2
    assert table.endswith(f"\n… and {20 - n_shown} values between them: model.path.table")
    assert "between them" not in str(logloss.fit(X, y, l2_path=L2S))


def test_the_last_value_may_be_0_in_a_fold_whose_classes_are_separated():
    # Only the last fold has a positive row of level b, and a negative one of level c.
    table = {"x": np.tile([0.0, 1.0, 2.0, 1.0], 9), "c": np.repeat(["a", "b", "c"], 12)}
    y = np.repeat([0, 1, 0, 1], [6, 6, 12, 12])
    y[[23, 24]] = 1, 0
    fold = np.arange(36) % 3
    fold[[23, 24]] = 2
    model = logloss.fit(table, y, l2_path=[1.0, 0.0], cv=fold)
    assert model.path.points[-1].l2 == 0
    assert model.path.points[-1].log_loss == math.inf


@pytest.mark.parametrize("unit", [1e6, 1e12])
def test_the_default_grid_ends_where_no_column_is_shrunk(unit):
    """Whatever the units of the others: a column of dollars does not hide the penalties that matter for one of years."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = rng.random(400) < 1 / (1 + np.exp(-X @ [1.0, 0.5, -0.5]))
    model = logloss.fit(X * [1.0, 1.0, unit], y, l2_path=True)
    # The intercept and three slopes, less 0.01 at the null model, where the curvature is largest: a little more at others.
    assert model.path.points[-1].effective_degrees_of_freedom == pytest.approx(4, abs=0.05)
