"""The penalty chosen by the log loss of held-out rows: the loss at each value, and the choice.

>>> import logloss
>>> x = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0] * 5
>>> model = logloss.fit(x, [0, 0, 1, 0, 1, 0, 1, 1] * 5, l2_path=[100.0, 1.0, 0.01])
>>> model.path.l2 == model.l2
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.answers.estimate import INFINITE, Estimate, SamplingError
from logloss.answers.figures import put
from logloss.answers.small_table import SmallTable
from logloss.data.rows import Array
from logloss.errors import DataError

if TYPE_CHECKING:
    from logloss.onepass.summaries import HeldOutSummary

# Ways to choose: the least loss; the strongest penalty within one standard error of it; a scikit-learn scorer.
BEST, ONE_STANDARD_ERROR, BY_SCORE = "best", "one_standard_error", "score"
SELECTIONS = (BEST, ONE_STANDARD_ERROR)
# How rows are held out: by folds, or one row or cluster at a time.
CROSS_VALIDATION, LEAVE_ONE_OUT = "cross_validation", "leave_one_out"
VALIDATIONS = (CROSS_VALIDATION, LEAVE_ONE_OUT)
# What standard errors take as independent.
SAMPLING_UNITS = ("row", "cluster")
# The grid goes from where all slopes together have so many effective degrees of freedom to where they have so many less
# than without a penalty: at the null model, where the curvature is largest.
SHRUNK, NEAR_NONE = 0.1, 0.01
# Values per decade, the fewest and most values, and the most decades of the grid.
PER_DECADE, FEWEST, MOST, MOST_DECADES = 2, 10, 30, 10
# An eigenvalue that is a smaller share of the largest one is 0.
NO_CURVATURE = 1e-12
# Of a Hessian of more rows, or whose diagonal differs by such a factor, the diagonal stands for the eigenvalues.
MOST_FACTORED, FAR_APART = 1_000, 1e6
# Near the logarithm of the largest float.
LARGEST_LOG = 700.0
# The first digits of a value of the grid: what is printed is what was used.
DIGITS = 3
# Of a sparse matrix.
NO_EIGENVALUES = "no Hessian of so many columns is formed"


def _alike(one: Any, other: Any) -> bool:
    """Whether figures are equal, NaN being equal to NaN: of a file, and of a fold."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


@dataclass(frozen=True, slots=True, repr=False)
class PathPoint:
    """One value of the penalty, with the log loss of the held-out rows at it.

    Attributes
    ----------
    l2 : float
        Strength of the L2 penalty, ≥ 0.
    log_loss : Estimate
        Mean loss of the held-out rows, in nats per row, with its 95% interval; inf where a row has an infinite loss.
    difference : Estimate
        `log_loss` less that at the best value, in nats per row, with the 95% interval of the paired difference.
    std_error : float
        Standard error of `log_loss`, in nats per row; nan where that is infinite.
    fold_log_losses : tuple of float
        Mean loss of the test rows of each fold, in nats per row; nan where a fold has none. Empty where one row or
        cluster at a time is left out.
    n_infinite : int
        Held-out rows whose loss is infinite.
    effective_degrees_of_freedom : float
        Trace of H (H + l2)⁻¹ in the fit to all rows, any intercept included, of the coefficients that are not 0; under
        an L1 penalty alone their number (Zou, Hastie & Tibshirani 2007). nan of a sparse matrix.
    n_passes : int
        Passes of the fits of all folds together, or of the fit to all rows.
    bound : float
        The largest of the certificates of these fits, in nats per row.
    l1 : float
        Strength of the L1 penalty, ≥ 0.
    l1_ratio : float
        l1 / (l1 + l2), as it was asked for.
    n_nonzero : int
        Coefficients that are not 0 in the fit to all rows, without the intercept.
    """

    l2: float
    log_loss: Estimate
    difference: Estimate
    std_error: float
    fold_log_losses: tuple[float, ...]
    n_infinite: int
    effective_degrees_of_freedom: float
    n_passes: int
    bound: float
    l1: float = 0.0
    l1_ratio: float = 0.0
    n_nonzero: int = 0

    def __eq__(self, other: object) -> bool:
        """Whether all figures are equal; two that are not a number are, too."""
        if not isinstance(other, PathPoint):
            return False
        return all(_alike(getattr(self, each.name), getattr(other, each.name)) for each in fields(self))

    def __hash__(self) -> int:
        return hash((self.l1, self.l2))

    @property
    def C(self) -> float:
        """1 / (l1 + l2), as in scikit-learn; inf without a penalty."""
        return 1 / self.strength if self.strength else math.inf

    @property
    def strength(self) -> float:
        """l1 + l2."""
        return self.l1 + self.l2

    def __repr__(self) -> str:
        own = f"l1={self.l1:g}, l2={self.l2:g}" if self.l1 else f"l2={self.l2:g}"
        return f"PathPoint({own}, log_loss={float(self.log_loss):.6f})"


