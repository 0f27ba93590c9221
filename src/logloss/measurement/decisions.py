"""What follows from a measurement for decisions by a threshold: confusion matrices, costs, decision, ROC and
precision–recall curves, all from the summary.

>>> import logloss
>>> m = logloss.measure([0, 0, 1, 0, 1, 1] * 20, [0.1, 0.2, 0.3, 0.6, 0.7, 0.9] * 20)
>>> row = m.thresholds(0.5)[0]
>>> row["tp"], row["fp"], row["fn"], row["tn"], round(row["recall"], 4)
(40, 20, 20, 40, 0.6667)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from logloss.answers.small_table import SmallTable
from logloss.errors import DataError
from logloss.inference import curves, thresholds
from logloss.inference.confusion import ClusterMasses, ConfusionMatrices, checked_thresholds, cuts_of
from logloss.inference.decision_costs import DecisionCosts, decision_costs_of
from logloss.inference.score_table import ScoreTable, score_table_of
from logloss.inference.variance import figures_of

if TYPE_CHECKING:
    from logloss.measurement.answer import Measurement

# What a row of `thresholds` stands for, where none was asked for.
IMPLIED, LOWEST = "implied by the costs", "lowest cost of these rows"


class MeasuredDecisions:
    """Thresholds, costs and curves of a `Measurement`."""

    __slots__ = ()

    @property
    def _measurement(self) -> Measurement:
        return cast("Measurement", self)

    def thresholds(
        self,
        at: float | Sequence[float] | None = None,
        *,
        cost_fp: float | None = None,
        cost_fn: float | None = None,
    ) -> SmallTable:
        """The confusion matrix at some thresholds, and its figures with 95% intervals.

        A row is predicted positive where its predicted probability is at or above the threshold, as in scikit-learn.
        tp, fp, fn, tn: rows, or sums of weights. Shares in [0, 1], each with `_low` and `_high`: predicted_positive, of
        all rows; recall (true positive rate, sensitivity), tp / (tp + fn); fpr (false positive rate), fp / (fp + tn);
        precision, tp / (tp + fp); npv, tn / (tn + fn); nan where there is no such row. cost: (cost_fp · fp + cost_fn ·
        fn) per row. net_benefit: (tp − fp · t / (1 − t)) per row (Vickers and Elkin 2006), the larger the better.
        reason: why there is no interval.

        Where scores are in bins (`is_exact` False) `in_bin_of_threshold` of the rows lie in the bin of the threshold,
        and may be on either side of it: figures are those of rows spread evenly over the bin, at most so many rows from
        the exact ones; intervals hold both extremes.

        Parameters
        ----------
        at : float or sequence of floats in (0, 1), optional
            Thresholds, as probabilities. If left out 0.5; with costs the implied threshold and that of the lowest cost
            on these rows (`choice` says which), as far as these lie in (0, 1).
        cost_fp, cost_fn : float, optional
            Cost of a false positive and of a false negative, above 0; both or neither.

        Raises
        ------
        DataError
            If a threshold is not in (0, 1), or a cost is not a positive number.

        Notes
        -----
        Cost: no row is read; milliseconds.
        Shares have Wilson's interval, of effective rows where there are weights, and of clusters with `cluster`; it is
        that of a threshold chosen without these rows.

        Examples
        --------
        >>> import logloss
        >>> m = logloss.measure([0, 0, 1, 0, 1, 1] * 20, [0.1, 0.2, 0.3, 0.6, 0.7, 0.9] * 20)
        >>> [round(value, 4) for value in m.thresholds([0.25, 0.5], cost_fp=1, cost_fn=5)["cost"]]
        [0.1667, 1.0]
        """
        costs = thresholds.checked_costs(cost_fp, cost_fn)
        if at is not None or costs is None:
            used = checked_thresholds(0.5 if at is None else at)
            choices = [""] * len(used)
        else:
            found = self.decision_costs(cost_fp=costs[0], cost_fn=costs[1])
            both = {IMPLIED: found.implied_threshold, LOWEST: found.lowest_cost_threshold}
            choices = [name for name, threshold in both.items() if 0 < threshold < 1]
            used = [both[name] for name in choices]
        return thresholds.thresholds_table(self._matrices(used), used, costs, choices)

    def decision_costs(self, *, cost_fp: float, cost_fn: float) -> DecisionCosts:
        """The expected cost at the threshold that costs imply, the lowest cost on these rows, and what miscalibration
        costs.

        Parameters
        ----------
        cost_fp, cost_fn : float
            Cost of a false positive and of a false negative, above 0.

        Raises
        ------
        DataError
            If a cost is not a positive number.

        Notes
        -----
        Cost: no row is read; 200 draws of labels.

        Examples
        --------
        >>> import logloss
        >>> m = logloss.measure([0, 0, 1, 0, 1, 1] * 20, [0.1, 0.2, 0.3, 0.6, 0.7, 0.9] * 20)
        >>> costs = m.decision_costs(cost_fp=1, cost_fn=2)
        >>> round(costs.implied_cost, 4), round(costs.lowest_cost, 4), costs.lowest_cost_threshold
        (0.5, 0.1667, 0.3)
        """
        costs = thresholds.checked_costs(cost_fp, cost_fn)
        if costs is None:
            raise DataError("`cost_fp` and `cost_fn` must be positive numbers; got None.")
        return decision_costs_of(self._matrices([thresholds.implied_threshold(costs)]), costs)

    def decision_curve(self, at: float | Sequence[float] | None = None) -> SmallTable:
        """Net benefit by threshold probability, beside that of predicting every row positive, and none.

        net_benefit, net_benefit_low, net_benefit_high: (tp − fp · t / (1 − t)) per row with its pointwise 95% interval;
        treat_all, treat_none (0): the same of the two defaults; above_treat_all, _low, _high: net_benefit − treat_all
        with the interval of this difference. A threshold probability t stands for costs with cost_fp / cost_fn =
        t / (1 − t).

        Parameters
        ----------
        at : float or sequence of floats in (0, 1), optional
            Threshold probabilities; 0.01, 0.02 to 0.99 if left out.

        References
        ----------
        Vickers, A. J. and Elkin, E. B. (2006). Decision curve analysis. Medical Decision Making 26(6), 565-574,
        doi:10.1177/0272989X06295361.

        Examples
        --------
        >>> import logloss
        >>> m = logloss.measure([0, 0, 1, 0, 1, 1] * 20, [0.1, 0.2, 0.3, 0.6, 0.7, 0.9] * 20)
        >>> row = m.decision_curve(0.25)[0]
        >>> round(row["net_benefit"], 4), round(row["treat_all"], 4)
        (0.4444, 0.3333)
        """
        used = list(thresholds.OF_CURVE) if at is None else checked_thresholds(at)
        return thresholds.decision_curve_table(self._matrices(used), used)

    def roc_curve(self, *, drop_intermediate: bool = True) -> SmallTable:
        """The ROC curve: fpr, tpr and threshold, as scikit-learn's `roc_curve`; the area below it is `auc`.

        Thresholds are in the scale of the predictions: probabilities, or log-odds. Of scores in bins the points are the
        edges of bins, which are exact.

        Parameters
        ----------
        drop_intermediate : bool
            Leave out points in the middle of two on a straight line.

        Raises
        ------
        DataError
            If all labels are of one class.

        Examples
        --------
        >>> import logloss
        >>> logloss.measure([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8]).roc_curve()["tpr"]
        [0.0, 0.5, 1.0, 1.0]
        """
        return curves.roc_curve_table(self._table(), drop_intermediate=drop_intermediate)

    def precision_recall_curve(self, *, drop_intermediate: bool = False) -> SmallTable:
        """The precision–recall curve: precision, recall and threshold, as scikit-learn's `precision_recall_curve`.

        The last point, precision 1 and recall 0, has threshold inf. Thresholds are in the scale of the predictions. Of
        scores in bins the points are the edges of bins.

        Parameters
        ----------
        drop_intermediate : bool
            Leave out points between two of equal recall.

        Raises
        ------
        DataError
            If all labels are of one class.

        Examples
        --------
        >>> import logloss
        >>> logloss.measure([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8]).precision_recall_curve()["recall"]
        [1.0, 1.0, 1.0, 0.5, 0.0]
        """
        return curves.precision_recall_table(self._table(), drop_intermediate=drop_intermediate)

    @property
    def average_precision(self) -> float:
        """The area below the precision–recall curve in steps, in [0, 1]: scikit-learn's `average_precision_score`.

        DataError if all labels are of one class.
        """
        return curves.average_precision(self._table())

    def _table(self) -> ScoreTable:
        return score_table_of(self._measurement.summary.scores)

    def _matrices(self, at: Sequence[float]) -> ConfusionMatrices:
        """The confusion matrices at some thresholds."""
        summary, table = self._measurement.summary, self._table()
        moments, _ = figures_of(summary, table)
        clusters = None if summary.clusters is None else ClusterMasses(table, summary.clusters)
        return ConfusionMatrices(table, moments, clusters, cuts_of(table, np.array(at)))
