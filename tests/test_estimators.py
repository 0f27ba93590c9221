"""The door to scikit-learn: its own checks, the right optimum where its default stops short, and plain objects back."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from mpmath import mp
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression as Peer
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import logloss
from logloss.show.explanation.ten_points import IS_GREEN, X

POINTS, GREEN = np.array(X)[:, None], np.array(IS_GREEN)
# Before, balanced classes balance rows and not their weights, names of Arrow's columns are not seen, nor polars frames by ColumnTransformer.
KNOWS_FRAMES = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)
SHIFTS = "ignore:`class_weight` shifts:UserWarning"


def drawn(seed: int, n_rows: int = 400, base: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels of a model that is right."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_rows, 3))
    logits = base + features @ [1.0, -0.5, 0.0]
    return features, (rng.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(int)


@pytest.mark.filterwarnings(SHIFTS, "ignore::logloss.SeparationWarning", "ignore::logloss.ConvergenceWarning")
@parametrize_with_checks([logloss.LogisticRegression(), logloss.LogisticRegression(C=np.inf, warm_start=True)])
def test_the_checks_of_scikit_learn_pass(estimator, check):
    assert check(estimator) is None


# --- the optimum ------------------------------------------------------------------------------------------------------


def test_ten_points_have_the_loss_of_the_optimum():
    """scikit-learn's default stops at 0.332940."""
    ours = logloss.LogisticRegression(C=1.0).fit(POINTS, GREEN)
    theirs = Peer(C=1.0).fit(POINTS, GREEN)
    assert f"{log_loss(GREEN, ours.predict_proba(POINTS)):.6f}" == "0.332911"
    assert f"{log_loss(GREEN, theirs.predict_proba(POINTS)):.6f}" == "0.332940"
    assert ours.certificate_.is_proven
    assert ours.certificate_.nats_per_row < 1e-15


def test_the_objective_is_that_of_scikit_learn():
    features, labels = drawn(1)
    weights = np.random.default_rng(2).uniform(0, 3, len(labels))
    ours = logloss.LogisticRegression(C=0.3).fit(features, labels, sample_weight=weights)
    theirs = Peer(C=0.3, solver="newton-cholesky", tol=1e-12).fit(features, labels, sample_weight=weights)
    # Newton's last step on both sides leaves roundings only.
    assert ours.coef_ == pytest.approx(theirs.coef_, rel=1e-10)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, rel=1e-10)


def test_a_rare_column_gets_its_coefficient():
    """Its gradient is below any tolerance on the mean: scikit-learn's default leaves it at 0.0027, in silence."""
    rng = np.random.default_rng(0)
    n_rows = 200_000
    first, second, rare = rng.normal(size=n_rows), rng.normal(size=n_rows), np.zeros(n_rows)
    rare[:20] = 1
    labels = (rng.random(n_rows) < 1 / (1 + np.exp(-(first - 1)))).astype(int)
    labels[:18], labels[18:20] = 1, 0
    features = np.column_stack([first, second, rare])
    ours = logloss.LogisticRegression(C=np.inf).fit(features, labels)
    assert ours.coef_[0] == pytest.approx([0.997, -0.005, 3.667], abs=5e-4)
    assert Peer(C=np.inf).fit(features, labels).coef_[0, 2] == pytest.approx(0.0027, abs=5e-5)


def test_a_heavy_penalty_leaves_the_base_rate():
    features, labels = drawn(3, base=-2.0)
    ours = logloss.LogisticRegression(C=1e-7).fit(features, labels)
    rate = labels.mean()
    # Coefficients are about C · Σ x (y − rate), some 1e-5, and move the intercept by that times the means of columns.
    assert ours.intercept_[0] == pytest.approx(np.log(rate / (1 - rate)), abs=1e-6)
    assert np.abs(ours.coef_).max() < 1e-4


def test_the_tails_are_right():
    fitted = logloss.LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    fitted.coef_, fitted.intercept_ = np.array([[1.0]]), np.array([0.0])
    at = np.array([[40.0], [-40.0], [1000.0], [-1000.0]])
    with mp.workdps(40):
        expected = [[float(-mp.log1p(mp.exp(z))), float(-mp.log1p(mp.exp(-z)))] for z in at.ravel().tolist()]
    # One rounding of exp, of log1p and of the sum.
    assert fitted.predict_log_proba(at) == pytest.approx(np.array(expected), rel=4e-16)
    assert fitted.predict_log_proba(at)[2, 0] == -1000.0
    assert fitted.predict_proba(at)[0, 0] == pytest.approx(np.exp(-40.0), rel=1e-14)


