"""The passes of a fit over the rows of a sparse table, or of an array of many columns, whatever its penalty.

>>> import numpy as np, scipy.sparse
>>> from logloss.data.sparse_rows import SparseRows
>>> passes = SparsePasses()
>>> passes.rows = SparseRows.of(scipy.sparse.csr_array([[1.0], [2.0]]), np.array([0, 1], np.uint8))
>>> passes.fit_intercept = True
>>> sums, gradient, curvatures = passes.sums_at(np.zeros(2), np.zeros(1))
>>> gradient.tolist(), curvatures.tolist()
([0.0, -0.5], [0.25, 0.25])
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from logloss.data.dense_matrix import frozen
from logloss.data.rows import Array
from logloss.data.sparse_rows import SparsePart, SparseRows
from logloss.onepass.kernels import csr_rows
from logloss.onepass.run import map_and_merge
from logloss.onepass.summaries.sparse_sums import SparseGradientSummary, SparsePoint
from logloss.training.certificate import Pass
from logloss.training.interruptible import PASSES, tell_phase


class SparsePasses:
    """Rows, and what their passes need; vectors of coefficients have the intercept first.

    sum_weight: of the rows. on_pass: called with each pass that is told.
    """

    rows: SparseRows
    fit_intercept: bool
    sum_weight: float
    progress: Callable[[Any], None] | None = None
    on_pass: Callable[[Pass], None] | None = None

    @property
    def n_columns(self) -> int:
        """How many columns the table has."""
        return self.rows.matrix.n_columns

    @cached_property
    def parts(self) -> list[SparsePart]:
        """The rows as threads sum them up."""
        return self.rows.parts()

    def summarised(self, empty: Any) -> Any:
        """One walk over the rows."""
        tell_phase(self.progress, PASSES)
        return map_and_merge(self.parts, empty, progress=self.progress)

    def sums_at(self, at: Array, squares: Array | float) -> tuple[SparseGradientSummary, Array, Array]:
        """(Sums at a point, the gradient of loss and Σ squares · w² / 2, the curvature of each row): one walk."""
        curvatures = np.empty(self.rows.matrix.n_rows)
        point = SparsePoint(float(at[0]), frozen(at[1:]), curvatures)
        sums = self.summarised(SparseGradientSummary.empty(point))
        gradient = np.empty(len(at))
        gradient[0] = sums.sums[csr_rows.RESIDUAL] if self.fit_intercept else 0.0
        np.multiply(squares, at[1:], out=gradient[1:])
        gradient[1:] += sums.of_columns[:, 0]
        return sums, gradient, frozen(curvatures)

    def told(self, at: Array, total_loss: float, bound: float, penalty: float) -> Pass:
        """The result of a pass, per row; without the coefficients, of which there may be millions."""
        of_row = (each / self.sum_weight for each in (total_loss, bound, penalty))
        own = Pass(float(at[0]), (), *of_row)
        if self.on_pass is not None:
            self.on_pass(own)
        return own
