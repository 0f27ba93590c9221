"""The content of the report of a run of periods: title, answer, tables, methods."""

from __future__ import annotations

import math

from logloss.monitoring import Monitoring
from logloss.show import page
from logloss.show.report import of_difference
from logloss.show.words.of_monitoring import change_heading, evidence_lines, left_out, period_rows, sentence
from logloss.show.words.of_monitoring import header as head_of
from logloss.text import LONGEST_NAMED, capital, confidence, fixed, printable

# Most periods that are listed: of a year of days all.
MOST_LISTED = 400
# A page shows them as its own pictures.
head = head_of


def title(m: Monitoring) -> str:
    """What was watched, and until when."""
    of = f" of {printable(m.source, LONGEST_NAMED)}" if m.source else ""
    return f"Log loss by period{of}, to {printable(m.periods[-1]['period'])}"


def headline(m: Monitoring) -> tuple[str, str]:
    """The one large number, and its unit and interval."""
    last = m.periods[-1]
    ends = last["log_loss_nats_low"], last["log_loss_nats_high"]
    known = "" if math.isnan(ends[0]) else f", {confidence(*ends, 4)}"
    return fixed(last["log_loss_nats"], 4), f"nats per row, log loss of {printable(last['period'])}{known}"


def sentences(m: Monitoring) -> list[str]:
    """The answer and what to do, and the loss that is expected of the last period."""
    expected = m.periods[-1]["expected_log_loss_nats"]
    now = f"If nothing had changed, the log loss of the last period would be about {fixed(expected, 4)} nats per row."
    advice = "" if m.change is None else f" {of_difference.advice(m.change)}"
    return [f"{capital(sentence(m))}{advice}", now]


def main_table(m: Monitoring) -> tuple[list[list[str]], str]:
    """The periods, and how the columns are aligned."""
    return period_rows(m, MOST_LISTED)


def sections(m: Monitoring) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    inside = [page.table(*main_table(m), label="Periods"), *map(page.paragraph, left_out(m, MOST_LISTED))]
    tables = [("Periods", "\n".join(inside))]
    if m.log_e_values:
        tables.append(("Evidence for a change, after the last period", _evidence(m)))
    if m.change is not None:
        heading = page.paragraph(f"{capital(change_heading(m))}")
        table = page.table(*of_difference.main_table(m.change), label="Decomposition of the change")
        tables.append(("What changed", f"{heading}\n{table}\n{of_difference.remarks(m.change)}"))
    return tables


def _evidence(m: Monitoring) -> str:
    """The e-value of each statistic, and periods that wait for more rows."""
    rows = [["statistic", "log e-value", "limit"]]
    rows += [[name, fixed(value, 2), fixed(m.log_limit, 2)] for name, value in m.log_e_values.items()]
    # The first line has the same figures.
    lines = [page.paragraph(f"{capital(line)}.") for line in evidence_lines(m)[1:]]
    return "\n".join([page.table(rows, "lrr", label="Evidence for a change"), *lines])


def remarks(m: Monitoring) -> str:
    """Methods and their assumptions."""
    variance = (
        "Rows of a period may depend on each other: how much the statistics vary is estimated from the periods."
        if m.within == "dependent"
        else "Rows are assumed to be independent: the variance of a statistic follows from the number of rows."
    )
    lines = [
        "Expected: given the predictions of a period, if outcomes depend on predictions as in the reference periods "
        "(beta calibration). A constant miscalibration is no change.",
        "Three statistics are watched: shift (are positives more or less frequent than expected), slope (do outcomes "
        "depend more or less on the predictions) and the mean loss, which also changes with the mix of predictions. "
        "Each has an e-value, a weighted mean of Bayes factors of a change at each period against no change; without a "
        f"change the probability that any of them ever reaches the limit is at most {m.alpha:g}, however long the run.",
        f"{variance} Periods are assumed to be independent, and the variance to be in proportion to 1 / rows.",
    ]
    return page.paragraphs(lines)
