"""A summary from its file: to the bit what was written, and refused by name where it is anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from logloss.data.rows import FramePlace, RememberedPlace
from logloss.data.values import read_value
from logloss.errors import DataError
from logloss.files.document import parsed
from logloss.files.schema import LATER_OF, Reader, as_json
from logloss.files.summary_checks import faults_of
from logloss.files.summary_writing import (
    FORMAT_MAJOR,
    HEADER,
    LANE_BITS,
    MOST_BITS,
    MOST_LANES,
    RULES,
    TOO_LARGE,
    UNLABELLED_SCORES,
    ClustersHeader,
    GroupsHeader,
    Header,
    ScoresHeader,
    checksum,
    header_and_table,
)
from logloss.measurement.record import HASH_BYTES, Parts, SummaryRecord
from logloss.onepass.summaries import GroupedSummary, LargeLoss, LargestLossesSummary, LossSummary, ScoreSummary
from logloss.onepass.summaries.cells import N_MASSES as N_CELL_MASSES
from logloss.onepass.summaries.cells import Cells
from logloss.onepass.summaries.cluster_sums import ClusterSums
from logloss.onepass.summaries.group_keys import CLUSTER, GROUP, OVER
from logloss.onepass.summaries.grouped import GENERAL_COLUMNS, HARD_COLUMNS, N_TOTALS
from logloss.onepass.summaries.largest_losses import UNNUMBERED
from logloss.onepass.summaries.loss import HARD_SUMS, SUMS, UnlabelledSums
from logloss.onepass.summaries.scores import N_BINNED, N_COUNTED, N_MASSES
from logloss.onepass.summaries.tables import CountTable, SumTable
from logloss.text import printable
from logloss.version import __version__

HEXADECIMAL = re.compile("0|[1-9a-f][0-9a-f]*")
KNOWN = {"sums", "parts", "largest_losses"}
KNOWN |= {f"{name}{part}" for name in ("scores", UNLABELLED_SCORES) for part in ("", ": masses")}
KNOWN |= {
    f"{kind}: {part}"
    for kind in ("groups", "clusters")
    for part in ("totals", "sums", "general", "scores", "cells", "cell masses")
}
KNOWN |= {f"groups: {part}" for part in ("clusters", "cluster totals", "cluster sums")}


def record_of_bytes(data: bytes, name: str) -> SummaryRecord:
    """What the bytes of a file hold."""
    from logloss.data.arrow.long_form import content_of, read_parquet, sections_of

    table, metadata = read_parquet(data, name)
    if HEADER not in metadata:
        raise DataError(f"{name} is a table of rows, not a summary. Measure it: logloss measure {name} -y … -p …")
    damaged = DataError(f"{name} is damaged: what it holds is not what was written. Make it again.")
    try:
        header = parsed(metadata[HEADER].encode())
        written = header["format"]
        major = int(written.split(".")[0])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged from error
    if major != FORMAT_MAJOR:
        advice = "Install a newer one to read it." if major > FORMAT_MAJOR else "Measure the rows again."
        raise DataError(
            f"{name} has format {printable(written)}, written by logloss "
            f"{printable(str(header.get('library', '?')))}; this is logloss {__version__}, which reads format "
            f"{FORMAT_MAJOR}. {advice}"
        )
    try:
        content = content_of(table)
        if header.get("sha256") != checksum(header, content):
            raise damaged
        sections = sections_of(table)
        unknown = [section for section in sections if section not in KNOWN]
        if unknown:
            raise DataError(
                f'{name} has a section that is unknown to this version of logloss: "{printable(str(unknown[0]))}". '
                "Install a newer one."
            )
        clause = Reader(name, RULES).of(header, Header, "the header")
        record = _record_of(clause, _Sections(sections, clause.units), name)
        fault = next(faults_of(record), "")
        if not fault and not _is_as_written(record, header, content):
            fault = "its sections do not go together"
    except DataError as error:
        if str(error).startswith(name):
            raise
        raise DataError(f"{name} is damaged: {str(error).removesuffix('.')}. Make it again.") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError, RecursionError) as error:
        raise damaged from error
    if fault:
        raise DataError(f"{name} is damaged: {fault}. Make it again.")
    return record


def _is_as_written(record: SummaryRecord, header: Mapping[str, Any], content: Sequence[bytes]) -> bool:
    """Whether a file holds what would be written of what was read from it: nothing more, and nothing twice."""
    from logloss.data.arrow.long_form import content_of

    anew, expected = header_and_table(record)
    # As text: 1, 1.0 and true are equal, and not the same.
    headers = (as_json(anew, Header), {**LATER_OF["Header"], **header})
    clause = (json.dumps({**each, "library": "", "sha256": ""}, sort_keys=True) for each in headers)
    return content_of(expected) == content and len(set(clause)) == 1


class _Sections:
    """The sections of a file by name; one that is not there holds nothing."""

    def __init__(self, sections: Mapping[str, Any], units: Mapping[str, int]) -> None:
        self.sections, self.units = sections, units

    def counts(self, name: str, n_columns: int) -> CountTable:
        if name not in self.sections:
            return CountTable.empty(n_columns)
        section = self.sections[name]
        if section["counts"].shape[1] != n_columns:
            raise DataError("a section has another number of counts")
        return CountTable(np.array(section["key"], np.int64), np.array(section["counts"], np.int64))

    def sums(self, name: str, n_columns: int) -> SumTable:
        if name not in self.sections:
            return SumTable.empty(n_columns)
        section = self.sections[name]
        rows = section["digits"]
        if any(len(row) != n_columns for row in rows):
            raise DataError("a section has another number of sums")
        # Equal texts are one object: each is read once.
        words = list(dict.fromkeys(digits for row in rows for digits in row))
        places = {digits: place for place, digits in enumerate(words)}
        values = [_sum_of(digits) for digits in words]
        n_lanes = max(value.bit_length() for value in values) // LANE_BITS + 1
        if n_lanes * n_columns * len(rows) > MOST_LANES:
            raise DataError(TOO_LARGE)
        packed = b"".join(value.to_bytes(LANE_BITS // 8 * n_lanes, "little") for value in values)
        known = np.frombuffer(packed, "<u4").reshape(len(words), n_lanes)
        at = np.array([[places[digits] for digits in row] for row in rows])
        lanes = known[at].transpose(1, 2, 0).astype(np.int64)
        return SumTable.carried(np.array(section["key"], np.int64), lanes, self.units[name] // LANE_BITS)

    def keys(self, name: str) -> Any:
        return np.array(self.sections[name]["key"], np.int64) if name in self.sections else np.zeros(0, np.int64)


def _sum_of(digits: str) -> int:
    """An exact sum: hexadecimal digits, as few as it has."""
    if not 0 < len(digits) <= MOST_BITS // 4 or not HEXADECIMAL.fullmatch(digits):
        raise DataError("a sum is no whole number that can be")
    return int(digits, 16)


def _record_of(header: Header, sections: _Sections, name: str) -> SummaryRecord:
    rows = header.summary
    sums = [_sum_of(digits) for (digits,) in sections.sections["sums"]["digits"]]
    if len(sums) != len(HARD_SUMS) + len(SUMS):
        raise DataError(f"{name} is damaged: it has another number of sums. Make it again.")
    scores = _scores_of("scores", header.scores, sections)
    summary = LossSummary(
        rows.n_rows,
        rows.n_positive,
        rows.n_infinite,
        rows.n_dropped,
        rows.is_soft,
        frozenset(rows.coding),
        rows.n_hard,
        tuple(sums[: len(HARD_SUMS)]),
        tuple(sums[len(HARD_SUMS) :]),
        scores,
        LargestLossesSummary(rows.n_largest_losses, _largest_loss_rows(sections.sections.get("largest_losses"))),
        None if header.groups is None else _grouped_of("groups", header.groups, sections),
        None if header.clusters is None else _grouped_of("clusters", header.clusters, sections),
        unlabelled=_unlabelled_of(header, sections),
    )
    found = sections.sections["parts"]
    hashes = [bytes.fromhex(digits) for (digits,) in found["digits"]]
    if any(len(each) != HASH_BYTES for each in hashes) or found["counts"].shape[1] != 1:
        raise DataError(f"{name} is damaged: its parts are no parts. Make it again.")
    parts = Parts.listed(hashes, found["group"], found["counts"][:, 0].tolist())
    return SummaryRecord(summary, header.question, parts, header.source, header.notes, header.folds)


def _scores_of(name: str, kept: ScoresHeader, sections: _Sections) -> ScoreSummary:
    return ScoreSummary(
        kept.scale,
        kept.is_binned,
        kept.n_rows,
        sections.counts(name, N_BINNED if kept.is_binned else N_COUNTED),
        sections.sums(f"{name}: masses", N_MASSES),
    )


def _unlabelled_of(header: Header, sections: _Sections) -> UnlabelledSums | None:
    """Rows without a label; the scores of some are not known of files that older versions wrote."""
    late, kept = header.summary.unlabelled, header.unlabelled_scores
    if late is None:
        return None
    weight, proba, entropy = map(_sum_of, late[1:])
    if late[0] == 0:
        return UnlabelledSums(0, weight, proba, entropy)
    scores = None if kept is None else _scores_of(UNLABELLED_SCORES, kept, sections)
    return UnlabelledSums(late[0], weight, proba, entropy, scores)


def _largest_loss_rows(section: Mapping[str, Any] | None) -> tuple[LargeLoss, ...]:
    if section is None:
        return ()
    rows = []
    for row, name, digits in zip(section["key"].tolist(), section["group"], section["digits"], strict=True):
        cost, forecast, label, weight = (float.fromhex(text) for text in digits[:4])
        of_zero = float.fromhex(digits[4]) if digits[4] else None
        line = int(digits[7]) if digits[7] else None
        kept = tuple((str(column), read_value(value)) for column, value in parsed((digits[9] or "[]").encode()))
        is_of_frame = row == UNNUMBERED
        place = FramePlace(name, digits[8], kept=kept) if is_of_frame else RememberedPlace(name, row, line, kept=kept)
        rows.append(
            LargeLoss(cost, name, row, forecast, label, weight, int(digits[5]), of_zero, digits[6] == "1", place)
        )
    return tuple(rows)


def _grouped_of(kind: str, clause: GroupsHeader | ClustersHeader, sections: _Sections) -> GroupedSummary:
    of_key = CLUSTER if isinstance(clause, ClustersHeader) else GROUP
    cells = None
    if clause.has_cells:
        scores = sections.keys(f"{kind}: scores") if clause.is_exact else None
        masses = sections.sums(f"{kind}: cell masses", N_CELL_MASSES)
        cells = Cells(scores, sections.counts(f"{kind}: cells", 2), masses)
    cluster_sums = None
    if isinstance(clause, GroupsHeader) and clause.cluster_sums is not None:
        cluster_sums = ClusterSums(
            clause.cluster_sums.level,
            sections.keys(f"{kind}: clusters"),
            sections.counts(f"{kind}: cluster totals", 1),
            sections.sums(f"{kind}: cluster sums", 2),
        )
    return GroupedSummary(
        clause.columns,
        of_key,
        clause.only,
        clause.scale,
        clause.n_rows,
        OVER[of_key] if clause.is_over else None,
        clause.names,
        sections.counts(f"{kind}: totals", N_TOTALS),
        sections.sums(f"{kind}: sums", len(HARD_COLUMNS[of_key])),
        sections.sums(f"{kind}: general", len(GENERAL_COLUMNS[of_key])),
        cells,
        cluster_sums,
    )
