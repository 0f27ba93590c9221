"""A comparison in words: the answer in a sentence, then the forecasts, then the evidence. Nothing is computed here."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from logloss.answers.estimate import Estimate, negated
from logloss.comparison import Comparison, Contest
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

N_APART_SHOWN = 3
DATE = re.compile(r"\d{4}-\d\d-\d\d")
PARTS = ("discrimination_excess_nats", "miscalibration_excess_nats")
N_GROUPS_SHOWN = 20
# Nats of evidence from which it is written as a power of ten.
MANY_NATS = math.log(1e6)
# Rows from which the number that would be needed says no more than that.
TOO_MANY = 10**12


def text_of(c: Comparison) -> str:
    """The whole comparison."""
    tables = ranking_rows(c), (parts_rows(c), "lrll"), (evidence_rows(c), "lll")
    paragraphs = [[sentence(c)], [header(c)], *(columns(*table, gap="   ") for table in tables)]
    paragraphs += [caution_lines(c.cautions), group_lines(c), apart_lines(c)]
    return printable_lines("\n\n".join("\n".join(lines) for lines in paragraphs if lines))


def sentence(c: Comparison) -> str:
    """The answer."""
    contest = c.contest
    better, worse = printable(contest.better), printable(contest.worse)
    if math.isnan(contest.lead):
        return _both_impossible(c, better, worse)
    if math.isinf(contest.lead):
        return _one_impossible(c, better, worse)
    if contest.is_identical:
        return f"{better} and {worse} cost the same in every row"
    interval_of = contest.lead if len(c.names) == 2 else contest.simultaneous
    digits = lead_digits(contest.lead)
    lead = f"{fixed(contest.lead, digits)} nats per row"
    if not interval_of.has_interval:
        return f"{better} is ahead of {worse} by {lead}; no interval: {contest.lead.reason}"
    lead = f"{lead} {interval(interval_of.low, interval_of.high, digits)}"
    of_many = f", for all {counted(len(c.contests), 'pair')} at once" if len(c.contests) > 1 else ""
    if contest.simultaneous.reason:
        return f"{better} is ahead of {worse} by {lead}, which settles nothing: {contest.simultaneous.reason}"
    if not contest.is_settled:
        among = f"of {len(c.names)}, " if len(c.names) > 2 else ""
        return f"{among}{better} and {worse} cannot be told apart: {better} is ahead by {lead}{of_many}{needed(c)}"
    is_best = f"is the best of {len(c.names)}, better than {worse}" if len(c.names) > 2 else f"is better than {worse}"
    return f"{better} {is_best} by {lead}{of_many}{since(contest)}"


def since(contest: Contest) -> str:
    """When the sequence first excluded 0, where the rows have an order."""
    course = contest.course
    if course.n_periods and course.sequence.has_interval:
        return f"; the confidence sequence {excluded_text(contest)}"
    return ""


def excluded_text(contest: Contest) -> str:
    """`first excluded 0 on 2011-09-27 and still does`."""
    course = contest.course
    if not course.first_excluded:
        return "does not exclude 0"
    period = printable(course.first_excluded)
    at = f"on {period}" if DATE.fullmatch(course.first_excluded) else f"at {period}"
    at += "…" if course.is_coarse else ""
    of_other = "" if course.is_first_for_better else f", in favour of {printable(contest.worse)},"
    return f"first excluded 0 {at}{of_other} and {'still does' if course.still_excludes else 'no longer does'}"


def needed(c: Comparison) -> str:
    """How many rows would tell two forecasts apart."""
    rows = c.contest.rows_needed
    if rows is None or rows <= c.n_rows:
        return ""
    if rows > TOO_MANY:
        return "; no number of rows worth gathering would tell"
    more = rows - c.n_rows
    # To two digits, upwards.
    step = 10 ** max(len(str(more)) - 2, 0)
    return f"; if that is the truth, {count(-(-more // step) * step)} more rows would tell"


def _one_impossible(c: Comparison, better: str, worse: str) -> str:
    """Only the worse one was infinitely wrong."""
    n_rows = c.contest.impossible[1]
    first = c.first_infinite[c.contest.worse]
    times = f"to {count(n_rows)} rows that happened" if n_rows > 1 else "to a row that happened"
    said = f"{better} is better than {worse} without limit: {worse} gave probability 0 {times} (first: {first})"
    return f"{said}, {better} to none. {without(c, better, worse)}"


def _both_impossible(c: Comparison, better: str, worse: str) -> str:
    """Both losses are infinite."""
    n_better, n_worse, n_both = c.contest.impossible
    said = f"{better} and {worse} both gave probability 0 to what happened, in {count(n_better + n_both)} and "
    return f"{said}{counted(n_worse + n_both, 'row')}: infinite losses have no difference. {without(c, better, worse)}"


def without(c: Comparison, better: str, worse: str) -> str:
    """The lead over the rows that were possible for both."""
    lead = c.contest.lead_of_possible
    if math.isnan(lead):
        return "No row was possible for both."
    who = better if lead >= 0 else worse
    digits = lead_digits(lead)
    lead = lead if lead >= 0 else negated(lead)
    ends = f" {interval(lead.low, lead.high, digits)}" if lead.has_interval else ""
    return f"Without these rows {who} is ahead by {fixed(abs(lead), digits)}{ends}."


def lead_digits(lead: Estimate) -> int:
    """Digits after the point: four, or as many as show two of the interval's width."""
    width = lead.high - lead.low if lead.has_interval else abs(lead)
    return 4 if not 0 < width < math.inf else min(max(4, 1 - math.floor(math.log10(width))), 12)


