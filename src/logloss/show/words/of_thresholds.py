"""Thresholds of a measurement as text: the figures of each, with what they are shares of."""

from __future__ import annotations

import math
from typing import Any

from logloss.answers.small_table import SmallTable
from logloss.show.words.of_measurement import aligned
from logloss.text import count, fixed, interval, percent, significant


def paragraphs_of(table: SmallTable) -> list[str]:
    """A paragraph for each threshold of `thresholds`; why there are no intervals, and what bins leave open."""
    blocks = [rows_of(row) for row in table]
    lines = aligned([row for rows in blocks for row in rows])
    paragraphs = []
    for row, rows in zip(table, blocks, strict=True):
        choice = f", {row['choice']}" if row["choice"] else ""
        paragraphs.append("\n".join([f"at threshold {row['threshold']:.4g}{choice}", *lines[: len(rows)]]))
        lines = lines[len(rows) :]
    if table[0]["reason"]:
        paragraphs.append(f"no CI: {table[0]['reason']}")
    open_rows = max(table["in_bin_of_threshold"], default=0) if "in_bin_of_threshold" in table.column_names else 0
    if open_rows:
        paragraphs.append(
            f"Scores are in bins: of up to {number(open_rows)} rows in the bin of a threshold the side is not known. "
            "CIs hold both cases."
        )
    return paragraphs


def rows_of(row: dict[str, Any]) -> list[list[str]]:
    """Name, value, interval and clause of each figure."""
    positive, negative, above = row["tp"] + row["fn"], row["fp"] + row["tn"], row["tp"] + row["fp"]
    clauses = {
        "predicted_positive": f"{number(above)} of {number(positive + negative)} rows",
        "recall": f"true positive rate: {number(row['tp'])} of {number(positive)} positives",
        "fpr": f"{number(row['fp'])} of {number(negative)} negatives",
        "precision": f"{number(row['tp'])} of {number(above)} predicted positive",
    }
    names = {"predicted_positive": "predicted positive", "fpr": "false positive rate"}
    rows = []
    for name, clause in clauses.items():
        rows.append(
            [f"  {names.get(name, name)}", *value_of(row, name, as_percent=name == "predicted_positive"), clause]
        )
    odds = row["threshold"] / (1 - row["threshold"])
    share = positive / (positive + negative)
    default = f"every row positive {fixed(share - (1 - share) * odds, 4)}, no row positive 0"
    rows.append(["  net benefit", *value_of(row, "net_benefit"), default])
    if "cost" in row:
        rows.append(["  cost per row", *value_of(row, "cost"), ""])
    return rows


def value_of(row: dict[str, Any], name: str, *, as_percent: bool = False) -> list[str]:
    """A figure and its interval as text."""
    value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
    if math.isnan(value):
        return ["not defined", ""]
    if as_percent:
        return [percent(value, 1), "" if math.isnan(low) else f"{interval(100 * low, 100 * high, 1)}%"]
    return [fixed(value, 4), "" if math.isnan(low) else interval(low, high, 4)]


def number(value: float) -> str:
    """Rows, or a sum of weights."""
    return count(round(value)) if float(value).is_integer() else significant(value, 5)
