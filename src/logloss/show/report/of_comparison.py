"""What the report of a comparison says."""

from __future__ import annotations

import math

from logloss.comparison import Comparison
from logloss.information import entropy
from logloss.show import page
from logloss.show.words.of_comparison import (
    evidence_rows,
    header,
    lead_digits,
    odds,
    parts_rows,
    ranking_rows,
    sentence,
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
    better, worse = printable(c.contest.better), printable(c.contest.worse)
    if rows := parts_rows(c):
        rows = [["", "nats per row", "95 %", ""], *([cell.strip() for cell in row] for row in rows)]
        found.append(("What the lead is made of", page.table(rows, "lrll", label="Parts of the lead")))
    if rows := evidence_rows(c):
        rows = [["", "", ""], *rows]
        found.append(
            (f"How sure it is that {better} is better than {worse}", page.table(rows, "lll", label="Evidence"))
        )
    if len(c.contests) > 1:
        found.append(("All pairs", _pairs(c)))
    lines = [["row", f"{better} said", f"{worse} said", "was", "lead (nats)"]]
    for row, place in zip(c.contest.apart, c.contest.places, strict=False):
        said = [fixed(row["said_by_better"], 4), fixed(row["said_by_worse"], 4)]
        lines.append([place.where(c.source), *said, f"{row['label']:g}", signed(row["lead_nats"], 3)])
    if len(lines) > 1:
        found.append(("Rows where they were furthest apart", page.table(lines[:21], label="Furthest apart")))
    return found


def _pairs(c: Comparison) -> str:
    """Every two forecasts."""
    rows = [["better", "worse", "lead (nats)", "95 % by itself", "95 % for all pairs", "evidence"]]
    for contest in c.contests[:MOST_LISTED]:
        digits = lead_digits(contest.lead)
        both = [shown(each, digits) for each in (contest.lead, contest.simultaneous)]
        evidence = "" if math.isnan(contest.log_evidence) else odds(contest.log_evidence)
        rows.append([printable(contest.better), printable(contest.worse), fixed(contest.lead, digits), *both, evidence])
    return page.table(rows, "llrllr", label="All pairs")


def remarks(c: Comparison) -> str:
    """What its words mean."""
    said = [
        "Differences are taken row by row, so that what makes a row hard for all forecasts cancels. Losses are −log of "
        "the probability given to what happened, natural logarithms, in nats per row. Nothing was clipped.",
        "Evidence of 20 to 1 is a likelihood ratio: had the worse one's probabilities been right, a bet on those of "
        "the better one would have won that much with a chance of 1 in 20 at most, however often one looked.",
    ]
    return page.paragraphs(said)
