"""What the pictures of a comparison show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from logloss.answers.small_table import SmallTable
from logloss.comparison import Comparison
from logloss.show.drawings.of_difference import signed
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_comparison import delta_digits, e_value_null, e_value_text, excluded_text, has_e_value
from logloss.show.words.of_measurement import group_value
from logloss.text import capital, count, counted, fixed, interval, printable

# Most forecasters, groups and periods that are drawn, and most periods that are listed.
MOST_FORECASTS, MOST_GROUPS, MOST_PERIODS, MOST_LISTED = 24, 24, 300, 60
# What the axis shows is chosen without the first tenth of the periods, in which the sequence is very wide.
SETTLING = 0.1


def ranking(c: Comparison) -> Drawing:
    """The difference of each forecaster's log loss to that of the best."""
    table = c.ranking[:MOST_FORECASTS]
    columns = {"forecast": [printable(name, 40) for name in table["forecast"]]}
    for name in ("log_loss_nats", "delta_to_best_nats", "delta_to_best_nats_low", "delta_to_best_nats_high"):
        columns[name] = table[name]
    best = printable(c.best)
    simultaneous = f", simultaneous for all {counted(len(c.pairs), 'pair')}" if len(c.pairs) > 1 else ""
    sentence = (
        f"Difference in log loss between each forecaster and {best}, the best, on the same rows, "
        f"with 95% confidence intervals{simultaneous}."
    )
    if not all(math.isfinite(value) for value in table["delta_to_best_nats"]):
        sentence += " An arrow is an infinite difference."
    rows = [["forecaster", "log loss", "Δ to best", "95% CI"]]
    for row in c.ranking:
        value = row["delta_to_best_nats"]
        is_best = row["forecast"] == c.best
        ends = interval_text(row["delta_to_best_nats_low"], row["delta_to_best_nats_high"], 4)
        cells = ["", ""] if is_best else [fixed(value, 4), ends]
        rows.append([printable(row["forecast"]), fixed(row["log_loss_nats"], 4), *cells])
    title = "Difference in log loss to the best"
    return Drawing("ranking", title, sentence, {"ranking": SmallTable(columns)}, {"best": best}, rows)


def interval_text(low: float, high: float, digits: int) -> str:
    """What stands below "95% CI": an interval, or nothing."""
    return "" if math.isnan(low) or math.isnan(high) else interval(low, high, digits)


def delta(c: Comparison) -> Drawing:
    """The difference in log loss between the best two, period by period."""
    better, worse = printable(c.pair.better), printable(c.pair.worse)
    title = f"Δ log loss: {printable(c.pair.worse, 24)} − {printable(c.pair.better, 24)}"
    sequential = c.pair.sequential
    if sequential.table is None:
        reason = sequential.confidence_sequence.reason or "there is no confidence sequence"
        reason = "it needs the order of the rows (order=)" if not sequential.n_periods else reason
        return not_drawn("delta", title, reason)
    every = sequential.table
    chosen = np.unique(np.linspace(0, len(every) - 1, MOST_PERIODS).round().astype(int)).tolist()
    columns: dict[str, list[Any]] = {"number": [number + 1 for number in chosen]}
    for name in ("period", "delta_nats", "low", "high"):
        values = every[name]
        columns[name] = [values[number] for number in chosen]
    periods = every["period"]
    first = periods.index(sequential.first_excluded) + 1 if sequential.first_excluded in periods else math.nan
    sentence = (
        f"Mean difference in log loss after each period: above 0 it favours {better}, below 0 {worse}. Shaded: "
        f"95% confidence sequence, which holds after all periods at once; it {excluded_text(c.pair)}."
    )
    digits = delta_digits(c.pair.delta)
    of_e_value = ["e-value"] if has_e_value(c.pair) else []
    rows = [["after", "rows", "Δ log loss", "95% CI (sequence)", *of_e_value]]
    step = max(1, math.ceil(len(every) / MOST_LISTED))
    for number in sorted({*range(0, len(every), step), len(every) - 1}):
        row = every[number]
        ends = interval(row["low"], row["high"], digits) if math.isfinite(row["high"]) else ""
        cells = [printable(str(row["period"])), count(row["rows"]), signed(row["delta_nats"], digits), ends]
        rows.append([*cells, *(e_value_text(row["log_e_value"]) for _ in of_e_value)])
    null = f"e-value of the null hypothesis that {e_value_null(better)}; at 20 or more it is rejected at the 5% level."
    note = capital(null) if of_e_value else ""
    figures: dict[str, Any] = {
        "order": printable(c.order, 40),
        "first_at": first,
        "first_excluded": sequential.first_excluded,
    }
    figures |= {"better": printable(c.pair.better, 24), "worse": printable(c.pair.worse, 24)} | view(every)
    return Drawing("delta", title, sentence, {"sequential": SmallTable(columns)}, figures, rows, note)


def view(sequential: SmallTable) -> dict[str, float]:
    """What the axis of a difference shows: the whole band after the first periods, and 0."""
    later = sequential[int(SETTLING * len(sequential)) :]
    ends = [value for name in ("low", "high", "delta_nats") for value in later[name] if math.isfinite(value)]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    # A tenth more than that; what is wider at first is cut off.
    middle, size = (low + high) / 2, max(high - low, 1e-12)
    return {"view_low": middle - 0.55 * size, "view_high": middle + 0.55 * size}


def groups(c: Comparison) -> Drawing:
    """The difference in log loss in each group."""
    title = "Δ log loss by group"
    table = c.pair.groups
    if table is None or not len(table):
        reason = "more than 4,096 groups: none is kept" if c.has_too_many_groups else "it needs groups (by=)"
        return not_drawn("groups", title, reason)
    every = sorted(table, key=lambda row: -abs(row["contribution_nats"]))[:MOST_GROUPS]
    every.sort(key=lambda row: -row["delta_nats"])
    values = {name: table[name] for name in c.by}
    names = [printable(" · ".join(group_value(row[name], values[name]) for name in c.by), 40) for row in every]
    keys = ("rows", "delta_nats", "delta_nats_low", "delta_nats_high", "contribution_nats")
    shown = SmallTable({"group": names, **{key: [row[key] for row in every] for key in keys}})
    better, worse = printable(c.pair.better), printable(c.pair.worse)
    sentence = (
        f"Right of 0 the difference favours {better}, left of 0 {worse}; lines are 95% confidence intervals, each for "
        "its group alone."
    )
    if len(table) > len(every):
        sentence += f" Shown are the {len(every)} of {count(len(table))} groups with the largest contributions."
    rows = [["group", "rows", "Δ log loss", "95% CI", "contribution (nats)"]]
    for row in shown:
        cells = [signed(row["delta_nats"], 4), interval_text(row["delta_nats_low"], row["delta_nats_high"], 4)]
        rows.append([row["group"], count(row["rows"]), *cells, signed(row["contribution_nats"], 5)])
    figures: dict[str, Any] = {"delta_nats": float(c.pair.delta), "better": printable(c.pair.better, 24)}
    figures["worse"] = printable(c.pair.worse, 24)
    return Drawing("groups", title, sentence, {"groups": shown}, figures, rows)


KINDS = {"ranking": ranking, "delta": delta, "groups": groups}


def kinds(c: Comparison) -> list[str]:
    """The pictures of a comparison; the first one is drawn if none is named."""
    return ["ranking", *(["delta"] if c.order else []), *(["groups"] if c.by else [])]
