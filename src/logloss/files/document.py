"""Answers that are kept as JSON: numbers are read as they were written, and what was changed on the way is refused.

>>> import json
>>> data = document_bytes("model", {"intercept": 0.1})
>>> document_of(data, "model.json")["intercept"]
0.1

A document begins with what it is and its format, major.minor; its last field is the SHA-256 of all the others.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from logloss.errors import DataError
from logloss.text import listed, printable, value_text
from logloss.version import __version__

# 6: models have shapes; the class of an object has a field of its own name. 6.1: coefficients of a model of a sparse
# matrix are one text.
FORMAT = (6, 1)
# 5,000 coefficients over 100 passes are 12 MB; 10 million of a sparse matrix, with standard deviations, 210 MB.
MOST_BYTES = 1 << 29
# Values of a document, of which the shortest takes 2 bytes there and 60 in memory.
MOST_VALUES = 1 << 22
# No whole number of ours is larger: levels of categories are 64 bits.
MOST_WHOLE = 1 << 64
HEAD = ("logloss", "format", "version", "sha256")


def document_bytes(kind: str, content: Mapping[str, Any]) -> bytes:
    """A document as bytes, the same each time."""
    head = {"logloss": kind, "format": f"{FORMAT[0]}.{FORMAT[1]}", "version": __version__}
    fields = {**head, **content}
    return (json.dumps({**fields, "sha256": _sum(fields)}, indent=1, allow_nan=False) + "\n").encode()


def document_of(data: bytes, name: str) -> dict[str, Any]:
    """The fields of a document; an error that names the file if it is damaged, newer, or none."""
    if len(data) > MOST_BYTES:
        raise DataError(f"{name} must be a logloss file, of at most 512 MiB; it has {len(data):,} bytes.")
    try:
        fields = parsed(data)
    except (ValueError, RecursionError) as error:
        clause = printable(str(error), 200)
        raise DataError(f"cannot read {name}: {clause}. The file is damaged or no JSON; make it again.") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("logloss"), str):
        raise DataError(f'{name} must be a file that `save` or `-o` has written; it has no field "logloss".')
    version = fields.get("format", "")
    parts = version.split(".") if isinstance(version, str) else ()
    if len(parts) != 2 or not all(part.isdecimal() and len(part) < 5 for part in parts):
        raise DataError(f'{name} must give its format as "1.0"; it gives "{printable(str(version))}".')
    if int(parts[0]) != FORMAT[0]:
        raise DataError(
            f"{name} has format {version}, and this is logloss {__version__}, which reads format {FORMAT[0]}. "
            "Read it with the version that wrote it, or a newer one."
        )
    found = fields.pop("sha256", "")
    try:
        is_whole = found == _sum(fields)
    except RecursionError as error:
        raise DataError(f"cannot read {name}: it is nested too deeply to be a logloss file. Make it again.") from error
    if not isinstance(fields.get("version"), str):
        raise DataError(f"{name} must name the version that wrote it; it has {value_text(fields.get('version'))}.")
    if not is_whole:
        raise DataError(f"{name} was changed after it had been written: its checksum does not fit. Make it again.")
    return fields


def parsed(data: bytes) -> Any:
    """The value of JSON text; ValueError where a number is none, values are too many, or a field stands twice."""
    if sum(map(data.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise ValueError(f"it holds more than {MOST_VALUES:,} values")
    text = data.decode("utf-8")
    return json.loads(
        text, object_pairs_hook=_once, parse_constant=_refused, parse_float=_finite, parse_int=_not_too_large
    )


def known_fields(fields: Mapping[str, Any], known: Sequence[str], name: str) -> dict[str, Any]:
    """The fields without the head; what is not known is refused, unless a newer minor format has added it."""
    own = {key: value for key, value in fields.items() if key not in HEAD}
    strange = [key for key in own if key not in known]
    if strange and int(str(fields["format"]).split(".")[1]) <= FORMAT[1]:
        raise DataError(f"{name} holds fields that are not known: {listed([printable(key) for key in strange])}.")
    return {key: value for key, value in own.items() if key in known}


def _sum(fields: Mapping[str, Any]) -> str:
    """The SHA-256 of fields, whatever their layout."""
    return hashlib.sha256(json.dumps(fields, allow_nan=False, sort_keys=True).encode()).hexdigest()


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field stands twice")
    return found


def _refused(word: str) -> Any:
    raise ValueError(f"{printable(word, 20)} is no number of a logloss file")


def _finite(word: str) -> float:
    value = float(word)
    return value if math.isfinite(value) else _refused(word)


def _not_too_large(word: str) -> int:
    # 2^64 has 20 digits.
    value = int(word) if len(word) <= 21 else MOST_WHOLE
    return value if abs(value) < MOST_WHOLE else _refused(word)
