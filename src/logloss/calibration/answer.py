"""A calibration: the map, the expected reduction of the log loss, and how it was made; printable, and a JSON file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from logloss.answers.answer import Answer
from logloss.answers.estimate import Estimate, expit
from logloss.answers.figures import put, put_estimate
from logloss.answers.small_table import SmallTable
from logloss.calibration.maps import (
    IDENTITY,
    ISOTONIC,
    MIXTURE,
    ScoreMap,
    StackedMap,
    logs_of_logit,
    logs_of_proba,
)
from logloss.calibration.venn_abers import VennAbers, merged
from logloss.data.columns import as_column
from logloss.data.values import Array
from logloss.errors import DataError
from logloss.text import value_text

# Rows that are mapped together.
# 128 KiB for each array of a piece: half a dozen of them fit into a second cache of 1 MiB.
PIECE_ROWS = 1 << 14


@dataclass(frozen=True, slots=True, repr=False)
class Calibration(Answer):
    """A map from a score to a calibrated probability, made by `calibrate`: frozen and complete.

    Attributes
    ----------
    method : str
        "identity" (uncalibrated), "mixture", "shift", "temperature", "platt", "beta" or "isotonic"; "stack" of an
        average of several in log-odds.
    requested : str
        The argument `method`, such as "auto".
    map : ScoreMap or StackedMap
        The map itself, which `apply` and `apply_logit` evaluate.
    shares : dict of method to float
        The share of each method in the average, in (0, 1]; they sum to 1.
    parameters : dict
        Of most methods `a`, `b` and `c`: the log-odds become a·log p − b·log(1 − p) + c; of a temperature also
        `temperature`, 1 / a; of a mixture `epsilon` and `base_rate`: the probability becomes (1 − ε)·p + ε·base rate;
        of a stack those of each of its maps, with its method before their names. `at_zero` and `at_one` are what p = 0
        and p = 1 become, where such forecasts were seen.
    expected_reduction : Estimate
        Expected reduction of the log loss on new rows, in nats per row, cross-validated: each fold is predicted by maps
        fitted to the others, the shares of a stack included. inf where the log loss is infinite.
    expected_reduction_share : Estimate
        The expected reduction divided by the log loss.
    is_worthwhile : bool
        Whether the 95% interval of `expected_reduction` excludes 0. If not, recalibration is not shown to reduce the
        log loss on these rows, which does not mean that it cannot. Among calibrations selected because the interval
        excludes 0, the expected reduction is too large on average.
    log_loss, log_loss_after : float
        Before, and expected after, in nats per row.
    gap : float
        Upper bound, in nats per row, on how far the log loss on the fitted rows is above that of the best map of the
        same method. For a stack: above the average of the best maps of its methods. It also holds where the rows are
        known from bins only. An isotonic map is meant for new rows: by how much its interpolation between pools raises
        the log loss of the fitted rows is included.
    candidates : SmallTable
        The methods that were tried, from the simplest, one row each: `method`; `log_loss_nats`, cross-validated;
        `expected_reduction_nats`, by this method alone; `error_nats`, its standard error; `share` in the average.
    negatives_kept : float
        The share of negatives that training kept: its correction is part of the map; 1 if there is none.
    n_rows, n_folds : int
        Rows that it was fitted to, and folds of the cross-validation.
    has_zero, has_one : bool
        Whether forecasts of exactly 0, and 1, were among the rows.
    share_certain : float
        The share of the weight that such forecasts have, in [0, 1].
    is_exact : bool
        Whether the map was fitted to single scores; if not, to bins of them.
    source, positive, notes : str, str, tuple of str
        What it was fitted to, the positive class, and notes on how the data were read.
    venn_abers_pair : VennAbers or None
        The steps that `interval` and `venn_abers` evaluate; None where an older logloss wrote the file.

    Examples
    --------
    >>> import logloss
    >>> c = logloss.calibrate([1, 0, 1, 0] * 50, [0.9, 0.1, 0.9, 0.9] * 50, method="temperature")
    >>> round(c.expected_reduction, 3), c.expected_reduction.low > 0
    (0.089, True)
    """

    kind: ClassVar[str] = "calibration"
    map: ScoreMap | StackedMap
    requested: str
    expected_reduction: Estimate
    expected_reduction_share: Estimate
    log_loss: float
    log_loss_after: float
    gap: float
    candidates: SmallTable
    negatives_kept: float
    n_rows: int
    n_folds: int
    is_exact: bool
    has_zero: bool
    has_one: bool
    share_certain: float
    source: str
    positive: str
    notes: tuple[str, ...] = ()
    venn_abers_pair: VennAbers | None = None

    @property
    def method(self) -> str:
        """The method of the map."""
        return self.map.method

    @property
    def shares(self) -> dict[str, float]:
        """The share of each method in the map."""
        if isinstance(self.map, ScoreMap):
            return {self.method: 1.0}
        return {each.method: share for share, each in zip(self.map.shares, self.map.maps, strict=True)}

    @property
    def is_worthwhile(self) -> bool:
        """Whether the 95% interval of the expected reduction excludes 0."""
        return self.method != IDENTITY and (math.isinf(self.expected_reduction) or self.expected_reduction.low > 0)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the map, by name."""
        named: dict[str, Any] = {}
        if isinstance(self.map, ScoreMap):
            named |= _numbers_of(self.map)
        else:
            for each in self.map.maps:
                # The temperature of a temperature map needs no name before its own.
                named |= {
                    name if name == each.method else f"{each.method}_{name}": value
                    for name, value in _numbers_of(each).items()
                }
        # Only what was seen is reported: the limits of a map at 0 and 1 are no estimates.
        ends = self.map.log_odds(np.array([-math.inf, 0.0]), np.array([0.0, math.inf])).tolist()
        for name, is_seen, log_odds in zip(("at_zero", "at_one"), (self.has_zero, self.has_one), ends, strict=True):
            if is_seen and self.method != IDENTITY:
                named[name] = expit(log_odds)
        return named

    def apply(self, y_proba: Any) -> Any:
        """The calibrated probability of each probability.

        Parameters
        ----------
        y_proba : array of shape (n_rows,), or float, values in [0, 1]
            Probabilities of 1 as the model gives them: before the correction of `negatives_kept`, which is part of the
            map.

        Returns
        -------
        array of shape (n_rows,), or float
            Probabilities, in [0, 1]; NaN stays NaN.

        Examples
        --------
        >>> import logloss
        >>> c = logloss.calibrate([1, 0, 1, 0] * 50, [0.9, 0.1, 0.9, 0.9] * 50, method="temperature")
        >>> c.apply([0.1, 0.5, 0.9]).round(3).tolist()
        [0.255, 0.5, 0.745]
        """
        values, shape = self._checked(y_proba)
        # By way of logarithms and back the last digit may change: doing nothing must change nothing.
        if self.method == IDENTITY and self.negatives_kept == 1:
            return _shaped(values, shape)
        return _shaped(self._mapped(values, logs_of_proba, 0.5, self.map.probabilities), shape)

    @staticmethod
    def _checked(y_proba: Any) -> tuple[Array, tuple[int, ...]]:
        """Probabilities as a float64 column, and the shape to give back."""
        values, shape = _numbers(y_proba, "y_proba")
        bad = ~((values >= 0) & (values <= 1) | np.isnan(values))
        if bad.any():
            row = int(np.argmax(bad))
            hint = "If it holds log-odds, use apply_logit."
            raise DataError(f"`y_proba` must lie in [0, 1]; row {row:,} has {value_text(values[row])}. {hint}")
        return values, shape

    def apply_logit(self, y_logit: Any) -> Any:
        """The calibrated log-odds of log-odds.

        Parameters
        ----------
        y_logit : array of shape (n_rows,), or float, any real or ±inf
            Log-odds of 1 as the model gives them.

        Returns
        -------
        array of shape (n_rows,), or float
            Log-odds; NaN stays NaN.

        Examples
        --------
        >>> import logloss
        >>> c = logloss.calibrate([1, 0, 1, 0] * 50, [0.9, 0.1, 0.9, 0.9] * 50, method="temperature")
        >>> c.apply_logit([0.0, 1.0]).round(3).tolist()
        [0.0, 0.488]
        """
        values, shape = _numbers(y_logit, "y_logit")
        return _shaped(self._mapped(values, logs_of_logit, 0.0, self.map.log_odds), shape)

    def interval(self, y_proba: Any) -> Array:
        """The Venn–Abers pair of each probability: what isotonic regression makes of it with a label of 0, and of 1.

        Two values for the probability, not for the label: of independent rows from the population of the calibration,
        the member of the pair that belongs to the label is calibrated on average, whatever the forecaster. It is no
        confidence interval: where there are many rows it is narrow, and the true probability usually outside. So may be
        the probability that `apply` gives, which is that of another map.

        Parameters
        ----------
        y_proba : array of shape (n_rows,), or float, values in [0, 1]
            As in `apply`.

        Returns
        -------
        array of shape (n_rows, 2), or (2,)
            p0 and p1, in [0, 1], p0 < p1; NaN where `y_proba` is NaN.

        Raises
        ------
        DataError
            As `apply`; and if an older logloss wrote the calibration.

        Notes
        -----
        Cost: O(log n) a row. Beyond 8,192 distinct scores neighbouring ones count as one. A new row weighs as much as
        one of the effective rows (Σw)² / Σw². Rows in clusters are not exchangeable with a new one: the pair is then
        too narrow.

        References
        ----------
        Vovk, V., Petej, I. & Fedorova, V. (2015). Large-scale probabilistic predictors with and without guarantees of
        validity. NeurIPS 28. arXiv:1511.00213

        Examples
        --------
        >>> import logloss
        >>> c = logloss.calibrate([1, 0, 1, 0] * 50, [0.9, 0.1, 0.9, 0.9] * 50)
        >>> c.interval(0.9).round(3).tolist()
        [0.662, 0.669]
        """
        values, shape = self._checked(y_proba)
        return self._pair(values, logs_of_proba, 0.5).reshape(*shape, 2)

    def interval_logit(self, y_logit: Any) -> Array:
        """The Venn–Abers pair of log-odds, as probabilities: as `interval`.

        Examples
        --------
        >>> import logloss
        >>> c = logloss.calibrate([1, 0, 1, 0] * 50, [0.9, 0.1, 0.9, 0.9] * 50)
        >>> c.interval_logit([0.0]).round(3).tolist()
        [[0.0, 0.669]]
        """
        values, shape = _numbers(y_logit, "y_logit")
        return self._pair(values, logs_of_logit, 0.0).reshape(*shape, 2)

    def venn_abers(self, y_proba: Any) -> Any:
        """One probability of each Venn–Abers pair, p1 / (1 − p0 + p1): the log loss is least in the worse case.

        Parameters and exceptions as in `interval`.

        Returns
        -------
        array of shape (n_rows,), or float
            Probabilities, in (0, 1); NaN stays NaN.

        Examples
        --------
        >>> import logloss
        >>> c = logloss.calibrate([1, 0, 1, 0] * 50, [0.9, 0.1, 0.9, 0.9] * 50)
        >>> round(c.venn_abers(0.9), 3)
        0.664
        """
        pair = self.interval(y_proba)
        found = merged(pair[..., 0], pair[..., 1])
        return found if found.ndim else float(found)

    def _pair(self, values: Array, logs_of: Callable[[Array], tuple[Array, Array]], stand_in: float) -> Array:
        """p0 and p1 of scores, shape (n_rows, 2); NaN stays NaN."""
        if self.venn_abers_pair is None:
            raise DataError(
                "the calibration was written by a logloss that kept no Venn–Abers pair; make it again with calibrate."
            )
        is_nan = np.isnan(values)
        log_odds = sum(self._logs(*logs_of(np.where(is_nan, stand_in, values))))
        return np.stack(self.venn_abers_pair.at(np.where(is_nan, np.nan, log_odds)), axis=1)

    def _mapped(
        self,
        values: Array,
        logs_of: Callable[[Array], tuple[Array, Array]],
        stand_in: float,
        becomes: Callable[[Array, Array], Array],
    ) -> Array:
        """Values mapped, some at a time, so that they stay in the caches; NaN stays NaN."""
        mapped = np.empty(len(values))
        for start in range(0, len(values), PIECE_ROWS):
            piece = values[start : start + PIECE_ROWS]
            is_nan = np.isnan(piece)
            becomes_of_piece = becomes(*self._logs(*logs_of(np.where(is_nan, stand_in, piece))))
            mapped[start : start + PIECE_ROWS] = np.where(is_nan, np.nan, becomes_of_piece)
        return mapped

    def _logs(self, log_one: Array, log_zero: Array) -> tuple[Array, Array]:
        """Scores with the correction for negatives that training left out."""
        if self.negatives_kept == 1:
            return log_one, log_zero
        return logs_of_logit(log_one + log_zero + math.log(self.negatives_kept))

    def to_dict(self) -> dict[str, Any]:
        """The figures as flat JSON-ready values, units in the names; undefined is None with a reason beside it.

        Examples
        --------
        >>> import logloss
        >>> logloss.calibrate([1, 0] * 50, [0.4, 0.5] * 50, method="platt").to_dict()["method"]
        'platt'
        """
        figures: dict[str, Any] = {"schema": 1, "source": self.source, "positive": self.positive}
        figures |= {"method": self.method, "requested": self.requested, "n_rows": self.n_rows, "n_folds": self.n_folds}
        figures |= {f"share_{method}": share for method, share in self.shares.items()}
        for name, value in self.parameters.items():
            if isinstance(value, list):
                figures[name] = value
            else:
                put(figures, name, value)
        put_estimate(figures, "expected_reduction_nats", self.expected_reduction)
        put_estimate(figures, "expected_reduction_share", self.expected_reduction_share)
        put(figures, "log_loss_nats", self.log_loss)
        put(figures, "log_loss_after_nats", self.log_loss_after, self.expected_reduction.reason)
        put(figures, "gap_nats", self.gap)
        figures["negatives_kept"] = self.negatives_kept
        figures |= {"is_exact": self.is_exact, "is_worthwhile": self.is_worthwhile}
        for row in self.candidates:
            put(figures, f"log_loss_{row['method']}_nats", row["log_loss_nats"])
        figures["notes"] = list(self.notes)
        return figures


