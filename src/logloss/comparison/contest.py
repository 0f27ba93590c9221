"""One forecast against another on the same rows: the difference of their losses, how sure it is, where it comes from.

A contest is told from the side of the better one: its lead is the loss of the worse less that of the better.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.breakdown import scaled, sums_of_key
from logloss.comparison.course import Course, course_of
from logloss.data.keys import REST
from logloss.decomposition import Recalibration, finite
from logloss.estimates import (
    CONFIDENCE,
    ClusteredMoments,
    Estimate,
    Moments,
    Z,
    moments_of,
    untransformed,
    with_interval,
)
from logloss.smalltable import SmallTable
from logloss.spread import Spread, spread_of

if TYPE_CHECKING:
    from logloss.onepass.summaries import ComparisonSummary
    from logloss.onepass.summaries.contrast import Contrast, JointScores

# With how much certainty a planned number of rows shows a difference as large as the one that was found.
POWER = 0.8
Z_OF_POWER = NormalDist().inv_cdf(POWER)
# Groups of fewer rows have no interval.
FEWEST_OF_GROUP = 20


@dataclass(frozen=True, slots=True)
class Contest:
    """Two forecasts on the same rows, told from the side of the better one. Differences are in nats per row.

    Attributes
    ----------
    better, worse : str
        The two forecasts; in the order given where their losses are equal.
    lead : Estimate
        Loss of the worse less that of the better: 0 or more, inf if only the worse called something impossible that
        happened, nan if both did. Its interval is paired, corrected for skewness, and takes clusters as independent
        where there are some.
    lead_of_possible : Estimate
        The same over the rows that were possible for both: it may be below 0.
    simultaneous : Estimate
        The lead with an interval that holds for all pairs of the comparison at once (Šidák).
    error : float
        Standard error of the lead; nan where it is not known.
    impossible : tuple of int
        Rows that happened and were impossible for the better only, the worse only, both.
    is_identical : bool
        Whether the two cost the same in every row.
    miscalibration, discrimination : Estimate
        What the worse has more of, or less: lead = miscalibration − discrimination.
    log_evidence : float
        Logarithm of the likelihood ratio of the better to the worse, in nats: 3.0 is 20 to 1. The ratio is a test of
        the worse one's probabilities that one may look at whenever one likes. nan with `evidence_reason`.
    course : Course
        What `order=` shows: the error with neighbouring periods dependent, a confidence sequence, since when it was
        clear.
    rows_needed : int or None
        How many rows in all would show a lead of this size (4 times in 5); None where there is none to show.
    detectable : float
        The lead, in nats, that these rows would have shown 4 times in 5.
    groups, apart : SmallTable
        The lead by group of `by`, and the rows where the two were furthest apart.

    Examples
    --------
    >>> import logloss
    >>> found = logloss.compare([1, 0, 1, 1] * 25, {"old": [0.5] * 100, "new": [0.8, 0.4, 0.6, 0.9] * 25})
    >>> contest = found.between("old", "new")
    >>> contest.better, round(contest.lead, 4)
    ('new', 0.3556)
    """

    better: str
    worse: str
    lead: Estimate
    lead_of_possible: Estimate
    simultaneous: Estimate
    error: float
    impossible: tuple[int, int, int]
    is_identical: bool
    miscalibration: Estimate
    discrimination: Estimate
    log_evidence: float
    evidence_reason: str
    course: Course
    rows_needed: int | None
    detectable: float
    groups: SmallTable | None
    apart: SmallTable

    @property
    def is_settled(self) -> bool:
        """Whether the interval for all pairs at once leaves no doubt which one is better."""
        return math.isinf(self.lead) or self.simultaneous.low > 0


class PairSums:
    """The sums of the difference of two losses under the names of `estimates.Moments`; sign: −1 turns it round."""

    def __init__(self, summary: ComparisonSummary, contrast: Contrast, sign: int) -> None:
        from logloss.onepass.exact import of_count
        from logloss.onepass.summaries.loss import SUMS

        any_loss = summary.losses[0]
        self.n_rows = contrast.counts[0]
        self.n_ones, self.n_infinite, self.is_soft = any_loss.n_ones, 0, any_loss.is_soft
        hard = of_count(any_loss.n_hard[0])
        self._sums = {name: any_loss.general[SUMS.index(name)] + hard for name in ("w", "ww", "www")}
        for name in self._sums:
            self._sums[name] -= contrast.sum(f"out_{name}")
        # c³ and products with a single c change their sign with it.
        for name in ("c", "cw", "cww", "ccc"):
            self._sums[name] = sign * contrast.sum(name)
        self._sums |= {name: contrast.sum(name) for name in ("cc", "ccw")}

    def sum(self, name: str) -> int:
        """One of the sums, in units of 2^-6720."""
        return self._sums[name]


@dataclass(frozen=True, slots=True)
class Paired:
    """The mean of a difference, its error and skewness, and the quantile of an interval that holds with some level."""

    mean: float
    error: float
    skewness: float
    reason: str
    quantile: Callable[[float], float]

    def estimate(self, level: float = CONFIDENCE, value: float | None = None) -> Estimate:
        """The mean (or another value of it) with its interval."""
        value = self.mean if value is None else value
        if self.reason:
            return Estimate(value, reason=self.reason)
        if self.error == 0:
            return Estimate(value, value, value)
        width = self.quantile(level)
        return Estimate(
            value,
            value - self.error * untransformed(width, self.skewness),
            value - self.error * untransformed(-width, self.skewness),
        )


def normal_quantile(level: float) -> float:
    """The quantile of the normal for an interval of this level."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def student_quantile(n_degrees: int) -> Callable[[float], float]:
    """The quantile of Student's t, as a function of the level."""

    def quantile(level: float) -> float:
        from scipy.special import stdtrit

        return float(stdtrit(max(n_degrees, 1), 0.5 + level / 2))

    return quantile


