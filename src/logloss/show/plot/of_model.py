"""Pictures of a model."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes

from logloss.show.drawings.picture import Drawing
from logloss.show.plot.style import BLUE, MUTED, ORANGE, SMALL, name_rows, whiskers
from logloss.text import cut, fixed

# What is nearer to the best is drawn here: below the rounding of a loss of order one.
LEAST_DRAWN = 1e-17


def coefficients(ax: Axes, drawing: Drawing) -> None:
    """Odds ratios with their intervals on a logarithmic axis."""
    rows = drawing.table("coefficients")
    name_rows(ax, rows["name"])
    ratio, low, high = (np.exp(np.array(rows[name])) for name in ("coefficient", "low", "high"))
    ax.set_xscale("log")
    whiskers(ax, ratio, low, high, color=BLUE)
    ax.axvline(1, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    ends = np.concatenate([ratio, low[np.isfinite(low)], high[np.isfinite(high)], [1.0]])
    _odds_ticks(ax, float(ends.min()), float(ends.max()))
    ax.set_xlabel(cut(f"odds ratio of {drawing.figures['positive']}", 44), parse_math=False)


def _odds_ticks(ax: Axes, low: float, high: float) -> None:
    """At most about six ticks with plain numbers."""
    decades = math.log10(high / low)
    if decades <= 2.2:
        steps = (1, 1.1, 1.2, 1.5, 2, 3, 5, 7) if decades < 0.4 else (1, 2, 5) if decades < 1.2 else (1, 3)
        bases = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
        if decades < 0.4:
            steps = (*steps, *(1 / step for step in steps))
        ticks = sorted({step * 10.0**base for base in bases for step in steps})
    else:
        every = math.ceil(decades / 6)
        start = math.floor(math.log10(low) / every) * every
        ticks = [10.0**exponent for exponent in range(start, math.ceil(math.log10(high)) + 1, every)]
    room = (high / low) ** 0.06
    low, high = low / room, high * room
    inside = [tick for tick in ticks if low <= tick <= high]
    while len(inside) > 7:
        inside = [tick for number, tick in enumerate(inside) if number % 2 == inside.index(1.0) % 2]
    ax.set_xticks(inside, [f"{tick:.3g}" for tick in inside])
    ax.set_xticks([], minor=True)
    ax.set_xlim(low, high)


def passes(ax: Axes, drawing: Drawing) -> None:
    """The distance from the last loss, and the bound, by pass."""
    rows = drawing.table("passes")
    number, above, bound = rows["pass"], np.array(rows["above_last_nats"]), np.array(rows["bound_nats"])
    above = np.where(above > 0, np.maximum(above, LEAST_DRAWN), math.nan)
    bound = np.where(np.isfinite(bound) & (bound > 0), np.maximum(bound, LEAST_DRAWN), math.nan)
    ax.set_yscale("log")
    kind = "proved bound" if drawing.figures["is_proven"] else "estimate"
    if np.isfinite(bound).any():
        dashes = {"linestyle": (0, (4, 2)), "linewidth": 1.2}
        ax.plot(number, bound, "s", color=ORANGE, markersize=3.5, label=kind, **dashes)
    ax.plot(number, above, "o-", color=BLUE, markersize=4, label="above the last loss")
    ax.set_xlim(0.7, max(len(number), 2) + 0.3)
    step = math.ceil(len(number) / 10)
    ax.set_xticks(number[::step], [str(each) for each in number[::step]])
    drawn = np.concatenate([above, bound])
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn):
        low, high = math.floor(math.log10(drawn.min())), math.ceil(math.log10(drawn.max()))
        every = max(1, math.ceil((high - low) / 6))
        ticks = list(range(high, low - 1, -every))
        ax.set_yticks([10.0**each for each in ticks], [f"1e{each}".replace("-", "−") for each in ticks])
        ax.set_ylim(10.0 ** (low - 0.3), 10.0 ** (high + 0.3))
    ax.set_yticks([], minor=True)
    ax.set_xlabel("pass over the rows")
    ax.set_ylabel("nats per row from the best")
    ax.legend(loc="upper right", handlelength=2)


def boundary(ax: Axes, drawing: Drawing) -> None:
    """The probability over one column, or lines of equal probability over two."""
    figures = drawing.figures
    ax.set_xlabel(cut(figures["x_label"], 40), parse_math=False)
    if "curve" in drawing.tables:
        curve = drawing.table("curve")
        ax.axhline(0.5, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
        ax.plot(curve["x"], curve["proba"], color=BLUE, linewidth=1.8)
        if figures["low"] <= figures["half_at"] <= figures["high"]:
            ax.plot([figures["half_at"]], [0.5], "o", color=BLUE, markersize=4)
        ax.set_ylim(-0.02, 1.02)
        ax.set_ylabel(cut(drawing.title, 36), parse_math=False)
        return
    ax.set_ylabel(cut(figures["y_label"], 36), parse_math=False)
    ax.set_title(cut(drawing.title, 44), loc="left", parse_math=False)
    for line in drawing.table("lines"):
        is_half = line["proba"] == 0.5
        x, y = [line["x_from"], line["x_to"]], [line["y_from"], line["y_to"]]
        ax.plot(x, y, color=BLUE, linewidth=2.2 if is_half else 1.0)
        words = {"fontsize": SMALL, "ha": "center", "va": "center", "color": BLUE}
        ax.annotate(fixed(line["proba"], 2), (sum(x) / 2, sum(y) / 2), bbox=BEHIND, **words)
    ax.set_xlim(figures["x_low"], figures["x_high"])
    ax.set_ylim(figures["y_low"], figures["y_high"])


# Lines do not run through the letters.
BEHIND = {"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none"}

DRAWN = {"coefficients": coefficients, "passes": passes, "boundary": boundary}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    if drawing.kind == "coefficients" and "coefficients" in drawing.tables:
        return 20 + 5.5 * len(drawing.table("coefficients"))
    return 66.0
