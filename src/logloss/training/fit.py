"""Training: the logistic classifier of least log loss, by passes until its distance from the best is known.

>>> import logloss
>>> model = logloss.fit([[-1.0], [0.0], [1.0], [2.0]], [0, 1, 0, 1], l2=1.0)
>>> model.certificate.is_proven, model.certificate.nats_per_row < 1e-15
(True, True)

The objective is the summed loss, weights as counts, plus l2 / 2 times the squared coefficients; the intercept is free.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from logloss.data.binding import OTHERS, bind
from logloss.data.block import Block
from logloss.data.design import TOUCHING, Design
from logloss.data.request import RowOptions, described
from logloss.data.rows import Array, Place, Roles, is_unnamed_index, positive_text
from logloss.data.source import Source
from logloss.data.values import Value
from logloss.errors import ConvergenceWarning, DataError, SeparationWarning
from logloss.information import entropy
from logloss.text import counted, listed, printable, significant, value_text
from logloss.training.certificate import Certificate, Pass
from logloss.training.interruptible import patiently, told_of_waiting
from logloss.training.leave_one_out import NewRows, SourceWithout, new_rows_of
from logloss.training.model import NOT_USED, LogisticModel
from logloss.training.recipe import Learned, learn
from logloss.training.separation import Separating, Separation, separating
from logloss.training.solver import Found, Solver, Tried
from logloss.training.standard_errors import collinear, errors_at
from logloss.training.warm_start import KEPT_WHOLE, LARGE_TABLE, ROWS_PER_COEFFICIENT, sampled_block

# Asked of the certificate unless told otherwise, in nats per row.
TOLERANCE = 1e-12
# Passes without a penalty after which a fit that is not certified looks for separation.
PATIENCE = 25
# Half the squared decrement, summed over the rows, from which on errors and the loss on new rows mean nothing.
NEAR = 1e-4
# Rows of each level that a sample should have for a warm start to save passes, where passes are cheap.
FEWEST_OF_LEVEL = 20
# Numbers are cut off at so many scales from the centre, and so many passes made over them, to find where to begin.
NEARBY, MOST_NEARBY = 64.0, 8
# A level of at most so many rows often has one class only; of so many of these some certainly do.
FEW_ROWS, MANY_LEVELS = 4, 16
# A base rate this near to 0 or 1 is one that rounding has left of one class.
ROUNDING_OF_RATE = 1e-12


@described
def fit(
    data: Any,
    y_true: Any,
    *,
    features: Any = None,
    exclude: Sequence[str] = (),
    categories: Any = None,
    reference: Mapping[str, Any] | None = None,
    l2: float = 0.0,
    offset: Any = None,
    sample_weight: Any = None,
    counts: Any = None,
    cluster: Any = None,
    pos_label: Value = None,
    missing: str = "error",
    robust: bool | None = None,
    leave_one_out: bool = True,
    header: bool = True,
    tolerance: float = TOLERANCE,
    max_passes: int = 100,
    start: LogisticModel | None = None,
    engine: object = None,
    progress: Callable[[Block], None] | None = None,
    on_pass: Callable[[Pass], None] | None = None,
) -> LogisticModel:
    r"""Fit the logistic classifier of least log loss, and say how far it can be from the best.

    .. math:: \min_{b, w} \sum_i s_i \{ \log(1 + e^{z_i}) - y_i z_i \} + \tfrac{l_2}{2} |w|^2, \quad z_i = b + x_i^T w

    Parameters
    ----------
    data : array of shape (n_rows, n_features) or (n_rows,), or table
        Features: a matrix of finite numbers, or a frame. If `y_true` is a name or `features` is given: a table, as in
        `measure`: a frame, or the path of Parquet or CSV files.
    y_true : array of shape (n_rows,), or name of a column
        Labels, as in `log_loss`: 0 and 1, shares in [0, 1], or two classes with `pos_label`.
    features : list of names, optional
        The columns of the table to use; if left out, every column of numbers, bools or text that has no other role. A
        number is one coefficient; bools, text and declared categories, in their order, one for each level but one.
        Left out are dates, what else is no feature (the model lists them) and the index of a frame; a column that only
        tells rows apart is refused.
    exclude : list of names, optional
        Columns of the table not to use.
    categories : list of names, optional
        Columns of numbers that are codes: one coefficient for each value but one.
    reference : dict of name to level, optional
        The level of a category that has no coefficient; the first one in order if left out.
    l2 : float ≥ 0
        Prior precision of the coefficients on the summed loss (scikit-learn's 1 / C); the intercept is never penalised.
    {offset}
    {sample_weight}
    {counts}
    cluster : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        Rows with equal values depend on each other: standard errors take clusters, not rows, as independent.
    {pos_label}
    missing : {"error", "drop", "indicator"}
        What to do with rows in which a feature is missing; "indicator" gives them a coefficient of their own.
    robust : bool, optional
        Whether standard errors are those of the sandwich, which do not need the model to be right; if left out, they
        are where `sample_weight` is given.
    leave_one_out : bool
        Whether to say what new rows may cost: `model.new_rows`.
    {header}
    tolerance : float > 0
        Asked of the certificate, in nats per row.
    max_passes : int ≥ 1
        Walks over the rows before giving up.
    start : LogisticModel, optional
        Where to begin: a model whose coefficients are finite and have the same names; any other is not used. It changes
        the number of passes, not the answer.
    engine : distributed.Client, SparkSession, "dask" or "spark", optional
        Who walks over the files; "dask" or "spark" start one on this machine. A frame of theirs needs none, and is
        held in the engine's memory where it allows that (docs/scale.md). The certificate is that of one machine;
        coefficients differ by rounding and, where passes are dear, by at most 1e-5 of a standard error.
    {progress}
    on_pass : function, optional
        Called with each `Pass` when it is done.

    Returns
    -------
    LogisticModel

    Raises
    ------
    DataError
        If the data break a rule, or only one class occurs.

    Notes
    -----
    Cost: one walk to learn the columns and to draw a sample, then a handful of passes, O(n_rows · n_features) each and
    O(n_rows · n_features²) where it forms the Hessian; memory O(n_features²). A large table is begun by Newton's method
    on growing subsamples; then few Hessians and L-BFGS between them. The bound is proved in docs/certificate.md.
    Without a penalty one more walk may form the information matrix, another one the sandwich. What new rows may cost
    takes a refit for each of up to 1,000 rows, one more walk up to 200,000, a random sample beyond.

    References
    ----------
    Boyd, S. & Vandenberghe, L. (2004). Convex Optimization, sections 5.5.1 and 9.5. doi:10.1017/CBO9780511804441

    Examples
    --------
    >>> import logloss
    >>> model = logloss.fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1], l2=1.0)
    >>> round(model.coefficients["x"], 4)
    0.9583
    """
    if not (isinstance(l2, Real) and 0 <= l2 < math.inf):
        raise DataError(
            f"`l2` must be finite and at least 0; got {l2!r}. It is the prior precision on the summed loss: 1 / C."
        )
    if max_passes < 1 or not tolerance > 0:
        raise DataError(f"`max_passes` must be at least 1 and `tolerance` above 0; got {max_passes} and {tolerance}.")
    exclude = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    is_table = features is not None or isinstance(y_true, str)
    if exclude and (features is not None or not is_table):
        raise DataError("`exclude` leaves out columns of a table of which all others are used; name them or exclude.")
    from logloss.onepass.engines import placed
    from logloss.onepass.run import blas_on_one_thread

    asked = RowOptions(
        y_true=y_true if is_table else None,
        offset=offset,
        sample_weight=sample_weight,
        counts=counts,
        cluster=cluster,
        pos_label=pos_label,
        missing=missing,
        header=header,
        engine=engine,
        progress=progress,
    )
    with placed(data, asked, is_repeated=True) as table:
        if is_table:
            names = OTHERS if features is None else [features] if isinstance(features, str) else features
            source, roles = bind(table, asked, features=names, exclude=exclude, categories=categories)
        else:
            source, roles = bind(y_true, asked, features=table, categories=categories)
        if len(set(roles.features)) < len(roles.features):
            raise DataError(
                f"each feature must have its own name; got {listed([printable(n) for n in roles.features])}."
            )
        if not source.is_rewalkable:
            raise DataError(
                f"{source.name or 'this stream'} can be read once only; a fit walks over its rows repeatedly. "
                "Write it to a file, or read it into a table."
            )
        notes = () if features is not None else _unused(source, roles, exclude)
        is_chosen = features is not None or not is_table
        wishes = Asked(
            roles.sample_weight is not None if robust is None else robust,
            leave_one_out,
            offset if isinstance(offset, str) else "",
            notes,
        )
        # Small matrices are factored faster without a team, and to the same bits whatever its size.
        with blas_on_one_thread(), told_of_waiting(progress):
            learned = learn(source, roles, reference or {}, is_chosen=is_chosen, progress=progress)
            wishes = replace(wishes, notes=(*wishes.notes, *_lost_orders(source, learned.design, reference or {})))
            fitted = _Fit(source, learned, float(l2), progress=progress, on_pass=on_pass, start=start)
            return fitted.model(tolerance, max_passes, wishes)


def _unused(source: Source, roles: Roles, exclude: Sequence[str]) -> tuple[str, ...]:
    """A note on the columns of a table that are not used: those that were excluded, and what can be no feature."""
    unused = {name: source.why_unused(name) for name in source.column_names if name not in roles.columns}
    unused |= dict.fromkeys(exclude, "excluded")
    # The levels of an index that pyarrow has named are no column that anybody knows of.
    shown = [f"{printable(name)} ({why})" for name, why in unused.items() if not is_unnamed_index(name)]
    return (f"{NOT_USED}: {listed(shown, len(shown))}",) if shown else ()


def _lost_orders(source: Any, design: Design, reference: Mapping[str, Any]) -> tuple[str, ...]:
    """A note on declared categories whose order is not in the files, where their reference was not named."""
    has_lost = getattr(getattr(source, "source", source), "has_lost_order", None)
    names = [term.column for term in design.categories if term.column not in reference]
    lost = [printable(name) for name in names if has_lost is not None and has_lost(name)]
    if not lost:
        return ()
    return (f"levels in ascending order, as Parquet keeps no declared order of numbers and bools: {listed(lost, 20)}",)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a fit beside its coefficients, and what must be remembered of how it was asked."""

    is_robust: bool
    wants_new_rows: bool
    offset: str = ""
    notes: tuple[str, ...] = ()


