"""In place of scikit-learn's class: every argument of its, its errors and warnings, and the examples of its guide."""

from __future__ import annotations

import inspect
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn.exceptions
from mpmath import mp
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_selection import RFECV, SelectFromModel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression as Peer
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

import logloss
from logloss.estimators.sklearn_arguments import penalties_of

SOLVERS = ("lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga")
FEATURES, LABELS = make_classification(200, 4, n_informative=3, n_redundant=0, flip_y=0.2, random_state=0)
# Until release 1.8 `penalty` is the spelling, since then it is deprecated, as `n_jobs` is.
OF_RELEASES = "ignore:('penalty'|'n_jobs') (was deprecated|has no effect):FutureWarning"


def exact(**options) -> Peer:
    """scikit-learn's class at its optimum: Newton's method, whose last step leaves roundings only."""
    return Peer(**{"solver": "newton-cholesky", "tol": 1e-12, **options})


# --- arguments --------------------------------------------------------------------------------------------------------


def test_every_argument_of_scikit_learn_is_an_argument():
    theirs = inspect.signature(Peer.__init__).parameters
    ours = inspect.signature(logloss.LogisticRegression.__init__).parameters
    assert set(theirs) <= set(ours)
    assert next(iter(theirs.values())) == next(iter(ours.values()))
    # The only one without a name.
    positional = [name for name, each in ours.items() if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert positional == ["self", "penalty"]
    same = {"C", "l1_ratio", "dual", "fit_intercept", "class_weight", "solver", "max_iter", "warm_start", "n_jobs"}
    assert {name: ours[name].default for name in same - {"l1_ratio"}} == {
        name: theirs[name].default for name in same - {"l1_ratio"}
    }


@pytest.mark.parametrize(
    "options",
    [
        *({"solver": solver} for solver in SOLVERS),
        {"random_state": 7},
        {"random_state": np.random.RandomState(1)},
        {"n_jobs": 2},
        {"verbose": 1},
        {"solver": "liblinear", "dual": True},
        {"solver": "liblinear", "intercept_scaling": 100.0},
        {"multi_class": "ovr"},
        {"l1_ratio": None},
        {"penalty": "deprecated"},
        {"solver": "saga", "penalty": "elasticnet", "l1_ratio": 0},
    ],
    ids=lambda options: str(options).split(" at 0x")[0],  # the same in each process
)
def test_what_only_chooses_a_solver_changes_nothing(options, capsys):
    plain = logloss.LogisticRegression().fit(FEATURES, LABELS)
    fitted = logloss.LogisticRegression(**options).fit(FEATURES, LABELS)
    assert fitted.coef_.tolist() == plain.coef_.tolist()
    assert fitted.intercept_.tolist() == plain.intercept_.tolist()
    assert clone(fitted).fit(FEATURES, LABELS).coef_.tolist() == plain.coef_.tolist()
    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings(OF_RELEASES)
@pytest.mark.parametrize(
    "options",
    [
        {"C": 0.0},
        {"C": -1.0},
        {"C": "1"},
        {"C": np.nan},
        {"penalty": "l3"},
        {"l1_ratio": 1.5},
        {"dual": "no"},
        {"tol": -1e-4},
        {"fit_intercept": "yes"},
        {"intercept_scaling": 0},
        {"class_weight": "even"},
        {"random_state": "seed"},
        {"solver": "newton"},
        {"max_iter": 1.5},
        {"verbose": -1},
        {"warm_start": "no"},
        {"n_jobs": 0.5},
    ],
    ids=str,
)
def test_arguments_are_checked_as_scikit_learn_checks_them(options):
    with pytest.raises(InvalidParameterError) as theirs:
        Peer(**options).fit(FEATURES, LABELS)
    with pytest.raises(InvalidParameterError) as ours:
        logloss.LogisticRegression(**options).fit(FEATURES, LABELS)
    # Sets of words are printed in any order.
    assert sorted(str(ours.value)) == sorted(str(theirs.value))
    assert isinstance(ours.value, logloss.DataError)


@pytest.mark.filterwarnings(OF_RELEASES)
@pytest.mark.parametrize(
    "options",
    [
        {"penalty": "l1"},
        {"penalty": "l1", "solver": "newton-cg"},
        {"dual": True},
        {"penalty": "elasticnet", "l1_ratio": 0.5, "solver": "liblinear"},
        {"penalty": "elasticnet", "l1_ratio": 0.5},
        {"penalty": "elasticnet", "l1_ratio": None, "solver": "saga"},
        {"penalty": None, "solver": "liblinear"},
    ],
    ids=str,
)
def test_what_a_solver_of_scikit_learn_lacks_is_refused_with_its_words(options):
    with pytest.raises(ValueError, match=r".") as theirs:
        Peer(**options).fit(FEATURES, LABELS)
    with pytest.raises(logloss.DataError) as ours:
        logloss.LogisticRegression(**options).fit(FEATURES, LABELS)
    # Before 1.8 it has other words for no penalty.
    shared = "not supported for the liblinear solver" if options.get("penalty", "l2") is None else str(theirs.value)
    assert str(theirs.value).endswith(shared)
    assert str(ours.value).startswith(str(theirs.value)) or (shared != str(theirs.value) and shared in str(ours.value))


def test_two_classes_as_many_are_refused():
    """Of log-odds 2w that cost |w|² / C, as the two opposite rows of weights do."""
    with pytest.raises(logloss.DataError, match="C multiplied by 2 gives its probabilities"):
        logloss.LogisticRegression(multi_class="multinomial").fit(FEATURES, LABELS)


def test_no_penalty_has_two_spellings():
    plain = logloss.LogisticRegression(C=np.inf).fit(FEATURES, LABELS)
    other = logloss.LogisticRegression(penalty=None).fit(FEATURES, LABELS)
    assert other.coef_.tolist() == plain.coef_.tolist()
    assert plain.coef_ == pytest.approx(exact(C=np.inf).fit(FEATURES, LABELS).coef_, rel=1e-9)
    with pytest.warns(UserWarning, match="Setting penalty=None will ignore the C"):
        last = logloss.LogisticRegression(penalty=None, C=3.0).fit(FEATURES, LABELS)
    assert last.coef_.tolist() == plain.coef_.tolist()
    assert penalties_of("l2", 4.0, 0.0, solver="lbfgs", dual=False) == (0.0, 0.25)


def test_a_ratio_that_a_penalty_does_not_use_is_warned_of():
    with pytest.warns(UserWarning, match=r"only used when penalty is 'elasticnet'\. Got \(penalty=l1\)"):
        assert penalties_of("l1", 4.0, 0.5, solver="saga", dual=False) == (0.25, 0.0)


@pytest.mark.parametrize("options", [{}, {"C": np.inf}, {"class_weight": {0: 1.0, 1: 2.0}}], ids=str)
@pytest.mark.filterwarnings("ignore:`class_weight` shifts:UserWarning")
def test_without_an_intercept(options):
    ours = logloss.LogisticRegression(fit_intercept=False, **options).fit(FEATURES, LABELS)
    theirs = exact(fit_intercept=False, **options).fit(FEATURES, LABELS)
    assert ours.intercept_.tolist() == [0.0]
    assert ours.coef_ == pytest.approx(theirs.coef_, rel=1e-9)
    assert ours.predict_proba(FEATURES) == pytest.approx(theirs.predict_proba(FEATURES), rel=1e-9)


@pytest.mark.parametrize("tol", [0.1, 1e-4])
def test_a_tolerance_of_scikit_learn_is_never_met_more_loosely_than_the_default(tol):
    """1e-4 nats per row would be far from the optimum; of a mean gradient it is usual."""
    with pytest.warns(logloss.ConvergenceWarning, match=r"`tol` is 1e-12"):
        early = logloss.LogisticRegression(tol=tol, max_iter=3).fit(FEATURES, LABELS)
    assert early.certificate_.nats_per_row < tol
    assert logloss.LogisticRegression(tol=tol).fit(FEATURES, LABELS).certificate_.nats_per_row <= 1e-12


def test_a_tolerance_that_cannot_be_met_is_told():
    with pytest.warns(sklearn.exceptions.ConvergenceWarning, match=r"`tol` is 1e-30.*or raise `tol`\."):
        logloss.LogisticRegression(tol=1e-30).fit(FEATURES, LABELS)


# --- warnings and errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_iter", [1, 2])
def test_too_few_passes_warn_as_scikit_learn_does(max_iter):
    with pytest.warns(
        sklearn.exceptions.ConvergenceWarning, match="Raise `max_iter`, or look at `model_.passes`"
    ) as got:
        fitted = logloss.LogisticRegression(max_iter=max_iter).fit(FEATURES, LABELS)
    assert issubclass(got[0].category, logloss.ConvergenceWarning)
    assert got[0].filename == __file__
    assert fitted.n_iter_.tolist() == [max_iter]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
        logloss.LogisticRegression(max_iter=max_iter).fit(FEATURES, LABELS)


def test_no_pass_leaves_every_coefficient_at_0():
    with pytest.warns(sklearn.exceptions.ConvergenceWarning, match="max_iter=0 makes no pass"):
        fitted = logloss.LogisticRegression(max_iter=0).fit(FEATURES, LABELS)
    assert (fitted.n_iter_.tolist(), fitted.coef_.tolist()) == ([0], [[0.0] * 4])
    assert fitted.predict_proba(FEATURES).tolist() == [[0.5, 0.5]] * 200
    assert not fitted.certificate_.is_proven


def test_separation_warns_as_scikit_learns_convergence_does():
    with pytest.warns(
        sklearn.exceptions.ConvergenceWarning, match=r"pass penalty=\"l2\" with a finite C= \(such as C=1\)"
    ) as got:
        logloss.LogisticRegression(C=np.inf).fit([[0.0], [1.0]], [0, 1])
    assert issubclass(got[0].category, logloss.SeparationWarning)


def test_the_verb_keeps_its_own_words():
    with pytest.warns(logloss.ConvergenceWarning, match="Raise `max_passes`") as got:
        logloss.fit(FEATURES, LABELS, max_passes=1)
    assert not issubclass(got[0].category, sklearn.exceptions.ConvergenceWarning)
    assert got[0].filename == __file__


def test_a_column_of_labels_warns_as_scikit_learn_does():
    with pytest.warns(sklearn.exceptions.DataConversionWarning, match="A column-vector y was passed"):
        fitted = logloss.LogisticRegression().fit(FEATURES, LABELS[:, None])
    assert fitted.coef_.tolist() == logloss.LogisticRegression().fit(FEATURES, LABELS).coef_.tolist()


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csr_array, scipy.sparse.coo_matrix])
def test_sparse_rows_are_refused_where_shapes_are_fitted_with_their_size(kind):
    rows = kind(FEATURES)
    with pytest.raises(
        logloss.DataError, match=r"sparse matrix; .* X\.toarray\(\), which takes 0\.006400 MB.*sparse_output=False"
    ):
        logloss.AdditiveClassifier().fit(rows, LABELS)


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csr_array, scipy.sparse.coo_matrix])
def test_sparse_rows_are_predicted_as_dense_ones(kind):
    fitted = logloss.LogisticRegression().fit(FEATURES, LABELS)
    assert fitted.decision_function(kind(FEATURES)) == pytest.approx(fitted.decision_function(FEATURES), rel=1e-12)


