"""A trained model as plain scikit-learn objects with the same predictions, for programs that know only those."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from logloss.data.binding import MATRIX, matrix_names
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.data.terms import Category, Numbers
from logloss.errors import DataError, MissingPackage
from logloss.text import listed, printable
from logloss.training.model import LogisticModel


def as_sklearn(model: LogisticModel, classes: Sequence[Any]) -> Any:
    """A LogisticRegression where all features are numbers; else a Pipeline that codes columns and then has one."""
    if model.separation is not None:
        raise DataError(
            f"the classes are separated by {listed([printable(name) for name in model.separation.columns])}: "
            "scikit-learn has no infinite coefficients. Fit with l2= for finite ones."
        )
    if model.has_offset:
        raise DataError("scikit-learn's models have no offset, and this one was trained with one.")
    if len(classes) != 2:
        raise DataError(f"`classes` must be two labels, the positive one last; got {len(classes)}.")
    if any(not isinstance(term, Numbers) or term.n_lacking for term in model.design.terms):
        return _pipeline(model, classes)
    return _classifier(
        model, classes, model.intercept, np.array(list(model.coefficients.values())), _names(model.design)
    )


def _classifier(
    model: LogisticModel, classes: Sequence[Any], intercept: float, coefficients: Array, names: Sequence[str] | None
) -> LogisticRegression:
    classifier = LogisticRegression(C=1 / model.l2 if model.l2 else math.inf, fit_intercept=model.fit_intercept)
    classifier.classes_ = np.array(classes)
    classifier.coef_, classifier.intercept_ = coefficients[None, :].copy(), np.array([intercept])
    classifier.n_features_in_ = len(coefficients)
    classifier.n_iter_ = np.array([len(model.passes)], dtype=np.int32)
    if names is not None:
        classifier.feature_names_in_ = np.array(names, dtype=object)
    return classifier


def _names(design: Design) -> tuple[str, ...] | None:
    """The columns' names; None where they are those that a matrix without names is given."""
    names = tuple(name for term in design.numbers for name in term.names)
    is_unnamed = any(term.column == MATRIX and term.names == matrix_names(len(names)) for term in design.numbers)
    return None if is_unnamed else names


def _pipeline(model: LogisticModel, classes: Sequence[Any]) -> Pipeline:
    """Columns coded as the design does, then the estimator.

    A level that training did not see is all zeros there and an average level here: so coefficients of levels are
    written against the average one.
    """
    design = model.design
    names = _names(design)
    whole: dict[Any, float] = {}
    gaps: dict[Any, tuple[float, float, float]] = {}
    at = 1
    for term in design.numbers:
        own = iter(model.values[at : at + len(term.names)].tolist())
        of_lacking = iter(model.values[at + len(term.names) : at + len(term.coefficient_names)].tolist())
        at += len(term.coefficient_names)
        keys = term.names if names is not None else range(len(term.names))
        lacks = term.lacks or (False,) * len(term.names)
        for key, centre, may_lack in zip(keys, term.centre.tolist(), lacks, strict=True):
            if may_lack:
                gaps[key] = centre, next(own), next(of_lacking)
            else:
                whole[key] = next(own)
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
    intercept = model.intercept
    levels: list[list[Any]] = []
    for span, category in zip(design.spans, design.categories, strict=True):
        average = float(np.average(model.values[span], weights=category.weights))
        known, values = _levels(category, (model.values[span] - average).tolist())
        intercept += average
        coefficients += values
        levels.append(known)
        is_number = all(isinstance(level, int | float) and not isinstance(level, bool) for level in known)
        sample[category.column] = np.array([known[0]] * 2, dtype=np.float64 if is_number else object)
    if levels:
        encoder = OneHotEncoder(categories=levels, handle_unknown="warn")
        steps.append(("categories", encoder, [category.column for category in design.categories]))
    coder = ColumnTransformer(steps).fit(_table(sample, design, names is not None))
    return Pipeline(
        [("columns", coder), ("model", _classifier(model, classes, intercept, np.array(coefficients), None))]
    )


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
