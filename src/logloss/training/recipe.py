"""What a fit learns before its first pass: how columns become coefficients, who is positive, a sample of the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.data.binding import no_feature
from logloss.data.block import Block
from logloss.data.derived import DerivedColumn
from logloss.data.design import Design
from logloss.data.rows import Array, Column, Roles
from logloss.data.shapes import LINEAR, Shape, ShapeChoice, knots_of, shape_of, weights_at
from logloss.data.source import KeptSource, Source
from logloss.data.terms import LARGEST_SPREAD, Category, Numbers, Term, category_of, coded_column, numbers_of
from logloss.errors import DataError
from logloss.text import count, counted, printable
from logloss.training.interruptible import COLUMNS, tell_phase

if TYPE_CHECKING:
    from logloss.onepass.summaries import ColumnSummary, Range, SampleSummary
    from logloss.onepass.summaries.features import Kept

# Of so many sampled rows the knots of a shape are quantiles.
ROWS_FOR_KNOTS = 50_000
# The Hessian of more is too large to hold and to factor: 5,000² numbers are 200 MB.
MOST_COEFFICIENTS = 5_000


# A warm start needs fewer passes from so many rows on; its sample is a twentieth of the rows within these limits.
LARGE_TABLE = 50_000
SAMPLE_SHARE, MOST_SAMPLED, MOST_SAMPLED_VALUES = 0.05, 400_000, 8_000_000
# Of so many sampled rows the typical deviation of a column is learned: fewer of a table that is not large.
ENOUGH_TO_SEE, MOST_SEEN = 256, 1_024
# Of tables of at most so many rows all are drawn, to leave each out in turn.
KEPT_WHOLE = 1_000
# Parts that a sample is cut into: fixed, so that the cut does not depend on the number of threads.
SAMPLE_PARTS = 8
# Rows per coefficient that a sample should have.
ROWS_PER_COEFFICIENT = 20


@dataclass(frozen=True, slots=True)
class Learned:
    """What one pass has learned of the columns, the recipe made of it, and the roles by which passes read rows."""

    columns: ColumnSummary
    design: Design
    roles: Roles

    @property
    def base_rate(self) -> float:
        """Mean label."""
        return self.columns.sum_positive / self.columns.sum_weight

    @property
    def effective_rows(self) -> float:
        """Kish's effective number of rows, (Σw)² / Σw²: as many as there are where none has a weight."""
        return effective_rows_of(self.columns)

    @property
    def effective_rows_of_classes(self) -> tuple[float, float]:
        """The same of the rows that are 0, and 1; a soft label is so much of a row of each."""
        columns = self.columns
        sums = columns.sum_weight - columns.sum_positive, columns.sum_positive
        norms = columns.norm_of_zeros, columns.norm_of_ones
        zeros, ones = ((total / norm) ** 2 if norm > 0 else 0.0 for total, norm in zip(sums, norms, strict=True))
        return zeros, ones

    @property
    def n_positive(self) -> int | None:
        """How many rows are positive; None where labels are soft or rows have weights."""
        is_counted = self.roles.sample_weight is None and ("soft", True) not in self.columns.coding
        return round(self.columns.sum_positive) if is_counted else None


def effective_rows_of(columns: ColumnSummary) -> float:
    """Kish's effective number of rows."""
    return (columns.sum_weight / math.hypot(columns.norm_of_zeros, columns.norm_of_ones)) ** 2


def learn(
    source: Source,
    roles: Roles,
    reference: Mapping[str, Any],
    *,
    is_chosen: bool = True,
    fit_intercept: bool = True,
    shapes: ShapeChoice | None = None,
    derived: tuple[DerivedColumn, ...] = (),
    progress: Callable[[Block], None] | None = None,
) -> Learned:
    """Walk over the features once; twice where a column of a text file turns from numbers to words on the way.

    is_chosen: whether somebody has named the features; otherwise what only numbers the rows is refused. derived: those
    that are computed of columns.
    """
    named = {*roles.categories, *reference}
    unnamed = frozenset(() if is_chosen else (j for j, name in enumerate(roles.features) if name not in named))
    n_sampled = 0 if shapes is None else ROWS_FOR_KNOTS
    seen, roles = seen_columns(source, roles, n_sampled, unnamed=unnamed, progress=progress)
    check_classes(seen.sum_positive / seen.sum_weight, seen.sum_weight, seen.n_rows, fit_intercept=fit_intercept)
    design = design_of(seen, roles, reference, fit_intercept=fit_intercept, shapes=shapes, derived=derived)
    # What this pass has checked is not checked again, and what is text is not tried as numbers.
    texts = roles.categories if isinstance(source, KeptSource) else tuple(term.column for term in design.categories)
    return Learned(seen, design, replace(roles, is_checked=True, categories=texts))


