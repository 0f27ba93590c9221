"""What rows without a label are expected to cost, and their base rate: from their scores and the labelled rows.

Two assumptions that data cannot tell from each other without labels, each with its own figures:

- P(label | score) is that of the labelled rows (covariate shift): `log_loss`.
- P(score | label) is that of the labelled rows, and only the base rate differs (prior shift): `base_rate`, the maximum
  of the likelihood (Saerens, Latinne and Decaestecker 2002, doi:10.1162/089976602753284446), and
  `log_loss_if_base_rate_changed`. What it implies of the distribution of the scores is tested: `base_rate_fit_p_value`.

Where both are wrong (concept shift), nothing in the scores shows it.

>>> import logloss
>>> m = logloss.measure([1, 0, 1, 1, None] * 50, [0.8, 0.4, 0.6, 0.9, 0.6] * 50, unlabelled="keep")
>>> round(m.unlabelled.share, 2)
0.2
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logloss.answers.estimate import Estimate, expit, logit, student_quantile, welch_degrees
from logloss.data.values import Array
from logloss.inference.calibration_spline import CalibrationSpline
from logloss.inference.logistic_line import is_inside
from logloss.inference.moments import Moments
from logloss.inference.recalibration import Influence
from logloss.inference.score_shift import (
    comparable,
    mixture_p_value,
    pooled_bins,
    population_stability_index,
    shift_p_value,
)
from logloss.inference.score_table import ScoreTable, dot, score_table_of
from logloss.inference.variance import ErrorOf, error_of_rows
from logloss.onepass.summaries import LossSummary

MOST_NEWTON_STEPS = 100
# Of a log ratio of densities: squares of scores stay within the floats.
FARTHEST = 300.0
# Below, the model of a changed base rate does not fit the scores of the unlabelled rows.
LEAST_FIT = 0.05
NOT_KEPT = "the scores of unlabelled rows are not kept by the logloss that wrote the summary"
SEPARATED = "the labelled rows do not determine a calibration curve"
# A base rate at the edge has no interval: its error is not that of a smooth maximum.
AT_THE_EDGE = "the likelihood is greatest at a base rate of 0 or 1"
ALL_EQUAL = "predictions that are all equal, or 0 and 1, tell nothing of the base rate"
# Log ratios of densities nearer to 0 are rounding.
NEGLIGIBLE_RATIO = 1e-9
DOES_NOT_FIT = "the scores do not look like those of the two classes with another base rate (p < 0.05)"


@dataclass(frozen=True, slots=True)
class UnlabelledRows:
    """Rows with a prediction and no label, beside the labelled ones.

    Attributes
    ----------
    n_rows, share : int, float
        How many there are (of `counts`, their sum), and their share of all rows, in [0, 1].
    mean_proba : float
        Mean prediction, in [0, 1].
    entropy : float
        Mean predictive entropy, in nats: their expected log loss if the predictions are calibrated.
    log_loss : Estimate
        Their expected mean log loss, in nats, if P(label | score) is that of the labelled rows. The interval is for the
        loss that these very rows will have once their labels are known: it includes the error of the calibration curve
        and the randomness of the labels.
    log_loss_if_base_rate_changed : Estimate
        The same if the distribution of the scores of each class is that of the labelled rows and the base rate is
        `base_rate`.
    base_rate : Estimate
        Share of positives among them, under that assumption.
    base_rate_fit_p_value : float
        Whether the distribution of their scores is a mixture of those of the two classes: a small value means that not
        only the base rate differs, so that `base_rate` and `log_loss_if_base_rate_changed` should not be used.
    shift_p_value, psi : float
        Whether scores of labelled and of unlabelled rows have the same distribution (χ² of ten bins), and the
        population stability index. Neither sees a change of P(label | score).
    """

    n_rows: int
    share: float
    mean_proba: float
    entropy: float
    log_loss: Estimate
    log_loss_if_base_rate_changed: Estimate
    base_rate: Estimate
    base_rate_fit_p_value: float
    shift_p_value: float
    psi: float


@dataclass(frozen=True)
class _Scores:
    """Unlabelled rows at each score that is neither 0 nor 1: log-odds, share of the weight of all unlabelled rows,
    Σw² over the square of that weight. share_certain: of the weight, of predictions of 0 and 1."""

    z: Array
    if_zero: Array
    share: Array
    square: Array
    share_certain: float

    @classmethod
    def of(cls, table: ScoreTable) -> _Scores:
        """Of a table in which every label counts as 0."""
        log_one, log_zero = table.points.logs
        inside, mass = is_inside(log_one, log_zero), table.places_alone.mass
        return cls(
            (log_one + log_zero)[inside],
            log_zero[inside],
            mass[inside],
            table.squares_of_rows[inside],
            float(mass[~inside].sum()),
        )

    def remark(self, n_infinite: int) -> str:
        """What is assumed of predictions of 0 and 1; "" where there are none."""
        if not self.share_certain:
            return ""
        if n_infinite:
            return "some predictions are 0 or 1, and of the labelled ones at least one was wrong"
        return "predictions of 0 and 1 are assumed to be right, as those of labelled rows were"

    def expected(self, proba: Array) -> float:
        """Mean loss where these are the probabilities of 1: −log(1 − p) − q·logit p at each score."""
        return dot(self.share, self.if_zero - proba * self.z)

    def label_noise(self, proba: Array) -> tuple[float, float]:
        """(Variance, third central moment) of the mean loss given the scores."""
        both = proba * (1 - proba)
        # As many rows of equal weight as there are effective ones at a score.
        each = np.divide(self.square, self.share, out=np.zeros(len(both)), where=self.share > 0)
        variance = self.square * both * self.z**2
        return float(variance.sum()), float((variance * each * (1 - 2 * proba) * -self.z).sum())


class _Expectation:
    """A calibration curve of the labelled rows applied to unlabelled scores."""

    def __init__(self, spline: CalibrationSpline, table: ScoreTable, late: _Scores, error_of: ErrorOf) -> None:
        self.spline, self.late, self.error_of = spline, late, error_of
        self.contributions = spline.contributions(table)
        self.design, self.log_odds = spline.design(late.z), spline.log_odds(late.z)
        ones, rows = table.integers
        self.rate = int(ones.sum()) / int(rows.sum())

    def error(self, gradient: Array, of_rate: float = 0.0) -> tuple[float, float]:
        """(Standard error of a figure due to the labelled rows, its degrees of freedom), given its gradient in the
        coefficients and its derivative in the log-odds of their base rate."""
        zeros, ones = (own @ gradient for own in self.contributions)
        if of_rate:
            zeros, ones = zeros - of_rate / (1 - self.rate), ones + of_rate / self.rate
        sampling = self.error_of(zeros, ones, 0.0)
        return sampling.error, sampling.degrees

    def log_loss(self, inflation: float) -> Estimate:
        """The expected loss if the curve holds."""
        proba = expit(self.log_odds)
        gradient = -(self.late.share * proba * (1 - proba) * self.late.z) @ self.design
        error, degrees = self.error(gradient)
        return _predicted(self.late.expected(proba), error**2, degrees, self.late.label_noise(proba), inflation)


def _predicted(value: float, variance: float, degrees: float, noise: tuple[float, float], inflation: float) -> Estimate:
    """An expected loss with the interval of what will be observed: error of the expectation and noise of labels, whose
    skewness enters by Cornish and Fisher's first term."""
    own, third = noise[0] * inflation, noise[1] * inflation
    total = variance + own
    if not math.isfinite(total):
        return Estimate(value, reason="the losses are too large")
    quantile = student_quantile(welch_degrees((variance, degrees), (own, math.inf)))
    error = math.sqrt(total)
    moved = third / total / 6 * (quantile**2 - 1) if total else 0.0
    return Estimate(value, max(value - quantile * error + moved, 0.0), value + quantile * error + moved)


