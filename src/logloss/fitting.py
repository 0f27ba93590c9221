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
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.design import FAR, LARGE, TOUCHING, Design, category_of, numbers_of
from logloss.data.rows import Array, Roles
from logloss.data.source import Source, bind
from logloss.errors import ConvergenceWarning, DataError, SeparationWarning
from logloss.information import entropy
from logloss.measurement import positive_text
from logloss.model import SHARE, Certificate, Errors, LogisticModel, Pass, errors_of
from logloss.separation import Separation, direction_of
from logloss.solver import LARGE_TABLE, ROWS_PER_COEFFICIENT, Found, Solver, Tried, sample_size, sampled_block
from logloss.text import count, counted, listed, printable, significant

# Asked of the certificate unless told otherwise, in nats per row.
TOLERANCE = 1e-12
# The Hessian of more is too large to hold and to factor: 5,000² numbers are 200 MB.
MOST_COEFFICIENTS = 5_000
# Passes without a penalty after which a fit that is not certified looks for separation.
PATIENCE = 25


def fit(
    data: Any,
    y_true: Any,
    *,
    features: Any = None,
    categories: Any = None,
    reference: Mapping[str, Any] | None = None,
    l2: float = 0.0,
    offset: Any = None,
    sample_weight: Any = None,
    counts: Any = None,
    pos_label: Any = None,
    missing: str = "error",
    robust: bool | None = None,
    tolerance: float = TOLERANCE,
    max_passes: int = 100,
    progress: Callable[[Block], None] | None = None,
) -> LogisticModel:
    r"""Fit the logistic classifier of least log loss, and say how far it can be from the best.

    .. math:: \min_{b, w} \sum_i s_i \{ \log(1 + e^{z_i}) - y_i z_i \} + \tfrac{l_2}{2} |w|^2, \quad z_i = b + x_i^T w

    Parameters
    ----------
    data : array of shape (n_rows, n_features) or (n_rows,), or table
        Features: a matrix of finite numbers, or a frame. If `features` is given: a table, as in `measure`.
    y_true : array of shape (n_rows,), or name of a column
        Labels, as in `log_loss`: 0 and 1, shares in [0, 1], or two classes with `pos_label`.
    features : list of names, optional
        The columns of the table to use. Numbers and bools are one coefficient each, text one for each level but one.
    categories : list of names, optional
        Columns of numbers that are codes: one coefficient for each value but one.
    reference : dict of name to level, optional
        The level of a category that has no coefficient; the first one in order if left out.
    l2 : float ≥ 0
        Prior precision of the coefficients on the summed loss (scikit-learn's 1 / C); the intercept is never penalised.
    offset : array of shape (n_rows,), or name of a column, optional
        Added to the log-odds of each row with no coefficient: what is known beforehand. Finite.
    sample_weight : array of shape (n_rows,), or name of a column, values ≥ 0, optional
        Weight of each row; 2 counts like two equal rows.
    counts : array of shape (n_rows,), or name of a column, whole numbers ≥ 0, optional
        How many times each row stands.
    pos_label : number or text, optional
        The class that counts as 1, where labels are not 0 and 1.
    missing : {"error", "drop", "indicator"}
        What to do with rows in which a feature is missing; "indicator" gives them a coefficient of their own.
    robust : bool, optional
        Whether standard errors are those of the sandwich, which do not need the model to be right; if left out, they
        are where `sample_weight` is given.
    tolerance : float > 0
        Asked of the certificate, in nats per row.
    max_passes : int ≥ 1
        Walks over the rows before giving up.
    progress : function, optional
        Called with each block of rows that was walked.

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
    Without a penalty one more walk may form the information matrix, another one the sandwich.

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
    options = {"sample_weight": sample_weight, "counts": counts, "pos_label": pos_label, "missing": missing}
    options |= {"categories": categories, "offset": offset}
    if features is None:
        if isinstance(y_true, str):
            raise DataError('name the columns to learn from: features=["…"]; or pass X and y as arrays.')
        source, roles = bind(y_true, features=data, **options)
    else:
        names = [features] if isinstance(features, str) else features
        source, roles = bind(data, y_true=y_true, features=names, **options)
    if len(set(roles.features)) < len(roles.features):
        raise DataError(f"each feature must have its own name; got {listed([printable(n) for n in roles.features])}.")
    from logloss.onepass.run import blas_on_one_thread

    # Small matrices are factored faster without a team, and to the same bits whatever its size.
    with blas_on_one_thread():
        fitted = _Fit(source, roles, float(l2), reference or {}, progress)
        return fitted.model(tolerance, max_passes, roles.sample_weight is not None if robust is None else robust)


class _Fit:
    """One fit: a walk to learn the columns, a warm start where it pays, passes, and the model made of them."""

    def __init__(
        self,
        source: Source,
        roles: Roles,
        l2: float,
        reference: Mapping[str, Any],
        progress: Callable[[Block], None] | None,
    ) -> None:
        from logloss.onepass.run import walk
        from logloss.onepass.summaries import ALL, ColumnSummary

        codes = frozenset(roles.features.index(name) for name in roles.categories)
        widths = {
            name: column.values.shape[1] for name, column in getattr(source, "columns", {}).items() if column.is_matrix
        }
        n_sampled = sample_size(source.n_rows, sum(widths.get(name, 1) for name in roles.features))
        limit = ALL if not source.n_rows else min(ALL, int(ALL * min(1.0, 1.1 * n_sampled / source.n_rows)))
        found = walk(source, roles, ColumnSummary.empty(codes, n_sampled, limit), progress=progress)
        # What this walk has found sound is not looked at again.
        self.source, self.roles, self.l2 = source, replace(roles, is_checked=True), l2
        self.n_rows, self.sum_weight = found.n_rows, found.sum_weight
        self.base_rate = found.sum_positive / found.sum_weight
        is_counted = self.roles.sample_weight is None and ("soft", True) not in found.coding
        self.n_positive = round(found.sum_positive) if is_counted else None
        if not 0 < self.base_rate < 1:
            raise DataError(
                f"both classes must occur to fit; all {counted(found.n_rows, 'row')} are {1 if self.base_rate else 0}, "
                "and no finite intercept is best. Check `y_true` and `pos_label`."
            )
        self.design = design_of(found, roles.features, reference)
        if self.design.width > MOST_COEFFICIENTS:
            raise DataError(
                f"a fit has at most {count(MOST_COEFFICIENTS)} coefficients; these columns have "
                f"{count(self.design.width)}. Leave out columns, or pool rare levels."
            )
        # l2 / 2 · |w|² in the solver's coordinates v = w · scale; nothing for the intercept.
        penalty = l2 / self.design.scale**2
        penalty[0] = 0.0
        self.solver = Solver(source, self.roles, self.design, penalty, self.sum_weight, self.n_rows, progress=progress)
        self.start = np.zeros(self.design.width)
        n_free = len(self.design.free)
        if len(found.sample.priorities) >= max(ROWS_PER_COEFFICIENT * n_free, LARGE_TABLE // 10) and n_free > 1:
            null = self.start.copy()
            null[0] = math.log(self.base_rate) - math.log1p(-self.base_rate) if roles.offset is None else 0.0
            self.start = self.solver.warm(null, sampled_block(self.design, found.sample.chosen()))
        self.passes: list[Pass] = []

    def model(self, tolerance: float, max_passes: int, is_robust: bool) -> LogisticModel:
        """Passes until the certificate is as small as asked and the digits of the coefficients have settled."""
        found = self.solver.solve(self.start, tolerance, min(max_passes, PATIENCE), self.note)
        if self.passes[0].log_loss > entropy(self.base_rate) and self.start.any() and self.roles.offset is None:
            # A sample that misled: rather Newton's method from nothing.
            found = self.solver.solve(np.zeros(self.design.width), tolerance, max_passes, self.note)
        directions: tuple[Array, ...] = ()
        n_divided = 0
        if self.l2 == 0 and not found.is_proven:
            directions, n_divided = self.directions()
        if directions:
            found = self.on_face(directions, found.at, tolerance, max_passes)
        elif len(self.passes) < max_passes and not self.solver.is_settled(found, tolerance):
            self.solver.is_cleared = True
            found = self.solver.solve(found.at, tolerance, max_passes - len(self.passes), self.note)
        last = self.noted(found)
        coefficients, intercept = np.array(last.coefficients), last.intercept
        for direction in reversed(directions):
            intercept, coefficients = self.at_infinity(direction, intercept, coefficients)
        separation = None
        if directions:
            named = zip(self.design.names, coefficients.tolist(), strict=True)
            columns = tuple(name for name, value in named if math.isinf(value))
            is_complete = not found.sums.n_rows
            separation = Separation(columns, is_complete, n_divided, tuple(d / self.design.scale for d in directions))
        self.warn(found, tolerance, separation)
        return LogisticModel(
            intercept=intercept,
            coefficients=dict(zip(self.design.names, coefficients.tolist(), strict=True)),
            log_loss=last.log_loss,
            certificate=Certificate(self.left(found) / self.sum_weight, found.is_proven),
            passes=tuple(self.passes),
            l2=self.l2,
            n_rows=self.n_rows,
            base_rate=self.base_rate,
            positive=positive_text(self.roles),
            design=self.design,
            values=found.at / self.design.scale,
            separation=separation,
            sum_weight=self.sum_weight,
            errors=None if self.l2 or separation is not None else self.errors(found, is_robust),
            collinear=self.collinear(),
            n_dependent=0 if self.solver.null is None else self.solver.null.shape[1],
            has_offset=self.roles.offset is not None,
            n_positive=self.n_positive,
        )

    def errors(self, found: Found, is_robust: bool) -> Errors | None:
        """Standard errors at the answer."""
        factor, solver = found.factor, self.solver
        if not found.is_fresh or found.sums.point.is_single:
            factor = solver.factor_of(solver.look(found.at, wants_hessian=True), solver.penalty)
        if factor.n_dependent:
            return None
        if is_robust:
            # In units of the mean weight, so that no square leaves the range of numbers.
            unit = self.sum_weight / self.n_rows
            meat = solver.look(found.at, wants_hessian=True, residual_unit=unit).hessian
            inverse = factor.inverse * unit
            covariance = inverse @ meat[np.ix_(self.design.free, self.design.free)] @ inverse
            return errors_of(self.design, "sandwich", covariance, solver.null)
        return errors_of(self.design, "information", factor.inverse, solver.null)

    def collinear(self) -> tuple[str, ...]:
        """The coefficients that the columns cannot tell apart."""
        null = self.solver.null
        if null is None:
            return ()
        shares = (np.abs(null) > SHARE * np.abs(null).max(axis=0)).any(axis=1)
        position = {int(place): j for j, place in enumerate(self.design.free)}
        return tuple(n for n, p in zip(self.design.names, self.design.places, strict=True) if shares[position[int(p)]])

    def directions(self) -> tuple[tuple[Array, ...], int]:
        """(Directions that separate, each among the rows in the planes of those before; how many rows they divide)."""
        from logloss.onepass.run import walk

        found: list[Array] = []
        n_divided = 0
        while True:
            face = tuple(found)
            sums = self.on(face).look(np.zeros(self.design.width), wants_hessian=False)
            if sums.n_rows == 0:
                break
            direction = direction_of(
                lambda empty: walk(self.source, self.roles, empty),
                self.design,
                -sums.gradient,
                sums.n_rows,
                face,
                self.solver.null,
            )
            if direction is None:
                break
            found.append(direction.vector)
            n_divided += direction.n_divided
        return tuple(found), n_divided

    def on(self, face: tuple[Array, ...]) -> Solver:
        """The solver of the rows that lie in planes."""
        return Solver(
            self.source, self.roles, self.design, self.solver.penalty, self.sum_weight, self.n_rows, face=face
        )

    def on_face(self, directions: tuple[Array, ...], start: Array, tolerance: float, max_passes: int) -> Found:
        """The finite part of the answer: the fit of the rows that no direction divides."""
        solver = self.on(directions)
        return solver.solve(start, tolerance, max_passes, lambda found: None)

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

    def left(self, found: Found) -> float:
        """The bound, or where there is none what the next step is expected to gain."""
        return found.bound if found.is_proven else found.decrement

    def note(self, found: Found | Tried) -> None:
        """Remember a pass."""
        self.passes.append(self.noted(found))

    def noted(self, found: Found | Tried) -> Pass:
        """A pass in the user's coordinates."""
        values = found.at / self.design.scale
        intercept = float(values[0] - values[1 : 1 + self.design.n_dense] @ self.design.centre)
        coefficients = tuple(values[self.design.places].tolist())
        return Pass(intercept, coefficients, found.total_loss / self.sum_weight, found.bound / self.sum_weight)

    def warn(self, found: Found, tolerance: float, separation: Separation | None) -> None:
        """Say so where the answer is not certified, or where there is no finite one."""
        left, within = self.left(found), "within" if found.is_proven else "expected to be within"
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
            warnings.warn(
                f"stopped after {len(self.passes)} passes: {within} {left / self.sum_weight:.1g} nats per row of the "
                f"best, asked for was {tolerance:.1g}. Raise `max_passes`, or look at `model.passes`.",
                ConvergenceWarning,
                stacklevel=4,
            )