def seen_columns(
    source: Source,
    roles: Roles,
    n_sampled: int,
    *,
    unnamed: frozenset[int] = frozenset(),
    progress: Callable[[Block], None] | None = None,
) -> tuple[ColumnSummary, Roles]:
    """(What each feature holds, with a sample of the rows, the roles with text among the categories).

    n_sampled: the least number of rows to draw. unnamed: the features that nobody has named.
    """
    from logloss.onepass.run import walk
    from logloss.onepass.summaries import ALL, ColumnSummary, Mixed

    below = source.source if isinstance(source, KeptSource) else source
    widths = {name: each.values.shape[1] for name, each in getattr(below, "columns", {}).items() if each.is_matrix}
    widths |= getattr(below, "widths", {})
    n_sampled = max(n_sampled, sample_size(source.n_rows, sum(widths.get(name, 1) for name in roles.features)))
    limit = ALL if not source.n_rows else min(ALL, int(ALL * min(1.0, 1.1 * n_sampled / source.n_rows)))
    while True:
        codes = frozenset(roles.features.index(name) for name in roles.categories)
        empty = ColumnSummary.empty(codes, n_sampled, limit, unnamed)
        tell_phase(progress, COLUMNS)
        seen: ColumnSummary = walk(source, roles, empty, progress=progress)
        mixed = [roles.features[j] for j, kept in seen.columns.items() if isinstance(kept, Mixed)]
        if not mixed:
            return seen, roles
        roles = replace(roles, categories=(*roles.categories, *mixed))


def without_references(design: Design, reference: Mapping[str, Any], unpenalised: Container[str] = ()) -> Design:
    """The same with a coefficient for each level of a category, under a penalty of all of them together.

    unpenalised: categories that have no penalty, whose levels only differ from a reference: these keep it.
    """
    for name in reference:
        if name in unpenalised:
            continue
        raise DataError(
            f'`reference` names a level of "{printable(name)}", and under `group_levels=True` no level is one: each '
            "has a coefficient. Leave one of them out."
        )

    def without(term: Term) -> Term:
        if isinstance(term, Category) and term.column not in unpenalised:
            return replace(term, is_pooled=True)
        return term

    return replace(design, terms=tuple(map(without, design.terms)))


def check_classes(rate: float, sum_weight: float, n_rows: int, *, fit_intercept: bool) -> None:
    """Refuse labels of one class, and weights whose sum is no number. rate: the mean label."""
    if not math.isfinite(sum_weight):
        raise DataError(
            "weights must add up to a number; these add up to more than 1.8e308. Divide all by the largest."
        )
    if not 0 < rate < 1:
        raise DataError(
            f"both classes must occur to fit; all {counted(n_rows, 'row')} are {1 if rate else 0}"
            f"{', and no finite intercept is best' if fit_intercept else ''}. Check `y_true` and `pos_label`."
        )


