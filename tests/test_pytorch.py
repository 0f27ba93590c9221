"""Batches of PyTorch: what is accumulated is measured exactly, whatever their type, shape and order.

The tests of real tensors run where PyTorch is installed. Its plain wheel is too large for continuous integration, where
`Tensor` below stands in: the methods of a tensor that are used, over an array.
"""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import logloss
from logloss import DataError
from logloss.integrations.pytorch import LogLoss

HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed")


class Tensor:
    """A tensor that needs a gradient and lies on an accelerator: as with PyTorch's, the order of calls matters."""

    def __init__(self, values, *, needs_gradient=True, on_accelerator=True):
        self.values, self.needs_gradient, self.on_accelerator = np.asarray(values), needs_gradient, on_accelerator

    def detach(self):
        return Tensor(self.values, needs_gradient=False, on_accelerator=self.on_accelerator)

    def cpu(self):
        return Tensor(self.values, needs_gradient=self.needs_gradient, on_accelerator=False)

    def is_floating_point(self):
        return self.values.dtype.kind == "f"

    def element_size(self):
        return self.values.dtype.itemsize

    def float(self):
        return Tensor(
            self.values.astype(np.float32), needs_gradient=self.needs_gradient, on_accelerator=self.on_accelerator
        )

    def numpy(self):
        if self.needs_gradient or self.on_accelerator:
            raise RuntimeError("Can't call numpy() on a tensor that needs a gradient or is not in main memory.")
        if self.values.dtype == np.float16:
            raise TypeError("Got unsupported ScalarType BFloat16: float16 stands for it here.")
        return self.values

    def __array__(self, *_, **__):
        raise TypeError("can't convert a tensor on an accelerator to numpy.")


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    z = rng.normal(size=1000).astype(np.float32)
    y = (rng.random(1000) < 1 / (1 + np.exp(-z))).astype(np.int64)
    return y, z, rng.integers(1, 4, 1000).astype(np.float32)


@pytest.fixture(params=["stand-in", pytest.param("torch", marks=needs_torch)])
def tensor(request):
    if request.param == "stand-in":
        return Tensor
    import torch

    def of(values):
        made = torch.tensor(np.asarray(values))
        return made.requires_grad_() if made.is_floating_point() else made

    return of


def assert_same(m, expected):
    assert (float(m.log_loss), m.log_loss.low, m.log_loss.high) == (
        float(expected.log_loss),
        expected.log_loss.low,
        expected.log_loss.high,
    )
    assert float(m.miscalibration) == float(expected.miscalibration)


def batches(*columns, size=64):
    for first in range(0, len(columns[0]), size):
        yield tuple(column[first : first + size] for column in columns)