@pytest.mark.parametrize(
    ("X", "y", "weight"),
    [
        (np.where(np.arange(800).reshape(200, 4) == 5, np.nan, FEATURES), LABELS, None),
        (np.where(np.arange(800).reshape(200, 4) == 5, np.inf, FEATURES), LABELS, None),
        (FEATURES, LABELS[:-1], None),
        (FEATURES, FEATURES[:, 0], None),
        (FEATURES[0], LABELS, None),
        (FEATURES[:0], LABELS[:0], None),
        (FEATURES.astype(complex), LABELS, None),
        (FEATURES, None, None),
        (FEATURES, np.column_stack([LABELS, LABELS]), None),
        (FEATURES, np.where(LABELS, np.nan, 1.0), None),
        ([["a"], ["b"]], [0, 1], None),
    ],
    ids=["nan", "inf", "lengths", "continuous", "1d", "empty", "complex", "no y", "2d y", "nan y", "text"],
)
def test_rows_that_scikit_learn_refuses_are_refused_with_its_words(X, y, weight):
    with pytest.raises(ValueError, match=r".") as theirs:
        Peer().fit(X, y, weight)
    with pytest.raises(ValueError, match=r".") as ours:
        logloss.LogisticRegression().fit(X, y, weight)
    assert str(ours.value).splitlines()[0] == str(theirs.value).splitlines()[0].replace("Peer", "LogisticRegression")


