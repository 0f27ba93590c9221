"""Rows without a label: what they are expected to cost, their base rate, and whether their scores differ."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit

import logloss
from logloss import DataError, diff, load, measure
from logloss.data.arrow.long_form import read_parquet
from logloss.files.summary_reading import record_of_bytes
from logloss.files.summary_writing import HEADER, bytes_of_record, checksum
from logloss.inference import score_shift
from logloss.inference.calibration_spline import KNOTS, CalibrationSpline, basis
from logloss.inference.score_table import score_table_of
from logloss.measurement import measurement_of

RANDOM = np.random.default_rng(11)
N = 3000
Z = RANDOM.normal(-0.5, 1.5, N)
P = expit(Z)
Y = (RANDOM.random(N) < expit(0.8 * Z + 0.2)).astype(float)
W = RANDOM.lognormal(0, 0.6, N)
LATE = RANDOM.random(N) < 0.3
LABELS = np.where(LATE, np.nan, Y)
KEPT = measure(LABELS, P, unlabelled="keep")


def spline_of(m):
    rarer = min(m.n_positive, m.n_rows - m.n_positive)
    return CalibrationSpline.of(score_table_of(m.summary.scores), rarer)


def test_kept_rows_enter_nothing_else_and_are_not_called_dropped():
    alone = measure(Y[~LATE], P[~LATE])
    assert KEPT.log_loss == alone.log_loss
    assert KEPT.miscalibration == alone.miscalibration
    assert (KEPT.n_rows, KEPT.n_unlabelled, KEPT.n_dropped) == (alone.n_rows, LATE.sum(), 0)
    assert "dropped" not in repr(KEPT)
    assert KEPT.unlabelled == measure(LABELS, P, missing="drop").unlabelled
    assert KEPT.unlabelled.share == LATE.mean()


def test_a_row_that_lacks_more_than_its_label_is_still_an_error():
    with pytest.raises(DataError, match="`y_proba` must hold a value; row 2 has none"):
        measure([1, np.nan, np.nan, 0], [0.4, 0.5, np.nan, 0.3], unlabelled="keep")
    with pytest.raises(DataError, match="`y_true` must hold a value; row 1 has none"):
        measure([1, np.nan, 0], [0.4, 0.5, 0.3])
    m = measure([1, np.nan, np.nan, 0], [0.4, 0.5, np.nan, 0.3], unlabelled="keep", missing="drop")
    assert (m.n_rows, m.n_unlabelled, m.n_dropped) == (2, 1, 1)


def test_estimators_have_no_predictions_of_them():
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(DataError, match="rows without a label are in no fold"):
        measure(LABELS, LogisticRegression(), X=Z[:, None], cv=3, unlabelled="keep")


def test_no_labels_at_all_are_an_error_that_says_what_to_do():
    with pytest.raises(DataError, match=r"none of the 5 rows has one.*measure both together"):
        measure([np.nan] * 5, [0.1, 0.2, 0.3, 0.4, 0.5], unlabelled="keep")
    with pytest.raises(DataError, match='`unlabelled` must be "error" or "keep"; got "drop"'):
        measure(LABELS, P, unlabelled="drop")


@pytest.mark.parametrize("has_weights", [False, True])
def test_the_same_scores_are_expected_to_cost_what_was_observed(has_weights):
    """The residuals of the spline are orthogonal to the log-odds, which are the slope of the loss in the label."""
    weight = {"sample_weight": np.tile(W, 2)} if has_weights else {}
    m = measure(np.concatenate([Y, np.full(N, np.nan)]), np.tile(P, 2), unlabelled="keep", **weight)
    # The fit ends where its decrement is below 1e-6 of a step: its square is what is left of the identity.
    assert m.expected_on_unlabelled == pytest.approx(m.log_loss, abs=1e-9)
    assert m.base_rate_unlabelled == pytest.approx(m.base_rate, abs=1e-6)
    assert m.unlabelled.shift_p_value == pytest.approx(1.0)
    assert m.unlabelled.psi == pytest.approx(0.0, abs=1e-6)


def test_the_curve_is_a_logistic_regression_on_the_spline():
    sm = pytest.importorskip("statsmodels.api")
    spline = spline_of(KEPT)
    assert len(spline.knots) == max(KNOTS)
    z, y = Z[~LATE], Y[~LATE]
    design = basis((z - spline.centre) / spline.scale, spline.knots)
    fit = sm.Logit(y, design).fit(disp=0, maxiter=100)
    assert spline.log_odds(z) == pytest.approx(design @ fit.params, abs=1e-6)


def test_the_spline_is_linear_beyond_its_outer_knots():
    knots = np.array([-1.0, 0.0, 0.5, 2.0])
    for ends in ((-5.0, -3.0, -1.0), (2.0, 4.0, 6.0)):
        low, middle, high = basis(np.array(ends), knots)
        assert middle == pytest.approx((low + high) / 2, abs=1e-12)


def test_the_interval_is_that_of_the_sandwich_and_of_the_labels():
    """Row by row, from the formula: HC3 of the curve, and the variance of the labels of these very rows."""
    spline = spline_of(KEPT)
    z, y, late = Z[~LATE], Y[~LATE], Z[LATE]
    design, q = spline.design(z), expit(spline.log_odds(z))
    inverse = np.linalg.inv((design * (q * (1 - q))[:, None]).T @ design)
    leverage = q * (1 - q) * np.einsum("ij,jk,ik->i", design, inverse, design)
    scores = design * ((y - q) / (1 - leverage))[:, None]
    # Scores ascend in the table, and no two rows share one.
    order = np.argsort(z)
    of_zeros, of_ones = spline.contributions(score_table_of(KEPT.summary.scores))
    own = np.where(y[order, None] == 1, of_ones, of_zeros)
    assert own == pytest.approx((scores @ inverse)[order] * len(z), rel=1e-6, abs=1e-9)
    covariance = inverse @ (scores.T @ scores) @ inverse
    of_late = expit(spline.log_odds(late))
    gradient = -(of_late * (1 - of_late) * late) @ spline.design(late) / len(late)
    noise = np.sum(of_late * (1 - of_late) * late**2) / len(late) ** 2
    # Row sums are multiplied with n / (n − 1).
    total = gradient @ covariance @ gradient * len(z) / (len(z) - 1) + noise
    expected = KEPT.expected_on_unlabelled
    assert expected == pytest.approx(np.mean(np.logaddexp(0, late) - of_late * late), abs=1e-12)
    # Of t with over 500 degrees of freedom: within 0.5% of the normal.
    assert (expected.high - expected.low) / 2 == pytest.approx(1.96 * math.sqrt(total), rel=0.005)


def test_the_base_rate_is_the_fixed_point_of_expectation_and_maximisation():
    """Saerens, Latinne and Decaestecker (2002), equations 2 and 3, iterated as they stand."""
    spline, rate = spline_of(KEPT), float(KEPT.base_rate)
    q, found = expit(spline.log_odds(Z[LATE])), rate
    for _ in range(20_000):
        ones, zeros = q * found / rate, (1 - q) * (1 - found) / (1 - rate)
        found = float(np.mean(ones / (ones + zeros)))
    assert KEPT.base_rate_unlabelled == pytest.approx(found, abs=1e-9)


def test_an_impossible_base_rate_is_at_the_edge_without_an_interval():
    p = np.concatenate([P[~LATE], np.full(500, 0.995)])
    m = measure(np.concatenate([Y[~LATE], np.full(500, np.nan)]), p, unlabelled="keep")
    assert m.base_rate_unlabelled == 1.0
    assert not m.base_rate_unlabelled.has_interval
    assert m.unlabelled.base_rate_fit_p_value < 1e-6
    assert m.unlabelled.shift_p_value < 1e-6
    assert "the likelihood is greatest at a base rate of 0 or 1" in repr(m)


def test_scores_are_compared_by_pearsons_test():
    tables = [score_table_of(measure(np.zeros(len(p)), p).summary.scores) for p in (P[~LATE], P[LATE] ** 1.2)]
    bins = score_shift.pooled_bins(*tables)
    counts = [np.bincount(at, table.counts.sum(axis=1), 10) for at, table in zip(bins, tables, strict=True)]
    expected = stats.chi2_contingency(np.array(counts)).pvalue
    assert score_shift.shift_p_value(*tables, bins) == pytest.approx(expected, rel=1e-9)
    # Clusters divide the statistic.
    statistic = stats.chi2.isf(expected, 9) / 2
    assert score_shift.shift_p_value(*tables, bins, 2.0) == pytest.approx(stats.chi2.sf(statistic, 9), rel=1e-9)


def test_the_index_is_that_of_diff():
    old, new = measure(Y[~LATE], P[~LATE]), measure(Y[LATE], P[LATE])
    assert KEPT.unlabelled.psi == diff(old, new).psi


def test_equal_weights_are_no_weights_and_counts_are_repeated_rows():
    plain, weighted = KEPT.unlabelled, measure(LABELS, P, sample_weight=np.full(N, 7.0), unlabelled="keep").unlabelled
    for name in ("log_loss", "base_rate", "log_loss_if_base_rate_changed"):
        one, other = getattr(plain, name), getattr(weighted, name)
        assert (other, other.low, other.high) == pytest.approx((one, one.low, one.high), rel=1e-9)
    assert weighted.shift_p_value == pytest.approx(plain.shift_p_value, rel=1e-9)
    counts = np.random.default_rng(2).integers(1, 4, N)
    repeated = measure(np.repeat(LABELS, counts), np.repeat(P, counts), unlabelled="keep")
    counted = measure(LABELS, P, counts=counts, unlabelled="keep")
    assert counted.unlabelled == repeated.unlabelled
    assert counted.n_unlabelled == counts[LATE].sum()


def test_clusters_widen_the_interval():
    """Twenty copies of each row are one observation: of 80 of them the interval is about √20 times as wide."""
    rows = np.repeat(np.arange(150), 20)
    kept = measure(LABELS[rows], P[rows], unlabelled="keep", cluster=rows).expected_on_unlabelled
    apart = measure(LABELS[rows], P[rows], unlabelled="keep").expected_on_unlabelled
    assert kept == apart
    assert 3 < (kept.high - kept.low) / (apart.high - apart.low) < 6


@pytest.mark.parametrize("kind", ["proba", "logit", "bins", "weights"])
def test_any_cut_merges_to_the_same_and_is_read_to_the_bit(kind, tmp_path, monkeypatch):
    if kind == "bins":
        monkeypatch.setattr("logloss.onepass.summaries.scores.MOST_DISTINCT", 500)
    forecast = {"y_logit": Z} if kind == "logit" else {"y_proba": P}
    forecast |= {"sample_weight": W} if kind == "weights" else {}
    whole = measure(LABELS, **forecast, unlabelled="keep")
    pieces = [
        measure(LABELS[start::3], **{k: v[start::3] for k, v in forecast.items()}, unlabelled="keep")
        for start in range(3)
    ]
    merged = pieces[2].merge(pieces[0]).merge(pieces[1])
    assert merged.summary.unlabelled == whole.summary.unlabelled
    assert merged.unlabelled == whole.unlabelled
    assert merged.summary.unlabelled.scores.is_binned == (kind == "bins")
    if kind != "bins":
        merged.save(tmp_path / "m.logloss")
        loaded = load(tmp_path / "m.logloss")
        assert loaded.summary == merged.summary
        assert loaded.to_dict() == merged.to_dict()
    else:
        # Bins are narrower than a thousandth of the interval.
        exact, binned = KEPT.expected_on_unlabelled, whole.expected_on_unlabelled
        assert binned == pytest.approx(exact, abs=(exact.high - exact.low) / 1000)


def older(m):
    """The file that a logloss wrote which did not keep the scores of unlabelled rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from logloss.data.arrow.long_form import content_of, parquet_bytes

    table, metadata = read_parquet(bytes_of_record(m.record), "m")
    kept = pc.invert(pc.starts_with(pc.cast(table["section"], pa.string()), "unlabelled"))
    table = table.filter(kept)
    header = json.loads(metadata[HEADER])
    del header["unlabelled_scores"]
    header["units"] = {name: unit for name, unit in header["units"].items() if not name.startswith("unlabelled")}
    header["sha256"] = checksum(header, content_of(table))
    return parquet_bytes(table, {HEADER: json.dumps(header, sort_keys=True)})