@dataclass(frozen=True, slots=True, repr=False)
class PenaltyPath:
    """The log loss of held-out rows at each value of the penalty, and the value that was chosen.

    The intervals are those of the losses of these models on new rows; they do not include the variation of the training
    rows.

    Attributes
    ----------
    points : tuple of PathPoint
        From the strongest penalty to the weakest; of several ratios one after the other.
    l2 : float
        The chosen strength of the L2 penalty.
    selection : {"best", "one_standard_error", "score"}
        The least log loss; the strongest penalty of the same `l1_ratio` whose log loss is at most one standard error
        above the least; the best score of a scikit-learn scorer.
    n_folds : int
        Number of folds; 0 where one row or cluster at a time is left out.
    folds : str
        How the folds were made, as the text of the model words it, "of rows"; or what is left out: "each row".
    sampling_unit : {"row", "cluster"}
        What the standard errors take as independent.
    n_walks : int
        How often the rows were read for all fits together; not by passes over a small table in memory.
    n_one_class : int
        Folds whose training rows have one class only.
    validation : {"cross_validation", "leave_one_out"}
        How rows were held out: by the folds of l2_path=, or one row or cluster at a time (penalty="auto"), each a
        Newton step away from the fit to all rows.
    why_not_zero : str
        Why penalty="auto" did not compare l2 = 0; "" where it did, and with other paths.
    l1 : float
        The chosen strength of the L1 penalty.
    names : tuple of str
        Of a path with an L1 penalty, the coefficients whose values are kept: all, of a sparse matrix those that are
        anywhere not 0, or of these the largest along it, per standard deviation of their column, up to 100,000 values.
    coefficients : tuple of tuple of float
        Their values in the fit to all rows at each of `points`.
    n_coefficients : int
        How many coefficients a model has, without the intercept.

    Examples
    --------
    >>> import logloss
    >>> x = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0] * 5
    >>> path = logloss.fit(x, [0, 0, 1, 0, 1, 0, 1, 1] * 5, l2_path=[100.0, 1.0, 0.01]).path
    >>> path.table["l2"], path.n_folds
    ([100.0, 1.0, 0.01], 5)
    """

    points: tuple[PathPoint, ...]
    l2: float
    selection: str
    n_folds: int
    folds: str
    sampling_unit: str
    n_walks: int
    n_one_class: int = 0
    validation: str = CROSS_VALIDATION
    why_not_zero: str = ""
    l1: float = 0.0
    names: tuple[str, ...] = ()
    coefficients: tuple[tuple[float, ...], ...] = ()
    n_coefficients: int = 0

    @property
    def is_leave_one_out(self) -> bool:
        """Whether one row or cluster at a time was left out."""
        return self.validation == LEAVE_ONE_OUT

    def with_choice(self) -> PenaltyPath:
        """The same with the value that `selection`, "best" or "one_standard_error", chooses."""
        chosen = self.best if self.selection == BEST else self.within_one_standard_error
        return replace(self, l2=chosen.l2, l1=chosen.l1)

    @property
    def has_l1(self) -> bool:
        """Whether an L1 penalty was compared."""
        return any(point.l1 for point in self.points)

    @property
    def l1_ratios(self) -> tuple[float, ...]:
        """The ratios that were compared, in their order."""
        return tuple(dict.fromkeys(point.l1_ratio for point in self.points))

    def along(self, l1_ratio: float) -> tuple[PathPoint, ...]:
        """The values with one ratio, from the strongest penalty."""
        return tuple(point for point in self.points if point.l1_ratio == l1_ratio)

    @property
    def best(self) -> PathPoint:
        """The value with the least log loss; the strongest penalty of equal ones."""
        return min(self.points, key=lambda point: (point.log_loss, -point.strength))

    @property
    def within_one_standard_error(self) -> PathPoint:
        """The strongest penalty whose log loss is at most one standard error above the least, of the same ratio."""
        best = self.best
        most = best.log_loss + (best.std_error if best.std_error > 0 else 0.0)
        return next(point for point in self.along(best.l1_ratio) if point.log_loss <= most)

    @property
    def chosen(self) -> PathPoint:
        """The value that was chosen."""
        return next(point for point in self.points if (point.l1, point.l2) == (self.l1, self.l2))

    @property
    def is_at_an_end(self) -> bool:
        """Whether the least loss is at an end of the path above 0, so that a value beyond it may be better.

        Beyond a value of l1 at which every coefficient is 0, none is.
        """
        best, own = self.best, self.along(self.best.l1_ratio)
        return len(own) > 1 and best in (own[0], own[-1]) and best.strength > 0 and not self.is_empty_best

    @property
    def is_empty_best(self) -> bool:
        """Whether the least loss is where an L1 penalty leaves no coefficient."""
        return bool(self.best.l1) and not self.best.n_nonzero

    @property
    def figures(self) -> dict[str, Any]:
        """Its figures in JSON."""
        return {
            "l1": self.l1,
            "l2": self.l2,
            "selection": self.selection,
            "validation": self.validation,
            "l1_of_least_loss": self.best.l1,
            "l2_of_least_loss": self.best.l2,
            "l1_within_one_standard_error": self.within_one_standard_error.l1,
            "l2_within_one_standard_error": self.within_one_standard_error.l2,
            "n_folds": self.n_folds,
            "folds": self.folds,
            "sampling_unit": self.sampling_unit,
            "n_walks": self.n_walks,
            "n_one_class_folds": self.n_one_class,
            "why_not_zero": self.why_not_zero,
            "n_coefficients": self.n_coefficients,
            "values": [_figures_of(row) for row in self.table],
        }

    @property
    def table(self) -> SmallTable:
        """The path, one row for each value.

        l1, l2, l1_ratio; C, 1 / (l1 + l2); log_loss of the held-out rows, with low and high, its 95% interval, and
        std_error; difference, log_loss less the least one, with difference_low and difference_high; n_infinite;
        effective_degrees_of_freedom; n_nonzero; n_passes. Losses are in nats per row.
        """
        columns: dict[str, list[Any]] = {
            "l1": [point.l1 for point in self.points],
            "l2": [point.l2 for point in self.points],
            "l1_ratio": [point.l1_ratio for point in self.points],
            "C": [point.C for point in self.points],
            "log_loss": [float(point.log_loss) for point in self.points],
            "low": [point.log_loss.low for point in self.points],
            "high": [point.log_loss.high for point in self.points],
            "std_error": [point.std_error for point in self.points],
            "difference": [float(point.difference) for point in self.points],
            "difference_low": [point.difference.low for point in self.points],
            "difference_high": [point.difference.high for point in self.points],
            "n_infinite": [point.n_infinite for point in self.points],
            "effective_degrees_of_freedom": [point.effective_degrees_of_freedom for point in self.points],
            "n_nonzero": [point.n_nonzero for point in self.points],
            "n_passes": [point.n_passes for point in self.points],
        }
        return SmallTable(columns)

    @property
    def coefficient_table(self) -> SmallTable:
        """Coefficients along a path with an L1 penalty that are not 0: l1, l2, l1_ratio, name, coefficient."""
        rows = [
            (point.l1, point.l2, point.l1_ratio, name, value)
            for point, values in zip(self.points, self.coefficients, strict=bool(self.names))
            for name, value in zip(self.names, values, strict=True)
            if value
        ]
        keys = ("l1", "l2", "l1_ratio", "name", "coefficient")
        return SmallTable({key: [row[k] for row in rows] for k, key in enumerate(keys)})

    def __repr__(self) -> str:
        how = "leave-one-out" if self.is_leave_one_out else f"{self.n_folds} folds"
        own = f"l1={self.l1:g}, l2={self.l2:g}" if self.has_l1 else f"l2={self.l2:g}"
        return f"PenaltyPath: {len(self.points)} values, {how}, chosen {own}"


