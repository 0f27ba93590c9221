"""What a set of predictions costs, and why.

>>> import logloss
>>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
>>> round(m.log_loss, 4), round(m.base_rate, 2)
(0.3375, 0.75)

A measurement is made of one `LossSummary`; it keeps it, so that it can be saved and merged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from logloss import wording
from logloss.breakdown import clustered, error_of_clusters, groups_table, margin
from logloss.data.binding import bind
from logloss.data.block import Block
from logloss.data.keys import GroupKey
from logloss.data.rows import Roles
from logloss.decomposition import (
    Chance,
    Miscalibration,
    Recalibration,
    area_under_curve,
    chance_of,
    decomposed,
    error_of_rows,
    share_of_costliest,
)
from logloss.errors import DataError
from logloss.estimates import CONFIDENCE, Estimate, moments_of
from logloss.figures import jsonable, put, put_estimate
from logloss.provenance import Parts, Question
from logloss.smalltable import SmallTable
from logloss.spread import Spread, spread_of
from logloss.text import NATS_PER_BIT, printable, value_text

if TYPE_CHECKING:
    from logloss.onepass.summaries import Costly, LossSummary


@dataclass(frozen=True, slots=True, repr=False)
class Measurement:
    """What a set of predictions costs: made by `measure`, frozen and complete.

    Losses are in nats per row (per unit of weight). Every estimate is an `Estimate`: a float with `low` and `high`.

    Attributes
    ----------
    log_loss : Estimate
        Mean log loss, in [0, inf]; its interval is corrected for skewness.
    log_loss_of_possible : float
        The same over the rows whose loss is finite.
    uncertainty, discrimination : Estimate
        Entropy of the base rate, in [0, ln 2]: what saying it to every row costs; and what the predictions know of it.
    miscalibration : Miscalibration
        What they get wrong about it, ≥ 0: log_loss = uncertainty − discrimination + miscalibration. Knows what chance
        alone would show: `by_chance`, `by_chance_95`, `p_value`, `beyond_chance`.
    skill : Estimate
        1 − log_loss / uncertainty: the share of the uncertainty that is saved. At most 1; nan for one class.
    base_rate, mean_proba : Estimate, float
        Mean label and mean prediction, in [0, 1]; `ratio` is mean_proba / base_rate.
    auc : Estimate
        Probability that a positive row has a higher score than a negative one, in [0, 1].
    brier : Estimate
        Mean squared error of the predictions, in [0, 1].
    expected_log_loss : float
        Mean entropy of the predictions: what they promise to cost. `expected_gap` is log_loss − expected_log_loss,
        `expected_z` that gap in standard errors if the predictions are right (nan for soft labels).
    costliest : SmallTable
        The rows that cost most: where they are, what was said, what was true, log loss in nats, weight.
    share_of_costliest_1_percent, share_of_costliest_10_percent : float
        The share of the whole loss that the costliest rows bear; nan where it is not known.
    groups : SmallTable or None
        What each group of `by` costs and adds (`margin` puts some of several columns together).
    n_rows, n_ones, n_infinite, n_dropped, n_clusters : int
        Rows that take part, rows with label 1, rows that were given probability 0, rows left out by missing="drop",
        clusters (or, where there are more than 4,096, the buckets that they share: `has_buckets`).
    n_scores : int
        Distinct predictions, or bins of them where `is_exact` is False.
    first_infinite : str
        Where the first impossible row is; "" if there is none.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([1, 0, 0, 0], [1.0, 1.0, 0.0, 0.0])
    >>> float(m.log_loss), m.n_infinite, m.first_infinite
    (inf, 1, 'row 1')
    """

    log_loss: Estimate
    log_loss_of_possible: float
    uncertainty: Estimate
    discrimination: Estimate
    miscalibration: Miscalibration
    skill: Estimate
    base_rate: Estimate
    mean_proba: float
    auc: Estimate
    brier: Estimate
    expected_log_loss: float
    expected_gap: float
    expected_z: float
    expected_reason: str
    costliest: SmallTable
    share_of_costliest_1_percent: float
    share_of_costliest_10_percent: float
    groups: SmallTable | None
    n_rows: int
    n_ones: int
    n_infinite: int
    n_dropped: int
    n_clusters: int
    n_scores: int
    is_exact: bool
    sum_weight: float
    is_soft: bool
    has_weights: bool
    has_counts: bool
    by: tuple[str, ...]
    cluster: tuple[str, ...]
    has_buckets: bool
    has_too_many_groups: bool
    first_infinite: str
    source: str
    positive: str
    notes: tuple[str, ...] = ()
    summary: LossSummary = field(default=None, compare=False)  # type: ignore[assignment]
    question: Question = field(default=None, compare=False)  # type: ignore[assignment]
    parts: Parts = field(default=None, compare=False)  # type: ignore[assignment]

    @property
    def ratio(self) -> float:
        """Mean prediction / base rate: above 1 where too much was promised; nan if nothing happened."""
        return self.mean_proba / self.base_rate if self.base_rate else math.nan

    def margin(self, *columns: str) -> SmallTable:
        """The groups by some of the columns of `by`, the others put together.

        Parameters
        ----------
        *columns : str
            Names of columns of `by`.

        Examples
        --------
        >>> import logloss
        >>> by = {"day": [1, 1, 2, 2], "site": ["a", "b", "a", "b"]}
        >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9], by=by)
        >>> m.margin("site")["rows"]
        [2, 2]
        """
        groups = self.summary.groups
        if groups is None or not columns or not set(columns) <= set(groups.columns):
            known = "none" if groups is None else ", ".join(groups.columns)
            raise DataError(f"margin() takes columns of `by`: {known}; got {', '.join(columns) or 'none'}.")
        moments = moments_of(self.summary, spread_of(self.summary.scores))
        return groups_table(margin(groups, columns), moments, is_soft=self.is_soft)

    def merge(self, other: Measurement) -> Measurement:
        """The measurement of the rows of both, to the bit what measuring them together gives.

        Parameters
        ----------
        other : Measurement
            Of other rows: one that shares a part (a file with equal sums) is refused.

        Returns
        -------
        Measurement
            Of all rows.

        Raises
        ------
        DataError
            If the two share a part or do not answer the same question.

        Examples
        --------
        >>> import logloss
        >>> monday = logloss.measure([1, 0], [0.8, 0.4])
        >>> tuesday = logloss.measure([1, 1], [0.6, 0.9])
        >>> round(monday.merge(tuesday).log_loss, 4)
        0.3375
        """
        question = self.question.merge(other.question)
        parts = self.parts.union(other.parts)
        notes = tuple(dict.fromkeys((*self.notes, *other.notes)))
        return measurement_of(self.summary.merge(other.summary), question, parts, parts.text, notes)

    def save(self, path: Any) -> None:
        """Write the summary to a file: Parquet in long form, checksummed, written whole or not at all.

        Parameters
        ----------
        path : str or path
            Where to; an older file of that name is replaced.

        Examples
        --------
        >>> import logloss, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "monday.logloss")
        >>> logloss.measure([1, 0], [0.8, 0.4]).save(path)
        >>> logloss.load(path).n_rows
        2
        """
        from logloss.filing import save_summary

        save_summary(path, self.summary, self.question, self.parts, self.source, self.notes)

    def to_dict(self) -> dict[str, Any]:
        """The figures as flat JSON-ready values, units in the names; undefined is None with a reason beside it.

        Examples
        --------
        >>> import logloss
        >>> logloss.measure([1, 0], [0.5, 0.5]).to_dict()["log_loss_bits"]
        1.0
        """
        figures: dict[str, Any] = {"schema": 1, "source": self.source, "positive": self.positive}
        figures |= {"n_rows": self.n_rows, "n_infinite": self.n_infinite, "n_dropped": self.n_dropped}
        put(figures, "sum_weight", self.sum_weight)
        if not self.is_soft:
            figures["n_positive"] = self.n_ones
        put_estimate(figures, "log_loss_nats", self.log_loss)
        put(figures, "log_loss_bits", self.log_loss / NATS_PER_BIT)
        if self.n_infinite:
            put(figures, "log_loss_of_possible_nats", self.log_loss_of_possible, "every row is impossible")
            figures["first_infinite"] = self.first_infinite
        put_estimate(figures, "uncertainty_nats", self.uncertainty)
        put_estimate(figures, "discrimination_nats", self.discrimination)
        found = self.miscalibration
        put_estimate(figures, "miscalibration_nats", found)
        put(figures, "miscalibration_nats_lowest", found.lowest)
        put(figures, "miscalibration_nats_highest", found.highest)
        put(figures, "miscalibration_by_chance_nats", found.by_chance, found.chance_reason)
        put(figures, "miscalibration_by_chance_95_nats", found.by_chance_95, found.chance_reason or "all outcomes")
        put(figures, "miscalibration_p_value", found.p_value, found.chance_reason)
        put_estimate(figures, "miscalibration_beyond_chance_nats", found.beyond_chance)
        put_estimate(figures, "skill", self.skill)
        put_estimate(figures, "base_rate", self.base_rate)
        put(figures, "mean_proba", self.mean_proba)
        put(figures, "ratio", self.ratio, "no row is positive")
        put_estimate(figures, "auc", self.auc)
        put_estimate(figures, "brier", self.brier)
        put(figures, "expected_log_loss_nats", self.expected_log_loss)
        put(figures, "expected_gap_nats", self.expected_gap)
        put(figures, "expected_z", self.expected_z, self.expected_reason)
        for part in (1, 10):
            share = getattr(self, f"share_of_costliest_{part}_percent")
            put(figures, f"share_of_costliest_{part}_percent", share, "not known of soft labels and infinite losses")
        figures["costliest"] = [jsonable(row) for row in self.costliest]
        figures |= {"n_scores": self.n_scores, "is_exact": self.is_exact}
        if self.cluster:
            figures |= {"cluster": list(self.cluster), "n_clusters": self.n_clusters}
        if self.groups is not None:
            figures |= {"by": list(self.by), "has_too_many_groups": self.has_too_many_groups}
            figures["groups"] = [jsonable(row) for row in self.groups]
        figures["confidence"] = CONFIDENCE
        figures["notes"] = list(self.notes)
        return figures

    def __repr__(self) -> str:
        return wording.text_of(self)


def measure(
    data: Any,
    y_proba: Any = None,
    *,
    y_true: Any = None,
    y_logit: Any = None,
    sample_weight: Any = None,
    counts: Any = None,
    pos_label: Any = None,
    by: Any = None,
    groups: Sequence[Any] | None = None,
    cluster: Any = None,
    missing: str = "error",
    header: bool = True,
    name: str = "",
    engine: Any = None,
    progress: Callable[[Block], None] | None = None,
) -> Measurement:
    """Measure what a set of predictions costs, with intervals, in one pass.

    The arguments are arrays, or a table and the names of its columns. Nothing is clipped, guessed, renormalised or
    dropped in silence.

    Parameters
    ----------
    data : array of shape (n_rows,), or table
        Labels, as in `log_loss`. If `y_true` is given: a data frame, an Arrow table or dataset, the path, list, glob
        or folder of Parquet or CSV files, or a frame of Dask or Spark.
    y_proba : array of shape (n_rows,) or (n_rows, 2), or name of a column, or two names, optional
        Predicted probability of 1, in [0, 1]; or the probabilities of both classes: the two columns of an array in
        sorted order of the labels, or the names of the column of 0 and of the column of 1.
    y_true : name of a column, or comparison, optional
        Column of labels, or a comparison that makes one: ``"stars >= 4"``, ``"label != 'normal.'"``.
    y_logit : array of shape (n_rows,), or name of a column, optional
        Log-odds of 1, any real or ±inf, instead of `y_proba`.
    sample_weight : array of shape (n_rows,), or name of a column, values ≥ 0, optional
        Weight of each row. Weight 2 counts like two rows in every estimate; in intervals a row is one observation.
    counts : array of shape (n_rows,), or name of a column, whole numbers ≥ 0, optional
        How many times each row stands: intervals, too, equal those of the repeated rows.
    pos_label : number or text, optional
        The class that counts as 1, where labels are not 0 and 1.
    by : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        What makes groups: `m.groups` shows what each costs. null is a group. Up to 4,096 groups are kept.
    groups : list of values (of tuples, where `by` has several columns), optional
        The groups to keep apart; the others are pooled as one.
    cluster : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        Rows with equal values depend on each other: intervals take clusters, not rows, as independent.
    missing : {"error", "drop"}
        What to do with rows in which something is missing (null or NaN).
    header : bool
        Whether CSV files begin with the names of the columns; otherwise these are "0", "1", …
    name : str, optional
        What the rows are called, where they are not in a file: two summaries of equal rows merge under different names.
    engine : distributed.Client, SparkSession, "dask" or "spark", optional
        Who walks over the files, to the same bits; "dask" or "spark" start one on this machine. A frame of theirs needs
        none (docs/scale.md).
    progress : function, optional
        Called with each block of rows once it is in the summary, from the thread that made it; of an engine with what
        is known of the parts that are done: their `n_rows`.

    Returns
    -------
    Measurement
        Printable; every figure an attribute.

    Raises
    ------
    DataError
        If the data break a rule: the message names the row, the value and the way out.
    SourceNotFound
        If a path names nothing.

    Notes
    -----
    Cost: one pass, about 6 ns a row and thread (25 with groups), and up to 0.3 s for the chance level; memory does not
    grow with the number of rows. Same bits for any order, cut or number of threads. The means of loss, label,
    prediction and squared error are exact. Up to 65,536 distinct predictions everything else is, too; beyond that it
    comes from bins, with certified bounds of the parts. Intervals of means use Hall's transformation of the studentised
    mean, that of the AUC DeLong's variance in log-odds.

    References
    ----------
    Hall, P. (1992). On the removal of skewness by transformation. J. R. Stat. Soc. B 54(1), 221-228.
    doi:10.1111/j.2517-6161.1992.tb01876.x

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure({"won": [1, 0, 1], "p": [0.8, 0.3, 0.6]}, y_true="won", y_proba="p")
    >>> round(m.log_loss, 4)
    0.3635
    """
    from logloss.onepass.engines import placed
    from logloss.onepass.run import walk
    from logloss.onepass.summaries import GroupedSummary, LossSummary

    with placed(data, engine, header=header) as table:
        source, roles = bind(
            table,
            y_true=y_true,
            y_proba=y_proba,
            y_logit=y_logit,
            sample_weight=sample_weight,
            counts=counts,
            pos_label=pos_label,
            by=by,
            cluster=cluster,
            missing=missing,
            header=header,
        )
        only = None if groups is None else listed_groups(groups, len(roles.by))
        empty = LossSummary.empty(
            GroupedSummary.empty(roles.by, only=only) if roles.by else None,
            GroupedSummary.empty(roles.cluster, is_hashed=True) if roles.cluster else None,
        )
        summary = walk(source, roles, empty, progress=progress)
    question = Question(
        positive_text(roles),
        "" if roles.label_test is None and roles.pos_label is None else positive_text(roles),
        roles.forecast or "",
        roles.sample_weight is not None,
        roles.counts is not None,
    )
    parts = Parts.of((piece or name, numbers) for piece, numbers in summary.pieces)
    return measurement_of(summary, question, parts, source.name or name, source.notes)


def measurement_of(
    summary: LossSummary, question: Question, parts: Parts, source: str, notes: tuple[str, ...]
) -> Measurement:
    """The measurement that a summary makes."""
    summary = replace(summary, pieces=())
    spread = spread_of(summary.scores)
    moments = moments_of(summary, spread)
    error_of = error_of_rows(spread, summary.n_rows)
    no_chance = ""
    if summary.clusters is not None:
        moments = clustered(moments, summary.clusters)
        error_of = error_of_clusters(summary.clusters, spread, moments)
        no_chance = "rows of a cluster depend on each other"
    reason = moments.why_no_interval()
    loss, uncertainty = moments.log_loss(), moments.uncertainty()
    recalibration = Recalibration(spread)
    excess = max(loss - recalibration.log_loss, 0.0)
    chance = Chance(reason=no_chance)
    if not no_chance:
        chance = chance_of(spread, summary.costliest, excess, summary.n_rows, is_soft=summary.is_soft)
    discrimination, miscalibration = decomposed(recalibration, loss, chance, error_of, reason)
    gap = moments.expected_gap()
    z, z_reason = moments.expected_z(gap)
    first = next((row for row in summary.costliest.rows if math.isinf(row.cost)), None)
    groups = summary.groups
    return Measurement(
        log_loss=loss,
        log_loss_of_possible=moments.loss_of_possible(),
        uncertainty=uncertainty,
        discrimination=discrimination,
        miscalibration=miscalibration,
        skill=moments.skill(loss, uncertainty),
        base_rate=moments.base_rate(),
        mean_proba=moments.quotient("p"),
        auc=area_under_curve(spread, error_of, reason),
        brier=moments.brier(),
        expected_log_loss=moments.expected_log_loss(),
        expected_gap=gap,
        expected_z=z,
        expected_reason=z_reason,
        costliest=costliest_table(summary.costliest.rows),
        share_of_costliest_1_percent=_share(summary, spread, 0.01),
        share_of_costliest_10_percent=_share(summary, spread, 0.1),
        groups=None if groups is None else groups_table(groups, moments, is_soft=summary.is_soft),
        n_rows=summary.n_rows,
        n_ones=summary.n_ones,
        n_infinite=summary.n_infinite,
        n_dropped=summary.n_dropped,
        n_clusters=0 if summary.clusters is None else summary.clusters.n_groups,
        n_scores=summary.scores.n_distinct,
        is_exact=not summary.scores.is_binned,
        sum_weight=moments.sum_weight(),
        is_soft=summary.is_soft,
        has_weights=question.has_weights,
        has_counts=question.has_counts,
        by=() if groups is None else groups.columns,
        cluster=() if summary.clusters is None else summary.clusters.columns,
        has_buckets=summary.clusters is not None and summary.clusters.is_over,
        has_too_many_groups=groups is not None and groups.is_over,
        first_infinite="" if first is None else first.where(source),
        source=source,
        positive=question.positive,
        notes=notes,
        summary=summary,
        question=question,
        parts=parts,
    )


def _share(summary: LossSummary, spread: Spread, part: float) -> float:
    """The share of the loss that the costliest rows bear; not known where a row's loss is not that of its label."""
    return math.nan if summary.is_soft or summary.n_infinite else share_of_costliest(spread, part)


