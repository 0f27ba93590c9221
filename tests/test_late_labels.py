"""Rows whose label is not known yet, forecasts corrected for training, and other base rates."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.special import expit, logit

import logloss
from logloss import DataError, load, measure
from logloss.files.summary_reading import record_of_bytes
from logloss.files.summary_writing import bytes_of_record
from logloss.measurement import measurement_of

RANDOM = np.random.default_rng(3)
P = RANDOM.random(400)
Y = (RANDOM.random(400) < P).astype(float)
W = RANDOM.lognormal(0, 1, 400)
LATE = RANDOM.random(400) < 0.3
LABELS = np.where(LATE, np.nan, Y)


def entropy(p):
    return -(p * np.log(p) + (1 - p) * np.log1p(-p))


@pytest.mark.parametrize("kind", ["proba", "pair", "logit", "float32"])
@pytest.mark.parametrize("has_weights", [False, True])
def test_rows_without_a_label_enter_no_mean_and_stand_beside(kind, has_weights):
    """Everything else is to the bit what the other rows alone give."""
    forecast = {
        "proba": {"y_proba": P},
        "pair": {"y_proba": np.stack([1 - P, P], axis=1)},
        "logit": {"y_logit": logit(P)},
        "float32": {"y_proba": P.astype(np.float32)},
    }[kind]
    weight = {"sample_weight": W} if has_weights else {}
    m = measure(LABELS, **forecast, **weight, missing="drop")
    alone = measure(Y[~LATE], **{name: value[~LATE] for name, value in (forecast | weight).items()})
    assert m.log_loss == alone.log_loss
    assert (m.n_rows, m.n_dropped, m.n_unlabelled) == (np.sum(~LATE), LATE.sum(), LATE.sum())
    w = W[LATE] if has_weights else np.ones(LATE.sum())
    near = 1e-7 if kind == "float32" else 1e-13
    assert m.unlabelled_mean_proba == pytest.approx(np.average(P[LATE], weights=w), abs=near)
    assert m.unlabelled_expected_log_loss == pytest.approx(np.average(entropy(P[LATE]), weights=w), abs=near)
    late = f"rows {LATE.sum()} 31.8% of all rows mean predicted {m.unlabelled_mean_proba:.4f} labelled rows"
    assert late in " ".join(repr(m).split())
    assert m.to_dict()["n_unlabelled"] == LATE.sum()


def test_a_row_that_lacks_something_else_too_is_only_left_out():
    p = np.array([0.3, np.nan, 0.4, 0.5, 0.9])
    m = measure([1, np.nan, np.nan, 0, np.nan], p, sample_weight=[1, 1, np.nan, 1, 0.0], missing="drop")
    assert (m.n_rows, m.n_dropped, m.n_unlabelled) == (2, 2, 0)
    assert math.isnan(m.unlabelled_mean_proba)
    assert "not known yet" not in repr(m)
    figures = json.loads(json.dumps(m.to_dict(), allow_nan=False))
    assert figures["unlabelled_mean_proba"] is None
    assert figures["unlabelled_mean_proba_reason"] == "there are none"


def test_counts_say_how_many_rows_wait():
    m = measure([1, 0, np.nan], [0.8, 0.3, 0.5], counts=[1, 1, 7], missing="drop")
    assert m.n_unlabelled == 7
    assert m.unlabelled_expected_log_loss == math.log(2)


@pytest.mark.parametrize("labels", [[1, 0, None], ["yes", "no", None]])
def test_null_of_a_table_is_no_label(labels):
    table = pa.table({"y": labels, "p": [0.8, 0.3, 0.6]})
    pos = {} if labels[0] == 1 else {"pos_label": "yes"}
    m = measure(table, y_true="y", y_proba="p", missing="drop", **pos)
    assert (m.n_unlabelled, m.unlabelled_mean_proba) == (1, 0.6)


def test_forecasts_of_0_and_1_wait_like_others():
    m = measure([1, 0, np.nan, np.nan], [0.8, 0.3, 0.0, 1.0], missing="drop")
    assert (m.unlabelled_mean_proba, m.unlabelled_expected_log_loss) == (0.5, 0.0)
    assert math.isfinite(m.log_loss)


def test_what_waits_merges_in_any_cut_and_survives_a_file(tmp_path):
    whole = measure(LABELS, P, missing="drop")
    first = measure(LABELS[:150], P[:150], missing="drop", name="a")
    second = measure(LABELS[150:], P[150:], missing="drop", name="b")
    first.save(tmp_path / "a")
    both = second.merge(load(tmp_path / "a"))
    assert both.summary.unlabelled == whole.summary.unlabelled
    assert both.unlabelled_expected_log_loss == whole.unlabelled_expected_log_loss


def test_a_file_of_an_older_logloss_does_not_know_of_unlabelled_rows():
    """Its header says null: what is not known of one is not known of both."""
    m = measure(LABELS, P, missing="drop", name="old")
    silent = replace(m.record, summary=replace(m.summary, unlabelled=None))
    old = measurement_of(record_of_bytes(bytes_of_record(silent), "old.logloss"))
    assert old.n_unlabelled is None
    assert old.to_dict()["n_unlabelled_reason"] == "not kept by the logloss that wrote the summary"
    assert "not known yet" not in repr(old)
    assert old.merge(measure([1, 0], [0.5, 0.6], name="new")).n_unlabelled is None


# Training that kept a share of the negatives.


@pytest.mark.parametrize("kept", [0.5, 0.1, 1e-6])
def test_forecasts_are_shifted_before_anything_else(kept):
    """log r in the log-odds; from probabilities by both of them, so that no end loses digits."""
    z = logit(P)
    right = measure(Y, y_logit=z + math.log(kept))
    for forecast in ({"y_logit": z}, {"y_proba": P}, {"y_proba": np.stack([1 - P, P], axis=1)}):
        m = measure(Y, **forecast, negatives_kept=kept)
        # Rounding of z, of 1e-15, over all.
        assert float(m.log_loss) == pytest.approx(float(right.log_loss), rel=1e-13)
        assert m.mean_proba == pytest.approx(right.mean_proba, rel=1e-13)
        assert m.negatives_kept == kept
        assert f"\nlog-odds shifted: training kept {kept:g} of the negatives · CIs assume" in repr(m)


def test_ends_of_the_scale_are_shifted_too():
    """Odds times ½: of 1e-300 and of 1 − 2^-53 no digit is lost, and 0 and 1 stay."""
    m = measure([1, 0], [1e-300, 1 - 2.0**-53], negatives_kept=0.5)
    expected = np.mean([-math.log(1e-300) + math.log(2), 53 * math.log(2) - math.log(2)])
    assert float(m.log_loss) == pytest.approx(expected, rel=1e-14)
    assert float(measure([1, 0], [1.0, 0.0], negatives_kept=0.5).log_loss) == 0.0


@pytest.mark.parametrize("kept", [0, -0.1, 1.5, math.nan, math.inf])
def test_a_share_is_a_share(kept):
    with pytest.raises(DataError, match=r"`negatives_kept` must be a share in \(0, 1\]"):
        measure(Y, P, negatives_kept=kept)


def test_summaries_that_were_corrected_otherwise_do_not_merge(tmp_path):
    one, other = measure(Y[:200], P[:200], negatives_kept=0.1, name="a"), measure(Y[200:], P[200:], name="b")
    with pytest.raises(DataError, match=r"corrected alike: one has negatives_kept=0\.1, the other 1"):
        one.merge(other)
    one.save(tmp_path / "a")
    assert load(tmp_path / "a").negatives_kept == 0.1
    with pytest.raises(DataError, match="corrected alike"):
        load(tmp_path / "a").merge(other)


# Other base rates.


def test_the_loss_at_another_base_rate_is_that_of_rows_weighed_so():
    m = measure(Y, P)
    table = m.at_base_rates([0.0, 0.1, float(Y.mean()), 0.5, 1.0])
    for rate, found, moved in zip(
        table["base_rate"], table["log_loss_nats"], table["log_loss_shifted_nats"], strict=True
    ):
        w = np.where(Y == 1, rate / Y.mean(), (1 - rate) / (1 - Y.mean()))
        keep = w > 0
        assert found == pytest.approx(logloss.log_loss(Y[keep], P[keep], sample_weight=w[keep]), rel=1e-12)
        if 0 < rate < 1:
            z = logit(P) + logit(rate) - logit(Y.mean())
            assert moved == pytest.approx(logloss.log_loss(Y, y_logit=z, sample_weight=w), rel=1e-12)
    own = table[2]
    assert own["log_loss_nats"] == pytest.approx(float(m.log_loss), rel=1e-13)
    assert own["skill"] == pytest.approx(float(m.skill), abs=1e-12)


def test_its_interval_is_that_of_two_means():
    """Rows of each class are samples of their own; the smaller one decides on the degrees of freedom."""
    table = measure(Y, P).at_base_rates([0.2])
    cost = -np.where(Y == 1, np.log(P), np.log1p(-P))
    variance = sum(r**2 * cost[k == Y].var() / (k == Y).sum() for k, r in ((1, 0.2), (0, 0.8)))
    half = (table["log_loss_nats_high"][0] - table["log_loss_nats_low"][0]) / 2
    assert half == pytest.approx(
        stats.t.ppf(0.975, min(Y.sum(), 400 - Y.sum()) - 1) * math.sqrt(variance * 400 / 399), rel=1e-9
    )


def test_infinite_costs_of_a_class_that_does_not_occur_cost_nothing():
    table = measure([1, 1, 0, 0], [0.0, 0.5, 0.5, 0.2]).at_base_rates([0.0, 0.5])
    assert table["log_loss_nats"] == [pytest.approx((math.log(2) - math.log(0.8)) / 2), math.inf]


@pytest.mark.parametrize("n", [0.0, 1.0])
def test_one_class_has_no_other_base_rate(n):
    with pytest.raises(DataError, match=f"must have both classes: every one is {n:g}"):
        measure([n] * 5, [0.2] * 5).at_base_rates()
    with pytest.raises(DataError, match=r"must lie in \[0, 1\]; got 1\.5"):
        measure(Y, P).at_base_rates([1.5])


def test_known_prevalence_moves_a_calibrated_forecaster_to_the_true_probability():
    """Elkan (2001): a calibrated forecast, moved by the difference of log-odds, is calibrated at the new base rate; its
    loss there is its own entropy to sampling error (a standard error of 0.002)."""
    random = np.random.default_rng(1)
    z = random.normal(-0.5, 1.2, 200_000)
    y = random.random(200_000) < expit(z)
    m = measure(y, y_logit=z)
    moved = m.at_base_rates([0.1])["log_loss_shifted_nats"][0]
    w = np.where(y, 0.1 / y.mean(), 0.9 / (1 - y.mean()))
    h = entropy(expit(z + logit(0.1) - logit(y.mean())))
    assert moved == pytest.approx(np.average(h, weights=w), abs=0.004)


def test_what_waits_in_several_blocks_and_parts_is_added_up():
    """Blocks and parts have 2^17 rows; sums are exact, so that the order cannot matter."""
    random = np.random.default_rng(4)
    n = (1 << 19) + (1 << 18)
    p = random.random(n)
    y = np.where(random.random(n) < 0.5, np.nan, 1.0)
    y[:10] = 0
    order = random.permutation(n)
    one, other = measure(y, p, missing="drop"), measure(y[order], p[order], missing="drop")
    assert one.summary.unlabelled == other.summary.unlabelled
    assert one.n_unlabelled == np.isnan(y).sum()
    # The mean of floats by NumPy, pairwise: to a few units in the last place.
    assert one.unlabelled_mean_proba == pytest.approx(p[np.isnan(y)].mean(), rel=1e-14)
