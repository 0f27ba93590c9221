"""A comparison in words: the answer in one sentence, the ranking, the best two in detail. Nothing is computed here."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from logloss.answers.estimate import Estimate, negated
from logloss.answers.small_table import SmallTable
from logloss.comparison import Comparison, PairwiseComparison, Verdict
from logloss.comparison.period_rules import INDEPENDENT
from logloss.comparison.verdicts import non_inferior
from logloss.show.words.of_measurement import (
    by_contribution,
    caution_lines,
    decimal,
    group_value,
    header_of_rows,
    remarks_of_groups,
    signed,
)
from logloss.text import (
    MINUS,
    adding_digits,
    columns,
    count,
    counted,
    fixed,
    interval,
    printable,
    printable_lines,
    significant,
    visible,
)

N_DIFFERENCES_SHOWN = 3
DATE = re.compile(r"\d{4}-\d\d-\d\d")
PARTS = ("discrimination_excess_nats", "miscalibration_excess_nats")
N_GROUPS_SHOWN = 20
# An e-value at which its null hypothesis is rejected at 5%, as a logarithm; one that is written with an exponent.
SIGNIFICANT, LARGE = math.log(20), math.log(1e5)
# What each verdict means of the interval of Δ.
VERDICTS = {
    "better": "the interval lies below 0",
    "equivalent": "the interval lies within ±margin",
    "non-inferior": "the interval lies below the margin",
    "inferior": "the interval lies above the margin",
    "undecided": "the interval includes the margin",
}
# More rows than this are not a sample size.
TOO_MANY = 10**12


def text_of(c: Comparison) -> str:
    """The whole comparison."""
    sequence = [sequence_sentence(c), *columns(sequential_rows(c), "lll", gap="   ")] if sequential_rows(c) else []
    paragraphs = [[sentence(c)], [header(c)], columns(*ranking_rows(c), gap="   "), verdict_lines(c), sequence]
    paragraphs.append(decomposition_lines(c))
    paragraphs += [detectable_lines(c), caution_lines(c.cautions), group_lines(c), largest_differences_lines(c)]
    return printable_lines("\n\n".join("\n".join(lines) for lines in paragraphs if lines))


def sentence(c: Comparison) -> str:
    """The answer: which forecaster has the lowest log loss, by how much, and whether that is significant."""
    pair = c.pair
    better, worse = printable(pair.better), printable(pair.worse)
    if math.isnan(pair.delta):
        return _both_infinite(c, better, worse)
    if math.isinf(pair.delta):
        return _one_infinite(c, better, worse)
    if pair.is_identical:
        lowest = "" if len(c.names) == 2 else f", the lowest log loss of {len(c.names)} forecasters"
        return f"{better} and {worse} have the same loss in every row{lowest}."
    estimate = pair.delta if len(c.names) == 2 else pair.simultaneous
    estimate = pair.delta if not estimate.has_interval else estimate
    digits = delta_digits(pair.delta)
    lower = f"{visible(pair.delta, digits)} nats per row lower than {worse}"
    if not estimate.has_interval:
        return f"{better} has the lowest log loss: {lower} (no CI: {pair.delta.reason})."
    many = f", {simultaneous_text(c)}" if len(c.pairs) > 1 and pair.simultaneous.has_interval else ""
    lower += f" (95% CI {ends_text(estimate, digits)}{many})"
    if pair.simultaneous.reason:
        return f"{better} has the lowest log loss: {lower}; significance is not assessed: {pair.simultaneous.reason}."
    if not pair.is_significant:
        return f"not significant: {better} has the lowest log loss, {lower}{needed(c)}."
    return f"{better} has the lowest log loss: {lower}."


def simultaneous_text(c: Comparison) -> str:
    """`simultaneous over 10 pairs`."""
    return f"simultaneous over {counted(len(c.pairs), 'pair')}"


def ends_text(estimate: Estimate, digits: int) -> str:
    """The interval of an estimate, "" where there is none."""
    return interval(estimate.low, estimate.high, digits) if estimate.has_interval else ""


def excluded_text(pair: PairwiseComparison) -> str:
    """`first excluded 0 on 2011-09-27 and still does`."""
    sequential = pair.sequential
    if not sequential.first_excluded:
        return "does not exclude 0"
    period = printable(sequential.first_excluded)
    at = f"on {period}" if DATE.fullmatch(sequential.first_excluded) else f"at {period}"
    at += "…" if sequential.has_merged_periods else ""
    of_other = "" if sequential.first_excluded_favors_better else f", in favour of {printable(pair.worse)},"
    return f"first excluded 0 {at}{of_other} and {'still does' if sequential.still_excluded else 'no longer does'}"


def sequence_sentence(c: Comparison) -> str:
    """`vegas vs fivethirtyeight: the confidence sequence first excluded 0 on 2011-09-27 and still does.`"""
    pair, sequence = c.pair, c.pair.sequential.confidence_sequence
    names = f"{printable(pair.better)} vs {printable(pair.worse)}"
    if not sequence.has_interval:
        return f"{names}: no confidence sequence: {sequence.reason}."
    return f"{names}: the confidence sequence {excluded_text(pair)}."


def needed(c: Comparison) -> str:
    """How many more rows would make the observed difference significant."""
    rows = c.pair.rows_needed
    if rows is None or rows <= c.n_rows:
        return ""
    if rows > TOO_MANY:
        return "; even if the observed difference is the true one, no feasible number of rows would make it significant"
    more = rows - c.n_rows
    # To two digits, upwards.
    step = 10 ** max(len(str(more)) - 2, 0)
    about = f"about {count(-(-more // step) * step)} more rows"
    return f"; if the observed difference is the true one, {about} would be needed for significance (80% power)"


def _one_infinite(c: Comparison, better: str, worse: str) -> str:
    """Only the loss of the worse one is infinite."""
    clause = f"{better} has the lowest log loss; that of {worse} is infinite: probability 0 for the observed class in "
    return f"{clause}{infinite_rows(c)}. {without(c, better, worse)}"


def _both_infinite(c: Comparison, better: str, worse: str) -> str:
    """Both losses are infinite."""
    clause = f"{better} and {worse} both have infinite log loss, so the difference is not defined: probability 0 for "
    return f"{clause}the observed class in {infinite_rows(c)}. {without(c, better, worse)}"


def infinite_rows(c: Comparison) -> str:
    """`3 rows (first: row 7)` of the worse one, or `3 rows and 4 rows, respectively` of both."""
    n_better, n_worse, n_both = c.pair.n_infinite
    if n_better + n_both:
        return f"{counted(n_better + n_both, 'row')} and {counted(n_worse + n_both, 'row')}, respectively"
    return f"{counted(n_worse, 'row')} (first: {c.first_infinite[c.pair.worse]})"


def without(c: Comparison, better: str, worse: str) -> str:
    """The difference over the rows in which both losses are finite."""
    delta = c.pair.delta_where_finite
    if math.isnan(delta):
        return "No row has a finite loss for both."
    who, other = (better, worse) if delta >= 0 else (worse, better)
    digits = delta_digits(delta)
    delta = delta if delta >= 0 else negated(delta)
    ends = f" (95% CI {ends_text(delta, digits)})" if delta.has_interval else ""
    return f"Without these rows the log loss of {who} is {fixed(delta, digits)} lower than that of {other}{ends}."


def delta_digits(delta: Estimate) -> int:
    """Digits after the point: four, or as many as show two of the interval's width."""
    width = delta.high - delta.low if delta.has_interval else abs(delta)
    return 4 if not 0 < width < math.inf else min(max(4, 1 - math.floor(math.log10(width))), 12)


