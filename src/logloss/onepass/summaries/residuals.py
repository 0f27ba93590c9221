"""The rows of a block at one point, piece by piece: what summaries of single rows at a fit begin with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.block import Block
from logloss.data.design import Coded
from logloss.data.rows import Array
from logloss.onepass.kernels import exact, logistic_loss
from logloss.onepass.summaries.blockwise import pieces

if TYPE_CHECKING:
    from logloss.onepass.summaries.curvature import Point


def residuals_of(
    block: Block, coded: Coded, point: Point, limbs: Array | None = None
) -> Iterator[tuple[int, int, Array, Array, Array]]:
    """(start, stop, numbers less their centre, [residuals, curvatures], logits) of each piece; losses go to `limbs`.

    Residuals and curvatures are those of `logistic_loss.logistic_rows`, times weight and count.
    """
    coefficients = point.coefficients / coded.design.scale
    limbs = exact.new_limbs(1) if limbs is None else limbs
    for start, stop in pieces(block.n_rows):
        piece = coded.piece(start, stop)
        logits = coded.logits(coefficients, start, stop, piece)
        if block.offset is not None:
            logits += block.offset[start:stop]
        weights = None if block.sample_weight is None else block.sample_weight[start:stop]
        counts = None if block.counts is None else block.counts[start:stop]
        own = np.empty((2, stop - start))
        logistic_loss.logistic_rows(block.y_true[start:stop], logits, weights, counts, own[0], own[1], limbs)
        yield start, stop, piece, own, logits
