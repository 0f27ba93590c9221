"""The content of the report of a comparison: title, answer, tables, methods."""

from __future__ import annotations

import math

from logloss.comparison import Comparison
from logloss.comparison.period_rules import INDEPENDENT
from logloss.information import entropy
from logloss.show import page
from logloss.show.words.of_comparison import (
    autocorrelation_text,
    condition,
    delta_digits,
    detectable_lines,
    e_value_null,
    e_value_text,
    ends_text,
    excluded_text,
    group_table,
    has_e_value,
    header,
    infinite_rows,
    margin_sentence,
    needed,
    order_text,
    parts_rows,
    ranking_rows,
    sentence,
    sequence_sentence,
    sequential_rows,
    simultaneous_text,
    verdict_rows,
    without,
)
from logloss.show.words.of_measurement import signed, with_kept
from logloss.text import LONGEST_NAMED, capital, count, fixed, listed, printable

# Most rows of a table: of 24 forecasters there are 276 pairs.
MOST_LISTED = 300
MOST_DIFFERENCES = 20

head = header


def title(c: Comparison) -> str:
    """What was compared, on which data, and when the data end."""
    names = listed([printable(name, 24) for name in c.names], 5)
    of = f" on {printable(c.source, LONGEST_NAMED)}" if c.source else ""
    return f"Log loss of {names}{of}" + (f", to {printable(c.order_last)}" if c.order else "")


def headline(c: Comparison) -> tuple[str, str]:
    """The one large number, and its unit and interval."""
    pair = c.pair
    names = f"difference in log loss, {printable(pair.worse, 24)} minus {printable(pair.better, 24)}"
    if math.isnan(pair.delta):
        return "not defined", names
    digits = delta_digits(pair.delta)
    is_simultaneous = pair.simultaneous.has_interval and len(c.pairs) > 1
    estimate = pair.simultaneous if is_simultaneous else pair.delta
    ends = f", 95% CI {ends_text(estimate, digits)}" if estimate.has_interval else ""
    many = f", {simultaneous_text(c)}" if is_simultaneous else ""
    return fixed(pair.delta, digits), f"nats per row, {names}{ends}{many}"


def sentences(c: Comparison) -> list[str]:
    """What to do, and the baseline."""
    base = f"Baseline: always predicting the base rate, {fixed(c.base_rate, 4)}, has a log loss of "
    return [advice(c), f"{base}{fixed(float(entropy(c.base_rate)), 4)} nats per row."]


def advice(c: Comparison) -> str:
    """What to do, without the figures of the headline."""
    pair = c.pair
    better, worse = printable(pair.better), printable(pair.worse)
    if pair.is_identical:
        return f"Use either: {sentence(c)}"
    if not math.isfinite(pair.delta):
        rows = f"probability 0 for the observed class in {infinite_rows(c)}"
        use = f"Use {better}: {worse} has" if math.isinf(pair.delta) else f"Use neither {better} nor {worse}: both have"
        return f"{use} infinite log loss ({rows}). {without(c, better, worse)}"
    if pair.simultaneous.reason:
        why = f"significance is not assessed: {pair.simultaneous.reason}"
        return f"Collect more data before choosing between {better} and {worse}; {why}."
    if not pair.is_significant:
        return (
            f"Not significant: choose between {better} and {worse} by other criteria, or collect more rows{needed(c)}."
        )
    among = f"the second lowest of {len(c.names)}" if len(c.names) > 2 else "the other forecaster"
    return f"Use {better}: its log loss is significantly lower than that of {worse}, {among}."


def main_table(c: Comparison) -> tuple[list[list[str]], str]:
    """The ranking, and how its columns are aligned."""
    return ranking_rows(c, with_intervals=True)


def sections(c: Comparison) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    tables = [("Ranking", page.table(*main_table(c), label="Ranking"))]
    if c.verdicts:
        head = ["candidate", "Δ to the reference (nats)", "95% CI", "verdict"]
        rows = [[cell.strip().removeprefix("95% CI ").removeprefix("Δ ") for cell in row] for row in verdict_rows(c)]
        inside = [
            page.paragraph(f"{capital(margin_sentence(c))}."),
            page.table([head, *rows], "lrll", label="Verdicts"),
        ]
        tables.append(("Verdicts with a margin", "\n".join(inside)))
    if rows := parts_rows(c):
        rows = [["", "contribution (nats)", "95% CI", ""], *([cell.strip() for cell in row] for row in rows)]
        tables.append(("Decomposition of the difference", page.table(rows, "lrll", label="Decomposition")))
    if sequential_rows(c):
        inside = [page.paragraph(sequence_sentence(c)), page.table(_sequential(c), "lrll", label="Sequential analysis")]
        tables.append((f"Sequential analysis: {order_text(c)}", "\n".join(inside)))
    if lines := detectable_lines(c):
        tables.append(("Power", page.paragraphs([f"{capital(line)}." for line in lines])))
    if c.pair.groups is not None and len(c.pair.groups):
        tables.append(("Groups", page.table(*group_table(c, c.pair.groups, MOST_LISTED), label="Groups")))
    if len(c.pairs) > 1:
        tables.append(("All pairs", _pairs(c)))
    if len(c.pair.largest_differences):
        tables.append(("Largest differences", page.table(*_largest_differences(c), label="Largest differences")))
    return tables