def simultaneous_level(n_pairs: int) -> float:
    """The level of each of so many intervals with which all hold 95 times in 100, whatever they have in common.

    Šidák (1967), doi:10.1080/01621459.1967.10482935: of normal estimates with any correlation.
    """
    return math.exp(math.log(CONFIDENCE) / n_pairs)


class Judge:
    """Makes the contests of a summary."""

    def __init__(self, summary: ComparisonSummary, names: tuple[str, ...], source: str) -> None:
        from logloss.onepass.summaries import pairs_of

        self.summary, self.names, self.source = summary, names, source
        self.pairs = pairs_of(len(names))
        self.level = simultaneous_level(len(self.pairs))
        self.spreads = [spread_of(each.scores) for each in summary.losses]
        self.recalibrations = [Recalibration(spread) for spread in self.spreads]
        self.moments = [
            self._of_loss(moments_of(each, spread), number)
            for number, (each, spread) in enumerate(zip(summary.losses, self.spreads, strict=True))
        ]
        self.losses = [each.log_loss() for each in self.moments]
        self.of_possible = [each.loss_of_possible() for each in self.moments]

    def _of_loss(self, moments: Moments, number: int) -> Moments:
        """The moments of one loss, with clusters as the independent observations where there are some."""
        clusters = self.summary.clusters
        if clusters is None:
            return moments
        return ClusteredMoments(moments, self._totals([clusters.sums.integers(1 + number)]))

    def _totals(self, costs: list[list[int]], sign: int = 1) -> dict[str, Any]:
        """Weight and weighted loss, or difference of two, of each cluster, over the largest."""
        weights = self.summary.clusters.sums.integers(0)  # type: ignore[union-attr]
        found = costs[0] if len(costs) == 1 else [sign * (a - b) for a, b in zip(*costs, strict=True)]
        top = max(*weights, *map(abs, found), 1).bit_length()
        columns = {"w": weights, "c": found}
        return {name: np.array([scaled(value, top) for value in values]) for name, values in columns.items()}

    def order(self) -> list[int]:
        """The forecasts from the best to the worst: by their losses, infinite ones by those of what was possible."""

        def rank(number: int) -> tuple[float, float, int]:
            without = self.of_possible[number]
            return float(self.losses[number]), math.inf if math.isnan(without) else without, number

        return sorted(range(len(self.names)), key=rank)

    def contest(self, better: int, worse: int) -> Contest:
        """One forecast against a worse one."""
        i, j = min(better, worse), max(better, worse)
        place = self.pairs.index((i, j))
        contrast = self.summary.contrasts[place]
        # Contrasts hold the first less the second: the worse one's loss less the better one's.
        sign = 1 if worse == i else -1
        moments = Moments(PairSums(self.summary, contrast, sign))
        counts = contrast.counts
        n_worse, n_better = (counts[1], counts[2]) if sign > 0 else (counts[2], counts[1])
        paired = self._paired(moments, i, j, sign, is_whole=not any(counts[1:4]))
        lead, reason = self._lead(better, worse, n_better, n_worse, counts[3])
        whole = paired.estimate(value=lead) if not reason else Estimate(lead, reason=reason)
        at_once = paired.estimate(self.level, lead) if not reason else Estimate(lead, reason=reason)
        miscalibration, discrimination = self._parts(better, worse, place, lead)
        log_evidence, no_evidence = self._evidence(lead, (n_better, n_worse, counts[3]))
        n_rows = self.summary.n_rows
        course = course_of(
            self.summary.periods, (i, j), 1 + len(self.names) + place, sign, lead, self.summary.greatest_weight
        )
        if self.summary.clusters is not None:
            course = course.without_sequence("rows of a cluster depend on each other")
        width = paired.quantile(CONFIDENCE) + Z_OF_POWER
        has_error = not paired.reason and math.isfinite(lead)
        needed = None
        if has_error and lead > 0 and paired.error > 0:
            needed = math.ceil(n_rows * (width * paired.error / lead) ** 2)
        return Contest(
            self.names[better],
            self.names[worse],
            whole,
            paired.estimate(),
            at_once,
            paired.error if has_error else math.nan,
            (n_better, n_worse, counts[3]),
            contrast.sum("cc") == 0 and not any(counts[1:3]),
            miscalibration,
            discrimination,
            log_evidence,
            no_evidence,
            course,
            needed,
            width * paired.error if has_error else math.nan,
            self._groups(better, worse, place, sign),
            self._apart(contrast, better, worse, sign),
        )

    def _paired(self, moments: Moments, i: int, j: int, sign: int, *, is_whole: bool) -> Paired:
        """The mean difference over the rows that are possible for both."""
        mean = moments.quotient("c") if moments.weight else math.nan
        if not moments.weight:
            return Paired(mean, math.nan, 0.0, "no row is possible for both", normal_quantile)
        reason = self.moments[0].why_no_interval()
        if moments.n_rows < FEWEST_OF_GROUP:
            reason = reason or f"too few rows ({moments.n_rows})"
        clusters = self.summary.clusters
        if clusters is None:
            error = math.sqrt(max(moments.covariance("c", "c", "cc"), 0.0))
            return Paired(mean, error, moments.skewness(), reason, normal_quantile)
        if not is_whole:
            return Paired(mean, math.nan, 0.0, reason or "infinite", normal_quantile)
        totals = self._totals([clusters.sums.integers(1 + number) for number in (i, j)], sign)
        grouped = ClusteredMoments(moments, totals)
        error = math.sqrt(max(grouped.covariance("c", "c", "cc"), 0.0)) * Z / grouped.quantile
        quantile = student_quantile(grouped.n_clusters - 1)
        return Paired(mean, error, grouped.skewness(), grouped.why_no_interval(), quantile)

    def _lead(self, better: int, worse: int, n_better: int, n_worse: int, n_both: int) -> tuple[float, str]:
        """The difference of the two losses, rounded once, and why it has no interval."""
        from logloss.onepass.exact import ratio

        if n_both or (n_better and n_worse):
            return math.nan, "both losses are infinite"
        if n_worse:
            return math.inf, "infinite"
        mine, other = (self.summary.losses[number] for number in (better, worse))
        return ratio(other.sum("c") - mine.sum("c"), mine.sum("w")), ""

    def _evidence(self, lead: float, impossible: tuple[int, int, int]) -> tuple[float, str]:
        """Σ of the differences, the heaviest row counting as one."""
        if self.summary.clusters is not None:
            return math.nan, "rows of a cluster depend on each other"
        if math.isnan(lead):
            return math.nan, "both losses are infinite"
        from logloss.onepass.exact import rounded

        return lead * (rounded(self.summary.losses[0].sum("w"), 1) / self.summary.greatest_weight), ""

    def _parts(self, better: int, worse: int, place: int, lead: float) -> tuple[Estimate, Estimate]:
        """What the worse has more of miscalibration, and of discrimination."""
        mine, other = self.recalibrations[better], self.recalibrations[worse]
        discrimination = mine.log_loss - other.log_loss
        miscalibration = lead + discrimination
        reason = self._why_no_parts(lead)
        if reason:
            return Estimate(miscalibration, reason=reason), Estimate(discrimination, reason=reason)
        error_of = joint_error(self.summary.joint[place], self.spreads, better, worse, self.summary.n_rows)
        lost = error_of(_lost(mine), _lost(other), miscalibration)
        saved = error_of(_saved(mine), _saved(other), discrimination)
        return with_interval(miscalibration, *lost), with_interval(discrimination, *saved)

    def _why_no_parts(self, lead: float) -> str:
        """Why the parts of the lead have no interval."""
        reason = self.moments[0].why_no_interval()
        if reason or not math.isfinite(lead):
            return reason or "infinite"
        if self.summary.clusters is not None:
            return "not kept by cluster"
        if not all(spread.is_counted for spread in self.spreads):
            return "not kept with weights or soft labels"
        return ""

    def _groups(self, better: int, worse: int, place: int, sign: int) -> SmallTable | None:
        """The lead by group, and what each adds to it."""
        grouped = self.summary.groups
        if grouped is None:
            return None
        if not grouped.names:
            return SmallTable({name: [] for name in (*grouped.columns, "rows", "lead_nats")})
        rows = []
        for number, name in enumerate(grouped.names):
            columns = name if name != REST else REST * len(grouped.columns)
            row = dict(zip(grouped.columns, columns, strict=True))
            sums = GroupSums(grouped, number, (better, worse), place, len(self.names), is_soft=False)
            rows.append(row | sums.figures(self.summary.losses[0].sum("w"), self.names))
        return SmallTable({name: [row[name] for row in rows] for name in rows[0]})

    def _apart(self, contrast: Contrast, better: int, worse: int, sign: int) -> SmallTable:
        """The rows where the two were furthest apart."""
        rows = contrast.apart
        pairs = [(row.second, row.first) if sign > 0 else (row.first, row.second) for row in rows]
        mine, other = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return SmallTable(
            {
                "source": [row.name for row in mine],
                "row": [row.row for row in mine],
                "where": [row.where(self.source) for row in mine],
                "label": [row.label for row in mine],
                "said_by_better": [row.said for row in mine],
                "said_by_worse": [row.said for row in other],
                "lead_nats": [sign * row.difference for row in rows],
            }
        )