def test_an_older_file_has_no_scores_of_them_and_says_so():
    m = measurement_of(record_of_bytes(older(KEPT), "old.logloss"))
    assert (m.n_unlabelled, m.unlabelled.share) == (KEPT.n_unlabelled, KEPT.unlabelled.share)
    assert math.isnan(m.expected_on_unlabelled)
    assert "not kept by the logloss that wrote the summary" in m.expected_on_unlabelled.reason
    figures = m.to_dict()
    assert figures["expected_on_unlabelled_nats"] is None
    assert "not kept" in figures["unlabelled_psi_reason"]
    # Not known of both if not known of one; without such rows nothing is lost.
    more = measure(LABELS[:50], P[:50] / 2, unlabelled="keep")
    assert math.isnan(m.merge(more).expected_on_unlabelled)
    whole = measurement_of(record_of_bytes(older(measure(Y, P)), "old.logloss"))
    assert whole.unlabelled is None
    assert whole.merge(more).unlabelled.n_rows == more.n_unlabelled


def test_predictions_of_0_and_1_are_assumed_to_be_right_until_one_was_wrong():
    p = np.concatenate([P, [1.0, 0.0]])
    labels = np.concatenate([LABELS, [np.nan, 0.0]])
    m = measure(labels, p, unlabelled="keep")
    n = m.n_unlabelled
    assert m.expected_on_unlabelled == pytest.approx(KEPT.expected_on_unlabelled * (n - 1) / n, rel=1e-9)
    assert "predictions of 0 and 1 are assumed to be right" in repr(m)
    labels[-1] = 1.0
    wrong = measure(labels, p, unlabelled="keep").expected_on_unlabelled
    assert math.isinf(wrong)
    assert "at least one was wrong" in wrong.reason


