"""Damaged and hostile files: each must be refused with a message, or read as it was.

Every kind of file that logloss writes, and Parquet files that it measures, in two ways:

- Bytes are changed, cut, put in, doubled or taken for others. The file must be refused with an error of
  `logloss.errors`, or give the answer of the intact one.
- A field of a saved file becomes something else (another type, negative, huge, nan, gone, one more, control
  characters, another length), and the checksum is made right again. The file must be refused, or show an answer that
  a terminal may print.

A footer of Parquet and the headers of its pages have no checksum, nor has a page that was written without one: what
is changed there may be read as another table, and nobody can know. Such answers are counted apart, as
`undetectable`; any other difference is `silent`.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import pathlib
import random
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import logloss
from logloss.data.arrow.long_form import content_of, parquet_bytes, read_parquet
from logloss.data.arrow.pages import COMPRESSED, _struct
from logloss.files import document, summary_writing

MOST_SHOWN = 20
# A trial of a saved file that takes longer, or adds more to the peak of the memory, has failed. The header of a page of
# rows may claim 2^31 bytes, and Arrow makes room for them.
MOST_SECONDS, MOST_MIB = 10.0, 1024
MOST_SECONDS_OF_ROWS, MOST_MIB_OF_ROWS = 60.0, 4096
ASKED: dict[str, dict[str, Any]] = {
    "plain": {},
    "groups": {"by": "g"},
    "clusters": {"cluster": "c", "sample_weight": "w"},
    "late": {"missing": "drop"},
}


def rows(rng: np.random.Generator, n_rows: int = 60) -> pa.Table:
    """A small table: few distinct forecasts, groups, clusters, weights, and a number and a level to train on."""
    p = rng.integers(1, 20, n_rows) / 20
    names = np.array(["a", "b", "c"], object)[rng.integers(0, 3, n_rows)]
    return pa.table(
        {
            "y": (rng.random(n_rows) < p).astype(np.int8),
            "p": p,
            "q": np.clip(p + 0.1 * rng.normal(size=n_rows), 0.01, 0.99),
            "w": rng.integers(1, 5, n_rows) / 2,
            "g": pa.array(names.tolist()),
            "c": rng.integers(0, 12, n_rows),
            "x": rng.normal(size=n_rows).round(2),
        }
    )


def saved(answer: Any, folder: pathlib.Path) -> bytes:
    """The bytes of the file of an answer."""
    path = folder / "intact"
    answer.save(path)
    return path.read_bytes()


def saved_kinds(folder: pathlib.Path, seed: int) -> dict[str, bytes]:
    """A file of each kind that is saved."""
    rng = np.random.default_rng(seed)
    table, other = rows(rng), rows(rng)
    requested: dict[str, Any] = {"y_true": "y", "y_proba": "p"}
    late = table.set_column(0, "y", pa.array([None if k % 7 == 0 else y for k, y in enumerate(table["y"].to_pylist())]))
    found = {
        "summary": logloss.measure(table, **requested),
        "summary of groups": logloss.measure(table, **requested, by=["g", "c"]),
        "summary of clusters": logloss.measure(table, **requested, cluster="c", sample_weight="w"),
        "summary with late labels": logloss.measure(late, **requested, missing="drop"),
        "model": logloss.fit(table, "y", features=["x", "g"]),
        "model with a penalty": logloss.fit(table, "y", features=["x", "q"], l2=1.0),
        "model of separated classes": logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1]),
        "calibration": logloss.calibrate(table, y_true="y", y_proba="p", method="platt"),
        "isotonic calibration": logloss.calibrate(table, y_true="y", y_proba="p", method="isotonic"),
        "comparison": logloss.compare(table, y_true="y", y_proba=["p", "q"], by="g"),
        "difference": logloss.diff(
            logloss.measure(table, **requested, by="g"), logloss.measure(other, **requested, by="g")
        ),
    }
    return {kind: saved(answer, folder) for kind, answer in found.items()}


def parquet_kinds(seed: int) -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Files that are measured, with the arguments of `measure`."""
    table = rows(np.random.default_rng(seed), 400)
    lacking = table.set_column(
        0, "y", pa.array([None if k % 9 == 0 else y for k, y in enumerate(table["y"].to_pylist())])
    )
    ways: dict[str, tuple[pa.Table, dict[str, Any], str]] = {
        "input": (table, {}, "plain"),
        "input with groups": (table, {"compression": "zstd"}, "groups"),
        "input with clusters": (table, {"data_page_version": "2.0"}, "clusters"),
        "input without labels": (lacking, {"use_dictionary": False, "compression": "none"}, "late"),
        "input without checksums": (table, {"write_page_checksum": False, "compression": "none"}, "groups"),
        "input of deltas": (
            table,
            {"use_dictionary": False, "column_encoding": {"g": "DELTA_BYTE_ARRAY", "y": "DELTA_BINARY_PACKED"}},
            "groups",
        ),
    }
    found = {}
    for kind, (own, options, requested) in ways.items():
        stream = io.BytesIO()
        pq.write_table(own, stream, row_group_size=200, **{"write_page_checksum": True, **options})
        found[kind] = stream.getvalue(), {"y_true": "y", "y_proba": "p", **ASKED[requested]}
    return found


