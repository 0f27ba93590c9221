"""The header of the file of a summary, and what writing and reading it share.

The file is one table in long form. Each row has a section, a key and what the section keeps: `counts` (whole numbers)
or `digits` (exact sums as hexadecimal integers, in units of a power of two that the header names). Rows of scores also
say between which scores they lie (`lower`, `upper`), so that any program that reads Parquet can draw a curve from them.
The header is JSON: format, library, question, settings and a SHA-256 of everything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from logloss.data.keys import GroupKey
from logloss.data.values import Value
from logloss.files.schema import Rule, Whole
from logloss.measurement.record import Question
from logloss.onepass.kernels import exact
from logloss.onepass.summaries.group_keys import MOST_GROUPS
from logloss.onepass.summaries.grouped import MOST_DETAILED
from logloss.onepass.summaries.scores import MOST_DISTINCT

# 2: parts are known by the rows that they hold, no longer by the names of their files; keys by their exact values, and
# clusters hashed so. 3: the header has the same fields in every file.
FORMAT_MAJOR, FORMAT_MINOR = 3, 0
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
# How a way to write labels begins.
CODINGS = ("value", "soft")


@dataclass(frozen=True, slots=True)
class RowsHeader:
    """Rows of each kind. coding: the ways in which labels were written. n_hard: rows with hard labels, those of 1 and
    those that cost infinitely much. unlabelled: a number of rows, and their sums as hexadecimal integers."""

    n_rows: int
    n_ones: int
    n_infinite: int
    n_dropped: int
    is_soft: bool
    coding: tuple[tuple[str, Value], ...]
    n_hard: tuple[int, int, int]
    n_costliest: int
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
class GroupsHeader(GroupedHeader):
    """How groups are kept, and their names."""

    names: tuple[GroupKey, ...]


@dataclass(frozen=True, slots=True)
class ClustersHeader(GroupedHeader):
    """How clusters are kept, and their hashes."""

    names: tuple[Whole, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its table. units: of each section of sums, as an exponent of 2."""

    format: str
    library: str
    question: Question
    source: str
    notes: tuple[str, ...]
    limits: dict[str, int]
    summary: RowsHeader
    scores: ScoresHeader
    groups: GroupsHeader | None
    clusters: ClustersHeader | None
    units: dict[str, Whole]
    sha256: str = ""


# What reading relies on; what a summary as a whole must be is in `summary_checks`.
RULES = {
    RowsHeader: (Rule("coding", lambda h: all(kind in CODINGS for kind, _ in h.coding), "ways to write labels"),),
    GroupsHeader: (
        Rule("names", lambda h: all(h.names), "names of a value at least"),
        Rule("only", lambda h: h.only is None or all(h.only), "names of a value at least"),
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
    said = json.dumps({key: value for key, value in header.items() if key != "sha256"}, sort_keys=True)
    digest = hashlib.sha256(said.encode())
    for piece in content:
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
    return digest.hexdigest()
