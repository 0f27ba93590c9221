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

from logloss.data.block import Block
from logloss.data.design import FAR, LARGE, Design, category_of, numbers_of
from logloss.data.rows import Array, Column, Roles
from logloss.data.source import MATRIX, Source, as_column, bind, features_matrix, names_of
from logloss.errors import ConvergenceWarning, DataError
from logloss.information import entropy
from logloss.measurement import positive_text
from logloss.text import columns, count, counted, fixed, listed, printable, significant

# Newton's method doubles the right digits in each pass: below this decrement (nats per row) coefficients have them all.
SETTLED_DECREMENT = 1e-28
# Asked of the certificate unless told otherwise, in nats per row.
TOLERANCE = 1e-12
MAX_HALVINGS = 30
# The Hessian of more is too large to hold and to factor: 5,000² numbers are 200 MB.
MOST_COEFFICIENTS = 5_000
# A loss that can fall by less (nats per row) stands still.
STILL = 1e-4
ROUNDING = 2.0**-52


@dataclass(frozen=True, slots=True)
class Certificate:
    """How far the mean loss (penalty included) can be from the best, in nats per row.

    nats_per_row: the bound, in [0, inf). is_proven: True for a duality gap (l2 > 0); False for the Newton decrement of
    an unpenalised fit, an estimate.

    Examples
    --------
    >>> import logloss
    >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).certificate.is_proven
    False
    """

    nats_per_row: float
    is_proven: bool


@dataclass(frozen=True, slots=True)
class Pass:
    """One walk over the rows: where it looked, the mean log loss there, and the bound on what is left to gain.

    Examples
    --------
    >>> import logloss
    >>> first = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).passes[0]
    >>> first.intercept, round(first.log_loss, 4)
    (0.0, 0.6931)
    """

    intercept: float
    coefficients: tuple[float, ...]
    log_loss: float
    bound: float


