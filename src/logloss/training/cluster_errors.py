"""Covariances of coefficients where rows of a cluster may depend on each other: CR1, CR2, CV3, and CR1 of two ways.

In coordinates in which the information is the identity, a cluster has a gradient and a part K of the information. CR1
is the sum of squared gradients; CR2 takes (1 − K)^(−1/2) times the gradient, CV3 (1 − K)⁻¹ times it, the step without
the cluster.

References
----------
Liang, K.-Y. & Zeger, S. L. (1986). Longitudinal data analysis using generalized linear models. Biometrika 73(1), 13-22.
doi:10.1093/biomet/73.1.13
McCaffrey, D. F. & Bell, R. M. (2006). Improved hypothesis testing for coefficients in generalized estimating equations
with small samples of clusters. Statistics in Medicine 25(23), 4081-4098. doi:10.1002/sim.2502
MacKinnon, J. G., Nielsen, M. Ø. & Webb, M. D. (2023). Cluster-robust inference: A guide to empirical practice. Journal
of Econometrics 232(2), 272-299. doi:10.1016/j.jeconom.2022.04.001
Carter, A. V., Schnepel, K. T. & Steigerwald, D. G. (2017). Asymptotic behavior of a t-test robust to cluster
heterogeneity. Review of Economics and Statistics 99(4), 698-709. doi:10.1162/REST_a_00639
Cameron, A. C., Gelbach, J. B. & Miller, D. L. (2011). Robust inference with multiway clustering. Journal of Business &
Economic Statistics 29(2), 238-249. doi:10.1198/jbes.2010.07136
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.rows import Array
from logloss.training.information_matrix import SHARE, Information
from logloss.training.interruptible import patiently
from logloss.training.optimum import Optimum

if TYPE_CHECKING:
    from logloss.onepass.summaries import ClusterSummary

# What the other clusters leave of a direction of the information, below which one cluster alone determines it; and the
# trace of a cluster's part of the information below which no direction comes near that.
ALONE, SMALL = 1e-8, 0.5
# An eigenvalue below this share of the largest is negative by more than rounding.
NEGATIVE = -1e-12

CR1, CR2, CV3, TWO_WAY = "CR1", "CR2", "CV3", "CR1 two-way"
OF_SHARES = {CR2: "CR2 of shares", CV3: "CV3 of shares"}
CLUSTER_KINDS = (CR1, CR2, CV3, TWO_WAY, *OF_SHARES.values())
# The power of 1 − K that gradients are divided by.
POWERS_OF_K = {CR1: 0.0, CR2: 0.5, CV3: 1.0}


@dataclass(frozen=True, slots=True)
class ClusterCovariance:
    """The covariance of the user's coefficients in their units, nan where one cluster alone determines a coefficient.

    degrees: of freedom of each. The others are as of `Errors`.
    """

    kind: str
    matrix: Array
    degrees: Array
    n_clusters: int
    effective_clusters: float
    n_of_each: tuple[int, ...] = ()
    was_indefinite: bool = False


def clustered(optimum: Optimum, information: Information, kind: str) -> ClusterCovariance | None:
    """The covariance of a kind; None with fewer than two clusters. Cost: one walk, three where there are two ways."""
    if kind == TWO_WAY:
        return _two_way(optimum, information)
    seen = _Clusters.of(optimum, information, wants_hessians=kind != CR1)
    n_clusters, reach = len(seen.summary.keys), seen.reach
    if n_clusters < 2:
        return None
    is_alone: Array = seen.are_alone
    degrees, power = seen.effective_degrees, POWERS_OF_K[kind]
    if kind == CR1:
        moves = seen.gradients @ reach
    elif seen.summary.hessians is None:
        # The jackknife of a mean: each cluster's part of a coefficient by its share of the information on it.
        moves = seen.gradients @ reach / np.maximum(1.0 - seen.shares, ALONE) ** power
        kind = OF_SHARES[kind]
    else:
        parts = patiently(lambda: seen.parts)
        steps, alone = patiently(lambda: divided(parts, seen.gradients, power))
        moves, deviations = steps @ reach, np.sqrt((reach**2).sum(axis=0))
        is_alone |= (np.abs(alone @ reach) > SHARE * deviations).any(axis=0)
        if kind == CR2:
            degrees = patiently(lambda: _satterthwaite(parts, reach))
    factor = {CR1: n_clusters / (n_clusters - 1), CV3: (n_clusters - 1) / n_clusters}
    matrix = moves.T @ moves * factor.get(kind.partition(" ")[0], 1.0)
    return ClusterCovariance(kind, _without(matrix, is_alone), degrees, n_clusters, seen.effective_clusters)


def _two_way(optimum: Optimum, information: Information) -> ClusterCovariance | None:
    """V₁ + V₂ − V₁₂ of two columns, each CR1 with its own G / (G − 1) (Cameron, Gelbach & Miller 2011).

    Where it is not positive semidefinite, negative eigenvalues are set to 0, in coordinates in which the information is
    the identity, so that the units of columns do not matter.
    """
    ways = [_Clusters.of(optimum, information, wants_hessians=False, columns=(k,)) for k in (0, 1)]
    n_of_each = tuple(len(way.summary.keys) for way in ways)
    if min(n_of_each) < 2:
        return None
    total = np.zeros((len(information.half),) * 2)
    for way in ways:
        total += way.meat
    total -= _Clusters.of(optimum, information, wants_hessians=False).meat
    values, vectors = np.linalg.eigh(total)
    was_indefinite = bool(len(values) and values[0] < NEGATIVE * max(values[-1], 0.0))
    if was_indefinite:
        total = (vectors * np.maximum(values, 0.0)) @ vectors.T
    matrix = ways[0].reach.T @ total @ ways[0].reach
    is_alone = ways[0].are_alone | ways[1].are_alone
    degrees = np.minimum(ways[0].effective_degrees, ways[1].effective_degrees)
    effective = min(way.effective_clusters for way in ways)
    return ClusterCovariance(
        TWO_WAY, _without(matrix, is_alone), degrees, min(n_of_each), effective, n_of_each, was_indefinite
    )


def _without(matrix: Array, is_alone: Array) -> Array:
    """The covariances but of coefficients that one cluster alone determines."""
    matrix[is_alone] = math.nan
    matrix[:, is_alone] = math.nan
    return matrix


@dataclass(frozen=True, slots=True)
class _Clusters:
    """Sums of clusters, in coordinates in which the information is the identity.

    gradients: shape (n_clusters, n_determined). half: from the solver's free coefficients; reach: to the user's; both
    in the unit of weights.
    """

    summary: ClusterSummary
    gradients: Array
    half: Array
    reach: Array
    free: Array

    @classmethod
    def of(
        cls, optimum: Optimum, information: Information, *, wants_hessians: bool, columns: tuple[int, ...] = ()
    ) -> _Clusters:
        """Of one walk. columns: numbers of the columns that make clusters; () for all."""
        from logloss.onepass.summaries import ClusterSummary, Point

        problem = optimum.problem
        # In units of the mean weight, so that no square leaves the range of numbers.
        unit = problem.sum_weight / problem.n_rows
        at = optimum.evaluation.coefficients
        point = Point(at, problem.design, wants_hessian=wants_hessians, face=problem.face, residual_unit=unit)
        full = np.zeros((problem.design.width, len(information.own)))
        full[problem.free] = information.inverse @ information.own.T * unit
        summary = problem.summarised(ClusterSummary.empty(point, full, columns))
        half = information.half * math.sqrt(unit)
        return cls(summary, summary.sums[:, problem.free] @ half.T, half, half @ information.own.T, problem.free)

    @property
    def parts(self) -> Array:
        """The part of each in the information, shape (n_clusters, n_determined, n_determined)."""
        row, column = np.maximum(self.free[:, None], self.free), np.minimum(self.free[:, None], self.free)
        parts: Array = self.half @ self.summary.hessians[:, row * (row + 1) // 2 + column] @ self.half.T
        return parts

    @property
    def meat(self) -> Array:
        """The sum of squared gradients, times G / (G − 1)."""
        meat: Array = self.gradients.T @ self.gradients * (len(self.gradients) / max(len(self.gradients) - 1, 1))
        return meat

    @property
    def shares(self) -> Array:
        """Of the information on each of the user's coefficients, shape (n_clusters, 1 + n_coefficients)."""
        total = self.summary.shares.sum(axis=0)
        shares: Array = self.summary.shares / np.where(total > 0, total, 1.0)
        return shares

    @property
    def are_alone(self) -> Array:
        """Which coefficients one cluster alone determines, as far as shares show."""
        found: Array = np.any(self.shares > 1.0 - ALONE, axis=0)
        return found

    @property
    def effective_clusters(self) -> float:
        """(Σw)² / Σw², of the weights of their rows."""
        weights = self.summary.weights
        return float(weights.sum() ** 2 / (weights**2).sum())

    @property
    def effective_degrees(self) -> Array:
        """The same of weights and of shares, whichever is smaller, less one."""
        squares = (self.shares**2).sum(axis=0)
        degrees: Array = np.minimum(self.effective_clusters, 1.0 / np.where(squares > 0, squares, 1.0)) - 1.0
        return degrees


