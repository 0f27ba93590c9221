"""The rows of the largest losses, under a total order: the loss, then the name of the file, then the row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from logloss.data.block import Block
from logloss.data.checks.forecasts import Forecast
from logloss.data.rows import Place
from logloss.onepass.kernels import counted_losses, losses
from logloss.onepass.summaries.contract import BlockwiseSummary, forecast_of, times_of
from logloss.text import count, significant

# Rows that are kept: at least the 20 up to which the null distribution is computed over all outcomes.
N_LARGEST = 20
# The number of a row that is named by its values: equal ones must rank equally, however the rows are cut.
UNNUMBERED = -1


@dataclass(frozen=True, slots=True)
class LargeLoss:
    """One row: its loss in nats, where it is, its prediction (P(1), or log-odds) and its observed label."""

    log_loss: float
    name: str
    row: int
    forecast: float
    observed: float
    weight: float = 1.0
    count: int = 1
    of_zero: float | None = None
    is_logit: bool = False
    place: Place = field(default=Place(), compare=False)

    @property
    def predicted(self) -> float:
        """Predicted P(1)."""
        if not self.is_logit:
            return self.forecast
        tail = math.exp(-abs(self.forecast))
        return 1 / (1 + tail) if self.forecast > 0 else tail / (1 + tail)

    def where(self, source: str) -> str:
        """The row as users know it: with its file, where there are several."""
        return self.place.row_text(self.row) if self.name == source else self.place.where(self.row)

    @property
    def without_kept(self) -> LargeLoss:
        """The same row, named without the columns that are kept of it."""
        return replace(self, place=self.place.without_kept)

    def shown(self, source: str) -> str:
        """The same without the word "row"; where rows have no lasting numbers, the values that stand in it."""
        return self.where(source).removeprefix("row ").removeprefix("the row with ")

    @property
    def number(self) -> int | None:
        """Its number, where that says where it is found again."""
        return self.row if self.place.is_numbered else None

    @property
    def rank(self) -> tuple[Any, ...]:
        """The key of the order: the largest loss first; rows of tables without a name may have equal numbers."""
        of_zero = -1.0 if self.of_zero is None else self.of_zero
        more = (self.forecast, self.observed, self.weight, self.count, of_zero, self.is_logit)
        return -self.log_loss, self.name, self.row, *more


def row_of(block: Block, forecast: Forecast, cost: float, index: int) -> LargeLoss:
    """A row of a block with one forecast; where rows have no lasting numbers, with its values."""
    proba, of_zero, logit = forecast
    predicted: Any = proba if logit is None else logit
    return LargeLoss(
        cost,
        block.place.name,
        block.row(index) if block.place.is_numbered else UNNUMBERED,
        float(predicted[index]),
        float(block.y_true[index]),
        1.0 if block.sample_weight is None else float(block.sample_weight[index]),
        1 if block.counts is None else int(block.counts[index]),
        None if of_zero is None else float(of_zero[index]),
        logit is not None,
        replace(block.place.remembered(block.row(index)), kept=tuple((n, c.value_at(index)) for n, c in block.keep)),
    )


def values_of(rows: Sequence[LargeLoss]) -> dict[str, list[Any]]:
    """Columns beside the numbers of rows: those of `keep`, as "kept_" and their name, and the values that name rows
    where some have no lasting numbers."""
    names = dict.fromkeys(name for row in rows for name, _ in row.place.kept)
    kept = {f"kept_{name}": [dict(row.place.kept).get(name) for row in rows] for name in names}
    if all(row.place.is_numbered for row in rows):
        return kept
    return {"values": [row.shown(row.name) for row in rows], **kept}


@dataclass(frozen=True, slots=True, repr=False)
class LargestLossesSummary(BlockwiseSummary):
    """The N_LARGEST rows of the largest losses; all rows where there are no more."""

    n_rows: int = 0
    rows: tuple[LargeLoss, ...] = ()
    is_floating: ClassVar[bool] = False

    def workspace(self) -> LargestLossesWorkspace:
        """A new workspace."""
        return LargestLossesWorkspace()

    def merge(self, other: LargestLossesSummary) -> LargestLossesSummary:
        """Of the rows of both."""
        rows = sorted(self.rows + other.rows, key=lambda row: row.rank)
        return LargestLossesSummary(self.n_rows + other.n_rows, tuple(rows[:N_LARGEST]))

    def __repr__(self) -> str:
        most = significant(self.rows[0].log_loss) if self.rows else "nan"
        return f"LargestLossesSummary: n_rows={count(self.n_rows)}  largest loss={most} nats"


class LargestLossesWorkspace:
    """The rows of the largest losses so far."""

    def __init__(self) -> None:
        self.n_rows = 0
        self.rows: list[LargeLoss] = []

    def room(self) -> NDArray[Any]:
        """Room for a kernel that finds the largest losses of a block."""
        is_full = len(self.rows) == N_LARGEST
        return counted_losses.room_for_largest(N_LARGEST, self.rows[-1].log_loss if is_full else -1.0)

    def add(self, block: Block) -> None:
        """Take in a block."""
        costs = np.empty(block.n_rows)
        surprisals = losses.surprisals if block.y_true.dtype == np.uint8 else losses.soft_surprisals
        surprisals(block.y_true, *forecast_of(block), costs)
        kept = self.room()
        # A loss equal to the last one of a full list is compared, too: name and row decide which stays.
        n_kept, _ = counted_losses.keep_largest(costs, 0, kept["value"][0], 0, kept)
        self.take(block, kept[:n_kept])

    def take(self, block: Block, kept: NDArray[Any]) -> None:
        """Take in the rows of the largest losses of a block, from a kernel."""
        self.n_rows += times_of(block)
        forecast = forecast_of(block)
        rows = [row_of(block, forecast, cost, place) for cost, place in kept.tolist() if place >= 0]
        if rows:
            self.rows = sorted(self.rows + rows, key=lambda row: row.rank)[:N_LARGEST]

    def freeze(self) -> LargestLossesSummary:
        """The summary of the blocks that were added."""
        return LargestLossesSummary(self.n_rows, tuple(self.rows))