def header(c: Comparison) -> str:
    """Number of rows, positive class, order, and what the intervals assume."""
    return header_of_rows(c, "dropped for all", [f"order: {order_text(c)}"] if c.order else [])


def order_text(c: Comparison) -> str:
    """`date (2010-04-04 to 2019-09-29)`; without the name where an array has none."""
    more = "…" if c.pair.sequential.has_merged_periods else ""
    ends = f"{printable(c.order_first)} to {printable(c.order_last)}{more}"
    return ends if c.order == "order" else f"{printable(c.order)} ({ends})"


def ranking_rows(c: Comparison, *, with_intervals: bool = False) -> tuple[list[list[str]], str]:
    """The forecasters by increasing log loss, and how the columns are aligned. with_intervals: of each loss, too."""
    digits = delta_digits(c.pair.delta)
    of_delta = "95% CI (simultaneous)" if len(c.pairs) > 1 else "95% CI"
    # Of models that were trained in the same folds the question is what makes one better.
    has_parts = c.folds is not None
    parts = ["excess discrimination", "excess miscalibration"] if has_parts else []
    own = ["95% CI"] if with_intervals else []
    lines = [["", "log loss", *own, *parts, "Δ to best", of_delta, ""]]
    for number, row in enumerate(c.ranking):
        loss = c.log_losses[row["forecast"]]
        cells = [printable(row["forecast"]), fixed(loss, max(5, digits))]
        cells += [ends_text(loss, 4)] if with_intervals else []
        cells += [fixed(row[part], 4) for part in PARTS] if has_parts else []
        delta = Estimate(row["delta_to_best_nats"], row["delta_to_best_nats_low"], row["delta_to_best_nats_high"])
        is_shown = number > 0 and not math.isnan(delta)
        cells += [fixed(delta, digits), ends_text(delta, digits)] if is_shown else ["", ""]
        lines.append([*cells, _remark(c, row["forecast"], c.pairs[number - 1] if number else None)])
    return lines, "lr" + "l" * with_intervals + "rr" * has_parts + "rll"


