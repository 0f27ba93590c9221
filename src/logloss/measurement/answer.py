"""The answer of `measure`: the log loss of a set of predictions, its decomposition, calibration and ranking.

A measurement is made of one `LossSummary` and keeps it, so that it can be saved and merged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from logloss.answers.answer import Answer
from logloss.answers.estimate import CONFIDENCE, Estimate, with_interval
from logloss.answers.figures import jsonable, put, put_estimate
from logloss.answers.small_table import SmallTable
from logloss.errors import DataError
from logloss.inference.base_rates import at_base_rates
from logloss.inference.calibration_line import calibration_line
from logloss.inference.cautions import cautions_of
from logloss.inference.decomposition import Discrimination, Miscalibration, decomposed
from logloss.inference.folds import Folds, told_of, with_training
from logloss.inference.groups import groups_table, margin
from logloss.inference.moments import Moments, moments_of
from logloss.inference.null_distribution import NullDistribution, null_distribution_of
from logloss.inference.overfitting import overfitting_of
from logloss.inference.ranking import LossConcentration, area_under_curve
from logloss.inference.recalibration import Recalibration
from logloss.inference.score_table import ScoreTable, score_table_of
from logloss.inference.unlabelled_rows import UnlabelledRows, unlabelled_rows_of
from logloss.inference.variance import ErrorOf, cluster_deviations, error_of_classes, figures_of
from logloss.measurement.decisions import MeasuredDecisions
from logloss.measurement.fields import put_parts, put_unlabelled, why_none
from logloss.measurement.record import Parts, Question, SummaryRecord, rows_and_columns
from logloss.text import NATS_PER_BIT

if TYPE_CHECKING:
    from logloss.onepass.summaries import LargeLoss, LossSummary


@dataclass(frozen=True, slots=True, repr=False)
class Measurement(MeasuredDecisions, Answer):
    """The log loss of a set of predictions, with its decomposition, calibration and ranking; made by `measure`.

    Losses are in nats per row (per unit of weight). Every estimate is an `Estimate`: a float with the ends of its 95%
    interval, `low` and `high`, and a `reason` why there is none, or a remark on it.

    Attributes
    ----------
    log_loss : Estimate
        Mean log loss, in [0, inf]; its interval is corrected for skewness.
    log_loss_where_finite : float
        Mean log loss of the rows whose loss is finite.
    uncertainty : Estimate
        Entropy of the base rate, in [0, ln 2]: the log loss of the baseline, which always predicts the base rate.
    discrimination : Discrimination
        Uncertainty less the log loss after isotonic recalibration, ≥ 0; also called resolution. `excess` is the same
        without the overfitting of the isotonic fit, with an interval.
    miscalibration : Miscalibration
        Log loss less that after isotonic recalibration, ≥ 0: log_loss = uncertainty − discrimination + miscalibration,
        also with `excess` of both. Has its null distribution, that of perfectly calibrated predictions with the same
        values: `expected_if_calibrated` (mean), `quantile_95_if_calibrated` (nan for 12 rows or fewer, where all
        outcomes are enumerated), `p_value`. The decomposition (CORP)
        assumes that the true event rate rises with the predicted probability; where it falls, miscalibration is counted
        as lack of discrimination.
    skill : Estimate
        Skill score, 1 − log_loss / uncertainty: D², McFadden's pseudo-R². At most 1, below 0 if worse than the
        baseline, -inf for an infinite loss; nan for one class.
    base_rate, mean_proba : Estimate, float
        Observed event rate (mean label) and mean prediction, in [0, 1]; `ratio` is mean_proba / base_rate.
    auc : Estimate
        Probability that a positive row has a higher score than a negative one, ties counting half, in [0, 1].
    brier : Estimate
        Brier score, the mean squared error of the predictions, in [0, 1].
    expected_log_loss : float
        Mean predictive entropy: the log loss to expect if the predictions are the true probabilities.
        `log_loss_minus_expected` is log_loss − expected_log_loss, `expected_z` that difference in standard errors if
        the predictions are the true probabilities; nan, with `expected_z_reason`, for soft labels, clusters, infinite
        losses, and where every prediction is 0 or 1.
    slope, intercept : Estimate
        Calibration slope and intercept: logistic regression of the labels on the log-odds of the predictions, both
        fitted together; 1 and 0 for calibrated predictions. An interval of the slope below 1 means overconfident, one
        above 1 underconfident. Rows with prediction 0 or 1 are excluded, and the reason says so; nan where there is no
        such line.
    largest_losses : SmallTable
        The rows of the largest losses: where they are, predicted probability, observed label, log loss in nats, weight.
    loss_share_of_top_1_percent, loss_share_of_top_10_percent : float
        Loss concentration (Lorenz curve): the share of the total loss in the top 1% and 10% of rows by loss; nan for
        soft labels and infinite losses.
    groups : SmallTable or None
        Log loss, contribution, event rate, mean prediction and miscalibration of each group of `by` (`margin` pools
        some of several columns). The contribution is the group's share of the weight × (its log loss − log_loss). With
        `cluster` its intervals assume independent clusters, of which each group has `effective_clusters`.
    n_rows, n_positive, n_infinite, n_dropped, n_clusters : int
        Rows that are measured, rows with label 1, rows with probability 0 for the observed class, rows dropped by
        missing="drop", clusters (or, where there are more than 4,096, buckets of them: `has_buckets`).
    n_unlabelled : int or None
        Rows with a prediction whose label is missing, as where it is not known yet: kept by unlabelled="keep", or
        dropped by missing="drop" (and then among `n_dropped`). `unlabelled_mean_proba` and
        `unlabelled_expected_log_loss` are their mean prediction and mean predictive entropy (nan if there are none).
        None where the file of an older logloss does not hold it.
    unlabelled : UnlabelledRows or None
        What is expected of these rows, and how their scores differ from those of the labelled rows; None if there are
        none. `expected_on_unlabelled` is its `log_loss`, `base_rate_unlabelled` its `base_rate`.
    negatives_kept : float
        Share of the negatives that training kept, for which all predictions were corrected; 1 for no correction.
    effective_rows, effective_clusters : float
        (Σw)² / Σw² of the weights of rows, or of clusters: the number of equal weights of the same variance (Kish). Of
        clusters that of the rarer class where it is less; nan without `cluster`.
    cautions : tuple of str
        Why intervals may not have their nominal coverage; empty where the data suffice.
    folds : Folds or None
        With `cv`: `n_folds`, the models whose loss is estimated (`estimand`), and how its interval is computed
        (`method`). All other intervals are conditional on the out-of-fold predictions.
    n_scores : int
        Distinct predictions, or bins of them where `is_exact` is False.
    first_infinite : str
        Where the first row of infinite loss is; "" if there is none.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([1, 0, 0, 0], [1.0, 1.0, 0.0, 0.0])
    >>> float(m.log_loss), m.n_infinite, m.first_infinite
    (inf, 1, 'row 1')
    """

    kind: ClassVar[str] = "measurement"
    log_loss: Estimate
    log_loss_where_finite: float
    uncertainty: Estimate
    discrimination: Discrimination
    miscalibration: Miscalibration
    skill: Estimate
    base_rate: Estimate
    mean_proba: float
    auc: Estimate
    brier: Estimate
    expected_log_loss: float
    log_loss_minus_expected: float
    expected_z: float
    expected_z_reason: str
    slope: Estimate
    intercept: Estimate
    largest_losses: SmallTable
    loss_share_of_top_1_percent: float
    loss_share_of_top_10_percent: float
    groups: SmallTable | None
    n_rows: int
    n_positive: int
    n_infinite: int
    n_dropped: int
    n_unlabelled: int | None
    unlabelled_mean_proba: float
    unlabelled_expected_log_loss: float
    unlabelled: UnlabelledRows | None
    n_clusters: int
    effective_rows: float
    effective_clusters: float
    cautions: tuple[str, ...]
    n_scores: int
    is_exact: bool
    sum_weight: float
    is_soft: bool
    has_weights: bool
    has_counts: bool
    negatives_kept: float
    by: tuple[str, ...]
    cluster: tuple[str, ...]
    has_buckets: bool
    has_too_many_groups: bool
    first_infinite: str
    source: str
    positive: str
    notes: tuple[str, ...] = ()
    folds: Folds | None = None
    record: SummaryRecord = field(default=None, compare=False)  # type: ignore[assignment]

    @property
    def summary(self) -> LossSummary:
        """The summary it is made of: exact sums and tables of counts, small whatever the number of rows."""
        return self.record.summary

    @property
    def question(self) -> Question:
        """What was measured: the positive class, the column of predictions, weights, corrections."""
        return self.record.question

    @property
    def parts(self) -> Parts:
        """The parts of the rows, so that none is counted twice."""
        return self.record.parts

    @property
    def ratio(self) -> float:
        """Mean prediction / base rate: above 1 where predictions are too high on average; nan if no row is positive."""
        return self.mean_proba / self.base_rate if self.base_rate else math.nan

    @property
    def expected_on_unlabelled(self) -> Estimate:
        """Expected mean log loss of the rows without a label, in nats, from the calibration curve of the labelled rows.

        The interval is for the loss that these rows will have once labelled: it includes the randomness of their
        labels. It assumes that P(label | score) is that of the labelled rows; no data without labels can show that it
        is not. nan, with a reason, if there are none.

        Examples
        --------
        >>> import logloss
        >>> y, p = [1, 0, 1, 0, None] * 100, [0.8, 0.4, 0.6, 0.7, 0.5] * 100
        >>> m = logloss.measure(y, p, unlabelled="keep")
        >>> round(m.expected_on_unlabelled, 3)
        0.693
        """
        return self._of_unlabelled("log_loss")

    @property
    def base_rate_unlabelled(self) -> Estimate:
        """Share of positives among the rows without a label, in [0, 1], if only the base rate differs (EM).

        `unlabelled.base_rate_fit_p_value` says whether the scores contradict that.
        """
        return self._of_unlabelled("base_rate")

    def _of_unlabelled(self, name: str) -> Estimate:
        """A figure of the rows without a label."""
        if self.unlabelled is None:
            return Estimate(math.nan, reason=why_none(self.n_unlabelled))
        found: Estimate = getattr(self.unlabelled, name)
        return found

    def margin(self, *columns: str) -> SmallTable:
        """The groups by some of the columns of `by`, pooled over the others.

        Parameters
        ----------
        *columns : str
            Names of columns of `by`.

        Examples
        --------
        >>> import logloss
        >>> by = {"day": [1, 1, 2, 2], "site": ["a", "b", "a", "b"]}
        >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9], by=by)
        >>> m.margin("site")["rows"]
        [2, 2]
        """
        groups = self.summary.groups
        if groups is None or not columns or not set(columns) <= set(groups.columns):
            known = "none" if groups is None else ", ".join(groups.columns)
            raise DataError(f"margin() takes columns of `by`: {known}; got {', '.join(columns) or 'none'}.")
        moments = moments_of(self.summary, score_table_of(self.summary.scores))
        return groups_table(
            margin(groups, columns), moments, is_soft=self.is_soft, has_clusters=self.summary.clusters is not None
        )

    def at_base_rates(self, rates: Sequence[float] | None = None) -> SmallTable:
        """The log loss of the same predictions at other base rates, with the rows of each class as they are.

        Beside it, `log_loss_shifted_nats`: the log loss if the log-odds of the predictions are shifted by as much as
        those of the base rate (prior correction).

        Parameters
        ----------
        rates : list of floats in [0, 1], optional
            Base rates; from 0.001 to 0.999, and that of the rows, if left out.

        Examples
        --------
        >>> import logloss
        >>> m = logloss.measure([1, 0, 0, 0] * 10, [0.8, 0.3, 0.2, 0.1] * 10)
        >>> [round(loss, 4) for loss in m.at_base_rates([0.25, 0.5])["log_loss_nats"]]
        [0.2271, 0.2258]
        """
        table = score_table_of(self.summary.scores)
        moments, error_of = figures_of(self.summary, table)
        return at_base_rates(table, error_of_classes(error_of, moments), moments.why_no_interval(), rates)

    def merge(self, other: Measurement) -> Measurement:
        """The measurement of the rows of both: the same, to the bit, as measuring them together.

        Parameters
        ----------
        other : Measurement
            Of other rows: one that shares rows (all those of a row group, a CSV file, or arrays) is refused. Give
            different samples that are equal row by row a `name=` each.

        Raises
        ------
        DataError
            If the two share rows, or differ in positive class, column of predictions or correction.

        Examples
        --------
        >>> import logloss
        >>> monday = logloss.measure([1, 0], [0.8, 0.4])
        >>> tuesday = logloss.measure([1, 1], [0.6, 0.9])
        >>> round(monday.merge(tuesday).log_loss, 4)
        0.3375
        """
        if not isinstance(other, Measurement):
            raise DataError(
                f"a measurement merges with a measurement; got {type(other).__name__}. Read a file with logloss.load."
            )
        return measurement_of(self.record.merge(other.record))

    def to_dict(self) -> dict[str, Any]:
        """The figures as flat JSON-ready values, units in their names; an undefined one is None, with its reason.

        Examples
        --------
        >>> import logloss
        >>> logloss.measure([1, 0], [0.5, 0.5]).to_dict()["log_loss_bits"]
        1.0
        """
        figures: dict[str, Any] = {"schema": 1, "source": self.source, "positive": self.positive}
        figures |= {"n_rows": self.n_rows, "n_infinite": self.n_infinite, "n_dropped": self.n_dropped}
        put(figures, "sum_weight", self.sum_weight)
        if not self.is_soft:
            figures["n_positive"] = self.n_positive
        put_estimate(figures, "log_loss_nats", self.log_loss)
        put(figures, "log_loss_bits", self.log_loss / NATS_PER_BIT)
        if self.n_infinite:
            put(figures, "log_loss_where_finite_nats", self.log_loss_where_finite, "every loss is infinite")
            figures["first_infinite"] = self.first_infinite
        put_estimate(figures, "uncertainty_nats", self.uncertainty)
        put_parts(figures, self.discrimination, self.miscalibration)
        put_estimate(figures, "skill", self.skill)
        put_estimate(figures, "base_rate", self.base_rate)
        put(figures, "mean_proba", self.mean_proba)
        put(figures, "ratio", self.ratio, "no row is positive")
        put_estimate(figures, "auc", self.auc)
        put_estimate(figures, "brier", self.brier)
        put(figures, "expected_log_loss_nats", self.expected_log_loss)
        put(figures, "log_loss_minus_expected_nats", self.log_loss_minus_expected)
        put(figures, "expected_z", self.expected_z, self.expected_z_reason)
        put_estimate(figures, "slope", self.slope)
        put_estimate(figures, "intercept", self.intercept)
        put_unlabelled(figures, self)
        for part in (1, 10):
            share = getattr(self, f"loss_share_of_top_{part}_percent")
            put(
                figures, f"loss_share_of_top_{part}_percent", share, "not available for soft labels and infinite losses"
            )
        figures["largest_losses"] = [jsonable(row) for row in self.largest_losses]
        figures["negatives_kept"] = self.negatives_kept
        figures |= {"n_scores": self.n_scores, "is_exact": self.is_exact}
        if self.cluster:
            figures |= {"cluster": list(self.cluster), "n_clusters": self.n_clusters}
            put(figures, "effective_clusters", self.effective_clusters)
        if self.groups is not None:
            figures |= {"by": list(self.by), "has_too_many_groups": self.has_too_many_groups}
            figures["groups"] = [jsonable(row) for row in self.groups]
        put(figures, "effective_rows", self.effective_rows)
        figures |= {} if self.folds is None else self.folds.figures
        figures |= {"confidence": CONFIDENCE, "cautions": list(self.cautions)}
        figures["notes"] = list(self.notes)
        return figures


def measurement_of(record: SummaryRecord) -> Measurement:
    """The measurement that a summary makes."""
    # The pieces have become parts; two measurements of the same rows hold the same summary.
    record = replace(record, summary=replace(record.summary, pieces=()))
    summary, table = record.summary, score_table_of(record.summary.scores)
    moments, error_of = figures_of(summary, table)
    reason, loss = moments.why_no_interval(), with_training(moments.log_loss(), moments, record.folds)
    discrimination, miscalibration = _isotonic_parts(summary, table, loss, error_of, reason)
    of_classes = error_of_classes(error_of, moments)
    clusters = summary.clusters
    sums_of = None if clusters is None else partial(cluster_deviations, clusters, table=table)
    of_top_1_percent, of_top_10_percent = _shares_of_top(summary, table, (0.01, 0.1))
    slope, intercept = calibration_line(table, of_classes, reason, sums_of)
    uncertainty, gap = moments.uncertainty(), moments.log_loss_minus_expected()
    z, z_reason = moments.expected_z(gap)
    return Measurement(
        log_loss=loss,
        log_loss_where_finite=moments.loss_where_finite(),
        uncertainty=uncertainty,
        discrimination=discrimination,
        miscalibration=miscalibration,
        skill=moments.skill(loss, uncertainty),
        base_rate=moments.base_rate(),
        mean_proba=moments.quotient("p"),
        auc=area_under_curve(table, moments, of_classes, reason),
        brier=_brier(moments, table, error_of, reason),
        expected_log_loss=moments.expected_log_loss(),
        log_loss_minus_expected=gap,
        expected_z=z,
        expected_z_reason=z_reason,
        slope=slope,
        intercept=intercept,
        largest_losses=largest_losses_table(summary.largest_losses.rows),
        loss_share_of_top_1_percent=of_top_1_percent,
        loss_share_of_top_10_percent=of_top_10_percent,
        groups=_groups(summary, moments),
        effective_rows=moments.effective_rows,
        effective_clusters=math.nan if moments.effective_clusters is None else moments.effective_clusters,
        cautions=(*cautions_of(moments, summary.largest_losses.rows), *told_of(record.folds)),
        sum_weight=moments.sum_weight(),
        unlabelled=unlabelled_rows_of(summary, table, moments, error_of),
        **rows_and_columns(record),
        record=record,
    )


def _isotonic_parts(
    summary: LossSummary, table: ScoreTable, loss: float, error_of: ErrorOf, reason: str
) -> tuple[Discrimination, Miscalibration]:
    """Discrimination and miscalibration of a loss, from the isotonic fit."""
    recalibration = Recalibration(table)
    null_distribution = _null_distribution(summary, table, max(loss - recalibration.log_loss, 0.0))
    overfitting = overfitting_of(table, summary.clusters, is_soft=summary.is_soft)
    return decomposed(recalibration, loss, null_distribution, overfitting, error_of, reason)


def _groups(summary: LossSummary, moments: Moments) -> SmallTable | None:
    """The table of groups; None without groups."""
    if summary.groups is None:
        return None
    return groups_table(summary.groups, moments, is_soft=summary.is_soft, has_clusters=summary.clusters is not None)


def _null_distribution(summary: LossSummary, table: ScoreTable, excess: float) -> NullDistribution:
    """The null distribution of a miscalibration."""
    if summary.clusters is not None:
        return NullDistribution(reason="rows of a cluster depend on each other")
    return null_distribution_of(
        table, summary.largest_losses, excess, summary.n_rows, table.runs, is_soft=summary.is_soft
    )


def _brier(moments: Moments, table: ScoreTable, error_of: ErrorOf, reason: str) -> Estimate:
    """Mean squared error of the predictions: of clusters, of which its sums are not kept, from their scores."""
    brier = moments.brier()
    if reason or moments.effective_clusters is None:
        return brier
    return with_interval(brier, error_of(table.of_zeros.proba**2, (1 - table.of_ones.proba) ** 2, brier), low=0.0)


def _shares_of_top(summary: LossSummary, table: ScoreTable, parts: Sequence[float]) -> list[float]:
    """The share of the loss in each top part of the rows by loss; nan for soft labels and infinite losses."""
    if summary.is_soft or summary.n_infinite:
        return [math.nan] * len(parts)
    concentration = LossConcentration(table)
    return [concentration.share(part) for part in parts]


def largest_losses_table(rows: Sequence[LargeLoss]) -> SmallTable:
    """The rows of the largest losses as a table."""
    from logloss.onepass.summaries.largest_losses import values_of

    columns: dict[str, list[Any]] = {
        "source": [row.name for row in rows],
        "row": [row.number for row in rows],
        "predicted": [row.predicted for row in rows],
        "observed": [row.observed for row in rows],
        "log_loss_nats": [row.log_loss for row in rows],
    }
    columns |= values_of(rows)
    if any(row.weight != 1 for row in rows):
        columns["weight"] = [row.weight for row in rows]
    if any(row.count != 1 for row in rows):
        columns["count"] = [row.count for row in rows]
    return SmallTable(columns)
