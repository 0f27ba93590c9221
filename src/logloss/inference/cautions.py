"""Cautions where the data are too few for intervals and p-values to have their nominal coverage and level.

>>> caution_of(2_000.0, 34.0, "positives", None)
'intervals may be too narrow: 34 positives (below 50)'
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from logloss.inference.clusters import ClusteredMoments
from logloss.inference.moments import ROUNDING, Moments, effective_count
from logloss.onepass.summaries import LargeLoss
from logloss.text import counted

# From so many on the coverage of intervals is simulated, and kept (docs/inference.md).
FEWEST_ROWS, FEWEST_OF_RARER_CLASS, FEWEST_CLUSTERS = 500, 50, 10
# Where so few rows make more than half of a variance, other rows of such losses may be missing from the sample.
MOST_ROWS, LARGEST_SHARE = 10, 0.5


def caution_of(rows: float, rarer: float, rarer_name: str, clusters: float | None) -> str:
    """One sentence that names what is too few; "" where nothing is.

    rows, rarer, clusters: effective numbers of rows, of rows of the rarer class (nan where not known), and of
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
    """`34 positives`, `1 positive`, `33.9 effective positives`."""
    return f"{effective_count(number)} {name.removesuffix('s') if round(number, 1) == 1 else name}"


def cautions_of(moments: Moments, largest: Sequence[LargeLoss]) -> tuple[str, ...]:
    """The cautions of the intervals of a measurement. largest: the rows of the largest losses, in their order."""
    if moments.why_no_interval():
        return ()
    number, name = moments.effective_of_rarer_class
    too_few = caution_of(moments.effective_rows, number, name, moments.effective_clusters)
    # Of fewer rows ten make up much of any variance.
    of_rows = moments.plain if isinstance(moments, ClusteredMoments) else moments
    rows = [(row.log_loss, row.weight, row.count) for row in largest]
    cautions = too_few, caution_of_concentration(of_rows, rows, "largest loss", "largest losses", "the log loss")
    # An infinite loss has no interval that could be too narrow.
    return tuple(caution for caution in (cautions[:1] if moments.summary.n_infinite else cautions) if caution)


def caution_of_concentration(
    moments: Moments, largest: Sequence[tuple[float, float, int]], one: str, several: str, of: str
) -> str:
    """One sentence where few rows make most of the variance of a mean of `c`; "" where they do not.

    largest: value, weight and count of the rows farthest from the mean, in their order; one, several: what they are
    called; of: the name of the mean.
    """
    # Of few rows ten make up much of any variance, and a caution of the rows is given.
    if moments.effective_rows < FEWEST_ROWS:
        return ""
    variance = moments.covariance("c", "c", "cc") / moments.inflation
    if not 0 < variance < math.inf:
        return ""
    mean, weight = moments.quotient("c"), moments.sum_weight()
    made, left = 0.0, MOST_ROWS
    for value, own, times in largest:
        taken = min(times, left)
        # Where a value is infinite so is the mean, which has no interval.
        made += taken * (own / weight * (value - mean)) ** 2 if math.isfinite(value) else 0.0
        left -= taken
    if not made > LARGEST_SHARE * variance:
        return ""
    n_rows, share = MOST_ROWS - left, f"{100 * min(made / variance, 1.0):.0f}% of the variance of {of}"
    rows = f"the {one} makes up" if n_rows == 1 else f"the {counted(n_rows, one, several)} make up"
    return f"{rows} {share}: its interval may be too narrow"
