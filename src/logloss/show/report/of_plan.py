"""The content of the report of a plan: title, answer, tables, methods."""

from __future__ import annotations

import math

from logloss.comparison import Plan
from logloss.show import page
from logloss.show.words.of_plan import basis_rows, percent, power_rows, scenario_rows
from logloss.show.words.of_plan import sentences as sentences_of
from logloss.text import count, significant


def title(p: Plan) -> str:
    """What the page is about."""
    return "Sample size of a comparison of two forecasters"


def head(p: Plan) -> str:
    """What is planned."""
    test = "a difference in log loss" if math.isnan(p.margin) else "non-inferiority in log loss"
    return f"Paired test of {test}, both forecasters on the same rows; nats per row"


def headline(p: Plan) -> tuple[str, str]:
    """The one large number and its unit."""
    if p.rows_needed is not None:
        return count(p.rows_needed), f"rows for {percent(p.power)} power"
    if p.n_rows is not None and math.isfinite(p.detectable_difference):
        return significant(max(p.detectable_difference, 0.0)), f"nats per row, detectable with {percent(p.power)} power"
    return "none", "no number of rows is enough"


def sentences(p: Plan) -> list[str]:
    """Rows needed, then what the available rows detect."""
    return sentences_of(p)[::-1]


def main_table(p: Plan) -> tuple[list[list[str]], str]:
    """The assumptions of the plan, and how the columns of the table are aligned."""
    return [["assumption", "value", ""], *basis_rows(p)], "lrl"


def sections(p: Plan) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    tables = [("Assumptions", page.table(*main_table(p), label="Assumptions"))]
    if rows := scenario_rows(p):
        tables.append(("Scenarios", page.table(rows, "lrrr", label="Scenarios")))
    if rows := power_rows(p):
        tables.append(("Rows needed by power", page.table(rows, "lr", label="Rows needed by power")))
    return tables


def remarks(p: Plan) -> str:
    """The formula and its assumptions."""
    of_rows = "With a design effect of 1 rows are assumed to be independent, and n is the number of rows."
    if p.design_effect > 1:
        of_rows = (
            f"The number of rows is n times the design effect, {significant(p.design_effect, 3)}; the listed standard "
            f"deviation is σ times its root, so that σ = {significant(p.spread.std)}."
        )
    lines = [
        "n = ((q + z)·σ/δ)² + q²/2 independent observations: q is the normal quantile of the interval, z that of the "
        "power, σ the standard deviation of the difference of the two losses in an independent observation, δ the true "
        "difference (with a margin: the true difference plus the margin). It assumes that the mean difference is "
        "nearly normal.",
        of_rows,
        "The power is that of new rows from the same population, if the true difference is the one planned for.",
    ]
    return page.paragraphs(lines)
