"""A difference in words: how far the loss moved, then what moved it, to the digit."""

from __future__ import annotations

import math

from logloss.answers.estimate import Estimate, negated
from logloss.answers.small_table import SmallTable
from logloss.difference import Difference
from logloss.inference.cautions import FEWEST_CLUSTERS
from logloss.show.words.of_measurement import caution_lines, group_value, shown, signed
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
)

N_GROUPS_SHOWN = 20
# Usual marks of the population stability index.
LITTLE, MUCH = 0.1, 0.25
# Ratio of the numbers of rows from which the level of chance is told, too.
UNEQUAL = 1.5


def text_of(d: Difference) -> str:
    """The whole difference."""
    parts = [*columns(parts_rows(d), "lrll", gap="   "), *(f"  {clause}" for clause in remarks(d))]
    paragraphs = [[sentence(d), *warnings(d)], parts, caution_lines(d.cautions), groups_lines(d)]
    return printable_lines("\n\n".join("\n".join(lines) for lines in paragraphs if lines))


def sentence(d: Difference) -> str:
    """How far the loss moved."""
    digits = _digits(d)
    ends = " → ".join(fixed(each.log_loss, digits) for each in (d.old, d.new))
    if math.isnan(d.log_loss):
        return f"log loss {ends}: both are infinite, which has no difference"
    if math.isinf(d.log_loss):
        return f"log loss {ends}: {'up' if d.log_loss > 0 else 'down'} without limit"
    way = "unchanged" if d.log_loss == 0.0 else f"{'up' if d.log_loss > 0 else 'down'} {fixed(abs(d.log_loss), digits)}"
    move = negated(d.log_loss) if d.log_loss < 0 else d.log_loss
    told = interval(move.low, move.high, 4) if move.has_interval else f"(no interval: {move.reason})"
    return f"log loss {ends}: {way} {told}"


def _digits(d: Difference) -> int:
    """The digits, at least five, with which the parts of the move add up as printed, and so do mix and within."""
    sums = [[d.uncertainty, -d.discrimination, d.miscalibration]]
    if d.mix is not None and d.within is not None:
        sums.append([d.mix, d.within])
    total = d.log_loss if math.isfinite(d.log_loss) else sum(sums[0])
    digits = 5
    while any(adding_digits(total, members, least=digits) > digits for members in sums) and digits < 15:
        digits += 1
    return digits


def warnings(d: Difference) -> list[str]:
    """What must be known before the figures are read."""
    clause = []
    for name, measured in (("old", d.old), ("new", d.new)):
        if measured.n_infinite:
            n_rows = f"{count(measured.n_infinite)} of {counted(measured.n_rows, 'row')}"
            clause.append(f"  in the {name} one, {n_rows} given probability 0 (first: {measured.first_infinite})")
    if d.is_paired:
        clause.append("  intervals: clusters that occur in both are counted once")
    return clause


def parts_rows(d: Difference) -> list[list[str]]:
    """The move of each part."""
    digits = _digits(d)
    rate = d.old.base_rate, d.new.base_rate
    nearer = "nearer to" if abs(rate[1] - 0.5) < abs(rate[0] - 0.5) else "farther from"
    same = "as before" if rate[0] == rate[1] else f"{nearer} a coin"
    observed = f"base rate {fixed(rate[0], 4)} → {fixed(rate[1], 4)}, {same}"
    known = "more is known" if d.discrimination > 0 else "less is known"
    ratio = f"said ÷ happened {fixed(d.old.ratio, 2)} → {fixed(d.new.ratio, 2)}"
    less = negated(d.discrimination)
    parts = [
        ("  uncertainty", d.uncertainty, observed),
        # The term of the sum: a part that is taken away and has become smaller adds.
        (f"{MINUS} discrimination", less, verdict(d, less, known)),
        ("+ miscalibration", d.miscalibration, verdict(d, d.miscalibration, ratio)),
    ]
    lines = [[name, signed(part, digits), shown(part, 4), clause] for name, part, clause in parts]
    if not math.isfinite(d.log_loss):
        impossible = signed(d.impossible, digits) if not math.isnan(d.impossible) else "not defined"
        lines.append(["+ impossible rows", impossible, "", f"{count(d.old.n_infinite)} → {count(d.new.n_infinite)}"])
    total = signed(d.log_loss, digits) if not math.isnan(d.log_loss) else "not defined"
    return [*lines, ["= log loss", total, "", ""]]


