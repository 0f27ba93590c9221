"""The parts of a log loss: uncertainty − discrimination + miscalibration, and what chance alone would show of the last.

>>> from logloss.onepass.summaries import ScoreSummary
>>> from logloss.onepass.tables import CountTable
>>> from logloss.spread import spread_of
>>> import numpy as np
>>> half = 0x3FE0000000000000
>>> spread = spread_of(ScoreSummary("proba", False, 4, CountTable(np.array([half]), np.array([[1, 3]]))))
>>> round(Recalibration(spread).log_loss, 4)
0.5623

One isotonic fit (pool-adjacent-violators) serves every proper score. From a table it is exact. From bins it is bounded:
a map that is constant in each bin is a monotone map, so that pooling whole bins costs at least as much as the best one;
and moving a 0 before a 1 never costs more, so that pooling bins with all zeros before all ones costs at most as much.

References: Dimitriadis, Gneiting and Jordan (2021), doi:10.1073/pnas.2016191118; Brümmer and du Preez (2013),
arXiv:1304.2331; DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.estimates import CONFIDENCE, NEXT_TO_NOTHING, Estimate, Z, dot, expit, logit, with_interval
from logloss.information import entropy

if TYPE_CHECKING:
    from logloss.onepass.summaries import CostliestSummary
    from logloss.spread import Spread

N_DRAWS = 200
# Threads that draw; more do not help, as arrays are made under the interpreter's lock.
N_THREADS = 2
# Draws over fewer places are sooner made by one thread than handed to two.
FEWEST_SHARED = 1 << 12
# More places are put together before chance is drawn: what it shows of miscalibration changes by about 1 %.
MOST_DRAWN = 1 << 14
# Up to so many rows, chance is computed over all outcomes.
MOST_ENUMERATED = 20
# Two outcomes of equal miscalibration differ by the rounding of sums of at most 20 terms of order one.
TIE = 1e-12
THOUSAND = 1000


class Recalibration:
    """The isotonic fit of a spread: for each place its pool, the pool's share of ones, and what it would cost."""

    def __init__(self, spread: Spread) -> None:
        self.spread = spread
        ones, rows = spread.integers
        self.ones, self.rows, self.last = pooled(ones, rows)
        self.total, self.positive = int(rows.sum()), int(ones.sum())

    @cached_property
    def log_loss(self) -> float:
        """Mean log loss after recalibration, in nats: never infinite."""
        return self.uncertainty if len(self.rows) == 1 else entropy_of_pools(self.ones, self.rows, self.total)

    @cached_property
    def uncertainty(self) -> float:
        """Entropy of the base rate, from the rarer class."""
        return float(entropy(min(self.positive, self.total - self.positive) / self.total))

    @cached_property
    def least_log_loss(self) -> float:
        """What no isotonic map of the rows can go below, wherever they lie in their bins."""
        if self.spread.is_exact:
            return self.log_loss
        ones, rows = self.spread.integers
        halves = np.stack([0 * ones, ones], axis=1).reshape(-1), np.stack([rows - ones, ones], axis=1).reshape(-1)
        is_held = halves[1] > 0
        found, masses, _ = pooled(halves[0][is_held], halves[1][is_held])
        return entropy_of_pools(found, masses, self.total)

    @cached_property
    def pool_of(self) -> Any:
        """The number of the pool of each place."""
        return np.repeat(np.arange(len(self.last)), np.diff(self.last, prepend=-1))

    @cached_property
    def costs(self) -> tuple[Any, Any]:
        """What a row of 0, and of 1, costs at each place after recalibration; 0 where no such row is."""
        of_zero, of_one = (self.rows - self.ones) / self.rows, self.ones / self.rows
        with np.errstate(divide="ignore"):
            found = [-np.log(share.astype(np.float64)) for share in (of_zero, of_one)]
        zeros, ones = (np.where(np.isfinite(costs), costs, 0.0)[self.pool_of] for costs in found)
        return zeros, ones


def entropy_of_pools(ones: Any, rows: Any, total: int) -> float:
    """Σ rows·H(ones / rows) / total."""
    rarer = np.minimum(ones, rows - ones)
    return math.fsum((rows / total).astype(np.float64) * entropy((rarer / rows).astype(np.float64)))


