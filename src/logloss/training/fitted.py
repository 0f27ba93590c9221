"""The model of an optimum: coefficients by name, their errors, and the warnings of the fit.

>>> import logloss
>>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).n_parameters
2
"""

from __future__ import annotations

import math

import numpy as np

from logloss.data.block import Block
from logloss.data.checks.labels import Coding
from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array, Roles, positive_text
from logloss.data.values import Value, is_label
from logloss.errors import ConvergenceWarning, SeparationWarning, warn
from logloss.inference.cautions import FEWEST_CLUSTERS, caution_of, effective
from logloss.text import capital, counted, listed, printable, significant, value_text
from logloss.training.certificate import Certificate
from logloss.training.firth import PenalisedOptimum
from logloss.training.fit_options import FitOptions
from logloss.training.information_matrix import Information, collinear, information_at
from logloss.training.lasso import least_l1_of_zeros
from logloss.training.leave_one_out import note_on_clusters, out_of_sample_of
from logloss.training.model import NEAR, LogisticModel
from logloss.training.optimum import Optimum
from logloss.training.penalty_factors import named_factors
from logloss.training.problem import NEAR_MINIMUM, LimitReached
from logloss.training.profile import INTERCEPT, PROFILE, profile_of
from logloss.training.recipe import Learned
from logloss.training.separation import Separation
from logloss.training.standard_errors import Errors, errors_at

# From so many clusters of either of two ways on intervals are simulated to cover.
FEWEST_OF_TWO_WAYS = 20

NO_LEAVE_ONE_OUT = (
    "no leave-one-out log loss: too many rows must be refitted, as the classes would nearly be separated without them"
)

TOGETHER = (
    "levels of a category are kept together: of each the L1 penalty is l1 · √(number of levels) · the norm of its "
    "coefficients, of which none is a reference"
)


def fitted_model(
    optimum: Optimum,
    learned: Learned,
    sample: Block | None,
    options: FitOptions,
    *,
    offset: str,
    notes: tuple[str, ...],
) -> LogisticModel:
    """The model of an optimum; sample: rows that were drawn to begin with."""
    problem, now, design = optimum.problem, optimum.evaluation, optimum.problem.design
    last = problem.as_pass(now.coefficients, now.total_loss, optimum.bound)
    intercept, coefficients = last.intercept, np.array(last.coefficients)
    # The move along the first direction is infinitely longer than that along the next: it overrides, so comes last.
    for direction in reversed(optimum.directions):
        intercept, coefficients = _at_infinity(design, direction, intercept, coefficients)
    named = dict(zip(design.names, coefficients.tolist(), strict=True))
    separation = _separation(optimum, named)
    _warn(optimum, separation, options.penalty)
    is_near = now.decrement / problem.sum_weight * problem.n_rows <= NEAR
    errors = information = profile = None
    is_at_top = is_near or (separation is not None and separation.is_complete)
    if options.interval == PROFILE and is_at_top:
        profile = profile_of(optimum, {INTERCEPT: intercept} | named, options.penalty)
    if is_near and problem.l2 == 0 and problem.l1 == 0:
        information = information_at(optimum, learned, np.isinf([intercept, *coefficients]))
    if information is not None:
        errors = errors_at(optimum, information, options.covariance, two_way=options.two_way)
    out_of_sample = None
    try:
        wants_it = options.leave_one_out and options.penalty is None and not problem.is_grouped
        if is_near and separation is None and wants_it:
            out_of_sample = out_of_sample_of(optimum, learned, sample)
    except LimitReached:
        notes = (*notes, NO_LEAVE_ONE_OUT)
    return LogisticModel(
        intercept=intercept,
        coefficients=named,
        log_loss=last.log_loss,
        certificate=Certificate(last.bound, math.isfinite(optimum.bound)),
        passes=optimum.passes,
        l2=problem.l2,
        l1=problem.l1,
        penalty_factors=named_factors(options.penalty_factors, design),
        n_rows=problem.n_rows,
        base_rate=problem.base_rate,
        positive=positive_text(problem.roles),
        positive_value="" if problem.roles.pos_label is None else value_text(problem.roles.pos_label),
        classes=classes_of(learned.roles, learned.columns.coding),
        design=design,
        values=now.coefficients / design.scale,
        separation=separation,
        sum_weight=problem.sum_weight,
        errors=errors,
        cautions=cautions_of(learned, information, errors, has_intervals=errors is not None or profile is not None),
        collinear=collinear(optimum),
        n_dependent=optimum.rank.n_dependent,
        has_offset=problem.roles.offset is not None,
        offset=offset,
        n_positive=learned.n_positive,
        out_of_sample=out_of_sample,
        n_dropped=learned.columns.n_dropped,
        missing=problem.roles.missing,
        source=problem.source.name,
        notes=(
            *problem.source.notes,
            *notes,
            *_doubts(optimum),
            *_only_zeros(optimum),
            *((TOGETHER,) if problem.is_grouped and any(term.is_pooled for term in design.categories) else ()),
            *note_on_clusters(out_of_sample, problem.roles),
        ),
        penalty=options.penalty or "",
        modified_score=None if options.penalty is None else now.decrement / problem.sum_weight,
        mean_predicted=None if options.penalty is None else _mean_predicted(optimum),
        profile=profile,
    )


