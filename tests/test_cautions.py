"""Cautions where data are few."""

import math

import numpy as np
import pytest

from logloss import calibrate, compare, diff, measure
from logloss.inference.cautions import caution_of

SEED = 20261129


def test_enough_data_need_no_caution():
    assert caution_of(500.0, 50.0, "positives", None) == caution_of(500.0, 50.0, "positives", 10.0) == ""


def test_what_is_too_little_is_named_with_its_figure():
    assert caution_of(2_000.0, 34.0, "positives", None) == "intervals may be too narrow: 34 positives (below 50)"
    message = caution_of(499.98, 1.0, "negatives", 12.5)
    assert message == "intervals may be too narrow: 499.9 effective rows (below 500), 1 negative (below 50)"


def test_of_few_clusters_no_interval_can_be_trusted():
    assert caution_of(5e4, 900.0, "positives", 9.96) == "9.9 effective clusters (below 10): no interval can be trusted"
    assert caution_of(5e4, 900.0, "positives", 4.0) == "4 clusters (below 10): no interval can be trusted"
    assert caution_of(80.0, 900.0, "positives", 4.0).startswith("80 rows (below 500), 4 clusters (below 10): no")


def test_what_is_not_known_is_not_cautioned_of():
    """Soft labels have no rarer class."""
    assert caution_of(math.inf, math.nan, "positives", None) == ""


def test_rounding_of_an_effective_number_makes_no_caution():
    """Kish's number of ten equal weights of 0.1 is 10 less one rounding."""
    assert caution_of(500.0 - 1e-11, 50.0, "positives", 10.0 - 1e-14) == ""
    assert caution_of(400.0 - 1e-11, math.nan, "", None) == "intervals may be too narrow: 400 rows (below 500)"


def rows(n: int, seed: int = SEED):
    """Forecasts and labels that agree with them."""
    rng = np.random.default_rng(seed)
    p = rng.beta(2, 3, n)
    return (rng.random(n) < p).astype(int), p


def test_enough_rows_of_independent_people_need_no_caution():
    y, p = rows(600)
    m = measure(y, p)
    assert (m.cautions, m.effective_rows, math.isnan(m.effective_clusters)) == ((), 600.0, True)
    assert "caution" not in repr(m)
    assert m.to_dict()["cautions"] == []


def test_weights_count_as_their_effective_number():
    y, p = rows(2_000)
    w = np.where(np.arange(2_000) < 300, 1.0, 1e-3)
    m = measure(y, p, sample_weight=w)
    assert m.effective_rows == pytest.approx(w.sum() ** 2 / (w @ w), rel=1e-12)
    assert m.cautions[0].startswith("intervals may be too narrow: 303.4 effective rows (below 500)")
    assert f"caution: {m.cautions[0]}" in repr(m)
    assert f"Caution: {m.cautions[0]}." in m.to_html()
    # Weight two everywhere is no other table.
    assert measure(y, p, sample_weight=2 * w).cautions == m.cautions


def test_unequal_clusters_count_as_their_effective_number():
    y, p = rows(3_000)
    sizes = (3_000 / (np.arange(1, 31) * (1 / np.arange(1, 31)).sum())).round().astype(int)
    cluster = np.repeat(np.arange(30), sizes)[:3_000]
    cluster = np.concatenate([cluster, np.zeros(3_000 - len(cluster), int)])
    m = measure(y, p, cluster=cluster)
    n = np.bincount(cluster)
    assert m.effective_clusters <= n.sum() ** 2 / (n @ n) < 10
    assert m.cautions == (f"{m.effective_clusters:.1f} effective clusters (below 10): no interval can be trusted",)
    assert measure(y, p, cluster=np.arange(3_000) % 30).cautions == ()


def test_positives_of_few_clusters_are_few_clusters():
    """A hundred equal clusters, of which six have all positives."""
    cluster = np.arange(6_000) % 100
    y = ((cluster < 6) & (np.arange(6_000) % 3 == 0)).astype(int)
    m = measure(y, np.where(cluster < 6, 0.3, 0.01), cluster=cluster)
    assert m.effective_clusters == pytest.approx(6, rel=1e-9)
    assert m.cautions == ("6 clusters (below 10): no interval can be trusted",)


def test_few_rows_that_make_up_the_variance_are_a_caution():
    y, p = rows(5_000)
    y[:3], p[:3] = 1, 1e-12
    start = "the 10 largest losses make up"
    [caution] = measure(y, p).cautions
    losses = -np.where(y == 1, np.log(p), np.log1p(-p))
    squares = np.sort((losses - losses.mean()) ** 2)
    assert caution.startswith(f"{start} {100 * squares[-10:].sum() / squares.sum():.0f}% of the variance")
    rng = np.random.default_rng(SEED)
    q = np.clip(p + rng.normal(0, 0.01, 5_000), 0.01, 0.99)
    found = compare(y, {"p": p, "q": q})
    assert any(each.startswith("the 10 largest differences make up") for each in found.cautions)
    assert all(f"caution: {each}" in repr(found) for each in found.cautions)
    # An infinite loss has no variance, and is reported by itself.
    p[0] = 0.0
    assert measure(y, p).cautions == ()


def test_a_difference_has_the_cautions_of_both():
    old, new = measure(*rows(2_000)), measure(*rows(300, SEED + 1))
    moved = diff(old, new)
    assert moved.cautions == tuple(f"new: {each}" for each in new.cautions)
    assert moved.cautions
    assert all(f"caution: {each}" in repr(moved) for each in moved.cautions)
    assert moved.to_dict()["cautions"] == list(moved.cautions)


def test_one_row_that_is_possible_for_both_needs_no_caution():
    """Of a single row there is no variance."""
    found = compare([1, 0], {"p": [0.8, 1.0], "q": [0.6, 1.0]})
    assert found.cautions == ()


def test_of_too_few_clusters_no_text_gives_a_verdict():
    """Beside "no interval can be trusted" nothing is called overconfident, significant, or worth recalibrating."""
    y, p = rows(3_000)
    logit = 2.5 * np.log(p / (1 - p))
    few, enough = (measure(y, y_logit=logit, cluster=np.arange(3_000) % k, name=str(k)) for k in (6, 60))
    assert few.slope.high < 1
    assert "overconfident" in repr(enough)
    assert "overconfident" not in repr(few) + few.to_html()
    assert calibrate(enough).is_worthwhile
    saved = calibrate(few)
    assert not saved.is_worthwhile
    assert saved.expected_reduction.reason.startswith("too few clusters (")
    moved = diff(measure(y, p, cluster=np.arange(3_000) % 6, name="old"), few)
    assert repr(moved).count("too few clusters for a test") == 2
    assert "significant" not in repr(moved)
