"""What the pictures of a comparison show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from logloss.answers.small_table import SmallTable
from logloss.comparison import Comparison
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_comparison import condition, delta_digits, e_value_text, excluded_text, ranking_rows
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
    for name in ("log_loss_nats", "delta_to_best_nats", "delta_to_best_nats_low", "delta_to_best_nats_high"):
        found[name] = table[name]
    best = printable(c.best)
    at_once = f", which hold for all {counted(len(c.pairs), 'pair')} at once" if len(c.pairs) > 1 else ""
    clause = f"Each forecast stands as far to the right as it costs more than {best}"
    clause += f", with 95 % intervals of the differences on the same rows{at_once}."
    if not all(math.isfinite(value) for value in table["delta_to_best_nats"]):
        clause += " An arrow is an infinite difference."
    return Drawing("ranking", "Who is best", clause, {"ranking": SmallTable(found)}, {"best": best}, rows)


def delta(c: Comparison) -> Drawing:
    """How the lead of the best over the runner-up came about."""
    better, worse = printable(c.pair.better), printable(c.pair.worse)
    title = f"The lead of {printable(c.pair.better, 24)} over {printable(c.pair.worse, 24)}"
    sequential = c.pair.sequential
    if sequential.table is None:
        reason = sequential.confidence_sequence.reason or "no sequence is known"
        reason = "no column orders the rows (order=)" if not sequential.n_periods else reason
        return not_drawn("delta", title, reason)
    every = sequential.table
    chosen = np.unique(np.linspace(0, len(every) - 1, MOST_PERIODS).round().astype(int)).tolist()
    columns: dict[str, list[Any]] = {"number": [number + 1 for number in chosen]}
    for name in ("period", "delta_nats", "low", "high"):
        values = every[name]
        columns[name] = [values[number] for number in chosen]
    periods = every["period"]
    first = periods.index(sequential.first_excluded) + 1 if sequential.first_excluded in periods else math.nan
    clause = (
        f"How far {better} is ahead of {worse} so far, period by period. The confidence sequence {condition(c)}; it "
        f"{excluded_text(c.pair)}."
    )
    digits = delta_digits(c.pair.delta)
    rows = [["after", "rows", "lead so far", "confidence sequence", "evidence"]]
    step = max(1, math.ceil(len(every) / MOST_LISTED))
    for number in sorted({*range(0, len(every), step), len(every) - 1}):
        row = every[number]
        ends = interval(row["low"], row["high"], digits) if math.isfinite(row["high"]) else "without limit"
        cells = [printable(str(row["period"])), f"{row['rows']:,}", signed(row["delta_nats"], digits), ends]
        rows.append([*cells, e_value_text(row["log_e_value"])])
    figures = {"order": printable(c.order, 40), "first_at": first, "first_excluded": sequential.first_excluded}
    return Drawing("delta", title, clause, {"sequential": SmallTable(columns)}, figures | view(every), rows)


def view(sequential: SmallTable) -> dict[str, float]:
    """What the axis of a lead shows: the whole band once it has settled, and 0."""
    later = sequential[int(SETTLING * len(sequential)) :]
    ends = [value for name in ("low", "high", "delta_nats") for value in later[name] if math.isfinite(value)]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    # Half of it is room enough for what is wide at first.
    middle, size = (low + high) / 2, max(high - low, 1e-12)
    return {"view_low": middle - 0.55 * size, "view_high": middle + 0.55 * size}


def groups(c: Comparison) -> Drawing:
    """The lead in each group."""
    title = "Where the lead comes from"
    found = c.pair.groups
    if found is None or not len(found):
        reason = "more than 4,096 groups: none is kept" if c.has_too_many_groups else "no groups were asked for (by=)"
        return not_drawn("groups", title, reason)
    every = sorted(found, key=lambda row: -abs(row["contribution_nats"]))[:MOST_GROUPS]
    every.sort(key=lambda row: -row["delta_nats"])
    values = {name: found[name] for name in c.by}
    names = [printable(" · ".join(group_value(row[name], values[name]) for name in c.by), 40) for row in every]
    keys = ("rows", "delta_nats", "delta_nats_low", "delta_nats_high", "contribution_nats")
    table = SmallTable({"group": names, **{key: [row[key] for row in every] for key in keys}})
    better, worse = printable(c.pair.better), printable(c.pair.worse)
    clause = (
        f"Right of the line {better} is better in a group, left of it {worse}; with 95 % intervals for each by itself."
    )
    if len(found) > len(every):
        clause += f" Drawn are the {len(every)} of {len(found):,} groups that add most."
    rows = [["group", "rows", "lead (nats)", "95 %", "contribution"]]
    for row in table:
        low, high = row["delta_nats_low"], row["delta_nats_high"]
        ends = "" if math.isnan(low) else interval(low, high, 4)
        rows.append(
            [row["group"], f"{row['rows']:,}", signed(row["delta_nats"], 4), ends, signed(row["contribution_nats"], 5)]
        )
    return Drawing("groups", title, clause, {"groups": table}, {"delta_nats": float(c.pair.delta)}, rows)


KINDS = {"ranking": ranking, "delta": delta, "groups": groups}


def kinds(c: Comparison) -> list[str]:
    """The pictures of a comparison, the first one as a rule."""
    return ["ranking", *(["delta"] if c.order else []), *(["groups"] if c.by else [])]
