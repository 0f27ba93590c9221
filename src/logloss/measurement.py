"""What a set of predictions costs, and why.

>>> import logloss
>>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
>>> round(m.log_loss, 4), round(m.base_rate, 2)
(0.3376, 0.75)

A measurement is made of one `LossSummary`; every figure is computed from its exact sums, in rational arithmetic where
digits could cancel, and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from logloss.data.block import Block, Roles
from logloss.data.source import bind
from logloss.information import entropy
from logloss.text import NATS_PER_BIT, columns, count, counted, fixed, interval, printable, significant, value_text

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


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a set of predictions costs: made by `measure`, frozen and complete.

    Losses are in nats per row (per unit of weight). Every estimate is an `Estimate`: a float with `low` and `high`.

    Attributes
    ----------
    log_loss : Estimate
        Mean log loss, in [0, inf]; its interval is corrected for skewness.
    log_loss_of_possible : float
        The same over the rows whose loss is finite.
    uncertainty : Estimate
        Entropy of the base rate: what saying the base rate to every row costs. In [0, ln 2].
    skill : Estimate
        1 − log_loss / uncertainty: the share of the uncertainty that is saved. At most 1; nan for one class.
    base_rate, mean_proba : Estimate, float
        Mean label and mean prediction, in [0, 1]; `ratio` is mean_proba / base_rate.
    brier : Estimate
        Mean squared error of the predictions, in [0, 1].
    expected_log_loss : float
        Mean entropy of the predictions: what they promise to cost. `expected_gap` is log_loss − expected_log_loss,
        `expected_z` that gap in standard errors if the predictions are right (nan for soft labels).
    n_rows, n_ones, n_infinite, n_dropped : int
        Rows that take part, rows with label 1, rows that were given probability 0, rows left out by missing="drop".
    first_infinite : str
        Where the first impossible row is; "" if there is none.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([1, 0, 0, 0], [1.0, 1.0, 0.0, 0.0])
    >>> float(m.log_loss), m.n_infinite, m.first_infinite
    (inf, 1, 'row 1')
    """

    log_loss: Estimate
    log_loss_of_possible: float
    uncertainty: Estimate
    skill: Estimate
    base_rate: Estimate
    mean_proba: float
    brier: Estimate
    expected_log_loss: float
    expected_gap: float
    expected_z: float
    expected_reason: str
    n_rows: int
    n_ones: int
    n_infinite: int
    n_dropped: int
    sum_weight: float
    is_soft: bool
    has_weights: bool
    has_counts: bool
    first_infinite: str
    source: str
    positive: str
    notes: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """Mean prediction / base rate: above 1 where too much was promised; nan if nothing happened."""
        return self.mean_proba / self.base_rate if self.base_rate else math.nan

    def to_dict(self) -> dict[str, Any]:
        """The figures as flat JSON-ready values, units in the names; undefined is None with a reason beside it.

        Examples
        --------
        >>> import logloss
        >>> logloss.measure([1, 0], [0.5, 0.5]).to_dict()["log_loss_bits"]
        1.0
        """
        figures: dict[str, Any] = {"schema": 1, "source": self.source, "positive": self.positive}
        figures |= {"n_rows": self.n_rows, "n_infinite": self.n_infinite, "n_dropped": self.n_dropped}
        figures["sum_weight"] = self.sum_weight
        if not self.is_soft:
            figures["n_positive"] = self.n_ones
        _put_estimate(figures, "log_loss_nats", self.log_loss)
        _put(figures, "log_loss_bits", self.log_loss / NATS_PER_BIT)
        if self.n_infinite:
            _put(figures, "log_loss_of_possible_nats", self.log_loss_of_possible, "every row is impossible")
            figures["first_infinite"] = self.first_infinite
        _put_estimate(figures, "uncertainty_nats", self.uncertainty)
        _put_estimate(figures, "skill", self.skill)
        _put_estimate(figures, "base_rate", self.base_rate)
        _put(figures, "mean_proba", self.mean_proba)
        _put(figures, "ratio", self.ratio, "no row is positive")
        _put_estimate(figures, "brier", self.brier)
        _put(figures, "expected_log_loss_nats", self.expected_log_loss)
        _put(figures, "expected_gap_nats", self.expected_gap)
        _put(figures, "expected_z", self.expected_z, self.expected_reason)
        figures["confidence"] = CONFIDENCE
        figures["notes"] = list(self.notes)
        return figures

    def __repr__(self) -> str:
        return "\n".join([self._header(), "", *self._loss_lines(), "", *self._forecast_lines()])

    def _header(self) -> str:
        of = f" of {self.source}" if self.source else ""
        parts = [f"{counted(self.n_rows, 'row')}{of}", f"positive: {self.positive}"]
        if self.n_dropped:
            parts.append(f"{counted(self.n_dropped, 'row')} left out: something missing")
        if self.has_weights:
            parts.append(f"weights sum to {significant(self.sum_weight, 6)}")
        if self.has_counts:
            parts.append("counts as repeated rows")
        if self.is_soft:
            parts.append("soft labels")
        parts.append("intervals: 95 %, rows independent")
        return " · ".join(parts)

    def _loss_lines(self) -> list[str]:
        bits = f"{fixed(self.log_loss / NATS_PER_BIT, 4)} bits"
        if self.n_infinite:
            rows = (
                f"{count(self.n_infinite)} of {counted(self.n_rows, 'row')} {'was' if self.n_infinite == 1 else 'were'}"
            )
            without = (
                "" if math.isnan(self.log_loss_of_possible) else f"; {fixed(self.log_loss_of_possible, 4)} without"
            )
            without += "" if not without else (" it" if self.n_infinite == 1 else " them")
            said = f"{rows} given probability 0 (first: {self.first_infinite}){without}"
            first = ["log loss", "inf", "", said]
        else:
            first = ["log loss", f"{fixed(self.log_loss, 4)} nats", _shown(self.log_loss, 4), bits]
        said = f"the loss of saying {fixed(self.base_rate, 4)} to every row"
        base = ["base rate alone", f"{fixed(self.uncertainty, 4)}     ", _shown(self.uncertainty, 4), said]
        if math.isnan(self.skill):
            skill = ["skill", "not defined", "", self.skill.reason]
        else:
            spread = (
                interval(100 * self.skill.low, 100 * self.skill.high, 1)
                if self.skill.has_interval
                else self.skill.reason
            )
            skill = ["skill", f"{fixed(100 * self.skill, 1)} %   ", spread, "the share of that which is saved"]
        return columns([first, base, skill], "lrll")

    def _forecast_lines(self) -> list[str]:
        happened = f"what happened ({fixed(self.base_rate, 4)})"
        times = f"{fixed(self.ratio, 3)} × {happened}" if self.base_rate else "nothing happened: no row is positive"
        lines = [["said on average", fixed(self.mean_proba, 4), times]]
        lines.append(["expected of itself", fixed(self.expected_log_loss, 4), self._expectation()])
        spread = interval(self.brier.low, self.brier.high, 4) if self.brier.has_interval else self.brier.reason
        lines.append(["Brier score", fixed(self.brier, 4), spread])
        return columns(lines, "lrl", gap="   ")

    def _expectation(self) -> str:
        """What the promise and the truth say together."""
        if math.isinf(self.expected_gap):
            return "the truth cost infinitely more"
        gap = significant(abs(self.expected_gap), 3)
        if math.isnan(self.expected_z):
            return f"the truth cost {gap} {'more' if self.expected_gap > 0 else 'less'} ({self.expected_reason})"
        z = f"z = {fixed(self.expected_z, 1)}"
        if abs(self.expected_z) < Z:
            return f"the truth cost {gap} {'more' if self.expected_gap > 0 else 'less'}: within chance ({z})"
        if self.expected_gap > 0:
            return f"the truth cost {gap} more: over-confident ({z})"
        return f"the truth cost {gap} less: under-confident ({z})"


