"""What the pictures of a run of periods show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from logloss.answers.small_table import SmallTable
from logloss.monitoring import Monitoring
from logloss.monitoring.period_figures import STATISTICS
from logloss.show.drawings.of_difference import waterfall
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_monitoring import period_rows
from logloss.text import fixed, printable

# Most periods that are listed beside a picture.
MOST_LISTED = 60


def loss(m: Monitoring) -> Drawing:
    """The log loss of each period beside the one expected given its predictions."""
    clause = (
        "Points: log loss of each period with its 95% confidence interval. Line: expected given the predictions of the "
        "period, if nothing has changed since the reference (shaded)."
    )
    names = ("log_loss_nats", "log_loss_nats_low", "log_loss_nats_high", "expected_log_loss_nats")
    return _drawing(m, "loss", "Log loss by period", clause, names)


def rates(m: Monitoring) -> Drawing:
    """The observed frequency of each period beside the one expected given its predictions."""
    clause = (
        "Points: observed frequency of each period. Line: expected given its predictions, if nothing has changed since "
        "the reference (shaded). Dashed: mean prediction."
    )
    return _drawing(
        m, "rates", "Predicted and observed by period", clause, ("base_rate", "expected_base_rate", "mean_proba")
    )


def evidence(m: Monitoring) -> Drawing:
    """The logarithms of the e-values after each period, and the limit."""
    title = "Evidence for a change"
    if not m.log_e_values:
        return not_drawn("evidence", title, m.reason or "no period after the reference has enough rows")
    clause = f"Logarithm of the e-value of each statistic after each period; an alarm is at {fixed(m.log_limit, 1)}."
    return _drawing(m, "evidence", title, clause, tuple(f"log_e_{name}" for name in STATISTICS))


def change(m: Monitoring) -> Drawing:
    """What changed, as the picture of a difference."""
    title = "Contributions to the change in log loss"
    return not_drawn("change", title, "there is no alarm") if m.change is None else waterfall(m.change)


def _drawing(m: Monitoring, kind: str, title: str, clause: str, names: Sequence[str]) -> Drawing:
    """Some columns of the periods, numbered from 1; the reference, the change and the alarm as numbers of periods."""
    periods = m.periods["period"]
    columns: dict[str, Sequence[Any]] = {
        "number": [number + 1 for number in range(m.n_periods)],
        "period": list(map(printable, periods)),
    }
    columns |= {name: m.periods[name] for name in names}
    figures = {"n_reference": m.n_reference, "log_limit": m.log_limit}
    figures["change_at"] = periods.index(m.change_period) + 1 if m.alarm else math.nan
    figures["alarm_at"] = periods.index(m.alarm_period) + 1 if m.alarm else math.nan
    rows, _ = period_rows(m, MOST_LISTED)
    return Drawing(kind, title, clause, {"periods": SmallTable(columns)}, figures, rows)


KINDS = {"loss": loss, "rates": rates, "evidence": evidence, "waterfall": change}


def kinds(m: Monitoring) -> list[str]:
    """The pictures of a run; the first one is drawn if none is named."""
    return ["loss", "rates", "evidence", *(["waterfall"] if m.alarm else [])]
