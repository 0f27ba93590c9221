"""The picture of a difference."""

from __future__ import annotations

from matplotlib.axes import Axes

from logloss.show.drawings.picture import Drawing
from logloss.show.plot.levels import draw_levels


def waterfall(ax: Axes, drawing: Drawing) -> None:
    """From the old loss to the new one."""
    draw_levels(ax, drawing.table("parts"), drawing.figures["digits"], is_move=True)


DRAWN = {"waterfall": waterfall}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    return 54.0
