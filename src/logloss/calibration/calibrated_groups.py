"""The groups that a calibration is asked for: which summaries know them, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from logloss.calibration.bins import ScoreBins, score_bins_of
from logloss.calibration.group_cells import GroupCells
from logloss.data.keys import REST
from logloss.data.request import RowOptions
from logloss.data.values import Array
from logloss.errors import DataError
from logloss.inference.groups import margin
from logloss.onepass.summaries import GroupedSummary, LossSummary
from logloss.onepass.summaries.group_keys import MOST_GROUPS
from logloss.onepass.summaries.grouped import MOST_DETAILED
from logloss.text import count, listed, printable, value_text


def refuse_role(requested: RowOptions) -> None:
    """Refuse a group column that is the label, the forecast or a weight."""
    by = requested.by
    names = [by] if isinstance(by, str) else list(by) if isinstance(by, list | tuple) else []
    for role in ("y_true", "y_proba", "y_logit", "sample_weight", "counts"):
        value = getattr(requested, role)
        for name in [value] if isinstance(value, str) else []:
            if name in names:
                raise DataError(
                    f'`by` must name a column that is known when a row is predicted; "{printable(name)}" is `{role}`.'
                )


def columns_of_measurement(by: Any) -> tuple[str, ...]:
    """The columns of groups of a measurement, by name."""
    names = (by,) if isinstance(by, str) else tuple(by) if isinstance(by, list | tuple) else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise DataError("`by` must be the names of columns that the measurement is grouped by; its rows are not there.")
    return names


def groups_of(summary: LossSummary, by: tuple[str, ...], parts: Sequence[LossSummary]) -> GroupedSummary:
    """The labels by group and score; DataError where a summary does not know them. by: of a measurement, the columns;
    parts: summaries of folds, where rows are read."""
    grouped = summary.groups
    if grouped is None or not set(by) <= set(grouped.columns):
        known = "none" if grouped is None else listed([printable(name) for name in grouped.columns])
        lacking = next(name for name in by if grouped is None or name not in grouped.columns)
        raise DataError(
            f'the measurement has no groups of "{printable(lacking)}" (it has: {known}). Measure with `by`, or pass '
            "the rows."
        )
    named = listed([f'"{printable(name)}"' for name in by or grouped.columns])
    if grouped.is_over:
        raise DataError(
            f"at most {count(MOST_GROUPS)} groups are calibrated; {named} has more. Group by a coarser column."
        )
    if by:
        grouped = margin(grouped, by) if by != grouped.columns else grouped
    if REST in grouped.names:
        raise DataError(
            "the measurement pools some groups (`groups`), and new rows of these could not be told from others. "
            "Measure without `groups`, or pass the rows."
        )
    if summary.clusters is not None and not parts:
        raise DataError(
            "a measurement with clusters does not know which of them are in which group, and folds keep clusters "
            "whole. Pass the rows, with `by` and `cluster`."
        )
    if grouped.cells is None:
        raise DataError(
            f"a measurement keeps the scores of at most {count(MOST_DETAILED)} groups; {named} has "
            f"{count(grouped.n_groups)}. Pass the rows: up to {count(MOST_GROUPS)} groups are calibrated."
        )
    return grouped


def note_on_one_group(grouped: GroupedSummary) -> str:
    """Why a calibration has no groups where there is one only."""
    named = listed([f'"{printable(name)}"' for name in grouped.columns])
    values = listed([value_text(value) for value in grouped.names[0]])
    return f"every row is of one group of {named}, {values}: its map is that of all rows"


def cells_and_folds(
    summary: LossSummary,
    grouped: GroupedSummary,
    parts: Sequence[LossSummary],
    n_folds: int,
    random: np.random.Generator | None,
) -> tuple[ScoreBins, GroupCells, Array]:
    """(The bins of all rows, the cells of the groups, their masses in folds)."""
    cells = grouped.cells
    if cells is None:
        raise DataError("groups without scores cannot be calibrated.")
    bins = score_bins_of(summary, grouped.shift if cells.scores is None else None)
    found = GroupCells.of(grouped, cells, bins)
    if not parts:
        random = np.random.default_rng(bins.table.seed) if random is None else random
        return bins, found, found.drawn_folds(n_folds, random)
    held = [part for part in parts if part.n_rows]
    if len(held) < 2:
        raise DataError("folds keep clusters whole, and all rows are of one; leave out `cluster`, or `by`.")
    return bins, found, found.folds_of_parts(grouped, cells, held)
