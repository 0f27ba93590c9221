"""What every summary obeys: nothing is neutral, order and grouping do not matter, it travels, it can be read.

Counted summaries obey bit for bit; floating ones to rounding: their values are of order one here, sums of at most a few
dozen terms, so that 1e-10 is some thousand roundings and far below anything real.
"""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np

from logloss.onepass import summaries

ROUNDING = 1e-10


def summary_classes() -> list[type]:
    """Every class of `onepass.summaries` that knows `empty`, `of` and `merge`, by name."""
    found = [
        thing
        for thing in vars(summaries).values()
        if dataclasses.is_dataclass(thing) and all(hasattr(thing, name) for name in ("empty", "of", "merge"))
    ]
    return sorted(found, key=lambda cls: cls.__name__)


def is_same(a: Any, b: Any) -> bool:
    """Equality of all fields: exact for counts, tables, sets and text, to rounding for floats and arrays of floats."""
    if dataclasses.is_dataclass(a) and type(a).__name__ in ("CountTable", "SumTable", "Cells"):
        return type(a) is type(b) and a == b
    if dataclasses.is_dataclass(a) and type(a) is type(b):
        return all(is_same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a) if f.compare)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(is_same(a[key], b[key]) for key in a)
    if isinstance(a, float | np.ndarray):
        return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=ROUNDING, atol=ROUNDING, equal_nan=True)
    return type(a) is type(b) and a == b


def assert_same(a: Any, b: Any) -> None:
    """The two summaries are the same."""
    assert is_same(a, b), f"{a!r} is not {b!r}"


def assert_nothing_is_neutral(empty: Any, a: Any) -> None:
    """Merging with nothing changes nothing, on either side."""
    assert_same(empty.merge(a), a)
    assert_same(a.merge(empty), a)
    assert_same(empty.merge(empty), empty)


def assert_order_does_not_matter(a: Any, b: Any) -> None:
    """a with b is b with a."""
    assert_same(a.merge(b), b.merge(a))


def assert_grouping_does_not_matter(a: Any, b: Any, c: Any) -> None:
    """(a with b) with c is a with (b with c)."""
    assert_same(a.merge(b).merge(c), a.merge(b.merge(c)))


def assert_merging_changes_neither(a: Any, b: Any) -> None:
    """The two that are merged stay what they were."""
    before = pickle.dumps((a, b))
    a.merge(b)
    assert pickle.dumps((a, b)) == before


def assert_travels(a: Any) -> None:
    """Pickled and read again, it is the same."""
    assert_same(pickle.loads(pickle.dumps(a)), a)


def assert_readable(a: Any) -> None:
    """One line: the name, the number of rows with its thousands apart, a number with its unit."""
    text = repr(a)
    assert text.startswith(f"{type(a).__name__}: n_rows={a.n_rows:,}")
    assert "\n" not in text


def check_all(empty: Any, a: Any, b: Any, c: Any) -> None:
    """All laws, over three summaries of one kind."""
    for each in (a, b, c):
        assert_nothing_is_neutral(empty, each)
        assert_travels(each)
        assert_readable(each)
    assert_order_does_not_matter(a, b)
    assert_grouping_does_not_matter(a, b, c)
    assert_merging_changes_neither(a, b)
