"""What a walk that tries several points at once finds: the loss at each, so that no step is halved pass by pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.design import PIECE_ROWS, Design
from logloss.data.rows import Array
from logloss.onepass.kernels import exact, losses
from logloss.onepass.summaries.contract import BlockwiseSummary, pieces, times_of
from logloss.onepass.summaries.curvature import on_face
from logloss.text import count, significant


@dataclass(frozen=True, slots=True)
class Trials:
    """Points to try, shape (n_points, width), laid out as the design does; and the face whose rows take part."""

    points: Array
    design: Design
    face: tuple[Array, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class TrialSummary(BlockwiseSummary):
    """The summed loss at each point. No derivatives, so that many cost little.

    Exact sums, and yet floating: a point's logits are sums of products whose order is that of the part.
    """

    trials: Trials
    n_rows: int = 0
    sum_losses: tuple[int, ...] = ()
    coding: frozenset[Any] = frozenset()

    @classmethod
    def empty(cls, trials: Trials) -> TrialSummary:
        """Of no rows."""
        return cls(trials, sum_losses=(0,) * len(trials.points))

    def of_block(self, block: Block) -> TrialSummary:
        """Of the rows of a block that lie in the face, piece by piece."""
        trials, limbs_of = self.trials, [exact.new_limbs(1) for _ in self.trials.points]
        block = on_face(block, trials.design, trials.face)
        coded = trials.design.coded(block.features)
        coefficients = (trials.points / trials.design.scale).T
        spare = np.empty((2, PIECE_ROWS))
        for start, stop in pieces(block.n_rows):
            logits = np.ascontiguousarray(coded.logits(coefficients, start, stop).T)
            if block.offset is not None:
                logits += block.offset[start:stop]
            weights = None if block.sample_weight is None else block.sample_weight[start:stop]
            counts = None if block.counts is None else block.counts[start:stop]
            own = spare[:, : stop - start]
            for each, limbs in zip(logits, limbs_of, strict=True):
                losses.logistic_rows(block.y_true[start:stop], each, weights, counts, own[0], own[1], limbs)
        sum_losses = tuple(exact.as_integer(limbs[0]) for limbs in limbs_of)
        return TrialSummary(trials, times_of(block), sum_losses, block.coding)

    @property
    def total_losses(self) -> Array:
        """The summed loss at each point in nats, shape (n_points,)."""
        return np.array([exact.rounded(each, 1) for each in self.sum_losses])

    def __repr__(self) -> str:
        least = min(self.total_losses, default=0.0)
        return f"TrialSummary: n_rows={count(self.n_rows)}  least_total_loss={significant(least)} nats"
