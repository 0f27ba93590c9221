"""What a trained recipe says of rows: log-odds of arrays and frames, and of a source while it is walked.

>>> import numpy as np
>>> from logloss.data.design import Design, Numbers
>>> design = Design((Numbers("x", ("x",), np.array([1.0]), np.array([2.0])),))
>>> Predictor(design, np.array([0.5, 2.0])).logits([1.0, 2.0]).tolist()
[0.5, 2.5]
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from logloss.data.binding import MATRIX, features_matrix, names_of
from logloss.data.design import Design
from logloss.data.forecasts import corrected
from logloss.data.keys import missing_of
from logloss.data.rows import Array, Column, Place, Rows
from logloss.data.source import Part, Source, as_column, as_source
from logloss.errors import DataError
from logloss.onepass.engines.frames import kind_of_frame
from logloss.separation import at_infinity
from logloss.text import count, counted, listed, printable, value_text

# The column that a model adds to a table.
LOGIT = "log-odds of the model"
# The column of predictions in a table that is written.
PROBA = "y_proba"


@dataclass(frozen=True, slots=True)
class Predictor:
    """A recipe with its coefficients on numbers less their centre, and what is needed to apply it.

    directions: along which the coefficients are infinite. has_offset: whether rows must have one; offset: its column.
    """

    design: Design
    values: Array
    directions: tuple[Array, ...] = ()
    has_offset: bool = False
    offset: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a table that it reads."""
        return tuple(dict.fromkeys((*self.design.columns, *([self.offset] if self.offset else []))))

    def logits(self, X: Any, offset: Any = None) -> Array:
        """Log-odds of each row of X, shape (n_rows,)."""
        if is_path(X) or isinstance(X, Source):
            return self._of_source(as_source(X))
        if kind_of_frame(X) == "spark":
            raise DataError(
                "predictions of a frame of Spark would all come here. Measure it, model.measure(frame, y_true), or "
                "predict the files that it is made of."
            )
        if self.has_offset and offset is None:
            own = names_of(X)
            if not self.offset or own is None or self.offset not in own:
                column = f', or have the column "{printable(self.offset)}" in X' if self.offset else ""
                raise DataError(
                    f"this model was trained with an offset; pass `offset=`, one number for each row{column}."
                )
            offset = X[self.offset]
        table = self.table(X)
        n_rows = n_rows_of(table, X)
        strange: dict[str, int] = {}
        logits = self.of_columns(table, n_rows, strange)
        for note in notes_on(strange):
            warnings.warn(note, UserWarning, stacklevel=4)
        if offset is None:
            return logits
        added = np.asarray(as_column(offset, "offset").values, dtype=np.float64)
        if len(added) != n_rows:
            raise DataError(f"`offset` has {count(len(added))} rows and `X` has {count(n_rows)}.")
        return logits + added

    def _of_source(self, source: Source) -> Array:
        """Of each row of a source, in its order."""
        scored = ScoredSource(source, self)
        found = [rows.columns[LOGIT].values for part in scored.parts((LOGIT,)) for rows in part.rows()]
        for note in notes_on(scored.strange):
            warnings.warn(note, UserWarning, stacklevel=5)
        return np.concatenate([np.zeros(0), *found])

    def of_columns(self, table: Sequence[Column], n_rows: int, strange: dict[str, int]) -> Array:
        """Log-odds of checked columns, without an offset; rows of levels that training did not see are counted."""
        coded = self.design.coded(table)
        for name, n_strange in coded.strange.items():
            strange[name] = strange.get(name, 0) + n_strange
        logits = coded.logits(self.values, 0, n_rows)
        if self.directions:
            logits = at_infinity(logits, [coded.logits(direction, 0, n_rows) for direction in self.directions])
        return logits

    def table(self, X: Any) -> Sequence[Column]:
        """The columns that the recipe reads, of an array or a frame, checked."""
        own = names_of(X)
        terms, read = self.design.terms, self.design.read
        if own is not None and self.design.columns == (MATRIX,) != read and set(read) <= set(own):
            # The columns of a matrix have names, too.
            matrix = np.column_stack([features_matrix(X[name]) for name in read])
            found = {MATRIX: Column(matrix, names=read)}
        elif own is not None and set(self.design.columns) <= set(own) and terms:
            # Columns with the names of training are found by them: in any order, among others.
            found = {name: as_column(X[name], name) for name in self.design.columns}
        else:
            found = self._by_place(X, own)
        if not terms:
            return []
        n_rows = len(next(iter(found.values())).values)
        for name, column in found.items():
            if len(column.values) != n_rows:
                raise DataError(f'"{printable(name)}" has {count(len(column.values))} rows, others {count(n_rows)}.')
        return self.checked(found, 0, Place())

    def _by_place(self, X: Any, own: Sequence[Any] | None) -> dict[str, Column]:
        """Columns without the names of training, by where they stand."""
        terms = self.design.terms
        matrix = features_matrix(X if own is None or not hasattr(X, "to_numpy") else X.to_numpy())
        width = sum(len(term.names) for term in self.design.numbers)
        if self.design.categories:
            raise DataError(f"`X` must have the columns {listed(list(self.design.columns))} by name.")
        if matrix.shape[1] != width:
            raise DataError(f"`X` must have {counted(width, 'column')}, as in training; it has {matrix.shape[1]}.")
        if terms and terms[0].column == MATRIX:
            return {MATRIX: Column(matrix, names=self.design.numbers[0].names)}
        return {term.column: Column(matrix[:, j]) for j, term in enumerate(terms)}

    def checked(
        self, found: Mapping[str, Column], first_row: int, place: Place, missing: str = "error"
    ) -> Sequence[Column]:
        """Columns by name as the recipe takes them."""
        for term in self.design.numbers:
            column = found[term.column]
            if column.as_numbers().categories is not None and not self._is_all_missing(column):
                raise DataError(f'column "{printable(term.column)}" must hold numbers, as in training; it holds text.')
        return self.design.checked(Rows(found, first_row, place), may_lack=missing == "drop")

    @staticmethod
    def _is_all_missing(column: Column) -> bool:
        return column.missing is not None and bool(column.missing.all())

    def lacking(self, found: Mapping[str, Column]) -> Array | None:
        """Rows in which something is missing for which there is no coefficient; None if no row."""
        lacking: Array | None = None
        for term in self.design.terms:
            column = found[term.column]
            if term.may_lack or column.is_matrix:
                continue
            own = missing_of(column)
            if own is not None:
                lacking = own if lacking is None else lacking | own
        return lacking

    def without_missing(self, strange: Mapping[str, int], found: Mapping[str, Column]) -> dict[str, int]:
        """Rows of strange levels by column, those in which nothing stands there taken away."""
        left = {}
        for name, n_strange in strange.items():
            missing = missing_of(found[name])
            left[name] = n_strange - (0 if missing is None else int(np.count_nonzero(missing)))
        return {name: n for name, n in left.items() if n}


