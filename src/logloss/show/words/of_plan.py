"""A plan in words: how many rows, or what they show; then what that rests on. Nothing is computed here."""

from __future__ import annotations

import math

from logloss.comparison import Plan
from logloss.show.words.of_measurement import caution_lines, signed
from logloss.text import MINUS, columns, count, counted, interval, printable_lines, significant


def text_of(p: Plan) -> str:
    """The whole plan."""
    paragraphs = [sentences(p), columns(basis_rows(p), "lrl", gap="   "), *map(list, tables(p))]
    paragraphs.append(caution_lines(p.cautions))
    return printable_lines("\n\n".join("\n".join(lines) for lines in paragraphs if lines))


def tables(p: Plan) -> list[list[str]]:
    """The tables below it, as lines."""
    return [columns(truth_rows(p), "lrrr", gap="   "), columns(power_rows(p), "lr", gap="   ")]


def sentences(p: Plan) -> list[str]:
    """What is needed, or what the rows that there are show."""
    found = [] if p.n_rows is None else [_of_rows(p)]
    if not math.isnan(p.difference):
        found.append(f"{_rows(p.rows_needed)} {_claim(p)} with a power of {percent(p.power)}")
    return found


def _of_rows(p: Plan) -> str:
    """What the rows that were named show."""
    if math.isinf(p.detectable_difference):
        return f"{counted(p.n_rows or 0, 'row')} show{'s' if p.n_rows == 1 else ''} nothing: too few"
    rows, least = counted(p.n_rows or 0, "row"), significant(max(p.detectable_difference, 0.0))
    what = (
        f"a difference of {least} nats per row" if math.isnan(p.margin) else f"non-inferiority at a margin of {least}"
    )
    found = f"{rows} show{'s' if p.n_rows == 1 else ''} {what} with a power of {percent(p.power)}"
    return found if math.isnan(p.power_reached) else f"{found}, and what is planned for with {percent(p.power_reached)}"


def _rows(rows: int | None) -> str:
    return "no number of rows" if rows is None else counted(rows, "row")


def _claim(p: Plan) -> str:
    """`show a difference of 0.005 nats per row`."""
    ending = "s" if p.rows_needed in (None, 1) else ""
    if math.isnan(p.margin):
        return f"show{ending} a difference of {asked_text(p.difference)} nats per row"
    return f"show{ending} that the new forecast is worse by less than {asked_text(p.margin)} nats per row"


def percent(share: float) -> str:
    """`80 %`, `97.5 %`."""
    return f"{100 * share:.3g} %"


def basis_rows(p: Plan) -> list[list[str]]:
    """What the plan rests on: name, figure, where it is from."""
    rows = []
    if not math.isnan(p.margin):
        rows.append(["margin", asked_text(p.margin), "how much worse the new forecast may be"])
    if not math.isnan(p.difference):
        rows.append(["true difference", signed_difference(p), origin(p)])
    std = {"guess": "as guessed", "pilot": "of the pilot", "forecasts": "as the forecasts expect it"}[p.std_from]
    std += ", with what rows have in common" if p.observation_rows > 1 else ""
    rows.append(["standard deviation", significant(p.std), f"of the difference of the losses in a row, {std}"])
    if p.rows_needed_high is not None:
        words = f"with its upper 95 % limit {_rows(p.rows_needed_high)} are needed"
        rows.append(["", "", f"the pilot knows it roughly: {words}"])
    if p.observation_rows > 1:
        words = "rows to an independent observation, as in the pilot: clusters, periods or unequal weights"
        rows.append(["dependence", significant(p.observation_rows, 3), words])
    rows.append(["interval", percent(p.level), interval_text(p)])
    return rows


def signed_difference(p: Plan) -> str:
    """The true difference; with its sign where it may have one."""
    sign = "" if math.isnan(p.margin) or p.difference <= 0 else "+"
    return f"{sign}{asked_text(p.difference)}"


def asked_text(value: float) -> str:
    """To four digits, and without zeros that nobody typed: 0.005."""
    return f"{value:.4g}".replace("-", MINUS)


def origin(p: Plan) -> str:
    """Where the difference that is planned for is from, and what that means."""
    if p.difference_from == "requested":
        if math.isnan(p.margin):
            return "the smallest worth detecting, as asked"
        return "how much better the new forecast is taken to be" if p.difference else "the two are taken to be as good"
    if p.difference_from == "forecasts":
        return "what is expected if the second forecast is right; name the smallest worth detecting"
    ends = interval(p.pilot_delta.low, p.pilot_delta.high, 4) if p.pilot_delta.has_interval else "unknown"
    if p.rows_needed_if_low is None:
        span = f"{_rows(p.rows_needed_if_high)} at its upper end, and no number at its lower one"
    else:
        span = f"{count(p.rows_needed_if_high or 0)} to {_rows(p.rows_needed_if_low)} at its ends"
    span = f"{ends}: {span}" if p.pilot_delta.has_interval else ends
    return f"the pilot's, which is not the true one ({span}); name the smallest worth detecting"


def interval_text(p: Plan) -> str:
    """Which interval shows it."""
    of_pairs = f", for all {counted(p.n_pairs, 'pair')} at once" if p.n_pairs > 1 else ""
    if math.isnan(p.margin):
        return f"two-sided, and must exclude 0{of_pairs}"
    tail = percent((1 - p.level) / 2)
    return f"must lie above −margin: one-sided at {tail}{of_pairs}"


def truth_rows(p: Plan) -> list[list[str]]:
    """What is expected if one of the forecasts is right, or something between them."""
    if p.truths is None:
        return []
    head = [["if right", "difference", "std", "rows needed for it"]]
    names = {"first": "the first", "second": "the second", "halfway": "half of each"}
    return head + [
        [
            names[row["truth"]],
            signed(row["difference_nats"], 5),
            significant(row["std_nats"]),
            "none" if row["rows"] is None else count(row["rows"]),
        ]
        for row in p.truths
    ]


def power_rows(p: Plan) -> list[list[str]]:
    """Rows needed for other powers."""
    if p.rows_needed is None:
        return []
    rows = [[percent(row["power"]), count(row["rows"])] for row in p.by_power if row["rows"] is not None]
    return [["power", "rows needed"], *rows]