def test_without_a_penalty_separated_classes_are_told_apart_and_it_is_said():
    features = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    with pytest.warns(logloss.SeparationWarning, match="no finite maximum-likelihood estimate exists"):
        fitted = logloss.LogisticRegression(C=np.inf).fit(features, [0, 0, 1, 1])
    assert fitted.coef_[0, 0] == np.inf
    assert fitted.model_.separation is not None
    assert fitted.decision_function(features).tolist() == [-np.inf, -np.inf, np.inf, np.inf]
    assert fitted.predict_proba(features)[:, 1].tolist() == [0, 0, 1, 1]
    assert fitted.predict(features).tolist() == [0, 0, 1, 1]


def test_passes_that_are_too_few_are_said():
    with pytest.warns(logloss.ConvergenceWarning, match="stopped at the limit of 2 passes"):
        assert logloss.LogisticRegression(max_iter=2).fit(POINTS, GREEN).n_iter_ == [2]


# --- weights ----------------------------------------------------------------------------------------------------------


def test_a_row_of_weight_0_is_no_row():
    """Not even its label counts: a third class that has no weight is none."""
    features, labels = drawn(4)
    weights = (np.arange(len(labels)) % 3).astype(float)
    labels[(weights == 0) & (labels == 1)] = 7
    ours = logloss.LogisticRegression().fit(features, labels, sample_weight=weights)
    kept = weights > 0
    alone = logloss.LogisticRegression().fit(features[kept], labels[kept], sample_weight=weights[kept])
    assert ours.classes_.tolist() == [0, 1]
    assert ours.coef_ == pytest.approx(alone.coef_, rel=1e-12)
    assert ours.model_.n_rows == kept.sum()


def test_class_weights_are_weights_of_rows():
    features, labels = drawn(5, base=-2.0)
    with pytest.warns(
        UserWarning,
        match="`class_weight` shifts probabilities: their mean on these rows is 0.6818, though the base rate is 0.1250.",
    ):
        ours = logloss.LogisticRegression(class_weight={1: 15.0}).fit(features, labels)
    same = logloss.LogisticRegression().fit(features, labels, sample_weight=np.where(labels, 15.0, 1.0))
    assert ours.coef_.tolist() == same.coef_.tolist()
    assert ours.intercept_.tolist() == same.intercept_.tolist()


@pytest.mark.filterwarnings(SHIFTS)
def test_balanced_classes_weigh_the_same():
    """Weights of rows count in it, so that a row of weight 2 is two rows."""
    features, labels = drawn(6, base=-1.5)
    repeats = np.random.default_rng(7).integers(0, 4, len(labels))
    ours = logloss.LogisticRegression(class_weight="balanced").fit(features, labels, sample_weight=repeats)
    many = logloss.LogisticRegression(class_weight="balanced").fit(
        np.repeat(features, repeats, axis=0), np.repeat(labels, repeats)
    )
    assert ours.coef_ == pytest.approx(many.coef_, rel=1e-10)
    assert ours.model_.base_rate == pytest.approx(0.5, rel=1e-14)
    if KNOWS_FRAMES:
        peer = Peer(class_weight="balanced", solver="newton-cholesky", tol=1e-12)
        assert ours.coef_ == pytest.approx(peer.fit(features, labels, sample_weight=repeats).coef_, rel=1e-10)
    # They keep their sum.
    assert ours.model_.sum_weight == pytest.approx(repeats.sum(), rel=1e-14)


