"""Average marginal effects: the change of the probability with each column, averaged over rows.

>>> import logloss
>>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
>>> round(model.marginal_effects([0.0, 1.0, 2.0, 3.0])[0]["effect"], 4)
0.1064
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.answers.estimate import SamplingError, wald_p_value
from logloss.answers.small_table import SmallTable
from logloss.data.binding import MATRIX, with_arrays
from logloss.data.block import Block
from logloss.data.columns import as_column
from logloss.data.rows import Array, Column, Roles, Rows
from logloss.data.source import MemorySource, warn_of_order
from logloss.data.terms import Category
from logloss.errors import DataError
from logloss.text import count, listed, printable
from logloss.training.predict import LOGIT, ScoredPart, ScoredSource, notes_on, notes_on_lacking

if TYPE_CHECKING:
    from logloss.onepass.summaries import MarginalSummary
    from logloss.training.model import LogisticModel

# Columns that are added to a table of rows without labels.
LABEL, WEIGHT, OFFSET = "label of no meaning", "sample_weight", "offset"
# Numbers of the derivatives at all levels together: 128 MB for each thread.
MOST_NUMBERS = 1 << 24


@dataclass(frozen=True, slots=True)
class UnlabelledPart:
    """Rows that have no labels as blocks of coded features, with the log-odds of a model."""

    scored: ScoredPart
    weight: str | None

    def blocks(self) -> Iterator[Block]:
        """Its rows, those of weight 0 and those left out by missing="drop" apart."""
        roles = Roles(LABEL, y_logit=LOGIT, sample_weight=self.weight, missing=self.scored.missing)
        for rows in self.scored.part.rows():
            features, logits = self.scored.score(rows)
            columns = {LABEL: Column(np.zeros(rows.n_rows, np.uint8)), LOGIT: Column(logits)}
            if self.weight is not None:
                columns[self.weight] = rows.columns[self.weight]
            block = Block.of(Rows(columns, rows.first_row, rows.place), roles)
            if block.rows is not None:
                features = tuple(column.taken(block.rows) for column in features)
            yield replace(block, features=tuple(features))


def marginal_effects(
    model: LogisticModel,
    X: Any,
    variables: str | Sequence[str] | None,
    sample_weight: Any,
    offset: Any,
    missing: str | None,
) -> SmallTable:
    """Average marginal effects, as `LogisticModel.marginal_effects` describes them."""
    if model.separation is not None:
        raise DataError(
            "the classes are separated: marginal effects of infinite coefficients are not defined. Fit with "
            'penalty="firth" or l2=.'
        )
    names = _chosen(model, variables)
    summary = _summed(model, X, names, sample_weight, offset, missing)
    rows = []
    numbers = [name for term in model.design.numbers for name in term.names]
    for name in names:
        if name in numbers:
            rows.append(_row(model, name, *_of_number(model, summary, 1 + _place(model, name)), ""))
            continue
        number = [term.column for term in model.design.categories].index(name)
        category = model.design.categories[number]
        reference = printable(str(category.levels[category.reference]))
        for level, own in enumerate(category.coefficient_names):
            if level != category.reference:
                rows.append(_row(model, own, *_of_level(summary, number, level, category), reference))
    return SmallTable({key: [row[key] for row in rows] for key in COLUMNS})


COLUMNS = ("name", "effect", "std_error", "statistic", "p_value", "low", "high", "reference")


def _chosen(model: LogisticModel, variables: str | Sequence[str] | None) -> list[str]:
    """The columns whose effects are asked for, in the order of the model."""
    known = [name for name, own in model.design.variables.items() if own]
    several = [each.name for each in model.design.derived if len(each.factors) > 1 or each.is_matrix]
    if several:
        raise DataError(
            "marginal effects are those of columns with one coefficient, or levels, of their own, and "
            f'"{printable(several[0])}" is more. Compare predictions: model.predict_proba of the table, and of one in '
            "which the column is changed."
        )
    if variables is None:
        return known
    given = list(variables) if isinstance(variables, Iterable) and not isinstance(variables, str) else [variables]
    if not given:
        raise DataError("`variables` must name columns of the model; it is empty.")
    given = [model.design.feature(name) if isinstance(name, str) else name for name in given]
    for name in given:
        if name not in known:
            raise DataError(
                f'`variables` must name columns of the model; "{printable(str(name))}" is none. It has: '
                f"{listed([printable(each) for each in known], 20)}."
            )
    return [name for name in known if name in given]


def _summed(
    model: LogisticModel, X: Any, names: Sequence[str], sample_weight: Any, offset: Any, missing: str | None
) -> MarginalSummary:
    """One pass over the rows."""
    from logloss.onepass.run import map_and_merge
    from logloss.onepass.summaries import MarginalSummary

    design = model.design
    chosen = tuple(number for number, term in enumerate(design.categories) if term.column in names)
    n_numbers = sum(len(design.categories[number].levels) for number in chosen) * design.width
    if n_numbers > MOST_NUMBERS:
        raise DataError(
            f"the effects of these columns need {count(n_numbers)} derivatives, each level's of each coefficient, more "
            f"than {count(MOST_NUMBERS)}. Name fewer columns: `variables=`."
        )
    scored, weight = _source(model, X, sample_weight, offset, missing)
    parts = [UnlabelledPart(part, weight) for part in scored.parts(() if weight is None else (weight,))]
    summary: MarginalSummary = map_and_merge(parts, MarginalSummary.empty(design, model.values, chosen))
    notes = (*notes_on(scored.strange), *(notes_on_lacking(scored.lacking) if missing is None else ()))
    for note in notes:
        # The line that called `marginal_effects` of a model.
        warnings.warn(note, UserWarning, stacklevel=4)
    if not summary.sum_weight > 0:
        raise DataError("marginal effects are means over rows; there is no row of a weight above 0.")
    return summary


def _source(
    model: LogisticModel, X: Any, sample_weight: Any, offset: Any, missing: str | None
) -> tuple[ScoredSource, str | None]:
    """The rows with the log-odds of the model; the column of their weights."""
    predictor = model.predictor
    source = predictor.source_of(X)
    warn_of_order({"`X`": X, "`sample_weight`": sample_weight, "`offset`": offset})
    arrays: dict[str, Column] = {}
    if offset is not None:
        is_name = isinstance(offset, str)
        predictor = replace(predictor, has_offset=True, offset=offset if is_name else OFFSET)
        arrays |= {} if is_name else {OFFSET: as_column(offset, OFFSET)}
    weight = sample_weight if isinstance(sample_weight, str) else None if sample_weight is None else WEIGHT
    if sample_weight is not None and not isinstance(sample_weight, str):
        arrays[WEIGHT] = as_column(sample_weight, WEIGHT)
    if arrays:
        twice = [name for name in arrays if name in source.column_names]
        if twice:
            raise DataError(f'X has a column "{twice[0]}" itself: pass its name, {twice[0]}="{twice[0]}".')
        is_matrix = isinstance(source, MemorySource) and MATRIX in source.column_names
        names = (MATRIX,) if is_matrix else [name for name in predictor.columns if name not in arrays]
        named = () if weight in arrays or weight is None else (weight,)
        source = with_arrays(source, (*names, *named), arrays)
    return ScoredSource(source, predictor, predictor.answer_to(missing)), weight


def _place(model: LogisticModel, name: str) -> int:
    """The place of a number among the numbers of the design."""
    names = [own for term in model.design.numbers for own in term.coefficient_names]
    return names.index(name)


def _of_number(model: LogisticModel, summary: MarginalSummary, place: int) -> tuple[float, Array]:
    """(Mean of p(1 − p)β, its derivatives) of the number at a place of the design."""
    value = float(model.values[place])
    gradient = value * summary.bends / summary.sum_weight
    gradient[place] += summary.sum_slopes / summary.sum_weight
    return value * summary.sum_slopes / summary.sum_weight, gradient


def _of_level(summary: MarginalSummary, number: int, level: int, category: Category) -> tuple[float, Array]:
    """(Mean change of p from the reference level to another, its derivatives)."""
    k, reference = summary.chosen.index(number), category.reference
    at, slopes = summary.at_levels[k], summary.slopes_at_levels[k]
    gradient: Array = (slopes[level] - slopes[reference]) / summary.sum_weight
    return float(at[level] - at[reference]) / summary.sum_weight, gradient


def _row(model: LogisticModel, name: str, effect: float, gradient: Array, reference: str) -> dict[str, Any]:
    """A row of the table. gradient: in coefficients on numbers less their centre, as the design lays them out."""
    error = _error(model, gradient)
    degrees = math.inf if model.errors is None else model.errors.degrees[name]
    low, high = SamplingError(error, degrees).interval(effect)
    statistic = effect / error if error > 0 else math.nan
    p_value = wald_p_value(statistic, degrees)
    return dict(zip(COLUMNS, (name, effect, error, statistic, p_value, low, high, reference), strict=True))


def _error(model: LogisticModel, gradient: Array) -> float:
    """The standard error of an effect by the delta method; nan where there are no covariances."""
    design = model.design
    covariance = model.covariance
    if covariance is None:
        return math.nan
    own = gradient.copy()
    # On numbers as they are: the intercept is that at 0.
    own[1 : 1 + design.n_dense] += gradient[0] * design.centre
    places = [0, *design.places] if model.fit_intercept else design.places
    variance = float(own[places] @ covariance @ own[places])
    return math.sqrt(variance) if variance >= 0 else math.nan
