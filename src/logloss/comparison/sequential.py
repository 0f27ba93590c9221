r"""How a lead came about, period by period, for people who look every day.

The lead of the better forecast over the worse in a row takes one of two values that both forecasts fix before the row
happens, w·\|r − s\| apart, with r and s their logits. With V = Σ w²(r − s)²/4 the process exp(λS − λ²V/2) is a
supermartingale (Hoeffding), S being the sum of the leads less their means given the forecasts. Mixed over normal λ of
precision ρ it is M(ρ) = √(ρ / (V + ρ))·exp(S² / (2(V + ρ))), and so is the mean of M(ρ) over several ρ, which stays
below 1/α with probability 1 − α **at all times**: that bounds \|S\|.

Nothing is clipped and no range is assumed. ρ must be fixed before the outcomes are seen: the best ones for 10^-3, …,
10^8 rows (PLANNED_ROWS) as far apart as those of the first period in which the two forecasts differ.

References: Robbins (1970), doi:10.1214/aoms/1177696786; Howard, Ramdas, McAuliffe and Sekhon (2021),
doi:10.1214/20-AOS1991.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from logloss.answers.estimate import CONFIDENCE, Estimate
from logloss.answers.small_table import SmallTable
from logloss.comparison.autocorrelation import cautions_of_periods, long_run
from logloss.data.values import Array
from logloss.onepass.kernels.exact import ratio
from logloss.onepass.summaries.grouped import GroupedSummary
from logloss.text import value_text

ALPHA = 1 - CONFIDENCE
# The numbers of rows for which the sequence is made, together: at any of them it is 1.19 times as wide as if only that
# one had been planned (docs/decisions/0016-evidence-without-clipping.md). Below 1, for a first period that is unusual.
PLANNED_ROWS = 10.0 ** np.arange(-3, 9)
# Newton's steps towards the boundary, from above: more change no digit.
N_STEPS = 12
# Of V over the square of all weight, and of a lead: beyond it, squares and multiples would leave the floats.
LARGEST = 1e100
# Evidence of 20 to 1, as convincing as a test at 5 %.
LOG_OF_20 = math.log(20.0)
# A time stamp as Arrow and NumPy write it, with nothing but zeros after the second.
TIME = re.compile(r"(?P<date>\d{4}-\d\d-\d\d)(?P<time>[ T](?:(?P<midnight>00:00:00)|\d\d:\d\d:\d\d))(?:\.0+)?")


@dataclass(frozen=True, slots=True)
class Course:
    """What the order of the rows shows of a lead.

    Attributes
    ----------
    n_periods : int
        How many periods there are; 0 without `order=`.
    is_coarse : bool
        Whether periods are longer than one value of `order`, since there were too many.
    sequence : Estimate
        The lead with an interval that holds at all periods at once, however often one looks; for each pair by itself.
    dependent : Estimate
        The lead with an interval that lets neighbouring periods depend on each other (equally weighted cosines).
    n_cosines : int
        How many cosines its variance is estimated from: the degrees of freedom of its Student's t.
    effective_periods : float
        How many independent periods of equal weight would vary as much, by an estimate from those cosines.
    cautions : tuple of str
        Where that interval, or the lead's own, may be too narrow: periods too few or too autocorrelated.
    clear_since : str
        The first period after which the sequence left no doubt which one is better and the evidence was 20 to 1 or
        more; "" if there is none.
    table : SmallTable or None
        Period by period: its name, its rows, and after it the lead so far, the ends of the sequence, the logarithm of
        the evidence.

    Examples
    --------
    >>> import logloss
    >>> found = logloss.compare([1, 0] * 50, {"a": [0.5] * 100, "b": [0.6, 0.4] * 50}, order=range(100))
    >>> course = found.between("a", "b").course
    >>> course.n_periods, course.clear_since, round(course.sequence.low, 3)
    (100, '16', 0.109)
    """

    n_periods: int = 0
    is_coarse: bool = False
    sequence: Estimate = Estimate(math.nan, reason="needs `order`")  # noqa: RUF009
    dependent: Estimate = Estimate(math.nan, reason="needs `order`")  # noqa: RUF009
    n_cosines: int = 0
    effective_periods: float = math.nan
    clear_since: str = ""
    table: SmallTable | None = field(default=None, repr=False)
    cautions: tuple[str, ...] = ()


def boundary(variance: Array, rho: Array) -> Array:
    """How large |S| becomes with probability α at most, at any time: where the mean of M(ρ) reaches 1/α.

    Its logarithm is convex in S², so that Newton's steps from above never pass below the boundary.
    """
    scale = variance + rho[:, None]
    head = 0.5 * np.log(rho[:, None] / scale) - math.log(len(rho))
    # Where one term of the mean reaches 1/α, so has the mean.
    square = (2 * scale * (math.log(1 / ALPHA) - head)).min(axis=0)
    for _ in range(N_STEPS):
        terms = head + square / (2 * scale)
        most = terms.max(axis=0)
        shares = np.exp(terms - most)
        total = shares.sum(axis=0)
        excess = most + np.log(total) - math.log(1 / ALPHA)
        square = square - np.maximum(excess, 0.0) / ((shares / (2 * scale)).sum(axis=0) / total)
    return np.sqrt(square)


def sequential_analysis(
    periods: GroupedSummary | None,
    pair: tuple[int, int],
    of_range: int,
    sign: int,
    lead: float,
    greatest_weight: float,
    error: float,
) -> Course:
    """The course of a lead: sign × (loss of the first of the pair − that of the second).

    of_range: the column of the sums with the squares of the pair's ranges, and of the counts of those without bound.
    error: the standard error of the lead of independent rows, or clusters; nan if it has none.
    """
    if periods is None:
        return Course()
    of_pair = [1 + number for number in pair]
    counts = periods.totals.counts
    infinite = counts[:, of_pair]
    n_unbounded = int(counts[:, of_range].sum())
    names = [period_text(name) for name in periods.names]
    weights, leads, variances, total = _relative(periods, of_pair, of_range, sign)
    reason = ""
    if infinite.any():
        reason = "infinite"
    elif not weights.all():
        reason = "the weights are too far apart"
    elif not (variances.max() < LARGEST and np.abs(leads).max() < LARGEST):
        reason = "their log-odds are too far apart"
    course = Course(len(names), periods.is_over, Estimate(lead, reason=reason), Estimate(lead, reason=reason))
    if reason:
        return course
    found = long_run(leads, weights)
    course = replace(
        course,
        dependent=found.estimate(lead),
        n_cosines=int(found.sampling.degrees),
        effective_periods=found.effective_periods,
        cautions=cautions_of_periods(found, len(names), error),
    )
    evidence = np.cumsum(leads) * float(total / Fraction(greatest_weight))
    if n_unbounded:
        reason = f"one of them said 0 or 1 in {n_unbounded:,} rows, the other did not: no bound to what it could lose"
        return replace(course, sequence=Estimate(lead, reason=reason))
    means, lows, highs = sequence_of(weights, leads, variances, counts[:, 0])
    is_clear = (lows > 0) & (evidence >= LOG_OF_20)
    first = int(np.argmax(is_clear)) if is_clear.any() else -1
    columns = {"period": names, "rows": counts[:, 0].tolist(), "lead_nats": means.tolist()}
    columns |= {"low": lows.tolist(), "high": highs.tolist(), "log_evidence_nats": evidence.tolist()}
    last = Estimate(lead, float(lows[-1]), float(highs[-1]))
    if not math.isfinite(last.high):
        last = Estimate(lead, 0.0, 0.0) if not variances.any() else Estimate(lead, reason="no two rows differ enough")
    since = names[first] if first >= 0 else ""
    return replace(course, sequence=last, clear_since=since, table=SmallTable(columns))


def period_text(name: float | str) -> str:
    """A period as people write it: a time of day only where there is one."""
    if not isinstance(name, str):
        return value_text(name)
    stamp = TIME.fullmatch(name)
    if stamp is None:
        return name
    return stamp["date"] if stamp["midnight"] else stamp["date"] + stamp["time"]


def _relative(
    periods: GroupedSummary, of_pair: list[int], of_range: int, sign: int
) -> tuple[Array, Array, Array, Fraction]:
    """(Share of all weight, lead over all weight, V over its square) of each period, and all weight.

    The sums are integers in units of u = 2^(32·first); V has the square of a weight as its unit.
    """
    table = periods.sums
    weights = table.integers(0)
    total = sum(weights)
    first, second = (table.integers(column) for column in of_pair)
    ranges = table.integers(of_range)
    shift = 32 * table.first
    # (v·u) / (total·u)² = v / (total²·u), and V is a quarter of it.
    up, down = max(0, -shift), max(0, shift)
    square = 4 * total * total << down
    columns = (
        np.array([value / total for value in weights]),
        np.array([sign * (a - b) / total for a, b in zip(first, second, strict=True)]),
        np.array([ratio(value << up, square) for value in ranges]),
    )
    return *columns, Fraction(total << down, 1 << up)


def sequence_of(weights: Array, leads: Array, variances: Array, n_rows: Array) -> tuple[Array, Array, Array]:
    """(Mean lead so far, low, high) after each period: the ends hold for all periods at once."""
    so_far, variance, lead = np.cumsum(weights), np.cumsum(variances), np.cumsum(leads)
    mean = lead / so_far
    differing = np.flatnonzero(variances)
    if len(differing) == 0:
        return mean, np.full(len(mean), -np.inf), np.full(len(mean), np.inf)
    first = differing[0]
    planned = float(variances[first] / n_rows[first]) * PLANNED_ROWS
    # For which the boundary is narrowest when V has the planned size.
    rho = planned / (2 * math.log(1 / ALPHA) + math.log(1 + 2 * math.log(1 / ALPHA)))
    with np.errstate(over="ignore"):
        # Periods that weigh next to nothing say nothing.
        width = boundary(variance, rho) / so_far
    # Before the two differ there is nothing to see.
    width[:first] = np.inf
    return mean, mean - width, mean + width
