"""The picture of a penalty path."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes

from logloss.show.drawings.picture import Drawing
from logloss.show.plot.style import BLUE, ORANGE, legend_below, reference_line

CHOSEN = "chosen"
# Powers of ten that are named on the axis of l2.
MOST_TICKS = 6


def path(ax: Axes, drawing: Drawing) -> None:
    """The losses over l2 on a logarithmic axis, their interval as a band, the chosen value."""
    rows, figures = drawing.table("path"), drawing.figures
    l2 = np.array(rows["l2"])
    ax.set_xscale("log")
    ax.fill_between(l2, rows["low"], rows["high"], color=BLUE, alpha=0.18, linewidth=0, label="95% interval")
    ax.plot(l2, rows["log_loss"], "o-", color=BLUE, markersize=3, linewidth=1.4, label=figures["loss"])
    if figures["chosen_l2"] > 0:
        reference_line(ax, x=figures["chosen_l2"])
        at = figures["chosen_l2"], figures["chosen_log_loss"]
        ax.plot(*([each] for each in at), "D", color=ORANGE, markersize=5, zorder=5, label=CHOSEN)
    if not figures["is_strong_chosen"]:
        at = figures["within_one_standard_error_l2"], figures["within_one_standard_error_log_loss"]
        label = "largest within 1 SE"
        hollow = {"markerfacecolor": ax.get_facecolor(), "markersize": 5, "zorder": 5}
        ax.plot(*([each] for each in at), "D", color=ORANGE, label=label, **hollow)
    low, high = math.floor(math.log10(l2.min())), math.ceil(math.log10(l2.max()))
    every = max(1, math.ceil((high - low) / MOST_TICKS))
    ticks = range(low, high + 1, every)
    ax.set_xticks([10.0**each for each in ticks], [f"{10.0**each:g}" for each in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("l2, strength of the penalty")
    ax.set_ylabel("nats per row")
    legend_below(ax, [figures["loss"], CHOSEN])