def checked_places(data: bytes) -> list[range]:
    """Where the pages of a Parquet file lie that have a checksum."""
    places = []
    footer = pq.read_metadata(io.BytesIO(data))
    for group, number in itertools.product(range(footer.num_row_groups), range(footer.num_columns)):
        column = footer.row_group(group).column(number)
        starts = [column.data_page_offset, column.dictionary_page_offset or column.data_page_offset]
        place = min(starts)
        end = place + column.total_compressed_size
        while place < end:
            fields, place = _struct(data, place)
            # Field 4 is the checksum.
            if 4 in fields:
                places.append(range(place, place + fields[COMPRESSED]))
            place += fields[COMPRESSED]
    return places


def damaged(data: bytes, rng: random.Random) -> tuple[bytes, list[int] | None]:
    """The bytes with some damage, and which of them changed if none has moved."""
    found = bytearray(data)
    place, size = rng.randrange(len(data)), rng.choice([1, 1, 2, 8, 64])
    match rng.randrange(7):
        case 0 | 1:
            changed = [rng.randrange(len(data)) for _ in range(rng.choice([1, 1, 1, 2, 5]))]
            for each in changed:
                found[each] ^= 1 << rng.randrange(8)
            return bytes(found), changed
        case 2:
            changed = list(range(place, min(place + size, len(data))))
            for each in changed:
                found[each] = rng.randrange(256)
            return bytes(found), changed
        case 3:
            return bytes(found[:place]), None
        case 4:
            return bytes(found[:place] + rng.randbytes(size) + found[place:]), None
        case 5:
            return bytes(found[: place + size] + found[place:]), None
        case _:
            return bytes(found[:place] + found[place + size :]), None


def strange(rng: random.Random) -> Any:
    """A value that is invalid, or nearly so."""
    return rng.choice(
        [
            *(None, True, -1, -3, 0, 1.5, 10**30, 2**63, -(2**63), 1e308, -1e-308, float("nan"), float("inf")),
            *("", "inf", "-inf", "nan", "\x1b[31m\x07red", "\x9b2J\u202e", "\ud800", "x" * 100_000, "7" * 5_000),
            *([], {}, [None], [[1]], {"\x1b": "\x07"}, [1] * 50, ["\x1b]0;title\x07"]),
        ]
    )


