"""The picture of a plan: power against the number of rows."""

from __future__ import annotations

from matplotlib.axes import Axes

from logloss.show.drawings.picture import Drawing
from logloss.show.plot.style import BLUE, DOTTED, INK, ink, muted


def power(ax: Axes, drawing: Drawing) -> None:
    """Power over the number of rows, and where it reaches the power that is planned for."""
    curve, needed, requested = drawing.table("curve"), drawing.figures["rows_needed"], drawing.figures["power"]
    ax.plot(curve["rows"], curve["power"], color=BLUE, zorder=2)
    ax.plot([0, needed, needed], [requested, requested, 0], color=muted(ax), **DOTTED)
    ax.plot([needed], [requested], "o", color=ink(ax), markersize=4, zorder=4)
    if "n_rows" in drawing.figures:
        ax.plot(
            [drawing.figures["n_rows"]], [drawing.figures["achieved_power"]], "D", color=INK, markersize=4, zorder=4
        )
    ax.set_ylim(0, 1.02)
    ax.set_xlim(left=0)
    ax.locator_params(axis="x", nbins=5)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.set_xlabel("number of rows")
    ax.set_ylabel("power")


DRAWN = {"power": power}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    return 54.0
