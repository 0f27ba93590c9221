"""How columns become coefficients: the recipe that training learns and predicting follows.

A number is one coefficient; a category is one for each of its levels but the reference; a row's codes are looked up and
never spread out into columns of zeros and ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.checks.feature_values import checked_features, refuse_missing_in_matrix
from logloss.data.pairs import Pair, PairTable, Side
from logloss.data.rows import Array, Column, Roles, Rows
from logloss.data.shapes import Shape
from logloss.data.terms import OUTLYING, Category, Numbers, Term, codes_in
from logloss.errors import DataError
from logloss.text import printable

if TYPE_CHECKING:
    from logloss.onepass.kernels.dense_rows import NumberTable

# Rows of one piece of a pass: with 100 features it is 1.6 MB, which stays in the cache between its products.
PIECE_ROWS = 2048
# Values between two columns of a piece: at a power of two all columns would fall into the same lines of the cache.
PADDING = 8
# A row this near to a plane lies in it, where features are at most 1 and so are the coefficients of the plane.
TOUCHING = 1e-9


@dataclass(frozen=True)
class Design:
    """The recipe: terms in the order of the table's columns.

    Coefficients lie in one vector: the intercept, all numbers, then all levels of each category, then those of each
    shape, then those of each pair; those of references stay 0 and `free` leaves them out. `fit_intercept`: whether
    there is an intercept; without one its place in the vector stays 0, and the centre of all numbers is 0.
    `is_nameless`: whether each column was one of an array, which had no names. `sides`: columns as the pairs see them.
    """

    terms: tuple[Term, ...]
    fit_intercept: bool = True
    is_nameless: bool = False
    sides: tuple[Side, ...] = ()
    pairs: tuple[Pair, ...] = ()

    @cached_property
    def numbers(self) -> tuple[Numbers, ...]:
        return tuple(term for term in self.terms if isinstance(term, Numbers))

    @cached_property
    def categories(self) -> tuple[Category, ...]:
        return tuple(term for term in self.terms if isinstance(term, Category))

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple(term for term in self.terms if isinstance(term, Shape))

    @cached_property
    def n_dense(self) -> int:
        return sum(len(term.coefficient_names) for term in self.numbers)

    @cached_property
    def spans(self) -> tuple[slice, ...]:
        """Where the coefficients of each category lie."""
        spans, start = [], 1 + self.n_dense
        for term in self.categories:
            spans.append(slice(start, start + len(term.levels)))
            start += len(term.levels)
        return tuple(spans)

    @cached_property
    def shape_spans(self) -> tuple[slice, ...]:
        """Where the coefficients of each shape lie."""
        stops = np.cumsum([1 + self.n_dense + self.n_levels, *(sum(term.parts) for term in self.shapes)])
        return tuple(map(slice, stops[:-1].tolist(), stops[1:].tolist()))

    @cached_property
    def tables(self) -> tuple[PairTable, ...]:
        """Each pair with its sides."""
        return tuple(PairTable(pair, *(self.sides[k] for k in pair.sides)) for pair in self.pairs)

    @cached_property
    def width_of_terms(self) -> int:
        """The coefficients before those of the pairs."""
        return 1 + self.n_dense + self.n_levels + sum(sum(term.parts) for term in self.shapes)

    @cached_property
    def pair_spans(self) -> tuple[slice, ...]:
        """Where the coefficients of each pair lie."""
        stops = np.cumsum([self.width_of_terms, *(len(pair.products) for pair in self.pairs)])
        return tuple(map(slice, stops[:-1].tolist(), stops[1:].tolist()))

    @cached_property
    def n_levels(self) -> int:
        """Of all categories."""
        return sum(len(term.levels) for term in self.categories)

    @cached_property
    def width(self) -> int:
        return self.width_of_terms + sum(len(pair.products) for pair in self.pairs)

    @cached_property
    def free(self) -> Array:
        """Where coefficients are that training may choose: not the references, nor an intercept that is not fitted."""
        fixed = [] if self.fit_intercept else [0]
        fixed += [
            span.start + term.reference
            for span, term in zip(self.spans, self.categories, strict=True)
            if not term.is_pooled
        ]
        return np.delete(np.arange(self.width), fixed)

    @cached_property
    def centre(self) -> Array:
        """What is subtracted from each number, shape (n_dense,)."""
        return self._of_numbers([term.centre for term in self.numbers], 0.0)

    @cached_property
    def scale(self) -> Array:
        """What each coefficient of the vector is divided by, shape (width,): 1 but for numbers and shapes."""
        dense = self._of_numbers([term.scale for term in self.numbers], 1.0)
        others = *(term.scale for term in self.shapes), *(each.scale for each in self.tables)
        return np.concatenate([[1.0], dense, np.ones(self.n_levels), *others])

    @cached_property
    def largest(self) -> Array:
        """The largest size of what each coefficient is multiplied with, shape (width,): 1 but for outliers."""
        dense = self._of_numbers([term.largest for term in self.numbers], 1.0)
        return np.concatenate([[1.0], dense, np.ones(self.width - 1 - self.n_dense)])

    @cached_property
    def gaps(self) -> Array:
        """The place, among the numbers, of what is 1 where a number holds nothing, shape (n_dense,); −1 without one."""
        gaps, start = np.full(self.n_dense, -1), 0
        for term in self.numbers:
            stop = start + len(term.names)
            gaps[start + np.flatnonzero(term.lacks)] = stop + np.arange(term.n_lacking)
            start = stop + term.n_lacking
        return gaps

    @cached_property
    def has_outliers(self) -> bool:
        """Whether a number can be much larger than its scale."""
        return bool((self.largest > OUTLYING / 2).any())

    @cached_property
    def sds(self) -> dict[str, float]:
        """The standard deviation of each number in training, by its name."""
        known = [(term.names, term.sds) for term in self.numbers if term.sds is not None]
        return {name: sd for names, sds in known for name, sd in zip(names, sds.tolist(), strict=True)}

    @property
    def names_of_outliers(self) -> tuple[str, ...]:
        """The columns of numbers of which some are much larger than their scale."""
        is_wide = self.largest[1 : 1 + self.n_dense] > OUTLYING / 2
        names = [name for term in self.numbers for name in term.coefficient_names]
        return tuple(name for name, wide in zip(names, is_wide, strict=True) if wide)

    def _of_numbers(self, parts: Sequence[Array], of_lacking: float) -> Array:
        filled = [
            np.append(part, np.full(term.n_lacking, of_lacking)) for part, term in zip(parts, self.numbers, strict=True)
        ]
        return np.concatenate([np.zeros(0), *filled])

    @cached_property
    def spans_of_terms(self) -> tuple[slice, ...]:
        """Where the coefficients of each term lie, those of references among them."""
        dense, spans, shape_spans = 1, iter(self.spans), iter(self.shape_spans)
        found = []
        for term in self.terms:
            if isinstance(term, Numbers):
                found.append(slice(dense, dense + len(term.coefficient_names)))
                dense = found[-1].stop
            else:
                found.append(next(spans if isinstance(term, Category) else shape_spans))
        return tuple(found)

    @cached_property
    def places(self) -> Array:
        """Where the coefficients lie in the order of the table's columns, without intercept and references."""
        places = [np.arange(span.start, span.stop) for span in self.spans_of_terms]
        own = [
            np.delete(place, term.reference) if isinstance(term, Category) and not term.is_pooled else place
            for place, term in zip(places, self.terms, strict=True)
        ]
        return np.concatenate([np.zeros(0, dtype=np.int64), *own]).astype(np.int64)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A name for each coefficient in the order of the table's columns; of a shape, for its value at each knot."""
        coefficients: list[str] = []
        for term in self.terms:
            names = list(term.coefficient_names)
            if isinstance(term, Category) and not term.is_pooled:
                del names[term.reference]
            coefficients += names
        return tuple(coefficients)

    def named_values(self, coefficients: Array) -> Array:
        """What `names` name, of coefficients as of `Coded.logits`, shape (n_names,)."""
        if not self.shapes:
            named: Array = coefficients[self.places]
            return named
        found = []
        for term, span in zip(self.terms, self.spans_of_terms, strict=True):
            own = coefficients[span]
            if isinstance(term, Shape):
                own = term.basis @ own
            elif isinstance(term, Category) and not term.is_pooled:
                own = np.delete(own, term.reference)
            found.append(own)
        return np.concatenate(found)

    @cached_property
    def references(self) -> dict[str, str]:
        """The reference level of each coefficient of a category."""
        references: dict[str, str] = {}
        for term in self.categories:
            if term.is_pooled:
                continue
            own = printable(str(term.levels[term.reference]))
            references |= dict.fromkeys(term.coefficient_names, own)
        return references

    @cached_property
    def variables(self) -> dict[str, tuple[str, ...]]:
        """The coefficients of each column, by its name: those of all levels but the reference; none of a lone level."""
        found: dict[str, tuple[str, ...]] = {}
        for term in self.terms:
            if not isinstance(term, Numbers):
                names = list(term.coefficient_names)
                if isinstance(term, Category) and not term.is_pooled:
                    del names[term.reference]
                found[term.column] = tuple(names)
                continue
            lacking = iter(term.coefficient_names[len(term.names) :])
            lacks = term.lacks or (False,) * len(term.names)
            found |= {
                name: (name, *([next(lacking)] if own else ())) for name, own in zip(term.names, lacks, strict=True)
            }
        return found

    @property
    def read(self) -> tuple[str, ...]:
        """The names of what is read: each column of a matrix is one."""
        return tuple(n for t in self.terms for n in (t.names if isinstance(t, Numbers) else (t.column,)))

    def contributions(self, coded: Coded, coefficients: Array, n_rows: int) -> list[dict[str, float]]:
        """Contribution of each column and pair to the logit of each row, relative to the average row."""
        if "intercept" in self.read:
            raise DataError(
                'a column is called "intercept", as is what the average row has. Rename it to tell them apart.'
            )
        usual, own = coded.contributions(coefficients)
        names = *self.read, *(each.name for each in self.tables)
        return [{"intercept": usual} | {name: float(own[name][row]) for name in names} for row in range(n_rows)]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(term.column for term in self.terms)

    def checked(self, rows: Rows, *, may_lack: bool = False) -> tuple[Column, ...]:
        """Columns of rows without labels as `coded` takes them; errors name the row.

        may_lack: whether any column may hold nothing; a number is then NaN, and so is what is made of it.
        """
        lacking = {term.column for term in self.terms if may_lack or term.may_lack}
        roles = Roles(
            "",
            features=self.columns,
            categories=tuple(term.column for term in self.categories),
            missing="indicator" if lacking else "error",
        )
        columns = checked_features(rows, roles, frozenset(lacking))
        for term, column in zip(self.terms, columns, strict=True):
            if isinstance(term, Numbers) and column.is_matrix and term.may_lack and not may_lack:
                refuse_missing_in_matrix(rows, roles, term.column, ~np.array(term.lacks))
        return columns

    def coded(self, columns: Sequence[Column]) -> Coded:
        """Some rows as the passes read them; columns stand in the order of the terms. Cost: O(n_rows) per category."""
        dense, codes, knots, strange = [], [], [], {}
        for term, column in zip(self.terms, columns, strict=True):
            if isinstance(term, Numbers):
                dense.append(column.values)
                continue
            if isinstance(term, Shape):
                knots.append(term.found(column.values))
                continue
            levels, n_strange = codes_in(term, column)
            codes.append(levels)
            if n_strange:
                strange[term.column] = n_strange
        beside = self._beside(columns, codes)
        return Coded(self, tuple(dense), tuple(codes), tuple(knots), strange, beside)

    def _beside(self, columns: Sequence[Column], codes: Sequence[Array]) -> tuple[tuple[Array, Array], ...]:
        """Of each side, the place of each row and the share of the next one."""
        if not self.sides:
            return ()
        levels = dict(zip([term.column for term in self.categories], codes, strict=True))
        values = dict(zip(self.columns, columns, strict=True))
        return tuple(
            side.found(levels[side.column] if side.places else values[side.column].values) for side in self.sides
        )


