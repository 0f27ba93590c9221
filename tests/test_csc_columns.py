"""The kernels of some columns of a sparse matrix, beside their twins in plain Python."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import reference
import scipy.sparse

from logloss.data.sparse_rows import frozen
from logloss.onepass.kernels import csc_columns

RANDOM = np.random.default_rng(20261130)
N_ROWS, N_COLUMNS = 40, 7
ROWS = scipy.sparse.random_array((N_ROWS, N_COLUMNS), density=0.3, rng=RANDOM, format="csr")
ROWS.data[:] = RANDOM.standard_normal(ROWS.nnz)
ENTRIES = reference.entries(ROWS.indptr, ROWS.indices, ROWS.data)
MASS = np.where(RANDOM.random(N_ROWS) < 0.2, 0.0, RANDOM.random(N_ROWS) * 3)
CURVATURES = RANDOM.random(N_ROWS)
PLACES = np.array([0, 1, 2, 0, 3, 4, 0], np.int32)
NONE = np.zeros(0)


def by_columns(matrix=ROWS):
    return csc_columns.csc_of(
        frozen(matrix.indptr), frozen(matrix.indices), frozen(np.asarray(matrix.data)), matrix.shape[1]
    )


def columns_of(starts, rows, values):
    return [list(zip(rows[a:b].tolist(), values[a:b].tolist(), strict=True)) for a, b in pairwise(starts)]


@pytest.mark.parametrize("mass", [NONE, MASS], ids=["no mass", "mass"])
def test_columns_are_taken_out_of_rows_that_have_mass(mass):
    each = mass if len(mass) else np.ones(N_ROWS)
    arrays = frozen(ROWS.indptr), frozen(ROWS.indices), frozen(ROWS.data)
    taken = csc_columns.csr_take(*arrays, mass, frozen(PLACES))
    assert reference.entries(*taken) == reference.csr_take(ENTRIES, each, PLACES)
    squares = np.zeros(N_COLUMNS)
    csc_columns.csr_norms(*arrays, mass, squares)
    assert squares == pytest.approx(np.array(reference.csr_norms(ENTRIES, each, N_COLUMNS)), rel=1e-14)


def test_rows_become_columns_and_are_weighted():
    starts, rows, values = by_columns()
    expected = reference.csc_of(ENTRIES, N_COLUMNS)
    assert columns_of(starts, rows, values) == expected
    scaled, across, own = np.empty(len(values)), np.empty(N_COLUMNS), np.empty(N_COLUMNS)
    csc_columns.weigh_columns(starts, rows, values, frozen(CURVATURES), scaled, across, own)
    twin = reference.weigh_columns(expected, CURVATURES)
    assert scaled == pytest.approx(np.concatenate(twin[0]), rel=1e-15)
    assert across == pytest.approx(np.array(twin[1]), rel=1e-13)
    assert own == pytest.approx(np.array(twin[2]), rel=1e-13)


@pytest.mark.parametrize("has_intercept", [True, False])
def test_products_and_descent_are_those_of_the_dense_matrix(has_intercept):
    random = np.random.default_rng(1)
    starts, rows, values = by_columns()
    scaled, across, own = np.empty(len(values)), np.empty(N_COLUMNS), np.empty(N_COLUMNS)
    csc_columns.weigh_columns(starts, rows, values, frozen(CURVATURES), scaled, across, own)
    total = float(CURVATURES.sum()) if has_intercept else 0.0
    chosen, direction = np.array([0, 2, 3, 6]), random.standard_normal(N_COLUMNS)
    out, moved = np.zeros(N_COLUMNS), np.empty(N_ROWS)
    csc_columns.column_products(starts, rows, scaled, across, total, chosen, direction, moved, out)
    expected = reference.column_products(ROWS.toarray(), CURVATURES, has_intercept, chosen, direction)
    assert out[chosen] == pytest.approx(expected, rel=1e-12)
    slopes, weights = random.standard_normal(N_COLUMNS) * 3, np.full(N_COLUMNS, 0.5)
    weights[1], squares = 0.0, np.full(N_COLUMNS, 0.25)
    begin = np.array([0, 1.0, 0, -2.0, 0, 0, 0.5])
    at = begin.copy()
    moved[:] = 0.0
    args = slopes, weights, squares
    n = csc_columns.descend_columns(starts, rows, scaled, across, own, total, *args, at, begin, moved, np.inf, 9)
    assert n == 1
    once = reference.descend_columns(ROWS.toarray(), CURVATURES, has_intercept, *args, begin, begin, 1)
    assert at == pytest.approx(once, rel=1e-11, abs=1e-14)
    csc_columns.descend_columns(starts, rows, scaled, across, own, total, *args, at, begin, moved, 1e-25, 999)
    most = reference.descend_columns(ROWS.toarray(), CURVATURES, has_intercept, *args, begin, begin, 999)
    assert at == pytest.approx(most, rel=1e-8, abs=1e-10)
    assert (at == 0).tolist() == (most == 0).tolist()


@pytest.mark.parametrize("labels", [RANDOM.integers(0, 2, N_ROWS).astype(float), RANDOM.random(N_ROWS)])
@pytest.mark.parametrize("far", [1.0, 40.0])
def test_a_dual_point_is_between_0_and_1_and_its_sums_are_accurate(labels, far):
    random = np.random.default_rng(1)
    w, move = random.standard_normal(N_COLUMNS), 0.1 * random.standard_normal(N_COLUMNS)
    offset = far * random.standard_normal(N_ROWS)
    theta, inexact, curvatures, sums = np.empty(N_ROWS), np.empty(N_ROWS), np.empty(N_ROWS), np.zeros(2)
    arrays = frozen(ROWS.indptr), frozen(ROWS.indices), frozen(ROWS.data)
    vectors = 0.3, frozen(w), 0.05, frozen(move)
    csc_columns.dual_rows(*arrays, labels, MASS, offset, *vectors, theta, inexact, curvatures, sums)
    moves = ROWS @ move + 0.05
    own, curved, distances = reference.dual_rows(labels, MASS, ROWS @ w + 0.3 + offset, moves)
    assert theta == pytest.approx(np.array(own), rel=1e-12, abs=1e-15)
    assert curvatures == pytest.approx(np.array(curved), rel=1e-12)
    assert sums[0] == pytest.approx(sum(distances), rel=1e-10)
    assert sums[0] >= sum(distances)
    assert sums[1] == pytest.approx(np.abs(moves[MASS > 0]).max())
    points = labels[MASS > 0] + theta[MASS > 0] / MASS[MASS > 0]
    assert ((points > -1e-15) & (points < 1 + 1e-15)).all()
    starts, rows, values = by_columns()
    # Sums that cancel.
    theta = theta * 10.0 ** random.integers(-8, 9, N_ROWS)
    found, sizes, shares = np.empty((3, N_COLUMNS))
    csc_columns.accurate_sums(starts, rows, values, theta, MASS, found, sizes, shares)
    exact, of_sizes, of_shares = reference.accurate_sums(columns_of(starts, rows, values), theta, MASS)
    for value, expected, size in zip(found, exact, of_sizes, strict=True):
        assert abs(float(value - expected)) <= 2.0**-53 * abs(float(expected)) + 2.0**-95 * size
    assert sizes == pytest.approx(np.array(of_sizes), rel=1e-14)
    assert shares == pytest.approx(np.array(of_shares), rel=1e-14)
