"""Estimates with their intervals, from exact sums.

>>> Estimate(0.5, 0.4, 0.6).has_interval
True

Where digits could cancel (variances, skewness, gaps) the sums are combined as integers and rounded once.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from logloss.information import entropy

if TYPE_CHECKING:
    from logloss.onepass.summaries import LossSummary

CONFIDENCE = 0.95
# Standard normal quantile of a 95 % interval.
Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
# Below, too few rows of the rarer class for an interval of the loss to hold what it says (design, section 5).
FEWEST_OF_RARER_CLASS = 20


class Estimate(float):
    """A float that knows its 95 % interval.

    `low` and `high` are its ends, nan where there is no interval; `reason` then says why.

    Examples
    --------
    >>> import logloss
    >>> loss = logloss.measure([0, 1] * 50, [0.4, 0.7] * 50).log_loss
    >>> loss.low < loss < loss.high
    True
    """

    low: float
    high: float
    reason: str

    def __new__(cls, value: float, low: float = math.nan, high: float = math.nan, reason: str = "") -> Estimate:
        """An estimate of a value with its interval, or with the reason why it has none."""
        self = super().__new__(cls, value)
        self.low, self.high, self.reason = low, high, reason
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with its interval."""
        return Estimate, (float(self), self.low, self.high, self.reason)

    @property
    def has_interval(self) -> bool:
        """Whether an interval is known."""
        return not math.isnan(self.low)


