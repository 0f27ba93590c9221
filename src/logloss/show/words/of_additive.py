"""An additive model in words and as a table: a line for each term. Only how figures are written is computed here."""

from __future__ import annotations

import math

from logloss.answers.small_table import SmallTable, column_texts
from logloss.show.words.of_model import certified, head_clauses, loss_lines, note_line
from logloss.text import columns, count, counted, fixed, p_clause, p_value, percent, printable, printable_lines
from logloss.training.additive_model import AdditiveModel
from logloss.training.term_effects import LEVELS, NUMBER, POOLED, TermEffect

# Of more terms the first ones are shown, in text and on a page.
IN_TEXT, ON_PAGES = 40, 200
# Kinds of terms in words, where the kind itself is none: beside the number of levels, and in a sentence.
SHORT = {NUMBER: "line", POOLED: "pooled"}
KIND_WORDS = {NUMBER: "line, no penalty", POOLED: "pooled", LEVELS: "no penalty"}


def text_of(model: AdditiveModel) -> str:
    """The whole model."""
    lines = [*columns(*term_rows(model), gap="   "), *left_out(model), ""]
    return printable_lines("\n".join([head_of(model), "", *lines, *remarks_of(model)]))


def head_of(model: AdditiveModel) -> str:
    """What it predicts, from how many terms, and how many rows it was trained on."""
    edf = edf_text(model.effective_degrees_of_freedom)
    return ", ".join([*head_clauses(model, counted(len(model.terms), "term")), f"{edf} effective degrees of freedom"])


def by_importance(model: AdditiveModel) -> list[TermEffect]:
    """The terms, that first without which the log loss would rise most; then by their range."""
    return sorted(model.terms, key=lambda term: (-term.loss_without, -term.range))


def term_rows(model: AdditiveModel, most: int = IN_TEXT) -> tuple[list[list[str]], str]:
    """The terms below the names of the columns, most important first; how these align."""
    shown = by_importance(model)[:most]
    shares = [model.share_of_skill(term.column) for term in shown]
    tests = [term.p_value for term in shown]
    columns_shown = {
        "": [printable(term.column) for term in shown],
        "share of skill": [share_text(share) for share in shares],
        "range (log-odds)": [fixed(term.range, 2) for term in shown],
        "effective df": [edf_text(term.effective_degrees_of_freedom) for term in shown],
        "p": ["" if math.isnan(p) else p_value(p) for p in tests],
        "levels": [count(len(term.at)) if term.kind in (LEVELS, POOLED) else "" for term in shown],
        "kind": [constrained(SHORT.get(term.kind, term.kind), term) for term in shown],
    }
    # A column without any value is left out.
    columns_shown = {name: cells for name, cells in columns_shown.items() if any(cells) or name == ""}
    rows = [list(columns_shown), *map(list, zip(*columns_shown.values(), strict=True))]
    return rows, "l" + "r" * (len(columns_shown) - 2) + "l"


def left_out(model: AdditiveModel, most: int = IN_TEXT) -> list[str]:
    """How many terms are not shown."""
    n_left = len(model.terms) - most
    return [f"… and {count(n_left)} more, of less importance: model.terms"] if n_left > 0 else []


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


def place_texts(table: SmallTable) -> list[str]:
    """The places of a term as text: numbers, levels, `missing`."""
    places = table["x"]
    numbers = [value for value in places if isinstance(value, float)]
    if numbers and all(isinstance(value, float) or value is None for value in places):
        written = iter(column_texts(numbers))
        return ["missing" if value is None else next(written) for value in places]
    return ["missing" if value is None else printable(str(value)) or '""' for value in places]
