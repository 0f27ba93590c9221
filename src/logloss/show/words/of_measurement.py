"""A measurement in words, as people read it; nothing is computed here but how figures are written."""

from __future__ import annotations

import math
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
    printable,
    printable_lines,
    significant,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logloss.answers.small_table import SmallTable
    from logloss.comparison import Comparison
    from logloss.data.values import Value
    from logloss.inference.decomposition import Miscalibration
    from logloss.measurement import Measurement

N_LARGEST_SHOWN = 3
N_GROUPS_SHOWN = 20
# From this width of what is certain of it, over its value, the miscalibration is written as a range.
WIDE = 0.25


def text_of(m: Measurement) -> str:
    """The whole measurement."""
    tables = [loss_rows(m), parts_rows(m), forecast_rows(m)]
    lines = aligned([row for rows in tables for row in rows])
    paragraphs = [[header(m)]]
    for rows in tables:
        paragraphs.append(lines[: len(rows)])
        lines = lines[len(rows) :]
    paragraphs.append(caution_lines(m.cautions))
    paragraphs.append(largest_losses_lines(m))
    if m.by:
        paragraphs += group_paragraphs(m)
    return printable_lines("\n\n".join("\n".join(lines) for lines in paragraphs if lines))


def aligned(rows: list[list[str]]) -> list[str]:
    """Rows of four cells in one layout, so that figures stand below each other; a last cell may be as long as it is."""
    widths = [max(len(row[j]) for row in rows if any(row[j + 1 :])) for j in range(3)]
    return [
        "   ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows
    ]


def header(m: Measurement) -> str:
    """How many rows of what, what counts as positive, what intervals mean."""
    is_shifted = m.negatives_kept != 1
    shift = [f"log-odds shifted: {m.negatives_kept:g} of the negatives kept in training"] if is_shifted else []
    return header_of_rows(m, "left out", shift)


def header_of_rows(answer: Measurement | Comparison, left_out: str, more: Sequence[str] = ()) -> str:
    """The rows of an answer. left_out: what became of those in which something is missing."""
    of = f" of {printable(answer.source, LONGEST_NAMED)}" if answer.source else ""
    clause = [f"{counted(answer.n_rows, 'row')}{of}", f"positive: {printable(answer.positive, LONGEST_NAMED)}"]
    if answer.n_dropped:
        clause.append(f"{counted(answer.n_dropped, 'row')} {left_out}: something missing")
    if answer.has_weights:
        clause.append(f"weights sum to {significant(answer.sum_weight, 6)}")
    if answer.has_counts:
        clause.append("counts as repeated rows")
    clause += more
    if answer.is_soft:
        clause.append("soft labels")
    if answer.folds is not None:
        clause.append(answer.folds.text)
    independent = "rows independent"
    if answer.cluster:
        kind = "bucket" if answer.has_buckets else "cluster"
        of_what = ", ".join(printable(name) for name in answer.cluster)
        independent = f"{counted(answer.n_clusters, kind)} of {of_what} independent"
        if answer.n_clusters - answer.effective_clusters > 0.05:
            independent += f" ({effective_count(answer.effective_clusters)})"
    return " · ".join([*clause, f"intervals: 95 %, {independent}"])


def loss_rows(m: Measurement) -> list[list[str]]:
    """The loss, what the base rate alone would cost, and the skill."""
    bits = f"{fixed(m.log_loss / NATS_PER_BIT, 4)} bits"
    if m.n_infinite:
        was = "was" if m.n_infinite == 1 else "were"
        rows = f"{count(m.n_infinite)} of {counted(m.n_rows, 'row')} {was}"
        them = "it" if m.n_infinite == 1 else "them"
        is_some = not math.isnan(m.log_loss_where_finite)
        without = f"; {fixed(m.log_loss_where_finite, 4)} without {them}" if is_some else ""
        first = ["log loss", "inf", f"{rows} given probability 0 (first: {m.first_infinite}){without}", ""]
    else:
        first = ["log loss", f"{fixed(m.log_loss, 4)} nats", shown(m.log_loss, 4), bits]
    clause = f"the loss of saying {fixed(m.base_rate, 4)} to every row"
    base = ["base rate alone", fixed(m.uncertainty, 4), shown(m.uncertainty, 4), clause]
    if math.isnan(m.skill):
        skill = ["skill", "not defined", "", m.skill.reason]
    else:
        spread = m.skill.reason
        if m.skill.has_interval:
            spread = interval(100 * m.skill.low, 100 * m.skill.high, 1)
        share = f"{fixed(100 * m.skill, 1):>4} %" if math.isfinite(m.skill) else fixed(m.skill, 1)
        skill = ["skill", share, spread, "the share of that which is saved"]
    return [first, base, skill]