class GroupSums:
    """The sums of the difference of two losses in one group, under the names of `estimates.Moments`."""

    def __init__(
        self, grouped: Any, number: int, pair: tuple[int, int], place: int, n_forecasts: int, *, is_soft: bool
    ) -> None:
        sums = sums_of_key(grouped.sums, number)
        counts = grouped.counts.counts[int(np.searchsorted(grouped.counts.keys, number))].tolist()
        better, worse = pair
        self.n_rows, self.n_ones, self.n_infinite, self.is_soft = counts[0], 0, 0, is_soft
        self.impossible = counts[1 + better], counts[1 + worse]
        self.costs = sums[1 + better], sums[1 + worse]
        # Weight, losses, weight², weight times losses, squares of the differences.
        squared = 2 + n_forecasts
        self._sums = {
            "w": sums[0],
            "ww": sums[1 + n_forecasts],
            "c": self.costs[1] - self.costs[0],
            "cw": sums[squared + worse] - sums[squared + better],
            "cc": sums[squared + n_forecasts + place],
        }

    def sum(self, name: str) -> int:
        """One of the sums, in units of 2^-6720."""
        return self._sums[name]

    def figures(self, total: int, names: tuple[str, ...]) -> dict[str, Any]:
        """The row of a table."""
        from logloss.onepass.exact import ratio

        moments = Moments(self)
        weight = moments.weight
        losses = [math.inf if n else ratio(cost, weight) for n, cost in zip(self.impossible, self.costs, strict=True)]
        lead, adds = moments.quotient("c"), ratio(self._sums["c"], total)
        if any(self.impossible):
            lead = adds = math.nan if all(self.impossible) else math.copysign(math.inf, losses[1] - losses[0])
        estimate = Estimate(lead, reason="infinite")
        if math.isfinite(lead):
            estimate = Estimate(lead, reason=f"too few rows ({self.n_rows})")
            if self.n_rows >= FEWEST_OF_GROUP:
                width = Z * math.sqrt(max(moments.covariance("c", "c", "cc"), 0.0))
                estimate = Estimate(lead, lead - width, lead + width)
        return {
            "rows": self.n_rows,
            "better_nats": losses[0],
            "worse_nats": losses[1],
            "lead_nats": lead,
            "lead_nats_low": estimate.low,
            "lead_nats_high": estimate.high,
            "reason": estimate.reason,
            "adds_nats": adds,
            "share": ratio(weight, total),
        }