def _largest_differences(c: Comparison) -> tuple[list[list[str]], str]:
    """The rows with the largest absolute differences, and how the columns are aligned."""
    names = [f"{printable(name)}: predicted" for name in (c.pair.better, c.pair.worse)]
    rows = [["row", *names, "observed", "Δ log loss (nats)"]]
    shown = c.pair.largest_differences[:MOST_DIFFERENCES]
    for row, named in zip(shown, c.pair.largest_difference_rows, strict=False):
        predicted = [fixed(row[f"predicted_by_{which}"], 4) for which in ("better", "worse")]
        where = named.without_kept.where(c.source)
        rows.append([where, *predicted, f"{row['observed']:g}", signed(row["delta_nats"], 3)])
    return with_kept(rows, [named.place for named in c.pair.largest_difference_rows[: len(rows) - 1]])


def _sequential(c: Comparison) -> list[list[str]]:
    """What the order of the rows shows of the best two."""
    pair, sequential = c.pair, c.pair.sequential
    digits = delta_digits(pair.delta)
    rows = [["", "nats per row", "95% CI", ""]]
    if sequential.confidence_sequence.has_interval:
        ends = ends_text(sequential.confidence_sequence, digits)
        rows.append(["confidence sequence", signed(pair.delta, digits), ends, condition(c)])
    ends = ends_text(sequential.autocorrelation_robust, digits)
    rows.append(["autocorrelation-robust", signed(pair.delta, digits), ends, autocorrelation_text(pair)])
    if has_e_value(pair):
        null = f"null hypothesis: {e_value_null(printable(pair.better))}"
        rows.append(["e-value", "", "", f"{e_value_text(sequential.log_e_value)}; {null}"])
    return rows


def _pairs(c: Comparison) -> str:
    """Every pair of forecasters."""
    is_ordered = c.pair.sequential.n_periods > 0
    sequence = ["confidence sequence"] if is_ordered else []
    rows = [["better", "worse", "Δ log loss", "95% CI", "95% CI (simultaneous)", *sequence]]
    for pair in c.pairs[:MOST_LISTED]:
        digits = delta_digits(pair.delta)
        both = [ends_text(each, digits) for each in (pair.delta, pair.simultaneous)]
        has_sequence = pair.sequential.n_periods and pair.sequential.confidence_sequence.has_interval
        sequence = [excluded_text(pair) if has_sequence else ""] if is_ordered else []
        delta = "not defined" if math.isnan(pair.delta) else fixed(pair.delta, digits)
        rows.append([printable(pair.better), printable(pair.worse), delta, *both, *sequence])
    table = page.table(rows, "llrll" + "l" * is_ordered, label="All pairs")
    if len(c.pairs) > MOST_LISTED:
        table += page.paragraph(f"The first {MOST_LISTED} of {count(len(c.pairs))} pairs.")
    return table


def remarks(c: Comparison) -> str:
    """Methods and their assumptions."""
    lines = [
        "Differences are paired: the two losses of each row are subtracted, so that variation that is common to both "
        "forecasters cancels. The loss of a row is −log of the probability predicted for its observed class, in nats. "
        "Probabilities are not clipped.",
    ]
    if c.pair.sequential.confidence_sequence.has_interval:
        is_independent = c.within == INDEPENDENT
        independent = ", and that its rows are independent given the forecasts" if is_independent else ""
        lines.append(
            "The confidence sequence may be looked at after every period: with probability at least 0.95 all its "
            "intervals simultaneously contain the mean of the conditional expectations of the periods' differences. It "
            f"assumes that all forecasts and weights of a period are made before any of its outcomes{independent}."
        )
    if has_e_value(c.pair):
        lines.append(
            f"The e-value tests the null hypothesis that {e_value_null(printable(c.pair.better))}; under it the "
            "e-value ever reaches 20 with probability at most 0.05. A single favourable period can refute it, so that "
            "a large e-value does not imply a significant mean difference; it is shown where the two agree."
        )
    return page.paragraphs(lines)
