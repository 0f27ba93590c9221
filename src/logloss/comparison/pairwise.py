"""One forecast against another on the same rows: the difference of their losses, how sure it is, where it comes from.

A contest is told from the side of the better one: its lead is the loss of the worse less that of the better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from logloss.answers.estimate import CONFIDENCE, Estimate, SamplingError, with_interval
from logloss.answers.small_table import SmallTable
from logloss.comparison.sequential import SequentialAnalysis
from logloss.inference.cautions import caution_of
from logloss.inference.groups import clustered_mean, sums_of_key
from logloss.inference.moments import Moments, effective_count
from logloss.onepass.kernels.exact import of_count, ratio
from logloss.onepass.summaries import ComparisonSummary, LargeLoss
from logloss.onepass.summaries.contrast import Contrast
from logloss.onepass.summaries.grouped import GroupedSummary
from logloss.onepass.summaries.loss import SUMS
from logloss.text import significant

# Groups of fewer rows have no interval.
FEWEST_OF_GROUP = 20


@dataclass(frozen=True, slots=True, repr=False)
class PairwiseComparison:
    """Two forecasts on the same rows, told from the side of the better one. Differences are in nats per row.

    Attributes
    ----------
    better, worse : str
        The two forecasts; in the order given where their losses are equal.
    delta : Estimate
        Loss of the worse less that of the better: 0 or more, inf if only the worse called something impossible that
        happened, nan if both did. Its interval is paired, corrected for skewness, and takes rows as independent,
        or clusters where there are some, also with `order=`: a caution says where periods show that they are not.
    delta_where_finite : Estimate
        The same over the rows that were possible for both: it may be below 0.
    simultaneous : Estimate
        The lead with an interval that holds for all pairs of the comparison at once (Šidák); none of fewer than ten
        effective clusters, which settle nothing.
    error : float
        Standard error of the lead; nan where it is not known.
    observations : float
        How many independent observations it is made of: effective rows, or effective clusters.
    n_infinite : tuple of int
        Rows that happened and were impossible for the better only, the worse only, both.
    is_identical : bool
        Whether the two cost the same in every row.
    miscalibration, discrimination : Estimate
        What the worse has more of, or less, without what the isotonic fits overfit: lead = miscalibration −
        discrimination.
    sequential : SequentialAnalysis
        What `order=` shows: a confidence sequence and when it first excluded 0, evidence by betting, the interval with
        neighbouring periods dependent.
    rows_needed : int or None
        How many rows in all would show a lead of this size 4 times in 5, at the level of `simultaneous`; None where
        there is none to show.
    detectable_difference : float
        The lead, in nats, that these rows would have shown 4 times in 5; both as `plan` has them, with the error of
        dependent periods where a caution says that they vary more than rows explain.
    cautions : tuple of str
        Where few rows carry the variance of the lead; and, with `order=`, where rows of a period or neighbouring
        periods depend on each other, so that the intervals of the lead are too narrow.
    groups, largest_differences : SmallTable
        The lead by group of `by`, and the rows where the two were furthest apart.

    Examples
    --------
    >>> import logloss
    >>> found = logloss.compare([1, 0, 1, 1] * 25, {"old": [0.5] * 100, "new": [0.8, 0.4, 0.6, 0.9] * 25})
    >>> contest = found.between("old", "new")
    >>> contest.better, round(contest.delta, 4)
    ('new', 0.3556)
    """

    better: str
    worse: str
    delta: Estimate
    delta_where_finite: Estimate
    simultaneous: Estimate
    error: float
    observations: float
    impossible: tuple[int, int, int]
    is_identical: bool
    miscalibration: Estimate
    discrimination: Estimate
    sequential: SequentialAnalysis
    rows_needed: int | None
    detectable_difference: float
    cautions: tuple[str, ...]
    groups: SmallTable | None
    largest_differences: SmallTable
    # The rows of `apart`, which know their place.
    places: tuple[LargeLoss, ...] = field(default=(), compare=False)

    def __repr__(self) -> str:
        ends = f" [{significant(self.delta.low)}, {significant(self.delta.high)}]" if self.delta.has_interval else ""
        return (
            f"PairwiseComparison: {self.better} ahead of {self.worse} by {significant(self.delta)} nats per row{ends}"
        )

    @property
    def is_significant(self) -> bool:
        """Whether the interval for all pairs at once leaves no doubt which one is better."""
        return math.isinf(self.delta) or self.simultaneous.low > 0


class PairSums:
    """The sums of the difference of two losses, for `inference.moments.Moments`; sign: −1 turns it round."""

    def __init__(self, summary: ComparisonSummary, contrast: Contrast, sign: int) -> None:
        any_loss = summary.losses[0]
        self.n_rows = contrast.counts[0]
        self.n_positive, self.n_infinite, self.is_soft = any_loss.n_positive, 0, any_loss.is_soft
        # Rows without weights are counted, not summed: each adds one to every power of the weight.
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
class PairedDifference:
    """The mean of a difference, and how it varies."""

    mean: float
    sampling: SamplingError
    reason: str

    def estimate(self, level: float = CONFIDENCE, value: float | None = None) -> Estimate:
        """The mean (or another value of it) with its interval."""
        value = self.mean if value is None else value
        if self.reason:
            return Estimate(value, reason=self.reason)
        return with_interval(value, self.sampling, level=level)


class GroupPairSums:
    """The sums of the difference of two losses in one group, for `inference.moments.Moments`."""

    def __init__(
        self, grouped: GroupedSummary, number: int, pair: tuple[int, int], place: int, n_forecasts: int
    ) -> None:
        sums = sums_of_key(grouped.sums, number)
        counts = grouped.totals.counts[int(np.searchsorted(grouped.totals.keys, number))].tolist()
        better, worse = pair
        self.n_rows, self.n_positive, self.n_infinite, self.is_soft = counts[0], 0, 0, False
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
        # Third powers are not kept: (Σw²)² / Σw is what they are of equal weights, and less than they are of others.
        self._sums["www"] = self._sums["ww"] ** 2 // self._sums["w"]

    def sum(self, name: str) -> int:
        """One of the sums, in units of 2^-6720."""
        return self._sums[name]

    def figures(self, total: int, *, clusters: tuple[float, float] | None) -> dict[str, Any]:
        """The row of a table; clusters: how many there are in effect, and the standard error of the lead that they
        make; None where rows are independent."""
        moments = Moments(self)
        weight = moments.weight
        losses = [math.inf if n else ratio(cost, weight) for n, cost in zip(self.impossible, self.costs, strict=True)]
        delta, contribution = moments.quotient("c"), ratio(self._sums["c"], total)
        # Impossible for both is undefined, for one infinitely in favour of the other.
        if any(self.impossible):
            delta = contribution = math.nan if all(self.impossible) else math.copysign(math.inf, losses[1] - losses[0])
        estimate = Estimate(delta, reason="infinite")
        if math.isfinite(delta):
            estimate = self._by_rows(moments, delta)
            if clusters is not None:
                estimate = clustered_mean(estimate, *clusters)
        return {
            "rows": self.n_rows,
            **({} if clusters is None else {"effective_clusters": clusters[0]}),
            "better_nats": losses[0],
            "worse_nats": losses[1],
            "delta_nats": delta,
            "delta_nats_low": estimate.low,
            "delta_nats_high": estimate.high,
            "reason": estimate.reason,
            "caution": caution_of(moments.effective_rows, math.nan, "", None) if estimate.has_interval else "",
            "contribution_nats": contribution,
            "share": ratio(weight, total),
        }

    def _by_rows(self, moments: Moments, delta: float) -> Estimate:
        """The lead with the interval of independent rows, Kish's effective number of them."""
        if moments.effective_rows < FEWEST_OF_GROUP:
            return Estimate(delta, reason=f"too few rows ({effective_count(moments.effective_rows)})")
        return with_interval(delta, moments.sampling_error("c"))
