"""The fit of an additive model with pairs: no Hessian of all coefficients, which would be too large, is formed.

Steps are those of L-BFGS from the blocks of the Hessian: that of all terms together, and that of each pair. The
precisions of the pairs are chosen on the way, from these blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg

from logloss.data.rows import Array
from logloss.training.evaluation import PassHistory, lbfgs_step, with_pair
from logloss.training.factor import Factor
from logloss.training.problem import Problem

if TYPE_CHECKING:
    from logloss.onepass.summaries import CurvatureSummary

LEAST, MOST = 1e-4, 1e7
# Times that precisions are updated, each once the expected gain of a step has fallen to such a share.
N_UPDATES, ENOUGH = 4, 0.01
MOST_CHANGE = 10.0
# An update of a pair of so many products counts as one of a whole coefficient.
USUAL = 32


@dataclass(frozen=True, slots=True)
class Blocks:
    """The Hessian as if terms and pairs were orthogonal: of the terms, and the Cholesky factor of each pair."""

    of_terms: Factor
    of_pairs: tuple[Array, ...]

    def solve(self, gradient: Array) -> Array:
        """What is left of a gradient in the free coefficients."""
        n_terms = len(self.of_terms.hessian)
        found, at = [self.of_terms.solve(gradient[:n_terms])], n_terms
        for root in self.of_pairs:
            found.append(scipy.linalg.cho_solve((root, True), gradient[at : at + len(root)], check_finite=False))
            at += len(root)
        return np.concatenate(found)


def grams_of(sums: CurvatureSummary) -> list[Array]:
    """The block of each pair, in the solver's coordinates."""
    design = sums.point.design
    return [
        each.gram(weights) / each.scale / each.scale[:, None]
        for each, weights in zip(design.tables, sums.of_pairs, strict=True)
    ]


def blocks_of(problem: Problem, of_terms: Factor, grams: Sequence[Array]) -> Blocks:
    roots = []
    for span, gram in zip(problem.design.pair_spans, grams, strict=True):
        roots.append(np.linalg.cholesky(gram + np.diag(problem.penalty[span])))
    return Blocks(of_terms, tuple(roots))


def updated(problem: Problem, grams: Sequence[Array], at: Array, unit: float) -> Problem:
    """The problem with the precisions of the pairs that the blocks at a point ask for."""
    precisions = problem.precisions.copy()
    for span, each, gram in zip(problem.design.pair_spans, problem.design.tables, grams, strict=True):
        old = precisions[span.start] / unit
        r = span.stop - span.start
        own = gram * each.scale * each.scale[:, None] / unit
        values = np.maximum(np.linalg.eigvalsh(own), 0)
        left = r - old * float((1 / (values + old)).sum()) + min(1.0, r / USUAL)
        size = float(((at[span] / each.scale) ** 2).sum())
        new = min(max(left / max(size, 1e-300), old / MOST_CHANGE, LEAST), old * MOST_CHANGE, MOST)
        precisions[span] = new * unit
    return replace(problem, precisions=precisions)
