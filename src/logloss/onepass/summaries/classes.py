"""What a walk finds of each column in each class: enough to see which columns divide the labels by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from logloss.data.block import Block
from logloss.data.design import PIECE_ROWS, Design
from logloss.onepass.summaries.contract import Workspace
from logloss.onepass.summaries.curvature import on_face
from logloss.text import count


@dataclass(frozen=True, slots=True)
class Face:
    """The rows that lie in planes: of all rows, where there are none."""

    design: Design
    planes: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class ClassSummary:
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
    is_floating: ClassVar[bool] = True

    @classmethod
    def empty(cls, face: Face) -> ClassSummary:
        """Of no rows."""
        width, n_dense = face.design.width, face.design.n_dense
        n_each = np.zeros((2, width), dtype=np.int64)
        return cls(face, 0, n_each, np.full((2, n_dense), np.inf), np.full((2, n_dense), -np.inf), np.zeros(width))

    @classmethod
    def of(cls, block: Block, face: Face) -> ClassSummary:
        """Of the rows of a block."""
        workspace = _ClassWorkspace(face)
        workspace.add(block)
        return workspace.freeze()

    def workspace(self) -> Workspace:
        """A new workspace for the same face."""
        return _ClassWorkspace(self.face)

    def merge(self, other: ClassSummary) -> ClassSummary:
        """Of the rows of both."""
        return ClassSummary(
            self.face,
            self.n_rows + other.n_rows,
            self.n_each + other.n_each,
            np.minimum(self.lows, other.lows),
            np.maximum(self.highs, other.highs),
            self.signed + other.signed,
            self.coding | other.coding,
        )

    def __repr__(self) -> str:
        return f"ClassSummary: n_rows={count(self.n_rows)}"


class _ClassWorkspace:
    def __init__(self, face: Face) -> None:
        self.summary = ClassSummary.empty(face)

    def add(self, block: Block) -> None:
        """Take in a block."""
        face = self.summary.face
        design = face.design
        block = on_face(block, design, face.planes)
        if block.n_rows == 0:
            return
        coded = design.coded(block.features)
        found = ClassSummary.empty(face)
        signed = np.zeros(design.width)
        for start in range(0, block.n_rows, PIECE_ROWS):
            stop = min(start + PIECE_ROWS, block.n_rows)
            labels = np.asarray(block.y_true[start:stop])
            numbers = coded.as_found(start, stop)
            for k, is_mine in enumerate((labels < 1, labels > 0)):
                found.n_each[k, 0] += np.count_nonzero(is_mine)
                own = numbers[is_mine]
                found.n_each[k, 1 : 1 + design.n_dense] += np.count_nonzero(np.nan_to_num(own), axis=0)
                np.minimum(found.lows[k], np.fmin.reduce(own, axis=0, initial=np.inf), out=found.lows[k])
                np.maximum(found.highs[k], np.fmax.reduce(own, axis=0, initial=-np.inf), out=found.highs[k])
                for span, codes in zip(design.spans, coded.codes, strict=True):
                    found.n_each[k, span] += np.bincount(codes[start:stop][is_mine], minlength=span.stop - span.start)
            signs = np.where((labels > 0) & (labels < 1), 0.0, 2.0 * labels - 1.0)
            norms = coded.norms(start, stop)
            signed += signed_sum(coded, start, stop, signs if norms is None else signs / norms)
        self.summary = self.summary.merge(
            ClassSummary(face, block.n_rows, found.n_each, found.lows, found.highs, signed, block.coding)
        )

    def freeze(self) -> ClassSummary:
        """The summary of the blocks that were added."""
        return self.summary


def signed_sum(coded: Any, start: int, stop: int, signs: Any) -> Any:
    """Σ sign·row as the design lays coefficients out, in the solver's coordinates, shape (width,)."""
    design = coded.design
    found = np.zeros(design.width)
    found[0] = signs.sum()
    dense = slice(1, 1 + design.n_dense)
    found[dense] = (signs @ coded.piece(start, stop)) / design.scale[dense]
    for span, codes in zip(design.spans, coded.codes, strict=True):
        found[span] = np.bincount(codes[start:stop], signs, span.stop - span.start)
    return found
