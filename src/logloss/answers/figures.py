"""Figures as JSON knows them: infinity as text, what is undefined as None with its reason.

>>> found = {}
>>> put(found, "skill", float("nan"), "every label is 1")
>>> found
{'skill': None, 'skill_reason': 'every label is 1'}
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from logloss.answers.estimate import Estimate


def put(figures: dict[str, Any], name: str, value: float, reason: str = "") -> None:
    """A figure as JSON knows it: infinity as text, undefined as None with a reason."""
    value = float(value)
    if math.isnan(value):
        figures[name] = None
        figures[f"{name}_reason"] = reason
    elif math.isinf(value):
        figures[name] = "inf" if value > 0 else "-inf"
    else:
        figures[name] = value


def put_estimate(figures: dict[str, Any], name: str, estimate: Estimate) -> None:
    """An estimate and the ends of its interval."""
    put(figures, name, estimate, estimate.reason)
    put(figures, f"{name}_low", estimate.low, estimate.reason)
    put(figures, f"{name}_high", estimate.high, estimate.reason)


def jsonable(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a small table as JSON knows it."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, float) and not math.isfinite(value):
            found[name] = None if math.isnan(value) else ("inf" if value > 0 else "-inf")
        elif isinstance(value, Decimal):
            # The key of a group that no float holds: JSON's own numbers would be read as floats.
            found[name] = str(value)
        else:
            found[name] = value
    return found
