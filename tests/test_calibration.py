"""Calibrations: the maps, their choice and their promises, what is refused, and their files."""

from __future__ import annotations

import json
import math
import pickle

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from strategies import tables

import logloss
from logloss import Calibration, DataError, calibrate, load, measure
from logloss.calibration.bins import folds_of, score_bins_of
from logloss.calibration.maps import METHODS
from logloss.files.document import document_bytes, document_of
from logloss.files.fitted_file import bytes_of_fitted, fitted_of_fields
from logloss.onepass.summaries import scores

FITTED = ("mixture", "shift", "temperature", "platt", "beta", "isotonic")


def sample(seed, n_rows, truth, centre=-0.4, spread=1.5):
    """Probabilities, and labels whose log-odds are a function of those of the probabilities."""
    random = np.random.default_rng(seed)
    z = random.normal(centre, spread, n_rows)
    return expit(z), (random.random(n_rows) < expit(truth(z))).astype(np.uint8)


def over(z):
    return 0.7 * z - 0.2


P, Y = sample(1, 2000, over)


def targets(y, w=None):
    """Platt's: (n₁ + 1) / (n₁ + 2) and 1 / (n₀ + 2), of effective rows."""
    w = np.ones(len(y)) if w is None else w
    row = (w**2).sum() / w.sum()
    ones, zeros = (w * y).sum() / row, (w * (1 - y)).sum() / row
    return np.where(y == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))


def by_scipy(method, p, y, w=None):
    """(a, b, c) by a general optimiser on the rows."""
    w = np.ones(len(y)) if w is None else w
    t, z = targets(y, w), logit(p)

    def loss(theta):
        a, b, c = {
            "shift": lambda v: (1, 1, v[0]),
            "temperature": lambda v: (v[0], v[0], 0),
            "platt": lambda v: (v[0], v[0], v[1]),
            "beta": lambda v: (v[0], v[1], v[2]),
        }[method](theta)
        odds = a * np.log(p) - b * np.log1p(-p) + c
        return (w * (t * np.logaddexp(0, -odds) + (1 - t) * np.logaddexp(0, odds))).sum() / w.sum()

    n = {"shift": 1, "temperature": 1, "platt": 2, "beta": 3}[method]
    found = minimize(
        loss, np.full(n, 0.8), method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-15, "maxiter": 9999}
    )
    assert len(z) == len(y)
    v = found.x
    return {"shift": (1, 1, v[0]), "temperature": (v[0], v[0], 0)}.get(method) or (v[0], v[-2], v[-1])


@pytest.mark.parametrize("method", ["shift", "temperature", "platt", "beta"])
@pytest.mark.parametrize("has_weights", [False, True])
def test_parameters_are_those_of_a_general_optimiser(method, has_weights):
    """1e-5: where Nelder and Mead stop."""
    w = np.random.default_rng(4).lognormal(0, 1, len(Y)) if has_weights else None
    c = calibrate(Y, P, sample_weight=w, method=method)
    assert (c.map.a, c.map.b, c.map.c) == pytest.approx(by_scipy(method, P, Y, w), abs=1e-5)


def test_platt_is_that_of_scikit_learn_without_weights():
    """Its _SigmoidCalibration, given log-odds, minimises the same to a gradient of about 1e-6 (L-BFGS)."""
    from sklearn.calibration import _SigmoidCalibration

    theirs = _SigmoidCalibration().fit(logit(P), Y)
    c = calibrate(Y, P, method="platt")
    assert (-theirs.a_, -theirs.b_) == pytest.approx((c.map.a, c.map.c), abs=2e-4)


def test_platt_with_all_weights_a_thousandth_is_the_same_where_scikit_learn_is_not():
    from sklearn.calibration import _SigmoidCalibration

    w = np.random.default_rng(3).lognormal(0, 0.5, len(Y))
    theirs = [_SigmoidCalibration().fit(logit(P), Y, sample_weight=w * k).a_ for k in (1, 1e-3)]
    assert abs(theirs[0] - theirs[1]) > 0.05
    mine = [calibrate(Y, P, sample_weight=w * k, method="platt").map.a for k in (1, 1e-3)]
    assert mine[0] == pytest.approx(mine[1], rel=1e-9)


@pytest.mark.parametrize("method", ["auto", *FITTED])
def test_the_scale_of_the_weights_changes_nothing(method):
    w = np.random.default_rng(3).lognormal(0, 0.5, 300)
    first, other = (calibrate(Y[:300], P[:300], sample_weight=w * k, method=method) for k in (1.0, 1e-3))
    assert first.method == other.method
    assert other.apply(P) == pytest.approx(first.apply(P), rel=1e-7)
    assert float(other.expected_reduction) == pytest.approx(float(first.expected_reduction), abs=1e-9)


