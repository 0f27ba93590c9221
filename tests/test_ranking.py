"""The interval of the AUC, against the sums of pairs that it is made of, its symmetries, and samples whose area is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from logloss import measure
from logloss.data.request import RowOptions
from logloss.inference.ranking import area_under_curve
from logloss.inference.score_table import score_table_of
from logloss.inference.variance import error_of_classes, figures_of
from logloss.measurement.record import summarise

SEED = 20261129


def sample(seed: int, n_positive: int, n_rows: int, shift: float, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Normal scores of which those of 1 are shifted, and spread otherwise."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n_rows) < n_positive).astype(np.uint8)
    return y, np.where(y == 1, shift + spread * rng.standard_normal(n_rows), rng.standard_normal(n_rows))


def by_pairs(y, z, w) -> tuple[float, float, float]:
    """(Area, its ends): every pair compared, placement values as DeLong, DeLong and Clarke-Pearson (1988) define them,
    0.4 values of ½ added to as many as there are effective rows of the rarer class."""
    ones, zeros, of_ones, of_zeros = z[y == 1], z[y == 0], w[y == 1], w[y == 0]
    wins = (ones[:, None] > zeros) + 0.5 * (ones[:, None] == zeros)
    area = of_ones @ wins @ of_zeros / (of_ones.sum() * of_zeros.sum())
    moved = of_ones * (np.average(wins, axis=1, weights=of_zeros) - area) / of_ones.sum()
    moved = np.append(moved, of_zeros * (np.average(wins, axis=0, weights=of_ones) - area) / of_zeros.sum())
    leverage = (w**3).sum() / (w.sum() * (w**2).sum())
    variance = (moved**2).sum() * (1 - 1 / len(w)) / (1 - leverage) ** 2
    n = min(each.sum() ** 2 / (each**2).sum() for each in (of_ones, of_zeros))
    centre = (n * area + 0.4 * 0.5) / (n + 0.4)
    # n² · variance is what n values would add to the squares; so do 0.4 values at ½.
    error = math.sqrt(n**2 * variance + 0.4 * (area - 0.5) ** 2) / (n + 0.4)
    width = stats.t.ppf(0.975, n - 1) * error / (centre * (1 - centre))
    middle = math.log(centre / (1 - centre))
    return area, *(1 / (1 + math.exp(-(middle + side * width))) for side in (-1, 1))


@pytest.mark.parametrize("has_weights", [False, True])
@pytest.mark.parametrize(("n_positive", "n_rows", "shift"), [(25, 600, 2.8), (300, 500, 1.0), (200, 400, 0.0)])
def test_the_interval_of_the_area_is_that_of_its_pairs(n_positive, n_rows, shift, has_weights):
    y, z = sample(SEED, n_positive, n_rows, shift)
    # Ties, within and between the classes.
    z = np.round(z, 1)
    w = np.random.default_rng(1).lognormal(0, 0.3, n_rows) if has_weights else np.ones(n_rows)
    auc = measure(y, y_logit=z, sample_weight=w if has_weights else None).auc
    # Sums of hundreds of terms, and log-odds of a tail of 1e-3: a dozen digits are left.
    assert (auc, auc.low, auc.high) == pytest.approx(by_pairs(y, z, w), rel=1e-11)
    assert auc == pytest.approx(roc_auc_score(y, z, sample_weight=w), abs=1e-13)


def ends(auc) -> tuple[float, float, float]:
    return float(auc), auc.low, auc.high


def test_classes_exchanged_and_scores_negated_change_nothing():
    y, z = sample(SEED, 30, 400, 2.0)
    one, both = measure(y, y_logit=z).auc, measure(1 - y, y_logit=-z).auc
    only_labels = measure(1 - y, y_logit=z).auc
    assert ends(both) == pytest.approx(ends(one), rel=1e-12)
    assert (1 - only_labels, 1 - only_labels.high, 1 - only_labels.low) == pytest.approx(ends(one), rel=1e-12)


def test_only_the_proportions_of_weights_count():
    y, z = sample(SEED, 40, 500, 2.0)
    w = np.random.default_rng(2).lognormal(0, 0.2, 500)
    one, scaled = (measure(y, y_logit=z, sample_weight=w * unit).auc for unit in (1.0, 2.0**200))
    assert ends(scaled) == pytest.approx(ends(one), rel=1e-12)
    plain, equal = measure(y, y_logit=z).auc, measure(y, y_logit=z, sample_weight=np.full(500, 3.0)).auc
    assert ends(equal) == pytest.approx(ends(plain), rel=1e-12)


def test_ends_lie_about_the_area_and_in_the_unit_interval():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n_positive, n_rows = int(rng.integers(20, 60)), int(rng.integers(120, 400))
        y, z = sample(seed, n_positive, n_rows, rng.uniform(-6, 6), rng.uniform(0.1, 3))
        auc = measure(y, y_logit=z).auc
        assert 0 <= auc.low <= auc <= auc.high <= 1
        assert auc.low < auc.high


def test_an_area_of_one_has_an_interval_that_ends_there():
    """Of 20 and of 200 rows of 1 that all lie above: up to 40 % wider than Clopper and Pearson's for a share, n of n."""
    reached = []
    for n_positive in (20, 200):
        y, _ = sample(SEED, n_positive, 2_000, 0.0)
        auc, other = measure(y, y_logit=10.0 * y - 5).auc, measure(1 - y, y_logit=10.0 * y - 5).auc
        assert (auc, auc.high, auc.reason) == (1.0, 1.0, "")
        assert (other, other.low) == (0.0, 0.0)
        assert other.high == pytest.approx(1 - auc.low, rel=1e-12)
        exact = 1 - 0.025 ** (1 / n_positive)
        assert exact < 1 - auc.low < 1.4 * exact
        reached.append(1 - auc.low)
    assert reached[1] < reached[0] / 8


