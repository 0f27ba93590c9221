"""What the pictures of a calibration show."""

from __future__ import annotations

import math

import numpy as np

from logloss.answers.estimate import expit
from logloss.answers.small_table import SmallTable
from logloss.calibration import Calibration
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_calibration import advice, described, percents, shares_text
from logloss.text import fixed, significant

# Points of the map, and every which one is listed.
N_POINTS, LISTED = 101, 10
# Where all that was seen lies this near to 0 or 1, the axes are in log-odds; how far they go where no end is known.
NEAR_AN_END, FARTHEST_LOGIT = 0.1, 9.2


def map_of(c: Calibration) -> Drawing:
    """What each probability becomes."""
    low, high = c.map.seen
    is_logit = (math.isfinite(high) and expit(high) < NEAR_AN_END) or (
        math.isfinite(low) and expit(low) > 1 - NEAR_AN_END
    )
    if is_logit:
        low, high = max(low, -FARTHEST_LOGIT), min(high, FARTHEST_LOGIT)
        clause = [float(expit(value)) for value in np.linspace(low, max(high, low + 1), N_POINTS)]
    else:
        clause = np.linspace(0.0, 1.0, N_POINTS).tolist()
    becomes = c.apply(np.array(clause)).tolist()
    found = SmallTable({"predicted": clause, "becomes": becomes})
    middle = int(np.argmax(np.abs(np.array(becomes) - clause)))
    sentence = f"{described(c).capitalize()}. "
    if becomes[middle] == clause[middle]:
        sentence += "What was said stays as it is: the line is the diagonal."
    else:
        sentence += (
            f"Below the diagonal probabilities become smaller, above it greater: {significant(clause[middle], 2)} "
            f"becomes {significant(becomes[middle], 2)}."
        )
    rows = [["predicted", "becomes"]]
    rows += [[significant(row["predicted"]), significant(row["becomes"])] for row in list(found)[::LISTED]]
    return Drawing("map", "What probabilities become", sentence, {"map": found}, {"is_logit": is_logit}, rows)


def expected_reduction(c: Calibration) -> Drawing:
    """What each map that was tried is expected to save."""
    table = c.candidates
    keys = {
        "method": table["method"],
        "expected_reduction_nats": table["expected_reduction_nats"],
        "error_nats": table["error_nats"],
    }
    keys["share"] = table["share"]
    rows = [["map", "log loss", "saves (nats)", "std. error", "share"]]
    for row in table:
        cells = [
            "" if math.isnan(row[key]) else fixed(row[key], 5) for key in ("expected_reduction_nats", "error_nats")
        ]
        rows.append([row["method"], fixed(row["log_loss_nats"], 5), *cells, percents(c).get(row["method"], "")])
    title = "What each map saves"
    if not any(math.isfinite(value) for value in keys["expected_reduction_nats"]):
        reason = (
            c.expected_reduction.reason
            or "the loss is infinite, so that any map that makes it finite saves without limit"
        )
        return not_drawn("expected_reduction", title, reason, rows)
    sentence = (
        f"{advice(c, '')} Right of the line a map lowers the loss of rows that it was not fitted to, from the simplest "
        f"map to the most flexible; lines are one standard error. Filled ones are used: {shares_text(c)}."
    )
    return Drawing("expected_reduction", title, sentence, {"candidates": SmallTable(keys)}, {}, rows)


KINDS = {"map": map_of, "expected_reduction": expected_reduction}


def kinds(c: Calibration) -> list[str]:
    """The pictures of a calibration, the first one as a rule."""
    return list(KINDS)
