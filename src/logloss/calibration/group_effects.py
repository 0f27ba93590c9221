"""What a calibration by group adds to the map of all rows: a shift and a slope for each group, and what both save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.answers.estimate import Estimate
from logloss.answers.small_table import SmallTable
from logloss.calibration.random_effects import moved
from logloss.data.columns import as_column, check_lengths
from logloss.data.keys import values_of
from logloss.data.rows import Column
from logloss.data.values import Array, Value
from logloss.errors import DataError
from logloss.text import counted, listed, printable, value_text

# What values are called in messages, by the type of their exact form.
KINDS = {bool: "true or false", str: "text"}


@dataclass(frozen=True, slots=True)
class GroupEffects:
    """The effects of groups on the log-odds of the map of all rows, and the expected reduction of the log loss.

    A log-odds η of the map becomes η + shift + (slope − 1)·(η − centre) in each group.

    columns: the columns of the groups. names: the values of each group, in order. centre: the log-odds at which shifts
    are stated. shifts, slopes: of each group, shrunken; shift_errors, slope_errors: their posterior standard
    deviations. shift_sd, slope_sd: standard deviations of both between groups, as chosen by the marginal likelihood; 0:
    no group differs. n_rows, shares, base_rates, mean_probas, log_losses: of each group, uncalibrated.
    expected_reductions: of the log loss of each group by the whole calibration, in nats per row of the group.
    expected_reduction: of the log loss of all rows beyond what the map of all rows reduces it by.
    """

    columns: tuple[str, ...]
    names: tuple[tuple[Value, ...], ...]
    centre: float
    shifts: tuple[float, ...]
    slopes: tuple[float, ...]
    shift_errors: tuple[float, ...]
    slope_errors: tuple[float, ...]
    shift_sd: float
    slope_sd: float
    n_rows: tuple[int, ...]
    shares: tuple[float, ...]
    base_rates: tuple[float, ...]
    mean_probas: tuple[float, ...]
    log_losses: tuple[float, ...]
    expected_reductions: tuple[Estimate, ...]
    expected_reduction: Estimate

    @property
    def table(self) -> SmallTable:
        """The groups, one row each."""
        columns: dict[str, list[Any]] = {name: [key[k] for key in self.names] for k, name in enumerate(self.columns)}
        columns |= {"rows": list(self.n_rows)}
        arrays = {"shift": self.shifts, "shift_error": self.shift_errors, "slope": self.slopes}
        arrays |= {"slope_error": self.slope_errors, "share": self.shares, "mean_proba": self.mean_probas}
        arrays |= {"base_rate": self.base_rates, "log_loss_nats": self.log_losses}
        columns |= {name: list(values) for name, values in arrays.items()}
        name = "expected_reduction_nats"
        columns[name] = [float(each) for each in self.expected_reductions]
        columns[f"{name}_low"] = [each.low for each in self.expected_reductions]
        columns[f"{name}_high"] = [each.high for each in self.expected_reductions]
        columns["reason"] = [each.reason for each in self.expected_reductions]
        return SmallTable(columns)

    @property
    def named(self) -> str:
        """The columns, as messages have them."""
        return " and ".join(f'"{printable(name)}"' for name in self.columns)

    def log_odds(self, log_odds: Array, numbers: Array) -> Array:
        """Log-odds of the map as those of groups by number; −1: as they are."""
        return moved(log_odds, np.array(self.shifts), np.array(self.slopes), self.centre, numbers)

    def numbers_of(self, columns: Sequence[Column]) -> Array:
        """The number of each row's group, −1 of groups that are not known; columns: one for each of `columns`."""
        known = np.zeros(len(self.names), np.int64)
        found = np.zeros(len(columns[0].values), np.int64)
        is_known = np.ones(len(found), bool)
        for k, column in enumerate(columns):
            places: dict[tuple[type, Value], int] = {}
            own = [places.setdefault((type(key[k]), key[k]), len(places)) for key in self.names]
            codes, values = values_of(column)
            place_of = np.array([places.get((type(value), value), -1) for value in values], np.int64)
            held = np.flatnonzero(np.bincount(codes, minlength=len(values)))
            self._check_kinds(self.columns[k], {_kind(v) for _, v in places}, [values[code] for code in held.tolist()])
            place = place_of[codes] if len(place_of) else np.zeros(0, np.int64)
            is_known &= place >= 0
            known, found = known * len(places) + own, found * len(places) + np.maximum(place, 0)
            # As few numbers as there are groups: those of several columns stay whole.
            distinct, known = np.unique(known, return_inverse=True)
            at = np.minimum(np.searchsorted(distinct, found), len(distinct) - 1)
            is_known &= distinct[at] == found
            found = at
        number_of = np.empty(len(self.names), np.int64)
        number_of[known] = np.arange(len(self.names))
        return np.where(is_known, number_of[found], -1)

    def _check_kinds(self, column: str, kinds: set[str], values: Sequence[Value]) -> None:
        """Refuse values of which none can be a group, as numbers where the groups are known as text."""
        values = [value for value in values if value is not None]
        given, kinds = {_kind(value) for value in values}, kinds - {"nothing"}
        if not given or not kinds or given & kinds:
            return
        place = self.columns.index(column)
        known = next(key[place] for key in self.names if key[place] is not None)
        raise DataError(
            f'the groups of "{printable(column)}" are {listed(sorted(kinds))} in this calibration, such '
            f"as {value_text(known)}; got {listed(sorted(given))}, such as {value_text(values[0])}. Columns of CSV "
            "files are text."
        )

    def columns_of(self, groups: Any, n_rows: int) -> list[Column]:
        """The columns of groups as passed to `apply`: an array, a dict of arrays, or a table; DataError otherwise."""
        if groups is None:
            raise DataError(
                f"this calibration is by {self.named}: pass `groups`, the group of each row; those that it has not "
                "seen get the map of all rows."
            )
        names = _names_of(groups)
        if names is None:
            if len(self.columns) > 1:
                raise DataError(f"`groups` must be a dict of arrays, or a table, with the columns {self.named}.")
            found = [as_column([groups] if np.ndim(groups) == 0 else groups, "groups")]
        else:
            lacking = [name for name in self.columns if name not in names]
            if lacking:
                raise DataError(
                    f'`groups` has no column "{printable(lacking[0])}". It has: '
                    f"{listed([printable(str(name)) for name in names], 20)}."
                )
            found = [as_column(groups[name], name) for name in self.columns]
        lengths = {"y_proba": n_rows} | {name: len(each.values) for name, each in zip(self.columns, found, strict=True)}
        check_lengths(lengths)
        return found

    def unseen_text(self, n_unseen: int, n_rows: int) -> str:
        """A note on rows whose groups are not known; "" if there are none."""
        if not n_unseen:
            return ""
        return (
            f"{n_unseen:,} of {counted(n_rows, 'row')} are of groups of {self.named} that the calibration has not "
            "seen: they get the map of all rows"
        )


def _names_of(groups: Any) -> list[Any] | None:
    """The names of the columns of a dict or a table; None of an array."""
    if isinstance(groups, Mapping):
        return list(groups)
    names = getattr(groups, "column_names", None)
    if names is None and hasattr(groups, "columns") and not isinstance(groups, np.ndarray):
        names = groups.columns
    return None if names is None else list(names)


def _kind(value: Value | type) -> str:
    """What a value is called in messages."""
    if value is None:
        return "nothing"
    return KINDS.get(type(value), "numbers")
