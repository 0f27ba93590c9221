"""The parts of a loss: exact against fractions, bounded where they come from bins, and chance beside them."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

import logloss
from logloss import measure
from logloss.inference.null_distribution import null_distribution_of
from logloss.inference.recalibration import Recalibration, influences_of
from logloss.inference.score_table import effective_rows, score_table_of, starts_of_runs, whole_rows
from logloss.onepass.summaries import scores
from logloss.show.explanation import ten_points

SEED = 20261124
LN2 = math.log(2)


def isotonic(y, p, w) -> list[Fraction]:
    """The isotonic fit by the min-max formula: for each row max over starts of min over ends of the mean between."""
    levels = sorted(set(p))
    mass = [sum((Fraction(float(b)) for x, b in zip(p, w, strict=True) if x == level), Fraction(0)) for level in levels]
    ones = [
        sum(
            (Fraction(float(a)) * Fraction(float(b)) for x, a, b in zip(p, y, w, strict=True) if x == level),
            Fraction(0),
        )
        for level in levels
    ]
    fit = {}
    for k, level in enumerate(levels):
        fit[level] = max(
            min(sum(ones[i : j + 1]) / sum(mass[i : j + 1]) for j in range(k, len(levels))) for i in range(k + 1)
        )
    return [fit[x] for x in p]


def entropy_of(q: float) -> float:
    return -sum(x * math.log(x) for x in (q, 1 - q) if x > 0)


def recalibrated_loss(y, p, w) -> float:
    """Mean of what each row costs under its isotonic fit: the entropy of each level of the fit."""
    fit, total = isotonic(y, p, w), sum(Fraction(float(b)) for b in w)
    return math.fsum(float(Fraction(float(b)) / total) * entropy_of(float(q)) for q, b in zip(fit, w, strict=True))


ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]), st.integers(0, 1), st.floats(0.1, 4)),
    min_size=1,
    max_size=9,
)


@settings(max_examples=100)
@given(ROWS, st.booleans())
def test_parts_are_those_of_the_isotonic_fit(rows, has_weights):
    """Against fractions, to the rounding of a dozen logarithms."""
    p, y, w = (np.array(column) for column in zip(*rows, strict=True))
    w = w if has_weights else np.ones(len(p))
    m = measure(y, p, sample_weight=w if has_weights else None)
    best, rate = recalibrated_loss(y, p, w), float(np.average(y, weights=w))
    assert m.discrimination == pytest.approx(entropy_of(rate) - best, abs=1e-14)
    if math.isfinite(m.log_loss):
        assert m.miscalibration == pytest.approx(max(m.log_loss - best, 0), abs=1e-14)
        # The identity, to the rounding of its three parts.
        assert m.uncertainty - m.discrimination + m.miscalibration == pytest.approx(m.log_loss, abs=1e-14)
    else:
        assert m.miscalibration == math.inf


@settings(max_examples=100)
@given(ROWS)
def test_the_area_counts_pairs_and_ties_half(rows):
    p, y, w = (np.array(column) for column in zip(*rows, strict=True))
    auc = measure(y, p, sample_weight=w).auc
    if len(set(y.tolist())) < 2:
        assert math.isnan(auc)
        return
    pairs = [
        (wa * wb, 1.0 if pa > pb else 0.5 if pa == pb else 0.0)
        for (pa, ya, wa), (pb, yb, wb) in itertools.product(rows, rows)
        if ya == 1 and yb == 0
    ]
    assert auc == pytest.approx(sum(a * b for a, b in pairs) / sum(a for a, _ in pairs), abs=1e-14)


def overconfident(n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(-0.5, 1.5, n_rows)
    return (rng.random(n_rows) < 1 / (1 + np.exp(-0.7 * z))).astype(np.uint8), z


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["probabilities", "logits", "weighted"])
def test_certified_bounds_hold_the_exact_value_in_every_trial(kind, monkeypatch):
    """The same rows as a table, which is exact, and as bins; more rows than bins, so that bins are shared."""
    for seed in range(40):
        y, z = overconfident(3_000, seed)
        # Wide bins: logits beyond 16 share one for each power of two.
        z = z * 40 if seed % 2 else z
        given_ = {"y_logit": z} if kind == "logits" else {"y_proba": 1 / (1 + np.exp(-z))}
        if kind == "weighted":
            given_["sample_weight"] = np.random.default_rng(seed).gamma(1, 1, len(y))
        exact = measure(y, **given_)
        monkeypatch.setattr(scores, "MOST_DISTINCT", 50)
        bins = measure(y, **given_)
        monkeypatch.undo()
        assert exact.is_exact
        assert not bins.is_exact
        # Rounding of sums of 3,000 terms.
        found, slack = bins.miscalibration, 1e-12
        assert found.lowest - slack <= exact.miscalibration <= found.highest + slack
        # Pairs of one bin count half, whichever of them comes first.
        zeros, ones = (share / share.sum() for share in score_table_of(bins.summary.scores).shares)
        assert abs(bins.auc - exact.auc) <= zeros @ ones / 2 + slack
        assert bins.log_loss == exact.log_loss
        # Squares come from the middle of bins: one part in a million of an interval.
        if not seed % 2:
            assert bins.log_loss.high - bins.log_loss.low == pytest.approx(
                exact.log_loss.high - exact.log_loss.low, rel=1e-5
            )


def test_the_parts_of_the_ten_points_are_the_published_ones():
    """From an enumeration of all 2^10 labels by another program."""
    model = logloss.fit(ten_points.X, ten_points.IS_GREEN, l2=1.0)
    m = measure(ten_points.IS_GREEN, model.predict_proba(ten_points.X))
    assert m.uncertainty == pytest.approx(0.610864302054893, abs=1e-14)
    assert m.discrimination == pytest.approx(0.472234865942904, abs=1e-14)
    assert m.miscalibration == pytest.approx(0.194281973838401, abs=1e-14)
    assert m.miscalibration.expected_if_calibrated == pytest.approx(0.245865, abs=5e-7)
    assert m.miscalibration.p_value == pytest.approx(0.753, abs=5e-4)


@pytest.mark.parametrize(
    "p", [np.float32([1e-8, 5e-7]), np.array([1e-17, 1e-16]), np.array([0.1, np.nextafter(0.1, 1)])]
)
def test_only_equal_scores_are_ties(p):
    """scikit-learn pooled them below 1e-6 (#10903), then 1e-15 (PR #18639); model-diagnostics finds no discrimination."""
    m = measure([0, 1], p)
    assert m.discrimination == pytest.approx(LN2, abs=1e-15)
    assert Recalibration(score_table_of(m.summary.scores)).log_loss == 0


def test_a_row_of_weight_zero_is_no_row():
    """model-diagnostics returns NaN (scikit-learn#4297, #2507)."""
    m = measure([0, 1, 1, 0], [0.1, 0.9, 0.3, 0.7], sample_weight=[1, 1, 1, 0])
    assert m.log_loss == m.miscalibration == pytest.approx(0.4715646118805295, abs=1e-15)
    assert m.discrimination == m.uncertainty == pytest.approx(0.6365141682948128, abs=1e-15)
    assert m.n_rows == 3


def test_equal_scores_are_pooled_before_they_are_compared():
    """x = 0, 1, 1, 2, 3 and y = 0, 0, 1, 0, 1: levels 0, ⅓, ⅓, ⅓, 1 (scikit-learn#9432)."""
    m = measure([0, 0, 1, 0, 1], [0.1, 0.2, 0.2, 0.3, 0.4])
    assert m.uncertainty - m.discrimination == pytest.approx(3 / 5 * entropy_of(1 / 3), abs=1e-15)


def test_unique_scores_are_not_each_their_own_group():
    """Grouping by unique score makes everything miscalibration and nothing discrimination (scikit-learn#23767)."""
    y, z = overconfident(2_000, 1)
    m = measure(y, y_logit=z)
    assert m.n_scores == 2_000
    assert 0 < m.miscalibration < 0.1
    assert m.discrimination < m.uncertainty / 2


def test_a_constant_forecaster_discriminates_nothing():
    m = measure([0, 1] * 50, [0.5] * 100)
    assert m.discrimination == 0
    assert m.auc == 0.5
    assert m.log_loss.low == m.log_loss == m.log_loss.high == LN2
    assert m.miscalibration == 0


def test_one_class_is_measured():
    m = measure([1, 1], [0.9, 0.8])
    assert (m.uncertainty, m.discrimination) == (0, 0)
    assert m.miscalibration == m.log_loss == pytest.approx(0.16425203348601798, abs=1e-15)
    assert math.isnan(m.skill)
    assert math.isnan(m.auc)
    assert m.auc.reason == "one class: no pair to compare"


def test_one_row_is_measured():
    m = measure([1], [0.25])
    assert (m.n_rows, m.discrimination) == (1, 0)
    assert m.miscalibration == m.log_loss == 2 * LN2
    # Of two outcomes, the observed one has the larger excess: its probability.
    assert m.miscalibration.p_value == 0.25
    assert m.miscalibration.expected_if_calibrated == pytest.approx(entropy_of(0.25), abs=1e-15)


def test_an_infinite_row_spoils_the_miscalibration_only():
    m = measure([1, 0, 1, 0] * 20, [0.0, 0.2, 0.8, 0.3] * 20)
    assert m.miscalibration == m.log_loss == math.inf
    assert 0 < m.discrimination < m.uncertainty
    assert m.miscalibration.p_value == pytest.approx(1 / 201)


def test_certain_and_right_costs_nothing():
    m = measure([1, 0, 1, 0] * 20, [1.0, 0.0, 1.0, 0.0] * 20)
    assert m.log_loss == m.miscalibration == 0
    assert m.discrimination == m.uncertainty == LN2
    assert m.auc == 1
    assert m.miscalibration.p_value == 1


def test_an_event_rate_that_falls_is_counted_as_lack_of_discrimination():
    """What CORP does not see: the isotonic fit is flat, although a falling map would be perfect."""
    m = measure([1] * 80 + [0] * 20 + [1] * 20 + [0] * 80, [0.2] * 100 + [0.8] * 100)
    assert m.discrimination == 0
    assert m.miscalibration == pytest.approx(m.log_loss - LN2, abs=1e-15)
    # LN2 − H(0.2) = 0.193.
    assert m.log_loss - entropy_of(0.2) > m.miscalibration + 0.19


def test_soft_labels_have_no_null_distribution_and_the_reason():
    m = measure(np.linspace(0, 1, 30), np.linspace(0.1, 0.9, 30))
    assert math.isnan(m.miscalibration.expected_if_calibrated)
    assert m.miscalibration.expected_if_calibrated_reason == "soft labels"
    assert "null distribution not available: soft labels" in " ".join(repr(m).split())
    assert m.to_dict()["miscalibration_p_value"] is None


@pytest.mark.parametrize("factor", [2.0**-300, 1e-3, 2.0**40])
def test_the_scale_of_the_weights_changes_nothing(factor):
    """By a power of two not a bit of a part; by 1e-3 each weight is rounded once."""
    y, z = overconfident(400, 2)
    w = np.random.default_rng(2).gamma(1, 1, 400)
    a, b = measure(y, y_logit=z, sample_weight=w), measure(y, y_logit=z, sample_weight=w * factor)
    for of in (
        lambda m: m.log_loss,
        lambda m: m.discrimination.excess,
        lambda m: m.miscalibration.excess,
        lambda m: m.auc,
    ):
        one, other = of(a), of(b)
        assert (one, one.low, one.high) == pytest.approx((other, other.low, other.high), rel=1e-12)
    for name in ("discrimination", "miscalibration"):
        assert getattr(a, name) == pytest.approx(float(getattr(b, name)), rel=1e-12)
    # The same labels are drawn, whatever the unit has rounded.
    assert a.miscalibration.expected_if_calibrated == pytest.approx(b.miscalibration.expected_if_calibrated, rel=1e-12)
    assert a.miscalibration.p_value == b.miscalibration.p_value


def test_weight_k_is_the_row_k_times_in_every_estimate():
    y, z = overconfident(300, 3)
    w = np.random.default_rng(3).integers(1, 5, 300)
    weighted, repeated = measure(y, y_logit=z, sample_weight=w), measure(np.repeat(y, w), y_logit=np.repeat(z, w))
    for name in ("log_loss", "discrimination", "miscalibration", "auc"):
        assert getattr(weighted, name) == pytest.approx(float(getattr(repeated, name)), rel=1e-13), name


def test_count_k_is_the_row_k_times_in_everything():
    y, z = overconfident(300, 4)
    n = np.random.default_rng(4).integers(0, 5, 300)
    counted, repeated = measure(y, y_logit=z, counts=n), measure(np.repeat(y, n), y_logit=np.repeat(z, n))
    for name in ("log_loss", "discrimination", "miscalibration", "auc"):
        a, b = getattr(counted, name), getattr(repeated, name)
        assert (a, a.low, a.high) == (b, b.low, b.high), name
    assert counted.miscalibration.__dict__ == repeated.miscalibration.__dict__


def test_probabilities_and_their_logits_are_one_forecast():
    """The logit of a probability is rounded: one unit of 2^-53 of a logit below 10."""
    y, z = overconfident(2_000, 5)
    p = 1 / (1 + np.exp(-z))
    a, b = measure(y, p), measure(y, y_logit=np.log(p) - np.log1p(-p))
    for name in ("log_loss", "discrimination", "miscalibration", "auc", "expected_log_loss"):
        assert getattr(a, name) == pytest.approx(float(getattr(b, name)), abs=1e-13), name


def test_the_names_of_the_classes_do_not_matter():
    """Dyadic probabilities, whose complements are exact."""
    rng = np.random.default_rng(6)
    p = rng.integers(1, 64, 500) / 64
    y = (rng.random(500) < p).astype(np.uint8)
    a, b = measure(y, p), measure(1 - y, 1 - p)
    for name in ("log_loss", "uncertainty", "discrimination", "miscalibration", "auc"):
        assert getattr(a, name) == pytest.approx(float(getattr(b, name)), abs=1e-15), name


def test_weighted_areas_are_those_of_scikit_learn():
    y, z = overconfident(500, 8)
    w = np.random.default_rng(8).gamma(1, 1, 500)
    assert measure(y, y_logit=z, sample_weight=w).auc == pytest.approx(roc_auc_score(y, z, sample_weight=w), abs=1e-13)


@pytest.mark.slow
def test_p_values_of_calibrated_forecasters_are_uniform():
    """300 forecasters: shares below 5, 10, 50 % stray by 3 standard errors at most (1.3, 1.7, 2.9 %)."""
    rng = np.random.default_rng(SEED)
    found = []
    for _ in range(300):
        p = rng.beta(2, 3, 120)
        found.append(float(measure((rng.random(120) < p).astype(int), p).miscalibration.p_value))
    for level in (0.05, 0.1, 0.5):
        error = math.sqrt(level * (1 - level) / len(found))
        assert abs(np.mean(np.array(found) <= level) - level) < 3 * error


@pytest.mark.slow
def test_intervals_of_parts_hold_their_expectation():
    """200 samples of 1,000 rows, overconfident: at least 90 % of nominal 95 (3 standard errors below 94.6 %)."""
    rows = [measure(*_as_proba(*overconfident(1_000, seed))) for seed in range(200)]
    for of in (
        lambda m: m.discrimination.excess,
        lambda m: m.miscalibration.excess,
        lambda m: m.auc,
        lambda m: m.log_loss,
    ):
        found = [of(m) for m in rows]
        held = np.mean([each.low <= np.mean(found) <= each.high for each in found])
        assert held >= 0.90


def _as_proba(y, z):
    return y, 1 / (1 + np.exp(-z))


def test_the_null_distribution_does_not_depend_on_the_order_of_rows():
    y, z = overconfident(500, 9)
    first = measure(y, y_logit=z).miscalibration.__dict__
    order = np.random.default_rng(1).permutation(500)
    assert measure(y[order], y_logit=z[order]).miscalibration.__dict__ == first


def area(y, p, w) -> Fraction:
    """The share of pairs that are ranked rightly, over all pairs, by fractions."""
    rows = [(a, b, Fraction(float(c))) for a, b, c in zip(y.tolist(), p.tolist(), w.tolist(), strict=True)]
    won = total = Fraction(0)
    for (_, b1, w1), (_, b0, w0) in itertools.product([r for r in rows if r[0] == 1], [r for r in rows if r[0] == 0]):
        total += w1 * w0
        won += w1 * w0 * (Fraction(b1 > b0) + Fraction(b1 == b0) / 2)
    return won / total


@pytest.mark.slow
@pytest.mark.parametrize("has_weights", [False, True])
@pytest.mark.parametrize("seed", range(30))
def test_the_auc_is_the_share_of_pairs_rounded_once(seed, has_weights):
    """So it is exactly 1 of a perfect ranking, exactly 0 of the worst, and one less itself of the other class."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 40))
    p = np.round(rng.random(n), int(rng.integers(1, 4)))
    y = (rng.random(n) < p).astype(int)
    y[:2] = 0, 1
    w = rng.gamma(0.3, 1, n) + 1e-9 if has_weights else np.ones(n)
    given = {"sample_weight": w} if has_weights else {}
    auc, other = measure(y, p, **given).auc, measure(1 - y, p, **given).auc
    assert auc == float(area(y, p, w))
    # Both are rounded once, each by at most 2^-54 of 1.
    assert abs(auc + other - 1) <= 2.0**-53
    order = np.argsort(rng.random(n))
    ranks = (order >= n // 2).astype(int)
    assert measure(ranks, order / n, **given).auc == 1
    assert measure(1 - ranks, order / n, **given).auc == 0


def test_the_auc_of_equal_scores_is_a_half_whatever_the_shares():
    """Shares next to 0 and to 1 with weights: what is left for the other class is not rounding."""
    rng = np.random.default_rng(SEED)
    for share in (5e-324, 1e-200, 0.3, 1 - 2.0**-53):
        m = measure(np.full(50, share), np.full(50, 0.4), sample_weight=rng.gamma(0.5, 1, 50))
        assert m.auc == 0.5


@pytest.mark.parametrize("has_weights", [False, True])
def test_one_row_that_pays_for_all_bears_all(has_weights):
    y, p = np.zeros(200, int), np.zeros(200)
    y[7], p[7] = 1, 0.3
    weights = {"sample_weight": np.full(200, 0.1)} if has_weights else {}
    m = measure(y, p, **weights)
    assert (m.loss_share_of_top_1_percent, m.loss_share_of_top_10_percent) == (1, 1)


def test_chance_over_all_outcomes_has_the_same_bits_for_any_order():
    """Few rows with weights, several of one score: their order is that of their values."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(3, 13))
        y, p, w = rng.integers(0, 2, n), np.round(rng.random(n), 1), rng.gamma(0.5, 1, n)
        found = set()
        for _ in range(6):
            order = rng.permutation(n)
            m = measure(y[order], p[order], sample_weight=w[order]).miscalibration
            found.add((float(m), m.expected_if_calibrated, m.p_value))
        assert len(found) == 1


def test_what_is_drawn_does_not_depend_on_the_unit_of_weights():
    rng = np.random.default_rng(SEED)
    y, p, w = rng.integers(0, 2, 300), rng.random(300), rng.gamma(0.5, 1, 300)
    one, other = (measure(y, p, sample_weight=w * unit).miscalibration for unit in (1.0, 2.0**-9))
    # The same labels are drawn; squares of weights are floats.
    assert one.p_value == other.p_value
    assert one.expected_if_calibrated == pytest.approx(other.expected_if_calibrated, rel=1e-12)


@pytest.mark.parametrize("given", [{}, {"sample_weight": 0.5 + np.arange(40) % 3}])
def test_what_a_row_adds_to_the_parts_adds_up_to_what_it_costs(given):
    y, p = np.arange(40) % 5 % 2, np.linspace(0.05, 0.95, 40)
    table = score_table_of(measure(y, p, **given).summary.scores)
    recalibration = Recalibration(table)
    uncertainty, discrimination, miscalibration = influences_of(recalibration)
    for label, costs in enumerate((table.if_zero, table.if_one)):
        # Where no row of the label is, the recalibration may say that it is impossible, which counts as nothing.
        held = table.shares[label] > 0
        found = uncertainty[label] - discrimination[label] + miscalibration[label]
        assert found[held] == pytest.approx(costs[held], rel=1e-14)
    for part, influence in (
        (recalibration.uncertainty, uncertainty),
        (recalibration.uncertainty - recalibration.log_loss, discrimination),
    ):
        mean = sum(float(share @ each) for share, each in zip(table.shares, influence, strict=True))
        assert mean == pytest.approx(part, rel=1e-13)


def test_miscalibration_says_whether_it_is_more_than_chance():
    random = np.random.default_rng(SEED + 1)
    p = random.uniform(0.05, 0.95, 2_000)
    right, wrong = (measure(random.random(2_000) < truth, p).miscalibration for truth in (p, 0.5 + (p - 0.5) / 2))
    assert (right.is_significant, right.is_worth_recalibrating) == (False, False)
    assert (wrong.is_significant, wrong.is_worth_recalibrating) == (True, True)
    assert wrong.p_value <= 0.05 < right.p_value
    few = measure([1, 0] * 8, [0.01, 0.99] * 8).miscalibration
    assert (few.is_significant, few.is_worth_recalibrating) == (True, False)
    unknown = measure([0.5, 0.25], [0.4, 0.3]).miscalibration
    assert (unknown.is_significant, unknown.is_worth_recalibrating) == (False, False)


def test_places_are_merged_into_runs_that_hold_what_they_held():
    y, p = np.arange(3_000) % 5 % 2, np.linspace(0.001, 0.999, 3_000)
    table = score_table_of(measure(y, p, sample_weight=1.0 + np.arange(3_000) % 7).summary.scores)
    whole, merged = table.merged(4_000), table.merged(100)
    assert not whole.is_merged
    assert len(whole.mass) == 3_000
    assert 50 <= len(merged.mass) <= 100
    for name in ("zeros", "ones", "mass"):
        assert getattr(merged, name).sum() == pytest.approx(getattr(whole, name).sum(), rel=1e-13)
    assert merged.proba @ merged.mass == pytest.approx(whole.proba @ whole.mass, rel=1e-13)
    # One row at each place, and in each run as many as vary as much as its weights do together.
    assert (whole.rows == 1).all()
    weights = 1.0 + np.arange(3_000) % 7
    # Runs are lighter next to both ends: their mass is in proportion to the root of what lies between them and the end.
    below = np.cumsum(whole.mass)
    starts = starts_of_runs(whole.mass / np.sqrt(np.minimum(below, below[-1] - below + whole.mass)), 100)
    assert max(merged.mass[0], merged.mass[-1]) < merged.mass.max() / 20
    rows = np.add.reduceat(weights, starts) ** 2 / np.add.reduceat(weights**2, starts)
    assert merged.rows == pytest.approx(rows, rel=1e-12)


def test_the_expected_miscalibration_is_right_where_a_run_of_scores_reaches_over_a_gap():
    """Two groups of scores, about 0.5 and 0.02, and runs so heavy that one has scores of both: over 20 samples of
    calibrated forecasts the mean of the null distribution is that of the miscalibration. Each of the two varies by up to
    15% from sample to sample: five standard errors. Without the losses within runs it is seven times as large."""
    rng = np.random.default_rng(SEED)
    scores = np.concatenate([np.linspace(0.01, 0.03, 1_500), np.linspace(0.45, 0.55, 1_500)])
    found, expected = [], []
    for _ in range(20):
        p = rng.choice(scores, 100_000)
        m = measure(rng.random(100_000) < p, p)
        table = score_table_of(m.summary.scores)
        of_draws = null_distribution_of(table, None, m.miscalibration, 100_000, table.merged(100), is_soft=False)
        found.append(float(m.miscalibration))
        expected.append(of_draws.mean)
    assert np.mean(expected) == pytest.approx(np.mean(found), rel=0.2)


@pytest.mark.parametrize("heaviest", [1e290, 1e294])
@pytest.mark.parametrize("is_reversed", [False, True])
def test_places_of_no_mass_are_no_run(heaviest, is_reversed):
    """The outermost 700 shares are 0 in the floats: what they hold together is nothing, too, and no mean of nothing is
    taken. The other places have the figures that they have alone."""
    y, p, weight = np.arange(3_000) % 5 % 2, np.linspace(0.001, 0.999, 3_000), np.full(3_000, 1e290)
    weight[:700], weight[700] = 1e-300, heaviest
    if is_reversed:
        weight = weight[::-1]
    found = measure(y, p, sample_weight=weight)
    merged = score_table_of(found.summary.scores).merged(100)
    assert merged.mass.min() > 0
    assert np.isfinite(merged.proba).all()
    heavy = weight > 1
    alone = measure(y[heavy], p[heavy], sample_weight=weight[heavy])
    assert found.log_loss == pytest.approx(float(alone.log_loss), rel=1e-13)
    assert np.isfinite(found.miscalibration.excess)


def test_whole_rows_vary_as_effective_ones_do():
    """The mean of 1 / t is 1 / rows; whole numbers stay."""
    effective = np.array([0.0, 1.0, 1.3, 2.5, 7.9, 12.0])
    rng = np.random.default_rng(SEED)
    drawn = np.stack([whole_rows(effective, rng) for _ in range(20_000)])
    assert ((drawn >= np.floor(effective)) & (drawn <= np.ceil(effective))).all()
    # Five standard errors of 20,000 draws, each at most half of 1 / 1 − 1 / 2.
    assert (1 / drawn[:, 1:]).mean(axis=0) == pytest.approx(1 / effective[1:], abs=0.009)


@pytest.mark.parametrize("weight", [2.0, 0.3])
def test_equal_weights_draw_what_none_draw(weight):
    y, z = overconfident(700, 3)
    z = np.round(z, 1)
    plain, weighted = (measure(y, y_logit=z, **more) for more in ({}, {"sample_weight": np.full(700, weight)}))
    for name in ("expected_if_calibrated", "quantile_95_if_calibrated", "p_value", "overfitting", "excess"):
        one, other = getattr(plain.miscalibration, name), getattr(weighted.miscalibration, name)
        # Sums of 700 weights are rounded.
        assert one == pytest.approx(other, rel=1e-11), name


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.5, 1.0, 1.5])
def test_p_values_of_weighted_rows_hold_where_places_are_merged(spread):
    """300 calibrated forecasters, 8 rows in each run: at most 37 p-values are up to 0.05, which 1 in 10^7 such samples
    exceeds. Effective rows that were added up made it 80 and more."""
    rng = np.random.default_rng(SEED)
    few = 0
    for _ in range(300):
        p = rng.beta(2, 3, 1_000)
        table = score_table_of(
            measure(rng.random(1_000) < p, p, sample_weight=rng.lognormal(0, spread, 1_000)).summary.scores
        )
        few += null_distribution_of(table, None, 1.0, 1_000, table.merged(250), is_soft=False).p_value <= 0.05
    assert few <= 37


