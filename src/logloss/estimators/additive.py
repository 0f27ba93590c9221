"""A classifier of scikit-learn whose log-odds are a sum of functions, one of each column, fitted by `logloss.fit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from logloss.answers.estimate import expit, log_expit
from logloss.data.binding import MATRIX, matrix_names, names_of
from logloss.data.rows import Array, Column
from logloss.data.shapes import AUTO
from logloss.data.source import ColumnSource, MemorySource, as_source, warn_of_order
from logloss.errors import DataError, reworded
from logloss.estimators.logistic import FLOATS, check_labels, refuse_sparse, two_classes, weights_of
from logloss.estimators.sklearn_arguments import as_scikit_learn_warns
from logloss.text import value_text
from logloss.training.additive_model import AdditiveModel
from logloss.training.fit import fit
from logloss.training.problem import TOLERANCE
from logloss.training.standard_errors import INFORMATION

# What the columns of labels and weights are called: no feature of a user is.
LABEL, WEIGHT = "labels of `y`", "weights of `sample_weight`"
INDICATOR = "indicator"


class AdditiveClassifier(ClassifierMixin, BaseEstimator):
    """An additive model for two classes: smooth functions of numbers, pooled levels of categories.

    The precisions of all terms are chosen from the data, and the optimum at these is certified, as by `logloss.fit`
    with `shapes`: there is no penalty to search for.

    Parameters
    ----------
    shapes : "auto", dict of name to {"smooth", "linear", "cyclic"}, or None
        As in `logloss.fit`. Columns of an array without names are called x0, x1, …; a single one x.
    pooled : list of names, optional
        As in `logloss.fit`: categories whose levels are pooled; all if left out.
    pairs : "auto", list of (name, name), optional
        As in `logloss.fit`: pairs of columns that contribute together beyond what each does by itself.
    monotonic_cst : dict of name to {1, -1, 0}, or array of shape (n_features,), optional
        As in `logloss.fit`: columns whose contribution must not decrease (1) or not increase (-1); 0: no constraint.
    missing : {"error", "indicator"}
        Missing values: an error, or an effect of their own. Rows with one are never left out: predictions are needed.
    leave_one_out : bool
        Whether to compute the leave-one-out log loss: `model_.out_of_sample`.
    fit_intercept : bool
        Whether there is an intercept.
    tol : float > 0
        Bound on the distance from the minimum, in nats per row: `tolerance` of `logloss.fit`.
    max_iter : int ≥ 1
        Maximum number of passes once precisions are chosen: `max_passes` of `logloss.fit`.

    Attributes
    ----------
    model_ : AdditiveModel
        The fitted model: effects, passes, `measure`, `contributions`, `to_sklearn`.
    classes_ : array of shape (2,)
        The two labels, in order; of more, those that occur in rows of positive weight.
    certificate_ : Certificate
        Bound on the distance from the minimum, in nats per row.
    n_iter_ : int
        Passes over the rows.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : array of shape (n_features_in_,)
        Their names, where they are all text.

    Notes
    -----
    Columns of a frame that hold text, bools or pandas' categories are categories; arrays must hold numbers. As
    elsewhere in scikit-learn a row of weight 2 counts as two rows, also where precisions are chosen:
    covariance="information" of `logloss.fit`. Levels not seen in training are treated as an average one.

    Examples
    --------
    >>> import logloss
    >>> X = [[k / 20] for k in range(200)]
    >>> classifier = logloss.AdditiveClassifier().fit(X, [int(3 < x < 7) for [x] in X])
    >>> classifier.predict([[1.0], [5.0], [9.0]]).tolist()
    [0, 1, 0]
    """

    classes_: Array
    model_: AdditiveModel

    def __init__(
        self,
        shapes: str | Mapping[str, str] | None = AUTO,
        *,
        pooled: str | Sequence[str] | None = None,
        pairs: str | Sequence[tuple[str, str]] | None = None,
        monotonic_cst: Mapping[str, int] | Sequence[int] | None = None,
        missing: str = "error",
        leave_one_out: bool = False,
        fit_intercept: bool = True,
        tol: float = TOLERANCE,
        max_iter: int = 100,
    ) -> None:
        self.shapes = shapes
        self.pooled = pooled
        self.pairs = pairs
        self.monotonic_cst = monotonic_cst
        self.missing = missing
        self.leave_one_out = leave_one_out
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = self.missing == INDICATOR
        tags.input_tags.categorical = True
        return tags

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> AdditiveClassifier:
        """Fit to rows X of shape (n_rows, n_features) and their labels y; a row of weight 0 counts as no row.

        sample_weight: one weight ≥ 0 for each row, or one number for all. Cost: as `logloss.fit`.
        """
        if self.missing not in ("error", INDICATOR):
            raise DataError(f'`missing` must be "error" or "{INDICATOR}"; got {value_text(self.missing)}.')
        if self.shapes is None and self.pooled is None:
            raise DataError(
                "`shapes` and `pooled` are both None, which leaves a straight line for each column: use "
                "logloss.LogisticRegression."
            )
        refuse_sparse(X)
        warn_of_order({"`X`": X, "`y`": y, "`sample_weight`": sample_weight})
        columns, labels = self._checked(X, y)
        check_labels(labels)
        weight = None if sample_weight is None else weights_of(sample_weight, labels)
        self.classes_ = two_classes(labels, weight)
        features = list(columns)
        columns[LABEL] = Column((labels == self.classes_[1]).astype(np.uint8))
        if weight is not None:
            columns[WEIGHT] = Column(weight)
        with reworded(as_scikit_learn_warns):
            model: Any = fit(
                MemorySource(columns),
                LABEL,
                features=features,
                shapes=self.shapes,
                pooled=self.pooled,
                pairs=self.pairs,
                monotonic_cst=self.monotonic_cst,
                sample_weight=None if weight is None else WEIGHT,
                # A row of weight 2 is two rows.
                covariance=INFORMATION,
                missing=self.missing,
                leave_one_out=self.leave_one_out,
                fit_intercept=self.fit_intercept,
                tolerance=self.tol,
                max_passes=self.max_iter,
            )
        self.model_ = replace(model, positive=f"y = {value_text(self.classes_[1:].tolist()[0])}")
        self.certificate_ = model.certificate
        self.n_iter_ = len(model.passes)
        return self

    def _checked(self, X: Any, y: ArrayLike) -> tuple[dict[str, Column], Array]:
        """(The columns of X, labels), checked as scikit-learn does; those of an array are one matrix."""
        if y is None:
            raise DataError("requires y to be passed, but the target y is None.")
        if not _is_frame(X):
            X, labels = validate_data(self, X, y, dtype=FLOATS, ensure_all_finite=self._finite)
            return {MATRIX: Column(X, names=matrix_names(X.shape[1]))}, labels
        validate_data(self, X, skip_check_array=True)
        labels = column_or_1d(y, warn=True)
        check_consistent_length(X, labels)
        source = as_source(X)
        if not isinstance(source, ColumnSource):
            raise DataError(f"`X` must be a table in memory; got {type(X).__name__}. Use logloss.fit, which reads any.")
        return {name: source.column(name) for name in self.feature_names_in_}, labels

    @property
    def _finite(self) -> bool | str:
        """Whether values must be finite, as scikit-learn asks."""
        return "allow-nan" if self.missing == INDICATOR else True

    def _logits(self, X: Any) -> Array:
        """Log-odds of `classes_[1]`, shape (n_rows,): by names of columns where both X and the model have them."""
        check_is_fitted(self)
        refuse_sparse(X)
        if _is_frame(X) and hasattr(self, "feature_names_in_"):
            validate_data(self, X, reset=False, skip_check_array=True)
        else:
            X = validate_data(self, X, dtype=FLOATS, reset=False, ensure_all_finite=self._finite)
        return self.model_.predict_logit(X)

    def decision_function(self, X: Any) -> Array:
        """Log-odds of `classes_[1]` for each row of X, shape (n_rows,)."""
        return self._logits(X)

    def predict(self, X: Any) -> Array:
        """The more probable class of each row of X, shape (n_rows,)."""
        is_second = self._logits(X) > 0
        labels: Array = self.classes_[is_second.astype(np.intp)]
        return labels

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of both classes for each row of X, shape (n_rows, 2)."""
        logits = self._logits(X)
        return np.column_stack([expit(-logits), expit(logits)])

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities, shape (n_rows, 2)."""
        logits = self._logits(X)
        return np.column_stack([log_expit(-logits), log_expit(logits)])


def _is_frame(X: Any) -> bool:
    """Whether it is a table whose columns have names of their own, all of them text."""
    names = names_of(X) if hasattr(X, "shape") else None
    return names is not None and all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
