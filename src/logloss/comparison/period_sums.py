"""What is known of each period of two forecasts: exact sums of the summary as floats, relative to all weight."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from logloss.data.values import Array
from logloss.onepass.kernels.exact import ratio
from logloss.onepass.summaries import ComparisonSummary, pairs_of
from logloss.onepass.summaries.group_gaps import column_of_pair


@dataclass(frozen=True, slots=True, eq=False)
class PeriodSums:
    """Sums of each of T periods, in the order of time; d: the difference of the two losses in a row, w its weight.

    names: the periods, numbers or texts. total: all weight; sums of w are shares of it, squares of its square.
    weights: Σ w. deltas: Σ w·d. least: Σ w·(the lesser of the two values that d could have had), at most 0. ranges:
    Σ w·\\|r − s\\|, r and s being the logits; deltas lie between least and least + ranges, to rounding, and so does 0,
    exactly. squares: Σ (w·d)². squares_of_range: Σ (w·\\|r − s\\|)². n_rows, n_unbounded: rows, and those of a range
    without bound, which enter least, ranges and squares as 0. n_infinite: (T, 2), those with an infinite
    loss under the first of the pair and under the second, and enter deltas as loss 0.
    """

    names: tuple[Any, ...]
    total: Fraction
    weights: Array
    deltas: Array
    least: Array
    ranges: Array
    squares: Array
    squares_of_range: Array
    n_rows: Array
    n_infinite: Array
    n_unbounded: Array

    @classmethod
    def of(cls, summary: ComparisonSummary, pair: tuple[int, int], sign: int) -> PeriodSums:
        """Of a summary with periods: of sign × (loss of the first of the pair − that of the second), first < second."""
        periods, n_forecasts = summary.periods, len(summary.losses)
        if periods is None:
            raise ValueError("a summary without periods")
        pairs = pairs_of(n_forecasts)
        place = pairs.index(pair)
        table, counts = periods.sums, periods.totals.counts

        def exact(name: str) -> list[int]:
            return table.integers(column_of_pair(name, place, n_forecasts, len(pairs)))

        weights, first, second = (table.integers(column) for column in (0, 1 + pair[0], 1 + pair[1]))
        below, above = exact("below"), exact("above")
        total = sum(weights)
        # Sums are integers in units of u = 2^(32·first): (v·u) / (total·u)² = v / (total²·u).
        shift = 32 * table.first
        up, down = max(0, -shift), max(0, shift)
        of_squares = total * total << down
        squares, of_range = (
            np.array([ratio(value << up, of_squares) for value in exact(name)])
            for name in ("squares", "squares_of_range")
        )
        return cls(
            periods.names,
            Fraction(total << down, 1 << up),
            _over(weights, total),
            _over([sign * (a - b) for a, b in zip(first, second, strict=True)], total),
            -_over(below if sign > 0 else above, total),
            _over([a + b for a, b in zip(below, above, strict=True)], total),
            squares,
            of_range,
            counts[:, 0],
            counts[:, [1 + number for number in pair]],
            counts[:, 1 + n_forecasts + place],
        )


def _over(values: list[int], total: int) -> Array:
    """Each over the total, rounded once."""
    return np.array([ratio(value, total) for value in values])
