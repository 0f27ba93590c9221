"""The reliability diagram of a measurement without bins, its bands, and the loss concentration.

The calibration curve is the isotonic recalibration (pool-adjacent-violators). It has two bands. The consistency band
lies about the diagonal: at each prediction, it contains the curve of 95% of samples with perfectly calibrated
predictions of the same values. The confidence band contains the whole true curve in 95% of samples, if the true event
rate rises with the prediction: every run of neighbouring cells bounds the rates above and below it (Clopper and
Pearson's limits, which also hold for unequal probabilities: Hoeffding, 1956), at a level shared among all runs.

References: Dimitriadis, Gneiting and Jordan (2021), doi:10.1073/pnas.2016191118; Dimitriadis, Dümbgen, Henzi, Puke and
Ziegel (2023), doi:10.1093/biomet/asac068; Hoeffding (1956), doi:10.1214/aoms/1177728178.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from logloss.answers.estimate import CONFIDENCE
from logloss.answers.small_table import SmallTable
from logloss.data.values import Array
from logloss.inference.ranking import LossConcentration
from logloss.inference.recalibration import Recalibration, isotonic_shares
from logloss.inference.score_table import effective_rows, score_table_of, starts_of_runs

if TYPE_CHECKING:
    from logloss.measurement import Measurement

N_DRAWS = 200
# Cells of the confidence band, points of a band: a band is a picture, not a figure.
N_CELLS, N_POINTS = 64, 64
# Integers that all masses add up to about; products of them stay below 2^62 in kernels.
WHOLE = 1 << 50
# Shares of the rows at which the share of the loss is listed.
PARTS = tuple(k / 1000 for k in (0, 1, 2, 5, *range(10, 100, 5), *range(100, 300, 10), *range(300, 1001, 20)))


def isotonic_curve(m: Measurement) -> SmallTable:
    """The calibration curve: lowest and highest prediction of each pool, its share of the weight, its event rate."""
    fit = Recalibration(score_table_of(m.summary.scores))
    proba = fit.table.points.proba
    # Pools are neighbours: each begins where the one before it ends.
    first = np.concatenate([[0], fit.last[:-1] + 1])
    return SmallTable(
        {
            "lowest": proba[first].tolist(),
            "highest": proba[fit.last].tolist(),
            "share": (fit.rows / fit.total).astype(np.float64).tolist(),
            "rate": (fit.ones / fit.rows).astype(np.float64).tolist(),
        }
    )


def why_no_bands(m: Measurement) -> str:
    """Why there are no bands; "" if there are."""
    if m.cluster:
        return "rows of a cluster depend on each other"
    return "soft labels" if m.is_soft else ""


def consistency_band(m: Measurement) -> SmallTable:
    """The consistency band at some predictions, and the calibration curve there."""
    runs = score_table_of(m.summary.scores).runs
    proba, mass = runs.proba, runs.mass
    whole = np.maximum(np.rint(mass / mass.sum() * WHOLE), 1).astype(np.int64)
    at = _points(proba, mass)
    # A seed of the number of rows: a page that is made twice is the same page.
    ones = np.rint(runs.drawn(proba, m.n_rows, N_DRAWS) * whole).astype(np.int64)
    drawn = np.array([isotonic_shares(each, whole)[at] for each in ones])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    curve = isotonic_shares(np.rint(runs.ones / mass * whole).astype(np.int64), whole)[at]
    reach = np.add.reduceat(mass, at) / mass.sum()
    columns = {"proba": proba[at], "low": low, "high": high, "rate": curve, "share": reach}
    return SmallTable({name: values.tolist() for name, values in columns.items()})


def confidence_band(m: Measurement) -> SmallTable:
    """The confidence band of the true curve, in steps from each prediction to the next."""
    from scipy.special import betaincinv

    table = score_table_of(m.summary.scores)
    zeros, ones = table.shares
    mass = zeros + ones
    starts = starts_of_runs(mass, 2 * N_CELLS) if len(mass) > N_CELLS else np.arange(len(mass))
    ends = np.append(starts[1:], len(mass)) - 1
    n_cells = len(starts)
    # Bonferroni over n(n + 1) / 2 runs with two ends each.
    level = (1 - CONFIDENCE) / (n_cells * (n_cells + 1))
    is_run = np.tri(n_cells, dtype=bool).T
    cells = (np.add.reduceat(each, starts) for each in (mass, ones, table.squares_of_rows))
    # Added up from each cell on: the difference of two running sums would lose what is light beside what comes before.
    mass_of, ones_of, squares_of = (np.cumsum(np.where(is_run, each, 0.0), axis=1) for each in cells)
    # Weighted rows as so many rows of equal weight, with the share of ones that they have.
    of = effective_rows(mass_of, squares_of)
    positive = np.where(is_run, of * np.clip(ones_of / np.where(is_run, mass_of, 1.0), 0.0, 1.0), 0.0)
    # The quantile at no successes is 0, and at no failures 1.
    some, lacking = positive > 0, of - positive > 0
    low = np.where(some & is_run, betaincinv(np.where(some, positive, 1.0), of - positive + 1, level), 0.0)
    high = np.where(lacking & is_run, betaincinv(positive + 1, np.where(lacking, of - positive, 1.0), 1 - level), 1.0)
    # A lower bound of a run is valid from its last prediction on, an upper bound up to its first.
    lowest = np.maximum.accumulate(low.max(axis=0))
    highest = np.minimum.accumulate(high.min(axis=1)[::-1])[::-1]
    proba = table.points.proba
    return SmallTable(
        {
            "first": proba[starts].tolist(),
            "last": proba[ends].tolist(),
            "low_from_last_on": lowest.tolist(),
            "high_up_to_first": highest.tolist(),
        }
    )


def prediction_histogram(m: Measurement, edges: Sequence[float]) -> SmallTable:
    """Histogram of the predictions: the share of all weight with label 0, and 1, between neighbouring edges."""
    table = score_table_of(m.summary.scores)
    cell = np.clip(np.searchsorted(edges, table.points.proba, side="right") - 1, 0, len(edges) - 2)
    zeros, ones = (np.bincount(cell, share, minlength=len(edges) - 1) for share in table.shares)
    return SmallTable(
        {
            "from": list(edges[:-1]),
            "to": list(edges[1:]),
            "share_of_zeros": zeros.tolist(),
            "share_of_ones": ones.tolist(),
        }
    )


def prediction_quantiles(m: Measurement, shares: Sequence[float]) -> list[float]:
    """Quantiles of the predictions by weight."""
    table = score_table_of(m.summary.scores)
    zeros, ones = table.shares
    cumulative = np.cumsum(zeros + ones)
    at = np.searchsorted(cumulative, np.asarray(shares) * cumulative[-1])
    return table.points.proba[np.minimum(at, len(cumulative) - 1)].tolist()


def loss_concentration(m: Measurement) -> SmallTable:
    """The Lorenz curve: the share of the loss in the top rows, for shares of the rows; hard labels, finite losses."""
    concentration = LossConcentration(score_table_of(m.summary.scores))
    return SmallTable({"share_of_rows": list(PARTS), "share_of_loss": [concentration.share(part) for part in PARTS]})


def _points(proba: Array, mass: Array) -> Array:
    """Places at which a band is drawn: evenly spread over the rows, and over the predictions; with both ends."""
    n = len(proba)
    if n <= N_POINTS:
        return np.arange(n)
    cumulative = np.cumsum(mass)
    of_rows = np.searchsorted(cumulative, np.linspace(0, 1, N_POINTS // 2) * cumulative[-1])
    of_proba = np.searchsorted(proba, np.linspace(proba[0], proba[-1], N_POINTS // 2))
    return np.unique(np.clip(np.concatenate([[0], of_rows, of_proba]), 0, n - 1))
