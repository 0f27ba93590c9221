"""The page of a measurement."""

from __future__ import annotations

import math

from logloss.calibration import Calibration, calibrate
from logloss.measurement import Measurement
from logloss.show import page
from logloss.show.drawings import of_thresholds
from logloss.show.drawings.of_measurement import MOST_LISTED, kinds
from logloss.show.report import of_calibration
from logloss.show.words.of_calibration import advice
from logloss.show.words.of_measurement import (
    calibration_rows,
    columns_of_groups,
    confidence_text,
    digits_of,
    expectation,
    group_table,
    header_lines,
    loss_rows,
    miscalibration_range,
    nats,
    p_text,
    parts_rows,
    remarks_of_groups,
    shift,
    too_many_groups,
    unlabelled_rows,
    verdict_text,
    with_kept,
)
from logloss.text import NATS_PER_BIT, capital, confidence, count, counted, fixed, percent, printable, significant

# Rows of largest losses that are listed.
N_LISTED = 20


def title(m: Measurement) -> str:
    """What was measured, and of which data."""
    # Of arrays, the name is that of the argument.
    column = "" if m.question.forecast in ("y_proba", "y_logit") else printable(m.question.forecast)
    return f"Log loss of {' in '.join(filter(None, (column, m.source)))}" if column or m.source else "Log loss"


def head(m: Measurement) -> str:
    """How many rows of what, the share of positives, and what intervals assume."""
    return " · ".join(header_lines(m, "dropped", shift(m)))


def sentences(m: Measurement, recalibration: Calibration | None = None) -> list[str]:
    """What to do; then skill, miscalibration and calibration, and the largest losses; an infinite loss comes first."""
    recalibration = calibrate(m) if recalibration is None else recalibration
    share = m.loss_share_of_top_10_percent
    concentration = ""
    if m.n_rows >= 10 and not math.isnan(share):
        concentration = f" The top 10% of rows by loss account for {percent(share, 0)} of it."
    first = [_loss(m)] if m.n_infinite or not m.log_loss.has_interval else []
    return [*first, advice(recalibration, ""), f"{_skill(m)} {_miscalibration(m)}", _calibration(m) + concentration]


def _loss(m: Measurement) -> str:
    """The loss with its interval, or why it has none."""
    if m.n_infinite:
        has = "has" if m.n_infinite == 1 else "have"
        rows = f"{count(m.n_infinite)} of {counted(m.n_rows, 'row')} {has} probability 0 for the observed class"
        clause = f"Log loss: infinite. {rows} (the first is {m.first_infinite})."
        if math.isnan(m.log_loss_where_finite):
            return clause
        return f"{clause} Without {'it' if m.n_infinite == 1 else 'them'}: {nats(m.log_loss_where_finite)} nats."
    loss, bits = m.log_loss, f"{nats(m.log_loss / NATS_PER_BIT)} bits"
    if not loss.has_interval:
        return f"Log loss: {nats(loss)} nats ({bits}), no CI: {loss.reason}."
    return f"Log loss: {nats(loss)} nats, {confidence(loss.low, loss.high, digits_of(loss))} ({bits})."


def _skill(m: Measurement) -> str:
    """How the loss compares with the baseline."""
    clause = f"The baseline, always predicting the base rate {nats(m.base_rate)}, has {nats(m.uncertainty)} nats"
    if math.isnan(m.skill):
        return f"{clause}; the skill score is not defined ({m.skill.reason})."
    if math.isinf(m.skill):
        return f"{clause}: these predictions are worse."
    ends = ""
    if m.skill.has_interval:
        ends = f" ({confidence(100 * m.skill.low, 100 * m.skill.high, 1)}%)"
    worse = ""
    if m.skill < 0:
        is_significant = m.skill.has_interval and m.skill.high < 0
        worse = f", worse than the baseline{'' if is_significant else ', not significantly'}"
    return f"{clause}: the skill score is {percent(m.skill, 1)}{ends}{worse}."


