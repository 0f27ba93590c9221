"""Pictures of a model."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from logloss.show.drawings.picture import Drawing
from logloss.show.plot.of_path import path, path_coefficients
from logloss.show.plot.style import BLUE, ORANGE, SMALL, legend_below, name_rows, reference_line, whiskers
from logloss.text import cut

# What is nearer to the minimum is drawn here: below the rounding of a loss of order one.
LEAST_DRAWN = 1e-17
# The first line of the legend of passes.
ABOVE = "above the last log loss"
# Odds ratios that are nearer to 1 are drawn as 1: float64 has no ticks between them.
LEAST_WIDTH = 1e-12
# Names of lines that are nearer to each other, in shares of width and height, would collide: the later one is left out.
NEAR = 0.13, 0.08
# This near to an edge, a place is on it.
EDGE = 0.02


def coefficients(ax: Axes, drawing: Drawing) -> None:
    """Odds ratios with their intervals on a logarithmic axis."""
    rows = drawing.table("coefficients")
    name_rows(ax, rows["name"])
    for label, is_heading in zip(ax.get_yticklabels(), rows["is_heading"], strict=True):
        label.set_fontweight("bold" if is_heading else "normal")
    ratio, low, high = (np.exp(np.array(rows[name])) for name in ("coefficient", "low", "high"))
    ax.set_xscale("log")
    whiskers(ax, ratio, low, high, color=BLUE)
    for number, is_reference in enumerate(rows["is_reference"]):
        if is_reference:
            ax.plot([1], [number], "o", color=BLUE, markerfacecolor=ax.get_facecolor(), markersize=4, zorder=5)
    reference_line(ax, x=1)
    ends = np.concatenate([ratio[np.isfinite(ratio)], low[np.isfinite(low)], high[np.isfinite(high)], [1.0]])
    _odds_ticks(ax, float(ends.min()), float(ends.max()))
    ax.set_xlabel(cut(f"odds ratio of {drawing.figures['positive']}", 44), parse_math=False)


def _odds_ticks(ax: Axes, low: float, high: float) -> None:
    """About six ticks with plain numbers."""
    first, last = math.log10(low), math.log10(high)
    if last - first < math.log10(1 + LEAST_WIDTH):
        low, high = low / 1.1, high * 1.1
        first, last = math.log10(low), math.log10(high)
    decades = last - first
    if decades < 0.4:
        ticks = MaxNLocator(5).tick_values(low, high).tolist()
    elif decades <= 2.2:
        steps = (1, 2, 5) if decades < 1.2 else (1, 3)
        exponents = range(math.floor(first) - 1, math.ceil(last) + 1)
        ticks = [step * 10.0**exponent for exponent in exponents for step in steps]
    else:
        every = math.ceil(decades / 6)
        ticks = [10.0**exponent for exponent in range(math.floor(first / every) * every, math.ceil(last) + 1, every)]
    low, high = 10.0 ** (first - 0.06 * decades), 10.0 ** (last + 0.06 * decades)
    inside = [tick for tick in ticks if low <= tick <= high]
    # Three digits, or as many as tell ticks next to each other, near 1.
    least = min((b - a for a, b in pairwise(inside)), default=1.0)
    digits = max(3, 1 - math.floor(math.log10(least)))
    ax.set_xticks(inside, [f"{tick:.{digits}g}" for tick in inside])
    ax.set_xticks([], minor=True)
    ax.set_xlim(low, high)


def passes(ax: Axes, drawing: Drawing) -> None:
    """The distance to the last log loss, and the bound, by pass."""
    rows = drawing.table("passes")
    number, above, bound = rows["pass"], np.array(rows["above_last_nats"]), np.array(rows["bound_nats"])
    above = np.where(above > 0, np.maximum(above, LEAST_DRAWN), math.nan)
    bound = np.where(np.isfinite(bound) & (bound > 0), np.maximum(bound, LEAST_DRAWN), math.nan)
    ax.set_yscale("log")
    kind = "certified bound" if drawing.figures["is_proven"] else "estimated bound"
    if np.isfinite(bound).any():
        dashes = {"linestyle": (0, (4, 2)), "linewidth": 1.2}
        ax.plot(number, bound, "s", color=ORANGE, markersize=3.5, label=kind, **dashes)
    ax.plot(number, above, "o-", color=BLUE, markersize=4, label=ABOVE)
    ax.set_xlim(0.7, max(len(number), 2) + 0.3)
    step = math.ceil(len(number) / 10)
    ax.set_xticks(number[::step], [str(each) for each in number[::step]])
    drawn = np.concatenate([above, bound])
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn):
        low, high = math.floor(math.log10(drawn.min())), math.ceil(math.log10(drawn.max()))
        every = max(1, math.ceil((high - low) / 6))
        ticks = list(range(high, low - 1, -every))
        ax.set_yticks([10.0**each for each in ticks], [f"1e{each}" for each in ticks])
        ax.set_ylim(10.0 ** (low - 0.3), 10.0 ** (high + 0.3))
    ax.set_yticks([], minor=True)
    ax.set_xlabel("pass over the rows")
    ax.set_ylabel("nats per row above the minimum")
    legend_below(ax, [ABOVE])


def boundary(ax: Axes, drawing: Drawing) -> None:
    """The probability over one column, or lines of equal probability over two."""
    figures = drawing.figures
    ax.set_xlabel(cut(figures["x_label"], 40), parse_math=False)
    if "curve" in drawing.tables:
        curve = drawing.table("curve")
        reference_line(ax, y=0.5)
        ax.plot(curve["x"], curve["proba"], color=BLUE, linewidth=1.8)
        if figures["low"] <= figures["half_at"] <= figures["high"]:
            ax.plot([figures["half_at"]], [0.5], "o", color=BLUE, markersize=4)
        ax.set_ylim(-0.02, 1.02)
        ax.set_ylabel(cut(drawing.title, 36), parse_math=False)
        return
    ax.set_ylabel(cut(figures["y_label"], 36), parse_math=False)
    for line in drawing.table("lines"):
        is_half = line["proba"] == 0.5
        x, y = [line["x_from"], line["x_to"]], [line["y_from"], line["y_to"]]
        ax.plot(x, y, color=BLUE, linewidth=2.2 if is_half else 1.0, label=cut(drawing.title, 44))
    _name_lines(ax, drawing)
    if len(drawing.table("lines")):
        legend_below(ax)
    ax.set_xlim(figures["x_low"], figures["x_high"])
    ax.set_ylim(figures["y_low"], figures["y_high"])


def _name_lines(ax: Axes, drawing: Drawing) -> None:
    """The probability of each line, just inside the frame where the line leaves it."""
    figures = drawing.figures
    width, height = figures["x_high"] - figures["x_low"], figures["y_high"] - figures["y_low"]
    box = {"boxstyle": "square,pad=0.15", "facecolor": ax.get_facecolor(), "edgecolor": "none"}
    named: list[tuple[float, float]] = []
    for line in drawing.table("lines"):
        ends = [
            ((line[f"x_{end}"] - figures["x_low"]) / width, (line[f"y_{end}"] - figures["y_low"]) / height)
            for end in ("from", "to")
        ]
        x, y = max(ends)
        if any(abs(x - a) < NEAR[0] and abs(y - b) < NEAR[1] for a, b in named):
            continue
        named.append((x, y))
        ax.annotate(
            f"{line['proba']:g}",
            (x, y),
            # As far as the rim of the box is wide: it covers no frame.
            [0.8 * (int(share < EDGE) - int(share > 1 - EDGE)) for share in (x, y)],
            xycoords="axes fraction",
            textcoords="offset points",
            ha=_side(x, "left", "right"),
            va=_side(y, "bottom", "top"),
            fontsize=SMALL,
            color=BLUE,
            bbox=box,
        )


def _side(share: float, first: str, last: str) -> str:
    """Which side of words stands at a place between 0 and 1, so that they lie inside."""
    return first if share < EDGE else last if share > 1 - EDGE else "center"


DRAWN = {
    "coefficients": coefficients,
    "passes": passes,
    "boundary": boundary,
    "path": path,
    "path_coefficients": path_coefficients,
}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    if drawing.kind == "coefficients" and "coefficients" in drawing.tables:
        return 20 + 5.5 * len(drawing.table("coefficients"))
    return 66.0
