"""Anything that can be walked in blocks: what a source is, and which one a table becomes.

>>> source = array_source({"y_true": [1, 0, 1], "y_proba": [0.9, 0.2, 0.7]})
>>> source.n_rows, len(source.parts(("y_true", "y_proba")))
(3, 1)
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array, Column, LabelTest, Place, Roles, Rows, is_label
from logloss.errors import DataError
from logloss.text import count, listed, printable, value_text

# Rows handed out together: 1 MB of float64, which the caches hold while checks and kernels look at it in turn.
BLOCK_ROWS = 1 << 17
# Values of a matrix handed out together: 4 MB of float64.
MATRIX_VALUES = 1 << 19
# Rows of one part of a table in memory: fixed, so that the cut does not depend on the number of threads.
PART_ROWS = 1 << 19
# The column that a matrix of features is.
MATRIX = "X"


@runtime_checkable
class Part(Protocol):
    """Rows that one worker walks in order; where they lie in files, its pickle is their description."""

    @property
    def n_rows(self) -> int | None:
        """How many rows it has, where that is known without reading them."""

    def rows(self) -> Iterator[Rows]:
        """Its rows, as they were found."""


@runtime_checkable
class Source(Protocol):
    """A table that hands out parts."""

    @property
    def name(self) -> str:
        """What people call it; "" for arrays."""

    @property
    def is_rewalkable(self) -> bool:
        """Whether it can be walked again."""

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its columns, in order."""

    @property
    def n_rows(self) -> int | None:
        """How many rows it has, where that is known without reading them."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about how it was read."""

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> Sequence[Part]:
        """Its parts, reading these columns only. Files are compared here, before the first row is read.

        texts: columns that stay text where text could be read as numbers, so that a value is the same in each block.
        """


