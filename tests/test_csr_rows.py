"""The kernels of sparse rows beside their twins; what is wrong with a matrix is found, and what is not is read."""

from __future__ import annotations

import numpy as np
import pytest
import reference
import scipy.sparse

from logloss.data.sparse_rows import NONE, CsrMatrix, SparseRows
from logloss.onepass.kernels import csr_rows, exact
from logloss.onepass.kernels.products import SLICE

NAMES = {
    csr_rows.SOUND: "sound",
    csr_rows.UNSORTED: "unsorted",
    csr_rows.NOT_FINITE: "not finite",
    csr_rows.NO_COLUMN: "no column",
}
KINDS = [(np.float64, np.int32), (np.float32, np.int64)]


def matrix_of(n_rows=SLICE + 30, n_columns=9, kind=np.float64, index=np.int32, seed=0):
    """Sparse rows, some of them empty."""
    random = np.random.default_rng(seed)
    dense = random.standard_normal((n_rows, n_columns)) * (random.random((n_rows, n_columns)) < 0.3)
    matrix = scipy.sparse.csr_array(dense.astype(kind))
    matrix.indptr, matrix.indices = matrix.indptr.astype(index), matrix.indices.astype(index)
    return matrix


@pytest.mark.parametrize(("kind", "index"), KINDS)
def test_logits_are_those_of_the_twin(kind, index):
    matrix = matrix_of(kind=kind, index=index)
    w = np.linspace(-1, 1, 9)
    expected = reference.csr_logits(matrix.indptr, matrix.indices, matrix.data, 0.25, w)
    assert CsrMatrix.of(matrix).logits(0.25, w) == pytest.approx(expected, rel=1e-13, abs=1e-14)


@pytest.mark.parametrize(("kind", "index"), KINDS)
@pytest.mark.parametrize("has_mass", [False, True])
def test_sums_of_a_fit_are_those_of_the_twin(kind, index, has_mass):
    """Of more rows than a slice has; some of mass 0."""
    matrix, random = matrix_of(kind=kind, index=index), np.random.default_rng(1)
    n_rows, n_columns = matrix.shape
    y = (random.random(n_rows) < 0.4).astype(np.uint8)
    mass = random.integers(0, 3, n_rows) * 1.5 if has_mass else NONE
    offset = random.standard_normal(n_rows) if has_mass else NONE
    w, limbs = np.linspace(-1, 1, n_columns), exact.new_limbs(1)
    curvatures, sums, columns = np.full(n_rows, np.nan), np.zeros(csr_rows.N_SUMS), np.zeros((n_columns, 2))
    rows = SparseRows.of(matrix, y, mass, offset)
    given = rows.matrix.arrays, (rows.labels, rows.mass, rows.offset)
    csr_rows.csr_fold(0, n_rows, *given[0], *given[1], -0.5, w, curvatures, sums, columns, limbs)
    entries = reference.entries(matrix.indptr, matrix.indices, matrix.data)
    logits = matrix @ w - 0.5 + (offset if has_mass else 0)
    twin = reference.csr_fold(entries, y.tolist(), (mass if has_mass else np.ones(n_rows)).tolist(), logits.tolist())
    # A logit of several terms has a few roundings; sums of 500 rows some more.
    assert exact.rounded(exact.as_integer(limbs[0]), 1) == pytest.approx(twin["loss"], rel=1e-12)
    assert curvatures == pytest.approx(twin["curvatures"], rel=1e-12)
    assert sums[:5] == pytest.approx(twin["sums"], rel=1e-11)
    for j, own in twin["columns"].items():
        assert columns[j] == pytest.approx(own, rel=1e-11)
    sizes = (abs(matrix) @ abs(w) + 0.5 + (abs(offset) if has_mass else 0)) * (np.diff(matrix.indptr) + 2)
    norms = np.sqrt((abs(matrix) ** 2).sum(axis=1))
    assert sums[csr_rows.TERMS] == pytest.approx(float(curvatures @ sizes), rel=1e-6)
    assert sums[csr_rows.TERMS_OF_ROW] == pytest.approx(float(curvatures @ (sizes * norms)), rel=1e-6)


def test_products_and_blocks_are_those_of_the_twins():
    matrix, random = matrix_of(), np.random.default_rng(2)
    n_rows, n_columns = matrix.shape
    curvatures, w = random.random(n_rows), random.standard_normal(n_columns)
    curvatures[::7] = 0
    entries = reference.entries(matrix.indptr, matrix.indices, matrix.data)
    arrays = CsrMatrix.of(matrix).arrays
    out = np.zeros(n_columns)
    total = csr_rows.csr_products(0, n_rows, *arrays, curvatures, 0.5, w, out)
    expected, of_columns = reference.csr_products(entries, curvatures, 0.5, w)
    assert total == pytest.approx(expected, rel=1e-11)
    assert out == pytest.approx([of_columns[j] for j in range(n_columns)], rel=1e-10)
    places = np.array([0, 3, 0, 1, 0, 0, 2, 0, 0], np.int32)
    block = np.zeros((4, 4))
    csr_rows.csr_block(0, n_rows, *arrays, curvatures, places, block)
    whole = block + block.T - np.diag(block.diagonal())
    assert whole == pytest.approx(np.array(reference.csr_block(entries, curvatures, places, 3)), rel=1e-10)
    limits, pairs = np.array([1, 3]), np.zeros(2)
    csr_rows.csr_pairs(arrays[0], arrays[1], places, limits, pairs)
    assert pairs.tolist() == reference.csr_pairs(entries, places, limits)


@pytest.mark.parametrize(
    ("indices", "data", "mass"),
    [
        ([0, 2, 1], [1.0, 2.0, 3.0], []),
        ([2, 0, 1], [1.0, 2.0, 3.0], []),
        ([1, 1, 1], [1.0, 2.0, 3.0], []),
        ([0, 3, 1], [1.0, 2.0, 3.0], []),
        ([0, -1, 1], [1.0, 2.0, 3.0], []),
        ([0, 2, 1], [1.0, np.nan, 3.0], []),
        ([2, 0, 1], [1.0, 2.0, np.inf], []),
        ([2, 0, 1], [1.0, 2.0, np.inf], [1.0, 1.0, 0.0]),
        ([0, 2, 1], [np.nan, 2.0, 3.0], [0.0, 1.0, 1.0]),
    ],
)
def test_faults_are_those_of_the_twin(indices, data, mass):
    """Three rows, of two values, none, and one."""
    indptr = np.array([0, 2, 2, 3])
    fault, row, _ = csr_rows.find_fault(indptr, np.array(indices), np.array(data), np.array(mass), 3)
    assert (NAMES[fault], row) == reference.find_fault(indptr, indices, data, mass, 3)
