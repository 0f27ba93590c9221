"""The fits of a penalty path in every fold: each walk over the rows makes the next pass of every fit.

Each fit, of a fold or of all rows, goes along the path in a thread of its own, from the strongest penalty to the
weakest, with the solver of any fit. A fit that needs a pass waits; once all wait, one walk makes the passes of all. So
a path takes as many walks as the slowest fit takes passes, instead of the passes of all fits together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array
from logloss.data.source import KeptSource
from logloss.errors import ConvergenceWarning, warn
from logloss.text import count, counted
from logloss.training.certificate import reach_of
from logloss.training.evaluation import Evaluation, PassHistory, Rank
from logloss.training.fold_choice import FoldChoice, folds_text, kind_of, rule_of
from logloss.training.kept_rows import KeptRows
from logloss.training.lasso import predicted_lasso, solve_lasso
from logloss.training.optimum import Optimum, find_optimum
from logloss.training.path_grid import PathGrid, Run, Strength, null_model
from logloss.training.penalty_path import PathPoint, PenaltyPath, losses_of
from logloss.training.problem import Problem
from logloss.training.shared_walks import Submit, together
from logloss.training.solver import solve

if TYPE_CHECKING:
    from logloss.onepass.summaries import FoldRule, HeldOutSummary, Summary

SummaryType = TypeVar("SummaryType", bound="Summary")

# Most fits that share walks, and most numbers in all their Hessians, which are held at once: 1 GB.
MOST_TOGETHER, MOST_NUMBERS = 32, 1 << 27
# Rows of each class that are added to those of a fold whose training rows have one class only (Krichevsky and Trofimov
# 1981): the model is then the rate of all these.
ADDED_TO_ONE_CLASS = 0.5
# A smaller share of a weight is rounding.
NO_WEIGHT = 1e-14
# Fewest values of a part of a path that begins anew.
FEWEST_OF_PART = 10
# Values of coefficients along a path that are kept.
MOST_KEPT = 100_000


@dataclass(frozen=True, eq=False)
class FoldProblem(Problem):
    """A problem whose passes are parts of walks that are shared. submit: asks for one, and waits for it."""

    submit: Submit | None = None

    @classmethod
    def of_rows(cls, problem: Problem, submit: Submit, **own: Any) -> FoldProblem:
        """The same problem for some of its rows; own: their number, weight and base rate."""
        same = {each.name: getattr(problem, each.name) for each in fields(Problem)}
        return cls(**same | {"is_partial": True, "on_pass": None, "needs_digits": False, "submit": submit} | own)

    def summarised(self, empty: SummaryType, blocks: Sequence[Block] = ()) -> SummaryType:
        """What an empty summary becomes of the rows of this fit."""
        if self.submit is None or blocks:
            return super().summarised(empty, blocks)
        if self.limits is not None:
            self.limits.take_walk()
        made: SummaryType = self.submit(empty)
        return made

    def tell_passes(self, n_passes: int) -> None:
        """Nothing is told of passes that are no walks."""


class FoldFit(NamedTuple):
    """The fit of one fold at one penalty: coefficients of the solver, and the directions in which they are infinite."""

    coefficients: Array
    directions: tuple[Array, ...]
    n_passes: int
    bound: float
    effective_degrees: float
    n_nonzero: int


@dataclass(frozen=True, eq=False)
class PathFits:
    """The fits of a path: folds, shape (n_folds, n_strengths); all_rows, shape (n_strengths,)."""

    problem: Problem
    strengths: tuple[Strength, ...]
    folds: list[list[FoldFit]]
    all_rows: list[FoldFit]
    rule: FoldRule
    held_out: HeldOutSummary
    points: tuple[PathPoint, ...]
    n_one_class: int
    n_walks: int
    folds_text: str
    sampling_unit: str

    def coefficients_of(self, fold: int, number: int) -> tuple[float, Array]:
        """(Intercept, coefficients) of the fit of a fold, in the user's coordinates, before any goes to infinity."""
        made = self.problem.as_pass(self.folds[fold][number].coefficients, 0.0, 0.0)
        return made.intercept, np.array(made.coefficients)

    @property
    def n_coefficients(self) -> int:
        """How many coefficients a model has, without the intercept."""
        return len(self.problem.design.names)

    def path(self, selection: str, chosen: int | None = None) -> PenaltyPath:
        """The path with its choice; chosen: the number of the value that a scorer chose."""
        first = self.points[0]
        path = PenaltyPath(
            self.points,
            first.l2,
            selection,
            self.rule.n_folds,
            self.folds_text,
            self.sampling_unit,
            self.n_walks,
            self.n_one_class,
            l1=first.l1,
            n_coefficients=self.n_coefficients,
        )
        if path.has_l1:
            path = self._with_coefficients(path)
        if chosen is None:
            return path.with_choice()
        return replace(path, l2=self.strengths[chosen].l2, l1=self.strengths[chosen].l1)

    def chosen(self, path: PenaltyPath) -> Array:
        """The coefficients of the solver in the fit to all rows at the chosen value."""
        number = next(j for j, each in enumerate(self.strengths) if each[:2] == (path.l1, path.l2))
        return self.all_rows[number].coefficients

    def _with_coefficients(self, path: PenaltyPath) -> PenaltyPath:
        """With the coefficients of the fits to all rows, the largest if they are many."""
        design = self.problem.design
        values = np.array([self.problem.as_pass(fit.coefficients, 0.0, 0.0).coefficients for fit in self.all_rows])
        largest = np.abs(values * design.sds_of_columns).max(axis=0, initial=0.0)
        kept = columns_kept(largest, len(values))
        names = tuple(design.names[k] for k in kept.tolist())
        return replace(path, names=names, coefficients=tuple(map(tuple, values[:, kept].tolist())))