class _BaseRate:
    """The base rate of unlabelled rows at which their scores are likeliest, and what follows from it."""

    def __init__(self, of: _Expectation) -> None:
        self.of, self.late = of, of.late
        # Of the density of a score in class 1 over that in class 0.
        self.log_ratio = of.log_odds - logit(of.rate)
        self.is_known = bool((np.abs(self.log_ratio) > NEGLIGIBLE_RATIO).any())
        self.rate = self._likeliest() if self.is_known else math.nan
        self.reason = AT_THE_EDGE if self.is_known else ALL_EQUAL
        self.is_at_edge = not 0 < self.rate < 1
        self.proba = np.full(len(self.log_ratio), self.rate)
        if not self.is_at_edge:
            self.proba = expit(self.log_ratio + logit(self.rate))
            both = self.rate * (1 - self.rate)
            score = (self.proba - self.rate) / both
            self.information = dot(self.late.share, score * score)
            # Change of the rate with that of each log ratio, and its variance with the scores of the unlabelled rows.
            self.by_ratio = self.late.share * self.proba * (1 - self.proba) / (both * self.information)
            self.variance = dot(self.late.square, score * score) / self.information**2

    def _likeliest(self) -> float:
        """The root of the mean score, a decreasing function of the rate: Newton's method between bounds."""
        log_ratio, share = np.clip(self.log_ratio, -FARTHEST, FARTHEST), self.late.share
        ratio = np.expm1(log_ratio)
        # The mean score at rates of 0 and of 1.
        if dot(share, ratio) <= 0:
            return 0.0
        if dot(share, -np.expm1(-log_ratio)) >= 0:
            return 1.0
        low, high, rate = 0.0, 1.0, self.of.rate
        for _ in range(MOST_NEWTON_STEPS):
            score = ratio / (1 + rate * ratio)
            mean, slope = dot(share, score), dot(share, score * score)
            low, high = (rate, high) if mean > 0 else (low, rate)
            step = rate + mean / slope
            after = step if low < step < high else (low + high) / 2
            if abs(after - rate) <= 1e-15 * rate:
                return after
            rate = after
        return rate

    def estimate(self) -> Estimate:
        """The base rate with its interval."""
        if self.is_at_edge:
            return Estimate(self.rate, reason=self.reason)
        error, degrees = self.of.error(self.by_ratio @ self.of.design, -float(self.by_ratio.sum()))
        total = error**2 + self.variance
        degrees = welch_degrees((error**2, degrees), (self.variance, math.inf))
        half = student_quantile(degrees) * math.sqrt(total) / (self.rate * (1 - self.rate))
        centre = logit(self.rate)
        return Estimate(self.rate, expit(centre - half), expit(centre + half))

    def log_loss(self, inflation: float) -> Estimate:
        """The expected loss at that base rate."""
        value = self.late.expected(self.proba)
        if self.is_at_edge:
            return Estimate(value, reason=self.reason)
        by_log_odds = -self.late.share * self.proba * (1 - self.proba) * self.late.z
        by_rate = float(by_log_odds.sum()) / (self.rate * (1 - self.rate))
        by_ratio = by_log_odds + by_rate * self.by_ratio
        error, degrees = self.of.error(by_ratio @ self.of.design, -float(by_ratio.sum()))
        variance = error**2 + by_rate**2 * self.variance
        return _predicted(value, variance, degrees, self.late.label_noise(self.proba), inflation)


