"""A comparison in words: the answer in a sentence, then the forecasts, then the evidence. Nothing is computed here."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from logloss.answers.estimate import Estimate, negated
from logloss.comparison import Comparison, PairwiseComparison
from logloss.comparison.period_rules import INDEPENDENT
from logloss.show.words.of_measurement import (
    caution_lines,
    decimal,
    group_value,
    header_of_rows,
    remarks_of_groups,
    shown,
    signed,
)
from logloss.text import (
    adding_digits,
    columns,
    count,
    counted,
    fixed,
    interval,
    printable,
    printable_lines,
    significant,
)

N_DIFFERENCES_SHOWN = 3
DATE = re.compile(r"\d{4}-\d\d-\d\d")
PARTS = ("discrimination_excess_nats", "miscalibration_excess_nats")
N_GROUPS_SHOWN = 20
# Nats of evidence from which it is written as a power of ten.
MANY_NATS = math.log(1e6)
# Rows from which the number that would be needed says no more than that.
TOO_MANY = 10**12


def text_of(c: Comparison) -> str:
    """The whole comparison."""
    tables = ranking_rows(c), (parts_rows(c), "lrll"), (sequential_rows(c), "lll")
    paragraphs = [[sentence(c)], [header(c)], *(columns(*table, gap="   ") for table in tables)]
    paragraphs += [caution_lines(c.cautions), group_lines(c), largest_differences_lines(c)]
    return printable_lines("\n\n".join("\n".join(lines) for lines in paragraphs if lines))


def sentence(c: Comparison) -> str:
    """The answer."""
    pair = c.pair
    better, worse = printable(pair.better), printable(pair.worse)
    if math.isnan(pair.delta):
        return _both_infinite(c, better, worse)
    if math.isinf(pair.delta):
        return _one_infinite(c, better, worse)
    if pair.is_identical:
        return f"{better} and {worse} cost the same in every row"
    interval_of = pair.delta if len(c.names) == 2 else pair.simultaneous
    digits = delta_digits(pair.delta)
    delta = f"{fixed(pair.delta, digits)} nats per row"
    if not interval_of.has_interval:
        return f"{better} is ahead of {worse} by {delta}; no interval: {pair.delta.reason}"
    delta = f"{delta} {interval(interval_of.low, interval_of.high, digits)}"
    of_many = f", for all {counted(len(c.pairs), 'pair')} at once" if len(c.pairs) > 1 else ""
    if pair.simultaneous.reason:
        return f"{better} is ahead of {worse} by {delta}, which settles nothing: {pair.simultaneous.reason}"
    if not pair.is_significant:
        among = f"of {len(c.names)}, " if len(c.names) > 2 else ""
        return f"{among}{better} and {worse} cannot be told apart: {better} is ahead by {delta}{of_many}{needed(c)}"
    is_best = f"is the best of {len(c.names)}, better than {worse}" if len(c.names) > 2 else f"is better than {worse}"
    return f"{better} {is_best} by {delta}{of_many}{since(pair)}"


def since(pair: PairwiseComparison) -> str:
    """When the sequence first excluded 0, where the rows have an order."""
    sequential = pair.sequential
    if sequential.n_periods and sequential.confidence_sequence.has_interval:
        return f"; the confidence sequence {excluded_text(pair)}"
    return ""


def excluded_text(pair: PairwiseComparison) -> str:
    """`first excluded 0 on 2011-09-27 and still does`."""
    sequential = pair.sequential
    if not sequential.first_excluded:
        return "does not exclude 0"
    period = printable(sequential.first_excluded)
    at = f"on {period}" if DATE.fullmatch(sequential.first_excluded) else f"at {period}"
    at += "…" if sequential.is_coarse else ""
    of_other = "" if sequential.is_first_for_better else f", in favour of {printable(pair.worse)},"
    return f"first excluded 0 {at}{of_other} and {'still does' if sequential.still_excluded else 'no longer does'}"


def needed(c: Comparison) -> str:
    """How many rows would tell two forecasts apart."""
    rows = c.pair.rows_needed
    if rows is None or rows <= c.n_rows:
        return ""
    if rows > TOO_MANY:
        return "; no number of rows worth gathering would tell"
    more = rows - c.n_rows
    # To two digits, upwards.
    step = 10 ** max(len(str(more)) - 2, 0)
    return f"; if that is the truth, {count(-(-more // step) * step)} more rows would tell"


def _one_infinite(c: Comparison, better: str, worse: str) -> str:
    """Only the worse one was infinitely wrong."""
    n_rows = c.pair.impossible[1]
    first = c.first_infinite[c.pair.worse]
    times = f"to {count(n_rows)} rows that happened" if n_rows > 1 else "to a row that happened"
    clause = f"{better} is better than {worse} without limit: {worse} gave probability 0 {times} (first: {first})"
    return f"{clause}, {better} to none. {without(c, better, worse)}"


def _both_infinite(c: Comparison, better: str, worse: str) -> str:
    """Both losses are infinite."""
    n_better, n_worse, n_both = c.pair.impossible
    clause = f"{better} and {worse} both gave probability 0 to what happened, in {count(n_better + n_both)} and "
    return (
        f"{clause}{counted(n_worse + n_both, 'row')}: infinite losses have no difference. {without(c, better, worse)}"
    )


def without(c: Comparison, better: str, worse: str) -> str:
    """The lead over the rows that were possible for both."""
    delta = c.pair.delta_where_finite
    if math.isnan(delta):
        return "No row was possible for both."
    who = better if delta >= 0 else worse
    digits = delta_digits(delta)
    delta = delta if delta >= 0 else negated(delta)
    ends = f" {interval(delta.low, delta.high, digits)}" if delta.has_interval else ""
    return f"Without these rows {who} is ahead by {fixed(abs(delta), digits)}{ends}."


def delta_digits(delta: Estimate) -> int:
    """Digits after the point: four, or as many as show two of the interval's width."""
    width = delta.high - delta.low if delta.has_interval else abs(delta)
    return 4 if not 0 < width < math.inf else min(max(4, 1 - math.floor(math.log10(width))), 12)


