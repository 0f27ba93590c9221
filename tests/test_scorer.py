"""The scorer of scikit-learn: minus log loss, exact and unclipped, for labels of any kind, in every search."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import logloss
from logloss import DataError
from logloss.integrations.scikit_learn import LogLossScorer, log_loss_scorer

FOLDS = StratifiedKFold(4, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(12)
    x = rng.normal(size=(400, 3))
    is_yes = rng.random(400) < 1 / (1 + np.exp(-x @ [1.0, -0.5, 0.0] + 0.7))
    return x, np.where(is_yes, "yes", "no"), rng.integers(1, 4, 400).astype(float)


class Certain(ClassifierMixin, BaseEstimator):
    """Predicts 1 for the second class, whatever the row; single precision on request."""

    def __init__(self, n_columns=2):
        self.n_columns = n_columns

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.tile(np.eye(self.n_columns)[-1], (len(X), 1))


@pytest.mark.parametrize("pos_label", ["yes", "no", None])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_score_is_minus_the_log_loss_whichever_class_is_positive(rows, pos_label, weighted):
    x, y, weight = rows
    weight = weight if weighted else None
    model = LogisticRegression().fit(x, y)
    score = log_loss_scorer(pos_label)(model, x, y, sample_weight=weight)
    proba = model.predict_proba(x)
    assert score == -logloss.log_loss(y, proba, pos_label="yes", sample_weight=weight)
    # Scikit-learn adds in floating point, with an error of at most n_rows units of rounding.
    assert -score == pytest.approx(sklearn_log_loss(y, proba, sample_weight=weight), rel=400 * np.finfo(float).eps)


def test_cross_validation_scores_each_fold_by_its_log_loss(rows):
    x, y, _ = rows
    scores = cross_val_score(LogisticRegression(), x, y, cv=FOLDS, scoring=log_loss_scorer(pos_label="yes"))
    for score, (train, test) in zip(scores, FOLDS.split(x, y), strict=True):
        proba = LogisticRegression().fit(x[train], y[train]).predict_proba(x[test])
        assert score == -logloss.log_loss(y[test], proba, pos_label="yes")


def test_searches_choose_what_scikit_learn_s_score_chooses_where_nothing_is_certain(rows):
    x, y, _ = rows
    grid = {"logisticregression__C": [0.001, 0.01, 0.1, 1.0, 10.0]}
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    ours = GridSearchCV(pipeline, grid, cv=FOLDS, scoring=log_loss_scorer(pos_label="yes")).fit(x, y)
    theirs = GridSearchCV(pipeline, grid, cv=FOLDS, scoring="neg_log_loss").fit(x, y)
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=400 * np.finfo(float).eps
    )
    random = RandomizedSearchCV(pipeline, grid, n_iter=3, cv=FOLDS, scoring=log_loss_scorer(), random_state=0)
    scores = cross_validate(
        random, x, y, cv=2, scoring={"log_loss": log_loss_scorer(pos_label="no"), "area": "roc_auc"}
    )
    assert (scores["test_log_loss"] < 0).all()


def test_a_certain_and_wrong_prediction_scores_minus_infinity(rows):
    x, y, _ = rows
    assert log_loss_scorer()(Certain().fit(x, y), x, y) == -np.inf
    assert log_loss_scorer()(Certain().fit(x, y), x[y == "yes"], y[y == "yes"]) == 0


def test_a_fold_of_one_class_is_scored(rows):
    x, y, _ = rows
    model = LogisticRegression().fit(x, y)
    for label in ("yes", "no"):
        own = y == label
        expected = -np.log(model.predict_proba(x[own])[:, int(label == "yes")]).mean()
        assert log_loss_scorer("yes")(model, x[own], y[own]) == pytest.approx(-expected, rel=400 * np.finfo(float).eps)


@pytest.mark.parametrize("labels", [(0, 1), (-1, 1), (1, 2), (False, True), (1.0, 0.0), ("0", "1")])
def test_labels_of_any_kind_have_the_same_score(rows, labels):
    x, y, _ = rows
    coded = np.where(y == "yes", labels[1], labels[0])
    score = log_loss_scorer(pos_label=labels[1])(LogisticRegression().fit(x, coded), x, coded)
    expected = log_loss_scorer(pos_label="yes")(LogisticRegression().fit(x, y), x, y)
    # Where the order of the classes is turned, the solver stops elsewhere.
    assert score == pytest.approx(expected, rel=1e-6)
    series = pd.Series(coded, index=np.arange(len(y))[::-1])
    model = LogisticRegression().fit(x, coded)
    assert log_loss_scorer()(model, x, series) == score
    assert log_loss_scorer()(model, x, series.astype("category")) == score


def test_weights_are_routed_to_the_scorer_and_change_each_fold(rows):
    x, y, weight = rows
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = clone(log_loss_scorer(pos_label="yes").set_score_request(sample_weight=True))
        model = LogisticRegression().set_fit_request(sample_weight=False)
        scores = cross_val_score(model, x, y, cv=FOLDS, scoring=scorer, params={"sample_weight": weight})
        search = GridSearchCV(model, {"C": [1.0]}, cv=FOLDS, scoring=scorer).fit(x, y, sample_weight=weight)
        refused = LogLossScorer("yes")
        with pytest.raises(ValueError, match="sample_weight"):
            cross_val_score(
                model, x, y, cv=FOLDS, scoring=refused, params={"sample_weight": weight}, error_score="raise"
            )
    for score, (train, test) in zip(scores, FOLDS.split(x, y), strict=True):
        proba = LogisticRegression().fit(x[train], y[train]).predict_proba(x[test])
        assert score == -logloss.log_loss(y[test], proba, pos_label="yes", sample_weight=weight[test])
    assert search.best_score_ == pytest.approx(scores.mean(), rel=1e-12)


def test_a_scorer_is_copied_and_pickled_with_its_label():
    scorer = pickle.loads(pickle.dumps(clone(log_loss_scorer(pos_label="yes"))))
    assert scorer.pos_label == "yes"
    assert repr(scorer) == "LogLossScorer(pos_label='yes')"


def test_what_has_no_probabilities_of_two_classes_is_refused(rows):
    x, y, weight = rows
    model = LogisticRegression().fit(x, y)
    with pytest.raises(DataError, match=r'`pos_label` must be a class of the estimator, "no", "yes"; got 1'):
        log_loss_scorer(pos_label=1)(model, x, y)
    with pytest.raises(DataError, match=r'must have the classes "no", "yes" of the estimator; found "maybe"'):
        log_loss_scorer()(model, x, np.where(np.arange(len(y)) == 7, "maybe", y))
    with pytest.raises(DataError, match="RidgeClassifier has no `predict_proba`"):
        log_loss_scorer()(RidgeClassifier().fit(x, y), x, y)
    three = np.arange(len(y)) % 3
    with pytest.raises(DataError, match="two classes; the estimator has 0, 1, 2"):
        log_loss_scorer()(LogisticRegression().fit(x, three), x, three)
    with pytest.raises(DataError, match="two classes; the estimator has 1"):
        log_loss_scorer()(DummyClassifier().fit(x, np.ones(len(y))), x, np.ones(len(y)))
    with pytest.raises(DataError, match=r"two columns for 400 rows; its shape is \(400, 3\)"):
        log_loss_scorer()(Certain(n_columns=3).fit(x, y), x, y)
    with pytest.raises(DataError, match="weight"):
        log_loss_scorer()(model, x, y, sample_weight=weight * 0)
    # Labels 0 and 1 are not the texts "0" and "1".
    texts = LogisticRegression().fit(x, np.where(y == "yes", "1", "0"))
    with pytest.raises(DataError, match=r'classes "0", "1" of the estimator; found 0, 1'):
        log_loss_scorer()(texts, x, (y == "yes").astype(int))
