"""Pictures of a measurement."""

from __future__ import annotations

import math
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from logloss.answers.estimate import logit
from logloss.show.drawings.picture import Drawing
from logloss.show.plot import of_thresholds
from logloss.show.plot.of_difference import draw_levels
from logloss.show.plot.style import (
    BAND,
    BLUE,
    DOTTED,
    LINE,
    ORANGE,
    PALE,
    SMALL,
    from_zero,
    ink,
    legend_below,
    letters_across,
    muted,
    name_rows,
    whiskers,
)
from logloss.text import fixed, significant

# Letters that are as wide as a mark in the legend.
MARK = 7
# The strip below the curve in which the predictions lie, over the height of the curve.
STRIP, GAP = 0.16, 0.03
# The legend, in the order in which it is read.
CURVE, CONFIDENCE_BAND, CONSISTENCY_BAND = "isotonic curve", "95% confidence band", "95% consistency band"
ORDER = (CURVE, CONFIDENCE_BAND, CONSISTENCY_BAND)
# Ticks of axes in log-odds.
TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 1 - 1e-6)


def reliability(ax: Axes, drawing: Drawing) -> None:
    """The isotonic curve, its bands, the diagonal, and below how the predictions lie."""
    figures, tables = drawing.figures, drawing.tables
    axis = Axis(drawing)
    low, high = axis.low, axis.high
    if "consistency" in tables:
        band = tables["consistency"]
        edges = (axis.at(band[name]) for name in ("proba", "low", "high"))
        ax.fill_between(*edges, color=BAND, linewidth=0, label=CONSISTENCY_BAND)
    ax.plot([low, high], [low, high], color=muted(ax), **DOTTED)
    if "confidence" in tables:
        steps = tables["confidence"]
        dashes = {"color": BLUE, "linewidth": 0.8, "linestyle": (0, (4, 2)), "zorder": 3}
        lowest, highest = axis.at([0.0, *steps["low_from_last_on"]]), axis.at([*steps["high_up_to_first"], 1.0])
        ends = axis.at([steps["first"][0], *steps["last"]]), axis.at([*steps["first"], steps["last"][-1]])
        ax.step(ends[0], lowest, where="post", label=CONFIDENCE_BAND, **dashes)
        ax.step(ends[1], highest, where="pre", **dashes)
    pools = tables["pools"]
    predicted = axis.at([end for pool in pools for end in (pool["lowest"], pool["highest"])])
    observed = axis.at([rate for rate in pools["rate"] for _ in range(2)])
    ax.plot(predicted, observed, color=BLUE, linewidth=1.8, label=CURVE, zorder=4)
    if len(pools) <= 2:
        ax.plot(predicted, observed, "o", color=BLUE, markersize=4, zorder=4)
    _strip(ax, axis, tables["predicted"])
    size = high - low
    ax.set_xlim(low - 0.02 * size, high + 0.02 * size)
    ax.set_ylim(low - (STRIP + 2 * GAP) * size, high + 0.02 * size)
    ax.set_aspect("equal")
    places, names = axis.ticks()
    ax.set_xticks(places, names)
    ax.set_yticks([*places, low - (GAP + STRIP / 2) * size], [*names, "rows"])
    ax.set_xlabel("predicted probability")
    ax.set_ylabel("observed frequency")
    if figures["bands_reason"]:
        reason = wrap(f"no bands: {figures['bands_reason']}", max(letters_across(ax) - MARK, 12))
        ax.plot([], [], " ", label="\n".join(reason))
    legend_below(ax, ORDER)


class Axis:
    """Both axes of a reliability picture: in probability, or in log-odds where all lies near one end."""

    def __init__(self, drawing: Drawing) -> None:
        self.is_logit = drawing.figures["is_logit"]
        self.low, self.high = drawing.figures["low"], drawing.figures["high"]
        if self.is_logit:
            edges = drawing.tables["predicted"]
            self.low, self.high = (logit(p) for p in (edges["to"][0], edges["from"][-1]))
            size = self.high - self.low
            # A cell more at each end: the first and the last hold all that lies beyond.
            self.low, self.high = self.low - size / 38, self.high + size / 38

    def at(self, proba: Any) -> Any:
        """Where probabilities are drawn."""
        proba = np.asarray(proba, dtype=float)
        if not self.is_logit:
            return proba
        with np.errstate(divide="ignore"):
            return np.clip(logit(proba), self.low, self.high)

    def ticks(self) -> tuple[list[float], list[str]]:
        """Places and names of ticks."""
        if not self.is_logit:
            step = 0.2 if self.high - self.low > 0.5 else 0.1
            places = np.arange(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1) * step
            return places.tolist(), [fixed(place, 1) for place in places]
        inside = [p for p in TICKS if self.low - 1e-9 <= logit(p) <= self.high + 1e-9]
        # More than six names run into each other.
        inside = inside[::2] if len(inside) > 6 else inside
        return [logit(p) for p in inside], [f"{p:.6f}".rstrip("0") for p in inside]


