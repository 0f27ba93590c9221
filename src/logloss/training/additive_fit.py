"""The fit of an additive model: precisions chosen, the optimum at these certified, the effects of the terms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from logloss.data.binding import no_feature
from logloss.data.block import Block
from logloss.data.rows import Roles, positive_text
from logloss.data.shapes import KINDS, SMOOTH, ShapeChoice
from logloss.errors import DataError
from logloss.text import listed, value_text
from logloss.training.additive_model import AdditiveModel
from logloss.training.certificate import Certificate
from logloss.training.evaluation import PassHistory
from logloss.training.fit_options import FitOptions
from logloss.training.fitted import classes_of, warn_unless_certified
from logloss.training.leave_one_out import out_of_sample_of
from logloss.training.optimum import find_optimum
from logloss.training.precisions import with_precisions
from logloss.training.problem import LimitReached, Problem
from logloss.training.recipe import Learned
from logloss.training.term_effects import effects_of

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
    """Refuse options that only other fits have."""
    given = {
        "penalty": options.penalty,
        "l2_path": options.l2_path,
        "covariance": options.covariance,
        "two_way": options.two_way,
        "interval": options.interval,
        "start": start,
    }
    for name, value in given.items():
        if value is not None and value is not False:
            raise DataError(
                f"`{name}` is not used with `shapes` and `pooled`, whose precisions are chosen from the data and whose "
                f"intervals are those given these precisions. Leave `{name}` out, or leave out `shapes` and `pooled`."
            )


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
    problem, at, history = with_precisions(problem, PassHistory.empty(problem), learned.effective_rows)
    optimum = find_optimum(problem, at, history, len(history.passes) + options.max_passes)
    now, design = optimum.evaluation, problem.design
    last = problem.as_pass(now.coefficients, now.total_loss, optimum.bound)
    warn_unless_certified(optimum)
    out_of_sample = None
    if options.leave_one_out:
        try:
            out_of_sample = out_of_sample_of(optimum, learned, sample)
        except LimitReached:
            out_of_sample = None
    return AdditiveModel(
        intercept=last.intercept,
        terms=effects_of(problem, now.coefficients, optimum.information),
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
    )