@dataclass(frozen=True, slots=True)
class _Split:
    """The parts of clusters in the information by their eigenvalues: values (n, k), vectors (n, k, k)."""

    values: Array
    vectors: Array

    @classmethod
    def of(cls, parts: Array) -> _Split:
        """Of the part of each cluster."""
        return cls(*np.linalg.eigh(parts))

    @property
    def are_alone(self) -> Array:
        """Directions that one cluster alone determines, as with fixed effects of clusters, shape (n, k)."""
        found: Array = 1.0 - self.values <= ALONE
        return found

    @property
    def left(self) -> Array:
        """What the others leave of each direction; 1 where there is nothing."""
        return np.where(self.are_alone, 1.0, 1.0 - self.values)

    def divided(self, gradients: Array, power: float) -> Array:
        """(1 − K)^−power times each gradient: along what a cluster alone determines it is 0, as that of all rows is."""
        turned = np.einsum("gij,gi->gj", self.vectors, gradients) / self.left**power
        divided: Array = np.einsum("gij,gj->gi", self.vectors, turned)
        return divided


def divided(parts: Array, gradients: Array, power: float) -> tuple[Array, Array]:
    """((1 − K)^−power times the gradient of each cluster, directions that one cluster alone determines)."""
    steps = gradients.copy()
    is_small = np.trace(parts, axis1=1, axis2=2) < (SMALL if power == 1.0 else 0.0)
    unity = np.eye(parts.shape[1])
    steps[is_small] = np.linalg.solve(unity - parts[is_small], gradients[is_small, :, None])[:, :, 0]
    # Of the jackknife at most twice as many as there are coefficients.
    split = _Split.of(parts[~is_small])
    steps[~is_small] = split.divided(gradients[~is_small], power)
    return steps, split.vectors.transpose(0, 2, 1)[split.are_alone]


