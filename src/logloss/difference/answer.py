"""diff(): two measurements, and what of the move is base rate, discrimination, miscalibration, mix and impossible rows.

Intervals are those of the two measurements put together as of independent samples (Zou and Donner 2008,
doi:10.1002/sim.3095): where both are symmetric, variances add. Where both were measured with the same clusters, which
may occur in both, the errors of each cluster are put together first.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.breakdown import cluster_deviations, clustered
from logloss.decomposition import Recalibration, finite
from logloss.difference import words
from logloss.difference.shares import groups_of, psi_of
from logloss.errors import DataError
from logloss.estimates import CONFIDENCE, Estimate, dot, moments_of, student_quantile
from logloss.figures import jsonable, put, put_estimate
from logloss.measurement import Measurement
from logloss.opening import load
from logloss.saved import save_answer
from logloss.smalltable import SmallTable
from logloss.spread import spread_of


@dataclass(frozen=True, slots=True, repr=False)
class Difference:
    """Why a log loss moved: made by `diff`, frozen and complete. Everything is new less old, in nats per row.

    Attributes
    ----------
    old, new : Measurement
        What was compared.
    log_loss : Estimate
        The move: uncertainty − discrimination + miscalibration (+ impossible). inf or −inf where rows that were given
        probability 0 are new, or gone; nan where both have some.
    uncertainty, discrimination, miscalibration : Estimate
        The moves of the three parts. Impossible rows are left out of the miscalibration.
    miscalibration_by_chance : float
        What chance alone shows more of, since the numbers of rows differ; nan where it is not known.
    impossible : float
        What rows that were given probability 0 add: 0 or inf, −inf where they are gone, nan where both have some.
    mix, within : Estimate or None
        Where both have the same groups: what their shares did, and what their losses did. They add up to the move.
    groups : SmallTable or None
        Both, group by group.
    psi : float
        Population stability index of the scores on ten bins; nan with `psi_reason`.
    is_paired : bool
        Whether the same clusters were counted in both.

    Examples
    --------
    >>> import logloss
    >>> old = logloss.measure([1, 0, 1, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
    >>> logloss.diff(old, old).log_loss
    0.0
    """

    old: Measurement
    new: Measurement
    log_loss: Estimate
    uncertainty: Estimate
    discrimination: Estimate
    miscalibration: Estimate
    miscalibration_by_chance: float
    impossible: float
    mix: Estimate | None
    within: Estimate | None
    groups: SmallTable | None
    psi: float
    psi_reason: str
    is_paired: bool
    notes: tuple[str, ...] = ()

    def save(self, path: Any) -> None:
        """Write the figures and the words to a file as JSON, checksummed, whole or not at all; `load` reads them.

        Parameters
        ----------
        path : str or path
            Where to; an older file of that name is replaced.
        """
        save_answer(path, "difference", self)

    def to_dict(self) -> dict[str, Any]:
        """The figures as flat JSON-ready values, units in the names; undefined is None with a reason beside it.

        Examples
        --------
        >>> import logloss
        >>> m = logloss.measure([1, 0], [0.5, 0.5])
        >>> logloss.diff(m, m).to_dict()["psi"]
        0.0
        """
        figures: dict[str, Any] = {"schema": 1, "positive": self.new.positive}
        for side, measured in (("old", self.old), ("new", self.new)):
            figures |= {f"source_{side}": measured.source, f"n_rows_{side}": measured.n_rows}
            figures[f"n_infinite_{side}"] = measured.n_infinite
            put_estimate(figures, f"log_loss_{side}_nats", measured.log_loss)
            put(figures, f"base_rate_{side}", measured.base_rate)
        put_estimate(figures, "log_loss_change_nats", self.log_loss)
        put_estimate(figures, "uncertainty_change_nats", self.uncertainty)
        put_estimate(figures, "discrimination_change_nats", self.discrimination)
        put_estimate(figures, "miscalibration_change_nats", self.miscalibration)
        put(figures, "miscalibration_by_chance_change_nats", self.miscalibration_by_chance, "not known of both")
        put(figures, "impossible_change_nats", self.impossible, "both have impossible rows")
        if self.mix is not None and self.within is not None and self.groups is not None:
            put_estimate(figures, "mix_change_nats", self.mix)
            put_estimate(figures, "within_change_nats", self.within)
            figures["groups"] = [jsonable(row) for row in self.groups]
        put(figures, "psi", self.psi, self.psi_reason)
        figures |= {"is_paired": self.is_paired, "confidence": CONFIDENCE, "notes": list(self.notes)}
        return figures

    def plot(self, kind: str | None = None, ax: Any = None) -> Any:
        """A picture, drawn with matplotlib; its numbers are `logloss.drawing(answer, kind)`.

        Parameters
        ----------
        kind : {"waterfall"}, optional
            From the old loss to the new one, part by part.
        ax : matplotlib.axes.Axes, optional
            Where to draw; if left out, a figure of its own.

        Returns
        -------
        matplotlib.axes.Axes
            `ax.figure.savefig(path)` writes it.
        """
        from logloss.show.plot import plot

        return plot(self, kind, ax)

    def to_html(self, path: Any = None) -> str:
        """The report: one HTML file that needs nothing else; first the answer, then pictures, then tables.

        Parameters
        ----------
        path : str or path, optional
            Where to write it, too.

        Returns
        -------
        str
            The page.
        """
        from logloss.show.report import to_html

        return to_html(self, path)

    def __repr__(self) -> str:
        return words.text_of(self)

    def _repr_html_(self) -> str:
        """The short form for notebooks: sentences and a table, no script."""
        from logloss.show.report import short_html

        return short_html(self)


def diff(old: Any, new: Any) -> Difference:
    """Say why the log loss of a forecaster moved between two measurements.

    Parameters
    ----------
    old, new : Measurement, or path of a summary
        Of other rows each, measured the same way.

    Returns
    -------
    Difference
        Printable; every figure an attribute.

    Raises
    ------
    DataError
        If the two do not have the same positive class.
    SourceNotFound
        If a path names nothing.

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
    before, after = _measured(old), _measured(new)
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


# The least share that a float holds, and the rounding of one that is nearly all.
LEAST_RATE, ROUNDING = 5e-324, 2.0**-53
NAMES = ("log_loss", "uncertainty", "discrimination", "miscalibration")


def _measured(given: Any) -> Measurement:
    """A measurement, or what the file of one holds."""
    if isinstance(given, str | os.PathLike):
        found: Any = load(given)
        given = found
    if not isinstance(given, Measurement):
        raise DataError(f"diff() takes two measurements, or the paths of their files; got {type(given).__name__}.")
    return given


def _impossible(before: int, after: int) -> float:
    """What rows of probability 0 add to the move."""
    if before and after:
        return math.nan
    return math.inf if after else (-math.inf if before else 0.0)


class _Parts:
    """The parts of one loss as plain figures; impossible rows cost 0."""

    def __init__(self, measured: Measurement) -> None:
        from logloss.onepass.exact import ratio

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
    values = {name: after.values[name] - before.values[name] for name in NAMES}
    measured = before.measured, after.measured
    for each in measured:
        if not each.log_loss.has_interval:
            return {name: Estimate(value, reason=each.log_loss.reason) for name, value in values.items()}
    clusters = [each.summary.clusters for each in measured]
    if any(each is not None and each.is_over for each in clusters):
        clusters = [None if each is None else each.bucketed() for each in clusters]
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
