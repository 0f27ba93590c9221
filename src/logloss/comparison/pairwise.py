"""Pairwise comparison of two forecasters on the same rows: difference in log loss, its interval, its decomposition.

Δ log loss is the log loss of the worse forecaster minus that of the better one, so that it is 0 or more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from logloss.answers.estimate import CONFIDENCE, INFINITE, Estimate, SamplingError, with_interval
from logloss.answers.small_table import SmallTable
from logloss.comparison.sequential import SequentialAnalysis
from logloss.inference.cautions import caution_of
from logloss.inference.groups import clustered_mean, sums_of_key, unit_exponent_of
from logloss.inference.moments import Moments, effective_count
from logloss.inference.sums import in_largest_unit
from logloss.onepass.kernels.exact import UNIT_EXPONENT, of_count, ratio
from logloss.onepass.summaries import ComparisonSummary, LargeLoss
from logloss.onepass.summaries.contrast import Contrast
from logloss.onepass.summaries.grouped import GroupedSummary
from logloss.onepass.summaries.loss import SUMS
from logloss.text import significant

# Groups of fewer rows have no interval.
FEWEST_OF_GROUP = 20


@dataclass(frozen=True, slots=True, repr=False)
class PairwiseComparison:
    """Difference in log loss between two forecasters of the same rows, in nats per row.

    Every difference is the worse forecaster's figure minus the better one's.

    Attributes
    ----------
    better, worse : str
        The two forecasters; in the order given if their losses are equal.
    delta : Estimate
        Mean difference in log loss, ≥ 0: inf if only the worse one gave probability 0 to an observed class, nan if both
        did. The 95% interval is paired and corrected for skewness. It assumes that rows (with `cluster=`, clusters) are
        independent, also with `order=`; `cautions` says where the periods contradict that.
    delta_where_finite : Estimate
        The same over the rows whose loss is finite for both; it may be below 0.
    simultaneous : Estimate
        The difference with an interval that holds for all pairs of the comparison simultaneously (Šidák); no interval
        with fewer than ten effective clusters.
    standard_error : float
        Standard error of the difference, in nats; nan if not available.
    effective_observations : float
        Number of independent observations: effective rows, or effective clusters.
    n_infinite : tuple of three int
        Rows in which the observed class got probability 0 from the better one only, the worse one only, both.
    is_identical : bool
        Whether both have the same loss in every row.
    miscalibration, discrimination : Estimate
        Differences of the two terms of the decomposition, corrected for the overfitting of the isotonic fits:
        delta = miscalibration − discrimination.
    sequential : SequentialAnalysis
        With `order=`: the confidence sequence, the e-value, the autocorrelation-robust interval.
    rows_needed : int or None
        Total number of rows at which a true difference as large as the observed one is significant with 80% power, at
        the level of `simultaneous`; None if no number is enough.
    detectable_difference : float
        Minimum detectable difference, in nats: the true difference that this number of rows detects with 80% power.
        Both use the autocorrelation-robust standard error where it is clearly larger.
    cautions : tuple of str
        Where the intervals of the difference may be too narrow: few rows carry its variance, or, with `order=`, rows of
        a period or neighbouring periods depend on each other.
    groups, largest_differences : SmallTable
        The difference by group of `by`, and the rows with the largest absolute differences.
    largest_difference_rows : tuple
        Those rows as records with source, row and line.

    Examples
    --------
    >>> import logloss
    >>> compared = logloss.compare([1, 0, 1, 1] * 25, {"old": [0.5] * 100, "new": [0.8, 0.4, 0.6, 0.9] * 25})
    >>> pair = compared.between("old", "new")
    >>> pair.better, round(pair.delta, 4)
    ('new', 0.3556)
    """

    better: str
    worse: str
    delta: Estimate
    delta_where_finite: Estimate
    simultaneous: Estimate
    standard_error: float
    effective_observations: float
    n_infinite: tuple[int, int, int]
    is_identical: bool
    miscalibration: Estimate
    discrimination: Estimate
    sequential: SequentialAnalysis
    rows_needed: int | None
    detectable_difference: float
    cautions: tuple[str, ...]
    groups: SmallTable | None
    largest_differences: SmallTable
    largest_difference_rows: tuple[LargeLoss, ...] = field(default=(), compare=False)

    def __repr__(self) -> str:
        low, high = significant(self.delta.low), significant(self.delta.high)
        ends = f" (95% CI {low}–{high})" if self.delta.has_interval else ""
        delta = f"{significant(self.delta)} nats per row"
        return f"PairwiseComparison: log loss of {self.better} is {delta} lower than that of {self.worse}{ends}"

    @property
    def is_significant(self) -> bool:
        """Whether the simultaneous 95% interval of the difference excludes 0."""
        return math.isinf(self.delta) or self.simultaneous.low > 0


class PairSums:
    """The sums of the difference of two losses, for `inference.moments.Moments`; sign: −1 reverses it."""

    def __init__(self, summary: ComparisonSummary, contrast: Contrast, sign: int) -> None:
        any_loss = summary.losses[0]
        self.n_rows = contrast.counts[0]
        self.n_positive, self.n_infinite, self.is_soft = any_loss.n_positive, 0, any_loss.is_soft
        # Rows without weights are counted, not summed: each adds one to every power of the weight.
        hard = of_count(any_loss.n_hard[0])
        sums = {name: any_loss.general[SUMS.index(name)] + hard for name in ("w", "ww", "www")}
        for name in sums:
            sums[name] -= contrast.sum(f"out_{name}")
        # c³ and products with a single c change their sign with it.
        for name in ("c", "cw", "cww", "ccc"):
            sums[name] = sign * contrast.sum(name)
        sums |= {name: contrast.sum(name) for name in ("cc", "ccw")}
        self._sums, self.unit_exponent = in_largest_unit(sums)

    def sum(self, name: str) -> int:
        """One of the sums, in units of 2^-unit_exponent."""
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
        # With digits to spare for the quotient below.
        self.unit_exponent = min(unit_exponent_of(grouped) + 64, UNIT_EXPONENT)
        sums = sums_of_key(grouped.sums, number, self.unit_exponent)
        counts = grouped.totals.counts[int(np.searchsorted(grouped.totals.keys, number))].tolist()
        better, worse = pair
        self.n_rows, self.n_positive, self.n_infinite, self.is_soft = counts[0], 0, 0, False
        self.n_infinite_of = counts[1 + better], counts[1 + worse]
        self.losses = sums[1 + better], sums[1 + worse]
        # Weight, losses, weight², weight times losses, squares of the differences.
        squared = 2 + n_forecasts
        self._sums = {
            "w": sums[0],
            "ww": sums[1 + n_forecasts],
            "c": self.losses[1] - self.losses[0],
            "cw": sums[squared + worse] - sums[squared + better],
            "cc": sums[squared + n_forecasts + place],
        }
        # Third powers are not kept: (Σw²)² / Σw is what they are of equal weights, and less than they are of others.
        self._sums["www"] = self._sums["ww"] ** 2 // self._sums["w"]

    def sum(self, name: str) -> int:
        """One of the sums, in units of 2^-unit_exponent."""
        return self._sums[name]

    def figures(self, total: int, *, clusters: tuple[float, float] | None) -> dict[str, Any]:
        """The row of a table; total: the weight of all rows, in units of 2^-6720; clusters: their effective number and
        the standard error of the difference; None if rows are independent."""
        moments = Moments(self)
        weight, total = moments.weight, total >> UNIT_EXPONENT - self.unit_exponent
        losses = [
            math.inf if n else ratio(sum_, weight) for n, sum_ in zip(self.n_infinite_of, self.losses, strict=True)
        ]
        delta, contribution = moments.quotient("c"), ratio(self._sums["c"], total)
        # The difference of two infinite losses is not defined.
        if any(self.n_infinite_of):
            delta = contribution = (
                math.nan if all(self.n_infinite_of) else math.copysign(math.inf, losses[1] - losses[0])
            )
        estimate = Estimate(delta, reason=INFINITE)
        if math.isfinite(delta):
            estimate = self._by_rows(moments, delta)
            if clusters is not None:
                estimate = clustered_mean(estimate, *clusters)
        return {
            "rows": self.n_rows,
            **({} if clusters is None else {"effective_clusters": clusters[0]}),
            "log_loss_better_nats": losses[0],
            "log_loss_worse_nats": losses[1],
            "delta_nats": delta,
            "delta_nats_low": estimate.low,
            "delta_nats_high": estimate.high,
            "reason": estimate.reason,
            "caution": caution_of(moments.effective_rows, math.nan, "", None) if estimate.has_interval else "",
            "contribution_nats": contribution,
            "share": ratio(weight, total),
        }

    def _by_rows(self, moments: Moments, delta: float) -> Estimate:
        """The difference with the interval of independent rows, by Kish's effective number of them."""
        if moments.effective_rows < FEWEST_OF_GROUP:
            return Estimate(delta, reason=f"too few rows ({effective_count(moments.effective_rows)})")
        return with_interval(delta, moments.sampling_error("c"))
