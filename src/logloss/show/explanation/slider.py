"""Sliders: what stands on the page, and what the script is told.

Without script a slider is not seen, and each picture is that of the frame shown first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from logloss.show import page
from logloss.show.explanation.marks import Change, Element, animated
from logloss.text import capital


class Slider:
    """A slider through frames: its name, its label, and what each frame says in a sentence."""

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
        self.sentence, moves = animated(lines, f"{self.name}-said", self.shown)
        self.changes += moves

    def html(self) -> str:
        """The slider with its label and its sentence."""
        inputs = [
            Element(
                "input",
                type="range",
                min=0,
                max=len(self.values) - 1,
                step=1,
                value=self.shown,
                aria_valuetext=value,
                autocomplete="off",
            )
            for value in self.values
        ]
        slider, moves = animated(inputs, self.name, self.shown)
        slider.attributes["id"] = self.name
        self.changes += [(self.name, attribute, values) for _, attribute, values in moves]
        play = f'<button type="button" id="{self.name}-play">Play</button>' if self.can_play else ""
        return (
            f'<div class="slider" id="{self.name}-box" hidden><label for="{self.name}">{page.text(capital(self.label))}'
            f'</label><div class="row">{slider}{play}</div>{self.sentence}</div>'
        )