def changed_tree(tree: Any, rng: random.Random) -> Any:
    """The JSON with one place changed."""
    tree = json.loads(json.dumps(tree))
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = rng.choice(keys)
        inner = node[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.15:
            break
        node = inner
    match rng.randrange(8):
        case 0:
            del node[key]
        case 1:
            (node.__setitem__("extra", strange(rng)) if isinstance(node, dict) else node.append(strange(rng)))
        case 2 if isinstance(inner, str):
            node[key] = inner + rng.choice(["\x1b[2J\x07", "\n\x1b", "\u202e", "x"])
        case 2 | 3 if isinstance(inner, int | float) and not isinstance(inner, bool):
            node[key] = rng.choice(
                [-inner, inner + 1, inner * 2, inner * 1.0000001, inner * 10**6, float(inner), str(inner)]
            )
        case 4 if isinstance(inner, list):
            node[key] = rng.choice([inner[:-1], inner * 2, inner[::-1], [inner]])
        case 5 if rng.random() < 0.05:
            deep: Any = 0
            for _ in range(500):
                deep = [deep]
            node[key] = deep
        case _:
            node[key] = strange(rng)
    return tree


def changed_document(data: bytes, rng: random.Random) -> bytes:
    """A document with another field, and the checksum that belongs to it."""
    fields = json.loads(data)
    del fields["sha256"]
    fields = changed_tree(fields, rng)
    # The checksum of the library, which a document with nan in it cannot have.
    with contextlib.suppress(ValueError):
        return json.dumps({**fields, "sha256": document._sum(fields)}).encode()
    return json.dumps({**fields, "sha256": ""}).encode()


def changed_cell(name: str, value: Any, rng: random.Random) -> Any:
    """What may stand in a column of a summary instead of a value."""
    if name in ("section", "group"):
        return rng.choice(["\x1b[31m", "", None, "scores", "x" * 10_000, f"{value}\x07", "null"])
    if name == "key":
        return rng.choice([-1, (value or 0) + 1, 2**62, -(2**63), 0, None])
    if name in ("lower", "upper"):
        return rng.choice([-1.0, 2.0, float("nan"), float("inf"), None, 0.5])
    if name == "counts":
        other = [rng.choice([-3, 0, 1, 2**62, -(2**63)])]
        return rng.choice([None, [], other, (value or [0])[:-1] + other, (value or [0]) * 2, [0] * 3_000])
    other = [rng.choice(["zz", "-1", "", "0", "f" * 4_000, "f" * 20_000, "1", "\x1b", "00", None])]
    return rng.choice([None, [], other, other + (value or [])[1:], (value or ["0"]) * 2])


def changed_summary(data: bytes, rng: random.Random) -> bytes:
    """A summary with another field or cell, and the checksum that belongs to it."""
    table, metadata = read_parquet(data, "intact")
    header = json.loads(metadata[summary_writing.HEADER])
    if rng.random() < 0.45:
        header = changed_tree(header, rng)
    elif rng.random() < 0.03:
        # One row of a million values, which takes a few bytes.
        lists = pa.array([[0] * 1_000_000] + [[0]] * (len(table) - 1), pa.list_(pa.int64()))
        table = table.set_column(table.schema.names.index("counts"), "counts", lists)
    else:
        columns = {name: column.to_pylist() for name, column in zip(table.schema.names, table.columns, strict=True)}
        place = rng.randrange(len(table))
        match rng.randrange(6):
            case 0:
                for column in columns.values():
                    del column[place]
            case 1:
                for column in columns.values():
                    column.insert(place, column[place])
            case 2:
                for column in columns.values():
                    column[place], column[place - 1] = column[place - 1], column[place]
            case _:
                name = rng.choice(list(columns))
                columns[name][place] = changed_cell(name, columns[name][place], rng)
        types = [pa.string(), pa.string(), pa.int64(), pa.float64(), pa.float64()]
        types += [pa.list_(pa.int64()), pa.list_(pa.string())]
        arrays = [pa.array(values, kind) for values, kind in zip(columns.values(), types, strict=True)]
        arrays[0] = arrays[0].dictionary_encode()
        table = pa.table(dict(zip(columns, arrays, strict=True)))
    header.pop("sha256", None) if isinstance(header, dict) else None
    header["sha256"] = summary_writing.checksum(header, content_of(table))
    return parquet_bytes(table, {summary_writing.HEADER: json.dumps(header, sort_keys=True)})


class Trials:
    """Trials one after the other, and their outcomes."""

    def __init__(self, folder: pathlib.Path, seed: int) -> None:
        self.path, self.random = folder / "trial", random.Random(seed)
        self.counts: dict[str, Any] = dict.fromkeys(
            ("trials", "refused", "same", "shown", "undetectable", "silent_differences", "undocumented_exceptions"), 0
        )
        self.counts |= {"slow": 0, "large": 0, "control_characters": 0, "unnamed_errors": 0, "failures": []}
        self.slowest, self.peak = 0.0, peak_mib()

    def fail(self, kind: str, what: str, detail: str) -> None:
        """Count a failure and remember the first ones."""
        self.counts[what] += 1
        if len(self.counts["failures"]) < MOST_SHOWN:
            self.counts["failures"].append(f"{kind}: {what}: {detail}")

    def one(self, kind: str, data: bytes, read: Callable[[], Any], right: Any, *, is_checked: bool | None) -> None:
        """One file. right: the answer of the intact one; is_checked: whether it must be given; None: any may."""
        self.counts["trials"] += 1
        self.path.write_bytes(data)
        began, before = time.perf_counter(), self.peak
        try:
            found = read()
        except logloss.LogLossError as error:
            self.counts["refused"] += 1
            if self.path.name not in str(error):
                self.fail(kind, "unnamed_errors", repr(str(error))[:300])
            if not is_printable(str(error)):
                self.fail(kind, "control_characters", repr(str(error))[:300])
        except Exception as error:
            self.fail(kind, "undocumented_exceptions", f"{type(error).__name__}: {str(error)[:200]}")
        else:
            if is_checked is None:
                self.counts["shown"] += 1
                if not is_printable(found):
                    self.fail(kind, "control_characters", repr(found)[:300])
            elif found == right:
                self.counts["same"] += 1
            elif is_checked:
                self.fail(kind, "silent_differences", found[:300])
            else:
                self.counts["undetectable"] += 1
        taken, self.peak = time.perf_counter() - began, peak_mib()
        self.slowest = max(self.slowest, taken)
        is_of_rows = kind.startswith("input")
        if taken > (MOST_SECONDS_OF_ROWS if is_of_rows else MOST_SECONDS):
            self.fail(kind, "slow", f"{taken:.1f} s")
        if self.peak - before > (MOST_MIB_OF_ROWS if is_of_rows else MOST_MIB):
            self.fail(kind, "large", f"{self.peak - before:.0f} MiB")


def peak_mib() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def is_printable(text: str) -> bool:
    """Whether it contains nothing that a terminal interprets."""
    return all(letter.isprintable() or letter == "\n" for letter in text)


def shown(path: pathlib.Path) -> str:
    """All forms of a saved file: text, HTML for notebooks, figures; for a summary also the advice of `show`."""
    found = logloss.load(path)
    advised = repr(logloss.calibrate(found)) if isinstance(found, logloss.Measurement) else ""
    short = found._repr_html_() or ""
    return "\n".join([repr(found), advised, short, json.dumps(found.to_dict(), sort_keys=True, allow_nan=False)])


def measured(path: pathlib.Path, requested: dict[str, Any]) -> str:
    """All forms of the measurement of a file."""
    found = logloss.measure(path, **requested)
    return "\n".join([repr(found), json.dumps(found.to_dict(), sort_keys=True), repr(found.parts.hashes.tolist())])


def run(n_trials: int, seed: int) -> dict[str, Any]:
    """Run trials: their number, their outcomes, and the first failures as text."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        trials = Trials(folder, seed)
        rng, path = trials.random, trials.path
        kept, inputs = saved_kinds(folder, seed), parquet_kinds(seed)
        right: dict[str, str] = {}
        for kind, data in kept.items():
            path.write_bytes(data)
            right[kind] = shown(path)
        for kind, (data, requested) in inputs.items():
            path.write_bytes(data)
            right[kind] = measured(path, requested)
        places = {kind: checked_places(data) for kind, (data, _) in inputs.items()}
        every = [(kind, way) for kind in kept for way in ("bytes", "fields")] + [(kind, "rows") for kind in inputs]
        for kind, way in itertools.islice(itertools.cycle(every), n_trials):
            if way == "rows":
                data, requested = inputs[kind]
                broken, changed = damaged(data, rng)
                # Bytes have moved, or one that was changed lies in a page that has a checksum.
                is_checked = changed is not None and any(at in place for at in changed for place in places[kind])
                trials.one(
                    kind,
                    broken,
                    lambda requested=requested: measured(path, requested),
                    right[kind],
                    is_checked=is_checked,
                )
                continue
            data = kept[kind]
            if way == "bytes":
                trials.one(kind, damaged(data, rng)[0], lambda: shown(path), right[kind], is_checked=True)
                continue
            change = changed_summary if data[:4] == b"PAR1" else changed_document
            try:
                broken = change(data, rng)
            except (pa.ArrowException, TypeError, ValueError, OverflowError, AttributeError, IndexError):
                # No program can write that.
                continue
            trials.one(f"{kind}, changed", broken, lambda: shown(path), right[kind], is_checked=None)
    return {**trials.counts, "slowest_s": round(trials.slowest, 2), "peak_mib": round(trials.peak)}
