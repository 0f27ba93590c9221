"""A trained model: its coefficients and what is known of them, its predictions, and its file.

>>> import logloss
>>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
>>> model.contributions([1.5])[0]
{'intercept': 0.0, 'x': 0.0}
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.data.design import Design
from logloss.data.rows import Array, Column
from logloss.data.source import MATRIX, as_column, features_matrix, names_of
from logloss.errors import DataError
from logloss.information import entropy
from logloss.separation import Separation, at_infinity
from logloss.text import columns, count, counted, fixed, listed, printable, significant

if TYPE_CHECKING:
    from logloss.measurement import Measurement

# The 97.5 % point of the normal distribution: intervals of 95 %.
NORMAL = 1.959963984540054
# exp of more is no number.
LARGEST_EXPONENT = 709.0
# An odds ratio above is written by its power of ten.
LARGEST_RATIO = 1e6
# A coefficient belongs to a dependence if its share of it is larger than this.
SHARE = 1e-6


@dataclass(frozen=True, slots=True)
class Certificate:
    """How far the mean loss (penalty included) can be from the best, in nats per row.

    nats_per_row: the bound, in [0, inf). is_proven: True for a bound (docs/certificate.md); False where there is none,
    as of separated classes without a penalty: then it is what the next step was expected to gain.

    Examples
    --------
    >>> import logloss
    >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).certificate.is_proven
    True
    """

    nats_per_row: float
    is_proven: bool


@dataclass(frozen=True, slots=True)
class Pass:
    """One walk over the rows: where it looked, the mean log loss there, and the bound on what is left to gain.

    Examples
    --------
    >>> import logloss
    >>> first = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).passes[0]
    >>> first.intercept, round(first.log_loss, 4)
    (0.0, 0.6931)
    """

    intercept: float
    coefficients: tuple[float, ...]
    log_loss: float
    bound: float


@dataclass(frozen=True, slots=True)
class Errors:
    """Standard errors of the coefficients of an unpenalised fit: of each one, in the order of the model's coefficients.

    kind: "information" (the inverse of the Hessian: the model is right), or "sandwich" (it need not be; also where rows
    have weights). nan where columns depend on each other or a coefficient is infinite.

    Examples
    --------
    >>> import logloss
    >>> errors = logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1]).errors
    >>> errors.kind, round(errors.coefficients["x"], 4)
    ('information', 0.9749)
    """

    kind: str
    intercept: float
    coefficients: dict[str, float]


def errors_of(design: Design, kind: str, covariance: Array, null: Array | None) -> Errors:
    """Standard errors from the covariance of the solver's coefficients."""
    free = design.free
    size = design.scale[free]
    covariance = covariance / size / size[:, None]
    # The intercept is that of numbers less their centre.
    back = np.zeros(len(free))
    back[0] = 1.0
    back[1 : 1 + design.n_dense] = -design.centre
    own = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    intercept = math.sqrt(max(float(back @ covariance @ back), 0.0))
    if null is not None:
        is_dependent = (np.abs(null * size[:, None]) > SHARE).any(axis=1)
        own = np.where(is_dependent, np.nan, own)
        if np.abs(back @ null).max() > SHARE:
            intercept = math.nan
    position = {int(place): j for j, place in enumerate(free)}
    found = {name: float(own[position[int(p)]]) for name, p in zip(design.names, design.places, strict=True)}
    return Errors(kind, intercept, found)


