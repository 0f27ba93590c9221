"""A summary as one table in long form, to the bit, and what reading it relies on.

Each row has a section, a key and what the section keeps: `counts` (whole numbers)
or `digits` (exact sums as hexadecimal integers, in units of a power of two that the header names). Rows of scores also
hold between which scores they lie (`lower`, `upper`), so that any reader of Parquet can draw a curve from them.
The header is JSON: format, library, question, settings and a SHA-256 of everything.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.data.keys import GroupKey
from logloss.data.rows import FramePlace, Place
from logloss.data.values import Value, written_value
from logloss.errors import DataError
from logloss.files.schema import Rule, Whole, as_json
from logloss.files.storage import StrPath, write_atomically
from logloss.inference.folds import Folds
from logloss.inference.score_table import edges_of
from logloss.measurement.answer import Measurement
from logloss.measurement.record import HASH_BYTES, Parts, Question, SummaryRecord
from logloss.onepass.kernels import exact
from logloss.onepass.summaries import GroupedSummary, LargestLossesSummary, LossSummary, ScoreSummary
from logloss.onepass.summaries.cluster_sums import LEVELS, MOST_PAIRS
from logloss.onepass.summaries.group_keys import MOST_GROUPS
from logloss.onepass.summaries.grouped import MOST_DETAILED
from logloss.onepass.summaries.loss import HARD_SUMS, SUMS
from logloss.onepass.summaries.scores import MOST_DISTINCT
from logloss.onepass.summaries.tables import CountTable, SumTable
from logloss.version import __version__

# 2: parts are known by the rows that they hold, no longer by the names of their files; keys by their exact values, and
# clusters hashed so. 3: the header has the same fields in every file. 4: sections are named as in the library; each of
# the largest losses has its line; moments in a time zone are known in UTC.
FORMAT_MAJOR, FORMAT_MINOR = 5, 0
HEADER = "logloss"
LIMITS = {
    "most_distinct": MOST_DISTINCT,
    "most_groups": MOST_GROUPS,
    "most_detailed": MOST_DETAILED,
    "most_pairs": MOST_PAIRS,
}
LANE_BITS = 32
# No sum has more bits, and no table of sums more lanes: 256 MB.
MOST_BITS = LANE_BITS * exact.N_LIMBS
MOST_LANES = 1 << 25
TOO_LARGE = (
    "a summary must hold at most 2^25 words of exact sums; this one has more: weights that lie very far apart, and "
    "many scores, groups or clusters. Round the weights, or take fewer groups."
)
UNLABELLED_SCORES = "unlabelled scores"
# How a way to write labels begins.
CODINGS = ("value", "soft")


@dataclass(frozen=True, slots=True)
class RowsHeader:
    """Rows of each kind. coding: the ways in which labels were written. n_hard: rows with hard labels, those of 1 and
    those that cost infinitely much. unlabelled: a number of rows, and their sums as hexadecimal integers."""

    n_rows: int
    n_positive: int
    n_infinite: int
    n_dropped: int
    is_soft: bool
    coding: tuple[tuple[str, Value], ...]
    n_hard: tuple[int, int, int]
    n_largest_losses: int
    unlabelled: tuple[int, str, str, str] | None


@dataclass(frozen=True, slots=True)
class ScoresHeader:
    """How scores are kept."""

    scale: str
    is_binned: bool
    n_rows: int


@dataclass(frozen=True, slots=True)
class GroupedHeader:
    """How groups, or clusters, are kept."""

    columns: tuple[str, ...]
    only: tuple[GroupKey, ...] | None
    scale: str
    n_rows: int
    is_over: bool
    has_cells: bool
    is_exact: bool


@dataclass(frozen=True, slots=True)
class ClusterSumsHeader:
    """At which level sums by group and cluster are kept."""

    level: int | None


@dataclass(frozen=True, slots=True)
class GroupsHeader(GroupedHeader):
    """How groups are kept, and their names; cluster_sums: None where there are none."""

    names: tuple[GroupKey, ...]
    cluster_sums: ClusterSumsHeader | None


@dataclass(frozen=True, slots=True)
class ClustersHeader(GroupedHeader):
    """How clusters are kept, and their hashes."""

    names: tuple[Whole, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """The description of a table in its file. unlabelled_scores: of rows without a label, None where there are none or
    where they are not known; units: of each section of sums, as an exponent of 2."""

    format: str
    library: str
    question: Question
    source: str
    notes: tuple[str, ...]
    folds: Folds | None
    limits: dict[str, int]
    summary: RowsHeader
    scores: ScoresHeader
    unlabelled_scores: ScoresHeader | None
    groups: GroupsHeader | None
    clusters: ClustersHeader | None
    units: dict[str, Whole]
    sha256: str = ""


OF_EACH_FOLD, SHARES = "one number of each fold", "one share above 0 of each fold"
# What reading relies on; what a summary as a whole must be is in `summary_checks`.
RULES = {
    RowsHeader: (Rule("coding", lambda h: all(kind in CODINGS for kind, _ in h.coding), "ways to write labels"),),
    GroupsHeader: (
        Rule("names", lambda h: all(h.names), "names of a value at least"),
        Rule("only", lambda h: h.only is None or all(h.only), "names of a value at least"),
    ),
    ClusterSumsHeader: (Rule("level", lambda h: h.level in LEVELS, "a level of buckets"),),
    Folds: (
        Rule("n_train", lambda f: 0 < f.n_train < math.inf, "a number above 0"),
        Rule("shares", lambda f: len(f.shares) == f.n_folds > 0 and all(share > 0 for share in f.shares), SHARES),
        Rule("losses", lambda f: len(f.losses) == f.n_folds, OF_EACH_FOLD),
        Rule("moves", lambda f: len(f.moves) in (0, f.n_folds), OF_EACH_FOLD),
        Rule("noises", lambda f: len(f.noises) == len(f.moves), OF_EACH_FOLD),
    ),
    Header: (
        Rule("limits", lambda h: h.limits == LIMITS, "the limits of this logloss"),
        Rule(
            "units",
            lambda h: all(unit % LANE_BITS == 0 and abs(unit) <= MOST_BITS for unit in h.units.values()),
            "units that can be",
        ),
    ),
}


def checksum(header: Mapping[str, Any], content: Sequence[bytes]) -> str:
    """SHA-256 of the header, the checksum apart, and of the table."""
    clause = json.dumps({key: value for key, value in header.items() if key != "sha256"}, sort_keys=True)
    digest = hashlib.sha256(clause.encode())
    for piece in content:
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
    return digest.hexdigest()


def save_measurement(path: StrPath, measurement: Measurement) -> None:
    """Write the summary of a measurement to a file, whole or not at all."""
    write_atomically(path, bytes_of_record(measurement.record))


def bytes_of_record(record: SummaryRecord) -> bytes:
    """The bytes of the file of a summary; the same each time."""
    from logloss.data.arrow.long_form import content_of, parquet_bytes

    header, table = header_and_table(record)
    fields = as_json(header, Header)
    fields["sha256"] = checksum(fields, content_of(table))
    return parquet_bytes(table, {HEADER: json.dumps(fields, sort_keys=True, allow_nan=False)})


def header_and_table(record: SummaryRecord) -> tuple[Header, Any]:
    """(The header without its checksum, the table) of the file of a summary."""
    from logloss.data.arrow.long_form import long_form

    summary, scores = record.summary, record.summary.scores
    units: dict[str, Whole] = {}
    sections = [_sums(summary), _parts(record.parts), _largest_losses(summary.largest_losses)]
    sections += _scores("scores", scores, units)
    late = None if summary.unlabelled is None or summary.unlabelled.n_rows == 0 else summary.unlabelled.scores
    sections += [] if late is None else _scores(UNLABELLED_SCORES, late, units)
    for kind, grouped in (("groups", summary.groups), ("clusters", summary.clusters)):
        if grouped is not None:
            sections += _grouped(kind, grouped, units)
    header = Header(
        format=f"{FORMAT_MAJOR}.{FORMAT_MINOR}",
        library=__version__,
        question=record.question,
        source=record.source,
        notes=record.notes,
        folds=record.folds,
        limits=LIMITS,
        summary=_rows_header(summary),
        scores=ScoresHeader(scores.scale, scores.is_binned, scores.n_rows),
        unlabelled_scores=None if late is None else ScoresHeader(late.scale, late.is_binned, late.n_rows),
        groups=None if summary.groups is None else _groups_header(summary.groups),
        clusters=None if summary.clusters is None else ClustersHeader(**_settings(summary.clusters)),
        units=units,
    )
    return header, long_form([section for section in sections if len(section["key"])])


def _rows_header(summary: LossSummary) -> RowsHeader:
    late = summary.unlabelled
    return RowsHeader(
        summary.n_rows,
        summary.n_positive,
        summary.n_infinite,
        summary.n_dropped,
        summary.is_soft,
        tuple(sorted(summary.coding, key=lambda pair: repr([pair[0], written_value(pair[1])]))),
        summary.n_hard,
        summary.largest_losses.n_rows,
        None if late is None else (late.n_rows, f"{late.weight:x}", f"{late.proba:x}", f"{late.entropy:x}"),
    )


def _settings(grouped: GroupedSummary) -> dict[str, Any]:
    """How groups, or clusters, are kept, and their names."""
    settings = {name: getattr(grouped, name) for name in ("columns", "only", "scale", "n_rows", "is_over", "names")}
    is_exact = grouped.cells is not None and grouped.cells.scores is not None
    return settings | {"has_cells": grouped.cells is not None, "is_exact": is_exact}


def _groups_header(groups: GroupedSummary) -> GroupsHeader:
    """How groups are kept."""
    sums = groups.cluster_sums
    return GroupsHeader(**_settings(groups), cluster_sums=None if sums is None else ClusterSumsHeader(sums.level))


def _sums(summary: LossSummary) -> dict[str, Any]:
    names = [*(f"hard: {name}" for name in HARD_SUMS), *(f"general: {name}" for name in SUMS)]
    values = [*summary.hard, *summary.general]
    return {"name": "sums", "key": np.arange(len(names)), "group": names, "digits": [[f"{v:x}"] for v in values]}


def _parts(parts: Parts) -> dict[str, Any]:
    packed = parts.hashes.tobytes()
    digits = [[packed[start : start + HASH_BYTES].hex()] for start in range(0, len(packed), HASH_BYTES)]
    return {
        "name": "parts",
        "key": np.arange(len(parts)),
        "group": parts.names.tolist(),
        "counts": parts.sizes.reshape(-1, 1),
        "digits": digits,
    }


def _largest_losses(largest_losses: LargestLossesSummary) -> dict[str, Any]:
    rows = largest_losses.rows
    rows_at: dict[Place, list[int]] = {}
    for row in rows:
        rows_at.setdefault(row.place, []).append(row.row)
    lines = {place: place.lines(numbers) for place, numbers in rows_at.items()}
    floats = [(row.log_loss, row.forecast, row.observed, row.weight, row.of_zero) for row in rows]
    return {
        "name": "largest_losses",
        "key": np.array([row.row for row in rows], np.int64),
        "group": [row.name for row in rows],
        "lower": [row.predicted for row in rows],
        "upper": [row.predicted for row in rows],
        "digits": [
            ["" if value is None else value.hex() for value in found]
            + [str(row.count), str(int(row.is_logit)), str(lines[row.place].get(row.row, ""))]
            + [row.place.values if isinstance(row.place, FramePlace) else ""]
            + [json.dumps([[name, written_value(value)] for name, value in row.place.kept]) if row.place.kept else ""]
            for found, row in zip(floats, rows, strict=True)
        ],
    }


def _counts(name: str, table: CountTable) -> dict[str, Any]:
    return {"name": name, "key": table.keys, "counts": table.counts}


def _scores(name: str, scores: ScoreSummary, units: dict[str, Whole]) -> list[dict[str, Any]]:
    """Labels by score, and between which scores they lie."""
    edges = edges_of(scores.scale, scores.counts.keys, is_binned=scores.is_binned)
    return [_counts(name, scores.counts) | edges, _sum_table(f"{name}: masses", scores.masses, units)]


def _sum_table(name: str, table: SumTable, units: dict[str, Whole]) -> dict[str, Any]:
    if table.lanes.size > MOST_LANES:
        raise DataError(TOO_LARGE)
    units[name] = Whole(LANE_BITS * table.first)
    columns = [table.integers(column) for column in range(table.lanes.shape[0])]
    return {"name": name, "key": table.keys, "digits": [[f"{v:x}" for v in row] for row in zip(*columns, strict=True)]}


def _grouped(kind: str, grouped: GroupedSummary, units: dict[str, Whole]) -> list[dict[str, Any]]:
    words = [str(name) if grouped.is_hashed else json.dumps(list(map(written_value, name))) for name in grouped.names]
    totals = _counts(f"{kind}: totals", grouped.totals)
    totals["group"] = [words[key] for key in grouped.totals.keys.tolist()]
    found = [totals, _sum_table(f"{kind}: sums", grouped.sums, units)]
    found.append(_sum_table(f"{kind}: general", grouped.general, units))
    if grouped.cells is not None:
        if grouped.cells.scores is not None:
            found.append({"name": f"{kind}: scores", "key": grouped.cells.scores})
        found.append(_counts(f"{kind}: cells", grouped.cells.counts))
        found.append(_sum_table(f"{kind}: cell masses", grouped.cells.masses, units))
    if grouped.cluster_sums is not None:
        found.append({"name": f"{kind}: clusters", "key": grouped.cluster_sums.clusters})
        found.append(_counts(f"{kind}: cluster totals", grouped.cluster_sums.totals))
        found.append(_sum_table(f"{kind}: cluster sums", grouped.cluster_sums.sums, units))
    return found
