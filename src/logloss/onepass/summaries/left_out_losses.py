"""The losses of rows at each penalty of a path, a Newton step away from the fit to all rows, to that to all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.onepass.kernels import losses
from logloss.onepass.kernels.hashing import hashes_of
from logloss.onepass.summaries.curvature import ALONE, Point, leverages, residuals_of, spread_out
from logloss.onepass.summaries.leftout import without_each


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSteps:
    """The step without each cluster, shape (n_clusters, width), and which clusters alone determine a direction."""

    steps: Array
    are_alone: Array


@dataclass(frozen=True, slots=True, eq=False)
class LeftOutPaths:
    """The fits to all rows at each penalty, and what leaves a row or a cluster out of them.

    points: where the fits are. inverses: of their Hessians, each of shape (width, width), 0 for coefficients that are
    not free. Where rows of a cluster depend on each other steps stand in their place; clusters: hashes, ascending;
    mask: the bits of a hash that count. unit: as of `HeldOutPaths`.
    """

    points: tuple[Point, ...]
    inverses: tuple[Array, ...] = ()
    steps: tuple[ClusterSteps, ...] = ()
    clusters: Array | None = None
    mask: int = -1
    unit: float = 1.0

    @property
    def n_folds(self) -> int:
        """All rows together."""
        return 1

    @property
    def n_l2(self) -> int:
        """How many fits there are."""
        return len(self.points)

    @property
    def n_units(self) -> int:
        """How many clusters there are; 0 where rows are independent."""
        return 0 if self.clusters is None else len(self.clusters)

    def units(self, block: Block) -> Array:
        """The number of each row's cluster."""
        return np.searchsorted(self.clusters, hashes_of(block.cluster) & self.mask)  # type: ignore[arg-type]

    def held_out(self, block: Block) -> Iterator[tuple[int, Array, Block, Array]]:
        """(0, numbers of the rows of a block, these rows, their losses, shape (n_rows, n_l2))."""
        plain = replace(block, by=(), cluster=())
        units = None if self.clusters is None else self.units(block)
        costs = np.empty((self.n_l2, block.n_rows))
        for j in range(self.n_l2):
            self._losses(j, plain, units, costs[j])
        yield 0, np.arange(block.n_rows), plain, costs.T.copy()

    def _losses(self, j: int, block: Block, units: Array | None, out: Array) -> None:
        """The loss of each row at one penalty; infinite where only it, or its cluster, determines a direction."""
        point = self.points[j]
        coded = point.design.coded(block.features)
        of_rows = losses.surprisals if block.y_true.dtype == np.uint8 else losses.soft_surprisals
        for start, stop, piece, (residuals, curvatures), logits in residuals_of(block, coded, point):
            if units is None:
                counts = None if block.counts is None else block.counts[start:stop]
                leverage = leverages(coded, start, stop, piece, self.inverses[j])
                _, _, left, move = without_each(residuals, curvatures, counts, leverage)
                is_alone = left <= ALONE
            else:
                own, mine = self.steps[j], units[start:stop]
                move = np.einsum("ij,ij->i", spread_out(coded, start, stop), own.steps[mine])
                is_alone = own.are_alone[mine]
            moved = logits + move
            of_rows(block.y_true[start:stop], moved, None, moved, out[start:stop])
            out[start:stop][is_alone] = np.inf