@pytest.mark.parametrize("method", FITTED)
def test_a_weight_of_two_is_the_row_twice_in_the_map_but_for_how_many_rows_there_are(method):
    """`counts` are rows; the maps agree to the bit of their sums."""
    n = np.random.default_rng(5).integers(0, 4, 400)
    counted = calibrate(Y[:400], P[:400], counts=n, method=method)
    repeated = calibrate(np.repeat(Y[:400], n), np.repeat(P[:400], n), method=method)
    assert counted.map == repeated.map


@pytest.mark.parametrize("kind", ["rows", "counts", "weights", "shares"])
def test_isotonic_has_the_pools_of_scikit_learn_each_at_the_middle_of_its_scores(kind):
    """With half a row of each class more at either end, of effective rows: the same data given to scikit-learn. Of
    each row four times the middle half are whole rows."""
    p, y, w = np.clip(np.round(P, 2), 0.01, 0.99), Y.astype(float), np.ones(len(Y), int)
    arguments = {}
    if kind == "shares":
        y = np.random.default_rng(6).integers(0, 5, len(y)) * y / 4
    elif kind != "rows":
        w = np.random.default_rng(6).integers(1, 4, len(y))
        arguments = {"counts": w} if kind == "counts" else {"sample_weight": w.astype(float)}
    c = calibrate(y, p, **arguments, method="isotonic")
    row = (w**2).sum() / w.sum() if kind == "weights" else 1.0
    x = np.concatenate([p, np.repeat([p.min(), p.max()], 2)])
    added = np.concatenate([w, np.full(4, row / 2)])
    theirs = IsotonicRegression().fit(x, np.concatenate([y, [0, 1, 0, 1]]), sample_weight=added)
    # Scikit-learn keeps means in floats: values of one pool agree to a few units.
    pool = np.round(theirs.predict(p), 12)
    values = np.unique(pool)
    four = [np.sort(np.repeat(logit(p), 4 * w)[np.repeat(pool, 4 * w) == value]) for value in values]
    middles = [each[len(each) // 4 : 3 * len(each) // 4].mean() for each in four]
    assert c.map.knots == pytest.approx(middles, abs=1e-12)
    assert c.map.values == pytest.approx(values, abs=1e-11)
    at = np.linspace(0.001, 0.999, 500)
    assert c.apply(at) == pytest.approx(np.interp(logit(at), middles, values), abs=1e-11)


def test_isotonic_rises_between_its_first_and_its_last_pool():
    """No two of so few scores become one probability."""
    c = calibrate(Y, P, method="isotonic")
    inside = np.linspace(c.map.knots[0], c.map.knots[-1], 200)
    assert (np.diff(c.apply_logit(inside)) > 0).all()


def test_one_far_score_leaves_the_others_where_they_are():
    """The middle half of a pool counts: a score of −1e5 in the lowest one would carry the mean of all off."""
    z = logit(P)
    lowest = np.argmin(z)
    far = z.copy()
    far[lowest] = -1e5
    plain, other = (calibrate(Y, y_logit=each, method="isotonic") for each in (z, far))
    assert other.map.knots == pytest.approx(plain.map.knots, abs=1e-12)
    assert other.map.values == plain.map.values


def test_isotonic_is_constant_beyond_the_scores_that_were_seen():
    c = calibrate(Y, P, method="isotonic")
    assert c.apply(P.min() / 1e6) == c.apply(P.min()) == c.apply(0.0)
    assert c.apply(1.0) == c.apply(P.max())


@pytest.mark.parametrize("method", FITTED)
def test_no_map_gives_an_infinite_loss_to_the_rows_it_was_made_of(method):
    """Blocks of isotonic maps at 0 and 1, and forecasts of exactly 0 and 1 that were wrong, among them."""
    p = np.concatenate([[0.0, 0.0, 1.0, 1.0, 1.0], np.linspace(0.01, 0.99, 99)])
    y = np.concatenate([[0, 1, 1, 0, 1], (np.linspace(0.01, 0.99, 99) > 0.5).astype(int)])
    c = calibrate(y, p, method=method)
    assert math.isinf(measure(y, p).log_loss)
    after = measure(y, c.apply(p))
    assert math.isfinite(after.log_loss)
    assert math.isinf(c.expected_reduction)
    assert c.expected_reduction.reason == "the log loss is infinite"
    assert math.isfinite(c.log_loss_after)
    assert c.is_worthwhile
    assert "inf" in repr(c)


def test_forecasts_of_0_become_half_a_row_more_where_the_order_allows_it():
    """Of 200 rows at 0 none was 1: (0 + ½) / (200 + 1), if the lowest other forecast says more than that."""
    p = np.concatenate([np.zeros(200), P])
    y = np.concatenate([np.zeros(200, int), Y])
    c = calibrate(y, p, method="platt")
    assert c.parameters["at_zero"] == pytest.approx(0.5 / 201, rel=1e-12)
    assert "a predicted probability of exactly 0 becomes 0.002488" in repr(c)
    bad = calibrate(np.concatenate([np.ones(200, int), Y]), p, method="platt")
    assert bad.apply(0.0) == pytest.approx(bad.apply(P.min()), rel=1e-9)


def certain(n_zero=12, n_one=8, wrong=0):
    """Calibrated forecasts, and some of exactly 0 and 1, the first few of which are wrong."""
    p = np.concatenate([np.zeros(n_zero), np.ones(n_one), P[:180]])
    y = p > 0.5
    y[n_zero + n_one :] = np.random.default_rng(5).random(180) < P[:180]
    y[:wrong] = True
    return p, y.astype(np.uint8)


@pytest.mark.parametrize("wrong", [0, 3])
@pytest.mark.parametrize("has_weights", [False, True])
def test_a_mixture_is_that_of_a_general_optimiser(wrong, has_weights):
    """With half a row, of effective ones, that was wrong; 1e-7 is what Brent's method on a minimum can know."""
    p, y = certain(wrong=wrong)
    w = np.random.default_rng(4).lognormal(0, 1, len(y)) if has_weights else np.ones(len(y))
    c = calibrate(y, p, sample_weight=w if has_weights else None, method="mixture")
    row = (w**2).sum() / w.sum()
    rate = ((w * y).sum() + row / 2) / (w.sum() + row)
    assert c.map.base_rate == pytest.approx(rate, rel=1e-12)
    given, base = np.where(y == 1, p, 1 - p), np.where(y == 1, rate, 1 - rate)

    def loss(epsilon):
        return -(w * np.log((1 - epsilon) * given + epsilon * base)).sum() - row / 2 * np.log(epsilon)

    best = minimize_scalar(loss, bounds=(1e-9, 1 - 1e-9), method="bounded", options={"xatol": 1e-12}).x
    assert c.map.epsilon == pytest.approx(best, abs=1e-7)
    assert c.apply(p) == pytest.approx((1 - c.map.epsilon) * p + c.map.epsilon * rate, rel=1e-13)


def test_a_mixture_is_right_to_the_last_places_of_its_logarithms():
    """Against mpmath with 60 digits; log-odds are a difference of two logarithms, each right to a few units."""
    c = calibrate(*certain()[::-1], method="mixture")
    with mpmath.workdps(60):
        epsilon, rate = mpmath.mpf(c.map.epsilon), mpmath.mpf(c.map.base_rate)
        for p in (0.0, 1e-300, 1e-9, 0.25, 0.5, 1 - 2.0**-53, 1.0):
            q = (1 - epsilon) * mpmath.mpf(p) + epsilon * rate
            assert c.apply(p) == pytest.approx(float(q), rel=4e-15)


@pytest.mark.parametrize(("n_zero", "n_one"), [(12, 8), (12, 0), (0, 8)])
@pytest.mark.parametrize("method", ["auto", *FITTED])
def test_certain_forecasts_that_were_all_right_cost_new_rows_no_infinity(n_zero, n_one, method):
    """The next one may be wrong; so may one of the end that was not seen."""
    c = calibrate(*certain(n_zero, n_one)[::-1], method=method)
    assert c.method != "identity"
    assert math.isfinite(logloss.log_loss([1, 0], c.apply([0.0, 1.0])))
    assert c.share_certain == pytest.approx((n_zero + n_one) / (180 + n_zero + n_one), abs=1e-15)
    assert "of the predicted probabilities are exactly 0 or 1, and a single wrong one has infinite loss" in repr(c)


def test_the_page_tells_how_the_map_was_chosen():
    """An average only where one was requested; the identity is in it unless a prediction is exactly 0 or 1."""
    y, p = Y[:200], P[:200]
    assert "One map, Platt scaling, was requested" in calibrate(y, p, method="platt").to_html()
    assert "averaged in log-odds" not in calibrate(y, p, method="platt").to_html()
    assert "The maps, the uncalibrated probabilities among them, are averaged" in calibrate(y, p).to_html()
    assert "The maps are averaged in log-odds" in calibrate(*certain()[::-1]).to_html()


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (([1], [0.6]), "there is one row, and no other to validate a map on"),
        (([1, 0], [0.0, 0.5]), "the log loss is infinite"),
        (([1, 0], [1.0, 0.0]), "the log loss is 0"),
    ],
)
def test_a_share_of_the_log_loss_that_is_not_defined_has_its_own_reason(rows, reason):
    c = calibrate(*rows)
    assert math.isnan(c.expected_reduction_share)
    assert c.expected_reduction_share.reason == reason


