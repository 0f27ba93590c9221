r"""How a lead came about, period by period, for people who look every day.

The lead of the better forecast over the worse in a row takes one of two values that both forecasts fix before the row
happens, w·\|r − s\| apart, with r and s their logits. With V = Σ w²(r − s)²/4 the process exp(λS − λ²V/2) is a
supermartingale (Hoeffding), S being the sum of the leads less their means given the forecasts. Mixed over normal λ of
precision ρ it is M(ρ) = √(ρ / (V + ρ))·exp(S² / (2(V + ρ))), and so is the mean of M(ρ) over several ρ, which stays
below 1/α with probability 1 − α **at all times**: that bounds \|S\|.

Nothing is clipped and no range is assumed. ρ must be fixed before the outcomes are seen: the best ones for 10^-3, …,
10^8 rows (PLANNED_ROWS) as far apart as those of the first period in which the two forecasts differ.

References: Robbins (1970), doi:10.1214/aoms/1177696786; Howard, Ramdas, McAuliffe and Sekhon (2021),
doi:10.1214/20-AOS1991; Newey and West (1987), doi:10.2307/1913610, and their rule of thumb of 1994.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from logloss.answers.estimate import CONFIDENCE, Estimate, student_quantile
from logloss.answers.small_table import SmallTable
from logloss.comparison.period_sums import PeriodSums
from logloss.data.values import Array
from logloss.inference.moments import dot
from logloss.onepass.summaries import ComparisonSummary
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
# Fewer periods say nothing of how they depend on each other.
FEWEST_PERIODS = 10
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
        The lead with an interval that lets neighbouring periods depend on each other (Newey–West).
    n_lags : int
        How many periods apart they may.
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
    n_lags: int = 0
    clear_since: str = ""
    table: SmallTable | None = field(default=None, repr=False)


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


def sequential_analysis(summary: ComparisonSummary, pair: tuple[int, int], sign: int, lead: float) -> Course:
    """The course of a lead: sign × (loss of the first of the pair − that of the second)."""
    periods = summary.periods
    if periods is None:
        return Course()
    sums = PeriodSums.of(summary, pair, sign)
    weights, leads, variances = sums.weights, sums.leads, sums.squares_of_range / 4
    n_unbounded = int(sums.n_unbounded.sum())
    names = [period_text(name) for name in sums.names]
    reason = ""
    if sums.n_infinite.any():
        reason = "infinite"
    elif not weights.all():
        reason = "the weights are too far apart"
    elif not (variances.max() < LARGEST and np.abs(leads).max() < LARGEST):
        reason = "their log-odds are too far apart"
    if reason:
        return Course(len(names), periods.is_over, Estimate(lead, reason=reason), Estimate(lead, reason=reason))
    dependent, n_lags = newey_west(leads, weights, lead)
    evidence = np.cumsum(leads) * float(sums.total / Fraction(summary.greatest_weight))
    if n_unbounded:
        reason = f"one of them said 0 or 1 in {n_unbounded:,} rows, the other did not: no bound to what it could lose"
        return Course(len(names), periods.is_over, Estimate(lead, reason=reason), dependent, n_lags)
    means, lows, highs = sequence_of(weights, leads, variances, sums.n_rows)
    is_clear = (lows > 0) & (evidence >= LOG_OF_20)
    first = int(np.argmax(is_clear)) if is_clear.any() else -1
    columns = {"period": names, "rows": sums.n_rows.tolist(), "lead_nats": means.tolist()}
    columns |= {"low": lows.tolist(), "high": highs.tolist(), "log_evidence_nats": evidence.tolist()}
    last = Estimate(lead, float(lows[-1]), float(highs[-1]))
    if not math.isfinite(last.high):
        last = Estimate(lead, 0.0, 0.0) if not variances.any() else Estimate(lead, reason="no two rows differ enough")
    since = names[first] if first >= 0 else ""
    return Course(len(names), periods.is_over, last, dependent, n_lags, since, SmallTable(columns))


def period_text(name: float | str) -> str:
    """A period as people write it: a time of day only where there is one."""
    if not isinstance(name, str):
        return value_text(name)
    stamp = TIME.fullmatch(name)
    if stamp is None:
        return name
    return stamp["date"] if stamp["midnight"] else stamp["date"] + stamp["time"]


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


def newey_west(leads: Array, weights: Array, lead: float) -> tuple[Estimate, int]:
    """The mean lead with an interval that lets neighbouring periods depend on each other, and for how many lags.

    Bartlett's weights; ⌊4(T/100)^(2/9)⌋ lags; t with T − 1 degrees of freedom.
    """
    n_periods = len(leads)
    n_lags = math.floor(4 * (n_periods / 100) ** (2 / 9))
    if n_periods < FEWEST_PERIODS:
        return Estimate(lead, reason=f"too few periods ({n_periods})"), n_lags
    deviations = leads - weights * (leads.sum() / weights.sum())
    variance = dot(deviations, deviations)
    for lag in range(1, n_lags + 1):
        variance += 2 * (1 - lag / (n_lags + 1)) * dot(deviations[lag:], deviations[:-lag])
    error = math.sqrt(max(variance, 0.0) * n_periods / (n_periods - 1))
    width = student_quantile(n_periods - 1) * error
    return Estimate(lead, lead - width, lead + width), n_lags
