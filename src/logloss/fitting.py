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
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array, Roles
from logloss.data.source import Source, bind, features_matrix
from logloss.errors import ConvergenceWarning, DataError
from logloss.information import entropy
from logloss.measurement import positive_text
from logloss.text import columns, count, counted, fixed, listed, printable, significant

# Newton's method doubles the right digits in each pass: below this decrement (nats per row) coefficients have them all.
SETTLED_DECREMENT = 1e-28
# Asked of the certificate unless told otherwise, in nats per row.
TOLERANCE = 1e-12
MAX_HALVINGS = 30
# Squares of the spread of a feature must be numbers.
LARGEST_SPREAD = 1e100
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

    def predict_logit(self, X: Any) -> Array:
        """Log-odds of the positive class for each row of X, shape (n_rows, n_features).

        Examples
        --------
        >>> import logloss
        >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).predict_logit([1.5]).round(6).tolist()
        [0.0]
        """
        # Columns with the names of training are found by them: their order does not matter, nor what stands beside.
        names = list(self.coefficients)
        own: Any = getattr(X, "column_names", None)
        own = getattr(X, "columns", ()) if own is None else own
        if set(names) <= {name for name in own if isinstance(name, str)}:
            X = X.select(names) if hasattr(X, "select") else X[names]
        matrix = features_matrix(X).astype(np.float64)
        if matrix.shape[1] != len(names):
            raise DataError(f"`X` must have {counted(len(names), 'column')}, as in training; it has {matrix.shape[1]}.")
        bad = np.argwhere(~np.isfinite(matrix))
        if len(bad):
            row, j = bad[0]
            where = f'row {count(row)} has {matrix[row, j]} in column "{printable(names[j])}"'
            raise DataError(f"`X` must hold finite numbers; {where}.")
        return matrix @ np.array(list(self.coefficients.values())) + self.intercept

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
    l2: float = 0.0,
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
        Features: finite numbers. If `features` is given: a table, as in `measure`.
    y_true : array of shape (n_rows,), or name of a column
        Labels, as in `log_loss`: 0 and 1, shares in [0, 1], or two classes with `pos_label`.
    features : list of names, optional
        The columns of the table to use, all of numbers.
    l2 : float ≥ 0
        Prior precision of the coefficients on the summed loss (scikit-learn's 1 / C); the intercept is never penalised.
    sample_weight : array of shape (n_rows,), or name of a column, values ≥ 0, optional
        Weight of each row; 2 counts like two equal rows.
    counts : array of shape (n_rows,), or name of a column, whole numbers ≥ 0, optional
        How many times each row stands.
    pos_label : number or text, optional
        The class that counts as 1, where labels are not 0 and 1.
    missing : {"error", "drop"}
        What to do with rows in which something is missing.
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
    if features is None:
        if isinstance(y_true, str):
            raise DataError('name the columns to learn from: features=["…"]; or pass X and y as arrays.')
        source, roles = bind(y_true, features=data, **options)
    else:
        names = [features] if isinstance(features, str) else features
        source, roles = bind(data, y_true=y_true, features=names, **options)
    if len(set(roles.features)) < len(roles.features):
        raise DataError(f"each feature must have its own name; got {listed([printable(n) for n in roles.features])}.")
    return _Newton(source, roles, float(l2), progress).model(tolerance, max_passes)


class _Newton:
    """The solver: Newton's method on centred and scaled features; the penalty stays on the user's scale."""

    def __init__(self, source: Source, roles: Roles, l2: float, progress: Callable[[Block], None] | None) -> None:
        from logloss.onepass.run import walk
        from logloss.onepass.summaries import ColumnSummary

        self.source, self.roles, self.l2, self.progress = source, roles, l2, progress
        found = walk(source, roles, ColumnSummary.empty(len(roles.features)), progress=progress)
        self.n_rows, self.weight = found.n_rows, found.sum_weight
        self.base_rate = found.sum_positive / found.sum_weight
        if not 0 < self.base_rate < 1:
            raise DataError(
                f"both classes must occur to fit; all {counted(found.n_rows, 'row')} are {1 if self.base_rate else 0}, "
                "and no finite intercept is best. Check `y_true` and `pos_label`."
            )
        self.centre = found.sums / found.sum_weight
        spread = np.maximum(found.highs - self.centre, self.centre - found.lows)
        self.scale = np.where(spread > 0, spread, 1.0)
        for name, size in zip(roles.features, self.scale, strict=True):
            if not 1 / LARGEST_SPREAD <= size <= LARGEST_SPREAD:
                raise DataError(
                    f'the values of "{printable(name)}" must spread by 1e-100 to 1e100; they do by {size:.3g}. '
                    "Change their unit."
                )
        # l2 / 2 · |w|² in the solver's coordinates v = w · scale; nothing for the intercept.
        self.penalty = np.concatenate([[0.0], l2 / self.scale**2])

    def look(self, coefficients: Array) -> Any:
        """One pass: loss, gradient and Hessian at some coefficients."""
        from logloss.onepass.run import walk
        from logloss.onepass.summaries import CurvatureSummary, Point

        point = Point(coefficients, self.centre, self.scale)
        return walk(self.source, self.roles, CurvatureSummary.empty(point), progress=self.progress)

    def objective(self, found: Any) -> float:
        """Summed loss and penalty."""
        coefficients = found.point.coefficients
        return float(found.total_loss + 0.5 * self.penalty @ coefficients**2)

    def step(self, found: Any) -> tuple[Array, float]:
        """Newton's step and half its squared decrement: what the quadratic model expects to gain."""
        import scipy.linalg

        slope = found.gradient + self.penalty * found.point.coefficients
        curvature = found.hessian + np.diag(self.penalty)
        size = np.sqrt(np.maximum(np.diag(curvature), np.finfo(float).tiny))
        scaled = curvature / size / size[:, None]
        try:
            step = -scipy.linalg.cho_solve(scipy.linalg.cho_factor(scaled), slope / size) / size
        except scipy.linalg.LinAlgError:
            # Constant or collinear columns: the shortest of the equally good steps.
            step = -scipy.linalg.lstsq(scaled, slope / size)[0] / size
        return step, max(-0.5 * float(slope @ step), 0.0)

    def bound(self, found: Any, decrement: float) -> float:
        """Nats by which the objective can be above its least: the duality gap, or without a penalty the decrement.

        The dual point is σ(z) + δ·σ(z)σ(−z), with δ such that the intercept's gradient vanishes; docs/certificate.md.
        """
        rounding = ROUNDING * self.objective(found)
        if self.l2 == 0:
            return decrement + rounding
        shift = -found.gradient[0] / found.hessian[0, 0]
        if not abs(shift) <= 1:
            return math.inf
        residual = found.gradient[1:] + shift * found.hessian[1:, 0] + self.penalty[1:] * found.point.coefficients[1:]
        gap = float(np.sum(residual**2 / (2 * self.penalty[1:])) + shift**2 * found.hessian[0, 0])
        return gap + rounding

    def model(self, tolerance: float, max_passes: int) -> LogisticModel:
        """Passes until the certificate is as small as asked and the digits of the coefficients have settled."""
        found = self.look(np.zeros(len(self.scale) + 1))
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
            coefficients=dict(zip(self.roles.features, last.coefficients, strict=True)),
            log_loss=last.log_loss,
            certificate=Certificate(bound / self.weight, self.l2 > 0),
            passes=tuple(passes),
            l2=self.l2,
            n_rows=self.n_rows,
            base_rate=self.base_rate,
            positive=positive_text(self.roles),
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
        coefficients = found.point.coefficients[1:] / self.scale
        intercept = float(found.point.coefficients[0] - coefficients @ self.centre)
        return Pass(intercept, tuple(coefficients.tolist()), found.total_loss / self.weight, bound / self.weight)

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
