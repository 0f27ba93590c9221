"""A calibration as strict JSON, and back, to the bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from logloss.calibration.answer import Calibration
from logloss.calibration.maps import METHODS, ScoreMap
from logloss.files.document import document_bytes, known_fields
from logloss.files.schema import Reader, Rule, as_json, fields_of
from logloss.files.storage import StrPath, write_atomically

# A difference of two losses is rounded.
NEAR = 1e-12
COLUMNS = ("method", "log_loss_nats", "saves_nats", "error_nats")


def save_calibration(path: StrPath, calibration: Calibration) -> None:
    write_atomically(path, bytes_of_calibration(calibration))


def bytes_of_calibration(c: Calibration) -> bytes:
    """The bytes of the file of a calibration; the same each time."""
    return document_bytes(c.kind, as_json(c, Calibration))


def calibration_of_fields(fields: Mapping[str, Any], name: str) -> Calibration:
    """The calibration that was written; whatever is not known is refused."""
    return Reader(name, RULES).of(known_fields(fields, tuple(fields_of(Calibration)), name), Calibration)


def _is_rising(found: ScoreMap) -> bool:
    """Whether knots rise, and values with them; only isotonic maps have any."""
    is_rising = all(a < b for a, b in pairwise(found.knots)) and all(a <= b for a, b in pairwise(found.values))
    return is_rising and len(found.knots) == len(found.values) and bool(found.knots) == (found.method == METHODS[-1])


def _is_difference(c: Calibration) -> bool:
    """Whether what it saves is the difference of the losses."""
    saved = c.log_loss - c.log_loss_after
    return not math.isfinite(saved) or abs(saved - c.saves) <= NEAR * max(1.0, c.log_loss)


def _is_slope(value: float) -> bool:
    return 0 <= value < math.inf


# What `apply` and the words of a calibration rely on.
RULES = {
    ScoreMap: (
        Rule("method", lambda m: m.method in METHODS, f"one of the methods {', '.join(METHODS)}"),
        Rule("a", lambda m: _is_slope(m.a), "a finite number of at least 0"),
        Rule("b", lambda m: _is_slope(m.b), "a finite number of at least 0"),
        Rule("c", lambda m: math.isfinite(m.c), "a finite number"),
        Rule("knots", _is_rising, "knots that rise, of an isotonic map only, with a value that rises at each"),
        Rule("values", lambda m: all(0 < value < 1 for value in m.values), "numbers between 0 and 1"),
        Rule("at_zero", lambda m: m.at_zero is None or math.isfinite(m.at_zero), "finite log-odds, or null"),
        Rule("at_one", lambda m: m.at_one is None or math.isfinite(m.at_one), "finite log-odds, or null"),
    ),
    Calibration: (
        Rule("negatives_kept", lambda c: 0 < c.negatives_kept <= 1, "a share in (0, 1]"),
        Rule("asked", lambda c: c.asked in ("auto", *METHODS), "a method"),
        Rule("n_rows", lambda c: c.n_rows >= 1, "a whole number of at least 1"),
        Rule("log_loss", lambda c: not c.log_loss < 0, "a number of at least 0"),
        Rule("gap", lambda c: not c.gap < 0, "a number of at least 0"),
        Rule("saves", _is_difference, "what lies between log_loss and log_loss_after"),
        Rule("candidates", lambda c: c.candidates.column_names == COLUMNS, f"the columns {', '.join(COLUMNS)}"),
        Rule("candidates", lambda c: set(c.candidates["method"]) <= set(METHODS), "known methods"),
    ),
}