def _satterthwaite(parts: Array, reach: Array) -> Array:
    """Degrees of freedom of CR2 for each coefficient, shape (1 + n_coefficients,), of Bell & McCaffrey.

    (Σλ)² / Σλ² of the quadratic form that the variance is, if rows are independent and the model is right: its matrix
    is diag(d) − R·Rᵀ, with b = (1 − K)^(−1/2)·reach of a cluster, row K·b of R, and d = bᵀ·K·b.
    """
    split = _Split.of(parts)
    turned = np.einsum("gij,il->gjl", split.vectors, reach) / np.sqrt(split.left)[:, :, None]
    turned[split.are_alone] = 0.0
    moved = split.values[:, :, None] * turned
    own, squares = (turned * moved).sum(axis=1), (moved**2).sum(axis=1)
    rows = np.einsum("gij,gjl->gil", split.vectors, moved)
    traces = (own - squares).sum(axis=0)
    degrees = np.zeros(reach.shape[1])
    for j, of_j in enumerate(rows.transpose(2, 0, 1)):
        gram = of_j.T @ of_j if of_j.shape[1] < len(of_j) else of_j @ of_j.T
        total = (own[:, j] ** 2).sum() - 2 * (own[:, j] * squares[:, j]).sum() + (gram**2).sum()
        degrees[j] = traces[j] ** 2 / total if total > 0 else 0.0
    return degrees