@dataclass(frozen=True, slots=True, repr=False)
class LogisticModel:
    """P(positive) = σ(intercept + Σ coefficient · x), as trained by `fit`: frozen and complete.

    Attributes
    ----------
    intercept : float
        Log-odds where every feature is 0.
    coefficients : dict of name to float
        Change of the log-odds per unit of each feature.
    log_loss : float
        Mean log loss on the rows it was trained on, in nats, without the penalty.
    certificate : Certificate
        Bound on the distance from the best.
    passes : tuple of Pass
        What each pass found, the first at 0, the last at the answer.
    l2 : float
        Prior precision on the summed loss (scikit-learn's 1 / C).
    n_rows, base_rate : int, float
        Rows that took part, and their mean label.

    Examples
    --------
    >>> import logloss
    >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
    >>> model.predict_proba([1.5]).round(6).tolist()
    [0.5]
    """

    intercept: float
    coefficients: dict[str, float]
    log_loss: float
    certificate: Certificate
    passes: tuple[Pass, ...]
    l2: float
    n_rows: int
    base_rate: float
    positive: str
    design: Design
    values: Array

    def predict_logit(self, X: Any) -> Array:
        """Log-odds of the positive class for each row of X, shape (n_rows, n_features).

        Examples
        --------
        >>> import logloss
        >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).predict_logit([1.5]).round(6).tolist()
        [0.0]
        """
        columns = self._columns(X)
        coded = self.design.coded(columns)
        for name, n_strange in coded.strange.items():
            warnings.warn(
                f'"{printable(name)}" has levels that training did not see, in {counted(n_strange, "row")}; they are '
                "taken for average ones.",
                UserWarning,
                stacklevel=2,
            )
        n_rows = len(columns[0].values) if columns else len(X)
        return coded.logits(self.values, 0, n_rows)

    def _columns(self, X: Any) -> Sequence[Column]:
        """The columns that the recipe reads, checked."""
        own = names_of(X)
        terms = self.design.terms
        if own is not None and set(self.design.columns) <= set(own) and terms:
            # Columns with the names of training are found by them: in any order, among others.
            found = {name: as_column(X[name], name) for name in self.design.columns}
        else:
            matrix = features_matrix(X if own is None or not hasattr(X, "to_numpy") else X.to_numpy())
            width = sum(len(term.coefficient_names) for term in self.design.numbers)
            if self.design.categories:
                raise DataError(f"`X` must have the columns {listed(list(self.design.columns))} by name.")
            if matrix.shape[1] != width:
                raise DataError(f"`X` must have {counted(width, 'column')}, as in training; it has {matrix.shape[1]}.")
            if not terms:
                return []
            if terms[0].column == MATRIX:
                found = {MATRIX: Column(matrix, names=terms[0].coefficient_names)}
            else:
                found = {term.column: Column(matrix[:, j]) for j, term in enumerate(terms)}
        n_rows = len(next(iter(found.values())).values)
        for name, column in found.items():
            if len(column.values) != n_rows:
                raise DataError(f'"{printable(name)}" has {count(len(column.values))} rows, others {count(n_rows)}.')
        for term in self.design.numbers:
            if found[term.column].categories is not None:
                raise DataError(f'column "{printable(term.column)}" must hold numbers, as in training; it holds text.')
        return self.design.checked(found)

    def predict_proba(self, X: Any) -> Array:
        """Probability of the positive class for each row of X, shape (n_rows,), in [0, 1].

        Examples
        --------
        >>> import logloss
        >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).predict_proba([1.5]).round(6).tolist()
        [0.5]
        """
        return np.exp(-np.logaddexp(0.0, -self.predict_logit(X)))

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-ready values, units in the names.

        Examples
        --------
        >>> import logloss
        >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).to_dict()["n_rows"]
        4
        """
        return {
            "schema": 1,
            "positive": self.positive,
            "intercept": self.intercept,
            "coefficients": dict(self.coefficients),
            "l2": self.l2,
            "n_rows": self.n_rows,
            "base_rate": self.base_rate,
            "log_loss_nats": self.log_loss,
            "certificate_nats_per_row": self.certificate.nats_per_row,
            "certificate_is_proven": self.certificate.is_proven,
            "n_passes": len(self.passes),
        }

    def __repr__(self) -> str:
        penalty = "no penalty" if self.l2 == 0 else f"l2 = {self.l2:g}"
        n_ones = f", mean label {fixed(self.base_rate, 4)}"
        head = f"LogisticModel  P({self.positive}) from {counted(len(self.coefficients), 'column')} · "
        head += f"{counted(self.n_rows, 'row')}{n_ones} · {penalty}"
        table = [["", "coefficient", "odds ratio"], ["intercept", significant(self.intercept), ""]]
        for name, value in self.coefficients.items():
            table.append([printable(name), significant(value), significant(math.exp(value)) if value < 700 else "inf"])
        alone = (
            f"log loss   {fixed(self.log_loss, 4)} on these rows · base rate alone {fixed(entropy(self.base_rate), 4)}"
        )
        kind = "certified within" if self.certificate.is_proven else "by its Newton decrement about"
        bound = f"{kind} {self.certificate.nats_per_row:.0e} nats per row of the best"
        fit_line = f"fit        {len(self.passes)} passes, {bound}"
        return "\n".join([head, "", *columns(table, "lrr", gap="   "), "", alone, fit_line])


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
    Cost: one walk to centre and scale, then one for each pass, O(n_rows · n_features²). Newton's method with the full
    Hessian, halved where it overshoots. For l2 > 0 the bound is a duality gap, proved in docs/certificate.md; without a
    penalty it is half the squared Newton decrement, an estimate.

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
    return _Newton(source, roles, float(l2), reference or {}, progress).model(tolerance, max_passes)


class _Newton:
    """The solver: Newton's method on centred and scaled features; the penalty stays on the user's scale."""

    def __init__(
        self,
        source: Source,
        roles: Roles,
        l2: float,
        reference: Mapping[str, Any],
        progress: Callable[[Block], None] | None,
    ) -> None:
        from logloss.onepass.run import walk
        from logloss.onepass.summaries import ColumnSummary

        self.source, self.l2, self.progress = source, l2, progress
        codes = frozenset(roles.features.index(name) for name in roles.categories)
        found = walk(source, roles, ColumnSummary.empty(codes), progress=progress)
        # What this walk has found sound is not looked at again.
        self.roles = replace(roles, is_checked=True)
        self.n_rows, self.weight = found.n_rows, found.sum_weight
        self.base_rate = found.sum_positive / found.sum_weight
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
        self.penalty = l2 / self.design.scale**2
        self.penalty[0] = 0.0

    def look(self, coefficients: Array) -> Any:
        """One pass: loss, gradient and Hessian at some coefficients."""
        from logloss.onepass.run import walk
        from logloss.onepass.summaries import CurvatureSummary, Point

        point = Point(coefficients, self.design)
        return walk(self.source, self.roles, CurvatureSummary.empty(point), progress=self.progress)

    def objective(self, found: Any) -> float:
        """Summed loss and penalty."""
        coefficients = found.point.coefficients
        return float(found.total_loss + 0.5 * self.penalty @ coefficients**2)

    def step(self, found: Any) -> tuple[Array, float]:
        """Newton's step and half its squared decrement: what the quadratic model expects to gain."""
        import scipy.linalg

        free = self.design.free
        slope = (found.gradient + self.penalty * found.point.coefficients)[free]
        curvature = found.hessian[np.ix_(free, free)] + np.diag(self.penalty[free])
        size = np.sqrt(np.maximum(np.diag(curvature), np.finfo(float).tiny))
        scaled = curvature / size / size[:, None]
        try:
            short = -scipy.linalg.cho_solve(scipy.linalg.cho_factor(scaled), slope / size) / size
        except scipy.linalg.LinAlgError:
            # Constant or collinear columns: the shortest of the equally good steps.
            short = -scipy.linalg.lstsq(scaled, slope / size)[0] / size
        step = np.zeros(self.design.width)
        step[free] = short
        return step, max(-0.5 * float(slope @ short), 0.0)

    def bound(self, found: Any, decrement: float) -> float:
        """Nats by which the objective can be above its least: the duality gap, or without a penalty the decrement.

        The dual point is σ(z) + δ·σ(z)σ(−z), with δ such that the intercept's gradient vanishes; docs/certificate.md.
        """
        rounding = ROUNDING * self.objective(found)
        if self.l2 == 0:
            return decrement + rounding
        shift = -found.gradient[0] / found.curvature[0]
        if not abs(shift) <= 1:
            return math.inf
        free = self.design.free[1:]
        residual = (found.gradient + shift * found.curvature + self.penalty * found.point.coefficients)[free]
        gap = float(np.sum(residual**2 / (2 * self.penalty[free])) + shift**2 * found.curvature[0])
        return gap + rounding

    def model(self, tolerance: float, max_passes: int) -> LogisticModel:
        """Passes until the certificate is as small as asked and the digits of the coefficients have settled."""
        found = self.look(np.zeros(self.design.width))
        step, decrement = self.step(found)
        bound = self.bound(found, decrement)
        passes = [self.noted(found, bound)]
        while len(passes) < max_passes:
            before, previous = found, decrement
            found = self.walked(before, step, passes, max_passes)
            if found is None:
                found = before
                break
            step, decrement = self.step(found)
            bound = self.bound(found, decrement)
            passes.append(self.noted(found, bound))
            is_settled = decrement <= SETTLED_DECREMENT * self.weight or decrement > previous / 4
            # Where the gain expected is below the rounding of the objective, more passes only stir its last digits.
            is_stalled = previous / 4 < decrement <= ROUNDING * self.objective(found)
            if (bound <= tolerance * self.weight and is_settled) or is_stalled:
                break
        self.warn(bound, step, tolerance, len(passes))
        last = passes[-1]
        return LogisticModel(
            intercept=last.intercept,
            coefficients=dict(zip(self.design.names, last.coefficients, strict=True)),
            log_loss=last.log_loss,
            certificate=Certificate(bound / self.weight, self.l2 > 0),
            passes=tuple(passes),
            l2=self.l2,
            n_rows=self.n_rows,
            base_rate=self.base_rate,
            positive=positive_text(self.roles),
            design=self.design,
            values=found.point.coefficients / self.design.scale,
        )

    def walked(self, before: Any, step: Array, passes: list[Pass], max_passes: int) -> Any:
        """The pass after a step, halved while it makes the objective worse; None if no length of it helps."""
        reached = self.objective(before)
        allowed = ROUNDING * abs(reached)
        for _ in range(MAX_HALVINGS):
            found = self.look(before.point.coefficients + step)
            if self.objective(found) <= reached + allowed:
                return found
            passes.append(self.noted(found, math.inf))
            if len(passes) >= max_passes:
                break
            step = step / 2
        passes.append(self.noted(before, passes[-1].bound))
        return None

    def noted(self, found: Any, bound: float) -> Pass:
        """A pass in the user's coordinates."""
        values = found.point.coefficients / self.design.scale
        intercept = float(values[0] - values[1 : 1 + self.design.n_dense] @ self.design.centre)
        coefficients = tuple(values[self.design.places].tolist())
        return Pass(intercept, coefficients, found.total_loss / self.weight, bound / self.weight)

    def warn(self, bound: float, step: Array, tolerance: float, n_passes: int) -> None:
        """Say so where the answer is not certified, or where it was still running away."""
        if self.l2 == 0 and bound <= STILL * self.weight and np.abs(step).max() > 0.1:
            warnings.warn(
                f"no finite coefficients seem to be best: after {n_passes} passes they still grow and the loss stands "
                "still. The features may divide the labels perfectly; add `l2=` for a finite answer.",
                ConvergenceWarning,
                stacklevel=4,
            )
        elif bound > tolerance * self.weight:
            warnings.warn(
                f"stopped after {n_passes} passes: within {bound / self.weight:.1g} nats per row of the best, asked "
                f"for was {tolerance:.1g}. Raise `max_passes`, or look at `model.passes`.",
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
        if (
            column.names is not None
            and is_near
            and not lacks.any()
            and found.n_rows * len(means) >= LARGE
            and len(features) == 1
        ):
            in_place, means = True, np.zeros(len(means))
        terms.append(numbers_of(name, (name,) if column.names is None else column.names, means, lows, highs, lacks))
    return Design(tuple(terms), in_place)