@pytest.mark.parametrize("is_column", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_logits_of_batches_are_measured_as_if_at_once(rows, tensor, is_column, weighted):
    y, z, weight = rows
    metric = LogLoss()
    for y_batch, z_batch, w_batch in batches(y, z, weight):
        own = (y_batch, z_batch, w_batch)
        y_batch, z_batch, w_batch = (tensor(each.reshape(-1, 1) if is_column else each) for each in own)
        metric.update(y_batch, y_logit=z_batch, sample_weight=w_batch if weighted else None)
    assert_same(metric.compute(), logloss.measure(y, y_logit=z, sample_weight=weight if weighted else None))


def test_labels_of_any_type_are_taken(rows, tensor):
    y, z, _ = rows
    expected = logloss.measure(y, y_logit=z)
    for kind in (bool, np.uint8, np.int32, np.float32, np.float64):
        metric = LogLoss()
        metric.update(tensor(y.astype(kind)), y_logit=tensor(z))
        assert_same(metric.compute(), expected)
    metric = LogLoss(pos_label=2)
    metric.update(tensor(y + 1), y_logit=tensor(z))
    assert float(metric.compute().log_loss) == float(expected.log_loss)


def test_both_columns_of_a_softmax_are_taken(rows, tensor):
    y, z, _ = rows
    logits = np.stack([np.float32(0.3) - z, np.float32(1.7) * z], axis=1)
    metric = LogLoss()
    metric.update(tensor(y), y_logit=tensor(logits))
    assert_same(metric.compute(), logloss.measure(y, y_logit=logits[:, 1].astype(float) - logits[:, 0]))
    p = 1 / (1 + np.exp(-z.astype(float)))
    metric = LogLoss()
    metric.update(tensor(y), y_proba=tensor(np.stack([1 - p, p], axis=1)))
    assert_same(metric.compute(), logloss.measure(y, np.stack([1 - p, p], axis=1)))


def test_large_logits_are_not_infinite_and_certain_probabilities_are(tensor):
    metric = LogLoss()
    metric.update(tensor([1.0, 0.0]), y_logit=tensor([-1000.0, -1000.0]))
    assert float(metric.compute().log_loss) == 500.0
    metric.reset()
    metric.update(tensor([1.0, 0.0]), y_proba=tensor([0.0, 0.0]))
    assert metric.compute().log_loss == np.inf


def test_what_training_does_to_a_tensor_later_changes_nothing(rows):
    y, z, _ = rows
    given = z.copy()
    metric = LogLoss()
    metric.update(Tensor(y), y_logit=Tensor(given))
    given += 5
    assert_same(metric.compute(), logloss.measure(y, y_logit=z))


def test_compute_may_be_called_between_batches_and_reset_begins_anew(rows, tensor):
    y, z, _ = rows
    metric = LogLoss()
    metric.update(tensor(y[:400]), y_logit=tensor(z[:400]))
    assert_same(metric.compute(), logloss.measure(y[:400], y_logit=z[:400]))
    metric.update(tensor(y[400:]), y_logit=tensor(z[400:]))
    assert_same(metric.compute(), logloss.measure(y, y_logit=z))
    metric.reset()
    with pytest.raises(DataError, match="no batch to measure yet"):
        metric.compute()
    metric.update(tensor(y), y_proba=tensor(1 / (1 + np.exp(-z))))
    assert metric.compute().n_rows == 1000


def test_equal_batches_count_twice(tensor):
    metric = LogLoss()
    for _ in range(2):
        metric.update(tensor([1.0, 0.0, 0.0]), y_proba=tensor([0.7, 0.2, 0.4]))
    assert metric.compute().n_rows == 6


def test_what_does_not_go_together_is_refused(rows, tensor):
    y, z, weight = (tensor(each) for each in rows)
    metric = LogLoss()
    with pytest.raises(DataError, match="pass `y_proba` or `y_logit`"):
        metric.update(y)
    with pytest.raises(DataError, match="pass `y_proba` or `y_logit`"):
        metric.update(y, y_proba=z, y_logit=z)
    with pytest.raises(DataError, match=r"it has rows: `y_true` 1,000, `y_logit` 10"):
        metric.update(y, y_logit=tensor(rows[1][:10]))
    with pytest.raises(DataError, match=r"two classes; `y_logit` has shape \(100, 10\)"):
        metric.update(tensor(rows[0][:100]), y_logit=tensor(rows[1].reshape(100, 10)))
    with pytest.raises(DataError, match=r"`y_true` must have shape \(n_rows,\) or \(n_rows, 1\); .* \(500, 2\)"):
        metric.update(tensor(rows[0].reshape(500, 2)), y_logit=tensor(rows[1][:500]))
    with pytest.raises(DataError, match=r"`y_logit` must have shape .* has shape \(\)"):
        metric.update(y, y_logit=tensor(np.float32(0.3)))
    metric.update(y, y_logit=z)
    with pytest.raises(DataError, match="must hold the same: y_true, y_logit; this one has y_true, y_proba"):
        metric.update(y, y_proba=z)
    with pytest.raises(DataError, match="this one has y_true, y_logit, sample_weight"):
        metric.update(y, y_logit=z, sample_weight=weight)
    metric.reset()
    metric.update(y, y_proba=z)
    with pytest.raises(DataError, match=r"`y_proba` must lie in \[0, 1\]; row .* pass it as `y_logit`"):
        metric.compute()
    metric.reset()
    metric.update(tensor(np.arange(1000) % 3), y_logit=z)
    with pytest.raises(DataError, match="`y_true` must be 0 or 1"):
        metric.compute()


@needs_torch
def test_a_model_of_pytorch_is_measured_with_gradients_on(rows):
    import torch

    y, z, _ = rows
    torch.manual_seed(0)
    model = torch.nn.Linear(1, 1)
    metric, outputs = LogLoss(), []
    for y_batch, x_batch in batches(torch.tensor(y), torch.tensor(z).reshape(-1, 1)):
        outputs.append(model(x_batch))
        metric.update(y_batch, y_logit=outputs[-1])
    logits = torch.cat(outputs).detach()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.double()[:, 0], torch.tensor(y).double())
    # PyTorch adds 1,000 terms in double precision.
    assert float(metric.compute().log_loss) == pytest.approx(loss.item(), rel=1000 * np.finfo(float).eps)
    assert all(each.requires_grad for each in outputs)


def test_half_precision_is_widened_before_numpy_sees_it(rows):
    y, z, _ = rows
    metric = LogLoss()
    metric.update(Tensor(y), y_logit=Tensor(z.astype(np.float16)))
    assert_same(metric.compute(), logloss.measure(y, y_logit=z.astype(np.float16).astype(np.float32)))


@needs_torch
@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float64"])
def test_tensors_of_any_precision_are_measured_as_they_are(rows, kind):
    import torch

    y, z, _ = rows
    logits = torch.tensor(z).to(getattr(torch, kind))
    metric = LogLoss()
    metric.update(torch.tensor(y), y_logit=logits)
    assert_same(metric.compute(), logloss.measure(y, y_logit=logits.double().numpy()))
