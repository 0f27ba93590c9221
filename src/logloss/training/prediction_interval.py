"""Limits of the probability of each row: the delta method on its log-odds, with the covariance of the coefficients.

The variance of xᵀβ is xᵀVx; its interval by the normal distribution, or Student's t where the standard errors have
degrees of freedom, becomes one of probabilities. It is an interval for P(1 | x), not for the label.

>>> import logloss
>>> model = logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0] * 20, [0, 1, 0, 1, 1] * 20)
>>> model.predict_interval([2.0]).round(3).tolist()
[[0.527, 0.758]]
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from logloss.answers.estimate import expit, student_quantile
from logloss.data.coded import PIECE_ROWS, Coded
from logloss.data.columns import as_column
from logloss.data.design import Design
from logloss.data.rows import Array, Column, Rows
from logloss.data.source import warn_of_order
from logloss.errors import DataError
from logloss.text import count, value_text
from logloss.training.predict import (
    LOGIT,
    Predictor,
    ScoredPart,
    ScoredSource,
    dense_pieces,
    notes_on,
    notes_on_lacking,
)

# The column of standard errors that is added to rows with log-odds.
ERROR = "standard error of the log-odds"
WHY_NONE = {
    "additive": "a model with shapes or pooled levels keeps the errors of each term, not the covariances between them",
    "wide": "models of wide or sparse matrices, and of hashed text, have no covariance of their coefficients",
}
WAY_OUT = "Fit without a penalty, or take the interval of a calibration (`logloss.calibrate`)."


@dataclass(frozen=True)
class LogitErrors:
    """Standard errors of the log-odds of rows. matrix: the covariance as the design lays coefficients out, on numbers
    less their centre, shape (width, width); unknown: coefficients without a standard error, shape (width,); degrees: of
    freedom of Student's t."""

    design: Design
    matrix: Array
    unknown: Array
    degrees: float

    @classmethod
    def of(cls, model: Any) -> LogitErrors:
        """Of a model; DataError, with the reason, where it has no covariance."""
        if model.kind in WHY_NONE:
            raise DataError(f"no interval of a prediction: {WHY_NONE[model.kind]}. {WAY_OUT}")
        covariance, errors, design = model.covariance, model.errors, model.design
        if model.separation is not None:
            raise DataError(
                "no interval of a prediction: the classes are separated, and coefficients infinite. Fit with "
                'penalty="firth".'
            )
        if errors is None:
            raise DataError(f"no interval of a prediction: under a penalty coefficients are biased toward 0. {WAY_OUT}")
        if covariance is None:
            raise DataError(
                f"no interval of a prediction: covariances of more than 1,000 coefficients are not kept. {WAY_OUT}"
            )
        places = np.array([0, *design.places] if model.fit_intercept else [*design.places], np.intp)
        unknown = np.zeros(design.width, bool)
        unknown[places] = np.isnan(np.diag(covariance))
        full = np.zeros((design.width, design.width))
        full[np.ix_(places, places)] = np.where(np.isnan(covariance), 0.0, covariance)
        # On numbers as they are the intercept is that at 0: a row's 1 is also its centre.
        move = np.eye(design.width)
        move[1 : 1 + design.n_dense, 0] = design.centre
        each = [errors.intercept_degrees] * model.fit_intercept + list(errors.degrees.values())
        # The harmonic mean, as Wald tests of several coefficients have it.
        degrees = len(each) / math.fsum(1 / max(own, 1.0) for own in each) if errors.statistic == "t" else math.inf
        return cls(design, move.T @ full @ move, unknown, degrees)

    def of_rows(self, coded: Coded, n_rows: int) -> Array:
        """The standard error of each row's log-odds; NaN where a coefficient without one has a part."""
        found = np.empty(n_rows)
        for start in range(0, n_rows, PIECE_ROWS):
            stop = min(start + PIECE_ROWS, n_rows)
            row = self._laid_out(coded, start, stop)
            variance = np.einsum("ij,ij->i", row @ self.matrix, row)
            found[start:stop] = np.sqrt(np.maximum(variance, 0.0))
            if self.unknown.any():
                found[start:stop][(row[:, self.unknown] != 0).any(axis=1)] = np.nan
        return found

    def _laid_out(self, coded: Coded, start: int, stop: int) -> Array:
        """Some rows as coefficients are laid out; a new level is an average one, shape (n_rows, width)."""
        design = self.design
        row = np.zeros((stop - start, design.width))
        row[:, 0] = 1.0
        row[:, 1 : 1 + design.n_dense] = coded.piece(start, stop)
        for span, term, codes in zip(design.spans, design.categories, coded.codes, strict=True):
            shares = np.array(term.weights) / np.sum(term.weights)
            row[:, span] = np.vstack([np.eye(len(shares)), shares])[codes[start:stop]]
        return row


