"""Pictures of a calibration."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes

from logloss.answers.estimate import logit
from logloss.show.drawings.picture import Drawing
from logloss.show.plot.style import BLUE, DOTTED, from_zero, muted, name_rows, reference_line, whisker, whiskers
from logloss.show.words.of_calibration import named

# Ticks of axes in log-odds.
TICKS = (1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)


def map_of(ax: Axes, drawing: Drawing) -> None:
    """The recalibrated probability over the predicted one, beside the diagonal."""
    table = drawing.table("map")
    predicted, recalibrated = np.array(table["predicted"]), np.array(table["recalibrated"])
    low, high = 0.0, 1.0
    if drawing.figures["is_logit"]:
        ends = np.concatenate([predicted, recalibrated])
        ends = ends[(ends > 0) & (ends < 1)]
        low, high = (logit(float(p)) for p in (ends.min(), ends.max()))
        with np.errstate(divide="ignore"):
            predicted, recalibrated = (np.clip(logit(p), low, high) for p in (predicted, recalibrated))
        inside = [p for p in TICKS if low <= logit(p) <= high]
        places, names = [logit(p) for p in inside], [f"{p:.4f}".rstrip("0") for p in inside]
        ax.set_xticks(places, names)
        ax.set_yticks(places, names)
    ax.plot([low, high], [low, high], color=muted(ax), **DOTTED)
    ax.plot(predicted, recalibrated, color=BLUE, linewidth=1.8)
    room = 0.02 * (high - low)
    ax.set_xlim(low - room, high + room)
    ax.set_ylim(low - room, high + room)
    ax.set_aspect("equal")
    ax.set_xlabel("predicted probability")
    ax.set_ylabel("recalibrated probability")


def reduction(ax: Axes, drawing: Drawing) -> None:
    """The expected reduction by each method, with one standard error; those that are used filled."""
    rows = list(drawing.table("candidates"))
    name_rows(ax, [named(row["method"]) for row in rows])
    for number, row in enumerate(rows):
        value, error = row["expected_reduction_nats"], row["error_nats"]
        if not math.isfinite(value):
            continue
        whisker(ax, number, value - error, value + error, color=BLUE)
        inside = BLUE if row["share"] > 0 else ax.get_facecolor()
        ax.plot([value], [number], "o", color=BLUE, markerfacecolor=inside, markersize=5, zorder=4)
    from_zero(ax, "expected reduction of the log loss (nats per row)")


def groups(ax: Axes, drawing: Drawing) -> None:
    """The shift of each group at the left, its slope at the right, with intervals."""
    rows = drawing.table("groups")
    right = ax.inset_axes((0.56, 0, 0.44, 1))
    ax.set_axis_off()
    left = ax.inset_axes((0, 0, 0.5, 1))
    for own, key, at, label in ((left, "shift", 0, "shift (log-odds)"), (right, "slope", 1, "slope")):
        name_rows(own, rows["group"] if own is left else [""] * len(rows))
        whiskers(own, rows[key], rows[f"{key}_low"], rows[f"{key}_high"], color=BLUE)
        reference_line(own, x=at)
        own.patch.set(facecolor="none")
        own.margins(x=0.06)
        own.locator_params(axis="x", nbins=4)
        own.set_xlabel(label)


DRAWN = {"map": map_of, "reduction": reduction, "groups": groups}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    if "groups" in drawing.tables:
        return 22 + 5 * len(drawing.table("groups"))
    return 86.0 if drawing.kind == "map" else 22 + 5.5 * len(drawing.tables.get("candidates", ()))
