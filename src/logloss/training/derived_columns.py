"""The features of a fit that are no columns: what they stand for, and what one walk learns of the columns they need.

>>> import logloss
>>> table = {"site": ["a", "b"] * 4, "dose": [1, 1, 2, 2, 3, 3, 4, 4], "y": [0, 1, 1, 0, 0, 1, 1, 1]}
>>> list(logloss.fit(table, "y", features=["site * log(dose)"], l2=1.0).coefficients)
['site: b', 'log(dose)', 'site:log(dose): b']
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.data.block import Block
from logloss.data.derived import DerivedColumn, LearnedFactor, check_levels
from logloss.data.derived_source import with_derived
from logloss.data.functions import spline_knots
from logloss.data.grammar import HASH, SIGNS, SPLINE, Factor, Term, same_feature, terms_of
from logloss.data.hashed_text import HashedText
from logloss.data.rows import Roles
from logloss.data.shapes import ShapeChoice
from logloss.data.source import Source
from logloss.data.terms import Category, category_of
from logloss.errors import DataError
from logloss.text import count, listed, printable, value_text
from logloss.training.recipe import MOST_COEFFICIENTS, ROWS_FOR_KNOTS, seen_columns

if TYPE_CHECKING:
    from logloss.onepass.summaries import ColumnSummary, Range

# Of a spline, unless its options tell: knots between the ends, at quartiles, and cubic pieces.
KNOTS, DEGREE = 3, 3
# The bits of a hash, unless its option tells.
BITS = 20
# What was learned of a factor: its levels, or the range of its numbers with the values and weights of sampled rows.
Learned = Category | tuple["Range", np.ndarray[Any, Any], np.ndarray[Any, Any]]


@dataclass(frozen=True, slots=True)
class Features:
    """The features as terms: columns of the table, and what is computed of them."""

    terms: tuple[Term, ...]
    hashed: tuple[HashedText, ...] = ()

    @property
    def columns(self) -> list[str]:
        """The columns of the table that they need."""
        own = (factor.column for term in self.terms for factor in term.factors)
        return list(dict.fromkeys((*own, *(each.column for each in self.hashed))))

    @property
    def names(self) -> tuple[str, ...]:
        """What the features are called."""
        return tuple(term.name for term in self.terms)

    def name_of(self, text: Any) -> Any:
        """What an option names, as the features and their factors are called, however it is written."""
        factors = (str(factor) for term in self.terms for factor in term.factors)
        known = tuple(dict.fromkeys((*self.names, *factors, *self.columns)))
        return same_feature(text, known, self.columns) if isinstance(text, str) else text

    def named(self, given: Any) -> Any:
        """The same of the names in an option: a text, the keys of a dict, the items of a list; else what was given."""
        if isinstance(given, Mapping):
            return {self.name_of(name): value for name, value in given.items()}
        if isinstance(given, list | tuple):
            return type(given)(map(self.named, given))
        return self.name_of(given)

    def codes_of(self, categories: Any) -> Any:
        """Of the names of columns that are codes those of the table, which the others are computed of."""
        if categories is None:
            return None
        return [name for name in _list(self.named(categories)) if name in self.columns or name not in self.names]


def _list(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def features_of(given: Any, columns: Sequence[str]) -> Features | None:
    """What the names of features stand for; None where all are columns. columns: those of the table."""
    if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
        return None
    if not has_expressions(given):
        return None
    found: dict[frozenset[Factor], Term] = {}
    by_terms: dict[frozenset[frozenset[Factor]], str] = {}
    for text in given:
        terms = {frozenset(term.factors): term for term in terms_of(text, columns)}
        first = by_terms.get(frozenset(terms))
        if first is not None:
            same = "" if first == text else f' "{printable(text)}" is "{printable(first)}".'
            raise DataError(f"feature names must be unique; got {listed([printable(each) for each in given])}.{same}")
        by_terms[frozenset(terms)] = text
        found |= {key: term for key, term in terms.items() if key not in found}
    for term in found.values():
        if not term.is_column and term.name in columns:
            raise DataError(
                f'the table has a column that is called "{printable(term.name)}", as the feature would be. Name the '
                "column as it is, or rename it."
            )
    texts = {term: term.factors[0] for term in found.values() if term.factors[0].function == HASH}
    hashed = (HashedText(str(own), own.column, dict(own.options).get("bits", BITS)) for own in texts.values())
    return Features(tuple(term for term in found.values() if term not in texts), tuple(hashed))


def has_expressions(given: Any) -> bool:
    """Whether the names of some features may be more than columns."""
    return isinstance(given, list | tuple) and any(isinstance(name, str) and SIGNS.search(name) for name in given)


def derived_columns(
    features: Features,
    source: Source,
    roles: Roles,
    reference: Mapping[str, Any],
    *,
    categories: Any = None,
    shapes: ShapeChoice | None = None,
    progress: Callable[[Block], None] | None = None,
) -> tuple[Source, Roles, tuple[DerivedColumn, ...]]:
    """The source and the roles with the features in place of the columns that they need, and how they are computed.

    source, roles: of these columns. categories: features that are codes. One walk over the rows where there are
    products or splines.
    """
    terms = [term for term in features.terms if not term.is_column]
    categories = [] if categories is None else _list(categories)
    needs_walk = any(len(term.factors) > 1 or term.factors[0].function == SPLINE for term in terms)
    learned: dict[Factor, Learned] = {}
    if needs_walk:
        declared = tuple(dict.fromkeys((*roles.categories, *categories)))
        learned = _learned(features, source, replace(roles, categories=declared), reference, progress)
    present = {frozenset(term.factors) for term in features.terms}
    derived = tuple(_derived(term, learned, present, shapes) for term in terms)
    codes = tuple(name for name in dict.fromkeys((*roles.categories, *categories)) if name in features.names)
    roles = replace(roles, features=features.names, categories=codes)
    return with_derived(source, derived), roles, derived


def without_factors(reference: Mapping[str, Any], features: Features | None) -> Mapping[str, Any]:
    """References of the features: those of factors alone have been used."""
    if features is None:
        return reference
    factors = {str(factor) for term in features.terms for factor in term.factors} | set(features.columns)
    return {name: level for name, level in reference.items() if name in features.names or name not in factors}


def _learned(
    features: Features,
    source: Source,
    roles: Roles,
    reference: Mapping[str, Any],
    progress: Callable[[Block], None] | None,
) -> dict[Factor, Learned]:
    """What one walk tells of each factor: the levels of categories, the ranges of numbers, the rows of splines."""
    from logloss.onepass.summaries.contract import mass_of

    factors = dict.fromkeys(factor for term in features.terms for factor in term.factors)
    # A spline needs its column, other functions what they make of theirs.
    names = {factor: factor.column if factor.function in ("", SPLINE) else str(factor) for factor in factors}
    simple = {
        name: DerivedColumn(name, (LearnedFactor(factor.column, factor.function),))
        for factor, name in names.items()
        if name != factor.column
    }
    own = tuple(dict.fromkeys(names.values()))
    codes = tuple(name for name in roles.categories if name in own)
    roles = replace(roles, features=own, categories=codes)
    n_sampled = ROWS_FOR_KNOTS if any(factor.function == SPLINE for factor in factors) else 0
    seen, _ = seen_columns(with_derived(source, tuple(simple.values())), roles, n_sampled, progress=progress)
    samples = [rows for _, rows in seen.sample.chosen(ROWS_FOR_KNOTS)] if n_sampled else []
    masses = [mass_of(rows) for rows in samples]
    weights = np.concatenate([np.zeros(0), *masses])
    if roles.sample_weight is not None and len(weights):
        # A weight is no number of rows: on average each row counts as one.
        weights = weights / weights.mean()
    found: dict[Factor, Learned] = {}
    for factor, name in names.items():
        j = own.index(name)
        values = np.concatenate([np.zeros(0), *(_values(rows.features[j].values) for rows in samples)])
        found[factor] = _of_factor(factor, name, seen, j, reference, values, weights)
    return found


def _values(values: Any) -> Any:
    return values.astype(np.float64)


def _of_factor(
    factor: Factor, name: str, seen: ColumnSummary, j: int, reference: Mapping[str, Any], values: Any, weights: Any
) -> Learned:
    from logloss.onepass.summaries import Levels, Range

    column = seen.columns[j]
    if isinstance(column, Levels):
        if column.weights is None:
            raise DataError(f'"{printable(name)}" has too many levels for a category. Leave it out.')
        return category_of(name, column.weights, reference.get(name), column.ranks)
    if not isinstance(column, Range):
        raise TypeError(f"{name} is neither numbers nor levels")
    is_there = ~np.isnan(values)
    return column, values[is_there], weights[is_there]


def _derived(
    term: Term, learned: Mapping[Factor, Learned], present: set[frozenset[Factor]], shapes: ShapeChoice | None
) -> DerivedColumn:
    """A term as a column: with the levels, references and knots that were learned."""
    own = [learned.get(factor) for factor in term.factors]
    categories = [each for each in own if isinstance(each, Category)]
    is_pooled = shapes is not None and len(categories) == len(own) and shapes.pools(str(term))
    factors = []
    for factor, each in zip(term.factors, own, strict=True):
        if factor.function == SPLINE:
            factors.append(_spline(factor, each))
        elif isinstance(each, Category) and len(own) > 1:
            # R's rule: a factor is coded by contrasts where the term without it is in the model.
            has_contrast = not is_pooled and frozenset(term.factors) - {factor} in present
            factors.append(LearnedFactor(factor.column, factor.function, each, has_contrast))
        else:
            factors.append(LearnedFactor(factor.column, factor.function))
    if len(categories) > 1 and len(categories) < len(own):
        raise DataError(
            f'"{printable(str(term))}" is a product of numbers and {len(categories)} categories; with numbers there '
            "can be one. Make one column of the categories in the table."
        )
    found = DerivedColumn(str(term), tuple(factors))
    if len(own) > 1 and categories:
        check_levels(str(term), [factor for factor in factors if factor.category is not None])
    if found.width > MOST_COEFFICIENTS:
        raise DataError(
            f"a fit can have at most {count(MOST_COEFFICIENTS)} coefficients; "
            f'"{printable(str(term))}" alone has {count(found.width)}. Merge rare levels, or leave it out.'
        )
    if found.width == 0:
        raise DataError(
            f'"{printable(str(term))}" has no coefficient: its category has one level. Leave the product out.'
        )
    return found


def _no_numbers(factor: Factor, learned: Category | None) -> str:
    """Why a category has no spline, in words."""
    levels = [level for level in (() if learned is None else learned.levels) if level is not None]
    own = printable(factor.column)
    then = f'Name it without {SPLINE}(), "{own}": a category has a coefficient for each level but one.'
    if all(isinstance(level, bool) for level in levels):
        kind = "true and false"
    elif any(isinstance(level, str) for level in levels):
        kind = f"text, such as {value_text(next(level for level in levels if isinstance(level, str)))}"
    else:
        kind, then = "codes of a category", "Leave it out of `categories`, or make numbers of a declared category."
    return f'column "{own}" must hold numbers for {factor}; it holds {kind}. {then}'


def _spline(factor: Factor, learned: Learned | None) -> LearnedFactor:
    """The spline of a column, with its knots."""
    options = dict(factor.options)
    degree = options.get("degree", DEGREE)
    n_inside = options["df"] - degree if "df" in options else options.get("knots", KNOTS)
    if n_inside < 0:
        raise DataError(
            f"{factor} has df={options['df']}, and a spline of degree {degree} has at least {degree} columns. Raise "
            "`df`, or lower `degree`."
        )
    if not isinstance(learned, tuple):
        raise DataError(_no_numbers(factor, learned))
    column, values, weights = learned
    low, high = float(column.lows[0]), float(column.highs[0])
    if not low < high:
        raise DataError(f'"{printable(factor.column)}" must have two values or more for {factor}; it has one.')
    knots = spline_knots(values, weights, low, high, n_inside)
    return LearnedFactor(factor.column, SPLINE, knots=knots, degree=degree)
