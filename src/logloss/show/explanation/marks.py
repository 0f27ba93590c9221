"""Pictures drawn by hand: marks on axes as SVG, and the frames of a picture that moves.

What moves is drawn once for each frame, whole; `animated` finds which attributes and texts differ between frames. So
nothing about motion is written by hand, each frame is a picture that could stand alone, and a page needs no arithmetic.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from logloss.show import page
from logloss.text import capital, fixed

# Of every picture, in its own units; shown between 340 and 580 pixels wide, so that 13 units are readable letters.
WIDTH = 440
# Half the width of a dot, and of the triangle that takes as much room.
RADIUS = 5.0

# What one attribute (or the text, whose name is "") of an element is in each frame: (id, attribute, values).
Change = tuple[str, str, list[str]]


class Element:
    """A tag, its attributes and what is in it: elements or text. Underscores in names of attributes become hyphens."""

    __slots__ = ("attributes", "children", "tag")

    def __init__(self, tag: str, *children: Element | str, **attributes: object) -> None:
        self.tag = tag
        self.children = list(children)
        self.attributes = {
            name.strip("_").replace("_", "-"): _written(value)
            for name, value in attributes.items()
            if value is not None
        }

    def __str__(self) -> str:
        attributes = "".join(f' {name}="{html.escape(value)}"' for name, value in self.attributes.items())
        if not self.children and self.tag not in ("span", "p", "td", "output", "text"):
            return f"<{self.tag}{attributes}/>"
        inner = "".join(html.escape(c, quote=False) if isinstance(c, str) else str(c) for c in self.children)
        return f"<{self.tag}{attributes}>{inner}</{self.tag}>"


def _written(value: object) -> str:
    """An attribute; of a coordinate two digits, a hundredth of a pixel."""
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def animated(frames: Sequence[Element], name: str, shown: int = 0) -> tuple[Element, list[Change]]:
    """(The picture of the frame that is shown first, whose moving elements have ids; how each of them moves)."""
    moves: list[Change] = []
    for number, same in enumerate(zip(*(_elements(frame) for frame in frames), strict=True)):
        first = same[shown]
        changes: list[Change] = []
        for attribute, value in first.attributes.items():
            values = [element.attributes[attribute] for element in same]
            if any(each != value for each in values):
                changes.append((f"{name}-{number}", attribute, values))
        if first.children and isinstance(first.children[0], str):
            texts = ["".join(map(str, element.children)) for element in same]
            if any(each != texts[0] for each in texts):
                changes.append((f"{name}-{number}", "", texts))
        if changes:
            first.attributes["id"] = f"{name}-{number}"
            moves += changes
    return frames[shown], moves


def _elements(element: Element) -> Iterator[Element]:
    """The element and all in it, in order."""
    yield element
    for child in element.children:
        if isinstance(child, Element):
            yield from _elements(child)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from low to high, no more than so many of them and two."""
    if not high > low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(step * k for k in (1, 2, 5, 10) if (high - low) / (step * k) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def tick_texts(values: Sequence[float]) -> list[str]:
    """The numbers on an axis, with as many digits as each of them needs."""
    size = max((abs(value) for value in values), default=0.0)
    digits = next((d for d in range(9) if all(abs(round(v, d) - v) <= 1e-9 * size for v in values)), 9)
    return [fixed(value, digits) for value in values]


@dataclass(frozen=True)
class Axes:
    """A rectangle of a picture in which numbers have places.

    x, y: the numbers at its ends; left, top, width, height: where it is, in units of the picture.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    left: float = 46.0
    top: float = 28.0
    width: float = 379.0
    height: float = 180.0

    def across(self, x: float) -> float:
        """Where a number lies across; at the end if it is beyond."""
        low, high = self.x
        return self.left + self.width * (min(max(x, low), high) - low) / (high - low)

    def up(self, y: float) -> float:
        """Where a number lies up; at the end if it is beyond."""
        low, high = self.y
        return self.top + self.height * (1 - (min(max(y, low), high) - low) / (high - low))

    def frame(
        self,
        x_title: str,
        y_title: str,
        *,
        x_ticks: Sequence[float] | None = None,
        y_ticks: Sequence[float] | None = None,
    ) -> Element:
        """The axes themselves: lines, round numbers, and what they count."""
        bottom = self.top + self.height
        across = ticks(*self.x, 7) if x_ticks is None else list(x_ticks)
        up = ticks(*self.y, 5) if y_ticks is None else list(y_ticks)
        marks: list[Element] = []
        for value, words in zip(up, tick_texts(up), strict=True):
            y = self.up(value)
            marks.append(Element("line", class_="grid", x1=self.left, x2=self.left + self.width, y1=y, y2=y))
            marks.append(Element("text", words, x=self.left - 6, y=y + 4.5, text_anchor="end"))
        for value, words in zip(across, tick_texts(across), strict=True):
            x = self.across(value)
            marks.append(Element("line", class_="rule", x1=x, x2=x, y1=bottom, y2=bottom + 4))
            marks.append(Element("text", words, x=x, y=bottom + 17, text_anchor="middle"))
        marks.append(Element("line", class_="rule", x1=self.left, x2=self.left + self.width, y1=bottom, y2=bottom))
        if y_title:
            marks.append(Element("text", y_title, x=4.0, y=self.top - 14))
        if x_title:
            right = self.left + self.width
            marks.append(Element("text", x_title, x=right, y=bottom + 34, text_anchor="end"))
        return Element("g", *marks, class_="axes")

    def line(self, points: Sequence[tuple[float, float]], kind: str) -> Element:
        """A line through points."""
        return Element("path", class_=kind, d=self._path(points))

    def area(self, points: Sequence[tuple[float, float]], kind: str, tooltip: str = "") -> Element:
        """What points enclose."""
        return Element("path", *_titled(tooltip), class_=kind, d=self._path(points) + "Z")

    def _path(self, points: Sequence[tuple[float, float]]) -> str:
        """Points as the commands of a path."""
        return "M" + "L".join(f"{_written(self.across(x))} {_written(self.up(y))}" for x, y in points)

    def bar(self, x: tuple[float, float], y: tuple[float, float], kind: str, tooltip: str = "") -> Element:
        """A rectangle between numbers."""
        left, right = self.across(x[0]), self.across(x[1])
        bottom, top = self.up(y[0]), self.up(y[1])
        return Element(
            "rect", *_titled(tooltip), class_=kind, x=left, y=top, width=right - left, height=max(bottom - top, 0.0)
        )

    def dot(self, x: float, y: float, *, is_positive: bool, tooltip: str = "", radius: float = RADIUS) -> Element:
        """A point: a filled circle for a positive one, a hollow triangle for a negative one."""
        across, up = self.across(x), self.up(y)
        if is_positive:
            return Element("circle", *_titled(tooltip), class_="pos", cx=across, cy=up, r=radius)
        wide, high = 1.15 * radius, radius
        corners = f"M0 {_written(-1.2 * high)}L{_written(wide)} {_written(0.8 * high)}H{_written(-wide)}Z"
        place = f"translate({_written(across)} {_written(up)})"
        return Element("path", *_titled(tooltip), class_="neg", d=corners, transform=place)

    def ring(self, x: float, y: float, kind: str, radius: float = 5.0) -> Element:
        """A ring about a place."""
        return Element("circle", class_=kind, cx=self.across(x), cy=self.up(y), r=radius)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        anchor: str = "middle",
        dx: float = 0.0,
        dy: float = 0.0,
        kind: str = "label",
    ) -> Element:
        """Words at a place."""
        return Element("text", words, class_=kind, x=self.across(x) + dx, y=self.up(y) + dy, text_anchor=anchor)

    def span(self, x: tuple[float, float], y: tuple[float, float], kind: str) -> Element:
        """A straight line between two places."""
        return Element(
            "line", class_=kind, x1=self.across(x[0]), x2=self.across(x[1]), y1=self.up(y[0]), y2=self.up(y[1])
        )


def _titled(tooltip: str) -> list[Element]:
    """What is shown when a mark is pointed at."""
    return [Element("title", tooltip)] if tooltip else []


class Slider:
    """A slider through frames, and a sentence on each; without script only the frame shown first is seen."""

    def __init__(self, name: str, label: str, values: Sequence[str], *, shown: int, can_play: bool = False) -> None:
        self.name, self.label, self.values, self.shown, self.can_play = name, label, list(values), shown, can_play
        self.changes: list[Change] = []
        self.sentence: Element | str = ""

    def picture(self, draw: Callable[[Any], Element], frames: Sequence[Any], name: str) -> str:
        """A picture that this slider moves, as SVG."""
        picture, moves = animated([draw(frame) for frame in frames], f"{self.name}-{name}", self.shown)
        self.changes += moves
        return str(picture)

    def captions(self, sentences: Sequence[str]) -> None:
        """What is read aloud when the slider has moved."""
        lines = [Element("p", sentence, class_="live", aria_live="polite") for sentence in sentences]
        self.sentence, moves = animated(lines, f"{self.name}-text", self.shown)
        self.changes += moves

    def html(self) -> str:
        """The slider with its label and its sentence."""
        same = {"type": "range", "min": 0, "max": len(self.values) - 1, "step": 1, "value": self.shown}
        inputs = [Element("input", **same, aria_valuetext=value, autocomplete="off") for value in self.values]
        slider, moves = animated(inputs, self.name, self.shown)
        slider.attributes["id"] = self.name
        self.changes += [(self.name, attribute, values) for _, attribute, values in moves]
        play = f'<button type="button" id="{self.name}-play">Play</button>' if self.can_play else ""
        return (
            f'<div class="slider" id="{self.name}-box" hidden><label for="{self.name}">{page.text(capital(self.label))}'
            f'</label><div class="row">{slider}{play}</div>{self.sentence}</div>'
        )
