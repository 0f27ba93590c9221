"""What the report of a difference says."""

from __future__ import annotations

from logloss.difference import Difference
from logloss.show import page
from logloss.show.words.of_difference import group_table, mix_rows, parts_rows, sentence, warnings
from logloss.show.words.of_difference import remarks as remarks_of
from logloss.text import capital, count, counted

# Most groups that are listed.
MOST_LISTED = 200


def title(d: Difference) -> str:
    """What the page is about."""
    return "Why the log loss moved"


def head(d: Difference) -> str:
    """What is compared."""
    ends = []
    for name, measured in (("old", d.old), ("new", d.new)):
        of = f" of {measured.source}" if measured.source else ""
        ends.append(f"{name}: {counted(measured.n_rows, 'row')}{of}")
    return " · ".join([*ends, f"positive: {d.new.positive}", "intervals: 95 %"])


def sentences(d: Difference) -> list[str]:
    """The answer, and what must be known before the figures are read."""
    return [f"{capital(each.strip())}." for each in (sentence(d), *warnings(d))]


def main_table(d: Difference) -> tuple[list[list[str]], str]:
    """The move of each part, and how the columns of the table are aligned."""
    return [["", "moves by (nats)", "95 %", ""], *([cell.strip() for cell in row] for row in parts_rows(d))], "lrll"


def sections(d: Difference) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    found = [("What moved it", page.table(*main_table(d), label="What moved it"))]
    both = [["", "old", "new"]]
    for name, key in (("rows", "n_rows"), ("given probability 0", "n_infinite")):
        both.append([name, *(count(getattr(each, key)) for each in (d.old, d.new))])
    for name, key in (("log loss (nats)", "log_loss"), ("base rate", "base_rate"), ("said on average", "mean_proba")):
        both.append([name, *(f"{getattr(each, key):.4f}" for each in (d.old, d.new))])
    found.append(("Then and now", page.table(both, label="Then and now")))
    if d.groups is not None:
        rows = [["", "nats", "95 %", ""], *([cell.strip() for cell in row] for row in mix_rows(d))]
        shown = [
            page.table(rows, "lrll", label="Mix"),
            page.table(*group_table(d.groups, d.new.by, MOST_LISTED), label="Groups"),
        ]
        if len(d.groups) > MOST_LISTED:
            shown.append(page.paragraph(f"The {MOST_LISTED} of {count(len(d.groups))} groups that moved it most."))
        found.append(("Groups", "\n".join(shown)))
    return found


def remarks(d: Difference) -> str:
    """What chance and the scores did, and what the words mean."""
    clause = [f"{capital(each)}." for each in remarks_of(d)]
    clause.append(
        "The move of the loss is the move of the uncertainty (the entropy of the base rate) less that of the "
        "discrimination (what the predictions know) plus that of the miscalibration (what they get wrong about "
        "it), to the digit."
    )
    return page.paragraphs(clause)
