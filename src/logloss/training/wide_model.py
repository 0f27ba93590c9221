"""A model of a matrix of many columns, of up to millions of coefficients: held as one array, and found by name.

>>> import logloss, scipy.sparse
>>> rows = scipy.sparse.csr_array([[0.0, 2.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
>>> model = logloss.fit(rows, [1, 0, 1, 0], l2=1.0)
>>> list(model.coefficients), model.predict(rows).tolist()
(['x0', 'x1'], [1, 0, 1, 0])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from logloss.answers.answer import Answer
from logloss.answers.figures import put
from logloss.data.binding import features_matrix
from logloss.data.columns import as_column
from logloss.data.dense_matrix import DenseMatrix
from logloss.data.rows import Array
from logloss.data.source import warn_of_order
from logloss.data.sparse_rows import CsrMatrix, is_sparse
from logloss.data.values import Value
from logloss.errors import DataError
from logloss.text import count, counted, value_text
from logloss.training.certificate import Certificate, Pass
from logloss.training.model_predictions import ModelPredictions
from logloss.training.separation import Separation

# Coefficients of a table, and of `to_dict`.
MOST_LISTED = 200
# The penalty of each column is the same.
NO_FACTORS = np.zeros(0)
NO_FACTORS.flags.writeable = False


class NamedCoefficients(Mapping[str, float]):
    """The coefficients of the columns x0, x1, …; names are made when they are asked for."""

    def __init__(self, values: Array) -> None:
        self.values_as_array = values

    def place(self, name: object) -> int:
        """The column of a name; −1 where it is none."""
        if not isinstance(name, str):
            return -1
        if len(self) == 1:
            return 0 if name == "x" else -1
        digits = name[1:]
        is_name = name[:1] == "x" and digits.isdecimal() and digits.isascii() and str(int(digits)) == digits
        return int(digits) if is_name and int(digits) < len(self) else -1

    def __getitem__(self, name: str) -> float:
        place = self.place(name)
        if place < 0:
            raise KeyError(name)
        return float(self.values_as_array[place])

    def __contains__(self, name: object) -> bool:
        return self.place(name) >= 0

    def __iter__(self) -> Iterator[str]:
        return map(self.name, range(len(self)))

    def __len__(self) -> int:
        return len(self.values_as_array)

    def __repr__(self) -> str:
        return f"NamedCoefficients: {counted(len(self), 'column')}"

    def name(self, place: int) -> str:
        """The name of a column."""
        return "x" if len(self) == 1 else f"x{place}"


@dataclass(frozen=True, slots=True)
class WidePredictor:
    """Log-odds of the rows of a matrix, sparse or dense."""

    intercept: float
    coef: Array
    has_offset: bool = False
    offset: str = ""

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
        raise DataError(
            "a model of a matrix of many columns reads matrices, sparse or dense, and labels that are an array."
        )

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
        if is_sparse(X):
            matrix = CsrMatrix.of(X)
            check_width(matrix.n_columns, n_columns)
            return matrix.logits(self.intercept, self.coef)
        X = features_matrix(X)
        check_width(X.shape[1], n_columns)
        return DenseMatrix.of(X)[0].logits(self.intercept, self.coef)

    def contributions(self, X: Any) -> list[dict[str, float]]:
        """Not of a matrix of many columns."""
        raise DataError(
            "contributions are those of a dense table, whose columns have means: of a sparse row, each value times "
            "model.coef at its column is what it adds."
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
        The same by the names of the columns, x0, x1, … (x of a single one).
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

    Examples
    --------
    >>> import logloss, scipy.sparse
    >>> model = logloss.fit(scipy.sparse.csr_array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1], l2=1.0)
    >>> round(model.coefficients["x"], 4), model.certificate.is_proven
    (0.9583, True)
    """

    kind: ClassVar[str] = "wide"
    intercept: float
    coef: Array = field(compare=False)
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
    l1: float = 0.0
    penalty_factors: Array = field(default_factory=lambda: NO_FACTORS, compare=False)

    @property
    def n_nonzero(self) -> int:
        """How many coefficients are not 0."""
        return int(np.count_nonzero(self.coef))

    @property
    def coefficients(self) -> NamedCoefficients:
        """The coefficients by the names of the columns."""
        return NamedCoefficients(self.coef)

    @property
    def n_features(self) -> int:
        """How many columns the matrix has."""
        return len(self.coef)

    @property
    def separation(self) -> Separation | None:
        """None: no coefficient is infinite under a penalty."""
        return None

    @property
    def predictor(self) -> WidePredictor:  # type: ignore[override]
        """The coefficients, as rows are predicted by them."""
        return WidePredictor(self.intercept, self.coef, self.has_offset)

    def largest(self, most: int) -> list[tuple[str, float]]:
        """The coefficients farthest from 0, by name, the farthest first; 0 is never one."""
        most = min(most, len(self.coef))
        sizes = np.abs(self.coef)
        places = np.argpartition(sizes, len(sizes) - most)[len(sizes) - most :] if most else np.zeros(0, int)
        places = places[np.lexsort((places, -sizes[places]))]
        named = self.coefficients
        return [(named.name(int(j)), float(self.coef[j])) for j in places if self.coef[j] != 0]

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-ready values, units in the names; of the coefficients the 200 farthest from 0."""
        figures: dict[str, Any] = {"schema": 1, "positive": self.positive}
        put(figures, "intercept", self.intercept)
        figures |= {"largest_coefficients": dict(self.largest(MOST_LISTED)), "fit_intercept": self.fit_intercept}
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
        return figures | {"n_products": self.n_products, "notes": list(self.notes)}