def _remark(c: Comparison, name: str, pair: PairwiseComparison | None) -> str:
    """Whether the best is significantly better than a forecaster, and what makes its loss infinite."""
    if math.isinf(c.log_losses[name]):
        finite = c.log_losses_where_finite[name]
        without = f"; {fixed(finite, 5)} without" if not math.isnan(finite) else ""
        return f"probability 0 for the observed class in {counted(c.n_infinite[name], 'row')}{without}"
    if pair is None:
        return ""
    if pair.is_identical:
        return "same loss in every row"
    if not pair.simultaneous.has_interval:
        return f"no CI: {pair.simultaneous.reason}"
    return f"{printable(pair.better)} better" if pair.is_significant else "not significant"


def verdict_lines(c: Comparison) -> list[str]:
    """The verdicts beside the reference, under their heading."""
    return [margin_sentence(c), *columns(verdict_rows(c), "lrll", gap="   ")] if c.verdicts else []


def margin_sentence(c: Comparison) -> str:
    """`margin 0.002 nats per row, reference vegas`."""
    return f"margin {c.margin:g} nats per row, reference {printable(c.reference)}: Δ is candidate − reference"


def verdict_rows(c: Comparison) -> list[list[str]]:
    """Of each candidate the verdict from the interval, and with periods the one from the confidence sequence."""
    digits, rows = max(delta_digits(c.pair.delta), delta_digits(Estimate(c.margin))), []
    for verdict in c.verdicts:
        both = [("", verdict.difference, verdict.verdict)]
        if verdict.verdict_anytime:
            both.append(("  confidence sequence", verdict.confidence_sequence, verdict.verdict_anytime))
        for label, difference, word in both:
            delta = "" if label else "Δ not defined" if math.isnan(difference) else f"Δ {signed(difference, digits)}"
            ends = f"95% CI {ends_text(difference, digits)}" if difference.has_interval else ""
            clause = f"{word}: {VERDICTS[word]}" if difference.has_interval else word
            clause += "" if difference.has_interval else f": {difference.reason}"
            clause += _first_non_inferior(verdict) if label else ""
            rows.append([label or f"  {printable(verdict.candidate)}", delta, ends, clause])
    return rows


def _first_non_inferior(verdict: Verdict) -> str:
    """When the confidence sequence first showed that a candidate is non-inferior."""
    first = verdict.first_non_inferior
    if not first:
        return ""
    # Intervals after all periods hold together: what was shown of the periods until then stays shown.
    is_still = non_inferior(verdict.confidence_sequence, verdict.margin)
    at = f"{'on' if DATE.fullmatch(first) else 'at'} {printable(first)}"
    return f"; non-inferior first {at}{'' if is_still else ', but no longer'}"


def decomposition_lines(c: Comparison) -> list[str]:
    """The decomposition of the difference between the best two, under its heading."""
    rows = [[*row[:2], f"95% CI {row[2]}" if row[2] else "", row[3]] for row in parts_rows(c)]
    title = "contributions to the difference (isotonic decomposition, corrected for overfitting)"
    return [title, *columns(rows, "lrll", gap="   ")] if rows else []


