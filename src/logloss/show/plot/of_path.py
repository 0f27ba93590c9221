"""The pictures of a penalty path."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from logloss.data.rows import Array
from logloss.show.drawings.picture import Drawing
from logloss.show.plot.style import BAND, BLUE, ORANGE, SMALL, legend_below, reference_line
from logloss.text import cut

CHOSEN = "chosen"
# Powers of ten that are named on the axis of strengths.
MOST_TICKS = 6
# Room for a name beside its line, in heights of the axes, and letters of it.
NAME_HEIGHT, NAME_LETTERS = 0.072, 20
# Words above two strengths that are nearer, in widths of the axes, would collide.
NEAR = 0.17


def path(ax: Axes, drawing: Drawing) -> None:
    """The losses over the strength on a logarithmic axis, their interval as a band, the chosen value."""
    rows, figures = drawing.table("path"), drawing.figures
    axis = figures["axis"]
    strength = np.array(rows[axis])
    # Of many values the line is enough.
    marks = {"marker": "o", "markersize": 3} if len(strength) <= 30 else {}
    ax.set_xscale("log")
    ax.fill_between(strength, rows["low"], rows["high"], color=BLUE, alpha=0.18, linewidth=0, label="95% interval")
    ax.plot(strength, rows["log_loss"], "-", color=BLUE, linewidth=1.4, label=figures["loss"], **marks)
    chosen = figures[f"chosen_{axis}"]
    if chosen > 0:
        reference_line(ax, x=chosen)
        at = chosen, figures["chosen_log_loss"]
        ax.plot(*([each] for each in at), "D", color=ORANGE, markersize=5, zorder=5, label=CHOSEN)
    if not figures["is_strong_chosen"]:
        at = figures[f"within_one_standard_error_{axis}"], figures["within_one_standard_error_log_loss"]
        label = "largest within 1 SE"
        hollow = {"markerfacecolor": ax.get_facecolor(), "markersize": 5, "zorder": 5}
        ax.plot(*([each] for each in at), "D", color=ORANGE, label=label, **hollow)
    _strength_axis(ax, strength, figures["x_label"])
    ax.set_ylabel("nats per row")
    legend_below(ax, [figures["loss"], CHOSEN])


def path_coefficients(ax: Axes, drawing: Drawing) -> None:
    """A line for each coefficient over the strength; the largest where the model is chosen have their names."""
    lines, figures = drawing.table("lines"), drawing.figures
    numbers, axis = np.array(lines["number"]), figures["axis"]
    strength, values = np.array(lines[axis]), np.array(lines["per_sd"])
    names, is_named = lines["name"], np.array(lines["is_named"])
    ax.set_xscale("log")
    reference_line(ax, y=0)
    ends: dict[str, float] = {}
    for number in dict.fromkeys(numbers.tolist()):
        own = numbers == number
        first = int(np.flatnonzero(own)[0])
        color, width, order = (BLUE, 1.4, 3) if is_named[first] else (BAND, 1.0, 2)
        # From where it leaves 0.
        start = max(int(np.flatnonzero(values[own])[0]) - 1, 0)
        ax.plot(strength[own][start:], values[own][start:], color=color, linewidth=width, zorder=order)
        if is_named[first]:
            ends[names[first]] = float(values[own][-1])
    low, high = float(values.min()), float(values.max())
    room = 0.06 * (high - low)
    ax.set_ylim(low - room, high + room)
    ax.set_xlim(strength.min(), strength.max())
    _strength_axis(ax, strength, figures["x_label"])
    _mark(ax, figures["chosen"], figures["within_one_standard_error"])
    # Lines end at the weakest penalty, at the left, where their names stand.
    ax.yaxis.tick_right()
    ax.yaxis.set_label_position("right")
    ax.spines["left"].set_visible(False)
    ax.spines["right"].set_visible(True)
    ax.set_ylabel("log-odds per standard deviation")
    _name_lines(ax, ends)


def _mark(ax: Axes, chosen: float, within: float) -> None:
    """Upright lines at the chosen strength and at the largest within one standard error, with words above."""
    ends = np.log(ax.get_xlim())
    places = [(math.log(each) - ends[0]) / (ends[1] - ends[0]) if each > 0 else math.nan for each in (chosen, within)]
    is_apart = abs(places[1] - places[0]) > NEAR
    for each, place, words in zip((chosen, within), places, (CHOSEN, "1 SE"), strict=True):
        if not 0 <= place <= 1 or (words != CHOSEN and not is_apart):
            continue
        reference_line(ax, x=each)
        at = "left" if place < NEAR / 2 else "right" if place > 1 - NEAR / 2 else "center"
        ax.annotate(words, (place, 1.01), xycoords="axes fraction", ha=at, va="bottom", fontsize=SMALL)


def _short(name: str) -> str:
    """A name beside a line; of a long one of a level the level."""
    level = name.partition(": ")[2]
    return cut(level if level and len(name) > NAME_LETTERS else name, NAME_LETTERS)


def _name_lines(ax: Axes, ends: dict[str, float]) -> None:
    """The name of each line left of its end, moved where names would collide, with a thin line to it."""
    low, high = ax.get_ylim()
    names = sorted(ends, key=lambda name: ends[name])
    places = [(ends[name] - low) / (high - low) for name in names]
    for name, place, moved in zip(names, places, apart(places), strict=True):
        ax.annotate(
            _short(name),
            (0, place),
            (-0.04, moved),
            xycoords="axes fraction",
            textcoords="axes fraction",
            ha="right",
            va="center",
            fontsize=SMALL,
            color=BLUE,
            parse_math=False,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": BAND,
                "linewidth": 0.6,
                "relpos": (1, 0.5),
                "shrinkA": 1,
                "shrinkB": 0,
            },
        )


def apart(places: Sequence[float], least: float = NAME_HEIGHT) -> Array:
    """Ascending places in [0, 1] moved so that neighbours are `least` apart, as far as there is room; the least
    squares of the moves."""
    least = min(least, 1 / max(len(places) - 1, 1))
    steps = least * np.arange(len(places))
    # With equal gaps taken off, they must not fall: pool adjacent violators.
    pools: list[tuple[float, int]] = []
    for value in (np.asarray(places) - steps).tolist():
        pools.append((value, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, n), (b, m) = pools[-2:]
            pools[-2:] = [((a * n + b * m) / (n + m), n + m)]
    level = np.concatenate([np.full(n, value) for value, n in pools]) if pools else np.zeros(0)
    return np.clip(level, 0.0, max(1.0 - steps[-1], 0.0) if len(steps) else 0.0) + steps


def _strength_axis(ax: Axes, strength: Array, label: str) -> None:
    """Powers of ten below the axis."""
    low, high = math.floor(math.log10(strength.min())), math.ceil(math.log10(strength.max()))
    every = max(1, math.ceil((high - low) / MOST_TICKS))
    ends = ax.get_xlim()
    ticks = [10.0**each for each in range(low, high + 1, every)]
    ax.set_xticks(ticks, [f"{each:g}" for each in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlim(ends)
    ax.set_xlabel(label)
