"""The picture of a difference: levels as points, contributions as bars; no axis needs to begin at 0."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes

from logloss.answers.small_table import SmallTable
from logloss.show.drawings.picture import Drawing
from logloss.show.plot.style import BLUE, DOTTED, ORANGE, SMALL, ink, muted, name_rows, whisker
from logloss.text import MINUS, fixed


def draw_levels(ax: Axes, table: SmallTable, digits: int, *, is_signed: bool = False) -> tuple[float, float]:
    """Draw a table of `levels_table`; returns what the axis shows. is_signed: write terms as signed contributions."""
    rows = list(table)
    levels = [row[key] for row in (rows[0], rows[-1]) for key in ("to_nats", "low_end_nats", "high_end_nats")]
    levels += [row["to_nats"] for row in rows]
    if is_signed:
        levels += [row[key] for row in rows for key in ("low_end_nats", "high_end_nats")]
    levels = [value for value in levels if math.isfinite(value)]
    low, high = min(levels), max(levels)
    room = 0.12 * (high - low or 0.1)
    low, high = low - room, high + room
    names = [row["part"] for row in rows]
    name_rows(ax, names if is_signed else [*map(_with_sign, rows[:-1]), f"= {names[-1]}"])
    for number, row in enumerate(rows):
        _draw(ax, number, row, high)
        value = row["value_nats"] * (row["sign"] or 1.0 if is_signed else 1.0)
        words = fixed(value, digits)
        words = f"+{words}" if is_signed and row["sign"] and not words.startswith(MINUS) else words
        ax.text(1.04, number, words, transform=ax.get_yaxis_transform(), va="center", fontsize=SMALL)
    for number, row in enumerate(rows[:-1]):
        level = min(row["to_nats"], high)
        ax.plot([level, level], [number, number + 1], color=muted(ax), **DOTTED)
    ax.set_xlim(low, high)
    ax.locator_params(axis="x", nbins=6)
    ax.set_xlabel("nats per row")
    return low, high


def _with_sign(row: dict[str, Any]) -> str:
    """`− discrimination`."""
    sign = "+ " if row["sign"] > 0 else f"{MINUS} "
    return f"{sign if row['sign'] else ''}{row['part']}"


def _draw(ax: Axes, number: int, row: dict[str, Any], edge: float) -> None:
    """A point for a level, a bar for a contribution; an arrow where it is infinite."""
    start, end = row["from_nats"], row["to_nats"]
    is_level = row["sign"] == 0
    color = ink(ax) if is_level else (BLUE if end <= start else ORANGE)
    if not is_level:
        ax.barh(number, min(end, edge) - start, left=start, height=0.5, color=color, linewidth=0, zorder=2)
    if math.isinf(end):
        ax.plot([edge], [number], ">", color=color, markersize=5 if is_level else 9, clip_on=False, zorder=4)
        return
    whisker(ax, number, row["low_end_nats"], row["high_end_nats"], color=ink(ax))
    if is_level:
        ax.plot([end], [number], "D" if number else "o", color=ink(ax), markersize=4.5, zorder=4)


def waterfall(ax: Axes, drawing: Drawing) -> None:
    """From the old log loss to the new one."""
    draw_levels(ax, drawing.table("levels"), drawing.figures["digits"], is_signed=True)


DRAWN = {"waterfall": waterfall}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    return 54.0
