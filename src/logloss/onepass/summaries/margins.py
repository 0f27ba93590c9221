"""What a walk along a direction finds: how many rows lie on the wrong side of a plane, and the worst of them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array
from logloss.onepass.summaries.contract import BlockwiseSummary, pieces
from logloss.onepass.summaries.curvature import margins_of, on_face, spread_out
from logloss.text import count


@dataclass(frozen=True, slots=True)
class Plane:
    """A direction of the solver's coefficients, the face it is looked at in, and how many of the worst rows to keep."""

    direction: Array
    design: Design
    n_kept: int
    face: tuple[Array, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class MarginSummary(BlockwiseSummary):
    """Rows of a label on the side where it belongs, in the plane, and on the wrong side; the worst of these.

    A label that is a share belongs in the plane. worst: margins, least first; vectors: those rows, with the sign of
    their label; is_share: which are to lie in the plane. sum_signed: the sum of all signed rows, weights left out.
    """

    plane: Plane
    n_rows: int = 0
    n_inside: int = 0
    n_wrong: int = 0
    coding: frozenset[Any] = frozenset()
    worst: Any = None
    vectors: Any = None
    is_share: Any = None

    @classmethod
    def empty(cls, plane: Plane) -> MarginSummary:
        """Of no rows."""
        width = plane.design.width
        return cls(plane, worst=np.zeros(0), vectors=np.zeros((0, width)), is_share=np.zeros(0, dtype=bool))

    def merge(self, other: MarginSummary) -> MarginSummary:
        """Of the rows of both."""
        worst = np.concatenate([self.worst, other.worst])
        vectors = np.concatenate([self.vectors, other.vectors])
        is_share = np.concatenate([self.is_share, other.is_share])
        # By margin and, where these are equal, by the rows and their labels: the order of a merge does not matter.
        chosen = np.lexsort((is_share, *vectors.T, worst))[: self.plane.n_kept]
        return MarginSummary(
            self.plane,
            self.n_rows + other.n_rows,
            self.n_inside + other.n_inside,
            self.n_wrong + other.n_wrong,
            self.coding | other.coding,
            worst[chosen],
            vectors[chosen],
            is_share[chosen],
        )

    def of_block(self, block: Block) -> MarginSummary:
        """Of the rows of a block that lie in the face."""
        plane = self.plane
        block = on_face(block, plane.design, plane.face)
        if block.n_rows == 0:
            return MarginSummary.empty(plane)
        unsigned = margins_of(block, plane.design, plane.direction)
        is_share = (block.y_true > 0) & (block.y_true < 1)
        signs = np.where(is_share, -np.sign(unsigned), np.where(block.y_true > 0, 1.0, -1.0))
        signs[signs == 0] = 1.0
        margins = signs * unsigned
        kept = np.argsort(margins, kind="stable")[: plane.n_kept]
        return MarginSummary(
            plane,
            block.n_rows,
            int(np.count_nonzero(np.abs(margins) <= TOUCHING)),
            int(np.count_nonzero(margins < -TOUCHING)),
            block.coding,
            margins[kept],
            level_rows_of(block.taken(kept), plane.design) * signs[kept, None],
            is_share[kept],
        )

    def __repr__(self) -> str:
        return f"MarginSummary: n_rows={count(self.n_rows)}  n_wrong={count(self.n_wrong)}"


def rows_of(block: Block, design: Design) -> Array:
    """Rows spread out as the design lays coefficients out, scaled, shape (n_rows, width)."""
    return spread_out(design.coded(block.features), 0, block.n_rows)


def level_rows_of(block: Block, design: Design) -> Array:
    """The same, each row divided by its norm."""
    coded = design.coded(block.features)
    rows, norms = spread_out(coded, 0, block.n_rows), coded.norms(0, block.n_rows)
    return rows if norms is None else rows / norms[:, None]


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
    merged_by = MappingProxyType({"left": np.maximum})

    @classmethod
    def empty(cls, combinations: Combinations) -> DependenceSummary:
        """Of no rows."""
        return cls(combinations, 0, np.zeros(combinations.vectors.shape[1]), np.zeros(combinations.vectors.shape))

    def of_block(self, block: Block) -> DependenceSummary:
        """Of the rows of a block that lie in the face."""
        requested = self.combinations
        block = on_face(block, requested.design, requested.face)
        coded = requested.design.coded(block.features)
        left, slopes = np.zeros(self.left.shape), np.zeros(self.slopes.shape)
        sizes = np.abs(requested.vectors)
        for start, stop in pieces(block.n_rows):
            rows = spread_out(coded, start, stop)
            own = rows @ requested.vectors
            terms = np.abs(rows) @ sizes
            left = np.maximum(left, (np.abs(own) / np.where(terms > 0, terms, 1.0)).max(axis=0))
            # Each row counts alike: far ones would drown what the others leave.
            norms = coded.norms(start, stop)
            slopes += rows.T @ (own if norms is None else own / norms[:, None] ** 2)
        return DependenceSummary(requested, block.n_rows, left, slopes, block.coding)

    def __repr__(self) -> str:
        return f"DependenceSummary: n_rows={count(self.n_rows)}  n_combinations={count(len(self.left))}"