def test_without_an_expected_reduction_the_text_gives_the_reason_and_its_caution_once():
    shown = repr(calibrate([1], [1.0]))
    assert "expected reduction is not available: there is one row" in shown
    assert shown.count("exactly 0 or 1") == 1


def test_nothing_asked_by_name_leaves_certain_forecasts_alone():
    p, y = certain()
    c = calibrate(y, p, method="identity")
    assert c.apply(p).tolist() == p.tolist()
    assert c.parameters == {}


def test_what_a_mixture_costs_more_than_the_best_one_is_at_most_half_a_row():
    """The loss falls towards smaller ε by ½ / (n·ε): half a row over all rows at most, which the gap certifies."""
    p, y = certain(wrong=2)
    c = calibrate(y, p, method="mixture")
    losses = [
        logloss.log_loss(y, (1 - epsilon) * p + epsilon * c.map.base_rate) for epsilon in np.geomspace(1e-4, 1, 2000)
    ]
    assert logloss.log_loss(y, c.apply(p)) - min(losses) <= c.gap <= 0.5 / len(y)


@pytest.mark.parametrize("method", FITTED)
@pytest.mark.parametrize("truth", [over, lambda z: -z, lambda z: np.abs(z), lambda z: 3 * z])
def test_no_map_ever_decreases(method, truth):
    p, y = sample(7, 300, truth)
    p = np.concatenate([p, [0.0, 1.0, 0.0, 1.0]])
    y = np.concatenate([y, [1, 0, 0, 1]])
    c = calibrate(y, p, method=method)
    grid = np.concatenate([[0.0, 5e-324, 1e-300], expit(np.linspace(-30, 30, 4001)), [1 - 2.0**-53, 1.0]])
    message = c.apply(np.sort(grid))
    # The last bit of a logistic function may fall.
    assert (np.diff(message) >= -2e-16).all()
    assert (np.diff(c.apply_logit(np.linspace(-900, 900, 4001))) >= -1e-12).all()


