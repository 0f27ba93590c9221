"""The summed loss at several points in one pass: a line search."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.onepass.kernels import exact, losses
from logloss.onepass.summaries.contract import BlockwiseSummary, mass_of, pieces, times_of
from logloss.onepass.summaries.curvature import NOTHING, on_face
from logloss.text import count, significant

# Sums of losses above this are above any other.
GREATEST_SUM = 1e300
# What rounding can take from a floating sum of losses, as a share of it, and more.
ROUNDED_SUM = 1e-6


@dataclass(frozen=True, slots=True)
class Trials:
    """Points to try: at + length · steps[0] for each length, and at + each other step; laid out as the design does.

    steps: shape (n_steps, width). face: directions; only rows that lie in the planes across all of them take part.
    most: of the summed loss; how far above it a point is, is not asked for.
    """

    at: Array
    steps: Array
    lengths: Array
    design: Design
    face: tuple[Array, ...] = ()
    most: float = GREATEST_SUM

    @property
    def points(self) -> Array:
        """All of them, shape (n_points, width)."""
        found: Array = self.at + np.vstack([self.lengths[:, None] * self.steps[0], self.steps[1:]])
        return found


def _sums_added(a: tuple[int | None, ...], b: tuple[int | None, ...]) -> tuple[int | None, ...]:
    return tuple(None if x is None or y is None else x + y for x, y in zip(a, b, strict=True))


@dataclass(frozen=True, slots=True, repr=False)
class TrialSummary(BlockwiseSummary):
    """The summed loss at each point. No derivatives, so that many cost little.

    Exact sums, and yet floating: a point's logits are sums of products whose order is that of the part. sum_losses:
    None of a point that was given up, since its loss is above the most that is asked for.
    """

    trials: Trials
    n_rows: int = 0
    sum_losses: tuple[int | None, ...] = ()
    coding: frozenset[Any] = frozenset()
    merged_by = MappingProxyType({"sum_losses": _sums_added})

    @classmethod
    def empty(cls, trials: Trials) -> TrialSummary:
        """Of no rows."""
        return cls(trials, sum_losses=(0,) * len(trials.points))

    def of_block(self, block: Block) -> TrialSummary:
        """Of the rows of a block that lie in the face, piece by piece."""
        trials = self.trials
        n_points = len(trials.points)
        limbs = exact.new_limbs(n_points)
        block = on_face(block, trials.design, trials.face)
        coded = trials.design.coded(block.features)
        coefficients = (np.vstack([trials.at, trials.steps]) / trials.design.scale).T
        has_mass = block.sample_weight is not None or block.counts is not None
        mass = mass_of(block) if has_mass else NOTHING
        logits = np.empty((1 + len(trials.steps), block.n_rows))
        for start, stop in pieces(block.n_rows):
            logits[:, start:stop] = coded.logits(coefficients, start, stop).T
        if block.offset is not None:
            logits[0] += block.offset
        most = min(trials.most * (1 + ROUNDED_SUM), GREATEST_SUM)
        is_left = losses.losses_along(block.y_true, mass, logits[0], logits[1:], trials.lengths, most, limbs)
        sum_losses = tuple(exact.as_integer(own) if left else None for own, left in zip(limbs, is_left, strict=True))
        return TrialSummary(trials, times_of(block), sum_losses, block.coding)

    @property
    def total_losses(self) -> Array:
        """The summed loss at each point in nats, shape (n_points,); inf where it is above the most asked for."""
        sums = np.array([np.inf if each is None else exact.rounded(each, 1) for each in self.sum_losses])
        return np.where(sums > self.trials.most, np.inf, sums)

    def __repr__(self) -> str:
        least = min(self.total_losses, default=0.0)
        return f"TrialSummary: n_rows={count(self.n_rows)}  least_total_loss={significant(least)} nats"
