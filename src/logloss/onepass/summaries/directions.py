"""Rows along the directions of coefficients that the data determine, and the information on these.

An additive model with pairs has more coefficients than a matrix can hold, but a penalty that leaves most of them next
to nothing: what rows show of the others is summed here, as a dense matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.coded import Coded
from logloss.data.rows import Array
from logloss.onepass.kernels import exact, hats
from logloss.onepass.summaries.contract import BlockwiseSummary, mass_of, pieces, times_of
from logloss.onepass.summaries.curvature import Point, fold, room_for
from logloss.text import count


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Combinations of coefficients, each of one term or pair, by what they add at each place of it.

    of_levels, of_shapes: of each category and each shape, shape (n_places + 1, n_directions); of_pairs: of each pair,
    (n_places + 1, n_places + 1, n_directions). The last place is one of which no training row has a share.
    """

    of_levels: tuple[Array, ...]
    of_shapes: tuple[Array, ...]
    of_pairs: tuple[Array, ...]

    @property
    def n_directions(self) -> int:
        """Of all, the intercept among them."""
        return 1 + sum(each.shape[-1] for each in (*self.of_levels, *self.of_shapes, *self.of_pairs))

    def rows(self, coded: Coded, start: int, stop: int) -> Array:
        """What some rows multiply each direction with, in single precision, shape (n_rows, n_directions).

        The first is the intercept. Cost of a row: O(n_directions).
        """
        n_rows, at = stop - start, 1
        found = np.ones((n_rows, self.n_directions), np.float32)
        beside = [(lower[start:stop], shares[start:stop]) for lower, shares in coded.beside]
        for codes, table in zip(coded.codes, self.of_levels, strict=True):
            found[:, at : at + table.shape[1]] = table[codes[start:stop]]
            at += table.shape[1]
        for (lower, shares), table in zip(coded.between, self.of_shapes, strict=True):
            own = np.zeros((n_rows, table.shape[1]))
            hats.add_between(lower[start:stop], shares[start:stop], table, own)
            found[:, at : at + table.shape[1]] = own
            at += table.shape[1]
        for pair, table in zip(coded.design.pairs, self.of_pairs, strict=True):
            a, b = pair.sides
            own = np.zeros((n_rows, table.shape[2]))
            hats.add_from_table(*beside[a], *beside[b], table, own)
            found[:, at : at + table.shape[2]] = own
            at += table.shape[2]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class AlongInverse:
    """The inverse of a Hessian along directions, shape (n_directions, n_directions), for the leverages of rows."""

    directions: Directions
    inverse: Array

    def leverages(self, coded: Coded, start: int, stop: int) -> Array:
        """xᵀ H⁻¹ x of some rows, shape (n_rows,). Cost of a row: O(n_directions²)."""
        rows = self.directions.rows(coded, start, stop)
        found: Array = np.einsum("ij,ij->i", rows @ self.inverse.astype(np.float32), rows).astype(np.float64)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Along:
    """Where the information is summed: a point, and the directions there. is_single: products may be formed in single
    precision, in half the time: of a matrix to take steps with."""

    point: Point
    directions: Directions
    is_single: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class DirectionSummary(BlockwiseSummary):
    """The Hessian of the summed loss along directions. Floating.

    Cost of a row: O(n_directions²).
    """

    along: Along
    n_rows: int = 0
    sum_mass: float = 0.0
    coding: frozenset[Any] = frozenset()
    hessian: Any = None

    @classmethod
    def empty(cls, along: Along) -> DirectionSummary:
        """Of no rows."""
        n_directions = along.directions.n_directions
        return cls(along, 0, 0.0, frozenset(), np.zeros((n_directions, n_directions)))

    def of_block(self, block: Block) -> DirectionSummary:
        """Of the rows of a block."""
        point, directions = self.along.point, self.along.directions
        coded = point.design.coded(block.features)
        of_rows = room_for(block.n_rows)
        fold(coded, block, point, of_rows, exact.new_limbs(1))
        total = np.zeros((directions.n_directions, directions.n_directions))
        roots = np.sqrt(of_rows[1]).astype(np.float32 if self.along.is_single else np.float64)
        for start, stop in pieces(block.n_rows):
            rows = directions.rows(coded, start, stop)
            scaled = rows * roots[start:stop, None]
            total += scaled.T @ scaled
        return DirectionSummary(self.along, times_of(block), float(np.sum(mass_of(block))), block.coding, total)

    def __repr__(self) -> str:
        return f"DirectionSummary: n_rows={count(self.n_rows)}  n_directions={count(len(self.hessian))}"
