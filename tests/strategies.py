"""Rows and cuts that the tests draw: one small table type, and its blocks and parts under any cut."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from logloss.data.block import Block
from logloss.data.checks.reading import read_only
from logloss.data.columns import as_column
from logloss.data.rows import Column, Forecaster, Place, Roles, Rows
from logloss.data.source import BlockPart, MemoryPart

KINDS = ("hard", "hard logits", "pair", "counts", "weighted", "soft", "soft weighted", "soft counts", "everything")

# Ends of every scale: impossible, subnormal, one rounding from 1, half, a value whose logarithm is not short.
PROBABILITIES = (0.0, 5e-324, 1e-310, 1e-200, 1e-17, 2.0**-53, 0.1, 0.5, 0.7, 1 - 2.0**-53, 1.0)
LOGITS = (-np.inf, -1.7e308, -1e60, -800.0, -745.2, -36.6, -1.0, -5e-324, 0.0, 1e-9, 0.5, 40.0, 720.0, 1e300, np.inf)
WEIGHTS = (0.0, 5e-324, 1e-300, 1e-3, 0.1, 1.0, 2.0, 7.5, 2.0**201, 1e300, 1.7e308)
COUNTS = (0, 1, 2, 3, 1000, 10**10)
SHARES = (0.0, 5e-324, 1 / 3, 0.5, 0.9, 1.0)


@dataclass(frozen=True)
class Table:
    """Some rows, a column for each role; None where the role is not played. Read-only, as blocks are: kernels are tested as
    they are compiled for them."""

    y_true: Any
    y_proba: Any = None
    y_proba_of_zero: Any = None
    y_logit: Any = None
    sample_weight: Any = None
    counts: Any = None
    features: Any = None
    by: Any = None
    cluster: Any = None
    second_forecast: Any = None
    order: Any = None

    def __post_init__(self) -> None:
        for name, array in self._arrays.items():
            if isinstance(array, np.ndarray):
                object.__setattr__(self, name, read_only(array))

    @property
    def n_rows(self) -> int:
        return len(self.y_true)

    @property
    def _arrays(self) -> dict[str, Any]:
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in found.items() if array is not None}

    @property
    def columns(self) -> dict[str, Column]:
        arrays = self._arrays
        features = arrays.pop("features", None)
        found = {name: as_column(array, name) for name, array in arrays.items()}
        if features is not None:
            found |= {f"x{j}": Column(features[:, j]) for j in range(features.shape[1])}
        return found

    @property
    def roles(self) -> Roles:
        arrays = self._arrays
        keys = {role: (role,) for role in ("by", "cluster") if arrays.pop(role, None) is not None}
        features = arrays.pop("features", None)
        names = () if features is None else tuple(f"x{j}" for j in range(features.shape[1]))
        if arrays.pop("second_forecast", None) is not None:
            own = {
                name: name for name in ("y_proba", "y_proba_of_zero", "y_logit") if arrays.pop(name, None) is not None
            }
            of_second = {"y_logit" if "y_logit" in own else "y_proba": "second_forecast"}
            keys["forecasters"] = (Forecaster("first", **own), Forecaster("second", **of_second))
        return Roles(**{name: name for name in arrays}, features=names, **keys)

    @property
    def arguments(self) -> dict[str, Any]:
        """The rows as keywords of `log_loss` and `measure`, without the labels."""
        found = self._arrays
        found.pop("features", None)
        del found["y_true"]
        if self.y_proba_of_zero is not None:
            found["y_proba"] = np.column_stack([found.pop("y_proba_of_zero"), found["y_proba"]])
        return found

    def take(self, rows: Any) -> Table:
        """The same table with these rows, in this order."""
        return Table(**{name: np.asarray(array)[rows] for name, array in self._arrays.items()})

    def block(self, first_row: int = 0) -> Block:
        """All rows as one checked block."""
        return Block.of(Rows(self.columns, first_row, Place()), self.roles)

    def pieces(self, cuts: Sequence[int]) -> list[tuple[int, Table]]:
        """First row and rows of each piece; a cut that is named twice makes an empty piece."""
        edges = [0, *cuts, self.n_rows]
        return [(a, self.take(slice(a, b))) for a, b in itertools.pairwise(edges)]

    def blocks(self, cuts: Sequence[int] = ()) -> list[Block]:
        """The rows as blocks."""
        return [piece.block(first_row) for first_row, piece in self.pieces(cuts)]

    def parts(self, cuts: Sequence[int] = ()) -> list[BlockPart]:
        """The rows as parts, which keep the numbers of their rows."""
        return [
            BlockPart(MemoryPart(piece.columns, first_row, Place()), self.roles)
            for first_row, piece in self.pieces(cuts)
        ]


@st.composite
def tables(draw: Any, kinds: Sequence[str] = KINDS, min_rows: int = 0, max_rows: int = 12) -> Table:
    """A few rows of one of the kinds, half of their values from the ends of the scales."""
    kind = draw(st.sampled_from(kinds))
    n_rows = draw(st.integers(min_rows, max_rows))

    def column(ends: Sequence[Any], others: st.SearchStrategy[Any], dtype: Any = np.float64) -> Any:
        return np.array(draw(st.lists(st.sampled_from(ends) | others, min_size=n_rows, max_size=n_rows)), dtype=dtype)

    is_soft = "soft" in kind or (kind == "everything" and draw(st.booleans()))
    y_true = column(SHARES, st.floats(0, 1)) if is_soft else column((0, 1), st.integers(0, 1), np.uint8)
    proba = logit = of_zero = weight = counts = None
    if "logits" in kind or (kind == "everything" and draw(st.booleans())):
        logit = column(LOGITS, st.floats(-40, 40))
    else:
        proba = column(PROBABILITIES, st.floats(0, 1))
        if kind == "pair" or (kind == "everything" and draw(st.booleans())):
            of_zero = 1.0 - proba
            # What a pair is for: P(0) may have digits that 1 − P(1) has lost.
            of_zero[proba == 1.0] = 1e-17
    if "weighted" in kind or kind == "everything":
        weight = column(WEIGHTS, st.floats(0, 10))
    if "counts" in kind or kind == "everything":
        counts = column(COUNTS, st.integers(0, 5), np.int64)
    return Table(y_true, proba, of_zero, logit, weight, counts)


GROUPS = (None, "", "1", "a", "b", "c")


@st.composite
def grouped_tables(draw: Any, kinds: Sequence[str] = KINDS, max_rows: int = 12) -> Table:
    """A few rows with a group and a cluster each."""
    table = draw(tables(kinds, max_rows=max_rows))
    size = table.n_rows
    by = np.empty(size, object)
    by[:] = draw(st.lists(st.sampled_from(GROUPS), min_size=size, max_size=size))
    cluster = np.array(draw(st.lists(st.integers(0, 8), min_size=size, max_size=size)), np.int64)
    return replace(table, by=by, cluster=cluster)


@st.composite
def two_forecast_tables(draw: Any, kinds: Sequence[str] = KINDS, max_rows: int = 12) -> Table:
    """A few rows with two forecasts, a group, a cluster and a place in the order: whole numbers, or dates as text."""
    table = draw(grouped_tables(kinds, max_rows=max_rows))
    size = table.n_rows
    ends = PROBABILITIES if table.y_logit is None else LOGITS
    others = st.floats(0, 1) if table.y_logit is None else st.floats(-40, 40)
    own = table.y_proba if table.y_logit is None else table.y_logit
    drawn = np.array(draw(st.lists(st.sampled_from(ends) | others, min_size=size, max_size=size)), np.float64)
    # Half of the rows have equal forecasts.
    second = np.where(np.arange(size) % 2 == 0, drawn, own)
    order = np.array(draw(st.lists(st.integers(-9, 9), min_size=size, max_size=size)), np.float64) / 2
    return replace(table, second_forecast=second, order=order)


@st.composite
def cut_tables(
    draw: Any, kinds: Sequence[str] = KINDS, max_cuts: int = 4, rows: Any = tables
) -> tuple[Table, list[int]]:
    """A table and where it is cut: pieces may be empty or single rows."""
    table = draw(rows(kinds))
    cuts = draw(st.lists(st.integers(0, table.n_rows), max_size=max_cuts))
    return table, sorted(cuts)


def random_table(seed: int, n_rows: int, kind: str = "hard") -> Table:
    """Many plausible rows: probabilities from 1e-9 to 1 − 1e-9, a label drawn from each."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-0.5, 2.0, n_rows)
    proba = 1.0 / (1.0 + np.exp(-z))
    y_true: Any = (rng.random(n_rows) < proba).astype(np.uint8)
    if "soft" in kind:
        y_true = rng.random(n_rows)
    weight = rng.gamma(0.5, 2.0, n_rows) + 1e-6 if "weighted" in kind else None
    counts = rng.integers(0, 5, n_rows) if "counts" in kind else None
    if "logits" in kind:
        return Table(y_true, None, None, z, weight, counts)
    return Table(y_true, proba, None, None, weight, counts)


def random_cuts(rng: np.random.Generator, n_rows: int, n_cuts: int) -> list[int]:
    """Where to cut, some pieces empty."""
    cuts = rng.integers(0, n_rows + 1, n_cuts)
    return sorted([*cuts.tolist(), *cuts[: n_cuts // 8].tolist()])
