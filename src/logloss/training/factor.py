"""A Hessian, factored: to solve with it, to measure by it, and to find which columns depend on each other.

The levels of one category are eliminated first (their block is diagonal), which leaves its Schur complement: the matrix
of the other coefficients once these levels have followed them. Only that is factored.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from logloss.data.rows import Array
from logloss.onepass.kernels.newton_rules import DEPENDENT
from logloss.training.interruptible import patiently

if TYPE_CHECKING:
    from logloss.onepass.summaries.hessian import Hessian

# DEPENDENT where products were formed in single precision.
DEPENDENT_SINGLE = 2.0**-17
# Levels beside other levels are mostly zeros: up to such a share of other numbers, products skip the zeros.
FEW_NUMBERS = 1 / 8
# Vectors of a kernel, of length 1: what is shorter has no part in it, what is longer than this lies in it alone.
NO_PART, ALONE = 1e-8, 1 - 1e-6
# The least entry of a metric beside the largest, where a combination has no length in it otherwise.
SHORTEST = 2.0**-26


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """Combinations of coefficients that the rows do not determine, shape (n, n_dependent).

    metric: solutions are the shortest ones in it, each coefficient times its entry; shape (n,).
    """

    vectors: Array
    metric: Array


class Factor:
    """A positive semidefinite matrix, scaled to ones on its diagonal and factored, to solve with and to measure by.

    Where columns depend on each other, solutions are the shortest ones. kernel: where it is known what is not
    determined; then only a matrix that is singular beyond that counts as one. basis: the combinations that are looked
    at, in place of coordinates, shape (n, n_combinations). least: of the eigenvalues that count, where it is not that
    of rounding. Cost: O(n³) once, n the number of coefficients without the levels of the category that has most.
    """

    def __init__(
        self,
        matrix: Array | Hessian,
        *,
        basis: Array | None = None,
        kernel: Kernel | None = None,
        is_single: bool = False,
        least: float | None = None,
    ) -> None:
        from logloss.onepass.summaries.hessian import Hessian

        self.hessian = matrix if isinstance(matrix, Hessian) else Hessian.of(matrix)
        self.outer, self.is_single, self.known = basis, is_single, kernel
        inner = self.hessian if basis is None else Hessian.of(basis.T @ self.matrix @ basis)
        self.inner = inner
        self.size = np.sqrt(np.where(inner.diagonal > 0, inner.diagonal, 1.0))
        of_levels, of_others = inner.parted(self.size)
        # What the levels have of the others, and whether they have anything: a level without curvature is dependent.
        self.across = thinned(inner.across / of_levels[:, None] / of_others)
        self.has_curvature = inner.levels > 0
        complement = inner.others / of_others / of_others[:, None]
        if len(inner.levels):
            complement -= _dense(self.across.T @ self.across)
        known = np.zeros((len(inner), 0)) if kernel is None else np.linalg.qr(kernel.vectors * self.size[:, None])[0]
        # Where the complement is known to be 0 it is 1 instead, which no solution without a part there depends on.
        self.filled = _span(inner.parted(known)[1])
        if self.filled.shape[1]:
            complement += self.filled @ self.filled.T
        if least is None:
            least = len(inner) * (DEPENDENT_SINGLE if is_single else DEPENDENT)
        self.root: Array | None = None
        # NumPy's factorisations: those of SciPy hold the interpreter's lock, so that Ctrl-C would have no effect.
        with contextlib.suppress(np.linalg.LinAlgError):
            self.root = _lower_root(complement)
            # The square of a pivot is what those before it leave of a column: no eigenvalue is above the least of them.
            if np.diag(self.root).min(initial=1.0) ** 2 > least:
                self._set_kernel(known, np.zeros((len(complement), 0)))
                return
        self.root = None
        values, vectors = patiently(lambda: np.linalg.eigh(complement), size=len(complement))
        kept = values > least
        self._set_kernel(known, vectors[:, ~kept])
        self.values, self.vectors = values[kept], vectors[:, kept]

    def _set_kernel(self, known: Array, of_others: Array) -> None:
        """What the scaled matrix maps to 0: known, levels without curvature, and what its complement maps to 0."""
        if not (known.shape[1] or of_others.shape[1]) and self.has_curvature.all():
            self.kernel = self.dual = self.found = known
            self.n_dependent = 0
            return
        is_flat = self.inner.joined(~self.has_curvature, np.zeros(len(of_others), dtype=bool))
        # A level that is known to be free is in the known kernel by itself.
        flat = np.flatnonzero(is_flat & (np.linalg.norm(known, axis=1) < ALONE))
        found = np.zeros((len(self.inner), len(flat) + of_others.shape[1]))
        found[flat, np.arange(len(flat))] = 1.0
        found[:, len(flat) :] = self.inner.joined(-(self.across @ of_others), of_others)
        self.n_dependent = found.shape[1]
        self.found = np.linalg.qr(found)[0] if self.n_dependent else found
        # Solutions are without a part along the kernel: kernel @ dualᵀ is the projection on it.
        metric = np.ones(len(self.inner)) if self.known is None else self.known.metric / self.known.metric.max()
        metric = metric if self.known is None else metric / self.size * self.size.min()
        both = np.hstack([known, self.found])
        self.kernel = self.dual = both
        if both.shape[1]:
            orthonormal, triangle = np.linalg.qr(metric[:, None] * both)
            if np.abs(np.diag(triangle)).min() < SHORTEST:
                # What is not penalised, as an intercept whose curvature has underflown, has a length, too.
                metric = np.maximum(metric, SHORTEST)
                orthonormal, triangle = np.linalg.qr(metric[:, None] * both)
            self.kernel = np.linalg.solve(triangle.T, both.T).T
            self.dual = metric[:, None] * orthonormal

    @property
    def matrix(self) -> Array:
        """The matrix, dense."""
        return self.hessian.full

    @property
    def null(self) -> Array:
        """Combinations that the matrix does not determine though that was not known, shape (n, n_dependent)."""
        null: Array = self.found / self.size[:, None]
        return null

    @cached_property
    def range(self) -> Array:
        """Those that it does, orthogonal to the others in the metric, shape (n, n − n_dependent)."""
        if not self.kernel.shape[1]:
            return np.eye(len(self.size)) if self.outer is None else self.outer
        full, _ = patiently(lambda: np.linalg.qr(self.dual, mode="complete"), size=len(self.dual))
        chosen: Array = full[:, self.dual.shape[1] :] / self.size[:, None]
        return chosen if self.outer is None else self.outer @ chosen

    def solve(self, right: Array) -> Array:
        """The (shortest) solution; right: of shape (n,) or (n, n_systems)."""
        size = self.size if right.ndim == 1 else self.size[:, None]
        right = (right if self.outer is None else self.outer.T @ right) / size
        solution = self._solved(right - self.dual @ (self.kernel.T @ right))
        solution = (solution - self.kernel @ (self.dual.T @ solution)) / size
        return solution if self.outer is None else self.outer @ solution

    def _solved(self, right: Array) -> Array:
        """A solution with the scaled matrix; right: of shape (n,) or (n, n_systems)."""
        levels, others = self.inner.parted(right)
        others = self._of_complement(others - (self.across.T @ levels))
        levels = (levels.T * self.has_curvature).T - self.across @ others
        return self.inner.joined(levels, others)

    def _of_complement(self, right: Array) -> Array:
        """The solution with the Schur complement."""
        if not len(right):
            return right
        if self.root is None:
            return (self.vectors / self.values) @ (self.vectors.T @ right)
        from scipy.linalg import lapack

        solution: Array = lapack.dpotrs(self.root, right, lower=1)[0]
        return solution

    def damped(self, right: Array, added: Array) -> Array | None:
        """The solution once so much is added to the diagonal; None where the matrix stays singular."""
        matrix = self.hessian.taken(np.arange(len(self.hessian)), added)
        factor = Factor(matrix, basis=self.outer, kernel=self.known, least=0.0)
        return None if factor.root is None else factor.solve(right)

    @cached_property
    def _half_of_complement(self) -> Array:
        """A root of the (pseudo-)inverse of the Schur complement: halfᵀ·half."""
        if self.root is None:
            return (self.vectors / np.sqrt(self.values)).T
        if not len(self.root):
            return self.root
        from scipy.linalg import lapack

        # The inverse of a triangle; the wrapper around it takes longer than ten rows do.
        half: Array = patiently(lambda: lapack.dtrtri(self.root, lower=1)[0], size=len(self.root))
        return half

    @cached_property
    def inverse_of_complement(self) -> Array:
        """The (pseudo-)inverse of the Schur complement of the matrix that is scaled to ones on its diagonal."""
        if self.root is None:
            return (self.vectors / self.values) @ self.vectors.T
        from scipy.linalg import lapack

        lower = patiently(lambda: lapack.dpotri(self.root, lower=1)[0], size=len(self.root))
        inverse: Array = np.tril(lower) + np.tril(lower, -1).T
        return inverse

    @cached_property
    def half(self) -> Array:
        """A root of the (pseudo-)inverse: halfᵀ·half."""
        own, start = self._half_of_complement, self.inner.start
        if self.filled.shape[1]:
            # Of its rows those combinations that have no part in the filling.
            full, _ = patiently(lambda: np.linalg.qr(own @ self.filled, mode="complete"), size=len(own))
            own = full[:, self.filled.shape[1] :].T @ own
        half = own
        if len(self.inner.levels):
            below = -(self.across @ own.T).T
            of_levels = np.diag(self.has_curvature.astype(float))[self.has_curvature]
            half = np.zeros((len(of_levels) + len(own), len(self.inner)))
            stop = start + len(self.inner.levels)
            half[: len(of_levels), start:stop] = of_levels
            half[len(of_levels) :, :start], half[len(of_levels) :, stop:] = own[:, :start], own[:, start:]
            half[len(of_levels) :, start:stop] = below
        if self.kernel.shape[1]:
            half = half - (half @ self.dual) @ self.kernel.T
        half = half / self.size
        return half if self.outer is None else half @ self.outer.T

    @cached_property
    def inverse(self) -> Array:
        """The (pseudo-)inverse."""
        if self.kernel.shape[1] or self.outer is not None:
            half = self.half
            return patiently(lambda: half.T @ half, size=len(half))
        others, is_level = self.inverse_of_complement, self.inner.is_level
        if not is_level.any():
            return others / self.size / self.size[:, None]
        beside = -(self.across @ others)
        inverse = np.empty((len(is_level), len(is_level)))
        inverse[np.ix_(~is_level, ~is_level)] = others
        inverse[np.ix_(is_level, ~is_level)], inverse[np.ix_(~is_level, is_level)] = beside, beside.T
        inverse[np.ix_(is_level, is_level)] = np.eye(len(beside)) - (self.across @ beside.T)
        inverse /= self.size
        inverse /= self.size[:, None]
        return inverse

    @cached_property
    def deviations(self) -> Array:
        """Square roots of the diagonal of the inverse: standard errors, where the matrix is an information matrix."""
        if self.outer is not None:
            return np.sqrt(np.einsum("ij,ij->j", self.half, self.half))
        own = self._half_of_complement
        below = self.across @ own.T
        of_levels = self.has_curvature + np.einsum("ij,ij->i", below, below)
        squares = self.inner.joined(of_levels, np.einsum("ij,ij->j", own, own))
        if self.kernel.shape[1]:
            # The diagonal of (1 − kernel·dualᵀ)·inverse·(1 − dual·kernelᵀ).
            along = self._solved(self.dual)
            squares -= 2.0 * np.einsum("ij,ij->i", self.kernel, along)
            squares += np.einsum("ij,ij->i", self.kernel @ (self.dual.T @ along), self.kernel)
        return np.sqrt(np.maximum(squares, 0.0)) / self.size

    @cached_property
    def log_determinant(self) -> float:
        """Of the matrix, or of its part in the basis; of a singular one, of what is left."""
        roots = np.sqrt(self.values) if self.root is None else np.diag(self.root)
        return 2.0 * float(np.log(roots).sum() + np.log(self.size).sum())

    def lost_share(self, n_additions: int) -> float:
        """Most by which the matrix can be too large, as a share of itself in any direction; 1 or more: not known.

        n_additions: of the products that each of its entries is the sum of.
        """
        from logloss.onepass.kernels.certified import lost_share

        share: float = lost_share(self.hessian.diagonal, self.deviations, n_additions)
        return share

    def length(self, move: Array) -> float:
        """The length of a move in the metric of the matrix."""
        return math.sqrt(max(float(move @ self.hessian.times(move)), 0.0))


def _span(vectors: Array) -> Array:
    """An orthonormal basis of what some vectors span."""
    if not vectors.shape[1]:
        return vectors
    left, values, _ = np.linalg.svd(vectors, full_matrices=False)
    return left[:, values > NO_PART]


def _lower_root(matrix: Array) -> Array:
    """The lower Cholesky factor, as LAPACK lays it out; LinAlgError where the matrix is not positive definite."""
    return np.asfortranarray(patiently(lambda: np.linalg.cholesky(matrix), size=len(matrix)))


def thinned(matrix: Array) -> Any:
    """The same matrix; as a sparse one where most of it is 0."""
    if np.count_nonzero(matrix) > FEW_NUMBERS * matrix.size or not matrix.size:
        return matrix
    import scipy.sparse

    return scipy.sparse.csr_array(matrix)


def _dense(matrix: Any) -> Array:
    """A matrix as an array."""
    found: Array = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    return found
