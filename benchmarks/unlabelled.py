"""Rows without a label and intervals of one prediction: coverage on populations of known truth, and cost.

`expectations` draws labelled and unlabelled rows and counts, in %, how often the interval of the expected log loss
contains the loss that the unlabelled rows then have (loss), the same if only the base rate changes (at_rate), how often
the interval of the base rate by EM contains that of their population (rate; edge: how often it is 0 or 1, without an
interval), and how often the tests reject equal scores (shift) and scores that are a mixture of the classes (fit). The
unlabelled rows differ from the labelled ones in nothing, in their base rate, in their scores (P(label | score) is the
same), or in P(label | score) (concept), which no figure of scores can show.

`intervals` counts how often limits of the probability contain the true one: of `predict_interval` by its covariances,
and of the Venn–Abers pair of a calibration, which promises something else, that the member of the label is calibrated
(gap: the mean of label less member, in standard errors).

`cost` is that of the section of unlabelled rows, from a summary of many scores, and of limits, a row.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from _record import Lines, record
from scipy.special import expit, logit

import logloss
from logloss.calibration.venn_abers import VennAbers
from logloss.data.request import RowOptions
from logloss.inference.score_table import score_table_of
from logloss.inference.unlabelled_rows import UnlabelledRows, unlabelled_rows_of
from logloss.inference.variance import figures_of
from logloss.measurement.record import summarise

SEED, N_POOL = 20261130, 400_000
# By how much log-odds change where P(label | score) does.
CONCEPT = 0.5
SHIFTS = ("nothing", "base rate", "scores", "concept")
# Rows of a cluster, and the standard deviation of what they have in common in log-odds.
OF_CLUSTER, COMMON = 10, 0.7


class Population:
    """Scores and labels. slope, height: of the true log-odds in those of the forecast; bend: of what is no line."""

    def __init__(self, random: np.random.Generator, centre: float, slope: float, height: float, bend: float) -> None:
        self.centre, self.slope, self.height, self.bend = centre, slope, height, bend
        self.z = random.normal(centre, 1.5, N_POOL)
        self.y = (random.random(N_POOL) < self.truth(self.z)).astype(float)
        self.of_class = [np.flatnonzero(self.y == label) for label in (0, 1)]
        self.rate = float(self.truth(self.z).mean())
        self.rate_of_moved = float(self.truth(self.moved(self.z)).mean())
        self.rate_of_concept = float(self.truth(self.z, CONCEPT).mean())

    def moved(self, z: Any) -> Any:
        """Scores that are higher and nearer to each other."""
        return self.centre + 0.7 + 0.7 * (z - self.centre)

    def truth(self, z: Any, more: float = 0.0) -> Any:
        """P(1) at log-odds of the forecast."""
        return expit(self.slope * z + self.height + self.bend * np.sin(1.5 * z) + more)

    def drawn(self, random: np.random.Generator, n_rows: int, shift: str) -> tuple[Any, Any, float]:
        """(Log-odds, labels, base rate of the population) of some rows."""
        if shift == "base rate":
            odds = 2 * self.rate / (1 - self.rate)
            rate = odds / (1 + odds)
            n_ones = random.binomial(n_rows, rate)
            at = [random.choice(self.of_class[0], n_rows - n_ones), random.choice(self.of_class[1], n_ones)]
            chosen = np.concatenate(at)
            return self.z[chosen], self.y[chosen], rate
        z = self.z[random.integers(0, N_POOL, n_rows)]
        rate = {"scores": self.rate_of_moved, "concept": self.rate_of_concept}.get(shift, self.rate)
        z = self.moved(z) if shift == "scores" else z
        proba = self.truth(z, CONCEPT if shift == "concept" else 0.0)
        return z, (random.random(n_rows) < proba).astype(float), rate


def measured(z: Any, y: Any, late_z: Any, options: dict[str, Any]) -> UnlabelledRows:
    """What is expected of the rows without a label."""
    labels = np.concatenate([y, np.full(len(late_z), np.nan)])
    scores = np.concatenate([z, late_z])
    found = summarise(labels, RowOptions(y_logit=scores, unlabelled="keep", **options)).summary
    table = score_table_of(found.scores)
    rows = unlabelled_rows_of(found, table, *figures_of(found, table))
    assert rows is not None
    return rows


def covers(estimate: Any, value: float) -> float:
    """100 where the interval of an estimate has the value, 0 where it has not; nan without one."""
    return 100.0 * (estimate.low <= value <= estimate.high) if estimate.has_interval else np.nan


def of_sample(
    random: np.random.Generator, of: Population, sizes: tuple[int, int], shift: str, kind: str
) -> tuple[float, ...]:
    """Whether each interval covers, and each test rejects, in one sample."""
    n_labelled, n_late = sizes
    z, y, _ = of.drawn(random, n_labelled, "nothing")
    late_z, late_y, rate = of.drawn(random, n_late, shift)
    options: dict[str, Any] = {}
    weight = np.ones(n_late)
    if kind == "weights":
        weights = random.lognormal(0, 0.8, n_labelled + n_late)
        options, weight = {"sample_weight": weights}, weights[n_labelled:]
    if kind == "clusters":
        clusters = np.arange(n_labelled + n_late) // OF_CLUSTER
        common = random.normal(0, COMMON, len(z) + len(late_z))[clusters]
        y, late_y = (
            (random.random(len(own)) < of.truth(own, more)).astype(float)
            for own, more in ((z, common[:n_labelled]), (late_z, common[n_labelled:]))
        )
        options = {"cluster": clusters}
        rate = np.nan
    rows = measured(z, y, late_z, options)
    loss = float(np.average(np.logaddexp(0, late_z) - late_y * late_z, weights=weight))
    return (
        covers(rows.log_loss, loss),
        covers(rows.log_loss_if_base_rate_changed, loss),
        covers(rows.base_rate, rate) if not np.isnan(rate) else np.nan,
        100.0 * (not rows.base_rate.has_interval),
        100.0 * (rows.shift_p_value < 0.05),
        100.0 * (rows.base_rate_fit_p_value < 0.05),
        rows.log_loss - loss,
    )


NAMES = ("loss", "at_rate", "rate", "edge", "shift", "fit", "bias")


def expectations(requested: argparse.Namespace) -> Lines:
    """Coverage and rejections, in %, by what differs."""
    random = np.random.default_rng(SEED)
    populations = {
        "600 + 300 overconfident": (Population(random, 0.0, 0.7, 0.2, 0.0), (600, 300)),
        "3,000 + 1,500 bent": (Population(random, 0.0, 1.0, 0.0, 0.6), (3000, 1500)),
        "6,000 + 2,500 rare": (Population(random, -3.5, 0.8, -0.2, 0.0), (6000, 2500)),
    }
    cases = [(name, shift, "") for name in populations for shift in SHIFTS]
    cases += [("3,000 + 1,500 bent", "nothing", kind) for kind in ("weights", "clusters")]
    for name, shift, kind in cases:
        of, sizes = populations[name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found = [of_sample(random, of, sizes, shift, kind) for _ in range(requested.repetitions)]
            means = np.nanmean(np.array(found), axis=0)
        known = {key: float(value) for key, value in zip(NAMES, means, strict=True) if not np.isnan(value)}
        yield f"{name}{', ' if kind else ''}{kind}: {shift}", known


def of_model(random: np.random.Generator, n_rows: int, kind: str) -> tuple[float, float]:
    """(How often limits contain the true probability at five rows, their mean width) of one fit."""
    x, at = random.normal(size=n_rows), np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    height = np.full(n_rows, -0.5)
    options: dict[str, Any] = {"leave_one_out": False}
    if kind == "clusters":
        clusters = np.arange(n_rows) // OF_CLUSTER
        # Copies of a row: what is common to a cluster must leave the curve as it is.
        x, options["cluster"] = x[clusters], clusters
        y = (random.random(n_rows) < expit(height + x)).astype(int)[clusters * OF_CLUSTER]
    else:
        y = (random.random(n_rows) < expit(height + x)).astype(int)
    if kind == "HC3":
        options["covariance"] = "HC3"
    low, high = logloss.fit(x, y, **options).predict_interval(at).T
    true = expit(-0.5 + at)
    return 100 * float(np.mean((low <= true) & (true <= high))), float(np.mean(high - low))


def of_pair(random: np.random.Generator, n_rows: int) -> tuple[float, float, float]:
    """(How often the pair contains the true probability, its mean width, label less the member of it) of one sample."""
    z, new = random.normal(0, 1.5, n_rows), random.normal(0, 1.5, 500)
    y, label = ((random.random(len(own)) < expit(0.7 * own + 0.2)).astype(int) for own in (z, new))
    table = score_table_of(summarise(y, RowOptions(y_logit=z)).summary.scores)
    p0, p1 = VennAbers.of(table).at(new)
    true = expit(0.7 * new + 0.2)
    inside, width = np.mean((p0 <= true) & (true <= p1)), np.mean(p1 - p0)
    return 100 * float(inside), float(width), float(np.mean(label - np.where(label == 1, p1, p0)))


def intervals(requested: argparse.Namespace) -> Lines:
    """Coverage of the true probability, in %."""
    random = np.random.default_rng(SEED)
    for kind, n_rows in (("information", 200), ("information", 2000), ("HC3", 200), ("clusters", 600)):
        covered, width = np.mean([of_model(random, n_rows, kind) for _ in range(requested.repetitions)], axis=0)
        yield f"model, {kind}, {n_rows:,} rows", {"coverage_percent": float(covered), "width": float(width)}
    for n_rows in (200, 2000):
        found = np.array([of_pair(random, n_rows) for _ in range(requested.repetitions)])
        gap = found[:, 2].mean() / (found[:, 2].std(ddof=1) / np.sqrt(len(found)))
        figures = {"contains_percent": float(found[:, 0].mean()), "width": float(found[:, 1].mean()), "gap": float(gap)}
        yield f"Venn–Abers pair, {n_rows:,} rows", figures


def seconds_of(work: Any, rounds: int = 5) -> float:
    """The least of some rounds."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


