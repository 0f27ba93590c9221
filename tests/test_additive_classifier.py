"""The additive model as a classifier of scikit-learn: its own checks, and frames with categories."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import logloss
from logloss import AdditiveClassifier, DataError


@parametrize_with_checks([AdditiveClassifier(), AdditiveClassifier({}, missing="indicator")])
def test_the_checks_of_scikit_learn_pass(estimator, check):
    assert check(estimator) is None


@pytest.fixture(scope="module")
def frame():
    """A bent column, a category with a few levels, a bool, and labels that depend on each."""
    rng = np.random.default_rng(7)
    x, city, member = rng.uniform(-3, 3, 600), rng.choice(["Ulm", "Bonn", "Kiel"], 600), rng.random(600) < 0.3
    logits = np.sin(2 * x) + (city == "Ulm") - member
    y = np.where(rng.random(600) < 1 / (1 + np.exp(-logits)), "yes", "no")
    return pd.DataFrame({"x": x, "city": pd.Categorical(city), "member": member}), y


def test_frames_keep_their_categories(frame):
    """The same model as that of `fit`, whose predictions it has."""
    X, y = frame
    classifier = AdditiveClassifier().fit(X, y)
    model = logloss.fit(X.assign(y=y), "y", pos_label="yes", shapes="auto")
    assert [term.kind for term in classifier.model_.terms] == ["smooth", "pooled levels", "pooled levels"]
    assert classifier.predict_proba(X)[:, 1].tolist() == model.predict_proba(X).tolist()
    assert classifier.predict(X).tolist() == np.where(model.predict_proba(X) > 0.5, "yes", "no").tolist()
    assert np.exp(classifier.predict_log_proba(X)) == pytest.approx(classifier.predict_proba(X), rel=1e-13)
    assert list(classifier.feature_names_in_) == ["x", "city", "member"]
    assert classifier.certificate_.is_proven
    shuffled = X.sample(frac=1.0, random_state=0)
    assert classifier.fit(shuffled, y[shuffled.index]).predict_proba(X) == pytest.approx(
        np.column_stack([1 - model.predict_proba(X), model.predict_proba(X)]), abs=1e-6
    )


def test_frames_of_polars_and_arrow_are_the_same(frame):
    X, y = frame
    own = AdditiveClassifier().fit(X, y).decision_function(X)
    polars = pl.from_pandas(X)
    # Levels may stand in another order: sums of them are rounded otherwise.
    assert AdditiveClassifier().fit(polars, y).decision_function(polars) == pytest.approx(own, abs=1e-12)
    table = polars.to_arrow()
    assert AdditiveClassifier().fit(table, y).decision_function(table) == pytest.approx(own, abs=1e-12)


def test_a_level_that_training_did_not_see_is_an_average_one(frame):
    X, y = frame
    classifier = AdditiveClassifier().fit(X, y)
    strange = X.assign(city="Rom")
    with pytest.warns(UserWarning, match='"city" has levels that training did not see, in 600 rows'):
        logits = classifier.decision_function(strange)
    assert np.isfinite(logits).all()


def test_it_works_where_scikit_learns_do(frame):
    X, y = frame
    numbers = X[["x"]].assign(member=X["member"].astype(float))
    pipeline = make_pipeline(StandardScaler(), AdditiveClassifier())
    assert cross_val_score(pipeline, numbers, y, scoring="neg_log_loss", cv=3).max() < 0
    search = GridSearchCV(
        AdditiveClassifier(), {"shapes": ["auto", {"x": "linear"}]}, scoring="neg_log_loss", cv=3
    ).fit(X, y)
    # A sine is no line.
    assert search.best_params_ == {"shapes": "auto"}
    columns = ColumnTransformer([("kept", "passthrough", ["x", "city"])]).set_output(transform="pandas")
    assert make_pipeline(columns, AdditiveClassifier()).fit(X, y)[-1].n_features_in_ == 2
    copied = clone(AdditiveClassifier(pooled=["city"], tol=1e-9))
    assert copied.get_params()["pooled"] == ["city"]
    with pytest.raises(NotFittedError):
        copied.predict(X)
    fitted = pickle.loads(pickle.dumps(search.best_estimator_))
    assert fitted.predict_proba(X).tolist() == search.predict_proba(X).tolist()


def test_a_row_of_weight_2_is_two_rows(frame):
    """Also where precisions are chosen. Both fits end within 1e-12 nats of the minimum at precisions that differ by
    rounding, so that log-odds are near to each other as the root of that."""
    X, y = frame
    counts = np.random.default_rng(1).integers(0, 3, len(y))
    weighted = AdditiveClassifier().fit(X, y, sample_weight=counts)
    repeated = AdditiveClassifier().fit(X.loc[X.index.repeat(counts)], np.repeat(y, counts))
    assert weighted.decision_function(X) == pytest.approx(repeated.decision_function(X), abs=1e-6)


def test_missing_values_have_an_effect_of_their_own(frame):
    X, y = frame
    gaps = X.assign(x=X["x"].where(np.arange(600) % 5 > 0))
    with pytest.raises(DataError, match='column "x" must hold a value'):
        AdditiveClassifier().fit(gaps, y)
    classifier = AdditiveClassifier(missing="indicator").fit(gaps, y)
    assert classifier.model_.shapes["x"].at[-1] is None
    assert log_loss(y, classifier.predict_proba(gaps)) == pytest.approx(classifier.model_.log_loss, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"missing": "drop"}, '`missing` must be "error" or "indicator"; got "drop"'),
        ({"shapes": None}, "`shapes` and `pooled` are both None, which leaves a straight line"),
        (
            {"shapes": {"age": "smooth"}},
            '`shapes` must name features; "age" is none. The features are: x, city, member',
        ),
        ({"shapes": "cubic"}, '`shapes` must be "auto" or a dict of names of columns'),
        ({"pooled": ["age"]}, '`pooled` must name features; "age" is none'),
        ({"max_iter": 0}, "`max_passes` must be at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(frame, options, message):
    X, y = frame
    with pytest.raises(DataError, match=message):
        AdditiveClassifier(**options).fit(X, y)


def test_an_array_must_hold_numbers(frame):
    X, y = frame
    with pytest.raises(ValueError, match="could not convert string to float"):
        AdditiveClassifier().fit(X.to_numpy(), y)
    classifier = AdditiveClassifier().fit(X, y)
    with (
        pytest.warns(UserWarning, match="X does not have valid feature names"),
        pytest.raises(DataError, match='reads the columns "x", "city", "member" by name'),
    ):
        classifier.predict(np.zeros((2, 3)))
