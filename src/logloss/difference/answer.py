"""diff(): two measurements, and what of the move is base rate, discrimination, miscalibration, mix and impossible rows.

Intervals are those of the two measurements put together as of independent samples (Zou and Donner 2008,
doi:10.1002/sim.3095): where both are symmetric, variances add. Where both were measured with the same clusters, which
may occur in both, the errors of each cluster are put together first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from logloss.answers.answer import Answer
from logloss.answers.estimate import CONFIDENCE, Estimate
from logloss.answers.figures import jsonable, put, put_estimate
from logloss.answers.small_table import SmallTable
from logloss.measurement import Measurement


@dataclass(frozen=True, slots=True, repr=False)
class Difference(Answer):
    """Why a log loss moved: made by `diff`, frozen and complete. Everything is new less old, in nats per row.

    Attributes
    ----------
    old, new : Measurement
        What was compared.
    log_loss : Estimate
        The move: uncertainty − discrimination + miscalibration (+ impossible). inf or −inf where rows that were given
        probability 0 are new, or gone; nan where both have some.
    uncertainty, discrimination, miscalibration : Estimate
        The moves of the three parts: of discrimination and miscalibration without what the isotonic fits overfit, which
        is more where there are fewer rows. Impossible rows are left out of the miscalibration.
    overfitting : float
        What the new fit overfits more than the old one; nan, and not taken from the parts, where it is not known.
    n_infinite : float
        What rows that were given probability 0 add: 0 or inf, −inf where they are gone, nan where both have some.
    mix, within : Estimate or None
        Where both have the same groups: what their shares did, and what their losses did. They add up to the move.
    groups : SmallTable or None
        Both, group by group.
    psi : float
        Population stability index of the scores on ten bins; nan with `psi_reason`.
    is_paired : bool
        Whether the same clusters were counted in both.
    cautions : tuple of str
        Those of the two measurements.

    Examples
    --------
    >>> import logloss
    >>> old = logloss.measure([1, 0, 1, 1] * 25, [0.8, 0.4, 0.6, 0.9] * 25)
    >>> logloss.diff(old, old).log_loss
    0.0
    """

    kind: ClassVar[str] = "difference"
    old: Measurement
    new: Measurement
    log_loss: Estimate
    uncertainty: Estimate
    discrimination: Estimate
    miscalibration: Estimate
    overfitting: float
    impossible: float
    mix: Estimate | None
    within: Estimate | None
    groups: SmallTable | None
    psi: float
    psi_reason: str
    is_paired: bool
    cautions: tuple[str, ...]
    notes: tuple[str, ...] = ()

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
        put(figures, "overfitting_change_nats", self.overfitting, "not known of both")
        put(figures, "infinite_change_nats", self.impossible, "both have impossible rows")
        if self.mix is not None and self.within is not None and self.groups is not None:
            put_estimate(figures, "mix_change_nats", self.mix)
            put_estimate(figures, "within_change_nats", self.within)
            figures["groups"] = [jsonable(row) for row in self.groups]
        put(figures, "psi", self.psi, self.psi_reason)
        figures |= {"is_paired": self.is_paired, "confidence": CONFIDENCE}
        figures |= {"cautions": list(self.cautions), "notes": list(self.notes)}
        return figures
