"""Equal rows of a table in memory become one that weighs as much: a fit of far fewer rows begins with these.

What is equal is found by one number for each row, which other rows hardly ever share. The fit of all rows starts from
the optimum of the distinct ones: should two different rows have been put together, it takes a pass more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.data.source import KeptSource

if TYPE_CHECKING:
    from logloss.data.block import Block
    from logloss.training.problem import Problem

# Of a sample at most such a share is distinct; of all rows a smaller one is.
MOST_DISTINCT = 0.5


def with_distinct_rows(problem: Problem, sample: Block) -> Problem | None:
    """The same problem of the distinct rows; None where the sample has few equal rows, or rows are not in memory."""
    if not isinstance(problem.source, KeptSource):
        return None
    if len(np.unique(_keys_of(sample, problem.design))) > MOST_DISTINCT * sample.n_rows:
        return None
    blocks = tuple(distinct_rows(block, problem.design) for block in problem.source.kept_blocks(problem.roles))
    return replace(problem, blocks=blocks, n_rows=sum(block.n_rows for block in blocks), on_pass=None)


def distinct_rows(block: Block, design: Design) -> Block:
    """The distinct rows of a block, each with the weight of all that are equal to it."""
    from logloss.onepass.summaries import mass_of

    _, first, number = np.unique(_keys_of(block, design), return_index=True, return_inverse=True)
    # In the order of the table, in which they are read fastest.
    order = np.argsort(first)
    weights = np.bincount(number, mass_of(block))[order]
    return replace(block.taken(first[order]), sample_weight=weights, counts=None)


def _keys_of(block: Block, design: Design) -> Array:
    """A number for each row: a combination of its values, label and offset with arbitrary coefficients."""
    from logloss.onepass.kernels.hashing import GOLDEN, splitmix
    from logloss.onepass.summaries.contract import pieces

    coded = design.coded(block.features)
    with np.errstate(over="ignore"):
        arbitrary = 0.5 + splitmix(np.arange(2 + design.width, dtype=np.uint64) * np.uint64(GOLDEN)) / 2.0**64
    keys = arbitrary[0] * block.y_true
    if block.offset is not None:
        keys += arbitrary[1] * block.offset
    for start, stop in pieces(block.n_rows):
        keys[start:stop] += coded.logits(arbitrary[2:] / design.scale, start, stop)
    return keys
