"""Millions of numbers or names as one text of a document: compressed by zlib, in base64.

>>> import numpy as np
>>> text = packed_numbers(np.zeros(10**6))
>>> len(text) < 80_000, unpacked_numbers(text).shape
(True, (1000000,))
>>> unpacked_texts(packed_texts(("age", "height")))
('age', 'height')

Of zeros twenty take a byte; of other numbers, eight bytes each in the little-endian order of float64, nearly all bits
are new, so the fastest level of zlib is as good as its best.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib

import numpy as np

from logloss.data.values import Array

LEVEL = 1
# Bytes of what is unpacked, at most: those of 100 million numbers.
MOST_UNPACKED = 800_000_000


def packed_numbers(values: Array) -> str:
    """Numbers as a text."""
    return _packed(np.ascontiguousarray(values, dtype="<f8").data)


def unpacked_numbers(text: str) -> Array:
    """The numbers of a text, read-only; ValueError where it has none."""
    return np.frombuffer(_unpacked(text), dtype="<f8").astype(np.float64, copy=False)


def packed_texts(texts: tuple[str, ...]) -> str:
    """Names as a text."""
    return _packed(json.dumps(texts).encode())


def unpacked_texts(text: str) -> tuple[str, ...]:
    """The names of a text; ValueError where it has none."""
    found = json.loads(_unpacked(text))
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError("it holds no texts")
    return tuple(found)


def _packed(data: bytes | memoryview) -> str:
    return base64.b64encode(zlib.compress(data, LEVEL)).decode()


def _unpacked(text: str) -> bytes:
    """The bytes, of which there are at most MOST_UNPACKED however few they were compressed to."""
    try:
        reader = zlib.decompressobj()
        data = reader.decompress(base64.b64decode(text, validate=True), MOST_UNPACKED)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(str(error)) from error
    if not reader.eof or reader.unused_data:
        raise ValueError("it is cut off, or too long")
    return data
