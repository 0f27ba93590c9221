"""The tables of an answer: segments that are miscalibrated, and those in which the loss is high."""

from __future__ import annotations

import math

import numpy as np

from logloss.answers.estimate import normal_quantile
from logloss.answers.small_table import SmallTable
from logloss.data.rows import Array
from logloss.inference.shift_scores import score_interval
from logloss.onepass.summaries.segment_sums import Box, SegmentCells
from logloss.segmentation.family import Family
from logloss.segmentation.search import Search

# Segments of high loss that are told.
MOST_HIGH = 10


def name_of(box: Box, cut: SegmentCells) -> str:
    """`all rows`, `age 25–32`, `age 25–32 and sex = Male`."""
    if box.column < 0:
        return "all rows"
    own = cut.columns[box.column].describe(box.first, box.last)
    return own if box.other < 0 else f"{own} and {cut.columns[box.other].describe(box.other_first, box.other_last)}"


def miscalibrated_table(search: Search) -> SmallTable:
    """The named segments in the order in which they were named."""
    family, cut = search.family, search.family.cut
    numbers = np.array([each.number for each in search.named], np.int64)
    figures = figures_of(family, numbers)
    low, high = _rate_interval(family, numbers, search.critical)
    shifts, errors = (np.array([getattr(each, name) for each in search.named]) for name in ("shift", "error"))
    reach = search.critical * errors
    total = float(family.sum_of("weight")[0])
    return SmallTable(
        {
            "segment": [name_of(family.boxes[number], cut) for number in numbers.tolist()],
            **figures,
            "difference": (np.array(figures["observed"]) - np.array(figures["predicted"])).tolist(),
            "difference_low": low.tolist(),
            "difference_high": high.tolist(),
            "difference_beyond": [each.difference for each in search.named],
            "shift": shifts.tolist(),
            "shift_low": (shifts - reach).tolist(),
            "shift_high": (shifts + reach).tolist(),
            "gain_nats": [each.gain / total for each in search.named],
            "z": [each.z for each in search.named],
            "p_value": [each.p_value for each in search.named],
        }
    )


def figures_of(family: Family, numbers: Array) -> dict[str, list[float]]:
    """Rows, share of the weight, log loss, its share of the total, observed and predicted rate of some segments."""
    own = {name: family.sum_of(name)[numbers] for name in ("rows", "weight", "observed", "score", "expected")}
    weight, losses = float(family.sum_of("weight")[0]), finite_or_infinite(family)
    own["loss"] = losses[numbers]
    # Of an infinite loss nothing is a share.
    shares = own["loss"] / losses[0] if 0 < losses[0] < math.inf else np.full(len(numbers), math.nan)
    return {
        "rows": own["rows"].astype(np.int64).tolist(),
        "share": (own["weight"] / weight).tolist(),
        "log_loss_nats": (own["loss"] / own["weight"]).tolist(),
        "expected_nats": (own["expected"] / own["weight"]).tolist(),
        "loss_share": shares.tolist(),
        "predicted": ((own["observed"] - own["score"]) / own["weight"]).tolist(),
        "observed": (own["observed"] / own["weight"]).tolist(),
    }


def finite_or_infinite(family: Family) -> Array:
    """The sum of weighted losses of each segment; inf where one is."""
    return np.where(family.sum_of("infinite") > 0, math.inf, family.sum_of("loss"))


def _rate_interval(family: Family, numbers: Array, critical: float) -> tuple[Array, Array]:
    """Simultaneous intervals of observed minus predicted rate; clusters make all variances larger."""
    names = ("score", "weight", "variance", "observed")
    score, weight, variance, observed = (family.sum_of(name)[numbers] for name in names)
    predicted = (observed - score) / weight
    return score_interval(score, weight, variance * family.inflation[numbers], predicted, critical)


def high_losses_table(family: Family, *, has_clusters: bool) -> SmallTable:
    """Ranges of single columns whose log loss is above that of all rows, by what they add to it; those apart.

    Contribution: share × (log loss of the segment − log loss of all rows); intervals hold for all ranges together.
    """
    singles = np.array([n for n, box in enumerate(family.boxes) if box.column >= 0 and box.other < 0], np.int64)
    contribution, error = _contributions(family, singles)
    level = 0.95 ** (1 / max(len(singles), 1))
    reach = (math.nan if has_clusters else normal_quantile(level)) * error
    is_high = contribution > (0.0 if has_clusters else reach)
    kept: list[int] = []
    for place in np.argsort(-contribution, kind="stable").tolist():
        box = family.boxes[singles[place]]
        if not is_high[place] or len(kept) == MOST_HIGH:
            continue
        if not any(_share_rows(box, family.boxes[singles[other]]) for other in kept):
            kept.append(place)
    chosen = np.array(kept, np.int64)
    return SmallTable(
        {
            "segment": [name_of(family.boxes[number], family.cut) for number in singles[chosen].tolist()],
            **figures_of(family, singles[chosen]),
            "contribution_nats": contribution[chosen].tolist(),
            "contribution_nats_low": (contribution - reach)[chosen].tolist(),
            "contribution_nats_high": (contribution + reach)[chosen].tolist(),
        }
    )


def _contributions(family: Family, numbers: Array) -> tuple[Array, Array]:
    """(What each segment adds to the log loss by being above that of all rows, its standard error)."""
    loss, weight = finite_or_infinite(family), family.sum_of("weight")
    mean = loss[0] / weight[0]
    if not math.isfinite(mean):
        nothing = np.full(len(numbers), math.nan)
        return nothing, nothing
    squares = family.sum_of("loss_squared") - 2 * mean * family.sum_of("loss_by_weight")
    squares += mean**2 * family.sum_of("weight_squared")
    share = weight[numbers] / weight[0]
    # Influences w(l − mean)(1 − share) inside, and −w(l − mean)·share outside.
    variance = (1 - 2 * share) * squares[numbers] + share**2 * squares[0]
    return (loss[numbers] - mean * weight[numbers]) / weight[0], np.sqrt(np.maximum(variance, 0.0)) / weight[0]


def _share_rows(a: Box, b: Box) -> bool:
    """Whether two ranges of one column overlap."""
    return a.column == b.column and a.first < b.last and b.first < a.last