def parts_rows(c: Comparison) -> list[list[str]]:
    """The decomposition of the difference between the best two: name, contribution, interval, clause."""
    pair = c.pair
    if not math.isfinite(pair.delta) or pair.is_identical:
        return []
    better, worse = printable(pair.better), printable(pair.worse)
    discrimination, miscalibration = negated(pair.discrimination), pair.miscalibration
    digits = adding_digits(pair.delta, [discrimination, miscalibration], least=max(5, delta_digits(pair.delta)))
    # The contributions to the sum: discrimination is subtracted, so that more of it in the better one is positive.
    parts = [
        (f"{MINUS} discrimination", discrimination, f"discriminates {_how(discrimination)}"),
        ("+ miscalibration", miscalibration, f"is {_how(miscalibration)} calibrated"),
    ]
    rows = []
    for name, part, clause in parts:
        clause = f"{better} {clause}"
        if part.has_interval and part.low <= 0 <= part.high:
            clause = "not significant"
        why = f"; no CI: {part.reason}" if not part.has_interval else ""
        rows.append([name, signed(part, digits), ends_text(part, digits - 1), clause + why])
    return [*rows, ["= Δ log loss", signed(pair.delta, digits), "", f"{worse} minus {better}"]]


def _how(contribution: Estimate) -> str:
    """Of a contribution to the difference: whether the better forecaster is better in it, too."""
    return "better" if contribution > 0 else "worse" if contribution < 0 else "equally well"


def sequential_rows(c: Comparison) -> list[list[str]]:
    """What the order of the rows shows of the best two: name, figure, clause."""
    pair, sequential = c.pair, c.pair.sequential
    if not sequential.n_periods or pair.is_identical or not math.isfinite(pair.delta):
        return []
    digits, lines = delta_digits(pair.delta), []
    if sequential.confidence_sequence.has_interval:
        ends = f"95% CI {ends_text(sequential.confidence_sequence, digits)}"
        lines.append(["  confidence sequence", ends, condition(c)])
    if has_e_value(pair):
        null = f"null hypothesis: {e_value_null(printable(pair.better))}"
        rejected = "rejected at 5% (20 or more)" if sequential.log_e_value >= SIGNIFICANT else "not rejected (below 20)"
        lines.append(["  e-value", e_value_text(sequential.log_e_value), f"{null}; {rejected}{_of_pair(c)}"])
    ends = ends_text(sequential.autocorrelation_robust, digits)
    lines.append(
        ["  autocorrelation-robust", f"95% CI {ends}" if ends else "", autocorrelation_text(pair) + _of_pair(c)]
    )
    return lines


def _of_pair(c: Comparison) -> str:
    """What is added to a figure that is not corrected for the number of pairs."""
    return ", for this pair alone" if len(c.pairs) > 1 else ""


def detectable_lines(c: Comparison) -> list[str]:
    """`minimum detectable difference: 0.0018 with 80% power at 25,165 rows`."""
    least = c.pair.detectable_difference
    if c.pair.is_identical or not math.isfinite(least):
        return []
    many = f", {simultaneous_text(c)}" if len(c.pairs) > 1 else ""
    shown = fixed(least, delta_digits(Estimate(least)))
    of = f" of {printable(c.pair.better)} and {printable(c.pair.worse)}" if len(c.pairs) > 1 else ""
    return [f"minimum detectable difference{of}: {shown} with 80% power at {counted(c.n_rows, 'row')}{many}"]


def e_value_null(better: str) -> str:
    """The null hypothesis of the e-value."""
    return f"the expected loss of {better} is lower in no period"


def has_e_value(pair: PairwiseComparison) -> bool:
    """Whether the e-value is shown: where it, the confidence sequence and the paired interval agree."""
    sequential = pair.sequential
    if math.isnan(sequential.log_e_value) or not sequential.confidence_sequence.has_interval:
        return False
    is_rejected = sequential.log_e_value >= SIGNIFICANT
    return is_rejected == pair.is_significant == (sequential.confidence_sequence.low > 0)


def condition(c: Comparison) -> str:
    """When the confidence sequence holds, and what it assumes."""
    sequential = c.pair.sequential
    merged = ", neighbouring values merged" if sequential.has_merged_periods else ""
    of = "" if c.order == "order" else f" of {printable(c.order)}"
    periods = f"after each of {counted(sequential.n_periods, 'period')}{of}{merged}"
    if sequential.n_periods == 1:
        periods = "after the only period"
    many = f", {simultaneous_text(c)}" if len(c.pairs) > 1 else ""
    rows = " and its rows are independent given them" if c.within == INDEPENDENT else ""
    return f"valid {periods}{many}, if all forecasts of a period are made before its outcomes{rows}"


