"""What the pictures of a comparison show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from logloss.answers.small_table import SmallTable
from logloss.comparison import Comparison
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_comparison import condition, excluded_text, lead_digits, odds, ranking_rows
from logloss.show.words.of_measurement import group_value, signed
from logloss.text import counted, interval, printable

# Most forecasts, groups and periods that are drawn, and most periods that are listed.
MOST_FORECASTS, MOST_GROUPS, MOST_PERIODS, MOST_LISTED = 24, 24, 300, 60
# What the axis shows is chosen without the first tenth of the periods, in which the sequence is very wide.
SETTLING = 0.1


def ranking(c: Comparison) -> Drawing:
    """How far each forecast is behind the best."""
    rows, _ = ranking_rows(c)
    table = c.ranking[:MOST_FORECASTS]
    found = {"forecast": [printable(name, 40) for name in table["forecast"]]}
    for name in ("log_loss_nats", "behind_nats", "behind_nats_low", "behind_nats_high"):
        found[name] = table[name]
    best = printable(c.best)
    at_once = f", which hold for all {counted(len(c.contests), 'pair')} at once" if len(c.contests) > 1 else ""
    said = f"Each forecast stands as far to the right as it costs more than {best}"
    said += f", with 95 % intervals of the differences on the same rows{at_once}."
    if not all(math.isfinite(value) for value in table["behind_nats"]):
        said += " An arrow is an infinite difference."
    return Drawing("ranking", "Who is best", said, {"ranking": SmallTable(found)}, {"best": best}, rows)


def lead(c: Comparison) -> Drawing:
    """How the lead of the best over the runner-up came about."""
    better, worse = printable(c.contest.better), printable(c.contest.worse)
    title = f"The lead of {printable(c.contest.better, 24)} over {printable(c.contest.worse, 24)}"
    course = c.contest.course
    if course.table is None:
        reason = course.sequence.reason or "no sequence is known"
        reason = "no column orders the rows (order=)" if not course.n_periods else reason
        return not_drawn("lead", title, reason)
    every = course.table
    chosen = np.unique(np.linspace(0, len(every) - 1, MOST_PERIODS).round().astype(int)).tolist()
    columns: dict[str, list[Any]] = {"number": [number + 1 for number in chosen]}
    for name in ("period", "lead_nats", "low", "high"):
        values = every[name]
        columns[name] = [values[number] for number in chosen]
    periods = every["period"]
    first = periods.index(course.first_excluded) + 1 if course.first_excluded in periods else math.nan
    said = (
        f"How far {better} is ahead of {worse} so far, period by period. The confidence sequence {condition(c)}; it "
        f"{excluded_text(c.contest)}."
    )
    digits = lead_digits(c.contest.lead)
    rows = [["after", "rows", "lead so far", "confidence sequence", "evidence"]]
    step = max(1, math.ceil(len(every) / MOST_LISTED))
    for number in sorted({*range(0, len(every), step), len(every) - 1}):
        row = every[number]
        ends = interval(row["low"], row["high"], digits) if math.isfinite(row["high"]) else "without limit"
        cells = [printable(str(row["period"])), f"{row['rows']:,}", signed(row["lead_nats"], digits), ends]
        rows.append([*cells, odds(row["log_evidence_nats"])])
    figures = {"order": printable(c.order, 40), "first_at": first, "first_excluded": course.first_excluded}
    return Drawing("lead", title, said, {"course": SmallTable(columns)}, figures | view(every), rows)


def view(course: SmallTable) -> dict[str, float]:
    """What the axis of a lead shows: the whole band once it has settled, and 0."""
    later = course[int(SETTLING * len(course)) :]
    ends = [value for name in ("low", "high", "lead_nats") for value in later[name] if math.isfinite(value)]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    # Half of it is room enough for what is wide at first.
    middle, size = (low + high) / 2, max(high - low, 1e-12)
    return {"view_low": middle - 0.55 * size, "view_high": middle + 0.55 * size}


def groups(c: Comparison) -> Drawing:
    """The lead in each group."""
    title = "Where the lead comes from"
    found = c.contest.groups
    if found is None or not len(found):
        reason = "more than 4,096 groups: none is kept" if c.has_too_many_groups else "no groups were asked for (by=)"
        return not_drawn("groups", title, reason)
    every = sorted(found, key=lambda row: -abs(row["adds_nats"]))[:MOST_GROUPS]
    every.sort(key=lambda row: -row["lead_nats"])
    values = {name: found[name] for name in c.by}
    names = [printable(" · ".join(group_value(row[name], values[name]) for name in c.by), 40) for row in every]
    keys = ("rows", "lead_nats", "lead_nats_low", "lead_nats_high", "adds_nats")
    table = SmallTable({"group": names, **{key: [row[key] for row in every] for key in keys}})
    better, worse = printable(c.contest.better), printable(c.contest.worse)
    said = (
        f"Right of the line {better} is better in a group, left of it {worse}; with 95 % intervals for each by itself."
    )
    if len(found) > len(every):
        said += f" Drawn are the {len(every)} of {len(found):,} groups that add most."
    rows = [["group", "rows", "lead (nats)", "95 %", "adds"]]
    for row in table:
        low, high = row["lead_nats_low"], row["lead_nats_high"]
        ends = "" if math.isnan(low) else interval(low, high, 4)
        rows.append([row["group"], f"{row['rows']:,}", signed(row["lead_nats"], 4), ends, signed(row["adds_nats"], 5)])
    return Drawing("groups", title, said, {"groups": table}, {"lead_nats": float(c.contest.lead)}, rows)


KINDS = {"ranking": ranking, "lead": lead, "groups": groups}


def kinds(c: Comparison) -> list[str]:
    """The pictures of a comparison, the first one as a rule."""
    return ["ranking", *(["lead"] if c.order else []), *(["groups"] if c.by else [])]
