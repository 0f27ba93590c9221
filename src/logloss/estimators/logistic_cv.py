"""LogisticRegressionCV with scikit-learn's arguments and attributes: the penalty chosen by cross-validation."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegressionCV as ScikitLearns
from sklearn.metrics import get_scorer, make_scorer
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Hidden, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from logloss.data.binding import MATRIX, matrix_names
from logloss.data.matrix_columns import MatrixColumns
from logloss.data.request import RowOptions
from logloss.data.rows import Array, Column
from logloss.data.source import MemorySource, warn_of_order
from logloss.data.sparse_rows import is_sparse
from logloss.errors import DataError, reworded, warn
from logloss.estimators import logistic
from logloss.estimators.logistic import FLOATS, LogisticRegression
from logloss.estimators.single_precision import coefficients_of
from logloss.estimators.sklearn_arguments import CONSTRAINTS, as_scikit_learn_warns, check_arguments, path_penalties
from logloss.text import listed, value_text
from logloss.training.fit_options import FitOptions
from logloss.training.fitting import path_fits
from logloss.training.fold_choice import fold_choice
from logloss.training.fold_fits import PathFits
from logloss.training.matrix_input import MatrixInput, is_wide
from logloss.training.model import LogisticModel
from logloss.training.path_grid import PathGrid, Strength
from logloss.training.penalty_path import BEST, BY_SCORE, ONE_STANDARD_ERROR, SELECTIONS, PenaltyPath
from logloss.training.problem import TOLERANCE
from logloss.training.sparse_path import sparse_path_fits

LOG_LOSS = "neg_log_loss"
# What scikit-learn's release checks, with the arguments that some of its releases lack, and ours.
CONSTRAINTS_OF_PATH: dict[str, Any] = {
    **ScikitLearns._parameter_constraints,
    "penalty": CONSTRAINTS["penalty"],
    "multi_class": CONSTRAINTS["multi_class"],
    "l1_ratios": ["array-like", None, Hidden(StrOptions({"warn"}))],
    "use_legacy_attributes": ["boolean", Hidden(StrOptions({"warn"}))],
    "selection": [StrOptions(set(SELECTIONS))],
}


class LogisticRegressionCV(LogisticRegression):
    r"""Logistic regression for two classes whose `C` is chosen by cross-validation, each fit at its optimum.

    It takes every argument of scikit-learn's class. By default it chooses by the log loss of held-out rows, where
    scikit-learn up to 1.10 chooses by accuracy. All folds are fitted in the same walks over the rows, along the whole
    path of `Cs`.

    Parameters
    ----------
    Cs : int or list of floats > 0
        Inverses of regularization strength to compare; a whole number: that many values, evenly spaced in logarithms
        from 1e-4 to 1e4.
    l1_ratios : list of floats in [0, 1], optional
        Shares of the L1 penalty to compare, each at every value of `Cs`: 0 for L2, 1 for L1, others for elastic net. If
        left out, `penalty` says which it is.
    fit_intercept : bool
        Whether there is an intercept.
    cv : int, splitter of scikit-learn, or list of pairs (train, test), optional
        Folds, as scikit-learn makes them; 5 stratified ones if left out. Folds may share rows or leave some out. A fold
        whose training rows have one class only predicts their base rate, with half a row of each class added.
    dual : bool
        Changes nothing, as in `LogisticRegression`.
    penalty : {"l2", "l1", "elasticnet"}
        The penalty; "elasticnet" needs `l1_ratios`. With "l2", the default, `l1_ratios` says which it is.
    scoring : str or callable, optional
        The score by which `C` is chosen, and which `score` returns: a name or a scorer of scikit-learn; larger values
        are better. None is accuracy, as in scikit-learn. "neg_log_loss" if left out: here no probability is
        clipped, and a fold may lack a class.
    solver : {"lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"}
        Changes nothing, as in `LogisticRegression`; an L1 penalty needs "saga", or "liblinear" without L2.
    tol, max_iter, class_weight
        As in `LogisticRegression`, for each fit. Class weights are used in fits and not in scores.
    n_jobs, verbose
        Change nothing.
    refit : bool
        Whether the model is fitted to all rows at the best `C` and ratio; otherwise coefficients, `C_` and `l1_ratio_`
        are averages of those of each fold at its own best values.
    intercept_scaling, random_state
        Change nothing.
    use_legacy_attributes : bool
        Whether `C_`, `scores_`, `coefs_paths_` and `n_iter_` have the shapes of scikit-learn before 1.10.
    multi_class : {"auto", "ovr"}
        Changes nothing; it is an argument of scikit-learn 1.6 and 1.7.
    selection : {"best", "one_standard_error"}
        The best mean score, or the smallest `C`, with the same ratio, whose mean score is within one standard error of
        it: that of the held-out rows for log loss, of the scores of folds for any other score. Not used with
        refit=False.

    Attributes
    ----------
    C_ : array of shape (1,), or float
        The chosen `C`.
    Cs_ : array of shape (n_cs,)
        The values compared.
    scores_ : dict of class to array of shape (n_folds, n_cs), or array of shape (n_folds, n_l1_ratios, n_cs)
        Score of the held-out rows of each fold. With `l1_ratios` the arrays of the dict end in n_l1_ratios.
    coefs_paths_ : dict of class to array of shape (n_folds, n_cs, n_features + 1)
        Coefficients of each fold, the intercept last; with `l1_ratios` of shape (n_folds, n_cs, n_l1_ratios,
        n_features + 1), and with use_legacy_attributes=False an array of shape (n_folds, n_l1_ratios, n_cs, 1,
        n_features + 1).
    n_iter_ : array of shape (1, n_folds, n_cs), (1, n_folds, n_cs, n_l1_ratios), or (n_folds, n_l1_ratios, n_cs)
        Passes of each fit.
    path_ : PenaltyPath
        The log loss of the held-out rows at each value, with intervals; `l1` and `l2` are the chosen ones.
    coef_, intercept_, classes_, model_, certificate_, prior_corrected_intercept_, n_features_in_, feature_names_in_
        As of `LogisticRegression`, in double precision; model_ and certificate_ are None with refit=False.
    l1_ratio_, l1_ratios_
        As in scikit-learn.

    Notes
    -----
    Cost: about two passes of each fold for each value, all folds and ratios in one walk over the rows; of a sparse X,
    which is not made dense, and of 5,000 columns or more, a few passes and products of each fit, under an L1 penalty
    those of a fit to all rows, too, and memory for the coefficients of all. Groups of a splitter, and weights of a
    scorer, need scikit-learn's metadata routing.

    Examples
    --------
    >>> import logloss
    >>> X = [[-2.0], [-1.0], [-0.5], [0.0], [0.5], [1.0], [1.5], [2.0]] * 5
    >>> classifier = logloss.LogisticRegressionCV(Cs=5).fit(X, [0, 0, 1, 0, 1, 0, 1, 1] * 5)
    >>> classifier.Cs_.tolist(), classifier.scores_[1].shape
    ([0.0001, 0.01, 1.0, 100.0, 10000.0], (5, 5))
    """

    _parameter_constraints = CONSTRAINTS_OF_PATH
    # No argument of this class.
    warm_start = False
    __metadata_request__score: ClassVar[dict[str, str]] = {"sample_weight": "$UNUSED$"}

    def __init__(
        self,
        *,
        Cs: int | Sequence[float] = 10,
        l1_ratios: Sequence[float] | None = None,
        fit_intercept: bool = True,
        cv: Any = None,
        dual: bool = False,
        penalty: str = "l2",
        scoring: str | Callable[..., float] | None = LOG_LOSS,
        solver: str = "lbfgs",
        tol: float = TOLERANCE,
        max_iter: int = 100,
        class_weight: Mapping[Hashable, float] | str | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        refit: bool = True,
        intercept_scaling: float = 1,
        random_state: int | np.random.RandomState | None = None,
        use_legacy_attributes: bool = True,
        multi_class: str = "auto",
        selection: str = BEST,
    ) -> None:
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.dual = dual
        self.penalty = penalty
        self.scoring = scoring
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.refit = refit
        self.intercept_scaling = intercept_scaling
        self.random_state = random_state
        self.use_legacy_attributes = use_legacy_attributes
        self.multi_class = multi_class
        self.selection = selection

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any) -> LogisticRegressionCV:
        """Fit to rows X of shape (n_rows, n_features) and their labels y; a row of weight 0 counts as no row.

        **params: routed to the splitter and the scorer, such as `groups`. Cost: that of the class.
        """
        penalties = self._checked_penalties()
        warn_of_order({"`X`": X, "`y`": y, "`sample_weight`": sample_weight})
        X, labels = validate_data(self, X, y, dtype=FLOATS, accept_sparse="csr")
        return self._fit_checked(X, labels, penalties, sample_weight, params)

    def _fit_checked(
        self,
        X: Array,
        y: Array,
        penalties: list[list[Strength]],
        sample_weight: ArrayLike | None,
        params: Mapping[str, Any],
    ) -> LogisticRegressionCV:
        """The same of arrays that are sound; penalties: to compare, at each `C` for each ratio."""
        logistic.check_labels(y)
        weight = None if sample_weight is None else logistic.weights_of(sample_weight, X)
        self.classes_ = logistic.two_classes(y, weight)
        routed = self._routed(weight, params)
        splits = list(check_cv(self.cv, y, classifier=True).split(X, y, **routed.splitter.split))
        label = (y == self.classes_[1]).astype(np.uint8)
        ratio, own = self._with_class_weights(label, weight)
        fits = self._path_fits(X, label, own, penalties, splits)
        numbers = np.array([[fits.strengths.index(each) for each in row] for row in penalties])
        is_log_loss = self.scoring == LOG_LOSS and self.class_weight is None
        if is_log_loss and (weight is None or "sample_weight" in routed.scorer.score):
            scores = -np.array([point.fold_log_losses for point in fits.points]).T[:, numbers]
        else:
            scores = self._scores(fits, splits, X, y, routed.scorer.score)[:, numbers]
        self._choose(fits, numbers, scores, is_log_loss)
        if self.refit:
            model = self._fitted_model(X, label, own, self.path_.l2, self.path_.l1)
            if isinstance(model, LogisticModel):
                model = replace(model, path=self.path_)
            self.model_ = replace(model, positive=f"y = {value_text(self.classes_[1:].tolist()[0])}")
            self.coef_ = coefficients_of(model)[None, :]
            self.intercept_ = np.array([model.intercept])
            self.certificate_ = model.certificate
        self.prior_corrected_intercept_ = self.intercept_ - math.log(ratio)
        self._shape_attributes(fits, numbers, scores)
        return self

    def _checked_penalties(self) -> list[list[Strength]]:
        """The strengths at each value of `Cs`, for each ratio, once every argument is checked."""
        check_arguments(self)
        Cs = np.logspace(-4, 4, self.Cs) if isinstance(self.Cs, int | np.integer) else np.asarray(self.Cs, dtype=float)
        if Cs.ndim != 1 or not len(Cs) or not (Cs > 0).all():
            raise DataError(f"`Cs` must be a number of values, or values above 0; got {self.Cs!r}.")
        given = None if self.l1_ratios is None or isinstance(self.l1_ratios, str) else list(self.l1_ratios)
        self.Cs_, self.l1_ratios_ = Cs, np.asarray([None] if given is None else given)
        return path_penalties(
            self.penalty,
            Cs.tolist(),
            given,
            solver=self.solver,
            dual=bool(self.dual),
            multi_class=str(self.multi_class),
        )

    def _path_fits(
        self,
        X: Array,
        label: Array,
        weight: Array | None,
        penalties: Sequence[Sequence[Strength]],
        splits: Sequence[Any],
    ) -> PathFits:
        """Every fold fitted along the path of each ratio."""
        choice = fold_choice(splits, len(label))
        options = FitOptions(
            fit_intercept=self.fit_intercept, tolerance=self._tolerance, max_passes=max(1, self.max_iter)
        )
        runs = {own[0].l1_ratio: set(own) for own in zip(*penalties, strict=True)}
        grid = PathGrid(runs=tuple(tuple(sorted(own, key=lambda each: -each.l1 - each.l2)) for own in runs.values()))
        if is_sparse(X) or is_wide(X):
            given = MatrixInput(X, label, MatrixColumns(X.shape[1]))
            with reworded(as_scikit_learn_warns):
                return sparse_path_fits(given, RowOptions(sample_weight=weight), choice, grid, options)
        columns = {
            "y_true": Column(label),
            MATRIX: Column(X, names=matrix_names(X.shape[1])),
            "cv": Column(np.asarray(choice.column)),
        }
        if weight is not None:
            columns["sample_weight"] = Column(weight)
        requested = RowOptions(y_true="y_true", sample_weight=None if weight is None else "sample_weight", by="cv")
        with reworded(as_scikit_learn_warns):
            return path_fits(MemorySource(columns), requested, [MATRIX], choice, grid, options)

    def _scores(
        self,
        fits: PathFits,
        splits: Sequence[tuple[Array, Array]],
        X: Array,
        y: Array,
        score_params: Mapping[str, Any],
    ) -> Array:
        """The score of the held-out rows of each fold at each value, by the scorer, shape (n_folds, n_values)."""
        scorer = _with_labels(self._scorer(), self.classes_)
        scores = np.empty((len(splits), len(fits.strengths)))
        model = LogisticRegression()
        model.classes_, model.n_features_in_, model.model_ = self.classes_, X.shape[1], None
        for k, (_, test) in enumerate(splits):
            params = {
                name: value[test] if np.shape(value)[:1] == (len(y),) else value for name, value in score_params.items()
            }
            for j in range(len(fits.strengths)):
                if fits.folds[k][j].directions:
                    raise DataError(
                        f"without a penalty the classes of fold {k + 1} are separated, and no model can be scored. "
                        f"Leave inf out of `Cs`, or use scoring={LOG_LOSS!r}."
                    )
                intercept, coefficients = fits.coefficients_of(k, j)
                model.intercept_, model.coef_ = np.array([intercept]), coefficients[None, :]
                scores[k, j] = scorer(model, X[test], y[test], **params)
        return scores

    def _choose(self, fits: PathFits, numbers: Array, scores: Array, is_log_loss: bool) -> None:
        """Set `C_`, `l1_ratio_`, `path_` and, without a refit, the averages of the folds.

        numbers: of the value at each `C` and ratio among those of the path, shape (n_cs, n_l1_ratios); scores: there.
        """
        used = _scored_folds(scores.reshape(len(scores), -1))
        scores = scores[used]
        means = scores.mean(axis=0)
        ratios = np.array([fits.strengths[number].l1_ratio for number in numbers[0]])
        if not self.refit:
            rows, columns = np.unravel_index(scores.reshape(len(scores), -1).argmax(axis=1), means.shape)
            own = [fits.coefficients_of(k, j) for k, j in zip(used.tolist(), numbers[rows, columns], strict=True)]
            self.coef_ = np.mean([coefficients for _, coefficients in own], axis=0)[None, :]
            self.intercept_ = np.array([np.mean([intercept for intercept, _ in own])])
            self.model_ = self.certificate_ = None  # type: ignore[assignment]
            self.C_: Any = np.array([self.Cs_[rows].mean()])
            self.l1_ratio_: Any = np.array([ratios[columns].mean()])
            self.path_: PenaltyPath = fits.path(BEST)
            return
        row, column = np.unravel_index(int(np.argmax(means)), means.shape)
        if self.selection == ONE_STANDARD_ERROR:
            error = scores[:, row, column].std(ddof=1) / math.sqrt(len(scores)) if len(scores) > 1 else 0.0
            if is_log_loss:
                error = fits.points[numbers[row, column]].std_error
            within = np.flatnonzero(means[:, column] >= means[row, column] - error)
            row = within[np.argmin(self.Cs_[within])]
        self.path_ = fits.path(self.selection if is_log_loss else BY_SCORE, int(numbers[row, column]))
        self.C_, self.l1_ratio_ = np.array([self.Cs_[row]]), ratios[[column]]

    def _shape_attributes(self, fits: PathFits, numbers: Array, scores: Array) -> None:
        """Set `scores_`, `coefs_paths_`, `n_iter_` in the shapes of scikit-learn's class.

        Arrays begin with folds, values of `Cs` and ratios.
        """
        n_iter = np.array([[own.n_passes for own in fold] for fold in fits.folds], dtype=np.int32)[:, numbers]
        rows = [[fits.coefficients_of(k, j) for j in range(len(fits.strengths))] for k in range(len(fits.folds))]
        ends = 1 if self.fit_intercept else 0
        paths = np.array([[np.append(own, [intercept][:ends]) for intercept, own in fold] for fold in rows])[:, numbers]
        if not self.use_legacy_attributes:
            self.C_, self.l1_ratio_ = float(self.C_[0]), float(self.l1_ratio_[0])
            self.scores_: Any = scores.swapaxes(1, 2)
            self.coefs_paths_: Any = paths.swapaxes(1, 2)[:, :, :, None, :]
            self.n_iter_ = n_iter.swapaxes(1, 2)
            return
        if self.l1_ratios_[0] is None:
            scores, paths, n_iter = scores[:, :, 0], paths[:, :, 0], n_iter[:, :, 0]
        self.scores_, self.coefs_paths_ = {self.classes_[1]: scores}, {self.classes_[1]: paths}
        self.n_iter_ = n_iter[None]

    def _routed(self, weight: Array | None, params: Mapping[str, Any]) -> Bunch:
        """What goes to the splitter and to the scorer."""
        if _is_routing():
            return process_routing(self, "fit", sample_weight=weight, **params)
        if params:
            raise DataError(
                f"passing {', '.join(params)} to fit is only supported if enable_metadata_routing=True: call "
                "sklearn.set_config(enable_metadata_routing=True)."
            )
        score = {} if weight is None else {"sample_weight": weight}
        return Bunch(splitter=Bunch(split={}), scorer=Bunch(score=score))

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any) -> float:
        """The score of rows X and their labels y by `scoring`: larger is better."""
        scorer = self._scorer()
        own = dict(params) if sample_weight is None else {"sample_weight": sample_weight, **params}
        if _is_routing():
            own = process_routing(self, "score", **own).scorer.score
        found: float = scorer(self, X, y, **own)
        return found

    def _scorer(self) -> Callable[..., float]:
        """The scorer of `scoring`; of log loss one that clips no probability."""
        scorer: Callable[..., float] = get_scorer(self.scoring or "accuracy")
        return _negative_log_loss if self.scoring == LOG_LOSS else scorer

    def get_metadata_routing(self) -> MetadataRouter:
        """Where metadata goes: to this estimator, the splitter `cv` and the scorer."""
        to_splitter = MethodMapping().add(caller="fit", callee="split")
        to_scorer = MethodMapping().add(caller="score", callee="score").add(caller="fit", callee="score")
        router = MetadataRouter(owner=self).add_self_request(self)
        router = router.add(splitter=self.cv, method_mapping=to_splitter)
        return router.add(scorer=get_scorer(self.scoring or "accuracy"), method_mapping=to_scorer)


def _scored_folds(scores: Array) -> Array:
    """The numbers of the folds that have a score at each value, shape (n_used,)."""
    is_scored = ~np.isnan(scores).any(axis=1)
    lacking = [str(k + 1) for k in np.flatnonzero(~is_scored)]
    if not is_scored.any():
        raise DataError("no fold of `cv` has a score: test rows need weight and, for many scores, both classes.")
    if lacking:
        warn(
            f"no score of fold {listed(lacking)} of `cv`, left out of the choice: its test rows have no weight or, for "
            "many scores, one class only."
        )
    return np.flatnonzero(is_scored)


def _negative_log_loss(
    model: LogisticRegression, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """The log loss times −1, of probabilities that are not clipped."""
    check_consistent_length(X, y, sample_weight)
    labels: Array = column_or_1d(y, warn=True)
    weight: Array = np.ones(len(labels)) if sample_weight is None else column_or_1d(sample_weight)
    if not np.isin(labels, model.classes_).all():
        raise DataError(f"`y` must have the classes {listed([value_text(each) for each in model.classes_.tolist()])}.")
    columns = (labels == model.classes_[1]).astype(np.intp)
    chosen = model.predict_log_proba(X)[np.arange(len(labels)), columns]
    return float(np.average(chosen, weights=weight)) if weight.any() else math.nan


def _with_labels(scorer: Any, classes: Array) -> Any:
    """The scorer, told of both classes where it can be: the test rows of a fold may have one only."""
    known = inspect.signature(scorer._score_func).parameters if hasattr(scorer, "_score_func") else {}
    if "labels" not in known:
        return scorer
    own = {"labels": classes} | ({"pos_label": classes[1]} if "pos_label" in known else {})
    return make_scorer(
        scorer._score_func,
        greater_is_better=scorer._sign == 1,
        response_method=scorer._response_method,
        **own | scorer._kwargs,
    )


def _is_routing() -> bool:
    from sklearn import get_config

    return bool(get_config()["enable_metadata_routing"])
