"""segments(): where predictions are miscalibrated, and where they lose most."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from logloss.answers.estimate import Estimate
from logloss.data.binding import OTHERS, bind
from logloss.data.block import Block
from logloss.data.request import RowOptions, described
from logloss.data.rows import Roles, positive_text
from logloss.data.source import Source, kept_if_small
from logloss.data.values import Value
from logloss.errors import DataError
from logloss.inference.score_table import score_table_of
from logloss.inference.variance import figures_of
from logloss.segmentation.answer import Segments
from logloss.segmentation.cut import Cut, cut_of
from logloss.segmentation.search import Search, search
from logloss.segmentation.segment_tables import high_losses_table, miscalibrated_table
from logloss.text import counted

if TYPE_CHECKING:
    from logloss.onepass.summaries.segment_sums import SegmentCells, SegmentSums

# A segment of one class of so many rows whose label a column seems to hold.
MANY_ALIKE = 100


@described
def segments(
    data: Any,
    y_proba: Any = None,
    *,
    y_true: Any = None,
    y_logit: Any = None,
    features: Any = None,
    exclude: str | Sequence[str] = (),
    pairs: bool = True,
    most: int = 10,
    sample_weight: Any = None,
    pos_label: Value = None,
    cluster: Any = None,
    missing: str = "error",
    header: bool = True,
    name: str = "",
    engine: object = None,
    progress: Callable[[Block], None] | None = None,
) -> Segments:
    """Find the segments in which predictions are miscalibrated, with p-values that hold over the whole search.

    Segments are all rows, levels of categories, intervals of numbers (runs of neighbouring cells between quantiles of
    the column, missing values apart), and pairs of such ranges of two columns. The one whose shift of the log-odds
    lowers the log loss most is named if it is significant over all of them; then those that are significant beyond
    it: of overlapping segments one is told. Besides, where the log loss is high.

    Parameters
    ----------
    data : array of shape (n_rows,), or table
        Labels, as in `log_loss`. If `y_true` is given: a table, as in `measure`.
    {y_proba}
    {y_true}
    {y_logit}
    features : list of names of columns, or frame, optional
        The columns to search; all columns without another role if left out. With arrays: a frame, dict or array beside
        them. A missing value of a feature is a level of its own.
    exclude : name of a column, or list of names, optional
        Columns that are not searched.
    pairs : bool
        Whether pairs of columns are searched. They see four intervals of a number, and the 12 largest levels.
    most : int
        Largest number of segments that are named, in [1, 30]; each takes one more pass over the rows.
    {sample_weight}
    {pos_label}
    {cluster}
    missing : {"error", "drop"}
        Rows in which label, prediction, weight or cluster is missing: an error, or left out and counted.
    {header}
    name : str, optional
        Name of the data, if they are not in a file.
    {engine}
    {progress}

    Returns
    -------
    Segments
        Prints as tables; every figure is an attribute.

    Raises
    ------
    DataError
        If the data are invalid, a feature is the label or has too many levels, or only one class occurs: the message
        says what to do.
    SourceNotFound
        If a path does not exist.

    Notes
    -----
    Cost: a pass for the columns, one for the sums by cell, and one for each named segment; about 1 ns a row for each
    figure of each column and pair: 2 s for 16,000 rows of 14 columns with their 91 pairs, the first call apart.

    Which segments are tested depends on rows, weights and predictions alone: 50 effective rows inside and outside, a
    sum of p(1 − p) of at least 5 and, with `cluster`, 20 effective clusters. Levels of fewer rows are pooled and not
    tested; a column of text with more than 65,536 levels is refused if it was named, otherwise left out with a note.

    The test of a segment is the score test of a shift of its log-odds, its tail that of a shifted Poisson distribution
    with the same three cumulants. The p-value of the largest |z| comes from a multiplier bootstrap of 256 buckets of
    rows, or of clusters. Where predictions are right, at most 5% of searches name a segment (docs/segments.md, by
    simulation). Segments named after the first are tested against the same distribution. Intervals of the difference
    are those of the score test at the critical value of the whole search.

    References
    ----------
    Westfall, P. H. and Young, S. S. (1993). Resampling-Based Multiple Testing. Wiley.

    Chernozhukov, V., Chetverikov, D. and Kato, K. (2013). Gaussian approximations and multiplier bootstrap for maxima
    of sums of high-dimensional random vectors. Ann. Statist. 41(6), 2786-2819. doi:10.1214/13-AOS1161

    Examples
    --------
    >>> import logloss
    >>> table = {"y": [0, 1, 0, 0] * 300, "p": [0.25] * 1200, "site": ["a", "b", "c", "d"] * 300}
    >>> found = logloss.segments(table, y_true="y", y_proba="p")
    >>> found.miscalibrated[0]["segment"], found.miscalibrated[0]["observed"]
    ('site = b', 1.0)
    """
    from logloss.onepass.engines import placed

    if not 1 <= most <= 30:
        raise DataError(f"`most` must be a number of segments from 1 to 30; got {most}.")
    requested = RowOptions(
        y_proba=y_proba,
        y_true=y_true,
        y_logit=y_logit,
        sample_weight=sample_weight,
        pos_label=pos_label,
        cluster=cluster,
        missing=missing,
        header=header,
        name=name,
        engine=engine,
        progress=progress,
    )
    requested.check()
    if y_proba is None and y_logit is None:
        raise DataError("a forecast is needed: pass `y_proba` (probabilities of 1) or `y_logit` (log-odds).")
    with placed(data, requested, is_repeated=True) as table:
        source, roles = _bound(table, requested, features, exclude)
        kept = kept_if_small(source, len(roles.features))
        loss, rate = _overall(source, roles, progress)
        cut = cut_of(kept, roles, is_chosen=features is not None and y_true is not None, pairs=pairs, progress=progress)
        # Rows in memory stay as they are: their codes are looked up once.
        cells = replace(cut.cells, known={}) if kept is not source else cut.cells
        found = _searched(kept, replace(cut, cells=cells), most, progress)
    return _answer(found, cut, loss, rate, source)


def _bound(table: Any, requested: RowOptions, features: Any, exclude: str | Sequence[str]) -> tuple[Source, Roles]:
    """The source and its roles; there must be a feature."""
    if requested.y_true is None and features is None:
        raise DataError(
            "columns to search are needed: pass a table and `y_true` by its name, or `features=` beside the arrays, "
            "segments(y, p, features=frame)."
        )
    features = [features] if isinstance(features, str) and requested.y_true is not None else features
    exclude = [exclude] if isinstance(exclude, str | os.PathLike) else list(exclude)
    source, roles = bind(
        table, requested, features=OTHERS if features is None else features, exclude=tuple(map(str, exclude))
    )
    if not roles.features:
        raise DataError("no feature is left to search: every column of the table has another role. Name `features`.")
    return source, replace(roles, keeps_gaps=True)


def _overall(source: Source, roles: Roles, progress: Callable[[Block], None] | None) -> tuple[Estimate, float]:
    """(The log loss of all rows, their base rate); both classes must occur."""
    from logloss.onepass.run import walk
    from logloss.onepass.summaries import GroupedSummary, LossSummary
    from logloss.onepass.summaries.group_keys import CLUSTER

    clusters = GroupedSummary.empty(roles.cluster, CLUSTER) if roles.cluster else None
    summary = walk(
        source, replace(roles, features=(), categories=()), LossSummary.empty(None, clusters), progress=progress
    )
    moments, _ = figures_of(summary, score_table_of(summary.scores))
    rate = moments.quotient("a")
    if not 0 < rate < 1:
        raise DataError(
            f"both classes must occur to find segments; all {counted(summary.n_rows, 'row')} are "
            f"{1 if rate else 0}. Check `y_true` and `pos_label`."
        )
    return moments.log_loss(), rate


def _searched(source: Source, cut: Cut, most: int, progress: Callable[[Block], None] | None) -> Search:
    """The search over the rows of a source."""
    from logloss.onepass.run import walk
    from logloss.onepass.summaries.segment_sums import SegmentSums

    roles = replace(cut.roles, is_checked=True)

    def summed(cells: SegmentCells) -> SegmentSums:
        found: SegmentSums = walk(source, roles, SegmentSums.empty(cells), progress=progress)
        return found

    return search(summed(cut.cells), summed, most)


def _answer(found: Search, cut: Cut, loss: Estimate, rate: float, source: Source) -> Segments:
    """The answer of a search."""
    family, roles = found.family, cut.roles
    total = partial(lambda name: float(family.sum_of(name)[0]))
    table = miscalibrated_table(found)
    return Segments(
        miscalibrated=table,
        high_losses=high_losses_table(family, has_clusters=bool(roles.cluster)),
        log_loss=loss,
        n_segments=len(family),
        critical_z=found.critical,
        columns=tuple(column.name for column in cut.cells.columns),
        has_pairs=cut.cells.has_pairs,
        n_rows=found.n_rows,
        n_dropped=found.n_dropped,
        n_passes=found.n_passes + 2,
        base_rate=rate,
        mean_proba=(total("observed") - total("score")) / total("weight"),
        has_weights=roles.sample_weight is not None,
        cluster=roles.cluster,
        has_more=found.has_more,
        source=source.name,
        positive=positive_text(roles),
        cautions=_cautions(table),
        notes=(*source.notes, *cut.notes),
    )


def _cautions(table: Any) -> tuple[str, ...]:
    """Where a column may hold the label."""
    alike = [
        row["segment"]
        for row in table
        if row["rows"] >= MANY_ALIKE and row["observed"] in (0.0, 1.0) and row["share"] < 1
    ]
    return tuple(
        f"all rows of {segment} are of one class: does a column of it hold the label, or what is known only after it"
        for segment in alike
    )
