"""Which cells each column of a table has: what one walk over the features learns, without looking at labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from logloss.data.binned import MOST_LEVELS, BinnedColumn, binned_levels, binned_numbers
from logloss.data.block import Block
from logloss.data.rows import Roles
from logloss.data.source import Source
from logloss.data.terms import category_of
from logloss.errors import DataError
from logloss.onepass.summaries import ColumnSummary, Levels, Range
from logloss.onepass.summaries.features import MOST_LEVELS as MOST_KNOWN
from logloss.onepass.summaries.segment_sums import N_BUCKETS, SegmentCells
from logloss.segmentation.family import FEWEST_ROWS
from logloss.text import count, counted, listed, printable
from logloss.training.recipe import seen_columns

# Of so many sampled rows the ends of intervals are quantiles.
ROWS_FOR_QUANTILES = 50_000
# Cells of all pairs: their sums by bucket take 80 MB.
MOST_CELLS = 40_000


@dataclass(frozen=True, slots=True)
class Cut:
    """The cells of the columns that can be searched, the roles by which passes read rows, and notes on the others."""

    cells: SegmentCells
    roles: Roles
    notes: tuple[str, ...]


def cut_of(
    source: Source, roles: Roles, *, is_chosen: bool, pairs: bool, progress: Callable[[Block], None] | None
) -> Cut:
    """Walk over the features once. is_chosen: whether somebody has named them, so that what is none is refused."""
    seen, roles = seen_columns(source, roles, ROWS_FOR_QUANTILES, progress=progress)
    sample = [rows for _, rows in seen.sample.chosen(ROWS_FOR_QUANTILES)]
    columns: list[BinnedColumn] = []
    notes: list[str] = []
    constant: list[str] = []
    for j, name in enumerate(roles.features):
        own, note = _cells_of(name, j, seen, sample)
        if note and is_chosen:
            raise DataError(f"{note}. Leave it out of `features`, or group its levels.")
        notes += [f"{note}: left out"] if note else []
        constant += [] if own or note else [name]
        columns += own
    if constant:
        names = listed([f'"{printable(name)}"' for name in constant])
        notes.append(f"one value, or no level of {count(int(FEWEST_ROWS))} rows, in {names}: left out")
    if not columns:
        raise DataError(
            "no feature is left to search: each column has one value only, or no level of "
            f"{count(int(FEWEST_ROWS))} rows. Name other `features`."
        )
    cells = SegmentCells(tuple(columns), has_pairs=pairs and len(columns) > 1, n_buckets=N_BUCKETS)
    if cells.has_pairs and cells.n_cells > MOST_CELLS:
        notes.append(
            f"only single columns are searched: {counted(len(columns), 'column')} have "
            f"{count(sum(1 for _ in combinations(columns, 2)))} pairs, too many at once. Name fewer `features` to "
            "search their pairs"
        )
        cells = replace(cells, has_pairs=False)
    # What this pass has checked is not checked again, and what is text is not tried as numbers.
    texts = tuple(column.name for column in columns if column.category is not None)
    return Cut(cells, replace(roles, categories=tuple(dict.fromkeys((*roles.categories, *texts)))), tuple(notes))


def _cells_of(name: str, j: int, seen: ColumnSummary, sample: list[Block]) -> tuple[list[BinnedColumn], str]:
    """(The columns that a feature has cells of, why it has none: "" if it has some, or only one value)."""
    kept = seen.columns[j]
    if isinstance(kept, Levels):
        if kept.weights is None:
            return [], f'"{printable(name)}" has more than {count(MOST_KNOWN)} levels and looks like an identifier'
        # A level of less weight than so many rows have on average is not large enough.
        least = FEWEST_ROWS * seen.sum_weight / seen.n_rows / 2
        category = category_of(name, kept.weights, None, None)
        level = binned_levels(name, j, category, kept.weights, least)
        if level is None and len(kept.weights) > MOST_LEVELS:
            return [], f'"{printable(name)}" has {count(len(kept.weights))} levels, none of enough rows'
        return [] if level is None else [level], ""
    found = []
    if isinstance(kept, Range):
        for part, own in enumerate((name,) if kept.names is None else kept.names):
            values = [rows.features[j].values for rows in sample]
            numbers = np.concatenate([each if kept.names is None else each[:, part] for each in values])
            binned = binned_numbers(own, j, part, numbers, lacks=bool(kept.n_lacking[part] > 0))
            found += [] if binned is None else [binned]
    return found, ""
