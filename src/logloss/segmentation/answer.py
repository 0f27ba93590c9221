"""What segments() returns: where predictions are miscalibrated, and where the loss is high."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from logloss.answers.answer import Answer
from logloss.answers.estimate import CONFIDENCE, Estimate
from logloss.answers.figures import json_number, jsonable, put, put_estimate
from logloss.answers.small_table import SmallTable


@dataclass(frozen=True, slots=True, repr=False)
class Segments(Answer):
    """Segments in which predictions are miscalibrated, or lose most; made by `segments`, immutable.

    Attributes
    ----------
    miscalibrated : SmallTable
        The segments whose mean label differs from their mean prediction by more than the whole search explains by
        chance, one at a time: each is told for what it has beyond those above it. Of each: `rows`, `share` of the
        weight, `log_loss_nats`, `expected_nats` (the log loss to expect if its predictions are right), `loss_share` of
        the total loss; `predicted` and `observed` rate, their `difference` (observed minus predicted) with its
        simultaneous 95% interval; `difference_beyond`, the same once those above it are corrected; `shift`, by which
        its log-odds are too low beyond those above it, with its simultaneous interval; `gain_nats`, by how much that
        shift lowers the mean log loss of all rows, less what chance does on average; `z` and `p_value` of the shift,
        adjusted for the whole search.
    high_losses : SmallTable
        Ranges of single columns whose log loss is above that of all rows, by `contribution_nats`, share × (their log
        loss − that of all rows), with simultaneous 95% intervals (none with clusters); those of one column are apart.
        Such a loss may be all that can be had: compare `expected_nats`.
    log_loss : Estimate
        Mean log loss of all rows, in nats.
    n_segments : int
        Segments that were tested: all rows, ranges of columns and pairs of such ranges that hold enough rows.
    critical_z : float
        What the largest |z| of all of them exceeds in 5% of samples if every prediction is right.
    columns : tuple of str
        The columns that were searched; has_pairs: whether pairs of them were.
    n_rows, n_dropped, n_passes : int
        Rows that were read, rows left out by missing="drop", and passes over the rows.
    base_rate, mean_proba : float
        Observed event rate and mean prediction of all rows.
    has_more : bool
        Whether the search ended at `most` segments while others were significant.
    cautions : tuple of str
        What to look at before believing it.

    Examples
    --------
    >>> import logloss
    >>> table = {"y": [0, 1] * 500, "p": [0.5] * 1000, "side": ["left", "right"] * 500}
    >>> found = logloss.segments(table, y_true="y", y_proba="p")
    >>> found.miscalibrated[0]["observed"], found.n_segments
    (0.0, 3)
    """

    kind: ClassVar[str] = "segments"
    miscalibrated: SmallTable
    high_losses: SmallTable
    log_loss: Estimate
    n_segments: int
    critical_z: float
    columns: tuple[str, ...]
    has_pairs: bool
    n_rows: int
    n_dropped: int
    n_passes: int
    base_rate: float
    mean_proba: float
    has_weights: bool
    cluster: tuple[str, ...]
    has_more: bool
    source: str
    positive: str
    cautions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All figures as a flat JSON-ready dict, units in the names; None where not defined, with `<name>_reason`.

        Examples
        --------
        >>> import logloss
        >>> table = {"y": [0, 1] * 500, "p": [0.5] * 1000, "side": ["left", "right"] * 500}
        >>> logloss.segments(table, y_true="y", y_proba="p").to_dict()["n_miscalibrated"]
        2
        """
        figures: dict[str, Any] = {"schema": 1, "source": self.source, "positive": self.positive}
        figures |= {"n_rows": self.n_rows, "n_dropped": self.n_dropped, "n_passes": self.n_passes}
        put_estimate(figures, "log_loss_nats", self.log_loss)
        figures |= {"base_rate": self.base_rate, "mean_proba": self.mean_proba}
        figures |= {"n_columns": len(self.columns), "columns": list(self.columns), "has_pairs": self.has_pairs}
        figures |= {"n_segments": self.n_segments, "critical_z": json_number(self.critical_z)}
        found = self.miscalibrated
        figures |= {"n_miscalibrated": len(found), "has_more": self.has_more}
        put(figures, "gain_nats", sum(found["gain_nats"]))
        put(figures, "smallest_p_value", min(found["p_value"], default=1.0))
        put(figures, "largest_difference", max(map(abs, found["difference"]), default=0.0))
        figures["miscalibrated"] = [jsonable(row) for row in found]
        figures["high_losses"] = [jsonable(row) for row in self.high_losses]
        figures |= {"has_weights": self.has_weights, "cluster": list(self.cluster), "confidence": CONFIDENCE}
        return figures | {"cautions": list(self.cautions), "notes": list(self.notes)}