def costliest_table(rows: Sequence[Costly]) -> SmallTable:
    """The costliest rows as a table."""
    columns: dict[str, list[Any]] = {
        "source": [row.name for row in rows],
        "row": [row.row if row.place.is_numbered else None for row in rows],
        "said": [row.said for row in rows],
        "label": [row.label for row in rows],
        "log_loss_nats": [row.cost for row in rows],
    }
    if any(not row.place.is_numbered for row in rows):
        columns["values"] = [
            row.place.remembered(row.row).row_text(row.row).removeprefix("the row with ") for row in rows
        ]
    if any(row.weight != 1 for row in rows):
        columns["weight"] = [row.weight for row in rows]
    if any(row.count != 1 for row in rows):
        columns["count"] = [row.count for row in rows]
    return SmallTable(columns)


def listed_groups(groups: Sequence[Any], n_columns: int) -> tuple[GroupKey, ...]:
    """The groups that are kept apart, as keys."""
    if n_columns == 0:
        raise DataError("`groups` names groups of `by`; pass `by`, too.")
    keys = [tuple(group) if isinstance(group, tuple | list) else (group,) for group in groups]
    for key in keys:
        if len(key) != n_columns:
            raise DataError(f"each of `groups` must have {n_columns} values, one for each column of `by`; got {key!r}.")
    return tuple(keys)


def positive_text(roles: Roles) -> str:
    """What counts as positive: `clicked = 1`, `class = ">50K"`, `stars >= 4`."""
    if roles.label_test is not None:
        return printable(str(roles.label_test))
    return f"{printable(roles.y_true)} = {'1' if roles.pos_label is None else value_text(roles.pos_label)}"
