"""compare(): several forecasts of the same rows, in one walk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from logloss.answers.answer import Answer
from logloss.answers.estimate import CONFIDENCE, Estimate
from logloss.answers.figures import jsonable, put, put_estimate
from logloss.answers.small_table import SmallTable
from logloss.comparison.pairwise import PairwiseComparison
from logloss.errors import DataError
from logloss.inference.folds import Folds
from logloss.onepass.summaries import ComparisonSummary
from logloss.text import listed, printable


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Answer):
    """Which of several forecasts is better: made by `compare`, frozen and complete. Losses are in nats per row.

    Attributes
    ----------
    names : tuple of str
        The forecasts, in the order given.
    log_losses : dict of Estimate
        The mean log loss of each, as `measure` gives it.
    best, runner_up : str
        The two with the least loss.
    delta : Estimate
        Loss of the runner-up less that of the best, with its paired interval.
    change : Estimate
        Of two forecasts only: loss of the second less that of the first; below 0 where the second is better.
    pair : PairwiseComparison
        All that is known of the best and the runner-up; `between` gives that of any two.
    pairs : tuple of PairwiseComparison
        Of every two, from the best down.
    ranking : SmallTable
        The forecasts from the best to the worst: loss with interval, how far behind the best with an interval that
        holds for all pairs at once, discrimination and miscalibration without what the isotonic fits overfit.
    n_rows, n_dropped, n_clusters, n_periods : int
        Rows that take part, rows left out by missing="drop", clusters (or buckets of them), periods of `order`.
    effective_rows, effective_clusters, cautions : float, float, tuple of str
        As those of a `Measurement`.
    base_rate : float
        Mean label.
    within : str
        What was said of the rows of one period of `order`; "" without it.
    folds : Folds or None
        As that of a `Measurement`, of the losses and the leads; those of parts and of groups are of these predictions.

    Examples
    --------
    >>> import logloss
    >>> found = logloss.compare([1, 0, 1, 1] * 25, {"old": [0.5] * 100, "new": [0.8, 0.4, 0.6, 0.9] * 25})
    >>> found.best, round(found.change, 4), round(found.change.high, 4)
    ('new', -0.3556, -0.3209)
    """

    kind: ClassVar[str] = "comparison"
    names: tuple[str, ...]
    log_losses: dict[str, Estimate]
    log_losses_where_finite: dict[str, float]
    n_infinite: dict[str, int]
    first_infinite: dict[str, str]
    best: str
    runner_up: str
    delta: Estimate
    change: Estimate
    pair: PairwiseComparison
    pairs: tuple[PairwiseComparison, ...]
    ranking: SmallTable
    n_rows: int
    n_dropped: int
    n_clusters: int
    n_periods: int
    effective_rows: float
    effective_clusters: float
    cautions: tuple[str, ...]
    base_rate: float
    sum_weight: float
    is_soft: bool
    has_weights: bool
    has_counts: bool
    by: tuple[str, ...]
    cluster: tuple[str, ...]
    order: str
    within: str
    has_buckets: bool
    has_too_many_groups: bool
    source: str
    positive: str
    notes: tuple[str, ...] = ()
    folds: Folds | None = None
    summary: ComparisonSummary = field(default=None, compare=False)  # type: ignore[assignment]

    def between(self, first: str, second: str) -> PairwiseComparison:
        """The contest of two of the forecasts, in whichever order they are named.

        Parameters
        ----------
        first, second : str
            Names of two forecasts.

        Returns
        -------
        PairwiseComparison
            Told from the side of the better one.

        Raises
        ------
        DataError
            If there is no such forecast, or the two are one.

        Examples
        --------
        >>> import logloss
        >>> found = logloss.compare([1, 0] * 30, {"a": [0.5] * 60, "b": [0.6, 0.4] * 30, "c": [0.9, 0.1] * 30})
        >>> found.between("a", "b").better
        'b'
        """
        for pair in self.pairs:
            if {pair.better, pair.worse} == {first, second}:
                return pair
        known = listed([printable(name) for name in self.names], 16)
        raise DataError(f'between() takes two of the forecasts: {known}; got "{first}" and "{second}".')

    def to_dict(self) -> dict[str, Any]:
        """The figures as flat JSON-ready values, units in the names; undefined is None with a reason beside it.

        Examples
        --------
        >>> import logloss
        >>> logloss.compare([1, 0], {"a": [0.5, 0.5], "b": [0.5, 0.5]}).to_dict()["delta_nats"]
        0.0
        """
        figures: dict[str, Any] = {"schema": 1, "source": self.source, "positive": self.positive}
        figures |= {"n_rows": self.n_rows, "n_dropped": self.n_dropped, "n_forecasts": len(self.names)}
        put(figures, "base_rate", self.base_rate)
        put(figures, "sum_weight", self.sum_weight)
        figures |= {"best": self.best, "runner_up": self.runner_up}
        put_pair(figures, self.pair)
        put_estimate(figures, "change_nats", self.change)
        figures["ranking"] = [jsonable(row) for row in self.ranking]
        pairs = []
        for pair in self.pairs:
            row: dict[str, Any] = {"better": pair.better, "worse": pair.worse}
            put_pair(row, pair)
            pairs.append(row)
        figures["pairs"] = pairs
        if self.cluster:
            figures |= {"cluster": list(self.cluster), "n_clusters": self.n_clusters}
            put(figures, "effective_clusters", self.effective_clusters)
        if self.order:
            figures |= {"order": self.order, "n_periods": self.n_periods, "within": self.within}
        if self.pair.groups is not None:
            figures |= {"by": list(self.by), "has_too_many_groups": self.has_too_many_groups}
            figures["groups"] = [jsonable(row) for row in self.pair.groups]
        figures["largest_differences"] = [jsonable(row) for row in self.pair.largest_differences]
        put(figures, "effective_rows", self.effective_rows)
        figures |= {} if self.folds is None else self.folds.figures
        figures |= {"confidence": CONFIDENCE, "cautions": list(self.cautions), "notes": list(self.notes)}
        return figures


def put_pair(figures: dict[str, Any], pair: PairwiseComparison) -> None:
    """The figures of one contest."""
    put_estimate(figures, "delta_nats", pair.delta)
    put_estimate(figures, "delta_simultaneous_nats", pair.simultaneous)
    put(figures, "delta_where_finite_nats", pair.delta_where_finite, "no row is possible for both")
    put(figures, "standard_error_nats", pair.error, pair.delta.reason)
    put(figures, "effective_observations", pair.observations)
    names = ("n_infinite_for_best_only", "n_infinite_for_other_only", "n_infinite_for_both")
    figures |= dict(zip(names, pair.impossible, strict=True))
    figures["is_identical"] = pair.is_identical
    put_estimate(figures, "miscalibration_delta_nats", pair.miscalibration)
    put_estimate(figures, "discrimination_delta_nats", pair.discrimination)
    sequential = pair.sequential
    put_estimate(figures, "confidence_sequence_nats", sequential.confidence_sequence)
    put_estimate(figures, "delta_autocorrelation_robust_nats", sequential.autocorrelation_robust)
    figures["n_cosines"] = sequential.n_cosines
    put(figures, "effective_periods", sequential.effective_periods, sequential.autocorrelation_robust.reason)
    put(figures, "log_e_value", sequential.log_e_value, sequential.confidence_sequence.reason)
    figures["first_excluded"] = sequential.first_excluded or None
    figures["is_first_for_better"] = sequential.is_first_for_better
    figures["still_excluded"] = sequential.still_excluded
    figures["rows_needed"] = pair.rows_needed
    put(figures, "detectable_difference_nats", pair.detectable_difference, pair.delta.reason)
