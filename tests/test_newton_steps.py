"""Newton's method in a kernel: its parts against NumPy and exact sums; the fits themselves are tested as maps and lines."""

from __future__ import annotations

import numpy as np
import pytest

from logloss.onepass.kernels import exact
from logloss.onepass.kernels.newton_steps import dot, least_squares_step, newton_steps, value_of

SEED = 20261129


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("rank", [1, 2, 5])
def test_a_step_is_the_shortest_of_least_squares(n, rank):
    rng = np.random.default_rng(SEED)
    for scale in (1.0, 1e-150, 1e100):
        root = rng.normal(size=(n, min(n, rank)))
        hessian = root @ root.T * scale
        gradient = hessian @ rng.normal(size=n)
        expected = np.linalg.lstsq(hessian, gradient, rcond=None)[0]
        step = np.empty(n)
        least_squares_step(hessian.copy(), gradient, step)
        # The condition of these matrices is below 10^6.
        assert step == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_of_a_hessian_of_zeros_nothing_is_moved():
    step = np.full(2, np.nan)
    least_squares_step(np.zeros((2, 2)), np.zeros(2), step)
    assert step.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("size", [1e-310, 1e-20, 1.0, 1e20, 1e300])
def test_a_sum_becomes_the_float_that_it_is(size):
    limbs = exact.new_limbs(1)
    values = np.random.default_rng(SEED).random(100) * size
    exact.deposit(values, limbs[0])
    exact.carry(limbs)
    assert value_of(limbs[0]) == pytest.approx(exact.rounded(exact.as_integer(limbs[0]), 1), rel=2.0**-51)


def test_no_sum_is_zero():
    assert value_of(exact.new_limbs(1)[0]) == 0.0


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 1_003])
def test_a_dot_product_is_that_of_numpy(n):
    a, b = np.random.default_rng(SEED).normal(size=(2, n))
    assert dot(a, b) == pytest.approx(float(a @ b), abs=1e-12)


def test_no_step_leaves_the_coefficients_where_they_are():
    """The loss there is that of log-odds of 0."""
    design, theta = np.ones((1, 4)), np.zeros(1)
    loss, decrement = newton_steps(design, np.zeros(4), np.array([0.0, 1.0, 1.0, 0.5]), np.full(4, 0.25), theta, 0)
    assert theta.tolist() == [0.0]
    assert loss == pytest.approx(np.log(2), rel=1e-15)
    assert decrement == np.inf