def design_of(
    seen: ColumnSummary,
    roles: Roles,
    reference: Mapping[str, Any],
    *,
    fit_intercept: bool = True,
    shapes: ShapeChoice | None = None,
    derived: tuple[DerivedColumn, ...] = (),
) -> Design:
    """The recipe for columns that one pass has learned of."""
    from logloss.onepass.summaries import Levels, Range

    for name in reference:
        if name not in roles.features:
            raise no_feature("reference", name, roles.features)
    terms: list[Term] = []
    n_seen = ENOUGH_TO_SEE if seen.n_rows < LARGE_TABLE else MOST_SEEN
    sample = [rows for _, rows in seen.sample.chosen(n_seen)]
    for j, name in enumerate(roles.features):
        column = seen.columns[j]
        if j in seen.unnamed:
            refuse_identifier(name, column)
        if isinstance(column, Levels):
            if column.weights is None:
                raise DataError(f'"{printable(name)}" has too many levels for a category. Leave it out.')
            category = category_of(name, column.weights, reference.get(name), column.ranks)
            is_pooled = shapes is not None and shapes.pools(name)
            if shapes is not None:
                shapes.check_category(name, has_reference=name in reference)
            terms.append(replace(category, is_pooled=True) if is_pooled else category)
        elif name in reference:
            raise DataError(f'`reference` must name categories; "{printable(name)}" holds numbers.')
        elif isinstance(column, Range):
            values = [rows.features[j].values for rows in sample]
            kind = None if shapes is None else shapes.kind_of(name)
            if shapes is not None and any(each.name == name and each.is_matrix for each in derived):
                raise DataError(
                    f'"{printable(name)}" is not available with `shapes` and `pooled`, where each column of numbers is '
                    'one curve, and pairs=[("a", "b")] is what two columns contribute together. Name the columns.'
                )
            if shapes is not None and kind is not None:
                terms.append(_shape_of(name, kind, column, seen, j, shapes))
                continue
            # Splines are 0 in most rows and near to it in others, without a typical size.
            is_spline = any(each.name == name and each.is_spline for each in derived)
            values = [] if is_spline else values
            term = _term_of_numbers(name, column, values, fit_intercept=fit_intercept)
            is_computed = any(each.name == name and each.is_matrix for each in derived)
            terms.append(replace(term, is_computed=True) if is_computed else term)
    design = Design(tuple(terms), fit_intercept, shapes is not None and shapes.is_nameless, derived=derived)
    if not len(design.free):
        raise DataError(
            "without an intercept a fit needs a feature: a column of numbers, or a category with two levels or more. "
            "Name `features`, or pass fit_intercept=True."
        )
    _refuse_equal_names(design)
    if design.width > MOST_COEFFICIENTS:
        widest = max(design.categories, key=lambda term: len(term.levels), default=None)
        of = "" if widest is None else f' ("{printable(widest.column)}" alone {count(len(widest.levels))} levels)'
        raise DataError(
            f"a fit can have at most {count(MOST_COEFFICIENTS)} coefficients, as its Hessian is held in memory; these "
            f"columns have {count(design.width)}{of}. {_what_would_fit(design)}"
        )
    return design


def _what_would_fit(design: Design) -> str:
    """How a design of too many coefficients gets fewer."""
    curves = sorted((sum(term.parts) for term in design.shapes if term.kind != LINEAR), reverse=True)
    # A line has one coefficient.
    n_left = design.width - np.cumsum([size - 1 for size in curves])
    if not curves or n_left[-1] > MOST_COEFFICIENTS:
        if not design.categories and not design.shapes:
            return (
                "Leave out columns; or, as all are numbers, pass them as an array, fit(X.to_numpy(), y, l2=1.0): under "
                "a penalty it may have more."
            )
        return "Leave out columns, or merge rare levels."
    n_lines = int(np.argmax(n_left <= MOST_COEFFICIENTS)) + 1
    widest = max((term for term in design.shapes if term.kind != LINEAR), key=lambda term: sum(term.parts))
    return (
        f"With {counted(n_lines, 'column')} as straight lines they fit: "
        f'shapes={{"{printable(widest.column)}": "{LINEAR}", …}}. Or leave out columns.'
    )


def _term_of_numbers(name: str, column: Range, values: Sequence[Array], *, fit_intercept: bool) -> Numbers:
    """The term of a column of numbers or of a matrix; values: of sampled rows."""
    has_weight = column.weights > 0
    means = np.where(has_weight, column.sums / np.maximum(column.weights, np.finfo(float).tiny), 0.0)
    lows, highs = np.where(has_weight, column.lows, 0.0), np.where(has_weight, column.highs, 0.0)
    sds = np.where(has_weight, column.deviations / np.sqrt(np.where(has_weight, column.weights, 1.0)), 0.0)
    # Without an intercept nothing is centred anywhere.
    typical = typical_of(values, len(means), is_centred=fit_intercept)
    names = (name,) if column.names is None else column.names
    return numbers_of(name, names, means, lows, highs, column.n_lacking > 0, typical, sds, fit_intercept=fit_intercept)


