"""The fit of an additive model: precisions chosen, the optimum at these certified, the effects of the terms."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from logloss.data.block import Block
from logloss.data.design import TOUCHING, Design
from logloss.data.rows import Array, positive_text
from logloss.data.source import KeptSource
from logloss.data.terms import Category, Numbers, Term
from logloss.errors import ConvergenceWarning, DataError, warn
from logloss.text import counted, listed, printable, value_text
from logloss.training.additive_model import AdditiveModel
from logloss.training.certificate import Certificate, Pass
from logloss.training.evaluation import PassHistory
from logloss.training.fit_options import FitOptions
from logloss.training.fitted import NO_LEAVE_ONE_OUT, cautions_of, classes_of, warn_unless_certified
from logloss.training.leave_one_out import OutOfSample, left_out_along, note_on_clusters, out_of_sample_of
from logloss.training.monotone import with_exact_values
from logloss.training.optimum import Optimum, find_optimum
from logloss.training.pair_effects import PairEffect, pair_effects_of, weights_of_places, without_errors
from logloss.training.pair_fit import fit_pairs
from logloss.training.precisions import with_precisions
from logloss.training.problem import LimitReached, Problem
from logloss.training.recipe import Learned
from logloss.training.separation import find_directions
from logloss.training.standard_errors import INFORMATION
from logloss.training.term_effects import (
    TermEffect,
    TermInformation,
    effects_of,
    losses_without,
    p_values_of,
    with_values,
    without_inference,
)

# Measured: at the pairs that were chosen, it was up to 0.05 nats below the log loss of new rows.
NO_LEAVE_ONE_OUT_OF_CHOSEN = (
    "no leave-one-out log loss: the pairs were chosen on the same rows, without any of which others might have been. "
    "Measure the model on rows that it was not trained on"
)


@dataclass(frozen=True, slots=True)
class Solution:
    """What a model is made of: the coefficients in the user's units, their terms, the last pass, all passes."""

    design: Design
    values: Array
    terms: tuple[TermEffect, ...]
    last: Pass
    passes: tuple[Pass, ...]
    out_of_sample: OutOfSample | None
    pair_terms: tuple[PairEffect, ...] = ()
    notes: tuple[str, ...] = ()


def additive_model(
    problem: Problem,
    learned: Learned,
    sample: Block | None,
    options: FitOptions,
    *,
    pairs: str | tuple[tuple[str, str], ...] | None,
    offset: str,
    notes: tuple[str, ...],
) -> AdditiveModel:
    """The model of a problem whose design has shapes or pooled levels. pairs: as of `ShapeChoice`."""
    plain = [term for term in problem.design.terms if isinstance(term, Numbers) or _has_reference(term)]
    if options.l2 and not plain:
        raise DataError(
            "`l2` is for coefficients without a precision of their own, and all terms have one. Leave `l2` out."
        )
    # As elsewhere weights are numbers of rows where that is asked for; else only their ratios count.
    n_effective = problem.sum_weight if options.covariance == INFORMATION else learned.effective_rows
    problem, at, history = with_precisions(problem, PassHistory.empty(problem), n_effective, sample)
    unit = problem.sum_weight / n_effective
    if pairs is None:
        found = _of_terms(problem, at, history, learned, sample, options, unit)
    else:
        found = _with_pairs(problem, at, history, learned, pairs, options, unit)
    # Intervals that took the rows of a cluster as independent would be too narrow.
    has_intervals = not problem.roles.cluster
    return AdditiveModel(
        intercept=found.last.intercept,
        terms=found.terms if has_intervals else tuple(map(without_inference, found.terms)),
        log_loss=found.last.log_loss,
        certificate=Certificate(found.last.bound, math.isfinite(found.last.bound)),
        passes=found.passes,
        n_rows=problem.n_rows,
        sum_weight=problem.sum_weight,
        base_rate=problem.base_rate,
        positive=positive_text(problem.roles),
        positive_value="" if problem.roles.pos_label is None else value_text(problem.roles.pos_label),
        classes=classes_of(learned.roles, learned.columns.coding),
        design=found.design,
        values=found.values,
        pair_terms=found.pair_terms if has_intervals else tuple(map(without_errors, found.pair_terms)),
        has_offset=problem.roles.offset is not None,
        offset=offset,
        n_positive=learned.n_positive,
        out_of_sample=found.out_of_sample,
        n_dropped=learned.columns.n_dropped,
        missing=problem.roles.missing,
        source=problem.source.name,
        notes=(*problem.source.notes, *notes, *found.notes, *note_on_clusters(found.out_of_sample, problem.roles)),
        cautions=cautions_of(learned, None, None, has_intervals=has_intervals),
    )


