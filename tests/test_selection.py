"""The stack: shares of maps, what it is said to save, what is said where nothing can be judged, and its file."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit
from test_calibration import P, Y, by_scipy, sample

import logloss
from logloss import DataError, calibrate, measure
from logloss.calibration.bins import folds_of, score_bins_of
from logloss.calibration.maps import METHODS
from logloss.calibration.selection import N_PARAMETERS, cross_fitted, stacking_shares
from logloss.files.fitted_file import bytes_of_fitted, fitted_of_fields
from logloss.show.words.of_calibration import advice, percents


def test_where_the_forecaster_is_calibrated_little_changes_and_no_improvement_is_shown():
    p, y = sample(11, 3000, lambda z: z)
    c = calibrate(y, p)
    assert c.shares["identity"] > 0.1
    # What the map costs more than the truth, in nats: by theory about 1 / n.
    q = c.apply(p)
    assert np.mean(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))) < 1e-3
    assert c.expected_reduction.low < 0 < c.expected_reduction.high
    assert not c.is_worthwhile
    assert "recalibration is not shown to reduce the log loss: the interval contains 0" in repr(c)
    assert "nothing to repair" not in (repr(c) + c.to_html()).lower()


def test_the_stack_is_the_mean_of_its_maps_in_log_odds():
    c = calibrate(Y[:300], P[:300])
    z = np.linspace(-9, 9, 101)
    maps = {method: calibrate(Y[:300], P[:300], method=method) for method in c.shares}
    assert len(maps) > 2
    mean = sum(share * maps[method].apply_logit(z) for method, share in c.shares.items())
    assert c.apply_logit(z) == pytest.approx(mean, abs=1e-12)
    assert math.fsum(c.shares.values()) == pytest.approx(1, abs=1e-12)
    assert c.gap == pytest.approx(sum(share * maps[method].gap for method, share in c.shares.items()), abs=1e-15)


def test_shares_fall_with_half_the_loss_of_all_rows():
    """A hundredth of a nat on 200 rows is one factor e; less than a hundredth of the largest is left out."""
    shares = stacking_shares({"identity": 0.61, "platt": 0.60, "isotonic": 0.70, "beta": math.inf}, 200)
    assert list(shares) == ["identity", "platt"]
    assert shares["platt"] / shares["identity"] == pytest.approx(math.e)


def test_shares_are_those_of_cross_fitted_losses_of_rows():
    """Every score of 400 is a bin of its own, so that folds are of rows; maps are fitted to the others by name."""
    p, y = P[:400], Y[:400]
    m = measure(y, p)
    bins = score_bins_of(m.summary)
    folds = folds_of(bins, m.summary, 10, np.random.default_rng(bins.table.seed))
    fold = folds.sum(axis=1).argmax(axis=0)[p.argsort().argsort()]
    costs = {method: np.empty(400) for method in METHODS}
    for k in range(10):
        for method, cost in costs.items():
            q = calibrate(y[fold != k], p[fold != k], method=method).apply(p[fold == k])
            cost[fold == k] = np.where(y[fold == k] == 1, -np.log(q), -np.log1p(-q))
    c = calibrate(y, p)
    assert len(c.shares) > 3
    for one in c.shares:
        for other in c.shares:
            expected = (costs[other].sum() - costs[one].sum()) / 2
            assert math.log(c.shares[one] / c.shares[other]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("truth", "methods"),
    [
        (lambda z: z - 0.7, {"shift", "platt", "beta"}),
        (lambda z: 0.5 * z, {"temperature", "platt", "beta"}),
        (lambda z: 0.5 * z - 0.7, {"platt", "beta"}),
        (lambda z: -0.3 * np.logaddexp(0, -z) + 1.8 * np.logaddexp(0, z) - 1.2, {"beta"}),
        (lambda z: np.where(np.abs(z) < 1, 2.0, -2.0) + z, set()),
    ],
)
def test_of_many_rows_only_maps_that_can_repair_it_are_left(truth, methods):
    p, y = sample(12, 20_000, truth)
    c = calibrate(y, p)
    assert set(c.shares) - {"isotonic"} == methods
    assert ("isotonic" in c.shares) or methods
    assert c.is_worthwhile


def test_the_candidates_are_there_from_the_simplest_with_their_shares():
    c = calibrate(Y, P)
    # Without forecasts of exactly 0 or 1 a mixture repairs nothing that others do not.
    tried = [method for method in METHODS if method != "mixture"]
    assert c.candidates["method"] == tried
    assert [row["share"] for row in c.candidates] == [c.shares.get(method, 0.0) for method in tried]
    largest = max(c.shares, key=c.shares.get)
    assert repr(c).startswith(f"Calibration: stack: {largest} ")
    printed = {method: int(percent[:-1]) for method, percent in percents(c).items()}
    assert sum(printed.values()) == 100
    assert all(abs(printed[method] - 100 * share) < 1 for method, share in c.shares.items())
    assert c.to_dict()[f"share_{largest}"] == c.shares[largest]


def test_a_method_that_is_named_is_used_as_it_is():
    c = calibrate(Y[:200], P[:200], method="platt")
    assert (c.map.a, c.map.c) == pytest.approx(by_scipy("platt", P[:200], Y[:200])[::2], abs=1e-5)
    assert c.shares == {"platt": 1.0}


def test_of_forecasts_of_0_and_1_doing_nothing_has_no_part():
    """None of them was wrong, but one of new rows may be."""
    c = calibrate(np.append(Y[:200], [0, 1]), np.append(P[:200], [0.0, 1.0]))
    assert "identity" not in c.shares
    assert math.isfinite(logloss.log_loss([1, 0], c.apply([0.0, 1.0])))
    assert c.parameters["at_zero"] == c.apply(0.0) > 0


@pytest.mark.parametrize("options", [{}, {"cluster": np.zeros(200, int)}])
def test_of_one_row_or_cluster_nothing_is_promised(options):
    n = 200 if options else 1
    c = calibrate(Y[:n], P[:n], **options)
    assert math.isnan(c.expected_reduction)
    reason = f"there is one {'cluster' if options else 'row'}, and no other to validate a map on"
    assert c.expected_reduction.reason == reason
    assert advice(c, "") == f"The expected reduction by recalibration is not available: {reason}."
    assert not c.is_worthwhile


def test_folds_that_lose_a_class_have_maps_and_too_few_of_it_are_said():
    y = np.zeros(60, int)
    y[7] = 1
    c = calibrate(y, P[:60])
    assert math.isfinite(c.expected_reduction)
    assert c.expected_reduction.reason == "too few positives (1)"
    assert calibrate(y[:8], P[:8], n_folds=50).n_folds == 8


def test_what_is_said_to_be_saved_is_corrected_for_the_rows_that_folds_lack():
    """Burman (1989): maps of nine tenths cost all rows more than the one of all, by as much as folds of rows show."""
    from sklearn.model_selection import KFold

    m = measure(Y[:300], P[:300])
    bins = score_bins_of(m.summary)
    found = cross_fitted(bins, folds_of(bins, m.summary, 10, np.random.default_rng(1)), ("identity", "isotonic"))
    p, y, costs = P[:300], Y[:300], []
    for seed in range(5):
        for train, _ in KFold(10, shuffle=True, random_state=seed).split(p):
            costs.append(logloss.log_loss(y, calibrate(y[train], p[train], method="isotonic").apply(p)))
    right = np.mean(costs) - logloss.log_loss(y, calibrate(y, p, method="isotonic").apply(p))
    assert found.excess["identity"] == 0
    # Of five splits it varies by a sixth.
    assert found.excess["isotonic"] == pytest.approx(right, rel=0.5)
    c = calibrate(m, method="isotonic")
    assert float(c.expected_reduction) == pytest.approx(c.log_loss - c.log_loss_after, abs=1e-12)


def test_what_fitting_a_stack_adds_to_the_variance_is_the_mean_of_what_its_maps_add():
    """2k / n² of n rows."""
    m = measure(Y[:300], P[:300])
    bins = score_bins_of(m.summary)
    fit = cross_fitted(bins, folds_of(bins, m.summary, 2, np.random.default_rng(1)), ("identity", "beta"))
    fit = replace(
        fit, n_parameters=N_PARAMETERS, shares={"identity": 0.4, "shift": 0.2, "temperature": 0.1, "platt": 0.3}
    )
    k = 0.2 + 0.1 + 2 * 0.3
    assert fit.expected_if_calibrated("auto") == pytest.approx(2 * k / 300**2, rel=1e-9)
    assert fit.expected_if_calibrated("beta") == pytest.approx(2 * 3 / 300**2, rel=1e-9)


def test_an_isotonic_map_of_folds_follows_no_single_place_of_clusters():
    """A score's rows are shared out among the folds as those of its coarse bin are: places would be on both sides."""
    plain, clustered = (
        score_bins_of(measure(Y, P, **options).summary) for options in ({}, {"cluster": np.arange(2000) % 50})
    )
    assert plain.inside_as_known(plain.masses)[0] == pytest.approx(np.sort(logit(P)), abs=1e-12)
    places, zeros, ones = clustered.inside_as_known(clustered.masses)
    assert len(places) == len(np.unique(clustered.coarse)) < 60
    assert (np.diff(places) > 0).all()
    assert (zeros.sum(), ones.sum()) == pytest.approx(clustered.masses.sum(axis=1).tolist(), abs=1e-12)
    # Labels that nothing can tell, and as many isotonic blocks as there are runs of them: no promise.
    y = np.random.default_rng(5).permutation(Y)
    c = calibrate(y, np.full(2000, Y.mean()) + 1e-3 * (P - 0.5), cluster=np.arange(2000) % 50, method="isotonic")
    assert c.expected_reduction < 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w["map"]["shares"].__setitem__(0, 0.9), "a share above 0 of each map, 1 together in map: shares"),
        (lambda w: w["map"]["maps"].pop(), "a share above 0 of each map, 1 together in map: shares"),
        (lambda w: w["map"]["maps"].__setitem__(0, w["map"]["maps"][1]), "maps of several methods in map: maps"),
        (lambda w: w["map"]["maps"][0].__setitem__("a", -1.0), "map: maps: 1: a"),
        (lambda w: w["candidates"]["share"].__setitem__(0, 0.9), "the shares of the map in candidates"),
    ],
)
def test_a_stack_that_was_tampered_with_is_refused(change, message):
    written = json.loads(bytes_of_fitted(calibrate(Y[:200], P[:200])))
    change(written)
    with pytest.raises(DataError, match=message):
        fitted_of_fields(written, "c.json")