def _figures_of(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the table in JSON, with units."""
    in_nats = ("log_loss", "low", "high", "std_error", "difference", "difference_low", "difference_high")
    figures: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, int):
            figures[name] = value
        else:
            why = NO_EIGENVALUES if name == "effective_degrees_of_freedom" else INFINITE
            put(figures, f"{name}_nats" if name in in_nats else name, value, why)
    return figures


def default_grid(
    hessian: Array, scale: Array, n_values: int | None = None, *, has_intercept: bool = True
) -> tuple[float, ...]:
    """Values of l2, evenly spaced in logarithms, from the strongest: hessian, of the null model, any intercept first.

    From where the slopes together have SHRUNK effective degrees of freedom, Σ d / (d + l2) with d the eigenvalues of
    their Hessian on the user's scale, to where they have NEAR_NONE less than without a penalty. scale: of each
    coefficient. Of more than MOST_DECADES decades the strongest values are left out.
    """
    slopes = hessian
    if has_intercept:
        slopes, scale = hessian[1:, 1:] - np.outer(hessian[1:, 0], hessian[0, 1:] / hessian[0, 0]), scale[1:]
    slopes = slopes * np.outer(scale, scale)
    values = np.diag(slopes)[np.diag(slopes) > 0]
    # Eigenvalues of columns in units far apart are lost beside the largest; the matrix is nearly diagonal then.
    if len(values) and len(values) <= MOST_FACTORED and values.max() < FAR_APART * values.min():
        values = np.linalg.eigvalsh(slopes)
        values = values[values > NO_CURVATURE * values.max()]
    return grid_of(values, n_values)


def grid_of(values: Array, n_values: int | None = None) -> tuple[float, ...]:
    """The same of the eigenvalues above 0 of the slopes' Hessian, or of its diagonal where it is nearly that."""
    if not len(values):
        return (1.0,)
    low = _penalty_at(values, len(values) - NEAR_NONE)
    high = min(_penalty_at(values, SHRUNK), low * 10**MOST_DECADES)
    if n_values is None:
        n_values = min(max(math.ceil(PER_DECADE * math.log10(high / low)) + 1, FEWEST), MOST)
    grid = np.geomspace(high, low, n_values)
    return tuple(dict.fromkeys(float(f"{value:.{DIGITS}g}") for value in grid))


def _penalty_at(values: Array, degrees: float) -> float:
    """The penalty at which Σ d / (d + l2) is so many degrees of freedom, by bisection of its logarithm."""
    logs = np.log(values)
    low, high = math.log(values.min()) - 40.0, math.log(values.max()) + math.log(len(values)) + 40.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (
            (middle, high)
            if (1.0 / (1.0 + np.exp(np.minimum(middle - logs, LARGEST_LOG)))).sum() > degrees
            else (low, middle)
        )
    return math.exp(min(high, LARGEST_LOG))


def losses_of(held_out: HeldOutSummary) -> tuple[list[Estimate], list[Estimate], list[float]]:
    """(Log loss at each value, its difference to the least one, its standard error), of the held-out rows."""
    n_infinite = held_out.n_infinite.sum(axis=0)
    mass = float(held_out.masses.sum())
    if not mass > 0:
        raise DataError("no row that is tested by a fold of `cv` has weight, so no value can be chosen.")
    means = np.where(n_infinite > 0, np.inf, held_out.losses.sum(axis=0) / mass)
    best = int(np.argmin(means))
    units = mass / held_out.paths.unit
    moments = held_out.moments if not len(held_out.sums) else held_out.sums.T @ held_out.sums
    # Kish's effective number of rows or clusters.
    effective = units**2 / float(moments[0, 0])

    def sampling(value: float, *places: tuple[int, float]) -> SamplingError:
        contrast = np.zeros(len(moments))
        contrast[0] = -value
        for place, sign in places:
            contrast[place] += sign
        # Rounding can leave less than 0 where two losses are equal.
        variance = max(float(contrast @ moments @ contrast), 0.0) / units**2
        degrees = effective - 1
        inflated = variance * effective / degrees if degrees > 1e-9 else math.nan
        return SamplingError(math.sqrt(inflated), max(degrees, 1.0))

    found, apart, errors = [], [], []
    for j, mean in enumerate(means.tolist()):
        if not math.isfinite(mean):
            found.append(Estimate(mean, reason=INFINITE))
            apart.append(Estimate(mean if math.isfinite(means[best]) else math.nan, reason=INFINITE))
            errors.append(math.nan)
            continue
        of_loss = sampling(mean, (1, 1.0), (2 + j, 1.0))
        low, high = of_loss.interval(mean)
        found.append(Estimate(mean, max(low, 0.0), high))
        errors.append(of_loss.error)
        difference = mean - float(means[best])
        apart.append(
            Estimate(difference, *sampling(difference, (2 + j, 1.0), (2 + best, -1.0)).interval(difference))
            if j != best
            else Estimate(0.0, 0.0, 0.0)
        )
    return found, apart, errors
