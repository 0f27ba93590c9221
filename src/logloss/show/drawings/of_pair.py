"""What the picture of a pair shows: its effect on the log-odds over two columns, as a heat map.

Over numbers the effect is what predictions are made with: linear in each column between knots. Contours between steps
of the colour scale are those of this function, so nothing is smoothed for the eye.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from logloss.answers.small_table import SmallTable
from logloss.data.rows import Array
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_additive import edf_text, share_text, texts_of_places
from logloss.text import capital, counted, fixed, printable
from logloss.training.additive_model import AdditiveModel
from logloss.training.pair_effects import PairEffect

# Levels of a column that are drawn, a missing one apart; steps of the colour scale on either side of 0, at most.
MOST_LEVELS, MOST_STEPS = 15, 8
# Heights of a step, times powers of ten; effects as small as this are drawn as small ones.
STEPS, SMALLEST = (1.0, 2.0, 2.5, 5.0, 10.0), 0.01
NAME_LETTERS = 40


def pair(model: AdditiveModel, columns: tuple[str, str]) -> Drawing:
    """One pair of a model."""
    term = model.pairs[columns]
    share = share_text(model.share_of_skill(term.columns))
    return one_pair(term, model.positive, [f"{share} of the skill"] if share else [])


def one_pair(term: PairEffect, positive: str = "", clauses: Sequence[str] = ()) -> Drawing:
    """A pair by itself. clauses: what else is known of it."""
    name = printable(term.name, 2 * NAME_LETTERS)
    if not (term.weights > 0).any():
        return not_drawn("pair", name, "no training row is known to lie at any of its places")
    kept = [_drawn_places(term, axis) for axis in (0, 1)]
    effect, std_error, weights = (each[np.ix_(*kept)] for each in (term.effect, term.std_error, term.weights))
    shown = effect[weights > 0].tolist()
    step, n_steps = colour_scale(max(map(abs, shown)))
    known = "; ".join([f"{edf_text(term.effective_degrees_of_freedom)} effective degrees of freedom", *clauses])
    of = f" of {printable(positive)}" if positive else ""
    sentence = (
        f"What {' and '.join(printable(column, NAME_LETTERS) for column in term.columns)} together add to the "
        f"log-odds{of}, beyond the effect of each: blue above 0, orange below; from {fixed(min(shown), 2)} "
        f"to {fixed(max(shown), 2)}. {capital(known)}.{_reading(term, kept, weights, step)}"
    )
    tables = {name: _places(term, axis, kept[axis]) for axis, name in enumerate(("first", "second"))}
    tables["effects"] = SmallTable(
        {
            "first": [place for place in range(len(kept[0])) for _ in kept[1]],
            "second": [place for _ in kept[0] for place in range(len(kept[1]))],
            "effect": effect.reshape(-1).tolist(),
            "std_error": std_error.reshape(-1).tolist(),
            "weight": weights.reshape(-1).tolist(),
        }
    )
    figures = {
        "step": step,
        "n_steps": n_steps,
        "positive": positive,
        "first_name": printable(term.columns[0], NAME_LETTERS),
        "second_name": printable(term.columns[1], NAME_LETTERS),
    }
    rows = _numbers(tables, effect, weights, figures)
    note = f"Effects on the log-odds, {figures['first_name']} downwards; – where no training row is."
    return Drawing("pair", name, sentence, tables, figures, rows, note)


def _drawn_places(term: PairEffect, axis: int) -> list[int]:
    """The places of a column that are drawn: all knots, or the levels with the largest effects; missing last."""
    places = (term.at_first, term.at_second)[axis]
    every = range(len(places))
    missing = [k for k in every if places[k] is None]
    present = [k for k in every if places[k] is not None]
    if term.are_levels[axis]:
        sizes = np.where(term.weights > 0, np.abs(term.effect), 0.0).max(axis=1 - axis)
        present = sorted(sorted(present, key=lambda k: (-sizes[k], k))[:MOST_LEVELS])
    return present + missing


def _places(term: PairEffect, axis: int, kept: Sequence[int]) -> SmallTable:
    """The places that are drawn: their names, and the numbers of knots."""
    places = [(term.at_first, term.at_second)[axis][k] for k in kept]
    are_knots = [place is not None and not term.are_levels[axis] for place in places]
    numbers: list[Any] = [place if is_knot else math.nan for place, is_knot in zip(places, are_knots, strict=True)]
    is_missing = [place is None for place in places]
    return SmallTable({"name": texts_of_places(places), "x": numbers, "is_knot": are_knots, "is_missing": is_missing})


def colour_scale(largest: float) -> tuple[float, int]:
    """(The height of a step in log-odds, a round number; how many steps there are on either side of 0)."""
    largest = max(largest, SMALLEST)
    power = 10.0 ** math.floor(math.log10(largest / MOST_STEPS))
    # A largest effect at an end but for rounding needs no further step.
    step = next(power * each for each in STEPS if largest <= MOST_STEPS * power * each * (1 + 1e-9))
    return step, math.ceil(largest / step * (1 - 1e-9))


def _reading(term: PairEffect, kept: Sequence[Sequence[int]], weights: Array, step: float) -> str:
    """What the marks mean that it has."""
    words = f" No colour: within {step:g} of 0."
    if (weights <= 0).any():
        words += " Hatched: no training rows."
    for column, places, own in zip(term.columns, (term.at_first, term.at_second), kept, strict=True):
        if len(own) < len(places):
            shown = sum(places[k] is not None for k in own)
            words += (
                f" Of {printable(column, NAME_LETTERS)} the {shown} of {counted(len(places), 'level')} with the "
                "largest effects are shown."
            )
    return words


def _numbers(tables: dict[str, SmallTable], effect: Array, weights: Array, figures: dict[str, Any]) -> list[list[str]]:
    """The effects as a table of text, a row for each place of the first column."""
    head = [figures["first_name"], *tables["second"]["name"]]
    cells = [
        [fixed(value, 2) if weight > 0 else "–" for value, weight in zip(*row, strict=True)]
        for row in zip(effect.tolist(), weights.tolist(), strict=True)
    ]
    return [head, *([name, *row] for name, row in zip(tables["first"]["name"], cells, strict=True))]
