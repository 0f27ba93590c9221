"""diff(): two measurements, and what has moved the loss from one to the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from logloss.answers.estimate import Estimate, student_quantile
from logloss.difference.answer import LEAST_RATE, ROUNDING, Difference
from logloss.difference.mix import groups_of, psi_of
from logloss.errors import DataError
from logloss.inference.moments import dot, moments_of
from logloss.inference.recalibration import Recalibration, finite
from logloss.inference.score_table import spread_of
from logloss.inference.variance import cluster_deviations, clustered
from logloss.measurement import Measurement


def diff(old: Measurement, new: Measurement) -> Difference:
    """Say why the log loss of a forecaster moved between two measurements.

    Parameters
    ----------
    old, new : Measurement
        Of other rows each, measured the same way.

    Returns
    -------
    Difference
        Printable; every figure an attribute.

    Raises
    ------
    DataError
        If the two do not have the same positive class.

    Notes
    -----
    Cost: some ms; no rows are read. Two that share a part of their rows have no intervals.

    Examples
    --------
    >>> import logloss
    >>> old = logloss.measure([1, 0, 1, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
    >>> new = logloss.measure([1, 0, 0, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
    >>> print(repr(logloss.diff(old, new)).splitlines()[0])
    log loss 0.33754 → 0.43891: up 0.10137 [0.0326, 0.1746]
    """
    for given in (old, new):
        if not isinstance(given, Measurement):
            raise DataError(
                f"diff() takes two measurements; got {type(given).__name__}. Read a file with logloss.load first."
            )
    before, after = old, new
    mine, theirs = before.question.positive_value, after.question.positive_value
    if mine != theirs:
        raise DataError(
            f"the two must have the same positive class: the old one has {before.positive}, the new one "
            f"{after.positive}."
        )
    parts = _Parts(before), _Parts(after)
    is_paired = before.cluster != () and before.cluster == after.cluster
    moves = _paired(*parts) if is_paired else {name: _move(parts, name) for name in NAMES}
    groups = groups_of(before, after)
    if len(np.intersect1d(before.parts.hashes, after.parts.hashes)):
        reason = "the two share rows"
        moves = {name: Estimate(move, reason=reason) for name, move in moves.items()}
        groups = None if groups is None else groups.without_intervals(reason)
    impossible = _impossible(before.n_infinite, after.n_infinite)
    total = moves["log_loss"]
    if impossible:
        total = Estimate(impossible, reason="infinite")
    psi, psi_reason = psi_of(before, after)
    return Difference(
        old=before,
        new=after,
        log_loss=total,
        uncertainty=moves["uncertainty"],
        discrimination=moves["discrimination"],
        miscalibration=moves["miscalibration"],
        miscalibration_by_chance=after.miscalibration.by_chance - before.miscalibration.by_chance,
        impossible=impossible,
        mix=None if groups is None else groups.mix,
        within=None if groups is None else groups.within,
        groups=None if groups is None else groups.table,
        psi=psi,
        psi_reason=psi_reason,
        is_paired=is_paired,
        notes=tuple(dict.fromkeys((*before.notes, *after.notes))),
    )


NAMES = ("log_loss", "uncertainty", "discrimination", "miscalibration")


def _impossible(before: int, after: int) -> float:
    """What rows of probability 0 add to the move."""
    if before and after:
        return math.nan
    return math.inf if after else (-math.inf if before else 0.0)


class _Parts:
    """The parts of one loss as plain figures; impossible rows cost 0."""

    def __init__(self, measured: Measurement) -> None:
        from logloss.onepass.kernels.exact import ratio

        summary = measured.summary
        self.measured = measured
        loss = ratio(summary.sum("c"), summary.sum("w"))
        recalibrated = measured.uncertainty - measured.discrimination
        self.values = {
            "log_loss": loss,
            "uncertainty": float(measured.uncertainty),
            "discrimination": float(measured.discrimination),
            "miscalibration": loss - recalibrated,
        }


def _move(parts: tuple[_Parts, _Parts], name: str) -> Estimate:
    """New less old of independent samples: the ends of both intervals put together."""
    old, new = (getattr(each.measured, name) for each in parts)
    before, after = (each.values[name] for each in parts)
    value = after - before
    reason = new.reason or old.reason
    if not (old.has_interval and new.has_interval):
        return Estimate(value, reason=reason)
    low = value - math.hypot(after - new.low, old.high - before)
    return Estimate(value, low, value + math.hypot(new.high - after, before - old.low))


def _paired(before: _Parts, after: _Parts) -> dict[str, Estimate]:
    """New less old where clusters may occur in both: what each cluster adds to the new mean less what to the old."""
    from logloss.onepass.summaries.group_keys import coarser

    values = {name: after.values[name] - before.values[name] for name in NAMES}
    measured = before.measured, after.measured
    for each in measured:
        if not each.log_loss.has_interval:
            return {name: Estimate(value, reason=each.log_loss.reason) for name, value in values.items()}
    clusters = [each.summary.clusters for each in measured]
    level = coarser(*(None if each is None else each.level for each in clusters))
    clusters = [None if each is None else each.coarsened(level) for each in clusters]
    deviations = [_deviations(each, of) for each, of in zip(measured, clusters, strict=True)]
    places: dict[int, int] = {}
    numbers = []
    for of in clusters:
        names = () if of is None else of.names
        numbers.append(np.array([places.setdefault(name, len(places)) for name in names], np.int64))
    n_clusters = len(places)
    found = {}
    for name, value in values.items():
        added = np.zeros(n_clusters)
        np.add.at(added, numbers[1], deviations[1][name])
        np.add.at(added, numbers[0], -deviations[0][name])
        error = math.sqrt(dot(added, added) * n_clusters / max(n_clusters - 1, 1))
        width = student_quantile(n_clusters - 1) * error
        found[name] = Estimate(value, value - width, value + width)
    return found


def _deviations(measured: Measurement, clusters: Any) -> dict[str, Any]:
    """What each cluster adds to each part beyond its share."""
    spread = spread_of(measured.summary.scores)
    moments = clustered(moments_of(measured.summary, spread), clusters)
    recalibration = Recalibration(spread)
    of_zeros, of_ones = recalibration.costs
    # A class that weighs next to nothing is there all the same.
    rate = min(max(recalibration.positive / recalibration.total, LEAST_RATE), 1 - ROUNDING)
    base = -math.log1p(-rate), -math.log(rate)
    columns = {
        "uncertainty": (np.full(len(of_zeros), base[0]), np.full(len(of_ones), base[1])),
        "discrimination": (base[0] - of_zeros, base[1] - of_ones),
        "miscalibration": (finite(spread.if_zero) - of_zeros, finite(spread.if_one) - of_ones),
    }
    means = {
        "uncertainty": float(measured.uncertainty),
        "discrimination": float(measured.discrimination),
        "miscalibration": float(measured.miscalibration),
    }
    found = {"log_loss": moments.deviations("c")}
    for name, (zeros, ones) in columns.items():
        found[name] = cluster_deviations(clusters, zeros - means[name], ones - means[name], spread)
    return found
