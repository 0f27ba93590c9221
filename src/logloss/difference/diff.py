"""diff(): the change in log loss between two measurements, decomposed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from logloss.answers.estimate import INFINITE, Estimate, SamplingError, with_interval
from logloss.data.values import Array
from logloss.difference.answer import Difference
from logloss.difference.labels_arrived import SAME_ROWS, labels_arrived
from logloss.difference.mix import groups_of, psi_of
from logloss.errors import DataError
from logloss.inference.moments import moments_of
from logloss.inference.overfitting import overfitting_of
from logloss.inference.score_table import dot, score_table_of
from logloss.inference.variance import cluster_deviations, clustered
from logloss.measurement import Measurement
from logloss.onepass.kernels.exact import ratio
from logloss.onepass.summaries import GroupedSummary
from logloss.onepass.summaries.group_keys import coarser

# Parts that come from the isotonic fit.
ISOTONIC_PARTS = ("discrimination", "miscalibration")


def diff(old: Measurement, new: Measurement) -> Difference:
    """Change in log loss between two measurements of a forecaster, decomposed; new minus old, in nats per row.

    Parameters
    ----------
    old, new : Measurement
        Measurements of different rows with the same positive class.

    Returns
    -------
    Difference
        Prints as a table; every figure is an attribute.

    Raises
    ------
    DataError
        If either is not a `Measurement` (`load` reads saved ones), or the two have different positive classes.

    Notes
    -----
    Cost: some ms; no rows are read. If the two share rows there are no intervals. Where all rows that had no label in
    the old measurement have one in the new, `labels_arrived` has what was expected of them beside what was observed.
    Discrimination and miscalibration are corrected for the overfitting of their isotonic fits, which is larger with
    fewer rows, so that samples of different size from one population do not differ on average (docs/inference.md).

    References
    ----------
    Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
    Statistics in Medicine 27(10), 1693-1702. doi:10.1002/sim.3095

    Examples
    --------
    >>> import logloss
    >>> old = logloss.measure([1, 0, 1, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
    >>> new = logloss.measure([1, 0, 0, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
    >>> print(repr(logloss.diff(old, new)).splitlines()[0])
    log loss 0.33754 → 0.43891: +0.10137 (95% CI 0.0326–0.1746)
    """
    _check(old, new)
    is_paired = old.cluster != () and old.cluster == new.cluster
    overfitting = _overfitting(old, new)
    before, after = (_finite_parts(each, own) for each, own in zip((old, new), overfitting, strict=True))
    if is_paired:
        changes = _paired(old, new, {name: after[name] - before[name] for name in before})
    else:
        mine, theirs = _parts(old), _parts(new)
        changes = {name: _change(mine[name], theirs[name], before[name], after[name]) for name in before}
    groups = groups_of(old, new, is_paired=is_paired)
    arrived = labels_arrived(old, new)
    # Parts are hashes of what was read: with shared rows the two are not independent.
    is_again = arrived is not None and arrived.has_all_rows
    if is_again or len(np.intersect1d(old.parts.hashes, new.parts.hashes)):
        reason = SAME_ROWS if is_again else "the two share rows"
        changes = {name: Estimate(change, reason=reason) for name, change in changes.items()}
        if groups is not None:
            composition = Estimate(groups.composition_effect, reason=reason)
            within = Estimate(groups.within_group_effect, reason=reason)
            groups = replace(groups, composition_effect=composition, within_group_effect=within)
    infinite_losses = math.inf if new.n_infinite else (-math.inf if old.n_infinite else 0.0)
    if old.n_infinite and new.n_infinite:
        infinite_losses = math.nan
    total = Estimate(infinite_losses, reason=INFINITE) if infinite_losses else changes["log_loss"]
    psi, psi_reason = psi_of(old, new)
    return Difference(
        old=old,
        new=new,
        log_loss=total,
        uncertainty=changes["uncertainty"],
        discrimination=changes["discrimination"],
        miscalibration=changes["miscalibration"],
        overfitting=new.discrimination.overfitting - old.discrimination.overfitting,
        infinite_losses=infinite_losses,
        composition_effect=None if groups is None else groups.composition_effect,
        within_group_effect=None if groups is None else groups.within_group_effect,
        groups=None if groups is None else groups.table,
        psi=psi,
        psi_reason=psi_reason,
        is_paired=is_paired,
        labels_arrived=arrived,
        cautions=_cautions(old, new),
        notes=tuple(dict.fromkeys((*old.notes, *new.notes))),
    )


def _cautions(old: Measurement, new: Measurement) -> tuple[str, ...]:
    """The cautions of both."""
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
    """Overfitting of the isotonic fits of both; 0 where it is not available of both."""
    overfitting = old.discrimination.overfitting, new.discrimination.overfitting
    return (0.0, 0.0) if any(map(math.isnan, overfitting)) else overfitting


def _finite_parts(measured: Measurement, overfitting: float) -> dict[str, float]:
    """The loss and its parts as plain figures, those of the isotonic fit corrected for overfitting."""
    summary = measured.summary
    # Rows of infinite loss count as 0 here and are reported separately, so that the rest stays finite.
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


def _change(old: Estimate, new: Estimate, before: float, after: float) -> Estimate:
    """New minus old of independent samples, with the interval of Zou and Donner."""
    value = after - before
    if not (old.has_interval and new.has_interval):
        return Estimate(value, reason=new.reason or old.reason)
    # From the ends of both intervals, each of which may be skew (Zou and Donner 2008).
    low = value - math.hypot(after - new.low, old.high - before)
    return Estimate(value, low, value + math.hypot(new.high - after, before - old.low))


def _paired(old: Measurement, new: Measurement, values: dict[str, float]) -> dict[str, Estimate]:
    """The changes where clusters may occur in both: contribution of each to the new mean minus that to the old."""
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
    changes = {}
    for name, value in values.items():
        reason = next((each.reasons[name] for each in sides if name in each.reasons), "")
        if reason:
            changes[name] = Estimate(value, reason=reason)
            continue
        # A cluster of both sides changes both losses: its two contributions are subtracted before squaring.
        added = np.zeros(len(places))
        np.add.at(added, numbers[1], sides[1].left_out[name])
        np.add.at(added, numbers[0], -sides[0].left_out[name])
        own = (each.own_error if name in ISOTONIC_PARTS else 0.0 for each in sides)
        error = math.hypot(math.sqrt(dot(added, added)), *own)
        # Of the side with fewer effective clusters: Welch's degrees are never fewer.
        changes[name] = with_interval(value, SamplingError(error, min(each.degrees for each in sides)))
    return changes


@dataclass(frozen=True, slots=True)
class _Side:
    """One of two measurements by the same clusters. left_out: change of each part if each cluster is left out;
    reasons: why it is not available; own_error: contribution of overfitting to the errors of the isotonic parts."""

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
        # The entropy of the base rate changes by its slope.
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
