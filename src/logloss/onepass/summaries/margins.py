"""What a walk along a direction finds: how many rows lie on the wrong side of a plane, and the worst of them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array
from logloss.onepass.kernels import by_group
from logloss.onepass.summaries.coded_rows import reached_by, spread_out, with_intercept
from logloss.onepass.summaries.contract import BlockwiseSummary, mass_of, pieces
from logloss.onepass.summaries.curvature import margins_of, on_face
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

    A label that is a share belongs in the plane. worst: margins, least first; signs, numbers, codes: of those rows, the
    sign of their label over their norm, their numbers in the solver's coordinates, their levels; is_share: which are to
    lie in the plane.
    """

    plane: Plane
    n_rows: int = 0
    n_inside: int = 0
    n_wrong: int = 0
    coding: frozenset[Any] = frozenset()
    worst: Any = None
    signs: Any = None
    numbers: Any = None
    codes: Any = None
    is_share: Any = None

    @classmethod
    def empty(cls, plane: Plane) -> MarginSummary:
        """Of no rows."""
        numbers = np.zeros((0, plane.design.n_dense))
        codes = np.zeros((0, len(plane.design.categories)), dtype=np.int32)
        is_share = np.zeros(0, dtype=bool)
        return cls(plane, worst=np.zeros(0), signs=np.zeros(0), numbers=numbers, codes=codes, is_share=is_share)

    def merge(self, other: MarginSummary) -> MarginSummary:
        """Of the rows of both."""
        names = ("worst", "signs", "numbers", "codes", "is_share")
        worst, signs, numbers, codes, is_share = (
            np.concatenate([getattr(self, name), getattr(other, name)]) for name in names
        )
        # By margin and, where these are equal, by the rows and their labels: the order of a merge does not matter.
        chosen = np.lexsort((is_share, *codes.T, *numbers.T, signs, worst))[: self.plane.n_kept]
        return MarginSummary(
            self.plane,
            self.n_rows + other.n_rows,
            self.n_inside + other.n_inside,
            self.n_wrong + other.n_wrong,
            self.coding | other.coding,
            worst[chosen],
            signs[chosen],
            numbers[chosen],
            codes[chosen],
            is_share[chosen],
        )

    def of_block(self, block: Block) -> MarginSummary:
        """Of the rows of a block that lie in the face."""
        plane = self.plane
        block = on_face(block, plane.design, plane.face)
        if block.n_rows == 0:
            return MarginSummary.empty(plane)
        coded = plane.design.coded(block.features)
        unsigned = margins_of(block, plane.design, plane.direction)
        is_share = (block.y_true > 0) & (block.y_true < 1)
        signs = np.where(is_share, -np.sign(unsigned), np.where(block.y_true > 0, 1.0, -1.0))
        signs[signs == 0] = 1.0
        margins = signs * unsigned
        kept = np.argsort(margins, kind="stable")[: plane.n_kept]
        norms = coded.norms(0, block.n_rows) if plane.n_kept else None
        dense = plane.design.scale[1 : 1 + plane.design.n_dense]
        numbers = coded.piece(0, block.n_rows)[kept] / dense if plane.n_kept else np.zeros((0, plane.design.n_dense))
        return MarginSummary(
            plane,
            block.n_rows,
            int(np.count_nonzero(np.abs(margins) <= TOUCHING)),
            int(np.count_nonzero(margins < -TOUCHING)),
            block.coding,
            margins[kept],
            signs[kept] if norms is None else (signs / norms)[kept],
            numbers,
            np.column_stack([codes[kept] for codes in (*coded.codes, np.zeros(block.n_rows, np.int32))])[:, :-1],
            is_share[kept],
        )

    def vectors(self, free: Array) -> Any:
        """The worst rows times their signs, sparse, in some of the solver's coefficients, shape (n_rows, n_free)."""
        import scipy.sparse

        design, n_rows = self.plane.design, len(self.worst)
        starts = np.array([span.start for span in design.spans], dtype=np.int64)
        dense = np.broadcast_to(np.arange(1 + design.n_dense), (n_rows, 1 + design.n_dense))
        columns = np.hstack([dense, self.codes + starts])
        values = np.hstack([np.ones((n_rows, 1)), self.numbers, np.ones(self.codes.shape)]) * self.signs[:, None]
        rows = np.repeat(np.arange(n_rows), columns.shape[1])
        return scipy.sparse.csr_array((values.ravel(), (rows, columns.ravel())), (n_rows, design.width))[:, free]

    def __repr__(self) -> str:
        return f"MarginSummary: n_rows={count(self.n_rows)}  n_wrong={count(self.n_wrong)}"


def rows_of(block: Block, design: Design) -> Array:
    """Rows spread out as the design lays coefficients out, scaled, shape (n_rows, width)."""
    return spread_out(design.coded(block.features), 0, block.n_rows)


@dataclass(frozen=True, slots=True)
class Combinations:
    """Combinations of the solver's coefficients that seem to say nothing of any row, shape (width, n); and the face."""

    vectors: Array
    design: Design
    face: tuple[Array, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class DependenceSummary(BlockwiseSummary):
    """Of each combination: what is left of it in the row where most is, in units of the sizes of its terms there.

    left: shape (n,), in [0, 1]. slopes: Σ weight · row · what is left of it, rows divided by their norms, shape
    (width, n): with the Hessian it says which nearby combination leaves less.
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
        sizes, mass = np.abs(requested.vectors), mass_of(block)
        for start, stop in pieces(block.n_rows):
            numbers = with_intercept(coded, start, stop, coded.piece(start, stop))
            own = reached_by(requested.vectors, coded, start, stop, numbers)
            terms = reached_by(sizes, coded, start, stop, np.abs(numbers))
            left = np.maximum(left, (np.abs(own) / np.where(terms > 0, terms, 1.0)).max(axis=0))
            # Each row counts alike: far ones would drown what the others leave.
            norms = coded.norms(start, stop)
            own = (own if norms is None else own / norms[:, None] ** 2) * mass[start:stop, None]
            slopes[: numbers.shape[1]] += numbers.T @ own
            for span, codes in zip(requested.design.spans, coded.codes, strict=True):
                by_group.segment_sums(codes[start:stop], np.ones(stop - start), own, slopes[span])
        return DependenceSummary(requested, block.n_rows, left, slopes, block.coding)

    def __repr__(self) -> str:
        return f"DependenceSummary: n_rows={count(self.n_rows)}  n_combinations={count(len(self.left))}"
