"""What the arguments of a verb mean: a source, and which of its columns plays which part."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from logloss.data.columns import as_column, check_lengths, is_arrow
from logloss.data.request import RowOptions
from logloss.data.rows import INDEX, Array, Column, LabelTest, Roles, unknown_column
from logloss.data.source import ColumnSource, MemorySource, Source, array_source, as_source, is_lazy, warn_of_order
from logloss.data.values import Value, is_label
from logloss.errors import DataError
from logloss.text import listed, printable

# The column that a matrix of features is.
MATRIX = "X"
# Instead of names of features: every column of the table that has no other role.
OTHERS = object()
# By role (`by`, `cluster`) the columns that make its key, by name: None for those of the table.
KeyColumns = dict[str, dict[str, Column | None]]


def bind(
    data: Any,
    requested: RowOptions,
    *,
    features: Any = None,
    exclude: Sequence[str] = (),
    categories: str | Sequence[str] | None = None,
    also: Sequence[str] = (),
) -> tuple[Source, Roles]:
    """The source and the roles that the arguments of a verb describe.

    Without `y_true`, `data` is the labels and the others are arrays; with it, `data` is a table, names are its columns,
    and an array may stand for a column while the table is in memory. features: OTHERS are all columns of the table
    that hold numbers, bools or text, have no other role, and are not to be excluded. also: other columns to keep.
    """
    requested.check(has_features=features is not None)
    if requested.y_true is None and isinstance(data, str | os.PathLike | Source):
        name = f'"{os.fspath(data)}"' if isinstance(data, str | os.PathLike) else data.name or "the table"
        raise DataError(f'name the label column of {name}: y_true="…".')
    if requested.y_proba is None and requested.y_logit is None and features is None:
        raise DataError("a forecast is needed: pass `y_proba` (probabilities of 1) or `y_logit` (log-odds).")
    warn_of_order(_beside_each_other(data, requested) | {"`X`": features})
    n_rows = len(data) if requested.y_true is None and hasattr(data, "__len__") else None
    keys = {"by": _keys(requested.by, "by", n_rows), "cluster": _keys(requested.cluster, "cluster", n_rows)}
    keep = (requested.keep,) if isinstance(requested.keep, str) else tuple(requested.keep)
    if requested.y_true is None:
        if keep:
            raise DataError(
                "`keep` names columns of a table; these are arrays. Pass a table, and `y_true` by its name."
            )
        source, roles = _bind_arrays(data, requested, features, keys)
    else:
        table = as_source(data, header=requested.header)
        source, roles = _bind_table(table, requested, features, keys, exclude=exclude, also=(*also, *keep))
    roles = replace(
        roles,
        categories=_categories(categories, roles.features),
        by=tuple(keys["by"]),
        cluster=tuple(keys["cluster"]),
        keep=keep,
        pos_label=requested.pos_label,
        missing=requested.missing,
        negatives_kept=requested.negatives_kept,
    )
    return source, with_texts(source, roles)


def _values_of(requested: RowOptions) -> dict[str, Any]:
    """What was given of one value a row beside the label."""
    roles = ("y_proba", "y_logit", "sample_weight", "counts", "offset")
    return {role: value for role, value in requested.given.items() if role in roles}


def _beside_each_other(data: Any, requested: RowOptions) -> dict[str, Any]:
    """What was given of one value a row, by the words that name it in messages."""
    arguments = {"`y_true`": data} if requested.y_true is None else {"the table": data, "`y_true`": requested.y_true}
    keyed = {"by": requested.by, "cluster": requested.cluster}
    arguments |= {f"`{role}`": value for role, value in {**_values_of(requested), **keyed}.items()}
    for role, value in keyed.items():
        if isinstance(value, Mapping):
            arguments |= {f'`{role}` "{printable(str(name))}"': values for name, values in value.items()}
    return arguments


def _bind_table(
    source: Source,
    requested: RowOptions,
    features: Any,
    keys: KeyColumns,
    *,
    exclude: Sequence[str],
    also: Sequence[str],
) -> tuple[Source, Roles]:
    """The source of a table and of the arrays beside it; the columns of their roles."""
    names, arrays = _names_and_arrays({"y_true": requested.y_true, **_values_of(requested)})
    label_test = _label_test(requested.y_true, source)
    if label_test is not None:
        names["y_true"] = label_test.column
    key_names = [name for key in keys.values() for name, column in key.items() if column is None]
    taken = (*names.values(), *key_names, *exclude)
    if features is OTHERS:
        features = [name for name in source.column_names if name not in taken and not source.why_unused(name)]
    features = tuple(features or ())
    for name in (*taken, *features, *also):
        if name not in source.column_names:
            raise unknown_column(name, source.column_names)
    # An array may have the name of a column that it does not replace.
    own = {role: f"{role}[array]" if role in source.column_names else role for role in arrays}
    beside = {own[role]: column for role, column in arrays.items()}
    for key in keys.values():
        beside |= {name: column for name, column in key.items() if column is not None}
    if beside:
        source = with_arrays(source, (*names.values(), *features, *key_names, *also), beside)
    if "y_proba_of_zero" in arrays and isinstance(source, MemorySource):
        labels = source.column(names.get("y_true", own.get("y_true", "")))
        if label_test is None and first_class_is_positive(labels, requested.pos_label):
            own["y_proba"], own["y_proba_of_zero"] = own["y_proba_of_zero"], own["y_proba"]
    columns: dict[str, Any] = {**own, **names}
    return source, Roles(**columns, features=features, label_test=label_test)


def _label_test(y_true: Any, source: Source) -> LabelTest | None:
    """The comparison that makes labels of a column; None where they are a column, or an array. A name goes first."""
    if not isinstance(y_true, str) or y_true in source.column_names:
        return None
    test = LabelTest.parse(y_true)
    return test if test is not None and test.column in source.column_names else None


def with_texts(source: Source, roles: Roles) -> Roles:
    """The roles, and which of the columns that must hold numbers are text by their type."""
    numbers = (*roles.probabilities, roles.y_logit, roles.sample_weight, roles.counts, roles.offset)
    numbers += () if roles.label_test is not None else (roles.y_true,)
    names = {name for name in (*numbers, *(each.y_logit for each in roles.forecasters)) if name is not None}
    return replace(roles, texts=frozenset(name for name in names if source.kind_of(name) == "text"))


def _keys(given: Any, role: str, n_rows: int | None = None) -> dict[str, Column | None]:
    """The columns that make a key, by name: None for those of the table. n_rows: of labels, where there is no table."""
    if given is None:
        return {}
    if isinstance(given, str):
        return {given: None}
    if isinstance(given, Mapping):
        return {str(name): as_column(values, str(name)) for name, values in given.items()}
    is_texts = is_list_of_text(given)
    # Names of columns, or an array of text: a list of names has no name twice, and without a table it is values.
    if is_texts and len(set(given)) == len(given) != n_rows:
        return dict.fromkeys(given)
    return {role: as_column(given, role)}


def _bind_arrays(y_true: Any, requested: RowOptions, features: Any, keys: KeyColumns) -> tuple[Source, Roles]:
    named, columns = _names_and_arrays({"y_true": y_true, **_values_of(requested)}, has_table=False)
    for role, name in named.items():
        raise DataError(
            f'`{role}` is the name "{name}", but no table is given. Pass the table first and `y_true=` as a name.'
        )
    if "y_proba_of_zero" in columns and first_class_is_positive(columns["y_true"], requested.pos_label):
        columns["y_proba"], columns["y_proba_of_zero"] = columns["y_proba_of_zero"], columns["y_proba"]
    own: dict[str, Any] = {role: role for role in columns}
    features = {} if features is None else feature_columns(features)
    for name, feature in features.items():
        if name in columns:
            raise DataError(f'a feature must not be called "{name}", as an argument is. Pass a table and names.')
        columns[name] = feature
    for role, key in keys.items():
        for name, column in key.items():
            if column is None:
                raise DataError(
                    f'`{role}` names the column "{name}", but no table is given. Pass arrays, or a table and `y_true`.'
                )
            columns[name] = column
    return array_source(columns), Roles(**own, features=tuple(features))


def _names_and_arrays(given: Mapping[str, Any], *, has_table: bool = True) -> tuple[dict[str, str], dict[str, Column]]:
    """Arguments split into names of columns and columns; two-column probabilities become two.

    A list of text is names where there is a table, and text where there is none.
    """
    names: dict[str, str] = {}
    arrays: dict[str, Column] = {}
    for role, value in given.items():
        if isinstance(value, str):
            names[role] = value
            continue
        if role == "y_proba" and (has_table or not is_list_of_text(value)):
            pair = pair_of(value)
            if pair is not None and isinstance(pair[0], str):
                names["y_proba_of_zero"], names["y_proba"] = pair
                continue
            if pair is not None:
                arrays["y_proba_of_zero"], arrays["y_proba"] = (as_column(half, role) for half in pair)
                continue
        arrays[role] = as_column(value, role)
    return names, arrays


def first_class_is_positive(labels: Column, pos_label: Value) -> bool:
    """Whether the positive class comes first in sorted order, so that the first of two columns is its own."""
    if pos_label is None:
        return False
    occurring = labels.categories if labels.categories is not None else np.unique(labels.values).tolist()
    others = [value for value in occurring if not is_label(value, pos_label)]
    mine = [value for value in occurring if is_label(value, pos_label)] or [pos_label]
    return len(others) == 1 and type(mine[0]) is type(others[0]) and bool(mine[0] < others[0])


def is_list_of_text(value: object) -> TypeGuard[Sequence[str]]:
    """Whether it is a list, or tuple, of text."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, str) for item in value)


