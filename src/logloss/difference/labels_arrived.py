"""What was expected of rows without a label beside what was observed, once their labels are known.

The new measurement is of the very rows: those that had no label, or all rows measured again. That they are the same is
seen from their scores, which must be equal one by one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from logloss.answers.estimate import Estimate
from logloss.answers.small_table import SmallTable
from logloss.measurement import Measurement
from logloss.onepass.kernels.exact import ratio
from logloss.onepass.summaries import LossSummary, ScoreSummary

SAME_ROWS = "the new measurement is of the same rows, with more labels"


@dataclass(frozen=True, slots=True)
class LabelsArrived:
    """Expected and observed figures of rows whose labels have arrived.

    Attributes
    ----------
    n_rows : int
        Rows that had no label in the old measurement and have one in the new.
    expected_log_loss, expected_base_rate : Estimate
        As the old measurement had them: `expected_on_unlabelled` and `base_rate_unlabelled`.
    log_loss, base_rate : float
        As observed, in nats per row and in [0, 1].
    is_within : bool
        Whether the observed log loss lies in the 95% interval of the expected one. If not, P(label | score) of these
        rows is probably not that of the rows that had labels.
    has_all_rows : bool
        Whether the new measurement also has the rows that had labels before.
    """

    n_rows: int
    expected_log_loss: Estimate
    expected_base_rate: Estimate
    log_loss: float
    base_rate: float
    has_all_rows: bool

    @property
    def is_within(self) -> bool:
        """Whether the observed log loss lies in the interval of the expected one."""
        return self.expected_log_loss.low <= self.log_loss <= self.expected_log_loss.high

    @property
    def table(self) -> SmallTable:
        """Expected and observed log loss and base rate, one row each."""
        pairs = ((self.expected_log_loss, self.log_loss), (self.expected_base_rate, self.base_rate))
        return SmallTable(
            {
                "figure": ["log_loss_nats", "base_rate"],
                "expected": [float(expected) for expected, _ in pairs],
                "low": [expected.low for expected, _ in pairs],
                "high": [expected.high for expected, _ in pairs],
                "observed": [observed for _, observed in pairs],
            }
        )


def labels_arrived(old: Measurement, new: Measurement) -> LabelsArrived | None:
    """The rows whose labels have arrived; None unless all that lacked one in the old measurement have one now."""
    before, after = old.summary, new.summary
    late = before.unlabelled
    if old.unlabelled is None or late is None or late.scores is None or new.n_unlabelled != 0:
        return None
    has_all_rows = _has_scores(before, after, before.scores, late.scores)
    if not has_all_rows and not _has_scores(before, after, late.scores):
        return None
    less = before if has_all_rows else LossSummary()
    weight = after.sum("w") - less.sum("w")
    loss = math.inf if after.n_infinite > less.n_infinite else ratio(after.sum("c") - less.sum("c"), weight)
    rate = ratio(after.sum("a") - less.sum("a"), weight)
    return LabelsArrived(
        late.n_rows, old.expected_on_unlabelled, old.base_rate_unlabelled, loss, rate, has_all_rows=has_all_rows
    )


def _has_scores(before: LossSummary, after: LossSummary, *parts: ScoreSummary) -> bool:
    """Whether the rows of the later summary have exactly the scores of these."""
    if before.scores.scale != after.scores.scale:
        return False
    expected = ScoreSummary()
    for part in parts:
        expected = expected.merge(part)
    found = after.scores
    if expected.is_binned != found.is_binned:
        return False
    return _weights(expected) == _weights(found)


def _weights(scores: ScoreSummary) -> tuple[object, ...]:
    """How many rows there are at each score, and what they weigh."""
    counts, masses = scores.counts, scores.masses
    rows = counts.counts[:, :2].sum(axis=1).tolist()
    # In units of 2^(32·first), which may differ: as fractions of one unit.
    weights = [Fraction(weight) * Fraction(2) ** (32 * masses.first) for weight in masses.integers(0)]
    return scores.n_rows, counts.keys.tolist(), rows, masses.keys.tolist(), weights
