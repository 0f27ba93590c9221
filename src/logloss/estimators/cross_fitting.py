"""Out-of-fold probabilities: predictions of scikit-learn classifiers for rows that they were not trained on.

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

from logloss.data.columns import as_column
from logloss.data.request import RowOptions
from logloss.data.values import Array
from logloss.errors import DataError
from logloss.estimators.modelled_rows import ModelledRows, column_of, modelled_rows
from logloss.estimators.splits import Split, cluster_caution, is_forward, splits_of
from logloss.inference.folds import FoldLosses, OutOfFold
from logloss.information import surprisal
from logloss.text import count, printable, value_text

# Beyond so many folds no model is trained without two of them: of 10 these are 45 more fits.
MOST_PAIRED = 10


class Scores(NamedTuple):
    """Predictions of a classifier: probabilities of a class, or log-odds."""

    values: Array
    is_logit: bool


def cross_fitted(data: Any, estimators: Mapping[str, Any], requested: RowOptions) -> dict[str, OutOfFold]:
    """Predictions of each estimator for rows that it was not trained on, in the same folds for all.

    Beside estimators, what is given as an array, or as the name of a column, is a forecast that needs no training.
    """
    trains = {name: hasattr(each, "fit") or not is_forecast(each) for name, each in estimators.items()}
    for name, estimator in estimators.items():
        if trains[name] or not any(trains.values()):
            check_estimator(name, estimator)
    rows = modelled_rows(data, requested, [each for each in estimators.values() if isinstance(each, str)])
    given = {name: _given(name, each, data, requested, rows) for name, each in estimators.items() if not trains[name]}
    splits = splits_of(requested.cv, rows)
    pairs = pairs_of_folds(splits, rows) if requested.leave_two_out else []
    return {
        name: _of_estimator(name, each, rows, splits, pairs) if trains[name] else _of_given(given[name], rows, splits)
        for name, each in estimators.items()
    }


def is_forecast(given: Any) -> bool:
    """Whether it is an array, or the name of a column, and no estimator."""
    return isinstance(given, str | list | tuple) or hasattr(given, "__array__")


def _given(name: str, forecast: Any, data: Any, requested: RowOptions, rows: ModelledRows) -> Array:
    """Probabilities that were given beside estimators, shape (n_rows,), nan where a row takes no part."""
    if isinstance(forecast, str):
        if requested.y_true is None:
            raise DataError(f'"{printable(name)}" names the column "{forecast}", but no table is given. Pass an array.')
        column = column_of(data, forecast)
    else:
        column = as_column(forecast, name)
    if len(column.values) != rows.n_rows or column.categories is not None:
        raise DataError(
            f'"{printable(name)}" must be one probability of 1 for each of {count(rows.n_rows)} rows; it holds '
            f"{count(len(column.values))} {'texts' if column.categories is not None else 'numbers'}."
        )
    values = np.full(rows.n_rows, np.nan)
    known = column.values if column.missing is None else np.where(column.missing, np.nan, column.values)
    values[rows.taking_part] = known[rows.taking_part]
    _check_bounds(values[rows.taking_part], rows.taking_part, f'"{printable(name)}"', "")
    return values


def check_estimator(name: str, estimator: Any) -> None:
    """Refuse what cannot be refitted in each fold, or gives no probabilities."""
    clause = f'"{printable(name)}"' if name else "the estimator"
    if hasattr(estimator, "predictor"):
        raise DataError(
            f"{clause} is a model fitted by `logloss.fit`, which is not refitted: `cv` takes estimators, such as "
            "logloss.LogisticRegression(C=…). Without `cv` its predictions are compared as they are."
        )
    if not hasattr(estimator, "fit") or isinstance(estimator, type):
        got = f"the class {estimator.__name__}" if isinstance(estimator, type) else type(estimator).__name__
        raise DataError(
            f"`cv` trains estimators of scikit-learn in folds; {clause} is {got}. Pass an estimator, such as "
            "LogisticRegression(), or leave out `cv`: forecasts that are given need no folds."
        )
    if type(estimator).__name__ == "FrozenEstimator":
        raise DataError(f"{clause} is a FrozenEstimator and is not refitted in the folds. Pass the estimator it wraps.")
    if not hasattr(estimator, "predict_proba"):
        raise DataError(
            f"{clause} has no `predict_proba` ({type(estimator).__name__}). Put it into logloss.Calibrator, or "
            "sklearn.calibration.CalibratedClassifierCV, which make probabilities of scores."
        )


def _of_estimator(
    name: str, estimator: Any, rows: ModelledRows, splits: Sequence[Split], pairs: Sequence[tuple[int, int, Array]]
) -> OutOfFold:
    """The out-of-fold probabilities of one estimator, and their losses."""
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
            clause = _of_positive(name, model, rows, test, where)
            without[left_out, test] = surprisal(rows.codes[test], clause)  # type: ignore[index]
    evaluated = np.flatnonzero(fold >= 0)
    own = surprisal(rows.codes[evaluated], probabilities[evaluated])
    losses = _losses(rows, splits, fold, own, None if without is None else without[:, evaluated])
    return OutOfFold(probabilities, losses, (*rows.notes, *_remarks(name, estimator, rows)))


def _losses(
    rows: ModelledRows, splits: Sequence[Split], fold: Array, losses: Array, without: Array | None
) -> FoldLosses:
    """Losses of the rows that are in a fold."""
    evaluated = np.flatnonzero(fold >= 0)
    weight = np.ones(rows.n_rows) if rows.weight is None else rows.weight
    return FoldLosses(
        fold=fold[evaluated],
        weight=weight[evaluated],
        losses=losses,
        without=without,
        n_train=float(np.mean([len(train) for train, _ in splits])),
        n_left_out=len(rows.taking_part) - len(evaluated),
        is_forward=is_forward(splits),
        caution="" if rows.cluster is None else cluster_caution(splits, rows.cluster),
    )


def _of_given(given: Array, rows: ModelledRows, splits: Sequence[Split]) -> OutOfFold:
    """A given forecast in the same folds: it does not vary with the rows of training."""
    fold = np.full(rows.n_rows, -1)
    for number, (_, test) in enumerate(splits):
        fold[test] = number
    evaluated = np.flatnonzero(fold >= 0)
    probabilities = np.where(fold >= 0, given, np.nan)
    losses = surprisal(rows.codes[evaluated], probabilities[evaluated])
    without = np.tile(losses, (len(splits), 1))
    return OutOfFold(probabilities, _losses(rows, splits, fold, losses, without), ())


def _remarks(name: str, estimator: Any, rows: ModelledRows) -> list[str]:
    """Notes on how an estimator was trained."""
    clause, remarks = printable(name) or "the estimator", []
    try:
        check_is_fitted(estimator)
        remarks.append(f"{clause} was already fitted; clones were refitted in each fold, and it is unchanged")
    except (NotFittedError, TypeError):
        pass
    if rows.weight is not None and weight_parameter(estimator) is None:
        remarks.append(
            f"{clause} takes no sample_weight: its models were trained without weights, and evaluated with them"
        )
    return remarks


def _probabilities(name: str, estimator: Any, rows: ModelledRows, train: Array, test: Array, where: str) -> Array:
    """Probabilities of the positive class of the rows of a fold, by a model trained on others."""
    return _of_positive(name, trained_on(estimator, rows.X, rows.labels, rows.weight, train), rows, test, where)


def _of_positive(name: str, model: Any, rows: ModelledRows, test: Array, where: str) -> Array:
    """Probabilities or log-odds of the positive class by a trained model."""
    clause = f'"{printable(name)}"' if name else "the estimator"
    found = np.asarray(model.predict_proba(_safe_indexing(rows.X, test)), dtype=np.float64)
    classes = np.asarray(getattr(model, "classes_", rows.classes)).tolist()
    if rows.positive not in classes or found.ndim != 2 or found.shape != (len(test), len(classes)):
        raise DataError(
            f"{clause} must give a probability of each class; in {where} it has the classes "
            f"{', '.join(map(value_text, classes))} and gave an array of shape {found.shape}."
        )
    values = found[:, classes.index(rows.positive)]
    _check_bounds(values, test, clause, f"in {where} ")
    return values


def _check_bounds(values: Array, numbers: Array, clause: str, where: str) -> None:
    """Refuse what is no probability; numbers: of the rows."""
    is_wrong = ~((values >= 0) & (values <= 1))
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise DataError(
            f"{clause} must give probabilities in [0, 1]; {where}row {count(int(numbers[row]))} got "
            f"{value_text(float(values[row]))}."
        )


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
    """Predictions of a clone of the classifier, trained on some rows, for others: of the second class, or log-odds."""
    return scores_of(trained_on(estimator, X, y, weight, train), _safe_indexing(X, test))


def trained_on(estimator: Any, X: Any, y: Array, weight: Array | None, train: Array) -> Any:
    """A clone of the classifier, trained on some of the rows."""
    part = None if weight is None else weight[train]
    return trained(clone(estimator), _safe_indexing(X, train), _safe_indexing(y, train), part)


def scores_of(estimator: ClassifierMixin, X: Any) -> Scores:
    """Predictions of a trained classifier: probabilities of the second class, or log-odds."""
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
