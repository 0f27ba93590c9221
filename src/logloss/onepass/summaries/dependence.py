"""What a walk says of columns that seem to depend on each other: by how much, at most, they do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.onepass.summaries.blockwise import BlockwiseSummary, pieces
from logloss.onepass.summaries.curvature import on_face, spread_out
from logloss.text import count


@dataclass(frozen=True, slots=True)
class Combinations:
    """Combinations of the solver's coefficients that seem to say nothing of any row, shape (width, n); and the face."""

    vectors: Array
    design: Design
    face: tuple[Array, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class DependenceSummary(BlockwiseSummary):
    """Of each combination: what is left of it in the row where most is, in units of the sizes of its terms there.

    left: shape (n,), in [0, 1]. slopes: Σ row · what is left of it, rows divided by their norms, shape (width, n): with
    the Hessian it says which nearby combination leaves less.
    """

    combinations: Combinations
    n_rows: int = 0
    left: Any = None
    slopes: Any = None
    coding: frozenset[Any] = frozenset()

    @classmethod
    def empty(cls, combinations: Combinations) -> DependenceSummary:
        """Of no rows."""
        return cls(combinations, 0, np.zeros(combinations.vectors.shape[1]), np.zeros(combinations.vectors.shape))

    def merge(self, other: DependenceSummary) -> DependenceSummary:
        """Of the rows of both."""
        return DependenceSummary(
            self.combinations,
            self.n_rows + other.n_rows,
            np.maximum(self.left, other.left),
            self.slopes + other.slopes,
            self.coding | other.coding,
        )

    def of_block(self, block: Block) -> DependenceSummary:
        """Of the rows of a block that lie in the face."""
        asked = self.combinations
        block = on_face(block, asked.design, asked.face)
        coded = asked.design.coded(block.features)
        left, slopes = np.zeros(self.left.shape), np.zeros(self.slopes.shape)
        sizes = np.abs(asked.vectors)
        for start, stop in pieces(block.n_rows):
            rows = spread_out(coded, start, stop)
            own = rows @ asked.vectors
            terms = np.abs(rows) @ sizes
            left = np.maximum(left, (np.abs(own) / np.where(terms > 0, terms, 1.0)).max(axis=0))
            # Each row counts alike: far ones would drown what the others leave.
            norms = coded.norms(start, stop)
            slopes += rows.T @ (own if norms is None else own / norms[:, None] ** 2)
        return DependenceSummary(asked, block.n_rows, left, slopes, block.coding)

    def __repr__(self) -> str:
        return f"DependenceSummary: n_rows={count(self.n_rows)}  n_combinations={count(len(self.left))}"
