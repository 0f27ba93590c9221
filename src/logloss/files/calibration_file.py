"""A calibration as strict JSON, and back, to the bit.

>>> import logloss
>>> from logloss.files.document import document_of
>>> c = logloss.calibrate([1, 0, 1, 0] * 50, [0.9, 0.1, 0.9, 0.9] * 50, method="platt")
>>> calibration_of_fields(document_of(bytes_of_calibration(c), "c.json"), "c.json") == c
True
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from itertools import pairwise
from typing import Any

from logloss.answers.estimate import Estimate
from logloss.answers.small_table import SmallTable
from logloss.calibration.answer import Calibration
from logloss.calibration.maps import METHODS, ScoreMap
from logloss.errors import DataError
from logloss.files.document import Reading, document_bytes, known_fields
from logloss.files.storage import write_atomically
from logloss.text import value_text

KIND = "calibration"
ESTIMATE = ("value", "low", "high", "reason")
TABLE = ("method", "log_loss_nats", "saves_nats", "error_nats")
TEXTS = ("asked", "source", "positive")
NUMBERS = ("log_loss", "log_loss_after", "gap", "negatives_kept")
COUNTS = ("n_rows", "n_folds")
# A difference of two losses is rounded.
NEAR = 1e-12
FLAGS = ("is_exact", "has_zero", "has_one")


def save_calibration(path: Any, calibration: Calibration) -> None:
    """Write the file of a calibration, whole or not at all."""
    write_atomically(path, bytes_of_calibration(calibration))


def bytes_of_calibration(c: Calibration) -> bytes:
    """The bytes of the file of a calibration; the same each time."""
    written: dict[str, Any] = {}
    written["map"] = {each.name: _number(getattr(c.map, each.name)) for each in fields(ScoreMap)}
    for name in (*TEXTS, *COUNTS, *FLAGS):
        written[name] = getattr(c, name)
    for name in NUMBERS:
        written[name] = _number(getattr(c, name))
    for name in ("saves", "saves_share"):
        value = getattr(c, name)
        written[name] = {
            "value": _number(float(value)),
            "low": _number(value.low),
            "high": _number(value.high),
            "reason": value.reason,
        }
    written["candidates"] = {name: _number(tuple(c.candidates[name])) for name in TABLE}
    written["notes"] = list(c.notes)
    return document_bytes(KIND, written)


def _number(value: Any) -> Any:
    """A number as strict JSON has it: infinity and nan as text, some numbers as a list."""
    if isinstance(value, tuple):
        return [_number(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def calibration_of_fields(fields_of_file: Mapping[str, Any], name: str) -> Calibration:
    """The calibration that was written; whatever is not known is refused."""
    read = Reading(name)
    known = ("map", "saves", "saves_share", "candidates", "notes", *TEXTS, *COUNTS, *FLAGS, *NUMBERS)
    written = known_fields(fields_of_file, known, name)
    read.only(written, "the file", known)
    notes = read.texts(written, "notes")
    values: dict[str, Any] = {each: read.text(written, each) for each in TEXTS}
    values |= {each: read.number(written, each) for each in NUMBERS}
    values |= {each: read.count(written, each) for each in COUNTS}
    values |= {each: read.flag(written, each) for each in FLAGS}
    if not 0 < values["negatives_kept"] <= 1:
        raise read.wrong("negatives_kept", "a share in (0, 1]", values["negatives_kept"])
    if values["asked"] not in ("auto", *METHODS):
        raise read.wrong("asked", "a method", values["asked"])
    for each, least in (("n_rows", 1), ("n_folds", 0)):
        if values[each] < least:
            raise read.wrong(each, f"a whole number of at least {least}", values[each])
    for each in ("log_loss", "gap"):
        if values[each] < 0:
            raise read.wrong(each, "a number of at least 0", values[each])
    saves = _estimate(read, written, "saves")
    saved = values["log_loss"] - values["log_loss_after"]
    if math.isfinite(saved) and not abs(saved - saves) <= NEAR * max(1.0, values["log_loss"]):
        raise read.wrong("saves", "what lies between log_loss and log_loss_after", float(saves))
    return Calibration(
        map=_map(read, written["map"]),
        saves=saves,
        saves_share=_estimate(read, written, "saves_share"),
        candidates=_table(read, written["candidates"]),
        notes=notes,
        **values,
    )


def _map(read: Reading, found: Any) -> ScoreMap:
    """The map, of which every property that `apply` relies on is checked."""
    read.only(found, "map", tuple(each.name for each in fields(ScoreMap)))
    if not isinstance(found["method"], str) or found["method"] not in METHODS:
        raise DataError(
            f"{read.name} has a map of the method {value_text(found['method'])}, which this logloss does not know. "
            "Install a newer one."
        )
    slopes = {each: read.number(found, each) for each in ("a", "b", "c", "lowest", "highest")}
    for each in ("a", "b"):
        if not 0 <= slopes[each] < math.inf:
            raise read.wrong(f"map: {each}", "a number of at least 0", slopes[each])
    if not math.isfinite(slopes["c"]):
        raise read.wrong("map: c", "a finite number", slopes["c"])
    knots, values = read.numbers(found, "knots"), read.numbers(found, "values")
    is_isotonic = found["method"] == METHODS[-1]
    is_rising = all(a < b for a, b in pairwise(knots)) and all(a <= b for a, b in pairwise(values))
    if len(knots) != len(values) or bool(knots) != is_isotonic or not is_rising:
        raise DataError(f"{read.name} is damaged: the knots of its map must rise. Make it again.")
    if not all(0 < value < 1 for value in values):
        raise DataError(f"{read.name} is damaged: the values of its map must lie between 0 and 1. Make it again.")
    edges: list[float | None] = []
    for each in ("at_zero", "at_one"):
        edges.append(None if found[each] is None else read.number(found, each))
        if edges[-1] is not None and not math.isfinite(edges[-1]):
            raise read.wrong(f"map: {each}", "finite log-odds, or null", found[each])
    a, b, c, lowest, highest = slopes.values()
    return ScoreMap(found["method"], a, b, c, knots, values, edges[0], edges[1], lowest, highest)


def _estimate(read: Reading, written: dict[str, Any], name: str) -> Estimate:
    """A number with its interval."""
    found = written[name]
    read.only(found, name, ESTIMATE)
    value, low, high = (read.number(found, each) for each in ESTIMATE[:3])
    if low > value or value > high:
        raise read.wrong(name, "an interval around its value", low if low > value else high)
    return Estimate(value, low, high, read.text(found, "reason"))


def _table(read: Reading, found: Any) -> SmallTable:
    """The methods that were tried."""
    read.only(found, "candidates", TABLE)
    methods = found["method"]
    if not isinstance(methods, list) or not all(isinstance(each, str) and each in METHODS for each in methods):
        raise read.wrong("candidates: method", "a list of methods", methods)
    columns: dict[str, Any] = {"method": methods} | {name: list(read.numbers(found, name)) for name in TABLE[1:]}
    if len({len(column) for column in columns.values()}) != 1:
        raise DataError(f"{read.name} is damaged: the columns of its candidates differ in length. Make it again.")
    return SmallTable(columns)