def test_a_temperature_that_wants_to_be_negative_stops_at_infinity():
    p, y = sample(8, 400, lambda z: -z)
    c = calibrate(y, p, method="temperature")
    assert c.parameters["temperature"] == math.inf
    assert c.apply([0.1, 0.9]).tolist() == [0.5, 0.5]
    assert json.loads(json.dumps(c.to_dict(), allow_nan=False))["temperature"] == "inf"


@pytest.mark.parametrize("factor", [1e5, 1e-5])
def test_scores_of_any_size_keep_their_order_and_their_map(factor):
    """Scikit-learn's sigmoid calibration of such scores once had an AUC of ½."""
    z = logit(P)
    plain, other = (calibrate(Y, y_logit=z * k, method="platt") for k in (1.0, factor))
    assert other.apply_logit(z * factor) == pytest.approx(plain.apply_logit(z), abs=1e-8)
    # Logits of 1e5 round no scores together, and one map of one rising line keeps the order.
    assert measure(Y, y_logit=other.apply_logit(z * factor)).auc == pytest.approx(measure(Y, P).auc, abs=1e-12)


def test_one_class_and_a_single_row_have_a_map():
    for y, p in (([1] * 30, np.linspace(0.1, 0.9, 30)), ([0], [0.3]), ([1, 1], [1.0, 1.0]), ([0, 0], [1.0, 1.0])):
        for method in ("auto", *FITTED):
            c = calibrate(y, p, method=method)
            assert np.isfinite(measure([0, 1], c.apply([0.2, 0.7])).log_loss)
            assert not c.expected_reduction.has_interval


def test_labels_that_are_shares_are_fitted_as_the_rows_they_stand_for():
    """A share of ¼ of one row against four rows: the same cross-entropy; Platt's targets see another number of rows."""
    share = np.random.default_rng(2).integers(0, 5, 500) / 4
    p = P[:500]
    soft = calibrate(share, p, method="temperature")
    hard = calibrate(
        np.repeat([0, 1], 500),
        np.tile(p, 2),
        counts=np.concatenate([4 - 4 * share, 4 * share]).astype(int),
        method="temperature",
    )
    assert soft.map.a == pytest.approx(hard.map.a, abs=0.01)


