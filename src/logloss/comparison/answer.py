"""What compare() returns: several forecasters of the same rows, ranked, and every pair of them compared."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from logloss.answers.answer import Answer
from logloss.answers.estimate import CONFIDENCE, Estimate
from logloss.answers.figures import jsonable, put, put_estimate
from logloss.answers.small_table import SmallTable
from logloss.comparison.pairwise import PairwiseComparison
from logloss.comparison.verdicts import FLAGS, Verdict
from logloss.errors import DataError
from logloss.inference.folds import Folds
from logloss.onepass.summaries import ComparisonSummary
from logloss.text import listed, printable


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Answer):
    """Comparison of several forecasters on the same rows; returned by `compare`.

    Immutable. Losses and differences are in nats per row.

    Attributes
    ----------
    names : tuple of str
        The forecasters, in the order given.
    log_losses : dict of Estimate
        Mean log loss of each, with the interval that `measure` gives.
    log_losses_where_finite : dict of float
        The same without the rows whose loss is infinite; nan if there are no others.
    n_infinite, first_infinite : dict of int, dict of str
        Rows in which each forecaster gave probability 0 to the observed class, and the first of them.
    best, runner_up : str
        The two with the lowest log loss.
    delta : Estimate
        Log loss of the runner-up minus log loss of the best, ≥ 0, with its paired 95% interval; inf if only that of the
        runner-up is infinite, nan if both are.
    second_minus_first : Estimate
        With exactly two forecasters, log loss of the second minus that of the first; below 0 if the second is better,
        inf or −inf if one is infinite; nan if both are, and with more than two forecasters.
    pair : PairwiseComparison
        Comparison of the best and the runner-up; `between` gives that of any two.
    pairs : tuple of PairwiseComparison
        Comparisons of all pairs, ordered by rank.
    ranking : SmallTable
        Forecasters from the lowest log loss to the highest: log loss with interval, difference to the best with a
        simultaneous interval over all pairs, excess discrimination and miscalibration (corrected for the overfitting of
        the isotonic fits).
    n_rows, n_dropped, n_clusters, n_periods : int
        Rows compared, rows dropped by missing="drop", clusters (or hash buckets of them), distinct periods of `order`.
    effective_rows, effective_clusters, cautions : float, float, tuple of str
        As in `Measurement`.
    base_rate, sum_weight : float
        Weighted mean of the labels, in [0, 1]; sum of the weights, above 0 (the number of rows without weights).
    is_soft, has_weights, has_counts : bool
        Whether labels may lie strictly between 0 and 1; whether `sample_weight` or `counts` were given.
    by, cluster : tuple of str
        Names of the columns of groups and of clusters; () if there are none. `has_too_many_groups`: more than 4,096, so
        that none is kept; `has_buckets`: clusters are hash buckets of them.
    order, order_first, order_last : str
        Name of the column of periods, and its first and last period; "" without `order`.
    within : str
        How rows within one period of `order` may depend on each other; "" without `order`.
    margin, reference, verdicts : float, str, tuple of Verdict
        With `margin=`: the largest increase of the log loss over that of the reference that is accepted, and for each
        other forecaster whether it is better, equivalent, non-inferior or inferior; nan, "" and () without.
    source, positive : str
        The file or name of the data, "" if it has none; the positive class, such as `y = 1`.
    notes : tuple of str
        Remarks on how the rows were read.
    folds : Folds or None
        As in `Measurement`: intervals of losses and differences include variation of the training rows; intervals of
        the decomposition and of groups are conditional on these predictions.

    Examples
    --------
    >>> import logloss
    >>> compared = logloss.compare([1, 0, 1, 1] * 25, {"old": [0.5] * 100, "new": [0.8, 0.4, 0.6, 0.9] * 25})
    >>> compared.best, round(compared.second_minus_first, 4), round(compared.second_minus_first.high, 4)
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
    second_minus_first: Estimate
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
    order_first: str
    order_last: str
    within: str
    has_buckets: bool
    has_too_many_groups: bool
    source: str
    positive: str
    notes: tuple[str, ...] = ()
    margin: float = math.nan
    reference: str = ""
    verdicts: tuple[Verdict, ...] = ()
    folds: Folds | None = None
    summary: ComparisonSummary = field(default=None, compare=False)  # type: ignore[assignment]

    def between(self, first: str, second: str) -> PairwiseComparison:
        """Pairwise comparison of two of the forecasters, named in either order.

        Parameters
        ----------
        first, second : str
            Names of two different forecasters.

        Returns
        -------
        PairwiseComparison
            Its `delta` is the log loss of the worse one minus that of the better one.

        Raises
        ------
        DataError
            If a name is unknown, or both are the same.

        Examples
        --------
        >>> import logloss
        >>> compared = logloss.compare([1, 0] * 30, {"a": [0.5] * 60, "b": [0.6, 0.4] * 30, "c": [0.9, 0.1] * 30})
        >>> compared.between("a", "b").better
        'b'
        """
        for pair in self.pairs:
            if {pair.better, pair.worse} == {first, second}:
                return pair
        known = listed([printable(name) for name in self.names], 16)
        raise DataError(f'between() takes two of the forecasters: {known}; got "{first}" and "{second}".')

    def to_dict(self) -> dict[str, Any]:
        """All figures as a flat JSON-ready dict, units in the names; None where not defined, with `<name>_reason`.

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
        put_estimate(figures, "second_minus_first_nats", self.second_minus_first)
        put_verdicts(figures, self)
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
            figures |= {"order": self.order, "order_first": self.order_first, "order_last": self.order_last}
            figures |= {"n_periods": self.n_periods, "within": self.within}
        if self.pair.groups is not None:
            figures |= {"by": list(self.by), "has_too_many_groups": self.has_too_many_groups}
            figures["groups"] = [jsonable(row) for row in self.pair.groups]
        figures["largest_differences"] = [jsonable(row) for row in self.pair.largest_differences]
        put(figures, "effective_rows", self.effective_rows)
        figures |= {} if self.folds is None else self.folds.figures
        figures |= {"confidence": CONFIDENCE, "cautions": list(self.cautions), "notes": list(self.notes)}
        return figures


def put_verdicts(figures: dict[str, Any], c: Comparison) -> None:
    """The verdicts: of two forecasters as figures of their own, which are not defined of more."""
    if not c.verdicts:
        return
    of_each = [verdict.figures() for verdict in c.verdicts]
    figures |= {"margin_nats": c.margin, "reference": c.reference}
    for name, value in of_each[0].items():
        if name not in ("candidate", "reference"):
            figures[name] = value if len(of_each) == 1 else None
            if len(of_each) > 1 and not name.endswith("_reason"):
                figures[f"{name}_reason"] = "more than two forecasters: each has its own in `verdicts`"
    if len(of_each) > 1:
        # Of several candidates the gate is open if each has passed.
        figures |= {f"all_{name}": all(each[name] for each in of_each) for name in FLAGS}
    figures["verdicts"] = of_each


def put_pair(figures: dict[str, Any], pair: PairwiseComparison) -> None:
    """The figures of one pairwise comparison."""
    put_estimate(figures, "delta_nats", pair.delta)
    put_estimate(figures, "delta_simultaneous_nats", pair.simultaneous)
    put(figures, "delta_where_finite_nats", pair.delta_where_finite, "every row has an infinite loss")
    put(figures, "standard_error_nats", pair.standard_error, pair.delta.reason)
    put(figures, "effective_observations", pair.effective_observations)
    names = ("n_infinite_better_only", "n_infinite_worse_only", "n_infinite_both")
    figures |= dict(zip(names, pair.n_infinite, strict=True))
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
    figures["first_excluded_favors_better"] = sequential.first_excluded_favors_better
    figures["still_excluded"] = sequential.still_excluded
    figures["rows_needed"] = pair.rows_needed
    put(figures, "detectable_difference_nats", pair.detectable_difference, pair.delta.reason)