def _of_terms(
    problem: Problem,
    at: Array,
    history: PassHistory,
    learned: Learned,
    sample: Block | None,
    options: FitOptions,
    unit: float,
) -> Solution:
    """The optimum without pairs."""
    optimum = find_optimum(problem, at, history, len(history.passes) + options.max_passes)
    if not math.isfinite(optimum.bound):
        _refuse_separated(problem, now=optimum.evaluation.coefficients)
    now, design = optimum.evaluation, problem.design
    notes: tuple[str, ...] = ()
    last = problem.as_pass(now.coefficients, now.total_loss, optimum.bound)
    warn_unless_certified(optimum)
    if optimum.rank.n_dependent:
        notes = (
            f"linearly dependent columns: {_dependent(optimum)}; of all effects that predict the same these are the "
            "smallest",
        )
    out_of_sample = None
    if options.leave_one_out:
        try:
            out_of_sample = out_of_sample_of(optimum, learned, sample)
        except LimitReached:
            notes = (*notes, NO_LEAVE_ONE_OUT)
    known, losses = TermInformation.of(problem, optimum.information), losses_without(problem, now.coefficients)
    p_values = p_values_of(problem, now.coefficients, optimum.information, unit)
    terms = effects_of(problem, now.coefficients, known, losses, unit, p_values)
    values = now.coefficients / design.scale
    if now.steps is not None:
        design, values = with_exact_values(design, values, now.steps)
        terms = with_values(terms, design, values)
    return Solution(design, values, terms, last, optimum.passes, out_of_sample, notes=notes)


def _with_pairs(
    problem: Problem,
    at: Array,
    history: PassHistory,
    learned: Learned,
    pairs: str | tuple[tuple[str, str], ...],
    options: FitOptions,
    unit: float,
) -> Solution:
    """The optimum with pairs."""
    from logloss.onepass.summaries import mass_of

    named = None if isinstance(pairs, str) else pairs
    fit = fit_pairs(problem, at, history, learned, named, len(history.passes) + options.max_passes, unit)
    state, information = fit.state, fit.information
    problem, at, design = state.problem, state.at, state.problem.design
    last = problem.as_pass(at, state.sums.total_loss, state.bound)
    if last.bound > problem.tolerance:
        warn(
            f"the fit stopped after {counted(len(state.history.passes), 'pass', 'passes')}: it is certified to be at "
            f"most {last.bound:.1g} nats per row above the minimum (`tolerance` is {problem.tolerance:.1g}). Raise "
            "`max_passes`, or look at `model.passes`.",
            ConvergenceWarning,
        )
    losses, known = losses_without(problem, at), information.of_terms()
    out_of_sample: OutOfSample | None = None
    notes: tuple[str, ...] = ()
    if options.leave_one_out and named is not None:
        out_of_sample = left_out_along(problem, state.sums, information, fit.sample)
    elif options.leave_one_out:
        notes = (NO_LEAVE_ONE_OUT_OF_CHOSEN,)
    weights = weights_of_places(design, design.coded(fit.sample.features), mass_of(fit.sample))
    of_pairs = pair_effects_of(problem, at, information, weights, losses, unit)
    terms, values = effects_of(problem, at, known, losses, unit), at / design.scale
    if len(state.held.steps):
        design, values = with_exact_values(design, values, state.held.steps)
        terms = with_values(terms, design, values)
    return Solution(design, values, terms, last, state.history.passes, out_of_sample, of_pairs, notes)


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
