"""How pictures look: one column of a journal wide, in colours that page and picture share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation

from logloss.data.rows import Array
from logloss.text import MINUS, count, cut

MM = 1 / 25.4
# One column of most journals.
WIDTH_MM = 89
# The colours of `page.css` in the light; pages put their variables in their place. They differ in hue, lightness, and
# where they meet by the kind of line.
INK, MUTED, LINE = "#1b1d21", "#5a6068", "#d3d7dc"
BLUE, ORANGE, BAND, PALE = "#0a68a6", "#c4500c", "#b9c7d4", "#dfe7ee"
VARIABLES = {"muted": MUTED, "line": LINE, "blue": BLUE, "orange": ORANGE, "band": BAND, "pale": PALE}
# Points: nothing is smaller than 7 at 89 mm. Matplotlib's "small" is 1 / 1.2 of the size of text.
SMALL, SMALLEST, NORMAL = "small", 7.0, 8.0
# Letters of a name beside an axis.
LETTERS = 30
# Letters of the name of a level, and of a column beside its axis, in pictures of effects; the room for names of numbers
# below an axis, and for those of levels, which stand upright, in mm.
LEVEL_LETTERS, NAME_LETTERS = 14, 44
NUMBERS_MM, LEVELS_MM = 5.0, 19.0
# Letters of a number that is wide.
LONG_NUMBER = 7
# Letters of two names in a legend, with their marks.
LETTERS_OF_TWO = 44
DOTTED: Any = {"linewidth": 0.8, "linestyle": (0, (1, 2)), "zorder": 1}
SETTINGS: Any = {
    "font.family": ["sans-serif"],
    "font.size": 1.2 * SMALLEST,
    "text.usetex": False,
    "text.color": INK,
    "text.parse_math": False,
    "axes.titlesize": NORMAL,
    "axes.labelsize": NORMAL,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "white",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
    "xtick.labelsize": SMALLEST,
    "ytick.labelsize": SMALLEST,
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
    "legend.fontsize": SMALLEST,
    "legend.frameon": False,
    "savefig.facecolor": "auto",
    "svg.fonttype": "none",
    "svg.hashsalt": "logloss",
    "pdf.fonttype": 42,
}


# What is drawn inside looks like this, whatever else the session has set; its own settings come back.
settings = partial(matplotlib.rc_context, SETTINGS)
# On axes that are given, the session decides; names from data are text there, too.
plain_text = partial(matplotlib.rc_context, {"text.usetex": False, "text.parse_math": False})
FIGURE: Any = {"layout": "constrained", "dpi": 150, "facecolor": "white"}


def size(height_mm: float, width_mm: float = WIDTH_MM) -> tuple[float, float]:
    """Width and height of a figure, in inches."""
    return width_mm * MM, height_mm * MM


def ink(ax: Axes) -> Any:
    """The colour of words and of what matters most: that of the labels of these axes."""
    return ax.xaxis.label.get_color()


def muted(ax: Axes) -> Any:
    """The colour of lines of reference: that of the ticks of these axes; a frame may be as light as its grid."""
    return ax.xaxis.get_major_ticks(1)[0].tick1line.get_color()


def reference_line(ax: Axes, **ends: float) -> None:
    """A thin dotted line, level (y=) or upright (x=), to compare with."""
    draw: Any = ax.axvline if "x" in ends else ax.axhline
    draw(**ends, color=muted(ax), **DOTTED)


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Names at the left, the first one at the top."""
    ax.set_yticks(range(len(names)), [cut(name, LETTERS) for name in names], parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


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
    reference_line(ax, x=0)
    ax.margins(x=0.06)
    ax.locator_params(axis="x", nbins=5)
    ax.set_xlabel(label, parse_math=False)


def number_text(value: float) -> str:
    """A number below an axis."""
    value = round(value, 12)
    whole = math.isfinite(value) and float(value).is_integer() and abs(value) < 1e7
    return count(int(value)) if whole else f"{value:.4g}".replace("-", MINUS)


def letters_across(ax: Axes) -> int:
    """About how many small letters are as wide as the axes: what is wider makes them narrow in a layout."""
    points = 72 * ax.get_window_extent().width / ax.figure.dpi
    return int(points / (0.55 * matplotlib.rcParams["font.size"] / 1.2))


def legend_below(ax: Axes, order: Sequence[str] = ()) -> None:
    """The legend below the label of the x axis: inside, a curve of few rows can run anywhere; above is the title's."""
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    names = sorted(handles, key=lambda name: order.index(name) if name in order else len(order))
    label, ticks = ax.xaxis.label.get_fontsize(), ax.xaxis.get_ticklabels()
    # Ticks and their names, the label, and the space between them; a line of text is about 1.3 of its size high.
    points = 1.3 * (label + (ticks[0].get_fontsize() if ticks else label)) + 13
    place = ax.transAxes + ScaledTranslation(0, -points / 72, ax.figure.dpi_scale_trans)
    ax.legend(
        [handles[name] for name in names],
        names,
        loc="upper left",
        bbox_to_anchor=(0, 0),
        bbox_transform=place,
        ncols=2 if letters_across(ax) > LETTERS_OF_TWO and not any("\n" in name for name in names) else 1,
        fontsize=SMALL,
        borderaxespad=0,
        borderpad=0.2,
        handlelength=1.6,
        columnspacing=1.2,
    )