def _numbers_of(fit: ScoreMap) -> dict[str, Any]:
    """The parameters of one map."""
    if fit.method == IDENTITY:
        return {}
    if fit.method == ISOTONIC:
        return {"knots_logit": list(fit.knots), "values": list(fit.values)}
    if fit.method == MIXTURE:
        return {"epsilon": fit.epsilon, "base_rate": fit.base_rate}
    named: dict[str, Any] = {"a": fit.a, "b": fit.b, "c": fit.c}
    if fit.method == "temperature":
        named["temperature"] = 1 / fit.a if fit.a else math.inf
    return named


def _numbers(values: Any, name: str) -> tuple[Array, tuple[int, ...]]:
    """Values as a float64 column, and the shape to give back."""
    if np.ndim(values) == 0 and isinstance(values, int | float | np.number):
        return np.array([float(values)]), ()
    column = as_column(values, name).as_numbers()
    if column.categories is not None or column.values.dtype.kind not in "biuf":
        raise DataError(f"`{name}` must hold numbers.")
    numbers = column.values.astype(np.float64)
    if column.missing is not None:
        numbers = np.where(column.missing, np.nan, numbers)
    return numbers, numbers.shape


def _shaped(values: Array, shape: tuple[int, ...]) -> Array | float:
    return values if shape else float(values[0])
