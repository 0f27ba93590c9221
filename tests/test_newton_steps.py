"""Newton's method in a kernel: its parts against NumPy and exact sums; the fits themselves are tested as maps and lines."""

from __future__ import annotations

import numpy as np
import pytest
import reference

from logloss.onepass.kernels import exact
from logloss.onepass.kernels.newton_steps import derivatives_at, dot, least_squares_step, newton_steps, value_of

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


def problem_of(n: int, *, is_collinear: bool) -> tuple[np.ndarray, ...]:
    """Design, offset, shares of ones and masses."""
    rng = np.random.default_rng(SEED)
    design = np.vstack([np.ones(n), rng.normal(size=(2, n))])
    if is_collinear:
        design = np.vstack([design, design[1] - 2 * design[2]])
    return design, rng.normal(size=n), rng.integers(0, 5, n) / 4, 0.1 + rng.random(n)


def test_derivatives_at_equals_its_twin():
    design, offset, share, mass = problem_of(50, is_collinear=False)
    theta = np.array([0.5, -2.0, 1.0])
    residuals, curvatures = np.empty(50), np.empty(50)
    limbs = exact.new_limbs(1)
    limbs[0] = 7
    loss = derivatives_at(design, offset, share, mass, theta, np.empty(50), residuals, curvatures, limbs)
    expected = reference.derivatives_at(design, offset, share, mass, theta)
    # A logit of three rounded products, of size 10: some 2^-50.
    assert loss == pytest.approx(expected[0], rel=2.0**-49)
    assert residuals == pytest.approx(expected[1], rel=2.0**-46)
    assert curvatures == pytest.approx(expected[2], rel=2.0**-46)


@pytest.mark.parametrize("is_collinear", [False, True])
@pytest.mark.parametrize("start", [0.0, 4.0])
@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_newton_steps_equal_their_twin(is_collinear, start, n_steps):
    """From far away a whole step increases the loss."""
    design, offset, share, mass = problem_of(50, is_collinear=is_collinear)
    theta = np.full(len(design), start)
    point, *expected = reference.newton_steps(design, offset, share, mass, theta, n_steps)
    found = newton_steps(design, offset, share, mass, theta, n_steps)
    # The condition of these Hessians is below 10^4, but for what is collinear.
    assert theta == pytest.approx(point, rel=1e-9, abs=1e-9)
    assert found == pytest.approx(expected, rel=1e-9)


def test_no_step_leaves_the_coefficients_where_they_are():
    """The loss there is that of log-odds of 0."""
    design, theta = np.ones((1, 4)), np.zeros(1)
    loss, decrement = newton_steps(design, np.zeros(4), np.array([0.0, 1.0, 1.0, 0.5]), np.full(4, 0.25), theta, 0)
    assert theta.tolist() == [0.0]
    assert loss == pytest.approx(np.log(2), rel=1e-15)
    assert decrement == np.inf