def test_without_a_curve_there_is_no_expectation():
    m = measure([1, 1, 0, 0, np.nan], [0.9, 0.8, 0.2, 0.1, 0.5], unlabelled="keep")
    assert math.isnan(m.expected_on_unlabelled)
    assert m.to_dict()["expected_on_unlabelled_nats_reason"] == "the labelled rows do not determine a calibration curve"
    few = measure([1, 0, 1, 0, np.nan], [0.9, 0.8, 0.2, 0.1, 0.5], unlabelled="keep").expected_on_unlabelled
    assert not few.has_interval
    assert few.reason.startswith("too few")
    constant = measure([1, 0, 0, 0] * 50 + [np.nan], [0.5] * 201, unlabelled="keep")
    assert constant.expected_on_unlabelled == pytest.approx(math.log(2))
    assert math.isnan(constant.base_rate_unlabelled)
    assert "tell nothing of the base rate" in constant.base_rate_unlabelled.reason
    none = measure(Y, P)
    assert none.unlabelled is None
    assert (math.isnan(none.base_rate_unlabelled), none.base_rate_unlabelled.reason) == (True, "there are none")


@pytest.mark.parametrize("has_weights", [False, True])
@pytest.mark.parametrize("is_all", [False, True])
def test_labels_that_arrive_stand_beside_what_was_expected(is_all, has_weights):
    weight = {"sample_weight": W} if has_weights else {}
    before = measure(LABELS, P, unlabelled="keep", **weight)
    rows = np.ones(N, bool) if is_all else LATE
    after = measure(Y[rows], P[rows], **{name: value[rows] for name, value in weight.items()})
    d = diff(before, after)
    arrived = d.labels_arrived
    w = W[LATE] if has_weights else np.ones(LATE.sum())
    assert arrived.n_rows == LATE.sum()
    assert arrived.has_all_rows == is_all
    assert arrived.log_loss == pytest.approx(
        np.average(np.logaddexp(0, Z) - Y * Z, weights=LATE * (W if has_weights else 1))
    )
    assert arrived.base_rate == pytest.approx(np.average(Y[LATE], weights=w))
    assert arrived.expected_log_loss == before.expected_on_unlabelled
    assert arrived.is_within == d.to_dict()["is_within_expected"]
    assert "the observed log loss is consistent with the expected one" in repr(d)
    assert arrived.table["observed"] == [arrived.log_loss, arrived.base_rate]
    # Of the same rows there is no change with an interval of independent samples.
    assert d.log_loss.has_interval == (not is_all)


