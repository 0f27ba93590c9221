"""What a walk finds of each column in each class: enough to see which columns divide the labels by themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.coded import Coded
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.onepass.summaries.contract import BlockwiseSummary, pieces
from logloss.onepass.summaries.curvature import on_face
from logloss.text import count


@dataclass(frozen=True, slots=True)
class Face:
    """The rows that lie in planes: of all rows, where there are none."""

    design: Design
    planes: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class ClassSummary(BlockwiseSummary):
    """Of each class, negatives first: rows with each level, least and greatest number. Comparisons only: no rounding.

    n_each: rows of the class for which a coefficient is multiplied by something other than 0: all of them for the
    intercept, those of a level for its own, those that lack a number for that of its indicator; shape (2, width).
    lows, highs: of the numbers as the table has them, shape (2, n_dense). A label that is a share is in both classes.
    signed: Σ (2y − 1)·row over the labels of 0 and 1, rows divided by their norms, whatever their weights; (width,).
    """

    face: Face
    n_rows: int = 0
    n_each: Any = None
    lows: Any = None
    highs: Any = None
    signed: Any = None
    coding: frozenset[Any] = frozenset()
    merged_by = MappingProxyType({"lows": np.minimum, "highs": np.maximum})

    @classmethod
    def empty(cls, face: Face) -> ClassSummary:
        """Of no rows."""
        width, n_dense = face.design.width, face.design.n_dense
        n_each = np.zeros((2, width), dtype=np.int64)
        return cls(face, 0, n_each, np.full((2, n_dense), np.inf), np.full((2, n_dense), -np.inf), np.zeros(width))

    def of_block(self, block: Block) -> ClassSummary:
        """Of the rows of a block that lie in the planes."""
        design = self.face.design
        block = on_face(block, design, self.face.planes)
        seen = ClassSummary.empty(self.face)
        if block.n_rows == 0:
            return seen
        coded = design.coded(block.features)
        for start, stop in pieces(block.n_rows):
            labels = np.asarray(block.y_true[start:stop])
            numbers = coded.as_found(start, stop)
            for k, is_mine in enumerate((labels < 1, labels > 0)):
                seen.n_each[k, 0] += np.count_nonzero(is_mine)
                own = numbers[is_mine]
                # A number that lacks is at the centre: its row says nothing of its coefficient.
                seen.n_each[k, 1 : 1 + design.n_dense] += np.count_nonzero(np.nan_to_num(own), axis=0)
                np.minimum(seen.lows[k], np.fmin.reduce(own, axis=0, initial=np.inf), out=seen.lows[k])
                np.maximum(seen.highs[k], np.fmax.reduce(own, axis=0, initial=-np.inf), out=seen.highs[k])
                for span, codes in zip(design.spans, coded.codes, strict=True):
                    seen.n_each[k, span] += np.bincount(codes[start:stop][is_mine], minlength=span.stop - span.start)
            signs = np.where((labels > 0) & (labels < 1), 0.0, 2.0 * labels - 1.0)
            # Whatever the weights: a row of weight 1e-9 on the wrong side holds a separation back as any other does.
            norms = coded.norms(start, stop)
            np.add(seen.signed, signed_sum(coded, start, stop, signs if norms is None else signs / norms), seen.signed)
        return replace(seen, n_rows=block.n_rows, coding=block.coding)

    def __repr__(self) -> str:
        return f"ClassSummary: n_rows={count(self.n_rows)}"


def signed_sum(coded: Coded, start: int, stop: int, signs: Array) -> Array:
    """Σ sign·row as the design lays coefficients out, in the solver's coordinates, shape (width,)."""
    design = coded.design
    total = np.zeros(design.width)
    total[0] = signs.sum()
    dense = slice(1, 1 + design.n_dense)
    total[dense] = (signs @ coded.piece(start, stop)) / design.scale[dense]
    for span, codes in zip(design.spans, coded.codes, strict=True):
        total[span] = np.bincount(codes[start:stop], signs, span.stop - span.start)
    return total
