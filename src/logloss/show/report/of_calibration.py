"""What the report of a calibration says."""

from __future__ import annotations

import math

from logloss.calibration import Calibration
from logloss.show import page
from logloss.show.words.of_calibration import advice, described, percents
from logloss.text import counted, fixed, significant

# What each map does, from the simplest.
WHAT = {
    "identity": "leaves what was said",
    "mixture": "mixes what was said with the base rate",
    "shift": "moves all log-odds by the same",
    "temperature": "stretches log-odds about one half",
    "platt": "stretches and moves log-odds",
    "beta": "stretches both sides by their own, and moves",
    "isotonic": "keeps only the order of what was said",
}


def title(c: Calibration) -> str:
    """What the page is about."""
    return f"Calibration from {c.source}" if c.source else "Calibration"


def head(c: Calibration) -> str:
    """What it was fitted to."""
    of = f" of {c.source}" if c.source else ""
    clause = [f"{counted(c.n_rows, 'row')}{of}", f"positive: {c.positive}", f"{counted(c.n_folds, 'fold')}"]
    if c.negatives_kept != 1:
        clause.append(f"log-odds shifted first: {c.negatives_kept:g} of the negatives kept")
    return " · ".join(clause)


def sentences(c: Calibration) -> list[str]:
    """The answer, and what the map is."""
    if c.method == "identity":
        return [advice(c, "")]
    what = WHAT.get(c.method, "is the mean, in log-odds, of maps by how well they repair rows that they have not seen")
    if math.isnan(c.expected_reduction):
        return [advice(c, ""), f"The map: {described(c)}; it {what}."]
    after = (
        f" The loss was {fixed(c.log_loss, 4)} nats per row, and {fixed(c.log_loss_after, 4)} is expected of new rows"
    )
    return [advice(c, ""), f"The map: {described(c)}; it {what}.{after}."]


def main_table(c: Calibration) -> tuple[list[list[str]], str]:
    """The maps that were tried, and how the columns of their table are aligned."""
    rows = [["map", "log loss", "saves (nats)", "std. error", "", "share"]]
    for row in c.candidates:
        cells = [
            "" if math.isnan(row[key]) else fixed(row[key], 5) for key in ("expected_reduction_nats", "error_nats")
        ]
        share = percents(c).get(row["method"], "")
        rows.append([row["method"], fixed(row["log_loss_nats"], 5), *cells, WHAT[row["method"]], share])
    return rows, "lrrrlr"


def sections(c: Calibration) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    found = [("Maps that were tried", page.table(*main_table(c), label="Maps"))]
    rows = [["", ""]]
    rows += [[name, significant(value, 6)] for name, value in c.parameters.items() if not isinstance(value, list)]
    if len(rows) > 1:
        found.append(("Parameters", page.table(rows, "lr", label="Parameters")))
    return found


def remarks(c: Calibration) -> str:
    """What its words mean."""
    clause = [
        "What a map saves is judged by cross-fitting: each fold by maps that were fitted to the others. Maps are "
        "averaged in log-odds, with shares that fall with their cross-fitted log loss: where the rows cannot tell "
        "which is best, all have a part, doing nothing among them.",
    ]
    if not c.is_exact:
        clause.append(
            f"Fitted to bins: within {significant(c.gap, 2)} nats per row of the best of its kind, certified."
        )
    return page.paragraphs(clause)
