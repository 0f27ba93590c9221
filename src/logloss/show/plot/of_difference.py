"""The picture of a difference."""

from __future__ import annotations

from typing import Any

from logloss.show.drawings.drawn import Drawing
from logloss.show.plot.levels import draw_levels


def waterfall(ax: Any, drawing: Drawing) -> None:
    """From the old loss to the new one."""
    draw_levels(ax, drawing.table("parts"), drawing.figures["digits"], is_move=True)


DRAWN = {"waterfall": waterfall}


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    return 54.0