def pooled(ones: Any, rows: Any) -> tuple[Any, Any, Any]:
    """(Ones, rows, last place) of each pool: neighbours are pooled until the share of ones increases, exactly."""
    from logloss.onepass.pools import pool_adjacent_violators

    if ones.dtype == np.int64:
        pool_ones, pool_rows = ones.copy(), rows.copy()
        n_pools = pool_adjacent_violators(pool_ones, pool_rows)
        last = np.searchsorted(np.cumsum(rows), np.cumsum(pool_rows[:n_pools]))
        return pool_ones[:n_pools], pool_rows[:n_pools], last
    # Sums of weights with many bits: the same pooling of Python's integers.
    kept: list[tuple[int, int, int]] = []
    for place, (one, row) in enumerate(zip(ones.tolist(), rows.tolist(), strict=True)):
        while kept and kept[-1][0] * row >= one * kept[-1][1]:
            before = kept.pop()
            one, row = one + before[0], row + before[1]
        kept.append((one, row, place))
    columns = zip(*kept, strict=True)
    pool_ones, pool_rows = (np.array(next(columns), object) for _ in range(2))
    return pool_ones, pool_rows, np.array(next(columns))


# (What a row of 0, and of 1, adds to a mean at each place; the mean) -> (its standard error, skewness of the sum).
ErrorOf = Callable[[Any, Any, float], tuple[float, float]]


def error_of_rows(spread: Spread, n_rows: int) -> ErrorOf:
    """Errors of means with rows as the independent observations.

    The skewness is 0 where it is not known: with weights or soft labels.
    """

    of_zeros, of_both, of_ones = spread.squares
    root_zeros, root_ones = np.sqrt(of_zeros), np.sqrt(of_ones)

    def error(zeros: Any, ones: Any, mean: float) -> tuple[float, float]:
        # Roots of the masses first: the square of what a row of a very light class adds would leave the floats.
        with np.errstate(over="ignore", invalid="ignore"):
            return _error(zeros - mean, ones - mean)

    def _error(zeros: Any, ones: Any) -> tuple[float, float]:
        d_zeros, d_ones = root_zeros * zeros, root_ones * ones
        variance = dot(d_zeros, d_zeros) + dot(d_ones, d_ones)
        if not spread.is_counted:
            variance += 2 * dot(of_both, zeros * ones)
        if not math.isfinite(variance):
            return math.nan, 0.0
        found = math.sqrt(max(variance, 0.0) * n_rows / max(n_rows - 1, 1))
        if not spread.is_counted or variance <= 0:
            return found, 0.0
        cubes = dot(d_zeros * d_zeros, zeros) + dot(d_ones * d_ones, ones)
        return found, cubes / (n_rows * variance**1.5)

    return error