def _miscalibration(m: Measurement) -> str:
    """The miscalibration against its null distribution."""
    part = m.miscalibration
    if math.isinf(part):
        return "The miscalibration is infinite, too."
    size = miscalibration_range(part) or nats(part)
    if math.isnan(part.expected_if_calibrated):
        why = f"its null distribution is not available: {part.expected_if_calibrated_reason}"
        return f"The miscalibration is {size}; {why}."
    expected = f"{significant(part.expected_if_calibrated, 2)} is expected if perfectly calibrated"
    return f"The miscalibration is {size}; {expected} ({verdict_text(part)}, {p_text(part.p_value)})."


def _calibration(m: Measurement) -> str:
    """Mean prediction and event rate, slope, and expected loss."""
    clause = f"Mean predicted {nats(m.mean_proba)}, observed {nats(m.base_rate)}."
    if confidence_text(m):
        ends = confidence(m.slope.low, m.slope.high, 3)
        clause += f" The predictions are {confidence_text(m)}: calibration slope {fixed(m.slope, 3)}, {ends}."
    return f"{clause} Expected loss (mean predictive entropy) {nats(m.expected_log_loss)}: {expectation(m)}."


def pictures(m: Measurement) -> list[str]:
    """Those of the page: what a threshold does depends on costs, which no page knows."""
    return [name for name in kinds(m) if name not in of_thresholds.KINDS]


def main_table(m: Measurement) -> tuple[list[list[str]], str]:
    """All figures in one table, and how its columns are aligned."""
    rows = [["", "", "95% CI", ""]]
    rows += [[cell.strip() for cell in row] for row in (*loss_rows(m), *parts_rows(m), *calibration_rows(m))]
    if m.unlabelled is not None:
        rows.append(["rows without a label", "", "", ""])
        rows += [[cell.strip() for cell in row] for row in unlabelled_rows(m)]
    return rows, "lrll"


def sections(m: Measurement, recalibration: Calibration) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    parts = [("Figures", page.table(*main_table(m), label="Figures"))]
    if m.by:
        parts.append(("Groups", _groups(m)))
    rows = [["row", "predicted", "observed", "log loss (nats)"]]
    largest = m.summary.largest_losses.rows[:N_LISTED]
    for row in largest:
        rows.append(
            [row.without_kept.where(m.source), nats(row.predicted), f"{row.observed:.4g}", fixed(row.log_loss, 3)]
        )
    table = with_kept(rows, [row.place for row in largest])
    parts.append(("Largest losses", page.table(*table, label="Largest losses")))
    return [*parts, ("Recalibration", page.table(*of_calibration.main_table(recalibration), label="Recalibration"))]


def _groups(m: Measurement) -> str:
    """The table of groups; of several columns first that of each column."""
    if m.groups is None or m.has_too_many_groups:
        return page.paragraph(capital(too_many_groups(m.by)))
    tables = [(m.margin(name), (name,)) for name in m.by] if len(m.by) > 1 else []
    parts = []
    for groups, by in [*tables, (m.groups, m.by)]:
        parts.append(page.table(*group_table(groups, by, MOST_LISTED), caption="By " + ", ".join(by)))
        if len(groups) > MOST_LISTED:
            parts.append(page.paragraph(f"{MOST_LISTED} of {count(len(groups))} groups, by size of contribution."))
    remarks = [*columns_of_groups(m.groups), *remarks_of_groups(m.groups)]
    return "\n".join([*parts, *(page.paragraph(f"{capital(remark)}.") for remark in remarks)])


def remarks(m: Measurement) -> str:
    """How exact the figures are, and what their names mean."""
    kept = (
        f"All {counted(m.n_scores, 'distinct prediction')} are kept: log loss, decomposition, AUC and calibration line "
        "are computed without binning; null distribution and overfitting are simulated."
    )
    if not m.is_exact:
        kept = (
            f"Predictions are in {counted(m.n_scores, 'bin')}: log loss and rates are exact, discrimination and "
            "miscalibration have certified bounds."
        )
    return page.paragraphs(
        [
            f"{kept} Nothing is clipped.",
            "The loss of a row is −log of the probability of the observed class, in nats (natural logarithm); 1 nat is "
            "1.4427 bits.",
            "Log loss = uncertainty (entropy of the base rate) − discrimination (uncertainty less the log loss after "
            "isotonic recalibration) + miscalibration (log loss less that after isotonic recalibration). This "
            "decomposition (CORP) assumes that the true event rate rises with the predicted probability; where it "
            "falls, miscalibration is counted as lack of discrimination.",
        ]
    )