@pytest.mark.filterwarnings("ignore:X (has|does not have) .*feature names:UserWarning")
@pytest.mark.parametrize(
    "turn", [lambda f: f[["b", "a", "c", "d"]], lambda f: f.rename(columns={"a": "z"}), lambda f: f[["a"]]]
)
def test_names_of_features_are_checked_with_scikit_learns_words(turn):
    frame = pd.DataFrame(FEATURES, columns=list("abcd"))
    for method in ("predict", "predict_proba", "decision_function", "predict_log_proba"):
        messages = []
        for estimator in (Peer(), logloss.LogisticRegression()):
            fitted = estimator.fit(frame, LABELS)
            with pytest.raises(ValueError, match="feature") as error:
                getattr(fitted, method)(turn(frame))
            messages.append(str(error.value))
        assert messages[0] == messages[1]


# --- single precision -------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings(OF_RELEASES)
@pytest.mark.parametrize("fitted_as", [np.float32, np.float64])
@pytest.mark.parametrize("asked_as", [np.float32, np.float64, np.int64])
def test_precisions_are_those_of_scikit_learn(fitted_as, asked_as):
    ours = logloss.LogisticRegression().fit(FEATURES.astype(fitted_as), LABELS)
    theirs = Peer().fit(FEATURES.astype(fitted_as), LABELS)
    rows = FEATURES.astype(asked_as)
    for name in ("coef_", "intercept_"):
        assert getattr(ours, name).dtype == getattr(theirs, name).dtype
        assert getattr(ours, name).shape == getattr(theirs, name).shape
    for method in ("predict", "predict_proba", "decision_function", "predict_log_proba"):
        got, expected = getattr(ours, method)(rows), getattr(theirs, method)(rows)
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)


