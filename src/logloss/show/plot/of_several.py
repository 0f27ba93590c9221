"""Pictures of several measurements: lines that differ in colour and in kind, so that they stay apart in grey."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from logloss.answers.small_table import SmallTable
from logloss.show.drawings.picture import Drawing
from logloss.show.plot.of_measurement import Axis
from logloss.show.plot.of_thresholds import (
    DASH_DOT,
    DASHED,
    DOTS,
    SOLID,
    draw_defaults,
    finish_decision,
    finish_precision_recall,
    finish_roc,
    inside,
    limits,
)
from logloss.show.plot.style import BLUE, DOTTED, ORANGE, ink, legend_below, muted, reference_line


def looks(ax: Axes) -> list[dict[str, Any]]:
    """How the lines look, in order: neighbours differ in hue, in kind, and in width."""
    return [
        {"color": BLUE, "linestyle": SOLID, "linewidth": 1.8},
        {"color": ORANGE, "linestyle": DASHED, "linewidth": 1.6},
        {"color": ink(ax), "linestyle": DASH_DOT, "linewidth": 1.2},
        {"color": muted(ax), "linestyle": DOTS, "linewidth": 1.8},
        {"color": ORANGE, "linestyle": SOLID, "linewidth": 0.8},
        {"color": BLUE, "linestyle": (0, (9, 2)), "linewidth": 0.9},
    ]


def lines(ax: Axes, drawing: Drawing) -> Iterator[tuple[SmallTable, dict[str, Any]]]:
    """The table of each measurement, and how its line looks."""
    for look, (label, table) in zip(looks(ax), drawing.tables.items(), strict=False):
        yield table, look | {"label": label, "zorder": 4}


class SharedAxis(Axis):
    """Both axes of several reliability diagrams: their ends are known."""

    def __init__(self, drawing: Drawing) -> None:
        self.is_logit = drawing.figures["is_logit"]
        self.low, self.high = drawing.figures["low"], drawing.figures["high"]


def reliability(ax: Axes, drawing: Drawing) -> None:
    """The isotonic curves and the diagonal."""
    axis = SharedAxis(drawing)
    ax.plot([axis.low, axis.high], [axis.low, axis.high], color=muted(ax), **DOTTED)
    for pools, look in lines(ax, drawing):
        predicted = axis.at([end for pool in pools for end in (pool["lowest"], pool["highest"])])
        ax.plot(predicted, axis.at([rate for rate in pools["rate"] for _ in range(2)]), **look)
    size = axis.high - axis.low
    for set_view in (ax.set_xlim, ax.set_ylim):
        set_view(axis.low - 0.02 * size, axis.high + 0.02 * size)
    ax.set_aspect("equal")
    places, names = axis.ticks()
    ax.set_xticks(places, names)
    ax.set_yticks(places, names)
    ax.set_xlabel("predicted probability")
    ax.set_ylabel("observed frequency")
    legend_below(ax)


def roc(ax: Axes, drawing: Drawing) -> None:
    """The curves above the diagonal."""
    ax.plot([0, 1], [0, 1], color=muted(ax), **DOTTED)
    for curve, look in lines(ax, drawing):
        ax.plot(curve["fpr"], curve["tpr"], **look)
    finish_roc(ax)
    legend_below(ax)


def precision_recall(ax: Axes, drawing: Drawing) -> None:
    """The curves above the base rates."""
    for rate in drawing.figures["base_rates"].values():
        reference_line(ax, y=rate)
    for curve, look in lines(ax, drawing):
        ax.plot(curve["recall"], curve["precision"], drawstyle="steps-post", **look)
    finish_precision_recall(ax)
    legend_below(ax)


def decision(ax: Axes, drawing: Drawing) -> None:
    """The net benefit of each, and of the two defaults."""
    rates = drawing.figures["base_rates"]
    bottom, top = limits(list(drawing.tables.values()), list(rates.values()))
    names = list(drawing.tables)
    for curve, look in lines(ax, drawing):
        ax.plot(curve["threshold"], inside(curve["net_benefit"], bottom), **look)
    draw_defaults(ax, np.linspace(0, 1, 2), rates, (bottom, top))
    for line in ax.lines[len(names) :]:
        line.set(linewidth=0.8, color=muted(ax))
    finish_decision(ax, bottom, top)
    legend_below(ax, names)


DRAWN = {"reliability": reliability, "roc": roc, "precision_recall": precision_recall, "decision": decision}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    n_lines = len(drawing.tables) + (2 if drawing.kind == "decision" else 0)
    return (76.0 if drawing.kind == "decision" else 88.0) + 4.2 * ((n_lines + 1) // 2)
