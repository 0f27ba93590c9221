"""The model that a fit ends with: coefficients in the user's units, errors, and words where something is in doubt."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np

from logloss.data.block import Block
from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array, positive_text
from logloss.errors import ConvergenceWarning, SeparationWarning
from logloss.text import counted, listed, printable, significant, value_text
from logloss.training.certificate import Certificate
from logloss.training.leave_one_out import new_rows_of
from logloss.training.model import LogisticModel
from logloss.training.optimum import Optimum
from logloss.training.recipe import Learned
from logloss.training.separation import Separation
from logloss.training.standard_errors import collinear, errors_at

# Half the squared decrement, summed over the rows, from which on errors and the loss on new rows mean nothing: by
# Cauchy and Schwarz what is left moves no coefficient by more than √(2e-4), 1.4 %, of its standard error.
NEAR = 1e-4


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What is asked of a fit beside its coefficients, and what must be remembered of how it was asked.

    offset: the column of the offset, where it is one of the table.
    """

    is_robust: bool
    wants_new_rows: bool
    offset: str = ""
    notes: tuple[str, ...] = ()


def fitted_model(optimum: Optimum, learned: Learned, sample: Block | None, options: FitOptions) -> LogisticModel:
    """The model of an optimum. sample: rows that were drawn to begin with."""
    problem, now, design = optimum.problem, optimum.evaluation, optimum.problem.design
    last = problem.as_pass(now.coefficients, now.total_loss, now.bound)
    intercept, coefficients = last.intercept, np.array(last.coefficients)
    # The first direction is infinitely farther than the next: it is gone along last.
    for direction in reversed(optimum.directions):
        intercept, coefficients = _at_infinity(design, direction, intercept, coefficients)
    named = dict(zip(design.names, coefficients.tolist(), strict=True))
    separation = _separation(optimum, named)
    _warn(optimum, separation)
    is_near = separation is None and now.decrement / problem.sum_weight * problem.n_rows <= NEAR
    return LogisticModel(
        intercept=intercept,
        coefficients=named,
        log_loss=last.log_loss,
        certificate=Certificate(last.bound, now.is_proven),
        passes=optimum.passes,
        l2=problem.l2,
        n_rows=problem.n_rows,
        base_rate=problem.base_rate,
        positive=positive_text(problem.roles),
        positive_value="" if problem.roles.pos_label is None else value_text(problem.roles.pos_label),
        design=design,
        values=now.coefficients / design.scale,
        separation=separation,
        sum_weight=problem.sum_weight,
        errors=errors_at(optimum, is_robust=options.is_robust) if is_near and problem.l2 == 0 else None,
        collinear=collinear(optimum),
        n_dependent=optimum.rank.n_dependent,
        has_offset=problem.roles.offset is not None,
        offset=options.offset,
        n_positive=learned.n_positive,
        new_rows=new_rows_of(optimum, learned, sample) if is_near and options.wants_new_rows else None,
        n_dropped=learned.columns.n_dropped,
        source=problem.source.name,
        notes=(*problem.source.notes, *options.notes, *_doubts(optimum)),
    )


def _at_infinity(design: Design, direction: Array, intercept: float, coefficients: Array) -> tuple[float, Array]:
    """Intercept and coefficients in the user's coordinates once they have gone along a direction."""
    values = direction / design.scale
    shift = values[1 : 1 + design.n_dense] * design.centre
    own = values[0] - shift.sum()
    if abs(own) > TOUCHING * (abs(values[0]) + np.abs(shift).sum()):
        intercept = math.copysign(math.inf, own)
    is_off = np.abs(direction[design.places]) > TOUCHING
    return intercept, np.where(is_off, np.copysign(np.inf, values[design.places]), coefficients)


def _separation(optimum: Optimum, coefficients: dict[str, float]) -> Separation | None:
    """What separates the classes, in the user's words; None where nothing does."""
    if optimum.separating is None or not optimum.directions:
        return None
    columns = tuple(name for name, value in coefficients.items() if math.isinf(value))
    is_complete = not optimum.evaluation.sums.n_rows
    directions = tuple(direction / optimum.problem.design.scale for direction in optimum.directions)
    return Separation(columns, is_complete, optimum.separating.n_divided, directions)


def _doubts(optimum: Optimum) -> tuple[str, ...]:
    """Why no bound is proved, where the columns are the reason."""
    if optimum.evaluation.is_proven or optimum.problem.is_penalised:
        return ()
    reasons = []
    if not optimum.rank.is_sure:
        names = [f'"{printable(name)}"' for name in collinear(optimum)]
        reasons.append(
            f"{listed(names)} depend on each other but for their last digits, so no bound is proved. Leave one of "
            "them out, or use their difference instead."
        )
    if optimum.separating is not None and optimum.separating.is_open and not optimum.directions:
        reasons.append("whether the labels are separated could not be decided, so no bound is proved")
    wide = optimum.problem.design.names_of_outliers
    if wide:
        reasons.append(
            f"{listed([printable(name) for name in wide])}: few values are many thousand times as large as "
            "is usual in the column. If they are codes, mark them as missing."
        )
    return tuple(reasons)


def _warn(optimum: Optimum, separation: Separation | None) -> None:
    """Say so where the answer is not certified, or where there is no finite one."""
    # stacklevel=4: the line that called `fit`, above `fit` and `fitted_model`.
    problem, now = optimum.problem, optimum.evaluation
    if separation is not None:
        named = listed([f'"{printable(name)}"' for name in separation.columns]) or "the intercept"
        rest = "all rows" if separation.is_complete else f"{counted(separation.n_divided, 'row')}"
        infimum = now.total_loss / problem.sum_weight
        warnings.warn(
            f"the labels are separated: {named} can tell {rest} apart without fault, so no finite coefficients are "
            f"best. The loss can come as near to {significant(infimum)} as one likes; shown is the limit. Pass l2= "
            "(l2=1 is a common choice) for finite coefficients, or leave out what gives the labels away.",
            SeparationWarning,
            stacklevel=4,
        )
    elif now.bound > problem.tolerance * problem.sum_weight:
        n_passes = counted(len(optimum.passes), "pass", "passes")
        within = f"certified within {now.bound / problem.sum_weight:.1g} nats per row of the best"
        gain = now.decrement / problem.sum_weight
        is_worthwhile = gain > problem.tolerance
        hope = f"the next step alone is expected to gain {gain:.1g} nats per row" if is_worthwhile else ""
        got = within if now.is_proven else f"not certified: {hope or 'no bound is proved'}"
        warnings.warn(
            f"stopped after {n_passes}: {got}; asked for was {problem.tolerance:.1g}. "
            "Raise `max_passes`, or look at `model.passes` and `model.notes`.",
            ConvergenceWarning,
            stacklevel=4,
        )
