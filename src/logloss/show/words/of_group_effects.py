"""The groups of a calibration in words: their shifts and slopes, and the expected reduction of each."""

from __future__ import annotations

import math
from typing import Any

from logloss.answers.estimate import Estimate, expit
from logloss.calibration import Calibration
from logloss.calibration.group_effects import GroupEffects
from logloss.show.words.of_measurement import ends_of, group_value, nats, signed
from logloss.text import columns, count, counted, fixed, listed, printable, significant

# Groups that a text lists.
IN_TEXT = 20


def names_of(effects: GroupEffects) -> str:
    """The columns of the groups: `country`, `country and device`; an array has no name but that of the argument."""
    return "group" if effects.columns == ("by",) else listed([printable(name, 40) for name in effects.columns])


def described(effects: GroupEffects) -> str:
    """What is added to the map of all rows."""
    held = [name for name, sd in (("shift", effects.shift_sd), ("slope", effects.slope_sd)) if sd > 0]
    if not held:
        return f"then by {names_of(effects)}: no group differs from the map of all rows"
    what = " and a ".join(held)
    return f"then by {names_of(effects)}: a {what} of the log-odds of each of {counted(len(effects.names), 'group')}"


def by_reduction(effects: GroupEffects, most: int) -> list[dict[str, Any]]:
    """The groups by their part of the expected reduction of all rows, the largest first: share times own reduction."""

    def falling(row: dict[str, Any]) -> float:
        saved = row["share"] * row["expected_reduction_nats"]
        return math.inf if math.isnan(saved) else -saved

    return sorted(effects.table, key=falling)[:most]


def group_table(effects: GroupEffects, most: int) -> tuple[list[list[str]], str]:
    """The table of groups, and how its columns are aligned."""
    rows, table = by_reduction(effects, most), effects.table
    reasons = any(row["reason"] for row in rows)
    head = [*(printable(name) for name in effects.columns), "rows", "predicted", "observed", "shift", "slope"]
    head += ["log loss", "expected reduction", "95% CI"]
    lines = [[*head, "remark"] if reasons else head]
    for row in rows:
        name = "expected_reduction_nats"
        reduction = Estimate(row[name], row[f"{name}_low"], row[f"{name}_high"])
        cells = [group_value(row[column], table[column]) for column in effects.columns]
        cells += [count(row["rows"]), nats(row["mean_proba"]), nats(row["base_rate"])]
        cells += [signed(row["shift"], 3), fixed(row["slope"], 3), fixed(row["log_loss_nats"], 4)]
        cells += [fixed(reduction, 4), ends_of(reduction, 4)]
        lines.append([*cells, f"no CI: {row['reason']}" if row["reason"] else ""] if reasons else cells)
    return lines, "l" * len(effects.columns) + "rrrrrrrl" + "l" * reasons


def remarks(effects: GroupEffects, most: int) -> list[str]:
    """What the columns are, how much groups differ, and how many are not shown."""
    clause = []
    if len(effects.names) > most:
        clause.append(f"{most} of {count(len(effects.names))} groups, by their share of the expected reduction")
    sds = f"standard deviation between groups: shift {significant(effects.shift_sd, 2)}"
    clause.append(f"{sds}, slope {significant(effects.slope_sd, 2)}, by marginal likelihood")
    clause.append(
        f"shift: of the log-odds of the map of all rows where it gives {significant(expit(effects.centre), 2)}; shift "
        "and slope are shrunken towards 0 and 1"
    )
    clause.append("predicted, observed, log loss: uncalibrated; groups that were not seen get the map of all rows")
    return clause


def lines_of(c: Calibration) -> list[str]:
    """The groups as lines of a text; none without groups."""
    if c.group_effects is None:
        return []
    lines = [line.rstrip() for line in columns(*group_table(c.group_effects, IN_TEXT))]
    return [*lines, "", *remarks(c.group_effects, IN_TEXT)]