def header(c: Comparison) -> str:
    """How many rows of what, what counts as positive, what intervals mean."""
    return header_of_rows(c, "left out for all")


def ranking_rows(c: Comparison) -> tuple[list[list[str]], str]:
    """The forecasts from the best to the worst, and how the columns are aligned."""
    is_ordered = any(row["first_excluded"] for row in c.ranking)
    at_once = f"[95 %, all {len(c.pairs)} pairs at once]" if len(c.pairs) > 1 else "[95 %]"
    # Of models that were trained in the same folds the question is what makes one better.
    has_parts = c.folds is not None
    parts = ["excess discrimination", "excess miscalibration"] if has_parts else []
    sequence = ["sequence first excluded 0"] if is_ordered else []
    lines = [["", "log loss", "[95 %]", *parts, "behind", at_once, *sequence]]
    for number, row in enumerate(c.ranking):
        name = row["forecast"]
        loss = c.log_losses[name]
        cells = [printable(name), fixed(loss, 4), _loss_interval(c, name)]
        cells += [fixed(row[part], 4) for part in PARTS] if has_parts else []
        if number == 0:
            cells += ["", ""]
        else:
            digits = delta_digits(c.pair.delta)
            delta_to_best = Estimate(
                row["delta_to_best_nats"], row["delta_to_best_nats_low"], row["delta_to_best_nats_high"]
            )
            cells += ["" if math.isnan(delta_to_best) else fixed(delta_to_best, digits)]
            cells += [interval(delta_to_best.low, delta_to_best.high, digits) if delta_to_best.has_interval else ""]
        still = "" if not row["first_excluded"] else ", still does" if row["still_excluded"] else ", no longer does"
        lines.append(cells + ([printable(row["first_excluded"]) + still] if is_ordered else []))
    return lines, "lrl" + ("rr" if has_parts else "") + "rl" + ("l" if is_ordered else "")


def _loss_interval(c: Comparison, name: str) -> str:
    """The interval of a loss, or what makes it infinite."""
    loss = c.log_losses[name]
    if math.isinf(loss):
        without = c.log_losses_where_finite[name]
        them = f"; {fixed(without, 4)} without" if not math.isnan(without) else ""
        return f"{counted(c.n_infinite[name], 'row')} given 0 (first: {c.first_infinite[name]}){them}"
    return shown(loss, 4)


def parts_rows(c: Comparison) -> list[list[str]]:
    """What the lead is made of."""
    pair = c.pair
    if not math.isfinite(pair.delta) or pair.is_identical:
        return []
    better, worse = printable(pair.better), printable(pair.worse)
    knows, errs = negated(pair.discrimination), pair.miscalibration
    digits = adding_digits(pair.delta, [knows, errs], least=max(5, delta_digits(pair.delta)))
    parts = [
        ("  discrimination", knows, f"{better} knows {more_or_less(knows, digits)}"),
        ("+ miscalibration", errs, f"{better} gets {more_or_less(-errs, digits)} wrong about it"),
    ]
    rows = [[name, signed(part, digits), shown(part, digits - 1), clause] for name, part, clause in parts]
    return [*rows, [f"= lead over {worse}", signed(pair.delta, digits), "", ""]]


def more_or_less(value: float, digits: int) -> str:
    """`more`, `less`, or `as much`, of a figure as it is printed."""
    shown_as = round(value, digits)
    return "as much" if shown_as == 0 else ("more" if shown_as > 0 else "less")


