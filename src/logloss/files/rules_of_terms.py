"""What must hold of the terms and pairs of a model in a file: shapes, sides, products, and their effects."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from logloss.data.derived import DerivedColumn, LearnedFactor
from logloss.data.design import Design
from logloss.data.grammar import OPTIONS, SPLINE
from logloss.data.pairs import Pair, Side
from logloss.data.rows import Array
from logloss.data.shapes import CYCLIC, SIGNS, Shape
from logloss.data.shapes import KINDS as SHAPES
from logloss.data.terms import Category
from logloss.files.schema import Rule
from logloss.training.additive_model import AdditiveModel
from logloss.training.pair_effects import PairEffect, places_of
from logloss.training.term_effects import LEVELS, NUMBER, POOLED, TermEffect, bases_of

KINDS_OF_TERMS = (*SHAPES, NUMBER, LEVELS, POOLED)


def is_finite(values: Array) -> bool:
    """Whether all are finite."""
    return bool(np.isfinite(values).all())


def with_knots(model: AdditiveModel) -> AdditiveModel:
    """The model with knots as floats: files hold values of tables, of which 17.0 and 17 are one."""
    terms = [
        term if term.kind in (LEVELS, POOLED) else replace(term, at=tuple(map(_as_float, term.at)))
        for term in model.terms
    ]
    pairs = []
    for pair in model.pair_terms:
        places = [
            at if are_levels else tuple(map(_as_float, at))
            for at, are_levels in zip((pair.at_first, pair.at_second), pair.are_levels, strict=True)
        ]
        pairs.append(replace(pair, at_first=places[0], at_second=places[1]))
    return replace(model, terms=tuple(terms), pair_terms=tuple(pairs))


def _as_float(place: Any) -> Any:
    return None if place is None else float(place)


def _is_basis(term: Shape) -> bool:
    """Whether there is a row for each knot, and perhaps one of what is missing, and a column for each coefficient."""
    n_places, n_coefficients = term.basis.shape
    return n_places - len(term.knots) in (0, 1) and n_coefficients == sum(term.parts) and is_finite(term.basis)


def _are_weights(term: Shape) -> bool:
    return len(term.weights) == len(term.basis) and is_finite(term.weights) and bool((term.weights >= 0).all())


def _is_rising_from_knot_to_knot(term: Shape) -> bool:
    return bool(len(term.knots)) and is_finite(term.knots) and bool((np.diff(term.knots) > 0).all())


def _is_constraint(term: Shape) -> bool:
    return not term.constraint or (term.constraint in SIGNS and term.kind != CYCLIC)


def _is_monotone(term: TermEffect) -> bool:
    """Whether the effect runs as it must, at each place but that of a missing value."""
    if not term.constraint:
        return True
    own = term.effect[[place is not None for place in term.at]]
    return term.constraint in SIGNS and bool((SIGNS[term.constraint] * np.diff(own) >= 0).all())


def _are_of_places(term: TermEffect) -> bool:
    """Whether there is an effect, an error and a weight at each place, none below 0 but effects."""
    # Of a plain number it is not known how many rows are near to a place.
    weights = np.isnan(term.weights) if term.kind == NUMBER else term.weights >= 0
    is_like = all(len(each) == len(term.at) for each in (term.effect, term.std_error, weights))
    # With clusters no effect has one.
    has_errors = (term.std_error >= 0).all() or np.isnan(term.std_error).all()
    return is_like and is_finite(term.effect) and bool(has_errors and weights.all())


def are_terms_of_design(model: AdditiveModel) -> bool:
    """Whether there is a term for each column, whose effects are those that it predicts with, by their roundings."""
    if [term.column for term in model.terms] != list(model.design.read):
        return False
    for shown, (basis, values) in zip(model.terms, bases_of(model.design, model.values), strict=True):
        rounding = (len(values) + 4) * 2.0**-50 * (np.abs(basis) @ np.abs(values))
        if len(shown.effect) != len(basis) or not (np.abs(shown.effect - basis @ values) <= rounding).all():
            return False
    return True


def _is_side_basis(side: Side) -> bool:
    """Whether there is a row for each place, perhaps one of what is missing, and a column for each variance."""
    n_places, n_functions = side.basis.shape
    is_tall = n_places == max(side.places, default=0) if side.places else n_places - len(side.knots) in (0, 1)
    return is_tall and n_functions == len(side.variances) and is_finite(side.basis)


def _has_places(side: Side) -> bool:
    """Whether it has the place of each level and of a strange one, which comes last; or the knots of a number."""
    if len(side.knots):
        return not side.places and is_finite(side.knots) and bool((np.diff(side.knots) > 0).all())
    return len(side.places) > 1 and max(side.places[:-1]) < side.places[-1]


def _are_variances(side: Side) -> bool:
    return is_finite(side.variances) and bool((side.variances >= 0).all() and (np.diff(side.variances) <= 0).all())


def _are_sides_of_terms(design: Design) -> bool:
    """Whether each is of a column of its own, a shape or a category with so many levels."""
    shapes = {term.column for term in design.shapes}
    levels = {term.column: len(term.levels) for term in design.categories}
    if len({side.column for side in design.sides}) < len(design.sides):
        return False
    return all(
        levels.get(side.column) == len(side.places) - 1 if side.places else side.column in shapes
        for side in design.sides
    )


def _are_pairs_of_sides(design: Design) -> bool:
    """Whether each pair is one of two sides, once, and each product one of their functions."""
    if any(max(pair.sides) >= len(design.sides) for pair in design.pairs):
        return False
    if len({frozenset(pair.sides) for pair in design.pairs}) < len(design.pairs):
        return False
    sizes = [[design.sides[k].basis.shape[1] for k in pair.sides] for pair in design.pairs]
    return all(
        first < own[0] and second < own[1]
        for pair, own in zip(design.pairs, sizes, strict=True)
        for first, second in pair.products
    )


def _are_of_two_places(pair: PairEffect) -> bool:
    """Whether there is an effect, an error and a weight at each two places, none below 0 but effects."""
    shape = len(pair.at_first), len(pair.at_second)
    if any(each.shape != shape for each in (pair.effect, pair.std_error, pair.weights)):
        return False
    has_errors = (pair.std_error >= 0).all() or np.isnan(pair.std_error).all()
    is_weight = is_finite(pair.weights) and (pair.weights >= 0).all()
    return is_finite(pair.effect) and bool(has_errors and is_weight)


def are_pairs_of_design(model: AdditiveModel) -> bool:
    """Whether there is one for each pair of the design, whose effects are those that it predicts with, by roundings."""
    design = model.design
    if [pair.columns for pair in model.pair_terms] != [each.columns for each in design.tables]:
        return False
    for pair, each, span in zip(model.pair_terms, design.tables, design.pair_spans, strict=True):
        if (pair.at_first, pair.at_second) != (places_of(design, each.a), places_of(design, each.b)):
            return False
        if pair.are_levels != (bool(each.a.places), bool(each.b.places)):
            return False
        values = model.values[span]
        sizes = each.table(np.abs(values), is_size=True)[:-1, :-1, 0]
        # Sums over the functions of one side, then over those of the other.
        rounding = (each.a.basis.shape[1] + each.b.basis.shape[1] + 4) * 2.0**-50 * sizes
        if not (np.abs(pair.effect - each.table(values)[:-1, :-1, 0]) <= rounding).all():
            return False
    return True


def _are_knots(factor: LearnedFactor) -> bool:
    """Whether there are two knots or more that rise, of a spline; none of other functions."""
    if factor.function != SPLINE:
        return not factor.knots
    rises = all(low < high for low, high in pairwise(factor.knots))
    return len(factor.knots) > 1 and all(map(math.isfinite, factor.knots)) and rises


def _is_degree(factor: LearnedFactor) -> bool:
    low, high = OPTIONS[SPLINE]["degree"]
    return low <= factor.degree <= high if factor.function == SPLINE else factor.degree == 0


def _are_factors_of_one(derived: DerivedColumn) -> bool:
    """Whether a factor that stands alone is a function without levels, and a product has one category with numbers."""
    n_levels = sum(factor.category is not None for factor in derived.factors)
    if len(derived.factors) == 1:
        return bool(derived.factors[0].function) and not n_levels
    return n_levels in (0, 1, len(derived.factors))


def _are_derived_of_terms(design: Design) -> bool:
    """Whether each is the column of a term, which has as many numbers, or levels."""
    terms = {term.column: term for term in design.terms}
    names = [each.name for each in design.derived]
    if len(set(names)) < len(names) or not terms.keys() >= set(names):
        return False
    for each in design.derived:
        term = terms[each.name]
        is_like = isinstance(term, Category) if each.is_category else not isinstance(term, Category)
        if not is_like or (each.is_matrix and getattr(term, "names", ()) != each.names):
            return False
    return True


# Each holds only if those before it do.
OF_TERMS = {
    Shape: (
        Rule("kind", lambda t: t.kind in SHAPES, f"one of {', '.join(SHAPES)}"),
        Rule("knots", _is_rising_from_knot_to_knot, "finite numbers, each above the one before"),
        Rule("parts", lambda t: all(size > 0 for size in t.parts), "whole numbers above 0"),
        Rule("basis", _is_basis, "a row for each knot, or one more, and a column for each coefficient"),
        Rule("weights", _are_weights, "a number of at least 0 for each row of `basis`"),
        Rule("constraint", _is_constraint, f"nothing, or one of {', '.join(SIGNS)} where it is not cyclic"),
    ),
    TermEffect: (
        Rule("kind", lambda t: t.kind in KINDS_OF_TERMS, f"one of {', '.join(KINDS_OF_TERMS)}"),
        Rule("at", _are_of_places, "an effect, an error and a weight at each place"),
        Rule("constraint", _is_monotone, f"nothing, or one of {', '.join(SIGNS)} where the effect runs so"),
        Rule("precisions", lambda t: all(0 <= each < np.inf for each in t.precisions), "finite numbers of at least 0"),
        Rule("loss_without", lambda t: t.loss_without >= 0, "a number of at least 0"),
        Rule("p_value", lambda t: not (t.p_value < 0 or t.p_value > 1), "a number from 0 to 1"),
    ),
    Side: (
        Rule("places", _has_places, "whole numbers of which the last is the largest, or knots that rise"),
        Rule("basis", _is_side_basis, "a row for each place, and a column for each variance"),
        Rule("variances", _are_variances, "numbers of at least 0, none above the one before"),
    ),
    Pair: (
        Rule("sides", lambda p: p.sides[0] != p.sides[1], "two sides"),
        Rule("products", lambda p: len(set(p.products)) == len(p.products), "products, each once"),
    ),
    PairEffect: (
        Rule("columns", lambda p: p.columns[0] != p.columns[1], "two columns"),
        Rule("effect", _are_of_two_places, "an effect, an error and a weight at each two places"),
        Rule("precision", lambda p: 0 <= p.precision < math.inf, "a finite number of at least 0"),
        Rule("loss_without", lambda p: p.loss_without >= 0, "a number of at least 0"),
    ),
    LearnedFactor: (
        Rule("function", lambda f: f.function in ("", *OPTIONS), f"nothing, or one of {', '.join(OPTIONS)}"),
        Rule("has_contrast", lambda f: f.category is not None or not f.has_contrast, "false where it has no levels"),
        Rule("knots", _are_knots, "finite numbers, each above the one before, of a spline and only there"),
        Rule("degree", _is_degree, "a whole number from 1 to 5 of a spline, and 0 of other functions"),
    ),
    DerivedColumn: (
        Rule("factors", lambda d: bool(d.factors), "one factor or more"),
        Rule("factors", _are_factors_of_one, "levels of categories, where it is a product of several"),
    ),
    Design: (
        Rule("fit_intercept", lambda d: d.fit_intercept or not d.centre.any(), "true where numbers are centred"),
        Rule("sides", _are_sides_of_terms, "a shape or the levels of a category, each column once"),
        Rule("pairs", _are_pairs_of_sides, "two of its sides each, and products of their functions"),
        Rule("derived", _are_derived_of_terms, "columns of its terms, each once, of as many numbers or of levels"),
    ),
}
