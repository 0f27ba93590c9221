"""Where a summary comes from: what was measured, and the parts it is made of, so that none is counted twice.

A part is identified by what was read of it: the number of rows, and sums over hashes of their labels, predictions,
weights, groups and clusters (`onepass/kernels/hashing.py`), not by its file. So it is the same part whatever its path,
its name and its other columns are. Different samples that are equal row by row need a name each.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.data.binding import bind
from logloss.data.keys import GroupKey
from logloss.data.request import RowOptions
from logloss.data.rows import Roles, positive_text
from logloss.data.source import Source
from logloss.data.values import typed
from logloss.errors import DataError
from logloss.inference.folds import Folds
from logloss.text import counted, listed, printable, value_text

if TYPE_CHECKING:
    from logloss.onepass.summaries import LossSummary


@dataclass(frozen=True, slots=True)
class Question:
    """What was measured. positive: the positive class, in words; positive_value: the same where it is not plain 0/1;
    forecast: the column of forecasts; whether rows have weights, or counts; negatives_kept: the share of negatives in
    training for which the forecasts were corrected."""

    positive: str
    positive_value: str = ""
    forecast: str = ""
    has_weights: bool = False
    has_counts: bool = False
    negatives_kept: float = 1.0

    def merge(self, other: Question) -> Question:
        """The question of both; an error if they differ."""
        if self.positive_value != other.positive_value:
            raise DataError(
                f"summaries must have the same positive class: one has {self.positive}, the other {other.positive}."
            )
        if self.forecast != other.forecast:
            raise DataError(
                f'summaries must be of one forecast: one is of column "{self.forecast}", the other of '
                f'"{other.forecast}". Name the columns alike if they are the same.'
            )
        if self.negatives_kept != other.negatives_kept:
            raise DataError(
                "summaries must be corrected alike: one has negatives_kept="
                f"{value_text(self.negatives_kept)}, the other {value_text(other.negatives_kept)}."
            )
        positive = self.positive if self.positive == other.positive else "y_true = 1"
        return Question(
            positive,
            self.positive_value,
            self.forecast,
            self.has_weights or other.has_weights,
            self.has_counts or other.has_counts,
            self.negatives_kept,
        )


# Bytes of the hash of a part: among 10^9 parts two are alike with a probability of 10^-21.
HASH_BYTES = 16


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What a summary is made of: a hash of the rows of each part, ascending; its name and how many rows it has."""

    hashes: Any
    names: Any
    sizes: Any

    @classmethod
    def of(cls, pieces: Iterable[tuple[tuple[int, str], tuple[int, int, int, int]]], name: str = "") -> Parts:
        """Of what a summary knows of its parts; name: what the user calls the rows."""
        known = sorted((_hash(name, sums), own or name, sums[0] + sums[1]) for (_, own), sums in pieces)
        hashes, names, sizes = zip(*known, strict=True) if known else ((), (), ())
        return cls.listed(hashes, names, sizes)

    @classmethod
    def listed(cls, hashes: Sequence[bytes], names: Sequence[str], sizes: Sequence[int]) -> Parts:
        """Of hashes in ascending order, and the name and size of each part."""
        return cls(np.array(hashes, f"S{HASH_BYTES}"), np.array(names, object), np.array(sizes, np.int64))

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def n_rows(self) -> int:
        """How many rows the parts have, with those that have no label yet."""
        return sum(self.sizes.tolist())

    def union(self, other: Parts) -> Parts:
        """The parts of both; an error that names them if they share some."""
        small, large = (self, other) if len(self) <= len(other) else (other, self)
        places = np.searchsorted(large.hashes, small.hashes)
        near = np.minimum(places, len(large) - 1)
        shared = np.flatnonzero(large.hashes[near] == small.hashes) if len(large) else near[:0]
        if len(shared):
            pairs = zip(small.names[shared].tolist(), large.names[near[shared]].tolist(), strict=True)
            both = listed(list(dict.fromkeys(_both(*sorted(pair)) for pair in pairs)))
            n_rows = sum(small.sizes[shared].tolist())
            raise DataError(
                f"summaries must not share rows, or these would count twice: both hold {both} "
                f"({counted(len(shared), 'part')}, {counted(n_rows, 'row')}). Merge them once; if they are two samples "
                "that are equal row by row, measure one of them with another `name=`."
            )
        return Parts(
            np.insert(large.hashes, places, small.hashes),
            np.insert(large.names, places, small.names),
            np.insert(large.sizes, places, small.sizes),
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Parts)
            and np.array_equal(self.hashes, other.hashes)
            and self.names.tolist() == other.names.tolist()
            and np.array_equal(self.sizes, other.sizes)
        )

    def __hash__(self) -> int:
        return hash(self.hashes.tobytes())

    @property
    def text(self) -> str:
        named = sorted({name for name in self.names.tolist() if name})
        if not named:
            return "" if len(self) < 2 else counted(len(self), "part")
        return listed(named, 3) if len(named) <= 3 else f"{counted(len(named), 'part')} ({listed(named, 2)})"


