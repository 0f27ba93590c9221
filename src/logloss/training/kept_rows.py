"""All rows of a small table, spread out in the solver's coordinates: passes of Newton's method in one compiled call.

>>> import logloss
>>> [each.log_loss < 0.7 for each in logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).passes][:2]
[True, True]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from logloss.data.block import Block
from logloss.data.coded import Coded
from logloss.data.design import Design
from logloss.data.rows import Array, Place

if TYPE_CHECKING:
    from logloss.onepass.summaries import CurvatureSummary

# Values of rows that are spread out: 4 MB, which stay in the caches between passes.
MOST_VALUES = 1 << 19
# Passes that one call makes at most; beyond them other methods are needed.
MOST_PASSES = 25
# Of tables with so many times as many rows as these, one in so many is enough to begin with; and the gain that a step
# on them must promise, in units of p / 2, the size of their own error.
THINNED, FEWEST_THINNED, ROWS_PER_COEFFICIENT, WORTHWHILE = 8, 500, 20, 0.02


class NewtonPass(NamedTuple):
    """Coefficients that a pass looked at, the summed loss there, and the bound, in nats, summed."""

    coefficients: Array
    total_loss: float
    bound: float


@dataclass(frozen=True)
class KeptRows:
    """All rows of a small table, in the blocks that they came in, and the design that codes them."""

    blocks: tuple[Block, ...]
    design: Design

    @cached_property
    def vectors(self) -> Array:
        """Rows in the solver's coordinates, shape (n_rows, width)."""
        from logloss.onepass.summaries.margins import rows_of

        return _joined([rows_of(block, self.design) for block in self.blocks])

    @cached_property
    def labels(self) -> Array:
        """The label of each row, shape (n_rows,)."""
        return _joined([block.y_true.astype(np.float64) for block in self.blocks])

    @cached_property
    def weights(self) -> Array:
        """The weight of each row, shape (n_rows,)."""
        return self._filled("sample_weight", 1.0)

    @cached_property
    def counts(self) -> Array:
        """How many rows each stands for, shape (n_rows,)."""
        return self._filled("counts", 1.0)

    @cached_property
    def offsets(self) -> Array:
        """What is added to the log-odds of each row, shape (n_rows,)."""
        return self._filled("offset", 0.0)

    def _filled(self, name: str, usual: float) -> Array:
        own = [getattr(block, name) for block in self.blocks]
        if all(each is None for each in own):
            return np.full(sum(block.n_rows for block in self.blocks), usual)
        return _joined([np.array(each, dtype=np.float64) for each in own])

    @cached_property
    def coded(self) -> Coded:
        """The rows of the only block as the kernels read them."""
        (block,) = self.blocks
        return self.design.coded(block.features)

    @cached_property
    def places(self) -> list[tuple[Place, int]]:
        """Where each row stands."""
        return [(rows.place, rows.row(i)) for rows in self.blocks for i in range(rows.n_rows)]

    @cached_property
    def unit(self) -> float:
        """The largest weight, by which others are divided so that no square leaves the range of numbers."""
        return float(self.weights.max())

    def near_optimum(self, penalty: Array, at: Array, n_free: int) -> Array:
        """The optimum of every THINNED-th row, or `at` where that is not found or there are too few rows."""
        (block,) = self.blocks
        if block.n_rows < THINNED * max(FEWEST_THINNED, ROWS_PER_COEFFICIENT * n_free):
            return at
        thin = replace(self, blocks=(block.taken(slice(0, None, THINNED)),))
        share = thin.blocks[0].n_rows / block.n_rows
        made = thin.newton_passes(penalty * share, at, (math.inf, WORTHWHILE * n_free / 2), MOST_PASSES)
        return at if made is None else made[0][-1].coefficients

    def newton_passes(
        self, penalty: Array, start: Array, ends: tuple[float, float], max_passes: int
    ) -> tuple[list[NewtonPass], CurvatureSummary] | None:
        """Passes of Newton's method until they have converged, and the sums of the last one; None where they do not.

        ends: (bound, half the squared decrement), in nats, summed, at which they have.
        """
        from logloss.onepass.kernels import certified, exact
        from logloss.onepass.kernels.dense_rows import additions_of
        from logloss.onepass.summaries import CurvatureSummary, Point
        from logloss.onepass.summaries.contract import times_of
        from logloss.onepass.summaries.hessian import Hessian

        width, most = self.design.width, min(max_passes, MOST_PASSES)
        points, losses, bounds, limbs = np.empty((most, width)), np.empty(most), np.empty(most), exact.new_limbs(1)
        gradient, sizes, hessian = np.empty(width), np.empty((2, width)), np.empty((width, width))
        points[0] = start
        (block,), none = self.blocks, np.zeros(0)
        has_mass = block.sample_weight is not None or block.counts is not None
        n_additions = additions_of(block.n_rows)
        is_penalised = bool((penalty[1:] > 0).any())
        n_passes = certified.newton_passes(
            (
                self.coded.table,
                block.y_true,
                self.weights * self.counts if has_mass else none,
                none if block.offset is None else self.offsets,
            ),
            (penalty, self.design.scale, is_penalised, self.design.fit_intercept, n_additions, *ends),
            (points, losses, bounds, limbs),
            (gradient, sizes, hessian),
        )
        if not n_passes:
            return None
        passes = list(map(NewtonPass, points, losses[:n_passes].tolist(), bounds[:n_passes].tolist()))
        at = Point(points[n_passes - 1], self.design, is_careful=True)
        last = CurvatureSummary(
            at,
            times_of(block),
            exact.as_integer(limbs[0]),
            frozenset(),
            gradient,
            hessian[0],
            Hessian.of(hessian),
            sizes,
            np.ones(width),
            np.zeros((0, width)),
            n_blocks=1,
            most_additions=n_additions,
        )
        return passes, last


def _joined(arrays: Sequence[Array]) -> Array:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
