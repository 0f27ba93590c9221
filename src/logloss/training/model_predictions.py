"""The predictions of a model: log-odds, probabilities and labels of rows; what each column contributes; measuring them.

>>> import logloss
>>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
>>> model.predict([0.0, 3.0]).tolist()
[0, 1]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from logloss.answers.answer import render
from logloss.answers.estimate import expit, log_expit, logit
from logloss.data.block import Block
from logloss.data.request import RowOptions, described, wrong_call
from logloss.data.rows import Array
from logloss.data.source import as_source, warn_of_order
from logloss.data.values import Value
from logloss.errors import DataError
from logloss.text import value_text
from logloss.training.matrix_input import is_svmlight, matrix_of_training, opened, refuse_label, rows_for_model
from logloss.training.predict import LOGIT, Predictor, ScoredSource
from logloss.training.prediction_interval import predict_interval
from logloss.training.separation import Separation

if TYPE_CHECKING:
    from logloss.measurement import Measurement


class ModelPredictions:
    """The predictions of a `LogisticModel` or an `AdditiveModel`, and their measurement."""

    __slots__ = ()

    if TYPE_CHECKING:
        kind: ClassVar[str]

        @property
        def predictor(self) -> Predictor: ...
        @property
        def classes(self) -> tuple[Value, Value]: ...
        @property
        def separation(self) -> Separation | None: ...

    def predict_logit(self, X: Any, *, offset: Any = None, missing: str | None = None) -> Array:
        """Log-odds of the positive class for each row.

        Parameters
        ----------
        X : array of shape (n_rows, n_features) or (n_rows,), or table
            A frame, an Arrow table, a dict, or the path of Parquet or CSV files: columns are found by name, in any
            order, and others are ignored. Columns of an array, which have no names, go by position, as many as in
            training; so do those of a table where the model was fitted to an array. A sparse matrix is taken as an
            array is; a WideModel takes matrices only, sparse or dense.
        offset : array of shape (n_rows,), or name of a column, optional
            Where the model was fitted with an offset that is no column of X.
        missing : {"error", "drop"}, optional
            What to do with rows in which a feature is missing that has no missing-value indicator: an error, or NaN. If
            left out, "drop", with a warning, where the model was fitted so, else "error".

        Returns
        -------
        array of shape (n_rows,)
            Log-odds, any real; ±inf where the classes are separated; NaN for rows left out by missing="drop".

        Raises
        ------
        DataError
            If a column is not there, or its values are invalid.
        SourceNotFound
            If a path does not exist.

        Notes
        -----
        Cost: one pass, O(n_rows · n_features). Levels not seen in training are treated as an average level, with a
        warning.

        Examples
        --------
        >>> import logloss
        >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).predict_logit([1.5]).round(6).tolist()
        [0.0]
        """
        return self.predictor.logits(self._rows_of(X), offset, missing)

    def _rows_of(self, X: Any) -> Any:
        """The matrix of files in svmlight format, where X is such; else X."""
        X = opened(X)
        return rows_for_model(X, *matrix_of_training(self.predictor))[0] if is_svmlight(X) else X

    def predict_proba(
        self,
        X: Any,
        *,
        both_classes: bool = False,
        offset: Any = None,
        missing: str | None = None,
    ) -> Array:
        """Probability of the positive class for each row.

        Parameters
        ----------
        X, offset, missing
            As in `predict_logit`; so are the exceptions and the cost.
        both_classes : bool
            Whether P(0) is returned, too, as scikit-learn's classifiers do.

        Returns
        -------
        array of shape (n_rows,), or (n_rows, 2) with both_classes
            Probabilities, in [0, 1], of `classes` in their order; NaN for rows left out by missing="drop".

        Examples
        --------
        >>> import logloss
        >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).predict_proba([1.5]).round(6).tolist()
        [0.5]
        """
        logits = self.predict_logit(X, offset=offset, missing=missing)
        return np.column_stack([expit(-logits), expit(logits)]) if both_classes else expit(logits)

    def predict(self, X: Any, *, threshold: float = 0.5, offset: Any = None, missing: str | None = None) -> Array:
        """The predicted class of each row: the positive one where its probability is above the threshold.

        Parameters
        ----------
        X, offset, missing
            As in `predict_logit`; so are the exceptions and the cost.
        threshold : float in (0, 1)
            Rows whose probability is above it are labelled positive. If a false positive costs c times as much as a
            false negative, c / (1 + c) minimises the expected cost.

        Returns
        -------
        array of shape (n_rows,)
            Labels as training had them, one of `classes`: 0 and 1, −1 and 1, or the two values of a column with
            `pos_label`. Rows left out by missing="drop" have None, in an array of objects.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], ["no", "yes", "no", "yes"], pos_label="yes", l2=1.0)
        >>> model.predict([0.0, 3.0]).tolist(), model.predict([0.0, 3.0], threshold=0.9).tolist()
        (['no', 'yes'], ['no', 'no'])
        """
        if not 0 < threshold < 1:
            raise DataError(f"`threshold` must be a probability between 0 and 1; got {value_text(threshold)}.")
        logits = self.predict_logit(X, offset=offset, missing=missing)
        is_text = {type(each) for each in self.classes} == {str}
        is_number = all(isinstance(each, int | float) for each in self.classes)
        classes = np.array(self.classes, dtype=None if is_text or is_number else object)
        labels: Array = classes[(logits > logit(threshold)).astype(np.intp)]
        is_left_out = np.isnan(logits)
        if is_left_out.any():
            labels = labels.astype(object)
            labels[is_left_out] = None
        return labels

    def predict_log_proba(self, X: Any, *, offset: Any = None, missing: str | None = None) -> Array:
        """Logarithms of P(0) and P(1) for each row.

        Parameters
        ----------
        X, offset, missing
            As in `predict_logit`; so are the exceptions and the cost.

        Returns
        -------
        array of shape (n_rows, 2)
            Log-probabilities, ≤ 0, accurate in the tails: −1000 where the probability underflows, not −inf.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
        >>> model.predict_log_proba([1.5]).round(4).tolist()
        [[-0.6931, -0.6931]]
        """
        logits = self.predict_logit(X, offset=offset, missing=missing)
        return np.column_stack([log_expit(-logits), log_expit(logits)])

    def predict_interval(self, X: Any, *, level: float = 0.95, offset: Any = None, missing: str | None = None) -> Array:
        """Confidence limits of the probability of each row, by the delta method on its log-odds.

        An interval for P(1 | x), due to the sampling error of the coefficients: not for the label, which is 0 or 1, and
        not for what a wrong model lacks. For one that does not assume the model, see `Calibration.interval`.

        Parameters
        ----------
        X, offset, missing
            As in `predict_logit`; so are the exceptions.
        level : float in (0, 1)
            Confidence level.

        Returns
        -------
        array of shape (n_rows, 2)
            Lower and upper limits, in [0, 1]; NaN for rows left out by missing="drop", and where a coefficient without
            a standard error has a part.

        Raises
        ------
        DataError
            Also if the model has no covariance matrix: under a penalty other than Firth's, with shapes or pooled
            levels, of wide or sparse matrices and hashed text, with separated classes, and of more than 1,000
            coefficients.

        Notes
        -----
        The log-odds xᵀβ have variance xᵀVx, V being `covariance`, of the kind of `errors.kind`: robust, or of clusters,
        where the model's is. Limits are those of the normal distribution, or of Student's t with the harmonic mean of
        the degrees of freedom of the coefficients. Under penalty="firth" probabilities are those of that model, and the
        covariance too. Cost: one pass, O(n_rows · n_coefficients²).

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0] * 20, [0, 1, 0, 1, 1] * 20)
        >>> model.predict_interval([0.0, 2.0]).round(3).tolist()
        [[0.082, 0.331], [0.527, 0.758]]
        """
        return predict_interval(self, self._rows_of(X), level, offset, missing)

    def contributions(self, X: Any) -> list[dict[str, float]]:
        """Contributions of the features to the log-odds of each row, compared with the average row.

        Parameters
        ----------
        X : array of shape (n_rows, n_features) or (n_rows,), or table
            As in `predict_logit`.

        Returns
        -------
        list of dict of name to float
            One dict for each row, whose values sum to its log-odds without an offset: of a number, coefficient · (x −
            mean in training); of a category, the coefficient of its level less the average one; of a shape, its value
            at x; "intercept", the log-odds of the average row.

        Raises
        ------
        DataError
            If the classes are separated, a column is not there or its values are invalid, or a value is missing.

        Notes
        -----
        Cost: one pass, O(n_rows · n_features); all dicts are held in memory. Levels not seen in training contribute 0,
        with a warning.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
        >>> [round(value, 4) for value in model.contributions([2.5])[0].values()]
        [0.0, 0.4529]
        """
        if self.separation is not None:
            raise DataError(
                "the classes are separated: contributions of infinite coefficients are not defined. Fit with "
                'penalty="firth" or l2=.'
            )
        return self.predictor.contributions(self._rows_of(X))

    def to_sklearn(self, *, classes: Sequence[Any] | None = None) -> Any:
        """The model as a plain scikit-learn object that gives the same probabilities; it does not need logloss.

        Parameters
        ----------
        classes : sequence of two labels, optional
            The labels that `predict` returns, the positive one last; those of the model if left out.

        Returns
        -------
        sklearn.linear_model.LogisticRegression or sklearn.pipeline.Pipeline
            A Pipeline where columns other than numbers must be coded first (a table then needs pandas).

        Notes
        -----
        Levels not seen in training are treated as an average level, with a warning; that includes pandas' NA, true and
        false as text, and missing values where training had none. A shape becomes a SplineTransformer of degree 1 with
        its knots, and a coefficient for each; a pair becomes the products of such codes of its two columns
        (PolynomialFeatures), with a coefficient for each product.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
        >>> model.to_sklearn().predict_proba([[1.5]]).round(6).tolist()
        [[0.5, 0.5]]
        """
        return render(self.kind, "sklearn")(self, self.classes if classes is None else classes)

    @described
    def measure(
        self,
        X: Any,
        y_true: Any = None,
        *,
        offset: Any = None,
        sample_weight: Any = None,
        counts: Any = None,
        pos_label: Value = None,
        by: Any = None,
        groups: Sequence[Value | Sequence[Value]] | None = None,
        cluster: Any = None,
        keep: str | Sequence[str] = (),
        negatives_kept: float = 1.0,
        missing: str | None = None,
        unlabelled: str = "error",
        header: bool = True,
        name: str = "",
        engine: object = None,
        progress: Callable[[Block], None] | None = None,
    ) -> Measurement:
        """Measure the predictions of the model on rows, as `logloss.measure` does.

        Parameters
        ----------
        X : array of shape (n_rows, n_features) or (n_rows,), or table
            As in `predict_logit`.
        y_true : array of shape (n_rows,), or name of a column
            Labels; a name if X is a table that has them. Left out of files in svmlight format, which have them.
        offset : array of shape (n_rows,), or name of a column, optional
            As in `predict_logit`.
        {sample_weight}
        {counts}
        {pos_label}
        {by}
        {groups}
        {cluster}
        {keep}
        {negatives_kept}
        missing : {"error", "drop"}, optional
            Rows with a missing value: an error, or left out and counted; so are rows in which a feature is missing. If
            left out, as in training.
        {unlabelled}
        {header}
        {name}
        {engine}
        {progress}

        Returns
        -------
        Measurement
            As of `logloss.measure`; so are the exceptions. Cost: one pass; files are read block by block.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
        >>> round(model.measure([0.5, 2.5], [0, 1]).log_loss, 4)
        0.4921
        """
        from logloss.measurement import measure
        from logloss.onepass.engines import placed

        missing = self.predictor.answer_to(missing)
        X = opened(X, header=header) if engine is None else X
        if is_svmlight(X):
            refuse_label(X, y_true)
            X, y_true = rows_for_model(X, *matrix_of_training(self.predictor), progress)
        if y_true is None:
            raise TypeError(wrong_call("ModelPredictions.measure", ("X", "y_true"), (), 1, ()))
        options: dict[str, Any] = {
            "sample_weight": sample_weight,
            "counts": counts,
            "pos_label": pos_label,
            "by": by,
            "groups": groups,
            "cluster": cluster,
            "keep": keep,
            "negatives_kept": negatives_kept,
            "missing": missing,
            "unlabelled": unlabelled,
            "header": header,
            "name": name,
            "progress": progress,
        }
        if not isinstance(y_true, str):
            warn_of_order({"`X`": X, "`y_true`": y_true, **{f"`{role}`": value for role, value in options.items()}})
            logits = self.predictor.logits(X, offset, missing)
            return measure(y_true, y_logit=logits, engine=engine, **options)
        if offset is not None and not isinstance(offset, str):
            logits = self.predictor.logits(X, offset, missing)
            return measure(X, y_true=y_true, y_logit=logits, engine=engine, **options)
        predictor = self.predictor if offset is None else replace(self.predictor, has_offset=True, offset=offset)
        with placed(X, RowOptions(engine=engine, header=header)) as table:
            scored = ScoredSource(as_source(table, header=header), predictor, missing)
            return measure(scored, y_true=y_true, y_logit=LOGIT, **options)