def measure(
    data: Any,
    y_proba: Any = None,
    *,
    y_true: Any = None,
    y_logit: Any = None,
    sample_weight: Any = None,
    counts: Any = None,
    pos_label: Any = None,
    missing: str = "error",
    header: bool = True,
    progress: Callable[[Block], None] | None = None,
) -> Measurement:
    """Measure what a set of predictions costs, with intervals, in one pass.

    The arguments are arrays, or a table and the names of its columns. Nothing is clipped, guessed, renormalised or
    dropped in silence.

    Parameters
    ----------
    data : array of shape (n_rows,), or table
        Labels, as in `log_loss`. If `y_true` is given: a data frame, an Arrow table or dataset, or the path, list, glob
        or folder of Parquet or CSV files.
    y_proba : array of shape (n_rows,) or (n_rows, 2), or name of a column, or two names, optional
        Predicted probability of 1, in [0, 1]; or the probabilities of both classes: the two columns of an array in
        sorted order of the labels, or the names of the column of 0 and of the column of 1.
    y_true : name of a column, or comparison, optional
        Column of labels, or a comparison that makes one: ``"stars >= 4"``, ``"label != 'normal.'"``.
    y_logit : array of shape (n_rows,), or name of a column, optional
        Log-odds of 1, any real or ±inf, instead of `y_proba`.
    sample_weight : array of shape (n_rows,), or name of a column, values ≥ 0, optional
        Weight of each row. Weight 2 counts like two rows in every estimate; in intervals a row is one observation.
    counts : array of shape (n_rows,), or name of a column, whole numbers ≥ 0, optional
        How many times each row stands: intervals, too, equal those of the repeated rows.
    pos_label : number or text, optional
        The class that counts as 1, where labels are not 0 and 1.
    missing : {"error", "drop"}
        What to do with rows in which something is missing (null or NaN).
    header : bool
        Whether CSV files begin with the names of the columns; otherwise these are "0", "1", …
    progress : function, optional
        Called with each block of rows once it is in the summary, from the thread that made it.

    Returns
    -------
    Measurement
        Printable; every figure an attribute.

    Raises
    ------
    DataError
        If the data break a rule: the message names the row, the value and the way out.
    SourceNotFound
        If a path names nothing.

    Notes
    -----
    Cost: one pass, about 10 ns a row and thread; memory does not grow with the number of rows. Same bits for any order,
    cut or number of threads. The interval of the loss uses Hall's transformation of the studentised mean, those of the
    other estimates the delta method.

    References
    ----------
    Hall, P. (1992). On the removal of skewness by transformation. J. R. Stat. Soc. B 54(1), 221-228.
    doi:10.1111/j.2517-6161.1992.tb01876.x

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure({"won": [1, 0, 1], "p": [0.8, 0.3, 0.6]}, y_true="won", y_proba="p")
    >>> round(m.log_loss, 4)
    0.3635
    """
    from logloss.onepass.run import walk
    from logloss.onepass.summaries import LossSummary

    source, roles = bind(
        data,
        y_true=y_true,
        y_proba=y_proba,
        y_logit=y_logit,
        sample_weight=sample_weight,
        counts=counts,
        pos_label=pos_label,
        missing=missing,
        header=header,
    )
    summary = walk(source, roles, LossSummary(), progress=progress)
    return measurement_of(summary, roles, source.name, source.notes)


