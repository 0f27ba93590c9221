"""A summary as one table in long form, and back, to the bit.

Each row of the file has a section, a key and what the section keeps: `counts` (whole numbers) or `digits` (exact sums
as hexadecimal integers, in units of a power of two that the header names). Rows of scores also say between which scores
they lie (`lower`, `upper`), so that any program that reads Parquet can draw a curve from them. The header is JSON:
format, library, question, settings and a SHA-256 of everything.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.data.rows import FramePlace, RememberedPlace
from logloss.data.values import Value, is_written_value, read_value, written_value
from logloss.errors import DataError
from logloss.files.document import Reading, parsed
from logloss.files.storage import write_atomically
from logloss.files.summary_checks import faults_of
from logloss.inference.score_table import edges_of
from logloss.measurement.record import HASH_BYTES, Parts, Question, SummaryRecord
from logloss.onepass.kernels import exact
from logloss.onepass.summaries import CostliestSummary, CostlyRow, GroupedSummary, LossSummary, ScoreSummary
from logloss.onepass.summaries.cells import N_MASSES as N_CELL_MASSES
from logloss.onepass.summaries.cells import Cells
from logloss.onepass.summaries.group_keys import CLUSTER, GROUP, MOST_GROUPS, OVER
from logloss.onepass.summaries.grouped import GENERAL_SUMS, MOST_DETAILED, N_HARD_SUMS, N_TOTALS
from logloss.onepass.summaries.loss import HARD_SUMS, SUMS, UnlabelledSums
from logloss.onepass.summaries.scores import MOST_DISTINCT, N_BINNED, N_COUNTED, N_MASSES
from logloss.onepass.summaries.tables import CountTable, SumTable
from logloss.text import printable
from logloss.version import __version__

if TYPE_CHECKING:
    from logloss.data.keys import GroupKey
    from logloss.measurement import Measurement

# 2: parts are known by the rows that they hold, no longer by the names of their files; keys by their exact values, and
# clusters hashed so.
FORMAT_MAJOR, FORMAT_MINOR = 2, 0
HEADER = "logloss"
LIMITS = {"most_distinct": MOST_DISTINCT, "most_groups": MOST_GROUPS, "most_detailed": MOST_DETAILED}
N_LINES_KEPT = 3
LANE_BITS = 32
# No sum has more bits, and no table of sums more lanes: 256 MB.
MOST_BITS = LANE_BITS * exact.N_LIMBS
MOST_LANES = 1 << 25
TOO_LARGE = (
    "a summary must hold at most 2^25 words of exact sums; this one has more: weights that lie very far apart, and "
    "many scores, groups or clusters. Round the weights, or take fewer groups."
)
HEXADECIMAL = re.compile("0|[1-9a-f][0-9a-f]*")
# What the header holds, and parts of it.
HEAD = ("format", "library", "question", "source", "notes", "limits", "summary", "scores", "units", "sha256")
SUMMARY = (
    *("n_rows", "n_ones", "n_infinite", "n_dropped", "is_soft", "coding", "n_hard", "n_costliest", "unlabelled"),
)
GROUPED = ("columns", "only", "scale", "n_rows", "is_over", "names", "has_cells", "is_exact")
# How a way to write labels begins.
CODINGS = ("value", "soft")


def save_measurement(path: Any, measurement: Measurement) -> None:
    """Write the summary of a measurement to a file, whole or not at all."""
    write_atomically(path, bytes_of_record(measurement.record))


def bytes_of_record(record: SummaryRecord) -> bytes:
    """The bytes of the file of a summary; the same each time."""
    from logloss.data.arrow.long_form import content_of, parquet_bytes

    header, table = _written(record)
    header["sha256"] = _checksum(header, content_of(table))
    return parquet_bytes(table, {HEADER: json.dumps(header, sort_keys=True)})


def _written(record: SummaryRecord) -> tuple[dict[str, Any], Any]:
    """(The header without its checksum, the table) of the file of a summary."""
    from logloss.data.arrow.long_form import long_form

    summary = record.summary
    sections: list[dict[str, Any]] = [_sums(summary), _parts(record.parts), _costliest(summary.costliest)]
    header: dict[str, Any] = {
        "format": f"{FORMAT_MAJOR}.{FORMAT_MINOR}",
        "library": __version__,
        "question": _asked(record.question),
        "source": record.source,
        "notes": list(record.notes),
        "limits": LIMITS,
        "summary": {
            "n_rows": summary.n_rows,
            "n_ones": summary.n_ones,
            "n_infinite": summary.n_infinite,
            "n_dropped": summary.n_dropped,
            "is_soft": summary.is_soft,
            "coding": sorted(([kind, written_value(value)] for kind, value in summary.coding), key=repr),
            "n_hard": list(summary.n_hard),
            "n_costliest": summary.costliest.n_rows,
            "unlabelled": None if summary.unlabelled is None else _late(summary.unlabelled),
        },
        "scores": {
            "scale": summary.scores.scale,
            "is_binned": summary.scores.is_binned,
            "n_rows": summary.scores.n_rows,
        },
        "units": {},
    }
    scores = summary.scores
    sections.append(
        _counts("scores", scores.counts) | edges_of(scores.scale, scores.counts.keys, is_binned=scores.is_binned)
    )
    sections.append(_sum_table("scores: masses", scores.masses, header["units"]))
    for kind, grouped in (("groups", summary.groups), ("clusters", summary.clusters)):
        if grouped is not None:
            header[kind] = _settings(grouped)
            sections += _grouped(kind, grouped, header["units"])
    return header, long_form([section for section in sections if len(section["key"])])


def _asked(question: Question) -> dict[str, Any]:
    """The question; without the correction where there is none, so that an older logloss reads it, too."""
    asked = asdict(question)
    if question.negatives_kept == 1:
        del asked["negatives_kept"]
    return asked


def _late(late: UnlabelledSums) -> list[Any]:
    """The number of rows without a label, and their sums as hexadecimal integers."""
    return [late.n_rows, *(f"{value:x}" for value in (late.weight, late.proba, late.entropy))]


def _checksum(header: Mapping[str, Any], content: Sequence[bytes]) -> str:
    """SHA-256 of the header, the checksum apart, and of the table."""
    said = json.dumps({key: value for key, value in header.items() if key != "sha256"}, sort_keys=True)
    digest = hashlib.sha256(said.encode())
    for piece in content:
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
    return digest.hexdigest()


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


def _costliest(costliest: CostliestSummary) -> dict[str, Any]:
    rows = costliest.rows
    infinite = next((k for k, row in enumerate(rows) if row.cost == float("inf")), -1)
    lines = [row.place.line(row.row) if k < N_LINES_KEPT or k == infinite else None for k, row in enumerate(rows)]
    floats = [(row.cost, row.forecast, row.label, row.weight, row.of_zero) for row in rows]
    return {
        "name": "costliest",
        "key": np.array([row.row for row in rows], np.int64),
        "group": [row.name for row in rows],
        "lower": [row.said for row in rows],
        "upper": [row.said for row in rows],
        "digits": [
            ["" if value is None else value.hex() for value in found]
            + [str(row.count), str(int(row.is_logit)), "" if line is None else str(line)]
            + ([row.place.values] if isinstance(row.place, FramePlace) else [])
            for found, row, line in zip(floats, rows, lines, strict=True)
        ],
    }


def _counts(name: str, table: CountTable) -> dict[str, Any]:
    return {"name": name, "key": table.keys, "counts": table.counts}


def _sum_table(name: str, table: SumTable, units: dict[str, int]) -> dict[str, Any]:
    if table.lanes.size > MOST_LANES:
        raise DataError(TOO_LARGE)
    units[name] = LANE_BITS * table.first
    columns = [table.integers(column) for column in range(table.lanes.shape[0])]
    return {"name": name, "key": table.keys, "digits": [[f"{v:x}" for v in row] for row in zip(*columns, strict=True)]}


def _settings(grouped: GroupedSummary) -> dict[str, Any]:
    return {
        "columns": list(grouped.columns),
        "only": None if grouped.only is None else [list(map(written_value, key)) for key in grouped.only],
        "scale": grouped.scale,
        "n_rows": grouped.n_rows,
        "is_over": grouped.is_over,
        "names": [name if grouped.is_hashed else list(map(written_value, name)) for name in grouped.names],
        "has_cells": grouped.cells is not None,
        "is_exact": grouped.cells is not None and grouped.cells.scores is not None,
    }


def _grouped(kind: str, grouped: GroupedSummary, units: dict[str, int]) -> list[dict[str, Any]]:
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
    return found


def record_of_bytes(data: bytes, name: str) -> SummaryRecord:
    """What the bytes of a file hold."""
    from logloss.data.arrow.long_form import content_of, read_parquet, sections_of

    table, metadata = read_parquet(data, name)
    if HEADER not in metadata:
        raise DataError(f"{name} is a table of rows, not a summary. Measure it: logloss measure {name} -y … -p …")
    damaged = DataError(f"{name} is damaged: what it holds is not what was written. Make it again.")
    try:
        header = parsed(metadata[HEADER].encode(), may_be_infinite=True)
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
        if header.get("sha256") != _checksum(header, content):
            raise damaged
        sections = sections_of(table)
        unknown = [section for section in sections if section not in KNOWN]
        if unknown:
            raise DataError(
                f'{name} has a section that this logloss does not know: "{printable(str(unknown[0]))}". '
                "Install a newer one."
            )
        record = _record_of(header, _Sections(sections, header["units"]), Reading(name))
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

    anew, expected = _written(record)
    # As text: 1, 1.0 and true are equal, and not the same.
    said = (json.dumps({**each, "library": "", "sha256": ""}, sort_keys=True) for each in (anew, header))
    return content_of(expected) == content and len(set(said)) == 1


KNOWN = {"sums", "parts", "costliest", "scores", "scores: masses"} | {
    f"{kind}: {part}"
    for kind in ("groups", "clusters")
    for part in ("totals", "sums", "general", "scores", "cells", "cell masses")
}


class _Sections:
    """The sections of a file by name; one that is not there holds nothing."""

    def __init__(self, sections: Mapping[str, Any], units: Mapping[str, int]) -> None:
        self.sections, self.units = sections, units

    def counts(self, name: str, n_columns: int) -> CountTable:
        """A table of counts."""
        if name not in self.sections:
            return CountTable.empty(n_columns)
        section = self.sections[name]
        if section["counts"].shape[1] != n_columns:
            raise DataError("a section has another number of counts")
        return CountTable(np.array(section["key"], np.int64), np.array(section["counts"], np.int64))

    def sums(self, name: str, n_columns: int) -> SumTable:
        """A table of exact sums."""
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
        unit = self.units[name]
        if type(unit) is not int or unit % LANE_BITS or abs(unit) > MOST_BITS:
            raise DataError("a section has no unit that can be")
        return SumTable.carried(np.array(section["key"], np.int64), lanes, unit // LANE_BITS)

    def keys(self, name: str) -> Any:
        """The keys of a section."""
        return np.array(self.sections[name]["key"], np.int64) if name in self.sections else np.zeros(0, np.int64)


def _sum_of(digits: str) -> int:
    """An exact sum: hexadecimal digits, as few as it has."""
    if not 0 < len(digits) <= MOST_BITS // 4 or not HEXADECIMAL.fullmatch(digits):
        raise DataError("a sum is no whole number that can be")
    return int(digits, 16)


def _record_of(header: Mapping[str, Any], sections: _Sections, read: Reading) -> SummaryRecord:
    optional = [kind for kind in ("groups", "clusters") if kind in header]
    read.only(header, "the header", (*HEAD, *optional))
    said, of_scores, asked = header["summary"], header["scores"], header["question"]
    read.only(said, "summary", SUMMARY)
    read.only(of_scores, "scores", ("scale", "is_binned", "n_rows"))
    read.text(header, "library")
    if header["limits"] != LIMITS:
        raise read.wrong("limits", "the limits of this logloss", header["limits"])
    rows = [_sum_of(digits) for (digits,) in sections.sections["sums"]["digits"]]
    if len(rows) != len(HARD_SUMS) + len(SUMS):
        raise DataError(f"{read.name} is damaged: it has another number of sums. Make it again.")
    is_binned = read.flag(of_scores, "is_binned")
    scores = ScoreSummary(
        read.text(of_scores, "scale"),
        is_binned,
        read.count(of_scores, "n_rows"),
        sections.counts("scores", N_BINNED if is_binned else N_COUNTED),
        sections.sums("scores: masses", N_MASSES),
    )
    n_hard = said["n_hard"]
    if not isinstance(n_hard, list) or len(n_hard) != 3:
        raise read.wrong("n_hard", "three whole numbers", n_hard)
    coding = said["coding"]
    if not all(
        isinstance(pair, list) and len(pair) == 2 and pair[0] in CODINGS and is_written_value(pair[1])
        for pair in coding
    ):
        raise read.wrong("coding", "the ways in which labels were written", coding)
    summary = LossSummary(
        read.count(said, "n_rows"),
        read.count(said, "n_ones"),
        read.count(said, "n_infinite"),
        read.count(said, "n_dropped"),
        read.flag(said, "is_soft"),
        frozenset((kind, read_value(value) if isinstance(value, dict) else value) for kind, value in coding),
        (_count_of(n_hard[0], read), _count_of(n_hard[1], read), _count_of(n_hard[2], read)),
        tuple(rows[: len(HARD_SUMS)]),
        tuple(rows[len(HARD_SUMS) :]),
        scores,
        CostliestSummary(read.count(said, "n_costliest"), _costly_rows(sections.sections.get("costliest"))),
        _grouped_of("groups", header, sections, read),
        _grouped_of("clusters", header, sections, read),
        unlabelled=_late_of(said["unlabelled"], read),
    )
    found = sections.sections["parts"]
    hashes = [bytes.fromhex(digits) for (digits,) in found["digits"]]
    if any(len(each) != HASH_BYTES for each in hashes) or found["counts"].shape[1] != 1:
        raise DataError(f"{read.name} is damaged: its parts are no parts. Make it again.")
    parts = Parts.listed(hashes, found["group"], found["counts"][:, 0].tolist())
    question, source = _question_of(asked, read), read.text(header, "source")
    return SummaryRecord(summary, question, parts, source, read.texts(header, "notes"))


def _question_of(asked: Any, read: Reading) -> Question:
    """What was asked; a correction is written where there is one."""
    names = [each.name for each in fields(Question)]
    read.only(asked, "question", [each for each in names if each != "negatives_kept" or each in asked])
    return Question(
        read.text(asked, "positive"),
        read.text(asked, "positive_value"),
        read.text(asked, "forecast"),
        read.flag(asked, "has_weights"),
        read.flag(asked, "has_counts"),
        read.number(asked, "negatives_kept") if "negatives_kept" in asked else 1.0,
    )


def _late_of(written: Any, read: Reading) -> UnlabelledSums | None:
    """Rows without a label; None where a file does not say."""
    if written is None:
        return None
    if not isinstance(written, list) or len(written) != 4 or not all(isinstance(each, str) for each in written[1:]):
        raise read.wrong("unlabelled", "a number of rows and three sums", written)
    return UnlabelledSums(_count_of(written[0], read, "unlabelled"), *map(_sum_of, written[1:]))


def _count_of(value: Any, read: Reading, where: str = "n_hard") -> int:
    """A whole number of a list."""
    return read.count({where: value}, where)


def _costly_rows(section: Mapping[str, Any] | None) -> tuple[CostlyRow, ...]:
    if section is None:
        return ()
    rows = []
    for row, name, digits in zip(section["key"].tolist(), section["group"], section["digits"], strict=True):
        cost, forecast, label, weight = (float.fromhex(text) for text in digits[:4])
        of_zero = float.fromhex(digits[4]) if digits[4] else None
        line = int(digits[7]) if digits[7] else None
        place = RememberedPlace(name, row, line) if len(digits) < 9 else FramePlace(name, digits[8])
        rows.append(
            CostlyRow(cost, name, row, forecast, label, weight, int(digits[5]), of_zero, digits[6] == "1", place)
        )
    return tuple(rows)


def _grouped_of(kind: str, header: Mapping[str, Any], sections: _Sections, read: Reading) -> GroupedSummary | None:
    if kind not in header:
        return None
    said = header[kind]
    read.only(said, kind, GROUPED)
    of_key = CLUSTER if kind == "clusters" else GROUP
    if not isinstance(said["names"], list) or not isinstance(said["only"], list | None):
        raise read.wrong(kind, "lists of names", said["names"])
    if of_key == CLUSTER and not all(type(name) is int for name in said["names"]):
        raise read.wrong(f"{kind}: names", "whole numbers", said["names"])
    names: list[Any] = said["names"] if of_key == CLUSTER else [_key_of(name, kind, read) for name in said["names"]]
    only = None if said["only"] is None else tuple(_key_of(key, kind, read) for key in said["only"])
    cells = None
    if read.flag(said, "has_cells"):
        scores = sections.keys(f"{kind}: scores") if read.flag(said, "is_exact") else None
        masses = sections.sums(f"{kind}: cell masses", N_CELL_MASSES)
        cells = Cells(scores, sections.counts(f"{kind}: cells", 2), masses)
    return GroupedSummary(
        read.texts(said, "columns"),
        of_key,
        only,
        read.text(said, "scale"),
        read.count(said, "n_rows"),
        OVER[of_key] if read.flag(said, "is_over") else None,
        tuple(names),
        sections.counts(f"{kind}: totals", N_TOTALS),
        sections.sums(f"{kind}: sums", N_HARD_SUMS),
        sections.sums(f"{kind}: general", len(GENERAL_SUMS)),
        cells,
    )


def _key_of(key: Any, kind: str, read: Reading) -> GroupKey:
    """The values of a group."""
    if not isinstance(key, list) or not key:
        raise read.wrong(f"{kind}: names", "lists of numbers, texts, bools or nothing", key)
    return tuple(_value_of(value, f"{kind}: names", read) for value in key)


def _value_of(value: Any, where: str, read: Reading) -> Value:
    """A canonical value as `written_value` has written it."""
    if not is_written_value(value):
        raise read.wrong(where, "numbers, texts, bools or nothing", value)
    found = read_value(value)
    if written_value(found) != value or type(written_value(found)) is not type(value):
        raise read.wrong(where, "a value as it is written", value)
    return found