def test_equal_scores_rank_nothing_for_certain():
    auc = measure([0, 1] * 50, [0.5] * 100).auc
    assert ends(auc) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(("weight", "has_interval"), [(1e-100, True), (1e-200, False)])
def test_a_class_of_almost_no_weight_has_its_variance_or_none(weight, has_interval):
    y, z = sample(SEED, 40, 500, 1.0)
    auc = measure(y, y_logit=z, sample_weight=np.where(y == 1, weight, 1.0)).auc
    assert auc.has_interval == has_interval
    assert auc.reason == ("" if has_interval else "the rarer class has almost no weight")
    if has_interval:
        plain = measure(y, y_logit=z).auc
        # But for n / (n − 1), which is of the rows that weigh: 1 in 500.
        assert auc.high - auc.low == pytest.approx(plain.high - plain.low, rel=0.005)


def test_clusters_of_one_row_are_rows():
    y, z = sample(SEED, 40, 400, 2.0)
    rows, clusters = measure(y, y_logit=z).auc, measure(y, y_logit=z, cluster=np.arange(400)).auc
    # The jackknife of clusters has no (G − 1) / G; coarse bins within which a label's rows count as their mean: 5 %.
    assert clusters.high - clusters.low == pytest.approx(rows.high - rows.low, rel=0.05)


def test_rows_repeated_within_clusters_say_no_more():
    y, z = sample(SEED, 40, 400, 2.0)
    alone = measure(y, y_logit=z).auc
    tenfold = measure(np.repeat(y, 10), y_logit=np.repeat(z, 10), cluster=np.repeat(np.arange(400), 10)).auc
    assert tenfold.high - tenfold.low == pytest.approx(alone.high - alone.low, rel=0.05)


def area_of(y, z, weights=None):
    """The area with its interval, without the rest of a measurement."""
    summary = summarise(y, RowOptions(y_logit=z, sample_weight=weights)).summary
    table = score_table_of(summary.scores)
    moments, error_of = figures_of(summary, table)
    return area_under_curve(table, moments, error_of_classes(error_of, moments), moments.why_no_interval())


@pytest.mark.parametrize(
    ("n_positive", "n_rows", "weighted"), [(25, 600, False), (50, 1_000, False), (100, 1_000, True)]
)
def test_intervals_of_large_areas_reach_the_true_area(n_positive, n_rows, weighted):
    """300 samples; scores of 1 spread twice as widely. The normal interval in log-odds with DeLong's error reaches the
    area in 237, 256 and 258 of them. Where 94 % do in the long run, fewer than 259 do with a probability of 4e-7."""
    rng = np.random.default_rng(SEED)
    shift = stats.norm.ppf(0.976) * math.sqrt(5)
    held = 0
    for seed in range(300):
        y, z = sample(seed, n_positive, n_rows, shift, 2.0)
        auc = area_of(y, z, rng.lognormal(0, 0.7, n_rows) if weighted else None)
        held += auc.low <= 0.976 <= auc.high
    assert held >= 259