def readable(values: Array) -> Array:
    """The same numbers as float32 or float64, at whole steps from each other, none of them backwards."""
    if values.dtype not in (np.float32, np.float64):
        return values.astype(np.float64)
    is_regular = values.flags.aligned and all(step >= 0 and step % values.itemsize == 0 for step in values.strides)
    # An array out of step may be contiguous: `ascontiguousarray` would return it as it is.
    return values if is_regular else np.require(values, requirements=("C", "ALIGNED"))


def table_of(arrays: Sequence[Array], centres: Array, gaps: Array) -> NumberTable:
    """Where the numbers of `readable` arrays are, columns or matrices; valid as long as the arrays are."""
    from logloss.onepass.kernels.dense_rows import NumberTable

    wide = [values if values.ndim == 2 else values[:, None] for values in arrays]
    steps = np.array([values.strides for values in wide], np.int64).reshape(-1, 2)
    sizes = np.array([values.itemsize for values in wide], np.int64)
    return NumberTable(
        np.array([values.ctypes.data for values in wide], np.int64),
        steps[:, 0] // sizes,
        steps[:, 1] // sizes,
        np.array([values.shape[1] for values in wide], np.int64),
        sizes == np.dtype(np.float32).itemsize,
        centres,
        gaps,
    )


@dataclass(frozen=True)
class Coded:
    """Some rows: numbers as they stand, and the level of each category; a strange level has the number after the last.

    between: of each shape, the lower knot of each row and the share of the upper one. strange: how many rows of each
    category have a level that training did not see. beside: of each side of pairs, as `between`.
    """

    design: Design
    dense: tuple[Array, ...]
    codes: tuple[Array, ...]
    between: tuple[tuple[Array, Array], ...]
    strange: Mapping[str, int]
    beside: tuple[tuple[Array, Array], ...] = ()

    @cached_property
    def _arrays(self) -> tuple[Array, ...]:
        """The numbers as float32 or float64 whose addresses a kernel can read from."""
        return tuple(map(readable, self.dense))

    @cached_property
    def table(self) -> NumberTable:
        """Where the numbers are, as the kernels take it; valid as long as this object is."""
        return table_of(self._arrays, self.design.centre, self.design.gaps)

    def piece(self, start: int, stop: int) -> Array:
        """The numbers of some rows less their centre, shape (n_rows, n_dense), column-major. Cost: one copy."""
        from logloss.onepass.kernels.dense_rows import gather

        n_rows = stop - start
        piece = np.empty((self.design.n_dense, n_rows + PADDING))
        if self.design.n_dense and n_rows:
            gather(self.table, start, n_rows, piece.reshape(-1), n_rows + PADDING)
        return piece[:, :n_rows].T

    def before_numbers(self, coefficients: Array, start: int, stop: int, *, is_size: bool = False) -> Array:
        """What log-odds are without the numbers: intercept, levels and shapes; coefficients as of `logits`.

        is_size: whether coefficients are sizes, and so are the parts of shapes.
        """
        from logloss.onepass.kernels.by_group import add_levels
        from logloss.onepass.kernels.hats import add_between, add_from_table

        logits = np.empty((stop - start, *coefficients.shape[1:]))
        logits[:] = coefficients[0]
        n_points = coefficients[0].size
        wide = logits.reshape(stop - start, n_points)
        for span, term, codes in zip(self.design.spans, self.design.categories, self.codes, strict=True):
            own = coefficients[span].reshape(span.stop - span.start, n_points)
            # A strange level is worth what the levels of training were on average.
            usual = np.average(own, axis=0, weights=term.weights) if self.strange else 0.0 * own[0]
            add_levels(codes[start:stop], np.concatenate([own, usual[None]]), wide)
        for span, shape, (lower, shares) in zip(self.design.shape_spans, self.design.shapes, self.between, strict=True):
            own = coefficients[span].reshape(span.stop - span.start, n_points)
            basis = np.abs(shape.basis) if is_size else shape.basis
            add_between(lower[start:stop], shares[start:stop], shape.with_end(basis @ own), wide)
        beside = [(lower[start:stop], shares[start:stop]) for lower, shares in self.beside]
        for span, each in zip(self.design.pair_spans, self.design.tables, strict=True):
            a, b = each.pair.sides
            add_from_table(*beside[a], *beside[b], each.table(coefficients[span], is_size=is_size), wide)
        return logits

    def contributions(self, coefficients: Array) -> tuple[float, dict[str, Array]]:
        """(The log-odds of the average row, by how much each column and pair changes those of each row).

        Coefficients as of `logits`; each change of shape (n_rows,). Cost of a row: O(number of columns and pairs).
        """
        from logloss.onepass.kernels.hats import add_from_table

        design, at = self.design, 1
        usual = float(coefficients[0])
        own: dict[str, Array] = {}
        for term, values in zip(design.numbers, self.dense, strict=True):
            width = len(term.names)
            means = term.centre if term.means is None else term.means
            own_coefficients = coefficients[at : at + width]
            usual += float((means - term.centre) @ own_coefficients)
            added = (values.reshape(len(values), width).astype(np.float64) - means) * own_coefficients
            # What lacks is at the centre, which need not be the mean.
            of_centre = (term.centre - means) * own_coefficients
            at += width
            for j in np.flatnonzero(term.lacks):
                added[np.isnan(added[:, j]), j] = of_centre[j] + coefficients[at]
                at += 1
            own |= dict(zip(term.names, added.T, strict=True))
        for span, category, codes in zip(design.spans, design.categories, self.codes, strict=True):
            levels = coefficients[span]
            average = float(np.average(levels, weights=category.weights))
            own[category.column] = np.append(levels, average)[codes] - average
            usual += average
        for span, shape, (lower, shares) in zip(design.shape_spans, design.shapes, self.between, strict=True):
            own[shape.column] = shape.at(shape.basis @ coefficients[span], lower, shares)
        for span, each in zip(design.pair_spans, design.tables, strict=True):
            a, b = each.pair.sides
            of_rows = np.zeros((len(self.beside[a][0]), 1))
            add_from_table(*self.beside[a], *self.beside[b], each.table(coefficients[span]), of_rows)
            own[each.name] = of_rows[:, 0]
        return usual, own

    def logits(self, coefficients: Array, start: int, stop: int, piece: Array | None = None) -> Array:
        """Log-odds of some rows, on numbers less their centre; coefficients of shape (width,) or (width, n_points)."""
        n_dense = self.design.n_dense
        piece = self.piece(start, stop) if piece is None else piece
        logits: Array = self.before_numbers(coefficients, start, stop) + piece @ coefficients[1 : 1 + n_dense]
        return logits

    def as_found(self, start: int, stop: int) -> Array:
        """The numbers of some rows as the table has them, shape (n_rows, n_dense): NaN where nothing stands."""
        design, at = self.design, 0
        numbers = np.empty((stop - start, design.n_dense))
        for term, values in zip(design.numbers, self.dense, strict=True):
            width = len(term.names)
            own = values[start:stop].reshape(stop - start, width)
            numbers[:, at : at + width] = own
            at += width
            for j in np.flatnonzero(term.lacks):
                numbers[:, at] = np.isnan(own[:, j])
                at += 1
        return numbers

    def norms(self, start: int, stop: int, piece: Array | None = None) -> Array | None:
        """The largest number of each row in the solver's coordinates, at least 1; None where none is above 1."""
        design = self.design
        if not design.has_outliers:
            return None
        piece = self.piece(start, stop) if piece is None else piece
        sizes = np.abs(piece) / design.scale[1 : 1 + design.n_dense]
        return np.maximum(sizes.max(axis=1, initial=0.0), 1.0)

    def margins(self, direction: Array, start: int, stop: int, piece: Array | None = None) -> Array:
        """How far some rows lie along a direction, given as `logits` takes coefficients, in units of their norms."""
        piece = self.piece(start, stop) if piece is None else piece
        distances, norms = self.logits(direction, start, stop, piece), self.norms(start, stop, piece)
        return distances if norms is None else distances / norms
