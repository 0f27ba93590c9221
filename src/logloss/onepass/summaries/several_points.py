"""Sums of one pass at several points at once, as reading a file takes longer than evaluating a point."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from logloss.data.block import Block
from logloss.onepass.summaries.contract import BlockwiseSummary, Workspace, times_of
from logloss.onepass.summaries.curvature import CurvatureSummary, Point
from logloss.text import count


def _each_merged(mine: tuple[CurvatureSummary, ...], other: tuple[CurvatureSummary, ...]) -> tuple[Any, ...]:
    return tuple(a.merge(b) for a, b in zip(mine, other, strict=True))


@dataclass(frozen=True, slots=True, repr=False)
class PointsSummary(BlockwiseSummary):
    """Loss, gradient and Hessian at each of some points. Floating: laws hold to rounding.

    of_points: a `CurvatureSummary` of each. n_rows: of the blocks, whatever face the points look at.
    """

    points: tuple[Point, ...]
    n_rows: int = 0
    coding: frozenset[Any] = frozenset()
    of_points: tuple[CurvatureSummary, ...] = ()
    merged_by = MappingProxyType({"of_points": _each_merged})

    @classmethod
    def empty(cls, points: tuple[Point, ...]) -> PointsSummary:
        """Of no rows."""
        return cls(points, of_points=tuple(map(CurvatureSummary.empty, points)))

    def workspace(self) -> Workspace:
        """A new workspace at the same points."""
        return _PointsWorkspace(self.points)

    def __repr__(self) -> str:
        return f"PointsSummary: n_rows={count(self.n_rows)}  n_points={count(len(self.points))}"


class _PointsWorkspace:
    """A workspace of each point; a block goes to all of them."""

    def __init__(self, points: tuple[Point, ...]) -> None:
        self.points = points
        self.workspaces = [CurvatureSummary.empty(point).workspace() for point in points]
        self.n_rows, self.coding = 0, frozenset[Any]()

    def add(self, block: Block) -> None:
        """Take in a block."""
        for workspace in self.workspaces:
            workspace.add(block)
        self.n_rows += times_of(block)
        self.coding |= block.coding

    def freeze(self) -> PointsSummary:
        """The summary of the blocks that were added."""
        return PointsSummary(self.points, self.n_rows, self.coding, tuple(each.freeze() for each in self.workspaces))
