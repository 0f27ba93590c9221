"""What the picture of a plan shows."""

from __future__ import annotations

import math

import numpy as np

from logloss.answers.small_table import SmallTable
from logloss.comparison import Plan
from logloss.comparison.power import Design
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_plan import percent, plain_number, power_rows
from logloss.text import count

# How many points the curve has, and how much of the rows that are needed it spans.
N_POINTS, LEAST, MOST = 60, 0.02, 3.0


def power(p: Plan) -> Drawing:
    """The power over the number of rows."""
    title, rows = "Power and number of rows", power_rows(p)
    if p.rows_needed is None:
        no_difference = "no difference to plan for was given (`difference=`)"
        return not_drawn(
            "power", title, no_difference if math.isnan(p.difference) else "no number of rows reaches this power", rows
        )
    design, n = Design(p.confidence_per_pair, p.power), np.geomspace(LEAST, MOST, N_POINTS) * p.rows_needed
    n_rows = sorted({max(2, round(each)) for each in n.tolist()})
    table = SmallTable(
        {"rows": n_rows, "power": [design.power_of(p.distance_from_null, p.spread, each) for each in n_rows]}
    )
    clause = f"Power against the number of rows: {percent(p.power)} with {count(p.rows_needed)} rows."
    figures = {"rows_needed": p.rows_needed, "power": p.power}
    if p.n_rows is not None and not math.isnan(p.achieved_power):
        figures |= {"n_rows": p.n_rows, "achieved_power": p.achieved_power}
    if math.isnan(p.margin):
        clause = f"{clause} Assumed: a true difference of {plain_number(p.difference)} nats per row."
    return Drawing("power", title, clause, {"curve": table}, figures, rows)


KINDS = {"power": power}


def kinds(p: Plan) -> list[str]:
    """The pictures of a plan."""
    return ["power"]
