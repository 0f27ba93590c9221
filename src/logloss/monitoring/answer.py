"""What watch() returns: the periods of a run, whether and when something changed, and what."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from logloss.answers.answer import Answer
from logloss.answers.figures import jsonable, put
from logloss.answers.small_table import SmallTable
from logloss.difference import Difference
from logloss.monitoring.period_figures import STATISTICS


@dataclass(frozen=True, slots=True, repr=False)
class Monitoring(Answer):
    """A run of periods of one forecaster, watched for a change; made by `watch`, immutable. Losses in nats per row.

    Attributes
    ----------
    alarm : bool
        Whether a change was detected: with probability 1 − alpha this never happens while nothing changes.
    alarm_period, alarm_statistic : str
        The first period after which it was, and by which statistic: "shift" (more or fewer positives than expected
        given the predictions), "slope" (outcomes depend more or less on the predictions), "loss" (the mean loss, which
        also changes with the mix of predictions); "" without an alarm.
    alarm_direction : str
        Whether this statistic is "higher" or "lower" since the change; "" without an alarm.
    change_period : str
        The likeliest first period of the change; "" without an alarm.
    change : Difference or None
        The change in log loss from all periods before that to the periods since, up to the alarm, decomposed.
    periods : SmallTable
        One row for each period: `period`, `rows`, `is_reference`, `log_loss_nats` with `_low` and `_high`,
        `expected_log_loss_nats` and `expected_base_rate` (given its predictions, if nothing has changed),
        `uncertainty_nats`, `discrimination_nats`, `miscalibration_nats` (isotonic, not corrected for overfitting),
        `base_rate`, `mean_proba`, `share_unlabelled`, `n_infinite`, and of each statistic `log_e_<statistic>`, the
        logarithm of its e-value after the period; nan in the reference, and where too few rows have come in.
    log_limit : float
        Logarithm of the e-value at which there is an alarm: log(3 / alpha).
    log_e_values : dict of float
        Logarithm of the e-value of each statistic after the last period.
    n_periods, n_reference : int
        Periods, and how many of them are the reference.
    n_waiting : int
        The last periods, whose rows are still too few to be looked at.
    alpha, within : float, str
        Probability of a false alarm in the whole run; how rows of a period may depend on each other.
    reason : str
        Why no change can be detected; "" if one can.
    source, positive : str
        Where the periods are from; the positive class.

    Examples
    --------
    >>> import logloss, numpy as np
    >>> random = np.random.default_rng(1)
    >>> def week(number, shift):
    ...     z = random.normal(size=500)
    ...     y = random.random(500) < 1 / (1 + np.exp(-z - shift))
    ...     return logloss.measure(y, 1 / (1 + np.exp(-z)))
    >>> run = logloss.watch([week(number, 0.8 if number > 12 else 0.0) for number in range(20)])
    >>> run.alarm, run.change_period
    (True, '14')
    """

    kind: ClassVar[str] = "monitoring"
    alarm: bool
    alarm_period: str
    alarm_statistic: str
    alarm_direction: str
    change_period: str
    change: Difference | None
    periods: SmallTable
    log_limit: float
    log_e_values: dict[str, float]
    n_periods: int
    n_reference: int
    n_waiting: int
    alpha: float
    within: str
    reason: str
    source: str
    positive: str
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All figures as a flat JSON-ready dict, units in the names; `alarm` is 0 or 1.

        Examples
        --------
        >>> import logloss
        >>> day = [logloss.measure([1, 0] * 50, [0.8, 0.4] * 50, name=name) for name in ("monday", "tuesday")]
        >>> logloss.watch(day).to_dict()["alarm"]
        0
        """
        figures: dict[str, Any] = {"schema": 1, "source": self.source, "positive": self.positive}
        figures |= {"alarm": int(self.alarm), "alarm_period": self.alarm_period or None}
        figures |= {"alarm_statistic": self.alarm_statistic or None, "alarm_direction": self.alarm_direction or None}
        figures["change_period"] = self.change_period or None
        figures |= {"n_periods": self.n_periods, "n_reference": self.n_reference, "n_waiting": self.n_waiting}
        last = self.periods[-1]
        for name in ("log_loss_nats", "expected_log_loss_nats", "base_rate", "expected_base_rate", "share_unlabelled"):
            put(figures, f"last_{name}", last[name], "not available")
        figures["n_infinite"] = sum(self.periods["n_infinite"])
        for name in STATISTICS:
            put(
                figures,
                f"log_e_{name}",
                self.log_e_values.get(name, math.nan),
                self.reason or "no period was looked at",
            )
        figures |= {"log_limit": self.log_limit, "alpha": self.alpha, "within": self.within}
        if self.reason:
            figures["reason"] = self.reason
        if self.change is not None:
            changes = self.change.to_dict()
            figures |= {name: value for name, value in changes.items() if "_change_nats" in name or name == "psi"}
        figures["periods"] = [jsonable(row) for row in self.periods]
        return figures | {"notes": list(self.notes)}
