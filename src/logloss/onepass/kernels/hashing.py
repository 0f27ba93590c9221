"""The hash of a cluster's key, and of rows: bits that are the same on every machine and never change.

A number is hashed by its value, in whatever type it stands (`data/values.py`): by the bits of the float that it is; a
whole number that is no float by the 64 bits of its size, and its sign; longer ones and decimals by their text. Text is
hashed by two polynomials over its UTF-8 bytes, modulo two primes; then SplitMix64 mixes the bits. Several columns: each
is mixed into those before it.

Rows of a part are known by two sums over their hashes, modulo 2^64: of the hash, and of the product of its halves. Sums
do not depend on the order of the rows, on blocks or on threads, and those of two cuts of a part add up to its own.

>>> hashes_of([Column(np.array([1.0, 1.0, 2.0]))]).tolist()
[6122182377171545755, 6122182377171545755, -7142256642428457539]
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from logloss.data.keys import missing_of
from logloss.data.rows import Array, Column
from logloss.data.values import EXACT_FLOATS, Value, typed
from logloss.onepass.kernels.compiled import as_bits, compiled, inlined

# Two primes below 2^31, and a base for each: 62 bits of hash without an overflow (2^31·2^31 + 256 < 2^63).
FIRST_PRIME, SECOND_PRIME = 2147483647, 2147483629
FIRST_BASE, SECOND_BASE = 1103515245, 1664525
GOLDEN = 0x9E3779B97F4A7C15
# Salts of the hash: of nothing, bools, floats, whole numbers between floats, text; below 0; digits of other numbers.
OF_NOTHING, OF_BOOL, OF_NUMBER, OF_LONG, OF_TEXT, OF_NEGATIVE, OF_DIGITS = (GOLDEN * k % (1 << 64) for k in range(1, 8))
WORD = 1 << 64
# SplitMix64 as the kernels have it (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195).
ODD, FIRST_FACTOR, SECOND_FACTOR = (np.uint64(k) for k in (GOLDEN, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
FIRST_SHIFT, SECOND_SHIFT, THIRD_SHIFT, HALF_WORD = (np.uint64(k) for k in (30, 27, 31, 32))
LOW_HALF = np.uint64(0xFFFFFFFF)
NOTHING, NUMBER = np.uint64(OF_NOTHING), np.uint64(OF_NUMBER)


@compiled
def hash_texts(letters, ends, first, second):
    """Two polynomial hashes of each text, given as the bytes of all and where each ends. Cost: 8 ns a byte."""
    start = 0
    for i in range(ends.shape[0]):
        a = b = np.int64(1)
        for j in range(start, ends[i]):
            letter = np.int64(letters[j]) + 1
            a = (a * FIRST_BASE + letter) % FIRST_PRIME
            b = (b * SECOND_BASE + letter) % SECOND_PRIME
        first[i], second[i] = a, b
        start = ends[i]


@inlined
def mixed(x):
    """The last steps of SplitMix64: every bit depends on every bit."""
    x = (x ^ (x >> FIRST_SHIFT)) * FIRST_FACTOR
    x = (x ^ (x >> SECOND_SHIFT)) * SECOND_FACTOR
    return x ^ (x >> THIRD_SHIFT)


@inlined
def bits_of(x):
    """The bits of a number as a float64; adding 0.0 makes −0.0 the same as 0."""
    return np.uint64(as_bits(np.float64(x) + 0.0))


@compiled
def hash_rows(y, p, q, w, k, n, totals):
    """Add to `totals` what tells these rows from others: the sums of their hashes h, and of the halves of h multiplied.

    y, p: label and forecast; q: P(0), w: weight, k: hash of the keys, n: how many times each row stands, or None. Cost:
    0.4 ns a row of label and forecast, as much for each of q, w and k.
    """
    first = second = np.uint64(0)
    for i in range(p.shape[0]):
        h = mixed(bits_of(p[i]) + bits_of(y[i]) * ODD)
        if q is not None:
            h = mixed(h * ODD + bits_of(q[i]))
        if w is not None:
            h = mixed(h * FIRST_FACTOR + bits_of(w[i]))
        if k is not None:
            h = mixed(h * SECOND_FACTOR + np.uint64(k[i]))
        # Not linear in h: sets whose hashes add up to the same differ in this sum.
        product = (h & LOW_HALF) * (h >> HALF_WORD)
        if n is None:
            first += h
            second += product
        else:
            first += h * np.uint64(n[i])
            second += product * np.uint64(n[i])
    totals[0] += first
    totals[1] += second


@compiled
def mix_numbers(x, missing, totals):
    """Mix the hash of each number, a float or a whole number that is one, into that of its row. Cost: 1 ns a row."""
    for i in range(x.shape[0]):
        h = mixed(bits_of(x[i]) ^ NUMBER)
        if missing is not None:
            h = NOTHING if missing[i] else h
        totals[i] = mixed(totals[i] * ODD + h)


@compiled
def mix_hashes(hashes, codes, missing, totals):
    """Mix hashes into those of rows: each row's own (codes None), or that of its code. Cost: 1 ns a row."""
    for i in range(totals.shape[0]):
        h = hashes[i] if codes is None else hashes[np.int64(codes[i])]
        if missing is not None:
            h = NOTHING if missing[i] else h
        totals[i] = mixed(totals[i] * ODD + h)


