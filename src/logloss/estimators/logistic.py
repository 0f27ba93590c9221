"""Logistic regression as scikit-learn's users know it, at the optimum: `logloss.fit` behind `fit`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Hashable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_array, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from logloss.answers.estimate import expit, log_expit
from logloss.data.binding import MATRIX, matrix_names
from logloss.data.rows import Array, Column
from logloss.data.source import MemorySource, warn_of_order
from logloss.errors import DataError
from logloss.text import count, listed, significant, value_text
from logloss.training.fit import fit
from logloss.training.model import LogisticModel
from logloss.training.problem import TOLERANCE

# Read as they are; all else becomes float64.
FLOATS = (np.float64, np.float32)
PIECE_ROWS = 1 << 14


class LogisticRegression(ClassifierMixin, BaseEstimator):
    r"""Logistic regression for two classes in scikit-learn's terms, certified to be near its optimum.

    It minimises what scikit-learn's does, whose default solver may stop short of it:

    .. math:: \sum_i s_i \{ \log(1 + e^{z_i}) - y_i z_i \} + \tfrac{1}{2 C} |w|^2, \quad z_i = b + x_i^T w

    The intercept is never penalised. Columns need not be scaled for the sake of the solver.

    Parameters
    ----------
    C : float > 0
        Inverse of regularization strength, 1 / `l2` of `logloss.fit`; `inf` for no penalty.
    class_weight : dict of class to weight ≥ 0, or "balanced", optional
        Multiplies the weights of the rows of each class; "balanced" makes both classes weigh the same, whatever
        their `sample_weight`. Probabilities are then those of rows weighted so, and a warning notes it.
    warm_start : bool
        Whether `fit` begins at the last result, if the columns have the same names; it only changes the number of
        passes.
    tol : float > 0
        Bound on the distance from the minimum, in nats per row: `tolerance` of `logloss.fit`.
    max_iter : int ≥ 1
        Maximum number of passes over the rows: `max_passes` of `logloss.fit`.

    Attributes
    ----------
    coef_ : array of shape (1, n_features)
        Change of the log-odds of `classes_[1]` per unit of a feature. Without a penalty, where classes are separated,
        some are ±inf (SeparationWarning): they are the limit, predictions are those of the limit (0 or 1 for rows that
        are distinguished), and `model_.separation` describes it.
    intercept_ : array of shape (1,)
        Log-odds where every feature is 0.
    prior_corrected_intercept_ : array of shape (1,)
        `intercept_` without the log-odds that `class_weight` added: set `intercept_` to it for probabilities of the
        rows as they came (King & Zeng 2001, section 4.1). Equal to `intercept_` where classes have no weights.
    classes_ : array of shape (2,)
        The two labels, in order, that occur in rows of positive weight.
    n_iter_ : array of shape (1,)
        Passes over the rows.
    n_features_in_ : int
        How many columns `fit` saw.
    feature_names_in_ : array of shape (n_features_in_,)
        Their names, where they are all text.
    model_ : LogisticModel
        The fitted `LogisticModel`: standard errors, passes, separation, `measure`.
    certificate_ : Certificate
        Bound on the distance from the minimum, in nats per row.

    Notes
    -----
    Predictions follow `coef_` and `intercept_`, so that these may be changed. There is no `fit_intercept`: the
    intercept is always fitted. Matrices must be dense; more than two classes need `OneVsRestClassifier`.

    References
    ----------
    King, G. & Zeng, L. (2001). Logistic regression in rare events data. Political Analysis 9(2), 137-163.
    doi:10.1093/oxfordjournals.pan.a004868

    Examples
    --------
    >>> import logloss
    >>> classifier = logloss.LogisticRegression(C=1.0).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> classifier.coef_.round(4).tolist(), classifier.predict_proba([[1.5]]).round(4).tolist()
    ([[0.9583]], [[0.5, 0.5]])
    """

    classes_: Array
    coef_: Array
    intercept_: Array
    model_: LogisticModel

    def __init__(
        self,
        *,
        C: float = 1.0,
        class_weight: Mapping[Hashable, float] | str | None = None,
        warm_start: bool = False,
        tol: float = TOLERANCE,
        max_iter: int = 100,
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.tol = tol
        self.max_iter = max_iter

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> LogisticRegression:
        """Fit to rows X of shape (n_rows, n_features) and their labels y; a row of weight 0 counts as no row.

        Cost: as `logloss.fit`. Dense float32 and float64 arrays are read where they are.
        """
        if not (isinstance(self.C, Real) and self.C > 0):
            raise DataError(f"`C` must be a number above 0, or inf for no penalty; got {self.C!r}.")
        if not (self.tol > 0 and self.max_iter >= 1):
            raise DataError(f"`tol` must be above 0 and `max_iter` at least 1; got {self.tol!r} and {self.max_iter!r}.")
        warn_of_order({"`X`": X, "`y`": y, "`sample_weight`": sample_weight})
        X, y = validate_data(self, X, y, dtype=FLOATS)
        check_classification_targets(y)
        weight = None if sample_weight is None else _weights(sample_weight, X)
        self.classes_ = _two_classes(y if weight is None else y[weight > 0])
        label = (y == self.classes_[1]).astype(np.uint8)
        ratio, weight = self._with_class_weights(label, weight)
        names = tuple(getattr(self, "feature_names_in_", ()))
        # None, or, as far as scikit-learn lets them through, some twice.
        if len(set(names)) < X.shape[1]:
            names = matrix_names(X.shape[1])
        columns = {"y_true": Column(label), MATRIX: Column(X, names=names)}
        if weight is not None:
            columns["sample_weight"] = Column(weight)
        model = fit(
            MemorySource(columns),
            "y_true",
            features=[MATRIX],
            l2=1 / self.C,
            sample_weight=None if weight is None else "sample_weight",
            tolerance=self.tol,
            max_passes=self.max_iter,
            leave_one_out=False,
            start=getattr(self, "model_", None) if self.warm_start else None,
        )
        self.model_ = replace(model, positive=f"y = {value_text(self.classes_[1:].tolist()[0])}")
        self.coef_ = np.array([list(model.coefficients.values())])
        self.intercept_ = np.array([model.intercept])
        self.prior_corrected_intercept_ = self.intercept_ - math.log(ratio)
        self.n_iter_ = np.array([len(model.passes)], dtype=np.int32)
        self.certificate_ = model.certificate
        return self

    def _with_class_weights(self, label: Array, weight: Array | None) -> tuple[float, Array | None]:
        """(The weight of the second class over that of the first, the weight of each row with that of its class)."""
        if self.class_weight is None:
            return 1.0, weight
        own = np.ones(len(label)) if weight is None else weight
        sums = np.bincount(label, own, minlength=2)
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            # Weights of rows, not their number, are balanced: so do the newer releases of scikit-learn.
            factors = sums.sum() / (2 * sums)
        else:
            of_kept = self.classes_[label[own > 0]]
            factors = compute_class_weight(self.class_weight, classes=self.classes_, y=of_kept)
            if not ((factors > 0) & np.isfinite(factors)).all():
                raise DataError(
                    f"`class_weight` must give both classes a finite weight above 0; got {self.class_weight!r}."
                )
        ratio = float(factors[1] / factors[0])
        before, after = sums[1] / sums.sum(), (factors * sums)[1] / (factors @ sums)
        # Balanced classes that were balanced before have a ratio of 1 but for rounding.
        if not math.isclose(before, after, rel_tol=1e-9):
            warnings.warn(
                f"`class_weight` shifts probabilities: their mean on these rows is {significant(after)}, though the "
                f"base rate is {significant(before)}. For probabilities of the rows as they are, leave it out and "
                "choose another threshold than 1/2, or set `intercept_` to `prior_corrected_intercept_`.",
                UserWarning,
                stacklevel=3,
            )
        return ratio, own * factors[label]

    def decision_function(self, X: Any) -> Array:
        """Log-odds of `classes_[1]` for each row of X, shape (n_rows,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=FLOATS, reset=False)
        if np.isfinite(self.coef_).all():
            # In pieces: single precision is widened before it is multiplied.
            pieces = [X[start : start + PIECE_ROWS] @ self.coef_[0] for start in range(0, len(X), PIECE_ROWS)]
            logits: Array = np.concatenate(pieces) + self.intercept_[0]
            return logits
        # 0 · inf would be no number: the side of its directions on which a row lies decides.
        return self.model_.predict_logit(X)

    def predict(self, X: Any) -> Array:
        """The more probable class of each row of X, shape (n_rows,)."""
        logits = self.decision_function(X)
        labels: Array = self.classes_[(logits > 0).astype(np.intp)]
        return labels

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of both classes for each row of X, shape (n_rows, 2).

        Each is computed separately, so that small ones keep full precision.
        """
        logits = self.decision_function(X)
        return np.column_stack([expit(-logits), expit(logits)])

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities, shape (n_rows, 2).

        They are accurate in the tails: −1000 where the probability underflows, not −inf.
        """
        logits = self.decision_function(X)
        return np.column_stack([log_expit(-logits), log_expit(logits)])


def _weights(sample_weight: ArrayLike, X: Array) -> Array:
    """Weights of rows as float64, shape (n_rows,), ≥ 0."""
    weight: Array = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weight.ndim != 1:
        raise DataError(f"`sample_weight` must be one number for each row; it has shape {weight.shape}.")
    check_consistent_length(X, weight)
    if (weight < 0).any():
        row = int(np.argmax(weight < 0))
        raise DataError(f"`sample_weight` must be at least 0; row {row} has {significant(weight[row])}.")
    if not weight.any():
        raise DataError("some row must have weight; `sample_weight` is zero in each.")
    return weight


def _two_classes(y: Array) -> Array:
    classes: Array = np.unique(y)
    if len(classes) == 2:
        return classes
    named = listed([value_text(value) for value in classes.tolist()])
    if len(classes) > 2:
        raise DataError(
            f"Only binary classification is supported. The type of the target is {type_of_target(y)}; it has "
            f"{count(len(classes))} classes: {named}. Wrap the classifier in sklearn.multiclass.OneVsRestClassifier."
        )
    raise DataError(f"two classes must occur in rows that have weight; found only one class: {named}. Check `y`.")