def _both(one: str, other: str) -> str:
    one, other = (printable(name, 120) or "rows without a name" for name in (one, other))
    return one if one == other else f"{one} = {other}"


def _hash(name: str, sums: Sequence[int]) -> bytes:
    text = "\0".join([name, *map(str, sums)])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).digest()


@dataclass(frozen=True, slots=True)
class SummaryRecord:
    """A summary with what was measured, the parts it is made of, where they are from and how they were read.

    folds: those of the models, where the predictions are out-of-fold.
    """

    summary: LossSummary
    question: Question
    parts: Parts
    source: str = ""
    notes: tuple[str, ...] = ()
    folds: Folds | None = None

    def merge(self, other: SummaryRecord) -> SummaryRecord:
        """The record of the rows of both; DataError if they share a part or differ in what was measured."""
        if self.folds is not None or other.folds is not None:
            raise DataError(
                "out-of-fold probabilities cannot be merged: the variation with the training rows is known of one "
                "cross-validation only. Measure all rows with `cv=`, or predictions of one model."
            )
        question, parts = self.question.merge(other.question), self.parts.union(other.parts)
        notes = tuple(dict.fromkeys((*self.notes, *other.notes)))
        return SummaryRecord(self.summary.merge(other.summary), question, parts, parts.text, notes)


def summarise(data: Any, requested: RowOptions, folds: Folds | None = None) -> SummaryRecord:
    """The record of the rows, from one walk over them; folds: those of out-of-fold predictions."""
    from logloss.onepass.summaries import GroupedSummary, LossSummary
    from logloss.onepass.summaries.group_keys import CLUSTER

    def empty(roles: Roles) -> LossSummary:
        only = None if requested.groups is None else listed_groups(requested.groups, len(roles.by))
        return LossSummary.empty(
            GroupedSummary.empty(roles.by, only=only) if roles.by else None,
            GroupedSummary.empty(roles.cluster, CLUSTER) if roles.cluster else None,
        )

    summary, source, roles = _walked(data, requested, empty)
    only = None if requested.groups is None else listed_groups(requested.groups, len(roles.by))
    notes = _absent_groups(summary, only)
    return _record_of(summary, source, roles, requested, notes, folds)


def summarise_groups(data: Any, requested: RowOptions, n_folds: int) -> tuple[SummaryRecord, tuple[LossSummary, ...]]:
    """(The record of the rows, with the scores of every group; the summaries of folds of whole clusters, where there
    are clusters), from one walk over them."""
    from logloss.onepass.summaries import FoldedLossSummary, GroupedSummary, LossSummary
    from logloss.onepass.summaries.group_keys import CLUSTER

    def empty(roles: Roles) -> LossSummary | FoldedLossSummary:
        groups = GroupedSummary.empty(roles.by, has_all_cells=True)
        if not roles.cluster:
            return LossSummary.empty(groups)
        return FoldedLossSummary.empty(n_folds, groups, GroupedSummary.empty(roles.cluster, CLUSTER))

    summary, source, roles = _walked(data, requested, empty)
    if not isinstance(summary, FoldedLossSummary):
        return _record_of(summary, source, roles, requested), ()
    return _record_of(summary.whole, source, roles, requested), summary.folds


def _walked(data: Any, requested: RowOptions, empty: Callable[[Roles], Any]) -> tuple[Any, Source, Roles]:
    """(The summary of the rows, their source, the roles of its columns); empty: the settings of the summary."""
    from logloss.onepass.engines import placed
    from logloss.onepass.run import walk

    with placed(data, requested) as table:
        source, roles = bind(table, requested)
        return walk(source, roles, empty(roles), progress=requested.progress), source, roles


