"""What the report of a comparison says."""

from __future__ import annotations

from logloss.comparison import Comparison
from logloss.information import entropy
from logloss.show import page
from logloss.show.words.of_comparison import (
    delta_digits,
    excluded_text,
    header,
    parts_rows,
    ranking_rows,
    sentence,
    sequential_rows,
)
from logloss.show.words.of_measurement import shown, signed
from logloss.text import fixed, listed, printable

# Most rows of a table: of 24 forecasts there are 276 pairs.
MOST_LISTED = 300

head, main_table = header, ranking_rows


def title(c: Comparison) -> str:
    """What the page is about."""
    return "Comparison of " + listed([printable(name, 24) for name in c.names], 5)


def sentences(c: Comparison) -> list[str]:
    """The answer, and how it compares with saying the base rate."""
    first = sentence(c).rstrip(".") + "."
    losses = [f"{printable(name)} {fixed(c.log_losses[name], 4)}" for name in c.ranking["forecast"]]
    base = f"Log losses: {listed(losses)} nats per row; always saying the base rate would cost "
    return [first, f"{base}{fixed(float(entropy(c.base_rate)), 4)}."]


def sections(c: Comparison) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    found = [("Ranking", page.table(*main_table(c), label="Ranking"))]
    better, worse = printable(c.pair.better), printable(c.pair.worse)
    if rows := parts_rows(c):
        rows = [["", "nats per row", "95 %", ""], *([cell.strip() for cell in row] for row in rows)]
        found.append(("What the lead is made of", page.table(rows, "lrll", label="Parts of the lead")))
    if rows := sequential_rows(c):
        rows = [["", "", ""], *rows]
        found.append(
            (f"How sure it is that {better} is better than {worse}", page.table(rows, "lll", label="Evidence"))
        )
    if len(c.pairs) > 1:
        found.append(("All pairs", _pairs(c)))
    lines = [["row", f"{better} said", f"{worse} said", "was", "lead (nats)"]]
    for row, place in zip(c.pair.largest_differences, c.pair.places, strict=False):
        clause = [fixed(row["predicted_by_better"], 4), fixed(row["predicted_by_worse"], 4)]
        lines.append([place.where(c.source), *clause, f"{row['observed']:g}", signed(row["delta_nats"], 3)])
    if len(lines) > 1:
        found.append(("Rows where they were furthest apart", page.table(lines[:21], label="Furthest apart")))
    return found


def _pairs(c: Comparison) -> str:
    """Every two forecasts."""
    is_ordered = c.pair.sequential.n_periods > 0
    sequence = ["confidence sequence"] if is_ordered else []
    rows = [["better", "worse", "lead (nats)", "95 % by itself", "95 % for all pairs", *sequence]]
    for pair in c.pairs[:MOST_LISTED]:
        digits = delta_digits(pair.delta)
        both = [shown(each, digits) for each in (pair.delta, pair.simultaneous)]
        sequential = pair.sequential
        sequence = (
            [excluded_text(pair)] if sequential.n_periods and sequential.confidence_sequence.has_interval else [""]
        )
        names = [printable(pair.better), printable(pair.worse)]
        rows.append([*names, fixed(pair.delta, digits), *both, *(sequence if is_ordered else [])])
    return page.table(rows, "llrll" + "l" * is_ordered, label="All pairs")


def remarks(c: Comparison) -> str:
    """What its words mean."""
    clause = [
        "Differences are taken row by row, so that what makes a row hard for all forecasts cancels. Losses are −log of "
        "the probability given to what happened, natural logarithms, in nats per row. Nothing was clipped.",
    ]
    if c.pair.sequential.n_periods:
        clause.append(
            "The confidence sequence may be looked at after every period: at all of them together it holds the mean of "
            "what the lead of each period was to be expected to be, with 95 %. It needs that all forecasts and weights "
            "of a period precede its outcomes, and nothing else, but independent rows of a period where these were "
            "asked for. Evidence is an e-value, half of what bets against “the better one is better in no period” have "
            "won: where that is so, it is ever 20 to 1 with a chance of 1 in 20 at most. One good period is enough to "
            "refute that, so that it may be large while the sequence still holds 0."
        )
    return page.paragraphs(clause)
