"""The estimator for scikit-learn: its own checks, and that it does what the library does."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

from logloss import Calibrator, calibrate, log_loss

RANDOM = np.random.default_rng(3)
X = np.repeat(RANDOM.normal(size=(1200, 2)), 3, axis=1)
Y = np.where(RANDOM.random(1200) < 1 / (1 + np.exp(-X[:, 0])), "yes", "no")
# As for scikit-learn's own CalibratedClassifierCV: folds of repeated rows are not those of weighted ones.
BY_FOLDS = {
    f"check_sample_weight_equivalence_on_{kind}_data": "folds of repeated rows are others"
    for kind in ("dense", "sparse")
}


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [None, LinearSVC()])
def test_scikit_learn_finds_no_fault(estimator):
    # One thread: on arrays of a few rows those of BLAS only wait for each other.
    with warnings.catch_warnings(), threadpool_limits(1):
        # What it skips, and what its own array helpers warn of.
        warnings.simplefilter("ignore")
        results = check_estimator(Calibrator(estimator), expected_failed_checks=BY_FOLDS, on_fail=None)
    failed = [(each["check_name"], each["exception"]) for each in results if each["status"] == "failed"]
    assert failed == []
    assert len(results) > 40


def test_it_is_the_map_of_what_the_classifier_says_of_rows_it_has_not_seen():
    mine = Calibrator(GaussianNB(), method="platt", cv=5).fit(X, Y)
    unseen = cross_val_predict(GaussianNB(), X, Y, cv=StratifiedKFold(5), method="predict_proba")[:, 1]
    right = calibrate((Y == "yes").astype(int), unseen, method="platt")
    assert mine.calibration_ == right
    message = right.apply(GaussianNB().fit(X, Y).predict_proba(X)[:, 1])
    assert mine.predict_proba(X)[:, 1].tolist() == message.tolist()
    assert (mine.predict(X) == np.where(message > 0.5, "yes", "no")).all()
    assert mine.classes_.tolist() == ["no", "yes"]


def test_what_naive_bayes_gets_wrong_is_repaired_on_new_rows():
    new = np.repeat(np.random.default_rng(9).normal(size=(4000, 2)), 3, axis=1)
    labels = np.random.default_rng(10).random(4000) < 1 / (1 + np.exp(-new[:, 0]))
    before = log_loss(labels, GaussianNB().fit(X, Y).predict_proba(new)[:, 1])
    fit = Calibrator(GaussianNB()).fit(X, Y)
    after = log_loss(labels, fit.predict_proba(new)[:, 1])
    assert fit.calibration_.expected_reduction.low < before - after < fit.calibration_.expected_reduction.high
    assert before - after > 0.01


def test_a_classifier_without_probabilities_gives_log_odds():
    fit = Calibrator(LinearSVC()).fit(X, Y)
    assert fit.predict_proba(X).sum(axis=1) == pytest.approx(1.0)
    assert log_loss(Y == "yes", fit.predict_proba(X)[:, 1]) < 0.69


def test_a_trained_classifier_stays_as_it_is():
    trained = GaussianNB().fit(X[:600], Y[:600])
    fit = Calibrator(trained, cv="prefit", method="temperature").fit(X[600:], Y[600:])
    assert fit.estimator_ is trained
    right = calibrate((Y[600:] == "yes").astype(int), trained.predict_proba(X[600:])[:, 1], method="temperature")
    # Estimates are floats, whose equality says nothing of their intervals.
    assert fit.calibration_.to_dict() == right.to_dict()


def test_weights_go_to_the_training_and_to_the_map():
    random = np.random.default_rng(1)
    w = random.lognormal(size=1200)
    fit = Calibrator(LogisticRegression(), method="platt", cv=4).fit(X, Y, sample_weight=w)
    unseen = np.empty(1200)
    for train, test in StratifiedKFold(4).split(X, Y):
        unseen[test] = LogisticRegression().fit(X[train], Y[train], sample_weight=w[train]).predict_proba(X[test])[:, 1]
    right = calibrate((Y == "yes").astype(int), unseen, sample_weight=w, method="platt")
    assert fit.calibration_.to_dict() == right.to_dict()


def test_it_stands_in_a_pipeline_and_can_be_cloned():
    first = Calibrator(make_pipeline(StandardScaler(), LogisticRegression()), negatives_kept=0.5)
    fit = clone(first).fit(X, Y)
    assert fit.negatives_kept == fit.calibration_.negatives_kept == 0.5
    assert fit.n_features_in_ == 6
    assert not hasattr(first, "calibration_")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "b", "c"] * 400, "Only binary classification is supported"),
        (["a"] + ["b"] * 1199, "the rarer one has 1 sample"),
    ],
)
def test_what_it_refuses(labels, message):
    with pytest.raises(ValueError, match=message):
        Calibrator().fit(X, labels)


def test_rows_that_no_fold_tests_are_refused():
    with pytest.raises(ValueError, match="each row into one test fold"):
        Calibrator(cv=[(np.arange(600), np.arange(600, 1000))]).fit(X, Y)
