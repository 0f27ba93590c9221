"""The pictures of segments: points with simultaneous intervals, one below the other."""

from __future__ import annotations

from matplotlib.axes import Axes

from logloss.show.drawings.picture import Drawing
from logloss.show.plot.style import BLUE, LETTERS_OF_TWO, ORANGE, SMALL, from_zero, muted, name_rows, whisker
from logloss.text import cut, fixed

# What each row and the axis take.
ROW_MM, AXIS_MM = 8.0, 18.0
# Names of segments are long.
WIDE_MM = 125.0


def miscalibrated(ax: Axes, drawing: Drawing) -> None:
    """Observed minus predicted rate: orange where positives are more often observed than predicted, blue where less."""
    _points(ax, drawing, "difference", "observed − predicted rate")
    table = drawing.table("segments")
    for row, gain in enumerate(table["gain_nats"]):
        words = fixed(gain, 4)
        ax.text(1.04, row, words, transform=ax.get_yaxis_transform(), va="center", fontsize=SMALL)
    ax.text(1.04, -0.7, "gain (nats)", transform=ax.get_yaxis_transform(), va="bottom", fontsize=SMALL, color=muted(ax))


def high_losses(ax: Axes, drawing: Drawing) -> None:
    """What each segment adds to the log loss of all rows."""
    _points(ax, drawing, "contribution_nats", "contribution to the log loss (nats)")


def _points(ax: Axes, drawing: Drawing, name: str, label: str) -> None:
    table = drawing.table("segments")
    values, lows, highs = (table[f"{name}{end}"] for end in ("", "_low", "_high"))
    name_rows(ax, [""] * len(values))
    names = ["\n".join(cut(part, LETTERS_OF_TWO) for part in _parts(name)) for name in table["segment"]]
    ax.set_yticks(range(len(names)), names, parse_math=False)
    for row, (value, low, high) in enumerate(zip(values, lows, highs, strict=True)):
        color = ORANGE if value > 0 else BLUE
        whisker(ax, row, low, high, color=color)
        ax.plot([value], [row], "o", color=color, markersize=4, zorder=4)
    from_zero(ax, label)


def _parts(segment: str) -> list[str]:
    """A pair of ranges in two lines."""
    first, _, second = segment.partition(" and ")
    return [first, f"and {second}"] if second else [first]


DRAWN = {"miscalibrated": miscalibrated, "high_losses": high_losses}


def width_mm(drawing: Drawing) -> float:
    """How wide a picture is."""
    return WIDE_MM


def height_mm(drawing: Drawing) -> float:
    """How tall a picture is."""
    return AXIS_MM + ROW_MM * len(drawing.table("segments"))
