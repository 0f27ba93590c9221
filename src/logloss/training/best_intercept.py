"""Where fits begin: the best intercept where all coefficients are 0, beside offsets, too.

>>> import numpy as np, scipy.sparse
>>> rows = SparseRows.of(scipy.sparse.csr_array([[1.0], [2.0]]), np.array([0, 1], np.uint8), offset=np.full(2, 9.0))
>>> best_intercept(rows, 0.5)
-9.0
"""

from __future__ import annotations

import numpy as np

from logloss.answers.estimate import expit, logit
from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.data.source import KeptSource
from logloss.data.sparse_rows import SparseRows
from logloss.onepass.summaries.contract import mass_of
from logloss.training.problem import Problem

# Steps, a few of which Newton's method takes from where it converges, and the last one's length beside the intercept.
MOST_STEPS, NEAR = 100, 1e-12


def best_intercept(rows: SparseRows, base_rate: float) -> float:
    """The log-odds of the base rate; beside offsets the best intercept of rows of a matrix."""
    if not len(rows.offset):
        return logit(base_rate)
    mass = rows.mass if len(rows.mass) else np.ones(len(rows.labels))
    return _beside(rows.labels, mass, rows.offset, base_rate)


def first_intercept(problem: Problem, sample: Block | None = None, base_rate: float | None = None) -> float:
    """The same of a table: beside offsets by the rows at hand, all of a table in memory or a sample; 0 without any."""
    rate = problem.base_rate if base_rate is None else base_rate
    if not problem.fit_intercept:
        return 0.0
    if problem.roles.offset is None:
        return logit(rate)
    blocks = problem.blocks if sample is None else (sample,)
    if not blocks and isinstance(problem.source, KeptSource):
        blocks = tuple(problem.source.kept_blocks(problem.roles))
    parts = [(block.y_true.astype(np.float64), mass_of(block), block.offset) for block in blocks]
    if not parts:
        return 0.0
    labels, mass, offset = (np.concatenate(each) for each in zip(*parts, strict=True))
    return _beside(labels, mass, offset, rate)


def _beside(labels: Array, mass: Array, offset: Array, base_rate: float) -> float:
    """By Newton's method, and by bisection where that leaves the range.

    The best intercept is between those that move the largest and the least offset to the log-odds of the base rate.
    Cost: 20 ns a row a step, mostly five to ten of them.
    """
    of_rate = logit(base_rate)
    labels, mass, offset = (each[mass > 0] for each in (labels, mass, offset))
    low, high = of_rate - float(offset.max()), of_rate - float(offset.min())
    at, before = of_rate - float(np.average(offset, weights=mass)), np.inf
    for _ in range(MOST_STEPS):
        if not low < at < high:
            at = 0.5 * (low + high)
        if abs(at - before) <= NEAR * (1.0 + abs(at)):
            break
        ones, zeros = expit(offset + at), expit(-(offset + at))
        slope, curvature = float(mass @ ((1.0 - labels) * ones - labels * zeros)), float(mass @ (ones * zeros))
        low, high = (low, at) if slope > 0 else (at, high)
        before, at = at, at - slope / curvature if curvature > 0 else np.inf
    return at
