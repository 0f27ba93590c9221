"""compare(): log losses of several forecasters of the same rows, in one pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from logloss.answers.estimate import Estimate, negated
from logloss.answers.small_table import SmallTable
from logloss.comparison.answer import Comparison
from logloss.comparison.pair_estimates import PairEstimator
from logloss.comparison.pairwise import PairwiseComparison
from logloss.comparison.period_rules import DEPENDENT, check_names, check_within
from logloss.comparison.sequential import period_text
from logloss.comparison.verdicts import check_margin, reference_of, verdicts_of
from logloss.data.block import Block
from logloss.data.forecasters import bind_forecasters, estimators_of
from logloss.data.request import RowOptions, described
from logloss.data.rows import positive_text
from logloss.data.values import Value
from logloss.inference.cautions import cautions_of
from logloss.inference.folds import FoldLosses, OutOfFold, told_of
from logloss.measurement.out_of_fold import cross_fitted, judged_by
from logloss.measurement.record import first_infinite_row

if TYPE_CHECKING:
    from logloss.onepass.summaries import ComparisonSummary


@described
def compare(
    data: Any,
    forecasts: Any = None,
    *,
    y_true: Any = None,
    y_proba: Any = None,
    y_logit: Any = None,
    sample_weight: Any = None,
    counts: Any = None,
    pos_label: Value = None,
    by: Any = None,
    cluster: Any = None,
    order: Any = None,
    within: str = DEPENDENT,
    margin: float | None = None,
    reference: str | None = None,
    cv: Any = None,
    X: Any = None,
    features: Any = None,
    exclude: str | Sequence[str] = (),
    leave_two_out: bool = True,
    keep: str | Sequence[str] = (),
    missing: str = "error",
    header: bool = True,
    name: str = "",
    engine: object = None,
    progress: Callable[[Block], None] | None = None,
) -> Comparison:
    """Compare the log losses of two or more forecasters of the same rows, with paired 95% intervals, in one pass.

    Pass arrays, or a table and the names of its columns. Probabilities are never clipped or renormalised, and no row is
    dropped without being reported.

    Parameters
    ----------
    data : array of shape (n_rows,), or table
        Labels, as in `log_loss`. If `y_true` is given: a table, as in `measure`.
    forecasts : dict of arrays, columns or models, optional
        Predicted probabilities of 1 by name of the forecaster: ``{"old": p, "new": q}``. An array may have two columns,
        as in `measure`. With a table, a model predicts from the columns it was fitted on, by name: what `fit` returns,
        or, with a pandas or polars frame, a scikit-learn model fitted on named columns. With `cv`, scikit-learn
        estimators, refitted in each fold; arrays of probabilities may be compared with them.
    {y_true}
    y_proba : list of names of columns, or dict, optional
        Columns of the table with probabilities of 1; a dict names the forecasters: ``{"old": "p", "new": "q"}``.
    y_logit : list of names of columns, or dict of arrays or names, optional
        The same for forecasts given as log-odds; both kinds may be compared with each other.
    {sample_weight}
    {counts}
    {pos_label}
    by : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        Groups: the difference in each, and the contribution of each to the total difference.
    {cluster}
    {order}
    within : {"dependent", "independent", "changing"}
        How rows of one period of `order` may depend on each other: an assumption of the confidence sequence.
        "dependent": in any way, as games of one day may, provided that all forecasts and weights of the period are made
        before any of its outcomes is known. "independent": besides, the outcomes of a period are independent given the
        forecasts; the sequence is narrower. "changing": forecasts are updated within a period, as those made during a
        game are; no confidence sequence is valid, and none is shown.
    margin : float, > 0, in nats per row, optional
        The largest increase of the log loss that a change may bring. Adds a verdict on each forecaster beside the
        `reference`: better, equivalent, non-inferior, inferior or undecided (docs/gate.md).
    reference : str, optional
        With `margin`: the name of the forecaster that is in use; the first one if left out.
    {cv}
    {X}
    {features}
    {exclude}
    {leave_two_out}
    {keep}
    missing : {"error", "drop"}
        What to do with rows in which a value is missing, for any forecaster: raise an error, or drop them for all.
    {header}
    name : str, optional
        Name of the data, if they are not in a file.
    {engine}
    {progress}

    Returns
    -------
    Comparison
        Prints as a table; every figure is an attribute.

    Raises
    ------
    DataError
        If the data are invalid: the message names the row, the value and the remedy.
    SourceNotFound
        If a path does not exist.

    Notes
    -----
    Cost: one pass; for two forecasters about twice that of `measure`, three to four times with `order` or `by`, seven
    times with `cluster`. All pairs are compared: 10 of 5 forecasters. Memory does not grow with the number of rows: up
    to 37,449 periods are kept (fewer with more than two forecasters), beyond that neighbouring ones are merged. The
    result has the same bits for any order of the rows, any partition and any number of threads.

    Intervals are those of `measure`: Hall's transformation for independent rows without weights, otherwise Student's t
    with effective numbers of rows or clusters (docs/inference.md). They assume independent rows (or clusters), also
    with `order`. `sequential.autocorrelation_robust` allows rows of a period and neighbouring periods to be correlated;
    a caution says where it is clearly wider.

    With `cv` the cost is that of the fits. Intervals of losses and differences then cover the loss of a model trained
    on about as many rows as in the folds, over new training and test rows; with folds in the order of time, the loss of
    these very models.

    References
    ----------
    Hall, P. (1992). On the removal of skewness by transformation. J. R. Stat. Soc. B 54(1), 221-228.
    doi:10.1111/j.2517-6161.1992.tb01876.x

    Lazarus, E., Lewis, D. J., Stock, J. H. and Watson, M. W. (2018). HAR inference: recommendations for practice.
    J. Bus. Econ. Stat. 36(4), 541-559. doi:10.1080/07350015.2018.1506926

    Howard, S. R., Ramdas, A., McAuliffe, J. and Sekhon, J. (2021). Time-uniform, nonparametric, nonasymptotic
    confidence sequences. Ann. Statist. 49(2), 1055-1080. doi:10.1214/20-AOS1991

    Examples
    --------
    >>> import logloss
    >>> table = {"won": [1, 0, 1, 1] * 25, "old": [0.5] * 100, "new": [0.8, 0.4, 0.6, 0.9] * 25}
    >>> compared = logloss.compare(table, y_true="won", y_proba=["old", "new"])
    >>> print(repr(compared).splitlines()[0])
    new has the lowest log loss: 0.3556 nats per row lower than old (95% CI 0.3209–0.3911).

    Scikit-learn estimators, trained and tested in the same five folds:

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> table = {"won": [0, 0, 1, 0, 0, 1, 1, 1] * 25, "rating": [0.0, 1.0, 2.0, 3.0] * 50}
    >>> models = {"logistic": LogisticRegression(), "bayes": GaussianNB()}
    >>> logloss.compare(table, models, y_true="won", cv=5).best
    'bayes'
    """
    from logloss.onepass.engines import placed
    from logloss.onepass.run import walk
    from logloss.onepass.summaries import ComparisonSummary

    requested = RowOptions(
        y_true=y_true,
        y_proba=y_proba,
        y_logit=y_logit,
        sample_weight=sample_weight,
        counts=counts,
        pos_label=pos_label,
        by=by,
        cluster=cluster,
        order=order,
        cv=cv,
        X=X,
        features=features,
        exclude=exclude,
        leave_two_out=leave_two_out,
        keep=keep,
        missing=missing,
        header=header,
        name=name,
        engine=engine,
        progress=progress,
    )
    check_within(within, requested)
    margin = check_margin(margin, reference)
    judged = cross_fitted(data, estimators_of(forecasts, requested), requested)
    if judged:
        requested = judged_by(requested, next(iter(judged.values())).losses.n_left_out)
        forecasts = {name: each.probabilities for name, each in judged.items()}
    with placed(data, requested) as table:
        source, roles = bind_forecasters(table, forecasts, requested)
        empty = ComparisonSummary.empty(len(roles.forecasters), by=roles.by, cluster=roles.cluster, order=roles.order)
        summary = walk(source, roles, empty, progress=progress)
    if summary.periods is not None and roles.order is not None:
        check_names(summary.periods.names, roles.spoken(roles.order))
    clause = {
        "source": source.name or name,
        "positive": positive_text(roles),
        "notes": tuple(dict.fromkeys((*source.notes, *(note for each in judged.values() for note in each.notes)))),
        "order": roles.order or "",
        "within": "" if roles.order is None else within,
        "has_weights": roles.sample_weight is not None,
        "has_counts": roles.counts is not None,
    }
    names = tuple(forecaster.name for forecaster in roles.forecasters)
    if not math.isnan(margin):
        clause |= {"margin": margin, "reference": reference_of(names, reference)}
    return comparison_of(summary, names, clause, _losses(judged))


def _losses(judged: Mapping[str, OutOfFold]) -> tuple[FoldLosses, ...]:
    """Losses of the models of the folds, of each estimator."""
    return tuple(each.losses for each in judged.values())


def comparison_of(
    summary: ComparisonSummary, names: tuple[str, ...], clause: dict[str, Any], folds: Sequence[FoldLosses] = ()
) -> Comparison:
    """The comparison from a summary; folds: of each forecaster, if cross-validated."""
    estimator = PairEstimator(summary, names, clause["within"], folds)
    # Of given probabilities more is known than of models.
    of_models = min(folds, key=lambda each: each.without is not None).summary() if folds else None
    # By rank: the first pair is that of the best and the runner-up.
    order = estimator.order()
    pairs = tuple(estimator.pair(order[i], order[j]) for i in range(len(order)) for j in range(i + 1, len(order)))
    first = pairs[0]
    second_minus_first = Estimate(math.nan, reason="more than two forecasters")
    if len(names) == 2:
        second_minus_first = first.delta if first.better == names[0] else negated(first.delta)
    (groups, periods), clusters = summary.keyed, summary.clusters
    best = order[0]
    moments = estimator.moments[best]
    return Comparison(
        names=names,
        log_losses=dict(zip(names, estimator.losses, strict=True)),
        log_losses_where_finite=dict(zip(names, estimator.where_finite, strict=True)),
        n_infinite={name: each.n_infinite for name, each in zip(names, summary.losses, strict=True)},
        first_infinite={
            name: first_infinite_row(each, clause["source"]) for name, each in zip(names, summary.losses, strict=True)
        },
        best=first.better,
        runner_up=first.worse,
        delta=first.delta,
        second_minus_first=second_minus_first,
        pair=first,
        pairs=pairs,
        ranking=ranking_of(estimator, order, pairs),
        n_rows=summary.n_rows,
        n_dropped=summary.n_dropped - (0 if of_models is None else of_models.n_left_out),
        n_clusters=0 if clusters is None else clusters.n_groups,
        n_periods=0 if periods is None else periods.n_groups,
        order_first="" if periods is None else period_text(periods.names[0]),
        order_last="" if periods is None else period_text(periods.names[-1]),
        effective_rows=moments.effective_rows,
        effective_clusters=math.nan if moments.effective_clusters is None else moments.effective_clusters,
        cautions=(
            *cautions_of(moments, summary.losses[best].largest_losses.rows),
            *first.cautions,
            *told_of(of_models),
        ),
        base_rate=moments.quotient("a"),
        sum_weight=moments.sum_weight(),
        is_soft=summary.losses[0].is_soft,
        by=() if groups is None else groups.columns,
        cluster=() if clusters is None else clusters.columns,
        has_buckets=clusters is not None and clusters.is_over,
        has_too_many_groups=groups is not None and groups.is_over,
        folds=of_models,
        verdicts=verdicts_of(pairs, clause["reference"], clause["margin"]) if "margin" in clause else (),
        summary=summary,
        **clause,
    )


def ranking_of(estimator: PairEstimator, order: Sequence[int], pairs: tuple[PairwiseComparison, ...]) -> SmallTable:
    """The forecasters by increasing log loss."""
    delta_to_best = [Estimate(0.0, 0.0, 0.0), *(pair.simultaneous for pair in pairs[: len(order) - 1])]
    first = [None, *pairs[: len(order) - 1]]
    losses, parts = [estimator.losses[k] for k in order], [estimator.excess_parts(k) for k in order]
    return SmallTable(
        {
            "forecast": [estimator.names[k] for k in order],
            "log_loss_nats": [float(each) for each in losses],
            "log_loss_nats_low": [each.low for each in losses],
            "log_loss_nats_high": [each.high for each in losses],
            "delta_to_best_nats": [float(each) for each in delta_to_best],
            "delta_to_best_nats_low": [each.low for each in delta_to_best],
            "delta_to_best_nats_high": [each.high for each in delta_to_best],
            "discrimination_excess_nats": [each[0] for each in parts],
            "miscalibration_excess_nats": [each[1] for each in parts],
            "first_excluded": ["" if each is None else each.sequential.first_excluded for each in first],
            "still_excluded": [each is not None and each.sequential.still_excluded for each in first],
        }
    )