def _strip(ax: Axes, axis: Axis, histogram: Any) -> None:
    """The histogram of the predictions: positives dark, the others on top of them."""
    size = axis.high - axis.low
    floor = axis.low - (STRIP + GAP) * size
    ones, zeros = np.array(histogram["share_of_ones"]), np.array(histogram["share_of_zeros"])
    tallest = float((ones + zeros).max()) or 1.0
    edges = np.append(axis.at(histogram["from"]), axis.at(histogram["to"][-1:]))
    scale = STRIP * size / tallest
    for share, color in ((ones + zeros, BAND), (ones, muted(ax))):
        # One area for all cells: a bar for each would be half of the whole file.
        height = floor + scale * np.append(share, share[-1])
        ax.fill_between(edges, floor, height, step="post", color=color, linewidth=0)
    ax.plot([axis.low, axis.high], [floor, floor], color=LINE, linewidth=0.6, zorder=0)


def decomposition(ax: Axes, drawing: Drawing) -> None:
    """From the uncertainty to the log loss, and the miscalibration expected if perfectly calibrated."""
    table = drawing.table("levels")
    draw_levels(ax, table, drawing.figures["digits"])
    expected = drawing.figures["expected_if_calibrated_nats"]
    if math.isfinite(expected):
        place = table["from_nats"][2] + expected
        ax.plot([place, place], [1.7, 2.3], color=ink(ax), linewidth=1.2, zorder=5)
        words = {"textcoords": "offset points", "va": "bottom", "fontsize": SMALL}
        ax.annotate("expected if calibrated", (place, 1.7), (1, 2), **words)


def concentration(ax: Axes, drawing: Drawing) -> None:
    """The share of the loss over the share of rows, largest losses first."""
    curve = drawing.table("curve")
    rows, loss = (100 * np.array(curve[name]) for name in ("share_of_rows", "share_of_loss"))
    ax.fill_between(rows, rows, loss, color=PALE, linewidth=0)
    ax.plot([0, 100], [0, 100], color=muted(ax), **DOTTED)
    ax.plot(rows, loss, color=BLUE, linewidth=1.8)
    for line, part in enumerate((10, 1)):
        share = 100 * drawing.figures[f"share_{part}_percent"]
        ax.plot([part], [share], "o", color=BLUE, markersize=4)
        # Below the diagonal there is always room.
        words = f"top {part}% of rows: {significant(share, 2)}% of the loss"
        ax.text(98, 6 + 8 * line, words, ha="right", fontsize=SMALL)
    ax.set_xlim(0, 100)
    ax.set_ylim(0, 102)
    ax.set_xlabel("share of rows, largest losses first (%)")
    ax.set_ylabel("share of the loss (%)")


def groups(ax: Axes, drawing: Drawing) -> None:
    """The contribution of each group, with intervals."""
    rows = drawing.table("groups")
    name_rows(ax, rows["group"])
    contribution = np.array(rows["contribution_nats"])
    if not np.isfinite(contribution).all():
        finite = np.where(np.isfinite(contribution), 0.0, np.nan)
        ax.plot(finite, range(len(contribution)), "o", color=BLUE, markersize=4)
        for row, value in enumerate(contribution):
            if value == math.inf:
                ax.annotate("→ ∞", (0, row), ha="left", va="center", color=ORANGE)
    else:
        whiskers(ax, contribution, rows["contribution_nats_low"], rows["contribution_nats_high"], color=BLUE)
    from_zero(ax, "contribution to the log loss (nats per row)")


DRAWN = {
    "reliability": reliability,
    "decomposition": decomposition,
    "concentration": concentration,
    **of_thresholds.DRAWN,
    "groups": groups,
}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    if drawing.kind == "groups" and "groups" in drawing.tables:
        return 22 + 5 * len(drawing.table("groups"))
    heights = {"reliability": 104.0, "decomposition": 54.0, **of_thresholds.HEIGHTS_MM}
    return heights.get(drawing.kind, 66.0)
