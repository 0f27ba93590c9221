"""Estimates with their intervals, from exact sums.

Where digits could cancel (variances, skewness, differences) the sums are combined as integers and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from logloss.answers.estimate import INFINITE, Estimate, SamplingError, expit, student_quantile, with_interval
from logloss.data.values import Array
from logloss.inference.score_table import ScoreTable, dot, entropies_of
from logloss.inference.sums import AllSums
from logloss.onepass.kernels import exact
from logloss.onepass.kernels.exact import ratio
from logloss.onepass.summaries import LossSummary
from logloss.text import count

# Below, too few effective rows of the rarer class for an interval of the loss to have its coverage (docs/inference.md).
FEWEST_OF_RARER_CLASS = 20
# Kish's number of equal weights is whole but for rounding.
ROUNDING = 1e-9
# Where one row, or cluster, has nearly all the weight, the variation of the others is unknown.
HIGHEST_LEVERAGE = 0.999
NEARLY_ONE_CLASS = "the rarer class has almost no weight"


class Sums(Protocol):
    """What figures are made of: counts, and sums as integers in units of 2^-unit_exponent."""

    @property
    def n_rows(self) -> int: ...
    @property
    def n_positive(self) -> int: ...
    @property
    def n_infinite(self) -> int: ...
    @property
    def is_soft(self) -> bool: ...
    @property
    def unit_exponent(self) -> int: ...

    def sum(self, name: str) -> int:
        """One of the sums of `onepass.summaries.loss`."""


def squares_about(sums: Sums, c: int, w: int) -> int:
    """Σ (c_i − w_i·c / w)² · w² over the rows of some sums, exactly: about any mean c / w."""
    of = sums.sum
    return of("cc") * w * w - 2 * c * w * of("cw") + c * c * of("ww")


class Moments:
    """The figures of a summary.

    Its sums are integers in one unit; a quotient of sums has no unit, and each product of k sums over a product of k
    sums is exact until `ratio` rounds it once.
    """

    def __init__(self, summary: Sums) -> None:
        self.summary = summary
        self.n_rows = summary.n_rows
        self.weight = summary.sum("w")
        self.unit_exponent = summary.unit_exponent

    def quotient(self, name: str) -> float:
        """A sum per unit of weight."""
        return ratio(self.summary.sum(name), self.weight)

    def sum_weight(self) -> float:
        """The sum of the weights."""
        return ratio(self.weight, 1 << self.unit_exponent)

    def loss_where_finite(self) -> float:
        """Mean loss of the rows whose loss is finite; nan if there are none."""
        possible = self.weight - self.summary.sum("w_infinite")
        return ratio(self.summary.sum("c"), possible) if possible else math.nan

    @cached_property
    def effective_rows(self) -> float:
        """(Σw)² / Σw²: the number of equal weights of the same variance (Kish 1965, Survey Sampling, section 11.7)."""
        return ratio(self.weight * self.weight, self.summary.sum("ww") << self.unit_exponent)

    @property
    def effective_clusters(self) -> float | None:
        """None: rows are independent."""
        return None

    @property
    def degrees(self) -> float:
        """Degrees of freedom of Student's t."""
        return self.effective_rows - 1

    @property
    def degrees_of_rarer_class(self) -> float:
        """Degrees of freedom of figures with a part of each class, as the AUC: rows of the rarer class less one.

        With clusters, its clusters less one.
        """
        clusters = self.effective_clusters
        return (self.effective_of_rarer_class[0] if clusters is None else clusters) - 1

    @cached_property
    def quantile(self) -> float:
        """Half the width of a 95% interval, in standard errors."""
        return student_quantile(self.degrees)

    @cached_property
    def inflation(self) -> float:
        """The factor of squared deviations from a weighted mean that makes their sum unbiased.

        The jackknife leaves out each row in turn, which divides its deviation by 1 − w/W: here all by the mean of it,
        with the weights of the squares. Of equal weights it is n / (n − 1).
        """
        # Σw³ / (W·Σw²): where the weights are very unequal, the heaviest rows make the variance.
        of = self.summary.sum
        leverage = min(ratio(of("www") << self.unit_exponent, self.weight * of("ww")), HIGHEST_LEVERAGE)
        return (1 - 1 / self.n_rows) / (1 - leverage) ** 2

    def covariance(self, x: str, y: str, xy: str) -> float:
        """Σ (x − X·w)(y − Y·w) / W², with X and Y the means of the two: the covariance of these means."""
        centred = ratio(self.centred(x, y, xy) << self.unit_exponent, self.weight**4)
        return centred * self.inflation if self.n_rows > 1 else 0.0

    def sampling_error(self, name: str) -> SamplingError:
        """The standard error of a mean."""
        variance = max(self.covariance(name, name, 2 * name), 0.0)
        if math.isfinite(variance):
            return SamplingError(math.sqrt(variance), self.degrees)
        # The root of what no float holds may be one: of losses from 1e154 on.
        squares, power = self.centred(name, name, 2 * name) << self.unit_exponent, self.weight**4
        halved = max(squares.bit_length() - power.bit_length(), 0) // 2
        root = math.sqrt(ratio(squares, power << 2 * halved) * self.inflation)
        return SamplingError(math.ldexp(root, halved), self.degrees)

    def centred(self, x: str, y: str, xy: str) -> int:
        """Σ (x − X·w)(y − Y·w) · W², exactly."""
        of = self.summary.sum
        w = self.weight
        return of(xy) * w * w - w * (of(x) * of(y + "w") + of(y) * of(x + "w")) + of(x) * of(y) * of("ww")

    def error_of_log_odds(self) -> float:
        """Standard error of the log-odds of the base rate, whatever the weights: nothing in it can underflow."""
        # Products of shares and weights are rounded: of equal ones the sum may be below 0.
        # The error of the rate over rate·(1 − rate), its derivative by the log-odds; powers of W cancel.
        positive, centred = self.summary.sum("a"), max(self.centred("a", "a", "aa"), 0)
        both = (positive * (self.weight - positive)) ** 2
        return math.sqrt(ratio(centred << self.unit_exponent, both) * self.inflation)

    def skewness(self) -> float:
        """Σ d³ / (Σ d²)^1.5 of d = c − S·w: the skewness of the sum of the losses; 0 if all are equal."""
        of = self.summary.sum
        w, c = self.weight, of("c")
        squares = squares_about(self.summary, c, w)
        if squares <= 0:
            return 0.0
        cubes = of("ccc") * w**3 - 3 * c * of("ccw") * w * w + 3 * c * c * of("cww") * w - c**3 * of("www")
        # Squared, so that it is a quotient of integers; the sign comes last.
        size = math.sqrt(ratio((cubes * cubes) << self.unit_exponent, squares**3))
        return size if cubes >= 0 else -size

    @cached_property
    def effective_of_rarer_class(self) -> tuple[float, str]:
        """(Effective rows of the rarer class, what they are called)."""
        of = self.summary.sum
        positive, negative = of("a"), self.weight - of("a")
        if self.summary.is_soft:
            # Soft labels count as the ones that they add up to.
            of_ones, of_zeros = (ratio(each, self.weight) * self.effective_rows for each in (positive, negative))
        else:
            squares = of("aa"), of("ww") - 2 * of("aw") + of("aa")
            of_ones, of_zeros = (
                ratio(each * each, square << self.unit_exponent) if square > 0 else 0.0
                for each, square in zip((positive, negative), squares, strict=True)
            )
        return (of_ones, "positives") if of_ones <= of_zeros else (of_zeros, "negatives")

    def why_no_interval(self) -> str:
        """The reason why an interval would not have its coverage; "" if there is none."""
        if self.n_rows < 2:
            return "one row"
        number, name = self.effective_of_rarer_class
        return "" if number >= FEWEST_OF_RARER_CLASS else f"too few {name} ({effective_count(number)})"

    def log_loss(self) -> Estimate:
        """Mean log loss with its interval."""
        if self.summary.n_infinite:
            return Estimate(math.inf, reason=INFINITE)
        loss = self.quotient("c")
        reason = self.why_no_interval()
        if reason:
            return Estimate(loss, reason=reason)
        return with_interval(loss, self.error_of_loss(), low=0.0)

    @property
    def is_weighted(self) -> bool:
        """Whether rows differ in weight."""
        return self.n_rows * self.summary.sum("ww") << self.unit_exponent != self.weight * self.weight

    def error_of_loss(self) -> SamplingError:
        """The standard error of the mean loss: with its skewness where every row has the same weight."""
        error = self.sampling_error("c")
        # Of weighted rows the third moment is that of the few heaviest: the transformation then covers less than t
        # (docs/inference.md: 82%, not 86%, for a hundred rows whose weights are lognormal, σ = 1.5).
        return error if self.is_weighted else SamplingError(error.error, skewness=self.skewness())

    def base_rate(self) -> Estimate:
        """Mean label; its interval is symmetric in log-odds, so that it stays in [0, 1]."""
        rate = self.quotient("a")
        if self.is_one_class or self.n_rows < 2:
            return Estimate(rate, reason="one row" if self.n_rows < 2 else "one class")
        # min and max: the rate that comes back from rounded log-odds may lie beside the rate.
        reach, logit = self.quantile * self.error_of_log_odds(), -self.slope()
        return Estimate(rate, min(rate, expit(logit - reach)), max(rate, expit(logit + reach)))

    @property
    def is_one_class(self) -> bool:
        """Whether no weight is on one of the classes, exactly: a rate may be rounded to 0 or 1."""
        return self.summary.sum("a") in (0, self.weight)

    def slope(self) -> float:
        """Derivative of the entropy at the base rate, log((1 − rate) / rate)."""
        positive = self.summary.sum("a")
        odds = ratio(self.weight - positive, positive)
        if 0 < odds < math.inf:
            return math.log(odds)
        # Beyond the floats the logarithms of the integers are far apart, and their difference has its digits.
        return math.log(self.weight - positive) - math.log(positive)

    def uncertainty(self) -> Estimate:
        """Entropy of the base rate, from the rarer class, whose share has all its digits, with the interval of that."""
        positive = self.summary.sum("a")
        rarer = ratio(min(positive, self.weight - positive), self.weight)
        value = float(entropies_of(np.array([rarer]))[0])
        if self.is_one_class:
            return Estimate(value, reason="one class")
        if self.n_rows < 2:
            return Estimate(value, reason="one row")
        reach = self.quantile * self.error_of_log_odds()
        if rarer == 0 or not math.isfinite(reach):
            return Estimate(value, reason=NEARLY_ONE_CLASS)
        # The entropy rises with the share of the rarer class up to one half, which the interval may hold. The delta
        # method fails there, and where the share is uncertain: its error is least where the entropy is largest.
        centre = -abs(self.slope())
        ends = (expit(min(end, 0.0)) for end in (centre - reach, centre + reach))
        low, high = entropies_of(np.fromiter(ends, float)).tolist()
        # min and max: what comes back from rounded log-odds may lie beside the value.
        return Estimate(value, min(low, value), max(high, value))

    def skill(self, loss: Estimate, uncertainty: Estimate) -> Estimate:
        """1 − loss / uncertainty; delta method on the mean loss and the base rate together."""
        if not uncertainty > 0:
            reason = "one class: the baseline is 0" if self.is_one_class else NEARLY_ONE_CLASS
            return Estimate(math.nan, reason=reason)
        if math.isinf(loss):
            return Estimate(-math.inf, reason=INFINITE)
        value = 1 - loss / uncertainty
        if not loss.has_interval:
            return Estimate(value, reason=loss.reason)
        # Quotients of the small before products with the large: the rarer class may weigh next to nothing.
        # The delta method: derivatives −1 / H by the loss and loss·H′ / H² by the rate.
        slope = loss * self.slope()
        rarer = min(self.quotient("a"), exact.ratio(self.weight - self.summary.sum("a"), self.weight))
        of_rate = slope * (self.error_of_log_odds() * rarer * (1 - rarer) / uncertainty)
        variance = (
            # Not a power: that of a float raises an error where the product is infinite.
            self.covariance("c", "c", "cc")
            - 2 * slope * (self.covariance("c", "a", "ca") / uncertainty)
            + of_rate * of_rate
        )
        error = math.sqrt(max(variance, 0.0)) / uncertainty
        if not math.isfinite(error):
            return Estimate(value, reason=NEARLY_ONE_CLASS)
        return with_interval(value, SamplingError(error, self.degrees), high=1.0)

    def brier(self) -> Estimate:
        """Mean squared error of the predictions."""
        value = self.quotient("b")
        reason = self.why_no_interval()
        if reason:
            return Estimate(value, reason=reason)
        return with_interval(value, self.sampling_error("b"), low=0.0, high=1.0)

    def expected_log_loss(self) -> float:
        """Mean entropy of the predictions."""
        return self.quotient("h")

    def log_loss_minus_expected(self) -> float:
        """Loss minus mean entropy of the predictions."""
        if self.summary.n_infinite:
            return math.inf
        return ratio(self.summary.sum("c") - self.summary.sum("h"), self.weight)

    def gap_in_errors(self) -> float:
        """The difference in standard errors if the predictions are right; nan if the variance is 0."""
        # If the predictions are right the losses are independent with known variances, weight² times that of each row.
        variance = self.summary.sum("v")
        if variance == 0:
            return math.nan
        difference = self.summary.sum("c") - self.summary.sum("h")
        size = math.sqrt(ratio(difference * difference, variance << self.unit_exponent))
        return size if difference >= 0 else -size

    def expected_z(self, gap: float) -> tuple[float, str]:
        """The gap between the loss and the entropy of the predictions, in standard errors if these are right."""
        if self.summary.is_soft:
            return math.nan, "soft labels"
        if math.isinf(gap):
            return math.nan, INFINITE
        z = self.gap_in_errors()
        return z, "the loss has zero variance under the predictions" if math.isnan(z) else ""


