"""Pictures of pairs: a heat map in steps, blue above 0 and orange below.

Each step is a layer over all effects that reach it, and what is near to 0 has no colour: layers are transparent, so
that a picture has the colours of its page in the light and in the dark, and no seams between its steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, to_rgba
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from logloss.answers.small_table import SmallTable
from logloss.data.rows import Array
from logloss.show.drawings.picture import Drawing
from logloss.show.plot.style import (
    BLUE,
    LEVEL_LETTERS,
    LEVELS_MM,
    LONG_NUMBER,
    NAME_LETTERS,
    NUMBERS_MM,
    ORANGE,
    muted,
    number_text,
)
from logloss.text import cut

# How opaque the first step and the last one are.
PALEST, DARKEST = 0.14, 0.95
# Between knots an effect is evaluated at so many places of an axis, at least; contours are straight between them.
FINE = 40
# A missing value stands beside the others: its width and its distance, in lengths of the axis; in levels, that of one.
STRIP, GAP, LEVEL_GAP = 0.06, 0.03, 0.35
HEIGHT_MM = 68.0


@dataclass(frozen=True)
class Side:
    """Where the places of a column lie on an axis.

    segments: parts of the axis, each with ascending positions, shape (n,), and the share of each place there, shape (n,
    n_places). ends: of each place, between which it is the nearest, shape (n_places, 2). ticks, names: below the axis.
    """

    segments: list[tuple[Array, Array]]
    ends: Array
    ticks: list[float]
    names: list[str]
    is_numeric: bool


def pair(ax: Axes, drawing: Drawing) -> None:
    """A heat map with its colour bar."""
    tables = drawing.table("first"), drawing.table("second")
    shape = tuple(map(len, tables))
    effect, weights = (np.array(drawing.table("effects")[key]).reshape(shape) for key in ("effect", "weight"))
    names = [drawing.figures[key] for key in ("first_name", "second_name")]
    if _is_turned(*tables):
        tables, names = tables[::-1], names[::-1]
    else:
        effect, weights = effect.T, weights.T
    # Now a row of `effect` is a place of the upright axis.
    across, up = side_of(tables[0]), side_of(tables[1], is_upright=True)
    for y, of_y in up.segments:
        for x, of_x in across.segments:
            _layers(ax, drawing, x, y, of_y @ effect @ of_x.T)
    _hatch(ax, across, up, weights <= 0)
    _axis(ax, across, up, [cut(name, NAME_LETTERS) for name in names])
    _colour_bar(ax, drawing)


def _is_turned(first: SmallTable, second: SmallTable) -> bool:
    """Whether the second column is drawn from left to right: names of levels stand at the left, those of more levels
    where both columns have levels."""
    if any(first["is_knot"]) != any(second["is_knot"]):
        return any(second["is_knot"])
    return not any(first["is_knot"]) and len(first) > len(second)


def side_of(table: SmallTable, *, is_upright: bool = False) -> Side:
    """The places of a column on an axis; levels of an upright one from the top."""
    return _side_of_knots(table) if any(table["is_knot"]) else _side_of_levels(table, is_upright=is_upright)


def _side_of_knots(table: SmallTable) -> Side:
    """Knots where their numbers are, a missing value beside the last one."""
    is_knot = np.array(table["is_knot"])
    knots, every = np.array(table["x"], float)[is_knot], np.eye(len(table))
    length = float(np.ptp(knots)) or 1.0
    if len(knots) == 1:
        # A constant, or a column that holds one number.
        knots = knots + np.array([-0.5, 0.5]) * length
        segments, ends = [(knots, every[[0, 0]])], knots[None]
        ticks, names = [float(knots.mean())], [number_text(float(knots.mean()))]
    else:
        fine = np.union1d(knots, np.linspace(knots[0], knots[-1], FINE))
        lower = np.clip(np.searchsorted(knots, fine, side="right") - 1, 0, len(knots) - 2)
        shares = ((fine - knots[lower]) / (knots[lower + 1] - knots[lower]))[:, None]
        segments = [(fine, (1 - shares) * every[lower] + shares * every[lower + 1])]
        edges = np.concatenate([knots[:1], (knots[1:] + knots[:-1]) / 2, knots[-1:]])
        ends = np.column_stack([edges[:-1], edges[1:]])
        # Names of large numbers are wide.
        locator = MaxNLocator(5 if len(number_text(knots[-1])) < LONG_NUMBER else 3)
        ticks = [tick for tick in locator.tick_values(knots[0], knots[-1]) if knots[0] <= tick <= knots[-1]]
        names = list(map(number_text, ticks))
    if not is_knot.all():
        strip = knots[-1] + length * np.array([GAP, GAP + STRIP])
        segments.append((strip, every[[-1, -1]]))
        ends = np.vstack([ends, strip])
        kept = [tick for tick in ticks if tick < strip[0] - 0.12 * length]
        ticks, names = [*kept, float(strip.mean())], [*names[: len(kept)], "missing"]
    return Side(segments, ends, ticks, names, is_numeric=True)


def _side_of_levels(table: SmallTable, *, is_upright: bool) -> Side:
    """Levels beside each other, a missing one apart."""
    every, is_missing = np.eye(len(table)), np.array(table["is_missing"])
    middles = np.arange(len(table)) + LEVEL_GAP * is_missing
    ends = middles[:, None] + np.array([-0.5, 0.5])
    if is_upright:
        middles, ends = -middles, -ends[:, ::-1]
    segments = []
    for own in (~is_missing, is_missing):
        # Each level has two ends, where it is the same.
        places = np.flatnonzero(own)[:: -1 if is_upright else 1]
        if len(places):
            segments.append((ends[places].ravel(), np.repeat(every[places], 2, axis=0)))
    names = [cut(name, LEVEL_LETTERS) for name in table["name"]]
    return Side(segments, ends, middles.tolist(), names, is_numeric=False)


def opacities(n_steps: int) -> Array:
    """How opaque each step is, shape (n_steps,): the first one, next to 0, has no colour."""
    return np.concatenate([[0.0], np.linspace(PALEST, DARKEST, max(n_steps - 1, 2))])[:n_steps]


def _layers(ax: Axes, drawing: Drawing, x: Array, y: Array, effect: Array) -> None:
    """A part of the picture: a layer for each step, over all that reaches it."""
    step, reached = drawing.figures["step"], opacities(drawing.figures["n_steps"])
    for sign, colour in ((1.0, BLUE), (-1.0, ORANGE)):
        size = sign * effect
        for number in range(1, len(reached)):
            if size.max() <= number * step:
                break
            # Over the layers before it, it makes the opacity of its step.
            own = (reached[number] - reached[number - 1]) / (1 - reached[number - 1])
            levels = [number * step, max(float(size.max()), number * step) + step]
            ax.contourf(x, y, size, levels=levels, colors=[colour], alpha=float(own), zorder=1)


def _hatch(ax: Axes, across: Side, up: Side, is_empty: Array) -> None:
    """Hatching over the places that no training row is near to."""
    vertices: list[tuple[float, float]] = []
    for (bottom, top), row in zip(up.ends.tolist(), is_empty.tolist(), strict=True):
        for empty, run in groupby(range(len(row)), key=row.__getitem__):
            places = list(run)
            # One box for neighbours, unless a gap lies between them.
            parts = np.split(places, 1 + np.flatnonzero(across.ends[places[1:], 0] > across.ends[places[:-1], 1]))
            for part in parts if empty else ():
                left, right = across.ends[part[0], 0], across.ends[part[-1], 1]
                vertices += [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
    if vertices:
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * (len(vertices) // 5)
        ax.add_patch(PathPatch(Path(vertices, codes), fill=False, hatch="/////", edgecolor=muted(ax), linewidth=0))


def _axis(ax: Axes, across: Side, up: Side, names: list[str]) -> None:
    """Ticks and names of both axes."""
    upright = {} if across.is_numeric else {"rotation": 90}
    ax.set_xticks(across.ticks, across.names, parse_math=False, **upright)
    ax.set_yticks(up.ticks, up.names, parse_math=False)
    for side, axis in ((across, "x"), (up, "y")):
        if not side.is_numeric:
            ax.tick_params(axis=axis, length=0)
    ax.set_xlim(across.ends.min(), across.ends.max())
    ax.set_ylim(up.ends.min(), up.ends.max())
    ax.set_xlabel(names[0], parse_math=False)
    ax.set_ylabel(names[1], parse_math=False)


def _colour_bar(ax: Axes, drawing: Drawing) -> None:
    """The steps beside the picture, in log-odds."""
    step, n_steps = drawing.figures["step"], drawing.figures["n_steps"]
    above = opacities(n_steps).tolist()
    colours = [to_rgba(ORANGE, each) for each in above[::-1]] + [to_rgba(BLUE, each) for each in above]
    ends = step * np.arange(-n_steps, n_steps + 1)
    shown = ScalarMappable(BoundaryNorm(ends, len(colours)), ListedColormap(colours))
    bar = ax.figure.colorbar(shown, ax=ax, spacing="proportional", aspect=28, pad=0.03)
    every = 1 if n_steps <= 4 else 2
    ticks = step * np.arange(-(n_steps // every) * every, n_steps + 1, every)
    bar.set_ticks(ticks, labels=[number_text(float(tick)) for tick in ticks])
    bar.set_label("effect on the log-odds", parse_math=False)
    bar.outline.set_linewidth(0.6)
    bar.outline.set_edgecolor(muted(ax))
    bar.minorticks_off()
    bar.ax.tick_params(length=0)


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is: names of levels below it stand upright."""
    tables = drawing.table("first"), drawing.table("second")
    has_levels = not any(tables[0]["is_knot"]) and not any(tables[1]["is_knot"])
    return HEIGHT_MM + (LEVELS_MM if has_levels else NUMBERS_MM)
