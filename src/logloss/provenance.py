"""Where a summary comes from: the question it answers, and the parts it is made of, so that none is counted twice.

>>> a = Parts.of([("monday.csv", (3, 1))])
>>> a.union(Parts.of([("tuesday.csv", (2, 2))])).names.tolist()
['monday.csv', 'tuesday.csv']
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.errors import DataError
from logloss.text import counted, listed, value_text


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked. positive: what counts as positive, in words; positive_value: the same where it is not plain 0/1;
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


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What a summary is made of: a hash of the name and the exact sums of each part, ascending, and their names."""

    hashes: Any
    names: Any

    @classmethod
    def of(cls, pieces: Iterable[tuple[str, Sequence[int]]]) -> Parts:
        """Of (name, whole numbers that tell the rows) of each part."""
        found = sorted((_hash(name, numbers), name) for name, numbers in pieces)
        return cls(np.array([key for key, _ in found], np.uint64), np.array([name for _, name in found], object))

    def __len__(self) -> int:
        return len(self.hashes)

    def union(self, other: Parts) -> Parts:
        """The parts of both; an error that names them if they share some."""
        small, large = (self, other) if len(self) <= len(other) else (other, self)
        places = np.searchsorted(large.hashes, small.hashes)
        near = large.hashes[np.minimum(places, len(large) - 1)] if len(large) else small.hashes[:0]
        shared = np.flatnonzero(near == small.hashes[: len(near)])
        if len(shared):
            names = [name or "rows without a name" for name in small.names[shared].tolist()]
            hint = " Give `name=` to rows that are equal and yet others." if "" in small.names[shared] else ""
            raise DataError(
                f"summaries must not share a part, or its rows would count twice: both hold {listed(names)} "
                f"({counted(len(shared), 'part')}).{hint}"
            )
        return Parts(np.insert(large.hashes, places, small.hashes), np.insert(large.names, places, small.names))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Parts)
            and np.array_equal(self.hashes, other.hashes)
            and self.names.tolist() == other.names.tolist()
        )

    def __hash__(self) -> int:
        return hash(self.hashes.tobytes())

    @property
    def text(self) -> str:
        """The parts in words: their names, or how many there are."""
        named = sorted({name for name in self.names.tolist() if name})
        if not named:
            return "" if len(self) < 2 else counted(len(self), "part")
        return listed(named, 3) if len(named) <= 3 else f"{counted(len(self), 'part')} ({listed(named, 2)})"


def _hash(name: str, numbers: Sequence[int]) -> int:
    """64 bits that tell a part from others."""
    text = "\0".join([name, *map(str, numbers)])
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "little")
