"""The random sample with which the fit of a large table begins: how many rows, and how they are handed out.

>>> sample_size(1_000_000, 20), sample_size(20_000, 20)
(100000, 256)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.block import Block
from logloss.data.design import Design
from logloss.data.rows import Array, Column
from logloss.data.terms import Numbers, coded_column

if TYPE_CHECKING:
    from logloss.onepass.summaries import SampleSummary

# A warm start pays from so many rows on; its sample is a tenth of the rows within these limits.
LARGE_TABLE = 50_000
SAMPLE_SHARE, MOST_SAMPLED, MOST_SAMPLED_VALUES = 0.1, 400_000, 8_000_000
# Of tables of at most so many rows all are drawn; of others, which need no warm start, enough to see what is typical.
KEPT_WHOLE = 1_000
ENOUGH_TO_SEE = 256
# Parts that a sample is cut into: fixed, so that the cut does not depend on the number of threads.
SAMPLE_PARTS = 8
# Rows per coefficient that a sample should have.
ROWS_PER_COEFFICIENT = 20


@dataclass(frozen=True, slots=True)
class SamplePart:
    """Rows of a sample that one worker walks."""

    block: Block

    def blocks(self) -> Iterator[Block]:
        """Its only block."""
        yield self.block


def sample_size(n_rows: int | None, n_values: int) -> int:
    """How many rows to draw: for the warm start of a large table, or to leave each out in turn of a small one."""
    most = min(MOST_SAMPLED, max(MOST_SAMPLED_VALUES // max(n_values, 1), LARGE_TABLE // 10))
    if n_rows is None or n_rows <= KEPT_WHOLE:
        return most
    return ENOUGH_TO_SEE if n_rows < LARGE_TABLE else min(int(n_rows * SAMPLE_SHARE), most)


def starting_sample(design: Design, drawn: SampleSummary) -> Block | None:
    """The rows with which the fit of a large table begins; None where they are too few."""
    n_free, n_drawn = len(design.free), len(drawn.priorities)
    # Of a small text file all rows were drawn, as nobody knew how many there are: that is no sample.
    if drawn.n_rows < LARGE_TABLE or n_free < 2 or n_drawn < max(ROWS_PER_COEFFICIENT * n_free, LARGE_TABLE // 10):
        return None
    return sampled_block(design, drawn.chosen())


def sampled_block(design: Design, pieces: Sequence[tuple[Array, Block]]) -> Block:
    """The rows of a sample in random order, with levels as the design numbers them."""
    order = np.argsort(np.concatenate([own for own, _ in pieces]), kind="stable")
    blocks = [rows for _, rows in pieces]

    def joined(arrays: Sequence[Array]) -> Array:
        together = np.concatenate(arrays)[order]
        together.flags.writeable = False
        return together

    def joined_if_any(arrays: Sequence[Array | None]) -> Array | None:
        known = [array for array in arrays if array is not None]
        return joined(known) if known else None

    features = []
    for j, term in enumerate(design.terms):
        own = [rows.features[j] for rows in blocks]
        if isinstance(term, Numbers):
            features.append(Column(joined([column.values for column in own]), names=own[0].names))
        else:
            features.append(coded_column(term, own, joined))
    is_soft = any(rows.y_true.dtype != np.uint8 for rows in blocks)
    labels = [rows.y_true.astype(np.float64) if is_soft else rows.y_true for rows in blocks]
    return replace(
        blocks[0],
        y_true=joined(labels),
        sample_weight=joined_if_any([rows.sample_weight for rows in blocks]),
        counts=joined_if_any([rows.counts for rows in blocks]),
        offset=joined_if_any([rows.offset for rows in blocks]),
        features=tuple(features),
        by=(),
        cluster=(),
        rows=np.arange(len(order)),
        n_dropped=0,
    )


def cut(sample: Block, n_rows: int | None = None) -> list[Block]:
    """The first rows of a sample, or all, in blocks that do not depend on the number of threads."""
    step = sample.n_rows // SAMPLE_PARTS + 1
    stop = sample.n_rows if n_rows is None else n_rows
    return [sample.taken(np.arange(k, min(k + step, stop))) for k in range(0, stop, step)]
