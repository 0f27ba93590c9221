"""What the report of a plan says."""

from __future__ import annotations

from logloss.comparison import Plan
from logloss.show import page
from logloss.show.words.of_plan import basis_rows, power_rows, truth_rows
from logloss.show.words.of_plan import sentences as sentences_of
from logloss.text import capital


def title(p: Plan) -> str:
    """What the page is about."""
    return "How many rows a comparison needs"


def head(p: Plan) -> str:
    """What is planned for."""
    return "Plan of a comparison of two forecasts on the same rows · differences of log loss in nats per row"


def sentences(p: Plan) -> list[str]:
    """The answer."""
    return [f"{capital(each)}." for each in sentences_of(p)]


def main_table(p: Plan) -> tuple[list[list[str]], str]:
    """What the plan rests on, and how the columns of the table are aligned."""
    return [["", "", "what it is"], *basis_rows(p)], "lrl"


def sections(p: Plan) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    found = [("What it rests on", page.table(*main_table(p), label="What it rests on"))]
    if rows := truth_rows(p):
        found.append(("What the forecasts expect", page.table(rows, "lrrr", label="What the forecasts expect")))
    if rows := power_rows(p):
        found.append(("Rows by power", page.table(rows, "lr", label="Rows by power")))
    return found


def remarks(p: Plan) -> str:
    """What its words mean."""
    clause = [
        "n = ((q + z)·σ/δ)² + q²/2 rows, with q the normal quantile of the interval, z that of the power, σ the "
        "standard deviation of the difference of the two losses in a row, and δ the true difference (with a margin: "
        "the two together). Where rows depend on each other, n counts independent observations.",
        "The power is that of new rows, drawn the same way, if the true difference is the one that is planned for.",
    ]
    return page.paragraphs(clause)
