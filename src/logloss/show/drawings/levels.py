"""Levels, and what lies between them: a loss as the sum of its parts, a move as the sum of its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from logloss.answers.estimate import Estimate
from logloss.answers.small_table import SmallTable


def levels_table(
    start: tuple[str, Estimate], terms: Sequence[tuple[str, float, Estimate]], end: tuple[str, Estimate]
) -> SmallTable:
    """A level, what is added to it (sign 1) or taken away (sign −1), and the level at the end.

    Where each begins and ends on the axis, and where the ends of its interval lie there: those of a term begin at the
    level before it.
    """
    rows = [_level(*start)]
    level = float(start[1])
    for name, sign, term in terms:
        ends = sorted((level + sign * term.low, level + sign * term.high))
        rows.append(_row(name, level, level + sign * term, float(term), sign, *ends))
        level += sign * term
    rows.append(_level(*end))
    return SmallTable({key: [row[key] for row in rows] for key in rows[0]})


def _level(name: str, value: Estimate) -> dict[str, Any]:
    return _row(name, 0.0, float(value), float(value), 0.0, value.low, value.high)


def _row(name: str, start: float, end: float, value: float, sign: float, low: float, high: float) -> dict[str, Any]:
    """One row; a sign of 0 marks a level."""
    row: dict[str, Any] = {"part": name, "sign": sign, "from_nats": start, "to_nats": float(end), "value_nats": value}
    return row | {"low_end_nats": low, "high_end_nats": high}
