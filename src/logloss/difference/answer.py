"""What diff() returns: the change in log loss between two measurements, and its decompositions.

Intervals combine those of the two measurements as of independent samples (Zou and Donner 2008, doi:10.1002/sim.3095):
where both are symmetric, variances add. If both were measured with the same cluster columns, clusters that occur in
both are matched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from logloss.answers.answer import Answer
from logloss.answers.estimate import CONFIDENCE, Estimate
from logloss.answers.figures import jsonable, put, put_estimate
from logloss.answers.small_table import SmallTable
from logloss.difference.labels_arrived import LabelsArrived
from logloss.measurement import Measurement


@dataclass(frozen=True, slots=True, repr=False)
class Difference(Answer):
    """Change in log loss between two measurements: made by `diff`, immutable. All figures are new minus old, in nats.

    Attributes
    ----------
    old, new : Measurement
        The two measurements.
    log_loss : Estimate
        Change in log loss per row: uncertainty − discrimination + miscalibration (+ infinite_losses). inf or −inf if
        only one measurement has infinite losses, nan if both have.
    uncertainty, discrimination, miscalibration : Estimate
        Changes of the terms of the decomposition; discrimination and miscalibration are corrected for the overfitting
        of the isotonic fits, which is larger with fewer rows. An infinite loss counts as 0 in miscalibration, the
        weight of its row kept, and is reported as `infinite_losses`.
    overfitting : float
        Change in the overfitting of the isotonic fit; nan, and not corrected for, if not available.
    infinite_losses : float
        Contribution of rows with infinite loss: 0, inf (only in the new), −inf (only in the old), nan (in both).
    composition_effect, within_group_effect : Estimate or None
        If both were measured with the same `by` and `groups`: effect of the changed shares of the groups (mix), and of
        the changed losses within groups. They add up to the change without infinite losses (Kitagawa's decomposition).
        None otherwise, and where there are too many groups.
    groups : SmallTable or None
        Both measurements by group.
    psi, psi_reason : float, str
        Population stability index of the predictions, on ten bins; nan with a reason.
    is_paired : bool
        Whether clusters were matched between the two.
    labels_arrived : LabelsArrived or None
        If all rows without a label in the old measurement have one in the new (which is of these rows, or of all rows
        measured again): their expected log loss and base rate beside the observed ones.
    cautions : tuple of str
        Cautions of the two measurements.

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
    infinite_losses: float
    composition_effect: Estimate | None
    within_group_effect: Estimate | None
    groups: SmallTable | None
    psi: float
    psi_reason: str
    is_paired: bool
    cautions: tuple[str, ...]
    labels_arrived: LabelsArrived | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All figures as a flat JSON-ready dict, units in the names; None where not defined, with `<name>_reason`.

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
        put(figures, "overfitting_change_nats", self.overfitting, "not available of both")
        put(figures, "infinite_losses_change_nats", self.infinite_losses, "both have infinite losses")
        if self.composition_effect is not None and self.within_group_effect is not None and self.groups is not None:
            put_estimate(figures, "composition_effect_nats", self.composition_effect)
            put_estimate(figures, "within_group_effect_nats", self.within_group_effect)
            figures["groups"] = [jsonable(row) for row in self.groups]
        put(figures, "psi", self.psi, self.psi_reason)
        if self.labels_arrived is not None:
            arrived = self.labels_arrived
            figures |= {"n_labels_arrived": arrived.n_rows, "is_within_expected": arrived.is_within}
            put_estimate(figures, "expected_on_arrived_nats", arrived.expected_log_loss)
            put(figures, "log_loss_arrived_nats", arrived.log_loss)
            put_estimate(figures, "expected_base_rate_arrived", arrived.expected_base_rate)
            put(figures, "base_rate_arrived", arrived.base_rate)
        figures |= {"is_paired": self.is_paired, "confidence": CONFIDENCE}
        figures |= {"cautions": list(self.cautions), "notes": list(self.notes)}
        return figures
