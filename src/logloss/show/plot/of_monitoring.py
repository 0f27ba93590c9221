"""Pictures of a run of periods."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from logloss.data.rows import Array
from logloss.show.drawings.picture import Drawing
from logloss.show.plot.of_comparison import name_periods
from logloss.show.plot.of_difference import DRAWN as OF_DIFFERENCE
from logloss.show.plot.style import BLUE, DOTTED, ORANGE, PALE, ink, legend_below, muted, reference_line

# The kind of line of each statistic: they stay apart in grey.
LINES: dict[str, dict[str, Any]] = {
    "shift": {"color": BLUE, "linestyle": "-"},
    "slope": {"color": ORANGE, "linestyle": (0, (4, 2))},
    "loss": {"linestyle": (0, (1, 1))},
}
# The legend, in the order in which it is read.
ORDER = ("log loss, 95% CI", "observed", "expected", "mean prediction", *LINES, "alarm")
# Periods beyond which points are small, and their intervals thin.
MANY = 60


def loss(ax: Axes, drawing: Drawing) -> None:
    """Log losses with intervals, and the expected ones."""
    periods, number = drawing.table("periods"), _frame(ax, drawing)
    lows, highs, values = (np.array(periods[f"log_loss_nats{end}"], float) for end in ("_low", "_high", ""))
    is_many = len(number) > MANY
    ax.vlines(number, lows, highs, color=BLUE, linewidth=0.6 if is_many else 1.2, zorder=3)
    values = np.where(np.isfinite(values), values, math.nan)
    ax.plot(number, values, "o", color=BLUE, markersize=2 if is_many else 4, zorder=4, label="log loss, 95% CI")
    ax.plot(number, periods["expected_log_loss_nats"], color=ORANGE, zorder=5, label="expected")
    ax.set_ylabel("log loss (nats per row)")
    legend_below(ax, ORDER)


def rates(ax: Axes, drawing: Drawing) -> None:
    """Observed frequencies, expected ones, and mean predictions."""
    periods, number = drawing.table("periods"), _frame(ax, drawing)
    size = 2 if len(number) > MANY else 4
    ax.plot(number, periods["base_rate"], "o", color=BLUE, markersize=size, zorder=4, label="observed")
    ax.plot(number, periods["expected_base_rate"], color=ORANGE, zorder=5, label="expected")
    ax.plot(number, periods["mean_proba"], color=muted(ax), linewidth=1, linestyle=(0, (4, 2)), label="mean prediction")
    ax.set_ylabel("frequency of positives")
    legend_below(ax, ORDER)


def evidence(ax: Axes, drawing: Drawing) -> None:
    """Logarithms of e-values and their limit."""
    periods, number = drawing.table("periods"), _frame(ax, drawing)
    for name, line in LINES.items():
        logs = np.array(periods[f"log_e_{name}"], float)
        known = np.isfinite(logs)
        ax.plot(number[known], logs[known], **({"color": muted(ax)} | line), label=name)
    reference_line(ax, y=0)
    ax.axhline(drawing.figures["log_limit"], color=muted(ax), linewidth=1)
    ax.text(number[0], drawing.figures["log_limit"], " limit", va="bottom", fontsize="small")
    ax.set_ylabel("log e-value")
    legend_below(ax, ORDER)


def _frame(ax: Axes, drawing: Drawing) -> Array:
    """The periods below, the reference shaded, the change and the alarm as upright lines; numbers of the periods."""
    periods, figures = drawing.table("periods"), drawing.figures
    number = np.array(periods["number"])
    ax.axvspan(0.5, figures["n_reference"] + 0.5, color=PALE, linewidth=0, zorder=0)
    if math.isfinite(figures["alarm_at"]):
        ax.axvline(figures["change_at"], color=muted(ax), **DOTTED)
        ax.axvline(figures["alarm_at"], color=ink(ax), linewidth=0.9, label="alarm")
    ax.set_xlim(0.5, len(number) + 0.5)
    name_periods(ax, number, periods["period"])
    ax.set_xlabel("period")
    return number


DRAWN = {"loss": loss, "rates": rates, "evidence": evidence, **OF_DIFFERENCE}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    return 54.0 if drawing.kind in OF_DIFFERENCE else 66.0