@pytest.mark.filterwarnings("ignore:`class_weight` shifts:UserWarning")
@pytest.mark.parametrize("shift", [0.0, 100.0])
@pytest.mark.parametrize("options", [{}, {"C": np.inf}, {"fit_intercept": False}, {"class_weight": {1: 3.0}}], ids=str)
def test_the_certificate_is_that_of_the_rounded_coefficients(options, shift):
    """The loss at them, against the least one, in 40 digits."""
    rows = (FEATURES[:60, :2] + shift).astype(np.float32)
    weight = np.random.default_rng(1).uniform(0.5, 2, 60)
    ours = logloss.LogisticRegression(**options).fit(rows, LABELS[:60], sample_weight=weight)
    own = weight * np.where(LABELS[:60] == 1, options.get("class_weight", {}).get(1, 1.0), 1.0)
    l2 = 1 / options.get("C", 1.0)
    n_free = 2 + options.get("fit_intercept", True)
    with mp.workdps(40):
        X = mp.matrix(np.column_stack([rows, np.ones(60)])[:, :n_free].tolist())
        penalty = mp.diag([l2, l2, 0][:n_free])

        def objective(w):
            logits = X * w
            losses = [s * (mp.log1p(mp.exp(z)) - int(y) * z) for s, z, y in zip(own, logits, LABELS[:60], strict=True)]
            return mp.fsum(losses) + (w.T * penalty * w)[0] / 2

        w = mp.matrix([*ours.model_.coefficients.values(), ours.model_.intercept][:n_free])
        for _ in range(4):
            p = [1 / (1 + mp.exp(-z)) for z in X * w]
            residuals = mp.matrix([s * (q - int(y)) for s, q, y in zip(own, p, LABELS[:60], strict=True)])
            curvature = mp.diag([s * q * (1 - q) for s, q in zip(own, p, strict=True)])
            w -= mp.lu_solve(X.T * curvature * X + penalty, X.T * residuals + penalty * w)
        rounded = mp.matrix([*ours.coef_[0].tolist(), *ours.intercept_.tolist()][:n_free])
        excess = (objective(rounded) - objective(w)) / mp.fsum(own)
    assert ours.coef_.dtype == ours.intercept_.dtype == np.float32
    assert 0 < excess <= ours.certificate_.nats_per_row
    # Not a bound that is always true: rounding moves log-odds of about 10 · shift by 2^-24 of themselves.
    assert ours.certificate_.nats_per_row < (1e-9 if shift else 1e-13)
    assert ours.certificate_.nats_per_row > ours.model_.certificate.nats_per_row
    assert ours.certificate_.is_proven


