"""What summaries and workspaces are, and how they read the forecasts of a block."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from logloss.data.block import Block
from logloss.data.checks.forecasts import Unlabelled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from logloss.data.rows import Array


class Workspace(Protocol):
    """What one worker adds blocks to."""

    def add(self, block: Block) -> None:
        """Take in a block."""

    def freeze(self) -> Any:
        """The summary of the blocks that were added."""


class Summary(Protocol):
    """What the loop of `run.py` makes of parts and merges."""

    def workspace(self) -> Workspace:
        """A new workspace with the settings of this summary."""

    def merge(self, other: Self) -> Self:
        """The summary of the rows of both."""


def weight_of(block: Block) -> NDArray[np.float64]:
    """The weight of each row."""
    return np.ones(block.n_rows) if block.sample_weight is None else block.sample_weight


def mass_of(block: Block) -> NDArray[np.float64]:
    """Weight times count of each row."""
    weight = weight_of(block)
    return weight if block.counts is None else weight * block.counts


def added(a: tuple[int, ...], b: tuple[int, ...]) -> Any:
    """The sum of two rows of integers."""
    return tuple(x + y for x, y in zip(a, b, strict=True))


def times_of(block: Block) -> int:
    """How many rows a block stands for."""
    return block.n_rows if block.counts is None else int(block.counts.sum())


def forecast_of(block: Block | Unlabelled) -> tuple[Array, Array | None, Array | None]:
    """The forecasts of a block, or of rows without labels, as the kernels take them: P(1), P(0), logits."""
    if block.y_logit is not None:
        return block.y_logit, None, block.y_logit
    # Where there are no logits, there are probabilities.
    return block.y_proba, block.y_proba_of_zero, None  # type: ignore[return-value]


def is_hard(block: Block) -> bool:
    """Whether every label of the block is 0 or 1 and no row has a weight."""
    return block.y_true.dtype == np.uint8 and block.sample_weight is None


def pieces_of(block: Block) -> list[Block]:
    """The rows of a block that `is_hard` and those that are not: which row is which must not depend on the cut."""
    if block.y_true.dtype == np.uint8 or block.sample_weight is not None:
        return [block]
    is_whole = (block.y_true == 0) | (block.y_true == 1)
    if not is_whole.any():
        return [block]
    hard = block.taken(is_whole)
    return [replace(hard, y_true=hard.y_true.astype(np.uint8)), block.taken(~is_whole)]
