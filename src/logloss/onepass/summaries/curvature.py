"""What a fit keeps of the rows: means and ranges of the features; loss, gradient and Hessian at one point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from logloss.data.block import Block
from logloss.onepass import exact, kernels
from logloss.onepass.summaries.contract import Workspace
from logloss.text import count, significant


@dataclass(frozen=True, slots=True, repr=False)
class ColumnSummary:
    """Mean, least and greatest value of each feature: what the solver centres and scales by."""

    n_features: int
    n_rows: int = 0
    sum_weight: float = 0.0
    sum_positive: float = 0.0
    coding: frozenset[Any] = frozenset()
    sums: Any = None
    lows: Any = None
    highs: Any = None
    is_floating: ClassVar[bool] = True

    def workspace(self) -> Workspace:
        """A new workspace."""
        return _ColumnWorkspace(self.n_features)

    @classmethod
    def empty(cls, n_features: int = 1) -> ColumnSummary:
        """Of no rows."""
        zeros = np.zeros(n_features)
        return cls(n_features, sums=zeros, lows=zeros + np.inf, highs=zeros - np.inf)

    @classmethod
    def of(cls, block: Block) -> ColumnSummary:
        """Of the rows of a block."""
        workspace = _ColumnWorkspace(_features(block).shape[1])
        workspace.add(block)
        return workspace.freeze()

    def merge(self, other: ColumnSummary) -> ColumnSummary:
        """Of the rows of both."""
        return ColumnSummary(
            self.n_features,
            self.n_rows + other.n_rows,
            self.sum_weight + other.sum_weight,
            self.sum_positive + other.sum_positive,
            self.coding | other.coding,
            self.sums + other.sums,
            np.minimum(self.lows, other.lows),
            np.maximum(self.highs, other.highs),
        )

    def __repr__(self) -> str:
        return f"ColumnSummary: n_rows={count(self.n_rows)}  n_features={count(self.n_features)}"


class _ColumnWorkspace:
    def __init__(self, n_features: int) -> None:
        self.summary = ColumnSummary.empty(n_features)

    def add(self, block: Block) -> None:
        """Take in a block."""
        features, mass = _features(block), mass_of(block)
        if block.n_rows == 0:
            return
        n_rows = block.n_rows if block.counts is None else int(block.counts.sum())
        added = ColumnSummary(
            self.summary.n_features,
            n_rows,
            float(np.sum(mass)),
            float(np.sum(mass * block.y_true)),
            block.coding,
            mass @ features,
            features.min(axis=0),
            features.max(axis=0),
        )
        self.summary = self.summary.merge(added)

    def freeze(self) -> ColumnSummary:
        """The summary of the blocks that were added."""
        return self.summary


@dataclass(frozen=True, slots=True)
class Point:
    """Where a pass looks: the solver's coefficients (intercept first) on features (x − centre) / scale."""

    coefficients: Any
    centre: Any
    scale: Any


@dataclass(frozen=True, slots=True, repr=False)
class CurvatureSummary:
    """Loss (an exact sum), gradient and Hessian of the summed loss at one point. Floating: laws hold to rounding."""

    point: Point
    n_rows: int = 0
    sum_loss: int = 0
    coding: frozenset[Any] = frozenset()
    gradient: Any = None
    hessian: Any = None
    is_floating: ClassVar[bool] = True

    @classmethod
    def empty(cls, point: Point) -> CurvatureSummary:
        """Of no rows."""
        width = len(point.coefficients)
        return cls(point, gradient=np.zeros(width), hessian=np.zeros((width, width)))

    @classmethod
    def of(cls, block: Block, point: Point) -> CurvatureSummary:
        """Of the rows of a block."""
        workspace = _CurvatureWorkspace(point)
        workspace.add(block)
        return workspace.freeze()

    def workspace(self) -> Workspace:
        """A new workspace at the same point."""
        return _CurvatureWorkspace(self.point)

    def merge(self, other: CurvatureSummary) -> CurvatureSummary:
        """Of the rows of both."""
        return CurvatureSummary(
            self.point,
            self.n_rows + other.n_rows,
            self.sum_loss + other.sum_loss,
            self.coding | other.coding,
            self.gradient + other.gradient,
            self.hessian + other.hessian,
        )

    @property
    def total_loss(self) -> float:
        """The summed loss in nats."""
        return exact.rounded(self.sum_loss, 1)

    def __repr__(self) -> str:
        return f"CurvatureSummary: n_rows={count(self.n_rows)}  total_loss={significant(self.total_loss)} nats"


# Rows of one piece of a pass: with 100 features it is 1.6 MB, which stays in the cache between its products.
PIECE_ROWS = 2048


class _CurvatureWorkspace:
    def __init__(self, point: Point) -> None:
        self.point = point
        width = len(point.coefficients)
        self.gradient, self.hessian = np.zeros(width), np.zeros((width, width))
        self.limbs = exact.new_limbs(1)
        self.n_rows = 0
        self.coding: frozenset[Any] = frozenset()

    def add(self, block: Block) -> None:
        """Take in a block, piece by piece."""
        features = _features(block)
        for start in range(0, block.n_rows, PIECE_ROWS):
            stop = min(start + PIECE_ROWS, block.n_rows)
            design = np.ones((stop - start, features.shape[1] + 1))
            np.subtract(features[start:stop], self.point.centre, out=design[:, 1:])
            design[:, 1:] /= self.point.scale
            logits = design @ self.point.coefficients
            residuals, curvatures = np.empty(stop - start), np.empty(stop - start)
            weights = None if block.sample_weight is None else block.sample_weight[start:stop]
            counts = None if block.counts is None else block.counts[start:stop]
            kernels.logistic_rows(block.y_true[start:stop], logits, weights, counts, residuals, curvatures, self.limbs)
            self.gradient += residuals @ design
            self.hessian += design.T @ (curvatures[:, None] * design)
        self.n_rows += block.n_rows if block.counts is None else int(block.counts.sum())
        self.coding |= block.coding

    def freeze(self) -> CurvatureSummary:
        """The summary of the blocks that were added."""
        total = exact.as_integer(self.limbs[0])
        return CurvatureSummary(self.point, self.n_rows, total, self.coding, self.gradient, self.hessian)


def mass_of(block: Block) -> Any:
    """Weight times count of each row."""
    mass = np.ones(block.n_rows) if block.sample_weight is None else block.sample_weight
    return mass if block.counts is None else mass * block.counts


def _features(block: Block) -> Any:
    """The features of a block that was read for a fit."""
    return np.zeros((block.n_rows, 0)) if block.features is None else block.features