class _Fit:
    """One fit: a walk to learn the columns, a warm start where it pays, passes, and the model made of them."""

    def __init__(
        self,
        source: Source,
        learned: Learned,
        l2: float,
        *,
        progress: Callable[[Block], None] | None = None,
        on_pass: Callable[[Pass], None] | None = None,
        start: LogisticModel | None = None,
    ) -> None:
        self.source, self.roles, self.l2 = source, learned.roles, l2
        self.n_rows, self.sum_weight = learned.found.n_rows, learned.found.sum_weight
        self.learned, self.design, self.base_rate = learned, learned.design, learned.base_rate
        # l2 / 2 · |w|² in the solver's coordinates v = w · scale; nothing for the intercept.
        penalty = l2 / self.design.scale**2
        penalty[0] = 0.0
        self.solver = Solver(source, self.roles, self.design, penalty, self.sum_weight, self.n_rows, progress=progress)
        self.start = np.zeros(self.design.width)
        n_free = len(self.design.free)
        sample = learned.found.sample
        self.sample: Block | None = None
        if start is not None and start.separation is None and start.design.names == self.design.names:
            self.start = start_of(start, self.design)
        # Of a small text file all rows were drawn, as nobody knew how many there are: that is no sample.
        elif self.n_rows >= LARGE_TABLE and n_free > 1 and len(sample.priorities) >= self.fewest_sampled(n_free):
            null = self.start.copy()
            has_offset = learned.roles.offset is not None
            null[0] = 0.0 if has_offset else math.log(self.base_rate) - math.log1p(-self.base_rate)
            self.sample = sampled_block(self.design, sample.chosen())
            rarest = min((min(term.weights) for term in self.design.categories), default=math.inf)
            # Of a level that has few rows in it a sample knows nothing; if it is the reference, of no level.
            if self.solver.is_dear or rarest * self.sample.n_rows >= FEWEST_OF_LEVEL * self.sum_weight:
                self.start = self.solver.warm(null, self.sample)
        self.passes: list[Pass] = []
        self.on_pass = on_pass
        if self.design.has_outliers and not self.start.any():
            self.start = self.without_outliers()

    def without_outliers(self) -> Array:
        """Where to begin where rows lie far away: the answer with numbers cut off, if it is better than nothing."""
        solver = self.solver
        near = Solver(
            self.source, self.roles, self.design.cut_off(NEARBY), solver.penalty, self.sum_weight, self.n_rows
        )
        found = near.solve(self.start, math.inf, MOST_NEARBY, lambda each: None)
        points = np.array([self.start, found.at])
        objectives = solver.losses(points) + 0.5 * (points**2 @ solver.penalty)
        return points[int(np.argmin(np.where(np.isnan(objectives), np.inf, objectives)))]

    @staticmethod
    def fewest_sampled(n_free: int) -> int:
        """Rows that a sample must have to begin with."""
        return max(ROWS_PER_COEFFICIENT * n_free, LARGE_TABLE // 10)

    def run(self, tolerance: float, max_passes: int) -> tuple[Found, Separating | None]:
        """(The last pass, what separates the classes: None where nothing does, as far as is known)."""
        separated: Separating | None = None
        if self.l2 == 0 and self.is_easily_separated:
            separated = self.separating(self.start)
            if separated.directions:
                return self.on_face(separated, self.start, tolerance, max_passes), separated
        found = self.solver.solve(self.start, tolerance, min(max_passes, PATIENCE), self.note)
        if self.passes[0].log_loss > entropy(self.base_rate) and self.start.any() and self.roles.offset is None:
            # A sample that misled: rather Newton's method from nothing.
            found = self.solver.solve(np.zeros(self.design.width), tolerance, max_passes, self.note)
        if self.l2 == 0 and not found.is_proven:
            separated = self.separating(found.at)
            if separated.directions:
                return self.on_face(separated, found.at, tolerance, max_passes), separated
        if len(self.passes) < max_passes and not self.solver.is_settled(found, tolerance):
            self.solver.is_cleared = True
            found = self.solver.solve(found.at, tolerance, max_passes - len(self.passes), self.note)
        return found, separated

    @property
    def is_easily_separated(self) -> bool:
        """Whether it is likely before any pass: of levels of few rows one often has one class, of few rows any has."""
        usual = self.sum_weight / self.n_rows
        levels = [weight for term in self.design.categories for weight in term.weights]
        is_rare = [weight <= FEW_ROWS * usual for weight in levels]
        return sum(is_rare) > MANY_LEVELS or self.n_rows <= len(self.design.free)

    def model(self, tolerance: float, max_passes: int, asked: Asked) -> LogisticModel:
        """Passes until the certificate is as small as asked and the digits of the coefficients have settled."""
        found, separated = self.run(tolerance, max_passes)
        last = self.noted(found)
        coefficients, intercept = np.array(last.coefficients), last.intercept
        directions = () if separated is None else separated.directions
        for direction in reversed(directions):
            intercept, coefficients = self.at_infinity(direction, intercept, coefficients)
        separation = None
        if separated is not None and directions:
            named = zip(self.design.names, coefficients.tolist(), strict=True)
            columns = tuple(name for name, value in named if math.isinf(value))
            is_complete = not found.sums.n_rows
            lines = tuple(d / self.design.scale for d in directions)
            separation = Separation(columns, is_complete, separated.n_divided, lines)
        notes = (*asked.notes, *self.doubts(found, separated))
        self.warn(found, tolerance, separation)
        errors = None
        # What is left moves no coefficient by more than about 1 % of its standard error.
        is_near = separation is None and found.decrement / self.sum_weight * self.n_rows <= NEAR
        if self.l2 == 0 and is_near:
            errors = errors_at(self.solver, found, cluster=self.roles.cluster, is_robust=asked.is_robust)
        return LogisticModel(
            intercept=intercept,
            coefficients=dict(zip(self.design.names, coefficients.tolist(), strict=True)),
            log_loss=last.log_loss,
            certificate=Certificate(found.bound / self.sum_weight, found.is_proven),
            passes=tuple(self.passes),
            l2=self.l2,
            n_rows=self.n_rows,
            base_rate=self.base_rate,
            positive=positive_text(self.roles),
            positive_value="" if self.roles.pos_label is None else value_text(self.roles.pos_label),
            design=self.design,
            values=found.at / self.design.scale,
            separation=separation,
            sum_weight=self.sum_weight,
            errors=errors,
            collinear=collinear(self.solver),
            n_dependent=0 if self.solver.null is None else self.solver.null.shape[1],
            has_offset=self.roles.offset is not None,
            offset=asked.offset,
            n_positive=self.learned.n_positive,
            new_rows=self.new_rows(found) if is_near and asked.wants_new_rows else None,
            n_dropped=self.learned.found.n_dropped,
            source=self.source.name,
            notes=(*self.source.notes, *notes),
        )

    def new_rows(self, found: Found) -> NewRows | None:
        """What new rows may cost."""
        kept = self.learned.found.sample.chosen()
        pieces = [rows for _, rows in kept]
        n_kept = sum(rows.n_rows for rows in pieces)
        is_small = n_kept <= KEPT_WHOLE and n_kept == self.learned.found.sample.n_rows
        return new_rows_of(
            self.solver,
            found,
            pieces=pieces if is_small else (),
            sample=self.sample,
            refit=lambda *row: self.without(found.at, *row),
        )

    def without(self, start: Array, place: Place, row: int, weight: float, label: float) -> Array | None:
        """The coefficients without one row; None if the others are of one class or separated."""
        source = SourceWithout(self.source, place, row)
        rate = self.base_rate
        if not math.isnan(weight):
            left = self.learned.found.sum_positive - weight * label
            rate = left / (self.sum_weight - weight) if self.n_rows > 1 else 0.0
            if not ROUNDING_OF_RATE < rate < 1 - ROUNDING_OF_RATE:
                return None
        fit = _Fit(source, self.learned, self.l2)
        fit.start, fit.base_rate = start, rate
        # Where the others are separated, coefficients run off until that is seen.
        with np.errstate(over="ignore"):
            found, separated = fit.run(TOLERANCE, PATIENCE)
        return None if separated is not None and separated.directions else found.at

    def separating(self, at: Array) -> Separating:
        """What separates the labels, proved. at: where the passes have come to."""
        from logloss.onepass.run import summarised

        def walked(empty: Any) -> Any:
            return summarised(self.source, self.roles, empty, progress=self.solver.progress)

        return separating(walked, self.design, self.across, at)

    def across(self, planes: tuple[Array, ...], n_rows: int, free: Array) -> Array:
        """Combinations of some coefficients that say nothing of the rows in planes, shape (n_free, n)."""
        if n_rows == 0:
            return np.eye(len(free))
        solver = self.on(planes, free)
        sums = solver.look(np.zeros(self.design.width), wants_hessian=True, is_level=True)
        factor = patiently(lambda: solver.factor_of(sums, solver.penalty))
        return factor.null if factor.n_dependent else np.zeros((len(free), 0))

    def on(self, planes: tuple[Array, ...], free: Array) -> Solver:
        """The solver of the rows that lie in planes."""
        return Solver(
            self.source,
            self.roles,
            self.design,
            self.solver.penalty,
            self.sum_weight,
            self.n_rows,
            progress=self.solver.progress,
            face=planes,
            free=free,
        )

    def on_face(self, found: Separating, start: Array, tolerance: float, max_passes: int) -> Found:
        """The finite part of the answer: the fit of the rows that no direction divides."""
        solver = self.on(found.directions, found.free)
        kept = np.zeros(self.design.width)
        kept[found.free] = start[found.free]
        return solver.solve(kept, tolerance, max_passes, (lambda each: None) if self.passes else self.note)

    def at_infinity(self, direction: Array, intercept: float, coefficients: Array) -> tuple[float, Array]:
        """Intercept and coefficients in the user's coordinates once they have gone along a direction."""
        values = direction / self.design.scale
        shift = values[1 : 1 + self.design.n_dense] * self.design.centre
        own = values[0] - shift.sum()
        if abs(own) > TOUCHING * (abs(values[0]) + np.abs(shift).sum()):
            intercept = math.copysign(math.inf, own)
        scaled, values = direction[self.design.places], values[self.design.places]
        is_off = np.abs(scaled) > TOUCHING
        return intercept, np.where(is_off, np.copysign(np.inf, values), coefficients)

    def doubts(self, found: Found, separated: Separating | None) -> tuple[str, ...]:
        """Why no bound is proved, where the columns are the reason."""
        if found.is_proven or self.solver.is_penalised:
            return ()
        reasons = []
        if not self.solver.is_rank_sure:
            names = [f'"{printable(name)}"' for name in collinear(self.solver)]
            reasons.append(
                f"{listed(names)} depend on each other but for their last digits, so no bound is proved. Leave one of "
                "them out, or use their difference instead."
            )
        if separated is not None and separated.is_open and not separated.directions:
            reasons.append("whether the labels are separated could not be decided, so no bound is proved")
        wide = self.design.names_of_outliers
        if wide:
            reasons.append(
                f"{listed([printable(name) for name in wide])}: few values are many thousand times as large as "
                "is usual in the column. If they are codes, mark them as missing."
            )
        return tuple(reasons)

    def note(self, found: Found | Tried) -> None:
        """Remember a pass."""
        self.passes.append(self.noted(found))
        if self.on_pass is not None:
            self.on_pass(self.passes[-1])

    def noted(self, found: Found | Tried) -> Pass:
        """A pass in the user's coordinates."""
        values = found.at / self.design.scale
        intercept = float(values[0] - values[1 : 1 + self.design.n_dense] @ self.design.centre)
        coefficients = tuple(values[self.design.places].tolist())
        return Pass(intercept, coefficients, found.total_loss / self.sum_weight, found.bound / self.sum_weight)

    def warn(self, found: Found, tolerance: float, separation: Separation | None) -> None:
        """Say so where the answer is not certified, or where there is no finite one."""
        if separation is not None:
            named = listed([f'"{printable(name)}"' for name in separation.columns]) or "the intercept"
            rest = "all rows" if separation.is_complete else f"{counted(separation.n_divided, 'row')}"
            infimum = found.sums.total_loss / self.sum_weight
            warnings.warn(
                f"the labels are separated: {named} can tell {rest} apart without fault, so no finite coefficients are "
                f"best. The loss can come as near to {significant(infimum)} as one likes; shown is the limit. Pass l2= "
                "(l2=1 is a common choice) for finite coefficients, or leave out what gives the labels away.",
                SeparationWarning,
                stacklevel=4,
            )
        elif found.bound > tolerance * self.sum_weight:
            n_passes = counted(len(self.passes), "pass", "passes")
            within = f"certified within {found.bound / self.sum_weight:.1g} nats per row of the best"
            gain = found.decrement / self.sum_weight
            hope = f"the next step alone is expected to gain {gain:.1g} nats per row" if gain > tolerance else ""
            got = within if found.is_proven else f"not certified: {hope or 'no bound is proved'}"
            warnings.warn(
                f"stopped after {n_passes}: {got}; asked for was {tolerance:.1g}. "
                "Raise `max_passes`, or look at `model.passes` and `model.notes`.",
                ConvergenceWarning,
                stacklevel=4,
            )


def start_of(model: LogisticModel, design: Design) -> Array:
    """The coefficients of a model in the coordinates in which another design is solved."""
    values = np.zeros(design.width)
    values[design.places] = list(model.coefficients.values())
    values[0] = model.intercept + values[1 : 1 + design.n_dense] @ design.centre
    return values * design.scale
