"""Losses of data sets after each round of a trainer, with their intervals; what LightGBM and XGBoost share.

>>> import numpy as np
>>> losses = LossesByRound()
>>> estimate = losses.add(np.array([0.0, 1.0]), np.array([0.25, 0.5]))
>>> losses.end_round(["valid"], 1)
>>> [round(each, 4) for each in losses.history["valid"]]
[0.4904]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from logloss.answers.estimate import Estimate
from logloss.data.request import RowOptions
from logloss.data.values import Array
from logloss.errors import DataError
from logloss.inference.moments import moments_of
from logloss.inference.score_table import score_table_of
from logloss.measurement.record import summarise
from logloss.text import confidence, fixed

NAME = "log_loss"


class LossesByRound:
    """The metric that a trainer calls on each data set after each round, and what it found.

    Parameters
    ----------
    is_logit : bool
        Whether the trainer hands over log-odds instead of probabilities.
    report : callable, optional
        Called with a line of text, as `print` is, for each data set.
    every : int
        Report once in so many rounds.
    """

    def __init__(
        self, *, is_logit: bool = False, report: Callable[[str], object] | None = None, every: int = 1
    ) -> None:
        if every < 1:
            raise DataError(f"`every` must be at least 1 round; got {every}.")
        self.is_logit, self.report, self.every = is_logit, report, every
        self.start()

    def __deepcopy__(self, memo: dict[int, object]) -> LossesByRound:
        """The object itself: LightGBM's classifiers copy their metric, and clones of XGBoost's metric and callback."""
        return self

    def start(self) -> None:
        """Forget what another training left."""
        self.history: dict[str, list[Estimate]] = {}
        self._unnamed: list[Estimate] = []

    def add(self, y_true: Array, forecast: Array, sample_weight: Array | None = None) -> Estimate:
        """Log loss of a data set in this round, with its interval, as `measure` has it; without its other figures."""
        estimate = loss_of(y_true, forecast, sample_weight, is_logit=self.is_logit)
        self._unnamed.append(estimate)
        return estimate

    def end_round(self, names: Sequence[str], number: int) -> None:
        """Give the losses of this round to the data sets, by their names in the order of the calls."""
        if len(self._unnamed) < len(names):
            raise DataError(
                "the metric and the callback must be of one LogLoss: the callback was given losses of data sets that "
                "this object has not measured."
            )
        for name, estimate in zip(names, self._unnamed[-len(names) :] if names else [], strict=True):
            self.history.setdefault(name, []).append(estimate)
            if self.report is not None and number % self.every == 0:
                self.report(f"[{number}] {name}: {loss_text(estimate)}")
        self._unnamed.clear()


def loss_of(y_true: Array, forecast: Array, sample_weight: Array | None, *, is_logit: bool) -> Estimate:
    """The log loss with its interval: that of `measure`, without the draws that its other figures need."""
    if forecast.ndim > 1 and forecast.shape[1] > 2:
        raise DataError(
            f"log loss here is that of two classes; the objective predicts {forecast.shape[1]}. Train it on two."
        )
    if not is_logit and ((forecast < 0) | (forecast > 1)).any():
        raise DataError(
            "the objective must predict probabilities; some predictions are outside [0, 1]. If they are log-odds, as "
            "of an objective of your own: LogLoss(is_logit=True)."
        )
    options = RowOptions(
        y_proba=None if is_logit else forecast, y_logit=forecast if is_logit else None, sample_weight=sample_weight
    )
    summary = summarise(y_true, options).summary
    return moments_of(summary, score_table_of(summary.scores)).log_loss()


def loss_text(estimate: Estimate) -> str:
    """`log loss 0.6191 nats, 95% CI 0.6096–0.6288`, or why there is no interval."""
    ends = f"no CI: {estimate.reason}" if estimate.low != estimate.low else confidence(estimate.low, estimate.high, 4)
    return f"log loss {fixed(estimate, 4)} nats, {ends}"
