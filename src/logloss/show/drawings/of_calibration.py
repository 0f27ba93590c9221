"""What the pictures of a calibration show."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from logloss.answers.estimate import Z, expit
from logloss.answers.small_table import SmallTable
from logloss.calibration import Calibration
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_calibration import described, named, percents, shares_text
from logloss.show.words.of_group_effects import by_reduction, names_of
from logloss.show.words.of_measurement import group_value
from logloss.text import capital, count, fixed, printable, significant

# Points of the map, and every which one is listed.
N_POINTS, LISTED = 101, 10
# Where all predictions seen lie this near to 0 or 1, the axes are in log-odds; how far they go where no end is known.
NEAR_AN_END, FARTHEST_LOGIT = 0.1, 9.2
# Most groups that are drawn.
MOST_GROUPS = 20


def map_of(c: Calibration) -> Drawing:
    """The recalibrated probability over the predicted one."""
    low, high = c.map.seen
    is_logit = (math.isfinite(high) and expit(high) < NEAR_AN_END) or (
        math.isfinite(low) and expit(low) > 1 - NEAR_AN_END
    )
    if is_logit:
        low, high = max(low, -FARTHEST_LOGIT), min(high, FARTHEST_LOGIT)
        predicted = [float(expit(value)) for value in np.linspace(low, max(high, low + 1), N_POINTS)]
    else:
        predicted = np.linspace(0.0, 1.0, N_POINTS).tolist()
    # That of all rows, which groups that were not seen get.
    recalibrated = replace(c, group_effects=None).apply(np.array(predicted)).tolist()
    table = SmallTable({"predicted": predicted, "recalibrated": recalibrated})
    place = int(np.argmax(np.abs(np.array(recalibrated) - predicted)))
    sentence = f"{capital(described(c))}. "
    if recalibrated[place] == predicted[place]:
        sentence += "No probability changes: the line is the diagonal."
    else:
        sentence += (
            "Below the diagonal recalibration lowers the probability, above it raises it. The largest change: "
            f"{significant(predicted[place], 2)} becomes {significant(recalibrated[place], 2)}."
        )
    rows = [["predicted", "recalibrated"]]
    rows += [[significant(row["predicted"]), significant(row["recalibrated"])] for row in list(table)[::LISTED]]
    return Drawing("map", "Calibration map", sentence, {"map": table}, {"is_logit": is_logit}, rows)


def reduction(c: Calibration) -> Drawing:
    """The expected reduction of the log loss by each method."""
    title = "Expected reduction of the log loss by method"
    keys = ("method", "expected_reduction_nats", "error_nats", "share")
    table = SmallTable({key: c.candidates[key] for key in keys})
    rows = [["method", "log loss", "expected reduction", "std. error", "share"]]
    for row in c.candidates:
        cells = [
            "" if math.isnan(row[key]) else fixed(row[key], 5) for key in ("expected_reduction_nats", "error_nats")
        ]
        rows.append([named(row["method"]), fixed(row["log_loss_nats"], 5), *cells, percents(c).get(row["method"], "")])
    if not any(math.isfinite(value) for value in table["expected_reduction_nats"]):
        reason = c.expected_reduction.reason or "the log loss is infinite, and so is the reduction by any finite map"
        return not_drawn("reduction", title, reason, rows)
    sentence = (
        "Cross-validated reduction in nats per row, from the simplest method to the most flexible; right of 0 the "
        "method lowers the log loss of rows that it was not fitted to. Lines are "
        f"±1 standard error. Filled: used, {shares_text(c)}."
    )
    return Drawing("reduction", title, sentence, {"candidates": table}, {}, rows)


def groups(c: Calibration) -> Drawing:
    """The shift and the slope of each group."""
    effects = c.group_effects
    if effects is None:
        return not_drawn("groups", "Groups", "it needs groups (by=)")
    title = f"Shift and slope by {names_of(effects)}"
    rows, values = by_reduction(effects, MOST_GROUPS), effects.table
    found = []
    for row in rows:
        name = " · ".join(group_value(row[column], values[column]) for column in effects.columns)
        ends: dict[str, float] = {}
        for key in ("shift", "slope"):
            reach = Z * row[f"{key}_error"]
            ends |= {key: row[key], f"{key}_low": row[key] - reach, f"{key}_high": row[key] + reach}
        found.append({"group": printable(name, 40), "rows": row["rows"], **ends})
    table = SmallTable({key: [row[key] for row in found] for key in found[0]})
    numbers = [["group", "rows", "shift", "95% interval", "slope", "95% interval"]]
    for row in found:
        cells = [row["group"], count(row["rows"])]
        for key in ("shift", "slope"):
            cells += [fixed(row[key], 3), f"{fixed(row[f'{key}_low'], 3)} to {fixed(row[f'{key}_high'], 3)}"]
        numbers.append(cells)
    sentence = (
        "Beside the map of all rows: right of 0 the shift raises the probabilities of the group; a slope above 1 moves "
        "them away from the average, below 1 towards it. Both are shrunken; lines are 95% posterior intervals."
    )
    if len(effects.names) > len(found):
        sentence += (
            f" Shown are the {len(found)} of {count(len(effects.names))} groups with the largest expected reductions."
        )
    return Drawing("groups", title, sentence, {"groups": table}, {}, numbers)


KINDS = {"map": map_of, "reduction": reduction, "groups": groups}


def kinds(c: Calibration) -> list[str]:
    """The pictures of a calibration; the first one is drawn if none is named."""
    return [name for name in KINDS if name != "groups" or c.by]