def design_of(found: Any, features: Sequence[str], reference: Mapping[str, Any]) -> Design:
    """The recipe for the columns that a walk has learned of."""
    from logloss.onepass.summaries import Levels

    for name in reference:
        if name not in features:
            raise DataError(f'`reference` must name features; "{printable(name)}" is none.')
    terms: list[Any] = []
    in_place = False
    for j, name in enumerate(features):
        column = found.columns[j]
        if isinstance(column, Levels):
            if column.found is None:
                raise DataError(f'"{printable(name)}" has too many levels for a category. Leave it out.')
            terms.append(category_of(name, column.found, reference.get(name)))
            continue
        if name in reference:
            raise DataError(f'`reference` must name categories; "{printable(name)}" holds numbers.')
        lacks = column.n_lacking > 0
        means = column.sums / np.maximum(column.weights, np.finfo(float).tiny)
        means = np.where(column.weights > 0, means, 0.0)
        lows = np.where(column.weights > 0, column.lows, 0.0)
        highs = np.where(column.weights > 0, column.highs, 0.0)
        is_near = bool((np.abs(means) <= FAR * np.maximum(highs - means, means - lows)).all())
        is_large = column.names is not None and found.n_rows * len(means) >= LARGE
        in_place = is_large and is_near and not lacks.any() and len(features) == 1
        names = (name,) if column.names is None else column.names
        terms.append(numbers_of(name, names, means, lows, highs, lacks, in_place=in_place))
    return Design(tuple(terms), in_place)
