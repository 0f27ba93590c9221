"""watch(): summaries of periods in the order of time, and an alarm where something has changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from logloss.answers.small_table import SmallTable
from logloss.comparison.period_rules import DEPENDENT, INDEPENDENT
from logloss.data.values import Array
from logloss.difference import diff
from logloss.errors import DataError
from logloss.measurement import Measurement, SummaryRecord, measurement_of
from logloss.monitoring.answer import Monitoring
from logloss.monitoring.change_detector import Detected, detected
from logloss.monitoring.period_figures import FEWEST_OF_RARER_CLASS, STATISTICS, PeriodFigures, Reference
from logloss.text import counted, listed, printable, value_text

# Periods that nothing is compared with before: a variance from fewer would be hardly known.
USUAL_REFERENCE = 8
Period = Measurement | SummaryRecord


def watch(
    periods: Sequence[Measurement] | Mapping[str, Measurement],
    *,
    reference: int | None = None,
    within: str = DEPENDENT,
    alpha: float = 0.05,
) -> Monitoring:
    """Watch a forecaster over time: its log loss by period, and an alarm if something changes; losses in nats per row.

    Parameters
    ----------
    periods : list of Measurement, or dict of Measurement by name of the period
        One measurement for each period, in the order of time, of different rows and measured alike. Periods of a list
        are numbered from 1.
    reference : int, >= 1, optional
        How many of the first periods are what later ones are compared with: no change is looked for within them. By
        default 8 (of fewer all but the last one), with within="independent" 1.
    within : {"dependent", "independent"}
        How rows of one period may depend on each other, given the predictions. "dependent": in any way; how much
        periods vary is estimated from the periods, so that about ten are needed before there can be an alarm.
        "independent": not at all; the variance follows from the number of rows, and the second period may cause an
        alarm.
    alpha : float in (0, 1)
        Probability of any false alarm in the whole run, however long it is.

    Returns
    -------
    Monitoring
        Prints as a table; every figure is an attribute.

    Raises
    ------
    DataError
        If there are fewer than two periods, a name occurs twice, two periods share rows, or they were not measured
        alike (positive class, column of predictions, probabilities or log-odds, correction).

    Notes
    -----
    Cost: no rows are read; about 1 ms for each period, and the square of the number of periods.

    Three statistics are watched, each with alpha / 3: shift and slope of the outcomes given the predictions, and the
    mean loss. The limit holds for periods that are independent, with nearly normal statistics (neighbouring ones are
    looked at together until 20 rows of the rarer class are expected) whose variance is in proportion to 1 / rows. A
    constant miscalibration is no change, and the uncertainty of the reference is accounted for (docs/watch.md). Trends
    and seasons are changes.

    References
    ----------
    Shin, J., Ramdas, A. and Rinaldo, A. (2024). E-detectors: a nonparametric framework for sequential change detection.
    New England J. Stat. Data Sci. 2(2), 229-260. doi:10.51387/23-NEJSDS51

    Examples
    --------
    >>> import logloss
    >>> days = {name: logloss.measure([1, 0] * 50, [0.8, 0.4] * 50, name=name) for name in ("monday", "tuesday")}
    >>> print(repr(logloss.watch(days)).splitlines()[0])
    no alarm in 2 periods (monday to tuesday; reference: monday).
    """
    if isinstance(periods, Mapping):
        names, given = [str(name) for name in periods], list(periods.values())
    elif isinstance(periods, Measurement | str) or not isinstance(periods, Sequence):
        raise DataError(f"watch() takes a list or dict of measurements, one for each period; got {_kind(periods)}.")
    else:
        names, given = [str(number + 1) for number in range(len(periods))], list(periods)
    for each in given:
        if not isinstance(each, Measurement):
            raise DataError(f"watch() takes measurements; got {_kind(each)}. Read a file with logloss.load first.")
    return watch_records(names, [each.record for each in given], reference=reference, within=within, alpha=alpha)


def watch_records(
    names: Sequence[str],
    records: Sequence[SummaryRecord],
    *,
    reference: int | None = None,
    within: str = DEPENDENT,
    alpha: float = 0.05,
) -> Monitoring:
    """The same of summaries that are not measured yet, which takes a tenth of the time."""
    check_options(reference, within, alpha)
    _check(names, records, within)
    n_reference = reference or (1 if within == INDEPENDENT else min(USUAL_REFERENCE, len(names) - 1))
    if n_reference >= len(names):
        raise DataError(
            f"{counted(n_reference, 'period')} cannot be the `reference` of {len(names)}: at least one must come "
            "after. Give more periods, or a smaller `reference`."
        )
    known = Reference.of(merged(records[:n_reference]))
    figures = [PeriodFigures.of(record, known) for record in records]
    steps = _Steps.of(figures, n_reference)
    runs = {} if known.why_not else {name: steps.run(name, within == INDEPENDENT) for name in STATISTICS}
    log_limit = math.log(len(STATISTICS) / alpha)
    alarm = _Alarm.first(runs, steps, log_limit)
    change = None
    if alarm is not None:
        before, since = merged(records[: alarm.start]), merged(records[alarm.start : alarm.place + 1])
        change = diff(measurement_of(before), measurement_of(since))
    return Monitoring(
        alarm=alarm is not None,
        alarm_period=names[alarm.place] if alarm else "",
        alarm_statistic=alarm.statistic if alarm else "",
        alarm_direction=("higher" if alarm.size > 0 else "lower") if alarm else "",
        change_period=names[alarm.start] if alarm else "",
        change=change,
        periods=_table(names, figures, n_reference, steps, runs),
        log_limit=log_limit,
        log_e_values={name: float(run.log_e_values[-1]) for name, run in runs.items() if len(run.log_e_values)},
        n_periods=len(names),
        n_reference=n_reference,
        n_waiting=len(names) - 1 - steps.ends[-1],
        alpha=alpha,
        within=within,
        reason=known.why_not,
        source=listed(list(dict.fromkeys(record.source for record in records if record.source)), 3),
        positive=reduce(lambda one, other: one.merge(other), (record.question for record in records)).positive,
        notes=tuple(dict.fromkeys(note for record in records for note in record.notes)),
    )


@dataclass(frozen=True, slots=True)
class _Steps:
    """Neighbouring periods put together until enough rows are expected: starts and ends are places of periods."""

    figures: Sequence[PeriodFigures]
    starts: list[int]
    ends: list[int]
    n_reference: int

    @classmethod
    def of(cls, figures: Sequence[PeriodFigures], n_reference: int) -> _Steps:
        """By the predictions alone, so that no outcome decides what is put together."""
        starts, ends, start, rarer, n_steps = [], [], 0, 0.0, 0
        for place, each in enumerate(figures):
            rarer += each.rarer
            is_last_of_reference = place == n_reference - 1
            if rarer >= FEWEST_OF_RARER_CLASS or is_last_of_reference:
                starts.append(start)
                ends.append(place)
                start, rarer = place + 1, 0.0
            n_steps = len(ends) if is_last_of_reference else n_steps
        return cls(figures, starts, ends, n_steps)

    def run(self, name: str, has_known_scale: bool) -> Detected:
        """The detector on one statistic."""
        # Without the last periods, which wait for more rows.
        each = np.array([period.statistics[name] for period in self.figures[: self.ends[-1] + 1]])
        values, precisions = each.T
        total, weighted = (np.add.reduceat(of, self.starts) for of in (precisions, precisions * values))
        if not (total > 0).all():
            n_after = len(total) - self.n_reference
            return Detected(np.zeros(n_after), np.zeros(n_after, np.int64), np.zeros(n_after))
        return detected(weighted / total, total, self.n_reference, has_known_scale=has_known_scale)


class _Alarm(NamedTuple):
    """The first alarm: its period, the first period of the change (places), the statistic, and its change."""

    place: int
    start: int
    statistic: str
    size: float

    @classmethod
    def first(cls, runs: Mapping[str, Detected], steps: _Steps, log_limit: float) -> _Alarm | None:
        """By the statistic that reaches the limit first; of several at once by the one with the most evidence."""
        found = []
        for name, run in runs.items():
            above = np.flatnonzero(run.log_e_values >= log_limit)
            if len(above):
                found.append((int(above[0]), -float(run.log_e_values[above[0]]), name))
        if not found:
            return None
        step, _, name = min(found)
        run = runs[name]
        start = steps.starts[int(run.changes[step])]
        return cls(steps.ends[steps.n_reference + step], start, name, float(run.sizes[step]))


def _table(
    names: Sequence[str],
    figures: Sequence[PeriodFigures],
    n_reference: int,
    steps: _Steps,
    runs: Mapping[str, Detected],
) -> SmallTable:
    """One row for each period."""
    columns: dict[str, Sequence[Any]] = {
        "period": names,
        "rows": [each.n_rows for each in figures],
        "is_reference": [place < n_reference for place in range(len(figures))],
        "log_loss_nats": [float(each.log_loss) for each in figures],
        "log_loss_nats_low": [each.log_loss.low for each in figures],
        "log_loss_nats_high": [each.log_loss.high for each in figures],
        "expected_log_loss_nats": [each.expected_log_loss for each in figures],
        "uncertainty_nats": [each.uncertainty for each in figures],
        "discrimination_nats": [each.discrimination for each in figures],
        "miscalibration_nats": [each.miscalibration for each in figures],
    }
    for name in ("base_rate", "expected_base_rate", "mean_proba", "share_unlabelled", "n_infinite"):
        columns[name] = [getattr(each, name) for each in figures]
    for name in STATISTICS:
        logs: Array = np.full(len(figures), math.nan)
        if name in runs:
            logs[steps.ends[steps.n_reference :]] = runs[name].log_e_values
        columns[f"log_e_{name}"] = logs.tolist()
    return SmallTable(columns)


def merged(records: Sequence[SummaryRecord]) -> SummaryRecord:
    """Several as one, two neighbours at a time."""
    level = list(records)
    while len(level) > 1:
        level = [reduce(lambda one, other: one.merge(other), level[k : k + 2]) for k in range(0, len(level), 2)]
    return level[0]


def check_options(reference: int | None, within: str, alpha: float) -> None:
    """Refuse values that the options cannot have."""
    is_whole = isinstance(reference, Integral) and not isinstance(reference, bool)
    if reference is not None and (not is_whole or reference < 1):
        raise DataError(f"`reference` must be a whole number of periods, 1 or more; got {value_text(reference)}.")
    if within not in (DEPENDENT, INDEPENDENT):
        raise DataError(f'`within` must be "{DEPENDENT}" or "{INDEPENDENT}"; got {value_text(within)}.')
    if not isinstance(alpha, Real) or isinstance(alpha, bool) or not 0 < alpha < 1:
        raise DataError(f"`alpha` must be a probability between 0 and 1; got {value_text(alpha)}.")


def _check(names: Sequence[str], records: Sequence[SummaryRecord], within: str) -> None:
    """Refuse what is no run of periods of one forecaster."""
    if len(records) < 2:
        raise DataError(f"watch() takes two periods or more, each a measurement of its own rows; got {len(records)}.")
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise DataError(f'each period must have a name of its own; "{printable(twice[0])}" occurs twice.')
    first = records[0]
    question, parts = first.question, first.parts
    for name, record in zip(names[1:], records[1:], strict=True):
        try:
            question, parts = question.merge(record.question), parts.union(record.parts)
            first.summary.scores.check_scale(record.summary.scores)
        except DataError as error:
            before = f'period "{printable(name)}" does not go with those before it'
            raise DataError(f"{before}: {error}") from error
    if within == INDEPENDENT and any(record.summary.clusters is not None for record in records):
        raise DataError(
            '`within="independent"` states that rows of a period are independent, `cluster` that some are not. '
            "Leave out the one that is wrong."
        )


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"
