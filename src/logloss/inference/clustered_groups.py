"""Errors of groups whose rows come in clusters: the jackknife of clusters, from sums by group and cluster.

Leaving out a cluster of weight w changes a mean by −u / (1 − w), u = Σ (c − mean·w) of its rows, all in units of the
weight of all rows: closed form of CV3 for a mean, without the factor (G − 1) / G, on the safe side. Weights of clusters
differ, so that degrees of freedom are those of Kish's effective number of clusters, (Σ w)² / Σ w², less one.

References: MacKinnon, Nielsen and Webb (2023), doi:10.1016/j.jeconom.2022.04.001; Carter, Schnepel and Steigerwald
(2017), doi:10.1162/REST_a_00639.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from logloss.data.values import Array
from logloss.inference.cautions import FEWEST_CLUSTERS
from logloss.inference.clusters import effective_number
from logloss.inference.moments import effective_count
from logloss.onepass.summaries.cluster_sums import ClusterSums

NOT_KEPT = "the file has no sums by cluster: measure again"
DEPENDENT = "rows of a cluster depend on each other"


def why_too_few(effective: float | None) -> str:
    """Why so few clusters have no interval; "" if there are enough, or rows are independent."""
    return (
        "" if effective is None or effective >= FEWEST_CLUSTERS else f"too few clusters ({effective_count(effective)})"
    )


class ClustersOfGroups:
    """The clusters of each group: weights in units of that of all rows, and losses times weight in the same."""

    def __init__(self, sums: ClusterSums, n_groups: int) -> None:
        self.groups, self.clusters = sums.numbers
        self.names = sums.clusters
        self.n_groups, self.n_clusters = n_groups, len(sums.clusters)
        self._sums = sums.sums
        weights, self._exponent = sums.sums.floats(0)
        self._total = float(weights.sum())
        self.weights: Array = weights / self._total
        self.of_group, self.of_cluster = self.by_group(self.weights), self.by_cluster(self.weights)

    def by_group(self, values: Array) -> Array:
        """Sums of pairs in each group."""
        return np.bincount(self.groups, values, self.n_groups)

    def by_cluster(self, values: Array) -> Array:
        """Sums of pairs in each cluster."""
        return np.bincount(self.clusters, values, self.n_clusters)

    def costs(self, column: int = 1) -> Array:
        """A column of weight times loss of each pair."""
        costs, exponent = self._sums.floats(column)
        with np.errstate(over="ignore"):
            scaled: Array = np.ldexp(costs / self._total, exponent - self._exponent)
        return scaled

    @cached_property
    def effective(self) -> Array:
        """Kish's effective number of the clusters of each group."""
        shares = self._shares
        squares = self.by_group(shares * shares)
        return np.divide(1.0, squares, out=np.zeros(self.n_groups), where=squares > 0)

    @cached_property
    def _shares(self) -> Array:
        """The share of each pair in its group."""
        of_group = self.of_group[self.groups]
        return np.divide(self.weights, of_group, out=np.zeros(len(of_group)), where=of_group > 0)

    @property
    def effective_of_all(self) -> float:
        """Kish's effective number of all clusters."""
        return effective_number(self.of_cluster)

    @cached_property
    def jackknife(self) -> Array:
        """The factor by which leaving out each cluster changes a mean more than its deviation."""
        with np.errstate(divide="ignore"):
            return 1.0 / np.maximum(1.0 - self.of_cluster, 0.0)

    def errors_of_means(self, costs: Array) -> Array:
        """The standard error of each group's mean."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            of_group = self.of_group[self.groups]
            means = self.by_group(costs) / self.of_group
            moved = (costs / of_group - means[self.groups] * self._shares) / (1.0 - self._shares)
            return np.sqrt(self.by_group(moved * moved))

    def variances_of_contributions(self, costs: Array) -> tuple[Array, Array]:
        """The variance of each contribution, which is the share of the group times its mean less the mean of all: from
        clusters with rows in the group, and from the others."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            mean = float(costs.sum())
            apart = costs - mean * self.weights
            added, share = self.by_group(apart), self.of_group
            of_cluster = self.by_cluster(apart)
            # The influence of each cluster: of one without rows in the group only the common part.
            common = share[self.groups] * of_cluster[self.clusters]
            common += added[self.groups] * self.of_cluster[self.clusters]
            inside = self.by_group((self.jackknife[self.clusters] * (apart - common)) ** 2)
            return inside, self._outside(share, added, of_cluster)

    def _outside(self, share: Array, added: Array, of_cluster: Array) -> Array:
        """Σ of the squared influences of clusters without rows in a group, for each group."""
        scaled, weights = self.jackknife * of_cluster, self.jackknife * self.of_cluster
        products = (scaled * scaled, scaled * weights, weights * weights)
        factors = (share * share, 2 * share * added, added * added)
        squares = np.zeros(self.n_groups)
        for product, factor in zip(products, factors, strict=True):
            squares += factor * (product.sum() - self.by_group(product[self.clusters]))
        # A group with rows in every cluster has none outside, whatever was rounded.
        is_everywhere = np.bincount(self.groups, minlength=self.n_groups) == self.n_clusters
        return np.where(is_everywhere, 0.0, np.maximum(squares, 0.0))

    def moved(self, costs: Array, of_loss: Array, of_share: Array) -> Array:
        """The change of a function of the groups' losses and shares with these slopes, without each cluster."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            held = self.of_group > 0
            slope = np.divide(of_loss, self.of_group, out=np.zeros(self.n_groups), where=held)
            means = np.divide(self.by_group(costs), self.of_group, out=np.zeros(self.n_groups), where=held)
            # Shares add up to 1: a derivative counts less its mean.
            constant = of_share - np.einsum("i,i", self.of_group, of_share) - slope * means
            per_pair = slope[self.groups] * costs + constant[self.groups] * self.weights
            return self.jackknife * self.by_cluster(per_pair)
