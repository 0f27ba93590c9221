"""What forecasts cost, row by row: each kernel against its twin."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import Forecast, ulps_apart
from strategies import Table, tables

from logloss.onepass.kernels import exact, losses, products

SEED = 5
N_LIMBS = exact.N_LIMBS


# Row values. The library logarithm is within 1 ULP, and so is ours: two floats that far from one number differ by at most
# one step, rarely two where the number lies near a power of 2. The tail of a logit passes exp, too: 3 steps.
STEPS, STEPS_OF_LOGITS = 1, 3


def forecast_of(table: Table):
    """(p, q, z) as the kernels take them."""
    if table.y_logit is not None:
        return table.y_logit, None, table.y_logit
    return table.y_proba, table.y_proba_of_zero, None


def steps(table: Table) -> int:
    return STEPS if table.y_logit is None else STEPS_OF_LOGITS


PLAIN_KINDS = ("hard", "hard logits", "pair")


@given(tables(PLAIN_KINDS))
def test_surprisals_equal_their_twin(table):
    out = np.empty(table.n_rows)
    losses.surprisals(table.y_true, *forecast_of(table), out)
    expected = reference.surprisals(table.y_true, *forecast_of(table))
    assert all(ulps_apart(a, b) <= steps(table) for a, b in zip(out.tolist(), expected, strict=True))


@given(tables(PLAIN_KINDS, min_rows=1), st.booleans())
def test_surprisals_of_slice_equal_their_twin(table, is_tame):
    """Of a whole slice, whether its losses are finite is known where no number of it is rare."""
    if is_tame and table.y_logit is not None:
        table = table.take(np.abs(table.y_logit) <= 22)
    p, q, z = forecast_of(table)
    out, high, low = np.empty((3, table.n_rows))
    is_finite = losses.surprisals_of_slice(table.y_true, p, q, z, out, high, low)
    expected, is_known = reference.surprisals_of_slice(table.y_true, p, q, z)
    assert is_finite == is_known
    assert all(ulps_apart(a, b) <= steps(table) for a, b in zip(out.tolist(), expected, strict=True))
    if z is not None:
        # Right to one rounding, NumPy's to one more; subnormal numbers to half a unit of theirs.
        assert high == pytest.approx(np.exp(-np.abs(z.astype(float))), rel=2.0**-51, abs=5e-324)


@given(tables(("soft",)), st.booleans())
def test_soft_surprisals_equal_their_twin(table, is_hard):
    """Two rows of 1 ULP each, a rounded product of each, a sum: 3 ULP here, 3 there."""
    out = np.empty(table.n_rows)
    y = np.round(table.y_true) if is_hard else table.y_true
    losses.soft_surprisals(y, *forecast_of(table), out)
    expected = reference.soft_surprisals(y, *forecast_of(table))
    assert all(ulps_apart(a, b) <= 6 for a, b in zip(out.tolist(), expected, strict=True))


@given(tables(PLAIN_KINDS))
def test_probabilities_equal_their_twin(table):
    """From logits they pass exp, a sum and a quotient: 3 ULP."""
    out = np.empty(table.n_rows)
    losses.probabilities(*forecast_of(table), out)
    expected = reference.probabilities(*forecast_of(table))
    bound = 0 if table.y_logit is None else 3
    assert all(ulps_apart(a, b) <= bound for a, b in zip(out.tolist(), expected, strict=True))


@given(st.lists(st.floats(0, 1), max_size=20))
def test_entropies_equal_their_twin(q):
    out = np.empty(len(q))
    losses.entropies(np.array(q), out)
    assert all(ulps_apart(a, b) <= 6 for a, b in zip(out.tolist(), reference.entropies(q), strict=True))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=8))
def test_divergences_equal_their_twin(pairs):
    """16 units of 2^-53 of the value (test_pointwise.py says why), at least one unit of the last place."""
    q, p = np.array(pairs).reshape(-1, 2).T.copy()
    out = np.empty(len(q))
    losses.divergences(q, p, out)
    for a, b in zip(out.tolist(), reference.divergences(q, p), strict=True):
        assert a == b or abs(a - b) <= max(16 * 2.0**-53 * b, 5e-324)


def parts_of(table: Table) -> list[Forecast]:
    """What `forecast_parts` finds, a row each."""
    found = []
    p, q, z = forecast_of(table)
    for start in range(0, table.n_rows, products.SLICE):
        stop = min(start + products.SLICE, table.n_rows)
        parts = np.empty(losses.N_PARTS * products.STRIDE)
        pieces = [None if column is None else column[start:stop] for column in (p, q, z)]
        losses.forecast_parts(*pieces, parts)
        columns = [
            parts[k * products.STRIDE : k * products.STRIDE + stop - start].tolist() for k in range(losses.N_PARTS)
        ]
        found += [Forecast(*row) for row in zip(*columns, strict=True)]
    return found


@given(tables(PLAIN_KINDS))
def test_forecast_parts_equal_their_twin(table):
    """Costs to 1 ULP (3 from logits); a probability from a logit passes exp, a sum and a quotient: 3 ULP; entropy is made
    of two costs and two probabilities: 8 ULP; the variance of a squared difference of costs, which may cancel."""
    for actual, expected in zip(parts_of(table), reference.forecast_parts(*forecast_of(table)), strict=True):
        assert ulps_apart(actual.if_one, expected.if_one) <= steps(table)
        assert ulps_apart(actual.if_zero, expected.if_zero) <= steps(table)
        assert ulps_apart(actual.proba, expected.proba) <= (0 if table.y_logit is None else 3)
        assert ulps_apart(actual.entropy, expected.entropy) <= 8
        largest = max([1.0, *(cost for cost in expected[:2] if np.isfinite(cost))])
        if largest < 1e100 and np.isfinite(expected.variance):
            # The order of the factors matters where the first product is subnormal: half a unit of it, times the rest.
            slack = 2.0**-48 * min(1.0, 2 * expected.proba) + 5e-324
            assert abs(actual.variance - expected.variance) <= slack * largest**2


# Sums.


def fraction_of(limbs) -> Fraction:
    return Fraction(exact.as_integer(limbs), 1 << exact.UNIT_EXPONENT)


def counts_of(table: Table) -> list[int]:
    return [1] * table.n_rows if table.counts is None else table.counts.tolist()


def new_tally() -> np.ndarray:
    return np.array([0, 0, 0, -1], dtype=np.int64)


# Cubes enter as pairs of floats, which are right to 2^-105 of themselves (see `products.times`); all else is exact.
CUBES = {"www", "cww", "ccw", "ccc"}


@given(tables(("hard logits", "soft"), min_rows=1), st.booleans(), st.booleans())
def test_logistic_rows_equal_their_twin(table, has_weights, has_counts):
    """Residuals are differences of one rounding each, (1−y)·σ(z) and y·σ(−z) being at most 1: 2^-50 of the mass."""
    rng = np.random.default_rng(SEED)
    n_rows = table.n_rows
    z = rng.normal(0, 10, n_rows) if table.y_logit is None else np.clip(table.y_logit, -700.0, 700.0)
    w = rng.gamma(1, 1, n_rows) if has_weights else None
    n = rng.integers(1, 9, n_rows) if has_counts else None
    residuals, curvatures, limbs = np.empty(n_rows), np.empty(n_rows), exact.new_limbs(1)
    losses.logistic_rows(table.y_true, z, w, n, residuals, curvatures, limbs)
    costs, expected_residuals, expected_curvatures = reference.logistic_rows(table.y_true, z, w, n)
    mass = (np.ones(n_rows) if w is None else w) * (1 if n is None else n)
    assert np.all(np.abs(residuals - expected_residuals) <= 2.0**-50 * mass)
    # Curvatures and losses are products and sums of positive numbers: 8 ULP.
    assert all(ulps_apart(a, b) <= 8 for a, b in zip(curvatures.tolist(), expected_curvatures, strict=True))
    total = reference.deposit(costs)
    assert abs(fraction_of(limbs[0]) - total) <= total * Fraction(2) ** -50 + Fraction(2) ** -1060


@given(tables(("hard logits", "soft"), min_rows=1), st.booleans())
def test_losses_along_a_step_equal_their_twin(table, has_mass):
    """The loss at each length, and at the end of the other step; losses are sums of positive numbers: 8 ULP."""
    rng = np.random.default_rng(SEED)
    at, *directions = rng.normal(0, 10, (3, table.n_rows))
    mass = rng.gamma(1, 1, table.n_rows) if has_mass else np.zeros(0)
    lengths, limbs = np.array([0.0, 0.5, 2.0]), exact.new_limbs(4)
    is_left = losses.losses_along(table.y_true, mass, at, np.array(directions), lengths, 1e300, limbs)
    assert is_left.tolist() == [True] * 4
    ends = [at + length * directions[0] for length in lengths] + [at + directions[1]]
    for own, total in zip(limbs, reference.losses_along(table.y_true, mass if has_mass else None, ends), strict=True):
        # Log-odds that are rounded twice move by 2^-48 at most, and a loss by no more.
        slack = Fraction(2) ** -48 * Fraction(float(mass.sum()) if has_mass else table.n_rows)
        assert abs(fraction_of(own) - total) <= total * Fraction(2) ** -50 + slack


@pytest.mark.parametrize(("y", "z", "residual"), [(1, 40.0, -4.248354255291589e-18), (0, 20.0, 1.0), (1, -50.0, -1.0)])
def test_gradients_of_single_rows_do_not_cancel(y, z, residual):
    """PyTorch gives 0.0 for the first (σ(z) − y cancels), Keras 0.0 for the second (clipped), and −1.9e-10 for the third
    through its BCELoss (pytorch#103316)."""
    residuals, curvatures = np.empty(1), np.empty(1)
    losses.logistic_rows(np.array([y], np.uint8), np.array([z]), None, None, residuals, curvatures, exact.new_limbs(1))
    # exp, a sum, a quotient: 3 ULP; σ(20) itself is 2e-9 short of 1.
    assert abs(residuals[0] - residual) <= (3 * 2.0**-52 if y else 2.1e-9) * abs(residual)
