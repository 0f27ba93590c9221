"""The text of a calibration's page."""

from __future__ import annotations

import math

from logloss.calibration import Calibration
from logloss.calibration.maps import IDENTITY
from logloss.calibration.selection import AUTO
from logloss.show import page
from logloss.show.words import of_group_effects
from logloss.show.words.of_calibration import advice, described, named, percents
from logloss.text import capital, confidence, counted, fixed, significant

# Groups that a page lists.
ON_PAGES = 200
# What each map does, from the simplest.
WHAT = {
    "identity": "leaves the probabilities as they are",
    "mixture": "mixes the probabilities with the base rate",
    "shift": "adds a constant to the log-odds",
    "temperature": "scales the log-odds",
    "platt": "scales the log-odds and adds a constant",
    "beta": "has separate slopes near 0 and near 1, and a constant",
    "isotonic": "is a non-decreasing map fitted by centred isotonic regression",
}
# The maps by name, as a sentence has them.
NAMES = {
    "mixture": "a mixture with the base rate",
    "shift": "a shift of the log-odds",
    "temperature": "temperature scaling",
    "platt": "Platt scaling",
    "beta": "beta calibration",
    "isotonic": "centred isotonic regression",
}


def title(c: Calibration) -> str:
    """What the page is about."""
    return f"Calibration from {c.source}" if c.source else "Calibration"


def head(c: Calibration) -> str:
    """What it was fitted to."""
    of = f" of {c.source}" if c.source else ""
    clause = [
        f"{counted(c.n_rows, 'row')}{of}",
        f"positive: {c.positive}",
        f"cross-validated in {counted(c.n_folds, 'fold')}",
    ]
    if c.negatives_kept != 1:
        clause.append(f"log-odds shifted first, as training kept {c.negatives_kept:g} of the negatives")
    return " · ".join(clause)


def sentences(c: Calibration) -> list[str]:
    """The answer, and what the map is."""
    if c.method == "identity" and c.group_effects is None:
        return [advice(c, "")]
    what = WHAT.get(c.method, "is the weighted average of maps in log-odds, by their cross-validated log loss")
    text = f"The map: {described(c)}; it {what}."
    if not math.isnan(c.expected_reduction):
        text += (
            f" The log loss was {fixed(c.log_loss, 4)} nats per row; {fixed(c.log_loss_after, 4)} is expected on new "
            f"rows (cross-validated in {counted(c.n_folds, 'fold')})."
        )
    if c.group_effects is None:
        return [advice(c, ""), text]
    part = c.group_effects.expected_reduction
    ends = f" ({confidence(part.low, part.high, 4)})" if part.has_interval else ""
    less = f"the log loss is expected to fall by another {fixed(part, 4)} nats per row{ends}"
    of_groups = f"{capital(of_group_effects.described(c.group_effects))}; {less}."
    return [advice(c, ""), text, of_groups]


def main_table(c: Calibration) -> tuple[list[list[str]], str]:
    """The maps that were tried, and how the columns of their table are aligned."""
    rows = [["method", "log loss", "expected reduction", "std. error", "", "share"]]
    for row in c.candidates:
        cells = [
            "" if math.isnan(row[key]) else fixed(row[key], 5) for key in ("expected_reduction_nats", "error_nats")
        ]
        share = percents(c).get(row["method"], "")
        rows.append([named(row["method"]), fixed(row["log_loss_nats"], 5), *cells, WHAT[row["method"]], share])
    return rows, "lrrrlr"


def sections(c: Calibration) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    shown = []
    if c.group_effects is not None:
        table = page.table(*of_group_effects.group_table(c.group_effects, ON_PAGES), label="Groups")
        shown.append(("Groups", table + page.paragraphs(of_group_effects.remarks(c.group_effects, ON_PAGES))))
    shown.append(("Maps that were tried", page.table(*main_table(c), label="Maps")))
    rows = [["", ""]]
    rows += [[name, significant(value, 6)] for name, value in c.parameters.items() if not isinstance(value, list)]
    if len(rows) > 1:
        shown.append(("Parameters", page.table(rows, "lr", label="Parameters")))
    return shown


def _choice(c: Calibration) -> str:
    """How the map was chosen: as an average, or by its name."""
    if c.requested != AUTO:
        return f"One map, {NAMES[c.requested]}, was requested; it was fitted to all rows."
    # With predictions of exactly 0 or 1 the identity takes no part.
    among = "" if c.share_certain else ", the uncalibrated probabilities among them,"
    return f"The maps{among} are averaged in log-odds, with shares that fall with their cross-validated log loss."


def remarks(c: Calibration) -> str:
    """How the reduction was estimated."""
    clause = ["The uncalibrated probabilities were requested: no map was fitted."]
    if c.requested != IDENTITY or c.group_effects is not None:
        how = "the rows of each fold are predicted by maps that were fitted to the other folds"
        clause = [f"The expected reduction is cross-validated: {how}. {_choice(c)}"]
    if not c.is_exact:
        clause.append(
            f"Fitted to bins: certified to be at most {significant(c.gap, 2)} nats per row above its optimum."
        )
    return page.paragraphs(clause)