def test_other_rows_are_not_taken_for_them():
    after = measure(Y[LATE][1:], P[LATE][1:])
    assert diff(KEPT, after).labels_arrived is None
    assert diff(KEPT, measure(Y[~LATE], P[~LATE])).labels_arrived is None
    assert diff(KEPT, KEPT).labels_arrived is None
    moved = P[LATE].copy()
    moved[0] = np.nextafter(moved[0], 1)
    assert diff(KEPT, measure(Y[LATE], moved)).labels_arrived is None


def test_a_loss_beyond_the_interval_is_said_to_be_so():
    after = measure(1 - Y[LATE], P[LATE])
    assert "the observed log loss is higher than expected: P(label | score)" in repr(diff(KEPT, after))


def test_a_model_keeps_rows_without_a_label():
    model = logloss.fit(Z, Y)
    m = model.measure(Z, LABELS, unlabelled="keep")
    assert m.n_unlabelled == LATE.sum()
    assert m.expected_on_unlabelled.low < m.expected_on_unlabelled < m.expected_on_unlabelled.high


def test_scores_far_from_all_labelled_ones_do_not_overflow():
    z = np.concatenate([Z, [800.0, -1e6]])
    m = measure(np.concatenate([LABELS, [np.nan, np.nan]]), y_logit=z, unlabelled="keep")
    assert math.isfinite(m.expected_on_unlabelled)
    assert logit(m.base_rate_unlabelled) < 5


