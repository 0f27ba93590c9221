"""What the picture of a difference between two measurements shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from logloss.answers.estimate import Estimate, negated
from logloss.answers.small_table import SmallTable
from logloss.difference import Difference
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.text import MINUS, adding_digits, fixed, interval


def levels_table(
    start: tuple[str, Estimate], terms: Sequence[tuple[str, float, Estimate]], end: tuple[str, Estimate]
) -> SmallTable:
    """A level, what is added to it (sign 1) or taken away (sign −1), the level at the end, and where each lies."""
    keys = ("part", "sign", "from_nats", "to_nats", "value_nats", "low_end_nats", "high_end_nats")
    name, value = start
    level = float(value)
    # A sign of 0 marks a level.
    rows = [(name, 0.0, 0.0, level, level, value.low, value.high)]
    for name, sign, term in terms:
        ends = sorted((level + sign * term.low, level + sign * term.high))
        rows.append((name, sign, level, level + sign * term, float(term), ends[0], ends[1]))
        level += sign * term
    name, value = end
    rows.append((name, 0.0, 0.0, float(value), float(value), value.low, value.high))
    return SmallTable({key: [row[k] for row in rows] for k, key in enumerate(keys)})


def waterfall(d: Difference) -> Drawing:
    """From the old log loss to the new one."""
    title = "Contributions to the change in log loss"
    if not math.isfinite(d.log_loss):
        return not_drawn("waterfall", title, "the change in log loss is infinite (rows with probability 0)")
    terms = [("uncertainty", 1.0, d.uncertainty), ("discrimination", -1.0, d.discrimination)]
    terms.append(("miscalibration", 1.0, d.miscalibration))
    table = levels_table(("old log loss", d.old.log_loss), terms, ("new log loss", d.new.log_loss))
    digits = adding_digits(
        float(d.new.log_loss), [float(d.old.log_loss), *(sign * term for _, sign, term in terms)], least=4
    )
    rows = [["contribution", "nats per row", "95% CI"]]
    for name, sign, term in (*terms, ("change in log loss", 1.0, d.log_loss)):
        contribution = term if sign > 0 else negated(term)
        low_high = interval(contribution.low, contribution.high, 4) if contribution.has_interval else ""
        rows.append([name, signed(contribution, digits), low_high])
    contributions = {name: sign * term for name, sign, term in terms}
    name = max(contributions, key=lambda name: abs(contributions[name]))
    sentence = (
        "Each bar starts where the one above it ends: orange raises the log loss, blue lowers it. "
        f"The largest contribution is that of {name}, {signed(contributions[name], 4)} nats."
    )
    note = "Discrimination counts negatively: more of it lowers the log loss."
    return Drawing("waterfall", title, sentence, {"levels": table}, {"digits": digits}, rows, note)


def signed(value: float, digits: int) -> str:
    """A number with its sign: +0.0455."""
    written = fixed(value, digits)
    return written if written.startswith(MINUS) else f"+{written}"


KINDS = {"waterfall": waterfall}


def kinds(d: Difference) -> list[str]:
    """The pictures of a difference."""
    return ["waterfall"]