def columns_kept(largest: Array, n_values: int) -> Array:
    """The numbers of the columns whose coefficients a path keeps at so many values, by the largest of each."""
    most = max(MOST_KEPT // n_values, 1)
    return np.sort(np.argsort(-largest, kind="stable")[:most])


def fit_path(problem: Problem, choice: FoldChoice, grid: PathGrid, max_passes: int) -> PathFits:
    """Every fold and all rows fitted at each penalty, and the losses of the held-out rows."""
    from logloss.onepass.run import summarised
    from logloss.onepass.summaries import ALL_ROWS, FoldKeySummary, FoldPaths, HeldOutSummary

    n_walks = 0

    def walked(empty: Any) -> Any:
        nonlocal n_walks
        n_walks += 1
        return summarised(problem.source, problem.roles, empty, progress=problem.progress)

    kind = kind_of(choice, has_cluster=bool(problem.roles.cluster))
    seen = walked(FoldKeySummary(kind, choice.n_folds))
    rule = rule_of(choice, seen)
    of_cells = _sums_of_cells(seen, rule)
    runs, n_more = grid.strengths(problem)
    n_walks += n_more
    trained = rule.train.T.astype(float) @ of_cells
    sums = dict(enumerate(trained)) | {ALL_ROWS: of_cells.sum(axis=0)}
    fits = _fits_of(problem, rule, sums, runs, max_passes, walked)
    of_folds = [fits[fold] for fold in range(rule.n_folds)]
    directions = {
        (k, j): fit.directions for k, own in enumerate(of_folds) for j, fit in enumerate(own) if fit.directions
    }
    coefficients = np.array([[fit.coefficients for fit in own] for own in of_folds])
    strengths = tuple(strength for run in runs for strength in run)
    clusters = seen.clusters if problem.roles.cluster else None
    unit = math.ldexp(1.0, math.frexp(problem.sum_weight / problem.n_rows)[1])
    paths = FoldPaths(rule, coefficients, problem.design, directions, clusters, seen.mask, unit)
    held_out = walked(HeldOutSummary.empty(paths))
    fits_of_folds = [fit for own in of_folds for fit in own]
    warn_of_bounds(fits_of_folds, problem.tolerance, max_passes, "the folds", "held-out")
    return PathFits(
        problem,
        strengths,
        of_folds,
        fits[ALL_ROWS],
        rule,
        held_out,
        points_of(strengths, of_folds, fits[ALL_ROWS], held_out),
        int(sum(has_one_class(mass, positive) for _, mass, positive in trained.tolist())),
        n_walks,
        folds_text(choice, problem.roles.cluster),
        "cluster" if problem.roles.cluster else "row",
    )


def _fits_of(
    problem: Problem,
    rule: FoldRule,
    sums: Mapping[int, Array],
    runs: Sequence[Run],
    max_passes: int,
    walked: Callable[[Any], Any],
) -> dict[int, list[FoldFit]]:
    """The path of each fold, and of all rows; several are fitted in walks that they share.

    sums: rows, weight and positive weight of each.
    """
    from logloss.onepass.run import available_cpus, engine_of, parts_of
    from logloss.onepass.summaries import requests_of

    n_threads = 1
    if engine_of(problem.source) is None:
        n_threads = available_cpus() // max(len(parts_of(problem.source, problem.roles)), 1)
    fits: dict[int, list[FoldFit]] = {job: [] for job in sums}
    most = max(1, min(MOST_TOGETHER, MOST_NUMBERS // problem.design.width**2))
    parts = [part for run in runs for part in _parts_of(problem, run, most // (len(runs) * len(sums)))]
    jobs = [(job, part) for part in parts for job in sums]
    for start in range(0, len(jobs), most):
        mine = jobs[start : start + most]

        def walk(asked: dict[int, Any], mine: Sequence[tuple[int, Run]] = mine) -> dict[int, Any]:
            made = walked(requests_of([(mine[number][0], part) for number, part in asked.items()], rule, n_threads))
            return dict(zip(asked, made.parts, strict=True))

        tasks = [_task(problem, sums[job], _rows_of(problem, rule, job), run, max_passes) for job, run in mine]
        for (job, _), made in zip(mine, together(tasks, walk), strict=True):
            fits[job] += made
    return fits


def _parts_of(problem: Problem, run: Run, most: int) -> list[Run]:
    """A path with an L1 penalty in parts that begin at the null model, whose walks are shared, where rows are read from
    files: these cost more than the passes more that it takes. most: parts, at most."""
    n_parts = min(most, len(run) // FEWEST_OF_PART)
    if n_parts < 2 or isinstance(problem.source, KeptSource) or not any(each.l1 for each in run):
        return [run]
    ends = [len(run) * k // n_parts for k in range(n_parts + 1)]
    return [run[first:last] for first, last in pairwise(ends)]


def warn_of_bounds(fits: Sequence[FoldFit], tolerance: float, max_passes: int, whose: str, which: str) -> None:
    """Warn where the losses of held-out rows are those of fits that ended early; whose, which: names of both."""
    early = [fit for fit in fits if fit.bound > tolerance]
    if not early:
        return
    bound = max(fit.bound for fit in early)
    got = f"at most {bound:.1g} nats per row above their minimum" if math.isfinite(bound) else "at no bound"
    then = "Rescale the columns, or raise `tolerance`."
    if any(fit.n_passes >= max_passes for fit in early):
        then = "Raise `max_passes`."
    warn(
        f"{count(len(early))} of {counted(len(fits), 'fit')} of {whose} are certified only to be {got} (`tolerance` "
        f"is {tolerance:.1g}), so their {which} log losses may differ from those at the minimum. {then}",
        ConvergenceWarning,
    )


def _sums_of_cells(seen: Any, rule: FoldRule) -> Array:
    """[Rows, weight, positive weight] of each cell, shape (n_cells, 3)."""
    of_cells = np.zeros((len(rule.train), 3))
    cells = seen.keys
    if rule.keys is not None and rule.cell_of_key is not None:
        cells = rule.cell_of_key[np.searchsorted(rule.keys, seen.keys)]
    np.add.at(of_cells, cells, seen.sums)
    return of_cells


def has_one_class(mass: float, positive: float) -> bool:
    """Whether rows of some weight, and positive weight, are of one class; sums of either may be rounded."""
    return not NO_WEIGHT * mass < positive < (1 - NO_WEIGHT) * mass


def _rows_of(problem: Problem, rule: FoldRule, job: int) -> KeptRows | None:
    """The rows that train the model of a fold, or of all rows, where the table is small and in memory."""
    from logloss.onepass.summaries import ALL_ROWS

    if problem.rows is None or job == ALL_ROWS:
        return problem.rows
    blocks = (block.taken(rule.train[rule.cells(block), job]) for block in problem.rows.blocks)
    return replace(problem.rows, blocks=tuple(block for block in blocks if block.n_rows))


def _task(
    problem: Problem, sums: Array, rows: KeptRows | None, run: Run, max_passes: int
) -> Callable[[Submit], list[FoldFit]]:
    """The path of one fold; sums: its rows, weight and positive weight."""
    n_rows, mass, positive = sums.tolist()

    def fitted(submit: Submit) -> list[FoldFit]:
        if has_one_class(mass, positive) and problem.fit_intercept:
            at = np.zeros(problem.design.width)
            ones, zeros = positive + ADDED_TO_ONE_CLASS, max(mass - positive, 0.0) + ADDED_TO_ONE_CLASS
            # Not from their rate, which rounds to 1 for large weights.
            at[0] = math.log(ones / zeros)
            return [FoldFit(at, (), 0, 0.0, 1.0, 0)] * len(run)
        own = {"n_rows": int(n_rows), "sum_weight": mass, "base_rate": positive / mass, "rows": rows}
        fold = FoldProblem.of_rows(problem, submit, **own)
        return _along(fold, run, max_passes)

    return fitted


def _along(fold: FoldProblem, run: Run, max_passes: int) -> list[FoldFit]:
    """The fits of one fold, each begun at the Newton step that the one before shows for the next penalty."""
    fits: list[FoldFit] = []
    at, rank = null_model(fold, fold.base_rate), None
    for j, strength in enumerate(run):
        own = replace(fold, l1=strength.l1, l2=strength.l2)
        optimum = optimum_at(own, at, max_passes, rank)
        fits.append(fit_of(own, optimum))
        # Which columns depend on each other is looked for once, not at every value.
        rank = optimum.own_rank if own.l1 and not own.l2 and optimum.own_rank.null is not None else None
        if j + 1 < len(run):
            at = predicted(replace(fold, l1=run[j + 1].l1, l2=run[j + 1].l2), optimum.evaluation)
    return fits


def optimum_at(own: Problem, at: Array, max_passes: int, rank: Rank | None = None) -> Optimum:
    """The fit at a value of a path, from where the one before shows; rank: of the columns, as far as it is known."""
    # Bounds on the rounding of each row are summed only where the usual ones are too large.
    history = replace(PassHistory.empty(own), is_careful=own.design.has_outliers)
    if own.l1:
        state = solve_lasso(own, at, replace(history, rank=rank), max_passes)
        return Optimum(own, state.evaluation, Rank(), state.history.passes, None, own_rank=state.history.known_rank)
    if not own.l2 > 0:
        return find_optimum(own, at, history, max_passes)
    state = solve(own, at, history, max_passes)
    return Optimum(own, state.evaluation, state.history.known_rank, state.history.passes, None)


def fit_of(own: Problem, optimum: Optimum) -> FoldFit:
    """What is kept of a fit; own: its problem, of all rows where the optimum is that of a face."""
    now = optimum.evaluation
    held = float(own.penalty[own.free] @ now.factor.deviations**2) if own.is_penalised else 0.0
    n_free = len(own.free) - optimum.rank.n_dependent
    if own.l1:
        n_free = int(own.fit_intercept) + n_nonzero(own, now.coefficients) - now.factor.n_dependent
    degrees = n_free - held
    bound = optimum.bound / own.sum_weight
    at = _one_step_on(optimum.problem, now)
    return FoldFit(at, optimum.directions, len(optimum.passes), bound, degrees, n_nonzero(own, at))


def n_nonzero(problem: Problem, at: Array) -> int:
    """How many coefficients are not 0, without the intercept."""
    return int(np.count_nonzero(at[problem.design.places]))


def _one_step_on(problem: Problem, now: Evaluation) -> Array:
    """The coefficients after the last Newton step, where no pass is made: it cannot raise the objective.

    With u = Rν as in docs/certificate.md, the objective falls by at least ν² (1 − (e^u − u − 1) / u²), which is above 0
    for u < 1: the bound holds there, too, and what is left is about the square of what it was.
    """
    if not now.is_fresh or now.factor.is_single:
        return now.coefficients
    if problem.l1:
        # No log-odds of a row moves by more.
        is_near = float(now.sums.largest @ np.abs(now.step)) < 1
        return now.coefficients + now.step if is_near else now.coefficients
    reach = reach_of(now.factor.deviations, now.sums.largest[problem.free], problem.groups)
    is_near = reach * math.sqrt(2 * now.decrement) < 1
    return now.coefficients + now.step if is_near else now.coefficients


def predicted(problem: Problem, now: Evaluation) -> Array:
    """A Newton step for another penalty: gradient and Hessian of the loss do not depend on it, so no pass is made."""
    at, sums = now.coefficients, now.sums
    if problem.l1:
        return predicted_lasso(problem, sums)
    if sums.hessian is None or not problem.is_penalised:
        return at + now.step
    gradient = (sums.gradient + problem.penalty * at)[problem.free]
    moved: Array = at - problem.full_vector(problem.factor(sums).solve(gradient))
    return moved if np.isfinite(moved).all() else at


def points_of(
    strengths: Sequence[Strength],
    of_folds: Sequence[Sequence[FoldFit]],
    all_rows: Sequence[FoldFit],
    held_out: HeldOutSummary,
) -> tuple[PathPoint, ...]:
    """The values of the path with what the held-out rows show."""
    losses, differences, errors = losses_of(held_out)
    with np.errstate(invalid="ignore", divide="ignore"):
        of_fold = np.where(held_out.n_infinite > 0, np.inf, held_out.losses / held_out.masses[:, None])
    return tuple(
        PathPoint(
            strength.l2,
            losses[j],
            differences[j],
            errors[j],
            tuple(of_fold[:, j].tolist()),
            int(held_out.n_infinite[:, j].sum()),
            all_rows[j].effective_degrees,
            sum(own[j].n_passes for own in of_folds),
            max(own[j].bound for own in of_folds),
            strength.l1,
            strength.l1_ratio,
            all_rows[j].n_nonzero,
        )
        for j, strength in enumerate(strengths)
    )
