"""A difference between two measurements in words: the change in log loss, then its decomposition, which adds up."""

from __future__ import annotations

import math

from logloss.answers.estimate import Estimate, negated
from logloss.answers.small_table import SmallTable
from logloss.difference import Difference
from logloss.difference.labels_arrived import LabelsArrived
from logloss.inference.cautions import FEWEST_CLUSTERS
from logloss.show.words.of_comparison import ends_text
from logloss.show.words.of_measurement import caution_lines, group_value, signed
from logloss.text import (
    MINUS,
    adding_digits,
    columns,
    count,
    counted,
    fixed,
    percent,
    printable,
    printable_lines,
    significant,
)

N_GROUPS_SHOWN = 20
# The usual thresholds of the population stability index.
LITTLE, LARGE = 0.1, 0.25
# Ratio of the numbers of rows from which the correction for overfitting is shown.
UNEQUAL = 1.5


def text_of(d: Difference) -> str:
    """The whole difference."""
    parts = columns(with_labels(parts_rows(d)), "lrll", gap="   ")
    paragraphs = [[sentence(d), *warnings(d)], parts, remarks(d), arrived_lines(d)]
    paragraphs += [caution_lines(d.cautions), groups_lines(d)]
    return printable_lines("\n\n".join("\n".join(lines) for lines in paragraphs if lines))


def with_labels(rows: list[list[str]]) -> list[list[str]]:
    """Rows of name, figure, interval and clause, each interval after "95% CI", with their digits in one column."""
    is_negative = any(row[2].startswith(MINUS) for row in rows)
    space = " " if is_negative else ""
    labelled = [f"95% CI {'' if row[2].startswith(MINUS) else space}{row[2]}" if row[2] else "" for row in rows]
    return [[name, figure, ends, clause] for (name, figure, _, clause), ends in zip(rows, labelled, strict=True)]


def sentence(d: Difference) -> str:
    """The change in log loss."""
    digits = _digits(d)
    ends = " → ".join(fixed(each.log_loss, digits) for each in (d.old, d.new))
    if math.isnan(d.log_loss):
        return f"log loss {ends}: both are infinite, so the difference is not defined"
    if math.isinf(d.log_loss):
        return f"log loss {ends}: {'+' if d.log_loss > 0 else MINUS}inf"
    interval = f"95% CI {ends_text(d.log_loss, 4)}" if d.log_loss.has_interval else f"no CI: {d.log_loss.reason}"
    change = "no change" if d.log_loss == 0.0 else signed(d.log_loss, digits)
    return f"log loss {ends}: {change} ({interval})"


def _digits(d: Difference) -> int:
    """The digits, at least five, with which the decompositions of the change add up as printed."""
    sums = [[d.uncertainty, -d.discrimination, d.miscalibration]]
    if d.composition_effect is not None and d.within_group_effect is not None:
        sums.append([d.composition_effect, d.within_group_effect])
    total = d.log_loss if math.isfinite(d.log_loss) else sum(sums[0])
    digits = 5
    while any(adding_digits(total, members, least=digits) > digits for members in sums) and digits < 15:
        digits += 1
    return digits


def warnings(d: Difference) -> list[str]:
    """Infinite losses, and clusters of both measurements."""
    lines = []
    for name, measured in (("old", d.old), ("new", d.new)):
        if measured.n_infinite:
            rows = f"{count(measured.n_infinite)} of {counted(measured.n_rows, 'row')}"
            lines.append(f"{name}: probability 0 for the observed class in {rows} (first: {measured.first_infinite})")
    if d.is_paired:
        lines.append("CIs are paired: clusters that occur in both measurements are matched")
    return lines


def parts_rows(d: Difference) -> list[list[str]]:
    """The decomposition of the change: name, contribution, interval, clause."""
    digits = _digits(d)
    base_rate = f"base rate {fixed(d.old.base_rate, 4)} → {fixed(d.new.base_rate, 4)}"
    ratio = f"predicted/observed {fixed(d.old.ratio, 2)} → {fixed(d.new.ratio, 2)}"
    excess = " → ".join(fixed(each, 4) for each in _discriminations(d))
    # The contribution to the sum: discrimination is subtracted, so that a decrease of it is positive.
    contribution = negated(d.discrimination)
    parts = [
        ("  uncertainty", d.uncertainty, base_rate),
        (f"{MINUS} discrimination", contribution, verdict(d, contribution, excess)),
        ("+ miscalibration", d.miscalibration, verdict(d, d.miscalibration, ratio)),
    ]
    lines = []
    for name, part, clause in parts:
        why = f"; no CI: {part.reason}" if not part.has_interval and part.reason != d.log_loss.reason else ""
        lines.append([name, signed(part, digits), ends_text(part, 4), clause + why])
    if not math.isfinite(d.log_loss):
        change = signed(d.infinite_losses, digits) if not math.isnan(d.infinite_losses) else "not defined"
        lines.append(
            ["+ infinite losses", change, "", f"{count(d.old.n_infinite)} → {counted(d.new.n_infinite, 'row')}"]
        )
    total = signed(d.log_loss, digits) if not math.isnan(d.log_loss) else "not defined"
    return [*lines, ["= log loss", total, "", ""]]