def _shape_of(name: str, kind: str, column: Range, seen: ColumnSummary, j: int, shapes: ShapeChoice) -> Shape:
    """The term of a column of numbers as a function; its knots come from the rows that were drawn."""
    from logloss.onepass.summaries.contract import mass_of

    rows = [rows for _, rows in seen.sample.chosen(ROWS_FOR_KNOTS)]
    values = np.concatenate([each.features[j].values for each in rows]).astype(np.float64)
    weights = np.concatenate([mass_of(each) for each in rows])
    is_there = ~np.isnan(values)
    # Where no row holds a value, any knot will do.
    low, high = (float(column.lows[0]), float(column.highs[0])) if column.weights[0] > 0 else (0.0, 0.0)
    with np.errstate(over="ignore"):
        spread = np.float64(high) - low
    if spread > 0 and not 1 / LARGEST_SPREAD <= spread <= LARGEST_SPREAD:
        raise DataError(
            f'the values of "{printable(name)}" must differ by 1e-100 to 1e100 at most; they lie between {low:.3g} and '
            f"{high:.3g}. Change their unit, or mark codes as missing."
        )
    n_rows = seen.sum_weight if shapes.has_counts else effective_rows_of(seen)
    knots = knots_of(values[is_there], weights[is_there], low, high, n_rows=n_rows)
    lacks = bool(column.n_lacking[0] > 0)
    at_knots = weights_at(knots, values, weights, lacks=lacks)
    return shape_of(name, kind, knots, at_knots, lacks=lacks, constraint=shapes.constraints.get(name, ""))


def _refuse_equal_names(design: Design) -> None:
    """Refuse two coefficients of one name, which could not be distinguished."""
    every = [name for term in design.terms for name in term.coefficient_names]
    twice = next((name for name in every if every.count(name) > 1), None) if len(set(every)) < len(every) else None
    if twice is not None:
        raise DataError(
            f'two coefficients would be called "{printable(twice)}": that of a column, and that of a level or of what '
            "another column lacks. Rename the column."
        )


