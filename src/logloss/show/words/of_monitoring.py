"""A run of periods in words: whether something changed, the periods, then what changed. Nothing is computed here."""

from __future__ import annotations

import math
from typing import Any

from logloss.monitoring import Monitoring
from logloss.monitoring.period_figures import FEWEST_OF_RARER_CLASS, STATISTICS
from logloss.show.words.of_difference import text_of as difference_text
from logloss.text import columns, count, counted, fixed, interval, percent, printable, printable_lines

N_SHOWN = 24
# What a change of each statistic means.
CHANGES = {
    ("shift", "higher"): "positives are more frequent than expected given the predictions",
    ("shift", "lower"): "positives are less frequent than expected given the predictions",
    ("slope", "higher"): "outcomes depend more on the predictions (underconfident)",
    ("slope", "lower"): "outcomes depend less on the predictions (overconfident)",
    ("loss", "higher"): "the mean log loss is higher",
    ("loss", "lower"): "the mean log loss is lower",
}


def text_of(m: Monitoring) -> str:
    """The whole run."""
    lines = [[sentence(m)], [header(m)], [*columns(*period_rows(m, N_SHOWN)), *left_out(m, N_SHOWN)], evidence_lines(m)]
    if m.change is not None:
        lines.append([change_heading(m), *difference_text(m.change).splitlines()])
    return printable_lines("\n\n".join("\n".join(part) for part in lines if part))


def sentence(m: Monitoring) -> str:
    """The answer: an alarm, since when, and of what; or none."""
    if m.alarm:
        what = CHANGES[m.alarm_statistic, m.alarm_direction]
        return f"alarm after {printable(m.alarm_period)}: {what}, probably since {printable(m.change_period)}."
    span = f"{printable(m.periods[0]['period'])} to {printable(m.periods[-1]['period'])}"
    run = f"{counted(m.n_periods, 'period')} ({span}; {reference_text(m)})"
    return f"no change can be detected in {run}: {m.reason}." if m.reason else f"no alarm in {run}."


def reference_text(m: Monitoring) -> str:
    """`reference: 2016-10 to 2017-01`."""
    first, last = (printable(m.periods[place]["period"]) for place in (0, m.n_reference - 1))
    return f"reference: {first}" if m.n_reference == 1 else f"reference: {first} to {last}"


def header(m: Monitoring) -> str:
    """Rows and periods, the positive class, what is controlled."""
    rows = f"{counted(sum(m.periods['rows']), 'row')} in {counted(m.n_periods, 'period')}, {reference_text(m)}"
    positive = f"positive: {printable(m.positive)}"
    if m.reason:
        return f"{rows} · {positive}"
    control = f"probability of a false alarm in the whole run at most {percent(m.alpha, 0 if m.alpha >= 0.01 else 2)}"
    assumed = "rows independent" if m.within == "independent" else "rows of a period may depend on each other"
    return f"{rows} · {positive} · {control} · periods independent, {assumed}"


def period_rows(m: Monitoring, most: int) -> tuple[list[list[str]], str]:
    """The last periods, and how the columns are aligned."""
    has_unlabelled = any(share > 0 for share in m.periods["share_unlabelled"])
    head = ["period", "rows", "log loss", "95% CI", "expected", "discrimination", "miscalibration"]
    head += ["observed", "expected", "predicted", *(["no label"] if has_unlabelled else []), "log e-value", ""]
    rows = [head]
    for row in m.periods[-most:]:
        has_interval = not math.isnan(row["log_loss_nats_low"])
        cells = [printable(row["period"]), count(row["rows"]), fixed(row["log_loss_nats"], 4)]
        cells += [interval(row["log_loss_nats_low"], row["log_loss_nats_high"], 4) if has_interval else ""]
        cells += [figure(row[f"{name}_nats"]) for name in ("expected_log_loss", "discrimination", "miscalibration")]
        cells += [figure(row[name]) for name in ("base_rate", "expected_base_rate", "mean_proba")]
        if has_unlabelled:
            cells.append("" if math.isnan(row["share_unlabelled"]) else percent(row["share_unlabelled"], 1))
        rows.append([*cells, most_evidence(row), remark(m, row)])
    return rows, "lrrlrrrrrr" + "r" * has_unlabelled + "rl"


def figure(value: float) -> str:
    """A figure of a period; nothing where it is not defined."""
    return "" if math.isnan(value) else fixed(value, 4)


def most_evidence(row: dict[str, Any]) -> str:
    """The largest of the three logarithms of e-values after a period."""
    logs = [row[f"log_e_{name}"] for name in STATISTICS]
    return "" if all(map(math.isnan, logs)) else fixed(max(logs), 1)


def remark(m: Monitoring, row: dict[str, Any]) -> str:
    """What a period is: of the reference, the first of a change, the one of the alarm; its infinite losses."""
    remarks = ["reference"] if row["is_reference"] else []
    if m.alarm and row["period"] == m.change_period:
        remarks.append("change")
    if m.alarm and row["period"] == m.alarm_period:
        remarks.append("alarm")
    if row["n_infinite"]:
        remarks.append(f"{counted(row['n_infinite'], 'infinite loss', 'infinite losses')}")
    return ", ".join(remarks)


def left_out(m: Monitoring, most: int) -> list[str]:
    """How many periods are not shown."""
    return [f"… the last {most} of {counted(m.n_periods, 'period')}; all in `periods`"] if m.n_periods > most else []


def evidence_lines(m: Monitoring) -> list[str]:
    """The evidence after the last period, and the limit; periods that wait for more rows."""
    if not m.log_e_values:
        return []
    logs = ", ".join(f"{name} {fixed(value, 1)}" for name, value in m.log_e_values.items())
    lines = [f"log e-values after the last period: {logs}; an alarm at {fixed(m.log_limit, 1)}"]
    if m.n_waiting:
        last = "the last period waits" if m.n_waiting == 1 else f"the last {count(m.n_waiting)} periods wait"
        lines.append(
            f"{last} for more rows: fewer than {FEWEST_OF_RARER_CLASS} of the rarer class are expected in them"
        )
    return lines


def change_heading(m: Monitoring) -> str:
    """From which periods to which the change is."""
    ends = f"{printable(m.change_period)} to {printable(m.alarm_period)}"
    since = printable(m.alarm_period) if m.change_period == m.alarm_period else ends
    return f"what changed, from all periods before {printable(m.change_period)} to {since}:"
