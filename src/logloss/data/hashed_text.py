"""Text as counts of hashed words: `hash(query, bits=20)` is 2^20 columns, one for each value of a hash of 20 bits.

>>> counts = HashedText("hash(q, bits=4)", "q", 4).counts(Column(np.array([0]), None, ("Red shoes, red hat",)))
>>> sorted(counts.values.tolist())
[1.0, 1.0, 2.0]

Words are the longest runs of letters and digits, in small letters, of any script; the value of a column is how often
its words occur in the text. Hashes are those of `onepass/kernels/hashing.py`, which are the same on every machine.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from logloss.data.keys import missing_of
from logloss.data.rows import Array, Column
from logloss.data.values import Number, is_number, number_in, typed
from logloss.errors import DataError
from logloss.onepass.kernels.hashing import hashes_of
from logloss.text import printable, value_text

WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The words of a text. Letters that are written in two ways, with an accent of its own or without, are one."""
    text = text.lower()
    return WORD.findall(text if text.isascii() else unicodedata.normalize("NFKC", text))


def columns_of(words: Sequence[str], bits: int) -> Array:
    """The column of each word: the highest bits of its hash."""
    if not words:
        return np.zeros(0, np.int64)
    hashes = hashes_of([Column(np.arange(len(words)), None, tuple(words))])
    return (hashes.view(np.uint64) >> np.uint64(64 - bits)).astype(np.int64)


# eq=False: comparing two arrays gives an array, not a bool.
@dataclass(frozen=True, slots=True, eq=False)
class WordCounts:
    """The words of some rows: of each its row, its place among the columns, and how often it occurs there."""

    rows: Array
    places: Array
    values: Array

    def sums(self, coefficients: Array, n_rows: int) -> Array:
        """Σ count · coefficient of each row, shape (n_rows,)."""
        return np.bincount(self.rows, self.values * coefficients[self.places], minlength=n_rows)


@dataclass(frozen=True, slots=True)
class HashedText:
    """A column of text as counts of words by the value of a hash. name: of the feature."""

    name: str
    column: str
    bits: int

    @property
    def n_columns(self) -> int:
        """How many values the hash has."""
        return 1 << self.bits

    def words_at(self, column: Column, places: Array) -> Counter[tuple[int, str]]:
        """In how many of the texts of some rows each word occurs whose hash is one of these, by hash and word."""
        of_texts, words, numbers = _numbered(_texts_of(column)[1])
        own = columns_of(words, self.bits)
        n_texts = np.bincount(
            np.unique(of_texts * max(len(words), 1) + numbers) % max(len(words), 1), minlength=len(words)
        )
        chosen = np.flatnonzero(np.isin(own, places))
        return Counter({(int(own[k]), words[k]): int(n_texts[k]) for k in chosen.tolist()})

    def counts(self, column: Column) -> WordCounts:
        """The words of some rows; none where nothing stands. Cost: 1 µs a word of each text that differs."""
        fraction = fraction_in(column)
        if fraction is not None:
            raise no_text(self, fraction)
        codes, texts = _texts_of(column)
        of_texts, words, numbers = _numbered(texts)
        # Each word of each text once, with how often it occurs there.
        distinct, times = np.unique(of_texts * max(len(words), 1) + numbers, return_counts=True)
        places = columns_of(words, self.bits)
        sizes = np.bincount(distinct // max(len(words), 1), minlength=len(texts))
        numbers, values = distinct % max(len(words), 1), times.astype(np.float64)
        starts = np.cumsum(sizes) - sizes
        missing = missing_of(column)
        n_each = sizes[codes] if len(sizes) else np.zeros(len(codes), np.int64)
        n_each = n_each if missing is None else np.where(missing, 0, n_each)
        rows = np.repeat(np.arange(len(codes)), n_each)
        # The first word of a row's text, and on from there.
        first = np.repeat(starts[codes] - (np.cumsum(n_each) - n_each), n_each) if len(starts) else rows
        at = first + np.arange(len(rows))
        return WordCounts(rows, places[numbers[at]], values[at])


def fraction_in(column: Column) -> Number | None:
    """The first of the numbers of some rows that is not whole, which has no words; None in text, and where all are."""
    if column.categories is None:
        values = column.values
        if values.dtype.kind != "f":
            return None
        is_fraction = np.isfinite(values) & (np.floor(values) != values)
        return float(values[int(np.argmax(is_fraction))]) if is_fraction.any() else None
    numbers = (typed(value) for value in column.categories if is_number(value))
    return next((number for number in numbers if isinstance(number, float | Decimal) and _is_fraction(number)), None)


def _is_fraction(number: Number) -> bool:
    # Of infinity the remainder is NaN.
    return bool(abs(float(number % 1)) > 0)


@dataclass(slots=True)
class WrittenNumbers:
    """Whether the texts of a column are all numbers, as those of a CSV file may be: where one is not whole, they are
    measurements."""

    has_words: bool = False
    fraction: Number | None = None

    def see(self, column: Column) -> None:
        """Look at some rows; at no more of them once there is a word."""
        for text in () if self.has_words else column.categories or ():
            own = str(text).strip()
            if own.lower() in ("", "nan"):
                continue
            number = number_in(own)
            self.has_words = number is None
            if number is None:
                return
            if self.fraction is None and _is_fraction(number):
                self.fraction = number


def no_text(text: HashedText, number: object) -> DataError:
    """The error of a column of measurements, whose digits are no words."""
    own = printable(text.column)
    return DataError(
        f'column "{own}" must hold text, or whole numbers such as codes, for {text.name}; it has {value_text(number)}. '
        f'Name it without hash(), "{own}", or bs({own}) for a curve.'
    )


def _numbered(texts: Sequence[str]) -> tuple[Array, list[str], Array]:
    """(The text of each word, the distinct words, the number of each word among these), words as they stand."""
    of_each = [words_of(text) for text in texts]
    known: dict[str, int] = {}
    numbers = np.array([known.setdefault(word, len(known)) for own in of_each for word in own], dtype=np.int64)
    of_texts = np.repeat(np.arange(len(texts)), np.array([len(own) for own in of_each], dtype=np.int64))
    return of_texts, list(known), numbers


def _texts_of(column: Column) -> tuple[Array, list[str]]:
    """(A code for each row, the text of each code); numbers are text as they print."""
    if column.categories is not None:
        return column.values, ["" if value is None else str(value) for value in column.categories]
    distinct, codes = np.unique(column.values, return_inverse=True)
    return codes, [str(typed(value)) if is_number(value) else "" for value in distinct.tolist()]