def cost(requested: argparse.Namespace) -> Lines:
    """Milliseconds from a summary, nanoseconds a row."""
    random, n_rows = np.random.default_rng(SEED), requested.rows
    z = random.normal(size=n_rows)
    y = (random.random(n_rows) < expit(z)).astype(float)
    y[::4] = np.nan
    found = summarise(y, RowOptions(y_logit=z, unlabelled="keep")).summary
    table = score_table_of(found.scores)
    figures = figures_of(found, table)
    yield "rows without a label", {"ms": 1e3 * seconds_of(lambda: unlabelled_rows_of(found, table, *figures))}
    yield "Venn–Abers pair", {"ms": 1e3 * seconds_of(lambda: VennAbers.of(table))}
    x = random.normal(size=(n_rows, 10))
    labels = (random.random(n_rows) < expit(x.sum(axis=1) / 3)).astype(int)
    model = logloss.fit(x[:20_000], labels[:20_000], leave_one_out=False)
    limits, plain = seconds_of(lambda: model.predict_interval(x)), seconds_of(lambda: model.predict_proba(x))
    yield "limits, 10 columns", {"ns_a_row": 1e9 * limits / n_rows, "of_predict_proba": limits / plain}
    calibration = logloss.calibrate(labels, expit(x.sum(axis=1) / 3), method="platt")
    pair = seconds_of(lambda: calibration.interval_logit(logit(expit(z))))
    yield "pairs", {"ns_a_row": 1e9 * pair / n_rows}


if __name__ == "__main__":
    record(expectations, intervals, cost, repetitions=(200, 2), rows=(1_000_000, 10_000))
