"""The content of the report of segments: title, answer, tables, methods."""

from __future__ import annotations

from logloss.segmentation import Segments
from logloss.show import page
from logloss.show.words.of_segments import (
    header,
    high_losses_table,
    loss_rows,
    miscalibrated_table,
    remarks_of_miscalibrated,
    sentence,
    tested,
)
from logloss.text import LONGEST_NAMED, capital, count, counted, fixed, printable

# Segments of high loss that are listed.
MOST_LISTED = 10


def title(s: Segments) -> str:
    """What is searched, and of which data."""
    return "Segments" + (f": {printable(s.source, LONGEST_NAMED // 2)}" if s.source else "")


def head(s: Segments) -> str:
    """The rows, and what was tested."""
    return f"{header(s)} · {tested(s)}"


def headline(s: Segments) -> tuple[str, str]:
    """The one large number and its unit."""
    gain = sum(s.miscalibrated["gain_nats"])
    return count(
        len(s.miscalibrated)
    ), f"miscalibrated segments; correcting them lowers the log loss by {fixed(gain, 4)} nats"


def sentences(s: Segments) -> list[str]:
    """What was found, and what to do."""
    if not len(s.miscalibrated):
        return [sentence(s)]
    return [
        sentence(s),
        "Recalibrate by these columns, or give them to the model: it predicts as if they did not matter.",
    ]


def main_table(s: Segments) -> tuple[list[list[str]], str]:
    """The miscalibrated segments, or the figures of all rows; and how the columns of the table are aligned."""
    return miscalibrated_table(s) if len(s.miscalibrated) else ([["", "", ""], *loss_rows(s)], "lrl")


def sections(s: Segments) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    tables = [("All rows", page.table([["", "", ""], *loss_rows(s)], "lrl", label="All rows"))]
    if len(s.miscalibrated):
        tables.append(("Miscalibrated segments", page.table(*miscalibrated_table(s), label="Miscalibrated segments")))
    if len(s.high_losses):
        shown = page.table(*high_losses_table(s, MOST_LISTED), label="Segments with a high log loss")
        tables.append(("Segments with a high log loss", shown))
    return tables


def remarks(s: Segments) -> str:
    """Methods."""
    lines = [f"{capital(each)}." for each in remarks_of_miscalibrated(s)] if len(s.miscalibrated) else []
    lines.append(
        f"{counted(s.n_segments, 'segment')} were tested by the score of a shift of their log-odds; a segment is named "
        f"where |z| is above {fixed(s.critical_z, 2)}, which the largest |z| of all of them exceeds in 5% of samples "
        "if every prediction is right (multiplier bootstrap). Which segments are tested depends on rows, weights and "
        "predictions, not on labels."
    )
    lines.append(
        "Contribution: share × (log loss of the segment − log loss of all rows). Expected: the log loss of the segment "
        "if its predictions are right; where the log loss is near it, no better probabilities are known for the "
        "segment as a whole."
    )
    return page.paragraphs(lines)
