"""Pictures of a comparison."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes

from logloss.show.drawings.picture import Drawing
from logloss.show.plot.style import BAND, BLUE, MUTED, ORANGE, SMALL, from_zero, name_rows, whiskers
from logloss.text import cut, fixed

# About so many periods are named below the axis, in so many letters together.
N_TICKS, TICK_LETTERS = 6, 44


def ranking(ax: Axes, drawing: Drawing) -> None:
    """How far each forecast is behind the best, and at the right what it costs."""
    rows = drawing.table("ranking")
    name_rows(ax, rows["forecast"])
    delta_to_best = np.array(rows["delta_to_best_nats"])
    finite = np.where(np.isfinite(delta_to_best), delta_to_best, math.nan)
    whiskers(ax, finite, rows["delta_to_best_nats_low"], rows["delta_to_best_nats_high"], color=BLUE)
    from_zero(ax, cut(f"costs more than {drawing.figures['best']} (nats per row)", 44))
    for number, (value, loss) in enumerate(zip(delta_to_best, rows["log_loss_nats"], strict=True)):
        words = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": SMALL}
        ax.text(1.02, number, fixed(loss, 4), **words)
        if math.isinf(value):
            ax.text(0.99, number, "→", ha="right", color=ORANGE, **words)
    above = {"transform": ax.get_yaxis_transform(), "va": "bottom", "fontsize": SMALL, "color": MUTED}
    ax.text(1.02, -0.6, "log loss", **above)


def delta(ax: Axes, drawing: Drawing) -> None:
    """The lead so far with its sequence, period by period."""
    sequential, figures = drawing.table("sequential"), drawing.figures
    number = np.array(sequential["number"])
    low, high = figures["view_low"], figures["view_high"]
    # What leaves the axes by far needs no exact place.
    reach = 3 * (high - low)
    band = [np.clip(np.array(sequential[name]), low - reach, high + reach) for name in ("low", "high")]
    ax.fill_between(number, *band, color=BAND, linewidth=0, label="95 % confidence sequence")
    ax.plot(
        number,
        np.clip(sequential["delta_nats"], low - reach, high + reach),
        color=BLUE,
        linewidth=1.6,
        label="lead so far",
    )
    ax.axhline(0, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
    if math.isfinite(figures["first_at"]):
        first = {"color": ORANGE, "linewidth": 1.2, "linestyle": (0, (4, 2))}
        ax.axvline(figures["first_at"], label="first excluded 0", **first)
    ax.set_xlim(number[0], number[-1] if len(number) > 1 else number[0] + 1)
    ax.set_ylim(low, high)
    longest = max(len(str(name)) for name in sequential["period"])
    n_ticks = max(2, min(N_TICKS, TICK_LETTERS // (min(longest, 16) + 2)))
    places = np.unique(np.linspace(0, len(number) - 1, n_ticks).round().astype(int))
    ax.set_xticks(number[places], [cut(str(sequential["period"][place]), 16) for place in places], parse_math=False)
    labels = ax.get_xticklabels()
    labels[0].set_ha("left")
    labels[-1].set_ha("right" if len(labels) > 1 else "left")
    ax.set_xlabel(cut(figures["order"], 40), parse_math=False)
    ax.set_ylabel("lead (nats per row)")
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 2, "borderaxespad": 0.2}
    ax.legend(handlelength=1.6, columnspacing=1.2, **place)


def groups(ax: Axes, drawing: Drawing) -> None:
    """The lead in each group with its interval."""
    rows = drawing.table("groups")
    name_rows(ax, rows["group"])
    deltas = np.array(rows["delta_nats"])
    deltas = np.where(np.isfinite(deltas), deltas, math.nan)
    whiskers(ax, deltas, rows["delta_nats_low"], rows["delta_nats_high"], color=BLUE)
    from_zero(ax, "lead in the group (nats per row)")


DRAWN = {"ranking": ranking, "delta": delta, "groups": groups}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    if drawing.kind == "delta":
        return 74.0
    return 24 + 5.5 * len(drawing.table(drawing.kind)) if drawing.kind in drawing.tables else 40.0