def unlabelled_rows_of(
    summary: LossSummary, table: ScoreTable, moments: Moments, error_of: ErrorOf
) -> UnlabelledRows | None:
    """The rows without a label of a summary; None where there are none, or where that is not known."""
    sums = summary.unlabelled
    if sums is None or sums.n_rows == 0:
        return None
    counted = sums.n_rows, sums.n_rows / (sums.n_rows + summary.n_rows), sums.mean_proba, sums.expected_log_loss
    if sums.scores is None:
        unknown = Estimate(math.nan, reason=NOT_KEPT)
        return UnlabelledRows(*counted, unknown, unknown, unknown, math.nan, math.nan, math.nan)
    compared = comparable(summary.scores, sums.scores)
    ranks = np.cumsum(sum(table.shares))
    of_bins = _design_effect(summary, table, moments, error_of, (ranks - ranks.mean(), ranks - ranks.mean()))
    bins = pooled_bins(*compared)
    shift = shift_p_value(*compared, bins, of_bins)
    psi = population_stability_index(*compared, (summary.n_rows, sums.n_rows))
    spline = CalibrationSpline.of(table, moments.effective_of_rarer_class[0])
    if spline is None:
        unknown = Estimate(math.nan, reason=SEPARATED)
        return UnlabelledRows(*counted, unknown, unknown, unknown, math.nan, shift, psi)
    late = _Scores.of(score_table_of(sums.scores))
    expectation = _Expectation(spline, table, late, error_of)
    of_labels = _design_effect(summary, table, moments, error_of, spline.noise(table))
    at_rate = _BaseRate(expectation)
    fit = mixture_p_value(*compared, bins, at_rate.rate, of_bins) if at_rate.is_known else math.nan
    why, certain = moments.why_no_interval(), late.remark(summary.n_infinite)
    losses = [each(of_labels) for each in (expectation.log_loss, at_rate.log_loss)]
    if late.share_certain and summary.n_infinite:
        losses = [Estimate(math.inf, reason=certain)] * 2
    rate = _with_reason(at_rate.estimate(), why, DOES_NOT_FIT if fit < LEAST_FIT else "")
    held, changed = (_with_reason(each, why, certain) for each in losses)
    return UnlabelledRows(*counted, held, changed, rate, fit, shift, psi)


def _with_reason(estimate: Estimate, why: str, remark: str) -> Estimate:
    """An estimate without its interval, where there is a reason why; else with a remark on it."""
    if why:
        return Estimate(estimate, reason=why)
    return Estimate(estimate, estimate.low, estimate.high, estimate.reason or remark)


def _design_effect(
    summary: LossSummary, table: ScoreTable, moments: Moments, error_of: ErrorOf, influence: Influence
) -> float:
    """The variance of a mean with clusters over that with independent rows, of the labelled rows; at least 1.

    Clusters of unlabelled rows are not kept: they are taken to be like those of the labelled ones.
    """
    if summary.clusters is None:
        return 1.0
    together = error_of(*influence, 0.0).error
    apart = error_of_rows(table, moments)(*influence, 0.0).error
    return max((together / apart) ** 2, 1.0) if apart > 0 and math.isfinite(together) else 1.0
