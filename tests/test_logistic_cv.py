"""`logloss.LogisticRegressionCV` against scikit-learn's class."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import sklearn
import sklearn.exceptions
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import LogisticRegressionCV as ScikitLearns
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import (
    GroupKFold,
    LeaveOneGroupOut,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import logloss
from logloss import LogisticRegressionCV

THEIRS = {"solver": "newton-cholesky", "tol": 1e-12, "max_iter": 1000}


def simulated(n=300, p=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-X @ np.array([1.0, -0.5, 0.0, 0.5]) + 0.5)), "yes", "no")
    return X, y


def theirs(**options):
    with warnings.catch_warnings():
        # Its arguments are deprecated from release to release.
        warnings.simplefilter("ignore", FutureWarning)
        X, y = options.pop("rows")
        weight = options.pop("sample_weight", None)
        options = {"scoring": "neg_log_loss"} | options
        return ScikitLearns(**options, **THEIRS).fit(X, y, sample_weight=weight)


def assert_same(ours, reference):
    np.testing.assert_allclose(ours.scores_["yes"], reference.scores_["yes"], atol=1e-9)
    np.testing.assert_allclose(ours.C_, reference.C_)
    np.testing.assert_allclose(ours.coef_, reference.coef_, atol=1e-8)
    np.testing.assert_allclose(ours.intercept_, reference.intercept_, atol=1e-8)
    # Where there is nearly no penalty, scikit-learn's tolerance is the larger one.
    np.testing.assert_allclose(ours.coefs_paths_["yes"], reference.coefs_paths_["yes"], atol=1e-6)
    assert ours.n_iter_.shape == reference.n_iter_.shape
    np.testing.assert_allclose(ours.Cs_, reference.Cs_)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"Cs": [0.3, 10.0, 0.01], "cv": 3},
        {"cv": TimeSeriesSplit(4)},
        {"cv": ShuffleSplit(4, random_state=0)},
        {"refit": False},
        {"fit_intercept": False},
        {"scoring": "accuracy", "cv": StratifiedKFold(4, shuffle=True, random_state=1)},
        {"scoring": None},
        {"scoring": make_scorer(roc_auc_score, response_method="predict_proba")},
        {"l1_ratios": (0,)},
    ],
    ids=str,
)
def test_it_is_scikit_learns_at_its_optimum(options):
    X, y = simulated()
    assert_same(LogisticRegressionCV(**options).fit(X, y), theirs(rows=(X, y), **options))


def test_weights_and_class_weights():
    X, y = simulated()
    weight = np.random.default_rng(1).gamma(2.0, size=len(y))
    ours = LogisticRegressionCV(cv=4).fit(X, y, sample_weight=weight)
    assert_same(ours, theirs(rows=(X, y), cv=4, sample_weight=weight))
    with pytest.warns(UserWarning, match="`class_weight` shifts probabilities"):
        ours = LogisticRegressionCV(cv=4, class_weight={"no": 1, "yes": 3}).fit(X, y)
    assert_same(ours, theirs(rows=(X, y), cv=4, class_weight={"no": 1, "yes": 3}))


def test_new_shapes_of_attributes():
    X, y = simulated()
    ours = LogisticRegressionCV(use_legacy_attributes=False, l1_ratios=(0,)).fit(X, y)
    assert isinstance(ours.C_, float)
    assert ours.l1_ratio_ == 0
    if "use_legacy_attributes" in ScikitLearns().get_params():
        reference = theirs(rows=(X, y), use_legacy_attributes=False, l1_ratios=(0,))
        for name in ("scores_", "coefs_paths_", "n_iter_", "coef_"):
            assert np.shape(getattr(ours, name)) == np.shape(getattr(reference, name))
        np.testing.assert_allclose(ours.scores_, reference.scores_, atol=1e-9)
        assert pytest.approx(reference.C_) == ours.C_


def test_the_default_is_log_loss_and_none_is_accuracy():
    X, y = simulated()
    ours = LogisticRegressionCV(Cs=4, cv=3).fit(X, y)
    assert ours.scoring == "neg_log_loss"
    np.testing.assert_allclose(
        ours.scores_["yes"].mean(axis=0), [-loss for loss in ours.path_.table["log_loss"]], atol=1e-9
    )
    assert ours.score(X, y) == pytest.approx(-sklearn.metrics.log_loss(y, ours.predict_proba(X)))
    accurate = LogisticRegressionCV(Cs=4, cv=3, scoring=None).fit(X, y)
    assert accurate.score(X, y) == (accurate.predict(X) == y).mean()
    assert accurate.path_.selection == "score"
    assert accurate.path_.l2 == pytest.approx(1 / accurate.C_[0])


def test_groups_are_routed_to_the_splitter():
    X, y = simulated()
    groups = np.arange(len(y)) // 10
    with sklearn.config_context(enable_metadata_routing=True):
        ours = LogisticRegressionCV(cv=GroupKFold(4)).fit(X, y, groups=groups)
        reference = theirs(rows=(X, y), cv=list(GroupKFold(4).split(X, y, groups)))
    assert_same(ours, reference)
    with pytest.raises(
        logloss.DataError, match="passing groups to fit is only supported if enable_metadata_routing=True"
    ):
        LogisticRegressionCV(cv=GroupKFold(4)).fit(X, y, groups=groups)


def test_a_fold_that_lacks_a_class_is_legal():
    X, y = simulated(60)
    # Each group has one class, so that every fold lacks one in its test rows, and one fold one in training.
    groups = np.where(y == "yes", 0, 1 + np.arange(60) % 2)
    splits = list(LeaveOneGroupOut().split(X, y, groups))
    ours = LogisticRegressionCV(cv=splits).fit(X, y)
    assert np.isfinite(ours.scores_["yes"]).all()
    assert ours.path_.n_one_class == 1
    # So it is where a scorer of scikit-learn makes the scores.
    brier = LogisticRegressionCV(cv=splits, scoring="neg_brier_score", Cs=3).fit(X, y)
    for k, (_, test) in enumerate(splits):
        for j in range(3):
            own = brier.coefs_paths_["yes"][k, j]
            proba = 1 / (1 + np.exp(-X[test] @ own[:-1] - own[-1]))
            np.testing.assert_allclose(-brier.scores_["yes"][k, j], np.mean((proba - (y[test] == "yes")) ** 2))


def test_one_standard_error_takes_a_smaller_C():
    X, y = simulated(150)
    best = LogisticRegressionCV(cv=5).fit(X, y)
    strong = LogisticRegressionCV(cv=5, selection="one_standard_error").fit(X, y)
    assert strong.C_ < best.C_
    path = best.path_
    place = path.table["l2"].index(path.l2)
    means = strong.scores_["yes"].mean(axis=0)
    assert means[list(strong.Cs_).index(strong.C_[0])] >= means.max() - path.table["std_error"][place]


def test_clones_pipelines_and_float32():
    X, y = simulated()
    pipeline = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=3, cv=3)).fit(X, y)
    assert pipeline.predict_proba(X).shape == (300, 2)
    assert clone(LogisticRegressionCV(Cs=3, selection="one_standard_error")).selection == "one_standard_error"
    single = LogisticRegressionCV(Cs=3, cv=3).fit(X.astype(np.float32), y)
    assert single.coef_.dtype == np.float64
    np.testing.assert_allclose(single.coef_, LogisticRegressionCV(Cs=3, cv=3).fit(X, y).coef_, atol=1e-5)


def test_every_argument_of_scikit_learn_is_taken():
    missing = set(ScikitLearns().get_params()) - set(LogisticRegressionCV().get_params())
    assert not missing
    own = {"selection", "multi_class", "use_legacy_attributes"}
    assert set(LogisticRegressionCV().get_params()) - set(ScikitLearns().get_params()) <= own


REFUSED = [
    ({"l1_ratios": (0.5,)}, "Solver lbfgs supports only 'l2' or None penalties, got elasticnet penalty."),
    ({"l1_ratios": (0, 1), "solver": "liblinear"}, "Only 'saga' solver supports elasticnet penalty"),
    ({"penalty": "elasticnet", "solver": "saga"}, "`l1_ratios` must be given with penalty='elasticnet'"),
    ({"l1_ratios": (1.5,), "solver": "saga"}, "`l1_ratios` must be numbers between 0 and 1, one or more, or None"),
    ({"Cs": [1.0, -1.0]}, "`Cs` must be a number of values, or values above 0; got [1.0, -1.0]."),
    ({"selection": "least"}, "The 'selection' parameter of LogisticRegressionCV must be a str among"),
    ({"l1_ratios": ()}, "`l1_ratios` must be numbers between 0 and 1, one or more, or None; got []."),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_what_cannot_be_asked_for(options, message):
    X, y = simulated()
    with pytest.raises(logloss.DataError, match=re.escape(message)):
        LogisticRegressionCV(**options).fit(X, y)


def test_three_classes_are_refused_with_the_way_out():
    X, _ = simulated()
    with pytest.raises(logloss.DataError, match="OneVsRestClassifier"):
        LogisticRegressionCV().fit(X, np.arange(300) % 3)


@pytest.mark.parametrize("class_weight", [None, {"no": 1.0, "yes": 3.0}])
def test_log_loss_clips_no_probability(class_weight):
    X, y = simulated(100)
    # A row far on the side of the other class: its probability is below the least that scikit-learn's score has.
    X[0] = np.array([400.0, 0.0, 0.0, 0.0]) * (1.0 if y[0] == "no" else -1.0)
    train, test = np.arange(2, 100), np.arange(2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`class_weight` shifts probabilities")
        ours = LogisticRegressionCV(Cs=[1.0], cv=[(train, test)], class_weight=class_weight).fit(X, y)
    reference = LogisticRegression(C=1.0, class_weight=class_weight, **THEIRS)

    def loss(model, rows):
        logits = model.decision_function(X[rows])
        return np.logaddexp(0, np.where(y[rows] == "yes", -logits, logits)).mean()

    expected = loss(reference.fit(X[train], y[train]), test)
    assert expected > -np.log(np.finfo(float).eps)
    np.testing.assert_allclose(-ours.scores_["yes"], [[expected]], rtol=1e-9)
    ours.coef_, ours.intercept_ = reference.coef_, reference.intercept_
    np.testing.assert_allclose(-ours.score(X[test], y[test]), expected, rtol=1e-9)
    # One class is enough.
    np.testing.assert_allclose(-ours.score(X[:1], y[:1]), loss(reference, np.arange(1)), rtol=1e-9)


def test_a_score_refuses_other_labels():
    X, y = simulated(50)
    with pytest.raises(logloss.DataError, match=re.escape('`y` must have the classes "no", "yes".')):
        LogisticRegressionCV(Cs=2, cv=2).fit(X, y).score(X, np.where(y == "no", "never", y))


@pytest.mark.parametrize("options", [{}, {"class_weight": {"no": 1, "yes": 2}}, {"scoring": "roc_auc"}])
@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.filterwarnings("ignore:Only one class", "ignore:`class_weight` shifts")
def test_a_fold_without_a_score_is_left_out_of_the_choice(options, refit):
    X, y = simulated()
    folds = np.arange(len(y)) % 3
    # The rows of the first fold weigh nothing; for the area under the curve they have one class.
    weight = (folds > 0).astype(float)
    y[folds == 0] = "no"
    splits = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(3)]
    weight = None if "scoring" in options else weight
    with pytest.warns(UserWarning, match="no score of fold 1 of `cv`, left out of the choice: its test rows have no"):
        ours = LogisticRegressionCV(Cs=5, cv=splits, refit=refit, **options).fit(X, y, sample_weight=weight)
    assert np.isnan(ours.scores_["yes"][0]).all()
    others = LogisticRegressionCV(Cs=5, cv=splits[1:], refit=refit, **options).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(ours.C_, others.C_)
    np.testing.assert_allclose(ours.coef_, others.coef_, atol=1e-9)
    with pytest.raises(logloss.DataError, match=r"no fold of `cv` has a score|no row that is tested"):
        LogisticRegressionCV(Cs=5, cv=splits[:1], **options).fit(X, y, sample_weight=weight)


def test_log_loss_scores_labels_in_a_column_and_no_others():
    X, y = simulated()
    ours = LogisticRegressionCV(Cs=2, cv=2).fit(X, y)
    with pytest.warns(sklearn.exceptions.DataConversionWarning):
        assert ours.score(X, y[:, None]) == ours.score(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ours.score(X, y[:5])
    assert np.isnan(ours.score(X, y, sample_weight=np.zeros(len(y))))


def test_rows_that_a_fold_repeats_are_refused():
    X, y = simulated()
    # scikit-learn counts them as often as they occur; each row has one weight here.
    bootstrap = [(np.r_[np.arange(200), 7], np.arange(200, 300))]
    with pytest.raises(logloss.DataError, match="training rows of fold 1 of `cv` have row 7 more than once"):
        LogisticRegressionCV(Cs=2, cv=bootstrap).fit(X, y)


def test_examples_of_the_user_guide():
    """The penalty chosen inside a cross-validated pipeline, and a threshold tuned on the probabilities that result."""
    X, y = load_breast_cancer(return_X_y=True)
    own = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=5, cv=3, random_state=0))
    with warnings.catch_warnings():
        # Its arguments are deprecated from release to release.
        warnings.simplefilter("ignore", FutureWarning)
        reference = make_pipeline(StandardScaler(), ScikitLearns(Cs=5, cv=3, scoring="neg_log_loss", **THEIRS))
        scores, expected = (cross_val_score(each, X, y, cv=3, scoring="neg_log_loss") for each in (own, reference))
        tuned, theirs = (TunedThresholdClassifierCV(each, cv=3).fit(X, y) for each in (own, reference))
    # Two optima of the same objective, from Newton's last steps.
    assert scores == pytest.approx(expected, rel=1e-7)
    assert tuned.best_threshold_ == pytest.approx(theirs.best_threshold_, rel=1e-7)
    assert (tuned.predict(X) == theirs.predict(X)).all()
