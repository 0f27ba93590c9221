"""The content of the report of a difference: title, answer, tables, methods."""

from __future__ import annotations

import math

from logloss.difference import Difference
from logloss.measurement import Measurement
from logloss.show import page
from logloss.show.words.of_comparison import ends_text
from logloss.show.words.of_difference import (
    arrived_sentence,
    arrived_table,
    group_table,
    mix_rows,
    parts_rows,
    warnings,
)
from logloss.show.words.of_difference import remarks as remarks_of
from logloss.show.words.of_measurement import signed
from logloss.text import LONGEST_NAMED, capital, count, counted, fixed, printable

# Most groups that are listed.
MOST_LISTED = 200


def title(d: Difference) -> str:
    """What is compared, and of which data."""
    names = [printable(each.source, LONGEST_NAMED // 4) for each in (d.old, d.new)]
    of = "" if not all(names) else f": {names[0]}" if names[0] == names[1] else f": {names[0]} → {names[1]}"
    return f"Change in log loss{of}"


def head(d: Difference) -> str:
    """The rows of both measurements."""
    ends = []
    for name, measured in (("old", d.old), ("new", d.new)):
        of = f" of {printable(measured.source, LONGEST_NAMED)}" if measured.source else ""
        ends.append(f"{name}: {counted(measured.n_rows, 'row')}{of}")
    return " · ".join([*ends, f"positive: {printable(d.new.positive, LONGEST_NAMED)}"])


def headline(d: Difference) -> tuple[str, str]:
    """The one large number, and its unit and interval."""
    if math.isnan(d.log_loss):
        return "not defined", "change in log loss: both are infinite"
    ends = f", 95% CI {ends_text(d.log_loss, 4)}" if d.log_loss.has_interval else ""
    return signed(d.log_loss, 4), f"nats per row, change in log loss{ends}"


def sentences(d: Difference) -> list[str]:
    """What to do, both losses, and infinite losses."""
    ends = f"Log loss {fixed(d.old.log_loss, 4)} → {fixed(d.new.log_loss, 4)} nats per row."
    return [advice(d), ends, *(f"{capital(each)}." for each in warnings(d))]


def advice(d: Difference) -> str:
    """What to do."""
    if d.new.n_infinite:
        return (
            "Look at the new rows with probability 0 for their observed class first: they make the log loss infinite."
        )
    if d.old.n_infinite:
        return (
            "The old log loss is infinite and the new one is finite: rows with probability 0 for the observed class no "
            "longer occur."
        )
    if not d.log_loss.has_interval:
        return f"Whether the change is significant is not known: {d.log_loss.reason}."
    if d.log_loss.low <= 0 <= d.log_loss.high:
        return "The change in log loss is not significant: nothing to do."
    if d.log_loss < 0:
        return "The log loss has decreased significantly: nothing to do."
    contributions = {
        "the base rate, which no model can change": float(d.uncertainty),
        "discrimination: check the features, or fit the model again": -float(d.discrimination),
        "miscalibration: recalibrate": float(d.miscalibration),
    }
    largest = max(contributions, key=lambda name: contributions[name])
    return f"The log loss has increased significantly. The largest contribution is that of {largest}."


def main_table(d: Difference) -> tuple[list[list[str]], str]:
    """The decomposition of the change, and how the columns of the table are aligned."""
    rows = [[cell.strip() for cell in row] for row in parts_rows(d)]
    return [["", "contribution (nats)", "95% CI", ""], *rows], "lrll"


def sections(d: Difference) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    tables = [("Decomposition of the change", page.table(*main_table(d), label="Decomposition of the change"))]
    tables.append(("Both measurements", page.table(_both(d), "lrlrl", label="Both measurements")))
    if d.labels_arrived is not None:
        heading = "Rows whose labels have arrived"
        table = page.table(*arrived_table(d.labels_arrived), label=heading)
        tables.append((heading, table + page.paragraph(f"{capital(arrived_sentence(d.labels_arrived))}.")))
    if d.groups is not None:
        rows = [["", "contribution (nats)", "95% CI", ""], *([cell.strip() for cell in row] for row in mix_rows(d))]
        shown = [
            page.table(rows, "lrll", label="Composition and within-group effects"),
            page.table(*group_table(d.groups, d.new.by, MOST_LISTED), label="Groups"),
        ]
        if len(d.groups) > MOST_LISTED:
            most = f"The {MOST_LISTED} of {count(len(d.groups))} groups with the largest contributions."
            shown.append(page.paragraph(most))
        tables.append(("Groups", "\n".join(shown)))
    return tables


def _both(d: Difference) -> list[list[str]]:
    """The figures of both measurements with their intervals."""
    rows = [["", "old", "95% CI", "new", "95% CI"]]
    rows.append(["rows", *(cell for each in (d.old, d.new) for cell in (count(each.n_rows), ""))])
    for name, key in (
        ("log loss (nats)", "log_loss"),
        ("base rate (observed)", "base_rate"),
        ("mean predicted", "mean_proba"),
        ("slope", "slope"),
        ("AUC", "auc"),
    ):
        rows.append([name, *(cell for each in (d.old, d.new) for cell in _figure(each, key))])
    if d.old.n_infinite or d.new.n_infinite:
        cells = (cell for each in (d.old, d.new) for cell in (count(each.n_infinite), ""))
        rows.append(["rows of infinite loss", *cells])
    return rows


def _figure(measured: Measurement, key: str) -> tuple[str, str]:
    """A figure of a measurement and its interval."""
    value = getattr(measured, key)
    return "not defined" if math.isnan(value) else fixed(value, 4), ends_text(value, 4) if hasattr(value, "low") else ""


def remarks(d: Difference) -> str:
    """Methods, and the change of the scores."""
    lines = [f"{capital(each)}." for each in remarks_of(d)]
    lines.append(
        "The change in log loss is the change in uncertainty (the entropy of the base rate), minus the change in "
        "discrimination, plus the change in miscalibration; as printed, the contributions add up to it."
    )
    return page.paragraphs(lines)