def typical_of(values: Sequence[Array], width: int, *, is_centred: bool = True) -> tuple[Array, Array]:
    """(The median of each column, the lower quartile of the deviations from it that are not 0), each (width,).

    Not centred: 0, and the same of the sizes.

    Of sampled rows. Up to three in four of the values that are not the median may be outliers: codes such as −999999999
    do not move it. 0 where all rows are alike, and nothing is known.
    """
    if not values or not width or not any(map(len, values)):
        return np.zeros(width), np.zeros(width)
    rows = np.concatenate([own.reshape(-1, width) for own in values]).astype(np.float64)
    # What lacks, NaN, stands last in each column.
    rows.sort(axis=0)
    places = np.arange(width)
    n_present = np.count_nonzero(~np.isnan(rows), axis=0)
    middles = np.where((n_present > 0) & is_centred, rows[n_present // 2, places], 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        sizes = np.abs(rows - middles)
    sizes[~((sizes > 0) & (sizes < np.inf))] = np.nan
    sizes.sort(axis=0)
    n_other = np.count_nonzero(~np.isnan(sizes), axis=0)
    return middles, np.where(n_other > 0, sizes[n_other // 4, places], 0.0)


def refuse_identifiers(source: Source, roles: Roles) -> None:
    """Refuse features, none of which anybody has named, one of which tells rows apart instead of describing them."""
    from logloss.onepass.run import walk
    from logloss.onepass.summaries import ALL, ColumnSummary

    codes = frozenset(roles.features.index(name) for name in roles.categories)
    # No rows are drawn: only what is counted of each column is looked at.
    empty = ColumnSummary.empty(codes, 1, ALL, frozenset(range(len(roles.features))))
    for j, column in walk(source, roles, empty).columns.items():
        refuse_identifier(roles.features[j], column)


def refuse_identifier(name: str, column: Kept) -> None:
    """Refuse a column that nobody has named and that tells rows apart instead of describing them.

    That is text, or a declared category, of which more than half of the rows that hold a value have one of their own;
    numbers that go up by one from row to row; and whole numbers that repeat too rarely for measurements in their range
    (`DistinctValues.is_key`). Neither the order of the rows nor what is done with missing values matters.
    """
    from logloss.onepass.summaries import Levels, Range

    what = ""
    if isinstance(column, Levels):
        n_levels = None if column.weights is None else len(column.weights.keys() - {None})
        if n_levels is None or (2 * n_levels > column.n_rows and column.n_rows > 1):
            many = "too many values" if n_levels is None else counted(n_levels, "value")
            what = f"text with {many} in {counted(column.n_rows, 'row')}"
    elif isinstance(column, Range) and column.names is None and column.weights[0] > 0:
        low, high = float(column.lows[0]), float(column.highs[0])
        if column.is_numbering and low < high:
            what = "it numbers the rows"
        elif column.distinct is not None and column.distinct.is_key(low, high):
            what = f"whole numbers from {low:.0f} to {high:.0f}, hardly one of them twice"
    if what:
        raise DataError(
            f'column "{printable(name)}" looks like an identifier: {what}. '
            f'Leave it out, exclude=["{printable(name)}"], or name the `features` to use.'
        )


@dataclass(frozen=True, slots=True)
class SamplePart:
    """Rows of a sample that one worker reads."""

    block: Block

    def blocks(self) -> Iterator[Block]:
        """Its only block."""
        yield self.block


def sample_size(n_rows: int | None, n_values: int) -> int:
    """How many rows to draw: for the warm start of a large table, or to leave each out in turn of a small one."""
    most = min(MOST_SAMPLED, max(MOST_SAMPLED_VALUES // max(n_values, 1), LARGE_TABLE // 10))
    if n_rows is None or n_rows <= KEPT_WHOLE:
        return most
    return ENOUGH_TO_SEE if n_rows < LARGE_TABLE else min(max(int(n_rows * SAMPLE_SHARE), LARGE_TABLE // 10), most)


def starting_sample(design: Design, drawn: SampleSummary) -> Block | None:
    """The rows with which the fit of a large table begins; None where they are too few."""
    n_free, n_drawn = len(design.free), len(drawn.priorities)
    # Of a small text file all rows were drawn, as nobody knew how many there are: that is no sample.
    if drawn.n_rows < LARGE_TABLE or n_free < 2 or n_drawn < max(ROWS_PER_COEFFICIENT * n_free, LARGE_TABLE // 10):
        return None
    return sampled_block(design, drawn.pieces, n_drawn)


def sampled_block(design: Design, pieces: Sequence[tuple[Array, Block]], n_rows: int) -> Block:
    """The first of some rows in random order, with levels as the design numbers them."""
    order = np.argsort(np.concatenate([own for own, _ in pieces]), kind="stable")
    blocks = [rows for _, rows in pieces]
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    places = np.split(ranks, np.cumsum([len(own) for own, _ in pieces])[:-1])

    def joined(arrays: Sequence[Array]) -> Array:
        # Each piece goes to its places: all of them side by side would be one more copy.
        together = np.empty((len(order), *arrays[0].shape[1:]), np.result_type(*arrays))
        for own, values in zip(places, arrays, strict=True):
            together[own] = values
        together.flags.writeable = False
        return together[:n_rows]

    def joined_if_any(arrays: Sequence[Array | None]) -> Array | None:
        known = [array for array in arrays if array is not None]
        return joined(known) if known else None

    features = []
    for j, term in enumerate(design.terms):
        own = [rows.features[j] for rows in blocks]
        if not isinstance(term, Category):
            features.append(Column(joined([column.values for column in own]), names=own[0].names))
        else:
            features.append(coded_column(term, own, joined))
    is_soft = any(rows.y_true.dtype != np.uint8 for rows in blocks)
    labels = [rows.y_true.astype(np.float64) if is_soft else rows.y_true for rows in blocks]
    return replace(
        blocks[0],
        y_true=joined(labels),
        sample_weight=joined_if_any([rows.sample_weight for rows in blocks]),
        counts=joined_if_any([rows.counts for rows in blocks]),
        offset=joined_if_any([rows.offset for rows in blocks]),
        features=tuple(features),
        by=(),
        cluster=(),
        rows=np.arange(n_rows),
        n_dropped=0,
    )


def cut(sample: Block, n_rows: int | None = None) -> list[Block]:
    """The first rows of a sample, or all, in blocks that do not depend on the number of threads."""
    step = sample.n_rows // SAMPLE_PARTS + 1
    stop = sample.n_rows if n_rows is None else n_rows
    return [sample.taken(slice(k, min(k + step, stop))) for k in range(0, stop, step)]