def classes_of(roles: Roles, coding: Coding) -> tuple[Value, Value]:
    """The labels of both classes, the positive one last."""
    positive = roles.pos_label
    values = [value for kind, value in coding if kind == "value"]
    if positive is None:
        return (-1, 1) if -1 in values else (0, 1)
    # The column's own value, which may be named otherwise: 1 by "1". Both occur, and no third one does.
    own = min((value for value in values if is_label(value, positive)), key=str)
    (other,) = (value for value in values if not is_label(value, positive))
    return other, own


def _mean_predicted(optimum: Optimum) -> float:
    """The mean prediction on the rows: the base rate plus the mean residual."""
    problem = optimum.problem
    return problem.base_rate + float(optimum.evaluation.sums.gradient[0]) / problem.sum_weight


def cautions_of(
    learned: Learned, information: Information | None, errors: Errors | None, *, has_intervals: bool
) -> tuple[str, ...]:
    """Why intervals of coefficients may not hold: too few effective rows, rows of a class, or clusters."""
    if not has_intervals:
        return ()
    zeros, ones = learned.effective_rows_of_classes if information is None else information.effective_of_classes
    rarer_name = "positives" if ones <= zeros else "negatives"
    n_rows = learned.effective_rows if information is None else information.effective_rows
    clusters = errors.effective_clusters if errors is not None and errors.cluster else None
    clause = caution_of(n_rows, min(zeros, ones), rarer_name, clusters)
    of_ways = ""
    if errors is not None and errors.n_of_each and FEWEST_CLUSTERS <= errors.effective_clusters < FEWEST_OF_TWO_WAYS:
        number = effective(errors.effective_clusters, "clusters")
        of_ways = f"intervals may be too narrow: one of the two ways has {number} (below {FEWEST_OF_TWO_WAYS})"
    return tuple(each for each in (clause, of_ways) if each)


def _at_infinity(design: Design, direction: Array, intercept: float, coefficients: Array) -> tuple[float, Array]:
    """Intercept and coefficients in the user's coordinates at infinity along a direction."""
    values = direction / design.scale
    shift = values[1 : 1 + design.n_dense] * design.centre
    own = values[0] - shift.sum()
    if abs(own) > TOUCHING * (abs(values[0]) + np.abs(shift).sum()):
        intercept = math.copysign(math.inf, own)
    is_off = np.abs(direction[design.places]) > TOUCHING
    return intercept, np.where(is_off, np.copysign(np.inf, values[design.places]), coefficients)


def _separation(optimum: Optimum, coefficients: dict[str, float]) -> Separation | None:
    """What separates the classes, by the names of columns; None where they are not separated."""
    if optimum.separating is None or not optimum.directions:
        return None
    columns = tuple(name for name, value in coefficients.items() if math.isinf(value))
    is_complete = not optimum.evaluation.sums.n_rows
    directions = tuple(direction / optimum.problem.design.scale for direction in optimum.directions)
    return Separation(columns, is_complete, optimum.separating.n_divided, directions)


def _doubts(optimum: Optimum) -> tuple[str, ...]:
    """Why no bound is proved, where the columns are the reason."""
    if math.isfinite(optimum.bound) or optimum.problem.is_penalised or isinstance(optimum, PenalisedOptimum):
        return ()
    reasons = []
    if not optimum.rank.is_sure:
        names = [f'"{printable(name)}"' for name in collinear(optimum)]
        reasons.append(
            f"{listed(names)} are linearly dependent except in their last digits, so no bound is proved. Leave one of "
            "them out, or use their difference instead"
        )
    if optimum.separating is not None and optimum.separating.is_open and not optimum.directions:
        reasons.append("whether the classes are separated could not be decided, so no bound is proved")
    wide = [f'"{printable(name)}"' for name in optimum.problem.design.names_of_outliers]
    if wide:
        reasons.append(
            f"{listed(wide)}: few values are many thousand times as large as is usual in "
            "the column, too large for float64. Mark codes as missing, or take logarithms"
        )
    return tuple(reasons)


