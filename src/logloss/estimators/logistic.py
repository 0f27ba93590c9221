"""LogisticRegression with scikit-learn's arguments and attributes, fitted by `logloss.fit`."""

from __future__ import annotations

import math
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
from logloss.data.sparse_rows import CsrMatrix, is_sparse
from logloss.errors import DataError, reworded, warn
from logloss.estimators.single_precision import coefficients_of, rounded_certificate, rows_of_piece
from logloss.estimators.sklearn_arguments import (
    CONSTRAINTS,
    EstimatorConvergenceWarning,
    EstimatorSeparationWarning,
    as_scikit_learn_warns,
    check_arguments,
    penalties_of,
)
from logloss.text import count, listed, significant, value_text
from logloss.training.certificate import Certificate
from logloss.training.fit import fit
from logloss.training.matrix_input import is_wide
from logloss.training.model import LogisticModel
from logloss.training.problem import TOLERANCE
from logloss.training.wide_model import WideModel

# Read as they are; all else becomes float64.
FLOATS = (np.float64, np.float32)


class LogisticRegression(ClassifierMixin, BaseEstimator):
    r"""Logistic regression for two classes in scikit-learn's terms, certified to be near its optimum.

    It takes every argument of scikit-learn's class and minimises the same objective; scikit-learn's default solver may
    stop before the minimum:

    .. math:: \sum_i s_i \{ \log(1 + e^{z_i}) - y_i z_i \} + \tfrac{\rho}{C} |w|_1 + \tfrac{1 - \rho}{2 C} |w|^2, \quad
        z_i = b + x_i^T w

    with ρ = `l1_ratio`.

    The intercept is never penalised. Columns need no scaling for convergence.

    Parameters
    ----------
    penalty : {"l2", "l1", "elasticnet", None}
        The penalty; None, like C=inf, for none. "l1", as l1_ratio=1 without it.
    C : float > 0
        Inverse of regularization strength: `l1` of `logloss.fit` is l1_ratio / C, `l2` (1 − l1_ratio) / C; `inf` for
        no penalty.
    l1_ratio : float in [0, 1], or None
        Share of L1 in the penalty; 0 or None, for an L2 penalty. Above 0 it takes solver="saga" or, as 1, "liblinear",
        as in scikit-learn; which one changes nothing.
    dual : bool
        Changes nothing.
    tol : float ≥ 0
        Bound on the distance from the minimum, in nats per row: `tolerance` of `logloss.fit`. Values above 1e-12 are
        taken as 1e-12: scikit-learn's usual values bound the mean gradient, and in nats would allow a looser fit.
    fit_intercept : bool
        Whether there is an intercept; otherwise `intercept_` is 0.
    intercept_scaling : float > 0
        Changes nothing.
    class_weight : dict of class to weight ≥ 0, or "balanced", optional
        Multiplies the weights of the rows of each class; "balanced" makes both classes weigh the same, whatever
        their `sample_weight`. Probabilities are then those of the weighted rows, with a warning.
    random_state : int or RandomState, optional
        Changes nothing: the fit is deterministic.
    solver : {"lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"}
        Changes nothing; arguments that scikit-learn refuses for a solver are refused.
    max_iter : int ≥ 0
        Maximum number of passes over the rows: `max_passes` of `logloss.fit`. 0 leaves every coefficient at 0.
    verbose : int
        Changes nothing.
    warm_start : bool
        Whether `fit` begins at the last result, if the columns have the same names; it only changes the number of
        passes.
    n_jobs : int, optional
        Changes nothing.
    multi_class : {"auto", "ovr"}
        Changes nothing; it is an argument of scikit-learn 1.6 and 1.7. "multinomial", another penalty, is refused.

    Attributes
    ----------
    coef_ : array of shape (1, n_features)
        Change of the log-odds of `classes_[1]` per unit of a feature; float32 where X is. Without a penalty, where
        classes are separated, some are ±inf (SeparationWarning): coefficients and predictions are those of the limit
        (0 or 1 for rows predicted without error), and `model_.separation` describes it.
    intercept_ : array of shape (1,)
        Log-odds where every feature is 0.
    prior_corrected_intercept_ : array of shape (1,)
        `intercept_` without the log-odds that `class_weight` added: set `intercept_` to it for probabilities of the
        rows as they came (King & Zeng 2001, section 4.1). Equal to `intercept_` where classes have no weights.
    classes_ : array of shape (2,)
        The two labels, in order; of more, those that occur in rows of positive weight.
    n_iter_ : array of shape (1,)
        Passes over the rows.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : array of shape (n_features_in_,)
        Their names, where they are all text.
    model_ : LogisticModel or WideModel
        The fitted model, in double precision: a `LogisticModel` with standard errors, passes, separation, `measure`; of
        sparse rows under a penalty, and of 5,000 columns or more, a `WideModel`. None where one class has no weight, or
        `max_iter` is 0.
    certificate_ : Certificate
        Bound on the distance from the minimum, in nats per row, of `coef_` and `intercept_` as they are: where X is
        float32, rounded.

    Notes
    -----
    Predictions follow `coef_` and `intercept_`, so that these may be changed. Sparse rows need a penalty, unless they
    are few and have at most 5,000 columns; CSR is read where it is. More than two classes need `OneVsRestClassifier`.
    The intercept is not penalised with solver="liblinear" either.
    Where a class has no weight, the loss falls towards 0 as the intercept grows (SeparationWarning): the coefficients
    are 0, and the intercept is so large that the loss is `tol`.

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

    _parameter_constraints = CONSTRAINTS
    classes_: Array
    coef_: Any
    intercept_: Array
    model_: LogisticModel | WideModel | None

    def __init__(
        self,
        penalty: str | None = "l2",
        *,
        C: float = 1.0,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = TOLERANCE,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Mapping[Hashable, float] | str | None = None,
        random_state: int | np.random.RandomState | None = None,
        solver: str = "lbfgs",
        max_iter: int = 100,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
        multi_class: str = "auto",
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.multi_class = multi_class

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> LogisticRegression:
        """Fit to rows X of shape (n_rows, n_features) and their labels y; a row of weight 0 counts as no row.

        sample_weight: one weight ≥ 0 for each row, or one number for all. Cost: as `logloss.fit`. Float32 and
        float64 arrays, and CSR matrices of these, are read where they are.
        """
        l1, l2 = self._checked_penalties_of_fit()
        warn_of_order({"`X`": X, "`y`": y, "`sample_weight`": sample_weight})
        X, y = validate_data(self, X, y, dtype=FLOATS, accept_sparse="csr")
        check_labels(np.asarray(y))
        weight = None if sample_weight is None else weights_of(sample_weight, X)
        self.classes_ = two_classes(y, weight)
        label = (y == self.classes_[1]).astype(np.uint8)
        ratio, weight = self._with_class_weights(label, weight)
        if self.max_iter == 0:
            warn(
                "max_iter=0 makes no pass over the rows: every coefficient is 0, with no certificate.",
                EstimatorConvergenceWarning,
            )
            return self._keep_constant(0.0, X.dtype, Certificate(math.inf, False))
        with_weight = label if weight is None else label[weight > 0]
        if with_weight.min() == with_weight.max():
            return self._fit_one_class(X, label, weight, l2, l1)
        model = self._fitted_model(X, label, weight, l2, l1)
        self.model_ = replace(model, positive=f"y = {value_text(self.classes_[1:].tolist()[0])}")
        self._keep(model, X, weight)
        self.prior_corrected_intercept_ = self.intercept_ - self.intercept_.dtype.type(math.log(ratio))
        return self

    def _checked_penalties_of_fit(self) -> tuple[float, float]:
        """The strengths of the L1 and L2 penalties, once every argument is checked."""
        check_arguments(self)
        return penalties_of(
            self.penalty,
            self.C,
            self.l1_ratio,
            solver=self.solver,
            dual=bool(self.dual),
            multi_class=self.multi_class,
        )

    def _fitted_model(
        self, X: Any, label: Array, weight: Array | None, l2: float, l1: float = 0.0
    ) -> LogisticModel | WideModel:
        """`logloss.fit` of rows and their codes."""
        options: dict[str, Any] = {
            "l2": l2,
            "l1": l1,
            "fit_intercept": bool(self.fit_intercept),
            "tolerance": self._tolerance,
            "max_passes": self.max_iter,
            "leave_one_out": False,
            "start": getattr(self, "model_", None) if self.warm_start else None,
        }
        names = tuple(getattr(self, "feature_names_in_", ()))
        # None, or, as far as scikit-learn lets them through, some twice.
        has_names = len(set(names)) == X.shape[1]
        if is_sparse(X) or is_wide(X):
            with reworded(as_scikit_learn_warns):
                return fit(X, label, feature_names=names if has_names else None, sample_weight=weight, **options)
        if not has_names:
            names = matrix_names(X.shape[1])
        columns = {"y_true": Column(label), MATRIX: Column(X, names=names)}
        if weight is not None:
            columns["sample_weight"] = Column(weight)
        with reworded(as_scikit_learn_warns):
            return fit(
                MemorySource(columns),
                "y_true",
                features=[MATRIX],
                sample_weight=None if weight is None else "sample_weight",
                **options,
            )

    @property
    def _tolerance(self) -> float:
        """In nats per row: never looser than the default."""
        return max(min(self.tol, TOLERANCE), math.ulp(0.0))

    def _keep(self, model: LogisticModel | WideModel, X: Any, weight: Array | None) -> None:
        """A model as attributes, of the precision of X."""
        coefficients, intercept = coefficients_of(model), np.array([model.intercept])
        self.certificate_ = model.certificate
        if X.dtype == np.float32:
            with np.errstate(over="ignore"):
                coefficients, intercept = coefficients.astype(np.float32), intercept.astype(np.float32)
            self.certificate_ = rounded_certificate(model, coefficients, float(intercept[0]), X, weight)
        self.coef_, self.intercept_ = coefficients[None, :], intercept
        self.n_iter_ = np.array([len(model.passes)], dtype=np.int32)

    def _fit_one_class(
        self, X: Array, label: Array, weight: Array | None, l2: float, l1: float = 0.0
    ) -> LogisticRegression:
        """Rows of one class only have weight."""
        weight = np.ones(len(label)) if weight is None else weight
        row = int(np.argmax(weight > 0))
        if not self.fit_intercept:
            # The loss of a row is that of its mirror image with the other label: half of one row makes two classes.
            mirrored = np.append(label, 1 - label[row])
            halved = np.append(weight, weight[row] / 2)
            halved[row] /= 2
            model = self._fitted_model(_stacked(X, -X[row : row + 1]), mirrored, halved, l2, l1)
            self._keep(model, X, weight)
            # Of rows of one class it would state a base rate that is not theirs; only limits need it, to predict.
            self.model_ = None if np.isfinite(self.coef_).all() else model
            self.prior_corrected_intercept_ = self.intercept_
            return self
        # Every row loses log(1 + e^−|b|), the tolerance.
        size = float(X.dtype.type(-math.log(math.expm1(self._tolerance))))
        loss = math.log1p(math.exp(-size))
        has, lacks = (value_text(self.classes_[code : code + 1].tolist()[0]) for code in (label[row], 1 - label[row]))
        warn(
            f"only rows of class {has} have weight: the log loss falls towards 0 as the intercept grows, "
            f"and every row is predicted to be {lacks} with probability {significant(loss)}. Give some rows of class "
            f"{lacks} weight.",
            EstimatorSeparationWarning,
        )
        return self._keep_constant(size if label[row] else -size, X.dtype, Certificate(loss * (1 + 2.0**-50), True))

    def _keep_constant(self, intercept: float, kind: np.dtype, certificate: Certificate) -> LogisticRegression:
        """An intercept, and coefficients that are 0, as attributes."""
        self.coef_ = np.zeros((1, self.n_features_in_), dtype=kind)
        self.intercept_ = np.array([intercept], dtype=kind)
        self.prior_corrected_intercept_, self.n_iter_ = self.intercept_, np.zeros(1, dtype=np.int32)
        self.model_, self.certificate_ = None, certificate
        return self

    def _with_class_weights(self, label: Array, weight: Array | None) -> tuple[float, Array | None]:
        """(The weight of the second class over that of the first, the weight of each row with that of its class)."""
        if self.class_weight is None:
            return 1.0, weight
        own = np.ones(len(label)) if weight is None else weight
        sums = np.bincount(label, own, minlength=2)
        if isinstance(self.class_weight, str):
            # Weights of rows, not their number, are balanced: so do the newer releases of scikit-learn.
            factors = np.where(sums > 0, sums.sum() / (2 * np.where(sums > 0, sums, 1.0)), 1.0)
        else:
            factors = compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_)
            if not ((factors >= 0) & np.isfinite(factors)).all() or not (factors @ sums) > 0:
                raise DataError(
                    "`class_weight` must give each class a finite weight of at least 0, and a class with rows a weight "
                    f"above 0; got {self.class_weight!r}."
                )
        if not (factors * sums).all():
            return 1.0, own * factors[label]
        ratio = float(factors[1] / factors[0])
        before, after = sums[1] / sums.sum(), (factors * sums)[1] / (factors @ sums)
        # Balanced classes that were balanced before have a ratio of 1 but for rounding.
        if not math.isclose(before, after, rel_tol=1e-9):
            warn(
                f"`class_weight` shifts probabilities: their mean on these rows is {significant(after)}, though the "
                f"base rate is {significant(before)}. For probabilities of the rows as they are, leave it out and "
                "choose another threshold than 1/2, or set `intercept_` to `prior_corrected_intercept_`."
            )
        return ratio, own * factors[label]

    def sparsify(self) -> LogisticRegression:
        """Hold `coef_` as a sparse matrix; predictions are the same."""
        check_is_fitted(self)
        from scipy.sparse import csr_matrix

        self.coef_ = csr_matrix(self.coef_)
        return self

    def densify(self) -> LogisticRegression:
        """Hold `coef_` as an array again."""
        check_is_fitted(self)
        self.coef_ = _dense(self.coef_)
        return self

    def _logits(self, X: Any) -> tuple[Array, np.dtype]:
        """(Log-odds in double precision, the precision in which predictions are returned)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=FLOATS, reset=False, accept_sparse="csr")
        coefficients = _dense(self.coef_)[0]
        kind = np.result_type(X.dtype, coefficients.dtype)
        if self.model_ is not None and not np.isfinite(coefficients).all():
            # 0 · inf would be no number: the side of its directions on which a row lies decides.
            return self.model_.predict_logit(X), kind
        coefficients = coefficients.astype(np.float64)
        if is_sparse(X):
            return CsrMatrix.of(X).logits(float(self.intercept_[0]), coefficients), kind
        # In pieces: single precision is widened before it is multiplied.
        n_rows = rows_of_piece(X.shape[1])
        pieces = [X[start : start + n_rows] @ coefficients for start in range(0, len(X), n_rows)]
        return np.concatenate(pieces) + float(self.intercept_[0]), kind

    def decision_function(self, X: Any) -> Array:
        """Log-odds of `classes_[1]` for each row of X, shape (n_rows,); float32 where X and `coef_` are."""
        logits, kind = self._logits(X)
        return logits.astype(kind, copy=False)

    def predict(self, X: Any) -> Array:
        """The more probable class of each row of X, shape (n_rows,)."""
        logits, _ = self._logits(X)
        labels: Array = self.classes_[(logits > 0).astype(np.intp)]
        return labels

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of both classes for each row of X, shape (n_rows, 2); float32 where X and `coef_` are.

        Each is computed separately, so that small ones keep full precision.
        """
        logits, kind = self._logits(X)
        return np.column_stack([expit(-logits), expit(logits)]).astype(kind, copy=False)

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities, shape (n_rows, 2).

        They are accurate in the tails: −1000 where the probability underflows, not −inf.
        """
        logits, kind = self._logits(X)
        return np.column_stack([log_expit(-logits), log_expit(logits)]).astype(kind, copy=False)


