"""Calibration by group: the expected reduction beside the true one, by that very calibration, and seconds.

    promises    samples of forecasters whose groups differ by normal shifts and slopes: expected and true reduction of
                the log loss in all, by the groups, and of single groups; their bias, and how often intervals cover
    seconds     `calibrate` of rows in memory, with groups and without, and of a saved measurement

A case at a time: `--cases null --add --json`. The bias is in nats per row, with its standard error over the samples.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from dataclasses import dataclass

import numpy as np
from _record import Figures, Lines, record
from _samples import expected_loss, labels_of
from scipy.special import expit

import logloss


@dataclass(frozen=True)
class Population:
    """Rows whose log-odds are 0.1 + 0.9·z + u + v·(z + 0.8), u and v normal with these standard deviations.

    falling: the share of a group beside that of the one before. has_weights: lognormal weights. n_clusters: clusters
    with normal effects of standard deviation 0.5.
    """

    n_rows: int
    n_groups: int
    shift: float = 0.0
    slope: float = 0.0
    falling: float = 1.0
    has_weights: bool = False
    n_clusters: int = 0


POPULATIONS = {
    "no effects": Population(2000, 8),
    "8 groups": Population(2000, 8, 0.4, 0.2),
    "3 groups": Population(1000, 3, 0.4, 0.2),
    "400 groups": Population(6000, 400, 0.4, 0.1),
    "unequal groups": Population(3000, 30, 0.4, 0.2, falling=0.8),
    "few rows": Population(400, 5, 0.4, 0.2),
    "weights": Population(2000, 8, 0.4, 0.2, has_weights=True),
    "clusters": Population(4000, 8, 0.4, 0.2, n_clusters=150),
    "clusters without effects": Population(4000, 8, n_clusters=150),
}
# Groups with fewer new rows are not judged by themselves.
FEWEST_OF_GROUP = 5


class Sample:
    """One draw of the effects of groups, and of rows with these."""

    def __init__(self, of: Population, seed: int) -> None:
        self.of, self.random = of, np.random.default_rng([seed, of.n_rows, of.n_groups])
        self.shift, self.slope = (self.random.normal(0, sd, of.n_groups) for sd in (of.shift, of.slope))
        self.effect = self.random.normal(0, 0.5, max(of.n_clusters, 1)) * bool(of.n_clusters)
        shares = of.falling ** np.arange(of.n_groups)
        self.shares = shares / shares.sum()

    def rows(self, n_rows: int, *, has_new_clusters: bool = False) -> tuple[np.ndarray, ...]:
        """(Group, cluster, log-odds of the forecast, true probability); new clusters: one for each row."""
        group = self.random.choice(self.of.n_groups, n_rows, p=self.shares)
        cluster = self.random.integers(0, len(self.effect), n_rows)
        # Two digits, as many forecasts have.
        z = np.round(self.random.normal(-0.8, 1.3, n_rows), 2)
        truth = 0.1 + 0.9 * z + self.shift[group] + self.slope[group] * (z + 0.8)
        new = self.random.normal(0, 0.5, n_rows) * bool(self.of.n_clusters)
        truth += new if has_new_clusters else self.effect[cluster]
        return group, cluster, z, expit(truth)

    def judged(self, n_new: int) -> dict[str, list[tuple[float, float, float, float]]]:
        """(Expected reduction, its ends, the true one), in all, by groups, and of each group; the true one of so many
        new rows."""
        group, cluster, z, truth = self.rows(self.of.n_rows)
        weight = self.random.lognormal(0, 0.7, self.of.n_rows) if self.of.has_weights else None
        labels = labels_of(self.random, truth)
        clusters = cluster if self.of.n_clusters else None
        c = logloss.calibrate(labels, y_logit=z, by=group, cluster=clusters, sample_weight=weight)
        group, cluster, z, truth = self.rows(n_new, has_new_clusters=True)
        before, after = (expected_loss(truth, odds) for odds in (z, np.asarray(c.apply_logit(z, group))))
        alike = expected_loss(truth, np.asarray(dataclasses.replace(c, group_effects=None).apply_logit(z)))
        pairs = ((c.expected_reduction, before), (c.group_effects.expected_reduction, alike))
        found = [[(float(one), one.low, one.high, float((old - after).mean()))] for one, old in pairs]
        each = []
        for key, one in zip(c.group_effects.names, c.group_effects.expected_reductions, strict=True):
            own = group == key[0]
            if own.sum() >= FEWEST_OF_GROUP:
                each.append((float(one), one.low, one.high, float((before - after)[own].mean())))
        return {"all": found[0], "by groups": found[1], "of a group": each}


def figures_of(drawn: list[dict[str, list[tuple[float, float, float, float]]]], name: str) -> Figures:
    """The mean of expected and true reductions, the bias with its standard error, and the coverage."""
    bias = np.array([np.mean([one[0] - one[3] for one in each[name]]) for each in drawn])
    every = np.array([one for each in drawn for one in each[name]])
    # Where no group differs, the part that is due to groups is 0, and so are the ends of its interval.
    has_interval = ~np.isnan(every[:, 1]) & (every[:, 1] < every[:, 2])
    covered = (every[:, 1] <= every[:, 3]) & (every[:, 3] <= every[:, 2])
    figures: Figures = {"expected": float(every[:, 0].mean()), "true": float(every[:, 3].mean())}
    figures |= {"bias": float(bias.mean()), "error": float(bias.std(ddof=1) / len(bias) ** 0.5)}
    share = 100 * float(covered[has_interval].mean()) if has_interval.any() else None
    return figures | {"coverage_percent": share, "intervals": int(has_interval.sum())}


def promises(requested: argparse.Namespace) -> Lines:
    """Expected and true reductions."""
    # Of the quick mode some kinds are enough: unequal groups, weights, clusters.
    for case in requested.cases[4:8] if requested.quick else requested.cases:
        drawn = [Sample(POPULATIONS[case], seed).judged(requested.new) for seed in range(requested.samples)]
        for name in ("all", "by groups", "of a group"):
            yield f"{case}: {name}", figures_of(drawn, name)


def seconds(requested: argparse.Namespace) -> Lines:
    """Calibrations of rows in memory."""
    for n_groups in (8, 256, 4000)[:: 2 if requested.quick else 1]:
        sample = Sample(Population(requested.rows, n_groups, 0.4, 0.2), 1)
        group, _, z, truth = sample.rows(requested.rows)
        y = labels_of(sample.random, truth)
        figures: Figures = {}
        for name, by in (("without_groups", None), ("by_group", group)):
            began = time.perf_counter()
            logloss.calibrate(y, y_logit=z, by=by)
            figures[f"{name}_seconds"] = time.perf_counter() - began
        yield f"{n_groups:,} groups", figures


if __name__ == "__main__":
    record(
        promises,
        seconds,
        choices={"cases": tuple(POPULATIONS)},
        samples=(60, 2),
        new=(60_000, 3000),
        rows=(1_000_000, 1000),
    )
