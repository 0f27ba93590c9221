"""What the picture of a difference shows."""

from __future__ import annotations

import math

from logloss.difference import Difference
from logloss.show.drawings.levels import levels_table
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_difference import parts_rows, sentence
from logloss.text import fixed


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
    said = (
        "Each bar begins where the last one ended; those that run to the right make the loss greater. "
        f"What moved it most is {words.get(name, name)}: {'+' if moves[name] > 0 else ''}{fixed(moves[name], 4)} nats."
    )
    return Drawing("waterfall", title, said, {"parts": table}, {"digits": 4}, rows)


KINDS = {"waterfall": waterfall}


def kinds(d: Difference) -> list[str]:
    """The pictures of a difference."""
    return ["waterfall"]