def mapping_of(calibration: Any, negatives_kept: float) -> Callable[[Array], Array] | None:
    """What is done to log-odds before they are probabilities: the correction for negatives left out, then the map.

    calibration: a `Calibration` or None. None comes back where nothing is done.
    """
    if not 0 < negatives_kept <= 1:
        raise DataError(f"`negatives_kept` must be a share in (0, 1]; got {value_text(negatives_kept)}.")
    if negatives_kept == 1:
        return None if calibration is None else calibration.apply_logit
    if calibration is not None and calibration.negatives_kept != 1:
        raise DataError(
            f"the calibration corrects for negatives_kept = {calibration.negatives_kept:g} itself; leave out "
            f"`negatives_kept`, or it would be applied twice. Got {negatives_kept:g}."
        )

    def mapped(logits: Array) -> Array:
        shifted: Any = corrected(None, None, logits, negatives_kept)[2]
        return shifted if calibration is None else calibration.apply_logit(shifted)

    return mapped


def write_predictions(
    scored: ScoredSource,
    stream: Any,
    kind: str,
    *,
    keep: Sequence[str] = (),
    mapped: Callable[[Array], Array] | None = None,
    progress: Callable[[Rows], None] | None = None,
) -> int:
    """Write kept columns and the probability of each row, in the order of the rows; how many there were.

    kind: "parquet" or "csv", in which kept columns stay as they are written. mapped: what is done to log-odds before.
    Cost: one walk in one thread; memory for one run of rows.
    """
    from logloss.data.arrow import writer

    if PROBA in keep:
        raise DataError(f'the predictions are called "{PROBA}"; a column of that name cannot be kept beside them.')
    n_rows = 0
    with writer(stream, kind) as write:
        for part in scored.parts((*keep, LOGIT), keep if kind == "csv" else ()):
            for rows in part.rows():
                logits = rows.columns[LOGIT].values
                logits = logits if mapped is None else mapped(logits)
                proba = Column(proba_of(logits), np.isnan(logits))
                write({name: rows.columns[name] for name in keep} | {PROBA: proba})
                n_rows += rows.n_rows
                if progress is not None:
                    progress(rows)
    return n_rows


