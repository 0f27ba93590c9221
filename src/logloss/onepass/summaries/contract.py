"""What summaries and workspaces are, and how they read the forecasts of a block."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, Self

import numpy as np

from logloss.data.block import Block
from logloss.data.prior_shift import Unlabelled


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

    def merge(self, other: Any) -> Self:
        """The summary of the rows of both."""


def mass_of(block: Block) -> Any:
    """Weight times count of each row."""
    mass = np.ones(block.n_rows) if block.sample_weight is None else block.sample_weight
    return mass if block.counts is None else mass * block.counts


def forecast_of(block: Block | Unlabelled) -> tuple[Any, Any, Any]:
    """The forecasts of a block, or of rows without labels, as the kernels take them: P(1), P(0), logits."""
    if block.y_logit is not None:
        return block.y_logit, None, block.y_logit
    return block.y_proba, block.y_proba_of_zero, None


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
