"""What is said where data are so few that intervals and p-values may not hold what they promise.

>>> caution_of(2_000.0, 34.0, "positives", None)
'intervals may be too narrow: 34 positives (below 50)'
"""

from __future__ import annotations

import math

from logloss.text import count

# From so many on the coverage of intervals is simulated, and kept (docs/inference.md).
FEWEST_ROWS, FEWEST_OF_RARER_CLASS, FEWEST_CLUSTERS = 500, 50, 10
# Kish's number of equal weights is whole but for rounding.
ROUNDING = 1e-9


def caution_of(rows: float, rarer: float, rarer_name: str, clusters: float | None) -> str:
    """One sentence on what there is too little of; "" where nothing is.

    rows, rarer, clusters: effective numbers of rows, of rows of the rarer class (nan where it is not known), and of
    clusters (None where rows are independent). rarer_name: the rarer class in the plural.
    """
    numbers = {"rows": (rows, FEWEST_ROWS), rarer_name: (rarer, FEWEST_OF_RARER_CLASS)}
    if clusters is not None:
        numbers["clusters"] = clusters, FEWEST_CLUSTERS
    too_few = {name: (number, least) for name, (number, least) in numbers.items() if number < least * (1 - ROUNDING)}
    if not too_few:
        return ""
    named = ", ".join(f"{effective(number, name)} (below {least})" for name, (number, least) in too_few.items())
    if "clusters" in too_few:
        return f"{named}: no interval can be trusted"
    return f"intervals may be too narrow: {named}"


def effective(number: float, name: str) -> str:
    """`34 positives`, or `33.9 effective positives`, never rounded up."""
    whole = round(number)
    if abs(number - whole) <= ROUNDING * number:
        return f"{count(whole)} {name.removesuffix('s') if whole == 1 else name}"
    return f"{math.floor(number * 10) / 10:,.1f} effective {name}"