class BinnedMoments(Moments):
    """The same from bins, where every row has a hard label and no weight: squares and products come from the table of
    the labels over the bins, centred before they are squared, so that nothing cancels."""

    def __init__(self, summary: Sums, table: ScoreTable) -> None:
        super().__init__(summary)
        self.table = table
        points = (table.of_zeros, table.of_ones)
        self._rows = [table.counts[:, label].astype(np.float64) for label in (0, 1)]
        costs = (table.if_zero, table.if_one)
        # An infinite loss counts as 0: its mean has no variance.
        self._columns: dict[str, list[Array]] = {
            "c": [np.where(np.isfinite(cost), cost, 0.0) for cost in costs],
            "a": [np.full(len(table.counts), float(label)) for label in (0, 1)],
            "b": [(label - point.proba) ** 2 for label, point in enumerate(points)],
        }

    @property
    def effective_rows(self) -> float:  # type: ignore[override]
        """Every row has the same weight."""
        return float(self.n_rows)

    @property
    def inflation(self) -> float:  # type: ignore[override]
        """Of equal weights."""
        return self.n_rows / max(self.n_rows - 1, 1)

    @property
    def effective_of_rarer_class(self) -> tuple[float, str]:  # type: ignore[override]
        """(Rows of the rarer class, what they are called)."""
        n_positive, n_zeros = self.summary.n_positive, self.n_rows - self.summary.n_positive
        return (float(n_positive), "positives") if n_positive <= n_zeros else (float(n_zeros), "negatives")

    @property
    def is_weighted(self) -> bool:
        """Whether rows differ in weight."""
        return False

    def _mean(self, column: Sequence[Array]) -> float:
        return sum(dot(rows, values) for rows, values in zip(self._rows, column, strict=True)) / self.n_rows

    def _deviations(self, name: str) -> list[Array]:
        """Deviations of a row of 0, and of 1, at each score from the mean: exactly 0 where all rows are equal."""
        column = self._columns[name]
        held = [values[rows > 0] for rows, values in zip(self._rows, column, strict=True)]
        least = min(float(values.min()) for values in held if len(values))
        most = max(float(values.max()) for values in held if len(values))
        if least == most:
            return [np.zeros(len(values)) for values in column]
        mean = self._mean(column)
        return [values - mean for values in column]

    def covariance(self, x: str, y: str, xy: str) -> float:
        """The covariance of two means."""
        one, other = self._deviations(x), self._deviations(y)
        total = sum(dot(rows, a * b) for rows, a, b in zip(self._rows, one, other, strict=True))
        return total / self.n_rows**2 * self.inflation

    def error_of_log_odds(self) -> float:
        """Standard error of the log-odds of the base rate."""
        n_positive, n_rows = self.summary.n_positive, self.n_rows
        return math.sqrt(n_rows / n_positive * (n_rows / (n_rows - n_positive)) / max(n_rows - 1, 1))

    def skewness(self) -> float:
        """Σ d³ / (Σ d²)^1.5 of the deviations of the losses from their mean; 0 if all are equal."""
        deviations = self._deviations("c")
        squares = sum(dot(rows, d * d) for rows, d in zip(self._rows, deviations, strict=True))
        cubes = sum(dot(rows, d * d * d) for rows, d in zip(self._rows, deviations, strict=True))
        return cubes / squares**1.5 if squares > 0 else 0.0

    def expected_log_loss(self) -> float:
        """Mean entropy of the predictions, right to 1e-8."""
        points = (self.table.of_zeros, self.table.of_ones)
        return self._mean([point.entropy for point in points])

    def log_loss_minus_expected(self) -> float:
        """Loss minus mean entropy of the predictions."""
        return math.inf if self.summary.n_infinite else self.quotient("c") - self.expected_log_loss()

    def gap_in_errors(self) -> float:
        """The difference in standard errors if the predictions are right; nan if the variance is 0."""
        variance = self._mean([point.variance for point in (self.table.of_zeros, self.table.of_ones)]) / self.n_rows
        return self.log_loss_minus_expected() / math.sqrt(variance) if variance > 0 else math.nan


def effective_count(number: float) -> str:
    """`34`, or `33.9 effective`, never rounded up."""
    nearest = round(number)
    is_whole = abs(number - nearest) <= ROUNDING * number
    return count(nearest) if is_whole else f"{math.floor(number * 10) / 10:,.1f} effective"


def moments_of(summary: LossSummary, table: ScoreTable) -> Moments:
    """The figures of a summary: exact, except squares and products of rows in bins."""
    # Squares of counted rows in bins are off by a part in a million; centred first, they cannot cancel.
    if table.is_counted and not table.is_exact:
        return BinnedMoments(summary, table)
    return Moments(AllSums(summary, table))
