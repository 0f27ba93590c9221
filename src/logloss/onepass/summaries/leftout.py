"""What rows would have cost a fit that did not know them: one Newton step away from the answer, for each in turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array, Place
from logloss.onepass.kernels import exact, losses
from logloss.onepass.summaries.contract import BlockwiseSummary, mass_of, times_of
from logloss.onepass.summaries.curvature import ALONE, Point, leverages, residuals_of
from logloss.onepass.summaries.directions import AlongInverse
from logloss.text import count, significant

# A row whose weight in its own prediction is less than this share of what it would have to be to hold back a separation
# is not looked at; of the others so many are.
SUSPICIOUS, MOST_SUSPECTS = 0.5, 20


@dataclass(frozen=True, slots=True, order=True)
class Suspect:
    """A row that may hold back a separation: the more so, the less `innocence`; where it stands."""

    innocence: float
    name: str
    row: int
    place: Place = field(compare=False, default=Place())


@dataclass(frozen=True, slots=True, repr=False)
class LeftOutSummary(BlockwiseSummary):
    """The loss of each row under the fit, and under the fit to all others (exact sums of one Newton step each).

    inverse: of the Hessian at the point, 0 for coefficients that are not free; or along directions. suspects: rows
    without which the others may be separated, worst first.
    """

    point: Point
    inverse: Array | AlongInverse = field(compare=False)
    n_rows: int = 0
    sum_mass: float = 0.0
    sum_with: int = 0
    sum_without: int = 0
    n_alone: int = 0
    coding: frozenset[Any] = frozenset()
    suspects: tuple[Suspect, ...] = ()
    n_settings: ClassVar[int] = 2
    merged_by = MappingProxyType({"suspects": lambda a, b: tuple(sorted((*a, *b))[:MOST_SUSPECTS])})

    @property
    def increase(self) -> float:
        """By how much a row costs more, on average, if it is left out, in nats."""
        return exact.rounded(self.sum_without - self.sum_with, 1) / self.sum_mass

    def of_block(self, block: Block) -> LeftOutSummary:
        """Of the rows of a block."""
        point, inverse = self.point, self.inverse
        coded = point.design.coded(block.features)
        before, after = exact.new_limbs(1), exact.new_limbs(1)
        n_alone, suspects = 0, []
        for start, stop, piece, (residuals, curvatures), logits in residuals_of(block, coded, point, before):
            counts = None if block.counts is None else block.counts[start:stop]
            weights = None if block.sample_weight is None else block.sample_weight[start:stop]
            labels = block.y_true[start:stop]
            if isinstance(inverse, AlongInverse):
                leverage = inverse.leverages(coded, start, stop)
            else:
                leverage = leverages(coded, start, stop, piece, inverse)
            pull, own, left, move = without_each(residuals, curvatures, counts, leverage)
            is_alone = left <= ALONE
            n_alone += int(np.count_nonzero(is_alone))
            moved = logits + move
            unused = np.empty((2, stop - start))
            losses.logistic_rows(labels, moved, weights, counts, unused[0], unused[1], after)
            suspects += _suspects(block, start, own, np.abs(pull) / (1.0 if weights is None else weights))
        return LeftOutSummary(
            point,
            inverse,
            times_of(block),
            float(np.sum(mass_of(block))),
            exact.as_integer(before[0]),
            exact.as_integer(after[0]),
            n_alone,
            block.coding,
            tuple(sorted(suspects)[:MOST_SUSPECTS]),
        )

    def __repr__(self) -> str:
        mean = significant(self.increase) if self.sum_mass else "0"
        return f"LeftOutSummary: n_rows={count(self.n_rows)}  increase={mean} nats"


def without_each(
    residuals: Array, curvatures: Array, counts: Array | None, leverage: Array
) -> tuple[Array, Array, Array, Array]:
    """(Residual, share of its own prediction, 1 − that share, move of the log-odds if it is left out) of each row.

    residuals, curvatures: times weight and count; leverage: xᵀH⁻¹x. A row that stands for several is left out once.
    What alone determines a direction, 1 − share ≤ ALONE, does not move.
    """
    pull, curve = (residuals, curvatures) if counts is None else (residuals / counts, curvatures / counts)
    own = curve * leverage
    left = 1.0 - own
    is_alone = left <= ALONE
    move = np.where(is_alone, 0.0, pull * leverage / np.where(is_alone, 1.0, left))
    return pull, own, left, move


def _suspects(block: Block, start: int, own: Array, missed: Array) -> list[Suspect]:
    """Rows that bear so much of their own prediction that the others might be separated without them.

    If a direction d separates the others, then with M the largest and m the row's own distance from its plane, the
    equation of d at the optimum gives own ≥ (1 − missed)m / ((1 − missed)m + M): here with m = M.
    """
    needed = (1.0 - missed) / (2.0 - missed)
    heavy = np.flatnonzero((own >= SUSPICIOUS * needed) & (own > 0))
    order = heavy[np.argsort(needed[heavy] / own[heavy], kind="stable")][:MOST_SUSPECTS]
    numbers = [(i, block.row(start + i)) for i in order.tolist() if block.y_true[start + i] in (0, 1)]
    return [
        Suspect(float(needed[i] / own[i]), block.place.name, row, block.place.remembered(row)) for i, row in numbers
    ]