def measurement_of(summary: LossSummary, roles: Roles, source: str, notes: tuple[str, ...]) -> Measurement:
    """The measurement that a summary makes."""
    moments = _Moments(summary)
    loss = moments.log_loss()
    uncertainty = moments.uncertainty()
    expected = moments.quotient("h")
    gap = moments.expected_gap()
    z, reason = moments.expected_z(gap)
    first = summary.first_infinite
    return Measurement(
        log_loss=loss,
        log_loss_of_possible=moments.loss_of_possible(),
        uncertainty=uncertainty,
        skill=moments.skill(loss, uncertainty),
        base_rate=moments.base_rate(),
        mean_proba=moments.quotient("p"),
        brier=moments.brier(),
        expected_log_loss=expected,
        expected_gap=gap,
        expected_z=z,
        expected_reason=reason,
        n_rows=summary.n_rows,
        n_ones=summary.n_ones,
        n_infinite=summary.n_infinite,
        n_dropped=summary.n_dropped,
        sum_weight=moments.sum_weight(),
        is_soft=summary.is_soft,
        has_weights=roles.sample_weight is not None,
        has_counts=roles.counts is not None,
        first_infinite="" if first is None else row_of(first, source),
        source=source,
        positive=positive_text(roles),
        notes=notes,
    )


