"""Endometrial, sex2 and lizards: small tables with published fits, for the tests of Firth's penalty and of profiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

KNOWN = json.loads((Path(__file__).parent / "known_values" / "separated_tables.json").read_text(encoding="utf-8"))
TABLES = ("endometrial", "sex2", "lizards")


def arguments(name: str) -> dict[str, Any]:
    """The rows of a table as `fit` takes them; `count` is how many rows each stands for."""
    rows = {column: np.array(values) for column, values in KNOWN[name]["rows"].items()}
    label = KNOWN[name]["label"]
    features = [column for column in rows if column not in (label, "count")]
    reference = {"light": "sunny", "time": "early", "height": "<5ft", "diameter": "<=2in"}
    return {
        "data": rows,
        "y_true": label,
        "features": features,
        "counts": "count" if "count" in rows else None,
        "reference": {column: reference[column] for column in features if column in reference},
    }


def known(name: str, fit: str, column: str) -> dict[str, float]:
    """A column of the known fit, by the name of the coefficient; None is left out."""
    figures = KNOWN[name][fit]
    pairs = zip(figures["names"], figures[column], strict=True)
    return {key: float(value) for key, value in pairs if value is not None}
