"""A classifier of scikit-learn with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import BaseCrossValidator, check_cv
from sklearn.utils import _safe_indexing, get_tags, indexable
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    _num_samples,
    check_is_fitted,
    column_or_1d,
)

from logloss.answers.estimate import expit
from logloss.calibration import calibrate
from logloss.data.rows import Array
from logloss.data.source import warn_of_order
from logloss.errors import DataError
from logloss.estimators.cross_fitting import Scores, fold_scores, scores_of, trained

PREFIT = "prefit"


class Calibrator(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are calibrated on rows that it was not trained on.

    The classifier is trained on all rows; its predictions for rows it was not trained on come from cross-validation,
    and `logloss.calibrate` fits one map to them. Two classes only.

    Parameters
    ----------
    estimator : classifier, optional
        With `predict_proba`, or a `decision_function` whose values are taken for log-odds; scikit-learn's
        LogisticRegression if left out.
    method : {"auto", "identity", "mixture", "shift", "temperature", "platt", "beta", "isotonic"}
        As in `logloss.calibrate`.
    cv : int, splitter, iterable, or "prefit"
        Folds, as elsewhere in scikit-learn; an int is reduced to the number of rows of the rarer class. "prefit": the
        classifier is already trained, on other rows.
    negatives_kept : float in (0, 1]
        As in `logloss.calibrate`.
    groups : name or number of a column of X, or list of them, optional
        Calibration by group, as `by` in `logloss.calibrate`: each value has a shrunken shift and slope of its own, and
        values that were not seen get the map of all rows. Names need a frame. The classifier is given all of X, these
        columns included.

    Attributes
    ----------
    calibration_ : Calibration
        The map, and the expected reduction of the log loss.
    estimator_ : classifier
        Trained on all rows.
    classes_ : array of shape (2,)
        The labels; the second is positive.

    Examples
    --------
    >>> from logloss import Calibrator
    >>> from sklearn.linear_model import LogisticRegression
    >>> c = Calibrator(LogisticRegression(), cv=2).fit([[0.0], [1.0]] * 20, [0, 1, 1, 1] * 10)
    >>> c.predict_proba([[0.0]]).shape
    (1, 2)
    """

    def __init__(
        self,
        estimator: ClassifierMixin | None = None,
        *,
        method: str = "auto",
        cv: int | str | BaseCrossValidator | Iterable[tuple[Array, Array]] = 5,
        negatives_kept: float = 1.0,
        groups: str | int | Sequence[str | int] | None = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.negatives_kept = negatives_kept
        self.groups = groups

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Calibrator:
        """Train the classifier, and fit a map to its predictions for rows it was not trained on.

        Parameters
        ----------
        X : array of shape (n_rows, n_features)
            Whatever the classifier takes.
        y : array of shape (n_rows,)
            Labels of two classes.
        sample_weight : array of shape (n_rows,), optional
            Weights, for the training where the classifier takes them, and for the calibration.

        Returns
        -------
        Calibrator
            Itself, fitted.

        Raises
        ------
        ValueError
            If labels are not of two classes, a class has too few rows for the folds, or a row is in no test fold.
        DataError
            If scores or weights are invalid, or `method`, `negatives_kept` or `groups` is. It is a ValueError, too.
        """
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None.")
        warn_of_order({"`X`": X, "`y`": y, "`sample_weight`": sample_weight})
        X, labels = indexable(X, column_or_1d(y, warn=True))
        check_classification_targets(labels)
        kind = type_of_target(labels)
        # In the words that scikit-learn expects.
        if _num_samples(labels) < 2:
            raise ValueError("calibration needs training and validation rows; got 1 sample.")
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        estimator = self._estimator()
        if isinstance(self.cv, str) and self.cv == PREFIT:
            self.estimator_ = estimator
            self.classes_ = np.asarray(estimator.classes_)
            scores = scores_of(estimator, X)
        else:
            self.classes_, codes = np.unique(labels, return_inverse=True)
            scores = self._cross_fitted(estimator, X, labels, codes, weight)
            self.estimator_ = trained(clone(estimator), X, labels, weight)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        self.calibration_ = calibrate(
            (np.asarray(labels) == self.classes_[1]).astype(np.uint8),
            y_proba=None if scores.is_logit else scores.values,
            y_logit=scores.values if scores.is_logit else None,
            sample_weight=weight,
            by=self._groups_of(X),
            method=self.method,
            negatives_kept=self.negatives_kept,
        )
        return self

    def _estimator(self) -> ClassifierMixin:
        return LogisticRegression() if self.estimator is None else self.estimator

    def _cross_fitted(self, estimator: ClassifierMixin, X: Any, y: Array, codes: Array, weight: Array | None) -> Scores:
        """Predictions of the classifier for each row, when trained without it."""
        fewest = int(np.bincount(codes).min())
        if isinstance(self.cv, int) and fewest < 2:
            raise ValueError(
                "each class needs at least 2 samples, one to train on and one to validate on; the rarer one has 1 "
                'sample. A trained classifier is calibrated with cv="prefit".'
            )
        cv = min(self.cv, fewest) if isinstance(self.cv, int) else self.cv
        values, is_logit, is_seen = np.empty(len(y)), False, np.zeros(len(y), dtype=bool)
        for train, test in check_cv(cv, y, classifier=True).split(X, y):
            values[test], is_logit = fold_scores(estimator, X, y, weight, train, test)
            is_seen[test] = True
        if not is_seen.all():
            raise ValueError("`cv` must put each row into one test fold; some are in none.")
        return Scores(values, is_logit)

    def predict_proba(self, X: Any) -> Array:
        """Calibrated probabilities of both classes, shape (n_rows, 2)."""
        check_is_fitted(self)
        scores = scores_of(self.estimator_, X)
        # All rows of training may have been of one group: then there is one map.
        groups = self._groups_of(X) if self.calibration_.by else None
        if not scores.is_logit:
            one = np.asarray(self.calibration_.apply(scores.values, groups))
            return np.stack([1 - one, one], axis=1)
        log_odds = np.asarray(self.calibration_.apply_logit(scores.values, groups))
        return np.stack([expit(-log_odds), expit(log_odds)], axis=1)

    def _groups_of(self, X: Any) -> dict[str, Any] | None:
        """The columns of X that groups are told by, by name; None without groups."""
        if self.groups is None:
            return None
        chosen = list(self.groups) if isinstance(self.groups, list | tuple) else [self.groups]
        if not chosen or not all(isinstance(each, str | int) and not isinstance(each, bool) for each in chosen):
            raise DataError(f"`groups` must be the name or number of a column of X, or a list; got {self.groups!r}.")
        found: dict[str, Any] = {}
        for each in chosen:
            try:
                found[str(each)] = _safe_indexing(X, each, axis=1)
            except (ValueError, IndexError, KeyError) as error:
                raise DataError(
                    f"`groups` must name a column of X; {each!r} is none: {str(error).strip('.')}."
                ) from error
        return found

    def predict(self, X: Any) -> Array:
        """The more probable class of each row."""
        is_second = self.predict_proba(X)[:, 1] > 0.5
        return self.classes_[is_second.astype(int)]

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may expect: two classes, and whatever input the classifier takes."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags = get_tags(self._estimator()).input_tags
        return tags
