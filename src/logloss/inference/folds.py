"""Cross-validation: what the loss of out-of-fold probabilities estimates, and how it varies with the training rows.

Each fold is predicted by a model that was trained on the other folds. The models share most of their rows, so that the
losses of rows depend on each other. A plain interval of their mean ignores that; the correction is made here, from sums
by fold.

References
----------
Nadeau, C. and Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52, 239-281.
doi:10.1023/A:1024068626366

Bates, S., Hastie, T. and Tibshirani, R. (2024). Cross-validation: what does it estimate and how well does it do it?
J. Am. Stat. Assoc. 119(546), 1434-1445. doi:10.1080/01621459.2023.2197686
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from logloss.answers.estimate import INFINITE, Estimate, SamplingError, welch_degrees, with_interval
from logloss.data.values import Array
from logloss.inference.moments import Moments
from logloss.text import count, counted

INFINITE_WITHOUT = "infinite where two folds are left out"


@dataclass(frozen=True, slots=True, repr=False)
class Folds:
    """Folds of rows, and the losses of one forecaster's models in them.

    n_folds; n_rows: rows that are in a fold; n_train: mean number of training rows of a model; n_left_out: rows in no
    fold.
    is_forward: whether no two models predict training rows of each other, as where folds follow each other in time.
    shares, losses: of each fold, its share of the weight and its mean loss, in nats.
    moves, noises: for each fold, the change of the mean loss of the other folds' rows where their models are trained
    without the rows of this fold, too, and the variance of that mean among rows; empty without such models.
    caution: why their intervals may not hold; "" if there is none.

    Examples
    --------
    >>> folds = Folds(5, 100, 80.0, 0, False, (0.2,) * 5, (0.50, 0.55, 0.60, 0.55, 0.50))
    >>> folds.estimand
    'a model trained on about 80 rows like these'
    >>> round(folds.widened(SamplingError(0.02)).error, 4)
    0.03
    """

    n_folds: int
    n_rows: int
    n_train: float
    n_left_out: int
    is_forward: bool
    shares: tuple[float, ...]
    losses: tuple[float, ...]
    moves: tuple[float, ...] = ()
    noises: tuple[float, ...] = ()
    caution: str = ""

    def __repr__(self) -> str:
        return f"Folds: {self.text}"

    @property
    def estimand(self) -> str:
        """The model, or models, whose loss is estimated."""
        if self.is_forward:
            one = self.n_folds == 1
            return "this model" if one else f"these {count(self.n_folds)} models, each on rows it was not trained on"
        return f"a model trained on about {count(round(self.n_train))} rows like these"

    @property
    def method(self) -> str:
        """How the interval is made: "rows", "jackknife of folds" or "Nadeau-Bengio"."""
        if self.is_forward:
            return "rows"
        return "jackknife of folds" if self.moves else "Nadeau-Bengio"

    @property
    def text(self) -> str:
        """What the loss estimates, for the lines above the figures."""
        left_out = f"; {counted(self.n_left_out, 'row')} in no fold" if self.n_left_out else ""
        wide = "; conservative CI (Nadeau-Bengio)" if self.method == "Nadeau-Bengio" else ""
        return f"{counted(self.n_folds, 'fold')}: loss of {self.estimand}{wide}{left_out}"

    @property
    def figures(self) -> dict[str, Any]:
        """Their figures in JSON."""
        figures: dict[str, Any] = {"n_folds": self.n_folds, "n_left_out": self.n_left_out}
        return figures | {"estimand": self.estimand, "interval_method": self.method}

    @property
    def why_no_interval(self) -> str:
        """Why the loss has no interval although it is finite; "" where it has one."""
        if not all(map(math.isfinite, self.losses)):
            return INFINITE
        return "" if all(map(math.isfinite, self.moves)) else INFINITE_WITHOUT

    def widened(self, sampling: SamplingError) -> SamplingError:
        """The sampling error of a mean loss with other training and test rows, from that with other test rows alone.

        Where models without two folds were trained: the jackknife that leaves out each fold in turn, less the part of
        the test rows, which `sampling` holds more exactly. With A the mean loss of the rows of the other folds and G
        the moves, the variance V grows by J = (k − 1)/k·(Σ(G − Ḡ)² + 2·max(Σ(A − Ā)(G − Ḡ), 0)). Part of that is noise
        of the rows that estimate G, (k − 1)/k·ΣN of Σ(G − Ḡ)²: for its sake alone V never grows beyond Nadeau and
        Bengio's (2003, section 3) V·(1 + n / n_train), which is what it is where there are no such models. Student's t
        has Welch's degrees, k − 1 of what the jackknife adds.
        """
        variance = sampling.error * sampling.error
        if self.is_forward or not 0 < variance < math.inf:
            return sampling
        most = variance * self.n_rows / self.n_train
        more = self._of_training(most) if self.moves else most
        if not more > 0:
            return sampling
        degrees = sampling.degrees
        # The correction is as certain as the variance that it multiplies.
        if more != most:
            degrees = welch_degrees((variance, sampling.degrees), (more, self.n_folds - 1))
        whole = variance + more
        # Σd³ is that of the test rows, and is divided by a power of a larger Σd².
        return SamplingError(math.sqrt(whole), degrees, sampling.skewness * (variance / whole) ** 1.5)

    def _of_training(self, most: float) -> float:
        """The part of a variance that is due to training rows; most: how much of it noise may make."""
        shares, moves = np.array(self.shares), np.array(self.moves)
        sums, left = shares * np.array(self.losses), (self.n_folds - 1) / self.n_folds
        of_rows = (sums.sum() - sums) / (1 - shares)
        moves = moves - moves.mean()
        # Not below 0: of so few folds it is too uncertain to make an interval narrower.
        common = 2 * max(float((of_rows - of_rows.mean()) @ moves), 0.0)
        own = float(moves @ moves)
        without_noise = left * (max(own - left * math.fsum(self.noises), 0.0) + common)
        return max(without_noise, min(left * (own + common), most))


@dataclass(frozen=True, slots=True)
class FoldLosses:
    """Losses of rows by models that were not trained on them, of one forecaster, or of one less another one's.

    fold: the number of each row's fold, weight: of each row, both of shape (n_rows,). losses: in nats, of the same
    shape. without: of shape (n_folds, n_rows), the losses by models that were not trained on a fold either, of rows of
    the others; None where there are no such models.
    """

    fold: Array
    weight: Array
    losses: Array
    without: Array | None
    n_train: float
    n_left_out: int
    is_forward: bool
    caution: str = ""

    def less(self, other: FoldLosses) -> FoldLosses:
        """These losses less those of another forecaster's models in the same folds."""
        without = None if self.without is None or other.without is None else self.without - other.without
        return replace(self, losses=self.losses - other.losses, without=without)

    def summary(self) -> Folds:
        """Their sums by fold."""
        sums = np.bincount(self.fold, self.weight)
        moves, noises = [], []
        with np.errstate(invalid="ignore"):
            for number in range(len(sums) if self.without is not None else 0):
                others = self.fold != number
                weight = self.weight[others] / self.weight[others].sum()
                moved = self.without[number, others] - self.losses[others]  # type: ignore[index]
                moves.append(float(weight @ moved))
                apart = weight * (moved - moves[-1])
                noises.append(float(apart @ apart))
            means = np.bincount(self.fold, self.weight * self.losses) / sums
        return Folds(
            n_folds=len(sums),
            n_rows=len(self.fold),
            n_train=self.n_train,
            n_left_out=self.n_left_out,
            is_forward=self.is_forward,
            shares=tuple((sums / sums.sum()).tolist()),
            losses=tuple(means.tolist()),
            moves=tuple(moves),
            noises=tuple(noises),
            caution=self.caution,
        )


class OutOfFold(NamedTuple):
    """Out-of-fold probabilities of 1 of one estimator, nan where a row is in no fold; their losses; notes on how
    they were made."""

    probabilities: Array
    losses: FoldLosses
    notes: tuple[str, ...]


def with_training(loss: Estimate, moments: Moments, folds: Folds | None) -> Estimate:
    """A loss whose interval includes the variation of training rows, where folds had models of their own."""
    if folds is None or not loss.has_interval:
        return loss
    if folds.why_no_interval:
        return Estimate(loss, reason=folds.why_no_interval)
    return with_interval(loss, folds.widened(moments.error_of_loss()), low=0.0)


def told_of(folds: Folds | None) -> tuple[str, ...]:
    """The cautions of folds."""
    return () if folds is None or not folds.caution else (folds.caution,)
