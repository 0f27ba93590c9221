"""A Hessian, factored: to solve with it, to measure by it, and to find which columns depend on each other."""

from __future__ import annotations

import contextlib
import math
from functools import cached_property

import numpy as np

from logloss.data.rows import Array
from logloss.training.certificate import ROUNDING
from logloss.training.interruptible import patiently

# An eigenvalue of the Hessian, scaled to ones on its diagonal, is 0 if it is smaller than so many roundings per column:
# sums over the rows leave a few hundred of them.
DEPENDENT = 4096 * ROUNDING
# The same where products were formed in single precision.
DEPENDENT_SINGLE = 2.0**-17


class Factor:
    """A positive semidefinite matrix, scaled to ones on its diagonal and factored, to solve with and to measure by.

    Where columns depend on each other, solutions are the shortest ones. basis: where it is known which combinations are
    left, shape (n, n − n_dependent); then only a matrix that is singular there, too, counts as one. Cost: O(n³) once.
    """

    def __init__(self, matrix: Array, *, basis: Array | None = None, is_single: bool = False) -> None:
        self.matrix, self.outer, self.is_single = matrix, basis, is_single
        inner = matrix if basis is None else basis.T @ matrix @ basis
        diagonal = np.diag(inner)
        self.size = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        scaled = inner / self.size / self.size[:, None]
        least = len(inner) * (DEPENDENT_SINGLE if is_single else DEPENDENT)
        self.n_dependent = 0
        self.root: Array | None = None
        # NumPy's factorisations: those of SciPy hold the interpreter's lock, so that Ctrl-C would have no effect.
        with contextlib.suppress(np.linalg.LinAlgError):
            self.root = _lower_root(scaled)
            # The square of a pivot is what those before it leave of a column: no eigenvalue is above the least of them.
            if np.diag(self.root).min(initial=1.0) ** 2 > least:
                self.range = np.eye(len(inner)) if basis is None else basis
                return
        values, vectors = patiently(lambda: np.linalg.eigh(scaled), size=len(inner))
        kept = values > least
        self.n_dependent = int(np.count_nonzero(~kept))
        self.null = vectors[:, ~kept] / self.size[:, None]
        chosen = vectors[:, kept] / self.size[:, None]
        self.range = chosen if basis is None else basis @ chosen
        self.values, self.vectors = values[kept], vectors[:, kept]

    def solve(self, right: Array) -> Array:
        """The (shortest) solution."""
        right = (right if self.outer is None else self.outer.T @ right) / self.size
        if not len(right):
            solution = right
        elif self.root is None:
            solution = self.vectors @ ((self.vectors.T @ right) / self.values) / self.size
        else:
            from scipy.linalg import lapack

            solution = lapack.dpotrs(self.root, right, lower=1)[0] / self.size
        return solution if self.outer is None else self.outer @ solution

    def damped(self, right: Array, added: Array) -> Array | None:
        """The solution once so much is added to the diagonal; None where the matrix stays singular."""
        from scipy.linalg import lapack

        matrix = self.matrix + np.diag(added)
        inner = matrix if self.outer is None else self.outer.T @ matrix @ self.outer
        size = np.sqrt(np.maximum(np.diag(inner), np.finfo(float).tiny))
        try:
            root = _lower_root(inner / size / size[:, None])
        except np.linalg.LinAlgError:
            return None
        right = right if self.outer is None else self.outer.T @ right
        solution = lapack.dpotrs(root, right / size, lower=1)[0] / size
        return solution if self.outer is None else self.outer @ solution

    @cached_property
    def half(self) -> Array:
        """A root of the (pseudo-)inverse: halfᵀ·half."""
        if self.root is None:
            half = (self.vectors / np.sqrt(self.values)).T / self.size
        elif not len(self.root):
            half = self.root
        else:
            from scipy.linalg import lapack

            # The inverse of a triangle; the wrapper around it takes longer than ten rows do.
            half = patiently(lambda: lapack.dtrtri(self.root, lower=1)[0], size=len(self.root)) / self.size
        if self.outer is not None:
            half = half @ self.outer.T
        return half

    @cached_property
    def inverse(self) -> Array:
        """The (pseudo-)inverse."""
        half = self.half
        return patiently(lambda: half.T @ half, size=len(half))

    @cached_property
    def deviations(self) -> Array:
        """Square roots of the diagonal of the inverse: standard errors, where the matrix is an information matrix."""
        return np.sqrt(np.einsum("ij,ij->j", self.half, self.half))

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

        share: float = lost_share(self.matrix.diagonal().copy(), self.deviations, n_additions)
        return share

    def length(self, move: Array) -> float:
        """The length of a move in the metric of the matrix."""
        return math.sqrt(max(float(move @ (self.matrix @ move)), 0.0))


def _lower_root(matrix: Array) -> Array:
    """The lower Cholesky factor, as LAPACK lays it out; LinAlgError where the matrix is not positive definite."""
    return np.asfortranarray(patiently(lambda: np.linalg.cholesky(matrix), size=len(matrix)))