def test_the_corrected_intercept_gives_the_probabilities_of_the_rows_as_they_came():
    """Where the model can say everything, weights of classes multiply odds and nothing else."""
    features = np.repeat([[0.0], [0.0], [1.0], [1.0]], [90, 10, 60, 40], axis=0)
    labels = np.repeat([0, 1, 0, 1], [90, 10, 60, 40])
    with pytest.warns(UserWarning, match="is 0.5000, though the base rate is 0.2500"):
        ours = logloss.LogisticRegression(C=np.inf, class_weight="balanced").fit(features, labels)
    plain = logloss.LogisticRegression(C=np.inf).fit(features, labels)
    assert ours.intercept_ == pytest.approx(plain.intercept_ + np.log(3))
    assert ours.prior_corrected_intercept_ == pytest.approx(plain.intercept_, rel=1e-12)
    assert plain.prior_corrected_intercept_.tolist() == plain.intercept_.tolist()
    ours.intercept_ = ours.prior_corrected_intercept_
    assert ours.predict_proba([[0.0], [1.0]])[:, 1] == pytest.approx([0.1, 0.4], rel=1e-12)


def test_balanced_classes_need_no_warning():
    with warnings.catch_warnings(record=True) as message:
        warnings.simplefilter("always")
        logloss.LogisticRegression(class_weight="balanced").fit([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1])
    assert message == []


@pytest.mark.parametrize("weight", [{0: -1.0}, {1: np.nan}, {0: 0.0, 1: 0.0}])
def test_weights_of_classes_are_weights(weight):
    with pytest.raises(logloss.DataError, match="`class_weight` must give each class a finite weight of at least 0"):
        logloss.LogisticRegression(class_weight=weight).fit(POINTS, GREEN)
    with pytest.raises(ValueError, match="class_weight"):
        logloss.LogisticRegression(class_weight={"no": 1.0}).fit(POINTS, GREEN)


@pytest.mark.parametrize(
    ("options", "labels", "weights", "message"),
    [
        (
            {"C": 0.0},
            GREEN,
            None,
            r"The 'C' parameter of LogisticRegression must be a float in the range \(0\.0, inf\]",
        ),
        ({"C": np.nan}, GREEN, None, "The 'C' parameter of LogisticRegression must be"),
        ({"C": "1"}, GREEN, None, "Got '1' instead"),
        ({"max_iter": -1}, GREEN, None, "The 'max_iter' parameter of LogisticRegression must be"),
        ({}, np.arange(10) % 3, None, r"type of the target is multiclass; it has 3 classes: 0, 1, 2\. Wrap"),
        ({}, np.zeros(10), None, "found only one class: 0"),
        ({}, GREEN, -1.0 * GREEN, "`sample_weight` must be at least 0; row 2 has −1.000"),
        ({}, GREEN, np.ones((10, 2)), r"one number for each row; it has shape \(10, 2\)"),
        ({}, GREEN, np.zeros(10), "some row must have weight; `sample_weight` is zero in each"),
        ({}, GREEN, np.ones(9), "inconsistent numbers of samples"),
    ],
)
def test_what_cannot_be_fitted_is_refused(options, labels, weights, message):
    with pytest.raises(ValueError, match=message):
        logloss.LogisticRegression(**options).fit(POINTS, labels, sample_weight=weights)


# --- where it works ---------------------------------------------------------------------------------------------------


def test_it_works_where_scikit_learns_does():
    features, labels = load_breast_cancer(return_X_y=True)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), logloss.LogisticRegression()),
        {"logisticregression__C": [0.1, 1.0]},
        scoring="neg_log_loss",
        cv=3,
    ).fit(features, labels)
    theirs = cross_val_score(
        make_pipeline(StandardScaler(), Peer(C=search.best_params_["logisticregression__C"], tol=1e-10)),
        features,
        labels,
        scoring="neg_log_loss",
        cv=3,
    )
    assert search.best_score_ == pytest.approx(theirs.mean(), rel=1e-6)
    proba = cross_val_predict(search.best_estimator_, features, labels, method="predict_proba", cv=3)
    assert log_loss(labels, proba) < 0.1
    assert search.best_estimator_.score(features, labels) > 0.98


def test_weights_and_names_are_passed_on():
    features, labels = drawn(8)
    weights = np.random.default_rng(9).integers(0, 3, len(labels))
    frame = pd.DataFrame(features, columns=["a", "b", "c"])
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = (
            logloss.LogisticRegression().set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        )
        search = GridSearchCV(estimator, {"C": [1.0]}, cv=2).fit(frame, labels, sample_weight=weights)
    assert search.best_estimator_.model_.sum_weight == weights.sum()
    chain = make_pipeline(StandardScaler(), logloss.LogisticRegression()).set_output(transform="pandas")
    assert list(chain.fit(frame, labels)[-1].model_.coefficients) == ["a", "b", "c"]


