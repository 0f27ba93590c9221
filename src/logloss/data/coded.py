"""Some rows as the passes read them: numbers as they stand, levels of categories, the knots beside each number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.rows import Array

if TYPE_CHECKING:
    from logloss.data.design import Design
    from logloss.onepass.kernels.dense_rows import NumberTable

# Rows of one piece of a pass: with 100 features it is 1.6 MB, which stays in the cache between its products.
PIECE_ROWS = 2048
# Values between two columns of a piece: at a power of two all columns would fall into the same lines of the cache.
PADDING = 8


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
            is_one = term.column in design.wide
            own |= {term.column: added.sum(axis=1)} if is_one else dict(zip(term.names, added.T, strict=True))
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
