"""What the pictures of an additive model show: the effect of each term on the log-odds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from logloss.answers.small_table import SmallTable
from logloss.show.drawings.of_model import passes
from logloss.show.drawings.of_pair import pair
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_additive import (
    by_importance,
    edf_text,
    kind_text,
    pairs_by_importance,
    place_texts,
    share_text,
)
from logloss.text import capital, counted, fixed, interval, p_clause, percent, printable
from logloss.training.additive_model import AdditiveModel
from logloss.training.term_effects import LEVELS, POOLED, TermEffect

# Terms that are drawn together, and levels of a category that are drawn, missing values apart.
MOST_PANELS, MOST_LEVELS = 30, 15
# The common scale holds the effects of each curve on all but this share of the rows at either end, up to this size
# (odds times 150): a rare value may have an effect that would flatten all others. Intervals lengthen it by at most so
# much of its length at either end.
RARE, LARGEST, BEYOND = 0.025, 5.0, 0.25
# How a panel is drawn: a curve over numbers, or points over levels.
CURVE, POINTS = "curve", "points"
KEYS = ("column", "name", "x", "effect", "low", "high", "share_of_rows", "is_missing")


def effects(model: AdditiveModel) -> Drawing:
    """All terms, most important first, on one scale."""
    title, terms = "Effects", by_importance(model)
    if not terms:
        return not_drawn("effects", title, "the model has no terms")
    drawn = terms[:MOST_PANELS]
    sentence = (
        f"Effects of the terms on the log-odds of {printable(model.positive)}{_intervals(model.terms)}, most important "
        f"first; dotted: the average training row.{_reading(drawn)}"
    )
    if len(terms) > len(drawn):
        sentence += f" Shown are {len(drawn)} of {counted(len(terms), 'term')}."
    if model.pair_terms:
        sentence += f" The model has {counted(len(model.pair_terms), 'pair')}, too, with pictures of their own."
    return _drawing("effects", title, sentence, drawn, common_scale(drawn), model.positive)


def _intervals(terms: Sequence[TermEffect]) -> str:
    """That intervals are drawn, where there are any."""
    return " with 95% intervals" if any(np.isfinite(term.std_error).any() for term in terms) else ""


def effect(model: AdditiveModel, column: str) -> Drawing:
    """One term, on the scale of all."""
    term, scale = model.shapes[column], common_scale(by_importance(model)[:MOST_PANELS])
    share = share_text(model.share_of_skill(column))
    return one_term(term, scale, model.positive, [f"{share} of the skill"] if share else [])


def one_term(
    term: TermEffect, scale: tuple[float, float] | None = None, positive: str = "", clauses: Sequence[str] = ()
) -> Drawing:
    """One term. scale: of the log-odds, its own if left out; clauses: what else is known of it."""
    shown = printable(term.column, 40)
    of = f" of {printable(positive)}" if positive else ""
    edf = f"{edf_text(term.effective_degrees_of_freedom)} effective degrees of freedom"
    known = "; ".join([kind_text(term), edf, *clauses, *([] if math.isnan(term.p_value) else [p_clause(term.p_value)])])
    sentence = (
        f"Effect of {shown} on the log-odds{of}{_intervals([term])}; dotted: the average training row. "
        f"{capital(known)}.{_reading([term])}"
    )
    scale = _own_scale(term) if scale is None else scale
    reached = [row["effect"] for row in places_of(term)]
    beyond = [end for end in (min(reached), max(reached)) if not scale[0] <= end <= scale[1]]
    if beyond:
        sentence += (
            f" Triangles: effects beyond the frame, which reach {' and '.join(fixed(end, 1) for end in beyond)}."
        )
    return _drawing("effect", shown, sentence, [term], scale, positive)


def _reading(terms: Sequence[TermEffect]) -> str:
    """What the marks mean that some terms have."""
    words = ""
    if any(_way(term) == CURVE and term.weights.sum() > 0 for term in terms):
        words += " Ticks at the bottom are knots, the higher the more rows are there."
    if any(None in term.at for term in terms):
        words += " Hollow: rows in which the value is missing."
    cut = [term for term in terms if _n_left(term)]
    if len(cut) == 1 and len(terms) == 1:
        words += f" Shown are the {MOST_LEVELS} of {counted(len(cut[0].at), 'level')} with the largest effects."
    elif cut:
        words += f" Of more than {MOST_LEVELS} levels those with the largest effects are shown."
    return words


def _drawing(
    kind: str, title: str, sentence: str, terms: Sequence[TermEffect], scale: tuple[float, float], positive: str
) -> Drawing:
    """Terms with their places, and the scale that they share."""
    places = [row for term in terms for row in places_of(term)]
    panels: dict[str, list[Any]] = {
        "column": [term.column for term in terms],
        "name": [printable(term.column, 40) for term in terms],
        "kind": [term.kind for term in terms],
        "way": [_way(term) for term in terms],
        "is_sorted": [term.kind == POOLED for term in terms],
        "n_levels_left_out": [_n_left(term) for term in terms],
    }
    tables = {
        "effects": SmallTable({key: [row[key] for row in places] for key in KEYS}),
        "panels": SmallTable(panels),
    }
    of_column = ["term"] if kind == "effects" else []
    rows = [[*of_column, "value" if of_column else title, "effect (log-odds)", "95% CI", "share of rows"]]
    for row in places:
        share = "" if math.isnan(row["share_of_rows"]) else percent(row["share_of_rows"], 2)
        own = [printable(row["column"], 40)] if of_column else []
        rows.append([*own, row["name"], fixed(row["effect"], 3), interval(row["low"], row["high"], 2), share])
    figures = {"y_low": scale[0], "y_high": scale[1], "positive": positive}
    return Drawing(kind, title, sentence, tables, figures, rows)


def places_of(term: TermEffect) -> list[dict[str, Any]]:
    """The places of a term that are drawn: all knots of a curve, or levels with the largest effects; missing last."""
    table, total = term.table, float(term.weights.sum())
    rows: list[dict[str, Any]] = []
    for name, row in zip(place_texts(table), table, strict=True):
        x = row["x"] if _way(term) == CURVE and row["x"] is not None else math.nan
        share = row["weight"] / total if total > 0 else math.nan
        own = {"column": term.column, "name": name, "x": x, "share_of_rows": share, "is_missing": row["x"] is None}
        rows.append(own | {key: row[key] for key in ("effect", "low", "high")})
    if _way(term) == CURVE:
        return rows
    missing, levels = [[row for row in rows if row["is_missing"] is is_so] for is_so in (True, False)]
    largest = sorted(levels, key=lambda row: -abs(row["effect"]))[:MOST_LEVELS]
    if term.kind == POOLED:
        return [*sorted(largest, key=lambda row: -row["effect"]), *missing]
    return [*(row for row in levels if any(row is each for each in largest)), *missing]


def _n_left(term: TermEffect) -> int:
    """How many levels are not drawn."""
    return 0 if _way(term) == CURVE else max(len(term.at) - (None in term.at) - MOST_LEVELS, 0)


def _way(term: TermEffect) -> str:
    """How a term is drawn."""
    return POINTS if term.kind in (LEVELS, POOLED) else CURVE


def common_scale(terms: Sequence[TermEffect]) -> tuple[float, float]:
    """The ends of the scale of log-odds that several terms share."""
    usual = [_usual(term) for term in terms]
    return _with_intervals(terms, [(max(low, -LARGEST), min(high, LARGEST)) for low, high in usual])


def _own_scale(term: TermEffect) -> tuple[float, float]:
    """The ends of the scale of one term alone, all its effects inside."""
    drawn = [row["effect"] for row in places_of(term)]
    return _with_intervals([term], [(min(drawn, default=0.0), max(drawn, default=0.0))])


def _usual(term: TermEffect) -> tuple[float, float]:
    """The least and the greatest effect that are drawn; of a curve, on all rows but few."""
    rows = places_of(term)
    effect = np.array([row["effect"] for row in rows])
    if _way(term) == POINTS or not term.weights.sum() > 0:
        return float(effect.min(initial=0.0)), float(effect.max(initial=0.0))
    order = np.argsort(effect)
    mass = np.cumsum(term.weights[order])
    ends = [int(np.searchsorted(mass, level * mass[-1])) for level in (RARE, 1 - RARE)]
    return float(effect[order[ends[0]]]), float(effect[order[ends[1]]])


def _with_intervals(terms: Sequence[TermEffect], ends: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """A scale with room for effects between some ends, and for their intervals as far as these are not too long."""
    low, high = min(0.0, *(low for low, _ in ends)), max(0.0, *(high for _, high in ends))
    room = BEYOND * (high - low) if high > low else 1.0
    rows = [row for term in terms for row in places_of(term)]
    lowest = min((row["low"] for row in rows), default=low)
    highest = max((row["high"] for row in rows), default=high)
    low, high = min(low, max(lowest, low - room)), max(high, min(highest, high + room))
    rim = 0.05 * (high - low) if high > low else 1.0
    return low - rim, high + rim


KINDS: dict[str, Callable[[AdditiveModel], Drawing]] = {"effects": effects, "passes": passes}


def pictures(model: AdditiveModel) -> dict[str | tuple[str, str], Callable[[AdditiveModel], Drawing]]:
    """The pictures of a model by name; those of its columns among them, but for a column with the name of a picture.

    A pair is known by its name, and by its columns in either order.
    """
    found: dict[str | tuple[str, str], Callable[[AdditiveModel], Drawing]] = {}
    for term in model.pair_terms:
        found |= dict.fromkeys((term.name, term.columns, term.columns[::-1]), partial(pair, columns=term.columns))
    return found | {column: partial(effect, column=column) for column in model.shapes} | KINDS


def kinds(model: AdditiveModel) -> list[str]:
    """The names of the pictures; the first one is drawn if none is named."""
    return ["effects", *kinds_of_terms(model), *kinds_of_pairs(model), "passes"]


def kinds_of_terms(model: AdditiveModel) -> list[str]:
    """Those of terms, most important first."""
    return [term.column for term in by_importance(model) if term.column not in KINDS]


def kinds_of_pairs(model: AdditiveModel) -> list[str]:
    """Those of pairs, most important first."""
    return [term.name for term in pairs_by_importance(model) if term.name not in model.shapes]
