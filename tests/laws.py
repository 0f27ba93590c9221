"""What everything that merges obeys: nothing is neutral, order and grouping do not matter, it travels, it is frozen.

Counted classes obey bit for bit; floating ones (`is_floating`) to rounding: their values are of order one here, sums of
at most a few dozen terms, so that 1e-10 is some thousand roundings and far below anything real.
"""

from __future__ import annotations

import dataclasses
import importlib
import pickle
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from logloss import onepass

ROUNDING = 1e-10
# Their own equality is that of every bit.
COMPARES_ITSELF = {"CountTable", "SumTable", "Cells", "ClusterSums"}


def merging_classes() -> set[type]:
    """Every class of `logloss.onepass` that merges, in whichever module it stands."""
    names = [module.name for module in pkgutil.walk_packages(onepass.__path__, f"{onepass.__name__}.")]
    things = [thing for name in names for thing in vars(importlib.import_module(name)).values()]
    classes = {thing for thing in things if isinstance(thing, type) and hasattr(thing, "merge")}
    # What other classes are made of holds nothing by itself.
    return {cls for cls in classes if dataclasses.is_dataclass(cls)}


def plain_merge(a: Any, b: Any) -> Any:
    """What both hold, of a class whose merge needs nothing else."""
    return a.merge(b)


def is_same(a: Any, b: Any, rounding: float = 0.0) -> bool:
    """Equality of all fields that are compared: every bit, but of floats in what is floating."""
    # A float of numpy is one, too.
    if type(a) is not type(b) and not (isinstance(a, float) and isinstance(b, float)):
        return False
    if dataclasses.is_dataclass(a):
        if type(a).__name__ in COMPARES_ITSELF:
            return a == b
        rounding = ROUNDING if getattr(a, "is_floating", False) else rounding
        fields = [field.name for field in dataclasses.fields(a) if field.compare]
        return all(is_same(getattr(a, name), getattr(b, name), rounding) for name in fields)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(is_same(a[key], b[key], rounding) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(is_same(x, y, rounding) for x, y in zip(a, b, strict=True))
    if isinstance(a, float | np.ndarray):
        one, other = np.asarray(a), np.asarray(b)
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        if rounding and one.dtype.kind == "f":
            return np.allclose(one, other, rtol=rounding, atol=rounding, equal_nan=True)
        return one.tobytes() == other.tobytes() if one.dtype.kind != "O" else one.tolist() == other.tolist()
    return a == b


def assert_same(a: Any, b: Any, rounding: float = 0.0) -> None:
    """The two are the same."""
    assert is_same(a, b, rounding), f"{a!r} is not {b!r}"


def assert_readable(a: Any) -> None:
    """One line: the name, the number of rows with its thousands apart, a number with its unit."""
    text = repr(a)
    assert text.startswith(f"{type(a).__name__}: n_rows={a.n_rows:,}")
    assert "\n" not in text


def assert_frozen(a: Any) -> None:
    """No field can be set."""
    for field in dataclasses.fields(a):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(a, field.name, getattr(a, field.name))


def check_merging(
    empty: Any, a: Any, b: Any, c: Any, *, merge: Callable[[Any, Any], Any] = plain_merge, rounding: float = 0.0
) -> None:
    """The laws of merging, over three of one kind and what holds nothing."""
    for each in (a, b, c):
        assert_same(merge(empty, each), each, rounding)
        assert_same(merge(each, empty), each, rounding)
        assert_same(pickle.loads(pickle.dumps(each)), each)
    assert_same(merge(empty, empty), empty)
    before = pickle.dumps((a, b))
    assert_same(merge(a, b), merge(b, a), rounding)
    # Neither was changed.
    assert pickle.dumps((a, b)) == before
    assert_same(merge(merge(a, b), c), merge(a, merge(b, c)), rounding)


def check_summary(empty: Any, a: Any, b: Any, c: Any) -> None:
    """The laws of a summary: those of merging, and that it can be read."""
    check_merging(empty, a, b, c)
    for each in (a, b, c):
        assert_readable(each)
