"""An additive model in words and as a table: a line for each term. Only how figures are written is computed here."""

from __future__ import annotations

import math
from collections.abc import Sequence

from logloss.answers.small_table import SmallTable, column_texts
from logloss.data.values import Value
from logloss.show.words.of_model import certified, head_clauses, loss_lines, note_line
from logloss.text import columns, count, counted, fixed, p_clause, p_value, percent, printable, printable_lines
from logloss.training.additive_model import AdditiveModel
from logloss.training.pair_effects import PairEffect
from logloss.training.term_effects import LEVELS, NUMBER, POOLED, TermEffect

# Of more terms and pairs the first ones are shown, in text and on a page.
IN_TEXT, ON_PAGES = 40, 200
# Places of a pair that its own text shows.
MOST_PLACES, LARGEST = 10, "largest effects, where training rows are; all places: table"
# Kinds of terms in words, where the kind itself is none: beside the number of levels, and in a sentence.
SHORT = {NUMBER: "line", POOLED: "pooled"}
KIND_WORDS = {NUMBER: "line, no penalty", POOLED: "pooled", LEVELS: "no penalty"}
PAIR = "pair"


def text_of(model: AdditiveModel) -> str:
    """The whole model."""
    lines = [*columns(*term_rows(model), gap="   "), *left_out(model), ""]
    return printable_lines("\n".join([head_of(model), "", *lines, *remarks_of(model)]))


def head_of(model: AdditiveModel) -> str:
    """What it predicts, from how many terms, and how many rows it was trained on."""
    edf = edf_text(model.effective_degrees_of_freedom)
    parts = counted(len(model.terms), "term")
    if model.pair_terms:
        parts += f" and {counted(len(model.pair_terms), 'pair')}"
    return ", ".join([*head_clauses(model, parts), f"{edf} effective degrees of freedom"])


def by_importance(model: AdditiveModel) -> list[TermEffect]:
    """The terms, that first without which the log loss would rise most; then by their range."""
    return sorted(model.terms, key=_importance)


def pairs_by_importance(model: AdditiveModel) -> list[PairEffect]:
    """The pairs in the same order."""
    return sorted(model.pair_terms, key=_importance)


def parts_by_importance(model: AdditiveModel) -> list[TermEffect | PairEffect]:
    """Terms and pairs together in this order."""
    return sorted((*model.terms, *model.pair_terms), key=_importance)


def _importance(part: TermEffect | PairEffect) -> tuple[float, float]:
    return -part.loss_without, -part.range


def name_of(part: TermEffect | PairEffect) -> str:
    """The column of a term, or both of a pair: `age × hours`."""
    return part.name if isinstance(part, PairEffect) else part.column


def share_of(model: AdditiveModel, part: TermEffect | PairEffect) -> float:
    """The share of the skill of a term, or of a pair."""
    return model.share_of_skill(part.columns if isinstance(part, PairEffect) else part.column)


def term_rows(model: AdditiveModel, most: int = IN_TEXT) -> tuple[list[list[str]], str]:
    """Terms and pairs below the names of the columns, most important first; how these align."""
    shown = parts_by_importance(model)[:most]
    tests = [part.p_value if isinstance(part, TermEffect) else math.nan for part in shown]
    columns_shown = {
        "": [printable(name_of(part)) for part in shown],
        "share of skill": [share_text(share_of(model, part)) for part in shown],
        "range (log-odds)": [fixed(part.range, 2) for part in shown],
        "effective df": [edf_text(part.effective_degrees_of_freedom) for part in shown],
        "p": ["" if math.isnan(p) else p_value(p) for p in tests],
        "levels": [_n_levels(part) for part in shown],
        "kind": [_short_kind(part) for part in shown],
    }
    # A column without any value is left out.
    columns_shown = {name: cells for name, cells in columns_shown.items() if any(cells) or name == ""}
    rows = [list(columns_shown), *map(list, zip(*columns_shown.values(), strict=True))]
    return rows, "l" + "r" * (len(columns_shown) - 2) + "l"


