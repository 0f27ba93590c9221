"""What the rows would cost without each term in turn: with its average in place of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.onepass.kernels import exact, losses
from logloss.onepass.summaries.contract import BlockwiseSummary, times_of
from logloss.onepass.summaries.curvature import Point
from logloss.text import count


@dataclass(frozen=True, slots=True, repr=False)
class WithoutSummary(BlockwiseSummary):
    """The summed loss at a point without each column and each pair of its design, by name: exact sums.

    Cost of a row: O(number of columns and pairs).
    """

    point: Point
    n_rows: int = 0
    sum_losses: tuple[int, ...] = ()
    coding: frozenset[Any] = frozenset()

    @classmethod
    def empty(cls, point: Point) -> WithoutSummary:
        """Of no rows."""
        design = point.design
        return cls(point, 0, (0,) * (len(design.read) + len(design.tables)), frozenset())

    @property
    def losses(self) -> dict[str, float]:
        """Nats, summed, by the name of what is left out."""
        design = self.point.design
        names = *design.read, *(each.name for each in design.tables)
        return {name: exact.rounded(total, 1) for name, total in zip(names, self.sum_losses, strict=True)}

    def of_block(self, block: Block) -> WithoutSummary:
        """Of the rows of a block."""
        design = self.point.design
        coded = design.coded(block.features)
        values = self.point.coefficients / design.scale
        logits = coded.logits(values, 0, block.n_rows)
        if block.offset is not None:
            logits += block.offset
        _, own = coded.contributions(values)
        unused, totals = np.empty((2, block.n_rows)), []
        for name in self.losses:
            limbs = exact.new_limbs(1)
            moved = logits - own[name]
            losses.logistic_rows(block.y_true, moved, block.sample_weight, block.counts, unused[0], unused[1], limbs)
            totals.append(exact.as_integer(limbs[0]))
        return WithoutSummary(self.point, times_of(block), tuple(totals), block.coding)

    def __repr__(self) -> str:
        return f"WithoutSummary: n_rows={count(self.n_rows)}  n_parts={count(len(self.sum_losses))}"
