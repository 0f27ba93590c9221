"""calibrate(): from a measurement, or from rows that it reads once, to a calibration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.answers.estimate import INFINITE, Estimate, SamplingError, with_interval
from logloss.answers.small_table import SmallTable
from logloss.calibration.answer import Calibration
from logloss.calibration.bins import folds_of, score_bins_of
from logloss.calibration.calibrated_groups import (
    cells_and_folds,
    columns_of_measurement,
    groups_of,
    note_on_one_group,
    refuse_role,
)
from logloss.calibration.certified_gap import certified_gap
from logloss.calibration.group_saving import fitted_groups
from logloss.calibration.map_fits import FitData
from logloss.calibration.maps import IDENTITY, METHODS, MIXTURE, ScoreMap, StackedMap
from logloss.calibration.selection import AUTO, CrossFit, cross_fitted, fitted_stack
from logloss.calibration.venn_abers import VennAbers
from logloss.data.block import Block
from logloss.data.request import RowOptions, described
from logloss.data.values import Array, Value
from logloss.errors import DataError
from logloss.inference.clustered_groups import why_too_few
from logloss.inference.logistic_line import AS_GOOD_AS_INFINITE
from logloss.inference.moments import Moments
from logloss.inference.recalibration import Recalibration, finite
from logloss.inference.score_table import dot
from logloss.inference.variance import ErrorOf, error_of_rows, figures_of
from logloss.measurement import Measurement, SummaryRecord, summarise, summarise_groups
from logloss.onepass.summaries import GroupedSummary, LossSummary
from logloss.text import listed, value_text

if TYPE_CHECKING:
    from logloss.inference.score_table import ScoreTable

# docs/decisions/0039-an-average-of-maps.md: with the shares found anew for each, 45 pairs of folds are fitted.
N_FOLDS = 10
# Of a loss of which less is left than this, the difference of two floats means nothing.
ALL_SAVED = 2.0**-30


@described
def calibrate(
    data: Any,
    y_proba: Any = None,
    *,
    y_true: Any = None,
    y_logit: Any = None,
    sample_weight: Any = None,
    counts: Any = None,
    pos_label: Value = None,
    by: Any = None,
    cluster: Any = None,
    negatives_kept: float = 1.0,
    missing: str = "error",
    header: bool = True,
    method: str = AUTO,
    n_folds: int = N_FOLDS,
    random: np.random.Generator | None = None,
    engine: object = None,
    progress: Callable[[Block], None] | None = None,
) -> Calibration:
    """A calibration map of scores, and by how much it is expected to reduce the log loss on new rows, in nats per row.

    From a measurement, also one that was saved, without its rows; or from arrays, or a table and the names of its
    columns, as in `measure`. Every map keeps the order of the scores, by group of those in each group.

    Parameters
    ----------
    data : Measurement, array of shape (n_rows,), or table
        A measurement: nothing else is needed. Or labels; or, if `y_true` is given, a table.
    {y_proba}
    {y_true}
    {y_logit}
    {sample_weight}
        Scaling all of them changes nothing.
    {counts}
    {pos_label}
    by : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        Calibration by group: besides the map of all rows each group has a shift and a slope of its log-odds, shrunken
        towards 0 and 1 (random effects, whose variances are chosen by marginal likelihood). Rows of a group that was
        not seen get the map of all rows; null is a group. Up to 4,096 groups. Of a measurement: names among its `by`;
        it keeps what is needed for up to 256 groups without clusters.
    cluster : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        Rows with equal values depend on each other: folds are of whole clusters, and so is the interval.
    {negatives_kept}
    {missing}
    {header}
    method : {"auto", "identity", "mixture", "shift", "temperature", "platt", "beta", "isotonic"}
        "identity" changes nothing; "mixture" is (1 − ε)·p + ε·base rate, under which no forecast of exactly 0 or 1 has
        an infinite loss; "shift" adds to the log-odds; "temperature" divides them; "platt" does both; "beta": log-odds
        a·log p − b·log(1 − p) + c, so separate slopes near 0 and near 1; "isotonic": centred isotonic regression,
        interpolated between pools. "auto" is their average in log-odds, with shares ∝ exp(−n·loss / 2), the loss
        cross-validated: with few rows it changes little, with many only the best is left. A method that is named is
        used as it is.
    n_folds : int ≥ 2
        Folds of the cross-validation.
    random : numpy.random.Generator, optional
        Draws the folds; seeded by the rows if left out, so that the same rows give the same result.
    {engine}
    {progress}

    Returns
    -------
    Calibration
        `apply` maps probabilities; `expected_reduction` is by how much it reduces the log loss; `save` writes it.

    Raises
    ------
    DataError
        If the data are invalid, `method` or `n_folds` is, or options of rows are passed with a measurement.
    SourceNotFound
        If a path does not exist.

    Notes
    -----
    Cost: that of measuring, and 0.1 to 0.4 s whatever the number of rows; with `by` 1 s
    more for 8 groups, 2 s for 256 and 15 s for 4,000.
    Fits have Platt's targets: one row more of each class, of effective rows (Σw)² / Σw². Forecasts of exactly 0 and 1
    become (s + ½) / (n + 1), or the nearest score's probability. Where there are any, "auto" has no share of the
    identity: a single wrong one would make the loss of new rows infinite. A mixture's ε counts half a row as wrong.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines. Advances in Large Margin Classifiers, 61-74.
    Kull, M., Silva Filho, T. & Flach, P. (2017). Beta calibration. PMLR 54, 623-631.
    Oron, A. P. & Flournoy, N. (2017). Centered isotonic regression. Statistics in Biopharmaceutical Research 9(3),
    258-267. doi:10.1080/19466315.2017.1286256.

    Examples
    --------
    >>> import logloss
    >>> c = logloss.calibrate([1, 0, 1, 0] * 50, [0.9, 0.1, 0.9, 0.9] * 50, method="platt")
    >>> c.apply([0.1, 0.9]).round(3).tolist()
    [0.01, 0.663]
    """
    if method != AUTO and method not in METHODS:
        raise DataError(f"`method` must be {listed([AUTO, *METHODS])}; got {value_text(method)}.")
    if n_folds < 2:
        raise DataError(f"`n_folds` must be at least 2; got {n_folds}.")
    requested = RowOptions(
        y_proba=y_proba,
        y_true=y_true,
        y_logit=y_logit,
        sample_weight=sample_weight,
        counts=counts,
        pos_label=pos_label,
        cluster=cluster,
        negatives_kept=negatives_kept,
        missing=missing,
        header=header,
        engine=engine,
        progress=progress,
    )
    parts: tuple[LossSummary, ...] = ()
    columns: tuple[str, ...] = ()
    if not isinstance(data, Measurement):
        requested = replace(requested, by=by)
        refuse_role(requested)
        record, parts = (summarise(data, requested), ()) if by is None else summarise_groups(data, requested, n_folds)
        groups = None if by is None else groups_of(record.summary, (), parts)
    elif requested.given:
        given = listed([f"`{name}`" for name in requested.given])
        raise DataError(f"a measurement already contains its labels and predictions; leave out {given}.")
    elif negatives_kept != 1:
        raise DataError(
            "`negatives_kept` cannot be applied to a measurement; pass it to `measure`, then calibrate that "
            "measurement."
        )
    else:
        record = data.record
        columns = () if by is None else columns_of_measurement(by)
        groups = groups_of(record.summary, columns, ()) if columns else None
    return calibrated(record, method=method, n_folds=n_folds, random=random, groups=groups, parts=parts)


def calibrated(
    record: SummaryRecord,
    *,
    method: str,
    n_folds: int,
    random: np.random.Generator | None,
    groups: GroupedSummary | None = None,
    parts: Sequence[LossSummary] = (),
) -> Calibration:
    """The calibration that a summary makes; groups: by which there are effects; parts: folds of whole clusters."""
    summary, notes = record.summary, record.notes
    if groups is not None and groups.n_groups == 1:
        notes, groups = (*notes, note_on_one_group(groups)), None
    # No more than there are independent observations; cross-fitting needs two: of a single row one of them is empty.
    n_observations = summary.n_rows if summary.clusters is None else summary.clusters.n_groups
    n_folds = max(min(n_folds, n_observations), 2)
    cells, of_cells = None, np.zeros(0)
    if groups is None:
        bins = score_bins_of(summary)
        # Made of the rows: the same ones have the same answer. A fixed seed would deal out the classes to the folds of
        # all samples alike, and their luck would be a bias.
        random = np.random.default_rng(bins.table.seed) if random is None else random
        folds = folds_of(bins, summary, n_folds, random)
    else:
        bins, cells, of_cells = cells_and_folds(summary, groups, parts, n_folds, random)
        folds = cells.folds_of_whole(of_cells)
    moments, error_of = figures_of(summary, bins.table)
    methods = _methods_of(method, has_certain=not bins.inside.all(), has_groups=groups is not None)
    effect = None if summary.clusters is None else design_effect(bins.table, moments, error_of)
    candidates = cross_fitted(bins, folds, methods, design_effect=effect)
    loss = float(moments.log_loss())
    # Of too few clusters no interval can be trusted, nor what follows from one.
    reason = moments.why_no_interval() or why_too_few(moments.effective_clusters)
    reason = INFINITE if math.isinf(loss) else reason
    expected_reduction = saving(candidates, method, error_of, reason)
    if n_observations < 2 and method != IDENTITY:
        only = "row" if summary.clusters is None else "cluster"
        expected_reduction = Estimate(math.nan, reason=f"there is one {only}, and no other to validate a map on")
    of_groups, effects = 0.0, None
    if cells is not None:
        row = residual_design_effect(bins.table, moments, error_of) / bins.n_effective
        fit = fitted_groups(cells, of_cells, candidates, method, row, has_clusters=summary.clusters is not None)
        expected_reduction, by_groups = fit.total(candidates, method, moments, reason)
        of_groups, effects = float(by_groups), fit.answer(by_groups)
    # What is handed out is fitted to every place, not to runs of them: its gap is certified below.
    score_map = fitted_stack(candidates.shares_of(method), FitData.of_table(bins))
    edges = bins.log_one[0], bins.log_zero[0]
    after = loss - float(expected_reduction)
    if not (math.isnan(expected_reduction) or after > loss * ALL_SAVED):
        # Nothing but rounding is left of the difference.
        after = max(candidates.log_loss(method) - of_groups, 0.0)
    return Calibration(
        map=score_map,
        requested=method,
        expected_reduction=expected_reduction,
        expected_reduction_share=_share(expected_reduction, loss),
        log_loss=loss,
        log_loss_after=after,
        gap=gap_of(score_map, bins.table),
        candidates=_table(candidates, method, methods, error_of),
        negatives_kept=record.question.negatives_kept,
        n_rows=summary.n_rows,
        n_folds=len(folds),
        is_exact=bins.table.is_exact,
        has_zero=bool((edges[0] <= -AS_GOOD_AS_INFINITE).any()),
        has_one=bool((edges[1] >= AS_GOOD_AS_INFINITE).any()),
        share_certain=float(bins.masses[:, ~bins.inside].sum()),
        source=record.source,
        positive=record.question.positive,
        notes=notes,
        group_effects=effects,
        venn_abers_pair=VennAbers.of(bins.table),
    )


def _methods_of(method: str, *, has_certain: bool, has_groups: bool) -> tuple[str, ...]:
    """The methods that are compared. has_certain: whether there are forecasts of exactly 0 or 1."""
    if method == IDENTITY and has_groups and has_certain:
        raise DataError(
            '`method="identity"` leaves forecasts of exactly 0 and 1 as they are, and no shift of a group moves them; '
            'use method="auto", or leave out `by`.'
        )
    if method == AUTO:
        # A mixture keeps the loss of certain forecasts finite: without any there is no need of it.
        return tuple(each for each in METHODS if each != MIXTURE or has_certain)
    return tuple(dict.fromkeys((IDENTITY, method)))


def design_effect(table: ScoreTable, moments: Moments, error_of: ErrorOf) -> float:
    """How many rows of clusters make one independent observation: the ratio of the variances of the mean loss."""
    return _ratio_of_variances(table, moments, error_of, finite(table.if_zero), finite(table.if_one))


def residual_design_effect(table: ScoreTable, moments: Moments, error_of: ErrorOf) -> float:
    """The same of the mean of y − p, from which the shifts of groups follow."""
    return _ratio_of_variances(table, moments, error_of, -table.of_zeros.proba, 1 - table.of_ones.proba)


def _ratio_of_variances(table: ScoreTable, moments: Moments, error_of: ErrorOf, if_zero: Array, if_one: Array) -> float:
    """The variance of a mean with the errors of `error_of`, over that of independent rows; 1 at least."""
    zeros, ones = table.shares
    mean = dot(zeros, if_zero) + dot(ones, if_one)
    plain = error_of_rows(table, moments)(if_zero, if_one, mean).error
    clustered = error_of(if_zero, if_one, mean).error
    # Where all rows have the same loss, or too large ones, clusters make no difference that could be seen.
    is_known = plain > 0 and math.isfinite(clustered) and math.isfinite(plain)
    return max((clustered / plain) ** 2, 1.0) if is_known else 1.0


def gap_of(fit: ScoreMap | StackedMap, table: ScoreTable) -> float:
    """By how much, at most, the best maps of the same methods could have a lower loss on these rows, in nats per row.

    Of a stack the mean over its maps: losses are convex in log-odds, so that its loss is at most their average.
    """
    recalibration = Recalibration(table)
    if isinstance(fit, ScoreMap):
        return certified_gap(fit, table, recalibration)
    return math.fsum(
        share * certified_gap(each, table, recalibration) for share, each in zip(fit.shares, fit.maps, strict=True)
    )


def saving(candidates: CrossFit, method: str, error_of: ErrorOf, reason: str) -> Estimate:
    """Expected reduction by a method on new rows, with its interval."""
    if method == IDENTITY:
        return Estimate(0.0, reason="the probabilities are unchanged")
    if reason == INFINITE:
        is_finite = math.isfinite(candidates.log_loss(method))
        return Estimate(math.inf if is_finite else math.nan, reason="the log loss is infinite")
    more, sampling = candidates.saving(method, error_of)
    return Estimate(more, reason=reason) if reason else with_interval(more, sampling)


def _share(expected_reduction: Estimate, loss: float) -> Estimate:
    """A reduction as a share of the loss."""
    # The loss is taken as known: beside that of the difference its error does not count.
    if math.isinf(loss):
        return Estimate(math.nan, reason="the log loss is infinite")
    if loss == 0 or not math.isfinite(expected_reduction):
        is_unknown = math.isnan(expected_reduction)
        return Estimate(math.nan, reason=expected_reduction.reason if is_unknown else "the log loss is 0")
    return Estimate(
        expected_reduction / loss,
        expected_reduction.low / loss,
        expected_reduction.high / loss,
        expected_reduction.reason,
    )


def _table(candidates: CrossFit, requested: str, methods: tuple[str, ...], error_of: ErrorOf) -> SmallTable:
    """Each method, from the simplest: its log loss expected on new rows, the expected reduction, its standard error,
    and its share in the average."""
    rows = []
    before, shares = candidates.log_loss(IDENTITY), candidates.shares_of(requested)
    for method in methods:
        loss = candidates.log_loss(method)
        is_known = math.isfinite(before) and math.isfinite(loss)
        more, sampling = candidates.saving(method, error_of) if is_known else (math.nan, SamplingError(math.nan))
        rows.append((method, loss, more, sampling.error, shares.get(method, 0.0)))
    names = ("method", "log_loss_nats", "expected_reduction_nats", "error_nats", "share")
    return SmallTable({name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)})
