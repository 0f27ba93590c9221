"""The information matrix in coordinates in which it is nearly the identity, to the last digits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.onepass.summaries.coded_rows import reached_by, with_intercept
from logloss.onepass.summaries.contract import BlockwiseSummary, mass_of, times_of
from logloss.onepass.summaries.curvature import Point, on_face, residuals_of
from logloss.onepass.summaries.features import norms_of_classes
from logloss.text import count


@dataclass(frozen=True, slots=True, repr=False)
class InformationSummary(BlockwiseSummary):
    """Σ curvature · (xᵀ·reach)ᵀ(xᵀ·reach) over the rows of a face, and their weights. Floating: laws hold to rounding.

    reach: combinations of the coefficients, shape (width, n_combinations), under which the sum is near 1 if they are a
    root of the inverse. matrix: the sum, in the unit of the point. sums, norms: of each class, negatives first, the
    summed weight and the root of the summed squares of weights; a label that is a share is so much of a row of each.
    """

    point: Point
    reach: Array = field(compare=False)
    n_rows: int = 0
    coding: frozenset[Any] = frozenset()
    matrix: Any = None
    sums: Any = None
    norms: Any = None
    n_settings: ClassVar[int] = 2
    merged_by = MappingProxyType({"norms": np.hypot})

    @classmethod
    def empty(cls, point: Point, reach: Array) -> InformationSummary:
        """Of no rows."""
        return cls(point, reach, 0, frozenset(), np.zeros((reach.shape[1],) * 2), np.zeros(2), np.zeros(2))

    def of_block(self, block: Block) -> InformationSummary:
        """Of the rows of a block that lie in the face."""
        point, design = self.point, self.point.design
        block = on_face(block, design, point.face)
        found = InformationSummary.empty(point, self.reach)
        if block.n_rows == 0:
            return found
        coded, matrix = design.coded(block.features), found.matrix
        for start, stop, piece, own, _ in residuals_of(block, coded, point):
            numbers = with_intercept(coded, start, stop, piece)
            reached = reached_by(self.reach, coded, start, stop, numbers)
            reached *= np.sqrt(own[1] / (point.residual_unit or 1.0))[:, None]
            matrix += reached.T @ reached
        mass = mass_of(block)
        ones = float(mass @ block.y_true)
        sums = np.array([math.fsum(mass) - ones, ones])
        norms = np.array(norms_of_classes(block, mass))
        return InformationSummary(point, self.reach, times_of(block), block.coding, matrix, sums, norms)

    @property
    def effective_rows(self) -> float:
        """Kish's effective number of rows, (Σw)² / Σw²."""
        return float(self.sums.sum() / math.hypot(*self.norms)) ** 2

    @property
    def effective_rows_of_classes(self) -> tuple[float, float]:
        """The same of the rows that are 0, and 1."""
        zeros, ones = np.divide(self.sums, self.norms, out=np.zeros(2), where=self.norms > 0) ** 2
        return float(zeros), float(ones)

    def __repr__(self) -> str:
        return f"InformationSummary: n_rows={count(self.n_rows)}  n_combinations={count(len(self.matrix))}"
