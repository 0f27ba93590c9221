"""Loss, gradient and curvature of single rows, against their twin and without cancellation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from reference import ulps_apart
from strategies import tables
from test_losses import fraction_of

from logloss.onepass.kernels import exact, logistic_loss

SEED = 5


@given(tables(("hard logits", "soft"), min_rows=1), st.booleans(), st.booleans())
def test_logistic_rows_equal_their_twin(table, has_weights, has_counts):
    """Residuals are differences of one rounding each, (1−y)·σ(z) and y·σ(−z) being at most 1: 2^-50 of the mass."""
    rng = np.random.default_rng(SEED)
    n_rows = table.n_rows
    z = rng.normal(0, 10, n_rows) if table.y_logit is None else np.clip(table.y_logit, -700.0, 700.0)
    w = rng.gamma(1, 1, n_rows) if has_weights else None
    n = rng.integers(1, 9, n_rows) if has_counts else None
    residuals, curvatures, limbs = np.empty(n_rows), np.empty(n_rows), exact.new_limbs(1)
    logistic_loss.logistic_rows(table.y_true, z, w, n, residuals, curvatures, limbs)
    losses, expected_residuals, expected_curvatures = reference.logistic_rows(table.y_true, z, w, n)
    mass = (np.ones(n_rows) if w is None else w) * (1 if n is None else n)
    assert np.all(np.abs(residuals - expected_residuals) <= 2.0**-50 * mass)
    # Curvatures and losses are products and sums of positive numbers: 8 ULP.
    assert all(ulps_apart(a, b) <= 8 for a, b in zip(curvatures.tolist(), expected_curvatures, strict=True))
    total = reference.deposit(losses)
    assert abs(fraction_of(limbs[0]) - total) <= total * Fraction(2) ** -50 + Fraction(2) ** -1060


@pytest.mark.parametrize(("y", "z", "residual"), [(1, 40.0, -4.248354255291589e-18), (0, 20.0, 1.0), (1, -50.0, -1.0)])
def test_gradients_of_single_rows_do_not_cancel(y, z, residual):
    """PyTorch gives 0.0 for the first (σ(z) − y cancels), Keras 0.0 for the second (clipped), and −1.9e-10 for the third
    through its BCELoss (pytorch#103316)."""
    residuals, curvatures = np.empty(1), np.empty(1)
    logistic_loss.logistic_rows(
        np.array([y], np.uint8), np.array([z]), None, None, residuals, curvatures, exact.new_limbs(1)
    )
    # exp, a sum, a quotient: 3 ULP; σ(20) itself is 2e-9 short of 1.
    assert abs(residuals[0] - residual) <= (3 * 2.0**-52 if y else 2.1e-9) * abs(residual)