@dataclass(frozen=True, slots=True)
class BlockPart:
    """A part with the roles of its columns: what a summary is made of."""

    part: Part
    roles: Roles

    def blocks(self) -> Iterator[Block]:
        """Its rows, checked."""
        for rows in self.part.rows():
            yield Block.of(rows, self.roles)


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """A slice of columns in memory."""

    columns: Mapping[str, Column]
    first_row: int
    place: Place

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return len(next(iter(self.columns.values())).values)

    def rows(self) -> Iterator[Rows]:
        """Its rows, BLOCK_ROWS at a time; fewer of a wide matrix, so that a block stays in the caches."""
        widest = max(column.values.shape[1] if column.is_matrix else 1 for column in self.columns.values())
        step = max(MATRIX_VALUES // max(widest, 1), 1024) if widest > MATRIX_VALUES // BLOCK_ROWS else BLOCK_ROWS
        for start in range(0, self.n_rows, step):
            yield Rows(sliced(self.columns, start, start + step), self.first_row + start, self.place)


@dataclass(frozen=True, slots=True)
class MemorySource:
    """Columns in memory, all of one length."""

    columns: Mapping[str, Column]
    name: str = ""
    is_rewalkable: bool = True
    notes: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its columns, in order."""
        return tuple(self.columns)

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return len(next(iter(self.columns.values())).values) if self.columns else 0

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[Part]:
        """Slices of PART_ROWS rows."""
        used = {name: self.columns[name] for name in columns}
        return [
            MemoryPart(sliced(used, start, start + PART_ROWS), start, Place(self.name))
            for start in range(0, self.n_rows, PART_ROWS)
        ]


def sliced(columns: Mapping[str, Column], start: int, stop: int) -> dict[str, Column]:
    """The same columns, rows start to stop."""
    return {
        name: Column(
            column.values[start:stop],
            None if column.missing is None else column.missing[start:stop],
            column.categories,
            column.names,
        )
        for name, column in columns.items()
    }


def array_source(arrays: Mapping[str, Any]) -> MemorySource:
    """A source of arrays, one for each column; all must have the same number of rows."""
    columns: dict[str, Column] = {}
    for name, values in arrays.items():
        columns[name] = as_column(values, name)
    check_lengths({f"`{name}`": len(column.values) for name, column in columns.items()})
    return MemorySource(columns)


def check_lengths(lengths: Mapping[str, int]) -> None:
    """Refuse columns of different lengths."""
    (first, n_rows), *others = lengths.items()
    for name, length in others:
        if length != n_rows:
            raise DataError(
                f"{first} has {count(n_rows)} rows and {name} has {count(length)}. They must describe the same rows."
            )


def as_column(values: Any, name: str) -> Column:
    """Anything like a one-dimensional array as a column; (n, 1) is one column, too."""
    if isinstance(values, Column):
        return values
    if isinstance(values, np.ma.MaskedArray):
        column = as_column(values.data, name)
        return Column(column.values, np.ma.getmaskarray(values).reshape(-1), column.categories)
    array = values if isinstance(values, np.ndarray) else _array_of(values, name)
    if isinstance(array, Column):
        return array
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"`{name}` must be one column of shape (n_rows,); it has shape {array.shape}.")
    if array.dtype.kind in "biuf":
        return Column(array)
    if array.dtype.kind in "OUS":
        return _coded(array, name)
    raise DataError(f"`{name}` must hold numbers, bools or text; it holds {array.dtype}.")


def _array_of(values: Any, name: str) -> Array | Column:
    """An array of a list, a series, a tensor; through Arrow where NumPy would make objects of it."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise DataError(f"`{name}` must be one column of numbers, bools or text: {error}.") from error
    if array.dtype.kind == "O" and is_arrow(values):
        from logloss.data.arrow import column_of

        return column_of(values)
    return array


def _coded(array: Array, name: str) -> Column:
    """A column of objects or text: numbers where all are, else codes into the distinct values."""
    values = array.tolist()
    missing = np.array([is_nothing(value) for value in values], dtype=bool)
    present = [value for value, lacks in zip(values, missing, strict=True) if not lacks]
    gaps = missing if missing.any() else None
    if all(isinstance(value, bool | int | float | np.number | np.bool_) for value in present):
        numbers = np.full(len(values), np.nan)
        numbers[~missing] = [float(value) for value in present]
        return Column(numbers, gaps)
    codes: dict[Any, int] = {}
    try:
        coded = [
            0 if lacks else codes.setdefault(value, len(codes)) for value, lacks in zip(values, missing, strict=True)
        ]
    except TypeError as error:
        raise DataError(f"`{name}` must hold numbers, bools or text: {error}.") from error
    return Column(np.array(coded, dtype=np.int32), gaps, tuple(codes))


def is_nothing(value: Any) -> bool:
    """Whether a cell of an object array is empty: None, NaN, or pandas' NA, which no comparison can find."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def is_arrow(table: Any) -> bool:
    """Whether pyarrow can read it: its own tables and datasets, and whatever speaks the Arrow PyCapsule interface."""
    speaks = hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__")
    return speaks or type(table).__module__.split(".")[0] == "pyarrow"


def as_source(table: Any, *, header: bool = True) -> Source:
    """The source that a table becomes: a path, list, glob or folder, a data frame, an Arrow table, a dict of arrays."""
    if isinstance(table, Source):
        return table
    is_list_of_paths = (
        isinstance(table, list | tuple) and bool(table) and all(isinstance(item, str | os.PathLike) for item in table)
    )
    if isinstance(table, str | os.PathLike) or is_list_of_paths:
        from logloss.data.arrow import open_files

        return open_files(table, header=header)
    if is_arrow(table):
        from logloss.data.arrow import open_table

        return open_table(table)
    if isinstance(table, Mapping):
        return array_source(table)
    if hasattr(table, "collect") and hasattr(table, "lazy"):
        raise DataError("a lazy frame holds no rows yet. Pass frame.collect(), or the path of its files.")
    raise DataError(
        f"cannot read a table from {type(table).__name__}. "
        "Pass arrays, a data frame, an Arrow table or dataset, or the path of Parquet or CSV files."
    )


def bind(
    data: Any,
    *,
    y_true: Any = None,
    y_proba: Any = None,
    y_logit: Any = None,
    sample_weight: Any = None,
    counts: Any = None,
    features: Any = None,
    categories: Any = None,
    offset: Any = None,
    by: Any = None,
    cluster: Any = None,
    pos_label: Any = None,
    negatives_kept: float = 1.0,
    missing: str = "error",
    header: bool = True,
) -> tuple[Any, Roles]:
    """The source and the roles that the arguments of a verb describe.

    Without `y_true`, `data` is the labels and the others are arrays; with it, `data` is a table, names are its columns,
    and an array may stand for a column while the table is in memory.
    """
    choices = ("error", "drop") if features is None else ("error", "drop", "indicator")
    if missing not in choices:
        raise DataError(f"`missing` must be {' or '.join(map(value_text, choices))}; got {missing!r}.")
    if not 0 < negatives_kept <= 1:
        raise DataError(f"`negatives_kept` must be a share in (0, 1]; got {value_text(negatives_kept)}.")
    if y_proba is not None and y_logit is not None:
        raise DataError("pass `y_proba` or `y_logit`, not both: they are two ways to write one forecast.")
    given = {"y_proba": y_proba, "y_logit": y_logit, "sample_weight": sample_weight, "counts": counts}
    given["offset"] = offset
    given = {role: value for role, value in given.items() if value is not None}
    if y_true is None and isinstance(data, str | os.PathLike):
        raise DataError(f'name the label column of "{os.fspath(data)}": y_true="…".')
    if not given.keys() & {"y_proba", "y_logit"} and features is None:
        raise DataError("a forecast is needed: pass `y_proba` (probabilities of 1) or `y_logit` (log-odds).")
    keys = {"by": _keys(by, "by"), "cluster": _keys(cluster, "cluster")}
    if y_true is None:
        arrayed, roles = _bind_arrays({"y_true": data, **given}, features, categories, keys, pos_label, missing)
        return arrayed, replace(roles, negatives_kept=negatives_kept)
    source = as_source(data, header=header)
    names, arrays = _names_and_arrays({"y_true": y_true, **given})
    features = tuple(features or ())
    label_test = None
    if isinstance(y_true, str) and y_true not in source.column_names:
        label_test = LabelTest.parse(y_true)
        if label_test is not None and label_test.column in source.column_names:
            names["y_true"] = label_test.column
        else:
            label_test = None
    of_keys = [name for found in keys.values() for name, column in found.items() if column is None]
    for name in (*names.values(), *features, *of_keys):
        if name not in source.column_names:
            raise unknown_column(name, source.column_names)
    # An array may have the name of a column that it does not replace.
    own = {role: f"{role}[array]" if role in source.column_names else role for role in arrays}
    beside = {own[role]: column for role, column in arrays.items()}
    for found in keys.values():
        beside |= {name: column for name, column in found.items() if column is not None}
    if beside:
        source = _with_arrays(data, source, (*names.values(), *features, *of_keys), beside)
    if "y_proba_of_zero" in arrays and isinstance(source, MemorySource):
        labels = source.columns[names.get("y_true", own.get("y_true", ""))]
        if label_test is None and _is_first_class(labels, pos_label):
            own["y_proba"], own["y_proba_of_zero"] = own["y_proba_of_zero"], own["y_proba"]
    columns: dict[str, Any] = {**own, **names}
    roles = Roles(
        **columns,
        features=features,
        categories=_categories(categories, features),
        by=tuple(keys["by"]),
        cluster=tuple(keys["cluster"]),
        pos_label=pos_label,
        label_test=label_test,
        missing=missing,
        negatives_kept=negatives_kept,
    )
    return source, roles


def _keys(given: Any, role: str) -> dict[str, Column | None]:
    """The columns that make a key, by name: None for those of the table."""
    if given is None:
        return {}
    if isinstance(given, str):
        return {given: None}
    if isinstance(given, Mapping):
        return {str(name): as_column(values, str(name)) for name, values in given.items()}
    is_texts = isinstance(given, list | tuple) and bool(given) and all(isinstance(item, str) for item in given)
    # Names of columns, or an array of text: a list of names has no name twice.
    if is_texts and len(set(given)) == len(given):
        return dict.fromkeys(given)
    return {role: as_column(given, role)}


def _bind_arrays(
    arrays: dict[str, Any],
    features: Any,
    categories: Any,
    keys: dict[str, dict[str, Column | None]],
    pos_label: Any,
    missing: str,
) -> tuple[MemorySource, Roles]:
    """The source and roles of arrays alone."""
    named, columns = _names_and_arrays(arrays)
    for role, name in named.items():
        raise DataError(
            f'`{role}` is the name "{name}", but no table is given. Pass the table first and `y_true=` as a name.'
        )
    if "y_proba_of_zero" in columns and _is_first_class(columns["y_true"], pos_label):
        columns["y_proba"], columns["y_proba_of_zero"] = columns["y_proba_of_zero"], columns["y_proba"]
    own: dict[str, Any] = {role: role for role in columns}
    found_features = {} if features is None else feature_columns(features)
    names = tuple(found_features)
    for name, feature in found_features.items():
        if name in columns:
            raise DataError(f'a feature must not be called "{name}", as an argument is. Pass a table and names.')
        columns[name] = feature
    for role, found in keys.items():
        for name, column in found.items():
            if column is None:
                raise DataError(
                    f'`{role}` names the column "{name}", but no table is given. Pass arrays, or a table and `y_true`.'
                )
            columns[name] = column
    roles = Roles(
        **own,
        features=names,
        categories=_categories(categories, names),
        by=tuple(keys["by"]),
        cluster=tuple(keys["cluster"]),
        pos_label=pos_label,
        missing=missing,
    )
    return array_source(columns), roles


def _names_and_arrays(given: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Column]]:
    """Arguments split into names of columns and columns; two-column probabilities become two."""
    names: dict[str, str] = {}
    arrays: dict[str, Column] = {}
    for role, value in given.items():
        if isinstance(value, str):
            names[role] = value
            continue
        if role == "y_proba":
            pair = _pair(value)
            if pair is not None and isinstance(pair[0], str):
                names["y_proba_of_zero"], names["y_proba"] = pair
                continue
            if pair is not None:
                arrays["y_proba_of_zero"], arrays["y_proba"] = (as_column(half, role) for half in pair)
                continue
        arrays[role] = as_column(value, role)
    return names, arrays


def _is_first_class(labels: Column, pos_label: Any) -> bool:
    """Whether the positive class comes first in sorted order, so that the first of two columns is its own."""
    if pos_label is None:
        return False
    found = labels.categories if labels.categories is not None else np.unique(labels.values).tolist()
    others = [value for value in found if not is_label(value, pos_label)]
    mine = [value for value in found if is_label(value, pos_label)] or [pos_label]
    return len(others) == 1 and type(mine[0]) is type(others[0]) and bool(mine[0] < others[0])


def _pair(value: Any) -> tuple[Any, Any] | None:
    """The two halves of P(0), P(1): two names, or the columns of an array of shape (n_rows, 2)."""
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        if len(value) != 2:
            raise DataError(f"`y_proba` must be one column, or two: of 0 and of 1; got {len(value)} names.")
        return value[0], value[1]
    shape = getattr(value, "shape", None)
    if shape is None and isinstance(value, list | tuple) and value and isinstance(value[0], list | tuple | np.ndarray):
        try:
            value = np.asarray(value)
        except ValueError as error:
            raise DataError(f"`y_proba` must have shape (n_rows,) or (n_rows, 2): {error}.") from error
        shape = value.shape
    if shape is None or len(shape) != 2 or shape[1] == 1:
        return None
    if shape[1] != 2:
        raise DataError(f"`y_proba` must have shape (n_rows,) or (n_rows, 2); it has shape {tuple(shape)}.")
    array = np.asarray(value)
    return array[:, 0], array[:, 1]


def _with_arrays(data: Any, source: Source, names: Sequence[str], arrays: Mapping[str, Column]) -> MemorySource:
    """A source of some columns of a table in memory and of arrays beside them."""
    if isinstance(data, str | os.PathLike | list | tuple):
        raise DataError(
            f"an array can stand for a column of a table in memory only; {source.name} lies in files. Name a column."
        )
    columns = {name: as_column(data[name], name) for name in dict.fromkeys(names)}
    lengths = {f'column "{name}"': len(column.values) for name, column in columns.items()}
    check_lengths({**lengths, **{f"`{name}`": len(column.values) for name, column in arrays.items()}})
    return MemorySource({**columns, **arrays}, source.name)


def features_matrix(features: Any) -> Array:
    """Features in memory as a two-dimensional array of numbers; one dimension is one column."""
    matrix = np.asarray(features)
    if matrix.ndim == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
        raise DataError(
            f"`X` must be numbers of shape (n_rows, n_features); it holds {matrix.dtype} of shape {matrix.shape}."
        )
    return matrix


def feature_columns(features: Any) -> dict[str, Column]:
    """Features in memory: each column of a frame by its name; a matrix is one column, X, that has names for its own."""
    own = names_of(features)
    if own is not None:
        if len(set(own)) < len(own):
            raise DataError(f"each feature must have its own name; got {listed([printable(str(n)) for n in own])}.")
        return {str(name): as_column(features[name], str(name)) for name in own}
    matrix = features_matrix(features)
    width = matrix.shape[1]
    return {MATRIX: Column(matrix, names=("x",) if width == 1 else tuple(f"x{j}" for j in range(width)))}


def names_of(table: Any) -> list[Any] | None:
    """The names of a table's columns; None where it has none."""
    if isinstance(table, Mapping):
        return list(table)
    # An Arrow table has its names in `column_names` and the columns themselves in `columns`.
    own = getattr(table, "column_names", None)
    own = getattr(table, "columns", None) if own is None else own
    return None if own is None else list(own)


def _categories(given: Any, features: Sequence[str]) -> tuple[str, ...]:
    """Features that are codes, by name."""
    names = () if given is None else (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if name not in features:
            raise DataError(
                f'`categories` must name features; "{printable(str(name))}" is none. '
                f"The features are: {listed([printable(n) for n in features], 20)}."
            )
    return names


def unknown_column(name: str, names: Sequence[str]) -> DataError:
    """What is said of a column that a table does not have."""
    close = difflib.get_close_matches(name, names, n=1)
    hint = f' Did you mean "{printable(close[0])}"?' if close else ""
    return DataError(
        f'no column "{printable(name)}". The table has: {listed([printable(n) for n in names], 20)}.{hint}'
    )