def remarks(d: Difference) -> list[str]:
    """What the isotonic fits overfit where the numbers of rows differ, and how far the scores moved."""
    found = []
    sizes = sorted((d.old.n_rows, d.new.n_rows))
    if math.isnan(d.overfitting):
        found.append("discrimination and miscalibration with what the isotonic fits overfit, which is not known")
    elif sizes[1] > UNEQUAL * sizes[0]:
        overfitted = " → ".join(fixed(each.discrimination.overfitting, 4) for each in (d.old, d.new))
        found.append(
            f"discrimination and miscalibration without the overfitting of the isotonic fits: {overfitted} "
            f"({counted(d.old.n_rows, 'row')} → {count(d.new.n_rows)})"
        )
    if not math.isnan(d.psi):
        moved = "hardly moved" if d.psi < LITTLE else "moved" if d.psi < MUCH else "moved a lot"
        found.append(f"the scores {moved}: PSI {significant(d.psi, 2)} on ten bins")
    return found


def verdict(d: Difference, move: Estimate, told: str) -> str:
    """Whether chance alone might have made it, or clusters are too few to say."""
    if any(measured.effective_clusters < FEWEST_CLUSTERS for measured in (d.old, d.new)):
        return "too few clusters to tell"
    return "may be chance" if move.has_interval and move.low <= 0 <= move.high else told


def groups_lines(d: Difference) -> list[str]:
    """Mix of groups, and losses within them."""
    if d.groups is None:
        return []
    lines = [*columns(mix_rows(d), "lrll", gap="   "), "", *columns(*group_table(d.groups, d.new.by, N_GROUPS_SHOWN))]
    if len(d.groups) > N_GROUPS_SHOWN:
        lines.append(f"… the {N_GROUPS_SHOWN} of {count(len(d.groups))} groups that moved it most; all in `groups`")
    return lines


def mix_rows(d: Difference) -> list[list[str]]:
    """What the shares of the groups did, and what their losses did."""
    if d.mix is None or d.within is None:
        return []
    digits = _digits(d)
    without = "" if math.isfinite(d.log_loss) else "without impossible rows"
    return [
        ["  mix of groups", signed(d.mix, digits), shown(d.mix, 4), "their shares, at their mean losses"],
        ["+ within groups", signed(d.within, digits), shown(d.within, 4), "their losses, at their mean shares"],
        ["= log loss", signed(d.mix + d.within, digits), "", without],
    ]


def group_table(groups: SmallTable, by: tuple[str, ...], most: int) -> tuple[list[list[str]], str]:
    """Both measurements group by group, of many those that moved the loss most; and how the columns are aligned."""
    rows = list(groups)
    if len(rows) > most:
        rows = sorted(rows, key=lambda row: -abs(row["mix_nats"] + row["within_nats"]))[:most]
    table = [[*(printable(name) for name in by), "share", "log loss", "mix", "within"]]
    for row in rows:
        cells = [group_value(row[name], groups[name]) for name in by]
        shares = f"{fixed(100 * row['share_old'], 1)} → {fixed(100 * row['share_new'], 1)} %"
        losses = " → ".join(
            "none" if math.isnan(row[f"log_loss_{side}_nats"]) else fixed(row[f"log_loss_{side}_nats"], 4)
            for side in ("old", "new")
        )
        table.append([*cells, shares, losses, signed(row["mix_nats"], 5), signed(row["within_nats"], 5)])
    return table, "l" * len(by) + "rrrr"