def sequential_rows(c: Comparison) -> list[list[str]]:
    """How sure it is to people who look once, every day, or with suspicion."""
    pair, sequential = c.pair, c.pair.sequential
    if pair.is_identical:
        return [["evidence", "none: no row tells them apart", ""]]
    better, worse = printable(pair.better), printable(pair.worse)
    digits = delta_digits(pair.delta)
    lines = []
    if sequential.n_periods:
        told = f"{excluded_text(pair)}; {condition(c)}"
        if not sequential.confidence_sequence.has_interval:
            told = f"none: {sequential.confidence_sequence.reason}"
        lines.append(["confidence sequence", _ends(sequential.confidence_sequence, digits), told])
        if not math.isnan(sequential.log_e_value):
            about = (
                f"an e-value against “{better} is better than {worse} in no period”, which says more than a lead of 0"
            )
            lines.append(["evidence", odds(sequential.log_e_value), about])
        lines.append(["autocorrelation", _ends(sequential.autocorrelation_robust, digits), autocorrelation_text(pair)])
    if math.isfinite(pair.detectable_difference):
        power = f"what {counted(c.n_rows, 'row')} show 4 times in 5"
        lines.append(["detectable_difference", fixed(pair.detectable_difference, digits), power])
    return lines


def condition(c: Comparison) -> str:
    """When the sequence holds, and what it assumes."""
    sequential = c.pair.sequential
    what = f"each of {counted(sequential.n_periods, 'period')} of {printable(c.order)} at once"
    if sequential.n_periods == 1:
        what = f"the one period of {printable(c.order)}"
    joined = ", neighbours put together" if sequential.is_coarse else ""
    of_pairs = f", for all {counted(len(c.pairs), 'pair')} at once" if len(c.pairs) > 1 else ""
    rows = " and its rows are independent given them" if c.within == INDEPENDENT else ""
    return f"holds after {what}{joined}{of_pairs}, if all forecasts of a period precede its outcomes{rows}"


def autocorrelation_text(pair: PairwiseComparison) -> str:
    """What the interval of dependent periods assumes, and whether it may be too narrow."""
    sequential = pair.sequential
    if not sequential.autocorrelation_robust.has_interval:
        return f"none: {sequential.autocorrelation_robust.reason}"
    worth = significant(sequential.effective_periods, 2)
    periods = f"{count(sequential.n_periods)} of them are worth {worth} independent ones"
    caution = "; see the caution" if sequential.cautions else ""
    return (
        f"neighbouring periods may depend on each other: {periods} ({counted(sequential.n_cosines, 'cosine')}){caution}"
    )


def _ends(estimate: Estimate, digits: int) -> str:
    return interval(estimate.low, estimate.high, digits) if estimate.has_interval else ""


def odds(log_e_value: float) -> str:
    """`85 to 1`, `10^37 to 1`."""
    if math.isinf(log_e_value):
        return "without limit"
    if abs(log_e_value) > MANY_NATS:
        return f"10^{fixed(log_e_value / math.log(10), 0)} to 1"
    return f"{significant(math.exp(log_e_value), 3)} to 1"


def group_lines(c: Comparison) -> list[str]:
    """Where the lead comes from."""
    groups = c.pair.groups
    if groups is None or not len(groups):
        too_many = "more than 4,096 groups: none is kept"
        return [too_many] if c.has_too_many_groups else []
    rows = list(groups)
    n_left = len(rows) - N_GROUPS_SHOWN
    if n_left > 0:
        rows = sorted(rows, key=lambda row: -abs(row["contribution_nats"]))[:N_GROUPS_SHOWN]
    better, worse = printable(c.pair.better), printable(c.pair.worse)
    of_clusters = ["clusters"] if c.cluster else []
    lines = [
        [*(printable(name) for name in c.by), "rows", *of_clusters, better, worse, "delta", "[95 %]", "contribution"]
    ]
    for row in rows:
        delta = Estimate(row["delta_nats"], row["delta_nats_low"], row["delta_nats_high"], row["reason"])
        cells = [group_value(row[name], [each[name] for each in groups]) for name in c.by]
        cells += [count(row["rows"]), *(decimal(row["effective_clusters"]) for _ in of_clusters)]
        cells += [fixed(row["better_nats"], 4), fixed(row["worse_nats"], 4)]
        lines.append([*cells, signed(delta, 4), shown(delta, 4), signed(row["contribution_nats"], 5)])
    found = columns(lines, "l" * len(c.by) + "r" * len(of_clusters) + "rrrrlr")
    if n_left > 0:
        found.append(f"… the {N_GROUPS_SHOWN} of {count(len(groups))} groups that add most; all in `pair.groups`")
    return found + remarks_of_groups(groups)


def largest_differences_lines(c: Comparison) -> list[str]:
    """The rows where the two were furthest apart."""
    better, worse = printable(c.pair.better), printable(c.pair.worse)
    rows: list[Sequence[str]] = []
    for number, (row, place) in enumerate(
        zip(c.pair.largest_differences[:N_DIFFERENCES_SHOWN], c.pair.places, strict=False)
    ):
        name = "furthest apart" if number == 0 else ""
        clause = f"{better} {fixed(row['predicted_by_better'], 4)}, {worse} {fixed(row['predicted_by_worse'], 4)}"
        delta = f"lead {signed(row['delta_nats'], 3)}"
        rows.append([name, place.shown(c.source), f"{clause}, was {row['observed']:g}", delta])
    return columns(rows, "lrlr", gap="   ")