class Moments:
    """The figures of a summary. Its sums are integers in one unit u = 2^-6720; a quotient of sums has no unit, and each
    product of k sums over a product of k sums is exact until `ratio` rounds it once."""

    def __init__(self, summary: LossSummary) -> None:
        self.summary = summary
        self.n_rows = summary.n_rows
        self.weight = summary.sum("w")

    def quotient(self, name: str) -> float:
        """A sum per unit of weight."""
        from logloss.onepass.exact import ratio

        return ratio(self.summary.sum(name), self.weight)

    def sum_weight(self) -> float:
        """The sum of the weights."""
        from logloss.onepass.exact import rounded

        return rounded(self.weight, 1)

    def loss_of_possible(self) -> float:
        """Mean loss of the rows whose loss is finite; nan if there are none."""
        from logloss.onepass.exact import ratio

        possible = self.weight - self.summary.sum("w_infinite")
        return ratio(self.summary.sum("c"), possible) if possible else math.nan

    def covariance(self, x: str, y: str, xy: str) -> float:
        """Σ (x − X·w)(y − Y·w) / W², with X and Y the means of the two: the covariance of these means."""
        from logloss.onepass.exact import UNIT_EXPONENT, ratio

        centred = self.centred(x, y, xy) * self.n_rows
        return ratio(centred << UNIT_EXPONENT, self.weight**4 * max(self.n_rows - 1, 1))

    def centred(self, x: str, y: str, xy: str) -> int:
        """Σ (x − X·w)(y − Y·w) · W², exactly."""
        of = self.summary.sum
        w = self.weight
        return of(xy) * w * w - w * (of(x) * of(y + "w") + of(y) * of(x + "w")) + of(x) * of(y) * of("ww")

    def error_of_log_odds(self) -> float:
        """Standard error of the log-odds of the base rate, whatever the weights: nothing in it can underflow."""
        from logloss.onepass.exact import UNIT_EXPONENT, ratio

        positive, centred = self.summary.sum("a"), self.centred("a", "a", "aa") * self.n_rows
        both = (positive * (self.weight - positive)) ** 2
        return math.sqrt(ratio(centred << UNIT_EXPONENT, both * max(self.n_rows - 1, 1)))

    def skewness(self) -> float:
        """Σ d³ / (Σ d²)^1.5 of d = c − S·w: the skewness of the sum of the losses; 0 if all are equal."""
        from logloss.onepass.exact import UNIT_EXPONENT, ratio

        of = self.summary.sum
        w, c = self.weight, of("c")
        squares = of("cc") * w * w - 2 * c * w * of("cw") + c * c * of("ww")
        if squares == 0:
            return 0.0
        cubes = of("ccc") * w**3 - 3 * c * of("ccw") * w * w + 3 * c * c * of("cww") * w - c**3 * of("www")
        size = math.sqrt(ratio((cubes * cubes) << UNIT_EXPONENT, squares**3))
        return size if cubes >= 0 else -size

    def why_no_interval(self) -> str:
        """The reason why an interval would not hold what it says; "" if there is none."""
        if self.n_rows < 2:
            return "one row"
        n_ones = round(self.quotient("a") * self.n_rows) if self.summary.is_soft else self.summary.n_ones
        n_zeros = self.n_rows - n_ones
        if min(n_ones, n_zeros) < FEWEST_OF_RARER_CLASS:
            return f"too few {'positives' if n_ones <= n_zeros else 'negatives'} ({min(n_ones, n_zeros)})"
        return ""

    def log_loss(self) -> Estimate:
        """Mean log loss with the interval of Hall's transformation."""
        if self.summary.n_infinite:
            return Estimate(math.inf, reason="infinite")
        loss = self.quotient("c")
        reason = self.why_no_interval()
        if reason:
            return Estimate(loss, reason=reason)
        error = math.sqrt(self.covariance("c", "c", "cc"))
        skewness = self.skewness()
        low = loss - error * untransformed(Z, skewness)
        high = loss - error * untransformed(-Z, skewness)
        return Estimate(loss, max(low, 0.0), high)

    def base_rate(self) -> Estimate:
        """Mean label; its interval is symmetric in log-odds, so that it stays in [0, 1]."""
        rate = self.quotient("a")
        if not 0 < rate < 1 or self.n_rows < 2:
            return Estimate(rate, reason="one row" if self.n_rows < 2 else "one class")
        spread, logit = Z * self.error_of_log_odds(), -self.slope()
        return Estimate(rate, min(rate, expit(logit - spread)), max(rate, expit(logit + spread)))

    def slope(self) -> float:
        """Derivative of the entropy at the base rate, log((1 − rate) / rate)."""
        from logloss.onepass.exact import ratio

        positive = self.summary.sum("a")
        odds = ratio(self.weight - positive, positive)
        if 0 < odds < math.inf:
            return math.log(odds)
        # Beyond the floats the logarithms of the integers are far apart, and their difference has its digits.
        return math.log(self.weight - positive) - math.log(positive)

    def uncertainty(self) -> Estimate:
        """Entropy of the base rate, from the rarer class, whose share has all its digits; second-order delta method."""
        from logloss.onepass.exact import ratio

        positive = self.summary.sum("a")
        rarer = ratio(min(positive, self.weight - positive), self.weight)
        value = entropy(rarer)
        if rarer == 0:
            return Estimate(value, reason="one class")
        if self.n_rows < 2:
            return Estimate(value, reason="one row")
        of_log_odds = self.error_of_log_odds()
        of_rate = of_log_odds * rarer * (1 - rarer)
        error = math.hypot(self.slope() * of_rate, of_log_odds * of_rate / math.sqrt(2))
        return Estimate(value, max(value - Z * error, 0.0), min(value + Z * error, math.log(2)))

    def skill(self, loss: Estimate, uncertainty: Estimate) -> Estimate:
        """1 − loss / uncertainty; delta method on the mean loss and the base rate together."""
        from logloss.onepass import exact

        if not uncertainty > 0:
            return Estimate(math.nan, reason="one class: the labels have no entropy to save")
        if math.isinf(loss):
            return Estimate(-math.inf, reason="infinite")
        value = 1 - loss / uncertainty
        if not loss.has_interval:
            return Estimate(value, reason=loss.reason)
        # Quotients of the small before products with the large: the rarer class may weigh next to nothing.
        slope = loss * self.slope()
        rarer = min(self.quotient("a"), exact.ratio(self.weight - self.summary.sum("a"), self.weight))
        of_rate = slope * (self.error_of_log_odds() * rarer * (1 - rarer) / uncertainty)
        variance = (
            self.covariance("c", "c", "cc") - 2 * slope * (self.covariance("c", "a", "ca") / uncertainty) + of_rate**2
        )
        error = math.sqrt(max(variance, 0.0)) / uncertainty
        if not math.isfinite(error):
            return Estimate(value, reason="the rarer class weighs next to nothing")
        return Estimate(value, value - Z * error, min(value + Z * error, 1.0))

    def brier(self) -> Estimate:
        """Mean squared error of the predictions."""
        value = self.quotient("b")
        reason = self.why_no_interval()
        if reason:
            return Estimate(value, reason=reason)
        error = math.sqrt(max(self.covariance("b", "b", "bb"), 0.0))
        return Estimate(value, max(value - Z * error, 0.0), min(value + Z * error, 1.0))

    def expected_z(self, gap: float) -> tuple[float, str]:
        """The gap between the loss and the entropy of the predictions, in standard errors if these are right."""
        from logloss.onepass.exact import UNIT_EXPONENT, ratio

        variance = self.summary.sum("v")
        if self.summary.is_soft:
            return math.nan, "no z: soft labels"
        if math.isinf(gap):
            return math.nan, "infinite"
        if variance == 0:
            return math.nan, "no z: the predictions leave nothing to chance"
        difference = self.summary.sum("c") - self.summary.sum("h")
        size = math.sqrt(ratio(difference * difference, variance << UNIT_EXPONENT))
        return size if difference >= 0 else -size, ""

    def expected_gap(self) -> float:
        """Loss minus mean entropy of the predictions."""
        from logloss.onepass.exact import ratio

        if self.summary.n_infinite:
            return math.inf
        return ratio(self.summary.sum("c") - self.summary.sum("h"), self.weight)


def expit(z: float) -> float:
    """1 / (1 + e^−z)."""
    return 1 / (1 + math.exp(-z)) if z > -700 else math.exp(z)


def untransformed(x: float, skewness: float) -> float:
    """The T with T + λ(T² / 3 + 1 / 6) + λ²T³ / 27 = x: Hall (1992), section 2, third transformation, inverted."""
    inner = skewness * (x - skewness / 6)
    if abs(inner) < 1e-9:
        # cbrt(1 + inner) − 1 to first order, where the division below would lose digits.
        return x - skewness / 6
    root = math.expm1(math.log1p(inner) / 3) if inner > -1 else -math.pow(-1 - inner, 1 / 3) - 1
    return 3 / skewness * root
