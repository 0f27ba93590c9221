"""The factored Hessian: the levels of one category are eliminated, and what is left is as if they were not."""

from __future__ import annotations

import numpy as np
import pytest

from logloss.onepass.summaries.hessian import Hessian
from logloss.training.factor import Factor, Kernel

SEED = 20251129


def in_blocks(matrix: np.ndarray, start: int, n_levels: int) -> Hessian:
    """A matrix whose block of some consecutive places is diagonal."""
    is_level = np.zeros(len(matrix), dtype=bool)
    is_level[start : start + n_levels] = True
    across, others = matrix[np.ix_(is_level, ~is_level)], matrix[np.ix_(~is_level, ~is_level)]
    return Hessian(start, np.diag(matrix)[is_level].copy(), across, others)


def random_hessian(rng: np.random.Generator, *, is_singular: bool) -> tuple[np.ndarray, Hessian]:
    """That of a table with an intercept, numbers and two categories; which of them is eliminated is drawn, too."""
    n_rows, n_numbers, n_other, n_levels = 150, *rng.integers(0, 4, 2), rng.integers(1, 40)
    codes = rng.integers(0, n_levels, n_rows)
    numbers = rng.normal(size=(n_rows, n_numbers)) * 10.0 ** rng.integers(-2, 3)
    other = np.eye(max(n_other, 1))[rng.integers(0, max(n_other, 1), n_rows)][:, 1:]
    own = np.eye(n_levels)[codes]
    # With an intercept and all its levels, or with levels of which there are no rows, columns are dependent.
    own = own if is_singular else own[:, np.flatnonzero(own.any(axis=0))[1:]]
    is_first = rng.integers(0, 2)
    columns = [np.ones((n_rows, 1)), numbers, *((own, other) if is_first else (other, own))]
    rows = np.hstack(columns)
    start = 1 + n_numbers + (0 if is_first else other.shape[1])
    matrix = (rows.T * rng.uniform(0.01, 1.0, n_rows)) @ rows
    matrix = (matrix + matrix.T) / 2
    return matrix, in_blocks(matrix, start, own.shape[1])


@pytest.mark.parametrize("is_singular", [False, True])
def test_eliminating_levels_changes_no_figure(is_singular):
    """Solutions, deviations and the inverse are those of NumPy's pseudo-inverse, in units of each coefficient."""
    rng = np.random.default_rng(SEED)
    n_dependent = 0
    for _ in range(100):
        matrix, blocks = random_hessian(rng, is_singular=is_singular)
        factor = Factor(blocks)
        size = np.sqrt(np.where(np.diag(matrix) > 0, np.diag(matrix), 1.0))
        inverse = np.linalg.pinv(matrix / np.outer(size, size), rcond=1e-10, hermitian=True) / np.outer(size, size)
        unit = np.outer(1 / size, 1 / size) * np.abs(inverse * np.outer(size, size)).max()
        right = matrix @ rng.normal(size=len(matrix))
        assert factor.n_dependent == len(matrix) - np.linalg.matrix_rank(matrix / np.outer(size, size), tol=1e-10)
        # The condition numbers of these tables are below 1e6, which leaves ten digits.
        assert np.abs(factor.inverse - inverse).max() <= 1e-9 * unit.max()
        assert np.abs(factor.deviations - np.sqrt(np.diag(inverse))).max() <= 1e-9 * np.sqrt(np.diag(unit)).max()
        assert np.abs(matrix @ factor.solve(right) - right).max() <= 1e-9 * np.abs(right).max()
        assert np.abs(factor.solve(right) - inverse @ right).max() <= 1e-9 * np.abs(unit @ np.abs(right)).max()
        assert np.abs(matrix @ factor.null).max(initial=0.0) <= 1e-9 * np.abs(matrix).max()
        assert factor.range.shape == (len(matrix), len(matrix) - factor.n_dependent)
        assert np.abs((factor.range * size[:, None] ** 2).T @ factor.null).max(initial=0.0) <= 1e-9 * size.max()
        if not factor.n_dependent:
            assert factor.log_determinant == pytest.approx(np.linalg.slogdet(matrix)[1], abs=1e-9)
        n_dependent += factor.n_dependent
    assert (n_dependent > 100) == is_singular


def test_parts_of_a_hessian_are_those_of_its_dense_form():
    """Places that are taken, a diagonal that is added, products with a vector, sums and quotients."""
    rng = np.random.default_rng(SEED)
    for _ in range(50):
        matrix, blocks = random_hessian(rng, is_singular=bool(rng.integers(0, 2)))
        assert np.array_equal(blocks.full, matrix)
        assert np.array_equal(blocks.diagonal, np.diag(matrix))
        places = np.sort(rng.permutation(len(matrix))[: max(1, len(matrix) - 2)])
        added = rng.uniform(0.0, 1.0, len(places))
        part = blocks.taken(places, added)
        assert np.array_equal(part.full, matrix[np.ix_(places, places)] + np.diag(added))
        assert np.array_equal(((part + part) / 2.0).full, part.full)
        vector = rng.normal(size=len(matrix))
        assert np.allclose(blocks.times(vector), matrix @ vector, rtol=0, atol=1e-12 * np.abs(matrix).sum())


def test_a_hessian_keeps_no_zeros_of_the_category_with_most_levels():
    """A diagonal and the blocks beside it: 40 numbers of levels and none of 40 × 40."""
    blocks = in_blocks(np.diag(np.arange(1.0, 44.0)), 1, 40)
    assert blocks.levels.shape == (40,)
    assert blocks.across.shape == (40, 3)
    assert Factor(blocks).root.shape == (3, 3)


@pytest.mark.parametrize("is_penalised", [False, True])
def test_a_known_kernel_leaves_the_shortest_solution_in_its_metric(is_penalised):
    """Among all coefficients that fit alike: solutions and deviations are those in a basis across the kernel."""
    rng = np.random.default_rng(SEED)
    n_tables = 0
    for _ in range(60):
        matrix, blocks = random_hessian(rng, is_singular=True)
        first = Factor(blocks)
        if not first.n_dependent or not (np.diag(matrix) > 0).all():
            continue
        n_tables += 1
        metric = rng.uniform(0.5, 2.0, len(matrix)) if is_penalised else first.size
        factor = Factor(blocks, kernel=Kernel(first.null, metric))
        # Across the kernel in the metric, by NumPy's complete QR.
        full = np.linalg.qr(metric[:, None] ** 2 * first.null, mode="complete")[0]
        basis = full[:, first.n_dependent :]
        inverse = basis @ np.linalg.inv(basis.T @ matrix @ basis) @ basis.T
        right = matrix @ rng.normal(size=len(matrix))
        assert factor.n_dependent == 0
        assert np.abs(factor.solve(right) - inverse @ right).max() <= 1e-8 * np.abs(inverse @ right).max()
        assert np.abs(factor.deviations - np.sqrt(np.diag(inverse))).max() <= 1e-8 * np.sqrt(np.diag(inverse)).max()
        assert factor.half.shape == (len(matrix) - first.n_dependent, len(matrix))
        assert np.abs(factor.inverse - inverse).max() <= 1e-8 * np.abs(inverse).max()
        assert np.abs(factor.range.T @ (metric[:, None] ** 2 * first.null)).max() <= 1e-8 * np.abs(first.null).max()
    assert n_tables > 30
