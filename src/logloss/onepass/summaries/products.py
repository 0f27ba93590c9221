"""Products of the Hessian with vectors, one pass for several of them: the matrix itself is never formed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.design import Coded
from logloss.data.rows import Array
from logloss.onepass.kernels import by_group, dense_rows, hats
from logloss.onepass.summaries.contract import BlockwiseSummary, times_of
from logloss.onepass.summaries.curvature import Point, fold, room_for
from logloss.onepass.summaries.pair_sums import add_table_sums
from logloss.onepass.kernels import exact


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors in the solver's coordinates, shape (n_vectors, width), and the point where the Hessian is taken."""

    point: Point
    of_each: Array


@dataclass(frozen=True, slots=True, repr=False)
class HessianProducts(BlockwiseSummary):
    """The Hessian of the summed loss at a point, times each vector. Floating.

    Cost of a row: O(number of features and pairs) for each vector.
    """

    vectors: Vectors
    n_rows: int = 0
    coding: frozenset[Any] = frozenset()
    products: Any = None

    @classmethod
    def empty(cls, vectors: Vectors) -> HessianProducts:
        """Of no rows."""
        return cls(vectors, 0, frozenset(), np.zeros(vectors.of_each.shape))

    def of_block(self, block: Block) -> HessianProducts:
        """Of the rows of a block."""
        point = self.vectors.point
        design = point.design
        coded = design.coded(block.features)
        of_rows = room_for(block.n_rows)
        fold(coded, block, point, of_rows, exact.new_limbs(1))
        along = coded.logits((self.vectors.of_each / design.scale).T, 0, block.n_rows)
        products = summed_features(coded, of_rows[1][:, None] * along)
        return HessianProducts(self.vectors, times_of(block), block.coding, products.T / design.scale)


def summed_features(coded: Coded, values: Array) -> Array:
    """Σ value · feature over the rows of a block, shape (width, n_columns); values: shape (n_rows, n_columns)."""
    design, n_rows = coded.design, len(values)
    found = np.zeros((design.width, values.shape[1]))
    ones = np.ones(n_rows)
    found[0] = values.sum(axis=0)
    if design.n_dense:
        found[1 : 1 + design.n_dense] = coded.piece(0, n_rows).T @ values
    for span, codes in zip(design.spans, coded.codes, strict=True):
        by_group.segment_sums(codes, ones, values, found[span])
    for span, term, (lower, shares) in zip(design.shape_spans, design.shapes, coded.between, strict=True):
        of_knots = np.zeros((len(term.basis) + 1, values.shape[1]))
        hats.knot_segment_sums(lower, shares, ones, values, of_knots)
        found[span] = term.basis.T @ of_knots[:-1]
    for span, each in zip(design.pair_spans, design.tables, strict=True):
        of_places = np.zeros((each.a.n_places + 1, each.b.n_places + 1, values.shape[1]))
        add_table_sums(coded, each.pair.sides, values, of_places)
        found[span] = each.sums(of_places)
    return found
