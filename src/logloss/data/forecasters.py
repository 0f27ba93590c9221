"""Several forecasts of the same rows: what the arguments of `compare` mean."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from logloss.data.binding import (
    bind,
    check_no_table,
    first_class_is_positive,
    is_list_of_text,
    names_of,
    pair_of,
    with_arrays,
    with_texts,
)
from logloss.data.columns import as_column, check_lengths
from logloss.data.request import RowOptions
from logloss.data.rows import Column, Forecaster, Roles, unknown_column
from logloss.data.source import ColumnSource, MemorySource, Source, as_source, own_names, warn_of_order
from logloss.data.values import Value
from logloss.errors import DataError
from logloss.text import count, listed, printable

# Every two of them are compared: 120 pairs.
MOST_FORECASTERS = 16


@dataclass(frozen=True, slots=True)
class Given:
    """A forecast as passed: its name, its role (`y_proba` or `y_logit`), and a column, two columns or an array."""

    name: str
    role: str
    value: Any

    @property
    def is_named(self) -> bool:
        """Whether it is a column of the table, or two."""
        pair = isinstance(self.value, tuple) and all(isinstance(item, str) for item in self.value)
        return isinstance(self.value, str) or pair


def bind_forecasters(data: Any, forecasts: Any, requested: RowOptions) -> tuple[Source, Roles]:
    """The source and the roles that the arguments of `compare` describe; y_proba and y_logit are several columns."""
    if forecasts is not None and requested.y_proba is not None:
        raise DataError("pass the forecasts by position or as `y_proba`, not both: they are the same argument.")
    has_table = requested.y_true is not None
    if not has_table:
        check_no_table(data, requested, beside=" beside the forecasts")
    given = [
        *_named_forecasts(requested.y_proba if forecasts is None else forecasts, "y_proba", has_table=has_table),
        *_named_forecasts(requested.y_logit, "y_logit", has_table=has_table),
    ]
    _check_names([each.name for each in given])
    if has_table and any(hasattr(each.value, "predictor") for each in given):
        data, given = _scored(data, given, requested)
    first, *rest = (_predicted(each, data if has_table else None, requested.missing) for each in given)
    others_beside = {f'"{printable(each.name)}"': each.value for each in rest}
    warn_of_order({"the table" if has_table else "`y_true`": data, **others_beside, "`order`": requested.order})
    also = [name for each in rest if each.is_named for name in _names_in(each.value)] if has_table else []
    also += [requested.order] if has_table and isinstance(requested.order, str) else []
    own: Any = list(first.value) if isinstance(first.value, tuple) and first.is_named else first.value
    alone = replace(requested, **{"y_proba": None, "y_logit": None, first.role: own})
    source, roles = bind(data, alone, also=also)
    if not has_table:
        for each in rest:
            if each.is_named:
                raise DataError(
                    f'"{printable(each.name)}" is the name of a column, but the first argument is labels, not a table. '
                    'Pass a table first and name its label column, y_true="…"; or pass an array.'
                )
    forecasters, beside = _renamed(first, roles, source)
    labels = source.column(roles.y_true) if isinstance(source, MemorySource) else None
    for each in rest:
        forecaster, columns = _forecaster(each, source, labels, requested.pos_label)
        forecasters.append(forecaster)
        beside |= columns
    order, column = _order_of(requested, source)
    if order is not None and column is not None:
        beside[order] = column
    roles = replace(roles, y_proba=None, y_proba_of_zero=None, y_logit=None, order=order)
    roles = replace(roles, forecasters=tuple(forecasters))
    source = _widened(source, roles, beside)
    return source, with_texts(source, roles)


def estimators_of(forecasts: Any, requested: RowOptions) -> dict[str, Any]:
    """The forecasts of `compare` by name, where `cv` is given and they are estimators; none without it."""
    if requested.cv is None:
        return {}
    if requested.y_proba is not None:
        raise DataError('with `cv` the forecasts are estimators: {"logistic": LogisticRegression(), …}, not columns.')
    given = _named_forecasts(forecasts, "y_proba", has_table=False)
    _check_names([each.name for each in given])
    return {each.name: each.value for each in given}


def _order_of(requested: RowOptions, source: Source) -> tuple[str | None, Column | None]:
    """(What the column is called that puts rows in order, the column itself where it is an array beside the table)."""
    if requested.order is None:
        return None, None
    if not isinstance(requested.order, str):
        name = "order" if "order" not in source.column_names else "order[array]"
        return name, as_column(requested.order, "order")
    if requested.y_true is None:
        raise DataError(
            f'`order` is the name "{printable(requested.order)}", but the first argument is labels, not a table. '
            'Pass a table first and name its label column, y_true="…"; or pass an array as `order`.'
        )
    if requested.order not in source.column_names:
        raise unknown_column(requested.order, own_names(source))
    return requested.order, None


def _named_forecasts(forecasts: Any, role: str, *, has_table: bool) -> list[Given]:
    """Forecasts with their names, from a dict, a list of names or of arrays, or one name."""
    if forecasts is None:
        return []
    if isinstance(forecasts, str):
        return [Given(forecasts, role, forecasts)]
    if isinstance(forecasts, Mapping):
        return [Given(str(n), role, _as_names(value) if has_table else value) for n, value in forecasts.items()]
    if isinstance(forecasts, list | tuple):
        named = [item if isinstance(item, str) else f"forecast {number}" for number, item in enumerate(forecasts, 1)]
        values = [_as_names(item) if has_table else item for item in forecasts]
        return [Given(name, role, value) for name, value in zip(named, values, strict=True)]
    is_frame = names_of(forecasts) is not None
    hint = (
        'Pass a table first: compare(table, ["p", "q"], y_true="y").' if is_frame else "One is measured: measure(y, p)."
    )
    raise DataError(
        'the forecasts must be a dict, {"old": p, "new": q}, or a list of arrays or of names of columns; '
        f"got one {type(forecasts).__name__}. {hint}"
    )


def is_elsewhere(table: object) -> bool:
    """Whether the rows of a table lie in files, or with an engine, and are read while they are walked."""
    return isinstance(table, str | os.PathLike | list | tuple) or (
        isinstance(table, Source) and not isinstance(table, ColumnSource)
    )


def _scored(table: Any, given: Sequence[Given], requested: RowOptions) -> tuple[Any, list[Given]]:
    """The table with a column for each model of ours among the forecasts, and the forecasts as such columns."""
    source = as_source(table, header=requested.header)
    if isinstance(source, ColumnSource):
        # In memory, arrays stand beside the columns.
        return table, list(given)
    table, columns = source, []
    for each in given:
        predictor = getattr(each.value, "predictor", None)
        if predictor is None:
            columns.append(each)
            continue
        own = _unused_name(each.name, table)
        table = predictor.scored(table, own, requested.missing)
        columns.append(Given(each.name, "y_logit", own))
    return table, columns


def _predicted(given: Given, table: Any, missing: str) -> Given:
    """What a model predicts of the rows of a table in memory; any other forecast as it is."""
    model = given.value
    if not hasattr(model, "predict_proba"):
        return given
    if table is None or is_elsewhere(table):
        raise DataError(
            f'"{printable(given.name)}" is a model, which predicts from the columns of a frame: pass a frame of pandas '
            'or polars first and name its label column, y_true="…". '
            "Or pass its predictions; or, of an estimator, `cv=` and `X=` to train it in folds."
        )
    if hasattr(model, "predictor"):
        return Given(given.name, "y_logit", model.predictor.logits(table, None, missing))
    features = getattr(model, "feature_names_in_", None)
    if features is None:
        raise DataError(
            f'"{printable(given.name)}" is a model without names of features (`feature_names_in_`) '
            "(`feature_names_in_`). Pass its predictions, or `cv=` to train it in folds."
        )
    known = list(map(str, names_of(table) or ()))
    lacking = [printable(str(name)) for name in features if str(name) not in known]
    if lacking:
        raise DataError(
            f'"{printable(given.name)}" is a model that reads {listed(lacking, 20)}, which the table lacks. '
            f"The table has: {listed([printable(name) for name in known], 20)}."
        )
    try:
        rows = table[list(features)]
    except (KeyError, TypeError) as error:
        raise DataError(
            f'"{printable(given.name)}" is a model of scikit-learn: it needs the table as a frame of pandas or polars, '
            f"not as {type(table).__name__}. Or pass its predictions."
        ) from error
    return Given(given.name, given.role, model.predict_proba(rows))


def _as_names(value: Any) -> Any:
    """Two names of columns, of P(0) and P(1), as a tuple; anything else as it is."""
    is_pair = isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(item, str) for item in value)
    return tuple(value) if is_pair else value


def _names_in(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """The names of a forecast of one column, or of two."""
    return value if isinstance(value, tuple) else (value,)


def _check_names(names: Sequence[str]) -> None:
    """Two forecasters or more, each with its own name."""
    if len(names) < 2:
        got = f'got one, "{printable(names[0])}"' if names else "got none"
        raise DataError(
            f'`compare` needs two forecasters or more; {got}. Pass {{"old": p, "new": q}}, or names of columns of a '
            'table, ["p", "q"]. `measure` takes one.'
        )
    if len(names) > MOST_FORECASTERS:
        raise DataError(f"at most {MOST_FORECASTERS} forecasters can be compared at once; got {count(len(names))}.")
    if len(set(names)) < len(names):
        raise DataError(f"each forecaster must have its own name; got {listed([printable(n) for n in names], 16)}.")


def _renamed(first: Given, roles: Roles, source: Source) -> tuple[list[Forecaster], dict[str, Column]]:
    """The first forecast, under its own name where it is an array, which makes a table in memory of any source."""
    if first.is_named or not isinstance(source, ColumnSource):
        return [Forecaster(first.name, roles.y_proba, roles.y_proba_of_zero, roles.y_logit)], {}
    names = {"y_proba": first.name, "y_proba_of_zero": f"{first.name}[0]", "y_logit": first.name}
    own: dict[str, str] = {}
    columns: dict[str, Column] = {}
    for role, name in names.items():
        column = getattr(roles, role)
        if column is not None:
            own[role] = _unused_name(name, source)
            columns[own[role]] = source.column(column)
    return [Forecaster(first.name, **own)], columns


def _forecaster(
    given: Given, source: Source, labels: Column | None, pos_label: Value
) -> tuple[Forecaster, dict[str, Column]]:
    """Another forecast, and the columns that it brings along."""
    if given.is_named:
        columns = _names_in(given.value)
        for name in columns:
            if name not in source.column_names:
                raise unknown_column(name, own_names(source))
        if len(columns) == 2:
            return Forecaster(given.name, y_proba_of_zero=columns[0], y_proba=columns[1]), {}
        return Forecaster(given.name, **{given.role: columns[0]}), {}
    own = _unused_name(given.name, source)
    is_pair = given.role == "y_proba" and not is_list_of_text(given.value)
    pair = pair_of(given.value) if is_pair else None
    if pair is None:
        return Forecaster(given.name, **{given.role: own}), {own: as_column(given.value, given.name)}
    proba_of_zero, of_one = (as_column(half, given.name) for half in pair)
    if labels is not None and first_class_is_positive(labels, pos_label):
        proba_of_zero, of_one = of_one, proba_of_zero
    beside = _unused_name(f"{given.name}[0]", source)
    return Forecaster(given.name, y_proba=own, y_proba_of_zero=beside), {own: of_one, beside: proba_of_zero}


def _unused_name(name: str, source: Source) -> str:
    """A name for an array that no column of the table has."""
    taken = {*source.column_names, "y_true", "sample_weight", "counts", "order", "by", "cluster"}
    return name if name not in taken else f"{name}[array]"


def _widened(source: Source, roles: Roles, beside: Mapping[str, Column]) -> Any:
    """The source with the arrays that stand beside its columns."""
    if not beside:
        return source
    if not isinstance(source, MemorySource):
        needed = [name for name in roles.columns if name not in beside]
        return with_arrays(source, needed, beside)
    lengths = {f'"{name}"': len(column.values) for name, column in beside.items()}
    check_lengths({"the table" if source.name else "`y_true`": source.n_rows, **lengths})
    return MemorySource({**source.columns, **beside}, source.name, unfit=source.unfit)