@dataclass(frozen=True, slots=True)
class _PartWithErrors:
    """A part with log-odds and their standard errors."""

    scored: ScoredPart
    errors: LogitErrors

    @property
    def n_rows(self) -> int | None:
        """How many rows it has."""
        return self.scored.n_rows

    def rows(self) -> Iterator[Rows]:
        """Its rows, with both."""
        scored, design = self.scored, self.errors.design
        for rows in scored.part.rows():
            table, logits = scored.score(rows)
            errors = self.errors.of_rows(design.coded(table), rows.n_rows)
            columns = {name: rows.columns[name] for name in scored.columns}
            columns |= {LOGIT: Column(logits), ERROR: Column(np.where(np.isnan(logits), np.nan, errors))}
            yield Rows(columns, rows.first_row, rows.place)


@dataclass(frozen=True)
class SourceWithErrors:
    """A source with the log-odds of a model, and their standard errors, beside its columns."""

    scored: ScoredSource
    errors: LogitErrors

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about how it was read."""
        return self.scored.notes

    @property
    def notes_on_rows(self) -> list[str]:
        """Sentences about levels that training did not see."""
        return notes_on(self.scored.strange)

    @property
    def lacking(self) -> dict[str, int]:
        """How many rows lack a value without a coefficient, by column."""
        return self.scored.lacking

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[_PartWithErrors]:
        """Its parts, reading these columns and those that the model reads."""
        own = [name for name in columns if name != ERROR]
        return [_PartWithErrors(part, self.errors) for part in self.scored.parts(own, texts)]


def limits_of(logits: Array, errors: Array, degrees: float, level: float) -> tuple[Array, Array]:
    """(Lower, upper) limits of probabilities."""
    half = student_quantile(degrees, level) * errors
    return expit(logits - half), expit(logits + half)


def check_level(level: float) -> None:
    """Refuse a confidence level outside (0, 1)."""
    if not 0 < level < 1:
        raise DataError(f"`level` must lie between 0 and 1, such as 0.95; got {value_text(level)}.")


def predict_interval(model: Any, X: Any, level: float, offset: Any, missing: str | None) -> Array:
    """The limits of each row of X, shape (n_rows, 2), as `ModelPredictions.predict_interval` describes them."""
    check_level(level)
    errors = LogitErrors.of(model)
    predictor: Predictor = model.predictor
    added: Any = 0.0
    if isinstance(offset, str):
        predictor = replace(predictor, has_offset=True, offset=offset)
    elif offset is not None:
        warn_of_order({"`X`": X, "`offset`": offset})
        predictor, added = replace(predictor, has_offset=False, offset=""), as_column(offset, "offset").values
    logits, own = with_errors(X, predictor, errors, missing)
    if np.ndim(added) and len(added) != len(logits):
        raise DataError(f"`offset` has {count(len(added))} rows and `X` has {count(len(logits))}.")
    return np.stack(limits_of(logits + added, own, errors.degrees, level), axis=1)


def with_errors(X: Any, predictor: Predictor, errors: LogitErrors, missing: str | None) -> Array:
    """Log-odds of the rows of X and their standard errors, shape (2, n_rows)."""
    return np.concatenate([_of_source(each, predictor, errors, missing) for each in dense_pieces(X)], axis=1)


def _of_source(X: Any, predictor: Predictor, errors: LogitErrors, missing: str | None) -> Array:
    """Log-odds and their standard errors, shape (2, n_rows)."""
    from logloss.onepass.run import rows_in_order

    source = SourceWithErrors(ScoredSource(predictor.source_of(X), predictor, predictor.answer_to(missing)), errors)
    found = [np.zeros((2, 0))]

    def take(rows: Rows) -> None:
        found.append(np.stack([rows.columns[LOGIT].values, rows.columns[ERROR].values]))

    rows_in_order(source.parts((LOGIT, ERROR)), take)
    for note in (*source.notes_on_rows, *(notes_on_lacking(source.lacking) if missing is None else ())):
        # The line that called `predict_interval` of a model.
        warnings.warn(note, UserWarning, stacklevel=6)
    return np.concatenate(found, axis=1)
