"""A plan in words: sample size or minimum detectable difference, then the assumptions. Nothing is computed here."""

from __future__ import annotations

import math

from logloss.comparison import Plan
from logloss.show.words.of_comparison import ends_text
from logloss.show.words.of_measurement import caution_lines, signed
from logloss.text import MINUS, capital, columns, count, counted, printable_lines, significant

STD_SOURCES = {"assumed": "assumed", "pilot": "from the pilot", "forecasts": "expected from the forecasts"}
SCENARIO_NAMES = {"first": "the first forecaster's", "mean": "the mean of both", "second": "the second forecaster's"}


def text_of(p: Plan) -> str:
    """The whole plan."""
    paragraphs = [sentences(p), columns(basis_rows(p), "lrl", gap="   "), *map(list, tables(p))]
    paragraphs.append(caution_lines(p.cautions))
    return printable_lines("\n\n".join("\n".join(lines) for lines in paragraphs if lines))


def tables(p: Plan) -> list[list[str]]:
    """The tables below it, as lines."""
    return [columns(scenario_rows(p), "lrrr", gap="   "), columns(power_rows(p), "lr", gap="   ")]


def sentences(p: Plan) -> list[str]:
    """The rows needed, and what the available rows detect."""
    lines = [] if p.n_rows is None else [_of_rows(p)]
    if not math.isnan(p.difference):
        lines.append(f"{capital(_rows(p.rows_needed))} {_claim(p)} with {percent(p.power)} power.")
    return lines


def _of_rows(p: Plan) -> str:
    """Minimum detectable difference and power of the available rows."""
    rows = counted(p.n_rows or 0, "row")
    if math.isinf(p.detectable_difference):
        return f"{rows}: too few to detect any difference."
    least = f"{significant(max(p.detectable_difference, 0.0))} nats per row"
    what = "minimum detectable difference" if math.isnan(p.margin) else "smallest margin"
    sentence = f"{rows}: the {what} is {least} at {percent(p.power)} power"
    if math.isnan(p.achieved_power):
        return f"{sentence}."
    planned = "the planned difference" if math.isnan(p.margin) else "the planned margin"
    return f"{sentence}; the power for {planned} is {percent(p.achieved_power)}."


def _rows(rows: int | None) -> str:
    return "no number of rows" if rows is None else counted(rows, "row")


def _claim(p: Plan) -> str:
    """`detect a difference of 0.005 nats per row`."""
    ending = "s" if p.rows_needed in (None, 1) else ""
    if math.isnan(p.margin):
        return f"detect{ending} a difference of {plain_number(p.difference)} nats per row"
    return f"show{ending} non-inferiority at a margin of {plain_number(p.margin)} nats per row"


def percent(share: float) -> str:
    """`80%`, `97.5%`."""
    return f"{100 * share:.3g}%"


def basis_rows(p: Plan) -> list[list[str]]:
    """The assumptions of the plan: name, figure, clause."""
    rows = []
    if not math.isnan(p.margin):
        clause = "the new forecaster may be worse by less than this (nats per row)"
        rows.append(["non-inferiority margin", plain_number(p.margin), clause])
    if not math.isnan(p.difference):
        rows.append(["true difference", signed_difference(p), origin(p)])
    effect = ", design effect included" if p.design_effect > 1 else ""
    clause = f"of the difference of the losses in a row, {STD_SOURCES[p.std_source]}{effect}"
    rows.append(["standard deviation", significant(p.std), clause])
    if p.rows_needed_high is not None:
        clause = "with the upper 95% confidence limit of the pilot's standard deviation"
        rows.append(["rows needed, conservative", count(p.rows_needed_high), clause])
    if p.design_effect > 1:
        clause = "rows per independent observation in the pilot: clusters, autocorrelation or unequal weights"
        rows.append(["design effect", significant(p.design_effect, 3), clause])
    rows.append(["confidence level", percent(p.confidence_per_pair), interval_text(p)])
    return rows


def signed_difference(p: Plan) -> str:
    """The true difference; with its sign where it may have either."""
    sign = "" if math.isnan(p.margin) or p.difference <= 0 else "+"
    return f"{sign}{plain_number(p.difference)}"


def plain_number(value: float) -> str:
    """A number to four digits without trailing zeros: 0.005."""
    mantissa, exponent, power = f"{value:.4g}".partition("e")
    return mantissa.replace("-", MINUS) + exponent + power


def origin(p: Plan) -> str:
    """Where the true difference planned for comes from."""
    if p.difference_source == "requested":
        if math.isnan(p.margin):
            return "smallest difference worth detecting, as requested (nats per row)"
        return "assumed: positive if the new forecaster is better (nats per row)"
    if p.difference_source == "forecasts":
        return "expected if the second forecaster is calibrated; better: give the smallest difference worth detecting"
    advice = "an estimate, not the true value; better: give the smallest difference worth detecting"
    if not p.pilot_delta.has_interval:
        return f"observed in the pilot: {advice}"
    if p.rows_needed_if_low is None:
        span = f"{_rows(p.rows_needed_if_high)} at its upper end, no number at its lower end"
    else:
        span = f"{count(p.rows_needed_if_high or 0)} to {_rows(p.rows_needed_if_low)} over this interval"
    return f"observed in the pilot (95% CI {ends_text(p.pilot_delta, 4)}: {span}): {advice}"


def interval_text(p: Plan) -> str:
    """Which interval makes the test."""
    of_pairs = f"; each of {counted(p.n_pairs, 'pair')}, simultaneously (Šidák)" if p.n_pairs > 1 else ""
    if math.isnan(p.margin):
        return f"two-sided interval; significant if it excludes 0{of_pairs}"
    tail = percent((1 - p.confidence_per_pair) / 2)
    return f"non-inferior if the interval lies above {MINUS}margin: a one-sided test at {tail}{of_pairs}"


def scenario_rows(p: Plan) -> list[list[str]]:
    """Expected difference, standard deviation and rows needed under several true probabilities."""
    if p.scenarios is None:
        return []
    return [["true probabilities", "expected difference", "std. deviation", "rows needed"]] + [
        [
            SCENARIO_NAMES[row["true_probabilities"]],
            signed(row["difference_nats"], 5),
            significant(row["std_nats"]),
            "not attainable" if row["rows_needed"] is None else count(row["rows_needed"]),
        ]
        for row in p.scenarios
    ]


def power_rows(p: Plan) -> list[list[str]]:
    """Rows needed for several powers."""
    if p.rows_needed is None:
        return []
    rows = [[percent(row["power"]), count(row["rows_needed"])] for row in p.by_power if row["rows_needed"] is not None]
    return [["power", "rows needed"], *rows]
