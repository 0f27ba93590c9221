"""What a set of predictions costs, and why.

>>> import logloss
>>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
>>> round(m.log_loss, 4), round(m.base_rate, 2)
(0.3375, 0.75)

A measurement is made of one `LossSummary`; every figure is computed from its exact sums, in rational arithmetic where
digits could cancel, and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from logloss.data.block import Block
from logloss.data.rows import Roles
from logloss.data.source import bind
from logloss.estimates import CONFIDENCE, Estimate, Moments, Z
from logloss.text import NATS_PER_BIT, columns, count, counted, fixed, interval, printable, significant, value_text

if TYPE_CHECKING:
    from logloss.onepass.summaries import LossSummary


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
        _put(figures, "sum_weight", self.sum_weight)
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
            share = f"{fixed(100 * self.skill, 1)} %   " if math.isfinite(self.skill) else fixed(self.skill, 1)
            skill = ["skill", share, spread, "the share of that which is saved"]
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
    moments = Moments(summary)
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