def left_out(model: AdditiveModel, most: int = IN_TEXT) -> list[str]:
    """How many terms and pairs are not shown."""
    n_left = len(model.terms) + len(model.pair_terms) - most
    where = "model.terms, model.pairs" if model.pair_terms else "model.terms"
    return [f"… and {count(n_left)} more, of less importance: {where}"] if n_left > 0 else []


def _n_levels(part: TermEffect | PairEffect) -> str:
    """How many levels a category has."""
    if isinstance(part, PairEffect) or part.kind not in (LEVELS, POOLED):
        return ""
    return count(len(part.at))


def _short_kind(part: TermEffect | PairEffect) -> str:
    """What a term or a pair is, beside the number of levels."""
    return PAIR if isinstance(part, PairEffect) else constrained(SHORT.get(part.kind, part.kind), part)


def kind_text(term: TermEffect) -> str:
    """What a term is: `smooth`, `smooth, increasing`, `2,972 levels, pooled`, `line, no penalty`."""
    words = constrained(KIND_WORDS.get(term.kind, term.kind), term)
    return f"{counted(len(term.at), 'level')}, {words}" if term.kind in (LEVELS, POOLED) else words


def constrained(words: str, term: TermEffect) -> str:
    """The kind of a term in words, and how it runs where it must be monotone."""
    return f"{words}, {term.constraint}" if term.constraint else words


def edf_text(edf: float) -> str:
    """Effective degrees of freedom: `7.6`, `1,432.1`."""
    # Rounding may leave less than nothing of a term that is out of the model.
    return f"{max(edf, 0.0):,.1f}"


def share_text(share: float) -> str:
    """A share of the skill; empty where it is not defined."""
    return "" if math.isnan(share) else percent(share, 1)


def remarks_of(model: AdditiveModel) -> list[str]:
    """The lines below the table: log loss, certificate, notes."""
    bound = certified(model.certificate, "the minimum at the chosen precisions")
    cautions = [f"caution    {caution}" for caution in model.cautions]
    lines = [*cautions, *loss_lines(model), f"optimum    {bound}; {counted(len(model.passes), 'pass', 'passes')}"]
    return [*lines, *map(note_line, model.notes)]


def term_text(term: TermEffect) -> str:
    """One term: its head, and the first of its places."""
    clauses = [kind_text(term), f"{edf_text(term.effective_degrees_of_freedom)} effective degrees of freedom"]
    clauses += [] if math.isnan(term.p_value) else [p_clause(term.p_value)]
    head = f"TermEffect {printable(term.column)}: {', '.join(clauses)}, range {fixed(term.range, 2)} in log-odds"
    return printable_lines(f"{head}\n\n{term.table!r}")


def pair_text(pair: PairEffect) -> str:
    """One pair: its head, and the places with the largest effects."""
    edf = f"{edf_text(pair.effective_degrees_of_freedom)} effective degrees of freedom"
    size = f"{count(len(pair.at_first))} × {count(len(pair.at_second))} places"
    head = f"PairEffect {printable(pair.name)}: {size}, {edf}, range {fixed(pair.range, 2)} in log-odds"
    if not (pair.weights > 0).any():
        return printable_lines(head)
    return printable_lines(f"{head}\n\n{LARGEST}\n\n{largest_places(pair)!r}")


def largest_places(pair: PairEffect) -> SmallTable:
    """The rows of its table with the largest effects, of those with training rows."""
    rows = [row for row in pair.table if row["weight"] > 0]
    largest = sorted(rows, key=lambda row: -abs(row["effect"]))[:MOST_PLACES]
    return SmallTable({name: [row[name] for row in largest] for name in pair.table.column_names})


def place_texts(table: SmallTable) -> list[str]:
    """The places of a term as text: numbers, levels, `missing`."""
    return texts_of_places(table["x"])


def texts_of_places(places: Sequence[Value]) -> list[str]:
    """Some places as text."""
    numbers = [value for value in places if isinstance(value, float)]
    if numbers and all(isinstance(value, float) or value is None for value in places):
        written = iter(column_texts(numbers))
        return ["missing" if value is None else next(written) for value in places]
    return ["missing" if value is None else printable(str(value)) or '""' for value in places]
