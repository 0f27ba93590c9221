"""A trained model as plain scikit-learn objects with the same predictions, for programs that know only those."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, SplineTransformer

from logloss.data.binding import MATRIX, matrix_names
from logloss.data.design import Design
from logloss.data.pairs import Side
from logloss.data.rows import Array
from logloss.data.shapes import Shape
from logloss.data.terms import Category, Numbers
from logloss.errors import DataError, MissingPackage
from logloss.text import count, listed, printable
from logloss.training.additive_model import AdditiveModel
from logloss.training.hashed_model import HashedModel
from logloss.training.model import LogisticModel
from logloss.training.wide_model import WideModel

# Products of the pairs, each of which has a coefficient: 80 MB of them.
MOST_PRODUCTS = 10_000_000


def as_sklearn(model: LogisticModel | AdditiveModel | WideModel, classes: Sequence[Any]) -> Any:
    """A LogisticRegression where all features are numbers; else a Pipeline that codes columns and then has one."""
    if model.separation is not None:
        raise DataError(
            f"the classes are separated by {listed([printable(name) for name in model.separation.columns])}: "
            "scikit-learn has no infinite coefficients. Fit with l2= for finite ones."
        )
    if model.has_offset:
        raise DataError("scikit-learn's models have no offset, and this one was trained with one.")
    if isinstance(model, HashedModel):
        raise DataError(
            "the model hashes words of text, which no transformer of scikit-learn does alike. Predict with logloss."
        )
    if not isinstance(model, WideModel) and model.design.derived:
        names = listed([printable(each.name) for each in model.design.derived])
        raise DataError(
            f"the model computes {names} of columns, which no transformer of scikit-learn does alike. Predict with "
            "logloss, or make these columns in the table and fit to them."
        )
    if len(classes) != 2:
        raise DataError(f"`classes` must be two labels, the positive one last; got {len(classes)}.")
    if isinstance(model, WideModel):
        return _classifier(model, classes, model.intercept, model.coef, None)
    if any(not isinstance(term, Numbers) or term.n_lacking for term in model.design.terms):
        return _pipeline(model, classes)
    return _classifier(model, classes, model.intercept, model.values[model.design.places], _names(model.design))


def _classifier(
    model: LogisticModel | AdditiveModel | WideModel,
    classes: Sequence[Any],
    intercept: float,
    coefficients: Array,
    names: Sequence[str] | None,
) -> LogisticRegression:
    l1 = 0.0 if isinstance(model, AdditiveModel) else model.l1
    l2 = 0.0 if isinstance(model, AdditiveModel) else model.l2
    options: dict[str, Any] = {"C": 1 / (l1 + l2) if l1 + l2 else math.inf}
    if l1:
        options |= {"solver": "saga", **_l1_options(l1 / (l1 + l2))}
    classifier = LogisticRegression(fit_intercept=model.fit_intercept, **options)
    classifier.classes_ = np.array(classes)
    classifier.coef_, classifier.intercept_ = coefficients[None, :].copy(), np.array([intercept])
    classifier.n_features_in_ = len(coefficients)
    classifier.n_iter_ = np.array([len(model.passes)], dtype=np.int32)
    if names is not None:
        classifier.feature_names_in_ = np.array(names, dtype=object)
    return classifier


def _l1_options(l1_ratio: float) -> dict[str, Any]:
    """What a share of L1 in the penalty is called: before scikit-learn 1.8 a kind of penalty beside it."""
    has_kinds = LogisticRegression().penalty == "l2"
    return {"penalty": "elasticnet", "l1_ratio": l1_ratio} if has_kinds else {"l1_ratio": l1_ratio}


def _names(design: Design) -> tuple[str, ...] | None:
    """The columns' names; None where they are those that a matrix without names is given."""
    is_unnamed = design.is_nameless or (MATRIX in design.columns and design.read == matrix_names(len(design.read)))
    return None if is_unnamed else design.read