def parts_rows(m: Measurement) -> list[list[str]]:
    """The three parts of the loss, and what chance alone would show of the last."""
    found = m.miscalibration
    parts = [m.uncertainty, -m.discrimination, found]
    digits = 5
    if math.isfinite(m.log_loss):
        digits = adding_digits(m.log_loss, parts, least=5)
    rows = [
        ["  uncertainty", fixed(m.uncertainty, digits), "", "what the base rate leaves open"],
        [f"{MINUS} discrimination", fixed(m.discrimination, digits), "", "what the predictions know"],
        ["+ miscalibration", fixed(found, digits), miscalibration_range(found), "what they get wrong about it"],
        ["= log loss", fixed(m.log_loss, digits), "", ""],
    ]
    return rows + null_distribution_rows(m) + excess_rows(m)


def miscalibration_range(found: Any) -> str:
    """What is certain of it where bins leave too much open."""
    if math.isfinite(found) and found.highest - found.lowest > WIDE * found:
        return f"between {significant(found.lowest, 3)} and {significant(found.highest, 3)} (bins)"
    return ""


def null_distribution_rows(m: Measurement) -> list[list[str]]:
    """What calibrated forecasters with the same predictions show."""
    found = m.miscalibration
    if math.isnan(found.expected_if_calibrated):
        return [["  by chance alone", "", "not available", found.expected_if_calibrated_reason]]
    who = f"a calibrated forecaster, {counted(m.n_rows, 'row')}"
    digits = 4 if found.expected_if_calibrated >= 1e-3 else 6
    high = f"95 of 100 below {fixed(found.quantile_95_if_calibrated, digits)}"
    high = "over all outcomes" if math.isnan(found.quantile_95_if_calibrated) else high
    clause = f"{who}: {p_text(found.p_value)}, {verdict_text(found)}"
    return [["  by chance alone", fixed(found.expected_if_calibrated, digits), high, clause]]


def verdict_text(found: Miscalibration) -> str:
    """What a miscalibration calls for, where it is known what chance would show: one verdict for all texts."""
    if not found.is_significant:
        return "no more than chance"
    if found.is_worth_recalibrating:
        return "worth repairing"
    return "more than chance, if little" if found.excess.has_interval else "more than chance"


def excess_rows(m: Measurement) -> list[list[str]]:
    """Discrimination and miscalibration without what the isotonic fit overfits, where they have an interval."""
    parts = [("discrimination", m.discrimination), ("miscalibration", m.miscalibration)]
    rows = []
    for name, part in parts:
        if part.excess.has_interval:
            digits = 4 if abs(part.excess) >= 1e-3 else 6
            clause = f"without {significant(part.overfitting, 2)} of overfitting"
            rows.append([f"  excess {name}", fixed(part.excess, digits), shown(part.excess, digits), clause])
    return rows


def p_text(p_value: float) -> str:
    """`p = 0.753`, `p < 0.005`: of 200 draws no less can be said."""
    least = 1 / 201
    if p_value <= least:
        return "p < 0.005"
    return f"p = {fixed(p_value, 3 if p_value < 0.995 else 2)}"


def forecast_rows(m: Measurement) -> list[list[str]]:
    """What was said on average, what that promised, and how well it tells 1 from 0."""
    observed = f"what happened ({fixed(m.base_rate, 4)})"
    times = f"{fixed(m.ratio, 3)} × {observed}" if m.base_rate else "nothing happened: no row is positive"
    auc = ["AUC", "not defined", m.auc.reason, ""]
    if not math.isnan(m.auc):
        auc = ["AUC", fixed(m.auc, 4), shown(m.auc, 4), ""]
    rows = [
        ["said on average", fixed(m.mean_proba, 4), times, ""],
        ["expected of itself", fixed(m.expected_log_loss, 4), expectation(m), ""],
        auc,
        ["scores", line_text(m), "", ""],
    ]
    if m.n_unlabelled:
        late = f"said {fixed(m.unlabelled_mean_proba, 4)} on average, expected log loss "
        late += fixed(m.unlabelled_expected_log_loss, 4)
        rows.append(["not known yet", f"{counted(m.n_unlabelled, 'row')} without a label: {late}", "", ""])
    return rows