def test_separated_rows_in_single_precision():
    rows = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]], dtype=np.float32)
    with pytest.warns(logloss.SeparationWarning):
        fitted = logloss.LogisticRegression(C=np.inf).fit(rows, [0, 0, 1, 1])
    assert fitted.coef_.dtype == np.float32
    assert fitted.predict_proba(rows)[:, 1].tolist() == [0, 0, 1, 1]
    assert fitted.predict_proba(rows).dtype == np.float32
    assert fitted.certificate_ == fitted.model_.certificate


# --- a class without weight -------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:only rows of class:logloss.SeparationWarning")
@pytest.mark.parametrize("kept", [0, 1])
@pytest.mark.parametrize("how", ["rows", "classes", "both"])
def test_a_class_that_has_no_weight_is_predicted_never(kept, how):
    options = {"rows": {}, "classes": {"class_weight": {1 - kept: 0.0}}, "both": {"class_weight": "balanced"}}[how]
    weight = None if how == "classes" else (kept == LABELS).astype(float)
    words = np.where(LABELS, "yes", "no")
    if how == "classes":
        options = {"class_weight": {["no", "yes"][1 - kept]: 0.0}}
    ours = logloss.LogisticRegression(**options).fit(FEATURES, words, sample_weight=weight)
    assert ours.classes_.tolist() == ["no", "yes"]
    assert set(ours.predict(FEATURES)) == {["no", "yes"][kept]}
    # The infimum of the loss is 0, and this is the bound on the distance from it.
    losses = -ours.predict_log_proba(FEATURES)[:, kept]
    assert losses == pytest.approx(1e-12, rel=1e-12)
    assert losses.max() <= ours.certificate_.nats_per_row <= 1.001e-12
    assert np.isfinite(ours.decision_function(FEATURES)).all()
    assert ours.coef_.tolist() == [[0.0] * 4]
    if how == "rows":
        theirs = Peer().fit(FEATURES, words, sample_weight=weight)
        assert set(theirs.predict(FEATURES)) == {["no", "yes"][kept]}
        # Where its default stops: not far from 0, as a mean gradient of 1e-4 would have it.
        assert theirs.predict_proba(FEATURES)[:, 1 - kept].max() < 0.02


def test_a_class_that_has_no_weight_is_told_of():
    with pytest.warns(sklearn.exceptions.ConvergenceWarning, match='only rows of class "no" have weight') as got:
        logloss.LogisticRegression().fit(FEATURES, np.where(LABELS, "yes", "no"), sample_weight=1.0 - LABELS)
    assert issubclass(got[0].category, logloss.SeparationWarning)


@pytest.mark.parametrize("kept", [0, 1])
def test_a_class_that_has_no_weight_and_no_intercept(kept):
    weight = (kept == LABELS) * np.random.default_rng(0).uniform(0, 2, 200)
    ours = logloss.LogisticRegression(fit_intercept=False).fit(FEATURES, LABELS, sample_weight=weight)
    theirs = exact(fit_intercept=False).fit(FEATURES, LABELS, sample_weight=weight)
    assert ours.coef_ == pytest.approx(theirs.coef_, rel=1e-9)
    assert ours.certificate_.nats_per_row <= 1e-12
    one = np.zeros(200)
    one[int(np.argmax(kept == LABELS))] = 3.0
    ours = logloss.LogisticRegression(fit_intercept=False).fit(FEATURES, LABELS, sample_weight=one)
    assert ours.coef_ == pytest.approx(
        exact(fit_intercept=False).fit(FEATURES, LABELS, sample_weight=one).coef_, rel=1e-9
    )


