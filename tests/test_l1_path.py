"""The strength of an L1 penalty or elastic net chosen by cross-validation: against separate fits, scikit-learn, and
its corners."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegressionCV as ScikitLearns
from sklearn.model_selection import StratifiedKFold
from test_cli import run  # noqa: F401

import logloss
from logloss import LogisticRegressionCV
from logloss.show.plot.of_path import apart
from logloss.training import fold_fits, path_grid


def simulated(n=240, p=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.resize([1.0, 3.0, 0.2, 1.0], p)
    y = (rng.random(n) < 1 / (1 + np.exp(-X[:, :3] @ np.array([1.0, -0.3, 2.0]) + 0.5))).astype(int)
    return X, y


def n_nonzero(model):
    return sum(value != 0 for value in model.coefficients.values())


def held_out(model, X, y, offset=None):
    z = model.predict_logit(X) if offset is None else model.predict_logit(X, offset=offset)
    return np.logaddexp(0, z) - y * z


@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
def test_each_fold_is_the_fit_of_its_training_rows(l1_ratio):
    X, y = simulated()
    rng = np.random.default_rng(1)
    weight, offset, folds = rng.gamma(2.0, size=len(y)), rng.normal(size=len(y)), np.arange(len(y)) % 4
    beside = {"sample_weight": weight, "offset": offset}
    model = logloss.fit(X, y, l1_path=[60.0, 5.0, 20.0], l1_ratio=l1_ratio, cv=folds, **beside)
    path = model.path
    assert path.table["l1"] == [60.0, 20.0, 5.0]
    for point in path.points:
        assert point.l2 == pytest.approx(point.l1 * (1 - l1_ratio) / l1_ratio, rel=1e-5)
        for k, loss in enumerate(point.fold_log_losses):
            train, test = folds != k, folds == k
            own = {name: values[train] for name, values in beside.items()}
            fit = logloss.fit(X[train], y[train], l1=point.l1, l2=point.l2, leave_one_out=False, **own)
            expected = np.average(held_out(fit, X[test], y[test], offset[test]), weights=weight[test])
            # A step beyond a certificate of 1e-12 nats.
            assert loss == pytest.approx(expected, abs=1e-9)
        assert point.bound <= 1e-12
    at = path.points.index(path.chosen)
    assert path.chosen is min(path.points, key=lambda point: point.log_loss)
    assert (model.l1, model.l2) == (path.l1, path.l2)
    alone = logloss.fit(X, y, l1=model.l1, l2=model.l2, **beside)
    assert model.coefficients == pytest.approx(alone.coefficients, abs=1e-10)
    np.testing.assert_allclose(path.coefficients[at], list(alone.coefficients.values()), atol=1e-7)
    assert path.chosen.n_nonzero == n_nonzero(alone)


@pytest.mark.parametrize("options", [{}, {"offset": True}, {"offset": True, "fit_intercept": False}], ids=str)
@pytest.mark.parametrize("l1_ratio", [1.0, 0.3])
def test_the_first_value_is_the_least_at_which_every_coefficient_is_0(options, l1_ratio):
    X, y = simulated()
    rng = np.random.default_rng(2)
    beside = {"sample_weight": rng.gamma(2.0, size=len(y))} | options
    if "offset" in options:
        beside["offset"] = 3.0 + rng.normal(size=len(y))
    path = logloss.fit(X, y, l1_path=5, l1_ratio=l1_ratio, cv=3, leave_one_out=False, **beside).path
    first = path.points[0]
    assert first.n_nonzero == 0
    # It is rounded up to three digits.
    below = logloss.fit(X, y, l1=first.l1 * 0.989, l2=first.l2 * 0.989, leave_one_out=False, **beside)
    assert n_nonzero(below) >= 1


def test_the_grid_has_decades_for_columns_of_unequal_scales():
    X, y = simulated(400)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    even = logloss.fit(X, y, l1_path=8, leave_one_out=False).path
    assert len(even.points) == 8
    assert even.points[-1].l1 == pytest.approx(even.points[0].l1 * 1e-4, rel=0.02)
    scales = np.array([1.0, 1e3, 1.0, 1.0, 1.0, 1e-2])
    uneven = logloss.fit(X * scales, y, l1_path=8, leave_one_out=False).path
    # At its end no column is held back more, per standard deviation, than there.
    assert uneven.points[-1].l1 == pytest.approx(even.points[-1].l1 * 1e-2, rel=0.02)
    assert uneven.points[-1].n_nonzero == 6


def test_more_columns_than_rows_end_at_a_hundredth():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(40, 60)), np.arange(40) % 2
    X /= X.std(axis=0)
    path = logloss.fit(X, y, l1_path=20, leave_one_out=False).path
    assert path.points[-1].l1 == pytest.approx(path.points[0].l1 * 1e-2, rel=0.02)
    assert max(point.bound for point in path.points) <= 1e-12


def test_a_path_takes_few_walks(tmp_path):
    X, y = simulated(2000)
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(y=y)
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=1100)
    options = {"l1_path": 60, "cv": 4, "leave_one_out": False}
    of_file = logloss.fit(tmp_path / "rows.parquet", "y", **options)
    of_memory = logloss.fit(frame, "y", **options)
    np.testing.assert_allclose(of_file.path.table["log_loss"], of_memory.path.table["log_loss"], atol=1e-9)
    assert of_file.path.table["l1"] == pytest.approx(of_memory.path.table["l1"])
    # Passes of all folds are parts of the same walks, and of files those of several parts of the path.
    assert of_memory.path.n_walks < 2 * len(of_memory.path.points)
    assert of_file.path.n_walks < 0.9 * len(of_file.path.points)


def test_columns_that_depend_on_each_other_are_looked_for_once(monkeypatch):
    from logloss.training.evaluation import Rank

    X, y = simulated()
    X = np.column_stack([X, X[:, 0] - X[:, 1]])
    n_looked_for, original = [], Rank.of

    def counted(_, problem, factor):
        n_looked_for.append(1)
        return original(problem, factor)

    monkeypatch.setattr(Rank, "of", classmethod(counted))
    path = logloss.fit(X, y, l1_path=10, cv=3, leave_one_out=False).path
    assert max(point.bound for point in path.points) <= 1e-12
    # By the fit of each fold and of all rows, and by that of the model.
    assert 1 <= len(n_looked_for) <= 5


def test_clusters_stay_together_and_are_the_units_of_the_errors():
    X, y = simulated()
    cluster = np.arange(len(y)) // 8
    options = {"l1_path": [20.0, 5.0], "leave_one_out": False}
    of_clusters = logloss.fit(X, y, cluster=cluster, **options).path
    assert of_clusters.sampling_unit == "cluster"
    copied = logloss.fit(
        X.repeat(3, axis=0), y.repeat(3), cluster=np.arange(len(y)).repeat(3), l1_path=[60.0, 15.0]
    ).path
    # Copies of a row in a cluster of its own are that row.
    alone = logloss.fit(X, y, cluster=np.arange(len(y)), l1_path=[20.0, 5.0]).path
    np.testing.assert_allclose(copied.table["log_loss"], alone.table["log_loss"], atol=1e-9)
    np.testing.assert_allclose(copied.table["std_error"], alone.table["std_error"], rtol=1e-6)


def test_levels_that_a_fold_lacks_have_coefficient_0():
    X, y = simulated(120)
    site = np.array(["p", "q", "r"]).repeat(40)
    site[:3] = "s"
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(site=site, y=y)
    folds = np.where(site == "s", 0, 1 + np.arange(120) % 2)
    model = logloss.fit(frame, "y", l1_path=[10.0, 1.0, 0.1], cv=folds, leave_one_out=False)
    train, test = frame[folds != 0], frame[folds == 0].assign(site="p")
    fit = logloss.fit(train, "y", l1=0.1, leave_one_out=False)
    expected = held_out(fit, test.drop(columns="y"), y[folds == 0])
    # Its reference is what a level without a coefficient has.
    assert model.design.categories[0].levels[0] == "p"
    np.testing.assert_allclose(model.path.points[-1].fold_log_losses[0], expected.mean(), atol=1e-9)


def test_a_fold_of_one_class_predicts_its_base_rate():
    X, y = simulated(80)
    model = logloss.fit(
        X, y, l1_path=[5.0, 1.0], cv=[(np.flatnonzero(y), np.flatnonzero(1 - y)), (np.arange(40), np.arange(40, 80))]
    )
    n = y.sum()
    expected = -math.log(0.5 / (n + 1))
    assert model.path.n_one_class == 1
    assert [point.fold_log_losses[0] for point in model.path.points] == pytest.approx([expected] * 2)


@pytest.mark.parametrize("population", ["sparse", "dense", "none"])
def test_the_choice_loses_little_on_new_rows(population):
    rng = np.random.default_rng(4)
    n, p = 150, 20
    of = {"sparse": np.r_[1.0, -1.0, 0.7, np.zeros(p - 3)], "dense": rng.normal(size=p) * 0.3, "none": np.zeros(p)}
    true = of[population]
    excess, of_weakest = [], []
    for _ in range(6):
        X, new = rng.normal(size=(n, p)), rng.normal(size=(4000, p))
        y, of_new = ((rng.random(len(rows)) < 1 / (1 + np.exp(-rows @ true))).astype(int) for rows in (X, new))
        path = logloss.fit(X, y, l1_path=12, leave_one_out=False).path
        losses = [held_out(logloss.fit(X, y, l1=p.l1, leave_one_out=False), new, of_new).mean() for p in path.points]
        excess.append(losses[path.points.index(path.chosen)] - min(losses))
        of_weakest.append(losses[-1] - min(losses))
    # Folds of 150 rows cannot tell values apart whose losses differ by less; at the weakest penalty it is far more.
    assert np.mean(excess) < 0.012
    assert np.mean(excess) < 0.3 * np.mean(of_weakest)


def test_the_choice_is_among_ratios_and_one_standard_error_within_one():
    X, y = simulated(150, 12)
    options = {"l1_path": 12, "l1_ratio": [1, 0.5, 0], "leave_one_out": False}
    best = logloss.fit(X, y, **options)
    strong = logloss.fit(X, y, selection="one_standard_error", **options)
    path = best.path
    assert path.l1_ratios == (1.0, 0.5, 0.0)
    assert path.chosen is min(path.points, key=lambda point: point.log_loss)
    assert strong.path.chosen.l1_ratio == path.chosen.l1_ratio
    assert strong.path.chosen.strength > path.chosen.strength
    within = [p for p in path.along(path.chosen.l1_ratio) if p.log_loss <= path.best.log_loss + path.best.std_error]
    assert (strong.l1, strong.l2) == (within[0].l1, within[0].l2)
    # Values of ratio 0 are those of l2_path.
    of_l2 = logloss.fit(X, y, l2_path=12, leave_one_out=False).path
    assert [point.l2 for point in path.along(0.0)] == [point.l2 for point in of_l2.points]
    assert [point.log_loss for point in path.along(0.0)] == pytest.approx([p.log_loss for p in of_l2.points], abs=1e-9)
    text = repr(best)
    assert "with l1_ratio 1, 0.5, 0 by the log loss of held-out rows" in text
    assert "the least of each ratio is" in text


def test_auto_with_a_ratio_is_a_path_by_five_folds(monkeypatch):
    assert path_grid.N_VALUES == 100
    monkeypatch.setattr(path_grid, "N_VALUES", 8)
    X, y = simulated()
    auto = logloss.fit(X, y, penalty="auto", l1_ratio=0.5, leave_one_out=False)
    by_path = logloss.fit(X, y, l1_path=True, l1_ratio=0.5, cv=5, leave_one_out=False)
    assert auto.path == by_path.path
    assert auto.coefficients == by_path.coefficients
    assert "(5 folds of rows)" in repr(auto)
    assert logloss.fit(X, y, penalty="auto", l1_ratio=0).path.is_leave_one_out


def theirs(X, y, **options):
    return ScikitLearns(
        scoring="neg_log_loss", solver="saga", tol=1e-10, max_iter=100_000, use_legacy_attributes=False, **options
    ).fit(X, y)


@pytest.mark.skipif("use_legacy_attributes" not in ScikitLearns().get_params(), reason="scikit-learn 1.8 or newer")
def test_the_estimator_is_scikit_learns_at_its_optimum():
    X, y = simulated(300, 5)
    X /= X.std(axis=0)
    # Where every coefficient is 0 its saga stops before the intercept has converged.
    options = {"Cs": [0.05, 0.2, 1.0], "l1_ratios": [0.0, 0.5, 1.0], "cv": list(StratifiedKFold(3).split(X, y))}
    reference = theirs(X, y, **options)
    ours = LogisticRegressionCV(solver="saga", use_legacy_attributes=False, **options).fit(X, y)
    np.testing.assert_allclose(ours.scores_, reference.scores_, atol=1e-7)
    np.testing.assert_allclose(ours.coefs_paths_, reference.coefs_paths_, atol=1e-5)
    np.testing.assert_allclose(ours.coef_, reference.coef_, atol=1e-5)
    assert ours.n_iter_.shape == reference.n_iter_.shape
    assert (ours.C_, ours.l1_ratio_) == (reference.C_, reference.l1_ratio_)
    assert ours.l1_ratios_.tolist() == [0.0, 0.5, 1.0]
    averaged = LogisticRegressionCV(solver="saga", refit=False, use_legacy_attributes=False, **options).fit(X, y)
    # Its averages need an array.
    reference = theirs(X, y, refit=False, **options | {"l1_ratios": np.array([0.0, 0.5, 1.0])})
    np.testing.assert_allclose(averaged.coef_, reference.coef_, atol=1e-5)
    assert pytest.approx(reference.C_) == averaged.C_
    legacy = LogisticRegressionCV(solver="saga", **options).fit(X, y)
    assert legacy.scores_[1].shape == (3, 3, 3)
    assert legacy.coefs_paths_[1].shape == (3, 3, 3, 6)
    assert legacy.n_iter_.shape == (1, 3, 3, 3)
    np.testing.assert_array_equal(legacy.scores_[1].swapaxes(1, 2), ours.scores_)
    assert (legacy.model_.l1, legacy.model_.l2) == (legacy.path_.l1, legacy.path_.l2)
    assert 1 / (legacy.path_.l1 + legacy.path_.l2) == pytest.approx(legacy.C_[0])


def test_the_estimator_takes_the_older_spelling():
    X, y = simulated()
    newer = LogisticRegressionCV(Cs=3, l1_ratios=(1,), solver="liblinear").fit(X, y)
    older = LogisticRegressionCV(Cs=3, penalty="l1", solver="liblinear").fit(X, y)
    np.testing.assert_array_equal(newer.coef_, older.coef_)
    np.testing.assert_array_equal(newer.scores_[1][:, :, 0], older.scores_[1])
    assert older.l1_ratio_.tolist() == [1.0]
    strong = LogisticRegressionCV(Cs=8, penalty="l1", solver="saga", selection="one_standard_error").fit(X, y)
    assert strong.C_ < LogisticRegressionCV(Cs=8, penalty="l1", solver="saga").fit(X, y).C_
    accurate = LogisticRegressionCV(Cs=3, l1_ratios=(0.5, 1), solver="saga", scoring=None).fit(X, y)
    assert accurate.path_.selection == "score"
    assert 1 / (accurate.path_.l1 + accurate.path_.l2) == pytest.approx(accurate.C_[0])
    with pytest.warns(UserWarning, match="l1_ratios parameter is only used when penalty is 'elasticnet'"):
        LogisticRegressionCV(Cs=2, penalty="l1", l1_ratios=(0.5,), solver="saga").fit(X, y)


REFUSED = [
    ({"l1_path": True, "l1": 1.0}, "`l1` is not used with l1_path: an L1 penalty of one strength is not chosen"),
    ({"l1_path": True, "l2": 1.0}, "`l1_path` is not used with l2: `l1_ratio` says how much of the penalty is L2."),
    ({"l1_path": True, "l2_path": True}, "`l1_path` is not used with l2_path: either chooses the penalty."),
    ({"l1_path": True, "penalty": "auto"}, '`l1_path` is not used with penalty="auto": either chooses the penalty.'),
    (
        {"l1_path": True, "interval": "profile"},
        '`l1_path` is not used with interval="profile": an L1 penalty has no intervals.',
    ),
    ({"l1_path": True, "covariance": "HC0"}, 'an L1 penalty leaves no standard errors for `covariance="HC0"`.'),
    (
        {"l1_path": 1},
        "`l1_path` must be True, a number of values of at least 2, or a list of values of l1, each above 0",
    ),
    ({"l1_path": [1.0, 0.0]}, "each above 0; got 0."),
    ({"l1_path": [math.inf]}, "each above 0; got inf."),
    ({"l1_path": []}, "the list is empty."),
    ({"l1_path": "many"}, '"many"'),
    (
        {"l1_path": True, "l1_ratio": 1.5},
        "`l1_ratio` must be a number from 0 (L2) to 1 (L1), or a list of such numbers",
    ),
    ({"l1_path": True, "l1_ratio": []}, "`l1_ratio` must be a number from 0 (L2) to 1 (L1), or a list of such numbers"),
    ({"l1_path": [1.0], "l1_ratio": 0}, "`l1_ratio` must be above 0 where `l1_path` lists values of l1"),
    ({"l1_ratio": 0.5}, '`l1_ratio` is used with `l1_path` or penalty="auto": pass one of them, too'),
    ({"l2_path": True, "l1_ratio": 0.5}, '`l1_ratio` is used with `l1_path` or penalty="auto"'),
    ({"l1_path": True, "shapes": "auto"}, "`l1_path`"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=str)
def test_what_cannot_be_asked_for(options, message):
    X, y = simulated()
    with pytest.raises(logloss.DataError, match=re.escape(message)):
        logloss.fit(X, y, **options)


def test_columns_that_say_nothing_leave_an_empty_model_and_the_text_says_so():
    y = np.arange(60) % 2
    X = np.random.default_rng(5).normal(size=(60, 4))
    model = logloss.fit(X, y, l1_path=20)
    assert n_nonzero(model) == 0
    assert not model.path.is_at_an_end
    assert "the least loss is where every coefficient is 0: the columns do not lower the loss of other rows" in repr(
        model
    )
    constant = logloss.fit(np.ones((60, 1)), y, l1_path=True)
    assert list(constant.coefficients.values()) == [0.0]


def test_an_end_is_told():
    X, y = simulated(600)
    model = logloss.fit(X, y, l1_path=[50.0, 40.0])
    assert model.path.is_at_an_end
    assert "the least loss is at the end of the path: smaller values may have a smaller loss" in repr(model)


def test_it_is_saved_with_the_model(tmp_path):
    X, y = simulated()
    model = logloss.fit(X, y, l1_path=10, l1_ratio=[0.5, 1])
    model.save(tmp_path / "m.json")
    assert logloss.load(tmp_path / "m.json").path == model.path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path["coefficients"].pop(), "one for each name at each value of the path in path: coefficients"),
        (lambda path: path.update(l1=3.3), "one of the values of the path in path: l2"),
        (lambda path: path["points"][0].update(l1=-1.0), "a finite number of at least 0 in path: points"),
        (lambda path: path["points"][0].update(l1_ratio=2.0), "a number from 0 to 1 in path: points"),
        (lambda path: path.update(n_coefficients=0), "at least as many as are not 0 in path: n_coefficients"),
    ],
)
def test_a_file_whose_path_cannot_be_is_refused(tmp_path, change, message):
    from logloss.files.document import HEAD, document_bytes

    X, y = simulated()
    logloss.fit(X, y, l1_path=[20.0, 5.0]).save(tmp_path / "model.json")
    document = json.loads((tmp_path / "model.json").read_text())
    fields = {name: value for name, value in document.items() if name not in HEAD}
    change(fields["path"])
    (tmp_path / "model.json").write_bytes(document_bytes("model", fields))
    with pytest.raises(logloss.DataError, match=re.escape(message)):
        logloss.load(tmp_path / "model.json")


def test_the_coefficients_that_are_kept_are_the_largest(monkeypatch):
    X, y = simulated()
    every = logloss.fit(X, y, l1_path=5).path
    assert every.names == tuple(f"x{k}" for k in range(6))
    monkeypatch.setattr(fold_fits, "MOST_KEPT", 10)
    few = logloss.fit(X, y, l1_path=5).path
    assert len(few.names) == 2
    size = np.abs(np.array(every.coefficients) * X.std(axis=0)).max(axis=0)
    assert set(few.names) == {f"x{k}" for k in np.argsort(-size)[:2]}
    rows = list(few.coefficient_table)
    assert all(row["coefficient"] for row in rows)
    assert {row["name"] for row in rows} == set(few.names)
    assert logloss.fit(X, y, l2_path=3).path.coefficient_table["name"] == []


def test_the_text_the_json_and_the_table_say_how_many_are_not_0():
    X, y = simulated()
    model = logloss.fit(X, y, l1_path=[30.0, 3.0])
    point = model.path.chosen
    assert f"at l1 = {model.l1:g} ({point.n_nonzero} of 6 coefficients not 0)" in repr(model)
    assert f"zero       {6 - point.n_nonzero} of 6 coefficients" in repr(model)
    assert f"penalty    l1 = {model.l1:g}, chosen from 2 values by the log loss of held-out rows" in repr(model)
    head = next(line for line in repr(model).splitlines() if "held-out log loss   " in line)
    assert head.split() == ["l1", "held-out", "log", "loss", "95%", "CI", "Δ", "to", "least", "95%", "CI", "not", "0"]
    figures = model.to_dict()["path"]
    assert [each["n_nonzero"] for each in figures["values"]] == [p.n_nonzero for p in model.path.points]
    assert (figures["l1"], figures["n_coefficients"]) == (model.l1, 6)


def test_what_was_chosen_has_no_errors_or_p_values_anywhere():
    X, y = simulated()
    model = logloss.fit(X, y, l1_path=5)
    assert model.errors is None
    assert model.profile is None
    assert "P>|" not in repr(model)
    assert "95% CI" not in repr(model).split("log loss")[0]
    assert not [name for name in model.to_dict() if "p_value" in name or ("error" in name and "estimation" not in name)]
    table = model.coefficient_table
    assert all(math.isnan(row[key]) for row in table for key in ("std_error", "low", "high", "p_value"))
    html = model.to_html()
    assert "std. error" not in html.split("Penalty")[0].split("<table")[-1]
    for kind in ("coefficients", "path_coefficients"):
        assert (
            "p-value" not in logloss.drawing(model, kind).sentence
            or "no intervals or p-values" in logloss.drawing(model, kind).sentence
        )


def test_the_pictures_have_the_losses_and_the_coefficients():
    X, y = simulated()
    model = logloss.fit(X, y, l1_path=12, l1_ratio=0.5)
    losses, lines = logloss.drawing(model, "path"), logloss.drawing(model, "path_coefficients")
    assert losses.table("path")["l1"] == [point.l1 for point in model.path.points]
    assert losses.figures["axis"] == "l1"
    assert losses.figures["x_label"] == "l1, strength of the penalty; l2 = 1 × l1"
    ax = model.plot("path")
    [line] = [line for line in ax.lines if line.get_label() == "log loss of held-out rows"]
    np.testing.assert_allclose(line.get_ydata(), model.path.table["log_loss"])
    values = np.array(model.path.coefficients) * X.std(axis=0)
    table = lines.table("lines")
    for k in range(6):
        own = [row["per_sd"] for row in table if row["name"] == f"x{k}"]
        np.testing.assert_allclose(own, values[:, k], rtol=1e-9)
    ax = model.plot("path_coefficients")
    names = {text.get_text() for text in ax.texts}
    assert {f"x{k}" for k in range(6)} | {"chosen"} <= names
    assert "so that they can be compared" in lines.sentence
    page = model.to_html()
    assert "Coefficients by penalty" in page
    assert "path_coefficients" not in logloss.show.drawings.kinds(logloss.fit(X, y, l2_path=3))
    without = logloss.drawing(logloss.fit(X, y, l2_path=3), "path_coefficients")
    assert without.reason == "the path has no L1 penalty, and its coefficients are not kept"


def test_at_most_twenty_lines_are_drawn_and_eight_named():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(300, 40))
    y = (rng.random(300) < 1 / (1 + np.exp(-X @ rng.normal(size=40) * 0.5))).astype(int)
    model = logloss.fit(X, y, l1_path=10, leave_one_out=False)
    table = logloss.drawing(model, "path_coefficients").table("lines")
    assert len(set(table["name"])) == 20
    assert len({row["name"] for row in table if row["is_named"]}) == 8


def test_names_beside_lines_are_moved_apart_as_little_as_is_needed():
    np.testing.assert_allclose(apart([0.1, 0.5, 0.9], 0.1), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(apart([0.5, 0.5, 0.9], 0.1), [0.45, 0.55, 0.9])
    moved = apart([0.0, 0.0, 0.0, 1.0], 0.1)
    assert (np.diff(moved) >= 0.1 - 1e-12).all()
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert len(apart([], 0.1)) == 0


def test_the_command_line_chooses_by_a_path(run, tmp_path):  # noqa: F811
    X, y = simulated()
    pd.DataFrame(X, columns=list("abcdef")).assign(y=y).to_csv(tmp_path / "rows.csv", index=False)
    rows = tmp_path / "rows.csv"
    code, out, err = run("fit", rows, "-y", "y", "--l1-path", "12", "--l1-ratio", "0.5,1", "--json")
    assert code == 0, err
    figures = json.loads(out)
    in_python = logloss.fit(rows, "y", l1_path=12, l1_ratio=[0.5, 1])
    assert figures["path"]["values"][3]["l1"] == in_python.path.points[3].l1
    assert figures["l1"] == in_python.l1
    code, out, err = run("fit", rows, "-y", "y", "--l1-path", "10,one")
    assert code == 2
    assert "--l1-path takes no value, a number of values, or values such as 10,1,0.1" in err
    code, out, err = run("fit", rows, "-y", "y", "--l1-path", "--l1-ratio", "half")
    assert code == 2
    assert "--l1-ratio must read like 0.5 or 0.5,1; got 'half'." in err
    code, out, err = run("fit", rows, "-y", "y", "--l1-ratio", "0.5")
    assert code == 3
    assert "--l1-ratio is used with --l1-path or --penalty auto: pass one of them, too" in err


def test_columns_without_a_penalty_are_in_every_model_of_a_path():
    X, y = simulated()
    X = X / X.std(axis=0)
    factors = {"x2": 0.0, "x4": 3.0}
    model = logloss.fit(X, y, l1_path=6, penalty_factors=factors, cv=3, leave_one_out=False)
    path = model.path
    assert path.points[0].n_nonzero == 1
    assert all(values[2] != 0 for values in path.coefficients)
    # The first value is the least at which all others are 0, with that column fitted.
    below = logloss.fit(X, y, l1=path.points[0].l1 * 0.989, penalty_factors=factors, leave_one_out=False)
    assert n_nonzero(below) == 2
    for point, values in zip(path.points, path.coefficients, strict=True):
        alone = logloss.fit(X, y, l1=point.l1, penalty_factors=factors, leave_one_out=False)
        np.testing.assert_allclose(values, list(alone.coefficients.values()), atol=1e-7)
    # At its end the column that is held back three times as much has 1e-4 of what holds all at 0, and the weakest less.
    even = logloss.fit(X, y, l1_path=6, penalty_factors={"x2": 0.0}, cv=3, leave_one_out=False).path
    assert path.points[-1].l1 == pytest.approx(even.points[-1].l1 / 3, rel=0.02)
    with pytest.raises(logloss.DataError, match="`penalty_factors` multiply the penalty of each column"):
        logloss.fit(X, y, l2_path=True, penalty_factors=factors)
