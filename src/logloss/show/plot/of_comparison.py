"""Pictures of a comparison."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from logloss.data.rows import Array
from logloss.show.drawings.picture import Drawing
from logloss.show.plot.style import (
    BAND,
    BLUE,
    ORANGE,
    SMALL,
    from_zero,
    legend_below,
    name_rows,
    reference_line,
    whiskers,
)
from logloss.text import cut, fixed

# About so many periods are named below the axis, in so many letters together.
N_TICKS, TICK_LETTERS = 6, 44
# The legend, in the order in which it is read.
SO_FAR, SEQUENCE = "Δ log loss so far", "95% confidence sequence"
ORDER = (SO_FAR, SEQUENCE)
# A side of 0 is named where it is at least this share of the height.
ROOM = 0.12


def ranking(ax: Axes, drawing: Drawing) -> None:
    """The difference of each forecaster to the best, and at the right its log loss."""
    rows = drawing.table("ranking")
    name_rows(ax, rows["forecast"])
    delta_to_best = np.array(rows["delta_to_best_nats"])
    finite = np.where(np.isfinite(delta_to_best), delta_to_best, math.nan)
    whiskers(ax, finite, rows["delta_to_best_nats_low"], rows["delta_to_best_nats_high"], color=BLUE)
    from_zero(ax, cut(f"Δ log loss to {drawing.figures['best']} (nats per row)", 44))
    for number, (value, loss) in enumerate(zip(delta_to_best, rows["log_loss_nats"], strict=True)):
        words = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": SMALL}
        ax.text(1.02, number, fixed(loss, 4), **words)
        if math.isinf(value):
            ax.text(0.99, number, "→", ha="right", color=ORANGE, **words)
    above = {"transform": ax.get_yaxis_transform(), "va": "bottom", "fontsize": SMALL}
    ax.text(1.02, -0.6, "log loss", **above)


def delta(ax: Axes, drawing: Drawing) -> None:
    """The difference after each period with its confidence sequence."""
    sequential, figures = drawing.table("sequential"), drawing.figures
    number = np.array(sequential["number"])
    low, high = figures["view_low"], figures["view_high"]
    # What leaves the axes by far needs no exact place.
    reach = 3 * (high - low)
    band = [np.clip(np.array(sequential[name]), low - reach, high + reach) for name in ("low", "high")]
    ax.fill_between(number, *band, color=BAND, linewidth=0, label=SEQUENCE)
    values = np.clip(sequential["delta_nats"], low - reach, high + reach)
    ax.plot(number, values, color=BLUE, linewidth=1.6, label=SO_FAR)
    reference_line(ax, y=0)
    if math.isfinite(figures["first_at"]):
        first = {"color": ORANGE, "linewidth": 1.2, "linestyle": (0, (4, 2))}
        ax.axvline(figures["first_at"], label="first excluded 0", **first)
    ax.set_xlim(number[0], number[-1] if len(number) > 1 else number[0] + 1)
    ax.set_ylim(low, high)
    name_periods(ax, number, [str(name) for name in sequential["period"]])
    _name_sides(ax, low, high, figures)
    ax.set_xlabel(cut(figures["order"], 40), parse_math=False)
    ax.set_ylabel("Δ log loss (nats per row)")
    legend_below(ax, ORDER)


def name_periods(ax: Axes, number: Array, periods: list[str]) -> None:
    """A few periods below the axis, the outer ones within it."""
    longest = max(map(len, periods))
    n_ticks = max(2, min(N_TICKS, TICK_LETTERS // (min(longest, 16) + 2)))
    places = np.unique(np.linspace(0, len(number) - 1, n_ticks).round().astype(int))
    ax.set_xticks(number[places], [cut(periods[place], 16) for place in places], parse_math=False)
    labels = ax.get_xticklabels()
    labels[0].set_ha("left")
    labels[-1].set_ha("right" if len(labels) > 1 else "left")


def _name_sides(ax: Axes, low: float, high: float, figures: Mapping[str, Any]) -> None:
    """Which forecaster each side of 0 favours, at the right end where there is room for words."""
    words = {"transform": ax.get_yaxis_transform(), "ha": "right", "fontsize": SMALL, "parse_math": False}
    if high > ROOM * (high - low):
        ax.text(0.99, high, f"favours {figures['better']}", va="top", **words)
    if -low > ROOM * (high - low):
        ax.text(0.99, low, f"favours {figures['worse']}", va="bottom", **words)


def groups(ax: Axes, drawing: Drawing) -> None:
    """The difference in each group with its interval."""
    rows = drawing.table("groups")
    name_rows(ax, rows["group"])
    deltas = np.array(rows["delta_nats"])
    deltas = np.where(np.isfinite(deltas), deltas, math.nan)
    whiskers(ax, deltas, rows["delta_nats_low"], rows["delta_nats_high"], color=BLUE)
    from_zero(ax, cut(f"Δ log loss (nats per row); right: favours {drawing.figures['better']}", 60))


DRAWN = {"ranking": ranking, "delta": delta, "groups": groups}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    if drawing.kind == "delta":
        return 74.0
    return 24 + 5.5 * len(drawing.table(drawing.kind)) if drawing.kind in drawing.tables else 40.0
