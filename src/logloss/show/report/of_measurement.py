"""What the report of a measurement says."""

from __future__ import annotations

import math

from logloss.calibration import calibrate
from logloss.measurement import Measurement
from logloss.show import page
from logloss.show.drawings.of_measurement import MOST_LISTED, percent, verdict
from logloss.show.report import of_calibration
from logloss.show.words.of_calibration import advice
from logloss.show.words.of_measurement import (
    confidence_text,
    forecast_rows,
    group_table,
    header,
    loss_rows,
    miscalibration_range,
    parts_rows,
    remarks_of_groups,
    within_or_more,
)
from logloss.text import NATS_PER_BIT, count, counted, fixed, significant

# Letters of a figure with its unit; more are words.
LONGEST_FIGURE = 20
# Below, four digits after the point say too little.
SMALL = 1e-3

head = header


def title(m: Measurement) -> str:
    """What the page is about."""
    return f"Log loss of {m.source}" if m.source else "Log loss"


def sentences(m: Measurement) -> list[str]:
    """The answer: what it costs against the base rate, whether that can be repaired; promises; who pays."""
    share = m.loss_share_of_top_10_percent
    is_known = m.n_rows >= 10 and not math.isnan(share)
    concentration = [f"The costliest 10 % of the rows pay {percent(share)} of the loss."] if is_known else []
    return [" ".join([_loss(m), _base_rate(m), _miscalibration(m)]), _promise(m), *concentration]


def nats(value: float) -> str:
    """A loss with four digits after the point, a small one with four of its own."""
    return fixed(value, 4) if not 0 < abs(value) < SMALL else significant(value, 3)


def _loss(m: Measurement) -> str:
    """The loss with its interval."""
    if m.n_infinite:
        rows = f"{count(m.n_infinite)} of {counted(m.n_rows, 'row')}"
        was, them = ("was", "it") if m.n_infinite == 1 else ("were", "them")
        without = ""
        if not math.isnan(m.log_loss_where_finite):
            without = f" Without {them} it would be {nats(m.log_loss_where_finite)} nats."
        return f"Your log loss is infinite: {rows} {was} given probability 0 (first: {m.first_infinite}).{without}"
    clause = f"Your log loss is {nats(m.log_loss)} nats ({nats(m.log_loss / NATS_PER_BIT)} bits)"
    if not m.log_loss.has_interval:
        return f"{clause}, without an interval: {m.log_loss.reason}."
    return f"{clause}, between {nats(m.log_loss.low)} and {nats(m.log_loss.high)}."


def _base_rate(m: Measurement) -> str:
    """What saying the base rate to every row would cost."""
    clause = f"Always saying the base rate would cost {nats(m.uncertainty)}."
    if math.isnan(m.skill):
        return f"{clause} All labels are alike, so that there is nothing to know."
    if m.skill < 0:
        is_sure = math.isinf(m.skill) or (m.skill.has_interval and m.skill.high < 0)
        clause += f" That is less: these predictions are worse than none{'' if is_sure else ', if only by chance'}."
    return clause


def _miscalibration(m: Measurement) -> str:
    """The part of it that better words for the same knowledge would save, against chance."""
    found = m.miscalibration
    if math.isinf(found):
        return "All beyond what the predictions know is miscalibration: infinite, too."
    bins = miscalibration_range(found)
    size = f"Of it {bins.removesuffix(' (bins)')}" if bins.startswith("between") else nats(found)
    return f"{size} is miscalibration; {verdict(m)}"


def _promise(m: Measurement) -> str:
    """What was said and happened, and what the predictions promised to cost."""
    clause = f"On average {fixed(m.mean_proba, 4)} was said and {fixed(m.base_rate, 4)} happened."
    if confidence_text(m):
        clause += (
            f" By the slope of their log-odds the predictions are {confidence_text(m)}: {fixed(m.slope, 3)}, not 1."
        )
    promised = f"The predictions promised to cost {nats(m.expected_log_loss)}"
    if math.isinf(m.log_loss_minus_expected):
        return f"{clause} {promised}; the truth cost infinitely more."
    more = "more" if m.log_loss_minus_expected > 0 else "less"
    gap = f"{promised}; the truth cost {nats(abs(m.log_loss_minus_expected))} {more}"
    if math.isnan(m.expected_z):
        return f"{clause} {gap}."
    return f"{clause} {gap}, which is {within_or_more(m)} chance (z = {fixed(m.expected_z, 1)})."


def main_table(m: Measurement) -> tuple[list[list[str]], str]:
    """All figures in one table, and how its columns are aligned."""
    rows = [["", "", "95 %", ""]]
    for row in (*loss_rows(m), *parts_rows(m), *forecast_rows(m)):
        name, value, between, clause = (cell.strip() for cell in row)
        # What is no figure but words stands where words run on.
        rows.append([name, "", value, clause] if len(value) > LONGEST_FIGURE else [name, value, between, clause])
    return rows, "lrll"


def sections(m: Measurement) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    found = [("Figures", page.table(*main_table(m), label="Figures"))]
    lines = [["where", "predicted", "was", "nats"]]
    for row in m.summary.largest_losses.rows[:20]:
        lines.append([row.where(m.source), fixed(row.predicted, 4), f"{row.observed:g}", fixed(row.log_loss, 3)])
    found.append(("Costliest rows", page.table(lines, label="Costliest rows")))
    if m.by:
        found.append(("Groups", _groups(m)))
    c = calibrate(m)
    repair = page.paragraph(advice(c, "")) + "\n" + page.table(*of_calibration.main_table(c), label="Maps")
    return [*found, ("Can it be repaired?", repair)]


def _groups(m: Measurement) -> str:
    """What each group costs; of several columns first what each of them makes."""
    if m.groups is None or m.has_too_many_groups:
        return page.paragraph("There are more than 4,096 groups: none is kept. Name those that matter: groups=[…].")
    wanted = [(m.margin(name), (name,)) for name in m.by] if len(m.by) > 1 else []
    shown = []
    for groups, by in [*wanted, (m.groups, m.by)]:
        shown.append(page.table(*group_table(groups, by, MOST_LISTED), caption="By " + ", ".join(by)))
        if len(groups) > MOST_LISTED:
            shown.append(
                page.paragraph(f"The {MOST_LISTED} of {count(len(groups))} groups that add most to the loss, or least.")
            )
    shown += [page.paragraph(remark[0].upper() + remark[1:] + ".") for remark in remarks_of_groups(m.groups)]
    return "\n".join(shown)


def remarks(m: Measurement) -> str:
    """How exact it is, and what its words mean."""
    kept = (
        f"All {counted(m.n_scores, 'distinct prediction')} were kept: every figure is exact."
        if m.is_exact
        else f"Predictions were put into {counted(m.n_scores, 'bin')}: loss and rates are exact, the parts are bounded."
    )
    clause = [
        f"{kept} Nothing was clipped.",
        "Losses are −log of the probability given to what happened, natural logarithms, in nats per row; "
        "1 bit is 0.6931 nats. "
        "Log loss = uncertainty (the entropy of the base rate) − discrimination (what the predictions know) + "
        "miscalibration (what they get wrong about it: the loss that an isotonic recalibration of the same predictions "
        "would save). Intervals hold 95 %.",
    ]
    return page.paragraphs(clause)