def line_text(m: Measurement) -> str:
    """Slope and intercept of the labels' log-odds on those of the forecasts."""
    if math.isnan(m.slope):
        return f"no slope: {m.slope.reason}"
    slope, intercept = (
        f"{fixed(each, 3)} {interval(each.low, each.high, 3)}" if each.has_interval else fixed(each, 3)
        for each in (m.slope, m.intercept)
    )
    slope += f" ({confidence_text(m)})" if confidence_text(m) else ""
    apart = f" ({m.slope.reason})" if m.slope.has_interval and m.slope.reason else ""
    return f"slope {slope}, intercept {intercept}; calibrated: 1 and 0{apart}"


def confidence_text(m: Measurement) -> str:
    """Whether the forecasts are too far from the base rate, or too near: where the interval of the slope excludes 1."""
    # Not from the loss against the entropy of the forecasts: a shift alone moves that either way. Of too few clusters,
    # whose intervals cannot be trusted, nothing is said.
    if m.effective_clusters < FEWEST_CLUSTERS:
        return ""
    return "over-confident" if m.slope.high < 1 else "under-confident" if m.slope.low > 1 else ""


def expectation(m: Measurement) -> str:
    """What the promise and the truth say together."""
    if math.isinf(m.log_loss_minus_expected):
        return "the truth cost infinitely more"
    gap = significant(abs(m.log_loss_minus_expected), 3)
    more = "more" if m.log_loss_minus_expected > 0 else "less"
    if math.isnan(m.expected_z):
        return f"the truth cost {gap} {more} ({m.expected_reason})"
    return f"the truth cost {gap} {more}: {within_or_more(m)} chance (z = {fixed(m.expected_z, 1)})"


def within_or_more(m: Measurement) -> str:
    """Whether the loss strays from the entropy of the predictions by more than chance lets it."""
    return "within" if abs(m.expected_z) < Z else "more than"


def caution_lines(cautions: Sequence[str]) -> list[str]:
    """What is to be borne in mind of the intervals."""
    return [f"caution: {each}" for each in cautions]


def largest_losses_lines(m: Measurement) -> list[str]:
    """The rows that cost most, and how much of the loss the costliest tenth bears."""
    rows = []
    for number, row in enumerate(m.summary.largest_losses.rows[:N_LARGEST_SHOWN]):
        where, _, of = printable(row.shown(m.source), LONGEST_NAMED).partition(" ")
        if not row.place.is_numbered:
            where, of = printable(row.shown(row.name), LONGEST_NAMED), ""
        name, unit = ("costliest rows", " nats") if number == 0 else ("", "     ")
        rows.append(
            [
                name,
                where,
                of,
                f"said {fixed(row.predicted, 4)}, was {row.observed:g}",
                f"{fixed(row.log_loss, 3)}{unit}",
            ]
        )
    first = columns([row[:2] for row in rows], "lr", gap="   ")
    last = columns([row[2:] for row in rows], "llr", gap="   ")
    lines = [f"{start} {end}".rstrip() for start, end in zip(first, last, strict=True)]
    if m.n_rows >= 10 and not math.isnan(m.loss_share_of_top_10_percent):
        share = fixed(100 * m.loss_share_of_top_10_percent, 0)
        lines.append(" " * (len("costliest rows") + 3) + f"the costliest 10 % of rows pay {share} % of the loss")
    return lines


def group_paragraphs(m: Measurement) -> list[list[str]]:
    """What each group costs; of several columns first what each of them makes."""
    if m.has_too_many_groups:
        by = listed([printable(name) for name in m.by])
        return [[f"more than 4,096 groups of {by}: none is kept. Name those that matter: groups=[…]."]]
    paragraphs = []
    if len(m.by) > 1:
        paragraphs = [group_lines(m.margin(name), (name,)) for name in m.by]
    return paragraphs if m.groups is None else [*paragraphs, group_lines(m.groups, m.by)]


def group_lines(groups: SmallTable, by: tuple[str, ...]) -> list[str]:
    """A table of groups as lines."""
    found = columns(*group_table(groups, by, N_GROUPS_SHOWN))
    if len(groups) > N_GROUPS_SHOWN:
        found.append(f"… the {N_GROUPS_SHOWN} of {count(len(groups))} groups that add most; all in `groups`")
    found += remarks_of_groups(groups)
    return found


