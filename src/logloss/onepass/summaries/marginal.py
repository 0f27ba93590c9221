"""Sums for average marginal effects: mean slopes, mean probabilities at each level, their derivatives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from logloss.data.block import Block
from logloss.data.coded import Coded
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.onepass.kernels import by_group
from logloss.onepass.summaries.contract import BlockwiseSummary, forecast_of, mass_of, pieces, times_of
from logloss.text import count, significant


@dataclass(frozen=True, slots=True, repr=False)
class MarginalSummary(BlockwiseSummary):
    """Sums over rows with log-odds z = `y_logit` and weight w, p = σ(z), x as the design lays coefficients out.

    values: coefficients on numbers less their centre, shape (width,). chosen: categories whose levels are compared, by
    their number. sum_slopes: Σwp(1 − p). bends: Σwp(1 − p)(1 − 2p)x, shape (width,). For each chosen category, every
    row set to each of its levels in turn: sums of p, shape (n_levels,), and of p(1 − p)x, shape (n_levels, width).
    """

    design: Design
    values: Array = field(compare=False)
    chosen: tuple[int, ...]
    n_rows: int = 0
    n_dropped: int = 0
    sum_weight: float = 0.0
    coding: frozenset[Any] = frozenset()
    sum_slopes: float = 0.0
    bends: Any = None
    at_levels: tuple[Any, ...] = ()
    slopes_at_levels: tuple[Any, ...] = ()
    n_settings: ClassVar[int] = 3

    @classmethod
    def empty(cls, design: Design, values: Array, chosen: tuple[int, ...]) -> MarginalSummary:
        """Of no rows."""
        sizes = [len(design.categories[number].levels) for number in chosen]
        at_levels = tuple(np.zeros(size) for size in sizes)
        slopes = tuple(np.zeros((size, design.width)) for size in sizes)
        return cls(design, values, chosen, 0, 0, 0.0, frozenset(), 0.0, np.zeros(design.width), at_levels, slopes)

    def of_block(self, block: Block) -> MarginalSummary:
        """Of the rows of a block, piece by piece. Cost: O(n_rows · width), and once more for each level compared."""
        from scipy.special import expit

        design, mass, every = self.design, mass_of(block), forecast_of(block)[0]
        coded = design.coded(block.features)
        sum_slopes, bends = 0.0, np.zeros(design.width)
        empty = MarginalSummary.empty(design, self.values, self.chosen)
        for start, stop in pieces(block.n_rows):
            numbers = np.column_stack([np.ones(stop - start), coded.piece(start, stop)])
            logits, own = every[start:stop], mass[start:stop]
            p, q = expit(logits), expit(-logits)
            slopes = own * p * q
            sum_slopes += float(slopes.sum())
            bends += _sums_of(coded, start, stop, numbers, (slopes * (q - p))[:, None])[0]
            for at, slopes_at, number in zip(empty.at_levels, empty.slopes_at_levels, self.chosen, strict=True):
                span = design.spans[number]
                levels = self.values[span]
                rest = logits - _with_usual(levels, design, number)[coded.codes[number][start:stop]]
                shifted = rest[:, None] + levels
                p = expit(shifted)
                at += own @ p
                slopes = p * expit(-shifted) * own[:, None]
                found = _sums_of(coded, start, stop, numbers, slopes)
                # Each row has the level that it is set to, not its own.
                found[:, span] = np.diag(slopes.sum(axis=0))
                slopes_at += found
        return MarginalSummary(
            design,
            self.values,
            self.chosen,
            times_of(block),
            block.n_dropped,
            float(mass.sum()),
            block.coding,
            sum_slopes,
            bends,
            empty.at_levels,
            empty.slopes_at_levels,
        )

    def __repr__(self) -> str:
        mean = significant(self.sum_slopes / self.sum_weight) if self.sum_weight else "0"
        return f"MarginalSummary: n_rows={count(self.n_rows)}  mean_slope={mean}"


def _with_usual(levels: Array, design: Design, number: int) -> Array:
    """The coefficients of a category's levels, and after the last the average one: of levels new to the model."""
    return np.append(levels, np.average(levels, weights=design.categories[number].weights))


def _sums_of(coded: Coded, start: int, stop: int, numbers: Array, factors: Array) -> Array:
    """Σ factor · x of some rows, shape (n_factors, width); numbers: 1, and those less their centre."""
    design = coded.design
    sums = np.empty((factors.shape[1], design.width))
    sums[:, : numbers.shape[1]] = factors.T @ numbers
    unity = np.ones(stop - start)
    for span, term, codes in zip(design.spans, design.categories, coded.codes, strict=True):
        each = np.zeros((len(term.levels) + 1, factors.shape[1]))
        by_group.segment_sums(codes[start:stop], unity, np.ascontiguousarray(factors), each)
        shares = np.array(term.weights) / np.sum(term.weights)
        sums[:, span] = (each[:-1] + shares[:, None] * each[-1]).T
    return sums
