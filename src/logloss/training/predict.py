"""Predictions of a trained recipe: log-odds of arrays and frames, and of the rows of a source as they are read."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from logloss.data.binding import MATRIX, features_matrix, has_names, matrix_names
from logloss.data.checks.feature_values import NO_COEFFICIENT
from logloss.data.checks.reading import in_numbers
from logloss.data.columns import as_column, is_declared
from logloss.data.derived_source import with_derived
from logloss.data.design import Design
from logloss.data.keys import missing_of
from logloss.data.rows import INDEX, Array, Column, Place, Rows, is_unnamed_index
from logloss.data.source import ColumnSource, MemorySource, Part, Source, SourceAround, as_source, warn_of_order
from logloss.data.sparse_rows import is_sparse
from logloss.data.terms import Category
from logloss.errors import DataError
from logloss.onepass.engines.frame_sources import kind_of_frame
from logloss.text import count, counted, listed, printable, value_text
from logloss.training.separation import at_infinity

if TYPE_CHECKING:
    pass

# The column that a model adds to a table.
LOGIT = "log-odds of the model"
# Numbers of the rows of a sparse matrix that are made dense at a time.
MOST_DENSE = 1 << 22
NAMELESS = "this model was trained on a matrix without names of columns; predict from such a matrix."


@dataclass(frozen=True, slots=True)
class Predictor:
    """A recipe with its coefficients on numbers less their centre, and what is needed to apply it.

    directions: along which the coefficients are infinite. has_offset: whether rows must have one; offset: its column.
    missing: what training did with rows in which a feature is missing.
    """

    design: Design
    values: Array
    directions: tuple[Array, ...] = ()
    has_offset: bool = False
    offset: str = ""
    missing: str = "error"

    # What to do where a value is missing.
    if_missing: ClassVar[str] = NO_COEFFICIENT

    def answer_to(self, missing: str | None) -> str:
        """What is done with rows in which a feature is missing: as asked, else as in training; "error" or "drop"."""
        if missing is None:
            return "drop" if self.missing == "drop" else "error"
        if missing not in ("error", "drop"):
            raise DataError(f'`missing` must be "error" or "drop" at prediction; got {value_text(missing)}.')
        return missing

    @property
    def is_of_matrix(self) -> bool:
        """Whether training read one matrix, whose columns have names of their own."""
        return self.design.columns == (MATRIX,) != self.design.read

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a table that it reads."""
        return tuple(dict.fromkeys((*self.design.inputs, *self.texts, *([self.offset] if self.offset else []))))

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns beside those of the design, which are read as they are written."""
        return ()

    def logits(self, X: Any, offset: Any = None, missing: str | None = None) -> Array:
        """Log-odds of each row of X, shape (n_rows,); with missing="drop", NaN where a feature is missing.

        missing: where it is left out, a warning gives their number.
        """
        if isinstance(offset, str):
            return replace(self, has_offset=True, offset=offset).logits(X, None, missing)
        if offset is None:
            return self._without_offset(X, missing)
        warn_of_order({"`X`": X, "`offset`": offset})
        logits = replace(self, has_offset=False, offset="")._without_offset(X, missing)
        added = np.asarray(as_column(offset, "offset").values, dtype=np.float64)
        if len(added) != len(logits):
            raise DataError(f"`offset` has {count(len(added))} rows and `X` has {count(len(logits))}.")
        return logits + added

    def _without_offset(self, X: Any, missing: str | None) -> Array:
        """The same; the rows of a sparse matrix are made dense, some at a time."""
        return np.concatenate([self._of_source(self.source_of(each), missing) for each in dense_pieces(X)])

    def _of_source(self, source: Source, missing: str | None) -> Array:
        """Of each row of a source, in its order."""
        from logloss.onepass.run import rows_in_order

        scored = ScoredSource(source, self, self.answer_to(missing))
        logits = [np.zeros(0)]
        rows_in_order(scored.parts((LOGIT,)), lambda rows: logits.append(rows.columns[LOGIT].values))
        for note in (*notes_on(scored.strange), *(notes_on_lacking(scored.lacking) if missing is None else ())):
            warnings.warn(note, UserWarning, stacklevel=5)
        return np.concatenate(logits)

    def scored(self, table: Any, logit: str, missing: str, *, header: bool = True) -> ScoredSource:
        """A table with the log-odds of each row beside its columns."""
        return ScoredSource(as_source(table, header=header), self, missing, logit)

    def source_of(self, X: Any) -> Source:
        """The columns of X as a source: by their names where it is a table, by their places where it is an array."""
        kind = kind_of_frame(X)
        if kind == "spark":
            raise DataError(
                "predictions of a frame of Spark would all come here. Measure it, model.measure(frame, y_true), or "
                "predict the files that it is made of."
            )
        if kind == "dask":
            X = X[[name for name in X.columns if str(name) in self.columns]].compute()
        own = getattr(X, "name", None)
        if isinstance(own, str) and self.design.inputs == (own,) and not has_names(X):
            return MemorySource({own: as_column(X, own)})
        if not has_names(X):
            return MemorySource(self._by_place(X))
        source = as_source(X)
        if not self.is_nameless or set(self.design.read) <= set(source.column_names):
            return source
        # The model has no names: the columns are in the order of the array that it was fitted on.
        names = [name for name in source.column_names if source.why_unused(name) != INDEX]
        if not isinstance(source, ColumnSource):
            raise DataError(NAMELESS)
        if len(names) != len(self.design.read):
            raise DataError(
                f"this model was fitted on an array of {counted(len(self.design.read), 'column')} without names; the "
                f"table has {counted(len(names), 'column')}: {listed([printable(n) for n in names], 20)}. "
                "Pass those columns only, in the order of training."
            )
        return MemorySource(dict(zip(self.design.read, map(source.column, names), strict=True)))

    @property
    def is_nameless(self) -> bool:
        """Whether training read a matrix whose columns had no names."""
        is_unnamed = MATRIX in self.design.columns and self.design.read == matrix_names(len(self.design.read))
        return self.design.is_nameless or is_unnamed

    def _by_place(self, X: Any) -> dict[str, Column]:
        """Columns of an array, by where they stand."""
        terms, read = self.design.terms, self.design.read
        own = getattr(X, "name", None)
        if isinstance(own, str) and not self.is_nameless and read != (own,):
            raise DataError(f'the model reads {_quoted(read)}; `X` is one column, called "{printable(own)}".')
        if (self.design.categories or self.design.derived) and not self.design.is_nameless:
            raise DataError(
                f"the model reads {_quoted(self.design.inputs)} by name, and `X` has no names of columns. Pass a "
                "frame, or a dict with a list of values for each column."
            )
        matrix = features_matrix(as_column(X, "X").as_values().values if is_declared(X) else X)
        if matrix.shape[1] != len(read):
            raise DataError(f"`X` must have {counted(len(read), 'column')}, as in training; it has {matrix.shape[1]}.")
        if terms and terms[0].column == MATRIX:
            return {MATRIX: Column(matrix, names=self.design.numbers[0].names)}
        return {term.column: Column(matrix[:, j]) for j, term in enumerate(terms)}

    def found(self, columns: Mapping[str, Column]) -> dict[str, Column]:
        """The columns of training among those of a run of rows; a matrix is put together of its own."""
        if not self.is_of_matrix or (MATRIX in columns and columns[MATRIX].is_matrix):
            return {name: columns[name] for name in self.design.columns}
        numbers = []
        for name in self.design.read:
            column = columns[name].as_values()
            self._check_number(name, column)
            missing = missing_of(column)
            values = column.values.astype(np.float64)
            numbers.append(values if missing is None else np.where(missing, np.nan, values))
        return {MATRIX: Column(np.column_stack(numbers), names=self.design.read)}

    def contributions(self, X: Any) -> list[dict[str, float]]:
        """What each column adds to the logit of each row of X, against the average one."""
        from logloss.onepass.run import rows_in_order

        added: list[dict[str, float]] = []
        strange: dict[str, int] = {}

        def add(rows: Rows) -> None:
            table = self.checked(self.found(rows.columns), rows.first_row, rows.place)
            coded = self.design.coded(table)
            for name, n_strange in coded.strange.items():
                strange[name] = strange.get(name, 0) + n_strange
            added.extend(self.design.contributions(coded, self.values, rows.n_rows))

        rows_in_order(ScoredSource(self.source_of(X), replace(self, has_offset=False, offset="")).read(()), add)
        for note in notes_on(strange):
            warnings.warn(note, UserWarning, stacklevel=4)
        return added

    def of_columns(self, table: Sequence[Column], n_rows: int, strange: dict[str, int]) -> Array:
        """Log-odds of checked columns, without an offset; rows of levels that training did not see are counted."""
        coded = self.design.coded(table)
        for name, n_strange in coded.strange.items():
            strange[name] = strange.get(name, 0) + n_strange
        logits = coded.logits(self.values, 0, n_rows)
        if self.directions:
            logits = at_infinity(logits, [coded.margins(direction, 0, n_rows) for direction in self.directions])
        return logits

    def checked(
        self, found: Mapping[str, Column], first_row: int, place: Place, missing: str = "error"
    ) -> Sequence[Column]:
        """Columns by name as the recipe takes them."""
        found = dict(found)
        for name in [term.column for term in self.design.terms if not isinstance(term, Category)]:
            found[name] = found[name].as_values().as_numbers()
            self._check_number(name, found[name])
        return self.design.checked(Rows(found, first_row, place), may_lack=missing == "drop", hint=self.if_missing)

    @staticmethod
    def _check_number(name: str, column: Column) -> None:
        """Refuse text where training found numbers."""
        is_empty = column.missing is not None and bool(column.missing.all())
        if column.categories is not None and not is_empty:
            holds = "dates" if column.is_date else "text"
            raise DataError(f'column "{printable(name)}" must hold numbers, as in training; it holds {holds}.')

    def lacking(self, found: Mapping[str, Column]) -> dict[str, Array]:
        """Rows in which a value is missing for which there is no coefficient, by its column."""
        lacking: dict[str, Array] = {}
        for term in self.design.terms:
            column = found[term.column]
            if column.is_matrix:
                # Only numbers are read from a matrix.
                lacks = getattr(term, "lacks", ()) or (False,) * len(column.names)
                own_columns = {
                    name: np.isnan(column.values[:, j]) for j, name in enumerate(column.names) if not lacks[j]
                }
            else:
                own = None if term.may_lack else missing_of(column)
                own_columns = {} if own is None else {term.column: own}
            lacking |= {name: own for name, own in own_columns.items() if own.any()}
        return lacking

    def without_missing(self, strange: Mapping[str, int], found: Mapping[str, Column]) -> dict[str, int]:
        """Rows of strange levels by column, those in which nothing stands there taken away."""
        left = {}
        for name, n_strange in strange.items():
            missing = missing_of(found[name])
            left[name] = n_strange - (0 if missing is None else int(np.count_nonzero(missing)))
        return {name: n for name, n in left.items() if n}


def dense_pieces(X: Any) -> Iterator[Any]:
    """X itself, or the rows of a sparse matrix as dense arrays, some at a time."""
    if not is_sparse(X):
        yield X
        return
    X = X.tocsr()
    n_rows = max(MOST_DENSE // max(X.shape[1], 1), 1)
    for start in range(0, max(X.shape[0], 1), n_rows):
        yield X[start : start + n_rows].toarray()


def _quoted(names: Sequence[str]) -> str:
    """Columns as messages name them: `the columns "a" and "b"`."""
    shown = listed([f'"{printable(name)}"' for name in names], 20)
    return f"the column {shown}" if len(names) == 1 else f"the columns {shown}"


def notes_on(strange: Mapping[str, int]) -> list[str]:
    """A sentence about each category with levels that training did not see."""
    return [
        f'"{printable(name)}" has levels that training did not see, in {counted(n_strange, "row")}; they are '
        "treated as average ones."
        for name, n_strange in strange.items()
    ]


def notes_on_lacking(lacking: Mapping[str, int]) -> list[str]:
    """A sentence about each column in which a value is missing for which there is no coefficient."""
    return [
        f'no prediction (NaN) for {counted(n_lacking, "row")} in which "{printable(name)}" is missing.'
        for name, n_lacking in lacking.items()
    ]


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """A part with the log-odds of a model beside its columns."""

    part: Part
    predictor: Predictor
    columns: tuple[str, ...]
    missing: str
    logit: str = LOGIT
    written: frozenset[str] = frozenset()
    strange: dict[str, int] = field(default_factory=dict)
    lacking: dict[str, int] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock)

    @property
    def n_rows(self) -> int | None:
        """How many rows it has."""
        return self.part.n_rows

    def rows(self) -> Iterator[Rows]:
        """Its rows, with their log-odds; NaN where missing="drop" and something is missing."""
        for rows in self.part.rows():
            _, logits = self.score(rows)
            columns = {name: rows.columns[name] for name in self.columns}
            yield Rows(columns | {self.logit: Column(logits)}, rows.first_row, rows.place)

    def score(self, rows: Rows) -> tuple[Sequence[Column], Array]:
        """(The columns of the model as its recipe takes them, the log-odds of each row)."""
        predictor = self.predictor
        found = predictor.found(self._read(rows.columns))
        lacking = predictor.lacking(found) if self.missing == "drop" else {}
        table = predictor.checked(found, rows.first_row, rows.place, self.missing)
        strange: dict[str, int] = {}
        logits = predictor.of_columns(table, rows.n_rows, strange)
        if predictor.offset:
            logits = logits + self._offset(rows)
        if lacking:
            logits = np.where(np.logical_or.reduce(list(lacking.values())), np.nan, logits)
            strange = predictor.without_missing(strange, found)
        n_lacking = {name: int(np.count_nonzero(own)) for name, own in lacking.items()}
        with self.lock:
            for total, own in ((self.strange, strange), (self.lacking, n_lacking)):
                for name, n_rows in own.items():
                    total[name] = total.get(name, 0) + n_rows
        return table, logits

    def __reduce__(self) -> tuple[Any, ...]:
        # Elsewhere it counts for itself.
        return ScoredPart, (self.part, self.predictor, self.columns, self.missing, self.logit, self.written)

    def _read(self, columns: Mapping[str, Column]) -> Mapping[str, Column]:
        """The columns as the model reads them: numbers that are text only because they are kept as they are written."""
        return {name: in_numbers(column) if name in self.written else column for name, column in columns.items()}

    def _offset(self, rows: Rows) -> Array:
        column = rows.columns[self.predictor.offset].as_numbers()
        if column.categories is not None:
            raise DataError(f'column "{printable(self.predictor.offset)}" must hold numbers: it is the offset.')
        missing = missing_of(column)
        values = column.values.astype(np.float64)
        return values if missing is None else np.where(missing, np.nan, values)


class ScoredSource(SourceAround):
    """A source with one more column, called `logit`: the log-odds that a model gives each row."""

    def __init__(self, source: Source, predictor: Predictor, missing: str = "error", logit: str = LOGIT) -> None:
        super().__init__(with_derived(source, predictor.design.derived))
        self.predictor, self.missing, self.logit, self.added = predictor, missing, logit, (logit,)
        if predictor.has_offset and not predictor.offset:
            raise DataError(
                "this model was trained with an offset that is no column of a table; pass `offset=`, one number for "
                "each row, or the name of a column."
            )
        # How many rows have levels that training did not see, and lack a value without a coefficient, by column; filled
        # by several threads while it is read.
        self.strange: dict[str, int] = {}
        self.lacking: dict[str, int] = {}
        self.written: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its columns, and the one that is added."""
        return (*self.source.column_names, self.logit)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about how it was read."""
        return (*self.source.notes, *notes_on(self.strange))

    def why_unused(self, column: str) -> str:
        """As before; log-odds are numbers."""
        return "" if column == self.logit else self.source.why_unused(column)

    def kind_of(self, column: str) -> str:
        """As before; log-odds are numbers."""
        return "number" if column == self.logit else self.source.kind_of(column)

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[ScoredPart]:
        """Its parts, reading these columns and those that the model reads."""
        own = tuple(name for name in columns if name != self.logit)
        parts = self.read(own, texts)
        return [
            ScoredPart(
                part,
                self.predictor,
                own,
                self.missing,
                self.logit,
                self.written,
                self.strange,
                self.lacking,
                self._lock,
            )
            for part in parts
        ]

    def read(self, columns: Sequence[str], texts: Sequence[str] = ()) -> Sequence[Part]:
        """The parts of what is below, with these columns and those that the model reads."""
        predictor, known = self.predictor, self.source.column_names
        needed = predictor.columns
        derived = {each.name for each in predictor.design.derived}
        own = self.source.columns.get(MATRIX) if isinstance(self.source, MemorySource) else None
        if predictor.is_of_matrix and own is not None and own.is_matrix:
            needed = (MATRIX, *(name for name in predictor.columns if name not in predictor.design.read))
        lacking = [name for name in needed if name not in known]
        if lacking and predictor.is_nameless:
            raise DataError(NAMELESS)
        if lacking == [predictor.offset] and predictor.has_offset:
            raise DataError(
                "this model was trained with an offset; pass `offset=`, one number for each row, or have the column "
                f'"{printable(predictor.offset)}" in X.'
            )
        if lacking:
            has = listed([printable(n) for n in known if not (n in derived or is_unnamed_index(n))], 20)
            raise DataError(f"the model reads {_quoted(lacking)}, which the table lacks. The table has: {has}.")
        own_texts = (*(term.column for term in predictor.design.categories), *predictor.texts)
        texts = tuple(dict.fromkeys((*texts, *own_texts)))
        if derived:
            offset = [predictor.offset] if predictor.offset else []
            needed = (*predictor.design.columns, *predictor.texts, *offset)
        wanted = tuple(dict.fromkeys((*columns, *needed)))
        if not wanted:
            # A model of no columns counts the rows of any.
            wanted = tuple(sorted(known, key=lambda name: bool(self.source.why_unused(name)))[:1])
        # Of text files a column that is kept as it is written, or makes groups, is text, also where the model reads it.
        numbers = {name for term in predictor.design.numbers for name in term.names}
        self.written = frozenset(name for name in texts if name in numbers and self.source.kind_of(name) != "text")
        return self.source.parts(wanted, texts)
