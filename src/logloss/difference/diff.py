"""diff(): two measurements, and what has moved the loss from one to the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from logloss.answers.estimate import Estimate, SamplingError, with_interval
from logloss.data.values import Array
from logloss.difference.answer import Difference
from logloss.difference.mix import groups_of, psi_of
from logloss.errors import DataError
from logloss.inference.moments import dot, moments_of
from logloss.inference.overfitting import overfitting_of
from logloss.inference.score_table import score_table_of
from logloss.inference.variance import cluster_deviations, clustered
from logloss.measurement import Measurement
from logloss.onepass.kernels.exact import ratio
from logloss.onepass.summaries import GroupedSummary
from logloss.onepass.summaries.group_keys import coarser

# Parts that come from the isotonic fit.
ISOTONIC_PARTS = ("discrimination", "miscalibration")


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
    Cost: some ms; no rows are read. Two that share a part of their rows have no intervals. Discrimination and
    miscalibration are compared without what their isotonic fits overfit, which is more of fewer rows, so that two sizes
    of one population do not differ (docs/inference.md).

    Examples
    --------
    >>> import logloss
    >>> old = logloss.measure([1, 0, 1, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
    >>> new = logloss.measure([1, 0, 0, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
    >>> print(repr(logloss.diff(old, new)).splitlines()[0])
    log loss 0.33754 → 0.43891: up 0.10137 [0.0326, 0.1746]
    """
    _check(old, new)
    is_paired = old.cluster != () and old.cluster == new.cluster
    overfitting = _overfitting(old, new)
    before, after = (_finite_parts(each, own) for each, own in zip((old, new), overfitting, strict=True))
    if is_paired:
        moves = _paired(old, new, {name: after[name] - before[name] for name in before})
    else:
        mine, theirs = _parts(old), _parts(new)
        moves = {name: _move(mine[name], theirs[name], before[name], after[name]) for name in before}
    groups = groups_of(old, new, is_paired=is_paired)
    # Parts are hashes of what was read: rows of both are no independent evidence of a move.
    if len(np.intersect1d(old.parts.hashes, new.parts.hashes)):
        reason = "the two share rows"
        moves = {name: Estimate(move, reason=reason) for name, move in moves.items()}
        if groups is not None:
            mix, within = Estimate(groups.mix, reason=reason), Estimate(groups.within, reason=reason)
            groups = replace(groups, mix=mix, within=within)
    # What rows of probability 0 add.
    impossible = math.inf if new.n_infinite else (-math.inf if old.n_infinite else 0.0)
    if old.n_infinite and new.n_infinite:
        impossible = math.nan
    total = Estimate(impossible, reason="infinite") if impossible else moves["log_loss"]
    psi, psi_reason = psi_of(old, new)
    return Difference(
        old=old,
        new=new,
        log_loss=total,
        uncertainty=moves["uncertainty"],
        discrimination=moves["discrimination"],
        miscalibration=moves["miscalibration"],
        overfitting=new.discrimination.overfitting - old.discrimination.overfitting,
        impossible=impossible,
        mix=None if groups is None else groups.mix,
        within=None if groups is None else groups.within,
        groups=None if groups is None else groups.table,
        psi=psi,
        psi_reason=psi_reason,
        is_paired=is_paired,
        cautions=_cautions(old, new),
        notes=tuple(dict.fromkeys((*old.notes, *new.notes))),
    )


def _cautions(old: Measurement, new: Measurement) -> tuple[str, ...]:
    """What is to be borne in mind of either."""
    return tuple(f"{name}: {each}" for name, measured in (("old", old), ("new", new)) for each in measured.cautions)


def _check(old: Measurement, new: Measurement) -> None:
    """Refuse what are not two measurements of the same positive class."""
    for given in (old, new):
        if not isinstance(given, Measurement):
            raise DataError(
                f"diff() takes two measurements; got {type(given).__name__}. Read a file with logloss.load first."
            )
    if old.question.positive_value != new.question.positive_value:
        raise DataError(
            f"the two must have the same positive class: the old one has {old.positive}, the new one {new.positive}."
        )


def _overfitting(old: Measurement, new: Measurement) -> tuple[float, float]:
    """What the isotonic fits of both overfit; 0 where it is not known of both."""
    found = old.discrimination.overfitting, new.discrimination.overfitting
    return (0.0, 0.0) if any(map(math.isnan, found)) else found