@dataclass(frozen=True, slots=True, repr=False)
class LogisticModel:
    """P(positive) = σ(intercept + Σ coefficient · x), as trained by `fit`: frozen and complete.

    Attributes
    ----------
    intercept : float
        Log-odds where every feature is 0 and every category at its reference.
    coefficients : dict of name to float
        Change of the log-odds per unit of a number; of a category's level, against its reference.
    log_loss : float
        Mean log loss on the rows it was trained on, in nats, without the penalty; where classes are separated, the
        greatest number that it cannot fall below.
    certificate : Certificate
        Bound on the distance from the best.
    passes : tuple of Pass
        What each pass found, the last one the answer.
    l2 : float
        Prior precision on the summed loss (scikit-learn's 1 / C).
    n_rows, n_positive, sum_weight, base_rate : int, int or None, float, float
        Rows that took part, those that are positive (None where labels are soft or rows have weights), their weight,
        and their mean label.
    errors : Errors or None
        Standard errors; None under a penalty, which makes them wrong, and where classes are separated.
    separation : Separation or None
        Why no finite coefficients are best, where none are.
    collinear : tuple of str
        Coefficients that the columns cannot tell apart; the answer is the shortest one (in units of each spread).
    n_dependent : int
        By how many coefficients there are too many.

    Examples
    --------
    >>> import logloss
    >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
    >>> model.predict_proba([1.5]).round(6).tolist()
    [0.5]
    """

    intercept: float
    coefficients: dict[str, float]
    log_loss: float
    certificate: Certificate
    passes: tuple[Pass, ...]
    l2: float
    n_rows: int
    sum_weight: float
    base_rate: float
    positive: str
    design: Design
    values: Array
    errors: Errors | None = None
    separation: Separation | None = None
    collinear: tuple[str, ...] = ()
    n_dependent: int = 0
    has_offset: bool = False
    n_positive: int | None = None

    @property
    def log_likelihood(self) -> float:
        """Of the rows it was trained on, in nats: minus the summed loss."""
        return -self.log_loss * self.sum_weight

    @property
    def n_parameters(self) -> int:
        """How many coefficients the rows determine, the intercept included."""
        return 1 + len(self.coefficients) - self.n_dependent

    @property
    def aic(self) -> float:
        """Akaike's criterion, 2 · n_parameters − 2 · log_likelihood; smaller is better. nan under a penalty."""
        return math.nan if self.l2 else 2 * self.n_parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion, log(sum_weight) · n_parameters − 2 · log_likelihood. nan under a penalty."""
        return math.nan if self.l2 else math.log(self.sum_weight) * self.n_parameters - 2 * self.log_likelihood

    def predict_logit(self, X: Any, *, offset: Any = None) -> Array:
        """Log-odds of the positive class for each row of X, shape (n_rows,).

        X: a matrix as in training, or a table with the columns of training, in any order, among others. offset: of each
        row, where training had one. Levels that training did not see are taken for average ones, with a warning.

        Examples
        --------
        >>> import logloss
        >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).predict_logit([1.5]).round(6).tolist()
        [0.0]
        """
        if self.has_offset and offset is None:
            raise DataError("this model was trained with an offset; pass `offset=`, one number for each row.")
        table = self._columns(X)
        coded = self.design.coded(table)
        for name, n_strange in coded.strange.items():
            warnings.warn(
                f'"{printable(name)}" has levels that training did not see, in {counted(n_strange, "row")}; they are '
                "taken for average ones.",
                UserWarning,
                stacklevel=2,
            )
        n_rows = len(table[0].values) if table else len(X)
        logits = coded.logits(self.values, 0, n_rows)
        if offset is not None:
            logits = logits + np.asarray(offset, dtype=np.float64)
        if self.separation is not None:
            margins = [coded.logits(direction, 0, n_rows) for direction in self.separation.directions]
            logits = at_infinity(logits, margins)
        return logits

    def predict_proba(self, X: Any, *, offset: Any = None) -> Array:
        """Probability of the positive class for each row of X, shape (n_rows,), in [0, 1].

        Examples
        --------
        >>> import logloss
        >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).predict_proba([1.5]).round(6).tolist()
        [0.5]
        """
        return np.exp(-np.logaddexp(0.0, -self.predict_logit(X, offset=offset)))

    def predict_log_proba(self, X: Any, *, offset: Any = None) -> Array:
        """Logarithms of P(0) and P(1) for each row of X, shape (n_rows, 2), with right tails: −1000, not −inf.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
        >>> model.predict_log_proba([1.5]).round(4).tolist()
        [[-0.6931, -0.6931]]
        """
        logits = self.predict_logit(X, offset=offset)
        return -np.column_stack([np.logaddexp(0.0, logits), np.logaddexp(0.0, -logits)])

    def _columns(self, X: Any) -> Sequence[Column]:
        """The columns that the recipe reads, checked."""
        own = names_of(X)
        terms = self.design.terms
        read = self.design.read
        if own is not None and self.design.columns == (MATRIX,) != read and set(read) <= set(own):
            # The columns of a matrix have names, too.
            matrix = np.column_stack([features_matrix(X[name]) for name in read])
            found = {MATRIX: Column(matrix, names=read)}
        elif own is not None and set(self.design.columns) <= set(own) and terms:
            # Columns with the names of training are found by them: in any order, among others.
            found = {name: as_column(X[name], name) for name in self.design.columns}
        else:
            matrix = features_matrix(X if own is None or not hasattr(X, "to_numpy") else X.to_numpy())
            names = tuple(name for term in self.design.numbers for name in term.names)
            if self.design.categories:
                raise DataError(f"`X` must have the columns {listed(list(self.design.columns))} by name.")
            if matrix.shape[1] != len(names):
                raise DataError(
                    f"`X` must have {counted(len(names), 'column')}, as in training; it has {matrix.shape[1]}."
                )
            if not terms:
                return []
            if terms[0].column == MATRIX:
                found = {MATRIX: Column(matrix, names=names)}
            else:
                found = {term.column: Column(matrix[:, j]) for j, term in enumerate(terms)}
        n_rows = len(next(iter(found.values())).values)
        for name, column in found.items():
            if len(column.values) != n_rows:
                raise DataError(f'"{printable(name)}" has {count(len(column.values))} rows, others {count(n_rows)}.')
        for term in self.design.numbers:
            if found[term.column].categories is not None:
                raise DataError(f'column "{printable(term.column)}" must hold numbers, as in training; it holds text.')
        return self.design.checked(found)

    def contributions(self, X: Any) -> list[dict[str, float]]:
        """What each feature adds to the log-odds of each row of X, against the average row; they add up to the logit.

        A number adds coefficient · (x − mean of training), a category the coefficient of its level less the average;
        "intercept" is the log-odds of the average row.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
        >>> [round(value, 4) for value in model.contributions([2.5])[0].values()]
        [0.0, 0.4529]
        """
        if self.separation is not None:
            raise DataError("infinite coefficients contribute nothing that could be added up. Fit with l2=.")
        table = self._columns(X)
        n_rows = len(table[0].values) if table else len(X)
        return self.design.contributions(self.design.coded(table), self.values, n_rows)

    def measure(self, X: Any, y_true: Any, *, offset: Any = None, **options: Any) -> Measurement:
        """Measure the model on rows: what `logloss.measure` says of its predictions, whose options it takes.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
        >>> round(model.measure([0.5, 2.5], [0, 1]).log_loss, 4)
        0.4921
        """
        from logloss.measurement import measure

        logits = self.predict_logit(X, offset=offset)
        if isinstance(y_true, str):
            return measure(X, y_true=y_true, y_logit=logits, **options)
        return measure(y_true, y_logit=logits, **options)

    def to_sklearn(self, *, classes: Sequence[Any] = (0, 1)) -> Any:
        """The model as a plain scikit-learn object that gives the same probabilities; it does not need logloss.

        Numbers make a `sklearn.linear_model.LogisticRegression`, other columns a Pipeline that codes them first (a
        table then needs pandas). classes: the labels that its `predict` says, the positive one last. What its encoder
        does not know counts as an average level, with a warning, as here; it also does not know pandas' NA nor true and
        false as text, and what is missing where training missed nothing.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
        >>> model.to_sklearn().predict_proba([[1.5]]).round(6).tolist()
        [[0.5, 0.5]]
        """
        from logloss.estimators import as_sklearn

        return as_sklearn(self, classes)

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-ready values, units in the names.

        Examples
        --------
        >>> import logloss
        >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).to_dict()["n_rows"]
        4
        """
        figures: dict[str, Any] = {"schema": 1, "positive": self.positive}
        figures["intercept"] = _figure(self.intercept)
        figures["coefficients"] = {name: _figure(value) for name, value in self.coefficients.items()}
        if self.errors is not None:
            figures["errors_kind"] = self.errors.kind
            figures["intercept_error"] = _figure(self.errors.intercept)
            figures["coefficient_errors"] = {name: _figure(value) for name, value in self.errors.coefficients.items()}
        return figures | {
            "l2": self.l2,
            "n_rows": self.n_rows,
            "base_rate": self.base_rate,
            "log_loss_nats": self.log_loss,
            "log_likelihood_nats": self.log_likelihood,
            "aic": _figure(self.aic),
            "bic": _figure(self.bic),
            "certificate_nats_per_row": self.certificate.nats_per_row,
            "certificate_is_proven": self.certificate.is_proven,
            "is_separated": self.separation is not None,
            "n_passes": len(self.passes),
        }

    def __repr__(self) -> str:
        penalty = "no penalty" if self.l2 == 0 else f"l2 = {self.l2:g}"
        head = f"LogisticModel  P({self.positive}) from {counted(len(self.design.read), 'column')} · "
        share = f"mean label {fixed(self.base_rate, 4)}"
        if self.n_positive is not None:
            share = f"{count(self.n_positive)} positive"
        head += f"{counted(self.n_rows, 'row')}, {share} · {penalty}"
        return "\n".join([head, "", *self._table(), "", *self._remarks()])

    def _table(self) -> list[str]:
        """The coefficients, with their errors where there are any."""
        against = self.design.references
        rows = [self._row("intercept", self.intercept, None if self.errors is None else self.errors.intercept, False)]
        for name, value in self.coefficients.items():
            error = None if self.errors is None else self.errors.coefficients[name]
            rows.append([*self._row(name, value, error, True), f"against {against[name]}" if name in against else ""])
        rows[0].append("")
        names = ["", "coefficient", "odds ratio", ""]
        if self.errors is not None:
            names = ["", "coefficient", "std. error", "z", "odds ratio", "[95 %]", ""]
        return columns([names, *rows], "lrrl" if self.errors is None else "lrrrrll", gap="   ")

    def _row(self, name: str, value: float, error: float | None, has_odds: bool) -> list[str]:
        odds = _odds(value) if has_odds else ""
        if error is None:
            return [printable(name), significant(value), odds]
        if not error > 0:
            return [printable(name), significant(value), "not known", "", odds, ""]
        low, high = value - NORMAL * error, value + NORMAL * error
        between = f"[{_odds(low)}, {_odds(high)}]" if has_odds else ""
        return [printable(name), significant(value), significant(error), fixed(value / error, 1), odds, between]

    def _remarks(self) -> list[str]:
        """Loss, fit, and what must be known of the errors."""
        alone = entropy(self.base_rate)
        said = f"log loss   {fixed(self.log_loss, 4)} on these rows · base rate alone {fixed(alone, 4)}"
        said += f" · skill {fixed(100 * (1 - self.log_loss / alone), 1)} %" if alone > 0 and not self.has_offset else ""
        kind = "certified within" if self.certificate.is_proven else "by its Newton decrement about"
        bound = f"{kind} {self.certificate.nats_per_row:.0e} nats per row of the best"
        lines = [said, f"fit        {len(self.passes)} {'pass' if len(self.passes) == 1 else 'passes'}, {bound}"]
        if self.separation is not None:
            named = listed([printable(name) for name in self.separation.columns]) or "intercept"
            lines[-1] += f"; separated by {named}: shown is the limit"
        elif self.l2 == 0 and self.certificate.is_proven:
            lines[-1] += "; not separated"
        if self.l2:
            lines.append("errors     not shown: a penalty makes them wrong; l2=0 gives them")
        elif self.errors is not None and self.errors.kind == "sandwich":
            lines.append("errors     sandwich: right for weighted rows, and if the model is not quite right")
        if self.collinear:
            lines.append(
                f"collinear  {listed([printable(name) for name in self.collinear])}: the shortest of many answers"
            )
        return lines


def _figure(value: float) -> float | str | None:
    """A number as JSON knows it."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")


def _odds(value: float) -> str:
    """The odds ratio of a coefficient; large ones by their power of ten."""
    if value >= LARGEST_EXPONENT:
        return "inf"
    ratio = math.exp(value)
    return significant(ratio) if ratio < LARGEST_RATIO else f"{ratio:.3g}"