def _discriminations(d: Difference) -> list[float]:
    """Discrimination of both, corrected for overfitting where that is available of both."""
    is_corrected = not math.isnan(d.overfitting)
    parts = [each.discrimination for each in (d.old, d.new)]
    return [part - (part.overfitting if is_corrected else 0.0) for part in parts]


def remarks(d: Difference) -> list[str]:
    """The correction for overfitting, and the change of the score distribution."""
    lines = []
    sizes = sorted((d.old.n_rows, d.new.n_rows))
    if math.isnan(d.overfitting):
        lines.append("discrimination and miscalibration: not corrected for overfitting (not available)")
    elif sizes[1] > UNEQUAL * sizes[0]:
        overfitting = " → ".join(fixed(each.discrimination.overfitting, 4) for each in (d.old, d.new))
        rows = f"{counted(d.old.n_rows, 'row')} → {count(d.new.n_rows)}"
        lines.append(f"discrimination and miscalibration: corrected for overfitting, {overfitting} ({rows})")
    if not math.isnan(d.psi):
        size = "little change" if d.psi < LITTLE else "moderate change" if d.psi < LARGE else "large change"
        lines.append(f"score distribution: PSI {significant(d.psi, 2)} (ten bins), {size}")
    return lines


def arrived_lines(d: Difference) -> list[str]:
    """What was expected of rows without a label beside what was observed, and what that says."""
    if d.labels_arrived is None:
        return []
    lines = [f"{counted(d.labels_arrived.n_rows, 'row')} without a label in the old measurement, labelled in the new"]
    return [*lines, *columns(*arrived_table(d.labels_arrived), gap="   "), arrived_sentence(d.labels_arrived)]


def arrived_table(arrived: LabelsArrived) -> tuple[list[list[str]], str]:
    """Expected and observed log loss and base rate, and how columns are aligned."""
    rows = [["", "expected", "95% CI", "observed"]]
    for name, expected, observed in (
        ("  log loss", arrived.expected_log_loss, arrived.log_loss),
        ("  base rate", arrived.expected_base_rate, arrived.base_rate),
    ):
        rows.append([name, fixed(expected, 4), ends_text(expected, 4), fixed(observed, 4)])
    return rows, "lrlr"


def arrived_sentence(arrived: LabelsArrived) -> str:
    """Whether the observed loss is as expected."""
    if not arrived.expected_log_loss.has_interval:
        return f"no CI: {arrived.expected_log_loss.reason}"
    if arrived.is_within:
        return "the observed log loss is consistent with the expected one"
    more = "higher" if arrived.log_loss > arrived.expected_log_loss else "lower"
    return f"the observed log loss is {more} than expected: P(label | score) of these rows is another one"


def verdict(d: Difference, contribution: Estimate, clause: str) -> str:
    """The clause of a significant contribution; else that it is not, or that there are too few clusters for a test."""
    if any(measured.effective_clusters < FEWEST_CLUSTERS for measured in (d.old, d.new)):
        return "too few clusters for a test"
    return "not significant" if contribution.has_interval and contribution.low <= 0 <= contribution.high else clause


def groups_lines(d: Difference) -> list[str]:
    """Composition and within-group effects, and the groups."""
    if d.groups is None:
        return []
    effects = columns(with_labels(mix_rows(d)), "lrll", gap="   ")
    lines = [*effects, "", *columns(*group_table(d.groups, d.new.by, N_GROUPS_SHOWN))]
    if len(d.groups) > N_GROUPS_SHOWN:
        most = f"the {N_GROUPS_SHOWN} of {count(len(d.groups))} groups with the largest contributions"
        lines.append(f"… {most}; all in `groups`")
    return lines


def mix_rows(d: Difference) -> list[list[str]]:
    """The decomposition of the change by groups (Kitagawa): name, contribution, interval, clause."""
    if d.composition_effect is None or d.within_group_effect is None:
        return []
    digits = _digits(d)
    composition, within = d.composition_effect, d.within_group_effect
    finite = "" if math.isfinite(d.log_loss) else "without infinite losses"
    rows = []
    for name, effect, clause in (
        ("  composition effect (mix)", composition, "changed shares of the groups, at mean losses"),
        ("+ within-group effect", within, "changed losses within groups, at mean shares"),
    ):
        why = f"; no CI: {effect.reason}" if not effect.has_interval else ""
        rows.append([name, signed(effect, digits), ends_text(effect, 4), clause + why])
    return [*rows, ["= log loss", signed(composition + within, digits), "", finite]]


def group_table(groups: SmallTable, by: tuple[str, ...], most: int) -> tuple[list[list[str]], str]:
    """Both measurements by group, of many those with the largest contributions; and how columns are aligned."""
    rows = list(groups)
    if len(rows) > most:
        rows = sorted(rows, key=lambda row: -abs(row["composition_nats"] + row["within_group_nats"]))[:most]
    table = [[*(printable(name) for name in by), "share of rows", "log loss", "composition", "within group"]]
    for row in rows:
        cells = [group_value(row[name], groups[name]) for name in by]
        shares = f"{percent(row['share_old'], 1)} → {percent(row['share_new'], 1)}"
        losses = " → ".join(
            "none" if math.isnan(row[f"log_loss_{side}_nats"]) else fixed(row[f"log_loss_{side}_nats"], 4)
            for side in ("old", "new")
        )
        table.append([*cells, shares, losses, signed(row["composition_nats"], 5), signed(row["within_group_nats"], 5)])
    return table, "l" * len(by) + "rrrr"