class _Moments:
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

        of = self.summary.sum
        w = self.weight
        centred = of(xy) * w * w - w * (of(x) * of(y + "w") + of(y) * of(x + "w")) + of(x) * of(y) * of("ww")
        return ratio((centred * self.n_rows) << UNIT_EXPONENT, w**4 * max(self.n_rows - 1, 1))

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
        spread = Z * math.sqrt(self.covariance("a", "a", "aa")) / (rate * (1 - rate))
        logit = -self.slope()
        return Estimate(rate, 1 / (1 + math.exp(spread - logit)), 1 / (1 + math.exp(-spread - logit)))

    def slope(self) -> float:
        """Derivative of the entropy at the base rate, log((1 − rate) / rate)."""
        from logloss.onepass.exact import ratio

        positive = self.summary.sum("a")
        return math.log(ratio(self.weight - positive, positive))

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
        variance = self.covariance("a", "a", "aa")
        error = math.sqrt(self.slope() ** 2 * variance + (variance / (rarer * (1 - rarer))) ** 2 / 2)
        return Estimate(value, max(value - Z * error, 0.0), min(value + Z * error, math.log(2)))

    def skill(self, loss: Estimate, uncertainty: Estimate) -> Estimate:
        """1 − loss / uncertainty; delta method on the mean loss and the base rate together."""
        if not uncertainty > 0:
            return Estimate(math.nan, reason="one class: the labels have no entropy to save")
        if math.isinf(loss):
            return Estimate(-math.inf, reason="infinite")
        value = 1 - loss / uncertainty
        if not loss.has_interval:
            return Estimate(value, reason=loss.reason)
        of_loss = 1 / uncertainty
        of_rate = loss * self.slope() / uncertainty**2
        variance = (
            of_loss**2 * self.covariance("c", "c", "cc")
            - 2 * of_loss * of_rate * self.covariance("c", "a", "ca")
            + of_rate**2 * self.covariance("a", "a", "aa")
        )
        error = math.sqrt(max(variance, 0.0))
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


def untransformed(x: float, skewness: float) -> float:
    """The T with T + λ(T² / 3 + 1 / 6) + λ²T³ / 27 = x: Hall (1992), section 2, third transformation, inverted."""
    inner = skewness * (x - skewness / 6)
    if abs(inner) < 1e-9:
        # cbrt(1 + inner) − 1 to first order, where the division below would lose digits.
        return x - skewness / 6
    root = math.expm1(math.log1p(inner) / 3) if inner > -1 else -math.pow(-1 - inner, 1 / 3) - 1
    return 3 / skewness * root


def row_of(impossible: Any, source: str) -> str:
    """How a row is named: with its file, where there are several."""
    place = impossible.place
    return place.row_text(impossible.row) if place.name == source else place.where(impossible.row)


def positive_text(roles: Roles) -> str:
    """What counts as positive: `clicked = 1`, `class = ">50K"`, `stars >= 4`."""
    if roles.label_test is not None:
        return printable(str(roles.label_test))
    return f"{printable(roles.y_true)} = {'1' if roles.pos_label is None else value_text(roles.pos_label)}"


def _shown(estimate: Estimate, digits: int) -> str:
    """The interval of an estimate, or why there is none."""
    return interval(estimate.low, estimate.high, digits) if estimate.has_interval else estimate.reason


def _put(figures: dict[str, Any], name: str, value: float, reason: str = "") -> None:
    """A figure as JSON knows it: infinity as text, undefined as None with a reason."""
    value = float(value)
    if math.isnan(value):
        figures[name] = None
        figures[f"{name}_reason"] = reason
    elif math.isinf(value):
        figures[name] = "inf" if value > 0 else "-inf"
    else:
        figures[name] = value


def _put_estimate(figures: dict[str, Any], name: str, estimate: Estimate) -> None:
    """An estimate and the ends of its interval."""
    _put(figures, name, estimate, estimate.reason)
    _put(figures, f"{name}_low", estimate.low, estimate.reason)
    _put(figures, f"{name}_high", estimate.high, estimate.reason)