def test_many_classes_are_one_against_the_rest():
    features, _ = drawn(8)
    labels = features.argmax(axis=1)
    assert OneVsRestClassifier(logloss.LogisticRegression()).fit(features, labels).score(features, labels) > 0.9


def test_a_copy_and_a_pickle_predict_the_same():
    features, labels = drawn(9)
    fitted = logloss.LogisticRegression(C=2.0).fit(features, np.where(labels, "yes", "no"))
    again = pickle.loads(pickle.dumps(fitted))
    assert again.certificate_ == fitted.certificate_
    assert again.predict_log_proba(features).tolist() == fitted.predict_log_proba(features).tolist()
    assert again.model_.log_loss == fitted.model_.log_loss
    assert clone(fitted).get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        clone(fitted).predict(features)
    assert "LogisticRegression" in fitted._repr_html_()
    assert fitted.classes_.tolist() == ["no", "yes"]
    assert 'P(y = "yes")' in repr(fitted.model_)


def test_frames_of_all_kinds_are_one():
    features, labels = drawn(10)
    frame = pd.DataFrame(features, columns=["a", "b", "c"])
    plain = logloss.LogisticRegression().fit(features, labels)
    assert not hasattr(plain, "feature_names_in_")
    for table in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        fitted = logloss.LogisticRegression().fit(table, labels)
        if KNOWS_FRAMES or table is frame:
            assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
            assert list(fitted.model_.coefficients) == ["a", "b", "c"]
        # Rows that lie apart in memory are added in another order.
        assert fitted.coef_ == pytest.approx(plain.coef_, rel=1e-14, abs=1e-15)
        assert fitted.predict_proba(table) == pytest.approx(plain.predict_proba(features), rel=1e-14)
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame[["c", "b", "a"]])


def test_the_model_finds_columns_by_their_names():
    features, labels = drawn(11)
    frame = pd.DataFrame(features, columns=["a", "b", "X"])
    model = logloss.LogisticRegression().fit(frame, labels).model_
    turned = frame[["X", "b", "a"]].assign(other="text")
    assert model.predict_logit(turned).tolist() == model.predict_logit(features).tolist()


@pytest.mark.parametrize("kind", ["C", "F", "float32"])
def test_a_matrix_is_read_where_it_is(kind):
    """Read-only, in any order, in single precision: nothing of the size of X is made of it."""
    rng = np.random.default_rng(13)
    features = rng.normal(size=(100_000, 40))
    labels = rng.integers(0, 2, len(features))
    given = features.astype(np.float32) if kind == "float32" else np.array(features, order=kind)
    given.flags.writeable = False
    logloss.LogisticRegression().fit(given[:100], labels[:100])
    tracemalloc.start()
    ours = logloss.LogisticRegression().fit(given, labels)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # What is held is the sample for the warm start, a tenth of the rows and what its passes take.
    assert most < 0.6 * given.nbytes
    tracemalloc.start()
    ours.predict_proba(given)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Some arrays of one number a row, where a row has 40, and a piece.
    assert most < 0.5 * given.nbytes
    # Single precision moves the data by 2^-24 of each value.
    rel = 1e-3 if kind == "float32" else 1e-9
    wide = logloss.LogisticRegression().fit(features, labels)
    assert ours.coef_ == pytest.approx(wide.coef_, rel=rel, abs=1e-7)


def test_a_warm_start_begins_at_the_last_answer():
    fitted = logloss.LogisticRegression(warm_start=True).fit(POINTS, GREEN)
    cold, first = fitted.n_iter_[0], fitted.coef_
    assert fitted.fit(POINTS, GREEN).n_iter_[0] == 1 < cold
    assert fitted.coef_ == pytest.approx(first, rel=1e-14)
    near = fitted.set_params(C=0.8).fit(POINTS, GREEN)
    alone = logloss.LogisticRegression(C=0.8).fit(POINTS, GREEN)
    assert near.n_iter_[0] < alone.n_iter_[0]
    assert near.coef_ == pytest.approx(alone.coef_, rel=1e-13)
    wide = np.column_stack([POINTS, POINTS**2])
    assert fitted.fit(wide, GREEN).coef_ == pytest.approx(clone(fitted).fit(wide, GREEN).coef_, rel=1e-13)


