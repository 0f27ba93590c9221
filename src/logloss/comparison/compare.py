"""compare(): several forecasts of the same rows, in one walk."""

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
from logloss.data.block import Block
from logloss.data.forecasters import bind_forecasters, estimators_of
from logloss.data.request import RowOptions, described
from logloss.data.rows import positive_text
from logloss.data.values import Value
from logloss.inference.cautions import cautions_of
from logloss.inference.folds import FoldLosses, OutOfFold, told_of
from logloss.measurement.answer import first_infinite_row
from logloss.measurement.out_of_fold import cross_fitted, judged_by

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
    """Compare two or more forecasts of the same rows, with paired intervals, in one pass.

    The arguments are arrays, or a table and the names of its columns. Nothing is clipped, guessed, renormalised or
    dropped in silence.

    Parameters
    ----------
    data : array of shape (n_rows,), or table
        Labels, as in `log_loss`. If `y_true` is given: a table, as in `measure`.
    forecasts : dict of arrays, columns or models, optional
        Predicted probabilities of 1 by the name of the forecast: ``{"old": p, "new": q}``. An array may have two
        columns, as in `measure`. With a table, a model predicts them from the columns that it knows by name: what `fit`
        returns, or, with a frame of pandas or polars, one of scikit-learn that was fitted on named columns. With `cv`,
        estimators of scikit-learn, which are trained anew in each fold; probabilities may stand beside them.
    {y_true}
    y_proba : list of names of columns, or dict, optional
        Of a table, the columns that hold probabilities of 1; a dict gives other names: ``{"old": "p", "new": "q"}``.
    y_logit : list of names of columns, or dict of arrays or names, optional
        The same for forecasts that are log-odds; both kinds may be compared with each other.
    {sample_weight}
    {counts}
    {pos_label}
    by : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        What makes groups: where the lead comes from.
    {cluster}
    {order}
    within : {"dependent", "independent", "changing"}
        What is known of the rows of one period, on which the sequence that holds at all periods at once rests.
        "dependent": they may depend on each other in any way, as games of one day do, but all forecasts and weights of
        the period are made before any of its outcomes is known. "independent": besides, given the forecasts, its
        outcomes do not depend on each other; the sequence is narrower. "changing": forecasts change within a period, as
        those made during a game do; no sequence is valid, and none is shown.
    {cv}
    {X}
    {features}
    {exclude}
    {leave_two_out}
    {keep}
    missing : {"error", "drop"}
        What to do with rows in which something is missing, for whichever forecast: they are left out for all alike.
    {header}
    name : str, optional
        What the rows are called, where they are not in a file.
    {engine}
    {progress}

    Returns
    -------
    Comparison
        Printable; every figure an attribute.

    Raises
    ------
    DataError
        If the data break a rule: the message names the row, the value and the way out.
    SourceNotFound
        If a path names nothing.

    Notes
    -----
    Cost: one pass; for two forecasts about twice that of measuring one, three to four times with `order` or `by`, seven
    with `cluster`. Every two forecasts are compared, which of 5 are 10 pairs. Memory does not grow with the number of
    rows: up to 37,449 periods are kept (fewer of more than two forecasts), beyond that longer ones. Same bits for any
    order, cut or number of threads. Intervals are made as those of `measure`: of rows without weights and clusters with
    Hall's transformation, else with Student's t and effective numbers (docs/inference.md). With `order` they still take
    rows (or clusters) as independent; `sequential.autocorrelation_robust` is the interval that lets rows of a
    period, and neighbouring periods, depend on each other, and a caution says where it shows that the others are too
    narrow. With `cv` the cost
    is that of the fits, and intervals of losses and leads are those of models trained on about as many rows as those of
    the folds were, over new rows of training and of judging; of folds in the order of time those of these very models.

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
    >>> found = logloss.compare(table, y_true="won", y_proba=["old", "new"])
    >>> print(repr(found).splitlines()[0])
    new is better than old by 0.3556 nats per row [0.3209, 0.3911]

    Estimators of scikit-learn, trained and judged in the same five folds:

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
    return comparison_of(summary, tuple(forecaster.name for forecaster in roles.forecasters), clause, _losses(judged))


def _losses(judged: Mapping[str, OutOfFold]) -> tuple[FoldLosses, ...]:
    """What the models of folds cost, of each estimator."""
    return tuple(each.losses for each in judged.values())


def comparison_of(
    summary: ComparisonSummary, names: tuple[str, ...], clause: dict[str, Any], folds: Sequence[FoldLosses] = ()
) -> Comparison:
    """The comparison that a summary makes; folds: of each forecast, where cross-validation made them."""
    estimator = PairEstimator(summary, names, clause["within"], folds)
    # Of a given forecast more is known than of models.
    of_models = min(folds, key=lambda each: each.without is not None).summary() if folds else None
    # From the best down: the first contest is that of the best and the runner-up.
    order = estimator.order()
    pairs = tuple(estimator.pair(order[i], order[j]) for i in range(len(order)) for j in range(i + 1, len(order)))
    first = pairs[0]
    change = Estimate(math.nan, reason="more than two forecasts")
    if len(names) == 2:
        change = first.delta if first.better == names[0] else negated(first.delta)
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
        change=change,
        pair=first,
        pairs=pairs,
        ranking=ranking_of(estimator, order, pairs),
        n_rows=summary.n_rows,
        n_dropped=summary.n_dropped - (0 if of_models is None else of_models.n_left_out),
        n_clusters=0 if clusters is None else clusters.n_groups,
        n_periods=0 if periods is None else periods.n_groups,
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
        summary=summary,
        **clause,
    )


def ranking_of(estimator: PairEstimator, order: Sequence[int], pairs: tuple[PairwiseComparison, ...]) -> SmallTable:
    """The forecasts from the best to the worst."""
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