def _pipeline(model: LogisticModel | AdditiveModel, classes: Sequence[Any]) -> Pipeline:
    """Columns coded as the design does, then the estimator.

    A level that training did not see is all zeros there and an average level here: so coefficients of levels are
    written against the average one.
    """
    design = model.design
    is_named = _names(design) is not None
    keys: dict[str, Any] = {name: name if is_named else j for j, name in enumerate(design.read)}
    whole, gaps = _numbers(model, keys)
    steps: list[tuple[str, Any, list[Any]]] = []
    coefficients = list(whole.values())
    sample: dict[Any, Any] = {key: [0.0, 0.0] for key in whole}
    if whole:
        steps.append(("numbers", "passthrough", list(whole)))
    if gaps:
        # The mean of what stands there is the centre: with that training filled the gaps.
        steps.append(("numbers_with_gaps", SimpleImputer(strategy="mean", add_indicator=True), list(gaps)))
        coefficients += [own for _, own, _ in gaps.values()] + [lacking for *_, lacking in gaps.values()]
        sample |= {key: [centre, math.nan] for key, (centre, *_) in gaps.items()}
    for number, (shape, values) in enumerate(_curves(model)):
        key = keys[shape.column]
        # Not by its name, in which scikit-learn allows no "__".
        steps.append((f"shape {number}", _spline(shape.knots, lacks=shape.may_lack), [key]))
        coefficients += [values[-1] - values[0], *values[:-1]] if shape.may_lack else values
        sample[key] = [shape.knots[0], math.nan if shape.may_lack else shape.knots[-1]]
    of_pairs, of_products = _pairs(model, keys)
    intercept = model.intercept
    levels: list[list[Any]] = []
    for span, category in zip(design.spans, design.categories, strict=True):
        average = float(np.average(model.values[span], weights=category.weights))
        known, own = _levels(category, (model.values[span] - average).tolist())
        intercept += average
        coefficients += own
        levels.append(known)
        is_number = all(isinstance(level, int | float) and not isinstance(level, bool) for level in known)
        sample[category.column] = np.array([known[0]] * 2, dtype=np.float64 if is_number else object)
    if levels:
        encoder = OneHotEncoder(categories=levels, handle_unknown="warn")
        steps.append(("categories", encoder, [category.column for category in design.categories]))
    steps += of_pairs
    coefficients += of_products
    coder = ColumnTransformer(steps, sparse_threshold=1.0 if of_pairs else 0.3).fit(_table(sample, design, is_named))
    return Pipeline(
        [("columns", coder), ("model", _classifier(model, classes, intercept, np.array(coefficients), None))]
    )


def _numbers(
    model: LogisticModel | AdditiveModel, keys: dict[str, Any]
) -> tuple[dict[Any, float], dict[Any, tuple[float, float, float]]]:
    """(The coefficient of each number, (centre, coefficient, that of a missing value) of those that may lack one)."""
    whole: dict[Any, float] = {}
    gaps: dict[Any, tuple[float, float, float]] = {}
    at = 1
    for term in model.design.numbers:
        own = iter(model.values[at : at + len(term.names)].tolist())
        of_lacking = iter(model.values[at + len(term.names) : at + len(term.coefficient_names)].tolist())
        at += len(term.coefficient_names)
        lacks = term.lacks or (False,) * len(term.names)
        for name, centre, may_lack in zip(term.names, term.centre.tolist(), lacks, strict=True):
            if may_lack:
                gaps[keys[name]] = centre, next(own), next(of_lacking)
            else:
                whole[keys[name]] = next(own)
    for shape, values in zip(model.design.shapes, _values_at_places(model), strict=True):
        # A constant has no curve.
        if len(shape.knots) == 1 and shape.may_lack:
            gaps[keys[shape.column]] = float(shape.knots[0]), 0.0, values[-1]
        elif len(shape.knots) == 1:
            whole[keys[shape.column]] = 0.0
    return whole, gaps


def _values_at_places(model: LogisticModel | AdditiveModel) -> list[list[float]]:
    """What each shape is at its knots, and where a value is missing."""
    design = model.design
    return [
        (shape.basis @ model.values[span]).tolist()
        for shape, span in zip(design.shapes, design.shape_spans, strict=True)
    ]


def _curves(model: LogisticModel | AdditiveModel) -> list[tuple[Shape, list[float]]]:
    """The shapes of two knots or more, with their values."""
    values = zip(model.design.shapes, _values_at_places(model), strict=True)
    return [(shape, own) for shape, own in values if len(shape.knots) > 1]


def _spline(knots: Array, *, lacks: bool, is_sparse: bool = False) -> Any:
    """What makes the shares of the knots in each row; a missing value is told by a column of its own before them."""
    spline = SplineTransformer(
        degree=1, knots=knots[:, None], extrapolation="constant", include_bias=True, sparse_output=is_sparse
    )
    if not lacks:
        return spline
    filled = SimpleImputer(strategy="constant", fill_value=float(knots[0]), keep_empty_features=True)
    curve = Pipeline([("filled", filled), ("spline", spline)])
    return FeatureUnion([("is_missing", MissingIndicator(features="all")), ("curve", curve)])


