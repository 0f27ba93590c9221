"""Figures as JSON: infinity as the text "inf" or "-inf", what is not defined as null."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from logloss.answers.estimate import Estimate

INFINITE = ("inf", "-inf")


def json_number(value: float) -> float | str | None:
    """A number for JSON: the one way in which all files, figures and pages write what is not finite."""
    value = float(value)
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else INFINITE[value < 0]


def is_json_number(value: object) -> bool:
    """Whether `json_number` may have written it."""
    if isinstance(value, str) or value is None:
        return value is None or value in INFINITE
    # Whole numbers that JSON writes without a point are numbers, too; what no float holds is refused by the parser.
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number_of_json(value: float | str | None) -> float:
    """The number that `json_number` has written."""
    return math.nan if value is None else float(value)


def put(figures: dict[str, Any], name: str, value: float, reason: str = "") -> None:
    """A figure, with the reason beside it where it is not defined."""
    figures[name] = json_number(value)
    if figures[name] is None:
        figures[f"{name}_reason"] = reason


def put_estimate(figures: dict[str, Any], name: str, estimate: Estimate) -> None:
    """An estimate and the ends of its interval."""
    put(figures, name, estimate, estimate.reason)
    put(figures, f"{name}_low", estimate.low, estimate.reason)
    put(figures, f"{name}_high", estimate.high, estimate.reason)


def jsonable(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a small table for JSON."""
    return {name: _jsonable(value) for name, value in row.items()}


def _jsonable(value: Any) -> Any:
    if isinstance(value, float):
        return json_number(value)
    # The key of a group that no float holds: JSON's own numbers would be read as floats.
    return str(value) if isinstance(value, Decimal) else value