def test_a_start_may_have_categories_and_be_far_off():
    rng = np.random.default_rng(14)
    table = pd.DataFrame({"x": rng.normal(50, 3, 300), "city": rng.choice(["Bonn", "Kiel", "Ulm"], 300)})
    labels = rng.integers(0, 2, 300)
    cold = logloss.fit(table, labels)
    again = logloss.fit(table, labels, start=cold)
    assert len(again.passes) <= 2 < len(cold.passes)
    assert again.passes[0].log_loss == pytest.approx(cold.log_loss, rel=1e-14)
    far = logloss.fit(table, 1 - labels, start=logloss.fit(table.assign(x=table.x / 1e4), labels))
    assert far.log_loss == pytest.approx(cold.log_loss, rel=1e-12)


# --- plain objects ----------------------------------------------------------------------------------------------------


# Both add the same products in another order: some units in the last place of logits of about 10.
SAME = 1e-12


def people(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.normal(40, 10, 300),
            "city": rng.choice(["Ulm", "Bonn", "Kiel"], 300),
            "zip": rng.choice([10, 20, 30], 300),
            "new": rng.random(300) < 0.4,
            "pay": rng.normal(1000, 50, 300),
        }
    )
    return table, (rng.random(300) < 1 / (1 + np.exp(-(table.age - 40) / 10 - (table.city == "Ulm")))).astype(int)


def test_numbers_become_scikit_learns_own_estimator():
    table, labels = people(15)
    named, matrix = table[["age", "pay"]], table[["age", "pay"]].to_numpy()
    for given in (named, matrix):
        model = logloss.fit(given, labels, l2=0.5)
        plain = model.to_sklearn(classes=("no", "yes"))
        assert type(plain) is Peer
        assert plain.C == 2.0
        assert plain.predict_proba(given)[:, 1] == pytest.approx(model.predict_proba(given), abs=SAME)
        assert plain.predict(given).tolist() == np.where(model.predict_logit(given) > 0, "yes", "no").tolist()
        assert (plain.coef_.shape, plain.intercept_.shape, plain.n_features_in_) == ((1, 2), (1,), 2)
        assert b"logloss" not in pickle.dumps(plain)
        assert clone(plain).fit(given, labels).coef_ == pytest.approx(plain.coef_, rel=0.05)
    assert logloss.fit(named, labels).to_sklearn().feature_names_in_.tolist() == ["age", "pay"]
    assert not hasattr(plain, "feature_names_in_")


def test_the_estimators_model_becomes_scikit_learns_own_estimator():
    table, labels = people(16)
    fitted = logloss.LogisticRegression(C=np.inf).fit(table[["age", "pay"]], labels)
    plain = fitted.model_.to_sklearn(classes=fitted.classes_)
    assert plain.feature_names_in_.tolist() == ["age", "pay"]
    assert plain.coef_.tolist() == fitted.coef_.tolist()
    assert plain.predict_proba(table[["age", "pay"]]) == pytest.approx(
        fitted.predict_proba(table[["age", "pay"]]), abs=SAME
    )


@pytest.mark.filterwarnings('ignore:".*" has levels that training did not see:UserWarning')
@pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning")
@pytest.mark.parametrize("has_gaps", [False, True])
def test_categories_become_a_pipeline_with_the_same_predictions(has_gaps):
    table, labels = people(17)
    if has_gaps:
        table = table.astype({"zip": float, "new": object})
        for name, step in (("age", 7), ("city", 5), ("zip", 9), ("new", 11)):
            table.loc[::step, name] = np.nan if name in ("age", "zip") else None
    model = logloss.fit(
        table, labels, categories=["zip"], reference={"city": "Kiel"}, missing="indicator" if has_gaps else "error"
    )
    plain = model.to_sklearn()
    assert type(plain) is Pipeline
    assert type(plain.named_steps["columns"]) is ColumnTransformer
    assert type(plain.named_steps["model"]) is Peer
    strange = table.astype({"city": object})
    strange.loc[3, "city"], strange.loc[4, "zip"] = "Rom", 99
    turned = strange[["pay", "new", "zip", "city", "age"]].assign(other=1)
    of_others = [pl.from_arrow(pa.Table.from_pandas(table))] if KNOWS_FRAMES else []
    for given in (table, strange, turned, *of_others):
        assert plain.predict_proba(given)[:, 1] == pytest.approx(model.predict_proba(given), abs=SAME)
    assert b"logloss" not in pickle.dumps(plain)
    assert pickle.loads(pickle.dumps(plain)).predict(table).tolist() == (model.predict_logit(table) > 0).tolist()


