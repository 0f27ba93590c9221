"""How pictures look: one column of a journal wide, colours that page and picture share, and where nothing is drawn."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from logloss.data.rows import Array
from logloss.text import cut

MM = 1 / 25.4
# One column of most journals.
WIDTH_MM = 89
# The colours of `page.css` in the light; pages put their variables in their place. Told apart by hue, by lightness, and
# where they meet by the kind of line.
INK, MUTED, LINE = "#1b1d21", "#5a6068", "#d3d7dc"
BLUE, ORANGE, BAND, PALE = "#0a68a6", "#c4500c", "#b9c7d4", "#dfe7ee"
VARIABLES = {"muted": MUTED, "line": LINE, "blue": BLUE, "orange": ORANGE, "band": BAND, "pale": PALE}
# Points: nothing is smaller than 7 at 89 mm.
SMALL, NORMAL = 7.0, 8.0
SETTINGS: Any = {
    "font.family": ["sans-serif"],
    "font.size": NORMAL,
    "text.usetex": False,
    "text.color": INK,
    "text.parse_math": False,
    "axes.titlesize": NORMAL,
    "axes.labelsize": NORMAL,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "butt",
    "hatch.linewidth": 0.5,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "figure.dpi": 100,
    "svg.fonttype": "none",
    "svg.hashsalt": "logloss",
    "pdf.fonttype": 42,
}


class Panel(Axes):
    """Axes that notebooks show as a picture."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The figure, twice as fine as it is shown."""
        figure: Any = self.figure
        buffer = io.BytesIO()
        with settings():
            figure.savefig(buffer, format="png", dpi=240, facecolor="white")
        width, height = figure.get_size_inches()
        return buffer.getvalue(), {"width": round(width * 120), "height": round(height * 120)}


# What is drawn inside looks like this, whatever else the session has set; its own settings come back.
settings = partial(matplotlib.rc_context, SETTINGS)


def new_axes(height_mm: float) -> tuple[Figure, Panel]:
    """A transparent figure of one column's width with one set of axes."""
    with settings():
        figure = Figure(figsize=(WIDTH_MM * MM, height_mm * MM), layout="constrained", facecolor="none")
        ax: Any = figure.add_subplot(axes_class=Panel)
        return figure, ax


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Names at the left, the first one at the top."""
    ax.set_yticks(range(len(names)), [cut(name, 22) for name in names], parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def whiskers(
    ax: Axes,
    values: Sequence[float] | Array,
    lows: Sequence[float] | Array,
    highs: Sequence[float] | Array,
    *,
    color: str,
) -> None:
    """Points with their intervals, one below the other."""
    for row, (low, high) in enumerate(zip(lows, highs, strict=True)):
        whisker(ax, row, low, high, color=color)
    ax.plot(values, range(len(values)), "o", color=color, markersize=4, zorder=4)


def whisker(ax: Axes, row: int, low: float, high: float, *, color: str) -> None:
    """One interval, if it is known."""
    if not (math.isnan(low) or math.isnan(high)):
        ax.plot([low, high], [row, row], color=color, linewidth=1.2, zorder=3)


def from_zero(ax: Axes, label: str) -> None:
    """An axis of differences: a line at 0, and room beside what lies farthest."""
    ax.axvline(0, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    ax.margins(x=0.06)
    ax.locator_params(axis="x", nbins=5)
    ax.set_xlabel(label, parse_math=False)


def say(ax: Axes, words: str) -> None:
    """Words in the place of a picture."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, words, ha="center", va="center", wrap=True, color=MUTED, transform=ax.transAxes)