@pytest.mark.parametrize(("n", "message", "ones"), [(12, (0.1, 0.4), (1, 5)), (17, (0.45, 0.55), (7, 9))])
def test_outcomes_that_tie_with_what_was_found_show_as_much(n, message, ones):
    """So many rows at each of two scores: all outcomes are known, many show what was found, to rounding. The share that
    shows as much is drawn within five standard errors."""
    found = measure(np.concatenate([np.arange(n) < k for k in ones]), np.repeat(message, n)).miscalibration
    right = 0.0
    for drawn in itertools.product(range(n + 1), repeat=2):
        shares = [k / n for k in drawn] if drawn[0] < drawn[1] else [sum(drawn) / (2 * n)] * 2
        excess = 0.0
        for k, p, share in zip(drawn, message, shares, strict=True):
            excess -= (k * math.log(p) + (n - k) * math.log1p(-p)) / (2 * n) + entropy_of(share) / 2
        null_distribution = math.prod(stats.binom.pmf(k, n, p) for k, p in zip(drawn, message, strict=True))
        right += null_distribution if excess >= found - 1e-9 else 0.0
    # What was found is one of the 201; where all show as much no draw may be lost.
    error = math.sqrt(max(right * (1 - right), 0.0) / 200)
    assert found.p_value == pytest.approx((1 + 200 * right) / 201, abs=5 * error + 1e-9)


def test_effective_rows_are_those_of_equal_weight():
    assert effective_rows(np.array([4.0, 3.0, 0.0]), np.array([4.0, 5.0, 0.0])).tolist() == [4.0, 1.8, 0.0]