def test_a_class_that_has_no_weight_and_neither_intercept_nor_penalty():
    """The limit of rows on one side: they are certain, their opposites are not, and 0 stays at one half."""
    with pytest.warns(logloss.SeparationWarning):
        ours = logloss.LogisticRegression(fit_intercept=False, C=np.inf).fit(
            [[1.0], [2.0], [3.0]], [0, 1, 1], [0, 1, 1]
        )
    assert ours.predict_proba([[2.0], [0.0], [-2.0]])[:, 1].tolist() == [1.0, 0.5, 0.0]


def test_one_weight_is_that_of_every_row():
    ours = logloss.LogisticRegression().fit(FEATURES, LABELS, sample_weight=2.0)
    theirs = exact().fit(FEATURES, LABELS, sample_weight=2.0)
    assert ours.coef_ == pytest.approx(theirs.coef_, rel=1e-9)


# --- array-likes ------------------------------------------------------------------------------------------------------


def read_only() -> np.ndarray:
    rows = FEATURES.copy()
    rows.flags.writeable = False
    return rows


@pytest.mark.parametrize(
    "given",
    [
        FEATURES.tolist(),
        FEATURES.astype(object),
        np.asfortranarray(FEATURES),
        np.repeat(FEATURES, 2, axis=0)[::2],
        np.repeat(FEATURES, 2, axis=1)[:, ::2],
        FEATURES.astype(">f8"),
        read_only(),
        pd.DataFrame(FEATURES).astype({0: object, 1: "Float64"}),
        pl.DataFrame(FEATURES),
        tuple(map(tuple, FEATURES)),
    ],
    ids=[
        "lists",
        "objects",
        "columns",
        "every second row",
        "every second column",
        "swapped",
        "read-only",
        "mixed frame",
        "polars",
        "tuples",
    ],
)
@pytest.mark.parametrize(
    "of_labels",
    [list, np.array, pd.Series, lambda y: np.where(y, "b", "a").astype(object), lambda y: np.array(y, bool)],
)
def test_array_likes_are_one(given, of_labels):
    plain = logloss.LogisticRegression().fit(FEATURES, LABELS)
    fitted = logloss.LogisticRegression().fit(given, of_labels(LABELS))
    # Rows that lie apart in memory are added in another order.
    assert fitted.coef_ == pytest.approx(plain.coef_, rel=1e-13)
    assert fitted.predict_proba(given) == pytest.approx(plain.predict_proba(FEATURES), rel=1e-13)
    assert fitted.score(given, of_labels(LABELS)) == plain.score(FEATURES, LABELS)


def test_a_frame_of_several_kinds_is_a_matrix():
    frame = pd.DataFrame({"a": FEATURES[:, 0], "b": (FEATURES[:, 1] * 9).astype(np.int8), "c": FEATURES[:, 2] > 0})
    ours = logloss.LogisticRegression().fit(frame, LABELS)
    assert ours.coef_ == pytest.approx(exact().fit(frame, LABELS).coef_, rel=1e-9)
    assert ours.feature_names_in_.tolist() == ["a", "b", "c"]


def test_coefficients_can_be_held_sparse():
    fitted = logloss.LogisticRegression().fit(FEATURES, LABELS)
    dense, expected = fitted.coef_, fitted.predict_proba(FEATURES)
    assert scipy.sparse.issparse(fitted.sparsify().coef_)
    assert fitted.predict_proba(FEATURES).tolist() == expected.tolist()
    assert pickle.loads(pickle.dumps(fitted)).predict_proba(FEATURES).tolist() == expected.tolist()
    assert fitted.densify().densify().coef_.tolist() == dense.tolist()


# --- examples of the user guide ---------------------------------------------------------------------------------------