@pytest.mark.slow
@settings(max_examples=60)
@given(tables(min_rows=1), st.sampled_from(FITTED + ("auto",)))
def test_whatever_is_lawful_is_calibrated(table, method):
    """Also weights and log-odds at the ends of the floats: a map that never decreases and costs its rows no infinity."""
    arguments = {name: value for name, value in table.arguments.items() if name != "by"}
    present = np.ones(table.n_rows, bool)
    for column in (table.sample_weight, table.counts):
        if column is not None:
            present &= column > 0
    assume(present.any())
    m = measure(table.y_true, **arguments)
    c = calibrate(m, method=method)
    assert c.gap >= 0
    json.loads(json.dumps(c.to_dict(), allow_nan=False))
    assert bytes_of_fitted(fitted_of_fields(document_of(bytes_of_fitted(c), "c"), "c")) == bytes_of_fitted(c)
    z = np.array([-math.inf, -1e300, -800.0, -40.0, -1.0, -1e-300, 0.0, 1e-5, 1.0, 40.0, 1e60, math.inf])
    message = c.apply_logit(z)
    assert not np.isnan(message).any()
    # Logarithms of equal shares, by NumPy and by C, may differ in the last place.
    assert (message[1:] >= message[:-1] - 1e-15 * np.minimum(np.abs(message[:-1]), 1e9)).all()
    if c.method != "identity" and "no other to validate" not in c.expected_reduction.reason:
        assert math.isfinite(c.log_loss_after)


# The choice.


def test_the_same_rows_give_the_same_answer_and_a_generator_another():
    assert bytes_of_fitted(calibrate(Y, P)) == bytes_of_fitted(calibrate(Y, P))
    other = calibrate(Y, P, random=np.random.default_rng(9))
    assert float(other.expected_reduction) != float(calibrate(Y, P).expected_reduction)
    assert float(other.expected_reduction) == pytest.approx(float(calibrate(Y, P).expected_reduction), abs=0.002)


def test_cross_fitting_is_that_of_rows():
    """Folds of rows by scikit-learn's KFold, maps by calibrate itself on the other rows: the same loss, but for which
    rows are in which fold (its standard deviation over splits is below 4e-4 here)."""
    from sklearn.model_selection import KFold

    c = calibrate(Y, P, method="platt")
    total = 0.0
    for train, test in KFold(10, shuffle=True, random_state=1).split(P):
        fold = calibrate(Y[train], P[train], method="platt")
        total += logloss.log_loss(Y[test], fold.apply(P[test])) * len(test)
    found = dict(zip(c.candidates["method"], c.candidates["log_loss_nats"], strict=True))
    assert found["platt"] == pytest.approx(total / len(P), abs=1.2e-3)
    assert found["identity"] == pytest.approx(logloss.log_loss(Y, P), abs=1e-12)


def test_folds_hold_each_row_once():
    m = measure(Y, P)
    bins = score_bins_of(m.summary)
    folds = folds_of(bins, m.summary, 7, np.random.default_rng(1))
    assert folds.sum(axis=0) == pytest.approx(bins.masses, abs=1e-15)
    # Distinct scores: a row is in one fold, whole.
    assert set(np.round(folds * len(P), 9).ravel().tolist()) == {0.0, 1.0}


def test_both_parts_of_a_soft_label_are_in_one_fold():
    """Else a map would have seen half of the row that judges it."""
    share = np.random.default_rng(2).random(300)
    m = measure(share, P[:300])
    bins = score_bins_of(m.summary)
    folds = folds_of(bins, m.summary, 5, np.random.default_rng(1))
    assert ((folds > 0).any(axis=1).sum(axis=0) == 1).all()


def test_rows_of_a_cluster_are_in_one_fold():
    """One label for each cluster of 20 equal scores: a fold has all of a score's rows or none."""
    p, y = np.repeat(P[:200], 20), np.repeat(Y[:200], 20)
    m = measure(y, p, cluster=np.repeat(np.arange(200), 20))
    bins = score_bins_of(m.summary)
    folds = folds_of(bins, m.summary, 5, np.random.default_rng(1))
    assert folds.sum(axis=0) == pytest.approx(bins.masses, abs=1e-15)
    # Scores are known by coarse bins there, a label's rows of which are shared out alike: those with one cluster of a label.
    coarse = bins.table.coarse(m.summary.clusters.shift)
    for label in (0, 1):
        held = bins.masses[label] > 0
        alone = held & (np.bincount(coarse[held], minlength=coarse.max() + 1)[coarse] == 1)
        assert alone.sum() > 5
        assert ((folds[:, label, alone] > 0).sum(axis=0) == 1).all()


def test_clusters_make_a_promise_less_certain():
    p, y = np.repeat(P[:300], 20), np.repeat(Y[:300], 20)
    plain = calibrate(y, p, method="platt")
    clustered = calibrate(y, p, cluster=np.repeat(np.arange(300), 20), method="platt")
    assert clustered.expected_reduction.high - clustered.expected_reduction.low > 3 * (
        plain.expected_reduction.high - plain.expected_reduction.low
    )
    # Rows alone would take the same 20 labels for 20 witnesses.
    assert float(clustered.expected_reduction) < float(plain.expected_reduction)


