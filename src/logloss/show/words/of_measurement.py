"""A measurement in words, as people read it; nothing is computed here but how figures are written."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from logloss.answers.estimate import Estimate, Z
from logloss.inference.cautions import FEWEST_CLUSTERS
from logloss.inference.moments import ROUNDING, effective_count
from logloss.text import (
    LONGEST_NAMED,
    MINUS,
    NATS_PER_BIT,
    adding_digits,
    columns,
    count,
    counted,
    fixed,
    interval,
    listed,
    percent,
    printable,
    printable_lines,
    significant,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logloss.answers.small_table import SmallTable
    from logloss.comparison import Comparison
    from logloss.data.rows import Place
    from logloss.data.values import Value
    from logloss.inference.decomposition import Miscalibration
    from logloss.measurement import Measurement

N_LARGEST_SHOWN = 3
N_GROUPS_SHOWN = 20
# Where bins leave more of the miscalibration open than this, over its value, both bounds are written.
WIDE = 0.25
# Below, four digits after the point are too few.
SMALL = 1e-3
# Below, a p-value says that scores differ.
SHIFTED = 0.05
# A longer clause with no interval before it begins in the column of intervals.
LONG_CLAUSE = 50
# A value that is one number, perhaps with its unit: its digits stand below those of others.
NUMBER = re.compile(rf"({MINUS}?)([\d,]+)(\.\d+)?(%| nats)?")


def text_of(m: Measurement) -> str:
    """The whole measurement."""
    tables = [
        ("", loss_rows(m)),
        ("decomposition (isotonic, CORP)", parts_rows(m)),
        ("calibration", calibration_rows(m)),
        ("rows without a label", unlabelled_rows(m)),
        ("", largest_losses_rows(m)),
    ]
    lines = aligned([row for _, rows in tables for row in rows])
    paragraphs = [[header(m)]]
    for title, rows in tables:
        paragraphs.append([*([title] if title and rows else []), *lines[: len(rows)]])
        lines = lines[len(rows) :]
    paragraphs.insert(-1, caution_lines(m.cautions))
    if m.by:
        paragraphs += group_paragraphs(m)
    return printable_lines("\n\n".join("\n".join(lines) for lines in paragraphs if lines))


def aligned(rows: list[list[str]]) -> list[str]:
    """Rows of name, value, interval and clause as lines in one layout."""
    numbers = [NUMBER.fullmatch(row[1]) for row in rows]
    whole = max((len(found[2]) for found in numbers if found), default=1)
    cells = []
    for (name, value, ends, clause), found in zip(rows, numbers, strict=True):
        space = " " * (whole - len(found[2])) if found else ""
        # A sign stands in the gap before the column.
        value = f"{space}{value}" if found and found[1] else f" {space}{value}"
        if ends or len(clause) <= LONG_CLAUSE:
            cells.append([name, value, f"95% CI {ends}" if ends else "", clause])
        else:
            cells.append([name, value, clause, ""])
    widths = [max(len(row[j]) for row in cells if any(row[j + 1 :])) for j in range(3)]
    return [f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}   {row[2]:{widths[2]}}   {row[3]}".rstrip() for row in cells]


def header(m: Measurement) -> str:
    """How many rows of what, the share of positives, and what intervals assume."""
    first, *more = header_lines(m, "dropped", shift(m))
    is_plain = len(more) == 1 and not m.cluster
    return f"{first}; {more[0]}" if is_plain else f"{first}\n{' · '.join(more)}"


def header_of_rows(answer: Measurement | Comparison, left_out: str, more: Sequence[str] = ()) -> str:
    """The same of any answer, on one line. left_out: what became of rows with missing values."""
    return " · ".join(header_lines(answer, left_out, more))


def header_lines(answer: Measurement | Comparison, left_out: str, more: Sequence[str] = ()) -> list[str]:
    """The rows of an answer, then what is special about them, and last what intervals assume."""
    of = f"{printable(answer.source, LONGEST_NAMED)}: " if answer.source else ""
    share = f"{significant(100 * answer.base_rate, 3)}%{' of the weight' if answer.has_weights else ''}"
    positive = f"{share} positive ({printable(answer.positive, LONGEST_NAMED)})"
    lines = [f"{of}{counted(answer.n_rows, 'row')}, {positive}"]
    if answer.n_dropped:
        lines.append(f"{counted(answer.n_dropped, 'row')} {left_out} (missing values)")
    if answer.has_weights:
        lines.append(f"weights sum to {significant(answer.sum_weight, 6)}")
    if answer.has_counts:
        lines.append("counts repeat rows")
    lines += more
    if answer.is_soft:
        lines.append("soft labels")
    if answer.folds is not None:
        lines.append(answer.folds.text)
    return [*lines, f"CIs assume independent {_observations(answer)}"]


def _observations(answer: Measurement | Comparison) -> str:
    """`rows`, or `clusters (30 of user, effective number 16.2)`."""
    if not answer.cluster:
        return "rows"
    kind = "buckets of clusters" if answer.has_buckets else "clusters"
    clause = f"{count(answer.n_clusters)} of {', '.join(printable(name) for name in answer.cluster)}"
    if answer.n_clusters - answer.effective_clusters > 0.05:
        clause += f", effective number {effective_count(answer.effective_clusters).removesuffix(' effective')}"
    return f"{kind} ({clause})"


def shift(m: Measurement) -> list[str]:
    """How forecasts were corrected for what training left out."""
    is_shifted = m.negatives_kept != 1
    return [f"log-odds shifted: training kept {m.negatives_kept:g} of the negatives"] if is_shifted else []


def nats(value: float) -> str:
    """A loss or a rate with four digits after the point, a small one with three of its own."""
    return significant(value, 3) if 0 < abs(value) < SMALL / 10 else fixed(value, digits_of(value))


def digits_of(value: float) -> int:
    """How many digits after the point a value of this size needs."""
    is_small = 0 < abs(value) < SMALL
    return min(2 - math.floor(math.log10(abs(value))), 12) if is_small else 4


def row_of(name: str, estimate: Estimate, clause: str, digits: int, unit: str = "") -> list[str]:
    """An estimate with its interval, or with the reason why it has none after its clause."""
    value, ends = f"{fixed(estimate, digits)}{unit}", ends_of(estimate, digits)
    why = f"no CI: {estimate.reason}" if not ends and estimate.reason else ""
    return [name, value, ends, "; ".join(filter(None, (clause, why)))]


def ends_of(estimate: Estimate, digits: int) -> str:
    """The interval of an estimate; "" where there is none."""
    return interval(estimate.low, estimate.high, digits) if estimate.has_interval else ""


def loss_rows(m: Measurement) -> list[list[str]]:
    """The loss, that of the baseline, the skill score and the AUC."""
    rate = f"always predicting the base rate, {nats(m.base_rate)}"
    rows = [*_log_loss_rows(m), row_of("baseline", m.uncertainty, rate, digits_of(m.uncertainty))]
    if math.isnan(m.skill):
        rows.append(["skill score", "not defined", "", m.skill.reason])
    else:
        share = percent(m.skill, 1) if math.isfinite(m.skill) else fixed(m.skill, 1)
        ends = f"{interval(100 * m.skill.low, 100 * m.skill.high, 1)}%" if m.skill.has_interval else ""
        worse = "worse than the baseline" if m.skill < 0 else "1 − log loss / baseline"
        rows.append(["skill score", share, ends, f"{worse} (D², McFadden's pseudo-R²)"])
    if math.isnan(m.auc):
        return [*rows, ["AUC", "not defined", "", m.auc.reason]]
    return [*rows, row_of("AUC", m.auc, "P(a positive row scores above a negative one)", 4)]


def _log_loss_rows(m: Measurement) -> list[list[str]]:
    """The loss; where it is infinite, that of the other rows, too."""
    if not m.n_infinite:
        bits = f"({nats(m.log_loss / NATS_PER_BIT)} bits)"
        return [row_of("log loss", m.log_loss, bits, digits_of(m.log_loss), " nats")]
    has, them = ("has", "it") if m.n_infinite == 1 else ("have", "them")
    rows = f"{count(m.n_infinite)} of {counted(m.n_rows, 'row')} {has} probability 0 for the observed class"
    is_some = not math.isnan(m.log_loss_where_finite)
    rest = nats(m.log_loss_where_finite) if is_some else "not defined"
    return [["log loss", "inf", "", rows], [f"  without {them}", rest, "", f"the first is {m.first_infinite}"]]


def parts_rows(m: Measurement) -> list[list[str]]:
    """The three terms of the loss, the last with its null distribution; then the excess terms, without overfitting."""
    part = m.miscalibration
    members = [m.uncertainty, -m.discrimination, part]
    digits = 5
    if math.isfinite(m.log_loss):
        digits = adding_digits(m.log_loss, members, least=5)
    rows = [
        ["  uncertainty", fixed(m.uncertainty, digits), "", "entropy of the base rate (the baseline)"],
        [f"{MINUS} discrimination", fixed(m.discrimination, digits), "", "also called resolution; higher is better"],
        ["+ miscalibration", fixed(part, digits), "", _miscalibration_clause(m)],
        ["= log loss", fixed(m.log_loss, digits), "", ""],
    ]
    return [*rows, *excess_rows(m)]


def _miscalibration_clause(m: Measurement) -> str:
    """Its bounds where bins leave much of it open; its p-value, and its mean under perfect calibration."""
    part = m.miscalibration
    null = f"null distribution not available: {part.expected_if_calibrated_reason}"
    if not math.isnan(part.expected_if_calibrated):
        is_small = 0 < part.expected_if_calibrated < SMALL
        expected = fixed(part.expected_if_calibrated, max(digits_of(part.expected_if_calibrated), 6) if is_small else 4)
        null = f"{p_text(part.p_value)}; {expected} expected if perfectly calibrated"
    return "; ".join(filter(None, (miscalibration_range(part), null)))


def miscalibration_range(part: Miscalibration) -> str:
    """The bounds of it where bins leave much of it open; else ""."""
    if math.isfinite(part) and part.highest - part.lowest > WIDE * part:
        return f"between {significant(part.lowest, 3)} and {significant(part.highest, 3)} (bins)"
    return ""


def verdict_text(part: Miscalibration) -> str:
    """Whether a miscalibration is significant, where its null distribution is known: one verdict for all texts."""
    if not part.is_significant:
        return "not significant"
    if part.is_worth_recalibrating or not part.excess.has_interval:
        return "significant"
    return "significant, but the 95% CI of the excess contains 0"


def excess_rows(m: Measurement) -> list[list[str]]:
    """Discrimination and miscalibration without what the isotonic fit overfits, where they have an interval."""
    rows = []
    for name, part in (("discrimination", m.discrimination), ("miscalibration", m.miscalibration)):
        if part.excess.has_interval:
            clause = f"bias-corrected: minus {significant(part.overfitting, 2)}, the isotonic fit's overfitting"
            rows.append(row_of(f"  excess {name}", part.excess, clause, 4 if abs(part.excess) >= SMALL else 6))
    return rows


def p_text(p_value: float) -> str:
    """`p = 0.753`, `p < 0.005`: 200 draws show no less."""
    least = 1 / 201
    if p_value <= least:
        return "p < 0.005"
    return f"p = {fixed(p_value, 3 if p_value < 0.995 else 2)}"


def calibration_rows(m: Measurement) -> list[list[str]]:
    """Mean prediction and event rate, calibration slope and intercept, expected loss."""
    ratio = f"ratio {fixed(m.ratio, 3)}" if m.base_rate else "no row is positive"
    rows = [["  mean predicted", nats(m.mean_proba), "", f"observed {nats(m.base_rate)}, {ratio}"], *line_rows(m)]
    rows.append(["  expected loss", nats(m.expected_log_loss), "", f"mean predictive entropy; {expectation(m)}"])
    return rows


def unlabelled_rows(m: Measurement) -> list[list[str]]:
    """What rows without a label are expected to cost, and whether their scores are those of the others."""
    late = m.unlabelled
    if late is None:
        return []
    share = f"{percent(late.share, 1)} of all rows"
    rows = [
        ["  rows", count(late.n_rows), "", share],
        ["  mean predicted", nats(late.mean_proba), "", f"labelled rows {nats(m.mean_proba)}"],
        remarked("  expected log loss", late.log_loss, "if P(label | score) is unchanged, which only labels can show"),
    ]
    if not math.isnan(late.base_rate):
        if_rate = f"if only the base rate differs (EM); labelled rows {nats(m.base_rate)}"
        rows.append(remarked("  base rate", late.base_rate, if_rate))
        rows.append(remarked("  log loss at that rate", late.log_loss_if_base_rate_changed, ""))
    if not math.isnan(late.psi):
        is_shifted = late.shift_p_value < SHIFTED
        verdict = "not those of the labelled rows" if is_shifted else "no difference from the labelled rows is shown"
        psi = f"PSI {significant(late.psi, 2)} (ten bins), {p_text(late.shift_p_value)}: {verdict}"
        rows.append(["  scores", "", "", psi])
    return rows


def remarked(name: str, estimate: Estimate, clause: str) -> list[str]:
    """An estimate with its interval, its clause, and a remark on it."""
    row = row_of(name, estimate, clause, 4)
    if estimate.has_interval and estimate.reason:
        row[3] += f"; {estimate.reason}"
    return row


def line_rows(m: Measurement) -> list[list[str]]:
    """Calibration slope and intercept: the logistic regression of the labels on the log-odds of the predictions."""
    if math.isnan(m.slope):
        return [["  slope", "not defined", "", m.slope.reason]]
    verdict = {"overconfident": "below 1: overconfident", "underconfident": "above 1: underconfident"}
    slope = "; ".join(filter(None, ("1 if calibrated", verdict.get(confidence_text(m), ""))))
    rows = [row_of("  slope", m.slope, slope, 3), row_of("  intercept", m.intercept, "0 if calibrated", 3)]
    if m.slope.has_interval and m.slope.reason:
        rows[1][3] += f"; {m.slope.reason}"
    return rows


def confidence_text(m: Measurement) -> str:
    """`overconfident` or `underconfident` where the interval of the slope excludes 1; else ""."""
    # Not from the loss against the entropy of the forecasts: a shift alone moves that either way. Not of too few
    # clusters, whose intervals cannot be trusted.
    if m.effective_clusters < FEWEST_CLUSTERS:
        return ""
    return "overconfident" if m.slope.high < 1 else "underconfident" if m.slope.low > 1 else ""


def expectation(m: Measurement) -> str:
    """How the observed loss compares with the expected one."""
    if math.isinf(m.log_loss_minus_expected):
        return "the observed loss is infinite"
    if abs(m.expected_z) < Z:
        return f"consistent with the observed loss (z = {fixed(m.expected_z, 1)})"
    more = "higher" if m.log_loss_minus_expected > 0 else "lower"
    gap = f"{nats(abs(m.log_loss_minus_expected))} {more}"
    if math.isnan(m.expected_z):
        return f"observed loss {gap}, no z: {m.expected_z_reason}"
    return f"the observed loss is {gap} (z = {fixed(m.expected_z, 1)})"


def caution_lines(cautions: Sequence[str]) -> list[str]:
    """Why intervals may not hold."""
    return [f"caution: {each}" for each in cautions]


def largest_losses_rows(m: Measurement) -> list[list[str]]:
    """The rows of the largest losses, and the share of the loss that the top tenth of rows makes."""
    cells = []
    for number, row in enumerate(m.summary.largest_losses.rows[:N_LARGEST_SHOWN]):
        # Numbers stand below each other, and lines beside them.
        where, _, of = printable(row.shown(m.source), LONGEST_NAMED).partition(" ")
        if not row.place.is_numbered:
            where, of = printable(row.shown(row.name), LONGEST_NAMED), ""
        prediction = f"predicted {nats(row.predicted)}, observed {row.observed:.4g}"
        cells.append([where, of, prediction, f"{fixed(row.log_loss, 3)}{' nats' if number == 0 else ''}"])
    word = "row " if any(row.place.is_numbered for row in m.summary.largest_losses.rows[:1]) else ""
    first = columns([row[:2] for row in cells], "rl" if word else "ll", gap=" ")
    lines = columns([[word + where, *row[2:]] for where, row in zip(first, cells, strict=True)], "lll", gap="   ")
    if m.n_rows >= 10 and not math.isnan(m.loss_share_of_top_10_percent):
        lines.append(f"the top 10% of rows account for {percent(m.loss_share_of_top_10_percent, 0)} of the loss")
    return [["largest losses" if number == 0 else "", line, "", ""] for number, line in enumerate(lines)]


def with_kept(rows: list[list[str]], places: Sequence[Place]) -> tuple[list[list[str]], str]:
    """A table of rows under a head with the columns that are kept of them after the first, and its alignment."""
    names = list(dict.fromkeys(name for place in places for name in place.kept_texts))
    kept = [names, *([place.kept_texts.get(name, "") for name in names] for place in places)]
    table = [[row[0], *texts, *row[1:]] for row, texts in zip(rows, kept, strict=True)]
    return table, "l" * (1 + len(names)) + "r" * (len(rows[0]) - 1)


def group_paragraphs(m: Measurement) -> list[list[str]]:
    """The table of groups, of several columns first that of each column; then what its columns are."""
    if m.groups is None or m.has_too_many_groups:
        return [[too_many_groups(m.by)]]
    margins = [group_lines(m.margin(name), (name,)) for name in m.by] if len(m.by) > 1 else []
    return [*margins, group_lines(m.groups, m.by), columns_of_groups(m.groups)]


def too_many_groups(by: Sequence[str]) -> str:
    """Why there is no table of groups, and how to have one."""
    names = listed([printable(name) for name in by])
    return f"more than 4,096 groups of {names}: none is kept. Choose some with groups=[…]."


def group_lines(groups: SmallTable, by: tuple[str, ...]) -> list[str]:
    """A table of groups as lines."""
    lines = columns(*group_table(groups, by, N_GROUPS_SHOWN))
    if len(groups) > N_GROUPS_SHOWN:
        lines.append(f"… {N_GROUPS_SHOWN} of {count(len(groups))} groups, by size of contribution; all are in `groups`")
    return lines + remarks_of_groups(groups)


def columns_of_groups(groups: SmallTable) -> list[str]:
    """What the columns of a table of groups are."""
    lines = ["contribution: share of the group × (its log loss − log loss of all rows)"]
    if has_null_distribution(groups):
        lines.append(
            "expected: mean miscalibration if perfectly calibrated; p: p-value, the probability of as much or more"
        )
    return lines


def remarks_of_groups(groups: SmallTable) -> list[str]:
    """Why some groups have no figures, or intervals that may not hold; how clusters were counted."""
    remarks = []
    n_few = sum(map(bool, groups["caution"])) if "caution" in groups.column_names else 0
    if n_few:
        few = "few effective rows, or few of the rarer class"
        remarks.append(f"caution: intervals of {counted(n_few, 'group')} may be too narrow: {few}")
    if "effective_clusters" in groups.column_names:
        remarks.append("clusters: their effective number, (Σw)² / Σw²; intervals assume independent clusters")
    if "expected_if_calibrated_reason" in groups.column_names:
        reasons = listed(list(dict.fromkeys(filter(None, groups["expected_if_calibrated_reason"]))))
        if reasons and not has_null_distribution(groups):
            remarks.append(f"null distribution of groups not available: {reasons}")
    return remarks


def has_null_distribution(groups: SmallTable) -> bool:
    """Whether the null distribution of any group is known."""
    return "expected_if_calibrated_nats" in groups.column_names and not all(
        map(math.isnan, groups["expected_if_calibrated_nats"])
    )


def by_contribution(groups: SmallTable, most: int) -> list[dict[str, Any]]:
    """Groups from the largest contribution to the least, then those without; of many the largest in absolute value."""

    def falling(value: float) -> tuple[bool, float]:
        return math.isnan(value), -value

    rows = sorted(groups, key=lambda row: falling(abs(row["contribution_nats"])))[:most]
    return sorted(rows, key=lambda row: falling(row["contribution_nats"]))


def group_table(groups: SmallTable, by: tuple[str, ...], most: int) -> tuple[list[list[str]], str]:
    """A table of groups, the largest contributions first, and how its columns are aligned."""
    rows = by_contribution(groups, most)
    every = {name: groups[name] for name in by}
    has_parts = "miscalibration_nats" in groups.column_names
    has_null, has_clusters = has_null_distribution(groups), "effective_clusters" in groups.column_names
    reasons = [row["reason"] for row in rows]
    head = [*(printable(name) for name in by), "rows", *(["clusters"] if has_clusters else [])]
    head += ["log loss", "95% CI", "event rate", "predicted", "ratio", "contribution"]
    head += [*(["miscalibration"] if has_parts else []), *(["expected", "p"] if has_null else [])]
    lines = [[*head, "remark"] if any(reasons) else head]
    for row in rows:
        loss = Estimate(row["log_loss_nats"], row["log_loss_nats_low"], row["log_loss_nats_high"])
        cells = [group_value(row[name], every[name]) for name in by]
        cells += [count(row["rows"]), *([decimal(row["effective_clusters"])] if has_clusters else [])]
        cells += [fixed(loss, 4), ends_of(loss, 4), nats(row["base_rate"]), nats(row["mean_proba"])]
        cells += [fixed(row["ratio"], 2), signed(row["contribution_nats"], 4)]
        if has_parts:
            cells.append(fixed(row["miscalibration_nats"], 4))
        if has_null:
            cells += _null_cells(row["expected_if_calibrated_nats"], row["p_value"])
        why = row["reason"] if loss.has_interval or not row["reason"] else f"no CI: {row['reason']}"
        lines.append([*cells, why] if any(reasons) else cells)
    align = "l" * len(by) + "r" * (1 + has_clusters) + "rlrrrr" + "r" * has_parts + "rr" * has_null
    return lines, align + "l" * any(reasons)


def _null_cells(expected: float, p_value: float) -> list[str]:
    """The null mean of a group and its p-value: `0.0037`, `<0.005`."""
    if math.isnan(expected):
        return ["", ""]
    p = p_text(p_value).removeprefix("p ").removeprefix("= ")
    return [fixed(expected, 4), p.replace("< ", "<")]


def decimal(number: float) -> str:
    """An effective number with one decimal, never rounded up, as where it is named as too few."""
    return "nan" if math.isnan(number) else f"{math.floor(number * 10 + ROUNDING) / 10:,.1f}"


def group_value(value: Value, others: Sequence[Value]) -> str:
    """A value of a group, so that null, "", 1 and "1" differ in the text."""
    if value is None:
        return "null"
    if not isinstance(value, str):
        return str(value)
    is_odd = value == "" or value in ("null", "True", "False") or value != value.strip()
    is_like_number = any(str(other) == value for other in others if not isinstance(other, str))
    return f'"{printable(value)}"' if is_odd or is_like_number else printable(value)


def shown(estimate: Estimate, digits: int) -> str:
    """The interval of an estimate, or why there is none."""
    return ends_of(estimate, digits) or estimate.reason


def signed(value: float, digits: int) -> str:
    """`+0.0034`, `−0.0011`; `not defined` where two infinite losses have no difference."""
    if math.isnan(value):
        return "not defined"
    text = fixed(value, digits)
    return text if text.startswith(MINUS) else f"+{text}"