def _lost(recalibration: Recalibration) -> tuple[Any, Any]:
    """What a row of 0, and of 1, adds to the miscalibration at each place."""
    of_zeros, of_ones = recalibration.costs
    spread = recalibration.spread
    return finite(spread.if_zero) - of_zeros, finite(spread.if_one) - of_ones


def _saved(recalibration: Recalibration) -> tuple[Any, Any]:
    """What a row of 0, and of 1, adds to the discrimination at each place."""
    of_zeros, of_ones = recalibration.costs
    rate = recalibration.positive / recalibration.total
    return -math.log1p(-rate) - of_zeros, -math.log(rate) - of_ones


def joint_error(
    joint: JointScores, spreads: list[Spread], better: int, worse: int, n_rows: int
) -> Callable[[Any, Any, float], tuple[float, float]]:
    """Errors of differences of means of functions of the two scores, from how often each pair of scores was given.

    Within a coarse bin the rows of a label count as their mean. The functions: what rows of 0 and of 1 add at each
    place of the better one's scores, and of the worse one's.
    """
    from logloss.onepass.summaries.contrast import BIN_BITS

    keys, counts = joint.counts.keys, joint.counts.counts
    bins = keys >> BIN_BITS, keys & ((1 << BIN_BITS) - 1)
    of_better, of_worse = bins if better < worse else bins[::-1]

    def error(mine: Any, other: Any, mean: float) -> tuple[float, float]:
        squares = cubes = 0.0
        for label in (0, 1):
            d = _coarse(spreads[worse], joint.level, label, other[label])[of_worse]
            d = d - _coarse(spreads[better], joint.level, label, mine[label])[of_better] - mean
            rows = counts[:, label]
            squares += float(rows @ d**2)
            cubes += float(rows @ d**3)
        if squares <= 0:
            return 0.0, 0.0
        found = math.sqrt(squares / n_rows / max(n_rows - 1, 1))
        return found, cubes / squares**1.5

    return error


def _coarse(spread: Spread, level: int, label: int, values: Any) -> Any:
    """The mean of a function of the score in each coarse bin, over the rows of a label."""
    coarse, mass = spread.coarse(level), spread.shares[label]
    weight = np.bincount(coarse, mass)
    return np.divide(np.bincount(coarse, mass * values), weight, out=np.zeros(len(weight)), where=weight > 0)
