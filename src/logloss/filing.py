"""A summary as one table in long form, and back, to the bit.

Each row of the file has a section, a key and what the section keeps: `counts` (whole numbers) or `digits` (exact sums
as hexadecimal integers, in units of a power of two that the header names). Rows of scores also say between which scores
they lie (`lower`, `upper`), so that any program that reads Parquet can draw a curve from them. The header is JSON:
format, library, question, settings and a SHA-256 of everything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.data.rows import FramePlace, RememberedPlace
from logloss.errors import DataError
from logloss.onepass.summaries import CostliestSummary, Costly, GroupedSummary, LossSummary, ScoreSummary
from logloss.onepass.summaries.cells import N_MASSES as N_CELL_MASSES
from logloss.onepass.summaries.cells import Cells
from logloss.onepass.summaries.grouped import (
    GENERAL_SUMS,
    MOST_DETAILED,
    MOST_GROUPS,
    N_HARD_SUMS,
    N_TOTALS,
)
from logloss.onepass.summaries.loss import HARD_SUMS, SUMS, LateSums
from logloss.onepass.summaries.scores import MOST_DISTINCT, N_BINNED, N_COUNTED, N_MASSES
from logloss.onepass.tables import CountTable, SumTable
from logloss.provenance import HASH_BYTES, Parts, Question
from logloss.spread import edges_of
from logloss.storage import write_atomically
from logloss.text import printable
from logloss.version import __version__

if TYPE_CHECKING:
    from logloss.data.keys import GroupKey

# 2: parts are known by the rows that they hold, and no longer by the names of their files.
FORMAT_MAJOR, FORMAT_MINOR = 2, 0
HEADER = "logloss"
LIMITS = {"most_distinct": MOST_DISTINCT, "most_groups": MOST_GROUPS, "most_detailed": MOST_DETAILED}
N_LINES_KEPT = 3
LANE_BITS = 32

Kept = tuple[LossSummary, Question, Parts, str, tuple[str, ...]]


def save_summary(
    path: Any, summary: LossSummary, question: Question, parts: Parts, source: str, notes: tuple[str, ...]
) -> None:
    """Write a summary to a file, whole or not at all."""
    write_atomically(path, bytes_of_summary(summary, question, parts, source, notes))


def bytes_of_summary(
    summary: LossSummary, question: Question, parts: Parts, source: str, notes: tuple[str, ...]
) -> bytes:
    """The bytes of the file of a summary; the same each time."""
    from logloss.data.arrow.tables import content_of, long_form, parquet_bytes

    scores = summary.scores
    sections: list[dict[str, Any]] = [_sums(summary), _parts(parts), _costliest(summary.costliest)]
    header: dict[str, Any] = {
        "format": f"{FORMAT_MAJOR}.{FORMAT_MINOR}",
        "library": __version__,
        "question": _asked(question),
        "source": source,
        "notes": list(notes),
        "limits": LIMITS,
        "summary": {
            "n_rows": summary.n_rows,
            "n_ones": summary.n_ones,
            "n_infinite": summary.n_infinite,
            "n_dropped": summary.n_dropped,
            "is_soft": summary.is_soft,
            "coding": sorted(([kind, value] for kind, value in summary.coding), key=repr),
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
    table = long_form([section for section in sections if len(section["key"])])
    header["sha256"] = _checksum(header, content_of(table))
    return parquet_bytes(table, {HEADER: json.dumps(header, sort_keys=True)})


def _asked(question: Question) -> dict[str, Any]:
    """The question; without the correction where there is none, so that an older logloss reads it, too."""
    asked = asdict(question)
    if question.negatives_kept == 1:
        del asked["negatives_kept"]
    return asked


def _late(late: LateSums) -> list[Any]:
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
    units[name] = LANE_BITS * table.first
    columns = [table.integers(column) for column in range(table.lanes.shape[0])]
    return {"name": name, "key": table.keys, "digits": [[f"{v:x}" for v in row] for row in zip(*columns, strict=True)]}


def _settings(grouped: GroupedSummary) -> dict[str, Any]:
    return {
        "columns": list(grouped.columns),
        "only": None if grouped.only is None else [list(key) for key in grouped.only],
        "scale": grouped.scale,
        "n_rows": grouped.n_rows,
        "is_over": grouped.is_over,
        "names": [name if grouped.is_hashed else list(name) for name in grouped.names],
        "has_cells": grouped.cells is not None,
        "is_exact": grouped.cells is not None and grouped.cells.scores is not None,
    }


def _grouped(kind: str, grouped: GroupedSummary, units: dict[str, int]) -> list[dict[str, Any]]:
    words = [str(name) if grouped.is_hashed else json.dumps(list(name)) for name in grouped.names]
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


def summary_of_bytes(data: bytes, name: str) -> Kept:
    """What the bytes of a file hold: (summary, question, parts, source, notes)."""
    from logloss.data.arrow.tables import content_of, read_parquet, sections_of

    table, metadata = read_parquet(data, name)
    if HEADER not in metadata:
        raise DataError(f"{name} is a table of rows, not a summary. Measure it: logloss measure {name} -y … -p …")
    damaged = DataError(f"{name} is damaged: what it holds is not what was written. Make it again.")
    try:
        header = json.loads(metadata[HEADER])
        major = int(str(header["format"]).split(".")[0])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged from error
    if major != FORMAT_MAJOR:
        advice = "Install a newer one to read it." if major > FORMAT_MAJOR else "Measure the rows again."
        raise DataError(
            f"{name} has format {printable(str(header['format']))}, written by logloss "
            f"{printable(str(header.get('library', '?')))}; this is logloss {__version__}, which reads format "
            f"{FORMAT_MAJOR}. {advice}"
        )
    try:
        if header.get("sha256") != _checksum(header, content_of(table)):
            raise damaged
        sections = sections_of(table)
        kept = _kept(header, _Sections(sections, header["units"]))
    except DataError:
        raise
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise damaged from error
    unknown = [section for section in sections if section not in KNOWN]
    if unknown:
        raise DataError(f'{name} has a section that this logloss does not know: "{unknown[0]}". Install a newer one.')
    return kept


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
        return CountTable(np.array(section["key"], np.int64), np.array(section["counts"], np.int64))

    def sums(self, name: str, n_columns: int) -> SumTable:
        """A table of exact sums."""
        if name not in self.sections:
            return SumTable.empty(n_columns)
        section = self.sections[name]
        values = [[int(digits, 16) for digits in row] for row in section["digits"]]
        n_lanes = max(v.bit_length() for row in values for v in row) // LANE_BITS + 1
        mask = (1 << LANE_BITS) - 1
        lanes = np.array(
            [[[(row[c] >> (LANE_BITS * j)) & mask for row in values] for j in range(n_lanes)] for c in range(n_columns)]
        )
        return SumTable.carried(np.array(section["key"], np.int64), lanes, self.units[name] // LANE_BITS)

    def keys(self, name: str) -> Any:
        """The keys of a section."""
        return np.array(self.sections[name]["key"], np.int64) if name in self.sections else np.zeros(0, np.int64)


def _kept(header: Mapping[str, Any], sections: _Sections) -> Kept:
    said, of_scores = header["summary"], header["scores"]
    sums = [int(row[0], 16) for row in sections.sections["sums"]["digits"]]
    scores = ScoreSummary(
        of_scores["scale"],
        of_scores["is_binned"],
        of_scores["n_rows"],
        sections.counts("scores", N_BINNED if of_scores["is_binned"] else N_COUNTED),
        sections.sums("scores: masses", N_MASSES),
    )
    summary = LossSummary(
        said["n_rows"],
        said["n_ones"],
        said["n_infinite"],
        said["n_dropped"],
        said["is_soft"],
        frozenset((kind, value) for kind, value in said["coding"]),
        tuple(said["n_hard"]),
        tuple(sums[: len(HARD_SUMS)]),
        tuple(sums[len(HARD_SUMS) :]),
        scores,
        CostliestSummary(said["n_costliest"], _costly_rows(sections.sections.get("costliest"))),
        _grouped_of("groups", header, sections),
        _grouped_of("clusters", header, sections),
        unlabelled=_late_of(said.get("unlabelled")),
    )
    found = sections.sections["parts"]
    hashes = [bytes.fromhex(digits) for (digits,) in found["digits"]]
    parts = Parts.listed(hashes, found["group"], found["counts"][:, 0].tolist())
    question = Question(**header["question"])
    return summary, question, parts, header["source"], tuple(header["notes"])


def _late_of(written: list[Any] | None) -> LateSums | None:
    """Rows without a label; None where a file does not say."""
    return None if written is None else LateSums(int(written[0]), *(int(digits, 16) for digits in written[1:4]))


def _costly_rows(section: Mapping[str, Any] | None) -> tuple[Costly, ...]:
    if section is None:
        return ()
    rows = []
    for row, name, digits in zip(section["key"].tolist(), section["group"], section["digits"], strict=True):
        cost, forecast, label, weight = (float.fromhex(text) for text in digits[:4])
        of_zero = float.fromhex(digits[4]) if digits[4] else None
        line = int(digits[7]) if digits[7] else None
        place = RememberedPlace(name, row, line) if len(digits) < 9 else FramePlace(name, digits[8])
        rows.append(Costly(cost, name, row, forecast, label, weight, int(digits[5]), of_zero, digits[6] == "1", place))
    return tuple(rows)


def _grouped_of(kind: str, header: Mapping[str, Any], sections: _Sections) -> GroupedSummary | None:
    if kind not in header:
        return None
    said = header[kind]
    is_hashed = kind == "clusters"
    names: list[Any] = said["names"] if is_hashed else [tuple(name) for name in said["names"]]
    only: tuple[GroupKey, ...] | None = None if said["only"] is None else tuple(tuple(key) for key in said["only"])
    cells = None
    if said["has_cells"]:
        scores = sections.keys(f"{kind}: scores") if said["is_exact"] else None
        masses = sections.sums(f"{kind}: cell masses", N_CELL_MASSES)
        cells = Cells(scores, sections.counts(f"{kind}: cells", 2), masses)
    return GroupedSummary(
        tuple(said["columns"]),
        is_hashed,
        only,
        said["scale"],
        said["n_rows"],
        said["is_over"],
        tuple(names),
        sections.counts(f"{kind}: totals", N_TOTALS),
        sections.sums(f"{kind}: sums", N_HARD_SUMS),
        sections.sums(f"{kind}: general", len(GENERAL_SUMS)),
        cells,
    )
