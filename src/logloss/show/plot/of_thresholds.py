"""Pictures of thresholds: net benefit, the ROC and the precision–recall curve, shares by threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from logloss.answers.small_table import SmallTable
from logloss.show.drawings.picture import Drawing
from logloss.show.plot.style import BAND, BLUE, DOTTED, ORANGE, PALE, SMALL, ink, legend_below, muted, reference_line
from logloss.text import fixed

# How the lines of a picture look, in order: they differ in colour and in kind.
SOLID, DASHED, DASH_DOT, DOTS = "-", (0, (4, 1.6)), (0, (5, 1.4, 1, 1.4)), (0, (1, 1))
# Below 0 a decision curve is shown to this share of the base rate: worse than no row positive is worse, however much.
BELOW = 0.25
MODEL, ALL, NONE, POINTWISE = "this model", "every row positive", "no row positive", "pointwise 95% band"


def decision(ax: Axes, drawing: Drawing) -> None:
    """Net benefit with its band, and the two defaults."""
    curve = drawing.table("curve")
    at = np.array(curve["threshold"])
    bottom, top = limits([curve], [drawing.figures["base_rate"]])
    band = [np.clip(curve[name], bottom, top) for name in ("net_benefit_low", "net_benefit_high")]
    if np.isfinite(band[0]).all():
        ax.fill_between(at, *band, color=BAND, linewidth=0, label=POINTWISE)
    draw_defaults(ax, at, {"": drawing.figures["base_rate"]}, (bottom, top))
    ax.plot(at, inside(curve["net_benefit"], bottom), color=BLUE, linewidth=1.8, label=MODEL, zorder=4)
    finish_decision(ax, bottom, top)
    legend_below(ax, (MODEL, POINTWISE, ALL, NONE))


def limits(curves: list[SmallTable], rates: list[float]) -> tuple[float, float]:
    """What the axis of net benefit shows."""
    highest = max(*rates, *(max(curve["net_benefit"]) for curve in curves))
    return -BELOW * (highest or 1.0), 1.06 * highest or 1.0


def inside(values: Any, bottom: float) -> Any:
    """A curve, cut where it leaves the axes at the bottom for good."""
    values = np.array(values, dtype=float)
    # One point below the axes stays, so that the line reaches their edge.
    is_below = values < 4 * bottom
    return np.where(is_below, np.nan, values)


def draw_defaults(ax: Axes, at: Any, rates: Mapping[str, float], view: tuple[float, float]) -> None:
    """Net benefit of every row predicted positive, and of none."""
    fine = np.linspace(0.0, 0.995, 400)
    for label, rate in rates.items():
        benefit = rate - (1 - rate) * fine / (1 - fine)
        is_shown = benefit >= view[0]
        name = f"{ALL} ({label})" if label else ALL
        ax.plot(fine[is_shown], benefit[is_shown], color=ORANGE, linewidth=1.1, linestyle=DASHED, label=name)
    ax.plot([0, 1], [0, 0], color=muted(ax), linewidth=1.1, linestyle=DOTS, label=NONE)


def finish_decision(ax: Axes, bottom: float, top: float) -> None:
    """Axes of net benefit."""
    ax.set_xlim(0, 1)
    ax.set_ylim(bottom, top)
    ax.set_xlabel("threshold probability")
    ax.set_ylabel("net benefit (per row)")


def roc(ax: Axes, drawing: Drawing) -> None:
    """The curve above the diagonal, with its area."""
    curve, figures = drawing.table("curve"), drawing.figures
    ax.plot([0, 1], [0, 1], color=muted(ax), **DOTTED)
    ax.plot(curve["fpr"], curve["tpr"], color=BLUE, linewidth=1.8)
    words = f"AUC {fixed(figures['auc'], 4)}"
    if np.isfinite(figures["auc_low"]):
        words += f"\n95% CI {fixed(figures['auc_low'], 4)}–{fixed(figures['auc_high'], 4)}"
    ax.text(0.98, 0.04, words, ha="right", va="bottom", fontsize=SMALL)
    finish_roc(ax)


def finish_roc(ax: Axes) -> None:
    """Axes of rates, from 0 to 1, square."""
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(-0.01, 1.01)
    ax.set_aspect("equal")
    ax.set_xlabel("false positive rate")
    ax.set_ylabel("true positive rate (recall)")


def precision_recall(ax: Axes, drawing: Drawing) -> None:
    """The curve above the base rate, with the area below its steps."""
    curve, figures = drawing.table("curve"), drawing.figures
    reference_line(ax, y=figures["base_rate"])
    ax.plot(curve["recall"], curve["precision"], color=BLUE, linewidth=1.6, drawstyle="steps-post")
    # Below the base rate the curve of no model that discriminates runs; of a low one, there is room above.
    has_room = figures["base_rate"] > 0.2
    place = (0.02, figures["base_rate"] - 0.02, "left") if has_room else (0.98, 0.98, "right")
    words = f"average precision {fixed(figures['average_precision'], 4)}"
    words += f"\nbase rate {fixed(figures['base_rate'], 4)} (dotted)"
    ax.text(*place[:2], words, ha=place[2], va="top", fontsize=SMALL)
    finish_precision_recall(ax)


def finish_precision_recall(ax: Axes) -> None:
    """Axes of shares, from 0 to 1, square."""
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(-0.01, 1.01)
    ax.set_aspect("equal")
    ax.set_xlabel("recall")
    ax.set_ylabel("precision")


def thresholds(ax: Axes, drawing: Drawing) -> None:
    """Recall and precision with their bands, and the share predicted positive."""
    curve = drawing.table("curve")
    looks = (
        ("recall", "recall", BLUE, SOLID, BAND),
        ("precision", "precision", ORANGE, DASHED, PALE),
        ("predicted_positive", "predicted positive (share of rows)", ink(ax), DASH_DOT, None),
    )
    for name, _, _, _, shade in looks:
        if shade is None:
            continue
        ends = np.array(curve[f"{name}_low"]), np.array(curve[f"{name}_high"])
        ax.fill_between(curve["threshold"], *ends, color=shade, linewidth=0, zorder=1)
    for name, label, color, line, _ in looks:
        ax.plot(curve["threshold"], curve[name], color=color, linestyle=line, linewidth=1.4, label=label, zorder=3)
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.01, 1.01)
    ax.set_xlabel("threshold")
    ax.set_ylabel("share")
    legend_below(ax, [label for _, label, *_ in looks])


DRAWN = {"decision": decision, "roc": roc, "precision_recall": precision_recall, "thresholds": thresholds}
HEIGHTS_MM = {"decision": 78.0, "roc": 88.0, "precision_recall": 88.0, "thresholds": 80.0}
