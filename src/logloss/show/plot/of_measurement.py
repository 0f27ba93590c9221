"""Pictures of a measurement."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from logloss.answers.estimate import logit
from logloss.show.drawings.picture import Drawing
from logloss.show.plot.of_difference import draw_levels
from logloss.show.plot.style import (
    BAND,
    BLUE,
    INK,
    LINE,
    MUTED,
    ORANGE,
    PALE,
    SMALL,
    from_zero,
    name_rows,
    whiskers,
)
from logloss.text import fixed, significant

# The strip below the curve in which the predictions lie, over the height of the curve.
STRIP, GAP = 0.16, 0.03
# The legend, in the order in which it is read.
ORDER = ("what happened", "true curve: 95 %", "if calibrated: 95 of 100")
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
        ax.fill_between(*edges, color=BAND, linewidth=0, label="if calibrated: 95 of 100")
    ax.plot([low, high], [low, high], color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
    if "confidence" in tables:
        steps = tables["confidence"]
        dashes = {"color": BLUE, "linewidth": 0.8, "linestyle": (0, (4, 2)), "zorder": 3}
        lowest, highest = axis.at([0.0, *steps["low_from_last_on"]]), axis.at([*steps["high_up_to_first"], 1.0])
        ends = axis.at([steps["first"][0], *steps["last"]]), axis.at([*steps["first"], steps["last"][-1]])
        ax.step(ends[0], lowest, where="post", label="true curve: 95 %", **dashes)
        ax.step(ends[1], highest, where="pre", **dashes)
    pools = tables["pools"]
    clause = axis.at([end for pool in pools for end in (pool["lowest"], pool["highest"])])
    observed = axis.at([rate for rate in pools["rate"] for _ in range(2)])
    ax.plot(clause, observed, color=BLUE, linewidth=1.8, label="what happened", zorder=4)
    if len(pools) <= 2:
        ax.plot(clause, observed, "o", color=BLUE, markersize=4, zorder=4)
    _strip(ax, axis, tables["predicted"])
    size = high - low
    ax.set_xlim(low - 0.02 * size, high + 0.02 * size)
    ax.set_ylim(low - (STRIP + 2 * GAP) * size, high + 0.02 * size)
    ax.set_aspect("equal")
    places, names = axis.ticks()
    ax.set_xticks(places, names)
    ax.set_yticks([*places, low - (GAP + STRIP / 2) * size], [*names, "rows"])
    ax.set_xlabel("said: predicted probability")
    ax.set_ylabel("happened: share of positives")
    if figures["bands_reason"]:
        ax.plot([], [], " ", label=f"no bands: {figures['bands_reason']}")
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    shown = sorted(handles, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    # Above the axes: inside, a curve of few rows can run anywhere. A reason is as long as two names: beside another it
    # would leave no room for the axes.
    n_columns = 1 if figures["bands_reason"] else 2
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": n_columns, "borderaxespad": 0.2}
    ax.legend([handles[name] for name in shown], shown, handlelength=1.6, columnspacing=1.2, **place)


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


def _strip(ax: Axes, axis: Axis, clause: Any) -> None:
    """How the predictions lie: the positives dark, the others on top of them."""
    size = axis.high - axis.low
    floor = axis.low - (STRIP + GAP) * size
    ones, zeros = np.array(clause["share_of_ones"]), np.array(clause["share_of_zeros"])
    tallest = float((ones + zeros).max()) or 1.0
    edges = np.append(axis.at(clause["from"]), axis.at(clause["to"][-1:]))
    scale = STRIP * size / tallest
    for share, color in ((ones + zeros, BAND), (ones, MUTED)):
        # One area for all cells: a bar for each would be half of the whole file.
        height = floor + scale * np.append(share, share[-1])
        ax.fill_between(edges, floor, height, step="post", color=color, linewidth=0)
    ax.plot([axis.low, axis.high], [floor, floor], color=LINE, linewidth=0.6, zorder=0)


def parts(ax: Axes, drawing: Drawing) -> None:
    """From what the base rate leaves open to the loss, and what chance alone would add."""
    table = drawing.table("parts")
    draw_levels(ax, table, drawing.figures["digits"])
    expected = drawing.figures["expected_if_calibrated_nats"]
    if math.isfinite(expected):
        place = table["from_nats"][2] + expected
        ax.plot([place, place], [1.62, 2.38], color=INK, linewidth=1.2, zorder=5)
        words = {"textcoords": "offset points", "va": "bottom", "fontsize": SMALL}
        ax.annotate("by chance", (place, 1.62), (1, 2), **words)


def largest_losses(ax: Axes, drawing: Drawing) -> None:
    """The share of the loss over the share of rows, the costliest first."""
    concentration = drawing.table("concentration")
    rows, loss = (100 * np.array(concentration[name]) for name in ("share_of_rows", "share_of_loss"))
    ax.fill_between(rows, rows, loss, color=PALE, linewidth=0)
    ax.plot([0, 100], [0, 100], color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
    ax.plot(rows, loss, color=BLUE, linewidth=1.8)
    for line, part in enumerate((10, 1)):
        share = 100 * drawing.figures[f"share_{part}_percent"]
        ax.plot([part], [share], "o", color=BLUE, markersize=4)
        # Below the diagonal there is always room.
        words = f"{part} % of rows pay {significant(share, 2)} %"
        ax.text(98, 6 + 8 * line, words, ha="right", fontsize=SMALL)
    ax.set_xlim(0, 100)
    ax.set_ylim(0, 102)
    ax.set_xlabel("rows, the costliest first (%)")
    ax.set_ylabel("share of the loss (%)")


def groups(ax: Axes, drawing: Drawing) -> None:
    """What each group adds, with intervals."""
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
    from_zero(ax, f"adds to the loss of {fixed(drawing.figures['log_loss_nats'], 4)} (nats per row)")


DRAWN = {"reliability": reliability, "parts": parts, "largest_losses": largest_losses, "groups": groups}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    if drawing.kind == "groups" and "groups" in drawing.tables:
        return 22 + 5 * len(drawing.table("groups"))
    return {"reliability": 104.0, "parts": 48.0}.get(drawing.kind, 66.0)