def header(c: Comparison) -> str:
    """How many rows of what, what counts as positive, what intervals mean."""
    return header_of_rows(c, "left out for all")


def ranking_rows(c: Comparison) -> tuple[list[list[str]], str]:
    """The forecasts from the best to the worst, and how the columns are aligned."""
    is_ordered = any(row["first_excluded"] for row in c.ranking)
    at_once = f"[95 %, all {len(c.contests)} pairs at once]" if len(c.contests) > 1 else "[95 %]"
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
            digits = lead_digits(c.contest.lead)
            behind = Estimate(row["behind_nats"], row["behind_nats_low"], row["behind_nats_high"])
            cells += ["" if math.isnan(behind) else fixed(behind, digits)]
            cells += [interval(behind.low, behind.high, digits) if behind.has_interval else ""]
        still = "" if not row["first_excluded"] else ", still does" if row["still_excludes"] else ", no longer does"
        lines.append(cells + ([printable(row["first_excluded"]) + still] if is_ordered else []))
    return lines, "lrl" + ("rr" if has_parts else "") + "rl" + ("l" if is_ordered else "")


def _loss_interval(c: Comparison, name: str) -> str:
    """The interval of a loss, or what makes it infinite."""
    loss = c.log_losses[name]
    if math.isinf(loss):
        without = c.log_losses_of_possible[name]
        them = f"; {fixed(without, 4)} without" if not math.isnan(without) else ""
        return f"{counted(c.n_infinite[name], 'row')} given 0 (first: {c.first_infinite[name]}){them}"
    return shown(loss, 4)


def parts_rows(c: Comparison) -> list[list[str]]:
    """What the lead is made of."""
    contest = c.contest
    if not math.isfinite(contest.lead) or contest.is_identical:
        return []
    better, worse = printable(contest.better), printable(contest.worse)
    knows, errs = negated(contest.discrimination), contest.miscalibration
    digits = adding_digits(contest.lead, [knows, errs], least=max(5, lead_digits(contest.lead)))
    parts = [
        ("  discrimination", knows, f"{better} knows {more_or_less(knows, digits)}"),
        ("+ miscalibration", errs, f"{better} gets {more_or_less(-errs, digits)} wrong about it"),
    ]
    rows = [[name, signed(part, digits), shown(part, digits - 1), said] for name, part, said in parts]
    return [*rows, [f"= lead over {worse}", signed(contest.lead, digits), "", ""]]


def more_or_less(value: float, digits: int) -> str:
    """`more`, `less`, or `as much`, of a figure as it is printed."""
    shown_as = round(value, digits)
    return "as much" if shown_as == 0 else ("more" if shown_as > 0 else "less")


def evidence_rows(c: Comparison) -> list[list[str]]:
    """How sure it is to people who look once, every day, or with suspicion."""
    contest, course = c.contest, c.contest.course
    if contest.is_identical:
        return [["evidence", "none: no row tells them apart", ""]]
    better, worse = printable(contest.better), printable(contest.worse)
    digits = lead_digits(contest.lead)
    lines = []
    if course.n_periods:
        told = f"{excluded_text(contest)}; {condition(c)}"
        if not course.sequence.has_interval:
            told = f"none: {course.sequence.reason}"
        lines.append(["confidence sequence", _ends(course.sequence, digits), told])
        if not math.isnan(course.log_evidence):
            about = (
                f"an e-value against “{better} is better than {worse} in no period”, which says more than a lead of 0"
            )
            lines.append(["evidence", odds(course.log_evidence), about])
        lines.append(["autocorrelation", _ends(course.dependent, digits), autocorrelation_text(contest)])
    if math.isfinite(contest.detectable):
        power = f"what {counted(c.n_rows, 'row')} show 4 times in 5"
        lines.append(["detectable", fixed(contest.detectable, digits), power])
    return lines


