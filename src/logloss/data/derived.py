"""Derived columns: the features that are computed of columns, with what training has learned of these.

A derived column is a function of a column, `log(price)`, or a product of several factors: of numbers a number, of
categories a category whose levels are the pairs that occur, of a number and a category a number for each level.

>>> from logloss.data.rows import Place
>>> log = DerivedColumn("log(price)", (LearnedFactor("price", "log"),))
>>> rows = Rows({"price": Column(np.array([1.0, np.e]))}, 0, Place())
>>> log.of(rows).values.tolist()
[0.0, 1.0]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from logloss.data.functions import LEVELS, function_of, lacking_origin, numbers_in, spline_columns
from logloss.data.grammar import OF_DATES, SPLINE
from logloss.data.keys import missing_of
from logloss.data.rows import Array, Column, Origin, Rows
from logloss.data.terms import Category, codes_in
from logloss.errors import DataError
from logloss.text import printable

# Between the levels of a pair, and what stands for a level that training did not see, and for nothing.
TIMES, STRANGE, MISSING = " × ", "a level that training did not see", "missing"


@dataclass(frozen=True, slots=True)
class LearnedFactor:
    """A column, or a function of it, with what was learned of it.

    category: its levels, where it is a category in a product. has_contrast: whether the level that is its reference has
    no coefficient in the product. knots, degree: of a spline.
    """

    column: str
    function: str = ""
    category: Category | None = None
    has_contrast: bool = False
    knots: tuple[float, ...] = ()
    degree: int = 0

    @property
    def name(self) -> str:
        """The column, or the function of it, as levels are named."""
        return f"{self.function}({self.column})" if self.function else self.column

    @property
    def is_text(self) -> bool:
        """Whether the column is read as it is written, not as numbers."""
        return self.function in OF_DATES or (self.category is not None and not self.function)

    @property
    def n_columns(self) -> int:
        """How many numbers a row it makes, where it is no category."""
        return len(self.knots) - 2 + self.degree if self.function == SPLINE else 1

    def numbers(self, rows: Rows) -> tuple[Array, tuple[Origin, ...]]:
        """(Its numbers, shape (n_rows, n_columns), what they were computed of)."""
        if self.function == SPLINE:
            values = numbers_in(self.column, rows, SPLINE)
            origin = Origin(self.column, values, f"must be finite for {self.name}")
            return spline_columns(values, self.knots, self.degree), (origin,)
        found = function_of(self.function, self.column, rows)
        return found.values[:, None], found.origins

    def levels(self, rows: Rows) -> tuple[Array, Array | None]:
        """(The number of each row's level, which rows hold nothing that is a level)."""
        category = self._known
        column = function_of(self.function, self.column, rows) if self.function else rows.columns[self.column]
        codes, _ = codes_in(category, column)
        return codes.astype(np.int64), None if category.may_lack else missing_of(column)

    @property
    def _known(self) -> Category:
        if self.category is None:
            raise TypeError(f"{self.column} is no category")
        return self.category

    def texts(self) -> list[str]:
        """Its levels, and one that training did not see, as they are named in products."""
        return [*(MISSING if level is None else str(level) for level in self._known.levels), STRANGE]


@dataclass(frozen=True, slots=True)
class DerivedColumn:
    """A column that is computed of others, by its name."""

    name: str
    factors: tuple[LearnedFactor, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that it is computed of."""
        return tuple(dict.fromkeys(factor.column for factor in self.factors))

    @property
    def texts(self) -> tuple[str, ...]:
        """Those of them that are read as they are written."""
        return tuple(factor.column for factor in self.factors if factor.is_text)

    @property
    def is_category(self) -> bool:
        """Whether its values are levels."""
        return all(factor.category is not None or factor.function in LEVELS for factor in self.factors)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each number that it makes of a row; its own where it is one number, or a category."""
        if not self.is_matrix:
            return (self.name,)
        width = self._n_numbers
        of_numbers = [f"{self.name}[{k}]" for k in range(1, width + 1)] if width > 1 else [self.name]
        category = self._category
        if category is None:
            return tuple(of_numbers)
        texts = category.texts()
        return tuple(f"{name}: {texts[level]}" for level in self._own_levels(category) for name in of_numbers)

    @property
    def is_matrix(self) -> bool:
        """Whether it makes several numbers of a row, or one for each of some levels."""
        return not self.is_category and (self._category is not None or self.is_spline)

    @property
    def width(self) -> int:
        """How many values a row has of it."""
        return len(self.names)

    @property
    def is_spline(self) -> bool:
        """Whether a factor of it is a spline."""
        return any(factor.function == SPLINE for factor in self.factors)

    @property
    def _n_numbers(self) -> int:
        return int(np.prod([factor.n_columns for factor in self.factors if factor.category is None]))

    @property
    def _category(self) -> LearnedFactor | None:
        """Its only category, of a product with numbers."""
        return next((factor for factor in self.factors if factor.category is not None), None)

    @staticmethod
    def _own_levels(factor: LearnedFactor) -> list[int]:
        """The levels of a factor that have numbers of their own."""
        category = factor._known
        return [k for k in range(len(category.levels)) if not (factor.has_contrast and k == category.reference)]

    def of(self, rows: Rows) -> Column:
        """The column of some rows. Errors name the row and the column that it is computed of."""
        if len(self.factors) == 1 and not self.is_spline:
            return function_of(self.factors[0].function, self.factors[0].column, rows)
        if self.is_category:
            return self._crossed(rows)
        numbers, origins = self._numbers(rows)
        n_strange = 0
        if self._category is not None:
            numbers, n_strange, missing = self._of_levels(numbers, self._category, rows)
            origins = (*origins, *lacking_origin(self._category.column, missing))
        if not self.is_matrix:
            return Column(numbers[:, 0], origins=origins)
        # One coefficient for what is missing is enough: the other columns are 0 there.
        is_lacking = np.isnan(numbers).any(axis=1)
        if is_lacking.any():
            numbers[is_lacking] = 0.0
            numbers[is_lacking, 0] = np.nan
        return Column(numbers, names=self.names, origins=origins, n_strange=n_strange)

    def _numbers(self, rows: Rows) -> tuple[Array, tuple[Origin, ...]]:
        """The products of its numbers, shape (n_rows, n_numbers); infinite where one of them is, NaN where one is."""
        found: Array | None = None
        origins: tuple[Origin, ...] = ()
        for factor in self.factors:
            if factor.category is not None:
                continue
            own, of_own = factor.numbers(rows)
            origins = (*origins, *of_own)
            if found is None:
                found = own
                continue
            with np.errstate(over="ignore", invalid="ignore"):
                together = (found[:, :, None] * own[:, None, :]).reshape(len(own), -1)
            is_infinite = np.isinf(found).any(axis=1) | np.isinf(own).any(axis=1)
            is_lacking = np.isnan(found).any(axis=1) | np.isnan(own).any(axis=1)
            together[is_infinite & ~is_lacking] = np.inf
            found = together
        return (np.ones((rows.n_rows, 1)) if found is None else found), origins

    def _of_levels(self, numbers: Array, factor: LearnedFactor, rows: Rows) -> tuple[Array, int, Array | None]:
        """(The numbers in the columns of each row's level, how many rows have a level that training did not see, which
        rows lack a level).

        Those are shared out to the levels as the rows of training were.
        """
        category, own = factor._known, self._own_levels(factor)
        codes, missing = factor.levels(rows)
        width = numbers.shape[1]
        places = np.full(len(category.levels) + 1, -1)
        places[own] = np.arange(len(own))
        found = np.zeros((len(numbers), len(own), width))
        place = places[codes]
        has_own = np.flatnonzero(place >= 0)
        found[has_own, place[has_own]] = numbers[has_own]
        is_strange = codes == len(category.levels)
        if missing is not None:
            is_strange &= ~missing
        if is_strange.any():
            shares = np.array(category.weights)[own] / sum(category.weights)
            found[is_strange] = numbers[is_strange][:, None, :] * shares[:, None]
        flat = found.reshape(len(numbers), -1)
        is_lacking = np.isnan(numbers).any(axis=1) if missing is None else np.isnan(numbers).any(axis=1) | missing
        flat[is_lacking] = np.nan
        is_infinite = np.isinf(numbers).any(axis=1) & ~is_lacking
        flat[is_infinite] = np.inf
        return flat, int(np.count_nonzero(is_strange)), missing

    def _crossed(self, rows: Rows) -> Column:
        """The pairs of levels. Where a level of a factor with a contrast is its reference, all pairs are one level."""
        combined = np.zeros(rows.n_rows, np.int64)
        is_reference = np.zeros(rows.n_rows, dtype=bool)
        missing = None
        origins: tuple[Origin, ...] = ()
        for factor in self.factors:
            codes, own = factor.levels(rows)
            origins = (*origins, *lacking_origin(factor.column, own))
            category = factor._known
            combined = combined * (len(category.levels) + 1) + codes
            if factor.has_contrast:
                is_reference |= codes == category.reference
            if own is not None:
                missing = own if missing is None else missing | own
        combined[is_reference] = -1
        present, codes = np.unique(combined, return_inverse=True)
        texts = tuple(self._text(code) for code in present.tolist())
        return Column(codes.astype(np.int32), missing, texts, ranks=tuple(present.tolist()), origins=origins)

    def _text(self, code: int) -> str:
        """The pair that a code stands for."""
        if code < 0:
            clauses = [f"{f.name} = {f.texts()[f._known.reference]}" for f in self.factors if f.has_contrast]
            return " or ".join(clauses)
        texts = []
        for factor in reversed(self.factors):
            code, level = divmod(code, len(factor._known.levels) + 1)
            texts.append(factor.texts()[level])
        return TIMES.join(reversed(texts))


def check_levels(name: str, factors: Sequence[LearnedFactor]) -> None:
    """Refuse levels of which two pairs would have one name."""
    parting = [factor.column for factor in factors if any(TIMES in text for text in factor.texts())]
    if len(parting) > 1:
        raise DataError(
            f'the levels of "{printable(parting[0])}" and "{printable(parting[1])}" have "{TIMES}" in them, which '
            f'stands between the levels of "{printable(name)}". Rename them.'
        )
    for factor in factors:
        texts = factor.texts()
        if len(set(texts)) < len(texts):
            twice = next(text for text in texts if texts.count(text) > 1)
            raise DataError(
                f'"{printable(factor.column)}" has two levels that are written "{printable(twice)}", of which '
                f'"{printable(name)}" makes one. Rename one of them.'
            )
