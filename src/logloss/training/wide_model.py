"""A model of a matrix of many columns, of up to millions of coefficients: held as one array, and found by name.

>>> import logloss, scipy.sparse
>>> rows = scipy.sparse.csr_array([[0.0, 2.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
>>> model = logloss.fit(rows, [1, 0, 1, 0], l2=1.0)
>>> list(model.coefficients), model.predict(rows).tolist()
(['x0', 'x1'], [1, 0, 1, 0])
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from logloss.answers.answer import Answer
from logloss.answers.figures import put
from logloss.data.binding import features_matrix, names_of
from logloss.data.columns import as_column
from logloss.data.dense_matrix import DenseMatrix
from logloss.data.design import Design
from logloss.data.matrix_columns import MatrixColumns, as_sparse, is_sparse_frame
from logloss.data.rows import Array
from logloss.data.source import is_paths, warn_of_order
from logloss.data.sparse_rows import CsrMatrix, is_sparse
from logloss.data.values import Packed, PackedTexts, Value
from logloss.errors import DataError
from logloss.text import count, counted, listed, printable, value_text
from logloss.training.certificate import Certificate, Pass
from logloss.training.model_predictions import ModelPredictions
from logloss.training.penalty_path import PenaltyPath
from logloss.training.separation import Separation

# Coefficients of a table, and of `to_dict`.
MOST_LISTED = 200
# The penalty of each column is the same.
NO_FACTORS = np.zeros(0)
# What a model of a dense table has, and why this one has not.
TABLES = ("summary", "coefficient_table", "odds_ratios", "to_pandas")
TESTS = ("wald_test", "likelihood_ratio_test", "term_table", "marginal_effects", "errors", "covariance")
NO_ERRORS = "it has no standard errors, as the Hessian of all its columns is not formed"
NOT_HERE = dict.fromkeys(TESTS, NO_ERRORS) | dict.fromkeys(
    TABLES, f"{NO_ERRORS}. `print(model)` and `model.largest(n)` have the largest coefficients"
)
NO_FACTORS.flags.writeable = False


class NamedCoefficients(Mapping[str, float]):
    """The coefficients by the names of their columns, which are made when they are asked for."""

    def __init__(self, values: Array, columns: MatrixColumns | None = None) -> None:
        self.values_as_array = values
        self.columns = MatrixColumns(len(values)) if columns is None else columns

    def __getitem__(self, name: str) -> float:
        place = self.columns.place(name)
        if place < 0:
            raise KeyError(name)
        return float(self.values_as_array[place])

    def __contains__(self, name: object) -> bool:
        return self.columns.place(name) >= 0

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.values_as_array)

    def __repr__(self) -> str:
        return f"NamedCoefficients: {counted(len(self), 'column')}"


def no_numbers() -> Array:
    """An array of none."""
    return np.zeros(0)


@dataclass(frozen=True, slots=True)
class WidePredictor:
    """Log-odds of the rows of a matrix, sparse or dense."""

    intercept: float
    coef: Array
    has_offset: bool = False
    offset: str = ""
    first_index: int | None = None
    feature_names: tuple[str, ...] = ()

    @property
    def n_columns(self) -> int:
        """How many columns a matrix must have."""
        return len(self.coef)

    def answer_to(self, missing: str | None) -> str:
        """What is done with missing values: an error, the only choice."""
        if missing not in (None, "error"):
            raise DataError(
                f'a model of a matrix of many columns takes missing="error" only; got {value_text(missing)}.'
            )
        return "error"

    @property
    def columns(self) -> tuple[str, ...]:
        """A table has no columns of this model."""
        raise no_table()

    @property
    def design(self) -> Design:
        """Nor is anything computed of columns of a table."""
        raise no_table()

    def logits(self, X: Any, offset: Any = None, missing: str | None = None) -> Array:
        """Log-odds of each row of X, shape (n_rows,)."""
        self.answer_to(missing)
        if self.has_offset and offset is None:
            raise DataError("this model was trained with an offset; pass `offset=`, one number for each row.")
        if isinstance(offset, str):
            raise DataError("`offset` must be an array: a matrix has no columns of other roles.")
        logits = self._of_matrix(X)
        if offset is None:
            return logits
        warn_of_order({"`X`": X, "`offset`": offset})
        added = np.asarray(as_column(offset, "offset").values, dtype=np.float64)
        if len(added) != len(logits):
            raise DataError(f"`offset` has {count(len(added))} rows and `X` has {count(len(logits))}.")
        return logits + added

    def _of_matrix(self, X: Any) -> Array:
        """The same without an offset."""
        n_columns = len(self.coef)
        if is_paths(X):
            raise no_table()
        X = self._in_order(X)
        if is_sparse(X) or is_sparse_frame(X):
            matrix = CsrMatrix.of(as_sparse(X)[0])
            check_width(matrix.n_columns, n_columns)
            return matrix.logits(self.intercept, self.coef)
        X = features_matrix(X)
        check_width(X.shape[1], n_columns)
        return DenseMatrix.of(X)[0].logits(self.intercept, self.coef)

    def _in_order(self, X: Any) -> Any:
        """The columns of training of a frame, in their order, where it was fitted to names that a frame has."""
        own = names_of(X) if hasattr(X, "loc") else None
        if not self.feature_names or own is None:
            return X
        known = set(own)
        lacking = [printable(name) for name in self.feature_names if name not in known]
        if lacking:
            raise DataError(f"the model reads columns that `X` lacks: {listed(lacking, 20)}.")
        return X if tuple(own) == self.feature_names else X.loc[:, list(self.feature_names)]

    def contributions(self, X: Any) -> list[dict[str, float]]:
        """Not of a matrix of many columns."""
        raise DataError(
            "contributions are those of a dense table, whose columns have means: of a sparse row, each value times "
            "model.coef at its column is what it adds."
        )


def no_table() -> DataError:
    """The error of what is neither a matrix nor in svmlight format."""
    return DataError(
        "a model of a matrix of many columns reads matrices, sparse or dense, with labels that are an array, and "
        "files in svmlight format."
    )


def check_width(got: int, expected: int) -> None:
    """Refuse a matrix of another number of columns than in training."""
    if got != expected:
        raise DataError(f"`X` must have {counted(expected, 'column')}, as in training; it has {count(got)}.")


@dataclass(frozen=True, slots=True, repr=False)
class WideModel(ModelPredictions, Answer):
    """P(positive) = σ(intercept + Σ coefficient · x), as trained by `fit` on a sparse matrix, or an array of 5,000
    columns or more, with a penalty.

    Attributes
    ----------
    intercept : float
        Log-odds where every feature is 0; 0 with fit_intercept=False.
    coef : array of shape (n_features,)
        Change of the log-odds per unit of each column.
    coefficients : mapping of name to float
        The same by the names of the columns: those of a frame, or `feature_names`; the index of each in an svmlight
        file; else x0, x1, … (x of a single one).
    standard_deviations : array of shape (n_features,)
        Of the values of each column in training, zeros included, by weight; empty where it is not known.
    log_loss : float
        Mean log loss on the rows it was trained on, in nats, without the penalty.
    certificate : Certificate
        Bound on the distance of the penalised objective from its minimum.
    passes : tuple of Pass
        Log loss and bound of each pass that evaluates them, the last one the result unless a step was rejected; their
        `coefficients` are empty.
    n_products : int
        Walks over the rows beside these: each multiplies the Hessian with a direction, or rows with each other. With
        `l1` these are walks over the columns of working sets, by columns or by rows.
    l2 : float
        Strength of the L2 penalty on the summed loss, 1 / C in scikit-learn.
    l1 : float
        Strength of the L1 penalty on the summed loss, under which coefficients may be exactly 0; 0: none.
    penalty_factors : array of shape (n_features,) or (0,)
        What both are multiplied with in each column, where that was given.
    n_rows, n_positive, sum_weight, base_rate : int, int or None, float, float
        Rows that took part, those that are positive (None where labels are soft or rows have weights), their weight,
        and their mean label.
    n_values : int
        Values that the matrix held.
    classes : tuple of two values
        The labels of the negative and the positive class, as they were written; 0 and 1 of shares.
    notes : tuple of str
        Notes on how it was fitted.
    feature_names : tuple of str
        The names of the columns where they have names, else ().
    first_index : int or None
        The index of the first column in the svmlight file that it was fitted to; None of a matrix in memory.
    path : PenaltyPath or None
        The penalties that were compared, with `l2_path` or `l1_path`, and the log loss of the held-out rows at each.

    Examples
    --------
    >>> import logloss, scipy.sparse
    >>> model = logloss.fit(scipy.sparse.csr_array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1], l2=1.0)
    >>> round(model.coefficients["x"], 4), model.certificate.is_proven
    (0.9583, True)
    """

    kind: ClassVar[str] = "wide"
    intercept: float
    coef: Packed = field(compare=False)
    log_loss: float
    certificate: Certificate
    passes: tuple[Pass, ...]
    n_products: int
    l2: float
    n_rows: int
    n_values: int
    sum_weight: float
    base_rate: float
    positive: str
    fit_intercept: bool = True
    has_offset: bool = False
    n_positive: int | None = None
    classes: tuple[Value, Value] = (0, 1)
    notes: tuple[str, ...] = ()
    feature_names: PackedTexts = ()
    first_index: int | None = None
    standard_deviations: Packed = field(default_factory=no_numbers, compare=False)
    l1: float = 0.0
    penalty_factors: Array = field(default_factory=lambda: NO_FACTORS, compare=False)
    path: PenaltyPath | None = None

    def __getattr__(self, name: str) -> Any:
        """Of what other models have, why this one has not."""
        why = NOT_HERE.get(name)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'" + (f": {why}." if why else ""))

    @property
    def n_nonzero(self) -> int:
        """How many coefficients are not 0."""
        return int(np.count_nonzero(self.coef))

    @property
    def coefficients(self) -> NamedCoefficients:
        """The coefficients by the names of the columns."""
        return NamedCoefficients(self.coef, self.columns)

    @property
    def columns(self) -> MatrixColumns:
        """What the columns are called."""
        return MatrixColumns(len(self.coef), self.first_index, self.feature_names)

    @property
    def n_features(self) -> int:
        """How many columns the matrix has."""
        return len(self.coef)

    @property
    def n_megabytes(self) -> float:
        """Memory of the matrix: of a value 8 bytes, and 4 of its column, up to two thousand million of them."""
        return 12e-6 * self.n_values

    @property
    def separation(self) -> Separation | None:
        """None: no coefficient is infinite under a penalty."""
        return None

    @property
    def predictor(self) -> WidePredictor:  # type: ignore[override]
        """The coefficients, as rows are predicted by them."""
        return WidePredictor(
            self.intercept,
            self.coef,
            self.has_offset,
            first_index=self.first_index,
            feature_names=self.feature_names,
        )

    @property
    def effects(self) -> Array:
        """|coefficient| · standard deviation of each column; |coefficient| where a file of before has no deviations."""
        sizes = np.abs(self.coef)
        return sizes * self.standard_deviations if len(self.standard_deviations) else sizes

    def largest(self, most: int) -> list[tuple[str, float, float]]:
        """(Name, coefficient, its product with the standard deviation of the column) of the largest products by size.

        A coefficient of 0 is never one. The product is NaN where a file of before has no deviations.
        """
        most, effects = min(most, len(self.coef)), self.effects
        places = np.argpartition(effects, len(effects) - most)[len(effects) - most :] if most else np.zeros(0, int)
        places = places[np.lexsort((places, -effects[places]))]
        has_own, columns = len(self.standard_deviations) > 0, self.columns
        return [
            (
                columns.name(int(j)),
                float(self.coef[j]),
                float(self.coef[j] * self.standard_deviations[j]) if has_own else math.nan,
            )
            for j in places
            if self.coef[j] != 0
        ]

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-ready values, units in the names; of the coefficients the 200 largest per
        standard deviation of their column."""
        figures: dict[str, Any] = {"schema": 1, "positive": self.positive}
        put(figures, "intercept", self.intercept)
        largest = {name: value for name, value, _ in self.largest(MOST_LISTED)}
        figures |= {"largest_coefficients": largest, "fit_intercept": self.fit_intercept}
        figures |= {"n_features": self.n_features, "n_used": self.n_nonzero, "l2": self.l2, "l1": self.l1}
        if len(self.penalty_factors):
            figures["n_penalty_factors"] = int(np.count_nonzero(self.penalty_factors != 1))
            figures["n_not_penalised"] = int(np.count_nonzero(self.penalty_factors == 0))
        figures |= {"n_rows": self.n_rows, "n_values": self.n_values, "sum_weight": self.sum_weight}
        if self.n_positive is not None:
            figures["n_positive"] = self.n_positive
        figures["base_rate"] = self.base_rate
        put(figures, "log_loss_nats", self.log_loss)
        put(figures, "certificate_nats_per_row", self.certificate.nats_per_row)
        figures |= {"certificate_is_proven": self.certificate.is_proven, "n_passes": len(self.passes)}
        figures |= {"n_products": self.n_products}
        if self.path is not None:
            figures["path"] = self.path.figures
        return figures | {"notes": list(self.notes)}