def proba_of(logits: Array) -> Array:
    """Probabilities from log-odds, right in both tails; NaN stays NaN."""
    with np.errstate(invalid="ignore"):
        found: Array = np.exp(-np.logaddexp(0.0, -logits))
    return found


def is_path(X: Any) -> bool:
    """Whether it names files."""
    return isinstance(X, str | os.PathLike)


def n_rows_of(table: Sequence[Column], X: Any) -> int:
    """How many rows X has, of which the recipe reads these columns."""
    return len(table[0].values) if table else len(X)


def notes_on(strange: Mapping[str, int]) -> list[str]:
    """A sentence about each category with levels that training did not see."""
    return [
        f'"{printable(name)}" has levels that training did not see, in {counted(n_strange, "row")}; they are '
        "taken for average ones."
        for name, n_strange in strange.items()
    ]


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """A part with the log-odds of a model beside its columns."""

    part: Part
    predictor: Predictor
    columns: tuple[str, ...]
    missing: str
    strange: dict[str, int] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock)

    @property
    def n_rows(self) -> int | None:
        """How many rows it has."""
        return self.part.n_rows

    def rows(self) -> Iterator[Rows]:
        """Its rows, with their log-odds; NaN where missing="drop" and something is missing."""
        predictor = self.predictor
        for rows in self.part.rows():
            found = {name: rows.columns[name] for name in predictor.design.columns}
            lacking = predictor.lacking(found) if self.missing == "drop" else None
            table = predictor.checked(found, rows.first_row, rows.place, self.missing)
            strange: dict[str, int] = {}
            logits = predictor.of_columns(table, rows.n_rows, strange)
            if predictor.offset:
                logits = logits + self._offset(rows)
            if lacking is not None:
                logits = np.where(lacking, np.nan, logits)
                strange = predictor.without_missing(strange, found)
            with self.lock:
                for name, n_strange in strange.items():
                    self.strange[name] = self.strange.get(name, 0) + n_strange
            columns = {name: rows.columns[name] for name in self.columns}
            yield Rows(columns | {LOGIT: Column(logits)}, rows.first_row, rows.place)

    def __reduce__(self) -> tuple[Any, ...]:
        # Elsewhere it counts for itself.
        return ScoredPart, (self.part, self.predictor, self.columns, self.missing)

    def _offset(self, rows: Rows) -> Array:
        column = rows.columns[self.predictor.offset].as_numbers()
        if column.categories is not None:
            raise DataError(f'column "{printable(self.predictor.offset)}" must hold numbers: it is the offset.')
        missing = missing_of(column)
        values = column.values.astype(np.float64)
        return values if missing is None else np.where(missing, np.nan, values)


class ScoredSource:
    """A source with one more column: the log-odds that a model gives each row."""

    def __init__(self, source: Source, predictor: Predictor, missing: str = "error") -> None:
        self.source, self.predictor, self.missing = source, predictor, missing
        if predictor.has_offset and not predictor.offset:
            raise DataError("this model was trained with an offset that is no column; predict from arrays, `offset=`.")
        # How many rows have levels that training did not see; filled while it is walked, by several threads.
        self.strange: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """What people call it."""
        return self.source.name

    @property
    def is_rewalkable(self) -> bool:
        """Whether it can be walked again."""
        return self.source.is_rewalkable

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its columns, and the one that is added."""
        return (*self.source.column_names, LOGIT)

    @property
    def n_rows(self) -> int | None:
        """How many rows it has, where that is known."""
        return self.source.n_rows

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about how it was read."""
        return (*self.source.notes, *notes_on(self.strange))

    def is_usable(self, column: str) -> bool:
        """As before; log-odds are numbers."""
        return column == LOGIT or self.source.is_usable(column)

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[Part]:
        """Its parts, reading these columns and those that the model reads."""
        own = tuple(name for name in columns if name != LOGIT)
        design = self.predictor.design
        if MATRIX in design.columns:
            raise DataError("this model was trained on a matrix without names of columns; predict from such a matrix.")
        read = tuple(dict.fromkeys((*own, *self.predictor.columns)))
        texts = tuple(dict.fromkeys((*texts, *(term.column for term in design.categories))))
        return [
            ScoredPart(part, self.predictor, own, self.missing, self.strange, self._lock)
            for part in self.source.parts(read, texts)
        ]