# Promises, by simulation.


def promises(n_rows, truth, method, repetitions):
    random = np.random.default_rng(31)
    new = random.normal(-0.4, 1.5, 20_000)
    share = expit(truth(new))

    def cost(z):
        return np.mean(share * np.logaddexp(0, -z) + (1 - share) * np.logaddexp(0, z))

    more, held = [], []
    for _ in range(repetitions):
        z = random.normal(-0.4, 1.5, n_rows)
        y = (random.random(n_rows) < expit(truth(z))).astype(np.uint8)
        c = calibrate(y, y_logit=z, method=method, random=random)
        found = cost(new) - cost(c.apply_logit(new))
        more.append(float(c.expected_reduction) - found)
        held.append(c.expected_reduction.low <= found <= c.expected_reduction.high)
    return np.mean(more), np.std(more, ddof=1) / math.sqrt(repetitions), np.mean(held)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_what_is_promised_is_found(method):
    """benchmarks/calibrating.py has more of it. A map of nine tenths of the rows costs k / 18 n more than one of all:
    0.0002 for Platt's, 0.001 for an isotonic one of some 20 pools; beyond it, three standard errors."""
    bias, error, held = promises(1000, over, method, 60)
    assert abs(bias) < 0.0011 + 3 * error
    assert held > 0.85


# From bins.


@pytest.mark.parametrize("method", FITTED)
@pytest.mark.parametrize("truth", [over, lambda z: -z])
def test_the_certified_gap_is_never_below_the_true_one(monkeypatch, method, truth):
    """Against what the rows themselves would have cost at best: SciPy, or scikit-learn's isotonic fit."""
    p, y = sample(21, 3000, truth, spread=2.5)
    rows = calibrate(y, p, method=method)
    monkeypatch.setattr(scores, "MOST_DISTINCT", 16)
    m = measure(y, p)
    assert not m.is_exact
    c = calibrate(m, method=method)
    mine = logloss.log_loss(y, c.apply(p))
    if method == "isotonic":
        q = IsotonicRegression(y_min=0, y_max=1).fit(p, y).predict(p)
        best = logloss.log_loss(y, q)
    else:
        best = logloss.log_loss(y, rows.apply(p))
    assert c.gap >= mine - best
    # And it is of use: 2^-11 of log-odds apart, bins know a smooth map's loss to 1e-7; one of any shape to 1e-3. An
    # isotonic one costs the rows more than their pools would, which it does on purpose.
    assert c.gap - (mine - best) < (2e-3 if method in ("mixture", "isotonic") else 1e-5)


def test_a_saved_summary_is_all_that_is_needed(tmp_path):
    m = measure(Y, P)
    m.save(tmp_path / "monday.logloss")
    assert bytes_of_fitted(calibrate(load(tmp_path / "monday.logloss"))) == bytes_of_fitted(calibrate(m))


# Applying.


def test_columns_of_any_kind_are_mapped():
    c = calibrate(Y, P, method="platt")
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    right = c.apply(P[:5])
    for column in (P[:5].tolist(), pd.Series(P[:5]), pl.Series(P[:5]), pa.array(P[:5]), P[:5].reshape(-1, 1)):
        assert c.apply(column).tolist() == right.tolist()
    assert c.apply(P[:5].astype(np.float32)) == pytest.approx(right, rel=1e-6)
    assert isinstance(c.apply(0.3), float)
    assert c.apply([]).tolist() == []
    assert np.isnan(c.apply([0.3, math.nan])).tolist() == [False, True]
    assert c.apply_logit(logit(0.3)) == pytest.approx(logit(c.apply(0.3)), rel=1e-12)


