"""The rows that classifiers are trained and evaluated on: a verb's arguments as scikit-learn takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from logloss.data.binding import bind, features_matrix
from logloss.data.block import Block
from logloss.data.checks.labels import judge_coding
from logloss.data.columns import as_column, check_lengths
from logloss.data.forecasters import is_elsewhere
from logloss.data.request import RowOptions
from logloss.data.rows import Column, Roles, positive_text, unknown_column
from logloss.data.source import ColumnSource, as_source, warn_of_order
from logloss.data.values import Array
from logloss.errors import DataError
from logloss.onepass.run import blocks_in_order
from logloss.text import count, listed, printable
from logloss.training.recipe import refuse_identifiers

N_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ModelledRows:
    """All rows of a table, in their order; arrays of shape (n_rows,), features as they were given.

    labels: as they came, or 0 and 1 of a comparison; positive, classes: among them. codes: 0 and 1.
    taking_part: the numbers of the rows that take part: not those of weight 0, nor those left out for what they lack.
    cluster, period: which rows belong together, as codes; periods ascend.
    """

    X: Any
    labels: Array
    codes: Array
    positive: Any
    classes: tuple[Any, ...]
    weight: Array | None
    taking_part: Array
    cluster: Array | None
    period: Array | None
    notes: tuple[str, ...]

    @property
    def n_rows(self) -> int:
        return len(self.codes)


def modelled_rows(data: Any, requested: RowOptions, forecasts: Sequence[str] = ()) -> ModelledRows:
    """The rows that the arguments of a verb describe, each checked as the verb checks it.

    forecasts: columns that are forecasts beside estimators, and so no features unless these are named.
    """
    exclude = (requested.exclude,) if isinstance(requested.exclude, str) else tuple(requested.exclude)
    _refuse_options(data, requested, exclude)
    X = requested.X
    n_rows = _num_samples(data) if requested.y_true is None else as_source(data).n_rows
    # Any forecast: none is made yet, and all else of the rows is checked before the first model is trained.
    source, roles = bind(data, replace(requested, y_proba=np.full(n_rows, 0.5), order=None))
    if not isinstance(source, ColumnSource):
        raise _elsewhere()
    order, name = _order_of(requested, data)
    checked = _Checked(len(source.column(roles.y_true).values))
    blocks_in_order(source, roles, checked.add)
    judge_coding(frozenset(checked.coding), roles)
    if order is not None:
        _require_order(order, checked, requested.missing)
    taking_part = np.flatnonzero(checked.takes_part)
    if checked.is_soft:
        raise DataError("classifiers are trained on two classes; `y_true` holds shares. Train on rows of 0 and 1.")
    codes = checked.codes
    if len(np.unique(codes[taking_part])) < 2:
        raise DataError(f"classifiers are trained on two classes; all rows are of one ({positive_text(roles)}?).")
    labels = _labels_of(source.column(roles.y_true), roles, codes)
    if X is None:
        names, notes = _features_of(data, roles, requested.features, (*exclude, *name, *forecasts))
        X = _columns_of(data, names)
        if requested.features is None:
            of_rows = _safe_indexing(X, taking_part)
            named = dict(zip(names, of_rows.T, strict=True)) if isinstance(of_rows, np.ndarray) else of_rows
            # What is missing is the estimator's business.
            refuse_identifiers(*bind(codes[taking_part], RowOptions(missing="indicator"), features=named))
    else:
        X, notes = _given_features(X, n_rows), ()
        warn_of_order({"`X`": X, "the table" if requested.y_true is not None else "`y_true`": data})
    return ModelledRows(
        X=X,
        labels=labels,
        codes=codes,
        positive=labels[taking_part][codes[taking_part] == 1].tolist()[0],
        classes=tuple(np.unique(labels[taking_part]).tolist()),
        weight=checked.weight if roles.sample_weight is not None else None,
        taking_part=taking_part,
        cluster=_codes_of([source.column(each) for each in roles.cluster]) if roles.cluster else None,
        period=None if order is None else _codes_of([order]),
        notes=notes,
    )


class _Checked:
    """What blocks say of rows, put where these stand in the table."""

    def __init__(self, n_rows: int) -> None:
        self.codes, self.weight = np.zeros(n_rows, np.uint8), np.zeros(n_rows)
        self.takes_part, self.is_soft = np.zeros(n_rows, dtype=bool), False
        self.coding: set[Any] = set()

    def add(self, block: Block) -> None:
        numbers = block.first_row + (np.arange(block.n_rows) if block.rows is None else block.rows)
        self.coding.update(block.coding)
        self.is_soft = self.is_soft or block.y_true.dtype != np.uint8
        self.codes[numbers] = block.y_true == 1
        self.weight[numbers] = 1.0 if block.sample_weight is None else block.sample_weight
        self.takes_part[numbers] = True


def _require_order(order: Column, checked: _Checked, missing: str) -> None:
    """Each row that takes part has a place in the order."""
    check_lengths({"`order`": len(order.values), "the table": len(checked.codes)})
    lacks = np.isnan(order.values) if order.values.dtype.kind == "f" else np.zeros(len(order.values), dtype=bool)
    lacks = (lacks if order.missing is None else lacks | order.missing) & checked.takes_part
    if lacks.any() and missing != "drop":
        raise DataError(
            f"`order` must hold a value in each row; row {count(int(np.argmax(lacks)))} holds nothing. "
            'Correct the table, or pass missing="drop" to leave such rows out; the result says how many.'
        )
    checked.takes_part[lacks] = False


def _refuse_options(data: Any, requested: RowOptions, exclude: Sequence[str]) -> None:
    """What cannot be combined with training in folds."""
    for name in ("y_logit", "counts"):
        if getattr(requested, name) is not None:
            hint = "Repeat the rows, and name in `cluster` what they share." if name == "counts" else ""
            raise DataError(f"`{name}` cannot be combined with `cv`, which predicts with estimators. {hint}".rstrip())
    if requested.negatives_kept != 1:
        raise DataError("`negatives_kept` cannot be combined with `cv`: the models of folds are trained on all rows.")
    if requested.engine is not None or (requested.y_true is not None and is_elsewhere(data)):
        raise _elsewhere()
    if requested.y_true is None and requested.X is None:
        raise DataError("`cv` trains estimators: pass their features as `X`, or a table and `y_true=` as a name.")
    if requested.X is not None and (requested.features is not None or exclude):
        raise DataError("pass the features as `X`, or name columns of the table (`features`, `exclude`), not both.")
    if requested.features is not None and exclude:
        raise DataError("pass `features` or `exclude`, not both.")


def _elsewhere() -> DataError:
    return DataError(
        "`cv` trains estimators of scikit-learn, which need all rows in memory: read the table into a frame first."
    )


def _order_of(requested: RowOptions, data: Any) -> tuple[Column | None, tuple[str, ...]]:
    """(The column that puts rows in order, its name where it is one of the table)."""
    if requested.order is None:
        return None, ()
    if not isinstance(requested.order, str):
        return as_column(requested.order, "order"), ()
    if requested.y_true is None:
        raise DataError(f'`order` names the column "{requested.order}", but no table is given. Pass an array.')
    return column_of(data, requested.order), (requested.order,)


def column_of(data: Any, name: str) -> Column:
    """A column of a table in memory."""
    source = as_source(data)
    if name not in source.column_names or not isinstance(source, ColumnSource):
        raise unknown_column(name, source.column_names)
    return source.column(name)


def _labels_of(column: Column, roles: Roles, codes: Array) -> Array:
    """The labels as they came, so that weights of classes find their own; of a comparison 0 and 1."""
    if roles.label_test is not None:
        return codes
    return column.values if column.categories is None else np.array(column.categories)[column.values]


def _codes_of(columns: Sequence[Column]) -> Array:
    """One number for each row, equal where all columns are, ascending as the first does."""
    codes = []
    for column in columns:
        column = column.as_numbers()
        values = column.values if column.categories is None else np.array(column.categories, object)[column.values]
        values = values.astype(str) if values.dtype == object else values
        own = np.unique(values, return_inverse=True)[1]
        if column.missing is not None:
            # null is a key of its own.
            own = np.where(column.missing, own.max() + 1, own)
        codes.append(own)
    found: Array = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    return found


def _features_of(data: Any, roles: Roles, features: Any, beside: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """(The columns of a table that are features, notes on them). beside: columns that have another part."""
    source = as_source(data)
    known = source.column_names
    if features is not None:
        names = [features] if isinstance(features, str) else list(features)
    else:
        names = [each for each in known if each not in {*roles.columns, *beside} and not source.why_unused(each)]
    for name in (*names, *beside):
        if name not in known:
            raise unknown_column(name, known)
    if not names:
        raise DataError("no column of the table is left to be a feature. Name some: `features=`.")
    return names, (f"features: {listed([printable(name) for name in names], N_SHOWN)}",)


def _columns_of(data: Any, names: Sequence[str]) -> Any:
    """The features as a frame of pandas or polars; of other tables as a matrix of numbers."""
    if type(data).__module__.split(".")[0] in ("pandas", "polars"):
        return data[list(names)]
    source = as_source(data)
    columns = [source.column(name) for name in names] if isinstance(source, ColumnSource) else []
    for name, column in zip(names, columns, strict=True):
        if column.categories is not None:
            raise DataError(
                f'estimators take columns that are no numbers, such as "{printable(name)}", from a frame of pandas or '
                "polars, not from other tables. Make one, or name other columns: `features=`."
            )
    values = [
        np.where(column.missing, np.nan, column.values) if column.missing is not None else column.values
        for column in columns
    ]
    return np.stack(values, axis=1)


def _given_features(X: Any, n_rows: int | None) -> Any:
    """Features as they were given, one row for each label; a list becomes a matrix, one dimension one column."""
    X = features_matrix(X) if isinstance(X, list | tuple) or getattr(X, "ndim", 2) == 1 else X
    if _num_samples(X) != n_rows:
        raise DataError(
            f"`X` has {count(_num_samples(X))} rows and the labels have {count(n_rows or 0)}. "
            "They must describe the same rows."
        )
    return X
