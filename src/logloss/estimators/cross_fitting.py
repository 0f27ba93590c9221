"""Out-of-fold probabilities: what classifiers of scikit-learn say of rows that they were not trained on.

>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> y = np.array([0, 1, 1, 0] * 10)
>>> fold = np.arange(40) % 2 == 0
>>> fold_scores(LogisticRegression(), y.reshape(-1, 1), y, None, ~fold, fold).values.shape
(20,)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from logloss.data.request import RowOptions
from logloss.data.values import Array
from logloss.errors import DataError
from logloss.estimators.modelled_rows import ModelledRows, modelled_rows
from logloss.estimators.splits import Split, cluster_caution, is_forward, splits_of
from logloss.inference.folds import FoldLosses, OutOfFold
from logloss.information import surprisal
from logloss.text import count, printable, value_text

# Beyond so many folds no model is trained without two of them: of 10 these are 45 more fits.
MOST_PAIRED = 10


class Scores(NamedTuple):
    """What a classifier says of rows: probabilities of a class, or log-odds."""

    values: Array
    is_logit: bool


def cross_fitted(data: Any, estimators: Mapping[str, Any], asked: RowOptions) -> dict[str, OutOfFold]:
    """What each estimator says of rows that it was not trained on, in the same folds for all."""
    for name, estimator in estimators.items():
        check_estimator(name, estimator)
    rows = modelled_rows(data, asked)
    splits = splits_of(asked.cv, rows)
    pairs = pairs_of_folds(splits, rows) if asked.leave_two_out else []
    return {name: _of_estimator(name, estimator, rows, splits, pairs) for name, estimator in estimators.items()}


def check_estimator(name: str, estimator: Any) -> None:
    """Refuse what cannot be trained anew in each fold, or gives no probabilities."""
    said = f'"{printable(name)}"' if name else "the estimator"
    if hasattr(estimator, "predictor"):
        raise DataError(
            f"{said} is a model that `logloss.fit` made, which is not trained anew: `cv` takes estimators, such as "
            "logloss.LogisticRegression(C=…). Without `cv` its predictions are compared as they are."
        )
    if not hasattr(estimator, "fit") or isinstance(estimator, type):
        got = f"the class {estimator.__name__}" if isinstance(estimator, type) else type(estimator).__name__
        raise DataError(
            f"`cv` trains estimators of scikit-learn in folds; {said} is {got}. Pass an estimator, such as "
            "LogisticRegression(), or leave out `cv`: forecasts that are given need no folds."
        )
    if type(estimator).__name__ == "FrozenEstimator":
        raise DataError(f"{said} is frozen: it would not be trained anew, and has seen the rows. Pass what it holds.")
    if not hasattr(estimator, "predict_proba"):
        raise DataError(
            f"{said} has no `predict_proba` ({type(estimator).__name__}). Put it into logloss.Calibrator, or "
            "sklearn.calibration.CalibratedClassifierCV, which make probabilities of scores."
        )


def _of_estimator(
    name: str, estimator: Any, rows: ModelledRows, splits: Sequence[Split], pairs: Sequence[tuple[int, int, Array]]
) -> OutOfFold:
    """The out-of-fold probabilities of one estimator, and what they cost."""
    probabilities, fold = np.full(rows.n_rows, np.nan), np.full(rows.n_rows, -1)
    for number, (train, test) in enumerate(splits):
        where = f"fold {number + 1} of {count(len(splits))}"
        probabilities[test], fold[test] = _probabilities(name, estimator, rows, train, test, where), number
    without = np.full((len(splits), rows.n_rows), np.nan) if pairs else None
    for first, second, train in pairs:
        where = f"a model without folds {first + 1} and {second + 1}"
        model = trained_on(estimator, rows.X, rows.labels, rows.weight, train)
        for kept, left_out in ((first, second), (second, first)):
            test = splits[kept][1]
            said = _of_positive(name, model, rows, test, where)
            without[left_out, test] = surprisal(rows.codes[test], said)  # type: ignore[index]
    judged = np.flatnonzero(fold >= 0)
    weight = np.ones(rows.n_rows) if rows.weight is None else rows.weight
    losses = FoldLosses(
        fold=fold[judged],
        weight=weight[judged],
        losses=surprisal(rows.codes[judged], probabilities[judged]),
        without=None if without is None else without[:, judged],
        n_train=float(np.mean([len(train) for train, _ in splits])),
        n_left_out=len(rows.taking_part) - len(judged),
        is_forward=is_forward(splits),
        caution="" if rows.cluster is None else cluster_caution(splits, rows.cluster),
    )
    return OutOfFold(probabilities, losses, (*rows.notes, *_remarks(name, estimator, rows)))


def _remarks(name: str, estimator: Any, rows: ModelledRows) -> list[str]:
    """What is to be said of how an estimator was trained."""
    said, remarks = printable(name) or "the estimator", []
    try:
        check_is_fitted(estimator)
        remarks.append(f"{said} was trained before; in each fold a copy was trained anew, and it is as it was")
    except (NotFittedError, TypeError):
        pass
    if rows.weight is not None and weight_parameter(estimator) is None:
        remarks.append(f"{said} takes no sample_weight: its models were trained without weights, and judged with them")
    return remarks


def _probabilities(name: str, estimator: Any, rows: ModelledRows, train: Array, test: Array, where: str) -> Array:
    """Probabilities of the positive class of the rows of a fold, by a model trained on others."""
    return _of_positive(name, trained_on(estimator, rows.X, rows.labels, rows.weight, train), rows, test, where)


def _of_positive(name: str, model: Any, rows: ModelledRows, test: Array, where: str) -> Array:
    """What a trained model says of the positive class of some rows."""
    said = f'"{printable(name)}"' if name else "the estimator"
    found = np.asarray(model.predict_proba(_safe_indexing(rows.X, test)), dtype=np.float64)
    classes = np.asarray(getattr(model, "classes_", rows.classes)).tolist()
    if rows.positive not in classes or found.ndim != 2 or found.shape != (len(test), len(classes)):
        raise DataError(
            f"{said} must give a probability of each class; in {where} it knows the classes "
            f"{', '.join(map(value_text, classes))} and gave an array of shape {found.shape}."
        )
    values = found[:, classes.index(rows.positive)]
    is_wrong = ~((values >= 0) & (values <= 1))
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise DataError(
            f"{said} must give probabilities in [0, 1]; in {where} row {count(int(test[row]))} got "
            f"{value_text(float(values[row]))}."
        )
    return values


def pairs_of_folds(splits: Sequence[Split], rows: ModelledRows) -> list[tuple[int, int, Array]]:
    """(A fold, another, the rows on which a model without both is trained); none where one of them cannot be trained.

    At least three folds, so that something is left, and at most MOST_PAIRED; models of both classes.
    """
    if is_forward(splits) or not 3 <= len(splits) <= MOST_PAIRED:
        return []
    pairs = []
    for first, second in combinations(range(len(splits)), 2):
        train = np.setdiff1d(splits[first][0], splits[second][1], assume_unique=True)
        train = np.intersect1d(train, splits[second][0], assume_unique=True)
        if len(np.unique(rows.codes[train])) < 2:
            return []
        pairs.append((first, second, train))
    return pairs


def fold_scores(estimator: Any, X: Any, y: Array, weight: Array | None, train: Array, test: Array) -> Scores:
    """What a copy of the classifier, trained on some rows, says of others: of the second class, or log-odds."""
    return scores_of(trained_on(estimator, X, y, weight, train), _safe_indexing(X, test))


def trained_on(estimator: Any, X: Any, y: Array, weight: Array | None, train: Array) -> Any:
    """A copy of the classifier, trained on some of the rows."""
    part = None if weight is None else weight[train]
    return trained(clone(estimator), _safe_indexing(X, train), _safe_indexing(y, train), part)


def scores_of(estimator: ClassifierMixin, X: Any) -> Scores:
    """What a trained classifier says of rows: probabilities of the second class, or log-odds."""
    if hasattr(estimator, "predict_proba"):
        return Scores(np.asarray(estimator.predict_proba(X), dtype=np.float64)[:, 1], False)
    return Scores(np.asarray(estimator.decision_function(X), dtype=np.float64), True)


def trained(estimator: Any, X: Any, y: Array, weight: Array | None) -> Any:
    """The classifier, trained with weights where it, or the last step of a pipeline, takes them."""
    parameter = None if weight is None else weight_parameter(estimator)
    return estimator.fit(X, y) if parameter is None else estimator.fit(X, y, **{parameter: weight})


def weight_parameter(estimator: Any) -> str | None:
    """The argument of `fit` that weights of rows are; None where it takes none."""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        inner = weight_parameter(last)
        return None if inner is None else f"{name}__{inner}"
    return "sample_weight" if has_fit_parameter(estimator, "sample_weight") else None
