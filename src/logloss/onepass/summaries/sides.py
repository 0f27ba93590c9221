"""On which side of a plane each row lies, in exact arithmetic: what proves that a direction separates the labels."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.coded import Coded
from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array
from logloss.onepass.kernels import exact
from logloss.onepass.summaries.coded_rows import spread_out
from logloss.onepass.summaries.contract import BlockwiseSummary, pieces
from logloss.onepass.summaries.curvature import on_face
from logloss.text import count

# Rows that are kept of those beside a plane: each is an equation.
MOST_KEPT = 64


@dataclass(frozen=True, slots=True)
class ExactPlane:
    """A direction on the numbers as the table has them, which is exact, and the same in the solver's coordinates.

    terms: (place of a coefficient in the design, float), their sums the coefficients; that of a number that lacks is
    multiplied by its centre. direction: as the solver has it, rounded. planes: those in which rows must lie to count.
    wished: where it is given, the direction whose plane rows near it are to lie in, too.
    """

    terms: tuple[tuple[int, float], ...]
    direction: Array
    design: Design
    planes: tuple[Array, ...] = ()
    wished: Array | None = None


def _first_rows(a: Array, b: Array) -> Array:
    """The rows that are kept of both, by the rows themselves: the order of a merge does not matter."""
    rows = np.concatenate([a, b])
    return rows[np.lexsort(rows.T)[:MOST_KEPT]]


@dataclass(frozen=True, slots=True, repr=False)
class SideSummary(BlockwiseSummary):
    """Rows on the side of their label, in the plane, and on the wrong side, by exact arithmetic; and how they look.

    A share of ones must lie in the plane. n_wrong has rows whose side cannot be told, too. largest_inside: the greatest
    rounded margin of rows in the plane, in size; least_divided: the least of others, both in units of their norms.
    beside: rows that do not lie in the plane though they are to, as the table has them and the design lays them out.
    """

    plane: ExactPlane
    n_rows: int = 0
    n_divided: int = 0
    n_inside: int = 0
    n_wrong: int = 0
    largest_inside: float = 0.0
    least_divided: float = np.inf
    coding: frozenset[Any] = frozenset()
    beside: Any = None
    merged_by = MappingProxyType({"largest_inside": max, "least_divided": min, "beside": _first_rows})

    @classmethod
    def empty(cls, plane: ExactPlane) -> SideSummary:
        """Of no rows."""
        return cls(plane, beside=np.zeros((0, plane.design.width)))

    def of_block(self, block: Block) -> SideSummary:
        """Of the rows of a block that lie in the planes."""
        plane, factors = self.plane, Factors.of(self.plane)
        block = on_face(block, plane.design, plane.planes)
        coded = plane.design.coded(block.features)
        summary = SideSummary.empty(plane)
        for start, stop in pieces(block.n_rows):
            summary = summary.merge(_of_piece(plane, factors, coded, block, start, stop))
        return summary

    def __repr__(self) -> str:
        return f"SideSummary: n_rows={count(self.n_rows)}  n_wrong={count(self.n_wrong)}"


def _of_piece(plane: ExactPlane, factors: Factors, coded: Coded, block: Block, start: int, stop: int) -> SideSummary:
    labels = np.asarray(block.y_true[start:stop])
    signs = np.empty(stop - start, dtype=np.int64)
    exact.exact_signs(*multiplied(factors, coded, start, stop), signs)
    is_share = (labels > 0) & (labels < 1)
    sides = np.where(is_share, -np.abs(signs), np.where(labels > 0, signs, -signs))
    is_known = signs != 2
    is_inside, is_divided = is_known & (sides == 0), is_known & (sides == 1)
    is_wrong = ~(is_inside | is_divided)
    margins = np.abs(coded.margins(plane.direction / plane.design.scale, start, stop))
    rows = np.zeros((0, plane.design.width))
    if plane.wished is not None:
        near = np.abs(coded.margins(plane.wished / plane.design.scale, start, stop)) <= TOUCHING
        rows = spread_out(coded, start, stop, as_found_or_centre(coded, start, stop))[near & (signs != 0)]
        rows = rows[np.lexsort(rows.T)[:MOST_KEPT]]
    return SideSummary(
        plane,
        stop - start,
        int(np.count_nonzero(is_divided)),
        int(np.count_nonzero(is_inside)),
        int(np.count_nonzero(is_wrong)),
        float(margins[is_inside].max(initial=0.0)),
        float(margins[is_divided].min(initial=np.inf)),
        block.coding,
        rows,
    )


@dataclass(frozen=True, slots=True)
class Factors:
    """The terms of a plane by what they are multiplied with: numbers at some places, and levels of each category."""

    places: tuple[int, ...]
    of_places: tuple[float, ...]
    of_levels: tuple[tuple[Array, ...], ...]

    @classmethod
    def of(cls, plane: ExactPlane) -> Factors:
        """Sorted once for all rows."""
        design = plane.design
        numbers = [(place, value) for place, value in plane.terms if place <= design.n_dense]
        of_levels: list[tuple[Array, ...]] = []
        for span in design.spans:
            own: dict[int, list[float]] = {}
            for place, value in plane.terms:
                if span.start <= place < span.stop:
                    own.setdefault(place - span.start, []).append(value)
            # The first value of each level in one array, its second one in the next.
            arrays = [np.zeros(span.stop - span.start) for _ in range(max(map(len, own.values()), default=0))]
            for level, values in own.items():
                for array, value in zip(arrays, values, strict=False):
                    array[level] = value
            of_levels.append(tuple(arrays))
        return cls(tuple(p for p, _ in numbers), tuple(v for _, v in numbers), tuple(of_levels))


def multiplied(factors: Factors, coded: Coded, start: int, stop: int) -> tuple[Array, Array]:
    """What `exact_signs` multiplies and adds up: numbers of the rows and coefficients, both as they are."""
    numbers = as_found_or_centre(coded, start, stop)
    columns = [np.ones(stop - start) if place == 0 else numbers[:, place - 1] for place in factors.places]
    columns += [
        own[codes[start:stop]] for arrays, codes in zip(factors.of_levels, coded.codes, strict=True) for own in arrays
    ]
    values = [*factors.of_places, *([1.0] * (len(columns) - len(factors.places)))]
    return np.ascontiguousarray(np.column_stack([np.zeros(stop - start), *columns])), np.array([0.0, *values])


def as_found_or_centre(coded: Coded, start: int, stop: int) -> Array:
    """The numbers of some rows as the table has them; what lacks is at the centre."""
    numbers = coded.as_found(start, stop)
    return np.where(np.isnan(numbers), coded.design.centre, numbers)