def test_the_pipeline_says_what_it_does_not_know():
    table, labels = people(19)
    plain = logloss.fit(table[["city"]], labels).to_sklearn()
    with pytest.warns(UserWarning, match="Found unknown categories"):
        plain.predict_proba(pd.DataFrame({"city": pd.array(["Ulm", pd.NA], dtype="string")}))
    with pytest.raises(ValueError, match="NaN"):
        logloss.fit(table[["age", "city"]], labels).to_sklearn().predict_proba(table.assign(age=np.nan))


def test_a_matrix_with_gaps_becomes_a_pipeline():
    features, labels = drawn(18)
    features[::9, 1] = np.nan
    model = logloss.fit(features, labels, missing="indicator")
    assert model.to_sklearn().predict_proba(features)[:, 1] == pytest.approx(model.predict_proba(features), abs=SAME)


def test_codes_declared_in_any_order_become_a_plain_model():
    """An encoder takes numbers in ascending order only, whatever order was declared."""
    rng = np.random.default_rng(12)
    codes = rng.choice([10, 20, 30], 200)
    table = pd.DataFrame({"code": pd.Categorical(codes, [30, 10, 20]), "y": rng.integers(0, 2, 200)})
    model = logloss.fit(table, "y")
    assert list(model.coefficients) == ["code: 10", "code: 20"]
    plain = model.to_sklearn().predict_proba(pd.DataFrame({"code": codes}))[:, 1]
    assert plain == pytest.approx(model.predict_proba(table), abs=SAME)


def test_what_scikit_learn_cannot_say_is_refused():
    with pytest.warns(logloss.SeparationWarning):
        parted = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1])
    with pytest.raises(logloss.DataError, match="separated by x: scikit-learn has no infinite coefficients"):
        parted.to_sklearn()
    with pytest.raises(logloss.DataError, match="have no offset"):
        logloss.fit(POINTS, GREEN, l2=1.0, offset=np.ones(10)).to_sklearn()
    with pytest.raises(logloss.DataError, match="two labels, the positive one last; got 3"):
        logloss.fit(POINTS, GREEN, l2=1.0).to_sklearn(classes="abc")


# --- the package ------------------------------------------------------------------------------------------------------


def printed_by(program: str) -> str:
    """What a fresh Python prints."""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def test_scikit_learn_waits_until_it_is_needed():
    assert printed_by("import logloss, sys; logloss.fit; print('sklearn' in sys.modules)") == "False"


def test_without_scikit_learn_the_message_names_what_to_install():
    program = (
        "import sys; sys.modules['sklearn'] = None; import logloss\n"
        "try: logloss.LogisticRegression\n"
        "except logloss.MissingPackage as error: print(error)"
    )
    expected = 'the estimators need scikit-learn 1.6 or newer. Install it with: pip install "logloss[sklearn]"'
    assert printed_by(program) == expected


def test_a_star_import_works_without_scikit_learn():
    """And with it brings the estimators, too; asked for by name without it, they say how to install it."""
    program = (
        "import sys; sys.modules['sklearn'] = {}; from logloss import *; import logloss\n"
        "print(log_loss([1], [0.5]) > 0, measure.__name__, 'LogisticRegression' in dir(), len(logloss.__all__))"
    )
    without, present = (printed_by(program.format(each)).split() for each in ("None", "__import__('sklearn')"))
    assert without[:3] == ["True", "measure", "False"]
    assert present[:3] == ["True", "measure", "True"]
    assert int(present[3]) == int(without[3]) + 4