def scaled(estimator):
    return make_pipeline(StandardScaler(), estimator)


# Probabilities of two optima of the same objective: Newton's last steps leave roundings, times the condition.
SAME = 1e-8


def test_cross_validation():
    X, y = load_breast_cancer(return_X_y=True)
    for scoring in ("neg_log_loss", "accuracy", "roc_auc", "neg_brier_score"):
        ours = cross_val_score(scaled(logloss.LogisticRegression(random_state=0)), X, y, cv=5, scoring=scoring)
        theirs = cross_val_score(scaled(exact(random_state=0)), X, y, cv=5, scoring=scoring)
        assert ours == pytest.approx(theirs, rel=SAME)
    for method in ("predict", "predict_proba", "decision_function", "predict_log_proba"):
        ours = cross_val_predict(scaled(logloss.LogisticRegression()), X, y, method=method)
        theirs = cross_val_predict(scaled(exact()), X, y, method=method)
        # log(p) loses what p lost; their tail is no better than 1 − p.
        assert ours == pytest.approx(theirs, rel=1e-6, abs=SAME)


@pytest.mark.filterwarnings(OF_RELEASES)
def test_a_grid_over_solvers_and_penalties():
    X, y = load_breast_cancer(return_X_y=True)
    grid = {
        "logisticregression__solver": ["lbfgs", "saga"],
        "logisticregression__C": [0.1, 1, 10],
        "logisticregression__penalty": ["l2", None],
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting penalty=None")
        warnings.filterwarnings("ignore", category=sklearn.exceptions.ConvergenceWarning)
        ours = GridSearchCV(scaled(logloss.LogisticRegression()), grid, scoring="neg_log_loss", cv=3).fit(X, y)
    theirs = GridSearchCV(scaled(exact()), {"logisticregression__C": [0.1, 1, 10]}, scoring="neg_log_loss", cv=3).fit(
        X, y
    )
    assert ours.best_params_["logisticregression__C"] == theirs.best_params_["logisticregression__C"]
    assert ours.best_params_["logisticregression__penalty"] == "l2"
    assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=SAME)
    assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=SAME)


def test_a_grid_that_has_refused_points():
    """They are nan, as those of a solver that lacks a penalty are."""
    grid = {"penalty": ["l1", "l2"], "solver": ["lbfgs"]}
    with (
        pytest.warns(sklearn.exceptions.FitFailedWarning, match="Solver lbfgs supports only 'l2' or None penalties"),
        pytest.warns(UserWarning, match="One or more of the test scores are non-finite"),
    ):
        search = GridSearchCV(logloss.LogisticRegression(), grid, cv=2).fit(FEATURES, LABELS)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [True, False]
    assert search.best_params_["penalty"] == "l2"


@pytest.mark.parametrize("options", [{}, {"bootstrap": False, "max_samples": 0.5, "max_features": 0.5}], ids=str)
def test_bagging(options):
    X, y = make_classification(150, 6, random_state=3)
    ours = BaggingClassifier(logloss.LogisticRegression(), random_state=0, **options).fit(X, y)
    theirs = BaggingClassifier(exact(), random_state=0, **options).fit(X, y)
    assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=SAME)
    assert ours.decision_function(X) == pytest.approx(theirs.decision_function(X), rel=1e-6)


@pytest.mark.filterwarnings("ignore:only rows of class:logloss.SeparationWarning")
def test_bagging_of_so_few_rows_that_samples_lack_a_class():
    X, y = np.arange(6.0)[:, None], np.array([0, 0, 0, 0, 0, 1])
    ours = BaggingClassifier(logloss.LogisticRegression(), n_estimators=20, random_state=0).fit(X, y)
    assert any(each.model_ is None for each in ours.estimators_)
    assert np.isfinite(ours.predict_proba(X)).all()
    assert np.isfinite(ours.decision_function(X)).all()
    assert ours.predict_proba(X).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("ensemble", [True, False])
