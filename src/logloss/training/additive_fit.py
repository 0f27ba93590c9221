"""The fit of an additive model: precisions chosen, the optimum at these certified, the effects of the terms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from logloss.data.binding import matrix_names, no_feature
from logloss.data.block import Block
from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array, Column, Roles, positive_text
from logloss.data.shapes import KINDS, SMOOTH, ShapeChoice
from logloss.data.source import KeptSource, MemorySource, Source
from logloss.data.terms import Category, Numbers, Term
from logloss.errors import DataError
from logloss.text import listed, printable, value_text
from logloss.training.additive_model import AdditiveModel
from logloss.training.certificate import Certificate
from logloss.training.evaluation import PassHistory
from logloss.training.fit_options import FitOptions
from logloss.training.fitted import NO_LEAVE_ONE_OUT, cautions_of, classes_of, warn_unless_certified
from logloss.training.leave_one_out import out_of_sample_of
from logloss.training.optimum import Optimum, find_optimum
from logloss.training.precisions import with_precisions
from logloss.training.problem import LimitReached, Problem
from logloss.training.profile import PROFILE
from logloss.training.recipe import Learned
from logloss.training.separation import find_directions
from logloss.training.standard_errors import INFORMATION
from logloss.training.term_effects import effects_of, without_inference

AUTO = "auto"


def shape_choice(shapes: object, pooled: object) -> ShapeChoice | None:
    """`shapes` and `pooled` of `fit`, checked; None where neither is given."""
    if shapes is None and pooled is None:
        return None
    names = _names_of(pooled)
    if shapes is None:
        return ShapeChoice({}, None, names)
    if shapes == AUTO:
        return ShapeChoice({}, SMOOTH, names)
    if not isinstance(shapes, Mapping):
        raise DataError(
            f'`shapes` must be "auto" or a dict of names of columns, such as {{"age": "smooth"}}; got '
            f"{value_text(shapes)}."
        )
    for name, kind in shapes.items():
        if kind not in KINDS:
            known = listed([value_text(each) for each in KINDS])
            raise DataError(f"the shape of {value_text(name)} must be one of {known}; got {value_text(kind)}.")
    return ShapeChoice(dict(shapes), SMOOTH, names)


def _names_of(pooled: object) -> tuple[str, ...] | None:
    if pooled is None:
        return None
    names = (pooled,) if isinstance(pooled, str) else tuple(pooled) if isinstance(pooled, Iterable) else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise DataError(
            f"`pooled` must be names of categories; got {value_text(pooled)}. "
            "The levels of each are shrunk towards their mean."
        )
    return names


def with_choice(choice: ShapeChoice, roles: Roles) -> Roles:
    """The roles with the pooled columns among the categories; an error for names that are no features."""
    pooled = choice.pooled or ()
    for option, names in (("shapes", choice.kinds), ("pooled", pooled)):
        for name in names:
            if name not in roles.features:
                raise no_feature(option, name, roles.features)
    return replace(roles, categories=tuple(dict.fromkeys((*roles.categories, *pooled))))


def check_options(options: FitOptions, start: object) -> None:
    """Refuse options that mean nothing where precisions are chosen."""
    chosen = 'precisions are chosen from the data; shapes={"x": "linear"} has a straight line with such a penalty'
    posterior = "intervals are those of the posterior distribution"
    refused = {
        "penalty": (options.penalty is not None, "the terms have penalties of their own, whose precisions are chosen"),
        "l2_path": (options.l2_path is not None, chosen),
        "covariance": (
            options.covariance not in (None, INFORMATION),
            f'{posterior}; covariance="{INFORMATION}" takes weights as numbers of rows',
        ),
        "two_way": (options.two_way, posterior),
        "interval": (options.interval == PROFILE, posterior),
        "start": (start is not None, "the fit begins at the base rate"),
    }
    for name, (is_given, why) in refused.items():
        if is_given:
            raise DataError(f"`{name}` is not used with `shapes` and `pooled`: {why}. Leave `{name}` out.")


def columns_apart(source: Source, roles: Roles, choice: ShapeChoice) -> tuple[Source, Roles, ShapeChoice]:
    """The same with each column of a matrix a column by itself, whose shape is its own."""
    columns = dict(getattr(source, "columns", {}))
    matrices = {name: columns[name] for name in roles.features if name in columns and columns[name].is_matrix}
    if not matrices:
        return source, roles, choice
    features: list[str] = []
    is_nameless = False
    for name in roles.features:
        if name not in matrices:
            features.append(name)
            continue
        matrix = columns.pop(name)
        is_nameless = matrix.names == matrix_names(len(matrix.names))
        columns |= {own: Column(matrix.values[:, j]) for j, own in enumerate(matrix.names)}
        features += matrix.names
    roles = replace(roles, features=tuple(features))
    return MemorySource(columns, source.name, notes=source.notes), roles, replace(choice, is_nameless=is_nameless)


def additive_model(
    problem: Problem,
    learned: Learned,
    sample: Block | None,
    options: FitOptions,
    *,
    offset: str,
    notes: tuple[str, ...],
) -> AdditiveModel:
    """The model of a problem whose design has shapes or pooled levels."""
    plain = [term for term in problem.design.terms if isinstance(term, Numbers) or _has_reference(term)]
    if options.l2 and not plain:
        raise DataError(
            "`l2` is for coefficients without a precision of their own, and all terms have one. Leave `l2` out."
        )
    # As elsewhere weights are numbers of rows where that is asked for; else only their ratios count.
    n_effective = problem.sum_weight if options.covariance == INFORMATION else learned.effective_rows
    problem, at, history = with_precisions(problem, PassHistory.empty(problem), n_effective)
    optimum = find_optimum(problem, at, history, len(history.passes) + options.max_passes)
    if not math.isfinite(optimum.bound):
        _refuse_separated(problem, now=optimum.evaluation.coefficients)
    now, design = optimum.evaluation, problem.design
    last = problem.as_pass(now.coefficients, now.total_loss, optimum.bound)
    warn_unless_certified(optimum)
    if optimum.rank.n_dependent:
        notes = (
            *notes,
            f"linearly dependent columns: {_dependent(optimum)}; of all effects that predict the same these are the "
            "smallest",
        )
    out_of_sample = None
    if options.leave_one_out:
        try:
            out_of_sample = out_of_sample_of(optimum, learned, sample)
        except LimitReached:
            notes = (*notes, NO_LEAVE_ONE_OUT)
    terms = effects_of(problem, now.coefficients, optimum.information, problem.sum_weight / n_effective)
    # Intervals that took the rows of a cluster as independent would be too narrow.
    has_intervals = not problem.roles.cluster
    return AdditiveModel(
        intercept=last.intercept,
        terms=terms if has_intervals else tuple(map(without_inference, terms)),
        log_loss=last.log_loss,
        certificate=Certificate(last.bound, math.isfinite(optimum.bound)),
        passes=optimum.passes,
        n_rows=problem.n_rows,
        sum_weight=problem.sum_weight,
        base_rate=problem.base_rate,
        positive=positive_text(problem.roles),
        positive_value="" if problem.roles.pos_label is None else value_text(problem.roles.pos_label),
        classes=classes_of(learned),
        design=design,
        values=now.coefficients / design.scale,
        has_offset=problem.roles.offset is not None,
        offset=offset,
        n_positive=learned.n_positive,
        out_of_sample=out_of_sample,
        n_dropped=learned.columns.n_dropped,
        missing=problem.roles.missing,
        source=problem.source.name,
        notes=(*problem.source.notes, *notes),
        cautions=cautions_of(learned, None, None, has_intervals=has_intervals),
    )


def _has_reference(term: Term) -> bool:
    """Whether it is a category with a reference, whose other levels have coefficients without a precision."""
    return isinstance(term, Category) and not term.is_pooled


def _refuse_separated(problem: Problem, now: Array) -> None:
    """Refuse classes that terms without a penalty separate: there the objective has no minimum.

    Along any other direction the penalty grows without end, so that no other terms need to be looked at.
    """
    design = problem.design
    free_terms = [
        (term, span)
        for term, span in zip(design.terms, design.spans_of_terms, strict=True)
        if isinstance(term, Numbers) or _has_reference(term)
    ]
    if not free_terms:
        return
    own = Design(tuple(term for term, _ in free_terms), design.fit_intercept)
    roles = replace(problem.roles, features=own.columns)
    # Blocks that are kept hold all columns.
    source = problem.source.source if isinstance(problem.source, KeptSource) else problem.source
    alone = replace(problem, source=source, design=own, roles=roles, free=own.free, precisions=None, rows=None)
    at = np.zeros(own.width)
    at[0] = now[0]
    for (_, span), place in zip(free_terms, own.spans_of_terms, strict=True):
        at[place] = now[span]
    found = find_directions(alone, at)
    if not found.directions:
        return
    is_along = np.abs(found.directions[0][own.places]) > TOUCHING
    names = [name for name, is_off in zip(own.names, is_along, strict=True) if is_off]
    column = next(
        term.column if isinstance(term, Category) else name
        for term, _ in free_terms
        for name in term.coefficient_names
        if name in names
    )
    way_out = f'shapes={{"{printable(column)}": "linear"}}'
    if column in [term.column for term in own.categories]:
        way_out = f'with "{printable(column)}" in `pooled`'
    raise DataError(
        f"the classes are separated by {listed([printable(name) for name in names])}, which has no penalty: the log "
        f"loss has no minimum. Give it one, {way_out}, or leave it out."
    )


def _dependent(optimum: Optimum) -> str:
    """The columns that depend on each other, as a note names them."""
    design, null = optimum.problem.design, optimum.rank.null
    sizes = np.zeros(design.width)
    if null is not None:
        sizes[optimum.problem.free] = np.abs(null).max(axis=1)
    is_part = sizes > TOUCHING * sizes.max()
    names: list[str] = []
    for term, span in zip(design.terms, design.spans_of_terms, strict=True):
        if isinstance(term, Numbers):
            named = zip(term.coefficient_names, is_part[span].tolist(), strict=True)
            names += [name for name, is_own in named if is_own]
        elif is_part[span].any():
            names.append(term.column)
    return listed([printable(name) for name in names])
