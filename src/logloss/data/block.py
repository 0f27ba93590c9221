"""Some rows, checked once.

A source hands out `Rows`: unchecked columns. `Roles` has the role of each column. `Block.of(rows, roles)`
applies the rules of `data/checks/` and gives arrays that the kernels may trust; what breaks a rule is an error that
names the row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from logloss.data.checks.feature_values import features_of
from logloss.data.checks.forecasts import Forecast, Unlabelled, forecast_in
from logloss.data.checks.labels import Coding, labels_of
from logloss.data.checks.missing_values import kept_rows
from logloss.data.checks.reading import Check, read_only, valued
from logloss.data.checks.weights import counts_of, offset_of, weights_of
from logloss.data.rows import Array, Column, Forecaster, Place, Roles, Rows


@dataclass(frozen=True, slots=True)
class Block:
    """Checked rows: contiguous arrays of equal length, in the roles that the kernels know.

    y_true: uint8 where every label of the block is 0 or 1, else float64. rows: the number of each row in its place,
    where some were left out. coding: the ways in which labels were written, judged over all blocks at the end.
    forecasts: P(1), P(0) and logits of each forecast, where several are compared.
    part: the number of the part, in its source, that the rows are of.
    unlabelled: of the rows left out, those that have a forecast but no label.
    """

    y_true: Array
    y_proba: Array | None
    y_proba_of_zero: Array | None
    y_logit: Array | None
    sample_weight: Array | None
    counts: Array | None
    features: tuple[Column, ...]
    offset: Array | None
    by: tuple[Column, ...]
    cluster: tuple[Column, ...]
    place: Place
    first_row: int
    rows: Array | None = None
    n_dropped: int = 0
    coding: Coding = frozenset()
    forecasts: tuple[Forecast, ...] = ()
    order: Column | None = None
    unlabelled: Unlabelled | None = None
    part: int = 0
    # Columns that stand beside the number of a row where it is listed, by name.
    keep: tuple[tuple[str, Column], ...] = ()

    @property
    def n_rows(self) -> int:
        return len(self.y_true)

    def row(self, index: int) -> int:
        return self.first_row + (index if self.rows is None else int(self.rows[index]))

    def taken(self, chosen: Array | slice) -> Block:
        """Some of its rows; what was left out before stays counted with the whole."""
        names = ("y_true", "y_proba", "y_proba_of_zero", "y_logit", "sample_weight", "counts", "offset")
        arrays: dict[str, Any] = {name: _frozen(_take(getattr(self, name), chosen)) for name in names}
        columns: dict[str, Any] = {
            name: tuple(column.taken(chosen) for column in getattr(self, name))
            for name in ("features", "by", "cluster")
        }
        forecasts = tuple((_take(p, chosen), _take(q, chosen), _take(z, chosen)) for p, q, z in self.forecasts)
        order = None if self.order is None else self.order.taken(chosen)
        columns["keep"] = tuple((name, column.taken(chosen)) for name, column in self.keep)
        rows = np.arange(self.n_rows)[chosen] if self.rows is None else self.rows[chosen]
        own: dict[str, Any] = {"forecasts": tuple(map(_frozen_forecast, forecasts)), "order": order, "rows": rows}
        return replace(self, **arrays, **columns, **own, n_dropped=0, unlabelled=None)

    def of_forecaster(self, number: int) -> Block:
        """The same rows with one of the forecasts that are compared."""
        proba, proba_of_zero, logit = self.forecasts[number]
        return replace(self, y_proba=proba, y_proba_of_zero=proba_of_zero, y_logit=logit, forecasts=(), order=None)

    @classmethod
    def of(cls, rows: Rows, roles: Roles, part: int = 0) -> Block:
        """Check a run of rows of a part. Cost: one look at each value."""
        check = Check(valued(rows, roles), roles)
        own = Forecaster("", roles.y_proba, roles.y_proba_of_zero, roles.y_logit)
        # Weights first: a row of weight or count 0 is no row, and nothing else of it is looked at.
        weight, counts = weights_of(check), counts_of(check)
        taking_part = kept_rows(check, weight, counts)
        unlabelled = None
        lacks_label, kept = taking_part.is_unlabelled, taking_part.is_kept
        if lacks_label is not None and roles.forecast is not None:
            forecast = forecast_in(check.only(lacks_label), own)
            columns = (*forecast, _take(weight, lacks_label), _take(counts, lacks_label))
            unlabelled = Unlabelled(*map(_frozen, columns))
        if kept is not None:
            check, weight, counts = check.only(kept), _take(weight, kept), _take(counts, kept)
        y_true, coding = labels_of(check)
        y_proba, y_proba_of_zero, y_logit = forecast_in(check, own)
        return cls(
            y_true=read_only(y_true),
            y_proba=_frozen(y_proba),
            y_proba_of_zero=_frozen(y_proba_of_zero),
            y_logit=_frozen(y_logit),
            sample_weight=_frozen(weight),
            counts=_frozen(counts),
            features=features_of(check),
            offset=_frozen(offset_of(check)),
            by=tuple(check.rows.columns[name] for name in roles.by),
            cluster=tuple(check.rows.columns[name] for name in roles.cluster),
            place=rows.place,
            first_row=rows.first_row,
            rows=check.numbers,
            n_dropped=taking_part.n_dropped,
            coding=coding,
            forecasts=tuple(_frozen_forecast(forecast_in(check, each)) for each in roles.forecasters),
            order=None if roles.order is None else check.ordered(roles.order),
            unlabelled=unlabelled,
            part=part,
            keep=tuple((name, check.rows.columns[name]) for name in roles.keep),
        )


# Types of arrays that kernels read as they stand: each makes them be compiled once more.
PLAIN_LABELS, PLAIN_FORECASTS = ("uint8", "int64", "float64"), ("float32", "float64")


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Rows that a kernel checks as it reads them, so that the memory is read once."""

    rows: Rows
    roles: Roles

    def arrays(self) -> tuple[Array, Array, Array | None, Array | None] | None:
        """Labels, P(1), P(0) and logits as they stand; None where a block must be made of them first."""
        roles = self.roles
        if roles.label_test is not None or roles.pos_label is not None or roles.sample_weight or roles.counts:
            return None
        labels = _plain(self.rows.columns[roles.y_true], PLAIN_LABELS)
        named = [name for name in (roles.forecast, roles.y_proba_of_zero) if name is not None]
        forecasts = [_plain(self.rows.columns[name], PLAIN_FORECASTS) for name in named]
        if labels is None or any(each is None for each in forecasts) or not labels.flags.c_contiguous:
            return None
        one, zero = (*forecasts, None)[:2]
        return labels, one, zero, None if roles.y_logit is None else one  # type: ignore[return-value]

    def checked(self) -> Block:
        """The block of them."""
        return Block.of(self.rows, self.roles)


def _plain(column: Column, types: tuple[str, ...]) -> Array | None:
    """The values of a column, where they are numbers of one of these types and none is known to lack."""
    values = column.values.view(np.uint8) if column.values.dtype == np.bool_ else column.values
    is_plain = column.categories is None and column.missing is None and values.ndim == 1
    is_known = values.dtype.name in types and values.dtype.isnative and values.flags.aligned
    return read_only(values) if is_plain and is_known else None


def _take(values: Array | None, kept: Array | slice) -> Array | None:
    return None if values is None else values[kept]


def _frozen(values: Array | None) -> Array | None:
    return None if values is None else read_only(values)


def _frozen_forecast(forecast: Forecast) -> Forecast:
    proba, proba_of_zero, logit = forecast
    return _frozen(proba), _frozen(proba_of_zero), _frozen(logit)