def remarks_of_groups(groups: SmallTable) -> list[str]:
    """What the table does not say of itself: why there is no chance level, how clusters were counted."""
    found = []
    n_few = sum(map(bool, groups["caution"])) if "caution" in groups.column_names else 0
    if n_few:
        few = "too few effective rows, or too few of the rarer class"
        found.append(f"caution: intervals of {counted(n_few, 'group')} may be too narrow: {few}")
    if "effective_clusters" in groups.column_names:
        found.append("clusters: their effective number, as many of equal weight; intervals count clusters, not rows")
    if "expected_if_calibrated_reason" in groups.column_names:
        reasons = listed(list(dict.fromkeys(filter(None, groups["expected_if_calibrated_reason"]))))
        found += [f"no chance level of groups: {reasons}"] if reasons and not has_null_distribution(groups) else []
    return found


def has_null_distribution(groups: SmallTable) -> bool:
    """Whether of any group is known what chance alone would show."""
    return "expected_if_calibrated_nats" in groups.column_names and not all(
        map(math.isnan, groups["expected_if_calibrated_nats"])
    )


def group_table(groups: SmallTable, by: tuple[str, ...], most: int) -> tuple[list[list[str]], str]:
    """A table of groups, of many those that add most, and how its columns are aligned."""
    rows = list(groups)
    if len(rows) > most:
        rows = sorted(rows, key=lambda row: -abs(row["contribution_nats"]))[:most]
    every = {name: groups[name] for name in by}
    has_parts = "miscalibration_nats" in groups.column_names
    with_null_distribution, of_clusters = (
        has_null_distribution(groups),
        [] if "effective_clusters" not in groups.column_names else ["clusters"],
    )
    head = [*(printable(name) for name in by), "rows", *of_clusters]
    head += ["log loss", "[95 %]", "contribution", "base rate", "predicted", "ratio"]
    head += [*(["miscalibration"] if has_parts else []), *(["(chance)", "p"] if with_null_distribution else [])]
    lines = [head]
    for row in rows:
        loss = Estimate(row["log_loss_nats"], row["log_loss_nats_low"], row["log_loss_nats_high"], row["reason"])
        cells = [group_value(row[name], every[name]) for name in by]
        cells += [count(row["rows"]), *(decimal(row["effective_clusters"]) for _ in of_clusters)]
        ends = shown(loss, 4) + (f" {loss.reason}" if loss.has_interval and loss.reason else "")
        cells += [fixed(loss, 4), ends, fixed(row["contribution_nats"], 4)]
        cells += [fixed(row["base_rate"], 4), fixed(row["mean_proba"], 4), fixed(row["ratio"], 2)]
        if has_parts:
            cells.append(fixed(row["miscalibration_nats"], 4))
        if with_null_distribution:
            expected = row["expected_if_calibrated_nats"]
            p = "" if math.isnan(expected) else p_text(row["p_value"]).removeprefix("p ").removeprefix("= ")
            cells += ["" if math.isnan(expected) else f"({fixed(expected, 4)})", p.replace("< ", "<")]
        lines.append(cells)
    align = "l" * len(by) + "r" * len(of_clusters) + "rrlrrrr" + "r" * has_parts + "rr" * with_null_distribution
    return lines, align


def decimal(number: float) -> str:
    """An effective number with one decimal, never rounded up, as where it is named as too few."""
    return "nan" if math.isnan(number) else fixed(math.floor(number * 10 + ROUNDING) / 10, 1)


def group_value(value: Value, others: Sequence[Value]) -> str:
    """A value of a group, so that null, "", 1 and "1" can be told apart."""
    if value is None:
        return "null"
    if not isinstance(value, str):
        return str(value)
    is_odd = value == "" or value in ("null", "True", "False") or value != value.strip()
    is_like_number = any(str(other) == value for other in others if not isinstance(other, str))
    return f'"{printable(value)}"' if is_odd or is_like_number else printable(value)


def shown(estimate: Estimate, digits: int) -> str:
    """The interval of an estimate, or why there is none."""
    return interval(estimate.low, estimate.high, digits) if estimate.has_interval else estimate.reason


def signed(value: float, digits: int) -> str:
    """`+0.0034`, `−0.0011`; `none` where two infinite losses have no difference."""
    if math.isnan(value):
        return "none"
    text = fixed(value, digits)
    return text if text.startswith(MINUS) else f"+{text}"
