"""What the arguments of a verb mean: a source, and which of its columns plays which part."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from logloss.data.columns import as_array, as_column, check_lengths, is_arrow
from logloss.data.request import RowOptions
from logloss.data.rows import INDEX, Array, Column, LabelTest, Roles, unknown_column
from logloss.data.source import (
    ColumnSource,
    MemorySource,
    Source,
    array_source,
    as_source,
    is_lazy,
    is_single_column,
    own_names,
    refuse_lazy,
    warn_of_order,
)
from logloss.data.values import EXACT, IF_INEXACT, Value, is_label, number_in, rounded_as_floats
from logloss.errors import DataError
from logloss.text import count, counted, listed, printable, value_text

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
    if requested.y_true is None:
        check_no_table(data, requested, features)
    elif is_list_of_text(requested.y_true) and len(requested.y_true) == 1:
        raise DataError(f'`y_true` must be a name, not a list: y_true="{printable(requested.y_true[0])}".')
    if requested.y_proba is None and requested.y_logit is None and features is None:
        raise DataError("a forecast is needed: pass `y_proba` (probabilities of 1) or `y_logit` (log-odds).")
    warn_of_order(_beside_each_other(data, requested) | {"`X`": features})
    has_length = hasattr(data, "__len__") and not hasattr(data, "toarray")
    n_rows = len(data) if requested.y_true is None and has_length else None
    table = None if requested.y_true is None else as_source(data, header=requested.header)
    if table is not None and hasattr(table, "no_table"):
        raise table.no_table()
    columns = () if table is None else table.column_names
    keyed = {"by": requested.by, "cluster": requested.cluster}
    keys = {role: _keys(value, role, n_rows, columns) for role, value in keyed.items()}
    keep = (requested.keep,) if isinstance(requested.keep, str) else tuple(requested.keep)
    if table is None:
        if keep:
            raise DataError(
                "`keep` names columns of a table; these are arrays. Pass a table, and `y_true` by its name."
            )
        source, roles = _bind_arrays(data, requested, features, keys)
    else:
        source, roles = _bind_table(table, requested, features, keys, exclude=exclude, also=(*also, *keep))
    roles = replace(
        roles,
        categories=_categories(categories, roles.features),
        by=tuple(keys["by"]),
        cluster=tuple(keys["cluster"]),
        keep=keep,
        pos_label=requested.pos_label,
        missing=requested.missing,
        unlabelled=requested.unlabelled,
        negatives_kept=requested.negatives_kept,
    )
    return source, with_texts(source, roles)


def check_no_table(data: Any, requested: RowOptions, features: Any = None, *, beside: str = "") -> None:
    """Refuse a table where `y_true` is left out and the first argument is labels. beside: the forecasts, as passed."""
    refuse_lazy(data)
    named = {role: value for role in ("y_proba", "y_logit") if isinstance(value := requested.given.get(role), str)}
    is_text = isinstance(data, str | os.PathLike)
    is_files = is_text or (bool(named) and is_list_of_text(data))
    # A frame of one column is an array of labels, unless the forecast is a name.
    is_column = np.shape(data)[1:] == (1,) if hasattr(data, "shape") else False
    if not (is_files or (has_names(data) and (not is_column or named or beside))):
        return
    if features is not None:
        raise DataError(
            f"`y_true` must be one column of labels; got {_table_text(data)}. Features come first, then labels: "
            'fit(X, y), or, of a table, fit(table, "y").'
        )
    beside = beside or "".join(f', {role}="{printable(value)}"' for role, value in named.items())
    if is_text and not isinstance(data, os.PathLike) and not re.search(r"[./*\\]", data) and not os.path.exists(data):
        raise DataError(
            f'the first argument must be labels or a table; got the text "{printable(data)}", which is no file. '
            f'Pass the table first and its label column by name: y_true="{printable(data)}"{beside}.'
        )
    known = names_of(data)
    columns = "" if known is None else f" The table has: {listed([printable(str(name)) for name in known], 20)}."
    raise DataError(
        f"`y_true` must name the label column of {_table_text(data)}; it is left out. "
        f'Pass y_true="…"{beside or ", y_proba=" + chr(34) + "…" + chr(34)}.{columns}'
    )


def _table_text(data: Any) -> str:
    """A table as messages name it."""
    if isinstance(data, str | os.PathLike):
        return f'"{printable(os.fspath(data), 120)}"'
    if isinstance(data, Source):
        return data.name or "the table"
    return "a list of files" if isinstance(data, list | tuple) else f"a table ({type(data).__name__})"


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
    features = () if features is None else _feature_names(features)
    for name in (*taken, *features, *also):
        if name not in source.column_names:
            raise unknown_column(name, own_names(source))
    if names.get("y_true") in features:
        raise DataError(
            f'column "{printable(names["y_true"])}" has the labels, and is no feature: leave it out of `features`.'
        )
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


def _feature_names(features: Any) -> tuple[str, ...]:
    """Names of features; arrays are refused, as a table is given."""
    names = tuple(features) if hasattr(features, "__iter__") else ()
    if (not names and len(features)) or not all(isinstance(name, str) for name in names):
        raise DataError(
            f"`features` must be a list of names of columns; got {type(features).__name__}. "
            'Name them, features=["a", "b"], or pass the features themselves first and no table: fit(X, y).'
        )
    return names


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
    texts = frozenset(name for name in names if source.kind_of(name) == "text")
    return replace(roles, texts=texts) if texts != roles.texts else roles


def _keys(given: Any, role: str, n_rows: int | None = None, names: Sequence[str] = ()) -> dict[str, Column | None]:
    """The columns that make a key, by name: None for those of the table.

    n_rows: of labels, where there is no table; names: the columns of the table.
    """
    if given is None:
        return {}
    if isinstance(given, str):
        return {given: None}
    if isinstance(given, Mapping):
        return {str(name): as_column(values, str(name)) for name, values in given.items()}
    is_texts = is_list_of_text(given)
    repeated = [name for name, times in Counter(given).items() if times > 1] if is_texts and n_rows is None else []
    if repeated and set(given) <= set(names):
        raise DataError(f'`{role}` must name each column once; it names "{printable(repeated[0])}" twice.')
    # Names of columns, or an array of text: a list of names has no name twice, and without a table it is values.
    if is_texts and len(set(given)) == len(given) != n_rows:
        return dict.fromkeys(given)
    return {role: as_column(given, role)}


def _bind_arrays(y_true: Any, requested: RowOptions, features: Any, keys: KeyColumns) -> tuple[Source, Roles]:
    named, columns = _names_and_arrays({"y_true": y_true, **_values_of(requested)}, has_table=False)
    # A list of text that holds no numbers is a list of names.
    named |= {
        role: value[0]
        for role, value in _values_of(requested).items()
        if is_list_of_text(value) and all(number_in(text) is None for text in value)
    }
    for role, name in named.items():
        raise DataError(
            f'`{role}` is the name "{printable(name)}", but the first argument is labels, not a table. Pass a table '
            f'first and name its label column, y_true="…"; or pass an array as `{role}`.'
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
                    f'`{role}` is the name "{printable(name)}", but the first argument is no table. Pass a table first '
                    f'and name its label column, y_true="…"; or pass an array as `{role}`.'
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
            one = (
                f'For one column pass y_proba="{printable(value[0])}"' if len(value) == 1 else "`compare` takes several"
            )
            raise DataError(
                f"`y_proba` must be one name, or two: of the columns of P(0) and P(1); got a list of "
                f"{counted(len(value), 'name')}. {one}."
            )
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
    array = as_array(value, "y_proba")
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
    matrix = as_array(features, "X")
    if matrix.ndim == 1:
        matrix = matrix[:, None]
    if matrix.ndim == 2 and matrix.dtype.kind in "OUS":
        matrix = _numbers_of_objects(np.array(features, dtype=object).reshape(matrix.shape))
    if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
        raise DataError(
            f"`X` must be numbers of shape (n_rows, n_features); it holds {matrix.dtype} of shape {matrix.shape}."
        )
    if matrix.dtype.kind in "iu" and matrix.dtype.itemsize == 8:
        for j in range(matrix.shape[1]):
            rounded = rounded_as_floats(matrix[:, j])
            if rounded is not None:
                row = int(np.argmax(rounded))
                raise DataError(f"`X` {EXACT}; column {j} has {matrix[row, j]} in row {count(row)}. {IF_INEXACT}")
    return matrix


def _numbers_of_objects(matrix: Array) -> Array:
    """Numbers in an array of objects, None as NaN; text is refused, with its column and row."""
    numbers = np.empty(matrix.shape)
    for j in range(matrix.shape[1]):
        column = as_column(matrix[:, j], f"column {j} of X").as_values()
        if column.categories is not None:
            row, value = next((row, value) for row, value in enumerate(matrix[:, j]) if isinstance(value, str))
            raise DataError(
                f"`X` must hold numbers; column {j} holds {value_text(value)} in row {row}. Categories need columns "
                "with names: pass a frame, or a dict with a list of values for each column."
            )
        numbers[:, j] = column.values if column.missing is None else np.where(column.missing, np.nan, column.values)
    return numbers


def feature_columns(features: Any) -> dict[str, Column]:
    """Features in memory: each column of a frame by its name; a matrix is one column, X, that has names for its own."""
    if isinstance(features, Source):
        raise DataError(f'`y_true` must name the label column of {_table_text(features)}: y_true="…".')
    if isinstance(features, str | os.PathLike):
        raise DataError(
            f"labels in memory do not go with features in a file, {_table_text(features)}. Name the label column of "
            'the file, y_true="…", or read the file into a frame.'
        )
    own = names_of(features)
    if own is not None or has_names(features):
        if own is not None and len(set(map(str, own))) < len(own):
            raise DataError(f"feature names must be unique; got {listed([printable(str(n)) for n in own])}.")
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
    return is_arrow(table) and not is_single_column(table)


def names_of(table: object) -> list[Hashable] | None:
    """The names of a table's columns; None where it has none."""
    if isinstance(table, Mapping):
        return list(table)
    # An Arrow table has its names in `column_names` and the columns themselves in `columns`.
    own = getattr(table, "column_names", None)
    own = getattr(table, "columns", None) if own is None else own
    # A dataset or a reader of Arrow has them in its schema.
    own = getattr(getattr(table, "schema", None), "names", None) if own is None else own
    return None if own is None else list(own)


def no_feature(option: str, name: str, features: Sequence[str]) -> DataError:
    """An option names what is no feature."""
    hint = f"The features are: {listed([printable(each) for each in features], 20)}."
    if tuple(features) == (MATRIX,):
        hint = "Columns of an array have no names: pass a frame."
    return DataError(f'`{option}` must name features; "{printable(name)}" is none. {hint}')


def _categories(given: str | Sequence[str] | None, features: Sequence[str]) -> tuple[str, ...]:
    """Features that are codes, by name."""
    names = () if given is None else (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if name not in features:
            raise no_feature("categories", str(name), features)
    return names
