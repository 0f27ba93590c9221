"""What the picture of a difference shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from logloss.answers.estimate import Estimate
from logloss.answers.small_table import SmallTable
from logloss.difference import Difference
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_difference import parts_rows, sentence
from logloss.text import fixed


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
    """From the old loss to the new one."""
    title = "What moved the loss"
    rows = [["part", "moves by (nats)", "95 %", ""], *([cell.strip() for cell in row] for row in parts_rows(d))]
    if not math.isfinite(d.log_loss):
        reason = f"{sentence(d)}; rows that were given probability 0 make the move infinite"
        return not_drawn("waterfall", title, reason, rows)
    terms = [("uncertainty", 1.0, d.uncertainty), ("discrimination", -1.0, d.discrimination)]
    terms.append(("miscalibration", 1.0, d.miscalibration))
    table = levels_table(("old loss", d.old.log_loss), terms, ("new loss", d.new.log_loss))
    moves = {name: sign * move for name, sign, move in terms}
    name = max(moves, key=lambda name: abs(moves[name]))
    words = {"uncertainty": "the base rate", "discrimination": "what the predictions know"}
    clause = (
        "Each bar begins where the last one ended; those that run to the right make the loss greater. "
        f"What moved it most is {words.get(name, name)}: {'+' if moves[name] > 0 else ''}{fixed(moves[name], 4)} nats."
    )
    return Drawing("waterfall", title, clause, {"parts": table}, {"digits": 4}, rows)


KINDS = {"waterfall": waterfall}


def kinds(d: Difference) -> list[str]:
    """The pictures of a difference."""
    return ["waterfall"]