def autocorrelation_text(pair: PairwiseComparison) -> str:
    """What the autocorrelation-robust interval assumes, and whether it may be too narrow."""
    sequential = pair.sequential
    if not sequential.autocorrelation_robust.has_interval:
        return f"no CI: {sequential.autocorrelation_robust.reason}"
    effective = f"{significant(sequential.effective_periods, 2)} effective periods"
    if sequential.effective_periods >= 100:
        effective = f"{count(math.floor(sequential.effective_periods))} effective periods"
    caution = "; see the caution" if sequential.cautions else ""
    return f"allows correlated periods: {effective} of {count(sequential.n_periods)}{caution}"


def e_value_text(log_e_value: float) -> str:
    """An e-value with three digits: 0.42, 85.1; a very large or small one with an exponent: 5.3e+07."""
    if math.isinf(log_e_value):
        return "inf" if log_e_value > 0 else "0"
    if abs(log_e_value) < LARGE:
        return significant(math.exp(log_e_value), 3)
    # As Python writes floats, also beyond their range.
    exponent = math.floor(log_e_value / math.log(10))
    mantissa = round(math.exp(log_e_value - exponent * math.log(10)), 1)
    return f"{mantissa:.1f}e{exponent:+03d}" if mantissa < 10 else f"1.0e{exponent + 1:+03d}"


def group_lines(c: Comparison) -> list[str]:
    """The difference in each group."""
    groups = c.pair.groups
    if groups is None or not len(groups):
        return ["more than 4,096 groups: none is kept"] if c.has_too_many_groups else []
    lines = columns(*group_table(c, groups, N_GROUPS_SHOWN))
    if len(groups) > N_GROUPS_SHOWN:
        lines.append(
            f"… the {N_GROUPS_SHOWN} of {count(len(groups))} groups with the largest contributions; all in "
            "`pair.groups`"
        )
    return lines + remarks_of_groups(groups)


def group_table(c: Comparison, groups: SmallTable, most: int) -> tuple[list[list[str]], str]:
    """The difference in each group, the largest contributions first, and how columns are aligned."""
    rows = by_contribution(groups, most)
    better, worse = printable(c.pair.better), printable(c.pair.worse)
    of_clusters = ["clusters"] if c.cluster else []
    has_reasons = any(row["reason"] for row in rows)
    head = [*(printable(name) for name in c.by), "rows", *of_clusters, better, worse, "Δ log loss", "95% CI"]
    lines = [[*head, "contribution", *([""] if has_reasons else [])]]
    for row in rows:
        delta = Estimate(row["delta_nats"], row["delta_nats_low"], row["delta_nats_high"], row["reason"])
        cells = [group_value(row[name], groups[name]) for name in c.by]
        cells += [count(row["rows"]), *(decimal(row["effective_clusters"]) for _ in of_clusters)]
        cells += [fixed(row["log_loss_better_nats"], 4), fixed(row["log_loss_worse_nats"], 4)]
        cells += [signed(delta, 4), ends_text(delta, 4), signed(row["contribution_nats"], 5)]
        lines.append([*cells, *([f"no CI: {row['reason']}" if row["reason"] else ""] if has_reasons else [])])
    return lines, "l" * len(c.by) + "r" * len(of_clusters) + "rrrrlr" + "l" * has_reasons


def largest_differences_lines(c: Comparison) -> list[str]:
    """The rows with the largest absolute differences."""
    better, worse = printable(c.pair.better), printable(c.pair.worse)
    rows: list[Sequence[str]] = []
    shown = c.pair.largest_differences[:N_DIFFERENCES_SHOWN]
    for number, (row, place) in enumerate(zip(shown, c.pair.largest_difference_rows, strict=False)):
        name = "largest differences" if number == 0 else ""
        clause = f"{better} {fixed(row['predicted_by_better'], 4)}, {worse} {fixed(row['predicted_by_worse'], 4)}"
        clause += f", observed {row['observed']:g}"
        rows.append([name, place.where(c.source), clause, f"Δ {signed(row['delta_nats'], 3)}"])
    return columns(rows, "lllr", gap="   ")