def test_calibrated_classifiers(method, ensemble):
    X, y = make_classification(400, 6, random_state=4)
    ours = CalibratedClassifierCV(logloss.LogisticRegression(), method=method, ensemble=ensemble, cv=3).fit(X, y)
    theirs = CalibratedClassifierCV(exact(), method=method, ensemble=ensemble, cv=3).fit(X, y)
    # The maps are fitted by scikit-learn, to its tolerance.
    assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=1e-5)


def people() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(300) < 0.1, np.nan, rng.normal(40, 10, 300)),
            "fare": rng.lognormal(3, 1, 300),
            "port": rng.choice(["S", "C", "Q"], 300),
            "sex": rng.choice(["female", "male"], 300),
        }
    )
    return frame, (rng.random(300) < 1 / (1 + np.exp(-1.5 * (frame.sex == "female") + 0.02 * frame.fare))).astype(int)


def test_columns_of_several_kinds():
    """The guide's example of ColumnTransformer in a Pipeline, with a search over its parts."""
    frame, labels = people()

    def chain(classifier) -> Pipeline:
        numbers = Pipeline([("imputer", SimpleImputer(strategy="median")), ("scaler", StandardScaler())])
        columns = ColumnTransformer(
            [
                ("num", numbers, make_column_selector(dtype_include="number")),
                ("cat", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["port", "sex"]),
            ]
        )
        return Pipeline([("preprocessor", columns), ("classifier", classifier)])

    train, test, y_train, _ = train_test_split(frame, labels, test_size=0.2, random_state=0)
    grid = {"preprocessor__num__imputer__strategy": ["mean", "median"], "classifier__C": [0.1, 1.0, 10, 100]}
    ours = GridSearchCV(chain(logloss.LogisticRegression()), grid, scoring="neg_log_loss").fit(train, y_train)
    theirs = GridSearchCV(chain(exact()), grid, scoring="neg_log_loss").fit(train, y_train)
    assert ours.best_params_ == theirs.best_params_
    assert ours.cv_results_["mean_test_score"] == pytest.approx(theirs.cv_results_["mean_test_score"], rel=SAME)
    assert ours.predict_proba(test) == pytest.approx(theirs.predict_proba(test), abs=SAME)
    assert ours.best_estimator_[-1].model_.measure is not None


def test_selection_voting_and_stacking():
    X, y = make_classification(300, 8, n_informative=3, random_state=6)
    for ours, theirs in [
        (SelectFromModel(logloss.LogisticRegression()), SelectFromModel(exact())),
        (RFECV(logloss.LogisticRegression(), cv=3), RFECV(exact(), cv=3)),
    ]:
        assert ours.fit(X, y).get_support().tolist() == theirs.fit(X, y).get_support().tolist()
    voting = [
        VotingClassifier([("a", each), ("b", GaussianNB())], voting="soft").fit(X, y)
        for each in (logloss.LogisticRegression(), exact())
    ]
    assert voting[0].predict_proba(X) == pytest.approx(voting[1].predict_proba(X), abs=SAME)
    stacked = [
        StackingClassifier([("a", each), ("b", GaussianNB())], final_estimator=clone(each), cv=3).fit(X, y)
        for each in (logloss.LogisticRegression(), exact())
    ]
    assert stacked[0].predict_proba(X) == pytest.approx(stacked[1].predict_proba(X), abs=SAME)


def test_weights_are_routed():
    weight = np.random.default_rng(7).uniform(0.5, 2, 200)
    with sklearn.config_context(enable_metadata_routing=True):
        fits = []
        for each in (logloss.LogisticRegression(), exact()):
            request = each.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
            chain = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), request)
            fits.append(
                GridSearchCV(chain, {"logisticregression__C": [1.0]}, cv=2).fit(FEATURES, LABELS, sample_weight=weight)
            )
        assert logloss.LogisticRegression().get_metadata_routing() is not None
    plain = make_pipeline(StandardScaler(), logloss.LogisticRegression()).fit(FEATURES, LABELS)
    assert fits[0].best_estimator_[-1].coef_ != pytest.approx(plain[-1].coef_, rel=1e-3)
    # The scaler's weights are not asked for.
    assert fits[0].best_estimator_[-1].coef_ == pytest.approx(fits[1].best_estimator_[-1].coef_, rel=SAME)
