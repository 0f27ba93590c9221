"""Makes the pairwise comparisons of a summary: which of two forecasters is better, and every figure of that."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from logloss.answers.estimate import INFINITE, Estimate, SamplingError, with_interval
from logloss.answers.small_table import SmallTable
from logloss.comparison.autocorrelation import with_periods
from logloss.comparison.pairwise import (
    FEWEST_OF_GROUP,
    GroupPairSums,
    PairedDifference,
    PairSums,
    PairwiseComparison,
)
from logloss.comparison.power import Design, Spread, simultaneous_level, whole_rows
from logloss.comparison.sequential import sequential_analysis
from logloss.data.keys import REST
from logloss.inference.cautions import caution_of_concentration
from logloss.inference.clustered_groups import ClustersOfGroups, why_too_few
from logloss.inference.clusters import ClusteredMoments, Clusters
from logloss.inference.folds import FoldLosses, with_training
from logloss.inference.groups import sums_of_keys, unit_exponent_of
from logloss.inference.moments import Moments, moments_of
from logloss.inference.overfitting import Overfitting, overfitting_of
from logloss.inference.recalibration import Influence, Recalibration, influences_of
from logloss.inference.score_table import ScoreTable, dot, score_table_of
from logloss.inference.variance import cluster_deviations, clustered
from logloss.onepass.kernels.exact import ratio
from logloss.onepass.summaries import ComparisonSummary, GroupedSummary, pairs_of
from logloss.onepass.summaries.contrast import Contrast, JointScores, bins_of_pairs
from logloss.onepass.summaries.largest_losses import values_of

BOTH_WAYS = "models of the folds were trained on each other's test rows"
# (What rows of 0 and 1 contribute to the better one's mean at each of its scores, the same of the worse one, the
# difference of the means) -> its sampling error.
ErrorOfPair = Callable[[Influence, Influence, float], SamplingError]


def joint_error(joint: JointScores, tables: list[ScoreTable], better: int, worse: int, n_rows: int) -> ErrorOfPair:
    """Errors of differences of means of functions of the two scores, from how often each pair of scores was given.

    Within a coarse bin the rows of a label count as their mean.
    """
    keys, counts = joint.counts.keys, joint.counts.counts
    bins = bins_of_pairs(keys)
    of_better, of_worse = bins if better < worse else bins[::-1]

    def error(mine: Influence, other: Influence, mean: float) -> SamplingError:
        squares = 0.0
        for label in (0, 1):
            d = tables[worse].coarse_means(joint.level, label, other[label])[of_worse]
            d = d - tables[better].coarse_means(joint.level, label, mine[label])[of_better] - mean
            squares += dot(counts[:, label].astype(np.float64), d**2)
        # Counts of rows: joint scores are kept of hard labels without weights only.
        return SamplingError(math.sqrt(squares / n_rows / max(n_rows - 1, 1)), n_rows - 1)

    return error


class PairEstimator:
    """Makes the pairwise comparisons of a summary."""

    def __init__(
        self, summary: ComparisonSummary, names: tuple[str, ...], within: str, folds: Sequence[FoldLosses] = ()
    ) -> None:
        self.summary, self.names, self.within, self.folds = summary, names, within, folds
        self.pairs = pairs_of(len(names))
        # All pairs, not only those with the best: `between` returns any two.
        self.level = simultaneous_level(len(self.pairs))
        self.tables = [score_table_of(each.scores) for each in summary.losses]
        self.recalibrations = [Recalibration(table) for table in self.tables]
        self.moments = [
            moments_of(each, table) if each.clusters is None else clustered(moments_of(each, table), each.clusters)
            for each, table in zip(summary.losses, self.tables, strict=True)
        ]
        self.losses = [each.log_loss() for each in self.moments]
        if folds:
            summaries = [each.summary() for each in folds]
            self.losses = list(map(with_training, self.losses, self.moments, summaries))
        self.where_finite = [each.loss_where_finite() for each in self.moments]

    def order(self) -> list[int]:
        """The forecasters by increasing log loss; infinite ones by that of the rows whose loss is finite."""

        def rank(number: int) -> tuple[float, float, int]:
            without = self.where_finite[number]
            return float(self.losses[number]), math.inf if math.isnan(without) else without, number

        return sorted(range(len(self.names)), key=rank)

    def excess_parts(self, number: int) -> tuple[float, float]:
        """(Excess discrimination, excess miscalibration) of a forecaster."""
        own = self.recalibrations[number]
        recalibrated = own.log_loss + self.overfitting[number].nats
        return own.uncertainty - recalibrated, float(self.losses[number]) - recalibrated

    def pair(self, better: int, worse: int) -> PairwiseComparison:
        """The comparison of a forecaster with a worse one."""
        i, j = min(better, worse), max(better, worse)
        place = self.pairs.index((i, j))
        contrast = self.summary.contrasts[place]
        # Contrasts hold the first less the second: the worse one's loss less the better one's.
        sign = 1 if worse == i else -1
        moments = Moments(PairSums(self.summary, contrast, sign))
        # Rows of finite loss for both; of infinite loss for the first only, the second only, both.
        counts = contrast.counts
        n_worse, n_better = (counts[1], counts[2]) if sign > 0 else (counts[2], counts[1])
        paired = self._paired(moments, i, j, sign, is_whole=not any(counts[1:4]))
        paired = self._with_training(paired, better, worse) if self.folds else paired
        delta, reason = self._delta(better, worse, n_better, n_worse, counts[3])
        whole = paired.estimate(value=delta) if not reason else Estimate(delta, reason=reason)
        # Significance is not decided with too few clusters.
        undecided = reason or why_too_few(self.moments[better].effective_clusters)
        at_once = paired.estimate(self.level, delta) if not undecided else Estimate(delta, reason=undecided)
        miscalibration, discrimination = self._parts(better, worse, place, delta)
        n_rows = self.summary.n_rows
        error = math.nan if paired.reason or not math.isfinite(delta) else paired.sampling.error
        sequential = sequential_analysis(
            self.summary,
            (i, j),
            sign,
            delta,
            error=error,
            within=self.within,
            n_pairs=len(self.pairs),
            # Of rows in the order of time each model has seen none of what it judges later.
            withheld=BOTH_WAYS if self.folds and not self.folds[0].is_forward else "",
        )
        # An interval for all pairs would have to exclude 0.
        observations = min(paired.sampling.degrees + 1, n_rows)
        of_periods = with_periods(
            error, observations, sequential.autocorrelation_robust.high - delta, sequential.n_cosines
        )
        spread, design = Spread.of_error(of_periods[0], n_rows, of_periods[1]), Design(self.level)
        return PairwiseComparison(
            self.names[better],
            self.names[worse],
            whole,
            paired.estimate(),
            at_once,
            error,
            observations,
            (n_better, n_worse, counts[3]),
            contrast.sum("cc") == 0 and not any(counts[1:3]),
            miscalibration,
            discrimination,
            sequential,
            whole_rows(design.rows(delta, spread)) if error > 0 else None,
            design.detectable_difference(spread, n_rows),
            (*self._cautions(moments, contrast, sign), *sequential.cautions),
            self._groups(better, worse, place),
            self._largest_differences(contrast, sign),
            tuple(row.first for row in contrast.largest_differences),
        )

    def _cautions(self, moments: Moments, contrast: Contrast, sign: int) -> tuple[str, ...]:
        """Where few rows carry the variance of the difference."""
        if not moments.weight:
            return ()
        rows = [(sign * row.difference, row.first.weight, row.first.count) for row in contrast.largest_differences]
        caution = caution_of_concentration(moments, rows, "largest difference", "largest differences", "the difference")
        return (caution,) if caution else ()

    def _paired(self, moments: Moments, i: int, j: int, sign: int, *, is_whole: bool) -> PairedDifference:
        """The mean difference over the rows whose loss is finite for both."""
        mean = moments.quotient("c") if moments.weight else math.nan
        if not moments.weight:
            return PairedDifference(mean, SamplingError(math.nan), "every row has an infinite loss")
        reason = self.moments[0].why_no_interval()
        if moments.n_rows < FEWEST_OF_GROUP:
            reason = reason or f"too few rows ({moments.n_rows})"
        if self.summary.clusters is None:
            return PairedDifference(mean, moments.error_of_loss(), reason)
        if not is_whole:
            return PairedDifference(mean, SamplingError(math.nan), reason or INFINITE)
        clustered_moments = ClusteredMoments(moments, self._totals(i, j, sign))
        return PairedDifference(mean, clustered_moments.error_of_loss(), reason)

    def _totals(self, i: int, j: int, sign: int) -> dict[str, list[int]]:
        """Weight and difference of the weighted losses of each cluster."""
        mine, other = (self.summary.losses[number].clusters for number in (i, j))
        if mine is None or other is None:
            return {"w": [], "c": []}
        unit = unit_exponent_of(mine, other)
        costs = zip(*(sums_of_keys(each, "c", unit) for each in (mine, other)), strict=True)
        return {"w": sums_of_keys(mine, "w", unit), "c": [sign * (first - second) for first, second in costs]}

    def _delta(self, better: int, worse: int, n_better: int, n_worse: int, n_both: int) -> tuple[float, str]:
        """The difference of the two losses, rounded once, and why it has no interval."""
        if n_both or (n_better and n_worse):
            return math.nan, "both losses are infinite"
        if n_worse:
            return math.inf, INFINITE
        mine, other = (self.summary.losses[number] for number in (better, worse))
        # One integer, rounded once: the difference of two rounded losses would lose digits.
        return ratio(other.sum("c") - mine.sum("c"), mine.sum("w")), ""

    def _with_training(self, paired: PairedDifference, better: int, worse: int) -> PairedDifference:
        """The same with an error that includes variation of the training rows, where folds had models of their own."""
        folds = self.folds[worse].less(self.folds[better]).summary()
        reason = paired.reason or folds.why_no_interval
        return PairedDifference(paired.mean, paired.sampling if reason else folds.widened(paired.sampling), reason)

    def _parts(self, better: int, worse: int, place: int, delta: float) -> tuple[Estimate, Estimate]:
        """Differences in miscalibration and in discrimination, worse minus better."""
        mine, other = self.recalibrations[better], self.recalibrations[worse]
        # The uncertainty is that of the same labels: it cancels.
        overfitting = self.overfitting[worse].nats - self.overfitting[better].nats
        reason = self._why_no_parts(delta) or self.overfitting[better].reason
        # Not available of one means not available of any: labels and clusters are the same.
        discrimination = mine.log_loss - other.log_loss - (0.0 if math.isnan(overfitting) else overfitting)
        miscalibration = delta + discrimination
        if reason:
            return Estimate(miscalibration, reason=reason), Estimate(discrimination, reason=reason)
        if self.summary.clusters is None:
            error_of = joint_error(self.summary.joint[place], self.tables, better, worse, self.summary.n_rows)
        else:
            error_of = self._error_of_clusters(better, worse)
        # Of the isotonic fits themselves, not of smooth ones: both overfit the same labels, and what they have in
        # common of it cancels only so.
        ours, theirs = influences_of(mine), influences_of(other)
        with np.errstate(over="ignore", invalid="ignore"):
            of_miscalibration = error_of(ours.miscalibration, theirs.miscalibration, miscalibration)
            of_discrimination = error_of(ours.discrimination, theirs.discrimination, discrimination)
        return with_interval(miscalibration, of_miscalibration), with_interval(discrimination, of_discrimination)

    @cached_property
    def overfitting(self) -> list[Overfitting]:
        """By how much the isotonic fit of each forecaster overfits."""
        return [
            overfitting_of(table, each.clusters, is_soft=each.is_soft)
            for each, table in zip(self.summary.losses, self.tables, strict=True)
        ]

    def _error_of_clusters(self, better: int, worse: int) -> ErrorOfPair:
        """Errors of differences of means of functions of the two scores, with clusters as the observations."""
        sides = [(self.summary.losses[number].clusters, self.tables[number]) for number in (better, worse)]
        shares: Clusters = self.moments[better].clusters  # type: ignore[attr-defined]

        def error(mine: Influence, other: Influence, mean: float) -> SamplingError:
            added = []
            for (clusters, table), (zeros, ones) in zip(sides, (mine, other), strict=True):
                # Each side about its own mean: clusters of other weights must not add a constant.
                middle = dot(table.shares[0], zeros) + dot(table.shares[1], ones)
                added.append(cluster_deviations(clusters, zeros - middle, ones - middle, table))  # type: ignore[arg-type]
            return shares.sampling_error(added[1] - added[0])

        return error

    def _why_no_parts(self, delta: float) -> str:
        """Why the decomposition of the difference has no interval."""
        reason = self.moments[0].why_no_interval()
        if reason or not math.isfinite(delta):
            return reason or INFINITE
        # Labels are the same for all forecasts: the first stands for them.
        if not 0 < self.recalibrations[0].positive / self.recalibrations[0].total < 1:
            return "one class"
        if self.summary.clusters is None and not all(table.is_counted for table in self.tables):
            return "not available with weights or soft labels"
        return ""

    def _groups(self, better: int, worse: int, place: int) -> SmallTable | None:
        """The difference by group, and the contribution of each to the total."""
        grouped = self.summary.groups
        if grouped is None:
            return None
        if not grouped.names:
            return SmallTable({name: [] for name in (*grouped.columns, "rows", "delta_nats")})
        rows, clusters = [], self._clusters_of_groups(grouped, better, worse)
        for number, name in enumerate(grouped.names):
            columns = name if name != REST else REST * len(grouped.columns)
            row = dict(zip(grouped.columns, columns, strict=True))
            sums = GroupPairSums(grouped, number, (better, worse), place, len(self.names))
            rows.append(row | sums.figures(self.summary.losses[0].sum("w"), clusters=clusters[number]))
        return SmallTable({name: [row[name] for row in rows] for name in rows[0]})

    def _clusters_of_groups(
        self, grouped: GroupedSummary, better: int, worse: int
    ) -> list[tuple[float, float]] | list[None]:
        """Effective number of clusters of each group, and standard error of its difference; None without clusters."""
        if grouped.cluster_sums is None:
            return [None] * grouped.n_groups
        clusters = ClustersOfGroups(grouped.cluster_sums, grouped.n_groups)
        # After the weight stand the losses of the forecasters.
        errors = clusters.errors_of_means(clusters.costs(1 + worse) - clusters.costs(1 + better))
        return list(zip(clusters.effective.tolist(), errors.tolist(), strict=True))

    def _largest_differences(self, contrast: Contrast, sign: int) -> SmallTable:
        """The rows with the largest absolute differences."""
        rows = contrast.largest_differences
        pairs = [(row.second, row.first) if sign > 0 else (row.first, row.second) for row in rows]
        mine, other = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return SmallTable(
            {
                "source": [row.name for row in mine],
                "row": [row.number for row in mine],
                "observed": [row.observed for row in mine],
                "predicted_by_better": [row.predicted for row in mine],
                "predicted_by_worse": [row.predicted for row in other],
                "delta_nats": [sign * row.difference for row in rows],
                **values_of(mine),
            }
        )