def hashes_of(columns: Sequence[Column]) -> Array:
    """The hash of each row's key, as int64."""
    totals = np.zeros(len(columns[0].values), np.uint64)
    # Numbers wrap around where no compiler is at work, too.
    with np.errstate(over="ignore"):
        for column in columns:
            _mix_in(column, totals)
    return totals.view(np.int64)


def _mix_in(column: Column, totals: Array) -> None:
    """Mix the hash of each value of a column into those of the rows."""
    values, missing = column.values, missing_of(column)
    if column.categories is not None:
        mix_hashes(_of_categories(column.categories), values, missing, totals)
    elif values.dtype == np.bool_:
        mix_hashes(splitmix(np.arange(2, dtype=np.uint64) + np.uint64(OF_BOOL)), values.view(np.uint8), missing, totals)
    elif values.dtype.kind == "f" or are_floats(values):
        mix_numbers(values, missing, totals)
    else:
        mix_hashes(_of_whole(values), None, missing, totals)


def are_floats(values: Array) -> bool:
    """Whether each of some whole numbers is a float64, however short its type."""
    return values.dtype.itemsize <= 4 or max(-int(values.min(initial=0)), int(values.max(initial=0))) < EXACT_FLOATS


def _of_floats(values: Array) -> Array:
    # Adding 0.0 makes −0.0 the same as 0.
    return splitmix((values + 0.0).view(np.uint64) ^ np.uint64(OF_NUMBER))


def _of_whole(values: Array) -> Array:
    floats = values.astype(np.float64)
    found = _of_floats(floats)
    if are_floats(values):
        return found
    # The float next above the largest integer cannot be cast back, and is none.
    inside = floats < 2.0 ** (8 * values.dtype.itemsize - (values.dtype.kind == "i"))
    is_float = inside & (np.where(inside, floats, 0.0).astype(values.dtype) == values)
    sizes = np.where(values < 0, ~values, values).astype(np.uint64)
    sizes = np.where(values < 0, (sizes + np.uint64(1)) ^ np.uint64(OF_NEGATIVE), sizes)
    return np.where(is_float, found, splitmix(sizes ^ np.uint64(OF_LONG)))


def _of_categories(categories: Sequence[Any]) -> Array:
    """Of text, and of what else stands in a column of objects: a number there is hashed like any number."""
    values = [typed(value) for value in categories]
    found = _of_texts([value if isinstance(value, str) else "" for value in values])
    for place, value in enumerate(values):
        if not isinstance(value, str):
            found[place] = _of_value(value)
    return found


def _of_value(value: Value) -> Any:
    """The hash of what is no text."""
    if value is None:
        return np.uint64(OF_NOTHING)
    if isinstance(value, bool):
        return splitmix(np.array([value], np.uint64) + np.uint64(OF_BOOL))[0]
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 64:
        return _of_whole(np.array([value]))[0]
    # Beyond the floats there are no whole numbers: such columns are refused.
    if not isinstance(value, Decimal) and float(value) == value:
        return _of_floats(np.array([float(value)]))[0]
    return _of_texts([str(value)], OF_DIGITS)[0]


def _of_texts(texts: Sequence[str], salt: int = OF_TEXT) -> Array:
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    letters = np.frombuffer(b"".join(encoded), np.uint8)
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    first, second = np.empty(len(texts), np.int64), np.empty(len(texts), np.int64)
    hash_texts(letters, ends, first, second)
    return splitmix((first.view(np.uint64) << np.uint64(31)) ^ second.view(np.uint64) ^ np.uint64(salt))


def splitmix(x: Array) -> Array:
    """The same of an array."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
