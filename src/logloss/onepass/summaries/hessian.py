"""The Hessian of a fit in blocks: of the category with the most levels only a diagonal is kept.

No row has two levels of a category, so that the block of its levels is diagonal. A table of 4,000 levels, 3,000 of them
of one column, then has a Hessian of 4 million numbers rather than 16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logloss.data.design import Design
from logloss.data.rows import Array


def most_levels(design: Design) -> slice:
    """Where the coefficients of the category with the most levels lie; an empty slice where there is no category."""
    none = slice(design.width_of_terms, design.width_of_terms)
    return max(design.spans, key=lambda span: span.stop - span.start, default=none)


@dataclass(frozen=True, slots=True, eq=False)
class Hessian:
    """A symmetric matrix whose block at some consecutive places is diagonal.

    start: the first of these places. levels: the diagonal there, shape (n_levels,). across: that block beside the other
    places, shape (n_levels, n_others). others: the block of the other places, shape (n_others, n_others).
    """

    start: int
    levels: Array
    across: Array
    others: Array

    @classmethod
    def of(cls, matrix: Array) -> Hessian:
        """A matrix of which no block is known to be diagonal."""
        return cls(len(matrix), np.zeros(0), np.zeros((0, len(matrix))), matrix)

    @classmethod
    def zeros(cls, design: Design) -> Hessian:
        """Of no rows, and of the coefficients of the terms: those of pairs are too many."""
        span = most_levels(design)
        n_levels = span.stop - span.start
        n_others = design.width_of_terms - n_levels
        return cls(span.start, np.zeros(n_levels), np.zeros((n_levels, n_others)), np.zeros((n_others, n_others)))

    def __len__(self) -> int:
        return len(self.levels) + len(self.others)

    def __add__(self, other: Hessian) -> Hessian:
        return Hessian(self.start, self.levels + other.levels, self.across + other.across, self.others + other.others)

    def __truediv__(self, number: float) -> Hessian:
        return Hessian(self.start, self.levels / number, self.across / number, self.others / number)

    @property
    def is_level(self) -> Array:
        """Which places are of the diagonal block, shape (n,)."""
        places = np.arange(len(self))
        found: Array = (places >= self.start) & (places < self.start + len(self.levels))
        return found

    @property
    def diagonal(self) -> Array:
        """The diagonal, shape (n,)."""
        return self.joined(self.levels, np.diag(self.others))

    @property
    def full(self) -> Array:
        """All of it, shape (n, n)."""
        if not len(self.levels):
            return self.others
        full, is_level = np.empty((len(self), len(self))), self.is_level
        full[np.ix_(is_level, is_level)] = np.diag(self.levels)
        full[np.ix_(is_level, ~is_level)] = self.across
        full[np.ix_(~is_level, is_level)] = self.across.T
        full[np.ix_(~is_level, ~is_level)] = self.others
        return full

    def joined(self, of_levels: Array, of_others: Array) -> Array:
        """Values of the levels and of the other places, in their order."""
        return np.concatenate([of_others[: self.start], of_levels, of_others[self.start :]])

    def parted(self, values: Array) -> tuple[Array, Array]:
        """(Values of the levels, of the other places)."""
        stop = self.start + len(self.levels)
        return values[self.start : stop], np.concatenate([values[: self.start], values[stop:]])

    def between(self, rows: Array, columns: Array) -> Array:
        """The block of some places beside others, none of which is among the first; dense."""
        found = np.zeros((len(rows), len(columns)))
        is_level, beside = self.is_level[rows], self.is_level[columns]
        numbers = np.cumsum(self.is_level) - 1, np.cumsum(~self.is_level) - 1
        levels, others = numbers[0][rows[is_level]], numbers[1][rows[~is_level]]
        levels_beside, others_beside = numbers[0][columns[beside]], numbers[1][columns[~beside]]
        found[np.ix_(is_level, ~beside)] = self.across[np.ix_(levels, others_beside)]
        found[np.ix_(~is_level, beside)] = self.across[np.ix_(levels_beside, others)].T
        found[np.ix_(~is_level, ~beside)] = self.others[np.ix_(others, others_beside)]
        return found

    def taken(self, places: Array, added: Array | None = None) -> Hessian:
        """The part of some places, which ascend; added: to its diagonal."""
        is_level = self.is_level[places]
        levels = places[is_level] - self.start
        others = places[~is_level]
        others = np.where(others > self.start, others - len(self.levels), others)
        start = int(np.count_nonzero(places < self.start))
        part = Hessian(
            start, self.levels[levels], self.across[np.ix_(levels, others)], self.others[np.ix_(others, others)]
        )
        if added is None:
            return part
        of_levels, of_others = part.parted(added)
        np.einsum("ii->i", part.others)[...] += of_others
        return Hessian(start, part.levels + of_levels, part.across, part.others)

    def times(self, values: Array) -> Array:
        """The matrix times a vector."""
        levels, others = self.parted(values)
        return self.joined(self.levels * levels + self.across @ others, levels @ self.across + self.others @ others)