def _pairs(
    model: LogisticModel | AdditiveModel, keys: dict[str, Any]
) -> tuple[list[tuple[str, Any, list[Any]]], list[float]]:
    """(A step for each pair, that makes the products of what its two columns are coded as; their coefficients)."""
    design, steps = model.design, []
    coded = [_coded_side(design, side) for side in design.sides]
    sizes = [sum(coded[k][1].shape[1] for k in pair.sides) for pair in design.pairs]
    n_products = sum(size * (size + 1) // 2 for size in sizes)
    if n_products > MOST_PRODUCTS:
        raise DataError(
            f"the pairs of this model need {count(n_products)} products in scikit-learn, more than "
            f"{count(MOST_PRODUCTS)}. Predict with logloss, or fit without `pairs`, or with a few of few levels."
        )
    coefficients = []
    for number, (each, span) in enumerate(zip(design.tables, design.pair_spans, strict=True)):
        (first, of_first), (second, of_second) = (coded[k] for k in each.pair.sides)
        # Not by name: a step of a ColumnTransformer gets the columns that it names, in this order.
        both = ColumnTransformer([("first", first, [0]), ("second", second, [1])], sparse_threshold=1.0)
        products = PolynomialFeatures(degree=2, interaction_only=True, include_bias=False)
        step = Pipeline([("columns", both), ("products", products)])
        steps.append((f"pair {number}", step, [keys[name] for name in each.columns]))
        table = of_first.T @ each.table(model.values[span])[:-1, :-1, 0] @ of_second
        n_first, n_both = len(table), sum(table.shape)
        of_both = np.zeros((n_both, n_both))
        of_both[:n_first, n_first:] = table
        # What stands alone comes first, then each with each that comes after it.
        coefficients += [0.0] * n_both + of_both[np.triu_indices(n_both, 1)].tolist()
    return steps, coefficients


def _coded_side(design: Design, side: Side) -> tuple[Any, Array]:
    """(What codes a column for pairs, the share of each place in each column of its code, (n_places, n_coded))."""
    every = np.eye(side.n_places)
    if side.places:
        category = next(term for term in design.categories if term.column == side.column)
        known, numbers = _levels(category, list(range(len(category.levels))))
        # A level that training did not see adds nothing; the step of the categories warns of it.
        encoder = OneHotEncoder(categories=[known], handle_unknown="ignore")
        return encoder, every[:, np.array(side.places)[np.array(numbers, np.intp)]]
    n_knots, lacks = len(side.knots), side.n_places > len(side.knots)
    # A spline has two knots at least.
    knots = side.knots if n_knots > 1 else side.knots[0] + np.array([0.0, 1.0])
    shares = every[:, np.minimum(np.arange(len(knots)), n_knots - 1)]
    if lacks:
        # Filled in, it is at the first knot, too.
        shares = np.column_stack([every[:, -1] - every[:, 0], shares])
    return _spline(knots, lacks=lacks, is_sparse=True), shares


def _levels(category: Category, values: Sequence[float]) -> tuple[list[Any], list[float]]:
    """(Levels as an encoder wants them, the coefficient of each): nothing comes last, as None and, or only, as NaN."""
    of_level = dict(zip(category.levels, values, strict=True))
    lacks = None in of_level
    of_nothing = of_level.pop(None, 0.0)
    known: list[Any] = list(of_level)
    is_number = all(isinstance(level, int | float) and not isinstance(level, bool) for level in known)
    if is_number:
        # An encoder takes numbers in ascending order only.
        of_level = dict(sorted(of_level.items()))
        known = list(of_level)
    nothing = ([math.nan] if is_number else [None, math.nan]) if lacks else []
    return known + nothing, list(of_level.values()) + [of_nothing] * len(nothing)


def _table(sample: dict[Any, Any], design: Design, is_named: bool) -> Any:
    """Two rows that have the columns of training, in its order."""
    if not is_named:
        return np.column_stack([sample[j] for j in range(len(sample))])
    try:
        import pandas
    except ImportError as error:
        raise MissingPackage("columns by name need pandas. Install it with: pip install pandas") from error
    return pandas.DataFrame({name: sample[name] for name in design.read})