def test_few_scores_are_not_interpolated_by_a_curve_that_bends():
    """At four scores, two of them with one label only, a curve through all of them would be 0 or 1 between them."""
    p = np.repeat([0.2, 0.4, 0.6, 0.8], 50)
    y = np.concatenate([np.zeros(50), np.tile([0, 1], 50), np.ones(50)])
    spline = spline_of(measure(y, p))
    assert len(spline.knots) == 0
    late = measure(np.append(y, np.nan), np.append(p, 0.5), unlabelled="keep").expected_on_unlabelled
    assert late == pytest.approx(math.log(2), abs=1e-6)


def test_errors_are_those_of_the_infinitesimal_jackknife():
    """The derivatives of both estimates in the weight of each kind of row, by differences; a row is one observation."""
    p = np.tile(np.linspace(0.1, 0.8, 12), 300)
    random = np.random.default_rng(3)
    late = random.random(len(p)) < 0.4
    y = np.where(late, np.nan, random.random(len(p)) < expit(0.7 * logit(p)))
    kinds = np.unique(np.stack([p, np.nan_to_num(y, nan=-1.0)], axis=1), axis=0, return_inverse=True)[1]

    def figures(weight):
        m = measure(y, p, sample_weight=weight, unlabelled="keep")
        return np.array([m.base_rate_unlabelled, m.expected_on_unlabelled])

    variance, step = np.zeros(2), 0.01
    for kind in range(kinds.max() + 1):
        own = kinds == kind
        change = (figures(1 + step * own) - figures(1 - step * own)) / (2 * step)
        # Scores of unlabelled rows are given where their loss is expected: only their labels are not.
        variance += change**2 / own.sum() * [1.0, float(not late[own].all())]
    m = measure(y, p, unlabelled="keep")
    rate, expected = m.base_rate_unlabelled, m.expected_on_unlabelled
    # 1.961: Student's quantile at about 1,000 degrees of freedom. Residuals over 1 − leverage and n / (n − 1): within 1%.
    error = (logit(rate.high) - logit(rate.low)) / 2 / 1.961 * rate * (1 - rate)
    assert error == pytest.approx(math.sqrt(variance[0]), rel=0.01)
    z = logit(p[late])
    q = expit(spline_of(m).log_odds(z))
    noise = float(np.sum(q * (1 - q) * z**2)) / len(z) ** 2
    assert ((expected.high - expected.low) / 2 / 1.961) ** 2 - noise == pytest.approx(variance[1], rel=0.02)


def test_the_interval_of_few_rows_has_the_skewness_of_their_loss():
    """Of 300 rows with probabilities of about 0.03 ten are positive: a symmetric interval misses more often above."""
    random = np.random.default_rng(4)
    z = random.normal(-3.5, 0.5, 40_000)
    y = (random.random(len(z)) < expit(z)).astype(float)
    late = random.normal(-3.5, 0.5, 300)
    m = measure(np.append(y, np.full(300, np.nan)), y_logit=np.append(z, late), unlabelled="keep")
    expected = m.expected_on_unlabelled
    draws = random.random((4000, 300)) < expit(spline_of(m).log_odds(late))
    losses = (np.logaddexp(0, late) - draws * late).mean(axis=1)
    above, below = np.mean(losses > expected.high), np.mean(losses < expected.low)
    assert 0.015 < above < 0.035
    assert 0.01 < below < 0.035
    half = (expected.high - expected.low) / 2
    assert np.mean(losses > expected + half) > above + 0.005
