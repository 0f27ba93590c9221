"""Log loss of the batches of PyTorch: labels with logits or probabilities, measured exactly at the end.

    from logloss.integrations.pytorch import LogLoss

    metric = LogLoss()
    for x, y in loader:
        metric.update(y, y_logit=model(x))
    m = metric.compute()                # a Measurement
    m.log_loss, m.log_loss.low, m.miscalibration.excess

Only methods of tensors are used, so that nothing of PyTorch is imported here; NumPy's arrays are taken, too.

>>> metric = LogLoss()
>>> metric.update([1, 0], y_proba=[0.5, 0.25])
>>> metric.update([1], y_proba=[0.75])
>>> round(metric.compute().log_loss, 4)
0.4228
"""

from __future__ import annotations

from typing import Any

import numpy as np

from logloss.data.values import Array, Value
from logloss.errors import DataError
from logloss.measurement import Measurement, measure


class LogLoss:
    """Labels and forecasts of batches, in single or double precision as they come, until `compute` measures them.

    Parameters
    ----------
    pos_label : number, optional
        The positive class, where labels are other than 0 and 1.

    Notes
    -----
    Cost: a copy of each batch, 5 to 16 bytes a row, and in `compute` one pass. The losses are those of the logits in
    double precision: no batch is averaged and nothing is clipped. Of several processes each computes its own;
    `Measurement.merge` joins them.
    """

    def __init__(self, *, pos_label: Value = None) -> None:
        self.pos_label = pos_label
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._batches: dict[str, list[Array]] = {}

    def update(self, y_true: Any, *, y_proba: Any = None, y_logit: Any = None, sample_weight: Any = None) -> None:
        """Add a batch.

        Parameters
        ----------
        y_true : tensor of shape (n_rows,) or (n_rows, 1)
            Labels 0 and 1, of any type; or shares in [0, 1].
        y_proba, y_logit : tensor of shape (n_rows,), (n_rows, 1) or (n_rows, 2)
            One of the two: probabilities of 1, as after a sigmoid, or log-odds, as before it; or both columns of a
            softmax, after it or before it.
        sample_weight : tensor of shape (n_rows,) or (n_rows, 1), values ≥ 0, optional
            Weight of each row.

        Raises
        ------
        DataError
            If lengths or shapes do not go together, or batches differ in what is given. Values are checked by
            `compute`.
        """
        given = {"y_proba": y_proba, "y_logit": y_logit}
        forecast = [name for name, value in given.items() if value is not None]
        if len(forecast) != 1:
            raise DataError("pass `y_proba` or `y_logit`: what the model gives, after the sigmoid or before it.")
        batch = {"y_true": _column("y_true", y_true), forecast[0]: _forecast(forecast[0], given[forecast[0]])}
        if sample_weight is not None:
            batch["sample_weight"] = _column("sample_weight", sample_weight)
        if len({len(values) for values in batch.values()}) > 1:
            shapes = ", ".join(f"`{name}` {len(values):,}" for name, values in batch.items())
            raise DataError(f"a batch must have as many labels as forecasts; it has rows: {shapes}.")
        if self._batches and list(batch) != list(self._batches):
            raise DataError(
                f"all batches must hold the same: {', '.join(self._batches)}; this one has {', '.join(batch)}. "
                "`reset` begins anew."
            )
        for name, values in batch.items():
            self._batches.setdefault(name, []).append(values)

    def compute(self) -> Measurement:
        """Measure all rows so far, as `logloss.measure` does; rows are numbered from 0 over the batches.

        Returns
        -------
        Measurement
            `m.log_loss` is a float with the ends of its 95% interval, `low` and `high`.

        Raises
        ------
        DataError
            If there is no batch, or a value leaves its domain: the message names its row.
        """
        if not self._batches:
            raise DataError("there is no batch to measure yet: call `update` first.")
        columns: dict[str, Any] = {name: np.concatenate(batches) for name, batches in self._batches.items()}
        return measure(columns.pop("y_true"), pos_label=self.pos_label, **columns)


def _array(values: Any) -> Array:
    """A copy of a tensor, which training may change, in main memory; half precision is widened."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        # NumPy has no bfloat16.
        values = (values.float() if values.is_floating_point() and values.element_size() < 4 else values).numpy()
    return np.array(values)


def _column(name: str, values: Any) -> Array:
    array = _array(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"`{name}` must have shape (n_rows,) or (n_rows, 1); it has shape {array.shape}.")
    return array


def _forecast(name: str, values: Any) -> Array:
    """Probabilities of 1, or log-odds of it: the difference of the logits of two classes."""
    array = _array(values)
    if array.ndim != 2 or array.shape[1] == 1:
        return _column(name, array)
    if array.shape[1] != 2:
        raise DataError(f"log loss here is that of two classes; `{name}` has shape {array.shape}.")
    if name == "y_proba":
        return array
    return array[:, 1].astype(np.float64) - array[:, 0]
