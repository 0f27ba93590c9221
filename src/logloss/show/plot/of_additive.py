"""Pictures of an additive model: a panel for each term, all on one scale of log-odds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from logloss.data.rows import Array
from logloss.errors import DataError
from logloss.show.drawings.of_additive import CURVE, POINTS
from logloss.show.drawings.picture import Drawing
from logloss.show.plot import of_pair
from logloss.show.plot.of_model import passes
from logloss.show.plot.style import (
    BAND,
    BLUE,
    LEVEL_LETTERS,
    LEVELS_MM,
    LONG_NUMBER,
    NAME_LETTERS,
    NUMBERS_MM,
    SMALLEST,
    WIDTH_MM,
    muted,
    number_text,
    reference_line,
)
from logloss.text import count, cut

# Panels beside each other, and the width of so many: two columns of most journals.
ACROSS, WIDE_MM = 3, 183
# The axes of a panel with the name above, in mm.
PANEL_MM = 36.0
# Letters of the name of a column above its panel.
TITLE_LETTERS = 30
# How far beyond a curve a missing value stands, in lengths of the axis.
ASIDE = 0.1
# The highest tick of a rug, in heights of the axes, and the lowest one in heights of that.
RUG, LEAST_TICK = 0.12, 0.2


def effects(ax: Axes, drawing: Drawing) -> None:
    """A grid of panels in the place of the axes, which are turned off."""
    spec, figure, panels = ax.get_subplotspec(), ax.figure, list(drawing.table("panels"))
    if spec is None:
        raise DataError('the picture "effects" is a grid: pass `ax` of plt.subplots(), or draw one column.')
    across = _across(len(panels))
    grid = spec.subgridspec(-(-len(panels) // across), across)
    ax.set_axis_off()
    for number, panel in enumerate(panels):
        own = figure.add_subplot(grid[divmod(number, across)])
        _panel(own, drawing, panel, n_ticks=3)
        own.set_title(cut(panel["name"], TITLE_LETTERS), loc="left", parse_math=False, fontsize=SMALLEST + 0.5)
        if number % across:
            own.tick_params(axis="y", labelleft=False)
        else:
            own.set_ylabel("log-odds")
    figure.sca(ax)


def effect(ax: Axes, drawing: Drawing) -> None:
    """One term."""
    panel = drawing.table("panels")[0]
    _panel(ax, drawing, panel, n_ticks=6)
    ax.set_ylabel("effect on the log-odds")
    ax.set_xlabel(cut(panel["name"], NAME_LETTERS), parse_math=False)


def _across(n_panels: int) -> int:
    """How many panels stand beside each other."""
    return min(n_panels, ACROSS)


def _panel(ax: Axes, drawing: Drawing, panel: dict[str, Any], n_ticks: int) -> None:
    """The effect of one term, as its way of being drawn has it."""
    rows = [row for row in drawing.table("effects") if row["column"] == panel["column"]]
    reference_line(ax, y=0)
    PANELS[panel["way"]](ax, drawing, panel, rows, n_ticks)
    ax.set_ylim(drawing.figures["y_low"], drawing.figures["y_high"])
    ax.yaxis.set_major_locator(MaxNLocator(n_ticks + 1))


def _curve(ax: Axes, drawing: Drawing, panel: dict[str, Any], rows: list[dict[str, Any]], n_ticks: int) -> None:
    """A line with its band over numbers; a missing value aside; ticks where the rows are."""
    numbers = [row for row in rows if not row["is_missing"]]
    x, effect, low, high = (np.array([row[key] for row in numbers], float) for key in ("x", "effect", "low", "high"))
    if not len(x):
        x, effect, low, high = np.zeros((4, 1))
    is_point = len(x) == 1
    length = float(np.ptp(x)) or 1.0
    if is_point:
        _marks(ax, x, effect, low, high)
    else:
        ax.fill_between(x, low, high, color=BAND, linewidth=0, zorder=2)
        ax.plot(x, effect, color=BLUE, zorder=3)
        for is_outside, end, mark in _beyond(drawing, effect):
            crossing = np.flatnonzero(is_outside[1:] != is_outside[:-1])
            shares = (end - effect[crossing]) / (effect[crossing + 1] - effect[crossing])
            _triangles(ax, x[crossing] + shares * (x[crossing + 1] - x[crossing]), end, mark)
    _rug(ax, drawing, x, np.array([row["share_of_rows"] for row in numbers], float))
    # Names of large numbers are wide.
    n_ticks = n_ticks if len(number_text(x[-1])) < LONG_NUMBER else min(n_ticks, 3)
    ticks = [x[0]] if is_point else [t for t in MaxNLocator(n_ticks).tick_values(x[0], x[-1]) if x[0] <= t <= x[-1]]
    names = [number_text(tick) for tick in ticks]
    right = float(x[-1])
    for row in rows:
        if row["is_missing"]:
            right += ASIDE * length
            _marks(ax, [right], [row["effect"]], [row["low"]], [row["high"]], is_hollow=True)
            # What stands below the last number would meet it.
            room = (0.5 if n_ticks < 6 else 0.22) * length
            kept = [(tick, name) for tick, name in zip(ticks, names, strict=True) if tick < right - room]
            ticks, names = [tick for tick, _ in kept] + [right], [name for _, name in kept] + ["missing"]
    ax.set_xticks(ticks, names)
    ax.set_xlim(x[0] - 0.03 * length, right + 0.05 * length)


def _rug(ax: Axes, drawing: Drawing, x: Array, shares: Array) -> None:
    """A tick at each knot with rows, the higher the more of them; none where their number is not known."""
    has_rows = shares > 0
    if has_rows.any():
        low, high = drawing.figures["y_low"], drawing.figures["y_high"]
        heights = (high - low) * RUG * np.maximum(shares[has_rows] / shares[has_rows].max(), LEAST_TICK)
        # One line with gaps: in a page it is one path.
        ticks = np.column_stack([np.full(len(heights), low), low + heights, np.full(len(heights), math.nan)])
        ax.plot(np.repeat(x[has_rows], 3), ticks.ravel(), color=muted(ax), linewidth=0.7, zorder=1)


def _beyond(drawing: Drawing, effect: Array) -> Iterator[tuple[Array, float, str]]:
    """(Which effects are beyond an end of the scale, that end, the mark of it), of either end."""
    low, high = drawing.figures["y_low"], drawing.figures["y_high"]
    yield effect > high, high, "^"
    yield effect < low, low, "v"


def _triangles(ax: Axes, at: Array, end: float, mark: str) -> None:
    """Marks on the frame."""
    # A line of no points that is not clipped would have a place in the layout.
    if len(at):
        ax.plot(at, np.full(len(at), end), mark, color=BLUE, markersize=4, clip_on=False, zorder=5)


def _points(ax: Axes, drawing: Drawing, panel: dict[str, Any], rows: list[dict[str, Any]], n_ticks: int) -> None:
    """Points with their intervals over levels; a missing value aside."""
    at = np.arange(len(rows), dtype=float)
    names = [cut(row["name"], LEVEL_LETTERS) for row in rows]
    if panel["n_levels_left_out"]:
        # The others are nearer to 0 than any that is drawn.
        place = sum((row["effect"] > 0 or not panel["is_sorted"]) and not row["is_missing"] for row in rows)
        at[place:] += 1
        names.insert(place, f"{count(panel['n_levels_left_out'])} more")
    for row, x in zip(rows, at.tolist(), strict=True):
        own = [[row[key]] for key in ("effect", "low", "high")]
        _marks(ax, [x], *own, is_hollow=row["is_missing"])
    effect = np.array([row["effect"] for row in rows])
    for is_outside, end, mark in _beyond(drawing, effect):
        _triangles(ax, at[is_outside], end, mark)
    ax.set_xticks(range(len(names)), names, rotation=90, parse_math=False)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.7, len(names) - 0.3)


def _marks(ax: Axes, x: Any, effect: Any, low: Any, high: Any, *, is_hollow: bool = False) -> None:
    """Points with upright intervals."""
    ax.vlines(x, low, high, color=BLUE, linewidth=1.2, zorder=3)
    face = ax.get_facecolor() if is_hollow else BLUE
    ax.plot(x, effect, "D" if is_hollow else "o", color=BLUE, markerfacecolor=face, markersize=4, zorder=4)


PANELS = {CURVE: _curve, POINTS: _points}
DRAWN = {"effects": effects, "effect": effect, "pair": of_pair.pair, "passes": passes}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    if drawing.kind == "passes":
        return 66.0
    if drawing.kind == "pair":
        return of_pair.height_mm(drawing)
    ways = drawing.table("panels")["way"]
    if drawing.kind == "effect":
        return 62.0 + (LEVELS_MM if POINTS in ways else NUMBERS_MM)
    across = _across(len(ways))
    rows = [ways[start : start + across] for start in range(0, len(ways), across)]
    return sum(PANEL_MM + (LEVELS_MM if POINTS in row else NUMBERS_MM) for row in rows)


def width_mm(drawing: Drawing) -> float:
    """How wide it is: the grid is as wide as a page."""
    return WIDE_MM if drawing.kind == "effects" and len(drawing.table("panels")) > 1 else WIDTH_MM