def test_probabilities_next_to_0_and_1_keep_their_digits():
    """Log-odds of 1e-300 and of 1 − 2^-53, each times the slope."""
    c = calibrate(Y, P, method="temperature")
    assert c.apply(1e-300) == pytest.approx(math.exp(c.map.a * math.log(1e-300)), rel=1e-12)
    assert 1 - c.apply(1 - 2.0**-53) == pytest.approx(math.exp(-c.map.a * 53 * math.log(2)), rel=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.apply([0.2, 1.2]), r"`y_proba` must lie in \[0, 1\]; row 1 has 1\.2\. .*apply_logit"),
        (lambda c: c.apply(["a"]), "`y_proba` must hold numbers"),
        (lambda c: calibrate(Y, P, method="spline"), '`method` must be auto, identity, mixture, .*; got "spline"'),
        (lambda c: calibrate(Y, P, n_folds=1), "`n_folds` must be at least 2; got 1"),
        (
            lambda c: calibrate(measure(Y, P), P),
            "a measurement already contains its labels and predictions; leave out `y_proba`",
        ),
        (
            lambda c: calibrate(measure(Y, P), negatives_kept=0.1),
            "`negatives_kept` cannot be applied to a measurement; pass it to `measure`",
        ),
        (lambda c: calibrate(Y, P, negatives_kept=0.0), r"`negatives_kept` must be a share in \(0, 1\]; got 0"),
        (lambda c: calibrate(Y), "a forecast is needed"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(DataError, match=message):
        call(calibrate(Y[:50], P[:50], method="platt"))


# Files.


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_a_file_comes_back_to_the_bit(method, tmp_path):
    p, y = np.append(P, [0.0, 1.0]), np.append(Y, [1, 1])
    for labels in (y, np.append(Y, [0, 1])):
        c = calibrate(labels, p, method=method)
        c.save(tmp_path / "c.json")
        back = load(tmp_path / "c.json")
        assert isinstance(back, Calibration)
        assert repr(back) == repr(c)
        assert back.map == c.map
        assert bytes_of_fitted(back) == (tmp_path / "c.json").read_bytes()
        assert back.to_dict() == c.to_dict()
        assert back.apply(P).tolist() == c.apply(P).tolist()


def test_the_file_is_strict_json_with_its_head_first(tmp_path):
    calibrate(Y, P, method="temperature").save(tmp_path / "c.json")
    text = (tmp_path / "c.json").read_text(encoding="utf-8")
    assert text.startswith('{\n "logloss": "calibration",\n "format": "6.1",')
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def changed(**fields):
    written = json.loads(bytes_of_fitted(calibrate(Y[:200], P[:200], method="isotonic")))
    for name, value in fields.items():
        where, _, key = name.partition("__")
        if key:
            written[where][key] = value
        else:
            written[where] = value
    return written


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"surprise": 1}, "c.json holds fields that are not known: surprise"),
        ({"map__method": "spline"}, 'one of the methods identity, .* in map: method; got "spline"'),
        ({"map__extra": 1}, 'holds "extra" in map'),
        ({"map__a": -1}, "map: a"),
        ({"map__a": None}, "map: a; got None"),
        ({"map__a": "nan"}, "a number in map: a"),
        ({"map__c": "inf"}, "map: c"),
        ({"map__c": [1]}, "a number in map: c"),
        ({"map__at_zero": "inf"}, "finite log-odds, or null"),
        ({"map__epsilon": 0.1}, "a share, of a mixture only, in map: epsilon"),
        ({"map__epsilon": 1.1}, "in map: epsilon"),
        ({"map__base_rate": 0}, "between 0 and 1 in map: base_rate"),
        ({"share_certain": 1.5}, "a share from 0 to 1 in share_certain"),
        ({"map__knots": [1, 0]}, "knots that rise"),
        ({"map__knots": [], "map__values": []}, "knots that rise"),
        ({"map__knots": [0.0], "map__values": [1.5]}, "between 0 and 1"),
        ({"n_rows": -1}, "a whole number of at least 0 in n_rows"),
        ({"n_rows": True}, "a whole number of at least 0 in n_rows"),
        ({"is_exact": 1}, "true or false in is_exact"),
        ({"source": 3}, "a text in source"),
        ({"negatives_kept": 0}, "a share in"),
        ({"expected_reduction__low": "x"}, "a number in expected_reduction: low"),
        ({"candidates__method": ["spline"]}, "differ in length"),
        ({"notes": [1]}, "a list of texts"),
        ({"n_rows": 10**30}, "a whole number of at least 0 in n_rows"),
        ({"n_rows": 0}, "a whole number of at least 1 in n_rows"),
        ({"requested": "spline"}, "a method in requested"),
        ({"map__method": ["isotonic"]}, "a text in map: method"),
        ({"candidates__method": [["isotonic"]]}, "a list of texts in candidates: method"),
        ({"log_loss": -0.5}, "at least 0 in log_loss"),
        ({"log_loss": [0.5]}, "a number in log_loss"),
        ({"log_loss_after": 0.0}, "what lies between log_loss and log_loss_after in expected_reduction"),
        ({"candidates": {"method": ["platt"]}}, "the columns method, log_loss_nats, .* in candidates"),
        ({"expected_reduction__low": 9.0}, "an interval around its value in expected_reduction"),
        ({"map__class": "line"}, "scoremap or stackedmap in map: class"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(fields, message):
    with pytest.raises(DataError, match=message):
        fitted_of_fields(changed(**fields), "c.json")


def test_a_missing_field_is_damage():
    written = changed()
    del written["expected_reduction"]
    with pytest.raises(DataError, match='the file has no "expected_reduction"'):
        fitted_of_fields(written, "c.json")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"logloss": "cal', "damaged or no JSON"),
        (b'{"a": 1}', 'it has no field "logloss"'),
        (document_bytes("surprise", {}), 'holds a "surprise", unknown to this version'),
        (b"{" + b"[" * 100_000, "damaged or no JSON"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, data, message):
    (tmp_path / "c.json").write_bytes(data)
    with pytest.raises(DataError, match=rf"^c\.json .*{message}|{message}"):
        load(tmp_path / "c.json")


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("logloss.files.document.MOST_BYTES", 100)
    calibrate(Y, P, method="platt").save(tmp_path / "c.json")
    with pytest.raises(DataError, match="must be a logloss file"):
        load(tmp_path / "c.json")


def test_a_calibration_can_be_pickled():
    c = calibrate(Y, P)
    back = pickle.loads(pickle.dumps(c))
    assert back == c
    assert back.expected_reduction.low == c.expected_reduction.low


# Training without some of the negatives.


def test_negatives_kept_moves_the_log_odds_by_its_logarithm():
    z = logit(P)
    right = calibrate(Y, y_logit=z + math.log(0.1), method="platt")
    for forecast in ({"y_proba": P}, {"y_logit": z}, {"y_proba": np.stack([1 - P, P], axis=1)}):
        c = calibrate(Y, **forecast, negatives_kept=0.1, method="platt")
        assert (c.map.a, c.map.c) == pytest.approx((right.map.a, right.map.c), abs=1e-9)
        assert c.negatives_kept == 0.1
    # The correction is part of the map: what the model says goes in.
    assert c.apply_logit(z) == pytest.approx(right.apply_logit(z + math.log(0.1)), abs=1e-9)
    assert "log-odds shifted first, as training kept 0.1 of the negatives" in repr(c)


def test_a_calibration_remembers_the_correction_of_its_measurement(tmp_path):
    m = measure(Y, P, negatives_kept=0.25)
    c = calibrate(m, method="identity")
    c.save(tmp_path / "c.json")
    message = load(tmp_path / "c.json").apply([0.5, 0.0, 1.0])
    assert message == pytest.approx([0.2, 0.0, 1.0], abs=1e-15)


def test_what_is_repaired_is_not_clipped_to_0():
    """Below e^−709 a plain logistic function is 0, where floats go on to 5e-324: a finite loss became infinite."""
    labels, proba = [1, 0, 1, 0] * 50, [0.9, 0.2, 0.7, 0.4] * 50
    repaired = logloss.calibrate(labels, proba, method="shift")
    shift = repaired.apply_logit(0.0)
    for p in (1e-308, 1e-310, 1e-320):
        # A subnormal float has few digits: as many as it is bins of 5e-324.
        assert repaired.apply(p) == pytest.approx(p * np.exp(shift), rel=1e-3 if p > 1e-319 else 1e-2)


@pytest.mark.parametrize("method", ["isotonic", "platt", "beta", "auto"])
@pytest.mark.parametrize("seed", range(12))
def test_no_map_decreases_by_a_single_rounding(method, seed):
    """At 0, at 1, at scores that were seen and at their neighbours: what log-odds and back, and lines, round is undone."""
    rng = np.random.default_rng(seed)
    proba = rng.random(200) if seed % 3 else np.round(rng.random(200), 1 + seed % 2)
    labels = rng.random(200) if seed % 4 == 0 else (rng.random(200) < 0.3).astype(int)
    c = logloss.calibrate(labels, proba, method=method, n_folds=2)
    near = [np.nextafter(proba, 1), np.nextafter(proba, 0), [0.0, 1.0], rng.random(200)]
    grid = np.unique(np.concatenate([proba, *near]))
    assert (np.diff(c.apply(grid)) >= 0).all()
    inside = grid[(grid > 0) & (grid < 1)]
    logits = np.unique(np.concatenate([np.log(inside / (1 - inside)), [-np.inf, np.inf], getattr(c.map, "knots", ())]))
    assert (np.diff(c.apply_logit(logits)) >= 0).all()


@pytest.mark.parametrize("options", [{"cluster": np.arange(200) // 5}, {"by": np.arange(200) % 3}, {}], ids=str)
def test_a_bin_whose_share_of_the_weight_rounds_to_0_changes_nothing(options):
    random = np.random.default_rng(0)
    proba = np.round(random.uniform(0.3, 0.7, 200), 2)
    labels = (random.random(200) < proba).astype(int)
    weight = np.where(proba < 0.35, 1e-300, 1e200)
    own = logloss.calibrate(labels, proba, sample_weight=weight, **options)
    assert np.isfinite(own.expected_reduction)
    assert np.isfinite(own.log_loss)