def _only_zeros(optimum: Optimum) -> tuple[str, ...]:
    """A note on an L1 penalty under which every coefficient is 0."""
    problem, now = optimum.problem, optimum.evaluation
    is_optimum = now.bound <= max(problem.tolerance, NEAR_MINIMUM) * problem.sum_weight
    if not (problem.l1 and problem.design.names and is_optimum) or now.coefficients[1:].any():
        return ()
    least = significant(least_l1_of_zeros(problem, now.sums))
    return (f"every coefficient is 0, as with any l1 of at least {least}",)


def _warn(optimum: Optimum, separation: Separation | None, penalty: str | None) -> None:
    """Warn where the result is not certified, or no finite maximum-likelihood estimate exists."""
    problem, now = optimum.problem, optimum.evaluation
    if separation is not None:
        named = listed([f'"{printable(name)}"' for name in separation.columns]) or "the intercept"
        rest = "all rows" if separation.is_complete else f"{counted(separation.n_divided, 'row')}"
        infimum = significant(now.total_loss / problem.sum_weight)
        limit = f"The infimum of the log loss is {infimum}; the model is that limit."
        if not math.isfinite(optimum.bound):
            limit = "The infimum of the log loss is not known, as the fit to the other rows is not certified."
        warn(
            f"the classes are separated: {named} can predict {rest} without error, so no finite maximum-likelihood "
            f"estimate exists. {limit} For finite coefficients pass "
            'penalty="firth" or l2= (such as l2=1), or leave out columns that contain the labels.',
            SeparationWarning,
        )
    is_open = separation is None or optimum.has_reached_limit or not math.isfinite(optimum.bound)
    if penalty is not None:
        if now.decrement > problem.tolerance * problem.sum_weight or optimum.has_reached_limit:
            warn(_why_not_stationary(optimum), ConvergenceWarning)
    elif is_open:
        warn_unless_certified(optimum)


def warn_unless_certified(optimum: Optimum) -> None:
    """Warn where the bound is not within the tolerance."""
    if optimum.bound > optimum.problem.tolerance * optimum.problem.sum_weight:
        warn(_why_not_certified(optimum), ConvergenceWarning)


def _why_not_stationary(optimum: Optimum) -> str:
    """Why an ascent under Firth's penalty ended before its maximum, and what to do."""
    problem, n_passes = optimum.problem, counted(len(optimum.passes), "pass", "passes")
    left = f"{optimum.evaluation.decrement / problem.sum_weight:.1g} nats per row"
    why = f"no step raises the penalised likelihood any more after {n_passes}"
    then = "More passes do not help: rescale the columns, or leave out those that are nearly linearly dependent."
    if optimum.has_reached_limit:
        why, then = f"the fit stopped at the limit of {n_passes}", "Raise `max_passes`, or look at `model.passes`."
    return f"{why}: the next step is expected to gain {left} (`tolerance` is {problem.tolerance:.1g}). {then}"


def _why_not_certified(optimum: Optimum) -> str:
    """Why the passes ended before the certificate was within the tolerance, and what to do."""
    problem, now = optimum.problem, optimum.evaluation
    n_passes = counted(len(optimum.passes), "pass", "passes")
    got = f"it is certified to be at most {optimum.bound / problem.sum_weight:.1g} nats per row above the minimum"
    if not math.isfinite(optimum.bound):
        got = "no bound on its distance from the minimum is certified"
    gain = now.decrement / problem.sum_weight
    if gain > problem.tolerance:
        got += f", and the next step is expected to lower it by {gain:.1g}"
    why = f"the fit stopped after {n_passes}, as no step lowers the loss any more in float64 arithmetic"
    then = "" if math.isfinite(optimum.bound) else " ".join(f"{capital(doubt)}." for doubt in _doubts(optimum))
    if optimum.has_reached_limit:
        why = f"the fit stopped at the limit of {n_passes}"
        if optimum.directions:
            n_passes = counted(optimum.n_passes, "pass", "passes")
            why = f"the fit stopped after {n_passes}, with those over rows that are not separated, which is the limit"
        then = " ".join(["Raise `max_passes`, or look at `model.passes`.", *([then] if then else [])])
    then = then or "More passes do not help: rescale the columns, or raise `tolerance`."
    if not problem.fit_intercept:
        then += " Without an intercept columns are not centred: if one is constant, leave it out and fit an intercept."
    return f"{why}: {got} (`tolerance` is {problem.tolerance:.1g}). {then}"