class Miscalibration(Estimate):
    """The miscalibration, in nats, and what chance alone would show of it.

    by_chance: the mean of a calibrated forecaster with the same predictions; by_chance_95: what 95 in 100 of them stay
    below; p_value: the share of them that show as much as was found. All nan with `chance_reason` where they are not
    available. beyond_chance: value − by_chance with its interval. lowest, highest: what is certain of the value; equal
    to it where the scores were kept exactly.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
    >>> round(m.miscalibration, 4), round(m.miscalibration.by_chance, 4), round(m.miscalibration.p_value, 2)
    (0.3375, 0.3975, 0.84)
    """

    by_chance: float
    by_chance_95: float
    p_value: float
    chance_reason: str
    n_draws: int
    beyond_chance: Estimate
    lowest: float
    highest: float

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with everything it knows."""
        return _miscalibration, (float(self), dict(self.__dict__))


def _miscalibration(value: float, known: dict[str, Any]) -> Miscalibration:
    """A miscalibration with everything it knows."""
    self = Miscalibration(value)
    self.__dict__.update(known)
    return self


@dataclass(frozen=True, slots=True)
class Chance:
    """What calibrated forecasters with the same predictions show: mean, 95 % point, share of as much as observed."""

    mean: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    spread: float = math.nan
    n_draws: int = 0
    reason: str = ""


def decomposed(
    recalibration: Recalibration, log_loss: float, chance: Chance, error_of: ErrorOf, reason: str
) -> tuple[Estimate, Miscalibration]:
    """(Discrimination, miscalibration) of a log loss, with intervals unless there is a reason why not."""
    spread = recalibration.spread
    recalibrated, uncertainty = recalibration.log_loss, recalibration.uncertainty
    # Entropy is concave: below 0 is the rounding of two sums.
    discrimination = Estimate(max(uncertainty - recalibrated, 0.0), reason=reason)
    found = Miscalibration(max(log_loss - recalibrated, 0.0), reason=reason or "infinite")
    found.lowest, found.highest = float(found), max(log_loss - recalibration.least_log_loss, 0.0)
    found.by_chance, found.by_chance_95, found.p_value = chance.mean, chance.high, chance.p_value
    found.chance_reason, found.n_draws = chance.reason, chance.n_draws
    found.beyond_chance = Estimate(found - chance.mean, reason=reason or chance.reason or "infinite")
    if reason:
        return discrimination, found
    of_zeros, of_ones = recalibration.costs
    rate = recalibration.positive / recalibration.total
    if not 0 < rate < 1:
        is_one_class = recalibration.positive in (0, recalibration.total)
        return Estimate(discrimination, reason="one class" if is_one_class else NEXT_TO_NOTHING), found
    saved = -math.log1p(-rate) - of_zeros, -math.log(rate) - of_ones
    discrimination = with_interval(discrimination, *error_of(*saved, float(discrimination)), low=0.0)
    if math.isfinite(log_loss):
        lost = finite(spread.if_zero) - of_zeros, finite(spread.if_one) - of_ones
        error, skewness = error_of(*lost, float(found))
        if math.isnan(error):
            found.reason = "the losses are too large"
            return discrimination, found
        shown = with_interval(float(found), error, skewness, low=0.0)
        found.low, found.high, found.reason = shown.low, shown.high, ""
        if not math.isnan(chance.mean):
            found.beyond_chance = with_interval(found - chance.mean, error, skewness)
    return discrimination, found


def finite(costs: Any) -> Any:
    """Costs with 0 for those that no row pays."""
    return np.where(np.isfinite(costs), costs, 0.0)


def area_under_curve(spread: Spread, error_of: ErrorOf, reason: str) -> Estimate:
    """Probability that a row of 1 has a higher score than a row of 0, ties counting half; interval in its log-odds.

    DeLong's variance, from what each row contributes. Exact from a table, rounded once; from bins rows of one bin are
    ties.
    """
    from logloss.onepass.exact import ratio

    zeros, ones = zeros_and_ones(spread)
    mass_zero, mass_one = int(zeros.sum()), int(ones.sum())
    if not mass_zero or not mass_one:
        return Estimate(math.nan, reason="one class: there is no pair to compare")
    # Twice the mass of the other class below, or above, half of equals included: all are whole numbers.
    below, above = 2 * np.cumsum(zeros) - zeros, 2 * (mass_one - np.cumsum(ones)) + ones
    pairs, all_pairs = sum_of_products(ones, below), 2 * mass_zero * mass_one
    value = ratio(pairs, all_pairs)
    if reason:
        return Estimate(value, reason=reason)
    if pairs in (0, all_pairs):
        return Estimate(value, reason="every 1 lies above every 0" if pairs else "every 1 lies below every 0")
    total = mass_zero + mass_one
    share_zero, share_one = ratio(mass_zero, total), ratio(mass_one, total)
    rarer = min(share_zero, share_one)
    if not 0 < value < 1 or rarer == 0:
        return Estimate(value, reason=NEXT_TO_NOTHING)
    below, above = (below / (2 * mass_zero)).astype(np.float64), (above / (2 * mass_one)).astype(np.float64)
    # Over the mass of the rarer class, which may be next to nothing, at the end only.
    error, _ = error_of((above - value) * (rarer / share_zero), (below - value) * (rarer / share_one), 0.0)
    error /= rarer
    if not math.isfinite(error):
        return Estimate(value, reason=NEXT_TO_NOTHING)
    width = Z * error / (value * (1 - value))
    centre = logit(value)
    return Estimate(value, min(expit(centre - width), value), max(expit(centre + width), value))


def area_bounds(spread: Spread) -> tuple[float, float]:
    """What is certain of the area under the curve, wherever the rows lie in their bins."""
    zeros, ones = zeros_and_ones(spread)
    both = int(zeros.sum()) * int(ones.sum())
    below = sum_of_products(ones, np.cumsum(zeros) - zeros)
    return below / both, (below + (0 if spread.is_exact else sum_of_products(ones, zeros))) / both


def zeros_and_ones(spread: Spread) -> tuple[Any, Any]:
    """The masses of 0 and of 1 at each place, as integers in one unit."""
    ones, rows = spread.integers
    return rows - ones, ones


def sum_of_products(a: Any, b: Any) -> int:
    """Σ a·b of integers ≥ 0, exactly."""
    if a.dtype == np.int64 and int(a.sum()) * int(b.max(initial=0)) < 1 << 63:
        return int(np.einsum("i,i", a, b))
    return sum(one * other for one, other in zip(a.tolist(), b.tolist(), strict=True))


def chance_of(
    spread: Spread,
    costliest: CostliestSummary | None,
    miscalibration: float,
    n_rows: int,
    *,
    is_soft: bool,
    most: int = MOST_DRAWN,
) -> Chance:
    """What calibrated forecasters show: over all outcomes of few rows, else by draws that depend on the spread only.

    costliest: the rows themselves, where there are few; without them few rows with weights are drawn, too.
    """
    if is_soft:
        return Chance(reason="soft labels")
    if n_rows <= MOST_ENUMERATED and (costliest is not None or spread.is_counted):
        return _enumerated(spread, costliest, miscalibration)
    return _drawn(spread, miscalibration, most)


def _enumerated(spread: Spread, costliest: CostliestSummary | None, miscalibration: float) -> Chance:
    """All outcomes of few rows."""
    from logloss.onepass.pools import chance_of_all

    if spread.is_counted:
        numbers = np.repeat(np.arange(len(spread.counts)), spread.counts.sum(axis=1))
        columns = spread.points.proba, spread.points.costs(1), spread.points.costs(0)
        proba, if_one, if_zero = (column[numbers] for column in columns)
        shares = np.full(len(numbers), 1 / len(numbers))
    else:
        numbers, shares, proba, if_one, if_zero = _rows_of(costliest)
    mean, p_value = chance_of_all(numbers, shares, proba, if_one, if_zero, miscalibration - TIE)
    return Chance(mean, p_value=min(p_value, 1.0), n_draws=1 << len(numbers))


def _rows_of(costliest: Any) -> tuple[Any, Any, Any, Any, Any]:
    """(Number of the score, share of all mass, P(1), cost of a 1, cost of a 0) of each row, in ascending order."""
    from logloss.onepass import kernels, placing

    rows = [row for row in costliest.rows for _ in range(row.count)]
    forecast = np.array([row.forecast for row in rows])
    is_logit = rows[0].is_logit
    of_zero = None if rows[0].of_zero is None else np.array([row.of_zero for row in rows])
    keys, if_zero, if_one = np.empty(len(rows), np.int64), np.empty(len(rows)), np.empty(len(rows))
    if is_logit:
        placing.keys_of_logit(forecast, keys)
    else:
        placing.keys_of_proba(forecast, of_zero, keys)
    for label, out in enumerate((if_zero, if_one)):
        labels = np.full(len(rows), label, np.uint8)
        kernels.surprisals(labels, forecast, of_zero, forecast if is_logit else None, out)
    weights = np.array([row.weight for row in rows])
    weights = weights / weights.max()
    # Rows in an order of their values, not of their places, so that sums over outcomes have the same bits for any.
    order = np.lexsort((if_one, if_zero, weights, keys))
    numbers = np.unique(keys[order], return_inverse=True)[1]
    weights = weights[order]
    return numbers, weights / weights.sum(), np.exp(-if_one)[order], if_one[order], if_zero[order]


def _drawn(spread: Spread, miscalibration: float, most: int) -> Chance:
    """Draws over the places, put together where there are more than so many."""
    from logloss.onepass.pools import pooled_entropy

    zeros, ones = spread.shares
    mass = zeros + ones
    of_zeros, _, of_ones = spread.squares
    proba = spread.points.proba
    if_zero, if_one = finite(spread.points.costs(0)), finite(spread.points.costs(1))
    # Rows of one place that weigh differently count as fewer: as many as have the same variance.
    effective = spread.counts.sum(axis=1).astype(np.float64)
    if not spread.is_counted:
        effective = np.maximum(mass**2 / np.maximum(of_zeros + of_ones, 5e-324), 1.0)
    if len(mass) > most:
        starts = runs(mass, most)
        together = np.add.reduceat(mass, starts)
        proba = np.add.reduceat(proba * mass, starts) / together
        if_zero = np.add.reduceat(if_zero * mass, starts) / together
        if_one = np.add.reduceat(if_one * mass, starts) / together
        effective = np.add.reduceat(effective, starts)
        observed = np.add.reduceat(ones, starts), together.copy()
        recalibrated = float(pooled_entropy(observed[0].copy(), observed[1]))
        loss = dot(np.add.reduceat(zeros, starts), if_zero) + dot(observed[0], if_one)
        # Both are compared at the same coarseness.
        miscalibration = max(loss - recalibrated, 0.0) if math.isfinite(miscalibration) else miscalibration
        mass = together
    trials = np.maximum(np.rint(effective), 1).astype(np.int64)
    draw = partial(_shown_by_chance, trials, proba, mass, if_zero, if_one)
    seeds = np.random.SeedSequence(_seed(spread)).spawn(N_DRAWS)
    # A seed for each draw: what is drawn does not depend on who draws it.
    if len(mass) < FEWEST_SHARED:
        shown = np.array([draw(seed) for seed in seeds])
    else:
        with ThreadPoolExecutor(min(N_THREADS, os.cpu_count() or 1)) as pool:
            shown = np.array(list(pool.map(draw, seeds)))
    shown = np.maximum(shown, 0.0)
    as_much = int(np.count_nonzero(shown >= miscalibration))
    return Chance(
        float(shown.mean()),
        float(np.quantile(shown, CONFIDENCE)),
        (1 + as_much) / (1 + N_DRAWS),
        float(shown.std(ddof=1)),
        N_DRAWS,
    )


def _shown_by_chance(trials: Any, proba: Any, mass: Any, if_zero: Any, if_one: Any, seed: Any) -> float:
    """The miscalibration of one draw of labels."""
    from logloss.onepass.pools import pooled_entropy

    random = np.random.Generator(np.random.SFC64(seed))
    if trials[0] == 1 and (trials == 1).all():
        drawn = mass * (random.random(len(mass)) < proba)
    else:
        drawn = random.binomial(trials, proba) / trials * mass
    loss = dot(drawn, if_one) + dot(mass - drawn, if_zero)
    return loss - float(pooled_entropy(drawn, mass.copy()))


def runs(mass: Any, most: int) -> Any:
    """Where runs of places begin that hold about 2 / most of all mass each, or are single places that hold more."""
    steps = np.floor(np.cumsum(mass) / mass.sum() * (most / 2))
    return np.flatnonzero(np.diff(steps, prepend=-1.0))


def _seed(spread: Spread) -> int:
    """A seed made of the content, so that the same rows always draw the same, whatever the unit of their weights."""
    digest = hashlib.sha256(spread.points.values.tobytes())
    if spread.is_counted:
        digest.update(spread.counts.tobytes())
    else:
        ones, rows = (column.tolist() for column in spread.integers)
        unit = math.gcd(*ones, *rows)
        digest.update(repr([(one // unit, row // unit) for one, row in zip(ones, rows, strict=True)]).encode())
    return int.from_bytes(digest.digest()[:16], "little")


def share_of_costliest(spread: Spread, part: float) -> float:
    """The share of all losses that the costliest rows bear which make up so large a part of all mass."""
    costs = np.concatenate([spread.if_zero, spread.if_one])
    mass = np.concatenate(zeros_and_ones(spread))
    paying = mass > 0
    costs, mass = costs[paying], mass[paying]
    order = np.argsort(-costs, kind="stable")
    costs, mass = costs[order], mass[order]
    # In thousandths, so that the part is a whole number, too.
    total = THOUSAND * int(mass.sum())
    mass = THOUSAND * (mass if total < 1 << 62 else mass.astype(object))
    end, wanted = np.cumsum(mass), total // THOUSAND * round(THOUSAND * part)
    shares = (mass / total).astype(np.float64)
    # What lies whole within the part counts as it does in all, so that the share is 1 where the others cost nothing.
    rest = np.minimum(np.maximum(wanted - (end - mass), 0), mass)
    taken = np.where(end <= wanted, shares, (rest / total).astype(np.float64))
    paid = dot(costs, shares)
    return min(dot(costs, taken) / paid, 1.0) if paid > 0 else math.nan