def pair_of(value: Any) -> tuple[Any, Any] | None:
    """The two halves of P(0), P(1): two names, or the columns of an array of shape (n_rows, 2)."""
    if is_list_of_text(value):
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


def with_arrays(source: Source, names: Sequence[str], arrays: Mapping[str, Column]) -> MemorySource:
    """A source of some columns of a table in memory and of arrays beside them."""
    if not isinstance(source, ColumnSource):
        where = f"{source.name} lies in files" if source.name else "this one is elsewhere"
        raise DataError(f"an array can stand for a column of a table in memory only; {where}. Name a column.")
    columns = {name: source.column(name) for name in dict.fromkeys(names)}
    lengths = {f'column "{name}"': len(column.values) for name, column in columns.items()}
    check_lengths({**lengths, **{f"`{name}`": len(column.values) for name, column in arrays.items()}})
    return MemorySource({**columns, **arrays}, source.name)


def features_matrix(features: ArrayLike) -> Array:
    """Features in memory as a two-dimensional array of numbers; one dimension is one column."""
    if isinstance(features, np.ma.MaskedArray) and np.ma.is_masked(features):
        features = np.ma.filled(features.astype(np.float64), np.nan)
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
    if isinstance(features, Source):
        raise DataError(f'name the label column of {features.name or "the table"}: y_true="…".')
    own = names_of(features)
    if own is not None or has_names(features):
        if own is not None and len(set(map(str, own))) < len(own):
            raise DataError(f"each feature must have its own name; got {listed([printable(str(n)) for n in own])}.")
        source = as_source(features)
        if isinstance(source, ColumnSource):
            return {name: source.column(name) for name in source.column_names if source.why_unused(name) != INDEX}
        raise DataError('features that can be read once only need a table: read them into one, or name y_true="…".')
    matrix = features_matrix(features)
    return {MATRIX: Column(matrix, names=matrix_names(matrix.shape[1]))}


def matrix_names(width: int) -> tuple[str, ...]:
    """What the columns of a matrix are called that has no names."""
    return ("x",) if width == 1 else tuple(f"x{j}" for j in range(width))


def has_names(table: object) -> bool:
    """Whether it is a table, whose columns have names; an array, or one column, is none."""
    if isinstance(table, str | os.PathLike | Source) or is_lazy(table) or names_of(table) is not None:
        return True
    return is_arrow(table) and not hasattr(table, "dtype") and not hasattr(table, "type")


def names_of(table: object) -> list[Hashable] | None:
    """The names of a table's columns; None where it has none."""
    if isinstance(table, Mapping):
        return list(table)
    # An Arrow table has its names in `column_names` and the columns themselves in `columns`.
    own = getattr(table, "column_names", None)
    own = getattr(table, "columns", None) if own is None else own
    return None if own is None else list(own)


def _categories(given: str | Sequence[str] | None, features: Sequence[str]) -> tuple[str, ...]:
    """Features that are codes, by name."""
    names = () if given is None else (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if name not in features:
            raise DataError(
                f'`categories` must name features; "{printable(str(name))}" is none. '
                f"The features are: {listed([printable(n) for n in features], 20)}."
            )
    return names