def _record_of(
    summary: LossSummary,
    source: Source,
    roles: Roles,
    requested: RowOptions,
    notes: tuple[str, ...] = (),
    folds: Folds | None = None,
) -> SummaryRecord:
    """The record of a summary; notes: beside those of the source."""
    question = Question(
        positive_text(roles),
        "" if roles.label_test is None and roles.pos_label is None else positive_text(roles),
        roles.forecast or "",
        roles.sample_weight is not None,
        roles.counts is not None,
        roles.negatives_kept,
    )
    parts = Parts.of(summary.pieces, requested.name)
    notes = (*source.notes, *notes, *_swapped(summary))
    return SummaryRecord(summary, question, parts, source.name or requested.name, notes, folds)


def _absent_groups(summary: LossSummary, only: Sequence[GroupKey] | None) -> tuple[str, ...]:
    """A note on the groups that were listed and occur in no row."""
    if only is None or summary.groups is None:
        return ()
    # Text that writes a number may be listed as both: one of them occurs.
    known = {tuple(map(str, key)) for key in summary.groups.names}
    absent = dict.fromkeys(", ".join(map(value_text, key)) for key in only if tuple(map(str, key)) not in known)
    columns = " and ".join(f'"{printable(name)}"' for name in summary.groups.columns)
    return (
        (f"no row has the group {listed(list(absent))} of {columns}; check its spelling (`groups`)",) if absent else ()
    )


def _swapped(summary: LossSummary) -> tuple[str, ...]:
    """A note where labels are shares and forecasts are 0 or 1 in every row, as where the two are swapped."""
    if not summary.is_soft or summary.n_infinite < summary.n_rows:
        return ()
    return (
        "the loss of every row is infinite: labels are shares between 0 and 1, and forecasts are 0 or 1. They may be "
        "swapped: `y_true` is the labels, `y_proba` the forecasts",
    )


def listed_groups(groups: Sequence[Any], n_columns: int) -> tuple[GroupKey, ...]:
    """The groups that are kept apart, as keys."""
    if n_columns == 0:
        raise DataError("`groups` names groups of `by`; pass `by`, too.")
    keys = [tuple(group) if isinstance(group, tuple | list) else (group,) for group in groups]
    for key in keys:
        if len(key) != n_columns:
            raise DataError(f"each of `groups` must have {n_columns} values, one for each column of `by`; got {key!r}.")
    return tuple(tuple(map(typed, key)) for key in keys)


def rows_and_columns(record: SummaryRecord) -> dict[str, Any]:
    """What a measurement tells of the rows and columns it was made of, by field."""
    summary, question = record.summary, record.question
    unlabelled, groups, clusters = summary.unlabelled, summary.groups, summary.clusters
    return {
        "n_rows": summary.n_rows,
        "n_positive": summary.n_positive,
        "n_infinite": summary.n_infinite,
        "n_dropped": summary.n_dropped - (0 if record.folds is None else record.folds.n_left_out),
        "n_unlabelled": None if unlabelled is None else unlabelled.n_rows,
        "unlabelled_mean_proba": math.nan if unlabelled is None else unlabelled.mean_proba,
        "unlabelled_expected_log_loss": math.nan if unlabelled is None else unlabelled.expected_log_loss,
        "n_clusters": 0 if clusters is None else clusters.n_groups,
        "n_scores": summary.scores.n_distinct,
        "is_exact": not summary.scores.is_binned,
        "is_soft": summary.is_soft,
        "has_weights": question.has_weights,
        "has_counts": question.has_counts,
        "negatives_kept": question.negatives_kept,
        "by": () if groups is None else groups.columns,
        "cluster": () if clusters is None else clusters.columns,
        "has_buckets": clusters is not None and clusters.is_over,
        "has_too_many_groups": groups is not None and groups.is_over,
        "first_infinite": first_infinite_row(summary, record.source),
        "source": record.source,
        "positive": question.positive,
        "notes": record.notes,
        "folds": record.folds,
    }


def first_infinite_row(summary: LossSummary, source: str) -> str:
    """Where the first row of infinite loss is; "" if there is none."""
    first = next((row for row in summary.largest_losses.rows if math.isinf(row.log_loss)), None)
    return "" if first is None else first.where(source)
