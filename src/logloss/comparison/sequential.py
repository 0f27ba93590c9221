"""Sequential analysis of a difference in log loss, period by period: valid however often the results are looked at.

Methods and assumptions: `confidence_sequence.py` and `autocorrelation.py`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace

import numpy as np

from logloss.answers.estimate import CONFIDENCE, INFINITE, Estimate
from logloss.answers.small_table import SmallTable
from logloss.comparison.autocorrelation import cautions_of_periods, long_run
from logloss.comparison.confidence_sequence import PeriodDeltas, log_e_value_of, sequence_of
from logloss.comparison.period_rules import CHANGING, INDEPENDENT
from logloss.comparison.period_sums import PeriodSums
from logloss.data.values import Array
from logloss.onepass.summaries import ComparisonSummary
from logloss.text import counted, printable, significant, value_text

# Of a range over all weight, of a difference, and of a range over the weight of a row of the first period: beyond it
# squares and multiples would leave the floats.
LARGEST = 1e100
# A time stamp as Arrow and NumPy write it, with nothing but zeros after the second.
TIME = re.compile(r"(?P<date>\d{4}-\d\d-\d\d)(?P<time>[ T](?:(?P<midnight>00:00:00)|\d\d:\d\d:\d\d))(?:\.0+)?")


@dataclass(frozen=True, slots=True, repr=False)
class SequentialAnalysis:
    """Difference in log loss between two forecasters as the rows arrive in the order of time; nats per row.

    The confidence sequence and the e-value assume that all forecasts and weights of a period are fixed before any of
    its outcomes is known. They allow any dependence on earlier periods, and any dependence among the rows of a period
    (with `within="independent"`, none given the forecasts).

    Attributes
    ----------
    n_periods : int
        Number of periods; 0 without `order=`.
    has_merged_periods : bool
        Whether neighbouring values of `order` were merged into longer periods because there were too many.
    confidence_sequence : Estimate
        The difference after the last period with its 95% confidence sequence: with probability 0.95 at least the
        intervals after all periods, of all pairs of the comparison, simultaneously contain the mean of the conditional
        expectations of the periods' differences, each given everything before its period.
    autocorrelation_robust : Estimate
        The difference with an interval that allows neighbouring periods to be autocorrelated (equally weighted
        cosines). It assumes that the series of periods is stationary.
    n_cosines : int
        Number of cosines its variance is estimated from: the degrees of freedom of its Student's t.
    effective_periods : float
        Effective number of independent periods of equal weight, estimated from those cosines.
    cautions : tuple of str
        Where that interval, or the one of independent rows, may be too narrow: too few or too autocorrelated periods.
    first_excluded : str
        The first period after which the confidence sequence excludes 0; "" if there is none.
    first_excluded_favors_better : bool
        Whether it then favours the forecaster that is the better one over all periods.
    still_excluded : bool
        Whether the sequence excludes 0 after the last period, in favour of the same forecaster.
    log_e_value : float
        Natural logarithm of the e-value (3.0 is an e-value of 20). Null hypothesis: the expected loss of the better
        forecaster is lower in no period. If that is true, the e-value ever reaches 20 with probability 0.05 at most. It
        is halved because the data chose which forecaster is the better one. nan if there is no confidence sequence.
    table : SmallTable or None
        One row for each period: `period` (its name) and `rows` (their number in it), then, over all periods up to it,
        `delta_nats` (mean difference, nats per row), `low` and `high` (confidence sequence, nats per row) and
        `log_e_value` (natural logarithm). None without a confidence sequence.

    Examples
    --------
    >>> import logloss
    >>> compared = logloss.compare([1, 0] * 50, {"a": [0.5] * 100, "b": [0.6, 0.4] * 50}, order=range(100))
    >>> analysis = compared.between("a", "b").sequential
    >>> analysis.n_periods, analysis.first_excluded, analysis.still_excluded
    (100, '18', True)
    """

    n_periods: int = 0
    has_merged_periods: bool = False
    confidence_sequence: Estimate = Estimate(math.nan, reason="needs `order`")  # noqa: RUF009
    autocorrelation_robust: Estimate = Estimate(math.nan, reason="needs `order`")  # noqa: RUF009
    n_cosines: int = 0
    effective_periods: float = math.nan
    first_excluded: str = ""
    first_excluded_favors_better: bool = False
    still_excluded: bool = False
    log_e_value: float = math.nan
    table: SmallTable | None = field(default=None, repr=False)
    cautions: tuple[str, ...] = ()

    def __repr__(self) -> str:
        sequence = self.confidence_sequence
        if not sequence.has_interval:
            return f"SequentialAnalysis: no confidence sequence ({sequence.reason})"
        excluded = "does not exclude 0"
        if self.first_excluded:
            excluded = f"first excluded 0 at {printable(self.first_excluded)}"
            excluded += ", and still does" if self.still_excluded else ", but no longer does"
        ends = f"{significant(sequence.low)}–{significant(sequence.high)}"
        return f"SequentialAnalysis: {counted(self.n_periods, 'period')}, 95% confidence sequence {ends}, {excluded}"


def sequential_analysis(
    summary: ComparisonSummary,
    pair: tuple[int, int],
    sign: int,
    delta: float,
    *,
    error: float,
    within: str,
    n_pairs: int,
    withheld: str = "",
) -> SequentialAnalysis:
    """Sequential analysis of sign × (loss of the first of the pair − that of the second).

    error: standard error of the difference if rows, or clusters, are independent; nan if there is none. within: how
    rows of a period may depend on each other. n_pairs: pairs the sequence holds for simultaneously. withheld: why none
    is valid.
    """
    periods = summary.periods
    if periods is None:
        return SequentialAnalysis()
    sums = PeriodSums.of(summary, pair, sign)
    names = [period_text(name) for name in sums.names]
    reason = _why_nothing(sums)
    sequential = SequentialAnalysis(
        len(names), periods.is_over, Estimate(delta, reason=reason), Estimate(delta, reason=reason)
    )
    if reason:
        return sequential
    robust = long_run(sums.deltas, sums.weights)
    sequential = replace(
        sequential,
        autocorrelation_robust=robust.estimate(delta),
        n_cosines=int(robust.sampling.degrees),
        effective_periods=robust.effective_periods,
        cautions=cautions_of_periods(robust, len(names), error),
    )
    reason = withheld or _why_no_sequence(summary, within, int(sums.n_unbounded.sum()))
    if reason:
        return replace(sequential, confidence_sequence=Estimate(delta, reason=reason))
    row = float(sums.weights[0] / sums.n_rows[0])
    deltas = PeriodDeltas(sums.weights, sums.deltas, sums.ranges, sums.least, row)
    if within == INDEPENDENT:
        deltas = replace(deltas, squares=sums.squares, squares_of_ranges=sums.squares_of_range)
    means, lows, highs = sequence_of(deltas, (1 - CONFIDENCE) / n_pairs)
    # Which forecaster is the better one was not fixed beforehand: this is one of two tests.
    e_value = log_e_value_of(deltas) - math.log(2)
    columns = {"period": names, "rows": sums.n_rows.tolist(), "delta_nats": means.tolist()}
    columns |= {"low": lows.tolist(), "high": highs.tolist(), "log_e_value": e_value.tolist()}
    last = Estimate(delta, float(lows[-1]), float(highs[-1]))
    if deltas.first < 0:
        last, e_value = Estimate(delta, 0.0, 0.0), np.zeros(1)
    first, favours = _first_excluded(lows, highs)
    return replace(
        sequential,
        confidence_sequence=last,
        first_excluded=names[first] if first >= 0 else "",
        first_excluded_favors_better=favours > 0,
        still_excluded=bool(lows[-1] > 0 if favours > 0 else highs[-1] < 0) and first >= 0,
        log_e_value=float(e_value[-1]),
        table=SmallTable(columns),
    )


def _why_nothing(sums: PeriodSums) -> str:
    """Why neither the confidence sequence nor the autocorrelation-robust interval is available."""
    if sums.n_infinite.any():
        return INFINITE
    if not sums.weights.all():
        return "the weights differ by too many orders of magnitude"
    row = float(sums.weights[0] / sums.n_rows[0])
    if row * LARGEST < 1:
        return "the weights differ by too many orders of magnitude"
    if not (sums.ranges.max() < LARGEST * min(row, 1.0) and np.abs(sums.deltas).max() < LARGEST):
        return "the log-odds of the two are too far apart"
    return ""


def _why_no_sequence(summary: ComparisonSummary, within: str, n_unbounded: int) -> str:
    """Why there is no confidence sequence, and no e-value."""
    if within == CHANGING:
        return "forecasts change within a period"
    if summary.clusters is not None:
        if summary.clusters_in_one_period is None:
            return "with so many clusters it is not known whether each lies within one period"
        if not summary.clusters_in_one_period:
            return "clusters span more than one period"
    if n_unbounded:
        rows = f"one of them predicted 0 or 1 in {n_unbounded:,} rows, the other did not"
        return f"{rows}: the difference in loss is unbounded there"
    return ""


def _first_excluded(lows: Array, highs: Array) -> tuple[int, int]:
    """(The first period after which an interval excludes 0, or −1; 1 if it lies above 0, −1 if below)."""
    excludes = (lows > 0) | (highs < 0)
    if not excludes.any():
        return -1, 0
    first = int(np.argmax(excludes))
    return first, 1 if lows[first] > 0 else -1


def period_text(name: float | str) -> str:
    """A period as people write it: a time of day only where there is one."""
    if not isinstance(name, str):
        return value_text(name)
    stamp = TIME.fullmatch(name)
    if stamp is None:
        return name
    return stamp["date"] if stamp["midnight"] else stamp["date"] + stamp["time"]