def condition(c: Comparison) -> str:
    """When the sequence holds, and what it assumes."""
    course = c.contest.course
    what = f"each of {counted(course.n_periods, 'period')} of {printable(c.order)} at once"
    if course.n_periods == 1:
        what = f"the one period of {printable(c.order)}"
    joined = ", neighbours put together" if course.is_coarse else ""
    of_pairs = f", for all {counted(len(c.contests), 'pair')} at once" if len(c.contests) > 1 else ""
    rows = " and its rows are independent given them" if c.within == INDEPENDENT else ""
    return f"holds after {what}{joined}{of_pairs}, if all forecasts of a period precede its outcomes{rows}"


def autocorrelation_text(contest: Contest) -> str:
    """What the interval of dependent periods assumes, and whether it may be too narrow."""
    course = contest.course
    if not course.dependent.has_interval:
        return f"none: {course.dependent.reason}"
    periods = f"{count(course.n_periods)} of them are worth {significant(course.effective_periods, 2)} independent ones"
    caution = "; see the caution" if course.cautions else ""
    return f"neighbouring periods may depend on each other: {periods} ({counted(course.n_cosines, 'cosine')}){caution}"


def _ends(estimate: Estimate, digits: int) -> str:
    return interval(estimate.low, estimate.high, digits) if estimate.has_interval else ""


def odds(log_evidence: float) -> str:
    """`85 to 1`, `10^37 to 1`."""
    if math.isinf(log_evidence):
        return "without limit"
    if abs(log_evidence) > MANY_NATS:
        return f"10^{fixed(log_evidence / math.log(10), 0)} to 1"
    return f"{significant(math.exp(log_evidence), 3)} to 1"


def group_lines(c: Comparison) -> list[str]:
    """Where the lead comes from."""
    groups = c.contest.groups
    if groups is None or not len(groups):
        too_many = "more than 4,096 groups: none is kept"
        return [too_many] if c.has_too_many_groups else []
    rows = list(groups)
    n_left = len(rows) - N_GROUPS_SHOWN
    if n_left > 0:
        rows = sorted(rows, key=lambda row: -abs(row["adds_nats"]))[:N_GROUPS_SHOWN]
    better, worse = printable(c.contest.better), printable(c.contest.worse)
    of_clusters = ["clusters"] if c.cluster else []
    lines = [[*(printable(name) for name in c.by), "rows", *of_clusters, better, worse, "lead", "[95 %]", "adds"]]
    for row in rows:
        lead = Estimate(row["lead_nats"], row["lead_nats_low"], row["lead_nats_high"], row["reason"])
        cells = [group_value(row[name], [each[name] for each in groups]) for name in c.by]
        cells += [count(row["rows"]), *(decimal(row["effective_clusters"]) for _ in of_clusters)]
        cells += [fixed(row["better_nats"], 4), fixed(row["worse_nats"], 4)]
        lines.append([*cells, signed(lead, 4), shown(lead, 4), signed(row["adds_nats"], 5)])
    found = columns(lines, "l" * len(c.by) + "r" * len(of_clusters) + "rrrrlr")
    if n_left > 0:
        found.append(f"… the {N_GROUPS_SHOWN} of {count(len(groups))} groups that add most; all in `contest.groups`")
    return found + remarks_of_groups(groups)


def apart_lines(c: Comparison) -> list[str]:
    """The rows where the two were furthest apart."""
    better, worse = printable(c.contest.better), printable(c.contest.worse)
    rows: list[Sequence[str]] = []
    for number, (row, place) in enumerate(zip(c.contest.apart[:N_APART_SHOWN], c.contest.places, strict=False)):
        name = "furthest apart" if number == 0 else ""
        said = f"{better} {fixed(row['said_by_better'], 4)}, {worse} {fixed(row['said_by_worse'], 4)}"
        lead = f"lead {signed(row['lead_nats'], 3)}"
        rows.append([name, place.shown(c.source), f"{said}, was {row['label']:g}", lead])
    return columns(rows, "lrlr", gap="   ")