def _dense(coefficients: Any) -> Array:
    """Coefficients as an array, also after `sparsify`."""
    return coefficients.toarray() if hasattr(coefficients, "toarray") else coefficients


def _stacked(X: Any, more: Any) -> Any:
    """Rows below rows, dense or sparse."""
    if not is_sparse(X):
        return np.vstack([X, more])
    from scipy.sparse import vstack

    return vstack([X, more], format="csr")


def refuse_sparse(X: Any) -> None:
    """A sparse matrix is not made dense in silence: that can take all memory."""
    if not (hasattr(X, "toarray") and hasattr(X, "nnz")):
        return
    megabytes = 8 * X.shape[0] * X.shape[-1] / 1e6
    raise DataError(
        "`X` is a sparse matrix; dense data is required. Pass X.toarray(), which "
        f"takes {significant(megabytes)} MB, if that fits in memory. In a pipeline: "
        "OneHotEncoder(sparse_output=False), ColumnTransformer(sparse_threshold=0)."
    )


def weights_of(sample_weight: ArrayLike, X: Array) -> Array:
    """Weights of rows as float64, shape (n_rows,), ≥ 0."""
    if isinstance(sample_weight, Real):
        sample_weight = np.full(X.shape[0], float(sample_weight))
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


def check_labels(y: Array) -> None:
    """Refuse labels that are no classes; whole numbers and bools, of one dimension here, always are."""
    if y.dtype.kind not in "biu":
        check_classification_targets(y)


def two_classes(y: Any, weight: Array | None) -> Array:
    """The labels, also those without weight; of more than two, those that have some."""
    classes: Array = np.unique(y)
    if len(classes) > 2 and weight is not None:
        classes = np.unique(y[weight > 0])
    if len(classes) == 2:
        return classes
    named = listed([value_text(value) for value in classes.tolist()])
    if len(classes) > 2:
        raise DataError(
            f"Only binary classification is supported. The type of the target is {type_of_target(y)}; it has "
            f"{count(len(classes))} classes: {named}. Wrap the classifier in sklearn.multiclass.OneVsRestClassifier."
        )
    raise DataError(f"two classes must occur to fit; found only one class: {named}. Check `y`.")
