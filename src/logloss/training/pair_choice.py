"""Which pairs of columns an additive model gets: those that are named, or all that the data speak for.

One pass over the rows sums residuals and curvatures of all pairs on coarse tables. A pair is kept where it raises the
log marginal likelihood of the quadratic approximation by 2 nats or more, at the precision that is best for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.block import Block
from logloss.data.design import Design
from logloss.data.pairs import Side, pair_of, side_of_levels, side_of_numbers
from logloss.data.rows import Array
from logloss.data.shapes import Shape
from logloss.data.terms import Category, Numbers
from logloss.errors import DataError
from logloss.text import printable
from logloss.training.problem import Problem

if TYPE_CHECKING:
    from logloss.onepass.summaries import CurvatureSummary

# Columns of which all pairs are looked at, those of the largest effects first, and pairs that are kept at most.
MOST_COLUMNS, MOST_PAIRS = 100, 500
# Nats by which a pair must raise the log marginal likelihood: odds of 7 to 1.
LEAST_EVIDENCE = 2.0
# Precisions that are tried, per row of unit weight.
PRECISIONS = np.geomspace(0.3, 3e4, 24)


def with_sides(design: Design, rows: Sequence[Block]) -> Design:
    """A design with a side for each term, but for what must be monotone; rows: drawn ones."""
    from logloss.onepass.summaries import mass_of

    weights = np.concatenate([mass_of(each) for each in rows])
    sides: list[Side] = []
    for j, term in enumerate(design.terms):
        if isinstance(term, Numbers) or (isinstance(term, Shape) and term.constraint):
            continue
        own = [each.features[j] for each in rows]
        if isinstance(term, Category):
            sides.append(side_of_levels(term))
        else:
            sides.append(side_of_numbers(term, np.concatenate([each.values for each in own]).astype(float), weights))
    return replace(design, sides=tuple(sides))


def screened(problem: Problem, at: Array, unit: float, n_most: int = MOST_PAIRS) -> tuple[Design, Array]:
    """(The design with the pairs that the data speak for, best first, the precision of each). One pass."""
    design = problem.design
    spreads = spreads_of(design, at)
    usable = [k for k, side in enumerate(design.sides) if len(side.variances)]
    usable = sorted(sorted(usable, key=lambda k: -spreads[design.sides[k].column])[:MOST_COLUMNS])
    found = replace(design, pairs=tuple(pair_of(design.sides, i, j) for i, j in combinations(usable, 2)))
    evidence, precisions = _evidence(problem, found, at, unit)
    best = [k for k in np.argsort(-evidence, kind="stable").tolist() if evidence[k] > LEAST_EVIDENCE][:n_most]
    return replace(design, pairs=tuple(found.pairs[k] for k in best)), precisions[best]


def spreads_of(design: Design, at: Array) -> dict[str, float]:
    """The standard deviation, over the training rows, of what each term adds to the log-odds, by its column."""
    values, found = at[: design.width_of_terms] / design.scale[: design.width_of_terms], {}
    for term, span in zip(design.terms, design.spans_of_terms, strict=True):
        if isinstance(term, Numbers):
            continue
        effect = values[span] if isinstance(term, Category) else term.basis @ values[span]
        weights = np.array(term.weights)
        mean = np.average(effect, weights=weights)
        found[term.column] = float(np.sqrt(np.average((effect - mean) ** 2, weights=weights)))
    return found


def named(problem: Problem, at: Array, names: Iterable[tuple[str, str]], unit: float) -> tuple[Design, Array]:
    """(The design with the pairs that are named, the precision of each to begin with). One pass."""
    design = problem.design
    places = {side.column: k for k, side in enumerate(design.sides)}
    pairs = []
    for pair in names:
        for name in pair:
            if name not in places:
                raise DataError(
                    f'"{printable(name)}" is in `monotonic_cst`, and a table beside it need not be monotone. Leave it '
                    "out of `pairs`, or out of `monotonic_cst`."
                )
            if not len(design.sides[places[name]].variances):
                raise DataError(f'"{printable(name)}" is constant and has no part in a pair. Leave it out of `pairs`.')
        pairs.append(pair_of(design.sides, *(places[name] for name in pair)))
    design = replace(design, pairs=tuple(pairs))
    return design, _evidence(problem, design, at, unit)[1]


def _evidence(problem: Problem, design: Design, at: Array, unit: float) -> tuple[Array, Array]:
    """(By how many nats each pair raises the marginal likelihood, the precision at which it does)."""
    beside = replace(problem, design=design, free=design.free, precisions=None)
    sums = beside.curvature(np.concatenate([at, np.zeros(design.width - len(at))]), wants_hessian=False)
    found = np.array([_evidence_of(each, unit) for each in _quadratics(sums)]).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _quadratics(sums: CurvatureSummary) -> Iterable[tuple[Array, Array]]:
    """The gradient and the Hessian of each pair by itself, in the user's coordinates."""
    design = sums.point.design
    for span, each, weights in zip(design.pair_spans, design.tables, sums.of_pairs, strict=True):
        yield sums.gradient[span] * each.scale, each.gram(weights)


def _evidence_of(quadratic: tuple[Array, Array], unit: float) -> tuple[float, float]:
    gradient, hessian = quadratic
    values, vectors = np.linalg.eigh(hessian / unit)
    values = np.maximum(values, 0.0)[:, None]
    squares = (vectors.T @ gradient / unit)[:, None] ** 2
    gains = 0.5 * (squares / (values + PRECISIONS) - np.log1p(values / PRECISIONS)).sum(axis=0)
    best = int(np.argmax(gains))
    return float(gains[best]), float(PRECISIONS[best])
