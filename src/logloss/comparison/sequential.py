"""How a lead came about, period by period, for people who look every day.

The mathematics, and what it assumes, stand in `confidence_sequence.py` and `autocorrelation.py`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace

import numpy as np

from logloss.answers.estimate import CONFIDENCE, Estimate
from logloss.answers.small_table import SmallTable
from logloss.comparison.autocorrelation import cautions_of_periods, long_run
from logloss.comparison.confidence_sequence import PeriodDeltas, log_e_value_of, sequence_of
from logloss.comparison.period_rules import CHANGING, INDEPENDENT
from logloss.comparison.period_sums import PeriodSums
from logloss.data.values import Array
from logloss.onepass.summaries import ComparisonSummary
from logloss.text import counted, printable, significant, value_text

# Of a range over all weight, and of a lead, and of a range over the weight of a row of the first period: beyond it,
# squares and multiples would leave the floats.
LARGEST = 1e100
# A time stamp as Arrow and NumPy write it, with nothing but zeros after the second.
TIME = re.compile(r"(?P<date>\d{4}-\d\d-\d\d)(?P<time>[ T](?:(?P<midnight>00:00:00)|\d\d:\d\d:\d\d))(?:\.0+)?")


@dataclass(frozen=True, slots=True, repr=False)
class SequentialAnalysis:
    """What the order of the rows shows of a lead.

    The sequence and the evidence assume that all forecasts and weights of a period precede its outcomes. Rows of a
    period may depend on each other in any way (but with `within="independent"`, given the forecasts, in none), and
    periods on those before.

    Attributes
    ----------
    n_periods : int
        How many periods there are; 0 without `order=`.
    is_coarse : bool
        Whether periods are longer than one value of `order`, since there were too many.
    confidence_sequence : Estimate
        The lead with an interval that holds at all periods, and for all pairs of the comparison, at once, however often
        one looks. What it holds is the mean of what the lead of each period was to be expected to be before it.
    autocorrelation_robust : Estimate
        The lead with an interval that lets neighbouring periods depend on each other (equally weighted cosines).
    n_cosines : int
        How many cosines its variance is estimated from: the degrees of freedom of its Student's t.
    effective_periods : float
        How many independent periods of equal weight would vary as much, by an estimate from those cosines.
    cautions : tuple of str
        Where that interval, or the lead's own, may be too narrow: periods too few or too autocorrelated.
    first_excluded : str
        The first period after which the sequence excluded 0; "" if there is none.
    is_first_for_better : bool
        Whether it did so in favour of the forecast that is the better one now.
    still_excluded : bool
        Whether the sequence excludes 0 after the last period, in favour of the same forecast as at first.
    log_e_value : float
        Logarithm of an e-value, in nats (3.0 is 20 to 1): evidence against the better one's being better in no period,
        halved since the data chose which is the better one. At most 5 times in 100 it ever is 20 to 1 or more where
        that is so. nan with the reason of the sequence.
    table : SmallTable or None
        Period by period: its name, its rows, and after it the lead so far, the ends of the sequence, the logarithm of
        the evidence.

    Examples
    --------
    >>> import logloss
    >>> found = logloss.compare([1, 0] * 50, {"a": [0.5] * 100, "b": [0.6, 0.4] * 50}, order=range(100))
    >>> course = found.between("a", "b").sequential
    >>> course.n_periods, course.first_excluded, course.still_excluded
    (100, '18', True)
    """

    n_periods: int = 0
    is_coarse: bool = False
    confidence_sequence: Estimate = Estimate(math.nan, reason="needs `order`")  # noqa: RUF009
    autocorrelation_robust: Estimate = Estimate(math.nan, reason="needs `order`")  # noqa: RUF009
    n_cosines: int = 0
    effective_periods: float = math.nan
    first_excluded: str = ""
    is_first_for_better: bool = False
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
    """The course of a lead: sign × (loss of the first of the pair − that of the second).

    error: the standard error of the lead of independent rows, or clusters; nan if it has none. within: what is known of
    the rows of a period. n_pairs: for how many pairs the sequence holds at once. withheld: why there is none.
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
    found = long_run(sums.deltas, sums.weights)
    sequential = replace(
        sequential,
        autocorrelation_robust=found.estimate(delta),
        n_cosines=int(found.sampling.degrees),
        effective_periods=found.effective_periods,
        cautions=cautions_of_periods(found, len(names), error),
    )
    reason = withheld or _why_no_sequence(summary, within, int(sums.n_unbounded.sum()))
    if reason:
        return replace(sequential, confidence_sequence=Estimate(delta, reason=reason))
    row = float(sums.weights[0] / sums.n_rows[0])
    deltas = PeriodDeltas(sums.weights, sums.deltas, sums.ranges, sums.least, row)
    if within == INDEPENDENT:
        deltas = replace(deltas, squares=sums.squares, squares_of_ranges=sums.squares_of_range)
    means, lows, highs = sequence_of(deltas, (1 - CONFIDENCE) / n_pairs)
    # The forecast that leads was not named beforehand: of the two tests that there are, one for each, this is one.
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
        is_first_for_better=favours > 0,
        still_excluded=bool(lows[-1] > 0 if favours > 0 else highs[-1] < 0) and first >= 0,
        log_e_value=float(e_value[-1]),
        table=SmallTable(columns),
    )


def _why_nothing(sums: PeriodSums) -> str:
    """Why neither the sequence nor the interval of dependent periods is known."""
    if sums.n_infinite.any():
        return "infinite"
    if not sums.weights.all():
        return "the weights are too far apart"
    row = float(sums.weights[0] / sums.n_rows[0])
    if row * LARGEST < 1:
        return "the weights are too far apart"
    if not (sums.ranges.max() < LARGEST * min(row, 1.0) and np.abs(sums.deltas).max() < LARGEST):
        return "their log-odds are too far apart"
    return ""


def _why_no_sequence(summary: ComparisonSummary, within: str, n_unbounded: int) -> str:
    """Why there is no sequence, and no evidence."""
    if within == CHANGING:
        return "forecasts change within a period"
    if summary.clusters is not None:
        if summary.clusters_in_one_period is None:
            return "with so many clusters it is not known whether each lies in one period"
        if not summary.clusters_in_one_period:
            return "clusters go on from one period to the next"
    if n_unbounded:
        return f"one of them said 0 or 1 in {n_unbounded:,} rows, the other did not: no bound to what it could lose"
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