def _finite_parts(measured: Measurement, overfitting: float) -> dict[str, float]:
    """The loss and its parts as plain figures, those that come from the isotonic fit without what this overfits."""
    summary = measured.summary
    # Impossible rows cost 0 here, and are told of apart: a move of the rest stays a number.
    loss = ratio(summary.sum("c"), summary.sum("w"))
    recalibrated = measured.uncertainty - measured.discrimination
    return {
        "log_loss": loss,
        "uncertainty": float(measured.uncertainty),
        "discrimination": measured.discrimination - overfitting,
        "miscalibration": loss - recalibrated - overfitting,
    }


def _parts(measured: Measurement) -> dict[str, Estimate]:
    """The same with their intervals."""
    excess = {name: getattr(measured, name).excess for name in ("discrimination", "miscalibration")}
    return {"log_loss": measured.log_loss, "uncertainty": measured.uncertainty, **excess}


def _move(old: Estimate, new: Estimate, before: float, after: float) -> Estimate:
    """New less old of independent samples: the ends of both intervals put together."""
    value = after - before
    if not (old.has_interval and new.has_interval):
        return Estimate(value, reason=new.reason or old.reason)
    # From the ends of both intervals, each of which may be skew (Zou and Donner 2008).
    low = value - math.hypot(after - new.low, old.high - before)
    return Estimate(value, low, value + math.hypot(new.high - after, before - old.low))


def _paired(old: Measurement, new: Measurement, values: dict[str, float]) -> dict[str, Estimate]:
    """The moves where clusters may occur in both: what each cluster adds to the new mean less what to the old."""
    measured = old, new
    for each in measured:
        if not each.log_loss.has_interval:
            return {name: Estimate(value, reason=each.log_loss.reason) for name, value in values.items()}
    clusters = [each.summary.clusters for each in measured if each.summary.clusters is not None]
    # Names can be matched only where both sides have the same kind: clusters, or buckets of them.
    level = coarser(*(each.level for each in clusters))
    clusters = [each.coarsened(level) for each in clusters]
    sides = [_Side.of(each, of) for each, of in zip(measured, clusters, strict=True)]
    places: dict[int, int] = {}
    numbers = [np.array([places.setdefault(name, len(places)) for name in of.names], np.int64) for of in clusters]
    moves = {}
    for name, value in values.items():
        reason = next((each.reasons[name] for each in sides if name in each.reasons), "")
        if reason:
            moves[name] = Estimate(value, reason=reason)
            continue
        # A cluster of both sides moves both losses: what it adds to the one is taken from the other before squaring.
        added = np.zeros(len(places))
        np.add.at(added, numbers[1], sides[1].left_out[name])
        np.add.at(added, numbers[0], -sides[0].left_out[name])
        own = (each.own_error if name in ISOTONIC_PARTS else 0.0 for each in sides)
        error = math.hypot(math.sqrt(dot(added, added)), *own)
        # Of the side with fewer effective clusters: Welch's degrees are never fewer.
        moves[name] = with_interval(value, SamplingError(error, min(each.degrees for each in sides)))
    return moves


@dataclass(frozen=True, slots=True)
class _Side:
    """One of two measurements by the same clusters. left_out: how far each part moves where each cluster is left out;
    reasons: why there is no such thing; own_error: what overfitting adds to the errors of the isotonic parts."""

    left_out: dict[str, Array]
    reasons: dict[str, str]
    own_error: float
    degrees: float

    @classmethod
    def of(cls, measured: Measurement, clusters: GroupedSummary) -> _Side:
        """Of a measurement; clusters: at the level of both."""
        summary = measured.summary
        table = score_table_of(summary.scores)
        moments = clustered(moments_of(summary, table), clusters)
        # The entropy of the base rate moves by its slope.
        deviations = {"log_loss": moments.deviations("c"), "uncertainty": moments.slope() * moments.deviations("a")}
        overfitting = overfitting_of(table, clusters, is_soft=summary.is_soft)
        reasons = {}
        for name in ISOTONIC_PARTS:
            if overfitting.influences is None:
                reasons[name] = overfitting.reason
                continue
            zeros, ones = getattr(overfitting.influences, name)
            mean = overfitting.mean_of(name)
            deviations[name] = cluster_deviations(clusters, zeros - mean, ones - mean, table)
        left_out = {name: moments.clusters.jackknifed(each) for name, each in deviations.items()}
        return cls(left_out, reasons, overfitting.error, moments.degrees)
