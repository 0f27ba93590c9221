r"""A confidence sequence for a difference in log loss, and an e-value by betting, from sums of periods.

Before a period both forecasts and all weights are fixed; then the period's difference X (the sum of w·d over its rows,
d being the difference of the two losses) lies between its least possible value and that plus its range
R = Σ w·\|r − s\|, with r and s the logits. Nothing is assumed of how rows of a period depend on each other, and nothing
of how one period depends on those before it.

**The sequence.** For every x̂ that is fixed before the period, c the largest that x̂ − X can be, and 0 ≤ λ < 1/c,
exp(λ(X − E X) − ψ(λ, c)·(X − x̂)²) has an expectation of at most 1, ψ(λ, c) = (−log(1 − λc) − λc)/c² (Fan, Grama and
Liu 2015, doi:10.1214/EJP.v20-3496; Howard, Ramdas, McAuliffe and Sekhon 2021, doi:10.1214/20-AOS1991, theorem 4); and
so has exp(λ(X − E X) − λ²R²/8) for every λ (Hoeffding). Products over periods are supermartingales, and so is a mean of
them over fixed λ; one whose λc reaches 1 counts as 0 from there on. With probability 1 − α/2 the mean stays below 2/α
**at all times**, which bounds Σ(X − E X) from above, and that of −X from below. What the interval holds is the mean of
E X over the periods so far (Choe and Ramdas 2024, doi:10.1287/opre.2021.0792).

Where rows of a period are independent, given the forecasts, each row is a period of its own as far as the sums of the
period tell: Σ(w·d)² stands in place of (X − x̂)², and no row's range is larger than the root of Σ(w·\|r − s\|)².

**The e-value.** If the expected loss of one forecaster is lower in no period, E X ≤ 0 in each, and Π(1 + λX) is a
supermartingale for every λ ≤ 1/\|least possible X\| that is fixed before the period; so is a mean over fixed λ, each
kept below that bound. It is 20 or more at any time with probability 0.05 at most (Henzi and Ziegel 2022,
doi:10.1093/biomet/asab047; Waudby-Smith and Ramdas 2024, doi:10.1093/jrsssb/qkad009).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from logloss.data.values import Array

# Each λ is half of the one before. The first ones are for a first period that is unusually large, and for forecasts
# that hardly differ; the last ones for rows of later periods that depend on each other much more than those of it.
HALVINGS = np.arange(-10, 23)
# The likeliest λ. A forecast that is right has its fastest growth at ½ per nat, if rows are independent; where rows of
# a period depend on each other, at a part of the bound 1/R. Both are fixed by the forecasts, the bound by those of the
# first period in which they differ: where that is next to nothing, by rounding say, the other holds.
PER_NAT, OF_BOUND = 1 / 4, 1 / 8
# Weights fall with the square of the distance from the likeliest, so that none is out of reach.
SPREAD = 4.0
# What is left to the bound that looks at no outcome: it is the narrower one only in the first periods.
SHARE_OF_HOEFFDING = 0.1
# A bet never risks more than this part of what it holds: at 1 a single period could lose all of it.
LARGEST_STAKE = 0.9
# Newton's steps towards a boundary, from above: more change no digit.
N_STEPS = 12
# Periods for which all λ are held at once: 32 KiB an array for each of some 60.
PIECE_PERIODS = 1 << 12


@dataclass(frozen=True, slots=True)
class PeriodDeltas:
    """Of each period, in any common unit of weight: weights (above 0), differences, their ranges and least possible
    values; and where rows of a period are independent the sums of squares of differences and ranges. row: the weight
    of a row of the first period."""

    weights: Array
    deltas: Array
    ranges: Array
    least: Array
    row: float
    squares: Array | None = None
    squares_of_ranges: Array | None = None

    @property
    def first(self) -> int:
        """The first period in which the two differ; −1 if there is none."""
        differing = np.flatnonzero(self.ranges > 0)
        return int(differing[0]) if len(differing) else -1

    @property
    def guess(self) -> Array:
        """Predicted difference of each period: the mean of those before, as if the period had been seen once with 0."""
        if self.squares is not None:
            # Of each row: 0 lies between its two possible differences.
            return np.zeros(len(self.deltas))
        before, so_far = np.cumsum(self.deltas) - self.deltas, np.cumsum(self.weights)
        return np.clip(self.weights * before / so_far, self.least, self.least + self.ranges)

    def largest_miss(self, guess: Array, side: int) -> Array:
        """By how much a guess can be too large (side 1), or too small (−1)."""
        largest = guess - self.least if side > 0 else self.least + self.ranges - guess
        if self.squares_of_ranges is None:
            return largest
        # Of each row, with a guess of 0.
        return np.minimum(largest, np.sqrt(self.squares_of_ranges))

    @property
    def most_variance(self) -> Array:
        """The largest variance that a period can have (Hoeffding): a quarter of the square of its range."""
        return (self.ranges**2 if self.squares_of_ranges is None else self.squares_of_ranges) / 4


def rates_of(deltas: PeriodDeltas) -> tuple[Array, Array]:
    """(The λ that are mixed, the logarithms of their weights)."""
    bound = deltas.ranges[deltas.first]
    if deltas.squares_of_ranges is not None:
        bound = min(bound, math.sqrt(deltas.squares_of_ranges[deltas.first]))
    weights = 1 / (SPREAD + HALVINGS.astype(np.float64) ** 2)
    # The bound may be next to nothing, and its inverse beyond the floats.
    likeliest = PER_NAT / max(deltas.row, PER_NAT / OF_BOUND * bound)
    return 0.5**HALVINGS * likeliest, np.log(weights / weights.sum())


def psi(scaled: Array) -> Array:
    """(−log(1 − x) − x) / x², and ½ at 0; inf from 1 on."""
    x = np.minimum(scaled, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where x is small the difference would lose its digits: the series to x⁷ is right to 1 ULP below 0.01.
        series = 0.5 + x * (1 / 3 + x * (1 / 4 + x * (1 / 5 + x * (1 / 6 + x * (1 / 7 + x * (1 / 8 + x / 9))))))
        return np.where(x < 0.01, series, (-np.log1p(-x) - x) / (x * x))


def sequence_of(deltas: PeriodDeltas, alpha: float) -> tuple[Array, Array, Array]:
    """(Mean difference so far, low, high) after each period: the ends hold for all periods at once, with 1 − alpha."""
    so_far = np.cumsum(deltas.weights)
    mean = np.cumsum(deltas.deltas) / so_far
    if deltas.first < 0:
        return mean, np.full(len(mean), -np.inf), np.full(len(mean), np.inf)
    with np.errstate(over="ignore"):
        # Periods that weigh next to nothing bound nothing.
        below, above = (_boundary(deltas, side, alpha / 2) / so_far for side in (1, -1))
    # Before the two differ there is nothing to see.
    below[: deltas.first] = above[: deltas.first] = np.inf
    return mean, mean - below, mean + above


def _boundary(deltas: PeriodDeltas, side: int, alpha: float) -> Array:
    """How far Σ(X − E X) is above 0 at most (side 1), or below (−1), but for a probability of alpha."""
    rates, log_weights = rates_of(deltas)
    guess, most = deltas.guess, deltas.most_variance
    bounds = deltas.largest_miss(guess, side)
    squared = (deltas.deltas - guess) ** 2 if deltas.squares is None else deltas.squares
    empirical = log_weights + math.log1p(-SHARE_OF_HOEFFDING)
    both_rates = np.concatenate([rates, rates])[:, None]
    boundary, spent = np.empty(len(bounds)), np.zeros((2, len(rates), 1))
    for start in range(0, len(bounds), PIECE_PERIODS):
        piece = slice(start, start + PIECE_PERIODS)
        with np.errstate(over="ignore", invalid="ignore"):
            of_empirical = rates[:, None] ** 2 * psi(rates[:, None] * bounds[piece])
            of_empirical = np.where(np.isfinite(of_empirical), of_empirical * squared[piece], np.inf)
            of_hoeffding = rates[:, None] ** 2 / 2 * most[piece]
        so_far = spent + np.cumsum(np.stack([of_empirical, of_hoeffding]), axis=2)
        spent = so_far[:, :, -1:]
        heads = np.concatenate(
            [empirical[:, None] - so_far[0], (log_weights + math.log(SHARE_OF_HOEFFDING))[:, None] - so_far[1]]
        )
        boundary[piece] = _crossing(heads, both_rates, math.log(1 / alpha))
    return boundary


def _crossing(heads: Array, rates: Array, level: float) -> Array:
    """Where log Σ exp(head + rate·s) reaches a level, by column: convex in s, so that Newton's steps from above never
    pass below it."""
    # Where one term alone reaches the level, so has the sum.
    with np.errstate(invalid="ignore"):
        s = ((level - heads) / rates).min(axis=0)
    for _ in range(N_STEPS):
        terms = heads + rates * s
        most = terms.max(axis=0)
        shares = np.exp(terms - most)
        total = shares.sum(axis=0)
        excess = most + np.log(total) - level
        step = np.maximum(excess, 0.0) * total / (rates * shares).sum(axis=0)
        s = s - step
        if not (step > 1e-12 * s).any():
            break
    return s


def log_e_value_of(deltas: PeriodDeltas) -> Array:
    """Natural logarithm of the e-value after each period; null: the expected difference is above 0 in no period."""
    if deltas.first < 0:
        return np.zeros(len(deltas.deltas))
    if deltas.squares is not None:
        # Bets on rows win more where periods have many, bets on periods where they have few: half is put on each.
        on_periods = replace(deltas, squares=None, squares_of_ranges=None)
        return np.logaddexp(_log_wealth(deltas), _log_wealth(on_periods)) - math.log(2)
    return _log_wealth(deltas)


def _log_wealth(deltas: PeriodDeltas) -> Array:
    """The logarithm of the wealth of bets of all rates together after each period."""
    rates, log_weights = rates_of(deltas)
    wealth, won = np.empty(len(deltas.deltas)), np.zeros((len(rates), 1))
    for start in range(0, len(wealth), PIECE_PERIODS):
        piece = slice(start, start + PIECE_PERIODS)
        so_far = won + np.cumsum(_log_factors(deltas, rates[:, None], piece), axis=1)
        won = so_far[:, -1:]
        terms = log_weights[:, None] + so_far
        most = terms.max(axis=0)
        wealth[piece] = most + np.log(np.exp(terms - most).sum(axis=0))
    return wealth


def _log_factors(deltas: PeriodDeltas, rates: Array, piece: slice) -> Array:
    """The logarithm of what each λ wins in each period."""
    won = deltas.deltas[piece]
    if deltas.squares is None:
        with np.errstate(divide="ignore", over="ignore"):
            most = LARGEST_STAKE / np.abs(deltas.least[piece])
        return np.log1p(np.minimum(rates, most) * won)
    # Rows are not kept: of each the bound exp(λd − ψd²) ≤ 1 + λd, with the λ that every row of the period can bear.
    bounds = deltas.largest_miss(np.zeros(len(deltas.deltas)), 1)[piece]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        rates = np.minimum(rates, LARGEST_STAKE / bounds)
        won = rates * won - rates**2 * psi(rates * bounds) * deltas.squares[piece]
    return np.where(bounds > 0, won, 0.0)
